"""Idempotency-Key: a call that is sent again is answered as the first time, and has its effect once.

The answer is stored in the transaction of the effect (ledger/answers.py). What may turn out otherwise the next time
is not stored: whatever depends on the caller's rights, was not well formed, or failed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache, partial, wraps
from typing import Any

import orjson
from flask import Response, current_app, request

from api import auth, encoding, problems, state
from api.problems import InvalidRequest
from ledger import answers, creators
from ledger.answers import Answer, Claim, KeyInUse
from ledger.db import Session
from ledger.errors import LedgerError, Refusal
from ledger.events import UUID

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
IN_ENVIRON = "HTTP_IDEMPOTENCY_KEY"
FORM = re.compile(r"[\x21-\x7e]{1,255}")
UNSAFE = frozenset(("POST", "PUT", "PATCH", "DELETE"))
# Operations that ask by POST and write nothing: the header is passed over.
READS = frozenset(
    (
        "balances.look_up",
        "estimates.post_grid",
        "campaigns.post_plan",
        "simulations.post_simulation",
    )
)
OTHER_IDS = ("key", "webhook")  # in addresses: UUIDs like a creator's, and no creator's
KEPT_HEADERS = ("Content-Type", "ETag", "Location", "Cache-Control")
PARAMETER: dict[str, Any] = {
    "name": HEADER,
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[\x21-\x7e]{1,255}$"},
    "description": "the same request under the same key has its effect once, and the same answer, for 24 hours",
}


class _NotKept(Exception):
    """A response that is not to be remembered: the transaction is undone, and the response sent."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


def kept(view: Callable[..., Any]) -> Callable[..., Any]:
    """A view that is answered once under an Idempotency-Key, to whoever `auth.requires` lets in."""
    admit: Callable[[], None] = view.__dict__["admit"]

    @wraps(view)
    def wrapper(*args: Any, **named: Any) -> Any:
        if IN_ENVIRON not in request.environ:
            return view(*args, **named)
        admit()
        return once(partial(view, *args, **named), named)

    wrapper.__dict__["_apidoc"] = {**view.__dict__.get("_apidoc", {}), "is_kept": True}
    return wrapper


def once(work: Callable[[], Any], named: dict[str, Any]) -> Response:
    """The response to this request under its key: made now, with its effect, or kept from the first time."""
    asked, value = _asked()
    ledger = state.ledger()
    try:
        return ledger.database.together(lambda session: _answered(session, asked, work, (value, named)))
    except _NotKept as passing:
        return passing.response
    except KeyInUse as busy:
        return problems.problem(
            problems.status_of(busy), busy.code, busy.detail, headers={"Retry-After": str(problems.RETRY_AFTER_SECONDS)}
        )


def _asked() -> tuple[Claim, Any]:
    """What this request claims its key for, and its JSON. Raises InvalidRequest."""
    key, pepper = request.environ[IN_ENVIRON], state.ledger().pepper
    if not FORM.fullmatch(key):
        raise InvalidRequest([(HEADER, "must be 1 to 255 visible ASCII characters")])
    body = encoding.keep_body()
    value = _value(body)
    told = answers.describe(
        value,
        body=None if value is not None and request.mimetype != encoding.NDJSON else body,
        method=request.method,
        path=request.path,
        query={name: "\n".join(texts) for name, texts in request.args.lists()},
        media=request.mimetype,
        if_match=request.environ.get("HTTP_IF_MATCH", ""),
        pepper=pepper,
    )
    return Claim(answers.holder_of(auth.current(), pepper=pepper), key, told), value


def _value(body: bytes) -> Any:
    """The body's JSON, or its lines where it is no more than a batch may have; None where it is neither.

    The view says what is wrong with it.
    """
    if request.mimetype == encoding.NDJSON:
        is_batch = body.count(b"\n") <= state.ledger().settings.batch_limit
        return [line for line in body.split(b"\n") if line.strip()] if is_batch else None
    try:
        return orjson.loads(body) if request.is_json else None
    except orjson.JSONDecodeError:
        return None


def _answered(session: Session, asked: Claim, work: Callable[[], Any], about: tuple[Any, dict[str, Any]]) -> Response:
    now_us = state.ledger().clock()
    first = answers.claim(session, asked, now_us=now_us)
    if first is not None:
        response = Response(first.body, first.status)
        response.headers.clear()
        response.headers.extend([*first.headers, (REPLAYED, "true")])
        return response
    try:
        with session.begin_nested():
            response = current_app.make_response(work())
    except LedgerError as refusal:
        if not _lasts(problems.status_of(refusal), refusal.code):
            raise
        response = problems.of_ledger(refusal)
    if not _is_lasting(response):
        raise _NotKept(response)
    headers = tuple((name, response.headers[name]) for name in KEPT_HEADERS if name in response.headers)
    answer = Answer(response.status_code, headers, _without_secret(response))
    answers.keep(session, asked, answer=answer, creator_id=_creator(session, about, response))
    return response


def _without_secret(response: Response) -> bytes:
    """The body as it is kept: a secret is shown once, and stored nowhere."""
    shown = response.get_json(silent=True)
    if not isinstance(shown, dict) or "secret" not in shown:
        return response.get_data()
    return orjson.dumps(shown | {"secret": None})


def _is_lasting(response: Response) -> bool:
    """Whether the same request would be answered so again, however often."""
    code = (response.get_json(silent=True) or {}).get("code", "") if response.status_code == 422 else ""
    return _lasts(response.status_code, code)


def _lasts(status: int, code: str) -> bool:
    return status < 400 or status == 409 or (status == 422 and code in _remembered())


@cache
def _remembered() -> frozenset[str]:
    """The codes of what the books refused for good."""
    return frozenset(kind.code for kind in _family(Refusal) if kind.remembered)


def _family(kind: type[Refusal]) -> Iterator[type[Refusal]]:
    yield kind
    for one in kind.__subclasses__():
        yield from _family(one)


def _creator(session: Session, about: tuple[Any, dict[str, Any]], response: Response) -> str | None:
    """The creator that an answer is about, by its address, its request or itself, else by the key; None for none."""
    value, named = about
    told = value if isinstance(value, dict) else {}
    shown = response.get_json(silent=True)
    shown = shown if isinstance(shown, dict) else {}
    owner = shown.get("owner", told.get("owner"))  # whose key it is, which its address does not say
    names = [shown.get("creator"), shown.get("creator_id")]
    names += [owner] if isinstance(owner, str) and UUID.fullmatch(owner) else []
    names += [text for name, text in named.items() if name not in OTHER_IDS]
    names += [told.get("creator"), told.get("subject")]
    texts = [name for name in names if isinstance(name, str)]
    for text in texts:
        if UUID.fullmatch(text):
            return text
        if (found := answers.creator_in(text)) is not None:
            return found
    by_account = (_by_account(session, text) for text in texts if ":" in text)
    key = auth.current()
    return next(filter(None, by_account), key.owner if key.role == "creator" else None)


def _by_account(session: Session, text: str) -> str | None:
    try:
        return creators.find(session, auth.ref(text))
    except LedgerError:
        return None
