"""The database: connections, transactions, retries, and the few set-based statements that differ by engine.

Only `Database.transaction` commits; while `together` runs, whatever its thread does is part of that one transaction.
SQLite writers take the lock at once (BEGIN IMMEDIATE): its driver would otherwise read before it locks and lose
updates in silence.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import cache, lru_cache
from typing import Any, TypeVar, cast

import orjson
import psycopg
import stamina
from sqlalchemy import Table, make_url
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session as Session  # noqa: PLC0414 - mypy wants a re-export said

from ledger import arrays, engines
from ledger.engines import is_transient as is_transient  # noqa: PLC0414 - as above
from ledger.engines import normalise as normalise  # noqa: PLC0414
from ledger.errors import LedgerError, Unavailable
from ledger.readers import PostgreSQLReader, Reader, SQLiteReader

T = TypeVar("T")
stamina.instrumentation.set_on_retry_hooks([])  # its own would log what the database said, names included
Row = tuple[Any, ...]
ATTEMPTS = 5
COPY_FROM = 50
Reading = Session | Reader


class _Joined(threading.local):
    """The session of the unit that is open on this thread, if any."""

    session: Session | None = None


class Database:
    """One database by URL: `sqlite:///path`, or `postgresql://…` (also Citus)."""

    def __init__(self, url: str, *, pool_size: int = 5, prepare_threshold: int | None = 5) -> None:
        self.url = make_url(normalise(url))
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.engine = engines.opened(self.url, pool_size=pool_size, prepare_threshold=prepare_threshold)
        self._writing = self.engine.execution_options(begin="IMMEDIATE")
        self._reading = self.engine.execution_options(isolation_level="AUTOCOMMIT", begin="none")
        self._snapshot = (
            self.engine if self.is_sqlite else self.engine.execution_options(isolation_level="REPEATABLE READ")
        )
        self._writer = threading.Lock() if self.is_sqlite else nullcontext()
        self._idle: list[Reader] = []
        self._prepares = prepare_threshold is not None
        self._joined = _Joined()

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A write unit: commits at the end, rolls back on any exception. Inside `together`, a part of that."""
        if (joined := self._joined.session) is not None:
            with joined.begin_nested():
                yield joined
            return
        with self._writer, Session(self._writing) as session:
            yield session
            session.commit()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A unit of single-statement reads, each its own transaction."""
        if (joined := self._joined.session) is not None:
            yield joined
            return
        with Session(self._reading) as session:
            yield session

    @contextmanager
    def snapshot(self) -> Iterator[Session]:
        """A unit of reads that all see the same moment; inside `together`, what was committed by each statement."""
        if (joined := self._joined.session) is not None:
            yield joined
            return
        with Session(self._snapshot) as session:
            yield session

    def together(self, work: Callable[[Session], T]) -> T:
        """Run work as one transaction, which takes in whatever this thread writes and reads meanwhile.

        Each `write` inside is all or nothing, is not run again by itself, and sees what was written before it.
        The whole is run again on what is transient. Raises Unavailable when spent.
        """
        if self._joined.session is not None:
            return self.write(work)
        return self._retried(lambda: self._run_joined(work))

    def _run_joined(self, work: Callable[[Session], T]) -> T:
        with self.transaction() as session:
            self._joined.session = session
            try:
                return work(session)
            finally:
                self._joined.session = None

    def write(self, work: Callable[[Session], T]) -> T:
        """Run work in a transaction; run it again, whole, on what is transient. Raises Unavailable when spent."""
        if self._joined.session is not None:
            return self._run(work)
        return self._retried(lambda: self._run(work))

    def _run(self, work: Callable[[Session], T]) -> T:
        with self.transaction() as session:
            return work(session)

    def _retried(self, run: Callable[[], T]) -> T:
        try:
            for attempt in stamina.retry_context(
                on=is_transient,
                attempts=ATTEMPTS,
                timeout=60,
                wait_initial=0.01,
                wait_max=0.5,
                wait_jitter=0.1,
            ):
                with attempt:
                    return run()
        except (DBAPIError, psycopg.Error, sqlite3.Error) as error:
            if is_transient(error):
                raise Unavailable("the database is busy or away; nothing was done, send the same again") from error
            raise
        raise Unavailable("unreachable")  # pragma: no cover - retry_context always returns or raises

    def read(self, work: Callable[[Reader], T]) -> T:
        """Run single-statement reads on a lean connection; a broken one is replaced once. Raises Unavailable."""
        if (joined := self._joined.session) is not None:
            return work(cast("Reader", joined))  # `fetch` takes either
        try:
            return self._read(work)
        except (DBAPIError, psycopg.Error, sqlite3.Error) as error:
            if not is_transient(error) and not engines.is_stale_plan(error):
                raise
            self._close_idle()
            self.engine.dispose()  # the pool's connections broke with ours
        try:
            return self._read(work)
        except (DBAPIError, psycopg.Error, sqlite3.Error) as error:
            if is_transient(error):
                raise Unavailable("the database is busy or away; read the same again") from error
            raise

    def _read(self, work: Callable[[Reader], T]) -> T:
        try:
            reader = self._idle.pop()
        except IndexError:
            reader = self._open_reader()
        try:
            result = work(reader)
        except LedgerError:
            self._idle.append(reader)
            raise
        except BaseException:
            reader.close()
            raise
        self._idle.append(reader)
        return result

    def _open_reader(self) -> Reader:
        """A connection outside the pool, so that a reader never waits for a writer's."""
        pooled = self.engine.raw_connection()
        connection = pooled.driver_connection
        pooled.detach()
        if self.is_sqlite:
            return SQLiteReader(cast("sqlite3.Connection", connection))
        return PostgreSQLReader(cast("psycopg.Connection[Any]", connection), prepares=self._prepares)

    def _close_idle(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def dispose(self) -> None:
        """Close every connection."""
        self._close_idle()
        self.engine.dispose()


def is_sqlite(session: Reading) -> bool:
    """True where the session speaks to SQLite."""
    if not isinstance(session, Session):
        return session.is_sqlite
    return session.get_bind().dialect.name == "sqlite"


def cursor_of(session: Reading) -> Any:
    """A cursor of the driver itself, inside the session's transaction."""
    if not isinstance(session, Session):
        return session.connection.cursor()
    return session.connection().connection.cursor()


def fetch(session: Reading, sql: str, params: Sequence[object] = ()) -> list[Row]:
    """Rows of one statement written with `?` placeholders."""
    if not isinstance(session, Session):
        return session.fetch(sql, params)
    cursor = cursor_of(session)
    cursor.execute(sql if is_sqlite(session) else _marked(sql), tuple(params))
    rows: list[Row] = cursor.fetchall()
    return rows


@lru_cache(maxsize=512)
def _marked(sql: str) -> str:
    """A statement of ours (there are few) with psycopg's placeholders."""
    return sql.replace("?", "%s")


def execute(session: Session, sql: str, params: Sequence[object] = ()) -> int:
    """Run one statement written with `?` placeholders; returns how many rows it touched."""
    cursor = cursor_of(session)
    cursor.execute(sql if is_sqlite(session) else sql.replace("?", "%s"), tuple(params))
    count: int = cursor.rowcount
    return count


_KEY_TYPES = {"id": "uuid", "text": "text", "int": "bigint", "bytes": "bytea", "flag": "boolean"}


def fetch_keyed(
    session: Reading,
    sql: str,
    types: Sequence[str],
    keys: Sequence[Sequence[object]],
    params: Sequence[object] = (),
) -> list[Row]:
    """Rows of one statement for many keys at once, however many, in one plan.

    `sql` says `FROM {keys} CROSS JOIN table t WHERE t.a = k.c0 AND …`; `{keys}` becomes a derived table `k` with
    the columns c0, c1, … of the given types (id, text, int).
    """
    if not keys:
        return []
    cursor = cursor_of(session)
    if is_sqlite(session):
        columns = ", ".join(f"json_extract(value, '$[{n}]') AS c{n}" for n in range(len(types)))
        derived = f"(SELECT {columns} FROM json_each(?)) AS k"
        cursor.execute(sql.format(keys=derived), (orjson.dumps(list(keys)).decode(), *params))
    else:
        marks = ", ".join(f"%s::{_KEY_TYPES[kind]}[]" for kind in types)
        derived = f"unnest({marks}) AS k({', '.join(f'c{n}' for n in range(len(types)))})"
        statement = sql.format(keys=derived).replace("?", "%s")
        cursor.execute(statement, (*arrays.columns(keys), *params), prepare=len(keys) == 1)
    rows: list[Row] = cursor.fetchall()
    return rows


def insert(session: Session, table: Table, rows: Sequence[Row]) -> None:
    """Insert rows given as tuples in the table's column order: multi-row VALUES, or COPY for many on PostgreSQL."""
    if not rows:
        return
    cursor = cursor_of(session)
    names = ", ".join(column.name for column in table.columns)
    if is_sqlite(session):
        marks = ", ".join("?" for _ in table.columns)
        cursor.executemany(f"INSERT INTO {table.name} ({names}) VALUES ({marks})", rows)
    elif len(rows) < COPY_FROM:
        one = f"({', '.join('%s' for _ in table.columns)})"
        values = ", ".join(one for _ in rows)
        cursor.execute(f"INSERT INTO {table.name} ({names}) VALUES {values}", [v for row in rows for v in row])
    else:
        with cursor.copy(f"COPY {table.name} ({names}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)


def insert_new(session: Session, table: Table, rows: Sequence[Row]) -> None:
    """Insert the few rows that are not there yet. Rows in the table's column order."""
    names = ", ".join(column.name for column in table.columns)
    marks = ", ".join("?" for _ in table.columns)
    for row in rows:
        execute(session, f"INSERT INTO {table.name} ({names}) VALUES ({marks}) ON CONFLICT DO NOTHING", row)


def upsert(session: Session, table: Table, rows: Sequence[Row]) -> None:
    """Insert rows, or replace all but the key of those that are there. Rows in the table's column order."""
    if not rows:
        return
    keys = [column.name for column in table.primary_key.columns]
    names = [column.name for column in table.columns]
    others = ", ".join(f"{name} = excluded.{name}" for name in names if name not in keys)
    tail = f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {others}"
    cursor = cursor_of(session)
    if is_sqlite(session):
        marks = ", ".join("?" for _ in names)
        cursor.executemany(f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({marks}) {tail}", rows)
        return
    source = f"SELECT * FROM unnest({_arrays(table)})"
    statement = f"INSERT INTO {table.name} ({', '.join(names)}) {source} {tail}"
    cursor.execute(statement, arrays.columns(rows), prepare=len(rows) == 1)


def update(session: Session, table: Table, rows: Sequence[Row]) -> None:
    """Replace all but the key of rows that are there. Rows in the table's column order."""
    if not rows:
        return
    keys = [column.name for column in table.primary_key.columns]
    names = [column.name for column in table.columns]
    cursor = cursor_of(session)
    if is_sqlite(session):
        place = {name: f"?{number}" for number, name in enumerate(names, 1)}
        sets = ", ".join(f"{name} = {place[name]}" for name in names if name not in keys)
        where = " AND ".join(f"{key} = {place[key]}" for key in keys)
        cursor.executemany(f"UPDATE {table.name} SET {sets} WHERE {where}", rows)
        return
    sets = ", ".join(f"{name} = v.{name}" for name in names if name not in keys)
    where = " AND ".join(f"t.{key} = v.{key}" for key in keys)
    source = f"unnest({_arrays(table)}) AS v({', '.join(names)})"
    statement = f"UPDATE {table.name} AS t SET {sets} FROM {source} WHERE {where}"
    cursor.execute(statement, arrays.columns(rows), prepare=len(rows) == 1)


def update_unmoved(
    session: Session, table: Table, rows: Sequence[Row], expected_seq: Sequence[int]
) -> set[tuple[object, ...]]:
    """Like `update`, but only rows whose `seq` is still as expected; returns the keys of those.

    On SQLite the transaction holds the write lock since before the rows were read: all are.
    """
    keys = [column.name for column in table.primary_key.columns]
    if is_sqlite(session) or not rows:
        update(session, table, rows)
        return {row[: len(keys)] for row in rows}
    names = [column.name for column in table.columns]
    sets = ", ".join(f"{name} = v.{name}" for name in names if name not in keys)
    where = " AND ".join(f"t.{key} = v.{key}" for key in keys)
    source = f"unnest({_arrays(table)}, %s::bigint[]) AS v({', '.join(names)}, expected_seq)"
    cursor = cursor_of(session)
    cursor.execute(
        f"UPDATE {table.name} AS t SET {sets} FROM {source} WHERE {where} AND t.seq = v.expected_seq"
        f" RETURNING {', '.join(f't.{key}' for key in keys)}",
        [*arrays.columns(rows), arrays.literal(expected_seq)],
        prepare=False,
    )
    return set(cursor.fetchall())


@cache
def _arrays(table: Table) -> str:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    return ", ".join(f"%s::{column.type.compile(dialect)}[]" for column in table.columns)


def migrate(url: str) -> None:
    """Bring a database's tables up to date."""
    from alembic import command  # noqa: PLC0415 - a service that does not migrate need not load it

    from ledger import migrations  # noqa: PLC0415

    command.upgrade(migrations.config(url), "head")
