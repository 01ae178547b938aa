"""Calibration: forecasts are scored on what they could not know, and learn from all of it."""

import random
from math import log
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import policy
from ledger.calibration import Deviations, Measured, Walk, calibrate, pinball, quarter
from ledger.economy import PPM
from ledger.scatter import DECILE, History, Pooled, Shape, cohort, logarithm, predicted

FOUNDING = policy.builtin()
DAY = 20_780  # 2026-11-23
BOOK = ("ada", "network:youtube")
logarithms = st.floats(-4, 4)
worlds = st.lists(
    st.builds(
        Measured,
        st.sampled_from([(name, "network:youtube") for name in ("ada", "grace", "joan")]),
        st.integers(DAY, DAY + 20),
        logarithms,
    ),
    max_size=40,
).map(lambda told: sorted(told, key=lambda item: item.day))


def test_the_first_outcome_is_forecast_by_what_is_assumed() -> None:
    """Nothing is known yet: within e^(1.28 * .6) times the formula either way it is covered, beyond it is not."""
    for off, covered in ((0.0, PPM), (DECILE * 0.6 - 0.001, PPM), (DECILE * 0.6 + 0.001, 0)):
        score = calibrate([Measured(BOOK, DAY, off)], policy=FOUNDING).overall
        assert (score.forecasts, score.coverage) == (1, covered)


def test_shares_below_and_above_are_told_apart() -> None:
    """A drain lighter than p10 is below, one heavier than p90 above."""
    light, heavy = Measured(BOOK, DAY, -2.0), Measured(("grace", "network:youtube"), DAY, 2.0)
    score = calibrate([light, heavy], policy=FOUNDING).overall
    assert (score.coverage, score.below, score.above) == (0, PPM // 2, PPM // 2)


def test_a_forecast_does_not_know_its_own_day() -> None:
    """Two outcomes told on one day are both forecasts without history; a day apart, the second has one."""
    same = calibrate([Measured(BOOK, DAY, 0.0), Measured(BOOK, DAY, 0.0)], policy=FOUNDING)
    apart = calibrate([Measured(BOOK, DAY, 0.0), Measured(BOOK, DAY + 1, 0.0)], policy=FOUNDING)
    assert (same.cohorts["0"].forecasts, same.cohorts["1-4"].forecasts) == (2, 0)
    assert (apart.cohorts["0"].forecasts, apart.cohorts["1-4"].forecasts) == (1, 1)


@given(worlds, st.integers(0, 39))
def test_no_outcome_changes_a_forecast_before_it(world: list[Measured], cut: int) -> None:
    """The scores of the first days are the same whatever comes later."""
    days = sorted({item.day for item in world})[:cut]
    early = [item for item in world if item.day in days]
    alone, in_sequence = Walk(FOUNDING), Walk(FOUNDING)
    for day in sorted({item.day for item in world}):
        told = [item for item in world if item.day == day]
        in_sequence.one_day(told)
        if day in days:
            alone.one_day(told)
        if day == (days or [0])[-1]:
            assert in_sequence.found() == alone.found()
    assert alone.found() == calibrate(early, policy=FOUNDING)


@given(worlds)
def test_scores_add_up(world: list[Measured]) -> None:
    """Each outcome is in one cohort and one quarter, and is below, within or above."""
    found = calibrate(world, policy=FOUNDING)
    for parts in (found.cohorts, found.quarters):
        assert sum(score.forecasts for score in parts.values()) == found.overall.forecasts == len(world)
    score = found.overall
    assert score.below + score.coverage + score.above >= (PPM - 3 if world else 0)


@given(worlds)
def test_what_all_taught_is_each_ones_scatter(world: list[Measured]) -> None:
    """Pooled squares are the squared deviations from each creator's own mean, one degree of freedom less for each."""
    found, books = calibrate(world, policy=FOUNDING).pooled, {item.book for item in world}
    histories = [History.of(item.logarithm for item in world if item.book == book) for book in books]
    assert found.squares == pytest.approx(sum(history.squares for history in histories), abs=1e-9)
    assert found.outcomes == sum(history.measured - 1 for history in histories)


@given(st.lists(st.floats(-7, 7), min_size=1, max_size=300))
def test_deciles_are_read_off_narrow_bins(told: list[float]) -> None:
    """At least a tenth, half and nine tenths lie below each decile, and no more a bin's width further down."""
    kept = Deviations()
    for one in told:
        kept.add(one)
    shape = kept.shape()
    assert shape.outcomes == len(told)
    for share, decile in zip((0.1, 0.5, 0.9), shape[1:], strict=True):
        assert sum(one <= decile + 0.02 for one in told) >= share * len(told) - 1e-9
        assert sum(one <= decile - 0.04 for one in told) <= share * len(told) + 1


def test_pinball_loss_is_least_at_the_quantile() -> None:
    """Over many draws no other value costs less than the true p90 does."""
    chance, normal = random.Random(1), NormalDist()
    drawn = [chance.gauss(0, 1) for _ in range(20_000)]
    losses = {at: sum(pinball(one, at, 0.9) for one in drawn) for at in (1.0, normal.inv_cdf(0.9), 1.6)}
    assert min(losses, key=lambda at: losses[at]) == normal.inv_cdf(0.9)
    assert (pinball(2.0, 1.0, 0.9), pinball(0.0, 1.0, 0.9)) == pytest.approx((0.9, 0.1))


def test_another_law_than_the_prior_is_learnt() -> None:
    """Where outcomes are skewed and biases lie in two heaps, 50 pitches on some 80 % fall within p10..p90."""
    chance, told = random.Random(7), list[Measured]()
    for number in range(40):
        bias, book = chance.choice((-0.6, 0.8)), (f"c{number}", "network:youtube")
        taken = [bias + 0.6 * (chance.expovariate(1) - 1) for _ in range(120)]
        told += [Measured(book, DAY + 7 * pitch, one) for pitch, one in enumerate(taken)]
    found = calibrate(sorted(told, key=lambda item: item.day), policy=FOUNDING)
    assert 0.75 * PPM < found.cohorts["50+"].coverage < 0.85 * PPM


def test_the_plain_normal_would_not_do() -> None:
    """The same law with no shape learnt: p10..p90 covers far more than it says, so the shape is what makes it fit."""
    chance = random.Random(7)
    told = [0.6 * (chance.expovariate(1) - 1) for _ in range(3_000)]
    plain = predicted(History.of(told), policy=FOUNDING, pooled=Pooled(3_000, History.of(told).squares))
    inside = sum(plain.logarithm(0.1) <= one <= plain.logarithm(0.9) for one in told)
    assert inside > 0.87 * len(told)


def test_cohorts_count_earlier_pitches() -> None:
    """None, a few, some, many: the bounds belong to the larger one."""
    assert [cohort(measured) for measured in (0, 1, 4, 5, 19, 20, 49, 50, 500)] == [0, 1, 1, 2, 2, 3, 3, 4, 4]


def test_quarters_are_the_calendars() -> None:
    """23 November 2026 is in the fourth quarter, 1 January 2027 in the first."""
    assert (quarter(DAY), quarter(DAY + 39)) == ("2026-Q4", "2027-Q1")


def test_a_ratio_is_bounded_once_it_is_a_logarithm() -> None:
    """None at all counts as a thousandth; what is as the formula says is zero."""
    assert logarithm(PPM) == 0.0
    assert logarithm(0) == -log(1_000)
    assert logarithm(10**12) == log(1_000)


def test_nothing_measured_scores_nothing() -> None:
    """Without outcomes there are no forecasts, and what was assumed stands."""
    found = calibrate([], policy=FOUNDING)
    assert (found.overall.forecasts, found.overall.coverage, found.quarters) == (0, 0, {})
    assert found.pooled == Pooled(shapes=(Shape(),) * 5)
