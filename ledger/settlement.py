"""Settlement: the job that posts decay and recovery, so that the statement shows what time did.

Settling changes no balance that a reader can see: readers accrue by themselves. Open books (still being
filled in) are left alone. A chunk claims its place in `job_run` in the transaction of its effect, so that any
number of schedulers settle each book and day once, and a killed one is resumed where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from ledger import db
from ledger.books import BOOK, BOOK_COLUMNS, ENTRY, BookKey, OpenBook
from ledger.db import Database, Session
from ledger.economy import DAY_US
from ledger.policy import Schedule

JOB = "settle"
CHUNK = 2_000
EPOCH = date(1970, 1, 1)
FIRST = ("00000000-0000-0000-0000-000000000000", "")


@dataclass(frozen=True, slots=True)
class Chunk:
    """What one chunk did: how many books it settled, whether it was the last, whether another had it."""

    settled: int
    done: bool
    lost: bool = False


def settle(
    database: Database,
    *,
    through_day: int,
    clock: Callable[[], int],
    schedule: Schedule,
    limit: int = CHUNK,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Settle every live book through a day, chunk by chunk, each its own transaction. Returns books settled.

    Raises ValueError for a day that has not begun; a day already done does nothing.
    """
    if through_day > clock() // DAY_US:
        raise ValueError(f"{slot_of(through_day)} has not begun: nothing can be settled through it")
    settled = 0
    while True:
        chunk = database.write(
            lambda session: settle_next(
                session, through_day=through_day, now_us=clock(), schedule=schedule, limit=limit
            )
        )
        settled += chunk.settled
        if progress:
            progress(chunk.settled)
        if chunk.done:
            return settled


def slot_of(day: int) -> str:
    """A day as the slot names it, an ISO date."""
    return (EPOCH + timedelta(days=day)).isoformat()


def settle_next(
    session: Session, *, through_day: int, now_us: int, schedule: Schedule, limit: int = CHUNK
) -> Chunk:
    """Claim and settle the next chunk of a day's slot."""
    slot = slot_of(through_day)
    last = db.fetch(
        session,
        "SELECT chunk, cursor, done FROM job_run WHERE job = ? AND slot = ? ORDER BY chunk DESC LIMIT 1",
        (JOB, slot),
    )
    number, cursor, done = last[0] if last else (0, "", False)
    if done:
        return Chunk(0, done=True)
    after = _key(cursor) if cursor else FIRST
    every = schedule.at(through_day)["settlement.every_days"]
    due = _due(session, after=after, settled_by=through_day - every, limit=limit)
    finished = len(due) < limit
    reached = f"{due[-1].creator_id} {due[-1].meter}" if due else cursor
    claimed = db.execute(
        session,
        "INSERT INTO job_run (job, slot, chunk, cursor, done, rows, ran_at_us) VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        (JOB, slot, number + 1, reached, finished, len(due), now_us),
    )
    if not claimed:
        return Chunk(0, done=False, lost=True)
    return Chunk(
        _post(session, due, through_day=through_day, now_us=now_us, schedule=schedule), done=finished
    )


def _key(cursor: str) -> BookKey:
    creator_id, _, meter = cursor.partition(" ")
    return creator_id, meter


def _due(session: Session, *, after: BookKey, settled_by: int, limit: int) -> list[OpenBook]:
    rows = db.fetch(
        session,
        f"SELECT {BOOK_COLUMNS} FROM book b WHERE (b.creator_id, b.meter) > (?, ?) AND b.live"  # noqa: S608
        " AND b.settled_through <= ? ORDER BY b.creator_id, b.meter LIMIT ?",
        (*after, settled_by, limit),
    )
    return [OpenBook.of_row(row) for row in rows]


def _post(session: Session, due: list[OpenBook], *, through_day: int, now_us: int, schedule: Schedule) -> int:
    """Write the settled books unless they moved on since they were read: then a posting has settled them."""
    expected = [book.seq for book in due]
    moved = [
        (book, seq)
        for book, seq in zip(due, expected, strict=True)
        if book.settle(through_day, schedule=schedule, recorded_at_us=max(now_us, book.recorded_at_us + 1))
    ]
    for book, _ in moved:
        book.version += 1
    held = db.update_unmoved(session, BOOK, [book.row() for book, _ in moved], [seq for _, seq in moved])
    db.insert(
        session,
        ENTRY,
        [row for book, _ in moved if (book.creator_id, book.meter) in held for row in book.new_entries],
    )
    return len(held)
