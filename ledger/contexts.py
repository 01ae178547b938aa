"""What an event's price depends on, out of what its book remembers: one way for posting and for the audit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ledger.economy import State
from ledger.kinds.base import Breach, Context, Tally
from ledger.lookups import faded_count
from ledger.policy import Policy

WEEK = 7
UNDOING = ("reversal", "cleared")


def of_engagement(
    state: State,
    policy: Policy,
    *,
    late_days: int,
    opening: int,
    engager: str,
    tallies: Mapping[int, Tally],
    ties: Mapping[str, tuple[int, int]],
) -> Context:
    """What the day it counts for has gathered, and how often this engager was here lately."""
    day = state.day
    tally = tallies.get(day - late_days) or Tally(opening=0 if late_days else opening)
    acts, since = ties.get(engager, (0, day))
    tie = faded_count(acts, day - since, policy["tie.half_life"])
    return Context(state, policy, day, late_days, tally, tie)


def corrections_near(tallies: Mapping[int, Tally], day: int) -> int:
    """Corrections that earned less than a week before or after a day."""
    near = range(day - WEEK + 1, day + WEEK)
    return sum(tallies[each].corrections for each in near if each in tallies)


def repeats(breaches: Iterable[Breach], breach: Breach | None, window: int) -> int:
    """How many earlier breaches of its kind a breach repeats, within so many days."""
    if breach is None:
        return 0
    return sum(
        other.category == breach.category and breach.seq - other.seq > 0 and breach.day - other.day <= window
        for other in breaches
        if not other.cleared
    )
