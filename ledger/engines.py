"""Engines: how a database of each kind is opened, and which of its errors pass by themselves."""

from __future__ import annotations

import sqlite3
from typing import Any

import psycopg
import stamina
from psycopg.types.string import TextLoader
from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError

SQLITE_WAITS = 30  # seconds
_RETRY_STATES = ("40001", "40P01", "55P03", "53300", "25006", "23505")
_RETRY_CLASSES = ("08", "57P0")


def is_transient(error: BaseException) -> bool:
    """True where the same work may succeed if the whole transaction is run again.

    A unique violation counts: the same reference, or a new book, was written by somebody else meanwhile.
    """
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, sqlite3.IntegrityError):
        return "UNIQUE" in str(cause)
    if isinstance(cause, sqlite3.OperationalError):
        return any(word in str(cause) for word in ("locked", "busy"))
    if isinstance(cause, psycopg.Error):
        state = cause.sqlstate or "08"
        return state in _RETRY_STATES or state.startswith(_RETRY_CLASSES)
    return False


def is_stale_plan(error: BaseException) -> bool:
    """True where a prepared read meets a table that was migrated meanwhile."""
    return isinstance(error, psycopg.Error) and error.sqlstate == "0A000"


def normalise(url: str) -> str:
    """A database URL with the driver this project uses."""
    for prefix in ("postgres://", "postgresql://"):
        if url.startswith(prefix):
            return "postgresql+psycopg://" + url.removeprefix(prefix)
    return url


def opened(url: URL, *, pool_size: int, prepare_threshold: int | None) -> Engine:
    """The engine of a database, set up as this project needs it. It connects at first use."""
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, connect_args={"timeout": SQLITE_WAITS, "check_same_thread": False})
        _tune_sqlite(engine)
        return engine
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=False,
        connect_args={"prepare_threshold": prepare_threshold},
    )
    _tune_postgresql(engine)
    return engine


def _tune_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def connected(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None
        for pragma in (f"busy_timeout = {SQLITE_WAITS * 1000}", "synchronous = FULL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")
        _switch_to_wal(connection)

    @event.listens_for(engine, "begin")
    def began(connection: Any) -> None:
        how = connection.get_execution_options().get("begin", "DEFERRED")
        if how != "none":
            connection.exec_driver_sql(f"BEGIN {how}")


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """Of several that open a new file at once, SQLite refuses all but one without waiting; we wait."""
    for attempt in stamina.retry_context(
        on=is_transient, attempts=None, timeout=SQLITE_WAITS, wait_initial=0.005, wait_max=0.2, wait_jitter=0.01
    ):
        with attempt:
            connection.execute("PRAGMA journal_mode = WAL")


def _tune_postgresql(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def connected(connection: Any, _: object) -> None:
        connection.adapters.register_loader("uuid", TextLoader)
