"""Rate limits over HTTP: what a key may ask in a minute, told with every answer."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from ledger.db import Database
from tests.api_fixtures import Clock, Holder
from tests.service import prepare, serving

BALANCE = "/v1/creators/youtube:ada/balance"


@pytest.fixture
def few(app: Flask) -> None:
    """Five reads and two writes a minute."""
    settings = app.extensions["trust_ledger"].settings
    settings.limit_read, settings.limit_write = 5, 2


def told(answer: Any) -> tuple[str, str]:
    """The two headers."""
    return answer.headers["RateLimit-Policy"], answer.headers["RateLimit"]


def test_every_answer_says_what_is_left(few: None, partner: Holder, creator_id: str, clock: Clock) -> None:
    """Policy and what is left are told also where the answer is a refusal."""
    assert told(partner.get(BALANCE)) == ('"read";q=5;w=60', '"read";r=4;t=40')
    clock.now_us += 1_000_000
    assert told(partner.get("/v1/creators/youtube:nobody/balance")) == ('"read";q=5;w=60', '"read";r=3;t=39')


def test_over_the_limit_is_429_until_the_minute_is_over(
    few: None, partner: Holder, creator_id: str, clock: Clock
) -> None:
    """The refusal names the limit and says how long to wait; then it goes on."""
    statuses = [partner.get(BALANCE).status_code for _ in range(6)]
    assert statuses == [200] * 5 + [429]
    refused = partner.get(BALANCE)
    assert (refused.json["code"], refused.headers["Retry-After"]) == ("rate_limited", "40")
    assert "5 calls of class read" in refused.json["detail"]
    clock.now_us += 40_000_000
    assert partner.get(BALANCE).status_code == 200


def test_each_class_and_each_key_has_its_own(few: None, partner: Holder, operator: Holder, creator_id: str) -> None:
    """Reads that are spent leave writes alone, and other keys."""
    for _ in range(6):
        partner.get(BALANCE)
    assert partner.post("/v1/events", json={}).status_code == 422
    assert operator.get(BALANCE).status_code == 200


def test_a_batch_counts_as_a_batch_wherever_it_is_sent(partner: Holder, creator_id: str) -> None:
    """Ten thousand CloudEvents are no single write, under a key or not; one is, and so is one event."""
    batched, single = "application/cloudevents-batch+json", "application/cloudevents+json"
    for path, media, key, name in (
        ("/v1/events", batched, {}, "batch"),
        ("/v1/events", f"{batched.upper()}; charset=utf-8", {"Idempotency-Key": "k"}, "batch"),
        ("/v1/events/batch", batched, {}, "batch"),
        ("/v1/events", single, {}, "write"),
        ("/v1/events", "application/json", {}, "write"),
    ):
        answer = partner.post(path, data=b"[]", content_type=media, headers=key)
        assert answer.headers["RateLimit-Policy"].startswith(f'"{name}";'), (path, media)


def test_whoever_has_no_key_has_no_limit_to_spend(few: None, client: FlaskClient) -> None:
    """Without a key there is nothing to count: 401, and no header that tells of limits."""
    refused = client.get(BALANCE)
    assert refused.status_code == 401
    assert "RateLimit" not in refused.headers


def test_workers_share_the_limit(database: Database, database_url: str, tmp_path: Path) -> None:
    """Under the real server with two workers, a key gets no more than its limit in sum."""
    key = prepare(database, ["ada"])
    with serving(database_url, key=key, folder=tmp_path, options=["--no-jobs"], settings={"limit_read": 40}) as service:
        began = time.time()
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: service.send("GET", "/v1/policy")[0], range(160)))
        minutes = int(time.time() // 60 - began // 60) + 1
    assert set(answers) == {200, 429}
    assert 40 <= answers.count(200) <= 40 * minutes


def test_a_file_of_counts_that_cannot_be_read_is_503(app: Flask, partner: Holder) -> None:
    """Calls cannot be counted for now: whoever asks is told to come again."""
    books: Database = app.extensions["trust_ledger"].database
    if not books.is_sqlite:
        pytest.skip("slices are counted in the books' database")
    Path(f"{books.url.database}-quota").write_bytes(b"no database" * 1_000)
    answer = partner.get("/v1/policy")
    assert (answer.status_code, answer.json["code"]) == (503, "unavailable")
