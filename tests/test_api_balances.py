"""What books hold, over HTTP."""

from typing import Any

import pytest
from flask import Flask

from api.balances import BalancesOut, LookupOut
from ledger import queries
from tests.api_fixtures import Clock, Holder, event

ADA = "/v1/creators/youtube:ada/balance"


@pytest.fixture
def posted(partner: Holder, creator_id: str) -> str:
    """Ada, in whose book three fans replied today."""
    for fan in range(3):
        told = event(f"e-{fan}", facts={"act": "reply", "engager": f"fan-{fan}"})
        assert partner.post("/v1/events", json=told).status_code == 201
    return creator_id


def test_a_balance_tells_all_of_a_book(partner: Holder, posted: str) -> None:
    """Fifteen trust: amounts with six places, the meter of 100 * 15 / 315, the label with its reason and way out."""
    told = partner.get(ADA).json
    assert (told["creator_id"], told["as_of"], told["day"], told["final"]) == (posted, None, "2026-11-23", False)
    assert told["total"] == {"standing": "15.000000", "mending": "0.000000", "available": "15.000000"}
    (book,) = told["books"]
    assert (book["meter"], book["standing"], book["points"]) == ("network:youtube", "15.000000", "4.761904")
    assert (book["fresh"], book["bedrock"], book["confidence"]) == ("13.500000", "1.500000", "few")
    assert (book["reliability"], book["known_acts"], book["seq"]) == ("0.941176", "3.000000", 3)
    assert book["record"] == {"credits": "15.000000", "drains": "0.000000", "breaches": 0, "apologies": 0}
    assert book["label"]["name"] == "new"
    assert book["label"]["reason"]
    assert book["label"]["way_out"]


def test_a_balance_is_what_the_document_says(partner: Holder, posted: str) -> None:
    """Every field that is sent is documented, and the other way round."""
    assert fields_of(BalancesOut()) == fields_of(partner.get(ADA).json)
    looked_up = partner.post("/v1/balances/lookup", json={"creators": ["youtube:ada"]}).json
    assert fields_of(LookupOut()) == fields_of(looked_up)


def fields_of(thing: Any) -> Any:
    """The names in a schema or a JSON value, as deep as they go."""
    if hasattr(thing, "fields"):
        return {name: fields_of(field) for name, field in thing.fields.items()}
    if hasattr(thing, "inner"):
        return fields_of(thing.inner)
    if hasattr(thing, "schema") and hasattr(thing, "nested"):
        return fields_of(thing.schema)
    if isinstance(thing, dict):
        return {name: fields_of(value) for name, value in thing.items()}
    return fields_of(thing[0]) if isinstance(thing, list) and thing else None


def test_an_unread_book_is_empty(partner: Holder, creator_id: str) -> None:
    """A new creator has a balance: all zero, never recorded."""
    (book,) = partner.get(ADA).json["books"]
    assert (book["standing"], book["seq"], book["recorded_at"]) == ("0.000000", 0, None)


def test_a_balance_fades_while_nobody_posts(partner: Holder, posted: str, clock: Clock) -> None:
    """Ninety days on, half of what is fresh is left, whether or not a job ran."""
    clock.pass_days(90)
    (book,) = partner.get(ADA).json["books"]
    assert book["fresh"].startswith("6.75")
    assert book["settled_through"] == "2026-11-23"


def test_in_the_red_the_meter_is_nought_and_says_by_how_much(partner: Holder, posted: str) -> None:
    """Below zero nothing is available, the meter shows 0, and the debt is named."""
    grave = event("b-1", kind="breach", facts={"severity": 4, "category": "fraud"})
    assert partner.post("/v1/events", json=grave).status_code == 201
    (book,) = partner.get(ADA).json["books"]
    assert book["standing"] == f"-{book['in_the_red']}"
    assert (book["points"], book["available"]) == ("0.000000", "0.000000")


def test_as_of_answers_for_a_moment(partner: Holder, posted: str, clock: Clock) -> None:
    """As of yesterday there was nothing; as of now, later, what is there now, and finally."""
    before = partner.get(f"{ADA}?as_of=2026-11-22T00:00:00Z").json
    assert (before["total"]["standing"], before["final"]) == ("0.000000", True)
    clock.pass_days(3)
    after = partner.get(f"{ADA}?as_of=2026-11-23T22:00:00%2B01:00").json
    assert (after["total"]["standing"], after["final"]) == ("15.000000", True)
    assert (after["as_of"], after["day"]) == ("2026-11-23T21:00:00Z", "2026-11-23")


def test_a_plus_that_became_a_space_is_told(partner: Holder, posted: str) -> None:
    """An offset whose plus was not escaped arrives as a space: the refusal says how to write it."""
    answer = partner.get("/v1/creators/youtube:ada/balance?as_of=2026-11-23T10:00:00+02:00")
    assert answer.status_code == 422
    assert answer.json["detail"].endswith("(write + as %2B)")
    assert partner.get("/v1/creators/youtube:ada/balance?as_of=2026-11-23T10:00:00%2B02:00").status_code == 200


@pytest.mark.parametrize(
    "path",
    ["balance?meter=youtube", "history?meter=youtube", "entries?meter=youtube", "entries/youtube/1"],
)
def test_a_wrong_meter_is_told_from_a_wrong_creator(
    partner: Holder, other_partner: Holder, posted: str, path: str
) -> None:
    """Whoever may read a book of the creator's hears which there are; to others there is no such creator."""
    told, hidden = (who.get(f"/v1/creators/youtube:ada/{path}") for who in (partner, other_partner))
    assert (told.status_code, hidden.status_code) == (404, 404)
    assert told.json["detail"].endswith("book youtube; this creator has network:youtube")
    assert (hidden.json["code"], "network:youtube" in hidden.text) == ("unknown_creator", False)


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("as_of=2026-11-23", "as_of"),
        ("as_of=2026-11-24T00:00:00Z", "as_of"),
        ("as_of=2026-11-23T10:00:00", "as_of"),
        ("as_of=1999-12-31T23:59:59Z", "as_of"),
        ("as_of=0001-01-01T00:00:00%2B23:59", "as_of"),
        ("as_of=9999-12-31T23:59:59-23:59", "as_of"),
        ("metre=network:youtube", "metre"),
        ("meter=network:youtube&meter=network:tiktok", "meter"),
    ],
)
def test_a_query_that_says_nothing_clear_is_refused(partner: Holder, posted: str, query: str, parameter: str) -> None:
    """The future, times without a zone, unknown and repeated parameters are refused by name."""
    answer = partner.get(f"{ADA}?{query}")
    assert answer.status_code == 422
    assert answer.mimetype == "application/problem+json"
    assert answer.json["errors"][0]["parameter"] == parameter


def test_a_reader_who_has_it_is_told_that_nothing_changed(partner: Holder, posted: str, clock: Clock) -> None:
    """The same ETag a minute later: 304 without a body; another one once something was posted."""
    first = partner.get(ADA)
    clock.pass_days(0.001)
    again = partner.get(ADA, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    assert partner.post("/v1/events", json=event("e-9")).status_code == 201
    changed = partner.get(ADA, headers={"If-None-Match": first.headers["ETag"]})
    assert (changed.status_code, changed.headers["Cache-Control"]) == (200, "private, no-cache")


# Who may ask


def test_a_private_creator_is_not_there_for_others(
    partner: Holder, other_partner: Holder, brand: Holder, creator: Holder, operator: Holder, posted: str
) -> None:
    """Her own partner, she herself and an operator see Ada; to all others she is as unknown as nobody."""
    assert [who.get(ADA).status_code for who in (partner, creator, operator)] == [200, 200, 200]
    for who in (other_partner, brand):
        hers, nobodys = who.get(ADA), who.get(ADA.replace("ada", "nobody"))
        assert (hers.status_code, nobodys.status_code) == (404, 404)
        assert hers.json == nobodys.json


@pytest.mark.parametrize("query", ["", "?as_of=2026-11-23T10:00:00Z"])
def test_nothing_is_worked_out_for_whoever_may_not_see_it(brand: Holder, posted: str, query: str) -> None:
    """A private creator takes a stranger no longer than nobody: no balance is accrued before the refusal."""
    before = queries._balance.cache_info()
    answers = [brand.get(f"{name}{query}") for name in (ADA, f"/v1/creators/{posted}/balance")]
    answers.append(brand.post("/v1/balances/lookup", json={"creators": [posted]}))

    assert [answer.status_code for answer in answers] == [404, 404, 200]
    assert answers[-1].json == {"balances": [], "not_found": [posted]}
    assert queries._balance.cache_info() == before


def test_a_public_creator_is_there_for_anyone_with_a_key(brand: Holder, public_creator_id: str) -> None:
    """A brand reads the meter of whoever chose to be public."""
    assert brand.get(f"/v1/creators/{public_creator_id}/balance").status_code == 200


def test_nobody_reads_without_a_key(app: Flask, posted: str) -> None:
    """No key, 401; a key without the scope, 403."""
    assert app.test_client().get(ADA).status_code == 401


def test_a_key_needs_the_scope(key_for: Any, posted: str) -> None:
    """A key that may only write reads nothing."""
    writer = key_for("partner", "acme", networks=["youtube"], scopes=["events:write"])
    assert writer.get(ADA).status_code == 403


# Many at once


def test_a_lookup_answers_by_the_names_asked_for(
    partner: Holder, other_partner: Holder, posted: str, public_creator_id: str
) -> None:
    """Found under the name that was sent; the missing and the forbidden are named alike."""
    names = ["youtube:ada", "youtube:nobody", public_creator_id, posted]
    told = partner.post("/v1/balances/lookup", json={"creators": names}).json
    assert [one["creator"] for one in told["balances"]] == ["youtube:ada", public_creator_id, posted]
    assert told["not_found"] == ["youtube:nobody"]
    single = partner.get(ADA).json
    assert told["balances"][0] == {"creator": "youtube:ada", **single}
    others = other_partner.post("/v1/balances/lookup", json={"creators": names}).json
    assert others["not_found"] == ["youtube:ada", "youtube:nobody", posted]


def test_a_lookup_has_a_limit(partner: Holder, creator_id: str) -> None:
    """A thousand creators are answered; one more, none at all, or what can't be a name is refused."""
    send = "/v1/balances/lookup"
    assert partner.post(send, json={"creators": ["youtube:x"] * 1_000}).status_code == 200
    refused = [["youtube:x"] * 1_001, [], ["not a name"]]
    assert [partner.post(send, json={"creators": names}).status_code for names in refused] == [422, 422, 422]
    assert partner.post(send, json={"creators": ["x"]}).json["errors"][0]["pointer"] == "/creators/0"
