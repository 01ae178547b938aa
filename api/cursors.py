"""Pages of a list, and the cursors between them: opaque, signed, and good for the question they came with alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import marshmallow as ma
from flask import has_request_context, request
from itsdangerous import BadData, URLSafeSerializer

from api.problems import MalformedBody
from ledger.settings import Settings

PAGE, LARGEST_PAGE = 50, 100
T = TypeVar("T")


class InvalidCursor(MalformedBody):
    """A cursor that we did not make, or that belongs to another question."""

    code = "invalid_cursor"


def make(settings: Settings, *, place: int, **question: str | None) -> str:
    """A cursor for what follows `place` in the answer to a question."""
    return _serializer(settings).dumps([place, _asked(question)])


def following(
    settings: Settings, found: Sequence[T], limit: int, place: Callable[[T], int], **question: str | None
) -> str | None:
    """The cursor of the page after the first `limit` of what was found; None where that was all."""
    return make(settings, place=place(found[limit - 1]), **question) if len(found) > limit else None


def read(settings: Settings, cursor: str, **question: str | None) -> int:
    """The place that a cursor stands for. Raises InvalidCursor where it belongs to another question."""
    try:
        place, asked = _serializer(settings).loads(cursor)
    except (BadData, ValueError, TypeError) as error:
        raise InvalidCursor("the cursor is not one of ours: start again without it") from error
    now = _asked(question)
    if changed := sorted(name for name in {*now, *asked} if asked.get(name) != now.get(name)):
        raise InvalidCursor(f"the cursor belongs to another {changed[0]}: start again without it")
    return int(place)


def _asked(question: Mapping[str, str | None]) -> dict[str, str | None]:
    """A question with the list that it is asked of."""
    return {**question, "list": request.endpoint if has_request_context() else None}


def limit(what: str) -> ma.fields.Integer:
    """The query parameter that says how many of something are wanted on a page."""
    return ma.fields.Integer(
        load_default=PAGE,
        validate=ma.validate.Range(1, LARGEST_PAGE),
        metadata={"description": f"{what} on a page"},
    )


def _serializer(settings: Settings) -> URLSafeSerializer:
    return URLSafeSerializer(settings.signing_keys(), salt="cursor")
