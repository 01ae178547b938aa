"""Hold: a pitch from authorisation to capture. It reserves its p90 until it is published, ended or expired.

The hold says the terms, so that they are in the chain: publication, which alone moves an amount, reads them there and
nowhere else. Trust can't be leveraged: more than is available is refused, and what broke or decayed since then clips
what is captured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from ledger.economy import PPM
from ledger.errors import (
    AlreadyDone,
    ExceedsAvailable,
    HoldWaiting,
    IllegalTransition,
    NotLetIn,
    TooEarly,
    WrongReference,
)
from ledger.kinds import pitch, transparency
from ledger.kinds.base import Context, Factors, Kind, Line, LineKind, Pitch, no_amounts
from ledger.kinds.facts import SLUG, Choice, Name, Share, Whole
from ledger.labels import nearest
from ledger.policy import Parameter

MOST = 10**15
FAR_US = 2**53
DISCLOSURE = Choice(("clear", "vague"), "how plainly the post says that it is sponsored")
PITCH = Name("the pitch's id", 36)
BRAND = Name("the brand's slug", 64, SLUG)
WHO = Choice(("creator", "brand", "partner", "operator", "ledger"), "who decided it")
STATUS = {
    "pitch_accepted": "accepted",
    "pitch_declined": "declined",
    "pitch_withdrawn": "withdrawn",
    "pitch_expired": "expired",
    "pitch_published": "published",
}
FROM = {
    "pitch_accepted": ("held",),
    "pitch_declined": ("held",),
    "pitch_withdrawn": ("held", "accepted"),
    "pitch_expired": ("held", "accepted"),
    "pitch_published": ("accepted",),
}


@dataclass(frozen=True, slots=True)
class HeldFacts:
    """A pitch authorised at the terms of its quote, from here on binding. Amounts in micro-trust."""

    brand: Annotated[str, BRAND]
    disclosure: Annotated[str, DISCLOSURE]
    drain: Annotated[int, Whole(0, MOST, "what was quoted, in micro-trust")]
    held: Annotated[int, Whole(0, MOST, "what is reserved, in micro-trust")]
    share: Annotated[int, Share("the share of standing that was quoted")]
    mending: Annotated[int, Share("the share of the drain that comes back")]
    clear: Annotated[int, Share("the share of the drain that a clear disclosure gives back")]
    vague: Annotated[int, Share("the share of the drain that a vague disclosure gives back")]
    expires_at_us: Annotated[int, Whole(0, FAR_US, "until when, in microseconds since 1970")]
    fit: Annotated[int, Share("how well the product fits what the creator stands for, 0 to 1")] = PPM // 2


@dataclass(frozen=True, slots=True)
class StepFacts:
    """What becomes of an authorised pitch, and who decided so."""

    pitch: Annotated[str, PITCH]
    brand: Annotated[str, BRAND]
    by: Annotated[str, WHO] = "creator"


@dataclass(frozen=True, slots=True)
class PublishedFacts:
    """The post is out, disclosed as it says; at the terms of the hold."""

    pitch: Annotated[str, PITCH]
    brand: Annotated[str, BRAND]
    disclosure: Annotated[str, DISCLOSURE]


def price_held(facts: HeldFacts, context: Context) -> list[Line]:
    """Reserve, at no amount. Raises NotLetIn, HoldWaiting, ExceedsAvailable."""
    let_in(facts.brand, context)
    if context.waiting:
        raise HoldWaiting(
            f"a pitch of {facts.brand} waits for the creator's answer: hold another once it has one", pointer="/quote"
        )
    available = max(0, context.state.standing) - context.holds
    if facts.held > available:
        raise ExceedsAvailable(
            f"the pitch would hold {_trust(facts.held)}, but {_trust(max(0, available))} is available",
            pointer="/quote",
        )
    return [Line("pitch_held", {"held": facts.held, "drain": facts.drain, "available": available})]


def let_in(brand: str, context: Context) -> None:
    """See that the creator let the brand in. Raises NotLetIn saying how it stands."""
    now = context.relationship
    if now is not None and now.accepted:
        return
    if now is None:
        raise NotLetIn(f"the brand {brand} has not introduced itself: nobody may pitch before being let in")
    stands = "blocked by the creator" if now.blocked else now.status
    raise NotLetIn(f"the brand {brand} is {stands}: it may pitch once the creator accepts it")


def beside_held(facts: HeldFacts, context: Context, lines: list[Line]) -> list[Line]:
    """The relationship's own statement tells of it too."""
    return [Line("pitch_held", dict(lines[0].factors))]


def price_step(name: str) -> Any:
    """The price of a step: nothing. Raises IllegalTransition, TooEarly."""

    def price(facts: StepFacts, context: Context) -> list[Line]:
        found = step(name, facts.brand, context)
        return [Line("pitch_step", {"step": list(STATUS).index(name), "released": found.held}, about=found.seq)]

    return price


def step(name: str, brand: str, context: Context) -> Pitch:
    """The pitch, where it may take that step now. Raises IllegalTransition naming where it stands, WrongReference."""
    found, done = context.pitch, STATUS[name]
    if found is None:  # posting resolves the reference before it prices
        raise AlreadyDone("there is no pitch to speak of")
    if found.brand != brand:
        raise WrongReference(f"the pitch is not for the brand {brand}", pointer="/facts/brand")
    if found.status not in FROM[name]:
        raise IllegalTransition(f"the pitch is {found.status}: it cannot be {done}", pointer="/status")
    late = found.expires_at_us <= context.at_us
    if name == "pitch_expired" and not late:
        raise TooEarly("the pitch has not run out yet")
    if late and name != "pitch_expired":  # as it is shown, whether that was written down yet or not
        raise IllegalTransition(f"the pitch has expired: it cannot be {done}", pointer="/status")
    return found


def price_published(facts: PublishedFacts, context: Context) -> list[Line]:
    """Capture at the terms of the hold, clipped to what there is; and the credit for disclosing it."""
    found = step("pitch_published", facts.brand, context)
    factors = {
        "quoted": found.drain,
        "available": max(0, context.state.standing),
        "share": found.share,
        "mending": found.mending,
        "late_days": 0,
    }
    drain, credit = Line("pitch", factors, about=found.seq), found.vague if facts.disclosure == "vague" else found.clear
    return [drain, transparency.for_pitch(pitch.whole_drain(factors), credit, context)]


def beside_published(facts: PublishedFacts, context: Context, lines: list[Line]) -> list[Line]:
    """The brand's own meter loses the share that was quoted."""
    quoted = lines[0].factors
    return [pitch.beside(context, share=quoted["share"], mending=quoted["mending"])]


def held_reason(facts: Mapping[str, Any], factors: Factors) -> str:
    """Why the line is there."""
    brand, held = facts.get("brand", "a brand"), _spoken(factors["held"])
    return f"A pitch for {brand} was authorised and holds {held}. Nothing is taken before it is published."


def step_reason(facts: Mapping[str, Any], factors: Factors) -> str:
    """Why the line is there."""
    brand, freed = facts.get("brand", "a brand"), f"{_spoken(factors['released'])} is free again"
    who = {"creator": "you", "brand": brand, "partner": "the platform", "operator": "the operator"}.get(
        facts.get("by", ""), "nobody"
    )
    return (
        f"The pitch for {brand} was accepted by {who}.",
        f"The pitch for {brand} was declined by {who}: {freed}.",
        f"The pitch for {brand} was withdrawn by {who}: {freed}.",
        f"The pitch for {brand} ran out before it was published: {freed}.",
    )[factors["step"]]


def _trust(micros: int) -> str:
    whole, places = divmod(micros, PPM)
    return f"{whole}.{places:06d}".rstrip("0").rstrip(".")


def _spoken(micros: int) -> str:
    """An amount as a sentence has it, in hundredths."""
    whole, hundredths = divmod(nearest(micros, PPM // 100), 100)
    return f"{whole}.{hundredths:02d}"


def _step(name: str, title: str) -> Kind:
    return Kind(
        name=name,
        title=title,
        facts=StepFacts,
        price=price_step(name),
        example={"pitch": "0192f0c1-0000-7000-8000-000000000001", "brand": "nike"},
        refers_to="pitch",
        internal=True,
        needs=frozenset({"pitches"}),
    )


HELD = Kind(
    name="pitch_held",
    title="Pitch authorised",
    facts=HeldFacts,
    price=price_held,
    example={
        "brand": "nike",
        "disclosure": "clear",
        "drain": 4_000_000,
        "held": 8_000_000,
        "share": "0.04",
        "mending": "0.8",
        "clear": "0.15",
        "vague": "0.05",
        "expires_at_us": 1_800_000_000_000_000,
    },
    parameters=(
        Parameter("quote.hours", "count", "1", "720", "hours for which a quote binds"),
        Parameter("pitch.hold_days", "days", "1", "365", "days for which an authorised pitch may be published"),
    ),
    internal=True,
    beside=beside_held,
    needs=frozenset({"pitches"}),
)
PUBLISHED = Kind(
    name="pitch_published",
    title="Authorised pitch, published",
    facts=PublishedFacts,
    price=price_published,
    example={
        "pitch": "0192f0c1-0000-7000-8000-000000000001",
        "brand": "nike",
        "disclosure": "clear",
    },
    refers_to="pitch",
    counts=("posts", "sponsored"),
    internal=True,
    beside=beside_published,
    needs=frozenset({"pitches"}),
)
STEP_KINDS = (
    _step("pitch_accepted", "Pitch accepted"),
    _step("pitch_declined", "Pitch declined"),
    _step("pitch_withdrawn", "Pitch withdrawn"),
    _step("pitch_expired", "Pitch expired"),
)
HELD_LINE = LineKind("pitch_held", "Pitch authorised", no_amounts, held_reason)
STEP_LINE = LineKind("pitch_step", "Pitch", no_amounts, step_reason)
