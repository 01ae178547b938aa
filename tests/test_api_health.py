"""Alive, ready, counted, guarded; and what the service says when its database is away."""

import json
import socket
from typing import Any
from urllib.request import Request, urlopen

import pytest
from flask import Flask
from pydantic import SecretStr

from ledger import claims, db, policy, rules, settlement
from ledger.db import Database
from ledger.settings import Settings
from tests.api_fixtures import DAY_US, NOW_US, Clock, Holder, event, serving

AWAY = ["postgresql://nobody@127.0.0.1:1/nothing", "sqlite:////nowhere/at/all.db"]


def settings_of(url: str) -> Settings:
    """Settings for a database that may not be there."""
    return Settings(database_url=url, pepper=SecretStr("a pepper for tests"), signing_key=SecretStr("a key"))


@pytest.fixture
def served(api_settings: Settings, app: Flask) -> Any:
    """The real server on the app's database, by its address."""
    with serving(api_settings) as url:
        yield url


# Health


def test_a_fresh_service_is_ready(client: Any) -> None:
    """Alive and ready, at the newest migration, with nothing settled or verified yet."""
    assert client.get("/healthz").json == {"status": "ok"}
    ready = client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json["migration"]
    assert (ready.json["settled_through"], ready.json["verified_seconds_ago"]) == (None, None)


def test_a_policy_that_cannot_price_everything_is_not_ready(client: Any, books: Database) -> None:
    """A policy in force that was stored before a kind was there makes the service unready, naming what it lacks."""
    text = policy.builtin().text.replace("[evasion]", "[evasions]")
    old = policy.parse(text)
    row = (old.version, old.name, NOW_US // DAY_US, NOW_US, text)
    books.write(lambda session: db.insert(session, rules.POLICY, [row]))
    answer = client.get("/readyz")

    assert (answer.status_code, answer.json["code"]) == (503, "not_ready")
    assert "evasion.share is missing" in answer.json["detail"]


def test_lag_is_that_of_the_oldest_live_book(client: Any, partner: Holder, creator_id: str, clock: Clock) -> None:
    """Days without settlement show as lag, and settling ends it."""
    partner.post("/v1/events", json=event())
    clock.pass_days(3)
    assert client.get("/readyz").get_json()["lag_days"] == 3
    ledger = client.application.extensions["trust_ledger"]
    settlement.settle(ledger.database, through_day=clock() // DAY_US, clock=clock, schedule=ledger.schedule())
    assert client.get("/readyz").json["lag_days"] == 0


def test_a_book_that_holds_nothing_makes_no_lag(
    client: Any, brand: Holder, public_creator_id: str, clock: Clock
) -> None:
    """A brand that introduced itself and waits has a book with nothing to settle in it."""
    asked = {"creator": public_creator_id, "brand": "nike"}
    assert brand.post("/v1/relationships", json=asked).status_code == 201
    clock.pass_days(5)
    assert client.get("/readyz").json["lag_days"] in (None, 0)


def test_the_last_good_verify_is_told(client: Any, books: Database) -> None:
    """Readiness says how long ago the books were last found without fault."""

    def verified(session: Any) -> None:
        lease = claims.take(session, job="verify", slot="2026-11-23", now_us=NOW_US - 90_000_000)
        assert lease is not None
        claims.finish(session, lease, now_us=NOW_US - 60_000_000, outcome="ok", rows=1)

    books.write(verified)
    assert client.get("/readyz").json["verified_seconds_ago"] == 60


def test_an_empty_database_is_not_ready(empty_database_url: str) -> None:
    """Alive but not ready before migrating: 503, and it says which migration is needed."""
    from api import create_app

    client: Any = create_app(settings_of(empty_database_url)).test_client()
    assert client.get("/healthz").status_code == 200
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["code"]) == (503, "not_ready")
    assert "Retry-After" in answer.headers


@pytest.mark.parametrize("url", AWAY)
def test_while_the_database_is_away_nothing_is_acknowledged(url: str) -> None:
    """An outage is 503 with Retry-After on every way in, never 'no such key' or 'no such creator'."""
    from api import create_app

    client: Any = create_app(settings_of(url)).test_client()
    key = {"Authorization": "Bearer tl_anything"}
    answers = [
        client.post("/v1/events", json=event(), headers=key),
        client.get("/v1/creators/youtube:ada", headers=key),
        client.get("/readyz"),
    ]
    assert [a.status_code for a in answers] == [503, 503, 503]
    assert all(int(a.headers["Retry-After"]) > 0 for a in answers)
    assert "nowhere" not in answers[0].text
    assert client.get("/healthz").status_code == 200


def test_without_a_policy_nothing_is_priced(api_settings: Settings, creator_id: str, partner: Holder) -> None:
    """Before there are rules an event is 503: a refusal would be remembered."""
    from api import create_app, state

    made = create_app(api_settings)
    ledger: state.Ledger = made.extensions["trust_ledger"]
    ledger.database.write(_forget_policies)
    answer = Holder(made.test_client(), partner.secret).post("/v1/events", json=event())
    assert (answer.status_code, answer.json["code"]) == (503, "unavailable")
    assert "trust-ledger init" in answer.json["detail"]
    ledger.database.dispose()


def _forget_policies(session: Any) -> None:
    if db.is_sqlite(session):
        db.execute(session, "DROP TRIGGER policy_no_delete")
    else:
        db.execute(session, "ALTER TABLE policy DISABLE TRIGGER ALL")
    db.execute(session, "DELETE FROM policy")


# What goes round every answer


def test_mistakes_of_ours_are_told_to_nobody(app: Flask, client: Any, capfd: pytest.CaptureFixture[str]) -> None:
    """A failure is 500 with nothing of its workings; the log has where it was, not what it said."""

    def broken() -> str:
        raise RuntimeError("the secret of ada")

    app.add_url_rule("/broken", view_func=broken)
    answer = client.get("/broken", headers={"X-Request-Id": "r-17"})
    assert (answer.status_code, answer.mimetype, answer.json["code"]) == (
        500,
        "application/problem+json",
        "internal_error",
    )
    logged = capfd.readouterr().err
    assert "secret" not in answer.text + logged
    assert "RuntimeError" in logged
    assert '"request_id":"r-17"' in logged


@pytest.mark.parametrize(("given", "kept"), [("r-17", True), ("", False), ("a b", False), ("x" * 65, False)])
def test_a_request_has_an_id(client: Any, given: str, kept: bool) -> None:
    """A sensible X-Request-Id is echoed; otherwise we make one."""
    answered = client.get("/healthz", headers={"X-Request-Id": given}).headers["X-Request-Id"]
    assert (answered == given) == kept
    assert answered


def test_the_log_holds_no_secret_and_no_name(
    partner: Holder, creator_id: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """A line a request: route, status, key id; neither key, nor creator, nor engager."""
    partner.post("/v1/events", json=event())
    partner.get("/v1/creators/youtube:ada/balance?x=ada")
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith("{")]
    assert [(line["route"], line["status"]) for line in lines[-2:]] == [
        ("/v1/events", 201),
        ("/v1/creators/<creator>/balance", 422),
    ]
    assert lines[-1]["key_id"] == partner.key_id
    assert not {"ada", "fan-1", partner.secret} & set(json.dumps(lines).replace('"', " ").split())


def test_every_answer_is_guarded(client: Any) -> None:
    """Browsers are told to trust nothing; only the document's page may style itself."""
    for path in ("/healthz", "/docs", "/v1/policy", "/nowhere"):
        headers = client.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert ("unsafe-inline" in headers["Content-Security-Policy"]) == (path == "/docs")
        assert "unsafe-eval" not in headers["Content-Security-Policy"]


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nowhere", 404), ("PUT", "/v1/events", 405)])
def test_no_view_is_a_problem_too(client: Any, method: str, path: str, status: int) -> None:
    """What no view answers is a problem; 405 names the methods there are."""
    answer = client.open(path, method=method)
    assert (answer.status_code, answer.mimetype, answer.json["status"]) == (status, "application/problem+json", status)
    assert status != 405 or "POST" in answer.headers["Allow"]


def test_counts_are_kept(client: Any, partner: Holder, creator_id: str) -> None:
    """Prometheus finds requests by route and events by what became of them."""
    partner.post("/v1/events", json=event())
    text = client.get("/metrics").text
    assert 'route="/v1/events",status="201"' in text
    assert 'trust_ledger_events_total{status="posted"}' in text


# The real server


def test_counts_are_summed_over_workers(served: str) -> None:
    """Whichever worker is asked, /metrics tells of all of them."""
    for _ in range(20):
        with pytest.raises(OSError, match="404"), urlopen(f"{served}/nowhere", timeout=10):
            pass
    with urlopen(f"{served}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    assert 'trust_ledger_requests_total{method="GET",route="unmatched",status="404"} 20.0' in text


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_cut_off_on_the_way_posts_nothing(
    served: str, partner: Holder, creator_id: str, books: Database, chunked: bool
) -> None:
    """Where the connection breaks before the announced end, not even the lines that came are posted."""
    whole = json.dumps(event("whole")).encode() + b"\n"
    host, _, port = served.removeprefix("http://").partition(":")
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(whole) * 2}"
    head = f"POST /v1/events/batch HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {partner.secret}\r\n{length}\r\n"
    body = b"%x\r\n%b\r\n" % (len(whole), whole) if chunked else whole
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(head.encode() + b"Content-Type: application/x-ndjson\r\n\r\n" + body)
        connection.shutdown(socket.SHUT_WR)
        answered = connection.recv(65536)
    assert answered == b"" or int(answered.split()[1]) >= 400
    with books.reading() as session:
        assert db.fetch(session, "SELECT COUNT(*) FROM event") == [(0,)]


def test_what_is_no_request_is_a_problem(served: str) -> None:
    """Too long a line is refused by the server itself, in the same form."""
    host, _, port = served.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        answered = connection.recv(65536)
    assert answered.startswith(b"HTTP/1.1 414 URI Too Long")
    assert b"application/problem+json" in answered


def test_batches_stay_under_the_limit_of_the_body(served: str, partner: Holder) -> None:
    """A body announced larger than the limit is refused before it is read."""
    request = Request(f"{served}/v1/events", data=b"x" * 10_000_001, method="POST")
    request.add_header("Authorization", f"Bearer {partner.secret}")
    request.add_header("Content-Type", "application/json")
    with pytest.raises(OSError, match=r"413|reset|Broken pipe"), urlopen(request, timeout=20):
        pass
