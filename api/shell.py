"""What every request and answer goes through: an id, a log line, a count, and the headers that guard a browser."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, BinaryIO, cast

import orjson
import structlog
import uuid_utils
from flask import Flask
from flask_cors import CORS
from werkzeug.routing import Rule

from api import metrics
from api.limits import HEADERS as RATE_LIMIT
from api.problems import FAILURE, KEY_ID
from ledger import failures
from ledger.processes import Stderr
from ledger.settings import Settings

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
QUIET = frozenset(("static", "health.healthz", "health.readyz", "health.metrics_page"))
HEADERS = [
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
]
STRICT = ("Strict-Transport-Security", "max-age=31536000")
POLICY = "Content-Security-Policy"
DATA_POLICY = (POLICY, "default-src 'none'; frame-ancestors 'none'")
PAGE_POLICY = (
    POLICY,
    (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self';"
        " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
)
SHARED = r"/(v1|v2)/.*|/openapi.json"
EXPOSED = [
    *("ETag", "Location", "Retry-After", "RateLimit", "RateLimit-Policy"),
    *("Idempotency-Replayed", "X-Request-Id", "Content-Disposition"),
]
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
Start = Callable[..., Any]


class Shell:
    """WSGI middleware: gives each request an id, guards each answer, then counts and logs it.

    It stands outside Flask because its own hooks cost three times as much.
    """

    def __init__(self, app: Callable[[dict[str, Any], Start], Iterable[bytes]], *, secure: bool = False) -> None:
        self.app = app
        self.guards = [*HEADERS, STRICT] if secure else HEADERS

    def __call__(self, environ: dict[str, Any], start_response: Start) -> Iterable[bytes]:
        """Answer a request."""
        began = time.perf_counter()
        given = environ.get("HTTP_X_REQUEST_ID", "")
        request_id = given if REQUEST_ID.fullmatch(given) else str(uuid_utils.uuid7())
        answered, rule = 0, None

        def started(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            nonlocal answered, rule
            asked = environ.get("werkzeug.request")  # Flask forgets it right after
            answered, rule = int(status[:3]), asked.url_rule if asked else None
            if answered == 204:  # nothing, of no type
                headers = [pair for pair in headers if pair[0] != "Content-Type"]
            headers += (*guard(headers, self.guards), *environ.get(RATE_LIMIT, ()))
            headers.append(("X-Request-Id", request_id))
            return start_response(status, headers, *more)

        body = self.app(environ, started)
        ended(environ, rule, request_id, answered, time.perf_counter() - began)
        return body


def guard(headers: list[tuple[str, str]], guards: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The guarding headers, without those that an answer brings itself."""
    brought = dict(headers)
    kept = [pair for pair in guards if pair[0] not in brought]
    if POLICY not in brought:
        is_page = brought.get("Content-Type", "").startswith("text/html")
        kept.append(PAGE_POLICY if is_page else DATA_POLICY)
    return kept


@cache
def log() -> Any:
    """The log: a JSON object a line on standard error."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(serializer=orjson.dumps),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.BytesLoggerFactory(cast("BinaryIO", Stderr())),
    )
    return structlog.get_logger().bind()


def ended(environ: dict[str, Any], rule: Rule | None, request_id: str, status: int, seconds: float) -> None:
    """Count and log a request that was answered. No path, query or body: they may hold names."""
    if rule is not None and rule.endpoint in QUIET:
        return
    route = rule.rule if rule else "unmatched"
    method = environ["REQUEST_METHOD"] if environ["REQUEST_METHOD"] in METHODS else "other"
    metrics.meters().saw(method, route, status, seconds)
    told: dict[str, Any] = {
        "request_id": request_id,
        "method": method,
        "route": route,
        "status": status,
        "ms": round(seconds * 1000, 3),
    }
    if KEY_ID in environ:
        told["key_id"] = environ[KEY_ID]
    if FAILURE in environ:
        log().error("failure", **told, **failures.trace(environ[FAILURE]))
    else:
        log().info("request", **told)


def wrap(app: Flask, settings: Settings) -> None:
    """Put an app into its shell. Pages of the origins that an operator lists may call the API, with a key."""
    if settings.cors_origins:
        CORS(app, resources=SHARED, origins=list(settings.cors_origins), expose_headers=EXPOSED, max_age=600)
    secure = settings.public_url.startswith("https://")
    app.wsgi_app = Shell(app.wsgi_app, secure=secure)  # type: ignore[method-assign]
