"""The laws of the trust economy, over made-up histories of one book."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ledger.db import Database
from ledger.economy import State
from ledger.events import OWN
from tests.desk import Counter, Desk, noon, trust
from tests.desk import tell as desk_tell
from tests.histories import (
    ANSWERS,
    DUST,
    FALLS,
    LATER,
    Step,
    authorised,
    befriending,
    books,
    bought,
    crowds,
    days,
    days_of,
    never_above,
    paid_for,
    parts,
    path,
    pitches,
    pools,
    severities,
    shares,
    tell,
    whole,
)

# Pitching


@given(books, whole, pitches)
@settings(max_examples=150)
def test_pitching_never_pays(book: State, history: list[Step], pitch: Step) -> None:
    """One pitch more never leaves more standing, on no later day, whatever is earned, pitched and broken beside it."""
    never_above([*history, pitch], history, book)


@given(books, whole, pitches, st.integers(0, 2000), st.integers(7, 60))
@settings(max_examples=80)
def test_a_pitch_that_was_loved_does_not_pay_either(
    book: State, history: list[Step], pitch: Step, liked: int, wait: int
) -> None:
    """However well the audience took it, a pitch leaves no more standing than no pitch: at half its price it costs."""
    history = unharmed(history, pitch.day, pitch.day + wait)
    told = {"pitch": "p", "positive": liked, "negative": 0, "acts": liked, "usual_acts": 0}
    loved = [pitch._replace(ref="p"), Step(pitch.day + wait, "outcome", told)]
    never_above([*history, *loved], history, book)


@given(books, whole, pitches, st.integers(0, 500), st.integers(0, 500), st.integers(0, 500))
@settings(max_examples=60)
def test_the_better_a_pitch_is_taken_the_less_it_costs(
    book: State, history: list[Step], pitch: Step, positive: int, one: int, other: int
) -> None:
    """Fewer unfavourable reactions never leave less, nor less on its way back."""
    well, ill = (
        [
            *only_rising(history, pitch.day),
            pitch._replace(ref="p"),
            Step(pitch.day + 7, "outcome", {"pitch": "p", "positive": positive, "negative": negative}),
        ]
        for negative in sorted((one, other))
    )
    never_above(ill, well, book, mending=True)


@given(books, whole, pitches)
@settings(max_examples=60)
def test_a_warmer_relationship_never_costs_more(book: State, history: list[Step], pitch: Step) -> None:
    """A pitch for a brand that was let in and met leaves at least what one for a stranger does."""
    pitch = pitch._replace(day=pitch.day + 20)
    never_above([*history, pitch], [*history, *befriending("acme", 0), pitch], book, mending=True)


@given(books, whole, pitches, st.integers(trust("1"), trust("400")), st.integers(0, 830_000))
@settings(max_examples=80)
def test_what_was_authorised_never_pays(
    book: State, history: list[Step], pitch: Step, drain: int, mending: int
) -> None:
    """A pitch captured as quoted leaves no more standing than none; one that came to nothing changes nothing."""
    pitch = pitch._replace(day=pitch.day + 20)
    history = [*history, *befriending("acme", 0)]
    captured = authorised(pitch, drain=drain, mending=mending, end="pitch_published")
    never_above([*history, *captured], history, book)
    for end in ("pitch_declined", "pitch_withdrawn"):
        ended = authorised(pitch, drain=drain, mending=mending, end=end)
        days = days_of(history, ended)
        assert path([*history, *ended], days, state=book) == path(history, days, state=book)


@given(books, whole, st.lists(pitches, min_size=1, max_size=12))
@settings(max_examples=80)
def test_no_number_of_pitches_pays(book: State, history: list[Step], campaign: list[Step]) -> None:
    """A whole campaign never leaves more standing than none."""
    never_above([*history, *campaign], history, book)


@given(books, whole, pitches, st.integers(2, 6), st.integers(0, 40))
@settings(max_examples=80)
def test_splitting_a_campaign_never_costs_less(
    book: State, history: list[Step], pitch: Step, posts: int, gap: int
) -> None:
    """Several posts never leave more standing than one, on the same day or spread over weeks."""
    split = [pitch._replace(day=pitch.day + number * gap) for number in range(posts)]
    never_above([*history, *split], [*history, pitch], book)


@given(books, whole, pitches)
@settings(max_examples=60)
def test_more_disclosure_never_costs_more(book: State, history: list[Step], pitch: Step) -> None:
    """A clearly disclosed pitch leaves at least what a vague one leaves, and that at least what a hidden one does."""
    clear, vague = ([*history, pitch._replace(facts=pitch.facts | {"disclosure": how})] for how in ("clear", "vague"))
    facts = {name: value for name, value in pitch.facts.items() if name != "disclosure"}
    hidden = [*history, pitch._replace(kind="undisclosed_pitch", facts=facts)]
    never_above(vague, clear, book, mending=True)
    never_above(hidden, vague, book, mending=True)


@given(books, whole, pitches, st.integers(0, 20), st.integers(0, 20))
@settings(max_examples=80)
def test_a_better_fit_never_costs_more(book: State, history: list[Step], pitch: Step, one: int, other: int) -> None:
    """The better the product fits, the more is left and on its way back, on every later day."""
    worse, better = (
        [*history, pitch._replace(facts=pitch.facts | {"fit": f"{n / 20:.2f}"})] for n in sorted((one, other))
    )
    never_above(worse, better, book, mending=True)


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


def unharmed(history: list[Step], first: int, last: int) -> list[Step]:
    """A history without what takes a share of trust between two days."""
    return [step for step in history if step.kind not in (*FALLS, *ANSWERS, "pitch") or not first <= step.day <= last]


def only_rising(history: list[Step], first: int) -> list[Step]:
    """A history in which no trust is broken and nothing answered from a day on; pitches go on."""
    return [step for step in history if step.kind not in (*FALLS, *ANSWERS) or step.day < first]


@given(books, whole, days, severities, st.integers(0, 60), parts)
@settings(max_examples=100)
def test_breach_and_apology_never_end_above_no_breach(
    book: State, history: list[Step], day: int, breach: dict[str, Any], wait: int, sorry: dict[str, Any]
) -> None:
    """Breaking trust and owning it never leaves more than not breaking it, whatever comes before and after."""
    history = unharmed(history, day, day + wait)
    owned = [Step(day, "breach", breach, "b"), Step(day + wait, "apology", sorry | {"breach": "b"})]
    never_above([*history, *owned], history, book)


@given(books, whole, days, severities, st.integers(0, 60), parts)
@settings(max_examples=100)
def test_owning_never_ends_below_evading(
    book: State, history: list[Step], day: int, breach: dict[str, Any], wait: int, sorry: dict[str, Any]
) -> None:
    """An apology, however poor, never leaves less than silence, and silence never less than evasion."""
    broken = [*only_rising(history, day), Step(day, "breach", breach, "b")]
    owned = [*broken, Step(day + wait, "apology", sorry | {"breach": "b"})]
    evaded = [*broken, Step(day + wait, "evasion", {"breach": "b"})]
    never_above(evaded, broken, book)
    never_above(broken, owned, book)


@given(books, whole, days, severities, st.integers(0, 400), st.integers(0, 400), parts)
@settings(max_examples=150)
@example(State(0, trust("300")), [], 0, {"severity": 4, "self_reported": False}, 0, 3, {"responsibility": True})
@example(State(0, trust("300")), [], 0, {"severity": 4, "self_reported": False}, 60, 400, {"responsibility": True})
def test_an_earlier_apology_never_ends_below_a_later_one(
    book: State, history: list[Step], day: int, breach: dict[str, Any], one: int, other: int, sorry: dict[str, Any]
) -> None:
    """Once both apologies are made, the earlier one leaves at least as much, on every later day."""
    early, late = sorted((one, other))
    broken = [*only_rising(history, day), Step(day, "breach", breach, "b")]
    sooner, later = ([*broken, Step(day + wait, "apology", sorry | {"breach": "b"})] for wait in (early, late))
    never_above(later, sooner, book, since=day + late)


@given(books, whole, days, severities, st.integers(0, 60), parts, st.integers(0, 30), st.integers(0, 5000))
@settings(max_examples=80)
def test_an_apology_however_received_never_ends_above_no_breach(
    book: State,
    history: list[Step],
    day: int,
    breach: dict[str, Any],
    wait: int,
    sorry: dict[str, Any],
    later: int,
    liked: int,
) -> None:
    """Reactions scale what is left of an apology as they come in: even if all are in favour, the breach still costs."""
    history = unharmed(history, day, day + wait + later)
    owned = [
        Step(day, "breach", breach, "b"),
        Step(day + wait, "apology", sorry | {"breach": "b"}, "a"),
        Step(day + wait + later, "reception", {"apology": "a", "positive": liked, "negative": 0}),
    ]
    never_above([*history, *owned], history, book)


@given(books, whole, days, severities, st.integers(0, 60), parts)
@settings(max_examples=60)
def test_silence_never_beats_an_answer(
    book: State, history: list[Step], day: int, breach: dict[str, Any], found: int, sorry: dict[str, Any]
) -> None:
    """Whoever is silent on what is found to be so never ends above one who owned it; alleging alone costs nothing."""
    history = only_rising(history, day)
    alleged = Step(day, "allegation", {"severity": breach["severity"], "by": "press"}, "x")
    spoken = {"allegation": "x"}
    so = Step(day + found, "substantiation", spoken | {"by": "platform", "evidence": "case 7"}, "s")
    wait = day + found + 14
    silent = Step(wait, "silence", spoken | {"reported_by": "acme", "source": OWN})
    owned = Step(wait, "apology", sorry | {"breach": "x"})
    never_above([*history, alleged, so, silent], [*history, alleged, so, owned], book)
    days = days_of(history, [alleged])
    assert path([*history, alleged], days, state=book) == path(history, days, state=book)


@given(books, whole, days, severities, st.lists(pitches, max_size=4), st.booleans(), st.integers(0, 100))
@settings(max_examples=80)
def test_clearing_gives_back_no_more_than_was_taken(
    book: State,
    history: list[Step],
    day: int,
    breach: dict[str, Any],
    between: list[Step],
    evaded: bool,
    wait: int,
) -> None:
    """Whatever was pitched and lost in between, being cleared adds at most what breach and evasion took."""
    told = [*history, *between, Step(day, "breach", breach, "b")]
    told += [Step(day, "evasion", {"breach": "b"}, "e")] if evaded else []
    desk = tell([step for step in told if step.day <= day + wait], state=book)
    before = desk.standing(day + wait)
    taken = max(each.amount for each in desk.book.breaches.values()) * (3 if evaded else 2) // 2
    desk.tell("cleared", day=day + wait, breach="b")
    assert desk.standing(day + wait) <= before + taken + DUST


@given(books, severities, st.integers(1, 200), st.integers(1, 200))
@settings(max_examples=80)
@example(State(trust("300"), credits=trust("300")), {"severity": 4, "self_reported": False}, 1, 188)
def test_an_evasion_never_outlives_its_breach(book: State, breach: dict[str, Any], early: int, more: int) -> None:
    """Whoever lost more in a breach never ends above one who lost less, because the evasion came late."""
    for wait in (early, early + more):
        fallen = [Step(0, "breach", breach, "b"), Step(wait, "evasion", {"breach": "b"})]
        pitch = Step(0, "pitch", {"brand": "a", "fit": "0", "disclosure": "vague", "followers": 10**10})
        never_above([pitch, *fallen], fallen, book)


@given(books, severities, st.integers(0, 60), st.integers(0, 60), parts, st.booleans())
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

SPOKEN_OF = ("breach", "event", "allegation", "apology", "pitch")
hollow = st.one_of(
    st.builds(lambda: ("post", {})),
    st.builds(lambda facts: ("breach", facts), severities),
    st.builds(lambda fit: ("undisclosed_pitch", {"brand": "acme", "fit": fit}), shares),
    st.builds(lambda fit: ("pitch", {"brand": "acme", "fit": fit, "disclosure": "clear"}), shares),
    st.builds(lambda number, facts: ("apology", facts | {"breach": number}), st.integers(0, 9), parts),
    st.builds(lambda number: ("evasion", {"breach": number}), st.integers(0, 9)),
    st.builds(lambda facts: ("allegation", {"severity": facts["severity"]}), severities),
    st.builds(
        lambda number: ("substantiation", {"allegation": number, "by": "press", "evidence": "case 7"}),
        st.integers(0, 9),
    ),
    st.builds(
        lambda number, how: ("answer", {"allegation": number, "stance": how}),
        st.integers(0, 9),
        st.sampled_from(["owns", "denies"]),
    ),
    st.builds(lambda number: ("dismissal", {"allegation": number}), st.integers(0, 9)),
    st.builds(
        lambda number: ("silence", {"allegation": number, "reported_by": "acme", "source": OWN}), st.integers(0, 9)
    ),
    st.builds(
        lambda number, well, ill: ("reception", {"apology": number, "positive": well, "negative": ill}),
        st.integers(0, 9),
        st.integers(0, 1000),
        st.integers(0, 1000),
    ),
    st.builds(
        lambda number, well, ill: ("outcome", {"pitch": number, "positive": well, "negative": ill}),
        st.integers(0, 9),
        st.integers(0, 1000),
        st.integers(0, 1000),
    ),
    st.builds(lambda number: ("cleared", {"breach": number}), st.integers(0, 9)),
    st.builds(lambda number: ("reversal", {"event": number}), st.integers(0, 14)),
    st.builds(
        lambda how: ("engagement", {"act": "reply", "engager": "fan", "incentive": how}),
        st.sampled_from(["giveaway", "pod", "bought"]),
    ),
)


@given(
    st.sampled_from([State(), State(trust("100"), trust("400")), State(trust("-50"))]),
    st.lists(st.tuples(st.integers(0, 40), hollow), max_size=15),
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
        told = {name: str(value) if name in SPOKEN_OF else value for name, value in facts.items()}
        desk.take(kind, told, day=day, ref=str(number))
        assert desk.standing(day) <= plain.standing(day) + DUST
    assert desk.standing(day + later) <= plain.standing(day + later) + DUST
    record = desk.book
    assert min(record.credits_total, record.drains_total, record.breaches_total, record.apologies_total) >= 0


@given(books, whole, paid_for)
@settings(max_examples=100)
def test_bought_engagement_earns_nothing(book: State, history: list[Step], bought: Step) -> None:
    """Engagement that was paid for changes nothing that counts, now or later."""
    days = days_of(history, [bought])
    without, with_it = path(history, days, state=book), path([*history, bought], days, state=book)
    assert all(_close(one, other) for one, other in zip(without, with_it, strict=True))


@given(books, whole, crowds, bought)
@settings(max_examples=60)
def test_bought_engagement_never_beats_known(book: State, history: list[Step], crowd: list[Step], how: str) -> None:
    """The same acts leave at least as much when nobody was paid for them."""
    paid = [step._replace(facts=step.facts | {"incentive": how}) for step in crowd]
    never_above([*history, *paid], [*history, *crowd], book, mending=True)


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


@given(books, whole, st.integers(0, 300_000), st.integers(60_000, 2_000_000))
@settings(max_examples=60)
def test_the_unknown_never_beat_the_known(book: State, history: list[Step], one: int, other: int) -> None:
    """Where accounts are attested, the same acts of people of more standing leave at least as much."""
    days = days_of(history)
    low, high = (path(history, days, state=book, standing=standing) for standing in sorted((one, other)))
    assert all(
        less.standing + less.mending <= more.standing + more.mending + DUST
        for less, more in zip(low, high, strict=True)
    )


@given(books, whole, st.integers(0, 500), st.integers(0, 500))
def test_idle_time_raises_nothing(book: State, history: list[Step], one: int, other: int) -> None:
    """After any history, what is held and mends only falls while nothing happens, but for debt that fades."""
    last = max((step.day for step in history), default=0)
    desk = tell(history, state=book)
    earlier, later = (desk.on(last + wait) for wait in sorted((one, other)))
    assert later.standing + later.mending <= earlier.standing + earlier.mending + max(0, -earlier.fresh)


@given(books, pools, pools, st.integers(0, 500))
def test_idle_time_gives_back_no_more_than_mends(book: State, pitch: int, breach: int, later: int) -> None:
    """What idle time adds is at most what was mending and what distrust there was."""
    desk = Desk(state=book._replace(mending_pitch=pitch, mending_breach=breach))
    assert desk.standing(later) <= desk.standing(0) + pitch + breach + max(0, -book.fresh)


# One way to post


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Counter]:
    """A database whose books every example opens anew."""
    copy = tmp_path_factory.mktemp("laws") / "books.sqlite3"
    copy.write_bytes(sqlite_template.read_bytes())
    database = Database(f"sqlite:///{copy}")
    yield Counter(database, names=())
    database.dispose()


@given(history=whole, last=days)
@settings(max_examples=25)
def test_what_holds_at_the_desk_holds_in_the_database(counter: Counter, history: list[Step], last: int) -> None:
    """A history told to a database, an event a time, leaves to the micro-trust what it leaves in memory."""
    name = f"u{len(counter.ids)}"
    counter.ids[name] = counter.enrol(name)
    history = sorted([*history, *befriending("acme", last)], key=lambda step: step.day)
    for number, step in enumerate(history):
        told = desk_tell(
            step.kind, ref=step.ref or f"event {number}", at_us=noon(step.day), creator=f"youtube:{name}", **step.facts
        )
        assert counter.post(told, now_us=noon(step.day))[0].status in ("posted", "refused")
    assert counter.state(last + 400, name) == tell(history).on(last + 400)


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
