"""Who may do what: every endpoint, every role, and what is one's own, somebody else's, private, or not there."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ledger import policy
from tests.rights_world import READING, ROLES, World, build

TABLE = Path(__file__).with_name("rights.txt")
ANY = {"brand": "nike", "meter": "network:youtube", "seq": "1", "network": "youtube"}
ANY |= {"version": policy.builtin().version}
EVENT = {
    "creator": "{creator}",
    "kind": "engagement",
    "external_ref": "told",
    "occurred_at": "2026-11-23T12:00:00Z",
    "facts": {"act": "reply", "engager": "fan-9"},
}
BODIES: dict[str, Any] = {
    "POST /v1/creators": {
        "display_name": "Somebody",
        "accounts": [{"network": "youtube", "external_id": "somebody"}],
        "consent": {"at": "2026-11-01T00:00:00Z"},
    },
    "PATCH /v1/creators/{creator}": {"topics": ["x"]},
    "POST /v1/creators/{creator}/accounts": {
        "network": "twitter",
        "external_id": "a further account",
        "consent": {"at": "2026-11-01T00:00:00Z"},
    },
    "POST /v1/attestations": {"network": "youtube", "accounts": ["fan-1"]},
    "DELETE /v1/attestations": {"network": "youtube", "accounts": ["fan-1"]},
    "POST /v1/events": EVENT,
    "POST /v1/events/batch": [EVENT],
    "POST /v1/balances/lookup": {"creators": ["{creator}"]},
    "PUT /v1/creators/{creator}/readings": {"readings": [READING]},
    "POST /v1/disputes": {"meter": "network:youtube", "seq": 2, "reason": "it was not so"},
    "POST /v1/disputes/{dispute}/resolve": {"verdict": "upheld"},
    "POST /v1/reversals": {"creator": "{creator}", "event": "{creator} 1", "external_ref": "undo"},
    "POST /v1/estimates": {
        "creator": "{creator}",
        "brand": "nike",
        "disclosure": "clear",
        "fit": "0.7",
        "meter": "{meter}",
    },
    "POST /v1/estimates/grid": {"creator": "{creator}", "brand": "nike", "meter": "{meter}"},
    "POST /v1/campaigns/plan": {
        "brand": "nike",
        "creators": ["{creator}"],
        "pitches": 1,
        "horizon_days": 7,
        "floor": "0",
    },
    "POST /v1/relationships": {"creator": "{creator}", "brand": "nike"},
    "POST /v1/pitches": {"quote": "{quote_id}"},
    "POST /v1/pitches/{pitch}/publish": {"disclosure": "clear"},
    "POST /v1/pitches/{pitch}/outcome": {"positive": 1, "negative": 1},
    "POST /v1/policy/simulations": {"policy": policy.builtin().text},
    "POST /v1/keys": {"role": "brand", "owner": "fila"},
    "POST /v1/keys/{key}/rotate": {"overlap_hours": 1},
    "POST /v1/webhooks": {"url": "https://somebody.example/told"},
    "PATCH /v1/webhooks/{webhook}": {"note": "the mirror"},
    "POST /v1/webhooks/{webhook}/rotate-secret": {"overlap_hours": 1},
    "POST /v1/webhooks/{webhook}/replay": {"from_sequence": 1},
}
Row = tuple[str, str]
Rights = dict[Row, dict[str, int]]
VOLATILE = ("X-Request-Id", "RateLimit", "Content-Length", "ETag")
STRANGERS = ("nobody", "other partner", "brand", "other brand", "other creator", "bound operator")
NOT_THEIRS = {
    "partner": ("tiktok", "bolt"),
    "other partner": ("youtube", "twitter", "acme"),
    "bound operator": ("youtube", "twitter", "acme"),
    "other brand": ("nike", "Ada", "Cleo"),
    "other creator": ("nike", "Ada", "Cleo"),
}
OPEN_TO_ALL = ("/v1/policy", "/v1/estimates/calibration")


def read(text: str) -> Rights:
    """The table: statuses by role for each operation and subject."""
    rights: Rights = {}
    operation = ""
    for line in text.splitlines():
        if line.startswith(("GET", "POST", "PUT", "PATCH", "DELETE")):
            operation = line.strip()
        elif operation and line.strip():
            subject, *statuses = line.split()
            rights[operation, subject] = dict(zip(ROLES, map(int, statuses), strict=True))
    return rights


RIGHTS = read(TABLE.read_text())


@pytest.fixture(scope="module")
def world(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The world, built once for all tests of this file."""
    path = tmp_path_factory.mktemp("rights") / "ledger.sqlite3"
    shutil.copyfile(sqlite_template, path)
    built = build(path)
    yield built
    built.close()


def asked(world: World, role: str, row: Row, **other: str) -> Any:
    """What a role is answered to an operation on a subject, named otherwise where told. Nothing is changed by it."""
    operation, subject = row
    method, path = operation.split()
    names = ANY | world.names.get(subject, {}) | other
    headers = {"If-Match": "*"} if method == "PATCH" else {}
    body = filled(BODIES.get(operation.partition("?")[0]), names)
    answer = world.send(role, method, filled(path, names), body, headers)
    if method != "GET" and answer.status_code < 300:
        world.restore()
    return answer


def filled(told: Any, names: dict[str, str]) -> Any:
    """An address or a body with the subject's names in their places."""
    if isinstance(told, str):
        return re.sub(r"\{(\w+)\}", lambda found: names[found[1]], told)
    if isinstance(told, dict):
        return {name: filled(inner, names) for name, inner in told.items()}
    return [filled(inner, names) for inner in told] if isinstance(told, list) else told


@pytest.mark.parametrize("role", ROLES)
def test_every_role_gets_what_is_its_own(world: World, role: str) -> None:
    """On every endpoint, about every subject, each role is let in, refused, or told that there is nothing."""
    answers = {row: asked(world, role, row).status_code for row in RIGHTS}
    assert answers == {row: statuses[role] for row, statuses in RIGHTS.items()}


def test_no_endpoint_is_left_out(world: World) -> None:
    """Every operation and page of the service stands in the table, so that a new one cannot be forgotten."""
    served = {
        f"{method} {path_of(rule.rule)}"
        for rule in world.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.endpoint != "static"
    }
    assert served == {operation.partition("?")[0] for operation, _ in RIGHTS}


def path_of(rule: str) -> str:
    """A rule of the router as the document writes it."""
    return re.sub(r"<(?:[^:>]+:)?(\w+)>", r"{\1}", rule)


def test_each_endpoint_is_asked_about_what_is_there_and_what_is_not() -> None:
    """Whatever names a subject is looked at with one of somebody's own, and with one that does not exist."""
    for operation in {operation for operation, _ in RIGHTS}:
        told = f"{operation} {BODIES.get(operation.partition('?')[0])}"
        subjects = {subject for named, subject in RIGHTS if named == operation}
        if re.search(r"\{(creator|dispute|pitch|quote_id|klout_id|external_id|name)\}", told):
            assert {"ada", "nobody"} <= subjects, operation
        if re.search(r"\{(key|webhook)\}", told):
            assert {"acme", "none"} <= subjects, operation


# That somebody is there does not leak


@pytest.mark.parametrize("subject", ["ada", "cleo"])
@pytest.mark.parametrize("role", STRANGERS)
def test_a_private_creator_is_answered_for_as_one_who_is_not_there(world: World, role: str, subject: str) -> None:
    """Whoever may not know of a creator gets the same answer, byte for byte, as for a name that nobody has."""
    if RIGHTS["GET /v1/creators/{creator}", subject][role] == 200:
        pytest.skip(f"{subject} is on a network of theirs")
    for operation in [operation for operation, named in RIGHTS if named == subject]:
        if role == "brand" and RIGHTS[operation, subject][role] != 404:
            continue  # it was let in, and knows of whom
        for by in ("name", "id"):
            names = [{"creator": world.names[one]["id"]} if by == "id" else {} for one in (subject, "nobody")]
            there, absent = (
                asked(world, role, (operation, one), **other)
                for one, other in zip((subject, "nobody"), names, strict=True)
            )
            there, absent = told(world, there, subject), told(world, absent, "nobody")
            assert there == absent, f"{operation} by {by}"


@pytest.mark.parametrize("role", ROLES)
def test_what_another_holds_is_answered_for_as_what_is_not_there(world: World, role: str) -> None:
    """Another's webhook or key is told apart from none by nothing in the answer."""
    for operation in [operation for operation, named in RIGHTS if named == "acme"]:
        if role == "partner" or RIGHTS[operation, "acme"][role] < 300:
            continue
        there, absent = (asked(world, role, (operation, one)) for one in ("acme", "none"))
        assert told(world, there, "acme") == told(world, absent, "none"), operation


def told(world: World, answer: Any, subject: str) -> tuple[int, str, list[tuple[str, str]]]:
    """An answer whole, but for the names that were asked by, and what differs from one request to the next."""
    text = answer.get_data(as_text=True)
    for name in world.names[subject].values():
        text = text.replace(name, "…")
    return answer.status_code, text, sorted(pair for pair in answer.headers if pair[0] not in VOLATILE)


# What is another's is not in the answers


@pytest.mark.parametrize("role", NOT_THEIRS)
def test_nothing_of_others_is_in_an_answer(world: World, role: str) -> None:
    """Of a creator on two networks a partner sees its own network's affairs, and nobody sees those of strangers."""
    own = {} if role == "partner" else {"creator": "tiktok:cleo1", "meter": "network:tiktok", "network": "tiktok"}
    for operation, subject in RIGHTS:
        path = operation.split()[1]
        if subject not in ("cleo", "ada", "-") or not path.startswith(("/v1/", "/v2/")) or path.startswith(OPEN_TO_ALL):
            continue
        answer = asked(world, role, (operation, subject), **(own if subject == "cleo" else {}))
        if answer.status_code < 300:
            names, seen = ANY | world.names.get(subject, {}), answer.get_data(as_text=True)
            sent = filled(f"{operation} {BODIES.get(operation)}", names)
            assert [word for word in NOT_THEIRS[role] if word in seen and word not in sent] == [], operation


def test_a_partner_opens_no_book_of_another(world: World) -> None:
    """Who acts for some of a creator's networks hides them, and does not make public what is on the others."""
    path = f"/v1/creators/{world.names['cleo']['id']}"
    for role, status in (("partner", 403), ("other partner", 403), ("bound operator", 403), ("operator", 200)):
        answer = world.send(role, "PATCH", path, {"visibility": "public"}, {"If-Match": "*"})
        assert answer.status_code == status, role
    hidden = world.send("partner", "PATCH", path, {"visibility": "private"}, {"If-Match": "*"})
    world.restore()
    assert (hidden.status_code, hidden.json["visibility"]) == (200, "private")


SOME = ("partner", "other partner", "bound operator")  # each acts for one of Cleo's two networks


def test_nobody_lets_a_brand_into_the_books_of_another(world: World) -> None:
    """Who acts for some of a creator's networks introduces a brand and turns it away, and opens no book to it."""
    cleo = world.names["cleo"]["id"]
    puma = f"/v1/relationships/{cleo}/puma"
    asked = {"creator": cleo, "meter": "network:tiktok", "brand": "puma", "disclosure": "clear", "fit": "0.5"}
    for role in SOME:
        introduced = world.send(role, "POST", "/v1/relationships", {"creator": cleo, "brand": "puma"}, {})
        assert (introduced.status_code, introduced.json["next"]) == (201, ["decline", "end", "block"]), role
        refused = world.send(role, "POST", f"{puma}/accept", None, {})
        assert (refused.status_code, refused.json["code"]) == (403, "forbidden"), role
        assert world.send("other brand", "POST", "/v1/estimates", asked, {}).status_code == 404
        blocked = world.send(role, "POST", f"{puma}/block", None, {})
        assert (blocked.status_code, blocked.json["next"]) == (200, []), role
        assert world.send(role, "POST", f"{puma}/unblock", None, {}).status_code == 403, role
        assert world.send("operator", "POST", f"{puma}/unblock", None, {}).status_code == 200
        world.restore()


def test_no_receipt_and_no_estimate_tells_what_a_brands_book_holds(world: World) -> None:
    """Who acts for some of a creator's networks tells of the brand there, and hears of that network's book alone."""
    cleo, at = world.names["cleo"]["id"], {"occurred_at": "2026-11-23T12:00:00Z"}
    met = {"creator": cleo, "meter": "brand:nike", "kind": "exchange", "external_ref": "met", "facts": {}, **at}
    facts = {"facts": {"brand": "nike", "disclosure": "clear"}}
    undo = {"creator": cleo, "event": "p", "external_ref": "undo"}
    for role in (*SOME, "operator"):
        network = "youtube" if role == "partner" else "tiktok"
        pitch = {"creator": f"{network}:cleo1", "kind": "pitch", "external_ref": "p", **facts, **at}
        asked = {"creator": f"{network}:cleo1", "brand": "nike", "disclosure": "clear", "fit": "0.7"}
        told = world.send(role, "POST", "/v1/events/batch", [met, pitch], {}).json["results"]
        for path, body in (("events", met), ("events", pitch), ("reversals", undo)):
            told.append(world.send(role, "POST", f"/v1/{path}", body, {}).json)
        meters = {entry["meter"] for receipt in told for entry in receipt["entries"]}
        beside = world.send(role, "POST", "/v1/estimates", asked, {}).json["relationship"]
        assert (f"network:{network}" in meters, beside["status"]) == (True, "accepted"), role
        assert ("brand:nike" in meters) == (beside["p50"] is not None) == (role == "operator"), role
        assert (beside["standing"] == beside["points"] == "0.000000") == (role != "operator"), role
        world.restore()


def test_what_a_brands_book_holds_is_for_whoever_reads_it(world: World) -> None:
    """Who acts for some of a creator's networks sees how a brand stands, and neither amounts nor where they are."""
    cleo = world.names["cleo"]["id"]

    def seen(role: str) -> tuple[dict[str, Any], int]:
        listed = world.send(role, "GET", f"/v1/relationships?creator={cleo}", None, {}).json["relationships"]
        one = world.send(role, "GET", f"/v1/relationships/{cleo}/nike", None, {}).json
        assert listed == [one]
        history = f"/v1/creators/{cleo}/history?meter=brand:nike"
        assert one["history"] in (None, history)
        return one, world.send(role, "GET", history, None, {}).status_code

    for role in SOME:
        one, status = seen(role)
        assert (one["rapport"], one["points"], one["history"], status) == (None, None, None, 404), role
        assert (one["status"], one["exchanges"]) == ("accepted", 1)
    one, status = seen("operator")
    assert (one["rapport"] > "0", one["points"] > "0", one["history"] is not None, status) == (True, True, True, 200)
    assert seen("brand")[0] == one | {"history": None, "next": ["end"]}
