"""Campaign days: on which days so many pitches cost least, searched for many creators at once.

Ways are told apart by number of pitches and day of the last one (label setting): of each label the cheapest ways are
kept, and all of them are played forward by day together, as columns of numbers. What a book holds besides is not
part of the label, so that the outcome is good rather than proven. The arithmetic is that of the books to the last
micro, in 64 bits: a book's pools stay far under 2^43 micro-trust, nine million trust.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ledger.campaigns import MOST_STEPS, NO_PITCH, Campaign, Curve, Lane, Option, Plan, exact_curve, plan_of, steps
from ledger.economy import MICROS, PPM, State, scale
from ledger.proposals import factors, given_back

Ints = NDArray[np.int64]
NEVER = 2**61
WAYS = 2
DEEP = 24


def plan(lanes: Sequence[Lane], campaign: Campaign) -> Plan:
    """The cheapest campaign over these lanes: proven where there is little to try, searched for otherwise."""
    if steps(campaign) * len(lanes) <= MOST_STEPS:
        return plan_of(lanes, [exact_curve(lane, campaign) for lane in lanes], campaign, exact=True)
    return plan_of(lanes, curves(lanes, campaign), campaign, exact=campaign.pitches == 1)


def curves(lanes: Sequence[Lane], campaign: Campaign, *, ways: int = WAYS, deep: int = DEEP) -> list[Curve]:
    """The best options found: one pitch for every lane, more for the lanes on which one costs least."""
    found = _searched(lanes, campaign, 1, 1)
    begun = [place for place, curve in enumerate(found) if len(curve) > 1]
    cheapest = sorted(begun, key=lambda place: found[place][1].cost)[: max(deep, 2 * campaign.pitches)]
    if campaign.pitches > 1 and cheapest:
        more = _searched([lanes[place] for place in cheapest], campaign, campaign.pitches, ways)
        for place, curve in zip(cheapest, more, strict=True):
            found[place] = curve
    return found


class Books(NamedTuple):
    """States of many books side by side: a row for each way, a column for each lane. As `economy.State`."""

    fresh: Ints
    bedrock: Ints
    mending_pitch: Ints
    mending_breach: Ints
    credits: Ints
    drains: Ints
    pitches: Ints

    @property
    def standing(self) -> Ints:
        """The balances people see."""
        return self.fresh + self.bedrock

    @classmethod
    def of(cls, states: Sequence[State]) -> Books:
        """One way, as the books stand."""
        rows = [[getattr(state, name) for state in states] for name in cls._fields]
        return cls(*(np.array([row], dtype=np.int64) for row in rows))

    @classmethod
    def room(cls, ways: int, lanes: int) -> Books:
        """Room for so many ways."""
        return cls(*(np.zeros((ways, lanes), dtype=np.int64) for _ in cls._fields))


class Terms(NamedTuple):
    """What a pitch is priced by on a day and what the night before left, in ppm or micro-trust; a column per lane."""

    keep_fresh: Ints
    keep_bedrock: Ints
    keep_pitch: Ints
    keep_breach: Ints
    keep_memo: Ints
    keep_fatigue: Ints
    made: Ints
    fatigue: Ints
    stranger: Ints
    share_most: Ints
    times: Ints
    least: Ints
    mending_base: Ints
    mending_by_reliability: Ints
    given_back: Ints


@dataclass(frozen=True, slots=True)
class Field:
    """All that does not change while days are searched for: terms by day, what a usual day brings, what is held."""

    days: tuple[Terms, ...]
    usual: Books
    holds: Ints
    start: Books

    @classmethod
    def of(cls, lanes: Sequence[Lane], campaign: Campaign) -> Field:
        """The field of these lanes."""
        cube = np.empty((len(Terms._fields), campaign.horizon, len(lanes)), dtype=np.int64)
        for column, lane in enumerate(lanes):
            _fill(cube[:, :, column], lane)
        days = tuple(Terms(*cube[:, day]) for day in range(campaign.horizon))
        usual = [lane.subject.usual for lane in lanes]
        brought = Books.of([State(*move[:8]) for move in usual])
        holds = np.array([lane.subject.holds * PPM for lane in lanes], dtype=np.int64)
        return cls(days, brought, holds, Books.of([lane.subject.state for lane in lanes]))


def _fill(cube: Ints, lane: Lane) -> None:
    """Write a lane's terms, day by day; they change with the policy and once the brand is established."""
    subject, first = lane.subject, lane.subject.state.day

    def rules(ahead: int) -> tuple[str, str, bool]:
        # The night before a day is the day before's: a new policy's rates apply from its first day on.
        schedule, known = subject.schedule, subject.policy_version
        warm = lane.warm_from is not None and first + ahead >= lane.warm_from
        return schedule.at(first + ahead, known).version, schedule.at(first + ahead - 1, known).version, warm

    for _, group in groupby(range(cube.shape[1]), key=rules):
        same = list(group)
        cube[:, same[0] : same[-1] + 1] = np.array(_terms(lane, first + same[0]))[:, None]


def _terms(lane: Lane, day: int) -> list[int]:
    subject, proposal = lane.on(lane.subject.state._replace(day=day))
    policy, priced = subject.policy, factors(subject, proposal, lane.ratio)
    night = subject.schedule.at(day - 1, subject.policy_version)
    return [
        *night.rates,
        scale(priced["base"], priced["fit"], priced["size"]),
        policy["pitch.fatigue"],
        *(priced[name] for name in ("stranger", "share_most", "times", "least")),
        policy["pitch.mending_base"],
        policy["pitch.mending_by_reliability"],
        given_back(subject, proposal),
    ]


def night(books: Books, terms: Terms, usual: Books) -> Books:
    """The next day of many books: as `economy.accrue` by one day, then what a usual day brings."""
    fresh = books.fresh * terms.keep_fresh
    if (books.fresh < 0).any():  # divisions truncate toward zero, and numpy's floor
        fresh += (fresh < 0) * (PPM - 1)
    fresh //= PPM
    pitch = books.mending_pitch * terms.keep_fresh // PPM
    breach = books.mending_breach * terms.keep_fresh // PPM
    left_pitch, left_breach = pitch * terms.keep_pitch // PPM, breach * terms.keep_breach // PPM
    return Books(
        fresh + pitch + breach - left_pitch - left_breach + usual.fresh,
        books.bedrock * terms.keep_bedrock // PPM + usual.bedrock,
        left_pitch + usual.mending_pitch,
        left_breach + usual.mending_breach,
        books.credits * terms.keep_memo // PPM + usual.credits,
        books.drains * terms.keep_memo // PPM + usual.drains,
        books.pitches * terms.keep_fatigue // PPM + usual.pitches,
    )


def pitched(books: Books, terms: Terms, holds: Ints) -> tuple[Ints, Books]:
    """What a pitch costs each of many books, and the books after it: as `proposals.pitched`, if disclosed."""
    patience = PPM + (books.pitches + holds) * terms.fatigue // PPM
    share = np.minimum(terms.made * patience // PPM * terms.stranger // PPM, terms.share_most)
    once = np.maximum(books.standing, 0) * share // PPM
    whole = np.maximum(once, terms.least) * terms.times // PPM
    credit = whole * terms.given_back // PPM
    reliable = (books.credits + MICROS) * PPM // (books.credits + books.drains + 2 * MICROS)
    mending = whole * (terms.mending_base + terms.mending_by_reliability * reliable // PPM) // PPM
    fresh = books.fresh - whole
    debt = np.maximum(0, np.minimum(-fresh, books.bedrock))
    after = books._replace(
        fresh=fresh + debt + credit,
        bedrock=books.bedrock - debt,
        mending_pitch=books.mending_pitch + mending,
        credits=books.credits + credit,
        drains=books.drains + whole,
        pitches=books.pitches + PPM,
    )
    return whole - credit, after


@dataclass(frozen=True, slots=True)
class Level:
    """Ways with so many pitches: what each costs (NEVER where a floor broke), where it came from, its book then.

    Rows lie by day of the last pitch, `ways` of them for each; without a pitch there is one.
    """

    cost: Ints
    source: Ints
    books: Books
    ways: int


def _searched(lanes: Sequence[Lane], campaign: Campaign, most: int, ways: int) -> list[Curve]:
    """Each lane's curve up to so many pitches."""
    field, count = Field.of(lanes, campaign), len(lanes)
    levels = [Level(np.zeros((1, count), np.int64), np.zeros((1, count), np.int64), field.start, 0)]
    for number in range(most + 1):
        following = _played(field, levels[number], campaign, ways, last=number == most)
        if following is None or (following.cost >= NEVER).all():
            break
        levels.append(following)
    return [_curve(levels, column) for column in range(count)]


def _played(field: Field, level: Level, campaign: Campaign, ways: int, *, last: bool) -> Level | None:
    """Play all ways of a level to the horizon; gives the next level. Ways that break the floor come to cost NEVER."""
    lanes, horizon = level.cost.shape[1], campaign.horizon
    following = Level(
        np.full((horizon * ways, lanes), NEVER, np.int64),
        np.zeros((horizon * ways, lanes), np.int64),
        Books.room(horizon * ways, lanes),
        ways,
    )
    entered = 0 if level.ways else 1
    for day in range(horizon):
        if day and entered:
            _write(level.books, slice(0, entered), night(_rows(level.books, entered), field.days[day], field.usual))
        cost = level.cost[:entered]
        cost[_rows(level.books, entered).standing < campaign.floor] = NEVER
        ready = max(0, day - campaign.spacing + 1) * level.ways if level.ways else 1
        if ready and not last:
            _extend(field, level, following, day, ready, campaign.floor)
        entered += level.ways
        level.cost[entered - level.ways : entered][_fallen(level, entered, campaign.floor)] = NEVER
    return None if last else following


def _fallen(level: Level, entered: int, floor: int) -> NDArray[np.bool_]:
    """Which ways that have just come in stand under the floor."""
    new = slice(entered - level.ways, entered)
    return level.books.fresh[new] + level.books.bedrock[new] < floor


def _extend(field: Field, level: Level, following: Level, day: int, ready: int, floor: int) -> None:
    """The cheapest ways to a further pitch on a day, from the ways that may pitch again."""
    cost, after = pitched(_rows(level.books, ready), field.days[day], field.holds)
    total = level.cost[:ready] + cost
    total[after.standing < floor] = NEVER
    columns = np.arange(total.shape[1])
    for way in range(min(following.ways, ready)):
        row, best = day * following.ways + way, total.argmin(axis=0)
        following.cost[row] = np.minimum(total[best, columns], NEVER)
        following.source[row] = best
        for there, here in zip(following.books, after, strict=True):
            there[row] = here[best, columns]
        total[best, columns] = NEVER


def _rows(books: Books, rows: int) -> Books:
    return Books(*(column[:rows] for column in books))


def _write(books: Books, rows: slice, found: Books) -> None:
    for there, here in zip(books, found, strict=True):
        there[rows] = here


def _curve(levels: Sequence[Level], column: int) -> Curve:
    """A lane's options up to the first number of pitches that is not possible."""
    options = [NO_PITCH]
    for number, level in enumerate(levels[1:], 1):
        best = int(level.cost[:, column].argmin())
        cost = int(level.cost[best, column])
        if cost >= NEVER:
            break
        options.append(Option(cost, _days(levels, number, best, column)))
    return options


def _days(levels: Sequence[Level], number: int, row: int, column: int) -> tuple[int, ...]:
    """The days of a way, followed back to its first pitch."""
    days = []
    for level in reversed(levels[1 : number + 1]):
        days.append(row // level.ways)
        row = int(level.source[row, column])
    return tuple(reversed(days))
