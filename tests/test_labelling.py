"""The nightly labels: written down where they changed, once a book and day, and remembered. On both engines."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from ledger import audit, labelling, queries
from ledger.db import Database
from ledger.economy import DAY_US, PPM
from ledger.events import CreatorRef
from ledger.labels import NAMES
from ledger.queries import Balance
from tests.desk import DAY, METER, RULES, Counter, noon, tell

NIGHT_US = 10 * 60 * 1_000_000
BOOKS = 7


def night(counter: Counter, day: int, **options: object) -> int:
    """The job of a day, ten minutes past midnight; how many labels changed."""
    now_us = (DAY + day) * DAY_US + NIGHT_US
    told = {"day": DAY + day, "clock": lambda: now_us, "schedule": RULES} | options
    return labelling.relabel(counter.database, **told)  # type: ignore[arg-type]


def read(counter: Counter, now_us: int, *, later: int | None = None) -> Balance:
    """The book of u1 at a moment, as a reader heard it then, or as it is told `later`."""
    ref = CreatorRef(network="youtube", external_id="u1")
    with counter.database.reading() as session:
        as_of = None if later is None else now_us
        told = {"creator": ref, "now_us": now_us if later is None else later, "schedule": RULES, "as_of_us": as_of}
        (only,) = queries.balances(session, **told).books  # type: ignore[arg-type]
    return only


def label_of(counter: Counter, day: int) -> str:
    """What a reader is told at noon of a day."""
    label = read(counter, noon(day)).label
    assert label is not None
    return label.name


def lines(counter: Counter, name: str = "u1") -> list[tuple[str, str]]:
    """The changes of label that a book's statement tells: from which to which."""
    with counter.database.reading() as session:
        told = queries.statement(
            session, creator_id=counter.ids[name], meter=METER, kind="label", limit=50, schedule=RULES
        )
    return [(NAMES[line.factors["was"]], NAMES[line.factors["now"]]) for line in reversed(told)]


def acts(counter: Counter, day: int, *, names: Sequence[str] = ("u1",), fans: int = 4, act: str = "reply") -> None:
    """Acts of people not met before, on a day."""
    told = [
        tell(
            "engagement", ref=f"e{day}-{n}", at_us=noon(day), creator=f"youtube:{name}", act=act, engager=f"f{day}-{n}"
        )
        for name in names
        for n in range(fans)
    ]
    counter.post(*told, now_us=noon(day))


def posts(counter: Counter, day: int, *, ordinary: int, paid: int) -> None:
    """Posts of a day."""
    for n in range(ordinary):
        counter.one("post", ref=f"post{day}-{n}", day=day)
    for n in range(paid):
        counter.one("pitch", ref=f"pitch{day}-{n}", day=day, brand=f"brand{n}", disclosure="vague", fit="0.1")


@pytest.fixture
def counter(database: Database) -> Counter:
    """A counter with one creator."""
    return Counter(database)


def sold_out(counter: Counter) -> Iterator[int]:
    """A creator who sells out on day 3 and posts ordinarily from day 20 on. Yields each day, after its night."""
    for day in range(41):
        night(counter, day)
        if day < 3:
            acts(counter, day, fans=1, act="like")
        if day > 3:
            acts(counter, day)
        if day == 3:
            posts(counter, day, ordinary=6, paid=4)
        if day == 20:
            posts(counter, day, ordinary=40, paid=0)
        yield day


def test_a_label_is_written_down_the_night_after_it_changed(counter: Counter) -> None:
    """The statement tells each change once, with why; nothing is written on nights without."""
    assert [night(counter, day) for day in range(2)] == [0, 0]
    for day in range(2, 5):
        acts(counter, day)
    assert [night(counter, day) for day in range(5, 9)] == [1, 0, 0, 0]
    assert lines(counter) == [("new", "building")]
    with counter.database.snapshot() as session:
        assert audit.verify(session, schedule=RULES).ok


def test_a_sellout_stays_one_until_two_weeks_under_20_percent(counter: Counter) -> None:
    """In credit again and under 30 %, it is a sellout still: the night remembers; 14 days after it is left."""
    told = {day: label_of(counter, day) for day in sold_out(counter)}
    assert [told[day] for day in (2, 3, 4)] == ["new", "sellout", "sellout"]
    assert counter.state(5).credits > counter.state(5).drains
    assert {told[day] for day in range(3, 33)} == {"sellout"}
    assert {told[day] for day in range(33, 41)} == {"trusted"}
    assert lines(counter) == [("new", "sellout"), ("sellout", "trusted")]


def test_what_a_reader_was_told_of_a_label_is_told_ever_after(counter: Counter) -> None:
    """The label as of a moment follows from what was written down by then, whatever nights came later."""
    moments = [(day, noon(day) + DAY_US // 4) for day in range(41)]
    told = {}
    for day in sold_out(counter):
        told[day] = read(counter, moments[day][1])
    night(counter, 60)
    later = {day: read(counter, at_us, later=noon(61)) for day, at_us in moments}
    assert {day: (one.label, one.state) for day, one in later.items()} == {
        day: (one.label, one.state) for day, one in told.items()
    }


def test_a_reader_is_told_a_new_label_before_it_is_written_down(counter: Counter) -> None:
    """What changed today is told today: the night only writes it down, and changes no answer."""
    acts(counter, 0, fans=12)
    before = read(counter, noon(1)).label
    night(counter, 1)
    assert before == read(counter, noon(1)).label
    assert before is not None
    assert before.name == "building"


def test_schedulers_at_once_write_each_label_once(database: Database, database_url: str) -> None:
    """Three schedulers, two books a chunk: every book has one line, and the chunks hold every book once."""
    counter = Counter(database, names=[f"u{n}" for n in range(BOOKS)])
    acts(counter, 0, names=[*counter.ids], fans=12)
    others = [Database(database_url) for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        runs = [pool.submit(night, on(counter, each), 1, limit=2) for each in others]
    changed = sum(run.result() for run in runs)
    for each in others:
        each.dispose()

    assert changed == BOOKS
    assert {name: lines(counter, name) for name in counter.ids} == {name: [("new", "building")] for name in counter.ids}
    chunks = counter.rows("SELECT chunk, rows, done FROM job_run WHERE job = 'label' ORDER BY chunk")
    assert [chunk for chunk, _, _ in chunks] == list(range(1, len(chunks) + 1))
    assert (sum(rows for _, rows, _ in chunks), bool(chunks[-1][2])) == (BOOKS, True)


def on(counter: Counter, database: Database) -> Counter:
    """The same counter over connections of its own."""
    other = object.__new__(Counter)
    other.database, other.schedule, other.ids = database, counter.schedule, counter.ids
    return other


def test_a_job_that_ended_in_the_middle_is_taken_up_there(database: Database) -> None:
    """Ended after its first chunk, the next run does the rest; a third does nothing."""

    class Ended(Exception):
        """The process is gone."""

    def end(_: int) -> None:
        raise Ended

    counter = Counter(database, names=[f"u{n}" for n in range(BOOKS)])
    acts(counter, 0, names=[*counter.ids], fans=12)
    with pytest.raises(Ended):
        night(counter, 1, limit=3, progress=end)
    assert sum(bool(lines(counter, name)) for name in counter.ids) == 3
    assert [night(counter, 1, limit=3), night(counter, 1, limit=3)] == [BOOKS - 3, 0]
    assert {name: len(lines(counter, name)) for name in counter.ids} == dict.fromkeys(counter.ids, 1)


def test_open_books_are_left_alone(counter: Counter) -> None:
    """A book that is still being filled in is not labelled, and stays open."""
    told = [tell("engagement", ref=f"e{n}", at_us=noon(0) + n, act="reply", engager=f"f{n}") for n in range(12)]
    counter.post(*told, now_us=noon(3), backfill=True)
    assert counter.book().state.known > 10 * PPM
    assert night(counter, 4) == 0
    assert not counter.book().live
