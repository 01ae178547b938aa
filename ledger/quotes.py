"""Quotes: estimates that bind. A brand has one live quote per book: a newer one takes the older one's place.

A quote is not in the chain, for it changes nothing; the hold that is made on it is.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import orjson

from ledger import db, events, ids, tables
from ledger.db import Reading, Session
from ledger.economy import HOUR_US, PPM
from ledger.estimate import Estimate
from ledger.proposals import Proposal

QUOTE = tables.Quote.__table__  # type: ignore[attr-defined]
PREFIX = "quote"
HOURS = 24
_COLUMNS = ", ".join(column.name for column in QUOTE.columns)
_FIND_SQL = f"SELECT {_COLUMNS} FROM quote WHERE creator_id = ? AND quote_id = ?"
_NEWEST_SQL = (
    "SELECT quote_id FROM quote WHERE creator_id = ? AND meter = ? AND brand = ?"
    " ORDER BY made_at_us DESC, quote_id DESC LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a quote promises. Amounts in micro-trust; `fit`, `share`, `mending` and the ratios in ppm.

    `drain` is the formula's, `held` what a hold reserves (p90 of the drain, and no less than the drain), `share` the
    part of standing that the pitch takes before its least, `mending` the part of the drain that returns, `credit` what
    is given back for disclosing it. `p10`, `p50` and `p90` are drains at the ratios `low`, `mid` and `high` of outcome
    to formula.
    """

    brand: str
    disclosure: str
    fit: int
    followers: int | None
    established: bool
    policy_version: str
    drain: int
    held: int
    share: int
    mending: int
    credit: int
    p10: int
    p50: int
    p90: int
    low: int
    mid: int
    high: int


@dataclass(frozen=True, slots=True)
class Quote:
    """Terms offered to a brand for one book until they expire; times in microseconds since 1970."""

    creator_id: str
    quote_id: str
    meter: str
    brand: str
    terms: Terms
    made_by: str
    made_at_us: int
    expires_at_us: int

    @property
    def name(self) -> str:
        """The id that is shown of it."""
        return ids.join(PREFIX, self.creator_id, self.quote_id)

    def is_live(self, now_us: int) -> bool:
        """Whether it still binds at a moment, unless a newer one has taken its place."""
        return now_us < self.expires_at_us


def terms_of(proposal: Proposal, told: Estimate) -> Terms:
    """What an estimate comes to as terms."""
    return Terms(
        brand=proposal.brand,
        disclosure=proposal.disclosure,
        fit=proposal.fit,
        followers=proposal.followers,
        established=proposal.established,
        policy_version=told.policy_version,
        drain=told.drain,
        held=max(told.drain, told.p90.drain),
        share=told.share,
        mending=min(PPM, told.factors["mending"]),
        credit=told.credit,
        p10=told.p10.drain,
        p50=told.p50.drain,
        p90=told.p90.drain,
        low=told.scatter.ratio(0.1),
        mid=told.scatter.ratio(0.5),
        high=told.scatter.ratio(0.9),
    )


def make(
    session: Session,
    *,
    creator_id: str,
    meter: str,
    brand: str,
    made_by: str,
    terms: Terms,
    now_us: int,
    hours: int = HOURS,
) -> Quote:
    """Write a quote that lives so many hours; it takes the place of the brand's earlier one for this book."""
    quote = Quote(creator_id, events.new_id(), meter, brand, terms, made_by, now_us, now_us + hours * HOUR_US)
    written = orjson.dumps(asdict(terms), option=orjson.OPT_SORT_KEYS).decode()
    row = (creator_id, quote.quote_id, meter, brand, written, made_by, now_us, quote.expires_at_us)
    db.insert(session, QUOTE, [row])
    return quote


def find(session: Reading, *, creator_id: str, quote_id: str) -> Quote | None:
    """The quote of that id, expired or replaced or not; None where there is none."""
    rows = db.fetch(session, _FIND_SQL, (creator_id, quote_id))
    if not rows:
        return None
    creator, quote, meter, brand, written, made_by, made_at_us, expires_at_us = rows[0]
    terms = Terms(**orjson.loads(written))
    return Quote(str(creator), str(quote), meter, brand, terms, made_by, made_at_us, expires_at_us)


def newest(session: Reading, *, creator_id: str, meter: str, brand: str) -> str | None:
    """The id of the brand's latest quote for a book: the only one that may be held. None where it has none."""
    rows = db.fetch(session, _NEWEST_SQL, (creator_id, meter, brand))
    return str(rows[0][0]) if rows else None
