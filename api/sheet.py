"""A statement as a page shows it: what matters line by line, and the routine between folded by the week."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from ledger import labels
from ledger.days import EPOCH, MONTHS
from ledger.economy import DAY_US, MICROS
from ledger.labels import nearest
from ledger.statements import SETTLEMENT, StatementLine

ROUTINE = ("engagement", "post", SETTLEMENT)
MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True, slots=True)
class Row:
    """A line, or a fold of routine lines (newest first); `change` is what standing did over all of them."""

    days: tuple[int, int]
    kind: str
    title: str
    reason: str
    change: int
    mending: int
    standing: int
    lines: tuple[StatementLine, ...]

    @property
    def when(self) -> str:
        """The days it covers."""
        return short_days(*self.days)

    @property
    def folded(self) -> bool:
        """Whether it stands for several lines."""
        return len(self.lines) > 1


def rows(lines: Sequence[StatementLine], contested: Collection[int] = ()) -> list[Row]:
    """Rows for lines that come newest first. Those whose number is `contested` stand for themselves."""
    told = {line.seq for line in lines if line.kind not in ROUTINE or line.seq in contested}
    eventful = {line.recorded_at_us // DAY_US for line in lines if line.seq in told}
    dated = [(line, _day(line, eventful)) for line in lines]
    folded = groupby(dated, key=lambda each: _fold(each[0], each[1], told, eventful))
    return [_row(list(group)) for _, group in folded]


def _day(line: StatementLine, eventful: Collection[int]) -> int:
    """The day a line is about. Time that passed before a day with more to tell belongs to the days before it."""
    day = line.recorded_at_us // DAY_US
    return day - 1 if line.kind == SETTLEMENT and day in eventful else day


def _fold(line: StatementLine, day: int, told: Collection[int], eventful: Collection[int]) -> tuple[str, int]:
    """What it is folded by: routine by the week, or by the day where more happened on it, so that no days overlap."""
    if line.seq in told:
        return "line", line.seq
    return ("day", day) if day in eventful else ("week", day - date.fromordinal(EPOCH + day).weekday())


def _row(dated: list[tuple[StatementLine, int]]) -> Row:
    lines = [line for line, _ in dated]
    newest = lines[0]
    alone = len(lines) == 1
    return Row(
        days=(dated[-1][1], dated[0][1]),
        kind="routine" if newest.kind in ROUTINE else newest.kind,
        title=newest.title if alone else _routine_title(lines),
        reason=newest.reason if alone else _routine_reason(lines),
        change=sum(line.change for line in lines),
        mending=sum(line.mending for line in lines),
        standing=newest.standing,
        lines=tuple(lines),
    )


def _routine_title(lines: Sequence[StatementLine]) -> str:
    acts = sum(line.kind == "engagement" for line in lines)
    posts = sum(line.kind == "post" for line in lines)
    parts = [_counted(acts, "act of your audience", "acts of your audience")] if acts else []
    parts += [_counted(posts, "ordinary post", "ordinary posts")] if posts else []
    return " and ".join(parts) or "Time passing"


def _routine_reason(lines: Sequence[StatementLine]) -> str:
    earned = sum(line.change for line in lines if line.kind == "engagement")
    back = sum(line.returned for line in lines)
    faded = sum(line.change - line.returned for line in lines if line.kind == SETTLEMENT)
    said = [f"{amount(earned)} earned"] if earned else []
    said += [f"{amount(abs(faded))} {'faded' if faded < 0 else 'of distrust faded'}"] if faded else []
    said += [f"{amount(back)} came back"] if back else []
    return ", ".join(said)


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def spoken_day(number: int) -> str:
    """A day as people say it: "3 March 2026"."""
    on = date.fromordinal(EPOCH + number)
    return f"{on.day} {MONTHS[on.month - 1]} {on.year}"


def short_days(first: int, last: int) -> str:
    """Days as a column has room for: "3 Mar 2026", "3\N{EN DASH}9 Mar 2026", "28 Feb \N{EN DASH} 6 Mar 2026"."""
    from_date, to_date = date.fromordinal(EPOCH + first), date.fromordinal(EPOCH + last)
    end = f"{to_date.day} {MONTHS[to_date.month - 1][:3]} {to_date.year}"
    if first == last:
        return end
    if from_date.replace(day=1) == to_date.replace(day=1):
        return f"{from_date.day}\N{EN DASH}{end}"
    return f"{from_date.day} {MONTHS[from_date.month - 1][:3]} \N{EN DASH} {end}"


def amount(micros: int) -> str:
    """An amount as people read it: two places, four where it would vanish, a true minus sign."""
    places = 2 if abs(micros) >= MICROS // 100 or not micros else 4
    units = nearest(abs(micros), 10 ** (6 - places))
    sign = MINUS if micros < 0 else ""
    return f"{sign}{units // 10**places:,}.{units % 10**places:0{places}d}"


def signed(micros: int) -> str:
    """A change as people read it, with its sign."""
    return f"+{amount(micros)}" if micros > 0 else amount(micros)


def percent(ppm: int) -> str:
    """A share in whole per cent."""
    return labels.percent(ppm).replace(" ", "\N{NO-BREAK SPACE}")


def whole(millionths: int) -> int:
    """Points, or anything else in millionths, in the nearest whole."""
    return nearest(millionths, MICROS)
