"""Statements: every line of a book, newest first, with why; and one line worked out again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import marshmallow as ma
from flask import Response

from api import auth, conditional, cursors, fields, state, visibility
from api.blueprint import Blueprint
from api.conditional import documented
from api.disputes import concerns
from ledger import disputes, kinds, notation, queries
from ledger.disputes import Dispute
from ledger.errors import NotFound
from ledger.readers import Reader
from ledger.statements import SETTLEMENT, Recomputed, StatementLine

blp = Blueprint("entries", __name__, description="What happened to a book, and why.")
LINE_KINDS = (*kinds.LINES, SETTLEMENT)
KINDS_OF_LINES = (
    "Must be a kind of line: {choices}. Kinds of lines are not kinds of events: an undisclosed_pitch is a pitch"
    " and a breach line"
)
MOST_SEQ = 2**62
trust, instant = notation.trust, notation.instant


class EntriesIn(ma.Schema):
    """Which lines: of one book, of one kind, after a cursor."""

    meter = fields.SafeString(longest=80)
    kind = ma.fields.String(validate=ma.validate.OneOf(LINE_KINDS, error=KINDS_OF_LINES))
    after = fields.SafeString(longest=1_000, metadata={"description": "`next` of the page before"})
    limit = cursors.limit("lines")


class ContestedOut(ma.Schema):
    """A contested line: shown to the creator, to operators and to whoever told of the event."""

    dispute = ma.fields.String(**fields.told("the dispute's id"))
    status = ma.fields.String(**fields.told("where it stands"), validate=ma.validate.OneOf(disputes.STATUSES))
    reason = ma.fields.String(**fields.told("why the creator contests the line"))
    resolution = ma.fields.String(**fields.told("why it was resolved so; null where nothing was said"), allow_none=True)


class EntryOut(ma.Schema):
    """One line. `amount` is what the book gained from outside, `change` what standing did, the rest mends."""

    meter = ma.fields.String(**fields.told("the book"))
    seq = ma.fields.Integer(**fields.told("the number of the line in its book, from 1"))
    kind = ma.fields.String(**fields.told("kind of line: an undisclosed_pitch makes a `pitch` and a `breach` line"))
    title = ma.fields.String(**fields.told("what heads the line"))
    reason = ma.fields.String(**fields.told("why it has its amount, as a sentence"))
    about = ma.fields.Integer(
        **fields.told("seq of the line it is about, a breach or what it undoes; null where about none"),
        allow_none=True,
    )
    amount = fields.Trust(**fields.told("what the book gained from outside: change and mending together"))
    change = fields.Trust(**fields.told("what standing did"))
    mending = fields.Trust(**fields.told("what the mending pools did"))
    returned = fields.Trust(
        **fields.told("what came back into standing from mending as time passed; in settlement lines only")
    )
    standing = fields.Trust(**fields.told("standing after the line"))
    factors = ma.fields.Dict(
        keys=ma.fields.String(),
        values=ma.fields.Integer(),
        **fields.told("what made the amount, by name: millionths, micro-trust or days, all whole numbers"),
    )
    policy_version = ma.fields.String(**fields.told("the rules that priced it"))
    event_id = ma.fields.UUID(**fields.told("the event that made it; null for a settlement"), allow_none=True)
    source = ma.fields.String(**fields.told("the partner who told of it; null for a settlement"), allow_none=True)
    external_ref = ma.fields.String(**fields.told("that partner's reference; null for a settlement"), allow_none=True)
    occurred_at = fields.Instant(**fields.told("when it happened"))
    recorded_at = fields.Instant(**fields.told("when the book wrote it down: what `as_of` goes by"))
    dispute = ma.fields.Nested(
        ContestedOut(),
        **fields.told("that the creator contests it, for whom that concerns; null where it is not contested"),
        allow_none=True,
    )
    prev_hash = ma.fields.String(**fields.told("hash of the line before, hexadecimal"))
    hash = ma.fields.String(**fields.told("hash of this line, hexadecimal"))


class EntriesOut(ma.Schema):
    """A page of a statement; `next` is the cursor of the page after it, null on the last."""

    creator_id = ma.fields.UUID(**fields.told("the creator's UUID"))
    meter = ma.fields.String(**fields.told("the book"))
    entries = ma.fields.List(ma.fields.Nested(EntryOut()), **fields.told("lines, newest first"))
    next = ma.fields.String(**fields.told("cursor of the next page; null on the last"), allow_none=True)


class RecomputedOut(ma.Schema):
    """The amount worked out again from the factors, and whether it and the chain agree with what is stored."""

    amount = fields.Trust(**fields.told("the amount worked out again from the factors"))
    amount_agrees = ma.fields.Boolean(**fields.told("whether it is the stored one"))
    hash_agrees = ma.fields.Boolean(**fields.told("whether the hash is that of what is stored"))
    link_agrees = ma.fields.Boolean(**fields.told("whether the line before has the hash named here"))


class OneEntryOut(EntryOut):
    """One line, and the same worked out again."""

    recomputed = ma.fields.Nested(RecomputedOut(), **fields.told("the same line worked out again"))


@blp.get("/v1/creators/<creator>/entries")
@auth.requires("statements:read")
@blp.arguments(EntriesIn(), location="query")
@documented(EntriesOut())
def get_entries(asked: dict[str, Any], creator: str) -> Response:
    """A book's statement, newest first: what, why, and what it left."""
    return conditional.answer(state.ledger().database.read(lambda reader: page(reader, creator, **asked)))


@blp.get("/v1/creators/<creator>/entries/<meter>/<int:seq>")
@auth.requires("statements:read")
@documented(OneEntryOut())
def get_entry(creator: str, meter: str, seq: int) -> Response:
    """One line of a statement, worked out again from its factors."""
    return conditional.answer(state.ledger().database.read(lambda reader: line(reader, creator, meter, seq)))


def page(
    reader: Reader,
    creator: str,
    *,
    limit: int,
    meter: str | None = None,
    kind: str | None = None,
    after: str | None = None,
) -> dict[str, Any]:
    """A page of a statement as JSON carries it. Raises UnknownCreator or InvalidCursor."""
    ledger = state.ledger()
    book = visibility.book(reader, creator=creator, meter=meter, key=auth.current(), statement=True)
    question = {"creator": book.creator_id, "meter": book.meter, "kind": kind}
    lines = queries.statement(
        reader,
        creator_id=book.creator_id,
        meter=book.meter,
        before_seq=cursors.read(ledger.settings, after, **question) if after else None,
        kind=kind,
        limit=limit + 1,
        schedule=ledger.schedule(),
    )
    shown = lines[:limit]
    contested = disputed(reader, book, shown)
    return {
        "creator_id": book.creator_id,
        "meter": book.meter,
        "entries": [show(one, contested.get(one.seq)) for one in shown],
        "next": cursors.following(ledger.settings, lines, limit, lambda line: line.seq, **question),
    }


def line(reader: Reader, creator: str, meter: str, seq: int) -> dict[str, Any]:
    """One line as JSON carries it. Raises UnknownCreator or NotFound."""
    book = visibility.book(reader, creator=creator, meter=meter, key=auth.current(), statement=True)
    told, again = queries.one_entry(
        reader,
        creator_id=book.creator_id,
        meter=book.meter,
        seq=reached(seq, book.meter),
        schedule=state.ledger().schedule(),
    )
    return show(told, disputed(reader, book, [told]).get(told.seq)) | {"recomputed": show_again(again)}


def reached(seq: int, meter: str) -> int:
    """The number of a line, as the database takes it. Raises NotFound for one that no book can reach."""
    if seq > MOST_SEQ:
        raise NotFound(f"no entry {seq} in the book {meter}")
    return seq


def disputed(reader: Reader, book: visibility.Book, lines: Sequence[StatementLine]) -> dict[int, Dispute]:
    """The newest dispute of each of these lines, newest line first, as far as this request's key may know of it."""
    if not lines:
        return {}
    span = {"first": lines[-1].seq, "last": lines[0].seq}
    found = disputes.of_lines(reader, creator_id=book.creator_id, meter=book.meter, **span)
    return {seq: one for seq, one in found.items() if concerns(auth.current(), one)}


def show_dispute(dispute: Dispute) -> dict[str, Any]:
    """A dispute as a line carries it."""
    told = {"dispute": dispute.name, "status": dispute.status}
    return told | {"reason": dispute.reason, "resolution": dispute.resolution}


def show(told: StatementLine, dispute: Dispute | None) -> dict[str, Any]:
    """A line as JSON carries it."""
    return {
        "meter": told.meter,
        "seq": told.seq,
        "kind": told.kind,
        "title": told.title,
        "reason": told.reason,
        "about": told.about,
        "amount": trust(told.amount),
        "change": trust(told.change),
        "mending": trust(told.mending),
        "returned": trust(told.returned),
        "standing": trust(told.standing),
        "factors": told.factors,
        "policy_version": told.policy_version,
        "event_id": told.event_id,
        "source": told.source,
        "external_ref": told.external_ref,
        "occurred_at": instant(told.occurred_at_us),
        "recorded_at": instant(told.recorded_at_us),
        "dispute": show_dispute(dispute) if dispute else None,
        "prev_hash": told.prev_hash.hex(),
        "hash": told.hash.hex(),
    }


def show_again(again: Recomputed) -> dict[str, Any]:
    """A recomputation as JSON carries it."""
    return {
        "amount": trust(again.amount),
        "amount_agrees": again.amount_agrees,
        "hash_agrees": again.hash_agrees,
        "link_agrees": again.link_agrees,
    }
