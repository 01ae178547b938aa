"""Bursts: a day with far more engagement than usual. Its credit waits 48 hours, visible, to be released or reversed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from ledger.economy import HOUR_US, Move, fade, scale
from ledger.errors import AlreadyDone, TooEarly
from ledger.kinds.base import Context, Factors, Kind, Line, LineKind, Tally
from ledger.kinds.facts import Whole
from ledger.policy import Parameter, Policy, Rates

MOST_DAY = 10_000_000


@dataclass(frozen=True, slots=True)
class ReleaseFacts:
    """Which day's credit is paid after all."""

    day: Annotated[int, Whole(0, MOST_DAY, "the day, counted from 1970-01-01")]


def most(usual: int, policy: Policy) -> int:
    """A day that gathers more than this is a burst; in micro-trust before any cap, as `usual` is."""
    return scale(usual, policy["burst.factor"]) + policy["burst.allowance"]


def held_back(factors: Factors) -> Line:
    """The line that takes back what the day had earned before it was found to be a burst."""
    names = ("unknown_bound", "day_cap", "bedrock_share", "late_days")
    before = {"known": factors["known_before"], "unknown": factors["unknown_before"]}
    return Line("burst", before | {name: factors[name] for name in names}, linked=True)


def price(facts: ReleaseFacts, context: Context) -> list[Line]:
    """What the day earned, capped as ever, less what the days between took. Raises AlreadyDone, TooEarly."""
    tally, policy = context.tally, context.policy
    if not tally.held:
        raise AlreadyDone("nothing of that day is waiting", pointer="/facts/day")
    due_us = tally.held_at_us + policy["burst.hours"] * HOUR_US
    if context.at_us < due_us:
        raise TooEarly(f"the day's credit waits for {policy['burst.hours']} hours", pointer="/facts/day")
    factors = {
        "known": tally.known,
        "unknown": tally.unknown,
        "unknown_bound": tally.bound or 0,
        "day_cap": policy["engagement.day_cap"],
        "bedrock_share": policy["engagement.bedrock_share"],
        "late_days": context.day - facts.day,
    }
    return [Line("release", factors)]


def day_worth(known: int, unknown: int, factors: Factors) -> tuple[int, int]:
    """Fresh and bedrock parts of what a day's totals are worth: capped first, then split as a whole."""
    total = min(factors["day_cap"], known + min(unknown, factors["unknown_bound"]))
    bedrock = scale(total, factors["bedrock_share"])
    return total - bedrock, bedrock


def less(before: Tally, after: Tally, policy: Policy) -> Move:
    """What a day is worth less after an act was taken out of it."""
    terms = {
        "unknown_bound": before.bound or 0,
        "day_cap": policy["engagement.day_cap"],
        "bedrock_share": policy["engagement.bedrock_share"],
    }
    fresh, bedrock = day_worth(before.known, before.unknown, terms)
    fresh_left, bedrock_left = day_worth(after.known, after.unknown, terms)
    fresh, bedrock = fresh - fresh_left, bedrock - bedrock_left
    return Move(fresh, bedrock, credits=fresh + bedrock)


def taken(factors: Factors, rates: Rates) -> Move:
    """The day's worth so far, taken from the pools it went to."""
    fresh, bedrock = day_worth(factors["known"], factors["unknown"], factors)
    return fade(Move(-fresh, -bedrock, credits=-fresh - bedrock, exact=True), factors["late_days"], rates)


def paid(factors: Factors, rates: Rates) -> Move:
    """The day's worth, as it would still be worth had it been paid on its day."""
    fresh, bedrock = day_worth(factors["known"], factors["unknown"], factors)
    return fade(Move(fresh, bedrock, credits=fresh + bedrock), factors["late_days"], rates)


def taken_reason(facts: Mapping[str, Any], factors: Factors) -> str:
    """Why the line has its amount."""
    return "Far more engagement than on a usual day: what the day had earned waits for 48 hours, then it is paid."


def paid_reason(facts: Mapping[str, Any], factors: Factors) -> str:
    """Why the line has its amount."""
    return "The busy day was looked at: what is left of its engagement is paid."


RELEASE = Kind(
    name="release",
    title="Release of a busy day",
    facts=ReleaseFacts,
    price=price,
    example={"day": 20_780},
    parameters=(
        Parameter("burst.factor", "factor", "1", "1000", "so many times a usual day's engagement is a burst"),
        Parameter("burst.allowance", "trust", "0", "1000000", "engagement before any cap that is never a burst"),
        Parameter("burst.hours", "count", "0", "720", "hours for which the credit of a burst waits"),
    ),
    internal=True,
)
LINE = LineKind("burst", "Busy day", taken, taken_reason)
RELEASE_LINE = LineKind("release", "Busy day released", paid, paid_reason)
