"""Fields for envelopes: like marshmallow's, where those would let something through that we refuse."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

from ledger import notation

VISIBLE = r"^[^\s\x00-\x1f\x7f]([^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f])?$"


def told(what: str) -> dict[str, Any]:
    """What any member of an answer is declared with: it is always there, and the document says what it is."""
    return {"required": True, "metadata": {"description": what}}


class Shown(ma.Schema):
    """Base of what goes out: a client has to bear members it does not know yet."""

    class Meta:
        """Said in the document by saying nothing of other members."""

        unknown = ma.EXCLUDE


class SafeString(ma.fields.String):
    """Text without control characters, lone surrogates or spaces at its ends, and bounded."""

    def __init__(self, *, longest: int = 200, shortest: int = 1, **kwargs: Any) -> None:
        checks = [ma.validate.Length(shortest, longest), *kwargs.pop("validate", ())]
        metadata = {"pattern": VISIBLE, **kwargs.pop("metadata", {})}
        super().__init__(validate=checks, metadata=metadata, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        if text and (text != text.strip() or any(_is_unsafe(character) for character in text)):
            raise ma.ValidationError("has characters that are not allowed here")
        return text


def _is_unsafe(character: str) -> bool:
    return character < " " or character == "\x7f" or "\ud800" <= character <= "\udfff"


class JsonInteger(ma.fields.Integer):
    """A whole number of JSON: 100.0 is 100; 1.9, "12" and true are refused."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
            raise ma.ValidationError("must be a whole number")
        return super()._deserialize(int(value), attr, data, **kwargs)


class Instant(ma.fields.Field[int]):
    """A time: RFC 3339 with Z or an offset in JSON, microseconds since 1970 inside."""

    def __init__(self, **kwargs: Any) -> None:
        shape = {"type": "string", "format": "date-time", "pattern": f"^{notation.INSTANT}$"}
        super().__init__(metadata=shape | kwargs.pop("metadata", {}), **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        try:
            return notation.read_instant(value)
        except ValueError as reason:
            raise ma.ValidationError(str(reason)) from reason

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else notation.instant(value)


class Day(ma.fields.Field[int]):
    """A UTC day: an ISO date in JSON, days since 1970 inside."""

    def __init__(self, **kwargs: Any) -> None:
        shape = {"type": "string", "format": "date"}
        super().__init__(metadata=shape | kwargs.pop("metadata", {}), **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        try:
            return notation.read_day(value)
        except ValueError as reason:
            raise ma.ValidationError(str(reason)) from reason

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else notation.day(value)


class Trust(ma.fields.Field[int]):
    """An amount, out only: micro-trust inside, a decimal string with six places in JSON."""

    def __init__(self, **kwargs: Any) -> None:
        shape = {"type": "string", "pattern": r"^-?[0-9]+\.[0-9]{6}$"}
        super().__init__(metadata=shape | kwargs.pop("metadata", {}), **kwargs)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else notation.trust(value)
