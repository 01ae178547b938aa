"""Statements, over HTTP."""

import pytest

from api.entries import EntriesOut, OneEntryOut
from tests.api_fixtures import Holder, event
from tests.test_api_balances import fields_of

ADA = "/v1/creators/youtube:ada/entries"


@pytest.fixture
def told(partner: Holder, creator_id: str) -> str:
    """Ada: four replies, a breach, an apology."""
    lines = [event(f"e-{fan}", facts={"act": "reply", "engager": f"fan-{fan}"}) for fan in range(4)]
    lines += [
        event("b-1", kind="breach", facts={"severity": 1}),
        event("a-1", kind="apology", facts={"breach": "b-1", "responsibility": True}),
    ]
    for line in lines:
        assert partner.post("/v1/events", json=line).status_code == 201
    return creator_id


def test_a_statement_says_what_and_why(partner: Holder, told: str) -> None:
    """Newest first; each line with its sentence, factors, amount, what it left, and its place in the chain."""
    answer = partner.get(ADA).json
    assert (answer["creator_id"], answer["meter"], answer["next"]) == (told, "network:youtube", None)
    lines = answer["entries"]
    assert [line["kind"] for line in lines] == ["apology", "breach", *["engagement"] * 4]
    breach = lines[1]
    assert (breach["amount"], breach["change"], breach["standing"]) == ("-3.500000", "-3.500000", "16.500000")
    assert breach["reason"].startswith("A slight breach of trust")
    assert (breach["external_ref"], breach["source"], breach["factors"]["share"]) == ("b-1", "acme", 50_000)
    assert lines[0]["about"] == breach["seq"]
    assert [line["prev_hash"] for line in lines[:-1]] == [line["hash"] for line in lines[1:]]


def test_pages_put_together_are_the_whole(partner: Holder, told: str) -> None:
    """Following `next` gives every line once, in order, and ends."""
    whole = partner.get(ADA).json["entries"]
    first = partner.get(f"{ADA}?limit=4").json
    second = partner.get(f"{ADA}?limit=4&after={first['next']}").json
    assert [*first["entries"], *second["entries"]] == whole
    assert (len(first["entries"]), second["next"]) == (4, None)


def test_a_cursor_belongs_to_its_question(partner: Holder, told: str, public_creator_id: str) -> None:
    """With another kind or creator, or tampered with, a cursor is refused; it says nothing of where it stands."""
    cursor = partner.get(f"{ADA}?limit=2").json["next"]
    asked = [
        f"{ADA}?after={cursor}&kind=breach",
        f"/v1/creators/{public_creator_id}/entries?after={cursor}",
        f"{ADA}?after={cursor}x",
        f"{ADA}?after=5",
    ]
    answers = [partner.get(url) for url in asked]
    assert [(one.status_code, one.json["code"]) for one in answers] == [(400, "invalid_cursor")] * 4
    assert partner.get(f"{ADA}?after={cursor}&limit=100").status_code == 200


def test_a_kind_comes_alone(partner: Holder, told: str) -> None:
    """Asked for engagement, a statement tells of nothing else; an unknown kind is refused."""
    assert {line["kind"] for line in partner.get(f"{ADA}?kind=engagement").json["entries"]} == {"engagement"}
    assert [partner.get(f"{ADA}?{query}").status_code for query in ("kind=gift", "limit=101", "limit=0")] == [422] * 3


def test_one_line_is_worked_out_again(partner: Holder, told: str) -> None:
    """A line comes with its amount recomputed from its factors, and with what agrees."""
    line = partner.get(f"{ADA}/network:youtube/5").json
    agrees = {"amount_agrees": True, "hash_agrees": True, "link_agrees": True}
    assert line["recomputed"] == {"amount": line["amount"], **agrees}
    assert {name: value for name, value in line.items() if name != "recomputed"} in partner.get(ADA).json["entries"]


@pytest.mark.parametrize("place", ["network:youtube/99", f"network:youtube/{10**30}", "network:tiktok/1", "x/1"])
def test_a_line_that_is_not_there(partner: Holder, told: str, place: str) -> None:
    """Beyond the last line, and in a book that is not hers, there is nothing; the line is named as it was asked for."""
    absent = partner.get(f"{ADA}/{place}")
    assert absent.status_code == 404
    assert not place.startswith("network:youtube") or f"no entry {place.split('/')[1]} in" in absent.json["detail"]


def test_a_statement_is_what_the_document_says(partner: Holder, creator: Holder, told: str) -> None:
    """Every field that is sent is documented, and the other way round; factors differ by kind."""
    for seq in (5, 6):
        contested = {"meter": "network:youtube", "seq": seq, "reason": "it was not so"}
        assert creator.post("/v1/disputes", json=contested).status_code == 201
    page, line = partner.get(ADA).json, partner.get(f"{ADA}/network:youtube/5").json
    for entry in (page["entries"][0], line):
        entry["factors"] = None
    assert fields_of(EntriesOut()) == fields_of(page)
    assert fields_of(OneEntryOut()) == fields_of(line)


def test_a_statement_is_its_owners(
    partner: Holder, other_partner: Holder, brand: Holder, creator: Holder, operator: Holder, told: str
) -> None:
    """The creator, her partner and an operator see why; another partner finds nothing; a brand holds no such key."""
    assert [who.get(ADA).status_code for who in (partner, creator, operator)] == [200] * 3
    assert other_partner.get(ADA).status_code == 404
    assert brand.get(ADA).status_code == 403


def test_being_public_shows_no_statement(other_partner: Holder, public_creator_id: str) -> None:
    """The meter of a public creator is anyone's to see, the reasons behind it are not."""
    path = f"/v1/creators/{public_creator_id}"
    assert other_partner.get(f"{path}/balance").status_code == 200
    assert other_partner.get(f"{path}/entries").status_code == 404
    assert other_partner.get(f"{path}/entries/network:youtube/1").status_code == 404


def test_a_kind_of_event_is_told_from_a_kind_of_line(partner: Holder, creator_id: str) -> None:
    """Whoever asks for the lines of an undisclosed pitch hears which lines it has."""
    answer = partner.get("/v1/creators/youtube:ada/entries?kind=undisclosed_pitch")
    assert answer.status_code == 422
    assert "an undisclosed_pitch is a pitch and a breach line" in answer.json["detail"]
