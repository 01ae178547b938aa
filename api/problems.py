"""Every error as problem+json (RFC 9457), and the one table of what is answered to which.

A problem's `type` and `code` are stable; `detail` is a sentence for people that names the thing; `errors` point
into the body (`pointer`, RFC 6901) or at a query parameter (`parameter`). Nothing of our own workings gets out.
"""

from __future__ import annotations

import http
import sqlite3
from collections.abc import Iterable, Mapping, Sequence

import orjson
import psycopg
from flask import Flask, Response, request
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from ledger import errors, pitches, webhooks
from ledger.db import is_transient
from ledger.errors import LedgerError

PROBLEM_JSON = "application/problem+json"
RETRY_AFTER_SECONDS = 2
FAILURE, KEY_ID = "trust_ledger.failure", "trust_ledger.key_id"  # what the log is told, in the WSGI environment
UNKNOWN_CREATOR = "no such creator, or none that this key may know of"
KLOUT_PREFIX = "/v2/"  # under which errors have the shape and the statuses that Klout's clients know
KLOUT_DENIED = "Invalid or unprovided API key. All calls must have a key."
Errors = Sequence[tuple[str, str]]


class NotAuthenticated(LedgerError):
    """No key, or none that is live."""

    code = "not_authenticated"


class MalformedBody(LedgerError):
    """A body that cannot be read at all."""

    code = "malformed_body"


class WrongMediaType(LedgerError):
    """A body of a type that is not taken here."""

    code = "unsupported_media_type"


class TooLarge(LedgerError):
    """A body, or a batch, over the limit."""

    code = "content_too_large"


class InvalidRequest(LedgerError):
    """Fields of the body or the query that are missing, unknown or out of bounds."""

    code = "invalid_request"

    def __init__(self, wrong: Errors) -> None:
        super().__init__("; ".join(f"{where or 'the body'} {what}" for where, what in wrong[:5]))
        self.errors = wrong


class PreconditionRequired(LedgerError):
    """A change without If-Match."""

    code = "precondition_required"


class RateLimited(LedgerError):
    """More calls than the key has in a minute; `seconds` until it has more."""

    code = "rate_limited"

    def __init__(self, detail: str, *, seconds: int) -> None:
        super().__init__(detail)
        self.seconds = seconds


STATUS: dict[type[Exception], int] = {
    MalformedBody: 400,
    NotAuthenticated: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Stale: 412,
    TooLarge: 413,
    WrongMediaType: 415,
    InvalidRequest: 422,
    errors.InvalidEvent: 422,
    errors.InvalidPolicy: 422,
    errors.InvalidKey: 422,
    webhooks.InvalidWebhook: 422,
    errors.Refusal: 422,
    errors.NotLetIn: 409,
    errors.IllegalTransition: 409,
    errors.ExceedsAvailable: 409,
    errors.HoldWaiting: 409,
    pitches.QuoteExpired: 409,
    pitches.QuoteReplaced: 409,
    PreconditionRequired: 428,
    RateLimited: 429,
    errors.Unavailable: 503,
    LedgerError: 500,
}
BY_CODE: dict[str, int] = {
    "forbidden": 403,
    "unknown_creator": 404,
    "external_ref_reused": 409,
    "not_let_in": 409,
    "illegal_transition": 409,
}  # what a receipt's code is answered with; 422 for every other refusal
CODES: dict[int, tuple[str, str]] = {
    400: ("bad_request", "the request could not be read"),
    401: ("not_authenticated", "a live key is needed"),
    403: ("forbidden", "the key may not do that"),
    404: ("not_found", "there is nothing at this address"),
    405: ("method_not_allowed", "this address does not take that method"),
    408: ("request_timeout", "the request took too long to arrive"),
    413: ("content_too_large", "the body is over the limit"),
    414: ("uri_too_long", "the address is too long"),
    415: ("unsupported_media_type", "a body of that type is not taken here"),
    431: ("headers_too_large", "the headers are over the limit"),
    500: ("internal_error", "something went wrong on our side; it has been recorded"),
    503: ("unavailable", "the service is busy or away; send the same again"),
}


def status_of(error: LedgerError) -> int:
    """The HTTP status of a refusal, by the nearest class in the table."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def status_of_code(code: str) -> int:
    """The HTTP status of a single event that was refused."""
    return BY_CODE.get(code, 422)


def title(status: int) -> str:
    """A status in words, the same under every Python."""
    return {413: "Content Too Large", 414: "URI Too Long", 422: "Unprocessable Content"}.get(status) or http.HTTPStatus(
        status
    ).phrase


def members(status: int, code: str, detail: str) -> dict[str, object]:
    """What every problem tells."""
    return {
        "type": f"urn:trust-ledger:problem:{code}",
        "title": title(status),
        "status": status,
        "detail": detail,
        "code": code,
    }


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    wrong: Errors = (),
    headers: Mapping[str, str] | None = None,
    **more: object,
) -> Response:
    """A problem+json response. `wrong` are (pointer or parameter, sentence) pairs."""
    body = members(status, code, detail) | more
    if wrong:
        body["errors"] = [_error(where, what) for where, what in wrong]
    if request.path.startswith(KLOUT_PREFIX):
        response = of_klout(status, detail)
    else:
        response = Response(orjson.dumps(body), status=status, mimetype=PROBLEM_JSON)
    response.headers.update(headers or {})
    if response.status_code == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="trust-ledger"'
    if status == 503:
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


def of_klout(status: int, detail: str) -> Response:
    """An error as Klout told it, who refused a missing key with 403."""
    status, detail = (403, KLOUT_DENIED) if status == 401 else (status, detail)
    return Response(orjson.dumps({"error": status, "description": detail}), status=status, mimetype="application/json")


def _error(where: str, what: str) -> dict[str, str]:
    named = where == "" or where.startswith("/")
    return {"pointer" if named else "parameter": where, "detail": what}


def of_ledger(error: LedgerError) -> Response:
    """A refusal of the ledger's, or of a view."""
    status = status_of(error)
    if status == 500:
        return of_failure(error)
    if isinstance(error, errors.UnknownCreator):  # in the same words, whether there is none or none to be known of
        return problem(status, error.code, UNKNOWN_CREATOR)
    wrong = getattr(error, "errors", None) or ([(error.pointer, error.detail)] if error.pointer else ())
    headers = {"Retry-After": str(error.seconds)} if isinstance(error, RateLimited) else {}
    return problem(status, error.code, error.detail, wrong=wrong, headers=headers)


def of_http(error: HTTPException) -> Response | HTTPException:
    """An error that Flask or werkzeug found before any view did."""
    if isinstance(error, RequestRedirect) or error.code is None or error.code < 400:
        return error
    code, detail = told(error.code)
    kept = {name: value for name, value in error.get_headers() if name in ("Allow", "Retry-After")}
    return problem(error.code, code, detail, headers=kept)


def told(status: int) -> tuple[str, str]:
    """The code and the sentence of an error that no class of ours stands for."""
    phrase = title(status)
    return CODES.get(status, (phrase.lower().replace(" ", "_"), phrase))


def raw(status: int, headers: Iterable[tuple[str, str]]) -> bytes:
    """A whole HTTP response with these headers too, for what the server refuses before there is a request."""
    body = orjson.dumps(members(status, *told(status)))
    head = f"HTTP/1.1 {status} {title(status)}\r\nConnection: close\r\nContent-Type: {PROBLEM_JSON}\r\n"
    more = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return f"{head}{more}Content-Length: {len(body)}\r\n\r\n".encode() + body


def of_failure(error: Exception) -> Response:
    """Anything else: the database being away, or a mistake of ours, which is logged and told to nobody."""
    status = 503 if is_away(error) else 500
    request.environ[FAILURE] = error
    code, detail = CODES[status]
    return problem(status, code, detail)


def is_away(error: BaseException) -> bool:
    """True where the database cannot be reached or is not ready, so that the same may succeed later."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    away = (sqlite3.OperationalError, psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout)
    is_damaged = type(cause) is sqlite3.DatabaseError  # what SQLite says of a file that it cannot read
    return isinstance(cause, away) or is_damaged or (cause is not None and is_transient(cause))


def register(app: Flask) -> None:
    """Answer every error of an app with a problem."""
    app.register_error_handler(LedgerError, of_ledger)
    app.register_error_handler(HTTPException, of_http)
    app.register_error_handler(Exception, of_failure)
