"""Formats of files that tell what happened elsewhere: how one is read, and what its lines may say."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple

from ledger.errors import LedgerError
from ledger.notation import read_instant

LONGEST_LINE = 4_096
_SECONDS = re.compile(r"([0-9]{1,11})(?:\.([0-9]{1,9}))?")


class UnreadableFile(LedgerError):
    """A file that is not what it was said to be, as a whole: nothing of it was posted."""

    code = "unreadable_file"


class BadLine(ValueError):
    """A line that says nothing that can be posted; the text says why."""


class Told(NamedTuple):
    """What a line says: of whom, and the event it makes. Times in microseconds.

    `identity` is what makes it this line and no other, wherever it has no `external_ref` of its own. `network` is empty
    where it is the import's. `consent_at_us` is when the creator agreed to be in the ledger, where the line says so.
    """

    external_id: str
    kind: str
    facts: dict[str, object]
    occurred_at_us: int
    identity: str
    external_ref: str = ""
    network: str = ""
    consent_at_us: int | None = None


class Item(NamedTuple):
    """A line by its number: what it says, or why it is `bad`, or why it is `ignored`; none of them for a header."""

    number: int
    told: Told | None = None
    bad: str = ""
    ignored: str = ""


@dataclass(frozen=True, slots=True)
class Format:
    """A way to read a file. `items` goes through all of it, always in the same order.

    `network` is where the caller names none. `key` tells readings of one file in different ways apart. `columns` names
    what a pointer into an event is called in the file. `enrols` where whoever has the file answers for consent.
    """

    name: str
    items: Callable[[BinaryIO], Iterator[Item]]
    network: str = ""
    key: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    enrols: bool = False


def by_line(read: Callable[[str], Told], is_header: Callable[[str], bool]) -> Callable[[BinaryIO], Iterator[Item]]:
    """The items of a file that says one thing a line; `read` raises BadLine, the first line may name the columns."""

    def items(file: BinaryIO) -> Iterator[Item]:
        for number, raw in enumerate(raw_lines(file), start=1):
            try:
                text = text_of(raw, number)
                yield Item(number) if number == 1 and is_header(text) else Item(number, read(text))
            except BadLine as bad:
                yield Item(number, bad=str(bad))

    return items


def raw_lines(file: BinaryIO) -> Iterator[bytes]:
    """Lines without their ends; one that is too long is cut just past the limit, its rest is dropped."""
    while raw := file.readline(LONGEST_LINE + 2):
        rest = raw
        while len(rest) == LONGEST_LINE + 2 and not rest.endswith(b"\n"):
            rest = file.readline(LONGEST_LINE + 2)
        yield raw.removesuffix(b"\n").removesuffix(b"\r")


def text_of(raw: bytes, number: int) -> str:
    """What a line says. Raises BadLine where it is too long, not UTF-8, or blank."""
    if len(raw) > LONGEST_LINE:
        raise BadLine(f"longer than {LONGEST_LINE} bytes")
    try:
        text = raw.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise BadLine(f"not UTF-8 at byte {error.start}") from error
    if "\0" in text:
        raise BadLine("holds a NUL character")
    if not text.strip():
        raise BadLine("is empty")
    return text


def seconds(text: str) -> int:
    """Unix seconds as microseconds, exactly; places past the sixth are cut. Raises BadLine."""
    match = _SECONDS.fullmatch(text)
    if match is None or not text.isascii():
        raise BadLine(f"time {text[:20]!r} is not a count of seconds since 1970")
    return int(match[1]) * 1_000_000 + int((match[2] or "")[:6].ljust(6, "0"))


def instant(text: str) -> int:
    """An RFC 3339 time as microseconds since 1970. Raises BadLine."""
    try:
        return read_instant(text.upper())
    except ValueError as error:
        raise BadLine(f"time {text[:40]!r} is not one with Z or an offset, such as 2026-11-23T16:00:00Z") from error
