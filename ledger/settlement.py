"""Settlement: the job that posts decay and recovery, so that the statement shows what time did.

Settling changes no balance that a reader can see: readers accrue by themselves. Open books (still being
filled in) are left alone. A chunk claims its place in `job_run` in the transaction of its effect, so that any
number of schedulers settle each book and day once, and a killed one is resumed where it stopped.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from ledger import claims, db, economy
from ledger.books import BOOK, BOOK_COLUMNS, ENTRY, BookKey, settlement_row
from ledger.claims import Chunk
from ledger.days import iso_day
from ledger.db import Database, Row, Session
from ledger.economy import DAY_US, State
from ledger.policy import Schedule

JOB = "settle"
CHUNK = 2_000


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

    def chunk() -> Chunk:
        with _uncollected():
            return database.write(
                lambda session: settle_next(
                    session, through_day=through_day, now_us=clock(), schedule=schedule, limit=limit
                )
            )

    return claims.each_chunk(chunk, progress=progress)


def slot_of(day: int) -> str:
    """A day as the slot names it, an ISO date."""
    return iso_day(day)


def settle_next(session: Session, *, through_day: int, now_us: int, schedule: Schedule, limit: int = CHUNK) -> Chunk:
    """Claim and settle the next chunk of a day's slot."""
    every = schedule.at(through_day)["settlement.every_days"]
    return claims.next_chunk(
        session,
        job=JOB,
        slot=slot_of(through_day),
        now_us=now_us,
        limit=limit,
        find=lambda after: _due(session, after=after, settled_by=through_day - every, limit=limit),
        write=lambda due: _post(session, due, through_day=through_day, now_us=now_us, schedule=schedule),
    )


def _due(session: Session, *, after: BookKey, settled_by: int, limit: int) -> list[Row]:
    return db.fetch(
        session,
        f"SELECT {BOOK_COLUMNS} FROM book b WHERE (b.creator_id, b.meter) > (?, ?) AND b.live"
        " AND b.settled_through <= ? ORDER BY b.creator_id, b.meter LIMIT ?",
        (*after, settled_by, limit),
    )


def _post(session: Session, due: Sequence[Row], *, through_day: int, now_us: int, schedule: Schedule) -> int:
    """Write the settled books unless they moved on since they were read: then a posting has settled them."""
    settled = {}
    for row in due:
        book_row, entry_row = _settled(row, through_day, now_us, schedule)
        if entry_row is not None:
            settled[row[0], row[1]] = (row[3], book_row, entry_row)
    held = db.update_unmoved(
        session, BOOK, [new for _, new, _ in settled.values()], [seq for seq, _, _ in settled.values()]
    )
    db.insert(session, ENTRY, [entry for key, (_, _, entry) in settled.items() if key in held])
    return len(held)


@contextmanager
def _uncollected() -> Iterator[None]:
    """No garbage is collected meanwhile: a chunk makes many tuples and no cycle, and lost a tenth of its time."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def _settled(row: Row, through_day: int, now_us: int, schedule: Schedule) -> tuple[Row, Row | None]:
    """A book's row after settlement and the entry that says so; tuples throughout, for it is done by the million."""
    creator_id, meter, version, seq, head, recorded_at_us, live, policy_version = row[:8]
    before = State(*row[8:17])
    after = economy.accrue(before, through_day, schedule, policy_version=policy_version)
    if after[:8] == before[:8]:
        return row, None
    policy_version = schedule.at(through_day - 1, policy_version).version
    at = max(now_us, recorded_at_us + 1)
    entry = settlement_row(creator_id, meter, seq + 1, head, before, after, policy_version, at)
    opening = after.fresh + after.bedrock
    moved = (creator_id, meter, version + 1, seq + 1, entry[26], at, live, policy_version)
    return (*moved, *after, opening, *row[18:]), entry
