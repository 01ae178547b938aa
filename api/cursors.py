"""Cursors: opaque, signed, and good for the question they came with and for no other."""

from __future__ import annotations

from itsdangerous import BadData, URLSafeSerializer

from api.problems import MalformedBody
from ledger.settings import Settings


class InvalidCursor(MalformedBody):
    """A cursor that we did not make, or that belongs to another question."""

    code = "invalid_cursor"


def make(settings: Settings, *, place: int, **question: str | None) -> str:
    """A cursor for what follows `place` in the answer to a question."""
    return _serializer(settings).dumps([place, question])


def read(settings: Settings, cursor: str, **question: str | None) -> int:
    """The place that a cursor stands for. Raises InvalidCursor where it belongs to another question."""
    try:
        place, asked = _serializer(settings).loads(cursor)
    except (BadData, ValueError, TypeError) as error:
        raise InvalidCursor("the cursor is not one of ours: start again without it") from error
    changed = [name for name, value in question.items() if asked.get(name) != value]
    if changed:
        raise InvalidCursor(f"the cursor belongs to another {changed[0]}: start again without it")
    return int(place)


def _serializer(settings: Settings) -> URLSafeSerializer:
    return URLSafeSerializer(settings.signing_keys(), salt="cursor")
