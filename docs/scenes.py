"""What the charts and the example of economy.md show: each told to the code that posts, under the founding policy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from drawing import Chart, Series, svg

from bench import story
from ledger import economy, policy
from ledger.economy import MICROS, PPM, State, scale
from ledger.kinds import apology, pitch
from ledger.kinds.base import Context, Relationship
from ledger.policy import Schedule
from tests import archetypes
from tests.archetypes import ARCHETYPES, FALL, PARTS, YEAR
from tests.desk import Desk

FOUNDING = policy.builtin()
RULES = Schedule.of(FOUNDING)
FRIEND = Relationship("accepted", -365, "", accepted_day=-365, exchanges=12, let_in=True)
FOLLOWERS = 50_000
PERCENT = [(n, f"{n} %") for n in range(0, 101, 20)]


def decay() -> Chart:
    """What is left of 100 fresh, 100 bedrock, and 100 as engagement earns them."""
    held = {
        "bedrock": (State(bedrock=100 * MICROS), "blue"),
        "as it is earned": (State(90 * MICROS, 10 * MICROS), "green"),
        "fresh": (State(100 * MICROS), "amber"),
    }
    series = [
        Series(name, [(day, economy.accrue(state, day, RULES).standing / MICROS) for day in range(0, 721, 10)], color)
        for name, (state, color) in held.items()
    ]
    return Chart(
        "What time leaves of trust if nothing follows",
        "Fresh trust halves in 90 days, bedrock in 730. Of what engagement earns, nine tenths are fresh.",
        ("months without any event", "of 100 trust"),
        [(day, str(day // 30)) for day in range(0, 721, 90)],
        [(n, str(n)) for n in range(0, 101, 20)],
        series,
    )


def drain() -> Chart:
    """What one pitch drains, by fit, by how many are still fresh in memory, and of whom."""
    lines = [
        ("4 earlier pitches", "plum", 4),
        ("2, or a stranger", "amber", 2),
        ("1 earlier pitch", "teal", 1),
        ("none", "green", 0),
    ]
    series = [
        Series(name, [(fit / 20, _drained(fit * PPM // 20, memory, FRIEND)) for fit in range(21)], color)
        for name, color, memory in lines
    ]
    return Chart(
        "What one disclosed pitch drains",
        "The better the fit the less; more with every earlier pitch still in memory, and half as much again for a"
        " brand that was not let in.",
        (
            "how well the product fits, 0 to 1",
            f"per cent of standing, by how many earlier pitches are in memory; {FOLLOWERS:,} followers",
        ),
        [(n / 4, f"{n / 4:g}") for n in range(5)],
        [(n, f"{n} %") for n in range(0, 19, 3)],
        series,
    )


def _drained(fit: int, memory: int, of: Relationship | None) -> float:
    state = State(1000 * MICROS, pitches=memory * PPM)
    context = Context(state, FOUNDING, 0, 0, followers=FOLLOWERS, relationship=of)
    factors = pitch.drain_factors(context, fit=fit, followers=None, established=context.established)
    return pitch.drain(factors) / state.standing * 100


def recovery() -> Chart:
    """Half a year of pitches, and half a year after."""
    plain = story.standings()
    days = range(story.FIRST - 30, story.LATER + 1)
    names = ("1 a month", "2 a month", "6 a month")
    told = {campaign.name: story.standings(campaign) for campaign in story.CAMPAIGNS if campaign.name in names}
    series = [
        Series(name, [(day, 100 * told[name][day] / plain[day]) for day in days], color)
        for name, color in zip(names, ("green", "amber", "red"), strict=True)
    ]
    return Chart(
        "Selling a little is forgiven, selling out empties you",
        "Disclosed pitches of a good fit for an established brand. Each path is a share of what it would be without.",
        ("day", "standing, as a share of what it would be without the pitches"),
        [(day, str(day)) for day in range(story.FIRST - 30, story.LATER + 2, 65)],
        PERCENT,
        series,
        (story.FIRST, story.LAST, "half a year of pitches"),
    )


def owning() -> Chart:
    """What an apology wins back, by how late it comes and how it is taken."""
    taken = [("all in favour", "green", 400, 0), ("no reactions yet", "blue", 0, 0), ("half against", "red", 200, 200)]
    series = [
        Series(name, [(day, _won_back(day, positive, negative)) for day in range(61)], color)
        for name, color, positive, negative in taken
    ]
    return Chart(
        "What an apology wins back",
        "An apology with all its parts. In full to day 3, then half as much every 14 days, never under a tenth of it.",
        ("days until it is made", "per cent of what the breach still costs"),
        [(day, str(day)) for day in range(0, 61, 10)],
        [(n, f"{n} %") for n in range(0, 71, 10)],
        series,
    )


def _won_back(day: int, positive: int, negative: int) -> float:
    parts = sum(FOUNDING[f"apology.{part}"] for part in apology.PARTS)
    timely, taken = apology.timeliness(day, FOUNDING), apology.acceptance(positive, negative, FOUNDING)
    return 100 * scale(100 * MICROS, FOUNDING["apology.most"], parts, timely, taken) / (100 * MICROS)


ANSWERS = ("apology", "evasion", "cleared")
BROKEN: tuple[str, dict[str, Any]] = ("breach", {"severity": 3})


def breach() -> Chart:
    """A serious breach, answered in four ways, in a book where nothing else happens."""
    told: list[tuple[str, str, list[tuple[int, str, dict[str, Any]]]]] = [
        ("no breach", "quiet", []),
        ("owned on day 2", "green", [(0, *BROKEN), (2, "apology", PARTS)]),
        ("owned on day 20", "amber", [(0, *BROKEN), (20, "apology", PARTS)]),
        ("evaded, then cleared", "blue", [(0, *BROKEN), (14, "evasion", {}), (90, "cleared", {})]),
        ("evaded", "red", [(0, *BROKEN), (14, "evasion", {})]),
    ]
    series = [Series(name, list(_answered(deeds)), color, thin=not deeds) for name, color, deeds in told]
    return Chart(
        "A serious breach, and what the answer makes of it",
        "A book of 300 in which nothing else happens: what is not owned stays lost, what is evaded costs half as much"
        " again, what was not so is given back.",
        ("days since", "standing"),
        [(day, str(day)) for day in range(0, 181, 30)],
        [(n, str(n)) for n in range(0, 301, 50)],
        series,
    )


def _answered(deeds: Sequence[tuple[int, str, dict[str, Any]]]) -> Iterator[tuple[float, float]]:
    desk = Desk(state=State(260 * MICROS, 40 * MICROS, credits=300 * MICROS))
    yield 0, desk.standing(0) / MICROS
    for day in range(181):
        for on, kind, facts in deeds:
            if on == day:
                desk.tell(kind, day=day, ref=kind, **(facts if kind == "breach" else facts | {"breach": "breach"}))
        yield day, desk.standing(day) / MICROS


def years() -> Chart:
    """A year of each archetype."""
    shown = [
        ("plain", "no pitches", "quiet"),
        ("steady", "steady, disclosed", "green"),
        ("holiday", "two weeks away", "teal"),
        ("hidden", "one hidden, found", "plum"),
        ("prompt", "breach, owned day 2", "blue"),
        ("evader", "breach, evaded", "amber"),
        ("sellout", "sellout", "red"),
    ]
    paths = {name: archetypes.path(ARCHETYPES[name]) for name, _, _ in shown}
    series = [
        Series(title, [(day, paths[name][day] / MICROS) for day in range(90, YEAR)], color, thin=name == "plain")
        for name, title, color in shown
    ]
    return Chart(
        "A year of six creators, and of one who never sold anything",
        "All are credited with 4 a day by their audience. All but the sellout pitch once a month, clearly disclosed,"
        f" for a brand that was let in. Trust is broken, or the holiday begins, on day {FALL}; the sellout pitches"
        " strangers' goods every five days from day 105 to 285.",
        ("day", "standing"),
        [(day, str(day)) for day in (90, 120, 150, 180, 210, 240, 270, 300, 330, 364)],
        [(n, str(n)) for n in range(0, 601, 100)],
        series,
        height=440,
    )


CHARTS: dict[str, Callable[[], Chart]] = {
    "decay": decay,
    "drain": drain,
    "recovery": recovery,
    "apology": owning,
    "breach": breach,
    "archetypes": years,
}


def charts() -> dict[str, str]:
    """Every chart as SVG, by its name."""
    return {name: svg(make()) for name, make in CHARTS.items()}


# The worked example: one thing on a book of 300, against the same book without it

LOOKED_AT = (0, 30, 90, 365)
NEW: dict[str, Any] = {"act": "reply", "engager": "a new fan"}
GOOD: dict[str, Any] = {"brand": "acme", "fit": "0.7", "disclosure": "clear"}
POOR: dict[str, Any] = {"brand": "stranger", "fit": "0.2", "disclosure": "clear"}
UNTOLD: dict[str, Any] = {"brand": "acme", "fit": "0.7"}
EXAMPLES: tuple[tuple[str, list[tuple[int, str, dict[str, Any]]]], ...] = (
    ("somebody new replies", [(0, "engagement", NEW)]),
    ("ten people reply, the day is full at 20", [(0, "engagement", NEW | {"engager": f"fan {n}"}) for n in range(10)]),
    ("a reply that was bought", [(0, "engagement", NEW | {"incentive": "bought"})]),
    ("a pitch that fits, for a brand you let in, clearly disclosed", [(0, "pitch", GOOD)]),
    ("the same, and the audience liked it", [(0, "pitch", GOOD), (7, "outcome", {"positive": 950, "negative": 50})]),
    ("a pitch that does not fit, for a stranger", [(0, "pitch", POOR)]),
    ("the pitch that fits, hidden and found", [(0, "undisclosed_pitch", UNTOLD)]),
    ("the same, owned on day 2", [(0, "undisclosed_pitch", UNTOLD), (2, "apology", PARTS)]),
    ("a serious breach", [(0, *BROKEN)]),
    ("the same, owned on day 2", [(0, *BROKEN), (2, "apology", PARTS)]),
    ("the same, owned on day 20", [(0, *BROKEN), (20, "apology", PARTS)]),
    ("the same, evaded on day 14", [(0, *BROKEN), (14, "evasion", {})]),
    ("the same, evaded, cleared on day 60", [(0, *BROKEN), (14, "evasion", {}), (60, "cleared", {})]),
)


def example() -> str:
    """What one thing does to a book of 300 with 50,000 followers, on the day and later."""
    plain = _seen([])
    lines = ["| what happens | at once | after 30 days | after 90 days | after a year |", "|---|--:|--:|--:|--:|"]
    for name, deeds in EXAMPLES:
        cells = [_signed(held - alone) for held, alone in zip(_seen(deeds), plain, strict=True)]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def scale_table() -> str:
    """The check of scale: what each campaign leaves, at its end and half a year later."""
    lines = ["| campaign | at its end | half a year later |", "|---|--:|--:|"]
    for campaign in story.CAMPAIGNS:
        at_the_end, later = story.shares(campaign)
        lines.append(f"| {campaign.name} | {at_the_end:.2f} | {later:.2f} |")
    return "\n".join(lines)


def _seen(deeds: Sequence[tuple[int, str, dict[str, Any]]]) -> list[int]:
    """Standing on the days looked at, in a book that held 270 fresh and 30 bedrock, well reliable."""
    state = State(270 * MICROS, 30 * MICROS, credits=300 * MICROS)
    desk = Desk(followers=FOLLOWERS, state=state)
    desk.befriend("acme", day=-30)
    seen = []
    for day in range(LOOKED_AT[-1] + 1):
        for number, (on, kind, facts) in enumerate(deeds):
            if on == day:
                ref = "first" if number == 0 else f"{kind} {number}"
                if desk.take(kind, _about(kind) | facts, day=day, ref=ref).status != "posted":
                    raise SystemExit(f"the example's {kind} was refused")
        if day in LOOKED_AT:
            seen.append(desk.standing(day))
    return seen


def _about(kind: str) -> dict[str, str]:
    """What an event speaks of: the first that happened."""
    return {"outcome": {"pitch": "first"}}.get(kind, {"breach": "first"} if kind in ANSWERS else {})


def _signed(amount: int) -> str:
    tenths = abs(amount) // (MICROS // 10)
    sign = "" if not tenths else "+" if amount > 0 else "\N{MINUS SIGN}"
    return f"{sign}{tenths // 10}.{tenths % 10}"
