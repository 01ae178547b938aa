"""Listings: the values of a day by which those who chose to be found are found, worked out every night.

Whoever lists a creator holds the creator's own row, as does whoever changes it: the night never brings back what was
changed meanwhile. Going private takes effect by itself too, for a search asks the creator's own row.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import orjson

from ledger import claims, db, economy, queries, settlement, sticks, tables
from ledger.claims import FIRST, Chunk
from ledger.db import Database, Row, Session
from ledger.economy import DAY_US, MICROS
from ledger.events import CreatorRef
from ledger.labels import nearest
from ledger.policy import Schedule
from ledger.queries import Balances

LISTING = tables.Listing.__table__  # type: ignore[attr-defined]
LISTING_STICK = tables.ListingStick.__table__  # type: ignore[attr-defined]
JOB = "listing"
CHUNK = 500
ANY = ""  # all networks, or any topic
UNTOLD = -1  # followers that nobody told
KLOUT, INFLUENCE, OUTREACH = "klout.score", "kred.influence", "kred.outreach"
OUTSIDE = "readings."  # and the name of an outside stick

FOUND = "c.findable AND c.visibility = 'public'"
_DUE_SQL = (
    f"SELECT c.creator_id, '' FROM creator c WHERE c.creator_id > ? AND ({FOUND} OR EXISTS"
    " (SELECT 1 FROM listing l WHERE l.creator_id = c.creator_id)) ORDER BY c.creator_id LIMIT ?"
)
_FOUND_SQL = f"SELECT c.creator_id FROM {{keys}} CROSS JOIN creator c WHERE c.creator_id = k.c0 AND {FOUND}"
_TOPICS_SQL = "SELECT p.creator_id, p.topics FROM {keys} CROSS JOIN profile p WHERE p.creator_id = k.c0"
_FOLLOWERS_SQL = (
    "SELECT a.creator_id, a.network, MAX(a.followers) FROM {keys} CROSS JOIN account a WHERE a.creator_id = k.c0"
    " GROUP BY a.creator_id, a.network"
)
_GENEROUS_SQL = (
    "SELECT b.creator_id, CAST(SUM(b.generous) AS BIGINT) FROM {keys} CROSS JOIN book b WHERE b.creator_id = k.c0"
    " AND substr(b.meter, 1, 8) = 'network:' GROUP BY b.creator_id"
)
_READINGS_SQL = (
    "SELECT r.creator_id, r.stick, r.value, r.read_at_us FROM {keys} CROSS JOIN reading r WHERE r.creator_id = k.c0"
    " AND r.read_at_us = (SELECT MAX(x.read_at_us) FROM reading x WHERE x.creator_id = r.creator_id"
    " AND x.stick = r.stick)"
)


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of a creator who is to be listed, their books carried forward to today."""

    books: Balances
    topics: Sequence[str]
    followers: dict[str, int]
    generous: int
    readings: Sequence[Row]


def refresh(session: Session, *, creator_id: str, now_us: int, schedule: Schedule) -> None:
    """List a creator anew after a change of theirs, in its transaction: who is not to be found is listed no more."""
    _rewrite(session, [creator_id], now_us=now_us, schedule=schedule)


def relist(
    database: Database,
    *,
    day: int,
    clock: Callable[[], int],
    schedule: Schedule,
    limit: int = CHUNK,
    progress: Callable[[int], None] | None = None,
) -> int:
    """List everyone who is to be found anew, for a day's slot. Returns how many creators were looked at."""
    # A creator has many rows: a chunk is held no longer than others can wait.
    work = partial(relist_next, day=day, clock=clock, schedule=schedule, limit=min(limit, CHUNK))
    return claims.each_chunk(partial(database.write, work), progress=progress)


def relist_next(
    session: Session, *, day: int, clock: Callable[[], int], schedule: Schedule, limit: int = CHUNK
) -> Chunk:
    """Claim and list the next creators of a day's slot."""
    now_us = clock()
    return claims.next_chunk(
        session,
        job=JOB,
        slot=settlement.slot_of(day),
        now_us=now_us,
        limit=limit,
        find=lambda after: db.fetch(session, _DUE_SQL, (after[0] or FIRST[0], limit)),
        write=lambda due: _rewrite(session, [row[0] for row in due], now_us=now_us, schedule=schedule),
    )


def folded(topic: str) -> str:
    """A topic as it is looked for: capitals and ways of writing the same letters make no difference."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", topic).casefold())


def _rewrite(session: Session, creator_ids: Sequence[str], *, now_us: int, schedule: Schedule) -> int:
    found = _held(session, creator_ids)
    for table in (LISTING, LISTING_STICK):
        sql = f"DELETE FROM {table.name} WHERE creator_id IN (SELECT k.c0 FROM {{keys}}) RETURNING network"
        db.fetch_keyed(session, sql, ("id",), [(one,) for one in creator_ids])
    today = now_us // DAY_US
    known = list(_known(session, found, now_us=now_us, schedule=schedule))
    half = schedule.at(today)["meter.half"]
    db.insert(session, LISTING, [row for one in known for row in _listings(one, today, half)])
    db.insert(session, LISTING_STICK, [row for one in known for row in _sticks(one, today)])
    return len(creator_ids)


def _held(session: Session, creator_ids: Sequence[str]) -> list[str]:
    """Those of them who are to be found, who stay as they are until the transaction ends. On SQLite all do."""
    sql = _FOUND_SQL if db.is_sqlite(session) else f"{_FOUND_SQL} ORDER BY c.creator_id FOR SHARE OF c"
    return [row[0] for row in db.fetch_keyed(session, sql, ("id",), [(one,) for one in sorted(creator_ids)])]


def _known(session: Session, creator_ids: Sequence[str], *, now_us: int, schedule: Schedule) -> Iterator[_Known]:
    """What is known of these creators, in a few statements."""
    keys = [(one,) for one in sorted(creator_ids)]
    topics: dict[str, str] = dict(db.fetch_keyed(session, _TOPICS_SQL, ("id",), keys))
    followers = defaultdict[str, dict[str, int]](dict)
    for creator_id, network, most in db.fetch_keyed(session, _FOLLOWERS_SQL, ("id",), keys):
        followers[creator_id][network] = UNTOLD if most is None else most
    generous: dict[str, int] = dict(db.fetch_keyed(session, _GENEROUS_SQL, ("id",), keys))
    readings = defaultdict[str, list[Row]](list)
    for creator_id, *reading in db.fetch_keyed(session, _READINGS_SQL, ("id",), keys):
        readings[creator_id].append(tuple(reading))
    refs = [CreatorRef(creator_id=one) for (one,) in keys]
    for books in queries.lookup(session, creators=refs, now_us=now_us, schedule=schedule).found.values():
        one = books.creator_id
        yield _Known(books, orjson.loads(topics[one]), followers[one], generous[one], readings[one])


def _listings(known: _Known, today: int, half: int) -> Iterator[Row]:
    """A creator's rows: in each network and in all together, under each topic and under any."""
    most = max(known.followers.values(), default=UNTOLD)
    values = [(ANY, economy.meter(known.books.standing, half), most, "", "")]
    for book in known.books.networks:
        network = book.meter.removeprefix("network:")
        label = book.label.name if book.label else ""
        values.append((network, book.points, known.followers.get(network, UNTOLD), label, book.confidence))
    topics = {ANY, *map(folded, known.topics)}
    for network, *rest in values:
        yield from ((known.books.creator_id, network, topic, *rest, today) for topic in sorted(topics))


def _sticks(known: _Known, today: int) -> Iterator[Row]:
    """What each stick says of a creator, in each network they are found in: the sticks are over all networks."""
    kred = sticks.kred(standing=known.books.standing, generous=known.generous)
    score = nearest(sticks.score(known.books.standing), sticks.TENTH) * sticks.TENTH
    told = [
        (KLOUT, score, today),
        (INFLUENCE, kred.influence * MICROS, today),
        (OUTREACH, kred.outreach * MICROS, today),
    ]
    told += [(OUTSIDE + stick, value, at_us // DAY_US) for stick, value, at_us in known.readings]
    networks = [ANY, *(book.meter.removeprefix("network:") for book in known.books.networks)]
    for network in networks:
        yield from ((known.books.creator_id, network, *one) for one in told)
