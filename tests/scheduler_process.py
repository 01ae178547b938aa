"""A scheduler process that lives through days in seconds: the real timetable's tasks on a clock of its own.

Run as `python -m tests.scheduler_process URL FOLDER FIRST_DAY DAYS [--chunk N] [--die-at-commit N]`. Prints a line
for each of a day's rounds. Dying is SIGKILL, after everything is written and just before it is committed.
"""

import argparse
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from apscheduler.schedulers.blocking import BlockingScheduler
from pydantic import SecretStr
from sqlalchemy import event

from jobs.__main__ import configure_logs
from jobs.schedule import run
from jobs.tasks import TASKS, Desk
from ledger.db import Database
from ledger.economy import DAY_US
from ledger.settings import Settings

ROUNDS_A_DAY = 3  # the hourly attempts of a real day, fewer of them


@dataclass
class JumpingClock:
    """Stands still within a round and then jumps a third of a day."""

    now_us: int

    def __call__(self) -> int:
        """Microseconds since 1970."""
        return self.now_us


def main() -> None:
    """Live through the days and end."""
    told = arguments()
    configure_logs()
    key, pepper = SecretStr("a key"), SecretStr("a pepper")
    settings = Settings(database_url=told.url, signing_key=key, pepper=pepper, checkpoint_dir=told.folder)
    database = Database(told.url)
    if told.die_at_commit:
        event.listen(database.engine, "commit", dying(told.die_at_commit))
    clock = JumpingClock(told.first_day * DAY_US + 3 * DAY_US // 24)
    desk = Desk(database, settings, clock, chunk=told.chunk)
    scheduler = BlockingScheduler(timezone="UTC")
    last_us = (told.first_day + told.days) * DAY_US

    def live_a_round() -> None:
        for task in TASKS:
            run(desk, task)
        sys.stdout.write(f"{clock.now_us // DAY_US}\n")
        sys.stdout.flush()
        clock.now_us += DAY_US // ROUNDS_A_DAY
        if clock.now_us >= last_us:
            scheduler.shutdown(wait=False)

    scheduler.add_job(live_a_round, "interval", seconds=0.01, coalesce=True, misfire_grace_time=None)
    scheduler.start()


def dying(commits: int) -> Callable[[object], None]:
    """A listener that kills this process before the commit of that number."""
    left = [commits]

    def count(_: object) -> None:
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)

    return count


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("folder", type=Path)
    parser.add_argument("first_day", type=int)
    parser.add_argument("days", type=int)
    parser.add_argument("--chunk", type=int, default=4)
    parser.add_argument("--die-at-commit", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
