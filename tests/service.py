"""The service as its users have it: `trust-ledger serve` in processes of its own, over a socket."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from ledger import creators, keys, policy, rules
from ledger.creators import AccountOf
from ledger.db import Database

ROOT = Path(__file__).parent.parent
PEPPER, SIGNING_KEY = "a pepper for tests", "a key for tests"
PATIENCE_S = 120
LOST = (OSError, HTTPException)


@dataclass
class Service:
    """A running service. `key` is a partner's, for youtube."""

    process: subprocess.Popen[bytes]
    port: int
    key: str

    def send(self, method: str, path: str, body: object = None, *, patience_s: float = 30) -> tuple[int, Any]:
        """Send a request, a list as NDJSON; the status, and the JSON that came back. Raises one of LOST."""
        headers = {"Authorization": f"Bearer {self.key}"}
        sent = None
        if isinstance(body, list):
            headers["Content-Type"] = "application/x-ndjson"
            sent = "\n".join(json.dumps(line) for line in body)
        elif body is not None:
            headers["Content-Type"] = "application/json"
            sent = json.dumps(body)
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=patience_s)) as connection:
            connection.request(method, path, sent, headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read())

    def wait_until_up(self) -> None:
        """Until it answers, or fail."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            with suppress(*LOST):
                if self.send("GET", "/healthz", patience_s=2)[0] == 200:
                    return
            if self.process.poll() is not None:
                raise AssertionError(f"serve ended with {self.process.returncode}")
            time.sleep(0.05)
        raise AssertionError("serve never answered")

    def workers(self) -> list[int]:
        """The processes that answer requests, by id."""
        return [pid for master in children(self.process.pid) if runs(master, "gunicorn") for pid in children(master)]

    def everyone(self) -> list[int]:
        """Every process of the service, by id."""
        return [self.process.pid, *descendants(self.process.pid)]

    def kill(self) -> None:
        """SIGKILL to each, at once, and wait until all are gone."""
        if self.process.poll() is not None:
            return
        pids = self.everyone()
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(PATIENCE_S)
        wait_until_gone(pids)


@contextmanager
def serving(
    url: str, *, key: str, folder: Path, options: Sequence[str] = (), settings: Mapping[str, object] | None = None
) -> Iterator[Service]:
    """Serve a migrated database on loopback, with more settings by name; no process is left behind."""
    port = free_port()
    environment = {
        **os.environ,
        "TRUST_LEDGER_CONFIG": os.devnull,
        "TRUST_LEDGER_DATABASE_URL": url,
        "TRUST_LEDGER_PEPPER": PEPPER,
        "TRUST_LEDGER_SIGNING_KEY": SIGNING_KEY,
        "TRUST_LEDGER_CHECKPOINT_DIR": str(folder / "checkpoints"),
        **{f"TRUST_LEDGER_{name.upper()}": str(value) for name, value in (settings or {}).items()},
    }
    told = [sys.executable, "-m", "ledger.cli", "serve", "--bind", f"127.0.0.1:{port}", "--workers", "2", *options]
    with (folder / "service.log").open("ab") as log:
        process = subprocess.Popen(told, cwd=ROOT, env=environment, stdout=log, stderr=log)
    service = Service(process, port, key)
    try:
        service.wait_until_up()
        yield service
    finally:
        service.kill()


def prepare(database: Database, names: Sequence[str]) -> str:
    """Put a policy in force, enrol creators on youtube by these names, and make a partner's key; its secret."""
    accounts = [AccountOf("youtube", name, 20_000) for name in names]
    database.write(lambda session: rules.install(session, policy.builtin(), effective_day=0, now_us=1))
    for account in accounts:
        database.write(
            lambda session, account=account: creators.enrol(  # type: ignore[misc]
                session,
                display_name=account.external_id,
                accounts=[account],
                consent_at_us=1,
                enrolled_by="acme",
                now_us=1,
            )
        )
    made = {"role": "partner", "owner": "acme", "networks": ["youtube"], "pepper": PEPPER.encode(), "now_us": 1}
    made |= {"scopes": keys.may_hold("partner")}
    return database.write(lambda session: keys.create(session, **made))[0]  # type: ignore[arg-type]


def free_port() -> int:
    """A port on loopback that nobody listens on."""
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


# Processes, as Linux tells of them


def children(pid: int) -> list[int]:
    """The processes started by a process that is there."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def descendants(pid: int) -> list[int]:
    """Its children, and theirs."""
    return [each for child in children(pid) for each in (child, *descendants(child))]


def runs(pid: int, word: str) -> bool:
    """Whether a process's command line has that word."""
    with suppress(OSError):
        return word.encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    return False


def is_there(pid: int) -> bool:
    """Whether a process runs still; one that only waits to be counted out does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until_gone(pids: Sequence[int]) -> None:
    """Until none of them runs."""
    deadline = time.monotonic() + PATIENCE_S
    while any(map(is_there, pids)):
        assert time.monotonic() < deadline, f"still there: {[pid for pid in pids if is_there(pid)]}"
        time.sleep(0.05)
