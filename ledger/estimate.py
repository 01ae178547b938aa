"""Estimate: what a pitch would do to a meter before anyone agrees to it. Pure; nothing is written.

The drain is priced by the very formula that would post it, and scattered as far as outcomes have lain from their
formula (scatter.py). What follows is played forward by day beside the same days without the pitch, both with
the credit of the last weeks coming in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ledger import labels, proposals
from ledger.economy import PPM, State, meter, reliability, scale
from ledger.kinds import pitch
from ledger.labels import DayCount, Figures, Label
from ledger.policy import Policy
from ledger.proposals import (
    Improvement,
    Missing,
    Proposal,
    Subject,
    credit,
    day_on,
    factors,
    improvements,
    missing,
    pitched,
)
from ledger.scatter import Scatter, scatter

QUANTILES = (0.1, 0.5, 0.9)
GRID = 100
POINTS = 60
LEAST_SPAN = 90


@dataclass(frozen=True, slots=True)
class Quantile:
    """One way it may turn out. Amounts in micro-trust, points in millionths; days None beyond the horizon.

    `regained_after` counts the days until standing is within 1 % of what it would be without the pitch,
    `back_after` those until it is back where it stands today.
    """

    drain: int
    credit: int
    standing: int
    points: int
    regained_after: int | None
    back_after: int | None


@dataclass(frozen=True, slots=True)
class Beside:
    """What one such way takes from the brand's own meter, and what it then shows. Units as above."""

    drain: int
    standing: int
    points: int


@dataclass(frozen=True, slots=True)
class Relation:
    """Where the brand stands with the creator, what it still lacks to be established, and its own meter.

    `status` is none, introduced, accepted, established, declined, ended or blocked. Before a brand ever asked to be
    let in it has no meter: standing is 0 and the ways are None.
    """

    status: str
    missing: Missing
    standing: int
    points: int
    p10: Beside | None
    p50: Beside | None
    p90: Beside | None


@dataclass(frozen=True, slots=True)
class FanPoint:
    """Standing so many days on, after each quantile of the drain (p10 the mildest), and without the pitch."""

    day: int
    p10: int
    p50: int
    p90: int
    without: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a pitch would do. `drain` is the formula's, made of `factors`; `risk` is in ppm by label name.

    `share` (ppm) is what the formula takes of standing, in both meters; in the network's there is a least drain.
    """

    day: int
    policy_version: str
    drain: int
    factors: Mapping[str, int]
    share: int
    credit: int
    standing: int
    points: int
    scatter: Scatter
    p10: Quantile
    p50: Quantile
    p90: Quantile
    relation: Relation
    label: Label
    risk: Mapping[str, int]
    fan: tuple[FanPoint, ...]
    improvements: tuple[Improvement, ...]


def estimate(subject: Subject, proposal: Proposal) -> Estimate:
    """What a pitch made today would do to the book, with p10, p50 and p90 of how the audience may take it."""
    state, policy = subject.state, subject.policy
    spread = scatter(subject.ratios, policy=policy, pooled=subject.pooled)
    ratios = [spread.ratio(share) for share in QUANTILES]
    after = [pitched(subject, proposal, ratio) for ratio in ratios]
    walk = _walk(subject, after)
    quantiles = [
        _quantile(subject, proposal, ratio, end, [step[place] for step in walk], [step[-1] for step in walk])
        for place, (ratio, end) in enumerate(zip(ratios, after, strict=True))
    ]
    priced = factors(subject, proposal)
    return Estimate(
        day=state.day,
        policy_version=policy.version,
        drain=pitch.drain(priced),
        factors=priced,
        share=proposals.share(subject, proposal),
        credit=credit(subject, proposal, pitch.drain(priced)),
        standing=state.standing,
        points=meter(state.standing, policy["meter.half"]),
        scatter=spread,
        p10=quantiles[0],
        p50=quantiles[1],
        p90=quantiles[2],
        relation=_relation(subject, proposal, ratios),
        label=_label_now(subject),
        risk=_risk(subject, proposal, spread),
        fan=_fan(walk, quantiles[-1].regained_after),
        improvements=improvements(subject, proposal, ratios[1]),
    )


def _relation(subject: Subject, proposal: Proposal, ratios: Sequence[int]) -> Relation:
    standing, half = subject.beside.standing if subject.beside else 0, subject.policy["meter.half"]
    found = [proposals.beside(subject, proposal, ratio) for ratio in ratios]
    ways = [one and Beside(one[0], one[1].standing, meter(one[1].standing, half)) for one in found]
    return Relation(status(subject), missing(subject), standing, meter(standing, half), *ways)


def status(subject: Subject) -> str:
    """Where the brand stands with the creator, in a word."""
    known = subject.relationship
    if known is None:
        return "none"
    if known.blocked:
        return "blocked"
    return "established" if known.established(subject.state.day, subject.policy) else known.status


# The days after


def _walk(subject: Subject, after: Sequence[State]) -> list[tuple[int, ...]]:
    """Standing day by day from today, after each start and, last, without the pitch.

    It ends at the horizon, or once all have regained what the pitch cost and a chart's span is covered.
    """
    today, horizon = subject.state.standing, subject.policy["estimate.horizon_days"]
    states, walk = [*after, subject.state], []
    due = set(range(len(after)))
    for day in range(horizon + 1):
        if day:
            states = [day_on(subject, state) for state in states]
        step = tuple(state.standing for state in states)
        walk.append(step)
        due -= {n for n in due if step[n] >= max(today, _near(step[-1], subject.policy))}
        if not due and day >= LEAST_SPAN:
            break
    return walk


def _near(standing: int, policy: Policy) -> int:
    """The least standing that is as good as the one without the pitch."""
    return standing - scale(abs(standing), PPM - policy["estimate.regained"])


def _quantile(
    subject: Subject, proposal: Proposal, ratio: int, after: State, path: Sequence[int], without: Sequence[int]
) -> Quantile:
    policy, drain = subject.policy, pitch.drain(factors(subject, proposal, ratio))
    near = [_near(standing, policy) for standing in without]
    today = [subject.state.standing] * len(path)
    return Quantile(
        drain=drain,
        credit=credit(subject, proposal, drain),
        standing=after.standing,
        points=meter(after.standing, policy["meter.half"]),
        regained_after=_first(path, near),
        back_after=_first(path, today),
    )


def _first(path: Sequence[int], bar: Sequence[int]) -> int | None:
    """The first day on which a path is at or over a bar."""
    return next((day for day, (here, there) in enumerate(zip(path, bar, strict=True)) if here >= there), None)


def _fan(walk: Sequence[tuple[int, ...]], regained_after: int | None) -> tuple[FanPoint, ...]:
    """About sixty points that reach past the worst recovery, the last one included."""
    last = len(walk) - 1 if regained_after is None else min(len(walk) - 1, max(LEAST_SPAN, regained_after))
    stride = -(-last // POINTS)
    on_days = [*range(0, last, stride), last]
    return tuple(FanPoint(day, *walk[day]) for day in on_days)


# Labels


def _label_now(subject: Subject) -> Label:
    state = subject.state
    return labels.label(
        days=subject.days,
        today=state.day,
        credits=state.credits,
        drains=state.drains,
        known=state.known,
        standing=state.standing,
        reliability=reliability(state.credits, state.drains),
        hidden_since=subject.hidden_since,
        policy=subject.policy,
        was=subject.label,
        unowned=subject.unowned,
    )


def _risk(subject: Subject, proposal: Proposal, spread: Scatter) -> dict[str, int]:
    """The chance of each label in ppm once the days of grace are over, ordinary posts going on as of late.

    A heavier drain never makes for a better label, so that only where two quantiles differ in theirs are those
    between them looked at.
    """
    subject = _published(subject, proposal)
    names = [""] * GRID

    def fill(low: int, high: int) -> None:
        for place in {low, high}:
            names[place] = names[place] or _name_then(subject, proposal, spread.ratio((place + 0.5) / GRID))
        if names[low] == names[high]:
            names[low : high + 1] = [names[low]] * (high - low + 1)
        elif high - low > 1:
            middle = (low + high) // 2
            fill(low, middle)
            fill(middle, high)

    fill(0, GRID - 1)
    return {name: names.count(name) * PPM // GRID for name in labels.NAMES}


def _published(subject: Subject, proposal: Proposal) -> Subject:
    """What labels look at once the pitch is out, hidden where it is not disclosed."""
    day, hidden = subject.state.day, subject.hidden_since
    if proposal.disclosure == "none":
        hidden = day if hidden is None else min(hidden, day)
    return replace(subject, days=_posts_ahead(_with_pitch(subject.days, day), subject), hidden_since=hidden)


def _with_pitch(days: Sequence[DayCount], today: int) -> list[DayCount]:
    on_day = next((count for count in days if count.day == today), DayCount(today, 0, 0))
    others = [count for count in days if count.day != today]
    return [*others, DayCount(today, on_day.posts + 1, on_day.sponsored + 1)]


def _posts_ahead(days: Sequence[DayCount], subject: Subject) -> list[DayCount]:
    """These counts and those of the days of grace: ordinary posts spread evenly at their recent rate."""
    today, recent = subject.state.day, subject.policy["estimate.recent_days"]
    ordinary = sum(count.posts - count.sponsored for count in days if count.day > today - recent)
    ahead = range(1, subject.policy["label.grace_days"] + 1)
    posts = [ordinary * day // recent - ordinary * (day - 1) // recent for day in ahead]
    return [*days, *(DayCount(today + day, count, 0) for day, count in zip(ahead, posts, strict=True))]


def _name_then(subject: Subject, proposal: Proposal, ratio: int) -> str:
    """The label's name after the days of grace, for one outcome of a published pitch; what it was meanwhile counts."""
    state = pitched(subject, proposal, ratio)
    was = _name_on(subject, state, subject.label)
    for _ in range(subject.policy["label.grace_days"]):
        state = day_on(subject, state)
    return _name_on(subject, state, was)


def _name_on(subject: Subject, state: State, was: str) -> str:
    figures = Figures.of(state, hidden_since=subject.hidden_since, was=was, unowned=subject.unowned)
    return labels.name(labels.exposure(subject.days, today=state.day, policy=subject.policy), figures, subject.policy)
