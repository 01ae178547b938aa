"""Finding: a page of creators out of 100,000, beside a read of the very same creators by their primary keys.

Pages are the first five. Then the night: listing creators anew, beside working out their balances alone. Ends with 1
where a page of which nothing is asked but its order takes more than its aim.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
from collections.abc import Callable, Iterator
from functools import partial

from bench import SCHEDULE, Engine, engines, machine, median_ratio, now_us, show, timed
from bench.posting import enrol
from ledger import db, finding, listings, queries
from ledger.db import Database, Session
from ledger.economy import DAY_US
from ledger.events import CreatorRef
from ledger.finding import Place, Search
from tests.test_finding import MANY, SEARCHES, crowd

AIM = 2.5
LIMIT = 50
PAGES = 5
LISTED = 5_000
HEAD = ("", "ms a page", "by key", "times")
_BY_KEY = (
    "SELECT l.points, l.creator_id, l.points, l.followers, l.day FROM {keys} CROSS JOIN listing l"
    " WHERE l.creator_id = k.c0 AND l.network = k.c1 AND l.topic = k.c2"
)


def main() -> None:
    """Measure each engine and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=15)
    options.add_argument("--engine", choices=("sqlite", "postgresql"), action="append")
    given = options.parse_args()
    missed, nights = [], []
    for engine in engines(given.engine or ("sqlite", "postgresql")):
        database = Database(engine.url)
        nights.append(night(engine, database))
        crowd(database)
        lines = []
        for name, search in SEARCHES.items():
            pairs = measured(database, search, rounds=given.rounds)
            if not pairs:
                continue
            ratio, asks = median_ratio(pairs), finding._walk(search).refuses  # noqa: SLF001
            ours, bare = (1e3 * statistics.median(side) for side in zip(*pairs, strict=True))
            lines.append((f"{name}{' *' if asks else ''}", f"{ours:.2f}", f"{bare:.2f}", f"{ratio:.2f}"))
            missed += [f"{engine.name} {name}"] if ratio > AIM and not asks else []
        show(f"{engine.name}: {LIMIT} creators of {MANY:,} ({machine()}; medians, pages 1 to {PAGES})", HEAD, lines)
        database.dispose()
    print("\n* each row is asked besides, 10,000 a page at most")
    show(f"A night, {LISTED:,} creators", ("", "µs a creator", "their balances alone", "times"), nights)
    if missed:
        raise SystemExit(f"above the aim: {', '.join(missed)}")


def measured(database: Database, search: Search, *, rounds: int) -> list[tuple[float, float]]:
    """Seconds of (a page, the same creators by key), round by round, over the first pages."""
    pairs: list[tuple[float, float]] = []
    for after in itertools.islice(places(database, search), PAGES):
        for _ in range(rounds):
            page = partial(finding.find, search=search, after=after, limit=LIMIT)
            keys = [(one.creator_id, search.network, search.topic) for one in database.read(page).found]
            if not keys:
                return pairs
            pair = timed(lambda: database.read(page)), timed(lambda: database.read(partial(by_key, keys=keys)))  # noqa: B023
            pairs.append(pair)
    return pairs


def places(database: Database, search: Search) -> Iterator[Place | None]:
    """Where each page of a search begins."""
    after: Place | None = None
    while True:
        yield after
        after = database.read(partial(finding.find, search=search, after=after, limit=LIMIT)).following
        if after is None:
            return


def by_key(reader: db.Reading, keys: list[tuple[str, str, str]]) -> object:
    """The same creators with the same details, by their keys."""
    return finding._shown(reader, db.fetch_keyed(reader, _BY_KEY, ("id", "text", "text"), keys))  # noqa: SLF001


def night(engine: Engine, database: Database) -> tuple[str, str, str, str]:
    """What listing creators takes beside working out their balances: medians of five nights."""
    database.write(lambda session: enrol(session, LISTED))
    database.write(lambda session: db.execute(session, "UPDATE creator SET visibility = 'public', findable = TRUE"))
    with database.reading() as session:
        refs = [CreatorRef(creator_id=row[0]) for row in db.fetch(session, "SELECT creator_id FROM creator")]
    pairs = []
    for ahead in range(5):
        at_us = now_us() + ahead * DAY_US
        listed = partial(listings.relist, database, day=at_us // DAY_US, clock=lambda: at_us, schedule=SCHEDULE)  # noqa: B023
        pairs.append((timed(listed), timed(looked_up(database, refs, at_us))))
    for table in ("listing", "listing_stick"):
        database.write(partial(emptied, table=table))
    ours, bare = (1e6 * statistics.median(side) / LISTED for side in zip(*pairs, strict=True))
    return engine.name, f"{ours:.0f}", f"{bare:.0f}", f"{median_ratio(pairs):.1f}"


def looked_up(database: Database, refs: list[CreatorRef], at_us: int) -> Callable[[], object]:
    """The same creators' balances, in chunks as large."""

    def look_up() -> None:
        for start in range(0, LISTED, listings.CHUNK):
            chunk = refs[start : start + listings.CHUNK]
            database.read(partial(queries.lookup, creators=chunk, now_us=at_us, schedule=SCHEDULE))

    return look_up


def emptied(session: Session, *, table: str) -> None:
    """Take every row of a table away."""
    db.execute(session, f"DELETE FROM {table}")


if __name__ == "__main__":
    main()
