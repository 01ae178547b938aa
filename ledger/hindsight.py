"""What a label looked at, at an earlier moment: told from the entries recorded by then, which never change."""

from __future__ import annotations

from collections.abc import Iterable

import orjson

from ledger import db, events
from ledger.db import Reading, Row
from ledger.economy import DAY_US
from ledger.label_columns import KIND, label_ref
from ledger.labels import NAMES


def label_columns(session: Reading, row: Row, since: int) -> tuple[str | None, str | None, str]:
    """The columns that a read of now gets from tallies after a day, from breaches and from the book, as they were."""
    creator_id, meter, seq, recorded_at_us = row[0], row[2], row[4], row[5]
    if not seq or not meter.startswith("network:"):
        return None, None, NAMES[0]
    # Every pitch has a line about it: its credit for disclosing, the breach of hiding it, or that it was held.
    linked = db.fetch(session, _LINKED_THEN, (creator_id, meter, seq))
    posts = _posts_then(session, row, since, _undone(linked)) if linked else None
    breaches = db.fetch(session, _BREACHES_THEN, (creator_id, meter, seq))
    owing = _unowned_then(linked, breaches) if breaches else None
    return posts, owing, _label_then(session, creator_id, meter, seq, recorded_at_us // DAY_US)


_POSTS_THEN = (
    "SELECT e.seq, e.kind, v.occurred_at_us, e.settled_through FROM entry e"
    " JOIN event v ON v.creator_id = e.creator_id AND v.event_id = e.event_id"
    " WHERE e.creator_id = ? AND e.meter = ? AND e.recorded_at_us >= ? AND e.recorded_at_us <= ?"
    " AND e.kind IN ('post', 'pitch')"
)
_LINKED_THEN = (
    "SELECT e.seq, e.kind, e.about, v.kind FROM entry e"
    " JOIN event v ON v.creator_id = e.creator_id AND v.event_id = e.event_id"
    " WHERE e.creator_id = ? AND e.meter = ? AND e.about IS NOT NULL AND e.seq <= ? ORDER BY e.seq"
)
# Neither changes once it is there: what became of a breach is told by the entries about it.
_BREACHES_THEN = "SELECT seq, day, undisclosed FROM breach WHERE creator_id = ? AND meter = ? AND seq <= ?"
# Found by their references, which count the days: there is one a night at most, and entries have no index for them.
_LABELS_THEN = (
    "SELECT outcome FROM event WHERE creator_id = ? AND source = ? AND external_ref >= ? AND external_ref <= ?"
    " AND kind = ? AND meter = ? ORDER BY external_ref DESC LIMIT 2"
)
_FACTORS = "SELECT factors FROM entry WHERE creator_id = ? AND meter = ? AND seq = ?"


def _posts_then(session: Reading, row: Row, since: int, undone: set[int | None]) -> str | None:
    posts = db.fetch(session, _POSTS_THEN, (row[0], row[2], since * DAY_US, row[5]))
    counts: dict[int, list[int]] = {}
    for post_seq, kind, occurred_at_us, posted_on in posts:
        if post_seq not in undone:
            count = counts.setdefault(min(occurred_at_us // DAY_US, posted_on), [0, 0])
            count[0] += 1
            count[1] += kind == "pitch"
    told = [f"{on} {all_posts} {paid}" for on, (all_posts, paid) in counts.items() if since < on]
    return ",".join(told) or None


def _undone(linked: Iterable[Row]) -> set[int | None]:
    """The posts and pitches that by then had never been: reversed, or hidden ones that were cleared."""
    undone: set[int | None] = set()
    pitch_of: dict[int, int] = {}
    for seq, kind, about, event_kind in linked:
        if kind == "breach" and event_kind == "undisclosed_pitch":
            pitch_of[seq] = about
        elif kind in ("reversal", "cleared"):
            undone.add(pitch_of.get(about, about))
    return undone


def _unowned_then(linked: Iterable[Row], breaches: Iterable[Row]) -> str | None:
    """The breaches that were neither owned, cleared nor reversed by then."""
    known = {seq: f"{day} {int(undisclosed)}" for seq, day, undisclosed in breaches}
    settled: dict[int, set[int]] = {}  # what owns, clears or undoes an entry, and stands itself
    kind_of = {}
    for seq, kind, about, _ in linked:
        kind_of[seq] = (kind, about)
        if kind in ("apology", "cleared") or (kind == "reversal" and about in known):
            settled.setdefault(about, set()).add(seq)
        elif kind == "reversal" and about in kind_of:
            settled.get(kind_of[about][1], set()).discard(about)
    return ",".join(told for seq, told in known.items() if not settled.get(seq)) or None


def _label_then(session: Reading, creator_id: str, meter: str, last_seq: int, day: int) -> str:
    """The label that was written down last by then."""
    span = (label_ref(meter, 0), label_ref(meter, day))
    for (outcome,) in db.fetch(session, _LABELS_THEN, (creator_id, events.OWN, *span, KIND, meter)):
        seq = orjson.loads(outcome)["entries"][0][1]
        if seq <= last_seq:
            ((factors,),) = db.fetch(session, _FACTORS, (creator_id, meter, seq))
            return NAMES[orjson.loads(factors)["now"]]
    return NAMES[0]
