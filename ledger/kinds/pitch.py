"""Pitch: a sponsored post drains the meter; how much depends on fit, size, fatigue, and who is let in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import log10
from typing import Annotated, Any

from ledger.economy import PPM, Move, fade, reliability, scale
from ledger.kinds import transparency
from ledger.kinds.base import Context, Factors, Kind, Line, LineKind
from ledger.kinds.facts import SLUG, Choice, Name, Share, Whole
from ledger.labels import percent
from ledger.policy import Parameter, Policy, Rates

MOST_FOLLOWERS = 10_000_000_000


@dataclass(frozen=True, slots=True)
class PitchFacts:
    """A sponsored post that says so. What was paid is never asked: compensation is no input of a price."""

    brand: Annotated[str, Name("the brand's slug", 64, SLUG)]
    disclosure: Annotated[str, Choice(("clear", "vague"), "how plainly the post said that it is sponsored")]
    fit: Annotated[int, Share("how well the product fits what the creator stands for, 0 to 1")] = PPM // 2
    followers: Annotated[int | None, Whole(0, MOST_FOLLOWERS, "audience size; the account's own where absent")] = None


@dataclass(frozen=True, slots=True)
class UndisclosedPitchFacts:
    """A sponsored post that did not say so, reported when found."""

    brand: Annotated[str, Name("the brand's slug", 64, SLUG)]
    fit: Annotated[int, Share("how well the product fits what the creator stands for, 0 to 1")] = PPM // 2
    followers: Annotated[int | None, Whole(0, MOST_FOLLOWERS, "audience size; the account's own where absent")] = None


def size_factor(followers: int, policy: Policy) -> int:
    """clamp(1 + slope * log10(followers / 10,000), low, high) in ppm; the one float, rounded once here."""
    size = PPM + round(policy["pitch.size_slope"] * log10(max(followers, 1) / 10_000))
    return min(max(size, policy["pitch.size_low"]), policy["pitch.size_high"])


def drain_factors(
    context: Context,
    *,
    fit: int,
    followers: int | None,
    established: bool,
    times: int = PPM,
    disclosed: bool = True,
) -> dict[str, int]:
    """The factors of a pitch's drain. `times` multiplies the whole (undisclosed pitches)."""
    policy, state = context.policy, context.state
    audience = next(n for n in (followers, context.followers, policy["pitch.followers_default"]) if n is not None)
    trusted = scale(policy["pitch.mending_by_reliability"], reliability(state.credits, state.drains))
    return {
        "standing": max(state.standing, 0) if disclosed else state.at_stake,
        "base": policy["pitch.base"],
        "fit": policy["pitch.fit_worst"] - fit,
        "followers": audience,
        "size": size_factor(audience, policy),
        "fatigue": PPM + scale(state.pitches, policy["pitch.fatigue"]),
        "stranger": PPM if established else policy["pitch.stranger"],
        "share_most": policy["pitch.share_most"] if disclosed else hidden_most(policy),
        "times": times,
        "least": policy["pitch.least"],
        "mending": policy["pitch.mending_base"] + trusted if disclosed else 0,
        "late_days": context.late_days if disclosed else 0,
    }


def hidden_most(policy: Policy) -> int:
    """The most of standing that a hidden pitch may drain once, in ppm: in all, and evaded too, no more than there is.

    Taking more than there is would make less of what there was: it would pay to have pitched before.
    """
    most = PPM * PPM // (PPM + policy["evasion.share"]) * PPM // max(policy["pitch.undisclosed"], PPM)
    return min(policy["pitch.share_most"], most)


def drain(factors: Factors) -> int:
    """max(least, standing * min(share_most, base*fit*size*fatigue*stranger)) * times, in micro-trust."""
    share = scale(factors["base"], factors["fit"], factors["size"], factors["fatigue"], factors["stranger"])
    once = scale(factors["standing"], min(share, factors["share_most"]))
    return scale(max(once, factors["least"]), factors["times"])


def taken_share(factors: Factors) -> int:
    """The share of standing that a pitch takes, in ppm: what the brand's own meter loses too."""
    share = scale(factors["base"], factors["fit"], factors["size"], factors["fatigue"], factors["stranger"])
    return scale(min(share, factors["share_most"]), factors["times"])


def price(facts: PitchFacts, context: Context) -> list[Line]:
    """The drain, and the credit for disclosing it."""
    factors = drain_factors(context, fit=facts.fit, followers=facts.followers, established=context.established)
    line = Line("pitch", factors)
    share = context.policy[f"transparency.{facts.disclosure}"]
    return [line, transparency.for_pitch(drain(factors), share, context)]


def price_undisclosed(facts: UndisclosedPitchFacts, context: Context) -> list[Line]:
    """Two linked lines: the pitch as it would have cost, nothing mending, and the breach for the rest."""
    factors = drain_factors(
        context,
        fit=facts.fit,
        followers=facts.followers,
        established=context.established,
        disclosed=False,
    )
    once = drain(factors)
    rest = scale(once, context.policy["pitch.undisclosed"]) - once
    return [Line("pitch", factors), Line("breach", {"charge": rest, "late_days": 0}, linked=True)]


def price_beside(facts: Any, context: Context, lines: list[Line]) -> list[Line]:
    """The brand's own meter loses the same share of what it holds, and mends alike; it knows no least drain."""
    return [beside(context, share=taken_share(lines[0].factors), mending=lines[0].factors["mending"])]


def beside(context: Context, *, share: int, mending: int) -> Line:
    """The line in a brand's book for a pitch that took a share (ppm) of the network's."""
    standing = max(context.state.standing, 0)
    return Line("pitch", {"held": standing, "share": share, "mending": mending, "late_days": context.late_days})


def whole_drain(factors: Factors) -> int:
    """What a pitch's line takes, in micro-trust: by the formula; as quoted, or the quoted share; a brand's share.

    A quote is no way to pitch at the price of a smaller book: where it has grown since, the share goes with it.
    """
    if "quoted" in factors:
        available = factors["available"]
        return min(max(factors["quoted"], scale(available, factors["share"])), available)
    if "held" in factors:
        return min(scale(factors["held"], factors["share"]), factors["held"])
    return drain(factors)


def amounts(factors: Factors, rates: Rates) -> Move:
    """The drain leaves fresh; the mending share waits to return."""
    whole = whole_drain(factors)
    mending = scale(whole, factors["mending"])
    move = Move(-whole, mending_pitch=mending, drains=whole, pitches=PPM)
    return fade(move, factors["late_days"], rates)


def reason(facts: Mapping[str, Any], factors: Factors) -> str:
    """Why the line has its amount."""
    brand = facts.get("brand", "a brand")
    if "held" in factors:
        return f"A sponsored post for {brand} took the same share of what this relationship holds."
    if "quoted" in factors:
        return _captured(brand, factors)
    notes = []
    if factors["stranger"] > PPM:
        notes.append("no relationship with the brand is on record")
    if factors["fatigue"] > PPM + PPM // 20:
        notes.append("other pitches were still fresh in memory")
    if factors["fit"] > PPM:
        notes.append("the product fits poorly")
    elif factors["fit"] <= PPM * 7 // 10:
        notes.append("the product fits well")
    if not factors["mending"]:
        return f"A pitch for {brand} that nobody was told was paid: found later, and none of it mends."
    back = f"{percent(factors['mending'])} of it comes back with time"
    return f"A sponsored post for {brand}: {'; '.join([*notes, back])}."


def _captured(brand: str, factors: Factors) -> str:
    back = f"{percent(factors['mending'])} of it comes back with time"
    if factors["quoted"] > factors["available"]:
        return f"The sponsored post for {brand}: there was less left than quoted, so only that is taken; {back}."
    if whole_drain(factors) > factors["quoted"]:
        share = percent(factors["share"])
        return f"The sponsored post for {brand}: the quoted share, {share}, of more than there was then; {back}."
    return f"The sponsored post for {brand}, at the terms that were quoted; {back}."


KIND = Kind(
    name="pitch",
    title="Sponsored post, disclosed",
    facts=PitchFacts,
    price=price,
    example={"brand": "nike", "disclosure": "clear", "fit": "0.7", "followers": 50000},
    parameters=(
        Parameter("pitch.base", "share", "0.001", "0.35", "drain of a middling pitch as part of standing"),
        Parameter("pitch.fit_worst", "factor", "1", "3", "multiplier of a pitch that fits not at all; less the fit"),
        Parameter("pitch.size_slope", "factor", "0", "1", "growth of the drain per tenfold audience"),
        Parameter("pitch.size_low", "factor", "0.1", "1", "least multiplier for a small audience"),
        Parameter("pitch.size_high", "factor", "1", "5", "most multiplier for a large audience"),
        Parameter("pitch.followers_default", "count", "1", "10000000000", "audience assumed where none is known"),
        Parameter("pitch.fatigue", "factor", "0", "2", "added per earlier pitch still in memory"),
        Parameter("pitch.stranger", "factor", "1", "5", "multiplier where no relationship is established"),
        Parameter("pitch.share_most", "share", "0.01", "0.9", "most of the standing that one pitch may drain"),
        Parameter("pitch.least", "trust", "0", "100", "least drain, so that an empty book is not immune"),
        Parameter("pitch.mending_base", "share", "0", "1", "part of a disclosed drain that comes back to anyone"),
        Parameter("pitch.mending_by_reliability", "share", "0", "1", "further part, by reliability"),
        Parameter("pitch.undisclosed", "factor", "1", "10", "multiplier for a pitch that was hidden"),
    ),
    counts=("posts", "sponsored"),
    beside=price_beside,
)
UNDISCLOSED = Kind(
    name="undisclosed_pitch",
    title="Sponsored post, hidden and found",
    facts=UndisclosedPitchFacts,
    price=price_undisclosed,
    example={"brand": "nike", "fit": "0.4"},
    counts=("posts", "sponsored"),
    beside=price_beside,
)
LINE = LineKind("pitch", "Sponsored post", amounts, reason)
