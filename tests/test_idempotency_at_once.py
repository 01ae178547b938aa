"""Idempotency-Key under the real server: twenty identical requests at once have one effect and one answer."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from ledger import db
from ledger.db import Database
from tests.service import Service, prepare, serving

ESTIMATE = {"creator": "youtube:ada", "brand": "nike", "disclosure": "clear", "fit": "0.7", "quote": True}
TWENTY = 20
Sent = tuple[int, bytes, str | None]


def send(service: Service, path: str, body: object, key: str = "") -> Sent:
    """A POST: its status, its body, and whether it says that it was answered before."""
    headers = {"Authorization": f"Bearer {service.key}", "Content-Type": "application/json"}
    with closing(HTTPConnection("127.0.0.1", service.port, timeout=60)) as connection:
        connection.request("POST", path, json.dumps(body), headers | ({"Idempotency-Key": key} if key else {}))
        response = connection.getresponse()
        return response.status, response.read(), response.getheader("Idempotency-Replayed")


def at_once(send_one: Callable[[int], Sent]) -> list[Sent]:
    """Twenty requests that all begin in the same moment."""
    gate = threading.Barrier(TWENTY)

    def one(number: int) -> Sent:
        gate.wait(60)
        return send_one(number)

    with ThreadPoolExecutor(TWENTY) as pool:
        return list(pool.map(one, range(TWENTY)))


def count(database: Database, table: str) -> int:
    """How many rows a table has."""
    return int(database.read(lambda reader: db.fetch(reader, f"SELECT count(*) FROM {table}"))[0][0])


def test_twenty_at_once_have_one_effect_and_twenty_equal_answers(database: Database, tmp_path: Path) -> None:
    """Quotes have no reference of their own: only the key keeps twenty calls from making twenty."""
    key = prepare(database, ["ada"])
    url = database.url.render_as_string(hide_password=False)
    with serving(url, key=key, folder=tmp_path, options=["--workers", "3", "--no-jobs"]) as service:
        assert send(service, "/v1/relationships", {"creator": "youtube:ada", "brand": "nike"})[0] == 201
        assert send(service, "/v1/relationships/youtube:ada/nike/accept", {})[0] == 200
        told: list[Any] = [send(service, "/v1/estimates", ESTIMATE) for _ in range(2)]
        assert ({status for status, *_ in told}, count(database, "quote")) == ({200}, 2)
        answers = at_once(lambda _: send(service, "/v1/estimates", ESTIMATE, "the-same"))
        assert len({(status, body) for status, body, _ in answers}) == 1, {one[:2] for one in answers}
        assert sorted(str(replayed) for *_, replayed in answers) == ["None", *["true"] * (TWENTY - 1)]
        assert (answers[0][0], count(database, "quote")) == (200, 3)
        others = at_once(lambda number: send(service, "/v1/estimates", ESTIMATE, f"another-{number}"))
        assert ({status for status, *_ in others}, count(database, "quote")) == ({200}, 3 + TWENTY)
