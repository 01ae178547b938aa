"""What books hold: one creator's, now or at any moment, or up to a thousand creators' at once."""

from __future__ import annotations

from functools import partial
from typing import Any

import marshmallow as ma
from flask import Response, request

from api import auth, conditional, fields, notation, state, visibility
from api.blueprint import Blueprint, not_taken
from api.conditional import documented
from api.problems import InvalidRequest
from ledger import queries
from ledger.economy import DAY_US
from ledger.errors import InvalidEvent, NotFound
from ledger.events import SKEW_US, CreatorRef, parse_ref
from ledger.queries import Balance, Balances

blp = Blueprint("balances", __name__, description="What books hold, now or at any moment.")
EARLIEST_US = notation.read_instant("2000-01-01T00:00:00Z")
trust, instant, day = notation.trust, notation.instant, notation.day


class LabelOut(ma.Schema):
    """What a meter is called, why, and the way out."""

    name = ma.fields.String(required=True)
    reason = ma.fields.String(required=True)
    way_out = ma.fields.String(required=True)


class RecordOut(ma.Schema):
    """What a meter forgets: totals without decay."""

    credits = fields.Trust(required=True)
    drains = fields.Trust(required=True)
    breaches = ma.fields.Integer(required=True)
    apologies = ma.fields.Integer(required=True)


class BookOut(ma.Schema):
    """One book. Amounts in trust; `points` is the meter, 0 to 100; `known_acts` counts with decay."""

    meter = ma.fields.String(required=True)
    standing = fields.Trust(required=True)
    in_the_red = fields.Trust(required=True)
    available = fields.Trust(required=True)
    points = fields.Trust(required=True)
    plus_minus = fields.Trust(required=True)
    confidence = ma.fields.String(required=True, validate=ma.validate.OneOf(["few", "some", "many"]))
    known_acts = fields.Trust(required=True)
    reliability = fields.Trust(required=True)
    label = ma.fields.Nested(LabelOut(), required=True)
    fresh = fields.Trust(required=True)
    bedrock = fields.Trust(required=True)
    mending_pitch = fields.Trust(required=True)
    mending_breach = fields.Trust(required=True)
    credits = fields.Trust(required=True)
    drains = fields.Trust(required=True)
    record = ma.fields.Nested(RecordOut(), required=True, allow_none=True)
    seq = ma.fields.Integer(required=True)
    recorded_at = fields.Instant(required=True, allow_none=True)
    settled_through = fields.Day(required=True)
    policy_version = ma.fields.String(required=True)
    final = ma.fields.Boolean(required=True)


class TotalOut(ma.Schema):
    """All network books together; brand meters are never added up."""

    standing = fields.Trust(required=True)
    mending = fields.Trust(required=True)
    available = fields.Trust(required=True)


class BalancesOut(ma.Schema):
    """A creator's books. `day` is the day they are carried forward to; `final` answers never change."""

    creator_id = ma.fields.UUID(required=True)
    as_of = fields.Instant(required=True, allow_none=True)
    day = fields.Day(required=True)
    final = ma.fields.Boolean(required=True)
    total = ma.fields.Nested(TotalOut(), required=True)
    books = ma.fields.List(ma.fields.Nested(BookOut()), required=True)


class LookupIn(ma.Schema):
    """Creators by UUID or `network:external_id`."""

    creators = ma.fields.List(
        fields.SafeString(longest=300),
        required=True,
        validate=ma.validate.Length(min=1, max=queries.LOOKUP_LIMIT),
    )


class FoundOut(BalancesOut):
    """Balances under the name that was asked for."""

    creator = ma.fields.String(required=True)


class LookupOut(ma.Schema):
    """`not_found` names those that are missing and those this key may not know of alike."""

    balances = ma.fields.List(ma.fields.Nested(FoundOut()), required=True)
    not_found = ma.fields.List(ma.fields.String(), required=True)


QUERY: list[dict[str, Any]] = [
    {"in": "query", "name": "meter", "schema": {"type": "string"}, "description": "this book alone"},
    {
        "in": "query",
        "name": "as_of",
        "schema": {"type": "string", "format": "date-time"},
        "description": "what the books held at that moment",
    },
]


@blp.get("/v1/creators/<creator>/balance")
@documented(BalancesOut(), parameters=QUERY)
@auth.requires("balances:read")
def get_balance(creator: str) -> Response:
    """What a creator's books hold, now or as of a moment."""
    asked = read_query() if request.query_string else {}
    return conditional.answer(show(find(creator, **asked), as_of_us=asked.get("as_of_us")))


@blp.post("/v1/balances/lookup")
@auth.requires("balances:read")
@blp.arguments(LookupIn())
@documented(LookupOut())
def look_up(asked: dict[str, list[str]]) -> Response:
    """What the books of up to 1,000 creators hold."""
    return conditional.answer(looked_up(asked["creators"]))


def find(creator: str, *, as_of_us: int | None = None, meter: str | None = None) -> Balances:
    """The balances of a creator that this request's key may see. Raises UnknownCreator."""
    ledger, ref = state.ledger(), auth.ref(creator)
    now_us, schedule = ledger.clock(), ledger.schedule()
    if as_of_us is not None and as_of_us > now_us + SKEW_US:
        raise InvalidRequest([("as_of", "lies in the future")])
    asked: dict[str, Any] = {"creator": ref, "as_of_us": as_of_us, "meter": meter}
    asked |= {"now_us": now_us, "schedule": schedule, "sight": visibility.sight(auth.current())}
    try:
        return ledger.database.read(lambda reader: queries.balances(reader, **asked))
    except NotFound as unknown:
        raise _unseen(creator, meter) from unknown


def _unseen(creator: str, meter: str | None) -> NotFound:
    """What is said of books that are not there or not to be known of, in the very same words."""
    if meter is not None:
        read = partial(visibility.book, creator=creator, meter=meter, key=auth.current())
        try:
            state.ledger().database.read(read)
        except NotFound as wrong:
            return wrong
    return auth.refuse_unknown()


def read_query() -> dict[str, Any]:
    """The query by hand: a schema costs more than the rest of this read. Raises InvalidRequest."""
    given = request.args
    wrong = [(name, not_taken(name)) for name in given if name not in ("meter", "as_of")]
    wrong += [(name, "is given more than once") for name in given if len(given.getlist(name)) > 1]
    asked: dict[str, Any] = {"meter": given.get("meter")}
    try:
        asked["as_of_us"] = notation.read_instant(given["as_of"]) if "as_of" in given else None
        if asked["as_of_us"] is not None and asked["as_of_us"] < EARLIEST_US:
            wrong.append(("as_of", "lies before 2000-01-01, and before any book"))
    except ValueError as reason:
        wrong.append(("as_of", f"{reason}{' (write + as %2B)' if ' ' in given['as_of'] else ''}"))
    if wrong:
        raise InvalidRequest(wrong)
    return asked


def looked_up(names: list[str]) -> dict[str, Any]:
    """Balances by the names asked for. Raises InvalidRequest for a name that can't be one."""
    ledger, refs = state.ledger(), refs_of(names)
    now_us, schedule, sight = ledger.clock(), ledger.schedule(), visibility.sight(auth.current())
    seen = ledger.database.read(
        lambda reader: queries.lookup(reader, creators=refs, now_us=now_us, schedule=schedule, sight=sight)
    ).found
    return {
        "balances": [{"creator": names[place], **show(seen[place])} for place in sorted(seen)],
        "not_found": [name for place, name in enumerate(names) if place not in seen],
    }


def refs_of(names: list[str]) -> list[CreatorRef]:
    """Creators by name. Raises InvalidRequest naming each that is not well formed."""
    refs, wrong = [], []
    for place, name in enumerate(names):
        try:
            refs.append(parse_ref(name))
        except InvalidEvent as error:
            wrong.append((f"/creators/{place}", error.errors[0][1]))
    if wrong:
        raise InvalidRequest(wrong)
    return refs


def show(found: Balances, *, as_of_us: int | None = None) -> dict[str, Any]:
    """Balances as JSON carries them. Without `as_of` nothing in them changes from one second to the next."""
    return {
        "creator_id": found.creator_id,
        "as_of": None if as_of_us is None else instant(as_of_us),
        "day": day(found.as_of_us // DAY_US),
        "final": found.final,
        "total": {
            "standing": trust(found.standing),
            "mending": trust(found.mending),
            "available": trust(found.available),
        },
        "books": [show_book(book) for book in found.books],
    }


def show_book(book: Balance) -> dict[str, Any]:
    """One book as JSON carries it."""
    held, standing, label, record = book.state, book.standing, book.label, book.record
    return {
        "meter": book.meter,
        "standing": trust(standing),
        "in_the_red": trust(max(0, -standing)),
        "available": trust(book.available),
        "points": trust(book.points),
        "plus_minus": trust(book.plus_minus),
        "confidence": book.confidence,
        "known_acts": trust(held.known),
        "reliability": trust(book.reliability),
        "label": {"name": label.name, "reason": label.reason, "way_out": label.way_out},
        "fresh": trust(held.fresh),
        "bedrock": trust(held.bedrock),
        "mending_pitch": trust(held.mending_pitch),
        "mending_breach": trust(held.mending_breach),
        "credits": trust(held.credits),
        "drains": trust(held.drains),
        "record": record
        and {
            "credits": trust(record.credits),
            "drains": trust(record.drains),
            "breaches": record.breaches,
            "apologies": record.apologies,
        },
        "seq": book.seq,
        "recorded_at": instant(book.recorded_at_us) if book.seq else None,
        "settled_through": day(book.settled_through),
        "policy_version": book.policy_version,
        "final": book.final,
    }
