"""Relationships, over HTTP."""

from collections.abc import Callable
from typing import Any

import pytest

from api.relationships import RelatedOut
from tests.api_fixtures import DAY_US, Clock, Holder, event
from tests.test_api_balances import fields_of

ALL = "/v1/relationships"
ADA = f"{ALL}/youtube:ada/nike"
GRACE = f"{ALL}/youtube:grace/nike"
EXCHANGE = {"kind": "exchange", "meter": "brand:nike", "facts": {"about": "help"}}


@pytest.fixture
def known(partner: Holder, creator_id: str) -> str:
    """Ada, who is private; the partner introduced nike to her."""
    answer = partner.post(ALL, json={"creator": "youtube:ada", "brand": "nike"})
    assert (answer.status_code, answer.json["status"]) == (201, "introduced")
    return creator_id


@pytest.fixture
def rival(key_for: Callable[..., Holder]) -> Holder:
    """Another brand."""
    return key_for("brand", "adidas")


def test_a_brand_is_let_in(
    brand: Holder, creator: Holder, partner: Holder, known: str, clock: Clock, operator: Holder
) -> None:
    """From introduction to established, as either side is told of it; the brand sees no history."""
    waiting = brand.get(ADA).json
    assert (waiting["status"], waiting["missing"], waiting["rapport"], waiting["next"]) == (
        "introduced",
        None,
        "0.000000",
        ["end"],
    )
    accepted = creator.post(f"{ADA}/accept")
    assert (accepted.status_code, accepted.json["status"], accepted.json["rapport"]) == (200, "accepted", "5.000000")
    assert accepted.json["missing"] == {"exchanges": 3, "not_before": "2026-12-07"}
    assert fields_of(RelatedOut()) == fields_of(accepted.json)
    for day in range(1, 4):
        clock.pass_days(1)
        told = event(f"x-{day}", occurred_at=f"2026-11-{23 + day}T12:00:00Z", **EXCHANGE)
        assert partner.post("/v1/events", json=told).status_code == 201
    assert brand.get(ADA).json["missing"] == {"exchanges": 0, "not_before": "2026-12-07"}
    clock.pass_days(11)
    seen = {who: holder.get(ADA).json for who, holder in {"brand": brand, "creator": creator, "all": operator}.items()}
    assert {(one["established"], one["missing"], one["exchanges"]) for one in seen.values()} == {(True, None, 3)}
    assert (seen["brand"]["history"], seen["brand"]["next"]) == (None, ["end"])
    assert seen["creator"]["next"] == ["end", "block"]
    assert creator.get(seen["creator"]["history"]).status_code == 200
    assert creator.get(ADA).json["rapport"] == seen["brand"]["rapport"]


def test_asked_twice_is_answered_twice(partner: Holder, creator: Holder, brand: Holder, known: str) -> None:
    """Whoever asks again, of either side, hears how things stand, and that it was a replay."""
    again = brand.post(ALL, json={"creator": "youtube:ada"})
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (200, "true")
    assert brand.get(again.headers["Location"]).json == again.json
    for word, status in (("accept", "accepted"), ("end", "ended"), ("block", "blocked")):
        first = creator.post(f"{ADA}/{word}")
        assert (first.status_code, first.json["status"]) == (200, status)
        assert "Idempotency-Replayed" not in first.headers
        repeated = partner.post(f"{ADA}/{word}")
        assert (repeated.status_code, repeated.headers["Idempotency-Replayed"]) == (200, "true")
        assert repeated.json == partner.get(ADA).json


def test_what_may_not_follow_is_refused_by_name(
    partner: Holder, creator: Holder, brand: Holder, known: str, clock: Clock
) -> None:
    """409 with the name of what is wrong; a brand that was declined comes back too early."""
    assert creator.post(f"{ADA}/decline").status_code == 200
    answers = [creator.post(f"{ADA}/{word}") for word in ("accept", "end")]
    assert [(one.status_code, one.json["code"]) for one in answers] == [(409, "illegal_transition")] * 2
    early = brand.post(ALL, json={"creator": "youtube:ada"})
    assert (early.status_code, early.json["code"]) == (422, "too_early")
    assert brand.get(ADA).json["again_from"] == "2026-12-23"
    assert creator.post(f"{ADA}/block").status_code == 200
    clock.pass_days(40)
    shut = brand.post(ALL, json={"creator": "youtube:ada"})
    assert (shut.status_code, shut.json["code"]) == (409, "not_let_in")
    told = event("x", occurred_at="2027-01-02T12:00:00Z", **EXCHANGE)
    assert partner.post("/v1/events", json=told).json["code"] == "not_let_in"


@pytest.mark.parametrize("word", ["accept", "decline", "block", "unblock"])
def test_the_creator_decides(brand: Holder, known: str, word: str) -> None:
    """A brand that was introduced hears that it is not its to decide."""
    assert brand.post(f"{ADA}/{word}").json["code"] == "forbidden"


def test_either_side_ends_it(brand: Holder, creator: Holder, known: str) -> None:
    """The statement says who did."""
    creator.post(f"{ADA}/accept")
    assert brand.post(f"{ADA}/end").json["status"] == "ended"
    lines = creator.get("/v1/creators/youtube:ada/entries?meter=brand:nike").json["entries"]
    assert [line["reason"] for line in lines] == [
        "nike ended the relationship.",
        "You let the brand in.",
        "nike introduced itself and asks to be let in.",
    ]


def test_a_platform_acts_for_its_creator(partner: Holder, creator: Holder, known: str) -> None:
    """The partner of the creator's network may, and the statement says that it did."""
    assert partner.post(f"{ADA}/decline").json["status"] == "declined"
    lines = creator.get("/v1/creators/youtube:ada/entries?meter=brand:nike").json["entries"]
    assert lines[0]["reason"] == "The platform declined nike."


# Who may know


def test_a_private_creator_is_there_for_whoever_was_introduced(
    brand: Holder, rival: Holder, partner: Holder, creator: Holder, creator_id: str
) -> None:
    """To any other brand there is no such creator: not to be introduced to, blocked by, or listed."""
    nobody = f"{ALL}/youtube:nobody/adidas"
    there = f"{ALL}/youtube:ada/adidas"
    assert creator.post(f"{there}/block").status_code == 200
    asked: list[Callable[[str, str], Any]] = [
        lambda path, name: rival.post(ALL, json={"creator": name}),
        lambda path, name: rival.get(path),
        lambda path, name: rival.post(f"{path}/end"),
        lambda path, name: rival.post(f"{path}/block"),
        lambda path, name: rival.get(f"{ALL}?creator={name}"),
        lambda path, name: rival.get(f"/v1/creators/{name}/balance"),
    ]
    for ask in asked:
        real, none = ask(there, "youtube:ada"), ask(nobody, "youtube:nobody")
        assert (real.status_code, real.json) == (none.status_code, none.json)
    assert brand.get(there).status_code == 404
    assert rival.get(ALL).json["relationships"] == []


def test_a_brand_introduces_itself_alone(brand: Holder, public_creator_id: str) -> None:
    """To a public creator, in its own name; then it may know of what is between them and of nothing else."""
    assert brand.get(GRACE).status_code == 404
    other = brand.post(ALL, json={"creator": "youtube:grace", "brand": "adidas"})
    assert (other.status_code, other.json["errors"][0]["pointer"]) == (403, "/brand")
    assert brand.post(ALL, json={"creator": "youtube:grace"}).status_code == 201
    assert brand.get(GRACE).json["creator_id"] == public_creator_id
    assert brand.get(f"{ALL}/youtube:grace/adidas").status_code == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [({"creator": "youtube:ada"}, 422), ({"creator": "youtube:ada", "brand": "No!"}, 422), ({"brand": "nike"}, 422)],
)
def test_a_partner_says_who_is_introduced_to_whom(
    partner: Holder, creator_id: str, body: dict[str, str], status: int
) -> None:
    """It is no brand itself, and names both sides."""
    assert partner.post(ALL, json=body).status_code == status


def test_what_is_between_two_is_not_public(
    partner: Holder, other_partner: Holder, brand: Holder, rival: Holder, public_creator_id: str, operator: Holder
) -> None:
    """A brand's book is the creator's and their network's to read, whatever the creator made public."""
    assert brand.post(ALL, json={"creator": "youtube:grace"}).status_code == 201
    assert partner.post(f"{GRACE}/accept").status_code == 200
    meters = {}
    for name, who in {"partner": partner, "other": other_partner, "brand": brand, "operator": operator}.items():
        answer = who.get("/v1/creators/youtube:grace/balance").json
        meters[name] = [book["meter"] for book in answer["books"]]
        looked = who.post("/v1/balances/lookup", json={"creators": ["youtube:grace"]}).json["balances"]
        assert [book["meter"] for book in looked[0]["books"]] == meters[name]
    both = ["brand:nike", "network:youtube"]
    assert meters == {"partner": both, "other": both[1:], "brand": both[1:], "operator": both}
    book = partner.get("/v1/creators/youtube:grace/balance?meter=brand:nike").json["books"][0]
    assert (book["label"], book["relationship"], book["standing"]) == (None, "accepted", "5.000000")
    for path in ("history", "balance"):
        refused = other_partner.get(f"/v1/creators/youtube:grace/{path}?meter=brand:nike")
        assert refused.status_code == 404
    assert rival.get("/v1/creators/youtube:grace/entries?meter=brand:nike").status_code == 403


def test_a_network_is_meant_where_no_book_is_named(creator: Holder, known: str) -> None:
    """Having met a brand changes nothing for who reads the statement or the history of the only network."""
    for path in ("entries", "history"):
        assert creator.get(f"/v1/creators/youtube:ada/{path}").json["meter"] == "network:youtube"


def test_lists_are_each_ones_own(
    brand: Holder, rival: Holder, creator: Holder, partner: Holder, known: str, public_creator_id: str
) -> None:
    """A brand's over all creators, a creator's over all brands, a partner's of the creator it names."""
    for name in ("adidas", "puma"):
        assert partner.post(ALL, json={"creator": "youtube:ada", "brand": name}).status_code == 201
    assert brand.post(ALL, json={"creator": "youtube:grace"}).status_code == 201
    assert {one["creator_id"] for one in brand.get(ALL).json["relationships"]} == {known, public_creator_id}
    first = creator.get(f"{ALL}?limit=2").json
    rest = creator.get(f"{ALL}?limit=2&after={first['next']}").json
    assert [one["brand"] for one in first["relationships"] + rest["relationships"]] == ["adidas", "nike", "puma"]
    assert rest["next"] is None
    assert len(partner.get(f"{ALL}?creator=youtube:ada&status=introduced").json["relationships"]) == 3
    assert len(rival.get(ALL).json["relationships"]) == 1
    assert brand.get(f"{ALL}?after={first['next']}").json["code"] == "invalid_cursor"
    assert brand.get(f"{ALL}?creator=youtube:grace").json["relationships"][0]["creator_id"] == public_creator_id
    assert brand.get(f"{ALL}?creator=youtube:nobody").json["relationships"] == []


# Events in a brand's book


def test_a_partner_tells_of_its_own_creators(
    partner: Holder, other_partner: Holder, creator: Holder, known: str, operator: Holder
) -> None:
    """Named by account or by UUID: an exchange with a creator who is on none of its networks is refused alike."""
    assert creator.post(f"{ADA}/accept").status_code == 200
    for n, name in enumerate(("youtube:ada", known)):
        told = event(f"x-{n}", creator=name, **EXCHANGE)
        assert partner.post("/v1/events", json=told).status_code == 201
        refused = other_partner.post("/v1/events", json=told)
        assert (refused.status_code, refused.json["code"]) == (403, "forbidden")
        batch = other_partner.post("/v1/events/batch", json=[told]).json
        assert (batch["refused"], batch["results"][0]["code"]) == (1, "forbidden")
        whole = other_partner.post("/v1/events/batch?atomic=true", json=[told])
        assert whole.json["code"] == "batch_refused"
    assert operator.post("/v1/events", json=event("x-9", creator=known, **EXCHANGE)).status_code == 201


def test_only_an_operator_speaks_of_what_others_told(partner: Holder, operator: Holder, creator_id: str) -> None:
    """A partner that names another reporter is refused, with a pointer to the member."""
    assert partner.post("/v1/events", json=event("b", kind="breach", facts={"severity": 1})).status_code == 201
    told = event("r", kind="reversal", facts={"event": "b", "reported_by": "acme"})
    refused = partner.post("/v1/events", json=told)
    assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (403, "/facts/reported_by")
    assert operator.post("/v1/events", json=told).status_code == 201


def test_days_are_those_of_the_clock(brand: Holder, known: str, clock: Clock) -> None:
    """A read a month on carries the rapport forward, whether any job ran or not."""
    before = brand.get(ADA)
    clock.now_us += 30 * DAY_US
    assert brand.get(ADA).json["since"] == before.json["since"]
    assert brand.get(ADA, headers={"If-None-Match": before.headers["ETag"]}).status_code == 304
