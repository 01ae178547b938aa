"""Partners tell what happened: one event, or up to ten thousand."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask import Response, request

from api import auth, batches, cloudevents, encoding, event_documents, metrics, problems, receipts, state
from api.blueprint import Blueprint
from ledger.errors import Forbidden, InvalidEvent
from ledger.events import NewEvent, Receipt
from ledger.posting import AtomicRefused

blp = Blueprint("events", __name__, description="What happened, as partners tell it.")


class BatchQuery(ma.Schema):
    """How a batch is to be taken."""

    backfill = ma.fields.Boolean(
        truthy={"true"},
        falsy={"false"},
        load_default=False,
        metadata={"description": "fill in the past of books that hold no live entry yet; needs events:backfill"},
    )
    atomic = ma.fields.Boolean(
        truthy={"true"},
        falsy={"false"},
        load_default=False,
        metadata={"description": "post all or nothing; a refusal then is not remembered"},
    )


@blp.post("/v1/events")
@auth.requires("events:write", batched=cloudevents.BATCHED)
@blp.doc(**event_documents.ANY)
def post_event() -> Response:
    """Tell of one event, or of CloudEvents.

    The same event under the same `external_ref` is answered as the first time, with `Idempotency-Replayed: true`.
    CloudEvents come one by one, or as a batch, which is answered as `/v1/events/batch` would.
    """
    media = encoding.media_type(encoding.JSON, cloudevents.STRUCTURED, cloudevents.BATCHED)
    if media == cloudevents.BATCHED:
        return take(batches.lines(state.ledger().settings.batch_limit), backfill=False, atomic=False)
    return answer(batches.post_events([sent(media)])[0])


@blp.post("/v1/events/batch")
@auth.requires("events:write", limit="batch")
@blp.arguments(BatchQuery(), location="query")
@blp.doc(**event_documents.BATCH)
def post_batch(query: dict[str, Any]) -> Response:
    """Tell of up to 10,000 events, as a JSON array, one a line (NDJSON), or a batch of CloudEvents.

    Each line is posted, replayed or refused by itself unless `atomic`; the answer says which, in the same order.
    """
    if query["backfill"]:
        auth.need("events:backfill")
    return take(batches.lines(state.ledger().settings.batch_limit), **query)


def sent(media: str) -> NewEvent:
    """The one event that this request sends, plain or in an envelope."""
    given = encoding.parse(encoding.body())
    return told(given) if media == encoding.JSON else unwrapped(given)


def told(given: Any) -> NewEvent:
    """One event from its parsed JSON. Raises InvalidEvent, or Forbidden where this request's key may not tell of it."""
    event = receipts.read(given, key=auth.current(), pepper=state.ledger().pepper)
    for wrong in receipts.elsewhere([event], auth.current()).values():
        raise wrong
    return event


def unwrapped(given: Any) -> NewEvent:
    """One event from a CloudEvent, refused by the members of that."""
    event = cloudevents.read(given)
    try:
        return told(event)
    except (InvalidEvent, Forbidden) as wrong:
        raise cloudevents.refusal(wrong) from wrong


def take(lines: batches.Lines, *, backfill: bool, atomic: bool) -> Response:
    """The response to a batch, posted line by line or refused as a whole."""
    try:
        return batches.answer(lines, batches.post(lines, key=auth.current(), backfill=backfill, atomic=atomic))
    except AtomicRefused as refusal:
        return batches.refuse(lines, refusal)


def answer(receipt: Receipt) -> Response:
    """The response to one event: 201 posted, 200 replayed, a problem where it was refused."""
    headers = {"Idempotency-Replayed": "true"} if receipt.replayed else {}
    metrics.meters().told({receipt.status: 1})
    if receipt.code is None:
        shown = receipts.show(receipt)
        return encoding.json_response(shown, 200 if receipt.replayed else 201, headers)
    status, code = problems.status_of_code(receipt.code), receipt.code
    told = cloudevents.located(receipt) if request.mimetype == cloudevents.STRUCTURED else receipt
    return problems.problem(status, code, told.detail or "", wrong=told.errors, headers=headers)
