"""The outbox: what is to be told is written with what it tells of, and handed on to webhooks afterwards.

What is rolled back was never told, and what is committed is told however a process ends. Messages are handed on in the
order in which they were made, by one relay at a time, so that a later message of a book never gets a lower sequence.
"""

from __future__ import annotations

from collections.abc import Sequence

from ledger import claims, db, events, recipients, tables
from ledger.books import BookKey
from ledger.db import Reading, Row, Session
from ledger.messages import NOBODY, Message
from ledger.webhooks import Webhook

OUTBOX = tables.Outbox.__table__  # type: ignore[attr-defined]
DELIVERY = tables.Delivery.__table__  # type: ignore[attr-defined]
JOB = "relay"
LIMIT = 1_000
TEST = "webhook.test"
_OLDEST_SQL = (
    "SELECT o.creator_id, o.message_id, o.meter, o.type, o.brand, o.body, o.made_at_us FROM outbox o"
    " ORDER BY o.made_at_us, o.message_id LIMIT ?"
)
_AHEAD_SQL = (
    "SELECT o.creator_id, o.meter, MAX(o.made_at_us) FROM {keys} CROSS JOIN outbox o"
    " WHERE o.creator_id = k.c0 AND o.meter = k.c1 AND o.made_at_us >= k.c2 GROUP BY o.creator_id, o.meter"
)
_DELETE_SQL = (
    "DELETE FROM outbox WHERE (creator_id, message_id) IN (SELECT k.c0, k.c1 FROM {keys}) RETURNING message_id"
)
_COUNT_SQL = "UPDATE webhook SET sequence = sequence + ? WHERE webhook_id = ? RETURNING sequence"


def is_heard(session: Session) -> bool:
    """Whether there is any webhook at all: one cheap look, so that nobody pays for what nobody reads."""
    return bool(db.fetch(session, "SELECT 1 FROM webhook LIMIT 1"))


def tell(session: Session, *, messages: Sequence[Message]) -> None:
    """Write messages in the transaction of what they tell of, in the order in which they are to be told.

    Each comes after all that waits of its book, also if that was made on a host whose clock is ahead of this one's.
    """
    earliest: dict[BookKey, int] = {}
    for each in messages:
        key = (each.creator_id, each.meter)
        earliest[key] = min(each.made_at_us, earliest.get(key, each.made_at_us))
    keys = [(*key, made_at_us) for key, made_at_us in sorted(earliest.items())]
    ahead = db.fetch_keyed(session, _AHEAD_SQL, ("id", "text", "int"), keys)
    after = {(str(creator_id), meter): made_at_us + 1 for creator_id, meter, made_at_us in ahead}
    rows = [
        (m.creator_id, events.new_id(), m.meter, m.type, m.brand, m.body, max(m.made_at_us, after.get(m[:2], 0)))
        for m in messages
    ]
    db.insert(session, OUTBOX, rows)


def say(session: Session, message: Message) -> None:
    """Write one message, if there is anybody who might listen."""
    if is_heard(session):
        tell(session, messages=[message])


def waits(session: Reading) -> bool:
    """Whether there is anything to relay."""
    return bool(db.fetch(session, "SELECT 1 FROM outbox LIMIT 1"))


def relay(session: Session, *, now_us: int, limit: int = LIMIT) -> int:
    """Hand the oldest messages on to all webhooks that may have them and want them; how many messages there were.

    Each webhook's deliveries are numbered without gaps. One relay works at a time, the others wait for it: what it
    did is seen by the next, so that each message is handed on once and none is overtaken.
    """
    claims.alone(session, job=JOB, now_us=now_us)
    rows = [(str(row[0]), str(row[1]), *row[2:]) for row in db.fetch(session, _OLDEST_SQL, (limit,))]
    if not rows:
        return 0
    told = [Message(row[0], row[2], row[3], row[5], row[6], row[4]) for row in rows]
    shared = recipients.shared_networks(session, told)
    for recipient in recipients.find(session, messages=told, now_us=now_us):
        wanted = [(row[1], each) for row, each in zip(rows, told, strict=True) if recipient.gets(each, shared)]
        queue(session, webhook=recipient.webhook, messages=wanted, now_us=now_us)
    db.fetch_keyed(session, _DELETE_SQL, ("id", "id"), [row[:2] for row in rows])
    return len(rows)


def queue(session: Session, *, webhook: Webhook, messages: Sequence[tuple[str, Message]], now_us: int) -> int | None:
    """Put (message id, message) pairs on their way to a webhook, due at once; the last one's sequence.

    None where there is nothing to put, or the webhook was deleted meanwhile.
    """
    counted = db.fetch(session, _COUNT_SQL, (len(messages), webhook.webhook_id)) if messages else []
    if not counted:
        return None
    last: int = counted[0][0]
    first = last - len(messages) + 1
    db.insert(session, DELIVERY, [_delivery(webhook, n, *each, now_us) for n, each in enumerate(messages, first)])
    return last


def _delivery(webhook: Webhook, sequence: int, message_id: str, message: Message, now_us: int) -> Row:
    told = (message.creator_id, message.meter, message.type, message.body, message.made_at_us)
    return (webhook.webhook_id, sequence, message_id, *told, "waiting", 0, now_us, None, None, None)


def test(session: Session, *, webhook: Webhook, now_us: int) -> int:
    """Put a message that means nothing on its way to one webhook, whatever it wants; its sequence."""
    message = Message(NOBODY, "", TEST, "{}", now_us)
    return queue(session, webhook=webhook, messages=[(events.new_id(), message)], now_us=now_us) or 0
