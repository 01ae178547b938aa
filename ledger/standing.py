"""The standing of engagers, found anew every night for every network in which partners attested accounts.

A process keeps the graph of a network between nights and reads only the ties that changed. Sums over all ties tell
whether its copy is what the database holds (ties may have been erased, or filled in with days long past); if not, it
reads all of them. Standings are written in chunks and the figure of the network last, so that a night that was cut
short leaves those of the night before in use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import orjson

from ledger import attestations, db, events, graph, tables
from ledger.attestations import FIGURES
from ledger.db import Database, Row, Session
from ledger.economy import PPM
from ledger.graph import Graph, Standings, Totals
from ledger.ids import NIL
from ledger.policy import Policy

STANDING = tables.Standing.__table__  # type: ignore[attr-defined]
FIGURE = tables.Figure.__table__  # type: ignore[attr-defined]

JOB = "standing"
PAGE = 50_000
CHUNK = 10_000
MOST = 1_000_000 * PPM
TOTALS = ", ".join(f"COALESCE(CAST(SUM({column}) AS BIGINT), 0)" for column in ("acts", "answers", "day"))


@dataclass(slots=True)
class Kept:
    """A network's graph, and the day on which it was last read."""

    graph: Graph = field(default_factory=Graph)
    day: int = -1


@dataclass(slots=True)
class Graphs:
    """What a process keeps between nights, by network."""

    kept: dict[str, Kept] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """What a night found in all: networks, accounts that standing reached, and ties let go of."""

    networks: int = 0
    accounts: int = 0
    forgotten: int = 0


@dataclass(frozen=True, slots=True)
class Night:
    """One night's run: which day it is for, and what it works with. `progress` is told of rows as they are done.

    `pepper` is asked for only where somebody is attested.
    """

    database: Database
    day: int
    policy: Policy
    pepper: Callable[[], bytes]
    clock: Callable[[], int]
    progress: Callable[[int], None] = lambda _: None


def refresh(night: Night, graphs: Graphs) -> Found:
    """Find the standing of every engager of every network, and put it in use."""
    with night.database.reading() as session:
        wanted = attestations.networks(session)
        ended = [network for network in in_use(session) if network not in wanted]
    for network in ended:
        graphs.kept.pop(network, None)
        _withdraw(night.database, network)
    accounts = forgotten = 0
    for network in wanted:
        found, gone = _refresh(night, network, graphs.kept.setdefault(network, Kept()))
        accounts, forgotten = accounts + found.accounts, forgotten + gone
    return Found(len(wanted), accounts, forgotten)


def _refresh(night: Night, network: str, kept: Kept) -> tuple[Standings, int]:
    began_us = night.clock()
    same, attested = _load(night, network, kept)
    faded = kept.graph.forget(day=night.day, policy=night.policy)
    edges = kept.graph.edges(day=night.day, policy=night.policy, same=same)
    named = {same.get(engager, engager) for engager in attested}
    found = graph.standings(edges, attested=named, policy=night.policy)
    gone = _forget(night, network, faded)
    _write(night, network, list(_rows(network, found, same, night.day)))
    told = {
        "accounts": found.accounts,
        "edges": found.edges,
        "attested": len(attested),
        "active": found.attested,
        "seconds": round((night.clock() - began_us) / 1_000_000, 3),
    }
    _conclude(night, network, orjson.dumps(told).decode())
    return found, gone


def in_use(session: db.Reading) -> list[str]:
    """The networks that have standings in use."""
    rows = db.fetch(session, "SELECT name FROM figure WHERE name LIKE ? ORDER BY name", (f"{FIGURES}%",))
    return [name.removeprefix(FIGURES) for (name,) in rows]


def read(session: Session, network: str, *, kept: Kept, day: int) -> None:
    """Bring a graph up to what the database holds: by what changed since its day, or by reading all of it.

    Both see one moment, so give it a snapshot.
    """
    meter = f"network:{network}"
    for rows in _pages(session, meter, since=kept.day):
        kept.graph.take(rows)
    totals = db.fetch(session, f"SELECT COUNT(*), {TOTALS} FROM tie WHERE meter = ?", (meter,))
    if Totals(*totals[0]) != kept.graph.totals():
        kept.graph = Graph()
        for rows in _pages(session, meter, since=-1):
            kept.graph.take(rows)
    kept.day = day


def _pages(session: Session, meter: str, *, since: int) -> Iterator[list[Row]]:
    """Ties (creator, engager, acts, answers, day) of a meter that changed on a day or later, page by page."""
    creator_id, engager = NIL, ""
    while True:
        rows = db.fetch(
            session,
            "SELECT creator_id, engager, acts, answers, day FROM tie"
            " WHERE meter = ? AND day >= ? AND (creator_id, meter, engager) > (?, ?, ?)"
            " ORDER BY creator_id, meter, engager LIMIT ?",
            (meter, since, creator_id, meter, engager, PAGE),
        )
        yield rows
        if len(rows) < PAGE:
            return
        creator_id, engager = rows[-1][:2]


def _load(night: Night, network: str, kept: Kept) -> tuple[dict[str, str], list[str]]:
    """Bring the graph up to date. Gives whose each creator's account is, and the attested accounts, all sealed."""
    with night.database.snapshot() as session:
        read(session, network, kept=kept, day=night.day)
        accounts = db.fetch(session, "SELECT external_id, creator_id FROM account WHERE network = ?", (network,))
        attested = attestations.engagers(session, network=network)
    pepper = night.pepper()
    return {events.seal(pepper, external_id): creator_id for external_id, creator_id in accounts}, attested


def _rows(network: str, standings: Standings, same: Mapping[str, str], day: int) -> Iterator[Row]:
    """A row for every account with standing; all accounts of a creator have the creator's.

    A creator's own name is an id with hyphens, an engager's a keyed hash without.
    """
    engagers = [(name, name) for name in standings.scores if "-" not in name]
    for engager, name in sorted([*engagers, *same.items()]):
        if relative := min(standings.relative(name), MOST):
            yield network, engager, relative, day


def _forget(night: Night, network: str, faded: Sequence[tuple[str, str, int]]) -> int:
    """Delete ties that faded away, unless they were renewed meanwhile. Returns how many."""
    sql = "DELETE FROM tie WHERE (creator_id, meter, engager, day) IN (SELECT c0, c1, c2, c3 FROM {keys}) RETURNING day"
    types, gone = ("id", "text", "text", "int"), 0
    for chunk in _chunks(faded):
        keys = [(creator_id, f"network:{network}", engager, day) for creator_id, engager, day in chunk]
        gone += len(night.database.write(partial(db.fetch_keyed, sql=sql, types=types, keys=keys)))
        night.progress(len(chunk))
    return gone


def _write(night: Night, network: str, rows: Sequence[Row]) -> None:
    """Replace a network's standings, chunk by chunk; those found no more go last."""
    for chunk in _chunks(rows):
        night.database.write(partial(db.upsert, table=STANDING, rows=chunk))
        night.progress(len(chunk))
    _clear(night.database, network, before=night.day)


def _clear(database: Database, network: str, *, before: int) -> None:
    sql = (
        "DELETE FROM standing WHERE network = ? AND engager IN"
        " (SELECT engager FROM standing WHERE network = ? AND day < ? LIMIT ?)"
    )
    while database.write(partial(db.execute, sql=sql, params=(network, network, before, CHUNK))):
        pass


def _conclude(night: Night, network: str, told: str) -> None:
    """Say what was found. Posting takes standings into account from here on."""
    row = (f"{FIGURES}{network}", night.day, told)
    night.database.write(partial(db.upsert, table=FIGURE, rows=[row]))


def _withdraw(database: Database, network: str) -> None:
    """Nobody is attested any more: everyone counts as where nobody ever was."""
    sql = "DELETE FROM figure WHERE name = ?"
    database.write(partial(db.execute, sql=sql, params=(f"{FIGURES}{network}",)))
    _clear(database, network, before=MOST)


def _chunks(rows: Sequence[Row]) -> Iterable[Sequence[Row]]:
    return (rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK))
