"""Estimates, over HTTP."""

from collections.abc import Callable
from typing import Any

import pytest

from ledger import db, posting
from ledger.db import Database
from tests.api_fixtures import DAY_US, NOW_US, Clock, Holder
from tests.desk import RULES, tell

TRUST = 1_000_000


def asked(**changes: Any) -> dict[str, Any]:
    """What a brand asks about Grace, unless changed."""
    return {"creator": "youtube:grace", "brand": "nike", "disclosure": "clear", "fit": "0.7", **changes}


@pytest.fixture
def grace(books: Database, public_creator_id: str) -> str:
    """Grace, public, after forty days in which one fan a day replied, and a post every fourth day."""
    told = []
    for ago in range(40, 0, -1):
        at_us = NOW_US - ago * DAY_US
        told.append(
            tell(
                "engagement",
                ref=f"fan {ago}",
                at_us=at_us,
                creator="youtube:grace",
                act="reply",
                engager=f"fan {ago}",
            )
        )
        if ago % 4 == 0:
            told.append(tell("post", ref=f"post {ago}", at_us=at_us + 1, creator="youtube:grace"))
    books.write(lambda session: posting.post(session, events=told, clock=lambda: NOW_US, schedule=RULES, backfill=True))
    return public_creator_id


def micros(amount: str) -> int:
    """An amount as the API shows it, in micro-trust."""
    whole, places = amount.split(".")
    return int(whole) * TRUST + int(places)


def test_a_brand_sees_what_its_pitch_would_do(brand: Holder, grace: str) -> None:
    """Three quantiles of the drain, the meter after each, days to regain, the chance of each label, and advice."""
    response = brand.post("/v1/estimates", json=asked())
    assert response.status_code == 200
    told = response.json
    drains = [micros(told[name]["drain"]) for name in ("p10", "p50", "p90")]
    points = [micros(told[name]["points"]) for name in ("p10", "p50", "p90")]
    assert drains == sorted(drains)
    assert points == sorted(points, reverse=True)
    assert told["p50"]["drain"] == told["drain"]
    assert (told["prediction"]["measured"], told["prediction"]["sigma"]) == (0, "0.600000")
    assert sum(micros(chance) for chance in told["risk"].values()) == TRUST
    assert [item["name"] for item in told["improvements"]] == ["relationship", "fit"]
    assert told["fan"][0]["without"] == told["standing"]
    assert told["day"] == "2026-11-23"


def test_a_count_among_the_factors_is_a_whole_number(brand: Holder, grace: str) -> None:
    """An audience of 84,000 is told as that; shares and amounts keep their six places."""
    factors = brand.post("/v1/estimates", json=asked(followers=84_000)).json["factors"]
    assert (factors["followers"], factors["late_days"], factors["base"]) == ("84000", "0", "0.050000")


def test_the_estimate_is_what_the_books_then_write(partner: Holder, brand: Holder, grace: str) -> None:
    """The pitch that was estimated leaves the standing that was foretold, to the last micro."""
    told = brand.post("/v1/estimates", json=asked()).json
    facts = {"brand": "nike", "disclosure": "clear", "fit": "0.7"}
    posted = partner.post(
        "/v1/events",
        json={
            "creator": "youtube:grace",
            "kind": "pitch",
            "external_ref": "p-1",
            "occurred_at": "2026-11-23T12:00:00Z",
            "facts": facts,
        },
    ).json
    assert posted["entries"][-1]["standing"] == told["p50"]["standing"]


def test_the_usual_day_is_that_of_the_last_four_weeks(brand: Holder, grace: str) -> None:
    """A reply a day for weeks: without the pitch, tomorrow brings about 5, less what the night takes."""
    told = brand.post("/v1/estimates", json=asked()).json
    ahead = told["fan"][1]
    grown = micros(ahead["without"]) - micros(told["standing"])
    assert 2.5 * TRUST * ahead["day"] < grown < 5 * TRUST * ahead["day"]


def test_reversed_credit_is_not_counted_on(books: Database, brand: Holder, grace: str) -> None:
    """What was undone in the last weeks does not come in again tomorrow."""
    before = brand.post("/v1/estimates", json=asked()).json
    undone = [
        tell("reversal", ref=f"undo {ago}", at_us=NOW_US, creator="youtube:grace", event=f"fan {ago}")
        for ago in range(1, 29)
    ]
    books.write(lambda session: posting.post(session, events=undone, clock=lambda: NOW_US, schedule=RULES))
    after = brand.post("/v1/estimates", json=asked()).json
    assert micros(before["fan"][-1]["without"]) > micros(before["standing"])
    assert micros(after["fan"][-1]["without"]) < micros(after["standing"])


def test_an_estimate_writes_nothing(books: Database, brand: Holder, grace: str) -> None:
    """Not a row is there that was not there before."""
    tables = ("event", "entry", "tally", "tie", "breach", "book")

    def rows() -> list[Any]:
        with books.reading() as session:
            return [db.fetch(session, f"SELECT * FROM {table} ORDER BY 1, 2, 3") for table in tables]

    before = rows()
    assert brand.post("/v1/estimates", json=asked(disclosure="none")).status_code == 200
    assert rows() == before


def test_hiding_it_makes_a_sellout_and_disclosing_is_the_advice(brand: Holder, grace: str) -> None:
    """An undisclosed pitch costs three times as much, mends nothing, and the first advice is to disclose."""
    clear = brand.post("/v1/estimates", json=asked()).json
    hidden = brand.post("/v1/estimates", json=asked(disclosure="none")).json
    assert micros(hidden["drain"]) == 3 * micros(clear["drain"])
    assert hidden["credit"] == "0.000000"
    assert hidden["risk"]["sellout"] == "1.000000"
    assert hidden["improvements"][0]["name"] == "disclose"


def test_a_larger_audience_costs_more(brand: Holder, grace: str) -> None:
    """The account's own 20,000 followers count where nothing else is said."""
    own, same, more = (
        micros(brand.post("/v1/estimates", json=asked(**said)).json["drain"])
        for said in ({}, {"followers": 20_000}, {"followers": 2_000_000})
    )
    assert own == same < more


def test_an_empty_book_has_an_estimate(brand: Holder, public_creator_id: str) -> None:
    """Somebody who only just joined is not immune, and the label says that they are new."""
    told = brand.post("/v1/estimates", json=asked()).json
    assert (told["standing"], told["drain"], told["label"]["name"]) == ("0.000000", "1.000000", "new")
    assert told["p50"]["regained_after"] is None


def test_the_creator_may_be_named_by_id(brand: Holder, grace: str) -> None:
    """By UUID, with the only meter there is, the estimate is the same."""
    by_name, by_id, by_both = (
        brand.post("/v1/estimates", json=body).json
        for body in (asked(), asked(creator=grace), asked(creator=grace, meter="network:youtube"))
    )
    assert by_name == by_id == by_both


def test_time_goes_by(brand: Holder, grace: str, clock: Clock) -> None:
    """The estimate is made on the book as it stands on the day it is asked for."""
    today = brand.post("/v1/estimates", json=asked()).json
    clock.pass_days(30)
    later = brand.post("/v1/estimates", json=asked()).json
    assert later["day"] == "2026-12-23"
    assert micros(later["drain"]) < micros(today["drain"])


# Who may ask


def test_a_private_creator_is_not_known_to_brands(brand: Holder, creator_id: str) -> None:
    """A private creator, one on another network and one who does not exist get the same answer."""
    answers = [
        brand.post("/v1/estimates", json=asked(creator=name))
        for name in ("youtube:ada", creator_id, "youtube:nobody", "0192f0c1-0000-7000-8000-00000000ffff")
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.json["detail"] for answer in answers}) == 1


def test_those_who_may_know_a_private_creator_may_ask(
    partner: Holder, other_partner: Holder, creator: Holder, operator: Holder, creator_id: str
) -> None:
    """Her network's partner, she herself and the operator may; another network's partner may not."""
    body = asked(creator="youtube:ada")
    statuses = [holder.post("/v1/estimates", json=body).status_code for holder in (partner, creator, operator)]
    assert statuses == [200, 200, 200]
    assert other_partner.post("/v1/estimates", json=body).status_code == 404


def test_a_brand_estimates_its_own_pitches(brand: Holder, grace: str) -> None:
    """Nobody looks into another brand's relationship."""
    refused = brand.post("/v1/estimates", json=asked(brand="adidas"))
    assert (refused.status_code, refused.json["code"]) == (403, "forbidden")


def test_a_key_is_needed(client: Any, key_for: Callable[..., Holder], grace: str) -> None:
    """Without a key 401; with one that lacks the scope 403."""
    assert client.post("/v1/estimates", json=asked()).status_code == 401
    reader = key_for("brand", "nike", scopes=["balances:read"])
    assert reader.post("/v1/estimates", json=asked()).status_code == 403


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"fit": "1.1"}, "/fit"),
        ({"fit": "00.7"}, "/fit"),
        ({"fit": 0.7}, "/fit"),
        ({"disclosure": "loud"}, "/disclosure"),
        ({"brand": "Nike Inc."}, "/brand"),
        ({"followers": -1}, "/followers"),
        ({"meter": "brand:nike"}, "/meter"),
        ({"established": True}, "/established"),
        ({"budget": "1000"}, "/budget"),
    ],
)
def test_what_is_wrong_is_named(brand: Holder, grace: str, change: dict[str, Any], pointer: str) -> None:
    """Out of bounds, of the wrong type or unknown: 422 with a pointer to it; nobody may claim to be a friend."""
    refused = brand.post("/v1/estimates", json=asked(**change))
    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json["errors"]] == [pointer]
