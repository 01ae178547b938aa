"""Calibration: how good the estimates were. Pure; outcomes go in, forecasts are made as they would have been.

Outcomes are walked in the order of their days. Each is forecast from the creator's earlier ones and from what all
creators had taught by the night before, and only then looked at: no forecast knows what it is scored on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from ledger.days import EPOCH
from ledger.economy import PPM
from ledger.policy import Policy
from ledger.scatter import COHORTS, History, Pooled, Scatter, Shape, cohort, predicted

SHARES = (0.1, 0.5, 0.9)
FURTHEST, FINE = 8, 50  # deviations are kept to 1/50 of a standard deviation, up to eight of them
UNLEARNT = History()


class Measured(NamedTuple):
    """One outcome: of whose book, learnt on which day, and log(outcome / formula)."""

    book: tuple[str, str]
    day: int
    logarithm: float


@dataclass(frozen=True, slots=True)
class Score:
    """How forecasts did. `coverage` is the share of outcomes within p10..p90, in ppm: 800,000 is meant.

    `below` and `above` are the shares under p10 and over p90; `loss` the mean pinball loss at p10, p50 and p90 in
    millionths of log(outcome / formula) (Koenker and Bassett 1978): the smaller the sharper.
    """

    forecasts: int
    coverage: int
    below: int
    above: int
    loss: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a walk found: what all outcomes taught, and scores over all, by earlier outcomes, by quarter."""

    pooled: Pooled
    overall: Score
    cohorts: dict[str, Score]
    quarters: dict[str, Score]


@dataclass(slots=True)
class Tab:
    """Forecasts being scored."""

    forecasts: int = 0
    below: int = 0
    above: int = 0
    losses: list[float] = field(default_factory=lambda: [0.0] * len(SHARES))

    def add(self, foretold: Scatter, logarithm: float) -> None:
        """Score one more."""
        quantiles = [foretold.logarithm(share) for share in SHARES]
        self.forecasts += 1
        self.below += logarithm < quantiles[0]
        self.above += logarithm > quantiles[-1]
        for place, (share, quantile) in enumerate(zip(SHARES, quantiles, strict=True)):
            self.losses[place] += pinball(logarithm, quantile, share)

    def score(self) -> Score:
        """What it comes to; zeros where nothing was forecast."""
        many = max(self.forecasts, 1)
        below, above = self.below * PPM // many, self.above * PPM // many
        low, mid, high = (round(loss * PPM / many) for loss in self.losses)
        inside = (self.forecasts - self.below - self.above) * PPM // many
        return Score(self.forecasts, inside, below, above, (low, mid, high))


@dataclass(slots=True)
class Deviations:
    """How many standard deviations outcomes lay off, as counts in narrow bins."""

    counts: list[int] = field(default_factory=lambda: [0] * (2 * FURTHEST * FINE))
    outcomes: int = 0
    stale: bool = False
    known: Shape = field(default_factory=Shape)

    def add(self, deviations: float) -> None:
        """Count one more; what lies beyond the last bin counts there."""
        place = int((min(max(deviations, -FURTHEST), FURTHEST) + FURTHEST) * FINE)
        self.counts[min(place, len(self.counts) - 1)] += 1
        self.outcomes += 1
        self.stale = True

    def shape(self) -> Shape:
        """Their deciles and median."""
        if self.stale:
            low, mid, high = (self._quantile(share * self.outcomes) for share in SHARES)
            self.known, self.stale = Shape(self.outcomes, low, mid, high), False
        return self.known

    def _quantile(self, wanted: float) -> float:
        """Where so many lie below, straight lines being drawn through the bins."""
        seen = 0
        for place, count in enumerate(self.counts):
            if count and seen + count >= wanted:
                return (place + (wanted - seen) / count) / FINE - FURTHEST
            seen += count
        return float(FURTHEST)


@dataclass(slots=True)
class Walk:
    """A walk through outcomes in the order of their days: what is known so far, and how forecasts did."""

    policy: Policy
    histories: dict[tuple[str, str], History] = field(default_factory=dict)
    freedom: int = 0
    squares: float = 0.0
    deviations: list[Deviations] = field(default_factory=lambda: [Deviations() for _ in COHORTS])
    overall: Tab = field(default_factory=Tab)
    cohorts: dict[str, Tab] = field(default_factory=lambda: {name: Tab() for _, name in COHORTS})
    quarters: dict[str, Tab] = field(default_factory=dict)

    def pooled(self) -> Pooled:
        """What all outcomes so far have taught."""
        return Pooled(self.freedom, self.squares, tuple(item.shape() for item in self.deviations))

    def one_day(self, outcomes: Iterable[Measured]) -> None:
        """Forecast the outcomes of a day on what was known the night before, then learn from them."""
        pooled, told = self.pooled(), list(outcomes)
        for item in told:
            history = self.histories.get(item.book, UNLEARNT)
            self.look(item, predicted(history, policy=self.policy, pooled=pooled))
        for item in told:
            self._learn(item)

    def look(self, item: Measured, foretold: Scatter) -> None:
        """Score a forecast by its outcome, and keep how far it was off."""
        place = cohort(foretold.measured)
        for tab in (
            self.overall,
            self.cohorts[COHORTS[place][1]],
            self.quarters.setdefault(quarter(item.day), Tab()),
        ):
            tab.add(foretold, item.logarithm)
        self.deviations[place].add(foretold.deviations(item.logarithm))

    def _learn(self, item: Measured) -> None:
        before = self.histories.get(item.book, UNLEARNT)
        after = self.histories[item.book] = before.and_then(item.logarithm)
        self.freedom += before.measured > 0
        self.squares += after.squares - before.squares

    def found(self) -> Calibration:
        """What it came to."""
        cohorts = {name: tab.score() for name, tab in self.cohorts.items()}
        quarters = {name: tab.score() for name, tab in sorted(self.quarters.items())}
        return Calibration(self.pooled(), self.overall.score(), cohorts, quarters)


def calibrate(outcomes: Iterable[Measured], *, policy: Policy) -> Calibration:
    """Walk through outcomes that come in the order of their days."""
    walk = Walk(policy)
    for _, told in groupby(outcomes, key=attrgetter("day")):
        walk.one_day(told)
    return walk.found()


def pinball(value: float, quantile: float, share: float) -> float:
    """The pinball loss of a quantile that a share of values was to stay under."""
    off = value - quantile
    return off * share if off >= 0 else off * (share - 1)


def quarter(day: int) -> str:
    """The quarter of a day since 1970: "2026-Q4"."""
    then = date.fromordinal(EPOCH + day)
    return f"{then.year}-Q{(then.month + 2) // 3}"
