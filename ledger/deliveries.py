"""Deliveries: messages on their way to webhooks, until they are there or given up. Sending them is done elsewhere.

Whoever sends takes a turn at a webhook: a lease on it, and what may go now. One killed in the middle loses nothing, for
its lease runs out; one that comes back too late changes nothing. A message waits for those before it in its book, and
for none of another book.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ledger import db, envelopes, recipients, webhooks
from ledger.db import Reading, Row, Session
from ledger.economy import DAY_US, SECOND_US
from ledger.envelopes import Delivery
from ledger.webhooks import Webhook

RETRIES_S = (5, 5 * 60, 30 * 60, 2 * 3_600, 5 * 3_600, 10 * 3_600, 14 * 3_600, 20 * 3_600, 24 * 3_600)
MOST_ATTEMPTS = 1 + len(RETRIES_S)
LONGEST_PAUSE_US = RETRIES_S[-1] * SECOND_US
KEPT_US = 30 * DAY_US
SWEPT_AT_ONCE = 1_000
GONE = 410

# What may go: it waits, its time has come, and nothing of its book waits before it.
DUE = (
    "d.status = 'waiting' AND d.next_at_us <= ? AND NOT EXISTS (SELECT 1 FROM delivery b"
    " WHERE b.webhook_id = d.webhook_id AND b.creator_id = d.creator_id AND b.meter = d.meter"
    " AND b.status = 'waiting' AND b.sequence < d.sequence)"
)
_PAUSE_SQL = "UPDATE webhook SET status = 'paused', version = version + 1 WHERE webhook_id = ?"
FREE = "w.status = 'enabled' AND w.leased_until_us <= ? AND w.quiet_until_us <= ?"


@dataclass(frozen=True, slots=True)
class Turn:
    """The right to send to a webhook for a while, by the name `lease`; each of `letters` is of another book."""

    webhook: Webhook
    lease: str
    letters: tuple[Letter, ...]


@dataclass(frozen=True, slots=True)
class Letter:
    """A delivery that may go now, and the bytes that are sent."""

    delivery: Delivery
    body: bytes


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of sending: the status answered, or why there is none; `pause_us` is what the receiver asks for."""

    delivery: Delivery
    answered: int | None
    error: str | None = None
    pause_us: int = 0

    @property
    def succeeded(self) -> bool:
        """Whether the receiver has it."""
        return self.answered is not None and 200 <= self.answered < 300

    @property
    def status(self) -> str:
        """What becomes of the delivery."""
        if self.succeeded:
            return "delivered"
        return "waiting" if self.delivery.attempts + 1 < MOST_ATTEMPTS else "dead"


def ready(session: Reading, *, now_us: int, limit: int) -> list[str]:
    """Webhooks to which something may go now and nobody is sending, those that waited longest first."""
    sql = (
        f"SELECT w.webhook_id FROM webhook w WHERE {FREE}"
        f" AND EXISTS (SELECT 1 FROM delivery d WHERE d.webhook_id = w.webhook_id AND {DUE})"
        " ORDER BY w.leased_until_us, w.webhook_id LIMIT ?"
    )
    return [str(found) for (found,) in db.fetch(session, sql, (now_us, now_us, now_us, limit))]


def take(session: Session, *, webhook_id: str, lease: str, now_us: int, lasts_us: int, limit: int) -> Turn | None:
    """Lease a webhook under a name of one's own, with what may go to it. None where it is not free, or nothing may.

    One whose owner holds no live key any more is paused: what was put on its way before is not sent after.
    """
    sets = "UPDATE webhook AS w SET lease = ?, leased_until_us = ?"
    key = (webhook_id, now_us, now_us)
    if not db.execute(session, f"{sets} WHERE w.webhook_id = ? AND {FREE}", (lease, now_us + lasts_us, *key)):
        return None
    found = due(session, webhook_id=webhook_id, now_us=now_us, limit=limit)
    if not found:
        _give_back(session, webhook_id, lease, now_us)
        return None
    rows = db.fetch(session, f"SELECT {webhooks.COLUMNS} FROM webhook w WHERE w.webhook_id = ?", (webhook_id,))
    webhook = webhooks.of_row(rows[0])
    holder = (webhook.role, webhook.owner)
    if holder not in recipients.living(session, holders=[holder], now_us=now_us):
        db.execute(session, _PAUSE_SQL, (webhook_id,))
        _give_back(session, webhook_id, lease, now_us)
        return None
    return Turn(webhook, lease, tuple(Letter(each, envelopes.envelope(session, each, webhook)) for each in found))


def due(session: Reading, *, webhook_id: str, now_us: int, limit: int) -> list[Delivery]:
    """What may go to a webhook now: of each book the first that waits; what is due longest comes first."""
    found = f"SELECT {envelopes.COLUMNS} FROM delivery d WHERE d.webhook_id = ? AND {DUE}"
    sql = f"{found} ORDER BY d.next_at_us, d.sequence LIMIT ?"
    return [envelopes.of_row(row) for row in db.fetch(session, sql, (webhook_id, now_us, limit))]


def conclude(
    session: Session, *, turn: Turn, attempts: Sequence[Attempt], now_us: int, draw: Callable[[int], int]
) -> bool:
    """Write down what came of a turn, and end it. False, changing nothing, where the webhook is leased to another.

    `draw` gives a whole number from 0 up to, not including, its argument: by it, retries are spread.
    """
    webhook_id = turn.webhook.webhook_id
    if not _give_back(session, webhook_id, turn.lease, now_us):
        return False
    for attempt in attempts:
        if attempt.status == "waiting":
            next_at_us = now_us + max(pause_us(attempt.delivery.attempts, draw), _bounded(attempt.pause_us))
            _put_off(session, webhook_id, attempt, next_at_us)
        else:
            _end(session, webhook_id, attempt, now_us)
    if attempts:
        _note(session, webhook_id, attempts, now_us)
    return True


def pause_us(attempts: int, draw: Callable[[int], int]) -> int:
    """How long a message waits that failed and had so many attempts before: half of its time in RETRIES_S, to all."""
    half_us = RETRIES_S[attempts] * SECOND_US // 2
    return half_us + draw(half_us + 1)


def forget(session: Session, *, now_us: int) -> int:
    """Delete some of what ended, or was due and not sent, more than thirty days ago; how many.

    Only what is paused can be due for so long: nothing is kept for ever for whoever does not come back.
    """
    old: list[Row] = []
    for told in ("ended_at_us < ? AND status <> 'waiting'", "next_at_us < ? AND status = 'waiting'"):
        sql = f"SELECT webhook_id, sequence FROM delivery WHERE {told} LIMIT ?"
        old += db.fetch(session, sql, (now_us - KEPT_US, SWEPT_AT_ONCE - len(old)))
    for key in old:
        db.execute(session, "DELETE FROM delivery WHERE webhook_id = ? AND sequence = ?", key)
    return len(old)


def _bounded(asked_us: int) -> int:
    return min(max(asked_us, 0), LONGEST_PAUSE_US)


def _give_back(session: Session, webhook_id: str, lease: str, now_us: int) -> bool:
    """End a lease, so that the next turn is anybody's. False where it is not ours any more."""
    sql = "UPDATE webhook SET lease = '', leased_until_us = ? WHERE webhook_id = ? AND lease = ?"
    return db.execute(session, sql, (now_us, webhook_id, lease)) == 1


def _end(session: Session, webhook_id: str, attempt: Attempt, now_us: int) -> None:
    """The message is there, or is given up: whatever waits behind it may go."""
    told = (attempt.status, attempt.answered, attempt.error, now_us)
    sql = f"UPDATE delivery SET attempts = attempts + 1, status = ?, answered = ?, error = ?, ended_at_us = ? {UNMOVED}"
    db.execute(session, sql, (*told, *_unmoved(webhook_id, attempt)))


def _put_off(session: Session, webhook_id: str, attempt: Attempt, next_at_us: int) -> None:
    """The message is tried again later, and its book with it: nobody looks at what waits behind it until then."""
    sql = f"UPDATE delivery SET attempts = attempts + 1, next_at_us = ?, answered = ?, error = ? {UNMOVED}"
    told = (next_at_us, attempt.answered, attempt.error)
    if not db.execute(session, sql, (*told, *_unmoved(webhook_id, attempt))):
        return
    book = (webhook_id, attempt.delivery.creator_id, attempt.delivery.meter)
    behind = "webhook_id = ? AND creator_id = ? AND meter = ? AND status = 'waiting' AND next_at_us < ?"
    db.execute(session, f"UPDATE delivery SET next_at_us = ? WHERE {behind}", (next_at_us, *book, next_at_us))


# A delivery that was replayed meanwhile starts anew, and knows nothing of an attempt before.
UNMOVED = "WHERE webhook_id = ? AND sequence = ? AND status = 'waiting' AND attempts = ?"


def _unmoved(webhook_id: str, attempt: Attempt) -> tuple[str, int, int]:
    return webhook_id, attempt.delivery.sequence, attempt.delivery.attempts


def _note(session: Session, webhook_id: str, attempts: Sequence[Attempt], now_us: int) -> None:
    """Keep on the webhook since when it fails, how long it wants to be left alone, and whether it is gone."""
    succeeded = any(attempt.succeeded for attempt in attempts)
    quiet_us = max(_bounded(attempt.pause_us) for attempt in attempts)
    gone = "status = 'paused', version = version + 1, " if any(a.answered == GONE for a in attempts) else ""
    failing = "CASE WHEN ? THEN NULL ELSE COALESCE(failing_since_us, ?) END"
    sql = f"UPDATE webhook SET {gone}failing_since_us = {failing}, quiet_until_us = ? WHERE webhook_id = ?"
    db.execute(session, sql, (succeeded, now_us, now_us + quiet_us if quiet_us else 0, webhook_id))
