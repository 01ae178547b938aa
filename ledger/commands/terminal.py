"""What every command works with: the clock, the settings, an open database, and how to speak to people."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import click
import psycopg
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError

from ledger import rules, settings
from ledger.days import EPOCH
from ledger.db import Database, normalise
from ledger.economy import DAY_US
from ledger.errors import LedgerError
from ledger.events import METER
from ledger.kinds.facts import FORMS, SLUG
from ledger.policy import Schedule
from ledger.settings import Settings

TOLD = (LedgerError, DBAPIError, sqlite3.Error, psycopg.Error, OSError)
NO_TABLE = "42P01"


@dataclass(frozen=True, slots=True)
class Terminal:
    """Passed to every command. `clock` gives microseconds since 1970."""

    clock: Callable[[], int]

    def today(self) -> int:
        """The day it is, counted from 1970."""
        return self.clock() // DAY_US

    def settings(self) -> Settings:
        """The settings, read now."""
        try:
            return settings.load()
        except ValueError as wrong:
            raise click.ClickException(str(wrong)) from wrong

    @contextmanager
    def database(self, current: Settings | None = None) -> Iterator[Database]:
        """The database of the settings, which has to be there; its connections are closed at the end."""
        current = current or self.settings()
        path = sqlite_file(current.database_url)
        if path and not path.exists():
            raise click.ClickException(f"there is no database {path}: run trust-ledger init")
        url, threshold = current.database_url, current.prepare_threshold
        database = Database(url, pool_size=current.pool_size, prepare_threshold=threshold)
        try:
            yield database
        finally:
            database.dispose()


def schedule_of(database: Database) -> Schedule:
    """The policies in force."""
    with database.reading() as session:
        try:
            return rules.schedule(session)
        except LookupError as missing:
            raise click.ClickException("no policy is installed: run trust-ledger init") from missing


def complete_schedule_of(database: Database, *, today: int) -> Schedule:
    """The policies in force, with which all that may be reported can be priced. Raises InvalidPolicy."""
    found = schedule_of(database)
    rules.ensure_complete(found, today=today)
    return found


def sqlite_file(url: str) -> Path | None:
    """The file of an SQLite database, None for any other."""
    parsed = make_url(normalise(url))
    return Path(str(parsed.database)) if parsed.get_backend_name() == "sqlite" else None


def sentence(error: BaseException) -> str:
    """What went wrong in one line, for somebody who doesn't read Python."""
    if isinstance(error, LedgerError):
        return error.detail
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}" if error.filename else str(error)
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    first = (str(cause).strip().splitlines() or [type(cause).__name__])[0]
    if "no such table" in first or getattr(cause, "sqlstate", None) == NO_TABLE:
        return f"the database is not set up ({first}): run trust-ledger init"
    return f"the database answered: {first}"


class Bar:
    """A progress bar on stderr; nothing at all where stderr is no terminal."""

    def __init__(self, shown: Progress, task: TaskID) -> None:
        self._shown = shown
        self._task = task

    def add(self, count: int) -> None:
        """So many more are done."""
        self._shown.advance(self._task, count)

    def to(self, done: int, total: int | None = None) -> None:
        """So many are done, of so many."""
        self._shown.update(self._task, completed=done, total=total)


@contextmanager
def bar(what: str, total: int | None = None) -> Iterator[Bar]:
    """A progress bar for as long as the work takes."""
    screen = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=screen, disable=not screen.is_terminal, transient=True) as shown:
        yield Bar(shown, shown.add_task(what, total=total))


def say(text: str) -> None:
    """Tell a person something that no script reads: on stderr."""
    click.echo(text, err=True)


def iso_time(time_us: int) -> str:
    """Microseconds since 1970 as RFC 3339."""
    return datetime.fromtimestamp(time_us // 1_000_000, UTC).isoformat().replace("+00:00", "Z")


class Network(click.ParamType[str]):
    """The slug of a network."""

    name = "network"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The slug. Fails as a usage error."""
        slug = str(value)
        if not METER.fullmatch(f"network:{slug}"):
            self.fail(f"{slug!r} is not the slug of a network: {FORMS[SLUG]}", param, ctx)
        return slug


class Day(click.ParamType[int]):
    """An ISO date on the command line, a day counted from 1970 in the code."""

    name = "day"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The day. Fails as a usage error."""
        if isinstance(value, int):
            return value
        try:
            return date.fromisoformat(str(value)).toordinal() - EPOCH
        except ValueError:
            self.fail(f"{value!r} is not a date such as 2026-11-23", param, ctx)
