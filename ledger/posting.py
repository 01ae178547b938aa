"""Posting: the one way anything gets into the books. A single event is a batch of one.

Lock, look, settle, price in time order, then write everything in one transaction. After the first row is
written nothing may be refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import orjson

from ledger import books, chain, db, events, keeping, lookups, news, outbox, tables, upkeep
from ledger.batches import Batch, Job, context_of, network_of, open_batch, policy_of, told_to, touched_by
from ledger.books import OpenBook
from ledger.db import Session
from ledger.economy import DAY_US
from ledger.errors import BackfillClosed, NotLetIn, OutOfOrder, Refusal, Unavailable
from ledger.events import SKEW_US, NewEvent, Posted, Receipt
from ledger.kinds.base import Context, Line
from ledger.memory import Told
from ledger.policy import Schedule

EVENT = tables.Event.__table__  # type: ignore[attr-defined]

LONGEST_US = 50 * 1_000_000  # readers call a moment final once it is a minute past
LATEST_DAYS = 366  # what is left of an older event is not worth the lock it would be worked out under


class Priced(NamedTuple):
    """An event priced in one of its books."""

    book: OpenBook
    told: Told
    context: Context
    lines: list[Line]


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
    _name_strangers(session, jobs, receipts)
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
    by_id = {(e.creator.creator_id, network_of(e.meter)) for e in events if e.creator.creator_id and _asks_size(e)}
    followers = lookups.followers(session, by_id)
    jobs = []
    for index, event in enumerate(events):
        ref = event.creator
        if ref.creator_id:
            size = followers.get((ref.creator_id, network_of(event.meter)))
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


def _name_strangers(session: Session, jobs: Sequence[Job], receipts: dict[int, Receipt]) -> None:
    """Where the creator is there and a brand's book is not, say of what was told of it that the brand is a stranger."""
    absent = [job for job in jobs if receipts[job.index].code == "unknown_creator"]
    told = [job for job in absent if job.event.meter.startswith("brand:") and not job.event.kind.internal]
    enrolled = lookups.enrolled(session, {job.creator_id for job in told}) if told else frozenset()
    for job in told:
        if job.creator_id in enrolled:
            wrong = f"the brand {network_of(job.event.meter)} was never introduced to this creator"
            receipts[job.index] = _unremembered(job.event, NotLetIn.code, wrong, ("/meter", wrong))


def _post_one(batch: Batch, job: Job) -> Receipt:
    event = job.event
    known = batch.known.get(job.ref)
    if known is not None:
        return lookups.replay(known, event)
    touched = touched_by(batch, job)
    if not touched:
        return _unknown_creator(event)
    if (wrong := _wrong_time(batch, event)) is not None:
        return _unremembered(event, "invalid_event", f"/occurred_at: {wrong}", ("/occurred_at", wrong))
    may_refuse = event.kind.name != "engagement"  # once it may be written at all, no act is refused
    before = [replace(each, new_entries=list(each.new_entries)) for each in touched] if may_refuse else touched
    try:
        priced = _price(batch, job, touched)
    except Refusal as refusal:
        for each in before:  # a refused event leaves no trace in its books, not even that they are live
            batch.books[each.creator_id, each.meter] = each
        if not refusal.remembered:
            return _unremembered(event, refusal.code, refusal.detail, (refusal.pointer, refusal.detail))
        return _remember(batch, job, {"code": refusal.code, "detail": refusal.detail, "pointer": refusal.pointer}, ())
    return _write_priced(batch, job, priced)


def _unremembered(event: NewEvent, code: str, detail: str, error: tuple[str, str]) -> Receipt:
    errors = (error,) if error[0] else ()
    return Receipt(event.external_ref, "refused", code=code, detail=detail, errors=errors, remembered=False)


def _price(batch: Batch, job: Job, touched: Sequence[OpenBook]) -> list[Priced]:
    """Settle the books of an event and price it in each, its own first. Raises Refusal."""
    event, own = job.event, touched[0]
    recorded = [_recorded_at(batch, book, event) for book in touched]
    for place, (book, at) in enumerate(zip(touched, recorded, strict=True)):
        # A backfill's events of one moment are recorded microseconds apart, but never slip past midnight.
        day = (event.occurred_at_us if batch.backfill else at) // DAY_US
        book.settle(day, schedule=batch.schedule, recorded_at_us=max(at, book.recorded_at_us + 1))
        recorded[place] = max(at, book.recorded_at_us + 1)
    found: list[Priced] = []
    for book, at in zip(touched, recorded, strict=True):
        policy = policy_of(batch, book)
        told = told_to(batch, job, book, policy, at)
        context = context_of(batch, job, book, told, policy)
        if book is own or event.kind.beside is None:
            lines = event.kind.price(event.facts, context)
        else:
            lines = event.kind.beside(event.facts, context, found[0].lines)
        found.append(Priced(book, told, context, lines))
    return found


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


def _write_priced(batch: Batch, job: Job, priced: Sequence[Priced]) -> Receipt:
    planned = []
    for book, _, context, lines in priced:
        book.live = book.live or not batch.backfill
        planned.append(book.plan(lines, policy=context.policy))
    posted = tuple(
        Posted(one.book.meter, p.seq, p.line.kind, -p.pools.world, p.after.standing, p.pools.fresh + p.pools.bedrock)
        for one, items in zip(priced, planned, strict=True)
        for p in items
    )
    receipt = _remember(batch, job, {"entries": [list(entry) for entry in posted]}, posted)
    event_row = batch.new_events[-1]
    for (book, told, context, _), items in zip(priced, planned, strict=True):
        book.write(
            items,
            policy_version=context.policy.version,
            event_id=event_row[1],
            event_hash=event_row[12],
            recorded_at_us=told.at_us,
        )
        upkeep.keep(book, told, context, items, own=book.meter == job.event.meter)
    return receipt


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
    batch.known[job.ref] = hashed
    if entries:
        return Receipt(event.external_ref, "posted", row[1], entries)
    return lookups.receipt(hashed, status="refused")


def _write(session: Session, batch: Batch) -> None:
    db.insert(session, EVENT, batch.new_events)
    books.write_back(session, batch.books.values())
    keeping.write_back(session, batch.books)
    if not batch.backfill and outbox.is_heard(session):  # the past that is filled in is news to nobody
        outbox.tell(session, messages=news.of_posting(batch.books.values(), batch.new_events, batch.known))
