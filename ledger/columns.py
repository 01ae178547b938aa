"""Columns: CSV files of any shape, by a map of what each column says. What is in no column of the map is not kept."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

import orjson

from ledger import kinds
from ledger.errors import InvalidEvent
from ledger.formats import BadLine, Format, Item, Told, UnreadableFile, instant, seconds
from ledger.kinds.facts import Flag, Whole, fields_of

FACTS = tuple(dict.fromkeys(f"facts.{name}" for kind in kinds.PUBLIC.values() for name in fields_of(kind.facts)))
REQUIRED = ("creator", "kind", "occurred_at")
FIELDS = (*REQUIRED, "external_ref", "network", "consent_at", *FACTS)
LONGEST_LINE = 65_536
_WHOLE = re.compile(r"-?[0-9]{1,18}")
_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True, slots=True)
class Map:
    """Which column says what, and what holds where no column does or its cell is empty."""

    columns: Mapping[str, str]
    constants: Mapping[str, str]
    delimiter: str


@dataclass(slots=True)
class Lines:
    """A file's lines as the csv module takes them. `cut` are those that were too long, and were cut."""

    file: BinaryIO
    number: int = 0
    cut: list[int] = field(default_factory=list)

    def __iter__(self) -> Iterator[str]:
        """Each line with its end; bytes that are no UTF-8 become lone surrogates, which no field takes."""
        while raw := self.file.readline(LONGEST_LINE):
            self.number += 1
            rest = raw
            while len(rest) == LONGEST_LINE and not rest.endswith(b"\n"):
                rest = self.file.readline(LONGEST_LINE)
                self.cut[-1:] = [self.number]
            yield raw.decode("utf-8-sig" if self.number == 1 else "utf-8", "surrogateescape")


def mapped(*, columns: Mapping[str, str], constants: Mapping[str, str], delimiter: str = ",") -> Format:
    """CSV whose first line names the columns. A column that is named as a field needs no place in the map.

    `columns` is field to column, `constants` field to value. Raises UnreadableFile naming a field that there is not.
    """
    unknown = [name for name in (*columns, *constants) if name not in FIELDS]
    if unknown:
        raise UnreadableFile(f"there is no field {unknown[0]!r} to say something of; known: {', '.join(FIELDS)}")
    chosen = Map(columns, constants, delimiter)
    told = [sorted(columns.items()), sorted(constants.items()), delimiter]
    pointers = {_pointer(name): columns.get(name, name) for name in FIELDS}
    return Format("csv", lambda file: _items(chosen, file), key=orjson.dumps(told).decode(), columns=pointers)


def _pointer(name: str) -> str:
    return "/" + name.replace(".", "/")


def _items(chosen: Map, file: BinaryIO) -> Iterator[Item]:
    lines = Lines(file)
    rows = csv.reader(iter(lines), delimiter=chosen.delimiter, strict=True)
    places: dict[str, int] | None = None
    width = 0
    while True:
        first = lines.number + 1
        try:
            row = next(rows)
            _check_cut(lines, first)
            if places is None:
                places, width = _places(chosen, row), len(row)
                yield Item(first)
            else:
                yield Item(first, _read(chosen, places, row, width))
        except StopIteration:
            return
        except (csv.Error, BadLine) as bad:
            if places is None:
                raise UnreadableFile(f"line {first}, which has to name the columns: {bad}") from bad
            through = f" (through line {lines.number})" if lines.number > first else ""
            yield Item(first, bad=f"{'not CSV: ' if isinstance(bad, csv.Error) else ''}{bad}{through}")


def _check_cut(lines: Lines, first: int) -> None:
    if lines.cut and lines.cut[-1] >= first:
        raise BadLine(f"longer than {LONGEST_LINE} bytes")


def _places(chosen: Map, header: Sequence[str]) -> dict[str, int]:
    """Where each field stands in a row. Raises UnreadableFile naming what is missing, and what there is."""
    names = [name.strip() for name in header]
    shown = ", ".join(repr(name) for name in names)
    for name, column in chosen.columns.items():
        if names.count(column) != 1:
            how = "no" if column not in names else "more than one"
            raise UnreadableFile(f"there is {how} column {column!r} for {name}; the first line has {shown}")
    wanted = {name: chosen.columns.get(name, name) for name in FIELDS}
    places = {name: names.index(column) for name, column in wanted.items() if column in names}
    for name in REQUIRED:
        if name not in places and name not in chosen.constants:
            raise UnreadableFile(f"nothing says {name}: map a column to it, or set it; the first line has {shown}")
    return places


def _read(chosen: Map, places: Mapping[str, int], row: Sequence[str], width: int) -> Told:
    """What a row says. Raises BadLine."""
    if not any(cell.strip() for cell in row):
        raise BadLine("is empty")
    if len(row) != width:
        raise BadLine(f"has {len(row)} columns, the first line has {width}")
    cells = {name: row[place].strip() for name, place in places.items()}
    values = dict(chosen.constants) | {name: cell for name, cell in cells.items() if cell}
    for name, value in values.items():
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise BadLine(f"column {_column(chosen, name)}: not UTF-8")
    for name in REQUIRED:
        if not values.get(name):
            raise BadLine(f"column {_column(chosen, name)}: is empty")
    return Told(
        external_id=values["creator"],
        kind=values["kind"],
        facts=_facts(chosen, values),
        occurred_at_us=_time(chosen, "occurred_at", values["occurred_at"]),
        identity="\0".join(f"{name}={value}" for name, value in sorted(values.items())),
        external_ref=values.get("external_ref", ""),
        network=values.get("network", ""),
        consent_at_us=_time(chosen, "consent_at", values["consent_at"]) if "consent_at" in values else None,
    )


def _column(chosen: Map, name: str) -> str:
    return repr(chosen.columns.get(name, name))


def _time(chosen: Map, name: str, text: str) -> int:
    """RFC 3339, or seconds since 1970."""
    try:
        return seconds(text) if text.replace(".", "", 1).isdigit() else instant(text)
    except BadLine as bad:
        raise BadLine(f"column {_column(chosen, name)}: {bad}") from bad


def _facts(chosen: Map, values: Mapping[str, str]) -> dict[str, object]:
    """The facts of a row, as JSON would carry them."""
    try:
        known = fields_of(kinds.named(values["kind"]).facts)
    except InvalidEvent as wrong:
        raise BadLine(f"column {_column(chosen, 'kind')}: {wrong.errors[0][1]}") from wrong
    facts: dict[str, object] = {}
    for name in FACTS:
        if name in values:
            kind_of = type(known[name[6:]][0]) if name[6:] in known else None
            try:
                facts[name[6:]] = _value(kind_of, values[name])
            except ValueError as wrong:
                raise BadLine(f"column {_column(chosen, name)}: {wrong}") from wrong
    return facts


def _value(kind_of: type | None, text: str) -> object:
    if kind_of is Whole:
        if not _WHOLE.fullmatch(text):
            raise ValueError(f"{text[:20]!r} is not a whole number")
        return int(text)
    if kind_of is Flag:
        if text.casefold() not in _FLAGS:
            raise ValueError(f"{text[:20]!r} is neither true nor false")
        return _FLAGS[text.casefold()]
    return text
