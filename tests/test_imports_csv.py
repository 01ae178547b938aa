"""CSV files of any shape come in by a map of their columns: once, in order, and nothing else of them."""

import multiprocessing
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from ledger import columns, creators, db
from ledger.creators import AccountOf
from ledger.formats import UnreadableFile
from ledger.imports import Agreed, Summary
from tests.test_imports import NOW_US, rows, run, told, wait_for

MAP = {"creator": "Channel", "occurred_at": "When", "facts.act": "What", "facts.engager": "User"}
ENGAGEMENT = {"kind": "engagement", "network": "video"}
HEAD = "User,What,Channel,When,Comment\n"
STORY = (
    HEAD
    + """\
fan-1,reply,ada,2026-01-01T10:00:00Z,"Lovely, I said"
fan-2,like,ada,2026-01-01T12:30:00+01:00,
fan-3,share,bea,1767348000,"two
lines of ""text\"""\n"""
)
NOBODY = "no creator video:cid with a book network:video is enrolled"
AGREED = Agreed(NOW_US - 1_000_000, terms="terms of 2026", evidence="folder 7")


def bring(database: db.Database, path: Path, *, constants: Any = ENGAGEMENT, **given: Any) -> Summary:
    """Import a file by the map, of creators who agreed."""
    mapped = columns.mapped(columns=given.pop("columns", MAP), constants=constants, **given.pop("csv", {}))
    return run(database, path, format=mapped, **({"agreed": AGREED} | given))


def written(folder: Path, text: str | bytes) -> Path:
    """A file that holds the text."""
    path = folder / "acts.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_columns_become_events(database: db.Database, tmp_path: Path) -> None:
    """Each row is an event of the creator that its cells name, at its own time, whatever the columns are called."""
    assert bring(database, written(tmp_path, STORY)) == told(lines=4, posted=3, headers=1)
    found = rows(database, "SELECT kind, facts, occurred_at_us, source FROM event ORDER BY occurred_at_us")
    assert [(kind, at // 1_000_000, source) for kind, _, at, source in found] == [
        ("engagement", 1767261600, "archive"),
        ("engagement", 1767267000, "archive"),
        ("engagement", 1767348000, "archive"),
    ]
    assert ['"act":"reply"' in found[0][1], '"act":"like"' in found[1][1]] == [True, True]


def test_what_no_column_of_the_map_says_is_not_kept(database: db.Database, tmp_path: Path) -> None:
    """Comments go nowhere, and engagers are kept as keyed hashes, also in the references made for them."""
    bring(database, written(tmp_path, STORY))
    kept = str(rows(database, "SELECT * FROM event")) + str(rows(database, "SELECT engager FROM tie"))
    assert not any(word in kept for word in ("Lovely", "lines of", "fan-1", "fan-2", "fan-3"))


def test_the_same_file_posts_nothing_twice(database: db.Database, tmp_path: Path) -> None:
    """Neither as a whole, nor line by line where the note of how far it came is lost."""
    path = written(tmp_path, STORY)
    bring(database, path)
    assert bring(database, path) == told(lines=4, skipped=3, headers=1)
    database.write(lambda session: db.execute(session, "DELETE FROM import_run"))
    assert bring(database, path) == told(lines=4, replayed=3, headers=1)


def test_another_map_is_another_import(database: db.Database, tmp_path: Path) -> None:
    """Read in another way, the file is not taken for done."""
    path = written(tmp_path, "creator,other,occurred_at\nada,bea,1767261600\n")
    post = {"kind": "post", "network": "video"}
    assert bring(database, path, columns={}, constants=post).posted == 1
    assert bring(database, path, columns={"creator": "other"}, constants=post).posted == 1
    assert rows(database, "SELECT count(*) FROM creator") == [(2,)]


def test_a_files_own_references_are_kept(database: db.Database, tmp_path: Path) -> None:
    """What was told over HTTP under the same reference is the same event; another under it is refused and named."""
    first, other = "ada,post,1767261600,p-1\n", "ada,post,1767261700,p-1\n"
    text = f"creator,kind,occurred_at,external_ref\n{first}{first}{other}"
    summary = bring(database, written(tmp_path, text), columns={}, constants={"network": "video"})
    assert (summary.posted, summary.replayed, summary.refused) == (1, 1, 1)
    assert (
        summary.refusals[0][0],
        "/occurred_at" in summary.refusals[0][1] or "occurred" in summary.refusals[0][1],
    ) == (4, True)
    assert rows(database, "SELECT external_ref FROM event") == [("p-1",)]


def test_facts_are_read_as_their_kind_takes_them(database: db.Database, tmp_path: Path) -> None:
    """Whole numbers, flags, shares and words each from text, of several kinds in one file; empty cells say nothing."""
    text = (
        "creator,kind,occurred_at,external_ref,facts.brand,facts.disclosure,facts.fit,facts.followers,facts.severity,"
        "facts.category,facts.self_reported,facts.breach,facts.regret\n"
        "ada,pitch,1767261600,a,nike,clear,0.7,50000,,,,,\n"
        "ada,breach,1767361600,b,,,,,2,other,Yes,,\n"
        "ada,apology,1767361700,c,,,,,,,,b,true\n"
    )
    summary = bring(database, written(tmp_path, text), columns={}, constants={"network": "video"})
    assert summary == told(lines=4, posted=3, headers=1)
    facts = [row[0] for row in rows(database, "SELECT facts FROM event ORDER BY occurred_at_us")]
    assert all(part in facts[0] for part in ('"followers":50000', '"fit":"0.7"', '"brand":"nike"'))
    assert '"self_reported":true' in facts[1]
    assert '"regret":true' in facts[2]


BAD = {
    "an act there is not": (b"u,wave,ada,1767261600,x", "column 'What': must be one of like"),
    "a fact too long": (b"%s,like,ada,1767261600,x" % (b"u" * 300), "column 'User'"),
    "no engager": (b",like,ada,1767261600,x", "column 'User': is required"),
    "no creator": (b"u,like, ,1767261600,x", "column 'Channel': is empty"),
    "a time in words": (b"u,like,ada,yesterday,x", "column 'When': time 'yesterday'"),
    "a time without a zone": (b"u,like,ada,2026-01-01T10:00:00,x", "column 'When': time"),
    "a time in milliseconds": (b"u,like,ada,1767261600000,x", "column 'When': time"),
    "a day there is not": (b"u,like,ada,2026-02-30T10:00:00Z,x", "column 'When': time"),
    "a time to come": (b"u,like,ada,9999999999,x", "future"),
    "a time of before": (b"u,like,cid,5,x", "column 'When': must not be before"),
    "too few columns": (b"u,like,ada", "has 3 columns, the first line has 5"),
    "too many columns": (b"u,like,ada,1767261600,x,y", "has 6 columns"),
    "not UTF-8": (b"\xff,like,ada,1767261600,x", "column 'User': not UTF-8"),
    "a NUL": (b"a\0b,like,ada,1767261600,x", "column 'User'"),
    "nothing": (b" , ,,,", "is empty"),
    "text behind a quote": (b'"u"v,like,ada,1767261600,x', "not CSV"),
    "a line without end": (b"u,like,ada,1767261600," + b"x" * 70_000, "longer than 65536 bytes"),
}


@pytest.mark.parametrize(("raw", "why"), BAD.values(), ids=BAD)
def test_a_bad_line_is_named_by_number_and_column(sqlite_url: str, tmp_path: Path, raw: bytes, why: str) -> None:
    """What cannot be used is named by where it stands, and stops no other line."""
    good = b"u,like,ada,1767261600,x\n"
    database = db.Database(sqlite_url)
    summary = bring(database, written(tmp_path, HEAD.encode() + good + raw + b"\n" + good.replace(b"ada", b"bea")))
    assert (summary.posted, summary.bad_lines, [number for number, _ in summary.bad]) == (2, 1, [3])
    assert why in summary.bad[0][1]
    database.dispose()


def test_what_no_column_says_is_not_named_as_one(sqlite_url: str, tmp_path: Path) -> None:
    """A creator who cannot be is named by the column alone, not by the meter that follows from it."""
    database = db.Database(sqlite_url)
    ((_, why),) = bring(database, written(tmp_path, HEAD + "u,like,a\0b,1767261600,x\n")).bad
    assert why.startswith("column 'Channel': ")
    assert "/meter" not in why
    database.dispose()


def test_a_number_that_is_none_names_its_column(sqlite_url: str, tmp_path: Path) -> None:
    """Facts that have to be whole numbers or flags are refused as anything else."""
    database = db.Database(sqlite_url)
    text = "creator,kind,occurred_at,facts.severity,facts.category,facts.self_reported\n"
    text += "ada,breach,1767261600,2.5,other,\nada,breach,1767261600,2,other,perhaps\nada,gift,1767261600,,,\n"
    summary = bring(database, written(tmp_path, text), columns={}, constants={"network": "video"})
    assert [(number, why.partition(":")[0]) for number, why in summary.bad] == [
        (2, "column 'facts.severity'"),
        (3, "column 'facts.self_reported'"),
        (4, "column 'kind'"),
    ]
    database.dispose()


def test_a_quote_that_stays_open_is_named_with_all_it_swallowed(sqlite_url: str, tmp_path: Path) -> None:
    """Whoever looks for lost lines is told from where to where they went."""
    database = db.Database(sqlite_url)
    text = HEAD + 'u,like,ada,1767261600,"open\nu,like,ada,1767261700,x\nu,like,ada,1767261800,x\n'
    summary = bring(database, written(tmp_path, text))
    assert summary.bad == [(2, "not CSV: unexpected end of data (through line 4)")]
    database.dispose()


def test_files_from_windows_and_from_spreadsheets_are_read(sqlite_url: str, tmp_path: Path) -> None:
    """A byte order mark, carriage returns, semicolons, line ends inside quotes and a last line without one."""
    database = db.Database(sqlite_url)
    text = '\ufeff"User";"What";"Channel";"When";"Comment"\r\nf;like;ada;1767261600;"a\r\nb"\r\ng;reply;ada;1767261601;'
    assert bring(database, written(tmp_path, text), csv={"delimiter": ";"}) == told(lines=3, posted=2, headers=1)
    assert [number for number, _ in bring(database, written(tmp_path, text + "\nx;y"), csv={"delimiter": ";"}).bad] == [
        5
    ]
    database.dispose()


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"columns": MAP | {"facts.act": "Deed"}}, "no column 'Deed' for facts.act; the first line has 'User', 'What'"),
        ({"columns": {"creator": "Channel"}}, "nothing says occurred_at"),
        ({"columns": MAP | {"colour": "What"}}, "no field 'colour'"),
        ({"constants": {"network": "video"}}, "nothing says kind"),
    ],
)
def test_a_map_that_does_not_fit_the_file_posts_nothing(
    sqlite_url: str, tmp_path: Path, given: dict[str, Any], why: str
) -> None:
    """What the map asks for and the file has not is said before anything is posted."""
    database = db.Database(sqlite_url)
    with pytest.raises(UnreadableFile, match=why):
        bring(database, written(tmp_path, STORY), **given)
    assert rows(database, "SELECT count(*) FROM creator") == [(0,)]
    database.dispose()


# Who agreed


def test_whoever_did_not_agree_is_not_enrolled(database: db.Database, tmp_path: Path) -> None:
    """Without consent a line about a stranger is refused, and one about somebody who joined is posted."""
    database.write(
        lambda session: creators.enrol(
            session,
            display_name="Ada",
            accounts=[AccountOf("video", "ada")],
            consent_at_us=1,
            enrolled_by="acme",
            now_us=1,
        )
    )
    summary = bring(database, written(tmp_path, STORY), agreed=None)
    assert (summary.posted, summary.refused, [number for number, _ in summary.refusals]) == (2, 1, [4])
    assert rows(database, "SELECT external_id FROM account") == [("ada",)]


def test_consent_is_recorded_with_terms_and_proof(database: db.Database, tmp_path: Path) -> None:
    """Whoever is enrolled by a file is there by the consent that was told with it, or in it, line by line."""
    bring(database, written(tmp_path, STORY))
    text = "creator,kind,occurred_at,consent_at\ncid,post,1767261600,2026-01-01T00:00:00Z\ndot,post,1767261600,\n"
    summary = bring(
        database, written(tmp_path, text), columns={}, constants={"kind": "post", "network": "video"}, agreed=None
    )
    assert (summary.posted, summary.refused) == (1, 1)
    sql = "SELECT given_at_us, terms, evidence, recorded_by FROM consent ORDER BY given_at_us"
    assert rows(database, sql) == [
        (1767225600000000, "import: archive", "", "import:csv"),
        *[(AGREED.at_us, "terms of 2026", "folder 7", "import:csv")] * 2,
    ]


def test_a_consent_yet_to_come_is_none(sqlite_url: str, tmp_path: Path) -> None:
    """Nobody is enrolled by a consent of the future."""
    database = db.Database(sqlite_url)
    text = "creator,kind,occurred_at,consent_at\ncid,post,1767261600,2036-01-01T00:00:00Z\n"
    assert "future" in bring(database, written(tmp_path, text), columns={}, constants={"network": "v"}).bad[0][1]
    database.dispose()


# Killed and resumed


def import_slowly(url: str, path: Path) -> None:
    """Import in small batches with a rest after each, in a process that will not see the end of it."""
    bring(db.Database(url), path, batch=50, progress=lambda *_: time.sleep(0.02))


def test_a_killed_import_goes_on_where_it_was(database: db.Database, tmp_path: Path) -> None:
    """Killed in mid-file, with rows of several lines and bad ones in it, every good row is posted once."""
    lines = [f'f-{n},like,c-{n % 9},{1767261600 + n},"a\nb"\n' if n % 10 else "broken\n" for n in range(2_000)]
    path = written(tmp_path, HEAD + "".join(lines))
    url = database.url.render_as_string(hide_password=False)
    process = multiprocessing.get_context("spawn").Process(target=import_slowly, args=(url, path))
    process.start()
    wait_for(lambda: rows(database, "SELECT count(*) FROM import_run WHERE lines_done >= 200") == [(1,)])
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    before = rows(database, "SELECT count(*) FROM event")[0][0]
    summary = bring(database, path)
    assert 0 < before < 1_800
    assert (summary.skipped, summary.posted, summary.replayed, summary.bad_lines) == (
        before,
        1_800 - before,
        0,
        200,
    )
    assert rows(database, "SELECT count(*) FROM event") == [(1_800,)]


def test_a_refused_line_is_tried_again_after_a_stop(database: db.Database, tmp_path: Path) -> None:
    """An import that broke off behind a refused line takes up that line too, and posts nothing twice."""
    agreed = "2026-01-01T00:00:00Z"
    text = "".join(f"{'cid' if n == 2 else 'ada'},{1767261600 + n},{agreed if n != 2 else ''}\n" for n in range(10))
    path = written(tmp_path, "creator,occurred_at,consent_at\n" + text)
    given: dict[str, Any] = {"columns": {}, "constants": {"kind": "post", "network": "video"}, "batch": 2}

    def stop(done: int, _: int) -> None:
        if done == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bring(database, path, agreed=None, progress=stop, **given)
    assert rows(database, "SELECT lines_done FROM import_run") == [(3,)]
    assert bring(database, path, agreed=None, **given) == told(
        lines=11, posted=5, replayed=2, refused=1, skipped=2, headers=1, refusals=[(4, NOBODY)]
    )
    assert bring(database, path, **given) == told(lines=11, posted=1, replayed=7, skipped=2, headers=1)
    assert bring(database, path, **given) == told(lines=11, skipped=10, headers=1)


def test_what_the_books_refused_for_good_is_refused_in_every_run(database: db.Database, tmp_path: Path) -> None:
    """A refusal that is remembered with its event is counted again, and adds nothing."""
    text = "creator,kind,occurred_at,facts.breach\nada,apology,1767261600,none\nada,post,1767261700,\n"
    path, given = written(tmp_path, text), {"columns": {}, "constants": {"network": "video"}}
    first, again = bring(database, path, **given), bring(database, path, **given)
    assert (first.posted, first.refused) == (1, 1)
    assert (again.posted, again.replayed, again.refusals) == (0, 1, first.refusals)
    assert rows(database, "SELECT count(*) FROM event") == [(2,)]


def test_a_line_of_the_future_comes_in_when_its_time_has_come(database: db.Database, tmp_path: Path) -> None:
    """A line that is bad today only is not taken for done."""
    path = written(tmp_path, f"creator,kind,occurred_at\nada,post,{NOW_US // 1_000_000 + 86_400}\n")
    given: dict[str, Any] = {"columns": {}, "constants": {"network": "video"}}
    assert "future" in bring(database, path, **given).bad[0][1]
    assert bring(database, path, clock=lambda: NOW_US + 2 * 86_400_000_000, **given).posted == 1
