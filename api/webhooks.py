"""Webhooks over HTTP: addresses that are told of what happens, their secrets, and what became of each message."""

from __future__ import annotations

from typing import Any

import orjson
from flask import Response

from api import auth, conditional, cursors, encoding, state
from api.blueprint import Blueprint
from api.conditional import IF_GIVEN, IF_MATCH, PLACE, TAG
from api.webhook_documents import (
    ASKED,
    MADE,
    NAMED,
    SENT,
    SHOWN,
    DeliveriesOut,
    DeliveriesQuery,
    QueuedOut,
    ReplayedOut,
    ReplayIn,
    RotateSecretIn,
    SignedWebhookOut,
    WebhookIn,
    WebhookOut,
    WebhookPatch,
    WebhooksOut,
)
from ledger import envelopes, notation, outbox, webhooks
from ledger.db import Reading, Session
from ledger.economy import HOUR_US
from ledger.envelopes import Delivery
from ledger.errors import NotFound
from ledger.keys import Key
from ledger.messages import NOBODY
from ledger.webhooks import NO_WEBHOOK, Webhook

blp = Blueprint("webhooks", __name__, description="Webhooks: what happens, told to an address of yours.")
NO_STORE = {"Cache-Control": "no-store"}


@blp.post("/v1/webhooks")
@auth.requires("webhooks:write", "balances:read")
@blp.arguments(WebhookIn(), example=ASKED)
@blp.alt_response(409, "CONFLICT")
@blp.response(201, SignedWebhookOut(), example=MADE, headers=TAG | PLACE, description="Made")
def post_webhook(given: dict[str, Any]) -> Response:
    """Have messages sent to an address: what the key may know, as far as it is wanted.

    The secret that signs them is in this answer alone: it is kept nowhere.
    """
    return with_secret(state.ledger().database.write(lambda session: make(session, given)), 201)


@blp.get("/v1/webhooks")
@auth.requires("webhooks:write")
@blp.alt_response(304, "NOT_MODIFIED")
@blp.response(200, WebhooksOut(), example={"webhooks": [SHOWN]})
def get_webhooks() -> Response:
    """The webhooks of the key's owner that it reaches: there are 20 at most."""
    key = auth.current()
    held = state.ledger().database.read(lambda reader: webhooks.listed(reader, role=key.role, owner=key.owner))
    return conditional.answer({"webhooks": [show(one) for one in held if reaches(key, one)]})


@blp.get("/v1/webhooks/<string:webhook>", parameters=NAMED)
@auth.requires("webhooks:write")
@blp.alt_response(304, "NOT_MODIFIED")
@blp.response(200, WebhookOut(), example=SHOWN, headers=TAG)
def get_webhook(webhook: str) -> Response:
    """One webhook."""
    found = state.ledger().database.read(lambda reader: known(reader, webhook))
    return conditional.versioned(show(found), version=found.version)


@blp.patch("/v1/webhooks/<string:webhook>", parameters=NAMED)
@auth.requires("webhooks:write", "balances:read")
@blp.arguments(WebhookPatch(), example={"status": "paused"})
@blp.doc(parameters=[IF_MATCH])
@blp.alt_response(412, "PRECONDITION_FAILED")
@blp.alt_response(428, "PRECONDITION_REQUIRED")
@blp.response(200, WebhookOut(), example=SHOWN | {"status": "paused"}, headers=TAG)
def patch_webhook(given: dict[str, Any], webhook: str) -> Response:
    """Change where messages go or which are wanted; pause them, or let those that wait go."""
    found = state.ledger().database.write(lambda session: change(session, webhook, given))
    return conditional.versioned(show(found), version=found.version)


@blp.delete("/v1/webhooks/<string:webhook>", parameters=NAMED)
@auth.requires("webhooks:write")
@blp.doc(parameters=[IF_GIVEN])
@blp.alt_response(412, "PRECONDITION_FAILED")
@blp.response(204, description="It is gone, with all that was on its way to it")
def delete_webhook(webhook: str) -> Response:
    """Delete a webhook. What was on its way to it is not sent."""
    state.ledger().database.write(lambda session: end(session, webhook))
    return Response(status=204)


@blp.post("/v1/webhooks/<string:webhook>/rotate-secret", parameters=NAMED)
@auth.requires("webhooks:write", "balances:read")
@blp.arguments(RotateSecretIn(), example={"overlap_hours": 24})
@blp.alt_response(412, "PRECONDITION_FAILED")
@blp.response(200, SignedWebhookOut(), example=MADE | {"former_secret_until": "2026-11-24T16:00:00Z"}, headers=TAG)
def post_rotation(given: dict[str, int], webhook: str) -> Response:
    """Give a webhook a new secret. Until the former one ends, messages carry both signatures.

    A secret before the former one ends at once.
    """
    return with_secret(state.ledger().database.write(lambda session: rotate(session, webhook, **given)), 200)


@blp.get("/v1/webhooks/<string:webhook>/deliveries", parameters=NAMED)
@auth.requires("webhooks:write", "balances:read")
@blp.arguments(DeliveriesQuery(), location="query")
@blp.alt_response(304, "NOT_MODIFIED")
@blp.response(
    200,
    DeliveriesOut(),
    example={"deliveries": [SENT], "last_sequence": 17, "failing_since": "2026-11-23T16:00:01Z", "next": None},
)
def get_deliveries(asked: dict[str, Any], webhook: str) -> Response:
    """What became of each message, newest first. Those that ended are kept for 30 days."""
    return conditional.answer(state.ledger().database.read(lambda reader: page(reader, webhook, **asked)))


@blp.post("/v1/webhooks/<string:webhook>/replay", parameters=NAMED)
@auth.requires("webhooks:write", "balances:read")
@blp.arguments(ReplayIn(), example={"from_sequence": 17})
@blp.response(
    202,
    ReplayedOut(),
    example={"from_sequence": 17, "to_sequence": 44, "replayed": 28, "next": None},
    description="On their way again",
)
def post_replay(given: dict[str, int], webhook: str) -> Response:
    """Send messages again from a sequence on, whatever became of them, as if for the first time."""
    again = state.ledger().database.write(lambda session: replay(session, webhook, **given))
    return encoding.json_response(again, 202)


@blp.post("/v1/webhooks/<string:webhook>/test", parameters=NAMED)
@auth.requires("webhooks:write")
@blp.response(202, QueuedOut(), example={"sequence": 18}, description="On its way")
def post_test(webhook: str) -> Response:
    """Send a `webhook.test`, whatever types are wanted, to see whether messages arrive."""
    sequence = state.ledger().database.write(lambda session: test(session, webhook))
    return encoding.json_response({"sequence": sequence}, 202)


def known(session: Reading, webhook_id: str) -> Webhook:
    """The webhook of that id, if the asker's key reaches it. Raises NotFound, in the same words where there is none."""
    key = auth.current()
    found = webhooks.find(session, webhook_id=webhook_id, role=key.role, owner=key.owner)
    if not reaches(key, found):
        raise NotFound(NO_WEBHOOK)
    return found


def reaches(key: Key, found: Webhook) -> bool:
    """Whether a key holds all networks that a webhook of its owner tells of: else it would hear of more than it may."""
    return not key.lacks(role=found.role, networks=found.networks, scopes=())


def make(session: Session, given: dict[str, Any]) -> Webhook:
    """Make a webhook of the asker's. Raises InvalidWebhook, TooManyWebhooks."""
    ledger, key = state.ledger(), auth.current()
    told = {"private": ledger.settings.webhook_private_networks, "now_us": ledger.clock(), **given}
    return webhooks.create(session, role=key.role, owner=key.owner, networks=key.networks, **told)


def change(session: Session, webhook_id: str, given: dict[str, Any]) -> Webhook:
    """Change one. Raises NotFound, PreconditionRequired, Stale, InvalidWebhook."""
    found = known(session, webhook_id)
    conditional.check_match(found.version, "the webhook")
    ledger = state.ledger()
    told = {"private": ledger.settings.webhook_private_networks, "now_us": ledger.clock(), **given}
    return webhooks.amend(session, webhook=found, **told)


def end(session: Session, webhook_id: str) -> None:
    """Delete one. Raises NotFound, Stale."""
    found = known(session, webhook_id)
    conditional.check_given(found.version, "the webhook")
    webhooks.delete(session, webhook_id=found.webhook_id)


def rotate(session: Session, webhook_id: str, *, overlap_hours: int) -> Webhook:
    """Give one a new secret. Raises NotFound, Stale."""
    found, now_us = known(session, webhook_id), state.ledger().clock()
    return webhooks.rotate(session, webhook=found, now_us=now_us, overlap_us=overlap_hours * HOUR_US)


def replay(session: Session, webhook_id: str, *, from_sequence: int, to_sequence: int | None = None) -> dict[str, Any]:
    """Send again, as JSON carries what is. Raises NotFound, InvalidWebhook."""
    found, now_us = known(session, webhook_id), state.ledger().clock()
    again = envelopes.replay(session, webhook=found, first=from_sequence, last=to_sequence, now_us=now_us)
    more = again.last + 1 if again.last < found.sequence else None
    return {"from_sequence": again.first, "to_sequence": again.last, "replayed": again.count, "next": more}


def test(session: Session, webhook_id: str) -> int:
    """Put a test on its way; its sequence. Raises NotFound."""
    return outbox.test(session, webhook=known(session, webhook_id), now_us=state.ledger().clock())


def with_secret(found: Webhook, status: int) -> Response:
    """A webhook with the secret that signs from now on."""
    ledger = state.ledger()
    secret = webhooks.secrets(found, pepper=ledger.pepper, now_us=ledger.clock())[0]
    headers = NO_STORE | ({"Location": f"/v1/webhooks/{found.webhook_id}"} if status == 201 else {})
    shown = show(found) | {"secret": secret}
    return conditional.versioned(shown, version=found.version, status=status, headers=headers)


def page(reader: Reading, webhook_id: str, *, limit: int, status: str | None = None, after: str | None = None) -> Any:
    """A page of deliveries as JSON carries it. Raises NotFound, InvalidCursor."""
    settings, found = state.ledger().settings, known(reader, webhook_id)
    question = {"webhook": found.webhook_id, "status": status}
    before = cursors.read(settings, after, **question) if after else None
    told = envelopes.listed(reader, webhook_id=found.webhook_id, limit=limit + 1, status=status, before=before)
    more = cursors.following(settings, told, limit, lambda one: one.sequence, **question)
    return {
        "deliveries": [sent(one) for one in told[:limit]],
        "last_sequence": found.sequence,
        "failing_since": _when(found.failing_since_us),
        "next": more,
    }


def show(found: Webhook) -> dict[str, Any]:
    """A webhook as JSON carries it."""
    return {
        "webhook": found.webhook_id,
        "url": found.url,
        "types": list(found.types),
        "meters": list(found.meters),
        "networks": sorted(found.networks),
        "note": found.note,
        "status": found.status,
        "created_at": notation.instant(found.created_at_us),
        "former_secret_until": _when(found.secret_overlap_until_us or None),
    }


def sent(one: Delivery) -> dict[str, Any]:
    """A delivery as JSON carries it."""
    is_about = one.creator_id != NOBODY
    return {
        "sequence": one.sequence,
        "message": one.message_id,
        "type": one.type,
        "creator_id": one.creator_id if is_about else None,
        "meter": one.meter if is_about else None,
        "status": one.status,
        "attempts": one.attempts,
        "made_at": notation.instant(one.made_at_us),
        "next_at": _when(one.next_at_us if one.status == "waiting" else None),
        "answered": one.answered,
        "error": one.error,
        "ended_at": _when(one.ended_at_us),
        "data": orjson.loads(one.body),
    }


def _when(at_us: int | None) -> str | None:
    return None if at_us is None else notation.instant(at_us)
