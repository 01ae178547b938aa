"""Attesting accounts, over HTTP."""

from collections.abc import Callable
from typing import Any

import pytest

from ledger import db, events, policy, standing
from ledger.db import Database
from tests.api_fixtures import DAY_US, NOW_US, Holder, event

PATH = "/v1/attestations"
PEPPER = b"a pepper for tests"
FANS = {"network": "youtube", "accounts": ["fan-1", "fan-2"]}


def sleep(books: Database, graphs: standing.Graphs, days: int = 0) -> None:
    """A night, so many days from now."""
    day = NOW_US // DAY_US + days
    standing.refresh(standing.Night(books, day, policy.builtin(), lambda: PEPPER, lambda: NOW_US), graphs)


def test_accounts_are_attested_once(partner: Holder) -> None:
    """Sent again, or twice in one call, an account is attested once; the answer says how many are now."""
    first = partner.post(PATH, json=FANS)
    again = partner.post(PATH, json={"network": "youtube", "accounts": ["fan-2", "fan-3", "fan-3"]})
    assert first.json == {"network": "youtube", "changed": 2, "attested": 2}
    assert again.json == {"network": "youtube", "changed": 1, "attested": 3}


def test_attestations_are_withdrawn(partner: Holder) -> None:
    """What was attested can be withdrawn; what never was is passed over."""
    partner.post(PATH, json=FANS)
    gone = partner.delete(PATH, json={"network": "youtube", "accounts": ["fan-2", "nobody"]})
    assert gone.json == {"network": "youtube", "changed": 1, "attested": 1}


def test_a_partner_withdraws_its_own_attestations(
    partner: Holder, operator: Holder, key_for: Callable[..., Holder]
) -> None:
    """Of two partners of a network neither undoes what the other stands by; an operator undoes both."""
    zeta = key_for("partner", "zeta", networks=["youtube"])
    partner.post(PATH, json=FANS)
    assert zeta.delete(PATH, json=FANS).json == {"network": "youtube", "changed": 0, "attested": 2}
    assert zeta.post(PATH, json=FANS).json == {"network": "youtube", "changed": 2, "attested": 2}
    assert partner.delete(PATH, json=FANS).json == {"network": "youtube", "changed": 2, "attested": 2}
    partner.post(PATH, json=FANS)
    assert operator.delete(PATH, json=FANS).json == {"network": "youtube", "changed": 2, "attested": 0}


def test_no_name_is_kept(partner: Holder, books: Database) -> None:
    """The database holds the keyed hash by which the account engages, who attested it and when."""
    partner.post(PATH, json={"network": "youtube", "accounts": ["fan-1"]})
    with books.reading() as session:
        rows = db.fetch(session, "SELECT * FROM attestation")
    assert rows == [("youtube", events.seal(PEPPER, "fan-1"), "acme", NOW_US)]


def test_the_count_is_told_and_what_the_night_found(
    partner: Holder, books: Database, creator_id: str, key_for: Callable[..., Holder]
) -> None:
    """Before the first night nothing is in use; after it, how far standing reached; nobody is named."""
    before = partner.get(f"{PATH}?network=youtube").json
    partner.post("/v1/events", json=event(kind="engagement", facts={"act": "reply", "engager": "fan-1"}))
    partner.post(PATH, json=FANS)
    waiting = partner.get(f"{PATH}?network=youtube").json
    sleep(books, standing.Graphs())
    night = {"day": "2026-11-23", "accounts": 2, "edges": 1, "active": 1}
    after = partner.get(f"{PATH}?network=youtube")

    assert before == {"network": "youtube", "attested": 0, "last_night": None}
    assert waiting == {"network": "youtube", "attested": 2, "last_night": None}
    assert after.json == {"network": "youtube", "attested": 2, "last_night": night}
    unchanged = partner.get(f"{PATH}?network=youtube", headers={"If-None-Match": after.headers["ETag"]})
    assert unchanged.status_code == 304


def test_strangers_count_for_little_once_somebody_is_attested(
    partner: Holder, books: Database, creator_id: str
) -> None:
    """The same reply is worth 5 where nobody is attested, and a fan's own standing decides from the next night on."""

    def reply(fan: str, ref: str) -> str:
        told = event(ref, kind="engagement", facts={"act": "reply", "engager": fan})
        amount: str = partner.post("/v1/events", json=told).json["entries"][0]["amount"]
        return amount

    assert reply("fan-1", "r1") == "5.000000"
    partner.post(PATH, json={"network": "youtube", "accounts": ["fan-1"]})
    assert reply("fan-2", "r2") == "5.000000"
    sleep(books, standing.Graphs())
    stranger, known = reply("fan-3", "r3"), reply("fan-1", "r4")
    assert float(stranger) < 1 < float(known)
    partner.delete(PATH, json={"network": "youtube", "accounts": ["fan-1"]})
    sleep(books, standing.Graphs())
    assert reply("fan-4", "r5") == "5.000000"


def test_whose_network_it_is_not_hears_where_they_named_it(other_partner: Holder) -> None:
    """In a query there is no pointer: the parameter is named."""
    refused = other_partner.get(f"{PATH}?network=youtube")
    assert (refused.status_code, refused.json["errors"][0]["parameter"]) == (403, "network")


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_only_the_networks_own_partner_attests(other_partner: Holder, brand: Holder, method: str) -> None:
    """Another network's partner hears that it may not act for this one, a brand that it lacks the scope."""
    refused = other_partner.open(PATH, method=method, json=FANS)
    assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (403, "/network")
    assert "attestations:write" in brand.open(PATH, method=method, json=FANS).json["detail"]


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"network": "You Tube", "accounts": ["a"]}, "/network"),
        ({"network": "youtube", "accounts": []}, "/accounts"),
        ({"network": "youtube", "accounts": [str(n) for n in range(1_001)]}, "/accounts"),
        ({"network": "youtube", "accounts": ["a", ""]}, "/accounts/1"),
        ({"network": "youtube", "accounts": ["a"], "note": "x"}, "/note"),
        ({"accounts": ["a"]}, "/network"),
    ],
)
def test_what_is_not_well_formed_is_named(partner: Holder, wrong: dict[str, Any], pointer: str) -> None:
    """At most 1,000 accounts a call, each a name; nothing is attested of a call that is refused."""
    refused = partner.post(PATH, json=wrong)
    assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (422, pointer)
    assert partner.get(f"{PATH}?network=youtube").json["attested"] == 0
