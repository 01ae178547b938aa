"""Soundness: what a policy must keep beyond its bounds, found by name where it does not, and kept where it does."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from ledger import soundness
from ledger.economy import State
from ledger.kinds import LIMITS, PARAMETERS
from ledger.kinds.apology import PARTS
from ledger.policy import SCALES, Parameter, Policy, Schedule, problems
from tests.desk import FOUNDING, Desk, trust, variant

DUST = 400  # micros that a few thousand truncations may leave
LATER = (0, 1, 2, 5, 13, 30, 77, 200, 400, 1_000, 3_000)


def test_the_founding_policy_keeps_every_law() -> None:
    """The policy that ships breaks no law."""
    assert soundness.broken(FOUNDING) == []


# Each law is there for a reason

BREAKING = {
    "bricks": ([("decay.fresh_half_life", "90"), ("decay.bedrock_half_life", "60")], "decay.bedrock_half_life"),
    "first": ([("pitch.mending_base", "0.52")], "pitch.mending_base"),
    "disclosure": ([("pitch.undisclosed", "1"), ("apology.most", "0.9")], "pitch.undisclosed"),
    "fit": ([("pitch.mending_base", "1.2")], "pitch.fit_worst"),
    "relationship": ([("pitch.stranger", "0.5")], "pitch.stranger"),
    "fatigue": ([("pitch.fatigue", "-0.1")], "pitch.fatigue"),
    "audience": ([("pitch.size_slope", "-0.2")], "pitch.size_slope"),
    "gravity": ([("breach.severity_2", "0.25")], "breach.severity_3"),
    "candour": ([("breach.self_reported", "1.1")], "breach.self_reported"),
    "evasion": ([("evasion.share", "-0.1")], "evasion.share"),
    "atonement": ([("apology.most", "1.2")], "apology.most"),
    "promptness": ([("apology.timeliness_floor", "1.5")], "apology.timeliness_floor"),
    "parts": ([("apology.regret", "-0.1")], "apology.regret"),
    "reception": ([("apology.prior_positive", "40")], "apology.prior_positive"),
    "repeats": ([("apology.repeat", "1.1")], "apology.repeat"),
    "orders": ([("confidence.some", "60")], "confidence.some"),
}


@pytest.mark.parametrize("law", soundness.LAWS, ids=lambda law: law.name)
def test_a_policy_that_breaks_a_law_is_refused_by_name(law: soundness.Law) -> None:
    """For every law some policy breaks it: the sentence says which, gives a case, and names what to change."""
    changes, named = BREAKING[law.name]
    told = [one for one in soundness.broken(variant(*changes, name="broken")) if one.startswith(law.says)]
    assert len(told) == 1
    assert named in told[0].partition("; look at ")[2].split(", ")


@pytest.mark.parametrize("name", ["bricks", "first", "disclosure", "gravity", "orders"])
def test_numbers_fine_one_by_one_may_break_a_law_together(name: str) -> None:
    """Bounds and limits alone let these through: only the laws refuse them."""
    changes, _ = BREAKING[name]
    if name == "first":
        changes = [("pitch.mending_base", "0.52"), ("pitch.mending_by_reliability", "0.33")]
    broken = variant(*changes, name="broken")
    assert problems(broken, PARAMETERS, LIMITS) == []
    assert len(soundness.faults(broken.text)) > 0


def test_what_cannot_be_read_is_told_before_the_laws_are_tried() -> None:
    """A policy that lacks a number is told so; pricing needs them all."""
    text = "\n".join(line for line in FOUNDING.text.splitlines() if not line.startswith("least ="))
    assert [one.partition(":")[0] for one in soundness.faults(text)] == ["pitch.least is missing"]


# Policies drawn at random


def within(parameter: Parameter) -> st.SearchStrategy[str]:
    """A value of a parameter within its bounds, often at one of them."""
    low, high = (int(Decimal(bound) * SCALES[parameter.unit]) for bound in (parameter.low, parameter.high))
    scaled = st.one_of(st.integers(low, high), st.sampled_from([low, high]))
    return scaled.map(lambda number: f"{Decimal(number) / SCALES[parameter.unit]:f}")


DECISIVE = [one for one in PARAMETERS if any(one.key in law.keys for law in soundness.LAWS)]


@st.composite
def nearby(draw: st.DrawFn) -> Policy:
    """The founding policy with up to six numbers drawn anew."""
    chosen = draw(st.lists(st.sampled_from(DECISIVE), min_size=1, max_size=6, unique=True))
    return variant(*((one.key, draw(within(one))) for one in chosen), name="drawn")


@st.composite
def anywhere(draw: st.DrawFn) -> Policy:
    """A policy with every number that decides a law drawn anew, a few of them put in order first."""
    values = {one.key: draw(within(one)) for one in DECISIVE}
    for keys in (
        tuple(f"breach.severity_{level}" for level in (1, 2, 3, 4)),
        ("decay.fresh_half_life", "decay.bedrock_half_life"),
        ("transparency.vague", "transparency.clear"),
        ("apology.prior_positive", "apology.prior_all"),
        *soundness.ORDERED,
    ):
        ordered = sorted((values[key] for key in keys), key=Decimal)
        values |= dict(zip(keys, ordered, strict=True))
    for keys in (soundness.BACK, tuple(f"apology.{part}" for part in PARTS)):
        total = sum(Decimal(values[key]) for key in keys)
        if total >= 1:
            values |= {key: f"{Decimal(values[key]) / total * Decimal('0.99'):.6f}" for key in keys}
    return variant(*values.items(), name="drawn")


pools = st.integers(0, trust("3000"))
books = st.builds(
    lambda fresh, bedrock, credits, drains, pitches: State(
        fresh, bedrock if fresh >= 0 else 0, credits=credits, drains=drains, pitches=pitches
    ),
    st.integers(trust("-500"), trust("3000")),
    pools,
    pools,
    pools,
    st.integers(0, 5_000_000),
)
shares = st.integers(0, 20).map(lambda n: f"{n / 20:.2f}")
followers = st.sampled_from([0, 100, 10_000, 1_000_000, 10_000_000_000])
parts = st.fixed_dictionaries({name: st.booleans() for name in PARTS})
reactions = st.fixed_dictionaries({"positive": st.integers(0, 10_000), "negative": st.integers(0, 10_000)})
Story = list[tuple[int, str, dict[str, Any]]]


def kept(policy: Policy, book: State, lower: Story, upper: Story) -> None:
    """Told through the code that posts, the first story never leaves more than the second once both are told."""
    schedule, last = Schedule.of(policy), max([day for day, _, _ in (*lower, *upper)], default=0)
    left = []
    for story in (lower, upper):
        desk = Desk(schedule=schedule, state=book)
        for day, kind, facts in story:
            receipt = desk.tell(kind, day=day, ref="b" if kind in ("breach", "undisclosed_pitch") else "", **facts)
            assert receipt.status == "posted", receipt
        left.append([desk.standing(last + later) for later in LATER])
    for later, low, high in zip(LATER, *left, strict=True):
        assert low <= high + DUST, f"{later} days later: {low} above {high}"


def sound(policy: Policy) -> Policy:
    """A policy that passes the check; another is left."""
    found = soundness.faults(policy.text)
    event("refused" if found else "sound")
    assume(not found)
    return policy


policies = st.one_of(nearby(), anywhere())
laws = settings(max_examples=60)


@given(policies, books, shares, followers, st.sampled_from(["clear", "vague"]))
@laws
def test_in_a_sound_policy_a_pitch_never_pays(
    policy: Policy, book: State, fit: str, size: int, disclosure: str
) -> None:
    """Whatever passes the check, a pitch leaves no more than none does, on no later day."""
    facts = {"brand": "a", "fit": fit, "followers": size, "disclosure": disclosure}
    kept(sound(policy), book, [(0, "pitch", facts)], [])


@given(policies, books, shares, followers, parts, reactions, st.integers(0, 40))
@laws
def test_in_a_sound_policy_more_disclosure_never_costs_more(
    policy: Policy, book: State, fit: str, size: int, sorry: dict[str, Any], heard: dict[str, Any], wait: int
) -> None:
    """A clear pitch leaves at least what a vague one does, and that at least what a hidden one does, however owned."""
    facts = {"brand": "a", "fit": fit, "followers": size}
    clear, vague = ([(0, "pitch", facts | {"disclosure": how})] for how in ("clear", "vague"))
    hidden: Story = [(0, "undisclosed_pitch", facts)]
    owned: Story = [*hidden, (wait, "apology", sorry | heard | {"breach": "b"})]
    for lower, upper in ((vague, clear), (hidden, vague), (owned, vague)):
        kept(sound(policy), book, lower, upper)


@given(policies, books, shares, shares, followers, followers)
@laws
def test_in_a_sound_policy_better_fit_and_smaller_audience_never_cost_more(
    policy: Policy, book: State, one: str, other: str, size: int, size_too: int
) -> None:
    """The better a product fits, and the fewer it reaches, the more standing is left."""
    worse, better = sorted((one, other), key=Decimal)
    larger, smaller = sorted((size, size_too), reverse=True)
    facts = {"brand": "a", "fit": worse, "followers": larger, "disclosure": "clear"}
    for change in ({"fit": better}, {"followers": smaller}):
        kept(sound(policy), book, [(0, "pitch", facts)], [(0, "pitch", facts | change)])


@given(policies, books, shares, st.integers(0, 5_000_000))
@laws
def test_in_a_sound_policy_less_fatigue_never_costs_more(policy: Policy, book: State, fit: str, fewer: int) -> None:
    """The fewer pitches there were, the smaller the share of standing that the next one takes."""
    facts: dict[str, Any] = {"brand": "a", "fit": fit, "disclosure": "vague"}
    left = []
    for pitches in (book.pitches + fewer, book.pitches):
        desk = Desk(schedule=Schedule.of(sound(policy)), state=book._replace(pitches=pitches))
        desk.tell("pitch", **facts)
        left.append([desk.standing(later) for later in LATER])
    assert all(more <= less + DUST for more, less in zip(*left, strict=True))


@given(policies, books, st.integers(1, 4), st.integers(1, 4), st.booleans())
@laws
def test_in_a_sound_policy_gravity_candour_and_evasion_count(
    policy: Policy, book: State, one: int, other: int, own: bool
) -> None:
    """A graver breach never costs less, reporting it oneself never more, evading it never less than owning it."""
    milder, graver = sorted((one, other))
    found = {"severity": milder, "self_reported": own}
    breach: Story = [(0, "breach", found)]
    kept(sound(policy), book, [(0, "breach", found | {"severity": graver})], breach)
    kept(policy, book, [(0, "breach", {"severity": milder})], [(0, "breach", found | {"self_reported": True})])
    evaded: Story = [*breach, (1, "evasion", {"breach": "b"})]
    kept(policy, book, evaded, breach)
    kept(policy, book, evaded, [*breach, (1, "apology", {"breach": "b"})])


@given(policies, books, st.integers(1, 4), st.integers(0, 300), st.integers(0, 300), parts, reactions)
@laws
def test_in_a_sound_policy_an_earlier_and_fuller_apology_never_wins_less(
    policy: Policy, book: State, severity: int, one: int, other: int, sorry: dict[str, Any], heard: dict[str, Any]
) -> None:
    """Sooner, and with more of its parts, an apology never leaves less; and owning a breach never beats none."""
    early, late = sorted((one, other))
    breach: Story = [(0, "breach", {"severity": severity})]
    facts = sorry | heard | {"breach": "b"}
    owned: Story = [*breach, (early, "apology", facts)]
    kept(sound(policy), book, [*breach, (late, "apology", facts)], owned)
    kept(policy, book, owned, [*breach, (early, "apology", facts | dict.fromkeys(PARTS, True))])
    kept(policy, book, owned, [])
