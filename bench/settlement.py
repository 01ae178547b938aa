"""Settlement of 100,000 books for a day, beside a bare UPDATE of the same rows on the same engine.

The bare side is one statement that multiplies the balances of every book and commits: no entries, no hashes, no
sequence. Ends with 1 where settling takes more than six times as long.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator

from bench import NETWORK, SCHEDULE, Engine, engines, machine, median_ratio, now_us, show, timed
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
        pairs = measured(engine, books=given.books, rounds=given.rounds)
        ratio = median_ratio(pairs)
        worst = max(worst, ratio)
        settled, bare = (sorted(side)[len(pairs) // 2] for side in zip(*pairs, strict=True))
        lines.append((engine.name, f"{settled:.2f}", f"{bare:.2f}", f"{ratio:.1f}", f"{given.books / settled:,.0f}"))
    head = ("", "settle s", "bare UPDATE s", "times", "books/s")
    show(f"A day of {given.books:,} books ({machine()}; medians of {given.rounds} rounds)", head, lines)
    if worst > MOST:
        raise SystemExit(f"above {MOST} times")


def measured(engine: Engine, *, books: int, rounds: int) -> list[tuple[float, float]]:
    """Seconds of (settling, bare update), a pair a round."""
    database, bare = Database(engine.url), Database(engine.twin())
    today = now_us() // DAY_US
    rows = list(made_up(books, day=today - rounds))
    for filled in (database, bare):
        filled.write(lambda session: db.insert(session, BOOK, rows))
    pairs = []
    for day in range(today - rounds + 1, today + 1):
        settle = timed(lambda day=day: settled(database, day, books))  # type: ignore[misc]
        update = timed(lambda day=day: bare.write(lambda session: updated(session, day, books)))  # type: ignore[misc]
        pairs.append((settle, update))
    database.dispose()
    bare.dispose()
    return pairs


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


def updated(session: Session, day: int, books: int) -> None:
    """Update the same rows with nothing but the engine."""
    done = db.execute(session, BARE, (day - 1,))
    if done != books:
        raise SystemExit(f"updated {done} of {books} books")


if __name__ == "__main__":
    main()
