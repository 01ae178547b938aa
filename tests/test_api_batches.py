"""Batches of events: packed or not, whole or cut, with the same line twice; and ten thousand at once."""

from __future__ import annotations

import gzip
import zlib
from collections import Counter
from typing import Any

import orjson
import pytest
from flask import Flask

from api import encoding
from ledger import db
from ledger.db import Database
from tests.api_fixtures import Holder, event

NDJSON = "application/x-ndjson"
BATCH = "/v1/events/batch"
PACKED = {"Content-Encoding": "gzip"}


def lines(*told: Any) -> bytes:
    """Events, one a line."""
    return b"\n".join(map(orjson.dumps, told)) + b"\n"


def tell(holder: Holder, body: bytes, *, media: str = NDJSON, path: str = BATCH, **headers: str) -> Any:
    """Send a body as it is."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return holder.post(path, data=body, content_type=media, headers=named)


def stored(books: Database) -> list[str]:
    """The references of all that is stored, in order."""
    rows = books.read(lambda reader: db.fetch(reader, "SELECT external_ref FROM event ORDER BY external_ref"))
    return [row[0] for row in rows]


# The same line twice


@pytest.mark.parametrize("path", [BATCH, f"{BATCH}?atomic=true"])
def test_the_same_line_twice_counts_once(partner: Holder, books: Database, creator_id: str, path: str) -> None:
    """Within one batch as between two: the second is a replay of the first, to the letter."""
    answer = partner.post(path, json=[event("e-1"), event("e-2"), event("e-1")])
    first, _, again = answer.json["results"]
    assert [line["status"] for line in answer.json["results"]] == ["posted", "posted", "replayed"]
    assert again == first | {"line": 3, "status": "replayed"}
    assert stored(books) == ["e-1", "e-2"]


def test_the_same_reference_for_something_else_is_refused_in_its_line(
    partner: Holder, books: Database, creator_id: str
) -> None:
    """The second names the field that differs, the first stands; atomic, neither does."""
    told = [event("e-1"), event("e-1", facts={"act": "like", "engager": "fan-1"}), event("e-2")]
    whole = partner.post(f"{BATCH}?atomic=true", json=told)
    assert (whole.status_code, [line["line"] for line in whole.json["results"]]) == (422, [2])
    assert stored(books) == []
    answer = partner.post(BATCH, json=told).json["results"]
    assert [line["status"] for line in answer] == ["posted", "refused", "posted"]
    assert (answer[1]["code"], answer[1]["errors"][0]["pointer"]) == ("external_ref_reused", "/facts/act")
    assert stored(books) == ["e-1", "e-2"]


def test_a_refused_line_sent_twice_is_refused_twice(partner: Holder, books: Database, creator_id: str) -> None:
    """The books' own refusal is remembered from one line to the next."""
    sorry = event("sorry", kind="apology", facts={"breach": "none"})
    first, again = partner.post(BATCH, json=[sorry, sorry]).json["results"]
    assert first | {"line": 2} == again
    assert stored(books) == ["sorry"]


# Packed


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "x-gzip"])
def test_a_packed_batch_is_the_batch(partner: Holder, books: Database, creator_id: str, coding: str) -> None:
    """gzip on the way changes nothing of what is told."""
    body = gzip.compress(lines(event("e-1"), event("e-2")))
    assert tell(partner, body, Content_Encoding=coding).json["posted"] == 2
    assert stored(books) == ["e-1", "e-2"]


def test_any_body_may_be_packed(partner: Holder, creator_id: str) -> None:
    """Not batches alone; `identity` is no packing."""
    packed = gzip.compress(orjson.dumps(event("e-1")))
    assert tell(partner, packed, media=encoding.JSON, path="/v1/events", **PACKED).status_code == 201
    asked = gzip.compress(orjson.dumps({"creators": ["youtube:ada"]}))
    assert tell(partner, asked, media=encoding.JSON, path="/v1/balances/lookup", **PACKED).status_code == 200
    plain = orjson.dumps(event("e-2"))
    assert tell(partner, plain, media=encoding.JSON, path="/v1/events", Content_Encoding="identity").status_code == 201


def test_a_packed_body_under_a_key_is_the_body(partner: Holder, books: Database, creator_id: str) -> None:
    """A retry may be packed or not: what counts is what it says."""
    body = lines(event("e-1"))
    first = tell(partner, body, Idempotency_Key="k")
    again = tell(partner, gzip.compress(body), Idempotency_Key="k", **PACKED)
    assert (again.data, again.headers["Idempotency-Replayed"]) == (first.data, "true")


@pytest.mark.parametrize("coding", ["br", "deflate", "zstd", "gzip, gzip", "nonsense"])
def test_another_packing_is_refused_by_name(partner: Holder, creator_id: str, coding: str) -> None:
    """415, and nothing is tried."""
    answer = tell(partner, lines(event()), Content_Encoding=coding)
    assert (answer.status_code, answer.json["code"]) == (415, "unsupported_media_type")
    assert coding in answer.json["detail"]


def test_a_packed_body_that_was_cut_posts_nothing(partner: Holder, books: Database, creator_id: str) -> None:
    """Though every line that arrived could be read: the stream has no end. Nor is damage or a tail taken."""
    body = gzip.compress(lines(*(event(f"e-{n}") for n in range(50))))
    flushed = zlib.compressobj(wbits=31)
    begun = flushed.compress(lines(event("e-1"))) + flushed.flush(zlib.Z_SYNC_FLUSH)
    for wrong in (body[:-1], body[:-9], body[:40], begun, body[:-8] + b"\0" * 8, body + b"x", body + body, b"", b"{}"):
        answer = tell(partner, wrong, **PACKED)
        assert (answer.status_code, answer.json["code"]) == (400, "malformed_body"), answer.json
    assert stored(books) == []


def test_a_small_body_that_unpacks_without_end_is_too_large(app: Flask, partner: Holder, creator_id: str) -> None:
    """What counts is its size unpacked; exactly the limit is taken."""
    limit = app.config["MAX_CONTENT_LENGTH"]
    assert tell(partner, gzip.compress(b" " * limit), **PACKED).status_code == 200
    answer = tell(partner, gzip.compress(b" " * (limit + 1)), **PACKED)
    assert (answer.status_code, answer.json["code"]) == (413, "content_too_large")


# Cut, empty, too many


@pytest.mark.parametrize("body", [b"", b"\n\n \r\n", b" "])
def test_nothing_told_is_nothing_posted(partner: Holder, body: bytes) -> None:
    """Blank lines are no lines."""
    answer = tell(partner, body)
    assert (answer.status_code, answer.json["results"]) == (200, [])


def test_a_line_ends_as_any_system_ends_it(partner: Holder, creator_id: str) -> None:
    """With or without a carriage return, and with or without a last line feed; blank lines count."""
    body = lines(event("e-1"), event("e-2")).replace(b"\n", b"\r\n\r\n").rstrip()
    answer = tell(partner, body).json
    assert [(line["line"], line["status"]) for line in answer["results"]] == [(1, "posted"), (3, "posted")]


@pytest.mark.parametrize(("media", "join"), [(NDJSON, b"\n"), (encoding.JSON, b",")])
def test_a_batch_has_its_limit(app: Flask, partner: Holder, books: Database, media: str, join: bytes) -> None:
    """One event more is 413 as a whole, however it is written."""
    app.extensions["trust_ledger"].settings.batch_limit = 3
    body = join.join(orjson.dumps(event(f"e-{n}")) for n in range(4))
    answer = tell(partner, body if media == NDJSON else b"[" + body + b"]", media=media)
    assert (answer.status_code, answer.json["code"], stored(books)) == (413, "content_too_large", [])


@pytest.mark.parametrize("value", [b"[]", b"{}", b"0", b'""'])
def test_a_body_of_many_small_values_is_too_large(partner: Holder, value: bytes) -> None:
    """Parsed it would take twenty times the room that it came in."""
    body = b"[" + b",".join([value] * 1_500_000) + b"]"
    answer = tell(partner, body, media=encoding.JSON)
    assert (answer.status_code, answer.json["code"]) == (413, "content_too_large")


def test_a_body_of_many_small_lines_is_too_large(partner: Holder) -> None:
    """Whatever it is sent to, and however few lines of it would be read there."""
    for path in ("/v1/events/batch", "/v1/events", "/v1/keys/none/rotate"):
        answer = tell(partner, b"11\n" * 1_000_001, path=path, Idempotency_Key="k")
        assert (answer.status_code, answer.json["code"]) == (413, "content_too_large")


# Ten thousand


@pytest.mark.parametrize("media", [NDJSON, encoding.JSON])
def test_ten_thousand_lines_are_answered_in_order(
    partner: Holder, books: Database, creator_id: str, public_creator_id: str, media: str
) -> None:
    """A receipt each, in the order sent, whatever became of the line: posted, replayed, refused."""
    names = ("youtube:ada", "youtube:grace", "youtube:nobody")
    told = [event(f"e-{n % 9_000}", creator=names[n % 3]) for n in range(10_000)]
    body = lines(*told) if media == NDJSON else orjson.dumps(told)
    answer = tell(partner, gzip.compress(body), media=media, **PACKED)
    assert answer.status_code == 200
    results = answer.json["results"]
    assert [(line["line"], line["external_ref"]) for line in results] == [
        (n, one["external_ref"]) for n, one in enumerate(told, 1)
    ]
    counted = Counter((line["status"], line.get("code")) for line in results)
    assert counted == {("posted", None): 6_000, ("replayed", None): 667, ("refused", "unknown_creator"): 3_333}
    assert (answer.json["posted"], answer.json["replayed"], answer.json["refused"]) == (6_000, 667, 3_333)
    assert len(stored(books)) == 6_000


def test_the_last_of_ten_thousand_undoes_an_atomic_batch(partner: Holder, books: Database, creator_id: str) -> None:
    """All or nothing, at any size; only what stands in the way is named."""
    told = [event(f"e-{n}") for n in range(9_999)]
    answer = partner.post(f"{BATCH}?atomic=true", json=[*told, event("e-0", kind="post", facts={})])
    assert (answer.status_code, answer.json["code"]) == (422, "batch_refused")
    assert [(line["line"], line["code"]) for line in answer.json["results"]] == [(10_000, "external_ref_reused")]
    assert stored(books) == []
    assert partner.post(f"{BATCH}?atomic=true", json=told).json["posted"] == 9_999


def test_a_body_over_the_limit_is_told_the_limit(partner: Holder) -> None:
    """Whoever sends too much hears how much may be sent."""
    refused = partner.post("/v1/events/batch", data=b" " * 10_000_001, content_type="application/json")
    assert (refused.status_code, refused.json["detail"]) == (413, "the body is longer than 10000000 bytes")
