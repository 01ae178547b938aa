"""Creators over HTTP: joining with consent, being seen and changed by those who may."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.api_fixtures import Holder, event

JOINED = {
    "display_name": "Ada",
    "handle": "ada",
    "visibility": "private",
    "topics": ["engines"],
    "accounts": [{"network": "youtube", "external_id": "ada", "followers": 50_000}],
    "consent": {"at": "2026-11-01T10:00:00+01:00"},
}


def test_a_creator_joins_with_consent(partner: Holder) -> None:
    """Enrolling is 201 with an address and an ETag, and opens the network's book."""
    answer = partner.post("/v1/creators", json=JOINED)
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/v1/creators/{answer.json['creator']}"
    assert answer.json["consent"]["at"] == "2026-11-01T09:00:00Z"
    assert partner.get(answer.headers["Location"]).json == answer.json
    assert partner.post("/v1/events", json=event()).status_code == 201


def test_the_same_accounts_are_the_same_creator(partner: Holder) -> None:
    """Enrolling again is 200 and changes nothing."""
    first = partner.post("/v1/creators", json=JOINED)
    again = partner.post("/v1/creators", json=JOINED | {"display_name": "Somebody else"})
    assert (again.status_code, again.json, again.headers["ETag"]) == (200, first.json, first.headers["ETag"])


def test_an_account_and_a_handle_have_one_owner(partner: Holder) -> None:
    """Part of another's accounts, or another's handle, is 409 and points at it."""
    partner.post("/v1/creators", json=JOINED)
    more = [*JOINED["accounts"], {"network": "youtube", "external_id": "ada2"}]
    by_account = partner.post("/v1/creators", json=JOINED | {"accounts": more})
    by_handle = partner.post("/v1/creators", json=JOINED | {"accounts": more[1:]})
    assert [(a.status_code, a.json["errors"][0]["pointer"]) for a in (by_account, by_handle)] == [
        (409, "/accounts"),
        (409, "/handle"),
    ]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"consent": None}, "/consent"),
        ({"consent": {"at": "2026-11-01T10:00:00"}}, "/consent/at"),
        ({"consent": {"at": "2027-11-01T10:00:00Z"}}, "/consent/at"),
        ({"display_name": ""}, "/display_name"),
        ({"display_name": "a\x00"}, "/display_name"),
        ({"display_name": 5}, "/display_name"),
        ({"visibility": "secret"}, "/visibility"),
        ({"handle": "Ada!"}, "/handle"),
        ({"accounts": []}, "/accounts"),
        ({"accounts": [{"network": "You Tube", "external_id": "x"}]}, "/accounts/0/network"),
        ({"accounts": [{"network": "youtube", "external_id": "x", "followers": 1.5}]}, "/accounts/0/followers"),
        ({"accounts": [{"network": "youtube", "external_id": "x", "followers": True}]}, "/accounts/0/followers"),
        ({"accounts": [{"network": "youtube", "external_id": "x"}] * 2}, "/accounts/1"),
        ({"topics": ["x"] * 21}, "/topics"),
        ({"topics": ["Jazz", "film", "jazz"]}, "/topics/2"),
        ({"colour": "red"}, "/colour"),
    ],
)
def test_what_is_wrong_is_named(partner: Holder, changes: dict[str, Any], pointer: str) -> None:
    """A creator that cannot be enrolled is 422 with a pointer to what is wrong."""
    answer = partner.post("/v1/creators", json=JOINED | changes)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json["errors"]] == [pointer]


def test_a_partner_enrols_for_its_own_networks(other_partner: Holder, creator: Holder, brand: Holder) -> None:
    """Another network's partner may not, nor a creator; a brand has no such scope."""
    answers = [holder.post("/v1/creators", json=JOINED).status_code for holder in (other_partner, creator, brand)]
    assert answers == [403, 403, 403]


def test_a_private_creator_is_nobody_to_others(
    partner: Holder, other_partner: Holder, brand: Holder, operator: Holder, creator: Holder, creator_id: str
) -> None:
    """Who may know gets 200; to all others a private creator is not there, under any name."""
    nobody = "00000000-0000-7000-8000-000000000000"
    for name in (creator_id, "youtube:ada"):
        for holder in (partner, operator, creator):
            assert holder.get(f"/v1/creators/{name}").status_code == 200
        for holder in (other_partner, brand):
            hidden, absent = holder.get(f"/v1/creators/{name}"), holder.get(f"/v1/creators/{nobody}")
            assert (hidden.status_code, hidden.json) == (404, absent.json)


def test_a_public_creator_is_seen_by_all_with_a_key(
    other_partner: Holder, brand: Holder, client: Any, public_creator_id: str
) -> None:
    """Public means every key, not everyone; and seeing is not changing."""
    for holder in (other_partner, brand):
        assert holder.get("/v1/creators/youtube:grace").json["topics"] == ["compilers"]
    assert client.get("/v1/creators/youtube:grace").status_code == 401
    changed = other_partner.patch("/v1/creators/youtube:grace", json={}, headers={"If-Match": '"1"'})
    assert changed.status_code == 403


@pytest.mark.parametrize("name", ["ada", "youtube:", ":ada", "YOUTUBE:ada", "youtube:nobody", "%00", "x" * 500])
def test_no_name_breaks_the_address(partner: Holder, creator_id: str, name: str) -> None:
    """Whatever stands in the address, who is not there is not found."""
    answer = partner.get(f"/v1/creators/{name}")
    assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")


def test_a_change_needs_the_version_it_rests_on(partner: Holder, creator_id: str) -> None:
    """Without If-Match 428, with a stale one 412, with the right one 200 and the next version."""
    path, change = "/v1/creators/youtube:ada", {"display_name": "Ada L.", "visibility": "public", "topics": ["maths"]}
    tag = partner.get(path).headers["ETag"]
    assert partner.patch(path, json=change).status_code == 428
    changed = partner.patch(path, json=change, headers={"If-Match": tag})
    assert changed.status_code == 200
    assert {name: changed.json[name] for name in change} == change
    assert partner.patch(path, json={"topics": []}, headers={"If-Match": tag}).status_code == 412
    assert partner.get(path).json == changed.json


def test_what_is_known_is_not_sent_again(partner: Holder, creator_id: str) -> None:
    """The ETag as If-None-Match is 304 without a body, until something changes."""
    path = "/v1/creators/youtube:ada"
    tag = partner.get(path).headers["ETag"]
    unchanged = partner.get(path, headers={"If-None-Match": tag})
    assert (unchanged.status_code, unchanged.data, unchanged.headers["ETag"]) == (304, b"", tag)
    partner.patch(path, json={"topics": ["new"]}, headers={"If-Match": tag})
    assert partner.get(path, headers={"If-None-Match": tag}).status_code == 200


def test_an_audience_is_told_by_the_networks_partner(partner: Holder, creator: Holder, creator_id: str) -> None:
    """A partner says how many follow; the creator, whose pitches it prices, may not; unknown accounts are named."""
    path = "/v1/creators/youtube:ada"
    match = {"If-Match": partner.get(path).headers["ETag"]}
    count = {"accounts": [{"network": "youtube", "external_id": "ada", "followers": 7}]}
    other = {"accounts": [{"network": "youtube", "external_id": "bob", "followers": 7}]}
    assert creator.patch(path, json=count, headers=match).status_code == 403
    assert partner.patch(path, json=other, headers=match).json["errors"][0]["pointer"] == "/accounts/0"
    changed = partner.patch(path, json=count, headers=match)
    assert changed.json["accounts"] == [{"network": "youtube", "external_id": "ada", "followers": 7}]


def test_accounts_that_are_not_shown_cannot_be_guessed(partner: Holder, operator: Holder) -> None:
    """Whether an account on another partner's network is theirs shows in no refusal."""
    accounts = [{"network": network, "external_id": "cleo"} for network in ("youtube", "tiktok")]
    joined = JOINED | {"display_name": "Cleo", "handle": "cleo", "accounts": accounts}
    match = {"If-Match": operator.post("/v1/creators", json=joined).headers["ETag"]}
    guesses = [{"accounts": [{"network": "tiktok", "external_id": one, "followers": 7}]} for one in ("cleo", "leo")]
    told = [partner.patch("/v1/creators/youtube:cleo", json=one, headers=match) for one in guesses]
    assert [(one.status_code, one.json) for one in told] == [(403, told[0].json)] * 2


def test_a_creator_chooses_to_be_seen(creator: Holder, brand: Holder, creator_id: str) -> None:
    """Ada goes public herself, and from then on a brand finds her."""
    path = f"/v1/creators/{creator_id}"
    assert brand.get(path).status_code == 404
    assert creator.patch(path, json={"visibility": "public"}, headers={"If-Match": "*"}).status_code == 200
    assert brand.get(path).status_code == 200


def test_a_key_of_one_name_is_not_another_role(key_for: Callable[..., Holder], creator_id: str) -> None:
    """A partner that calls itself by a creator's id is still no such creator."""
    impostor = key_for("partner", creator_id, networks=["tiktok"])
    assert impostor.get(f"/v1/creators/{creator_id}").status_code == 404
