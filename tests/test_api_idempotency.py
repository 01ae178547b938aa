"""Idempotency-Key: whatever is sent again under it has its effect once, and is answered as the first time."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from flask import Flask

from api import idempotency, readings
from jobs import tasks
from ledger import answers, db, keys
from ledger.db import Database
from tests.api_fixtures import DAY_US, NOW_US, PARTNER_SCOPES, Clock, Holder, event

ONE = {"Idempotency-Key": "order-66"}
NEW = {
    "display_name": "Eve",
    "accounts": [{"network": "youtube", "external_id": "eve", "followers": 5}],
    "consent": {"at": "2026-11-20T09:00:00Z"},
}


def kept(books: Database) -> list[Any]:
    """What is kept of answers: key, status, creator."""
    return books.read(lambda reader: db.fetch(reader, "SELECT key, status, creator_id FROM answer ORDER BY key"))


def posted(books: Database) -> int:
    """How many events there are."""
    return int(books.read(lambda reader: db.fetch(reader, "SELECT count(*) FROM event"))[0][0])


def same(first: Any, again: Any) -> bool:
    """Whether a call was answered once more as the first time, and says so."""
    assert again.headers.get("Idempotency-Replayed") == "true", again.data
    told = [(one.status_code, one.data, one.headers["Content-Type"], one.headers.get("ETag")) for one in (first, again)]
    return told[0] == told[1]


# The same again


def test_a_call_is_answered_again_as_the_first_time(partner: Holder, books: Database, creator_id: str) -> None:
    """The same bytes under the same status, from a line that was posted once."""
    first = partner.post("/v1/events", json=event(), headers=ONE)
    assert (first.status_code, "Idempotency-Replayed" in first.headers) == (201, False)
    assert same(first, partner.post("/v1/events", json=event(), headers=ONE))
    assert same(first, partner.post("/v1/events", json=dict(reversed(event().items())), headers=ONE))
    assert (posted(books), kept(books)) == (1, [("order-66", 201, creator_id)])


def test_a_call_without_a_key_is_as_ever(partner: Holder, books: Database, creator_id: str) -> None:
    """Nothing is kept of it, and its external_ref answers the second time."""
    assert [partner.post("/v1/events", json=event()).status_code for _ in range(2)] == [201, 200]
    assert kept(books) == []


def test_a_batch_is_answered_again_as_the_first_time(partner: Holder, books: Database, creator_id: str) -> None:
    """Each line says posted the second time too; one that was cut differently is another request."""
    lines = [event("b-1"), event("b-2"), event("b-2", kind="post", facts={}), {"kind": "post"}]
    text = b"\n".join(map(orjson.dumps, lines))
    sent = {"data": text, "content_type": "application/x-ndjson", "headers": ONE}
    first = partner.post("/v1/events/batch", **sent)
    assert (first.json["posted"], first.json["refused"]) == (2, 2)
    assert same(first, partner.post("/v1/events/batch", **sent))
    assert posted(books) == 2
    other = partner.post("/v1/events/batch", **sent | {"data": text.replace(b"b-2", b"b-3", 1)})
    assert (other.status_code, other.json["errors"][0]["pointer"]) == (409, "/1")


def test_what_a_change_answered_keeps_its_etag(partner: Holder, books: Database, creator_id: str) -> None:
    """A change sent again is not stale: it is answered with the version that it made."""
    tag = partner.get("/v1/creators/youtube:ada").headers["ETag"]
    sent = {"json": {"topics": ["baking"]}, "headers": {**ONE, "If-Match": tag}}
    first = partner.patch("/v1/creators/youtube:ada", **sent)
    assert first.status_code == 200
    assert same(first, partner.patch("/v1/creators/youtube:ada", **sent))
    assert partner.patch("/v1/creators/youtube:ada", json={}, headers={"If-Match": tag}).status_code == 412


def test_an_enrolment_is_read_as_it_was_written(partner: Holder, books: Database) -> None:
    """A view that writes and then reads sees its own lines before they are committed."""
    first = partner.post("/v1/creators", json=NEW, headers=ONE)
    assert (first.status_code, first.json["display_name"]) == (201, "Eve")
    assert same(first, partner.post("/v1/creators", json=NEW, headers=ONE))
    assert kept(books) == [("order-66", 201, first.json["creator"])]


def test_an_if_match_belongs_to_the_request(partner: Holder, books: Database, creator_id: str) -> None:
    """A change of another version is another request, and so is one that names none: it is not told of the old."""
    tag = partner.get("/v1/creators/youtube:ada").headers["ETag"]
    sent = {"json": {"topics": ["baking"]}}
    first = partner.patch("/v1/creators/youtube:ada", **sent, headers={**ONE, "If-Match": tag})
    for other in ({"If-Match": first.headers["ETag"]}, {"If-Match": f"{tag}, {tag}"}, {}):
        again = partner.patch("/v1/creators/youtube:ada", **sent, headers={**ONE, **other})
        assert (again.status_code, again.json["code"]) == (409, "idempotency_key_reused")
        assert again.json["errors"][0]["parameter"] == "If-Match"


# Something else under the same key


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"kind": "post"}, "/kind"),
        ({"facts": {"act": "reply", "engager": "fan-2"}}, "/facts/engager"),
        ({"facts": {"act": "reply", "engager": "fan-1", "strength": "0.5"}}, "/facts/strength"),
        ({"meter": "network:youtube"}, "/meter"),
        ({"facts": 7}, "/facts"),
    ],
)
def test_another_body_is_named_by_field(
    partner: Holder, books: Database, creator_id: str, changes: dict[str, Any], pointer: str
) -> None:
    """409, and where it differs; what was posted first stands alone."""
    partner.post("/v1/events", json=event(), headers=ONE)
    other = partner.post("/v1/events", json=event() | changes, headers=ONE)
    assert (other.status_code, other.json["code"]) == (409, "idempotency_key_reused")
    assert other.json["errors"][0]["pointer"] == pointer
    assert posted(books) == 1


def test_another_address_is_another_request(partner: Holder, creator_id: str) -> None:
    """Path, method, query and media type belong to a request as its body does."""
    assert partner.post("/v1/events/batch", json=[event()], headers=ONE).status_code == 200
    told = {"network": "youtube", "accounts": ["fan-1"]}
    two = {"Idempotency-Key": "two"}
    assert partner.post("/v1/attestations", json=told, headers=two).status_code == 200
    others = [
        partner.post("/v1/events", json=event(), headers=ONE),
        partner.delete("/v1/attestations", json=told, headers=two),
        partner.post("/v1/events/batch?atomic=true", json=[event()], headers=ONE),
        partner.post("/v1/events/batch", data=b"{}", content_type="application/x-ndjson", headers=ONE),
        partner.post("/v1/events/batch", data=b"[", content_type="application/json", headers=ONE),
        partner.post("/v1/events/batch", json=[event(), event("e-2")], headers=ONE),
    ]
    assert [one.status_code for one in others] == [409] * len(others)
    named = [one.json["errors"][0] for one in others]
    assert [one.get("parameter", one.get("pointer")) for one in named] == [
        "path",
        "method",
        "atomic",
        "Content-Type",
        "",
        "/1",
    ]


def test_nothing_of_a_request_is_kept(partner: Holder, books: Database, creator_id: str) -> None:
    """Of a body there are digests alone, keyed, so that names cannot be tried out."""
    partner.post("/v1/creators", json=NEW, headers=ONE)
    kept_of = books.read(lambda reader: db.fetch(reader, "SELECT request, holder FROM answer"))[0]
    assert not [word for word in ("Eve", "eve", "/v1/creators", "acme") if any(word in text for text in kept_of)]


# Whose key it is


def test_a_key_of_the_same_rights_is_answered_the_same(
    partner: Holder, key_for: Callable[..., Holder], books: Database, creator_id: str
) -> None:
    """After a rotation a retry still finds its answer; with fewer scopes, or of another owner, it is another key."""
    first = partner.post("/v1/events", json=event(), headers=ONE)
    rotated = key_for("partner", "acme", networks=["youtube"], scopes=list(reversed(PARTNER_SCOPES)))
    assert same(first, rotated.post("/v1/events", json=event(), headers=ONE))
    fewer = key_for("partner", "acme", networks=["youtube"], scopes=["events:write"])
    assert fewer.post("/v1/events", json=event(), headers=ONE).status_code == 200  # by its external_ref
    other = key_for("partner", "rival", networks=["youtube"], scopes=["events:write"])
    assert other.post("/v1/events", json=event(), headers=ONE).status_code == 201
    assert (posted(books), len(kept(books))) == (2, 3)


def test_nobody_replays_what_they_may_not_do(
    app: Flask, partner: Holder, key_for: Callable[..., Holder], books: Database, creator_id: str
) -> None:
    """A revoked key, no key, and one without the scope are refused before anything is looked up."""
    partner.post("/v1/events", json=event(), headers=ONE)
    reader = key_for("partner", "acme", networks=["youtube"], scopes=["balances:read"])
    assert reader.post("/v1/events", json=event(), headers=ONE).status_code == 403
    assert app.test_client().post("/v1/events", json=event(), headers=ONE).status_code == 401
    books.write(lambda session: keys.revoke(session, key_id=partner.key_id, now_us=NOW_US))
    assert partner.post("/v1/events", json=event(), headers=ONE).status_code == 401


@pytest.mark.parametrize("key", ["", "two words", "x" * 256, "é", "\x7f"])
def test_a_key_is_visible_ascii(partner: Holder, books: Database, creator_id: str, key: str) -> None:
    """1 to 255 of them; anything else is refused by name, and nothing happens."""
    answer = partner.post("/v1/events", json=event(), headers={"Idempotency-Key": key})
    assert (answer.status_code, answer.json["errors"][0]["parameter"]) == (422, "Idempotency-Key")
    assert posted(books) == 0


def test_the_longest_key_is_taken(partner: Holder, creator_id: str) -> None:
    """255 characters, punctuation and all."""
    longest = {"Idempotency-Key": '"' + "~" * 253 + '"'}
    first = partner.post("/v1/events", json=event(), headers=longest)
    assert same(first, partner.post("/v1/events", json=event(), headers=longest))


# What is remembered


def test_what_the_books_refused_is_remembered(partner: Holder, operator: Holder, books: Database) -> None:
    """The same answer, though by now it would be another: a corrected request takes a new key."""
    partner.post("/v1/creators", json=NEW)
    both = {**NEW, "accounts": [*NEW["accounts"], {"network": "youtube", "external_id": "eve-2", "followers": 7}]}
    first = partner.post("/v1/creators", json=both, headers=ONE)
    assert (first.status_code, first.json["code"]) == (409, "account_taken")
    again = partner.post("/v1/creators", json=both, headers=ONE)
    assert same(first, again)
    assert again.mimetype == "application/problem+json"


def test_a_refused_event_is_remembered_twice_over(partner: Holder, books: Database, creator_id: str) -> None:
    """By its external_ref for life, and under its key for a day; both in one transaction."""
    sorry = event("sorry", kind="apology", facts={"breach": "none"})
    first = partner.post("/v1/events", json=sorry, headers=ONE)
    assert (first.status_code, first.json["code"]) == (422, "unknown_reference")
    assert same(first, partner.post("/v1/events", json=sorry, headers=ONE))
    assert (posted(books), kept(books)) == (1, [("order-66", 422, creator_id)])


def test_what_was_not_well_formed_or_not_allowed_leaves_the_key_free(
    partner: Holder, books: Database, creator_id: str
) -> None:
    """Rights and forms are looked at anew each time: the same key then takes the request that is right."""
    tag = {"If-Match": '"0"'}
    for answer, status in (
        (partner.post("/v1/events", data=b"{", content_type="application/json", headers=ONE), 400),
        (partner.post("/v1/events", json=event(meter="network:tiktok"), headers=ONE), 403),
        (partner.post("/v1/events", json=event(creator="youtube:eve"), headers=ONE), 404),
        (partner.post("/v1/events", json=event(occurred_at="2031-01-01T00:00:00Z"), headers=ONE), 422),
        (partner.post("/v1/events", json=event(kind="nonsense"), headers=ONE), 422),
        (partner.post("/v1/events", data=b"<a/>", content_type="text/xml", headers=ONE), 415),
        (partner.post("/v1/events?atomic=true", json=event(), headers=ONE), 422),
        (partner.patch("/v1/creators/youtube:ada", json={}, headers=ONE), 428),
        (partner.patch("/v1/creators/youtube:ada", json={}, headers=ONE | tag), 412),
        (partner.post("/v1/events/batch?atomic=true", json=[event(), {}], headers=ONE), 422),
    ):
        assert (answer.status_code, "Idempotency-Replayed" in answer.headers) == (status, False), answer.json
        assert kept(books) == []
    assert partner.post("/v1/events", json=event(), headers=ONE).status_code == 201


def test_a_creator_who_was_enrolled_meanwhile_is_told_of(partner: Holder, books: Database) -> None:
    """A 404 is no answer for good."""
    told = event(creator="youtube:eve")
    assert partner.post("/v1/events", json=told, headers=ONE).status_code == 404
    partner.post("/v1/creators", json=NEW)
    assert partner.post("/v1/events", json=told, headers=ONE).status_code == 201


def test_a_failure_is_forgotten_and_leaves_nothing(partner: Holder, books: Database, creator_id: str) -> None:
    """Where the database fails in the middle of the effect, nothing is there, and the same key works afterwards."""
    books.write(lambda session: db.execute(session, "ALTER TABLE entry RENAME TO entry_away"))
    assert partner.post("/v1/events", json=event(), headers=ONE).status_code in (500, 503)
    books.write(lambda session: db.execute(session, "ALTER TABLE entry_away RENAME TO entry"))
    assert (posted(books), kept(books)) == (0, [])
    assert partner.post("/v1/events", json=event(), headers=ONE).status_code == 201


def test_an_answer_that_cannot_be_kept_has_no_effect(partner: Holder, books: Database, creator_id: str) -> None:
    """Effect and answer are one transaction: without the one there is not the other."""
    books.write(lambda session: db.execute(session, "ALTER TABLE answer RENAME COLUMN body TO gone"))
    assert partner.post("/v1/events", json=event(), headers=ONE).status_code in (500, 503)
    books.write(lambda session: db.execute(session, "ALTER TABLE answer RENAME COLUMN gone TO body"))
    assert posted(books) == 0
    assert partner.post("/v1/events", json=event(), headers=ONE).status_code == 201


def test_a_refused_step_leaves_nothing_that_it_wrote(partner: Holder, books: Database, creator_id: str) -> None:
    """A refusal is kept without the book that had been opened for what it refused."""
    told = {"creator": "youtube:ada", "brand": "nike"}
    assert partner.post("/v1/relationships", json=told).status_code == 201
    assert partner.post("/v1/relationships/youtube:ada/nike/block").status_code == 200
    first = partner.post("/v1/relationships", json=told, headers=ONE)
    assert first.status_code == 409
    before = posted(books)
    assert same(first, partner.post("/v1/relationships", json=told, headers=ONE))
    assert posted(books) == before


# For how long


def test_after_a_day_a_key_is_free_again(
    app: Flask, partner: Holder, books: Database, creator_id: str, clock: Clock
) -> None:
    """At once, whether or not it was swept; the sweep deletes it for good."""
    partner.post("/v1/events", json=event(), headers=ONE)
    clock.now_us += DAY_US - 1
    assert partner.post("/v1/events", json=event("e-2"), headers=ONE).status_code == 409
    assert sweep(books, clock.now_us) == 0
    clock.now_us += 1
    assert partner.post("/v1/events", json=event("e-2"), headers=ONE).status_code == 201
    assert (len(kept(books)), sweep(books, clock.now_us)) == (1, 0)
    assert (sweep(books, clock.now_us + DAY_US), kept(books)) == (1, [])


def test_the_hourly_sweep_takes_them() -> None:
    """What is a day old is deleted by the job that deletes whatever served its time."""
    assert answers.forget in tasks.SWEPT


def sweep(books: Database, now_us: int) -> int:
    """How many answers a sweep deletes."""
    return books.write(lambda session: answers.forget(session, now_us=now_us))


def test_a_sweep_takes_no_more_than_it_says(partner: Holder, books: Database, creator_id: str) -> None:
    """The oldest first, so many a transaction."""
    for number in range(3):
        partner.post("/v1/events", json=event(f"e-{number}"), headers={"Idempotency-Key": f"k-{number}"})
    late = NOW_US + 2 * DAY_US
    assert books.write(lambda session: answers.forget(session, now_us=late, limit=2)) == 2
    assert [row[0] for row in kept(books)] == ["k-2"]


# Whom an answer is about


def test_an_answer_knows_its_creator(partner: Holder, brand: Holder, books: Database, creator_id: str) -> None:
    """By address, body or answer, so that an erasure takes it along; a batch is about many."""
    sends: list[tuple[str, Callable[..., Any], str, Any]] = [
        ("1", partner.post, "/v1/events", event("e-1")),
        ("2", partner.post, "/v1/events", event("e-2", creator=creator_id, meter="network:youtube")),
        ("3", partner.put, "/v1/creators/youtube:ada/readings", {"readings": [readings.ONE]}),
        ("4", partner.post, "/v1/relationships", {"creator": "youtube:ada", "brand": "nike"}),
        ("5", partner.post, "/v1/relationships/youtube:ada/nike/accept", None),
        ("6", partner.post, "/v1/events/batch", [event("e-3")]),
    ]
    for key, send, path, body in sends:
        assert send(path, json=body, headers={"Idempotency-Key": key}).status_code in (200, 201), path
    assert [row[2] for row in kept(books)] == [creator_id] * 5 + [None]


def test_an_erasure_takes_what_was_answered_about_keys(
    operator: Holder, partner: Holder, books: Database, creator_id: str
) -> None:
    """A creator's key names them as its owner, and its note may too, whoever made, replaced or ended it."""
    asked = {"role": "creator", "owner": "youtube:ada", "note": "for Ada"}
    made = operator.post("/v1/keys", json=asked, headers={"Idempotency-Key": "1"})
    again = operator.post(f"/v1/keys/{made.json['key']}/rotate", json={}, headers={"Idempotency-Key": "2"})
    ended = operator.delete(f"/v1/keys/{again.json['key']}", headers={"Idempotency-Key": "3"})
    assert [one.status_code for one in (made, again, ended)] == [201, 201, 200]
    assert [row[2] for row in kept(books)] == [creator_id] * 3
    assert partner.delete(f"/v1/creators/{creator_id}").status_code == 204
    assert kept(books) == []


def test_an_erasure_takes_what_the_creator_was_answered(partner: Holder, creator: Holder, books: Database) -> None:
    """What a creator's own key was told is theirs, also where nothing names them: a webhook's address and note."""
    asked = {"url": "https://ada.example/told", "note": "for Ada"}
    made = creator.post("/v1/webhooks", json=asked, headers={"Idempotency-Key": "1"})
    tried = creator.post(f"/v1/webhooks/{made.json['webhook']}/test", headers={"Idempotency-Key": "2"})
    assert ([made.status_code, tried.status_code], len(kept(books))) == ([201, 202], 2)
    assert partner.delete("/v1/creators/youtube:ada").status_code == 204
    assert kept(books) == []


# Two at once


def test_whoever_waits_too_long_is_told_to_come_again(
    partner: Holder, books: Database, creator_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """409 with Retry-After while the first request is at work; its answer once it is done."""
    if books.is_sqlite:
        pytest.skip("SQLite has one writer: whoever waits for it waits for the database")
    partner.post("/v1/events", json=event(), headers=ONE)
    monkeypatch.setattr(answers, "WAIT_MS", 50)
    with books.engine.connect() as at_work:
        at_work.exec_driver_sql("UPDATE answer SET answered_at_us = 0")
        busy = partner.post("/v1/events", json=event(), headers=ONE)
        at_work.rollback()
    assert (busy.status_code, busy.json["code"]) == (409, "idempotency_key_in_use")
    assert int(busy.headers["Retry-After"]) > 0
    assert partner.post("/v1/events", json=event(), headers=ONE).headers["Idempotency-Replayed"] == "true"


# Everywhere


def test_every_operation_that_may_write_honours_the_key(app: Flask) -> None:
    """A new one does by itself; one that only reads says so in `idempotency.READS`."""
    rules = [rule for rule in app.url_map.iter_rules() if rule.methods & idempotency.UNSAFE]  # type: ignore[operator]
    told = {rule.endpoint: getattr(app.view_functions[rule.endpoint], "_apidoc", {}) for rule in rules}
    honouring = {name for name, doc in told.items() if doc.get("is_kept")}
    assert {rule.endpoint for rule in rules if rule.rule.startswith("/v1/")} - honouring == idempotency.READS
    assert len(honouring) >= 20


def test_the_document_shows_the_key_where_it_is_honoured(app: Flask, client: Any) -> None:
    """As a header that may be left out, with 409 among the answers."""
    document = orjson.loads(client.get("/openapi.json").data)
    for item in document["paths"].values():
        for method, operation in item.items():
            if method == "parameters":
                continue
            shown = {"$ref": "#/components/parameters/Idempotency-Key"} in operation.get("parameters", [])
            group, _, name = operation["operationId"].partition("_")
            is_kept = method.upper() in idempotency.UNSAFE and f"{group}.{name}" not in idempotency.READS
            assert (shown, shown and "409" in operation["responses"]) == (is_kept, is_kept), operation["operationId"]


def test_what_is_kept_is_small(partner: Holder, books: Database, creator_id: str) -> None:
    """A thousand lines: their answer packed, and eight digits for each."""
    lines = [event(f"e-{number}") for number in range(1_000)]
    first = partner.post("/v1/events/batch", json=lines, headers=ONE)
    row = books.read(lambda reader: db.fetch(reader, "SELECT request, body FROM answer"))[0]
    assert len(row[0]) < 9_000
    assert zlib.decompress(row[1]) == first.data
    assert len(row[1]) < len(first.data) / 4


def test_what_is_kept_of_much_is_as_small() -> None:
    """Whole-body digest apart, nothing is worked out of more elements or members than any request may have."""
    many = range(answers.MOST_ITEMS + 1)
    about: dict[str, Any] = {
        "body": None,
        "method": "POST",
        "path": "/x",
        "query": {},
        "media": "x",
        "if_match": "",
        "pepper": b"p",
    }
    for value in (list(many), {str(number): number for number in many}):
        assert len(answers.describe(value, **about)) < 500


def test_a_secret_is_told_once(operator: Holder, books: Database) -> None:
    """It is the one thing that the first answer has and those after it have not, nor what is kept."""
    asked = {"role": "brand", "owner": "nike", "scopes": ["balances:read"]}
    first, again = (operator.post("/v1/keys", json=asked, headers=ONE) for _ in range(2))
    assert (first.status_code, again.headers["Idempotency-Replayed"]) == (201, "true")
    assert again.json == first.json | {"secret": None}
    body = books.read(lambda reader: db.fetch(reader, "SELECT body FROM answer"))[0][0]
    assert first.json["secret"].encode() not in zlib.decompress(body)


def test_an_erasure_is_answered_again(partner: Holder, books: Database, creator_id: str) -> None:
    """Without a body, as the first time; what was answered about the creator before is gone."""
    partner.post("/v1/events", json=event(), headers={"Idempotency-Key": "before"})
    first = partner.delete(f"/v1/creators/{creator_id}", headers=ONE)
    again = partner.delete(f"/v1/creators/{creator_id}", headers=ONE)
    assert (first.status_code, first.data, again.status_code, again.data) == (204, b"", 204, b"")
    assert again.headers["Idempotency-Replayed"] == "true"
    assert dict(again.headers).get("Content-Type") == dict(first.headers).get("Content-Type")
    assert [row[0] for row in kept(books)] == ["order-66"]
