"""Disputes: a creator contests a line of their own book; it is upheld, and undone once, or rejected with a reason.

The texts are side rows: no event holds them. What an upheld dispute undoes is a reversal in the books like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import orjson

from ledger import db, events, ids, outbox, posting, tables
from ledger.contexts import LASTING
from ledger.db import Reading, Row, Session
from ledger.errors import AlreadyDone, Conflict, NotFound, Refusal
from ledger.memory import UNDOING
from ledger.messages import about
from ledger.policy import Schedule
from ledger.posting import AtomicRefused
from ledger.statements import SETTLEMENT

DISPUTE = tables.Dispute.__table__  # type: ignore[attr-defined]
PREFIX = "dispute"
STATUSES = ("open", "upheld", "rejected")
LONGEST_REASON = 2_000
MOST_PER_LINE = 2  # after a rejection a line may be contested once more, with a new reason
WAITING = ("burst", "release")
NOTES = ("label", "policy_marker", "erasure", "pitch_held", "pitch_step", "relationship", "reception")
_COLUMNS = ", ".join(f"d.{column.name}" for column in DISPUTE.columns)
_SQL = (
    f"SELECT {_COLUMNS}, e.kind, e.fresh + e.bedrock, v.kind, v.meter, v.source, v.external_ref,"
    " (SELECT r.seq FROM entry r WHERE r.creator_id = d.creator_id AND r.meter = d.meter AND r.about = d.seq"
    " AND r.kind = 'reversal')"
    " FROM dispute d JOIN entry e ON e.creator_id = d.creator_id AND e.meter = d.meter AND e.seq = d.seq"
    " JOIN event v ON v.creator_id = d.creator_id AND v.event_id = e.event_id"
)
_LINE_SQL = (
    "SELECT e.kind, e.about, v.kind, v.outcome FROM entry e"
    " LEFT JOIN event v ON v.creator_id = e.creator_id AND v.event_id = e.event_id"
    " WHERE e.creator_id = ? AND e.meter = ? AND e.seq = ?"
)
_ABOUT_SQL = "SELECT about, kind FROM entry WHERE creator_id = ? AND meter = ? AND about IN ({}) AND kind IN (?, ?)"
_RESOLVE_SQL = (
    "UPDATE dispute SET status = ?, resolved_at_us = ?, resolved_by = ?, resolution = ?"
    " WHERE creator_id = ? AND dispute_id = ? AND status = 'open'"
)


class NotContestable(Refusal):
    """A line that nobody told of, that undoes another, or that was contested to the end."""

    code = "not_contestable"


class AlreadyContested(Conflict):
    """The line is contested already, with another reason."""

    code = "already_contested"


class AlreadyResolved(Conflict):
    """It was resolved the other way."""

    code = "already_resolved"


@dataclass(frozen=True, slots=True)
class Dispute:
    """A contested line, what came of it, and the event that made the line; times in microseconds since 1970.

    `change` is what the line did to standing, in micro-trust; `reversed_by` the line that undid it, whoever asked.
    """

    creator_id: str
    dispute_id: str
    meter: str
    seq: int
    reason: str
    status: str
    opened_at_us: int
    resolved_at_us: int | None
    resolved_by: str | None
    resolution: str | None
    line_kind: str
    change: int
    event_kind: str
    event_meter: str
    source: str
    external_ref: str
    reversed_by: int | None

    @property
    def name(self) -> str:
        """The id that is shown of it."""
        return ids.join(PREFIX, self.creator_id, self.dispute_id)


# Contesting


def contestable(line_kind: str) -> bool:
    """Whether lines of a kind can be contested at all, whatever was said of one before."""
    return line_kind not in (SETTLEMENT, *UNDOING, *WAITING, *NOTES)


def contest(
    session: Session, *, creator_id: str, meter: str, seq: int, reason: str, now_us: int
) -> tuple[Dispute, bool]:
    """Contest a line; returns (dispute, whether it is new). The same reason again is the same dispute.

    Raises NotFound, NotContestable, AlreadyDone where the line is undone, AlreadyContested.
    """
    # Whoever contests, or writes a line of this book, waits here: a line has one open dispute.
    locked = "UPDATE book SET version = version WHERE creator_id = ? AND meter = ? AND NOT erased"
    if not db.execute(session, locked, (creator_id, meter)):
        raise NotFound(f"no line {seq} in the book {meter}")
    earlier = of_line(session, creator_id=creator_id, meter=meter, seq=seq)
    if earlier and (earlier[0].status, earlier[0].reason) == ("open", reason):
        return earlier[0], False
    _check_line(session, creator_id, meter, seq)
    _check_earlier(seq, earlier, reason)
    dispute_id = events.new_id()
    row = (creator_id, dispute_id, meter, seq, reason, "open", now_us, None, None, None)
    db.insert(session, DISPUTE, [row])
    made = find(session, creator_id=creator_id, dispute_id=dispute_id)
    _tell(session, made, "dispute.opened", now_us)
    return made, True


def _check_line(session: Session, creator_id: str, meter: str, seq: int) -> None:
    """Raise where there is no such line, where it is of no event that can be undone, or where it is undone."""
    rows = db.fetch(session, _LINE_SQL, (creator_id, meter, seq))
    if not rows:
        raise NotFound(f"no line {seq} in the book {meter}")
    line_kind, about, event_kind, outcome = rows[0]
    if event_kind is None:
        raise NotContestable(f"line {seq} is time passing: it follows from the lines before it", pointer="/seq")
    if event_kind in UNDOING:
        raise NotContestable(f"line {seq} undoes another: contest what was told anew instead", pointer="/seq")
    if line_kind in WAITING:
        raise NotContestable(f"line {seq} is of a busy day: its credit waits, and is paid by itself", pointer="/seq")
    if line_kind in NOTES or event_kind in LASTING:
        raise NotContestable(f"line {seq} is a step or a note ({event_kind}): these are not undone", pointer="/seq")
    siblings = {entry[1] for entry in orjson.loads(outcome)["entries"] if entry[0] == meter}
    if _is_undone(session, creator_id, meter, seq, {seq, *siblings, *([about] if about else [])}):
        raise AlreadyDone(f"line {seq} is undone already", pointer="/seq")


def _is_undone(session: Session, creator_id: str, meter: str, seq: int, near: Collection[int]) -> bool:
    """A reversal is about each line it undoes, a clearing about one line of all that it undoes."""
    sql = _ABOUT_SQL.format(", ".join("?" for _ in near))
    rows = db.fetch(session, sql, (creator_id, meter, *near, *UNDOING))
    return any(kind == "cleared" or about == seq for about, kind in rows)


def _check_earlier(seq: int, earlier: list[Dispute], reason: str) -> None:
    """Raise where what was said before leaves no room for another dispute."""
    if earlier and earlier[0].status == "open":
        raise AlreadyContested(f"line {seq} is contested already, with another reason", pointer="/reason")
    if len(earlier) >= MOST_PER_LINE:
        raise NotContestable(f"line {seq} was contested {MOST_PER_LINE} times: that is the end of it", pointer="/seq")
    if any(one.reason == reason for one in earlier):
        raise NotContestable(f"line {seq} was contested for that before: give a new reason", pointer="/reason")


# Resolving


def resolve(
    session: Session,
    *,
    creator_id: str,
    dispute_id: str,
    verdict: str,
    resolution: str | None,
    resolved_by: str,
    clock: Callable[[], int],
    schedule: Schedule,
    pepper: bytes,
) -> tuple[Dispute, bool]:
    """Uphold or reject an open dispute; returns (dispute, whether this call did it). Of two at once one does.

    Upheld, what survives of the event is undone in the same transaction; an event that was undone meanwhile is not
    undone again. Raises NotFound, AlreadyResolved where the verdict was another, or the books' own Refusal.
    """
    told = (verdict, clock(), resolved_by, resolution)
    is_first = db.execute(session, _RESOLVE_SQL, (*told, creator_id, dispute_id)) > 0
    found = find(session, creator_id=creator_id, dispute_id=dispute_id)
    if not is_first and found.status != verdict:
        raise AlreadyResolved(f"the dispute was {found.status} before", pointer="/verdict")
    if is_first and verdict == "upheld":
        _undo(session, found, clock=clock, schedule=schedule, pepper=pepper)
        found = find(session, creator_id=creator_id, dispute_id=dispute_id)
    if is_first:
        _tell(session, found, "dispute.resolved", found.resolved_at_us or clock())
    return found, is_first


def _tell(session: Session, dispute: Dispute, name: str, at_us: int) -> None:
    told = {"seq": dispute.seq, "dispute": dispute.name, "status": dispute.status}
    outbox.say(session, about(dispute.creator_id, dispute.meter, name, at_us=at_us, told=told))


def _undo(session: Session, dispute: Dispute, *, clock: Callable[[], int], schedule: Schedule, pepper: bytes) -> None:
    """Post the reversal of the event that made a line. Raises Refusal where the books take none."""
    event = events.new_event(
        creator=dispute.creator_id,
        meter=dispute.event_meter,
        source=events.OWN,
        external_ref=f"{PREFIX}:{dispute.dispute_id}",
        kind="reversal",
        facts={"event": dispute.external_ref, "why": "dispute", "reported_by": dispute.source},
        occurred_at_us=clock(),
        pepper=pepper,
    )
    try:
        posting.post(session, events=[event], clock=clock, schedule=schedule, atomic=True)
    except AtomicRefused as refused:
        receipt = refused.receipts[0]
        if receipt.code == AlreadyDone.code:
            return
        refusal = Refusal(receipt.detail or "the books do not take the reversal")
        refusal.code = receipt.code or refusal.code
        raise refusal from refused


# Reading


def find(session: Reading, *, creator_id: str, dispute_id: str) -> Dispute:
    """One dispute. Raises NotFound."""
    rows = db.fetch(session, f"{_SQL} WHERE d.creator_id = ? AND d.dispute_id = ?", (creator_id, dispute_id))
    if not rows:
        raise NotFound(f"there is no such {PREFIX}")
    return _dispute(rows[0])


def of_line(session: Reading, *, creator_id: str, meter: str, seq: int) -> list[Dispute]:
    """The disputes of one line, newest first."""
    sql = f"{_SQL} WHERE d.creator_id = ? AND d.meter = ? AND d.seq = ? ORDER BY d.dispute_id DESC"
    return [_dispute(row) for row in db.fetch(session, sql, (creator_id, meter, seq))]


def of_lines(session: Reading, *, creator_id: str, meter: str, first: int, last: int) -> dict[int, Dispute]:
    """The newest dispute of each contested line between two numbers, both included."""
    sql = f"{_SQL} WHERE d.creator_id = ? AND d.meter = ? AND d.seq >= ? AND d.seq <= ? ORDER BY d.dispute_id"
    return {row[3]: _dispute(row) for row in db.fetch(session, sql, (creator_id, meter, first, last))}


def listed(
    session: Reading,
    *,
    limit: int,
    creator_id: str | None = None,
    source: str | None = None,
    networks: Collection[str] | None = None,
    brands: bool = True,
    status: str | None = None,
    before: str | None = None,
) -> list[Dispute]:
    """Disputes before an id, newest first: of one creator, about one source's events, of one status.

    With `networks` only those in the books of these; lines in brands' books, which are on none, unless not `brands`.
    Without a creator this asks every node: there are few disputes, and fewer who may ask so.
    """
    asked = [("d.creator_id = ?", creator_id), ("v.source = ?", source), ("d.status = ?", status)]
    given = [*asked, ("d.dispute_id < ?", before)]
    conditions = [condition for condition, value in given if value is not None]
    params: list[object] = [value for _, value in given if value is not None]
    if networks is not None:
        meters = [f"network:{network}" for network in networks] or [""]
        held = f"d.meter IN ({', '.join('?' for _ in meters)})"
        conditions.append(f"({held} OR substr(d.meter, 1, 6) = 'brand:')" if brands else held)
        params += meters
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    rows = db.fetch(session, f"{_SQL}{where} ORDER BY d.dispute_id DESC LIMIT ?", (*params, limit))
    return [_dispute(row) for row in rows]


def _dispute(row: Row) -> Dispute:
    return Dispute(str(row[0]), str(row[1]), *row[2:])
