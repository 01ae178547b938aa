"""Posting: the one way anything gets into the books. A single event is a batch of one.

Lock, look, settle, price in time order, then write everything in one transaction. After the first row is
written nothing may be refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import orjson

from ledger import books, chain, db, events, lookups, tables
from ledger.books import BookKey, OpenBook
from ledger.db import Row, Session
from ledger.economy import DAY_US, PPM
from ledger.errors import BackfillClosed, OutOfOrder, Refusal, UnknownReference, WrongReference
from ledger.events import SKEW_US, NewEvent, Posted, Receipt
from ledger.kinds import engagement
from ledger.kinds.base import Breach, Context, Line, Tally
from ledger.policy import Schedule

EVENT = tables.Event.__table__  # type: ignore[attr-defined]
TALLY = tables.Tally.__table__  # type: ignore[attr-defined]
TIE = tables.Tie.__table__  # type: ignore[attr-defined]
BREACH = tables.Breach.__table__  # type: ignore[attr-defined]
WEEK = 7


class AtomicRefused(Exception):
    """An atomic batch held a refusal: nothing was posted or remembered. `receipts` say which and why."""

    def __init__(self, receipts: list[Receipt]) -> None:
        super().__init__("the batch was refused as a whole")
        self.receipts = receipts


@dataclass(frozen=True, slots=True)
class Job:
    """One event of a batch with the creator it was found to be about."""

    index: int
    event: NewEvent
    creator_id: str
    followers: int | None

    @property
    def book(self) -> BookKey:
        """The book it goes to."""
        return self.creator_id, self.event.meter

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


def post(
    session: Session,
    *,
    events: Sequence[NewEvent],
    clock: Callable[[], int],
    schedule: Schedule,
    backfill: bool = False,
    atomic: bool = False,
) -> list[Receipt]:
    """Post events, one receipt each, in the order given. `clock` gives microseconds, read under the lock.

    Refusals of the books are remembered with the event; an unknown creator and an event in the future are not.
    Raises AtomicRefused where `atomic` and any event is refused. Never commits.
    """
    receipts: dict[int, Receipt] = {}
    jobs = _find_creators(session, events, receipts)
    batch = _open(session, jobs, clock=clock, schedule=schedule, backfill=backfill)
    for job in sorted(jobs, key=lambda job: (job.event.occurred_at_us, job.index)):
        receipts[job.index] = _post_one(batch, job)
    ordered = [receipts[index] for index in range(len(events))]
    if atomic and any(receipt.status == "refused" for receipt in ordered):
        raise AtomicRefused(ordered)
    _write(session, batch)
    return ordered


def _find_creators(session: Session, events: Sequence[NewEvent], receipts: dict[int, Receipt]) -> list[Job]:
    named = {_account(event) for event in events if event.creator.creator_id is None}
    accounts = lookups.accounts(session, named)
    jobs = []
    for index, event in enumerate(events):
        ref = event.creator
        found = (ref.creator_id, None) if ref.creator_id else accounts.get(_account(event))
        if found is None or found[0] is None:
            receipts[index] = _unknown_creator(event)
        else:
            jobs.append(Job(index, event, found[0], found[1]))
    return jobs


def _account(event: NewEvent) -> tuple[str, str]:
    return event.creator.network or "", event.creator.external_id or ""


def _unknown_creator(event: NewEvent) -> Receipt:
    name = event.creator.creator_id or f"{event.creator.network}:{event.creator.external_id}"
    detail = f"no creator {name} with a book {event.meter} is enrolled"
    return Receipt(event.external_ref, "refused", code="unknown_creator", detail=detail, remembered=False)


def _open(
    session: Session, jobs: Sequence[Job], *, clock: Callable[[], int], schedule: Schedule, backfill: bool
) -> Batch:
    opened = books.lock(session, [job.book for job in jobs])
    wanted = {job.ref(job.event.external_ref) for job in jobs}
    referring = [job for job in jobs if job.event.kind.refers_to]
    wanted |= {job.ref(_referred(job.event)) for job in referring}
    known = lookups.known_events(session, wanted)
    batch = Batch(schedule, clock(), backfill, opened, known, [])
    seqs = [
        (job.creator_id, meter, seq)
        for job in referring
        for meter, seq in _entries_of(known.get(job.ref(_referred(job.event))))
    ]
    for job in referring:
        if job.book in opened:
            opened[job.book].remembers = True
    books.load_written(session, opened, seqs, schedule)
    _load_memory(session, batch, [job for job in jobs if job.book in opened])
    return batch


def _referred(event: NewEvent) -> str:
    reference: str = getattr(event.facts, event.kind.refers_to or "")
    return reference


def _entries_of(event: Row | None) -> list[tuple[str, int]]:
    if event is None:
        return []
    return [(meter, seq) for meter, seq, *_ in orjson.loads(event[9]).get("entries", [])]


def _load_memory(session: Session, batch: Batch, jobs: Sequence[Job]) -> None:
    ties, days, breaches = set(), set(), set()
    for job in jobs:
        kind, day = job.event.kind, job.event.occurred_at_us // DAY_US
        if kind.name == "engagement":
            ties.add((*job.book, job.event.facts.engager))
            days.add((*job.book, day))
        elif kind.counts:
            span = WEEK - 1 if "corrections" in kind.counts else 0
            days |= {(*job.book, day + offset) for offset in range(-span, span + 1)}
        if kind.name in ("breach", "undisclosed_pitch") or kind.refers_to:
            breaches.add(job.book)
    lookups.load_ties(session, batch.books, ties)
    lookups.load_tallies(session, batch.books, days)
    lookups.load_breaches(session, batch.books, breaches)


def _post_one(batch: Batch, job: Job) -> Receipt:
    event, book = job.event, batch.books.get(job.book)
    known = batch.known.get(job.ref(event.external_ref))
    if known is not None:
        return lookups.replay(known, event)
    if book is None:
        return _unknown_creator(event)
    if event.occurred_at_us > batch.now_us + SKEW_US:
        error = ("/occurred_at", "lies in the future")
        return Receipt(
            event.external_ref,
            "refused",
            code="invalid_event",
            detail=error[1],
            errors=(error,),
            remembered=False,
        )
    try:
        at = _recorded_at(batch, book, event)
        book.settle(at // DAY_US, schedule=batch.schedule, recorded_at_us=max(at, book.recorded_at_us + 1))
        at = max(at, book.recorded_at_us + 1)
        context = _context(batch, job, book)
        lines = event.kind.price(event.facts, context)
    except Refusal as refusal:
        return _remember(batch, job, {"code": refusal.code, "detail": refusal.detail, "pointer": refusal.pointer}, ())
    return _write_lines(batch, job, book, context, lines, at)


def _recorded_at(batch: Batch, book: OpenBook, event: NewEvent) -> int:
    """The book's own time of this event: now, or in a backfill the time it happened."""
    if not batch.backfill:
        book.live = True
        return max(batch.now_us, book.recorded_at_us + 1, book.state.day * DAY_US)
    if book.live:
        raise BackfillClosed(f"the book {book.meter} holds live entries: its past is closed to backfill")
    if event.occurred_at_us // DAY_US < book.state.day:
        raise OutOfOrder("backfill goes in time order: the book already holds a later day", pointer="/occurred_at")
    return max(event.occurred_at_us, book.recorded_at_us + 1)


def _context(batch: Batch, job: Job, book: OpenBook) -> Context:
    event, day = job.event, book.state.day
    policy = batch.schedule.at(batch.now_us // DAY_US if batch.backfill else day, book.policy_version)
    late_days = max(0, day - event.occurred_at_us // DAY_US)
    context = Context(book.state, policy, day, late_days, followers=job.followers)
    kind = event.kind
    if kind.name == "engagement":
        tally = book.tallies.get(context.occurred_day) or Tally(opening=0 if late_days else book.opening)
        acts, since = book.ties.get(event.facts.engager, (0, day))
        tie = lookups.faded_count(acts, day - since, policy["tie.half_life"])
        return replace(context, tally=tally, tie=tie)
    if "corrections" in kind.counts:
        near = range(context.occurred_day - WEEK + 1, context.occurred_day + WEEK)
        return replace(
            context, corrections_this_week=sum(book.tallies[d].corrections for d in near if d in book.tallies)
        )
    if kind.refers_to:
        return _with_past(batch, job, book, context)
    return context


def _with_past(batch: Batch, job: Job, book: OpenBook, context: Context) -> Context:
    reference = _referred(job.event)
    pointer = f"/facts/{job.event.kind.refers_to}"
    known = batch.known.get(job.ref(reference))
    seqs = [seq for meter, seq in _entries_of(known) if meter == book.meter]
    if known is None or not seqs:
        raise UnknownReference(f"no posted event {reference!r} in the book {book.meter}", pointer=pointer)
    breach = next((book.breaches[seq] for seq in seqs if seq in book.breaches), None)
    if job.event.kind.refers_to == "breach" and breach is None:
        raise WrongReference(f"the event {reference!r} is not a breach", pointer=pointer)
    if job.event.kind.name == "reversal" and known[5] == "reversal":
        raise WrongReference(f"the event {reference!r} is itself a reversal", pointer=pointer)
    resting = seqs if job.event.kind.name == "apology" else book.resting_on(seqs)
    # An apology is measured on the day it was made, what is undone on the day it is undone.
    day = context.occurred_day if job.event.kind.name == "apology" else context.day
    past = book.past(resting, day, batch.schedule)
    return replace(
        context,
        breach=breach,
        past=past,
        repeats=_repeats(book, breach, context.policy["breach.repeat_window"]),
    )


def _repeats(book: OpenBook, breach: Breach | None, window: int) -> int:
    if breach is None:
        return 0
    return sum(
        other.category == breach.category and breach.seq - other.seq > 0 and breach.day - other.day <= window
        for other in book.breaches.values()
        if not other.cleared
    )


def _write_lines(batch: Batch, job: Job, book: OpenBook, context: Context, lines: Sequence[Line], at: int) -> Receipt:
    event = job.event
    planned = book.plan(lines, policy=context.policy)
    posted = tuple(Posted(event.meter, p.seq, p.line.kind, -p.pools.world, p.after.standing) for p in planned)
    receipt = _remember(batch, job, {"entries": [list(entry) for entry in posted]}, posted)
    event_row = batch.new_events[-1]
    book.write(
        planned,
        policy_version=context.policy.version,
        event_id=event_row[1],
        event_hash=event_row[12],
        recorded_at_us=at,
    )
    _update_memory(book, event, context, lines, posted)
    return receipt


def _update_memory(
    book: OpenBook, event: NewEvent, context: Context, lines: Sequence[Line], planned: Sequence[Posted]
) -> None:
    day = context.occurred_day
    if event.kind.name == "engagement":
        known, unknown = engagement.raw_amount(lines[0].factors)
        tally = context.tally
        book.tallies[day] = replace(tally, known=tally.known + known, unknown=tally.unknown + unknown)
        if known or unknown:
            book.ties[event.facts.engager] = (context.tie + PPM, context.day)
    elif event.kind.counts:
        tally = book.tallies.get(day, Tally())
        book.tallies[day] = replace(tally, **{name: getattr(tally, name) + 1 for name in event.kind.counts})
    for line, posted in zip(lines, planned, strict=True):
        if line.kind == "breach":
            book.breaches[posted.seq] = _breach(event, posted, day, [-p.amount for p in planned])
    if event.kind.settles_breach and context.breach:
        book.mark_breach(context.breach.seq, event.kind.settles_breach)
    if event.kind.name in ("reversal", "cleared"):
        book.uncount(past.seq for past in context.past)
    if event.kind.name == "reversal":
        _unmark(book, context)


def _breach(event: NewEvent, posted: Posted, day: int, amounts: Sequence[int]) -> Breach:
    hidden = event.kind.name == "undisclosed_pitch"
    category = "undisclosed" if hidden else event.facts.category
    severity = 0 if hidden else event.facts.severity
    return Breach(posted.seq, day, category, severity, sum(amounts), undisclosed=hidden)


def _unmark(book: OpenBook, context: Context) -> None:
    """An undone apology no longer owns its breach, an undone breach is no more, and so on."""
    undone = {"apology": "owned", "evasion": "evaded", "cleared": "cleared"}
    for past in context.past:
        item = book.written[past.seq]
        if item.kind in undone and item.about is not None:
            book.mark_breach(item.about, undone[item.kind], value=False)
    for past in context.past:
        if past.kind == "breach":
            book.mark_breach(past.seq, "cleared")


def _remember(batch: Batch, job: Job, outcome: Mapping[str, object], entries: tuple[Posted, ...]) -> Receipt:
    event = job.event
    row = (
        job.creator_id,
        events.new_id(),
        event.source,
        event.external_ref,
        event.meter,
        event.kind.name,
        event.facts_json,
        event.occurred_at_us,
        batch.now_us,
        orjson.dumps(outcome).decode(),
        event.digest,
        events.new_salt(),
    )
    hashed = (*row, chain.event_hash(row))
    batch.new_events.append(hashed)
    batch.known[job.ref(event.external_ref)] = hashed
    if entries:
        return Receipt(event.external_ref, "posted", row[1], entries)
    return lookups.receipt(hashed, status="refused")


def _write(session: Session, batch: Batch) -> None:
    db.insert(session, EVENT, batch.new_events)
    books.write_back(session, batch.books.values())
    tallies, ties, breaches = [], [], []
    for book in batch.books.values():
        key = (book.creator_id, book.meter)
        tallies += [
            (*key, day, t.known, t.unknown, t.opening, t.posts, t.sponsored, t.corrections)
            for day, t in book.tallies.items()
        ]
        ties += [(*key, engager, *tie) for engager, tie in book.ties.items()]
        breaches += [
            (
                *key,
                b.seq,
                b.day,
                b.category,
                b.severity,
                b.amount,
                b.undisclosed,
                b.owned,
                b.evaded,
                b.cleared,
            )
            for b in book.breaches.values()
        ]
    db.upsert(session, TALLY, tallies)
    db.upsert(session, TIE, ties)
    db.upsert(session, BREACH, breaches)
