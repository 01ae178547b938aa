"""The command line for one person: everything held about them, and their erasure."""

import re
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner

from ledger import cli, db
from ledger.commands.terminal import Terminal
from ledger.db import Database
from tests.test_cli import OK, WRONG, Shell, set_up, shell

__all__ = ["set_up", "shell"]  # fixtures


@pytest.fixture
def planted(set_up: Shell) -> Shell:
    """A shell with the demo's creators."""
    set_up("demo", "--no-serve")
    return set_up


def test_everything_held_about_a_creator_is_written_to_a_file(planted: Shell) -> None:
    """By handle, account or id the same document, on stdout or in a file."""
    planted("export-creator", "mara-bakes", "--to", "mara.json")
    told = orjson.loads((planted.folder / "mara.json").read_bytes())
    creator_id = told["about"]["creator"]
    assert told["profile"][0]["handle"] == "mara-bakes"
    assert orjson.loads(planted("export-creator", creator_id).stdout) == told
    planted("export-creator", "nobody", code=WRONG)


def test_an_erasure_is_meant(planted: Shell) -> None:
    """It asks first, and a no leaves everything as it was."""
    before = planted("export-creator", "mara-bakes").stdout
    terminal = Terminal(lambda: planted.now_us)
    refused = CliRunner().invoke(cli.main, ["erase", "mara-bakes"], obj=terminal, env=planted.environment, input="n\n")
    assert refused.exit_code == WRONG
    assert planted("export-creator", "mara-bakes").stdout == before


def test_an_erased_creator_is_nobody_and_the_books_are_sound(planted: Shell) -> None:
    """After it everything verifies; by the id it can be said again, by the name nobody is there."""
    creator_id = orjson.loads(planted("export-creator", "mara-bakes").stdout)["about"]["creator"]
    assert "is erased" in planted("erase", "mara-bakes", "--yes").stderr
    assert re.match("sound: ", planted("verify").stdout)
    assert "erased before" in planted("erase", creator_id, code=OK).stderr
    for words in (("export-creator", creator_id), ("export-creator", "mara-bakes"), ("erase", "mara-bakes", "--yes")):
        assert "no creator" in planted(*words, code=WRONG).stderr


def test_nothing_of_the_erased_is_in_a_vacuumed_file(shell: Shell) -> None:
    """On SQLite a VACUUM takes what was erased out of the file's free pages too."""
    shell("init")
    shell("demo", "--no-serve")
    creator = orjson.loads(shell("export-creator", "mara-bakes").stdout)
    words = ["mara-bakes", creator["profile"][0]["display_name"], *(e["external_ref"] for e in creator["event"][:50])]
    words = [word for word in words if word not in shared(shell, creator["about"]["creator"])]
    shell("erase", "mara-bakes", "--yes")
    database = Database("sqlite:///var/trust-ledger.db")
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT", begin="none") as connection:
        connection.exec_driver_sql("VACUUM")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.dispose()
    bytes_there = (shell.folder / Path("var/trust-ledger.db")).read_bytes()
    assert words
    assert [word for word in words if word.encode() in bytes_there] == []


def shared(shell: Shell, creator_id: str) -> set[str]:
    """The references that the demo's other creators have too."""
    database = Database("sqlite:///var/trust-ledger.db")
    with database.reading() as session:
        found = db.fetch(session, "SELECT DISTINCT external_ref FROM event WHERE creator_id <> ?", (creator_id,))
    database.dispose()
    return {reference for (reference,) in found}
