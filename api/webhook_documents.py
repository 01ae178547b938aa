"""How webhooks look over HTTP: what comes in, what goes out, and examples."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

from api import cursors, fields
from ledger import envelopes, webhooks
from ledger.economy import HOUR_US
from ledger.messages import TYPES
from ledger.webhooks import LONGEST_URL, MOST_FILTERS, MOST_OVERLAP_US, OVERLAP_US

MOST_SEQUENCE = 2**53
NAMED: list[str | dict[str, Any]] = [
    {
        "name": "webhook",
        "in": "path",
        "required": True,
        "description": "the webhook's id",
        "schema": {"type": "string", "minLength": 1},
        "example": "01936f2e-5b1c-7c3a-9f00-2b6f3c1d9e0c",
    }
]


def _filters(what: str) -> Any:
    names = fields.SafeString(longest=80)
    return ma.fields.List(names, validate=ma.validate.Length(max=MOST_FILTERS), metadata={"description": what})


class WebhookPatch(ma.Schema):
    """What is to change; what is left out stays."""

    url = fields.SafeString(
        longest=LONGEST_URL, metadata={"description": "https://…", "example": "https://example.com/trust"}
    )
    types = _filters("types of message, or families as `pitch.*`; none for all that the key may know of")
    meters = _filters("the meters whose messages are wanted; none for all")
    note = fields.SafeString(metadata={"description": "what it is for"})
    status = ma.fields.String(
        validate=ma.validate.OneOf(webhooks.STATUSES), metadata={"description": "while it is paused, messages wait"}
    )


class WebhookIn(WebhookPatch):
    """A webhook to make."""

    class Meta:
        """It begins enabled."""

        exclude = ("status",)

    url = fields.SafeString(
        required=True,
        longest=LONGEST_URL,
        metadata={"description": "where messages are sent: https, without a password or a fragment"},
    )


class RotateSecretIn(ma.Schema):
    """How long the former secret goes on."""

    overlap_hours = fields.JsonInteger(
        load_default=OVERLAP_US // HOUR_US,
        validate=ma.validate.Range(0, MOST_OVERLAP_US // HOUR_US),
        metadata={"description": "hours for which both secrets sign; 0 ends the former at once"},
    )


class ReplayIn(ma.Schema):
    """What is to be sent again."""

    from_sequence = fields.JsonInteger(required=True, validate=ma.validate.Range(1, MOST_SEQUENCE))
    to_sequence = fields.JsonInteger(
        validate=ma.validate.Range(1, MOST_SEQUENCE),
        metadata={"description": f"the last one; {envelopes.MOST_REPLAYED} at most, and as many where it is left out"},
    )


class DeliveriesQuery(ma.Schema):
    """Which deliveries."""

    status = ma.fields.String(
        validate=ma.validate.OneOf(envelopes.STATUSES), metadata={"description": "those of this status"}
    )
    after = fields.SafeString(longest=1_000)
    limit = cursors.limit("deliveries")


class WebhookOut(fields.Shown):
    """A webhook, without its secret."""

    webhook = ma.fields.UUID(**fields.told("the webhook's id"))
    url = ma.fields.String(**fields.told("where messages are sent"))
    types = ma.fields.List(ma.fields.String(), **fields.told("the types it wants; none for all"))
    meters = ma.fields.List(ma.fields.String(), **fields.told("the meters it wants to hear of; none for all"))
    networks = ma.fields.List(ma.fields.String(), **fields.told("the networks of the key that made it"))
    note = ma.fields.String(**fields.told("what it is for"))
    status = ma.fields.String(
        **fields.told("`paused` while messages wait: by you, or because it answered 410"),
    )
    created_at = fields.Instant(**fields.told("when it was made"))
    former_secret_until = fields.Instant(
        **fields.told("until when the former secret signs too; null before the first rotation"), allow_none=True
    )


class SignedWebhookOut(WebhookOut):
    """A webhook with the secret that signs from now on."""

    secret = ma.fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "the secret, in this answer and never again: null where it is a repetition"},
    )


class WebhooksOut(fields.Shown):
    """The webhooks of the key's owner that it reaches."""

    webhooks = ma.fields.List(ma.fields.Nested(WebhookOut()), **fields.told("oldest first"))


class DeliveryOut(fields.Shown):
    """A message on its way to a webhook, or there, or given up."""

    sequence = ma.fields.Integer(**fields.told("its number in this webhook, without gaps"))
    message = ma.fields.UUID(**fields.told("its id, sent as `webhook-id`"))
    type = ma.fields.String(**fields.told("what it tells of"), validate=ma.validate.OneOf(tuple(TYPES)))
    creator_id = ma.fields.UUID(**fields.told("the creator's UUID; null where it is about none"), allow_none=True)
    meter = ma.fields.String(**fields.told("the book; null where it is about none"), allow_none=True)
    status = ma.fields.String(
        **fields.told("`dead` was tried as often as is tried"), validate=ma.validate.OneOf(envelopes.STATUSES)
    )
    attempts = ma.fields.Integer(**fields.told("how often it was sent"))
    made_at = fields.Instant(**fields.told("when it happened"))
    next_at = fields.Instant(**fields.told("when it is sent next; null where it is not"), allow_none=True)
    answered = ma.fields.Integer(**fields.told("the status last answered; null for none"), allow_none=True)
    error = ma.fields.String(**fields.told("why the last attempt failed; null where it did not"), allow_none=True)
    ended_at = fields.Instant(**fields.told("when it arrived, or was given up; null before"), allow_none=True)
    data = ma.fields.Dict(**fields.told("what is sent as `data`, but for the creator's accounts"))


class DeliveriesOut(fields.Shown):
    """Deliveries, newest first; `next` is the cursor of the page after it, null on the last."""

    deliveries = ma.fields.List(ma.fields.Nested(DeliveryOut()), **fields.told("newest first"))
    last_sequence = ma.fields.Integer(**fields.told("the number of the newest there is, 0 before there was any"))
    failing_since = fields.Instant(
        **fields.told("since when nothing arrived that was sent; null where all is well"), allow_none=True
    )
    next = ma.fields.String(**fields.told("cursor of the next page; null on the last"), allow_none=True)


class QueuedOut(fields.Shown):
    """The message that is on its way."""

    sequence = ma.fields.Integer(**fields.told("its number in this webhook"))


class ReplayedOut(fields.Shown):
    """What is on its way again."""

    from_sequence = ma.fields.Integer(**fields.told("the first"))
    to_sequence = ma.fields.Integer(**fields.told("the last"))
    replayed = ma.fields.Integer(**fields.told("how many of them are still kept, and are sent again"))
    next = ma.fields.Integer(**fields.told("where to go on from; null where that was all"), allow_none=True)


ASKED = {"url": "https://example.com/trust", "types": ["balance.changed", "pitch.*"], "note": "the mirror"}
SHOWN: dict[str, Any] = {
    "webhook": "01936f2e-5b1c-7c3a-9f00-2b6f3c1d9e0c",
    **ASKED,
    "meters": [],
    "networks": ["youtube"],
    "status": "enabled",
    "created_at": "2026-11-23T16:00:00Z",
    "former_secret_until": None,
}
MADE = SHOWN | {"secret": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDazfCn1gFrZs="}
SENT = {
    "sequence": 17,
    "message": "01936f2e-5b1c-7c3a-9f00-2b6f3c1d9e11",
    "type": "balance.changed",
    "creator_id": "01936f2e-5b1c-7c3a-9f00-2b6f3c1d9e01",
    "meter": "network:youtube",
    "status": "waiting",
    "attempts": 2,
    "made_at": "2026-11-23T16:00:00Z",
    "next_at": "2026-11-23T16:05:12Z",
    "answered": 503,
    "error": "answered 503",
    "ended_at": None,
    "data": {
        "creator_id": "01936f2e-5b1c-7c3a-9f00-2b6f3c1d9e01",
        "meter": "network:youtube",
        "first_seq": 41,
        "last_seq": 44,
        "standing": "124.500000",
        "change": "12.250000",
        "lines": {"engagement": 4},
        "recorded_at": "2026-11-23T16:00:00Z",
    },
}
