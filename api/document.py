"""The OpenAPI document, and the page that shows it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import sha256
from importlib import resources
from typing import Any

import orjson
from apispec import APISpec
from flask import Blueprint, Flask, Response, current_app, render_template, request

from api import codes, document_links, encoding, event_documents, klout_keys

blp = Blueprint("document", __name__)
NAME = "trust_ledger.document"
STYLED = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
    " font-src 'self'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"
)
ABOUT = """Double-entry books for the trust that creators earn from their audiences.

**Amounts** are decimal strings in trust with six places, such as `"124.500000"`; rates and shares are strings too.
**Times** are RFC 3339 with `Z`, days ISO dates (UTC). Unknown fields are refused.
**Errors** are problem+json (RFC 9457): a stable `code`, a `detail` that names the thing, and `errors` by JSON pointer.
**Creators** are named by UUID or as `network:id`, with the id that the network gave them. Whoever may not know of a
creator is told that there is none.
**Keys** are sent as `Authorization: Bearer tl_…`; each operation says which scopes it asks of one.
**Retries** are safe: an event counts once under its `external_ref` for life, any call that writes once under its
`Idempotency-Key` for a day.
**Limits** of a key are told by the `RateLimit` headers of each answer; over them it is 429 with `Retry-After`.
"""
LONGEST_SUMMARY = 60
CLAUSE = re.compile(r"[,:;.] ")
OPTIONS: dict[str, Any] = {
    "info": {
        "description": ABOUT,
        "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
    },
    "servers": [{"url": "/"}],
}
PARAMETERS = {
    "creator": "the creator's UUID, or network:id as the network has it",
    "meter": "which book, network:<slug>; it may be left out of a query where the creator has one only",
    "seq": "the line's number in its book, from 1",
    "quote_id": "the quote's id, as the estimate gave it",
    "version": "the policy's version",
    "as_of": "the moment to look at, RFC 3339; now where left out",
    "from": "the first day",
    "to": "the last day",
    "interval": "how many days a point covers",
    "kind": "lines of this kind only",
    "after": "`next` of the page before",
}


def prepare(spec: APISpec) -> None:
    """Put into the document what no resource brings by itself."""
    spec.components.security_scheme(
        "key", {"type": "http", "scheme": "bearer", "description": "a key made by `trust-ledger keys create`"}
    )
    spec.components.security_scheme("klout_key", klout_keys.KEY_IN_QUERY)
    event_documents.register(spec)


def finish(app: Flask, spec: APISpec) -> None:
    """Complete the document with what its resources left unsaid, and keep it as the bytes it is sent as."""
    document = spec.to_dict()
    document["components"]["schemas"].pop("PaginationMetadata", None)  # flask-smorest's, and no resource's of ours
    code = document["components"]["schemas"]["Problem"]["properties"]["code"]
    code["enum"] = [each.name for each in codes.every()]
    shown = orjson.loads(resources.files("api").joinpath("examples.json").read_bytes())
    for item in document["paths"].values():
        for parameter in item.get("parameters", []):
            explain(parameter)
        for operation in (value for name, value in item.items() if name != "parameters"):
            for parameter in operation.get("parameters", []):
                explain(parameter)
            illustrate(operation, shown.get(operation["operationId"], {}))
            shorten(operation)
            demand(operation)
    for bodies in (found for place in ("paths", "components") for found in contents(document[place])):
        name_example(bodies)
    document_links.link(document)
    app.extensions[NAME] = orjson.dumps(document, option=orjson.OPT_NON_STR_KEYS)


def explain(parameter: dict[str, Any]) -> None:
    """Say what a parameter is, where its resource does not."""
    name = parameter.get("name")
    if name in PARAMETERS and not (parameter.get("description") or parameter["schema"].get("description")):
        parameter["description"] = PARAMETERS[name]


def illustrate(operation: dict[str, Any], shown: dict[str, Any]) -> None:
    """Give an operation's bodies the examples that its resource does not."""
    bodies = {"request": operation.get("requestBody"), "answer": operation["responses"].get("200")}
    for name, body in bodies.items():
        for content in (body or {}).get("content", {}).values():
            if name in shown and not content.keys() & {"example", "examples"}:
                content["example"] = shown[name]


def shorten(operation: dict[str, Any]) -> None:
    """Keep of a long summary its first clause: the page's menu cuts what takes more than two lines."""
    told = operation.get("summary", "")
    if len(told) > LONGEST_SUMMARY:
        operation["summary"] = CLAUSE.split(told)[0].replace("`", "")
        operation["description"] = "\n\n".join(filter(None, (told, operation.get("description"))))


def demand(operation: dict[str, Any]) -> None:
    """Say in the description which scopes a key needs: the page shows no extension."""
    if scopes := operation.get("x-scopes"):
        named = " and ".join(f"`{scope}`" for scope in scopes)
        needs = f"Needs a key with the scope{'s' if len(scopes) > 1 else ''} {named}."
        operation["description"] = "\n\n".join(filter(None, (operation.get("description"), needs)))


def contents(item: Any) -> Iterator[dict[str, Any]]:
    """Every media type of bodies in a part of the document."""
    if isinstance(item, dict):
        for name, inner in item.items():
            if name == "content" and isinstance(inner, dict):
                yield from inner.values()
            yield from contents(inner)


def name_example(content: dict[str, Any]) -> None:
    """Give a body's only example a name: the page shows none that lacks one."""
    if "example" in content:
        content["examples"] = {"example": {"summary": "Example", "value": content.pop("example")}}


@blp.get("/openapi.json")
def openapi() -> Response:
    """The document."""
    response = Response(current_app.extensions[NAME], mimetype=encoding.JSON)
    response.set_etag(sha256(current_app.extensions[NAME]).hexdigest()[:24])
    response.headers["Cache-Control"] = "no-cache"
    response.make_conditional(request)
    return response


@blp.get("/docs")
def docs() -> Response:
    """The document as a page. The component styles itself, which no other page of ours may."""
    response = Response(render_template("docs.html"), mimetype="text/html")
    response.headers["Content-Security-Policy"] = STYLED
    return response
