"""Lessons: what the outcomes of all creators teach, worked out each night and kept as two figures.

The figure `outcomes` holds what estimates go by, `calibration` how good they were. Both are whole numbers in
millionths, and can be worked out again from the outcomes at any time.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import orjson

from ledger import calibration, db
from ledger.calibration import Calibration, Measured, Score
from ledger.db import Reading, Session
from ledger.economy import PPM
from ledger.policy import Policy
from ledger.scatter import UNTAUGHT, Pooled, Shape, logarithm

JOB = "calibration"
OUTCOMES, CALIBRATION = "outcomes", "calibration"
OUTCOMES_SQL = (
    "SELECT creator_id, meter, day, ratio FROM outcome WHERE day < ? AND meter >= 'network:' AND meter < 'network;'"
    " AND ratio > 0 ORDER BY day, creator_id, meter, seq"
)
KEEP_SQL = (
    "INSERT INTO figure (name, day, body) VALUES (?, ?, ?)"
    " ON CONFLICT (name) DO UPDATE SET day = excluded.day, body = excluded.body"
)
FIGURE_SQL = "SELECT day, body FROM figure WHERE name = ?"


@dataclass(frozen=True, slots=True)
class Report:
    """How good the estimates were, over all outcomes told before a day, under the assumptions of a policy."""

    day: int
    policy_version: str
    overall: Score
    cohorts: dict[str, Score]
    quarters: dict[str, Score]


def measure(session: Reading, *, day: int, policy: Policy) -> Calibration:
    """Forecast every outcome told before a day from what was known before it, and score the forecasts."""
    rows = db.fetch(session, OUTCOMES_SQL, (day,))
    told = (Measured((str(creator), meter), on_day, logarithm(ratio)) for creator, meter, on_day, ratio in rows)
    return calibration.calibrate(told, policy=policy)


def keep(session: Session, *, found: Calibration, day: int, policy: Policy) -> None:
    """Write both figures, in the place of those of the night before."""
    pooled = found.pooled
    shapes = [[shape.outcomes, *(round(one * PPM) for one in shape[1:])] for shape in pooled.shapes]
    taught = {"outcomes": pooled.outcomes, "squares": round(pooled.squares * PPM), "shapes": shapes}
    scores = {
        "policy_version": policy.version,
        "overall": asdict(found.overall),
        "cohorts": {name: asdict(score) for name, score in found.cohorts.items()},
        "quarters": {name: asdict(score) for name, score in found.quarters.items()},
    }
    for name, body in ((OUTCOMES, taught), (CALIBRATION, scores)):
        db.execute(session, KEEP_SQL, (name, day, orjson.dumps(body).decode()))


def pooled(session: Reading) -> Pooled:
    """What outcomes of all creators had taught by last night; nothing before the first night."""
    rows = db.fetch(session, FIGURE_SQL, (OUTCOMES,))
    if not rows:
        return UNTAUGHT
    body = orjson.loads(rows[0][1])
    shapes = tuple(Shape(many, *(one / PPM for one in deciles)) for many, *deciles in body["shapes"])
    return Pooled(body["outcomes"], body["squares"] / PPM, shapes)


def report(session: Reading) -> Report | None:
    """Last night's report, None before the first."""
    rows = db.fetch(session, FIGURE_SQL, (CALIBRATION,))
    if not rows:
        return None
    day, body = rows[0][0], orjson.loads(rows[0][1])
    return Report(
        day,
        body["policy_version"],
        _score(body["overall"]),
        {name: _score(one) for name, one in body["cohorts"].items()},
        {name: _score(one) for name, one in body["quarters"].items()},
    )


def _score(told: dict[str, object]) -> Score:
    return Score(**told | {"loss": tuple(told["loss"])})  # type: ignore[arg-type]
