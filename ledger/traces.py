"""Traces: everybody in the ledger agreed to be there; of whoever was erased nothing is left but the books."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ledger import db, personal
from ledger.db import Session
from ledger.personal import Part

_NO_CONSENT = (
    "SELECT c.creator_id, '' FROM creator c"
    " WHERE NOT EXISTS (SELECT 1 FROM consent n WHERE n.creator_id = c.creator_id)"
)
_NO_BOOKS = (
    "SELECT r.creator_id, '' FROM erasure r WHERE NOT EXISTS (SELECT 1 FROM book b WHERE b.creator_id = r.creator_id)"
)
_NO_LINE = "SELECT b.creator_id, b.meter FROM book b JOIN erasure r ON r.creator_id = b.creator_id WHERE NOT b.erased"
_NO_ERASURE = (
    "SELECT b.creator_id, b.meter FROM book b WHERE b.erased"
    " AND NOT EXISTS (SELECT 1 FROM erasure r WHERE r.creator_id = b.creator_id)"
)
_HALF_GONE = (
    "SELECT c.creator_id, '' FROM creator c LEFT JOIN erasure r ON r.creator_id = c.creator_id"
    " WHERE (c.visibility = 'erased') <> (r.creator_id IS NOT NULL)"
)
_EVENTS = (
    "SELECT v.creator_id, v.meter FROM event v JOIN erasure r ON r.creator_id = v.creator_id WHERE v.kind <> 'erasure'"
)
_CHECKS = (
    (_NO_CONSENT, "nothing says that the creator agreed to be here"),
    (_NO_BOOKS, "it says that a creator was erased who has no books"),
    (_NO_LINE, "its creator is said to be erased, but no line of it says so"),
    (_NO_ERASURE, "it was erased, but nothing says when and at whose word"),
    (_HALF_GONE, "the creator and what is said of their erasure disagree"),
    (_EVENTS, "an event is still there, though the creator was erased"),
)
_PASSING = ("answer",)  # the one to an erasure comes after it, says nothing, and is kept for a day as any is


@dataclass(frozen=True, slots=True)
class Trace:
    """What is there and must not be, or the other way round; `meter` is empty where no book is meant."""

    creator_id: str
    meter: str
    what: str


def first(session: Session) -> Trace | None:
    """The first thing wrong about who agreed and who was erased; None where all is as it must be."""
    return next(_all(session), None)


def _all(session: Session) -> Iterator[Trace]:
    gone = (part for part in personal.PARTS if part.goes and part.table not in _PASSING)
    for sql, what in (*_CHECKS, *map(_left_in, gone)):
        for creator_id, meter in db.fetch(session, f"{sql} LIMIT 1"):
            yield Trace(str(creator_id), meter, what)


def _left_in(part: Part) -> tuple[str, str]:
    return (
        f"SELECT t.creator_id, '' FROM {part.table} t JOIN erasure r ON r.creator_id = t.creator_id",
        f"a row of {part.table} is still there, though the creator was erased",
    )
