"""Slow clients under the real server: however many there are, others are answered."""

import contextlib
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from api.shell import DATA_POLICY, HEADERS
from ledger.db import Database
from tests.service import Service, prepare, serving

MANY = 12  # more than two workers have threads
HEAD = b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def service(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service with two workers of four threads each."""
    folder = tmp_path_factory.mktemp("slow")
    url = f"sqlite:///{shutil.copyfile(sqlite_template, folder / 'ledger.sqlite3')}"
    database = Database(url)
    key = prepare(database, ["ada"])
    database.dispose()
    with serving(url, key=key, folder=folder, options=["--no-jobs"]) as running:
        yield running


def connect(service: Service) -> socket.socket:
    """A connection that has said nothing yet."""
    return socket.create_connection(("127.0.0.1", service.port), timeout=60)


def silent(_: socket.socket) -> None:
    """Says nothing at all."""


def half_a_head(client: socket.socket) -> None:
    """Begins a request, and stops."""
    client.sendall(HEAD)


def half_a_body(client: socket.socket) -> None:
    """Announces a body, sends a little of it, and stops."""
    client.sendall(HEAD + b"Content-Length: 5000\r\n\r\n[{")


def asks_and_stays(client: socket.socket) -> None:
    """Asks for the end of the connection, and does not end its side."""
    client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")


def asks_and_reads_nothing(client: socket.socket) -> None:
    """Asks for megabytes in one go, and takes none."""
    client.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 40)


@pytest.mark.parametrize("behave", [silent, half_a_head, half_a_body, asks_and_stays, asks_and_reads_nothing])
def test_clients_that_stop_halfway_hold_up_nobody(service: Service, behave: Callable[[socket.socket], None]) -> None:
    """More stalled clients than threads: another one's read is answered, and theirs are ended."""
    with ExitStack() as stack:
        stalled = [stack.enter_context(connect(service)) for _ in range(MANY)]
        for client in stalled:
            behave(client)
        assert service.send("GET", "/v1/creators/youtube:ada/balance", patience_s=120)[0] == 200
        if behave in (half_a_head, half_a_body):
            ends = [client.recv(4096) for client in stalled]
            assert all(end == b"" or b" 40" in end.split(b"\r\n")[0] for end in ends)


def test_a_client_that_drips_is_ended(service: Service) -> None:
    """A byte a moment wins no time: the head has to be whole within its seconds."""
    stop = threading.Event()

    def drip(client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            client.sendall(HEAD + b"X-Slow: ")
            while not stop.wait(0.5):
                client.sendall(b"x")

    with ExitStack() as stack:
        clients = [stack.enter_context(connect(service)) for _ in range(MANY)]
        threads = [threading.Thread(target=drip, args=(client,)) for client in clients]
        for thread in threads:
            thread.start()
        try:
            assert service.send("GET", "/v1/creators/youtube:ada/balance", patience_s=120)[0] == 200
            with contextlib.suppress(ConnectionResetError):
                assert clients[0].recv(4096) == b""
        finally:
            stop.set()
            for thread in threads:
                thread.join()


def test_a_body_in_pieces_is_taken(service: Service) -> None:
    """A slow but steady client is served: what comes in time is put together."""
    body = b'{"creators": ["youtube:ada"]}'
    head = f"POST /v1/balances/lookup HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {service.key}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    with connect(service) as client:
        for piece in (head[:40].encode(), head[40:].encode(), body[:9], body[9:]):
            client.sendall(piece)
            threading.Event().wait(0.2)
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200"), answer


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"414"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 9000 + b"\r\n\r\n", b"431"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(70)) + b"\r\n", b"431"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n", b"400"),
    ],
    ids=["line", "field", "count", "length beside chunks", "folded"],
)
def test_heads_have_their_limits(service: Service, sent: bytes, status: bytes) -> None:
    """A line, a field or a count over its limit, and a head that two servers could read differently, are refused."""
    with connect(service) as client:
        client.sendall(sent)
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.split()[1] == status
    assert b"application/problem+json" in head
    assert [name for name, value in (*HEADERS, DATA_POLICY) if f"{name}: {value}".encode() not in head] == []
    assert b"Traceback" not in body
