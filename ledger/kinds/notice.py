"""Notices: lines of no amount that a book's history must show: a label that changed, rules that will, an erasure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

from ledger.days import EPOCH, MONTHS
from ledger.errors import Unchanged
from ledger.kinds.base import Context, Factors, Kind, Line, LineKind, no_amounts
from ledger.kinds.facts import Name, Whole
from ledger.labels import NAMES, PRESSED, percent

MOST_DAY = 3_000_000
MOST_REMOVED = 2**53
NEVER = -1


@dataclass(frozen=True, slots=True)
class LabelFacts:
    """The label is not what it was. Which one it is follows from the book."""


@dataclass(frozen=True, slots=True)
class MarkerFacts:
    """A new policy was announced."""

    policy: Annotated[str, Name("the version of the policy", 16, r"[0-9a-f]{16}")]
    effective_day: Annotated[int, Whole(0, MOST_DAY, "the first day it applies to, counted from 1970-01-01")]


@dataclass(frozen=True, slots=True)
class ErasureFacts:
    """The creator was erased: what they did and who they were is there no more, and nothing follows."""

    events: Annotated[int, Whole(0, MOST_REMOVED, "events behind the lines of this book, which were removed")]
    ties: Annotated[int, Whole(0, MOST_REMOVED, "engagers who were remembered here")]


def price_label(facts: LabelFacts, context: Context) -> list[Line]:
    """Nothing: from which label to which, and the figures behind it. Raises Unchanged."""
    due = context.due
    if due is None or due.name == context.label:
        raise Unchanged(f"the label is {context.label} as before")
    hidden = NEVER if due.hidden_since is None else due.hidden_since
    was, now = NAMES.index(context.label), NAMES.index(due.name)
    return [Line("label", {"was": was, "now": now, "sponsored": due.share, "hidden_since": hidden})]


def price_marker(facts: MarkerFacts, context: Context) -> list[Line]:
    """Nothing."""
    return [Line("policy_marker", {"effective_day": facts.effective_day})]


def price_erasure(facts: ErasureFacts, context: Context) -> list[Line]:
    """Nothing: how much of what the book was made of is there no more."""
    return [Line("erasure", {"events": facts.events, "ties": facts.ties})]


def label_reason(facts: Mapping[str, Any], factors: Factors) -> str:
    """Why the line is there."""
    was, now = NAMES[factors["was"]], NAMES[factors["now"]]
    why = []
    if now in PRESSED:
        if factors["sponsored"]:
            why.append(f"up to {percent(factors['sponsored'])} of the recent posts were sponsored")
        if factors["hidden_since"] != NEVER:
            why.append(f"a sponsored post found hidden on {_spoken(factors['hidden_since'])} is not owned")
    elif was in PRESSED:
        why.append("few enough of the recent posts were sponsored for long enough, and nothing is left to own")
    return f"Your label changed from {was} to {now}{': ' + '; '.join(why) if why else ''}."


def marker_reason(facts: Mapping[str, Any], factors: Factors) -> str:
    """Why the line is there."""
    version = facts.get("policy", "")
    day = _spoken(factors["effective_day"])
    return f"New rules apply from {day}; nothing written before changes. They are at /v1/policy/{version}."


def erasure_reason(facts: Mapping[str, Any], factors: Factors) -> str:
    """Why the line is there."""
    return f"The creator was erased: the {factors['events']} events behind these lines are gone, and nothing follows."


def _spoken(day: int) -> str:
    then = date.fromordinal(EPOCH + day)
    return f"{then.day} {MONTHS[then.month - 1]} {then.year}"


LABEL = Kind(
    name="label",
    title="Label changed",
    facts=LabelFacts,
    price=price_label,
    example={},
    internal=True,
    needs=frozenset({"label"}),
)
MARKER = Kind(
    name="policy_marker",
    title="New rules announced",
    facts=MarkerFacts,
    price=price_marker,
    example={"policy": "0123456789abcdef", "effective_day": 20_800},
    internal=True,
    meters=("network", "brand"),
)
ERASURE = Kind(
    name="erasure",
    title="Creator erased",
    facts=ErasureFacts,
    price=price_erasure,
    example={"events": 3, "ties": 2},
    internal=True,
    meters=("network", "brand"),
)
LABEL_LINE = LineKind("label", "Label", no_amounts, label_reason)
MARKER_LINE = LineKind("policy_marker", "New rules", no_amounts, marker_reason)
ERASURE_LINE = LineKind("erasure", "Erased", no_amounts, erasure_reason)
