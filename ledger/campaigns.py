"""Campaigns: so many pitches over a horizon, over one or many creators, at least cost in trust. Pure.

Creators' books are independent, so that the best campaign is an allocation over the creators' own curves: what one
pitch, two, three … cost at best. Each curve comes from the very functions that post a pitch, played forward by day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import comb

from ledger.economy import PPM, State
from ledger.kinds import pitch
from ledger.proposals import Proposal, Subject, credit, day_on, factors, pitched

MOST_STEPS = 40_000  # book-days that are tried one by one: about a third of a second
MOST_TRIES = 240


@dataclass(frozen=True, slots=True)
class Campaign:
    """What is wanted: so many pitches in the days from today on, standing never under `floor` (micro-trust).

    Two pitches of one creator lie at least `spacing` days apart.
    """

    pitches: int
    horizon: int
    floor: int
    spacing: int = 1


@dataclass(frozen=True, slots=True)
class Lane:
    """One creator's book in a campaign: the pitch as it would be, and how their audience takes it.

    `ratio` is outcome over formula in ppm; `warm_from` the day from which the brand is established, None if never.
    """

    subject: Subject
    proposal: Proposal
    ratio: int = PPM
    warm_from: int | None = None

    def on(self, state: State) -> tuple[Subject, Proposal]:
        """The book and the pitch as they are once the book holds a state."""
        warm = self.proposal.established or (self.warm_from is not None and state.day >= self.warm_from)
        return replace(self.subject, state=state), replace(self.proposal, established=warm)


@dataclass(frozen=True, slots=True)
class Slot:
    """A pitch on a day since 1970: what it takes, what is given back for disclosing it, standing right after."""

    day: int
    drain: int
    credit: int
    standing: int

    @property
    def cost(self) -> int:
        """What standing loses by it."""
        return self.drain - self.credit


@dataclass(frozen=True, slots=True)
class Course:
    """A lane's pitches and how the book fares: its lowest standing in the horizon, and on which day."""

    slots: tuple[Slot, ...]
    lowest: int
    lowest_day: int

    @property
    def cost(self) -> int:
        """What all of them take, in micro-trust."""
        return sum(slot.cost for slot in self.slots)


@dataclass(frozen=True, slots=True)
class Option:
    """So many pitches of a lane at best: what they cost and on which days, counted from today."""

    cost: int
    days: tuple[int, ...]


# Of one lane: place 0 is no pitch, place k that many; a curve ends where the floor lets no more.
Curve = Sequence[Option]
NO_PITCH = Option(0, ())


def course(lane: Lane, days: Sequence[int], horizon: int) -> Course:
    """How a lane fares with pitches on these days, counted from today, as the books would have it."""
    state, slots = lane.subject.state, []
    lowest, lowest_day, pitch_days = state.standing, state.day, set(days)
    for ahead in range(horizon):
        state = day_on(lane.subject, state) if ahead else state
        if ahead in pitch_days:
            slot, state = _pitch(lane, state)
            slots.append(slot)
        if state.standing < lowest:
            lowest, lowest_day = state.standing, state.day
    return Course(tuple(slots), lowest, lowest_day)


def _pitch(lane: Lane, state: State) -> tuple[Slot, State]:
    subject, proposal = lane.on(state)
    after, drain = pitched(subject, proposal, lane.ratio), pitch.drain(factors(subject, proposal, lane.ratio))
    return Slot(state.day, drain, credit(subject, proposal, drain), after.standing), after


# Curves


def steps(campaign: Campaign) -> int:
    """How many book-days it takes to try every set of days for one lane."""
    days, most = campaign.horizon, min(campaign.pitches, campaign.horizon)
    return sum(comb(days, pitches + 1) + comb(days, pitches) for pitches in range(most + 1))


def exact_curve(lane: Lane, campaign: Campaign) -> Curve:
    """The best option for each number of pitches, by trying every set of days."""
    best: list[Option | None] = [None] * (campaign.pitches + 1)
    stack: list[tuple[int, State, Option, bool]] = [(0, lane.subject.state, NO_PITCH, False)]
    while stack:
        ahead, state, so_far, has_pitched = stack.pop()
        if state.standing < campaign.floor:
            continue
        if not has_pitched and _may_pitch(so_far.days, ahead, campaign):
            slot, after = _pitch(lane, state)
            stack.append((ahead, after, Option(so_far.cost + slot.cost, (*so_far.days, ahead)), True))
        if ahead + 1 < campaign.horizon:
            stack.append((ahead + 1, day_on(lane.subject, state), so_far, False))
        else:
            _keep(best, so_far)
    return _unbroken(best)


def _may_pitch(days: Sequence[int], ahead: int, campaign: Campaign) -> bool:
    if len(days) == campaign.pitches:
        return False
    return not days or ahead - days[-1] >= campaign.spacing


def _keep(best: list[Option | None], found: Option) -> None:
    """Remember the cheaper one; of two as cheap, the one whose days come first."""
    known = best[len(found.days)]
    if known is None or (found.cost, found.days) < (known.cost, known.days):
        best[len(found.days)] = found


def _unbroken(best: Sequence[Option | None]) -> list[Option]:
    """Options up to the first number of pitches that is not possible. No pitch at all touches no floor."""
    curve = [NO_PITCH]
    for option in best[1:]:
        if option is None:
            break
        curve.append(option)
    return curve


# The allocation


def allocate(curves: Sequence[Curve], pitches: int) -> list[int]:
    """How many pitches each lane gets so that all together cost least: of each lane one option, exactly so many.

    Where the floors do not let so many, as many as they let. Exact: every split is looked at.
    """
    costs: list[int | None] = [0, *[None] * pitches]
    taken: list[list[int]] = []
    for curve in curves:
        costs, choice = _with_lane(costs, curve)
        taken.append(choice)
    many = max(number for number, cost in enumerate(costs) if cost is not None)
    allotted = []
    for choice in reversed(taken):
        allotted.append(choice[many])
        many -= choice[many]
    return allotted[::-1]


def _with_lane(costs: Sequence[int | None], curve: Curve) -> tuple[list[int | None], list[int]]:
    """The least cost of each number of pitches with one more lane, and how many of them the lane has."""
    better: list[int | None] = []
    choice: list[int] = []
    for number in range(len(costs)):
        found: int | None = None
        own = 0
        for many, option in enumerate(curve[: number + 1]):
            rest = costs[number - many]
            if rest is not None and (found is None or rest + option.cost < found):
                found, own = rest + option.cost, many
        better.append(found)
        choice.append(own)
    return better, choice


# The plan


@dataclass(frozen=True, slots=True)
class Bound:
    """Why a lane takes no more pitches: one more would bring standing to `lowest` on a day, under the floor."""

    place: int
    lowest: int
    day: int


@dataclass(frozen=True, slots=True)
class Plan:
    """The campaign: each lane's course by its place; lanes without a pitch have none.

    `exact` says that no other plan costs less; otherwise days were searched for, and the split over lanes is the
    best one of what was found. `feasible` is false where the floors let fewer pitches than wanted; `binding` then
    says which.
    """

    courses: dict[int, Course]
    exact: bool
    feasible: bool
    binding: tuple[Bound, ...] = ()

    @property
    def pitches(self) -> int:
        """How many there are."""
        return sum(len(course.slots) for course in self.courses.values())

    @property
    def cost(self) -> int:
        """What standing loses over all lanes, in micro-trust."""
        return sum(course.cost for course in self.courses.values())


def plan_of(lanes: Sequence[Lane], curves: Sequence[Curve], campaign: Campaign, *, exact: bool) -> Plan:
    """The best plan that these curves allow."""
    allotted = allocate(curves, campaign.pitches)
    courses = {
        place: course(lanes[place], curves[place][many].days, campaign.horizon)
        for place, many in enumerate(allotted)
        if many
    }
    if sum(allotted) == campaign.pitches:
        return Plan(courses, exact, feasible=True)
    tries = max(1, MOST_TRIES // max(len(lanes), 1))
    bounds = [_bound(place, lanes[place], curve, campaign, tries) for place, curve in enumerate(curves)]
    return Plan(courses, exact, feasible=False, binding=tuple(bound for bound in bounds if bound is not None))


def _bound(place: int, lane: Lane, curve: Curve, campaign: Campaign, tries: int) -> Bound | None:
    """How low one more pitch would bring a lane, on the best of a few days; None where its days are all taken."""
    days = curve[-1].days
    free = [
        ahead
        for ahead in range(campaign.horizon)
        if len(days) < campaign.pitches and all(abs(ahead - day) >= campaign.spacing for day in days)
    ]
    tried = (course(lane, sorted((*days, ahead)), campaign.horizon) for ahead in free[:: -(-len(free) // tries) or 1])
    best = max(tried, key=lambda found: found.lowest, default=None)
    return None if best is None else Bound(place, best.lowest, best.lowest_day)
