"""A book's course, over HTTP."""

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
