"""What runs by the clock, in the order of the night: standing, settlement, labels, figures, listings, proof.

A slot is a day, done once; what comes due at any hour is looked for every hour.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from threading import Event
from typing import Any

import structlog
from sqlmodel import Session

from ledger import (
    answers,
    audit,
    checkpoints,
    claims,
    deliveries,
    erasure,
    favours,
    labelling,
    lessons,
    listings,
    markers,
    overdue,
    pitches,
    quotas,
    rules,
    settlement,
    standing,
)
from ledger.claims import Lease
from ledger.db import Database
from ledger.economy import DAY_US, PPM
from ledger.settings import Settings

MINUTE_US = 60 * 1_000_000


class Stopped(Exception):
    """The process was asked to end; what is left is done by the next one."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What a task works with. `clock` gives microseconds since 1970; `chunk` is how many books settle at once."""

    database: Database
    settings: Settings
    clock: Callable[[], int]
    chunk: int = settlement.CHUNK
    graphs: standing.Graphs = field(default_factory=standing.Graphs)
    stopping: Event = field(default_factory=Event)
    log: Any = field(default_factory=lambda: structlog.get_logger("jobs"))

    def carry_on(self, *_: object) -> None:
        """Called between pieces of work. Raises Stopped once the process has been asked to end."""
        if self.stopping.is_set():
            raise Stopped


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a report: whether all is well, in a word or a name, and over how many rows."""

    good: bool
    outcome: str
    rows: int


@dataclass(frozen=True, slots=True)
class Task:
    """Work that is due every day from `hour`:`minute` UTC on. `run` gets the day, counted from 1970."""

    name: str
    hour: int
    minute: int
    run: Callable[[Desk, int], None]

    def due_day(self, now_us: int) -> int:
        """The latest day whose slot is due."""
        return (now_us - (self.hour * 60 + self.minute) * MINUTE_US) // DAY_US


def stand(desk: Desk, day: int) -> None:
    """Find the standing of engagers in every network where accounts are attested."""
    _leased(desk, standing.JOB, day, lambda desk: _stand(desk, day))


def settle(desk: Desk, day: int) -> None:
    """Post decay and recovery through a day."""
    _by_chunks(desk, settlement.JOB, day, partial(settlement.settle, through_day=day))


def relabel(desk: Desk, day: int) -> None:
    """Write down which labels changed."""
    _by_chunks(desk, labelling.JOB, day, partial(labelling.relabel, day=day))


def mark(desk: Desk, day: int) -> None:
    """Tell every statement of the rules that were announced, whenever that was."""
    with desk.database.reading() as session:
        schedule = rules.schedule(session)
        if not markers.unmarked(session):
            desk.log.info("nothing due", task="mark", slot=settlement.slot_of(day))
            return
    lines = markers.mark(desk.database, clock=desk.clock, schedule=schedule, progress=desk.carry_on)
    desk.log.info("done", task="mark", slot=settlement.slot_of(day), rows=lines)


def hush(desk: Desk, day: int) -> None:
    """Count as evasion what nobody answered in time, whenever that was."""
    _as_due(desk, "silence", day, overdue.hush)


def release(desk: Desk, day: int) -> None:
    """Pay the busy days that waited long enough, whenever that was."""
    _as_due(desk, "release", day, overdue.release)


def expire(desk: Desk, day: int) -> None:
    """Write down which authorised pitches ran out, whenever that was."""
    _as_due(desk, "expiry", day, pitches.expire)


def calibrate(desk: Desk, day: int) -> None:
    """Learn from the outcomes of all creators, and score what was forecast of them."""
    _leased(desk, lessons.JOB, day, lambda desk: _calibrate(desk, day))


def relist(desk: Desk, day: int) -> None:
    """List those who chose to be found, as the night left them."""
    _by_chunks(desk, listings.JOB, day, partial(listings.relist, day=day))


def checkpoint(desk: Desk, day: int) -> None:
    """Write the signed heads of all books to a file outside the database."""
    _leased(desk, "checkpoint", day, _checkpoint)


def verify(desk: Desk, day: int) -> None:
    """Recompute everything stored. Only books found right make the slot done."""
    _leased(desk, "verify", day, _verify)


def sweep(desk: Desk, day: int) -> None:
    """Delete what has served its time, whenever that was."""
    _as_due(desk, "sweep", day, _sweep)


def _sweep(database: Database, *, clock: Callable[[], int], progress: Callable[[], None], **_: object) -> int:
    """What each of SWEPT deletes, in chunks, each its own transaction; how many rows in all."""
    rows = 0
    for forget in SWEPT:
        while found := database.write(partial(forget, now_us=clock())):
            rows += found
            progress()
    return rows + database.write(erasure.sweep)


def _by_chunks(desk: Desk, job: str, day: int, work: Callable[..., int]) -> None:
    """Work on all books, a chunk a transaction, once for a day's slot."""
    slot = settlement.slot_of(day)
    with desk.database.reading() as session:
        schedule = rules.schedule(session)
        if claims.is_done(session, job=job, slot=slot):
            desk.log.info("nothing due", task=job, slot=slot)
            return
    rows = work(desk.database, clock=desk.clock, schedule=schedule, limit=desk.chunk, progress=desk.carry_on)
    desk.log.info("done", task=job, slot=slot, rows=rows)


def _as_due(desk: Desk, job: str, day: int, work: Callable[..., int]) -> None:
    """Work that comes due at any hour: what is found is posted, and no slot is kept."""
    with desk.database.reading() as session:
        schedule = rules.schedule(session)
    found = work(desk.database, clock=desk.clock, schedule=schedule, progress=desk.carry_on)
    desk.log.info("done" if found else "nothing due", task=job, slot=settlement.slot_of(day), rows=found)


def _leased(desk: Desk, job: str, day: int, work: Callable[[Desk], Result]) -> None:
    slot, now_us = settlement.slot_of(day), desk.clock()
    lease = desk.database.write(lambda session: claims.take(session, job=job, slot=slot, now_us=now_us))
    if lease is None:
        desk.log.info("nothing due", task=job, slot=slot)
        return
    try:
        result = work(desk)
    except BaseException:
        desk.database.write(lambda session: claims.give_back(session, lease))
        raise
    desk.database.write(lambda session: _conclude(session, lease, result, desk.clock()))
    say = desk.log.info if result.good else desk.log.error
    say("done" if result.good else "found wrong", task=job, slot=slot, outcome=result.outcome, rows=result.rows)


def _conclude(session: Session, lease: Lease, result: Result, now_us: int) -> bool:
    if result.good:
        return claims.finish(session, lease, now_us=now_us, outcome=result.outcome, rows=result.rows)
    return claims.fault(session, lease, outcome=result.outcome)


def _stand(desk: Desk, day: int) -> Result:
    with desk.database.reading() as session:
        policy = rules.schedule(session).at(day)
    night = standing.Night(desk.database, day, policy, partial(desk.settings.key, "pepper"), desk.clock, desk.carry_on)
    found = standing.refresh(night, desk.graphs)
    favours.refresh(desk.database, pepper=desk.settings.key("pepper"), progress=desk.carry_on)
    return Result(True, f"{found.networks} networks", found.accounts)


def _calibrate(desk: Desk, day: int) -> Result:
    with desk.database.snapshot() as session:
        policy = rules.schedule(session).at(day)
        found = lessons.measure(session, day=day, policy=policy)
    desk.database.write(lambda session: lessons.keep(session, found=found, day=day, policy=policy))
    return Result(True, f"{found.overall.coverage * 100 // PPM} % within", found.overall.forecasts)


def _checkpoint(desk: Desk) -> Result:
    key = desk.settings.key("signing_key")
    with desk.database.snapshot() as session:
        made = checkpoints.make(session, now_us=desk.clock(), key=key)
    path = checkpoints.write(made, desk.settings.checkpoint_dir)
    return Result(True, path.name, made.books)


def _verify(desk: Desk) -> Result:
    last = checkpoints.latest(desk.settings.checkpoint_dir, keys=desk.settings.signing_keys())
    with desk.database.snapshot() as session:
        report = audit.verify(session, schedule=rules.schedule(session), checkpoint=last, progress=desk.carry_on)
    return Result(report.ok, "ok" if report.ok else str(report.first_bad), report.entries)


# Each deletes some rows that are no longer needed and says how many; 0 where none are left.
SWEPT: tuple[Callable[..., int], ...] = (quotas.forget, answers.forget, deliveries.forget)
TASKS: tuple[Task, ...] = (
    Task("standing", 0, 1, stand),
    Task("settle", 0, 5, settle),
    Task("label", 0, 7, relabel),
    Task("mark", 0, 10, mark),
    Task("silence", 0, 12, hush),
    Task("release", 0, 13, release),
    Task("expiry", 0, 14, expire),
    Task("calibration", 0, 15, calibrate),
    Task("listing", 0, 17, relist),
    Task("checkpoint", 0, 20, checkpoint),
    Task("sweep", 0, 25, sweep),
    Task("verify", 2, 0, verify),
)
