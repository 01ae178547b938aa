"""Measuring sticks: what a creator's trust comes to on two scales that people know from elsewhere. Pure.

The lengths are fixed here and in no policy: a stick that is cut anew measures nothing. Klout did so in October 2011,
and scores moved that day though nobody had done anything. Both sticks are in the shape of their models only; nothing
of theirs is computed here, and neither is money, rank or reach.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log2

from ledger.economy import MICROS
from ledger.labels import nearest

SCORE_LEAST, SCORE_SPAN = 1 * MICROS, 99
SCORE_HALF = 300 * MICROS  # our assumption: where the meter of the founding policy is half full too
TENTH = MICROS // 10
INFLUENCE_LEAST, INFLUENCE_SPAN = 1, 999
INFLUENCE_UNIT = 1 * MICROS
INFLUENCE_DOUBLINGS = 12  # our assumption: 4,095 trust, what twenty a day for years comes to on one network
OUTREACH_FIRST, OUTREACH_TOP = 10, 12  # our assumption: ten acts for the first step, each further one twice as far

SCORE_FORMULA = "1 + 99 * B / (B + 300), B the standing over all networks in trust; 1 where B is not above 0"
INFLUENCE_FORMULA = "1 + 999 * log2(1 + B) / 12, B the standing over all networks in trust, cut off at 1 and 1000"
OUTREACH_FORMULA = (
    "levels 1 to 12, the first step at 10 generous acts and each further one at twice as many (20, 40 ... 10,240);"
    " generous acts are answers to fans, unforced corrections, clear disclosures and apologies, counted for good"
)
SCORE_IS_NOT = (
    "Not Klout's score: it has Klout's scale and buckets, and says what the audience trusts a creator with."
    " It measures neither reach nor followers."
)
KRED_IS_NOT = (
    "Not Kred's score: it has Kred's scales. Influence says what the audience trusts a creator with; outreach"
    " counts generous acts ever, and does not say how things stand today."
)


@dataclass(frozen=True, slots=True)
class Klout:
    """A score on Klout's scale and how it moved; all in millionths of a point."""

    score: int
    day_change: int
    week_change: int
    month_change: int

    @property
    def shown(self) -> int:
        """The score in tenths of a point, as it is shown."""
        return nearest(self.score, TENTH)

    @property
    def bucket(self) -> str:
        """The stretch of the scale that the shown score lies in, as Klout named them."""
        return bucket(self.shown)


@dataclass(frozen=True, slots=True)
class Kred:
    """Influence 1 to 1000, outreach 1 to 12; `generous` acts so far, and at how many the next level begins."""

    influence: int
    outreach: int
    generous: int
    next_at: int | None


def score(standing: int) -> int:
    """A place between 1 and 100 in millionths of a point, from standing over all networks in micro-trust."""
    held = max(0, standing)
    return SCORE_LEAST + SCORE_SPAN * MICROS * held // (held + SCORE_HALF)


def bucket(tenths: int) -> str:
    """Klout's name for the stretch of ten that a score in tenths of a point lies in; the last takes in 100."""
    tens = min(tenths // 100, 9)
    return "90-100" if tens == 9 else f"{max(tens * 10, 1)}-{tens * 10 + 9}"


def klout(*, now: int, day_ago: int, week_ago: int, month_ago: int) -> Klout:
    """The score and its changes from standing (micro-trust, over all networks) now and 1, 7 and 30 days ago."""
    today = score(now)
    return Klout(today, *(today - score(then) for then in (day_ago, week_ago, month_ago)))


def influence(standing: int) -> int:
    """A place between 1 and 1000 from standing over all networks in micro-trust: each doubling adds as much."""
    doublings = log2(1 + max(0, standing) / INFLUENCE_UNIT)
    return INFLUENCE_LEAST + int(INFLUENCE_SPAN * min(1.0, doublings / INFLUENCE_DOUBLINGS))


def outreach(generous: int) -> int:
    """The level 1 to 12 that so many generous acts come to; the count never falls, and so neither does the level."""
    return min(OUTREACH_TOP, 1 + (generous // OUTREACH_FIRST).bit_length())


def kred(*, standing: int, generous: int) -> Kred:
    """Influence from standing over all networks, outreach from generous acts ever."""
    level = outreach(generous)
    next_at = None if level == OUTREACH_TOP else OUTREACH_FIRST << (level - 1)
    return Kred(influence(standing), level, generous, next_at)
