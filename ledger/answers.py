"""Answers kept for retries: what a call under an Idempotency-Key was answered, in the transaction of its effect.

Of a request only keyed digests are kept: enough to tell whether the same comes again, and to name what differs.
"""

from __future__ import annotations

import hmac
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import orjson
import psycopg

from ledger import db, ids
from ledger.db import Session
from ledger.errors import Conflict, NotFound
from ledger.keys import Key

KEPT_US = 24 * 3_600 * 1_000_000
CHUNK = 1_000
WAIT_MS = 10_000
SHORT, WHOLE = 4, 16  # bytes of a part's digest, and of the one that decides
MOST_PARTS = 200
MOST_ITEMS = 10_000  # of an array of more, as of an object of more members than MOST_PARTS, only the whole is told
NAMES = (("method", "method"), ("path", "path"), ("media", "Content-Type"), ("if_match", "If-Match"))

_CLAIM = (
    "INSERT INTO answer (holder, key, request, status, headers, body, answered_at_us) VALUES (?, ?, ?, 0, '', ?, ?)"
    " ON CONFLICT (holder, key) DO UPDATE SET request = excluded.request, answered_at_us = excluded.answered_at_us"
    " WHERE answer.answered_at_us <= ?"
)
_FIND = "SELECT request, status, headers, body FROM answer WHERE holder = ? AND key = ?"
_KEEP = "UPDATE answer SET status = ?, headers = ?, body = ?, creator_id = ? WHERE holder = ? AND key = ?"
_FORGET = (
    "DELETE FROM answer WHERE (holder, key) IN"
    " (SELECT holder, key FROM answer WHERE answered_at_us <= ? ORDER BY answered_at_us LIMIT ?)"
)


class KeyReused(Conflict):
    """The Idempotency-Key was used for another request; `errors` name what differs."""

    code = "idempotency_key_reused"

    def __init__(self, where: str, what: str) -> None:
        super().__init__(f"this Idempotency-Key was used for another request: {where or 'the body'} {what}")
        self.errors = [(where, what)]


class KeyInUse(Conflict):
    """The first request under this Idempotency-Key is still being worked on."""

    code = "idempotency_key_in_use"


@dataclass(frozen=True, slots=True)
class Claim:
    """A key as its holder uses it, for one request. `request` is what `describe` made of it."""

    holder: str
    key: str
    request: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request was answered; `headers` are those that its own code set."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


# Whose key it is, and for what


def holder_of(key: Key, *, pepper: bytes) -> str:
    """Who may use an answer again: whoever holds a key of the same rights, so that a rotated key does."""
    rights = (key.role, key.owner, *sorted(key.networks), "", *sorted(key.scopes))
    return hmac.digest(pepper, "\x1f".join(("answers", *rights)).encode(), "sha256").hex()


def describe(
    value: object,
    *,
    body: bytes | None,
    method: str,
    path: str,
    query: Mapping[str, str],
    media: str,
    if_match: str,
    pepper: bytes,
) -> str:
    """A request as JSON that tells it from others. `value` is what the body says: JSON, or a list of its lines.

    Each byte of a `body` counts; without one it is the value that does, whatever the order of its members.
    """
    secret = hmac.digest(pepper, b"requests", "sha256")
    told = {
        "method": method,
        "path": _digest(path.encode(), secret, WHOLE),
        "query": {name: _digest(text.encode(), secret, SHORT) for name, text in sorted(query.items())},
        "media": media,
        "if_match": _digest(if_match.encode(), secret, WHOLE),
        "body": _digest(_canonical(value) if body is None else body, secret, WHOLE),
        "parts": dict(_parts(value, secret)),
        "items": _items(value, secret),
    }
    return orjson.dumps(told).decode()


def _items(value: object, secret: bytes) -> str:
    """The digests of the elements of an array that a request may have."""
    told = value if isinstance(value, list) and len(value) <= MOST_ITEMS else ()
    return "".join(_digest(_canonical(one), secret, SHORT) for one in told)


def _parts(value: object, secret: bytes) -> Iterator[tuple[str, str]]:
    """The digest of each member of an object that has few, and of each part of a member that has few."""
    for name, inner in value.items() if isinstance(value, dict) and len(value) <= MOST_PARTS else ():
        within: Any = ()
        if isinstance(inner, dict):
            within = inner.items()
        elif isinstance(inner, list):
            within = enumerate(inner)
        if not 0 < len(inner if within else ()) <= MOST_PARTS:
            yield f"/{_escaped(name)}", _digest(_canonical(inner), secret, SHORT)
            continue
        for part, one in within:
            yield f"/{_escaped(name)}/{_escaped(str(part))}", _digest(_canonical(one), secret, SHORT)


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _canonical(value: object) -> bytes:
    return value if isinstance(value, bytes) else orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _digest(text: bytes, secret: bytes, size: int) -> str:
    return blake2b(text, key=secret, digest_size=size).hexdigest()


def refuse_other(kept: str, asked: str) -> None:
    """Raise KeyReused, naming what differs, unless both descriptions are of the same request."""
    if kept == asked:
        return
    first, now = orjson.loads(kept), orjson.loads(asked)
    for part, where in NAMES:
        if first[part] != now[part]:
            raise KeyReused(where, "differs")
    if name := _first_difference(first["query"], now["query"]):
        raise KeyReused(name, "differs")
    if first["body"] != now["body"]:
        raise KeyReused(_first_difference(first["parts"], now["parts"]) or _first_item(first, now), "differs")


def _first_difference(first: Mapping[str, str], now: Mapping[str, str]) -> str:
    return next((name for name in sorted({*first, *now}) if first.get(name) != now.get(name)), "")


def _first_item(first: Mapping[str, str], now: Mapping[str, str]) -> str:
    """The pointer of the first element that differs, of two arrays; empty where one is none."""
    size = 2 * SHORT
    if not first["items"] or not now["items"]:
        return ""
    ends = range(0, max(len(first["items"]), len(now["items"])), size)
    return next((f"/{at // size}" for at in ends if first["items"][at : at + size] != now["items"][at : at + size]), "")


# The table


def claim(session: Session, asked: Claim, *, now_us: int) -> Answer | None:
    """Take the key for this transaction; None where it is taken, else what the same request was answered before.

    Waits for whoever has it. Raises KeyReused for another request, KeyInUse where waiting took too long.
    """
    bounded = not db.is_sqlite(session)  # SQLite's writers wait for each other, and its busy timeout bounds that
    if bounded:
        db.execute(session, f"SET LOCAL lock_timeout = '{WAIT_MS}ms'")
    try:
        row = (asked.holder, asked.key, asked.request, b"", now_us, now_us - KEPT_US)
        is_taken = bool(db.execute(session, _CLAIM, row))
    except psycopg.errors.LockNotAvailable as busy:
        raise KeyInUse("the first request under this Idempotency-Key is still being worked on") from busy
    if bounded:
        db.execute(session, "SET LOCAL lock_timeout TO DEFAULT")
    return None if is_taken else _find(session, asked)


def _find(session: Session, asked: Claim) -> Answer:
    request, status, headers, body = db.fetch(session, _FIND, (asked.holder, asked.key))[0]
    refuse_other(request, asked.request)
    return Answer(status, tuple((name, text) for name, text in orjson.loads(headers)), zlib.decompress(body))


def keep(session: Session, asked: Claim, *, answer: Answer, creator_id: str | None) -> None:
    """Keep the answer to a request whose key was claimed. `creator_id` is whom it is about: erasure takes it along."""
    headers = orjson.dumps(answer.headers).decode()
    kept = (answer.status, headers, zlib.compress(answer.body, 1), creator_id)
    db.execute(session, _KEEP, (*kept, asked.holder, asked.key))


def forget(session: Session, *, now_us: int, limit: int = CHUNK) -> int:
    """Delete the oldest answers that are a day old; returns how many."""
    return db.execute(session, _FORGET, (now_us - KEPT_US, limit))


def creator_in(text: str) -> str | None:
    """The creator that an id of a creator's thing leads to, None where it is no such id."""
    try:
        return ids.split(text.partition("_")[0], text)[0]
    except NotFound:
        return None
