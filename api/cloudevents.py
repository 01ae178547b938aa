"""CloudEvents 1.0 in JSON, one (structured) or many (batched): the same events in another envelope.

`id` is the external_ref, `type` the kind, `subject` the creator, `time` when it happened, `data` the facts, and the
extension `meter` the meter. What else is well formed is taken and passed over, as the standard asks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from api.blueprint import escaped
from ledger.errors import Forbidden, InvalidEvent
from ledger.events import Receipt

STRUCTURED = "application/cloudevents+json"
BATCHED = "application/cloudevents-batch+json"
PREFIX = "com.trustledger."
LONGEST = 2_000
URI = r"([A-Za-z0-9._~:/?#@!$&'()*+,;=\[\]-]|%[0-9A-Fa-f]{2})+"
ABSOLUTE = rf"[A-Za-z][A-Za-z0-9+.-]*:{URI}"
OF_JSON = r"[A-Za-z0-9!#$&^_.+-]+/([A-Za-z0-9!#$&^_.+-]*\+)?[jJ][sS][oO][nN]([ \t]*;[\t -~]*)?"
NAME = "[a-z0-9]+"
FORMS = {
    "source": (re.compile(URI), "must be a URI reference"),
    "dataschema": (re.compile(ABSOLUTE), "must be an absolute URI"),
    "datacontenttype": (re.compile(OF_JSON), "must be JSON, such as application/json"),
}
MEMBERS = {
    "subject": "creator",
    "type": "kind",
    "id": "external_ref",
    "time": "occurred_at",
    "data": "facts",
    "meter": "meter",
}
NAMED = {f"/{ours}": f"/{theirs}" for theirs, ours in MEMBERS.items()}
KNOWN = {*MEMBERS, *FORMS, "specversion", "data_base64"}


def read(given: Any) -> dict[str, Any]:
    """The event in an envelope, still to be checked itself. Raises InvalidEvent."""
    if not isinstance(given, dict):
        raise InvalidEvent([("", "must be an object")])
    told = {name: value for name, value in given.items() if value is not None}  # null is as good as left out
    if wrong := list(_wrong(told)):
        raise InvalidEvent(wrong)
    event = {ours: told[theirs] for theirs, ours in MEMBERS.items() if theirs in told}
    if isinstance(kind := event.get("kind"), str):
        event["kind"] = kind.removeprefix(PREFIX)
    return event


def read_each(given: list[Any]) -> Iterator[dict[str, Any] | InvalidEvent]:
    """The events in a batch of envelopes, or what is wrong with one."""
    for one in given:
        try:
            yield read(one)
        except InvalidEvent as wrong:
            yield wrong


def _wrong(told: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What an envelope has that it must not, and what it lacks; of its event nothing yet."""
    if told.get("specversion") != "1.0":
        yield "/specversion", 'must be "1.0"'
    if "source" not in told:
        yield "/source", "is required"
    if "data_base64" in told:
        yield "/data_base64", "is not taken: the facts are JSON, in data"
    for name, (form, what) in FORMS.items():
        value = told.get(name)
        if value is not None and not (isinstance(value, str) and len(value) <= LONGEST and form.fullmatch(value)):
            yield f"/{name}", what
    for name in told.keys() - KNOWN:
        if not re.fullmatch(NAME, name):
            yield f"/{escaped(name)}", "is no name of an attribute: lower case letters and digits"
        elif not isinstance(told[name], str | int):  # a bool is an int
            yield f"/{name}", "must be a text, a whole number, true or false"


def refusal(error: InvalidEvent | Forbidden) -> InvalidEvent | Forbidden:
    """What is wrong with an event, told of its envelope's members."""
    if isinstance(error, InvalidEvent):
        return InvalidEvent([(_located(pointer), what) for pointer, what in error.errors])
    return Forbidden(error.detail, pointer=_located(error.pointer))


def located(receipt: Receipt) -> Receipt:
    """A receipt whose errors point into the envelope."""
    if not receipt.errors:
        return receipt
    errors = tuple((_located(pointer), what) for pointer, what in receipt.errors)
    detail = receipt.detail or ""
    for (pointer, _), (theirs, _) in zip(receipt.errors, errors, strict=True):
        detail = detail.replace(f"{pointer}: ", f"{theirs}: ", 1) if pointer else detail
    return replace(receipt, errors=errors, detail=detail)


def _located(pointer: str) -> str:
    head, slash, rest = pointer[1:].partition("/")
    return NAMED.get(f"/{head}", pointer[: 1 + len(head)]) + slash + rest if pointer else pointer
