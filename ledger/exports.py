"""Exports: whole books, entry by entry, as JSON Lines with every hash, and as journals of other programs.

Everything is read in pages or streamed, so that memory stays the same however long a book is. A book is told up to
the head it had when the export began: what follows is another export's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Boolean, Column

from ledger import db, statements, tables
from ledger.books import ENTRY_COLUMNS
from ledger.creators import by_handle, find
from ledger.db import Reading, Row, Session
from ledger.errors import InvalidEvent, NotFound, UnknownCreator
from ledger.events import parse_ref
from ledger.ids import NIL
from ledger.journals import GRAMMARS, Item, Shelf, journal, owner
from ledger.stored import EntryRow, EventRow

FORMAT = "trust-ledger book 1"
JSONL = "jsonl"
FORMATS = (JSONL, *GRAMMARS)
PAGE, SHELF = 1_000, 500
EVENT_COLUMNS = ", ".join(f"v.{name}" for name in EventRow._fields)
REFUSED = '{"code":%'
FIRST = (NIL, "")
# What is told of a creator beside the books, each with its table; the first is one row, and always there.
ABOUT = ("creator", "profile", "account", "consent", "erasure")

_WIDTH = len(EntryRow._fields)
_EVENT = "LEFT JOIN event v ON v.creator_id = e.creator_id AND v.event_id = e.event_id"
_PROFILE = "LEFT JOIN profile p ON p.creator_id = e.creator_id"
_CHAIN = f"SELECT {ENTRY_COLUMNS}, {EVENT_COLUMNS} FROM entry e {_EVENT}"
_ITEMS = (
    "SELECT e.creator_id, p.handle, e.meter, e.seq, e.kind, e.settled_through,"
    " e.fresh, e.bedrock, e.mending_pitch, e.mending_breach, e.world,"
    " e.fresh_after, e.bedrock_after, e.mending_pitch_after, e.mending_breach_after,"
    f" v.source, v.external_ref, e.hash FROM entry e {_EVENT} {_PROFILE}"
)
_SHELVES = (
    "SELECT e.creator_id, p.handle, e.meter, MAX(CASE WHEN e.fresh <> 0 THEN 1 ELSE 0 END),"
    " MAX(CASE WHEN e.bedrock <> 0 THEN 1 ELSE 0 END), MAX(CASE WHEN e.mending_pitch <> 0 THEN 1 ELSE 0 END),"
    f" MAX(CASE WHEN e.mending_breach <> 0 THEN 1 ELSE 0 END) FROM entry e {_PROFILE}"
    "{where} GROUP BY e.creator_id, p.handle, e.meter ORDER BY e.creator_id, e.meter"
)


class Book(NamedTuple):
    """A book as an export finds it: how many entries, the hash of the last, and what no entry tells."""

    creator_id: str
    meter: str
    live: bool
    seq: int
    head: bytes
    settled_through: int


Page = Callable[[int], Sequence[Row]]  # the entries of a book that follow a number


def creator_named(session: Reading, name: str) -> str:
    """A creator's id by handle, UUID or `network:external_id`. Raises UnknownCreator."""
    try:
        return find(session, parse_ref(name))
    except InvalidEvent:
        return by_handle(session, name)
    except UnknownCreator as unknown:
        raise UnknownCreator(f"no creator {name!r} is enrolled") from unknown


def books(session: Reading, *, creator_id: str | None = None, meter: str | None = None) -> Iterator[Book]:
    """Books in key order, all or those asked for."""
    sql = (
        "SELECT b.creator_id, b.meter, b.live, b.seq, b.head, b.settled_through FROM book b"
        " WHERE (b.creator_id, b.meter) > (?, ?)"
    )
    narrow, asked = _narrowed("b", creator_id=creator_id, meter=meter)
    reached: tuple[str, str] = FIRST
    while rows := db.fetch(session, f"{sql}{narrow} ORDER BY b.creator_id, b.meter LIMIT {SHELF}", (*reached, *asked)):
        for row in rows:
            yield Book(row[0], row[1], bool(row[2]), row[3], bytes(row[4]), row[5])
        reached = rows[-1][:2]


def book(session: Reading, *, creator_id: str, meter: str) -> Book:
    """One book. Raises NotFound."""
    for found in books(session, creator_id=creator_id, meter=meter):
        return found
    raise NotFound(f"no book {meter} of this creator")


def export(
    session: Session,
    *,
    form: str,
    creator_id: str | None = None,
    meter: str | None = None,
) -> Iterator[bytes]:
    """Books whole, all or those asked for, piece by piece. The session must see one moment throughout.

    As JSON Lines also with the policies, the creators and what was refused, so that books can be set up again from it.
    """
    narrow, asked = _narrowed("e", creator_id=creator_id, meter=meter)
    if form != JSONL:
        yield from _journal(session, form, f" WHERE 1 = 1{narrow}", asked)
        return
    yield from _policies(session)
    told = ""
    for one in books(session, creator_id=creator_id, meter=meter):
        if one.creator_id != told:
            told = one.creator_id
            yield _creator(session, told)
        yield from chain(one, chain_pages(session, one))
        yield from _refused(session, one)


def _narrowed(alias: str, **asked: str | None) -> tuple[str, tuple[str, ...]]:
    given = {name: value for name, value in asked.items() if value is not None}
    return "".join(f" AND {alias}.{name} = ?" for name in given), tuple(given.values())


# JSON Lines


def chain_page(session: Reading, book: Book, after: int) -> list[Row]:
    """The next entries of a book with their events, up to its head: columns of both in table order."""
    sql = f"{_CHAIN} WHERE e.creator_id = ? AND e.meter = ? AND e.seq > ? AND e.seq <= ? ORDER BY e.seq LIMIT {PAGE}"
    return db.fetch(session, sql, (book.creator_id, book.meter, after, book.seq))


def chain_pages(session: Reading, book: Book) -> Page:
    """A book's entries in pages, all read in one session."""
    return lambda after: chain_page(session, book, after)


def chain(book: Book, page: Page, *, events: bool = True) -> Iterator[bytes]:
    """A book as JSON Lines: first what it is, then every entry, and with `events` what made it, once, if still held."""
    yield _line({"format": FORMAT, "book": shown(book)})
    made = None
    for row in paged(page, seq_at=2):
        line = {"entry": shown(EntryRow._make(row[:_WIDTH]))}
        if events and row[_WIDTH] is not None and row[5] != made:
            line["event"] = shown(EventRow._make(row[_WIDTH:]))
        made = row[5]
        yield _line(line)


def paged(page: Page, *, seq_at: int) -> Iterator[Row]:
    """Rows page after page; `seq_at` is the place of an entry's number in a row."""
    after = 0
    while rows := page(after):
        yield from rows
        after = rows[-1][seq_at]


def shown(row: Any) -> dict[str, Any]:
    """A named tuple as JSON carries it, bytes in hexadecimal. Texts stay as they were hashed."""
    told = row._asdict()
    return {
        name: bytes(value).hex() if isinstance(value, bytes | memoryview) else value for name, value in told.items()
    }


def _line(told: object) -> bytes:
    return orjson.dumps(told, option=orjson.OPT_APPEND_NEWLINE)


def _policies(session: Reading) -> Iterator[bytes]:
    for row in _rows_of(session, "policy", " ORDER BY t.effective_day, t.announced_at_us"):
        yield _line({"policy": row})


def _creator(session: Reading, creator_id: str) -> bytes:
    return _line({name: _rows_of(session, name, " WHERE t.creator_id = ?", creator_id) for name in ABOUT})


def _rows_of(session: Reading, table: str, tail: str, *params: object) -> list[dict[str, Any]]:
    columns = tables.METADATA.tables[table].columns
    names = ", ".join(f"t.{column.name}" for column in columns)
    rows = db.fetch(session, f"SELECT {names} FROM {table} t{tail}", params)
    return [{column.name: _value(column, item) for column, item in zip(columns, row, strict=True)} for row in rows]


def _value(column: Column[Any], item: Any) -> Any:
    """A value as JSON carries it; SQLite has no true and false of its own."""
    return bool(item) if isinstance(column.type, Boolean) else item


def _refused(session: Reading, book: Book) -> Iterator[bytes]:
    """What was told of a book and refused: remembered for life, and in no entry."""
    sql = (
        f"SELECT {EVENT_COLUMNS} FROM event v WHERE v.creator_id = ? AND v.event_id > ? AND v.meter = ?"
        f" AND v.outcome LIKE ? ORDER BY v.event_id LIMIT {PAGE}"
    )
    reached = NIL
    while rows := db.fetch(session, sql, (book.creator_id, reached, book.meter, REFUSED)):
        for row in rows:
            yield _line({"refused": shown(EventRow._make(row))})
        reached = rows[-1][1]


# Journals


def book_journal(read: Callable[[Callable[[Any], Any]], Any], book: Book, form: str) -> Iterator[bytes]:
    """One book as a journal; each page of it is read by itself, through `read`."""
    where, asked = " WHERE e.creator_id = ? AND e.meter = ? AND e.seq <= ?", (book.creator_id, book.meter, book.seq)
    kinds = read(lambda reader: _kinds(reader, where, asked))
    shelves = read(lambda reader: db.fetch(reader, _SHELVES.format(where=where), asked))
    items = paged(lambda after: read(lambda reader: _item_page(reader, book, after)), seq_at=3)
    return _told(form, kinds, shelves, items)


def _journal(session: Session, form: str, where: str, asked: Sequence[object]) -> Iterator[bytes]:
    shelves = _streamed(session, _SHELVES.format(where=where), asked)
    items = _streamed(session, f"{_ITEMS}{where} ORDER BY e.settled_through, e.creator_id, e.meter, e.seq", asked)
    return _told(form, _kinds(session, where, asked), shelves, items)


def _told(form: str, kinds: Iterable[str], shelves: Iterable[Row], items: Iterable[Row]) -> Iterator[bytes]:
    told = journal(GRAMMARS[form], shelves=map(_shelf, shelves), kinds=kinds, items=map(_item, items))
    return (text.encode() for text in told)


def _kinds(session: Reading, where: str, asked: Sequence[object]) -> list[str]:
    return sorted(row[0] for row in db.fetch(session, f"SELECT DISTINCT e.kind FROM entry e{where}", asked))


def _streamed(session: Session, sql: str, params: Sequence[object]) -> Iterator[Row]:
    """Rows of one statement as they come, never all at once. The session must be a snapshot's."""
    if db.is_sqlite(session):
        cursor = db.cursor_of(session)
        cursor.execute(sql, tuple(params))
    else:
        # Named, it stays on the server; the driver's own would hold all rows.
        cursor = session.connection().connection.cursor(name="export")
        cursor.execute(sql.replace("?", "%s"), tuple(params))
    while rows := cursor.fetchmany(PAGE):
        yield from rows
    cursor.close()


def _item_page(session: Reading, book: Book, after: int) -> list[Row]:
    """The next entries of a book as a journal tells them, up to its head."""
    sql = f"{_ITEMS} WHERE e.creator_id = ? AND e.meter = ? AND e.seq > ? AND e.seq <= ? ORDER BY e.seq LIMIT {PAGE}"
    return db.fetch(session, sql, (book.creator_id, book.meter, after, book.seq))


def _shelf(row: Row) -> Shelf:
    return Shelf(owner(row[0], row[1]), row[2], tuple(map(bool, row[3:7])))


def _item(row: Row) -> Item:
    source, external_ref, hashed = row[15:18]
    told = {"source": source, "ref": external_ref} if external_ref is not None else {}
    marks = {**told, "hash": bytes(hashed).hex()}
    name = owner(row[0], row[1])
    return Item(name, row[2], row[3], row[4], statements.title(row[4]), row[5], row[6:11], row[11:15], marks)
