"""A year per archetype, told to a real database, read as everybody reads: the order of outcomes is the point."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from ledger import audit, labelling, overdue, queries
from ledger.db import Database
from ledger.economy import MICROS
from ledger.events import CreatorRef
from ledger.labels import Label
from ledger.queries import Balance
from tests.archetypes import ARCHETYPES, CAMPAIGN, CLEARED, FALL, FOLLOWERS, HOLIDAY, SILENT, YEAR, path
from tests.desk import DAY, METER, RULES, Counter, noon, tell, trust

DUST = 400  # micros that a year of truncations may leave
LAST = YEAR - 1
BY_JOBS = ("silence", "release")
NIGHTS = {*range(0, YEAR, 7), *range(FALL, FALL + SILENT + 1)}  # others would change nothing that is looked at


@dataclass
class Year:
    """The same year of every archetype in one database."""

    counter: Counter

    @cached_property
    def standings(self) -> Mapping[str, list[int]]:
        """Standing at the end of each day."""
        return {name: self._history(creator_id) for name, creator_id in self.counter.ids.items()}

    def _history(self, creator_id: str) -> list[int]:
        with self.counter.database.snapshot() as session:
            points = queries.history(
                session,
                creator_id=creator_id,
                meter=METER,
                from_day=DAY,
                to_day=DAY + LAST,
                interval="day",
                schedule=RULES,
                now_us=noon(YEAR),
            )
        return [point.standing for point in points]

    def seen(self, name: str, day: int = LAST) -> Balance:
        """What everybody sees of a creator in the evening of a day; the last day is read as now."""
        with self.counter.database.snapshot() as session:
            found = queries.balances(
                session,
                creator=CreatorRef(creator_id=self.counter.ids[name]),
                now_us=noon(LAST) + 1_000_000,
                as_of_us=None if day == LAST else noon(day) + 1_000_000,
                meter=METER,
                schedule=RULES,
            )
        return found.books[0]

    def called(self, name: str, day: int = LAST) -> Label:
        """The label with its reason and way out."""
        label = self.seen(name, day).label
        assert label is not None
        return label

    def label(self, name: str, day: int = LAST) -> str:
        """The label's name."""
        return self.called(name, day).name

    def called_over_time(self, name: str) -> list[str]:
        """The labels that the statement tells of, in order."""
        with self.counter.database.snapshot() as session:
            lines = queries.statement(
                session, creator_id=self.counter.ids[name], meter=METER, kind="label", limit=100, schedule=RULES
            )
        assert {line.amount for line in lines} == {0}
        return [line.reason for line in reversed(lines)]

    def record(self, name: str) -> Any:
        """The totals that do not fade."""
        return self.seen(name).record


def told(database: Database) -> Year:
    """Every archetype's year: a batch of all of them each day, as a partner would send it, and the jobs before."""
    counter = Counter(database, names=())
    counter.ids = {name: counter.enrol(name, followers=FOLLOWERS) for name in ARCHETYPES}
    for days in zip(*(archetype.days() for archetype in ARCHETYPES.values()), strict=True):
        if days[0][0] in NIGHTS:
            night(database, days[0][0])
        events = [
            tell(deed.kind, ref=deed.ref, at_us=noon(day), creator=f"youtube:{name}", **deed.facts)
            for name, (day, deeds) in zip(ARCHETYPES, days, strict=True)
            for deed in deeds
            if deed.kind not in BY_JOBS
        ]
        receipts = counter.post(*events, now_us=noon(days[0][0]))
        assert {receipt.status for receipt in receipts} <= {"posted"}, receipts
    return Year(counter)


def night(database: Database, day: int) -> None:
    """What the jobs do before a day: answers that did not come, busy days that waited, labels that changed."""

    def clock() -> int:
        return noon(day) - 1_000_000

    overdue.hush(database, clock=clock, schedule=RULES)
    overdue.release(database, clock=clock, schedule=RULES)
    labelling.relabel(database, day=DAY + day, clock=clock, schedule=RULES)


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Year]:
    """The year in SQLite, told once."""
    copy = tmp_path_factory.mktemp("year") / "books.sqlite3"
    copy.write_bytes(sqlite_template.read_bytes())
    database = Database(f"sqlite:///{copy}")
    yield told(database)
    database.dispose()


def test_every_engine_tells_the_same_year(year: Year, postgresql_url: str) -> None:
    """PostgreSQL comes to the same standings as SQLite, and so does memory where no job is late, to the micro-trust."""
    database = Database(postgresql_url)
    assert told(database).standings == year.standings
    database.dispose()
    punctual = ARCHETYPES.keys() - {"silent"}
    assert {name: path(ARCHETYPES[name]) for name in punctual} == {name: year.standings[name] for name in punctual}


def test_the_books_of_the_year_are_sound(year: Year) -> None:
    """Everything that the year wrote down, in every book, is found again by the audit."""
    with year.counter.database.snapshot() as session:
        report = audit.verify(session, schedule=RULES)
    assert report.first_bad is None
    assert report.ok


def test_whoever_pitches_a_little_and_says_so_keeps_their_trust(year: Year) -> None:
    """One disclosed pitch a month costs under a tenth at any time, and the label stays a good one."""
    plain, steady = year.standings["plain"], year.standings["steady"]
    assert all(much >= little >= much * 9 // 10 for much, little in zip(plain, steady, strict=True))
    assert {year.label("steady", day) for day in range(CAMPAIGN[0], YEAR, 7)} <= {"building", "trusted"}
    assert year.label("steady") == "trusted"


def test_the_order_of_outcomes(year: Year) -> None:
    """Steady is best, owning early beats owning late beats evading, and selling out ends below them all."""
    at_the_end = {name: standings[LAST] for name, standings in year.standings.items()}
    falling = ["plain", "steady", "prompt", "late", "evader", "sellout"]
    assert sorted(falling, key=lambda name: -at_the_end[name]) == falling
    assert at_the_end["steady"] > at_the_end["holiday"] > at_the_end["late"]
    assert at_the_end["steady"] > at_the_end["hidden"]


def test_owning_early_is_better_on_every_day(year: Year) -> None:
    """From the later apology on, the earlier one leaves more each day, and both more than evading."""
    prompt, late, evader = (year.standings[name][FALL + 20 :] for name in ("prompt", "late", "evader"))
    assert all(one > two > three for one, two, three in zip(prompt, late, evader, strict=True))


def test_selling_out_empties_and_leaves_a_mark(year: Year) -> None:
    """Half a year of pitching strangers' goods takes two thirds; after it most comes back, but not all."""
    plain, sellout = year.standings["plain"], year.standings["sellout"]
    assert sellout[CAMPAIGN[-1]] < plain[CAMPAIGN[-1]] // 3
    assert plain[LAST] * 3 // 5 < sellout[LAST] < plain[LAST] * 19 // 20


def test_a_sellout_is_called_one_and_told_the_way_out(year: Year) -> None:
    """The label comes with the campaign, names its reason and a day, and goes when that day has passed."""
    at_worst = year.called("sellout", CAMPAIGN[-1])
    assert at_worst.name == "sellout"
    assert "were sponsored" in at_worst.reason
    assert "Make no new pitch until" in at_worst.way_out
    assert year.label("sellout") in ("building", "trusted")


def test_the_statement_tells_when_a_label_came_and_went(year: Year) -> None:
    """The sellout's own lines say, at no amount, how the label went from good to bad, and back once it was left."""
    told = " ".join(year.called_over_time("sellout"))
    assert re.findall(r"from (\w+) to (\w+)", told) == [
        ("new", "building"),
        ("building", "stretched"),
        ("stretched", "sellout"),
        ("sellout", "stretched"),
        ("stretched", "building"),
    ]


def test_hiding_costs_more_than_telling(year: Year) -> None:
    """The same pitch costs over three times as much when it was hidden, and does not come back."""
    steady, hidden = year.standings["steady"], year.standings["hidden"]
    assert steady[194] == hidden[194]
    assert steady[194] - hidden[195] > 3 * (steady[194] - steady[195])
    assert year.record("hidden").breaches == 1


def test_a_hidden_pitch_makes_a_sellout_until_it_is_owned(year: Year) -> None:
    """Two weeks after it was found the label is sellout, and stays so at the year's end: the way out is to own it."""
    assert year.label("hidden", 195 + 13) != "sellout"
    assert year.label("hidden", 195 + 14) == "sellout"
    label = year.called("hidden")
    assert label.name == "sellout"
    assert label.way_out.startswith("Own the undisclosed pitch")


def test_the_cleared_end_as_if_it_had_never_been(year: Year) -> None:
    """Months after the clearing nothing is left of breach and evasion: not in standing, record or label."""
    steady, cleared = year.seen("steady"), year.seen("cleared")
    assert abs(steady.standing - cleared.standing) < trust("0.2")
    assert year.label("cleared") == year.label("steady")
    assert cleared.record is not None
    assert cleared.record.breaches == 0
    assert year.standings["cleared"][CLEARED - 1] == year.standings["evader"][CLEARED - 1]


def test_bought_followers_gain_nothing(year: Year) -> None:
    """Three hundred of them change no day's standing, no record and no confidence."""
    assert year.standings["bought"] == year.standings["steady"]
    assert year.record("bought") == year.record("steady")
    assert year.seen("bought").state.known == year.seen("steady").state.known


def test_silence_counts_as_evasion(year: Year) -> None:
    """What is found so costs what the breach does, and two weeks of silence what evading does, found late or not."""
    silent, evader = year.standings["silent"], year.standings["evader"]
    assert silent[: FALL + 14] == evader[: FALL + 14]
    assert all(
        abs(one - other) <= DUST for one, other in zip(silent[FALL + SILENT :], evader[FALL + SILENT :], strict=True)
    )


def test_followers_bought_in_secret_gain_nothing_once_found(year: Year) -> None:
    """A burst waits: nothing is ever gained by it, and once the bought are undone the day is paid what was genuine."""
    steady, busy = year.standings["steady"], year.standings["busy"]
    assert all(one <= other + DUST for one, other in zip(busy, steady, strict=True))
    assert busy[FALL] < steady[FALL]
    assert all(abs(one - other) <= DUST for one, other in zip(busy[FALL + 3 :], steady[FALL + 3 :], strict=True))


def test_a_holiday_costs_little_and_comes_back(year: Year) -> None:
    """Two weeks away cost under four points of the meter, no label, and over half of it is back by the year's end."""
    steady, holiday = year.standings["steady"], year.standings["holiday"]
    deepest = max(range(YEAR), key=lambda day: steady[day] - holiday[day])
    assert deepest == HOLIDAY[-1]
    points = year.seen("steady", deepest).points - year.seen("holiday", deepest).points
    assert points < 4 * MICROS
    assert year.label("holiday", deepest) == year.label("steady", deepest)
    assert (steady[LAST] - holiday[LAST]) * 2 < steady[deepest] - holiday[deepest]
