"""Outside readings, over HTTP."""

from typing import Any

import pytest

from api.readings import ReadingsOut
from tests.api_fixtures import Clock, Holder
from tests.test_api_balances import fields_of

ADA = "/v1/creators/youtube:ada/readings"


def reading(**changes: Any) -> dict[str, Any]:
    """A reading of this morning."""
    told = {"stick": "moz-da", "value": "64.2", "low": "1", "high": "100", "read_at": "2026-11-23T08:00:00Z"}
    return told | {"source": "its own page"} | changes


def test_what_was_told_is_kept(partner: Holder, creator_id: str) -> None:
    """Value and scale come back as they went in, and sending the same again changes nothing."""
    told = [reading(), reading(stick="trustscore", value="-0.000001", low="-5.5", high="5")]
    for _ in range(2):
        answer = partner.put(ADA, json={"readings": told})
        assert (answer.status_code, answer.json["readings"]) == (200, told)
    read = partner.get(ADA).json
    assert read == {"creator_id": creator_id, "readings": [told[1], told[0]], "next": None}
    assert fields_of(ReadingsOut()) == fields_of(read)


def test_another_value_takes_the_others_place(partner: Holder, creator: Holder, creator_id: str) -> None:
    """The creator may put right what was told of one stick and moment."""
    assert partner.put(ADA, json={"readings": [reading()]}).status_code == 200
    assert creator.put(ADA, json={"readings": [reading(value="65")]}).status_code == 200
    assert [one["value"] for one in partner.get(ADA).json["readings"]] == ["65"]


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"value": "101"}, "/readings/0/value"),
        ({"value": 64.2}, "/readings/0/value"),
        ({"value": "1e3"}, "/readings/0/value"),
        ({"value": "1.1234567"}, "/readings/0/value"),
        ({"low": "100"}, "/readings/0/high"),
        ({"stick": "Moz DA"}, "/readings/0/stick"),
        ({"read_at": "2026-11-24T08:00:00Z"}, "/readings/0/read_at"),
        ({"source": ""}, "/readings/0/source"),
        ({"rank": 1}, "/readings/0/rank"),
    ],
)
def test_what_cannot_be_a_reading_is_refused(
    partner: Holder, creator_id: str, wrong: dict[str, Any], pointer: str
) -> None:
    """Each refusal names the place, and nothing is kept."""
    answer = partner.put(ADA, json={"readings": [reading(**wrong)]})
    assert (answer.status_code, answer.json["code"]) == (422, "invalid_request")
    assert pointer in [error["pointer"] for error in answer.json["errors"]]
    assert partner.get(ADA).json["readings"] == []


def test_a_list_has_one_to_a_hundred(partner: Holder, creator_id: str) -> None:
    """None and 101 are refused; a hundred are taken."""
    many = [reading(read_at=f"2026-11-22T{n // 60:02d}:{n % 60:02d}:00Z") for n in range(101)]
    assert [partner.put(ADA, json={"readings": some}).status_code for some in ([], many, many[1:])] == [422, 422, 200]


def test_pages_put_together_are_the_whole(partner: Holder, creator_id: str) -> None:
    """Following `next` gives each reading once, newest first; the cursor belongs to its question."""
    told = [reading(stick=stick, read_at=f"2026-11-{day:02d}T08:00:00Z") for day in (1, 2, 3) for stick in ("a", "b")]
    assert partner.put(ADA, json={"readings": told}).status_code == 200
    pages: list[Any] = []
    after: str | None = ""
    while after is not None:
        page = partner.get(f"{ADA}?limit=4{after and f'&after={after}'}").json
        pages, after = [*pages, page["readings"]], page["next"]
    assert [len(page) for page in pages] == [4, 2]
    assert [one for page in pages for one in page] == told[::-1]
    cursor = partner.get(f"{ADA}?limit=4").json["next"]
    refused = partner.get(f"{ADA}?after={cursor}&stick=a")
    assert (refused.status_code, refused.json["code"]) == (400, "invalid_cursor")
    assert [one["stick"] for one in partner.get(f"{ADA}?stick=a").json["readings"]] == ["a"] * 3


def test_others_read_the_public_and_write_nobody(
    other_partner: Holder, brand: Holder, partner: Holder, public_creator_id: str, clock: Clock
) -> None:
    """A public creator's readings are anyone's with a key to see; only those who may change her may tell of them."""
    grace = "/v1/creators/youtube:grace/readings"
    assert partner.put(grace, json={"readings": [reading()]}).status_code == 200
    assert [len(who.get(grace).json["readings"]) for who in (other_partner, brand)] == [1, 1]
    assert [who.put(grace, json={"readings": [reading()]}).status_code for who in (other_partner, brand)] == [403, 403]
