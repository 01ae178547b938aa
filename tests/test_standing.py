"""Standing: it starts at attested accounts, follows what people do, and reaches nobody else."""

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from jobs.tasks import Desk, stand
from ledger import attestations, claims, creators, db, events, graph, policy, rules, settlement, standing, tables
from ledger.db import Database
from ledger.economy import DAY_US, PPM
from ledger.graph import Edges, Graph, Standings
from ledger.settings import Settings
from tests.desk import DAY

FOUNDING = policy.builtin()
NETWORK, METER = "youtube", "network:youtube"
PEPPER = b"pepper"
Tie = tuple[str, str, int, int, int]
seal = partial(events.seal, PEPPER)


def found(ties: Sequence[Tie], *attested: str, day: int = 0, same: dict[str, str] | None = None) -> Standings:
    """Standings from ties taken in at once."""
    taken = Graph()
    taken.take(ties)
    edges = taken.edges(day=day, policy=FOUNDING, same=same or {})
    return graph.standings(edges, attested=attested, policy=FOUNDING)


def vouch(engager: str, creator: str, acts: int = PPM, answers: int = 0, day: int = 0) -> Tie:
    """A tie: an engager's acts at a creator's."""
    return creator, engager, acts, answers, day


def ring(*names: str) -> list[Tie]:
    """Accounts that all vouch for each other."""
    return [vouch(one, other) for one in names for other in names if one != other]


HONEST = [vouch("a", "b"), vouch("b", "c"), vouch("c", "a"), vouch("a", "d"), vouch("d", "b")]


def test_what_no_attested_account_reaches_has_exactly_none() -> None:
    """A ring that nobody vouches for has no standing, not even a rounding error of it."""
    scores = found([*HONEST, *ring(*(f"s{n}" for n in range(50)))], "a").scores
    assert set(scores) == {"a", "b", "c", "d"}


def test_standing_is_one_in_all() -> None:
    """Standing is handed on and handed out, never made or lost; where an account hands on none, it starts anew."""
    ended = [*HONEST, vouch("b", "an end"), vouch("c", "another end")]
    assert sum(found(ended, "a", "d").scores.values()) == pytest.approx(1)


def test_dead_ends_give_back_to_where_standing_starts() -> None:
    """What reaches somebody who vouches for nobody goes back to the attested, by the closed formula of a line."""
    line = found([vouch("a", "b"), vouch("b", "c"), *ring("x", "y")], "a").scores
    first = 0.15 / (1 - 0.85**3)
    assert line == pytest.approx({"a": first, "b": 0.85 * first, "c": 0.85**2 * first})


def test_a_bribed_voucher_passes_on_no_more_than_its_own_share() -> None:
    """However large a ring is, all of it together gets what one voucher hands on, kept going round inside."""
    for size in (3, 30, 100):
        members = [f"s{n}" for n in range(size)]
        bribed = found([*HONEST, *ring(*members), vouch("d", members[0])], "a").scores
        share = 0.85 * bribed["d"] / 2  # half of what d hands on: the other half goes to b
        assert sum(bribed[name] for name in members) <= share / 0.15 + 1e-9


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=30), st.integers(0, 7))
def test_an_attested_vouch_more_never_lowers_whom_it_is_for(pairs: list[tuple[int, int]], target: int) -> None:
    """Whatever the others do, to be vouched for by one more attested account never costs standing."""
    ties = [vouch(str(one), str(other)) for one, other in dict.fromkeys(pairs) if one not in (other, 8)]
    ties.append(vouch("8", "9"))
    before = found(ties, "8").scores.get(str(target), 0.0)
    after = found([*ties, vouch("8", str(target))], "8").scores[str(target)]
    assert after >= before - 1e-9


def test_bots_that_vouch_for_somebody_known_change_nothing() -> None:
    """Accounts without standing neither raise whom they follow nor the average that others are measured by."""
    crowd = [vouch(f"bot{n}", "b") for n in range(500)]
    with_them, without = found([*HONEST, *crowd], "a"), found(HONEST, "a")
    assert with_them.accounts == without.accounts
    assert with_them.scores == pytest.approx(without.scores)


def test_an_answer_hands_standing_to_the_fan() -> None:
    """A creator who answers a fan vouches for the fan; a fan whom nobody answers stays unknown."""
    ties = [*HONEST, vouch("fan", "b", answers=PPM), vouch("another", "b")]
    scores = found(ties, "a").scores
    assert scores["fan"] > 0
    assert "another" not in scores


def test_accounts_of_one_creator_are_one() -> None:
    """Whoever has two accounts and a book has one standing, and vouching for oneself does nothing."""
    ties = [vouch("a", "creator"), vouch("one", "b"), vouch("two", "c"), vouch("two", "creator")]
    scores = found(ties, "a", same={"one": "creator", "two": "creator"}).scores
    assert set(scores) == {"a", "b", "c", "creator"}
    assert scores["b"] == pytest.approx(scores["c"]) == pytest.approx(scores["creator"] * 0.85 / 2)
    only_fan = found([vouch("one", "b"), vouch("two", "c")], "owner", same={"one": "owner", "two": "owner"}).scores
    assert set(only_fan) == {"owner", "b", "c"}


def test_older_acts_weigh_less() -> None:
    """An act of a half-life ago hands on half of what one of today does."""
    scores = found([vouch("a", "old", day=0), vouch("a", "new", day=30)], "a", day=30).scores
    assert scores["new"] == pytest.approx(2 * scores["old"])


def test_without_an_attested_account_that_is_active_there_is_none() -> None:
    """Standing starts nowhere where those attested have no tie."""
    assert found(HONEST, "elsewhere").scores == {}


changes = st.lists(
    st.tuples(
        st.integers(0, 5), st.integers(0, 9), st.integers(1, 5 * PPM), st.integers(0, 2 * PPM), st.integers(0, 400)
    ),
    max_size=40,
)


@given(st.lists(changes, min_size=1, max_size=4))
def test_a_graph_kept_between_nights_is_the_one_read_anew(nights: list[list[Any]]) -> None:
    """Changed, new, merged and forgotten ties leave what reading all of it would give, to the last bit."""
    stored: dict[tuple[str, str], tuple[int, int, int]] = {}
    kept, day = Graph(), 0
    same = {"f0": "c0", "f1": "c1", "f2": "c1", "f3": "nobody yet"}
    for night in nights:
        day += 100
        rows = {(f"c{c}", f"f{f}"): (acts, answers, max(0, day - age)) for c, f, acts, answers, age in night}
        stored |= rows
        kept.take([(*key, *value) for key, value in rows.items()])
        for creator, engager, since in kept.forget(day=day, policy=FOUNDING):
            assert stored.pop((creator, engager))[2] == since
        anew = Graph()
        shuffled = [(*key, *value) for key, value in stored.items()]
        random.Random(day).shuffle(shuffled)
        anew.take(shuffled)
        assert kept.totals() == anew.totals()
        assert told(kept, day, same) == told(anew, day, same)


def told(taken: Graph, day: int, same: dict[str, str]) -> tuple[object, ...]:
    """All that a graph says on a day."""
    edges: Edges = taken.edges(day=day, policy=FOUNDING, same=same)
    scores = graph.standings(edges, attested=["c1", "f5"], policy=FOUNDING).scores
    return edges.names, *(column.tolist() for column in edges[1:]), dict(scores)


# In the database


class Nights:
    """A database of ties, and the job on it. What a process keeps between nights is kept here."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.graphs = standing.Graphs()

    def store(self, *ties: Tie) -> None:
        """Write ties as posting leaves them."""
        rows = {
            (creator, engager): (creator, METER, seal(engager), acts, day, answers, False)
            for creator, engager, acts, answers, day in ties
        }
        tie = tables.Tie.__table__  # type: ignore[attr-defined]
        self.database.write(lambda session: db.upsert(session, tie, list(rows.values())))

    def enrol(self, *names: str) -> str:
        """Enrol one creator with an account under each name."""
        accounts = [creators.AccountOf(NETWORK, name) for name in names]
        return self.database.write(
            lambda session: creators.enrol(
                session, display_name="Ada", accounts=accounts, consent_at_us=1, enrolled_by="acme", now_us=1
            )
        )[0]

    def attest(self, *accounts: str, by: str = "acme") -> attestations.Count:
        """Attest accounts."""
        given = {"network": NETWORK, "accounts": accounts, "attested_by": by, "pepper": PEPPER, "now_us": 1}
        return self.database.write(lambda session: attestations.attest(session, **given))  # type: ignore[arg-type]

    def withdraw(self, *accounts: str, by: str | None = "acme") -> attestations.Count:
        """Withdraw attestations."""
        given = {"network": NETWORK, "accounts": accounts, "attested_by": by, "pepper": PEPPER}
        return self.database.write(lambda session: attestations.withdraw(session, **given))  # type: ignore[arg-type]

    def run(self, day: int, *, graphs: standing.Graphs | None = None, **more: Any) -> standing.Found:
        """One night's run."""
        night = standing.Night(self.database, day, FOUNDING, lambda: PEPPER, lambda: day * 1_000_000, **more)
        return standing.refresh(night, self.graphs if graphs is None else graphs)

    def rows(self, sql: str, *params: object) -> list[db.Row]:
        """What a statement reads."""
        with self.database.reading() as session:
            return db.fetch(session, sql, params)

    def relative(self) -> dict[str, int]:
        """Standings in use, by keyed hash."""
        return dict(self.rows("SELECT engager, relative FROM standing WHERE network = ?", NETWORK))

    def figure(self) -> dict[str, Any] | None:
        """What the last run said of the network."""
        rows = self.rows("SELECT body FROM figure WHERE name = ?", f"standing:{NETWORK}")
        return orjson.loads(rows[0][0]) if rows else None


CREATORS = [f"00000000-0000-7000-8000-00000000000{n}" for n in range(4)]


@pytest.fixture
def nights(database: Database) -> Nights:
    """Four creators; fans 0 to 3 each active at one of them; the creator who answers fan 1 is 1."""
    made = Nights(database)
    made.store(*(vouch(f"fan{n}", CREATORS[n], answers=PPM * (n == 1), day=DAY) for n in range(4)))
    return made


def test_only_those_reached_get_a_row(nights: Nights) -> None:
    """An attested fan and the fan whom the creator it follows answers have standing; a fan of the same has none."""
    nights.store(vouch("fan0", CREATORS[1], day=DAY), vouch("fan7", CREATORS[1], day=DAY))
    nights.attest("fan0")
    told = nights.run(DAY)
    figure = nights.figure()

    assert set(nights.relative()) == {seal("fan0"), seal("fan1")}
    assert figure == {"accounts": 4, "edges": 7, "attested": 1, "active": 1, "seconds": 0.0}
    assert told == standing.Found(1, 4, 0)


def test_where_nobody_is_attested_nothing_is_kept(nights: Nights) -> None:
    """Without an attested account there is no standing and no figure, whether there was one before or not."""
    nights.run(DAY)
    assert (nights.relative(), nights.figure()) == ({}, None)
    assert nights.attest("fan0", "fan0", "fan9") == attestations.Count(NETWORK, 2, 2)
    assert nights.attest("fan0").changed == 0
    nights.run(DAY)
    assert nights.relative()
    assert nights.withdraw("fan0", "fan9", "never") == attestations.Count(NETWORK, 2, 0)
    nights.run(DAY + 1)
    assert (nights.relative(), nights.figure()) == ({}, None)


def test_who_attests_an_account_twice_counts_it_once(nights: Nights) -> None:
    """Two who stand by the same account make the night that one does, and it lasts while either does."""
    nights.attest("fan0", "fan1")
    nights.run(DAY)
    alone = nights.relative(), nights.figure()
    assert nights.attest("fan0", by="zeta") == attestations.Count(NETWORK, 1, 2)
    nights.run(DAY)
    assert (nights.relative(), nights.figure()) == alone
    assert nights.withdraw("fan0", "fan1", by="zeta") == attestations.Count(NETWORK, 1, 2)
    nights.attest("fan0", by="zeta")
    assert nights.withdraw("fan0") == attestations.Count(NETWORK, 1, 2)
    nights.run(DAY)
    assert (nights.relative(), nights.figure()) == alone
    nights.attest("fan0")
    assert nights.withdraw("fan0", "fan1", by=None) == attestations.Count(NETWORK, 2, 0)


def test_attested_accounts_that_fell_silent_leave_everyone_unknown(nights: Nights) -> None:
    """Where those attested have no tie nobody has standing, but the network stays one where it matters."""
    nights.attest("somebody else")
    nights.run(DAY)
    assert nights.relative() == {}
    assert nights.figure() == {"accounts": 0, "edges": 5, "attested": 1, "active": 0, "seconds": 0.0}


def test_a_creators_accounts_have_their_creators_standing(nights: Nights) -> None:
    """A creator's every account on the network has a row, under the hash that it engages by."""
    ada = nights.enrol("ada", "ada too")
    nights.store(vouch("fan0", ada, day=DAY), vouch("ada too", CREATORS[3], day=DAY))
    nights.attest("fan0")
    nights.run(DAY)
    relative = nights.relative()
    assert set(relative) == {seal("fan0"), seal("ada"), seal("ada too")}
    assert relative[seal("ada")] == relative[seal("ada too")] > 0


def test_standing_expires_with_its_ties(nights: Nights) -> None:
    """A tie that faded to next to nothing is forgotten, and with its last tie an account's standing."""
    nights.attest("fan0", "fan1")
    nights.run(DAY)
    later = DAY + 301
    nights.store(vouch("fan1", CREATORS[1], day=later))
    assert nights.run(later).forgotten == 3
    assert set(nights.relative()) == {seal("fan1")}
    assert nights.rows("SELECT engager FROM tie") == [(seal("fan1"),)]


def test_a_tie_renewed_meanwhile_is_not_forgotten(nights: Nights) -> None:
    """What was posted between reading and forgetting stays, and the next night has it."""
    nights.attest("fan0")
    nights.run(DAY)
    later = DAY + 400
    with nights.database.snapshot() as session:
        standing.read(session, NETWORK, kept=nights.graphs.kept[NETWORK], day=later)
    nights.store(vouch("fan2", CREATORS[2], day=later))
    nights.graphs.kept[NETWORK].graph.forget(day=later, policy=FOUNDING)
    nights.run(later)
    assert nights.rows("SELECT engager FROM tie") == [(seal("fan2"),)]
    assert len(nights.graphs.kept[NETWORK].graph.keys) == 1


def test_a_night_after_a_night_is_as_one_that_starts_cold(nights: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    """New, renewed, faded, erased and backfilled ties: a process that was up finds what a new one finds."""
    monkeypatch.setattr(standing, "PAGE", 3)
    monkeypatch.setattr(standing, "CHUNK", 2)
    chance = random.Random(1)
    nights.attest("fan0", "fan3")
    for day in range(DAY, DAY + 500, 50):
        names = [f"fan{chance.randrange(12)}" for _ in range(6)]
        nights.store(*(vouch(name, chance.choice(CREATORS), day=day - chance.randrange(40)) for name in names))
        if day % 100 == 0:
            erase = "DELETE FROM tie WHERE creator_id = ?"
            nights.database.write(partial(db.execute, sql=erase, params=(chance.choice(CREATORS),)))
        if day == DAY + 250:
            nights.enrol("fan5")
        nights.run(day)
        warm = nights.relative(), nights.figure()
        nights.run(day, graphs=standing.Graphs())
        assert (nights.relative(), nights.figure()) == warm


def test_a_warm_night_reads_only_what_changed(nights: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    """A graph kept from the day before takes in the ties of since then, and no others."""
    nights.attest("fan0")
    nights.run(DAY + 1)
    nights.store(vouch("fan9", CREATORS[2], day=DAY + 1))
    taken: list[int] = []
    take = Graph.take

    def counted(self: Graph, rows: Sequence[db.Row]) -> None:
        taken.append(len(rows))
        take(self, rows)

    monkeypatch.setattr(Graph, "take", counted)
    nights.run(DAY + 2)
    nights.run(DAY + 2, graphs=standing.Graphs())
    assert taken == [1, 5]


def test_a_night_cut_short_leaves_the_last_one_in_use(nights: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever a run stops, every account that had standing still has one, and the next run ends what it began."""
    monkeypatch.setattr(standing, "CHUNK", 1)
    nights.attest(*(f"fan{n}" for n in range(4)))
    nights.run(DAY)
    before = set(nights.relative())
    nights.store(vouch("fan7", CREATORS[0], day=DAY + 1), vouch("fan0", CREATORS[2], day=DAY + 1))
    nights.attest("fan7")

    class Killed(Exception):
        pass

    for stop in range(5):
        left = iter(range(stop))

        def dying(_: int, left: Any = left) -> None:
            if next(left, None) is None:
                raise Killed

        with pytest.raises(Killed):
            nights.run(DAY + 1, graphs=standing.Graphs(), progress=dying)
        assert before <= set(nights.relative())
        assert (nights.figure() or {})["attested"] == 4
    nights.run(DAY + 1)
    cold = nights.relative()
    nights.run(DAY + 1, graphs=standing.Graphs())
    assert nights.relative() == cold
    assert set(cold) == before | {seal("fan7")}


# The job


@dataclass
class Log:
    """What desks say."""

    said: list[tuple[str, str]] = field(default_factory=list)

    def info(self, event: str, **told: Any) -> None:
        """Take down what is said and of which slot."""
        self.said.append((event, told["slot"]))


def desk(nights: Nights, log: Log, now_us: int) -> Desk:
    """A scheduler's desk with a memory of its own."""
    secrets = Settings(pepper=SecretStr(PEPPER.decode()))
    return Desk(nights.database, secrets, lambda: now_us, log=log)


def test_of_several_schedulers_one_does_a_night(nights: Nights) -> None:
    """Three that start at once find standing once; the next night it is anybody's again."""
    nights.database.write(lambda session: rules.install(session, FOUNDING, effective_day=0, now_us=1))
    nights.attest("fan0")
    log = Log()
    for day in (DAY, DAY + 1):
        desks = [desk(nights, log, (day + 1) * DAY_US - 1) for _ in range(3)]
        with ThreadPoolExecutor(3) as threads:
            list(threads.map(lambda one, day=day: stand(one, day), desks))
    slots = [settlement.slot_of(day) for day in (DAY, DAY + 1)]
    assert sorted(log.said) == sorted([(word, slot) for slot in slots for word in ("done", *["nothing due"] * 2)])
    assert {day for (day,) in nights.rows("SELECT day FROM standing")} == {DAY + 1}


def test_the_night_of_a_killed_scheduler_is_done_by_the_next(nights: Nights) -> None:
    """A scheduler that vanished holds its night for less than an hour, and the standings of before stay in use."""
    nights.database.write(lambda session: rules.install(session, FOUNDING, effective_day=0, now_us=1))
    nights.attest("fan0")
    nights.run(DAY)
    began, slot = (DAY + 1) * DAY_US, settlement.slot_of(DAY + 1)
    nights.database.write(lambda session: claims.take(session, job=standing.JOB, slot=slot, now_us=began))
    log, hour = Log(), DAY_US // 24
    stand(desk(nights, log, began + hour // 2), DAY + 1)
    assert {day for (day,) in nights.rows("SELECT day FROM standing")} == {DAY}
    stand(desk(nights, log, began + hour), DAY + 1)
    assert {day for (day,) in nights.rows("SELECT day FROM standing")} == {DAY + 1}
    assert [event for event, _ in log.said] == ["nothing due", "done"]
