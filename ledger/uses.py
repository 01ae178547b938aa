"""Uses: when keys were last used, gathered in memory and written by a thread of its own, so that no request waits."""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import dataclass, field

import psycopg
from sqlalchemy.exc import DBAPIError

from ledger import keys
from ledger.db import Database
from ledger.errors import LedgerError
from ledger.keys import Key

EVERY_US = 60_000_000
DELAY_SECONDS = 5.0


@dataclass(slots=True)
class Uses:
    """What one process has to tell of its keys. What it gathered in its last seconds is lost with it."""

    database: Database
    _seen: dict[str, int] = field(default_factory=dict)
    _timer: threading.Timer | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, key: Key, *, now_us: int) -> None:
        """Remember that a key was used; written within seconds, unless what is kept of it is of this minute."""
        if key.last_used_at_us is not None and now_us - key.last_used_at_us < EVERY_US:
            return
        with self._lock:
            self._seen[key.key_id] = now_us
            if self._timer is None:
                self._timer = threading.Timer(DELAY_SECONDS, self.write)
                self._timer.daemon = True
                self._timer.start()

    def write(self) -> None:
        """Write what was gathered. Where the database refuses it is let go: the next use is noted like any."""
        with self._lock:
            seen, self._seen, self._timer = self._seen, {}, None
        try:
            self.database.write(lambda session: keys.used(session, moments=seen.items()))
        except (LedgerError, DBAPIError, psycopg.Error, sqlite3.Error):
            return
