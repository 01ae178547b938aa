"""What a pitch would do to a creator's trust, before anyone agrees to it. Nothing is written."""

from __future__ import annotations

import re
from typing import Any

import marshmallow as ma

from api import auth, fields, notation, state, visibility
from api.balances import LabelOut
from api.blueprint import Blueprint
from api.problems import InvalidRequest
from ledger import estimate, estimates, labels
from ledger.db import Session
from ledger.errors import Forbidden
from ledger.keys import Key
from ledger.kinds import facts
from ledger.kinds.pitch import MOST_FOLLOWERS
from ledger.proposals import DISCLOSURES, Proposal

blp = Blueprint("estimates", __name__, description="What a pitch would do, before anyone agrees to it.")
COUNTS = ("followers", "late_days")
SHARE = facts.Share("a share")
WRITTEN = r"(0(\.[0-9]{1,6})?|1(\.0{1,6})?)"
NOT_FOUND = {404: "NOT_FOUND"}


class Share(ma.fields.Field[int]):
    """A share of 1: a decimal string in JSON, ppm inside."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if isinstance(value, str) and not re.fullmatch(WRITTEN, value):
            raise ma.ValidationError('must be a decimal string from 0 to 1 with at most six places, such as "0.7"')
        try:
            return SHARE.read(value)
        except ValueError as reason:
            raise ma.ValidationError(str(reason)) from reason


class EstimateIn(ma.Schema):
    """A pitch that might be. Without `meter` it is made on the network the creator is named by."""

    creator = fields.SafeString(required=True, longest=300, metadata={"example": "youtube:grace"})
    meter = fields.SafeString(
        longest=80,
        validate=[ma.validate.Regexp(r"\Anetwork:[a-z0-9][a-z0-9_-]{0,63}\Z", error="must be network:<slug>")],
        metadata={"pattern": "^network:[a-z0-9][a-z0-9_-]{0,63}$", "example": "network:youtube"},
    )
    brand = fields.SafeString(
        required=True,
        longest=64,
        validate=[ma.validate.Regexp(rf"\A{facts.SLUG}\Z", error=facts.FORMS[facts.SLUG])],
        metadata={"pattern": f"^{facts.SLUG}$", "example": "nike"},
    )
    disclosure = ma.fields.String(required=True, validate=ma.validate.OneOf(DISCLOSURES), metadata={"example": "clear"})
    fit = Share(
        required=True,
        metadata={"type": "string", "pattern": f"^{WRITTEN}$", "example": "0.7"},
    )
    followers = fields.JsonInteger(
        validate=ma.validate.Range(0, MOST_FOLLOWERS),
        metadata={"description": "audience size; the account's own where absent", "example": 50_000},
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
    """What the spread rests on: measured pitches, log bias and its standard deviation."""

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


class Factors(ma.fields.Dict):
    """The factors of a drain as texts."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> dict[str, str]:
        return {name: str(factor) if name in COUNTS else notation.trust(factor) for name, factor in value.items()}


class EstimateOut(ma.Schema):
    """An estimate. `drain` and `credit` are the formula's; `risk` the chance of each label two weeks on."""

    day = fields.Day(**fields.told("the day the pitch would be made: today"))
    policy_version = ma.fields.String(**fields.told("the rules that price it"))
    standing = fields.Trust(**fields.told("standing before the pitch"))
    points = fields.Trust(**fields.told("the meter before the pitch"))
    label = ma.fields.Nested(LabelOut(), **fields.told("the label before the pitch"))
    drain = fields.Trust(**fields.told("what the formula would take"))
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


@blp.post("/v1/estimates")
@auth.requires("estimates:write")
@blp.arguments(EstimateIn())
@blp.response(200, EstimateOut())
@blp.doc(responses=NOT_FOUND)
def post_estimate(asked: dict[str, Any]) -> estimate.Estimate:
    """Estimate what a pitch made today would do: drain, meter after, days to regain, label risk, improvements."""
    creator, meter = asked.pop("creator"), asked.pop("meter", None)
    return estimated(creator, meter, Proposal(**asked))


def estimated(creator: str, meter: str | None, proposal: Proposal) -> estimate.Estimate:
    """The estimate for a creator that this request's key may know of. Raises UnknownCreator, Forbidden."""
    ledger, key, ref = state.ledger(), auth.current(), auth.ref(creator)
    if key.role == "brand" and key.owner != proposal.brand:
        raise Forbidden("a brand estimates its own pitches", pointer="/brand")
    schedule, now_us = ledger.schedule(), ledger.clock()
    if meter is None and ref.network is not None:
        meter = f"network:{ref.network}"
    with ledger.database.snapshot() as session:
        book = _book(session, creator=creator, meter=meter, key=key)
        subject = estimates.subject(
            session,
            creator_id=book.creator_id,
            meter=book.meter,
            now_us=now_us,
            schedule=schedule,
            external_id=ref.external_id if book.meter == f"network:{ref.network}" else None,
        )
    return estimate.estimate(subject, proposal)


def _book(session: Session, *, creator: str, meter: str | None, key: Key) -> visibility.Book:
    try:
        return visibility.book(session, creator=creator, meter=meter, key=key)
    except InvalidRequest as unclear:  # it names parameters of a query; ours are members of a body
        raise InvalidRequest([(f"/{name}", what) for name, what in unclear.errors]) from unclear
