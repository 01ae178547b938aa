"""Pitches from quote to outcome, over HTTP."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from api.pitch_documents import PitchOut
from tests.api_fixtures import Clock, Holder, event
from tests.test_api_balances import fields_of

ALL = "/v1/pitches"
BALANCE = "/v1/creators/youtube:ada/balance?meter=network:youtube"
ENTRIES = "/v1/creators/youtube:ada/entries"
REPLY = {"act": "reply"}
CLEAR = {"disclosure": "clear"}
TAKEN = {"positive": 950, "negative": 50, "acts": 1000, "usual_acts": 1100}


@pytest.fixture
def told(partner: Holder, creator: Holder, creator_id: str, clock: Clock) -> str:
    """Ada, private, with five days of replies behind her, and nike let in."""
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
    assert partner.post("/v1/relationships", json={"creator": "youtube:ada", "brand": "nike"}).status_code == 201
    assert creator.post("/v1/relationships/youtube:ada/nike/accept").status_code == 200
    return creator_id


@pytest.fixture
def rival(key_for: Callable[..., Holder]) -> Holder:
    """Another brand."""
    return key_for("brand", "adidas")


@pytest.fixture
def stranger(key_for: Callable[..., Holder]) -> Holder:
    """Another creator."""
    return key_for("creator", "00000000-0000-7000-8000-000000000000")


def quoted(holder: Holder, **changes: Any) -> str:
    """The id of a quote for nike."""
    asked = {"creator": "youtube:ada", "brand": "nike", "disclosure": "clear", "fit": "0.7", "quote": True, **changes}
    answer = holder.post("/v1/estimates", json=asked)
    assert answer.status_code in (200, 201), answer.json
    name: str = answer.json["quote"]["id"]
    return name


def held(holder: Holder) -> dict[str, Any]:
    """A pitch of nike's, quoted and held."""
    answer = holder.post(ALL, json={"quote": quoted(holder)})
    assert (answer.status_code, answer.headers["Location"]) == (201, f"{ALL}/{answer.json['pitch']}"), answer.json
    found: dict[str, Any] = answer.json
    return found


def act(holder: Holder, pitch: dict[str, Any], word: str, body: dict[str, Any] | None = None) -> Any:
    """A step as it is answered."""
    return holder.post(f"{ALL}/{pitch['pitch']}/{word}", json=body)


def see(holder: Holder, pitch: dict[str, Any]) -> dict[str, Any]:
    """A pitch as somebody reads it."""
    answer = holder.get(f"{ALL}/{pitch['pitch']}")
    assert answer.status_code == 200, answer.json
    found: dict[str, Any] = answer.json
    return found


def published(brand: Holder, creator: Holder) -> dict[str, Any]:
    """A pitch that is out."""
    pitch = held(brand)
    assert act(creator, pitch, "accept").status_code == 200
    assert act(creator, pitch, "publish", CLEAR).status_code == 200
    return pitch


def available(holder: Holder) -> tuple[str, str]:
    """What stands, and what of it may still be held."""
    book = holder.get(BALANCE).json["books"][0]
    return book["standing"], book["available"]


# From quote to outcome


def test_a_pitch_from_quote_to_outcome(
    told: str, brand: Holder, creator: Holder, partner: Holder, clock: Clock, app: Flask
) -> None:
    """Each side sees where it stands and what it may do; in the end, what it was good for, for each."""
    before = available(creator)
    pitch = held(brand)
    assert (pitch["status"], pitch["next"], pitch["captured"]) == ("held", ["withdraw"], "0.000000")
    assert see(creator, pitch)["next"] == ["accept", "decline", "withdraw"]
    standing, left = available(creator)
    assert (standing, before[0]) == (before[1], standing)
    assert float(left) == pytest.approx(float(standing) - float(pitch["held"]))
    assert act(creator, pitch, "accept").json["next"] == ["publish", "withdraw"]
    out = act(partner, pitch, "publish", CLEAR).json
    assert (out["status"], out["captured"], out["held"], out["unpaid"]) == (
        "published",
        out["quoted"],
        "0.000000",
        "0.000000",
    )
    assert (out["published_as"], out["next"], see(creator, pitch)["next"]) == ("clear", [], [])
    early = act(partner, pitch, "outcome", TAKEN)
    assert (early.status_code, early.json["code"]) == (422, "too_early")
    clock.pass_days(7)
    assert see(partner, pitch)["next"] == ["outcome"]
    figures = TAKEN | {"reach": 40_000, "objections": 2, "result": "1.25", "compensation": 150_000}
    done = act(partner, pitch, "outcome", figures).json
    assert (done["outcome"]["reported_by"], done["outcome"]["brand_result"]) == ("acme", "1.25")
    assert (done["outcome"]["compensation"], done["outcome"]["audience"]["reach"]) == (150_000, 40_000)
    assert float(done["outcome"]["ratio"]) < 1
    assert fields_of(PitchOut()) == fields_of(done)
    assert [see(who, pitch)["outcome"] for who in (brand, creator)] == [done["outcome"]] * 2
    sound(app)


def sound(app: Flask) -> None:
    """All of it can be worked out again."""
    from ledger import audit

    ledger = app.extensions["trust_ledger"]
    with ledger.database.snapshot() as session:
        report = audit.verify(session, schedule=ledger.schedule())
    assert report.ok, report.first_bad


def test_the_statement_tells_all_of_it(
    told: str, brand: Holder, creator: Holder, partner: Holder, clock: Clock, operator: Holder
) -> None:
    """Every step is a line with its reason, in the creator's book; the brand's own book has its share."""
    gone = held(brand)
    act(brand, gone, "withdraw")
    pitch = published(brand, creator)
    clock.pass_days(7)
    act(partner, pitch, "outcome", TAKEN)
    lines = [
        line for line in creator.get(f"{ENTRIES}?meter=network:youtube").json["entries"] if line["kind"] != "engagement"
    ]
    kinds = [line["kind"] for line in reversed(lines) if line["kind"] != "settlement"]
    assert kinds == ["pitch_held", "pitch_step", "pitch_held", "pitch_step", "pitch", "transparency", "outcome"]
    reasons = {line["kind"]: line["reason"] for line in lines}
    assert "A pitch for nike was authorised and holds" in reasons["pitch_held"]
    assert reasons["pitch"].startswith("The sponsored post for nike, at the terms that were quoted;")
    steps = [line["reason"] for line in reversed(lines) if line["kind"] == "pitch_step"]
    assert steps[0].startswith("The pitch for nike was withdrawn by nike:")
    assert steps[1] == "The pitch for nike was accepted by you."
    hold = next(line for line in lines if line["kind"] == "pitch_held")
    assert hold["factors"]["drain"] == micros(see(creator, pitch)["quoted"])
    beside = {line["kind"] for line in creator.get(f"{ENTRIES}?meter=brand:nike").json["entries"]}
    assert {"relationship", "rapport", "pitch_held", "pitch", "outcome"} <= beside
    for line in lines[:3]:
        one = creator.get(f"{ENTRIES}/network:youtube/{line['seq']}").json["recomputed"]
        assert (one["amount_agrees"], one["hash_agrees"], one["link_agrees"]) == (True, True, True)
    assert brand.get(f"{ENTRIES}?meter=brand:nike").status_code == 403


def micros(amount: str) -> int:
    """An amount as it is shown, in micro-trust, as factors have it."""
    return int(amount.replace(".", ""))


def test_repeated_calls_are_replays(told: str, brand: Holder, creator: Holder, partner: Holder, clock: Clock) -> None:
    """Every call may be sent again, by whoever may send it: nothing happens twice."""
    name = quoted(brand)
    assert [brand.post(ALL, json={"quote": name}).status_code for _ in range(2)] == [201, 200]
    again = partner.post(ALL, json={"quote": name})
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (200, "true")
    pitch = again.json
    for word, body in (("accept", None), ("publish", CLEAR), ("outcome", TAKEN)):
        clock.pass_days(7 if word == "outcome" else 0)
        first, second = act(partner, pitch, word, body), act(partner, pitch, word, body)
        assert (first.status_code, second.status_code) == (200, 200)
        assert "Idempotency-Replayed" not in first.headers
        assert second.headers["Idempotency-Replayed"] == "true"
        assert first.json == second.json
    assert act(creator, pitch, "accept").headers["Idempotency-Replayed"] == "true"
    kinds = [line["kind"] for line in creator.get(f"{ENTRIES}?meter=network:youtube").json["entries"]]
    assert [kinds.count(kind) for kind in ("pitch_held", "pitch_step", "pitch", "outcome")] == [1] * 4


def test_another_body_is_a_conflict(told: str, brand: Holder, creator: Holder, partner: Holder, clock: Clock) -> None:
    """409 naming the member that differs."""
    pitch = published(brand, creator)
    vague = act(creator, pitch, "publish", {"disclosure": "vague"})
    assert (vague.status_code, vague.json["code"]) == (409, "external_ref_reused")
    assert vague.json["errors"][0]["pointer"] == "/disclosure"
    clock.pass_days(7)
    assert act(partner, pitch, "outcome", TAKEN).status_code == 200
    other = act(partner, pitch, "outcome", TAKEN | {"negative": 49})
    assert (other.status_code, other.json["errors"][0]["pointer"]) == (409, "/negative")


# What is refused by name


def test_a_quote_binds_while_it_lives(told: str, brand: Holder, partner: Holder, clock: Clock) -> None:
    """An expired quote, one that a newer has replaced, and one of a brand that is no longer let in."""
    old = quoted(brand)
    newer = quoted(brand)
    refused = brand.post(ALL, json={"quote": old})
    assert (refused.status_code, refused.json["code"]) == (409, "quote_replaced")
    assert brand.post("/v1/relationships/youtube:ada/nike/end").status_code == 200
    out = brand.post(ALL, json={"quote": newer})
    assert (out.status_code, out.json["code"]) == (409, "not_let_in")
    clock.pass_days(1)
    late = brand.post(ALL, json={"quote": newer})
    assert (late.status_code, late.json["code"]) == (409, "quote_expired")
    assert late.json["errors"][0]["pointer"] == "/quote"


def test_trust_cannot_be_leveraged(told: str, brand: Holder, partner: Holder) -> None:
    """What pitches hold is not available to others: in the end one is refused."""
    last = brand.post(ALL, json={"quote": quoted(brand, fit="0")})
    while last.status_code == 201:
        assert act(partner, last.json, "accept").status_code == 200
        last = brand.post(ALL, json={"quote": quoted(brand, fit="0")})
    assert (last.status_code, last.json["code"]) == (409, "exceeds_available")


def test_a_brand_waits_for_one_answer_at_a_time(told: str, brand: Holder, creator: Holder) -> None:
    """A second hold is 409 by name; it may be made once the creator has answered."""
    pitch, quote = held(brand), {"quote": quoted(brand)}
    refused = brand.post(ALL, json=quote)
    assert (refused.status_code, refused.json["code"]) == (409, "hold_waiting")
    assert refused.json["errors"][0]["pointer"] == "/quote"
    assert act(creator, pitch, "decline").status_code == 200
    assert brand.post(ALL, json=quote).status_code == 201


@pytest.mark.parametrize("word", ["end", "block"])
def test_what_waits_ends_with_the_relationship(
    told: str, brand: Holder, creator: Holder, partner: Holder, app: Flask, word: str
) -> None:
    """Withdrawn by who ended it, and free again; what was accepted stays, until somebody withdraws it."""
    kept = held(brand)
    assert act(creator, kept, "accept").status_code == 200
    before = available(creator)
    gone = held(brand)
    assert creator.post(f"/v1/relationships/youtube:ada/nike/{word}").status_code == 200
    assert [see(partner, one)["status"] for one in (kept, gone)] == ["accepted", "withdrawn"]
    assert available(creator) == before
    lines = creator.get(f"{ENTRIES}?meter=network:youtube").json["entries"]
    assert lines[0]["reason"].startswith("The pitch for nike was withdrawn by you:")
    assert act(creator, kept, "withdraw").status_code == 200
    sound(app)


@pytest.mark.parametrize(
    ("before", "word", "body"),
    [
        ((), "publish", CLEAR),
        ((), "outcome", TAKEN),
        (("decline",), "accept", None),
        (("withdraw",), "publish", CLEAR),
        (("accept",), "decline", None),
        (("accept", "withdraw"), "publish", CLEAR),
    ],
)
def test_what_may_not_follow_is_refused(
    told: str, brand: Holder, partner: Holder, before: tuple[str, ...], word: str, body: dict[str, Any] | None
) -> None:
    """409 by name, whatever was sent along."""
    pitch = held(brand)
    for step in before:
        assert act(partner, pitch, step).status_code == 200
    refused = act(partner, pitch, word, body)
    assert (refused.status_code, refused.json["code"]) == (409, "illegal_transition")


def test_an_expired_hold_is_shown_expired(told: str, brand: Holder, creator: Holder, clock: Clock) -> None:
    """No job runs here: it is expired when its time is over, in the list too, and holds nothing."""
    pitch = held(brand)
    assert act(creator, pitch, "accept").status_code == 200
    clock.pass_days(14)
    seen = see(creator, pitch)
    assert (seen["status"], seen["held"], seen["closed_at"], seen["next"]) == (
        "expired",
        "0.000000",
        pitch["expires_at"],
        [],
    )
    standing, left = available(creator)
    assert standing == left
    listed = {status: creator.get(f"{ALL}?status={status}").json["pitches"] for status in ("expired", "accepted")}
    assert listed == {"expired": [seen], "accepted": []}
    for who, word, body in ((creator, "publish", CLEAR), (brand, "withdraw", None)):
        assert act(who, pitch, word, body).json["code"] == "illegal_transition"


@pytest.mark.parametrize(
    ("word", "body", "pointer"),
    [
        ("publish", {}, "/disclosure"),
        ("publish", {"disclosure": "none"}, "/disclosure"),
        ("outcome", {"positive": 1}, "/negative"),
        ("outcome", TAKEN | {"result": "lots"}, "/result"),
        ("outcome", TAKEN | {"result": "100.5"}, "/result"),
        ("outcome", TAKEN | {"compensation": -1}, "/compensation"),
        ("outcome", TAKEN | {"price": 1}, "/price"),
    ],
)
def test_a_malformed_step_says_where(
    told: str, brand: Holder, creator: Holder, partner: Holder, clock: Clock, word: str, body: Any, pointer: str
) -> None:
    """422 with a pointer."""
    pitch = published(brand, creator)
    clock.pass_days(7)
    answer = act(partner, pitch, word, body)
    assert (answer.status_code, [one["pointer"] for one in answer.json["errors"]]) == (422, [pointer])


# Who may


def test_each_does_what_is_theirs(told: str, brand: Holder, creator: Holder, partner: Holder, clock: Clock) -> None:
    """A brand holds and withdraws, a creator accepts and publishes, their platform may for them, and measures."""
    pitch = held(brand)
    assert creator.post(ALL, json={"quote": pitch["quote"]}).json["code"] == "forbidden"
    for word, body in (("accept", None), ("decline", None), ("publish", CLEAR), ("outcome", TAKEN)):
        assert act(brand, pitch, word, body).json["code"] == "forbidden"
    assert act(partner, pitch, "accept").status_code == 200
    assert act(creator, pitch, "publish", CLEAR).status_code == 200
    clock.pass_days(7)
    assert act(creator, pitch, "outcome", TAKEN).json["code"] == "forbidden"


def test_to_others_there_is_no_such_pitch(
    told: str, brand: Holder, rival: Holder, stranger: Holder, other_partner: Holder
) -> None:
    """Another brand, creator or network's partner hears the same of a pitch as of none."""
    pitch = held(brand)
    none = {"pitch": "pitch_" + "0" * 64}
    for who in (rival, stranger, other_partner):
        for word, body in (("accept", None), ("withdraw", None), ("publish", CLEAR), ("outcome", TAKEN)):
            real, nothing = act(who, pitch, word, body), act(who, none, word, body)
            assert (real.status_code, real.json) == (nothing.status_code, nothing.json) == (404, nothing.json)
        assert who.get(f"{ALL}/{pitch['pitch']}").json == who.get(f"{ALL}/{none['pitch']}").json
        assert who.get(ALL).json["pitches"] == []
    for who in (rival, other_partner):
        real, nothing = (who.post(ALL, json={"quote": name}) for name in (pitch["quote"], "quote_" + "0" * 64))
        assert (real.status_code, real.json) == (404, nothing.json)
    assert rival.get(f"{ALL}?creator=youtube:ada").json == rival.get(f"{ALL}?creator=youtube:nobody").json
    assert rival.get(f"{ALL}?brand=nike").json["pitches"] == []


@pytest.mark.parametrize("name", ["pitch_x", "x", "quote_" + "0" * 64])
def test_what_is_no_id_is_not_found(operator: Holder, name: str) -> None:
    """Whatever was asked."""
    assert operator.get(f"{ALL}/{name}").status_code == 404
    assert act(operator, {"pitch": name}, "accept").status_code == 404


def test_lists_are_read_page_by_page(
    told: str, brand: Holder, creator: Holder, partner: Holder, operator: Holder
) -> None:
    """Newest quote first, each pitch once; a cursor belongs to who asked and what."""
    made = []
    for _ in range(3):
        pitch = held(brand)
        act(brand, pitch, "withdraw")
        made.append(pitch["pitch"])
    for who in (brand, creator, partner, operator):
        first = who.get(f"{ALL}?limit=2").json
        rest = who.get(f"{ALL}?limit=2&after={first['next']}").json
        assert [one["pitch"] for one in first["pitches"] + rest["pitches"]] == made[::-1]
        assert rest["next"] is None
        assert who.get(f"{ALL}?status=held&after={first['next']}").json["code"] == "invalid_cursor"
    cursor = brand.get(f"{ALL}?limit=1").json["next"]
    assert creator.get(f"{ALL}?after={cursor}").json["code"] == "invalid_cursor"
    assert len(partner.get(f"{ALL}?creator=youtube:ada&brand=nike&status=withdrawn").json["pitches"]) == 3
    assert partner.get(f"{ALL}?brand=adidas").json["pitches"] == []
