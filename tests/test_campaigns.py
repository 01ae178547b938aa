"""Campaigns: the cheapest days for so many pitches over many creators, with no meter under the floor."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations, pairwise, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import campaign_days, policy
from ledger.campaigns import (
    MOST_STEPS,
    Campaign,
    Course,
    Lane,
    Option,
    allocate,
    course,
    exact_curve,
    plan_of,
    steps,
)
from ledger.economy import PPM, Move, State
from ledger.policy import Schedule
from ledger.proposals import Proposal, Subject, cost, day_on, pitched
from tests.desk import variant

FOUNDING = policy.builtin()
RULES = Schedule.of(FOUNDING)
DEARER = variant(("pitch.base", "0.09"), ("fatigue.half_life", "5"), name="dearer")
TODAY = 20_780
TRUST = 1_000_000
NIKE = Proposal("nike", "clear", fit=700_000, established=True)


def lane_of(standing: int, *, usual: int = 4, pitches: int = 0, proposal: Proposal = NIKE, **more: int | None) -> Lane:
    """A creator with so much trust, and so much a day; amounts in trust."""
    state = State(standing * TRUST, credits=standing * TRUST, pitches=pitches * PPM, day=TODAY)
    brought = Move(usual * TRUST * 9 // 10, usual * TRUST // 10, credits=usual * TRUST)
    return Lane(Subject(state, RULES, followers=50_000, usual=brought), proposal, **more)  # type: ignore[arg-type]


usual_days = st.integers(0, 20 * TRUST).map(lambda n: Move(n - n // 10, n // 10, credits=n))
states = st.builds(
    State,
    fresh=st.integers(-20 * TRUST, 900 * TRUST),
    bedrock=st.integers(0, 300 * TRUST),
    mending_pitch=st.integers(0, 50 * TRUST),
    mending_breach=st.integers(0, 50 * TRUST),
    credits=st.integers(0, 900 * TRUST),
    drains=st.integers(0, 300 * TRUST),
    pitches=st.integers(0, 6 * PPM),
    day=st.just(TODAY),
)
subjects = st.builds(
    Subject,
    state=states,
    schedule=st.sampled_from(
        [
            RULES,
            Schedule(
                ((0, FOUNDING), (TODAY + 3, variant(("pitch.base", "0.09"), ("fatigue.half_life", "5"), name="b")))
            ),
        ]
    ),
    followers=st.none() | st.integers(0, 10**9),
    usual=usual_days,
    holds=st.integers(0, 2),
)
lanes = st.builds(
    Lane,
    subject=subjects,
    proposal=st.builds(
        Proposal,
        brand=st.just("nike"),
        disclosure=st.sampled_from(("clear", "vague")),
        fit=st.integers(0, PPM),
        established=st.booleans(),
    ),
    ratio=st.integers(PPM // 5, 5 * PPM),
    warm_from=st.none() | st.integers(TODAY, TODAY + 8),
)
campaigns = st.builds(
    Campaign,
    pitches=st.integers(1, 3),
    horizon=st.integers(1, 8),
    floor=st.sampled_from((0, 50 * TRUST, 200 * TRUST)),
    spacing=st.integers(1, 3),
)


# One lane


@given(lanes, st.lists(st.integers(0, 9), unique=True, max_size=4).map(sorted))
def test_a_course_is_what_the_books_would_do(lane: Lane, days: list[int]) -> None:
    """Every pitch is priced by the functions that post one, on the book as it is by then."""
    found, state, expected = course(lane, days, 10), lane.subject.state, []
    standings = []
    for ahead in range(10):
        state = day_on(lane.subject, state) if ahead else state
        standings.append(state.standing)
        if ahead in days:
            subject, proposal = lane.on(state)
            expected.append(cost(subject, proposal, lane.ratio))
            state = pitched(subject, proposal, lane.ratio)
            standings.append(state.standing)
    assert [slot.cost for slot in found.slots] == expected
    assert found.lowest == min(standings)
    assert found.cost == sum(expected)


@settings(max_examples=40)
@given(lanes, campaigns)
def test_an_exact_curve_is_brute_force(lane: Lane, campaign: Campaign) -> None:
    """Its options cost what the cheapest of all sets of days does, and stop where the floor lets none."""
    told = [option.cost for option in exact_curve(lane, campaign)]
    assert told == brute_curve(lane, campaign)


def brute_curve(lane: Lane, campaign: Campaign) -> list[int]:
    """The least cost of each number of pitches, every set of days being tried whole."""
    curve = [0]
    for pitches in range(1, campaign.pitches + 1):
        allowed = [course(lane, days, campaign.horizon) for days in sets_of(pitches, campaign)]
        costs = [found.cost for found in allowed if found.lowest >= campaign.floor]
        if not costs:
            break
        curve.append(min(costs))
    return curve


def sets_of(pitches: int, campaign: Campaign) -> list[tuple[int, ...]]:
    """Every set of so many days that lie far enough apart."""
    return [
        days
        for days in combinations(range(campaign.horizon), pitches)
        if all(later - sooner >= campaign.spacing for sooner, later in pairwise(days))
    ]


@settings(max_examples=40)
@given(lanes, campaigns)
def test_the_search_reckons_as_the_books_do(lane: Lane, campaign: Campaign) -> None:
    """What it says its days cost is what they cost, to the last micro, and no day is under the floor."""
    for option in campaign_days.curves([lane], campaign)[0][1:]:
        found = course(lane, option.days, campaign.horizon)
        assert found.cost == option.cost
        assert found.lowest >= campaign.floor
        assert list(option.days) in [list(days) for days in sets_of(len(option.days), campaign)]


@settings(max_examples=40)
@given(lanes, campaigns)
def test_the_search_is_as_good_as_brute_force(lane: Lane, campaign: Campaign) -> None:
    """One pitch is always at its best; several cost at most a hundredth more than they might."""
    exact, found = brute_curve(lane, campaign), campaign_days.curves([lane], campaign)[0]
    assert [option.cost for option in found[:2]] == exact[:2]
    assert len(found) == len(exact)
    for best, option in zip(exact, found, strict=True):
        assert best <= option.cost <= best + best // 100


def test_a_fresh_pitch_is_waited_out() -> None:
    """Where pitches are still fresh in memory and nothing comes in, the first day is not the cheapest."""
    tired = lane_of(300, usual=0, pitches=4)
    assert campaign_days.plan([tired], Campaign(1, 60, 0)).courses[0].slots[0].day > TODAY + 30


def test_pitches_keep_their_distance() -> None:
    """With a spacing of ten days no two pitches of one creator lie closer."""
    found = campaign_days.plan([lane_of(300)], Campaign(4, 60, 0, spacing=10))
    days = [slot.day for slot in found.courses[0].slots]
    assert len(days) == 4
    assert min(later - sooner for sooner, later in pairwise(days)) >= 10


def test_a_warming_relationship_is_waited_for() -> None:
    """A brand that will be established in a week pitches after that, though waiting costs a little."""
    stranger = replace(NIKE, established=False)
    lane = lane_of(300, proposal=stranger, warm_from=TODAY + 7)
    assert campaign_days.plan([lane], Campaign(1, 14, 0)).courses[0].slots[0].day == TODAY + 7


# Many lanes


curve_lists = st.lists(
    st.lists(st.integers(1, 50), max_size=4).map(
        lambda extra: [Option(sum(extra[:place]), tuple(range(place))) for place in range(len(extra) + 1)]
    ),
    min_size=1,
    max_size=4,
)


@given(curve_lists, st.integers(0, 6))
def test_the_allocation_is_the_best_there_is(curves: list[list[Option]], pitches: int) -> None:
    """No split over the lanes costs less, whatever the curves; where there are not enough, all are taken."""
    allotted = allocate(curves, pitches)
    splits = list(product(*(range(len(curve)) for curve in curves)))
    many = min(pitches, max(map(sum, splits)))
    best = min(cost_of(curves, split) for split in splits if sum(split) == many)
    assert (sum(allotted), cost_of(curves, allotted)) == (many, best)


def cost_of(curves: Sequence[Sequence[Option]], split: Sequence[int]) -> int:
    """What a split costs."""
    return sum(curve[many].cost for curve, many in zip(curves, split, strict=True))


@settings(max_examples=25)
@given(st.lists(lanes, min_size=1, max_size=3), campaigns)
def test_an_exact_plan_is_brute_force(field: list[Lane], campaign: Campaign) -> None:
    """A plan that says it is exact costs what the best of all plans does, with as many pitches as the floors let."""
    found = campaign_days.plan(field, campaign)
    assert found.exact
    curves = [brute_curve(lane, campaign) for lane in field]
    splits = [split for split in product(*(range(len(curve)) for curve in curves)) if sum(split) <= campaign.pitches]
    many = max(map(sum, splits))
    costs = [sum(curve[n] for curve, n in zip(curves, split, strict=True)) for split in splits if sum(split) == many]
    assert (found.pitches, found.cost) == (many, min(costs))
    assert found.feasible is (many == campaign.pitches)


@settings(max_examples=25)
@given(st.lists(lanes, min_size=1, max_size=3), campaigns)
def test_no_meter_falls_under_the_floor(field: list[Lane], campaign: Campaign) -> None:
    """However the plan was found, every book that is touched stays at or over the floor on every day."""
    exact = campaign_days.plan(field, campaign)
    searched = plan_of(field, campaign_days.curves(field, campaign), campaign, exact=False)
    for found in (exact, searched):
        assert all(one.lowest >= campaign.floor for one in found.courses.values())


def test_the_creators_on_whom_it_costs_least_are_taken() -> None:
    """Of one whose audience minds twice as much and one whose does not, the second gets the pitch."""
    found = campaign_days.plan([lane_of(300, ratio=2 * PPM), lane_of(300)], Campaign(1, 30, 0))
    assert list(found.courses) == [1]


def test_a_floor_says_where_it_binds() -> None:
    """Three pitches that the floor does not let: as many as it does, and how low one more would bring whom, when."""
    campaign = Campaign(3, 10, 285 * TRUST)
    found = campaign_days.plan([lane_of(300, usual=0)], campaign)
    assert not found.feasible
    assert found.pitches < 3
    bound = found.binding[0]
    assert bound.place == 0
    assert bound.lowest < campaign.floor
    assert TODAY <= bound.day < TODAY + 10


def test_a_plan_that_fits_binds_nowhere() -> None:
    """Where all the pitches find room nothing is said of floors."""
    found = campaign_days.plan([lane_of(300)], Campaign(2, 10, 0))
    assert found.feasible
    assert found.binding == ()


def test_little_is_proven_and_much_is_searched() -> None:
    """A few days are tried one by one; twelve pitches in half a year are searched for, and the plan says so."""
    few, many = Campaign(3, 14, 0), Campaign(12, 180, 0)
    assert steps(few) < MOST_STEPS < steps(many)
    assert campaign_days.plan([lane_of(300)], few).exact
    assert not campaign_days.plan([lane_of(300), lane_of(200)], many).exact


# Laws


@settings(max_examples=25)
@given(lanes, campaigns, st.integers(0, PPM))
def test_better_never_costs_more(lane: Lane, campaign: Campaign, fit: int) -> None:
    """A clearer disclosure, a better fit or a warmer relationship never makes the best plan dearer."""
    worse, better = sorted((lane.proposal.fit, fit))
    for before, after in (
        ({"disclosure": "vague"}, {"disclosure": "clear"}),
        ({"fit": worse}, {"fit": better}),
        ({"established": False}, {"established": True}),
    ):
        plans = [campaign_days.plan([with_proposal(lane, **change)], campaign) for change in (before, after)]
        assert plans[1].pitches >= plans[0].pitches
        if plans[1].pitches == plans[0].pitches:
            assert plans[1].cost <= plans[0].cost


def with_proposal(lane: Lane, **change: object) -> Lane:
    """The lane with another pitch."""
    return replace(lane, proposal=replace(lane.proposal, **change))  # type: ignore[arg-type]


@settings(max_examples=40)
@given(lanes, campaigns)
def test_more_room_never_costs_more(lane: Lane, campaign: Campaign) -> None:
    """More days to choose from, a lower floor or another creator never make the best plan dearer."""
    told = campaign_days.plan([lane], campaign)
    roomier = [
        campaign_days.plan([lane], replace(campaign, floor=campaign.floor // 2)),
        campaign_days.plan([lane, lane_of(250)], campaign),
    ]
    if campaign.floor == 0:
        roomier.append(campaign_days.plan([lane], replace(campaign, horizon=campaign.horizon + 1)))
    for other in roomier:
        assert other.pitches > told.pitches or (other.pitches == told.pitches and other.cost <= told.cost)


@pytest.mark.parametrize("days", [(), (3,), (0, 9)])
def test_a_course_without_a_floor_tells_its_lowest(days: tuple[int, ...]) -> None:
    """The lowest standing of the horizon and its day are told, pitches or none."""
    found: Course = course(lane_of(300, usual=0), days, 10)
    assert found.lowest <= 300 * TRUST
    assert TODAY <= found.lowest_day < TODAY + 10
