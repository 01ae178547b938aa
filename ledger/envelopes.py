"""Envelopes: a message as it goes to one webhook, and what the owner sees of it: waiting, there, given up."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import orjson

from ledger import db
from ledger.db import Reading, Row, Session
from ledger.messages import NOBODY
from ledger.notation import instant
from ledger.webhooks import InvalidWebhook, Webhook

STATUSES = ("waiting", "delivered", "dead")
MOST_REPLAYED = 1_000
_REPLAY_SQL = (
    "UPDATE delivery SET status = 'waiting', attempts = 0, next_at_us = ?, answered = NULL, error = NULL,"
    " ended_at_us = NULL WHERE webhook_id = ? AND sequence >= ? AND sequence <= ? AND (creator_id = ? OR body <> '{}')"
)
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


# What the owner sees and asks for


@dataclass(frozen=True, slots=True)
class Replayed:
    """What is sent again: the sequences from `first` to `last`, so many of which are still kept."""

    first: int
    last: int
    count: int


def listed(
    session: Reading, *, webhook_id: str, limit: int, status: str | None = None, before: int | None = None
) -> list[Delivery]:
    """A webhook's deliveries before a sequence, newest first: those of one status, or all that are kept."""
    asked = [("d.status = ?", status), ("d.sequence < ?", before)]
    conditions = " AND ".join(["d.webhook_id = ?", *(sql for sql, value in asked if value is not None)])
    params = [webhook_id, *(value for _, value in asked if value is not None), limit]
    sql = f"SELECT {COLUMNS} FROM delivery d WHERE {conditions} ORDER BY d.sequence DESC LIMIT ?"
    return [of_row(row) for row in db.fetch(session, sql, params)]


def replay(session: Session, *, webhook: Webhook, first: int, last: int | None, now_us: int) -> Replayed:
    """Send deliveries again from a sequence on, whatever became of them, as if for the first time.

    They go in their sequence, each after those before it in its book; those about a creator who was erased since are
    empty, and are not sent. Raises InvalidWebhook for too many at once.
    """
    end = min(first + MOST_REPLAYED - 1, webhook.sequence) if last is None else last
    if last is not None and not first <= last < first + MOST_REPLAYED:
        raise InvalidWebhook(
            f"at most {MOST_REPLAYED} sequences at once, none before the first", pointer="/to_sequence"
        )
    # The webhook before its deliveries, as whoever sends locks them.
    db.execute(session, "UPDATE webhook SET quiet_until_us = 0 WHERE webhook_id = ?", (webhook.webhook_id,))
    count = db.execute(session, _REPLAY_SQL, (now_us, webhook.webhook_id, first, end, NOBODY))
    return Replayed(first, end, count)
