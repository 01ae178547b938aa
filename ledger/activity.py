"""Activity: every act that counted in a creator's books, with its points and what they are for; as Kred showed them.

As public as the meter, so it holds no names, no references and no times of day.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from ledger import db, kinds
from ledger.db import Reading, Row
from ledger.economy import DAY_US
from ledger.kinds import burst, engagement
from ledger.upkeep import GENEROUS

BY_CREATOR = ("post", "transparency", "pitch", "breach", "apology", "evasion")
BY_LEDGER = ("cleared", "reversal", "burst", "release")
ACTS = ("engagement", "outcome", "reception", *BY_CREATOR, *BY_LEDGER)  # an allegation is no act, nor public
AUDIENCE = {
    "like": "A like",
    "follow": "A new follower",
    "share": "A share",
    "reply": "A reply",
    "rating": "A rating",
}
WHY = {
    "post": "An ordinary post costs nothing; sponsored ones are held against how many there are.",
    "outcome": "The audience took a sponsored post otherwise than expected: its cost is corrected, within bounds.",
    "reception": "Reactions to an apology came in: it counts for more or for less than at first.",
    "breach": "A breach of trust that was substantiated. It is lost until it is owned.",
    "apology": "Owning a breach wins part of it back: a quarter at once, the rest as it mends.",
    "evasion": "An evasive answer, or none, costs more trust than the breach alone.",
    "cleared": "It was not so: everything that it still cost is given back.",
    "reversal": "An earlier act should not have counted: what was left of it is undone.",
    "burst": "Far more engagement than on a usual day: what the day earned waits until it was looked at.",
    "release": "A busy day was looked at: what is left of its engagement is paid.",
}
_SQL = (
    "SELECT e.meter, e.seq, e.kind, e.recorded_at_us, e.fresh + e.bedrock, -e.world, v.facts, e.factors FROM entry e"
    " JOIN event v ON v.creator_id = e.creator_id AND v.event_id = e.event_id"
    f" WHERE e.creator_id = ? AND e.meter = ? AND e.seq < ? AND e.kind IN ({', '.join('?' for _ in ACTS)})"
    " ORDER BY e.seq DESC LIMIT ?"
)
_RADIX = 1 << 40  # more lines than any book will have


@dataclass(frozen=True, slots=True)
class Act:
    """Something the creator, the audience or the ledger did: on which day, and what standing did, in micro-trust.

    `generous` is 1 where it counts towards outreach.
    """

    meter: str
    day: int
    by: str
    what: str
    why: str
    points: int
    generous: int


def acts(
    session: Reading, *, creator_id: str, meters: Sequence[str], limit: int, after: int | None = None
) -> tuple[list[Act], int | None]:
    """Acts in these books, newest first, and the place after which there are more; None at the end.

    `after` is such a place, of the same books. What is told meanwhile moves no act from its place.
    """
    before = zip(meters, _unpacked(after, len(meters)), strict=True)
    pages = {meter: db.fetch(session, _SQL, (creator_id, meter, seq, *ACTS, limit + 1)) for meter, seq in before}
    found = sorted((row for page in pages.values() for row in page), key=lambda row: (row[3], row[0], row[1]))[::-1]
    shown = found[:limit]
    unseen = {meter: page[0][1] + 1 if page else 1 for meter, page in pages.items()}
    left = unseen | {row[0]: row[1] for row in shown}  # the last of a book is its lowest
    return [_act(row) for row in shown], _packed(list(left.values())) if len(found) > limit else None


def _packed(places: Sequence[int]) -> int:
    """The place in each book as one number."""
    return sum(place * _RADIX**n for n, place in enumerate(places))


def _unpacked(place: int | None, books: int) -> list[int]:
    return [_RADIX - 1 if place is None else place // _RADIX**n % _RADIX for n in range(books)]


def _act(row: Row) -> Act:
    meter, _, kind, recorded_at_us, points, gained, facts_json, factors_json = row
    facts, factors = orjson.loads(facts_json), orjson.loads(factors_json)
    act = facts.get("act", "") if kind == "engagement" else ""
    by = "ledger" if kind in BY_LEDGER else "creator" if kind in BY_CREATOR or act == "answer" else "audience"
    what = AUDIENCE.get(act, "An answer to a fan" if act else kinds.title(kind))
    counts = _is_answer(act, factors) or (kind in GENEROUS and gained > 0)
    return Act(meter, recorded_at_us // DAY_US, by, what, _why(kind, facts, factors), points, int(counts))


def _is_answer(act: str, factors: Mapping[str, int]) -> bool:
    """An answer to a fan that counted as one, whatever it earned under the day's caps."""
    return act == "answer" and bool(any(engagement.raw_amount(factors)) or engagement.worth(factors))


def _why(kind: str, facts: Mapping[str, Any], factors: Mapping[str, int]) -> str:
    if kind == "engagement":
        return _engaged(factors)
    if kind == "transparency":
        disclosed = "Telling clearly or vaguely that a post is paid gives back part of what it cost."
        return disclosed if "disclosure" in facts else "Something was put right unasked: it earns trust once a week."
    if kind == "pitch":
        return "A sponsored post costs trust." + (" Part of it comes back with time." if factors["mending"] else "")
    return WHY[kind]


def _engaged(factors: Mapping[str, int]) -> str:
    """Why an act of the audience earned what it did, as far as that says nothing of who it was."""
    if not factors["genuine"]:
        return "It was incentivised: recorded, earns nothing."
    if "held" in factors:
        return WHY["burst"]
    if sum(burst.day_worth(factors["known_after"], factors["unknown_after"], factors)) == factors["day_cap"]:
        return "Genuine engagement earns trust; the day's limit is reached."
    whole = all(factors[name] >= 1_000_000 for name in ("standing", "repeat", "reciprocity"))
    less = "" if whole else " This one counts for less: the same person lately, a favour returned, or little known."
    return f"Genuine engagement earns trust.{less}"
