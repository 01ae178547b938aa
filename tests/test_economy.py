"""The arithmetic of trust, whatever the numbers."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import economy
from ledger.economy import Move, Pools, State, accrue, advance, fade, land, scale, survive
from ledger.policy import Rates, Schedule, daily_keep
from tests.desk import DAY, FOUNDING, RULES, trust

MOST = 10**13
amounts = st.integers(0, MOST)
signed = st.integers(-MOST, MOST)
keeps = st.integers(500_000, 999_999)
rates = st.builds(Rates, keeps, keeps, keeps, keeps, keeps, keeps)
states = st.builds(State, signed, amounts, amounts, amounts, amounts, amounts, amounts, amounts, st.just(DAY)).map(
    lambda state: state if state.fresh >= 0 else state._replace(bedrock=0)
)
moves = st.builds(Move, signed, amounts, amounts, amounts, amounts, amounts, amounts, amounts, st.just(False))
exact_moves = st.builds(Move, signed, signed, signed, signed, signed, signed, signed, signed, st.just(True))


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    """Up to four policies that take effect within two months around the first day."""
    days = draw(st.lists(st.integers(DAY - 20, DAY + 60), max_size=3, unique=True))
    items = []
    for number, day in enumerate([0, *sorted(days)]):
        items.append((day, replace(FOUNDING, version=f"v{number}", rates=draw(rates))))
    return Schedule(tuple(items))


# Days


@given(states, schedules(), st.lists(st.integers(0, 80), max_size=8))
def test_days_may_be_cut_anywhere(state: State, schedule: Schedule, cuts: list[int]) -> None:
    """Settling on any days on the way gives the same state as settling once at the end."""
    at_once = accrue(state, DAY + 80, schedule)
    for cut in sorted(cuts):
        state = accrue(state, DAY + cut, schedule)
    assert accrue(state, DAY + 80, schedule) == at_once


@given(states, schedules(), st.lists(st.integers(1, 80), max_size=8), st.sampled_from(["", "v0", "v1", "v3"]))
def test_a_settlement_keeps_the_policy_of_the_book(
    state: State, schedule: Schedule, cuts: list[int], version: str
) -> None:
    """The same holds where each settlement names its policy and none older may apply again."""
    at_once = accrue(state, DAY + 80, schedule, policy_version=version)
    for cut in sorted({*cuts, 80}):
        state = accrue(state, DAY + cut, schedule, policy_version=version)
        version = schedule.at(DAY + cut - 1, version).version
    assert state == at_once


@given(states, st.integers(-100, 0))
def test_time_does_not_run_backwards(state: State, days: int) -> None:
    """Accruing to today or to an earlier day changes nothing."""
    assert accrue(state, DAY + days, RULES) is state


@given(states, schedules(), st.integers(1, 200))
def test_no_pool_goes_below_zero_by_waiting(state: State, schedule: Schedule, days: int) -> None:
    """Bedrock, the mending pools and the memos stay at zero or above; fresh never gets further from it."""
    after = accrue(state, DAY + days, schedule)
    assert min(after[1:8]) >= 0
    assert after.fresh >= min(state.fresh, 0)


@given(signed, rates)
def test_a_day_truncates_toward_zero(fresh: int, day: Rates) -> None:
    """Trust and distrust fade alike: the same size with the other sign gives the same with the other sign."""
    schedule = Schedule.of(replace(FOUNDING, rates=day))
    plus, minus = (accrue(State(fresh=sign * fresh, day=DAY), DAY + 1, schedule) for sign in (1, -1))
    assert plus.fresh == -minus.fresh
    assert abs(plus.fresh) == abs(fresh) * day.fresh // 1_000_000


@given(amounts, amounts, amounts, st.integers(1, 400), rates)
def test_a_mending_pool_shelters_nothing(fresh: int, pitch: int, breach: int, days: int, day: Rates) -> None:
    """What mends fades as fresh does: with its pools a book never holds more than with all of it in fresh."""
    schedule = Schedule.of(replace(FOUNDING, rates=day))
    pooled = accrue(State(fresh, 0, pitch, breach, day=DAY), DAY + days, schedule)
    plain = accrue(State(fresh + pitch + breach, day=DAY), DAY + days, schedule)
    assert plain.fresh - 3 * days <= sum(pooled[:4]) <= plain.fresh


def test_half_lives_halve() -> None:
    """100 trust is 50 after 90 days in fresh, after 730 in bedrock; half of a pitch's share is back after 30."""
    fresh = accrue(State(fresh=trust("100"), day=DAY), DAY + 90, RULES)
    bedrock = accrue(State(bedrock=trust("100"), day=DAY), DAY + 730, RULES)
    pitch = accrue(State(mending_pitch=trust("100"), day=DAY), DAY + 30, RULES)
    assert abs(fresh.fresh - trust("50")) < trust("0.01")
    assert abs(bedrock.bedrock - trust("50")) < trust("0.05")
    # 30 days leave 2^(-30/90) = 79.370 % of the pool's trust; half of that has come back.
    assert abs(pitch.fresh - trust("39.685")) < trust("0.01")
    assert abs(pitch.mending_pitch - trust("39.685")) < trust("0.01")


def test_a_daily_share_is_rounded_once() -> None:
    """What a day leaves under half-lives of 30, 90 and 730 days, to the ppm: 2^(-1/h)."""
    assert [daily_keep(days) for days in (30, 90, 730)] == [977_160, 992_328, 999_051]


# Entries


@given(states, st.one_of(moves, exact_moves))
def test_every_landed_move_balances(state: State, move: Move) -> None:
    """What the pools get and what the world gives sum to zero, and nothing of the move is lost or made."""
    pools = land(state, move)
    assert sum(pools) + pools.world == 0
    assert sum(pools) == sum(move[:4])


@given(states, st.one_of(moves, exact_moves))
def test_only_fresh_may_go_below_zero(state: State, move: Move) -> None:
    """Wherever a move lands, bedrock, the mending pools and the memos hold at least nothing."""
    after = advance(state, land(state, move), move)
    assert min(after[1:8]) >= 0
    assert after.fresh >= 0 or after.bedrock == 0, "a debt that fades beside bricks that stay would earn by waiting"
    assert after.day == state.day


@given(states, amounts)
def test_debits_take_fresh_then_bedrock_then_debt(state: State, debit: int) -> None:
    """Bedrock is touched only when fresh is spent; fresh goes below zero only when bedrock is spent."""
    pools = land(state, Move(-debit))
    after = advance(state, pools, Move(-debit))
    assert after.standing == state.standing - debit
    if pools.bedrock:
        assert after.fresh == min(state.fresh, 0) or after.bedrock == 0
    if after.fresh < min(state.fresh, 0):
        assert after.bedrock == 0
    assert pools[2:] == (0, 0)


def test_a_debit_by_hand() -> None:
    """Of 100 taken from 30 fresh and 50 bedrock, 30 leave fresh, 50 bedrock, and 20 are debt."""
    assert land(State(30, 50), Move(-100)) == Pools(-50, -50)
    assert land(State(30, 50), Move(-60)) == Pools(-30, -30)
    assert land(State(-5, 0), Move(-60)) == Pools(-60, 0)
    assert land(State(-5, 0), Move(4, 1)) == Pools(5, 0)


def test_a_reversal_takes_from_the_pool_it_names() -> None:
    """What a pool lacks of an exact move is taken from fresh."""
    move = Move(5, -10, -8, 0, exact=True)
    assert land(State(1, 4, 8, 0), move) == Pools(-1, -4, -8, 0)


@given(st.integers(-(10**18), 10**18), st.lists(st.integers(0, 3_000_000), max_size=5))
def test_scaling_truncates_toward_zero(amount: int, factors: list[int]) -> None:
    """A debit scales as the credit of the same size does, and never past zero."""
    assert scale(-amount, *factors) == -scale(amount, *factors)
    assert scale(7, 333_333, 1_500_000) == 3


# What survives


@given(moves, st.integers(0, 300))
@settings(max_examples=200)
def test_what_survives_is_the_difference_it_still_makes(move: Move, days: int) -> None:
    """A faded move is the on-time path with it less the path without it, to some micros a day."""
    move = move._replace(fresh=abs(move.fresh))
    without = State(5 * MOST, MOST, MOST, MOST, MOST, MOST, MOST, MOST, DAY)
    for sign in (1, -1):
        told = move._replace(fresh=sign * move.fresh)
        on_time = accrue(advance(without, land(without, told), told), DAY + days, RULES)
        plain = accrue(without, DAY + days, RULES)
        late = fade(told, days, FOUNDING.rates)
        gaps = [a - b - c for a, b, c in zip(on_time[:8], plain[:8], late[:8], strict=True)]
        assert max(map(abs, gaps)) <= 4 * days


@given(signed, st.integers(0, 300))
def test_a_plain_late_credit_is_exact_to_a_micro_a_day(fresh: int, days: int) -> None:
    """Fading one amount in an empty book is the very path of that amount."""
    on_time = accrue(State(fresh=fresh, credits=abs(fresh), day=DAY), DAY + days, RULES)
    late = fade(Move(fresh, credits=abs(fresh)), days, FOUNDING.rates)
    assert (late.fresh, late.credits) == (on_time.fresh, on_time.credits)


@given(exact_moves, schedules(), st.integers(0, 60), st.integers(0, 60))
def test_survival_may_be_cut_anywhere(move: Move, schedule: Schedule, first: int, then: int) -> None:
    """What survives of what survived is what survives, to some micros a day, under any schedule."""
    half = survive(move, DAY, DAY + first, schedule)
    parts = survive(half, DAY + first, DAY + first + then, schedule)
    whole = survive(move, DAY, DAY + first + then, schedule)
    assert max(abs(a - b) for a, b in zip(parts[:8], whole[:8], strict=True)) <= 4 * (first + then + 1)


# What people see


def test_the_meter_by_hand() -> None:
    """100 * B / (B + 300): 0 in the red and at zero, 25 at 100, 50 at 300, 90 at 2,700."""
    shown = [economy.meter(trust(b), trust("300")) for b in ("-5", "0", "100", "300", "2700")]
    assert shown == [trust(points) for points in ("0", "0", "25", "50", "90")]


@given(amounts, amounts)
def test_more_standing_never_shows_less(less: int, more: int) -> None:
    """The meter rises with standing and stays below 100."""
    low, high = sorted((less, more))
    shown = economy.meter(low, trust("300")), economy.meter(high, trust("300"))
    assert 0 <= shown[0] <= shown[1] < trust("100")


def test_reliability_by_hand() -> None:
    """(C + 1) / (C + D + 2): a half before anything, 31/42 after 30 credit and 10 drain, a third after 1 drain."""
    shown = [economy.reliability(trust(c), trust(d)) for c, d in (("0", "0"), ("30", "10"), ("0", "1"))]
    assert shown == [500_000, 738_095, 333_333]


@given(amounts, amounts)
def test_reliability_stays_a_share(credits: int, drains: int) -> None:
    """Reliability lies between 0 and 1, whatever was earned and lost."""
    assert 0 <= economy.reliability(credits, drains) <= 1_000_000
