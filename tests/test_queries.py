"""What readers see: balances now and at any moment, histories, statements. Each truth on both engines."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from math import sqrt
from typing import Any

import psycopg
import pytest

from ledger import db, economy, queries, settlement
from ledger.db import Database, Row
from ledger.economy import DAY_US, PPM
from ledger.errors import NotFound, Unavailable, UnknownCreator
from ledger.events import CreatorRef
from ledger.kinds import apology
from ledger.queries import Balance, Balances
from ledger.readers import Reader
from tests.desk import DAY, METER, RULES, TRUST, Counter, noon, tell

ADA = CreatorRef(network="youtube", external_id="u1")
END = 40


@pytest.fixture
def counter(database: Database) -> Counter:
    """A counter at which a story was told: engagement, pitches, one of them hidden, a breach, an apology."""
    counter = Counter(database)
    for day in range(8):
        for fan in range(4):
            counter.one("engagement", ref=f"reply-{day}-{fan}", day=day, act="reply", engager=f"fan-{day}-{fan}")
    for number in range(5):
        counter.one("post", ref=f"post-{number}", day=8)
    counter.one("pitch", ref="pitch-1", day=9, brand="oats", disclosure="clear", fit="0.9")
    counter.one("undisclosed_pitch", ref="hidden-1", day=12, happened=10, brand="cruise")
    counter.one("breach", ref="breach-1", day=15, severity=4, category="deception")
    counter.one("apology", ref="sorry-1", day=18, breach="breach-1", responsibility=True, repair=True)
    counter.one("engagement", ref="late-1", day=25, happened=20, act="reply", engager="late fan")
    return counter


LATER: tuple[tuple[str, dict[str, Any]], ...] = (
    ("engagement", {"happened": 19, "act": "share", "engager": "another fan"}),
    ("undisclosed_pitch", {"happened": 11, "brand": "cruise"}),
    ("apology", {"breach": "hidden-1", "responsibility": True}),
    ("apology", {"breach": "later-1", "responsibility": True}),
    ("reversal", {"event": "pitch-1"}),
    ("reversal", {"event": "later-2"}),
    ("cleared", {"breach": "hidden-1"}),
    ("post", {"happened": 16}),
)


def later(counter: Counter) -> Iterator[int]:
    """What is told long after, an event a day: late ones, hidden pitches owned and undone. Yields the days."""
    for place, (kind, told) in enumerate(LATER):
        receipt = counter.one(kind, ref=f"later-{place}", day=END + place + 1, **told)
        assert receipt.status == "posted", receipt
        yield END + place + 1


def read(counter: Counter, *, now: int, as_of: int | None = None, meter: str | None = None) -> Balances:
    """Ada's balances at noon of a day, or as of a moment in microseconds."""
    with counter.database.reading() as session:
        return queries.balances(session, creator=ADA, now_us=noon(now), schedule=RULES, as_of_us=as_of, meter=meter)


def book(counter: Counter, *, now: int, as_of: int | None = None) -> Balance:
    """Ada's only book."""
    (only,) = read(counter, now=now, as_of=as_of).books
    return only


def moments() -> Iterator[int]:
    """Moments all through the story, some of them the last of their day."""
    for day in range(-1, END):
        yield noon(day) + 1
        yield (DAY + day + 1) * DAY_US - 1


# As of


def test_as_of_never_changes_whatever_is_posted_later(counter: Counter) -> None:
    """Late events, apologies, reversals and settlements change no answer about the past, its label included."""
    before = [read(counter, now=END, as_of=at) for at in moments()]
    list(later(counter))
    settle(counter, END + 9)
    assert [read(counter, now=END + 10, as_of=at) for at in moments()] == before


def test_as_of_says_what_a_reader_was_told_then(counter: Counter) -> None:
    """Whoever asks about a moment hears what was answered at that moment, settled or not by now."""
    told = {END: book(counter, now=END)} | {day: book(counter, now=day) for day in later(counter)}
    settle(counter, END + 9)
    asked = {day: book(counter, now=END + 10, as_of=noon(day) + 1_000) for day in told}
    assert asked == {day: replace(then, final=True, record=None) for day, then in told.items()}
    assert len({then.label for then in told.values()}) > 5


def test_before_the_first_entry_there_is_nothing(counter: Counter) -> None:
    """A book was empty before its first entry."""
    empty = book(counter, now=END, as_of=noon(-1))
    assert empty.label is not None
    assert (empty.standing, empty.seq, empty.points, empty.label.name) == (0, 0, 0, "new")
    assert empty.state == economy.State(day=DAY - 1)


def test_an_answer_is_final_once_nothing_can_be_written_before_it(counter: Counter) -> None:
    """The past is final after a minute, and only in a book that is closed to backfill."""
    now = noon(END)
    minute = 60_000_000
    assert read(counter, now=END, as_of=now - minute).final
    assert not read(counter, now=END, as_of=now - minute + 1).final
    counter.ids["open"] = counter.enrol("open")
    other = CreatorRef(counter.ids["open"])
    with counter.database.reading() as session:
        found = queries.balances(session, creator=other, now_us=now, schedule=RULES, as_of_us=noon(0))
    assert not found.final


# Settlement


def settle(counter: Counter, day: int) -> int:
    """Post decay and recovery through a day, at its noon."""
    return settlement.settle(counter.database, through_day=DAY + day, clock=lambda: noon(day), schedule=RULES)


def test_settling_changes_nothing_that_a_reader_sees(counter: Counter) -> None:
    """Before and after the job the balance is the same to the last micro; only how far it is posted differs."""
    before = book(counter, now=END)
    assert settle(counter, END) == 1
    after = book(counter, now=END)
    assert after.settled_through == DAY + END
    posted = {name: getattr(before, name) for name in ("seq", "recorded_at_us", "settled_through")}
    assert replace(after, **posted) == before


# Many at once


def test_a_lookup_says_what_single_reads_say(counter: Counter) -> None:
    """A lookup answers by place, by either name, and names those that are missing."""
    counter.ids["u2"] = counter.enrol("u2")
    asked = [CreatorRef(counter.ids["u1"]), CreatorRef(network="youtube", external_id="nobody"), ADA]
    asked += [CreatorRef(counter.ids["u2"]), CreatorRef("00000000-0000-7000-8000-000000000000")]
    with counter.database.reading() as session:
        found = queries.lookup(session, creators=asked, now_us=noon(END), schedule=RULES)
    assert found.missing == (1, 4)
    assert found.found[0] == found.found[2] == read(counter, now=END)
    assert found.found[3].creator_id == counter.ids["u2"]


def test_a_lookup_takes_as_many_statements_for_many_as_for_few(sqlite_url: str) -> None:
    """Two statements, however many creators."""
    database = Database(sqlite_url)
    counter = Counter(database, names=[f"u{number}" for number in range(30)])
    counted = [statements(counter, names) for names in (["u0", "u1"], list(counter.ids))]
    database.dispose()
    assert counted == [2, 2]


def statements(counter: Counter, names: list[str]) -> int:
    """How many statements a lookup takes."""
    seen: list[str] = []
    refs = [CreatorRef(network="youtube", external_id=name) for name in names]

    def work(reader: object) -> queries.Lookup:
        reader.connection.set_trace_callback(seen.append)  # type: ignore[attr-defined]
        try:
            return queries.lookup(reader, creators=refs, now_us=noon(1), schedule=RULES)  # type: ignore[arg-type]
        finally:
            reader.connection.set_trace_callback(None)  # type: ignore[attr-defined]

    assert len(counter.database.read(work).found) == len(names)
    return len(seen)


def test_who_is_not_enrolled_has_no_balance(counter: Counter) -> None:
    """An unknown creator is refused, and so is a meter that is not theirs."""
    with pytest.raises(NotFound, match="network:tiktok"):
        read(counter, now=END, meter="network:tiktok")
    nobody = CreatorRef("00000000-0000-7000-8000-000000000000")
    with counter.database.reading() as session, pytest.raises(UnknownCreator):
        queries.balances(session, creator=nobody, now_us=noon(END), schedule=RULES)


def test_in_total_means_the_networks(counter: Counter) -> None:
    """Totals add up the network books."""
    found = read(counter, now=END)
    assert found.standing == sum(one.standing for one in found.books)
    assert found.available == sum(max(0, one.standing) for one in found.books)


# Confidence


@pytest.mark.parametrize(("known", "word"), [(0, "few"), (10 * PPM - 1, "few"), (10 * PPM, "some"), (50 * PPM, "many")])
def test_confidence_is_a_word(known: int, word: str) -> None:
    """Few below ten known acts, many from fifty."""
    assert queries.confidence(known, RULES.at(DAY)) == word


@pytest.mark.parametrize(("share", "known"), [(500_000, 0), (947_421, 12), (640_000, 1000)])
def test_plus_minus_is_the_deviation_of_a_beta(share: int, known: int) -> None:
    """100 * sqrt(r(1-r)/(n+3)) in points, to a millionth."""
    r = share / PPM
    expected = 100 * sqrt(r * (1 - r) / (known + 3))
    assert economy.plus_minus(share, known * PPM) / PPM == pytest.approx(expected, abs=2e-6)


# History


def history(counter: Counter, interval: str, first: int = -2, last: int = END) -> list[queries.Point]:
    """Ada's history between two days."""
    with counter.database.reading() as session:
        return queries.history(
            session,
            creator_id=counter.ids["u1"],
            meter=METER,
            from_day=DAY + first,
            to_day=DAY + last,
            interval=interval,
            schedule=RULES,
            now_us=noon(END),
        )


@pytest.mark.parametrize("interval", ["day", "week", "month"])
def test_a_history_is_the_balance_at_the_end_of_each_stretch(counter: Counter, interval: str) -> None:
    """Each point equals balance(as_of = end of its last day), and the stretches follow without a gap."""
    points = history(counter, interval)
    ends = [(point.through + 1) * DAY_US - 1 for point in points]
    held = [book(counter, now=END + 2, as_of=at).state for at in ends]
    assert [(p.standing, p.mending) for p in points] == [(s.standing, s.mending) for s in held]
    assert [p.day for p in points[1:]] == [p.through + 1 for p in points[:-1]]
    assert (points[0].day, points[-1].through) == (DAY - 2, DAY + END)


@pytest.mark.parametrize("interval", ["day", "week", "month"])
def test_a_history_adds_up(counter: Counter, interval: str) -> None:
    """Standing before, plus credits, less drains, plus what time did, is standing after."""
    points = history(counter, interval)
    before = [0, *(point.standing for point in points[:-1])]
    sums = [was + p.credits - p.drains + p.drift for was, p in zip(before, points, strict=True)]
    assert sums == [point.standing for point in points]
    assert sum(point.drains for point in points) > 0 < sum(point.credits for point in points)


def test_a_history_begins_with_what_was_there(counter: Counter) -> None:
    """A history that begins in the middle shows the same days as one that begins before the book."""
    assert history(counter, "day", first=14) == history(counter, "day")[16:]


def test_weeks_begin_on_monday_and_months_on_the_first(counter: Counter) -> None:
    """Stretches inside a history are whole calendar weeks and months."""
    weeks = history(counter, "week")[1:-1]
    assert {(point.day + 3) % 7 for point in weeks} == {0}
    assert {point.through - point.day for point in weeks} == {6}
    assert len(history(counter, "month")) == 3  # 2026-05-24 to 2026-07-07


def test_a_history_refuses_days_it_cannot_show(counter: Counter) -> None:
    """From after to, an unknown interval, and a book that is not there are refused."""
    with pytest.raises(ValueError, match="from"):
        history(counter, "day", first=5, last=4)
    with pytest.raises(ValueError, match="interval"):
        history(counter, "hour")


def test_what_is_marked_is_what_a_chart_points_out(counter: Counter) -> None:
    """Pitches, breaches and what answered them are marked, engagement is not; hidden ones say so."""
    with counter.database.reading() as session:
        found = queries.marks(session, creator_id=counter.ids["u1"], meter=METER, from_day=DAY, to_day=DAY + END)
        still_open = queries.open_breaches(
            session, creator_id=counter.ids["u1"], meter=METER, today=DAY + 26, schedule=RULES, policy=RULES.at(DAY)
        )
    told = [(mark.kind, mark.day - DAY, mark.hidden) for mark in found]
    assert told == [
        ("pitch", 9, False),
        ("pitch", 12, True),
        ("breach", 12, True),
        ("breach", 15, False),
        ("apology", 18, False),
    ]
    (hidden,) = still_open
    assert (hidden.undisclosed, hidden.day - DAY) == (True, 12)
    assert (hidden.prompt_share, hidden.share) == (600_000, apology.timeliness(14, RULES.at(DAY)) * 6 // 10)
    assert 0 < hidden.most < hidden.left < hidden.amount


# Statement


def lines(counter: Counter, **asked: object) -> list[queries.StatementLine]:
    """Ada's statement."""
    with counter.database.reading() as session:
        return queries.statement(
            session,
            creator_id=counter.ids["u1"],
            meter=METER,
            schedule=RULES,
            **{"limit": 1000, **asked},  # type: ignore[arg-type]
        )


def test_a_statement_tells_every_line_newest_first(counter: Counter) -> None:
    """Lines count down to 1, and each one's standing follows from the one before it."""
    told = lines(counter)
    assert [line.seq for line in told] == list(range(len(told), 0, -1))
    assert [line.standing - line.change for line in told] == [line.standing for line in told[1:]] + [0]
    assert all(line.reason.endswith(".") for line in told)


def test_a_page_goes_on_where_the_last_one_ended(counter: Counter) -> None:
    """Pages before a line, put together, are the whole; a kind asked for comes alone."""
    whole = lines(counter)
    assert lines(counter, limit=7) + lines(counter, before_seq=whole[6].seq) == whole
    assert {line.kind for line in lines(counter, kind="breach")} == {"breach"}


def test_time_passing_says_what_faded_and_what_came_back(counter: Counter) -> None:
    """A settlement's sentence names two amounts that make its change; before any debt mends, only one."""
    passed = lines(counter, kind="settlement")
    assert passed[-1].reason == "A day went by: 0.14 of your standing faded."
    mending = next(line for line in passed if line.returned)
    faded = mending.returned - mending.change
    assert f"{faded / TRUST:.2f} of your standing faded" in mending.reason
    assert f"{mending.returned / TRUST:.2f} came back from what was mending" in mending.reason


def test_what_came_back_is_what_the_pools_paid(counter: Counter) -> None:
    """Over one day, fresh changes by its own decay and by what `returned` says, to the micro."""
    state = counter.state(END)._replace(fresh=0, day=DAY + END)
    nothing_faded = economy.accrue(state, DAY + END + 1, RULES)
    assert economy.returned(state, DAY + END + 1, RULES) == nothing_faded.fresh > 0


def test_every_line_can_be_worked_out_again(counter: Counter) -> None:
    """Each entry's amount follows from its factors, its hash from its columns, its link from the line before."""
    list(later(counter))
    for line in lines(counter):
        with counter.database.reading() as session:
            told, again = queries.one_entry(
                session, creator_id=counter.ids["u1"], meter=METER, seq=line.seq, schedule=RULES
            )
        assert told == line
        assert again == queries.Recomputed(line.amount, amount_agrees=True, hash_agrees=True, link_agrees=True)


def test_a_line_that_is_not_there_is_not_found(counter: Counter) -> None:
    """A statement has no line beyond its last."""
    with counter.database.reading() as session, pytest.raises(NotFound):
        queries.one_entry(session, creator_id=counter.ids["u1"], meter=METER, seq=10_000, schedule=RULES)


def test_a_lean_reader_sees_what_a_session_sees(counter: Counter) -> None:
    """The lean connection answers as a session does, after a broken connection too."""
    expected = read(counter, now=END)

    def ask(reader: object) -> Balances:
        return queries.balances(reader, creator=ADA, now_us=noon(END), schedule=RULES)  # type: ignore[arg-type]

    assert counter.database.read(ask) == expected
    counter.post(tell("post", ref="more", at_us=noon(END)), now_us=noon(END))
    assert counter.database.read(ask).books[0].seq > expected.books[0].seq


def test_a_broken_connection_is_replaced(postgresql_url: str) -> None:
    """A reader whose connection was cut at the other end answers all the same."""
    database = Database(postgresql_url)
    counter = Counter(database)
    ((pid,),) = database.read(backend)
    counter.rows("SELECT pg_terminate_backend(?)", pid)
    assert database.read(lambda reader: queries.shelf(reader, creator=ADA)).meters == (METER,)
    assert database.read(backend) != [(pid,)]
    database.dispose()


def backend(reader: Reader) -> list[Row]:
    """Which process of the server a reader speaks to."""
    return reader.fetch("SELECT pg_backend_pid()")


def test_a_reader_reads_what_the_driver_reads(database: Database) -> None:
    """Numbers, texts, bytes, flags, ids and nothing at all come out of a lean read as out of a session."""
    counter = Counter(database)
    counter.one("post", ref="post", day=1)
    for table in ("entry", "event", "book", "creator", "api_key"):
        sql = f"SELECT * FROM {table} WHERE 1 = ?"
        assert database.read(partial(fetch, sql)) == counter.rows(sql, 1)


def fetch(sql: str, reader: Reader) -> list[Row]:
    """What a lean read of a statement gives."""
    return db.fetch(reader, sql, (1,))


def test_a_statement_that_is_wrong_is_an_error(database: Database) -> None:
    """A lean read raises what the driver raises, and the next one works."""
    with pytest.raises((sqlite3.OperationalError, psycopg.Error), match="no_such"):
        database.read(lambda reader: reader.fetch("SELECT no_such FROM book"))
    assert database.read(lambda reader: reader.fetch("SELECT 1")) == [(1,)]


def test_behind_a_pooler_nothing_is_prepared(postgresql_url: str) -> None:
    """Without a prepare threshold, reads leave no statement behind in the server."""
    database = Database(postgresql_url, prepare_threshold=None)
    counter = Counter(database)
    assert database.read(lambda reader: queries.shelf(reader, creator=ADA)).creator_id == counter.ids["u1"]
    assert database.read(lambda reader: reader.fetch("SELECT name FROM pg_prepared_statements")) == []
    database.dispose()


def test_a_database_that_is_away_is_unavailable(postgresql_url: str) -> None:
    """Where no connection can be had, a read is refused as unavailable and says to come again."""
    database = Database(postgresql_url + "_gone")
    with pytest.raises(Unavailable, match="read the same again"):
        database.read(lambda reader: queries.shelf(reader, creator=ADA))
