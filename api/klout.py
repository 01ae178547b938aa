"""Klout's Partner API v2 as its public clients speak it, answered from the books: identity, score, topics, influence.

The numbers are this ledger's own: a score says what the audience trusts a creator with, as `/sticks` does.
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from typing import Any

import marshmallow as ma
from flask import Response, request

from api import auth, conditional, fields, state, sticks, visibility
from api.klout_documents import (
    KloutBlueprint,
    KloutIdentityOut,
    KloutInfluenceOut,
    KloutScoreOut,
    KloutTopicOut,
    KloutUserOut,
)
from ledger import creators, influence, klout
from ledger.db import Reading
from ledger.economy import DAY_US, MICROS
from ledger.klout import Person, Topic
from ledger.readers import Reader
from ledger.sticks import TENTH, bucket
from ledger.sticks import Klout as Score

blp = KloutBlueprint("klout", __name__, description="Klout's Partner API v2, for clients that speak it.")
MOST_NAMED = 5  # as many as Klout named; its counts were of all
WORTH_PACKING = 400
DELTAS = {"dayChange": 0.111711, "weekChange": 0.072989, "monthChange": 0.197828}
USER = {
    "kloutId": "635263",
    "nick": "ada",
    "score": {"score": 92.80641, "bucket": "90-100"},
    "scoreDeltas": DELTAS,
}
ENTITY = {"entity": {"id": "635263", "payload": USER}}
TOPIC = {
    "id": "5241585099662481339",
    "displayName": "Analytical Engines",
    "name": "Analytical Engines",
    "slug": "analytical-engines",
    "imageUrl": "https://ledger.example/static/mark.svg",
    "topicType": "sub",
}
KLOUT_ID = {
    "name": "klout_id",
    "in": "path",
    "required": True,
    "description": "the creator's number, as identity gave it",
    "schema": {"type": "string", "pattern": "^[0-9]{1,16}$"},
    "example": "635263",
}
NETWORK = {
    "name": "network",
    "in": "path",
    "required": True,
    "description": "tw (twitter), gp (googleplus), ig (instagram), or the slug of any network",
    "schema": {"type": "string", "minLength": 1},
    "example": "youtube",
}
ACCOUNT = {
    "name": "external_id",
    "in": "path",
    "required": True,
    "description": "the creator's id on that network, as its partner told it",
    "schema": {"type": "string", "minLength": 1},
    "example": "UC-ada",
}
FOUND = {"id": "635263", "network": "ks"}


class ScreenName(ma.Schema):
    """Whose number is asked for."""

    screenName = fields.SafeString(  # noqa: N815
        required=True, metadata={"description": "the id on the network twitter, as its partner told it"}
    )


@blp.get("/v2/identity.json/twitter")
@auth.requires("balances:read")
@blp.arguments(ScreenName(), location="query", as_kwargs=True)
@blp.alt_response(304, "NOT_MODIFIED")
@blp.response(200, KloutIdentityOut(), example=FOUND)
def get_identity_by_screen_name(screenName: str) -> Response:  # noqa: N803 - as Klout named it
    """The number of a creator by screen name."""
    return answer(identity("twitter", screenName))


@blp.get("/v2/identity.json/<string:network>/<string:external_id>", parameters=[NETWORK, ACCOUNT])
@auth.requires("balances:read")
@blp.alt_response(304, "NOT_MODIFIED")
@blp.response(200, KloutIdentityOut(), example=FOUND)
def get_identity(network: str, external_id: str) -> Response:
    """The number of a creator by their id on a network."""
    return answer(identity(klout.network(network), external_id))


@blp.get("/v2/identity.json/klout/<string:klout_id>/<string:network>", parameters=[KLOUT_ID, NETWORK])
@auth.requires("balances:read")
@blp.alt_response(304, "NOT_MODIFIED")
@blp.response(200, KloutIdentityOut(), example={"id": "UC-ada", "network": "youtube"})
def get_account(klout_id: str, network: str) -> Response:
    """The id that a creator has on a network, by number."""
    return answer(state.ledger().database.read(lambda reader: account(reader, klout_id, network)))


@blp.get("/v2/user.json/<string:klout_id>", parameters=[KLOUT_ID])
@auth.requires("balances:read")
@blp.alt_response(304, "NOT_MODIFIED")
@blp.response(200, KloutUserOut(), example=USER)
def get_user(klout_id: str) -> Response:
    """A creator's score, and what they are called."""
    return answer(state.ledger().database.read(lambda reader: user(reader, klout_id)))


@blp.get("/v2/user.json/<string:klout_id>/score", parameters=[KLOUT_ID])
@auth.requires("balances:read")
@blp.alt_response(304, "NOT_MODIFIED")
@blp.response(200, KloutScoreOut(), example={"score": 92.80641, "scoreDelta": DELTAS, "bucket": "90-100"})
def get_score(klout_id: str) -> Response:
    """A creator's score and how it moved."""
    return answer(state.ledger().database.read(lambda reader: score(reader, klout_id)))


@blp.get("/v2/user.json/<string:klout_id>/topics", parameters=[KLOUT_ID])
@auth.requires("balances:read")
@blp.alt_response(304, "NOT_MODIFIED")
@blp.response(200, KloutTopicOut(many=True), example=[TOPIC])
def get_topics(klout_id: str) -> Response:
    """The topics that a creator declared."""
    return answer(state.ledger().database.read(lambda reader: topics(reader, klout_id)))


@blp.get("/v2/user.json/<string:klout_id>/influence", parameters=[KLOUT_ID])
@auth.requires("balances:read", limit="heavy")
@blp.alt_response(304, "NOT_MODIFIED")
@blp.response(
    200,
    KloutInfluenceOut(),
    example={"myInfluencers": [ENTITY], "myInfluencees": [], "myInfluencersCount": 1, "myInfluenceesCount": 0},
)
def get_influence(klout_id: str) -> Response:
    """Enrolled creators whom a creator engages with, and who engage with the creator."""
    return answer(influence_of(klout_id))


def answer(body: object) -> Response:
    """A value with its ETag, packed where the client takes it: Klout's clients ask for that."""
    response = conditional.answer(body)
    response.vary.add("Accept-Encoding")
    if len(response.data) < WORTH_PACKING or request.accept_encodings.quality("gzip") <= 0:
        return response
    response.set_data(gzip.compress(response.data, compresslevel=5, mtime=0))
    response.content_encoding = "gzip"
    response.headers["ETag"] = f"W/{response.headers['ETag']}"  # the same value in other bytes
    return response


def identity(network: str, external_id: str) -> dict[str, str]:
    """The number of a creator by their account; it is given on first need. Raises UnknownCreator."""
    database, name = state.ledger().database, f"{network}:{external_id}"
    creator_id, _ = database.read(lambda reader: sticks.networks(reader, name))
    return {"id": str(klout.numbers(database, [creator_id])[creator_id]), "network": "ks"}


def seen(reader: Reader, klout_id: str) -> tuple[str, list[str]]:
    """The creator behind a number, and the network books that this key may read. Raises UnknownCreator."""
    return sticks.networks(reader, klout.creator_of(reader, klout_id))


def account(reader: Reader, klout_id: str, network: str) -> dict[str, str]:
    """The id that a creator has on a network that this key may know of. Raises UnknownCreator."""
    creator_id, meters = seen(reader, klout_id)
    wanted = klout.network(network)
    held = [one for one in creators.get(reader, creator_id).accounts if one.network == wanted]
    if not held or f"network:{wanted}" not in meters:
        raise auth.refuse_unknown()
    return {"id": held[0].external_id, "network": network}


def user(reader: Reader, klout_id: str) -> dict[str, Any]:
    """A creator as a user. Raises UnknownCreator."""
    creator_id, meters = seen(reader, klout_id)
    return show_user(int(klout_id), person(reader, creator_id), sticks.measured(reader, creator_id, meters).klout)


def score(reader: Reader, klout_id: str) -> dict[str, Any]:
    """A creator's score. Raises UnknownCreator."""
    found = sticks.measured(reader, *seen(reader, klout_id)).klout
    inside = show_score(found)
    return {"score": inside["score"], "scoreDelta": show_deltas(found), "bucket": inside["bucket"]}


def topics(reader: Reader, klout_id: str) -> list[dict[str, str]]:
    """A creator's topics. Raises UnknownCreator."""
    creator_id, _ = seen(reader, klout_id)
    return [show_topic(topic) for topic in person(reader, creator_id).topics]


def person(reader: Reading, creator_id: str) -> Person:
    """What a creator is called. Raises UnknownCreator where that is kept no more."""
    found = klout.people(reader, [creator_id])
    if creator_id not in found:
        raise auth.refuse_unknown()
    return found[creator_id]


def influence_of(klout_id: str) -> dict[str, Any]:
    """Whom a creator's ties lead to, of those whom this key may know of. Raises UnknownCreator."""
    ledger = state.ledger()
    sides = ledger.database.read(lambda reader: ties(reader, klout_id))
    named = [side[:MOST_NAMED] for side in sides]
    numbers = klout.numbers(ledger.database, {one for side in named for one, _ in side})
    return ledger.database.read(lambda reader: show_influence(reader, sides, numbers))


Side = list[tuple[str, list[str]]]


def ties(reader: Reader, klout_id: str) -> tuple[Side, Side]:
    """Influencers and influencees with the network books of theirs that this key may read. Raises UnknownCreator."""
    creator_id, meters = seen(reader, klout_id)
    ledger = state.ledger()
    day = ledger.clock() // DAY_US
    found = influence.influence(
        reader,
        creator_id=creator_id,
        meters=meters,
        pepper=ledger.pepper,
        day=day,
        half_life_days=ledger.schedule().at(day)["tie.half_life"],
    )
    known = in_sight(reader, {*found.influencers, *found.influencees})
    influencers, influencees = (
        [(one, known[one]) for one in side if one in known] for side in (found.influencers, found.influencees)
    )
    return influencers, influencees


def in_sight(reader: Reading, creator_ids: set[str]) -> dict[str, list[str]]:
    """Those of these creators whom this key may know of, with the network books that it may read."""
    key, found = auth.current(), {}
    for creator_id, shelf in influence.shelves(reader, creator_ids).items():
        meters = visibility.in_sight(key, creator_id, shelf.visibility, shelf.meters)
        if networks := [meter for meter in meters if auth.network_of(meter)]:
            found[creator_id] = networks
    return found


def show_influence(reader: Reader, sides: Sequence[Side], numbers: dict[str, int]) -> dict[str, Any]:
    """Both sides as Klout told them: the first few, and how many there are."""
    people = klout.people(reader, numbers)
    influencers, influencees = (
        [
            show_entity(reader, numbers[one], people[one], meters, one)
            for one, meters in side[:MOST_NAMED]
            if one in people
        ]
        for side in sides
    )
    return {
        "myInfluencers": influencers,
        "myInfluencees": influencees,
        "myInfluencersCount": len(sides[0]),
        "myInfluenceesCount": len(sides[1]),
    }


def show_entity(reader: Reader, number: int, who: Person, meters: list[str], creator_id: str) -> dict[str, Any]:
    """One of them as Klout told it."""
    told = show_user(number, who, sticks.measured(reader, creator_id, meters).klout)
    return {"entity": {"id": str(number), "payload": told}}


def show_user(number: int, who: Person, found: Score) -> dict[str, Any]:
    """A user as Klout told one."""
    return {
        "kloutId": str(number),
        "nick": who.nick,
        "score": show_score(found),
        "scoreDeltas": show_deltas(found),
    }


def show_score(found: Score) -> dict[str, Any]:
    """A score in points with all its places, and the stretch of ten that it lies in."""
    return {"score": found.score / MICROS, "bucket": bucket(found.score // TENTH)}


def show_deltas(found: Score) -> dict[str, float]:
    """Changes in points."""
    changes = (found.day_change, found.week_change, found.month_change)
    return {name: change / MICROS for name, change in zip(DELTAS, changes, strict=True)}


def show_topic(topic: Topic) -> dict[str, str]:
    """A topic as Klout told one. It has no picture: the address is that of the ledger's mark."""
    image = f"{state.ledger().settings.public_url.rstrip('/')}/static/mark.svg"
    names = {"displayName": topic.name, "name": topic.name, "slug": topic.slug}
    return {"id": topic.id, **names, "imageUrl": image, "topicType": "sub"}
