"""Proofs: that an entry was in a checkpoint, told so that anyone can follow it with SHA-256 alone.

From the entry's hash each entry after it leads to the next, up to the head of its book when the checkpoint was made;
the head is a leaf of the checkpoint's tree, and the path leads from it to the root.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ledger import chain, db
from ledger.books import ENTRY_COLUMNS
from ledger.checkpoints import Checkpoint, Proof, Tree
from ledger.days import iso_day
from ledger.db import Reading
from ledger.economy import DAY_US
from ledger.errors import Conflict, NotFound
from ledger.stored import EntryRow

MOST_LINKS = 1_000
_ENTRIES = f"SELECT {ENTRY_COLUMNS} FROM entry e WHERE e.creator_id = ? AND e.meter = ? AND e.seq >= ? AND e.seq <= ?"


class NotCovered(Conflict):
    """The line was written after the checkpoint was made."""

    code = "not_covered"


class ProofTooLong(Conflict):
    """Too many lines lie between this one and the checkpoint; an earlier checkpoint may be nearer."""

    code = "proof_too_long"


@dataclass(frozen=True, slots=True)
class EntryProof:
    """An entry, what is hashed of each entry after it up to the book's head, and the way from there to the root.

    Each of `links` with the hash before it appended hashes to the next one's hash.
    """

    entry: EntryRow
    links: tuple[bytes, ...]
    book: Proof
    checkpoint: Checkpoint


def prove(
    session: Reading, *, tree: Tree, creator_id: str, meter: str, seq: int, days: Sequence[str] = ()
) -> EntryProof:
    """That a line was in a checkpoint; `days` are those of all checkpoints, ISO dates in their order.

    Raises NotFound for no such line, NotCovered, and ProofTooLong, which names the nearest of the days.
    """
    first = db.fetch(session, _ENTRIES, (creator_id, meter, seq, seq))
    if not first:
        raise NotFound(f"no entry {seq} in the book {meter}")
    entry, made = EntryRow._make(first[0]), tree.checkpoint
    known = (creator_id, meter) in tree.places
    last = tree.proof(creator_id, meter) if known else None
    if last is None or last.leaf.seq < seq:
        raise NotCovered(f"entry {seq} is younger than the checkpoint {made.day}: the next one will hold it")
    if last.leaf.seq - seq > MOST_LINKS:
        told = f"{last.leaf.seq - seq} lines lie between entry {seq} and the checkpoint {made.day}"
        raise ProofTooLong(f"{told}, of {MOST_LINKS} at most: {_instead(entry, made, days)}")
    rows = db.fetch(session, f"{_ENTRIES} ORDER BY e.seq", (creator_id, meter, seq + 1, last.leaf.seq))
    return EntryProof(entry, tuple(map(chain.entry_link, rows)), last, made)


def _instead(entry: EntryRow, made: Checkpoint, days: Sequence[str]) -> str:
    """What to do where the way is too long: ask for the first checkpoint after the line, if it is another one."""
    recorded = iso_day(entry.recorded_at_us // DAY_US)
    nearer = next((day for day in days if recorded < day < made.day), None)
    export = "export the book, whose lines lead from one to the next"
    return f"ask for that of {nearer}, or {export}" if nearer else export
