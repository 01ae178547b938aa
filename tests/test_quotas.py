"""Quotas: slices of a window's quota, never more in sum than the quota, whoever takes them."""

import multiprocessing
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from ledger import db, quotas
from ledger.db import Database
from ledger.quotas import Quotas

NOW_US = 1_795_448_000_000_000  # 20 seconds into a minute
MINUTE_US = 60_000_000


def granted(held: Quotas, times: int, *, limit: int, now_us: int = NOW_US) -> int:
    """How many of so many calls are granted."""
    return sum(held.spend("reads:k", limit=limit, now_us=now_us).granted for _ in range(times))


@pytest.mark.parametrize("limit", [1, 7, 50, 999])
def test_alone_one_may_spend_all_of_it_and_no_more(database: Database, limit: int) -> None:
    """A single process gets exactly the limit, also where slices do not divide it."""
    assert granted(Quotas(database), limit + 30, limit=limit) == limit


def test_the_next_window_gives_anew(database: Database) -> None:
    """What was spent counts until the minute is over; the answer says how long that is."""
    held = Quotas(database)
    assert granted(held, 10, limit=5) == 5
    refused = held.spend("reads:k", limit=5, now_us=NOW_US)
    assert (refused.granted, refused.left, refused.seconds) == (False, 0, 40)
    assert granted(held, 10, limit=5, now_us=NOW_US + MINUTE_US) == 5


def test_buckets_do_not_touch_one_another(database: Database) -> None:
    """One key's calls cost another key nothing."""
    held = Quotas(database)
    assert granted(held, 10, limit=5) == 5
    assert held.spend("reads:another", limit=5, now_us=NOW_US).granted


def test_what_is_left_only_falls(database: Database) -> None:
    """The answer never promises more than there is: what is left falls by one with every call."""
    held = Quotas(database)
    left = [held.spend("reads:k", limit=120, now_us=NOW_US).left for _ in range(120)]
    assert left == list(range(119, -1, -1))


def test_two_processes_share(database: Database) -> None:
    """What one took, another cannot: in sum it is the limit, and the second hears so in what is left."""
    one, other = Quotas(database), Quotas(database)
    assert granted(one, 60, limit=100) == 60
    assert granted(other, 100, limit=100) == 40
    assert granted(one, 10, limit=100) == 0


def _spend_in_threads(url: str, limit: int, results: "multiprocessing.Queue[int]") -> None:
    database = Database(url)
    held = Quotas(database)
    with ThreadPoolExecutor(4) as pool:
        results.put(sum(pool.map(lambda _: granted(held, 50, limit=limit), range(4))))
    database.dispose()


def test_never_more_in_sum_over_processes_and_threads(database: Database, database_url: str) -> None:
    """Four processes with four threads each ask at once for eight times the limit: they get the limit, in sum."""
    context = multiprocessing.get_context("spawn")
    results: multiprocessing.Queue[int] = context.Queue()
    started = [context.Process(target=_spend_in_threads, args=(database_url, 100, results)) for _ in range(4)]
    for process in started:
        process.start()
    counts = [results.get(timeout=60) for _ in started]
    for process in started:
        process.join(30)
    assert 0 < sum(counts) <= 100
    counted = quotas.beside(database)
    assert counted.read(lambda reader: db.fetch(reader, "SELECT taken FROM quota")) == [(100,)]
    counted.dispose()


def _granted_at_once(url: str, barrier: threading.Barrier) -> int:
    database = Database(url)
    barrier.wait(30)
    try:
        return granted(Quotas(database), 10, limit=100)
    finally:
        database.dispose()


def test_those_who_are_first_at_once_all_find_where_to_count(database: Database, database_url: str) -> None:
    """Eight that start together with nothing counted yet, so that on SQLite each may be the one to make the file."""
    barrier = threading.Barrier(8)
    with ThreadPoolExecutor(8) as pool:
        counts = list(pool.map(lambda _: _granted_at_once(database_url, barrier), range(8)))
    assert counts == [10] * 8


def test_windows_that_are_over_are_forgotten(database: Database) -> None:
    """Old windows go, the present one stays: swept by the job, or on SQLite by whoever opens a window."""
    held = Quotas(database)
    for minutes in (0, 1, 20):
        granted(held, 1, limit=5, now_us=NOW_US + minutes * MINUTE_US)
    if not database.is_sqlite:
        forget: Callable[..., int] = quotas.forget
        assert database.write(lambda session: forget(session, now_us=NOW_US + 20 * MINUTE_US)) == 2
    counted = quotas.beside(database)
    assert len(counted.read(lambda reader: db.fetch(reader, "SELECT bucket FROM quota"))) == 1


def test_a_clock_that_was_ahead_starves_nobody(database: Database) -> None:
    """What was counted in an hour to come is not what counts once the clock is right again."""
    held = Quotas(database)
    assert granted(held, 10, limit=5, now_us=NOW_US + 60 * MINUTE_US) == 5
    assert granted(held, 10, limit=5) == 5


def test_no_call_waits_for_who_writes_the_books(database: Database) -> None:
    """Somebody holds the books' write lock: a call is counted and granted all the same."""
    with database.transaction() as session:
        db.execute(session, "UPDATE book SET version = version")
        assert Quotas(database).spend("reads:k", limit=5, now_us=NOW_US).granted
