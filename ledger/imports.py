"""Imports: files of what happened elsewhere, line by line through the one write path.

A line becomes an event whose reference follows from what the line says, so that importing a file again posts
nothing twice. How far a file came is kept in the transaction of each batch: a killed import is resumed.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ledger import creators, db, events, lookups, posting
from ledger.creators import AccountOf
from ledger.db import Database, Session
from ledger.errors import InvalidEvent, LedgerError
from ledger.events import NewEvent
from ledger.policy import Schedule

BATCH = 1_000
LONGEST_LINE = 4_096
MOST_NAMED = 1_000
_RATING = re.compile(r"-?[0-9]{1,2}")
_SECONDS = re.compile(r"([0-9]{1,11})(?:\.([0-9]{1,9}))?")

Named = tuple[int, str]
Progress = Callable[[int, int], object]


class UnknownFormat(LedgerError):
    """No import format by that name."""

    code = "unknown_format"


class BadLine(ValueError):
    """A line that says nothing that can be posted; the text says why."""


class Told(NamedTuple):
    """What a line says: of whom, by whom, and the event it makes. `occurred_at_us` in microseconds."""

    external_id: str
    kind: str
    facts: dict[str, object]
    occurred_at_us: int
    identity: str


@dataclass(frozen=True, slots=True)
class Format:
    """A file format: how a line is read (raises BadLine), what a first line is that only names the columns.

    `network` is where the caller names none.
    """

    name: str
    read: Callable[[str], Told]
    is_header: Callable[[str], bool]
    network: str


@dataclass(frozen=True, slots=True)
class Summary:
    """What became of a file's lines, each counted once. `skipped` were done by an earlier run, or are a header.

    `bad` and `refusals` name the first 1,000 each as (line number, why); `bad_lines` and `refused` count all.
    """

    lines: int
    posted: int
    replayed: int
    refused: int
    skipped: int
    bad_lines: int
    bad: list[Named]
    refusals: list[Named]


@dataclass(slots=True)
class Count:
    """The summary in the making."""

    lines: int = 0
    posted: int = 0
    replayed: int = 0
    refused: int = 0
    skipped: int = 0
    bad_lines: int = 0
    bad: list[Named] = field(default_factory=list)
    refusals: list[Named] = field(default_factory=list)

    def name_bad(self, number: int, why: str) -> None:
        """Count a bad line, and name it unless too many are named already."""
        self.bad_lines += 1
        if len(self.bad) < MOST_NAMED:
            self.bad.append((number, why))

    def add(self, numbers: Sequence[int], receipts: Sequence[events.Receipt]) -> None:
        """Count what a batch's receipts say."""
        for number, receipt in zip(numbers, receipts, strict=True):
            if receipt.status == "posted":
                self.posted += 1
            elif receipt.status == "replayed":
                self.replayed += 1
            else:
                self.refused += 1
                if len(self.refusals) < MOST_NAMED:
                    self.refusals.append((number, str(receipt.detail)))


@dataclass(frozen=True, slots=True)
class Run:
    """One import: the file, how it is read, and on whose behalf."""

    database: Database
    digest: str
    format: Format
    network: str
    source: str
    pepper: bytes
    schedule: Schedule
    clock: Callable[[], int]


@dataclass(slots=True)
class Latest:
    """The latest lines about one creator: their time, and how often each was said at that very time."""

    occurred_at_us: int
    number: int
    times: dict[str, int] = field(default_factory=dict)


Line = tuple[int, NewEvent | None]


def import_file(
    database: Database,
    *,
    path: Path,
    format: str,  # noqa: A002 - what the command line calls it
    source: str,
    pepper: bytes,
    schedule: Schedule,
    clock: Callable[[], int],
    progress: Progress | None = None,
    network: str | None = None,
    batch: int = BATCH,
) -> Summary:
    """Backfill a file's lines in file order, enrolling whoever they are about.

    `clock` gives microseconds; `progress` is called with (lines done, lines in all) after each batch.
    Bad lines are named, never fatal. Raises UnknownFormat, OSError, Unavailable.
    """
    known = named(format)
    chosen = network or known.network
    digest, total = _digest(path, f"{known.name}\0{chosen}\0".encode())
    run = Run(database, digest, known, chosen, source, pepper, schedule, clock)
    done = _lines_done(run)
    count = Count()
    with path.open("rb") as file:
        lines = _lines(run, file, count)
        while chunk := list(islice(lines, batch)):
            _post_chunk(run, chunk, count, done)
            if progress is not None:
                progress(chunk[-1][0], total)
    fields = (getattr(count, name) for name in Summary.__slots__)
    return Summary(*fields)


def named(name: str) -> Format:
    """The format of that name. Raises UnknownFormat naming those there are."""
    if name not in FORMATS:
        raise UnknownFormat(f"no format {name!r}; known: {', '.join(FORMATS)}")
    return FORMATS[name]


def _digest(path: Path, head: bytes) -> tuple[str, int]:
    """What tells this import from every other, and how many lines the file has."""
    digest, lines, last = sha256(head), 0, b"\n"
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
            lines, last = lines + block.count(b"\n"), block[-1:]
    return digest.hexdigest(), lines + (last != b"\n")


def _lines(run: Run, file: BinaryIO, count: Count) -> Iterator[Line]:
    """Every line of the file by number, with its event unless the line is bad or names the columns."""
    latest: dict[str, Latest] = {}
    for number, raw in enumerate(raw_lines(file), start=1):
        count.lines = number
        try:
            text = text_of(raw, number)
            if number == 1 and run.format.is_header(text):
                count.skipped += 1
                yield number, None
                continue
            told = run.format.read(text)
            times = _times_told(latest, told, number, now_us=run.clock())
            yield number, _event(run, told, times)
        except BadLine as bad:
            count.name_bad(number, str(bad))
            yield number, None
        except InvalidEvent as invalid:
            count.name_bad(number, invalid.detail)
            yield number, None


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


def _times_told(latest: dict[str, Latest], told: Told, number: int, *, now_us: int) -> int:
    """How often the file has said this very thing by now. A book is filled in time order or not at all."""
    if told.occurred_at_us > now_us + events.SKEW_US:
        raise BadLine("lies in the future")
    last = latest.get(told.external_id)
    if last is None or told.occurred_at_us > last.occurred_at_us:
        last = latest[told.external_id] = Latest(told.occurred_at_us, number)
    elif told.occurred_at_us < last.occurred_at_us:
        raise BadLine(f"out of order: it happened before line {last.number}, which is about the same creator")
    times = last.times.get(told.identity, 0) + 1
    last.times[told.identity] = times
    return times


def _event(run: Run, told: Told, times: int) -> NewEvent:
    # Sealed, because a plain hash of so few digits could be guessed back to the person who acted.
    sealed = events.seal(run.pepper, f"{run.network}\0{told.identity}")
    return events.new_event(
        creator=f"{run.network}:{told.external_id}",
        meter=None,
        source=run.source,
        external_ref=f"{run.format.name}:{sealed}" + (f":{times}" if times > 1 else ""),
        kind=told.kind,
        facts=told.facts,
        occurred_at_us=told.occurred_at_us,
        pepper=run.pepper,
    )


def _post_chunk(run: Run, chunk: Sequence[Line], count: Count, done: int) -> None:
    good = [(number, event) for number, event in chunk if event is not None and number > done]
    count.skipped += sum(event is not None and number <= done for number, event in chunk)
    if chunk[-1][0] <= done:
        return
    receipts = run.database.write(
        lambda session: _post(session, run, [event for _, event in good], through=chunk[-1][0])
    )
    count.add([number for number, _ in good], receipts)


def _post(session: Session, run: Run, batch: Sequence[NewEvent], *, through: int) -> list[events.Receipt]:
    _enrol(session, run, {str(event.creator.external_id) for event in batch})
    receipts = posting.post(session, events=batch, clock=run.clock, schedule=run.schedule, backfill=True)
    db.execute(
        session,
        "INSERT INTO import_run (file_digest, source, lines_done, updated_at_us) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (file_digest, source) DO UPDATE"
        " SET lines_done = excluded.lines_done, updated_at_us = excluded.updated_at_us",
        (run.digest, run.source, through, run.clock()),
    )
    return receipts


def _enrol(session: Session, run: Run, external_ids: set[str]) -> None:
    """Enrol whoever is new. The operator answers for the consent: the file is theirs to import."""
    names = {(run.network, external_id) for external_id in external_ids}
    for network, external_id in sorted(names - lookups.accounts(session, names).keys()):
        now_us = run.clock()
        creators.enrol(
            session,
            display_name=external_id,
            accounts=[AccountOf(network, external_id)],
            consent_at_us=now_us,
            enrolled_by=f"import:{run.format.name}",
            now_us=now_us,
            terms=f"import: {run.source}",
        )


def _lines_done(run: Run) -> int:
    sql = "SELECT lines_done FROM import_run WHERE file_digest = ? AND source = ?"
    with run.database.reading() as session:
        rows = db.fetch(session, sql, (run.digest, run.source))
    return rows[0][0] if rows else 0


def read_rating(text: str) -> Told:
    """source,target,rating,time: one person's rating of another, -10 to 10 and never 0. Raises BadLine."""
    try:
        columns = next(csv.reader([text], strict=True))
    except csv.Error as error:
        raise BadLine(f"not CSV: {error}") from error
    if len(columns) != 4:
        raise BadLine(f"has {len(columns)} columns, expected source,target,rating,time")
    rater, rated, given, seconds = columns
    if rater == rated:
        raise BadLine("rates itself")
    rating = _rating(given)
    occurred_at_us = _micros(seconds)
    identity = "\0".join((rater, rated, str(rating), str(occurred_at_us)))
    if rating < 0:
        facts: dict[str, object] = {"severity": -(4 * rating // 10), "category": "other"}
        return Told(rated, "breach", facts, occurred_at_us, identity)
    facts = {"act": "rating", "engager": rater, "strength": "1" if rating == 10 else f"0.{rating}"}
    return Told(rated, "engagement", facts, occurred_at_us, identity)


def is_rating_header(text: str) -> bool:
    """Whether a line has the columns of a rating, with words where its numbers would be."""
    columns = text.split(",")
    return len(columns) == 4 and not any(character.isdigit() for column in columns[2:] for character in column)


def _rating(text: str) -> int:
    if not _RATING.fullmatch(text) or not 1 <= abs(int(text)) <= 10:
        raise BadLine(f"rating {text[:20]!r} is not a whole number from -10 to 10 other than 0")
    return int(text)


def _micros(text: str) -> int:
    """Unix seconds as microseconds, exactly; places past the sixth are cut."""
    match = _SECONDS.fullmatch(text)
    if match is None:
        raise BadLine(f"time {text[:20]!r} is not a count of seconds since 1970")
    return int(match[1]) * 1_000_000 + int((match[2] or "")[:6].ljust(6, "0"))


FORMATS: dict[str, Format] = {"ratings": Format("ratings", read_rating, is_rating_header, "otc")}
