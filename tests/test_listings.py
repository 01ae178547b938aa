"""Listings: who chose to be found, as the books and the sticks have them, anew with each change and every night."""

import threading
from collections.abc import Sequence
from typing import Any

import pytest

from ledger import claims, creators, db, economy, finding, listings, measuring, queries, readings
from ledger.creators import AccountOf
from ledger.db import Database
from ledger.economy import DAY_US, MICROS
from ledger.events import CreatorRef
from ledger.finding import Found, Search, Span
from ledger.readings import Reading
from tests.desk import DAY, RULES, Counter, noon, tell

NIGHT_US = 20 * 60 * 1_000_000


def join(counter: Counter, name: str, *, findable: bool = True, **about: Any) -> str:
    """Enrol somebody public who is to be found, unless told otherwise, and list them."""
    networks = about.pop("networks", {"youtube": 900})
    told = {"visibility": "public", "topics": ["Cooking"]} | about

    def enrolled(session: db.Session) -> str:
        accounts = [AccountOf(network, name, followers) for network, followers in networks.items()]
        made, _ = creators.enrol(
            session, display_name=name, accounts=accounts, consent_at_us=1, enrolled_by="acme", now_us=1,
            findable=findable, **told,
        )  # fmt: skip
        listings.refresh(session, creator_id=made, now_us=noon(0), schedule=RULES)
        return made

    counter.ids[name] = counter.database.write(enrolled)
    return counter.ids[name]


def change(counter: Counter, name: str, *, now_us: int | None = None, **changes: Any) -> None:
    """Change a creator, as the API does: amended and listed in one transaction."""
    counter.database.write(lambda session: changed(session, counter.ids[name], now_us=now_us or noon(0), **changes))


def changed(session: db.Session, creator_id: str, *, now_us: int, **changes: Any) -> None:
    """The work of such a transaction."""
    version = creators.get(session, creator_id).version
    creators.amend(session, creator_id=creator_id, version=version, **changes)
    listings.refresh(session, creator_id=creator_id, now_us=now_us, schedule=RULES)


def night(counter: Counter, day: int, **options: Any) -> int:
    """The job of a day; how many creators it looked at."""
    now_us = (DAY + day) * DAY_US + NIGHT_US
    return listings.relist(counter.database, day=DAY + day, clock=lambda: now_us, schedule=RULES, **options)


def found(counter: Counter, **search: Any) -> list[Found]:
    """Everybody whom a search finds."""
    return list(counter.database.read(lambda reader: finding.find(reader, search=Search(**search), limit=100)).found)


def names(counter: Counter, **search: Any) -> list[str]:
    """What they are called."""
    return [one.display_name for one in found(counter, **search)]


@pytest.fixture
def counter(database: Database) -> Counter:
    """A counter without creators."""
    return Counter(database, names=())


def test_who_chose_to_be_found_is(counter: Counter) -> None:
    """In their networks and in all together, under each topic however it is written, and nobody else is."""
    join(counter, "ada", networks={"youtube": 900, "tiktok": None}, topics=["Cooking", "Straße"])
    join(counter, "bob", findable=False)
    join(counter, "cyd", visibility="private")
    assert names(counter) == ["ada"]
    assert names(counter, network="tiktok", topic="STRASSE") == ["ada"]
    assert names(counter, network="youtube", topic="cooking") == ["ada"]
    assert names(counter, network="mastodon") == names(counter, topic="cook") == []
    assert names(counter, network="youtube", followers=Span(0)) == ["ada"]
    assert names(counter, network="tiktok", followers=Span(0)) == []
    assert counter.rows("SELECT DISTINCT creator_id FROM listing") == [(counter.ids["ada"],)]


def test_what_is_listed_is_what_readers_are_told_that_day(counter: Counter) -> None:
    """Points, label and confidence are those of the balance, sticks those of the sticks, readings the last of each."""
    ada = join(counter, "ada", networks={"youtube": 900, "tiktok": 5_000})
    fans = [
        tell("engagement", ref=f"e{fan}", at_us=noon(0), creator=f"{network}:ada", act=act, engager=f"fan{fan}")
        for fan, (network, act) in enumerate([("youtube", "reply"), ("youtube", "answer"), ("tiktok", "share")] * 12)
    ]
    counter.post(*fans, now_us=noon(0))
    told = [Reading("moz-da", noon(day), value, 0, 100 * MICROS, "x") for day, value in ((-3, 50 * MICROS), (-1, 7))]
    counter.database.write(lambda session: readings.put(session, creator_id=ada, readings=told, now_us=noon(0)))
    assert night(counter, 1) == 1
    now_us = (DAY + 1) * DAY_US + NIGHT_US
    with counter.database.reading() as session:
        ref = CreatorRef(creator_id=ada)
        books = queries.balances(session, creator=ref, now_us=now_us, schedule=RULES)
        meters = [book.meter for book in books.books]
        both = measuring.measure(session, creator_id=ada, meters=meters, now_us=now_us, schedule=RULES)
    (one,) = found(counter)
    labels = {book.meter: book.label.name for book in books.books if book.label}
    assert one.meters == tuple(
        finding.MeterOf(book.meter.partition(":")[2], book.points, book.confidence, labels[book.meter])
        for book in books.books
    )
    assert one.meters[0].points > 0
    assert {stick.stick: (stick.value, stick.day) for stick in one.sticks} == {
        "klout.score": (both.klout.shown * MICROS // 10, DAY + 1),
        "kred.influence": (both.kred.influence * MICROS, DAY + 1),
        "kred.outreach": (both.kred.outreach * MICROS, DAY + 1),
        "readings.moz-da": (7, DAY - 1),
    }
    assert (one.day, one.followers) == (DAY + 1, 5_000)
    assert one.points == economy.meter(books.standing, RULES.at(DAY + 1)["meter.half"])
    assert names(counter, stick="readings.moz-da", value=Span(high=7)) == ["ada"]
    assert names(counter, stick="readings.moz-da", value=Span(8)) == []


def test_a_change_is_listed_with_it(counter: Counter) -> None:
    """Topics and followers are found by at once, and whoever goes private, or wants to be found no more, is not."""
    join(counter, "ada")
    change(counter, "ada", topics=["engines"], followers={("youtube", "ada"): 70_000})
    assert names(counter, topic="cooking") == []
    assert names(counter, topic="engines", followers=Span(70_000)) == ["ada"]
    change(counter, "ada", visibility="private")
    assert counter.rows("SELECT 1 FROM listing UNION ALL SELECT 1 FROM listing_stick") == []
    change(counter, "ada", visibility="public")
    assert names(counter) == []
    change(counter, "ada", findable=True)
    assert names(counter) == ["ada"]
    change(counter, "ada", findable=False)
    assert names(counter) == []


def test_a_search_asks_the_creators_own_row(counter: Counter) -> None:
    """Whoever is private is not found though rows of theirs were left behind, and the night clears those away."""
    join(counter, "ada")
    join(counter, "bob")
    counter.database.write(lambda session: db.execute(session, "UPDATE creator SET visibility = 'private'"))
    assert names(counter) == []
    assert night(counter, 1) == 2
    assert counter.rows("SELECT 1 FROM listing UNION ALL SELECT 1 FROM listing_stick") == []
    assert night(counter, 2) == 0


def test_values_are_those_of_the_night(counter: Counter) -> None:
    """What happens by day moves nobody until the next night, and the day of the values says so."""
    join(counter, "ada")
    counter.post(
        tell("engagement", ref="e", at_us=noon(0), creator="youtube:ada", act="reply", engager="fan"), now_us=noon(0)
    )
    before = found(counter)[0]
    assert (before.meters[0].points, before.day) == (0, DAY)
    night(counter, 1)
    after = found(counter)[0]
    assert after.meters[0].points > 0
    assert after.day == DAY + 1
    night(counter, 60)
    assert 0 < found(counter)[0].meters[0].points < after.meters[0].points


def test_a_night_is_done_once_chunk_by_chunk(counter: Counter) -> None:
    """However small the chunks, each creator is listed once a night; a second scheduler finds nothing to do."""
    for number in range(7):
        join(counter, f"c{number}", findable=number != 3)
    seen: list[int] = []
    assert night(counter, 1, limit=2, progress=seen.append) == 6
    assert [count for count in seen if count] == [2, 2, 2]
    assert night(counter, 1, limit=2) == 0
    assert sorted(names(counter)) == ["c0", "c1", "c2", "c4", "c5", "c6"]
    assert {one.day for one in found(counter)} == {DAY + 1}


@pytest.mark.parametrize("changes", [{"topics": ["engines"]}, {"visibility": "private"}])
@pytest.mark.parametrize("first", ["night", "change"])
def test_the_night_never_brings_back_what_was_changed_meanwhile(
    postgresql_url: str, changes: dict[str, Any], first: str
) -> None:
    """A change made while the night lists the same creator, before or after it, is what is found in the end."""
    counter = Counter(Database(postgresql_url), names=())
    ada = join(counter, "ada")
    works = {
        "night": lambda session: listings.refresh(session, creator_id=ada, now_us=noon(1), schedule=RULES),
        "change": lambda session: changed(session, ada, now_us=noon(0), **changes),
    }
    second = works["change" if first == "night" else "night"]
    with counter.database.transaction() as session:
        works[first](session)
        other = threading.Thread(target=counter.database.write, args=(second,))
        other.start()
        other.join(0.3)
        assert other.is_alive(), "the second has to wait for the first"
    other.join(30)
    expected = [] if "visibility" in changes else [("",), ("engines",)]
    assert counter.rows("SELECT DISTINCT topic FROM listing ORDER BY topic") == expected
    counter.database.dispose()


def test_a_killed_night_is_resumed_where_it_stopped(counter: Counter) -> None:
    """A chunk claims its place with its effect, so that what was not listed is due still."""
    ids: Sequence[str] = [join(counter, f"c{number}") for number in range(4)]
    now_us = (DAY + 1) * DAY_US
    told: dict[str, Any] = {"day": DAY + 1, "clock": lambda: now_us, "schedule": RULES, "limit": 2}
    first = counter.database.write(lambda session: listings.relist_next(session, **told))
    assert (first.written, first.done) == (2, False)
    assert {row[0] for row in counter.rows("SELECT creator_id FROM listing WHERE day = ?", DAY + 1)} == set(
        sorted(ids)[:2]
    )
    assert listings.relist(counter.database, **told) == 2
    with counter.database.reading() as session:
        assert claims.is_done(session, job=listings.JOB, slot="2026-05-28")
