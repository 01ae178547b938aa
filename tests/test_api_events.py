"""What partners tell, over HTTP."""

from tests.api_fixtures import Holder, event


def test_an_event_is_posted_once(partner: Holder, creator_id: str) -> None:
    """The first telling is 201 with its entries, the second 200 with the same, said to be a replay."""
    first = partner.post("/v1/events", json=event())
    again = partner.post("/v1/events", json=event())
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert first.json["entries"] == again.json["entries"]
