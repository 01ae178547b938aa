"""Measuring sticks over HTTP: a Klout-style score, a Kred-style influence and outreach, and what others read."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask import Response

from api import auth, conditional, cursors, fields, state, visibility
from api.blueprint import Blueprint
from api.creators import NAMED
from api.readings import ReadingOut
from api.readings import show as show_reading
from ledger import activity, measuring, notation, queries, readings, sticks
from ledger.activity import Act
from ledger.errors import UnknownCreator
from ledger.labels import nearest
from ledger.measuring import Measured
from ledger.readers import Reader
from ledger.sticks import Klout, Kred

blp = Blueprint("sticks", __name__, description="What trust comes to on scales that people know from elsewhere.")
TENTHS = {"type": "string", "pattern": r"^[0-9]{1,3}\.[0-9]$"}
CHANGE = {"type": "string", "pattern": r"^-?[0-9]{1,2}\.[0-9]{2}$"}


class ActivityIn(ma.Schema):
    """Which page of the activity statement."""

    after = fields.SafeString(longest=1_000, metadata={"description": "`next` of the page before"})
    limit = cursors.limit("acts")


class KloutOut(fields.Shown):
    """A score of 1 to 100 and how it moved."""

    score = ma.fields.String(required=True, metadata={**TENTHS, "description": "1.0 to 100.0"})
    bucket = ma.fields.String(**fields.told("the stretch of ten that the score lies in, such as 90-100"))
    day_change = ma.fields.String(required=True, metadata={**CHANGE, "description": "points since a day ago"})
    week_change = ma.fields.String(required=True, metadata={**CHANGE, "description": "points since 7 days ago"})
    month_change = ma.fields.String(required=True, metadata={**CHANGE, "description": "points since 30 days ago"})
    formula = ma.fields.String(**fields.told("how the score is made"))
    is_not = ma.fields.String(**fields.told("what it must not be taken for"))


class OutreachOut(fields.Shown):
    """A level of 1 to 12 that never falls."""

    level = ma.fields.Integer(**fields.told("1 to 12"))
    generous = ma.fields.Integer(**fields.told("answers to fans, corrections, clear disclosures, apologies, ever"))
    next_at = ma.fields.Integer(
        **fields.told("at how many generous acts the next level begins; null at the top"), allow_none=True
    )
    formula = ma.fields.String(**fields.told("how the level is made"))


class InfluenceOut(fields.Shown):
    """Influence of 1 to 1000, and outreach."""

    influence = ma.fields.Integer(**fields.told("1 to 1000"))
    formula = ma.fields.String(**fields.told("how influence is made"))
    outreach = ma.fields.Nested(OutreachOut(), **fields.told("how much was given to the audience, ever"))
    is_not = ma.fields.String(**fields.told("what they must not be taken for"))


class ActOut(fields.Shown):
    """Something that was done. No names, times of day or references: this part is as public as the meter."""

    day = fields.Day(**fields.told("the day it counted for"))
    meter = ma.fields.String(**fields.told("the book"))
    by = ma.fields.String(**fields.told("who did it"), validate=ma.validate.OneOf(["creator", "audience", "ledger"]))
    what = ma.fields.String(**fields.told("what was done"))
    why = ma.fields.String(**fields.told("what such an act is worth, and why"))
    points = fields.Trust(**fields.told("what standing did at once: the act's part in influence"))
    generous = ma.fields.Integer(**fields.told("1 where it counts towards outreach, for good; else 0"))


class MeasuredOut(fields.Shown):
    """Whose, when, and against which books."""

    creator_id = ma.fields.UUID(**fields.told("the creator's UUID"))
    day = fields.Day(**fields.told("the day the sticks were held"))
    meters = ma.fields.List(ma.fields.String(), **fields.told("the network books that this key may read"))
    standing = fields.Trust(**fields.told("standing over these books: what both sticks are held against"))


class KredOut(MeasuredOut):
    """The Kred-style stick with its activity statement."""

    kred = ma.fields.Nested(InfluenceOut(), **fields.told("influence and outreach"))
    activity = ma.fields.List(
        ma.fields.Nested(ActOut()), **fields.told("the public activity statement: every act, newest first, by pages")
    )
    next = ma.fields.String(**fields.told("cursor of the next page; null on the last"), allow_none=True)


class SticksOut(MeasuredOut):
    """Every stick at once."""

    klout = ma.fields.Nested(KloutOut(), **fields.told("Klout-style: a score of 1 to 100"))
    kred = ma.fields.Nested(InfluenceOut(), **fields.told("Kred-style: influence and outreach"))
    readings = ma.fields.List(ma.fields.Nested(ReadingOut()), **fields.told("the last of each outside stick"))


KRED = {
    "influence": 686,
    "formula": sticks.INFLUENCE_FORMULA,
    "outreach": {"level": 4, "generous": 43, "next_at": 80, "formula": sticks.OUTREACH_FORMULA},
    "is_not": sticks.KRED_IS_NOT,
}
WHOSE = {
    "creator_id": "01936f2e-5b1c-7c3a-9f00-2b6f3c1d9e01",
    "day": "2026-11-23",
    "meters": ["network:youtube"],
    "standing": "300.000000",
}
SHOWN = WHOSE | {
    "klout": {
        "score": "50.5",
        "bucket": "50-59",
        "day_change": "-0.12",
        "week_change": "0.87",
        "month_change": "3.40",
        "formula": sticks.SCORE_FORMULA,
        "is_not": sticks.SCORE_IS_NOT,
    },
    "kred": KRED,
    "readings": [],
}
ANSWERED = {
    "day": "2026-11-22",
    "meter": "network:youtube",
    "by": "creator",
    "what": "An answer to a fan",
    "why": "Genuine engagement earns trust.",
    "points": "5.000000",
    "generous": 1,
}


@blp.get("/v1/creators/<string:creator>/sticks", parameters=NAMED)
@auth.requires("balances:read")
@blp.alt_response(304, "NOT_MODIFIED")
@blp.response(200, SticksOut(), example=SHOWN)
def get_sticks(creator: str) -> Response:
    """Every measuring stick held against a creator's network books, and the last outside readings."""
    return conditional.answer(state.ledger().database.read(lambda reader: all_sticks(reader, creator)))


@blp.get("/v1/creators/<string:creator>/kred", parameters=NAMED)
@auth.requires("balances:read")
@blp.arguments(ActivityIn(), location="query", as_kwargs=True)
@blp.alt_response(304, "NOT_MODIFIED")
@blp.response(200, KredOut(), example=WHOSE | {"kred": KRED, "activity": [ANSWERED], "next": None})
def get_kred(creator: str, limit: int, after: str | None = None) -> Response:
    """Kred-style influence: outreach, and every act of the creator and the audience with its points."""
    found = state.ledger().database.read(lambda reader: kred_alone(reader, creator, limit=limit, after=after))
    return conditional.answer(found)


def all_sticks(reader: Reader, creator: str) -> dict[str, Any]:
    """Every stick as JSON carries it. Raises UnknownCreator."""
    creator_id, meters = networks(reader, creator)
    found = measured(reader, creator_id, meters)
    told = whose(creator_id, meters, found) | {"klout": show_klout(found.klout), "kred": show_kred(found.kred)}
    return told | {"readings": [show_reading(one) for one in readings.latest(reader, creator_id=creator_id)]}


def kred_alone(reader: Reader, creator: str, *, limit: int, after: str | None) -> dict[str, Any]:
    """The Kred-style stick with a page of activity as JSON carries it. Raises UnknownCreator or InvalidCursor."""
    creator_id, meters = networks(reader, creator)
    found = measured(reader, creator_id, meters)
    settings, question = state.ledger().settings, {"creator": creator_id, "meter": " ".join(meters)}
    place = cursors.read(settings, after, **question) if after else None
    acts, rest = activity.acts(reader, creator_id=creator_id, meters=meters, limit=limit, after=place)
    shown = {"kred": show_kred(found.kred), "activity": [show_act(act) for act in acts]}
    next_ = None if rest is None else cursors.make(settings, place=rest, **question)
    return whose(creator_id, meters, found) | shown | {"next": next_}


def networks(reader: Reader, creator: str) -> tuple[str, list[str]]:
    """A creator's id and the network books that this request's key may read. Raises UnknownCreator."""
    try:
        shelf = queries.shelf(reader, creator=auth.ref(creator))
    except UnknownCreator as unknown:
        raise auth.refuse_unknown() from unknown
    seen = visibility.in_sight(auth.current(), shelf.creator_id, shelf.visibility, shelf.meters)
    meters = [meter for meter in seen if auth.network_of(meter)]
    if not meters:
        raise auth.refuse_unknown()
    return shelf.creator_id, meters


def measured(reader: Reader, creator_id: str, meters: list[str]) -> Measured:
    """Both sticks as they stand now."""
    ledger = state.ledger()
    return measuring.measure(
        reader, creator_id=creator_id, meters=meters, now_us=ledger.clock(), schedule=ledger.schedule()
    )


def whose(creator_id: str, meters: list[str], found: Measured) -> dict[str, Any]:
    """What every answer of a stick begins with."""
    standing = notation.trust(found.course[-1][1])
    return {"creator_id": creator_id, "day": notation.day(found.day), "meters": meters, "standing": standing}


def show_klout(klout: Klout) -> dict[str, str]:
    """The Klout-style score as JSON carries it."""
    return {
        "score": tenths(klout.shown),
        "bucket": klout.bucket,
        "day_change": change(klout.day_change),
        "week_change": change(klout.week_change),
        "month_change": change(klout.month_change),
        "formula": sticks.SCORE_FORMULA,
        "is_not": sticks.SCORE_IS_NOT,
    }


def show_kred(kred: Kred) -> dict[str, Any]:
    """The Kred-style stick as JSON carries it."""
    outreach = {
        "level": kred.outreach,
        "generous": kred.generous,
        "next_at": kred.next_at,
        "formula": sticks.OUTREACH_FORMULA,
    }
    told = {"influence": kred.influence, "formula": sticks.INFLUENCE_FORMULA}
    return told | {"outreach": outreach, "is_not": sticks.KRED_IS_NOT}


def show_act(act: Act) -> dict[str, Any]:
    """An act as JSON carries it."""
    told = {"day": notation.day(act.day), "meter": act.meter, "by": act.by, "what": act.what, "why": act.why}
    return told | {"points": notation.trust(act.points), "generous": act.generous}


def tenths(score: int) -> str:
    """A score in tenths of a point as a decimal string."""
    return f"{score // 10}.{score % 10}"


def change(millionths: int) -> str:
    """A change of a score as a decimal string with two places."""
    hundredths = nearest(millionths, 10_000)
    return f"{'-' if hundredths < 0 else ''}{abs(hundredths) // 100}.{abs(hundredths) % 100:02d}"
