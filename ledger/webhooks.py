"""Webhooks: the addresses that an owner of keys wants told, what of, and the secrets that what is sent is signed with.

A secret is never kept: it is worked out from the pepper, the webhook's id and its generation. Rotation raises the
generation; the secret before it stays good for a while, so that a receiver may change over without losing a message.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from urllib.parse import SplitResult, urlsplit

import orjson

from ledger import claims, db, events, messages
from ledger.db import Reading, Row, Session
from ledger.economy import HOUR_US
from ledger.errors import Conflict, LedgerError, NotFound, Stale
from ledger.events import METER
from ledger.hosts import is_public, is_web_port

PREFIX = "whsec_"
STATUSES = ("enabled", "paused")
NO_WEBHOOK = "there is no such webhook, or none that this key reaches"
MOST, MOST_FILTERS, LONGEST_URL = 20, 100, 2_000
OVERLAP_US, MOST_OVERLAP_US = 24 * HOUR_US, 7 * 24 * HOUR_US
_DUE_SQL = "UPDATE delivery SET next_at_us = ? WHERE webhook_id = ? AND status = 'waiting' AND next_at_us > ?"
_INSERT_SQL = (
    "INSERT INTO webhook (webhook_id, role, owner, networks, url, types, meters, note, created_at_us, status, version,"
    " secret_generation, secret_overlap_until_us, sequence, failing_since_us, quiet_until_us, lease, leased_until_us)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'enabled', 1, 1, 0, 0, NULL, 0, '', 0)"
)


class InvalidWebhook(LedgerError):
    """An address or a filter of a webhook that cannot be."""

    code = "invalid_webhook"


class TooManyWebhooks(Conflict):
    """The owner has as many webhooks as one may have."""

    code = "too_many_webhooks"


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address that is told of what happens. Without `types` of all the owner may know, without `meters` in any.

    `networks` are those of the key that made it. Times in microseconds since 1970.
    """

    webhook_id: str
    role: str
    owner: str
    networks: frozenset[str]
    url: str
    types: tuple[str, ...]
    meters: tuple[str, ...]
    note: str
    status: str
    version: int
    secret_generation: int
    secret_overlap_until_us: int
    sequence: int
    failing_since_us: int | None
    created_at_us: int


COLUMNS = ", ".join(f"w.{field.name}" for field in fields(Webhook))


def of_row(row: Row) -> Webhook:
    """A webhook from its row, as COLUMNS reads it."""
    lists = tuple(orjson.loads(row[5])), tuple(orjson.loads(row[6]))
    return Webhook(str(row[0]), row[1], row[2], frozenset(row[3].split()), row[4], *lists, *row[7:])


# Secrets


def secrets(webhook: Webhook, *, pepper: bytes, now_us: int) -> list[str]:
    """The secrets that are good now, newest first: the former one too, until its time is over."""
    generations = [webhook.secret_generation]
    if webhook.secret_generation > 1 and now_us < webhook.secret_overlap_until_us:
        generations.append(webhook.secret_generation - 1)
    return [_secret(webhook.webhook_id, generation, pepper) for generation in generations]


def _secret(webhook_id: str, generation: int, pepper: bytes) -> str:
    key = hmac.digest(pepper, f"webhook:{webhook_id}:{generation}".encode(), "sha256")
    return PREFIX + base64.b64encode(key).decode()


def rotate(session: Session, *, webhook: Webhook, now_us: int, overlap_us: int = OVERLAP_US) -> Webhook:
    """Give a webhook a new secret; the present one stays good for `overlap_us`, any before it is not from here on.

    Raises Stale where it was changed since it was read, so that two at once do not rotate twice.
    """
    if not 0 <= overlap_us <= MOST_OVERLAP_US:
        raise InvalidWebhook("a former secret stays good for at most seven days", pointer="/overlap_hours")
    sets = "secret_generation = secret_generation + 1, secret_overlap_until_us = ?"
    _change(session, webhook, sets, (now_us + overlap_us,))
    return find(session, webhook_id=webhook.webhook_id, role=webhook.role, owner=webhook.owner)


# Keeping them


def create(
    session: Session,
    *,
    role: str,
    owner: str,
    networks: Collection[str],
    url: str,
    private: bool,
    now_us: int,
    types: Sequence[str] = (),
    meters: Sequence[str] = (),
    note: str = "",
) -> Webhook:
    """Make a webhook of whoever holds a key. Raises InvalidWebhook, TooManyWebhooks.

    `private` is whether the operator lets webhooks go to private networks, and there without TLS.
    """
    _check(url, types, private=private, role=role)
    _check_meters(meters, role=role, owner=owner, networks=networks)
    claims.alone(session, job="webhooks", now_us=now_us)  # of two at once, one sees the other
    if len(listed(session, role=role, owner=owner)) >= MOST:
        raise TooManyWebhooks(f"there are {MOST} webhooks already: delete one that is not needed")
    webhook_id = events.new_id()
    told = (webhook_id, role, owner, " ".join(sorted(networks)), url, _stored(types), _stored(meters), note, now_us)
    db.execute(session, _INSERT_SQL, told)
    return find(session, webhook_id=webhook_id, role=role, owner=owner)


def find(session: Reading, *, webhook_id: str, role: str, owner: str) -> Webhook:
    """An owner's webhook. Raises NotFound, also for one of somebody else's."""
    sql = f"SELECT {COLUMNS} FROM webhook w WHERE w.webhook_id = ? AND w.role = ? AND w.owner = ?"
    rows = db.fetch(session, sql, (webhook_id, role, owner)) if events.UUID.fullmatch(webhook_id) else []
    if not rows:
        raise NotFound(NO_WEBHOOK)
    return of_row(rows[0])


def listed(session: Reading, *, role: str, owner: str) -> list[Webhook]:
    """The webhooks of an owner, oldest first."""
    sql = f"SELECT {COLUMNS} FROM webhook w WHERE w.role = ? AND w.owner = ? ORDER BY w.webhook_id"
    return [of_row(row) for row in db.fetch(session, sql, (role, owner))]


def amend(
    session: Session,
    *,
    webhook: Webhook,
    private: bool,
    now_us: int,
    url: str | None = None,
    types: Sequence[str] | None = None,
    meters: Sequence[str] | None = None,
    note: str | None = None,
    status: str | None = None,
) -> Webhook:
    """Change what is given; what waits for one that is enabled again goes at once, retries too.

    Raises InvalidWebhook, or Stale where it was changed since it was read.
    """
    chosen = webhook.types if types is None else types, webhook.meters if meters is None else meters
    _check(url or webhook.url, chosen[0], private=private or url is None, role=webhook.role)
    _check_meters(meters or (), role=webhook.role, owner=webhook.owner, networks=webhook.networks)
    values = (url or webhook.url, _stored(chosen[0]), _stored(chosen[1]))
    rest = (webhook.note if note is None else note, status or webhook.status)
    sets = "url = ?, types = ?, meters = ?, note = ?, status = ?, quiet_until_us = 0"
    _change(session, webhook, sets, (*values, *rest))
    if (webhook.status, status) == ("paused", "enabled"):
        db.execute(session, _DUE_SQL, (now_us, webhook.webhook_id, now_us))
    return find(session, webhook_id=webhook.webhook_id, role=webhook.role, owner=webhook.owner)


def _change(session: Session, webhook: Webhook, sets: str, values: Sequence[object]) -> None:
    sql = f"UPDATE webhook SET version = version + 1, {sets} WHERE webhook_id = ? AND version = ?"
    if not db.execute(session, sql, (*values, webhook.webhook_id, webhook.version)):
        raise Stale("the webhook was changed since you read it: read it again")


def delete(session: Session, *, webhook_id: str) -> None:
    """Delete a webhook with all that was on its way to it."""
    db.execute(session, "DELETE FROM webhook WHERE webhook_id = ?", (webhook_id,))
    db.execute(session, "DELETE FROM delivery WHERE webhook_id = ?", (webhook_id,))


def _stored(chosen: Sequence[str]) -> str:
    return orjson.dumps(sorted(set(chosen))).decode()


# What is taken


def _check(url: str, types: Sequence[str], *, private: bool, role: str) -> None:
    _check_url(url, private=private)
    if len(types) > MOST_FILTERS:
        raise InvalidWebhook(f"at most {MOST_FILTERS} types", pointer="/types")
    known = messages.for_role(role)
    choices = {*known, *(f"{name.partition('.')[0]}.*" for name in known)}
    for place, name in enumerate(types):
        if name not in choices:
            told = f"{name!r} is no type that a {role} is told of: there are {', '.join(sorted(choices))}"
            raise InvalidWebhook(told, pointer=f"/types/{place}")


def _check_meters(meters: Sequence[str], *, role: str, owner: str, networks: Collection[str]) -> None:
    if len(meters) > MOST_FILTERS:
        raise InvalidWebhook(f"at most {MOST_FILTERS} meters", pointer="/meters")
    told = {("partner", "network"): networks, ("brand", "brand"): (owner,)}
    for place, meter in enumerate(meters):
        if not METER.fullmatch(meter):
            raise InvalidWebhook("must be network:<slug> or brand:<slug>", pointer=f"/meters/{place}")
        kind, _, slug = meter.partition(":")
        if slug not in told.get((role, kind), (slug,)):
            reached = ", ".join(f"{kind}:{each}" for each in sorted(told[role, kind]))
            raise InvalidWebhook(f"{meter} is none that is told of here: {reached}", pointer=f"/meters/{place}")


def _check_url(url: str, *, private: bool) -> None:
    try:
        parts = urlsplit(url)
        wrong = _wrong(url, parts, private=private)
    except ValueError as reason:
        wrong = f"cannot be read: {reason}"
    if wrong:
        raise InvalidWebhook(f"the address {wrong}", pointer="/url")


def _wrong(url: str, parts: SplitResult, *, private: bool) -> str | None:
    """What is wrong with an address, None for nothing. Raises ValueError for one that cannot be read."""
    schemes = ("https", "http") if private else ("https",)
    if len(url) > LONGEST_URL or not url.isascii() or any(sign <= " " or sign in '\x7f"<>\\^`{|}' for sign in url):
        return f"must be at most {LONGEST_URL} plain characters, without spaces"
    if parts.scheme not in schemes or not parts.hostname or parts.port == 0:
        return f"must be {' or '.join(schemes)}://host/…"
    if parts.username is not None or parts.password is not None:
        return "must not hold a name or a password: check the signature instead"
    if "#" in url:
        return "must not have a fragment"
    if not private and not is_web_port(parts.port or 443):
        return "leads to a port where no web server is expected: 80, 443 or one above 1023"
    if not private and not _may_be_public(parts.hostname):
        return "leads into a private network, which the operator has not allowed"
    return None


def _may_be_public(host: str) -> bool:
    """False for what is plainly private; what a name resolves to is looked at whenever something is sent."""
    try:
        return is_public(host)
    except ValueError:
        return host.rstrip(".") != "localhost" and not host.rstrip(".").endswith(".localhost")
