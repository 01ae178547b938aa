"""Answers that need not be sent again: every read carries an ETag, and 304 where the reader has it already."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import Any, TypeVar

import marshmallow as ma
import orjson
from flask import Response, request

from api.encoding import JSON

F = TypeVar("F", bound=Callable[..., Any])
CACHE = "private, no-cache"


def answer(body: object) -> Response:
    """A value as JSON with its ETag, or 304 where If-None-Match names it."""
    text = orjson.dumps(body)
    tag = f'"{blake2b(text, digest_size=12).hexdigest()}"'
    if _is_held(tag, request.environ.get("HTTP_IF_NONE_MATCH")):
        response = Response(status=304)
        del response.headers["Content-Type"]
    else:
        response = Response(text, content_type=JSON)
    response.headers.add("ETag", tag)
    response.headers.add("Cache-Control", CACHE)
    return response


def documented(schema: ma.Schema, **more: Any) -> Callable[[F], F]:
    """Decorate a view whose answer is dumped by hand: what it answers with, and more for the document.

    It wraps nothing, unlike the blueprint's own: these views are the ones that have to be quick.
    """
    read = {"description": "OK", "content": {JSON: {"schema": schema}}}
    unchanged = {"description": "Unchanged since the ETag sent as If-None-Match"}
    responses = {200: read, 304: unchanged, 404: "NOT_FOUND"}

    def decorated(view: F) -> F:
        told = getattr(view, "_apidoc", {})
        view.__dict__["_apidoc"] = {**told, "manual_doc": {"responses": responses, **more}}
        return view

    return decorated


def _is_held(tag: str, held: str | None) -> bool:
    if held is None:
        return False
    return held.strip() == "*" or any(one.strip().removeprefix("W/") == tag for one in held.split(","))
