"""What a label looked at, at an earlier moment: told from the entries recorded by then, which never change."""

from __future__ import annotations

from collections.abc import Iterable

from ledger import db
from ledger.db import Reading, Row
from ledger.economy import DAY_US


def label_columns(session: Reading, row: Row, since: int) -> tuple[str | None, int | None]:
    """The two columns that a read of now gets from tallies after a day and from breaches."""
    creator_id, meter, seq, recorded_at_us = row[0], row[2], row[4], row[5]
    # Every pitch has a line about it: its credit for disclosing, or the breach of hiding it.
    linked = db.fetch(session, _LINKED_THEN, (creator_id, meter, seq)) if seq else []
    if not linked:
        return None, None
    undone = _undone(linked)
    posts = db.fetch(session, _POSTS_THEN, (creator_id, meter, since * DAY_US, recorded_at_us))
    counts: dict[int, list[int]] = {}
    for post_seq, kind, occurred_at_us, posted_on in posts:
        if post_seq not in undone:
            count = counts.setdefault(min(occurred_at_us // DAY_US, posted_on), [0, 0])
            count[0] += 1
            count[1] += kind == "pitch"
    told = [f"{on} {all_posts} {paid}" for on, (all_posts, paid) in counts.items() if since < on]
    return ",".join(told) or None, _hidden_then(linked)


_POSTS_THEN = (
    "SELECT e.seq, e.kind, v.occurred_at_us, e.settled_through FROM entry e"
    " JOIN event v ON v.creator_id = e.creator_id AND v.event_id = e.event_id"
    " WHERE e.creator_id = ? AND e.meter = ? AND e.recorded_at_us >= ? AND e.recorded_at_us <= ?"
    " AND e.kind IN ('post', 'pitch')"
)
_LINKED_THEN = (
    "SELECT e.seq, e.kind, e.about, v.kind, e.settled_through FROM entry e"
    " JOIN event v ON v.creator_id = e.creator_id AND v.event_id = e.event_id"
    " WHERE e.creator_id = ? AND e.meter = ? AND e.about IS NOT NULL AND e.seq <= ? ORDER BY e.seq"
)


def _undone(linked: Iterable[Row]) -> set[int | None]:
    """The posts and pitches that by then had never been: reversed, or hidden ones that were cleared."""
    undone: set[int | None] = set()
    pitch_of: dict[int, int] = {}
    for seq, kind, about, event_kind, _ in linked:
        if kind == "breach" and event_kind == "undisclosed_pitch":
            pitch_of[seq] = about
        elif kind in ("reversal", "cleared"):
            undone.add(pitch_of.get(about, about))
    return undone


def _hidden_then(linked: Iterable[Row]) -> int | None:
    """The day of the oldest hidden pitch found that was neither owned, cleared nor reversed by then."""
    day_of: dict[int, int] = {}
    settled: dict[int, set[int]] = {}  # what owns, clears or undoes an entry, and stands itself
    kind_of = {}
    for seq, kind, about, event_kind, found_on in linked:
        kind_of[seq] = (kind, about)
        if kind == "breach" and event_kind == "undisclosed_pitch":
            day_of[seq] = found_on
        elif kind in ("apology", "cleared") or (kind == "reversal" and about in day_of):
            settled.setdefault(about, set()).add(seq)
        elif kind == "reversal" and about in kind_of:
            settled.get(kind_of[about][1], set()).discard(about)
    return min((day for seq, day in day_of.items() if not settled.get(seq)), default=None)
