"""Scatter: how far a pitch's outcome may lie from its formula, before and after outcomes were measured.

log(outcome / formula) = the creator's own bias + noise, with bias ~ N(0, bias variance). After m measured pitches
the prediction has variance 1 / (1 / bias variance + m / noise variance) + noise variance, centred on the posterior
bias (the normal model with a normal prior; Gelman et al., Bayesian Data Analysis, 3rd ed., 2.5). What is assumed
gives way, step by step, to what was measured:

- noise variance: what is assumed, then the pooled deviations of all creators from their own means, then the
  creator's own: each a mean weighed by how many outcomes stand behind it (the scaled inverse chi-square prior, 2.6).
- shape: real audiences are not normal. Of all forecasts made so far it is kept how many standard deviations the
  outcomes lay off, and the deciles of that, by how much history the forecast had, take the place of the normal's
  (as split conformal prediction does, by group: Vovk, Gammerman and Shafer 2005, 4.5). Between and beyond them the
  curve is a normal's, with its own width on each side (the two-piece normal of central banks' fan charts:
  Britton, Fisher and Whitley 1998).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import exp, log, sqrt
from statistics import NormalDist
from typing import NamedTuple

from ledger.economy import PPM
from ledger.policy import Parameter, Policy

MOST = log(1_000)  # no outcome is told as more than a thousand times, or less than a thousandth of, its formula
TEACHES = log(20)  # no single outcome teaches more than twenty times, or less than a twentieth
NORMAL = NormalDist()
DECILE = NORMAL.inv_cdf(0.9)
COHORTS = ((0, "0"), (1, "1-4"), (5, "5-19"), (20, "20-49"), (50, "50+"))  # by earlier measured pitches

PARAMETERS = (
    Parameter("estimate.bias_variance", "factor", "0.000001", "4", "variance of creators' own log biases"),
    Parameter("estimate.noise_variance", "factor", "0.000001", "4", "variance of the noise of one log outcome"),
    Parameter("estimate.noise_outcomes", "count", "1", "100000", "outcomes the assumed noise weighs as much as"),
    Parameter("estimate.own_outcomes", "count", "1", "100000", "own outcomes that those of all weigh as much as"),
    Parameter("estimate.recent_days", "days", "1", "365", "days whose credits give the daily rate ahead"),
    Parameter("estimate.horizon_days", "days", "30", "3650", "how far ahead the recovery is looked for"),
    Parameter("estimate.regained", "share", "0.5", "1", "regained at this share of the path without the pitch"),
    Parameter("estimate.wait_days", "days", "1", "365", "how long a wait may be proposed"),
    Parameter("estimate.better_fit", "share", "0.01", "1", "how much better a fit is proposed"),
)


class Shape(NamedTuple):
    """Where so many outcomes lay beside their forecasts: the deciles and the median, in standard deviations."""

    outcomes: int = 0
    low: float = -DECILE
    mid: float = 0.0
    high: float = DECILE


class Pooled(NamedTuple):
    """What outcomes of all creators taught: squared log deviations from each one's own mean, by degrees of freedom.

    `shapes` tell how far forecasts were off, by cohort; where they are missing it is as the normal would have it.
    """

    outcomes: int = 0
    squares: float = 0.0
    shapes: tuple[Shape, ...] = ()


UNTAUGHT = Pooled()
NORMAL_SHAPE = Shape()


class History(NamedTuple):
    """A creator's own log outcomes: how many, their mean, and their squared deviations from it."""

    measured: int = 0
    mean: float = 0.0
    squares: float = 0.0

    def and_then(self, logarithm: float) -> History:
        """The history with one more outcome (Welford's update)."""
        taught = min(max(logarithm, -TEACHES), TEACHES)
        measured, off = self.measured + 1, taught - self.mean
        mean = self.mean + off / measured
        return History(measured, mean, self.squares + off * (taught - mean))

    @classmethod
    def of(cls, logarithms: Iterable[float]) -> History:
        """The history of these outcomes."""
        history = cls()
        for logarithm in logarithms:
            history = history.and_then(logarithm)
        return history


@dataclass(frozen=True, slots=True)
class Scatter:
    """A prediction of log(outcome / formula) on so many measured pitches: bias, variance, and its shape.

    `low`, `mid` and `high` are the deciles and the median in standard deviations from the bias.
    """

    measured: int
    bias: float
    variance: float
    low: float = -DECILE
    mid: float = 0.0
    high: float = DECILE

    def logarithm(self, share: float) -> float:
        """log(outcome / formula) that a share (0..1, exclusive) of outcomes stays under."""
        width = self.high - self.mid if share > 0.5 else self.mid - self.low
        return self.bias + sqrt(self.variance) * (self.mid + width / DECILE * NORMAL.inv_cdf(share))

    def ratio(self, share: float) -> int:
        """outcome / formula in ppm that a share (0..1, exclusive) of outcomes stays under."""
        return round(PPM * exp(min(max(self.logarithm(share), -MOST), MOST)))

    def deviations(self, logarithm: float) -> float:
        """How many standard deviations an outcome lies off the bias."""
        return (logarithm - self.bias) / sqrt(self.variance)


def logarithm(ratio: int) -> float:
    """log(outcome / formula) of a measured ratio in ppm; of none at all, that of a thousandth."""
    return min(max(log(max(ratio, 1) / PPM), -MOST), MOST)


def cohort(measured: int) -> int:
    """Which of the COHORTS a creator with so many measured pitches belongs to."""
    return max(place for place, (least, _) in enumerate(COHORTS) if measured >= least)


def noise_variance(policy: Policy, pooled: Pooled = UNTAUGHT) -> float:
    """The assumed variance and the measured one, weighed by how many outcomes stand behind each."""
    weight = policy["estimate.noise_outcomes"]
    assumed = policy["estimate.noise_variance"] / PPM
    return (weight * assumed + pooled.squares) / (weight + pooled.outcomes)


def scatter(ratios: Sequence[float], *, policy: Policy, pooled: Pooled = UNTAUGHT) -> Scatter:
    """The prediction after a creator's measured log ratios, which may be none."""
    return predicted(History.of(ratios), policy=policy, pooled=pooled)


def predicted(history: History, *, policy: Policy, pooled: Pooled = UNTAUGHT) -> Scatter:
    """The prediction after a creator's history."""
    weight, measured = policy["estimate.own_outcomes"], history.measured
    freedom = max(measured - 1, 0)
    noise = (weight * noise_variance(policy, pooled) + history.squares) / (weight + freedom)
    sureness = PPM / policy["estimate.bias_variance"] + measured / noise
    bias = history.mean * measured / noise / sureness
    return Scatter(measured, bias, 1 / sureness + noise, *_shape(measured, policy, pooled))


def _shape(measured: int, policy: Policy, pooled: Pooled) -> tuple[float, float, float]:
    """The normal's deciles and those measured for this much history, weighed like the noise."""
    weight, place = policy["estimate.noise_outcomes"], cohort(measured)
    seen = pooled.shapes[place] if place < len(pooled.shapes) else NORMAL_SHAPE
    low, mid, high = (
        (weight * normal + seen.outcomes * found) / (weight + seen.outcomes)
        for normal, found in zip(NORMAL_SHAPE[1:], seen[1:], strict=True)
    )
    return low, mid, high
