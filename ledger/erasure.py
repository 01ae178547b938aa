"""Erasure: a creator's names, texts, events and ties are destroyed; the books stay, provable and nobody's.

All of it happens in one transaction, with every book of theirs locked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import orjson

from ledger import books, claims, db, events, outbox, personal, posting, tables
from ledger.db import Session
from ledger.errors import UnknownCreator
from ledger.events import NewEvent
from ledger.messages import NOBODY, about
from ledger.policy import Schedule

ERASURE = tables.Erasure.__table__  # type: ignore[attr-defined]
KIND = "erasure"
_CLOSE = (
    "UPDATE creator SET visibility = 'erased', findable = FALSE, version = version + 1"
    " WHERE creator_id = ? AND visibility <> 'erased'"
)
_METERS = "SELECT meter FROM book WHERE creator_id = ? ORDER BY meter"
_NAMED = "SELECT count(DISTINCT event_id) FROM entry WHERE creator_id = ? AND meter = ?"
_TIES = "SELECT count(*) FROM tie WHERE creator_id = ? AND meter = ?"
# What is not deleted whole, or is not filed under the creator's id.
_NO_PROOF = "UPDATE consent SET terms = '', evidence = '' WHERE creator_id = ?"
_NOT_SENT = (
    "UPDATE delivery SET body = '{}', error = NULL, status = CASE WHEN status = 'waiting' THEN 'dead' ELSE status END,"
    " ended_at_us = COALESCE(ended_at_us, ?) WHERE creator_id = ?"
)
_NO_KEYS = (
    "UPDATE api_key SET note = '', revoked_at_us = COALESCE(revoked_at_us, ?) WHERE role = 'creator' AND owner = ?"
)
_OWN = (
    "DELETE FROM delivery WHERE webhook_id IN (SELECT webhook_id FROM webhook WHERE role = 'creator' AND owner = ?)",
    "DELETE FROM webhook WHERE role = 'creator' AND owner = ?",
)
# What a call that was let in before may make after, in the creator's own name.
_LATE = "role = 'creator' AND owner IN (SELECT CAST(r.creator_id AS VARCHAR(36)) FROM erasure r)"
_OWN_AFTER = (
    f"DELETE FROM delivery WHERE webhook_id IN (SELECT webhook_id FROM webhook WHERE {_LATE})",
    f"DELETE FROM webhook WHERE {_LATE}",
    f"UPDATE api_key SET note = '', revoked_at_us = created_at_us WHERE {_LATE} AND revoked_at_us IS NULL",
)
_ENGAGER = (
    ("tie", "meter", "network:"),
    ("attestation", "network", ""),
    ("standing", "network", ""),
)


def erase(
    session: Session,
    *,
    creator_id: str,
    erased_by: str,
    pepper: bytes,
    clock: Callable[[], int],
    schedule: Schedule,
) -> bool:
    """Erase a creator. False, and nothing done, where they were erased before. Raises UnknownCreator."""
    claims.alone(session, job=outbox.JOB, now_us=clock())  # no message about them is handed on meanwhile
    if not db.execute(session, _CLOSE, (creator_id,)):
        if by(session, creator_id=creator_id) is None:
            raise UnknownCreator("no such creator")
        return False
    _close_books(session, creator_id, clock=clock, schedule=schedule)
    now_us = clock()
    row = (creator_id, now_us, erased_by, "{}")
    db.insert(session, ERASURE, [row])  # first: from here on the database lets the events go
    removed = dict(_remove(session, creator_id, pepper=pepper, now_us=now_us))
    _finish(session, creator_id, {name: count for name, count in removed.items() if count})
    _tell(session, creator_id, now_us=now_us)
    return True


def _tell(session: Session, creator_id: str, *, now_us: int) -> None:
    """Let partners know whom to forget. It is about nobody any more: by id alone, and never swept away unsent."""
    for (meter,) in db.fetch(session, _METERS, (creator_id,)):
        if meter.startswith("network:"):
            told = {"creator_id": creator_id, "meter": meter}
            outbox.say(session, about(NOBODY, meter, "creator.erased", at_us=now_us, told=told))


def _finish(session: Session, creator_id: str, removed: dict[str, int]) -> None:
    told = orjson.dumps(removed).decode()
    db.execute(session, "UPDATE erasure SET removed = ? WHERE creator_id = ?", (told, creator_id))


def sweep(session: Session) -> int:
    """Remove what was written about somebody, or by them, in the very moment of their erasure; how many rows."""
    erased = "creator_id IN (SELECT r.creator_id FROM erasure r)"
    about = [f"DELETE FROM {part.table} WHERE {erased}" for part in personal.PARTS if part.goes]
    return sum(db.execute(session, sql) for sql in (*about, *_OWN_AFTER))


def by(session: db.Reading, *, creator_id: str) -> str | None:
    """At whose word a creator was erased; None where they were not."""
    rows = db.fetch(session, "SELECT erased_by FROM erasure WHERE creator_id = ?", (creator_id,))
    return str(rows[0][0]) if rows else None


def _close_books(session: Session, creator_id: str, *, clock: Callable[[], int], schedule: Schedule) -> None:
    """Lock all books, and post the line to each that says what goes: it is the last one."""
    keys = [(creator_id, meter) for (meter,) in db.fetch(session, _METERS, (creator_id,))]
    books.lock(session, keys)
    told = [_told(session, creator_id, meter, now_us=clock()) for _, meter in keys]
    posting.post(session, events=told, clock=clock, schedule=schedule, atomic=True)


def _told(session: Session, creator_id: str, meter: str, *, now_us: int) -> NewEvent:
    counted = [db.fetch(session, sql, (creator_id, meter))[0][0] for sql in (_NAMED, _TIES)]
    return events.new_event(
        creator=creator_id,
        meter=meter,
        source=events.OWN,
        external_ref=f"{KIND}:{meter}",
        kind=KIND,
        facts=dict(zip(("events", "ties"), counted, strict=True)),
        occurred_at_us=now_us,
        pepper=b"",
    )


def _remove(session: Session, creator_id: str, *, pepper: bytes, now_us: int) -> Iterator[tuple[str, int]]:
    """Destroy what is to go; yields how many rows of each table."""
    own = personal.sealed(session, creator_id=creator_id, pepper=pepper)
    for part in personal.PARTS:
        if part.goes:
            yield part.table, db.execute(session, f"DELETE FROM {part.table} WHERE creator_id = ?", (creator_id,))
    kept = "DELETE FROM event WHERE creator_id = ? AND kind <> ?"
    yield "event", db.execute(session, kept, (creator_id, KIND))
    for sql in (_NOT_SENT, _NO_KEYS):
        db.execute(session, sql, (now_us, creator_id))
    for sql in (_NO_PROOF, *_OWN):
        db.execute(session, sql, (creator_id,))
    for network, _, engager in own:
        for table, column, prefix in _ENGAGER:
            db.execute(session, f"DELETE FROM {table} WHERE engager = ? AND {column} = ?", (engager, prefix + network))
