"""How resources are declared: flask-smorest's blueprint with our way of reading, refusing and documenting."""

from __future__ import annotations

import http
from collections.abc import Callable, Collection, Mapping
from functools import wraps
from typing import Any, NoReturn, cast

import marshmallow as ma
from flask import Request, request
from flask_smorest import Api as SmorestApi
from flask_smorest import Blueprint as SmorestBlueprint
from webargs.flaskparser import FlaskParser
from webargs.multidictproxy import MultiDictProxy

from api import encoding, idempotency
from api.problems import PROBLEM_JSON, InvalidRequest, members, title

PROBLEM_EXAMPLES: dict[int, tuple[str, str]] = {
    400: ("malformed_body", "the body is not JSON: unexpected end of data at character 17"),
    401: ("not_authenticated", "the key is unknown or has ended"),
    403: ("forbidden", "this key lacks the scope events:write"),
    404: ("unknown_creator", "no such creator, or none that this key may know of"),
    409: ("external_ref_reused", "external_ref 'r-17' already names another event: kind differs"),
    412: ("stale", "it was changed since you read it: read it again"),
    413: ("content_too_large", "the body is over the limit"),
    414: ("uri_too_long", "the address is too long"),
    415: ("unsupported_media_type", "the body must be application/json, not text/plain"),
    422: ("invalid_request", "/kind must be one of post, engagement"),
    428: ("precondition_required", "send the ETag you read as If-Match"),
    429: ("rate_limited", "this key may make 600 calls of class batch in a minute"),
    500: ("internal_error", "something went wrong on our side; it has been recorded"),
    503: ("unavailable", "the service is busy or away; send the same again"),
}


class ProblemError(ma.Schema):
    """One thing that is wrong, and where."""

    class Meta:
        """More may be told one day."""

        unknown = ma.EXCLUDE

    pointer = ma.fields.String(metadata={"description": "JSON pointer into the body (RFC 6901)"})
    parameter = ma.fields.String(metadata={"description": "name of the query parameter"})
    detail = ma.fields.String(required=True, metadata={"description": "what is wrong, as a sentence"})


class Problem(ma.Schema):
    """An error as RFC 9457 has it. Some problems bring members of their own besides."""

    class Meta:
        """Extension members are part of the standard."""

        unknown = ma.INCLUDE

    type = ma.fields.String(required=True, metadata={"description": "stable URI of the kind of problem"})
    title = ma.fields.String(required=True, metadata={"description": "the status in words"})
    status = ma.fields.Integer(required=True, metadata={"description": "the HTTP status"})
    detail = ma.fields.String(required=True, metadata={"description": "what happened, naming the thing"})
    code = ma.fields.String(required=True, metadata={"description": "stable name of the problem"})
    errors = ma.fields.List(ma.fields.Nested(ProblemError()), metadata={"description": "each thing that is wrong"})


class Parser(FlaskParser):
    """Reads bodies with orjson and refuses with pointers; refuses unknown query parameters too."""

    DEFAULT_UNKNOWN_BY_LOCATION: dict[str, str | None] = {  # noqa: RUF012 - as webargs declares it
        **FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION,
        "query": ma.RAISE,
    }

    def load_json(self, req: Request, schema: ma.Schema) -> Any:
        """The body. Raises MalformedBody or WrongMediaType."""
        return encoding.body_json()

    def load_querystring(self, req: Request, schema: ma.Schema) -> Any:
        """The query; a parameter given twice is refused unless it is a list."""
        twice = [name for name, values in req.args.lists() if len(values) > 1]
        lists = {name for name, field in schema.fields.items() if isinstance(field, ma.fields.List)}
        if wrong := [(name, "is given more than once") for name in twice if name not in lists]:
            raise InvalidRequest(wrong)
        return MultiDictProxy(req.args, schema)

    def handle_error(self, error: ma.ValidationError, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise InvalidRequest naming every field that is wrong."""
        messages = cast("dict[str, Any]", error.normalized_messages())  # type: ignore[no-untyped-call]
        raise InvalidRequest(located(messages)) from error


def located(messages: Mapping[str, Any]) -> list[tuple[str, str]]:
    """marshmallow's messages, which may be by location, as (pointer or parameter, sentence) pairs."""
    found: list[tuple[str, str]] = []
    for location, inner in messages.items():
        if location == "query" and isinstance(inner, Mapping):
            found += [_of_parameter(pointer.removeprefix("/"), what) for pointer, what in pointers(inner)]
        else:
            found += pointers(inner if location == "json" else {location: inner})
    return found


def _of_parameter(name: str, what: str) -> tuple[str, str]:
    return (name, not_taken(name)) if what == SENTENCES["Unknown field."] else (name, what)


def not_taken(name: str) -> str:
    """What is wrong with a query parameter that an operation does not have."""
    return "is not a parameter of this" + (f": use {ELSEWHERE[name]}" if name in ELSEWHERE else "")


def pointers(messages: Any, at: str = "") -> list[tuple[str, str]]:
    """marshmallow's nested messages as (JSON pointer, sentence) pairs."""
    if isinstance(messages, Mapping):
        return [
            pair
            for name, inner in messages.items()
            for pair in pointers(inner, at if name == "_schema" else f"{at}/{escaped(str(name))}")
        ]
    if isinstance(messages, list):
        return [pair for item in messages for pair in pointers(item, at)]
    return [(at, _sentence(str(messages)))]


def escaped(name: str) -> str:
    """A member's name as a JSON pointer has it."""
    return name.replace("~", "~0").replace("/", "~1")


SENTENCES = {
    "Missing data for required field.": "is required",
    "Unknown field.": "is not a field of this",
    "Field may not be null.": "must not be null",
    "Invalid input type.": "must be an object",
    "Not a valid string.": "must be a text",
    "Not a valid integer.": "must be a whole number",
    "Not a valid boolean.": "must be true or false",
    "Not a valid list.": "must be an array",
    "Not a valid mapping type.": "must be an object",
}


ELSEWHERE = dict.fromkeys(("backfill", "atomic"), "/v1/events/batch")


def _sentence(message: str) -> str:
    return SENTENCES.get(message, message[:1].lower() + message[1:].removesuffix("."))


class Blueprint(SmorestBlueprint):  # type: ignore[misc]
    """A resource. Every operation documents its scopes and the problems it may answer with."""

    ARGUMENTS_PARSER = Parser()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._prepare_doc_cbks.append(_common_doc)

    def add_url_rule(self, rule: str, endpoint: Any = None, view_func: Any = None, *args: Any, **options: Any) -> None:
        """Declare an operation. One without a query refuses any: a flag that is passed over may be a costly one."""
        taken = view_func if _takes_query(view_func) else _without_query(view_func)
        if _has_effect(f"{self.name}.{endpoint or view_func.__name__}", view_func, options.get("methods", ())):
            taken = idempotency.kept(taken)
        super().add_url_rule(rule, endpoint, taken, *args, **options)

    def _store_endpoint_docs(self, endpoint: str, obj: Any, parameters: Any, tags: Any, **options: Any) -> None:
        super()._store_endpoint_docs(endpoint, obj, parameters, tags, **options)
        for method, told in self._docs[endpoint].items():
            if method != "parameters":
                told.setdefault("manual_doc", {}).setdefault("operationId", f"{self.name}_{endpoint}")


def _has_effect(name: str, view: Callable[..., Any], methods: Collection[str]) -> bool:
    """Whether an operation needs a key and may write."""
    return not idempotency.UNSAFE.isdisjoint(methods) and "admit" in view.__dict__ and name not in idempotency.READS


def _takes_query(view: Callable[..., Any]) -> bool:
    told = getattr(view, "_apidoc", {})
    stated = [told.get(part, {}).get("parameters", ()) for part in ("arguments", "manual_doc")]
    return any(item.get("in") == "query" for items in stated for item in items)


def _without_query(view: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if request.environ.get("QUERY_STRING") and request.args:
            raise InvalidRequest([(name, not_taken(name)) for name in request.args])
        return view(*args, **kwargs)

    return wrapper


def _common_doc(doc: dict[str, Any], doc_info: dict[str, Any], **_: Any) -> dict[str, Any]:
    """What any operation may answer with, from what it takes."""
    scopes = doc_info.get("scopes")
    manual = doc_info.get("manual_doc", {})
    statuses = {400, 414, 422, 500, 503}
    if scopes is not None:
        statuses |= {401, 403, 404, 429}
        doc["security"] = [{"key": []}]
        doc["x-scopes"] = list(scopes)
    else:
        doc["security"] = []
    if "requestBody" in doc or "requestBody" in manual:
        statuses |= {413, 415}
    if doc_info.get("is_kept"):
        statuses |= {409, 413, 415}
        for place in (doc, manual) if "parameters" in manual else (doc,):
            place["parameters"] = [*place.get("parameters", ()), idempotency.HEADER]
    responses = doc.setdefault("responses", {})
    for status in sorted(statuses):
        if status not in responses and str(status) not in responses:
            responses[status] = http.HTTPStatus(status).name
    return doc


class Api(SmorestApi):  # type: ignore[misc]
    """The document: errors are problems."""

    ERROR_SCHEMA = Problem
    DEFAULT_ERROR_RESPONSE_NAME = None

    def _register_error_handlers(self) -> None:
        """None: api/problems.py answers every error."""

    def _register_responses(self) -> None:
        """A response of its own for every error status, as problem+json; and the header that many operations take."""
        self.spec.components.parameter(idempotency.HEADER, "header", idempotency.PARAMETER)
        for status in http.HTTPStatus:
            self.spec.components.response(status.name, _documented(status), lazy=True)


def _documented(status: http.HTTPStatus) -> dict[str, Any]:
    response: dict[str, Any] = {"description": title(status)}
    if status >= 400:
        code, detail = PROBLEM_EXAMPLES.get(status, (status.name.lower(), status.phrase))
        example = members(status, code, detail)
        response["content"] = {PROBLEM_JSON: {"schema": Problem, "example": example}}
    if status in (429, 503):
        response["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "seconds"}}
    return response
