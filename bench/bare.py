"""The bare engines: the rows that events left, written again by the driver alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import psycopg
from sqlalchemy import make_url
from sqlalchemy.dialects import postgresql

from ledger import arrays, tables
from ledger.db import Row

TABLES = [tables.METADATA.tables[name] for name in ("event", "entry", "book", "tally", "tie")]
PRAGMAS = ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "busy_timeout = 30000")
Rows = dict[str, list[Row]]


def connect(url: str) -> Any:
    """A connection of the driver, in autocommit, SQLite's with the pragmas of the service."""
    parts = make_url(url)
    if parts.get_backend_name() == "sqlite":
        connection = sqlite3.connect(str(parts.database), isolation_level=None)
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        return connection
    plain = parts.set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(plain, autocommit=True)


def queries(prefix: str, *, is_sqlite: bool) -> dict[str, str]:
    """For each table, how to find what the events with this prefix left in it."""
    told = f"FROM event WHERE external_ref LIKE '{prefix}%'"
    engager = "json_extract(facts, '$.engager')" if is_sqlite else "facts::json->>'engager'"
    theirs = f"creator_id IN (SELECT creator_id {told})"
    where = {
        "event": f"external_ref LIKE '{prefix}%'",
        "entry": f"event_id IN (SELECT event_id {told})",
        "book": theirs,
        "tally": theirs,
        "tie": f"engager IN (SELECT {engager} {told})",
    }
    return {name: f"SELECT * FROM {name} WHERE {condition}" for name, condition in where.items()}


def rows_of(url: str, prefix: str) -> Rows:
    """What the events with this prefix left, by table."""
    with closing(connect(url)) as connection:
        found = queries(prefix, is_sqlite=isinstance(connection, sqlite3.Connection))
        return {name: connection.execute(query).fetchall() for name, query in found.items()}


class Bare:
    """An empty database with the same tables, and nothing between it and the caller but its driver."""

    def __init__(self, url: str) -> None:
        self._connection = connect(url)
        self._is_sqlite = isinstance(self._connection, sqlite3.Connection)
        self._mark = "?" if self._is_sqlite else "%s"
        if self._is_sqlite:
            self._stretch()

    def _stretch(self) -> None:
        """Give the files the size that they have in service: to grow a file costs more than to write to it."""
        self._connection.execute("CREATE TABLE ballast AS SELECT zeroblob(67108864) AS weight")
        self._connection.execute("DROP TABLE ballast")
        self._connection.execute("PRAGMA wal_checkpoint(RESTART)")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def all_at_once(self, url: str, prefix: str) -> Callable[[], None]:
        """Work that writes all rows in one transaction, the fastest way the engine has."""
        if self._is_sqlite:
            rows = rows_of(url, prefix)
            return lambda: self._insert(rows)
        with closing(connect(url)) as connection:
            blocks = {name: _block(connection, query) for name, query in queries(prefix, is_sqlite=False).items()}
        return lambda: self._copy(blocks)

    def one_by_one(self, rows: Rows) -> Callable[[], None]:
        """Work that writes what one event needs in a transaction of its own, event by event."""
        self._insert({"book": rows["book"]})
        entries = {row[5]: row for row in rows["entry"]}
        books = {row[0]: row for row in rows["book"]}
        tallies = {row[0]: row for row in rows["tally"]}
        ties: dict[object, list[Row]] = {}
        for row in rows["tie"]:
            ties.setdefault(row[0], []).append(row)
        needs = []
        for event in rows["event"]:
            owner = event[0]
            tie = ties[owner].pop() if event[5] == "engagement" else None
            needs.append((event, entries[event[1]], books[owner], tallies.get(owner), tie))
        return lambda: self._write_each(needs)

    def update_books(self, url: str) -> Callable[[], None]:
        """Work that gives every book here the row it has there."""
        with closing(connect(url)) as connection:
            rows = connection.execute("SELECT * FROM book").fetchall()
        table = next(table for table in TABLES if table.name == "book")
        names = [column.name for column in table.columns]
        if self._is_sqlite:
            sets = ", ".join(f"{name} = ?{number}" for number, name in enumerate(names[2:], 3))
            statement = f"UPDATE book SET {sets} WHERE creator_id = ?1 AND meter = ?2"
            return lambda: self._once("BEGIN IMMEDIATE", lambda cursor: cursor.executemany(statement, rows))
        dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
        marks = ", ".join(f"%s::{column.type.compile(dialect)}[]" for column in table.columns)
        sets = ", ".join(f"{name} = v.{name}" for name in names[2:])
        source = f"unnest({marks}) AS v({', '.join(names)})"
        where = "b.creator_id = v.creator_id AND b.meter = v.meter"
        statement = f"UPDATE book AS b SET {sets} FROM {source} WHERE {where}"
        columns = arrays.columns([(str(row[0]), *row[1:]) for row in rows])
        return lambda: self._once("BEGIN", lambda cursor: cursor.execute(statement, columns))

    def _once(self, begin: str, work: Callable[[Any], object]) -> None:
        cursor = self._connection.cursor()
        cursor.execute(begin)
        work(cursor)
        cursor.execute("COMMIT")

    def _write_each(self, needs: list[tuple[Any, ...]]) -> None:
        statements = [self._statement(table.name) for table in TABLES]
        begin = "BEGIN IMMEDIATE" if self._is_sqlite else "BEGIN"
        for rows in needs:
            self._connection.execute(begin)
            for statement, row in zip(statements, rows, strict=True):
                if row is not None:
                    self._connection.execute(statement, row)
            self._connection.execute("COMMIT")

    def _statement(self, name: str) -> str:
        table = next(table for table in TABLES if table.name == name)
        marks = ", ".join(self._mark for _ in table.columns)
        insert = f"INSERT INTO {name} VALUES ({marks})"
        if name in ("event", "entry"):
            return insert
        keys = [column.name for column in table.primary_key.columns]
        others = [column.name for column in table.columns if column.name not in keys]
        sets = ", ".join(f"{column} = excluded.{column}" for column in others)
        return f"{insert} ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {sets}"

    def _insert(self, rows: Rows) -> None:
        cursor = self._connection.cursor()
        cursor.execute("BEGIN IMMEDIATE" if self._is_sqlite else "BEGIN")
        for name, several in rows.items():
            if several:
                marks = ", ".join(self._mark for _ in several[0])
                cursor.executemany(f"INSERT INTO {name} VALUES ({marks})", several)
        cursor.execute("COMMIT")

    def _copy(self, blocks: dict[str, bytes]) -> None:
        cursor = self._connection.cursor()
        cursor.execute("BEGIN")
        for name, block in blocks.items():
            with cursor.copy(f"COPY {name} FROM STDIN") as copy:
                copy.write(block)
        cursor.execute("COMMIT")


def _block(connection: Any, query: str) -> bytes:
    with connection.cursor().copy(f"COPY ({query}) TO STDOUT") as copy:
        return b"".join(copy)
