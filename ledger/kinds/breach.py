"""Breach, evasion, clearing: trust broken, the evasive answer, and what is given back when it was not so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from ledger.economy import PPM, Move, fade, scale
from ledger.errors import AlreadyDone
from ledger.kinds.base import Breach, Context, Factors, Kind, Line, LineKind
from ledger.kinds.facts import REPORTER, Choice, Flag, Name, Whole
from ledger.kinds.reversal import undo
from ledger.policy import Parameter, Rates

CATEGORIES = ("deception", "harm", "plagiarism", "prejudice", "privacy", "fraud", "undisclosed", "other")


@dataclass(frozen=True, slots=True)
class BreachFacts:
    """A substantiated breach of trust."""

    severity: Annotated[int, Whole(1, 4, "1 slight, 2 notable, 3 serious, 4 grave")]
    category: Annotated[
        str, Choice(CATEGORIES, "of what kind; repeats of a kind within 180 days are forgiven less")
    ] = "other"
    self_reported: Annotated[bool, Flag("the creator brought it up first")] = False


@dataclass(frozen=True, slots=True)
class AboutBreachFacts:
    """Which breach it is about."""

    breach: Annotated[str, Name("external_ref of the breach, or of the allegation it was charged for")]
    reported_by: Annotated[str | None, REPORTER] = None


def price(facts: BreachFacts, context: Context) -> list[Line]:
    """(B + mending, at least 0, + floor) * share of the severity, less if self-reported. Lost until owned."""
    policy = context.policy
    own = policy["breach.self_reported"] if facts.self_reported else PPM
    return [Line("breach", charge(facts.severity, context, category=facts.category, self_reported=own))]


def charge(severity: int, context: Context, *, category: str | None = None, self_reported: int = PPM) -> dict[str, int]:
    """The factors of what a breach of that severity takes today; of its category, or the one that was alleged.

    Severity and category (its place among CATEGORIES) are there to be read: the amount comes from the share.
    """
    policy, alleged = context.policy, context.allegation
    named = category or (alleged.category if alleged else "other")
    return {
        "severity": severity,
        "category": CATEGORIES.index(named),
        "standing": context.state.at_stake,
        "floor": policy["breach.floor"],
        "share": policy[f"breach.severity_{severity}"],
        "self_reported": self_reported,
        "late_days": context.late_days,
    }


def amounts(factors: Factors, rates: Rates) -> Move:
    """The loss. A hidden pitch's line carries its charge outright."""
    if "charge" in factors:
        loss = factors["charge"]
    else:
        loss = scale(factors["standing"] + factors["floor"], factors["share"], factors["self_reported"])
    return fade(Move(-loss, drains=loss), factors["late_days"], rates)


def reason(facts: Mapping[str, Any], factors: Factors) -> str:
    """Why the line has its amount."""
    if "charge" in factors:
        brand = facts.get("brand", "a brand")
        return f"The pitch for {brand} was hidden from your audience: a breach, until you own it."
    severity = {1: "slight", 2: "notable", 3: "serious", 4: "grave"}[factors["severity"]]
    category = CATEGORIES[factors["category"]]
    named = "" if category == "other" else f" ({category})"
    if facts.get("stance") == "owns":
        return f"A {severity} breach of trust{named}, which you owned to. An apology wins part of it back."
    own = " You brought it up first, so it weighs less." if factors["self_reported"] < PPM else ""
    return f"A {severity} breach of trust{named}, substantiated. Lost until you own it.{own}"


def _standing_breach(context: Context) -> Breach:
    breach = context.breach
    if breach is None:  # posting resolves the reference before it prices
        raise AlreadyDone("there is no breach to speak of")
    if breach.cleared:
        raise AlreadyDone("the breach was cleared: there is nothing left of it", pointer="/facts/breach")
    return breach


def price_evasion(facts: AboutBreachFacts, context: Context) -> list[Line]:
    """A further share of what the breach still costs on the day of the answer."""
    breach = _standing_breach(context)
    if breach.owned or breach.evaded:
        done = "owned" if breach.owned else "counted as evaded"
        raise AlreadyDone(f"the breach is already {done}", pointer="/facts/breach")
    return [Line("evasion", evaded(breach, context) | {"late_days": context.late_days}, about=breach.seq)]


def evaded(breach: Breach, context: Context) -> dict[str, int]:
    """The factors of an evasion: what is left of the breach on the day of the answer, as if all had been fresh.

    A share of what it took at first would outlive the loss itself: whoever had less to lose would end above.
    """
    left = fade(Move(breach.amount), context.occurred_day - breach.day, context.policy.rates)
    return {"breach": left.fresh, "share": context.policy["evasion.share"]}


def evasion_amounts(factors: Factors, rates: Rates) -> Move:
    """breach * share."""
    loss = scale(factors["breach"], factors["share"])
    return fade(Move(-loss, drains=loss), factors["late_days"], rates)


def evasion_reason(facts: Mapping[str, Any], factors: Factors) -> str:
    """Why the line has its amount."""
    if "silent" in factors:
        return f"Nobody answered within {factors['silent']} days, which costs more trust than the breach alone."
    return "The breach was met with an evasive answer, which costs more trust than the breach alone."


def price_cleared_beside(facts: AboutBreachFacts, context: Context, lines: list[Line]) -> list[Line]:
    """What the pitch that was said to be hidden took from its brand's meter is given back too."""
    return [Line("cleared", undo(context.past), about=min((past.seq for past in context.past), default=None))]


def price_cleared(facts: AboutBreachFacts, context: Context) -> list[Line]:
    """What the book would hold had the breach, its evasion and its apology never been."""
    breach = _standing_breach(context)
    return [Line("cleared", undo(context.past), about=breach.seq)]


def cleared_reason(facts: Mapping[str, Any], factors: Factors) -> str:
    """Why the line has its amount."""
    return "You were cleared: everything the allegation still cost you is given back."


KIND = Kind(
    name="breach",
    meters=("network", "brand"),
    title="Breach of trust, substantiated",
    facts=BreachFacts,
    price=price,
    example={"severity": 2, "category": "deception", "self_reported": False},
    parameters=(
        *(
            Parameter(f"breach.severity_{level}", "share", "0.001", "0.9", f"loss of a breach of severity {level}")
            for level in (1, 2, 3, 4)
        ),
        Parameter("breach.floor", "trust", "0", "1000", "added to standing before the share is taken"),
        Parameter("breach.self_reported", "share", "0", "1", "what a self-reported breach costs of that"),
        Parameter("breach.repeat_window", "days", "1", "3650", "a breach of the same kind within this is a repeat"),
    ),
)
EVASION = Kind(
    name="evasion",
    meters=("network", "brand"),
    title="Evasive answer to a breach",
    facts=AboutBreachFacts,
    price=price_evasion,
    example={"breach": "breach-1"},
    parameters=(Parameter("evasion.share", "share", "0", "2", "further loss as part of the breach"),),
    refers_to="breach",
    settles_breach="evaded",
)
CLEARED = Kind(
    name="cleared",
    meters=("network", "brand"),
    beside=price_cleared_beside,
    title="Cleared of a breach",
    facts=AboutBreachFacts,
    price=price_cleared,
    example={"breach": "breach-1"},
    refers_to="breach",
    settles_breach="cleared",
)
LINE = LineKind("breach", "Breach of trust", amounts, reason)
EVASION_LINE = LineKind("evasion", "Evasive answer", evasion_amounts, evasion_reason)
