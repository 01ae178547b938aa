"""Engagement: genuine acts of the audience, the only thing that lays bricks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from ledger.economy import PPM, Move, fade, scale
from ledger.kinds import burst
from ledger.kinds.base import Context, Factors, Kind, Line, LineKind
from ledger.kinds.facts import Choice, Flag, Name, Share
from ledger.policy import Parameter, Policy, Rates

ACTS = ("like", "follow", "share", "reply", "answer", "rating")
INCENTIVES = ("none", "giveaway", "pod", "bought")


@dataclass(frozen=True, slots=True)
class EngagementFacts:
    """Who did what. The engager's name is hashed before anything is kept."""

    act: Annotated[str, Choice(ACTS, "what the engager did; 'answer' is the creator answering this fan")]
    engager: Annotated[str, Name("the engager's id on the network; kept only as a keyed hash", personal=True)]
    strength: Annotated[int, Share("how strong the act was, for acts that come in degrees")] = PPM
    incentive: Annotated[str, Choice(INCENTIVES, "what the engager got for it; anything but 'none' earns nothing")] = (
        "none"
    )
    reciprocal: Annotated[bool, Flag("the engager is a creator who gets the same in return")] = False


def price(facts: EngagementFacts, context: Context) -> list[Line]:
    """w * strength * s * r, then the caps of the day it happened on, then what the days between left of it.

    A day that gathers far more than usual is a burst: its credit is taken back and waits until it is released.
    """
    policy = context.policy
    raw = {
        "weight": policy[f"engagement.{facts.act}"],
        "strength": facts.strength,
        "standing": _standing_factor(context.engager_standing, policy),
        "repeat": PPM * PPM // (PPM + context.tie),
        "reciprocity": policy["engagement.reciprocity"] if facts.reciprocal or context.mutual else PPM,
        "genuine": PPM if facts.incentive == "none" else 0,
    }
    amount = worth(raw)
    unknown = is_unknown(context.engager_standing, policy)
    before = context.tally
    factors = raw | {
        "known_before": before.known,
        "known_after": before.known + (0 if unknown else amount),
        "unknown_before": before.unknown,
        "unknown_after": before.unknown + (min(amount, max(0, (before.bound or 0) - before.unknown)) if unknown else 0),
        "unknown_bound": before.bound or 0,
        "day_cap": policy["engagement.day_cap"],
        "bedrock_share": policy["engagement.bedrock_share"],
        "late_days": context.late_days,
    }
    if before.held:
        return [Line("engagement", factors | {"held": PPM})]
    if amount and is_burst(factors, context):
        return [Line("engagement", factors | {"held": PPM}), burst.held_back(factors)]
    return [Line("engagement", factors)]


def is_unknown(relative_standing: int | None, policy: Policy) -> bool:
    """An engager whom nobody vouches for, directly or not, where some are vouched for."""
    return relative_standing is not None and relative_standing < policy["engagement.unknown_below"]


def is_burst(factors: Factors, context: Context) -> bool:
    """The day has gathered far more than a usual day does. Only what is told as it comes can be one, and only once."""
    if not context.current or context.tally.held_at_us:
        return False
    gathered = factors["known_after"] + factors["unknown_after"]
    return gathered > burst.most(context.usual, context.policy)


def worth(factors: Factors) -> int:
    """What an act is worth by itself, before any bound or cap, in micro-trust."""
    return scale(
        factors["weight"],
        factors["strength"],
        factors["standing"],
        factors["repeat"],
        factors["reciprocity"],
        factors["genuine"],
    )


def _standing_factor(relative_standing: int | None, policy: Policy) -> int:
    """s = min(1, 0.1 + 5*n*t), with n*t the engager's standing relative to the average; 1 where nobody is attested."""
    if relative_standing is None:
        return PPM
    return min(PPM, policy["engagement.standing_floor"] + relative_standing)


def unknown_bound(opening: int, others: int, policy: Policy) -> int:
    """What unknown engagers may earn on a day: of their bound for 30 days, what the days around it left."""
    most = scale(max(opening, 0), policy["engagement.unknown_share"]) + policy["engagement.unknown_allowance"]
    return max(0, most - others)


def raw_amount(factors: Factors) -> tuple[int, int]:
    """What an act adds to its day's totals before the day's cap, known and unknown (bound already), in micro-trust."""
    return factors["known_after"] - factors["known_before"], factors["unknown_after"] - factors["unknown_before"]


def amounts(factors: Factors, rates: Rates) -> Move:
    """The difference an act makes to its day: cumulative totals are split and the difference posted."""
    if "held" in factors:
        return Move()
    fresh_before, bedrock_before = burst.day_worth(factors["known_before"], factors["unknown_before"], factors)
    fresh_after, bedrock_after = burst.day_worth(factors["known_after"], factors["unknown_after"], factors)
    fresh, bedrock = fresh_after - fresh_before, bedrock_after - bedrock_before
    acts = PPM if factors["known_after"] > factors["known_before"] else 0
    return fade(Move(fresh, bedrock, credits=fresh + bedrock, known=acts), factors["late_days"], rates)


def reason(facts: Mapping[str, Any], factors: Factors) -> str:
    """Why the line has its amount."""
    what = {
        "like": "A like",
        "follow": "A new follower",
        "share": "A share",
        "reply": "A reply",
        "answer": "You answered a fan",
        "rating": "A rating",
    }[facts.get("act", "like")]
    if not factors["genuine"]:
        paid = {
            "giveaway": "came from a giveaway",
            "pod": "came from an engagement pod",
            "bought": "was bought",
        }
        return f"{what} that {paid.get(facts.get('incentive', ''), 'was incentivised')}: recorded, earns nothing."
    if "held" in factors:
        return f"{what} on a day with far more of them than usual: the day's credit waits until it has been looked at."
    notes = []
    if factors["repeat"] < PPM:
        notes.append("the same person was active here lately, so it counts for less")
    if factors["reciprocity"] < PPM:
        notes.append("you two return each other's favours, so it counts half")
    if factors["standing"] < PPM:
        notes.append("the person's own standing is still low")
    if sum(burst.day_worth(factors["known_after"], factors["unknown_after"], factors)) == factors["day_cap"]:
        notes.append("the day's limit is reached")
    if factors["late_days"]:
        notes.append(f"it was reported {factors['late_days']} days late and is worth what it would still be worth")
    return f"{what}{': ' + '; '.join(notes) if notes else ''}."


KIND = Kind(
    name="engagement",
    title="Genuine engagement",
    facts=EngagementFacts,
    price=price,
    example={"act": "reply", "engager": "fan-4711"},
    parameters=(
        *(Parameter(f"engagement.{act}", "trust", "0", "20", f"credit for one {act}") for act in ACTS),
        Parameter("engagement.day_cap", "trust", "1", "1000", "most that one day of engagement earns a book"),
        Parameter("engagement.bedrock_share", "share", "0", "0.5", "part of engagement that becomes bedrock"),
        Parameter("engagement.reciprocity", "share", "0", "1", "what a returned favour between creators counts"),
        Parameter("engagement.standing_floor", "share", "0", "1", "what an engager without standing counts"),
        Parameter(
            "engagement.unknown_below",
            "share",
            "0",
            "1",
            "relative standing under which an engager is unknown",
        ),
        Parameter(
            "engagement.unknown_share",
            "share",
            "0",
            "1",
            "unknown engagers' bound in 30 days, as part of standing",
        ),
        Parameter("engagement.unknown_allowance", "trust", "0", "20", "unknown engagers' bound on top of that"),
        Parameter("engagement.standing_slope", "factor", "0.1", "100", "what an engager of average standing counts"),
        Parameter("standing.restart", "share", "0.05", "0.5", "part of all standing that attested accounts hand out"),
        Parameter("standing.least_tie", "share", "0.001", "0.5", "a tie is forgotten below this part of an act"),
    ),
)
LINE = LineKind("engagement", "Engagement", amounts, reason)
