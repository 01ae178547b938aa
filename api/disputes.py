"""Disputes and reversals over HTTP: a creator contests a line, a partner puts a mistake of its own right."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import marshmallow as ma
from flask import Response

from api import auth, conditional, creators, cursors, encoding, event_documents, events, fields, receipts, state
from api.blueprint import Blueprint
from api.conditional import PLACE
from ledger import disputes, ids, notation, reversals
from ledger.disputes import LONGEST_REASON, PREFIX, STATUSES, Dispute
from ledger.errors import Forbidden, NotFound
from ledger.events import CreatorRef, Receipt
from ledger.keys import Key
from ledger.kinds.reversal import WHY
from ledger.readers import Reader

blp = Blueprint("disputes", __name__, description="Lines that a creator contests, and mistakes put right.")
NAMED: list[str | dict[str, Any]] = [
    {
        "name": "dispute",
        "in": "path",
        "required": True,
        "description": "the dispute's id",
        "schema": {"type": "string", "minLength": 1},
        "example": "dispute_01936f2e5b1c7c3a9f002b6f3c1d9e0101936f2e5b1c7c3a9f002b6f3c1d9e02",
    }
]
MOST_SEQ = 2**62


class DisputeIn(ma.Schema):
    """A line to contest, and why."""

    meter = fields.SafeString(
        required=True, longest=80, metadata={"description": "the book", "example": "network:video"}
    )
    seq = fields.JsonInteger(
        required=True,
        validate=ma.validate.Range(1, MOST_SEQ),
        metadata={"description": "the number of the line in that book", "example": 17},
    )
    reason = fields.SafeString(required=True, longest=LONGEST_REASON, metadata={"description": "why the line is wrong"})


class ResolveIn(ma.Schema):
    """The verdict. A rejection needs its reason."""

    verdict = ma.fields.String(required=True, validate=ma.validate.OneOf(STATUSES[1:]))
    reason = fields.SafeString(longest=LONGEST_REASON, metadata={"description": "why, for the creator to read"})

    @ma.validates_schema
    def _says_why(self, given: dict[str, Any], **_: Any) -> None:
        if given.get("verdict") == "rejected" and not given.get("reason"):
            raise ma.ValidationError({"reason": ["is required to reject a dispute"]})


class DisputesQuery(ma.Schema):
    """Which disputes."""

    status = ma.fields.String(
        validate=ma.validate.OneOf(STATUSES),
        metadata={"description": "those of this status; where left out, an operator sees the open ones, others all"},
    )
    after = fields.SafeString(longest=1_000)
    limit = cursors.limit("disputes")


class LineOut(fields.Shown):
    """The line that is contested, and the event that made it."""

    kind = ma.fields.String(**fields.told("kind of the line"))
    change = fields.Trust(**fields.told("what it did to standing"))
    event = ma.fields.String(**fields.told("kind of the event that made it"))
    source = ma.fields.String(**fields.told("who told of that event"))
    external_ref = ma.fields.String(**fields.told("their reference"))
    reversed_by = ma.fields.Integer(
        **fields.told("seq of the line that undid it, whoever asked for it; null where none did"), allow_none=True
    )


class DisputeOut(fields.Shown):
    """A contested line and what came of it."""

    dispute = ma.fields.String(**fields.told("the dispute's id"))
    creator_id = ma.fields.UUID(**fields.told("whose book it is"))
    meter = ma.fields.String(**fields.told("the book"))
    seq = ma.fields.Integer(**fields.told("the contested line"))
    line = ma.fields.Nested(LineOut(), **fields.told("what the line is, and who told of it"))
    reason = ma.fields.String(**fields.told("why the creator contests it"))
    status = ma.fields.String(**fields.told("where it stands"), validate=ma.validate.OneOf(STATUSES))
    opened_at = fields.Instant(**fields.told("when it was opened"))
    resolved_at = fields.Instant(**fields.told("when it was resolved; null while open"), allow_none=True)
    resolved_by = ma.fields.String(**fields.told("who resolved it; null while open"), allow_none=True)
    resolution = ma.fields.String(
        **fields.told("why it was resolved so; null while open, or where nothing was said"), allow_none=True
    )


class DisputesOut(fields.Shown):
    """Disputes, newest first; `next` is the cursor of the page after it, null on the last."""

    disputes = ma.fields.List(ma.fields.Nested(DisputeOut()), **fields.told("newest first"))
    next = ma.fields.String(**fields.told("cursor of the next page; null on the last"), allow_none=True)


class ReversalIn(ma.Schema):
    """An event of one's own that is to be undone."""

    creator = fields.SafeString(required=True, longest=300, metadata={"example": "youtube:ada"})
    event = fields.SafeString(required=True, metadata={"description": "external_ref of the event to undo"})
    why = ma.fields.String(
        load_default="mistake", validate=ma.validate.OneOf(WHY), metadata={"description": "why it is undone"}
    )
    external_ref = fields.SafeString(required=True, metadata={"description": "your own reference for this reversal"})


CONTESTED = {"meter": "network:video", "seq": 17, "reason": "The post was an ordinary one: nobody paid for it."}
SHOWN = {
    "dispute": "dispute_01936f2e5b1c7c3a9f002b6f3c1d9e0101936f2e5b1c7c3a9f002b6f3c1d9e02",
    "creator_id": "01936f2e-5b1c-7c3a-9f00-2b6f3c1d9e01",
    **CONTESTED,
    "line": {
        "kind": "pitch",
        "change": "-12.400000",
        "event": "pitch",
        "source": "acme",
        "external_ref": "post-8861",
        "reversed_by": None,
    },
    "status": "open",
    "opened_at": "2026-11-23T16:00:00Z",
    "resolved_at": None,
    "resolved_by": None,
    "resolution": None,
}
SETTLED = SHOWN | {
    "status": "upheld",
    "resolved_at": "2026-11-24T09:00:00Z",
    "resolved_by": "acme",
    "resolution": "The campaign was another creator's.",
    "line": {**SHOWN["line"], "reversed_by": 23},  # type: ignore[dict-item]
}
REVERSAL = {"creator": "youtube:ada", "event": "post-8861", "why": "mistake", "external_ref": "undo-post-8861"}


@blp.post("/v1/disputes")
@auth.requires("creators:write")
@blp.arguments(DisputeIn(), example=CONTESTED)
@blp.alt_response(409, "CONFLICT")
@blp.alt_response(200, schema=DisputeOut(), example=SHOWN, description="Contested before, for the same reason")
@blp.response(201, DisputeOut(), example=SHOWN, description="Contested", headers=PLACE)
def post_dispute(given: dict[str, Any]) -> Response:
    """Contest a line of your own book.

    A line has one open dispute; after a rejection it may be contested once more, with a new reason.
    """
    found, is_new = contest(own_id(auth.current()), **given)
    shown = show(found)
    return encoding.json_response(shown, 201 if is_new else 200, {"Location": f"/v1/disputes/{shown['dispute']}"})


@blp.get("/v1/disputes")
@auth.requires("statements:read")
@blp.arguments(DisputesQuery(), location="query")
@blp.alt_response(304, "NOT_MODIFIED")
@blp.response(200, DisputesOut(), example={"disputes": [SHOWN], "next": None})
def get_disputes(asked: dict[str, Any]) -> Response:
    """Disputes, newest first: a creator's own, those about events that a partner told of, or all open ones."""
    return conditional.answer(state.ledger().database.read(lambda reader: page(reader, **asked)))


@blp.get("/v1/disputes/<string:dispute>", parameters=NAMED)
@auth.requires("statements:read")
@blp.alt_response(304, "NOT_MODIFIED")
@blp.response(200, DisputeOut(), example=SHOWN)
def get_dispute(dispute: str) -> Response:
    """One dispute."""
    return conditional.answer(show(known(dispute)))


@blp.post("/v1/disputes/<string:dispute>/resolve", parameters=NAMED)
@auth.requires("events:write")
@blp.arguments(ResolveIn(), example={"verdict": "upheld", "reason": "The campaign was another creator's."})
@blp.alt_response(409, "CONFLICT")
@blp.response(200, DisputeOut(), example=SETTLED)
def post_resolve(given: dict[str, Any], dispute: str) -> Response:
    """Uphold or reject a dispute: upheld, what is left of the event is undone, once; rejected, a reason is given.

    The same verdict again is answered as the first time, with `Idempotency-Replayed: true`; the other one is 409.
    """
    found, is_first = resolve(known(dispute), **given)
    return encoding.json_response(show(found), 200, {} if is_first else {"Idempotency-Replayed": "true"})


@blp.post("/v1/reversals")
@auth.requires("events:write")
@blp.arguments(ReversalIn(), example=REVERSAL)
@blp.doc(responses=event_documents.SINGLE["responses"])
def post_reversal(given: dict[str, Any]) -> Response:
    """Undo an event of your own for what is left of it.

    The same as telling of an event of kind `reversal`, in whatever book the event was.
    """
    return events.answer(reverse(**given))


def own_id(key: Key) -> str:
    """The creator whose key this is. Raises Forbidden for any other key."""
    if key.role != "creator":
        raise Forbidden("only the creator contests a line of their book, with a key of their own")
    return key.owner


def contest(creator_id: str, *, meter: str, seq: int, reason: str) -> tuple[Dispute, bool]:
    """Contest a line of a creator's own book; returns (dispute, whether it is new)."""
    ledger = state.ledger()
    asked: dict[str, Any] = {"creator_id": creator_id, "meter": meter, "seq": seq, "reason": reason}
    return ledger.database.write(lambda session: disputes.contest(session, **asked, now_us=ledger.clock()))


def known(name: str) -> Dispute:
    """The dispute of that id, if the key may know of it. Raises NotFound."""
    creator_id, dispute_id = ids.split(PREFIX, name)
    found = state.ledger().database.read(
        lambda reader: disputes.find(reader, creator_id=creator_id, dispute_id=dispute_id)
    )
    if not concerns(auth.current(), found):
        raise NotFound(f"there is no such {PREFIX}")
    return found


def concerns(key: Key, dispute: Dispute) -> bool:
    """Whether a key may know of a dispute: the creator's, an operator's of that book, or of who told of the event."""
    if key.role == "operator":
        return key.may_act_for(auth.network_of(dispute.meter))
    if key.role == "partner":
        return key.owner == dispute.source and acts_in(key, dispute.meter)
    return auth.is_self(key, dispute.creator_id)


def resolve(found: Dispute, *, verdict: str, reason: str | None = None) -> tuple[Dispute, bool]:
    """Resolve a dispute that the key may decide; returns (dispute, whether this call did it)."""
    ledger, key = state.ledger(), auth.current()
    told: dict[str, Any] = {"verdict": verdict, "resolution": reason, "resolved_by": key.owner}
    told |= {"clock": ledger.clock, "schedule": ledger.schedule(), "pepper": ledger.pepper}
    return ledger.database.write(
        lambda session: disputes.resolve(session, creator_id=found.creator_id, dispute_id=found.dispute_id, **told)
    )


def page(reader: Reader, *, limit: int, status: str | None = None, after: str | None = None) -> dict[str, Any]:
    """A page of disputes as JSON carries it. Raises InvalidCursor."""
    settings, key = state.ledger().settings, auth.current()
    if key.role == "operator":
        status = status or STATUSES[0]
    question = {"disputes of": f"{key.role} {key.owner}", "status": status}
    before = str(UUID(int=cursors.read(settings, after, **question))) if after else None
    found = disputes.listed(reader, limit=limit + 1, status=status, before=before, **whose(key))
    more = cursors.following(settings, found, limit, lambda one: UUID(one.dispute_id).int, **question)
    return {"disputes": [show(one) for one in found[:limit]], "next": more}


def whose(key: Key) -> dict[str, Any]:
    """Which disputes a key may list: an operator without networks all, and nobody those of others."""
    if key.role == "operator":
        return {"networks": sorted(key.networks) or None, "brands": False}
    if key.role == "partner":
        return {"source": key.owner, "networks": sorted(key.networks)}
    return {"creator_id": key.owner}


def reverse(creator: str, *, event: str, why: str, external_ref: str) -> Receipt:
    """Undo an event that this key's holder told of. Raises UnknownCreator, UnknownReference."""
    ledger, key, creator_id = state.ledger(), auth.current(), creators.known(creator).creator_id
    asked = {"creator_id": creator_id, "event": event, "why": why, "external_ref": external_ref}
    receipt = ledger.database.write(
        lambda session: reversals.reverse(
            session,
            **asked,
            source=key.owner,
            may_act_for=lambda meter: acts_in(key, meter),
            clock=ledger.clock,
            schedule=ledger.schedule(),
            pepper=ledger.pepper,
        )
    )
    (receipt,) = receipts.as_known([receipt], [CreatorRef(creator_id)], key)
    errors = tuple((pointer.removeprefix("/facts"), what) for pointer, what in receipt.errors)
    return replace(receipt, errors=errors)


def acts_in(key: Key, meter: str) -> bool:
    """Whether a key may act in a book where its holder told of something: a brand's is on no network."""
    network = auth.network_of(meter)
    return not network or key.may_act_for(network)


def show(dispute: Dispute) -> dict[str, Any]:
    """A dispute as JSON carries it."""
    resolved_at = dispute.resolved_at_us
    return {
        "dispute": dispute.name,
        "creator_id": dispute.creator_id,
        "meter": dispute.meter,
        "seq": dispute.seq,
        "line": {
            "kind": dispute.line_kind,
            "change": notation.trust(dispute.change),
            "event": dispute.event_kind,
            "source": dispute.source,
            "external_ref": dispute.external_ref,
            "reversed_by": dispute.reversed_by,
        },
        "reason": dispute.reason,
        "status": dispute.status,
        "opened_at": notation.instant(dispute.opened_at_us),
        "resolved_at": None if resolved_at is None else notation.instant(resolved_at),
        "resolved_by": dispute.resolved_by,
        "resolution": dispute.resolution,
    }
