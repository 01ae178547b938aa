"""Simulation: what the real books would hold had a candidate policy priced them, and for whom that differs.

Nothing is written to the database. Creators are rehearsed some thousand entries at a time; a part is one JSON line, so
that a run that was killed goes on where it stopped and comes to the same report.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import orjson

from ledger import contexts, db, economy, keeping
from ledger.books import BOOK_COLUMNS, ENTRY_COLUMNS, OpenBook
from ledger.db import Database, Row, Session
from ledger.economy import DAY_US, State
from ledger.errors import Conflict
from ledger.ids import NIL
from ledger.policy import Policy, Schedule
from ledger.rehearsal import Happening, Rehearsal
from ledger.simulation_report import Part, Report, Shift
from ledger.stored import EntryRow, EventRow

CREATORS, SPAN = 200, 20_000
POSTED = '{"entries":'
END = b"{}\n"
EVENT_COLUMNS = ", ".join(f"v.{name}" for name in EventRow._fields)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: the candidate in force from a day on, in the books as they stood at a moment."""

    candidate: Policy
    real: Schedule
    at_us: int
    from_day: int

    @classmethod
    def of(cls, candidate: Policy, real: Schedule, *, at_us: int, from_day: int | None = None) -> Question:
        """From the day on which the policy in force took effect, unless another day is meant."""
        if from_day is None:
            in_force = real.at(at_us // DAY_US)
            from_day = next(day for day, policy in real.items if policy is in_force)
        return cls(candidate, real, at_us, from_day)

    @property
    def schedule(self) -> Schedule:
        """The rules as they would have been."""
        before = tuple(item for item in self.real.items if item[0] < self.from_day)
        return Schedule((*before, (self.from_day, self.candidate)))

    def line(self) -> bytes:
        """The question as a line of JSON, which heads the file of its answer."""
        rules = [[day, policy.version] for day, policy in self.real.items if day <= self.day]
        asked = {"candidate": self.candidate.version, "from_day": self.from_day, "at_us": self.at_us, "rules": rules}
        return orjson.dumps(asked, option=orjson.OPT_APPEND_NEWLINE)

    @property
    def day(self) -> int:
        """The day of the moment."""
        return self.at_us // DAY_US


def size(session: Session) -> tuple[int, int]:
    """How many books there are, and how many entries in them."""
    books, entries = db.fetch(session, "SELECT count(*), coalesce(sum(seq), 0) FROM book WHERE NOT erased")[0]
    return books, int(entries)


def events(session: Session, *, most: int) -> int:
    """How many events there are, those that were refused too; counted up to one more than `most`."""
    sql = "SELECT count(*) FROM (SELECT 1 AS one FROM event LIMIT ?) AS e"
    return int(db.fetch(session, sql, (most + 1,))[0][0])


def simulate(
    database: Database,
    question: Question,
    *,
    resume: Path | None = None,
    progress: Callable[[int], object] | None = None,
) -> Report:
    """Rehearse all books and say what would change. With a file to resume, what is in it is not done again.

    Raises Conflict where the file is of another simulation.
    """
    if resume is None:
        return Report.of(parts(database, question, progress=progress))
    question, done, finished = _read(resume, question)
    if progress:
        progress(sum(part.books for part in done))
    if not finished:
        with resume.open("ab") as file:
            for part in parts(database, question, after=done[-1].through if done else NIL, progress=progress):
                file.write(part.line())
                file.flush()
                done.append(part)
            file.write(END)
    return Report.of(done)


def _read(path: Path, question: Question) -> tuple[Question, list[Part], bool]:
    """The question that a file answers, its parts, and whether these are all. A line cut short is taken out of it."""
    known = path.read_bytes() if path.exists() else b""
    whole = known[: known.rfind(b"\n") + 1].splitlines(keepends=True)
    if not whole:
        path.write_bytes(question.line())
        return question, [], False
    asked = replace(question, at_us=_at_us(path, whole[0]))
    if asked.line() != whole[0]:
        raise Conflict(f"{path} holds another simulation: name another file, or remove it")
    path.write_bytes(b"".join(whole))
    lines = [line for line in whole[1:] if line != END]
    return asked, [Part.of_line(line) for line in lines], whole[-1] == END


def _at_us(path: Path, line: bytes) -> int:
    try:
        return int(orjson.loads(line)["at_us"])
    except (ValueError, TypeError, KeyError) as wrong:
        raise Conflict(f"{path} is not the file of a simulation: name another file") from wrong


def parts(
    database: Database, question: Question, *, after: str = NIL, progress: Callable[[int], object] | None = None
) -> Iterator[Part]:
    """Rehearse every creator after one, in order; `progress` is told how many more books were looked at."""
    while True:
        with database.snapshot() as session:
            part = _part(session, question, after)
        if part is None:
            return
        yield part
        after = part.through
        if progress:
            progress(part.books)


def _part(session: Session, question: Question, after: str) -> Part | None:
    """The next creators, as many as some thousand entries are about. None where there are no more."""
    sql = (
        "SELECT b.creator_id, sum(b.seq) FROM book b WHERE b.creator_id > ? AND NOT b.erased"
        " GROUP BY b.creator_id ORDER BY b.creator_id LIMIT ?"
    )
    due, entries = [], 0
    for creator_id, count in db.fetch(session, sql, (after, CREATORS)):
        due.append(str(creator_id))
        entries += int(count)
        if entries >= SPAN:
            break
    if not due:
        return None
    part = Part(due[-1])
    happened = _happened(session, question, after, due[-1])
    held = _held(session, after, due[-1])
    for creator_id in due:
        rehearsal = Rehearsal(creator_id, question.schedule, question.real)
        events = happened.get(creator_id, [])
        for happening in in_order(events):
            rehearsal.take(happening)
        rehearsal.finish(question.at_us)
        part.add(rehearsal, _shifts(question, rehearsal, _last(events), held.get(creator_id, {})))
    return part


def _happened(session: Session, question: Question, after: str, through: str) -> dict[str, list[Happening]]:
    """What happened to each of these creators up to the moment."""
    sql = (
        f"SELECT {ENTRY_COLUMNS} FROM entry e WHERE e.creator_id > ? AND e.creator_id <= ? AND e.event_id IS NOT NULL"
        " AND e.recorded_at_us <= ? ORDER BY e.creator_id, e.meter, e.seq"
    )
    made: dict[str, dict[str, list[EntryRow]]] = {}
    for row in map(EntryRow._make, db.fetch(session, sql, (after, through, question.at_us))):
        made.setdefault(str(row.event_id), {}).setdefault(row.meter, []).append(row)
    sql = (
        f"SELECT {EVENT_COLUMNS} FROM event v WHERE v.creator_id > ? AND v.creator_id <= ?"
        " AND v.received_at_us <= ? ORDER BY v.creator_id, v.event_id"
    )
    found: dict[str, list[Happening]] = {}
    for event in map(EventRow._make, db.fetch(session, sql, (after, through, question.at_us))):
        entries = made.get(str(event.event_id), {})
        if entries or not event.outcome.startswith(POSTED):
            found.setdefault(str(event.creator_id), []).append(Happening(event, entries))
    return found


def in_order(happenings: Sequence[Happening]) -> Iterator[Happening]:
    """Events in the order of all books that they touch; where that leaves a choice, in the order of their ids."""
    queues: dict[str, deque[Happening]] = {}
    ready = [(str(each.event.event_id), place) for place, each in enumerate(happenings) if not each.entries]
    places = {id(each): place for place, each in enumerate(happenings)}
    for meter in sorted({meter for each in happenings for meter in each.entries}):
        touched = [each for each in happenings if meter in each.entries]
        queues[meter] = deque(sorted(touched, key=lambda each: each.entries[meter][0].seq))
    waits = {id(each): len(each.entries) for each in happenings}

    def arrive(meter: str) -> None:
        if queues[meter]:
            head = queues[meter][0]
            waits[id(head)] -= 1
            if not waits[id(head)]:
                heapq.heappush(ready, (str(head.event.event_id), places[id(head)]))

    heapq.heapify(ready)
    for meter in queues:
        arrive(meter)
    while ready:
        happening = happenings[heapq.heappop(ready)[1]]
        yield happening
        for meter in happening.entries:
            queues[meter].popleft()
            arrive(meter)


def _last(happenings: Iterable[Happening]) -> dict[str, EntryRow]:
    """The last entry of each book that an event made."""
    found: dict[str, EntryRow] = {}
    for row in (entries[-1] for each in happenings for entries in each.entries.values()):
        if row.meter not in found or found[row.meter].seq < row.seq:
            found[row.meter] = row
    return found


def _held(session: Session, after: str, through: str) -> dict[str, dict[str, OpenBook]]:
    """The books of these creators, with what their labels look at."""
    sql = f"SELECT {BOOK_COLUMNS} FROM book b WHERE b.creator_id > ? AND b.creator_id <= ? AND NOT b.erased"
    rows: list[Row] = db.fetch(session, sql, (after, through))
    books = {(row[0], row[1]): OpenBook.of_row(row) for row in rows}
    for kept in (keeping.TALLIES, keeping.BREACHES):
        keeping.load(session, kept, books, books)
    found: dict[str, dict[str, OpenBook]] = {}
    for (creator_id, meter), book in books.items():
        found.setdefault(str(creator_id), {})[meter] = book
    return found


def _shifts(
    question: Question, rehearsal: Rehearsal, last: dict[str, EntryRow], held: dict[str, OpenBook]
) -> Iterator[Shift]:
    for meter in sorted(last.keys() | rehearsal.books.keys()):
        row, book = last.get(meter), rehearsal.books.get(meter)
        version = row.policy_version if row else ""
        state = State(*row[14:23]) if row else State()
        state = economy.accrue(state, question.day, question.real, policy_version=version)
        would = book.state if book else State(day=question.day)
        rules = question.real.at(question.day, version)
        new_rules = question.schedule.at(question.day, book.policy_version if book else "")
        label = _label(held.get(meter), state, rules)
        yield Shift(
            rehearsal.creator_id,
            meter,
            state.standing,
            would.standing,
            economy.meter(state.standing, rules["meter.half"]),
            economy.meter(would.standing, new_rules["meter.half"]),
            label,
            _label(book, would, new_rules) if book else label,
            rehearsal.refused_in[meter],
        )


def _label(book: OpenBook | None, state: State, policy: Policy) -> str:
    """The label of a network's book; a brand's has none."""
    if book is None or not book.meter.startswith("network:"):
        return ""
    return contexts.due_label(book, state, policy).name
