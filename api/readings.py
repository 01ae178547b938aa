"""What other measuring sticks say of a creator: told by whoever may change the creator, seen beside trust."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import marshmallow as ma
from flask import Response

from api import auth, conditional, creators, cursors, encoding, fields, state
from api.blueprint import Blueprint
from api.creators import NAMED, SLUG, SLUG_PATTERN
from api.problems import InvalidRequest
from ledger import notation, readings
from ledger.errors import InvalidEvent
from ledger.readers import Reader
from ledger.readings import MOST_AT_ONCE, Reading

blp = Blueprint("readings", __name__, description="What other measuring sticks say.")
WRITTEN = r"-?(0|[1-9][0-9]{0,11})(\.[0-9]{1,6})?"
STICK_BYTES = 64


class Decimal(ma.fields.Field[int]):
    """A number on somebody's scale: a decimal string with at most six places in JSON, millionths inside."""

    def __init__(self, **kwargs: Any) -> None:
        shape = {"type": "string", "pattern": f"^{WRITTEN}$"}
        super().__init__(metadata=shape | kwargs.pop("metadata", {}), **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if not isinstance(value, str) or not re.fullmatch(WRITTEN, value):
            raise ma.ValidationError('must be a decimal string with at most twelve digits and six places, as "64.2"')
        whole, _, places = value.removeprefix("-").partition(".")
        millionths = int(whole) * 10**6 + int(places.ljust(6, "0") or "0")
        return -millionths if value.startswith("-") else millionths

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else written(value)


class ReadingIn(ma.Schema):
    """What a stick said, and when; `source` says where it was read."""

    stick = ma.fields.String(required=True, validate=SLUG, metadata={**SLUG_PATTERN, "example": "moz-da"})
    value = Decimal(required=True, metadata={"example": "64.2"})
    low = Decimal(required=True, metadata={"description": "the least its scale knows", "example": "1"})
    high = Decimal(required=True, metadata={"description": "the most its scale knows", "example": "100"})
    read_at = fields.Instant(required=True, metadata={"example": "2026-11-20T09:00:00Z"})
    source = fields.SafeString(required=True, metadata={"description": "where it was read", "example": "its own page"})


class ReadingsIn(ma.Schema):
    """Readings to keep, one or many."""

    readings = ma.fields.List(
        ma.fields.Nested(ReadingIn()), required=True, validate=ma.validate.Length(1, MOST_AT_ONCE)
    )


class ReadingsQuery(ma.Schema):
    """Which readings."""

    stick = ma.fields.String(validate=SLUG, metadata={**SLUG_PATTERN, "description": "of this stick alone"})
    after = fields.SafeString(longest=1_000)
    limit = ma.fields.Integer(
        load_default=MOST_AT_ONCE,
        validate=ma.validate.Range(1, MOST_AT_ONCE),
        metadata={"description": "readings on a page"},
    )


class ReadingOut(fields.Shown):
    """A reading as it was told."""

    stick = ma.fields.String(**fields.told("the stick's name"))
    value = Decimal(required=True, metadata={"description": "what it said"})
    low = Decimal(required=True, metadata={"description": "the least its scale knows"})
    high = Decimal(required=True, metadata={"description": "the most its scale knows"})
    read_at = fields.Instant(**fields.told("when it said so"))
    source = ma.fields.String(**fields.told("where it was read"))


class ReadingsOut(fields.Shown):
    """Readings, newest first; `next` is the cursor of the page after it, null on the last."""

    creator_id = ma.fields.UUID(**fields.told("the creator's UUID"))
    readings = ma.fields.List(ma.fields.Nested(ReadingOut()), **fields.told("newest first"))
    next = ma.fields.String(**fields.told("cursor of the next page; null on the last"), allow_none=True)


ONE = {
    "stick": "moz-da",
    "value": "64.2",
    "low": "1",
    "high": "100",
    "read_at": "2026-11-20T09:00:00Z",
    "source": "its own page",
}
SHOWN = {"creator_id": "01936f2e-5b1c-7c3a-9f00-2b6f3c1d9e01", "readings": [ONE], "next": None}


@blp.get("/v1/creators/<string:creator>/readings", parameters=NAMED)
@auth.requires("balances:read")
@blp.arguments(ReadingsQuery(), location="query")
@blp.alt_response(304, "NOT_MODIFIED")
@blp.response(200, ReadingsOut(), example=SHOWN)
def get_readings(asked: dict[str, Any], creator: str) -> Response:
    """What other measuring sticks said of a creator, newest first. None of it is priced."""
    found = creators.known(creator)
    return conditional.answer(
        state.ledger().database.read(lambda reader: page(reader, found.creator_id, **asked)),
    )


@blp.put("/v1/creators/<string:creator>/readings", parameters=NAMED)
@auth.requires("creators:write")
@blp.arguments(ReadingsIn(), example={"readings": [ONE]})
@blp.response(200, ReadingsOut(), example=SHOWN, description="Kept, as they were told")
def put_readings(given: dict[str, Any], creator: str) -> Response:
    """Keep what other measuring sticks said of a creator.

    One of the same stick and moment takes the other's place: sending the same again changes nothing.
    """
    found = creators.writable(creator)
    told = keep(found.creator_id, [of(one) for one in given["readings"]])
    return encoding.json_response({"creator_id": found.creator_id, "readings": told, "next": None})


def of(given: dict[str, Any]) -> Reading:
    """A reading from its loaded JSON."""
    return Reading(read_at_us=given.pop("read_at"), **given)


def keep(creator_id: str, told: list[Reading]) -> list[dict[str, str]]:
    """Keep readings of a creator; returns them as JSON carries them. Raises InvalidRequest."""
    ledger = state.ledger()
    put = partial(readings.put, creator_id=creator_id, readings=told, now_us=ledger.clock())
    try:
        ledger.database.write(put)
    except InvalidEvent as refused:
        raise InvalidRequest(refused.errors) from refused
    return [show(one) for one in told]


def page(
    reader: Reader, creator_id: str, *, limit: int, stick: str | None = None, after: str | None = None
) -> dict[str, Any]:
    """A page of readings as JSON carries it. Raises InvalidCursor."""
    settings, question = state.ledger().settings, {"creator": creator_id, "stick": stick}
    before = moment(cursors.read(settings, after, **question)) if after else None
    found = readings.listed(reader, creator_id=creator_id, stick=stick, before=before, limit=limit + 1)
    more = cursors.following(settings, found, limit, place, **question)
    return {"creator_id": creator_id, "readings": [show(one) for one in found[:limit]], "next": more}


def place(reading: Reading) -> int:
    """Where a reading stands, as the number that a cursor carries: its moment, then its stick."""
    return reading.read_at_us << 8 * STICK_BYTES | int.from_bytes(reading.stick.encode().ljust(STICK_BYTES, b"\0"))


def moment(where: int) -> tuple[int, str]:
    """The moment and the stick of such a number."""
    at_us, stick = divmod(where, 1 << 8 * STICK_BYTES)
    return at_us, stick.to_bytes(STICK_BYTES).rstrip(b"\0").decode()


def written(millionths: int) -> str:
    """A number on somebody's scale as a decimal string, without idle zeros."""
    text = notation.trust(millionths)
    return text.rstrip("0").removesuffix(".")


def show(reading: Reading) -> dict[str, str]:
    """A reading as JSON carries it."""
    return {
        "stick": reading.stick,
        "value": written(reading.value),
        "low": written(reading.low),
        "high": written(reading.high),
        "read_at": notation.instant(reading.read_at_us),
        "source": reading.source,
    }
