"""Reversals as whoever told of an event asks for them: by its reference alone, in whatever book it was."""

from __future__ import annotations

from collections.abc import Callable

from ledger import db, events, posting
from ledger.db import Session
from ledger.errors import UnknownReference
from ledger.events import Receipt
from ledger.policy import Schedule

_EVENT_SQL = "SELECT meter, occurred_at_us FROM event WHERE creator_id = ? AND source = ? AND external_ref = ?"


def reverse(
    session: Session,
    *,
    creator_id: str,
    source: str,
    event: str,
    why: str,
    external_ref: str,
    may_act_for: Callable[[str], bool],
    clock: Callable[[], int],
    schedule: Schedule,
    pepper: bytes,
) -> Receipt:
    """Undo what is left of an event that `source` told of, in a book it may act for; once for an external_ref.

    It happens when it is first asked for; asked again under the same reference, the first answer is given again.
    Raises UnknownReference where there is no such event, InvalidEvent.
    """
    told = db.fetch(session, _EVENT_SQL, (creator_id, source, event))
    if not told or not may_act_for(told[0][0]):
        raise UnknownReference(f"you told of no event {event!r} of this creator", pointer="/event")
    before = db.fetch(session, _EVENT_SQL, (creator_id, source, external_ref))
    reversal = events.new_event(
        creator=creator_id,
        meter=told[0][0],
        source=source,
        external_ref=external_ref,
        kind="reversal",
        facts={"event": event, "why": why},
        occurred_at_us=before[0][1] if before else clock(),
        pepper=pepper,
    )
    return posting.post(session, events=[reversal], clock=clock, schedule=schedule)[0]
