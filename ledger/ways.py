"""Ways out of a label: what to own, until when to make no pitch, what shortens that; each with its day. Pure.

The days are worked out by playing the posts that are known forward, so that they hold whatever ordinary posts come.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ledger import exposure
from ledger.days import spoken_day
from ledger.economy import PPM
from ledger.exposure import DayCount, Exposure
from ledger.policy import Policy


class Unowned(NamedTuple):
    """A breach that is neither owned nor cleared: its day, and whether it was a hidden pitch."""

    day: int
    hidden: bool

    def told(self, today: int) -> str:
        """What it is called: "the breach of 3 January"."""
        return f"the {'undisclosed pitch' if self.hidden else 'breach'} of {spoken_day(self.day, today)}"


@dataclass(frozen=True, slots=True)
class Way:
    """Something to do, and the first day without the label if it is done today and kept to."""

    advice: str
    day: int


def all_of(unowned: Sequence[Unowned], today: int) -> str:
    """Breaches by name, oldest first: "the breach of 3 January and the undisclosed pitch of 9 January"."""
    *others, last = [one.told(today) for one in sorted(set(unowned))]
    return f"{', '.join(others)} and {last}" if others else last


def leaves(shares: Sequence[int], policy: Policy) -> bool:
    """Whether the shares of the days of grace end a label: none reaches the share to leave at, few stretch."""
    return max(shares) < policy["label.leave_share"] and exposure.pressed(shares, policy) * 2 <= len(shares)


def free_on(counts: Mapping[int, DayCount], *, today: int, policy: Policy) -> int:
    """The first day from today without the label, if no pitch comes and nothing is left to own."""
    grace = policy["label.grace_days"]
    last = today + policy["label.window_days"] + grace
    found = exposure.shares(counts, today - grace + 1, last, today=today, policy=policy)
    for offset in range(last - today):
        if leaves(found[offset : offset + grace], policy):
            return today + offset
    return last  # by then every window is empty


def out(
    days: Sequence[DayCount], seen: Exposure, *, today: int, unowned: Sequence[Unowned], policy: Policy
) -> tuple[Way, ...]:
    """The ways out, the plainest first. Each includes owning what is un-owned."""
    own = [f"own {all_of(unowned, today)}"] if unowned else []
    counts = {item[0]: DayCount(*item) for item in days}
    waiting = free_on(counts, today=today, policy=policy)
    if waiting <= today:
        return (_way(own, waiting),)
    calm = [*own, f"make no new pitch until {spoken_day(waiting, today)}"]
    posts = max(1, seen.sponsored * PPM // policy["label.stretched_share"] + 1 - seen.posts)
    now = counts.get(today, DayCount(today, 0, 0))
    posting = free_on(counts | {today: now._replace(posts=now.posts + posts)}, today=today, policy=policy)
    if posting >= waiting:
        return (_way(calm, waiting),)
    many = f"publish {posts} ordinary posts" if posts > 1 else "publish one ordinary post"
    busy = [*own, many, f"make no new pitch until {spoken_day(posting, today)}"]
    return _way(calm, waiting), _way(busy, posting)


def _way(steps: Sequence[str], day: int) -> Way:
    *others, last = steps
    advice = f"{', '.join(others)} and {last}" if others else last
    return Way(advice[0].upper() + advice[1:], day)


def told(ways: Sequence[Way], today: int) -> str:
    """The ways out as sentences."""
    first, *others = ways
    said = [f"{first.advice}: the label goes {'at once' if first.day <= today else 'on that day'}."]
    said += [f"Or {way.advice[0].lower()}{way.advice[1:]}: it goes then." for way in others]
    return " ".join(said)
