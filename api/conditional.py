"""Answers and changes that depend on what the reader holds: by ETag, a read is 304 and a change must name it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any, TypeVar

import marshmallow as ma
import orjson
from flask import Response, request

from api.encoding import JSON, json_response
from api.problems import PreconditionRequired
from ledger.errors import Stale

F = TypeVar("F", bound=Callable[..., Any])
CACHE = "private, no-cache"
TAG = {"ETag": {"description": "send it back as If-Match", "schema": {"type": "string"}}}
PLACE = {"Location": {"description": "where it is read", "required": True, "schema": {"type": "string"}}}
IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "description": "the ETag as it was read",
    "schema": {"type": "string"},
    "example": '"1"',
}
IF_GIVEN = IF_MATCH | {"required": False, "description": "the ETag as it was read; another version is then not touched"}


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


def versioned(
    body: object, *, version: int | str, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """What changes by versions as JSON, with the version as ETag; 304 and nothing where a read names that."""
    if request.method in ("GET", "HEAD") and request.if_none_match.contains(str(version)):
        response = json_response(body, 304)
        response.set_data(b"")
    else:
        response = json_response(body, status, headers)
    response.set_etag(str(version))
    return response


def check_match(version: int | str, what: str) -> None:
    """See that the caller has read the version there is. Raises PreconditionRequired, or Stale naming `what`."""
    if not request.if_match:
        raise PreconditionRequired("send the ETag that you read as If-Match")
    if not request.if_match.contains(str(version)):
        raise Stale(f"{what} was changed since you read it: read it again")


def check_given(version: int | str, what: str) -> None:
    """See that a caller who names a version means the one there is. Raises Stale naming `what`."""
    if request.if_match:
        check_match(version, what)


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
