"""Consents: that a creator agreed to be in the ledger, to which terms, who recorded it, and where the proof lies."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ledger import db, tables
from ledger.db import Reading, Session

CONSENT = tables.Consent.__table__  # type: ignore[attr-defined]
LONGEST = 200
_SQL = (
    "SELECT given_at_us, recorded_at_us, recorded_by, terms, evidence FROM consent WHERE creator_id = ?"
    " ORDER BY recorded_at_us"
)


@dataclass(frozen=True, slots=True)
class Consent:
    """When a creator agreed and when that was recorded, in microseconds; `terms` and `evidence` may be empty.

    `evidence` is the reference under which whoever recorded it keeps the proof.
    """

    given_at_us: int
    recorded_at_us: int
    recorded_by: str
    terms: str = ""
    evidence: str = ""


def record(session: Session, *, creator_id: str, consent: Consent) -> None:
    """Write a consent down, with the creator's enrolment."""
    row = (consent.recorded_at_us, consent.given_at_us, consent.terms, consent.evidence, consent.recorded_by)
    db.insert(session, CONSENT, [(creator_id, *row)])


def record_further(session: Session, *, creator_id: str, consent: Consent) -> None:
    """Write down a consent to more, after those that are on record."""
    last = of(session, creator_id=creator_id)[-1].recorded_at_us
    later = replace(consent, recorded_at_us=max(consent.recorded_at_us, last + 1))
    record(session, creator_id=creator_id, consent=later)


def of(session: Reading, *, creator_id: str) -> tuple[Consent, ...]:
    """A creator's consents, the first one first."""
    return tuple(Consent(*row) for row in db.fetch(session, _SQL, (creator_id,)))
