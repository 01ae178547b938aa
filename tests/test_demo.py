"""What somebody new does first: start the demo, open what it prints, type what the README shows."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from ledger import audit, db, rules, stories
from ledger.db import Database
from ledger.demo import plant
from ledger.economy import DAY_US
from tests.desk import DAY, FOUNDING, RULES, noon
from tests.service import PATIENCE_S, ROOT, descendants, free_port, wait_until_gone

NEWEST_POST = "/v1/creators/video:mara-bakes/entries?meter=network:video&kind=post&limit=1"
pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks at processes in /proc")


@dataclass(frozen=True)
class Demo:
    """A running demo: where it is served, what it printed, and the folder and environment it runs in."""

    url: str
    guide: str
    folder: Path
    environment: dict[str, str]

    @property
    def key(self) -> str:
        """The key that it prints."""
        found: str = re.findall(r"Bearer (tl_[\w-]+)", self.guide)[0]
        return found

    def get(self, address: str) -> tuple[int, str]:
        """Status and body of what an address answers to the demo's key."""
        asked = Request(address, headers={"Authorization": f"Bearer {self.key}"})
        with suppress(HTTPError), urlopen(asked, timeout=30) as answer:
            return answer.status, answer.read().decode()
        return 0, ""

    def run(self, *words: str) -> str:
        """What a command prints, run beside the demo."""
        told = [sys.executable, "-m", "ledger.cli", *words]
        return subprocess.run(
            told, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=True, timeout=PATIENCE_S
        ).stdout


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The demo as `make run` starts it, in an empty folder; no process is left behind."""
    folder, port = tmp_path_factory.mktemp("demo"), free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TRUST_LEDGER_")}
    environment |= {"TRUST_LEDGER_PUBLIC_URL": url, "PYTHONPATH": str(ROOT)}
    told = [sys.executable, "-m", "ledger.cli", "demo", "--port", str(port)]
    with (folder / "guide").open("wb") as guide, (folder / "log").open("wb") as log:
        process = subprocess.Popen(told, cwd=folder, env=environment, stdout=guide, stderr=log)
    try:
        deadline = time.monotonic() + PATIENCE_S
        while "Ctrl-C" not in (folder / "guide").read_text() and time.monotonic() < deadline:
            assert process.poll() is None, (folder / "log").read_text()
            time.sleep(0.1)
        yield Demo(url, (folder / "guide").read_text(), folder, environment)
    finally:
        pids = [process.pid, *descendants(process.pid)]
        process.terminate()
        process.wait(PATIENCE_S)
        wait_until_gone(pids)


def test_everything_that_the_demo_prints_opens(demo: Demo) -> None:
    """Each page answers; one of them is somebody's own, with the statement."""
    pages = re.findall(rf"{demo.url}/(?:c/\S+|docs)", demo.guide)
    answers = [demo.get(page) for page in pages]

    assert len(pages) >= 7
    assert {status for status, _ in answers} == {200}
    assert ["statement-heading" in body for _, body in answers].count(True) == 1


def test_the_commands_that_the_demo_prints_can_be_typed(demo: Demo) -> None:
    """The curl lines work as they stand, an event told twice too: a balance, a receipt, and what else they ask for."""
    lines = re.findall(r"^ +curl (?:.*\\\n)?.*$", demo.guide, re.MULTILINE)
    answers = [json.loads(subprocess.check_output(line, shell=True, timeout=60)) for line in (*lines, lines[1])]

    assert answers[0]["books"]
    assert (answers[1]["status"], answers[-1]["status"]) in {("posted", "posted"), ("posted", "replayed")}
    assert [answer["detail"] for answer in answers if "type" in answer] == []


def test_the_sample_of_the_readme_is_what_the_demo_answers(demo: Demo) -> None:
    """The README's command is one that the demo prints; it answers every field shown, in that order, by that value."""
    readme = (ROOT / "README.md").read_text()
    path, shown = re.findall(r"^\$ curl .*8000(/[^\s']+)'?\n(.*)$", readme, re.MULTILINE)[0]
    assert f"'{demo.url}{path}'" in demo.guide
    (post,) = json.loads(demo.get(f"{demo.url}{NEWEST_POST}")[1])["entries"]  # what the story ended with
    told: dict[str, Any] = json.loads(demo.get(f"{demo.url}{path}&as_of={post['recorded_at']}")[1])
    fields = re.findall(r'"(\w+)":', shown)

    assert len(fields) > 5
    given = names(told)
    assert [name for name in fields if name not in given] == []  # each looked for behind the one before it
    assert re.findall(r'"(meter|standing|points)":"(.*?)"', shown) == [
        (name, told["books"][0][name]) for name in ("meter", "standing", "points")
    ]


def names(item: Any) -> Iterator[str]:
    """The names of the fields of a JSON value, as they are written one after another."""
    for name, inner in item.items() if isinstance(item, dict) else []:
        yield name
        yield from names(inner)
    for inner in item[:1] if isinstance(item, list) else []:
        yield from names(inner)


def test_every_command_that_the_readme_names_is_there(demo: Demo) -> None:
    """`make` knows each target, and `trust-ledger` each command."""
    readme = (ROOT / "README.md").read_text()
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    known = set(re.findall(r"^  ([a-z]+)  ", demo.run("--help"), re.MULTILINE))

    assert {"run", "test"} <= set(re.findall(r"(?:`|^)make ([a-z-]+)", readme, re.MULTILINE)) <= targets
    assert {"verify"} <= set(re.findall(r"`trust-ledger ([a-z]+)", readme)) <= known


def test_a_link_opens_a_creators_own_page(demo: Demo) -> None:
    """`trust-ledger link` gives the page with the statement; with the token changed it is the public one again."""
    assert f"TRUST_LEDGER_PUBLIC_URL={demo.url}" in demo.guide  # as in the environment of these commands
    link = demo.run("link", "mara-bakes").strip()

    assert "statement-heading" in demo.get(link)[1]
    assert "statement-heading" not in demo.get(link[:-4])[1]
    assert demo.get(link[:-4])[0] == 200
    assert demo.get(demo.run("link", "wen-by-the-sea").strip()[:-4]) == (0, "")


def test_the_story_shows_what_there_is_to_see(sqlite_url: str) -> None:
    """Brands let in, declined and waiting, a pitch to its outcome and one held, changed labels; all of it sound."""
    database = Database(sqlite_url)
    database.write(lambda session: rules.install(session, FOUNDING, effective_day=0, now_us=1))
    told = {"now_us": noon(0), "pepper": b"pepper", "schedule": RULES}
    for story in stories.STORIES:
        database.write(partial(plant, story=story, **told))  # type: ignore[arg-type]
    with database.snapshot() as session:
        met: dict[str, str] = dict(db.fetch(session, "SELECT meter, status FROM relationship"))
        became = [status for (status,) in db.fetch(session, "SELECT status FROM pitch ORDER BY seq")]
        alleged = {tuple(row) for row in db.fetch(session, "SELECT status, answered FROM allegation")}
        kinds = {kind for (kind,) in db.fetch(session, "SELECT DISTINCT kind FROM entry")}
        named = {label for (label,) in db.fetch(session, "SELECT label FROM book")}
        report = audit.verify(session, schedule=RULES)
    database.dispose()

    assert met == {"brand:oat-and-rye": "accepted", "brand:quickglow": "declined", "brand:hearthstone": "introduced"}
    assert became == ["published", "held"]
    assert alleged == {("substantiated", False), ("open", True), ("open", False)}
    assert {"label", "outcome", "reception", "burst", "rapport", "cleared", "evasion"} <= kinds
    assert {"trusted", "building", "sellout"} <= named
    assert report.ok, report.first_bad


@pytest.mark.parametrize("minute", [0, 5, 60 * 12, 60 * 24 - 1])
def test_the_story_can_begin_at_any_minute(sqlite_url: str, minute: int) -> None:
    """Just after midnight or just before: nothing of it lies ahead, and all of it is posted."""
    database = Database(sqlite_url)
    database.write(lambda session: rules.install(session, FOUNDING, effective_day=0, now_us=1))
    now_us = DAY * DAY_US + minute * 60_000_000
    told = {"now_us": now_us, "pepper": b"pepper", "schedule": RULES}
    planted = database.write(partial(plant, story=stories.MARA, **told))  # type: ignore[arg-type]
    with database.reading() as session:
        ((latest,),) = db.fetch(session, "SELECT MAX(recorded_at_us) FROM entry")
        again = database.write(partial(plant, story=stories.MARA, **told))  # type: ignore[arg-type]
    database.dispose()

    assert planted > 1_000
    assert again == 0
    assert latest < now_us + 1_000
