"""Finding: those who chose to be found, by what was listed of them last night, largest first, page by page.

The order is that of one index, which is read from the cursor on. What that index does not tell apart is asked of each
row, of at most `LOOKED_AT` rows a page: a page may then be short, or empty, and still have one after it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from ledger import db
from ledger.creators import AccountOf
from ledger.db import Reading, Row
from ledger.listings import ANY, FOUND, UNTOLD, folded

LOOKED_AT = 10_000
TABLES = {"l": "listing", "s": "listing_stick"}
METER, FOLLOWERS, STICK = SORTS = ("meter", "followers", "stick")
Place = tuple[int, str]  # the value a page ends with, and whose it is
Condition = tuple[str, tuple[object, ...]]

_WHO_SQL = (
    "SELECT c.creator_id, p.display_name, p.handle, p.topics FROM {keys} CROSS JOIN creator c JOIN profile p"
    f" ON p.creator_id = c.creator_id WHERE c.creator_id = k.c0 AND {FOUND}"
)
_ACCOUNTS_SQL = (
    "SELECT a.creator_id, a.network, a.external_id, a.followers FROM {keys} CROSS JOIN account a"
    " WHERE a.creator_id = k.c0 ORDER BY a.network, a.external_id"
)
_METERS_SQL = (
    "SELECT l.creator_id, l.network, l.points, l.confidence, l.label FROM {keys} CROSS JOIN listing l"
    " WHERE l.creator_id = k.c0 AND l.topic = '' AND l.network <> '' ORDER BY l.network"
)
_STICKS_SQL = (
    "SELECT s.creator_id, s.stick, s.value, s.day FROM {keys} CROSS JOIN listing_stick s"
    " WHERE s.creator_id = k.c0 AND s.network = '' ORDER BY s.stick"
)


@dataclass(frozen=True, slots=True)
class Span:
    """From `low` to `high`, both within; None is no bound."""

    low: int | None = None
    high: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether it lets everything through."""
        return self.low is None and self.high is None


@dataclass(frozen=True, slots=True)
class Search:
    """Whom to look for. Points and values of the stick in millionths; an empty network is all, an empty topic any."""

    network: str = ANY
    topic: str = ANY
    label: str | None = None
    points: Span = Span()
    followers: Span = Span()
    stick: str | None = None
    value: Span = Span()
    sort: str = METER

    @property
    def audience(self) -> Span:
        """How many follow them; who asks for that at all does not mean those of whom nobody told it."""
        return self.followers if self.followers.is_open else Span(max(0, self.followers.low or 0), self.followers.high)


@dataclass(frozen=True, slots=True)
class _Walk:
    """A walk down an index: its tables, what orders it and leads up to it, and what each row is asked besides.

    `refuses` says whether what is asked may refuse a row; joined tables are asked too, and refuse none.
    """

    tables: str
    column: str
    span: Span
    opening: Sequence[Condition]
    asked: Sequence[Condition]
    refuses: bool


@dataclass(frozen=True, slots=True)
class MeterOf:
    """The meter of one network as it was listed; points in millionths."""

    network: str
    points: int
    confidence: str
    label: str


@dataclass(frozen=True, slots=True)
class StickOf:
    """What a stick said on a day, in millionths."""

    stick: str
    value: int
    day: int


@dataclass(frozen=True, slots=True)
class Found:
    """Somebody found. Names and accounts are today's, meters and sticks those listed on `day`.

    `points`, in millionths, and `followers` are those that the search went by: the network's, or over all networks.
    """

    creator_id: str
    display_name: str
    handle: str | None
    topics: tuple[str, ...]
    points: int
    followers: int | None
    accounts: tuple[AccountOf, ...]
    meters: tuple[MeterOf, ...]
    sticks: tuple[StickOf, ...]
    day: int


@dataclass(frozen=True, slots=True)
class Page:
    """Those found, in order, and the place from which the next page goes on; None where there is nobody left."""

    found: tuple[Found, ...]
    following: Place | None


def find(session: Reading, *, search: Search, after: Place | None = None, limit: int) -> Page:
    """A page of those found after a place, in six statements at most."""
    floor = _floor(session, search, after)
    sql, params = statement(search, after=after, floor=floor)
    rows = db.fetch(session, sql, (*params, limit + 1))
    following = (rows[limit - 1][0], rows[limit - 1][1]) if len(rows) > limit else floor
    return Page(_shown(session, rows[:limit]), following)


def statement(search: Search, *, after: Place | None = None, floor: Place | None = None) -> Condition:
    """The statement that finds those between two places, with what is bound in it but for the limit."""
    walk = _walk(search)
    owner = f"{walk.column[0]}.creator_id"
    asked = [*_walked(walk, after, floor), *walk.asked, (f"c.creator_id = {owner} AND {FOUND}", ())]
    where, params = _all(asked)
    return (
        f"SELECT {walk.column}, {owner}, l.points, l.followers, l.day FROM {walk.tables} CROSS JOIN creator c"
        f" WHERE {where} ORDER BY {walk.column} DESC, {owner} DESC LIMIT ?"
    ), params


def _floor(session: Reading, search: Search, after: Place | None) -> Place | None:
    """The place as far down as one page looks, None where the index ends before, or no row can be refused."""
    walk = _walk(search)
    if not walk.refuses:
        return None
    alias = walk.column[0]
    where, params = _all(_walked(walk, after, None))
    rows = db.fetch(
        session,
        f"SELECT {walk.column}, {alias}.creator_id FROM {TABLES[alias]} {alias} WHERE {where}"
        f" ORDER BY {walk.column} DESC, {alias}.creator_id DESC LIMIT 1 OFFSET {LOOKED_AT - 1}",
        params,
    )
    return (rows[0][0], rows[0][1]) if rows else None


# Which index is walked, and what is asked on the way


def _walk(search: Search) -> _Walk:
    """The walk that a search takes: its order alone says down which index.

    What a row is asked is asked of an expression (+x, x || ''), which no index has: else a planner that expects few
    rows takes the index of something else, reads all of those and sorts them.
    """
    opening: list[Condition] = [("l.network = ? AND l.topic = ?", (search.network, folded(search.topic)))]
    points, audience = _within("+l.points", search.points), _within("+l.followers", search.audience)
    label: list[Condition] = [("l.label || '' = ?", (search.label,))] if search.label else []
    if search.sort == STICK:
        joined = ("l.creator_id = s.creator_id AND l.network = s.network AND l.topic = ?", (folded(search.topic),))
        opening = [("s.network = ? AND s.stick = ?", (search.network, search.stick))]
        asked, tables = [*label, *points, *audience], "listing_stick s CROSS JOIN listing l"
        return _Walk(tables, "s.value", search.value, opening, [joined, *asked], bool(asked or search.topic))
    tables, stick = ("listing l CROSS JOIN listing_stick s", _stick(search)) if search.stick else ("listing l", [])
    if search.sort == FOLLOWERS:
        asked = [*label, *points, *stick]
        return _Walk(tables, "l.followers", search.audience, opening, asked, bool(asked))
    labelled: list[Condition] = [("l.label = ?", (search.label,))] if search.label else []
    asked = [*audience, *stick]
    return _Walk(tables, "l.points", search.points, [*opening, *labelled], asked, bool(asked))


def _stick(search: Search) -> list[Condition]:
    named = ("s.creator_id = l.creator_id AND s.network = l.network AND s.stick = ?", (search.stick,))
    return [named, *_within("+s.value", search.value)]


def _within(column: str, span: Span) -> list[Condition]:
    low: list[Condition] = [] if span.low is None else [(f"{column} >= ?", (span.low,))]
    return low if span.high is None else [*low, (f"{column} <= ?", (span.high,))]


def _walked(walk: _Walk, after: Place | None, floor: Place | None) -> list[Condition]:
    """The stretch of the index: one bound at either end, and where there is a place, that is the nearer one."""
    place = f"({walk.column}, {walk.column[0]}.creator_id)"
    high = [(f"{place} < (?, ?)", after)] if after else _within(walk.column, Span(high=walk.span.high))
    low = [(f"{place} >= (?, ?)", floor)] if floor else _within(walk.column, Span(low=walk.span.low))
    return [*walk.opening, *high, *low]


def _all(conditions: Sequence[Condition]) -> Condition:
    return " AND ".join(text for text, _ in conditions), tuple(value for _, values in conditions for value in values)


# Who they are


def _shown(session: Reading, rows: Sequence[Row]) -> tuple[Found, ...]:
    """Those of the rows as readers get them, but for whoever has just chosen otherwise."""
    keys = [(row[1],) for row in rows]
    who = {row[0]: row[1:] for row in db.fetch_keyed(session, _WHO_SQL, ("id",), keys)}
    accounts, meters, sticks = (_of_each(session, sql, keys) for sql in (_ACCOUNTS_SQL, _METERS_SQL, _STICKS_SQL))
    return tuple(
        Found(
            creator_id,
            who[creator_id][0],
            who[creator_id][1],
            tuple(orjson.loads(who[creator_id][2])),
            points,
            None if followers == UNTOLD else followers,
            tuple(AccountOf(*row) for row in accounts[creator_id]),
            tuple(MeterOf(*row) for row in meters[creator_id]),
            tuple(StickOf(*row) for row in sticks[creator_id]),
            day,
        )
        for _, creator_id, points, followers, day in rows
        if creator_id in who
    )


def _of_each(session: Reading, sql: str, keys: Sequence[tuple[str]]) -> Mapping[str, list[Row]]:
    found = defaultdict[str, list[Row]](list)
    for creator_id, *rest in db.fetch_keyed(session, sql, ("id",), keys):
        found[creator_id].append(tuple(rest))
    return found
