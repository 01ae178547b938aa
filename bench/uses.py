"""When keys were last used: what a request pays for it, and what writing it costs, on each engine."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

from bench import PEPPER, engines, machine, now_us, show
from ledger import keys
from ledger.db import Database
from ledger.keys import Key
from ledger.uses import EVERY_US, Uses

NOTES, KEYS = 100_000, 200
HEAD = ("", "µs, written already", "µs, to be written", "ms to write one", f"ms to write {KEYS}")


def main() -> None:
    """Measure each engine and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=7)
    rounds = options.parse_args().rounds
    rows = []
    for engine in engines():
        database = Database(engine.url)
        made = [make(database) for _ in range(KEYS)]
        measured = [measure(database, made, now_us() + number * 2 * EVERY_US) for number in range(rounds)]
        figures = [f"{statistics.median(side):.2f}" for side in zip(*measured, strict=True)]
        rows.append((engine.name, *figures))
        database.dispose()
    show(f"Last use of keys ({machine()}; medians of {rounds} rounds)", HEAD, rows)


def make(database: Database) -> Key:
    """A key that was never used."""
    told = partial(keys.create, role="brand", owner="bench", pepper=PEPPER.encode(), now_us=now_us())
    _, key_id = database.write(told)
    return database.read(partial(keys.get, key_id=key_id))


def measure(database: Database, made: list[Key], at_us: int) -> tuple[float, float, float, float]:
    """What is in HEAD, once."""
    uses = Uses(database)
    gathered = timed(partial(uses.note, made[0], now_us=at_us), NOTES) * 1e6
    one = timed(uses.write, 1) * 1e3
    fresh = database.read(partial(keys.get, key_id=made[0].key_id))
    passed = timed(partial(uses.note, fresh, now_us=at_us), NOTES) * 1e6
    for key in made:
        uses.note(key, now_us=at_us + 1)
    return passed, gathered, one, timed(uses.write, 1) * 1e3


def timed(work: Callable[[], object], times: int) -> float:
    """Seconds that one call takes."""
    start = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - start) / times


if __name__ == "__main__":
    main()
