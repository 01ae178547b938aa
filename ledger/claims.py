"""Claims on scheduled work, so that any number of schedulers do each piece of it once.

Work on the books claims its chunk of them in the transaction of its effect: a killed one is resumed where it stopped.
Work whose effect lies outside a transaction (a file written, a finding made) cannot: one scheduler leases the slot,
does the work, and marks it done. The lease of a killed one runs out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlmodel import Session

from ledger import db
from ledger.db import Reading, Row
from ledger.ids import NIL

FIRST = (NIL, "")
LEASE_US = 55 * 60 * 1_000_000  # so that the next hour's attempt finds it run out


@dataclass(frozen=True, slots=True)
class Chunk:
    """What one chunk of books came to: the lines written, whether it was the last, whether another had it."""

    written: int
    done: bool
    lost: bool = False


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to do one slot of a job, taken at a time in microseconds."""

    job: str
    slot: str
    taken_at_us: int


@dataclass(frozen=True, slots=True)
class Run:
    """One slot of a job that was done: `outcome` is a word or a name, `rows` how much it went over."""

    job: str
    slot: str
    outcome: str
    rows: int
    ran_at_us: int


# Chunks of books


def each_chunk(work: Callable[[], Chunk], *, progress: Callable[[int], None] | None = None) -> int:
    """Do chunk after chunk, each its own transaction, through the last. Returns the lines written."""
    written, done = 0, False
    while not done:
        chunk = work()
        written, done = written + chunk.written, chunk.done
        if progress:
            progress(chunk.written)
    return written


def next_chunk(
    session: Session,
    *,
    job: str,
    slot: str,
    now_us: int,
    limit: int,
    find: Callable[[tuple[str, str]], Sequence[Row]],
    write: Callable[[Sequence[Row]], int],
) -> Chunk:
    """Claim the next books of a slot, and write what is due of them in the transaction of the claim.

    `find` gives at most `limit` rows after a (creator, meter) in that order, opening with these two; `write` returns
    how many lines it wrote of them.
    """
    last = db.fetch(
        session,
        "SELECT chunk, cursor, done FROM job_run WHERE job = ? AND slot = ? ORDER BY chunk DESC LIMIT 1",
        (job, slot),
    )
    number, cursor, done = last[0] if last else (0, "", False)
    if done:
        return Chunk(0, done=True)
    creator_id, _, meter = cursor.partition(" ")
    rows = find((creator_id, meter) if cursor else FIRST)
    reached, finished = (f"{rows[-1][0]} {rows[-1][1]}" if rows else cursor), len(rows) < limit
    claimed = db.execute(
        session,
        "INSERT INTO job_run (job, slot, chunk, cursor, done, rows, ran_at_us) VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        (job, slot, number + 1, reached, finished, len(rows), now_us),
    )
    return Chunk(write(rows), done=finished) if claimed else Chunk(0, done=False, lost=True)


# One at a time


def alone(session: Session, *, job: str, now_us: int) -> None:
    """Do a job alone until the transaction ends: whoever else is to do it waits here, on any engine."""
    db.execute(
        session,
        "INSERT INTO job_run (job, slot, chunk, cursor, done, rows, ran_at_us) VALUES (?, '', 0, '', ?, 0, ?)"
        " ON CONFLICT (job, slot, chunk) DO UPDATE SET ran_at_us = excluded.ran_at_us",
        (job, False, now_us),
    )


# Leases


def take(session: Session, *, job: str, slot: str, now_us: int, lasts_us: int = LEASE_US) -> Lease | None:
    """Lease a slot of a job. None where it is done, or was leased to another less than `lasts_us` ago."""
    taken = db.execute(
        session,
        "INSERT INTO job_run (job, slot, chunk, cursor, done, rows, ran_at_us) VALUES (?, ?, 1, '', ?, 0, ?)"
        " ON CONFLICT (job, slot, chunk) DO UPDATE SET ran_at_us = excluded.ran_at_us"
        " WHERE NOT job_run.done AND job_run.ran_at_us <= excluded.ran_at_us - ?",
        (job, slot, False, now_us, lasts_us),
    )
    return Lease(job, slot, now_us) if taken else None


def finish(session: Session, lease: Lease, *, now_us: int, outcome: str, rows: int) -> bool:
    """Mark a leased slot as done, with what came of it. False where the lease has passed to another."""
    return _update(session, lease, done=True, outcome=outcome, rows=rows, ran_at_us=now_us)


def fault(session: Session, lease: Lease, *, outcome: str) -> bool:
    """Keep why a leased slot is not done; it is tried again when the lease has run out."""
    return _update(session, lease, done=False, outcome=outcome, rows=0, ran_at_us=lease.taken_at_us)


def give_back(session: Session, lease: Lease) -> bool:
    """End a lease without having done the work, so that the next to come may do it."""
    return _update(session, lease, done=False, outcome="", rows=0, ran_at_us=0)


def _update(session: Session, lease: Lease, *, done: bool, outcome: str, rows: int, ran_at_us: int) -> bool:
    updated = db.execute(
        session,
        "UPDATE job_run SET done = ?, cursor = ?, rows = ?, ran_at_us = ?"
        " WHERE job = ? AND slot = ? AND chunk = 1 AND NOT done AND ran_at_us = ?",
        (done, outcome, rows, ran_at_us, lease.job, lease.slot, lease.taken_at_us),
    )
    return updated == 1


def is_done(session: Session, *, job: str, slot: str) -> bool:
    """Whether a slot of a job is done, its last chunk included."""
    return bool(db.fetch(session, "SELECT 1 FROM job_run WHERE job = ? AND slot = ? AND done", (job, slot)))


def latest(session: Reading, *, job: str) -> Run | None:
    """The last slot of a job that was done, None before the first."""
    rows = db.fetch(
        session,
        "SELECT job, slot, cursor, rows, ran_at_us FROM job_run WHERE job = ? AND done"
        " ORDER BY slot DESC, chunk DESC LIMIT 1",
        (job,),
    )
    return Run(*rows[0]) if rows else None
