"""Labels: what a meter is called, why, and the way out, always. Pure: books' figures and day counts go in.

The rule keeps no state. The share of sponsored posts is taken over a window of days (90) that ends on each of
the last 14 days, and is 0 where the window holds fewer than 5 posts. With today's decayed credits and drains:

- sellout: on any of the 14 days the share was 30 % or more, and drains exceed credits; or an undisclosed
  pitch has stood un-owned for 14 days. Owning it lifts that at once.
- stretched: on any of them it was 20 % or more, or on all of them 15 % or more (so 15 to 20 % has 14 days of
  grace, and a label is left only after 14 days in a row under 20 %); while an undisclosed pitch stands
  un-owned, 15 % on any of them is enough. A sellout whose share was under 30 % for 14 days, or who is in
  credit again, is stretched.
- otherwise new below `confidence.some` known acts; trusted from a meter of 50 with reliability of 80 % and
  `confidence.many` known acts; building in between.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from ledger.economy import MICROS, PPM, meter
from ledger.policy import Parameter, Policy

NAMES = ("new", "building", "trusted", "stretched", "sellout")
HOW_RELIABLE = (
    "Reliability grows while credits stay above drains: reply to your audience, disclose every pitch, break no trust."
)
EPOCH = date(1970, 1, 1).toordinal()
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)

PARAMETERS = (
    Parameter("label.window_days", "days", "7", "365", "posts of so many days make the sponsored share"),
    Parameter("label.grace_days", "days", "1", "90", "days in a row after which a share takes or loses hold"),
    Parameter("label.least_posts", "count", "1", "100", "fewer posts than this say nothing of a share"),
    Parameter("label.sellout_share", "share", "0.01", "1", "sponsored share of a sellout who is in debt"),
    Parameter("label.leave_share", "share", "0.01", "1", "a label is left below this sponsored share"),
    Parameter("label.stretched_share", "share", "0.01", "1", "sponsored share from which one is stretched"),
    Parameter("label.hidden_days", "days", "0", "90", "a hidden pitch un-owned so long makes a sellout"),
    Parameter("label.trusted_meter", "points", "1", "99", "the meter from which one is trusted"),
    Parameter("label.trusted_reliability", "share", "0.5", "1", "the reliability from which one is trusted"),
)


class DayCount(NamedTuple):
    """How many posts a day saw, sponsored ones included, and how many of them were sponsored."""

    day: int
    posts: int
    sponsored: int


@dataclass(frozen=True, slots=True)
class Label:
    """A name from NAMES, why it applies, and what leads out of it (or keeps a good one)."""

    name: str
    reason: str
    way_out: str


@dataclass(frozen=True, slots=True)
class Exposure:
    """Posts of the window up to today; the sponsored share (ppm) now, its extremes in the days of grace."""

    posts: int
    sponsored: int
    share: int
    highest: int
    lowest: int


UNEXPOSED = Exposure(0, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Figures:
    """What a label looks at besides posts: micro-trust, counts in ppm, the day of the oldest hidden pitch."""

    today: int
    credits: int
    drains: int
    known: int
    standing: int
    reliability: int
    hidden_since: int | None = None


def label(
    *,
    days: Sequence[DayCount],
    today: int,
    credits: int,
    drains: int,
    known: int,
    standing: int,
    reliability: int,
    hidden_since: int | None,
    policy: Policy,
) -> Label:
    """The label on a day. `days` holds the last window + grace (104) days, empty days may be missing.

    Amounts in micro-trust, `known` and `reliability` in ppm; `hidden_since` is the day of the oldest
    undisclosed pitch that nobody owned, None where there is none.
    """
    figures = Figures(today, credits, drains, known, standing, reliability, hidden_since)
    seen = exposure(days, today=today, policy=policy)
    called = name(seen, figures, policy)
    if called in ("sellout", "stretched"):
        return Label(called, _pressed(seen, figures, policy), _relief(days, figures, policy))
    reason, way_out = {"new": _new, "building": _building, "trusted": _trusted}[called](figures, policy)
    return Label(called, reason, " ".join(filter(None, (way_out, _owning_in_time(figures, policy)))))


def exposure(days: Iterable[DayCount], *, today: int, policy: Policy) -> Exposure:
    """How much of what was posted was sponsored, lately and on each day of grace."""
    counts = {item[0]: item for item in days}
    if not counts:
        return UNEXPOSED
    grace, window = policy["label.grace_days"], policy["label.window_days"]
    shares = _shares(counts, today - grace + 1, today, today, policy)
    recent = [item for item in counts.values() if today - window < item[0] <= today]
    posts, sponsored = sum(item[1] for item in recent), sum(item[2] for item in recent)
    return Exposure(posts, sponsored, shares[-1], max(shares), min(shares))


def name(seen: Exposure, figures: Figures, policy: Policy) -> str:
    """The label's name alone."""
    if _hidden_too_long(figures, policy) or _sold_out(seen, figures, policy):
        return "sellout"
    if _stretched(seen.highest, seen.lowest, figures.hidden_since is not None, policy):
        return "stretched"
    if figures.known < policy["confidence.some"] * PPM:
        return "new"
    return "building" if _missing(figures, policy) else "trusted"


def spoken_day(day: int, today: int) -> str:
    """A day as people say it: "12 March", with the year where it is not today's."""
    then = date.fromordinal(EPOCH + day)
    year = "" if then.year == date.fromordinal(EPOCH + today).year else f" {then.year}"
    return f"{then.day} {MONTHS[then.month - 1]}{year}"


def _sold_out(seen: Exposure, figures: Figures, policy: Policy) -> bool:
    return seen.highest >= policy["label.sellout_share"] and figures.drains > figures.credits


def _hidden_too_long(figures: Figures, policy: Policy) -> bool:
    since = figures.hidden_since
    return since is not None and figures.today - since >= policy["label.hidden_days"]


def _stretched(highest: int, lowest: int, hidden: bool, policy: Policy) -> bool:
    from_share = policy["label.stretched_share"]
    keeps_from = from_share if hidden else max(from_share, policy["label.leave_share"])
    return highest >= keeps_from or lowest >= from_share


def _shares(counts: dict[int, DayCount], first: int, last: int, today: int, policy: Policy) -> list[int]:
    """The sponsored share in ppm of the windows that end on each day from first to last.

    After today no more posts are known. Ordinary posts to come might lift a window over the least number that
    counts, so the share of a small one is then taken of that number: no ordinary post can make it higher.
    """
    window, least = policy["label.window_days"], policy["label.least_posts"]
    nothing = DayCount(0, 0, 0)
    inside = [item for item in counts.values() if first - window <= item[0] < first]
    posts, sponsored = sum(item[1] for item in inside), sum(item[2] for item in inside)
    shares = []
    for day in range(first, last + 1):
        _, come, come_sponsored = counts.get(day, nothing)
        _, gone, gone_sponsored = counts.get(day - window, nothing)
        posts, sponsored = posts + come - gone, sponsored + come_sponsored - gone_sponsored
        counted = posts >= least or day > today
        shares.append(sponsored * PPM // max(posts, least) if counted else 0)
    return shares


def _free_on(counts: dict[int, DayCount], today: int, policy: Policy) -> int:
    """The first day after today without the label, if no pitch comes and what was hidden is owned."""
    grace = policy["label.grace_days"]
    last = today + policy["label.window_days"] + grace
    shares = _shares(counts, today - grace + 2, last, today, policy)
    for offset in range(last - today):
        trailing = shares[offset : offset + grace]
        if not _stretched(max(trailing), min(trailing), hidden=False, policy=policy):
            return today + 1 + offset
    return last  # by then every window is empty


def _pressed(seen: Exposure, figures: Figures, policy: Policy) -> str:
    """Why it is a sellout or stretched."""
    said = []
    if _hidden_too_long(figures, policy) and figures.hidden_since is not None:
        day = spoken_day(figures.hidden_since, figures.today)
        stood = figures.today - figures.hidden_since
        said.append(f"An undisclosed pitch of {day} has stood un-owned for {stood} days.")
    if _sold_out(seen, figures, policy) or not said:
        window, grace = policy["label.window_days"], policy["label.grace_days"]
        share = f"{seen.sponsored} of the {seen.posts} posts of the last {window} days were sponsored"
        share += f" ({percent(seen.share)})"
        if seen.highest > seen.share:
            share += f", and within the last {grace} days it was as much as {percent(seen.highest)}"
        took_more = figures.drains > figures.credits
        debt = ", and pitches and breaches took more trust than came back" if took_more else ""
        said.append(f"{share}{debt}.")
    return " ".join(said)


def _relief(days: Sequence[DayCount], figures: Figures, policy: Policy) -> str:
    """The way out of a sellout or stretched label: what to own, until when to wait, what else would do."""
    today, said = figures.today, []
    if figures.hidden_since is not None:
        said.append(f"Own the undisclosed pitch of {spoken_day(figures.hidden_since, today)}.")
    seen = exposure(days, today=today, policy=policy)
    if _stretched(seen.highest, seen.lowest, hidden=False, policy=policy):
        said.append(_wait(days, seen, today, policy))
    return " ".join(said)


def _wait(days: Sequence[DayCount], seen: Exposure, today: int, policy: Policy) -> str:
    counts = {item[0]: DayCount(*item) for item in days}
    waiting = _free_on(counts, today, policy)
    posts = max(1, seen.sponsored * PPM // policy["label.stretched_share"] + 1 - seen.posts)
    now = counts.get(today, DayCount(today, 0, 0))
    posting = _free_on(counts | {today: now._replace(posts=now.posts + posts)}, today, policy)
    sentence = f"Make no new pitch until {spoken_day(waiting, today)}."
    if posting < waiting:
        many = f"{posts} ordinary posts shorten" if posts > 1 else "One ordinary post shortens"
        sentence += f" {many} that, to {spoken_day(posting, waiting)} at the earliest."
    return sentence


def _owning_in_time(figures: Figures, policy: Policy) -> str:
    """What to do about a hidden pitch before it costs the label."""
    if figures.hidden_since is None:
        return ""
    by = spoken_day(figures.hidden_since + policy["label.hidden_days"], figures.today)
    hidden = spoken_day(figures.hidden_since, figures.today)
    return f"Own the undisclosed pitch of {hidden} before {by}, or it becomes a sellout."


def _new(figures: Figures, policy: Policy) -> tuple[str, str]:
    some, acts = policy["confidence.some"], figures.known // PPM
    if not (figures.known or figures.credits or figures.drains):
        return "Nothing is known yet.", f"A first impression takes {some} acts of known people."
    return (
        f"Recent acts of known people in the books: {acts}. A first impression takes {some}.",
        f"{_acts(some, figures)} leave it behind.",
    )


def _building(figures: Figures, policy: Policy) -> tuple[str, str]:
    wanted = f"To be trusted: {'; '.join(_missing(figures, policy))}."
    if figures.reliability < policy["label.trusted_reliability"]:
        wanted += f" {HOW_RELIABLE}"
    points, reliable = _points(figures, policy), percent(figures.reliability)
    return f"Trust is being built: the meter shows {points}, reliability is {reliable}.", wanted


def _trusted(figures: Figures, policy: Policy) -> tuple[str, str]:
    points, acts = _points(figures, policy), figures.known // PPM
    share = percent(policy["label.stretched_share"])
    reliable = percent(figures.reliability)
    return (
        f"The meter shows {points}, reliability is {reliable}, on {acts} recent acts of known people.",
        f"It is kept by disclosing every pitch and keeping them under {share} of the posts.",
    )


def _missing(figures: Figures, policy: Policy) -> list[str]:
    """What keeps one from being trusted."""
    found = []
    if meter(figures.standing, policy["meter.half"]) < policy["label.trusted_meter"]:
        needed = policy["label.trusted_meter"]
        now = _short_of(meter(figures.standing, policy["meter.half"]), needed, MICROS)
        found.append(f"a meter of {needed // MICROS} (now {now})")
    if figures.reliability < policy["label.trusted_reliability"]:
        needed = policy["label.trusted_reliability"]
        now = _short_of(figures.reliability, needed, PPM // 100)
        found.append(f"reliability of {percent(needed)} (now {now} %)")
    if figures.known < policy["confidence.many"] * PPM:
        found.append(_acts(policy["confidence.many"], figures).lower())
    return found


def _acts(wanted: int, figures: Figures) -> str:
    short = -((figures.known - wanted * PPM) // PPM)
    return f"About {short} more genuine act{'s' if short > 1 else ''} of known people"


def _points(figures: Figures, policy: Policy) -> int:
    return nearest(meter(figures.standing, policy["meter.half"]), MICROS)


def _short_of(value: int, needed: int, unit: int) -> str:
    """A value below what is needed, in units: with the places it takes not to look the same."""
    whole, wanted = nearest(value, unit), nearest(needed, unit)
    tenths = value * 10 // unit
    return str(whole) if whole < wanted else f"{tenths // 10}.{tenths % 10}"


def nearest(value: int, unit: int) -> int:
    """A value in whole units, halves away from zero."""
    whole = (abs(value) * 2 + unit) // (unit * 2)
    return whole if value >= 0 else -whole


def percent(ppm: int) -> str:
    """A share in whole per cent: "82 %"."""
    return f"{nearest(ppm, PPM // 100)} %"
