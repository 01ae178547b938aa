"""The commands on policies: checked, tried on the real books, announced, listed."""

import re
from pathlib import Path

import pytest

from ledger import db
from ledger.db import Database
from ledger.economy import DAY_US
from tests.desk import FOUNDING, variant
from tests.test_cli import USAGE, WRONG, Shell, set_up, shell

__all__ = ["set_up", "shell"]  # fixtures
STRICTER = variant(("pitch.base", "0.06"), ("breach.severity_2", "0.12"), name="stricter")


def file_of(shell: Shell, text: str, name: str = "mine.toml") -> Path:
    """A policy file in the shell's folder."""
    path = shell.folder / name
    path.write_text(text)
    return path


def rows(shell: Shell, sql: str) -> list[db.Row]:
    """What the shell's database holds."""
    database = Database(shell.environment.get("TRUST_LEDGER_DATABASE_URL", "sqlite:///var/trust-ledger.db"))
    with database.reading() as session:
        found = db.fetch(session, sql)
    database.dispose()
    return found


def test_a_policy_that_breaks_a_law_is_named_with_what_to_change(shell: Shell) -> None:
    """A file whose numbers are fine one by one is refused where they break a law, a case and the parameters told."""
    broken = variant(("breach.severity_1", "0.15"), ("pitch.undisclosed", "1"), ("apology.most", "0.9"), name="broken")
    told = shell("policy", "check", str(file_of(shell, broken.text)), code=WRONG).stderr
    assert told.count("\n") == 2
    assert re.search(r"more disclosure must never cost more \(in .* are left instead of .*pitch\.undisclosed", told)
    assert re.search(r"a graver breach must never cost less \(in .* are left instead of .*breach\.severity_1", told)


def test_a_policy_is_announced_once_a_week_ahead(set_up: Shell) -> None:
    """It says what changes from what to what, and from when; the same again does nothing, the same day is taken."""
    file = str(file_of(set_up, STRICTER.text))
    told = set_up("policy", "announce", file, "--effective", "2026-11-30")
    assert re.search(
        r"^breach\.severity_2: 0\.1 share -> 0\.12 share  \(Our assumption; .*\)$", told.stdout, re.MULTILINE
    )
    assert "pitch.base: 0.05 share -> 0.06 share" in told.stdout
    assert f"stricter {STRICTER.version} announced: from 2026-11-30" in told.stdout
    assert "0 creators, in 0 books" in told.stderr
    again = set_up("policy", "announce", file, "--effective", "2026-11-30").stdout
    assert "was announced before" in again
    other = str(file_of(set_up, variant(name="other").text, "other.toml"))
    assert (
        "another policy takes effect on 2026-11-30"
        in set_up("policy", "announce", other, "--effective", "2026-11-30", code=WRONG).stderr
    )
    assert rows(set_up, "SELECT name FROM policy ORDER BY effective_day") == [("founding",), ("stricter",)]


def test_an_announcement_is_taken_back_by_the_former_numbers_under_another_name(set_up: Shell) -> None:
    """A version is announced once: for another day the error asks for another name, under which it is taken."""
    set_up("policy", "announce", str(file_of(set_up, STRICTER.text)), "--effective", "2026-11-30")
    former, back = str(file_of(set_up, FOUNDING.text, "former.toml")), variant(name="founding, again")
    told = set_up("policy", "announce", former, "--effective", "2026-12-01", code=WRONG).stderr
    assert f"policy {FOUNDING.version} is already announced for 2026-11-23" in told
    assert "give the file another name" in told
    told = set_up(
        "policy", "announce", str(file_of(set_up, back.text, "back.toml")), "--effective", "2026-12-01"
    ).stdout
    assert "pitch.base: 0.06 share -> 0.05 share" in told


@pytest.mark.parametrize(
    ("day", "why"), [("2026-11-29", "at least 7 days before"), ("2026-11-01", "at least 7 days before")]
)
def test_no_policy_comes_at_short_notice(set_up: Shell, day: str, why: str) -> None:
    """Fewer than seven days ahead, or in the past, nothing is announced."""
    file = str(file_of(set_up, STRICTER.text))
    assert why in set_up("policy", "announce", file, "--effective", day, code=WRONG).stderr
    assert rows(set_up, "SELECT count(*) FROM policy") == [(1,)]


def test_an_unsound_policy_is_not_announced(set_up: Shell) -> None:
    """What the check refuses cannot be announced."""
    broken = file_of(set_up, variant(("breach.severity_1", "0.15"), name="broken").text)
    told = set_up("policy", "announce", str(broken), "--effective", "2026-12-24", code=WRONG).stderr
    assert "a graver breach must never cost less" in told
    set_up("policy", "announce", str(broken), "--effective", "soon", code=USAGE)
    assert rows(set_up, "SELECT count(*) FROM policy") == [(1,)]


def test_policies_are_listed_with_what_becomes_of_them(set_up: Shell) -> None:
    """Past, in force, announced: each with its first day and how many numbers it changes."""
    set_up("policy", "announce", str(file_of(set_up, STRICTER.text)), "--effective", "2026-11-30")
    head, *listed = set_up("policy", "list").stdout.splitlines()
    assert head.split("\t") == ["version", "name", "from", "state", "changes"]
    assert [line.split("\t") for line in listed] == [
        [FOUNDING.version, "founding", "2026-11-23", "in force", "0"],
        [STRICTER.version, "stricter", "2026-11-30", "announced", "2"],
    ]
    set_up.now_us += 8 * DAY_US
    states = [line.split("\t")[3] for line in set_up("policy", "list").stdout.splitlines()[1:]]
    assert states == ["past", "in force"]
    assert set_up("policy", "show").stdout.startswith("stricter")


def test_a_policy_is_tried_on_the_real_books(set_up: Shell) -> None:
    """It says who would gain and lose and by how much, keeps its progress, and changes nothing."""
    set_up("demo", "--no-serve")
    before = rows(set_up, "SELECT * FROM book ORDER BY creator_id, meter")
    file = str(file_of(set_up, STRICTER.text))
    told = set_up("policy", "simulate", file, "--from", "2020-01-01", "--resume", "mine.jsonl").stdout
    assert re.search(r"^standing: \d+ up, [1-9]\d* down, \d+ the same$", told, re.MULTILINE)
    assert re.search(r"^lose most:\n  [0-9a-f-]{36} network:\w+: [\d.]+ -> [\d.]+ \(-[\d.]+\)", told, re.MULTILINE)
    assert set_up("policy", "simulate", file, "--from", "2020-01-01", "--resume", "mine.jsonl").stdout == told
    assert rows(set_up, "SELECT * FROM book ORDER BY creator_id, meter") == before
    other = str(file_of(set_up, FOUNDING.text, "other.toml"))
    assert "another simulation" in set_up("policy", "simulate", other, "--resume", "mine.jsonl", code=WRONG).stderr


def test_no_policy_is_tried_on_days_to_come(set_up: Shell) -> None:
    """A first day that has not begun is refused by name."""
    file = str(file_of(set_up, FOUNDING.text))
    told = set_up("policy", "simulate", file, "--from", "2026-11-24", code=USAGE).stderr
    assert "--from" in told
    assert "2026-11-24 lies in the future" in told


def test_the_policy_in_force_would_change_nothing(set_up: Shell) -> None:
    """Tried on the books that it priced, the policy in force leaves every one as it is."""
    set_up("demo", "--no-serve")
    told = set_up("policy", "simulate", str(file_of(set_up, FOUNDING.text))).stdout
    assert re.search(r"^standing: 0 up, 0 down, [1-9]\d* the same$", told, re.MULTILINE)
    assert re.search(r"^labels: 0 of \d+ would be another$", told, re.MULTILINE)
    assert "events: 0 would be refused that were posted, 0 posted that were refused" in told
