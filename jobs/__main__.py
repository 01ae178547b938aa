"""`python -m jobs`: the scheduler and, beside it, the dispatcher of webhooks, until SIGTERM or SIGINT."""

from __future__ import annotations

import logging
import signal
import sys
import time
from threading import Thread
from typing import TextIO, cast

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor

from jobs.dispatcher import dispatcher
from jobs.schedule import scheduler
from jobs.tasks import Desk
from ledger import failures
from ledger.db import Database
from ledger.processes import Stderr
from ledger.settings import settings

PROCESSORS = (
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.ExceptionRenderer(lambda wrong: failures.trace(wrong[1])),
    structlog.processors.JSONRenderer(),
)


def now_us() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1_000


def configure_logs() -> None:
    """One JSON object a line on stderr."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    structlog.configure(processors=PROCESSORS, logger_factory=structlog.WriteLoggerFactory(cast("TextIO", Stderr())))


def main() -> None:
    """Run until asked to end; the piece of work in hand is finished, the rest is left to the next start."""
    configure_logs()
    current = settings()
    database = Database(current.database_url, pool_size=2, prepare_threshold=current.prepare_threshold)
    desk = Desk(database, current, now_us)
    pool = ThreadPoolExecutor(1)
    timetable = scheduler(desk, pool)
    sending = Thread(target=dispatcher(desk).run, name="dispatcher")

    def stop(*_: object) -> None:
        desk.stopping.set()
        if timetable.running:
            timetable.shutdown(wait=False)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    desk.log.info("scheduler started", database=current.database_url.partition(":")[0])
    sending.start()
    try:
        timetable.start()
    finally:
        desk.stopping.set()
        pool.shutdown(wait=True)
        sending.join()
    database.dispose()
    desk.log.info("scheduler stopped")


if __name__ == "__main__":
    main()
