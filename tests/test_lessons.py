"""Lessons: what outcomes taught is worked out each night, kept whole, and read back by estimates."""

from collections.abc import Sequence

import pytest

from jobs.tasks import TASKS, Desk
from ledger import calibration, claims, db, lessons, tables
from ledger.calibration import Measured
from ledger.db import Database
from ledger.economy import PPM
from ledger.scatter import UNTAUGHT, logarithm
from ledger.settings import Settings
from ledger.settlement import slot_of
from tests.desk import CREATOR, DAY, FOUNDING, METER, Counter, noon

OTHER = "0192f0c1-0000-7000-8000-000000000002"


def write(database: Database, ratios: Sequence[int], *, creator: str = CREATOR, meter: str = METER) -> None:
    """Outcomes of a book, one a day from the first."""
    rows = [(creator, meter, 10 + n, n, DAY + n, "nike", ratio) for n, ratio in enumerate(ratios)]
    database.write(lambda session: db.insert(session, tables.METADATA.tables["outcome"], rows))


def night(database: Database, day: int) -> None:
    """What the job does on a day."""
    with database.snapshot() as session:
        found = lessons.measure(session, day=day, policy=FOUNDING)
    database.write(lambda session: lessons.keep(session, found=found, day=day, policy=FOUNDING))


def test_the_first_night_finds_nothing(database: Database) -> None:
    """Before it there is no report and what is assumed stands; after it a report over nothing."""
    assert (database.read(lessons.report), database.read(lessons.pooled)) == (None, UNTAUGHT)
    night(database, DAY)
    report = database.read(lessons.report)
    assert report is not None
    assert (report.overall.forecasts, report.day, report.policy_version) == (0, DAY, FOUNDING.version)


def test_what_is_kept_is_what_was_found(database: Database) -> None:
    """The walk over what is stored comes to the walk over the same outcomes, to the last millionth."""
    ratios = {CREATOR: [PPM, 2 * PPM, PPM // 3, 5 * PPM], OTHER: [PPM // 2, PPM * 3]}
    for creator, told in ratios.items():
        write(database, told, creator=creator)
    night(database, DAY + 10)
    items = [
        Measured((creator, METER), DAY + n, logarithm(ratio))
        for creator, told in ratios.items()
        for n, ratio in enumerate(told)
    ]
    expected = calibration.calibrate(sorted(items, key=lambda item: item.day), policy=FOUNDING)
    report, pooled = database.read(lessons.report), database.read(lessons.pooled)
    assert report is not None
    assert (report.overall, report.cohorts, report.quarters) == (
        expected.overall,
        expected.cohorts,
        expected.quarters,
    )
    assert pooled.outcomes == expected.pooled.outcomes == 4
    assert pooled.squares == pytest.approx(expected.pooled.squares, abs=1e-6)
    for kept, found in zip(pooled.shapes, expected.pooled.shapes, strict=True):
        assert kept == pytest.approx(found, abs=1e-6)


def test_a_brands_meter_teaches_nothing_twice(database: Database) -> None:
    """An outcome is written in both books; the network's alone counts."""
    write(database, [PPM, PPM])
    write(database, [PPM, PPM], meter="brand:nike")
    night(database, DAY + 10)
    report = database.read(lessons.report)
    assert report is not None
    assert report.overall.forecasts == 2


def test_an_outcome_that_was_undone_teaches_nothing(database: Database) -> None:
    """Its row stays with a ratio of 0: the night comes to what it would without it."""
    write(database, [PPM, 3 * PPM])
    night(database, DAY + 10)
    before = database.read(lessons.report), database.read(lessons.pooled)
    write(database, [0, 0, 0], creator=OTHER)
    night(database, DAY + 10)
    assert (database.read(lessons.report), database.read(lessons.pooled)) == before


def test_a_night_looks_at_whole_days_only(database: Database) -> None:
    """What is told today is learnt tomorrow, so that a night that is run late comes to the same."""
    write(database, [PPM, PPM, PPM])
    night(database, DAY + 2)
    report = database.read(lessons.report)
    assert report is not None
    assert report.overall.forecasts == 2


def test_a_later_night_takes_the_place_of_the_one_before(database: Database) -> None:
    """There is one report, the latest."""
    night(database, DAY)
    write(database, [PPM])
    night(database, DAY + 5)
    report = database.read(lessons.report)
    assert report is not None
    assert (report.day, report.overall.forecasts) == (DAY + 5, 1)
    with database.reading() as session:
        assert db.fetch(session, "SELECT COUNT(*) FROM figure") == [(2,)]


def test_the_scheduler_learns_once_a_night(database: Database) -> None:
    """The task writes the figures and marks its slot, so that a second run finds nothing due."""
    Counter(database)
    write(database, [PPM])
    desk = Desk(database, Settings(database_url=str(database.url)), lambda: noon(1))
    task = next(task for task in TASKS if task.name == lessons.JOB)
    for _ in range(2):
        task.run(desk, task.due_day(noon(1)))
    done = database.read(lambda reader: claims.latest(reader, job=lessons.JOB))
    assert done is not None
    assert (done.slot, done.rows) == (slot_of(DAY + 1), 1)
