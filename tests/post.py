"""Post for webhooks: endpoints and messages made by hand, and receivers that behave in all sorts of ways."""

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook as Verifier

from ledger import events, keys, outbox, webhooks
from ledger.db import Database
from ledger.messages import Message
from ledger.webhooks import Webhook

PEPPER = b"a pepper for tests"
BOOKS = [f"0192f0c1-0000-7000-8000-{number:012d}" for number in range(1, 100)]
METER = "network:youtube"
PATIENCE_S = 60


def endpoint(database: Database, url: str = "http://127.0.0.1:9/", *, owner: str = "root", now_us: int = 1) -> Webhook:
    """A webhook of an operator's, for everything, with a key of theirs."""
    key = {"role": "operator", "owner": owner, "pepper": PEPPER, "now_us": now_us}
    database.write(lambda session: keys.create(session, **key))  # type: ignore[arg-type]
    told = {"role": "operator", "owner": owner, "networks": [], "url": url, "private": True, "now_us": now_us}
    return database.write(lambda session: webhooks.create(session, **told))  # type: ignore[arg-type]


def queue(database: Database, webhook: Webhook, *books: int, now_us: int = 1) -> int:
    """Put a message on its way for each book, given by number, in that order; the last one's sequence."""
    messages = [
        (events.new_id(), Message(BOOKS[book], METER, "balance.changed", json.dumps({"book": book}), now_us))
        for book in books
    ]
    last = database.write(lambda session: outbox.queue(session, webhook=webhook, messages=messages, now_us=now_us))
    return last or 0


def rows(database: Database, columns: str, webhook: Webhook | None = None) -> list[tuple[Any, ...]]:
    """Columns of deliveries in their sequence."""
    where = f"webhook_id = '{webhook.webhook_id}'" if webhook else "1 = 1"
    sql = f"SELECT {columns} FROM delivery WHERE {where} ORDER BY webhook_id, sequence"
    return database.read(lambda reader: reader.fetch(sql, ()))


def wait_until(is_so: Callable[[], object]) -> None:
    """Until something is so, or fail."""
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.02)


# Receivers


class Handler(BaseHTTPRequestHandler):
    """A request at a receiver; `over` is set when the test is."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    over: threading.Event

    def log_message(self, *_: object) -> None:
        """Say nothing."""


Behaviour = Callable[[Handler], None]


@dataclass
class Receiver:
    """A server on loopback: `got` is what it was sent and could verify, in the order in which it came."""

    url: str
    secrets: list[str] = field(default_factory=list)
    got: list[dict[str, Any]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    forged: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def sequences(self) -> list[int]:
        """The sequences of what came."""
        return [message["sequence"] for message in self.got]

    def knows(self, webhook: Webhook, now_us: int = 1) -> Webhook:
        """Have it verify with the webhook's secrets."""
        self.secrets = webhooks.secrets(webhook, pepper=PEPPER, now_us=now_us)
        return webhook

    def take(self, headers: dict[str, str], body: bytes) -> None:
        """Verify and keep what came."""
        try:
            message = Verifier(self.secrets[0]).verify(body, headers)
        except Exception as wrong:
            self.forged.append(repr(wrong))
            raise
        self.got.append(message)
        self.ids.append(headers["webhook-id"])
        self.headers.append(headers)


def status(code: int, **headers: str) -> Behaviour:
    """Answers with a status and a small body."""

    def answer(handler: Handler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "2")
        handler.end_headers()
        handler.wfile.write(b"{}")

    return answer


OK = status(200)


@contextmanager
def receiving(*script: Behaviour, then: Behaviour = OK, tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A receiver that behaves by a script, a request each, and `then` for all that follow."""
    behaviours, lock = list(script), threading.Lock()
    receiver = Receiver("")

    class Own(Handler):
        over = receiver.over

        def do_POST(self) -> None:
            """Take what came, and behave."""
            length = int(self.headers["Content-Length"])
            body = self.rfile.read(length)
            if len(body) < length:  # whoever sent it ended in the middle: it never came
                self.close_connection = True
                return
            with lock:
                receiver.take({name.lower(): value for name, value in self.headers.items()}, body)
                behave = behaviours.pop(0) if behaviours else then
            try:
                behave(self)
            except OSError:
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Own)
    server.daemon_threads = True
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    receiver.url = f"http{'s' if tls else ''}://127.0.0.1:{server.server_address[1]}/hooks"
    try:
        yield receiver
    finally:
        receiver.over.set()
        server.shutdown()
        thread.join()
        server.server_close()


def in_order(sequences: Sequence[int]) -> bool:
    """Whether, repetitions aside, each is higher than those before it."""
    first = list(dict.fromkeys(sequences))
    return first == sorted(first)
