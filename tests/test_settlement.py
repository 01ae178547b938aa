"""Settlement: the job that posts what time did, once, whatever happens to it."""

import threading
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import chain, economy, settlement
from ledger.claims import Chunk
from ledger.db import Database, Session
from ledger.economy import DAY_US, State
from ledger.policy import Schedule
from tests.desk import DAY, FOUNDING, METER, RULES, Counter, noon, tell, trust, variant

NAMES = [f"u{number}" for number in range(7)]


@pytest.fixture
def counter(database: Database) -> Counter:
    """A counter at which seven creators earned, pitched and broke some trust on the first day."""
    counter = Counter(database, names=NAMES)
    events = [
        tell(kind, ref=f"{kind}{number}", at_us=noon(0) + number, creator=f"youtube:{name}", **facts)
        for name in NAMES
        for number, (kind, facts) in enumerate(FIRST_DAY)
    ]
    counter.post(*events, now_us=noon(0))
    return counter


FIRST_DAY: list[tuple[str, dict[str, Any]]] = [
    *(("engagement", {"act": "reply", "engager": f"fan {number}"}) for number in range(5)),
    ("pitch", {"brand": "acme", "disclosure": "clear"}),
    ("breach", {"severity": 3}),
    ("apology", {"breach": "breach6", "responsibility": True}),
]


def settle(counter: Counter, day: int, *, limit: int = 3, now: int | None = None) -> int:
    """Run the job for a day, in chunks of three books."""
    now_us = (DAY + (day if now is None else now)) * DAY_US + 300_000_000
    return settlement.settle(
        counter.database, through_day=DAY + day, clock=lambda: now_us, schedule=counter.schedule, limit=limit
    )


def settlements(counter: Counter, name: str = "u0") -> list[tuple[Any, ...]]:
    """A book's settlement entries."""
    return [row for row in counter.entries(name) if row[3] == "settlement"]


def test_each_book_is_settled_once_a_day(counter: Counter) -> None:
    """A second run of the same day finds nothing to do, and each book has one entry more."""
    assert settle(counter, 1) == 7
    assert settle(counter, 1) == 0
    assert [len(settlements(counter, name)) for name in NAMES] == [1] * 7
    assert settle(counter, 2) == 7
    assert [len(settlements(counter, name)) for name in NAMES] == [2] * 7


def test_settling_changes_no_balance_that_a_reader_sees(counter: Counter) -> None:
    """Before and after the job every book reads the same on every day to come, to the last micro."""
    days = (1, 2, 10, 90, 400)
    before = {(name, day): counter.state(day, name) for name in NAMES for day in days}
    settle(counter, 1)
    assert {(name, day): counter.state(day, name) for name in NAMES for day in days} == before


def test_settlement_posts_decay_and_recovery(counter: Counter) -> None:
    """The entry holds what the days did to each pool, the world takes the decay, and the chain goes on."""
    before = counter.book()
    settle(counter, 9)
    row, book = counter.entries()[-1], counter.book()
    after = economy.accrue(before.state, DAY + 9, RULES)
    assert row[9:13] == tuple(b - a for a, b in zip(before.state[:4], after[:4], strict=True))
    assert sum(row[9:14]) == 0
    assert row[13] > 0  # the world takes what decays
    assert row[11] < 0  # a mending pool gives back
    assert row[14:23] == book.state == after
    assert bytes(row[25]) == before.head
    assert bytes(row[26]) == book.head == chain.entry_hash((*row[:6], bytes(row[6]), *row[7:25], bytes(row[25]), b""))
    assert (book.seq, book.recorded_at_us) == (before.seq + 1, row[23])
    assert (book.opening, book.policy_version) == (after.standing, FOUNDING.version)
    assert (row[5], row[8]) == (None, f'{{"from_day":{DAY},"to_day":{DAY + 9}}}')


def test_catching_up_is_as_settling_daily(counter: Counter) -> None:
    """Twelve days at once and twelve days one by one take the same from the same pools."""
    settle(counter, 12)
    at_once = [[sum(row[n] for row in counter.entries(name)) for n in range(9, 14)] for name in NAMES]
    states = [counter.book(name).state for name in NAMES]
    assert [len(settlements(counter, name)) for name in NAMES] == [1] * 7
    counter.ids["late"] = counter.enrol("late")
    first = [tell(k, ref=f"{k}{n}", at_us=noon(0), creator="youtube:late", **f) for n, (k, f) in enumerate(FIRST_DAY)]
    counter.post(*first, now_us=noon(0))
    for day in range(13, 25):
        settle(counter, day)
    assert len(settlements(counter, "late")) == 12
    moved = economy.accrue(states[0], DAY + 24, RULES)
    assert counter.book("late").state == moved
    sums = [sum(row[n] for row in counter.entries("u0")) for n in range(9, 14)]
    assert sums == [sum(row[n] for row in counter.entries("late")) for n in range(9, 14)]
    assert sums != at_once[0]


def test_a_killed_job_is_resumed_where_it_stopped(counter: Counter) -> None:
    """A crash after any chunk loses nothing and settles no book twice."""
    for stop in range(1, 4):
        day = DAY + stop
        for _ in range(stop):
            counter.database.write(partial(_next, day=day))
        with pytest.raises(KeyboardInterrupt):
            counter.database.write(partial(_next, day=day, die=True))
        settle(counter, stop)
        assert [len(settlements(counter, name)) for name in NAMES] == [stop] * 7
        assert {counter.book(name).state.day for name in NAMES} == {day}


def _next(session: Session, *, day: int, die: bool = False) -> Chunk:
    chunk = settlement.settle_next(session, through_day=day, now_us=day * DAY_US + 1, schedule=RULES, limit=2)
    if die:
        raise KeyboardInterrupt
    return chunk


def test_many_schedulers_settle_each_book_once(counter: Counter) -> None:
    """Four at the same moment share the chunks and never a book."""
    done: list[int] = []
    threads = [threading.Thread(target=lambda: done.append(settle(counter, 1, limit=2))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(done) == 7
    assert [len(settlements(counter, name)) for name in NAMES] == [1] * 7


def test_posting_and_settling_may_cross(counter: Counter) -> None:
    """While events come in, the job settles: no event is lost, no sequence has a gap, the chain holds."""
    stop = threading.Event()

    def post() -> None:
        number = 0
        while not stop.is_set() or number < 20:
            number += 1
            event = tell("post", ref=f"x{number}", at_us=noon(1), creator=f"youtube:{NAMES[number % 7]}")
            assert counter.post(event, now_us=noon(6))[0].status == "posted"

    thread = threading.Thread(target=post)
    thread.start()
    for day in range(1, 7):
        settle(counter, day, limit=2, now=6)
    stop.set()
    thread.join()
    for name in NAMES:
        rows = counter.entries(name)
        assert [row[2] for row in rows] == list(range(1, len(rows) + 1))
        assert all(bytes(later[25]) == bytes(row[26]) for row, later in pairwise(rows))
        assert tuple(sum(row[n] for row in rows) for n in range(9, 13)) == counter.book(name).state[:4]
        assert counter.book(name).state.day == DAY + 6


def test_a_book_that_is_still_filled_in_is_left_alone(counter: Counter) -> None:
    """Jobs leave open books to their backfill; readers accrue them all the same."""
    counter.ids["open"] = counter.enrol("open")
    past = tell("engagement", ref="e", at_us=noon(0), creator="youtube:open", act="reply", engager="fan")
    counter.post(past, now_us=noon(50), backfill=True)
    settle(counter, 50)
    assert settlements(counter, "open") == []
    assert counter.state(50, "open").standing < trust("5")


def test_a_book_without_anything_gets_no_entry(counter: Counter) -> None:
    """Nothing decays where nothing is."""
    counter.ids["none"] = counter.enrol("none")
    counter.post(tell("post", ref="p", at_us=noon(0), creator="youtube:none"), now_us=noon(0))
    settle(counter, 5)
    assert settlements(counter, "none") == []


def test_a_book_settled_on_touch_is_not_settled_again(counter: Counter) -> None:
    """Whoever had an event today has today's settlement already."""
    counter.post(tell("post", ref="x", at_us=noon(3), creator="youtube:u2"), now_us=noon(3))
    assert settle(counter, 3) == 6
    assert [len(settlements(counter, name)) for name in NAMES] == [1] * 7


def test_a_day_that_has_not_begun_is_not_settled(counter: Counter) -> None:
    """Nobody can settle tomorrow."""
    with pytest.raises(ValueError, match="has not begun"):
        settle(counter, 2, now=1)


def test_how_often_is_policy(counter: Counter) -> None:
    """With settlement every seven days, a book is due when seven days have passed, and reads are the same."""
    counter.schedule = Schedule.of(variant(("settlement.every_days", "7"), name="weekly"))
    expected = counter.state(20)
    settled = [settle(counter, day) for day in range(1, 21)]
    assert settled == [7 if day % 7 == 0 else 0 for day in range(1, 21)]
    assert counter.state(20) == expected


def test_a_policy_change_between_settlements_counts_from_its_day(counter: Counter) -> None:
    """Ten days under two policies: the first five decay under the old, the rest under the new."""
    quick = variant(("decay.fresh_half_life", "7"), name="quick")
    counter.schedule = Schedule(((0, FOUNDING), (DAY + 5, quick)))
    half = economy.accrue(counter.book().state, DAY + 5, RULES)
    settle(counter, 10)
    assert counter.book().state == economy.accrue(half, DAY + 10, Schedule.of(quick))
    assert counter.book().policy_version == quick.version


def test_the_days_opening_is_what_settlement_left(counter: Counter) -> None:
    """Whether the job or an event settles the day, its opening standing is the same."""
    settle(counter, 4)
    counter.post(tell("post", ref="x", at_us=noon(4), creator="youtube:u1"), now_us=noon(4))
    counter.ids["late"] = counter.enrol("late")
    assert counter.book("u0").opening == counter.book("u1").opening == counter.state(4).standing


@given(
    st.builds(
        State,
        st.integers(-(10**12), 10**12),
        *[st.integers(0, 10**12)] * 7,
        st.just(DAY),
    ),
    st.integers(1, 500),
)
@settings(max_examples=60)
def test_what_settlement_writes_balances(before: State, days: int) -> None:
    """Whatever a book held, its settlement sums to zero, and what it says is what accrual says."""
    row = (
        "c", METER, 0, 4, b"", 5, True, FOUNDING.version, *before, 0, 0, 0, 0, 0, None,
    )  # fmt: skip
    book, entry = settlement._settled(row, DAY + days, 9, RULES)
    after = economy.accrue(before, DAY + days, RULES)
    if entry is None:
        assert after[:8] == before[:8]
    else:
        assert sum(entry[9:14]) == 0
        assert entry[14:23] == tuple(book[8:17]) == after
