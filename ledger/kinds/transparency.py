"""Transparency: credit for saying clearly that a post is paid, and for putting things right unasked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from ledger.economy import PPM, Move, fade, scale
from ledger.kinds.base import Context, Factors, Kind, Line, LineKind
from ledger.kinds.facts import Choice
from ledger.policy import Parameter, Rates


@dataclass(frozen=True, slots=True)
class TransparencyFacts:
    """An unforced correction: of what sort it was."""

    about: Annotated[str, Choice(("correction", "disclosure", "methods", "funding"), "what was laid open")] = (
        "correction"
    )


def price(facts: TransparencyFacts, context: Context) -> list[Line]:
    """A fixed credit, once in any seven days; a further one is recorded and earns nothing."""
    allowed = 0 if context.corrections_this_week else PPM
    base = context.policy["transparency.correction"]
    return [Line("transparency", {"base": base, "share": PPM, "allowed": allowed, "late_days": context.late_days})]


def for_pitch(drain: int, share: int, context: Context) -> Line:
    """The credit that belongs to a disclosed pitch: a share of its drain."""
    return Line(
        "transparency",
        {"base": drain, "share": share, "allowed": PPM, "late_days": context.late_days},
        linked=True,
    )


def amounts(factors: Factors, rates: Rates) -> Move:
    """base * share, all of it fresh."""
    credit = scale(factors["base"], factors["share"], factors["allowed"])
    return fade(Move(credit, credits=credit), factors["late_days"], rates)


def reason(facts: Mapping[str, Any], factors: Factors) -> str:
    """Why the line has its amount."""
    if "disclosure" in facts:
        how = "clearly" if facts["disclosure"] == "clear" else "vaguely"
        return f"The pitch was {how} disclosed when it was posted."
    if not factors["allowed"]:
        return "An unforced correction: recorded; one a week earns credit, and this week's already has."
    return "You put something right before anyone asked."


KIND = Kind(
    name="transparency",
    title="Unforced correction",
    facts=TransparencyFacts,
    price=price,
    example={"about": "correction"},
    parameters=(
        Parameter(
            "transparency.clear",
            "share",
            "0",
            "0.3",
            "part of a pitch's drain given back when clearly disclosed",
        ),
        Parameter("transparency.vague", "share", "0", "0.3", "part given back when vaguely disclosed"),
        Parameter("transparency.correction", "trust", "0", "20", "credit for an unforced correction, one a week"),
    ),
    counts=("corrections",),
)
LINE = LineKind("transparency", "Transparency", amounts, reason)
