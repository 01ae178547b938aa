"""Webhooks over HTTP: made, changed, rotated and deleted by their owner alone, with what became of each message."""

import base64
import hashlib
import hmac
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from ledger import db, outbox, webhooks
from ledger.db import Database
from ledger.messages import TYPES
from tests.api_fixtures import DAY_US, NOW_US, Clock, Holder, event

URL = "https://example.com/trust"
HOUR_US = DAY_US // 24
CALLS: list[tuple[str, str, Any]] = [
    ("GET", "", None),
    ("PATCH", "", {"url": "https://elsewhere.example/"}),
    ("DELETE", "", None),
    ("POST", "/rotate-secret", {}),
    ("GET", "/deliveries", None),
    ("POST", "/replay", {"from_sequence": 1}),
    ("POST", "/test", None),
]


def make(holder: Holder, **given: Any) -> dict[str, Any]:
    """Make a webhook; what is answered."""
    answer = holder.post("/v1/webhooks", json={"url": URL, **given})
    assert answer.status_code == 201, answer.json
    found: dict[str, Any] = answer.json
    return found


def at(made: dict[str, Any], part: str = "") -> str:
    """The address of a webhook, or of a part of it."""
    return f"/v1/webhooks/{made['webhook']}{part}"


def relay(books: Database) -> int:
    """Relay what waits."""
    return books.write(lambda session: outbox.relay(session, now_us=NOW_US))


def tag(holder: Holder, made: dict[str, Any]) -> dict[str, str]:
    """If-Match with the ETag as it is read."""
    return {"If-Match": holder.get(at(made)).headers["ETag"]}


def signed(app: Flask, made: dict[str, Any], now_us: int) -> list[str]:
    """The secrets that sign at a moment, newest first."""
    ledger = app.extensions["trust_ledger"]
    with ledger.database.reading() as session:
        rows = db.fetch(session, f"SELECT {webhooks.COLUMNS} FROM webhook w WHERE w.webhook_id = ?", (made["webhook"],))
    return webhooks.secrets(webhooks.of_row(rows[0]), pepper=ledger.pepper, now_us=now_us)


# Keeping them


def test_a_webhook_is_made_read_and_listed(partner: Holder) -> None:
    """What was asked for is answered, once with its secret, and afterwards without."""
    asked = {"url": URL, "types": ["pitch.*", "balance.changed"], "meters": ["network:youtube"], "note": "the mirror"}
    answer = partner.post("/v1/webhooks", json=asked)
    made = answer.json
    secret = made.pop("secret")
    assert (answer.headers["Cache-Control"], answer.headers["Location"]) == ("no-store", at(made))
    assert made == {
        "webhook": made["webhook"],
        **asked,
        "types": ["balance.changed", "pitch.*"],
        "networks": ["youtube"],
        "status": "enabled",
        "created_at": made["created_at"],
        "former_secret_until": None,
    }
    read = partner.get(at(made))
    assert (read.json, read.headers["ETag"]) == (made, answer.headers["ETag"])
    assert partner.get("/v1/webhooks").json == {"webhooks": [made]}
    assert partner.get(at(made), headers={"If-None-Match": read.headers["ETag"]}).status_code == 304
    assert secret.startswith("whsec_")


def test_the_secret_is_kept_nowhere(app: Flask, partner: Holder, books: Database) -> None:
    """It follows from the pepper, which is not in the database: 32 bytes, as Standard Webhooks writes them."""
    made = make(partner)
    with books.reading() as session:
        tables = [row[0] for row in db.fetch(session, "SELECT url FROM webhook")]
        stored = repr(db.fetch(session, "SELECT * FROM webhook"))
    assert tables == [URL]
    assert made["secret"].removeprefix("whsec_") not in stored
    key = hmac.digest(b"a pepper for tests", f"webhook:{made['webhook']}:1".encode(), hashlib.sha256)
    assert base64.b64decode(made["secret"].removeprefix("whsec_")) == key
    assert signed(app, made, NOW_US) == [made["secret"]]


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({"url": "http://example.com/"}, "/url"),
        ({"url": "ftp://example.com/"}, "/url"),
        ({"url": "https://"}, "/url"),
        ({"url": "https:///path"}, "/url"),
        ({"url": "example.com"}, "/url"),
        ({"url": "https://example.com:99999/"}, "/url"),
        ({"url": "https://example.com:0/"}, "/url"),
        ({"url": "https://example.com:25/"}, "/url"),
        ({"url": "https://user:pass@example.com/"}, "/url"),
        ({"url": "https://user@example.com/"}, "/url"),
        ({"url": "https://example.com/#part"}, "/url"),
        ({"url": "https://example.com/#"}, "/url"),
        ({"url": "https://exa mple.com/"}, "/url"),
        ({"url": "https://exämple.com/"}, "/url"),
        ({"url": "https://example.com\\@127.0.0.1/"}, "/url"),
        ({"url": "https://[::1"}, "/url"),
        ({"url": "https://example.com/" + "x" * 2_000}, "/url"),
        ({"url": "https://127.0.0.1/"}, "/url"),
        ({"url": "https://localhost/"}, "/url"),
        ({"url": "https://api.LOCALHOST./"}, "/url"),
        ({"url": "https://10.0.0.8/"}, "/url"),
        ({"url": "https://172.16.3.4/"}, "/url"),
        ({"url": "https://192.168.1.1/"}, "/url"),
        ({"url": "https://100.64.0.1/"}, "/url"),
        ({"url": "https://169.254.169.254/latest"}, "/url"),
        ({"url": "https://0.0.0.0/"}, "/url"),
        ({"url": "https://224.0.0.1/"}, "/url"),
        ({"url": "https://240.0.0.1/"}, "/url"),
        ({"url": "https://255.255.255.255/"}, "/url"),
        ({"url": "https://[::1]/"}, "/url"),
        ({"url": "https://[::]/"}, "/url"),
        ({"url": "https://[fe80::1]/"}, "/url"),
        ({"url": "https://[fec0::1]/"}, "/url"),
        ({"url": "https://[fd00::1]/"}, "/url"),
        ({"url": "https://[ff02::1]/"}, "/url"),
        ({"url": "https://[::ffff:127.0.0.1]/"}, "/url"),
        ({"url": "https://[2002:7f00:1::]/"}, "/url"),
        ({"url": "https://[64:ff9b::a00:1]/"}, "/url"),
        ({"url": "https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/"}, "/url"),
        ({"types": ["balance.changed", "everything"]}, "/types/1"),
        ({"types": ["*"]}, "/types/0"),
        ({"types": ["pitch"]}, "/types/0"),
        ({"types": ["pitch.held"] * 101}, "/types"),
        ({"meters": ["youtube"]}, "/meters/0"),
        ({"meters": ["network:*"]}, "/meters/0"),
        ({"meters": ["network:youtube", "network:audio"]}, "/meters/1"),
        ({"meters": ["brand:nike"] * 101}, "/meters"),
        ({"note": "x" * 201}, "/note"),
        ({"secret": "mine"}, "/secret"),
        ({"status": "paused"}, "/status"),
    ],
)
def test_what_cannot_be_a_webhook_is_refused(partner: Holder, given: dict[str, Any], pointer: str) -> None:
    """No private network, no password, no type there is not: the answer points at what is wrong."""
    refused = partner.post("/v1/webhooks", json={"url": URL, **given})
    assert refused.status_code == 422
    assert refused.json["code"] in ("invalid_webhook", "invalid_request")
    assert refused.json["errors"][0]["pointer"].startswith(pointer)
    assert partner.get("/v1/webhooks").json == {"webhooks": []}


@pytest.mark.parametrize("url", ["https://example.com:8443/a?b=c", "https://8.8.8.8/", "https://[2606:4700::1111]/x"])
def test_public_addresses_are_taken(partner: Holder, url: str) -> None:
    """Any port, path and query of a public host."""
    assert make(partner, url=url)["url"] == url


def test_an_operator_may_allow_private_networks(app: Flask, partner: Holder) -> None:
    """Where the settings say so a webhook may lie on the loopback, and without TLS; but never with a password."""
    ledger = app.extensions["trust_ledger"]
    ledger.settings = ledger.settings.model_copy(update={"webhook_private_networks": True})
    assert make(partner, url="http://127.0.0.1:9000/hook")["status"] == "enabled"
    assert partner.post("/v1/webhooks", json={"url": "http://a:b@127.0.0.1/"}).status_code == 422


def test_a_brand_asks_for_no_more_than_it_may_know(brand: Holder, partner: Holder) -> None:
    """A type that its role is never told of is refused, naming those that it is."""
    refused = brand.post("/v1/webhooks", json={"url": URL, "types": ["balance.changed"]})
    assert (refused.status_code, refused.json["code"]) == (422, "invalid_webhook")
    assert "pitch.held" in refused.json["detail"]
    assert "balance.changed, " not in refused.json["detail"]
    other = brand.post("/v1/webhooks", json={"url": URL, "meters": ["brand:adidas"]})
    assert (other.status_code, other.json["errors"][0]["pointer"]) == (422, "/meters/0")
    assert "brand:nike" in other.json["detail"]
    assert make(brand, types=["pitch.held", "relationship.*", "policy.announced"], meters=["brand:nike", "network:tv"])
    assert make(partner, types=list(TYPES))


def test_an_owner_has_twenty_at_most(partner: Holder, brand: Holder) -> None:
    """The twenty-first is refused by name; another's do not count, and one that is deleted makes room."""
    made = [make(partner) for _ in range(20)]
    refused = partner.post("/v1/webhooks", json={"url": URL})
    assert (refused.status_code, refused.json["code"]) == (409, "too_many_webhooks")
    assert make(brand)
    assert partner.delete(at(made[0])).status_code == 204
    assert make(partner)


def test_anothers_webhook_is_none(
    partner: Holder, other_partner: Holder, operator: Holder, key_for: Callable[..., Holder]
) -> None:
    """Whoever is not its owner, an operator too, hears the same as of none; keys of one owner and reach are alike."""
    made, nowhere = make(partner), {"webhook": "0192f0c1-0000-7000-8000-000000000000"}
    for holder in (other_partner, operator):
        assert holder.get("/v1/webhooks").json == {"webhooks": []}
        for method, part, body in CALLS:
            told = {"method": method, "json": body, "headers": {"If-Match": '"1"'}}
            answers = [holder.open(at(one, part), **told) for one in (made, nowhere, {"webhook": "x"})]
            assert [answer.status_code for answer in answers] == [404, 404, 404], (method, part)
            assert len({answer.json["detail"] for answer in answers}) == 1
    colleague = key_for("partner", "acme", networks=["youtube"])
    assert colleague.get(at(made)).status_code == 200
    assert colleague.delete(at(made)).status_code == 204
    assert partner.get(at(made)).status_code == 404


@pytest.mark.parametrize(
    ("role", "wide", "narrow"),
    [("partner", ["tiktok", "youtube"], ["youtube"]), ("operator", [], ["tiktok"]), ("operator", ["a", "b"], ["b"])],
)
def test_a_webhook_is_out_of_a_narrower_keys_reach(
    key_for: Callable[..., Holder], role: str, wide: list[str], narrow: list[str]
) -> None:
    """A key neither sees nor changes what tells of networks that it does not hold, its owner's own or not."""
    holder, other = key_for(role, "acme", networks=wide), key_for(role, "acme", networks=narrow)
    made, own, nowhere = make(holder), make(other), {"webhook": "0192f0c1-0000-7000-8000-000000000000"}
    for method, part, body in CALLS:
        told = {"method": method, "json": body, "headers": {"If-Match": '"1"'}}
        refused, none = (other.open(at(one, part), **told) for one in (made, nowhere))
        assert (refused.status_code, refused.json["detail"]) == (404, none.json["detail"]), (method, part)
    assert [one["webhook"] for one in other.get("/v1/webhooks").json["webhooks"]] == [own["webhook"]]
    assert {one["webhook"] for one in holder.get("/v1/webhooks").json["webhooks"]} == {made["webhook"], own["webhook"]}
    assert holder.patch(at(own), json={"note": "mine"}, headers=tag(holder, own)).status_code == 200
    assert holder.delete(at(made)).status_code == 204


@pytest.mark.parametrize(
    ("scopes", "status"),
    [(["webhooks:write"], 403), (["balances:read"], 403), (["webhooks:write", "balances:read"], 201)],
)
def test_a_webhook_tells_no_more_than_its_key_may_read(
    key_for: Callable[..., Holder], scopes: list[str], status: int
) -> None:
    """To have balances sent a key needs the right to read them."""
    holder = key_for("partner", "acme", networks=["youtube"], scopes=scopes)
    assert holder.post("/v1/webhooks", json={"url": URL}).status_code == status


def test_a_change_needs_what_was_read(partner: Holder) -> None:
    """Without If-Match 428, with an old one 412; what is left out stays."""
    made = make(partner, types=["pitch.*"], note="first")
    assert partner.patch(at(made), json={"note": "x"}).status_code == 428
    first = tag(partner, made)
    changed = partner.patch(at(made), json={"note": "second", "status": "paused"}, headers=first)
    assert (changed.status_code, changed.json["note"], changed.json["types"]) == (200, "second", ["pitch.*"])
    assert changed.headers["ETag"] != first["If-Match"]
    assert partner.patch(at(made), json={"note": "third"}, headers=first).status_code == 412
    assert partner.delete(at(made), headers=first).status_code == 412
    wrong = partner.patch(at(made), json={"url": "https://10.0.0.1/"}, headers=tag(partner, made))
    assert (wrong.status_code, wrong.json["errors"][0]["pointer"]) == (422, "/url")
    again = partner.patch(at(made), json={"types": [], "status": "enabled"}, headers=tag(partner, made))
    assert (again.json["types"], again.json["status"], again.json["note"]) == ([], "enabled", "second")


# Secrets


def test_both_secrets_sign_while_they_overlap(app: Flask, partner: Holder, clock: Clock) -> None:
    """A new secret signs at once, the former one for a day besides; one before that is over at once."""
    made = make(partner)
    second = partner.post(at(made, "/rotate-secret"), json={})
    assert (second.status_code, second.headers["Cache-Control"]) == (200, "no-store")
    assert second.json["former_secret_until"] > partner.get(at(made)).json["created_at"]
    assert signed(app, made, clock.now_us) == [second.json["secret"], made["secret"]]
    assert signed(app, made, clock.now_us + 24 * HOUR_US - 1) == [second.json["secret"], made["secret"]]
    assert signed(app, made, clock.now_us + 24 * HOUR_US) == [second.json["secret"]]
    third = partner.post(at(made, "/rotate-secret"), json={"overlap_hours": 1})
    assert signed(app, made, clock.now_us) == [third.json["secret"], second.json["secret"]]
    assert len({made["secret"], second.json["secret"], third.json["secret"]}) == 3


def test_a_leaked_secret_ends_at_once(app: Flask, partner: Holder, clock: Clock) -> None:
    """Without an overlap only the new secret signs; more than a week is refused."""
    made = make(partner)
    second = partner.post(at(made, "/rotate-secret"), json={"overlap_hours": 0})
    assert signed(app, made, clock.now_us) == [second.json["secret"]]
    assert partner.post(at(made, "/rotate-secret"), json={"overlap_hours": 169}).status_code == 422


# What became of messages


def test_what_is_on_its_way_is_seen(partner: Holder, creator_id: str, books: Database) -> None:
    """Each message with its book, what is sent of it, and how it stands, newest first, page by page."""
    made = make(partner)
    partner.post("/v1/events", json=event("e-1"))
    partner.post("/v1/events", json=event("e-2", kind="breach", facts={"severity": 1}))
    relay(books)
    whole = partner.get(at(made, "/deliveries")).json
    assert [(one["sequence"], one["type"]) for one in whole["deliveries"]] == [
        (3, "balance.changed"),
        (2, "breach.recorded"),
        (1, "balance.changed"),
    ]
    assert (whole["last_sequence"], whole["failing_since"], whole["next"]) == (3, None, None)
    first = whole["deliveries"][-1]
    assert (first["creator_id"], first["meter"], first["status"], first["attempts"]) == (
        creator_id,
        "network:youtube",
        "waiting",
        0,
    )
    assert first["data"]["lines"] == {"engagement": 1}
    assert first["next_at"] is not None
    pages = [partner.get(at(made, "/deliveries?limit=2")).json]
    pages.append(partner.get(at(made, f"/deliveries?limit=2&after={pages[0]['next']}")).json)
    assert [one for page in pages for one in page["deliveries"]] == whole["deliveries"]
    assert pages[1]["next"] is None
    other = make(partner)
    assert partner.get(at(other, f"/deliveries?after={pages[0]['next']}")).status_code == 400
    assert partner.get(at(made, f"/deliveries?status=dead&after={pages[0]['next']}")).status_code == 400
    assert partner.get(at(made, "/deliveries?status=dead")).json["deliveries"] == []
    assert partner.get(at(made, "/deliveries?status=lost")).status_code == 422


def test_a_test_goes_whatever_is_wanted(partner: Holder, books: Database) -> None:
    """A `webhook.test` is on its way at once, about no creator, and is numbered like the rest."""
    made = make(partner, types=["pitch.held"])
    answers = [partner.post(at(made, "/test")) for _ in range(2)]
    assert [(answer.status_code, answer.json) for answer in answers] == [(202, {"sequence": 1}), (202, {"sequence": 2})]
    found = partner.get(at(made, "/deliveries")).json["deliveries"][0]
    assert (found["type"], found["creator_id"], found["meter"], found["data"]) == ("webhook.test", None, None, {})


def test_messages_are_sent_again_from_a_sequence_on(partner: Holder, books: Database) -> None:
    """What arrived or was given up waits again, as if for the first time; what lies before stays as it is."""
    made = make(partner)
    for _ in range(5):
        partner.post(at(made, "/test"))
    ended = (
        "UPDATE delivery SET status = ?, attempts = 3, answered = 500, error = 'x', ended_at_us = 1 WHERE sequence = ?"
    )
    for number, status in enumerate(["delivered", "dead", "delivered"], 1):
        books.write(lambda s, told=(status, number): db.execute(s, ended, told))  # type: ignore[misc]
    books.write(lambda s: db.execute(s, "UPDATE webhook SET quiet_until_us = ?", (NOW_US + DAY_US,)))
    again = partner.post(at(made, "/replay"), json={"from_sequence": 2})
    assert (again.status_code, again.json) == (
        202,
        {"from_sequence": 2, "to_sequence": 5, "replayed": 4, "next": None},
    )
    found = {one["sequence"]: one for one in partner.get(at(made, "/deliveries")).json["deliveries"]}
    assert [found[n]["status"] for n in range(1, 6)] == ["delivered", "waiting", "waiting", "waiting", "waiting"]
    assert {(found[n]["attempts"], found[n]["answered"], found[n]["error"], found[n]["ended_at"]) for n in (2, 3)} == {
        (0, None, None, None)
    }
    assert books.read(lambda reader: reader.fetch("SELECT quiet_until_us FROM webhook", ())) == [(0,)]


def test_a_replay_is_bounded(partner: Holder) -> None:
    """A thousand at once, and the answer says where to go on; beyond the last there is nothing."""
    made = make(partner)
    for _ in range(3):
        partner.post(at(made, "/test"))
    some = partner.post(at(made, "/replay"), json={"from_sequence": 1, "to_sequence": 2}).json
    assert some == {"from_sequence": 1, "to_sequence": 2, "replayed": 2, "next": 3}
    assert partner.post(at(made, "/replay"), json={"from_sequence": 1, "to_sequence": 1_000}).json["replayed"] == 3
    for wrong in ({"from_sequence": 1, "to_sequence": 1_001}, {"from_sequence": 3, "to_sequence": 2}):
        refused = partner.post(at(made, "/replay"), json=wrong)
        assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (422, "/to_sequence")
    for body in ({"from_sequence": 0}, {"from_sequence": "1"}, {}):
        assert partner.post(at(made, "/replay"), json=body).status_code == 422
    beyond = partner.post(at(made, "/replay"), json={"from_sequence": 4}).json
    assert (beyond["replayed"], beyond["next"]) == (0, None)


def test_a_pitch_is_told_as_it_is_read(
    partner: Holder, brand: Holder, creator: Holder, other_partner: Holder, books: Database
) -> None:
    """From the introduction to publication brand, creator and partner hear of each step what they also read of it."""
    made = {
        name: make(holder, types=["pitch.*", "relationship.*"])
        for name, holder in {"partner": partner, "brand": brand, "creator": creator, "other": other_partner}.items()
    }
    replies = [event(f"e-{fan}", facts={"act": "reply", "engager": f"{fan}"}) for fan in range(4)]
    partner.post("/v1/events/batch", json=replies)
    partner.post("/v1/relationships", json={"creator": "youtube:ada", "brand": "nike"})
    creator.post("/v1/relationships/youtube:ada/nike/accept")
    asked = {"creator": "youtube:ada", "brand": "nike", "disclosure": "clear", "fit": "0.7", "quote": True}
    quote = brand.post("/v1/estimates", json=asked).json["quote"]["id"]
    pitch = brand.post("/v1/pitches", json={"quote": quote}).json["pitch"]
    creator.post(f"/v1/pitches/{pitch}/accept")
    shown = creator.post(f"/v1/pitches/{pitch}/publish", json={"disclosure": "clear"}).json
    relay(books)
    steps = ["relationship.introduced", "relationship.accepted", "pitch.held", "pitch.accepted", "pitch.published"]
    for name, holder in {"partner": partner, "brand": brand, "creator": creator}.items():
        found = holder.get(at(made[name], "/deliveries")).json["deliveries"][::-1]
        assert [one["type"] for one in found] == steps, name
        held, out = found[2]["data"], found[4]["data"]
        assert {one["data"].get("pitch") for one in found[2:]} == {pitch}
        assert (held["quoted"], held["expires_at"]) == (shown["quoted"], shown["expires_at"])
        assert (out["captured"], out["disclosure"], out["seq"]) == (
            shown["captured"],
            shown["published_as"],
            shown["line"],
        )
    assert other_partner.get(at(made["other"], "/deliveries")).json["deliveries"] == []


def test_a_repeated_request_makes_one_webhook(partner: Holder, books: Database) -> None:
    """Under one Idempotency-Key there is one webhook and one rotation, and the secret is shown once and not stored."""
    again = {"headers": {"Idempotency-Key": "make"}}
    first, second = (partner.post("/v1/webhooks", json={"url": URL}, **again) for _ in range(2))
    assert (first.status_code, second.status_code, second.headers["Idempotency-Replayed"]) == (201, 201, "true")
    assert second.json == first.json | {"secret": None}
    turned = {"headers": {"Idempotency-Key": "turn"}}
    for _ in range(2):
        partner.post(at(first.json, "/rotate-secret"), json={}, **turned)
    held = books.read(lambda reader: reader.fetch("SELECT secret_generation FROM webhook", ()))
    assert held == [(2,)]
    stored = repr(books.read(lambda reader: reader.fetch("SELECT body FROM answer", ())))
    assert first.json["secret"].removeprefix("whsec_") not in stored
