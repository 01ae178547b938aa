"""Messages: what webhooks are told of, type by type. No names, no texts: what happened, and where to read more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from ledger.ids import NIL
from ledger.notation import instant

NOBODY = NIL  # whom a message is about that is about no creator
TYPES = {
    "balance.changed": "A book holds another amount: once a book and call, however many lines were posted.",
    "label.changed": "A book's label is another than it was.",
    "pitch.held": "A pitch was authorised, and reserves an amount.",
    "pitch.accepted": "The creator agreed to publish it.",
    "pitch.declined": "The creator does not want it; what it held is free again.",
    "pitch.withdrawn": "One side took it back; what it held is free again.",
    "pitch.expired": "It ran out before it was published; what it held is free again.",
    "pitch.published": "The sponsored post is out, and the drain is taken.",
    "pitch.outcome": "How the audience took a sponsored post was told, and the drain corrected.",
    "pitch.recorded": "A sponsored post that was not authorised here was told of, and the drain taken.",
    "pitch.undisclosed": "A sponsored post that was hidden was found, and charged.",
    "relationship.introduced": "A brand asks to be let in.",
    "relationship.accepted": "The creator let it in.",
    "relationship.declined": "The creator did not.",
    "relationship.ended": "One side ended it.",
    "relationship.blocked": "The creator keeps the brand away. A brand that never introduced itself is not told.",
    "relationship.unblocked": "The creator no longer does.",
    "allegation.opened": "Something is alleged; it costs nothing unless it is substantiated.",
    "allegation.answered": "The creator owned, denied or explained it.",
    "allegation.substantiated": "It was so, and is charged as a breach.",
    "allegation.dismissed": "It was not so.",
    "breach.recorded": "A breach of trust was told of and charged.",
    "breach.evaded": "It was met with an evasive answer, or with silence, which costs more.",
    "breach.owned": "The creator apologised for it.",
    "breach.cleared": "It was not so after all: what it cost is given back.",
    "creator.erased": "The creator of a book on that network was erased: forget what you hold of them.",
    "dispute.opened": "The creator contests a line.",
    "dispute.resolved": "The dispute was upheld, and the line undone; or rejected.",
    "policy.announced": "New rules take effect on a day to come.",
    "webhook.test": "Somebody asked for it, to see whether messages arrive.",
}
_STEP, _STEPS = ("seq", "event_id"), ("accepted", "declined", "ended", "blocked", "unblocked")
_PITCH = (*_STEP, "pitch", "brand")
MEMBERS = {
    "balance.changed": ("first_seq", "last_seq", "standing", "change", "lines"),
    "label.changed": (*_STEP, "from", "to"),
    "pitch.held": (*_PITCH, "disclosure", "quoted", "held", "expires_at"),
    **dict.fromkeys(("pitch.accepted", "pitch.declined", "pitch.withdrawn", "pitch.expired"), (*_PITCH, "by")),
    "pitch.published": (*_PITCH, "disclosure", "captured"),
    "pitch.outcome": (*_PITCH, "ratio"),
    "pitch.recorded": (*_STEP, "brand", "disclosure", "captured"),
    "pitch.undisclosed": (*_STEP, "brand"),
    "relationship.introduced": (*_STEP, "brand"),
    **dict.fromkeys(tuple(f"relationship.{step}" for step in _STEPS), (*_STEP, "brand", "by")),
    "allegation.opened": (*_STEP, "severity", "category", "by"),
    "allegation.answered": (*_STEP, "stance"),
    "allegation.substantiated": (*_STEP, "by"),
    "allegation.dismissed": (*_STEP, "by"),
    "breach.recorded": (*_STEP, "severity", "category"),
    **dict.fromkeys(("breach.evaded", "breach.owned", "breach.cleared"), _STEP),
    "creator.erased": ("creator_id", "meter"),
    **dict.fromkeys(("dispute.opened", "dispute.resolved"), ("seq", "dispute", "status")),
    "policy.announced": ("policy", "name", "effective_day"),
    "webhook.test": (),
}  # what each says besides whom it is about and when
BRAND_FAMILIES = ("pitch.", "relationship.")
NOT_FOR_BRANDS = ("pitch.recorded", "pitch.undisclosed")  # told of a brand, of creators who may never have met it
FOR_ALL = ("policy.announced", "webhook.test")


class Message(NamedTuple):
    """What happened in a book, for whoever may and wants to know. `brand` is the one it concerns, '' for none.

    `body` is JSON; `made_at_us` only grows in a book.
    """

    creator_id: str
    meter: str
    type: str
    body: str
    made_at_us: int
    brand: str = ""


def for_role(role: str) -> tuple[str, ...]:
    """The types that keys of a role may be told of."""
    if role != "brand":
        return tuple(TYPES)
    own = (name for name in TYPES if name.startswith(BRAND_FAMILIES) and name not in NOT_FOR_BRANDS)
    return (*own, *FOR_ALL)


def about(creator_id: str, meter: str, name: str, *, at_us: int, told: Mapping[str, Any], brand: str = "") -> Message:
    """A message about a book of a creator's, or about no creator, and then no book."""
    opening = {} if creator_id == NOBODY else {"creator_id": creator_id, "meter": meter}
    body = {**opening, **told, "recorded_at": instant(at_us)}
    return Message(creator_id, meter, name, orjson.dumps(body).decode(), at_us, brand)
