"""Campaign plans, over HTTP."""

from collections.abc import Callable
from typing import Any

import pytest

from ledger import creators, db, posting, relationships
from ledger.db import Database
from tests.api_fixtures import DAY_US, NOW_US, TODAY, Clock, Holder
from tests.desk import RULES, tell

TRUST = 1_000_000
NAMES = ("grace", "joan", "mary")


def asked(**changes: Any) -> dict[str, Any]:
    """Two pitches in two weeks on any of three, unless changed."""
    names = [f"youtube:{name}" for name in NAMES]
    return {
        "brand": "nike",
        "creators": names,
        "pitches": 2,
        "horizon_days": 14,
        "floor": "0",
        "fit": "0.7",
        **changes,
    }


def enrol(books: Database, name: str, *, visibility: str = "public", network: str = "youtube") -> str:
    """A creator on a network."""
    return books.write(
        lambda session: creators.enrol(
            session,
            display_name=name,
            visibility=visibility,
            accounts=[creators.AccountOf(network, name, 20_000)],
            consent_at_us=1,
            enrolled_by="acme",
            now_us=NOW_US - DAY_US,
        )
    )[0]


@pytest.fixture
def three(books: Database) -> dict[str, str]:
    """Three public creators, of whom the first earned for ten days, the second for twenty, the third for thirty."""
    ids = {name: enrol(books, name) for name in NAMES}
    told = [
        tell(
            "engagement",
            ref=f"fan {ago} {fan}",
            at_us=NOW_US - ago * DAY_US + fan,
            creator=f"youtube:{name}",
            act="reply",
            engager=f"fan {ago} {fan}",
        )
        for place, name in enumerate(NAMES, 1)
        for ago in range(10 * place, 0, -1)
        for fan in range(3)
    ]
    books.write(lambda session: posting.post(session, events=told, clock=lambda: NOW_US, schedule=RULES, backfill=True))
    return ids


def micros(amount: str) -> int:
    """An amount as the API shows it, in micro-trust."""
    whole, places = amount.split(".")
    return int(whole) * TRUST + int(places)


def test_a_plan_says_who_when_and_at_what_cost(brand: Holder, three: dict[str, str]) -> None:
    """Two pitches on the one whom it costs least; each with its day, its drain and what is left, and their sum."""
    response = brand.post("/v1/campaigns/plan", json=asked())
    assert response.status_code == 200
    told = response.json
    assert (told["feasible"], told["exact"], told["pitches"]) == (True, True, 2)
    assert [slot["creator"] for slot in told["schedule"]] == ["youtube:grace"] * 2
    assert sum(micros(slot["cost"]) for slot in told["schedule"]) == micros(told["cost"])
    for slot in told["schedule"]:
        assert micros(slot["cost"]) == micros(slot["drain"]) - micros(slot["credit"])
        assert "2026-11-23" <= slot["day"] <= "2026-12-06"
    assert told["left_out"] == [
        {"creator": "youtube:joan", "reason": "dearer"},
        {"creator": "youtube:mary", "reason": "dearer"},
    ]
    assert told["binding"] == []


def test_a_plan_of_one_pitch_today_is_the_estimate(brand: Holder, three: dict[str, str]) -> None:
    """With today alone to choose from, the pitch costs what the estimate says."""
    told = brand.post("/v1/campaigns/plan", json=asked(pitches=1, horizon_days=1, creators=["youtube:joan"])).json
    body = {"creator": "youtube:joan", "brand": "nike", "disclosure": "clear", "fit": "0.7"}
    foretold = brand.post("/v1/estimates", json=body).json
    slot = told["schedule"][0]
    assert (slot["drain"], slot["credit"], slot["standing"]) == (
        foretold["p50"]["drain"],
        foretold["p50"]["credit"],
        foretold["p50"]["standing"],
    )


def test_a_floor_sends_pitches_to_those_who_can_bear_them(brand: Holder, three: dict[str, str]) -> None:
    """A floor over what the first two hold: both are left out for it, and the third stays over it."""
    told = brand.post("/v1/campaigns/plan", json=asked(floor="300")).json
    assert told["feasible"]
    assert {slot["creator"] for slot in told["schedule"]} == {"youtube:mary"}
    assert micros(told["creators"][0]["lowest"]) >= 300 * TRUST
    assert told["creators"][0]["pitches"] == 2


def test_a_floor_that_lets_too_few_says_so(brand: Holder, three: dict[str, str]) -> None:
    """No pitch fits over 10,000: the plan is empty, and each floor is told with how low a pitch would bring whom."""
    told = brand.post("/v1/campaigns/plan", json=asked(floor="10000")).json
    assert (told["feasible"], told["pitches"], told["schedule"]) == (False, 0, [])
    assert {item["reason"] for item in told["left_out"]} == {"floor"}
    assert [item["creator"] for item in told["binding"]] == [f"youtube:{name}" for name in NAMES]
    assert all(micros(item["lowest"]) < 10_000 * TRUST for item in told["binding"])


def test_creators_nobody_may_know_of_are_left_out_alike(
    brand: Holder, books: Database, three: dict[str, str], creator_id: str
) -> None:
    """A private one, one who does not exist and one on another network are all `not_found`."""
    enrol(books, "hidden", visibility="private", network="tiktok")
    names = ["youtube:ada", creator_id, "youtube:nobody", "tiktok:hidden", "tiktok:grace"]
    told = brand.post("/v1/campaigns/plan", json=asked(creators=["youtube:grace", *names])).json
    assert told["left_out"] == [{"creator": name, "reason": "not_found"} for name in names]


def test_a_blocked_brand_is_told_so(brand: Holder, books: Database, three: dict[str, str]) -> None:
    """Whoever blocked the brand is left out for that."""
    befriend(books, three["grace"], at_us=NOW_US - 20 * DAY_US)
    block(books, three["grace"])
    answer = brand.post("/v1/campaigns/plan", json=asked()).json
    assert {"creator": "youtube:grace", "reason": "blocked"} in answer["left_out"]
    assert {slot["creator"] for slot in answer["schedule"]} == {"youtube:joan"}


def block(books: Database, creator_id: str) -> None:
    """The creator blocks the brand, today."""
    told: dict[str, Any] = {"creator_id": creator_id, "brand": "nike", "clock": lambda: NOW_US, "schedule": RULES}
    books.write(lambda session: relationships.step(session, **told, status="blocked", by="creator"))


def test_a_block_is_told_to_nobody_else(
    partner: Holder, other_partner: Holder, creator: Holder, books: Database, three: dict[str, str]
) -> None:
    """Another network's partner and another creator get the plan for a stranger; the network's partner does not."""
    befriend(books, three["grace"], at_us=NOW_US - 20 * DAY_US)
    before = other_partner.post("/v1/campaigns/plan", json=asked()).json
    assert before != partner.post("/v1/campaigns/plan", json=asked()).json
    block(books, three["grace"])
    for holder in (other_partner, creator):
        assert holder.post("/v1/campaigns/plan", json=asked()).json == before
    assert partner.post("/v1/campaigns/plan", json=asked()).json["left_out"][0]["reason"] == "blocked"


def test_a_brand_kept_away_before_it_came_does_not_hear_of_it(
    brand: Holder, books: Database, three: dict[str, str]
) -> None:
    """Blocked without ever having introduced itself, it gets the plan that it got before."""
    before = brand.post("/v1/campaigns/plan", json=asked()).json
    block(books, three["grace"])
    assert brand.post("/v1/campaigns/plan", json=asked()).json == before


def test_another_name_for_the_same_creator_counts_once(brand: Holder, three: dict[str, str]) -> None:
    """A book can be planned for once, under the first name it was asked by."""
    names = ["youtube:grace", three["grace"], "youtube:grace"]
    told = brand.post("/v1/campaigns/plan", json=asked(creators=names)).json
    assert told["left_out"] == [{"creator": three["grace"], "reason": "repeated"}]
    assert len(told["creators"]) == 1


def test_a_better_fit_draws_the_pitch(brand: Holder, three: dict[str, str]) -> None:
    """Fits may be told creator by creator; what is told of nobody asked about is refused."""
    body = asked(pitches=1, creators=["youtube:joan", "youtube:mary"], fit="0", fits={"youtube:mary": "1"})
    assert brand.post("/v1/campaigns/plan", json=body).json["schedule"][0]["creator"] == "youtube:mary"
    stray = brand.post("/v1/campaigns/plan", json=body | {"fits": {"youtube:ada": "1"}})
    assert (stray.status_code, stray.json["errors"][0]["pointer"]) == (422, "/fits")
    for wrong, where in ((0.5, "/fits/youtube:mary"), ("2", "/fits/youtube:mary")):
        refused = brand.post("/v1/campaigns/plan", json=body | {"fits": {"youtube:mary": wrong}})
        assert (refused.status_code, [one["pointer"] for one in refused.json["errors"]]) == (422, [where])
    assert brand.post("/v1/campaigns/plan", json=body | {"fits": []}).json["errors"][0]["pointer"] == "/fits"


def test_clear_disclosure_and_a_friend_never_cost_more(brand: Holder, books: Database, three: dict[str, str]) -> None:
    """The same campaign disclosed clearly instead of vaguely costs less, and less again for an established brand."""
    vague, clear = (
        brand.post("/v1/campaigns/plan", json=asked(disclosure=how)).json["cost"] for how in ("vague", "clear")
    )
    for creator_id in three.values():
        befriend(books, creator_id, at_us=NOW_US - 20 * DAY_US)
    friend = brand.post("/v1/campaigns/plan", json=asked()).json["cost"]
    assert micros(friend) < micros(clear) < micros(vague)


def befriend(books: Database, creator_id: str, *, at_us: int) -> None:
    """The brand is let in at a moment, and has an exchange on each of the three days after it."""
    told: dict[str, Any] = {"creator_id": creator_id, "brand": "nike", "clock": lambda: at_us, "schedule": RULES}
    books.write(lambda session: relationships.introduce(session, **told))
    books.write(lambda session: relationships.step(session, **told, status="accepted", by="creator"))
    for day in (1, 2, 3):
        exchange(books, creator_id, at_us=at_us + day * DAY_US)


def exchange(books: Database, creator_id: str, *, at_us: int) -> None:
    """A genuine exchange at a moment."""
    met = tell("exchange", ref=f"met at {at_us}", at_us=at_us, creator=creator_id, meter="brand:nike")
    books.write(lambda session: posting.post(session, events=[met], clock=lambda: at_us, schedule=RULES))


def test_planning_writes_nothing_and_reads_in_bounds(
    brand: Holder, books: Database, three: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three creators take as many statements as one does, and no row is written."""
    asked_for: list[str] = []
    real = db.fetch_keyed

    def counted(session: Any, sql: str, *rest: Any) -> Any:
        asked_for.append(sql)
        return real(session, sql, *rest)

    counts = []
    monkeypatch.setattr(db, "fetch_keyed", counted)
    for names in (["youtube:grace"], [f"youtube:{name}" for name in NAMES]):
        asked_for.clear()
        assert brand.post("/v1/campaigns/plan", json=asked(creators=names)).status_code == 200
        counts.append(len(asked_for))
    assert counts[0] == counts[1] <= 12
    with books.reading() as session:
        assert db.fetch(session, "SELECT COUNT(*) FROM quote") == [(0,)]


def test_a_creator_with_two_networks_is_named_by_one(brand: Holder, books: Database, three: dict[str, str]) -> None:
    """By id alone it would not be clear whose audience is meant; the answer says which networks there are."""
    books.write(
        lambda session: creators.enrol(
            session,
            display_name="both",
            visibility="public",
            accounts=[creators.AccountOf("youtube", "both", 1), creators.AccountOf("tiktok", "both", 1)],
            consent_at_us=1,
            enrolled_by="acme",
            now_us=NOW_US - DAY_US,
        )
    )
    with books.reading() as session:
        sql = "SELECT creator_id FROM account WHERE network = 'tiktok' AND external_id = 'both'"
        creator_id = str(db.fetch(session, sql)[0][0])
    unclear = brand.post("/v1/campaigns/plan", json=asked(creators=["youtube:grace", creator_id]))
    assert (unclear.status_code, unclear.json["errors"][0]["pointer"]) == (422, "/creators/1")
    assert brand.post("/v1/campaigns/plan", json=asked(creators=["tiktok:both"])).status_code == 200


def test_a_long_campaign_is_searched_for(brand: Holder, three: dict[str, str], clock: Clock) -> None:
    """Twelve pitches in half a year find their days, a week apart, and the plan does not claim to be proven."""
    told = brand.post("/v1/campaigns/plan", json=asked(pitches=12, horizon_days=180, spacing_days=7, floor="20")).json
    assert (told["feasible"], told["exact"], told["pitches"]) == (True, False, 12)
    assert all(micros(one["lowest"]) >= 20 * TRUST for one in told["creators"])
    assert clock.now_us // DAY_US == TODAY


def test_a_brand_plans_its_own_campaigns(
    brand: Holder, partner: Holder, key_for: Callable[..., Holder], three: dict[str, str]
) -> None:
    """Another brand's is refused; its network's partner may plan for it; without the scope nobody may."""
    assert brand.post("/v1/campaigns/plan", json=asked(brand="adidas")).status_code == 403
    assert partner.post("/v1/campaigns/plan", json=asked()).status_code == 200
    reader = key_for("brand", "nike", scopes=["balances:read"])
    assert reader.post("/v1/campaigns/plan", json=asked()).status_code == 403


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"creators": []}, "/creators"),
        ({"creators": ["youtube:u"] * 201}, "/creators"),
        ({"creators": ["nobody"]}, "/creators/0"),
        ({"pitches": 13}, "/pitches"),
        ({"pitches": 0}, "/pitches"),
        ({"horizon_days": 181}, "/horizon_days"),
        ({"floor": "-1"}, "/floor"),
        ({"floor": 100}, "/floor"),
        ({"floor": "1.0000001"}, "/floor"),
        ({"disclosure": "none"}, "/disclosure"),
        ({"fit": "1.5"}, "/fit"),
        ({"spacing_days": 0}, "/spacing_days"),
        ({"budget": "1"}, "/budget"),
    ],
)
def test_what_is_wrong_is_named(brand: Holder, three: dict[str, str], change: dict[str, Any], pointer: str) -> None:
    """Out of bounds, of the wrong type or unknown: 422 with a pointer to it; no campaign of hidden pitches."""
    refused = brand.post("/v1/campaigns/plan", json=asked(**change))
    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json["errors"]] == [pointer]
