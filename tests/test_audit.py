"""The audit: sound books verify, and each way of tampering with them is found and named."""

import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from shutil import copyfile
from typing import Any

import orjson
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Boolean, CheckConstraint, Column, Table

from ledger import (
    audit,
    books,
    chain,
    checkpoints,
    creators,
    db,
    economy,
    erasure,
    events,
    kinds,
    posting,
    rules,
    settlement,
    tables,
)
from ledger.audit import Finding, Report
from ledger.checkpoints import Checkpoint
from ledger.db import Database, Row, Session
from ledger.economy import State
from ledger.keeping import KEPT
from ledger.kinds import pitch
from ledger.kinds.base import Line
from ledger.kinds.reversal import MOVED
from ledger.labels import NAMES
from ledger.policy import Schedule
from ledger.stored import EntryRow, EventRow
from tests.conftest import ENGINES, Postgres
from tests.desk import DAY, METER, PEPPER, Counter, noon, tell, variant

KEY = b"a signing key"
FAR = "ffffffff-ffff-4fff-bfff-ffffffffffff"
TABLES = tables.METADATA.tables
GUARDED = ("entry", "event", "policy")
REFRESHED = ("book", *(part.table.name for part in KEPT))
BRAND = "brand:nike"
FLAGS = {column.name for table in TABLES.values() for column in table.columns if isinstance(column.type, Boolean)}
HOLDS = [f"0192f0c1-0000-7000-8000-00000000000{number}" for number in range(4)]
PLACES = ("first", "middle", "last")


@dataclass(frozen=True)
class Town:
    """Books with a rich history, that of u1 the richest; `earlier` is what was kept of u1 before its last events.

    `gone` was erased after a life of a few events.
    """

    counter: Counter
    schedule: Schedule
    checkpoint: Checkpoint
    u1: str
    gone: str
    earlier: dict[str, list[Row]]

    def report(self, session: Session, *, checkpoint: Checkpoint | None = None, **options: Any) -> Report:
        """What the audit says."""
        return audit.verify(session, schedule=self.schedule, checkpoint=checkpoint, **options)

    def found(self, session: Session, *, checkpoint: Checkpoint | None = None) -> tuple[str, str, int]:
        """Where the audit says that the first thing wrong is."""
        finding = self.finding(session, checkpoint=checkpoint)
        return finding.creator_id, finding.meter, finding.seq

    def finding(self, session: Session, *, checkpoint: Checkpoint | None = None) -> Finding:
        """What the audit says is the first thing wrong."""
        report = self.report(session, checkpoint=checkpoint)
        assert (report.ok, report.first_bad is None) == (False, False)
        assert report.first_bad is not None
        return report.first_bad


@pytest.fixture(scope="module", params=ENGINES)
def town(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """The town's books, written once on each engine; tests tamper within a transaction that is rolled back."""
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        url = f"sqlite:///{copyfile(template, tmp_path_factory.mktemp('town') / 'ledger.sqlite3')}"
        yield from opened(url)
    else:
        server: Postgres = request.getfixturevalue("postgres")
        name = server.create(template=request.getfixturevalue("postgres_template"))
        yield from opened(server.url(name))
        server.drop(name)


def opened(url: str) -> Iterator[Town]:
    """A town in an empty database."""
    database = Database(url)
    yield settle_town(Counter(database, names=("u1", "u2", "u3", "u4", "u6")))
    database.dispose()


def settle_town(counter: Counter) -> Town:
    """Tell the town's history."""
    second = variant(("decay.fresh_half_life", "60"), ("tie.half_life", "20"), ("burst.allowance", "20"), name="second")
    counter.database.write(lambda session: rules.install(session, second, effective_day=DAY + 20, now_us=2))
    with counter.database.reading() as session:
        counter.schedule = rules.schedule(session)
    both = [creators.AccountOf("tiktok", "u5"), creators.AccountOf("youtube", "u5")]
    counter.database.write(
        lambda session: creators.enrol(
            session, display_name="u5", accounts=both, consent_at_us=1, enrolled_by="acme", now_us=1
        )
    )
    first_weeks(counter)
    others(counter)
    under_the_second_policy(counter)
    with_a_brand(counter)
    with_allegations(counter)
    with_a_busy_day(counter)
    run_settlement(counter, 90)
    with_somebody_erased(counter)
    earlier = {name: kept_of(counter, name) for name in (*REFRESHED, "event")}
    counter.one("engagement", ref="late", day=91, happened=88, act="share", engager="f1")
    counter.one("pitch", ref="last", day=91, brand="gucci", disclosure="vague")
    with counter.database.reading() as session:
        made = checkpoints.make(session, now_us=noon(92), key=KEY)
    return Town(counter, counter.schedule, made, counter.ids["u1"], counter.ids["u6"], earlier)


def kept_of(counter: Counter, name: str) -> list[Row]:
    """The rows of a table that are u1's."""
    return counter.rows(f"SELECT * FROM {name} WHERE creator_id = ?", counter.ids["u1"])


def first_weeks(counter: Counter) -> None:
    """Every kind of event, late ones and refused ones, for u1."""
    fans = [
        tell("engagement", ref=f"e{n}", at_us=noon(0) + n, act="reply", engager=f"f{n % 4}", strength="0.75")
        for n in range(9)
    ]
    counter.post(*fans, now_us=noon(0) + 100)
    counter.one("post", ref="o1", day=1)
    counter.one("pitch", ref="p1", day=1, brand="nike", disclosure="clear", fit="0.7")
    counter.one("transparency", ref="t1", day=2)
    counter.one("transparency", ref="t2", day=3)
    counter.one("undisclosed_pitch", ref="x1", day=3, happened=2, brand="nike")
    counter.one("breach", ref="b1", day=3, severity=2, category="harm")
    counter.one("breach", ref="b2", day=4, happened=3, severity=1, self_reported=True)
    counter.one("engagement", ref="e9", day=4, happened=1, act="share", engager="f1")
    counter.one("evasion", ref="v1", day=5, breach="x1")
    counter.one("apology", ref="a1", day=6, happened=5, breach="b1", responsibility=True, regret=True, positive=9)
    counter.one("apology", ref="a2", day=6, breach="b1", repair=True)  # refused: owned already
    counter.one("cleared", ref="c1", day=7, breach="x1")
    counter.one("reversal", ref="r1", day=7, event="p1")
    counter.one("reversal", ref="r2", day=7, event="nothing")  # refused: no such event
    counter.one("breach", ref="b3", day=8, severity=3, category="harm")
    counter.one("apology", ref="a3", day=8, breach="b3", responsibility=True, explanation=True)
    counter.one("reversal", ref="r3", day=9, event="a3", why="fraud")
    counter.one("apology", ref="a4", day=9, breach="b3", responsibility=True, repair=True)
    counter.one("cleared", ref="c3", day=9, breach="b3")
    counter.one("reversal", ref="r4", day=9, event="b2", why="dispute")
    counter.one("reversal", ref="r5", day=9, event="t1")
    counter.one("reversal", ref="r7", day=9, event="e9")
    counter.one("engagement", ref="e13", day=9, happened=1, act="reply", engager="f5")


def others(counter: Counter) -> None:
    """A book filled in from the past and then live, one that is still open, one for each of two networks."""
    past = [
        tell(kind, ref=f"{who} {day}", at_us=noon(day), creator=f"youtube:{who}", **facts)
        for who in ("u2", "u3")
        for day, kind, facts in (
            (0, "engagement", {"act": "reply", "engager": "f1"}),
            (2, "breach", {"severity": 1}),
            (5, "engagement", {"act": "like", "engager": "f1"}),
        )
    ]
    counter.post(*past, now_us=noon(12), backfill=True)
    counter.post(tell("post", ref="live", at_us=noon(13), creator="youtube:u2"), now_us=noon(13))
    again = tell("post", ref="too late", at_us=noon(13), creator="youtube:u2")
    counter.post(again, now_us=noon(13), backfill=True)  # refused: the book is live
    for meter in ("network:youtube", "network:tiktok"):
        event = tell("engagement", ref=meter, at_us=noon(13), creator="tiktok:u5", meter=meter, act="like", engager="g")
        counter.post(event, now_us=noon(13))
    run_settlement(counter, 15)


def under_the_second_policy(counter: Counter) -> None:
    """Another policy takes effect: what was written under the first keeps its rules until then."""
    run_settlement(counter, 25)
    counter.one("engagement", ref="e10", day=27, act="like", engager="f2")
    counter.one("undisclosed_pitch", ref="x2", day=28, brand="nike", followers=90_000)
    counter.one("apology", ref="a5", day=31, breach="x2", responsibility=True)
    counter.one("engagement", ref="e11", day=31, act="follow", engager="f3", reciprocal=True)
    counter.one("engagement", ref="e12", day=31, act="follow", engager="f4", incentive="giveaway")
    counter.one("breach", ref="b4", day=33, severity=1)
    counter.one("evasion", ref="v4", day=34, breach="b4")
    counter.one("reversal", ref="r6", day=36, event="b4")
    run_settlement(counter, 40)


def ours(counter: Counter, kind: str, *, ref: str, day: int, **facts: Any) -> None:
    """What the ledger posts by itself."""
    assert counter.one(kind, ref=ref, day=day, source=events.OWN, **facts).status == "posted", kind


def with_a_brand(counter: Counter) -> None:
    """A brand is let in, pitches in every way there is, goes, and comes again; another is refused, a third hidden."""
    nike: dict[str, Any] = {"meter": BRAND, "brand": "nike"}
    ours(counter, "introduction", ref="n1", day=41, **nike)
    ours(counter, "introduction_accepted", ref="n2", day=41, **nike)
    for number in range(4):
        counter.one("exchange", ref=f"n-x{number}", day=42 + number // 2, meter=BRAND)
    for number in range(3):
        counter.one("exchange", ref=f"n-y{number}", day=44 + number, meter=BRAND, about="help")
    counter.one("reversal", ref="n-r", day=47, meter=BRAND, event="n-y1", why="fraud")
    fans = [tell("engagement", ref=f"n-e{n}", at_us=noon(46), act="share", engager=f"n{n}") for n in range(4)]
    counter.post(*fans, now_us=noon(46))
    counter.one("pitch", ref="np", day=47, brand="nike", disclosure="clear", fit="0.9", followers=20_000)
    counter.one("pitch", ref="np2", day=47, brand="nike", disclosure="vague")
    held = {"brand": "nike", "disclosure": "clear", "drain": 900_000, "held": 1_500_000, "share": "0.05"}
    held |= {"mending": "0.8", "clear": "0.15", "vague": "0.05", "expires_at_us": noon(60)}
    for number, (hold, step) in enumerate(zip(HOLDS, ("declined", "accepted", "accepted", ""), strict=True)):
        ours(counter, "pitch_held", ref=hold, day=48, **held)
        if step:
            ours(counter, f"pitch_{step}", ref=f"h{number}:{step[0]}", day=48, pitch=hold, brand="nike")
    ours(counter, "pitch_published", ref="h1:p", day=50, pitch=HOLDS[1], brand="nike", disclosure="clear")
    ours(counter, "pitch_withdrawn", ref="h2:w", day=51, pitch=HOLDS[2], brand="nike")
    counter.one("outcome", ref="o2", day=55, pitch="np", positive=90, negative=10, acts=200, usual_acts=150)
    counter.one("outcome", ref="o3", day=56, pitch="np2", positive=10, negative=90)
    ours(counter, "outcome", ref="o4", day=58, pitch="h1:p", positive=30, negative=9)
    counter.one("reversal", ref="r8", day=59, event="np2", why="duplicate")
    ours(counter, "pitch_expired", ref="h3:e", day=61, pitch=HOLDS[3], brand="nike")
    counter.one("undisclosed_pitch", ref="x3", day=62, brand="nike")
    counter.one("cleared", ref="c4", day=63, breach="x3")
    counter.one("breach", ref="n-b", day=63, severity=2, category="fraud", meter=BRAND)
    counter.one("apology", ref="n-a", day=64, breach="n-b", repair=True, meter=BRAND)
    counter.one("reception", ref="n-c", day=65, apology="n-a", positive=50, negative=50, meter=BRAND)
    ours(counter, "introduction", ref="z1", day=65, meter="brand:zara", brand="zara")
    counter.one("pitch", ref="zp", day=65, brand="zara", disclosure="clear")
    ours(counter, "relationship_ended", ref="n3", day=66, **nike)
    ours(counter, "brand_blocked", ref="p1", day=66, meter="brand:puma", brand="puma")


def with_allegations(counter: Counter) -> None:
    """Allegations answered, owned, dismissed, substantiated; one of these met with silence; an apology received."""
    for number in range(5):
        counter.one("allegation", ref=f"l{number}", day=67, happened=66, severity=2, category="deception")
    counter.one("answer", ref="l0:a", day=68, allegation="l0", stance="denies")
    counter.one("dismissal", ref="l0:d", day=69, allegation="l0")
    counter.one("answer", ref="l1:a", day=69, happened=68, allegation="l1", stance="owns")
    counter.one("substantiation", ref="l2:s", day=70, allegation="l2", by="press", evidence="archive 1", severity=3)
    counter.one("substantiation", ref="l3:s", day=70, happened=67, allegation="l3", by="court", evidence="case 1")
    counter.one("apology", ref="l2:p", day=71, breach="l2", responsibility=True, repair=True)
    counter.one("reception", ref="l2:r", day=72, apology="l2:p", positive=90, negative=3)
    counter.one("reception", ref="l2:q", day=75, happened=74, apology="l2:p", positive=90, negative=300)
    counter.one("reversal", ref="r9", day=76, event="l1:a", why="dispute")
    ours(counter, "silence", ref="l3:e", day=81, allegation="l3", reported_by="acme")
    counter.one("cleared", ref="c5", day=82, breach="l2:s")
    ours(counter, "label", ref="label 1", day=83)
    ours(counter, "policy_marker", ref="marker", day=83, policy="0" * 16, effective_day=DAY + 200)


def with_a_busy_day(counter: Counter) -> None:
    """A burst is held, an act of it undone, the rest released."""
    fans = [tell("engagement", ref=f"z{n}", at_us=noon(85) + n, act="reply", engager=f"z{n}") for n in range(6)]
    counter.post(*fans, now_us=noon(85) + 100)
    for number in (1, 5):
        counter.one("reversal", ref=f"z{number}:r", day=86, event=f"z{number}", why="fraud")
    busy = tell("release", ref="busy", at_us=noon(88), source=events.OWN, meter=METER, day=DAY + 85)
    assert counter.post(busy, now_us=noon(88))[0].status == "posted"


def with_somebody_erased(counter: Counter) -> None:
    """A life with two books in few events, and its erasure."""
    own: dict[str, Any] = {"creator": counter.ids["u6"]}
    for number in range(3):
        counter.one("engagement", ref=f"g{number}", day=80 + number, act="reply", engager=f"g{number % 2}", **own)
    ours(counter, "introduction", ref="g-n", day=83, meter=BRAND, brand="nike", **own)
    counter.one("pitch", ref="g-p", day=84, brand="nike", disclosure="clear", **own)
    counter.one("breach", ref="g-b", day=84, severity=1, category="harm", **own)
    counter.one("reversal", ref="g-r", day=85, event="nothing", **own)  # refused, and gone with the rest
    run_settlement(counter, 87)
    counter.database.write(
        lambda session: erasure.erase(
            session,
            creator_id=counter.ids["u6"],
            erased_by="operator:ops",
            pepper=PEPPER,
            clock=lambda: noon(90),
            schedule=counter.schedule,
        )
    )


def run_settlement(counter: Counter, day: int) -> None:
    """The nightly job."""
    settlement.settle(
        counter.database, through_day=DAY + day, clock=lambda: noon(day), schedule=counter.schedule, limit=2
    )


# Tampering


@contextmanager
def tampering(town: Town) -> Iterator[Session]:
    """A transaction without the database's own guards; it is rolled back in the end."""
    with town.counter.database.transaction() as session:
        if db.is_sqlite(session):
            db.execute(session, "PRAGMA ignore_check_constraints = ON")
            for (name,) in db.fetch(session, "SELECT name FROM sqlite_master WHERE type = 'trigger'"):
                db.execute(session, f"DROP TRIGGER {name}")
        else:
            for name in GUARDED:
                db.execute(session, f"ALTER TABLE {name} DISABLE TRIGGER USER")
            for name in ("entry", "book"):
                for check in checks_of(TABLES[name]):
                    db.execute(session, f"ALTER TABLE {name} DROP CONSTRAINT {check}")
        yield session
        session.rollback()


def checks_of(table: Table) -> list[str]:
    """The names of a table's CHECKs."""
    return [str(check.name) for check in table.constraints if isinstance(check, CheckConstraint)]


def columns(name: str, *without: str) -> list[Any]:
    """Every column of a table as a test's parameter, so that a new one is covered by itself."""
    return [pytest.param(column, id=column.name) for column in TABLES[name].columns if column.name not in without]


def another(column: Column[Any], value: Any) -> Any:
    """A value that differs as little as may be."""
    if column.name.endswith("_id"):
        return FAR
    if isinstance(value, bool) or column.name in FLAGS:
        return not value
    if column.name == "seq":
        return value + 1000
    if isinstance(value, str):
        return value + " " if value.endswith("}") else value[:-1] + "x"
    if isinstance(value, bytes):
        return bytes([value[0] ^ 1]) + value[1:] if value else b"\x01"
    return 1 if value is None else value + 1


def alter(session: Session, table: str, where: str, params: Sequence[object], column: Column[Any]) -> None:
    """Change one column of one row."""
    ((value,),) = db.fetch(session, f"SELECT {column.name} FROM {table} WHERE {where}", params)
    change = f"UPDATE {table} SET {column.name} = ? WHERE {where}"
    assert db.execute(session, change, (another(column, value), *params)) == 1


def entries_of(session: Session, town: Town, meter: str = METER, *, creator_id: str = "") -> list[EntryRow]:
    """The entries of one of u1's books, or another's, in order."""
    sql = f"SELECT {books.ENTRY_COLUMNS} FROM entry e WHERE creator_id = ? AND meter = ? ORDER BY seq"
    return [EntryRow._make(row) for row in db.fetch(session, sql, (creator_id or town.u1, meter))]


def all_entries(session: Session, town: Town) -> list[EntryRow]:
    """The entries of all of u1's books, in the order in which the audit meets them."""
    meters = db.fetch(session, "SELECT meter FROM book WHERE creator_id = ? ORDER BY meter", (town.u1,))
    return [row for (meter,) in meters for row in entries_of(session, town, meter)] + [tombstone(session, town)]


def tombstone(session: Session, town: Town, meter: str = METER) -> EntryRow:
    """The line that ends a book of somebody who was erased."""
    sql = f"SELECT {books.ENTRY_COLUMNS} FROM entry e WHERE {OF_BOOK} ORDER BY seq DESC LIMIT 1"
    return EntryRow._make(db.fetch(session, sql, (town.gone, meter))[0])


def the_entry(session: Session, town: Town, place: str) -> EntryRow:
    """The first, the last, or one in the middle, with an event and another entry that it is about."""
    rows = entries_of(session, town)
    middle = next(row for row in rows if row.kind == "apology")
    return {"first": rows[0], "middle": middle, "last": rows[-1]}[place]


def event_of(session: Session, entry: EntryRow) -> EventRow:
    """The event that made an entry."""
    sql = "SELECT * FROM event WHERE creator_id = ? AND event_id = ?"
    return EventRow._make(db.fetch(session, sql, (entry.creator_id, entry.event_id))[0])


def remove(session: Session, table: str, where: str, *params: object) -> None:
    """Delete rows."""
    assert db.execute(session, f"DELETE FROM {table} WHERE {where}", params) > 0


OF_ENTRY = "creator_id = ? AND meter = ? AND seq = ?"
OF_EVENT = "creator_id = ? AND event_id = ?"
OF_BOOK = "creator_id = ? AND meter = ?"


# Sound books


def test_sound_books_verify(town: Town) -> None:
    """A history of every kind, with refusals, late and backfilled events and two policies, is found sound."""
    counted = [town.counter.rows(f"SELECT count(*) FROM {name}")[0][0] for name in ("book", "entry", "event")]
    with town.counter.database.snapshot() as session:
        report = town.report(session, checkpoint=town.checkpoint)
    assert report == Report(True, None, *counted)


things = st.one_of(
    st.builds(
        lambda act, who, how: ("engagement", {"act": act, "engager": f"f{who}", "incentive": how}),
        st.sampled_from(["like", "reply"]),
        st.integers(0, 4),
        st.sampled_from(["none", "none", "none", "bought"]),
    ),
    st.builds(lambda fit: ("pitch", {"brand": "x", "disclosure": "clear", "fit": fit}), st.sampled_from(["0", "1"])),
    st.builds(lambda fit: ("undisclosed_pitch", {"brand": "x", "fit": fit}), st.sampled_from(["0", "1"])),
    st.sampled_from([("post", {}), ("transparency", {}), ("breach", {"severity": 4, "category": "harm"})]),
    st.builds(
        lambda kind, number: (kind, {"breach": number}),
        st.sampled_from(["apology", "evasion", "cleared"]),
        st.integers(0, 9),
    ),
    st.builds(lambda number: ("reversal", {"event": number}), st.integers(0, 15)),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(steps=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 12), things), min_size=5, max_size=25))
def test_whatever_is_posted_verifies(sqlite_url: str, steps: list[tuple[int, int, tuple[str, dict[str, Any]]]]) -> None:
    """Any history, told late or on time, answered, cleared and undone in any order, is found sound."""
    database = Database(sqlite_url)
    counter = Counter(database, names=[])
    name, day = f"u{len(counter.rows('SELECT 1 FROM creator'))}", 0
    counter.enrol(name, followers=5_000)
    for number, (gap, late, (kind, told)) in enumerate(steps):
        day += gap
        facts = {key: str(value) if key in ("breach", "event") else value for key, value in told.items()}
        event = tell(kind, ref=str(number), at_us=noon(day - late), creator=f"youtube:{name}", **facts)
        counter.post(event, now_us=noon(day))
    with database.snapshot() as session:
        report = audit.verify(session, schedule=counter.schedule)
    database.dispose()
    assert report.ok, report


def test_the_history_holds_every_kind(town: Town) -> None:
    """What the other tests tamper with has every kind of entry, and refused events."""
    kept = {kind for (kind,) in town.counter.rows("SELECT DISTINCT kind FROM entry")}
    refused = town.counter.rows("SELECT count(*) FROM event WHERE outcome LIKE ?", '{"code"%')
    assert (kept, refused[0][0]) == ({*kinds.LINES, "settlement"}, 3)


def test_books_of_any_number_are_read_a_piece_at_a_time(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """The audit says the same when it may hold only three books, five entries or two rows at once."""
    for name, size in (("BOOKS", 3), ("SPAN", 5), ("PAGE", 2)):
        monkeypatch.setattr(audit, name, size)
    seen: list[int] = []
    with tampering(town) as session:
        sound = town.report(session, checkpoint=town.checkpoint, progress=seen.append)
        remove(session, "entry", OF_ENTRY, town.u1, METER, 7)
        broken = town.found(session)
    assert (sound.ok, sum(seen), max(seen), broken) == (True, sound.entries, 2, (town.u1, METER, 7))


def test_rows_are_read_in_the_order_of_the_tables() -> None:
    """The audit's names for columns are those of the tables."""
    assert EntryRow._fields == tuple(TABLES["entry"].columns.keys())
    assert EventRow._fields == tuple(TABLES["event"].columns.keys())


# Entries


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("column", columns("entry"))
def test_no_column_of_an_entry_can_be_altered(town: Town, column: Column[Any], place: str) -> None:
    """Any column of an entry altered is found at that entry."""
    with tampering(town) as session:
        seq = the_entry(session, town, place).seq
        alter(session, "entry", OF_ENTRY, (town.u1, METER, seq), column)
        assert town.found(session) == (town.u1, METER, seq)


def test_nothing_is_not_zero(town: Town) -> None:
    """An entry about nothing is not one about entry 0, though both hash alike."""
    with tampering(town) as session:
        db.execute(session, f"UPDATE entry SET about = 0 WHERE {OF_ENTRY}", (town.u1, METER, 1))
        assert town.found(session) == (town.u1, METER, 1)


@pytest.mark.parametrize("place", PLACES)
def test_no_entry_can_be_deleted(town: Town, place: str) -> None:
    """A deleted entry is named by its number."""
    with tampering(town) as session:
        seq = the_entry(session, town, place).seq
        remove(session, "entry", OF_ENTRY, town.u1, METER, seq)
        assert town.found(session) == (town.u1, METER, seq)


def test_no_two_entries_can_be_swapped(town: Town) -> None:
    """Of two entries that changed places the first is named."""
    with tampering(town) as session:
        for old, new in ((3, -1), (5, 3), (-1, 5)):
            change = f"UPDATE entry SET seq = ? WHERE {OF_ENTRY}"
            assert db.execute(session, change, (new, town.u1, METER, old)) == 1
        assert town.found(session) == (town.u1, METER, 3)


def more(row: EntryRow) -> EntryRow:
    """An entry that gives more than it should."""
    return row._replace(fresh=row.fresh + 1, world=row.world - 1, fresh_after=row.fresh_after + 1)


def firmer(row: EntryRow) -> EntryRow:
    """An entry that gives to bedrock what should be fresh, and leaves the balances alone."""
    return row._replace(fresh=row.fresh - 1, bedrock=row.bedrock + 1)


def left_firmer(row: EntryRow) -> EntryRow:
    """An entry that leaves in bedrock what should be fresh, and the standing as it is."""
    return row._replace(fresh_after=row.fresh_after - 1, bedrock_after=row.bedrock_after + 1)


@pytest.mark.parametrize("change", [more, firmer, left_firmer])
@pytest.mark.parametrize("kind", [*kinds.LINES, "settlement"])
def test_an_amount_is_what_its_factors_give(town: Town, kind: str, change: Callable[[EntryRow], EntryRow]) -> None:
    """A forged amount or balance is found though its event and every hash after it were made to fit."""
    with tampering(town) as session:
        entry = next(row for row in all_entries(session, town)[::-1] if row.kind == kind)
        forge(session, town, entry, change)
        finding = town.finding(session)
    assert (finding.creator_id, finding.meter, finding.seq) == (entry.creator_id, entry.meter, entry.seq)
    assert "give" in finding.what


def test_an_entry_links_to_the_one_before_it(town: Town) -> None:
    """An entry replaced by another, sound in itself, is found at the next one."""
    with tampering(town) as session:
        entry = [row for row in entries_of(session, town) if row.kind == "settlement"][1]
        other = entry._replace(recorded_at_us=entry.recorded_at_us - 1)
        put(session, other._replace(hash=chain.entry_hash(other)))
        finding = town.finding(session)
    assert (finding.seq, "link" in finding.what) == (entry.seq + 1, True)


def test_a_book_has_a_clock_that_only_moves_forward(town: Town) -> None:
    """An entry recorded before the one it follows is found though all hashes were made to fit it."""
    with tampering(town) as session:
        entry = [row for row in entries_of(session, town) if row.kind == "settlement"][1]
        forge(session, town, entry, lambda row: row._replace(recorded_at_us=1))
        assert town.found(session) == (town.u1, METER, entry.seq)


def test_a_book_never_goes_back_to_an_earlier_day(town: Town) -> None:
    """An entry settled through a day before the one it follows is found though all hashes were made to fit it."""
    with tampering(town) as session:
        entry = [row for row in entries_of(session, town) if row.kind == "settlement"][1]
        forge(session, town, entry, lambda row: row._replace(settled_through=row.settled_through - 400))
        assert town.found(session) == (town.u1, METER, entry.seq)


def test_what_one_event_made_was_recorded_at_once(town: Town) -> None:
    """A second line recorded later than right after the first is found though all hashes were made to fit it."""
    with tampering(town) as session:
        entry = next(row for row in entries_of(session, town) if row.kind == "transparency" and row.about)
        forge(session, town, entry, lambda row: row._replace(recorded_at_us=row.recorded_at_us + 1))
        assert town.found(session) == (town.u1, METER, entry.seq)


def test_an_event_has_all_the_entries_that_it_made(town: Town) -> None:
    """The second line of the last event cut off is found though the book does not count it either."""
    with tampering(town) as session:
        last = the_entry(session, town, "last").seq
        remove(session, "entry", OF_ENTRY, town.u1, METER, last)
        db.execute(session, f"UPDATE book SET seq = ? WHERE {OF_BOOK}", (last - 1, town.u1, METER))
        assert town.found(session) == (town.u1, METER, last)


def test_decay_follows_the_policy_of_its_day(town: Town) -> None:
    """A settlement under a policy that was not yet in force is found though all hashes were made to fit it."""
    with tampering(town) as session:
        entry = next(row for row in entries_of(session, town) if row.kind == "settlement")
        forge(session, town, entry, lambda row: row._replace(policy_version=town.schedule.items[1][1].version))
        assert town.found(session) == (town.u1, METER, entry.seq)


@pytest.mark.parametrize("kind", [*kinds.LINES, "settlement"])
def test_factors_are_what_was_said_and_what_came_before(town: Town, kind: str) -> None:
    """Any factor of any kind of entry forged is found, though the amount, the balances and all hashes fit it."""
    with town.counter.database.snapshot() as session:
        met = [row for row in all_entries(session, town) if row.kind == kind and is_own(session, row)]
        shapes = {(event_kind(session, row), row.meter, *orjson.loads(row.factors)): row for row in met}
    assert met
    missed = []
    for entry, name in [(entry, name) for (_, _, *names), entry in shapes.items() for name in names]:
        with tampering(town) as session:
            forge(session, town, entry, lambda row, name=name: refactored(town, session, row, **raised(row, name)))  # type: ignore[misc]
            finding = town.finding(session)
        if (finding.meter, finding.seq) != (entry.meter, entry.seq) or not SAYS_WHY.search(finding.what):
            missed.append((entry.seq, name, str(finding)))
    assert not missed


def is_own(session: Session, entry: EntryRow) -> bool:
    """The entry is in the book that its event was posted to, or is a settlement."""
    return entry.event_id is None or event_of(session, entry).meter == entry.meter


def test_what_an_event_did_to_another_book_is_checked_from_its_own(town: Town) -> None:
    """A share taken from a brand's empty meter moves nothing; forged, it is found where the pitch was priced."""
    with tampering(town) as session:
        entry = next(row for row in entries_of(session, town, "brand:zara") if row.kind == "pitch")
        forge(session, town, entry, lambda row: refactored(town, session, row, **raised(row, "share")))
        finding = town.finding(session)
        event = event_of(session, entry)
    first = orjson.loads(event.outcome)["entries"][0]
    assert (finding.meter, finding.seq) == (METER, first[1])
    assert "did something else to the book brand:zara" in finding.what


@pytest.mark.parametrize("kind", ["pitch", "outcome", "rapport", "reversal", "cleared", "pitch_held"])
def test_no_factor_of_the_other_book_can_be_forged(town: Town, kind: str) -> None:
    """Any factor of a brand's line of an event that is the network's is found, in the one book or in the other."""
    with town.counter.database.snapshot() as session:
        met = [row for row in entries_of(session, town, BRAND) if row.kind == kind and not is_own(session, row)]
        shapes = {(event_kind(session, row), *orjson.loads(row.factors)): row for row in met}
    assert met
    missed = []
    for entry, name in [(entry, name) for (_, *names), entry in shapes.items() for name in names]:
        with tampering(town) as session:
            forge(session, town, entry, lambda row, name=name: refactored(town, session, row, **raised(row, name)))  # type: ignore[misc]
            report = town.report(session)
        if report.ok:
            missed.append((entry.seq, name))
    assert not missed


def test_an_event_tells_of_all_the_books_that_it_touched(town: Town) -> None:
    """An event that no longer tells of the brand's book is found there, though all hashes were made to fit it."""
    with tampering(town) as session:
        entry = next(row for row in entries_of(session, town, BRAND) if row.kind == "pitch")
        only_there(session, the_other_side(session, town, entry))
        for meter in (BRAND, METER):
            relink(session, town, meter)
        finding = town.finding(session)
    assert (finding.meter, finding.seq, "names no entry of this book" in finding.what) == (BRAND, entry.seq, True)


def the_other_side(session: Session, town: Town, entry: EntryRow) -> EntryRow:
    """The first entry that the event of a brand's entry made in the network's book."""
    return next(row for row in entries_of(session, town) if row.event_id == entry.event_id)


def test_a_label_is_what_the_book_bears_out(town: Town) -> None:
    """A line that gives a better label is found, though the book says so too and all hashes fit it."""
    with tampering(town) as session:
        entry = [row for row in entries_of(session, town) if row.kind == "label"][-1]
        better = NAMES.index("trusted")
        forge(session, town, entry, lambda row: refactored(town, session, row, now=better))
        db.execute(session, f"UPDATE book SET label = 'trusted' WHERE {OF_BOOK}", (town.u1, METER))
        finding = town.finding(session)
    assert (finding.meter, finding.seq, "its factor now" in finding.what) == (METER, entry.seq, True)


SAYS_WHY = re.compile("its factor|did something else|but says otherwise")


@pytest.mark.parametrize("told", [True, False])
def test_only_an_audience_that_nobody_told_is_believed(town: Town, told: bool) -> None:
    """Accounts grow, so that their audience at the time cannot be proved; one that an event tells is."""
    with tampering(town) as session:
        pitches = [row for row in entries_of(session, town) if row.kind == "pitch" and '"size"' in row.factors]
        entry = [row for row in pitches if ("followers" in event_of(session, row).facts) == told][-1]
        audience = {"followers": 1_000, "size": pitch.size_factor(1_000, town.schedule.items[0][1])}
        forge(session, town, entry, lambda row: refactored(town, session, row, **audience))
        finding = town.finding(session)
    assert (finding.seq == entry.seq and "its factor followers" in finding.what) == told


def event_kind(session: Session, entry: EntryRow) -> str:
    """The kind of the event that made an entry."""
    return event_of(session, entry).kind if entry.event_id else ""


@pytest.mark.parametrize(
    ("kind", "facts", "why"),
    [
        ("engagement", ('"reply"', '"share"'), "its factor weight"),
        ("engagement", ('"none"', '"bought"'), "its factor genuine"),
        ("breach", ('"severity":2', '"severity":1'), "its factor severity"),
        ("pitch", ('"0.7"', '"1"'), "its factor fit"),
        ("apology", ('"b3"', '"b1"'), "the breach is already owned"),
        ("evasion", ('"x1"', '"b1"'), "must be about"),
        ("evasion", ('"x1"', '"p1"'), "'p1' is not a breach"),
        ("evasion", ('"x1"', '"zz"'), "no posted event 'zz'"),
        ("outcome", ('"positive":90', '"positive":91'), "something else to the book"),
        ("outcome", ('"np2"', '"np"'), "is already told"),
        ("reception", ('"positive":90', '"positive":89'), "its factor after"),
        ("breach", ('"severity":3}', '"severity":4}'), "its factor severity"),
        ("answer", ('"denies"', '"explains"'), "its factor stance"),
        ("dismissal", ('"l0"', '"l1"'), "must be about"),
        ("pitch_held", ('"held":1500000', '"held":150000'), "something else to the book"),
        ("pitch_step", (f'"{HOLDS[1]}"', f'"{HOLDS[0]}"'), "is declined: it cannot be accepted"),
        ("release", ('"day":', '"day":1'), "nothing of that day is waiting"),
        ("reversal", ('"p1"', '"t1"'), "comes to 1 entries, not 2"),
        ("engagement", ('"reply"', '"shout"'), "must be one of"),
    ],
)
def test_an_event_comes_to_its_entries(town: Town, kind: str, facts: tuple[str, str], why: str) -> None:
    """Facts that would have come to another price, or to none, are found though all hashes were made to fit them."""
    with tampering(town) as session:
        rows = [row for row in entries_of(session, town) if row.kind == kind]
        entry = next(row for row in rows if facts[0] in event_of(session, row).facts)
        forge(session, town, entry, facts=facts)
        finding = town.finding(session)
    assert (finding.creator_id, finding.seq, why in finding.what) == (town.u1, entry.seq, True), finding


def test_an_entry_is_about_what_its_event_speaks_of(town: Town) -> None:
    """An answer moved to another breach is found though all hashes were made to fit it."""
    with tampering(town) as session:
        rows = entries_of(session, town)
        entry = next(row for row in rows if row.kind == "evasion")
        other = next(row for row in rows if row.kind == "breach" and row.seq < entry.seq and row.seq != entry.about)
        forge(session, town, entry, lambda row: row._replace(about=other.seq))
        finding = town.finding(session)
    assert (finding.seq, "about entry" in finding.what) == (entry.seq, True)


@pytest.mark.parametrize("name", ["recorded_at_us", "settled_through", "policy_version"])
def test_time_and_policy_of_an_entry_are_those_of_its_event(town: Town, name: str) -> None:
    """A later time, a later day or another policy is found though all hashes were made to fit it."""
    with tampering(town) as session:
        entry = next(row for row in entries_of(session, town) if row.kind == "transparency" and row.about is None)
        later = {
            "recorded_at_us": entry._replace(recorded_at_us=entry.recorded_at_us + 1),
            "settled_through": entry._replace(settled_through=entry.settled_through + 1),
            "policy_version": entry._replace(policy_version=town.schedule.items[1][1].version),
        }
        forge(session, town, entry, lambda _: later[name])
        assert town.found(session) == (town.u1, METER, entry.seq)


def test_nothing_is_reversed_twice(town: Town) -> None:
    """A reversal of what was reversed before is found though it is complete in itself."""
    with tampering(town) as session:
        db.execute(session, "DROP INDEX uq_entry_reversed_once")
        rows = [row for row in entries_of(session, town) if row.kind == "reversal"]
        second = next(row for before, row in pairwise(rows) if before.event_id == row.event_id)
        forge(session, town, second, lambda row: row._replace(about=rows[0].about))
        finding = town.finding(session)
    assert (finding.seq, "about entry" in finding.what) == (second.seq, True)


# Events


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("column", columns("event"))
def test_no_column_of_an_event_can_be_altered(town: Town, column: Column[Any], place: str) -> None:
    """Any column of an event altered is found at the first entry it made."""
    with tampering(town) as session:
        event = event_of(session, the_entry(session, town, place))
        first = orjson.loads(event.outcome)["entries"][0][1]
        alter(session, "event", OF_EVENT, (event.creator_id, event.event_id), column)
        assert town.found(session) == (town.u1, METER, first)


@pytest.mark.parametrize("column", columns("event"))
def test_no_column_of_a_refused_event_can_be_altered(town: Town, column: Column[Any]) -> None:
    """Any column of a refused event altered is found, and the event named."""
    with tampering(town) as session:
        sql = "SELECT creator_id, event_id FROM event WHERE outcome LIKE ?"
        creator_id, event_id = db.fetch(session, sql, ('{"code"%',))[0]
        alter(session, "event", OF_EVENT, (creator_id, event_id), column)
        finding = town.finding(session)
    named = FAR if column.name == "event_id" else event_id
    assert (finding.seq, f"the refused event {named}" in finding.what) == (0, True)


def test_an_event_is_the_one_that_its_entry_was_made_by(town: Town) -> None:
    """An event replaced by another, sound in itself, is found at its entry."""
    with tampering(town) as session:
        entry = the_entry(session, town, "first")
        event = event_of(session, entry)
        forged = event._replace(facts=event.facts.replace("reply", "share"))
        change = f"UPDATE event SET facts = ?, hash = ? WHERE {OF_EVENT}"
        db.execute(session, change, (forged.facts, chain.event_hash(forged), *event[:2]))
        assert town.found(session) == (town.u1, METER, entry.seq)


def test_an_event_says_what_it_made(town: Town) -> None:
    """An event that tells of another standing is found though all hashes were made to fit it."""
    with tampering(town) as session:
        entry = the_entry(session, town, "middle")
        forge(session, town, entry, standing=1)
        assert town.found(session) == (town.u1, METER, entry.seq)


@pytest.mark.parametrize("place", PLACES)
def test_no_event_of_an_entry_can_be_deleted(town: Town, place: str) -> None:
    """An entry whose event is gone is named."""
    with tampering(town) as session:
        event = event_of(session, the_entry(session, town, place))
        first = orjson.loads(event.outcome)["entries"][0][1]
        remove(session, "event", OF_EVENT, event.creator_id, event.event_id)
        finding = town.finding(session)
    assert finding == Finding(town.u1, METER, first, f"its event {event.event_id} is missing")


@pytest.mark.parametrize("seq", [1, 1000])
def test_no_event_can_claim_an_entry_that_it_did_not_make(town: Town, seq: int) -> None:
    """An orphan event is found though its hash is right, whether or not the entry it names is there."""
    with tampering(town) as session:
        event = event_of(session, the_entry(session, town, "first"))
        outcome = orjson.dumps({"entries": [[METER, seq, "engagement", 1, 1]]}).decode()
        orphan = event._replace(event_id=FAR, external_ref="orphan", outcome=outcome)
        orphan = orphan._replace(hash=chain.event_hash(orphan))
        db.insert(session, TABLES["event"], [orphan])
        assert town.found(session) == (town.u1, METER, seq)


# Books and what they remember


@pytest.mark.parametrize("column", columns("book", "version"))
def test_no_column_of_a_book_can_be_altered(town: Town, column: Column[Any]) -> None:
    """Any column of a book altered is found in that book."""
    with tampering(town) as session:
        last = the_entry(session, town, "last").seq
        alter(session, "book", OF_BOOK, (town.u1, METER), column)
        seq = {"creator_id": 1, "meter": 1, "erased": 1, "seq": last + 1}.get(column.name, last)
        assert town.found(session) == (town.u1, METER, seq)


def test_a_book_cannot_say_that_it_has_fewer_entries(town: Town) -> None:
    """Entries past a book's end are named."""
    with tampering(town) as session:
        db.execute(session, f"UPDATE book SET seq = 9 WHERE {OF_BOOK}", (town.u1, METER))
        assert town.found(session) == (town.u1, METER, 10)


def test_a_books_version_proves_nothing(town: Town) -> None:
    """The version only counts locks: no entry speaks of it, and the audit leaves it alone."""
    with tampering(town) as session:
        db.execute(session, "UPDATE book SET version = version + 1")
        assert town.report(session).ok


def test_no_book_can_be_deleted(town: Town) -> None:
    """Entries without a book are named from the first."""
    with tampering(town) as session:
        remove(session, "book", OF_BOOK, town.u1, METER)
        assert town.found(session) == (town.u1, METER, 1)


def test_a_book_cannot_lose_all_its_entries(town: Town) -> None:
    """A book that says it has entries has its first named as missing."""
    u2 = town.counter.ids["u2"]
    with tampering(town) as session:
        remove(session, "entry", OF_BOOK, u2, METER)
        assert town.found(session) == (u2, METER, 1)


MEMORY = [part.table.name for part in KEPT]


def a_book_with(session: Session, town: Town, table: str) -> str:
    """The meter of one of u1's books that has rows in a table."""
    sql = f"SELECT max(meter) FROM {table} WHERE creator_id = ?"
    return str(db.fetch(session, sql, (town.u1,))[0][0])


@pytest.mark.parametrize("table", [name for name in MEMORY if name != "tie"])
def test_no_memory_can_be_deleted(town: Town, table: str) -> None:
    """A tally, a breach, a hold or whatever else a book remembers is found in its book where it is gone."""
    with tampering(town) as session:
        meter = a_book_with(session, town, table)
        remove(session, table, OF_BOOK, town.u1, meter)
        assert town.found(session)[:2] == (town.u1, meter)


@pytest.mark.parametrize(
    ("table", "column"),
    [
        pytest.param(name, column, id=f"{name}-{column.name}")
        for name in ("relationship", "pitch", "outcome", "allegation")
        for column in TABLES[name].columns
        if column.name != "creator_id"
    ],
)
def test_no_column_of_a_memory_can_be_altered(town: Town, table: str, column: Column[Any]) -> None:
    """Where a brand stands, what is held, how it was taken, what is alleged: any column altered is found."""
    with tampering(town) as session:
        meter = a_book_with(session, town, table)
        where = OF_BOOK
        params: tuple[object, ...] = (town.u1, meter)
        if "seq" in TABLES[table].columns:
            ((seq,),) = db.fetch(session, f"SELECT max(seq) FROM {table} WHERE {OF_BOOK}", params)
            where, params = OF_ENTRY, (*params, seq)
        alter(session, table, where, params, column)
        finding = town.finding(session)
    altered = column.name == "meter"
    assert finding.creator_id == town.u1
    assert altered or finding.meter == meter
    assert altered or f"the {table}" in finding.what


@pytest.mark.parametrize("column", columns("tally"))
def test_no_column_of_a_tally_can_be_altered(town: Town, column: Column[Any]) -> None:
    """Any column of a tally altered is found in its book."""
    with tampering(town) as session:
        ((day,),) = db.fetch(session, f"SELECT max(day) FROM tally WHERE {OF_BOOK}", (town.u1, METER))
        alter(session, "tally", f"{OF_BOOK} AND day = ?", (town.u1, METER, day), column)
        assert town.found(session)[:2] == (town.u1, METER)


@pytest.mark.parametrize("column", columns("breach"))
def test_no_column_of_a_breach_can_be_altered(town: Town, column: Column[Any]) -> None:
    """Any column of a breach altered is found at the entry that charged it."""
    with tampering(town) as session:
        ((seq,),) = db.fetch(session, f"SELECT max(seq) FROM breach WHERE {OF_BOOK}", (town.u1, METER))
        alter(session, "breach", OF_ENTRY, (town.u1, METER, seq), column)
        assert town.found(session) == (town.u1, METER, seq)


@pytest.mark.parametrize("column", columns("tie", "creator_id", "meter", "mutual"))
def test_no_column_of_a_tie_can_be_altered(town: Town, column: Column[Any]) -> None:
    """Any column of a tie altered is found in its book."""
    with tampering(town) as session:
        ((engager,),) = db.fetch(session, f"SELECT min(engager) FROM tie WHERE {OF_BOOK}", (town.u1, METER))
        alter(session, "tie", f"{OF_BOOK} AND engager = ?", (town.u1, METER, engager), column)
        assert town.found(session)[:2] == (town.u1, METER)


@pytest.mark.parametrize("table", MEMORY)
def test_no_memory_is_of_a_book_that_is_not_there(town: Town, table: str) -> None:
    """What a book remembers, moved to a creator who does not exist, is found."""
    with tampering(town) as session:
        meter = a_book_with(session, town, table)
        db.execute(session, f"UPDATE {table} SET creator_id = ? WHERE {OF_BOOK}", (FAR, town.u1, meter))
        db.execute(session, f"UPDATE {table} SET meter = ? WHERE creator_id = ?", ("network:none", FAR))
        finding = town.finding(session)
    assert finding.creator_id in (town.u1, FAR)


def test_an_engager_may_be_forgotten(town: Town) -> None:
    """Ties expire, so that a tie which is gone is nothing wrong."""
    with tampering(town) as session:
        remove(session, "tie", OF_BOOK, town.u1, METER)
        assert town.report(session).ok


# Policies


def test_a_policy_is_named_by_its_content(town: Town) -> None:
    """A policy with another value under the old name is found."""
    founding = town.schedule.items[0][1]
    text = founding.text.replace('value = "90"', 'value = "91"', 1)
    with tampering(town) as session:
        db.execute(session, "UPDATE policy SET text = ? WHERE version = ?", (text, founding.version))
        assert founding.version in town.finding(session).what


def test_a_policy_takes_effect_when_it_was_to(town: Town) -> None:
    """A policy moved to another day is found at the first entry which that day made other."""
    second = town.schedule.items[1][1]
    with tampering(town) as session:
        db.execute(
            session, "UPDATE policy SET effective_day = effective_day + 100 WHERE version = ?", (second.version,)
        )
        first = next(row for row in all_entries(session, town) if row.policy_version == second.version)
        moved = replace(town, schedule=rules.schedule(session))
        assert moved.found(session) == first[:3]


# What only a checkpoint can show


def test_a_tail_cannot_be_cut_off(town: Town) -> None:
    """Where the book's row was left as it was, the first entry that is missing is named without a checkpoint."""
    with tampering(town) as session:
        last = the_entry(session, town, "last").seq
        remove(session, "entry", f"{OF_BOOK} AND seq > ?", town.u1, METER, last - 2)
        assert town.found(session) == (town.u1, METER, last - 1)


def test_a_checkpoint_shows_a_tail_cut_off_without_a_trace(town: Town) -> None:
    """Where everything was put back to what it was before, only the checkpoint shows that entries are gone."""
    with tampering(town) as session:
        seq = turn_back(session, town)
        assert town.report(session).ok
        assert town.found(session, checkpoint=town.checkpoint) == (town.u1, METER, seq + 1)


def test_a_checkpoint_shows_history_written_anew(town: Town) -> None:
    """Another past, sound in itself and longer, is found at the entry that the checkpoint saw last."""
    with tampering(town) as session:
        turn_back(session, town)
        kinder = [tell("engagement", ref=f"new {n}", at_us=noon(91), act="reply", engager=f"m{n}") for n in range(9)]
        posting.post(session, events=kinder, clock=lambda: noon(91), schedule=town.schedule)
        leaf = next(leaf for leaf in town.checkpoint.leaves if leaf[:2] == (town.u1, METER))
        assert town.report(session).ok
        assert town.found(session, checkpoint=town.checkpoint) == (town.u1, METER, leaf.seq)


def test_a_checkpoint_shows_a_book_that_is_gone(town: Town) -> None:
    """A book removed with all that speaks of it is named by the checkpoint."""
    u2 = town.counter.ids["u2"]
    with tampering(town) as session:
        for name in ("entry", "event", *REFRESHED):
            db.execute(session, f"DELETE FROM {name} WHERE creator_id = ?", (u2,))
        leaf = next(leaf for leaf in town.checkpoint.leaves if leaf.creator_id == u2)
        assert town.report(session).ok
        assert town.found(session, checkpoint=town.checkpoint) == (u2, METER, leaf.seq)


def test_what_came_after_a_checkpoint_is_nothing_wrong(town: Town) -> None:
    """Books go on after a checkpoint, and still agree with it."""
    with tampering(town) as session:
        more = tell("engagement", ref="more", at_us=noon(93), act="reply", engager="f1")
        posting.post(session, events=[more], clock=lambda: noon(93), schedule=town.schedule)
        assert town.report(session, checkpoint=town.checkpoint).ok


def turn_back(session: Session, town: Town) -> int:
    """Put everything of u1 back to what it was before its last events; returns the last entry left."""
    seq = next(row[3] for row in town.earlier["book"] if row[1] == METER)
    events = {row[1] for row in town.earlier["event"]}
    remove(session, "entry", f"{OF_BOOK} AND seq > ?", town.u1, METER, seq)
    for (event_id,) in db.fetch(session, "SELECT event_id FROM event WHERE creator_id = ?", (town.u1,)):
        if event_id not in events:
            remove(session, "event", OF_EVENT, town.u1, event_id)
    for name in REFRESHED:
        remove(session, name, "creator_id = ?", town.u1)
        db.insert(session, TABLES[name], town.earlier[name])
    return int(seq)


# Those who were erased


@pytest.mark.parametrize("place", [0, 3, -1])
@pytest.mark.parametrize("column", columns("entry"))
def test_no_column_of_an_erased_books_entry_can_be_altered(town: Town, column: Column[Any], place: int) -> None:
    """Whoever is gone, any column of an entry of theirs that is altered is found at that entry."""
    with tampering(town) as session:
        seq = entries_of(session, town, creator_id=town.gone)[place].seq
        alter(session, "entry", OF_ENTRY, (town.gone, METER, seq), column)
        assert town.found(session) == (town.gone, METER, seq)


@pytest.mark.parametrize("place", [0, 3, -1])
def test_no_entry_of_an_erased_book_can_be_deleted(town: Town, place: int) -> None:
    """A line that is missing is named, the last one too, which says that its creator was erased."""
    with tampering(town) as session:
        seq = entries_of(session, town, creator_id=town.gone)[place].seq
        remove(session, "entry", OF_ENTRY, town.gone, METER, seq)
        assert town.found(session) == (town.gone, METER, seq)


@pytest.mark.parametrize("change", [more, firmer, left_firmer])
@pytest.mark.parametrize("kind", ["engagement", "pitch", "breach", "settlement"])
def test_an_erased_books_amounts_are_what_their_factors_give(
    town: Town, kind: str, change: Callable[[EntryRow], EntryRow]
) -> None:
    """With its event gone, a forged amount is still found though every hash after it was made to fit."""
    with tampering(town) as session:
        entry = next(row for row in entries_of(session, town, creator_id=town.gone) if row.kind == kind)
        forge(session, town, entry, change)
        finding = town.finding(session)
    assert (finding.creator_id, finding.meter, finding.seq) == (town.gone, METER, entry.seq)
    assert "give" in finding.what


@pytest.mark.parametrize("column", columns("book", "version"))
def test_no_column_of_an_erased_book_can_be_altered(town: Town, column: Column[Any]) -> None:
    """Balances, head, count, and that it is erased: any column altered is found in its book."""
    with tampering(town) as session:
        alter(session, "book", OF_BOOK, (town.gone, METER), column)
        finding = town.finding(session)
    assert (finding.creator_id == town.gone and finding.meter == METER) or column.name in ("creator_id", "meter")


def test_a_checkpoint_shows_the_end_of_an_erased_book_cut_off(town: Town) -> None:
    """The line that says so cut off without a trace is found by what follows, and by the checkpoint."""
    with tampering(town) as session:
        last, end = entries_of(session, town, creator_id=town.gone)[-2:]
        remove(session, "entry", OF_ENTRY, town.gone, METER, end.seq)
        remove(session, "event", OF_EVENT, town.gone, end.event_id)
        told = (last.seq, last.hash, last.recorded_at_us, False, town.gone, METER)
        db.execute(session, f"UPDATE book SET seq = ?, head = ?, recorded_at_us = ?, erased = ? WHERE {OF_BOOK}", told)
        assert town.found(session)[:2] == (town.gone, METER)
        assert town.found(session, checkpoint=town.checkpoint)[:2] == (town.gone, METER)


def test_an_events_removal_is_found_unless_its_creator_was_erased(town: Town) -> None:
    """All events of somebody removed, with a row that says they were erased and a book that says so: it is found."""
    with tampering(town) as session:
        remove(session, "event", "creator_id = ?", town.u1)
        assert "is missing" in town.finding(session).what
        db.insert(session, TABLES["erasure"], [(town.u1, noon(90), "operator:ops", "{}")])
        db.execute(session, "UPDATE creator SET visibility = 'erased' WHERE creator_id = ?", (town.u1,))
        assert town.found(session)[0] == town.u1
        for table in REFRESHED[1:]:
            db.execute(session, f"DELETE FROM {table} WHERE creator_id = ?", (town.u1,))
        db.execute(session, "UPDATE book SET erased = ?, live = ? WHERE creator_id = ?", (True, False, town.u1))
        finding = town.finding(session)
    assert (finding.creator_id, "but its entries come to" in finding.what) == (town.u1, True)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("DELETE FROM erasure WHERE creator_id = ?", "nothing says when"),
        ("UPDATE creator SET visibility = 'private' WHERE creator_id = ?", "disagree"),
        ("DELETE FROM consent WHERE creator_id = ?", "agreed"),
        ("DELETE FROM event WHERE creator_id = ?", "is missing"),
        ("UPDATE event SET received_at_us = received_at_us + 1 WHERE creator_id = ?", "hash"),
    ],
)
def test_what_is_said_of_an_erasure_cannot_be_altered(town: Town, change: str, what: str) -> None:
    """That it was, that there had been consent, and the events which say what went: altered, it is found."""
    with tampering(town) as session:
        assert db.execute(session, change, (town.gone,)) > 0
        finding = town.finding(session)
    assert (finding.creator_id, what in finding.what) == (town.gone, True)


@pytest.mark.parametrize("who", ["u1", "nobody"])
def test_an_erasure_cannot_be_made_up(town: Town, who: str) -> None:
    """A row that says somebody was erased, whose books do not say so, or who has none, is found."""
    with tampering(town) as session:
        creator_id = town.u1 if who == "u1" else FAR
        db.insert(session, TABLES["erasure"], [(creator_id, noon(90), "operator:ops", "{}")])
        finding = town.finding(session)
    assert (finding.creator_id, "erased" in finding.what) == (creator_id, True)


@pytest.mark.parametrize("is_refusal", [True, False])
def test_no_event_of_the_erased_comes_back(town: Town, is_refusal: bool) -> None:
    """An event of somebody erased that is there again, posted or refused, is found."""
    with tampering(town) as session:
        entry = entries_of(session, town, creator_id=town.gone)[0]
        old = EventRow._make(db.fetch(session, "SELECT * FROM event WHERE creator_id = ? LIMIT 1", (town.u1,))[0])
        back = old._replace(creator_id=town.gone, event_id=FAR if is_refusal else str(entry.event_id))
        if is_refusal:
            back = back._replace(outcome='{"code":"c","detail":"d","pointer":""}')
        db.insert(session, TABLES["event"], [back._replace(hash=chain.event_hash(back))])
        finding = town.finding(session)
    assert (finding.creator_id, "still there" in finding.what) == (town.gone, True)


@pytest.mark.parametrize("table", MEMORY)
def test_an_erased_book_remembers_nothing(town: Town, table: str) -> None:
    """A tally, a tie, a pitch or whatever else, there again in an erased book, is found."""
    with tampering(town) as session:
        row = db.fetch(session, f"SELECT * FROM {table} WHERE creator_id = ? LIMIT 1", (town.u1,))[0]
        db.insert(session, TABLES[table], [(town.gone, METER, *row[2:])])
        assert town.found(session)[:2] == (town.gone, METER)


def test_nothing_follows_an_erasure(town: Town) -> None:
    """A line written after the last one, sound in itself, is found."""
    with tampering(town) as session:
        end = tombstone(session, town)
        later = end.recorded_at_us + 86_400_000_000
        state = State(*end[14:23])
        after = economy.accrue(state, state.day + 1, town.schedule, policy_version=end.policy_version)
        row = books.settlement_row(town.gone, METER, end.seq + 1, end.hash, state, after, end.policy_version, later)
        db.insert(session, TABLES["entry"], [row])
        told = (row[2], row[26], row[23], town.gone, METER)
        db.execute(session, f"UPDATE book SET seq = ?, head = ?, recorded_at_us = ? WHERE {OF_BOOK}", told)
        finding = town.finding(session)
    assert (finding.creator_id, finding.seq) == (town.gone, end.seq + 1)
    assert "comes after" in finding.what


def test_a_name_of_the_erased_is_found(town: Town) -> None:
    """A profile or an account of somebody who was erased is a thing wrong, though no book holds it."""
    with tampering(town) as session:
        db.insert(session, TABLES["account"], [("youtube", "back again", town.gone, None)])
        finding = town.finding(session)
    assert (finding.creator_id, "account" in finding.what) == (town.gone, True)


# Append only


@pytest.mark.parametrize("table", GUARDED)
@pytest.mark.parametrize("change", ["UPDATE {table} SET {column} = {column}", "DELETE FROM {table}"])
def test_what_happened_is_never_changed_or_removed(town: Town, table: str, change: str) -> None:
    """The database refuses to change or delete events, entries and policies."""
    column = next(iter(TABLES[table].columns)).name
    with (
        town.counter.database.transaction() as session,
        pytest.raises((sqlite3.IntegrityError, psycopg.errors.RaiseException), match=f"{table} is append-only"),
    ):
        db.execute(session, change.format(table=table, column=column))


# Events that say they are another book's


@dataclass(frozen=True)
class Forged:
    """A line that somebody adds to a book, by an event that says what it likes of itself."""

    meter: str
    kind: str
    factors: dict[str, int]
    event_meter: str
    event_kind: str
    facts: str
    source: str = "acme"
    elsewhere: tuple[str, ...] = ()  # the books that it says it made an entry in first


OTHER = "network:tiktok"
TOLD = '{"pitch":"np","positive":9,"negative":1}'
GIFT = {"base": 1_000_000_000, "share": 1_000_000, "allowed": 1_000_000, "late_days": 0}
RAPPORT = {"what": 2, "base": 1_000_000_000, "allowed": 1_000_000, "bedrock_share": 100_000, "late_days": 0}
TAKEN = {"held": 0, "share": 0, "mending": 0, "late_days": 0}
ABOUT_NIKE = '{"brand":"nike","disclosure":"clear","fit":"0.5"}'


def add(session: Session, town: Town, forged: Forged) -> tuple[str, str, int]:
    """Append a forged line to one of u1's books, by the code that posts, as if nothing were wrong; returns where."""
    book = books.lock(session, [(town.u1, forged.meter)])[town.u1, forged.meter]
    book.settle(DAY + 95, schedule=town.schedule, recorded_at_us=noon(95))
    policy = town.schedule.at(book.state.day, book.policy_version)
    (planned,) = book.plan([Line(forged.kind, forged.factors)], policy=policy)
    at_us = max(noon(95), book.recorded_at_us + 1)
    made = [forged.meter, planned.seq, forged.kind, -planned.pools.world, planned.after.standing]
    made.append(planned.pools.fresh + planned.pools.bedrock)
    entries = [*([meter, 1, forged.kind, 0, 0, 0] for meter in forged.elsewhere), made]
    said = (forged.event_meter, forged.event_kind, forged.facts, noon(95), at_us)
    row = (town.u1, events.new_id(), forged.source, "forged", *said, orjson.dumps({"entries": entries}).decode())
    salted = (*row, b"x" * 32, events.new_salt())
    event = EventRow._make((*salted, chain.event_hash(salted)))
    book.write([planned], policy_version=policy.version, event_id=row[1], event_hash=event.hash, recorded_at_us=at_us)
    book.credits_total += max(planned.move.credits, 0)
    db.insert(session, TABLES["event"], [event])
    books.write_back(session, [book])
    return town.u1, forged.meter, planned.seq


@pytest.mark.parametrize(
    ("forged", "why"),
    [
        pytest.param(
            Forged(METER, "transparency", GIFT, BRAND, "exchange", '{"about":"help"}'),
            "names no entry there first",
            id="a network's book by a brand's event",
        ),
        pytest.param(
            Forged(METER, "transparency", GIFT, BRAND, "exchange", '{"about":"help"}', elsewhere=(BRAND,)),
            "touches no book network:youtube",
            id="a network's book by a brand's event that names both",
        ),
        pytest.param(
            Forged(METER, "transparency", GIFT, BRAND, "reversal", '{"event":"n-x1"}', elsewhere=(BRAND,)),
            "touches no book network:youtube",
            id="a network's book by an undoing in a brand's",
        ),
        pytest.param(
            Forged(
                METER,
                "transparency",
                GIFT,
                OTHER,
                "reversal",
                '{"event":"t"}',
                elsewhere=(OTHER,),
            ),
            "touches no book network:youtube",
            id="a network's book by another network's undoing",
        ),
        pytest.param(
            Forged(METER, "transparency", GIFT, "network:none", "transparency", "{}", elsewhere=("network:none",)),
            "touches no book network:youtube",
            id="a network's book by an event of a book that is not there",
        ),
        pytest.param(
            Forged(BRAND, "rapport", RAPPORT, METER, "outcome", TOLD),
            "names no entry there first",
            id="a brand's book by a network's event that knows of it alone",
        ),
        pytest.param(
            Forged(BRAND, "rapport", RAPPORT, METER, "outcome", TOLD, elsewhere=(METER,)),
            "which knows nothing of it",
            id="a brand's book by a network's event without entries there",
        ),
        pytest.param(
            Forged(BRAND, "rapport", RAPPORT, METER, "pitch", ABOUT_NIKE, elsewhere=(METER,)),
            "which knows nothing of it",
            id="a brand's book by a pitch that nobody made",
        ),
        pytest.param(
            Forged(BRAND, "rapport", RAPPORT, "network:none", "pitch", ABOUT_NIKE, elsewhere=("network:none",)),
            "belongs to network:none, which knows nothing of it",
            id="a brand's book by an event of a book that is not there",
        ),
        pytest.param(
            Forged(BRAND, "rapport", RAPPORT, METER, "transparency", "{}", elsewhere=(METER,)),
            "touches no book brand:nike",
            id="a brand's book by an event that touches no other",
        ),
        pytest.param(
            Forged(BRAND, "rapport", RAPPORT, "brand:zara", "reversal", '{"event":"z1"}', elsewhere=("brand:zara",)),
            "touches no book brand:nike",
            id="a brand's book by another brand's event",
        ),
        pytest.param(
            Forged(BRAND, "pitch", TAKEN, BRAND, "pitch", ABOUT_NIKE),
            "never posted to brand:nike",
            id="a kind that is never posted to a brand's book",
        ),
        pytest.param(
            Forged(BRAND, "reversal", dict.fromkeys(MOVED, 0), BRAND, "reversal", '{"event":"np"}'),
            "no posted event 'np' in this book",
            id="an undoing of the brand's half alone",
        ),
        pytest.param(
            Forged(METER, "transparency", GIFT, METER, "release", '{"day":1}'),
            "only the ledger itself posts",
            id="a kind that only the ledger posts",
        ),
    ],
)
def test_no_line_hides_behind_an_event_of_another_book(town: Town, forged: Forged, why: str) -> None:
    """A line of any amount, appended by an event that says it is another book's, is found where it was added."""
    with tampering(town) as session:
        where = add(session, town, forged)
        finding = town.finding(session)
    assert (*where, True) == (finding.creator_id, finding.meter, finding.seq, why in finding.what), finding


@pytest.mark.parametrize("size", [2, 5_000])
def test_what_no_book_came_for_is_found_wherever_the_books_are_parted(
    town: Town, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A brand's line that its event's book knows nothing of is found though that book was read pieces later."""
    for name in ("BOOKS", "SPAN", "PAGE"):
        monkeypatch.setattr(audit, name, size)
    with tampering(town) as session:
        where = add(session, town, Forged(BRAND, "rapport", RAPPORT, METER, "pitch", ABOUT_NIKE, elsewhere=(METER,)))
        assert town.found(session) == where


@pytest.mark.parametrize("kind", ["pitch", "outcome", "pitch_held", "cleared", "reversal"])
def test_no_event_of_two_books_can_be_deleted(town: Town, kind: str) -> None:
    """An event that made entries in two books, gone, is named at the first of them."""
    with tampering(town) as session:
        rows = [row for row in entries_of(session, town, BRAND) if row.kind == kind and not is_own(session, row)]
        remove(session, "event", OF_EVENT, town.u1, rows[-1].event_id)
        finding = town.finding(session)
        first = next(row.seq for row in entries_of(session, town, BRAND) if row.event_id == rows[-1].event_id)
    assert (finding.meter, finding.seq, "is missing" in finding.what) == (BRAND, first, True)


def test_what_an_event_took_from_both_books_is_priced_anew(town: Town) -> None:
    """A share made smaller in the network's line and the brand's alike is found where the network priced it."""
    with tampering(town) as session:
        ours, theirs = pitched(session, town)
        halves = {METER: ("base", ours), BRAND: ("share", theirs)}
        for name, row in halves.values():
            change = {name: orjson.loads(row.factors)[name] // 2}
            forge(session, town, row, lambda row, change=change: refactored(town, session, row, **change))  # type: ignore[misc]
            fitting(session, town, row)
        finding = town.finding(session)
    assert (finding.meter, finding.seq) == (METER, ours.seq), finding
    assert "must be" in finding.what or "did something else" in finding.what


def pitched(session: Session, town: Town) -> tuple[EntryRow, EntryRow]:
    """A pitch that is the last thing in both books: the network's line and the brand's."""
    told = tell("pitch", ref="both", at_us=noon(95), brand="nike", disclosure="clear")
    posting.post(session, events=[told], clock=lambda: noon(95), schedule=town.schedule)
    theirs = entries_of(session, town, BRAND)[-1]
    return the_other_side(session, town, theirs), theirs


def fitting(session: Session, town: Town, was: EntryRow) -> None:
    """Make a book say that it holds what its last entry, which was another, leaves."""
    last = entries_of(session, town, was.meter)[-1]
    held = (last.fresh_after, last.bedrock_after, last.mending_pitch_after, last.drains_after)
    change = "UPDATE book SET fresh = ?, bedrock = ?, mending_pitch = ?, drains = ?, drains_total = drains_total + ?"
    less = last.drains_after - was.drains_after
    db.execute(session, f"{change} WHERE {OF_BOOK}", (*held, less, town.u1, was.meter))


def test_a_pitch_is_for_one_brand(town: Town) -> None:
    """A pitch that says it is for another brand than the one whose book it touched is found where it was priced."""
    with tampering(town) as session:
        ours, _ = pitched(session, town)
        forge(session, town, ours, facts=('"nike"', '"zara"'))
        finding = town.finding(session)
    assert (finding.meter, finding.seq) == (METER, ours.seq)
    assert "touched brand:nike, but must have touched brand:zara" in finding.what


def test_what_touched_a_brand_is_undone_there_too(town: Town) -> None:
    """A pitch undone in the network's book alone is found, though nothing is left to tell of the brand's half."""
    mine = "creator_id = ? AND meter = ?"
    with tampering(town) as session:
        before = {name: db.fetch(session, f"SELECT * FROM {name} WHERE {mine}", (town.u1, BRAND)) for name in REFRESHED}
        undoing = tell("reversal", ref="half", at_us=noon(95), event="np")
        posting.post(session, events=[undoing], clock=lambda: noon(95), schedule=town.schedule)
        entry = entries_of(session, town)[-1]
        only_there(session, entry)
        db.execute(session, f"DELETE FROM entry WHERE {mine} AND seq > ?", (town.u1, BRAND, before["book"][0][3]))
        for name, rows in before.items():
            db.execute(session, f"DELETE FROM {name} WHERE {mine}", (town.u1, BRAND))
            db.insert(session, TABLES[name], rows)
        relink(session, town, METER)
        finding = town.finding(session)
        first = next(row.seq for row in entries_of(session, town) if row.event_id == entry.event_id)
    assert (finding.meter, finding.seq) == (METER, first)
    assert "touched no other book, but must have touched brand:nike" in finding.what


def only_there(session: Session, entry: EntryRow) -> None:
    """Make an event say that it made entries in this entry's book alone."""
    event = event_of(session, entry)
    kept = [line for line in orjson.loads(event.outcome)["entries"] if line[0] == entry.meter]
    event = event._replace(outcome=orjson.dumps({"entries": kept}).decode())
    event = event._replace(hash=chain.event_hash(event))
    change = f"UPDATE event SET outcome = ?, hash = ? WHERE {OF_EVENT}"
    db.execute(session, change, (event.outcome, event.hash, *event[:2]))
    db.execute(session, f"UPDATE entry SET event_hash = ? WHERE {OF_EVENT}", (event.hash, *event[:2]))


# Forgery


def forge(
    session: Session,
    town: Town,
    entry: EntryRow,
    change: Callable[[EntryRow], EntryRow] = lambda row: row,
    *,
    standing: int = 0,
    facts: tuple[str, str] = ("", ""),
) -> None:
    """Change an entry, and make its event, the hashes of everything after it and the book fit."""
    forged = change(entry)
    put(session, forged)
    if forged.event_id is not None and (forged.creator_id != town.gone or forged.kind == "erasure"):
        forge_event(session, forged, standing, facts)
    for (meter,) in db.fetch(session, "SELECT meter FROM book WHERE creator_id = ?", (entry.creator_id,)):
        relink(session, town, meter, creator_id=entry.creator_id)


def relink(session: Session, town: Town, meter: str, *, creator_id: str = "") -> None:
    """Make the hashes of one of u1's books, or another's, fit its entries."""
    head = b""
    for row in entries_of(session, town, meter, creator_id=creator_id):
        linked = row._replace(prev_hash=head or chain.GENESIS)
        head = chain.entry_hash(linked)
        put(session, linked._replace(hash=head))
    db.execute(session, f"UPDATE book SET head = ? WHERE {OF_BOOK}", (head, creator_id or town.u1, meter))


def forge_event(session: Session, entry: EntryRow, standing: int, facts: tuple[str, str]) -> None:
    """Make an entry's event say what the entry says now, with so much more standing and other facts."""
    event = event_of(session, entry)
    outcome = orjson.loads(event.outcome)
    for line in outcome["entries"]:
        if line[:2] == [entry.meter, entry.seq]:
            left = entry.fresh_after + entry.bedrock_after + standing
            line[2:] = [entry.kind, -entry.world, left, entry.fresh + entry.bedrock]
    event = event._replace(outcome=orjson.dumps(outcome).decode(), facts=event.facts.replace(*facts))
    event = event._replace(hash=chain.event_hash(event))
    forged = (event.outcome, event.facts, event.hash, *event[:2])
    db.execute(session, f"UPDATE event SET outcome = ?, facts = ?, hash = ? WHERE {OF_EVENT}", forged)
    db.execute(session, f"UPDATE entry SET event_hash = ? WHERE {OF_EVENT}", (event.hash, *event[:2]))


def put(session: Session, row: EntryRow) -> None:
    """Write an entry over what it was."""
    names = EntryRow._fields[3:]
    sets = ", ".join(f"{name} = ?" for name in names)
    db.execute(session, f"UPDATE entry SET {sets} WHERE {OF_ENTRY}", (*row[3:], *row[:3]))


def raised(row: EntryRow, name: str) -> dict[str, int]:
    """One factor of an entry, raised."""
    return {name: orjson.loads(row.factors)[name] + (1 if name in ("late_days", "from_day", "to_day") else 100_000)}


def refactored(town: Town, session: Session, row: EntryRow, **changes: int) -> EntryRow:
    """An entry with other factors, and the amounts and balances that these give."""
    factors = orjson.loads(row.factors) | changes
    row = row._replace(factors=orjson.dumps(factors, option=orjson.OPT_SORT_KEYS).decode())
    if row.kind == "settlement":
        return row
    found = entries_of(session, town, row.meter, creator_id=row.creator_id)
    earlier = [each for each in found if each.seq < row.seq]
    state = State(*earlier[-1][14:23])._replace(day=row.settled_through) if earlier else State(day=row.settled_through)
    move = kinds.amounts(row.kind, factors, town.schedule.named(row.policy_version).rates)
    pools = economy.land(state, move)
    after = economy.advance(state, pools, move)
    return EntryRow._make((*row[:9], *pools, pools.world, *after, *row[23:]))
