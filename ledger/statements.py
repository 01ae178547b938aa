"""Statements: what happened to a book, newest first, each with reason, factors and place in the chain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from ledger import chain, db, economy, kinds
from ledger.books import ENTRY_COLUMNS
from ledger.db import Reading, Row
from ledger.economy import MICROS, Pools, State
from ledger.errors import NotFound
from ledger.policy import Schedule

SETTLEMENT = "settlement"
_LINES = (
    f"SELECT {ENTRY_COLUMNS}, v.source, v.external_ref, v.facts, v.occurred_at_us, p.policy_version, p.hash"
    " FROM entry e LEFT JOIN event v ON v.creator_id = e.creator_id AND v.event_id = e.event_id"
    " LEFT JOIN entry p ON p.creator_id = e.creator_id AND p.meter = e.meter AND p.seq = e.seq - 1"
    " WHERE e.creator_id = ? AND e.meter = ?"
)


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One entry as its owner reads it. Amounts in micro-trust, factors in ppm, micro-trust or days.

    `amount` is what the book gained from outside, `change` what standing did: they differ by what mends.
    `returned` is what came back from mending as time passed; the rest of a settlement's change faded.
    """

    meter: str
    seq: int
    kind: str
    title: str
    reason: str
    about: int | None
    amount: int
    change: int
    mending: int
    returned: int
    standing: int
    factors: Mapping[str, int]
    policy_version: str
    event_id: str | None
    source: str | None
    external_ref: str | None
    occurred_at_us: int
    recorded_at_us: int
    prev_hash: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class Recomputed:
    """An entry's amount in micro-trust, worked out again from its factors, and what agrees."""

    amount: int
    amount_agrees: bool
    hash_agrees: bool
    link_agrees: bool


def statement(
    session: Reading,
    *,
    creator_id: str,
    meter: str,
    before_seq: int | None = None,
    kind: str | None = None,
    limit: int,
    schedule: Schedule,
) -> list[StatementLine]:
    """Lines of a book from `before_seq` (not included) backwards, of one kind where asked."""
    sql = _LINES
    params: tuple[object, ...] = (creator_id, meter)
    conditions = ((" AND e.seq < ?", before_seq), (" AND e.kind = ?", kind))
    for condition, value in conditions:
        if value is not None:
            sql, params = sql + condition, (*params, value)
    rows = db.fetch(session, f"{sql} ORDER BY e.seq DESC LIMIT ?", (*params, limit))
    return [_line(row, schedule) for row in rows]


def onward(
    session: Reading, *, creator_id: str, meter: str, after_seq: int, through_seq: int, limit: int, schedule: Schedule
) -> list[StatementLine]:
    """Lines of a book from `after_seq` (not included) onwards, `through_seq` the last one at most."""
    sql = f"{_LINES} AND e.seq > ? AND e.seq <= ? ORDER BY e.seq LIMIT ?"
    rows = db.fetch(session, sql, (creator_id, meter, after_seq, through_seq, limit))
    return [_line(row, schedule) for row in rows]


def one_entry(
    session: Reading, *, creator_id: str, meter: str, seq: int, schedule: Schedule
) -> tuple[StatementLine, Recomputed]:
    """One line, and the same worked out again. Raises NotFound."""
    rows = db.fetch(session, f"{_LINES} AND e.seq = ?", (creator_id, meter, seq))
    if not rows:
        raise NotFound(f"no entry {seq} in the book {meter}")
    return _line(rows[0], schedule), _recompute(rows[0], schedule)


def title(kind: str) -> str:
    """What heads a line of that kind."""
    return "Time passing" if kind == SETTLEMENT else kinds.title(kind)


def _before(row: Row) -> State:
    """The pools before an entry, from what it did and what it left; the memos stay those after it."""
    left = (after - change for after, change in zip(row[14:18], row[9:13], strict=True))
    return State(*left, *row[18:23])


def _line(row: Row, schedule: Schedule) -> StatementLine:
    kind, factors = row[3], orjson.loads(row[8])
    source, external_ref, facts_json, occurred_at_us = row[27:31]
    facts = orjson.loads(facts_json) if facts_json else {}
    back = _returned(row, factors, schedule) if kind == SETTLEMENT else 0
    reason = time_passed(row, factors, back) if kind == SETTLEMENT else kinds.reason(kind, facts, factors)
    return StatementLine(
        meter=row[1],
        seq=row[2],
        kind=kind,
        title=title(kind),
        reason=reason,
        about=row[4],
        amount=-row[13],
        change=row[9] + row[10],
        mending=row[11] + row[12],
        returned=back,
        standing=row[14] + row[15],
        factors=factors,
        policy_version=row[7],
        event_id=row[5],
        source=source,
        external_ref=external_ref,
        occurred_at_us=row[23] if occurred_at_us is None else occurred_at_us,
        recorded_at_us=row[23],
        prev_hash=bytes(row[25]),
        hash=bytes(row[26]),
    )


def _returned(row: Row, factors: Mapping[str, int], schedule: Schedule) -> int:
    before = _before(row)._replace(day=factors["from_day"])
    return economy.returned(before, factors["to_day"], schedule, policy_version=row[31] or "")


def time_passed(row: Row, factors: Mapping[str, int], back: int) -> str:
    """A settlement as a sentence: how much faded and came back; the two make the change of standing."""
    faded = row[9] + row[10] - back
    days = factors["to_day"] - factors["from_day"]
    parts = []
    if faded:
        what = "of your standing faded" if faded < 0 else "of the distrust faded"
        parts.append(f"{spoken(abs(faded))} {what}")
    if back:
        parts.append(f"{spoken(back)} came back from what was mending")
    when = "A day went by" if days == 1 else f"{days} days went by"
    return f"{when}: {' and '.join(parts) or 'less than could be counted changed'}."


def spoken(micros: int) -> str:
    """An amount as a sentence carries it: two places, or as many as the first digit needs."""
    places = 2 if abs(micros) >= MICROS // 100 else 6
    return f"{micros / MICROS:.{places}f}"


def _recompute(row: Row, schedule: Schedule) -> Recomputed:
    stored, factors, before = Pools(*row[9:13]), orjson.loads(row[8]), _before(row)
    if row[3] == SETTLEMENT:
        start = before._replace(day=factors["from_day"])
        after = economy.accrue(start, factors["to_day"], schedule, policy_version=row[31] or "")
        pools = Pools(*(now - then for now, then in zip(after[:4], start[:4], strict=True)))
    else:
        pools = economy.land(before, kinds.amounts(row[3], factors, schedule.named(row[7]).rates))
    return Recomputed(
        amount=-pools.world,
        amount_agrees=pools == stored,
        hash_agrees=chain.entry_hash(row) == bytes(row[26]),
        link_agrees=bytes(row[32] or chain.GENESIS) == bytes(row[25]),
    )
