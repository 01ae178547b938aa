"""Estimates, over HTTP."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from ledger import db, events, lessons, notation, posting, relationships, tables
from ledger.db import Database
from tests.api_fixtures import DAY_US, NOW_US, TODAY, Clock, Holder
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
        ({"quote": 1}, "/quote"),
    ],
)
def test_what_is_wrong_is_named(brand: Holder, grace: str, change: dict[str, Any], pointer: str) -> None:
    """Out of bounds, of the wrong type or unknown: 422 with a pointer to it; nobody may claim to be a friend."""
    refused = brand.post("/v1/estimates", json=asked(**change))
    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json["errors"]] == [pointer]


# Where the brand stands


def befriend(books: Database, creator_id: str, *, days_ago: int, exchanges: int = 3, brand: str = "nike") -> None:
    """A brand is let in some days ago, and has its exchanges on the days after."""
    at_us = NOW_US - days_ago * DAY_US
    told: dict[str, Any] = {"creator_id": creator_id, "brand": brand, "clock": lambda: at_us, "schedule": RULES}
    books.write(lambda session: relationships.introduce(session, **told))
    books.write(lambda session: relationships.step(session, **told, status="accepted", by="creator"))
    for number in range(exchanges):
        exchange(books, creator_id, brand=brand, at_us=at_us + (number + 1) * DAY_US)


def exchange(books: Database, creator_id: str, *, brand: str, at_us: int) -> None:
    """A genuine exchange on a day."""
    met = tell("exchange", ref=f"met at {at_us}", at_us=at_us, creator=creator_id, meter=f"brand:{brand}")
    books.write(lambda session: posting.post(session, events=[met], clock=lambda: at_us, schedule=RULES))


def test_a_brand_that_nobody_let_in_is_a_stranger(brand: Holder, grace: str) -> None:
    """It has no meter with the creator, pays the stranger's price, and hears what a relationship takes."""
    told = brand.post("/v1/estimates", json=asked()).json
    assert told["factors"]["stranger"] == "1.500000"
    assert told["relationship"] == {
        "status": "none",
        "missing": {"exchanges": 3, "days": 14},
        "standing": "0.000000",
        "points": "0.000000",
        "p10": None,
        "p50": None,
        "p90": None,
    }


def test_an_established_brand_pays_less_and_spends_its_own_trust(books: Database, brand: Holder, grace: str) -> None:
    """Let in, three exchanges, 14 days: no stranger's price, and the same share leaves the brand's own meter."""
    stranger = brand.post("/v1/estimates", json=asked()).json
    befriend(books, grace, days_ago=20)
    told = brand.post("/v1/estimates", json=asked()).json
    relationship = told["relationship"]
    assert relationship["status"] == "established"
    assert relationship["missing"] == {"exchanges": 0, "days": 0}
    assert micros(told["drain"]) * 3 == pytest.approx(micros(stranger["drain"]) * 2, abs=100)
    held, share = micros(relationship["standing"]), micros(told["share"])
    assert held > 0
    assert micros(relationship["p50"]["drain"]) == held * share // TRUST
    assert micros(relationship["p50"]["standing"]) == held - held * share // TRUST


def test_the_estimate_of_a_friend_is_what_the_books_then_write(
    books: Database, partner: Holder, brand: Holder, grace: str
) -> None:
    """Posted, the pitch leaves both meters where the estimate said it would, to the last micro."""
    befriend(books, grace, days_ago=20)
    told = brand.post("/v1/estimates", json=asked()).json
    body = {
        "creator": "youtube:grace",
        "kind": "pitch",
        "external_ref": "p-1",
        "occurred_at": "2026-11-23T12:00:00Z",
        "facts": {"brand": "nike", "disclosure": "clear", "fit": "0.7"},
    }
    assert partner.post("/v1/events", json=body).status_code == 201
    with books.reading() as session:
        rows = db.fetch(
            session, "SELECT meter, fresh + bedrock FROM book WHERE creator_id = ? ORDER BY meter", (grace,)
        )
    wanted = (told["relationship"]["p50"]["standing"], told["p50"]["standing"])
    assert [row[1] for row in rows] == [micros(one) for one in wanted]


def test_a_brand_on_its_way_hears_what_is_missing(books: Database, brand: Holder, grace: str) -> None:
    """Five days after it was let in, with one exchange, two more and nine days are what the rule still asks."""
    befriend(books, grace, days_ago=5, exchanges=1)
    told = brand.post("/v1/estimates", json=asked()).json
    assert (told["relationship"]["status"], told["relationship"]["missing"]) == (
        "accepted",
        {"exchanges": 2, "days": 9},
    )
    advice = next(item["advice"] for item in told["improvements"] if item["name"] == "relationship")
    assert "2 more genuine exchanges and 9 more days, until 2 December" in advice


def test_a_brand_that_was_let_in_knows_a_private_creator(
    books: Database, brand: Holder, key_for: Callable[..., Holder], creator_id: str
) -> None:
    """Ada is private: who was let in may estimate, another brand is told that there is no such creator."""
    befriend(books, creator_id, days_ago=3)
    other = key_for("brand", "adidas")
    assert brand.post("/v1/estimates", json=asked(creator="youtube:ada")).status_code == 200
    assert other.post("/v1/estimates", json=asked(creator="youtube:ada", brand="adidas")).status_code == 404


def step(books: Database, creator_id: str, status: str, *, brand: str = "nike") -> None:
    """The creator takes a step towards a brand, today."""
    told: dict[str, Any] = {"creator_id": creator_id, "brand": brand, "clock": lambda: NOW_US, "schedule": RULES}
    books.write(lambda session: relationships.step(session, **told, status=status, by="creator"))


def test_how_a_brand_stands_is_between_the_two(
    books: Database,
    brand: Holder,
    partner: Holder,
    other_partner: Holder,
    operator: Holder,
    creator: Holder,
    key_for: Callable[..., Holder],
    grace: str,
) -> None:
    """It is a stranger to another network's partner and another creator; not to their own, the two and operators."""
    outside, inside = (other_partner, creator), (brand, partner, operator, key_for("creator", grace))
    body = {"creator": "youtube:grace", "brand": "nike", "fits": ["0.7"]}

    def seen(holders: Sequence[Holder]) -> list[Any]:
        told = [holder.post("/v1/estimates", json=asked()).json for holder in holders]
        assert all(one == told[0] for one in told)
        grids = [holder.post("/v1/estimates/grid", json=body).json for holder in holders]
        assert all(one == grids[0] for one in grids)
        return [told[0], grids[0]]

    stranger = seen(outside)
    assert stranger == seen(inside)
    befriend(books, grace, days_ago=20)
    assert seen(outside) == stranger
    friend, cells = seen(inside)
    assert friend["relationship"]["status"] == "established"
    assert cells != stranger[1]
    step(books, grace, "blocked")
    assert seen(outside) == stranger
    assert seen(inside)[0]["relationship"]["status"] == "blocked"


def test_a_brand_kept_away_before_it_came_does_not_hear_of_it(
    books: Database, brand: Holder, partner: Holder, grace: str
) -> None:
    """To itself it is a stranger as before, blocked or not again; the network's partner sees how it is."""
    before = brand.post("/v1/estimates", json=asked()).json
    step(books, grace, "blocked")
    assert brand.post("/v1/estimates", json=asked()).json == before
    assert partner.post("/v1/estimates", json=asked()).json["relationship"]["status"] == "blocked"
    assert "has not introduced itself" in quoted(brand).json["detail"]
    step(books, grace, "unblocked")
    assert brand.post("/v1/estimates", json=asked()).json == before


# What outcomes taught


def measured(books: Database, creator_id: str, ratios: Sequence[int], *, meter: str = "network:youtube") -> None:
    """Outcomes as the books keep them: outcome over formula in ppm, the latest last."""
    rows = [
        (creator_id, meter, 1_000 + number, number, TODAY - len(ratios) + number, "nike", ratio)
        for number, ratio in enumerate(ratios)
    ]
    books.write(lambda session: db.insert(session, tables.METADATA.tables["outcome"], rows))


def test_a_creators_own_outcomes_move_the_estimate(books: Database, brand: Holder, grace: str) -> None:
    """Twenty pitches that her audience took twice as hard bring the middle of the estimate near twice the formula."""
    before = brand.post("/v1/estimates", json=asked()).json
    measured(books, grace, [2 * TRUST] * 20)
    after = brand.post("/v1/estimates", json=asked()).json
    assert after["prediction"]["measured"] == 20
    assert 1.8 < micros(after["p50"]["drain"]) / micros(before["p50"]["drain"]) < 2
    assert float(after["prediction"]["sigma"]) < float(before["prediction"]["sigma"])


def test_only_the_newest_outcomes_count(books: Database, brand: Holder, grace: str) -> None:
    """Of very many outcomes the 200 newest are looked at, and none of another network."""
    measured(books, grace, [9 * TRUST] * 50 + [TRUST] * 200)
    measured(books, grace, [9 * TRUST] * 10, meter="network:tiktok")
    told = brand.post("/v1/estimates", json=asked()).json["prediction"]
    assert (told["measured"], told["bias"]) == (200, "0.000000")


def test_an_outcome_that_was_undone_teaches_nothing(books: Database, brand: Holder, grace: str) -> None:
    """Its row stays with a ratio of 0: neither the estimate nor the place of an older outcome goes by it."""
    measured(books, grace, [2 * TRUST] * 5)
    before = brand.post("/v1/estimates", json=asked()).json
    undone = [(grace, "network:youtube", 2_000 + n, n, TODAY, "nike", 0) for n in range(200)]
    books.write(lambda session: db.insert(session, tables.METADATA.tables["outcome"], undone))
    after = brand.post("/v1/estimates", json=asked()).json
    assert after["prediction"]["measured"] == 5
    assert after == before


# Quotes


def quoted(holder: Holder, **changes: Any) -> Any:
    """The answer to an estimate that is to bind."""
    return holder.post("/v1/estimates", json=asked(quote=True, **changes))


def test_a_quote_is_the_estimate_made_binding(books: Database, brand: Holder, grace: str) -> None:
    """Its terms are the estimate's, it can be read again, and it expires in 24 hours."""
    befriend(books, grace, days_ago=20)
    told = quoted(brand).json
    quote = told["quote"]
    assert quote == brand.get(f"/v1/estimates/{quote['id']}").json
    same = ("drain", "share", "credit", "policy_version")
    assert [quote[name] for name in same] == [told[name] for name in same]
    assert [quote[name] for name in ("p10", "p50", "p90")] == [told[name]["drain"] for name in ("p10", "p50", "p90")]
    assert quote["held"] == quote["p90"]
    assert quote["mending"] == told["factors"]["mending"]
    assert (quote["status"], quote["brand"], quote["meter"]) == ("live", "nike", "network:youtube")
    assert quote["established"] is True
    assert micros_of(quote["expires_at"]) - micros_of(quote["made_at"]) == DAY_US


def micros_of(text: str) -> int:
    """A time as the API shows it, in microseconds."""
    return notation.read_instant(text)


def test_an_estimate_is_no_quote_unless_asked_for(books: Database, brand: Holder, grace: str) -> None:
    """Without `quote` nothing binds and nothing is written."""
    befriend(books, grace, days_ago=20)
    assert brand.post("/v1/estimates", json=asked()).json["quote"] is None
    with books.reading() as session:
        assert db.fetch(session, "SELECT COUNT(*) FROM quote") == [(0,)]


def test_a_quote_ends_by_time_or_by_a_newer_one(books: Database, brand: Holder, grace: str, clock: Clock) -> None:
    """The older of two is replaced, and the newer one expires after a day."""
    befriend(books, grace, days_ago=20)
    first, second = quoted(brand).json["quote"]["id"], quoted(brand, fit="0.8").json["quote"]["id"]
    assert [brand.get(f"/v1/estimates/{one}").json["status"] for one in (first, second)] == ["replaced", "live"]
    clock.pass_days(1)
    assert [brand.get(f"/v1/estimates/{one}").json["status"] for one in (first, second)] == ["replaced", "expired"]


def test_a_brand_that_was_not_let_in_cannot_be_quoted(books: Database, brand: Holder, grace: str) -> None:
    """It may estimate; for a quote it has to introduce itself first, and to be let in."""
    refused = quoted(brand)
    assert (refused.status_code, refused.json["code"]) == (409, "not_let_in")
    assert "has not introduced itself" in refused.json["detail"]
    told: dict[str, Any] = {"creator_id": grace, "brand": "nike", "clock": lambda: NOW_US, "schedule": RULES}
    books.write(lambda session: relationships.introduce(session, **told))
    assert "is introduced" in quoted(brand).json["detail"]
    assert brand.post("/v1/estimates", json=asked()).json["relationship"]["status"] == "introduced"


def test_a_hidden_pitch_cannot_be_quoted(books: Database, brand: Holder, grace: str) -> None:
    """Nobody is offered terms for not telling the audience."""
    befriend(books, grace, days_ago=20)
    refused = quoted(brand, disclosure="none")
    assert refused.status_code == 422
    assert refused.json["errors"][0]["pointer"] == "/disclosure"


def test_who_may_ask_for_a_quote_and_read_it(
    books: Database,
    brand: Holder,
    partner: Holder,
    other_partner: Holder,
    operator: Holder,
    creator: Holder,
    key_for: Callable[..., Holder],
    grace: str,
) -> None:
    """The brand itself, its network's partner and the operator; for everybody else there is no such quote."""
    befriend(books, grace, days_ago=20)
    rival = key_for("brand", "adidas")
    told = [quoted(holder).status_code for holder in (brand, partner, operator, other_partner, creator)]
    assert told == [200, 200, 200, 403, 403]
    address = f"/v1/estimates/{quoted(brand).json['quote']['id']}"
    assert [one.get(address).status_code for one in (brand, partner, operator)] == [200, 200, 200]
    assert [one.get(address).status_code for one in (other_partner, creator, rival)] == [404, 404, 404]
    assert rival.get(address).json["detail"] == rival.get(f"/v1/estimates/quote_{64 * '0'}").json["detail"]


def test_pitches_on_hold_are_in_the_price(books: Database, brand: Holder, grace: str) -> None:
    """Accepted ones and the brand's own tire the audience; what others hold unanswered does not, nor what ran out."""
    before = brand.post("/v1/estimates", json=asked()).json
    held = [
        ("puma", "accepted", NOW_US + 1, None),
        ("nike", "held", NOW_US + 1, None),
        ("puma", "held", NOW_US + 1, None),
        ("puma", "accepted", NOW_US, None),
        ("puma", "declined", NOW_US + 1, NOW_US),
    ]
    rows = [
        (grace, "network:youtube", seq, events.new_id(), who, status, *[1] * 6, NOW_US, until, closed, None, 0)
        for seq, (who, status, until, closed) in enumerate(held, 900)
    ]
    books.write(lambda session: db.insert(session, tables.METADATA.tables["pitch"], rows))
    after = brand.post("/v1/estimates", json=asked()).json
    assert micros(after["factors"]["fatigue"]) - micros(before["factors"]["fatigue"]) == 2 * TRUST // 4


# The grid


def test_the_grid_shows_every_way(brand: Holder, grace: str) -> None:
    """Three disclosures, the fits asked for, and days up to two months on; today's cell is the estimate."""
    told = brand.post("/v1/estimates", json=asked()).json
    cells = brand.post(
        "/v1/estimates/grid", json={"creator": "youtube:grace", "brand": "nike", "fits": ["0.7", "0.9"]}
    ).json["cells"]
    assert len(cells) == 3 * 2 * 10
    assert [cells[0]["day"], cells[-1]["day"]] == ["2026-11-23", "2027-01-22"]
    today = cells[0]
    assert (today["disclosure"], today["fit"]) == ("clear", "0.700000")
    assert micros(today["p50"]) == micros(told["standing"]) - micros(told["p50"]["standing"])


def test_a_grid_is_asked_about_ones_own_pitches(brand: Holder, grace: str) -> None:
    """As with an estimate, another brand's are nobody's business, and what is wrong is named."""
    body = {"creator": "youtube:grace", "brand": "adidas"}
    assert brand.post("/v1/estimates/grid", json=body).status_code == 403
    wrong = brand.post("/v1/estimates/grid", json=body | {"brand": "nike", "fits": ["2"]})
    assert wrong.json["errors"][0]["pointer"] == "/fits/0"


# How good the estimates were


def test_before_the_first_night_there_is_no_report(brand: Holder) -> None:
    """Nothing measured yet is said as that, not as an error."""
    told = brand.get("/v1/estimates/calibration")
    assert told.status_code == 200
    assert told.json == {"through": None, "policy_version": None, "overall": None, "cohorts": [], "quarters": []}


def test_the_nights_report_is_published(books: Database, brand: Holder, grace: str) -> None:
    """Coverage and loss over all forecasts, by earlier outcomes and by quarter, as the job worked them out."""
    measured(books, grace, [TRUST, TRUST, 9 * TRUST])
    with books.reading() as session:
        found = lessons.measure(session, day=TODAY, policy=RULES.at(TODAY))
    books.write(lambda session: lessons.keep(session, found=found, day=TODAY, policy=RULES.at(TODAY)))
    told = brand.get("/v1/estimates/calibration").json
    assert (told["through"], told["overall"]["forecasts"]) == ("2026-11-23", 3)
    assert (told["overall"]["coverage"], told["overall"]["above"]) == ("0.666666", "0.333333")
    assert 0 < micros(told["overall"]["loss"]["p50"]) < micros(told["overall"]["loss"]["p90"])
    assert [(one["earlier_outcomes"], one["forecasts"]) for one in told["cohorts"]] == [
        ("0", 1),
        ("1-4", 2),
        ("5-19", 0),
        ("20-49", 0),
        ("50+", 0),
    ]
    assert [one["quarter"] for one in told["quarters"]] == ["2026-Q4"]


def test_either_of_two_scopes_opens_the_report(key_for: Callable[..., Holder]) -> None:
    """Whoever may read the rules or make estimates may see how good they were; nobody else."""
    statuses = [
        key_for("brand", "nike", scopes=[scope]).get("/v1/estimates/calibration").status_code
        for scope in ("policy:read", "estimates:write", "balances:read")
    ]
    assert statuses == [200, 200, 403]
