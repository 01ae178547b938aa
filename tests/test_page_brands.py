"""What there is with brands on a creator's page: relationships, pitches, a brand's own book. All of it the owner's."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event as happening

from api import charts
from ledger import labelling
from ledger.db import Database
from ledger.economy import DAY_US
from ledger.histories import Point, Relabelling
from tests.api_fixtures import NOW_US, Clock, Holder, event
from tests.desk import RULES
from tests.test_page_creator import token

PITCHES = "/v1/pitches"
CLEAR = {"disclosure": "clear"}
TAKEN = {"positive": 950, "negative": 50, "acts": 1000, "usual_acts": 1100}
See = Callable[..., str]


@pytest.fixture
def see(app: Flask, client: FlaskClient, creator_id: str, clock: Clock) -> See:
    """Ada's page as she reads it, all in one line, and without what breaks no line."""

    def read(query: str = "") -> str:
        answer = client.get(f"/c/ada?{token(app, creator_id, now_us=clock())}{query}")
        assert answer.status_code == 200
        return " ".join(answer.text.replace("\N{NO-BREAK SPACE}", " ").split())

    return read


@pytest.fixture
def told(partner: Holder, creator: Holder, creator_id: str, clock: Clock) -> str:
    """Ada, with five days of replies behind her, and nike let in on the last of them."""
    for day in range(5):
        replies = [
            event(
                f"e-{day}-{fan}",
                occurred_at=f"2026-11-{23 + day}T12:00:00Z",
                facts={"act": "reply", "engager": f"{fan}"},
            )
            for fan in range(4)
        ]
        assert partner.post("/v1/events/batch", json=replies).json["posted"] == 4
        clock.pass_days(1)
    introduce(partner, "nike")
    assert creator.post("/v1/relationships/youtube:ada/nike/accept").status_code == 200
    return creator_id


def introduce(partner: Holder, brand: str) -> None:
    """A brand asks Ada to be let in."""
    asked = {"creator": "youtube:ada", "brand": brand}
    assert partner.post("/v1/relationships", json=asked).status_code == 201


def held(partner: Holder) -> str:
    """The id of a pitch of nike's, quoted and authorised."""
    asked = {"creator": "youtube:ada", "brand": "nike", "disclosure": "clear", "fit": "0.7", "quote": True}
    quote = partner.post("/v1/estimates", json=asked).json["quote"]["id"]
    answer = partner.post(PITCHES, json={"quote": quote})
    assert answer.status_code == 201, answer.json
    pitch: str = answer.json["pitch"]
    return pitch


def act(holder: Holder, pitch: str, word: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """Take a step of a pitch."""
    answer = holder.post(f"{PITCHES}/{pitch}/{word}", json=body)
    assert answer.status_code in (200, 201), answer.json
    shown: dict[str, Any] = answer.json
    return shown


def section(page: str, name: str) -> str:
    """The words of a part of the page."""
    found = re.search(f'<section aria-labelledby="{name}-heading">(.*?)</section>', page)
    return " ".join(re.sub("<[^>]+>", " ", found[1]).split()) if found else ""


# Relationships


def test_before_any_brand_asks_the_page_says_what_happens_then(see: See) -> None:
    """Without a brand and without a pitch, both parts say what would be there and what one can do about it."""
    assert "No brand has introduced itself yet. When one asks, it is listed here" in section(see(), "brands")
    assert "No pitch is authorised. When a brand that you let in takes up a quote" in section(see(), "pitches")


def test_who_waits_for_an_answer_comes_first(partner: Holder, told: str, see: See) -> None:
    """A brand that asks stands before one that was let in; each says since when, and what follows."""
    introduce(partner, "acme-shoes")
    brands = section(see(), "brands")
    assert brands.index("acme-shoes") < brands.index("nike")
    assert "acme-shoes Waits for your answer since 28 November 2026 Let it in, decline or block it" in brands
    assert "nike Let in since 28 November 2026 Not established yet: 3 more genuine exchanges" in brands
    assert "and time until 12 December 2026 missing" in brands
    assert "Rapport 5.00" in brands


def test_an_established_brand_is_one_of_enough_exchanges_and_days(
    partner: Holder, told: str, see: See, clock: Clock
) -> None:
    """Three exchanges and two weeks later nothing is missing any more."""
    for day in (29, 30):
        clock.pass_days(1)
        met = event(f"met-{day}", kind="exchange", meter="brand:nike", occurred_at=f"2026-11-{day}T12:00:00Z", facts={})
        assert partner.post("/v1/events", json=met).status_code == 201
    assert "1 more genuine exchange and time" in section(see(), "brands")
    clock.pass_days(1)
    met = event("met-1", kind="exchange", meter="brand:nike", occurred_at="2026-12-01T12:00:00Z", facts={})
    assert partner.post("/v1/events", json=met).status_code == 201
    assert "Not established yet: time until 12 December 2026 missing" in section(see(), "brands")
    clock.pass_days(11)
    assert "Established, with 3 genuine exchanges" in section(see(), "brands")


@pytest.mark.parametrize(
    ("word", "stands", "follows"),
    [
        ("end", "Ended since 28 November 2026", "It may introduce itself again from 28 December 2026 on."),
        ("block", "Blocked since 28 November 2026", "It can neither introduce itself nor pitch until you unblock it"),
    ],
)
def test_what_is_over_says_when_it_may_begin_again(
    creator: Holder, told: str, see: See, clock: Clock, word: str, stands: str, follows: str
) -> None:
    """An ended relationship names the day from which the brand may ask again, a blocked one names none."""
    assert creator.post(f"/v1/relationships/youtube:ada/nike/{word}").status_code == 200
    assert f"{stands} {follows}" in section(see(), "brands")
    clock.pass_days(30)
    assert ("It may introduce itself again. " in section(see(), "brands")) == (word == "end")


# Pitches


def test_a_pitch_says_what_its_creator_can_do_until_when(
    partner: Holder, creator: Holder, told: str, see: See, clock: Clock
) -> None:
    """From authorised to taken: status, what is reserved or taken, and the next step with its day."""
    pitch = held(partner)
    waiting = section(see(), "pitches")
    assert "nike on youtube Waits for your answer Accept or decline through your platform until" in waiting
    assert re.search(r"until 12 December 2026; after that it expires.* Reserved \d+\.\d\d Until 12 Dec 2026", waiting)
    act(creator, pitch, "accept")
    assert "Accepted, not out yet Publish it until 12 December 2026, saying clearly" in section(see(), "pitches")
    taken = act(creator, pitch, "publish", CLEAR)["captured"]
    out = section(see(), "pitches")
    assert "Your platform can tell how your audience took it from 5 December 2026 on." in out
    assert f"Taken {float(taken):.2f} Published 28 Nov 2026" in out
    assert "Reserved" not in out
    clock.pass_days(8)
    assert "Your platform can tell how your audience took it now." in section(see(), "pitches")
    act(partner, pitch, "outcome", TAKEN)
    told_of = section(see(), "pitches")
    assert "950 in favour, 50 against, told by acme on 6 December 2026." in told_of
    assert "Your audience took it better than expected (0." in told_of
    assert "Your platform can tell" not in told_of


@pytest.mark.parametrize(
    ("word", "days", "stands"),
    [("decline", 0, "Declined"), ("withdraw", 0, "Withdrawn"), ("", 15, "Expired")],
)
def test_what_came_to_nothing_reserves_nothing(
    partner: Holder, creator: Holder, told: str, see: See, clock: Clock, word: str, days: int, stands: str
) -> None:
    """Declined, withdrawn, or run out whether a job has seen it or not: nothing is reserved, nothing was taken."""
    pitch = held(partner)
    if word:
        act(creator, pitch, word)
    clock.pass_days(days)
    over = section(see(), "pitches")
    assert f"nike on youtube {stands} Nothing is reserved for it any more, and nothing was taken." in over
    assert "Taken 0.00" in over


# The book of a brand


def test_a_brands_book_has_a_statement_of_its_own(partner: Holder, creator: Holder, told: str, see: See) -> None:
    """Linked from the brands, it shows rapport and relationship, no label and no networks' sticks, and its lines."""
    act(creator, held(partner), "accept")
    assert re.search(r'<h3><a href="\?t=[^"]+&amp;meter=brand:nike"', see())
    page = see("&meter=brand:nike")
    words = " ".join(re.sub("<[^>]+>", " ", page).split())
    assert "Rapport with nike , a book between the two of you" in words
    assert "Relationship Let in since 28 November 2026" in words
    assert "You let the brand in." in section(page, "statement")
    assert "Pitches of nike" in section(page, "pitches")
    assert 'href="?t=' in page
    assert "#brands-heading" in page
    absent = ("back", "brands", "record", "sticks")
    assert [name for name in absent if f'id="{name}-heading"' in page] == []
    assert "label-" not in page


def test_a_brands_pitches_are_its_own(partner: Holder, creator: Holder, told: str, see: See) -> None:
    """In another brand's book nike's pitch is not listed."""
    held(partner)
    introduce(partner, "adidas")
    assert "No pitch is authorised with adidas." in section(see("&meter=brand:adidas"), "pitches")


def test_brands_are_nobody_elses(
    app: Flask, client: FlaskClient, partner: Holder, public_creator_id: str, books: Database, clock: Clock
) -> None:
    """The public sees no brand, no pitch and no brand's book; that looks like a book that never was."""
    asked = {"creator": "youtube:grace", "brand": "nike"}
    assert partner.post("/v1/relationships", json=asked).status_code == 201
    public = client.get("/c/grace")
    assert not any(word in public.text for word in ("nike", "brands-heading", "pitches-heading"))
    opened = token(app, public_creator_id)
    assert client.get(f"/c/grace?meter=brand:nike&{opened}").status_code == 200
    for query in ("", "&t=x"):
        refused = client.get(f"/c/grace?meter=brand:nike{query}")
        assert (refused.status_code, refused.text) == (404, client.get(f"/c/grace?meter=brand:never{query}").text)


def test_many_brands_take_no_more_statements(partner: Holder, books: Database, told: str, see: See) -> None:
    """However many brands there are, the page asks the database the same number of times."""
    asked: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        asked.append(statement)

    happening.listen(books.engine, "before_cursor_execute", note)
    see()
    first = len(asked)
    for number in range(6):
        introduce(partner, f"brand-{number}")
    asked.clear()
    see()
    assert len(asked) == first
    happening.remove(books.engine, "before_cursor_execute", note)


# Where the label changed


def test_a_change_of_the_label_is_marked_and_told(
    partner: Holder, creator_id: str, see: See, books: Database, clock: Clock
) -> None:
    """A broken line with the new name on the chart, a row in the table, a sentence for who hears the page."""
    page = see()
    assert "flag" not in page
    replies = [event(f"e-{n}", facts={"act": "reply", "engager": f"{n}"}) for n in range(14)]
    assert partner.post("/v1/events/batch", json=replies).status_code == 200
    clock.pass_days(1)
    labelling.relabel(books, day=clock() // DAY_US, clock=clock, schedule=RULES)
    page = see()
    assert "The label changed once, last from new to building on 24 November 2026." in page
    assert page.count("<title>From new to building, 24 November 2026</title>") == 2
    assert "<td>new</td><td>building</td>" in page


def flags(days: list[tuple[int, str]]) -> list[tuple[str, str]]:
    """What is written at the changes of a label on those days of a year, and on which side."""
    points = [Point(day, day, 10**7, 0, 0, 0, 0) for day in range(365)]
    changes = [(Relabelling(seq, day, "new", name), name) for seq, (day, name) in enumerate(days)]
    drawn = charts.draw(points, (), (), changes, width=960, height=300)
    return [(flag.text, flag.anchor) for flag in drawn.flags]


@pytest.mark.parametrize(
    ("days", "told"),
    [
        ([(100, "building"), (200, "trusted")], [("building", "start"), ("trusted", "start")]),
        ([(100, "building"), (360, "trusted")], [("building", "start"), ("trusted", "end")]),
        ([(199, "building"), (200, "trusted")], [("building", "end"), ("trusted", "start")]),
        ([(1, "building"), (2, "trusted")], [("", "start"), ("trusted", "start")]),
        (
            [(195, "building"), (199, "stretched"), (200, "sellout")],
            [("", "start"), ("stretched", "end"), ("sellout", "start")],
        ),
    ],
)
def test_no_name_of_a_label_covers_another(days: list[tuple[int, str]], told: list[tuple[str, str]]) -> None:
    """The newest has room, to the left of its day at the edge; an earlier one stands aside, or is only a line."""
    assert flags(days) == told


def test_the_story_begins_on_the_clocks_day(clock: Clock) -> None:
    """The days above count from 23 November 2026."""
    assert clock() == NOW_US
