"""Reads: GET balance beside a bare Flask view that reads the same row by the driver.

So many creators are read at random that most reads are of one whom the process does not remember.

In process, what counts is CPU: both applications are called as WSGI, with a key to check on our side and none on the
other's. Requests a second under gunicorn are for information: on small machines they swing. Ends with 1 where the CPU
of a read is above its aim.
"""

from __future__ import annotations

import argparse
import io
import os
import random
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from flask import Flask
from pydantic import SecretStr
from werkzeug.test import EnvironBuilder

from api import create_app
from bench import (
    NETWORK,
    PEPPER,
    SCHEDULE,
    Client,
    Engine,
    engines,
    key_of,
    machine,
    median_ratio,
    serving,
    show,
    timed,
)
from bench.posting import enrol, made_up
from bench.twin import create_app as create_twin
from ledger import db, events, posting, queries
from ledger.db import Database
from ledger.settings import Settings

AIMS = {"SQLite": 2.5, "PostgreSQL": 2.0}
READS = 2_000
CREATORS = 20_000
BATCH = 10_000
CONNECTIONS = 4


def main() -> None:
    """Measure each engine and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--engine", choices=("sqlite", "postgresql"), action="append")
    given = options.parse_args()
    cpu, rates, missed = [], [], []
    for engine in engines(given.engine or ("sqlite", "postgresql")):
        database = Database(engine.url)
        key = fill(database)
        for how, names in named(database).items():
            pairs = in_process(engine, key, names, rounds=given.rounds)
            ratio = median_ratio(pairs)
            missed += [f"{engine.name} {how}"] if ratio > AIMS[engine.name.split()[0]] else []
            ours, bare = (1e6 * statistics.median(side) for side in zip(*pairs, strict=True))
            cpu.append((f"{engine.name} {how}", f"{ours:.0f}", f"{bare:.0f}", f"{ratio:.2f}"))
        rates.append((engine.name, *(f"{under_gunicorn(engine, key, names, app):,.0f}" for app in APPS)))
        database.dispose()
    print(f"{CREATORS:,} creators, {READS:,} read at random a round; a process keeps {queries.KEPT:,} balances")
    show(f"CPU of a GET balance ({machine()}; medians of {given.rounds} rounds)", CPU_HEAD, cpu)
    show(f"Requests a second under gunicorn, gthread, 2 workers, {CONNECTIONS} connections", RATES_HEAD, rates)
    if missed:
        raise SystemExit(f"above the aim: {', '.join(missed)}")


CPU_HEAD = ("", "µs", "bare µs", "times")
RATES_HEAD = ("", "GET balance", "bare view")
APPS = ("wsgi:app", "bench.twin:app")


def fill(database: Database) -> str:
    """Creators with something on their books; gives a key to read them with."""
    database.write(lambda session: enrol(session, CREATORS))
    told = [told_of(event) for event in made_up(3 * CREATORS, "r", about=CREATORS)]
    for start in range(0, len(told), BATCH):
        batch = told[start : start + BATCH]
        database.write(
            lambda session, batch=batch: posting.post(  # type: ignore[misc]
                session, events=batch, clock=clock, schedule=SCHEDULE
            )
        )
    return key_of(database)


def named(database: Database) -> dict[str, list[str]]:
    """Everyone's name in an address, by the network's own id and by ours."""
    with database.reading() as session:
        rows = db.fetch(session, "SELECT external_id, creator_id FROM account")
    return {"by network:id": [f"{NETWORK}:{row[0]}" for row in rows], "by UUID": [row[1] for row in rows]}


def clock() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1_000


def told_of(event: dict[str, Any]) -> events.NewEvent:
    """A made-up event, ready to be posted."""
    facts = {name: event[name] for name in ("creator", "external_ref", "kind", "facts")}
    return events.new_event(
        meter=None, source="bench", occurred_at_us=clock() - 1_000_000, pepper=PEPPER.encode(), **facts
    )


def in_process(engine: Engine, key: str, names: Sequence[str], *, rounds: int) -> list[tuple[float, float]]:
    """CPU seconds of a read of (ours, bare), a pair a round."""
    secret = SecretStr(PEPPER)
    settings = Settings(database_url=engine.url, pepper=secret, signing_key=secret, limit_read=10**9)
    ours, bare = caller(create_app(settings), key), caller(create_twin(engine.url), "")
    pairs = []
    with unlogged():
        for number in range(-1, rounds):  # the first round warms up
            paths = paths_of(names, number)
            pair = cpu_of(ours, paths), cpu_of(bare, paths)
            if number >= 0:
                pairs.append(pair)
    return pairs


@contextmanager
def unlogged() -> Iterator[None]:
    """The log is written all the same, but to nowhere."""
    kept = os.dup(2)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def paths_of(names: Sequence[str], seed: int) -> list[str]:
    """Whom to read, in an order that no cache was made for."""
    return [f"/v1/creators/{name}/balance" for name in random.Random(seed).choices(names, k=READS)]


def caller(app: Flask, key: str) -> Callable[[str], None]:
    """Calls a path of an application as a server would, and reads the answer to its end."""
    headers = [("Authorization", f"Bearer {key}")] if key else []
    environ = EnvironBuilder(headers=headers).get_environ()

    def call(path: str) -> None:
        status: list[str] = []
        given = environ | {"PATH_INFO": path, "wsgi.input": io.BytesIO(), "wsgi.errors": io.StringIO()}

        def started(told: str, *_: object) -> Callable[[bytes], object]:
            status.append(told)
            return io.BytesIO().write

        answer = app.wsgi_app(given, started)
        body = b"".join(answer)
        if hasattr(answer, "close"):
            answer.close()
        if not status[0].startswith("200") or not body:
            raise SystemExit(f"{path}: {status[0]} {body[:300]!r}")

    return call


def cpu_of(call: Callable[[str], None], paths: Sequence[str]) -> float:
    """CPU seconds of this process for one path."""
    start = time.process_time()
    for path in paths:
        call(path)
    return (time.process_time() - start) / len(paths)


def under_gunicorn(engine: Engine, key: str, names: Sequence[str], app: str) -> float:
    """Requests a second over several keep-alive connections."""
    with serving(engine.url, app=app) as port:
        rates = [CONNECTIONS * READS / timed(lambda: read_together(port, key, names)) for _ in range(3)]
    return statistics.median(rates)


def read_together(port: int, key: str, names: Sequence[str]) -> None:
    """Read over several connections at once."""
    threads = [
        threading.Thread(target=read_all, args=(port, key, paths_of(names, seed))) for seed in range(CONNECTIONS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def read_all(port: int, key: str, paths: Sequence[str]) -> None:
    """Read one after another over one connection."""
    with closing(Client(port, key)) as client:
        for request in [client.request("GET", path) for path in paths]:
            status, answer = client.send(request)
            if status != 200:
                raise SystemExit(f"status {status}: {answer[:300]!r}")


if __name__ == "__main__":
    main()
