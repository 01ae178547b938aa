"""JSON in and out through orjson, which refuses NaN, lone surrogates and anything that is not JSON."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import orjson
from flask import Response, current_app, request
from flask.json.provider import JSONProvider
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import ClientDisconnected

from api.problems import MalformedBody, TooLarge, WrongMediaType

JSON = "application/json"
NDJSON = "application/x-ndjson"
GZIP = ("gzip", "x-gzip")
BODY = "trust_ledger.body"  # in the request's environ: a body that is read more than once
LARGE_BYTES = 1_000_000
MOST_VALUES = 1_000_000  # parsed, a value takes up to 60 bytes however few it was written with


class OrjsonProvider(JSONProvider):
    """Flask's JSON, spoken by orjson."""

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """JSON text; keys stay in their order unless `sort_keys`."""
        option = orjson.OPT_NON_STR_KEYS | (orjson.OPT_SORT_KEYS if kwargs.get("sort_keys") else 0)
        return orjson.dumps(obj, option=option).decode()

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """The value of a JSON text."""
        return orjson.loads(s)

    def response(self, *args: Any, **kwargs: Any) -> Response:
        """A JSON response of one value, or of keywords as an object."""
        return json_response(self._prepare_response_obj(args, kwargs))


def json_response(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A response with a JSON body."""
    response = Response(orjson.dumps(body), status=status, mimetype=JSON)
    response.headers.update(headers or {})
    return response


def media_type(*accepted: str) -> str:
    """The body's media type. Raises WrongMediaType naming those that are accepted."""
    if request.mimetype not in accepted:
        sent = f"not {request.mimetype}" if request.mimetype else "and it came without a Content-Type"
        raise WrongMediaType(f"the body must be {' or '.join(accepted)}, {sent}")
    return request.mimetype


def body_json() -> Any:
    """The request's JSON body. Raises MalformedBody, TooLarge or WrongMediaType."""
    media_type(JSON)
    return parse(body())


def body() -> bytes:
    """The request's whole body, uncompressed, and never more of it in memory than the limit.

    Raises MalformedBody where it broke off before its end, TooLarge, WrongMediaType for another Content-Encoding.
    """
    kept: bytes | None = request.environ.get(BODY)
    return _read() if kept is None else kept


def keep_body() -> bytes:
    """The body, kept for a view that may be run again."""
    kept: bytes = request.environ.setdefault(BODY, _read())
    return kept


def _read() -> bytes:
    coding = (request.content_encoding or "identity").strip().lower()
    if coding not in ("identity", *GZIP):
        raise WrongMediaType(f"the body may be compressed with gzip, not with {coding[:40]!r}")
    limit: int = current_app.config["MAX_CONTENT_LENGTH"]
    data = _received(limit)
    if coding in GZIP:
        data = _unpacked(data, limit)
    marks = (b",", b"[", b"{", *((b"\n",) if request.mimetype == NDJSON else ()))
    if len(data) > LARGE_BYTES and sum(map(data.count, marks)) > MOST_VALUES:
        raise TooLarge(f"the body holds more than {MOST_VALUES} values")
    return data


def _received(limit: int) -> bytes:
    """What came over the wire, whole. A body that says its length and is too long is not read at all."""
    if request.content_length is None:
        request.max_content_length = limit + 1  # at its own limit werkzeug would cut such a body and say nothing
    elif request.content_length > limit:
        raise TooLarge(f"the body is longer than {limit} bytes")
    try:
        data = request.get_data(cache=False)
    except (ClientDisconnected, ParseException) as broken:
        raise MalformedBody("the body broke off before its end, or its chunks are not well formed") from broken
    if len(data) > limit:
        raise TooLarge(f"the body is longer than {limit} bytes")
    if request.content_length is not None and len(data) != request.content_length:
        raise MalformedBody(f"the body ended after {len(data)} of {request.content_length} bytes")
    return data


def _unpacked(data: bytes, limit: int) -> bytes:
    """What a gzip stream holds, unpacked no further than a byte over the limit."""
    stream = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        found = stream.decompress(data, limit + 1)
    except zlib.error as error:
        raise MalformedBody("the body is not gzip, or it was damaged on its way") from error
    if len(found) > limit:
        raise TooLarge(f"the body holds more than {limit} bytes once it is unpacked")
    if not stream.eof or stream.unused_data:
        raise MalformedBody("the body must be one whole gzip stream" + ("" if stream.eof else ": it is cut off"))
    return found


def parse(text: bytes) -> Any:
    """The value of a JSON text. Raises MalformedBody."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise MalformedBody(f"the body is not JSON: {error.msg} at character {error.pos}") from error
