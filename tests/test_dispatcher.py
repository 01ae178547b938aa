"""The dispatcher: every message arrives, signed, in the order of its book, whatever receivers do, however it ends."""

import base64
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from standardwebhooks import WebhookVerificationError

from jobs.courier import AGENT, MOST_BODY_BYTES, Courier, asked_pause_us, signed
from jobs.dispatcher import Bounds, Dispatcher
from jobs.tasks import Desk
from ledger import db, keys, outbox, webhooks
from ledger.db import Database
from ledger.deliveries import KEPT_US, MOST_ATTEMPTS, RETRIES_S
from ledger.economy import DAY_US, SECOND_US
from ledger.messages import Message
from ledger.settings import Settings
from ledger.webhooks import Webhook
from tests.post import (
    BOOKS,
    METER,
    OK,
    PATIENCE_S,
    PEPPER,
    Behaviour,
    Handler,
    Receiver,
    endpoint,
    in_order,
    queue,
    receiving,
    rows,
    status,
    wait_until,
)
from tests.service import free_port

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs" / "api.md"
TIMEOUT_S = 1.0
LEASE_S = 20.0


@dataclass
class Clock:
    """The time of day, which a test may put forward."""

    ahead_us: int = 0

    def __call__(self) -> int:
        """Microseconds since 1970."""
        return time.time_ns() // 1_000 + self.ahead_us


@dataclass
class Log:
    """Keeps what is logged."""

    lines: list[dict[str, Any]] = field(default_factory=list)

    def info(self, event: str, **told: Any) -> None:
        """Keep a line."""
        self.lines.append({"event": event, **told})

    warning = error = exception = info


@contextmanager
def dispatching(
    database: Database, *, clock: Callable[[], int] | None = None, courier: Courier | None = None, **bounds: Any
) -> Iterator[Log]:
    """A dispatcher at work in a thread; it is stopped, and has ended, when this does."""
    settings = Settings(pepper=SecretStr(PEPPER.decode()))
    desk = Desk(database, settings, clock or Clock(), log=Log())
    within = Bounds(**{"lease_s": LEASE_S, "pause_s": 0.05, **bounds})
    made = Dispatcher(desk, courier or Courier(TIMEOUT_S, private=True), within)
    thread = threading.Thread(target=made.run)
    thread.start()
    try:
        yield desk.log
    finally:
        desk.stopping.set()
        thread.join()


def listener(database: Database, receiver: Receiver, owner: str = "root") -> Webhook:
    """A webhook that leads to the receiver, which knows its secret."""
    return receiver.knows(endpoint(database, receiver.url, owner=owner))


def ended(database: Database, webhook: Webhook, word: str = "delivered") -> bool:
    """Whether all deliveries of a webhook ended so."""
    return {told for (told,) in rows(database, "status", webhook)} == {word}


# What arrives


def test_a_message_arrives_signed(database: Database) -> None:
    """The receiver's own library verifies what it gets; the headers say what it is and who sends it."""
    with receiving() as receiver:
        webhook = listener(database, receiver)
        queue(database, webhook, 1)
        with dispatching(database) as log:
            wait_until(lambda: ended(database, webhook))

    ((message_id, *kept),) = rows(database, "message_id, attempts, answered, error")
    told = receiver.headers[0]
    assert (receiver.forged, receiver.ids, kept) == ([], [str(message_id)], [1, 200, None])
    assert {key: receiver.got[0][key] for key in ("type", "sequence")} == {"type": "balance.changed", "sequence": 1}
    assert (told["content-type"], told["user-agent"]) == ("application/json", AGENT)
    assert told["host"] == receiver.url.split("/")[2]
    assert [line["outcome"] for line in log.lines] == ["delivered"]


def test_both_secrets_verify_while_they_overlap(database: Database) -> None:
    """After a rotation there are two signatures, so that the old secret and the new one each verify; then one."""
    clock = Clock()
    with receiving() as receiver:
        webhook = listener(database, receiver)
        (old,) = receiver.secrets
        told = {"webhook": webhook, "now_us": clock(), "overlap_us": 3_600 * SECOND_US}
        rotated = database.write(lambda session: webhooks.rotate(session, **told))  # type: ignore[arg-type]
        new, still = webhooks.secrets(rotated, pepper=PEPPER, now_us=clock())
        queue(database, webhook, 1)
        with dispatching(database):
            wait_until(lambda: ended(database, webhook))
        receiver.secrets = [new]
        queue(database, webhook, 1)
        with dispatching(database):
            wait_until(lambda: ended(database, webhook))
        clock.ahead_us = 3_600 * SECOND_US
        later = webhooks.secrets(rotated, pepper=PEPPER, now_us=clock())

    assert (still, later, receiver.forged) == (old, [new], [])
    assert new != old
    assert [len(told["webhook-signature"].split()) for told in receiver.headers] == [2, 2]


def test_a_message_that_failed_is_sent_again_the_same(database: Database) -> None:
    """After a 500 the same message comes again under the same id, newly signed, and its book goes on behind it."""
    clock = Clock()
    with receiving(status(500), status(500)) as receiver:
        webhook = listener(database, receiver)
        queue(database, webhook, 1, 2, 1)
        with dispatching(database, clock=clock):
            wait_until(lambda: len(receiver.got) == 2)
            clock.ahead_us += 6 * SECOND_US
            wait_until(lambda: ended(database, webhook))

    assert in_order([message["sequence"] for message in receiver.got if message["data"]["book"] == 1])
    assert sorted(receiver.sequences) == [1, 1, 2, 2, 3]
    assert len(set(receiver.ids)) == 3
    assert rows(database, "attempts, answered, error") == [(2, 200, None), (2, 200, None), (1, 200, None)]


def test_a_message_that_is_never_taken_ends_as_a_dead_letter(database: Database) -> None:
    """After the last attempt a message is dead, with what was wrong, and the next of its book is sent."""
    with receiving(*[status(500)] * MOST_ATTEMPTS) as receiver:
        webhook = listener(database, receiver)
        queue(database, webhook, 1, 1)
        with dispatching(database) as log:
            for attempt in range(1, MOST_ATTEMPTS):
                wait_until(lambda attempt=attempt: rows(database, "attempts")[0][0] == attempt)  # type: ignore[misc]
                hurry(database)
            wait_until(lambda: rows(database, "status") == [("dead",), ("delivered",)])

    assert rows(database, "attempts, answered, error")[0] == (MOST_ATTEMPTS, 500, "answered 500")
    assert [line["outcome"] for line in log.lines] == ["waiting"] * (MOST_ATTEMPTS - 1) + ["dead", "delivered"]
    assert receiver.sequences == [1] * MOST_ATTEMPTS + [2]


# Receivers that do what they should not


def hang(handler: Handler) -> None:
    """Says nothing until the test is over."""
    handler.over.wait()
    OK(handler)


def hang_up(handler: Handler) -> None:
    """Ends the connection without a word."""
    handler.connection.shutdown(socket.SHUT_RDWR)


def die(handler: Handler) -> None:
    """Ends the connection in the middle of its answer."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Le")
    hang_up(handler)


def drip_headers(handler: Handler) -> None:
    """Sends headers byte by byte, for ever."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while not handler.over.wait(0.05):
        handler.wfile.write(b"x")
    hang_up(handler)


def drip_body(handler: Handler) -> None:
    """Answers at once, and sends the body byte by byte, for ever."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while not handler.over.wait(0.05):
        handler.wfile.write(b"x")
    hang_up(handler)


def endless_headers(handler: Handler) -> None:
    """Sends headers as fast as it can, for ever."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while not handler.over.is_set():
        handler.wfile.write(b"X-More: and more\r\n" * 1_000)


def much(handler: Handler) -> None:
    """Answers with 100 MB."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
    for _ in range(1_000):
        handler.wfile.write(b"x" * 100_000)
    MUCH_READ.set()


def babble(handler: Handler) -> None:
    """Answers in words meant for a log."""
    handler.wfile.write(b"HTTP/1.1 500 \x1b[2Jroot: all is well\r\nContent-Length: 15\r\n\r\nsecret=hunter2\n")


def not_http(handler: Handler) -> None:
    """Speaks another protocol."""
    handler.wfile.write(b"-ERR unknown command\r\n" * 3)
    hang_up(handler)


MUCH_READ = threading.Event()
BROKEN = "the answer broke off, or was none"
MISBEHAVING: dict[str, tuple[Behaviour, str, int | None, str | None]] = {
    "slow": (hang, "waiting", None, "no answer in time"),
    "hangs up": (hang_up, "waiting", None, BROKEN),
    "dies in mid-answer": (die, "waiting", None, BROKEN),
    "drips headers": (drip_headers, "waiting", None, "no answer in time"),
    "drips its body": (drip_body, "delivered", 200, None),
    "endless headers": (endless_headers, "waiting", None, BROKEN),
    "100 MB": (much, "delivered", 200, None),
    "babbles": (babble, "waiting", 500, "answered 500"),
    "no HTTP": (not_http, "waiting", None, BROKEN),
    "redirects": (
        status(302, Location="http://127.0.0.1:1/elsewhere"),
        "waiting",
        302,
        "answered 302: redirects are not followed",
    ),
    "not found": (status(404), "waiting", 404, "answered 404"),
}


@pytest.mark.parametrize("name", MISBEHAVING)
def test_what_a_receiver_does_is_told_in_our_words(sqlite_url: str, name: str) -> None:
    """A status decides, whatever comes after it; what is not an answer in time is a failure, briefly told."""
    behave, *expected = MISBEHAVING[name]
    database = Database(sqlite_url)
    with receiving(behave) as receiver:
        webhook = listener(database, receiver)
        queue(database, webhook, 1)
        with dispatching(database):
            wait_until(lambda: rows(database, "attempts") == [(1,)])
            receiver.over.set()
    told = rows(database, "status, answered, error")
    database.dispose()

    assert told == [tuple(expected)]
    assert not MUCH_READ.is_set()


def test_no_receiver_harms_another(database: Database) -> None:
    """While others hang, drip, flood, redirect and die, everything reaches the one that behaves, in order."""
    with ExitStack() as stack:
        bad = [stack.enter_context(receiving(then=behave)) for behave, *_ in MISBEHAVING.values()]
        good = stack.enter_context(receiving(status(500)))
        for receiver in bad:
            queue(database, listener(database, receiver), *range(1, 10), *range(1, 10))
        webhook = listener(database, good)
        queue(database, webhook, *[book for _ in range(20) for book in (1, 2, 3)])
        clock = Clock()
        with dispatching(database, clock=clock, courier=Courier(60, private=True)):
            wait_until(lambda: good.got)
            clock.ahead_us += 6 * SECOND_US
            wait_until(lambda: ended(database, webhook))
            untried = [told for told in rows(database, "status, attempts") if told == ("waiting", 0)]
            for receiver in bad:
                receiver.over.set()

    assert len(untried) >= 2 * 18
    assert len(good.got) == 61
    for book in (1, 2, 3):
        assert in_order([message["sequence"] for message in good.got if message["data"]["book"] == book])


def test_nothing_is_kept_or_logged_of_an_address_but_whose_it_is(sqlite_url: str) -> None:
    """A query may hold a password: neither it nor a secret is in the log or in what is kept of an attempt."""
    database = Database(sqlite_url)
    with receiving(status(500)) as receiver:
        receiver.url += "?token=hunter2"
        webhook = listener(database, receiver)
        queue(database, webhook, 1)
        with dispatching(database) as log:
            wait_until(lambda: rows(database, "attempts") == [(1,)])
    told = json.dumps(log.lines) + str(rows(database, "answered, error"))
    database.dispose()

    assert len(receiver.got) == 1
    assert [word for word in ("hunter2", "127.0.0.1", "/hooks", receiver.secrets[0]) if word in told] == []
    assert set(log.lines[0]) == {
        *("event", "webhook", "sequence", "message", "type", "attempt", "outcome", "answered", "error", "ms")
    }


# Where it goes


def test_a_name_that_changes_its_meaning_gains_nothing(sqlite_url: str) -> None:
    """A name that is public when it is looked at and private a moment later leads nowhere inside."""
    database, asked = Database(sqlite_url), []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["2000::1"] if len(asked) == 1 else ["127.0.0.1"]

    with receiving() as receiver:
        port = receiver.url.split(":")[2].split("/")[0]
        webhook = receiver.knows(endpoint(database, f"https://rebind.invalid:{port}/"))
        queue(database, webhook, 1)
        errors = []
        with dispatching(database, courier=Courier(TIMEOUT_S, private=False, lookup=rebinding)):
            for attempt in (1, 2):
                wait_until(lambda attempt=attempt: rows(database, "attempts") == [(attempt,)])  # type: ignore[misc]
                errors += rows(database, "error")
                hurry(database)
    database.dispose()

    assert errors[0][0] in ("no connection", "no answer in time")
    assert errors[1][0] == "the address is not allowed"
    assert (receiver.got, receiver.forged, asked) == ([], [], ["rebind.invalid"] * len(asked))


def test_what_was_looked_up_is_what_is_connected_to(sqlite_url: str) -> None:
    """The connection goes to the very address that was looked at, under the name; nobody resolves it again."""
    database, asked = Database(sqlite_url), []

    def lookup(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return ["127.0.0.1"]

    with receiving() as receiver:
        port = int(receiver.url.split(":")[2].split("/")[0])
        webhook = receiver.knows(endpoint(database, f"http://hooks.invalid:{port}/a?b=c"))
        queue(database, webhook, 1)
        with dispatching(database, courier=Courier(TIMEOUT_S, private=True, lookup=lookup)):
            wait_until(lambda: ended(database, webhook))
    database.dispose()

    assert asked == [("hooks.invalid", port)]
    assert receiver.headers[0]["host"] == f"hooks.invalid:{port}"


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("https://127.0.0.1:{port}/", "the address is not allowed"),
        ("https://127.1:{port}/", "the address is not allowed"),
        ("https://[::1]:{port}/", "the address is not allowed"),
        ("https://[::ffff:127.0.0.1]:{port}/", "the address is not allowed"),
        ("http://93.184.215.14:{port}/", "the address is not allowed"),
        ("https://nobody.invalid/", "the host's name is not known"),
    ],
)
def test_an_address_inside_is_refused(sqlite_url: str, url: str, error: str) -> None:
    """Where the operator did not allow it nothing is sent inside, or without TLS: the attempt failed."""
    database = Database(sqlite_url)
    with receiving() as receiver:
        port = receiver.url.split(":")[2].split("/")[0]
        queue(database, endpoint(database, url.format(port=port)), 1)
        with dispatching(database, courier=Courier(TIMEOUT_S, private=False)):
            wait_until(lambda: rows(database, "attempts") == [(1,)])
    told = rows(database, "status, answered, error")
    database.dispose()

    assert told == [("waiting", None, error)]
    assert (receiver.got, receiver.forged) == ([], [])


def test_a_receiver_that_does_not_listen_is_no_connection(sqlite_url: str) -> None:
    """A refused connection is a failed attempt."""
    database = Database(sqlite_url)
    queue(database, endpoint(database, f"http://127.0.0.1:{free_port()}/"), 1)
    with dispatching(database):
        wait_until(lambda: rows(database, "attempts") == [(1,)])
    told = rows(database, "error")
    database.dispose()
    assert told == [("the connection was refused",)]


@pytest.mark.parametrize(
    ("named", "trusted", "error"),
    [
        ("hooks.example", True, None),
        ("other.example", True, "the certificate is not valid"),
        ("hooks.example", False, "the certificate is not valid"),
    ],
)
def test_a_certificate_is_checked_against_the_name(
    sqlite_url: str, tmp_path: Path, named: str, trusted: bool, error: str | None
) -> None:
    """TLS is verified for the name, not the address that it is connected to by."""
    database, chain = Database(sqlite_url), certificate(tmp_path, named)
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(chain)
    asked: list[str | None] = []
    theirs.sni_callback = lambda _, name, __: asked.append(name)
    ours = ssl.create_default_context(cafile=str(chain)) if trusted else ssl.create_default_context()
    with receiving(tls=theirs) as receiver:
        url = receiver.url.replace("127.0.0.1", "hooks.example")
        queue(database, receiver.knows(endpoint(database, url)), 1)
        courier = Courier(TIMEOUT_S * 5, private=True, lookup=lambda *_: ["127.0.0.1"], tls=ours)
        with dispatching(database, courier=courier):
            wait_until(lambda: rows(database, "attempts") == [(1,)])
    told = rows(database, "error")
    database.dispose()

    assert told == [(error,)]
    assert asked == ["hooks.example"]
    assert len(receiver.got) == (error is None)


@pytest.mark.parametrize(
    ("header", "pause_s"),
    [
        ("120", 120),
        ("0", 0),
        ("", 0),
        ("-1", 0),
        ("soon", 0),
        ("9" * 30, 0),
        ("\u0663", 0),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 90),
        ("Thu, 01 Jan 1970 00:00:01 GMT", 0),
        ("Thu, 99999999999999999999 Jan 1970 00:00:01 GMT", 0),
    ],
)
def test_a_pause_may_be_asked_for_in_seconds_or_until_a_time(header: str, pause_s: int) -> None:
    """Retry-After is a number of seconds or a date; anything else asks for nothing."""
    assert asked_pause_us(header, 10 * SECOND_US) == pause_s * SECOND_US


def test_a_receiver_that_is_too_busy_is_left_alone(database: Database) -> None:
    """After a 429 with Retry-After nothing more goes to that webhook, while others go on."""
    with receiving(status(429, Retry_After="3600")) as busy, receiving() as other:
        webhook = listener(database, busy)
        queue(database, webhook, 1)
        with dispatching(database):
            wait_until(lambda: busy.got)
            queue(database, webhook, 2, 3)
            second = listener(database, other)
            queue(database, second, 1)
            wait_until(lambda: ended(database, second))
    assert len(busy.got) == 1
    assert rows(database, "attempts", webhook) == [(1,), (0,), (0,)]


# Several dispatchers, and ends of all kinds


def test_of_two_dispatchers_one_sends_each_message(database_url: str) -> None:
    """While leases hold, every message goes once, and each book in its order, whoever sends it."""
    first, second = Database(database_url), Database(database_url)
    with receiving(hang) as one, receiving() as another:
        webhooks_of = [listener(first, one), listener(first, another)]
        for webhook in webhooks_of:
            queue(first, webhook, *[1, 2, 3, 1] * 10)
        bounds: dict[str, Any] = {"courier": Courier(60, private=True), "webhooks": 1, "share_s": 0}
        with dispatching(first, **bounds) as log, dispatching(second, **bounds) as other:
            wait_until(lambda: ended(first, webhooks_of[1]))
            one.over.set()
            wait_until(lambda: ended(first, webhooks_of[0]))
    first.dispose()
    second.dispose()

    assert log.lines
    assert other.lines
    for receiver in (one, another):
        assert sorted(receiver.sequences) == list(range(1, 41))
        for book in (1, 2, 3):
            own = [message["sequence"] for message in receiver.got if message["data"]["book"] == book]
            assert own == sorted(own)


def test_a_dispatcher_that_was_given_up_for_lost_changes_nothing(database: Database) -> None:
    """Where a lease ran out, another dispatcher sends; what the first has to say then is not written."""
    with receiving(hang) as receiver:
        webhook = listener(database, receiver)
        queue(database, webhook, 1)
        slow = Courier(60, private=True)
        with dispatching(database, courier=slow, lease_s=0.1) as late:
            wait_until(lambda: receiver.got)
            with dispatching(database):
                wait_until(lambda: ended(database, webhook))
            receiver.over.set()
    assert receiver.ids == [receiver.ids[0]] * 2
    assert rows(database, "status, attempts") == [("delivered", 1)]
    assert late.lines[-1]["event"] == "webhook taken over by another dispatcher"


def test_webhooks_take_turns_where_there_are_too_many(database: Database) -> None:
    """With one place to send from, a webhook with little to send is not kept until another has sent everything."""
    with receiving() as much_to_get, receiving() as little_to_get:
        many, few = listener(database, much_to_get), listener(database, little_to_get)
        queue(database, many, *[1] * 30)
        queue(database, few, 1)
        with dispatching(database, webhooks=1, share_s=0) as log:
            wait_until(lambda: ended(database, many) and ended(database, few))
    order = [line["webhook"] for line in log.lines]
    assert order.index(few.webhook_id) < 10
    assert len(order) == 31


def test_asked_to_stop_it_finishes_what_is_under_way(database: Database) -> None:
    """What is on its way when the process is to end is waited for and written down; nothing else is begun."""
    with receiving(hang) as receiver:
        webhook = listener(database, receiver)
        queue(database, webhook, 1, 1)
        courier = Courier(60, private=True)
        with dispatching(database, courier=courier):
            wait_until(lambda: receiver.got)
            threading.Timer(0.3, receiver.over.set).start()
    assert receiver.sequences == [1]
    assert rows(database, "attempts") == [(1,), (0,)]
    assert database.read(lambda reader: reader.fetch("SELECT lease FROM webhook", ())) == [("",)]


def test_a_dispatcher_killed_in_the_middle_loses_nothing(database_url: str, tmp_path: Path) -> None:
    """After kill -9 of `python -m jobs` in mid-load another goes on: all arrives, at least once, books in order."""
    database, books, count = Database(database_url), (1, 2, 3, 4, 5), 40
    told = {"role": "operator", "owner": "root", "pepper": PEPPER, "now_us": 1}
    database.write(lambda session: keys.create(session, **told))  # type: ignore[arg-type]
    with receiving() as receiver:
        listener(database, receiver)
        messages = [
            Message(BOOKS[book], METER, "balance.changed", json.dumps({"book": book}), at_us)
            for at_us in range(count)
            for book in books
        ]
        database.write(lambda session: outbox.tell(session, messages=messages))
        for so_far in (20, 60):
            with jobs(database_url, tmp_path) as process:
                wait_until(lambda so_far=so_far: len(receiver.got) >= so_far)  # type: ignore[misc]
                process.kill()
                process.wait()
            assert len(set(receiver.ids)) < count * len(books)
            release(database)
        with jobs(database_url, tmp_path) as process:
            wait_until(lambda: {state for (state,) in rows(database, "status")} == {"delivered"})
            process.terminate()
            assert process.wait(PATIENCE_S) == 0
    relayed = [str(message_id) for (message_id,) in rows(database, "message_id")]
    database.dispose()

    assert len(relayed) == len(messages)
    assert set(receiver.ids) == set(relayed)
    assert receiver.forged == []
    for book in books:
        assert in_order([message["sequence"] for message in receiver.got if message["data"]["book"] == book])


# What the documents promise


def test_the_example_of_a_receiver_verifies_what_is_sent() -> None:
    """The lines of Python in docs/api.md take a message of ours, and refuse one that was changed."""
    (example,) = [
        code for code in re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL) if "Webhook(" in code
    ]
    names: dict[str, Any] = {}
    exec(compile(example, "docs/api.md", "exec"), names)
    secret, body = "whsec_" + base64.b64encode(b"k" * 32).decode(), b'{"type":"webhook.test"}'
    headers = signed("a message", body, secrets=[secret], now_us=Clock()())

    assert names["received"](secret, headers, body) == {"type": "webhook.test"}
    with pytest.raises(WebhookVerificationError):
        names["received"](secret, headers, body.replace(b"test", b"lies"))


def test_the_documents_tell_when_a_message_is_tried_again() -> None:
    """The table of attempts and the bounds in docs/api.md are those of the code."""
    text = DOCS.read_text()
    table = re.findall(r"^  \| (\d+) \| (\d+) (seconds|minutes|hours) \|$", text, re.MULTILINE)
    told = [int(count) * {"seconds": 1, "minutes": 60, "hours": 3_600}[unit] for _, count, unit in table]
    bounds = Bounds(lease_s=LEASE_S)

    assert (tuple(told), [int(number) for number, *_ in table]) == (RETRIES_S, list(range(2, MOST_ATTEMPTS + 1)))
    assert f"within {Settings().webhook_timeout_seconds} seconds\n  (`webhook_timeout_seconds`)" in text
    assert (
        f"up to {['no', *['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight']][bounds.books]} books" in text
    )
    assert f"at most {MOST_BODY_BYTES // 1_024} KiB" in text
    assert f"to be seen for {KEPT_US // DAY_US} days" in text


# Helpers


def hurry(database: Database) -> None:
    """Let the time of every retry have come."""
    database.write(lambda session: db.execute(session, "UPDATE delivery SET next_at_us = 0"))


def release(database: Database) -> None:
    """Let the time of every lease be over."""
    database.write(lambda session: db.execute(session, "UPDATE webhook SET leased_until_us = 0"))


def certificate(folder: Path, name: str) -> Path:
    """A certificate for a name, signed by itself, with its key."""
    path = folder / "chain.pem"
    told = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    told += ["-keyout", str(folder / "key.pem"), "-out", str(path), "-days", "2", "-subj", f"/CN={name}"]
    subprocess.run([*told, "-addext", f"subjectAltName=DNS:{name}"], check=True, capture_output=True)
    path.write_text(path.read_text() + (folder / "key.pem").read_text())
    return path


@contextmanager
def jobs(url: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m jobs` as it is; it is not left behind."""
    environment = {
        **os.environ,
        "TRUST_LEDGER_CONFIG": os.devnull,
        "TRUST_LEDGER_DATABASE_URL": url,
        "TRUST_LEDGER_SIGNING_KEY": "a key",
        "TRUST_LEDGER_PEPPER": PEPPER.decode(),
        "TRUST_LEDGER_CHECKPOINT_DIR": str(folder),
        "TRUST_LEDGER_WEBHOOK_PRIVATE_NETWORKS": "true",
    }
    told = [sys.executable, "-m", "jobs"]
    with (folder / "jobs.log").open("ab") as log:
        process = subprocess.Popen(told, cwd=ROOT, env=environment, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
