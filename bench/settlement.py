"""Settlement of 100,000 books for a day, beside a bare UPDATE of the same rows on the same engine.

The bare side writes the very book rows that settling left, in one transaction by the driver alone: executemany on
SQLite, UPDATE FROM arrays made beforehand on PostgreSQL. It writes no entry, hashes nothing and reads nothing. For
scale, a second bare side has the engine multiply the balances itself, in one statement. Ends with 1 where settling
takes more than six times as long as writing the same rows.
"""

from __future__ import annotations

import argparse
import random
import statistics
from collections.abc import Iterator
from contextlib import closing
from functools import partial

from bench import NETWORK, SCHEDULE, Engine, engines, machine, median_ratio, now_us, show, timed
from bench.bare import Bare
from ledger import db, events, settlement
from ledger.books import BOOK, open_row
from ledger.db import Database, Row, Session
from ledger.economy import DAY_US, MICROS

MOST = 6.0
COLUMNS = [column.name for column in BOOK.columns]
BARE = (
    "UPDATE book SET version = version + 1, fresh = fresh * 992328 / 1000000, bedrock = bedrock * 999051 / 1000000,"
    " mending_pitch = mending_pitch * 977160 / 1000000, mending_breach = mending_breach * 992328 / 1000000,"
    " credits = credits * 992328 / 1000000, drains = drains * 992328 / 1000000, known = known * 992328 / 1000000,"
    " pitches = pitches * 977160 / 1000000, settled_through = settled_through + 1, opening = fresh + bedrock"
    " WHERE live AND settled_through <= ?"
)


def main() -> None:
    """Measure each engine and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--books", type=int, default=100_000)
    options.add_argument("--rounds", type=int, default=5)
    given = options.parse_args()
    lines, worst = [], 0.0
    for engine in engines():
        rounds = measured(engine, books=given.books, rounds=given.rounds)
        ours, same, inside = (statistics.median(side) for side in zip(*rounds, strict=True))
        ratio = median_ratio([(a, b) for a, b, _ in rounds])
        worst = max(worst, ratio)
        scale = median_ratio([(a, c) for a, _, c in rounds])
        seconds = (f"{side:.2f}" for side in (ours, same, inside))
        lines.append((engine.name, *seconds, f"{ratio:.1f}", f"{scale:.1f}", f"{given.books / ours:,.0f}"))
    head = ("", "settle s", "same rows s", "in SQL s", "times same rows", "times in SQL", "books/s")
    show(f"A day of {given.books:,} books ({machine()}; medians of {given.rounds} rounds)", head, lines)
    if worst > MOST:
        raise SystemExit(f"above {MOST} times")


def measured(engine: Engine, *, books: int, rounds: int) -> list[tuple[float, float, float]]:
    """Seconds of (settling, writing the same rows, multiplying in SQL), three a round."""
    database, twin_url = Database(engine.url), engine.twin()
    bare = Database(twin_url)
    today = now_us() // DAY_US
    rows = list(made_up(books, day=today - rounds))
    for filled in (database, bare):
        filled.write(lambda session: db.insert(session, BOOK, rows))
    found = []
    with closing(Bare(twin_url)) as twin:
        for day in range(today - rounds + 1, today + 1):
            ours = timed(partial(settled, database, day, books))
            inside = timed(partial(bare.write, partial(updated, day=day, books=books)))
            same = timed(twin.update_books(engine.url))
            found.append((ours, same, inside))
    database.dispose()
    bare.dispose()
    return found


def made_up(books: int, *, day: int) -> Iterator[Row]:
    """Live books with something in every pool."""
    chance = random.Random(1)
    for _ in range(books):
        row = dict(zip(COLUMNS, open_row(events.new_id(), f"network:{NETWORK}"), strict=True))
        amounts = {name: chance.randrange(1, 500) * MICROS for name in ("fresh", "bedrock", "credits", "drains")}
        mending = {name: chance.randrange(1, 20) * MICROS for name in ("mending_pitch", "mending_breach")}
        row |= amounts | mending | {"seq": 1, "head": bytes(32), "live": True, "known": 9 * MICROS}
        row |= {"settled_through": day, "recorded_at_us": day * DAY_US, "policy_version": SCHEDULE.at(0).version}
        yield tuple(row.values())


def settled(database: Database, day: int, books: int) -> None:
    """Settle a day as the job does."""
    done = settlement.settle(database, through_day=day, clock=now_us, schedule=SCHEDULE)
    if done != books:
        raise SystemExit(f"settled {done} of {books} books")


def updated(session: Session, *, day: int, books: int) -> None:
    """Update the same rows with nothing but the engine."""
    done = db.execute(session, BARE, (day - 1,))
    if done != books:
        raise SystemExit(f"updated {done} of {books} books")


if __name__ == "__main__":
    main()
