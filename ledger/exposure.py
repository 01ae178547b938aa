"""Exposure: how much of what was posted was sponsored, on each of the last days. Pure.

The share of a day is taken over a window of days (90) that ends on it, and is 0 where the window holds fewer than
5 posts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ledger.economy import PPM
from ledger.policy import Policy


class DayCount(NamedTuple):
    """How many posts a day saw, sponsored ones included, and how many of them were sponsored."""

    day: int
    posts: int
    sponsored: int


@dataclass(frozen=True, slots=True)
class Exposure:
    """Posts of the window up to today; the sponsored share (ppm) now, its extremes in the days of grace.

    `pressed` counts the days of grace on which the share stretched.
    """

    posts: int
    sponsored: int
    share: int
    highest: int
    lowest: int
    pressed: int = 0


UNEXPOSED = Exposure(0, 0, 0, 0, 0)


def exposure(days: Iterable[DayCount], *, today: int, policy: Policy) -> Exposure:
    """How much of what was posted was sponsored, lately and on each day of grace."""
    counts = {item[0]: item for item in days}
    if not counts:
        return UNEXPOSED
    grace, window = policy["label.grace_days"], policy["label.window_days"]
    found = shares(counts, today - grace + 1, today, today=today, policy=policy)
    recent = [item for item in counts.values() if today - window < item[0] <= today]
    posts, sponsored = sum(item[1] for item in recent), sum(item[2] for item in recent)
    return Exposure(posts, sponsored, found[-1], max(found), min(found), pressed(found, policy))


def pressed(found: Sequence[int], policy: Policy) -> int:
    """On how many days the share was one that stretches."""
    stretched = policy["label.stretched_share"]
    return sum(share >= stretched for share in found)


def shares(counts: Mapping[int, DayCount], first: int, last: int, *, today: int, policy: Policy) -> list[int]:
    """The sponsored share in ppm of the windows that end on each day from first to last.

    After today no more posts are known. Ordinary posts to come might lift a window over the least number that
    counts, so the share of a small one is then taken of that number: no ordinary post can make it higher.
    """
    window, least = policy["label.window_days"], policy["label.least_posts"]
    nothing = DayCount(0, 0, 0)
    inside = [item for item in counts.values() if first - window <= item[0] < first]
    posts, sponsored = sum(item[1] for item in inside), sum(item[2] for item in inside)
    found = []
    for day in range(first, last + 1):
        _, come, come_sponsored = counts.get(day, nothing)
        _, gone, gone_sponsored = counts.get(day - window, nothing)
        posts, sponsored = posts + come - gone, sponsored + come_sponsored - gone_sponsored
        counted = posts >= least or day > today
        found.append(sponsored * PPM // max(posts, least) if counted else 0)
    return found


def nearest(value: int, unit: int) -> int:
    """A value in whole units, halves away from zero."""
    whole = (abs(value) * 2 + unit) // (unit * 2)
    return whole if value >= 0 else -whole


def percent(ppm: int) -> str:
    """A share in whole per cent: "82 %"."""
    return f"{nearest(ppm, PPM // 100)} %"
