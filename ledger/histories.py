"""Histories: a book day by day, week by week or month by month, with every one of them present."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import orjson

from ledger import db, economy
from ledger.books import ENTRY_STATE
from ledger.days import EPOCH
from ledger.db import Reading, Row
from ledger.economy import DAY_US, State
from ledger.errors import NotFound
from ledger.labels import NAMES
from ledger.policy import Schedule

INTERVALS = ("day", "week", "month")
LONGEST_DAYS = 3_660
MARKED = ("pitch", "breach", "apology", "evasion", "cleared")
MOST_MARKS = 500


@dataclass(frozen=True, slots=True)
class Point:
    """A stretch of days from `day` through `through`, and the book at its end. Amounts in micro-trust.

    The standing before plus `credits` less `drains` plus `drift` (decay and recovery) is `standing`.
    """

    day: int
    through: int
    standing: int
    mending: int
    credits: int
    drains: int
    drift: int


@dataclass(frozen=True, slots=True)
class Mark:
    """Something to point out on a chart: an entry that was neither engagement nor the passing of time.

    `hidden` where it belongs to a pitch that was hidden, `cleared` where it is a breach that was cleared later.
    """

    seq: int
    kind: str
    day: int
    change: int
    standing: int
    hidden: bool
    cleared: bool = False


@dataclass(frozen=True, slots=True)
class Relabelling:
    """The night on which a label was found to be another: the entry, its day, from which to which."""

    seq: int
    day: int
    was: str
    now: str


def history(
    session: Reading,
    *,
    creator_id: str,
    meter: str,
    from_day: int,
    to_day: int,
    interval: str,
    schedule: Schedule,
    now_us: int,
) -> list[Point]:
    """A book from one day through another, today at most. Raises ValueError, or NotFound for no such book."""
    if interval not in INTERVALS:
        raise ValueError(f"interval must be one of {', '.join(INTERVALS)}")
    to_day = min(to_day, now_us // DAY_US)
    if not 0 <= to_day - from_day < LONGEST_DAYS:
        raise ValueError(f"from must lie 0 to {LONGEST_DAYS - 1} days before to")
    opening, changed = _changes(session, creator_id, meter, from_day, to_day)
    days = _days(opening, changed, from_day, to_day, schedule)
    return list(days) if interval == "day" else list(_gathered(days, interval))


def _changes(
    session: Reading, creator_id: str, meter: str, from_day: int, to_day: int
) -> tuple[Row | None, dict[int, Row]]:
    """The last entry before the first day, and of each day with entries its last one and its sums."""
    book = (creator_id, meter)
    if not db.fetch(session, "SELECT 1 FROM book WHERE creator_id = ? AND meter = ?", book):
        raise NotFound(f"no book {meter} of this creator")
    before = db.fetch(
        session,
        f"SELECT {ENTRY_STATE}, e.policy_version FROM entry e WHERE e.creator_id = ? AND e.meter = ?"
        " AND e.recorded_at_us < ? ORDER BY e.recorded_at_us DESC LIMIT 1",
        (*book, from_day * DAY_US),
    )
    rows = db.fetch(
        session,
        f"SELECT d.day, d.credits, d.drains, {ENTRY_STATE}, e.policy_version FROM"
        f" (SELECT recorded_at_us / {DAY_US} AS day, MAX(seq) AS seq,"
        " CAST(SUM(CASE WHEN kind <> 'settlement' AND fresh + bedrock > 0 THEN fresh + bedrock ELSE 0 END)"
        " AS BIGINT) AS credits,"
        " CAST(SUM(CASE WHEN kind <> 'settlement' AND fresh + bedrock < 0 THEN -fresh - bedrock ELSE 0 END)"
        " AS BIGINT) AS drains"
        " FROM entry WHERE creator_id = ? AND meter = ? AND recorded_at_us >= ? AND recorded_at_us < ?"
        " GROUP BY 1) d JOIN entry e ON e.creator_id = ? AND e.meter = ? AND e.seq = d.seq",
        (*book, from_day * DAY_US, (to_day + 1) * DAY_US, *book),
    )
    return before[0] if before else None, {row[0]: row[1:] for row in rows}


def _days(
    opening: Row | None, changed: dict[int, Row], from_day: int, to_day: int, schedule: Schedule
) -> Iterator[Point]:
    state, version = (State(*opening[:9]), opening[9]) if opening else (State(day=from_day), "")
    standing = economy.accrue(state, from_day - 1, schedule, policy_version=version).standing
    for day in range(from_day, to_day + 1):
        credits = drains = 0
        if day in changed:
            credits, drains, *after, version = changed[day]
            state = State(*after)
        state = economy.accrue(state, day, schedule, policy_version=version)
        drift = state.standing - standing - credits + drains
        standing = state.standing
        yield Point(day, day, standing, state.mending, credits, drains, drift)


def _gathered(days: Iterator[Point], interval: str) -> Iterator[Point]:
    held: list[Point] = []
    for point in days:
        if held and _period(point.day, interval) != _period(held[0].day, interval):
            yield _sum(held)
            held = []
        held.append(point)
    if held:
        yield _sum(held)


def _sum(days: list[Point]) -> Point:
    last = days[-1]
    return Point(
        days[0].day,
        last.day,
        last.standing,
        last.mending,
        sum(point.credits for point in days),
        sum(point.drains for point in days),
        sum(point.drift for point in days),
    )


def _period(day: int, interval: str) -> date:
    """The Monday of a day's week, or the first of its month."""
    on = date.fromordinal(EPOCH + day)
    return on.replace(day=1) if interval == "month" else on - timedelta(days=on.weekday())


def marks(session: Reading, *, creator_id: str, meter: str, from_day: int, to_day: int) -> list[Mark]:
    """Pitches, breaches and what answered them, in time order: the newest 500 of those days."""
    asked = ", ".join("?" for _ in MARKED)
    rows = db.fetch(
        session,
        "SELECT e.seq, e.kind, e.recorded_at_us, e.fresh + e.bedrock, e.fresh_after + e.bedrock_after, e.factors,"
        " b.cleared FROM entry e"
        " LEFT JOIN breach b ON b.creator_id = e.creator_id AND b.meter = e.meter AND b.seq = e.seq"
        " WHERE e.creator_id = ? AND e.meter = ? AND e.recorded_at_us >= ? AND e.recorded_at_us < ?"
        f" AND e.kind IN ({asked}) ORDER BY e.recorded_at_us DESC LIMIT {MOST_MARKS}",
        (creator_id, meter, from_day * DAY_US, (to_day + 1) * DAY_US, *MARKED),
    )
    return [
        Mark(seq, kind, at_us // DAY_US, change, standing, _is_hidden(kind, orjson.loads(factors)), bool(cleared))
        for seq, kind, at_us, change, standing, factors, cleared in reversed(rows)
    ]


def relabellings(session: Reading, *, creator_id: str, meter: str, from_day: int, to_day: int) -> list[Relabelling]:
    """The changes of a book's label in those days, oldest first: the newest 500."""
    rows = db.fetch(
        session,
        "SELECT seq, recorded_at_us, factors FROM entry WHERE creator_id = ? AND meter = ? AND recorded_at_us >= ?"
        f" AND recorded_at_us < ? AND kind = 'label' ORDER BY recorded_at_us DESC LIMIT {MOST_MARKS}",
        (creator_id, meter, from_day * DAY_US, (to_day + 1) * DAY_US),
    )
    told = [(seq, at_us // DAY_US, orjson.loads(factors)) for seq, at_us, factors in reversed(rows)]
    return [Relabelling(seq, day, NAMES[found["was"]], NAMES[found["now"]]) for seq, day, found in told]


def _is_hidden(kind: str, factors: dict[str, int]) -> bool:
    """Whether it belongs to a pitch that was hidden from the audience."""
    return "charge" in factors or (kind == "pitch" and not factors.get("mending"))
