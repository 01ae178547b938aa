"""Influence: creators who engage with a creator, and those the creator engages with, both of them enrolled.

Engagers are kept as keyed hashes; who of them is enrolled shows only by sealing the accounts that are. So this asks
for work in proportion to the creators of a network, and is kept nowhere.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ledger import db, events
from ledger.db import Reading, Row
from ledger.memory import faded_count
from ledger.queries import Shelf

_OWN = "t.acts > t.answers"  # an answer is what the creator did
_HERE_SQL = f"SELECT t.engager, t.acts, t.answers, t.day FROM tie t WHERE t.creator_id = ? AND t.meter = ? AND {_OWN}"
_THERE_SQL = (
    "SELECT t.creator_id, t.acts, t.answers, t.day FROM {keys} CROSS JOIN book b CROSS JOIN tie t"
    " WHERE b.meter = k.c0 AND t.creator_id = b.creator_id AND t.meter = b.meter AND t.engager = k.c1"
    f" AND {_OWN}"
)
_SHELVES_SQL = (
    "SELECT c.creator_id, c.visibility, b.meter FROM {keys} CROSS JOIN creator c JOIN book b"
    " ON b.creator_id = c.creator_id WHERE c.creator_id = k.c0 ORDER BY c.creator_id, b.meter"
)


@dataclass(frozen=True, slots=True)
class Influence:
    """Enrolled creators by id, those with most acts that are not forgotten first."""

    influencers: tuple[str, ...]
    influencees: tuple[str, ...]


def influence(
    session: Reading, *, creator_id: str, meters: Sequence[str], pepper: bytes, day: int, half_life_days: int
) -> Influence:
    """Whom a creator engages with, and who engages with the creator, on these networks. `day` is today."""
    there: list[Row] = []
    here: list[Row] = []
    sql = "SELECT external_id FROM account WHERE network = ? AND creator_id = ?"
    for meter in meters:
        network = meter.removeprefix("network:")
        own = [(meter, events.seal(pepper, row[0])) for row in db.fetch(session, sql, (network, creator_id))]
        there += db.fetch_keyed(session, _THERE_SQL, ("text", "text"), own)
        here += _engagers(session, creator_id, meter, network, pepper)
    ranked = [_ranked(creator_id, rows, day, half_life_days) for rows in (there, here)]
    return Influence(*ranked)


def _engagers(session: Reading, creator_id: str, meter: str, network: str, pepper: bytes) -> list[Row]:
    """The ties of a book, under the ids of those engagers who are enrolled."""
    ties = {row[0]: row[1:] for row in db.fetch(session, _HERE_SQL, (creator_id, meter))}
    if not ties:
        return []
    rows = db.fetch(session, "SELECT external_id, creator_id FROM account WHERE network = ?", (network,))
    owners = ((events.seal(pepper, external_id), owner) for external_id, owner in rows)
    return [(owner, *ties[sealed]) for sealed, owner in owners if sealed in ties]


def _ranked(creator_id: str, rows: Sequence[Row], day: int, half_life_days: int) -> tuple[str, ...]:
    acts: dict[str, int] = {}
    for other, told, answers, since in rows:
        if other != creator_id:
            acts[other] = acts.get(other, 0) + faded_count(told - answers, day - since, half_life_days)
    return tuple(sorted(acts, key=lambda other: (-acts[other], other)))


def shelves(session: Reading, creator_ids: Collection[str]) -> dict[str, Shelf]:
    """Which books these creators have, and who may see them."""
    rows = db.fetch_keyed(session, _SHELVES_SQL, ("id",), [(creator_id,) for creator_id in sorted(creator_ids)])
    found: dict[str, Shelf] = {}
    for creator_id, visibility, meter in rows:
        before = found[creator_id].meters if creator_id in found else ()
        found[creator_id] = Shelf(creator_id, visibility, (*before, meter))
    return found
