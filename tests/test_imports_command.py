"""`trust-ledger import` as it is typed: CSV by a map, an archive, and what is wrong usage."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ledger import cli
from ledger.commands.terminal import Terminal
from tests.test_imports import NOW_US
from tests.test_imports_activity import OUTBOX, archive

Run = Callable[..., Result]
CSV = ("--format", "csv", "--network", "video")
ADA = ("--format", "activitystreams", "--creator", "mastodon:ada@social.example")
AGREED = ("--consent", "2026-11-01", "--terms", "terms of 2026", "--evidence", "folder 7")


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command line in an empty folder after `init`; each run has to end with the code that is expected."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("TRUST_LEDGER_")]:
        monkeypatch.delenv(name)

    def ran(*words: str, code: int = 0) -> Result:
        result = CliRunner().invoke(cli.main, words, obj=Terminal(lambda: NOW_US))
        assert result.exit_code == code, result.output
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result

    ran("init")
    return ran


@pytest.fixture
def acts(tmp_path: Path) -> str:
    """A CSV with columns of its own making."""
    path = tmp_path / "acts.csv"
    path.write_text(
        "user,what,channel,at\nf,reply,ada,2026-01-01T10:00:00Z\ng,wave,ada,1767348000\nh,like,ada,1767348001\n"
    )
    return str(path)


MAPPED = (
    "--map",
    "creator=channel",
    "--map",
    "occurred_at=at",
    "--map",
    "facts.act=what",
    "--map",
    "facts.engager=user",
)


def test_csv_comes_in_by_a_map(command: Run, acts: str) -> None:
    """What is posted is counted, a bad line is named by number and column, and the books stand up to verify."""
    words = ("import", acts, *CSV, *MAPPED, "--set", "kind=engagement", *AGREED)
    first, again = command(*words, code=1), command(*words, code=1)
    assert "4 lines: 2 posted, 0 posted before, 1 skipped, 0 refused, 1 bad" in first.stdout
    assert f"{acts}:3: column 'what': must be one of like" in first.stderr
    assert "4 lines: 0 posted, 0 posted before, 3 skipped, 0 refused, 1 bad" in again.stdout
    assert "sound: 1 books" in command("verify").stdout


def test_an_archive_comes_in(command: Run, tmp_path: Path) -> None:
    """What is passed over is said by reason, and is no failure; the books stand up to verify."""
    path = archive(tmp_path, OUTBOX)
    told = command("import", str(path), *ADA, *AGREED)
    assert "10 lines: 5 posted, 0 posted before, 0 skipped, 5 ignored, 0 refused, 0 bad" in told.stdout
    assert "1 ignored: messages to some people only" in told.stderr
    assert "sound: 1 books" in command("verify").stdout


def test_without_consent_the_lines_are_refused_and_named(command: Run, tmp_path: Path) -> None:
    """Nobody is enrolled by mistake."""
    told = command("import", str(archive(tmp_path, OUTBOX)), *ADA, code=1)
    assert "0 posted" in told.stdout
    assert "5 refused" in told.stdout
    assert "no creator" in told.stderr


@pytest.mark.parametrize("form", ["archive", "csv"])
def test_lines_refused_for_want_of_consent_are_posted_with_it(command: Run, tmp_path: Path, form: str) -> None:
    """What an earlier run refused is refused again until the reason is gone, and then it comes in, whole and once."""
    if form == "archive":
        words, counts = ("import", str(archive(tmp_path, OUTBOX)), *ADA), "5 ignored, "
    else:
        path = tmp_path / "posts.csv"
        path.write_text("creator,kind,occurred_at\n" + "".join(f"ada,post,{1767348001 + n}\n" for n in range(5)))
        words, counts = ("import", str(path), *CSV), ""
    for _ in range(2):
        assert "5 refused" in command(*words, code=1).stdout
    agreed = command(*words, *AGREED).stdout
    assert "5 posted, 0 posted before" in agreed
    assert f"{counts}0 refused, 0 bad" in agreed
    again = command(*words, *AGREED)
    assert "0 posted, 0 posted before" in again.stdout
    assert "5 lines were done by an earlier run" in again.stderr


def test_a_line_that_names_the_columns_is_not_said_to_be_done(command: Run, tmp_path: Path) -> None:
    """What was passed over is said by its reason: the header, and what an earlier run did."""
    path = tmp_path / "acts.csv"
    path.write_text("creator,kind,occurred_at\nada,post,1767348001\n")
    words = ("import", str(path), *CSV, *AGREED)
    first, again = command(*words), command(*words)
    assert "1 line names the columns" in first.stderr
    assert "earlier run" not in first.stderr
    assert "1 line names the columns" in again.stderr
    assert "1 line was done by an earlier run" in again.stderr


def test_a_file_that_is_something_else_ends_with_one_line(command: Run, acts: str) -> None:
    """A file that cannot be read as it was said to be is refused as a whole, without a trace."""
    told = command("import", acts, *ADA, code=1)
    assert "not JSON throughout" in told.stderr
    assert "Traceback" not in told.output
    assert "no column 'who'" in command("import", acts, *CSV, "--map", "creator=who", code=1).stderr


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ((*CSV, "--creator", "mastodon:ada"), "--creator is for --format activitystreams"),
        ((*ADA, "--set", "kind=post"), "--set is for --format csv"),
        (("--format", "ratings", "--map", "creator=x"), "--map is for --format csv"),
        (("--format", "csv", "--set", "kind=post"), "--network is needed"),
        ((*CSV, "--map", "creator"), "is not FIELD="),
        ((*CSV, "--delimiter", ";;"), "is not one character"),
        (("--format", "activitystreams"), "network:external_id"),
        (("--format", "activitystreams", "--creator", "ada"), "network:external_id"),
        ((*ADA, "--network", "video"), "is not that of --creator"),
        ((*CSV, "--consent", "last week"), "'last week' is not one with Z"),
        ((*CSV, "--consent", "2026-13-01"), "is not one with Z"),
        (("--format", "stars"), "stars"),
    ],
)
def test_wrong_usage_is_told_before_anything_is_read(command: Run, acts: str, words: tuple[str, ...], why: str) -> None:
    """Options that do not go together, or say nothing, end with code 2 and one line."""
    told = command("import", acts, *words, code=2)
    assert why in " ".join(told.stderr.split())


def test_tabs_part_columns_by_name(command: Run, tmp_path: Path) -> None:
    """A file of tabs needs no tab on the command line."""
    path = tmp_path / "acts.tsv"
    path.write_text("creator\tkind\toccurred_at\nada\tpost\t1767348001\n")
    assert "1 posted" in command("import", str(path), *CSV, "--delimiter", "tab", *AGREED).stdout


def test_several_actors_are_told_apart_by_option(command: Run, tmp_path: Path) -> None:
    """Where several act, --actor says which of them the creator is."""
    items = [*OUTBOX, {"id": "urn:l", "type": "Like", "actor": "https://other.example/users/friend"}]
    path = archive(tmp_path, items)
    assert "several act in it" in command("import", str(path), *ADA, *AGREED, code=1).stderr
    assert json.loads(path.read_text())["orderedItems"][0]["actor"] == "https://social.example/users/ada"
    told = command("import", str(path), *ADA, "--actor", "https://social.example/users/ada", *AGREED, code=1)
    assert "5 posted" in told.stdout
    assert f"{path}:11: does not say when it was published" in told.stderr
