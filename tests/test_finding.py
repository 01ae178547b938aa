"""Finding: the same creators as a look at all of them would find, in one order, by walks down an index."""

import json
import random
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from ledger import creators, db, finding, listings
from ledger.db import Database
from ledger.finding import FOLLOWERS, METER, STICK, Page, Place, Search, Span
from ledger.labels import NAMES

CREATORS = 240
MANY = 100_000
TODAY = 20_780
NETWORKS, TOPICS = ("youtube", "tiktok"), ("cooking", "engines", "straße")
STICKS = ("klout.score", "kred.outreach", "readings.moz-da")
POINT = 1_000_000


class Listed(dict[str, Any]):
    """One creator as a test listed them: networks with (points, followers, label), topics, sticks."""


def made_up(count: int, *, seed: int = 1) -> list[Listed]:
    """Creators with few different values, so that many are equal in them; some of them not to be found."""
    chance = random.Random(seed)
    return [Listed(_made_up(number, chance)) for number in range(1, count + 1)]


def _made_up(number: int, chance: random.Random) -> dict[str, Any]:
    networks = ["", *chance.sample(NETWORKS, chance.randint(1, 2))]
    return {
        "id": str(UUID(int=number << 64)),
        "hidden": chance.random() < 0.1,
        "networks": {
            name: (chance.randrange(0, 100, 5) * POINT, chance.choice((-1, 0, 900, 20_000)), chance.choice(NAMES))
            for name in networks
        },
        "topics": ["", *chance.sample(TOPICS, chance.randint(0, 3))],
        "sticks": {name: chance.randrange(-2, 12) * POINT for name in chance.sample(STICKS, chance.randint(0, 3))},
    }


def stored(database: Database, people: Sequence[Listed]) -> None:
    """Put them where a search looks, straight into the tables."""
    database.write(lambda session: _stored(session, people))


def _stored(session: db.Session, people: Sequence[Listed]) -> None:
    rows, sticks = [], []
    for one in people:
        for name, (points, followers, label) in one["networks"].items():
            rows += [
                (one["id"], name, listings.folded(topic), points, followers, label if name else "", "few", TODAY)
                for topic in one["topics"]
            ]
            sticks += [(one["id"], name, stick, value, TODAY) for stick, value in one["sticks"].items()]
    told = [(one["id"], "private" if one["hidden"] else "public", 1, 1, "t", 1, not one["hidden"]) for one in people]
    db.insert(session, creators.CREATOR, told)
    db.insert(session, creators.PROFILE, [(one["id"], None, "Somebody", "[]") for one in people])
    db.insert(session, listings.LISTING, rows)
    db.insert(session, listings.LISTING_STICK, sticks)


def within(span: Span, value: int) -> bool:
    """Whether a value lies in a span."""
    return (span.low is None or span.low <= value) and (span.high is None or value <= span.high)


def looked_through(people: Sequence[Listed], search: Search) -> list[str]:
    """Whom a look at everybody finds, in order."""
    found = []
    for one in people:
        if one["hidden"] or search.network not in one["networks"]:
            continue
        points, followers, label = one["networks"][search.network]
        value = one["sticks"].get(search.stick)
        if (
            (not search.topic or search.topic.casefold() in [topic.casefold() for topic in one["topics"]])
            and (search.label is None or label == search.label)
            and within(search.points, points)
            and (search.followers.is_open or (followers >= 0 and within(search.followers, followers)))
            and (search.stick is None or (value is not None and within(search.value, value)))
        ):
            found.append(({METER: points, FOLLOWERS: followers, STICK: value}[search.sort], one["id"]))
    return [creator_id for _, creator_id in sorted(found, reverse=True)]


def some_search(chance: random.Random) -> Search:
    """A search, with anything that one may ask for."""

    def span(values: Sequence[int], scale: int = 1) -> Span:
        low, high = sorted(chance.choices(values, k=2))
        return Span(*(bound * scale if chance.random() < 0.4 else None for bound in (low, high)))

    network = chance.choice(("", *NETWORKS))
    stick = chance.choice((None, None, *STICKS))
    return Search(
        network=network,
        topic=chance.choice(("", "", "Cooking", "STRASSE", "engines", "nothing")),
        label=chance.choice((None, *NAMES)) if network else None,
        points=span(range(0, 100, 5), POINT),
        followers=span((0, 900, 1_000, 20_000)),
        stick=stick,
        value=span(range(-2, 12), POINT) if stick else Span(),
        sort=chance.choice((METER, FOLLOWERS, STICK) if stick else (METER, FOLLOWERS)),
    )


def pages(database: Database, search: Search, *, limit: int) -> Iterator[Page]:
    """Page after page, to the last."""
    after: Place | None = None
    while True:
        page = database.read(partial(finding.find, search=search, after=after, limit=limit))
        yield page
        if page.following is None:
            return
        assert page.following != after, "a page has to lead on"
        after = page.following


def ids(page: Page) -> list[str]:
    """Who is on a page."""
    return [one.creator_id for one in page.found]


@pytest.mark.parametrize("looked_at", [3, 10_000])
def test_a_search_finds_whom_a_look_at_everybody_would(
    database: Database, monkeypatch: pytest.MonkeyPatch, looked_at: int
) -> None:
    """Whatever is asked for, all pages together hold whoever fits, once, largest first, however few rows each reads."""
    monkeypatch.setattr(finding, "LOOKED_AT", looked_at)
    people = made_up(CREATORS)
    stored(database, people)
    chance = random.Random(7)
    found = 0
    for _ in range(150):
        search, limit = some_search(chance), chance.choice((1, 7, 100))
        expected = looked_through(people, search)
        walked = list(pages(database, search, limit=limit))
        assert [one for page in walked for one in ids(page)] == expected, search
        assert all(len(page.found) <= limit for page in walked)
        if not finding._walk(search).refuses:
            assert all(len(page.found) == limit for page in walked[:-1]), "nobody hidden leaves a gap"
        found += len(expected)
    assert found > 1_000


def test_a_page_tells_what_was_listed(database: Database) -> None:
    """Those found come with every network's meter and every stick with its day, followers only where they are known."""
    ada = Listed(
        id=str(UUID(int=1)),
        hidden=False,
        networks={"": (7, 900, "new"), "youtube": (50 * POINT, 900, "trusted"), "tiktok": (0, -1, "new")},
        topics=[""],
        sticks={"klout.score": 12_300_000},
    )
    stored(database, [ada])
    (page,) = pages(database, Search(), limit=10)
    assert (page.found[0].points, page.found[0].followers) == (7, 900)
    (page,) = pages(database, Search(network="tiktok"), limit=10)
    (found,) = page.found
    assert found.points == 0
    assert (found.creator_id, found.followers, found.day) == (ada["id"], None, TODAY)
    assert found.meters == (
        finding.MeterOf("tiktok", 0, "few", "new"),
        finding.MeterOf("youtube", 50 * POINT, "few", "trusted"),
    )
    assert found.sticks == (finding.StickOf("klout.score", 12_300_000, TODAY),)


def test_a_page_takes_as_many_statements_for_a_hundred_as_for_one(sqlite_url: str) -> None:
    """Six at most, however many are found."""
    database = Database(sqlite_url)
    stored(database, made_up(CREATORS))
    counted = []
    with database.reading() as session:
        connection = db.cursor_of(session).connection
        for limit in (1, 100):
            seen: list[str] = []
            connection.set_trace_callback(seen.append)
            page = finding.find(session, search=Search(followers=Span(0)), limit=limit)
            connection.set_trace_callback(None)
            assert len(page.found) == limit
            counted.append(len(seen))
    database.dispose()
    assert counted[0] == counted[1] <= 6


@pytest.mark.parametrize("sort", [METER, FOLLOWERS, STICK])
def test_while_others_come_and_go_nobody_is_skipped_or_doubled(database: Database, sort: str) -> None:
    """Creators who are listed or leave between pages change nothing for those who stay as they are."""
    people = made_up(200, seed=3)
    for one in people:
        one["sticks"]["klout.score"] = one["sticks"].get("klout.score", 5 * POINT)
        one["hidden"] = False
    stayed, left, came = people[:120], people[120:160], people[160:]
    stored(database, [*stayed, *left])
    search = Search(sort=sort, stick="klout.score" if sort == STICK else None)
    walked: list[str] = []
    for number, page in enumerate(pages(database, search, limit=10)):
        walked += ids(page)
        stored(database, came[number * 4 : number * 4 + 4])
        for gone in left[number * 4 : number * 4 + 4]:
            database.write(partial(leave, creator_id=gone["id"]))
    assert len(walked) == len(set(walked))
    staying = {one["id"] for one in stayed}
    assert [one for one in walked if one in staying] == looked_through(stayed, search)


def leave(session: db.Session, *, creator_id: str) -> None:
    """No longer be found."""
    db.execute(session, "DELETE FROM listing WHERE creator_id = ?", (creator_id,))
    db.execute(session, "UPDATE creator SET findable = FALSE WHERE creator_id = ?", (creator_id,))


# What a hundred thousand take


SEARCHES = {
    "by meter": Search(network="youtube"),
    "between meters": Search(network="youtube", points=Span(40 * POINT, 60 * POINT)),
    "by topic": Search(network="youtube", topic="cooking"),
    "by label": Search(network="youtube", label="sellout"),
    "by size": Search(network="youtube", sort=FOLLOWERS, followers=Span(1_000, 50_000)),
    "by a stick": Search(network="youtube", sort=STICK, stick="klout.score", value=Span(10 * POINT)),
    "by a stick of few values": Search(network="youtube", sort=STICK, stick="kred.outreach"),
    "large ones by meter": Search(network="youtube", followers=Span(9_900_000)),
    "by a topic's stick": Search(network="youtube", topic="cooking", sort=STICK, stick="kred.outreach"),
    "with a stick": Search(network="youtube", stick="kred.outreach", value=Span(4 * POINT)),
    "nobody": Search(network="youtube", label="new", topic="cooking", followers=Span(10**9)),
}
ORDERED = {
    METER: ("ix_listing_network_topic_points_creator_id", "ix_listing_network_topic_label_points_creator_id"),
    FOLLOWERS: ("ix_listing_network_topic_followers_creator_id",),
    STICK: ("ix_listing_stick_network_stick_value_creator_id",),
}


def crowd(database: Database) -> None:
    """A hundred thousand creators on one network, a tenth of them of one topic, each measured by two sticks."""
    chance = random.Random(2)
    people = [str(UUID(int=number << 80)) for number in range(1, MANY + 1)]
    rows, sticks = [], []
    for number, one in enumerate(people):
        points, followers = chance.randrange(100 * POINT), int(10 ** chance.uniform(2, 7))
        values = (points, followers, NAMES[number % len(NAMES)], "some", TODAY)
        rows.append((one, "youtube", "", *values))
        rows += [(one, "youtube", "cooking", *values)] * (number % 10 == 0)
        sticks.append((one, "youtube", "klout.score", points, TODAY))
        sticks.append((one, "youtube", "kred.outreach", chance.randint(1, 4) * POINT, TODAY))

    def fill(session: db.Session) -> None:
        db.insert(session, creators.CREATOR, [(one, "public", 1, 1, "t", 1, True) for one in people])
        db.insert(session, creators.PROFILE, [(one, None, "Somebody", "[]") for one in people])
        db.insert(session, listings.LISTING, rows)
        db.insert(session, listings.LISTING_STICK, sticks)

    database.write(fill)
    if not database.is_sqlite:
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("ANALYZE creator, profile, listing, listing_stick")


def places(database: Database, search: Search) -> list[tuple[Place | None, Place | None]]:
    """The bounds of a search's first page and of the one after it, as `find` has them."""
    with database.reading() as session:
        following = finding.find(session, search=search, limit=50).following
        afters = [None, following] if following else [None]
        return [(after, finding._floor(session, search, after)) for after in afters]


def test_a_page_out_of_a_hundred_thousand_is_a_walk_down_one_index(database: Database) -> None:
    """At 100,000 creators each search goes down the index of its order: no table is scanned, nothing is sorted."""
    crowd(database)
    for name, search in SEARCHES.items():
        for after, floor in places(database, search):
            sql, params = finding.statement(search, after=after, floor=floor)
            check = walks_on_sqlite if database.is_sqlite else walks_on_postgresql
            check(database, name, search, sql, (*params, 51))


def walks_on_sqlite(database: Database, name: str, search: Search, sql: str, params: Sequence[object]) -> None:
    """The plan says SEARCH by index at every step; how much the engine does is bounded."""
    with database.reading() as session:
        steps = [row[3] for row in db.fetch(session, f"EXPLAIN QUERY PLAN {sql}", params)]
        worked: list[int] = []
        connection = db.cursor_of(session).connection
        connection.set_progress_handler(lambda: worked.append(1), 100)
        db.fetch(session, sql, params)
        connection.set_progress_handler(None, 0)
    assert any(index in steps[0] for index in ORDERED[search.sort]), (name, steps)
    assert all(step.startswith("SEARCH") for step in steps), (name, steps)
    assert len(worked) * 100 < (40 * finding.LOOKED_AT if finding._walk(search).refuses else 5_000), name


def walks_on_postgresql(database: Database, name: str, search: Search, sql: str, params: Sequence[object]) -> None:
    """The plan holds index scans and joins alone; the rows that it went through are counted."""
    with database.reading() as session:
        (row,) = db.fetch(session, f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", params)
    nodes = list(inside(row[0][0]["Plan"]))
    kinds = {node["Node Type"] for node in nodes}
    assert kinds <= {"Limit", "Nested Loop", "Memoize", "Index Scan", "Index Only Scan"}, (name, json.dumps(row[0]))
    assert {node.get("Index Name") for node in nodes} & set(ORDERED[search.sort]), (name, kinds)
    read = [node for node in nodes if "Index Name" in node]
    rows = sum((node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"] for node in read)
    assert rows <= (4 * finding.LOOKED_AT if finding._walk(search).refuses else 4 * 51), (name, rows)


def inside(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A plan's node and all below it."""
    yield plan
    for below in plan.get("Plans", ()):
        yield from inside(below)
