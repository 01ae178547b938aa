"""The document as a judge: every answer that a test gets from the API has to be one that the document tells of."""

import re
from functools import lru_cache
from typing import Any

import orjson
import schemathesis
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

CONVERTED = re.compile(r"<(?:[^:<>]+:)?([^<>]+)>")
CHECKED = re.compile(r"/v[12]/|/healthz|/readyz")


class Judged(FlaskClient):
    """A client whose answers are held against the document: status, media type, headers and body."""

    def open(self, *args: Any, **kwargs: Any) -> Any:
        """Send a request; what comes back is as documented, or an AssertionError says how it is not."""
        answer = super().open(*args, **kwargs)
        if CHECKED.match(answer.request.path):
            judge(self.application, answer)
        return answer


def judge(app: Flask, answer: Any) -> None:
    """Raise AssertionError where an answer is none that its operation documents."""
    try:
        rule, _ = app.url_map.bind("localhost").match(
            answer.request.path, method=answer.request.method, return_rule=True
        )
    except (RequestRedirect, HTTPException):
        return  # nobody's operation: an address or a method that there is not
    path = CONVERTED.sub(r"{\1}", rule.rule)
    try:
        operation = schema(app.extensions["trust_ledger.document"])[path][answer.request.method]
    except LookupError:
        return
    if str(answer.status_code) not in operation.definition.raw["responses"]:
        raise AssertionError(f"{answer.request.method} {path} documents no {answer.status}")
    try:
        operation.validate_response(answer)
    except AssertionError:
        raise
    except Exception as unlike:
        raise AssertionError(f"{answer.request.method} {path} answered {answer.status}: {unlike}") from unlike


@lru_cache(maxsize=8)
def schema(document: bytes) -> Any:
    """The document, ready to judge by; it costs a second, so that tests share it."""
    return schemathesis.openapi.from_dict(orjson.loads(document))
