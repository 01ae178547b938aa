"""Posting: events a second over HTTP, by batches of 10,000 lines and one by one, beside the bare engine.

The bare side makes the very rows that the batch left (event, entry, book, tally, tie) durable in empty tables with
the same indexes: executemany with the service's own pragmas on SQLite, COPY of text made beforehand on PostgreSQL.
One by one it does what a single event needs, a transaction each. Ends with 1 where batches miss their aims.
"""

from __future__ import annotations

import argparse
import random
import statistics
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

import orjson

from bench import NETWORK, Client, Engine, engines, key_of, machine, median_ratio, now_us, serving, show, timed
from bench.bare import Bare, rows_of
from ledger import creators
from ledger.creators import AccountOf
from ledger.db import Database, Session

AIMS = {"SQLite": 0.15, "PostgreSQL": 0.08}
CREATORS = 1_000
LINES = 10_000
SINGLES = 300
CONNECTIONS = 4
Event = dict[str, object]


def main() -> None:
    """Measure each engine and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--engine", choices=("sqlite", "postgresql"), action="append")
    given = options.parse_args()
    lines, missed = [], []
    for engine in engines(given.engine or ("sqlite", "postgresql")):
        batches, singles, several = measured(engine, rounds=given.rounds)
        share = 1 / median_ratio(batches)
        missed += [engine.name] if share < AIMS[engine.name.split()[0]] else []
        lines.append((f"{engine.name}, batches of {LINES:,}", *row(batches, LINES)))
        lines.append((f"{engine.name}, one by one", *row(singles, SINGLES)))
        each = CONNECTIONS * SINGLES / statistics.median(several)
        lines.append((f"{engine.name}, one by one, {CONNECTIONS} connections", f"{each:,.0f}", "", ""))
    head = ("", "events/s", "bare events/s", "share of bare")
    show(f"Posting over HTTP, {CREATORS:,} creators ({machine()}; medians of {given.rounds} rounds)", head, lines)
    if missed:
        raise SystemExit(f"below the aim: {', '.join(missed)}")


def row(pairs: list[tuple[float, float]], events: int) -> tuple[str, str, str]:
    """Medians of a side each, and of the ratio pair by pair."""
    ours, bare = (events / statistics.median(side) for side in zip(*pairs, strict=True))
    return f"{ours:,.0f}", f"{bare:,.0f}", f"{100 / median_ratio(pairs):.1f} %"


Pairs = list[tuple[float, float]]


def measured(engine: Engine, *, rounds: int) -> tuple[Pairs, Pairs, list[float]]:
    """Seconds of (ours, bare) by batch and one by one, and ours over several connections; a pair a round."""
    database = Database(engine.url)
    database.write(enrol)
    key = key_of(database)
    batches, singles, several = [], [], []
    with serving(engine.url) as port:
        for number in range(-1, rounds):  # the first round warms up
            with closing(Client(port, key)) as client:
                batch = ours_in_batch(client, f"b{number}-"), bare(engine, f"b{number}-")
                single = ours_one_by_one(client, f"s{number}-"), bare(engine, f"s{number}-", single=True)
            together = ours_together(port, key, f"t{number}")
            if number >= 0:
                batches.append(batch)
                singles.append(single)
                several.append(together)
    database.dispose()
    return batches, singles, several


def enrol(session: Session, count: int = CREATORS) -> None:
    """Those whom the events are about."""
    now = now_us()
    for number in range(count):
        account = AccountOf(NETWORK, f"c{number}", 50_000)
        creators.enrol(
            session, display_name="A", accounts=[account], consent_at_us=now, enrolled_by="bench", now_us=now
        )


def made_up(count: int, prefix: str, *, about: int = CREATORS) -> Iterator[Event]:
    """Mostly engagement by people who were never here before, some posts, some pitches."""
    chance = random.Random(prefix)
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    for number in range(count):
        kind = chance.choices(("engagement", "post", "pitch"), (94, 4, 2))[0]
        facts: Event = {}
        if kind == "engagement":
            acts = ("like", "follow", "share", "reply")
            facts = {"act": chance.choice(acts), "engager": f"{prefix}{number}"}
        elif kind == "pitch":
            facts = {"brand": "acme", "disclosure": "clear", "fit": "0.7"}
        yield {
            "creator": f"{NETWORK}:c{chance.randrange(about)}",
            "external_ref": f"{prefix}{number}",
            "kind": kind,
            "facts": facts,
            "occurred_at": now,
        }


def ours_in_batch(client: Client, prefix: str) -> float:
    """Seconds from sending a batch to having its answer."""
    body = b"\n".join(orjson.dumps(event) for event in made_up(LINES, prefix))
    request = client.request("POST", "/v1/events/batch", body, "application/x-ndjson")
    answers: list[tuple[int, bytes]] = []
    seconds = timed(lambda: answers.append(client.send(request)))
    status, answer = answers[0]
    posted = answer.count(b'"status":"posted"')
    if status != 200 or posted != LINES:
        raise SystemExit(f"status {status}, {posted} of {LINES} posted: {answer[:500]!r}")
    return seconds


def ours_one_by_one(client: Client, prefix: str) -> float:
    """Seconds for events sent one after another on one connection."""
    bodies = [orjson.dumps(event) for event in made_up(SINGLES, prefix)]
    requests = [client.request("POST", "/v1/events", body) for body in bodies]
    statuses: list[int] = []
    seconds = timed(lambda: statuses.extend(client.send(request)[0] for request in requests))
    if set(statuses) != {201}:
        raise SystemExit(f"statuses {set(statuses)}, expected 201 each")
    return seconds


def ours_together(port: int, key: str, prefix: str) -> float:
    """Seconds for as many events on each of several connections at once."""
    clients = [Client(port, key) for _ in range(CONNECTIONS)]
    work = [
        threading.Thread(target=ours_one_by_one, args=(client, f"{prefix}{name}-"))
        for name, client in zip("abcdefgh", clients, strict=False)
    ]

    def together() -> None:
        for thread in work:
            thread.start()
        for thread in work:
            thread.join()

    seconds = timed(together)
    for client in clients:
        client.close()
    return seconds


def bare(engine: Engine, prefix: str, *, single: bool = False) -> float:
    """Seconds for the bare engine to make the rows durable that the events with this prefix left."""
    with closing(Bare(engine.twin())) as twin:
        rows = rows_of(engine.url, prefix) if single else {}
        return timed(twin.one_by_one(rows) if single else twin.all_at_once(engine.url, prefix))


if __name__ == "__main__":
    main()
