"""Estimates: what the books know that an estimate needs, of one creator or many, in a few statements."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ledger import db, economy, lessons, lookups
from ledger.books import BOOK_STATE
from ledger.campaigns import Lane
from ledger.db import Row, Session
from ledger.economy import DAY_US, PPM, Move, State
from ledger.errors import NotFound
from ledger.events import CreatorRef
from ledger.kinds.base import Relationship
from ledger.labels import DayCount, Unowned
from ledger.policy import Schedule
from ledger.proposals import Proposal, Subject
from ledger.scatter import Pooled, logarithm, scatter

NEWEST = 200
BOOK = "b.creator_id = k.c0 AND b.meter = k.c1"
STATE_SQL = (
    f"SELECT b.creator_id, b.meter, b.seq, b.policy_version, b.label, {BOOK_STATE} FROM {{keys}} CROSS JOIN book b"
    f" WHERE {BOOK}"
)
FOLLOWERS_SQL = (
    "SELECT a.creator_id, a.network, a.external_id, a.followers FROM {keys} CROSS JOIN account a"
    " WHERE a.creator_id = k.c0 AND a.network = k.c1 AND a.followers >= 0"
)
# A busy day's credit is taken back and paid later: all three kinds of line together are what days brought.
CREDITS_SQL = (
    "SELECT b.creator_id, b.meter, CAST(SUM(b.fresh) AS BIGINT), CAST(SUM(b.bedrock) AS BIGINT),"
    f" SUM(CASE WHEN b.world < 0 THEN 1 ELSE 0 END) FROM {{keys}} CROSS JOIN entry b WHERE {BOOK}"
    " AND b.recorded_at_us >= ? AND b.recorded_at_us < ? AND b.kind IN ('engagement', 'burst', 'release')"
    " AND NOT EXISTS (SELECT 1 FROM entry r WHERE r.creator_id = b.creator_id AND r.meter = b.meter"
    " AND r.about = b.seq AND r.kind = 'reversal') GROUP BY b.creator_id, b.meter"
)
POSTS_SQL = (
    "SELECT b.creator_id, b.meter, b.day, b.posts, b.sponsored FROM {keys} CROSS JOIN tally b"
    f" WHERE {BOOK} AND b.day > ? AND b.posts > 0"
)
UNOWNED_SQL = (
    "SELECT b.creator_id, b.meter, b.day, b.undisclosed FROM {keys} CROSS JOIN breach b"
    f" WHERE {BOOK} AND NOT b.owned AND NOT b.cleared ORDER BY b.day"
)
RELATIONSHIP_SQL = (
    "SELECT b.creator_id, b.status, b.day, b.introduction, b.accepted_day, b.exchanges, b.exchange_day, b.let_in,"
    f" b.blocked FROM {{keys}} CROSS JOIN relationship b WHERE {BOOK}"
)
HOLDS_SQL = (
    "SELECT b.creator_id, b.meter, COUNT(*) FROM {keys} CROSS JOIN pitch b"
    f" WHERE {BOOK} AND b.closed_at_us IS NULL AND b.expires_at_us > ? AND (b.status = 'accepted' OR b.brand = ?)"
    " GROUP BY b.creator_id, b.meter"
)
RATIOS_SQL = (  # one that was told and undone stays with ratio 0, and teaches nothing
    "SELECT o.creator_id, o.meter, o.ratio FROM (SELECT b.creator_id, b.meter, b.seq, b.ratio, ROW_NUMBER() OVER"
    " (PARTITION BY b.creator_id, b.meter ORDER BY b.seq DESC) AS place FROM {keys} CROSS JOIN outcome b"
    f" WHERE {BOOK} AND b.ratio > 0) AS o WHERE o.place <= ? ORDER BY o.creator_id, o.meter, o.seq"
)
SHELVES_SQL = (
    "SELECT c.creator_id, c.visibility, CASE WHEN r.status = 'accepted' AND NOT r.blocked THEN 1 ELSE 0 END, b.meter"
    " FROM {keys} CROSS JOIN creator c JOIN book b ON b.creator_id = c.creator_id AND NOT b.erased"
    " LEFT JOIN relationship r ON r.creator_id = c.creator_id AND r.meter = k.c1"
    " WHERE c.creator_id = k.c0 AND b.meter >= 'network:' AND b.meter < 'network;' ORDER BY b.meter"
)
BookKey = tuple[str, str]
K = TypeVar("K")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A network's book that a pitch would touch; `external_id` where the audience of one account is meant."""

    creator_id: str
    meter: str
    external_id: str | None = None

    @property
    def key(self) -> BookKey:
        """The book's key."""
        return self.creator_id, self.meter


@dataclass(frozen=True, slots=True)
class Shelf:
    """A creator's network books by name, `whole` where all, and who may know: everybody, or a brand that was let in."""

    creator_id: str
    visibility: str
    let_in: bool
    meters: tuple[str, ...]
    whole: bool = True


def shelves(session: Session, refs: Sequence[CreatorRef], *, brand: str) -> list[Shelf | None]:
    """The network books of many creators in two statements; None where there is no such creator."""
    named = {(ref.network or "", ref.external_id or "") for ref in refs if ref.creator_id is None}
    accounts = lookups.accounts(session, named)
    ids = [ref.creator_id or accounts.get((ref.network or "", ref.external_id or ""), (None,))[0] for ref in refs]
    keys = [(one, f"brand:{brand}") for one in sorted({one for one in ids if one})]
    rows = db.fetch_keyed(session, SHELVES_SQL, ("id", "text"), keys)
    found = {
        creator_id: Shelf(creator_id, told[0][1], bool(told[0][2]), tuple(row[3] for row in told))
        for creator_id, told in _listed((row[0], row) for row in rows).items()
    }
    return [found.get(one) if one else None for one in ids]


def subject(
    session: Session,
    *,
    creator_id: str,
    meter: str,
    brand: str,
    now_us: int,
    schedule: Schedule,
    external_id: str | None = None,
) -> Subject:
    """A network's book as it stands now, with all that an estimate looks at.

    The audience is that of the account named, of the largest on the network where none is. Raises NotFound.
    """
    wanted = Wanted(creator_id, meter, external_id)
    found = subjects(session, [wanted], brand=brand, now_us=now_us, schedule=schedule)
    if not found:
        raise NotFound(f"no book {meter} of this creator")
    return found[wanted]


def subjects(
    session: Session, wanted: Sequence[Wanted], *, brand: str, now_us: int, schedule: Schedule
) -> dict[Wanted, Subject]:
    """The books that there are of those wanted, each as an estimate needs it, in ten statements."""
    gathered = _gather(session, wanted, brand=brand, now_us=now_us, schedule=schedule)
    return {item: gathered.subject(item) for item in wanted if item.key in gathered.books}


@dataclass(frozen=True, slots=True)
class Gathered:
    """What was read of many books, by book."""

    brand: str
    today: int
    schedule: Schedule
    books: dict[BookKey, tuple[State, str, str]]
    followers: dict[BookKey, dict[str, int]]
    credits: dict[BookKey, Row]
    posts: dict[BookKey, list[DayCount]]
    unowned: dict[BookKey, list[Unowned]]
    relationships: dict[str, Relationship]
    holds: dict[BookKey, int]
    ratios: dict[BookKey, list[float]]
    pooled: Pooled

    def subject(self, wanted: Wanted) -> Subject:
        """One book's part of it."""
        key, (state, version, label) = wanted.key, self.books[wanted.key]
        beside = self.books.get((wanted.creator_id, f"brand:{self.brand}"))
        audiences = self.followers.get((wanted.creator_id, wanted.meter.removeprefix("network:")), {})
        counts = [many for name, many in audiences.items() if wanted.external_id in (None, name)]
        return Subject(
            state=state,
            schedule=self.schedule,
            policy_version=version,
            followers=max(counts, default=None),
            usual=self._usual(key),
            days=tuple(self.posts.get(key, ())),
            hidden_since=next((one.day for one in self.unowned.get(key, ()) if one.hidden), None),
            label=label,
            unowned=tuple(self.unowned.get(key, ())),
            ratios=tuple(self.ratios.get(key, ())),
            pooled=self.pooled,
            holds=self.holds.get(key, 0),
            beside=None if beside is None else beside[0],
            relationship=self.relationships.get(wanted.creator_id),
        )

    def _usual(self, key: BookKey) -> Move:
        """What engagement brought a day, on average over the last whole days; never less than nothing."""
        days = self.schedule.at(self.today)["estimate.recent_days"]
        fresh, bedrock, acts = self.credits.get(key, (0, 0, 0))
        fresh, bedrock = max(0, fresh) // days, max(0, bedrock) // days
        return Move(fresh, bedrock, credits=fresh + bedrock, known=int(acts) * PPM // days)


def _gather(session: Session, wanted: Sequence[Wanted], *, brand: str, now_us: int, schedule: Schedule) -> Gathered:
    keys, today = sorted({item.key for item in wanted}), now_us // DAY_US
    brands = sorted({(item.creator_id, f"brand:{brand}") for item in wanted})
    networks = sorted({(item.creator_id, item.meter.removeprefix("network:")) for item in wanted})
    policy = schedule.at(today)
    since = today - policy["label.window_days"] - policy["label.grace_days"]
    span = ((today - policy["estimate.recent_days"]) * DAY_US, today * DAY_US)

    def read(sql: str, keys: Sequence[BookKey], *params: int | str) -> list[Row]:
        return db.fetch_keyed(session, sql, ("id", "text"), keys, params)

    return Gathered(
        brand=brand,
        today=today,
        schedule=schedule,
        books=_books(read(STATE_SQL, [*keys, *brands]), today, schedule),
        followers=_followers(read(FOLLOWERS_SQL, networks)),
        credits={row[:2]: row[2:] for row in read(CREDITS_SQL, keys, *span)},
        posts=_listed((row[:2], DayCount(*row[2:])) for row in read(POSTS_SQL, keys, since)),
        unowned=_listed((row[:2], Unowned(row[2], bool(row[3]))) for row in read(UNOWNED_SQL, keys)),
        relationships={row[0]: _relationship(row) for row in read(RELATIONSHIP_SQL, brands)},
        holds={row[:2]: row[2] for row in read(HOLDS_SQL, keys, now_us, brand)},
        ratios=_listed((row[:2], logarithm(row[2])) for row in read(RATIOS_SQL, keys, NEWEST)),
        pooled=lessons.pooled(session),
    )


def _books(rows: Iterable[Row], today: int, schedule: Schedule) -> dict[BookKey, tuple[State, str, str]]:
    """Each book carried forward to today, the policy version of its last entry, and its label of last night."""
    found = {}
    for creator_id, meter, seq, version, label, *held in rows:
        posted = State(*held) if seq else State(day=today)
        found[creator_id, meter] = (economy.accrue(posted, today, schedule, policy_version=version), version, label)
    return found


def _followers(rows: Iterable[Row]) -> dict[BookKey, dict[str, int]]:
    found: dict[BookKey, dict[str, int]] = defaultdict(dict)
    for creator_id, network, external_id, many in rows:
        found[creator_id, network][external_id] = many
    return found


def _listed(items: Iterable[tuple[K, T]]) -> dict[K, list[T]]:
    found: dict[K, list[T]] = defaultdict(list)
    for key, item in items:
        found[key].append(item)
    return found


def _relationship(row: Row) -> Relationship:
    return Relationship._make((*row[1:7], bool(row[7]), bool(row[8])))


def lane(subject: Subject, proposal: Proposal, *, horizon: int) -> Lane:
    """A book's part in a campaign of so many days: its audience's median, and when the brand will be established."""
    median = scatter(subject.ratios, policy=subject.policy, pooled=subject.pooled).ratio(0.5)
    first, known = subject.state.day, subject.relationship
    ahead = range(first, first + horizon) if known is not None and known.accepted else ()
    warm = (day for day in ahead if known is not None and known.established(day, subject.policy))
    return Lane(subject, proposal, ratio=median, warm_from=next(warm, None))
