"""API keys: whose they are and what they may do. A secret is shown once; only a keyed hash of it is kept."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache

from sqlmodel import Session

from ledger import db, events, tables
from ledger.db import Reading, Row
from ledger.errors import Conflict, InvalidKey, NotFound
from ledger.events import METER
from ledger.kinds.facts import SLUG, Name

API_KEY = tables.ApiKey.__table__  # type: ignore[attr-defined]
ROLES = ("partner", "brand", "creator", "operator")
SCOPES = (
    "events:write",
    "events:backfill",
    "creators:write",
    "creators:erase",
    "attestations:write",
    "balances:read",
    "statements:read",
    "estimates:write",
    "relationships:write",
    "pitches:write",
    "webhooks:write",
    "policy:read",
    "operate",
)
DEALING = ("balances:read", "estimates:write", "relationships:write", "pitches:write", "webhooks:write", "policy:read")
MAY_HOLD: dict[str, tuple[str, ...]] = {
    "partner": tuple(scope for scope in SCOPES if scope != "operate"),
    "brand": DEALING,
    "creator": (*DEALING, "statements:read", "creators:write", "creators:erase"),
    "operator": SCOPES,
}
LEAST = ("balances:read", "policy:read")
BY_NAME = ("events:backfill", "creators:erase", "operate")  # what cannot be undone, or is not everyday work
STATUSES = ("live", "expired", "revoked")
PREFIX = "tl_"
OWNER = Name("a slug, or a creator's id", 64, SLUG)
NOTE = Name("what the key is for", 200)
OVERLAP_HOURS, LONGEST_OVERLAP_HOURS = 24, 720
NO_KEY = "there is no such key, or none that this key may know of"
_RIGHTS = "key_id, role, owner, networks, scopes, note"
_COLUMNS = f"{_RIGHTS}, created_at_us, revoked_at_us, expires_at_us, last_used_at_us, replaces"
_BY_HASH = f"SELECT {_COLUMNS} FROM api_key WHERE key_hash = ? AND revoked_at_us IS NULL"
_REVOKE = "UPDATE api_key SET revoked_at_us = ? WHERE key_id = ? AND revoked_at_us IS NULL"
_EXPIRE = "UPDATE api_key SET expires_at_us = ? WHERE key_id = ? AND revoked_at_us IS NULL AND expires_at_us IS NULL"
_USED = "UPDATE api_key SET last_used_at_us = ? WHERE key_id = ? AND (last_used_at_us IS NULL OR last_used_at_us < ?)"


class KeyOverlaps(Conflict):
    """The key before this one has not ended yet."""

    code = "key_overlaps"


class KeyEnded(Conflict):
    """A key that was replaced, was revoked or has expired is not replaced again."""

    code = "key_ended"


@dataclass(frozen=True, slots=True)
class Key:
    """Who is asking. `owner` is the partner's or brand's slug or the creator's id; times in microseconds.

    An operator without networks may act for all of them; a partner without any, for none. `expires_at_us` is set
    once it was replaced; `last_used_at_us` is kept to the minute.
    """

    key_id: str
    role: str
    owner: str
    networks: frozenset[str]
    scopes: frozenset[str]
    note: str
    created_at_us: int
    revoked_at_us: int | None
    expires_at_us: int | None = None
    last_used_at_us: int | None = None
    replaces: str | None = None

    @property
    def is_everywhere(self) -> bool:
        """True for an operator of every network."""
        return self.role == "operator" and not self.networks

    def may_act_for(self, network: str) -> bool:
        """True where the key may write and read what a network's partner may."""
        return network in self.networks or self.is_everywhere

    def status(self, now_us: int) -> str:
        """One of STATUSES, as it is at a moment."""
        if self.revoked_at_us is not None:
            return "revoked"
        return "live" if self.expires_at_us is None or now_us < self.expires_at_us else "expired"

    def lacks(self, *, role: str, networks: Collection[str], scopes: Collection[str]) -> list[str]:
        """The scopes and networks of another key that this one does not hold: what it could not hand on."""
        lacking = sorted(set(scopes) - self.scopes)
        if self.is_everywhere:
            return lacking
        everything = ["every network"] if role == "operator" and not networks else []
        return [*lacking, *sorted(set(networks) - self.networks), *everything]


def may_hold(role: str) -> list[str]:
    """All scopes of a role but those that are given by name alone."""
    return [scope for scope in MAY_HOLD[role] if scope not in BY_NAME]


def least(role: str) -> list[str]:
    """The scopes of a key for which none was named: reading, and of its own books alone for all but creators."""
    return [*LEAST, "statements:read"] if role == "creator" else list(LEAST)


def create(
    session: Session,
    *,
    role: str,
    owner: str,
    pepper: bytes,
    now_us: int,
    networks: Collection[str] = (),
    scopes: Collection[str] = (),
    note: str = "",
) -> tuple[str, str]:
    """Make a key; returns (secret, key id). Without scopes it may read, as `least` says, and nothing else.

    Raises InvalidKey naming what is wrong.
    """
    _check(role=role, owner=owner, networks=networks, scopes=scopes, note=note)
    return _made(session, (role, owner, _told(networks), _told(scopes or least(role)), note, now_us), pepper=pepper)


def _made(session: Session, rights: Row, *, pepper: bytes, replaces: str | None = None) -> tuple[str, str]:
    secret, key_id = PREFIX + secrets.token_urlsafe(32), events.new_id()
    db.insert(session, API_KEY, [(_hashed(secret, pepper), key_id, *rights, None, None, None, replaces)])
    return secret, key_id


def _told(words: Collection[str]) -> str:
    return " ".join(sorted(set(words)))


def _check(
    *, role: str, owner: str, networks: Collection[str] = (), scopes: Collection[str] = (), note: str = ""
) -> None:
    """Raise InvalidKey where a role, owner, networks and scopes do not go together."""
    if role not in ROLES:
        raise InvalidKey(f"the role must be one of {', '.join(ROLES)}, not {role!r}", pointer="/role")
    _check_names(owner, note)
    if role == "creator" and not events.UUID.fullmatch(owner):
        raise InvalidKey("the owner of a creator's key is the creator's id", pointer="/owner")
    _check_networks(role, networks)
    for scope in scopes:
        if scope not in MAY_HOLD[role]:
            told = f"a {role}'s key may hold {', '.join(MAY_HOLD[role])}, not {scope!r}"
            raise InvalidKey(told, pointer="/scopes")


def _check_networks(role: str, networks: Collection[str]) -> None:
    for network in networks:
        if not METER.fullmatch(f"network:{network}"):
            raise InvalidKey(f"{network!r} is not the slug of a network", pointer="/networks")
    if role == "partner" and not networks:
        raise InvalidKey("a partner's key needs at least one network", pointer="/networks")
    if role in ("brand", "creator") and networks:
        raise InvalidKey(f"a {role}'s key is not bound to networks", pointer="/networks")


def _check_names(owner: str, note: str) -> None:
    for pointer, form, text in (("/owner", OWNER, owner), ("/note", NOTE, note)):
        try:
            if text or form is OWNER:
                form.read(text)
        except ValueError as reason:
            raise InvalidKey(f"the {pointer[1:]} {reason}", pointer=pointer) from reason
    if owner == events.OWN:  # whoever tells of something in that name tells it as the ledger itself
        raise InvalidKey(f"{owner!r} is the ledger's own name", pointer="/owner")


def rotate(session: Session, *, key_id: str, overlap_us: int, pepper: bytes, now_us: int) -> tuple[str, str]:
    """Replace a key by one with the same rights; returns (secret, key id) of the new one.

    The old one goes on for `overlap_us`. It is replaced once, so that whoever got hold of it cannot outlive it by
    replacing it anew; and not before the one that it replaced has ended, so that no chain of keys adds up their
    limits. Raises NotFound, KeyEnded or KeyOverlaps.
    """
    old = get(session, key_id=key_id)
    if old.replaces is not None and get(session, key_id=old.replaces).status(now_us) == "live":
        raise KeyOverlaps(f"the key {old.replaces}, which this one replaces, is live still: revoke it first, or wait")
    if not db.execute(session, _EXPIRE, (now_us + overlap_us, key_id)):
        raise KeyEnded(f"the key {key_id} was replaced or revoked before")
    rights = (old.role, old.owner, _told(old.networks), _told(old.scopes), old.note, now_us)
    return _made(session, rights, pepper=pepper, replaces=key_id)


def revoke(session: Session, *, key_id: str, now_us: int) -> bool:
    """End a key. False where no key has that id, or it was revoked before."""
    return db.execute(session, _REVOKE, (now_us, key_id)) > 0


def used(session: Session, *, moments: Iterable[tuple[str, int]]) -> None:
    """Keep when keys were last used, as (key id, microseconds); an earlier moment than is kept changes nothing."""
    for key_id, at_us in sorted(moments):  # in one order everywhere: two processes never wait for each other
        db.execute(session, _USED, (at_us, key_id, at_us))


def find(session: Reading, *, secret: str, pepper: bytes, now_us: int) -> Key | None:
    """The live key that a secret belongs to: one indexed read, so that a revoked key is refused at once.

    The index is over keyed hashes. How long it takes to find nothing tells about the hash of a guess, which nobody
    can work out without the pepper, so no comparison of ours has to take the same time for all.
    """
    rows = db.fetch(session, _BY_HASH, (_hashed(secret, pepper),))
    key = _key(rows[0]) if rows else None
    return key if key is not None and key.status(now_us) == "live" else None


def get(session: Reading, *, key_id: str) -> Key:
    """A key by its id, ended or not. Raises NotFound."""
    rows = db.fetch(session, f"SELECT {_COLUMNS} FROM api_key WHERE key_id = ?", (key_id,))
    if not rows:
        raise NotFound(NO_KEY)
    return _key(rows[0])


def list_all(session: Reading) -> list[Key]:
    """Every key there is or was, oldest first."""
    return _keys(db.fetch(session, f"SELECT {_COLUMNS} FROM api_key ORDER BY created_at_us, key_id"))


def listed(
    session: Reading, *, limit: int, before: str | None = None, role: str | None = None, owner: str | None = None
) -> list[Key]:
    """A page of keys, the newest first: all, or an owner's in one role; `before` is the last id of the page before."""
    asked = {"key_id <": before, "role =": role, "owner =": owner}
    given = {test: value for test, value in asked.items() if value is not None}
    where = " AND ".join(f"{test} ?" for test in given) or "1 = 1"
    sql = f"SELECT {_COLUMNS} FROM api_key WHERE {where} ORDER BY key_id DESC LIMIT ?"
    return _keys(db.fetch(session, sql, (*given.values(), limit)))


def _hashed(secret: str, pepper: bytes) -> str:
    return hmac.digest(pepper, secret.encode(), "sha256").hex()


def _keys(rows: Iterable[Row]) -> list[Key]:
    return [_key(row) for row in rows]


@lru_cache(maxsize=1024)
def _key(row: Row) -> Key:
    """A key from what is stored; the same row is the same key, so it need not be taken apart at every request."""
    key_id, role, owner, networks, scopes, *rest = row
    return Key(key_id, role, owner, frozenset(networks.split()), frozenset(scopes.split()), *rest)
