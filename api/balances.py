"""What books hold: one creator's, now or at any moment, or up to a thousand creators' at once."""

from __future__ import annotations

from functools import partial
from typing import Any

import marshmallow as ma
from flask import Response, request

from api import auth, conditional, fields, state, visibility
from api.blueprint import Blueprint, not_taken
from api.conditional import documented
from api.problems import InvalidRequest
from ledger import notation, queries
from ledger.economy import DAY_US
from ledger.errors import InvalidEvent, NotFound
from ledger.events import SKEW_US, CreatorRef, parse_ref
from ledger.queries import Balance, Balances
from ledger.relationships import STATUSES

blp = Blueprint("balances", __name__, description="What books hold, now or at any moment.")
EARLIEST_US = notation.read_instant("2000-01-01T00:00:00Z")
trust, instant, day = notation.trust, notation.instant, notation.day


class LabelOut(ma.Schema):
    """What a meter is called, why, and the way out."""

    name = ma.fields.String(**fields.told("what the meter is called"))
    reason = ma.fields.String(**fields.told("why, with the figures behind it"))
    way_out = ma.fields.String(**fields.told("what would change it, or keep it"))


class RecordOut(ma.Schema):
    """What a meter forgets: totals without decay."""

    credits = fields.Trust(**fields.told("everything ever credited"))
    drains = fields.Trust(**fields.told("everything ever drained"))
    breaches = ma.fields.Integer(**fields.told("breaches ever posted, cleared ones too"))
    apologies = ma.fields.Integer(**fields.told("apologies ever posted"))


class BookOut(ma.Schema):
    """One book. Amounts in trust."""

    meter = ma.fields.String(**fields.told("the book: network:<slug>, or brand:<slug> for the relationship with one"))
    standing = fields.Trust(**fields.told("fresh and bedrock together: the balance; below zero in the red"))
    in_the_red = fields.Trust(**fields.told("how far standing lies below zero; 0 where it does not"))
    available = fields.Trust(
        **fields.told("what a pitch may still hold: standing less what authorised pitches hold, at least 0")
    )
    points = fields.Trust(
        **fields.told("the meter, 0 to 100: standing over standing plus 300 (founding policy); 0 in the red")
    )
    plus_minus = fields.Trust(**fields.told("how sure the meter is, in points: one standard deviation of reliability"))
    confidence = ma.fields.String(
        **fields.told("how much is known: few, some or many acts, from known_acts"),
        validate=ma.validate.OneOf(["few", "some", "many"]),
    )
    known_acts = fields.Trust(**fields.told("acts of known people behind the book, earlier ones fading"))
    reliability = fields.Trust(
        **fields.told("share of credit in what happened lately, 0 to 1: (credits + 1) / (credits + drains + 2)")
    )
    label = ma.fields.Nested(
        LabelOut(),
        **fields.told("what the meter is called, why, and the way out; null for a brand's book"),
        allow_none=True,
    )
    relationship = ma.fields.String(
        **fields.told("how the brand and the creator stand, in a brand's book; else, and where `as_of` is asked, null"),
        allow_none=True,
        validate=ma.validate.OneOf(STATUSES),
    )
    fresh = fields.Trust(**fields.told("the part of standing that fades over months; below zero it is a debt"))
    bedrock = fields.Trust(**fields.told("the part of standing that lasts for years"))
    mending_pitch = fields.Trust(**fields.told("on its way back after disclosed pitches; in no standing yet"))
    mending_breach = fields.Trust(**fields.told("on its way back after apologies; in no standing yet"))
    credits = fields.Trust(
        **fields.told("what came in lately, fading: the basis of reliability; `record.credits` never fades")
    )
    drains = fields.Trust(
        **fields.told("what went out lately, fading: the basis of reliability; `record.drains` never fades")
    )
    record = ma.fields.Nested(
        RecordOut(),
        **fields.told("totals that never fade; null where `as_of` is asked"),
        allow_none=True,
    )
    seq = ma.fields.Integer(**fields.told("the number of the last line, 0 before the first"))
    recorded_at = fields.Instant(
        **fields.told("when the last line was recorded; null before the first"),
        allow_none=True,
    )
    settled_through = fields.Day(
        **fields.told("the day through which decay and recovery are written down; what follows is worked out here")
    )
    policy_version = ma.fields.String(**fields.told("the rules it is worked out under"))
    final = ma.fields.Boolean(
        **fields.told("whether this answer can never change: the moment is past, and the book closed to backfill")
    )


class TotalOut(ma.Schema):
    """All network books together; brand meters are never added up."""

    standing = fields.Trust(**fields.told("standing over all networks"))
    mending = fields.Trust(**fields.told("what is on its way back over all networks"))
    available = fields.Trust(**fields.told("what a pitch could still drain over all networks"))


class BalancesOut(ma.Schema):
    """A creator's books. `day` is the day they are carried forward to; `final` answers never change."""

    creator_id = ma.fields.UUID(**fields.told("the creator's UUID"))
    as_of = fields.Instant(**fields.told("the moment asked for; null for now"), allow_none=True)
    day = fields.Day(**fields.told("the day the books are carried forward to"))
    final = ma.fields.Boolean(**fields.told("whether this answer can never change"))
    total = ma.fields.Nested(TotalOut(), **fields.told("all network books together"))
    books = ma.fields.List(ma.fields.Nested(BookOut()), **fields.told("each book that this key may read"))


class LookupIn(ma.Schema):
    """Creators by UUID or `network:external_id`."""

    creators = ma.fields.List(
        fields.SafeString(longest=300),
        required=True,
        validate=ma.validate.Length(min=1, max=queries.LOOKUP_LIMIT),
    )


class FoundOut(BalancesOut):
    """Balances under the name that was asked for."""

    creator = ma.fields.String(**fields.told("the name that was asked for"))


class LookupOut(ma.Schema):
    """`not_found` names those that are missing and those this key may not know of alike."""

    balances = ma.fields.List(ma.fields.Nested(FoundOut()), **fields.told("what was found, in the order asked for"))
    not_found = ma.fields.List(ma.fields.String(), **fields.told("names of none, or of none that this key may know of"))


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
@auth.requires("balances:read", limit="batch")
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
        "label": label and {"name": label.name, "reason": label.reason, "way_out": label.way_out},
        "relationship": book.relationship,
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
