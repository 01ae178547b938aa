"""Partners tell what happened: one event, or up to ten thousand."""

from __future__ import annotations

from flask import Response

from api import auth, encoding, problems, receipts, state
from api.blueprint import Blueprint
from ledger import posting
from ledger.errors import InvalidEvent
from ledger.events import NewEvent, Receipt

blp = Blueprint("events", __name__, description="What happened, as partners tell it.")


@blp.post("/v1/events")
@auth.requires("events:write")
def post_event() -> Response:
    """Tell of one event."""
    event = receipts.read(encoding.body_json(), key=auth.current(), pepper=state.ledger().pepper)
    return answer(post([event])[0])


def post(events: list[NewEvent], *, backfill: bool = False, atomic: bool = False) -> list[Receipt]:
    """Post events in one transaction, run again whole on what is transient."""
    ledger = state.ledger()
    schedule = ledger.schedule()
    return ledger.database.write(
        lambda session: posting.post(
            session,
            events=events,
            clock=ledger.clock,
            schedule=schedule,
            backfill=backfill,
            atomic=atomic,
        )
    )


def answer(receipt: Receipt) -> Response:
    """The response to one event: 201 posted, 200 replayed, a problem where it was refused."""
    headers = {"Idempotency-Replayed": "true"} if receipt.replayed else {}
    if receipt.code is None:
        status = 200 if receipt.replayed else 201
        response = encoding.json_response(receipts.show(receipt), status)
        response.headers.update(headers)
        return response
    if receipt.code == InvalidEvent.code:
        headers = {}
    return problems.problem(
        problems.status_of_code(receipt.code),
        receipt.code,
        receipt.detail or "",
        wrong=receipt.errors,
        headers=headers,
    )
