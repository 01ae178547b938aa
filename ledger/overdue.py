"""What is overdue: allegations that nobody answered in time, busy days whose credit waited long enough.

Hourly jobs that look for what is due, a chunk a transaction, and post it under a reference of its own, so that any
number of schedulers do each once. What is found is no longer due once it is posted, so that nothing need be noted of
how far a job came. What the books refuse (it was answered meanwhile) leaves no trace.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ledger import db, events, posting
from ledger.db import Database, Row, Session
from ledger.economy import DAY_US, HOUR_US
from ledger.events import NewEvent
from ledger.ids import NIL
from ledger.policy import Policy, Schedule

CHUNK = 200
FIRST = (NIL, "", 0)
LONGEST_US = 360 * DAY_US  # what came due before that is told with that day: older events are not taken

# Substantiated and not answered; neither the allegation nor its breach was filled in as past (written down as of a
# moment before it came); both known to the books for as long as one may take to answer; and never found silent before.
SILENT = (
    "SELECT a.creator_id, a.meter, a.seq, v.event_id, v.source, v.external_ref, v.received_at_us, a.day,"
    " w.received_at_us, b.day"
    " FROM allegation a JOIN breach b ON b.creator_id = a.creator_id AND b.meter = a.meter AND b.seq = a.breach"
    " JOIN entry e ON e.creator_id = a.creator_id AND e.meter = a.meter AND e.seq = a.seq"
    " JOIN event v ON v.creator_id = e.creator_id AND v.event_id = e.event_id"
    " JOIN entry f ON f.creator_id = a.creator_id AND f.meter = a.meter AND f.seq = a.breach"
    " JOIN event w ON w.creator_id = f.creator_id AND w.event_id = f.event_id"
    " WHERE (a.creator_id, a.meter, a.seq) > (?, ?, ?) AND a.status = 'substantiated' AND NOT a.answered"
    " AND NOT b.owned AND NOT b.evaded AND NOT b.cleared"
    " AND e.recorded_at_us >= v.received_at_us AND f.recorded_at_us >= w.received_at_us"
    " AND a.day <= ? AND v.received_at_us <= ? AND b.day <= ? AND w.received_at_us <= ?"
    " AND NOT EXISTS (SELECT 1 FROM event s WHERE s.creator_id = a.creator_id AND s.source = ?"
    " AND s.external_ref = 'silence:' || v.event_id)"
    " ORDER BY a.creator_id, a.meter, a.seq LIMIT ?"
)
HELD = (
    "SELECT t.creator_id, t.meter, t.day, t.held_at_us FROM tally t"
    " JOIN book b ON b.creator_id = t.creator_id AND b.meter = t.meter AND b.live"
    " WHERE (t.creator_id, t.meter, t.day) > (?, ?, ?) AND t.held_at_us > 0 AND t.held_at_us <= ?"
    " ORDER BY t.creator_id, t.meter, t.day LIMIT ?"
)


@dataclass(frozen=True, slots=True)
class Job:
    """What a job looks for and what it posts of a row that it found, at a moment under a policy."""

    find: Callable[[Session, tuple[object, ...], int, Policy, int], Sequence[Row]]
    tell: Callable[[Row, int, Policy], NewEvent]


def hush(
    database: Database,
    *,
    clock: Callable[[], int],
    schedule: Schedule,
    limit: int = CHUNK,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Post that nobody answered, for each substantiated allegation that is overdue. Returns how many."""
    return _work(database, Job(_silent, _silence), clock=clock, schedule=schedule, limit=limit, progress=progress)


def release(
    database: Database,
    *,
    clock: Callable[[], int],
    schedule: Schedule,
    limit: int = CHUNK,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Pay the busy days whose credit waited long enough. Returns how many."""
    return _work(database, Job(_held, _release), clock=clock, schedule=schedule, limit=limit, progress=progress)


def _work(
    database: Database,
    job: Job,
    *,
    clock: Callable[[], int],
    schedule: Schedule,
    limit: int,
    progress: Callable[[int], None] | None,
) -> int:
    """All that is due, chunk by chunk in key order: what was refused is passed by, not tried again."""
    posted, after = 0, FIRST

    def chunk(session: Session) -> tuple[int, Sequence[Row]]:
        now_us = clock()
        policy = schedule.at(now_us // DAY_US)
        rows = job.find(session, after, now_us, policy, limit)
        told = [job.tell(row, now_us, policy) for row in rows]
        return _post(session, told, clock=clock, schedule=schedule), rows

    while True:
        done, rows = database.write(chunk)
        posted += done
        if progress:
            progress(done)
        if len(rows) < limit:
            return posted
        after = tuple(rows[-1][:3])


def _post(session: Session, told: Sequence[NewEvent], *, clock: Callable[[], int], schedule: Schedule) -> int:
    """Post what the books take; nothing is remembered of the rest. Returns how many were posted."""
    while told:
        try:
            receipts = posting.post(session, events=told, clock=clock, schedule=schedule, atomic=True)
        except posting.AtomicRefused as refused:
            told = [event for event, one in zip(told, refused.receipts, strict=True) if one.status != "refused"]
        else:
            return sum(receipt.status == "posted" for receipt in receipts)
    return 0


def _silent(session: Session, after: tuple[object, ...], now_us: int, policy: Policy, limit: int) -> Sequence[Row]:
    days = policy["allegation.answer_days"]
    until = (now_us // DAY_US - days, now_us - days * DAY_US)  # of the allegation, and of what was found
    return db.fetch(session, SILENT, (*after, *until, *until, events.OWN, limit))


def _silence(row: Row, now_us: int, policy: Policy) -> NewEvent:
    """It happened when the days to answer had passed, from the later of what was alleged and what was found on."""
    creator_id, meter, _, event_id, source, external_ref, received_at_us, day, found_at_us, found_day = row
    since_us = max(received_at_us, day * DAY_US, found_at_us, found_day * DAY_US)
    due_us = since_us + policy["allegation.answer_days"] * DAY_US
    return events.new_event(
        creator=str(creator_id),
        meter=meter,
        source=events.OWN,
        external_ref=f"silence:{event_id}",
        kind="silence",
        facts={"allegation": external_ref, "reported_by": source},
        occurred_at_us=max(due_us, now_us - LONGEST_US),
        pepper=b"",
    )


def _held(session: Session, after: tuple[object, ...], now_us: int, policy: Policy, limit: int) -> Sequence[Row]:
    return db.fetch(session, HELD, (*after, now_us - policy["burst.hours"] * HOUR_US, limit))


def _release(row: Row, now_us: int, policy: Policy) -> NewEvent:
    """It happened when the hours had passed."""
    creator_id, meter, day, held_at_us = row
    return events.new_event(
        creator=str(creator_id),
        meter=meter,
        source=events.OWN,
        external_ref=f"release:{meter}:{day}:{held_at_us}",
        kind="release",
        facts={"day": day},
        occurred_at_us=max(held_at_us + policy["burst.hours"] * HOUR_US, now_us - LONGEST_US),
        pepper=b"",
    )
