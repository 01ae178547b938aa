"""What of a creator a key may see: the books it may read, and nothing of the others, not even that they are there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

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
    """Which of a creator's books a key may know of."""
    return partial(in_sight, key)


def in_sight(
    key: Key, creator_id: str, visibility: str, meters: Sequence[str], *, statement: bool = False
) -> list[str]:
    """Those of a creator's books that a key may read, or whose statement it may read.

    A brand's book with a creator is between the two of them, and told of on every network: the creator reads it, and
    whoever acts for all their networks; never the public, nor a partner who would read in it what another told.
    """
    networks = {meter: auth.network_of(meter) for meter in meters}
    everywhere = [network for network in networks.values() if network]
    is_whole = auth.speaks_for_all(key, creator_id=creator_id, networks=everywhere)
    asked: dict[str, Any] = {"creator_id": creator_id, "visibility": visibility, "statement": statement}
    return [
        meter
        for meter, network in networks.items()
        if (auth.may_read(key, networks=(network,), **asked) if network else is_whole)
    ]


def book(session: Reading, *, creator: str, meter: str | None, key: Key, statement: bool = False) -> Book:
    """The book that an address and a query name. Raises UnknownCreator, NotFound, or InvalidRequest if unclear."""
    try:
        shelf = queries.shelf(session, creator=auth.ref(creator))
    except UnknownCreator as unknown:  # in the very words for one that this key may not know of
        raise auth.refuse_unknown() from unknown
    meters = in_sight(key, shelf.creator_id, shelf.visibility, shelf.meters, statement=statement)
    if not meters:
        raise auth.refuse_unknown()
    if meter is not None and meter not in meters:  # what else there may be does not leak
        what = "statement of the book" if statement else "book"
        raise NotFound(f"no {what} {meter}; this creator has {', '.join(meters)}")
    return Book(shelf.creator_id, meter or _only(meters))


def _only(meters: Sequence[str]) -> str:
    """The one network's book that is meant where none is named. Raises InvalidRequest where there are more."""
    meant = [meter for meter in meters if auth.network_of(meter)] or meters
    if len(meant) > 1:
        raise InvalidRequest([("meter", f"is required: this creator has {', '.join(meters)}")])
    return meant[0]
