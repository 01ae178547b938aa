"""Scatter: how far a pitch's outcome may lie from its formula, before and after outcomes were measured.

log(outcome / formula) = the creator's own bias + noise, with bias ~ N(0, bias variance) and noise of a variance
that is assumed until outcomes of all creators teach it. After m measured pitches the prediction has variance
1 / (1 / bias variance + m / noise variance) + noise variance, centred on the posterior bias.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log, sqrt
from statistics import NormalDist
from typing import NamedTuple

from ledger.economy import PPM
from ledger.policy import Parameter, Policy

MOST = log(1_000)  # no outcome is told as more than a thousand times, or less than a thousandth of, its formula
NORMAL = NormalDist()

PARAMETERS = (
    Parameter("estimate.bias_variance", "factor", "0.000001", "4", "variance of creators' own log biases"),
    Parameter("estimate.noise_variance", "factor", "0.000001", "4", "variance of the noise of one log outcome"),
    Parameter("estimate.noise_outcomes", "count", "1", "100000", "outcomes the assumed noise weighs as much as"),
    Parameter("estimate.recent_days", "days", "1", "365", "days whose credits give the daily rate ahead"),
    Parameter("estimate.horizon_days", "days", "30", "3650", "how far ahead the recovery is looked for"),
    Parameter("estimate.regained", "share", "0.5", "1", "regained at this share of the path without the pitch"),
    Parameter("estimate.wait_days", "days", "1", "365", "how long a wait may be proposed"),
    Parameter("estimate.better_fit", "share", "0.01", "1", "how much better a fit is proposed"),
)


class Pooled(NamedTuple):
    """What outcomes of all creators taught: how many, and the squared log deviations from each one's own bias."""

    outcomes: int = 0
    squares: float = 0.0


UNTAUGHT = Pooled()


@dataclass(frozen=True, slots=True)
class Scatter:
    """A prediction of log(outcome / formula): normal with this bias and variance, on so many measured pitches."""

    measured: int
    bias: float
    variance: float

    def ratio(self, share: float) -> int:
        """outcome / formula in ppm that a share (0..1, exclusive) of outcomes stays under."""
        logarithm = self.bias + sqrt(self.variance) * NORMAL.inv_cdf(share)
        return round(PPM * exp(min(max(logarithm, -MOST), MOST)))


def noise_variance(policy: Policy, pooled: Pooled = UNTAUGHT) -> float:
    """The assumed variance and the measured one, weighed by how many outcomes stand behind each."""
    weight = policy["estimate.noise_outcomes"]
    assumed = policy["estimate.noise_variance"] / PPM
    return (weight * assumed + pooled.squares) / (weight + pooled.outcomes)


def scatter(ratios: Sequence[float], *, policy: Policy, pooled: Pooled = UNTAUGHT) -> Scatter:
    """The prediction after a creator's measured log ratios, which may be none."""
    noise = noise_variance(policy, pooled)
    sureness = PPM / policy["estimate.bias_variance"] + len(ratios) / noise
    bias = sum(ratios) / noise / sureness
    return Scatter(len(ratios), bias, 1 / sureness + noise)
