"""Rate limits: what counting a request against its key's quota costs, beside the same request uncounted.

Both sides are in-process WSGI calls of GET balance, in turn; the counted side takes its slices from the database as it
does in service. Ends with 1 where counting costs more than its aim.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

from pydantic import SecretStr

from api import create_app, limits
from bench import PEPPER, engines, machine, median_ratio, show
from bench.reads import caller, clock, cpu_of, fill, named, paths_of, unlogged
from ledger.db import Database
from ledger.quotas import Quotas
from ledger.settings import Settings

AIM_US = 10
CALLS = 60_000
HEAD = ("", "µs a count", "counted µs", "uncounted µs", "times")


def main() -> None:
    """Measure each engine and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=7)
    rounds = options.parse_args().rounds
    rows, missed = [], []
    for engine in engines():
        database = Database(engine.url)
        key = fill(database)
        alone = statistics.median(count(database, number) for number in range(rounds))
        pairs = in_process(engine.url, key, named(database)["by UUID"], rounds)
        with_it, without = (1e6 * statistics.median(side) for side in zip(*pairs, strict=True))
        rows.append((engine.name, f"{alone:.2f}", f"{with_it:.0f}", f"{without:.0f}", f"{median_ratio(pairs):.3f}"))
        missed += [engine.name] if alone > AIM_US else []
        database.dispose()
    show(f"Counting a request ({machine()}; medians of {rounds} rounds)", HEAD, rows)
    if missed:
        raise SystemExit(f"above the aim of {AIM_US} µs: {', '.join(missed)}")


def count(database: Database, number: int) -> float:
    """Microseconds of a count, slices and their transactions included, the wait for the disk too."""
    quotas, now_us = Quotas(database), clock()
    start = time.perf_counter()
    for _ in range(CALLS):
        quotas.spend(f"bench:{number}", limit=CALLS, now_us=now_us)
    return (time.perf_counter() - start) / CALLS * 1e6


def in_process(url: str, key: str, names: list[str], rounds: int) -> list[tuple[float, float]]:
    """CPU seconds of a read (counted, uncounted), a pair a round."""
    secret = SecretStr(PEPPER)
    app = create_app(Settings(database_url=url, pepper=secret, signing_key=secret, limit_read=10**6))
    call = caller(app, key)
    pairs = []
    with unlogged():
        for number in range(-1, rounds):  # the first round warms up
            paths = paths_of(names, number)
            pair = tuple(_spending(how, lambda: cpu_of(call, paths)) for how in (limits.spend, _uncounted))  # noqa: B023
            if number >= 0:
                pairs.append((pair[0], pair[1]))
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
