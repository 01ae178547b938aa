"""Restoring: books set up again from an export as JSON Lines, in a ledger that holds none of their entries.

Entries, events and what people agreed to are taken from the file, each hash checked on the way. Balances and all
that a book remembers are worked out anew by the audit's replay, and in the end the whole ledger is audited: what does
not add up is named by its line, and nothing of the file is kept. People are read by the rules of enrolment, and are
private again: hashes show that a file was not altered by mistake, only a checkpoint that it is what there was.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple, NoReturn, TypeVar

import orjson
import psycopg

from ledger import audit, books, chain, db, exports, keeping, people, policy, rules, stored, tables
from ledger.aside import Aside
from ledger.books import BOOK, ENTRY, BookKey, OpenBook
from ledger.checkpoints import Checkpoint, Leaf
from ledger.creators import HANDLE
from ledger.db import Session
from ledger.errors import InvalidPolicy, LedgerError
from ledger.events import METER
from ledger.exports import ABOUT, Book
from ledger.memory import Memory
from ledger.policy import Schedule
from ledger.replay import Replay
from ledger.stored import UNREADABLE, EntryRow, EventRow, Undone, Wrong

EVENT = tables.METADATA.tables["event"]
BATCH = 1_000
LONGEST_LINE = 1_000_000
_BYTES = frozenset({"head", "event_hash", "prev_hash", "hash", "digest", "salt"})
_EVENT_BY_REF = (
    f"SELECT {exports.EVENT_COLUMNS} FROM event v WHERE v.creator_id = ? AND v.source = ? AND v.external_ref = ?"
)
_ENTRIES = (
    f"SELECT {books.ENTRY_COLUMNS} FROM {{keys}} CROSS JOIN entry e"
    " WHERE e.creator_id = k.c0 AND e.meter = k.c1 AND e.seq = k.c2"
)
T = TypeVar("T", EntryRow, EventRow, Book)


class BadExport(LedgerError):
    """A file that is no export of books, or that does not add up; the line is named. Nothing of it is kept."""

    code = "bad_export"


@dataclass(frozen=True, slots=True)
class Restored:
    """How much of what was set up again.

    `unproved` books have entries and are in no checkpoint; `hidden` creators were public, and are not any more.
    """

    creators: int
    books: int
    entries: int
    events: int
    unproved: int
    hidden: int


class Begun(NamedTuple):
    """A book of the file: what it is said to be, and the line that says so. Its entries follow, one a line."""

    told: Book
    line: int


@dataclass(slots=True)
class Restoring:
    """A file that is being read: the creator it is at, their books, and what is not written yet."""

    session: Session
    now_us: int
    leaves: Mapping[BookKey, Leaf]
    policies: list[dict[str, Any]] = field(default_factory=list)
    schedule: Schedule | None = None
    line: int = 0
    creator_id: str = ""
    begun: dict[BookKey, Begun] = field(default_factory=dict)
    current: list[str] = field(default_factory=list)
    book: Book | None = None
    seq: int = 0
    head: bytes = chain.GENESIS
    shared: dict[str, EventRow] = field(default_factory=dict)
    new_entries: list[EntryRow] = field(default_factory=list)
    new_events: list[EventRow] = field(default_factory=list)
    public: dict[str, bool] = field(default_factory=dict)  # who is said to be, and whether to be found
    creators: int = 0
    entries: int = 0
    events: int = 0

    def refuse(self, what: str, line: int = 0) -> NoReturn:
        """Raise BadExport, naming a line: this one where none is given."""
        raise BadExport(f"line {line or self.line}: {what}")


def restore(
    session: Session,
    *,
    lines: Iterable[bytes],
    now_us: int,
    checkpoint: Checkpoint | None = None,
    progress: Callable[[int], object] | None = None,
) -> Restored:
    """Set up the books of an export; the caller's transaction is to be given up on any error.

    Books that `checkpoint` has seen must go through its heads; its signature was checked by the caller. Raises
    BadExport naming the line; `progress` is told how many more entries were audited.
    """
    leaves = checkpoint.leaves if checkpoint else ()
    at = Restoring(session, now_us, {(leaf.creator_id, leaf.meter): leaf for leaf in leaves if leaf.seq})
    for at.line, raw in enumerate(lines, start=1):
        try:
            _take(at, raw)
        except UNREADABLE as wrong:
            at.refuse(f"it cannot be read: {wrong!r}")
    _end_creator(at)
    if not at.begun:
        at.refuse("there is no book in the file")
    unproved = {key for key, begun in at.begun.items() if begun.told.seq and key not in at.leaves}
    hidden = _show(at, unproved)
    _audit(at, progress)
    return Restored(at.creators, len(at.begun), at.entries, at.events, len(unproved), hidden)


def _take(at: Restoring, raw: bytes) -> None:
    """One line, by what it tells of."""
    if len(raw) > LONGEST_LINE:
        at.refuse(f"longer than {LONGEST_LINE} bytes")
    told = orjson.loads(raw)
    if "entry" in told:
        _entry(at, _row(EntryRow, told["entry"]), told.get("event"))
    elif "refused" in told:
        _end_book(at)
        _add_event(at, _checked_event(at, told["refused"]))
    elif "book" in told:
        _begin_book(at, told)
    elif "creator" in told:
        _begin_creator(at, told)
    elif "policy" in told:
        at.policies.append(told["policy"])
    else:
        at.refuse(f"it tells of none of policy, creator, book, entry, refused: {', '.join(told)[:100]}")


def _row(kind: type[T], told: Mapping[str, Any]) -> T:
    names: tuple[str, ...] = kind._fields
    if told.keys() != {*names}:
        raise ValueError(f"its members must be {', '.join(names)}")
    return kind._make(bytes.fromhex(told[name]) if name in _BYTES else told[name] for name in names)


# Rules and creators


def _rules(at: Restoring) -> Schedule:
    """The rules in force, once those of the file are seen to be the same. Raises BadExport."""
    if at.schedule is None:
        _install(at)
        try:
            at.schedule = rules.schedule(at.session)
        except LookupError:
            at.refuse("neither the file nor the ledger has a policy")
    return at.schedule


def _install(at: Restoring) -> None:
    """A ledger without rules takes those of the file. The day of the first is of no account: before it nothing was."""
    held = db.fetch(at.session, "SELECT version, effective_day FROM policy ORDER BY effective_day, announced_at_us")
    told = [(each["version"], each["effective_day"]) for each in at.policies]
    if not held:
        for each in at.policies:
            _check_policy(at, each)
        names = [column.name for column in rules.POLICY.columns]
        db.insert(at.session, rules.POLICY, [tuple(each[name] for name in names) for each in at.policies])
    elif told and (held[0][0] != told[0][0] or held[1 : len(told)] != told[1:]):
        at.refuse("the books were kept under other policies, or from other days, than this ledger's")


def _check_policy(at: Restoring, told: Mapping[str, Any]) -> None:
    try:
        if policy.parse(told["text"]).version == told["version"]:
            return
    except InvalidPolicy as wrong:
        at.refuse(f"the policy {told['version']} cannot be used: {wrong.detail}")
    at.refuse(f"the policy {told['version']} was changed")


def _begin_creator(at: Restoring, told: Mapping[str, Any]) -> None:
    """Whoever the next books are of; enrolled as they were but in private, unless they are enrolled here."""
    _end_creator(at)
    _rules(at)
    try:
        about = people.read(told, now_us=at.now_us)
    except ValueError as wrong:
        at.refuse(str(wrong))
    creator = about["creator"][0]
    at.creator_id = creator["creator_id"]
    if db.fetch(at.session, "SELECT 1 FROM creator WHERE creator_id = ?", (at.creator_id,)):
        return
    if creator["visibility"] == people.PUBLIC:
        at.public[at.creator_id] = creator["findable"]
        about["creator"] = [{**creator, "visibility": people.PRIVATE, "findable": False}]
    for name in ABOUT:
        table = tables.METADATA.tables[name]
        _insert(at, table, [tuple(each[column.name] for column in table.columns) for each in about[name]])
    _insert(at, HANDLE, [(each["handle"], at.creator_id) for each in about["profile"] if each["handle"]])
    at.creators += 1


def _show(at: Restoring, unproved: set[BookKey]) -> int:
    """Whoever was public is so again where the checkpoint has seen their books, all that have entries; who is not."""
    shown = {who for who, _ in at.begun.keys() & at.leaves.keys()} - {who for who, _ in unproved}
    for creator_id in at.public.keys() & shown:
        sql = "UPDATE creator SET visibility = ?, findable = ? WHERE creator_id = ?"
        db.execute(at.session, sql, (people.PUBLIC, at.public[creator_id], creator_id))
    return len(at.public.keys() - shown)


def _insert(at: Restoring, table: Any, rows: Sequence[Any]) -> None:
    try:
        db.insert(at.session, table, rows)
    except (sqlite3.IntegrityError, psycopg.IntegrityError) as wrong:
        first = str(wrong).partition("\n")[0]
        at.refuse(f"what it tells, or a line shortly before it, cannot be kept beside what is there: {first}")


# Books


def _begin_book(at: Restoring, told: Mapping[str, Any]) -> None:
    if told.get("format") != exports.FORMAT:
        at.refuse(f"it is not of the format {exports.FORMAT!r}")
    _end_book(at)
    book = _row(Book, told["book"])
    if not METER.fullmatch(book.meter):
        at.refuse("its meter must be network:<slug> or brand:<slug>")
    if type(told["book"]["live"]) is not bool or type(told["book"]["settled_through"]) is not int:
        at.refuse("live must be true or false, settled_through a whole number")
    if book.creator_id != at.creator_id:  # a file of books alone, whose creators are enrolled here
        _end_creator(at)
        _rules(at)
        at.creator_id = book.creator_id
        if not db.fetch(at.session, "SELECT 1 FROM creator WHERE creator_id = ?", (book.creator_id,)):
            at.refuse(f"the creator {book.creator_id} is not enrolled, and the file does not say who it is")
    key = (book.creator_id, book.meter)
    held = books.lock(at.session, [key]).get(key)
    if key in at.begun or (held is not None and held.seq):
        at.refuse(f"the book {book.meter} of {book.creator_id} has entries already")
    if held is None:
        _insert(at, BOOK, [books.open_row(*key)])
    at.begun[key] = Begun(book, at.line)
    at.current.append(book.meter)
    at.book, at.seq, at.head = book, 0, chain.GENESIS


def _entry(at: Restoring, row: EntryRow, told: Mapping[str, Any] | None) -> None:
    """The next entry of the book, by what it says itself: its place, its link, its hash, and that of its event."""
    if at.book is None or (row.creator_id, row.meter) != at.book[:2] or row.seq != at.seq + 1:
        at.refuse("it is not the next entry of the book above it")
    if row.prev_hash != at.head:
        at.refuse("it does not link to the entry before it")
    if chain.entry_hash(row) != row.hash:
        at.refuse("its hash is not that of what it says")
    leaf = at.leaves.get(at.book[:2])
    if leaf is not None and leaf.seq == row.seq and leaf.head != row.hash:
        at.refuse(f"it is not the entry that the checkpoint saw in the book {row.meter} of {row.creator_id}")
    if told is not None:
        event = _checked_event(at, told)
        if (event.event_id, event.hash) != (row.event_id, row.event_hash):
            at.refuse("its event is not the one it was made by")
        _add_event(at, event)
    at.seq, at.head = row.seq, row.hash
    at.new_entries.append(row)
    at.entries += 1
    if len(at.new_entries) >= BATCH:
        _flush(at)


def _checked_event(at: Restoring, told: Mapping[str, Any]) -> EventRow:
    event = _row(EventRow, told)
    if event.creator_id != at.creator_id:
        at.refuse("its event is of another creator")
    if chain.event_hash(event) != event.hash:
        at.refuse("the hash of its event is not that of what it says")
    return event


def _add_event(at: Restoring, event: EventRow) -> None:
    """An event that touched two books is told in each, in the same words."""
    if event.event_id in at.shared:
        if at.shared[event.event_id] != event:
            at.refuse("its event is told otherwise in another book")
        return
    if len({each[0] for each in orjson.loads(event.outcome).get("entries", ())}) > 1:
        at.shared[event.event_id] = event
    at.new_events.append(event)
    at.events += 1


def _flush(at: Restoring) -> None:
    _insert(at, EVENT, at.new_events)
    _insert(at, ENTRY, at.new_entries)
    at.new_events, at.new_entries = [], []


def _end_book(at: Restoring) -> None:
    if at.book is None:
        return
    book, at.book = at.book, None
    if (at.seq, at.head if at.seq else b"") != (book.seq, book.head):
        at.refuse(f"the book {book.meter} is said to have {book.seq} entries, and another last one")
    leaf = at.leaves.get(book[:2])
    if leaf is not None and at.seq < leaf.seq:
        at.refuse(f"the checkpoint saw {leaf.seq} entries in the book {book.meter} of {book.creator_id}: it ends here")


def _end_creator(at: Restoring) -> None:
    """Work out what the creator's books hold and remember: in the order of keys, as the audit does."""
    _end_book(at)
    _flush(at)
    aside = Aside()
    for meter in sorted(at.current):
        begun = at.begun[at.creator_id, meter]
        try:
            _rebuild(at, begun, aside)
        except Wrong as wrong:
            at.refuse(wrong.what, begun.line + wrong.seq)
    if (left := aside.left()) is not None:
        row = left.rows[0]
        line = at.begun[row.creator_id, row.meter].line + row.seq
        at.refuse(f"its event belongs to {left.event.meter}, and that book is not in the file: export both", line)
    at.current, at.shared = [], {}


def _rebuild(at: Restoring, begun: Begun, aside: Aside) -> None:
    """A book as its entries make it, with what it remembers, written over the empty one. Raises Wrong."""
    told, schedule = begun.told, _rules(at)
    policies = {each.version: each for _, each in schedule.items}
    erased = bool(db.fetch(at.session, "SELECT 1 FROM erasure WHERE creator_id = ?", (told.creator_id,)))
    replay = Replay(told.meter, schedule, policies, Memory(), aside, erased)
    for row in exports.paged(exports.chain_pages(at.session, told), seq_at=2):
        entry, rest = EntryRow._make(row[: len(EntryRow._fields)]), row[len(EntryRow._fields) :]
        event = EventRow._make(rest) if rest[0] is not None else None
        target = _target(at.session, event, told.meter) if event and entry.kind == "reversal" else None
        try:
            replay.take(entry, event, target)
        except UNREADABLE as error:
            raise Wrong(entry.seq, f"it cannot be worked out again: {error!r}") from error
    replay.finish()
    book = _book(replay, told)
    db.update(at.session, BOOK, [book.row()])
    keeping.write_back(at.session, {(told.creator_id, told.meter): replay.memory})


def _target(session: Session, event: EventRow, meter: str) -> Undone | None:
    """The event that a reversal undoes, with the entries it made in that book."""
    ref = stored.undone_by(event)
    rows = db.fetch(session, _EVENT_BY_REF, ref) if ref else []
    if not rows:
        return None
    undone = EventRow._make(rows[0])
    keys = [(event.creator_id, meter, seq) for seq in stored.seqs_of(undone, meter)]
    return Undone(undone, db.fetch_keyed(session, _ENTRIES, ("id", "text", "int"), keys))


def _book(replay: Replay, told: Book) -> OpenBook:
    """The book's row: what no entry tells is as the file has it, the rest as the entries make it."""
    state = replay.on_day(told.settled_through, replay.seq)
    return OpenBook(
        creator_id=told.creator_id,
        meter=told.meter,
        version=0,
        seq=replay.seq,
        head=replay.head,
        recorded_at_us=replay.recorded_at_us,
        live=told.live,
        policy_version=replay.policy_version,
        state=state,
        opening=replay.opening,
        **{each.name: getattr(replay.memory, each.name) for each in fields(Memory)},
    )


def _audit(at: Restoring, progress: Callable[[int], object] | None) -> None:
    report = audit.verify(at.session, schedule=_rules(at), progress=progress)
    if report.first_bad is None:
        return
    found = report.first_bad
    begun = at.begun.get((found.creator_id, found.meter))
    if begun is None:
        raise BadExport(f"with it the ledger would not be sound: {found}")
    at.refuse(found.what, begun.line + found.seq)
