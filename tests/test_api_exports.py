"""Whole statements over HTTP: streamed, in the form one asks for, and the same as the statement page by page."""

import csv
import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from api import exports as face
from ledger import exports
from tests.api_fixtures import Holder, event
from tests.test_exports_journals import BEAN_CHECK, CHECKS, HLEDGER, hledger, needs_hledger
from tests.test_restore import SCRIPT

ADA = "/v1/creators/youtube:ada/entries"
FORMULA = '=HYPERLINK("https://example.com";"see")'


@pytest.fixture
def told(partner: Holder, creator_id: str) -> str:
    """Ada: replies, a reference that is a formula, a breach, an apology, a pitch."""
    lines = [event(f"e-{fan}", facts={"act": "reply", "engager": f"fan-{fan}"}) for fan in range(4)]
    lines += [
        event(FORMULA, facts={"act": "reply", "engager": "fan-9"}),
        event("b-1", kind="breach", facts={"severity": 1}),
        event("a-1", kind="apology", facts={"breach": "b-1", "responsibility": True}),
        event("-p", kind="pitch", facts={"brand": "nike", "disclosure": "clear"}),
    ]
    for line in lines:
        assert partner.post("/v1/events", json=line).status_code == 201
    return creator_id


def statement(holder: Holder) -> list[dict[str, Any]]:
    """The whole statement, page by page, oldest first."""
    found: list[dict[str, Any]] = holder.get(f"{ADA}?limit=100").json["entries"]
    return found[::-1]


def lines_of(text: bytes) -> list[dict[str, Any]]:
    """JSON Lines as values."""
    return [orjson.loads(line) for line in text.splitlines()]


@pytest.fixture(params=[2, 500])
def page(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many lines are read at once: it makes no difference."""
    monkeypatch.setattr(face, "PAGE", request.param)
    return int(request.param)


def test_as_json_lines_it_is_the_statement(partner: Holder, told: str, page: int) -> None:
    """Line by line what the pages show, the oldest first; it is what is given where no form is asked for."""
    answer = partner.get(f"{ADA}/export")
    assert (answer.status_code, answer.mimetype) == (200, "application/x-ndjson")
    assert lines_of(answer.data) == statement(partner)
    name = f'attachment; filename="{told}-network-youtube.ndjson"'
    assert answer.headers["Content-Disposition"] == name


def test_a_contested_line_says_so(creator: Holder, partner: Holder, told: str, page: int) -> None:
    """Whom a dispute concerns reads of it in the export as on the page."""
    contested = {"meter": "network:youtube", "seq": 6, "reason": "it was not so"}
    assert creator.post("/v1/disputes", json=contested).status_code == 201
    lines = lines_of(creator.get(f"{ADA}/export").data)
    assert [line["seq"] for line in lines if line["dispute"]] == [6]
    assert lines == statement(creator)


def test_as_a_table_it_is_the_statement(partner: Holder, told: str, page: int) -> None:
    """Named columns, a row a line, and no cell that a spreadsheet would run."""
    answer = partner.get(f"{ADA}/export?format=csv")
    assert answer.content_type == "text/csv; charset=utf-8; header=present"
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [*rows[0]] == [*face.COLUMNS]
    for row, line in zip(rows, statement(partner), strict=True):
        assert {name: value.removeprefix("'") for name, value in row.items()} == {
            name: "" if line[name] is None else str(line[name]) for name in face.COLUMNS
        }
    refs = [row["external_ref"] for row in rows]
    assert f"'{FORMULA}" in refs
    assert "'-p" in refs
    assert {row["amount"][0] for row in rows} >= {"-"}


@pytest.mark.parametrize(
    "text", ["=1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1", "\uff1d1", "\uff0b1", "\uff0d1", "\uff20x"]
)
def test_a_formula_is_text(text: str) -> None:
    """Whatever a spreadsheet begins a formula with, it begins none in what others wrote."""
    assert face.cell("external_ref", text) == f"'{text}"
    assert face.cell("amount", text) == text


def test_with_every_hash_it_can_be_checked(partner: Holder, told: str, tmp_path: Path) -> None:
    """The script of the docs follows the chain to the head, without what others told of the events."""
    answer = partner.get(f"{ADA}/export?format=jsonl")
    path = tmp_path / "book.jsonl"
    path.write_bytes(answer.data)
    run = subprocess.run([sys.executable, "-I", str(SCRIPT), str(path)], capture_output=True, text=True, check=True)
    last = statement(partner)[-1]
    assert run.stdout.split() == [told, "network:youtube", str(last["seq"]), last["hash"]]
    assert b'"event":' not in answer.data


@needs_hledger
def test_as_a_journal_of_hledger(partner: Holder, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """hledger accepts it with all its checks, and comes to the standing we tell."""
    monkeypatch.setattr(exports, "PAGE", 3)
    path = tmp_path / "book.journal"
    path.write_bytes(partner.get(f"{ADA}/export?format=hledger").data)
    assert HLEDGER
    assert hledger(path, "check", *CHECKS).stderr == ""
    standing = partner.get("/v1/creators/youtube:ada/balance").json["books"][0]["standing"]
    words = ("bal", "trust:ada:network:youtube:(fresh|bedrock)", "--depth", "1", "-N", "--format", "%(total)")
    assert hledger(path, *words).stdout.split() == [standing, "TRUST"]


def test_as_a_journal_of_beancount(partner: Holder, told: str, tmp_path: Path) -> None:
    """bean-check finds nothing in it."""
    path = tmp_path / "book.beancount"
    path.write_bytes(partner.get(f"{ADA}/export?format=beancount").data)
    assert subprocess.run([str(BEAN_CHECK), "--no-cache", str(path)], capture_output=True, check=True).stderr == b""


@pytest.mark.parametrize("form", [*face.FORMS])
def test_an_export_ends_where_the_book_ended_when_it_began(
    partner: Holder, told: str, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is posted while it is read is not in it: it is one moment's book, whole."""
    monkeypatch.setattr(face, "PAGE", 2)
    monkeypatch.setattr(exports, "PAGE", 2)
    before = partner.get(f"{ADA}/export?format={form}").data
    answer = partner.get(f"{ADA}/export?format={form}", buffered=False)
    pieces = iter(answer.response)
    first = next(pieces)
    assert partner.post("/v1/events", json=event("late")).status_code == 201
    assert first + b"".join(pieces) == before
    assert len(partner.get(f"{ADA}/export?format={form}").data) > len(before)


def test_an_empty_book_is_no_mistake(partner: Holder, creator_id: str) -> None:
    """Before anything happened there is a table without rows, and nothing else."""
    assert partner.get(f"{ADA}/export").data == b""
    assert partner.get(f"{ADA}/export?format=csv").text.splitlines() == [",".join(face.COLUMNS)]
    assert len(partner.get(f"{ADA}/export?format=jsonl").data.splitlines()) == 1


def test_what_is_not_there_is_refused_before_the_first_byte(
    partner: Holder, other_partner: Holder, brand: Holder, told: str
) -> None:
    """An unknown form, a book that is not hers, and whoever has no business with her statement."""
    assert partner.get(f"{ADA}/export?format=xlsx").status_code == 422
    assert partner.get(f"{ADA}/export?meter=network:tiktok").status_code == 404
    assert other_partner.get(f"{ADA}/export").json["code"] == "unknown_creator"
    assert brand.get(f"{ADA}/export").status_code == 403
