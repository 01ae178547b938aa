"""Keys over HTTP: whoever has none, or not the right one, gets nowhere; a revoked one ends at once."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask

from ledger import db, keys, policy
from ledger.db import Database
from ledger.errors import InvalidKey
from ledger.settings import Settings
from tests.api_fixtures import NOW_US, Holder, event

PEPPER = b"a pepper for tests"


@pytest.fixture
def other_worker(app: Flask, api_settings: Settings) -> Iterator[Flask]:
    """A second process's app on the same database."""
    from api import create_app

    made = create_app(api_settings)
    yield made
    made.extensions["trust_ledger"].database.dispose()


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Bearer tl_wrong", "Bearer wrong", "Basic dGw6dGw=", "Bearer tl_" + "x" * 5000]
)
def test_without_a_key_there_is_no_way_in(client: Any, header: str) -> None:
    """Anything but a live key is 401 and says which scheme to use."""
    answer = client.post("/v1/events", json=event(), headers={"Authorization": header} if header else {})
    assert (answer.status_code, answer.mimetype) == (401, "application/problem+json")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_revoked_key_ends_at_once_in_every_worker(
    partner: Holder, other_worker: Flask, books: Database, creator_id: str
) -> None:
    """Each request reads its key from the database, so that no process goes on with a revoked one."""
    elsewhere = Holder(other_worker.test_client(), partner.secret)
    assert [holder.get("/v1/creators/youtube:ada").status_code for holder in (partner, elsewhere)] == [200, 200]
    assert books.write(lambda session: keys.revoke(session, key_id=partner.key_id, now_us=NOW_US))
    assert [holder.get("/v1/creators/youtube:ada").status_code for holder in (partner, elsewhere)] == [401, 401]
    assert not books.write(lambda session: keys.revoke(session, key_id=partner.key_id, now_us=NOW_US))


def test_a_key_does_what_its_scopes_say(key_for: Callable[..., Holder], creator_id: str) -> None:
    """A key that may only read cannot write, and hears which scope it lacks."""
    reader = key_for("partner", "acme", networks=["youtube"], scopes=["balances:read"])
    assert reader.get("/v1/creators/youtube:ada").status_code == 200
    refused = reader.post("/v1/events", json=event())
    assert (refused.status_code, refused.json["code"]) == (403, "forbidden")
    assert "events:write" in refused.json["detail"]


def test_no_secret_is_kept(partner: Holder, books: Database) -> None:
    """The database holds a keyed hash of 256 random bits, and nothing of the secret."""
    with books.reading() as session:
        row = db.fetch(session, "SELECT * FROM api_key")[0]
    assert len(partner.secret) >= 46
    assert partner.secret not in str(row)
    assert partner.secret[3:] not in str(row)


def test_another_pepper_opens_nothing(partner: Holder, books: Database) -> None:
    """Without the pepper, which is not in the database, a copied table is worth nothing."""
    found = books.read(lambda session: keys.find(session, secret=partner.secret, pepper=PEPPER, now_us=NOW_US))
    assert found is not None
    elsewhere: dict[str, Any] = {"secret": partner.secret, "pepper": b"another", "now_us": NOW_US}
    assert books.read(lambda session: keys.find(session, **elsewhere)) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"role": "admin", "owner": "x"},
        {"role": "brand", "owner": "Nike Inc."},
        {"role": "brand", "owner": "nike", "scopes": ["events:write"]},
        {"role": "creator", "owner": "ada"},
        {"role": "partner", "owner": "acme"},
        {"role": "partner", "owner": "trust-ledger", "networks": ["youtube"]},
        {"role": "partner", "owner": "acme", "networks": ["You Tube"]},
        {"role": "partner", "owner": "acme", "networks": ["youtube"], "scopes": ["operate"]},
        {"role": "partner", "owner": "acme", "networks": ["youtube"], "scopes": ["fly"]},
    ],
)
def test_a_key_fits_its_role(books: Database, wrong: dict[str, Any]) -> None:
    """No key is made for a role, owner, network or scope that does not go together."""
    with pytest.raises(InvalidKey):
        books.write(lambda session: keys.create(session, pepper=PEPPER, now_us=1, **wrong))


def test_keys_are_listed_without_their_secrets(books: Database, partner: Holder, brand: Holder) -> None:
    """The list says whose each key is and what it may do; where nothing was named, that is to read."""
    listed = books.read(keys.list_all)
    assert [(key.role, key.owner) for key in listed] == [("partner", "acme"), ("brand", "nike")]
    assert listed[0].networks == {"youtube"}
    by_default = books.write(
        lambda session: keys.create(session, role="operator", owner="ops", pepper=PEPPER, now_us=NOW_US + 1)
    )
    made = next(key for key in books.read(keys.list_all) if key.key_id == by_default[1])
    assert made.scopes == {"balances:read", "policy:read"}


# Every endpoint, every role: what a private creator's affairs look like to each

ROLES = ("nobody", "partner", "other_partner", "brand", "creator", "stranger", "operator")
OPEN = dict.fromkeys(ROLES, 200)
BOOK = {
    "nobody": 401,
    "partner": 200,
    "other_partner": 404,
    "brand": 404,
    "creator": 200,
    "stranger": 404,
    "operator": 200,
}
STATEMENT = BOOK | {"brand": 403}
ANY = OPEN | {"nobody": 401}
ATTEST = dict.fromkeys(OPEN, 403) | {"nobody": 401, "partner": 200, "operator": 200}
NO_DISPUTE = "dispute_" + "0" * 64  # tests/test_api_disputes.py has those that are there
NO_QUOTE = "quote_" + "0" * 64  # tests/test_api_estimates.py has those that are there
NO_PITCH = "pitch_" + "0" * 64  # and tests/test_api_pitches.py, test_api_relationships.py theirs
NO_KEY = "01936f2e-5b1c-7c3a-9f00-2b6f3c1d9e0a"  # further down are those that are there
NO_WEBHOOK = "00000000-0000-0000-0000-000000000000"  # tests/test_api_webhooks.py has those that are there
OURS = BOOK | {"brand": 404}
NOT_NOW = OURS | {"partner": 409, "creator": 409, "operator": 409}
NOWHERE = dict.fromkeys(OPEN, 404) | {"nobody": 401}
KLOUT = {"nobody": 403}
TABLE: dict[tuple[str, str], tuple[dict[str, int], Any]] = {
    ("POST", "/v1/creators"): (
        {
            "nobody": 401,
            "partner": 200,
            "other_partner": 403,
            "brand": 403,
            "creator": 403,
            "stranger": 403,
            "operator": 200,
        },
        {
            "display_name": "Ada",
            "accounts": [{"network": "youtube", "external_id": "ada"}],
            "consent": {"at": "2026-11-01T00:00:00Z"},
        },
    ),
    ("GET", "/v1/creators"): (ANY, None),
    ("GET", "/v1/creators/youtube:ada"): (BOOK, None),
    ("PATCH", "/v1/creators/youtube:ada"): (BOOK | {"brand": 403}, {"topics": ["x"]}),
    ("POST", "/v1/attestations"): (ATTEST, {"network": "youtube", "accounts": ["fan-1"]}),
    ("DELETE", "/v1/attestations"): (ATTEST, {"network": "youtube", "accounts": ["fan-1"]}),
    ("GET", "/v1/attestations?network=youtube"): (ATTEST, None),
    ("POST", "/v1/events"): (
        {
            "nobody": 401,
            "partner": 201,
            "other_partner": 403,
            "brand": 403,
            "creator": 403,
            "stranger": 403,
            "operator": 201,
        },
        event("again"),
    ),
    ("POST", "/v1/events/batch"): (
        {
            "nobody": 401,
            "partner": 200,
            "other_partner": 200,
            "brand": 403,
            "creator": 403,
            "stranger": 403,
            "operator": 200,
        },
        [event("again")],
    ),
    ("GET", "/v1/creators/youtube:ada/balance"): (BOOK, None),
    ("POST", "/v1/balances/lookup"): (ANY, {"creators": ["youtube:ada"]}),
    ("GET", "/v1/creators/youtube:ada/history"): (BOOK, None),
    ("GET", "/v1/creators/youtube:ada/entries"): (STATEMENT, None),
    ("GET", "/v1/creators/youtube:ada/entries/export"): (STATEMENT, None),
    ("GET", "/v1/creators/youtube:ada/entries/network:youtube/1"): (STATEMENT, None),
    ("GET", "/v1/creators/youtube:ada/sticks"): (BOOK, None),
    ("GET", "/v1/creators/youtube:ada/kred"): (BOOK, None),
    ("GET", "/v1/creators/youtube:ada/readings"): (BOOK, None),
    ("PUT", "/v1/creators/youtube:ada/readings"): (
        BOOK | {"brand": 403},
        {
            "readings": [
                {
                    "stick": "moz-da",
                    "value": "64.2",
                    "low": "1",
                    "high": "100",
                    "read_at": "2026-11-20T09:00:00Z",
                    "source": "its own page",
                }
            ]
        },
    ),
    ("POST", "/v1/disputes"): (
        {
            "nobody": 401,
            "partner": 403,
            "other_partner": 403,
            "brand": 403,
            "creator": 201,
            "stranger": 404,
            "operator": 403,
        },
        {"meter": "network:youtube", "seq": 1, "reason": "it was not so"},
    ),
    ("GET", "/v1/disputes"): (ANY | {"brand": 403}, None),
    ("GET", f"/v1/disputes/{NO_DISPUTE}"): (dict.fromkeys(OPEN, 404) | {"nobody": 401, "brand": 403}, None),
    ("POST", f"/v1/disputes/{NO_DISPUTE}/resolve"): (
        dict.fromkeys(OPEN, 404) | {"nobody": 401, "brand": 403, "creator": 403, "stranger": 403},
        {"verdict": "upheld"},
    ),
    ("POST", "/v1/reversals"): (
        {
            "nobody": 401,
            "partner": 201,
            "other_partner": 404,
            "brand": 403,
            "creator": 403,
            "stranger": 403,
            "operator": 422,
        },
        {"creator": "youtube:ada", "event": "e-1", "external_ref": "undo"},
    ),
    ("POST", "/v1/estimates"): (
        BOOK,
        {"creator": "youtube:ada", "brand": "nike", "disclosure": "clear", "fit": "0.7"},
    ),
    ("POST", "/v1/estimates/grid"): (BOOK, {"creator": "youtube:ada", "brand": "nike"}),
    ("GET", "/v1/estimates/calibration"): (ANY, None),
    ("GET", f"/v1/estimates/{NO_QUOTE}"): (dict.fromkeys(OPEN, 404) | {"nobody": 401}, None),
    ("POST", "/v1/campaigns/plan"): (
        ANY,
        {"brand": "nike", "creators": ["youtube:ada"], "pitches": 1, "horizon_days": 7, "floor": "0"},
    ),
    ("POST", "/v1/relationships"): (
        OURS | {"partner": 201, "operator": 201, "creator": 403, "stranger": 403},
        {"creator": "youtube:ada", "brand": "nike"},
    ),
    ("GET", "/v1/relationships"): (
        ANY | {"partner": 422, "other_partner": 422, "operator": 422, "stranger": 404},
        None,
    ),
    ("POST", "/v1/relationships/youtube:ada/nike/block"): (OURS, None),
    ("GET", "/v1/relationships/youtube:ada/nike"): (OURS, None),
    ("POST", "/v1/relationships/youtube:ada/nike/unblock"): (OURS, None),
    ("POST", "/v1/relationships/youtube:ada/nike/accept"): (NOT_NOW, None),
    ("POST", "/v1/relationships/youtube:ada/nike/decline"): (NOT_NOW, None),
    ("POST", "/v1/relationships/youtube:ada/nike/end"): (OURS, None),
    ("POST", "/v1/pitches"): (NOWHERE | {"creator": 403, "stranger": 403}, {"quote": "quote_" + "0" * 64}),
    ("GET", "/v1/pitches"): (ANY, None),
    ("GET", f"/v1/pitches/{NO_PITCH}"): (NOWHERE, None),
    **{("POST", f"/v1/pitches/{NO_PITCH}/{step}"): (NOWHERE, None) for step in ("accept", "decline", "withdraw")},
    ("POST", f"/v1/pitches/{NO_PITCH}/publish"): (NOWHERE, {"disclosure": "clear"}),
    ("POST", f"/v1/pitches/{NO_PITCH}/outcome"): (NOWHERE, {"positive": 1, "negative": 1}),
    ("GET", "/v1/policy"): (ANY, None),
    ("POST", "/v1/policy/simulations"): (
        dict.fromkeys(OPEN, 403) | {"nobody": 401, "operator": 200},
        {"policy": policy.builtin().text},
    ),
    ("GET", "/v2/identity.json/twitter?screenName=nobody"): (NOWHERE | KLOUT, None),
    ("GET", "/v2/identity.json/youtube/ada"): (BOOK | KLOUT, None),
    ("GET", "/v2/identity.json/klout/1/youtube"): (NOWHERE | KLOUT, None),  # tests/test_klout_v2.py has those there are
    **{("GET", f"/v2/user.json/1{part}"): (NOWHERE | KLOUT, None) for part in ("", "/score", "/topics", "/influence")},
    ("GET", "/v1/keys"): (ANY, None),
    ("POST", "/v1/keys"): (
        dict.fromkeys(OPEN, 403) | {"nobody": 401, "operator": 201},
        {"role": "brand", "owner": "puma"},
    ),
    ("GET", f"/v1/keys/{NO_KEY}"): (NOWHERE, None),
    ("POST", f"/v1/keys/{NO_KEY}/rotate"): (NOWHERE, {}),
    ("DELETE", f"/v1/keys/{NO_KEY}"): (NOWHERE, None),
    ("POST", "/v1/webhooks"): (ANY | dict.fromkeys(ROLES[1:], 201), {"url": "https://example.com/trust"}),
    ("GET", "/v1/webhooks"): (ANY, None),
    ("GET", f"/v1/webhooks/{NO_WEBHOOK}"): (NOWHERE, None),
    ("PATCH", f"/v1/webhooks/{NO_WEBHOOK}"): (NOWHERE, {"status": "paused"}),
    ("DELETE", f"/v1/webhooks/{NO_WEBHOOK}"): (NOWHERE, None),
    ("POST", f"/v1/webhooks/{NO_WEBHOOK}/rotate-secret"): (NOWHERE, {}),
    ("GET", f"/v1/webhooks/{NO_WEBHOOK}/deliveries"): (NOWHERE, None),
    ("POST", f"/v1/webhooks/{NO_WEBHOOK}/replay"): (NOWHERE, {"from_sequence": 1}),
    ("POST", f"/v1/webhooks/{NO_WEBHOOK}/test"): (NOWHERE, None),
    ("GET", "/healthz"): (OPEN, None),
    ("GET", "/readyz"): (OPEN, None),
    ("GET", "/metrics"): (OPEN, None),
}


@pytest.fixture
def stranger(key_for: Callable[..., Holder]) -> Holder:
    """Another creator."""
    return key_for("creator", "00000000-0000-7000-8000-000000000000")


@pytest.mark.parametrize("role", ROLES)
def test_every_role_gets_what_is_its_own(
    request: pytest.FixtureRequest, role: str, partner: Holder, creator_id: str
) -> None:
    """On every endpoint each role is let in, refused, or told that there is no such creator."""
    partner.post("/v1/events", json=event())
    holder = request.getfixturevalue("client" if role == "nobody" else role)
    answers = {}
    for (method, path), (_, body) in TABLE.items():
        headers = {"If-Match": "*"} if method == "PATCH" else {}
        answers[method, path] = holder.open(path, method=method, json=body, headers=headers).status_code
    assert answers == {where: expected[role] for where, (expected, _) in TABLE.items()}


def test_the_table_of_rights_is_whole(app: Flask) -> None:
    """Every operation of the document stands in the table, so that a new one cannot be forgotten."""
    import orjson

    document = orjson.loads(app.extensions["trust_ledger.document"])
    named = {
        "creator": "youtube:ada",
        "meter": "network:youtube",
        "seq": "1",
        "dispute": NO_DISPUTE,
        "quote_id": NO_QUOTE,
    }
    named |= {
        "brand": "nike",
        "pitch": NO_PITCH,
        "webhook": NO_WEBHOOK,
        "key": NO_KEY,
        "klout_id": "1",
        "network": "youtube",
        "external_id": "ada",
    }
    documented = {
        (method.upper(), path.format_map(named))
        for path, operations in document["paths"].items()
        for method in operations
        if method != "parameters" and "{version}" not in path
    }
    assert documented == {(method, path.partition("?")[0]) for method, path in TABLE}
