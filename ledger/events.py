"""Events as partners tell them: checked, sealed, and told apart from one another."""

from __future__ import annotations

import hmac
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import Any, NamedTuple

import orjson
import uuid_utils

from ledger import kinds
from ledger.errors import InvalidEvent
from ledger.kinds import facts as facts_of
from ledger.kinds.base import Kind

EARLIEST_US = 946_684_800_000_000  # 2000-01-01: nothing this ledger speaks of is older
SKEW_US = 5 * 60 * 1_000_000
METER = re.compile(r"(network|brand):[a-z0-9][a-z0-9_-]{0,63}")
OWN = "trust-ledger"  # the source of what the ledger does by itself, or was asked to do through its own endpoints
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
METER_FORM = "must be network:<slug> or brand:<slug>; it may be left out where the creator is named by network"
CREATOR_FORM = "must be a UUID or network:external_id"
REFERENCE = facts_of.Name("the partner's own reference, unique for life per creator and partner", 200)


@dataclass(frozen=True, slots=True)
class CreatorRef:
    """How a caller names a creator: by our id, or by a network's own id."""

    creator_id: str | None = None
    network: str | None = None
    external_id: str | None = None


@dataclass(frozen=True, slots=True)
class NewEvent:
    """A well-formed event, ready to be posted. `facts_json` is canonical and holds no names."""

    creator: CreatorRef
    meter: str
    source: str
    external_ref: str
    kind: Kind
    facts: Any
    facts_json: str
    occurred_at_us: int
    digest: bytes


class Posted(NamedTuple):
    """One entry as a receipt names it, in micro-trust; `amount` is `change` of standing and what mends together."""

    meter: str
    seq: int
    kind: str
    amount: int
    standing: int
    change: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of an event: posted, replayed (posted before), or refused and why.

    `remembered` is true where sending the same again gives the same answer for life.
    """

    external_ref: str
    status: str
    event_id: str | None = None
    entries: tuple[Posted, ...] = ()
    code: str | None = None
    detail: str | None = None
    errors: tuple[tuple[str, str], ...] = ()
    replayed: bool = False
    remembered: bool = field(default=True)


def parse_ref(text: object) -> CreatorRef:
    """A creator by UUID or by `network:external_id`. Raises InvalidEvent."""
    if not isinstance(text, str):
        raise InvalidEvent([("/creator", CREATOR_FORM)])
    return _parse_ref(text)


@lru_cache(maxsize=10_000)
def _parse_ref(text: str) -> CreatorRef:
    if UUID.fullmatch(text):
        return CreatorRef(creator_id=text)
    network, colon, external_id = text.partition(":")
    if not colon or not METER.fullmatch(f"network:{network}"):
        raise InvalidEvent([("/creator", CREATOR_FORM)])
    try:
        return CreatorRef(network=network, external_id=REFERENCE.read(external_id))
    except ValueError as reason:
        raise InvalidEvent([("/creator", f"the part after the colon {reason}")]) from reason


def seal(pepper: bytes, name: str) -> str:
    """A person's name as a keyed hash, 32 hex digits."""
    return hmac.digest(pepper, name.encode(), "sha256")[:16].hex()


def new_event(
    *,
    creator: object,
    meter: object,
    source: str,
    external_ref: object,
    kind: object,
    facts: object,
    occurred_at_us: int,
    pepper: bytes,
) -> NewEvent:
    """Check an event and seal the names in it. Raises InvalidEvent naming every field that is wrong.

    Kinds that the ledger posts by itself are taken from no other source than OWN.
    """
    errors: list[tuple[str, str]] = []
    try:
        ref = parse_ref(creator)
    except InvalidEvent as wrong:
        ref, errors = CreatorRef(), [*errors, *wrong.errors]
    if meter is None and ref.network is not None:
        meter = f"network:{ref.network}"
    if not isinstance(meter, str) or not METER.fullmatch(meter):
        errors.append(("/meter", METER_FORM))
    external_ref = _read_reference(external_ref, errors)
    if occurred_at_us < EARLIEST_US:
        errors.append(("/occurred_at", "must not be before the year 2000"))
    told: Any = None
    known_kind: Kind | None = None
    try:
        known_kind = kinds.named(kind, internal=source == OWN)
        if isinstance(meter, str) and meter.partition(":")[0] not in known_kind.meters:
            errors.append(("/meter", f"must be {' or '.join(f'{one}:<slug>' for one in known_kind.meters)} for {kind}"))
        told = facts_of.read(known_kind.facts, facts, seal=lambda name: seal(pepper, name))
    except InvalidEvent as wrong:
        errors += wrong.errors
    if errors or known_kind is None:
        raise InvalidEvent(errors)
    return _checked(ref, str(meter), source, str(external_ref), known_kind, told, occurred_at_us)


def _read_reference(value: object, errors: list[tuple[str, str]]) -> object:
    try:
        return REFERENCE.read(value)
    except ValueError as reason:
        errors.append(("/external_ref", str(reason)))
        return value


def _checked(
    creator: CreatorRef,
    meter: str,
    source: str,
    external_ref: str,
    kind: Kind,
    facts: Any,
    occurred_at_us: int,
) -> NewEvent:
    shown = orjson.dumps(facts_of.show(facts), option=orjson.OPT_SORT_KEYS)
    body = b"\x1f".join((meter.encode(), kind.name.encode(), str(occurred_at_us).encode(), shown))
    return NewEvent(
        creator,
        meter,
        source,
        external_ref,
        kind,
        facts,
        shown.decode(),
        occurred_at_us,
        sha256(body).digest(),
    )


def differing_field(event: NewEvent, *, meter: str, kind: str, facts_json: str, occurred_at_us: int) -> str:
    """The JSON pointer of the first field in which an event differs from one stored under the same reference."""
    if event.kind.name != kind:
        return "/kind"
    if event.meter != meter:
        return "/meter"
    stored: Mapping[str, object] = orjson.loads(facts_json)
    told: Mapping[str, object] = orjson.loads(event.facts_json)
    for name in sorted({*stored, *told}):
        if stored.get(name) != told.get(name):
            return f"/facts/{name}"
    return "/occurred_at" if event.occurred_at_us != occurred_at_us else ""


def new_id() -> str:
    """A UUIDv7."""
    return str(uuid_utils.uuid7())


def new_salt() -> bytes:
    """16 random bytes that keep an event's hash from being guessed after erasure."""
    return os.urandom(16)
