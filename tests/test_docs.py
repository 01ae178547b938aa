"""The documents: their charts are drawn and shown, their links lead somewhere, and what is stale is found."""

import importlib
import re
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree as ET

import pytest

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
CHARTS = sorted((DOCS / "charts").glob("*.svg"))
SVG = "{http://www.w3.org/2000/svg}"
WIDEST = 8.6  # of a bold letter of 13 px, in the widest of the fonts named


@pytest.fixture
def generate(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script that writes the documents."""
    monkeypatch.syspath_prepend(str(DOCS))
    return importlib.import_module("generate")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    """Each file that a page links to, or shows, is there."""
    links = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text("utf-8"))
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.stem)
def test_a_chart_is_shown_and_told(chart: Path) -> None:
    """Each chart is on the page with what it shows in words, and says so in itself."""
    told = re.findall(rf"!\[([^\]]+)\]\(charts/{chart.name}\)", (DOCS / "economy.md").read_text("utf-8"))
    assert len(told) == 1
    assert len(told[0]) > 40
    root = ET.fromstring(chart.read_text("utf-8"))
    assert root.get("role") == "img"
    assert all((root.findtext(f"{SVG}{part}") or "").strip() for part in ("title", "desc"))


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.stem)
def test_nothing_on_a_chart_is_cut_off_or_covered(chart: Path) -> None:
    """The names of lines end on the paper, none lies over another, and every line stays on it."""
    root = ET.fromstring(chart.read_text("utf-8"))
    width, height = float(root.get("width", 0)), float(root.get("height", 0))
    names = [text for text in root.iter(f"{SVG}text") if (text.get("class") or "").startswith("name")]
    assert all(float(name.get("x", 0)) + WIDEST * len(name.text or "") < width for name in names)
    heights = sorted(float(name.get("y", 0)) for name in names)
    assert all(below - above > 13 for above, below in pairwise(heights))
    for line in root.iter(f"{SVG}path"):
        places = [tuple(map(float, place.split(","))) for place in re.findall(r"[\d.]+,[\d.]+", line.get("d", ""))]
        assert all(0 <= x <= width and 0 <= y <= height for x, y in places)


def test_a_chart_that_nobody_drew_anew_is_found(
    generate: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A chart that differs by a byte, is missing, or is one too many is named; drawn anew, none is."""
    monkeypatch.setattr(generate, "CHARTS", tmp_path)
    assert generate.draw(check=True) == "apology.svg"
    assert generate.draw(check=False) == ""
    assert generate.draw(check=True) == ""
    drawn = tmp_path / "decay.svg"
    drawn.write_text(drawn.read_text("utf-8") + " ", "utf-8")
    assert generate.draw(check=True) == "decay.svg"
    generate.draw(check=False)
    (tmp_path / "old.svg").write_text("", "utf-8")
    assert generate.draw(check=True) == "old.svg"


def test_what_security_rests_on_is_tested() -> None:
    """Every test that the list of threats names is there."""
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", (DOCS / "security.md").read_text())
    assert len(named) > 30
    missing = [
        f"{file}::{test}" for file, test in named if f"def {test}(" not in (DOCS.parent / "tests" / file).read_text()
    ]
    assert missing == []
