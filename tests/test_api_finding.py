"""Finding creators, over HTTP."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from api.finding import FoundCreatorsOut, number_of, place_of
from ledger import listings, rules
from tests.api_fixtures import DAY_US, Clock, Holder, event
from tests.test_api_balances import fields_of

FIND = "/v1/creators"


def join(partner: Holder, name: str, **changes: Any) -> str:
    """Enrol somebody who is to be found, on youtube, of the topic engines; gives their UUID."""
    told = {
        "display_name": name.title(),
        "handle": name,
        "visibility": "public",
        "findable": True,
        "topics": ["Engines"],
        "accounts": [{"network": "youtube", "external_id": name, "followers": 900}],
        "consent": {"at": "2026-11-01T00:00:00Z", "terms": "creators 3"},
    }
    answer = partner.post(FIND, json=told | changes)
    assert answer.status_code == 201, answer.json
    found: str = answer.json["creator"]
    return found


def change(partner: Holder, name: str, **changes: Any) -> None:
    """Change a creator as they stand."""
    where = f"{FIND}/youtube:{name}"
    answer = partner.patch(where, json=changes, headers={"If-Match": partner.get(where).headers["ETag"]})
    assert answer.status_code == 200, answer.json


def found(holder: Holder, **query: Any) -> list[str]:
    """The handles of those whom a query finds on its first page, in order."""
    answer = holder.get(FIND, query_string=query)
    assert answer.status_code == 200, answer.json
    return [one["handle"] for one in answer.json["creators"]]


def night(app: Flask, clock: Clock) -> None:
    """The next night's job."""
    ledger = app.extensions["trust_ledger"]
    clock.pass_days(1)
    with ledger.database.reading() as session:
        schedule = rules.schedule(session)
    listings.relist(ledger.database, day=clock.now_us // DAY_US, clock=clock, schedule=schedule)


def test_a_brand_finds_who_chose_to_be_found(partner: Holder, brand: Holder, key_for: Callable[..., Holder]) -> None:
    """And nobody else: the private and those who did not choose are not there for a brand, a partner or anybody."""
    ada = join(partner, "ada")
    join(partner, "grace", findable=False)
    join(partner, "joan", visibility="private", findable=False)
    for holder in (brand, partner, key_for("partner", "bolt", networks=["tiktok"]), key_for("creator", ada)):
        assert found(holder) == ["ada"]
    assert brand.get(FIND).json["creators"][0]["creator"] == ada


def test_what_is_told_of_them(app: Flask, partner: Holder, brand: Holder, clock: Clock) -> None:
    """Who they are today; meter, label and sticks as stored at night, with the day of it; the rest is a link away."""
    ada = join(partner, "ada")
    for fan in range(20):
        assert (
            partner.post("/v1/events", json=event(f"e{fan}", facts={"act": "reply", "engager": f"f{fan}"})).status_code
            == 201
        )
    (before,) = brand.get(FIND).json["creators"]
    assert (before["meters"][0]["points"], before["as_of_day"]) == ("0.000000", "2026-11-23")
    night(app, clock)
    answer = brand.get(FIND, query_string={"network": "youtube", "stick": "klout.score", "stick_min": "2"}).json
    (one,) = answer["creators"]
    (book,) = brand.get(one["links"]["balance"]).json["books"]
    told = brand.get(one["links"]["sticks"]).json
    assert one["meters"] == [
        {
            "meter": "network:youtube",
            "points": book["points"],
            "confidence": book["confidence"],
            "label": book["label"]["name"],
        }
    ]
    assert one["points"] == book["points"] > "0"
    assert {stick["stick"]: float(stick["value"]) for stick in one["sticks"]} == {
        "klout.score": float(told["klout"]["score"]),
        "kred.influence": told["kred"]["influence"],
        "kred.outreach": told["kred"]["outreach"]["level"],
    }
    assert (one["creator"], one["as_of_day"], one["followers"]) == (ada, "2026-11-24", 900)
    assert one["accounts"] == [{"network": "youtube", "external_id": "ada", "followers": 900}]
    assert one["links"]["page"] == "/c/ada"
    assert app.test_client().get(one["links"]["page"]).status_code == 200
    assert fields_of(FoundCreatorsOut()) == fields_of(answer)


def test_what_is_found_can_be_estimated(partner: Holder, brand: Holder) -> None:
    """The next step of a brand: the ids that were found are those that an estimate takes."""
    join(partner, "ada")
    creator = brand.get(FIND).json["creators"][0]["creator"]
    asked = {"creator": creator, "brand": "nike", "disclosure": "clear", "fit": "0.8"}
    told = brand.post("/v1/estimates", json=asked)
    assert told.status_code == 200, told.json


def test_a_change_is_found_at_once(partner: Holder, brand: Holder) -> None:
    """New topics and followers count from the moment they are told, and whoever goes private is found no more."""
    join(partner, "ada")
    grown = {"network": "youtube", "external_id": "ada", "followers": 50_000}
    change(partner, "ada", topics=["Sails"], accounts=[grown])
    assert (found(brand, topic="engines"), found(brand, topic="SAILS", followers_min=50_000)) == ([], ["ada"])
    change(partner, "ada", visibility="private")
    assert found(brand) == []
    change(partner, "ada", visibility="public")
    assert found(brand) == []
    change(partner, "ada", findable=True)
    assert found(brand) == ["ada"]


def test_a_new_account_is_found_and_an_erased_creator_is_not(partner: Holder, brand: Holder, operator: Holder) -> None:
    """A network that is added is one to be found in from then on; erasure ends it all."""
    join(partner, "ada")
    assert found(brand, network="tiktok") == []
    told = {"network": "tiktok", "external_id": "ada", "consent": {"at": "2026-11-20T00:00:00Z", "terms": "creators 3"}}
    assert operator.post(f"{FIND}/youtube:ada/accounts", json=told).status_code == 201
    assert found(brand, network="tiktok") == ["ada"]
    assert operator.delete(f"{FIND}/youtube:ada").status_code == 204
    assert (found(brand), found(brand, network="tiktok")) == ([], [])


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ({"popularity": "9"}, "popularity"),
        ({"label": "trusted"}, "label"),
        ({"label": "famous", "network": "youtube"}, "label"),
        ({"stick_min": "1"}, "stick_min"),
        ({"sort": "stick"}, "sort"),
        ({"sort": "name"}, "sort"),
        ({"stick": "klout"}, "stick"),
        ({"stick": "readings.Moz DA"}, "stick"),
        ({"meter_min": "101"}, "meter_min"),
        ({"meter_min": "fifty"}, "meter_min"),
        ({"meter_min": "60", "meter_max": "50"}, "meter_max"),
        ({"followers_min": "-1"}, "followers_min"),
        ({"limit": "101"}, "limit"),
        ({"network": "You Tube"}, "network"),
    ],
)
def test_what_cannot_be_asked_is_named(brand: Holder, query: dict[str, str], wrong: str) -> None:
    """A parameter that is unknown, out of bounds or without what it needs is 422, and named."""
    answer = brand.get(FIND, query_string=query)
    assert answer.status_code == 422
    assert [one["parameter"] for one in answer.json["errors"]] == [wrong]


def test_pages_follow_one_another(partner: Holder, brand: Holder) -> None:
    """A cursor goes on where its page ended, also while somebody joins; with another question it is 400."""
    joined = {f"c{number}": join(partner, f"c{number}") for number in range(5)}
    first = brand.get(FIND, query_string={"limit": 2, "topic": "engines"}).json
    join(partner, "late")
    second = brand.get(FIND, query_string={"limit": 2, "topic": "engines", "after": first["next"]}).json
    last = brand.get(FIND, query_string={"limit": 100, "topic": "engines", "after": second["next"]}).json
    seen = [one["handle"] for page in (first, second, last) for one in page["creators"]]
    assert seen == sorted(joined, key=lambda name: joined[name], reverse=True)
    assert last["next"] is None
    for other in (
        {"topic": "sails"},
        {"topic": "engines", "meter_min": "1"},
        {},
        {"topic": "engines", "sort": "followers"},
    ):
        answer = brand.get(FIND, query_string=other | {"after": first["next"]})
        assert (answer.status_code, answer.json["code"]) == (400, "invalid_cursor")
    assert brand.get(FIND, query_string={"after": "made-up"}).status_code == 400


def test_the_longest_question_fits_its_cursor(partner: Holder, brand: Holder) -> None:
    """A cursor of every parameter, with a topic of sixty letters of four bytes, is taken back."""
    topic = "\U00010400" * 60
    for name in ("ada", "bob"):
        join(partner, name, topics=[topic])
    query = {
        "network": "youtube", "topic": topic, "label": "new", "meter_min": "0", "meter_max": "99.123456",
        "followers_min": 1, "followers_max": 999_999, "stick": "kred.influence", "stick_min": "-999999999999.123456",
        "stick_max": "999999999999.123456", "sort": "stick", "limit": 1,
    }  # fmt: skip
    first = brand.get(FIND, query_string=query).json
    second = brand.get(FIND, query_string=query | {"after": first["next"]})
    assert second.status_code == 200, second.json
    assert [page["creators"][0]["handle"] for page in (first, second.json)] == ["bob", "ada"]


def test_the_same_page_need_not_be_sent_again(partner: Holder, brand: Holder) -> None:
    """A page carries an ETag and is 304 to whoever has it."""
    join(partner, "ada")
    tag = brand.get(FIND).headers["ETag"]
    assert brand.get(FIND, headers={"If-None-Match": tag}).status_code == 304


@pytest.mark.parametrize("value", [0, -1, 5, -(10**18), 10**18])
def test_a_place_is_one_number(value: int) -> None:
    """What a cursor carries stands for the very value and id, below zero too."""
    place = (value, "01936f2e-5b1c-7c3a-9f00-2b6f3c1d9e01")
    assert place_of(number_of(place)) == place
