"""Benchmarks: each prints its figures beside those of something bare, measured in turn in the same run.

Run one as `python -m bench.posting`. Servers listen on the loopback only, and end with the run.
"""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import orjson
import psycopg

from ledger import db, keys, policy, processes, rules
from ledger.db import Database
from ledger.keys import SCOPES
from ledger.policy import Policy
from tests.postgres_server import running_postgres

ROOT = Path(__file__).parent.parent
PEPPER = "pepper-of-the-benchmarks"
FOUNDING = policy.builtin()
SCHEDULE = policy.Schedule.of(FOUNDING)
NETWORK = "bench"
UNLIMITED = {f"LIMIT_{name}": 10**9 for name in ("READ", "WRITE", "BATCH", "HEAVY")}


@dataclass(frozen=True, slots=True)
class Engine:
    """A database server or file under test: `url` migrated and with the founding policy, `twin` a bare copy."""

    name: str
    url: str
    twin: Callable[[], str]

    @property
    def is_sqlite(self) -> bool:
        """True for SQLite."""
        return self.url.startswith("sqlite")


def engines(names: Sequence[str] = ("sqlite", "postgresql"), *, rulebook: Policy = FOUNDING) -> Iterator[Engine]:
    """The engines one after another, each with databases of its own that end with the run."""
    for name in names:
        yield from _sqlite(rulebook) if name == "sqlite" else _postgresql(rulebook)


def _sqlite(rulebook: Policy) -> Iterator[Engine]:
    home = Path(tempfile.mkdtemp(prefix="tl-bench-"))
    url = f"sqlite:///{home}/books.db"
    _prepare(url, rulebook)
    with sqlite3.connect(home / "books.db") as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copyfile(home / "books.db", home / "empty.db")

    def twin() -> str:
        for old in home.glob("twin.db*"):
            old.unlink()
        shutil.copyfile(home / "empty.db", home / "twin.db")
        return f"sqlite:///{home}/twin.db"

    try:
        yield Engine(f"SQLite {sqlite3.sqlite_version}", url, twin)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _postgresql(rulebook: Policy) -> Iterator[Engine]:
    with running_postgres(durable=True) as server:
        plain = server.replace("postgresql+psycopg", "postgresql")
        with psycopg.connect(plain, autocommit=True) as admin:
            version = str(admin.execute("SHOW server_version").fetchone()[0])  # type: ignore[index]
            admin.execute("CREATE DATABASE empty")
            _prepare(server.replace("/postgres?", "/empty?"), rulebook)
            admin.execute("CREATE DATABASE books TEMPLATE empty")

            def twin() -> str:
                admin.execute("DROP DATABASE IF EXISTS twin WITH (FORCE)")
                admin.execute("CREATE DATABASE twin TEMPLATE empty")
                return server.replace("/postgres?", "/twin?")

            yield Engine(f"PostgreSQL {version}", server.replace("/postgres?", "/books?"), twin)


def _prepare(url: str, rulebook: Policy) -> None:
    db.migrate(url)
    database = Database(url)
    database.write(lambda session: rules.install(session, rulebook, effective_day=0, now_us=1))
    database.dispose()


def key_of(database: Database, *, network: str = NETWORK) -> str:
    """A key that may do all a partner may, on one network."""
    held = [scope for scope in SCOPES if scope != "operate"]
    return database.write(
        lambda session: keys.create(
            session,
            role="partner",
            owner="bench",
            networks=(network,),
            scopes=held,
            pepper=PEPPER.encode(),
            now_us=now_us(),
        )
    )[0]


def now_us() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1_000


@contextmanager
def serving(url: str, *, workers: int = 2, app: str = "wsgi:app") -> Iterator[int]:
    """The service, or another app, under gunicorn on a free port of the loopback until the end. Gives the port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [*processes.server(bind=f"127.0.0.1:{port}", workers=workers)[:-1], app]
    settings: dict[str, object] = {"DATABASE_URL": url, "PEPPER": PEPPER, "SIGNING_KEY": PEPPER, **UNLIMITED}
    environment = os.environ | {f"TRUST_LEDGER_{name}": str(value) for name, value in settings.items()}
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        try:
            _wait_for(port, server, log)
            yield port
        finally:
            server.terminate()
            server.wait(timeout=60)


def _wait_for(port: int, server: subprocess.Popen[bytes], log: IO[bytes]) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if server.poll() is not None or time.monotonic() > deadline:
                log.seek(0)
                raise SystemExit(f"the server did not start: {log.read().decode()[-2000:]}") from None
            time.sleep(0.05)
        else:
            return


class Client:
    """A keep-alive connection that spends as little as can be: requests are bytes made beforehand."""

    def __init__(self, port: int, key: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=120)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._head = f"Host: 127.0.0.1:{port}\r\nAuthorization: Bearer {key}\r\n"

    def request(self, method: str, path: str, body: bytes = b"", kind: str = "application/json") -> bytes:
        """The bytes of a request."""
        head = f"{method} {path} HTTP/1.1\r\n{self._head}"
        if body:
            head += f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        return f"{head}\r\n".encode() + body

    def send(self, request: bytes) -> tuple[int, bytes]:
        """Send a request; gives (status, body)."""
        self._socket.sendall(request)
        got = bytearray()
        while (end := got.find(b"\r\n\r\n")) < 0:
            got += self._more()
        head = bytes(got[:end]).lower()
        length = int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        while len(got) < end + 4 + length:
            got += self._more()
        return int(head[9:12]), bytes(got[end + 4 : end + 4 + length])

    def _more(self) -> bytes:
        part = self._socket.recv(1 << 18)
        if not part:
            raise SystemExit("the server closed the connection")
        return part

    def json(self, method: str, path: str, given: object = None) -> tuple[int, object]:
        """Send and read JSON."""
        body = b"" if given is None else orjson.dumps(given)
        status, answer = self.send(self.request(method, path, body))
        return status, orjson.loads(answer or b"null")

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


def data_of(name: str) -> Path:
    """A file of the real data sets; ends the run, saying so, where it is not there."""
    folder = Path(os.environ.get("TRUST_LEDGER_DATA", ROOT.parent / "shared" / "data"))
    path = folder / name
    if not path.exists():
        print(f"skipped: no {name} in {folder}; name its folder in TRUST_LEDGER_DATA")
        raise SystemExit(0)
    return path


def timed(work: Callable[[], object]) -> float:
    """Seconds that work takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def median_ratio(pairs: Sequence[tuple[float, float]]) -> float:
    """The median of first over second, pair by pair: each pair was measured side by side."""
    return statistics.median(first / second for first, second in pairs)


def show(title: str, head: Sequence[str], lines: Sequence[Sequence[object]]) -> None:
    """Print a table, first column left, the others right."""
    cells = [list(map(str, line)) for line in (head, *lines)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(head))]
    print(f"\n{title}\n")
    for line in cells:
        rest = "  ".join(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))
        print(f"{line[0].ljust(widths[0])}  {rest}")


def machine() -> str:
    """What the figures were measured on."""
    day = time.strftime("%Y-%m-%d", time.gmtime())
    return f"{day}, {os.cpu_count()} cores, Python {sys.version.split()[0]}"
