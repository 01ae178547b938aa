"""Many at once: threads and processes post to the same books, and nothing is lost, doubled or out of order."""

import multiprocessing
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ledger import books, chain, creators, db, lookups, posting
from ledger.creators import AccountOf
from ledger.db import Database
from ledger.events import NewEvent
from tests.desk import RULES, Counter, Desk, noon, tell

NAMES = ("u1", "u2", "u3")
ACTS = ("like", "follow", "share", "reply")
EVENTS = 120
APART = multiprocessing.get_context("forkserver")  # forked from a process that has neither threads nor connections
APART.set_forkserver_preload([__name__])


def events(name: str) -> list[NewEvent]:
    """What happens to one creator on one day: distinct engagers within and beyond the cap, posts, corrections."""
    return [_event(name, number) for number in range(EVENTS // len(NAMES))]


def _event(name: str, number: int) -> NewEvent:
    facts: dict[str, Any] = {"act": ACTS[number % 4], "engager": f"fan {number}"}
    kind = "post" if number % 10 == 0 else "engagement"
    at_us = noon(0) + number
    return tell(kind, ref=f"e{number}", at_us=at_us, creator=f"youtube:{name}", **({} if kind == "post" else facts))


def work(url: str, seed: int) -> list[tuple[str, str, str]]:
    """Post every event of every creator in an order of one's own, some of them twice, singly and in batches."""
    database = Database(url)
    chance = random.Random(seed)
    told = [event for name in NAMES for event in events(name)]
    chance.shuffle(told)
    told += chance.sample(told, 30)
    seen = []
    while told:
        size = chance.choice((1, 1, 1, 5, 20))
        batch, told = told[:size], told[size:]
        seen += _post(database, batch)
    database.dispose()
    return seen


def _post(database: Database, batch: list[NewEvent]) -> list[tuple[str, str, str]]:
    receipts = database.write(
        lambda session: posting.post(session, events=batch, clock=lambda: noon(0) + 10**6, schedule=RULES)
    )
    named = zip(batch, receipts, strict=True)
    return [(str(event.creator.external_id), receipt.external_ref, receipt.status) for event, receipt in named]


def threads(url: str) -> list[list[tuple[str, str, str]]]:
    """Eight threads of this process."""
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(work, [url] * 8, range(8)))


def processes(url: str) -> list[list[tuple[str, str, str]]]:
    """Four processes."""
    with APART.Pool(4) as pool:
        return pool.starmap(work, [(url, seed) for seed in range(4)])


@pytest.mark.parametrize("crowd", [threads, processes])
def test_a_crowd_posts_each_event_once(
    database: Database, database_url: str, crowd: Callable[[str], list[list[tuple[str, str, str]]]]
) -> None:
    """Whoever comes first posts, all others get the same answer; the books are as if one had done it in order."""
    counter = Counter(database, names=NAMES)
    told = [answer for answers in crowd(database_url) for answer in answers]
    posted = [(name, ref) for name, ref, status in told if status == "posted"]
    assert {status for _, _, status in told} == {"posted", "replayed"}
    assert len(posted) == len(set(posted)) == EVENTS
    assert counter.rows("SELECT COUNT(*), COUNT(DISTINCT event_id) FROM event") == [(EVENTS, EVENTS)]
    for name in NAMES:
        check_book(counter, name)


def check_book(counter: Counter, name: str) -> None:
    """A book's balances are those of a sequential replay; its sequence has no gap, its chain no break."""
    rows, book, desk = counter.entries(name), counter.book(name), replay(name)
    assert [row[2] for row in rows] == list(range(1, EVENTS // len(NAMES) + 1))
    assert book.seq == len(rows)
    assert book.state == desk.book.state
    assert (book.credits_total, book.drains_total) == (desk.book.credits_total, desk.book.drains_total)
    assert len({row[5] for row in rows}) == len(rows)
    times = [row[23] for row in rows]
    assert times == sorted(set(times))
    head = chain.GENESIS
    for row in rows:
        assert bytes(row[25]) == head
        head = chain.entry_hash((*row[:6], bytes(row[6]), *row[7:25], bytes(row[25]), b""))
        assert bytes(row[26]) == head
    assert book.head == head


def replay(name: str) -> Desk:
    """The same events, one after another, in memory."""
    desk = Desk()
    for number, event in enumerate(events(name)):
        facts: dict[str, Any] = {"act": ACTS[number % 4], "engager": f"fan {number}"}
        facts = facts if event.kind.name == "engagement" else {}
        desk.tell(event.kind.name, ref=event.external_ref, **facts)
    return desk


def test_batches_over_the_same_books_in_any_order_all_succeed(database: Database) -> None:
    """Large batches that name the same books in opposite orders wait for one another and do not fail."""
    names = [f"u{number}" for number in range(40)]
    counter = Counter(database, names=names)
    failures: list[BaseException] = []

    def post(worker: int) -> None:
        order = names if worker % 2 else names[::-1]
        for turn in range(4):
            told = [
                tell("post", ref=f"{worker}-{turn}", at_us=noon(0), creator=f"youtube:{name}", source="acme")
                for name in order
            ]
            try:
                counter.post(*told, now_us=noon(0))
            except BaseException as error:  # noqa: BLE001 - whatever went wrong is what the test is about
                failures.append(error)

    crowd = [threading.Thread(target=post, args=(worker,)) for worker in range(6)]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join()
    assert failures == []
    assert {counter.book(name).seq for name in names} == {24}


def test_the_same_reference_for_two_books_at_once_is_posted_once(database: Database) -> None:
    """Two partners' threads race one reference to two meters of one creator: one is posted, one refused by name."""
    counter = Counter(database)
    second = "network:tiktok"
    counter.database.write(lambda session: _open_second(session, counter.ids["u1"], second))
    gate = threading.Barrier(2)
    answers: list[str | None] = []

    def post(meter: str) -> None:
        for number in range(15):
            gate.wait()
            told = tell("post", ref=f"e{number}", at_us=noon(0), creator=counter.ids["u1"], meter=meter)
            answers.extend(receipt.code or receipt.status for receipt in counter.post(told, now_us=noon(0)))

    crowd = [threading.Thread(target=post, args=(meter,)) for meter in ("network:youtube", second)]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join()
    assert sorted(map(str, answers)) == ["external_ref_reused"] * 15 + ["posted"] * 15
    assert counter.rows("SELECT COUNT(*) FROM entry") == [(15,)]


def test_whoever_enrols_the_same_at_once_gets_the_same_creator(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another enrols them while this one looks at the names: none of theirs is refused as taken."""
    mine, other = Database(postgresql_url), Database(postgresql_url)
    found, first = lookups.accounts, list[str]()

    def slow(session: db.Session, names: Any) -> Any:
        known = found(session, names)
        if not first:
            first.append("")
            first[0] = _enrol(other)[0]
        return known

    monkeypatch.setattr(lookups, "accounts", slow)
    assert _enrol(mine) == (first[0], False)
    mine.dispose()
    other.dispose()


def _enrol(database: Database) -> tuple[str, bool]:
    told: dict[str, Any] = {"display_name": "Zed", "handle": "zed", "accounts": [AccountOf("youtube", "zed", 1)]}
    about: dict[str, Any] = {"consent_at_us": 1, "enrolled_by": "acme", "now_us": 1}
    return database.write(lambda session: creators.enrol(session, **told, **about))


def _open_second(session: Any, creator_id: str, meter: str) -> None:
    db.insert(session, books.BOOK, [books.open_row(creator_id, meter)])
