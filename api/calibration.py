"""How good the estimates were: published, so that nobody has to take them on trust."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import marshmallow as ma
from flask import Response

from api import auth, conditional, fields, state
from api.blueprint import Blueprint
from api.conditional import documented
from ledger import lessons
from ledger.calibration import Score
from ledger.errors import Forbidden

blp = Blueprint("calibration", __name__, description="How good the estimates were.")
SCOPES = ("policy:read", "estimates:write")


class LossOut(ma.Schema):
    """Mean pinball loss in units of log(outcome / formula): the smaller, the sharper the forecasts."""

    p10 = fields.Trust(**fields.told("at p10"))
    p50 = fields.Trust(**fields.told("at p50"))
    p90 = fields.Trust(**fields.told("at p90"))


class ScoreOut(ma.Schema):
    """How forecasts did, each made from what was known the night before its outcome was told."""

    forecasts = ma.fields.Integer(**fields.told("outcomes that were forecast"))
    coverage = fields.Trust(**fields.told("share of outcomes from p10 to p90; 0.8 is meant"))
    below = fields.Trust(**fields.told("share under p10; 0.1 is meant"))
    above = fields.Trust(**fields.told("share over p90; 0.1 is meant"))
    loss = ma.fields.Nested(LossOut(), **fields.told("how sharp they were"))


class CohortOut(ScoreOut):
    """The forecasts for creators with so many measured pitches by then."""

    earlier_outcomes = ma.fields.String(**fields.told("how many: 0, 1-4, 5-19, 20-49 or 50+"))


class QuarterOut(ScoreOut):
    """The forecasts whose outcomes were told in a quarter."""

    quarter = ma.fields.String(**fields.told("which, such as 2026-Q4"))


class CalibrationOut(ma.Schema):
    """The scores of all forecasts, over everything and by group. It is worked out anew each night."""

    through = fields.Day(
        required=True,
        allow_none=True,
        metadata={"description": "outcomes told before this day are in it; null before the first night"},
    )
    policy_version = ma.fields.String(
        required=True, allow_none=True, metadata={"description": "the assumptions it starts from"}
    )
    overall = ma.fields.Nested(
        ScoreOut(),
        required=True,
        allow_none=True,
        metadata={"description": "all forecasts; null before the first night"},
    )
    cohorts = ma.fields.List(ma.fields.Nested(CohortOut()), **fields.told("by the creator's earlier outcomes"))
    quarters = ma.fields.List(ma.fields.Nested(QuarterOut()), **fields.told("by quarter, the earliest first"))


@blp.get("/v1/estimates/calibration")
@auth.requires()
@documented(CalibrationOut())
def get_calibration() -> Response:
    """How often outcomes fell within p10 to p90, and how sharp the forecasts were. One of two scopes will do."""
    need_either()
    report = state.ledger().database.read(lessons.report)
    return conditional.answer(CalibrationOut().dump(show(report)))


def need_either() -> None:
    """Raise Forbidden where a key holds neither scope."""
    if not auth.current().scopes.intersection(SCOPES):
        raise Forbidden(f"this key lacks the scope {' or '.join(SCOPES)}")


def show(report: lessons.Report | None) -> dict[str, Any]:
    """A report as it is answered; empty before the first night."""
    if report is None:
        return {"through": None, "policy_version": None, "overall": None, "cohorts": [], "quarters": []}
    return {
        "through": report.day,
        "policy_version": report.policy_version,
        "overall": _scored(report.overall),
        "cohorts": [_scored(score, earlier_outcomes=name) for name, score in report.cohorts.items()],
        "quarters": [_scored(score, quarter=name) for name, score in report.quarters.items()],
    }


def _scored(score: Score, **name: str) -> dict[str, Any]:
    losses = dict(zip(("p10", "p50", "p90"), score.loss, strict=True))
    return {**asdict(score), "loss": losses, **name}
