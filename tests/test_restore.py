"""Books leave as JSON Lines with every hash, are checked by anyone, and come back into an empty ledger as they were."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import copyfile
from typing import Any

import orjson
import pytest

from ledger import audit, chain, db, exports, tables
from ledger.db import Database
from ledger.keeping import KEPT
from ledger.restore import BadExport, Restored, restore
from ledger.stored import EntryRow
from tests.desk import METER, Counter, noon
from tests.test_audit import Town, opened
from tests.test_cli import Shell, set_up, shell

__all__ = ["set_up", "shell"]
ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "docs" / "examples" / "verify_book.py"
KEPT_TABLES = ("entry", "event", "book", *exports.ABOUT, *(part.table.name for part in KEPT))
Lines = list[dict[str, Any]]


@pytest.fixture(scope="module")
def town(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Books with a rich history under two policies: brands, allegations, a busy day, a backfill, refusals."""
    path = copyfile(sqlite_template, tmp_path_factory.mktemp("town") / "ledger.sqlite3")
    yield from opened(f"sqlite:///{path}")


@pytest.fixture(scope="module")
def exported(town: Town) -> bytes:
    """All of the town's books."""
    return written(town.counter.database)


def written(database: Database, **asked: Any) -> bytes:
    """An export as JSON Lines."""
    with database.snapshot() as session:
        return b"".join(exports.export(session, form=exports.JSONL, **asked))


def read_in(database: Database, text: bytes) -> Restored:
    """Restore, all or nothing."""
    with database.transaction() as session:
        return restore(session, lines=text.splitlines(keepends=True))


def rows(database: Database, name: str) -> set[tuple[Any, ...]]:
    """The rows of a table, comparable on both engines; a book's version only counts locks."""
    columns = [column.name for column in tables.METADATA.tables[name].columns if column.name != "version"]
    with database.reading() as session:
        found = db.fetch(session, f"SELECT {', '.join(columns)} FROM {name}")
    return {tuple(bytes(each) if isinstance(each, memoryview) else each for each in row) for row in found}


def test_what_was_exported_comes_back_as_it_was(town: Town, exported: bytes, database: Database) -> None:
    """Entries, events, balances and memories are row by row those of the ledger they left, and are sound."""
    told = read_in(database, exported)
    source = town.counter.database
    assert {name for name in KEPT_TABLES if rows(database, name) != rows(source, name)} <= {"tie"}
    assert {row[:5] for row in rows(database, "tie")} >= {row[:5] for row in rows(source, "tie")}
    assert told.entries == len(rows(source, "entry")) > 100
    assert told.events == len(rows(source, "event"))
    with database.snapshot() as session:
        assert audit.verify(session, schedule=town.schedule, checkpoint=town.checkpoint).ok
    assert written(database) == exported


def test_a_restored_ledger_goes_on(exported: bytes, database: Database) -> None:
    """What was told before is known, also what was refused, and what is new follows the last entry."""
    read_in(database, exported)
    counter = Counter.__new__(Counter)
    counter.database = database
    with database.reading() as session:
        from ledger import rules

        counter.schedule = rules.schedule(session)
    known = counter.one("pitch", ref="last", day=91, brand="gucci", disclosure="vague")
    refused = counter.one("apology", ref="a2", day=6, breach="b1", repair=True)
    new = counter.one("engagement", ref="new", day=92, act="reply", engager="f9")
    assert (known.status, refused.code, new.status) == ("replayed", "already_done", "posted")
    with database.snapshot() as session:
        assert audit.verify(session, schedule=counter.schedule).ok


def test_one_creator_comes_alone(town: Town, database: Database) -> None:
    """The books of one creator are restored without anybody else's."""
    told = read_in(database, written(town.counter.database, creator_id=town.u1))
    assert told.creators == 1
    assert {row[0] for row in rows(database, "entry")} == {town.u1}


# What does not add up


def told_lines(text: bytes) -> Lines:
    """The lines of an export."""
    return [orjson.loads(line) for line in text.splitlines()]


def place(lines: Lines) -> int:
    """The index of the first breach that an event of that kind made, in a network's book."""
    return next(n for n, line in enumerate(lines) if line.get("event", {}).get("kind") == "breach")


def an_amount(lines: Lines) -> int:
    """An amount and its counterpart are altered."""
    at = place(lines)
    lines[at]["entry"]["fresh"] += 1
    lines[at]["entry"]["world"] -= 1
    return at


def a_fact(lines: Lines) -> int:
    """What happened is told otherwise."""
    at = place(lines)
    facts = orjson.loads(lines[at]["event"]["facts"])
    lines[at]["event"]["facts"] = orjson.dumps(facts | {"severity": 4}, option=orjson.OPT_SORT_KEYS).decode()
    return at


def a_gap(lines: Lines) -> int:
    """An entry is left out."""
    at = place(lines)
    del lines[at]
    return at


def an_event_left_out(lines: Lines) -> int:
    """An entry without what made it."""
    at = place(lines)
    del lines[at]["event"]
    return at


def a_tail_cut_off(lines: Lines) -> int:
    """The last entry of a book is left out."""
    at = next(n for n, line in enumerate(lines) if n > place(lines) and "entry" not in line)
    del lines[at - 1]
    return at - 1


def another_head(lines: Lines) -> int:
    """A tail is cut off, and the book is said to end there."""
    at = a_tail_cut_off(lines)
    first = max(n for n in range(at) if "book" in lines[n])
    last = lines[at - 1]["entry"]
    lines[first]["book"] |= {"seq": last["seq"], "head": last["hash"]}
    return -1


def a_price_hashed_anew(lines: Lines) -> int:
    """One line costs less, and every hash after it is made to fit."""
    at = place(lines)
    entry = lines[at]["entry"]
    factors = orjson.loads(entry["factors"])
    entry["factors"] = orjson.dumps(factors | {"share": factors["share"] // 2}, option=orjson.OPT_SORT_KEYS).decode()
    rehashed(lines, at)
    return at


def rehashed(lines: Lines, at: int) -> None:
    """Every hash from a line on is made to fit, to the end of its book."""
    book = max(n for n in range(at) if "book" in lines[n])
    while "entry" in lines[at]:
        entry = lines[at]["entry"]
        entry["prev_hash"] = lines[at - 1]["entry"]["hash"]
        row = EntryRow._make(bytes.fromhex(v) if name.endswith("hash") else v for name, v in entry.items())
        entry["hash"] = lines[book]["book"]["head"] = chain.entry_hash(row).hex()
        at += 1


def another_rule(lines: Lines) -> int:
    """A policy is altered."""
    lines[0]["policy"]["text"] = lines[0]["policy"]["text"].replace('value = "90"', 'value = "91"', 1)
    return len([line for line in lines if "policy" in line])


def a_refusal(lines: Lines) -> int:
    """What was refused is told otherwise."""
    at = next(n for n, line in enumerate(lines) if "refused" in line)
    lines[at]["refused"]["external_ref"] += "x"
    return at


def a_closed_book(lines: Lines) -> int:
    """A book that holds live entries is said to be open to backfill."""
    at = next(n for n, line in enumerate(lines) if line.get("book", {}).get("meter") == METER)
    lines[at]["book"]["live"] = False
    seq: int = lines[at]["book"]["seq"]
    return at + seq


def nonsense(lines: Lines) -> int:
    """A number where a text has to be."""
    at = place(lines)
    lines[at]["entry"]["kind"] = 7
    return at


def a_stranger(lines: Lines) -> int:
    """A line of another sort."""
    lines.insert(5, {"gift": {"amount": 1}})
    return 5


WRONGS: list[Callable[[Lines], int]] = [
    *(an_amount, a_fact, a_gap, an_event_left_out, a_tail_cut_off, another_head, a_price_hashed_anew, another_rule),
    *(a_refusal, a_closed_book, nonsense, a_stranger),
]


@pytest.mark.parametrize("wrong", WRONGS, ids=lambda wrong: wrong.__name__)
def test_what_does_not_add_up_is_refused_whole(
    exported: bytes, database: Database, wrong: Callable[[Lines], int]
) -> None:
    """Whatever is altered, the line is named, and not a row of the file is kept."""
    lines = told_lines(exported)
    at = wrong(lines)
    with pytest.raises(BadExport) as refused:
        read_in(database, b"\n".join(map(orjson.dumps, lines)))
    if at >= 0:
        assert refused.value.detail.startswith(f"line {at + 1}: ")
    assert {name: rows(database, name) for name in KEPT_TABLES if rows(database, name)} == {}


def test_half_of_an_event_is_not_enough(town: Town, database: Database) -> None:
    """A brand's book alone is refused: what it holds of a pitch is the network's book to answer for."""
    alone = written(town.counter.database, creator_id=town.u1, meter="brand:nike")
    with pytest.raises(BadExport, match="that book is not in the file"):
        read_in(database, alone)


def test_a_book_that_has_entries_is_not_written_over(exported: bytes, database: Database) -> None:
    """The same file again is refused, and so is a file beside a ledger under other rules."""
    read_in(database, exported)
    with pytest.raises(BadExport, match="has entries already"):
        read_in(database, exported)


def test_rules_are_not_mixed(exported: bytes, database: Database) -> None:
    """Books that were kept under two policies do not come into a ledger that has but one."""
    Counter(database, names=())
    with pytest.raises(BadExport, match="other policies"):
        read_in(database, exported)


def test_an_empty_file_is_no_export(database: Database) -> None:
    """Nothing is not taken for everything."""
    with pytest.raises(BadExport, match="no book"):
        read_in(database, b"")


# Anyone can check


def checked(path: Path) -> subprocess.CompletedProcess[str]:
    """Run the script of the docs with nothing but Python."""
    command = [sys.executable, "-I", str(SCRIPT), str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_a_page_of_python_checks_every_hash(town: Town, exported: bytes, tmp_path: Path) -> None:
    """The script in the docs agrees with every book's last hash, in an export whole or without events."""
    path = tmp_path / "books.jsonl"
    path.write_bytes(exported)
    said = [line.split() for line in checked(path).stdout.splitlines()]
    heads = {(row[0], row[1], str(row[2])): row[3] for row in rows_of_books(town.counter.database)}
    assert {tuple(line[:3]): line[3] for line in said} == heads
    assert len(heads) > 5


def rows_of_books(database: Database) -> list[tuple[Any, ...]]:
    """Each book's key, length and last hash."""
    with database.reading() as session:
        found = list(exports.books(session))
    return [(book.creator_id, book.meter, book.seq, book.head.hex() or "00" * 32) for book in found]


@pytest.mark.parametrize("wrong", [an_amount, a_fact, a_gap, a_tail_cut_off], ids=lambda wrong: wrong.__name__)
def test_the_script_names_the_line(exported: bytes, tmp_path: Path, wrong: Callable[[Lines], int]) -> None:
    """Whoever alters an amount, a fact or the course of a book is found out by it."""
    lines = told_lines(exported)
    at = wrong(lines)
    path = tmp_path / "books.jsonl"
    path.write_bytes(b"\n".join(map(orjson.dumps, lines)))
    run = checked(path)
    assert run.returncode == 1
    assert run.stderr.startswith(f"line {at + 1}: ")


# The command line


def test_books_move_from_one_database_to_another(set_up: Shell, sqlite_url: str) -> None:
    """export, restore and verify, by hand: in a database that was only migrated, and the same books come out of it."""
    from ledger import creators

    url = set_up.environment.get("TRUST_LEDGER_DATABASE_URL", f"sqlite:///{set_up.folder}/var/trust-ledger.db")
    source = Database(url)
    counter = Counter.__new__(Counter)
    counter.database, counter.ids = source, {"u1": enrol(source, creators)}
    with source.reading() as session:
        from ledger import rules

        counter.schedule = rules.schedule(session)
    counter.one("engagement", ref="e", act="reply", engager="f")
    source.dispose()
    set_up("export", "--format", "jsonl", "-o", "books.jsonl")
    set_up.environment["TRUST_LEDGER_DATABASE_URL"] = sqlite_url
    assert "2 entries" not in set_up("restore", "books.jsonl").output
    assert "sound: 1 books" in set_up("verify").output
    set_up("export", "--format", "jsonl", "-o", "again.jsonl")
    assert (set_up.folder / "again.jsonl").read_bytes() == (set_up.folder / "books.jsonl").read_bytes()
    assert "has entries already" in set_up("restore", "books.jsonl", code=1).output
    assert "there are no such books" in set_up("export", "--format", "jsonl", "--meter", "network:x", code=1).output
    assert "no creator" in set_up("export", "--format", "hledger", "--creator", "nobody", code=1).output
    assert set_up("export", "--format", "hledger", "--creator", "youtube:u1").stdout.startswith("; A journal")


def enrol(database: Database, creators: Any) -> str:
    """Enrol u1 on youtube."""
    account = creators.AccountOf("youtube", "u1")
    told: dict[str, Any] = {"display_name": "U", "accounts": [account], "consent_at_us": 1, "enrolled_by": "acme"}
    made: str = database.write(lambda session: creators.enrol(session, now_us=noon(0), **told))[0]
    return made
