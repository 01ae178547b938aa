"""What an estimate tells, as JSON carries it."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

from api import fields
from api.balances import LabelOut
from api.quoting import QuoteOut
from ledger import labels, notation

COUNTS = ("followers", "late_days")


def _perhaps(what: str) -> dict[str, Any]:
    """Declares a member that is null where the brand has no meter yet."""
    return {
        "required": True,
        "allow_none": True,
        "metadata": {"description": f"{what}; null before it introduced itself"},
    }


def _deviations(quantile: str, name: str) -> ma.fields.Function:
    """Declares where a quantile lies, in standard deviations from the bias."""
    told = f"where {quantile} lies, in standard deviations from the bias: as outcomes taught"
    return ma.fields.Function(
        lambda scatter: f"{getattr(scatter, name):.6f}", required=True, metadata={"description": told, "type": "string"}
    )


class QuantileOut(ma.Schema):
    """One way it may turn out: p10 is the mildest drain of ten, p90 the hardest. Days are null beyond two years."""

    drain = fields.Trust(**fields.told("what the pitch takes"))
    credit = fields.Trust(**fields.told("what is given back at once for disclosing it"))
    standing = fields.Trust(**fields.told("standing right after"))
    points = fields.Trust(**fields.told("the meter right after"))
    regained_after = ma.fields.Integer(
        required=True,
        allow_none=True,
        metadata={"description": "days until standing is within 1 % of what it would be without the pitch"},
    )
    back_after = ma.fields.Integer(
        required=True,
        allow_none=True,
        metadata={"description": "days until standing is back where it is today"},
    )


class FanPointOut(ma.Schema):
    """Standing so many days on, after each quantile of the drain, and without the pitch."""

    day = ma.fields.Integer(**fields.told("days from today"))
    p10 = fields.Trust(**fields.told("after the mildest drain of ten"))
    p50 = fields.Trust(**fields.told("after the middle one"))
    p90 = fields.Trust(**fields.told("after the hardest of ten"))
    without = fields.Trust(**fields.told("had there been no pitch"))


class ImprovementOut(ma.Schema):
    """Something that would cost less, and what it saves on the day; `until` where it is a wait."""

    name = ma.fields.String(
        **fields.told("what would change"),
        validate=ma.validate.OneOf(["disclose", "wait", "relationship", "fit"]),
    )
    advice = ma.fields.String(**fields.told("what to do, as a sentence"))
    saves = fields.Trust(**fields.told("standing it saves on the day"))
    until = fields.Day(
        **fields.told("the day to wait for; null where it is no wait"),
        allow_none=True,
        attribute="until_day",
    )


class PredictionOut(ma.Schema):
    """What the spread rests on: measured pitches, log bias, its standard deviation, and the deciles in those."""

    measured = ma.fields.Integer(**fields.told("pitches whose outcome was measured"))
    bias = ma.fields.Function(
        lambda scatter: f"{scatter.bias:.6f}",
        required=True,
        metadata={
            "description": "mean of log(outcome / formula) for this creator; 0 where none was measured",
            "type": "string",
        },
    )
    sigma = ma.fields.Function(
        lambda scatter: f"{scatter.variance**0.5:.6f}",
        required=True,
        metadata={
            "description": "standard deviation of that logarithm: how wide p10 to p90 lie apart",
            "type": "string",
        },
    )

    low = _deviations("p10", "low")
    mid = _deviations("p50", "mid")
    high = _deviations("p90", "high")


class Factors(ma.fields.Dict):
    """The factors of a drain as texts."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> dict[str, str]:
        return {name: str(factor) if name in COUNTS else notation.trust(factor) for name, factor in value.items()}


class BesideOut(ma.Schema):
    """What one such way takes from the brand's own meter; it knows no least drain."""

    drain = fields.Trust(**fields.told("what the pitch takes: the same share"))
    standing = fields.Trust(**fields.told("the brand's standing right after"))
    points = fields.Trust(**fields.told("its meter right after"))


class MissingOut(ma.Schema):
    """What the brand lacks to be established, which makes a pitch cheaper."""

    exchanges = ma.fields.Integer(**fields.told("genuine exchanges still to come"))
    days = ma.fields.Integer(**fields.told("days still to go since it was let in; all of them before that"))


class RelationshipOut(ma.Schema):
    """Where the brand stands with this creator, and what the pitch does to the brand's own meter."""

    status = ma.fields.String(
        **fields.told("where the brand stands"),
        validate=ma.validate.OneOf(["none", "introduced", "accepted", "established", "declined", "ended", "blocked"]),
    )
    missing = ma.fields.Nested(MissingOut(), **fields.told("what it lacks to be established; zeros once it is"))
    standing = fields.Trust(**fields.told("the brand's standing with this creator"))
    points = fields.Trust(**fields.told("its meter"))
    p10 = ma.fields.Nested(BesideOut(), **_perhaps("the mildest of ten ways"))
    p50 = ma.fields.Nested(BesideOut(), **_perhaps("the middle one"))
    p90 = ma.fields.Nested(BesideOut(), **_perhaps("the hardest of ten ways"))


class EstimateOut(ma.Schema):
    """An estimate. `drain` and `credit` are the formula's; `risk` the chance of each label two weeks on."""

    day = fields.Day(**fields.told("the day the pitch would be made: today"))
    policy_version = ma.fields.String(**fields.told("the rules that price it"))
    standing = fields.Trust(**fields.told("standing before the pitch"))
    points = fields.Trust(**fields.told("the meter before the pitch"))
    label = ma.fields.Nested(LabelOut(), **fields.told("the label before the pitch"))
    drain = fields.Trust(**fields.told("what the formula would take"))
    share = fields.Trust(
        **fields.told("the share of standing it takes of both meters, of this one at least a fixed drain")
    )
    credit = fields.Trust(**fields.told("what would be given back at once for disclosing it"))
    factors = Factors(
        keys=ma.fields.String(),
        values=ma.fields.String(),
        **fields.told("what makes the drain, by name: amounts and shares as decimal strings, counts whole"),
    )
    prediction = ma.fields.Nested(PredictionOut(), **fields.told("what p10, p50 and p90 rest on"), attribute="scatter")
    p10 = ma.fields.Nested(QuantileOut(), **fields.told("the mildest of ten ways"))
    p50 = ma.fields.Nested(QuantileOut(), **fields.told("the middle one"))
    p90 = ma.fields.Nested(QuantileOut(), **fields.told("the hardest of ten ways"))
    relationship = ma.fields.Nested(
        RelationshipOut(), **fields.told("the brand's own meter with this creator"), attribute="relation"
    )
    risk = ma.fields.Dict(
        keys=ma.fields.String(validate=ma.validate.OneOf(labels.NAMES)),
        values=fields.Trust(),
        **fields.told("chance of each label two weeks on, 0 to 1 by name; together 1"),
    )
    improvements = ma.fields.List(
        ma.fields.Nested(ImprovementOut()),
        **fields.told("at most three changes that would cost less, the most saving first"),
    )
    fan = ma.fields.List(
        ma.fields.Nested(FanPointOut()),
        **fields.told("standing in the days ahead, for a chart: after each quantile, and without the pitch"),
    )
    quote = ma.fields.Nested(
        QuoteOut(),
        required=True,
        allow_none=True,
        metadata={"description": "the offer that binds; null where none was asked for"},
    )
