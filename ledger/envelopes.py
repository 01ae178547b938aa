"""Envelopes: a message as it goes to one webhook, and what the owner sees of it: waiting, there, given up."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import orjson

from ledger import db
from ledger.db import Reading, Row
from ledger.messages import NOBODY
from ledger.notation import instant
from ledger.webhooks import Webhook

_ACCOUNTS_SQL = "SELECT network, external_id FROM account WHERE creator_id = ? ORDER BY network, external_id"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message on its way to one webhook. `body` is JSON without names; times in microseconds since 1970.

    `answered` is the last HTTP status that came back, `error` why the last attempt failed.
    """

    webhook_id: str
    sequence: int
    message_id: str
    creator_id: str
    meter: str
    type: str
    body: str
    made_at_us: int
    status: str
    attempts: int
    next_at_us: int
    answered: int | None
    error: str | None
    ended_at_us: int | None


COLUMNS = ", ".join(f"d.{field.name}" for field in fields(Delivery))


def of_row(row: Row) -> Delivery:
    """A delivery from its row, as COLUMNS reads it."""
    return Delivery(str(row[0]), row[1], str(row[2]), str(row[3]), *row[4:])


def envelope(session: Reading, delivery: Delivery, webhook: Webhook) -> bytes:
    """What is sent: the same bytes at every attempt, but that an erased creator's accounts are gone.

    Names are looked up now and kept nowhere: the accounts of the creator on networks that the webhook is for.
    """
    data: dict[str, Any] = orjson.loads(delivery.body)
    if delivery.creator_id != NOBODY:
        data["accounts"] = _accounts(session, delivery.creator_id, webhook)
    told = {"type": delivery.type, "timestamp": instant(delivery.made_at_us), "sequence": delivery.sequence}
    return orjson.dumps({**told, "data": data})


def _accounts(session: Reading, creator_id: str, webhook: Webhook) -> list[str]:
    """A creator's accounts as a partner's own ids; a brand is told of none."""
    if webhook.role == "brand":
        return []
    bound = webhook.networks if webhook.role == "partner" or webhook.networks else None
    held = db.fetch(session, _ACCOUNTS_SQL, (creator_id,))
    return [
        f"{network}:{name}" for network, name in held if webhook.role == "creator" or bound is None or network in bound
    ]
