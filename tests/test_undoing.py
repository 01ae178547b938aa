"""Undoing engagement: a day is worth the sum of what stands, whichever acts came first and whichever went."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import audit, economy, events
from ledger.db import Database
from ledger.economy import PPM, State
from ledger.kinds.base import Tally
from ledger.policy import Schedule
from tests.desk import DAY, FOUNDING, RULES, Counter, Desk, noon, tell, trust, variant

ACTS = ("like", "follow", "share", "reply")
FULL = State(trust("18"), trust("2"), credits=trust("20"), day=DAY)


def act(desk: Desk, ref: str, *, what: str = "reply", day: int = 0, happened: int = 0) -> int:
    """Somebody who was never here does something; returns what it added."""
    return desk.tell("engagement", ref=ref, day=day, happened=happened, act=what, engager=ref).entries[0].amount


def undo(desk: Desk, ref: str, *, day: int = 0) -> int:
    """An act is reversed as fraud; returns what that took, below 0."""
    return desk.tell("reversal", ref=f"not {ref}", day=day, event=ref, why="fraud").entries[0].amount


def release(desk: Desk, *, day: int, of: int = 0) -> None:
    """The hours are over: a busy day is paid."""
    told = desk.take("release", {"day": DAY + of, "source": events.OWN}, day=day, ref=f"release {of}")
    assert told.status == "posted", told


def near(one: State, other: State, dust: int) -> bool:
    """The same to a few micros in each pool and memo, decayed counts aside."""
    return max(abs(a - b) for a, b in zip(one[:6], other[:6], strict=True)) <= dust


# A day's sum


def test_the_first_acts_of_a_day_are_not_worth_the_whole_day() -> None:
    """Ten replies fill a day; with four of them reversed six still fill it, and ten more change nothing."""
    desk = Desk()
    for number in range(10):
        act(desk, f"e{number}")
    assert [undo(desk, f"e{number}") for number in range(4)] == [0] * 4
    assert desk.standing(0) == trust("20")
    for number in range(10):
        act(desk, f"g{number}")
    assert desk.standing(0) == trust("20")
    assert desk.book.tallies[DAY] == Tally(known=trust("80"))


def test_what_stands_is_what_is_paid() -> None:
    """Six replies less three are three; each that goes from a day below its cap takes its own."""
    desk = Desk()
    for number in range(6):
        act(desk, f"e{number}")
    assert [undo(desk, f"e{number}") for number in (0, 1, 2, 5)] == [0, 0, -trust("5"), -trust("5")]
    assert desk.on(0)[:5] == (trust("9"), trust("1"), 0, 0, trust("10"))
    assert desk.on(0).known == 2 * PPM
    assert desk.book.credits_total == trust("10")


steps = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(ACTS), st.integers(0, 3)),
        st.tuples(st.integers(0, 30), st.integers(0, 3)),
    ),
    min_size=1,
    max_size=24,
)


def play(told: list[tuple[str | int, int]], *, late: bool) -> tuple[Desk, Desk, int]:
    """A desk with acts and reversals of one day as they come, one with the acts alone that stand, and the last day."""
    desk, alone, stands, day = Desk(), Desk(), dict[str, tuple[str, int]](), 0
    for number, (what, gap) in enumerate(told):
        day += gap if late else 0
        if isinstance(what, str):
            act(desk, str(number), what=what, day=day)
            stands[str(number)] = (what, day)
        elif stands.pop(str(what), None):
            undo(desk, str(what), day=day)
    for ref, (what, when) in stands.items():
        act(alone, ref, what=what, day=when)
    return desk, alone, day


@given(steps)
@settings(max_examples=200)
def test_a_day_ends_as_what_stands_alone_would(told: list[tuple[str | int, int]]) -> None:
    """In any order of acts and reversals on one day: the same sum, to the micro, and the same counts."""
    desk, alone, _ = play(told, late=False)
    one, other = desk.on(0), alone.on(0)
    assert (one.standing, one.credits, one.known) == (other.standing, other.credits, other.known)
    assert abs(one.bedrock - other.bedrock) <= len(told)
    assert desk.book.credits_total == alone.book.credits_total
    assert desk.book.tallies.get(DAY, Tally()) == alone.book.tallies.get(DAY, Tally())


@given(steps)
@settings(max_examples=200)
def test_late_acts_and_late_reversals_end_the_same(told: list[tuple[str | int, int]]) -> None:
    """Told and undone days later, a day is worth what is left of what stands; its totals never go below nothing."""
    desk, alone, day = play(told, late=True)
    dust = 4 * (day + 1) * len(told)
    assert near(desk.on(day), alone.on(day), dust)
    assert near(desk.on(day + 200), alone.on(day + 200), dust)
    assert abs(desk.on(day).known - alone.on(day).known) <= dust
    assert desk.book.credits_total >= -dust


def test_what_is_undone_later_takes_what_is_left_of_it() -> None:
    """A reply of a full day, undone after a year, takes nothing; the fifth of five that goes takes what survived."""
    desk = Desk()
    for number in range(5):
        act(desk, f"e{number}")
    assert undo(desk, "e0", day=365) == 0
    assert undo(desk, "e4", day=365) < 0
    kept = economy.accrue(State(trust("13.5"), trust("1.5"), credits=trust("15"), day=DAY), DAY + 365, RULES)
    assert near(desk.on(365), kept, 2_000)


def test_a_day_is_undone_under_the_policy_that_paid_it() -> None:
    """Where the cap was lowered since, all that is undone leaves nothing, and takes no more than there was."""
    low = variant(("engagement.day_cap", "10"), name="low")
    desk = Desk(schedule=Schedule(((0, FOUNDING), (DAY + 10, low))))
    for number in range(4):
        act(desk, f"e{number}")
    for number in range(4):
        undo(desk, f"e{number}", day=20)
    assert abs(desk.standing(20)) <= 200
    assert desk.on(20).credits <= 200


def test_of_strangers_what_was_within_their_bound_is_in_the_sum() -> None:
    """A stranger who goes takes what was counted; what that leaves free goes to the next, not to one before."""
    desk = Desk()
    desk.batch.attested = frozenset({"youtube"})
    assert [act(desk, ref) for ref in ("one", "two")] == [trust("0.2"), 0]
    assert [undo(desk, ref) for ref in ("two", "one")] == [0, -trust("0.2")]
    assert act(desk, "three") == trust("0.2")
    assert desk.standing(0) == trust("0.2")


def test_a_stranger_on_a_full_day_takes_nothing_along() -> None:
    """Five of known standing fill the day before and after a stranger is undone."""
    desk = Desk()
    desk.batch.attested = frozenset({"youtube"})
    act(desk, "stranger")
    told = [tell("engagement", ref=f"e{n}", at_us=noon(0), act="reply", engager=f"e{n}") for n in range(5)]
    fans = [event.facts.engager for event in told]
    desk.batch.standings = {("youtube", name): PPM for name in fans}
    for number in range(5):
        act(desk, f"e{number}")
    assert desk.standing(0) == trust("20")
    assert undo(desk, "stranger") == 0
    assert desk.standing(0) == trust("20")


# Busy days


def crowd(desk: Desk, *, day: int = 0, fans: int = 50, happened: int | None = None) -> None:
    """So many people who were never here reply on one day."""
    happened = day if happened is None else happened
    for number in range(fans):
        act(desk, f"{happened}:{number}", day=day, happened=happened)


@pytest.mark.parametrize("waiting", [0, 20, 47])
def test_a_busy_day_ends_as_what_stands_alone_would(waiting: int) -> None:
    """47 of 50 replies undone, some while the day waits and some after it was paid: three are left, whichever."""
    desk, alone = Desk(), Desk()
    crowd(desk)
    for number in range(waiting):
        assert undo(desk, f"0:{number}", day=1) == 0
    release(desk, day=3)
    for number in range(waiting, 47):
        undo(desk, f"0:{number}", day=5)
    for number in range(3):
        act(alone, f"e{number}")
    assert near(desk.on(5), alone.on(5), 600)
    assert desk.on(5).known <= 600  # the last ten of them came while it waited
    assert 0 < desk.book.credits_total <= trust("15")


def test_a_paid_busy_day_is_undone_to_nothing() -> None:
    """Every act of it reversed after it was paid, no trust is left of it, nor any count."""
    desk = Desk()
    crowd(desk)
    release(desk, day=3)
    act(desk, "late", day=9)
    for ref in ("late", *(f"0:{number}" for number in range(50))):
        undo(desk, ref, day=9)
    assert max(map(abs, desk.on(9)[:8])) <= 600
    assert abs(desk.book.credits_total) <= 600
    assert desk.book.tallies[DAY].known == 0


def test_the_books_verify_after_any_undoing(sqlite_url: str) -> None:
    """Reversals of a full day, of one that waits, and of one that was paid are worked out again the same."""
    counter = Counter(Database(sqlite_url))
    own: dict[str, Any] = {"source": events.OWN}

    def reverse(ref: str, day: int) -> None:
        assert counter.one("reversal", ref=f"not {ref}", day=day, event=ref, why="fraud").status == "posted"

    for day, fans in ((0, 10), (1, 50)):
        told = [
            tell("engagement", ref=f"{day}:{n}", at_us=noon(day), act="reply", engager=f"{day}:{n}")
            for n in range(fans)
        ]
        counter.post(*told, now_us=noon(day))
    for number in range(7):
        reverse(f"0:{number}", 1)
    for number in range(20):
        reverse(f"1:{number}", 2)
    release_told = counter.post(tell("release", ref="r", at_us=noon(4), day=DAY + 1, **own), now_us=noon(4))
    assert release_told[0].status == "posted"
    counter.one("engagement", ref="late", day=5, happened=1, act="reply", engager="late")
    for number in range(20, 50):
        reverse(f"1:{number}", 6)
    left = counter.state(6).standing
    assert abs(left - _left_of(State(trust("13.5"), trust("1.5"), day=DAY), 6) - _left_of(FIVE, 6)) <= 2_000
    with counter.database.snapshot() as session:
        report = audit.verify(session, schedule=counter.schedule)
    assert report.ok, report.first_bad
    counter.database.dispose()


FIVE = State(trust("4.5"), trust("0.5"), day=DAY + 1)


def _left_of(state: State, day: int) -> int:
    return economy.accrue(state, DAY + day, RULES).standing


# Usual days


def test_a_flood_does_not_make_itself_usual() -> None:
    """Floods day after day, reversed while they wait, leave what a usual day is where it was."""
    desk = Desk()
    for day in range(5):
        crowd(desk, day=day, fans=4)
    usual, _ = desk.book.usual_on(DAY + 5, FOUNDING)
    assert usual > 0
    for day in range(5, 9):
        crowd(desk, day=day, fans=100)
        assert desk.book.tallies[DAY + day].held
        for number in range(100):
            undo(desk, f"{day}:{number}", day=day)
    for day in range(5, 9):
        release(desk, day=day + 6, of=day)
    assert desk.book.usual_on(DAY + 9, FOUNDING)[0] <= usual


def test_a_busy_day_teaches_once_it_was_paid() -> None:
    """A large audience is held at first; what was looked at and left standing becomes usual, and is held no more."""
    desk, held = Desk(), []
    for day in range(14):
        if day >= 3 and desk.book.tallies[DAY + day - 3].held:
            release(desk, day=day, of=day - 3)
        crowd(desk, day=day, fans=80)
        held.append(desk.book.tallies[DAY + day].held)
    assert held[0]
    assert not any(held[-4:])


def test_a_past_day_told_as_a_flood_teaches_nothing() -> None:
    """Floods told of days gone by, however many are paid at once, do not raise what is usual."""
    desk = Desk()
    for day in range(3):
        crowd(desk, day=10, happened=day, fans=50)
    before = desk.book.usual
    for day in range(3):
        assert desk.book.tallies[DAY + day].held
        release(desk, day=13, of=day)
    assert desk.book.usual == before
