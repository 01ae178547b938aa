"""Finding creators: those who chose to be found, by what was stored of them last night, and with the day of it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import marshmallow as ma
from flask import Response

from api import auth, conditional, cursors, fields, state
from api.blueprint import Blueprint
from api.creators import SLUG, SLUG_PATTERN, AccountOut, show_account
from api.readings import Decimal, written
from ledger import finding, labels, notation
from ledger.economy import MICROS
from ledger.finding import METER, SORTS, STICK, Found, Place, Search, Span
from ledger.kinds.pitch import MOST_FOLLOWERS
from ledger.listings import INFLUENCE, KLOUT, OUTREACH, OUTSIDE
from ledger.readers import Reader

blp = Blueprint("finding", __name__, description="Creators who chose to be found.")
STICKS = r"^(klout\.score|kred\.(influence|outreach)|readings\.[a-z0-9][a-z0-9_-]{0,63})"
OURS = f"{KLOUT}, {INFLUENCE}, {OUTREACH}"
WIDTH = 1 << 128  # an id beside a value, in the one number that a cursor carries
BOUNDS = ("meter", "followers", "stick")


class FindQuery(ma.Schema):
    """Whom to look for; all that is given has to hold."""

    network = ma.fields.String(
        validate=SLUG,
        metadata={**SLUG_PATTERN, "description": "on this network: meter, label and followers are those there"},
    )
    topic = fields.SafeString(longest=60, metadata={"description": "of this topic, in capitals or not"})
    meter_min = Decimal(metadata={"description": "points of the meter at least, 0 to 100", "example": "50"})
    meter_max = Decimal(metadata={"description": "points of the meter at most"})
    label = ma.fields.String(
        validate=ma.validate.OneOf(labels.NAMES), metadata={"description": "of this label on the network that is named"}
    )
    followers_min = ma.fields.Integer(
        validate=ma.validate.Range(0, MOST_FOLLOWERS),
        metadata={"description": "followers of the largest account at least; whoever never told them is left out"},
    )
    followers_max = ma.fields.Integer(
        validate=ma.validate.Range(0, MOST_FOLLOWERS),
        metadata={"description": "followers of the largest account at most; whoever never told them is left out"},
    )
    stick = ma.fields.String(
        validate=ma.validate.Regexp(
            STICKS + r"\Z", error="must be " + f"{KLOUT}, {INFLUENCE}, {OUTREACH} or {OUTSIDE}…"
        ),
        metadata={
            "pattern": STICKS + "$",
            "description": f"whom this stick has measured: {OURS}, or {OUTSIDE}<name> for an outside one",
            "example": "klout.score",
        },
    )
    stick_min = Decimal(metadata={"description": "what the stick says, at least"})
    stick_max = Decimal(metadata={"description": "what the stick says, at most"})
    sort = ma.fields.String(
        load_default=METER,
        validate=ma.validate.OneOf(SORTS),
        metadata={"description": "largest first; of equals, whoever joined last"},
    )
    after = fields.SafeString(longest=2_000)
    limit = cursors.limit("creators")

    @ma.validates_schema
    def _fits_together(self, asked: dict[str, Any], **_: Any) -> None:
        """What is asked for must be something that there can be."""
        wrong = {}
        if "label" in asked and "network" not in asked:
            wrong["label"] = ["is a network's: name the network too"]
        for name in ("stick_min", "stick_max"):
            if name in asked and "stick" not in asked:
                wrong[name] = ["is a stick's: name the stick too"]
        if asked.get("sort") == STICK and "stick" not in asked:
            wrong["sort"] = ["by a stick wants the stick named"]
        for name in ("meter_min", "meter_max"):
            if name in asked and not 0 <= asked[name] <= 100 * MICROS:
                wrong[name] = ["must be 0 to 100"]
        for name in BOUNDS:
            low, high = (asked.get(f"{name}_{end}") for end in ("min", "max"))
            if low is not None and high is not None and high < low:
                wrong[f"{name}_max"] = [f"is below {name}_min"]
        if wrong:
            raise ma.ValidationError(wrong)


class FoundMeterOut(fields.Shown):
    """The meter of one network, as it was stored."""

    meter = ma.fields.String(**fields.told("the book: network:<slug>"))
    points = fields.Trust(**fields.told("the meter, 0 to 100, at the end of the day's settlement"))
    confidence = ma.fields.String(
        **fields.told("how much is known: few, some or many acts"), validate=ma.validate.OneOf(["few", "some", "many"])
    )
    label = ma.fields.String(**fields.told("what the meter is called"), validate=ma.validate.OneOf(labels.NAMES))


class FoundStickOut(fields.Shown):
    """What a stick said."""

    stick = ma.fields.String(**fields.told("which one, as `stick` names it"))
    value = Decimal(**fields.told("what it said, on its own scale"))
    day = fields.Day(**fields.told("when it said so"))


class FoundLinksOut(fields.Shown):
    """Where to read on."""

    balance = ma.fields.String(**fields.told("the books as they stand now"))
    sticks = ma.fields.String(**fields.told("every stick with its formula"))
    page = ma.fields.String(**fields.told("the creator's page; null without a handle"), allow_none=True)


class FoundCreatorOut(fields.Shown):
    """A creator who was found. Name, topics and accounts are today's; the rest is as it was stored on `as_of_day`."""

    creator = ma.fields.UUID(**fields.told("the creator's UUID"))
    display_name = ma.fields.String(**fields.told("what the creator is called"))
    handle = ma.fields.String(**fields.told("the name in the address of the creator's page"), allow_none=True)
    topics = ma.fields.List(ma.fields.String(), **fields.told("what the creator declared"))
    points = fields.Trust(
        **fields.told("the meter that was searched by: the network's that is named, or that of all networks together")
    )
    followers = ma.fields.Integer(
        **fields.told("of the largest account, on the network where one is named; null where nobody told them"),
        allow_none=True,
    )
    accounts = ma.fields.List(ma.fields.Nested(AccountOut()), **fields.told("where to find them"))
    meters = ma.fields.List(ma.fields.Nested(FoundMeterOut()), **fields.told("the meter of each network"))
    sticks = ma.fields.List(ma.fields.Nested(FoundStickOut()), **fields.told("what each stick said"))
    as_of_day = fields.Day(**fields.told("the day whose values these are"))
    links = ma.fields.Nested(FoundLinksOut(), **fields.told("where to read on"))


class FoundCreatorsOut(fields.Shown):
    """Those found, in order. A page may be short, even empty, and still have a `next`: there is more to look at."""

    creators = ma.fields.List(ma.fields.Nested(FoundCreatorOut()), **fields.told("largest first, by `sort`"))
    next = ma.fields.String(**fields.told("cursor of the next page; null on the last"), allow_none=True)


ASKED = tuple(name for name in FindQuery().fields if name not in ("after", "limit"))
ADA = "01936f2e-5b1c-7c3a-9f00-2b6f3c1d9e01"
SHOWN = {
    "creator": ADA,
    "display_name": "Ada",
    "handle": "ada",
    "topics": ["engines"],
    "points": "52.438609",
    "followers": 50000,
    "accounts": [{"network": "youtube", "external_id": "UC-ada", "followers": 50000}],
    "meters": [{"meter": "network:youtube", "points": "52.438609", "confidence": "many", "label": "trusted"}],
    "sticks": [{"stick": KLOUT, "value": "52.9", "day": "2026-11-23"}],
    "as_of_day": "2026-11-23",
    "links": {
        "balance": f"/v1/creators/{ADA}/balance",
        "sticks": f"/v1/creators/{ADA}/sticks",
        "page": "/c/ada",
    },
}


@blp.get("/v1/creators")
@auth.requires("balances:read")
@blp.arguments(FindQuery(), location="query")
@blp.alt_response(304, "NOT_MODIFIED")
@blp.response(200, FoundCreatorsOut(), example={"creators": [SHOWN], "next": None})
def get_creators(asked: dict[str, Any]) -> Response:
    """Find creators who chose to be found, by values stored every night: `as_of_day` says of which day they are.

    Whoever changes topics or followers is listed anew at once, and whoever goes private no more.
    """
    return conditional.answer(state.ledger().database.read(lambda reader: page(reader, asked)))


def page(reader: Reader, asked: dict[str, Any]) -> dict[str, Any]:
    """A page of those found as JSON carries it. Raises InvalidCursor."""
    settings, limit, cursor = state.ledger().settings, asked.pop("limit"), asked.pop("after", None)
    question = question_of(asked)
    after = place_of(cursors.read(settings, cursor, **question)) if cursor else None
    found = finding.find(reader, search=search_of(asked), after=after, limit=limit)
    following = (
        None if found.following is None else cursors.make(settings, place=number_of(found.following), **question)
    )
    return {"creators": [show(one) for one in found.found], "next": following}


def question_of(asked: dict[str, Any]) -> dict[str, str | None]:
    """What a cursor belongs to: every parameter, given or not."""
    return {name: str(asked[name]) if name in asked else None for name in ASKED}


def search_of(asked: dict[str, Any]) -> Search:
    """What to search for, from the loaded query."""
    points, followers, value = (Span(asked.get(f"{name}_min"), asked.get(f"{name}_max")) for name in BOUNDS)
    named = {name: asked[name] for name in ("network", "topic", "label", "stick", "sort") if name in asked}
    return Search(**named, points=points, followers=followers, value=value)


def number_of(place: Place) -> int:
    """A place as the number that a cursor carries."""
    return place[0] * WIDTH + UUID(place[1]).int


def place_of(number: int) -> Place:
    """The place of such a number."""
    value, owner = divmod(number, WIDTH)
    return value, str(UUID(int=owner))


def show(found: Found) -> dict[str, Any]:
    """Somebody found as JSON carries them."""
    here = f"/v1/creators/{found.creator_id}"
    return {
        "creator": found.creator_id,
        "display_name": found.display_name,
        "handle": found.handle,
        "topics": list(found.topics),
        "points": notation.trust(found.points),
        "followers": found.followers,
        "accounts": [show_account(one) for one in found.accounts],
        "meters": [
            {
                "meter": f"network:{one.network}",
                "points": notation.trust(one.points),
                "confidence": one.confidence,
                "label": one.label,
            }
            for one in found.meters
        ],
        "sticks": [
            {"stick": one.stick, "value": written(one.value), "day": notation.day(one.day)} for one in found.sticks
        ],
        "as_of_day": notation.day(found.day),
        "links": {
            "balance": f"{here}/balance",
            "sticks": f"{here}/sticks",
            "page": f"/c/{found.handle}" if found.handle else None,
        },
    }
