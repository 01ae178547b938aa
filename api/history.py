"""A book's course: day by day, week by week or month by month."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask import Response

from api import auth, conditional, fields, state, visibility
from api.blueprint import Blueprint
from api.conditional import documented
from api.problems import InvalidRequest
from ledger import labels, notation, queries
from ledger.economy import DAY_US
from ledger.histories import INTERVALS, LONGEST_DAYS, Point, Relabelling
from ledger.readers import Reader

blp = Blueprint("history", __name__, description="A book day by day.")
YEAR = 365
trust, day = notation.trust, notation.day


class HistoryIn(ma.Schema):
    """Which book, and which days of it, both ends included; the last year where nothing is said."""

    meter = fields.SafeString(longest=80)
    from_day = fields.Day(data_key="from")
    to_day = fields.Day(data_key="to")
    interval = ma.fields.String(load_default="day", validate=ma.validate.OneOf(INTERVALS))


class PointOut(ma.Schema):
    """A stretch of days and the book at its end; the standing before, + credits - drains + drift, is standing."""

    day = fields.Day(**fields.told("first day of the stretch"))
    through = fields.Day(**fields.told("its last day"))
    standing = fields.Trust(**fields.told("standing at its end"))
    mending = fields.Trust(**fields.told("what is on its way back at its end"))
    credits = fields.Trust(**fields.told("what came into standing during it"))
    drains = fields.Trust(**fields.told("what was taken from standing during it"))
    drift = fields.Trust(**fields.told("what time did: decay, and what came back from mending"))


class RelabellingOut(ma.Schema):
    """A night that found the label to be another; labels themselves change as things happen, the night writes it."""

    day = fields.Day(**fields.told("the day it was written down"))
    was = ma.fields.String(**fields.told("the label before"), validate=ma.validate.OneOf(labels.NAMES))
    now = ma.fields.String(**fields.told("the label since"), validate=ma.validate.OneOf(labels.NAMES))
    seq = ma.fields.Integer(**fields.told("the line of the statement that says why"))


class HistoryOut(ma.Schema):
    """Every stretch between two days, oldest first, the empty ones too."""

    creator_id = ma.fields.UUID(**fields.told("the creator's UUID"))
    meter = ma.fields.String(**fields.told("the book"))
    interval = ma.fields.String(**fields.told("how many days a point covers"))
    points = ma.fields.List(ma.fields.Nested(PointOut()), **fields.told("oldest first, the empty ones too"))
    labels = ma.fields.List(
        ma.fields.Nested(RelabellingOut()), **fields.told("changes of label in these days, oldest first, at most 500")
    )


@blp.get("/v1/creators/<creator>/history")
@auth.requires("balances:read")
@blp.arguments(HistoryIn(), location="query")
@documented(HistoryOut())
def get_history(asked: dict[str, Any], creator: str) -> Response:
    """A book through time, every day, week or month present."""
    return conditional.answer(state.ledger().database.read(lambda reader: tell(reader, creator, **asked)))


def tell(
    reader: Reader,
    creator: str,
    *,
    interval: str,
    meter: str | None = None,
    from_day: int | None = None,
    to_day: int | None = None,
) -> dict[str, Any]:
    """A book's history as JSON carries it. Raises UnknownCreator, or InvalidRequest for days that can't be."""
    ledger = state.ledger()
    book = visibility.book(reader, creator=creator, meter=meter, key=auth.current())
    now_us = ledger.clock()
    last = min(now_us // DAY_US if to_day is None else to_day, now_us // DAY_US)
    first = last - YEAR + 1 if from_day is None else from_day
    if not 0 <= last - first < LONGEST_DAYS:
        raise InvalidRequest([("from", f"must lie 0 to {LONGEST_DAYS - 1} days before `to`, and not ahead")])
    points = queries.history(
        reader,
        creator_id=book.creator_id,
        meter=book.meter,
        from_day=first,
        to_day=last,
        interval=interval,
        schedule=ledger.schedule(),
        now_us=now_us,
    )
    days = {"from_day": first, "to_day": last}
    changes = queries.relabellings(reader, creator_id=book.creator_id, meter=book.meter, **days)
    told = {"creator_id": book.creator_id, "meter": book.meter, "interval": interval}
    return told | {"points": [show(point) for point in points], "labels": [show_label(one) for one in changes]}


def show(point: Point) -> dict[str, str]:
    """A point as JSON carries it."""
    return {
        "day": day(point.day),
        "through": day(point.through),
        "standing": trust(point.standing),
        "mending": trust(point.mending),
        "credits": trust(point.credits),
        "drains": trust(point.drains),
        "drift": trust(point.drift),
    }


def show_label(change: Relabelling) -> dict[str, Any]:
    """A change of label as JSON carries it."""
    return {"day": day(change.day), "was": change.was, "now": change.now, "seq": change.seq}
