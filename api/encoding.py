"""JSON in and out through orjson, which refuses NaN, lone surrogates and anything that is not JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from flask import Response, request
from flask.json.provider import JSONProvider

from api.problems import MalformedBody, WrongMediaType

JSON = "application/json"
NDJSON = "application/x-ndjson"


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
        raise WrongMediaType(f"the body must be {' or '.join(accepted)}, not {request.mimetype or 'untyped'}")
    if request.content_encoding not in (None, "", "identity"):
        raise WrongMediaType("the body must not be compressed")
    return request.mimetype


def body_json() -> Any:
    """The request's JSON body. Raises MalformedBody or WrongMediaType."""
    media_type(JSON)
    return parse(body())


def body() -> bytes:
    """The request's whole body. Raises MalformedBody where the connection broke before its announced end."""
    data = request.get_data(cache=False)
    if request.content_length is not None and len(data) != request.content_length:
        raise MalformedBody(f"the body ended after {len(data)} of {request.content_length} bytes")
    return data


def parse(text: bytes) -> Any:
    """The value of a JSON text. Raises MalformedBody."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise MalformedBody(f"the body is not JSON: {error.msg} at character {error.pos}") from error
