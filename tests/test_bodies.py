"""Bodies under the real server: what is too long is refused before it is held, what is cut posts nothing."""

from __future__ import annotations

import gzip
import json
import shutil
import socket
import zlib
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import pytest

from ledger import db
from ledger.db import Database
from tests.service import Service, prepare, serving

MB = 1_000_000
FIFTY = 50 * MB
ROOM_KB = 45_000  # what may be held of a request: the limit of 10 MB a few times over, and never 50 MB


@pytest.fixture(scope="module")
def books(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A database for the service: what is tested here happens before any is asked."""
    path = shutil.copy(sqlite_template, tmp_path_factory.mktemp("bodies") / "ledger.sqlite3")
    database = Database(f"sqlite:///{path}")
    yield database
    database.dispose()


@pytest.fixture(scope="module")
def service(books: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The server on one worker, warm, once for all of these tests."""
    key = prepare(books, ["ada"])
    url = books.url.render_as_string(hide_password=False)
    folder = tmp_path_factory.mktemp("service")
    with serving(url, key=key, folder=folder, options=["--workers", "1", "--no-jobs"]) as running:
        for _ in range(4):
            assert running.send("POST", "/v1/events/batch", [])[0] == 200
        yield running


def line(ref: str) -> bytes:
    """An event of now."""
    told = {"creator": "youtube:ada", "kind": "post", "external_ref": ref, "occurred_at": datetime.now(UTC).isoformat()}
    return json.dumps(told).encode() + b"\n"


class Call:
    """A request that is written by hand, piece by piece."""

    def __init__(self, service: Service, *headers: str, media: str = "application/x-ndjson") -> None:
        self.socket = socket.create_connection(("127.0.0.1", service.port), timeout=60)
        told = ("Host: here", f"Authorization: Bearer {service.key}", f"Content-Type: {media}", *headers)
        self.socket.sendall("\r\n".join(("POST /v1/events/batch HTTP/1.1", *told, "", "")).encode())

    def send(self, data: bytes) -> None:
        """Some bytes of the body."""
        self.socket.sendall(data)

    def send_chunk(self, data: bytes) -> None:
        """A chunk of the body."""
        self.socket.sendall(b"%x\r\n%s\r\n" % (len(data), data))

    def end(self) -> None:
        """Say nothing more, and listen."""
        self.socket.shutdown(socket.SHUT_WR)

    def answer(self) -> tuple[int, Any]:
        """The status, and the problem's code or the batch's answer."""
        with closing(self.socket), closing(HTTPResponse(self.socket)) as response:
            response.begin()
            told = json.loads(response.read())
            return response.status, told.get("code", told)


def posted(books: Database) -> int:
    """How many events there are."""
    return int(books.read(lambda reader: db.fetch(reader, "SELECT count(*) FROM event"))[0][0])


class Memory:
    """The most that the workers held, above what they hold now."""

    def __init__(self, service: Service) -> None:
        self.workers = service.workers()
        for pid in self.workers:
            Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak begins anew
        self.before = self._peaks()

    def _peaks(self) -> list[int]:
        return [_peak_kb(pid) for pid in self.workers]

    def grown_kb(self) -> int:
        """By how many kB the worst of them has grown at its peak."""
        return max(now - before for now, before in zip(self._peaks(), self.before, strict=True))


def _peak_kb(pid: int) -> int:
    told = dict(row.split(":", 1) for row in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(told["VmHWM"].split()[0])


def test_a_body_that_says_it_is_too_long_is_not_read(service: Service) -> None:
    """413 while not a byte of its fifty megabytes was sent; and whoever sends them all the same fills no memory."""
    memory = Memory(service)
    assert Call(service, f"Content-Length: {FIFTY}").answer() == (413, "content_too_large")
    stubborn = Call(service, f"Content-Length: {FIFTY}")
    with suppress(OSError):
        for _ in range(50):
            stubborn.send(b" " * MB)
    stubborn.socket.close()
    assert memory.grown_kb() < 5_000
    assert service.send("GET", "/healthz")[0] == 200


def test_a_body_without_end_is_refused_at_the_limit(service: Service, books: Database) -> None:
    """In chunks nobody knows how long it gets: 413 once it is over the limit, nothing posted of what came before."""
    memory = Memory(service)
    call = Call(service, "Transfer-Encoding: chunked")
    call.send_chunk(line("p-1"))
    for _ in range(11):
        call.send_chunk(b" " * (MB - 1) + b"\n")
    assert call.answer() == (413, "content_too_large")
    endless = Call(service, "Transfer-Encoding: chunked")
    with suppress(OSError):
        for _ in range(50):
            endless.send_chunk(b" " * MB)
    endless.socket.close()
    assert memory.grown_kb() < ROOM_KB
    assert posted(books) == 0


def test_a_gigabyte_in_a_megabyte_is_refused(service: Service, books: Database) -> None:
    """A gzip stream is unpacked no further than the limit."""
    packer = zlib.compressobj(9, wbits=31)
    zeros = b"\n" * MB
    body = packer.compress(line("p-1")) + b"".join(packer.compress(zeros) for _ in range(1_000)) + packer.flush()
    assert len(body) < 2 * MB
    memory = Memory(service)
    call = Call(service, f"Content-Length: {len(body)}", "Content-Encoding: gzip")
    call.send(body)
    assert call.answer() == (413, "content_too_large")
    assert memory.grown_kb() < ROOM_KB
    assert posted(books) == 0


def test_ten_megabytes_of_little_take_little(service: Service) -> None:
    """Empty lines are passed over one at a time, and a million values or lines are not parsed, under a key or not."""
    for number, (media, body, status) in enumerate(
        (
            ("application/x-ndjson", b"\n" * (MB - 1), 200),
            ("application/x-ndjson", b"\n" * (10 * MB), 413),
            ("application/x-ndjson", b"11\n" * (3 * MB), 413),
            ("application/x-ndjson", b"11\n" * (MB - 1), 413),
            ("application/json", b"[" + b"[]," * (3 * MB) + b"[]]", 413),
            ("application/json", b"[" + b"1," * (MB - 2) + b"1]", 413),
        )
    ):
        packed = gzip.compress(body)
        for more in ((), (f"Idempotency-Key: small-{number}",)):
            head = (f"Content-Length: {len(packed)}", "Content-Encoding: gzip", *more)
            memory = Memory(service)
            call = Call(service, *head, media=media)
            call.send(packed)
            assert call.answer()[0] == status
            assert memory.grown_kb() < ROOM_KB, (media, body[:4], more)


def test_a_stream_that_breaks_off_posts_nothing(service: Service, books: Database) -> None:
    """However whole the lines are that came: shorter than announced, chunks without the last, a packed stream cut."""
    two = line("p-1") + line("p-2")
    packed = gzip.compress(two)
    cut = zlib.compressobj(wbits=31)
    begun = cut.compress(two) + cut.flush(zlib.Z_FULL_FLUSH)
    chunked = "Transfer-Encoding: chunked"
    for headers, sent in (
        ((f"Content-Length: {len(two) + 1}",), two),
        ((f"Content-Length: {len(two)}",), two[:-20]),
        ((chunked,), b"%x\r\n%s\r\n" % (len(two), two)),
        ((chunked,), b"%x\r\n%s" % (len(two) + 9, two)),
        ((chunked,), b"%x\r\n%s\r\n0\r\n" % (len(two), two)),
        ((chunked,), b"%x\r\n%s\r\nnonsense\r\n" % (len(two), two)),
        ((f"Content-Length: {len(packed)}", "Content-Encoding: gzip"), packed[:-4]),
        ((f"Content-Length: {len(begun)}", "Content-Encoding: gzip"), begun),
        ((chunked, "Content-Encoding: gzip"), b"%x\r\n%s\r\n0\r\n\r\n" % (len(begun), begun)),
    ):
        call = Call(service, *headers)
        call.send(sent)
        call.end()
        assert call.answer()[0] == 400, headers
        assert posted(books) == 0, headers
    whole = Call(service, chunked, "Content-Encoding: gzip")
    whole.send_chunk(packed[:30])
    whole.send_chunk(packed[30:])
    whole.send(b"0\r\n\r\n")
    assert whole.answer()[1]["posted"] == 2
