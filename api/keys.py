"""Keys over HTTP: one's own, when each was last used, replacing them, ending them; operators make them for anybody."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import marshmallow as ma
from flask import Response

from api import auth, conditional, cursors, encoding, fields, state
from api.blueprint import Blueprint
from api.conditional import PLACE
from api.creators import SLUG_PATTERN
from ledger import creators, keys, notation
from ledger.db import Reading, Session
from ledger.economy import HOUR_US
from ledger.errors import Forbidden, NotFound
from ledger.events import UUID as UUID_FORM
from ledger.keys import Key

blp = Blueprint("keys", __name__, description="Keys: whose they are, and what they may do.")
NO_STORE = {"Cache-Control": "no-store"}
ONCE = "the secret, in this answer and never again"
NAMED: list[str | dict[str, Any]] = [
    {
        "name": "key",
        "in": "path",
        "required": True,
        "description": "the key's id",
        "schema": {"type": "string", "minLength": 1},
        "example": "01936f2e-5b1c-7c3a-9f00-2b6f3c1d9e0a",
    }
]


class KeyIn(ma.Schema):
    """A key to make. Without `scopes` it may read, and nothing else."""

    role = ma.fields.String(required=True, validate=ma.validate.OneOf(keys.ROLES))
    owner = fields.SafeString(
        required=True,
        longest=300,
        metadata={"description": "the partner's or brand's slug; a creator's UUID, handle or network:id"},
    )
    networks = ma.fields.List(
        ma.fields.String(metadata=SLUG_PATTERN),
        load_default=[],
        validate=ma.validate.Length(max=100),
        metadata={"description": "what a partner speaks for, at least one; an operator with none speaks for all"},
    )
    scopes = ma.fields.List(
        ma.fields.String(validate=ma.validate.OneOf(keys.SCOPES)),
        load_default=[],
        validate=ma.validate.Length(max=len(keys.SCOPES)),
        metadata={"description": "what it may do; reading alone where left out"},
    )
    note = fields.SafeString(load_default="", metadata={"description": "what it is for"})


class RotateIn(ma.Schema):
    """How long the old key goes on."""

    overlap_hours = fields.JsonInteger(
        load_default=keys.OVERLAP_HOURS,
        validate=ma.validate.Range(0, keys.LONGEST_OVERLAP_HOURS),
        metadata={"description": "hours until the old key expires; 0 ends it at once", "default": keys.OVERLAP_HOURS},
    )


class KeysQuery(ma.Schema):
    """Which page."""

    after = fields.SafeString(longest=1_000)
    limit = cursors.limit("keys")


class KeyOut(fields.Shown):
    """A key, without its secret."""

    key = ma.fields.UUID(**fields.told("the key's id"))
    role = ma.fields.String(**fields.told("whose kind of key it is"), validate=ma.validate.OneOf(keys.ROLES))
    owner = ma.fields.String(**fields.told("the partner's or brand's slug, or the creator's UUID"))
    networks = ma.fields.List(ma.fields.String(), **fields.told("the networks it is bound to"))
    scopes = ma.fields.List(ma.fields.String(), **fields.told("what it may do"))
    note = ma.fields.String(**fields.told("what it is for"))
    status = ma.fields.String(**fields.told("how it stands"), validate=ma.validate.OneOf(keys.STATUSES))
    created_at = fields.Instant(**fields.told("when it was made"))
    expires_at = fields.Instant(
        **fields.told("when it expires, being replaced; null where it does not"), allow_none=True
    )
    revoked_at = fields.Instant(**fields.told("when it was revoked; null where it was not"), allow_none=True)
    last_used_at = fields.Instant(
        **fields.told("when it was last used, to the minute; null where it never was"), allow_none=True
    )
    replaces = ma.fields.UUID(**fields.told("the key whose place it took; null where there is none"), allow_none=True)


class SecretOut(KeyOut):
    """A key that was just made."""

    secret = ma.fields.String(
        required=True, allow_none=True, metadata={"description": f"{ONCE}: null where it is a repetition"}
    )


class KeysOut(fields.Shown):
    """Keys, newest first; `next` is the cursor of the page after it, null on the last."""

    keys = ma.fields.List(ma.fields.Nested(KeyOut()), **fields.told("newest first"))
    next = ma.fields.String(**fields.told("cursor of the next page; null on the last"), allow_none=True)


ASKED = {
    "role": "partner",
    "owner": "acme",
    "networks": ["video"],
    "scopes": ["events:write", "balances:read"],
    "note": "the importer",
}
SHOWN: dict[str, Any] = {
    "key": "01936f2e-5b1c-7c3a-9f00-2b6f3c1d9e0a",
    **ASKED,
    "scopes": ["balances:read", "events:write"],
    "status": "live",
    "created_at": "2026-11-23T16:00:00Z",
    "expires_at": None,
    "revoked_at": None,
    "last_used_at": "2026-11-23T16:20:00Z",
    "replaces": None,
}
MADE = SHOWN | {"last_used_at": None, "secret": "tl_7dZk…"}
REPLACED = MADE | {"replaces": "01936f2e-5b1c-7c3a-9f00-2b6f3c1d9e09"}


@blp.get("/v1/keys")
@auth.requires()
@blp.arguments(KeysQuery(), location="query")
@blp.alt_response(304, "NOT_MODIFIED")
@blp.response(200, KeysOut(), example={"keys": [SHOWN], "next": None})
def get_keys(asked: dict[str, Any]) -> Response:
    """The keys of this key's owner, newest first; an operator of every network with `operate` sees all there are."""
    return conditional.answer(state.ledger().database.read(lambda reader: page(reader, **asked)))


@blp.get("/v1/keys/<string:key>", parameters=NAMED)
@auth.requires()
@blp.alt_response(304, "NOT_MODIFIED")
@blp.response(200, KeyOut(), example=SHOWN)
def get_key(key: str) -> Response:
    """One key."""
    return conditional.answer(show(state.ledger().database.read(lambda reader: known(reader, key))))


@blp.post("/v1/keys")
@auth.requires("operate")
@blp.arguments(KeyIn(), example=ASKED)
@blp.response(201, SecretOut(), example=MADE, description="Made", headers=PLACE)
def post_key(given: dict[str, Any]) -> Response:
    """Make a key for anybody, with none but scopes that this key has itself.

    The secret is in this answer alone: only a keyed hash of it is kept.
    """
    return told(*state.ledger().database.write(lambda session: make(session, **given)))


@blp.post("/v1/keys/<string:key>/rotate", parameters=NAMED)
@auth.requires()
@blp.arguments(RotateIn(), example={"overlap_hours": 24})
@blp.alt_response(409, "CONFLICT")
@blp.response(201, SecretOut(), example=REPLACED, description="Replaced: the new key", headers=PLACE)
def post_rotate(given: dict[str, Any], key: str) -> Response:
    """Replace a key by a new one with the same rights; the old one goes on for some hours.

    A key is replaced once. Its own rights suffice, or an operator's that has all of them.
    """
    return told(*state.ledger().database.write(lambda session: replace(session, key, **given)))


@blp.delete("/v1/keys/<string:key>", parameters=NAMED)
@auth.requires()
@blp.response(200, KeyOut(), example=SHOWN | {"status": "revoked", "revoked_at": "2026-11-23T17:00:00Z"})
def delete_key(key: str) -> Response:
    """Revoke a key, at once and for good; the one that is asked with too. Revoked before, it stays as it was."""
    return encoding.json_response(show(state.ledger().database.write(lambda session: end(session, key))))


def sees_all(key: Key) -> bool:
    """True where a key may know of everybody's keys."""
    return key.is_everywhere and "operate" in key.scopes


def known(session: Reading, key_id: str) -> Key:
    """The key of that id, if the asker may know of it. Raises NotFound, in the same words where there is none."""
    asker = auth.current()
    found = keys.get(session, key_id=key_id) if UUID_FORM.fullmatch(key_id) else None
    if found is None or not (sees_all(asker) or (found.role, found.owner) == (asker.role, asker.owner)):
        raise NotFound(keys.NO_KEY)
    return found


def page(reader: Reading, *, limit: int, after: str | None = None) -> dict[str, Any]:
    """A page of keys as JSON carries it. Raises InvalidCursor."""
    settings, asker = state.ledger().settings, auth.current()
    whose = {} if sees_all(asker) else {"role": asker.role, "owner": asker.owner}
    question = {"keys of": " ".join(whose.values())}
    before = str(UUID(int=cursors.read(settings, after, **question))) if after else None
    found = keys.listed(reader, limit=limit + 1, before=before, **whose)
    more = cursors.following(settings, found, limit, lambda one: UUID(one.key_id).int, **question)
    return {"keys": [show(one) for one in found[:limit]], "next": more}


def make(session: Session, *, role: str, owner: str, **rights: Any) -> tuple[Key, str]:
    """Make a key as asked; returns it with its secret. Raises Forbidden, InvalidKey, UnknownCreator."""
    ledger, asker = state.ledger(), auth.current()
    if not asker.is_everywhere:
        raise Forbidden("an operator bound to networks makes no keys")
    whose = creators.named(session, owner) if role == "creator" else owner
    check(asker, role=role, networks=rights["networks"], scopes=rights["scopes"] or keys.least(role))
    secret, key_id = keys.create(session, role=role, owner=whose, pepper=ledger.pepper, now_us=ledger.clock(), **rights)
    return keys.get(session, key_id=key_id), secret


def replace(session: Session, key_id: str, *, overlap_hours: int) -> tuple[Key, str]:
    """Replace a key; returns the new one with its secret. Raises NotFound, Forbidden, KeyEnded."""
    ledger, old = state.ledger(), known(session, key_id)
    check(auth.current(), role=old.role, networks=old.networks, scopes=old.scopes)
    secret, new_id = keys.rotate(
        session,
        key_id=old.key_id,
        overlap_us=overlap_hours * HOUR_US,
        pepper=ledger.pepper,
        now_us=ledger.clock(),
    )
    return keys.get(session, key_id=new_id), secret


def end(session: Session, key_id: str) -> Key:
    """Revoke a key; returns it as it is then. Raises NotFound or Forbidden."""
    asker, found = auth.current(), known(session, key_id)
    if found.key_id != asker.key_id:
        check(asker, role=found.role, networks=found.networks, scopes=() if sees_all(asker) else found.scopes)
    keys.revoke(session, key_id=found.key_id, now_us=state.ledger().clock())
    return keys.get(session, key_id=found.key_id)


def check(asker: Key, *, role: str, networks: Any, scopes: Any) -> None:
    """See that a key hands on no more than it has, and nothing once it was replaced. Raises Forbidden."""
    if asker.expires_at_us is not None:
        raise Forbidden("this key was replaced: it makes and ends no other")
    if lacking := asker.lacks(role=role, networks=networks, scopes=scopes):
        raise Forbidden(f"this key has less than that one would: it lacks {', '.join(lacking)}")


def told(made: Key, secret: str) -> Response:
    """A key that was just made, with its secret."""
    headers = NO_STORE | {"Location": f"/v1/keys/{made.key_id}"}
    return encoding.json_response(show(made) | {"secret": secret}, 201, headers)


def show(key: Key) -> dict[str, Any]:
    """A key as JSON carries it."""
    moments = ("created_at", "expires_at", "revoked_at", "last_used_at")
    at = {name: getattr(key, f"{name}_us") for name in moments}
    return {
        "key": key.key_id,
        "role": key.role,
        "owner": key.owner,
        "networks": sorted(key.networks),
        "scopes": sorted(key.scopes),
        "note": key.note,
        "status": key.status(state.ledger().clock()),
        **{name: None if moment is None else notation.instant(moment) for name, moment in at.items()},
        "replaces": key.replaces,
    }
