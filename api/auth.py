"""Who is asking, and what they may know and do."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import wraps
from typing import Any, TypeVar, cast

from flask import request

from api import limits, state
from api.problems import KEY_ID, UNKNOWN_CREATOR, NotAuthenticated
from ledger import keys
from ledger.errors import Forbidden, InvalidEvent, UnknownCreator
from ledger.events import CreatorRef, parse_ref
from ledger.keys import Key

F = TypeVar("F", bound=Callable[..., Any])
SCHEME = "Bearer "
KEY = "trust_ledger.key"  # in the request's environ: a request of its own costs less to reach than flask.g


def requires(*scopes: str, limit: str | None = None, batched: str | None = None) -> Callable[[F], F]:
    """Decorate a view: the caller needs a live key that holds all of these scopes, and has calls left.

    `limit` names the rate limit that its calls count against, where the method does not say it; a body of the
    media type `batched` counts as a batch.
    """

    def admit() -> None:
        is_batch = batched is not None and request.mimetype == batched
        limits.spend(authenticate(), request.environ, "batch" if is_batch else limit)
        need(*scopes)

    def decorated(view: F) -> F:
        @wraps(view)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            admit()
            return view(*args, **kwargs)

        wrapper.__dict__["admit"] = admit  # for what has to know before the view is entered: api/idempotency.py
        wrapper.__dict__["_apidoc"] = {**getattr(view, "_apidoc", {}), "scopes": scopes}
        return cast("F", wrapper)

    return decorated


def need(*scopes: str) -> None:
    """Raise NotAuthenticated without a live key, Forbidden where it lacks one of the scopes."""
    key = authenticate()
    for scope in scopes:
        if scope not in key.scopes:
            raise Forbidden(f"this key lacks the scope {scope}")


def authenticate() -> Key:
    """The key of this request, read once from the database, so that a revoked one is refused at once."""
    environ = request.environ
    key: Key | None = environ.get(KEY)
    if key is None:
        key = environ[KEY] = _authenticated(environ.get("HTTP_AUTHORIZATION", ""))
        environ[KEY_ID] = key.key_id
    return key


def _authenticated(header: str) -> Key:
    if header[: len(SCHEME)].lower() != SCHEME.lower():
        raise NotAuthenticated("send a key as Authorization: Bearer tl_…")
    return holder_of(header[len(SCHEME) :].strip())


def holder_of(secret: str) -> Key:
    """The live key that a secret belongs to, and a note that it was used. Raises NotAuthenticated."""
    if not secret.startswith(keys.PREFIX) or len(secret) > 100 or not secret.isascii():
        raise NotAuthenticated("that is not a key of this ledger")
    ledger = state.ledger()
    now_us = ledger.clock()
    key = ledger.database.read(lambda reader: keys.find(reader, secret=secret, pepper=ledger.pepper, now_us=now_us))
    if key is None:
        raise NotAuthenticated("the key is unknown or has ended")
    ledger.uses.note(key, now_us=now_us)
    return key


def current() -> Key:
    """The key that this request was let in with."""
    return cast("Key", request.environ[KEY])


def is_self(key: Key, creator_id: str) -> bool:
    """True where it is the creator who asks."""
    return key.role == "creator" and key.owner == creator_id


def may_read(key: Key, *, creator_id: str, visibility: str, networks: Collection[str], statement: bool = False) -> bool:
    """True where a key may know of a creator, and with `statement` see why each line is there.

    `networks` are those the creator has an account on, or the one network that is asked about. The public
    sees a public creator's meter, label and history, and nobody's statement.
    """
    if is_self(key, creator_id):
        return True
    if key.role in ("partner", "operator") and any(key.may_act_for(network) for network in networks):
        return True
    return visibility == "public" and not statement


def speaks_for_all(key: Key, *, creator_id: str, networks: Collection[str]) -> bool:
    """True for the creator, and for whoever acts for every network that the creator is on.

    What concerns all of them is for nobody who acts for some: a partner would learn or decide what is another's.
    """
    return is_self(key, creator_id) or (bool(networks) and all(key.may_act_for(network) for network in networks))


def network_of(meter: str) -> str:
    """The slug in `network:<slug>`; empty for other meters."""
    kind, _, slug = meter.partition(":")
    return slug if kind == "network" else ""


def ref(text: str) -> CreatorRef:
    """The creator that an address names. Raises UnknownCreator where it names none."""
    try:
        return parse_ref(text)
    except InvalidEvent as wrong:
        raise UnknownCreator(UNKNOWN_CREATOR) from wrong


def refuse_unknown() -> UnknownCreator:
    """What anyone hears who may not know whether a creator exists."""
    return UnknownCreator(UNKNOWN_CREATOR)
