"""CloudEvents 1.0 on POST /v1/events: the same events in the envelope that many systems speak."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from ledger import db
from ledger.db import Database
from tests.api_fixtures import Holder, event

ONE, MANY = "application/cloudevents+json", "application/cloudevents-batch+json"
BASE = {"specversion": "1.0", "source": "https://tube.example/desk", "datacontenttype": "application/json"}


def cloud(ref: str = "e-1", **changes: Any) -> dict[str, Any]:
    """The event of `api_fixtures.event` in an envelope; a change to `...` leaves a member out."""
    told = event(ref)
    made = BASE | {
        "id": ref,
        "type": f"com.trustledger.{told['kind']}",
        "subject": told["creator"],
        "time": told["occurred_at"],
        "data": told["facts"],
    }
    return {name: value for name, value in (made | changes).items() if value is not ...}


def tell(holder: Holder, body: object, *, media: str = ONE, path: str = "/v1/events", **more: Any) -> Any:
    """Send an envelope, or many."""
    return holder.post(path, data=orjson.dumps(body), content_type=media, **more)


def events(books: Database) -> int:
    """How many are stored."""
    return int(books.read(lambda reader: db.fetch(reader, "SELECT count(*) FROM event"))[0][0])


def test_an_envelope_holds_the_same_event(partner: Holder, creator_id: str) -> None:
    """Told in a CloudEvent and then plainly, it is one event."""
    first = tell(partner, cloud())
    again = partner.post("/v1/events", json=event())
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json == first.json | {"status": "replayed"}
    replayed = tell(partner, cloud())
    assert (replayed.status_code, replayed.headers["Idempotency-Replayed"]) == (200, "true")


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "engagement"},
        {"datacontenttype": ...},
        {"datacontenttype": None},
        {"datacontenttype": "application/vnd.tube+json; charset=utf-8"},
        {"source": "/desk/7"},
        {"dataschema": "https://tube.example/schemas/engagement"},
        {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "attempt": 2, "sampled": True},
        {"meter": "network:youtube"},
        {"meter": None, "dataschema": None, "comexample": None},
        {"time": "2026-11-23T13:00:00+01:00"},
    ],
)
def test_what_the_standard_allows_is_the_same_event(partner: Holder, creator_id: str, changes: dict[str, Any]) -> None:
    """Optional attributes, extensions that mean nothing here, null for what is left out."""
    assert partner.post("/v1/events", json=event()).status_code == 201
    answer = tell(partner, cloud(**changes), headers={"Content-Type": f"{ONE}; charset=utf-8"})
    assert answer.json.get("status") == "replayed", answer.json


@pytest.mark.parametrize(
    ("changes", "pointers"),
    [
        ({"specversion": "0.3"}, ["/specversion"]),
        ({"specversion": ..., "source": ...}, ["/source", "/specversion"]),
        ({"source": ""}, ["/source"]),
        ({"source": "not a uri"}, ["/source"]),
        ({"dataschema": "relative"}, ["/dataschema"]),
        ({"datacontenttype": "text/xml"}, ["/datacontenttype"]),
        ({"data": ..., "data_base64": "e30="}, ["/data_base64"]),
        ({"Trace": "x"}, ["/Trace"]),
        ({"trace_id": "x"}, ["/trace_id"]),
        ({"trace": {"id": 1}}, ["/trace"]),
        ({"trace": 0.5}, ["/trace"]),
        ({"subject": ...}, ["/subject"]),
        ({"subject": "ada"}, ["/meter", "/subject"]),
        ({"time": ...}, ["/time"]),
        ({"time": "yesterday"}, ["/time"]),
        ({"time": "2026-11-24T12:00:00Z"}, ["/time"]),
        ({"id": ""}, ["/id"]),
        ({"id": 7}, ["/id"]),
        ({"type": "com.example.engagement"}, ["/type"]),
        ({"type": 5}, ["/type"]),
        ({"data": "text"}, ["/data"]),
        ({"data": ...}, ["/data/act", "/data/engager"]),
        ({"data": {"act": "wave", "engager": "f"}}, ["/data/act"]),
    ],
)
def test_what_is_wrong_is_named_by_its_member(
    partner: Holder, books: Database, creator_id: str, changes: dict[str, Any], pointers: list[str]
) -> None:
    """Pointers lead into the envelope that was sent, alone or in a batch, and nothing is posted."""
    alone = tell(partner, cloud(**changes))
    assert (alone.status_code, alone.json["code"]) == (422, "invalid_event")
    line = tell(partner, [cloud(**changes)], media=MANY).json["results"][0]
    for told in (alone.json, line):
        assert sorted(error["pointer"] for error in told["errors"]) == pointers
        assert not [word for word in ("occurred_at", "external_ref:", "/facts", "/kind") if word in told["detail"]]
    assert events(books) == 0


def test_a_reused_id_names_the_member_that_differs(partner: Holder, creator_id: str) -> None:
    """409 by the same rules as an external_ref, in the envelope's words."""
    tell(partner, cloud())
    other = tell(partner, cloud(data={"act": "like", "engager": "fan-1"}))
    assert (other.status_code, other.json["errors"][0]["pointer"]) == (409, "/data/act")


def test_only_its_own_partner_tells_of_a_network(other_partner: Holder, creator_id: str) -> None:
    """An envelope opens no other book."""
    answer = tell(other_partner, cloud())
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (403, "/meter")


@pytest.mark.parametrize("path", ["/v1/events", "/v1/events/batch"])
def test_a_batch_of_envelopes_is_answered_line_by_line(partner: Holder, creator_id: str, path: str) -> None:
    """In order, on either address: posted, replayed, refused."""
    told = [cloud("e-1"), cloud("e-2"), cloud("e-1"), cloud("e-3", specversion="2"), 17, cloud("e-4", subject=...)]
    answer = tell(partner, told, media=MANY, path=path)
    assert answer.status_code == 200
    assert [line["status"] for line in answer.json["results"]] == ["posted", "posted", "replayed", *["refused"] * 3]
    assert [line["line"] for line in answer.json["results"]] == [1, 2, 3, 4, 5, 6]
    assert [line["errors"][0]["pointer"] for line in answer.json["results"][3:]] == ["/specversion", "", "/subject"]
    assert tell(partner, [], media=MANY, path=path).json["results"] == []


def test_an_atomic_batch_of_envelopes_is_all_or_nothing(partner: Holder, books: Database, creator_id: str) -> None:
    """One that is refused undoes all, and is named by the members of its envelope."""
    told = [cloud("e-1"), cloud("e-2", kind=1, data={"act": "wave", "engager": "f"})]
    answer = tell(partner, told, media=MANY, path="/v1/events/batch?atomic=true")
    assert (answer.status_code, answer.json["results"][0]["errors"][0]["pointer"]) == (422, "/data/act")
    assert events(books) == 0


def test_an_envelope_is_sent_again_under_a_key(partner: Holder, books: Database, creator_id: str) -> None:
    """Idempotency-Key knows envelopes as it knows any body."""
    key = {"Idempotency-Key": "k"}
    first, again = (tell(partner, [cloud("e-1")], media=MANY, headers=key) for _ in range(2))
    assert (first.data, again.headers["Idempotency-Replayed"], events(books)) == (again.data, "true", 1)
    other = tell(partner, [cloud("e-2")], media=MANY, headers=key)
    assert (other.status_code, other.json["errors"][0]["pointer"]) == (409, "/0")


def test_a_mode_goes_with_its_type(partner: Holder, creator_id: str) -> None:
    """An envelope under plain JSON is no event; an array is not structured; one envelope is no batch."""
    assert partner.post("/v1/events", json=cloud()).status_code == 422
    assert tell(partner, [cloud()]).status_code == 422
    assert tell(partner, cloud(), media=MANY).status_code == 422
    assert tell(partner, cloud(), path="/v1/events/batch").status_code == 415
    assert tell(partner, cloud(), media="application/cloudevents+xml").status_code == 415
