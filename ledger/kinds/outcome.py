"""Outcome: how an audience took a sponsored post. It corrects the drain within bounds, and teaches the estimates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import sqrt
from typing import Annotated, Any

from ledger.days import iso_day
from ledger.economy import PPM, Move, scale
from ledger.errors import AlreadyDone, TooEarly, WrongReference
from ledger.kinds import relationship
from ledger.kinds.base import Context, Factors, Kind, Line, LineKind
from ledger.kinds.facts import REPORTER, Name, Share, Whole
from ledger.kinds.reversal import MOVED, undo
from ledger.labels import percent
from ledger.policy import Parameter, Policy, Rates

MOST = 100_000_000_000
LEAST_RATIO, MOST_RATIO = 0.01, 100.0


@dataclass(frozen=True, slots=True)
class OutcomeFacts:
    """What the audience did with a sponsored post in its first week. What a brand paid or got is never priced."""

    pitch: Annotated[str, Name("external_ref of the sponsored post; authorised: POST /v1/pitches/{pitch}/outcome")]
    positive: Annotated[int, Whole(0, MOST, "reactions in favour")]
    negative: Annotated[int, Whole(0, MOST, "reactions against")]
    acts: Annotated[int | None, Whole(0, MOST, "all acts of engagement that the sponsored post got")] = None
    usual_acts: Annotated[int | None, Whole(0, MOST, "the acts that an ordinary post gets in the same time")] = None
    reach: Annotated[int | None, Whole(0, MOST, "how many saw it; shown, not priced")] = None
    objections: Annotated[int | None, Whole(0, MOST, "complaints from the audience; shown, not priced")] = None
    result: Annotated[int | None, Share("the brand's goal reached; shown, not priced", 0, 100 * PPM)] = None
    compensation: Annotated[int | None, Whole(0, MOST, "what the brand paid, in cents; shown, never priced")] = None
    reported_by: Annotated[str | None, REPORTER] = None


def ratio(facts: OutcomeFacts, policy: Policy) -> int:
    """How the audience took it against what the formula expects, in ppm: 1 as expected, more is worse.

    The geometric mean of two ratios, each drawn towards 1 while little is known: the share of unfavourable reactions
    over the expected one, and an ordinary post's acts over those of this one (where both were reported).
    """
    negative, of_all = policy["outcome.prior_negative"], policy["outcome.prior_all"]
    share = (facts.negative + negative) / (facts.positive + facts.negative + of_all)
    found = share / (negative / of_all)
    if facts.acts is not None and facts.usual_acts is not None:
        found = sqrt(found * (facts.usual_acts + of_all) / (facts.acts + of_all))
    return round(PPM * min(max(found, LEAST_RATIO), MOST_RATIO))


def price(facts: OutcomeFacts, context: Context) -> list[Line]:
    """What survives of the pitch, times how far it lay from the formula, at most half either way.

    Raises WrongReference for what is no disclosed pitch, AlreadyDone for a second outcome, TooEarly before its week.
    """
    policy = context.policy
    if context.spoken_of not in ("pitch", "pitch_published") or not context.past:
        raise WrongReference(f"the event {facts.pitch!r} is not a disclosed sponsored post", pointer="/facts/pitch")
    if context.done:
        raise AlreadyDone(f"the outcome of {facts.pitch!r} is already told", pointer="/facts/pitch")
    published = min(past.day for past in context.past)
    due = published + policy["outcome.days"]
    if context.day < due:
        told = f"the audience has {policy['outcome.days']} days to take it in: tell it from {iso_day(due)} on"
        raise TooEarly(told, pointer="/facts/pitch")
    return [_correction(ratio(facts, policy), context)]


def price_beside(facts: OutcomeFacts, context: Context, lines: list[Line]) -> list[Line]:
    """The brand's own meter is corrected alike, and gains rapport where it is let in and it went well."""
    found, now = lines[0].factors["ratio"], context.relationship
    told = [_correction(found, context)] if context.past else []
    # What fewer said than the prior assumes is not known to have gone well.
    enough = facts.positive + facts.negative >= context.policy["outcome.prior_all"]
    if found <= PPM and enough and now is not None and now.accepted:
        gained = relationship.rapport("relationship.went_well", PPM, context)
        told.append(replace(gained, linked=bool(told)))  # undone with the pitch that earned it
    return told or [_correction(found, context)]


def _correction(found: int, context: Context) -> Line:
    """The line that corrects a pitch. A further loss is clipped to what there is: only a breach may pass zero."""
    bound = context.policy["outcome.bound"]
    asked = min(max(found - PPM, -bound), bound)
    moved = undo(context.past)
    loss = -_scaled(moved["fresh"] + moved["bedrock"], asked)
    available = max(0, context.state.standing)
    share = asked if loss <= available else asked * available // loss
    about = min((past.seq for past in context.past), default=None)
    return Line("outcome", {"ratio": found, "asked": asked, "share": share} | moved, about=about)


def amounts(factors: Factors, rates: Rates) -> Move:
    """The pitch's surviving parts, scaled: as if it had cost so much more or less from the start."""
    return Move(**{name: _scaled(factors[name], factors["share"]) for name in CORRECTED}, exact=True)


CORRECTED = tuple(name for name in MOVED if name not in ("known", "pitches"))


def _scaled(amount: int, share: int) -> int:
    return scale(amount, share) if share >= 0 else -scale(amount, -share)


def reason(facts: Mapping[str, Any], factors: Factors) -> str:
    """Why the line has its amount."""
    found, share = factors["ratio"], factors["share"]
    if share == 0 and factors["asked"] == 0:
        return "Your audience took the sponsored post just as expected: its cost stands."
    how = "better" if found < PPM else "worse"
    much = f"{percent(abs(share))} of what it cost is {'given back' if share < 0 else 'taken on top'}"
    clipped = "" if share == factors["asked"] else "; there was no more to take"
    return f"Your audience took the sponsored post {how} than expected: {much}{clipped}."


KIND = Kind(
    name="outcome",
    title="How a sponsored post was taken",
    facts=OutcomeFacts,
    price=price,
    example={"pitch": "pitch-1", "positive": 850, "negative": 150, "acts": 1000, "usual_acts": 1200},
    parameters=(
        Parameter("outcome.days", "days", "0", "90", "days an audience has before the outcome is told"),
        Parameter("outcome.bound", "share", "0", "0.9", "most of a drain that its outcome corrects, either way"),
        Parameter("outcome.prior_negative", "count", "1", "100000", "unfavourable reactions assumed before any come"),
        Parameter("outcome.prior_all", "count", "2", "100000", "reactions and acts assumed before any come"),
    ),
    refers_to="pitch",
    beside=price_beside,
    needs=frozenset({"outcomes"}),
)
LINE = LineKind("outcome", "How it was taken", amounts, reason)
