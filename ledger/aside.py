"""Events that touch two books: what a brand's book holds of one waits until the audit comes to its own, a network's.

Keys are read in order, so that a creator's brand books come first. What nobody comes for was never posted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ledger.events import OWN
from ledger.kinds.base import Context, Kind, Line
from ledger.memory import Told
from ledger.stored import EntryRow, EventRow, differs


@dataclass(frozen=True, slots=True)
class Half:
    """What a book holds of an event that is another's: its entries there, and the context they were written in."""

    event: EventRow
    context: Context
    rows: Sequence[EntryRow]


@dataclass(slots=True)
class Aside:
    """The halves that a creator's books told of so far and whose events were not met yet: by event id and meter."""

    halves: dict[str, dict[str, Half]] = field(default_factory=dict)

    def put(self, half: Half) -> None:
        """Keep what a book holds of another's event."""
        self.halves.setdefault(half.event.event_id, {})[half.rows[0].meter] = half

    def take(self, event_id: str) -> dict[str, Half]:
        """What other books hold of an event, by meter, now that its own book is there to answer for it."""
        return self.halves.pop(event_id, {})

    def left(self) -> Half | None:
        """The first of those that no book came for."""
        return next((half for held in self.halves.values() for half in held.values()), None)


def misplaced(event: EventRow, kind: Kind, named: Sequence[str], meter: str) -> str:
    """Why an event that names these books cannot have made an entry in this one; empty where it can.

    An event's own book comes first in what it made. Only a network's event touches another book, and that a brand's.
    """
    if event.meter.partition(":")[0] not in kind.meters:
        return f"is of a kind ({kind.name}) that is never posted to {event.meter}"
    if kind.internal and event.source != OWN:
        return f"is of a kind ({kind.name}) that only the ledger itself posts"
    if named[0] != event.meter:
        return f"belongs to {event.meter}, but names no entry there first"
    touches = kind.beside and event.meter.startswith("network:") and meter.startswith("brand:")
    if meter != event.meter and not touches:
        return f"belongs to {event.meter} and touches no book {meter}"
    return ""


def disagreement(
    told: Told, named: Sequence[str], spoken: Sequence[str], halves: Mapping[str, Half], lines: list[Line]
) -> str:
    """What an event did to other books than its own and cannot have done; empty where all is as it must be.

    `named` are the books in which it says it made entries, `spoken` those of the event it speaks of, each own first.
    """
    kind, own, beside = told.kind, named[0], {*named[1:]}
    if beside != halves.keys():
        return f"and the book {min(beside ^ halves.keys())} disagree on whether it touched it"
    if kind.beside is None:
        return ""  # no book holds a half of it
    # A brand's book may not have begun when an event named the brand; it never ends, so what spoke of one touched it.
    due = {*spoken} - {own} if kind.refers_to else {f"brand:{told.facts.brand}"}
    if not beside <= due or (kind.refers_to and beside != due):
        return f"touched {', '.join(sorted(beside)) or 'no other book'}, but must have touched {', '.join(sorted(due))}"
    for meter, half in halves.items():
        expected = kind.beside(told.facts, half.context, lines)
        wrong = [
            (row.seq, found) for row, line in zip(half.rows, expected, strict=False) if (found := differs(row, line))
        ]
        if wrong or len(half.rows) != len(expected):
            seq, found = wrong[0] if wrong else (half.rows[-1].seq, f"it comes to {len(expected)} entries")
            return f"did something else to the book {meter}, entry {seq}: {found}"
    return ""
