"""Readers: a driver's own connection for single-statement reads that cannot afford a Session.

On PostgreSQL the statement goes straight to libpq, prepared once a connection: a third of the CPU that a cursor
takes. Each statement is its own transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, cast

from psycopg import Connection
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult

Rows = list[tuple[Any, ...]]


class SQLiteReader:
    """Reads from a SQLite file."""

    is_sqlite = True

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def fetch(self, sql: str, params: Sequence[object] = ()) -> Rows:
        """Rows of one statement written with `?` placeholders."""
        return self.connection.execute(sql, tuple(params)).fetchall()

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()


class PostgreSQLReader:
    """Reads from PostgreSQL. Without `prepares` (behind a pooler) each statement is sent whole."""

    is_sqlite = False

    def __init__(self, connection: Connection[Any], *, prepares: bool) -> None:
        connection.autocommit = True
        self.connection = connection
        self._prepares = prepares
        self._transformer = Transformer.from_context(connection)
        self._names: dict[str, bytes] = {}

    def fetch(self, sql: str, params: Sequence[object] = ()) -> Rows:
        """Rows of one statement written with `?` placeholders. Raises psycopg.Error."""
        given = [None if value is None else _text(value) for value in params]
        driver = self.connection.pgconn
        if self._prepares:
            result = driver.exec_prepared(self._names.get(sql) or self._prepare(sql), given)  # type: ignore[arg-type]
        else:
            result = driver.exec_params(numbered(sql), given)
        _check(result, ExecStatus.TUPLES_OK)
        self._transformer.set_pgresult(result)
        return cast("Rows", self._transformer.load_rows(0, result.ntuples, tuple))

    def _prepare(self, sql: str) -> bytes:
        name = f"read_{len(self._names)}".encode()
        _check(self.connection.pgconn.prepare(name, numbered(sql)), ExecStatus.COMMAND_OK)
        self._names[sql] = name
        return name

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()


Reader = SQLiteReader | PostgreSQLReader


def numbered(sql: str) -> bytes:
    """A statement with `?` placeholders as the protocol has it: $1, $2 and so on."""
    first, *rest = sql.split("?")
    return (first + "".join(f"${place}{part}" for place, part in enumerate(rest, 1))).encode()


def _text(value: object) -> bytes:
    """A value as PostgreSQL reads it in text; of bytes and booleans too, though no read asks by them."""
    if isinstance(value, bytes):
        return b"\\x" + value.hex().encode()
    return str(value).encode()


def _check(result: PGresult, expected: ExecStatus) -> None:
    if result.status != expected:
        raise error_from_result(result)
