"""Pitches from quote to outcome: each step an event in the chain, taken once; and how a pitch stands at a moment.

A pitch's id is its quote's, so that holding a quote twice is one hold. An authorised pitch that ran out has expired,
whether anybody wrote that down yet or not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ledger import books, db, events, own, posting, quotes
from ledger.authorised import PREFIX
from ledger.db import Database, Session
from ledger.economy import DAY_US
from ledger.errors import IllegalTransition, NotFound, Refusal
from ledger.kinds.facts import show_ppm
from ledger.kinds.hold import STATUS
from ledger.policy import Schedule
from ledger.posting import LATEST_DAYS
from ledger.quotes import Quote

CHUNK = 500
KINDS = {status: kind for kind, status in STATUS.items()}
_ROW_SQL = "SELECT meter, brand, captured, status, expires_at_us FROM pitch WHERE creator_id = ? AND pitch_id = ?"
_WAITING_SQL = (
    "SELECT meter, pitch_id, expires_at_us FROM pitch WHERE creator_id = ? AND brand = ? AND status = 'held'"
    " AND closed_at_us IS NULL ORDER BY meter, seq"
)
_DUE_SQL = (
    "SELECT p.creator_id, p.meter, p.brand, p.pitch_id, p.expires_at_us FROM pitch p"
    " WHERE p.closed_at_us IS NULL AND p.expires_at_us <= ? ORDER BY p.creator_id, p.meter, p.seq LIMIT ?"
)


class QuoteExpired(Refusal):
    """The quote no longer binds."""

    code = "quote_expired"


class QuoteReplaced(Refusal):
    """The brand was quoted anew for this book: only its newest quote binds."""

    code = "quote_replaced"


# Authorising


def hold(session: Session, *, creator_id: str, quote_id: str, clock: Callable[[], int], schedule: Schedule) -> bool:
    """Authorise a pitch at the terms of its quote; False where it was authorised before.

    Raises NotFound, QuoteExpired, QuoteReplaced, NotLetIn, HoldWaiting, ExceedsAvailable.
    """
    quote = quotes.find(session, creator_id=creator_id, quote_id=quote_id)
    if quote is None:
        raise NotFound(f"there is no such {quotes.PREFIX}")
    _lock(session, creator_id, quote.meter, quote.brand)
    if db.fetch(session, _ROW_SQL, (creator_id, quote_id)):
        return False
    now_us = clock()
    _see_that_it_binds(session, quote, now_us)
    own.post(
        session,
        creator_id=creator_id,
        meter=quote.meter,
        kind="pitch_held",
        ref=quote_id,
        facts=_held(quote, now_us, schedule),
        occurred_at_us=now_us,
        clock=clock,
        schedule=schedule,
    )
    return True


def _lock(session: Session, creator_id: str, meter: str, brand: str) -> None:
    """Whoever does something about this pitch waits here for whoever came first: in the order that posting locks."""
    books.lock(session, [(creator_id, f"brand:{brand}"), (creator_id, meter)])


def _see_that_it_binds(session: Session, quote: Quote, now_us: int) -> None:
    if not quote.is_live(now_us):
        raise QuoteExpired("the quote has expired: ask for a new one", pointer="/quote")
    newest = quotes.newest(session, creator_id=quote.creator_id, meter=quote.meter, brand=quote.brand)
    if newest != quote.quote_id:
        raise QuoteReplaced(f"{quote.brand} was quoted anew for this book: hold that quote", pointer="/quote")


def _held(quote: Quote, now_us: int, schedule: Schedule) -> dict[str, Any]:
    """What the hold says: the terms, binding from here on. It reserves p90, and no less than the formula's drain."""
    terms = quote.terms
    policy = schedule.named(terms.policy_version)
    return {
        "brand": quote.brand,
        "disclosure": terms.disclosure,
        "drain": terms.drain,
        "held": max(terms.held, terms.drain),
        "share": show_ppm(terms.share),
        "mending": show_ppm(terms.mending),
        "clear": show_ppm(policy["transparency.clear"]),
        "vague": show_ppm(policy["transparency.vague"]),
        "fit": show_ppm(terms.fit),
        "expires_at_us": now_us + policy["pitch.hold_days"] * DAY_US,
    }


# What becomes of it


def step(
    session: Session,
    *,
    creator_id: str,
    pitch_id: str,
    status: str,
    by: str,
    clock: Callable[[], int],
    schedule: Schedule,
) -> bool:
    """Take a pitch to accepted, declined or withdrawn, as decided `by` a role; False where that was done before.

    Raises NotFound, IllegalTransition.
    """
    meter, brand = _lock_pitch(session, creator_id, pitch_id)
    facts = {"pitch": pitch_id, "brand": brand, "by": by}
    return _once(session, creator_id, meter, status, facts, clock=clock, schedule=schedule)


def publish(
    session: Session,
    *,
    creator_id: str,
    pitch_id: str,
    disclosure: str,
    clock: Callable[[], int],
    schedule: Schedule,
) -> bool:
    """Capture a pitch at the terms of its hold; False where that was done before.

    Raises NotFound, IllegalTransition, ReferenceReused where it was published with another disclosure.
    """
    meter, brand = _lock_pitch(session, creator_id, pitch_id)
    facts = {"pitch": pitch_id, "brand": brand, "disclosure": disclosure}
    return _once(session, creator_id, meter, "published", facts, clock=clock, schedule=schedule)


def _lock_pitch(session: Session, creator_id: str, pitch_id: str) -> tuple[str, str]:
    rows = db.fetch(session, _ROW_SQL, (creator_id, pitch_id))
    if not rows:
        raise NotFound(f"there is no such {PREFIX}")
    meter, brand, *_ = rows[0]
    _lock(session, creator_id, meter, brand)
    return meter, brand


def _once(
    session: Session,
    creator_id: str,
    meter: str,
    status: str,
    facts: Mapping[str, Any],
    *,
    clock: Callable[[], int],
    schedule: Schedule,
) -> bool:
    ref = f"{facts['pitch']}:{status}"
    earlier = own.told(session, creator_id=creator_id, ref=ref)
    if earlier is not None:
        if earlier[0].get("disclosure") != facts.get("disclosure"):
            said = earlier[0].get("disclosure")
            raise own.ReferenceReused(f"the pitch was published before, disclosed as {said}", pointer="/disclosure")
        return False
    own.post(
        session,
        creator_id=creator_id,
        meter=meter,
        kind=KINDS[status],
        ref=ref,
        facts=facts,
        occurred_at_us=clock(),
        clock=clock,
        schedule=schedule,
    )
    return True


def outcome(
    session: Session,
    *,
    creator_id: str,
    pitch_id: str,
    source: str,
    facts: Mapping[str, Any],
    clock: Callable[[], int],
    schedule: Schedule,
) -> bool:
    """Tell how an audience took a pitch, in the name of who measured it; False where they told the same before.

    Raises NotFound, IllegalTransition, TooEarly, AlreadyDone where somebody else told it, ReferenceReused.
    """
    meter, _ = _lock_pitch(session, creator_id, pitch_id)
    _, _, captured, status, expires_at_us = db.fetch(session, _ROW_SQL, (creator_id, pitch_id))[0]
    if captured is None:
        stands = "expired" if status in ("held", "accepted") and expires_at_us <= clock() else status
        raise IllegalTransition(f"the pitch is {stands}: it has an outcome once it is published", pointer="/status")
    ref = f"{pitch_id}:outcome"
    earlier = own.told(session, creator_id=creator_id, ref=ref, source=source)
    receipt = own.post(
        session,
        creator_id=creator_id,
        meter=meter,
        kind="outcome",
        ref=ref,
        facts={**facts, "pitch": f"{pitch_id}:published", "reported_by": events.OWN},
        occurred_at_us=earlier[1] if earlier else clock(),
        clock=clock,
        schedule=schedule,
        source=source,
    )
    return not receipt.replayed


def withdraw_waiting(
    session: Session, *, creator_id: str, brand: str, by: str, clock: Callable[[], int], schedule: Schedule
) -> int:
    """Withdraw a brand's pitches that no creator has answered yet, as decided `by` a role; returns how many.

    Whoever calls holds the lock of the brand's book: nothing more of it is held meanwhile.
    """
    waiting = db.fetch(session, _WAITING_SQL, (creator_id, brand))
    books.lock(session, sorted({(creator_id, meter) for meter, *_ in waiting}))
    now_us, done = clock(), 0
    for meter, pitch_id, expires_at_us in waiting:
        if expires_at_us > now_us:
            facts = {"pitch": str(pitch_id), "brand": brand, "by": by}
            done += _once(session, creator_id, meter, "withdrawn", facts, clock=lambda: now_us, schedule=schedule)
    return done


# Running out


def expire(
    database: Database,
    *,
    clock: Callable[[], int],
    schedule: Schedule,
    limit: int = CHUNK,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Write down which authorised pitches ran out, chunk by chunk. Returns how many; readers knew before.

    Any number of schedulers may do it at once: an expiry is one event, whoever writes it.
    """
    expired = 0
    while last := database.write(partial(expire_next, clock=clock, schedule=schedule, limit=limit)):
        expired += last
        if progress:
            progress(last)
    return expired


def expire_next(session: Session, *, clock: Callable[[], int], schedule: Schedule, limit: int = CHUNK) -> int:
    """Expire the next pitches that are due; returns how many."""
    keys = {(str(row[0]), row[1]) for row in db.fetch(session, _DUE_SQL, (clock(), limit))}
    books.lock(session, sorted(keys))
    now_us = clock()
    due = db.fetch(session, _DUE_SQL, (now_us, limit))  # what another wrote down meanwhile is due no more
    told = [
        events.new_event(
            creator=str(creator_id),
            meter=meter,
            source=events.OWN,
            external_ref=f"{pitch_id}:expired",
            kind="pitch_expired",
            facts={"pitch": str(pitch_id), "brand": brand, "by": "ledger"},
            occurred_at_us=max(expires_at_us, now_us - LATEST_DAYS * DAY_US),
            pepper=b"",
        )
        for creator_id, meter, brand, pitch_id, expires_at_us in due
        if (str(creator_id), meter) in keys
    ]
    return len(posting.post(session, events=told, clock=clock, schedule=schedule, atomic=True)) if told else 0
