"""Made-up histories of one book: what may happen to it, in any order that a partner might tell."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from hypothesis import strategies as st

from ledger.economy import DAY_US, PPM, State
from ledger.events import OWN, Receipt
from ledger.kinds.facts import show_ppm
from tests.desk import DAY, FOUNDING, Desk, befriended, trust

DUST = 400  # micros that a few thousand truncations may leave
LATER = (0, 1, 3, 10, 30, 90, 200, 400, 800)
PARTS = ("responsibility", "repair", "regret", "explanation", "repentance", "forgiveness")
FALLS = ("breach", "undisclosed_pitch")
ANSWERS = ("apology", "evasion")


class Step(NamedTuple):
    """One event of a history: on which day, of what kind, with what facts."""

    day: int
    kind: str
    facts: dict[str, Any]
    ref: str = ""


class Alike(dict[tuple[str, str], int]):
    """Everybody's standing: the same."""

    def __init__(self, relative: int) -> None:
        super().__init__()
        self.relative = relative

    def get(self, key: object, default: object = None) -> Any:
        """Whoever is asked for."""
        return self.relative


def desk_of(state: State | None, *, standing: int | None = None) -> Desk:
    """A desk; with a `standing` (ppm of the average), accounts are attested and all engagers have that one."""
    desk = Desk(state=state)
    if standing is not None:
        desk.batch.attested, desk.batch.standings = frozenset({"youtube"}), Alike(standing)
    return desk


def tell(steps: Sequence[Step], *, state: State | None = None) -> Desk:
    """A desk at which these steps were told in order of days. What is refused there is no part of the history."""
    desk = Desk(state=state)
    for step in sorted(steps, key=lambda step: step.day):
        one(desk, step)
    return desk


def one(desk: Desk, step: Step) -> Receipt:
    """Tell one step."""
    return desk.take(step.kind, step.facts, day=step.day, ref=step.ref)


def path(
    steps: Sequence[Step], days: Iterable[int], *, state: State | None = None, standing: int | None = None
) -> list[State]:
    """What the book holds on the evening of each of these days (in order), as a reader sees it."""
    desk, left, found = desk_of(state, standing=standing), sorted(steps, key=lambda step: step.day), []
    for day in days:
        while left and left[0].day <= day:
            one(desk, left.pop(0))
        found.append(desk.on(day))
    return found


def befriending(brand: str, day: int) -> list[Step]:
    """A brand is let in, and established a little over two weeks later."""
    told = befriended(brand, day)
    return [Step(each.pop("day"), each.pop("kind"), each, each.pop("ref")) for each in told]


def authorised(pitch: Step, *, drain: int, mending: int, end: str) -> list[Step]:
    """A pitch held on a day, and two days later published, or ended; amounts in micro-trust, shares in ppm."""
    brand: dict[str, Any] = {"brand": "acme", "source": OWN}
    name, shares = f"pitch of {pitch.day}", {"share": show_ppm(PPM // 10), "mending": show_ppm(mending)}
    how = {"disclosure": pitch.facts["disclosure"]}
    held = {"drain": drain, "held": drain, "expires_at_us": (DAY + pitch.day + 14) * DAY_US}
    shares |= {name: show_ppm(FOUNDING[f"transparency.{name}"]) for name in ("clear", "vague")}
    spoken = brand | {"pitch": name}
    steps = [
        Step(pitch.day, "pitch_held", brand | how | held | shares, name),
        Step(pitch.day + 1, "pitch_accepted", spoken, f"{name}: accepted"),
    ]
    last = Step(pitch.day + 2, end, spoken | how if end == "pitch_published" else spoken, f"{name}: {end}")
    return [*steps, last] if end != "pitch_declined" else [steps[0], last]


def days_of(*histories: Sequence[Step]) -> list[int]:
    """Every day on which something happens, and days long after."""
    days = {step.day for history in histories for step in history}
    last = max(days, default=0)
    return sorted(days | {last + later for later in LATER})


def never_above(
    lower: Sequence[Step], upper: Sequence[Step], state: State, *, mending: bool = False, since: int = 0
) -> None:
    """On each day from `since` the first history's standing is not above the second's.

    With `mending`, what is on its way back counts as well: it is at stake in a fall before it is back.
    """
    days = days_of(lower, upper)
    for day, low, high in zip(days, path(lower, days, state=state), path(upper, days, state=state), strict=True):
        ours, theirs = (held.standing + held.mending * mending for held in (low, high))
        assert day < since or ours <= theirs + DUST, f"day {day}: {ours} above {theirs}: {lower} / {upper}"


days = st.integers(0, 240)
shares = st.integers(0, 20).map(lambda n: f"{n / 20:.2f}")
acts = st.sampled_from(["like", "follow", "share", "reply", "answer", "rating"])
bought = st.sampled_from(["giveaway", "pod", "bought"])
engagements = st.builds(
    lambda day, act, who, favour: Step(day, "engagement", {"act": act, "engager": f"fan {who}", "reciprocal": favour}),
    days,
    acts,
    st.integers(1, 9),
    st.booleans(),
)
paid_for = st.builds(
    lambda day, act, how: Step(day, "engagement", {"act": act, "engager": "fan 1", "incentive": how}),
    days,
    acts,
    bought,
)
crowds = st.builds(
    lambda day, many: [Step(day, "engagement", {"act": "reply", "engager": f"{day} {n}"}) for n in range(many)],
    days,
    st.integers(1, 5),
)
pitched = st.builds(
    lambda fit, followers: {"brand": "acme", "fit": fit, "followers": followers},
    shares,
    st.sampled_from([100, 10_000, 1_000_000, 10_000_000_000]),
)
pitches = st.builds(
    lambda day, facts, how: Step(day, "pitch", facts | {"disclosure": how}),
    days,
    pitched,
    st.sampled_from(["clear", "vague"]),
)
hidden = st.builds(lambda day, facts: Step(day, "undisclosed_pitch", facts), days, pitched)
others = st.one_of(
    st.builds(lambda day: Step(day, "post", {}), days),
    st.builds(lambda day: Step(day, "transparency", {}), days),
)
quiet = st.one_of(engagements, paid_for, others)
severities = st.builds(
    lambda severity, own: {"severity": severity, "self_reported": own, "category": "harm"},
    st.integers(1, 4),
    st.booleans(),
)
breaches = st.builds(lambda day, facts: Step(day, "breach", facts), days, severities)
parts = st.fixed_dictionaries(
    {name: st.booleans() for name in PARTS} | {"positive": st.integers(0, 1000), "negative": st.integers(0, 1000)}
)
Answer = tuple[str, dict[str, Any]]
answers: st.SearchStrategy[Answer | None] = st.one_of(
    parts.map(lambda facts: ("apology", facts)), st.just(("evasion", {})), st.none()
)


def _flat(groups: Iterable[Sequence[Step]], singles: Iterable[Step]) -> list[Step]:
    return [*(step for group in groups for step in group), *singles]


histories = st.builds(
    _flat, st.lists(crowds, max_size=5), st.lists(st.one_of(engagements, pitches, others), max_size=6)
)


def _told(number: int, fall: Step, answer: Answer | None, wait: int) -> list[Step]:
    """A fall and the answer to it, within a month as people and the ledger answer."""
    broken = fall._replace(ref=f"fall {number}")
    if answer is None:
        return [broken]
    kind, facts = answer
    return [broken, Step(fall.day + wait, kind, facts | {"breach": broken.ref}, f"answer {number}")]


falls = st.lists(st.tuples(st.one_of(breaches, hidden), answers, st.integers(0, 30)), max_size=3).map(
    lambda drawn: [_told(number, *fall) for number, fall in enumerate(drawn)]
)


def _in_time(history: list[Step]) -> list[Step]:
    """A history whose evasions come before anything else took a share of trust: later they are not priced again."""
    fallen = {step.ref: step.day for step in history if step.kind in FALLS}

    def late(evasion: Step) -> bool:
        broken = fallen[evasion.facts["breach"]]
        between = [step for step in history if step.kind in (*FALLS, "pitch") and broken <= step.day <= evasion.day]
        return len(between) > 1

    return [step for step in history if step.kind != "evasion" or not late(step)]


whole = st.builds(
    lambda crowds, singles, falls: _in_time(_flat([*crowds, *falls], singles)),
    st.lists(crowds, max_size=5),
    st.lists(st.one_of(quiet, pitches), max_size=6),
    falls,
)

pools = st.integers(0, trust("3000"))
# What is fresh was credited, and both fade alike: no book holds the one without the other.
books = st.builds(
    lambda fresh, bedrock, more, drains: State(
        fresh, bedrock if fresh >= 0 else 0, credits=max(fresh, 0) + more, drains=drains
    ),
    st.integers(trust("-500"), trust("3000")),
    pools,
    pools,
    pools,
)
