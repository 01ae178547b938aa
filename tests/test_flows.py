"""Flows of several events: brands let in, pitches from hold to outcome, allegations to their end, busy days."""

from random import Random
from shutil import copyfile
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import audit, books, db, economy, events, posting, tables
from ledger.books import OpenBook
from ledger.db import Database
from ledger.economy import State
from ledger.events import NewEvent, Receipt
from ledger.keeping import KEPT
from ledger.kinds import KINDS
from ledger.kinds.facts import fields_of
from tests.desk import DAY, METER, PEPPER, Counter, Desk, noon, tell, trust

NIKE = "brand:nike"
TABLES = ("book", "entry", "event", *(part.table.name for part in KEPT))
UNBALANCED = "fresh + bedrock + mending_pitch + mending_breach + world <> 0"
P, Q, R, S, T = (f"0192f0c1-0000-7000-8000-00000000000{n}" for n in range(5))
FEW = 60  # micro-trust: what truncations on the way may leave
TERMS: dict[str, Any] = {"brand": "nike", "disclosure": "clear", "share": "0.05", "mending": "0.8"} | {
    "clear": "0.15", "vague": "0.05"
}  # fmt: skip


def told(kind: str, ref: str, on: int, /, *, creator: str = "youtube:u1", **facts: Any) -> NewEvent:
    """An event at noon of a day, told by the ledger itself where partners may not."""
    brand = KINDS[kind].meters == ("brand",)
    facts = ({"meter": NIKE} if brand else {}) | facts
    facts = ({"source": events.OWN} if KINDS[kind].internal else {}) | facts
    if brand and kind != "exchange":
        facts["brand"] = "nike"
    return tell(kind, ref=ref, at_us=noon(on), creator=creator, **facts)


def post(counter: Counter, kind: str, ref: str, on: int, /, **facts: Any) -> Receipt:
    """Post one event on its day; it must be taken."""
    (receipt,) = counter.post(told(kind, ref, on, **facts), now_us=noon(on))
    assert receipt.status == "posted", (kind, receipt)
    return receipt


def everything(counter: Counter, *without: str) -> dict[str, list[str]]:
    """All rows of all tables that posting writes."""
    return {name: sorted(map(repr, counter.rows(f"SELECT * FROM {name}"))) for name in TABLES if name not in without}


def refused(counter: Counter, event: NewEvent, day: int) -> str | None:
    """The code with which an event is refused, None where it is taken. A refusal leaves no trace in any book."""
    before, event_only = everything(counter), everything(counter, "event")
    try:
        (receipt,) = counter.post(event, now_us=noon(day), atomic=True)
    except posting.AtomicRefused:
        assert everything(counter) == before
        (receipt,) = counter.post(event, now_us=noon(day))
        assert everything(counter, "event") == event_only
        assert (everything(counter) != before) == receipt.remembered
        strange = "was never introduced to" in (receipt.detail or "")  # their book is not there: nothing remembers it
        assert receipt.remembered == (receipt.code not in ("too_early", "unchanged", NOBODY) and not strange)
    return receipt.code


def verified(counter: Counter) -> None:
    """The audit finds everything sound."""
    with counter.database.snapshot() as session:
        report = audit.verify(session, schedule=counter.schedule)
    assert report.ok, report


def holds(counter: Counter, meter: str, day: int) -> State:
    """What one of u1's books holds on a day."""
    sql = f"SELECT {books.BOOK_COLUMNS} FROM book b WHERE b.creator_id = ? AND b.meter = ?"
    book = OpenBook.of_row(counter.rows(sql, counter.ids["u1"], meter)[0])
    return economy.accrue(book.state, DAY + day, counter.schedule, policy_version=book.policy_version)


def near(one: State, other: State) -> bool:
    """The pools of two states differ by what truncation leaves."""
    return all(abs(a - b) <= FEW for a, b in zip(one[:4], other[:4], strict=True))


def earn(counter: Counter, day: int, *, creator: str = "youtube:u1") -> None:
    """Four new fans reply."""
    for fan in (f"fan {day} {n}" for n in range(4)):
        post(counter, "engagement", fan, day, creator=creator, act="reply", engager=fan)


# Relationships

BEGUN = [("introduction", "i")]
LET_IN = [*BEGUN, ("introduction_accepted", "i:a")]
STEPS = ["introduction", "introduction_accepted", "introduction_declined", "relationship_ended"]
STEPS += ["brand_blocked", "brand_unblocked", "exchange"]
WRONG, OUTSIDE, EARLY, NOBODY = "illegal_transition", "not_let_in", "too_early", "unknown_creator"
RELATIONSHIPS: dict[str, tuple[list[tuple[str, str]], list[str | None]]] = {
    "nobody": ([], [None, NOBODY, NOBODY, NOBODY, None, NOBODY, OUTSIDE]),
    "introduced": (BEGUN, [WRONG, None, None, None, None, WRONG, OUTSIDE]),
    "accepted": (LET_IN, [WRONG, WRONG, WRONG, None, None, WRONG, None]),
    "declined": ([*BEGUN, ("introduction_declined", "d")], [EARLY, WRONG, WRONG, WRONG, None, WRONG, OUTSIDE]),
    "ended": ([*LET_IN, ("relationship_ended", "e")], [EARLY, WRONG, WRONG, WRONG, None, WRONG, OUTSIDE]),
    "blocked": ([*LET_IN, ("brand_blocked", "b")], [OUTSIDE, OUTSIDE, OUTSIDE, OUTSIDE, WRONG, None, OUTSIDE]),
    "unblocked": (
        [*LET_IN, ("brand_blocked", "b"), ("brand_unblocked", "u")],
        [EARLY, WRONG, WRONG, WRONG, None, WRONG, OUTSIDE],
    ),
}


@pytest.mark.parametrize("state", RELATIONSHIPS)
def test_every_step_of_a_relationship(database: Database, state: str) -> None:
    """From each state each step is allowed, or refused with its code and without a trace."""
    so_far, codes = RELATIONSHIPS[state]
    counter = Counter(database, names=STEPS)
    for step, code in zip(STEPS, codes, strict=True):
        for kind, ref in so_far:
            post(counter, kind, ref, 0, creator=f"youtube:{step}")
        assert refused(counter, told(step, "step", 1, creator=f"youtube:{step}"), 1) == code, step
    verified(counter)


def test_a_no_is_a_no_for_thirty_days(database: Database) -> None:
    """A brand that was declined may introduce itself again on the thirtieth day; let in twice, it earns once."""
    counter = Counter(database)
    for kind, ref in [*LET_IN, ("relationship_ended", "e")]:
        post(counter, kind, ref, 0)
    assert refused(counter, told("introduction", "again", 29), 29) == EARLY
    post(counter, "introduction", "again", 30)
    assert post(counter, "introduction_accepted", "again:a", 30).entries[0].amount == 0


# Authorised pitches

HOLD = TERMS | {"drain": trust("2"), "held": trust("3"), "expires_at_us": noon(20)}
PITCH_STEPS = ["pitch_accepted", "pitch_declined", "pitch_withdrawn", "pitch_expired", "pitch_published"]
PITCHES: dict[str, tuple[list[str], int, list[str | None]]] = {
    "held": ([], 5, [None, None, None, EARLY, WRONG]),
    "accepted": (["pitch_accepted"], 5, [WRONG, WRONG, None, EARLY, None]),
    "published": (["pitch_accepted", "pitch_published"], 5, [WRONG] * 5),
    "declined": (["pitch_declined"], 5, [WRONG] * 5),
    "withdrawn": (["pitch_withdrawn"], 5, [WRONG] * 5),
    "held too long": ([], 20, [WRONG, WRONG, WRONG, None, WRONG]),
    "accepted too long ago": (["pitch_accepted"], 20, [WRONG, WRONG, WRONG, None, WRONG]),
}


def facts_of(kind: str, pitch: str = P) -> dict[str, Any]:
    """The facts of a step of a pitch."""
    facts: dict[str, Any] = {"pitch": pitch, "brand": "nike"}
    return facts | {"disclosure": "clear"} if kind == "pitch_published" else facts


@pytest.mark.parametrize("state", PITCHES)
def test_every_step_of_a_pitch(database: Database, state: str) -> None:
    """From each state each step is allowed, or refused with its code and without a trace."""
    so_far, day, codes = PITCHES[state]
    counter = Counter(database, names=PITCH_STEPS)
    for step, code in zip(PITCH_STEPS, codes, strict=True):
        creator = f"youtube:{step}"
        for kind, ref in LET_IN:
            post(counter, kind, ref, 0, creator=creator)
        post(counter, "engagement", "e", 1, creator=creator, act="reply", engager="fan")
        post(counter, "pitch_held", P, 2, creator=creator, **HOLD)
        for number, kind in enumerate(so_far):
            post(counter, kind, f"p:{number}", 3, creator=creator, **facts_of(kind))
        assert refused(counter, told(step, "step", day, creator=creator, **facts_of(step)), day) == code, step
    verified(counter)


def test_a_hold_reserves_until_it_ends(database: Database) -> None:
    """Of 4.9 a hold of 3 leaves less than 3; once withdrawn or past its time, as much may be held again."""
    counter = Counter(database)
    for kind, ref in LET_IN:
        post(counter, kind, ref, 0)
    post(counter, "engagement", "e", 1, act="reply", engager="fan")
    post(counter, "pitch_held", P, 2, **HOLD)
    assert refused(counter, told("pitch_held", S, 2, **HOLD), 2) == "hold_waiting"
    post(counter, "pitch_accepted", "p:a", 2, **facts_of("pitch_accepted"))
    assert refused(counter, told("pitch_held", Q, 2, **HOLD), 2) == "exceeds_available"
    post(counter, "pitch_withdrawn", "p:w", 3, **facts_of("pitch_withdrawn"))
    post(counter, "pitch_held", R, 3, **HOLD)
    post(counter, "pitch_held", T, 20, **(HOLD | {"expires_at_us": noon(30)}))  # r ran out, swept or not
    verified(counter)


def test_a_step_is_of_the_brand_that_was_authorised(database: Database) -> None:
    """A step that names another brand than the hold does is refused: it would take from the wrong meter."""
    counter = Counter(database)
    for kind, ref in LET_IN:
        post(counter, kind, ref, 0)
    post(counter, "engagement", "e", 1, act="reply", engager="fan")
    post(counter, "pitch_held", P, 2, **HOLD)
    wrong = told("pitch_accepted", "p:a", 3, pitch=P, brand="puma")
    assert refused(counter, wrong, 3) == "wrong_reference"


# What is alleged

SAID: dict[str, dict[str, Any]] = {
    "answer": {"allegation": "a", "stance": "denies"},
    "owning": {"allegation": "a", "stance": "owns"},
    "substantiation": {"allegation": "a", "by": "press", "evidence": "archive 1"},
    "dismissal": {"allegation": "a"},
    "silence": {"allegation": "a", "reported_by": "acme"},
    "apology": {"breach": "a", "responsibility": True},
    "cleared": {"breach": "a"},
}
DONE, NO_BREACH = "already_done", "wrong_reference"
ALLEGATIONS: dict[str, tuple[list[str], list[str | None]]] = {
    "open": ([], [None, None, None, None, WRONG, NO_BREACH, NO_BREACH]),
    "denied": (["answer"], [DONE, None, None, None, WRONG, NO_BREACH, NO_BREACH]),
    "owned": (["owning"], [DONE, DONE, WRONG, WRONG, DONE, None, None]),
    "substantiated": (["substantiation"], [None, None, WRONG, WRONG, None, None, None]),
    "dismissed": (["dismissal"], [DONE, DONE, DONE, DONE, WRONG, NO_BREACH, NO_BREACH]),
    "answered and substantiated": (["answer", "substantiation"], [DONE, DONE, WRONG, WRONG, DONE, None, None]),
    "met with silence": (["substantiation", "silence"], [None, None, WRONG, WRONG, DONE, None, None]),
    "apologised for": (["substantiation", "apology"], [None, None, WRONG, WRONG, DONE, DONE, None]),
    "cleared": (["substantiation", "cleared"], [None, None, WRONG, WRONG, DONE, DONE, DONE]),
}


def kind_of(step: str) -> str:
    """The kind of event that a step is."""
    return "answer" if step == "owning" else step


@pytest.mark.parametrize("state", ALLEGATIONS)
def test_every_step_of_an_allegation(database: Database, state: str) -> None:
    """From each state each step is allowed, or refused with its code and without a trace."""
    so_far, codes = ALLEGATIONS[state]
    counter = Counter(database, names=[*SAID])
    for step, code in zip(SAID, codes, strict=True):
        creator = f"youtube:{step}"
        post(counter, "allegation", "a", 0, creator=creator, severity=2)
        for number, each in enumerate(so_far):
            post(counter, kind_of(each), f"a:{number}", 1 + 14 * number, creator=creator, **SAID[each])
        event = told(kind_of(step), "step", 15, creator=creator, **SAID[step])
        assert refused(counter, event, 15) == code, step
    verified(counter)


@pytest.mark.parametrize("undone", ["dismissal", "substantiation", "answer"])
def test_what_is_undone_leaves_the_allegation_open(database: Database, undone: str) -> None:
    """A dismissal, a finding or an answer entered by mistake is as if it had not been."""
    counter = Counter(database)
    post(counter, "allegation", "a", 0, severity=2)
    post(counter, undone, "m", 1, **SAID[undone])
    post(counter, "reversal", "r", 2, event="m")
    assert counter.rows("SELECT status, answered, breach FROM allegation") in (
        [("open", 0, None)],
        [("open", False, None)],
    )
    post(counter, undone, "again", 3, **SAID[undone])
    verified(counter)


# What is given back, and what is revised


def test_cleared_is_as_if_it_had_never_been(database: Database) -> None:
    """Alleged, substantiated, met with silence, owned late, received well: cleared, nothing of it is left."""
    counter = Counter(database, names=("u1", "u2"))
    for day in range(0, 60, 6):
        earn(counter, day)
        earn(counter, day, creator="youtube:u2")
    post(counter, "allegation", "a", 60, severity=4)
    post(counter, "substantiation", "s", 62, **SAID["substantiation"])
    post(counter, "silence", "q", 76, **SAID["silence"])
    post(counter, "apology", "p", 80, **SAID["apology"], repair=True)
    post(counter, "reception", "r", 85, apology="p", positive=900, negative=3)
    post(counter, "reception", "r2", 95, apology="p", positive=900, negative=3000)
    post(counter, "cleared", "c", 140, breach="a")
    assert near(holds(counter, METER, 140), counter.state(140, "u2"))
    assert near(holds(counter, METER, 300), counter.state(300, "u2"))
    record = counter.rows(
        "SELECT credits_total, drains_total, breaches_total, apologies_total FROM book ORDER BY creator_id"
    )
    assert record[0] == record[1]
    assert refused(counter, told("reversal", "x", 141, event="r2"), 141) == "wrong_reference"
    verified(counter)


def test_reactions_that_come_later_count_as_if_known_at_once(database: Database) -> None:
    """An apology revised three times ends where one ends whose last reactions were known from the start."""
    counter = Counter(database, names=("u1", "u2"))
    for name in ("u1", "u2"):
        creator = f"youtube:{name}"
        post(counter, "engagement", "e", 0, creator=creator, act="reply", engager="fan")
        post(counter, "breach", "b", 1, creator=creator, severity=4)
    sorry: dict[str, Any] = {"breach": "b", "responsibility": True, "repair": True}
    post(counter, "apology", "a", 2, **sorry)
    post(counter, "apology", "a", 2, creator="youtube:u2", **sorry, positive=700, negative=80)
    for day, positive, negative in ((5, 10, 0), (12, 10, 4_000), (30, 700, 80)):
        post(counter, "reception", f"r{day}", day, apology="a", positive=positive, negative=negative)
    for day in (30, 100, 400):
        mine, theirs = holds(counter, METER, day), counter.state(day, "u2")
        assert all(abs(a - b) < 3_000 for a, b in zip(mine[:4], theirs[:4], strict=True))
    assert refused(counter, told("reception", "late", 33, apology="a", positive=1, negative=1), 33) == "too_late"
    verified(counter)


SORRY: dict[str, Any] = {"breach": "b", "responsibility": True, "repair": True, "regret": True}
REACTIONS = st.tuples(st.sampled_from([0, 3, 40, 10**9, 10**11]), st.sampled_from([0, 5, 90, 10**9, 10**11]))


def received(state: State, fall: bool, reactions: list[tuple[int, tuple[int, int]]]) -> Desk:
    """A breach, an apology on the next day, perhaps another fall after it, and how it was received on which days."""
    desk = Desk(state=state)
    assert desk.tell("breach", ref="b", severity=4).status == "posted"
    assert desk.tell("apology", ref="a", day=1, **SORRY).status == "posted"
    if fall:
        assert desk.tell("breach", severity=3, day=1).status == "posted"
    for day, (positive, negative) in reactions:
        assert desk.tell("reception", day=day, apology="a", positive=positive, negative=negative).status == "posted"
    return desk


@given(
    st.lists(st.tuples(st.integers(1, 31), REACTIONS), max_size=8),
    REACTIONS,
    st.sampled_from([0, 1, 30, 900]).map(lambda held: trust(str(held))),
    st.sampled_from([0, 300]).map(lambda held: trust(str(held))),
    st.booleans(),
)
@settings(max_examples=60)
def test_of_several_receptions_the_last_counts(
    before: list[tuple[int, tuple[int, int]]], last: tuple[int, int], fresh: int, bedrock: int, fall: bool
) -> None:
    """An apology ends as the last word alone would, where bricks were lost not above; never above what all accept."""
    book, before = State(fresh, bedrock), sorted(before)
    many = received(book, fall, [*before, (31, last)])
    one = received(book, fall, [(31, last)])
    best = received(book, fall, [(1, (10**11, 0)), (31, (10**11, 0))])
    for day in (31, 60, 400):
        mine, alone = many.on(day), one.on(day)
        assert mine.standing <= alone.standing + FEW
        assert mine.standing + mine.mending <= best.on(day).standing + best.on(day).mending + FEW
        if fresh == trust("900"):
            assert near(mine, alone)


@given(st.lists(st.tuples(st.integers(1, 31), REACTIONS), max_size=4), REACTIONS, REACTIONS, st.booleans())
@settings(max_examples=60)
def test_the_better_an_apology_is_received_the_more_it_leaves(
    before: list[tuple[int, tuple[int, int]]], one: tuple[int, int], other: tuple[int, int], fall: bool
) -> None:
    """More in favour, or fewer against, never leave less, nor less on its way back."""
    better, worse = (max(one[0], other[0]), min(one[1], other[1])), (min(one[0], other[0]), max(one[1], other[1]))
    desks = [received(State(0, trust("300")), fall, [*sorted(before), (31, last)]) for last in (better, worse)]
    for day in (31, 60, 400):
        well, ill = (desk.on(day) for desk in desks)
        assert well.standing >= ill.standing - FEW
        assert well.mending >= ill.mending - FEW


def test_reactions_to_an_apology_that_was_undone_count_for_nothing(database: Database) -> None:
    """Its breach is owned by another apology: they are refused, and what comes with them is taken."""
    counter = Counter(database)
    earn(counter, 0)
    post(counter, "breach", "b", 1, severity=3)
    post(counter, "apology", "a", 2, breach="b")
    post(counter, "reversal", "r", 2, event="a")
    post(counter, "apology", "a2", 3, **SORRY)
    late = told("reception", "x", 4, apology="a", positive=1, negative=0)
    other = told("engagement", "e", 4, act="reply", engager="fan")
    assert [each.code for each in counter.post(late, other, now_us=noon(4))] == ["already_done", None]
    post(counter, "reception", "y", 5, apology="a2", positive=50, negative=0)
    verified(counter)


def with_brand(counter: Counter) -> None:
    """A brand let in, met three times, and a book that earned."""
    for kind, ref in LET_IN:
        post(counter, kind, ref, 0)
    for day in range(3):
        post(counter, "exchange", f"x{day}", day)
        earn(counter, day)


@pytest.mark.parametrize("kind", ["pitch", "undisclosed_pitch"])
def test_a_pitch_undone_is_undone_in_both_books(database: Database, kind: str) -> None:
    """Reversed with its outcome, or cleared, neither the network nor the brand shows any of it; rapport is gone too."""
    counter = Counter(database)
    with_brand(counter)
    before = {meter: holds(counter, meter, 40) for meter in (METER, NIKE)}
    facts = {"brand": "nike"} | ({"disclosure": "clear"} if kind == "pitch" else {})
    made = post(counter, kind, "p", 3, **facts)
    assert {entry.meter for entry in made.entries} == {METER, NIKE}
    assert holds(counter, NIKE, 3).standing < before[NIKE].standing + trust("9")
    if kind == "pitch":
        outcome = post(counter, "outcome", "o", 12, pitch="p", positive=900, negative=3)
        assert [entry.kind for entry in outcome.entries] == ["outcome", "outcome", "rapport"]
        post(counter, "reversal", "r", 40, event="p")
    else:
        post(counter, "cleared", "r", 40, breach="p")
    after = {meter: holds(counter, meter, 40) for meter in (METER, NIKE)}
    assert all(near(after[meter], before[meter]) for meter in after), (before, after)
    verified(counter)


def test_an_exchange_undone_does_not_make_an_acquaintance(database: Database) -> None:
    """Of three exchanges one was not genuine: two are counted, and its credit is gone."""
    counter = Counter(database)
    with_brand(counter)
    post(counter, "reversal", "r", 4, meter=NIKE, event="x1", why="fraud")
    assert counter.rows("SELECT exchanges FROM relationship") == [(2,)]
    verified(counter)


def again(counter: Counter, day: int) -> None:
    """The relationship is ended, and a month later the brand is let in anew."""
    post(counter, "relationship_ended", "e", day)
    post(counter, "introduction", "i2", day + 30)
    post(counter, "introduction_accepted", "i2:a", day + 30)


def test_what_lies_before_a_brand_was_let_in_is_no_exchange(database: Database) -> None:
    """Backdated exchanges earn nothing and make no acquaintance; nor do the same days pay again the second time."""
    counter = Counter(database)
    for kind, ref in LET_IN:
        post(counter, kind, ref, 40)
    before = holds(counter, NIKE, 40).standing
    for ref, day in (("x1", 1), ("x2", 20), ("x3", 39)):
        counter.post(told("exchange", ref, day), now_us=noon(40))
    assert holds(counter, NIKE, 40).standing == before
    post(counter, "exchange", "x4", 40)
    post(counter, "exchange", "x5", 41)
    assert counter.rows("SELECT exchanges FROM relationship") == [(2,)]
    again(counter, 42)
    before = holds(counter, NIKE, 72).standing
    for ref, day in (("y1", 39), ("y2", 40), ("y3", 41), ("y4", 60)):
        counter.post(told("exchange", ref, day), now_us=noon(72))
    assert holds(counter, NIKE, 72).standing == before
    assert counter.rows("SELECT exchanges, exchange_day FROM relationship") == [(0, DAY + 41)]
    post(counter, "exchange", "y5", 72)
    assert counter.rows("SELECT exchanges FROM relationship") == [(1,)]
    verified(counter)


def test_an_exchange_of_an_earlier_time_is_undone_without_the_new_one(database: Database) -> None:
    """Its credit is gone; what the brand has exchanged since it was let in again stays counted."""
    counter = Counter(database)
    with_brand(counter)
    again(counter, 3)
    post(counter, "exchange", "y1", 33)
    post(counter, "exchange", "y2", 34)
    before = holds(counter, NIKE, 35).standing
    post(counter, "reversal", "r", 35, meter=NIKE, event="x1", why="fraud")
    assert holds(counter, NIKE, 35).standing < before
    assert counter.rows("SELECT exchanges FROM relationship") == [(2,)]
    verified(counter)


@pytest.mark.parametrize(
    ("now", "positive", "gains"),
    [("accepted", 20, True), ("accepted", 19, False), ("ended", 900, False), ("brand_blocked", 900, False)],
)
def test_a_pitch_went_well_where_enough_say_so(database: Database, now: str, positive: int, gains: bool) -> None:
    """Rapport takes as many reactions as the prior assumes, and a brand that is still let in."""
    counter = Counter(database)
    with_brand(counter)
    post(counter, "pitch", "p", 3, brand="nike", disclosure="clear")
    if now != "accepted":
        post(counter, {"ended": "relationship_ended"}.get(now, now), "z", 4)
    receipt = post(counter, "outcome", "o", 12, pitch="p", positive=positive, negative=0)
    assert ("rapport" in [entry.kind for entry in receipt.entries]) == gains
    verified(counter)


@pytest.mark.parametrize("ref", ["i", "i:a", P, "p:a"])
def test_steps_are_not_undone_in_the_middle(database: Database, ref: str) -> None:
    """An introduction, a hold and an acceptance are followed by the next step, never reversed."""
    counter = Counter(database)
    with_brand(counter)
    post(counter, "pitch_held", P, 3, **HOLD)
    post(counter, "pitch_accepted", "p:a", 3, **facts_of("pitch_accepted"))
    meter = NIKE if ref.startswith("i") else METER
    event = told("reversal", "r", 4, event=ref, reported_by=events.OWN, meter=meter)
    assert refused(counter, event, 4) == "wrong_reference"


# Busy days


def busy(counter: Counter, day: int, *, fans: int = 50) -> None:
    """So many fans reply on one day."""
    for first in range(0, fans, 10):
        batch = [told("engagement", f"b{n}", day, act="reply", engager=f"new {n}") for n in range(first, first + 10)]
        counter.post(*batch, now_us=noon(day))


def test_a_busy_day_ends_like_any_other_full_day(database: Database) -> None:
    """Held it shows nothing; released after 48 hours it is worth what a full day is; a doubled release is refused."""
    counter = Counter(database)
    busy(counter, 0)
    assert holds(counter, METER, 0).standing == 0
    assert counter.rows("SELECT known FROM tally") == [(trust("250"),)]
    assert refused(counter, told("release", "d", 1, day=DAY), 1) == EARLY
    post(counter, "release", "d", 3, day=DAY)
    full = State(trust("18"), trust("2"), day=DAY)
    assert near(holds(counter, METER, 30), economy.accrue(full, DAY + 30, counter.schedule))
    assert counter.rows("SELECT credits_total < ? FROM book", trust("20") + 1)[0][0]
    assert refused(counter, told("release", "d2", 4, day=DAY), 4) == DONE
    verified(counter)


def test_a_busy_day_that_was_bought_is_worth_nothing(database: Database) -> None:
    """Every act undone while it waits, nothing is left to release."""
    counter = Counter(database)
    busy(counter, 0)
    for number in range(50):
        post(counter, "reversal", f"r{number}", 1, event=f"b{number}", why="fraud")
    post(counter, "release", "d", 3, day=DAY)
    assert holds(counter, METER, 3).standing == 0
    assert counter.rows("SELECT credits_total FROM book") == [(0,)]
    verified(counter)


# Unknown engagers


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=10, deadline=None)
@given(days=st.lists(st.tuples(st.integers(0, 70), st.integers(0, 25)), min_size=4, max_size=14))
def test_strangers_earn_within_their_bound_in_any_thirty_days(sqlite_url: str, days: list[tuple[int, int]]) -> None:
    """Whatever comes first, unknown engagers earn at most .2 and a tenth of the standing in any thirty days."""
    database = Database(sqlite_url)
    counter = Counter(database, names=[])
    name = f"u{len(counter.rows('SELECT 1 FROM creator'))}"
    counter.ids["u1"] = counter.enrol(name)
    attest(database)
    for number, (day, late) in enumerate(sorted(days)):
        who: dict[str, Any] = {"creator": f"youtube:{name}", "act": "reply"}
        acts = [told("engagement", f"{number}-{n}", day - late, engager=f"s{number}{n}", **who) for n in range(3)]
        counter.post(*acts, now_us=noon(day))
    earned: dict[int, int] = dict(
        counter.rows("SELECT day, unknown FROM tally WHERE creator_id = ?", counter.ids["u1"])
    )
    most = max(sum(earned.get(day + n, 0) for n in range(30)) for day in earned)
    highest = max(0, *(row[0] for row in counter.rows("SELECT opening FROM book")), trust("1"))
    assert most <= trust("0.2") + highest // 10
    verified(counter)
    database.dispose()


def attest(database: Database) -> None:
    """Somebody is vouched for on youtube, so that those whom nobody knows are unknown."""
    figure, standing = (tables.METADATA.tables[name] for name in ("figure", "standing"))
    values = {"name": "standing:youtube", "network": "youtube", "engager": events.seal(PEPPER, "known")}
    for table in (figure, standing):
        row = tuple(values.get(c.name, "" if c.type.python_type is str else 1) for c in table.columns)
        database.write(lambda session, table=table, row=row: db.upsert(session, table, [row]))  # type: ignore[misc]


# Batches that speak of what they hold


def without_ids(counter: Counter) -> dict[str, list[str]]:
    """All rows of all tables, without what is drawn at random or follows from it."""
    drawn = {"creator_id", "event_id", "event_hash", "hash", "prev_hash", "salt", "head", "version"}
    found = {}
    for name in TABLES:
        names = ", ".join(c.name for c in tables.METADATA.tables[name].columns if c.name not in drawn)
        found[name] = sorted(map(repr, counter.rows(f"SELECT {names} FROM {name}")))
    return found


def alike(urls: tuple[str, str], calls: list[tuple[int, list[NewEvent]]]) -> None:
    """Each call's events in one batch, and one by one in order of time, leave the same in every table; both verify."""
    together, apart = (Counter(Database(url)) for url in urls)
    for day, batch in calls:
        receipts = together.post(*batch, now_us=noon(day))
        for event, receipt in sorted(zip(batch, receipts, strict=True), key=lambda pair: pair[0].occurred_at_us):
            (alone,) = apart.post(event, now_us=noon(day))
            assert (alone.status, alone.code, alone.entries) == (receipt.status, receipt.code, receipt.entries)
    assert without_ids(together) == without_ids(apart)
    for counter in (together, apart):
        verified(counter)
        assert counter.rows(f"SELECT seq FROM entry WHERE {UNBALANCED} OR mending_pitch_after < 0") == []
        counter.database.dispose()


def two(folder: Any, template: Any) -> tuple[str, str]:
    """Two empty databases."""
    made = [copyfile(template, folder / f"{uuid4()}.sqlite3") for _ in range(2)]
    return f"sqlite:///{made[0]}", f"sqlite:///{made[1]}"


def test_a_batch_may_undo_what_it_tells_of(tmp_path: Any, sqlite_template: Any) -> None:
    """A pitch, its outcome and its reversal, a brand and its exchange: in one call as in many, in both books."""
    sale = told("pitch", "p", 10, brand="nike", disclosure="clear")
    story = [
        told("introduction", "i", 2),
        told("introduction_accepted", "i:a", 2),
        told("exchange", "x", 3),
        told("engagement", "e", 3, act="reply", engager="fan"),
        sale,
        told("outcome", "o", 18, pitch="p", positive=9, negative=0),
        told("reversal", "r", 19, event="p"),
        told("undisclosed_pitch", "h", 19, brand="nike"),
        told("cleared", "c", 20, breach="h"),
        told("pitch_held", Q, 20, **(HOLD | {"expires_at_us": noon(90)})),
        told("pitch_accepted", "q:a", 20, **facts_of("pitch_accepted", Q)),
        told("pitch_published", "q:p", 20, **facts_of("pitch_published", Q)),
        told("reversal", "q:r", 20, event="q:p", reported_by=events.OWN),
        told("allegation", "a", 20, severity=2),
        told("answer", "o2", 20, **SAID["owning"]),
        told("apology", "s", 20, **SAID["apology"]),
        told("reception", "s:r", 20, apology="s", positive=9, negative=0),
    ]
    alike(two(tmp_path, sqlite_template), [(20, story)])


def test_a_pitch_before_its_brand_is_a_strangers(tmp_path: Any, sqlite_template: Any) -> None:
    """In one call with an introduction that came later, a pitch touches no book of the brand's."""
    pitch = told("pitch", "p", 1, brand="nike", disclosure="clear")
    alike(two(tmp_path, sqlite_template), [(3, [told("introduction", "i", 2), pitch])])


def test_nobody_is_introduced_to_a_creator_who_is_not_there(database: Database) -> None:
    """No book is opened for an unknown creator."""
    counter = Counter(database)
    stranger = told("introduction", "i", 0, creator="0192f0c1-0000-7000-8000-00000000dead", brand="nike")
    assert refused(counter, stranger, 0) == NOBODY


def some(rng: Random, number: int, day: int) -> NewEvent:
    """Some event on a day, about one of the few that may have been before it."""
    refs = [f"r{each}" for each in range(max(0, number - 12), number)] or ["none"]
    names = [name for name in KINDS if name not in ("policy_marker", "erasure")]
    kind = rng.choice(names + ["engagement", "pitch", "reversal"] * 5)
    facts: dict[str, Any] = dict(KINDS[kind].example)
    if kind == "engagement":
        facts = {"act": "reply", "engager": f"fan {rng.randint(0, 30)}"}
    if field := KINDS[kind].refers_to:
        facts |= {field: rng.choice(refs), "reported_by": rng.choice(["acme", events.OWN])}
        known = fields_of(KINDS[kind].facts)
        facts = {name: value for name, value in facts.items() if name in known}
    if kind == "pitch_held":
        facts |= {"held": rng.choice([0, trust("3")]), "drain": trust("1"), "expires_at_us": noon(day + 3)}
    if kind == "release":
        facts = {"day": DAY + day - 2}
    late = 0 if KINDS[kind].internal else rng.choice([0, 0, 3])
    return told(kind, f"r{number}", day - late, **facts)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_whatever_comes_together_or_apart(tmp_path: Any, sqlite_template: Any, seed: int) -> None:
    """Any sequence of all kinds, in batches or one by one, ends alike and is found sound."""
    rng, day, number = Random(seed), 0, 0
    calls = [(0, [told(kind, ref, 0)]) for kind, ref in LET_IN]
    for _ in range(8):
        day, size = day + rng.choice([0, 1, 2, 8, 20]), rng.randint(1, 6)
        calls.append((day, [some(rng, number + each, day) for each in range(size)]))
        number += size
    alike(two(tmp_path, sqlite_template), calls)
