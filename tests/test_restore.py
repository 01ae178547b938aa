"""Books leave as JSON Lines with every hash, are checked by anyone, and come back into an empty ledger as they were."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from shutil import copyfile
from typing import Any

import orjson
import pytest

from ledger import audit, chain, checkpoints, creators, db, exports, rules, settings, tables
from ledger.checkpoints import Checkpoint
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


def read_in(database: Database, text: bytes, *, checkpoint: Checkpoint | None = None) -> Restored:
    """Restore, all or nothing."""
    with database.transaction() as session:
        return restore(session, lines=text.splitlines(keepends=True), now_us=noon(400), checkpoint=checkpoint)


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


def a_day_without_end(lines: Lines) -> int:
    """A book is said to stand on a day that nobody could count up to."""
    at = next(n for n, line in enumerate(lines) if line.get("book", {}).get("meter") == METER)
    lines[at]["book"]["settled_through"] = 1 << 62
    seq: int = lines[at]["book"]["seq"]
    return at + seq


def an_entry_without_end(lines: Lines) -> int:
    """A line is said to be written on such a day, and every hash after it is made to fit."""
    at = place(lines)
    lines[at]["entry"]["settled_through"] = 1 << 62
    rehashed(lines, at)
    return at


def a_settlement_without_end(lines: Lines) -> int:
    """Time is said to have passed up to such a day, and every hash after it is made to fit."""
    at = next(n for n, line in enumerate(lines) if line.get("entry", {}).get("kind") == "settlement")
    entry = lines[at]["entry"]
    entry["settled_through"] = 1 << 62
    factors = orjson.loads(entry["factors"]) | {"to_day": 1 << 62}
    entry["factors"] = orjson.dumps(factors, option=orjson.OPT_SORT_KEYS).decode()
    rehashed(lines, at)
    return at


def a_day_in_words(lines: Lines) -> int:
    """A book is said to stand on a day that is no number."""
    at = next(n for n, line in enumerate(lines) if "book" in line)
    lines[at]["book"]["settled_through"] = "Monday"
    return at


def open_in_words(lines: Lines) -> int:
    """Whether a book is open to backfill is told otherwise than by true or false."""
    at = next(n for n, line in enumerate(lines) if "book" in line)
    lines[at]["book"]["live"] = 7
    return at


def nonsense(lines: Lines) -> int:
    """A number where a text has to be."""
    at = place(lines)
    lines[at]["entry"]["kind"] = 7
    return at


def no_meter(lines: Lines) -> int:
    """An empty book of what is no meter."""
    at = next(n for n, line in enumerate(lines) if "book" in line)
    lines.insert(at, {**lines[at], "book": {**lines[at]["book"], "meter": "brand:\x00", "seq": 0, "head": ""}})
    return at


def a_stranger(lines: Lines) -> int:
    """A line of another sort."""
    lines.insert(5, {"gift": {"amount": 1}})
    return 5


WRONGS: list[Callable[[Lines], int]] = [
    *(an_amount, a_fact, a_gap, an_event_left_out, a_tail_cut_off, another_head, a_price_hashed_anew, another_rule),
    *(a_refusal, a_closed_book, nonsense, no_meter, a_stranger),
    *(a_day_without_end, an_entry_without_end, a_settlement_without_end, a_day_in_words, open_in_words),
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


# What it says of people

HUGE_US = 253_402_300_800_000_000  # the year 10000
PEOPLE: dict[str, tuple[str, dict[str, Any]]] = {
    "topics that are no JSON": ("profile", {"topics": "not json"}),
    "topics that are no list": ("profile", {"topics": '{"a":1}'}),
    "a topic that is no text": ("profile", {"topics": "[1]"}),
    "a topic with a line break": ("profile", {"topics": '["a\\nb"]'}),
    "a topic too long": ("profile", {"topics": orjson.dumps(["a" * 61]).decode()}),
    "too many topics": ("profile", {"topics": orjson.dumps(["a"] * 21).decode()}),
    "control characters in a name": ("profile", {"display_name": "A\nB"}),
    "a space before a name": ("profile", {"display_name": " A"}),
    "an empty name": ("profile", {"display_name": ""}),
    "a name too long": ("profile", {"display_name": "a" * 201}),
    "a name that is no text": ("profile", {"display_name": None}),
    "a handle that is no slug": ("profile", {"handle": "A/B"}),
    "a NUL in an account": ("account", {"external_id": "a\x00"}),
    "an account of no network": ("account", {"network": "You Tube"}),
    "fewer followers than none": ("account", {"followers": -1}),
    "followers that are no number": ("account", {"followers": True}),
    "another visibility": ("creator", {"visibility": "open"}),
    "erased, with all there is": ("creator", {"visibility": "erased"}),
    "findable in private": ("creator", {"findable": True}),
    "findable, perhaps": ("creator", {"visibility": "public", "findable": "yes"}),
    "an id that is none": ("creator", {"creator_id": "u1"}),
    "enrolled in the future": ("creator", {"enrolled_at_us": noon(401)}),
    "a version before the first": ("creator", {"version": 0}),
    "a consent that nobody enrolled by": ("consent", {"recorded_by": "nobody"}),
    "a consent to something later": ("consent", {"given_at_us": noon(300)}),
    "a time that cannot be written": ("consent", {"recorded_at_us": HUGE_US}),
    "terms with a control character": ("consent", {"terms": "a\x1b[2J"}),
    "evidence too long": ("consent", {"evidence": "a" * 201}),
}


@pytest.mark.parametrize("wrong", PEOPLE)
def test_people_are_read_as_enrolment_reads_them(exported: bytes, database: Database, wrong: str) -> None:
    """What nobody could have been enrolled with is refused by its line, and not a row of the file is kept."""
    lines = told_lines(exported)
    at = next(n for n, line in enumerate(lines) if "creator" in line)
    table, change = PEOPLE[wrong]
    lines[at][table][0] |= change
    refuse_at(database, lines, at)


@pytest.mark.parametrize(
    ("table", "times"),
    [*((table, 0) for table in ("creator", "profile", "account", "consent")), ("creator", 2), ("account", 21)],
)
def test_nobody_is_half_there(exported: bytes, database: Database, table: str, times: int) -> None:
    """A creator without an account, a name or a consent is refused, and so are more than one can have."""
    lines = told_lines(exported)
    at = next(n for n, line in enumerate(lines) if "creator" in line)
    lines[at][table] = [
        row | ({"external_id": f"a{n}"} if table == "account" else {})
        for n, row in enumerate(lines[at][table][:1] * times)
    ]
    refuse_at(database, lines, at)


@pytest.mark.parametrize(
    "change",
    [
        {"profile": [{"handle": "a", "display_name": "A", "topics": "[]"}]},
        {"account": [{"network": "youtube", "external_id": "a", "followers": None}]},
        {"erasure": []},
        {"removed": "not json"},
        {"removed": '{"tie":"many"}'},
        {"terms": "creators 3"},
    ],
    ids=str,
)
def test_of_the_erased_nothing_comes_back(exported: bytes, database: Database, change: dict[str, Any]) -> None:
    """Whoever was erased has no name, no account and no terms in a file either."""
    lines = told_lines(exported)
    at = next(n for n, line in enumerate(lines) if line.get("erasure"))
    told = {"creator_id": lines[at]["creator"][0]["creator_id"]}
    for name, value in change.items():
        if isinstance(value, list):
            lines[at][name] = [row | told for row in value]
        else:
            lines[at]["erasure" if name == "removed" else "consent"][0][name] = value
    refuse_at(database, lines, at)


def refuse_at(database: Database, lines: Lines, at: int) -> None:
    """The file is refused by that line, and nothing of it is kept."""
    with pytest.raises(BadExport) as refused:
        read_in(database, b"\n".join(map(orjson.dumps, lines)))
    assert refused.value.detail.startswith(f"line {at + 1}: ")
    assert {name: rows(database, name) for name in KEPT_TABLES if rows(database, name)} == {}


@pytest.mark.parametrize("longest", [True, False])
def test_a_file_may_say_of_people_what_a_call_may(longest: bool) -> None:
    """The bounds of a restored profile are those of POST /v1/creators: the longest pass both, one more neither."""
    from api.creators import EnrolIn
    from ledger import people

    more = 0 if longest else 1
    for told in (
        {"display_name": "a" * (200 + more)},
        {"topics": ["a" * (60 + more)]},
        {"topics": [f"topic {number}" for number in range(20 + more)]},
        {"handle": "a" * (64 + more)},
    ):
        call: dict[str, Any] = {"display_name": "A", "accounts": [{"network": "tv", "external_id": "a"}]}
        call |= {"consent": {"at": "2026-01-01T00:00:00Z"}, **told}
        assert bool(EnrolIn().validate(call)) is not longest
        read = people.FIELDS["profile"]
        for name, value in told.items():
            text = orjson.dumps(value).decode() if name == "topics" else value
            if longest:
                assert read[name](text) == text
            else:
                with pytest.raises(ValueError, match="must be"):
                    read[name](text)


# Where it comes from


def opened_up(exported: bytes) -> bytes:
    """The same export, with everybody who is still there public and to be found."""
    lines = told_lines(exported)
    for line in lines:
        for row in line.get("creator", ()):
            if row["visibility"] == "private":
                row |= {"visibility": "public", "findable": True}
    return b"\n".join(map(orjson.dumps, lines))


def seen(database: Database) -> dict[str, tuple[str, bool]]:
    """Each creator's visibility, and whether they are to be found."""
    return {row[0]: (row[1], bool(row[-1])) for row in rows(database, "creator")}


def test_nobody_is_made_public_by_a_file(town: Town, exported: bytes, database: Database) -> None:
    """Without a checkpoint whoever the file says is public comes back private, and is counted."""
    told = read_in(database, opened_up(exported))
    assert set(seen(database).values()) == {("private", False), ("erased", False)}
    assert (told.hidden, told.unproved) == (
        told.creators - 1,
        sum(row[2] > 0 for row in rows_of_books(town.counter.database)),
    )


def test_what_a_checkpoint_has_seen_is_shown_again(town: Town, exported: bytes, database: Database) -> None:
    """With a checkpoint that has all books of a creator they are as they were; one unknown to it stays private."""
    known = tuple(leaf for leaf in town.checkpoint.leaves if (leaf.creator_id, leaf.meter) != (town.u1, "brand:nike"))
    told = read_in(database, opened_up(exported), checkpoint=replace(town.checkpoint, leaves=known))
    public = {who for who, shown in seen(database).items() if shown == ("public", True)}
    lively = {row[0] for row in rows_of_books(town.counter.database) if row[2]}
    assert public == lively - {town.u1, town.gone}
    assert (told.hidden, told.unproved) == (told.creators - 1 - len(public), 1)


def test_a_book_goes_through_the_head_that_a_checkpoint_saw(town: Town, exported: bytes, database: Database) -> None:
    """Another entry in the place of that head, or a book that ends before it, is refused with the book's name."""
    leaf = next(leaf for leaf in town.checkpoint.leaves if leaf[:2] == (town.u1, METER))
    for other, what in ((leaf._replace(head=bytes(32)), "not the entry"), (leaf._replace(seq=leaf.seq + 1), "ends")):
        with pytest.raises(BadExport, match=what) as refused:
            read_in(database, exported, checkpoint=replace(town.checkpoint, leaves=(other,)))
        assert f"{METER} of {town.u1}" in refused.value.detail
        assert not rows(database, "entry")
    read_in(database, exported, checkpoint=town.checkpoint)


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


@pytest.mark.parametrize(("half", "why"), [(True, "line 2: it is no JSON"), (False, "there is no book")])
def test_the_script_takes_no_half_of_a_file(exported: bytes, tmp_path: Path, half: bool, why: str) -> None:
    """A file that was cut off in a line, or is empty, is not passed over."""
    path = tmp_path / "books.jsonl"
    lines = exported.splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[1][:-9] if half else b"")
    run = checked(path)
    assert (run.returncode, run.stderr[: len(why)]) == (1, why)


# The command line


def test_books_move_from_one_database_to_another(set_up: Shell, sqlite_url: str) -> None:
    """export, restore and verify, by hand: in a database that was only migrated, and the same books come out of it."""
    source = counter_of(set_up)
    source.one("engagement", ref="e", act="reply", engager="f")
    source.database.dispose()
    set_up("export", "--format", "jsonl", "-o", "books.jsonl")
    set_up.environment["TRUST_LEDGER_DATABASE_URL"] = sqlite_url
    told = set_up("restore", "books.jsonl")
    assert "2 entries" not in told.output
    assert "nothing but the hashes" in told.stderr
    assert "sound: 1 books" in set_up("verify").output
    set_up("export", "--format", "jsonl", "-o", "again.jsonl")
    assert (set_up.folder / "again.jsonl").read_bytes() == (set_up.folder / "books.jsonl").read_bytes()
    assert "has entries already" in set_up("restore", "books.jsonl", code=1).output
    assert "there are no such books" in set_up("export", "--format", "jsonl", "--meter", "network:x", code=1).output
    assert "no creator" in set_up("export", "--format", "hledger", "--creator", "nobody", code=1).output
    assert set_up("export", "--format", "hledger", "--creator", "youtube:u1").stdout.startswith("; A journal")


def test_an_invented_history_fails_at_the_checkpoint(set_up: Shell, sqlite_url: str) -> None:
    """A file that is sound in itself, but is not what was signed, is refused; what was signed comes in quietly."""
    counter = counter_of(set_up)
    set_up("export", "--format", "jsonl", "-o", "before.jsonl")
    invented = Counter.__new__(Counter)
    invented.database, invented.schedule = Database(sqlite_url), counter.schedule
    read_in(invented.database, (set_up.folder / "before.jsonl").read_bytes())
    for each, act in ((counter, "reply"), (invented, "share")):
        each.one("engagement", ref="e", act=act, engager="f")
    key = settings.load().key("signing_key")
    with counter.database.reading() as session:
        made = checkpoints.make(session, now_us=noon(1), key=key)
    file = str(checkpoints.write(made, set_up.folder / "apart"))
    (set_up.folder / "invented.jsonl").write_bytes(written(invented.database))
    (set_up.folder / "true.jsonl").write_bytes(written(counter.database))
    (set_up.folder / "forged").mkdir()
    forged = checkpoints._sign(noon(1), made.leaves, b"another key")
    other = str(checkpoints.write(forged, set_up.folder / "forged"))
    counter.database.dispose()
    invented.database.dispose()

    set_up.environment["TRUST_LEDGER_DATABASE_URL"] = f"sqlite:///{set_up.folder}/fresh.db"
    set_up("migrate")
    assert "not signed" in set_up("restore", "true.jsonl", "--checkpoint", other, code=1).output
    refused = set_up("restore", "invented.jsonl", "--checkpoint", file, code=1).output
    assert f"{METER} of {made.leaves[0].creator_id}" in refused
    assert "nothing but the hashes" not in set_up("restore", "true.jsonl", "--checkpoint", file).stderr


def counter_of(shell: Shell) -> Counter:
    """The ledger of a command line, with u1 enrolled on youtube."""
    url = shell.environment.get("TRUST_LEDGER_DATABASE_URL", f"sqlite:///{shell.folder}/var/trust-ledger.db")
    counter = Counter.__new__(Counter)
    counter.database = Database(url)
    with counter.database.reading() as session:
        counter.schedule = rules.schedule(session)
    counter.ids = {"u1": enrol(counter.database)}
    return counter


def enrol(database: Database) -> str:
    """Enrol u1 on youtube."""
    account = creators.AccountOf("youtube", "u1")
    told: dict[str, Any] = {"display_name": "U", "accounts": [account], "consent_at_us": 1, "enrolled_by": "acme"}
    made: str = database.write(lambda session: creators.enrol(session, now_us=noon(0), **told))[0]
    return made
