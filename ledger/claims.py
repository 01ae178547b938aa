"""Claims on scheduled work whose effect lies outside a transaction: a file written, a finding made.

Work that changes the books claims its chunk in the transaction of its effect (see settlement). A report
cannot: one scheduler leases the slot, does the work, and marks it done. The lease of a killed one runs out.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlmodel import Session

from ledger import db
from ledger.db import Reading

LEASE_US = 55 * 60 * 1_000_000  # so that the next hour's attempt finds it run out


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
