"""What the ledger posts in its own name when it is asked to: one event at a time, all or nothing, refused by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import orjson

from ledger import db, errors, events, posting
from ledger.db import Reading, Session
from ledger.errors import Conflict, InvalidEvent, LedgerError, Refusal
from ledger.events import OWN, Receipt
from ledger.policy import Schedule
from ledger.posting import AtomicRefused

_SQL = "SELECT facts, occurred_at_us FROM event WHERE creator_id = ? AND source = ? AND external_ref = ?"


class ReferenceReused(Conflict):
    """The same was told before, in other words."""

    code = "external_ref_reused"


def told(session: Reading, *, creator_id: str, ref: str, source: str = OWN) -> tuple[dict[str, Any], int] | None:
    """The facts of an event that was told, and when it occurred; None where it was not."""
    rows = db.fetch(session, _SQL, (creator_id, source, ref))
    return (orjson.loads(rows[0][0]), rows[0][1]) if rows else None


def post(
    session: Session,
    *,
    creator_id: str,
    meter: str,
    kind: str,
    ref: str,
    facts: Mapping[str, Any],
    occurred_at_us: int,
    clock: Callable[[], int],
    schedule: Schedule,
    source: str = OWN,
) -> Receipt:
    """Post one event, or raise what it is refused for; a refusal is not remembered."""
    try:
        event = events.new_event(
            creator=creator_id,
            meter=meter,
            source=source,
            external_ref=ref,
            kind=kind,
            facts=dict(facts),
            occurred_at_us=occurred_at_us,
            pepper=b"",
        )
        return posting.post(session, events=[event], clock=clock, schedule=schedule, atomic=True)[0]
    except InvalidEvent as wrong:
        raise InvalidEvent(_as_sent(wrong.errors)) from wrong
    except AtomicRefused as refused:
        raise named(refused.receipts[0]) from refused


def _as_sent(found: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """What is wrong, pointing into what the caller sent: our facts are members of its own there."""
    return [(pointer.removeprefix("/facts"), what) for pointer, what in found]


def named(receipt: Receipt) -> LedgerError:
    """A refused receipt as the error that its code stands for, pointing at what the caller sent."""
    detail, code = receipt.detail or "the books do not take it", receipt.code or Refusal.code
    pointer = receipt.errors[0][0].removeprefix("/facts") if receipt.errors else ""
    if code == InvalidEvent.code:
        return InvalidEvent(_as_sent(receipt.errors))
    if code == ReferenceReused.code:
        return ReferenceReused(f"it was told before, and {pointer[1:] or 'something'} differs", pointer=pointer)
    known: Any = next((kind for kind in vars(errors).values() if getattr(kind, "code", None) == code), Refusal)
    refusal: LedgerError = known(detail, pointer=pointer)
    refusal.code = code
    return refusal
