"""What is stored of a book as the audit reads it, and how it tells that a row is not what it has to be."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

import orjson

from ledger.db import Row
from ledger.economy import Pools, State
from ledger.kinds.base import Line

LAST_SEQ = 2**62
UNREADABLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, struct.error)


class EntryRow(NamedTuple):
    """An entry's columns in table order."""

    creator_id: str
    meter: str
    seq: int
    kind: str
    about: int | None
    event_id: str | None
    event_hash: bytes
    policy_version: str
    factors: str
    fresh: int
    bedrock: int
    mending_pitch: int
    mending_breach: int
    world: int
    fresh_after: int
    bedrock_after: int
    mending_pitch_after: int
    mending_breach_after: int
    credits_after: int
    drains_after: int
    known_after: int
    pitches_after: int
    settled_through: int
    recorded_at_us: int
    hash_version: int
    prev_hash: bytes
    hash: bytes


class EventRow(NamedTuple):
    """An event's columns in table order."""

    creator_id: str
    event_id: str
    source: str
    external_ref: str
    meter: str
    kind: str
    facts: str
    occurred_at_us: int
    received_at_us: int
    outcome: str
    digest: bytes
    salt: bytes
    hash: bytes


class Undone(NamedTuple):
    """The event that a reversal undoes, and the entries that it made."""

    event: EventRow
    entries: Sequence[Row]


class Wrong(Exception):
    """What is stored is not what it has to be. `seq` is the entry meant."""

    def __init__(self, seq: int, what: str) -> None:
        super().__init__(what)
        self.seq = seq
        self.what = what


def undone_by(event: EventRow) -> tuple[str, str, str] | None:
    """The event that a reversal names; None where it cannot be read, which its own check finds."""
    try:
        facts = orjson.loads(event.facts)
        return event.creator_id, facts.get("reported_by") or event.source, str(facts["event"])
    except UNREADABLE:
        return None


def seqs_of(event: EventRow, meter: str) -> list[int]:
    """The entries of a book that an event says it made; none where it cannot be read, which its own check finds."""
    try:
        return [seq for book, seq, *_ in orjson.loads(event.outcome)["entries"] if book == meter and seq <= LAST_SEQ]
    except UNREADABLE:
        return []


def compare(row: EntryRow, pools: Pools, after: State, source: str) -> None:
    """The amounts and balances of an entry are these. Raises Wrong, naming their `source`."""
    if row[9:13] != pools or row.world != pools.world:
        raise Wrong(row.seq, f"its amounts are {row[9:14]}, but {source} {(*pools, pools.world)}")
    if row[14:23] != after:
        raise Wrong(row.seq, f"the balances after it are {row[14:23]}, but {source} {tuple(after)}")


def differs(row: EntryRow, line: Line) -> str:
    """How an entry differs from the line that it must be; empty where it is that line. As text: 1.0, true are not 1."""
    if row.kind != line.kind:
        return f"its kind is {row.kind}, but its event comes to {line.kind}"
    about = row.seq - 1 if line.linked else line.about
    if row.about != about:
        return f"it is about entry {row.about}, but must be about {about}"
    if row.factors == orjson.dumps(line.factors, option=orjson.OPT_SORT_KEYS).decode():
        return ""
    held = orjson.loads(row.factors)
    names = [*line.factors, *held]
    name = next((name for name in names if held.get(name) != line.factors.get(name)), "text")
    due = line.factors.get(name, line.factors)
    return f"its factor {name} is {held.get(name, row.factors)}, but must be {due}"
