"""Reversal: a mistake in the books is put right by an entry that undoes what survives of another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from ledger.economy import Move
from ledger.errors import AlreadyDone
from ledger.kinds.base import Context, Factors, Kind, Line, LineKind, Past
from ledger.kinds.facts import REPORTER, Choice, Name
from ledger.policy import Rates

WHY = ("mistake", "duplicate", "fraud", "dispute", "test")


@dataclass(frozen=True, slots=True)
class ReversalFacts:
    """Which event is undone, and why."""

    event: Annotated[str, Name("external_ref of the event to undo")]
    why: Annotated[str, Choice(WHY, "why it is undone")] = "mistake"
    reported_by: Annotated[str | None, REPORTER] = None


MOVED = tuple(name for name in Move._fields if name != "exact")


def undo(past: tuple[Past, ...]) -> dict[str, int]:
    """The factors that undo entries: what survives of them, summed pool by pool."""
    return {name: sum(getattr(item.surviving, name) for item in past) for name in MOVED}


def price(facts: ReversalFacts, context: Context) -> list[Line]:
    """One line for each entry of the event, and for each that rests on it, the last one first.

    What an outcome gave back of what a pitch set aside, say, must be there again before the pitch is undone.
    """
    if not context.past:
        raise AlreadyDone(f"the event {facts.event!r} is already reversed", pointer="/facts/event")
    return _lines(context)


def price_beside(facts: ReversalFacts, context: Context, lines: list[Line]) -> list[Line]:
    """The same in the other book that the event touched."""
    return _lines(context)


def _lines(context: Context) -> list[Line]:
    return [Line("reversal", undo((past,)), about=past.seq) for past in reversed(context.past)]


def amounts(factors: Factors, rates: Rates) -> Move:
    """The opposite of what survives, pool by pool."""
    return Move(**{name: -factors[name] for name in MOVED}, exact=True)


def reason(facts: Mapping[str, Any], factors: Factors) -> str:
    """Why the line has its amount."""
    why = {
        "mistake": "was entered by mistake",
        "duplicate": "had been reported twice",
        "fraud": "was not genuine",
        "dispute": "was contested, and the dispute upheld",
        "test": "was a test",
    }[facts.get("why", "mistake")]
    return f"An earlier line {why}: what was left of it is undone."


KIND = Kind(
    name="reversal",
    title="Reversal",
    facts=ReversalFacts,
    price=price,
    example={"event": "engagement-1", "why": "duplicate"},
    refers_to="event",
    meters=("network", "brand"),
    beside=price_beside,
)
LINE = LineKind("reversal", "Reversal", amounts, reason)
