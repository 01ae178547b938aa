"""How pitches look over HTTP: what comes in, what goes out, and an example."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

from api import cursors, fields
from ledger.authorised import STATUSES
from ledger.kinds.outcome import MOST

RESULT = r"[0-9]{1,3}(\.[0-9]{1,6})?"
NAMED: list[str | dict[str, Any]] = [
    {
        "name": "pitch",
        "in": "path",
        "required": True,
        "description": "the pitch's id",
        "schema": {"type": "string", "minLength": 1},
        "example": "pitch_01936f2e5b1c7c3a9f002b6f3c1d9e0101936f2e5b1c7c3a9f002b6f3c1d9e02",
    }
]


class PitchIn(ma.Schema):
    """The quote whose terms are to bind: live, and the brand's newest for that book."""

    quote = fields.SafeString(required=True, metadata={"description": "the quote's id"})


class PublishIn(ma.Schema):
    """How the post that is out says that it is sponsored."""

    disclosure = ma.fields.String(required=True, validate=ma.validate.OneOf(["clear", "vague"]))


def _count(what: str, **options: Any) -> fields.JsonInteger:
    return fields.JsonInteger(validate=ma.validate.Range(0, MOST), metadata={"description": what}, **options)


class OutcomeIn(ma.Schema):
    """What the audience did in the first week, and what each side reports. What was paid or reached is never priced."""

    positive = _count("reactions in favour", required=True)
    negative = _count("reactions against", required=True)
    acts = _count("all acts of engagement that the sponsored post got")
    usual_acts = _count("the acts that an ordinary post gets in the same time")
    reach = _count("how many saw it; shown, not priced")
    objections = _count("complaints from the audience; shown, not priced")
    result = ma.fields.String(
        validate=[ma.validate.Regexp(rf"\A{RESULT}\Z", error='must be a decimal string, such as "1.25"')],
        metadata={"description": "the brand's goal reached, 1 all of it; shown, not priced", "pattern": f"^{RESULT}$"},
    )
    compensation = _count("what the brand paid, in cents; shown, never priced")


class PitchesQuery(ma.Schema):
    """Which pitches."""

    creator = fields.SafeString(longest=300, metadata={"description": "those of this creator"})
    brand = fields.SafeString(longest=64, metadata={"description": "those of this brand"})
    status = ma.fields.String(
        validate=ma.validate.OneOf(STATUSES), metadata={"description": "those of this status, as it is now"}
    )
    after = fields.SafeString(longest=1_000)
    limit = cursors.limit("pitches")


class AudienceOut(fields.Shown):
    """What the audience did."""

    positive = ma.fields.Integer(**fields.told("reactions in favour"))
    negative = ma.fields.Integer(**fields.told("reactions against"))
    acts = ma.fields.Integer(**fields.told("acts of engagement; null where not told"), allow_none=True)
    usual_acts = ma.fields.Integer(**fields.told("those of an ordinary post; null where not told"), allow_none=True)
    reach = ma.fields.Integer(**fields.told("how many saw it; null where not told"), allow_none=True)
    objections = ma.fields.Integer(**fields.told("complaints; null where not told"), allow_none=True)


class OutcomeOut(fields.Shown):
    """How it was taken: was it good for the audience, for the brand, and for the creator? Only `ratio` was priced."""

    ratio = fields.Trust(
        **fields.told("against what the formula expects: 1 as expected, more is worse; priced in bounds")
    )
    reported_by = ma.fields.String(**fields.told("the partner who measured it"))
    reported_at = fields.Instant(**fields.told("when it was told"))
    audience = ma.fields.Nested(AudienceOut(), **fields.told("what the audience did"))
    brand_result = ma.fields.String(
        **fields.told("the brand's goal reached; never priced; null where not told"), allow_none=True
    )
    compensation = ma.fields.Integer(
        **fields.told("what the creator was paid, in cents; never priced; null where not told"), allow_none=True
    )


class PitchOut(fields.Shown):
    """A pitch as it stands now. A hold past its expiry has expired, whether any job has seen it or not."""

    pitch = ma.fields.String(**fields.told("the pitch's id"))
    quote = ma.fields.String(**fields.told("the quote whose terms bind"))
    creator_id = ma.fields.UUID(**fields.told("the creator's UUID"))
    meter = ma.fields.String(**fields.told("the book"))
    brand = ma.fields.String(**fields.told("the brand's slug"))
    status = ma.fields.String(**fields.told("how it stands now"), validate=ma.validate.OneOf(STATUSES))
    disclosure = ma.fields.String(**fields.told("as it was quoted"))
    fit = fields.Trust(**fields.told("how well it fits, as it was quoted"))
    quoted = fields.Trust(**fields.told("the drain that was quoted"))
    held = fields.Trust(**fields.told("what it reserves now; 0 once it is out, ended or expired"))
    captured = fields.Trust(**fields.told("what publication took"))
    unpaid = fields.Trust(**fields.told("what was quoted and no longer there to take"))
    opened_at = fields.Instant(**fields.told("when it was authorised"))
    expires_at = fields.Instant(**fields.told("until when it may be published"))
    closed_at = fields.Instant(**fields.told("when it was published, ended or ran out; null before"), allow_none=True)
    published_as = ma.fields.String(**fields.told("how it was disclosed; null before it is out"), allow_none=True)
    line = ma.fields.Integer(**fields.told("seq of the line that took it; null before it is out"), allow_none=True)
    reversed_by = ma.fields.Integer(
        **fields.told("seq of the line that undid it; null where none did"), allow_none=True
    )
    outcome = ma.fields.Nested(
        OutcomeOut(), **fields.told("how it was taken, and what each side reported; null before"), allow_none=True
    )
    next = ma.fields.List(ma.fields.String(), **fields.told("the steps that this key may take now"))


class PitchesOut(fields.Shown):
    """Pitches, newest quote first; `next` is the cursor of the page after it, null on the last."""

    pitches = ma.fields.List(ma.fields.Nested(PitchOut()), **fields.told("newest quote first"))
    next = ma.fields.String(**fields.told("cursor of the next page; null on the last"), allow_none=True)


SHOWN = {
    "pitch": "pitch_01936f2e5b1c7c3a9f002b6f3c1d9e0101936f2e5b1c7c3a9f002b6f3c1d9e02",
    "quote": "quote_01936f2e5b1c7c3a9f002b6f3c1d9e0101936f2e5b1c7c3a9f002b6f3c1d9e02",
    "creator_id": "01936f2e-5b1c-7c3a-9f00-2b6f3c1d9e01",
    "meter": "network:youtube",
    "brand": "nike",
    "status": "accepted",
    "disclosure": "clear",
    "fit": "0.700000",
    "quoted": "4.120000",
    "held": "8.870000",
    "captured": "0.000000",
    "unpaid": "0.000000",
    "opened_at": "2026-11-23T16:00:00Z",
    "expires_at": "2026-12-07T16:00:00Z",
    "closed_at": None,
    "published_as": None,
    "line": None,
    "reversed_by": None,
    "outcome": None,
    "next": ["publish", "withdraw"],
}
