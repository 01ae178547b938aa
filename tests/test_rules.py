"""The rules as they are stored: one policy a day, and a line on every statement for each that was announced."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from jobs.tasks import TASKS
from jobs.tasks import Desk as JobDesk
from ledger import audit, creators, markers, rules
from ledger.db import Database, Row, Session
from ledger.errors import Conflict, InvalidPolicy
from ledger.policy import Policy
from ledger.settings import Settings
from tests.desk import DAY, Counter, noon, tell, variant

NAMES = tuple(f"u{number}" for number in range(7))
COMING = variant(("pitch.base", "0.06"), name="coming")


@pytest.fixture
def counter(database: Database) -> Counter:
    """Seven creators, six with a live book, one of them with a book still to be filled in beside."""
    counter = Counter(database, names=NAMES)
    accounts = [creators.AccountOf("tiktok", "u1")]
    database.write(
        lambda session: creators.enrol(
            session, display_name="other", accounts=accounts, consent_at_us=1, enrolled_by="acme", now_us=1
        )
    )
    for name in NAMES[:6]:
        counter.post(tell("post", ref="o", at_us=noon(0), creator=f"youtube:{name}"), now_us=noon(0))
    return counter


def announce(counter: Counter, coming: Policy, *, day: int = 20) -> bool:
    """Announce a policy on the first day."""
    return counter.database.write(
        lambda session: rules.install(session, coming, effective_day=DAY + day, now_us=noon(0))
    )


def markers_in(counter: Counter) -> list[Row]:
    """Every marker, by its creator."""
    return counter.rows(
        "SELECT e.creator_id, e.factors FROM entry e WHERE e.kind = 'policy_marker' ORDER BY e.creator_id, e.seq"
    )


def mark(counter: Counter, *, limit: int = markers.CHUNK) -> int:
    """Run the job once."""
    return markers.mark(counter.database, clock=lambda: noon(1), schedule=counter.schedule, limit=limit)


# One policy a day


def test_a_day_is_taken_once(counter: Counter) -> None:
    """The same policy for the same day is there already; for another day, or another policy that day, is refused."""
    assert [announce(counter, COMING) for _ in range(2)] == [True, False]
    with pytest.raises(Conflict, match="already announced for 2026-06-16"):
        announce(counter, COMING, day=21)
    with pytest.raises(Conflict, match="another policy takes effect on 2026-06-16"):
        announce(counter, variant(name="other"))
    assert len(counter.rows("SELECT * FROM policy")) == 2


def test_of_two_announcements_at_one_moment_one_is_refused(postgresql_url: str) -> None:
    """Two policies for one day, each unseen by the other: the one that comes second is refused, not added."""
    database = Database(postgresql_url)
    counter = Counter(database, names=())
    written = Event()

    def second() -> bool:
        written.wait(30)
        return announce(counter, variant(name="second"))

    with ThreadPoolExecutor(1) as pool, database.transaction() as session:
        later = pool.submit(second)
        assert rules.install(session, COMING, effective_day=DAY + 20, now_us=noon(0))
        written.set()
        with pytest.raises(TimeoutError):
            later.result(0.5)  # it waits for the first
        session.commit()
        with pytest.raises(Conflict):
            later.result(30)
    assert [row[0] for row in counter.rows("SELECT name FROM policy ORDER BY effective_day")] == ["founding", "coming"]
    database.dispose()


def test_an_unsound_policy_is_never_in_force(counter: Counter) -> None:
    """What the check refuses by a law, no caller can install."""
    with pytest.raises(InvalidPolicy, match="a graver breach must never cost less"):
        announce(counter, variant(("breach.severity_1", "0.15"), name="unsound"))


# Every statement tells


def test_every_live_book_is_told_once(counter: Counter) -> None:
    """One line of no amount a live book and policy, whatever the chunks; books still to be filled in are left alone."""
    announce(counter, COMING)
    assert [mark(counter, limit=limit) for limit in (2, 2, 100)] == [6, 0, 0]
    told = markers_in(counter)
    assert [row[0] for row in told] == sorted(counter.ids[name] for name in NAMES[:6])
    assert {row[1] for row in told} == {f'{{"effective_day":{DAY + 20}}}'}
    announce(counter, variant(("pitch.base", "0.07"), name="next"), day=40)
    assert mark(counter) == 6
    assert len(markers_in(counter)) == 12
    with counter.database.snapshot() as session:
        assert audit.verify(session, schedule=rules.schedule(session)).ok


def test_a_job_that_was_killed_goes_on_where_it_stopped(counter: Counter) -> None:
    """After a chunk, or within one that was never committed, the rest is told, and nobody twice."""
    announce(counter, COMING)

    class Killed(Exception):
        """Stands for the end of the process."""

    def stop(done: int) -> None:
        raise Killed

    with pytest.raises(Killed):
        markers.mark(counter.database, clock=lambda: noon(1), schedule=counter.schedule, limit=2, progress=stop)
    assert len(markers_in(counter)) == 2
    (due,) = counter.database.read(markers.unmarked)

    def half(session: Session) -> None:
        markers.mark_next(session, announced=due, clock=lambda: noon(1), schedule=counter.schedule, limit=2)
        raise Killed

    with pytest.raises(Killed):
        counter.database.write(half)
    assert len(markers_in(counter)) == 2
    assert mark(counter, limit=2) == 4
    assert len({row[0] for row in markers_in(counter)}) == len(markers_in(counter)) == 6


def test_many_schedulers_tell_each_book_once(counter: Counter) -> None:
    """Three at once, each on all books: no line is doubled."""
    announce(counter, COMING)
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: mark(counter, limit=2), range(3)))
    assert len({row[0] for row in markers_in(counter)}) == len(markers_in(counter)) == 6


@pytest.fixture
def job_desk(counter: Counter) -> JobDesk:
    """What the scheduler's tasks work with."""
    return JobDesk(counter.database, Settings(), lambda: noon(1))


def test_the_scheduler_tells_statements(counter: Counter, job_desk: JobDesk) -> None:
    """The task finds what was announced by itself; with nothing new to tell it writes nothing."""
    (task,) = [task for task in TASKS if task.name == "mark"]
    task.run(job_desk, DAY)
    assert markers_in(counter) == []
    announce(counter, COMING)
    task.run(job_desk, DAY)
    before = counter.rows("SELECT count(*) FROM job_run")
    task.run(job_desk, DAY)
    assert len(markers_in(counter)) == 6
    assert counter.rows("SELECT count(*) FROM job_run") == before


def test_the_schedule_is_in_the_order_of_days(counter: Counter) -> None:
    """Whichever was announced first, policies follow one another by the day they take effect."""
    announce(counter, COMING, day=40)
    announce(counter, variant(("pitch.base", "0.04"), name="sooner"), day=20)
    with counter.database.reading() as session:
        found = rules.schedule(session)
    assert [policy.name for _, policy in found.items] == ["founding", "sooner", "coming"]
    assert found.states(DAY + 30) == ["past", "in_force", "announced"]
    former = found.before(COMING.version)
    assert former is not None
    assert former.name == "sooner"
    assert found.before(found.items[0][1].version) is None
