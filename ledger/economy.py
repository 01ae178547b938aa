"""The arithmetic of trust: what a book holds, how it changes with the days, how an amount lands in its pools.

Units: amounts in micro-trust (1 trust = 1,000,000), shares and counts in ppm (1.0 = 1,000,000), days as
whole UTC days since 1970-01-01. Integers only; every division truncates toward zero.
"""

from __future__ import annotations

from math import isqrt
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ledger.policy import Rates, Schedule

MICROS = 1_000_000
PPM = 1_000_000
SECOND_US = 1_000_000
HOUR_US = 3_600 * SECOND_US
DAY_US = 24 * HOUR_US
NOTHING = (0,) * 8


class State(NamedTuple):
    """What one book holds at the start of `day`, before anything that happens on it.

    Four pools in micro-trust (`fresh` may be negative, the others never), then the memos: `credits` and
    `drains` are decayed totals in micro-trust, `known` and `pitches` decayed counts in ppm.
    """

    fresh: int = 0
    bedrock: int = 0
    mending_pitch: int = 0
    mending_breach: int = 0
    credits: int = 0
    drains: int = 0
    known: int = 0
    pitches: int = 0
    day: int = 0

    @property
    def standing(self) -> int:
        """The balance people see, in micro-trust."""
        return self.fresh + self.bedrock

    @property
    def mending(self) -> int:
        """What is on its way back, in micro-trust."""
        return self.mending_pitch + self.mending_breach

    @property
    def at_stake(self) -> int:
        """What a fall can reach: standing and what is mending, so that no pool shelters trust; never below 0."""
        return max(self.standing + self.mending, 0)


class Pools(NamedTuple):
    """Signed changes of the four pools in micro-trust; with `world` they sum to zero."""

    fresh: int = 0
    bedrock: int = 0
    mending_pitch: int = 0
    mending_breach: int = 0

    @property
    def world(self) -> int:
        """What the outside account takes, so that the entry balances."""
        return -sum(self)


class Move(NamedTuple):
    """What an entry means to do, before the pools decide where a debit lands. Same units as `State`.

    A negative `fresh` is a debit. `exact` moves (reversals) take each pool's part from that pool.
    """

    fresh: int = 0
    bedrock: int = 0
    mending_pitch: int = 0
    mending_breach: int = 0
    credits: int = 0
    drains: int = 0
    known: int = 0
    pitches: int = 0
    exact: bool = False


def scale(amount: int, *factors_ppm: int) -> int:
    """Multiply an amount by ppm factors one after another, truncating toward zero at each step."""
    for factor in factors_ppm:
        amount = amount * factor // PPM if amount >= 0 else -(-amount * factor // PPM)
    return amount


def accrue(state: State, to_day: int, schedule: Schedule, *, policy_version: str = "") -> State:
    """Carry a state forward to the start of `to_day`, one day at a time, under the policy of each day.

    Stepping by days in integers makes the result the same however the days are cut into settlements.
    `policy_version` names the policy of the entry the state comes from: an older one never applies again.
    A `to_day` at or before the state's own day changes nothing.
    """
    if to_day <= state.day:
        return state
    if state[:8] == NOTHING:
        return state._replace(day=to_day)
    if len(schedule.items) == 1:
        return _step_days(state, to_day, schedule.items[0][1].rates)
    for until, rates in schedule.stretches(state.day, to_day, policy_version):
        state = _step_days(state, until, rates)
    return state


def _step_days(state: State, to_day: int, rates: Rates) -> State:
    fresh, bedrock, pitch, breach, credits, drains, known, pitches, day = state
    keep_fresh, keep_bedrock, keep_pitch, keep_breach, keep_memo, keep_fatigue = rates
    for _ in range(to_day - day):
        fresh = fresh * keep_fresh // PPM if fresh >= 0 else -(-fresh * keep_fresh // PPM)
        bedrock = bedrock * keep_bedrock // PPM
        if pitch or breach:
            # The pools fade with fresh before they pay back, so that a pool never shelters trust from decay.
            pitch, breach = pitch * keep_fresh // PPM, breach * keep_fresh // PPM
            fresh += pitch + breach
            pitch, breach = pitch * keep_pitch // PPM, breach * keep_breach // PPM
            fresh -= pitch + breach
        credits = credits * keep_memo // PPM
        drains = drains * keep_memo // PPM
        known = known * keep_memo // PPM
        pitches = pitches * keep_fatigue // PPM
    return State(fresh, bedrock, pitch, breach, credits, drains, known, pitches, to_day)


def returned(state: State, to_day: int, schedule: Schedule, *, policy_version: str = "") -> int:
    """How much of what `accrue` does to fresh came back from the mending pools, in micro-trust."""
    pitch, breach, day, back = state.mending_pitch, state.mending_breach, state.day, 0
    if to_day <= day or not (pitch or breach):
        return 0
    for until, rates in schedule.stretches(day, to_day, policy_version):
        for _ in range(until - day):
            pitch, breach = pitch * rates.fresh // PPM, breach * rates.fresh // PPM
            back += pitch + breach
            pitch, breach = pitch * rates.mending_pitch // PPM, breach * rates.mending_breach // PPM
            back -= pitch + breach
        day = until
    return back


def fade(move: Move, days: int, rates: Rates) -> Move:
    """What a move made `days` ago would have left by now: its surviving value, pool by pool."""
    if days <= 0 or not any(move[:8]):
        return move
    # Gains and losses are carried apart, because only a positive amount steps with `//`.
    up = _step_days(State(*(max(amount, 0) for amount in move[:8])), days, rates)
    down = _step_days(State(*(max(-amount, 0) for amount in move[:8])), days, rates)
    return Move(
        up.fresh - down.fresh,
        up.bedrock - down.bedrock,
        up.mending_pitch - down.mending_pitch,
        up.mending_breach - down.mending_breach,
        up.credits - down.credits,
        up.drains - down.drains,
        up.known - down.known,
        up.pitches - down.pitches,
        move.exact,
    )


def survive(move: Move, from_day: int, to_day: int, schedule: Schedule, *, policy_version: str = "") -> Move:
    """What a move made on `from_day` has left on `to_day`, under the policy of each day between."""
    if to_day > from_day:
        for until, rates in schedule.stretches(from_day, to_day, policy_version):
            move = fade(move, until - from_day, rates)
            from_day = until
    return move


def land(state: State, move: Move) -> Pools:
    """Where a move lands: debits take fresh to 0, then bedrock to 0, then fresh below 0.

    An exact move takes from the pool it names; what a pool lacks is taken from fresh. However it came about, no
    bedrock stays while fresh is below 0: a debt fades faster than bricks, and holding both would make trust of time.
    """
    fresh, bedrock, pitch, breach = move[:4]
    if move.exact:
        fresh += sum(min(0, held + part) for held, part in zip(state[1:4], move[1:4], strict=True))
        bedrock = max(bedrock, -state.bedrock)
        pitch = max(pitch, -state.mending_pitch)
        breach = max(breach, -state.mending_breach)
    debt = max(0, min(-(state.fresh + fresh), state.bedrock + bedrock))
    return Pools(fresh + debt, bedrock - debt, pitch, breach)


def advance(state: State, pools: Pools, move: Move) -> State:
    """The state after an entry: pools by what landed, memos by what was meant, never below zero."""
    return State(
        state.fresh + pools.fresh,
        state.bedrock + pools.bedrock,
        state.mending_pitch + pools.mending_pitch,
        state.mending_breach + pools.mending_breach,
        max(0, state.credits + move.credits),
        max(0, state.drains + move.drains),
        max(0, state.known + move.known),
        max(0, state.pitches + move.pitches),
        state.day,
    )


def reliability(credits: int, drains: int) -> int:
    """(C + 1) / (C + D + 2) in ppm, from decayed totals in micro-trust: the beta mean with a uniform prior."""
    return (credits + MICROS) * PPM // (credits + drains + 2 * MICROS)


def plus_minus(reliability_ppm: int, known: int) -> int:
    """100 * sqrt(r(1-r)/(n+3)) in millionths of a point: the deviation of the beta behind reliability.

    `known` is the decayed count of known acts in ppm.
    """
    return isqrt(10**10 * reliability_ppm * (PPM - reliability_ppm) // (known + 3 * PPM))


def meter(standing: int, half: int) -> int:
    """Standing on the scale people read: 100 * B / (B + half), in millionths of a point; 0 when in the red."""
    return 0 if standing <= 0 else 100 * standing * MICROS // (standing + half)
