"""A batch between lock and write: its books, what it looked up for them, and the context each event is priced in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from ledger import books, contexts, db, keeping, lookups
from ledger.books import BookKey, OpenBook
from ledger.contexts import WEEK
from ledger.db import Row, Session
from ledger.economy import DAY_US, scale
from ledger.errors import Unavailable
from ledger.events import NewEvent
from ledger.kinds import KINDS, engagement
from ledger.kinds.base import Context, Kind
from ledger.memory import UNDOING, Spoken, Told, reference
from ledger.policy import Policy, Schedule

BREACHING = ("breach", "undisclosed_pitch", "label")
OTHERS = (*UNDOING, "outcome")
OPENING = ("introduction", "brand_blocked")
LABEL_DAYS = 365 + 90


@dataclass(slots=True)
class Job:
    """One event of a batch with the creator it was found to be about, and so the books it goes to.

    `book` is the event's own, `beside` those that it touches too.
    """

    index: int
    event: NewEvent
    creator_id: str
    followers: int | None
    book: BookKey = field(init=False)
    beside: tuple[BookKey, ...] = ()

    def __post_init__(self) -> None:
        self.book = (self.creator_id, self.event.meter)

    @property
    def ref(self) -> lookups.Ref:
        """Its reference in the creator's and partner's space."""
        return self.creator_id, self.event.source, self.event.external_ref

    @property
    def spoken_ref(self) -> lookups.Ref | None:
        """The reference of the event that it speaks of."""
        found = reference(self.event.kind, self.event.facts, self.event.source)
        return (self.creator_id, *found) if found else None

    @property
    def keys(self) -> tuple[BookKey, ...]:
        """All books that it touches, its own first."""
        return (self.book, *self.beside)


@dataclass(slots=True)
class Batch:
    """Everything a batch works on between lock and write."""

    schedule: Schedule
    now_us: int
    backfill: bool
    books: dict[BookKey, OpenBook]
    known: dict[lookups.Ref, Row]
    new_events: list[Row]
    attested: frozenset[str] = frozenset()
    standings: dict[tuple[str, str], int] = field(default_factory=dict)


def open_batch(
    session: Session, jobs: Sequence[Job], *, clock: Callable[[], int], schedule: Schedule, backfill: bool
) -> Batch:
    """Lock the books of a batch, read the clock, and look up what its events speak of.

    Raises Unavailable where an event that one speaks of was posted meanwhile, to a book that is not locked.
    """
    _open_books(session, jobs)
    referring = [job for job in jobs if job.event.kind.refers_to]
    spoken = {job.spoken_ref for job in referring if job.spoken_ref}
    earlier = lookups.known_events(session, spoken) if spoken else {}
    told = {job.ref: job for job in jobs} if spoken else {}
    for job in jobs:
        job.beside = _may_touch(job, earlier, told) if job.event.kind.beside else ()
    opened = books.lock(session, [key for job in jobs for key in job.keys])
    known = lookups.known_events(session, {job.ref for job in jobs} | spoken)
    if any(set(_beside(job, known)) - set(job.beside) for job in referring):
        raise Unavailable("what it speaks of was posted just now: send it again")
    batch = Batch(schedule, clock(), backfill, opened, known, [])
    _load_written(session, batch, referring)
    _load_standings(session, batch, jobs)
    _load_memory(session, batch, [job for job in jobs if job.book in opened])
    return batch


def _open_books(session: Session, jobs: Iterable[Job]) -> None:
    """A brand's book begins with its introduction."""
    rows = {job.book for job in jobs if job.event.kind.name in OPENING}
    if not rows:
        return
    held = books.lock(session, sorted(rows))
    # Whoever is being erased now has no more books opened: this waits, and then finds nobody.
    enrolled = lookups.enrolled(session, {key[0] for key in rows - held.keys()}, lock=True)
    missing = sorted(key for key in rows - held.keys() if key[0] in enrolled)
    db.insert_new(session, books.BOOK, [books.open_row(*key) for key in missing])


def touched_by(batch: Batch, job: Job) -> list[OpenBook]:
    """The books that an event touches, its own first; none where that is not there.

    What it speaks of may have been posted since the books were locked, and a brand's book is there once it has begun.
    """
    kind = job.event.kind
    if kind.name in OTHERS:
        job.beside = _beside(job, batch.known)
    opens = kind.name in OPENING
    if not job.beside and "network" in kind.meters:  # as nearly all are
        own = batch.books.get(job.book)
        return [own] if own is not None and is_there(own) else []
    there = [
        book for book in (batch.books.get(key) for key in job.keys) if book is not None and is_there(book, opens=opens)
    ]
    return there if there and there[0].meter == job.event.meter else []


def is_there(book: OpenBook, *, opens: bool = False) -> bool:
    """A brand's book is there once it has begun, none any more whose creator was erased."""
    return not book.erased and bool(book.seq or opens or book.meter.startswith("network:"))


def _may_touch(job: Job, known: dict[lookups.Ref, Row], told: dict[lookups.Ref, Job]) -> tuple[BookKey, ...]:
    """All other books that an event may touch: what it speaks of may come with it, in the same batch."""
    found, each, seen = set[BookKey](), job, set[int]()
    while each.index not in seen:
        seen.add(each.index)
        found |= {each.book, *_beside(each, known)}
        each = told.get(each.spoken_ref, each) if each.spoken_ref and each.spoken_ref not in known else each
    return tuple(sorted(found - {job.book}))


def _beside(job: Job, known: dict[lookups.Ref, Row]) -> tuple[BookKey, ...]:
    """The other books that an event touches: its brand's, or all that an undone event touched."""
    kind, found = job.event.kind, known.get(job.spoken_ref) if job.spoken_ref else None
    if kind.beside is None:
        return ()
    touched = [meter for meter, _ in entries_of(found)] if kind.name in OTHERS else [f"brand:{job.event.facts.brand}"]
    return tuple((job.creator_id, meter) for meter in sorted(set(touched) - {job.event.meter}))


def entries_of(event: Row | None) -> list[tuple[str, int]]:
    """The entries (meter, seq) that an event was posted as; none where it was refused or is not known."""
    if event is None:
        return []
    return [(meter, seq) for meter, seq, *_ in orjson.loads(event[9]).get("entries", [])]


def _load_written(session: Session, batch: Batch, referring: Sequence[Job]) -> None:
    seqs = []
    for job in referring:
        spoken = batch.known.get(job.spoken_ref) if job.spoken_ref else None
        seqs += [(job.creator_id, meter, seq) for meter, seq in entries_of(spoken)]
        for key in job.keys:
            if key in batch.books:
                batch.books[key].remembers = True
    books.load_written(session, batch.books, seqs, batch.schedule)


def _load_standings(session: Session, batch: Batch, jobs: Sequence[Job]) -> None:
    """Engagers' standing, where accounts are attested."""
    engaged = [job for job in jobs if job.event.kind.name == "engagement"]
    if not engaged:
        return
    batch.attested = lookups.attested(session)
    if batch.attested:
        wanted = {(network_of(job.event.meter), job.event.facts.engager) for job in engaged}
        batch.standings = lookups.standings(session, {key for key in wanted if key[0] in batch.attested})


def network_of(meter: str) -> str:
    """The slug of a meter's network, or brand."""
    return meter.partition(":")[2]


def engager_standing(batch: Batch, job: Job, policy: Policy) -> int | None:
    """An engager's standing times the slope in ppm; None where nobody is attested."""
    if not batch.attested or (network := network_of(job.event.meter)) not in batch.attested:
        return None
    relative = batch.standings.get((network, job.event.facts.engager), 0)
    return scale(relative, policy["engagement.standing_slope"])


def _load_memory(session: Session, batch: Batch, jobs: Sequence[Job]) -> None:
    ties: set[tuple[str, str, str]] = set()
    days: set[tuple[str, str, int]] = set()
    parts: dict[str, set[BookKey]] = {kept.name: set() for kept in keeping.KEPT}
    for job in jobs:
        kind = job.event.kind
        if kind.name == "engagement":
            ties.add((*job.book, job.event.facts.engager))
            days.add((*job.book, _tally_day(batch, job)))
            if not batch.attested:
                continue
        days |= _days(batch, job)
        touched = [key for key in job.keys if key in batch.books]
        for part in _parts(kind):
            parts[part].update(touched)
        parts["relationships"].update(key for key in touched if key[1].startswith("brand:"))
    keeping.load_keyed(session, keeping.TIES, batch.books, ties)
    keeping.load_keyed(session, keeping.TALLIES, batch.books, days)
    for kept in keeping.KEPT:
        if kept not in (keeping.TIES, keeping.TALLIES) and parts[kept.name]:
            keeping.load(session, kept, batch.books, parts[kept.name])


def _parts(kind: Kind) -> set[str]:
    """The parts of the memory that a kind's price and its keeping look at, days and ties aside."""
    found = {"breaches"} if kind.name in BREACHING or kind.refers_to else set()
    if kind.refers_to in ("allegation", "breach", "apology") or kind.name in UNDOING:
        found.add("allegations")
    if kind.name in UNDOING:
        found.add("outcomes")
    return found | (kind.needs & {"allegations", "pitches", "outcomes"})


def _days(batch: Batch, job: Job) -> set[tuple[str, str, int]]:
    """The days whose tallies an event's price and keeping look at."""
    kind, day, found = job.event.kind, _tally_day(batch, job), set[int]()
    if kind.name == "engagement":
        found = {day}
        policy = batch.schedule.at(batch.now_us // DAY_US)
        if engagement.is_unknown(engager_standing(batch, job, policy), policy):
            found |= set(contexts.unknown_days(day))
    elif kind.counts:
        span = WEEK - 1 if "corrections" in kind.counts else 0
        found = set(range(day - span, day + span + 1))
    elif kind.name == "release":
        found = {job.event.facts.day}
    elif kind.name == "label":
        found = set(range(day - LABEL_DAYS, day + 1))
    undone = batch.known.get(job.spoken_ref) if job.spoken_ref else None
    if undone is not None and kind.name in UNDOING:
        found |= {item.day for item in batch.books[job.book].written.values()} | {undone[7] // DAY_US}
    return {(*job.book, each) for each in found}


def _tally_day(batch: Batch, job: Job) -> int:
    """The day an event counts for: when it happened, or today where a partner's clock runs ahead of ours."""
    today = max(batch.now_us // DAY_US, batch.books[job.book].state.day)
    return min(job.event.occurred_at_us // DAY_US, today)


def told_to(batch: Batch, job: Job, book: OpenBook, policy: Policy, at_us: int) -> Told:
    """The event as one of its books needs it, settled to the day."""
    event = job.event
    return Told(
        event.kind,
        event.facts,
        (event.source, event.external_ref),
        max(0, book.state.day - event.occurred_at_us // DAY_US),
        batch.now_us // DAY_US,
        at_us,
        job.followers,
        engager_standing(batch, job, policy) if event.kind.name == "engagement" else None,
        spoken=_spoken(batch, job, book) if event.kind.refers_to else None,
    )


def _spoken(batch: Batch, job: Job, book: OpenBook) -> Spoken | None:
    row = batch.known.get(job.spoken_ref) if job.spoken_ref else None
    if row is None or (row[4] != book.meter and book.meter == job.event.meter):
        return None
    entries = [entry for entry in orjson.loads(row[9]).get("entries", []) if entry[0] == book.meter]
    seqs = tuple(entry[1] for entry in entries)
    day = min([row[7] // DAY_US, *(book.written[seq].day for seq in seqs)])
    facts: dict[str, Any] = orjson.loads(row[6])
    return Spoken(KINDS[row[5]], day, sum(entry[3] for entry in entries), seqs, facts.get("brand", ""))


def context_of(batch: Batch, job: Job, book: OpenBook, told: Told, policy: Policy) -> Context:
    """What an event's price may depend on in one of its books. Raises Refusal for a reference that leads nowhere."""
    brands = [batch.books[key] for key in job.beside if key in batch.books and key[1].startswith("brand:")]
    return contexts.context_of(
        book,
        told,
        state=book.state,
        policy=policy,
        schedule=batch.schedule,
        opening=book.opening,
        relationship=brands[0].relationship if brands else None,
        own=book.meter == job.event.meter,
    )


def policy_of(batch: Batch, book: OpenBook) -> Policy:
    """The policy that prices in a book today; in a backfill, the one in force at the time of the import."""
    return batch.schedule.at(batch.now_us // DAY_US if batch.backfill else book.state.day, book.policy_version)
