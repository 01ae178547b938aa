"""The database as the ledger uses it: what is run again, what is not, and what is never told."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import stamina

from ledger import db, policy, posting, rules
from ledger.db import Database
from ledger.economy import DAY_US
from ledger.errors import InvalidPolicy, Unavailable
from tests.desk import DAY, RULES, Counter, noon, tell, variant

NOTE = "INSERT INTO handle (handle, creator_id) VALUES (?, '00000000-0000-0000-0000-000000000001')"
NOTES = "SELECT handle FROM handle ORDER BY handle"


@pytest.fixture
def counter(database: Database) -> Counter:
    """A counter at which one creator's book is open."""
    return Counter(database)


def test_work_that_took_too_long_is_not_done(counter: Counter) -> None:
    """Readers were told that the moment is final: a batch that held the lock for a minute posts nothing."""
    times = iter([noon(0), noon(0) + 51_000_000])
    told = tell("post", ref="slow", at_us=noon(0))
    with pytest.raises(Unavailable, match="too long"):
        counter.database.write(
            lambda session: posting.post(session, events=[told], clock=lambda: next(times), schedule=RULES)
        )
    assert counter.rows("SELECT count(*) FROM event") == [(0,)]


def test_a_policy_never_reaches_into_the_past(counter: Counter) -> None:
    """A second policy is announced a week ahead, so that no answer that readers were given can change."""
    later = variant(("decay.fresh_half_life", "30"), name="later")
    with pytest.raises(InvalidPolicy, match="at least 7 days before"):
        counter.database.write(lambda session: rules.install(session, later, effective_day=DAY + 6, now_us=noon(0)))
    assert counter.database.write(lambda session: rules.install(session, later, effective_day=DAY + 7, now_us=noon(0)))


def test_a_policy_that_cannot_price_everything_is_not_installed(counter: Counter) -> None:
    """A parameter that a kind needs is missed before the first event of that kind is."""
    text = "\n".join(line for line in policy.builtin().text.splitlines() if not line.startswith("least ="))
    with pytest.raises(InvalidPolicy, match=r"pitch\.least is missing"):
        counter.database.write(
            lambda session: rules.install(session, policy.parse(text), effective_day=DAY + 30, now_us=noon(0))
        )


def test_a_retry_tells_nothing() -> None:
    """What a database says of a collision holds names: nothing logs it."""
    assert stamina.instrumentation.get_on_retry_hooks() == ()


def test_the_first_read_after_a_failover_is_answered(postgresql_url: str) -> None:
    """Every connection was cut; the next read opens a new one, whatever the pool still holds."""
    database = Database(postgresql_url)
    with database.reading() as one, database.reading() as other:
        assert db.fetch(one, "SELECT 1") == db.fetch(other, "SELECT 1")
    assert database.read(lambda reader: reader.fetch("SELECT 1")) == [(1,)]
    cut = Database(postgresql_url)
    with cut.reading() as session:
        db.fetch(
            session,
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
    assert database.read(lambda reader: reader.fetch("SELECT 1")) == [(1,)]
    database.dispose()
    cut.dispose()


def test_the_last_moment_of_a_day_holds_any_number_of_events(counter: Counter) -> None:
    """A backfill stamped with the end of a day posts all of it on that day."""
    end = (DAY + 1) * DAY_US - 1
    told = [tell("post", ref=f"p{number}", at_us=end) for number in range(5)]
    receipts = counter.post(*told, now_us=noon(9), backfill=True)
    assert [receipt.status for receipt in receipts] == ["posted"] * 5
    receipts = counter.post(tell("post", ref="again", at_us=end), now_us=noon(9), backfill=True)
    assert receipts[0].status == "posted"
    assert counter.book().state.day == DAY


def test_a_prepared_read_outlives_a_migration(postgresql_url: str) -> None:
    """A table that gained a column under a running server is read anew, not refused."""
    database = Database(postgresql_url)
    ask = "SELECT * FROM handle"
    assert database.read(lambda reader: reader.fetch(ask)) == []
    with database.transaction() as session:
        db.execute(session, "ALTER TABLE handle ADD COLUMN note text")
    assert database.read(lambda reader: reader.fetch(ask)) == []
    database.dispose()


def test_what_is_done_together_is_seen_at_once_and_undone_together(database: Database) -> None:
    """Inside a unit every write and read is part of it: a failure at its end undoes them all."""

    def work(session: db.Session) -> None:
        database.write(lambda inner: db.execute(inner, NOTE, ("a",)))
        assert database.read(lambda reader: db.fetch(reader, NOTES)) == [("a",)]
        with database.snapshot() as seen, database.reading() as read:
            assert db.fetch(seen, NOTES) == db.fetch(read, NOTES) == db.fetch(session, NOTES) == [("a",)]
        raise InvalidPolicy("nothing of it")

    with pytest.raises(InvalidPolicy):
        database.together(work)
    assert database.read(lambda reader: db.fetch(reader, NOTES)) == []


def test_a_write_within_a_unit_is_all_or_nothing(database: Database) -> None:
    """What a refused write had written is undone, and the rest of the unit stands."""

    def refused(session: db.Session) -> None:
        db.execute(session, NOTE, ("refused",))
        raise InvalidPolicy("not this")

    def work(session: db.Session) -> None:
        db.execute(session, NOTE, ("kept",))
        with pytest.raises(InvalidPolicy):
            database.write(refused)

    database.together(work)
    assert database.read(lambda reader: db.fetch(reader, NOTES)) == [("kept",)]


def test_a_unit_is_run_again_whole(database: Database) -> None:
    """What is transient in one of its writes runs the unit again, not that write alone."""
    runs = []

    def work(session: db.Session) -> None:
        runs.append("unit")
        db.execute(session, NOTE, ("once",))
        if len(runs) == 1:
            database.write(lambda inner: db.execute(inner, NOTE, ("once",)))  # a unique violation

    database.together(work)
    assert (runs, database.read(lambda reader: db.fetch(reader, NOTES))) == (["unit", "unit"], [("once",)])


def test_other_threads_are_not_part_of_a_unit(postgresql_url: str) -> None:
    """While one thread's unit is open, another reads what is committed."""
    database = Database(postgresql_url)

    def work(session: db.Session) -> list[db.Row]:
        db.execute(session, NOTE, ("mine",))
        with ThreadPoolExecutor(1) as other:
            return other.submit(database.read, lambda reader: db.fetch(reader, NOTES)).result(timeout=30)

    assert database.together(work) == []
    database.dispose()
