"""What of a creator a key may see: the books it may read, and nothing of the others, not even that they are there."""

from __future__ import annotations

from dataclasses import dataclass

from api import auth
from api.problems import InvalidRequest
from ledger import queries
from ledger.db import Reading
from ledger.errors import NotFound, UnknownCreator
from ledger.keys import Key
from ledger.queries import Sight


@dataclass(frozen=True, slots=True)
class Book:
    """One book that the asker may read."""

    creator_id: str
    meter: str


def sight(key: Key) -> Sight:
    """Whether a key may know of a book."""

    def sees(creator_id: str, visibility: str, meter: str) -> bool:
        networks = (auth.network_of(meter),)
        return auth.may_read(key, creator_id=creator_id, visibility=visibility, networks=networks)

    return sees


def book(session: Reading, *, creator: str, meter: str | None, key: Key, statement: bool = False) -> Book:
    """The book that an address and a query name. Raises UnknownCreator, NotFound, or InvalidRequest if unclear."""
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
    if not meters:
        raise auth.refuse_unknown()
    if meter is not None and meter not in meters:  # what else there may be does not leak
        what = "statement of the book" if statement else "book"
        raise NotFound(f"no {what} {meter}; this creator has {', '.join(meters)}")
    if meter is None and len(meters) > 1:
        raise InvalidRequest([("meter", f"is required: this creator has {', '.join(meters)}")])
    return Book(shelf.creator_id, meter or meters[0])
