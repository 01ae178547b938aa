"""The service as tests use it: an app on a fresh database with a policy, keys of every role, a creator."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr

from ledger.db import Database
from ledger.settings import Settings
from tests.judge import Judged

DAY_US = 86_400_000_000
NOW_US = 1_795_448_000_000_000  # 2026-11-23, in the afternoon
TODAY = NOW_US // DAY_US
PARTNER_SCOPES = (
    "events:write",
    "events:backfill",
    "creators:write",
    "creators:erase",
    "attestations:write",
    "balances:read",
    "statements:read",
    "estimates:write",
    "relationships:write",
    "pitches:write",
    "webhooks:write",
    "policy:read",
)


@dataclass
class Clock:
    """A clock that stands until a test moves it; microseconds since 1970."""

    now_us: int = NOW_US

    def __call__(self) -> int:
        """What time it is."""
        return self.now_us

    def pass_days(self, days: float) -> None:
        """Let time go by."""
        self.now_us += int(days * DAY_US)


@dataclass(frozen=True)
class Holder:
    """Somebody with a key, as a client that sends it."""

    client: FlaskClient
    secret: str
    key_id: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def __getattr__(self, method: str) -> Callable[..., Any]:
        send = getattr(self.client, method)

        def sent(*args: Any, headers: dict[str, str] | None = None, **kwargs: Any) -> Any:
            return send(*args, headers={"Authorization": f"Bearer {self.secret}", **(headers or {})}, **kwargs)

        return sent


@pytest.fixture
def clock() -> Clock:
    """The clock that the app goes by: it stands in the afternoon of 2026-11-23."""
    return Clock()


@pytest.fixture
def api_settings(database_url: str) -> Settings:
    """Settings for a fresh, migrated database, once on each engine."""
    return Settings(
        database_url=database_url, pepper=SecretStr("a pepper for tests"), signing_key=SecretStr("a key for tests")
    )


@pytest.fixture
def app(api_settings: Settings, clock: Clock) -> Iterator[Flask]:
    """The service on a fresh database with the founding policy in force."""
    from api import create_app
    from ledger import policy, rules

    made = create_app(api_settings)
    made.test_client_class = Judged
    ledger = made.extensions["trust_ledger"]
    ledger.clock = clock
    ledger.database.write(lambda session: rules.install(session, policy.builtin(), effective_day=0, now_us=1))
    yield made
    ledger.database.dispose()


@pytest.fixture
def books(app: Flask) -> Database:
    """The database of the app."""
    database: Database = app.extensions["trust_ledger"].database
    return database


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Somebody without a key."""
    return app.test_client()


@pytest.fixture
def key_for(app: Flask) -> Callable[..., Holder]:
    """Make a key and get its holder: `key_for("partner", "acme", networks=["youtube"], scopes=[...])`.

    Without scopes it may do all its role may, posting into the past apart.
    """
    from ledger import keys

    ledger = app.extensions["trust_ledger"]

    def made(role: str, owner: str, **rights: Any) -> Holder:
        rights.setdefault("scopes", [scope for scope in keys.MAY_HOLD[role] if scope != "events:backfill"])
        secret, key_id = ledger.database.write(
            lambda session: keys.create(session, role=role, owner=owner, pepper=ledger.pepper, now_us=NOW_US, **rights)
        )
        return Holder(app.test_client(), secret, key_id)

    return made


@pytest.fixture
def partner(key_for: Callable[..., Holder]) -> Holder:
    """The partner `acme`, for youtube, with every scope that a partner may hold."""
    return key_for("partner", "acme", networks=["youtube"], scopes=PARTNER_SCOPES)


@pytest.fixture
def other_partner(key_for: Callable[..., Holder]) -> Holder:
    """The partner `bolt`, for tiktok."""
    return key_for("partner", "bolt", networks=["tiktok"])


@pytest.fixture
def brand(key_for: Callable[..., Holder]) -> Holder:
    """The brand `nike`."""
    return key_for("brand", "nike")


@pytest.fixture
def operator(key_for: Callable[..., Holder]) -> Holder:
    """An operator, for every network."""
    return key_for("operator", "ops", scopes=[*PARTNER_SCOPES, "operate"])


@pytest.fixture
def creator_id(books: Database) -> str:
    """Ada, private, `youtube:ada` with 50,000 followers, enrolled by acme; her book is empty."""
    from ledger import creators

    account = creators.AccountOf("youtube", "ada", 50_000)
    made, _ = books.write(
        lambda session: creators.enrol(
            session,
            display_name="Ada",
            handle="ada",
            accounts=[account],
            consent_at_us=1,
            enrolled_by="acme",
            now_us=NOW_US - DAY_US,
        )
    )
    return made


@pytest.fixture
def public_creator_id(books: Database) -> str:
    """Grace, public, `youtube:grace`, enrolled by acme; her book is empty."""
    from ledger import creators

    account = creators.AccountOf("youtube", "grace", 20_000)
    made, _ = books.write(
        lambda session: creators.enrol(
            session,
            display_name="Grace",
            handle="grace",
            visibility="public",
            topics=["compilers"],
            accounts=[account],
            consent_at_us=1,
            enrolled_by="acme",
            now_us=NOW_US - DAY_US,
        )
    )
    return made


@pytest.fixture
def creator(key_for: Callable[..., Holder], creator_id: str) -> Holder:
    """Ada herself."""
    return key_for("creator", creator_id)


@contextmanager
def serving(settings: Settings, *, workers: int = 2) -> Iterator[str]:
    """Run the real server on loopback, without rate limits that matter; gives its address, and stops it in the end."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        command = [sys.executable, "-m", "gunicorn", "--config", "python:api.gunicorn_conf"]
        chosen = ["--workers", str(workers), "--bind", f"fd://{listener.fileno()}", "wsgi:app"]
        secrets = {"PEPPER": settings.pepper.get_secret_value(), "SIGNING_KEY": settings.signing_key.get_secret_value()}
        limits = {f"LIMIT_{name}": "1000000000" for name in ("READ", "WRITE", "BATCH", "HEAVY")}
        told = {"DATABASE_URL": settings.database_url, **secrets, **limits}
        environment = os.environ | {f"TRUST_LEDGER_{name}": value for name, value in told.items()}
        process = subprocess.Popen(
            command + chosen,
            env=environment,
            cwd=Path(__file__).parent.parent,
            pass_fds=[listener.fileno()],
            stderr=subprocess.DEVNULL,
        )
        try:
            yield _answering(f"http://127.0.0.1:{listener.getsockname()[1]}", process)
        finally:
            process.terminate()
            process.wait(30)


def _answering(url: str, process: subprocess.Popen[bytes]) -> str:
    for _ in range(300):
        assert process.poll() is None, "the server ended at once"
        try:
            with urlopen(f"{url}/readyz", timeout=5):
                return url
        except (URLError, TimeoutError, ConnectionError):
            time.sleep(0.1)
    raise AssertionError("the server does not answer")


def event(ref: str = "e-1", **changes: Any) -> dict[str, Any]:
    """An event as a partner sends it: a fan's reply to Ada at noon today, unless changed."""
    return {
        "creator": "youtube:ada",
        "kind": "engagement",
        "external_ref": ref,
        "occurred_at": "2026-11-23T12:00:00Z",
        "facts": {"act": "reply", "engager": "fan-1"},
        **changes,
    }
