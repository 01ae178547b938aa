"""The kinds of event there are, one module each. A new kind is its module, its parameters, and a place here.

No kind transfers, buys or sells trust, and none may be added.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ledger import labels, scatter
from ledger.economy import Move
from ledger.errors import InvalidEvent
from ledger.kinds import (
    allegation,
    apology,
    breach,
    burst,
    engagement,
    hold,
    notice,
    outcome,
    pitch,
    post,
    relationship,
    reversal,
    transparency,
)
from ledger.kinds.base import Breach, Context, Factors, Kind, Line, LineKind, Past, Tally
from ledger.policy import BOOK_PARAMETERS, Limit, Parameter, Rates

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        post.KIND,
        engagement.KIND,
        transparency.KIND,
        pitch.KIND,
        pitch.UNDISCLOSED,
        outcome.KIND,
        breach.KIND,
        apology.KIND,
        apology.RECEPTION,
        breach.EVASION,
        breach.CLEARED,
        allegation.KIND,
        allegation.ANSWER,
        allegation.SUBSTANTIATION,
        allegation.DISMISSAL,
        relationship.EXCHANGE,
        reversal.KIND,
        *relationship.STEP_KINDS,
        hold.HELD,
        *hold.STEP_KINDS,
        hold.PUBLISHED,
        allegation.SILENCE,
        burst.RELEASE,
        notice.LABEL,
        notice.MARKER,
        notice.ERASURE,
    )
}
LINES: dict[str, LineKind] = {
    line.name: line
    for line in (
        post.LINE,
        engagement.LINE,
        transparency.LINE,
        pitch.LINE,
        breach.LINE,
        apology.LINE,
        apology.RECEPTION_LINE,
        breach.EVASION_LINE,
        allegation.LINE,
        allegation.ANSWER_LINE,
        allegation.DISMISSAL_LINE,
        outcome.LINE,
        relationship.LINE,
        relationship.RAPPORT,
        hold.HELD_LINE,
        hold.STEP_LINE,
        burst.LINE,
        burst.RELEASE_LINE,
        notice.LABEL_LINE,
        notice.MARKER_LINE,
        notice.ERASURE_LINE,
        LineKind("cleared", "Cleared", reversal.amounts, breach.cleared_reason),
        reversal.LINE,
    )
}
PARAMETERS: tuple[Parameter, ...] = (
    *BOOK_PARAMETERS,
    *labels.PARAMETERS,
    *scatter.PARAMETERS,
    *(parameter for kind in KINDS.values() for parameter in kind.parameters),
)

LIMITS: tuple[Limit, ...] = (
    Limit(
        ("pitch.mending_base", "pitch.mending_by_reliability", "transparency.clear"),
        "1",
        "a pitch that gives back more than it drains would pay",
    ),
    Limit(("transparency.vague",), "transparency.clear", "more disclosure must never cost more"),
    Limit(tuple(f"apology.{part}" for part in apology.PARTS), "1", "an apology must not win back more than was lost"),
    Limit(("apology.prior_positive",), "apology.prior_all", "no more can be favourable than there are"),
)


PUBLIC: dict[str, Kind] = {name: kind for name, kind in KINDS.items() if not kind.internal}


def named(name: object, *, internal: bool = False) -> Kind:
    """The kind of that name, an `internal` one included where asked. Raises InvalidEvent naming all."""
    known = KINDS if internal else PUBLIC
    if not isinstance(name, str) or name not in known:
        raise InvalidEvent([("/kind", f"must be one of {', '.join(known)}")])
    return known[name]


def title(line_kind: str) -> str:
    """What heads an entry of that kind."""
    return LINES[line_kind].title


def amounts(line_kind: str, factors: Factors, rates: Rates) -> Move:
    """What an entry of that kind means to do, from its factors alone."""
    return LINES[line_kind].amounts(factors, rates)


def charge(lines: Iterable[tuple[str, Factors]], rates: Rates) -> int:
    """What lines (kind, factors) took on the day it happened, before the days until it was told; in micro-trust."""
    return -sum(sum(amounts(kind, {**factors, "late_days": 0}, rates)[:4]) for kind, factors in lines)


def gathered(line_kind: str, factors: Factors) -> tuple[int, int]:
    """What an entry added to its day's known and unknown totals, before any cap, in micro-trust."""
    return engagement.raw_amount(factors) if line_kind == engagement.LINE.name else (0, 0)


def reason(line_kind: str, facts: Mapping[str, object], factors: Factors) -> str:
    """An entry's reason as a sentence for the creator."""
    return LINES[line_kind].reason(facts, factors)


__all__ = [
    "KINDS",
    "LIMITS",
    "LINES",
    "PARAMETERS",
    "PUBLIC",
    "Breach",
    "Context",
    "Factors",
    "Kind",
    "Line",
    "LineKind",
    "Past",
    "Tally",
    "amounts",
    "charge",
    "gathered",
    "named",
    "reason",
    "title",
]
