"""Measuring: what the sticks are held against, read from a creator's network books in a few statements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ledger import db, histories, sticks
from ledger.db import Reading
from ledger.economy import DAY_US
from ledger.policy import Schedule
from ledger.sticks import Klout, Kred

MONTH, YEAR = 30, 365
_GENEROUS_SQL = "SELECT CAST(SUM(generous) AS BIGINT) FROM book WHERE creator_id = ? AND meter IN ({})"


@dataclass(frozen=True, slots=True)
class Measured:
    """Both sticks on one day, and the standing over all networks (day, micro-trust) that they were held against."""

    day: int
    klout: Klout
    kred: Kred
    course: tuple[tuple[int, int], ...]


def measure(
    session: Reading,
    *,
    creator_id: str,
    meters: Sequence[str],
    now_us: int,
    schedule: Schedule,
    days: int = MONTH + 1,
) -> Measured:
    """Hold the sticks against these network books together, as they stand now and stood at the end of earlier days.

    `course` goes back `days` days, at least the 31 that the changes need.
    """
    course = _course(session, creator_id, meters, max(days, MONTH + 1), now_us, schedule)
    then = dict(course)
    today = course[-1][0]
    return Measured(
        today,
        sticks.klout(now=then[today], day_ago=then[today - 1], week_ago=then[today - 7], month_ago=then[today - MONTH]),
        sticks.kred(standing=then[today], generous=_generous(session, creator_id, meters)),
        course,
    )


def _course(
    session: Reading, creator_id: str, meters: Sequence[str], days: int, now_us: int, schedule: Schedule
) -> tuple[tuple[int, int], ...]:
    """Standing over all these books at the end of each day, today's as it is now."""
    today = now_us // DAY_US
    held = dict.fromkeys(range(today - days + 1, today + 1), 0)
    for meter in meters:
        points = histories.history(
            session,
            creator_id=creator_id,
            meter=meter,
            from_day=today - days + 1,
            to_day=today,
            interval="day",
            schedule=schedule,
            now_us=now_us,
        )
        for point in points:
            held[point.day] += point.standing
    return tuple(held.items())


def _generous(session: Reading, creator_id: str, meters: Sequence[str]) -> int:
    """Answers to fans, corrections, clear disclosures and apologies ever, over these books."""
    sql = _GENEROUS_SQL.format(", ".join("?" for _ in meters))
    return int(db.fetch(session, sql, (creator_id, *meters))[0][0] or 0)
