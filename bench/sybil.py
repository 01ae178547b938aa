"""Sybils: what accounts that vouch for each other can buy, and what the defence costs the honest.

Replays Bitcoin OTC's 35,592 ratings month by month through the code that posts, on SQLite, with the first ten raters
attested and the nightly job of standing run at the start of every month; then without anybody attested. Scores both
as `bench.ratings` does. After the last rating, rings of fresh accounts vouch for each other, and for 30 days for a
target, every third day, the job run every night: with nobody's help, and with one bribed ordinary voucher, who stands
in the middle of all who have standing and vouches for one of the ring, or for all of them. The gain is the most that
the target's standing ever was above what it would have been. All is backfilled, so that no burst waits. Then those
whose bribing costs more: a voucher of the upper quarter, and the top account, who vouches for the target too. They are
shown and no aim. Ends with 1 where an aim is missed: standing .79, reliability .81, both above those without; a gain
of at most half a point for a fresh target.
"""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path

from bench import FOUNDING, SCHEDULE, Engine, data_of, engines, machine, now_us, show, timed
from bench.ratings import NETWORK, Rating, enrol, read, scored
from ledger import attestations, creators, db, events, favours, posting, queries, standing
from ledger.db import Database
from ledger.economy import DAY_US, MICROS
from ledger.errors import UnknownCreator
from ledger.events import CreatorRef, NewEvent

PEPPER = b"pepper of the bench"
LEAST = {"standing": 0.79, "reliability": 0.81}
MOST_GAIN = MICROS // 2
ATTESTED = 10
SIZES = (10, 50, 200)
MONTH, BATCH = 30, 5_000
LAST_SHARE = 0.2
ATTACK_DAYS, EVERY = 30, 3
HOUR_US = DAY_US // 24


@dataclass(slots=True)
class Town:
    """The books of a network whose day we set, and the job's memory of it."""

    database: Database
    graphs: standing.Graphs

    @classmethod
    def at(cls, url: str) -> Town:
        """The town of a database."""
        return cls(Database(url), standing.Graphs())

    def post(self, told: Sequence[NewEvent]) -> None:
        """Post events of the past."""
        for start in range(0, len(told), BATCH):
            batch = told[start : start + BATCH]
            receipts = self.database.write(
                partial(posting.post, events=batch, clock=now_us, schedule=SCHEDULE, backfill=True)
            )
            if wrong := next((receipt for receipt in receipts if receipt.status != "posted"), None):
                raise SystemExit(f"not posted: {wrong}")

    def sleep(self, day: int) -> None:
        """The night before a day."""
        standing.refresh(standing.Night(self.database, day, FOUNDING, lambda: PEPPER, now_us), self.graphs)
        favours.refresh(self.database, pepper=PEPPER)

    def attest(self, accounts: Sequence[str]) -> None:
        """Attest accounts."""
        attest = partial(attestations.attest, network=NETWORK, attested_by="bench", pepper=PEPPER, now_us=now_us())
        self.database.write(partial(attest, accounts=accounts))

    def balance(self, name: str, at_us: int) -> tuple[int, int]:
        """(standing in micro-trust, reliability in ppm) of someone at a moment; 0 and one half without a book yet."""
        creator = CreatorRef(network=NETWORK, external_id=name)
        ask = partial(queries.balances, creator=creator, now_us=now_us(), schedule=SCHEDULE, as_of_us=at_us)
        try:
            (book,) = self.database.read(ask).books
        except (UnknownCreator, ValueError):
            return 0, MICROS // 2
        return book.standing, book.reliability

    def known(self) -> list[tuple[str, int]]:
        """Creators with standing as engagers and their relative standing, from the least on."""
        with self.database.reading() as session:
            names = [name for (name,) in db.fetch(session, "SELECT external_id FROM account")]
            held: dict[str, int] = dict(db.fetch(session, "SELECT engager, relative FROM standing"))
        found = [(name, held[seal]) for name in names if (seal := events.seal(PEPPER, name)) in held]
        return sorted(found, key=lambda item: (item[1], item[0]))


@dataclass(frozen=True, slots=True)
class Attack:
    """A ring of so many, with a bribed voucher or none, who vouches for one, for all, or for the target as well."""

    size: int
    bribed: str = ""
    voucher: str = ""
    vouches_for: str = ""
    aim: bool = True


def main() -> None:
    """Replay twice, attack, and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    given = options.parse_args()
    ratings = read(data_of("bitcoin_otc/ratings.csv"))
    first = len(ratings) - round(LAST_SHARE * len(ratings))
    with tempfile.TemporaryDirectory(prefix="tl-sybil-") as folder:
        path = Path(folder) / "books.db"
        lines = aucs(ratings, first, attested=True, keep=path) + aucs(ratings, first, attested=False)
        head = ("Bitcoin OTC, forecasts of the last fifth", "AUC", "95 % interval", "asked")
        show(f"Area under the ROC curve, {len(ratings) - first:,} ratings ({machine()})", head, lines)
        gains = list(attacked(path, ratings, given.sizes))
    columns = ("", "fresh, first day", "fresh, at most", "known, first day", "known, at most", "it had")
    title = "What a ring buys in 30 days, in trust, for a fresh target and for one in the middle"
    show(title, columns, [(name, *map(shown, told)) for name, told, _ in gains])
    missed = [line[0] for line in lines[:2] if float(line[1]) < LEAST[line[0].split(",")[0]]]
    missed += [fine[0] for fine, plain in zip(lines[:2], lines[2:], strict=True) if float(fine[1]) <= float(plain[1])]
    missed += [name for name, told, aim in gains if aim and told[1] > MOST_GAIN]
    if missed:
        raise SystemExit(f"missed the aim: {'; '.join(missed)}")


def aucs(
    ratings: Sequence[Rating], first: int, *, attested: bool, keep: Path | None = None
) -> list[tuple[str, str, str, int]]:
    """Lines of the table; the books are kept in a file."""
    answers: list[tuple[int, int]] = []
    for engine in engines(["sqlite"]):
        seconds, answers = replayed(engine, ratings, ratings[first:], attested=attested)
        print(f"{'with' if attested else 'without'} standing of engagers: replayed in {seconds:.0f} s")
        if keep:
            copy(engine.url, keep)
    named = "standing", "reliability"
    kind = "with attested accounts" if attested else "nobody attested"
    columns = zip(named, zip(*answers, strict=True), strict=True)
    return [(f"{name}, {kind}", *scored(list(map(float, column)), ratings[first:])) for name, column in columns]


def replayed(
    engine: Engine, ratings: Sequence[Rating], asked: Sequence[Rating], *, attested: bool
) -> tuple[float, list[tuple[int, int]]]:
    """Seconds of the replay, and (standing, reliability) just before each of those asked about."""
    town = Town.at(engine.url)
    town.database.write(lambda session: enrol(session, ratings))
    seconds = timed(lambda: live(town, ratings, seeds(ratings) if attested else []))
    answers = [town.balance(rating.rated, rating.at_us - 1) for rating in asked]
    town.database.dispose()
    return seconds, answers


def seeds(ratings: Sequence[Rating]) -> list[str]:
    """The first who vouched for anybody."""
    raters = (str(rating.facts["engager"]) for rating in ratings if "engager" in rating.facts)
    return list(dict.fromkeys(raters))[:ATTESTED]


def live(town: Town, ratings: Sequence[Rating], attested: Sequence[str]) -> None:
    """Every rating, a month at a time, after a night's work. Accounts are attested after the first month."""
    began = ratings[0].at_us // DAY_US
    for month, several in groupby(ratings, key=lambda rating: (rating.at_us // DAY_US - began) // MONTH):
        town.sleep(began + month * MONTH)
        town.post([told(rating) for rating in several])
        if attested and not month:
            town.attest(attested)
    town.sleep(ratings[-1].at_us // DAY_US + 1)


def told(rating: Rating) -> NewEvent:
    """A rating as an event."""
    return event(rating.rated, f"rating-{rating.number}", rating.kind, rating.facts, rating.at_us)


def event(creator: str, ref: str, kind: str, facts: dict[str, object], at_us: int) -> NewEvent:
    """An event of this network."""
    return events.new_event(
        creator=f"{NETWORK}:{creator}",
        meter=f"network:{NETWORK}",
        source="bench",
        external_ref=ref,
        kind=kind,
        facts=facts,
        occurred_at_us=at_us,
        pepper=PEPPER,
    )


def copy(url: str, path: Path) -> None:
    """A copy of a SQLite database, whole."""
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        connection.execute("VACUUM INTO ?", (str(path),))


def attacked(path: Path, ratings: Sequence[Rating], sizes: Sequence[int]) -> Iterator[tuple[str, list[int], bool]]:
    """For each attack its name, the gains of a fresh and a known target and what that one had; whether it is an aim."""
    town, day = Town.at(f"sqlite:///{path}"), ratings[-1].at_us // DAY_US + 1
    known = [name for name, _ in town.known()]
    ordinary, upper, top = (known[int(share * (len(known) - 1))] for share in (0.5, 0.75, 1))
    target = middle(town, day)
    town.database.dispose()
    for size in sizes:
        ringed = path.with_name(f"ring-{size}.db")
        copy(f"sqlite:///{path}", ringed)
        vouch_mutually(Town.at(f"sqlite:///{ringed}"), size, day)
        for attack in (
            Attack(size),
            Attack(size, "one ordinary voucher", ordinary, "one"),
            Attack(size, "one ordinary voucher", ordinary, "all"),
            Attack(size, "a voucher of the upper quarter", upper, "one", aim=False),
            Attack(size, "the top account", top, "one", aim=False),
            Attack(size, "the top account", top, "the target", aim=False),
            Attack(size, "the top account", top, "the target and all", aim=False),
        ):
            *fresh, _ = gain(ringed, attack, "fresh", day)
            bribe = f"{attack.bribed}, for {attack.vouches_for}" if attack.bribed else "nobody bribed"
            yield f"ring of {size}, {bribe}", [*fresh, *gain(ringed, attack, target, day)], attack.aim


def middle(town: Town, day: int) -> str:
    """The one in the middle of all who hold any trust."""
    with town.database.reading() as session:
        names = [name for (name,) in db.fetch(session, "SELECT external_id FROM account")]
    held = sorted((town.balance(name, day * DAY_US)[0], name) for name in names)
    held = [item for item in held if item[0] > MICROS]
    found: str = held[len(held) // 2][1]
    return found


def vouch_mutually(town: Town, size: int, day: int) -> None:
    """A ring of fresh accounts, each enrolled and vouched for by all others; and a fresh target."""
    names = [f"sybil-{number}" for number in range(size)]
    for name in (*names, "fresh"):
        account = [creators.AccountOf(NETWORK, name)]
        join = partial(creators.enrol, display_name=name, accounts=account, consent_at_us=1, enrolled_by="bench")
        town.database.write(partial(join, now_us=now_us()))
    town.post([vouch(one, other, day, 0) for other in names for one in names if one != other])
    town.database.dispose()


def vouch(engager: str, creator: str, day: int, number: int) -> NewEvent:
    """The best rating there is."""
    facts: dict[str, object] = {"act": "rating", "engager": engager, "strength": "1"}
    return event(creator, f"{engager}-{number}-{day}", "engagement", facts, day * DAY_US + HOUR_US)


def gain(path: Path, attack: Attack, target: str, day: int) -> tuple[int, int, int]:
    """What a target has above what it would have had, on the first day and at most, and what that was then."""
    copied = path.with_name("attack.db")
    copy(f"sqlite:///{path}", copied)
    town = Town.at(f"sqlite:///{copied}")
    days = range(day + 1, day + 1 + ATTACK_DAYS, EVERY)
    without = [town.balance(target, end_of(each))[0] for each in days]
    names = [f"sybil-{number}" for number in range(attack.size)]
    whom = names[:1] if attack.vouches_for == "one" else names if attack.vouches_for.endswith("all") else []
    whom = [*whom, target] if attack.vouches_for.startswith("the target") else whom
    town.post([vouch(attack.voucher, name, day, 1) for name in whom])
    gained = []
    for each, plain in zip(days, without, strict=True):
        town.sleep(each)
        town.post([vouch(name, target, each, 2) for name in names])
        gained.append((town.balance(target, end_of(each))[0] - plain, plain))
    town.database.dispose()
    return gained[0][0], *max(gained)


def end_of(day: int) -> int:
    """The last moment of a day."""
    return (day + 1) * DAY_US - 1


def shown(amount: int) -> str:
    """An amount in trust."""
    return f"{amount / MICROS:.2f}"


if __name__ == "__main__":
    main()
