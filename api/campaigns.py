"""Planning a campaign: so many pitches over a horizon, on the creators and days where they cost least."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import marshmallow as ma

from api import auth, fields, state
from api.balances import refs_of
from api.blueprint import Blueprint
from api.estimates import WRITTEN, BrandIn, Share, as_known, in_sight, own_brand
from api.problems import InvalidRequest
from ledger import campaign_days, estimates
from ledger.campaigns import Campaign, Course, Lane, Plan, Slot
from ledger.economy import MICROS, PPM
from ledger.estimates import Shelf, Wanted
from ledger.proposals import Proposal, Subject, as_related

blp = Blueprint("campaigns", __name__, description="Where and when pitches would cost least.")
MOST_CREATORS, MOST_PITCHES, MOST_DAYS = 200, 12, 180
AMOUNT = r"[0-9]{1,7}(\.[0-9]{1,6})?"


class Amount(ma.fields.Field[int]):
    """An amount that comes in: a decimal string in trust in JSON, micro-trust inside."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if not isinstance(value, str) or not re.fullmatch(AMOUNT, value):
            raise ma.ValidationError('must be a decimal string of trust with at most six places, such as "100.5"')
        whole, _, places = value.partition(".")
        return int(whole) * MICROS + int(places.ljust(6, "0"))


class Fits(ma.fields.Dict):
    """Shares by name. What is wrong is told of the name it stands under, where marshmallow adds `key` or `value`."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        try:
            return super()._deserialize(value, attr, data, **kwargs)  # type: ignore[no-untyped-call]
        except ma.ValidationError as error:
            if not isinstance(error.messages, dict):
                raise
            raise ma.ValidationError({name: list(told.values()) for name, told in error.messages.items()}) from error


class CampaignIn(BrandIn):
    """A campaign that might be. Creators named by network are asked on that network, others on their only one."""

    creators = ma.fields.List(
        fields.SafeString(longest=300),
        required=True,
        validate=ma.validate.Length(1, MOST_CREATORS),
        metadata={
            "example": ["youtube:grace", "youtube:ada"],
            "description": "on whom; the same one twice counts once",
        },
    )
    pitches = fields.JsonInteger(
        required=True,
        validate=ma.validate.Range(1, MOST_PITCHES),
        metadata={"description": "how many, over all creators", "example": 4},
    )
    horizon_days = fields.JsonInteger(
        required=True,
        validate=ma.validate.Range(1, MOST_DAYS),
        metadata={"description": "days to choose from, today the first", "example": 60},
    )
    floor = Amount(
        required=True,
        metadata={
            "type": "string",
            "pattern": f"^{AMOUNT}$",
            "example": "100",
            "description": "standing that no creator with a pitch may fall under on any day of the horizon",
        },
    )
    disclosure = ma.fields.String(
        load_default="clear", validate=ma.validate.OneOf(["clear", "vague"]), metadata={"example": "clear"}
    )
    fit = Share(
        load_default=PPM // 2,
        metadata={
            "type": "string",
            "pattern": f"^{WRITTEN}$",
            "example": "0.7",
            "description": "where `fits` tells no other",
        },
    )
    fits = Fits(
        keys=fields.SafeString(longest=300),
        values=Share(metadata={"type": "string", "pattern": f"^{WRITTEN}$"}),
        load_default=dict,
        metadata={"description": "fits of some creators, by the name used above", "example": {"youtube:ada": "0.9"}},
    )
    spacing_days = fields.JsonInteger(
        load_default=1,
        validate=ma.validate.Range(1, MOST_DAYS),
        metadata={"description": "least days between two pitches of one creator"},
    )


class SlotOut(ma.Schema):
    """One pitch of the plan. Amounts are the middle of what is expected."""

    creator = ma.fields.String(**fields.told("on whom, as named in the question"))
    day = fields.Day(**fields.told("when"))
    drain = fields.Trust(**fields.told("what the pitch takes"))
    credit = fields.Trust(**fields.told("what is given back for disclosing it"))
    cost = fields.Trust(**fields.told("what standing loses: the drain less the credit"))
    standing = fields.Trust(**fields.told("standing right after"))


class LowestOut(ma.Schema):
    """How a creator with pitches fares."""

    creator = ma.fields.String(**fields.told("who"))
    meter = ma.fields.String(**fields.told("which book"))
    pitches = ma.fields.Integer(**fields.told("how many of the pitches"))
    cost = fields.Trust(**fields.told("what they cost together"))
    lowest = fields.Trust(**fields.told("the lowest standing in the horizon"))
    lowest_day = fields.Day(**fields.told("and its day"))


class LeftOutOut(ma.Schema):
    """A creator who has no pitch in the plan, and why."""

    creator = ma.fields.String(**fields.told("who"))
    reason = ma.fields.String(
        **fields.told(
            "not_found (there is none, or none this key may know of), blocked (the creator blocked the brand,"
            " and this key may know), repeated (another name for one of the others), floor (no pitch fits over it),"
            " dearer (others cost less)"
        ),
        validate=ma.validate.OneOf(["not_found", "blocked", "repeated", "floor", "dearer"]),
    )


class BindingOut(ma.Schema):
    """A floor that lets no further pitch: how low one more would bring a creator, where that hurts least."""

    creator = ma.fields.String(**fields.told("whose"))
    lowest = fields.Trust(**fields.told("standing with one more pitch, at its lowest"))
    lowest_day = fields.Day(**fields.told("and on which day"))


class PlanOut(ma.Schema):
    """A plan. `exact` says that none costs less; else days were searched for, which is seldom 1 % off."""

    feasible = ma.fields.Boolean(**fields.told("whether all the pitches find room over the floor"))
    exact = ma.fields.Boolean(**fields.told("whether it is proven that no other plan costs less"))
    pitches = ma.fields.Integer(**fields.told("how many there are; fewer than wanted where the floors let no more"))
    cost = fields.Trust(**fields.told("what standing loses over all creators"))
    schedule = ma.fields.List(ma.fields.Nested(SlotOut()), **fields.told("the pitches, by day"))
    creators = ma.fields.List(ma.fields.Nested(LowestOut()), **fields.told("those who have one, and how they fare"))
    left_out = ma.fields.List(ma.fields.Nested(LeftOutOut()), **fields.told("those who have none, and why"))
    binding = ma.fields.List(
        ma.fields.Nested(BindingOut()), **fields.told("the floors that bind; empty where the plan is feasible")
    )


@blp.post("/v1/campaigns/plan")
@auth.requires("estimates:write", limit="heavy")
@blp.arguments(CampaignIn())
@blp.response(200, PlanOut())
def post_plan(asked: dict[str, Any]) -> dict[str, Any]:
    """The creators and days on which so many pitches cost least trust, with every meter at or over a floor."""
    return planned(asked)


@dataclass(frozen=True, slots=True)
class Reach:
    """Who can be planned for: each one's name and book with the lane, and who is left out from the start."""

    names: tuple[str, ...]
    wanted: tuple[Wanted, ...]
    lanes: tuple[Lane, ...]
    left_out: dict[str, str]


def planned(asked: dict[str, Any]) -> dict[str, Any]:
    """The plan as it is answered. Raises Forbidden, InvalidRequest."""
    own_brand(auth.current(), asked["brand"])
    stray = sorted(set(asked["fits"]) - set(asked["creators"]))
    if stray:
        raise InvalidRequest([("/fits", f"names {stray[0]}, who is not among the creators")])
    reach = _reach(asked)
    campaign = Campaign(asked["pitches"], asked["horizon_days"], asked["floor"], asked["spacing_days"])
    return _show(reach, campaign_days.plan(reach.lanes, campaign))


def _reach(asked: dict[str, Any]) -> Reach:
    ledger, key, names = state.ledger(), auth.current(), list(dict.fromkeys(asked["creators"]))
    schedule, now_us, brand = ledger.schedule(), ledger.clock(), asked["brand"]
    with ledger.database.snapshot() as session:
        shelves = [in_sight(shelf, key) for shelf in estimates.shelves(session, refs_of(names), brand=brand)]
        books = _books(shelves, names)
        found = estimates.subjects(session, list(books.values()), brand=brand, now_us=now_us, schedule=schedule)
    whose = {shelf.creator_id: shelf for shelf in shelves if shelf is not None}
    known = {wanted: as_known(subject, whose[wanted.creator_id], key) for wanted, subject in found.items()}
    subjects = _once(books, known)
    lanes = {name: _lane(subject, asked, name) for name, subject in subjects.items() if not _is_blocked(subject)}
    left_out = {name: "not_found" for name in names if name not in books}
    left_out |= {name: "repeated" for name in books if name not in subjects}
    left_out |= {name: "blocked" for name, subject in subjects.items() if _is_blocked(subject)}
    return Reach(tuple(lanes), tuple(books[name] for name in lanes), tuple(lanes.values()), left_out)


def _books(shelves: Sequence[Shelf | None], names: Sequence[str]) -> dict[str, Wanted]:
    """The book that each name means, of those that the key may know of."""
    found = {}
    for place, (name, seen) in enumerate(zip(names, shelves, strict=True)):
        ref = auth.ref(name)
        if seen is None:
            continue
        if ref.network is None and len(seen.meters) > 1:
            wrong = f"has {', '.join(seen.meters)}: name it as network:id"
            raise InvalidRequest([(f"/creators/{place}", wrong)])
        meter = f"network:{ref.network}" if ref.network is not None else seen.meters[0]
        if meter in seen.meters:
            found[name] = Wanted(seen.creator_id, meter, ref.external_id)
    return found


def _once(books: dict[str, Wanted], found: dict[Wanted, Subject]) -> dict[str, Subject]:
    """Each book under the first name it was asked by: a book can be planned for once only."""
    first: dict[tuple[str, str], str] = {}
    for name, wanted in books.items():
        first.setdefault(wanted.key, name)
    return {name: found[books[name]] for name in first.values() if books[name] in found}


def _lane(subject: Subject, asked: dict[str, Any], name: str) -> Lane:
    fit = asked["fits"].get(name, asked["fit"])
    proposal = as_related(subject, Proposal(asked["brand"], asked["disclosure"], fit=fit), subject.state.day)
    return estimates.lane(subject, proposal, horizon=asked["horizon_days"])


def _is_blocked(subject: Subject) -> bool:
    return subject.relationship is not None and subject.relationship.blocked


def _show(reach: Reach, plan: Plan) -> dict[str, Any]:
    """A plan by the names that were used to ask."""
    slots = [(slot.day, reach.names[place], slot) for place, course in plan.courses.items() for slot in course.slots]
    bound = {bind.place for bind in plan.binding}
    left_out = dict(reach.left_out)
    for place, name in enumerate(reach.names):
        if place not in plan.courses:
            left_out[name] = "floor" if place in bound else "dearer"
    return {
        "feasible": plan.feasible,
        "exact": plan.exact,
        "pitches": plan.pitches,
        "cost": plan.cost,
        "schedule": [_slot(name, slot) for _, name, slot in sorted(slots, key=itemgetter(0, 1))],
        "creators": [_lowest(reach, place, course) for place, course in plan.courses.items()],
        "left_out": [{"creator": name, "reason": why} for name, why in left_out.items()],
        "binding": [
            {"creator": reach.names[bind.place], "lowest": bind.lowest, "lowest_day": bind.day} for bind in plan.binding
        ],
    }


def _slot(creator: str, slot: Slot) -> dict[str, Any]:
    return {
        "creator": creator,
        "day": slot.day,
        "drain": slot.drain,
        "credit": slot.credit,
        "cost": slot.cost,
        "standing": slot.standing,
    }


def _lowest(reach: Reach, place: int, course: Course) -> dict[str, Any]:
    return {
        "creator": reach.names[place],
        "meter": reach.wanted[place].meter,
        "pitches": len(course.slots),
        "cost": course.cost,
        "lowest": course.lowest,
        "lowest_day": course.lowest_day,
    }
