"""Markers: a line on every statement says that new rules were announced, and from when they apply.

Open books (still being filled in) are left alone. A chunk claims its place in `job_run` in the transaction of its
effect, so that any number of schedulers mark each book once, and a killed one is resumed where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from ledger import claims, db, events, posting
from ledger.books import BookKey
from ledger.claims import Chunk
from ledger.db import Database, Reading, Row, Session
from ledger.events import NewEvent
from ledger.policy import Schedule

JOB = "mark"
CHUNK = 500
KIND = "policy_marker"
_DUE_SQL = (
    "SELECT b.creator_id, b.meter FROM book b WHERE (b.creator_id, b.meter) > (?, ?) AND b.live"
    " ORDER BY b.creator_id, b.meter LIMIT ?"
)


@dataclass(frozen=True, slots=True)
class Announced:
    """A policy that statements have to tell of: from which day it applies, and when that was announced."""

    version: str
    effective_day: int
    announced_at_us: int


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
        work = partial(mark_next, announced=announced, clock=clock, schedule=schedule, limit=limit)
        marked += claims.each_chunk(partial(database.write, work), progress=progress)
    return marked


def mark_next(
    session: Session, *, announced: Announced, clock: Callable[[], int], schedule: Schedule, limit: int = CHUNK
) -> Chunk:
    """Claim and mark the next chunk of books for a policy."""

    def write(due: Sequence[Row]) -> int:
        told = [_marker(announced, (str(creator_id), meter)) for creator_id, meter in due]
        receipts = posting.post(session, events=told, clock=clock, schedule=schedule) if told else []
        return sum(receipt.status == "posted" for receipt in receipts)

    return claims.next_chunk(
        session,
        job=JOB,
        slot=announced.version,
        now_us=clock(),
        limit=limit,
        find=lambda after: db.fetch(session, _DUE_SQL, (*after, limit)),
        write=write,
    )


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
