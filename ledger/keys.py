"""API keys: whose they are and what they may do. A secret is shown once; only a keyed hash of it is kept."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from sqlmodel import Session

from ledger import db, events, tables
from ledger.db import Reading, Row
from ledger.errors import InvalidKey
from ledger.events import METER
from ledger.kinds.facts import SLUG, Name

API_KEY = tables.ApiKey.__table__  # type: ignore[attr-defined]
ROLES = ("partner", "brand", "creator", "operator")
SCOPES = (
    "events:write",
    "events:backfill",
    "creators:write",
    "attestations:write",
    "balances:read",
    "statements:read",
    "estimates:write",
    "relationships:write",
    "pitches:write",
    "policy:read",
    "operate",
)
DEALING = ("balances:read", "estimates:write", "relationships:write", "pitches:write", "policy:read")
MAY_HOLD: dict[str, tuple[str, ...]] = {
    "partner": tuple(scope for scope in SCOPES if scope != "operate"),
    "brand": DEALING,
    "creator": (*DEALING, "statements:read", "creators:write"),
    "operator": SCOPES,
}
PREFIX = "tl_"
OWNER = Name("a slug, or a creator's id", 64, SLUG)
NOTE = Name("what the key is for", 200)
_COLUMNS = "key_id, role, owner, networks, scopes, note, created_at_us, revoked_at_us"
_BY_HASH = f"SELECT {_COLUMNS} FROM api_key WHERE key_hash = ? AND revoked_at_us IS NULL"


@dataclass(frozen=True, slots=True)
class Key:
    """Who is asking. `owner` is the partner's or brand's slug or the creator's id; times in microseconds.

    An operator without networks may act for all of them; a partner without any, for none.
    """

    key_id: str
    role: str
    owner: str
    networks: frozenset[str]
    scopes: frozenset[str]
    note: str
    created_at_us: int
    revoked_at_us: int | None

    def may_act_for(self, network: str) -> bool:
        """True where the key may write and read what a network's partner may."""
        return network in self.networks or (self.role == "operator" and not self.networks)


def create(
    session: Session,
    *,
    role: str,
    owner: str,
    pepper: bytes,
    now_us: int,
    networks: Sequence[str] = (),
    scopes: Sequence[str] = (),
    note: str = "",
) -> tuple[str, str]:
    """Make a key; returns (secret, key id). Without scopes it gets all of its role's, backfill apart.

    Raises InvalidKey naming what is wrong.
    """
    _check(role, owner, networks, scopes, note)
    held = scopes or [scope for scope in MAY_HOLD[role] if scope != "events:backfill"]
    secret, key_id = PREFIX + secrets.token_urlsafe(32), events.new_id()
    told = (" ".join(sorted(set(networks))), " ".join(sorted(set(held))), note, now_us, None, None, None, None)
    db.insert(session, API_KEY, [(_hashed(secret, pepper), key_id, role, owner, *told)])
    return secret, key_id


def _check(role: str, owner: str, networks: Sequence[str], scopes: Sequence[str], note: str) -> None:
    if role not in ROLES:
        raise InvalidKey(f"the role must be one of {', '.join(ROLES)}, not {role!r}")
    _check_names(owner, note)
    if role == "creator" and not events.UUID.fullmatch(owner):
        raise InvalidKey("the owner of a creator's key is the creator's id")
    for network in networks:
        if not METER.fullmatch(f"network:{network}"):
            raise InvalidKey(f"{network!r} is not the slug of a network")
    if role == "partner" and not networks:
        raise InvalidKey("a partner's key needs at least one network")
    for scope in scopes:
        if scope not in MAY_HOLD[role]:
            raise InvalidKey(f"a {role}'s key may hold {', '.join(MAY_HOLD[role])}, not {scope!r}")


def _check_names(owner: str, note: str) -> None:
    try:
        OWNER.read(owner)
        if note:
            NOTE.read(note)
    except ValueError as reason:
        raise InvalidKey(f"the owner or note {reason}") from reason
    if owner == events.OWN:  # whoever tells of something in that name tells it as the ledger itself
        raise InvalidKey(f"{owner!r} is the ledger's own name")


def find(session: Reading, *, secret: str, pepper: bytes) -> Key | None:
    """The live key that a secret belongs to: one indexed read, so that a revoked key is refused at once."""
    rows = db.fetch(session, _BY_HASH, (_hashed(secret, pepper),))
    return _key(rows[0]) if rows else None


def list_all(session: Reading) -> list[Key]:
    """Every key there is or was, oldest first."""
    return _keys(db.fetch(session, f"SELECT {_COLUMNS} FROM api_key ORDER BY created_at_us, key_id"))


def revoke(session: Session, *, key_id: str, now_us: int) -> bool:
    """End a key. False where no live key has that id."""
    sql = "UPDATE api_key SET revoked_at_us = ? WHERE key_id = ? AND revoked_at_us IS NULL"
    return db.execute(session, sql, (now_us, key_id)) > 0


def _hashed(secret: str, pepper: bytes) -> str:
    return hmac.digest(pepper, secret.encode(), "sha256").hex()


def _keys(rows: Iterable[Row]) -> list[Key]:
    return [_key(row) for row in rows]


@lru_cache(maxsize=1024)
def _key(row: Row) -> Key:
    """A key from what is stored; the same row is the same key, so it need not be taken apart at every request."""
    key_id, role, owner, networks, scopes, note, created_at_us, revoked_at_us = row
    return Key(
        key_id,
        role,
        owner,
        frozenset(networks.split()),
        frozenset(scopes.split()),
        note,
        created_at_us,
        revoked_at_us,
    )
