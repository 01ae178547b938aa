"""Estimates: what a pitch would do, how sure that is, how long it takes to mend, and what would cost less."""

from dataclasses import replace
from math import exp, log, sqrt
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import kinds, policy
from ledger.economy import PPM, Move, State, accrue, advance, land
from ledger.estimate import GRID, _name_then, _published, estimate
from ledger.grid import grid
from ledger.kinds import pitch
from ledger.kinds.base import Context, Relationship
from ledger.labels import DayCount
from ledger.policy import Schedule
from ledger.proposals import DISCLOSURES, Proposal, Subject, cost, factors, improvements, pitched, rested
from ledger.scatter import DECILE, History, Pooled, Shape, noise_variance, predicted, scatter

FOUNDING = policy.builtin()
RULES = Schedule.of(FOUNDING)
TODAY = 20_780
TRUST = 1_000_000
STATE = State(
    fresh=300 * TRUST,
    bedrock=60 * TRUST,
    mending_pitch=20 * TRUST,
    credits=400 * TRUST,
    drains=60 * TRUST,
    known=80 * PPM,
    pitches=PPM,
    day=TODAY,
)
USUAL = Move(3_600_000, 400_000, credits=4_000_000, known=900_000)
POSTS = tuple(DayCount(TODAY - 3 * n, 1, 0) for n in range(30))
GRACE = Subject(STATE, RULES, followers=50_000, usual=USUAL, days=POSTS)
FRIEND = Relationship("accepted", TODAY - 30, "hello", TODAY - 30, exchanges=5, let_in=True)
NIKE = Proposal("nike", "clear", fit=700_000, established=True)
STRANGER = Proposal("nike", "clear", fit=700_000)

states = st.builds(
    State,
    fresh=st.integers(-50 * TRUST, 2_000 * TRUST),
    bedrock=st.integers(0, 500 * TRUST),
    mending_pitch=st.integers(0, 100 * TRUST),
    mending_breach=st.integers(0, 100 * TRUST),
    credits=st.integers(0, 2_000 * TRUST),
    drains=st.integers(0, 2_000 * TRUST),
    known=st.integers(0, 100 * PPM),
    pitches=st.integers(0, 20 * PPM),
    day=st.just(TODAY),
)
usual_days = st.integers(0, 20 * TRUST).map(lambda n: Move(n - n // 10, n // 10, credits=n, known=n // 5))
histories = st.lists(st.floats(-2, 2), max_size=20)
subjects = st.builds(
    Subject,
    state=states,
    schedule=st.just(RULES),
    followers=st.none() | st.integers(0, 10**9),
    usual=usual_days,
    days=st.just(POSTS),
    hidden_since=st.none() | st.integers(TODAY - 100, TODAY),
    ratios=histories,
)
proposals = st.builds(
    Proposal,
    brand=st.just("nike"),
    disclosure=st.sampled_from(DISCLOSURES),
    fit=st.integers(0, PPM),
    followers=st.none() | st.integers(0, 10**9),
    established=st.booleans(),
)
ratios = st.integers(PPM // 10, 5 * PPM)


# What it would cost


def test_the_formula_is_the_one_that_posts() -> None:
    """The drain and credit of an estimate are those that posting the pitch today would write."""
    context = Context(STATE, FOUNDING, TODAY, 0, followers=50_000, relationship=FRIEND)
    lines = pitch.price(pitch.PitchFacts("nike", "clear", 700_000), context)
    moves = [kinds.amounts(line.kind, line.factors, FOUNDING.rates) for line in lines]
    told = estimate(GRACE, NIKE)
    assert (told.drain, told.credit) == (-moves[0].fresh, moves[1].fresh)
    assert told.p50.standing == STATE.standing + moves[0].fresh + moves[1].fresh


def test_a_hidden_pitch_is_priced_as_when_it_is_found() -> None:
    """Not disclosing costs what the undisclosed pitch's two lines take, and nothing mends."""
    context = Context(STATE, FOUNDING, TODAY, 0, followers=50_000, relationship=FRIEND)
    state = STATE
    for line in pitch.price_undisclosed(pitch.UndisclosedPitchFacts("nike", 700_000), context):
        move = kinds.amounts(line.kind, line.factors, FOUNDING.rates)
        state = advance(state, land(state, move), move)
    assert pitched(GRACE, replace(NIKE, disclosure="none")) == state


@given(subjects, proposals, ratios)
def test_more_disclosure_never_costs_more(subject: Subject, proposal: Proposal, ratio: int) -> None:
    """Clear costs no more than vague, vague no more than none."""
    clear, vague, none = (cost(subject, replace(proposal, disclosure=how), ratio) for how in DISCLOSURES)
    assert clear <= vague <= none


@given(subjects, proposals, ratios, st.integers(0, PPM))
def test_a_better_fit_never_costs_more(subject: Subject, proposal: Proposal, ratio: int, fit: int) -> None:
    """The better of two fits costs no more."""
    low, high = sorted((fit, proposal.fit))
    better, worse = replace(proposal, fit=high), replace(proposal, fit=low)
    assert cost(subject, better, ratio) <= cost(subject, worse, ratio)


@given(subjects, proposals, ratios)
def test_a_warmer_relationship_never_costs_more(subject: Subject, proposal: Proposal, ratio: int) -> None:
    """An established brand pays no more than a stranger."""
    established, stranger = (replace(proposal, established=warm) for warm in (True, False))
    assert cost(subject, established, ratio) <= cost(subject, stranger, ratio)


@given(subjects, proposals, ratios, st.integers(0, 200), st.integers(0, 200))
def test_a_longer_wait_never_costs_more(subject: Subject, proposal: Proposal, ratio: int, some: int, more: int) -> None:
    """With standing as it is, the later of two days costs no more, because earlier pitches fade."""
    sooner, later = (cost(rested(subject, TODAY + days), proposal, ratio) for days in sorted((some, more)))
    assert 0 < later <= sooner


# How sure that is


def test_without_history_the_spread_is_the_prior() -> None:
    """Nothing measured: variance .11 + .25, so that p90 is e^(1.2816 * .6) times the formula."""
    told = estimate(GRACE, NIKE)
    assert told.scatter.variance == pytest.approx(0.36)
    assert told.p50.drain == told.drain
    assert told.p90.drain / told.drain == pytest.approx(exp(1.2815516 * 0.6), rel=1e-5)
    assert told.p10.drain / told.drain == pytest.approx(exp(-1.2815516 * 0.6), rel=1e-5)


@given(st.integers(0, 200), st.floats(-2, 2))
def test_predictive_variance(measured: int, mean: float) -> None:
    """1 / (1 / .11 + m / .25) + .25 after m pitches as scattered as assumed, centred on the posterior mean."""
    squares = 0.25 * max(measured - 1, 0)
    told = predicted(History(measured, mean, squares), policy=FOUNDING)
    assert told.variance == pytest.approx(1 / (1 / 0.11 + measured / 0.25) + 0.25)
    assert told.bias == pytest.approx(measured * mean / 0.25 / (1 / 0.11 + measured / 0.25))


@given(histories)
def test_a_history_is_its_mean_and_its_squares(measured: list[float]) -> None:
    """One outcome after another comes to what all of them at once do."""
    told, mean = History.of(measured), sum(measured) / max(len(measured), 1)
    assert told.measured == len(measured)
    assert told.mean == pytest.approx(mean, abs=1e-9)
    assert told.squares == pytest.approx(sum((one - mean) ** 2 for one in measured), abs=1e-9)


@given(st.floats(-2, 2), st.integers(1, 40))
def test_history_that_agrees_narrows_the_spread(bias: float, many: int) -> None:
    """It is widest where nothing was measured, and narrower with every pitch that was taken like the others."""
    assert scatter([bias] * many, policy=FOUNDING).variance < scatter([bias] * (many - 1), policy=FOUNDING).variance


def test_a_creator_who_is_hard_to_foretell_is_told_so() -> None:
    """Forty outcomes twice as scattered as everybody's make the spread wider than it is for others, not narrower."""
    wild = [1.0 * (-1) ** n for n in range(40)]
    assert scatter(wild, policy=FOUNDING).variance > scatter([], policy=FOUNDING).variance


def test_one_outcome_does_not_teach_everything() -> None:
    """A pitch that cost a thousand times the formula teaches no more than one that cost twenty times."""
    assert scatter([log(1_000)], policy=FOUNDING) == scatter([log(20)], policy=FOUNDING)


def test_the_shape_is_what_outcomes_taught() -> None:
    """Where half of all outcomes of newcomers lay lower than the normal has it, so does the middle of the estimate."""
    taught = Pooled(shapes=(Shape(100_000, -0.8, -0.3, 1.5),))
    newcomer, known = scatter([], policy=FOUNDING, pooled=taught), scatter([0.0], policy=FOUNDING, pooled=taught)
    deviations = [newcomer.deviations(newcomer.logarithm(share)) for share in (0.1, 0.5, 0.9)]
    assert deviations == pytest.approx([-0.8, -0.3, 1.5], abs=0.001)
    assert (known.low, known.mid, known.high) == (-DECILE, 0.0, DECILE)


@given(st.floats(-3, 0), st.floats(0.01, 3), st.floats(0.01, 3), st.integers(0, 1000))
def test_quantiles_never_cross(mid: float, below: float, above: float, outcomes: int) -> None:
    """Whatever shape was measured, a larger share of outcomes stays under a larger ratio."""
    told = scatter([], policy=FOUNDING, pooled=Pooled(shapes=(Shape(outcomes, mid - below, mid, mid + above),)))
    quantiles = [told.logarithm(share / 100) for share in range(1, 100)]
    assert quantiles == sorted(quantiles)


def test_a_creator_whose_audience_minds_less_is_told_so() -> None:
    """Ten pitches that cost half the formula bring the middle of the estimate down towards half."""
    told = estimate(replace(GRACE, ratios=[log(0.5)] * 10), NIKE)
    assert 0.5 < told.p50.drain / told.drain < 0.6


def test_outcomes_of_all_teach_the_noise() -> None:
    """The noise is what was assumed at first and what was measured in the end."""
    assert noise_variance(FOUNDING) == 0.25
    assert noise_variance(FOUNDING, Pooled(30, 30 * 0.09)) == pytest.approx((0.25 + 0.09) / 2)
    assert noise_variance(FOUNDING, Pooled(100_000, 100_000 * 0.09)) == pytest.approx(0.09, rel=1e-3)


@given(subjects, proposals)
def test_quantiles_are_in_order(subject: Subject, proposal: Proposal) -> None:
    """A heavier drain is never milder in any figure, on the day or later."""
    told = estimate(subject, proposal)
    ways = (told.p10, told.p50, told.p90)
    assert told.p10.drain <= told.p50.drain <= told.p90.drain
    assert told.p10.standing >= told.p50.standing >= told.p90.standing
    assert told.p10.points >= told.p50.points >= told.p90.points
    assert [days_of(way.regained_after) for way in ways] == sorted(days_of(way.regained_after) for way in ways)
    assert [days_of(way.back_after) for way in ways] == sorted(days_of(way.back_after) for way in ways)
    for point in told.fan:
        assert point.without >= point.p10 >= point.p50 >= point.p90


def days_of(days: int | None) -> float:
    """Days until something, or never."""
    return float("inf") if days is None else days


# What comes after


def test_days_to_regain_grow_with_the_drain() -> None:
    """A worse fit, a stranger, a hidden pitch: each takes longer to mend than the one before."""
    pitches = [
        NIKE,
        replace(NIKE, fit=0),
        replace(NIKE, fit=0, established=False),
        replace(NIKE, fit=0, established=False, disclosure="none"),
    ]
    days = [days_of(estimate(GRACE, one).p50.regained_after) for one in pitches]
    assert days == sorted(set(days))


def test_regained_means_within_a_hundredth_of_the_other_path() -> None:
    """On the day named, standing is at 99 % of the path without the pitch, and the day before it was not."""
    told = estimate(GRACE, NIKE)
    days = told.p50.regained_after
    assert days is not None
    assert days > 1
    for ahead, regained in ((days - 1, False), (days, True)):
        with_pitch, without = paths(GRACE, NIKE, ahead)
        assert (with_pitch >= without - without // 100) is regained


def paths(subject: Subject, proposal: Proposal, days: int) -> tuple[int, int]:
    """Standing some days on with the pitch and without, by way of the books' own accrual."""
    with_pitch, without = pitched(subject, proposal), subject.state
    for day in range(TODAY + 1, TODAY + days + 1):
        with_pitch, without = (usual_day(accrue(state, day, RULES)) for state in (with_pitch, without))
    return with_pitch.standing, without.standing


def usual_day(state: State) -> State:
    """The book after what an ordinary day brings."""
    return advance(state, land(state, USUAL), USUAL)


def test_an_empty_book_never_regains_within_two_years() -> None:
    """Nothing held and nothing coming in: the least drain stays, and no day is named."""
    told = estimate(Subject(State(day=TODAY), RULES), replace(NIKE, disclosure="none"))
    assert (told.p50.drain, told.p50.regained_after, told.p50.back_after) == (3 * TRUST, None, None)


def test_the_fan_starts_today_and_reaches_the_recovery() -> None:
    """The chart's points begin on the day of the pitch and cover three months, and the worst recovery."""
    told = estimate(GRACE, replace(NIKE, fit=0, disclosure="none"))
    assert told.fan[0].without == STATE.standing
    assert (told.fan[0].p10, told.fan[0].p90) == (told.p10.standing, told.p90.standing)
    assert told.fan[-1].day == max(90, told.p90.regained_after or 0)
    assert len(told.fan) <= 62
    assert [point.day for point in told.fan] == sorted({point.day for point in told.fan})


# Labels


@given(subjects, proposals)
def test_chances_of_labels_add_up(subject: Subject, proposal: Proposal) -> None:
    """Some label there will be."""
    assert sum(estimate(subject, proposal).risk.values()) == PPM


def test_a_hidden_pitch_makes_a_sellout_for_sure() -> None:
    """Two weeks after a pitch that nobody owns up to, the label is sellout, however the audience takes it."""
    assert estimate(GRACE, replace(NIKE, disclosure="none")).risk["sellout"] == PPM


def test_the_chance_of_a_label_depends_on_the_drain() -> None:
    """Where drains nearly reach credits, a heavy pitch makes a sellout of 30 % sponsored, a light one does not."""
    even = STATE._replace(credits=100 * TRUST, drains=90 * TRUST)
    posts = (DayCount(TODAY - 20, 9, 3),)
    risk = estimate(replace(GRACE, state=even, days=posts), NIKE).risk
    assert 0 < risk["sellout"] < PPM
    assert risk["sellout"] + risk["stretched"] == PPM


@settings(max_examples=30)
@given(subjects, proposals)
def test_chances_of_labels_are_those_of_every_quantile(subject: Subject, proposal: Proposal) -> None:
    """Looking only where two quantiles differ in their label gives what looking at each would."""
    spread = scatter(subject.ratios, policy=FOUNDING)
    published = _published(subject, proposal)
    names = [_name_then(published, proposal, spread.ratio((n + 0.5) / GRID)) for n in range(GRID)]
    risk = estimate(subject, proposal).risk
    assert risk == {name: names.count(name) * PPM // GRID for name in risk}


# What would cost less


def test_the_three_cheapest_ways_are_named_by_what_they_save() -> None:
    """A hidden pitch of a stranger that fits badly: disclosing saves most, then an introduction, then a wait."""
    bad = Proposal("nike", "none", fit=200_000)
    found = improvements(GRACE, bad)
    assert [item.name for item in found] == ["disclose", "relationship", "fit"]
    assert [item.saves for item in found] == sorted((item.saves for item in found), reverse=True)
    disclosed = cost(GRACE, bad) - cost(GRACE, replace(bad, disclosure="clear"))
    assert found[0].saves == disclosed


def test_a_wait_names_its_day() -> None:
    """With pitches fresh in memory, waiting out sixty days is worth more than a better fit."""
    tired = replace(GRACE, state=STATE._replace(pitches=6 * PPM))
    first = improvements(tired, NIKE)[0]
    assert (first.name, first.until_day) == ("wait", TODAY + 60)
    assert first.advice == "Wait until 22 January 2027: earlier pitches weigh less by then."
    assert first.saves == cost(tired, NIKE) - cost(rested(tired, TODAY + 60), NIKE)


def test_what_is_as_good_as_can_be_has_nothing_to_improve() -> None:
    """A clear pitch of perfect fit by an established brand, the first in a long time, has no advice."""
    rest = replace(GRACE, state=STATE._replace(pitches=0))
    assert improvements(rest, replace(NIKE, fit=PPM)) == ()


@pytest.mark.parametrize(
    ("known", "advice"),
    [
        (None, "Introduce nike to the creator and be let in, then take 3 genuine exchanges and 14 days: "),
        (
            Relationship("introduced", TODAY - 2, "hello"),
            "nike has asked to be let in: once it is, take 3 genuine exchanges and 14 days: ",
        ),
        (
            Relationship("declined", TODAY - 200, "hello"),
            "Introduce nike to the creator again and be let in, then take 3 genuine exchanges and 14 days: ",
        ),
        (
            FRIEND._replace(status="ended", day=TODAY - 2),
            (
                "Introduce nike to the creator again, from 21 December on, and be let in,"
                " then take 3 genuine exchanges and 14 days: "
            ),
        ),
        (
            FRIEND._replace(accepted_day=TODAY - 5, exchanges=2),
            "nike is let in; it takes 1 more genuine exchange and 9 more days, until 2 December: ",
        ),
        (FRIEND._replace(exchanges=0), "nike is let in; it takes 3 more genuine exchanges: "),
        (
            FRIEND._replace(accepted_day=TODAY - 13),
            "nike is let in; it takes 1 more day, until 24 November: ",
        ),
    ],
)
def test_what_a_relationship_lacks_is_told(known: Relationship | None, advice: str) -> None:
    """What the brand has to do next is what the rule still asks of it: be let in, three exchanges, 14 days."""
    told = improvements(replace(GRACE, relationship=known), replace(NIKE, established=False))
    warmer = next(item for item in told if item.name == "relationship")
    assert warmer.advice == advice + "an established relationship costs 33 % less."


def test_a_blocked_brand_is_not_told_to_introduce_itself() -> None:
    """Whom the creator has blocked can do nothing about it."""
    blocked = replace(GRACE, relationship=FRIEND._replace(status="ended", blocked=True))
    assert "relationship" not in {item.name for item in improvements(blocked, replace(NIKE, established=False))}


def test_waiting_until_a_relationship_is_established_saves_that() -> None:
    """With the exchanges made and five days to go, the wait that is advised is worth the stranger's price and more."""
    nearly = replace(GRACE, relationship=FRIEND._replace(accepted_day=TODAY - 9))
    wait = next(item for item in improvements(nearly, replace(NIKE, established=False)) if item.name == "wait")
    assert wait.advice == "Wait until 22 January 2027: the relationship is established by then."
    assert wait.saves == cost(GRACE, replace(NIKE, established=False)) - cost(rested(GRACE, TODAY + 60), NIKE)


# The brand's own meter


BESIDE = State(fresh=7 * TRUST, bedrock=TRUST, credits=8 * TRUST, day=TODAY)


def test_the_brands_meter_loses_the_same_share() -> None:
    """Its drain is what posting the pitch would write into its book: the same share, with no least."""
    subject = replace(GRACE, beside=BESIDE, relationship=FRIEND)
    told = estimate(subject, NIKE)
    context = Context(STATE, FOUNDING, TODAY, 0, followers=50_000, relationship=FRIEND)
    lines = pitch.price(pitch.PitchFacts("nike", "clear", 700_000), context)
    facts, other = pitch.PitchFacts("nike", "clear", 700_000), Context(BESIDE, FOUNDING, TODAY, 0, relationship=FRIEND)
    move = kinds.amounts("pitch", pitch.price_beside(facts, other, lines)[0].factors, FOUNDING.rates)
    assert told.relation.p50 is not None
    assert told.relation.p50.drain == -move.fresh == BESIDE.standing * told.share // PPM
    assert told.relation.p50.standing == BESIDE.standing + move.fresh
    assert told.relation.status == "established"


@settings(max_examples=30)
@given(subjects, proposals)
def test_a_brand_nobody_let_in_has_no_meter(subject: Subject, proposal: Proposal) -> None:
    """Where the brand has no book there is nothing to drain, and all of the relationship is missing."""
    relation = estimate(subject, proposal).relation
    assert (relation.status, relation.standing, relation.p10, relation.p50, relation.p90) == (
        "none",
        0,
        None,
        None,
        None,
    )
    assert (relation.missing.exchanges, relation.missing.days) == (3, 14)


@settings(max_examples=30)
@given(subjects, proposals, st.integers(0, 50 * TRUST).map(lambda fresh: State(fresh=fresh, day=TODAY)))
def test_a_brand_never_pays_more_than_it_has(subject: Subject, proposal: Proposal, beside: State) -> None:
    """Quantiles are in order there too, and no way takes its meter below zero."""
    relation = estimate(replace(subject, beside=beside), proposal).relation
    ways = [way for way in (relation.p10, relation.p50, relation.p90) if way is not None]
    drains = [way.drain for way in ways]
    assert drains == sorted(drains)
    assert all(way.standing == beside.standing - way.drain >= 0 for way in ways)


@given(subjects, proposals)
def test_pitches_on_hold_weigh_like_pitches(subject: Subject, proposal: Proposal) -> None:
    """What is authorised and not yet out makes a further pitch as dear as if it were out, and no cheaper."""
    told = [factors(replace(subject, holds=holds), proposal)["fatigue"] for holds in (0, 1, 2)]
    assert told == [told[0], told[0] + FOUNDING["pitch.fatigue"], told[0] + 2 * FOUNDING["pitch.fatigue"]]


# The grid


@given(subjects, st.none() | st.integers(0, 14).map(lambda ago: FRIEND._replace(accepted_day=TODAY - ago)))
@settings(max_examples=15)
def test_the_grid_keeps_the_laws(subject: Subject, known: Relationship | None) -> None:
    """In every cell, more disclosure, a better fit and a longer wait never cost more, and quantiles are in order."""
    cells = {
        (cell.day, cell.disclosure, cell.fit): cell for cell in grid(replace(subject, relationship=known), STRANGER)
    }
    assert len(cells) == 3 * 5 * 10
    for (day, disclosure, fit), cell in cells.items():
        assert cell.p10 <= cell.p50 <= cell.p90
        worse = {"clear": "vague", "vague": "none"}.get(disclosure)
        for other in ((day, worse, fit), (day, disclosure, fit - PPM // 5), (day - 7, disclosure, fit)):
            if other in cells:
                assert cell.p50 <= cells[other].p50


def test_todays_cell_is_the_estimate() -> None:
    """The cell of today, as disclosed and as fitting, costs what the estimate says standing loses."""
    told = estimate(GRACE, STRANGER)
    cell = next(one for one in grid(GRACE, STRANGER, [700_000]) if (one.day, one.disclosure) == (TODAY, "clear"))
    assert [cell.p10, cell.p50, cell.p90] == [STATE.standing - way.standing for way in (told.p10, told.p50, told.p90)]


@given(subjects, proposals)
def test_every_improvement_saves_something(subject: Subject, proposal: Proposal) -> None:
    """At most three, dearest saving first, none that saves nothing."""
    found: list[Any] = [item.saves for item in improvements(subject, proposal)]
    assert len(found) <= 3
    assert all(saves > 0 for saves in found)
    assert found == sorted(found, reverse=True)


def test_factors_say_how_the_drain_was_made() -> None:
    """Anyone can recompute the formula's drain from the factors shown."""
    told = estimate(GRACE, NIKE)
    assert told.factors == factors(GRACE, NIKE)
    assert pitch.drain(told.factors) == told.drain
    assert sqrt(told.scatter.variance) == pytest.approx(0.6)
