"""Posting: the one way anything gets into the books. A single event is a batch of one.

Lock, look, settle, price in time order, then write everything in one transaction. After the first row is
written nothing may be refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import orjson

from ledger import books, chain, db, events, lookups, tables
from ledger.batches import Batch, Job, context_of, entries_of, open_batch, referred
from ledger.books import OpenBook
from ledger.contexts import UNDOING
from ledger.db import Session
from ledger.economy import DAY_US, PPM
from ledger.errors import BackfillClosed, OutOfOrder, Refusal, Unavailable
from ledger.events import SKEW_US, NewEvent, Posted, Receipt
from ledger.kinds import KINDS, charge, engagement
from ledger.kinds.base import Breach, Context, Line, Tally
from ledger.policy import Schedule

EVENT = tables.Event.__table__  # type: ignore[attr-defined]
TALLY = tables.Tally.__table__  # type: ignore[attr-defined]
TIE = tables.Tie.__table__  # type: ignore[attr-defined]
BREACH = tables.Breach.__table__  # type: ignore[attr-defined]

LONGEST_US = 50 * 1_000_000  # readers call a moment final once it is a minute past
LATEST_DAYS = 366  # what is left of an older event is not worth the lock it would be worked out under


class AtomicRefused(Exception):
    """An atomic batch held a refusal: nothing was posted or remembered. `receipts` say which and why."""

    def __init__(self, receipts: list[Receipt]) -> None:
        super().__init__("the batch was refused as a whole")
        self.receipts = receipts


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
    Raises AtomicRefused where `atomic` and any event is refused, Unavailable where it took so long that readers may
    have been told otherwise. Never commits.
    """
    receipts: dict[int, Receipt] = {}
    jobs = _find_creators(session, events, receipts)
    batch = open_batch(session, jobs, clock=clock, schedule=schedule, backfill=backfill)
    for job in sorted(jobs, key=lambda job: (job.event.occurred_at_us, job.index)):
        receipts[job.index] = _post_one(batch, job)
    if clock() - batch.now_us > LONGEST_US:
        raise Unavailable("it took too long under the lock: nothing was done, send the same in smaller batches")
    ordered = [receipts[index] for index in range(len(events))]
    if atomic and any(receipt.status == "refused" for receipt in ordered):
        raise AtomicRefused(ordered)
    _write(session, batch)
    return ordered


def _find_creators(session: Session, events: Sequence[NewEvent], receipts: dict[int, Receipt]) -> list[Job]:
    named = {_account(event) for event in events if event.creator.creator_id is None}
    accounts = lookups.accounts(session, named)
    by_id = {(e.creator.creator_id, e.meter[8:]) for e in events if e.creator.creator_id and _asks_size(e)}
    followers = lookups.followers(session, by_id)
    jobs = []
    for index, event in enumerate(events):
        ref = event.creator
        if ref.creator_id:
            size = followers.get((ref.creator_id, event.meter[8:]))
            jobs.append(Job(index, event, ref.creator_id, size))
        elif (found := accounts.get(_account(event))) is not None:
            jobs.append(Job(index, event, *found))
        else:
            receipts[index] = _unknown_creator(event)
    return jobs


def _asks_size(event: NewEvent) -> bool:
    return getattr(event.facts, "followers", 0) is None


def _account(event: NewEvent) -> tuple[str, str]:
    return event.creator.network or "", event.creator.external_id or ""


def _unknown_creator(event: NewEvent) -> Receipt:
    name = event.creator.creator_id or f"{event.creator.network}:{event.creator.external_id}"
    detail = f"no creator {name} with a book {event.meter} is enrolled"
    return Receipt(event.external_ref, "refused", code="unknown_creator", detail=detail, remembered=False)


def _post_one(batch: Batch, job: Job) -> Receipt:
    event, book = job.event, batch.books.get(job.book)
    known = batch.known.get(job.ref(event.external_ref))
    if known is not None:
        return lookups.replay(known, event)
    if book is None:
        return _unknown_creator(event)
    if (wrong := _wrong_time(batch, event)) is not None:
        errors = (("/occurred_at", wrong),)
        return Receipt(
            event.external_ref,
            "refused",
            code="invalid_event",
            detail=f"/occurred_at: {wrong}",
            errors=errors,
            remembered=False,
        )
    before = replace(book, new_entries=list(book.new_entries)) if event.kind.refers_to else book
    try:
        at = _recorded_at(batch, book, event)
        # A backfill's events of one moment are recorded microseconds apart, but never slip past midnight.
        day = (event.occurred_at_us if batch.backfill else at) // DAY_US
        book.settle(day, schedule=batch.schedule, recorded_at_us=max(at, book.recorded_at_us + 1))
        at = max(at, book.recorded_at_us + 1)
        context = context_of(batch, job, book)
        lines = event.kind.price(event.facts, context)
    except Refusal as refusal:
        batch.books[job.book] = before  # a refused event leaves no trace in the book, not even that it is live
        return _remember(batch, job, {"code": refusal.code, "detail": refusal.detail, "pointer": refusal.pointer}, ())
    return _write_lines(batch, job, book, context, lines, at)


def _wrong_time(batch: Batch, event: NewEvent) -> str | None:
    """Why an event cannot be taken for its time alone. A hidden pitch is priced when found, however old."""
    if event.occurred_at_us > batch.now_us + SKEW_US:
        return "lies in the future"
    late_us = batch.now_us - event.occurred_at_us
    if late_us > LATEST_DAYS * DAY_US and not batch.backfill and event.kind.name != "undisclosed_pitch":
        return f"is more than {LATEST_DAYS} days ago: give the day it came to light, or use backfill"
    return None


def _recorded_at(batch: Batch, book: OpenBook, event: NewEvent) -> int:
    """The book's own time of this event: now, or in a backfill the time it happened."""
    if not batch.backfill:
        return max(batch.now_us, book.recorded_at_us + 1, book.state.day * DAY_US)
    if book.live:
        raise BackfillClosed(f"the book {book.meter} holds live entries: its past is closed to backfill")
    if event.occurred_at_us // DAY_US < book.state.day:
        raise OutOfOrder("backfill goes in time order: the book already holds a later day", pointer="/occurred_at")
    return max(event.occurred_at_us, book.recorded_at_us + 1)


def _write_lines(batch: Batch, job: Job, book: OpenBook, context: Context, lines: Sequence[Line], at: int) -> Receipt:
    event = job.event
    book.live = book.live or not batch.backfill
    planned = book.plan(lines, policy=context.policy)
    posted = tuple(
        Posted(event.meter, p.seq, p.line.kind, -p.pools.world, p.after.standing, p.pools.fresh + p.pools.bedrock)
        for p in planned
    )
    receipt = _remember(batch, job, {"entries": [list(entry) for entry in posted]}, posted)
    event_row = batch.new_events[-1]
    book.write(
        planned,
        policy_version=context.policy.version,
        event_id=event_row[1],
        event_hash=event_row[12],
        recorded_at_us=at,
    )
    _update_memory(batch, job, book, context, lines, posted)
    return receipt


def _update_memory(
    batch: Batch, job: Job, book: OpenBook, context: Context, lines: Sequence[Line], planned: Sequence[Posted]
) -> None:
    event = job.event
    day = context.occurred_day
    if event.kind.name == "engagement":
        known, unknown = engagement.raw_amount(lines[0].factors)
        book.tallies[day] = context.tally.plus(known, unknown)
        if known or unknown:
            book.ties[event.facts.engager] = (context.tie + PPM, context.day)
    elif counts := event.kind.counted(sum(posted.amount for posted in planned)):
        tally = book.tallies.get(day, Tally())
        book.tallies[day] = replace(tally, **{name: getattr(tally, name) + 1 for name in counts})
    for line, posted in zip(lines, planned, strict=True):
        if line.kind == "breach":
            book.breaches[posted.seq] = _breach(event, posted, context, lines)
    if event.kind.settles_breach and context.breach:
        book.mark_breach(context.breach.seq, event.kind.settles_breach)
    if event.kind.name in UNDOING:
        book.uncount(past.seq for past in context.past)
        _uncount_day(batch, job, book)
    if event.kind.name == "reversal":
        _unmark(book, context)


def _uncount_day(batch: Batch, job: Job, book: OpenBook) -> None:
    """What never was does not count towards the share of sponsored posts, nor fill up its day's cap."""
    undone = batch.known[job.ref(referred(job.event))]
    written = [book.written[seq] for _, seq in entries_of(undone)]
    day = min(undone[7] // DAY_US, *(item.day for item in written))
    tally = book.tallies.get(day)
    if tally is not None:
        amount = sum(entry[3] for entry in orjson.loads(undone[9])["entries"])
        counts = KINDS[undone[5]].counted(amount)
        book.tallies[day] = tally.without(written[0].gathered, counts)


def _breach(event: NewEvent, posted: Posted, context: Context, lines: Sequence[Line]) -> Breach:
    hidden = event.kind.name == "undisclosed_pitch"
    day = context.day if hidden else context.occurred_day  # what was hidden is broken on the day it is found
    category = "undisclosed" if hidden else event.facts.category
    severity = 0 if hidden else event.facts.severity
    amount = charge(((line.kind, line.factors) for line in lines), context.policy.rates)
    return Breach(posted.seq, day, category, severity, amount, undisclosed=hidden)


def _unmark(book: OpenBook, context: Context) -> None:
    """An undone apology no longer owns its breach, an undone breach is no more, and so on."""
    undone = {"apology": "owned", "evasion": "evaded"}
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
