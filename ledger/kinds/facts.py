"""What may be said of an event: the fields of its facts, their bounds, and the one reader that checks them.

A kind's facts are a frozen dataclass whose fields are `Annotated[int, Share(...)]` and the like. Everything
that needs to know them (reading, the HTTP schema, the docs) derives from that.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar, get_type_hints

from ledger.economy import PPM
from ledger.errors import InvalidEvent

_SHARE = re.compile(r"[0-9]{1,3}(\.[0-9]{1,6})?")


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number within inclusive bounds."""

    low: int
    high: int
    what: str

    def read(self, value: object) -> int:
        """The integer; JSON's 100.0 is 100, true and "12" are refused. Raises ValueError with the reason."""
        if type(value) is float and value.is_integer():
            value = int(value)
        if type(value) is not int:
            raise ValueError("must be a whole number")
        if not self.low <= value <= self.high:
            raise ValueError(f"must be between {self.low} and {self.high}")
        return value

    def show(self, value: int) -> object:
        """The value as JSON carries it."""
        return value


@dataclass(frozen=True, slots=True)
class Share:
    """A share written as a decimal string, "0.7"; kept in ppm."""

    what: str
    low: int = 0
    high: int = PPM

    def read(self, value: object) -> int:
        """The share in ppm. Raises ValueError with the reason."""
        if not isinstance(value, str) or not _SHARE.fullmatch(value):
            raise ValueError('must be a decimal string with at most six places, such as "0.7"')
        whole, _, places = value.partition(".")
        ppm = int(whole) * PPM + int(places.ljust(6, "0"))
        if not self.low <= ppm <= self.high:
            raise ValueError(f"must be between {show_ppm(self.low)} and {show_ppm(self.high)}")
        return ppm

    def show(self, value: int) -> object:
        """The value as JSON carries it."""
        return show_ppm(value)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    words: tuple[str, ...]
    what: str

    def read(self, value: object) -> str:
        """The word. Raises ValueError naming the words there are."""
        if not isinstance(value, str) or value not in self.words:
            raise ValueError(f"must be one of {', '.join(self.words)}")
        return value

    def show(self, value: str) -> object:
        """The value as JSON carries it."""
        return value


@dataclass(frozen=True, slots=True)
class Name:
    """A reference or slug: visible characters without spaces at the ends, bounded, no control characters."""

    what: str
    longest: int = 200
    pattern: str = r"[^\x00-\x1f\x7f\ud800-\udfff]+"
    personal: bool = False

    def read(self, value: object) -> str:
        """The text. Raises ValueError with the reason."""
        if not isinstance(value, str) or not 1 <= len(value) <= self.longest:
            raise ValueError(f"must be a text of 1 to {self.longest} characters")
        if value != value.strip() or not _compiled(self.pattern).fullmatch(value):
            raise ValueError(FORMS.get(self.pattern, "has characters that are not allowed here"))
        return value

    def show(self, value: str) -> object:
        """The value as JSON carries it."""
        return value


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""

    what: str

    def read(self, value: object) -> bool:
        """The flag. Raises ValueError with the reason."""
        if not isinstance(value, bool):
            raise ValueError("must be true or false")
        return value

    def show(self, value: bool) -> object:
        """The value as JSON carries it."""
        return value


Field = Whole | Share | Choice | Name | Flag
SLUG = r"[a-z0-9][a-z0-9_-]*"
REPORTER = Name("whose reference that is, where it was reported by someone else", 64, SLUG)
FORMS = {SLUG: "must be lower case letters, digits, - and _, and start with a letter or digit"}
F = TypeVar("F")


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


_FIELDS: dict[type, dict[str, tuple[Field, bool]]] = {}
_REQUIRED: dict[type, tuple[str, ...]] = {}
_SHOWN: dict[type, tuple[tuple[str, Field | None], ...]] = {}


def fields_of(facts: type) -> dict[str, tuple[Field, bool]]:
    """The fields of a facts dataclass: name to (field, required)."""
    if facts not in _FIELDS:
        hints = get_type_hints(facts, include_extras=True)
        _FIELDS[facts] = {
            field.name: (hints[field.name].__metadata__[0], field.default is dataclasses.MISSING)
            for field in dataclasses.fields(facts)
        }
    return _FIELDS[facts]


def read(facts: type[F], given: object, *, seal: Callable[[str], str]) -> F:
    """Check what a partner said of an event and return it as the kind's dataclass.

    `seal` turns a person's name into a keyed hash, so that no name goes further than here.
    Raises InvalidEvent with every field that is missing, unknown or out of bounds.
    """
    if not isinstance(given, Mapping):
        raise InvalidEvent([("/facts", "must be an object")])
    known = fields_of(facts)
    errors: list[tuple[str, str]] = []
    values: dict[str, Any] = {}
    for name, value in given.items():
        try:
            field = known[name][0]
            values[name] = field.read(value)
            if type(field) is Name and field.personal:
                values[name] = seal(values[name])
        except KeyError:
            errors.append((_pointer(name), f"unknown field; known: {', '.join(known) or 'none'}"))
        except ValueError as reason:
            errors.append((_pointer(name), str(reason)))
    errors += [(_pointer(name), "is required") for name in _required(facts) if name not in given]
    if errors:
        raise InvalidEvent(errors)
    return facts(**values)


def _pointer(name: object) -> str:
    return f"/facts/{str(name).replace('~', '~0').replace('/', '~1')}"


def _required(facts: type) -> tuple[str, ...]:
    if facts not in _REQUIRED:
        _REQUIRED[facts] = tuple(name for name, (_, needed) in fields_of(facts).items() if needed)
    return _REQUIRED[facts]


def _shown(facts: type) -> tuple[tuple[str, Field | None], ...]:
    """Each field's name, with the field where its value is written otherwise than it is kept."""
    if facts not in _SHOWN:
        _SHOWN[facts] = tuple(
            (name, field if type(field) is Share else None) for name, (field, _) in fields_of(facts).items()
        )
    return _SHOWN[facts]


def show(facts: object) -> dict[str, Any]:
    """Facts as JSON carries them: every field that is not None, defaults included."""
    shown = {}
    for name, field in _shown(type(facts)):
        value = getattr(facts, name)
        if value is not None:
            shown[name] = value if field is None else field.show(value)
    return shown


def show_ppm(ppm: int) -> str:
    """A share as a decimal string: 700000 is "0.7"."""
    if ppm == PPM:
        return "1"
    sign, ppm = ("-", -ppm) if ppm < 0 else ("", ppm)
    whole, places = divmod(ppm, PPM)
    return f"{sign}{whole}.{places:06d}".rstrip("0").rstrip(".")
