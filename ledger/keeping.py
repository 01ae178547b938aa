"""Where the memory of a book is kept: each of its parts with its table, and how a row is made of it and read back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from ledger import db, tables
from ledger.db import Row, Session
from ledger.kinds.base import Allegation, Breach, Outcome, Pitch, Relationship, Tally
from ledger.memory import Memory

BookKey = tuple[str, str]


class Kept(NamedTuple):
    """One part of the memory: the attribute that holds it by key, its table, and what an item is as a row.

    `key` is the type of the key column, None where there is one item a book; rows come without creator and meter.
    """

    name: str
    table: Any
    key: str | None
    pack: Callable[[Any, Any], Row]
    unpack: Callable[[Row], tuple[Any, Any]]

    @property
    def columns(self) -> str:
        """All columns of the table, for a SELECT that calls it `t`."""
        return ", ".join(f"t.{column.name}" for column in self.table.columns)


def _tally(row: Row) -> tuple[int, Tally]:
    return row[0], Tally(*row[1:])


def _tie(row: Row) -> tuple[str, tuple[int, int, int, bool]]:
    return row[0], (*row[1:4], bool(row[4]))


def _breach(row: Row) -> tuple[int, Breach]:
    return row[0], Breach._make((*row[:5], *map(bool, row[5:9]), row[9]))


def _allegation(row: Row) -> tuple[int, Allegation]:
    return row[0], Allegation._make((*row[:5], bool(row[5]), row[6]))


def _pitch(row: Row) -> tuple[int, Pitch]:
    return row[0], Pitch._make((row[0], str(row[1]), *row[2:]))


def _relationship(row: Row) -> tuple[int, Relationship]:
    return 0, Relationship._make((*row[:6], bool(row[6]), bool(row[7])))


def _table(name: str) -> Any:
    return tables.METADATA.tables[name]


TALLIES = Kept("tallies", _table("tally"), "day", lambda day, item: (day, *item), _tally)
TIES = Kept("ties", _table("tie"), "engager", lambda who, item: (who, *item), _tie)
BREACHES = Kept("breaches", _table("breach"), "seq", lambda _, item: tuple(item), _breach)
ALLEGATIONS = Kept("allegations", _table("allegation"), "seq", lambda _, item: tuple(item), _allegation)
PITCHES = Kept("pitches", _table("pitch"), "seq", lambda _, item: tuple(item), _pitch)
OUTCOMES = Kept("outcomes", _table("outcome"), "seq", lambda _, item: tuple(item), lambda row: (row[0], Outcome(*row)))
RELATIONSHIPS = Kept("relationships", _table("relationship"), None, lambda _, item: tuple(item), _relationship)
KEPT = (TALLIES, TIES, BREACHES, ALLEGATIONS, PITCHES, OUTCOMES, RELATIONSHIPS)
TYPES = {"day": "int", "seq": "int", "engager": "text"}


def load(session: Session, kept: Kept, books: Mapping[BookKey, Memory], keys: Iterable[BookKey]) -> None:
    """Load all of one part for these books."""
    sql = (
        f"SELECT {kept.columns} FROM {{keys}} CROSS JOIN {kept.table.name} t"
        " WHERE t.creator_id = k.c0 AND t.meter = k.c1"
    )
    _take(kept, books, db.fetch_keyed(session, sql, ("id", "text"), sorted(keys)))


def load_keyed(
    session: Session, kept: Kept, books: Mapping[BookKey, Memory], keys: Iterable[tuple[str, str, Any]]
) -> None:
    """Load some of one part: by (creator, meter, key)."""
    sql = (
        f"SELECT {kept.columns} FROM {{keys}} CROSS JOIN {kept.table.name} t"
        f" WHERE t.creator_id = k.c0 AND t.meter = k.c1 AND t.{kept.key} = k.c2"
    )
    _take(kept, books, db.fetch_keyed(session, sql, ("id", "text", TYPES[kept.key or ""]), sorted(keys)))


def _take(kept: Kept, books: Mapping[BookKey, Memory], rows: Iterable[Row]) -> None:
    for row in rows:
        key, item = kept.unpack(row[2:])
        getattr(books[row[0], row[1]], kept.name)[key] = item


def write_back(session: Session, books: Mapping[BookKey, Memory]) -> None:
    """Write what these books remember now: all that was loaded, and all that is new."""
    for kept in KEPT:
        rows: list[Row] = []
        for book_key, memory in books.items():
            held: dict[Any, Any] = getattr(memory, kept.name)
            if held:
                rows += [(*book_key, *kept.pack(key, item)) for key, item in held.items()]
        db.upsert(session, kept.table, rows)
