"""What every request and answer goes through: an id, a log line, a count, and the headers that guard a browser."""

from __future__ import annotations

import os
import re
import time
import traceback
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import orjson
import structlog
import uuid_utils
from flask import Flask, Response, g, request

from api import metrics

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
QUIET = frozenset(("static", "health.healthz", "health.readyz", "health.metrics_page"))
HEADERS = [
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
]
POLICY = "Content-Security-Policy"
DATA_POLICY = (POLICY, "default-src 'none'; frame-ancestors 'none'")
PAGE_POLICY = (
    POLICY,
    (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self';"
        " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
)
Start = Callable[..., Any]


class Guarded:
    """WSGI middleware that adds the guarding headers to every answer that does not bring its own."""

    def __init__(self, app: Callable[[dict[str, Any], Start], Iterable[bytes]]) -> None:
        self.app = app

    def __call__(self, environ: dict[str, Any], start_response: Start) -> Iterable[bytes]:
        """Answer a request."""
        given = environ.get("HTTP_X_REQUEST_ID", "")
        request_id = given if REQUEST_ID.fullmatch(given) else str(uuid_utils.uuid7())
        environ["trust_ledger.request_id"] = request_id

        def started(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            brought = dict(headers)
            headers += [pair for pair in HEADERS if pair[0] not in brought]
            if POLICY not in brought:
                is_page = brought.get("Content-Type", "").startswith("text/html")
                headers.append(PAGE_POLICY if is_page else DATA_POLICY)
            headers.append(("X-Request-Id", request_id))
            return start_response(status, headers, *more)

        return self.app(environ, started)


@cache
def log() -> Any:
    """The log: a JSON object a line on standard error."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(serializer=orjson.dumps),
        ],
        logger_factory=structlog.BytesLoggerFactory(os.fdopen(2, "wb", buffering=0, closefd=False)),
        cache_logger_on_first_use=True,
    )
    return structlog.get_logger()


def began() -> None:
    """Note when a request came."""
    g.began = time.perf_counter()


def ended(response: Response) -> Response:
    """Count and log a request that was answered. No path, query or body: they may hold names."""
    if request.endpoint in QUIET:
        return response
    seconds = time.perf_counter() - g.began
    route = request.url_rule.rule if request.url_rule else "unmatched"
    metrics.meters().saw(request.method, route, response.status_code, seconds)
    told: dict[str, Any] = {
        "request_id": request.environ.get("trust_ledger.request_id"),
        "method": request.method,
        "route": route,
        "status": response.status_code,
        "ms": round(seconds * 1000, 3),
    }
    if "key" in g:
        told["key_id"] = g.key.key_id
    if "failure" in g:
        log().error("failure", **told, **trace(g.failure))
    else:
        log().info("request", **told)
    return response


def trace(error: BaseException) -> dict[str, Any]:
    """Where an error came from. Its message is left out: a database's may quote what was stored."""
    frames = traceback.extract_tb(error.__traceback__)
    cause = error.__cause__ or error.__context__
    return {
        "error": type(error).__qualname__,
        "cause": type(cause).__qualname__ if cause else None,
        "at": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-12:]],
    }


def wrap(app: Flask) -> None:
    """Put an app into its shell."""
    app.before_request(began)
    app.after_request(ended)
    app.wsgi_app = Guarded(app.wsgi_app)  # type: ignore[method-assign]
