"""Measuring sticks as a page shows them: small drawings side by side, each on its own scale, and in numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from api import charts, sheet
from api.readings import written
from ledger import activity, measuring, readings, sticks
from ledger.activity import Act
from ledger.economy import DAY_US, MICROS
from ledger.labels import nearest
from ledger.measuring import Measured
from ledger.policy import Schedule
from ledger.readers import Reader
from ledger.readings import Reading

WEEK = 7
ACTS, READINGS = 20, 40
HUNDREDTHS = MICROS // 100


@dataclass(frozen=True, slots=True)
class Multiple:
    """One stick: its last word, what to know of it, and its year."""

    name: str
    now: str
    note: str
    drawn: charts.Small
    told: str


@dataclass(frozen=True, slots=True)
class Week:
    """The sticks at the end of a week, as texts."""

    day: int
    standing: int
    score: str
    influence: int


@dataclass(frozen=True, slots=True)
class Sticks:
    """Everything that a page says of measuring sticks."""

    measured: Measured
    multiples: tuple[Multiple, ...]
    weeks: tuple[Week, ...]
    read: tuple[tuple[int, Reading], ...]
    acts: tuple[Act, ...]


def look(reader: Reader, *, creator_id: str, meters: Sequence[str], now_us: int, schedule: Schedule) -> Sticks:
    """The sticks of a creator's network books over the last year."""
    held = {"creator_id": creator_id, "meters": meters}
    found = measuring.measure(reader, **held, now_us=now_us, schedule=schedule, days=measuring.YEAR)  # type: ignore[arg-type]
    first = found.course[0][0]
    outside = readings.since(reader, creator_id=creator_id, from_us=first * DAY_US)
    weekly = found.course[::-WEEK][::-1]
    newest = sorted((one for told in outside.values() for one in told), key=lambda one: -one.read_at_us)[:READINGS]
    return Sticks(
        measured=found,
        multiples=(*_own(found, weekly), *(_outside(told, first, found.day) for told in outside.values())),
        weeks=tuple(Week(day, held, score(held), sticks.influence(held)) for day, held in reversed(weekly[::4])),
        read=tuple((one.read_at_us // DAY_US, one) for one in newest),
        acts=tuple(activity.acts(reader, creator_id=creator_id, meters=meters, limit=ACTS)[0]),
    )


def score(standing: int) -> str:
    """The score that a standing comes to, as it is shown."""
    tenths = nearest(sticks.score(standing), sticks.TENTH)
    return f"{tenths // 10}.{tenths % 10}"


def plain(millionths: int) -> str:
    """A number on somebody's scale as people read it, with a true minus sign."""
    return written(millionths).replace("-", sheet.MINUS)


def _own(found: Measured, weekly: Sequence[tuple[int, int]]) -> list[Multiple]:
    """Trust itself, and the two sticks that are held against it."""
    low, high = charts.round_scale([standing for _, standing in weekly])
    trust = _drawn(found, weekly, (low, high), (_level(low), _level(high)))
    klout, kred = found.klout, found.kred
    scores = [(day, sticks.score(standing)) for day, standing in weekly]
    influence = [(day, sticks.influence(standing) * MICROS) for day, standing in weekly]
    moved = f"{_signed(klout.day_change)} in a day, {_signed(klout.week_change)} in a week"
    outreach = f"of 1000 · outreach level {kred.outreach} of {sticks.OUTREACH_TOP}"
    on_score = _drawn(found, scores, (MICROS, 100 * MICROS), ("1", "100"))
    on_influence = _drawn(found, influence, (MICROS, 1000 * MICROS), ("1", "1000"))
    return [
        _told("Trust", sheet.amount(found.course[-1][1]), "standing on every network together", trust),
        _told("Score, Klout-style", score(found.course[-1][1]), f"bucket {klout.bucket} · {moved}", on_score),
        _told("Influence, Kred-style", str(kred.influence), outreach, on_influence),
    ]


def _drawn(
    found: Measured, places: Sequence[tuple[int, int]], scale: tuple[int, int], ends: tuple[str, str]
) -> charts.Small:
    return charts.small(places, first=found.course[0][0], last=found.day, scale=scale, ends=ends)


def _outside(told: Sequence[Reading], first: int, today: int) -> Multiple:
    """What another stick said, on the widest of the scales that it said so on."""
    low, high = min(one.low for one in told), max(one.high for one in told)
    places = [(min(one.read_at_us // DAY_US, today), one.value) for one in told]
    ends = (plain(low), plain(high))
    drawn = charts.small(places, first=first, last=today, scale=(low, high), ends=ends, dotted=True)
    last = told[-1]
    note = f"read {sheet.spoken_day(last.read_at_us // DAY_US)}, from {last.source}"
    return _told(last.stick, plain(last.value), note, drawn)


def _told(name: str, now: str, note: str, drawn: charts.Small) -> Multiple:
    return Multiple(name, now, note, drawn, f"{name}: {now} on a scale from {drawn.low} to {drawn.high}; {note}.")


def _level(micros: int) -> str:
    return f"{micros // MICROS:,}".replace("-", sheet.MINUS)


def _signed(millionths: int) -> str:
    hundredths = nearest(millionths, HUNDREDTHS)
    sign = sheet.MINUS if hundredths < 0 else "+" if hundredths else ""
    return f"{sign}{abs(hundredths) // 100}.{abs(hundredths) % 100:02d}"
