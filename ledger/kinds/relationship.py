"""Relationship: a brand introduces itself, the creator lets it in or not, either may end it. In a brand's book.

Rapport is earned by being let in, by genuine exchanges, and by pitches that went well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from ledger.days import iso_day
from ledger.economy import PPM, Move, fade, scale
from ledger.errors import IllegalTransition, NotLetIn, TooEarly
from ledger.kinds.base import Context, Factors, Kind, Line, LineKind, Relationship, no_amounts
from ledger.kinds.facts import SLUG, Choice, Name
from ledger.policy import Parameter, Policy, Rates

STEPS = {
    "introduction": "introduced",
    "introduction_accepted": "accepted",
    "introduction_declined": "declined",
    "relationship_ended": "ended",
    "brand_blocked": "blocked",
    "brand_unblocked": "unblocked",
}
UNMET = "block"  # the reference's name where a brand was blocked that had never introduced itself
FROM = {
    "introduction": (None, "declined", "ended"),
    "introduction_accepted": ("introduced",),
    "introduction_declined": ("introduced",),
    "relationship_ended": ("accepted", "introduced"),
}


@dataclass(frozen=True, slots=True)
class IntroductionFacts:
    """A brand asks to be let in."""

    brand: Annotated[str, Name("the brand's slug", 64, SLUG)]


@dataclass(frozen=True, slots=True)
class StepFacts:
    """What becomes of it, and who decided so."""

    brand: Annotated[str, Name("the brand's slug", 64, SLUG)]
    by: Annotated[str, Choice(("creator", "brand", "partner", "operator"), "who decided it")] = "creator"


@dataclass(frozen=True, slots=True)
class ExchangeFacts:
    """A genuine exchange between a brand and a creator, or their audience: an answer, a meeting, help."""

    about: Annotated[str, Choice(("conversation", "help", "event", "gift", "other"), "of what sort")] = "conversation"


def price_step(name: str) -> Any:
    """A step costs nothing; being let in earns once. Raises IllegalTransition, NotLetIn, TooEarly."""

    def price(facts: Any, context: Context) -> list[Line]:
        now = context.relationship
        _check(name, facts.brand, now, context)
        if name == "introduction_accepted":
            first = 0 if now is not None and now.let_in else PPM
            return [rapport("relationship.accepted", first, context)]
        return [Line("relationship", {"step": list(STEPS).index(name)})]

    return price


def _check(name: str, brand: str, now: Relationship | None, context: Context) -> None:
    blocked, status = now is not None and now.blocked, now.status if now else None
    if name in ("brand_blocked", "brand_unblocked"):
        if blocked is (name == "brand_blocked"):
            raise IllegalTransition(f"the brand {brand} is {'already' if blocked else 'not'} blocked")
        return
    if blocked:
        raise NotLetIn(f"the creator has blocked the brand {brand}")
    if status not in FROM[name]:
        stands = f"is {status}" if status else "was never introduced"
        raise IllegalTransition(f"the brand {brand} {stands}: it cannot be {STEPS[name]} now")
    wait = context.policy["relationship.again_days"]
    if name == "introduction" and now is not None and context.day - now.day < wait:
        raise TooEarly(f"the brand {brand} was {status}: it may introduce itself from {iso_day(now.day + wait)} on")


def after(name: str, now: Relationship | None, *, day: int, introduction: str) -> Relationship:
    """Where they stand after a step on a day; `introduction` is the reference of the one that began it."""
    if name == "introduction":
        if now is None:
            return Relationship("introduced", day, introduction)
        return now._replace(status="introduced", day=day, introduction=introduction, accepted_day=None, exchanges=0)
    now = now or Relationship("ended", day, introduction)
    if name == "introduction_accepted":
        return now._replace(status="accepted", day=day, accepted_day=day, let_in=True)
    if name == "brand_blocked":
        ended = now._replace(status="ended", day=day) if now.status in ("accepted", "introduced") else now
        return ended._replace(blocked=True)
    if name == "brand_unblocked":
        return now._replace(blocked=False)
    return now._replace(status=STEPS[name], day=day)


def exchanged(now: Relationship, *, day: int) -> Relationship:
    """After a genuine exchange that counted."""
    return now._replace(exchanges=now.exchanges + 1, exchange_day=day)


def price_exchange(facts: ExchangeFacts, context: Context) -> list[Line]:
    """One credit a day, of days on which the brand was let in. Raises NotLetIn."""
    now = context.relationship
    if now is None or not now.accepted:
        raise NotLetIn("the brand has not been let in: there is no relationship to credit", pointer="/meter")
    since = now.accepted_day or 0
    unpaid = now.exchange_day is None or context.occurred_day > now.exchange_day
    counted = unpaid and context.occurred_day >= since  # what lies before was between strangers
    return [rapport("relationship.exchange", PPM if counted else 0, context)]


def undone(now: Relationship, *, day: int) -> Relationship:
    """After an exchange of that day, which had counted, was undone: those of an earlier time are no more anyway."""
    if now.accepted_day is None or day < now.accepted_day:
        return now
    return now._replace(exchanges=max(0, now.exchanges - 1))


def rapport(parameter: str, allowed: int, context: Context) -> Line:
    """A credit of rapport; `allowed` is 0 where it is written down and earns nothing."""
    policy: Policy = context.policy
    what = ("relationship.accepted", "relationship.exchange", "relationship.went_well").index(parameter)
    factors = {
        "what": what,
        "base": policy[parameter],
        "allowed": allowed,
        "bedrock_share": policy["engagement.bedrock_share"],
        "late_days": context.late_days,
    }
    return Line("rapport", factors)


def amounts(factors: Factors, rates: Rates) -> Move:
    """Split like engagement: most of it fresh, a tenth bedrock."""
    credit = scale(factors["base"], factors["allowed"])
    bedrock = scale(credit, factors["bedrock_share"])
    known = PPM if credit else 0
    return fade(Move(credit - bedrock, bedrock, credits=credit, known=known), factors["late_days"], rates)


def reason(facts: Mapping[str, Any], factors: Factors) -> str:
    """Why the line has its amount."""
    if factors["what"] == 0:
        again = "" if factors["allowed"] else " It was let in before, so it earns nothing again."
        return f"You let the brand in.{again}"
    if factors["what"] == 1:
        again = "" if factors["allowed"] else ": recorded; one a day counts"
        return f"A genuine exchange with the brand{again}."
    return "The sponsored post went well with your audience."


def step_reason(facts: Mapping[str, Any], factors: Factors) -> str:
    """Why the line is there."""
    brand, by = facts.get("brand", "The brand"), facts.get("by", "creator")
    who = {"creator": "You", "brand": brand, "partner": "The platform", "operator": "The operator"}[by]
    return (
        f"{brand} introduced itself and asks to be let in.",
        f"{who} let {brand} in.",
        f"{who} declined {brand}.",
        f"{who} ended the relationship.",
        f"{who} blocked {brand}.",
        f"{who} no longer block{'' if by == 'creator' else 's'} {brand}.",
    )[factors["step"]]


def _step(name: str, title: str, facts: type) -> Kind:
    return Kind(
        name=name,
        title=title,
        facts=facts,
        price=price_step(name),
        example={"brand": "nike"},
        meters=("brand",),
        internal=True,
        needs=frozenset({"relationship"}),
    )


STEP_KINDS = (
    _step("introduction", "A brand introduces itself", IntroductionFacts),
    _step("introduction_accepted", "A brand is let in", StepFacts),
    _step("introduction_declined", "A brand is declined", StepFacts),
    _step("relationship_ended", "A relationship is ended", StepFacts),
    _step("brand_blocked", "A brand is blocked", StepFacts),
    _step("brand_unblocked", "A brand is no longer blocked", StepFacts),
)
EXCHANGE = Kind(
    name="exchange",
    title="Genuine exchange with a brand",
    facts=ExchangeFacts,
    price=price_exchange,
    example={"about": "conversation"},
    parameters=(
        Parameter("relationship.accepted", "trust", "0", "100", "rapport for being let in, the first time"),
        Parameter("relationship.exchange", "trust", "0", "20", "rapport for a genuine exchange, one a day"),
        Parameter("relationship.went_well", "trust", "0", "100", "rapport for a disclosed pitch that went well"),
        Parameter("relationship.exchanges", "count", "0", "100", "exchanges before a relationship is established"),
        Parameter("relationship.days", "days", "0", "365", "days before a relationship is established"),
        Parameter("relationship.again_days", "days", "0", "3650", "days until a brand may introduce itself again"),
    ),
    meters=("brand",),
    needs=frozenset({"relationship"}),
)
LINE = LineKind("relationship", "Relationship", no_amounts, step_reason)
RAPPORT = LineKind("rapport", "Rapport", amounts, reason)
