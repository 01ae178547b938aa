"""The laws of the trust economy, over made-up histories of one book."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ledger.economy import State
from tests.desk import Desk, trust

DUST = 400  # micros that a few thousand truncations may leave
LATER = (0, 1, 3, 10, 30, 90, 200, 400, 800)


class Step(NamedTuple):
    """One event of a history: on which day, of what kind, with what facts."""

    day: int
    kind: str
    facts: dict[str, Any]
    ref: str = ""


def tell(steps: Sequence[Step], *, state: State | None = None, until: int | None = None) -> Desk:
    """A desk at which these steps were told in order of days."""
    desk = Desk(state=state)
    for step in sorted(steps, key=lambda step: step.day):
        receipt = desk.tell(step.kind, day=step.day, ref=step.ref, **step.facts)
        assert receipt.status == "posted", receipt
    return desk


def never_above(lower: Sequence[Step], upper: Sequence[Step], state: State, dust: int = DUST) -> None:
    """At each step and on later days the first history's standing is not above the second's."""
    last = max([step.day for step in (*lower, *upper)], default=0)
    days = {step.day for step in (*lower, *upper)} | {last + later for later in LATER}
    for day in sorted(days):
        low = tell([step for step in lower if step.day <= day], state=state).standing(day)
        high = tell([step for step in upper if step.day <= day], state=state).standing(day)
        assert low <= high + dust, f"day {day}: {low} above {high}"


days = st.integers(0, 240)
shares = st.integers(0, 20).map(lambda n: f"{n / 20:.2f}")
acts = st.sampled_from(["like", "follow", "share", "reply", "answer", "rating"])
engagements = st.builds(
    lambda day, act, who: Step(day, "engagement", {"act": act, "engager": f"fan {who}"}), days, acts, st.integers(1, 9)
)
crowds = st.builds(
    lambda day, many: [Step(day, "engagement", {"act": "reply", "engager": f"{day} {n}"}) for n in range(many)],
    days,
    st.integers(1, 5),
)
pitches = st.builds(
    lambda day, fit, how, followers: Step(
        day, "pitch", {"brand": "acme", "fit": fit, "disclosure": how, "followers": followers}
    ),
    days,
    shares,
    st.sampled_from(["clear", "vague"]),
    st.sampled_from([100, 10_000, 1_000_000, 10_000_000_000]),
)
others = st.one_of(
    st.builds(lambda day: Step(day, "post", {}), days),
    st.builds(lambda day: Step(day, "transparency", {}), days),
)
histories = st.builds(
    lambda crowds, singles: [*(step for crowd in crowds for step in crowd), *singles],
    st.lists(crowds, max_size=5),
    st.lists(st.one_of(engagements, pitches, others), max_size=6),
)
pools = st.integers(0, trust("3000"))
books = st.builds(
    lambda fresh, bedrock, credits, drains: State(fresh, bedrock if fresh >= 0 else 0, credits=credits, drains=drains),
    st.integers(trust("-500"), trust("3000")),
    pools,
    pools,
    pools,
)
breaches = st.builds(
    lambda severity, own: {"severity": severity, "self_reported": own, "category": "harm"},
    st.integers(1, 4),
    st.booleans(),
)
parts = st.fixed_dictionaries(
    {name: st.booleans() for name in ("responsibility", "repair", "regret", "explanation", "repentance", "forgiveness")}
    | {"positive": st.integers(0, 1000), "negative": st.integers(0, 1000)}
)


# Pitching


@given(books, histories, pitches)
@settings(max_examples=80)
def test_pitching_never_pays(book: State, history: list[Step], pitch: Step) -> None:
    """One pitch more never leaves more standing, on no later day, whatever else is earned and pitched."""
    never_above([*history, pitch], history, book)


@given(books, st.lists(pitches, min_size=1, max_size=12))
@settings(max_examples=60)
def test_no_number_of_pitches_pays(book: State, campaign: list[Step]) -> None:
    """A whole campaign never leaves more standing than none."""
    never_above(campaign, [], book)


@given(books, pitches, st.integers(2, 6), st.integers(0, 40))
@settings(max_examples=80)
def test_splitting_a_campaign_never_costs_less(book: State, pitch: Step, posts: int, gap: int) -> None:
    """Several posts never leave more standing than one, on the same day or spread over weeks."""
    split = [pitch._replace(day=pitch.day + number * gap) for number in range(posts)]
    never_above(split, [pitch], book)


@given(books, histories, pitches)
@settings(max_examples=30)
def test_more_disclosure_never_costs_more(book: State, history: list[Step], pitch: Step) -> None:
    """A clearly disclosed pitch leaves at least what a vague one leaves, and that at least what a hidden one does."""
    clear, vague = ([*history, pitch._replace(facts=pitch.facts | {"disclosure": how})] for how in ("clear", "vague"))
    facts = {name: value for name, value in pitch.facts.items() if name != "disclosure"}
    hidden = [*history, pitch._replace(kind="undisclosed_pitch", facts=facts)]
    never_above(vague, clear, book)
    never_above(hidden, vague, book)


@given(books, pitches, st.integers(0, 20), st.integers(0, 20))
@settings(max_examples=60)
def test_a_better_fit_never_costs_more(book: State, pitch: Step, one: int, other: int) -> None:
    """The better the product fits, the more standing is left, on every later day."""
    worse, better = ([pitch._replace(facts=pitch.facts | {"fit": f"{n / 20:.2f}"})] for n in sorted((one, other)))
    never_above(worse, better, book)


@given(books, pitches, st.integers(0, 120), st.integers(0, 120))
@settings(max_examples=60)
def test_a_longer_wait_never_costs_a_larger_share(book: State, pitch: Step, one: int, other: int) -> None:
    """After an earlier pitch, waiting longer never raises the share of standing that the next one drains."""
    book = book._replace(fresh=abs(book.fresh))
    shares = []
    for wait in sorted((one, other)):
        desk = tell([pitch], state=book)
        desk.book.state = desk.on(pitch.day + wait)._replace(fresh=trust("1000"), bedrock=0)
        receipt = desk.tell("pitch", day=pitch.day + wait, **pitch.facts)
        shares.append(-receipt.entries[0].standing + trust("1000"))
    assert shares[1] <= shares[0]


@pytest.mark.parametrize(
    "bad",
    [
        Step(0, "breach", {"severity": 4}),
        Step(0, "undisclosed_pitch", {"brand": "x", "fit": "0", "followers": 10_000_000_000}),
    ],
)
def test_a_pitch_before_a_fall_never_pays(bad: Step) -> None:
    """Whoever pitches just before losing trust never ends above one who did not."""
    pitches = [Step(0, "pitch", {"brand": "a", "fit": "0", "disclosure": "clear", "followers": 10**10})] * 3
    never_above([*pitches, bad], [bad], State(trust("300"), credits=trust("3000")))


# Breaking and mending


@given(books, histories, days, breaches, st.integers(0, 60), parts)
@settings(max_examples=60)
def test_breach_and_apology_never_end_above_no_breach(
    book: State, history: list[Step], day: int, breach: dict[str, Any], wait: int, sorry: dict[str, Any]
) -> None:
    """Breaking trust and owning it never leaves more than not breaking it, whatever is earned beside it."""
    history = [step for step in history if step.kind != "pitch"]
    owned = [Step(day, "breach", breach, "b"), Step(day + wait, "apology", sorry | {"breach": "b"})]
    never_above([*history, *owned], history, book)


@given(books, breaches, st.integers(0, 60), parts)
@settings(max_examples=60)
def test_owning_never_ends_below_evading(book: State, breach: dict[str, Any], wait: int, sorry: dict[str, Any]) -> None:
    """An apology, however poor, never leaves less than silence, and silence never less than evasion."""
    broken = [Step(0, "breach", breach, "b")]
    owned = [*broken, Step(wait, "apology", sorry | {"breach": "b"})]
    evaded = [*broken, Step(wait, "evasion", {"breach": "b"})]
    never_above(evaded, broken, book)
    never_above(broken, owned, book)


@given(books, breaches, st.integers(0, 400), st.integers(0, 400), parts, st.integers(0, 900))
@settings(max_examples=300)
@example(State(0, trust("300")), {"severity": 4, "self_reported": False}, 0, 3, {"responsibility": True}, 600)
@example(State(0, trust("300")), {"severity": 4, "self_reported": False}, 60, 400, {"responsibility": True}, 100)
def test_an_earlier_apology_never_ends_below_a_later_one(
    book: State, breach: dict[str, Any], one: int, other: int, sorry: dict[str, Any], after: int
) -> None:
    """Once both apologies are made, the earlier one leaves at least as much, on every later day."""
    early, late = sorted((one, other))
    desks = [
        tell([Step(0, "breach", breach, "b"), Step(wait, "apology", sorry | {"breach": "b"})], state=book)
        for wait in (early, late)
    ]
    left = [desk.standing(late + after) for desk in desks]
    assert left[0] >= left[1] - DUST


@given(books, breaches, st.integers(0, 60), st.integers(0, 60), parts, st.booleans())
@settings(max_examples=80)
def test_the_cleared_hold_what_they_would_have_held(
    book: State, breach: dict[str, Any], answer: int, wait: int, sorry: dict[str, Any], evaded: bool
) -> None:
    """After clearing, the book holds what it would hold had breach, evasion and apology never been."""
    steps = [Step(0, "breach", breach, "b"), Step(answer, "apology", sorry | {"breach": "b"})]
    if evaded:
        steps.insert(1, Step(answer, "evasion", {"breach": "b"}))
    desk = tell([*steps, Step(answer + wait, "cleared", {"breach": "b"})], state=book)
    plain = Desk(state=book)
    for later in LATER:
        day = answer + wait + later
        assert abs(desk.standing(day) - plain.standing(day)) <= DUST
    assert desk.book.breaches_total == desk.book.apologies_total == desk.book.drains_total == 0


# Nothing comes from nothing

hollow = st.one_of(
    st.builds(lambda: ("post", {})),
    st.builds(lambda facts: ("breach", facts), breaches),
    st.builds(lambda fit: ("undisclosed_pitch", {"brand": "acme", "fit": fit}), shares),
    st.builds(lambda number, facts: ("apology", facts | {"breach": number}), st.integers(0, 9), parts),
    st.builds(lambda number: ("evasion", {"breach": number}), st.integers(0, 9)),
    st.builds(lambda number: ("cleared", {"breach": number}), st.integers(0, 9)),
    st.builds(lambda number: ("reversal", {"event": number}), st.integers(0, 14)),
    st.builds(
        lambda how: ("engagement", {"act": "reply", "engager": "fan", "incentive": how}),
        st.sampled_from(["giveaway", "pod", "bought"]),
    ),
)


@given(
    st.sampled_from([State(), State(trust("100"), trust("400")), State(trust("-50"))]),
    st.lists(st.tuples(st.integers(0, 40), hollow), max_size=12),
    st.integers(0, 300),
)
@settings(max_examples=300)
@example(
    State(),
    [
        (0, ("breach", {"severity": 4})),
        (0, ("evasion", {"breach": 0})),
        (0, ("cleared", {"breach": 0})),
        (0, ("reversal", {"event": 1})),
    ],
    0,
)
@example(
    State(),
    [
        (0, ("breach", {"severity": 4})),
        (0, ("cleared", {"breach": 0})),
        (0, ("reversal", {"event": 1})),
        (0, ("cleared", {"breach": 0})),
        (0, ("reversal", {"event": 0})),
    ],
    0,
)
def test_nothing_raises_standing_from_nothing(
    book: State, deeds: list[tuple[int, tuple[str, dict[str, Any]]]], later: int
) -> None:
    """Without engagement or transparency, no order of breaking, owning, clearing and undoing gains anything."""
    desk, plain, day = Desk(state=book), Desk(state=book), 0
    for number, (gap, (kind, facts)) in enumerate(deeds):
        day += gap
        told: dict[str, Any] = {
            name: str(value) if name in ("breach", "event") else value for name, value in facts.items()
        }
        desk.tell(kind, day=day, ref=str(number), **told)
        assert desk.standing(day) <= plain.standing(day) + DUST
    assert desk.standing(day + later) <= plain.standing(day + later) + DUST
    record = desk.book
    assert min(record.credits_total, record.drains_total, record.breaches_total, record.apologies_total) >= 0


@given(books, histories, st.sampled_from(["giveaway", "pod", "bought"]), acts, days)
@settings(max_examples=60)
def test_bought_engagement_earns_nothing(book: State, history: list[Step], how: str, act: str, day: int) -> None:
    """Engagement that was paid for changes nothing that counts, now or later."""
    bought = Step(day, "engagement", {"act": act, "engager": "fan 1", "incentive": how})
    with_it, without = tell([*history, bought], state=book), tell(history, state=book)
    after = max([day, *(step.day for step in history)])
    assert _close(with_it.on(after), without.on(after))
    assert with_it.book.credits_total == without.book.credits_total


@pytest.mark.parametrize("later", [0, 30, 180, 365])
def test_engagement_undone_in_the_red_leaves_nothing(later: int) -> None:
    """Engagement that was reversed while breaches stood, and breaches then cleared: nothing came of either."""
    desk = Desk()
    for number in range(10):
        desk.tell("engagement", ref=f"e{number}", act="reply", engager=f"fan {number}")
    for number in range(5):
        desk.tell("breach", ref=f"b{number}", severity=4)
    for number in range(10):
        desk.tell("reversal", ref=f"r{number}", event=f"e{number}", why="fraud")
    for number in range(5):
        desk.tell("cleared", ref=f"c{number}", breach=f"b{number}")
    assert desk.standing(later) <= DUST


def _close(one: State, other: State) -> bool:
    return max(abs(a - b) for a, b in zip(one, other, strict=True)) <= DUST


@given(books, st.integers(0, 500), st.integers(0, 500))
def test_idle_time_raises_nothing(book: State, one: int, other: int) -> None:
    """Without distrust to fade and without a pool to mend, standing only falls while nothing happens."""
    book = book._replace(fresh=abs(book.fresh))
    desk = Desk(state=book)
    earlier, later = sorted((one, other))
    assert desk.standing(later) <= desk.standing(earlier)


@given(books, pools, pools, st.integers(0, 500))
def test_idle_time_gives_back_no_more_than_mends(book: State, pitch: int, breach: int, later: int) -> None:
    """What idle time adds is at most what was mending and what distrust there was."""
    desk = Desk(state=book._replace(mending_pitch=pitch, mending_breach=breach))
    assert desk.standing(later) <= desk.standing(0) + pitch + breach + max(0, -book.fresh)


@pytest.mark.parametrize("names", [1, 2, 5, 30])
def test_one_voice_is_never_worth_more_than_many(names: int) -> None:
    """The same acts by fewer people never earn more."""
    earned = []
    for people in (names, names + 1):
        desk = Desk()
        for number in range(60):
            desk.tell("engagement", day=number, act="reply", engager=f"fan {number % people}")
        earned.append(desk.standing(60))
    assert earned[0] < earned[1]
