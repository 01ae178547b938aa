"""Rate limits: what counting a request against its key's quota costs, beside the same request uncounted.

Both sides are in-process WSGI calls of GET balance, in turn; the counted side takes its slices from the database as it
does in service. Ends with 1 where counting costs more than its aim.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from flask import Flask
from pydantic import SecretStr

from api import create_app, limits
from bench import PEPPER, engines, machine, median_ratio, show
from bench.reads import caller, clock, cpu_of, fill, named, paths_of, unlogged
from ledger import keys
from ledger.db import Database
from ledger.keys import Key
from ledger.settings import Settings

AIM_US = 10
CALLS = 60_000
HEAD = ("", "µs a request", "counted µs", "uncounted µs", "times")


def main() -> None:
    """Measure each engine and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=7)
    rounds = options.parse_args().rounds
    rows, missed = [], []
    for engine in engines():
        database = Database(engine.url)
        key = fill(database)
        secret = SecretStr(PEPPER)
        app = create_app(Settings(database_url=engine.url, pepper=secret, signing_key=secret, limit_read=10**6))
        held = read_key(database, key)
        alone = statistics.median(count(app, held, number) for number in range(rounds))
        pairs = in_process(app, key, named(database)["by UUID"], rounds)
        with_it, without = (1e6 * statistics.median(side) for side in zip(*pairs, strict=True))
        rows.append((engine.name, f"{alone:.2f}", f"{with_it:.0f}", f"{without:.0f}", f"{median_ratio(pairs):.3f}"))
        missed += [engine.name] if alone > AIM_US else []
        database.dispose()
    show(f"Counting a request ({machine()}; medians of {rounds} rounds)", HEAD, rows)
    if missed:
        raise SystemExit(f"above the aim of {AIM_US} µs: {', '.join(missed)}")


def read_key(database: Database, secret: str) -> Key:
    """The key that a secret belongs to."""
    with database.reading() as session:
        found = keys.find(session, secret=secret, pepper=PEPPER.encode(), now_us=clock())
    if found is None:
        raise SystemExit("the key that was made is not there")
    return found


def count(app: Flask, key: Key, number: int) -> float:
    """Microseconds of all that counting does for a request, slices included, the wait for the disk too."""
    key = replace(key, key_id=f"{number:036}")
    with app.app_context():
        start = time.perf_counter()
        for _ in range(CALLS):
            limits.spend(key, {"REQUEST_METHOD": "GET"}, None)
        return (time.perf_counter() - start) / CALLS * 1e6


def in_process(app: Flask, key: str, names: list[str], rounds: int) -> list[tuple[float, float]]:
    """CPU seconds of a read (counted, uncounted), a pair a round."""
    call = caller(app, key)
    pairs = []
    with unlogged():
        for number in range(-2, 2 * rounds, 2):  # the first round warms up; whoever is read twice is remembered
            counted = _spending(limits.spend, lambda: cpu_of(call, paths_of(names, number)))  # noqa: B023
            uncounted = _spending(_uncounted, lambda: cpu_of(call, paths_of(names, number + 1)))  # noqa: B023
            if number >= 0:
                pairs.append((counted, uncounted))
    return pairs


def _spending(how: Callable[..., Any], work: Callable[[], float]) -> float:
    counted, limits.spend = limits.spend, how
    try:
        return work()
    finally:
        limits.spend = counted


def _uncounted(*_: object) -> None:
    """Nothing is counted."""


if __name__ == "__main__":
    main()
