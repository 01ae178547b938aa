"""Readings: what other measuring sticks said of a creator, and when. Kept to be seen beside trust, and never priced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ledger import db, tables
from ledger.db import Session
from ledger.errors import InvalidEvent, UnknownCreator
from ledger.events import EARLIEST_US, SKEW_US

READING = tables.Reading.__table__  # type: ignore[attr-defined]
MOST_AT_ONCE, MOST_STICKS, MOST_READINGS = 100, 20, 1_000
_COLUMNS = "stick, read_at_us, value, low, high, source"
_COUNTS_SQL = "SELECT stick, COUNT(*) FROM reading WHERE creator_id = ? GROUP BY stick"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a stick said at a moment: a value on its scale from `low` to `high`, all in millionths."""

    stick: str
    read_at_us: int
    value: int
    low: int
    high: int
    source: str


def put(session: Session, *, creator_id: str, readings: Sequence[Reading], now_us: int) -> None:
    """Keep readings; one of the same stick and moment takes the other's place. Raises InvalidEvent by pointer."""
    if wrong := _wrong(readings, now_us):
        raise InvalidEvent(wrong)
    # Whoever keeps readings of this creator at the same time waits here, so that the bounds hold.
    if not db.execute(session, "UPDATE profile SET handle = handle WHERE creator_id = ?", (creator_id,)):
        raise UnknownCreator("no such creator")  # erased meanwhile
    rows = [(creator_id, r.stick, r.read_at_us, r.value, r.low, r.high, r.source) for r in readings]
    db.upsert(session, READING, rows)
    held = {row[0]: row[1] for row in db.fetch(session, _COUNTS_SQL, (creator_id,))}
    if wrong := _too_many(readings, held):
        raise InvalidEvent(wrong)


def _wrong(readings: Sequence[Reading], now_us: int) -> list[tuple[str, str]]:
    wrong, seen = [], dict[tuple[str, int], int]()
    for place, reading in enumerate(readings):
        wrong += [(f"/readings/{place}/{name}", what) for name, what in _wrong_with(reading, now_us)]
        first = seen.setdefault((reading.stick, reading.read_at_us), place)
        if first != place:
            wrong.append((f"/readings/{place}", f"is of the same stick and moment as /readings/{first}"))
    return wrong


def _wrong_with(reading: Reading, now_us: int) -> list[tuple[str, str]]:
    wrong = []
    if reading.high <= reading.low:
        wrong.append(("high", "must be above low"))
    elif not reading.low <= reading.value <= reading.high:
        wrong.append(("value", "must lie on its scale, from low to high"))
    if not EARLIEST_US <= reading.read_at_us <= now_us + SKEW_US:
        wrong.append(("read_at", "must not be before the year 2000 or in the future"))
    return wrong


def _too_many(readings: Sequence[Reading], held: Mapping[str, int]) -> list[tuple[str, str]]:
    if len(held) > MOST_STICKS:
        return [("/readings", f"would make {len(held)} sticks: a creator has {MOST_STICKS} at most")]
    full = {stick for stick, count in held.items() if count > MOST_READINGS}
    return [
        (f"/readings/{place}", f"is more than the {MOST_READINGS:,} that are kept of a stick")
        for place, reading in enumerate(readings)
        if reading.stick in full
    ]


def listed(
    session: db.Reading,
    *,
    creator_id: str,
    stick: str | None = None,
    before: tuple[int, str] | None = None,
    limit: int,
) -> list[Reading]:
    """Readings before a (moment, stick), newest first; of one stick where asked."""
    sql, params = f"SELECT {_COLUMNS} FROM reading WHERE creator_id = ?", (creator_id,)
    more: list[object] = []
    if stick is not None:
        sql, more = f"{sql} AND stick = ?", [stick]
    if before is not None:
        sql, more = f"{sql} AND (read_at_us < ? OR (read_at_us = ? AND stick < ?))", [*more, before[0], *before]
    rows = db.fetch(session, f"{sql} ORDER BY read_at_us DESC, stick DESC LIMIT ?", (*params, *more, limit))
    return [Reading(*row) for row in rows]


def since(session: db.Reading, *, creator_id: str, from_us: int) -> dict[str, list[Reading]]:
    """Readings since a moment by stick, oldest first, sticks by name."""
    rows = db.fetch(
        session,
        f"SELECT {_COLUMNS} FROM reading WHERE creator_id = ? AND read_at_us >= ? ORDER BY stick, read_at_us",
        (creator_id, from_us),
    )
    found: dict[str, list[Reading]] = {}
    for row in rows:
        found.setdefault(row[0], []).append(Reading(*row))
    return found


def latest(session: db.Reading, *, creator_id: str) -> list[Reading]:
    """The last reading of each stick, sticks by name."""
    rows = db.fetch(
        session,
        f"SELECT {_COLUMNS} FROM reading r WHERE creator_id = ? AND read_at_us = (SELECT MAX(x.read_at_us)"
        " FROM reading x WHERE x.creator_id = r.creator_id AND x.stick = r.stick) ORDER BY stick",
        (creator_id,),
    )
    return [Reading(*row) for row in rows]
