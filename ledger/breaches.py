"""Breaches of a book: those nobody owned yet, with what owning them today would win back, and those cleared."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ledger import contexts, db
from ledger.books import ENTRY_COLUMNS, written_of
from ledger.db import Reading
from ledger.economy import DAY_US, Move, scale
from ledger.kinds import apology
from ledger.kinds.base import Breach
from ledger.memory import Written
from ledger.policy import Policy, Schedule


@dataclass(frozen=True, slots=True)
class OpenBreach:
    """A breach that nobody owned yet: what it took, and what of that is missing today, in micro-trust.

    `share` (ppm) of what is missing is the most that an apology made today wins back, `prompt_share` the most that
    one made at once did.
    """

    seq: int
    day: int
    amount: int
    undisclosed: bool
    left: int
    share: int
    prompt_share: int

    @property
    def most(self) -> int:
        """The most that an apology made today wins back, in micro-trust."""
        return scale(self.left, self.share)


@dataclass(frozen=True, slots=True)
class OpenAllegation:
    """What is alleged and waits for an answer. Once it is substantiated, silence counts from `until_day` on.

    There are as many days to answer from the later of the two on, or from when the books heard of it.
    """

    seq: int
    day: int
    category: str
    severity: int
    until_day: int | None


def unanswered(session: Reading, *, creator_id: str, meter: str, policy: Policy) -> list[OpenAllegation]:
    """The allegations that nobody answered, dismissed or settled, oldest first."""
    rows = db.fetch(
        session,
        "SELECT a.seq, a.day, a.category, a.severity, v.received_at_us, b.day, w.received_at_us FROM allegation a"
        " JOIN entry e ON e.creator_id = a.creator_id AND e.meter = a.meter AND e.seq = a.seq"
        " JOIN event v ON v.creator_id = e.creator_id AND v.event_id = e.event_id"
        " LEFT JOIN breach b ON b.creator_id = a.creator_id AND b.meter = a.meter AND b.seq = a.breach"
        " LEFT JOIN entry f ON f.creator_id = a.creator_id AND f.meter = a.meter AND f.seq = a.breach"
        " LEFT JOIN event w ON w.creator_id = f.creator_id AND w.event_id = f.event_id"
        " WHERE a.creator_id = ? AND a.meter = ? AND NOT a.answered AND (a.status = 'open'"
        " OR (a.status = 'substantiated' AND NOT b.owned AND NOT b.evaded AND NOT b.cleared)) ORDER BY a.day, a.seq",
        (creator_id, meter),
    )
    days = policy["allegation.answer_days"]
    return [
        OpenAllegation(
            seq, day, category, severity, None if found is None else max(day, us // DAY_US, found, at // DAY_US) + days
        )
        for seq, day, category, severity, us, found, at in rows
    ]


def open_breaches(
    session: Reading, *, creator_id: str, meter: str, today: int, schedule: Schedule, policy: Policy
) -> list[OpenBreach]:
    """The breaches of a book that are neither owned nor cleared, oldest first, as they weigh today."""
    rows = db.fetch(
        session,
        "SELECT seq, day, category, severity, amount, undisclosed, owned, evaded, cleared FROM breach"
        " WHERE creator_id = ? AND meter = ? ORDER BY day, seq",
        (creator_id, meter),
    )
    known = [Breach(*row[:5], *map(bool, row[5:])) for row in rows]
    if all(not breach.open for breach in known):
        return []
    written = _written(session, creator_id, meter, schedule)
    return [
        _weighed(breach, known, written[breach.seq].left_of_breach(breach, today, schedule).surviving, policy, today)
        for breach in known
        if breach.open
    ]


def _written(session: Reading, creator_id: str, meter: str, schedule: Schedule) -> dict[int, Written]:
    """The entries of the open breaches by number."""
    rows = db.fetch(
        session,
        f"SELECT {ENTRY_COLUMNS} FROM breach b"
        " JOIN entry e ON e.creator_id = b.creator_id AND e.meter = b.meter AND e.seq = b.seq"
        " WHERE b.creator_id = ? AND b.meter = ? AND NOT b.owned AND NOT b.cleared",
        (creator_id, meter),
    )
    return {row[2]: written_of(row, schedule) for row in rows}


def _weighed(breach: Breach, known: Iterable[Breach], surviving: Move, policy: Policy, today: int) -> OpenBreach:
    prompt = policy["apology.most"]
    if contexts.repeats(known, breach, policy["breach.repeat_window"]):
        prompt = scale(prompt, policy["apology.repeat"])
    share = scale(prompt, apology.timeliness(today - breach.day, policy))
    left = max(0, -surviving.fresh - surviving.bedrock)
    return OpenBreach(breach.seq, breach.day, breach.amount, breach.undisclosed, left, share, prompt)


def cleared_breaches(session: Reading, *, creator_id: str, meter: str) -> int:
    """How many breaches of a book turned out not to have been."""
    (counted,) = db.fetch(
        session,
        "SELECT COUNT(*) FROM breach b WHERE b.creator_id = ? AND b.meter = ? AND b.cleared AND EXISTS (SELECT 1"
        " FROM entry e WHERE e.creator_id = b.creator_id AND e.meter = b.meter AND e.about = b.seq"
        " AND e.kind = 'cleared')",
        (creator_id, meter),
    )
    return int(counted[0])
