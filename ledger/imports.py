"""Imports: files of what happened elsewhere, line by line through the one write path.

A line becomes an event whose reference follows from what the line says, so that importing a file again posts
nothing twice. How far a file came is kept in the transaction of each batch: a killed import is resumed. Nothing is
kept of what lies behind a line that was refused: the next run tries it again, and replays what was posted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
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
from ledger.formats import BadLine, Format, Item, Told
from ledger.policy import Schedule
from ledger.ratings import RATINGS

BATCH = 1_000
MOST_NAMED = 1_000
FORMATS: dict[str, Format] = {RATINGS.name: RATINGS}  # those that need no more said than their name

Named = tuple[int, str]
Progress = Callable[[int, int], object]


class UnknownFormat(LedgerError):
    """No import format by that name."""

    code = "unknown_format"


@dataclass(frozen=True, slots=True)
class Agreed:
    """How the creators in a file agreed to be in the ledger: when (microseconds), to what, where the proof is."""

    at_us: int
    terms: str = ""
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Summary:
    """What became of a file's lines, each counted once. `skipped` were done by an earlier run, `headers` name columns.

    `bad` and `refusals` name the first 1,000 each as (line number, why); `bad_lines` and `refused` count all.
    `ignored` counts by reason what is not for these books.
    """

    lines: int
    posted: int
    replayed: int
    refused: int
    skipped: int
    bad_lines: int
    bad: list[Named]
    refusals: list[Named]
    ignored: Mapping[str, int] = field(default_factory=dict)
    headers: int = 0


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
    ignored: dict[str, int] = field(default_factory=dict)
    headers: int = 0

    def name_bad(self, number: int, why: str) -> None:
        """Count a bad line, and name it unless too many are named already."""
        self.bad_lines += 1
        if len(self.bad) < MOST_NAMED:
            self.bad.append((number, why))

    def ignore(self, why: str) -> None:
        """Count what is not for these books."""
        self.ignored[why] = self.ignored.get(why, 0) + 1

    def add(self, lines: Sequence[Line], receipts: Sequence[events.Receipt]) -> None:
        """Count what a batch's receipts say."""
        for line, receipt in zip(lines, receipts, strict=True):
            if receipt.status == "posted":
                self.posted += 1
            elif receipt.status == "replayed":
                self.replayed += 1
            else:
                self.refused += 1
                if len(self.refusals) < MOST_NAMED:
                    self.refusals.append((line.number, str(receipt.detail)))


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
    agreed: Agreed | None


class TooEarly(BadLine):
    """A line that is bad only until its time has come."""


@dataclass(slots=True)
class Reach:
    """How far a file is done, by place: `before` this run, and `now`, up to a line that has to be tried again."""

    before: int
    now: int


@dataclass(slots=True)
class Latest:
    """The latest lines about one creator: their time, and how often each was said at that very time."""

    occurred_at_us: int
    number: int
    times: dict[str, int] = field(default_factory=dict)


class Line(NamedTuple):
    """A line's place in the reading and its number in the file, with its event unless there is none.

    `early` where it may be good in a later run.
    """

    place: int
    number: int
    event: NewEvent | None = None
    consent_at_us: int | None = None
    early: bool = False


def import_file(
    database: Database,
    *,
    path: Path,
    format: str | Format,  # noqa: A002 - what the command line calls it
    source: str,
    pepper: bytes,
    schedule: Schedule,
    clock: Callable[[], int],
    progress: Progress | None = None,
    network: str | None = None,
    batch: int = BATCH,
    agreed: Agreed | None = None,
) -> Summary:
    """Backfill a file's lines in the order of their reading, enrolling whoever they are about and who `agreed`.

    `clock` gives microseconds; `progress` is called with (lines done, lines in all) after each batch.
    Bad lines are named, never fatal. Raises UnknownFormat, UnreadableFile, OSError, Unavailable.
    """
    known = named(format) if isinstance(format, str) else format
    chosen = network or known.network
    digest, total = _digest(path, f"{known.name}\0{chosen}\0{known.key}".encode())
    run = Run(database, digest, known, chosen, source, pepper, schedule, clock, agreed)
    done = _lines_done(run)
    reach, count = Reach(done, done), Count()
    with path.open("rb") as file:
        lines = _lines(run, file, count)
        while chunk := list(islice(lines, batch)):
            _post_chunk(run, chunk, count, reach)
            if progress is not None:
                progress(chunk[-1].place, max(total, chunk[-1].place))
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
    """Every line of the file, with its event unless it is bad, is ignored or names the columns."""
    latest: dict[tuple[str, str], Latest] = {}
    for place, item in enumerate(run.format.items(file), start=1):
        count.lines = place
        try:
            yield Line(place, item.number, *_event(run, item, latest, count))
        except BadLine as bad:
            count.name_bad(item.number, str(bad))
            yield Line(place, item.number, early=isinstance(bad, TooEarly))
        except InvalidEvent as invalid:
            count.name_bad(item.number, _in_columns(run.format, invalid))
            yield Line(place, item.number)


def _event(
    run: Run, item: Item, latest: dict[tuple[str, str], Latest], count: Count
) -> tuple[NewEvent | None, int | None]:
    """The event that a line makes, if any, and when its creator agreed. Raises BadLine or InvalidEvent."""
    told = item.told
    if item.bad:
        raise BadLine(item.bad)
    if told is None:
        if item.ignored:
            count.ignore(item.ignored)
        else:
            count.headers += 1
        return None, None
    times = _times_told(latest, run, told, item.number)
    if told.consent_at_us is not None and not events.EARLIEST_US <= told.consent_at_us <= run.clock() + events.SKEW_US:
        raise TooEarly("the consent must not be before the year 2000 or in the future")
    event = events.new_event(
        creator=f"{told.network or run.network}:{told.external_id}",
        meter=None,
        source=run.source,
        external_ref=told.external_ref or _reference(run, told, times),
        kind=told.kind,
        facts=told.facts,
        occurred_at_us=told.occurred_at_us,
        pepper=run.pepper,
    )
    return event, told.consent_at_us


def _reference(run: Run, told: Told, times: int) -> str:
    # Sealed, because a plain hash of so few digits could be guessed back to the person who acted.
    sealed = events.seal(run.pepper, f"{run.network}\0{told.identity}")
    return f"{run.format.name}:{sealed}" + (f":{times}" if times > 1 else "")


def _in_columns(known: Format, invalid: InvalidEvent) -> str:
    """What is wrong with an event, by the columns of the file where it has some."""
    if not known.columns:
        return invalid.detail
    named = [f"column {known.columns[where]!r}: {what}" for where, what in invalid.errors if where in known.columns]
    return "; ".join(named) or invalid.detail  # what no column says, such as the meter, follows from those that do


def _times_told(latest: dict[tuple[str, str], Latest], run: Run, told: Told, number: int) -> int:
    """How often the file has said this very thing by now. A book is filled in time order or not at all."""
    if told.occurred_at_us > run.clock() + events.SKEW_US:
        raise TooEarly("lies in the future")
    whose = (told.network, told.external_id)
    last = latest.get(whose)
    if last is None or told.occurred_at_us > last.occurred_at_us:
        last = latest[whose] = Latest(told.occurred_at_us, number)
    elif told.occurred_at_us < last.occurred_at_us:
        raise BadLine(f"out of order: it happened before line {last.number}, which is about the same creator")
    times = last.times.get(told.identity, 0) + 1
    last.times[told.identity] = times
    return times


def _post_chunk(run: Run, chunk: Sequence[Line], count: Count, reach: Reach) -> None:
    said = [line for line in chunk if line.event is not None]
    good = [line for line in said if line.place > reach.before]
    count.skipped += len(said) - len(good)
    if chunk[-1].place <= reach.before:
        return
    receipts, reach.now = run.database.write(lambda session: _post(session, run, good, chunk, reach))
    count.add(good, receipts)


def _post(
    session: Session, run: Run, good: Sequence[Line], chunk: Sequence[Line], reach: Reach
) -> tuple[list[events.Receipt], int]:
    """Post a chunk's lines, and keep how far the file is done by now. Gives both."""
    _enrol(session, run, good)
    batch = [line.event for line in good if line.event is not None]
    receipts = posting.post(session, events=batch, clock=run.clock, schedule=run.schedule, backfill=True)
    through = _through(good, receipts, chunk, reach)
    db.execute(
        session,
        "INSERT INTO import_run (file_digest, source, lines_done, updated_at_us) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (file_digest, source) DO UPDATE"
        " SET lines_done = excluded.lines_done, updated_at_us = excluded.updated_at_us",
        (run.digest, run.source, through, run.clock()),
    )
    return receipts, through


def _through(good: Sequence[Line], receipts: Sequence[events.Receipt], chunk: Sequence[Line], reach: Reach) -> int:
    """How far the file is done: nowhere past a line that was refused or is early, in this chunk or one before it."""
    if reach.now < chunk[0].place - 1:
        return reach.now
    again = [line.place for line, receipt in zip(good, receipts, strict=True) if receipt.status == "refused"]
    again += [line.place for line in chunk if line.early and line.place > reach.before]
    return min(again, default=chunk[-1].place + 1) - 1


def _enrol(session: Session, run: Run, lines: Sequence[Line]) -> None:
    """Enrol whoever is new and agreed. Of whoever did not, every line is refused: there is no such creator."""
    agreed: dict[tuple[str, str], Agreed] = {}
    for line in lines:
        if line.event is not None and (consent := _consent(run, line)):
            ref = line.event.creator
            agreed.setdefault((str(ref.network), str(ref.external_id)), consent)
    for network, external_id in sorted(agreed.keys() - lookups.accounts(session, set(agreed)).keys()):
        consent = agreed[network, external_id]
        creators.enrol(
            session,
            display_name=external_id,
            accounts=[AccountOf(network, external_id)],
            consent_at_us=consent.at_us,
            enrolled_by=f"import:{run.format.name}",
            now_us=run.clock(),
            terms=consent.terms or f"import: {run.source}",
            evidence=consent.evidence,
        )


def _consent(run: Run, line: Line) -> Agreed | None:
    """How the creator of a line agreed: as the line says, the operator, or nobody."""
    base = run.agreed or (Agreed(run.clock()) if run.format.enrols else None)
    if line.consent_at_us is None:
        return base
    return Agreed(line.consent_at_us, *((base.terms, base.evidence) if base else ()))


def _lines_done(run: Run) -> int:
    sql = "SELECT lines_done FROM import_run WHERE file_digest = ? AND source = ?"
    with run.database.reading() as session:
        rows = db.fetch(session, sql, (run.digest, run.source))
    return rows[0][0] if rows else 0
