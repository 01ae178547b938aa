"""Measuring sticks: scales that everyone may check, and that move as little as what they measure."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import economy, sticks
from ledger.economy import State
from tests.desk import FOUNDING, RULES, trust
from tests.histories import Step, books, tell, whole

standings = st.integers(trust("-500"), trust("20000"))
KEEP = FOUNDING.rates.fresh  # the least that a day leaves of anything, in ppm


@pytest.mark.parametrize(
    ("standing", "tenths", "bucket"),
    [
        ("-20", 10, "1-9"),
        ("0", 10, "1-9"),
        ("30", 100, "10-19"),
        ("300", 505, "50-59"),
        ("2669.9", 900, "90-100"),
        ("20000", 985, "90-100"),
    ],
)
def test_a_score_is_its_formula(standing: str, tenths: int, bucket: str) -> None:
    """1 + 99 * B / (B + 300), in tenths, with the bucket of what is shown: 89.96 is shown as 90.0."""
    found = sticks.klout(now=trust(standing), day_ago=0, week_ago=0, month_ago=0)
    assert (found.shown, found.bucket) == (tenths, bucket)


def test_changes_are_those_of_the_score() -> None:
    """From 100 a month, 200 a week and 300 a day ago to 600: 41.25, 26.4 and 16.5 points."""
    found = sticks.klout(now=trust("600"), day_ago=trust("300"), week_ago=trust("200"), month_ago=trust("100"))
    assert (found.day_change, found.week_change, found.month_change) == (16_500_000, 26_400_000, 41_250_000)


@pytest.mark.parametrize(
    ("standing", "influence"),
    [("-5", 1), ("0", 1), ("1", 84), ("3", 167), ("1023", 833), ("4095", 1000), ("9999", 1000)],
)
def test_influence_grows_by_doublings(standing: str, influence: int) -> None:
    """1 + 999 * log2(1 + B) / 12, whole, and never above 1000."""
    assert sticks.influence(trust(standing)) == influence


@pytest.mark.parametrize(
    ("generous", "level", "next_at"),
    [
        (0, 1, 10),
        (9, 1, 10),
        (10, 2, 20),
        (19, 2, 20),
        (20, 3, 40),
        (40, 4, 80),
        (10_239, 11, 10_240),
        (10_240, 12, None),
    ],
)
def test_outreach_grows_by_doublings(generous: int, level: int, next_at: int | None) -> None:
    """Ten acts make the first step, and each further one takes twice as many."""
    found = sticks.kred(standing=0, generous=generous)
    assert (found.outreach, found.next_at) == (level, next_at)


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_outreach_never_falls(count: int, more: int) -> None:
    """However many acts come on top of a count, the level is no lower, and it stays within 1 and 12."""
    assert 1 <= sticks.outreach(count) <= sticks.outreach(count + more) <= 12


@given(standings, standings)
def test_more_trust_never_measures_less(one: int, other: int) -> None:
    """Both sticks rise with standing, or stay, and neither leaves its scale."""
    low, high = sorted((one, other))
    assert 1_000_000 <= sticks.score(low) <= sticks.score(high) <= 100_000_000
    assert 1 <= sticks.influence(low) <= sticks.influence(high) <= 1000


@given(st.integers(10, 1000), st.integers(10, 1000))
def test_buckets_part_the_scale(one: int, other: int) -> None:
    """Every score has one bucket, named by its own ends, and a higher score no lower one."""
    low, high = sorted((one, other))
    first, last = (int(end) for end in sticks.bucket(low).split("-"))
    assert first * 10 <= low <= (last * 10 + 9 if last < 100 else 1000)
    assert first <= int(sticks.bucket(high).partition("-")[0])


def idle_days(states: Sequence[State], days: int) -> list[list[State]]:
    """Several books over days on which nothing happens."""
    first = max(state.day for state in states)
    return [[economy.accrue(state, first + day, RULES) for state in states] for day in range(days + 1)]


def check_a_day(before: Sequence[State], after: Sequence[State]) -> None:
    """What a day without activity may do to a stick: no more than decay took, no more than mending and time gave."""
    held, left = (sum(state.standing for state in states) for states in (before, after))
    given_back = sum(state.mending + max(0, -state.fresh) for state in before)
    score, influence = sticks.score(left), sticks.influence(left)
    assert score <= sticks.score(held + given_back)
    assert influence <= sticks.influence(held + given_back)
    if held <= 0 or any(state.fresh < 0 for state in before):
        return
    lost = (economy.PPM - KEEP) / economy.PPM
    assert sticks.score(held) - score <= lost * (sticks.score(held) - sticks.SCORE_LEAST) + len(before) * 4
    assert sticks.influence(held) - influence <= lost * (sticks.influence(held) - 1) + 1


@given(st.lists(books, min_size=1, max_size=3), st.integers(1, 40))
def test_an_idle_day_moves_no_stick_more_than_decay(states: list[State], days: int) -> None:
    """Over any books: a stick loses no greater share than decay takes of standing, and gains only what mends."""
    for before, after in pairwise(idle_days(states, days)):
        check_a_day(before, after)


@given(whole, st.integers(1, 60))
def test_after_any_history_idle_days_move_no_stick_more_than_decay(steps: list[Step], days: int) -> None:
    """Whatever was earned, pitched, broken or owned before: the days after it obey the same bound."""
    last = max([step.day for step in steps], default=0)
    state = tell(steps).on(last)
    for before, after in pairwise(idle_days([state], days)):
        check_a_day(before, after)
