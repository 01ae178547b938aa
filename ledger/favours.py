"""Returned favours: creators who engage with each other. Found every night; each of their acts then counts half.

A platform may say so with the act; where it does not, the ties do. Answering a fan is no favour returned.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ledger import db, events
from ledger.db import Database, Reading

CHUNK = 10_000
TYPES = ("id", "text", "text")
_BETWEEN = (
    "SELECT t.creator_id, t.engager, t.acts > t.answers, t.mutual FROM tie t"
    " WHERE t.engager IN (SELECT c0 FROM {keys}) AND t.meter = ?"
)
_TURN = (
    "UPDATE tie SET mutual = NOT mutual WHERE (creator_id, meter, engager) IN (SELECT c0, c1, c2 FROM {keys})"
    " AND mutual = ? RETURNING engager"
)


def refresh(database: Database, *, pepper: bytes, progress: Callable[[int], object] = lambda _: None) -> int:
    """Mark the ties of creators who engage with each other, and unmark those who no longer do. Returns how many."""
    with database.reading() as session:
        networks = [row[0] for row in db.fetch(session, "SELECT DISTINCT network FROM account ORDER BY network")]
    changed = 0
    for network in networks:
        with database.snapshot() as session:
            on, off = _turned(session, network, pepper)
        for mark, ties in ((True, on), (False, off)):
            for start in range(0, len(ties), CHUNK):
                keys = [(*tie[:1], f"network:{network}", tie[1]) for tie in ties[start : start + CHUNK]]
                work = partial(db.fetch_keyed, sql=_TURN, types=TYPES, keys=keys, params=(not mark,))
                changed += len(database.write(work))
                progress(len(keys))
    return changed


Ties = list[tuple[str, str]]


def _turned(session: Reading, network: str, pepper: bytes) -> tuple[Ties, Ties]:
    """The ties (creator, engager) of a network that have become mutual, and those that are so no longer."""
    rows = db.fetch(session, "SELECT external_id, creator_id FROM account WHERE network = ?", (network,))
    owner = {events.seal(pepper, external_id): creator_id for external_id, creator_id in rows}
    between = db.fetch_keyed(session, _BETWEEN, ("text",), [(name,) for name in sorted(owner)], (f"network:{network}",))
    engaged = {(creator, owner[engager]) for creator, engager, own_acts, _ in between if own_acts}
    found: tuple[Ties, Ties] = ([], [])
    for creator, engager, _, mutual in between:
        if bool(mutual) is not (now := _both(engaged, creator, owner[engager])):
            found[0 if now else 1].append((creator, engager))
    return found


def _both(engaged: set[tuple[str, str]], one: str, other: str) -> bool:
    return one != other and (one, other) in engaged and (other, one) in engaged
