"""News: the messages that a posting comes to, book by book, in the order in which each book was told of it.

A book's balance is told of once a posting, however many lines there are; steps and marks are told of one by one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import orjson

from ledger import ids
from ledger.books import BookKey, OpenBook
from ledger.db import Row
from ledger.kinds.pitch import whole_drain
from ledger.kinds.relationship import UNMET
from ledger.labels import NAMES
from ledger.lookups import Ref
from ledger.messages import NOT_FOR_BRANDS, Message, about
from ledger.notation import instant, trust

RECORDED = 23  # where an entry's row holds when it was recorded
OF_EVENTS = {
    "label": "label.changed",
    "pitch_held": "pitch.held",
    "pitch_accepted": "pitch.accepted",
    "pitch_declined": "pitch.declined",
    "pitch_withdrawn": "pitch.withdrawn",
    "pitch_expired": "pitch.expired",
    "pitch_published": "pitch.published",
    "outcome": "pitch.outcome",
    "pitch": "pitch.recorded",
    "undisclosed_pitch": "pitch.undisclosed",
    "introduction": "relationship.introduced",
    "introduction_accepted": "relationship.accepted",
    "introduction_declined": "relationship.declined",
    "relationship_ended": "relationship.ended",
    "brand_blocked": "relationship.blocked",
    "brand_unblocked": "relationship.unblocked",
    "allegation": "allegation.opened",
    "answer": "allegation.answered",
    "substantiation": "allegation.substantiated",
    "dismissal": "allegation.dismissed",
    "breach": "breach.recorded",
    "evasion": "breach.evaded",
    "silence": "breach.evaded",
    "apology": "breach.owned",
    "cleared": "breach.cleared",
}
SAID = ("brand", "by", "disclosure", "severity", "category", "stance")  # facts that are words of ours, or a brand's


def of_posting(books: Collection[OpenBook], new_events: Iterable[Row], known: Mapping[Ref, Row]) -> list[Message]:
    """What to tell of a batch about to be written: `new_events` are its rows, `known` all that it looked up."""
    shelf = {(book.creator_id, book.meter): book for book in books if book.new_entries}
    told = [_of_event(row, shelf, known) for row in new_events if row[5] in OF_EVENTS]
    changed = [_of_balance(book) for book in shelf.values()]
    return [message for message in (*told, *changed) if message is not None]


def _of_balance(book: OpenBook) -> Message | None:
    """That a book holds another amount. Time that passed is no news: readers saw what it did already."""
    lines = [row for row in book.new_entries if row[3] != "settlement"]
    if not any(any(row[9:13]) for row in lines):
        return None
    last = book.new_entries[-1]
    told = {
        "first_seq": book.new_entries[0][2],
        "last_seq": last[2],
        "standing": trust(book.state.standing),
        "change": trust(sum(row[9] + row[10] for row in lines)),
        "lines": dict(sorted(Counter(row[3] for row in lines).items())),
    }
    return about(book.creator_id, book.meter, "balance.changed", at_us=last[RECORDED], told=told)


def _of_event(row: Row, shelf: Mapping[BookKey, OpenBook], known: Mapping[Ref, Row]) -> Message | None:
    """What an event came to in its own book. None for one that was refused."""
    creator_id, event_id, source, _, meter, kind = row[:6]
    book, posted = shelf.get((creator_id, meter)), orjson.loads(row[9]).get("entries")
    if book is None or not posted:
        return None
    seq = next(entry[1] for entry in posted if entry[0] == meter)
    entry = book.new_entries[seq - book.new_entries[0][2]]
    facts = orjson.loads(row[6])
    if kind == "outcome":  # it speaks of a pitch, whose brand and id it does not repeat
        spoken = known[creator_id, facts.get("reported_by") or source, facts["pitch"]]
        terms = orjson.loads(spoken[6])
        facts = {"brand": terms["brand"], "pitch": terms.get("pitch")}
    said = {name: facts[name] for name in SAID if name in facts}
    told = {"seq": seq, "event_id": event_id, **said, **_more(row, facts, orjson.loads(entry[8]))}
    brand = said.get("brand", "") if _concerns_brand(row, facts, shelf) else ""
    return about(creator_id, meter, OF_EVENTS[kind], at_us=entry[RECORDED], told=told, brand=brand)


def _more(row: Row, facts: Mapping[str, Any], factors: Mapping[str, int]) -> dict[str, Any]:
    """What else a message of an event's kind says."""
    kind = row[5]
    if kind == "label":
        return {"from": NAMES[factors["was"]], "to": NAMES[factors["now"]]}
    if kind == "pitch_held":
        terms = {"quoted": trust(facts["drain"]), "held": trust(facts["held"])}
        return {"pitch": _pitch(row[0], row[3]), **terms, "expires_at": instant(facts["expires_at_us"])}
    found: dict[str, Any] = {"pitch": _pitch(row[0], facts["pitch"])} if facts.get("pitch") else {}
    if kind in ("pitch", "pitch_published"):
        found["captured"] = trust(whole_drain(factors))
    if kind == "outcome":
        found["ratio"] = trust(factors["ratio"])
    return found


def _pitch(creator_id: str, pitch_id: str) -> str:
    """The id that is shown of an authorised pitch."""
    return ids.join("pitch", creator_id, pitch_id)


def _concerns_brand(row: Row, facts: Mapping[str, Any], shelf: Mapping[BookKey, OpenBook]) -> bool:
    """Whether the brand that is spoken of may hear of it: of what it took part in, and of no creator it never met."""
    if row[5] == "outcome":
        return facts["pitch"] is not None
    now = shelf[row[0], row[4]].relationship
    met = now is None or not now.introduction.startswith(f"{UNMET}:")
    return OF_EVENTS[row[5]] not in NOT_FOR_BRANDS and met
