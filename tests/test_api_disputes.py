"""Disputes and reversals, over HTTP."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from api.disputes import DisputeOut, DisputesOut
from tests.api_fixtures import PARTNER_SCOPES, Clock, Holder, event
from tests.test_api_balances import fields_of

ALL = "/v1/disputes"
ENTRIES = "/v1/creators/youtube:ada/entries"


@pytest.fixture
def told(partner: Holder, creator_id: str) -> str:
    """Ada: line 1 a reply, line 2 a breach, both told by acme today."""
    for line in (event("e-1"), event("b-1", kind="breach", facts={"severity": 2})):
        assert partner.post("/v1/events", json=line).status_code == 201
    return creator_id


@pytest.fixture
def opened(creator: Holder, told: str) -> dict[str, Any]:
    """Ada's dispute of the breach."""
    answer = creator.post(ALL, json=contested())
    assert answer.status_code == 201
    found: dict[str, Any] = answer.json
    return found


@pytest.fixture
def rival(key_for: Callable[..., Holder]) -> Holder:
    """Another partner of youtube, who told of nothing."""
    return key_for("partner", "rival", networks=["youtube"], scopes=PARTNER_SCOPES)


def contested(**changes: Any) -> dict[str, Any]:
    """What Ada sends to contest her breach."""
    return {"meter": "network:youtube", "seq": 2, "reason": "It was somebody else's post."} | changes


def decide(holder: Holder, dispute: dict[str, Any], verdict: str, **more: Any) -> Any:
    """A verdict as it is answered."""
    return holder.post(f"{ALL}/{dispute['dispute']}/resolve", json={"verdict": verdict, **more})


# Contesting


def test_a_creator_contests_a_line(creator: Holder, opened: dict[str, Any], told: str) -> None:
    """The answer names the line, the event and its reporter; sending it again gives it again."""
    line = opened["line"]
    assert (opened["creator_id"], opened["seq"], opened["status"]) == (told, 2, "open")
    assert (line["kind"], line["event"], line["source"], line["external_ref"]) == ("breach", "breach", "acme", "b-1")
    assert (line["change"], line["reversed_by"], opened["opened_at"]) == ("-5.500000", None, "2026-11-23T15:33:20Z")
    again = creator.post(ALL, json=contested())
    assert (again.status_code, again.json) == (200, opened)
    assert creator.get(again.headers["Location"]).json == opened
    assert fields_of(DisputeOut()) == fields_of(opened)
    assert fields_of(DisputesOut())["disputes"] == fields_of(creator.get(ALL).json)["disputes"]


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"reason": "Another reason."}, 409, "already_contested"),
        ({"seq": 9}, 404, "not_found"),
        ({"meter": "network:tiktok"}, 404, "not_found"),
        ({"seq": 0}, 422, "invalid_request"),
        ({"reason": ""}, 422, "invalid_request"),
        ({"reason": "x" * 2_001}, 422, "invalid_request"),
        ({"reason": "a\u0000b"}, 422, "invalid_request"),
        ({"amount": "5"}, 422, "invalid_request"),
    ],
)
def test_what_cannot_be_contested_is_refused_by_name(
    creator: Holder, opened: dict[str, Any], changes: dict[str, Any], status: int, code: str
) -> None:
    """What is open already, is not there, or is not well formed."""
    answer = creator.post(ALL, json=contested(**changes))
    assert (answer.status_code, answer.json["code"]) == (status, code)


def test_only_the_creator_contests(
    partner: Holder, operator: Holder, key_for: Callable[..., Holder], told: str
) -> None:
    """Partners and operators have other ways; another creator has no such line."""
    assert [who.post(ALL, json=contested()).status_code for who in (partner, operator)] == [403, 403]
    other = key_for("creator", "00000000-0000-7000-8000-000000000000")
    assert other.post(ALL, json=contested()).status_code == 404


def test_time_passing_is_not_contested(creator: Holder, partner: Holder, told: str, clock: Clock) -> None:
    """A settlement is refused by name, with a pointer to the line."""
    clock.pass_days(3)
    late = event("e-2", occurred_at="2026-11-26T12:00:00Z")
    assert partner.post("/v1/events", json=late).status_code == 201
    answer = creator.post(ALL, json=contested(seq=3))
    assert (answer.status_code, answer.json["code"]) == (422, "not_contestable")
    assert answer.json["errors"][0]["pointer"] == "/seq"


# Resolving


def test_upheld_gives_back_what_is_left(partner: Holder, opened: dict[str, Any], clock: Clock) -> None:
    """The partner who told of it upholds: the breach is undone, the answer names the line that did it, once."""
    clock.pass_days(1)
    first = decide(partner, opened, "upheld", reason="We mixed two creators up.")
    assert first.status_code == 200
    assert (first.json["status"], first.json["resolved_by"]) == ("upheld", "acme")
    assert first.json["resolution"] == "We mixed two creators up."
    lines = partner.get(ENTRIES).json["entries"]
    assert (lines[0]["kind"], lines[0]["about"], lines[0]["seq"]) == ("reversal", 2, first.json["line"]["reversed_by"])
    assert lines[0]["reason"] == "An earlier line was contested, and the dispute upheld: what was left of it is undone."
    assert lines[0]["source"] == "trust-ledger"
    again = decide(partner, opened, "upheld")
    assert (again.status_code, again.json, again.headers["Idempotency-Replayed"]) == (200, first.json, "true")
    other = decide(partner, opened, "rejected", reason="No.")
    assert (other.status_code, other.json["code"]) == (409, "already_resolved")
    assert len(partner.get(f"{ENTRIES}?kind=reversal").json["entries"]) == 1


def test_a_rejection_says_why(operator: Holder, creator: Holder, opened: dict[str, Any]) -> None:
    """Without a reason it is refused by pointer; with one the creator reads it, and may contest once more."""
    bare = decide(operator, opened, "rejected")
    assert (bare.status_code, bare.json["errors"][0]["pointer"]) == (422, "/reason")
    assert decide(operator, opened, "rejected", reason="The post is yours.").status_code == 200
    seen = creator.get(f"{ALL}/{opened['dispute']}").json
    assert (seen["status"], seen["resolution"], seen["line"]["reversed_by"]) == ("rejected", "The post is yours.", None)
    same = creator.post(ALL, json=contested())
    assert (same.status_code, same.json["code"]) == (422, "not_contestable")
    assert creator.post(ALL, json=contested(reason="Here is proof.")).status_code == 201


def test_who_does_not_decide_hears_of_nothing(
    rival: Holder, other_partner: Holder, creator: Holder, brand: Holder, opened: dict[str, Any]
) -> None:
    """Another partner, of the same network or not, sees no dispute; a creator and a brand lack the scope."""
    answers = [decide(who, opened, "upheld").status_code for who in (rival, other_partner, creator, brand)]
    assert answers == [404, 404, 403, 403]
    assert [who.get(f"{ALL}/{opened['dispute']}").status_code for who in (rival, other_partner)] == [404, 404]
    assert [who.get(ALL).json["disputes"] for who in (rival, other_partner)] == [[], []]


@pytest.mark.parametrize("name", ["dispute_x", "quote_" + "0" * 64, "dispute_" + "0" * 64, "x"])
def test_there_is_no_such_dispute(operator: Holder, name: str) -> None:
    """Whatever is no dispute's id is not found."""
    assert operator.get(f"{ALL}/{name}").status_code == 404
    assert decide(operator, {"dispute": name}, "upheld").status_code == 404


# Seeing


def test_each_sees_what_concerns_them(
    creator: Holder, partner: Holder, operator: Holder, opened: dict[str, Any], key_for: Callable[..., Holder]
) -> None:
    """The creator their own, the partner those about its events, an operator all open ones of its networks."""
    assert [who.get(ALL).json["disputes"] for who in (creator, partner, operator)] == [[opened]] * 3
    elsewhere = key_for("operator", "ops", networks=["tiktok"])
    assert elsewhere.get(ALL).json["disputes"] == []
    assert elsewhere.get(f"{ALL}/{opened['dispute']}").status_code == 404
    decide(partner, opened, "rejected", reason="No.")
    assert [len(who.get(ALL).json["disputes"]) for who in (creator, partner, operator)] == [1, 1, 0]
    assert len(operator.get(f"{ALL}?status=rejected").json["disputes"]) == 1


def test_a_dispute_is_seen_on_the_statement(
    creator: Holder, partner: Holder, operator: Holder, rival: Holder, opened: dict[str, Any]
) -> None:
    """On its line, open and resolved, for the creator, operators and whoever told of it; for nobody else."""
    mark = {"dispute": opened["dispute"], "status": "open", "reason": opened["reason"], "resolution": None}
    for holder in (creator, partner, operator):
        lines = {line["seq"]: line["dispute"] for line in holder.get(ENTRIES).json["entries"]}
        assert lines == {2: mark, 1: None}
    assert [line["dispute"] for line in rival.get(ENTRIES).json["entries"]] == [None, None]
    decide(partner, opened, "rejected", reason="No.")
    one = creator.get(f"{ENTRIES}/network:youtube/2").json
    assert one["dispute"] == mark | {"status": "rejected", "resolution": "No."}


def test_pages_of_disputes_share_none(creator: Holder, partner: Holder, told: str) -> None:
    """Following `next` gives each dispute once, newest first; a cursor belongs to who asked and to the status."""
    many = [event(f"m-{n}", facts={"act": "like", "engager": f"f-{n}"}) for n in range(3)]
    assert partner.post("/v1/events/batch", json=many).status_code == 200
    made = [creator.post(ALL, json=contested(seq=seq)).json["dispute"] for seq in range(1, 6)]
    first = creator.get(f"{ALL}?limit=3").json
    second = creator.get(f"{ALL}?limit=3&after={first['next']}").json
    assert [one["dispute"] for one in first["disputes"] + second["disputes"]] == made[::-1]
    assert second["next"] is None
    assert partner.get(f"{ALL}?after={first['next']}").json["code"] == "invalid_cursor"
    assert creator.get(f"{ALL}?after={first['next']}&status=open").json["code"] == "invalid_cursor"


# Reversals


def test_a_partner_puts_a_mistake_right(partner: Holder, told: str, clock: Clock) -> None:
    """By the event's reference alone; asked again a day later the answer is the first."""
    asked = {"creator": "youtube:ada", "event": "b-1", "why": "mistake", "external_ref": "undo-1"}
    first = partner.post("/v1/reversals", json=asked)
    assert first.status_code == 201
    assert [(line["kind"], line["change"]) for line in first.json["entries"]] == [("reversal", "5.500000")]
    clock.pass_days(1)
    again = partner.post("/v1/reversals", json=asked | {"creator": told})
    assert (again.status_code, again.json["entries"]) == (200, first.json["entries"])
    assert again.headers["Idempotency-Replayed"] == "true"
    other = partner.post("/v1/reversals", json=asked | {"why": "fraud"})
    assert (other.status_code, other.json["errors"][0]["pointer"]) == (409, "/why")
    twice = partner.post("/v1/reversals", json=asked | {"external_ref": "undo-2"})
    assert (twice.status_code, twice.json["code"], twice.json["errors"][0]["pointer"]) == (
        422,
        "already_done",
        "/event",
    )


@pytest.mark.parametrize(
    ("changes", "status"),
    [({"event": "none"}, 422), ({"creator": "youtube:nobody"}, 404), ({"creator": "x"}, 404), ({"why": "anger"}, 422)],
)
def test_only_a_partners_own_mistakes(
    partner: Holder, rival: Holder, other_partner: Holder, told: str, changes: dict[str, str], status: int
) -> None:
    """What nobody told, or somebody else, can't be undone; whether a private creator exists does not leak."""
    asked = {"creator": "youtube:ada", "event": "b-1", "external_ref": "u"}
    assert partner.post("/v1/reversals", json=asked | changes).status_code == status
    assert rival.post("/v1/reversals", json=asked).json["code"] == "unknown_reference"
    assert other_partner.post("/v1/reversals", json=asked | {"creator": told}).status_code == 404


def test_the_books_are_sound_after_all_that(app: Flask, partner: Holder, opened: dict[str, Any]) -> None:
    """A dispute that was upheld leaves books that can be worked out again."""
    from ledger import audit

    assert decide(partner, opened, "upheld").status_code == 200
    ledger = app.extensions["trust_ledger"]
    with ledger.database.snapshot() as session:
        assert audit.verify(session, schedule=ledger.schedule()).ok
