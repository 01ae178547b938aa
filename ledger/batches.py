"""A batch between lock and write: its books, what it looked up for them, and the context each event is priced in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import orjson

from ledger import books, contexts, lookups
from ledger.books import BookKey, OpenBook
from ledger.contexts import UNDOING, WEEK
from ledger.db import Row, Session
from ledger.economy import DAY_US
from ledger.errors import AlreadyDone, UnknownReference, WrongReference
from ledger.events import NewEvent
from ledger.kinds.base import Breach, Context, Past
from ledger.policy import Schedule


@dataclass(frozen=True, slots=True)
class Job:
    """One event of a batch with the creator it was found to be about, and so the book it goes to."""

    index: int
    event: NewEvent
    creator_id: str
    followers: int | None
    book: BookKey = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "book", (self.creator_id, self.event.meter))

    def ref(self, external_ref: str) -> lookups.Ref:
        """A reference in the same creator's and partner's space."""
        return self.creator_id, self.event.source, external_ref


@dataclass(slots=True)
class Batch:
    """Everything a batch works on between lock and write."""

    schedule: Schedule
    now_us: int
    backfill: bool
    books: dict[BookKey, OpenBook]
    known: dict[lookups.Ref, Row]
    new_events: list[Row]


def open_batch(
    session: Session, jobs: Sequence[Job], *, clock: Callable[[], int], schedule: Schedule, backfill: bool
) -> Batch:
    """Lock the books of a batch, read the clock, and look up what its events speak of."""
    opened = books.lock(session, [job.book for job in jobs])
    wanted = {job.ref(job.event.external_ref) for job in jobs}
    referring = [job for job in jobs if job.event.kind.refers_to]
    wanted |= {job.ref(referred(job.event)) for job in referring}
    known = lookups.known_events(session, wanted)
    batch = Batch(schedule, clock(), backfill, opened, known, [])
    seqs = [
        (job.creator_id, meter, seq)
        for job in referring
        for meter, seq in entries_of(known.get(job.ref(referred(job.event))))
    ]
    for job in referring:
        if job.book in opened:
            opened[job.book].remembers = True
    books.load_written(session, opened, seqs, schedule)
    _load_memory(session, batch, [job for job in jobs if job.book in opened])
    return batch


def referred(event: NewEvent) -> str:
    """The external_ref of the event that this one speaks of."""
    reference: str = getattr(event.facts, event.kind.refers_to or "")
    return reference


def entries_of(event: Row | None) -> list[tuple[str, int]]:
    """The entries (meter, seq) that an event was posted as; none where it was refused or is not known."""
    if event is None:
        return []
    return [(meter, seq) for meter, seq, *_ in orjson.loads(event[9]).get("entries", [])]


def _load_memory(session: Session, batch: Batch, jobs: Sequence[Job]) -> None:
    ties, days, breaches = set(), set(), set()
    for job in jobs:
        kind, day = job.event.kind, _tally_day(batch, job)
        if kind.name == "engagement":
            ties.add((*job.book, job.event.facts.engager))
            days.add((*job.book, day))
        elif kind.counts:
            span = WEEK - 1 if "corrections" in kind.counts else 0
            days |= {(*job.book, day + offset) for offset in range(-span, span + 1)}
        if kind.name in ("breach", "undisclosed_pitch") or kind.refers_to:
            breaches.add(job.book)
        undone = batch.known.get(job.ref(referred(job.event))) if kind.refers_to else None
        if undone is not None and kind.name in UNDOING:
            days |= {(*job.book, item.day) for item in batch.books[job.book].written.values()}
            days.add((*job.book, undone[7] // DAY_US))
    lookups.load_ties(session, batch.books, ties)
    lookups.load_tallies(session, batch.books, days)
    lookups.load_breaches(session, batch.books, breaches)


def _tally_day(batch: Batch, job: Job) -> int:
    """The day an event counts for: when it happened, or today where a partner's clock runs ahead of ours."""
    today = max(batch.now_us // DAY_US, batch.books[job.book].state.day)
    return min(job.event.occurred_at_us // DAY_US, today)


def context_of(batch: Batch, job: Job, book: OpenBook) -> Context:
    """What an event's price may depend on, its book settled. Raises Refusal for a reference that leads nowhere."""
    event, day = job.event, book.state.day
    policy = batch.schedule.at(batch.now_us // DAY_US if batch.backfill else day, book.policy_version)
    late_days = max(0, day - event.occurred_at_us // DAY_US)
    kind = event.kind
    if kind.name == "engagement":
        return contexts.of_engagement(
            book.state,
            policy,
            late_days=late_days,
            opening=book.opening,
            engager=event.facts.engager,
            tallies=book.tallies,
            ties=book.ties,
        )
    context = Context(book.state, policy, day, late_days, followers=job.followers)
    if "corrections" in kind.counts:
        near = contexts.corrections_near(book.tallies, context.occurred_day)
        return replace(context, corrections_this_week=near)
    if kind.refers_to:
        return _with_past(batch, job, book, context)
    return context


def _with_past(batch: Batch, job: Job, book: OpenBook, context: Context) -> Context:
    reference = referred(job.event)
    pointer = f"/facts/{job.event.kind.refers_to}"
    known = batch.known.get(job.ref(reference))
    seqs = [seq for meter, seq in entries_of(known) if meter == book.meter]
    if known is None or not seqs:
        raise UnknownReference(f"no posted event {reference!r} in the book {book.meter}", pointer=pointer)
    breach = next((book.breaches[seq] for seq in seqs if seq in book.breaches), None)
    if job.event.kind.refers_to == "breach" and breach is None:
        raise WrongReference(f"the event {reference!r} is not a breach", pointer=pointer)
    if job.event.kind.name == "reversal":
        if known[5] in UNDOING:
            raise WrongReference(f"the event {reference!r} is itself an undoing: report anew instead", pointer=pointer)
        if any(item.cleared for item in _breaches_of(book, seqs)):
            raise AlreadyDone(f"the event {reference!r} was cleared: there is nothing left of it", pointer=pointer)
    past: tuple[Past, ...]
    if breach is not None and job.event.kind.name == "apology":
        # Measured on the day it was made; what is undone, on the day of that.
        past = (book.written[breach.seq].left_of_breach(breach, context.occurred_day, batch.schedule),)
    else:
        past = book.past(book.resting_on(seqs), context.day, batch.schedule)
    return replace(
        context,
        breach=breach,
        past=past,
        repeats=contexts.repeats(book.breaches.values(), breach, context.policy["breach.repeat_window"]),
    )


def _breaches_of(book: OpenBook, seqs: Sequence[int]) -> list[Breach]:
    """The breaches that these entries are, or are about: an evasion goes with its breach."""
    meant = {*seqs, *(book.written[seq].about for seq in seqs)}
    return [breach for seq, breach in book.breaches.items() if seq in meant]
