"""Trials: histories of a book told under a policy by the very functions that post, two of them compared. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ledger import kinds
from ledger.economy import MICROS, PPM, Move, State, accrue, advance, land, survive
from ledger.kinds.apology import PARTS
from ledger.kinds.base import Breach, Context, Past, Relationship
from ledger.policy import Policy, Schedule

DUST = 10  # micro-trust that truncation may leave
MOST_REACTIONS = 10**9
ALL_PARTS: dict[str, Any] = dict.fromkeys(PARTS, True)
WELL_OWNED = ALL_PARTS | {"positive": MOST_REACTIONS}
OLD_FRIEND = Relationship("accepted", -10_000, "", accepted_day=-10_000, exchanges=10**6, let_in=True)
SOON = (0, 30, 365)


def _long_look() -> tuple[int, ...]:
    days = list(range(60))
    while days[-1] < 7_300:  # two of the longest half-lives that a pool may have
        days.append(days[-1] + days[-1] // 20)
    return tuple(days)


LONG = _long_look()
BOOKS = {
    "an empty book": State(),
    "a book in the red": State(fresh=-30 * MICROS, credits=10 * MICROS, drains=90 * MICROS),
    "a small book": State(20 * MICROS, 5 * MICROS, credits=30 * MICROS, pitches=2 * PPM),
    "a book where much is mending": State(0, 300 * MICROS, 80 * MICROS, 80 * MICROS, drains=400 * MICROS),
}
LARGE = {
    "a large book": State(10**6 * MICROS, credits=10**10 * MICROS),
    "a large book of little reliability": State(10**6 * MICROS, drains=10**10 * MICROS),
    "a large book of bricks": State(0, 10**6 * MICROS, credits=10**10 * MICROS),
}


@dataclass(slots=True)
class Trial:
    """A book on which a policy is tried: what is told is priced as posting prices it."""

    policy: Policy
    state: State
    schedule: Schedule = field(init=False)
    breach: Breach | None = None

    def __post_init__(self) -> None:
        """The policy is in force on every day."""
        self.schedule = Schedule.of(self.policy)

    def tell(self, name: str, *, wait: int = 0, friend: bool = False, repeats: int = 0, **facts: Any) -> Trial:
        """Post an event of a kind after some days. Returns the trial itself."""
        self.state = accrue(self.state, self.state.day + wait, self.schedule)
        kind = kinds.KINDS[name]
        context = Context(
            self.state,
            self.policy,
            self.state.day,
            0,
            relationship=OLD_FRIEND if friend else None,
            breach=self.breach,
            repeats=repeats,
            past=self._past(),
        )
        lines = kind.price(kind.facts(**facts), context)
        for line in lines:
            move = kinds.amounts(line.kind, line.factors, self.policy.rates)
            self.state = advance(self.state, land(self.state, move), move)
        if name in ("breach", "undisclosed_pitch"):
            amount = kinds.charge([(line.kind, line.factors) for line in lines], self.policy.rates)
            self.breach = Breach(1, self.state.day, "other", 1, amount)
        return self

    def _past(self) -> tuple[Past, ...]:
        """What survives of the breach on the day it is spoken of."""
        if self.breach is None:
            return ()
        lost = survive(Move(-self.breach.amount), self.breach.day, self.state.day, self.schedule)
        return (Past(1, "breach", self.breach.day, lost),)

    def standings(self, days: Sequence[int], since: int) -> Iterator[tuple[int, int]]:
        """The standing so many days after a day."""
        state = self.state
        for day in days:
            state = accrue(state, since + day, self.schedule)
            yield day, state.standing


@dataclass(frozen=True, slots=True)
class Case:
    """Two histories of a book: `lower` must never leave more than `upper`, on none of the days after the later one."""

    where: str
    lower: Trial
    upper: Trial
    days: Sequence[int] = SOON

    def broken(self) -> str:
        """Where it does leave more: what is left by each, and when. Empty where it never does."""
        since = max(self.lower.state.day, self.upper.state.day)
        lows = self.lower.standings(self.days, since)
        for (day, low), (_, high) in zip(lows, self.upper.standings(self.days, since), strict=True):
            if low > high + DUST:
                when = f"{day} days later" if day else "at once"
                return f"in {self.where}, {when}: {spoken(low)} are left instead of {spoken(high)}"
        return ""


def spoken(micros: int) -> str:
    """An amount as people read it, in trust with two places."""
    sign, whole = "-" if micros < 0 else "", abs(micros)
    return f"{sign}{whole // MICROS:,}.{whole % MICROS // 10_000:02d}"
