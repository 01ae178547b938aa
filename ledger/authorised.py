"""Authorised pitches as readers see them: how each stands at a moment, what it took, and what each side reported."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import orjson

from ledger import db, ids
from ledger.db import Reading, Row
from ledger.errors import NotFound
from ledger.kinds import facts as facts_of
from ledger.kinds.hold import HeldFacts
from ledger.kinds.outcome import OutcomeFacts
from ledger.kinds.pitch import whole_drain

PREFIX = "pitch"
STATUSES = ("held", "accepted", "published", "declined", "withdrawn", "expired")
_NOW = "CASE WHEN p.closed_at_us IS NULL AND p.expires_at_us <= ? THEN 'expired' ELSE p.status END"
_EVENT_OF = (
    "LEFT JOIN entry {0}e ON {0}e.creator_id = p.creator_id AND {0}e.meter = p.meter AND {0}e.seq = {1}"
    " LEFT JOIN event {0} ON {0}.creator_id = p.creator_id AND {0}.event_id = {0}e.event_id"
)
_SQL = (
    f"SELECT p.creator_id, p.pitch_id, p.meter, p.brand, {_NOW}, p.drain, p.held, p.opened_at_us, p.expires_at_us,"
    " p.closed_at_us, p.captured, p.unpaid, h.facts, w.facts, w.occurred_at_us, we.factors,"
    " (SELECT r.seq FROM entry r WHERE r.creator_id = p.creator_id AND r.meter = p.meter AND r.about = p.captured"
    " AND r.kind = 'reversal'), o.ratio, t.source, t.facts, t.occurred_at_us FROM pitch p"
    f" {_EVENT_OF.format('h', 'p.seq')} {_EVENT_OF.format('w', 'p.captured')}"
    " LEFT JOIN outcome o ON o.creator_id = p.creator_id AND o.meter = p.meter AND o.about = p.captured"
    f" AND o.ratio > 0 {_EVENT_OF.format('t', 'o.seq')}"
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the audience took it, as `source` measured it: `ratio` of outcome to formula, in ppm; 1 is as expected."""

    ratio: int
    source: str
    told_at_us: int
    facts: OutcomeFacts


@dataclass(frozen=True, slots=True)
class Authorised:
    """A pitch as it stands at a moment. Amounts in micro-trust, times in microseconds since 1970.

    `holds` is what it reserves at that moment, `captured` what its publication took, of what was `quoted` all but
    `unpaid`, and more where the book had grown; `reversed_by` is the line that undid it.
    """

    creator_id: str
    pitch_id: str
    meter: str
    brand: str
    status: str
    quoted: int
    held: int
    opened_at_us: int
    expires_at_us: int
    closed_at_us: int | None
    capture_seq: int | None
    unpaid: int
    terms: HeldFacts
    disclosed: str | None
    published_at_us: int | None
    captured: int
    reversed_by: int | None
    outcome: Outcome | None

    @property
    def name(self) -> str:
        """The id that is shown of it."""
        return ids.join(PREFIX, self.creator_id, self.pitch_id)

    @property
    def holds(self) -> int:
        """What it reserves now."""
        return self.held if self.status in ("held", "accepted") else 0

    @property
    def ended_at_us(self) -> int | None:
        """When it was published, came to an end or ran out, whenever that was written down."""
        return self.expires_at_us if self.status == "expired" else self.closed_at_us


def find(session: Reading, *, creator_id: str, pitch_id: str, now_us: int) -> Authorised:
    """One pitch as it stands at a moment. Raises NotFound."""
    rows = db.fetch(session, f"{_SQL} WHERE p.creator_id = ? AND p.pitch_id = ?", (now_us, creator_id, pitch_id))
    if not rows:
        raise NotFound(f"there is no such {PREFIX}")
    return _authorised(rows[0])


def listed(
    session: Reading,
    *,
    limit: int,
    now_us: int,
    creator_id: str | None = None,
    brand: str | None = None,
    networks: Collection[str] | None = None,
    status: str | None = None,
    before: str | None = None,
) -> list[Authorised]:
    """Pitches quoted before one of them, newest first: of a creator, a brand, on networks, of a status as it is now.

    Without a creator this asks every node.
    """
    asked: list[tuple[str, Any]] = [
        ("p.creator_id = ?", creator_id),
        ("p.brand = ?", brand),
        ("p.pitch_id < ?", before),
    ]
    conditions = [condition for condition, value in asked if value is not None]
    params: list[object] = [now_us, *(value for _, value in asked if value is not None)]
    if status is not None:
        conditions.append(f"{_NOW} = ?")
        params += [now_us, status]
    if networks is not None:
        meters = [f"network:{network}" for network in networks] or [""]
        conditions.append(f"p.meter IN ({', '.join('?' for _ in meters)})")
        params += meters
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    rows = db.fetch(session, f"{_SQL}{where} ORDER BY p.pitch_id DESC LIMIT ?", (*params, limit))
    return [_authorised(row) for row in rows]


def _authorised(row: Row) -> Authorised:
    held, published, factors, told = row[12], row[13], row[15], row[19]
    taken = None
    if told:
        taken = Outcome(row[17], row[18], row[20], facts_of.read(OutcomeFacts, orjson.loads(told), seal=str))
    terms = facts_of.read(HeldFacts, orjson.loads(held), seal=str)
    disclosed = orjson.loads(published)["disclosure"] if published else None
    captured = whole_drain(orjson.loads(factors)) if factors else 0
    return Authorised(*row[:12], *(terms, disclosed, *row[14:15], captured, *row[16:17], taken))
