"""Quotas: how often something may be done in a window, never more in sum over all processes on all hosts.

A process takes a slice of a window's quota from the database and spends it from memory; what it took and did not
spend is lost to the others until the next window, so the sum may stay below the quota, and never goes above.

SQLite has one writer at a time. There the slices are in a file of their own beside the books', so that no call waits
for somebody who writes these; it may be deleted while nothing runs.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy.schema import CreateTable

from ledger import db, tables
from ledger.db import Database, Session
from ledger.economy import SECOND_US

QUOTA = tables.Quota.__table__  # type: ignore[attr-defined]
SLICES = 50  # a window's quota is taken in so many slices: few enough to ask seldom, small enough to share
KEPT_WINDOWS = 10
KEPT_BUCKETS = 10_000

_TAKE = (
    "INSERT INTO quota (bucket, window_start, taken) VALUES (?, ?, ?) ON CONFLICT (bucket, window_start)"
    " DO UPDATE SET taken = quota.taken + excluded.taken WHERE quota.taken + excluded.taken <= ?"
)
_TAKEN = "SELECT taken FROM quota WHERE bucket = ? AND window_start = ?"
_TAKE_REST = "UPDATE quota SET taken = ? WHERE bucket = ? AND window_start = ? AND taken = ?"


class Spent(NamedTuple):
    """What came of asking: whether it may be done, how often still (at most), and the seconds until more may be."""

    granted: bool
    left: int
    seconds: int


@dataclass(slots=True)
class _Window:
    """One bucket as this process knows it: its window, what is left of its slices, what nobody had taken yet."""

    start: int
    untaken: int
    left: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(slots=True)
class Quotas:
    """The slices that one process holds. `window_seconds` is the length of every window."""

    database: Database
    window_seconds: int = 60
    _windows: dict[str, _Window] = field(default_factory=dict)
    _beside: Database | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def spend(self, bucket: str, *, limit: int, now_us: int) -> Spent:
        """Do something once more, of at most `limit` times in a window. Raises Unavailable without a database."""
        seconds = now_us // SECOND_US
        start = seconds - seconds % self.window_seconds
        window = self._windows.get(bucket)
        if window is None or self._is_over(window, start):
            window = self._opened(bucket, start, limit)
        with window.lock:  # one for each bucket: whoever waits for a slice holds up no other key
            if window.left == 0 and window.untaken > 0:
                self._refill(bucket, window, limit)
            granted = window.left > 0
            window.left -= granted
            return Spent(granted, window.left + window.untaken, window.start + self.window_seconds - seconds)

    def _is_over(self, window: _Window, start: int) -> bool:
        """Whether a window has passed, or is of a clock that was far ahead and was set back."""
        return not start <= window.start <= start + self.window_seconds

    def _opened(self, bucket: str, start: int, limit: int) -> _Window:
        with self._lock:
            window = self._windows.get(bucket)
            if window is not None and not self._is_over(window, start):
                return window
            if len(self._windows) >= KEPT_BUCKETS:
                self._windows = {name: held for name, held in self._windows.items() if held.start >= start}
            window = self._windows[bucket] = _Window(start, limit)
            return window

    def _refill(self, bucket: str, window: _Window, limit: int) -> None:
        wanted = max(1, limit // SLICES)

        def work(session: Session) -> tuple[int, int]:
            got, taken = take(session, bucket=bucket, window_start=window.start, limit=limit, wanted=wanted)
            if got == taken and db.is_sqlite(session):  # a window opens; the job sweeps the books' database alone
                forget(session, now_us=window.start * SECOND_US)
            return got, taken

        window.left, taken = self._counted().write(work)
        window.untaken = max(0, limit - taken)

    def _counted(self) -> Database:
        """Where slices are counted, there from the first call on."""
        with self._lock:
            if self._beside is None:
                self._beside = beside(self.database)
            return self._beside


def beside(database: Database) -> Database:
    """Where the slices of a database's service are counted: itself, or on SQLite a file beside it."""
    if not database.is_sqlite:
        return database
    own = Database(str(database.url.set(database=f"{database.url.database}-quota")))
    own.write(lambda session: session.connection().execute(CreateTable(QUOTA, if_not_exists=True)))
    return own


def take(session: Session, *, bucket: str, window_start: int, limit: int, wanted: int) -> tuple[int, int]:
    """Take up to `wanted` of a window's quota; returns (how much it is, how much all have taken by now)."""
    key = (bucket, window_start)
    got = db.execute(session, _TAKE, (*key, min(wanted, limit), limit))
    taken = int(db.fetch(session, _TAKEN, key)[0][0])
    if got:
        return min(wanted, limit), taken
    rest = limit - taken
    if rest <= 0 or not db.execute(session, _TAKE_REST, (limit, *key, taken)):
        return 0, max(taken, limit)
    return rest, limit


def forget(session: Session, *, now_us: int, window_seconds: int = 60) -> int:
    """Delete the windows that are long over; returns how many."""
    long_over = now_us // SECOND_US - KEPT_WINDOWS * window_seconds
    return db.execute(session, "DELETE FROM quota WHERE window_start < ?", (long_over,))
