"""Apology: owning a breach wins part of it back, by its parts, its timeliness, and how it is received."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from ledger.economy import PPM, Move, fade, scale
from ledger.errors import AlreadyDone, TooLate
from ledger.kinds.base import Context, Factors, Kind, Line, LineKind
from ledger.kinds.facts import REPORTER, Flag, Name, Whole
from ledger.kinds.reversal import MOVED, undo
from ledger.labels import percent
from ledger.policy import Parameter, Policy, Rates

PARTS = ("responsibility", "repair", "regret", "explanation", "repentance", "forgiveness")
MOST_REACTIONS = 100_000_000_000


@dataclass(frozen=True, slots=True)
class ApologyFacts:
    """Which breach is owned, with what parts, and how the audience took it so far."""

    breach: Annotated[str, Name("external_ref of the breach it owns, or of the allegation it was charged for")]
    responsibility: Annotated[bool, Flag("says 'this was my fault'")] = False
    repair: Annotated[bool, Flag("offers to put it right")] = False
    regret: Annotated[bool, Flag("says sorry")] = False
    explanation: Annotated[bool, Flag("says how it came to it")] = False
    repentance: Annotated[bool, Flag("promises not to do it again")] = False
    forgiveness: Annotated[bool, Flag("asks to be forgiven")] = False
    positive: Annotated[int, Whole(0, MOST_REACTIONS, "reactions in favour so far")] = 0
    negative: Annotated[int, Whole(0, MOST_REACTIONS, "reactions against so far")] = 0
    reported_by: Annotated[str | None, REPORTER] = None


@dataclass(frozen=True, slots=True)
class ReceptionFacts:
    """How an apology has been received so far: all reactions to it up to now."""

    apology: Annotated[str, Name("external_ref of the apology")]
    positive: Annotated[int, Whole(0, MOST_REACTIONS, "reactions in favour so far")]
    negative: Annotated[int, Whole(0, MOST_REACTIONS, "reactions against so far")]
    reported_by: Annotated[str | None, REPORTER] = None


def timeliness(delay_days: int, policy: Policy) -> int:
    """1 to the last prompt day, then halving, never below the floor; in ppm."""
    late = delay_days - policy["apology.prompt_days"]
    if late <= 0:
        return PPM
    return max(policy["apology.timeliness_floor"], round(PPM * 2 ** (-late / policy["apology.timeliness_half_life"])))


def acceptance(positive: int, negative: int, policy: Policy) -> int:
    """(positive + a) / (all + b): the prior until reactions come, theirs when they do; in ppm."""
    return (positive + policy["apology.prior_positive"]) * PPM // (positive + negative + policy["apology.prior_all"])


def price(facts: ApologyFacts, context: Context) -> list[Line]:
    """breach * most * parts * timeliness * acceptance, on what of the breach survives; once per breach."""
    breach, policy = context.breach, context.policy
    if breach is None or not breach.open:
        done = "cleared" if breach and breach.cleared else "owned"
        raise AlreadyDone(f"the breach is already {done}", pointer="/facts/breach")
    surviving = sum(past.surviving.fresh + past.surviving.bedrock for past in context.past if past.kind != "evasion")
    factors = {
        "breach": max(0, -surviving),
        "most": policy["apology.most"],
        "parts": sum(policy[f"apology.{part}"] for part in PARTS if getattr(facts, part)),
        "timeliness": timeliness(context.occurred_day - breach.day, policy),
        "acceptance": acceptance(facts.positive, facts.negative, policy),
        "repeat": policy["apology.repeat"] if context.repeats else PPM,
        "at_once": policy["apology.at_once"],
        "late_days": context.late_days,
    }
    return [Line("apology", factors, about=breach.seq)]


def price_reception(facts: ReceptionFacts, context: Context) -> list[Line]:
    """What the apology would have left had all accepted it, times the change. Raises AlreadyDone, TooLate."""
    breach, policy = context.breach, context.policy
    if breach is None or not breach.owned or breach.cleared or not context.past:
        raise AlreadyDone("the apology no longer stands", pointer="/facts/apology")
    made = min(past.day for past in context.past)
    if context.occurred_day - made > policy["apology.reception_days"]:
        days = policy["apology.reception_days"]
        raise TooLate(f"how an apology is received counts for {days} days after it", pointer="/facts/apology")
    factors = {
        "before": breach.acceptance,
        "after": acceptance(facts.positive, facts.negative, policy),
    } | undo(context.past)
    return [Line("reception", factors, about=min(past.seq for past in context.past))]


def reception_amounts(factors: Factors, rates: Rates) -> Move:
    """What it comes to now less what was counted: of the apology as it was meant, never of what landed where.

    Told one after another, receptions add up to the last: whoever scaled what is left would scale what was lost to it.
    """
    parts = {name: scale(factors[name], factors["after"]) - scale(factors[name], factors["before"]) for name in MOVED}
    return Move(**parts, exact=True)


def reception_reason(facts: Mapping[str, Any], factors: Factors) -> str:
    """Why the line has its amount."""
    then, now = percent(factors["before"]), percent(factors["after"])
    return f"Reactions to your apology came in: it is accepted to {now}, where {then} was counted before."


def amounts(factors: Factors, rates: Rates) -> Move:
    """A part at once to fresh, the rest to the mending pool."""
    whole = scale(
        factors["breach"],
        factors["most"],
        factors["parts"],
        factors["timeliness"],
        factors["acceptance"],
        factors["repeat"],
    )
    now = scale(whole, factors["at_once"])
    return fade(Move(now, mending_breach=whole - now, credits=whole), factors["late_days"], rates)


def reason(facts: Mapping[str, Any], factors: Factors) -> str:
    """Why the line has its amount."""
    said = [part for part in PARTS if facts.get(part)]
    notes = [f"you named {_spoken(said)}" if said else "you named none of the parts of an apology"]
    if factors["timeliness"] < PPM:
        notes.append(f"it came late and counts {percent(factors['timeliness'])}")
    if facts.get("positive", 0) + facts.get("negative", 0):
        notes.append(f"the audience's reactions make it count {percent(factors['acceptance'])}")
    if factors["repeat"] < PPM:
        notes.append("it is not the first breach of this kind lately, so it counts half")
    return f"You owned the breach: {'; '.join(notes)}. A quarter at once, the rest as it mends."


def _spoken(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


KIND = Kind(
    name="apology",
    meters=("network", "brand"),
    title="Apology",
    facts=ApologyFacts,
    price=price,
    example={"breach": "breach-1", "responsibility": True, "regret": True, "repair": True},
    parameters=(
        *(Parameter(f"apology.{part}", "share", "0", "1", f"weight of {part} in an apology") for part in PARTS),
        Parameter("apology.most", "share", "0", "0.9", "most of a breach that an apology wins back"),
        Parameter("apology.at_once", "share", "0", "1", "part of that credited at once; the rest mends"),
        Parameter("apology.prompt_days", "days", "0", "30", "an apology up to this day counts in full"),
        Parameter("apology.timeliness_half_life", "days", "1", "365", "after that it counts half every so many days"),
        Parameter("apology.timeliness_floor", "share", "0", "1", "what the latest apology still counts"),
        Parameter("apology.prior_positive", "count", "0", "100000", "favourable reactions assumed before any come"),
        Parameter("apology.prior_all", "count", "1", "100000", "reactions assumed before any come"),
        Parameter("apology.reception_days", "days", "1", "365", "reactions to an apology are counted for so long"),
        Parameter("apology.repeat", "share", "0", "1", "what an apology for a repeated kind of breach counts"),
    ),
    refers_to="breach",
    settles_breach="owned",
)
RECEPTION = Kind(
    name="reception",
    title="Reactions to an apology",
    facts=ReceptionFacts,
    price=price_reception,
    example={"apology": "apology-1", "positive": 180, "negative": 20},
    refers_to="apology",
    meters=("network", "brand"),
)
RECEPTION_LINE = LineKind("reception", "Apology received", reception_amounts, reception_reason)
LINE = LineKind("apology", "Apology", amounts, reason)
