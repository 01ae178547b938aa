"""The client that partners copy, against the real server."""

import importlib.util
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ledger import keys
from ledger.db import Database
from tests.service import PEPPER, Service, prepare, serving

ROOT = Path(__file__).parent.parent
FILE = ROOT / "docs" / "examples" / "trust_ledger_client.py"
NAMES = [f"youtube:creator-{number}" for number in range(1_200)]


@pytest.fixture(scope="module")
def example() -> ModuleType:
    """The file, as it is copied."""
    spec = importlib.util.spec_from_file_location("trust_ledger_client", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["trust_ledger_client"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def service(database: Database, database_url: str, tmp_path: Path) -> Iterator[Service]:
    """The service, and a partner's key for youtube that may do whatever a partner may."""
    prepare(database, ["ada"])
    rights: dict[str, Any] = {"networks": ["youtube"], "scopes": keys.MAY_HOLD["partner"], "now_us": 1}
    made = database.write(
        lambda session: keys.create(session, role="partner", owner="acme", pepper=PEPPER.encode(), **rights)
    )
    with serving(database_url, key=made[0], folder=tmp_path, options=["--no-jobs"]) as running:
        yield running


@pytest.fixture
def ledger(example: ModuleType, service: Service) -> Iterator[Any]:
    """The client, connected."""
    with example.TrustLedger(f"http://127.0.0.1:{service.port}", service.key) as client:
        yield client


def now() -> str:
    """The moment, as it is sent."""
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def reply(ref: str, creator: str = "youtube:ada") -> dict[str, Any]:
    """An event."""
    facts = {"engager": f"fan-{ref}", "act": "reply"}
    return {"creator": creator, "kind": "engagement", "external_ref": ref, "occurred_at": now(), "facts": facts}


def test_a_partners_first_hour(example: ModuleType, ledger: Any) -> None:
    """Enrol, tell, read, estimate: the calls of the first hour work as the file says."""
    accounts = [{"network": "youtube", "external_id": "grace", "followers": 9000}]
    grace = ledger.enrol("Grace", accounts, agreed_at="2026-11-01T09:00:00Z", visibility="public")
    told = ledger.tell("youtube:grace", "engagement", "r-1", now(), engager="fan-1", act="reply")
    assert told["status"] == "posted"
    balance = ledger.balance("youtube:grace")
    assert balance["creator_id"] == grace["creator"]
    assert balance["total"]["standing"] == told["entries"][0]["standing"]
    assert [line["external_ref"] for line in ledger.statement("youtube:grace", "network:youtube")] == ["r-1"]
    assert ledger.history("youtube:grace", "network:youtube")["points"]
    estimate = ledger.estimate("youtube:grace", "nike", disclosure="clear", fit="0.7")
    assert estimate["drain"] > "0"


def test_many_are_told_and_read_in_few_calls(ledger: Any) -> None:
    """Results come in the order of what was told, over the border of a batch; pages of a statement follow on."""
    results = list(ledger.tell_many(reply(str(number)) for number in range(10_250)))
    assert [result["external_ref"] for result in results] == [str(number) for number in range(10_250)]
    assert [result["line"] for result in results] == list(range(1, 10_251))
    assert {result["status"] for result in results} == {"posted"}
    lines = [line["external_ref"] for line in ledger.statement("youtube:ada", "network:youtube", kind="engagement")]
    assert len(lines) == len(set(lines)) == 10_250
    assert [book["creator"] for book in ledger.balances(["youtube:ada", *NAMES])] == ["youtube:ada"]


def test_what_is_refused_says_why(example: ModuleType, ledger: Any) -> None:
    """A refusal is an exception with the code and the place."""
    with pytest.raises(example.Problem) as caught:
        ledger.tell("youtube:ada", "applause", "r-2", now())
    assert (caught.value.status, caught.value.code) == (422, "invalid_event")
    assert caught.value.errors[0]["pointer"] == "/kind"


def test_the_readmes_example_runs(
    example: ModuleType, service: Service, ledger: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """The lines that the README shows work as they stand, but for the address, the key and the name."""
    ledger.tell("youtube:ada", "engagement", "r-1", now(), engager="fan-1", act="reply")
    code = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)[0]
    code = code.replace("http://127.0.0.1:8000", f"http://127.0.0.1:{service.port}").replace("tl_…", service.key)
    exec(code.replace("video:mara-bakes", "youtube:ada").replace("network:video", "network:youtube"), {})
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 3
    assert float(said[0]) > 0


def test_what_is_lost_on_the_way_is_done_once(
    example: ModuleType, ledger: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer is lost after the effect: the client sends the same again under the same key, and it counts once."""
    sent: list[str] = []
    real = ledger._http.request

    def losing(method: str, path: str, **told: Any) -> Any:
        sent.append(told["headers"].get("Idempotency-Key", ""))
        answer = real(method, path, **told)
        if len(sent) == 1:
            raise example.httpx2.ReadError("the answer was lost")
        return answer

    monkeypatch.setattr(ledger._http, "request", losing)
    accounts = [{"network": "youtube", "external_id": "hedy"}]
    assert ledger.enrol("Hedy", accounts, agreed_at="2026-11-01T09:00:00Z")["display_name"] == "Hedy"
    assert len(sent) == 2
    assert len(set(sent)) == 1
