"""What partners tell, over HTTP."""

from typing import Any

import orjson
import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from ledger import db
from ledger.db import Database
from tests.api_fixtures import Clock, Holder, event

NDJSON = "application/x-ndjson"


def lines(*events: object) -> bytes:
    """Events as NDJSON."""
    return b"".join(orjson.dumps(item) + b"\n" for item in events)


def statuses(answer: Any) -> list[str]:
    """What became of each line."""
    return [result["status"] for result in answer.json["results"]]


# One event


def test_an_event_is_posted_once(partner: Holder, creator_id: str) -> None:
    """The first telling is 201 with its entries, the second 200 with the same, said to be a replay."""
    first = partner.post("/v1/events", json=event())
    again = partner.post("/v1/events", json=event())
    assert (first.status_code, again.status_code) == (201, 200)
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json == first.json | {"status": "replayed"}


def test_a_receipt_names_its_entries(partner: Holder, creator_id: str) -> None:
    """A reply is worth 5: amounts and standing are decimal strings with six places."""
    posted = partner.post("/v1/events", json=event()).json
    assert posted["entries"] == [
        {
            "meter": "network:youtube",
            "seq": 1,
            "kind": "engagement",
            "amount": "5.000000",
            "change": "5.000000",
            "standing": "5.000000",
        }
    ]


def test_a_receipt_tells_what_mends_apart_from_what_is_lost(partner: Holder, creator_id: str) -> None:
    """A disclosed pitch takes more off standing at once than the book loses, and the statement says the same."""
    told = event("p", kind="pitch", facts={"brand": "nike", "disclosure": "clear"})
    posted = partner.post("/v1/events", json=told).json["entries"][0]
    line = partner.get(f"/v1/creators/youtube:ada/entries/network:youtube/{posted['seq']}").json
    assert (posted["amount"], posted["change"]) == (line["amount"], line["change"])
    assert float(posted["change"]) < float(posted["amount"]) < 0
    assert partner.post("/v1/events", json=told).json["entries"][0] == posted


@pytest.mark.parametrize(
    ("method", "path", "why"),
    [
        ("post", "/v1/events?backfill=true", "backfill is not a parameter of this: use /v1/events/batch"),
        ("post", "/v1/events?atomic=true", "atomic is not a parameter of this: use /v1/events/batch"),
        ("post", "/v1/events/batch?bogus=1", "bogus is not a parameter of this"),
        ("get", "/v1/creators/youtube:ada?bogus=1", "bogus is not a parameter of this"),
        ("get", "/v1/creators/youtube:ada/balance?bogus=1", "bogus is not a parameter of this"),
        ("get", "/v1/creators/youtube:ada/history?bogus=1", "bogus is not a parameter of this"),
        ("get", "/v1/policy?bogus", "bogus is not a parameter of this"),
        ("get", "/healthz?bogus=1", "bogus is not a parameter of this"),
    ],
)
def test_no_parameter_is_passed_over(
    partner: Holder, books: Database, creator_id: str, method: str, path: str, why: str
) -> None:
    """A parameter that an operation does not have is refused by name, and nothing is done."""
    answer = getattr(partner, method)(path, **({"json": event()} if method == "post" else {}))
    assert (answer.status_code, answer.json["detail"]) == (422, why)
    assert answer.json["errors"][0]["parameter"] == why.split(maxsplit=1)[0]
    with books.reading() as session:
        assert db.fetch(session, "SELECT count(*) FROM event") == [(0,)]


def test_a_creator_may_be_named_by_uuid(partner: Holder, creator_id: str) -> None:
    """Under the UUID the meter has to be said, and then it is the same book."""
    told = event(creator=creator_id)
    assert partner.post("/v1/events", json=told).json["errors"][0]["pointer"] == "/meter"
    assert partner.post("/v1/events", json=told | {"meter": "network:youtube"}).status_code == 201


def test_a_reused_reference_names_what_differs(partner: Holder, creator_id: str) -> None:
    """The same external_ref for another event is 409 and points at the first field that differs."""
    partner.post("/v1/events", json=event())
    answer = partner.post("/v1/events", json=event(facts={"act": "like", "engager": "fan-1"}))
    assert answer.status_code == 409
    assert answer.json["code"] == "external_ref_reused"
    assert answer.json["errors"] == [{"pointer": "/facts/act", "detail": "differs from the event first sent"}]


def test_two_sources_never_collide(partner: Holder, operator: Holder, creator_id: str) -> None:
    """Each partner has its own space of references: the source is the key's owner."""
    told = [holder.post("/v1/events", json=event()).status_code for holder in (partner, operator)]
    assert told == [201, 201]


def test_an_unknown_creator_is_not_found(partner: Holder) -> None:
    """Nobody by that name is 404, and it is not remembered."""
    answers = [partner.post("/v1/events", json=event()) for _ in range(2)]
    assert [(a.status_code, a.json["code"]) for a in answers] == [(404, "unknown_creator")] * 2


def test_a_refusal_of_the_books_is_remembered(partner: Holder, creator_id: str) -> None:
    """An apology for a breach that nobody knows is 422, and the same answer again says so."""
    told = event("a-1", kind="apology", facts={"breach": "b-1"})
    first, again = (partner.post("/v1/events", json=told) for _ in range(2))
    assert first.status_code == again.status_code == 422
    assert first.json == again.json
    assert first.json["code"] == "unknown_reference"
    assert first.json["errors"][0]["pointer"] == "/facts/breach"
    assert again.headers["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize(
    ("changes", "pointers"),
    [
        ({"kind": "gift"}, ["/kind"]),
        ({"colour": 1}, ["/colour"]),
        ({"creator": "ada"}, ["/creator", "/meter"]),
        ({"external_ref": " x"}, ["/external_ref"]),
        ({"external_ref": "a\x00b"}, ["/external_ref"]),
        ({"occurred_at": "2026-11-23T12:00:00"}, ["/occurred_at"]),
        ({"occurred_at": "2026-11-23"}, ["/occurred_at"]),
        ({"occurred_at": "2026-13-23T12:00:00Z"}, ["/occurred_at"]),
        ({"occurred_at": 1}, ["/occurred_at"]),
        ({"occurred_at": "2026-11-24T12:00:00Z"}, ["/occurred_at"]),
        ({"occurred_at": "1999-11-24T12:00:00Z"}, ["/occurred_at"]),
        ({"facts": {"act": "reply"}}, ["/facts/engager"]),
        ({"facts": {"act": "wave", "engager": 1, "x/y": 2}}, ["/facts/act", "/facts/engager", "/facts/x~1y"]),
        ({"facts": []}, ["/facts"]),
        ({"meter": "brand:nike"}, ["/meter"]),
    ],
)
def test_what_is_wrong_is_named(partner: Holder, creator_id: str, changes: dict[str, Any], pointers: list[str]) -> None:
    """An event that is not well formed is 422 with a pointer to each thing that is wrong."""
    answer = partner.post("/v1/events", json=event(**changes))
    assert answer.status_code == 422
    assert answer.mimetype == "application/problem+json"
    assert sorted(error["pointer"] for error in answer.json["errors"]) == pointers


@pytest.mark.parametrize("at", ["2026-11-23T13:00:00+01:00", "2026-11-23T12:00:00.000000000Z", "2026-11-23T12:00:00Z"])
def test_a_moment_is_the_same_however_it_is_written(partner: Holder, creator_id: str, at: str) -> None:
    """Offsets and fractions of zero make no other event."""
    partner.post("/v1/events", json=event())
    assert partner.post("/v1/events", json=event(occurred_at=at)).json["status"] == "replayed"


def test_a_partner_tells_of_its_own_networks_only(other_partner: Holder, creator_id: str) -> None:
    """Another network's partner is refused by creator and by meter, whether or not the creator is there."""
    by_creator = other_partner.post("/v1/events", json=event())
    by_meter = other_partner.post("/v1/events", json=event(creator=creator_id, meter="network:youtube"))
    mixed = other_partner.post("/v1/events", json=event(meter="network:tiktok"))
    absent = other_partner.post("/v1/events", json=event(creator="youtube:nobody"))
    assert [a.status_code for a in (by_creator, by_meter, mixed, absent)] == [403] * 4


def test_a_creator_of_another_network_stays_unknown(other_partner: Holder, creator_id: str) -> None:
    """Whoever guesses a creator's id, but has no book of theirs, hears what they would hear of nobody."""
    nobody = "00000000-0000-7000-8000-000000000000"
    answers = [
        other_partner.post("/v1/events", json=event(creator=name, meter="network:tiktok"))
        for name in (creator_id, nobody)
    ]
    assert [a.status_code for a in answers] == [404, 404]
    assert answers[0].json["detail"].replace(creator_id, nobody) == answers[1].json["detail"]


def test_names_of_engagers_are_not_kept(partner: Holder, creator_id: str, books: Database) -> None:
    """What is stored of a fan is a keyed hash."""
    partner.post("/v1/events", json=event(facts={"act": "reply", "engager": "very-private-fan"}))
    with books.reading() as session:
        stored = [str(db.fetch(session, f"SELECT * FROM {table}")) for table in ("event", "entry", "tie")]
    assert "very-private-fan" not in "".join(stored)


# Many events


@pytest.mark.parametrize("media", ["application/json", NDJSON])
def test_a_batch_answers_line_by_line(partner: Holder, creator_id: str, media: str) -> None:
    """As an array or a line each: posted, replayed, refused, in the order sent, each with its line."""
    told = [event("e-1"), event("e-2"), event("e-1"), event("e-3", kind="gift"), event("e-4", creator="youtube:x"), 17]
    body = lines(*told) if media == NDJSON else orjson.dumps(told)
    answer = partner.post("/v1/events/batch", data=body, content_type=media)
    assert answer.status_code == 200
    assert statuses(answer) == ["posted", "posted", "replayed", "refused", "refused", "refused"]
    assert [result["line"] for result in answer.json["results"]] == [1, 2, 3, 4, 5, 6]
    assert [result.get("code") for result in answer.json["results"][3:]] == [
        "invalid_event",
        "unknown_creator",
        "invalid_event",
    ]
    assert (answer.json["posted"], answer.json["replayed"], answer.json["refused"]) == (2, 1, 3)


def test_a_single_event_is_a_batch_of_one(partner: Holder, creator_id: str) -> None:
    """Told alone or in a batch, an event is the same event."""
    alone = partner.post("/v1/events", json=event()).json
    again = partner.post("/v1/events/batch", json=[event()]).json["results"][0]
    assert again == alone | {"line": 1, "status": "replayed"}


def test_a_line_cut_off_posts_nothing_of_itself(partner: Holder, creator_id: str) -> None:
    """Where a file ends in the middle of a line, that line is refused by number and the others stand."""
    body = lines(event("e-1"), event("e-2")) + b"\n" + lines(event("e-3"))[:-9]
    answer = partner.post("/v1/events/batch", data=body, content_type=NDJSON)
    assert statuses(answer) == ["posted", "posted", "refused"]
    assert answer.json["results"][2]["line"] == 4
    assert "not JSON" in answer.json["results"][2]["detail"]


def test_an_array_cut_off_posts_nothing(partner: Holder, creator_id: str) -> None:
    """Half an array is no array: 400, and its events are free to be sent again."""
    body = orjson.dumps([event("e-1"), event("e-2")])[:-1]
    answer = partner.post("/v1/events/batch", data=body, content_type="application/json")
    assert (answer.status_code, answer.json["code"]) == (400, "malformed_body")
    assert partner.post("/v1/events", json=event("e-1")).status_code == 201


def test_an_atomic_batch_is_all_or_nothing(partner: Holder, creator_id: str) -> None:
    """One refusal undoes all and is named; without it all are posted; nothing of the first try is remembered."""
    bad = event("a-1", kind="apology", facts={"breach": "b-1"})
    for wrong in (bad, event("x", kind="gift"), event("x", creator="youtube:nobody")):
        answer = partner.post("/v1/events/batch?atomic=true", json=[event("e-1"), wrong])
        assert (answer.status_code, answer.json["code"]) == (422, "batch_refused")
        assert [result["line"] for result in answer.json["results"]] == [2]
    answer = partner.post("/v1/events/batch?atomic=true", json=[event("e-1"), event("e-2")])
    assert statuses(answer) == ["posted", "posted"]


def test_an_atomic_batch_names_all_that_stands_in_its_way(partner: Holder, creator_id: str) -> None:
    """Whoever mends a batch is told once of all lines: of those that cannot be read and of those the books refuse."""
    sorry = event("sorry", kind="apology", facts={"breach": "none"})
    body = lines(event("e-0", creator="youtube:nobody")) + b"{\n" + lines(event("e-1"), sorry, sorry)
    answer = partner.post("/v1/events/batch?atomic=true", data=body, content_type=NDJSON)
    assert (answer.status_code, answer.json["code"]) == (422, "batch_refused")
    assert [(result["line"], result["code"]) for result in answer.json["results"]] == [
        (1, "unknown_creator"),
        (2, "invalid_event"),
        (4, "unknown_reference"),
        (5, "unknown_reference"),
    ]
    assert "4 of 5 events would be refused" in answer.json["detail"]
    assert not any("event_id" in result for result in answer.json["results"])
    alone = partner.post("/v1/events/batch?atomic=true", data=lines(event("e-1")) + b"{\n", content_type=NDJSON)
    assert "1 of 2 events would be refused" in alone.json["detail"]
    none = partner.post("/v1/events/batch?atomic=true", data=b"{\n", content_type=NDJSON)
    assert "1 of 1 events would be refused" in none.json["detail"]
    assert statuses(partner.post("/v1/events/batch", json=[event("e-1")])) == ["posted"]


def test_the_past_is_filled_in_with_the_scope_for_it(
    partner: Holder, other_partner: Holder, creator_id: str, clock: Clock
) -> None:
    """Backfill needs events:backfill, and goes into a book only until its first live entry."""
    past = [event(f"e-{n}", occurred_at=f"2025-0{n}-01T00:00:00Z") for n in (1, 2, 3)]
    assert other_partner.post("/v1/events/batch?backfill=true", json=past).status_code == 403
    assert statuses(partner.post("/v1/events/batch?backfill=true", json=past[:2])) == ["posted"] * 2
    partner.post("/v1/events", json=event("live"))
    late = partner.post("/v1/events/batch?backfill=true", json=past[2:])
    assert late.json["results"][0]["code"] == "backfill_closed"


def test_a_batch_is_bounded(app: Flask, partner: Holder, creator_id: str) -> None:
    """More events than the limit are 413 as a whole; a larger body than the limit is 413 unread."""
    app.extensions["trust_ledger"].settings.batch_limit = 3
    answer = partner.post("/v1/events/batch", json=[event(f"e-{n}") for n in range(4)])
    assert (answer.status_code, answer.json["code"]) == (413, "content_too_large")
    answer = partner.post("/v1/events/batch", data=b" " * 10_000_001, content_type=NDJSON)
    assert (answer.status_code, answer.json["code"]) == (413, "content_too_large")


@pytest.mark.parametrize(("media", "status"), [("text/plain", 415), ("", 415), ("application/json", 400)])
def test_a_body_is_what_it_says(partner: Holder, media: str, status: int) -> None:
    """Another type is 415, and JSON that is none is 400."""
    for path in ("/v1/events", "/v1/events/batch"):
        answer = partner.post(path, data=b'{"a":NaN}', content_type=media)
        assert answer.status_code == status
        assert status == 400 or (media or "without a Content-Type") in answer.json["detail"]


def test_a_lone_surrogate_is_no_text(partner: Holder) -> None:
    """JSON may spell half a character; the ledger does not take it."""
    assert partner.post("/v1/events", data=b'{"kind":"\\ud800"}', content_type="application/json").status_code == 400


@pytest.mark.parametrize("query", ["atomic=1", "backfill=yes", "colour=red", "atomic=true&atomic=true"])
def test_a_query_is_read_strictly(partner: Holder, query: str) -> None:
    """Flags are true or false, once, and unknown parameters are refused by name."""
    answer = partner.post(f"/v1/events/batch?{query}", json=[])
    assert answer.status_code == 422
    assert answer.json["errors"][0]["parameter"] == query.partition("=")[0]


# The fast reading and the schema agree

TEXTS = st.text(max_size=8) | st.sampled_from(["youtube:ada", "post", "2026-11-23T12:00:00Z", "network:youtube"])
VALUES: st.SearchStrategy[Any] = (
    TEXTS | st.none() | st.integers() | st.booleans() | st.floats(allow_nan=False) | st.just({}) | st.just([])
)
ENVELOPES = st.dictionaries(
    st.sampled_from(["creator", "meter", "kind", "external_ref", "occurred_at", "facts", "x"]), VALUES
)


@given(ENVELOPES.map(lambda changes: event() | changes) | ENVELOPES | VALUES)
def test_reading_fast_and_explaining_agree(told: Any) -> None:
    """Whatever the schema finds wrong the fast reading refuses; what the reading takes, the schema accepts."""
    from api import receipts
    from ledger.errors import InvalidEvent
    from ledger.keys import Key

    key = Key("k", "operator", "ops", frozenset(), frozenset(), "", 0, None)
    is_fine = isinstance(told, dict) and not receipts.ENVELOPE.validate(told)
    wrong = set() if is_fine else {pointer for pointer, _ in receipts.explain(told).errors}
    found: set[str] = set()
    try:
        receipts.read(told, key=key, pepper=b"pepper")
    except InvalidEvent as refused:
        found = {pointer for pointer, _ in refused.errors}
    assert bool(found) >= bool(wrong)


def test_a_null_meter_is_one_left_out(partner: Holder, creator_id: str) -> None:
    """Clients that write null for what they do not say are understood."""
    assert partner.post("/v1/events", json=event(meter=None)).status_code == 201


def test_the_form_of_a_slug_is_told(partner: Holder, creator_id: str) -> None:
    """Whoever sends a brand's name instead of its slug hears what a slug is made of."""
    told = event("p", kind="pitch", facts={"brand": "Nike Inc.", "disclosure": "clear"})
    wanted = "must be lower case letters, digits, - and _, and start with a letter or digit"
    assert partner.post("/v1/events", json=told).json["errors"] == [{"pointer": "/facts/brand", "detail": wanted}]
