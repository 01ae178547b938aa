"""Standing where there are a million ties: reading them cold and after a day's changes, PageRank, a night, memory.

The network is made from a seed: few creators have most of the followers, creators follow each other, one tie in ten
was answered. The bare side reads the same rows with the driver alone and keeps nothing. It all runs in a process of
its own, whose peak memory is told. Ends with 1 where a night that reads only what changed (1 %) takes more than half
as long as reading all of it, or memory passes its bound.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import resource
import statistics
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

from bench import FOUNDING, NETWORK, engines, machine, now_us, show, timed
from ledger import attestations, db, events, graph, standing, tables
from ledger.db import Database, Row
from ledger.economy import DAY_US, PPM

TIE = tables.Tie.__table__  # type: ignore[attr-defined]
CREATORS, ATTESTED = 10_000, 1_000
CHANGED = 0.01
MOST_WARM, MOST_MB = 0.5, 1_000
T = TypeVar("T")
PEPPER = b"pepper of the bench"
READ = "SELECT creator_id, engager, acts, answers, day FROM tie WHERE meter = ?"


class Measured(NamedTuple):
    """Seconds of each part, and megabytes: before anything was read, and at the peak."""

    bare: float
    cold: float
    warm: float
    edges: float
    rank: float
    night: float
    before_mb: float
    peak_mb: float
    ties: int
    accounts: int


def main() -> None:
    """Measure each engine and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--ties", type=int, default=1_000_000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--engine", choices=("sqlite", "postgresql"), action="append")
    given = options.parse_args()
    lines, missed = [], []
    for engine in engines(given.engine or ("sqlite",)):
        apart(fill, engine.url, given.ties)
        found = apart(measured, engine.url, given.rounds)
        lines += told(engine.name, found)
        if found.warm > MOST_WARM * found.cold or found.peak_mb > MOST_MB:
            missed.append(engine.name)
    show(f"Standing, {given.ties:,} ties ({machine()}; medians of {given.rounds} rounds)", ("", "", "beside"), lines)
    if missed:
        raise SystemExit(f"missed the aim: {', '.join(missed)}")


def apart(work: Callable[..., T], *told: object) -> T:
    """Run in a process of its own, so that its memory is its own."""
    with multiprocessing.get_context("spawn").Pool(1) as process:
        return process.apply(work, told)


def told(engine: str, found: Measured) -> list[tuple[str, str, str]]:
    """The lines of a table."""
    return [
        (f"{engine}: {found.ties:,} ties, accounts reached", f"{found.accounts:,}", ""),
        ("bare read of all rows", f"{found.bare:.2f} s", ""),
        ("cold: read all into the graph", f"{found.cold:.2f} s", f"{found.cold / found.bare:.1f} x bare"),
        (f"warm: read the {CHANGED:.0%} that changed", f"{found.warm:.2f} s", f"{found.warm / found.cold:.2f} of cold"),
        ("the graph's edges, decayed and in order", f"{found.edges:.2f} s", ""),
        ("PageRank", f"{found.rank:.2f} s", ""),
        ("a whole warm night, standings written", f"{found.night:.2f} s", ""),
        ("memory at the peak", f"{found.peak_mb:,.0f} MB", f"{found.before_mb:,.0f} MB before"),
    ]


def fill(url: str, ties: int) -> None:
    """A database with that many ties, and attested accounts among the fans."""
    database, today = Database(url), now_us() // DAY_US
    rows = sorted(made_up(ties, today))
    for start in range(0, len(rows), 50_000):
        database.write(lambda session, start=start: db.insert(session, TIE, rows[start : start + 50_000]))  # type: ignore[misc]
    fans = random.Random(2).sample(range(ties // 5), ATTESTED)
    attested = [(NETWORK, fan(number), "bench", 1) for number in fans]
    database.write(lambda session: db.insert(session, attestations.ATTESTATION, attested))
    accounts = [(NETWORK, f"creator {number}", creator(number), None) for number in range(CREATORS)]
    database.write(lambda session: db.insert(session, tables.Account.__table__, accounts))  # type: ignore[attr-defined]
    database.dispose()


def made_up(ties: int, today: int) -> Iterator[Row]:
    """Ties: one engager in six is a creator; the followers of a creator fall with its rank, steeply."""
    chance = random.Random(1)
    seen: set[tuple[int, int]] = set()
    while len(seen) < ties:
        who = chance.randrange(ties // 5)
        if chance.random() < 1 / 6:
            who = -1 - int(CREATORS * chance.random() ** 2)
        pair = int(CREATORS * chance.random() ** 3), who
        if pair in seen:
            continue
        seen.add(pair)
        engager = fan(who) if who >= 0 else events.seal(PEPPER, f"creator {-1 - who}")
        acts = chance.randrange(PPM // 2, 5 * PPM)
        answers = acts // 2 if chance.random() < 0.1 else 0
        yield creator(pair[0]), f"network:{NETWORK}", engager, acts, today - 1 - chance.randrange(150), answers, False


def creator(number: int) -> str:
    """A creator's id."""
    return f"00000000-0000-7000-8000-{number:012d}"


def fan(number: int) -> str:
    """A fan's keyed hash, made up."""
    return f"{number * 2_654_435_761 % 2**32:08x}{number:024x}"


def measured(url: str, rounds: int) -> Measured:
    """Run in a process of its own."""
    database, today = Database(url), now_us() // DAY_US
    before = peak_mb()
    parts: list[tuple[float, ...]] = []
    kept = standing.Kept()
    for number in range(rounds):
        kept = standing.Kept()
        day = today + 2 * number
        cold = timed(lambda kept=kept, day=day: read(database, kept, day))  # type: ignore[misc]
        bare = timed(lambda: read_bare(database))
        change(database, day)
        warm = timed(lambda kept=kept, day=day: read(database, kept, day + 1))  # type: ignore[misc]
        parts.append((bare, cold, warm, *ranked(database, kept, day)))
    graphs = standing.Graphs({NETWORK: kept})
    last = today + 2 * rounds
    change(database, last - 1)
    night = standing.Night(database, last, FOUNDING, lambda: PEPPER, now_us)
    accounts = 0
    seconds = timed(lambda: standing.refresh(night, graphs))
    with database.reading() as session:
        accounts = int(db.fetch(session, "SELECT COUNT(*) FROM standing")[0][0])
    database.dispose()
    bare, cold, warm, edges, rank = (statistics.median(part) for part in zip(*parts, strict=True))
    return Measured(bare, cold, warm, edges, rank, seconds, before, peak_mb(), len(kept.graph.keys), accounts)


def read(database: Database, kept: standing.Kept, day: int) -> None:
    """Bring a graph up to date."""
    with database.snapshot() as session:
        standing.read(session, NETWORK, kept=kept, day=day)


def read_bare(database: Database) -> None:
    """The same rows by the driver alone, kept by nobody."""
    with database.snapshot() as session:
        cursor = db.cursor_of(session)
        cursor.execute(READ.replace("?", "?" if database.is_sqlite else "%s"), (f"network:{NETWORK}",))
        while cursor.fetchmany(standing.PAGE):
            pass


def change(database: Database, day: int) -> None:
    """What a day does to a share of the ties."""
    chosen = "substr(engager, 3, 2) IN ('00', '7f', 'c3')"  # three of 256
    sql = f"UPDATE tie SET acts = acts + 1000, day = ? WHERE meter = ? AND {chosen}"
    database.write(lambda session: db.execute(session, sql, (day, f"network:{NETWORK}")))


def ranked(database: Database, kept: standing.Kept, day: int) -> tuple[float, float]:
    """Seconds of making the edges, and of PageRank."""
    with database.reading() as session:
        attested = attestations.engagers(session, network=NETWORK)
    same = {events.seal(PEPPER, f"creator {number}"): creator(number) for number in range(CREATORS)}
    made: list[graph.Edges] = []
    edges = timed(lambda: made.append(kept.graph.edges(day=day + 1, policy=FOUNDING, same=same)))
    rank = timed(lambda: graph.standings(made[0], attested=attested, policy=FOUNDING))
    return edges, rank


def peak_mb() -> float:
    """The most memory that this process held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
