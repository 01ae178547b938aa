"""Pitches over HTTP, from quote to outcome: authorised, accepted or not, published, and how it was taken."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

from flask import Response

from api import auth, conditional, creators, cursors, encoding, relationships, state
from api.blueprint import Blueprint
from api.conditional import PLACE
from api.pitch_documents import (
    NAMED,
    SHOWN,
    OutcomeIn,
    PitchesOut,
    PitchesQuery,
    PitchIn,
    PitchOut,
    PublishIn,
)
from ledger import authorised, ids, notation, pitches, quotes
from ledger.authorised import PREFIX, Authorised
from ledger.economy import DAY_US
from ledger.errors import Forbidden, NotFound
from ledger.keys import Key
from ledger.kinds import facts as facts_of
from ledger.kinds.outcome import OutcomeFacts
from ledger.readers import Reader

blp = Blueprint("pitches", __name__, description="Pitches from quote to outcome.")


@blp.post("/v1/pitches")
@auth.requires("pitches:write")
@blp.arguments(PitchIn(), example={"quote": SHOWN["quote"]})
@blp.alt_response(404, "NOT_FOUND")
@blp.alt_response(409, "CONFLICT")
@blp.alt_response(200, schema=PitchOut(), example=SHOWN, description="Authorised before: how it stands")
@blp.response(201, PitchOut(), example=SHOWN, description="Authorised", headers=PLACE)
def post_pitch(given: dict[str, str]) -> Response:
    """Authorise a pitch at the terms of a quote. It reserves the quote's p90 and takes nothing yet.

    Refused by name: `quote_expired`, `quote_replaced`, `not_let_in`, `hold_waiting`, `exceeds_available`.
    """
    return held(given["quote"])


@blp.get("/v1/pitches")
@auth.requires("balances:read")
@blp.arguments(PitchesQuery(), location="query")
@blp.alt_response(304, "NOT_MODIFIED")
@blp.response(200, PitchesOut(), example={"pitches": [SHOWN], "next": None})
def get_pitches(asked: dict[str, Any]) -> Response:
    """Pitches, newest quote first: a brand's own, a creator's own, or those on a partner's networks."""
    named = asked.pop("creator", None)
    creator_id = whom(named) if named else None
    return conditional.answer(state.ledger().database.read(lambda reader: page(reader, creator_id, **asked)))


@blp.get("/v1/pitches/<string:pitch>", parameters=NAMED)
@auth.requires("balances:read")
@blp.alt_response(304, "NOT_MODIFIED")
@blp.response(200, PitchOut(), example=SHOWN)
def get_pitch(pitch: str) -> Response:
    """How a pitch stands now."""
    return conditional.answer(show(known(pitch)))


def _answers(view: Any) -> Any:
    """What every step answers with."""
    replied = blp.response(200, PitchOut(), example=SHOWN, description="How it stands now")
    return auth.requires("pitches:write")(blp.alt_response(409, "CONFLICT")(replied(view)))


@blp.post("/v1/pitches/<string:pitch>/accept", parameters=NAMED)
@_answers
def post_accept(pitch: str) -> Response:
    """The creator agrees to publish it."""
    return taken(pitch, "accept")


@blp.post("/v1/pitches/<string:pitch>/decline", parameters=NAMED)
@_answers
def post_decline(pitch: str) -> Response:
    """The creator does not want it; what it held is free again."""
    return taken(pitch, "decline")


@blp.post("/v1/pitches/<string:pitch>/withdraw", parameters=NAMED)
@_answers
def post_withdraw(pitch: str) -> Response:
    """Either side takes it back before it is out; what it held is free again."""
    return taken(pitch, "withdraw")


@blp.post("/v1/pitches/<string:pitch>/publish", parameters=NAMED)
@_answers
@blp.arguments(PublishIn(), example={"disclosure": "clear"})
def post_publish(given: dict[str, str], pitch: str) -> Response:
    """The post is out: what was quoted is taken, as far as it is still there. The one step that moves trust."""
    return taken(pitch, "publish", **given)


@blp.post("/v1/pitches/<string:pitch>/outcome", parameters=NAMED)
@_answers
@blp.arguments(OutcomeIn(), example={"positive": 850, "negative": 150, "acts": 1000, "usual_acts": 1200})
def post_outcome(given: dict[str, Any], pitch: str) -> Response:
    """How the audience took it, a week after it was out: corrects what it took within bounds, once."""
    return told(pitch, given)


# Who may


STEPS = {
    "held": {"accept": "creator", "decline": "creator", "withdraw": "both"},
    "accepted": {"publish": "creator", "withdraw": "both"},
    "published": {"outcome": "partner"},
}
STATUS_OF = {"accept": "accepted", "decline": "declined", "withdraw": "withdrawn"}


def may(key: Key, who: str) -> bool:
    """Whether a key that knows of a pitch may take a step that is for its creator, for both sides, or for a partner."""
    if key.role in ("partner", "operator"):  # acting for the creator, as their platform does
        return True
    return who in ("both", key.role)


def concerns(key: Key, *, creator_id: str, meter: str, brand: str) -> bool:
    """Whether a key may know of a pitch: its brand's, its creator's, a partner's or operator's of that network."""
    if key.role == "brand":
        return key.owner == brand
    if key.role in ("partner", "operator"):
        return key.may_act_for(auth.network_of(meter))
    return auth.is_self(key, creator_id)


def known(name: str) -> Authorised:
    """The pitch of that id, if the key may know of it. Raises NotFound."""
    creator_id, pitch_id = ids.split(PREFIX, name)
    ledger = state.ledger()
    found = ledger.database.read(
        lambda reader: authorised.find(reader, creator_id=creator_id, pitch_id=pitch_id, now_us=ledger.clock())
    )
    if not concerns(auth.current(), creator_id=creator_id, meter=found.meter, brand=found.brand):
        raise NotFound(f"there is no such {PREFIX}")
    return found


def whom(name: str) -> str:
    """The id of the creator that a list is asked for; nobody's for a brand, which learns only of its own."""
    if auth.current().role != "brand":
        return creators.known(name).creator_id
    return state.ledger().database.read(lambda reader: relationships.named(reader, name))


# What they do


def held(name: str) -> Response:
    """The answer to holding a quote: 201, or 200 where it was held before. Raises Forbidden, NotFound, Refusal."""
    ledger, key = state.ledger(), auth.current()
    if key.role == "creator":
        raise Forbidden("a pitch is authorised for its brand; its creator accepts it or not")
    creator_id, quote_id = ids.split(quotes.PREFIX, name)
    quote = ledger.database.read(lambda reader: quotes.find(reader, creator_id=creator_id, quote_id=quote_id))
    if quote is None or not concerns(key, creator_id=creator_id, meter=quote.meter, brand=quote.brand):
        raise NotFound(f"there is no such {quotes.PREFIX}")
    is_new = _write(partial(pitches.hold, creator_id=creator_id, quote_id=quote_id))
    pitch = ids.join(PREFIX, creator_id, quote_id)
    response = replied(pitch, 201 if is_new else 200, is_new=is_new)
    response.headers["Location"] = f"/v1/pitches/{pitch}"
    return response


def taken(name: str, word: str, *, disclosure: str | None = None) -> Response:
    """The answer to a step. Raises NotFound, Forbidden, IllegalTransition."""
    found, key = known(name), auth.current()
    if not may(key, "both" if word == "withdraw" else "creator"):
        raise Forbidden("the creator decides that, or their platform for them")
    where: dict[str, Any] = {"creator_id": found.creator_id, "pitch_id": found.pitch_id}
    if disclosure is not None:
        return replied(name, 200, is_new=_write(partial(pitches.publish, **where, disclosure=disclosure)))
    step = partial(pitches.step, **where, status=STATUS_OF[word], by=key.role)
    return replied(name, 200, is_new=_write(step))


def told(name: str, facts: dict[str, Any]) -> Response:
    """The answer to an outcome. Raises NotFound, Forbidden, IllegalTransition, TooEarly, AlreadyDone."""
    found, key = known(name), auth.current()
    if not may(key, "partner"):
        raise Forbidden("the partner who measured it tells how it was taken")
    where: dict[str, Any] = {"creator_id": found.creator_id, "pitch_id": found.pitch_id}
    is_new = _write(partial(pitches.outcome, **where, source=key.owner, facts=facts))
    return replied(name, 200, is_new=is_new)


def _write(work: Any) -> bool:
    ledger = state.ledger()
    schedule = ledger.schedule()
    done: bool = ledger.database.write(lambda session: work(session, clock=ledger.clock, schedule=schedule))
    return done


def replied(name: str, status: int, *, is_new: bool) -> Response:
    """How it stands now, as the answer to a step."""
    return encoding.json_response(show(known(name)), status, {} if is_new else {"Idempotency-Replayed": "true"})


# Showing


def page(
    reader: Reader,
    creator_id: str | None,
    *,
    limit: int,
    brand: str | None = None,
    status: str | None = None,
    after: str | None = None,
) -> dict[str, Any]:
    """A page of pitches as JSON carries it. Raises InvalidCursor."""
    ledger, key = state.ledger(), auth.current()
    asked = {"creator_id": creator_id, "brand": brand, "status": status}
    question = {"pitches of": f"{key.role} {key.owner}", **asked}
    before = str(UUID(int=cursors.read(ledger.settings, after, **question))) if after else None
    seen = _listed(reader, key, asked, before=before, limit=limit + 1)
    more = cursors.following(ledger.settings, seen, limit, lambda one: UUID(one.pitch_id).int, **question)
    return {"pitches": [show(one) for one in seen[:limit]], "next": more}


def _listed(reader: Reader, key: Key, asked: dict[str, str | None], **bounds: Any) -> list[Authorised]:
    """Those of the pitches asked for that a key may list: nobody those of others."""
    whose: dict[str, Any] = {**asked}
    if key.role == "brand":
        if asked["brand"] not in (None, key.owner):
            return []
        whose["brand"] = key.owner
    elif key.role == "creator":
        if asked["creator_id"] not in (None, key.owner):
            return []
        whose["creator_id"] = key.owner
    elif key.role == "partner" or key.networks:
        whose["networks"] = sorted(key.networks)
    return authorised.listed(reader, now_us=state.ledger().clock(), **whose, **bounds)


def _too_fresh(pitch: Authorised) -> bool:
    """It was published, and its audience still has days to take it in."""
    if pitch.published_at_us is None:
        return False
    today = state.ledger().clock() // DAY_US
    return today - pitch.published_at_us // DAY_US < state.ledger().schedule().at(today)["outcome.days"]


def show(pitch: Authorised) -> dict[str, Any]:
    """A pitch as JSON carries it to whoever asks."""
    trust, instant, key = notation.trust, notation.instant, auth.current()
    steps = {} if pitch.outcome or _too_fresh(pitch) else STEPS.get(pitch.status, {})
    return {
        "pitch": pitch.name,
        "quote": ids.join(quotes.PREFIX, pitch.creator_id, pitch.pitch_id),
        "creator_id": pitch.creator_id,
        "meter": pitch.meter,
        "brand": pitch.brand,
        "status": pitch.status,
        "disclosure": pitch.terms.disclosure,
        "fit": trust(pitch.terms.fit),
        "quoted": trust(pitch.quoted),
        "held": trust(pitch.holds),
        "captured": trust(pitch.captured),
        "unpaid": trust(pitch.unpaid),
        "opened_at": instant(pitch.opened_at_us),
        "expires_at": instant(pitch.expires_at_us),
        "closed_at": None if pitch.ended_at_us is None else instant(pitch.ended_at_us),
        "published_as": pitch.disclosed,
        "line": pitch.capture_seq,
        "reversed_by": pitch.reversed_by,
        "outcome": show_outcome(pitch.outcome) if pitch.outcome else None,
        "next": [word for word, who in steps.items() if may(key, who)],
    }


def show_outcome(outcome: authorised.Outcome) -> dict[str, Any]:
    """How it was taken as JSON carries it."""
    facts: OutcomeFacts = outcome.facts
    counts = ("positive", "negative", "acts", "usual_acts", "reach", "objections")
    return {
        "ratio": notation.trust(outcome.ratio),
        "reported_by": outcome.source,
        "reported_at": notation.instant(outcome.told_at_us),
        "audience": {name: getattr(facts, name) for name in counts},
        "brand_result": None if facts.result is None else facts_of.show_ppm(facts.result),
        "compensation": facts.compensation,
    }
