"""Files of ratings come into the books whole, once, whatever is wrong with some of their lines."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger import db, imports, policy, ratings
from ledger.imports import Summary

NOW_US = 1_795_392_000_000_000  # 2026-11-23
SCHEDULE = policy.Schedule.of(policy.builtin())
STORY = """\
ann,ben,4,1289241911.72836
cat,ben,10,1289241941.53378
dan,ben,-5,1289328342
ben,ann,1,1289328343.5
"""


def test_ratings_become_engagement_and_breaches(database: db.Database, tmp_path: Path) -> None:
    """A rating above zero is engagement by its giver, one below zero is a breach by its size."""
    summary = run(database, written(tmp_path, STORY))
    assert summary == told(lines=4, posted=4)
    assert rows(database, "SELECT kind, facts FROM event WHERE kind = 'breach'") == [
        ("breach", '{"category":"other","self_reported":false,"severity":2}')
    ]
    strengths = rows(database, "SELECT facts FROM event WHERE kind = 'engagement' ORDER BY occurred_at_us")
    assert ['"strength":"0.4"' in strengths[0][0], '"strength":"1"' in strengths[1][0]] == [True, True]


@pytest.mark.parametrize(("rating", "severity"), [(-1, 1), (-2, 1), (-3, 2), (-5, 2), (-6, 3), (-8, 4), (-10, 4)])
def test_the_worse_a_rating_the_graver_the_breach(rating: int, severity: int) -> None:
    """Severity is four tenths of the size of a rating, rounded up."""
    assert ratings.read_rating(f"a,b,{rating},1289241911").facts["severity"] == severity


def test_backfill_records_each_line_at_its_own_time(database: db.Database, tmp_path: Path) -> None:
    """An imported event stands at its own time, just after the days before it, in a book that stays open."""
    run(database, written(tmp_path, STORY))
    sql = (
        "SELECT e.recorded_at_us, b.live FROM entry e JOIN book b ON b.creator_id = e.creator_id"
        " WHERE e.event_id IS NOT NULL ORDER BY e.recorded_at_us"
    )
    at = [1289241911728360, 1289241941533780, 1289328342000001, 1289328343500000]
    assert [(time_us, bool(live)) for time_us, live in rows(database, sql)] == [(t, False) for t in at]


def test_whoever_is_rated_is_enrolled_and_no_one_else(database: db.Database, tmp_path: Path) -> None:
    """Only those whom a line is about get a book; the import answers for it; engagers stay keyed hashes."""
    run(database, written(tmp_path, STORY))
    assert rows(database, "SELECT external_id FROM account WHERE network = 'otc' ORDER BY 1") == [
        ("ann",),
        ("ben",),
    ]
    assert rows(database, "SELECT DISTINCT enrolled_by, consent_at_us, visibility FROM creator") == [
        ("import:ratings", NOW_US, "private")
    ]
    kept = str(rows(database, "SELECT facts, external_ref, outcome FROM event"))
    assert "cat" not in kept.replace("category", "")


def test_a_second_run_says_that_all_is_done(database: db.Database, tmp_path: Path) -> None:
    """The same file again changes nothing and says so without posting a line."""
    path = written(tmp_path, STORY)
    run(database, path)
    before = everything(database)
    assert run(database, path) == told(lines=4, skipped=4)
    assert everything(database) == before


@pytest.mark.parametrize("header", ["source,target,rating,time", "SOURCE,TARGET,RATING,TIME", "from,to,stars,when"])
def test_a_line_that_names_the_columns_is_skipped(database: db.Database, tmp_path: Path, header: str) -> None:
    """A header is no bad line, on the first line and nowhere else, in a first run and in a second."""
    path = written(tmp_path, f"{header}\n{STORY}")
    assert run(database, path) == told(lines=5, posted=4, headers=1)
    assert run(database, path) == told(lines=5, skipped=4, headers=1)
    assert run(database, written(tmp_path, f"{STORY}{header}\n")).bad_lines == 1


def test_every_line_is_counted_once(database: db.Database, tmp_path: Path) -> None:
    """Whatever became of its lines, in a first run or a later one, the counts add up to the file."""
    path = written(tmp_path, f"source,target,rating,time\n{STORY}one,two,ten,1289328350\nann,ann,1,1289328351\n")
    for _ in range(2):
        summary = run(database, path)
        counted = (summary.posted, summary.replayed, summary.refused, summary.skipped, summary.bad_lines)
        assert sum(counted) + summary.headers == summary.lines == 7


def test_a_forgotten_run_is_replayed(database: db.Database, tmp_path: Path) -> None:
    """Idempotence stands on the events, not on the note of how far the file came."""
    path = written(tmp_path, STORY)
    run(database, path)
    before = everything(database)
    database.write(lambda session: db.execute(session, "DELETE FROM import_run"))
    assert run(database, path, batch=3) == told(lines=4, replayed=4)
    assert everything(database) == before


def test_a_file_that_grew_posts_what_is_new(database: db.Database, tmp_path: Path) -> None:
    """Lines are known by what they say: appending to a file and importing it again adds the new ones."""
    run(database, written(tmp_path, STORY))
    grown = written(tmp_path, STORY + "eve,ben,2,1289928343\n")
    assert run(database, grown) == told(lines=5, posted=1, replayed=4)


def test_the_same_line_twice_is_two_ratings(database: db.Database, tmp_path: Path) -> None:
    """A file that says a thing twice means it twice, and twice again on the second run."""
    path = written(tmp_path, "a,b,1,1289241911\na,b,1,1289241911\n")
    assert run(database, path) == told(lines=2, posted=2)
    database.write(lambda session: db.execute(session, "DELETE FROM import_run"))
    assert run(database, path) == told(lines=2, replayed=2)


@pytest.mark.parametrize("batch", [1, 3, 7])
def test_batches_cut_anywhere_give_the_same_books(database: db.Database, tmp_path: Path, batch: int) -> None:
    """How a file is cut into transactions shows in no amount, no time and no number of an entry."""
    lines = [f"r{n % 7},t{n % 3},{-3 if n % 5 == 0 else 4},{1289241911 + n * 20_000}" for n in range(40)]
    path = written(tmp_path, "\n".join(lines))
    run(database, path, network="whole")
    run(database, path, network="cut", batch=batch)
    assert entries(database, "network:cut") == entries(database, "network:whole")


BAD = {
    "not four columns": (b"a,b,1", "3 columns"),
    "a column too many": (b"a,b,1,1289241911,x", "5 columns"),
    "a rating of nothing": (b"a,b,0,1289241911", "rating '0'"),
    "a rating beyond ten": (b"a,b,11,1289241911", "rating '11'"),
    "a rating with a fraction": (b"a,b,1.5,1289241911", "rating '1.5'"),
    "a rating in words": (b"a,b,NaN,1289241911", "rating 'NaN'"),
    "a time that is no number": (b"a,b,1,NaN", "time 'NaN'"),
    "a time without end": (b"a,b,1,inf", "time 'inf'"),
    "a time before time": (b"a,b,1,-5", "time '-5'"),
    "a time in powers": (b"a,b,1,1e9", "time '1e9'"),
    "a huge time": (b"a,b,1,99999999999999999999", "time '99999999999999999999'"),
    "a time to come": (b"a,b,1,99999999999", "future"),
    "a time before this century": (b"a,b,1,5", "/occurred_at"),
    "not UTF-8": (b"a,\xff,1,1289241911", "not UTF-8 at byte 2"),
    "a NUL": (b"a,\0,1,1289241911", "NUL"),
    "nothing at all": (b"", "empty"),
    "an id too long": (b"a," + b"b" * 201 + b",1,1289241911", "/creator"),
    "an engager too long": (b"a" * 201 + b",b,1,1289241911", "/facts/engager"),
    "nobody rated": (b"a,,1,1289241911", "/creator"),
    "nobody rating": (b",b,1,1289241911", "/facts/engager"),
    "praise for oneself": (b"b,b,10,1289241911", "itself"),
    "an open quote": (b'"a,b,1,1289241911', "CSV"),
    "a line without end": (b"a" * 10_000, "longer than"),
    "out of order": (b"a,first,1,1289241910", "out of order: it happened before line 1"),
}


@pytest.mark.parametrize(("raw", "why"), BAD.values(), ids=BAD)
def test_a_bad_line_is_named_and_the_rest_comes_in(sqlite_url: str, tmp_path: Path, raw: bytes, why: str) -> None:
    """A line that cannot be used is named by number and reason, and stops no other."""
    path = tmp_path / "ratings.csv"
    path.write_bytes(b"a,first,1,1289241911\n" + raw + b"\nc,d,1,1289241912\n")
    database = db.Database(sqlite_url)
    summary = run(database, path)
    assert (summary.posted, summary.bad_lines, [number for number, _ in summary.bad]) == (2, 1, [2])
    assert why in summary.bad[0][1]
    database.dispose()


def test_windows_files_and_marks_of_order_are_read(database: db.Database, tmp_path: Path) -> None:
    """A byte order mark, carriage returns and a missing last line end belong to no field."""
    path = tmp_path / "ratings.csv"
    path.write_bytes(b"\xef\xbb\xbfa,b,1,1289241911\r\nc,b,1,1289241912")
    assert run(database, path) == told(lines=2, posted=2)


def test_a_file_older_than_the_book_is_refused_line_by_line(database: db.Database, tmp_path: Path) -> None:
    """A later file may not reach behind what a book already holds: each such line is named."""
    run(database, written(tmp_path, STORY))
    summary = run(database, written(tmp_path, "eve,ben,1,1200000000\neve,new,1,1200000000\n"))
    assert (summary.posted, summary.refused) == (1, 1)
    assert summary.refusals == [(1, "backfill goes in time order: the book already holds a later day")]


def test_networks_are_apart(database: db.Database, tmp_path: Path) -> None:
    """The same file on another network is another import, about other creators."""
    path = written(tmp_path, STORY)
    run(database, path)
    assert run(database, path, network="alpha") == told(lines=4, posted=4)
    assert rows(database, "SELECT count(*) FROM book") == [(4,)]


def test_an_unknown_format_names_the_known_ones(sqlite_url: str, tmp_path: Path) -> None:
    """Asking for a format that is not there says which are."""
    with pytest.raises(imports.UnknownFormat, match="known: ratings"):
        run(db.Database(sqlite_url), written(tmp_path, STORY), format="stars")


def test_progress_ends_at_the_last_line(database: db.Database, tmp_path: Path) -> None:
    """Whoever watches is told how many lines of how many are done."""
    seen: list[tuple[int, int]] = []
    run(database, written(tmp_path, STORY), batch=3, progress=lambda *done: seen.append(done))
    assert seen == [(3, 4), (4, 4)]


def test_a_killed_import_goes_on_where_it_was(database: db.Database, tmp_path: Path) -> None:
    """Killed in mid-file and started again, an import posts every line once, neither more nor fewer."""
    lines = [f"r{n},t{n % 40},{1 + n % 9},{1289241911 + n * 600}" for n in range(3_000)]
    path = written(tmp_path, "\n".join(lines))
    url = database.url.render_as_string(hide_password=False)
    process = multiprocessing.get_context("spawn").Process(target=import_slowly, args=(url, path))
    process.start()
    wait_for(lambda: rows(database, "SELECT count(*) FROM import_run WHERE lines_done >= 200") == [(1,)])
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    done = rows(database, "SELECT lines_done FROM import_run")[0][0]
    summary = run(database, path)
    assert 200 <= done < 3_000
    assert (summary.skipped, summary.posted, summary.replayed) == (done, 3_000 - done, 0)
    assert rows(database, "SELECT count(*) FROM event") == [(3_000,)]


def test_real_ratings_come_in_whole(sqlite_url: str, data: Path) -> None:
    """All 35,592 ratings of Bitcoin OTC are posted, none of them bad, and each of them once."""
    database = db.Database(sqlite_url)
    path = data / "bitcoin_otc" / "ratings.csv"
    assert run(database, path) == told(lines=35_592, posted=35_592)
    assert rows(database, "SELECT count(*) FROM event") == [(35_592,)]
    assert rows(database, "SELECT count(*) FROM event WHERE kind = 'breach'") == [(3_563,)]
    assert run(database, path) == told(lines=35_592, skipped=35_592)
    database.dispose()


def run(database: db.Database, path: Path, **given: Any) -> Summary:
    """Import a file as this day's operator would."""
    settings: dict[str, Any] = {
        "format": "ratings",
        "source": "archive",
        "pepper": b"p",
        "schedule": SCHEDULE,
        "clock": lambda: NOW_US,
    }
    return imports.import_file(database, path=path, **(settings | given))


def told(**counts: Any) -> Summary:
    """A summary with these counts, and nothing else of note."""
    none: dict[str, Any] = dict.fromkeys(("lines", "posted", "replayed", "refused", "skipped", "bad_lines"), 0)
    return Summary(**(none | {"bad": [], "refusals": []} | counts))


def written(folder: Path, text: str) -> Path:
    """A file that holds the text."""
    path = folder / "ratings.csv"
    path.write_text(text)
    return path


def rows(database: db.Database, sql: str) -> list[Any]:
    """What a query gives."""
    with database.reading() as session:
        return db.fetch(session, sql)


def everything(database: db.Database) -> list[Any]:
    """All events and entries to the last hash, and all of a book but the version that a replay moves."""
    queries = (
        "SELECT * FROM event ORDER BY event_id",
        "SELECT * FROM entry ORDER BY creator_id, seq",
        "SELECT creator_id, seq, head, recorded_at_us, fresh, bedrock FROM book ORDER BY creator_id",
        "SELECT * FROM tie ORDER BY creator_id, engager",
    )
    return [[tuple(map(bytes_of, row)) for row in rows(database, query)] for query in queries]


def entries(database: db.Database, meter: str) -> list[Any]:
    """What the entries of a meter say, but for their hashes."""
    sql = (
        "SELECT a.external_id, e.seq, e.kind, e.factors, e.fresh, e.bedrock, e.fresh_after, e.credits_after,"
        " e.settled_through, e.recorded_at_us FROM entry e JOIN account a ON a.creator_id = e.creator_id"
        f" WHERE e.meter = '{meter}' ORDER BY a.external_id, e.seq"
    )
    return rows(database, sql)


def bytes_of(value: object) -> object:
    """The value, comparable on both engines."""
    return bytes(value) if isinstance(value, memoryview) else value


def import_slowly(url: str, path: Path) -> None:
    """Import in small batches with a rest after each, in a process that will not see the end of it."""
    run(db.Database(url), path, batch=50, progress=lambda *_: time.sleep(0.02))


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until it holds; give up after half a minute."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
