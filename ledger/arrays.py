"""Arrays as PostgreSQL reads them from text.

psycopg's own dumper looks at every element with a regular expression: half of a large batch's time went there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def columns(rows: Iterable[Sequence[object]]) -> list[str]:
    """The columns of rows, each as an array literal."""
    return [literal(column) for column in zip(*rows, strict=True)]


def literal(values: Sequence[object]) -> str:
    """An array literal of texts, integers, flags or bytes, all of one type; None is NULL."""
    first = next((value for value in values if value is not None), None)
    if isinstance(first, str):
        return "{" + ",".join(map(_text, values)) + "}"
    if isinstance(first, bytes | memoryview):
        return "{" + ",".join(map(_bytes, values)) + "}"
    return "{" + repr(list(values))[1:-1].replace("None", "NULL") + "}"


def _text(value: object) -> str:
    if value is None:
        return "NULL"
    text = str(value)
    if '"' in text or "\\" in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def _bytes(value: object) -> str:
    return "NULL" if value is None else f'"\\\\x{bytes(value).hex()}"'  # type: ignore[call-overload]
