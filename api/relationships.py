"""Relationships over HTTP: a brand introduces itself, the creator lets it in or not, either may end it."""

from __future__ import annotations

from functools import partial
from typing import Any

import marshmallow as ma
from flask import Response

from api import auth, conditional, cursors, encoding, fields, state
from api.blueprint import Blueprint
from api.conditional import PLACE
from api.problems import InvalidRequest
from ledger import creators, notation, relationships
from ledger.creators import Enrolled
from ledger.errors import Forbidden, UnknownCreator
from ledger.ids import NIL
from ledger.keys import Key
from ledger.kinds.facts import FORMS, SLUG
from ledger.readers import Reader
from ledger.relationships import STATUSES, Seen

blp = Blueprint("relationships", __name__, description="Who was let in, and how brand and creator stand.")
MATCHES = [ma.validate.Regexp(rf"\A{SLUG}\Z", error=FORMS[SLUG])]
NAMED: list[str | dict[str, Any]] = [
    {
        "name": "creator",
        "in": "path",
        "required": True,
        "description": "the creator's UUID, or `network:external_id`",
        "schema": {"type": "string", "minLength": 1},
        "example": "youtube:ada",
    },
    {
        "name": "brand",
        "in": "path",
        "required": True,
        "description": "the brand's slug",
        "schema": {"type": "string", "minLength": 1},
        "example": "nike",
    },
]
PARTLY = "null for whoever acts for some of the creator's networks and not for all: the book tells of each of them"
LETTING_IN = ("accept", "unblock")  # what opens the books of every network
WORDS = {"accept": "accepted", "decline": "declined", "end": "ended", "block": "blocked", "unblock": "unblocked"}


class IntroductionIn(ma.Schema):
    """Who asks to be let in by whom. A brand speaks for itself, so that it may leave its name out."""

    creator = fields.SafeString(required=True, longest=300, metadata={"example": "youtube:ada"})
    brand = fields.SafeString(longest=64, validate=MATCHES, metadata={"pattern": f"^{SLUG}$", "example": "nike"})


class RelationshipsQuery(ma.Schema):
    """Which relationships."""

    creator = fields.SafeString(longest=300, metadata={"description": "whose; a partner and an operator name one"})
    status = ma.fields.String(validate=ma.validate.OneOf(STATUSES), metadata={"description": "those of this status"})
    after = fields.SafeString(longest=1_000)
    limit = cursors.limit("relationships")


class LackingOut(fields.Shown):
    """What is missing until a relationship is established."""

    exchanges = ma.fields.Integer(**fields.told("genuine exchanges still missing"))
    not_before = fields.Day(**fields.told("the first day on which it may be"))


class RelatedOut(fields.Shown):
    """How a brand and a creator stand."""

    creator_id = ma.fields.UUID(**fields.told("the creator's UUID"))
    brand = ma.fields.String(**fields.told("the brand's slug"))
    meter = ma.fields.String(**fields.told("their book: the creator reads its statement there"))
    status = ma.fields.String(**fields.told("how they stand"), validate=ma.validate.OneOf(STATUSES))
    since = fields.Day(**fields.told("the day of the last step; being blocked on top of it has no day of its own"))
    exchanges = ma.fields.Integer(**fields.told("genuine exchanges that counted, since the last introduction"))
    established = ma.fields.Boolean(**fields.told("whether a pitch no longer costs a stranger's price"))
    missing = ma.fields.Nested(
        LackingOut(),
        **fields.told("what is missing until it is established; null where it is, or the brand is not let in"),
        allow_none=True,
    )
    again_from = fields.Day(
        **fields.told(
            "the first day on which the brand may introduce itself again; null where that is not the question"
        ),
        allow_none=True,
    )
    rapport = fields.Trust(
        **fields.told(f"what the relationship holds: the standing of their meter; {PARTLY}"), allow_none=True
    )
    points = fields.Trust(**fields.told(f"their meter, 0 to 100; {PARTLY}"), allow_none=True)
    history = ma.fields.String(
        **fields.told(f"where their history is read; null for the brand, which sees how it stands alone, and {PARTLY}"),
        allow_none=True,
    )
    next = ma.fields.List(ma.fields.String(), **fields.told("the steps that this key may take now"))


class RelationshipsOut(fields.Shown):
    """Relationships by creator and brand; `next` is the cursor of the page after it, null on the last."""

    relationships = ma.fields.List(ma.fields.Nested(RelatedOut()), **fields.told("by creator, then brand"))
    next = ma.fields.String(**fields.told("cursor of the next page; null on the last"), allow_none=True)


SHOWN = {
    "creator_id": "01936f2e-5b1c-7c3a-9f00-2b6f3c1d9e01",
    "brand": "nike",
    "meter": "brand:nike",
    "status": "accepted",
    "since": "2026-11-20",
    "exchanges": 2,
    "established": False,
    "missing": {"exchanges": 1, "not_before": "2026-12-04"},
    "again_from": None,
    "rapport": "6.940000",
    "points": "2.260000",
    "history": "/v1/creators/01936f2e-5b1c-7c3a-9f00-2b6f3c1d9e01/history?meter=brand:nike",
    "next": ["end", "block"],
}


@blp.post("/v1/relationships")
@auth.requires("relationships:write")
@blp.arguments(IntroductionIn(), example={"creator": "youtube:ada"})
@blp.alt_response(409, "CONFLICT")
@blp.alt_response(200, schema=RelatedOut(), example=SHOWN, description="It is waiting for an answer already")
@blp.response(201, RelatedOut(), example=SHOWN, description="Introduced", headers=PLACE)
def post_relationship(given: dict[str, Any]) -> Response:
    """A brand introduces itself to a creator, or is introduced by a partner of the creator's network."""
    return introduced(**given)


@blp.get("/v1/relationships")
@auth.requires("balances:read")
@blp.arguments(RelationshipsQuery(), location="query")
@blp.alt_response(304, "NOT_MODIFIED")
@blp.response(200, RelationshipsOut(), example={"relationships": [SHOWN], "next": None})
def get_relationships(asked: dict[str, Any]) -> Response:
    """Relationships: a brand's own, a creator's own, or those of the creator that a partner names."""
    return conditional.answer(state.ledger().database.read(lambda reader: page(reader, **asked)))


@blp.get("/v1/relationships/<string:creator>/<string:brand>", parameters=NAMED)
@auth.requires("balances:read")
@blp.alt_response(304, "NOT_MODIFIED")
@blp.response(200, RelatedOut(), example=SHOWN)
def get_relationship(creator: str, brand: str) -> Response:
    """How a brand and a creator stand, and what is missing until it is established."""
    return conditional.answer(show(*existing(creator, brand)))


def _answers(view: Any) -> Any:
    """What every step answers with."""
    replied = blp.response(200, RelatedOut(), example=SHOWN, description="How they stand now")
    return auth.requires("relationships:write")(blp.alt_response(409, "CONFLICT")(replied(view)))


@blp.post("/v1/relationships/<string:creator>/<string:brand>/accept", parameters=NAMED)
@_answers
def post_accept(creator: str, brand: str) -> Response:
    """The creator lets a brand in.

    For the creator, an operator, and a partner that acts for every network they are on.
    """
    return taken(creator, brand, "accept")


@blp.post("/v1/relationships/<string:creator>/<string:brand>/decline", parameters=NAMED)
@_answers
def post_decline(creator: str, brand: str) -> Response:
    """The creator does not let a brand in."""
    return taken(creator, brand, "decline")


@blp.post("/v1/relationships/<string:creator>/<string:brand>/end", parameters=NAMED)
@_answers
def post_end(creator: str, brand: str) -> Response:
    """Either side ends it; before there is an answer, the brand takes its introduction back so."""
    return taken(creator, brand, "end")


@blp.post("/v1/relationships/<string:creator>/<string:brand>/block", parameters=NAMED)
@_answers
def post_block(creator: str, brand: str) -> Response:
    """The creator keeps a brand away, whether it ever came or not; what there was ends."""
    return taken(creator, brand, "block")


@blp.post("/v1/relationships/<string:creator>/<string:brand>/unblock", parameters=NAMED)
@_answers
def post_unblock(creator: str, brand: str) -> Response:
    """The creator lets a brand introduce itself again.

    For the creator, an operator, and a partner that acts for every network they are on.
    """
    return taken(creator, brand, "unblock")


# Who may


def speaks_for(key: Key, creator: Enrolled) -> bool:
    """Whether a key is the creator's own, or acts for them: a partner's of their network, an operator's."""
    if key.role in ("partner", "operator"):
        return any(key.may_act_for(account.network) for account in creator.accounts)
    return auth.is_self(key, creator.creator_id)


def speaks_for_all(key: Key, creator: Enrolled) -> bool:
    """Whether a key speaks for a creator on every network they are on."""
    networks = [account.network for account in creator.accounts]
    return auth.speaks_for_all(key, creator_id=creator.creator_id, networks=networks)


def known(creator: str, brand: str) -> tuple[Enrolled, Seen | None]:
    """A creator and how a brand stands with them, if the key may know of that. Raises UnknownCreator."""
    ledger, key, ref = state.ledger(), auth.current(), auth.ref(creator)
    told: dict[str, Any] = {"brand": brand, "now_us": ledger.clock(), "schedule": ledger.schedule()}

    def read(reader: Reader) -> tuple[Enrolled, Seen | None]:
        found = creators.get(reader, creators.find(reader, ref))
        return found, relationships.find(reader, creator_id=found.creator_id, **told)

    found, seen = ledger.database.read(read)
    met = seen is not None and seen.met
    if speaks_for(key, found) or (_is(key, brand) and (met or found.visibility == "public")):
        return found, seen
    raise auth.refuse_unknown()


def _is(key: Key, brand: str) -> bool:
    return key.role == "brand" and key.owner == brand


def existing(creator: str, brand: str) -> tuple[Enrolled, Seen]:
    """A creator and how a brand stands with them, if the key may know. Raises UnknownCreator, NotFound."""
    found, seen = known(creator, brand)
    if seen is None or not (seen.met or auth.current().role != "brand"):
        raise relationships.nothing_between(brand)
    return found, seen


# What they do


def introduced(creator: str, *, brand: str | None = None) -> Response:
    """The answer to an introduction: 201, or 200 where the brand is waiting already. Raises Forbidden."""
    key = auth.current()
    if key.role == "creator":
        raise Forbidden("a brand introduces itself; a creator lets it in or not")
    brand = brand or (key.owner if key.role == "brand" else None)
    if brand is None:
        raise InvalidRequest([("/brand", "is required: this key is no brand's")])
    if key.role == "brand" and brand != key.owner:
        raise Forbidden("a brand introduces itself, no other", pointer="/brand")
    found, _ = known(creator, brand)
    is_new = _write(partial(relationships.introduce, creator_id=found.creator_id, brand=brand))
    response = replied(found.creator_id, brand, 201 if is_new else 200, is_new=is_new)
    response.headers["Location"] = f"/v1/relationships/{found.creator_id}/{brand}"
    return response


def taken(creator: str, brand: str, word: str) -> Response:
    """The answer to a step. Raises UnknownCreator, NotFound, Forbidden, IllegalTransition, NotLetIn."""
    key = auth.current()
    if word == "block" and key.role != "brand":
        found, _ = known(creator, check(brand))
    else:
        found, _ = existing(creator, brand)
    if key.role == "brand" and word != "end":
        raise Forbidden("the creator decides that")
    if word in LETTING_IN and not speaks_for_all(key, found):
        raise Forbidden("this key does not act for every network that the creator is on")
    told: dict[str, Any] = {"creator_id": found.creator_id, "brand": brand, "status": WORDS[word], "by": key.role}
    is_new = _write(partial(relationships.step, **told))
    return replied(found.creator_id, brand, 200, is_new=is_new)


def check(brand: str) -> str:
    """A brand's slug. Raises UnknownCreator for what is none, as for whatever else is not there."""
    try:
        MATCHES[0](brand)
    except ma.ValidationError as wrong:
        raise UnknownCreator("no such brand") from wrong
    return brand


def _write(work: Any) -> bool:
    ledger = state.ledger()
    schedule = ledger.schedule()
    done: bool = ledger.database.write(lambda session: work(session, clock=ledger.clock, schedule=schedule))
    return done


def replied(creator_id: str, brand: str, status: int, *, is_new: bool) -> Response:
    """How they stand now, as the answer to a step."""
    shown = show(*existing(creator_id, brand))
    return encoding.json_response(shown, status, {} if is_new else {"Idempotency-Replayed": "true"})


# Showing


def page(reader: Reader, *, limit: int, creator: str | None = None, **asked: Any) -> dict[str, Any]:
    """A page of relationships as JSON carries it. Raises UnknownCreator, InvalidRequest, InvalidCursor."""
    ledger, after, status = state.ledger(), asked.get("after"), asked.get("status")
    of, whose = side(reader, creator)
    question = {**whose, "status": status}
    place = cursors.read(ledger.settings, after, **question) if after else None
    told: dict[str, Any] = {"now_us": ledger.clock(), "schedule": ledger.schedule(), "status": status}
    told |= {"limit": limit + 1, "after": unplaced(place)}
    found = relationships.listed(reader, **told, **whose)
    more = cursors.following(ledger.settings, found, limit, placed, **question)
    return {"relationships": [show(of, one) for one in found[:limit]], "next": more}


def side(reader: Reader, creator: str | None) -> tuple[Enrolled | None, dict[str, Any]]:
    """Whose relationships a key lists: the creator, and how that is asked. Raises InvalidRequest, UnknownCreator."""
    key = auth.current()
    if creator is None and key.role in ("partner", "operator"):
        raise InvalidRequest([("creator", "is required: name the creator whose relationships you mean")])
    if key.role == "brand":
        return None, {"brand": key.owner, "creator_id": None if creator is None else named(reader, creator)}
    found = creators.get(reader, key.owner if creator is None else creators.find(reader, auth.ref(creator)))
    if not speaks_for(key, found):
        raise auth.refuse_unknown()
    return found, {"brand": None, "creator_id": found.creator_id}


def named(reader: Reader, creator: str) -> str:
    """The id of whom a brand asks about; nobody's where there is none, so that it learns only of its own."""
    try:
        return creators.find(reader, auth.ref(creator))
    except UnknownCreator:
        return NIL


def placed(seen: Seen) -> int:
    """A place in a list as a number: its creator and meter are the bytes."""
    return int.from_bytes(f"{seen.creator_id} {seen.meter}".encode(), "big")


def unplaced(place: int | None) -> tuple[str, str] | None:
    """The creator and meter of a place."""
    if place is None:
        return None
    creator_id, _, meter = place.to_bytes((place.bit_length() + 7) // 8, "big").decode().partition(" ")
    return creator_id, meter


def show(creator: Enrolled | None, seen: Seen) -> dict[str, Any]:
    """A relationship as JSON carries it to whoever asks: a brand, to which it does not matter who the creator is."""
    key, day, trust = auth.current(), notation.day, notation.trust
    is_brand, is_all = key.role == "brand", creator is not None and speaks_for_all(key, creator)
    is_told = is_brand or is_all
    missing = None
    if seen.lacking is not None and seen.established_from is not None and not seen.established:
        missing = {"exchanges": seen.lacking, "not_before": day(seen.established_from)}
    return {
        "creator_id": seen.creator_id,
        "brand": seen.brand,
        "meter": seen.meter,
        "status": seen.status,
        "since": day(seen.since_day),
        "exchanges": seen.exchanges,
        "established": seen.established,
        "missing": missing,
        "again_from": None if seen.again_from is None else day(seen.again_from),
        "rapport": trust(seen.rapport) if is_told else None,
        "points": trust(seen.points) if is_told else None,
        "history": f"/v1/creators/{seen.creator_id}/history?meter={seen.meter}" if is_all else None,
        "next": [step for step in steps(seen.status, is_brand=is_brand) if is_told or step not in LETTING_IN],
    }


def steps(status: str, *, is_brand: bool) -> list[str]:
    """The steps that may follow a status, for one side."""
    if is_brand:
        return {"introduced": ["end"], "accepted": ["end"], "blocked": []}.get(status, ["introduce"])
    if status == "introduced":
        return ["accept", "decline", "end", "block"]
    return {"accepted": ["end", "block"], "blocked": ["unblock"]}.get(status, ["block"])
