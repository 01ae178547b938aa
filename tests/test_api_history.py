"""A book's course, over HTTP."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from api.history import HistoryOut
from ledger import labelling, rules
from ledger.db import Database
from ledger.economy import DAY_US
from tests.api_fixtures import Clock, Holder, event
from tests.test_api_balances import fields_of

ADA = "/v1/creators/youtube:ada/history"


@pytest.fixture
def told(partner: Holder, creator_id: str, clock: Clock) -> str:
    """Ada, to whom a fan replied ten days ago; nothing has happened since."""
    assert partner.post("/v1/events", json=event()).status_code == 201
    clock.pass_days(10)
    return creator_id


def test_every_day_is_there(partner: Holder, told: str) -> None:
    """Eleven days from the reply to today, each with what it left, and the days before it too."""
    answer = partner.get(f"{ADA}?from=2026-11-21").json
    points = answer["points"]
    assert (answer["creator_id"], answer["meter"], answer["interval"]) == (told, "network:youtube", "day")
    assert [point["day"] for point in points][:3] == ["2026-11-21", "2026-11-22", "2026-11-23"]
    assert len(points) == 13
    assert [point["standing"] for point in points[:3]] == ["0.000000", "0.000000", "5.000000"]
    assert (points[2]["credits"], points[3]["drift"]) == ("5.000000", "-0.034999")


def test_a_point_is_the_balance_at_the_end_of_its_day(partner: Holder, told: str) -> None:
    """The history of a day and the balance as of its last moment say the same."""
    for point in partner.get(f"{ADA}?from=2026-11-23").json["points"][:-1]:
        at = f"{point['day']}T23:59:59.999999Z"
        balance = partner.get(f"/v1/creators/{told}/balance?as_of={at}").json
        assert balance["books"][0]["standing"] == point["standing"]


@pytest.mark.parametrize(("interval", "count"), [("day", 365), ("week", 53), ("month", 13)])
def test_a_year_is_told_where_nothing_is_asked(partner: Holder, told: str, interval: str, count: int) -> None:
    """Without days, the last 365: whole weeks and months, cut where the year is."""
    points = partner.get(f"{ADA}?interval={interval}").json["points"]
    assert len(points) == count
    assert (points[0]["day"], points[-1]["through"]) == ("2025-12-04", "2026-12-03")


@pytest.mark.parametrize(
    ("query", "first", "last", "count"),
    [
        ("from=2026-11-23&to=2026-11-23", "2026-11-23", "2026-11-23", 1),
        ("from=2026-12-01&to=2040-01-01", "2026-12-01", "2026-12-03", 3),
        ("from=2016-11-27", "2016-11-27", "2026-12-03", 3_659),
        ("from=2016-11-26&interval=day", "2016-11-26", "2026-12-03", 3_660),
        ("from=2016-11-26&interval=week", "2016-11-26", "2026-12-03", 524),
        ("from=2016-11-26&interval=month", "2016-11-26", "2026-12-03", 122),
        ("from=1970-01-01&to=1970-01-03", "1970-01-01", "1970-01-03", 3),
        ("from=1904-02-28&to=1904-03-01", "1904-02-28", "1904-03-01", 3),
        ("to=2024-02-29&interval=week", "2023-03-02", "2024-02-29", 53),
    ],
)
def test_any_interval_is_told_whole(partner: Holder, told: str, query: str, first: str, last: str, count: int) -> None:
    """A day, ten years, days before anybody was enrolled, a `to` ahead (which is today): stretch follows stretch."""
    points = partner.get(f"{ADA}?{query}").json["points"]
    assert (points[0]["day"], points[-1]["through"], len(points)) == (first, last, count)
    ends = [date.fromisoformat(point["through"]) for point in points]
    begins = [date.fromisoformat(point["day"]) for point in points]
    assert [end + timedelta(days=1) for end in ends[:-1]] == begins[1:]


@pytest.mark.parametrize("interval", ["week", "month"])
def test_longer_stretches_are_their_days_together(partner: Holder, told: str, interval: str) -> None:
    """What came in, went out and drifted in a stretch is the sum of its days; it ends where the last of them does."""
    span = "from=2026-10-07&to=2026-12-03"
    days = partner.get(f"{ADA}?{span}").json["points"]
    for point in partner.get(f"{ADA}?{span}&interval={interval}").json["points"]:
        within = [day for day in days if point["day"] <= day["day"] <= point["through"]]
        for name in ("credits", "drains", "drift"):
            assert Decimal(point[name]) == sum(Decimal(day[name]) for day in within)
        assert (point["standing"], point["mending"]) == (within[-1]["standing"], within[-1]["mending"])


def test_a_change_of_label_is_told_where_it_was_written_down(
    partner: Holder, creator_id: str, books: Database, clock: Clock
) -> None:
    """The night after a first impression was made: from which label to which, and the line that says so."""
    relabelled(partner, books, clock)
    changes = partner.get(ADA).json["labels"]
    assert [(change["day"], change["was"], change["now"]) for change in changes] == [("2026-11-24", "new", "building")]
    line = partner.get(f"/v1/creators/{creator_id}/entries/network:youtube/{changes[0]['seq']}").json
    assert (line["kind"], line["reason"]) == ("label", "Your label changed from new to building.")
    assert partner.get(f"{ADA}?to=2026-11-23").json["labels"] == []


def relabelled(partner: Holder, books: Database, clock: Clock) -> None:
    """Twelve people reply to Ada, and the night writes down what that makes her."""
    for fan in range(12):
        told = event(f"reply-{fan}", facts={"act": "reply", "engager": f"fan-{fan}"})
        assert partner.post("/v1/events", json=told).status_code == 201
    clock.pass_days(1)
    labelling.relabel(books, day=clock() // DAY_US, clock=clock, schedule=books.read(rules.schedule))


def test_a_history_is_what_the_document_says(partner: Holder, creator_id: str, books: Database, clock: Clock) -> None:
    """Every field that is sent is documented, and the other way round."""
    relabelled(partner, books, clock)
    assert fields_of(HistoryOut()) == fields_of(partner.get(ADA).json)


def test_a_history_need_not_be_sent_twice(partner: Holder, told: str) -> None:
    """The same ETag: 304."""
    tag = partner.get(ADA).headers["ETag"]
    assert partner.get(ADA, headers={"If-None-Match": f'"other", W/{tag}'}).status_code == 304


@pytest.mark.parametrize(
    "query",
    ["from=2026-12-02&to=2026-12-01", "from=2030-01-01", "from=2001-01-01", "interval=hour", "from=yesterday", "x=1"],
)
def test_days_that_cannot_be_shown_are_refused(partner: Holder, told: str, query: str) -> None:
    """Backwards, ahead, longer than ten years, or not days at all: refused by parameter."""
    answer = partner.get(f"{ADA}?{query}")
    assert answer.status_code == 422
    assert answer.json["errors"][0]["parameter"] == query.partition("=")[0]


def test_whose_history_is_whose(
    partner: Holder, other_partner: Holder, brand: Holder, creator: Holder, told: str, public_creator_id: str
) -> None:
    """Ada's is her partner's and her own to see, a public creator's is anyone's; a foreign meter is not found."""
    assert [who.get(ADA).status_code for who in (partner, creator)] == [200, 200]
    assert [who.get(ADA).status_code for who in (other_partner, brand)] == [404, 404]
    assert brand.get(f"/v1/creators/{public_creator_id}/history").status_code == 200
    assert partner.get(f"{ADA}?meter=network:tiktok").status_code == 404
