"""The audit: everything stored is worked out again from entries and events, and the first thing wrong is named.

Books are read in key order, a span of a few thousand entries at a time, so that memory stays the same however
many there are; only one book's tallies, ties and breaches are held at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from ledger import chain, db, policy, tables, traces
from ledger.aside import Aside
from ledger.books import BOOK_COLUMNS, ENTRY_COLUMNS, BookKey
from ledger.checkpoints import Checkpoint
from ledger.db import Row, Session
from ledger.errors import InvalidPolicy
from ledger.ids import NIL
from ledger.keeping import KEPT, TIES, Kept
from ledger.memory import Memory
from ledger.policy import Policy, Schedule
from ledger.replay import Replay
from ledger.stored import LAST_SEQ, UNREADABLE, EntryRow, EventRow, Undone, Wrong, seqs_of, undone_by

EVENT = tables.Event.__table__  # type: ignore[attr-defined]
EVENT_COLUMNS = ", ".join(f"v.{column.name}" for column in EVENT.columns)
FIRST = (NIL, "")
BOOKS, SPAN, PAGE = 500, 20_000, 5_000
KEY_TYPES = ("id", "text", "int")
POSTED = '{"entries":[[%'


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, as a sentence, and where. `seq` is 0 where no entry is meant."""

    creator_id: str
    meter: str
    seq: int
    what: str

    def __str__(self) -> str:
        return f"book {self.creator_id} {self.meter}, entry {self.seq}: {self.what}"


@dataclass(frozen=True, slots=True)
class Report:
    """Whether the books are sound, the first thing that is not, and how much was looked at."""

    ok: bool
    first_bad: Finding | None
    books: int
    entries: int
    events: int


@dataclass(frozen=True, slots=True)
class Span:
    """Neighbouring books that are read together: all keys after `after`, up to `through` or the end."""

    after: BookKey
    through: BookKey | None
    books: dict[BookKey, Row]


class Found(Exception):
    """Ends the audit at the first finding."""

    def __init__(self, key: BookKey, seq: int, what: str) -> None:
        super().__init__(what)
        self.finding = Finding(*key, seq, what)


@dataclass(slots=True)
class Audit:
    """An audit under way."""

    session: Session
    schedule: Schedule
    checkpoint: Checkpoint | None
    progress: Callable[[int], object]
    policies: dict[str, Policy]
    leaves: dict[BookKey, tuple[int, bytes]] = field(default_factory=dict)
    books: int = 0
    entries: int = 0
    events: int = 0
    aside: Aside = field(default_factory=Aside)
    creator_id: str = ""


def verify(
    session: Session,
    *,
    schedule: Schedule,
    checkpoint: Checkpoint | None = None,
    progress: Callable[[int], object] | None = None,
) -> Report:
    """Work out everything stored again; stop at the first thing wrong. The session must see one moment throughout.

    `checkpoint` is one whose signature was checked; `progress` is told how many more entries were looked at.
    """
    policies = {each.version: each for _, each in schedule.items}
    audit = Audit(session, schedule, checkpoint, progress or (lambda _: None), policies)
    if checkpoint is not None:
        audit.leaves = {(leaf.creator_id, leaf.meter): (leaf.seq, leaf.head) for leaf in checkpoint.leaves}
    try:
        _check_policies(audit)
        for span in _spans(session):
            _check_span(audit, span)
        _check_aside(audit)
        _check_leaves_left(audit)
        _check_events_left(audit)
        _check_traces(audit)
    except Found as found:
        return Report(False, found.finding, audit.books, audit.entries, audit.events)
    return Report(True, None, audit.books, audit.entries, audit.events)


def _check_policies(audit: Audit) -> None:
    """A policy is named by its content: a changed text is another policy."""
    for version, text in db.fetch(audit.session, "SELECT version, text FROM policy ORDER BY version"):
        try:
            said = policy.parse(text).version
        except InvalidPolicy as error:
            said = str(error)
        if said != version:
            raise Found(("", ""), 0, f"the policy {version} was changed: its text is that of {said}")


def _spans(session: Session) -> Iterator[Span]:
    """All books in key order, cut into spans of about as many entries as are held at once."""
    sql = (
        f"SELECT {BOOK_COLUMNS} FROM book b WHERE (b.creator_id, b.meter) > (?, ?)"
        " ORDER BY b.creator_id, b.meter LIMIT ?"
    )
    after, reached = FIRST, FIRST
    held: dict[BookKey, Row] = {}
    entries = 0
    while rows := db.fetch(session, sql, (*reached, BOOKS)):
        for row in rows:
            reached = (row[0], row[1])
            held[reached] = row
            entries += row[3]
            if entries >= SPAN or len(held) >= BOOKS:
                yield Span(after, reached, held)
                after, held, entries = reached, {}, 0
    yield Span(after, None, held)


def _check_span(audit: Audit, span: Span) -> None:
    """Replay each book of a span, and compare what the database holds of it."""
    kept = [(part, _rows_of(audit.session, span, part.table.name)) for part in KEPT]
    for key, replay in _replays(audit, span):
        row = span.books[key]
        try:
            _check_end(audit, key, replay, row)
            for part, rows in kept:
                _check_kept(replay, part, rows.pop(key, []))
        except Wrong as wrong:
            raise Found(key, wrong.seq, wrong.what) from wrong
        except UNREADABLE as error:
            raise Found(key, replay.seq, f"what belongs to the book cannot be read: {error!r}") from error
    for part, left in kept:
        if left:
            raise Found(min(left), 0, f"there is a {part.table.name} of a book that does not exist")


def _rows_of(session: Session, span: Span, table: str) -> dict[BookKey, list[Row]]:
    columns = ", ".join(f"t.{column.name}" for column in tables.METADATA.tables[table].columns)
    where, params = _within(span, "t")
    found: dict[BookKey, list[Row]] = {}
    for row in db.fetch(session, f"SELECT {columns} FROM {table} t WHERE {where}", params):
        found.setdefault((row[0], row[1]), []).append(row[2:])
    return found


def _within(span: Span, alias: str) -> tuple[str, tuple[object, ...]]:
    where = f"({alias}.creator_id, {alias}.meter) > (?, ?)"
    if span.through is None:
        return where, span.after
    return f"{where} AND ({alias}.creator_id, {alias}.meter) <= (?, ?)", (*span.after, *span.through)


def _replays(audit: Audit, span: Span) -> Iterator[tuple[BookKey, Replay]]:
    """Each book of a span after its last entry: first those that have entries, then the empty ones."""
    key: BookKey | None = None
    started: set[BookKey] = set()
    replay = Replay("", audit.schedule, audit.policies, Memory(), Aside())
    for page in _pages(audit, span):
        events = _events_of(audit.session, page)
        targets = _targets_of(audit.session, page, events)
        for row in page:
            if (row.creator_id, row.meter) != key:
                if key is not None:
                    yield key, replay
                key = (row.creator_id, row.meter)
                started.add(key)
                if key not in span.books:
                    raise Found(key, row.seq, "it belongs to a book that does not exist")
                replay = _replay(audit, key, erased=bool(span.books[key][-1]))
            _take(audit, replay, row, events, targets)
        audit.progress(len(page))
    if key is not None:
        yield key, replay
    for empty in (book for book in span.books if book not in started):
        # Another creator's books may go on in the next span: what they told of one another is kept.
        yield empty, Replay(empty[1], audit.schedule, audit.policies, Memory(), Aside())


def _replay(audit: Audit, key: BookKey, *, erased: bool) -> Replay:
    """A book to be worked out again, beside what the creator's earlier books told of it."""
    creator_id, meter = key
    if creator_id != audit.creator_id:
        _check_aside(audit)
        audit.creator_id, audit.aside = creator_id, Aside()
    return Replay(meter, audit.schedule, audit.policies, Memory(), audit.aside, erased)


def _check_aside(audit: Audit) -> None:
    """Whatever a creator's books hold of events that are another book's, that book came to answer for."""
    left = audit.aside.left()
    if left is not None:
        row = left.rows[0]
        what = f"its event {row.event_id} belongs to {left.event.meter}, which knows nothing of it"
        raise Found((row.creator_id, row.meter), row.seq, what)


def _pages(audit: Audit, span: Span) -> Iterator[list[EntryRow]]:
    where: str = ""
    params: tuple[object, ...] = ()
    if span.through is not None:
        where, params = " AND (e.creator_id, e.meter) <= (?, ?)", span.through
    sql = (
        f"SELECT {ENTRY_COLUMNS} FROM entry e WHERE (e.creator_id, e.meter, e.seq) > (?, ?, ?){where}"
        " ORDER BY e.creator_id, e.meter, e.seq LIMIT ?"
    )
    reached: tuple[object, ...] = (*span.after, LAST_SEQ)
    while rows := db.fetch(audit.session, sql, (*reached, *params, PAGE)):
        yield list(map(EntryRow._make, rows))
        reached = rows[-1][:3]


Events = dict[tuple[str, str | None], EventRow]
Targets = dict[tuple[Any, ...], Undone]


def _events_of(session: Session, page: Sequence[EntryRow]) -> Events:
    """The events that made these entries: a range, for their ids follow one another as the entries do."""
    sql = (
        f"SELECT {EVENT_COLUMNS} FROM event v WHERE (v.creator_id, v.event_id) >= (?, ?)"
        " AND (v.creator_id, v.event_id) <= (?, ?)"
    )
    first, last = page[0].creator_id, page[-1].creator_id
    ids = {who: [row.event_id for row in page if row.creator_id == who and row.event_id] for who in (first, last)}
    rows = db.fetch(session, sql, (first, min(ids[first], default=NIL), last, max(ids[last], default=NIL)))
    return {(row[0], row[1]): EventRow._make(row) for row in rows}


def _targets_of(session: Session, page: Sequence[EntryRow], events: Events) -> Targets:
    """The events that reversals among these undo, by the reversal's event and its book, with all entries of each."""
    named = {}
    for row in page:
        event = events.get((row.creator_id, row.event_id)) if row.kind == "reversal" else None
        if event is not None and (ref := undone_by(event)):
            named[row.creator_id, row.event_id, row.meter] = ref
    sql = (
        f"SELECT {EVENT_COLUMNS} FROM {{keys}} CROSS JOIN event v"
        " WHERE v.creator_id = k.c0 AND v.source = k.c1 AND v.external_ref = k.c2"
    )
    found = map(EventRow._make, db.fetch_keyed(session, sql, ("id", "text", "text"), sorted(set(named.values()))))
    undone = {(event.creator_id, event.source, event.external_ref): event for event in found}
    targets = {key: undone[ref] for key, ref in named.items() if ref in undone}
    made = {key: [(key[0], key[2], seq) for seq in seqs_of(event, key[2])] for key, event in targets.items()}
    sql = (
        f"SELECT {ENTRY_COLUMNS} FROM {{keys}} CROSS JOIN entry e"
        " WHERE e.creator_id = k.c0 AND e.meter = k.c1 AND e.seq = k.c2"
    )
    wanted = sorted({each for entries in made.values() for each in entries})
    rows = {row[:3]: row for row in db.fetch_keyed(session, sql, KEY_TYPES, wanted)}
    return {key: Undone(targets[key], [rows[each] for each in made[key] if each in rows]) for key in targets}


def _take(audit: Audit, replay: Replay, row: EntryRow, events: Events, targets: Targets) -> None:
    key = (row.creator_id, row.meter)
    try:
        event = events.get((row.creator_id, row.event_id))
        replay.take(row, event, targets.get((row.creator_id, row.event_id, row.meter)))
    except Wrong as wrong:
        raise Found(key, wrong.seq, wrong.what) from wrong
    except UNREADABLE as error:
        raise Found(key, replay.seq + 1, f"it cannot be worked out again: {error!r}") from error
    leaf = audit.leaves.get(key)
    if leaf is not None and leaf[0] == row.seq and leaf[1] != row.hash:
        raise Found(key, row.seq, f"it is not the entry that the checkpoint {_day(audit)} saw there")
    audit.entries += 1


def _check_end(audit: Audit, key: BookKey, replay: Replay, row: Row) -> None:
    replay.finish()
    seq, _ = audit.leaves.pop(key, (0, b""))
    if seq > replay.seq:
        what = f"entry {replay.seq + 1} is missing: the checkpoint {_day(audit)} saw {seq} entries in this book"
        raise Wrong(replay.seq + 1, what)
    replay.compare(row)
    audit.books += 1
    audit.events += replay.events


def _day(audit: Audit) -> str:
    return audit.checkpoint.day if audit.checkpoint else ""


def _check_kept(replay: Replay, part: Kept, rows: Sequence[Row]) -> None:
    """A part of the memory is what the entries come to. An engager may be forgotten, but not made up."""
    held = dict(map(part.unpack, rows))
    due: dict[Any, Any] = getattr(replay.memory, part.name)
    if part is TIES:
        held = {engager: tie[:3] for engager, tie in held.items()}  # that it is mutual, a nightly job found
        due = {engager: tie[:3] for engager, tie in due.items() if engager in held}
    if held == due:
        return
    key = min(key for key in held.keys() | due.keys() if held.get(key) != due.get(key))
    seq = key if part.key == "seq" else replay.seq
    what = part.table.name
    raise Wrong(seq, f"the {what} {key} is kept as {held.get(key)}, but the entries come to {due.get(key)}")


def _check_leaves_left(audit: Audit) -> None:
    if audit.leaves:
        key = min(audit.leaves)
        raise Found(key, audit.leaves[key][0], f"the checkpoint {_day(audit)} saw this book, and it is gone")


def _check_events_left(audit: Audit) -> None:
    """Events that made no entries: they were refused and say so. Those that did were met with their entries."""
    condition = "v.outcome NOT LIKE ?"
    for row in _events(audit.session, condition):
        if not _is_refusal(row):
            raise Found((row.creator_id, row.meter), 0, f"the refused event {row.event_id} is not what was refused")
        audit.events += 1
    posted = db.fetch(audit.session, "SELECT count(*) FROM event v WHERE v.outcome LIKE ?", (POSTED,))[0][0]
    refused = db.fetch(audit.session, f"SELECT count(*) FROM event v WHERE {condition}", (POSTED,))[0][0]
    if posted + refused != audit.events:
        _name_orphan(audit)


def _events(session: Session, condition: str) -> Iterator[EventRow]:
    sql = (
        f"SELECT {EVENT_COLUMNS} FROM event v WHERE {condition}"
        " AND (v.creator_id, v.event_id) > (?, ?) ORDER BY v.creator_id, v.event_id LIMIT ?"
    )
    reached = (NIL, NIL)
    while rows := db.fetch(session, sql, (POSTED, *reached, PAGE)):
        yield from map(EventRow._make, rows)
        reached = (rows[-1][0], rows[-1][1])


def _is_refusal(row: EventRow) -> bool:
    try:
        return chain.event_hash(row) == row.hash and set(orjson.loads(row.outcome)) == {"code", "detail", "pointer"}
    except UNREADABLE:
        return False


def _check_traces(audit: Audit) -> None:
    """Everybody agreed to be here; and of whoever was erased nothing is left but the books."""
    trace = traces.first(audit.session)
    if trace is not None:
        raise Found((trace.creator_id, trace.meter), 0, trace.what)


def _name_orphan(audit: Audit) -> None:
    """Find the event that says it made an entry which names another, or none."""
    sql = "SELECT event_id FROM entry WHERE creator_id = ? AND meter = ? AND seq = ?"
    for row in _events(audit.session, "v.outcome LIKE ?"):
        try:
            meter, seq, *_ = orjson.loads(row.outcome)["entries"][0]
            made = db.fetch(audit.session, sql, (row.creator_id, meter, seq))
        except UNREADABLE:
            meter, seq, made = row.meter, 0, []
        if made != [(row.event_id,)]:
            raise Found((row.creator_id, meter), seq, f"the event {row.event_id} says it made this entry: it did not")
    raise Found(FIRST, 0, f"there are other events than the {audit.events} that the entries name, or that were refused")
