"""Reading balances: what a creator's books hold now, or held at any moment, in a few statements.

The books post decay by the day; a reader carries the posted state forward itself, so that no answer depends
on when a job ran.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import groupby
from operator import itemgetter

from ledger import creators, db, economy, hindsight, label_columns, labels, lookups
from ledger.books import BOOK_STATE, ENTRY_STATE
from ledger.breaches import OpenAllegation, OpenBreach, cleared_breaches, open_breaches, unanswered
from ledger.db import Reading, Row
from ledger.economy import DAY_US, PPM, State
from ledger.errors import NotFound, UnknownCreator
from ledger.events import CreatorRef
from ledger.histories import Point, Relabelling, history, marks, relabellings
from ledger.label_columns import LABEL_DAYS
from ledger.labels import Label
from ledger.policy import Policy, Schedule
from ledger.statements import Recomputed, StatementLine, one_entry, statement

FINAL_AFTER_US = 60 * 1_000_000  # longer than any transaction that could still write into the past
LOOKUP_LIMIT = 1_000
KEPT = 4_096

_BOOKS = "creator c JOIN book b ON b.creator_id = c.creator_id AND NOT b.erased"
_HEAD = "c.creator_id, c.visibility, b.meter, b.live"
# What a label looks at besides the balance comes along, where a recent pitch or a breach makes it matter; and what
# authorised pitches reserve, where there are any.
_NOW = (
    f"SELECT {_HEAD}, b.seq, b.recorded_at_us, b.policy_version, {BOOK_STATE},"
    f" {label_columns.COLUMNS},"
    " CASE WHEN b.holds > 0 THEN (SELECT CAST(SUM(p.held) AS BIGINT) FROM pitch p WHERE p.creator_id = b.creator_id"
    " AND p.meter = b.meter AND p.closed_at_us IS NULL AND p.expires_at_us > {now}) END,"
    " CASE WHEN substr(b.meter, 1, 6) = 'brand:' THEN (SELECT CASE WHEN r.blocked THEN 'blocked' ELSE r.status END"
    " FROM relationship r WHERE r.creator_id = b.creator_id AND r.meter = b.meter) END,"
    " b.credits_total, b.drains_total, b.breaches_total, b.apologies_total FROM "
)
_NAMED = "(SELECT a.creator_id FROM account a WHERE a.network = ? AND a.external_id = ?)"
NOW_SQL = f"{_NOW}{_BOOKS} WHERE c.creator_id = ? ORDER BY b.meter"
NAMED_SQL = f"{_NOW}{_BOOKS} WHERE c.creator_id = {_NAMED} ORDER BY b.meter"
MANY_SQL = f"{_NOW}{{keys}} CROSS JOIN {_BOOKS} WHERE c.creator_id = k.c0 ORDER BY c.creator_id, b.meter"
THEN_SQL = (
    f"SELECT {_HEAD}, e.seq, e.recorded_at_us, e.policy_version, {ENTRY_STATE},"
    " (SELECT CAST(SUM(p.held) AS BIGINT) FROM pitch p WHERE p.creator_id = b.creator_id AND p.meter = b.meter"
    " AND p.opened_at_us <= ? AND p.expires_at_us > ? AND (p.closed_at_us IS NULL OR p.closed_at_us > ?))"
    f" FROM {_BOOKS}"
    " LEFT JOIN entry e ON e.creator_id = b.creator_id AND e.meter = b.meter AND e.seq ="
    " (SELECT x.seq FROM entry x WHERE x.creator_id = b.creator_id AND x.meter = b.meter"
    " AND x.recorded_at_us <= ? ORDER BY x.recorded_at_us DESC LIMIT 1)"
    " WHERE c.creator_id = ? ORDER BY b.meter"
)
NAMED_THEN_SQL = THEN_SQL.replace("c.creator_id = ? ORDER", f"c.creator_id = {_NAMED} ORDER")


# Which of a creator's books the asker may know of: of (creator_id, visibility, meters).
Sight = Callable[[str, str, Sequence[str]], Collection[str]]


@dataclass(frozen=True, slots=True)
class Record:
    """What a meter forgets: totals without decay, amounts in micro-trust."""

    credits: int
    drains: int
    breaches: int
    apologies: int


@dataclass(frozen=True, slots=True)
class Balance:
    """One book as a reader sees it. Amounts in micro-trust, `points` and `plus_minus` in millionths.

    `state` is carried forward to the day asked for; `settled_through` says how far it is posted. A network's book has
    a `label`, a brand's tells how its `relationship` stands. That and `record` are kept for now only, and None for the
    past. `available` is what no authorised pitch has reserved.
    """

    meter: str
    state: State
    seq: int
    recorded_at_us: int
    settled_through: int
    live: bool
    final: bool
    policy_version: str
    points: int
    plus_minus: int
    reliability: int
    confidence: str
    label: Label | None
    available: int
    relationship: str | None
    record: Record | None

    @property
    def standing(self) -> int:
        """The balance people see, in micro-trust."""
        return self.state.fresh + self.state.bedrock


@dataclass(frozen=True, slots=True)
class Balances:
    """All of a creator's books at one moment; the totals are those of the network books alone."""

    creator_id: str
    visibility: str
    as_of_us: int
    final: bool
    books: tuple[Balance, ...]

    @property
    def networks(self) -> list[Balance]:
        """The books that count in total."""
        return [book for book in self.books if book.meter.startswith("network:")]

    @property
    def standing(self) -> int:
        """Standing over all networks, in micro-trust."""
        return sum(book.standing for book in self.networks)

    @property
    def mending(self) -> int:
        """What is on its way back over all networks, in micro-trust."""
        return sum(book.state.mending for book in self.networks)

    @property
    def available(self) -> int:
        """What could be spent over all networks, in micro-trust."""
        return sum(book.available for book in self.networks)


@dataclass(frozen=True, slots=True)
class Shelf:
    """Which books a creator has, and who may see them."""

    creator_id: str
    visibility: str
    meters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lookup:
    """Balances by the place of the reference asked for; `missing` are the places without an answer."""

    found: dict[int, Balances]
    missing: tuple[int, ...]


def balances(
    session: Reading,
    *,
    creator: CreatorRef,
    now_us: int,
    schedule: Schedule,
    as_of_us: int | None = None,
    meter: str | None = None,
    sight: Sight | None = None,
) -> Balances:
    """A creator's books now, or as of a moment. Raises UnknownCreator, or NotFound for no such meter.

    Books out of `sight` are left out before anything is worked out, so that a creator whom the asker may not know of
    takes no longer than one who is not there.
    """
    rows = _rows_now(session, creator, now_us) if as_of_us is None else _rows_then(session, creator, as_of_us)
    rows = _in_sight(rows, sight)
    if not rows:
        raise UnknownCreator("no such creator")
    if meter is not None:
        rows = [row for row in rows if row[2] == meter]
        if not rows:
            raise NotFound(f"no book {meter} of this creator")
    if as_of_us is None:
        return _balances(rows, at_us=now_us, now_us=now_us, schedule=schedule)
    since = as_of_us // DAY_US - LABEL_DAYS
    rows = [(*row[:16], *hindsight.label_columns(session, row, since), row[16]) for row in rows]
    return _balances(rows, at_us=as_of_us, now_us=now_us, schedule=schedule)


def _rows_now(session: Reading, creator: CreatorRef, now_us: int) -> list[Row]:
    sql, since = NOW_SQL if creator.creator_id else NAMED_SQL, now_us // DAY_US - LABEL_DAYS
    return db.fetch(session, _for_engine(sql, db.is_sqlite(session)), (since, since, now_us, *_named(creator)))


def _rows_then(session: Reading, creator: CreatorRef, as_of_us: int) -> list[Row]:
    sql = THEN_SQL if creator.creator_id else NAMED_THEN_SQL
    return db.fetch(session, sql, (as_of_us, as_of_us, as_of_us, as_of_us, *_named(creator)))


def _named(creator: CreatorRef) -> tuple[str | None, ...]:
    return (creator.creator_id,) if creator.creator_id else (creator.network, creator.external_id)


def _in_sight(rows: list[Row], sight: Sight | None) -> list[Row]:
    """The rows, all of one creator, of books that the asker may know of."""
    if sight is None or not rows:
        return rows
    meters = sight(rows[0][0], rows[0][1], [row[2] for row in rows])
    return rows if len(meters) == len(rows) else [row for row in rows if row[2] in meters]


@cache
def _for_engine(sql: str, is_sqlite: bool, since: str = "?", now: str = "?") -> str:
    sql = label_columns.for_engine(sql, is_sqlite=is_sqlite)
    return sql.replace("{since}", since).replace("{now}", now)


def shelf(session: Reading, *, creator: CreatorRef) -> Shelf:
    """A creator's books by name. Raises UnknownCreator."""
    creator_id = creator.creator_id or creators.find(session, creator)
    sql = f"SELECT c.visibility, b.meter FROM {_BOOKS} WHERE c.creator_id = ? ORDER BY b.meter"
    rows = db.fetch(session, sql, (creator_id,))
    if not rows:
        raise UnknownCreator("no such creator")
    return Shelf(creator_id, rows[0][0], tuple(row[1] for row in rows))


def lookup(
    session: Reading,
    *,
    creators: Sequence[CreatorRef],
    now_us: int,
    schedule: Schedule,
    sight: Sight | None = None,
) -> Lookup:
    """Many creators' books at once: two statements, however many. Books out of `sight` are left out."""
    named = {_name(ref) for ref in creators if ref.creator_id is None}
    accounts = lookups.accounts(session, named)
    ids = [ref.creator_id or accounts.get(_name(ref), (None,))[0] for ref in creators]
    since = now_us // DAY_US - LABEL_DAYS
    keys = [(one, since, now_us) for one in sorted({one for one in ids if one})]
    sql = _for_engine(MANY_SQL, db.is_sqlite(session), "k.c1", "k.c2")
    rows = db.fetch_keyed(session, sql, ("id", "int", "int"), keys)
    built = {
        creator_id: _balances(seen, at_us=now_us, now_us=now_us, schedule=schedule)
        for creator_id, group in groupby(rows, key=itemgetter(0))
        if (seen := _in_sight(list(group), sight))
    }
    found = {place: built[one] for place, one in enumerate(ids) if one in built}
    return Lookup(found, tuple(place for place in range(len(creators)) if place not in found))


def _name(ref: CreatorRef) -> tuple[str, str]:
    return ref.network or "", ref.external_id or ""


def _balances(rows: Sequence[Row], *, at_us: int, now_us: int, schedule: Schedule) -> Balances:
    settled, day = at_us <= now_us - FINAL_AFTER_US, at_us // DAY_US
    books = tuple(_balance(row, day, settled, schedule) for row in rows)
    final = settled and all(book.live for book in books)
    return Balances(rows[0][0], rows[0][1], at_us, final, books)


@lru_cache(maxsize=KEPT)
def _balance(row: Row, day: int, settled: bool, schedule: Schedule) -> Balance:
    """A balance follows from its row, the day and the rules alone, so the same ones need not be worked out again."""
    live, seq, recorded_at_us, version = bool(row[3]), row[4] or 0, row[5] or 0, row[6] or ""
    posted = State(*row[7:16]) if seq else State(day=day)
    state = economy.accrue(posted, day, schedule, policy_version=version)
    policy = schedule.at(day, version)
    standing = state.fresh + state.bedrock
    reliability = economy.reliability(state.credits, state.drains)
    return Balance(
        meter=row[2],
        state=state,
        seq=seq,
        recorded_at_us=recorded_at_us,
        settled_through=posted.day,
        live=live,
        final=settled and live,
        policy_version=policy.version,
        points=economy.meter(standing, policy["meter.half"]),
        plus_minus=economy.plus_minus(reliability, state.known),
        reliability=reliability,
        confidence=confidence(state.known, policy),
        label=None if row[2].startswith("brand:") else _label(state, standing, reliability, row, policy),
        available=max(0, max(0, standing) - (row[19] or 0)),
        relationship=row[20] if len(row) > 20 else None,
        record=Record(*row[21:25]) if len(row) > 21 else None,
    )


def confidence(known: int, policy: Policy) -> str:
    """How much is known, in a word: few, some or many acts; `known` is their decayed count in ppm."""
    if known >= policy["confidence.many"] * PPM:
        return "many"
    return "some" if known >= policy["confidence.some"] * PPM else "few"


def _label(state: State, standing: int, reliability: int, row: Row, policy: Policy) -> Label:
    owing = label_columns.unowned(row[17])
    return labels.label(
        days=label_columns.day_counts(row[16]),
        today=state.day,
        credits=state.credits,
        drains=state.drains,
        known=state.known,
        standing=standing,
        reliability=reliability,
        hidden_since=label_columns.hidden_since(owing),
        policy=policy,
        was=row[18],
        unowned=owing,
    )


__all__ = [
    "Balance",
    "Balances",
    "Lookup",
    "OpenAllegation",
    "OpenBreach",
    "Point",
    "Recomputed",
    "Record",
    "Relabelling",
    "Shelf",
    "StatementLine",
    "balances",
    "cleared_breaches",
    "confidence",
    "history",
    "lookup",
    "marks",
    "one_entry",
    "open_breaches",
    "relabellings",
    "shelf",
    "statement",
    "unanswered",
]
