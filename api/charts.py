"""Drawings: a meter's scale and a year of standing, as the coordinates that a template writes as SVG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from ledger.days import EPOCH
from ledger.economy import MICROS
from ledger.histories import Mark, Point, Relabelling

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
SHAPES = {"pitch": "pitch", "breach": "breach", "evasion": "evasion", "apology": "apology", "cleared": "apology"}
LEGEND = {
    "pitch": "sponsored post",
    "breach": "breach",
    "void": "breach, cleared later",
    "evasion": "evasive answer",
    "apology": "owned or cleared",
}
STEPS = (1, 2, 5)
LEAST_SPAN = 10 * MICROS
SMALL = (280, 84)
LETTER, APART = 6.2, 4  # how wide a letter of a flag is on average, and how far apart two are, in pixels


@dataclass(frozen=True, slots=True)
class Spot:
    """Something marked on the line; `shape` is a class of the style sheet."""

    x: float
    y: float
    shape: str
    title: str


@dataclass(frozen=True, slots=True)
class Flag:
    """A day on which the label changed; `text`, empty where there is no room, stands `at`, with that `anchor`."""

    x: float
    name: str
    text: str
    at: float
    anchor: str
    title: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing in its own units, which are pixels where it is shown at full width."""

    width: int
    height: int
    left: float
    right: float
    bottom: float
    zero: float
    line: str
    area: str
    ahead: str
    now: float
    levels: tuple[tuple[float, str], ...]
    months: tuple[tuple[float, str], ...]
    spots: tuple[Spot, ...]
    flags: tuple[Flag, ...] = ()

    @property
    def legend(self) -> list[tuple[str, str]]:
        """The shapes there are to see, and what each means."""
        seen = {spot.shape for spot in self.spots}
        return [(shape, meaning) for shape, meaning in LEGEND.items() if shape in seen]


@dataclass(frozen=True, slots=True)
class Frame:
    """Where days and amounts lie on the paper."""

    width: int
    height: int
    first: int
    last: int
    low: int
    high: int
    left: float = 1
    right: float = 40
    top: float = 14
    foot: float = 26

    def x(self, day: float) -> float:
        """Where a day lies."""
        span = max(self.last - self.first, 1)
        return round(self.left + (day - self.first) / span * (self.width - self.left - self.right), 1)

    def y(self, micros: float) -> float:
        """Where an amount lies."""
        paper = self.height - self.top - self.foot
        return round(self.top + (self.high - micros) / (self.high - self.low) * paper, 1)


def draw(
    points: Sequence[Point],
    marks: Sequence[tuple[Mark, str]],
    ahead: Sequence[tuple[int, int]],
    changes: Sequence[tuple[Relabelling, str]] = (),
    *,
    width: int,
    height: int,
) -> Chart:
    """A line of standing with what happened marked on it, and (day, standing) ahead of it as a broken line.

    `marks` and `changes` of the label come with their titles, oldest first. Needs at least one point.
    """
    held = [point.standing for point in points] + [standing for _, standing in ahead]
    step = _step(max(*held, LEAST_SPAN) - min(*held, 0), 4 if height > 230 else 3)
    low, high = min(*held, 0) // step * step, -(-max(*held, step) // step) * step
    last = ahead[-1][0] if ahead else points[-1].day
    frame = Frame(width, height, points[0].day, last, low, high, top=26 if changes else 14)
    line = _path(frame, [(point.day, point.standing) for point in points])
    zero = frame.y(0)
    start, end = frame.x(points[0].day), frame.x(points[-1].day)
    levels = tuple((frame.y(level), _level(level)) for level in range(low, high + 1, step))
    return Chart(
        width=width,
        height=height,
        left=frame.left,
        right=width - frame.right,
        bottom=height - frame.foot,
        zero=zero,
        line=line,
        area=f"{line}L{end},{zero}L{start},{zero}Z",
        ahead=_path(frame, [(points[-1].day, points[-1].standing), *ahead]) if ahead else "",
        now=end,
        levels=levels,
        months=tuple(_months(frame, every=1 if width > 600 else 3)),
        spots=tuple(_spots(frame, points, marks)),
        flags=tuple(reversed([*_flags(frame, changes)])),
    )


def _spots(frame: Frame, points: Sequence[Point], marks: Sequence[tuple[Mark, str]]) -> Iterator[Spot]:
    """Marks on the line. A hidden pitch is shown once, as the breach that it is."""
    standing = {point.day: point.standing for point in points}
    for mark, title in marks:
        if mark.day in standing and not (mark.kind == "pitch" and mark.hidden):
            yield Spot(frame.x(mark.day), frame.y(standing[mark.day]), shape(mark), title)


def _flags(frame: Frame, changes: Sequence[tuple[Relabelling, str]]) -> Iterator[Flag]:
    """Changes of the label, the newest first: that one has room, an earlier one is named where it covers no later."""
    room: float = frame.width - frame.right + APART
    for change, title in reversed(changes):
        x, width = frame.x(change.day), len(change.now) * LETTER
        if x + width + APART <= room:
            yield Flag(x, change.now, change.now, x, "start", title)
            room = x
        elif frame.left <= x - width and x <= room:
            yield Flag(x, change.now, change.now, x, "end", title)
            room = x - width - APART
        else:
            yield Flag(x, change.now, "", x, "start", title)


def shape(mark: Mark) -> str:
    """The shape that marks it: what turned out not to have been is drawn hollow."""
    return "void" if mark.cleared else SHAPES.get(mark.kind, "pitch")


def _path(frame: Frame, places: Sequence[tuple[int, int]]) -> str:
    return "M" + "L".join(f"{frame.x(day)},{frame.y(standing)}" for day, standing in places)


def _step(span: int, lines: int) -> int:
    """A round amount that cuts a span into about so many parts."""
    power = MICROS
    while True:
        for step in STEPS:
            if step * power * lines >= span:
                return step * power
        power *= 10


def _level(micros: int) -> str:
    return f"{micros // MICROS:,}".replace("-", "\N{MINUS SIGN}")


def _months(frame: Frame, *, every: int) -> list[tuple[float, str]]:
    """Where months begin, and what to write there: the year beside each January."""
    found = []
    for day in range(frame.first, frame.last + 1):
        on = date.fromordinal(EPOCH + day)
        if on.day == 1 and (on.month - 1) % every == 0 and frame.x(day) < frame.width - frame.right - 14:
            name = MONTHS[on.month - 1]
            found.append((frame.x(day), f"{name} {on.year}" if on.month == 1 else name))
    return found


@dataclass(frozen=True, slots=True)
class Scale:
    """A meter from 0 to 100 on a line, with the stretch that its uncertainty covers."""

    value: float
    low: float
    high: float


def scale(points: int, plus_minus: int) -> Scale:
    """Where a meter's points (in millionths) lie on a scale from 0 to 100."""
    value, spread = points / MICROS, plus_minus / MICROS
    return Scale(round(value, 2), round(max(0, value - spread), 2), round(min(100, value + spread), 2))


@dataclass(frozen=True, slots=True)
class Small:
    """A small drawing of one stick over a year, on its own scale; `low` and `high` are what its ends say."""

    width: int
    height: int
    left: float
    right: float
    top: float
    bottom: float
    low: str
    high: str
    line: str
    dots: tuple[tuple[float, float], ...]


def small(
    places: Sequence[tuple[int, int]],
    *,
    first: int,
    last: int,
    scale: tuple[int, int],
    ends: tuple[str, str],
    dotted: bool = False,
) -> Small:
    """(day, value) places on a scale (low, high), values in millionths, whose ends are written as told.

    `dotted` where each place was read by itself and nothing is known between them. Needs at least one place.
    """
    frame = Frame(SMALL[0], SMALL[1], first, last, *scale, left=6, right=6, top=6, foot=6)
    return Small(
        width=frame.width,
        height=frame.height,
        left=frame.left,
        right=frame.width - frame.right,
        top=frame.top,
        bottom=frame.height - frame.foot,
        low=ends[0],
        high=ends[1],
        line=_path(frame, places),
        dots=tuple((frame.x(day), frame.y(value)) for day, value in places) if dotted else (),
    )


def round_scale(values: Sequence[int]) -> tuple[int, int]:
    """A scale from 0, or below where values are, to a round amount above them all; in millionths."""
    step = _step(max(*values, LEAST_SPAN) - min(*values, 0), 4)
    return min(*values, 0) // step * step, -(-max(*values, step) // step) * step
