"""What one process of the API works with: the books, the settings, the clock, and the rules in force."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

from flask import current_app

from ledger import db, rules
from ledger.db import Database, Reading
from ledger.errors import Unavailable
from ledger.policy import Schedule
from ledger.quotas import Quotas
from ledger.settings import Settings
from ledger.uses import Uses

NAME = "trust_ledger"
RULES_SECONDS = 2.0


def wall_clock() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1_000


@dataclass(slots=True)
class Ledger:
    """The app's extension. `clock` gives microseconds since 1970."""

    database: Database
    settings: Settings
    clock: Callable[[], int] = wall_clock
    pepper: bytes = b""
    quotas: Quotas = field(init=False)
    uses: Uses = field(init=False)
    _schedule: Schedule | None = None
    _stamp: tuple[object, ...] = ()
    _checked: float = -RULES_SECONDS
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.quotas = Quotas(self.database)
        self.uses = Uses(self.database)

    def schedule(self) -> Schedule:
        """The rules in force, looked up again every two seconds. Raises Unavailable where there are none."""
        if self._schedule is None or time.monotonic() - self._checked >= RULES_SECONDS:
            with self._lock:
                self._schedule = self.database.read(self._fresh_schedule)
                self._checked = time.monotonic()
        return self._schedule

    def _fresh_schedule(self, session: Reading) -> Schedule:
        stamp = db.fetch(session, "SELECT COUNT(*), MAX(announced_at_us) FROM policy")[0]
        if self._schedule is not None and stamp == self._stamp:
            return self._schedule
        try:
            found = rules.schedule(session)
        except LookupError as reason:
            raise Unavailable("the ledger has no policy yet: run trust-ledger init") from reason
        self._stamp = stamp
        return found


def ledger() -> Ledger:
    """The extension of the app that handles this request."""
    return cast("Ledger", current_app.extensions[NAME])
