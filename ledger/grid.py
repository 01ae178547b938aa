"""Grid: what a pitch would cost, were it disclosed otherwise, a better or worse fit, or on another day. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ledger.economy import PPM
from ledger.proposals import DISCLOSURES, Proposal, Subject, as_related, cost, rested
from ledger.scatter import scatter

SHARES = (0.1, 0.5, 0.9)
FITS = tuple(PPM // 10 * tenths for tenths in (1, 3, 5, 7, 9))
STRIDE = 7


@dataclass(frozen=True, slots=True)
class Cell:
    """One way to do it, and what standing would lose on that day, in micro-trust: p10 the mildest of ten."""

    day: int
    disclosure: str
    fit: int
    p10: int
    p50: int
    p90: int


def days_of(subject: Subject) -> list[int]:
    """Today, a week on, two … and the last day that a wait may be proposed for."""
    today, most = subject.state.day, subject.policy["estimate.wait_days"]
    return sorted({*range(today, today + most + 1, STRIDE), today + most})


def grid(subject: Subject, proposal: Proposal, fits: Sequence[int] = FITS) -> list[Cell]:
    """Every disclosure, fit and day, standing being taken as it is today, as where a wait is advised.

    By a later day earlier pitches have faded, and the relationship may have come to be established.
    """
    spread = scatter(subject.ratios, policy=subject.policy, pooled=subject.pooled)
    ratios = [spread.ratio(share) for share in SHARES]
    cells = []
    for day in days_of(subject):
        then, related = rested(subject, day), as_related(subject, proposal, day)
        for disclosure in DISCLOSURES:
            for fit in fits:
                one = replace(related, disclosure=disclosure, fit=fit)
                p10, p50, p90 = (cost(then, one, ratio) for ratio in ratios)
                cells.append(Cell(day, disclosure, fit, p10, p50, p90))
    return cells
