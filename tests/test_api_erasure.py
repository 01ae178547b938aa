"""Taking everything along, and being erased, over HTTP: by whom, and what is left to see."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from ledger import audit, db, links
from ledger.db import Database
from tests.api_fixtures import Holder, event
from tests.test_api_creators import JOINED

GONE = "00000000-0000-7000-8000-000000000000"


@pytest.fixture
def ada(partner: Holder) -> str:
    """Ada, public, with a line, a dispute of it, a reading, and a brand that introduced itself."""
    told = JOINED | {"visibility": "public", "findable": True}
    creator_id = str(partner.post("/v1/creators", json=told).json["creator"])
    assert partner.post("/v1/events", json=event()).status_code == 201
    assert partner.post("/v1/events", json=event("e-2", kind="breach", facts={"severity": 1})).status_code == 201
    return creator_id


@pytest.fixture
def herself(key_for: Callable[..., Holder], ada: str) -> Holder:
    """Ada with a key that may change what is hers."""
    return key_for("creator", ada, scopes=["balances:read", "statements:read", "creators:write", "creators:erase"])


def verified(app: Flask) -> bool:
    """Whether the books are sound."""
    ledger = app.extensions["trust_ledger"]
    with ledger.database.snapshot() as session:
        return audit.verify(session, schedule=ledger.schedule()).ok


@pytest.fixture
def both(operator: Holder) -> str:
    """Cleo, private, on a network of acme's and one of bolt's."""
    accounts = [{"network": network, "external_id": "cleo"} for network in ("youtube", "tiktok")]
    told = {"display_name": "Cleo", "accounts": accounts, "consent": {"at": "2026-11-01T00:00:00Z"}}
    return str(operator.post("/v1/creators", json=told).json["creator"])


# Taking it along


def test_a_creator_takes_everything_along(partner: Holder, operator: Holder, herself: Holder, ada: str) -> None:
    """The creator, the partner of all their networks and an operator get the same document, and no secret."""
    path = f"/v1/creators/{ada}/export"
    answers = [holder.get(path) for holder in (herself, partner, operator)]
    assert [answer.status_code for answer in answers] == [200] * 3
    assert answers[0].json == answers[1].json == answers[2].json
    told = answers[0].json
    assert told["profile"][0]["display_name"] == "Ada"
    assert [account["external_id"] for account in told["account"]] == ["ada"]
    assert [row["external_ref"] for row in told["event"]] == ["e-1", "e-2"]
    assert told["event"][1]["facts"]["severity"] == 1
    assert len(told["entry"]) == 2
    assert told["consent"][0]["given_at"] == "2026-11-01T09:00:00Z"
    assert answers[0].headers["Content-Disposition"] == f'attachment; filename="{ada}.json"'
    assert "tl_" not in answers[0].text


def test_what_concerns_all_networks_is_for_nobody_who_acts_for_some(
    partner: Holder, other_partner: Holder, operator: Holder, both: str
) -> None:
    """One network's partner gets neither everything nor an erasure of who is on another's as well."""
    path = f"/v1/creators/{both}"
    for holder in (partner, other_partner):
        assert holder.get(f"{path}/export").status_code == 403
        assert holder.delete(path).status_code == 403
    assert operator.get(f"{path}/export").status_code == 200
    assert operator.delete(path).status_code == 204


def test_others_hear_nothing_of_a_private_creator(
    other_partner: Holder, brand: Holder, creator_id: str, creator: Holder, key_for: Callable[..., Holder]
) -> None:
    """To another partner there is no such creator, as there is none under an id that is nobody's."""
    for name in (creator_id, GONE, "youtube:ada"):
        assert other_partner.get(f"/v1/creators/{name}/export").status_code == 404
        writer = key_for("partner", "bolt", networks=["tiktok"], scopes=["creators:erase"])
        assert writer.delete(f"/v1/creators/{name}").status_code == 404
        assert brand.delete(f"/v1/creators/{name}").status_code == 403
        assert brand.get(f"/v1/creators/{name}/export").status_code == 403


def test_an_export_names_no_other_creator(herself: Holder, ada: str, public_creator_id: str) -> None:
    """What Ada gets holds nothing of another creator's."""
    assert public_creator_id not in herself.get(f"/v1/creators/{ada}/export").text


# Being erased

AFTER = (
    ("GET", ""),
    ("GET", "/balance"),
    ("GET", "/history?meter=network:youtube"),
    ("GET", "/entries"),
    ("GET", "/entries/network:youtube/1"),
    ("GET", "/entries/export"),
    ("GET", "/export"),
    ("GET", "/readings"),
    ("GET", "/kred"),
)


@pytest.mark.parametrize("who", ["partner", "operator", "herself"])
def test_whoever_speaks_for_a_creator_may_erase_them(
    request: pytest.FixtureRequest, app: Flask, ada: str, herself: Holder, who: str
) -> None:
    """204 without a body; from then on they are nobody, and every line of their books still proves."""
    holder: Holder = request.getfixturevalue(who)
    answer = holder.delete(f"/v1/creators/{ada}")
    assert (answer.status_code, answer.data, "Content-Type" in answer.headers) == (204, b"", False)
    assert verified(app)
    assert herself.get(f"/v1/creators/{ada}").status_code == 401


def test_to_everybody_the_erased_were_never_there(
    partner: Holder, operator: Holder, brand: Holder, client: FlaskClient, ada: str, app: Flask
) -> None:
    """Under id, account and handle each address answers as for somebody who never was, to the word."""
    settings = app.extensions["trust_ledger"].settings
    link = links.sign_page_link(settings, ada, now_us=app.extensions["trust_ledger"].clock(), handle="ada")
    page = link.partition("/c/")[2]
    assert client.get(f"/c/{page}").status_code == 200
    assert operator.delete(f"/v1/creators/{ada}").status_code == 204
    for holder in (partner, operator, brand):
        for method, path in AFTER:
            for name in (ada, "youtube:ada"):
                gone = holder.open(f"/v1/creators/{name}{path}", method=method)
                never = holder.open(f"/v1/creators/{GONE}{path}", method=method)
                assert (gone.status_code, gone.json) == (never.status_code, never.json), (path, name)
    assert partner.patch(f"/v1/creators/{ada}", json={}, headers={"If-Match": "*"}).status_code == 404
    looked_up = partner.post("/v1/balances/lookup", json={"creators": [ada, "youtube:ada"]})
    assert looked_up.json["not_found"] == [ada, "youtube:ada"]
    assert [client.get(f"/c/{name}").status_code for name in ("ada", ada, page)] == [404] * 3
    assert brand.get("/v1/creators").json["creators"] == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/events", event("e-3")),
        ("/v1/reversals", {"event": "e-1", "external_ref": "undo"}),
        ("/v1/estimates", {"brand": "nike", "disclosure": "clear", "fit": "0.7"}),
        ("/v1/relationships", {"brand": "nike"}),
    ],
)
def test_nothing_is_told_of_the_erased(operator: Holder, ada: str, path: str, body: dict[str, Any]) -> None:
    """Whatever is sent about them is answered as about somebody who never was."""
    assert operator.delete(f"/v1/creators/{ada}").status_code == 204
    meter = {"meter": "network:youtube"} if path == "/v1/events" else {}
    gone = operator.post(path, json=body | {"creator": ada} | meter)
    never = operator.post(path, json=body | {"creator": GONE} | meter)
    assert (gone.status_code, gone.json["code"]) == (never.status_code, never.json["code"]) == (404, "unknown_creator")


def test_a_second_erasure_is_for_whoever_may_say_it_again(
    partner: Holder, operator: Holder, other_partner: Holder, herself: Holder, ada: str, books: Database
) -> None:
    """At the same word, or an operator's, it is 204 and changes nothing; others find nobody."""
    path = f"/v1/creators/{ada}"
    assert partner.delete(path).status_code == 204
    before = rows(books)
    assert [holder.delete(path).status_code for holder in (partner, operator)] == [204, 204]
    assert other_partner.delete(path).status_code in (403, 404)
    assert herself.delete(path).status_code == 401
    assert partner.delete("/v1/creators/youtube:ada").status_code == 404
    assert rows(books) == before


def rows(books: Database) -> list[Any]:
    """What is stored of creators and their books."""
    with books.reading() as session:
        return [sorted(map(str, db.fetch(session, f"SELECT * FROM {name}"))) for name in ("creator", "book", "erasure")]


def test_another_partner_is_told_nothing_of_an_erasure(
    partner: Holder, key_for: Callable[..., Holder], ada: str
) -> None:
    """Who was erased at somebody else's word is nobody to a partner that may erase."""
    assert partner.delete(f"/v1/creators/{ada}").status_code == 204
    writer = key_for("partner", "bolt", networks=["youtube"], scopes=["creators:erase"])
    gone, never = writer.delete(f"/v1/creators/{ada}"), writer.delete(f"/v1/creators/{GONE}")
    assert (gone.status_code, gone.json) == (404, never.json)


def test_another_creator_is_told_nothing_of_an_erasure(
    herself: Holder, key_for: Callable[..., Holder], ada: str, public_creator_id: str
) -> None:
    """Who erased themselves is nobody to any other creator."""
    assert herself.delete(f"/v1/creators/{ada}").status_code == 204
    other = key_for("creator", public_creator_id)
    gone, never = other.delete(f"/v1/creators/{ada}"), other.delete(f"/v1/creators/{GONE}")
    assert (gone.status_code, gone.json) == (404, never.json)


def test_an_erasure_under_an_idempotency_key_is_sound(partner: Holder, app: Flask, ada: str) -> None:
    """Sent again under its key it is answered as the first time, and what is kept of it is no trace of anybody."""
    headers = {"Idempotency-Key": "erase-ada"}
    answers = [partner.delete(f"/v1/creators/{ada}", headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [204, 204]
    assert verified(app)


def test_who_comes_back_agrees_again(partner: Holder, ada: str, app: Flask) -> None:
    """The same account enrols anew as somebody else, under the old handle; without consent it does not."""
    partner.delete(f"/v1/creators/{ada}")
    without = {name: value for name, value in JOINED.items() if name != "consent"}
    assert partner.post("/v1/creators", json=without).status_code == 422
    again = partner.post("/v1/creators", json=JOINED)
    assert (again.status_code, again.json["creator"] != ada) == (201, True)
    assert partner.post("/v1/events", json=event()).json["status"] == "posted"
    assert verified(app)


def test_the_document_lists_both(client: FlaskClient) -> None:
    """Export and erasure are operations of the API's own document."""
    paths: dict[str, Any] = client.get("/openapi.json").get_json()["paths"]
    assert "delete" in paths["/v1/creators/{creator}"]
    assert "get" in paths["/v1/creators/{creator}/export"]


def test_who_joins_anew_shares_no_tag_with_who_was_erased(key_for: Callable[..., Holder], ada: str) -> None:
    """An account leads to somebody new: what was read of the erased is neither current nor a ground to change them."""
    acme = key_for(
        "partner", "acme", networks={"youtube"}, scopes=["balances:read", "creators:write", "creators:erase"]
    )
    path = "/v1/creators/youtube:ada"
    read = acme.get(path).headers["ETag"]
    assert acme.delete(path).status_code == 204
    assert acme.post("/v1/creators", json=JOINED).status_code == 201
    assert acme.get(path, headers={"If-None-Match": read}).status_code == 200
    assert acme.patch(path, json={"display_name": "Eve"}, headers={"If-Match": read}).status_code == 412
    assert acme.delete(path, headers={"If-Match": read}).status_code == 412
    assert acme.delete(path, headers={"If-Match": acme.get(path).headers["ETag"]}).status_code == 204
