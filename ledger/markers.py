"""Markers: a line on every statement says that new rules were announced, and from when they apply.

Open books (still being filled in) are left alone. A chunk claims its place in `job_run` in the transaction of its
effect, so that any number of schedulers mark each book once, and a killed one is resumed where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from ledger import db, events, posting
from ledger.books import BookKey
from ledger.db import Database, Reading, Session
from ledger.events import NewEvent
from ledger.policy import Schedule

JOB = "mark"
CHUNK = 500
FIRST = ("00000000-0000-0000-0000-000000000000", "")
KIND = "policy_marker"


@dataclass(frozen=True, slots=True)
class Announced:
    """A policy that statements have to tell of: from which day it applies, and when that was announced."""

    version: str
    effective_day: int
    announced_at_us: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """What one chunk did: how many books it marked, whether it was the last, whether another had it."""

    marked: int
    done: bool
    lost: bool = False


def live_books(session: Reading) -> tuple[int, int]:
    """How many creators have live books, and how many these are."""
    creators, books = db.fetch(session, "SELECT count(DISTINCT creator_id), count(*) FROM book WHERE live")[0]
    return creators, books


def unmarked(session: Reading) -> list[Announced]:
    """The policies that not every statement tells of yet, soonest first. The first one was never announced."""
    sql = "SELECT version, effective_day, announced_at_us FROM policy ORDER BY effective_day, announced_at_us"
    told = {slot for (slot,) in db.fetch(session, "SELECT slot FROM job_run WHERE job = ? AND done", (JOB,))}
    return [Announced(*row) for row in db.fetch(session, sql)[1:] if row[0] not in told]


def mark(
    database: Database,
    *,
    clock: Callable[[], int],
    schedule: Schedule,
    limit: int = CHUNK,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Mark every live book for each policy that was announced, chunk by chunk. Returns the lines written."""
    marked = 0
    for announced in database.read(unmarked):
        done = False
        while not done:
            chunk = database.write(partial(mark_next, announced=announced, clock=clock, schedule=schedule, limit=limit))
            marked, done = marked + chunk.marked, chunk.done
            if progress:
                progress(chunk.marked)
    return marked


def mark_next(
    session: Session, *, announced: Announced, clock: Callable[[], int], schedule: Schedule, limit: int = CHUNK
) -> Chunk:
    """Claim and mark the next chunk of books for a policy."""
    slot = announced.version
    last = db.fetch(
        session,
        "SELECT chunk, cursor, done FROM job_run WHERE job = ? AND slot = ? ORDER BY chunk DESC LIMIT 1",
        (JOB, slot),
    )
    number, cursor, done = last[0] if last else (0, "", False)
    if done:
        return Chunk(0, done=True)
    due = _due(session, after=_key(cursor), limit=limit)
    reached = " ".join(due[-1]) if due else cursor
    finished = len(due) < limit
    claimed = db.execute(
        session,
        "INSERT INTO job_run (job, slot, chunk, cursor, done, rows, ran_at_us) VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        (JOB, slot, number + 1, reached, finished, len(due), clock()),
    )
    if not claimed:
        return Chunk(0, done=False, lost=True)
    told = [_marker(announced, key) for key in due]
    receipts = posting.post(session, events=told, clock=clock, schedule=schedule) if told else []
    return Chunk(sum(receipt.status == "posted" for receipt in receipts), done=finished)


def _key(cursor: str) -> BookKey:
    creator_id, _, meter = cursor.partition(" ")
    return (creator_id, meter) if cursor else FIRST


def _due(session: Session, *, after: BookKey, limit: int) -> Sequence[BookKey]:
    sql = (
        "SELECT b.creator_id, b.meter FROM book b WHERE (b.creator_id, b.meter) > (?, ?) AND b.live"
        " ORDER BY b.creator_id, b.meter LIMIT ?"
    )
    return [(str(creator_id), meter) for creator_id, meter in db.fetch(session, sql, (*after, limit))]


def _marker(announced: Announced, key: BookKey) -> NewEvent:
    """The event of one book. It happened when the policy was announced, so that told again it is the same."""
    creator_id, meter = key
    return events.new_event(
        creator=creator_id,
        meter=meter,
        source=events.OWN,
        external_ref=f"policy:{announced.version}:{meter}",
        kind=KIND,
        facts={"policy": announced.version, "effective_day": announced.effective_day},
        occurred_at_us=announced.announced_at_us,
        pepper=b"",
    )
