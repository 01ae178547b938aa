"""What every answer is guarded with, and what no answer and no log line ever holds."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api import create_app, shell
from ledger.db import Database
from ledger.settings import Settings
from tests.api_fixtures import Holder, event
from tests.service import prepare, serving

GUARDS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
INSIDES = re.compile(r"Traceback|File \"|sqlite|psycopg|SELECT |INSERT |site-packages|\.py\b", re.IGNORECASE)
EVERYWHERE = ["/", "/docs", "/openapi.json", "/healthz", "/v1/policy", "/v1/nothing", "/c/nobody", "/v2/user.json/1"]


@pytest.mark.parametrize("path", EVERYWHERE)
def test_every_answer_is_guarded(client: FlaskClient, path: str) -> None:
    """Pages, JSON and errors alike bring the headers that keep a browser from being used against us."""
    answer = client.get(path)
    assert {name: answer.headers.get(name) for name in GUARDS} == GUARDS
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script-src 'self';" in policy or "script-src" not in policy
    assert "Set-Cookie" not in answer.headers


def test_an_address_is_taken_as_it_stands(client: FlaskClient) -> None:
    """A slash too many leads nowhere: no answer sends to an address that was not asked for."""
    assert client.get("/v1//creators").status_code == 404


def test_behind_tls_browsers_are_told_to_stay_there(api_settings: Settings) -> None:
    """Where others reach the service by https, every answer says so for a year; else not."""
    for url, told in (("https://trust.example", "max-age=31536000"), ("http://127.0.0.1:8000", None)):
        app = create_app(api_settings.model_copy(update={"public_url": url}))
        assert app.test_client().get("/healthz").headers.get("Strict-Transport-Security") == told
        app.extensions["trust_ledger"].database.dispose()


# Pages of other origins


@pytest.fixture
def shared(api_settings: Settings) -> Iterator[FlaskClient]:
    """The service with one origin on the list."""
    app = create_app(api_settings.model_copy(update={"cors_origins": ("https://partner.example",)}))
    yield app.test_client()
    app.extensions["trust_ledger"].database.dispose()


def test_a_listed_origin_may_call_with_a_key(shared: FlaskClient) -> None:
    """The browser's question beforehand is answered without a key, and what it may read is named."""
    asks = {"Origin": "https://partner.example", "Access-Control-Request-Method": "POST"}
    asks["Access-Control-Request-Headers"] = "authorization, content-type, idempotency-key"
    answer = shared.options("/v1/events", headers=asks)
    assert answer.headers["Access-Control-Allow-Origin"] == "https://partner.example"
    assert "idempotency-key" in answer.headers["Access-Control-Allow-Headers"]
    refused = shared.get("/v1/policy", headers={"Origin": "https://partner.example"})
    assert (refused.status_code, refused.headers["Access-Control-Allow-Origin"]) == (401, "https://partner.example")
    assert "ETag" in refused.headers["Access-Control-Expose-Headers"]
    assert "Access-Control-Allow-Credentials" not in refused.headers


@pytest.mark.parametrize(
    ("origin", "path"),
    [("https://evil.example", "/v1/policy"), ("null", "/v1/policy"), ("https://partner.example", "/c/nobody")],
)
def test_no_other_origin_and_no_page_is_shared(shared: FlaskClient, origin: str, path: str) -> None:
    """An origin that is not listed gets no leave, and a creator's page is given to none."""
    assert "Access-Control-Allow-Origin" not in shared.get(path, headers={"Origin": origin}).headers


def test_nothing_is_shared_unless_listed(client: FlaskClient) -> None:
    """By itself the API is for servers."""
    headers = {"Origin": "https://partner.example"}
    assert "Access-Control-Allow-Origin" not in client.get("/v1/policy", headers=headers).headers


def test_a_cursor_of_one_list_is_none_of_another(partner: Holder, operator: Holder, creator_id: str) -> None:
    """A cursor goes on with the list that it came from, and is refused by every other."""
    for number in range(3):
        assert partner.post("/v1/events", json=event(f"e-{number}")).status_code == 201
    cursor = partner.get("/v1/creators/youtube:ada/entries?limit=1").json["next"]
    assert cursor
    lists = ("relationships?creator=youtube:ada", "pitches?creator=youtube:ada", "disputes?", "keys?")
    for path in ("/v1/creators/youtube:ada/readings?", *(f"/v1/{name}" for name in lists)):
        refused = operator.get(f"{path}&after={cursor}")
        assert (refused.status_code, refused.json["code"]) == (400, "invalid_cursor"), path


def test_a_form_is_small(client: FlaskClient) -> None:
    """Before anybody is known by a token, no more is read than a form of ours can hold."""
    refused = client.post("/c/nobody/contest", data={"reason": "x" * 50_000})
    assert refused.status_code == 413


# Answers and log lines


HOSTILE = [
    ("GET", "/v1/creators/%00", None),
    ("GET", "/v1/creators/youtube:%F0%28%8C%28/balance", None),
    ("GET", "/v1/creators/youtube:ada/balance?as_of=%27%20OR%201=1--", None),
    ("GET", "/v1/creators/youtube:ada/history?from=1%27;DROP%20TABLE%20entry", None),
    ("GET", "/v1/creators/youtube:ada/entries?after=%E2%80%AE", None),
    ("GET", "/v1/policy/..%2f..%2fetc%2fpasswd", None),
    ("GET", "/c/%3Cscript%3Ealert(1)%3C/script%3E", None),
    ("POST", "/v1/events", b"\xff\xfe"),
    ("POST", "/v1/events", b"[" * 100_000),
    ("POST", "/v1/events", b'{"creator": "\\ud800"}'),
    ("POST", "/v1/balances/lookup", b'{"creators": ["\' OR 1=1 --"]}'),
]


@pytest.mark.parametrize(("method", "path", "body"), HOSTILE)
def test_nothing_of_our_insides_is_told(
    partner: Holder, creator_id: str, method: str, path: str, body: bytes | None
) -> None:
    """Whatever is sent, the answer is below 500 and holds no trace, statement, path or name of a library."""
    sent = partner.open(path, method=method, data=body, content_type="application/json" if body else None)
    assert sent.status_code < 500, sent.text
    assert not INSIDES.search(sent.text), sent.text
    assert "<script>alert" not in sent.text


def test_a_failure_of_ours_tells_nothing(
    app: Flask, partner: Holder, creator_id: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug is a 500 of one sentence; the log says where it was, and repeats nothing that the error quoted."""

    def broken(*_: object, **__: object) -> None:
        raise ValueError("no such column: Ada's secret name")

    monkeypatch.setattr("ledger.queries.balances", broken)
    answer = partner.get("/v1/creators/youtube:ada/balance")
    assert (answer.status_code, answer.json["code"]) == (500, "internal_error")
    assert not INSIDES.search(answer.text)
    line = json.loads(capfd.readouterr().err.splitlines()[-1])
    assert (line["event"], line["error"]) == ("failure", "ValueError")
    assert "secret name" not in json.dumps(line)


def test_the_log_holds_no_secret_and_no_name(database: Database, database_url: str, tmp_path: Any) -> None:
    """Under the real server: keys, names, addresses asked for and what is sent never get into the log."""
    key = prepare(database, ["ada-lovelace"])
    with serving(database_url, key=key, folder=tmp_path, options=["--no-jobs"]) as service:
        told = event(creator="youtube:ada-lovelace", external_ref="a-private-reference")
        service.send("POST", "/v1/events", told)
        service.send("GET", "/v1/creators/youtube:ada-lovelace/balance?meter=network:youtube")
        service.send("GET", f"/v2/identity.json/tw/ada-lovelace?key={key}")
        service.send("GET", "/v1/creators/youtube:nobody-at-all/balance")
        service.send("POST", "/v1/events", {"creator": "youtube:ada-lovelace", "password": "hunter2"})
    log = (tmp_path / "service.log").read_text()
    assert log.count('"event":"request"') >= 5
    for secret in (key, "ada-lovelace", "a-private-reference", "nobody-at-all", "hunter2"):
        assert secret not in log


@pytest.mark.parametrize("forged", ['x" "level":"error', "a\r\nSet-Cookie: x=1", "é" * 10, "x" * 65, "", "a b"])
def test_a_log_line_cannot_be_forged(app: Flask, capfd: pytest.CaptureFixture[str], forged: str) -> None:
    """An id that is not plain is not taken: the answer and the log have one of our own, on a line of its own."""
    FlaskClient(app, app.response_class).get("/v1/policy", environ_overrides={"HTTP_X_REQUEST_ID": forged})
    lines = capfd.readouterr().err.splitlines()
    told = [json.loads(line) for line in lines]
    assert [line["event"] for line in told] == ["request"]
    assert re.fullmatch(shell.REQUEST_ID, told[0]["request_id"])
    assert told[0]["request_id"] != forged


def test_an_id_that_is_plain_is_echoed_and_logged(client: FlaskClient, capfd: pytest.CaptureFixture[str]) -> None:
    """A partner finds their request in our log by the id they gave it."""
    answer = client.get("/v1/policy", headers={"X-Request-Id": "req-17.a_b"})
    assert answer.headers["X-Request-Id"] == "req-17.a_b"
    assert json.loads(capfd.readouterr().err.splitlines()[-1])["request_id"] == "req-17.a_b"
