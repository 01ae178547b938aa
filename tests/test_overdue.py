"""What comes due by itself: silence about what was substantiated, busy days that waited. On both engines."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ledger import audit, events, overdue
from ledger.db import Database
from ledger.economy import DAY_US
from tests.desk import DAY, FOUNDING, RULES, Counter, noon, tell

DAYS = FOUNDING["allegation.answer_days"]
HOURS_US = FOUNDING["burst.hours"] * DAY_US // 24
Due = Callable[..., int]


@pytest.fixture
def counter(database: Database) -> Counter:
    """Three creators in good standing."""
    made = Counter(database, names=["u1", "u2", "u3"])
    for name in made.ids:
        told = [
            tell("engagement", ref=f"e{n}", at_us=noon(0) + n, creator=f"youtube:{name}", act="reply", engager=f"f{n}")
            for n in range(4)
        ]
        made.post(*told, now_us=noon(0) + 9)
    return made


def at(counter: Counter, now_us: int, due: Due = overdue.hush, **options: object) -> int:
    """What a job found due at a moment and posted."""
    return due(counter.database, clock=lambda: now_us, schedule=RULES, **options)


def alleged(counter: Counter, name: str = "u1", *, day: int = 1, substantiated: int | None = 2) -> None:
    """An allegation against a creator, and that it was found to be so."""
    whom = {"creator": f"youtube:{name}"}
    counter.post(tell("allegation", ref="a", at_us=noon(day), **whom, severity=3), now_us=noon(day))
    if substantiated is not None:
        found = {"allegation": "a", "by": "press", "evidence": "archive 7"}
        told = tell("substantiation", ref="s", at_us=noon(substantiated), **whom, **found)
        counter.post(told, now_us=noon(substantiated))


def kinds_of(counter: Counter, name: str = "u1") -> list[str]:
    """The kinds of a book's lines, settlements aside."""
    return [row[3] for row in counter.entries(name) if row[3] not in ("settlement", "engagement")]


def sound(counter: Counter) -> bool:
    """Whether everything stored can be worked out again."""
    with counter.database.snapshot() as session:
        return audit.verify(session, schedule=RULES).ok


# Silence


def test_silence_counts_as_evasion_after_14_days(counter: Counter) -> None:
    """Nobody answered what was substantiated: from 14 days after it was found on, and once."""
    alleged(counter)
    due = noon(2 + DAYS)
    assert at(counter, due - 1) == 0
    assert kinds_of(counter) == ["allegation", "breach"]
    assert [at(counter, due), at(counter, due), at(counter, due + DAY_US)] == [1, 0, 0]
    assert kinds_of(counter) == ["allegation", "breach", "evasion"]
    assert sound(counter)


@pytest.mark.parametrize(
    ("kind", "facts"),
    [
        ("answer", {"allegation": "a", "stance": "denies"}),
        ("answer", {"allegation": "a", "stance": "owns"}),
        ("apology", {"breach": "a", "responsibility": True}),
        ("evasion", {"breach": "a"}),
        ("cleared", {"breach": "a"}),
    ],
)
def test_whoever_answered_was_not_silent(counter: Counter, kind: str, facts: dict[str, Any]) -> None:
    """An answer of any kind, owning it, evading it already, or being cleared: nothing is added."""
    alleged(counter)
    assert counter.one(kind, ref="said", day=5, **facts).status == "posted"
    before = kinds_of(counter)
    with counter.database.reading() as session:
        assert overdue._silent(session, overdue.FIRST, noon(60), FOUNDING, 10) == []
    assert at(counter, noon(60)) == 0
    assert kinds_of(counter) == before


def test_what_is_not_substantiated_needs_no_answer(counter: Counter) -> None:
    """An open allegation and a dismissed one cost nothing, however long nobody answers."""
    alleged(counter, "u1", substantiated=None)
    alleged(counter, "u2", substantiated=None)
    dismissed = tell("dismissal", ref="d", at_us=noon(3), creator="youtube:u2", allegation="a")
    counter.post(dismissed, now_us=noon(3))
    assert at(counter, noon(60)) == 0


def test_what_was_filled_in_as_past_is_never_silence(counter: Counter) -> None:
    """A past that was imported says nothing of whether anybody was asked."""
    counter.enrol("u4")
    told = [
        tell("allegation", ref="a", at_us=noon(1), creator="youtube:u4", severity=3),
        tell("substantiation", ref="s", at_us=noon(2), creator="youtube:u4", allegation="a", by="press", evidence="x"),
    ]
    receipts = counter.post(*told, now_us=noon(30), backfill=True)
    counter.post(tell("post", ref="live", at_us=noon(31), creator="youtube:u4"), now_us=noon(31))
    assert [one.status for one in receipts] == ["posted", "posted"]
    assert at(counter, noon(90)) == 0


def test_the_days_to_answer_begin_when_the_books_hear_of_it(counter: Counter) -> None:
    """An allegation told weeks late leaves as long to answer as any other."""
    whom = {"creator": "youtube:u1"}
    counter.post(tell("allegation", ref="a", at_us=noon(1), **whom, severity=3), now_us=noon(40))
    found = tell("substantiation", ref="s", at_us=noon(40), **whom, allegation="a", by="press", evidence="x")
    counter.post(found, now_us=noon(40))
    assert [at(counter, noon(40 + DAYS) - 1), at(counter, noon(40 + DAYS))] == [0, 1]


def test_who_is_found_to_have_done_it_late_may_answer_that(counter: Counter) -> None:
    """An allegation is weeks old when it is substantiated: the days to answer begin then, or when that is told."""
    alleged(counter, substantiated=30)
    alleged(counter, "u2", substantiated=None)
    found = {"allegation": "a", "by": "press", "evidence": "archive 7"}
    counter.post(tell("substantiation", ref="s", at_us=noon(20), creator="youtube:u2", **found), now_us=noon(40))
    assert at(counter, noon(30) + DAY_US // 24) == 0
    assert [at(counter, noon(30 + DAYS) - 1), at(counter, noon(30 + DAYS))] == [0, 1]
    assert [at(counter, noon(40 + DAYS) - 1), at(counter, noon(40 + DAYS))] == [0, 1]
    assert [kinds_of(counter, name)[-1] for name in ("u1", "u2")] == ["evasion", "evasion"]
    assert sound(counter)


def test_a_silence_that_was_undone_is_not_found_again(counter: Counter) -> None:
    """What an operator reversed stays reversed: the job does not come back to it."""
    alleged(counter)
    assert at(counter, noon(20)) == 1
    ((ref,),) = counter.rows("SELECT external_ref FROM event WHERE kind = 'silence'")
    undone = tell("reversal", ref="undo", at_us=noon(21), source=events.OWN, event=ref, why="mistake")
    assert counter.post(undone, now_us=noon(21))[0].status == "posted"
    assert [at(counter, noon(22)), at(counter, noon(23))] == [0, 0]
    assert sound(counter)


def test_what_is_refused_leaves_no_trace_and_holds_nobody_up(counter: Counter) -> None:
    """Answered between the look and the lock: that one is refused and forgotten, the others are posted."""
    for name in counter.ids:
        alleged(counter, name)
    with counter.database.reading() as session:
        rows = overdue._silent(session, overdue.FIRST, noon(20), FOUNDING, 10)  # what a job read just before
    answer = tell("answer", ref="said", at_us=noon(19), creator="youtube:u2", allegation="a", stance="denies")
    counter.post(answer, now_us=noon(19))
    told = [overdue._silence(row, noon(20), FOUNDING) for row in rows]
    posted = counter.database.write(
        lambda session: overdue._post(session, told, clock=lambda: noon(20), schedule=RULES)
    )
    assert (len(rows), posted) == (3, 2)
    assert [("evasion" in kinds_of(counter, name)) for name in ("u1", "u2", "u3")] == [True, False, True]
    assert counter.rows("SELECT count(*) FROM event WHERE kind = 'silence'") == [(2,)]


@pytest.mark.parametrize("limit", [1, 200])
def test_schedulers_at_once_find_each_silence_once(counter: Counter, database_url: str, limit: int) -> None:
    """Three schedulers, in chunks of any size: each silence is one line."""
    for name in counter.ids:
        alleged(counter, name)
    others = [Database(database_url) for _ in range(3)]
    told = {"clock": lambda: noon(20), "schedule": RULES, "limit": limit}
    with ThreadPoolExecutor(3) as pool:
        runs = [pool.submit(overdue.hush, each, **told) for each in others]  # type: ignore[arg-type]
    assert sum(run.result() for run in runs) == 3
    for each in others:
        each.dispose()
    assert [kinds_of(counter, name).count("evasion") for name in counter.ids] == [1, 1, 1]


# Busy days


def busy(counter: Counter, name: str = "u1", *, day: int = 1) -> None:
    """A day with far more engagement than usual."""
    told = [
        tell("engagement", ref=f"b{n}", at_us=noon(day) + n, creator=f"youtube:{name}", act="share", engager=f"b{n}")
        for n in range(80)
    ]
    counter.post(*told, now_us=noon(day) + 100)


def test_a_busy_day_is_paid_after_48_hours(counter: Counter) -> None:
    """Its credit waits, and is paid once: capped as any day's, less what the days between took."""
    busy(counter)
    assert "burst" in kinds_of(counter)
    ((held_at_us,),) = counter.rows("SELECT held_at_us FROM tally WHERE held_at_us > 0")
    waiting, due = counter.state(3).standing, held_at_us + HOURS_US
    assert at(counter, due - 1, overdue.release) == 0
    assert [at(counter, due, overdue.release), at(counter, due, overdue.release)] == [1, 0]
    paid = counter.state(3).standing - waiting
    assert 19_000_000 < paid < 20_000_000
    assert kinds_of(counter)[-1] == "release"
    assert sound(counter)


def test_schedulers_at_once_release_each_day_once(counter: Counter, database_url: str) -> None:
    """Three schedulers, a book a chunk: each busy day is paid once."""
    for name in counter.ids:
        busy(counter, name)
    others = [Database(database_url) for _ in range(3)]
    told = {"clock": lambda: noon(9), "schedule": RULES, "limit": 1}
    with ThreadPoolExecutor(3) as pool:
        runs = [pool.submit(overdue.release, each, **told) for each in others]  # type: ignore[arg-type]
    assert sum(run.result() for run in runs) == 3
    for each in others:
        each.dispose()
    assert [kinds_of(counter, name).count("release") for name in counter.ids] == [1, 1, 1]
    assert counter.rows("SELECT count(*) FROM tally WHERE held_at_us > 0 AND day >= ?", DAY) == [(0,)]
