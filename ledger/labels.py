"""Labels: what a meter is called, why, and the ways out, always. Pure: books' figures and day counts go in.

Looked at are the share of sponsored posts (see exposure) on each of the last 14 days, today's decayed credits and
drains, what is un-owned, and what the meter was called last night (`was`): labels have a memory, so that they do not
flap.

- sellout: on any of the 14 days the share was 30 % or more, and drains exceed credits; or an undisclosed
  pitch has stood un-owned for 14 days.
- stretched: on any of them it was 20 % or more, or on all of them 15 % or more (so 15 to 20 % has 14 days of grace).
- Either is left after 14 days in a row under 20 % with nothing un-owned, not before: a sellout stays one until then.
  On most of these days the share must also be under 15 %, or it stays stretched. Owning counts at once.
- otherwise new below `confidence.some` known acts; trusted from a meter of 50 with reliability of 80 % and
  `confidence.many` known acts; building in between. Each of these marks is lost only below nine tenths of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ledger import ways
from ledger.days import spoken_day
from ledger.economy import MICROS, PPM, State, meter, reliability, scale
from ledger.exposure import DayCount, Exposure, exposure, nearest, percent
from ledger.policy import Parameter, Policy
from ledger.ways import Unowned, Way

NAMES = ("new", "building", "trusted", "stretched", "sellout")
PRESSED = ("stretched", "sellout")
HOW_RELIABLE = (
    "Reliability grows while credits stay above drains: reply to your audience, disclose every pitch, break no trust."
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
    Parameter("label.kept_share", "share", "0.5", "1", "a mark that was reached is lost below this share of it"),
)


@dataclass(frozen=True, slots=True)
class Label:
    """A name from NAMES, why it applies, and what leads out of it (or keeps a good one).

    `ways` are the ways out of a sellout or stretched label one by one, each with its day.
    """

    name: str
    reason: str
    way_out: str
    ways: tuple[Way, ...] = ()


@dataclass(frozen=True, slots=True)
class Figures:
    """What a label looks at besides posts: micro-trust, counts in ppm, the day of the oldest hidden pitch un-owned.

    `was` is the label that was written down last, `unowned` every breach that is neither owned nor cleared.
    """

    today: int
    credits: int
    drains: int
    known: int
    standing: int
    reliability: int
    hidden_since: int | None = None
    was: str = "new"
    unowned: tuple[Unowned, ...] = ()

    @classmethod
    def of(cls, state: State, *, hidden_since: int | None, was: str, unowned: tuple[Unowned, ...]) -> Figures:
        """The figures of a book on the day of its state."""
        sure = reliability(state.credits, state.drains)
        return cls(
            state.day, state.credits, state.drains, state.known, state.standing, sure, hidden_since, was, unowned
        )

    @property
    def owing(self) -> tuple[Unowned, ...]:
        """What there is to own."""
        if self.hidden_since is None or any(one.hidden for one in self.unowned):
            return self.unowned
        return (Unowned(self.hidden_since, True), *self.unowned)

    @property
    def in_debt(self) -> bool:
        """Drains exceed credits."""
        return self.drains > self.credits


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
    was: str = "new",
    unowned: tuple[Unowned, ...] = (),
) -> Label:
    """The label on a day. `days` holds the last window + grace (104) days, empty days may be missing.

    Amounts in micro-trust, `known` and `reliability` in ppm; `hidden_since` is the day of the oldest undisclosed pitch
    that nobody owned, None where there is none; `was` the label that was written down last.
    """
    figures = Figures(today, credits, drains, known, standing, reliability, hidden_since, was, unowned)
    seen = exposure(days, today=today, policy=policy)
    called = name(seen, figures, policy)
    if called in PRESSED:
        found = ways.out(days, seen, today=today, unowned=figures.owing, policy=policy)
        return Label(called, _pressed(called, seen, figures, policy), ways.told(found, today), found)
    reason, way_out = {"new": _new, "building": _building, "trusted": _trusted}[called](figures, policy)
    return Label(called, reason, " ".join(filter(None, (way_out, _owning_in_time(figures, policy)))))


def name(seen: Exposure, figures: Figures, policy: Policy) -> str:
    """The label's name alone."""
    held = figures.was in PRESSED and (seen.highest >= policy["label.leave_share"] or bool(figures.owing))
    if _hidden_too_long(figures, policy) or _sold_out(seen, figures, policy) or (held and figures.was == "sellout"):
        return "sellout"
    if held or _stretched(seen, figures, policy):
        return "stretched"
    if figures.known < _mark("confidence.some", policy, reached=figures.was != "new") * PPM:
        return "new"
    return "trusted" if _is_trusted(figures, policy) else "building"


def _sold_out(seen: Exposure, figures: Figures, policy: Policy) -> bool:
    return seen.highest >= policy["label.sellout_share"] and figures.in_debt


def _hidden_too_long(figures: Figures, policy: Policy) -> bool:
    since = figures.hidden_since
    return since is not None and figures.today - since >= policy["label.hidden_days"]


def _stretched(seen: Exposure, figures: Figures, policy: Policy) -> bool:
    """At the share that a label is left at, at once; at a lower one after the days of grace, or still on most."""
    stays = figures.was in PRESSED and seen.pressed * 2 > policy["label.grace_days"]
    return stays or seen.highest >= policy["label.leave_share"] or seen.lowest >= policy["label.stretched_share"]


def _is_trusted(figures: Figures, policy: Policy) -> bool:
    shown = meter(figures.standing, policy["meter.half"])
    reached = figures.was == "trusted"
    return (
        shown >= _mark("label.trusted_meter", policy, reached=reached)
        and figures.reliability >= _mark("label.trusted_reliability", policy, reached=reached)
        and figures.known >= _mark("confidence.many", policy, reached=reached) * PPM
    )


def _mark(parameter: str, policy: Policy, *, reached: bool) -> int:
    """What it takes: less where it was reached, so that a label does not flap."""
    return scale(policy[parameter], policy["label.kept_share"]) if reached else policy[parameter]


def _pressed(called: str, seen: Exposure, figures: Figures, policy: Policy) -> str:
    """Why it is a sellout or stretched."""
    said = []
    if _hidden_too_long(figures, policy) and figures.hidden_since is not None:
        day = spoken_day(figures.hidden_since, figures.today)
        stood = figures.today - figures.hidden_since
        said.append(f"An undisclosed pitch of {day} has stood un-owned for {stood} days.")
    sold_out = called == "sellout" and _sold_out(seen, figures, policy)
    if sold_out or seen.highest >= policy["label.leave_share"] or (seen.pressed and not said):
        said.append(_share(seen, figures, policy))
    if not said or (called == "sellout" and not sold_out and not _hidden_too_long(figures, policy)):
        said.append(_kept(called, figures, policy))
    return " ".join(said)


def _share(seen: Exposure, figures: Figures, policy: Policy) -> str:
    window, grace = policy["label.window_days"], policy["label.grace_days"]
    share = f"{seen.sponsored} of the {seen.posts} posts of the last {window} days were sponsored"
    share += f" ({percent(seen.share)})"
    if seen.highest > seen.share:
        share += f", and within the last {grace} days it was as much as {percent(seen.highest)}"
    debt = ", and pitches and breaches took more trust than came back" if figures.in_debt else ""
    return f"{share}{debt}."


def _kept(called: str, figures: Figures, policy: Policy) -> str:
    """Why it is still what it was."""
    grace, share = policy["label.grace_days"], percent(policy["label.leave_share"])
    said = f"It stays {called} until the share was under {share} for {grace} days in a row and nothing is left to own"
    return f"{said}: {ways.all_of(figures.owing, figures.today)}." if figures.owing else f"{said}."


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
        f"It is kept by disclosing every pitch and keeping them under {share} of the posts.{_lost(figures, policy)}",
    )


def _lost(figures: Figures, policy: Policy) -> str:
    """Where a label is lost that would not be won any more."""
    if not _missing(figures, policy):
        return ""
    points = nearest(_mark("label.trusted_meter", policy, reached=True), MICROS)
    reliable = percent(_mark("label.trusted_reliability", policy, reached=True))
    acts = _mark("confidence.many", policy, reached=True)
    return f" It is lost below a meter of {points}, reliability of {reliable} or {acts} recent acts of known people."


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


__all__ = [
    "HOW_RELIABLE",
    "NAMES",
    "PARAMETERS",
    "PRESSED",
    "DayCount",
    "Exposure",
    "Figures",
    "Label",
    "Unowned",
    "Way",
    "exposure",
    "label",
    "name",
    "nearest",
    "percent",
]
