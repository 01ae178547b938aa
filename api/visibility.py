"""What of a creator a key may see: the books it may read, and nothing of the others, not even that they are there."""

from __future__ import annotations

from dataclasses import dataclass, replace

from api import auth
from api.problems import InvalidRequest
from ledger import queries
from ledger.db import Reading
from ledger.errors import UnknownCreator
from ledger.keys import Key
from ledger.queries import Balances


@dataclass(frozen=True, slots=True)
class Book:
    """One book that the asker may read."""

    creator_id: str
    meter: str


def readable(found: Balances, key: Key) -> Balances | None:
    """Balances without the books that a key may not read; None where none is left."""
    if found.visibility == "public" or auth.is_self(key, found.creator_id):
        return found
    books = tuple(book for book in found.books if _may_read(key, found, book.meter))
    if len(books) == len(found.books):
        return found
    return replace(found, books=books) if books else None


def _may_read(key: Key, found: Balances, meter: str) -> bool:
    networks = (auth.network_of(meter),)
    return auth.may_read(key, creator_id=found.creator_id, visibility=found.visibility, networks=networks)


def book(session: Reading, *, creator: str, meter: str | None, key: Key, statement: bool = False) -> Book:
    """The book that an address and a query name. Raises UnknownCreator, or InvalidRequest where it is unclear."""
    try:
        shelf = queries.shelf(session, creator=auth.ref(creator))
    except UnknownCreator as unknown:  # in the very words for one that this key may not know of
        raise auth.refuse_unknown() from unknown
    meters = [
        name
        for name in shelf.meters
        if auth.may_read(
            key,
            creator_id=shelf.creator_id,
            visibility=shelf.visibility,
            networks=(auth.network_of(name),),
            statement=statement,
        )
    ]
    if not meters or (meter is not None and meter not in meters):
        raise auth.refuse_unknown()
    if meter is None and len(meters) > 1:
        raise InvalidRequest([("meter", f"is required: this creator has {', '.join(meters)}")])
    return Book(shelf.creator_id, meter or meters[0])
