"""Labelling: the nightly job that writes down which labels changed, so that history shows them and they do not flap.

Books are read in chunks with what their labels look at, and only where a label is another than the one written down
last is an event posted: once a book and day, by its reference. Open books (still being filled in) are left alone. A
chunk claims its place in `job_run` in the transaction of its effect, so that any number of schedulers look at each
book once, and a killed one is resumed where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from ledger import claims, db, economy, events, label_columns, labels, posting, settlement
from ledger.books import BOOK_STATE, BookKey
from ledger.claims import Chunk
from ledger.db import Database, Row, Session
from ledger.economy import DAY_US, State
from ledger.events import NewEvent
from ledger.labels import Figures
from ledger.policy import Schedule

JOB = "label"
CHUNK = 500
_SQL = (
    f"SELECT b.creator_id, b.meter, b.policy_version, {BOOK_STATE}, {label_columns.COLUMNS} FROM book b"
    " WHERE (b.creator_id, b.meter) > (?, ?) AND b.live AND substr(b.meter, 1, 8) = 'network:'"
    " ORDER BY b.creator_id, b.meter LIMIT ?"
)


def relabel(
    database: Database,
    *,
    day: int,
    clock: Callable[[], int],
    schedule: Schedule,
    limit: int = CHUNK,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Write down every label that is another than last time, for a day's slot. Returns how many there were."""
    work = partial(relabel_next, day=day, clock=clock, schedule=schedule, limit=limit)
    return claims.each_chunk(partial(database.write, work), progress=progress)


def relabel_next(
    session: Session, *, day: int, clock: Callable[[], int], schedule: Schedule, limit: int = CHUNK
) -> Chunk:
    """Claim and label the next chunk of a day's slot."""
    now_us = clock()
    today = now_us // DAY_US

    def write(rows: Sequence[Row]) -> int:
        told = [_changed(row, today) for row in rows if due(row, today=today, schedule=schedule) != row[14]]
        receipts = posting.post(session, events=told, clock=clock, schedule=schedule) if told else []
        return sum(receipt.status == "posted" for receipt in receipts)

    return claims.next_chunk(
        session,
        job=JOB,
        slot=settlement.slot_of(day),
        now_us=now_us,
        limit=limit,
        find=lambda after: _rows(session, after=after, today=today, limit=limit),
        write=write,
    )


def due(row: Row, *, today: int, schedule: Schedule) -> str:
    """The label that a book has come to, by its row: the price of the event comes to the same."""
    version = row[2]
    policy = schedule.at(today, version)
    state = economy.accrue(State(*row[3:12]), today, schedule, policy_version=version) if version else State(day=today)
    owing = label_columns.unowned(row[13])
    figures = Figures.of(state, hidden_since=label_columns.hidden_since(owing), was=row[14], unowned=owing)
    seen = labels.exposure(label_columns.day_counts(row[12]), today=state.day, policy=policy)
    return labels.name(seen, figures, policy)


def _rows(session: Session, *, after: BookKey, today: int, limit: int) -> Sequence[Row]:
    since = str(today - label_columns.LABEL_DAYS)
    sql = label_columns.for_engine(_SQL, is_sqlite=db.is_sqlite(session)).replace("{since}", since)
    return db.fetch(session, sql, (*after, limit))


def _changed(row: Row, today: int) -> NewEvent:
    """The event of one book. It happened as the day began, so that told again it is the same."""
    return events.new_event(
        creator=str(row[0]),
        meter=row[1],
        source=events.OWN,
        external_ref=label_columns.label_ref(row[1], today),
        kind=label_columns.KIND,
        facts={},
        occurred_at_us=today * DAY_US,
        pepper=b"",
    )
