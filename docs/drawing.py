"""Charts for the documents: lines over days as SVG by hand, the same bytes on every machine, light and dark."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 760, 370
LEFT, RIGHT, TOP, FOOT = 56, 196, 64, 60
LEAST_GAP = 17

# The colours of the pages: ink on paper, and the same at night.
STYLE = """
  .sheet { fill: #fffefb; stroke: #ddd8ca }
  text { font: 13px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; fill: #5c584e }
  .title { font-size: 16px; font-weight: 600; fill: #1d1c19 }
  .level { stroke: #ddd8ca } .zero { stroke: #8f897a } .tick { stroke: #8f897a } .band { fill: #f3efe4 }
  .line { fill: none; stroke-width: 2.2; stroke-linejoin: round } .thin { stroke-width: 1.4; stroke-dasharray: 4 4 }
  .leader { fill: none; stroke-width: 1 } .name { font-weight: 600 }
  .green { stroke: #12624a } .red { stroke: #a3211c } .blue { stroke: #24457c } .amber { stroke: #a86a00 }
  .plum { stroke: #7a3b86 } .teal { stroke: #0f7f8f } .quiet { stroke: #8f897a }
  .green-ink { fill: #12624a } .red-ink { fill: #a3211c } .blue-ink { fill: #24457c } .amber-ink { fill: #7a4b00 }
  .plum-ink { fill: #7a3b86 } .teal-ink { fill: #0b6573 } .quiet-ink { fill: #5c584e }
  @media (prefers-color-scheme: dark) {
    .sheet { fill: #1c1d22; stroke: #33343a }
    text, .quiet-ink { fill: #a9a598 } .title { fill: #ece9e0 }
    .level { stroke: #33343a } .zero, .tick, .quiet { stroke: #6f6d66 } .band { fill: #25262c }
    .green { stroke: #72cfa6 } .red { stroke: #ff9285 } .blue { stroke: #9fbdf5 } .amber { stroke: #e8bb6c }
    .plum { stroke: #d9a6e4 } .teal { stroke: #6fd3e0 }
    .green-ink { fill: #72cfa6 } .red-ink { fill: #ff9285 } .blue-ink { fill: #9fbdf5 } .amber-ink { fill: #e8bb6c }
    .plum-ink { fill: #d9a6e4 } .teal-ink { fill: #6fd3e0 }
  }
"""


@dataclass(frozen=True, slots=True)
class Series:
    """A named line; `color` is a class of the style. A `thin` one is there to compare with."""

    name: str
    points: Sequence[tuple[float, float]]
    color: str
    thin: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """Lines between the first and last of the ticks; `axes` say what x and y are; `band` is a stretch with a name."""

    title: str
    summary: str
    axes: tuple[str, str]
    x_ticks: Sequence[tuple[float, str]]
    y_ticks: Sequence[tuple[float, str]]
    series: Sequence[Series]
    band: tuple[float, float, str] | None = None
    height: int = HEIGHT

    def x(self, value: float) -> float:
        """Where a value of x lies on the paper."""
        low, high = self.x_ticks[0][0], self.x_ticks[-1][0]
        return round(LEFT + (value - low) / (high - low) * (WIDTH - LEFT - RIGHT), 1)

    def y(self, value: float) -> float:
        """Where a value of y lies on the paper."""
        low, high = self.y_ticks[0][0], self.y_ticks[-1][0]
        return round(TOP + (high - value) / (high - low) * (self.height - TOP - FOOT), 1)


def svg(chart: Chart) -> str:
    """The chart as the text of an SVG file."""
    size = f'viewBox="0 0 {WIDTH} {chart.height}" width="{WIDTH}" height="{chart.height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="title summary">',
        f'<title id="title">{escape(chart.title)}</title>',
        f'<desc id="summary">{escape(chart.summary)}</desc>',
        f"<style>{STYLE}</style>",
        f'<rect class="sheet" x=".5" y=".5" width="{WIDTH - 1}" height="{chart.height - 1}" rx="6"/>',
        f'<text class="title" x="18" y="28">{escape(chart.title)}</text>',
        f'<text x="18" y="48">{escape(chart.axes[1])}</text>',
        *_grid(chart),
        *_lines(chart),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _grid(chart: Chart) -> Iterator[str]:
    right, foot = WIDTH - RIGHT, chart.height - FOOT
    if chart.band:
        start, end = chart.x(chart.band[0]), chart.x(chart.band[1])
        yield f'<rect class="band" x="{start}" y="{TOP}" width="{round(end - start, 1)}" height="{foot - TOP}"/>'
        yield f'<text x="{start + 6}" y="{foot - 8}">{escape(chart.band[2])}</text>'
    for value, text in chart.y_ticks:
        kind, y = "zero" if value == 0 else "level", chart.y(value)
        yield f'<line class="{kind}" x1="{LEFT}" x2="{right}" y1="{y}" y2="{y}"/>'
        yield f'<text x="{LEFT - 8}" y="{round(y + 4.5, 1)}" text-anchor="end">{escape(text)}</text>'
    for value, text in chart.x_ticks:
        x = chart.x(value)
        yield f'<line class="tick" x1="{x}" x2="{x}" y1="{foot}" y2="{foot + 5}"/>'
        yield f'<text x="{x}" y="{foot + 20}" text-anchor="middle">{escape(text)}</text>'
    yield f'<text x="{right}" y="{foot + 41}" text-anchor="end">{escape(chart.axes[0])}</text>'


def _lines(chart: Chart) -> Iterator[str]:
    for one in chart.series:
        places = "L".join(f"{chart.x(x)},{chart.y(y)}" for x, y in one.points)
        yield f'<path class="line {one.color}{" thin" if one.thin else ""}" d="M{places}"/>'
    ends = [chart.y(one.points[-1][1]) for one in chart.series]
    for one, end, label in zip(chart.series, ends, spread(ends), strict=True):
        x = chart.x(one.points[-1][0])
        yield f'<path class="leader {one.color}" d="M{x + 3},{end}L{x + 10},{label}"/>'
        yield f'<text class="name {one.color}-ink" x="{x + 14}" y="{round(label + 4.5, 1)}">{escape(one.name)}</text>'


def spread(ends: Sequence[float]) -> list[float]:
    """Heights for names beside the ends of lines: as near as may be, none over another."""
    order = sorted(range(len(ends)), key=lambda place: ends[place])
    placed = [ends[place] for place in order]
    for _ in range(200):
        for above in range(len(placed) - 1):
            lack = LEAST_GAP - (placed[above + 1] - placed[above])
            if lack > 0.01:
                placed[above] -= lack / 2
                placed[above + 1] += lack / 2
    heights = dict(zip(order, placed, strict=True))
    return [round(heights[place], 1) for place in range(len(ends))]
