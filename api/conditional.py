"""Answers that need not be sent again: every read carries an ETag, and 304 where the reader has it already."""

from __future__ import annotations

from hashlib import blake2b

import orjson
from flask import Response, request

from api.encoding import JSON

CACHE = "private, no-cache"


def answer(body: object) -> Response:
    """A value as JSON with its ETag, or 304 where If-None-Match names it."""
    text = orjson.dumps(body)
    tag = f'"{blake2b(text, digest_size=12).hexdigest()}"'
    if _is_held(tag, request.environ.get("HTTP_IF_NONE_MATCH")):
        response = Response(status=304)
        del response.headers["Content-Type"]
    else:
        response = Response(text, mimetype=JSON)
    response.headers["ETag"] = tag
    response.headers["Cache-Control"] = CACHE
    return response


def _is_held(tag: str, held: str | None) -> bool:
    if held is None:
        return False
    return held.strip() == "*" or any(one.strip().removeprefix("W/") == tag for one in held.split(","))
