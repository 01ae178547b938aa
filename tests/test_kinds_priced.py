"""One priced example of each kind, worked out by hand from the formulas."""

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import economy, events, kinds
from ledger.economy import DAY_US, Move, State
from ledger.errors import AlreadyDone, ExceedsAvailable, HoldWaiting, NotLetIn, TooEarly, TooLate, Unchanged
from ledger.kinds import KINDS, LINES, PUBLIC, apology, base, engagement, pitch
from ledger.kinds.base import Allegation, Breach, Context, Due, Line, Past, Pitch, Relationship, Tally
from ledger.kinds.facts import read
from ledger.policy import Schedule
from tests.desk import DAY, FOUNDING, Desk, noon, trust, variant

KNOWN = Relationship("accepted", DAY - 30, "intro", accepted_day=DAY - 30, exchanges=3)


def context(**changes: Any) -> Context:
    """A context with nothing in it but the founding policy."""
    given: dict[str, Any] = {"state": State(day=DAY), "policy": FOUNDING, "day": DAY, "late_days": 0} | changes
    return Context(**given)


def moves(kind: str, facts: dict[str, Any], where: Context) -> list[Move]:
    """What the lines of an event mean to do."""
    told: Any = read(KINDS[kind].facts, facts, seal=str)
    lines = KINDS[kind].price(told, where)
    return [kinds.amounts(line.kind, line.factors, FOUNDING.rates) for line in lines]


def moves_beside(kind: str, facts: dict[str, Any], own: Context, other: Context) -> list[Move]:
    """What the lines of an event mean to do in the other book that it touches."""
    told: Any = read(KINDS[kind].facts, facts, seal=str)
    beside = KINDS[kind].beside
    lines = beside(told, other, KINDS[kind].price(told, own)) if beside else []
    return [kinds.amounts(line.kind, line.factors, FOUNDING.rates) for line in lines]


def fan(**changes: object) -> dict[str, Any]:
    """A reply by a fan."""
    return {"act": "reply", "engager": "fan"} | changes


# Engagement


def test_a_reply() -> None:
    """w 5 * s 1 * r 1 = 5: nine tenths fresh, one tenth bedrock, one known act."""
    expected = Move(trust("4.5"), trust("0.5"), credits=trust("5"), known=1_000_000)
    assert moves("engagement", fan(), context()) == [expected]


@pytest.mark.parametrize(
    ("act", "amount"),
    [("like", "1"), ("follow", "2"), ("share", "4"), ("reply", "5"), ("answer", "5"), ("rating", "5")],
)
def test_what_an_act_is_worth(act: str, amount: str) -> None:
    """Each act earns its weight the first time."""
    assert moves("engagement", fan(act=act), context())[0].credits == trust(amount)


def test_a_rating_comes_in_degrees() -> None:
    """3 of 10: 5 * 0.3 = 1.5."""
    assert moves("engagement", fan(act="rating", strength="0.3"), context())[0].credits == trust("1.5")


def test_the_same_fan_again() -> None:
    """k = 1: r = 1 / 2, so 2.5; k = 3: r = 1 / 4, so 1.25."""
    told = [moves("engagement", fan(), context(tie=k * 1_000_000))[0].credits for k in (1, 3)]
    assert told == [trust("2.5"), trust("1.25")]


def test_a_tie_halves_in_thirty_days() -> None:
    """Thirty days later k is a half: 5 / 1.5 = 3.333; a year later hardly anything is left of it."""
    desk = Desk()
    desk.tell("engagement", day=0, **fan())
    month, year = (desk.tell("engagement", day=day, **fan()).entries[0].amount for day in (30, 395))
    assert abs(month - trust("3.333333")) < 30
    assert trust("4.99") < year < trust("5")


def test_a_returned_favour_counts_half() -> None:
    """Creators who return each other's replies earn 2.5."""
    assert moves("engagement", fan(reciprocal=True), context())[0].credits == trust("2.5")


def test_an_engager_of_middling_standing() -> None:
    """s = 0.1 + 0.5 = 0.6, so a reply earns 3."""
    assert moves("engagement", fan(), context(engager_standing=500_000))[0].credits == trust("3")


def test_the_unknown_are_bounded_together() -> None:
    """With 100 opening standing all unknown engagers earn 0.1 * 100 + 0.2 = 10.2 a day; s = 0.1 + 0.1 = 0.2."""
    where = context(engager_standing=100_000, tally=Tally(bound=trust("10.2"), unknown=trust("9.7")))
    first = moves("engagement", fan(), where)[0]
    assert (first.credits, first.known) == (trust("0.5"), 0)
    where = context(engager_standing=100_000, tally=Tally(bound=trust("0.2")))
    assert moves("engagement", fan(), where)[0].credits == trust("0.2")


def test_a_day_has_a_cap() -> None:
    """After 18 a reply of 5 earns the 2 that are left, after 20 nothing, though the act is still known."""
    told = [moves("engagement", fan(), context(tally=Tally(known=trust(known))))[0] for known in ("18", "20", "300")]
    assert [move.credits for move in told] == [trust("2"), 0, 0]
    assert [move.known for move in told] == [1_000_000] * 3


@pytest.mark.parametrize("how", ["giveaway", "pod", "bought"])
def test_paid_engagement_earns_nothing(how: str) -> None:
    """Recorded with its reason, worth nothing, known to nobody."""
    assert moves("engagement", fan(incentive=how), context()) == [Move()]


def test_ninety_days_late() -> None:
    """Fresh has halved, bedrock has not: 4.5 / 2 = 2.25 and 0.5 * 2^(-90/730) = 0.459."""
    late = moves("engagement", fan(), context(late_days=90))[0]
    assert abs(late.fresh - trust("2.25")) < 300
    assert abs(late.bedrock - trust("0.459049")) < 300


@given(st.lists(st.integers(0, 30_000_000), min_size=1, max_size=12), st.integers(0, 10**9), st.data())
def test_a_days_sum_does_not_depend_on_the_order(parts: list[int], opening: int, data: st.DataObject) -> None:
    """Cumulative totals are split and differences posted: any order of arrival credits the same, to the micro."""
    ended = set()
    for order in (parts, data.draw(st.permutations(parts))):
        known = fresh = bedrock = 0
        for part in order:
            factors = {
                "known_before": known, "known_after": known + part, "unknown_before": 0, "unknown_after": 0,
                "unknown_bound": opening, "day_cap": trust("20"), "bedrock_share": 100_000, "late_days": 0,
            }  # fmt: skip
            move = engagement.amounts(factors, FOUNDING.rates)
            assert min(move.fresh, move.bedrock) >= 0
            known, fresh, bedrock = known + part, fresh + move.fresh, bedrock + move.bedrock
        ended.add((fresh, bedrock))
    assert len(ended) == 1
    assert sum(ended.pop()) == min(sum(parts), trust("20"))


# Pitches

RICH = State(trust("300"), credits=trust("300"), day=DAY)


def test_a_disclosed_pitch() -> None:
    """A stranger's pitch to 50,000 followers, fit 0.7, from a standing of 300, drains 19.8867."""
    # fit 1.5 - 0.7 = 0.8; size 1 + 0.15 * log10(5) = 1.104846; fatigue 1; stranger 1.5.
    # 0.05 * 0.8 = 0.04; * 1.104846 = 0.044193; * 1.5 = 0.066289 (truncated to ppm): 300 * 0.066289 = 19.8867.
    # Reliability 301 / 302 = 0.996688; mending 0.5 + 0.33 * 0.996688 = 0.828907: 19.8867 * 0.828907 = 16.484224.
    # Clear disclosure gives back 0.15 * 19.8867 = 2.983005.
    facts: dict[str, Any] = {"brand": "acme", "disclosure": "clear", "fit": "0.7", "followers": 50_000}
    drain, credit = moves("pitch", facts, context(state=RICH))
    assert drain == Move(
        -trust("19.8867"), mending_pitch=trust("16.484224"), drains=trust("19.8867"), pitches=1_000_000
    )
    assert credit == Move(trust("2.983005"), credits=trust("2.983005"))


@pytest.mark.parametrize(
    ("where", "facts", "drain"),
    [
        ({"state": State(day=DAY)}, {}, "1"),
        ({"state": State(trust("-40"), day=DAY)}, {}, "1"),
        ({"state": RICH}, {"fit": "0.5"}, "22.5"),
        ({"state": RICH, "relationship": KNOWN}, {"fit": "0.5"}, "15"),
        ({"state": RICH, "relationship": KNOWN}, {"fit": "1"}, "7.5"),
        ({"state": RICH, "relationship": KNOWN}, {"fit": "0"}, "22.5"),
        ({"state": RICH, "relationship": KNOWN}, {"fit": "0.5", "followers": 0}, "10.5"),
        ({"state": RICH, "relationship": KNOWN}, {"fit": "0.5", "followers": 10**10}, "24"),
        ({"state": RICH, "relationship": KNOWN, "followers": 10**10}, {"fit": "0.5"}, "24"),
        ({"state": RICH._replace(pitches=2_000_000), "relationship": KNOWN}, {"fit": "0.5"}, "22.5"),
        ({"state": RICH._replace(pitches=90_000_000)}, {"fit": "0"}, "105"),
    ],
)
def test_what_a_pitch_drains(where: dict[str, Any], facts: dict[str, Any], drain: str) -> None:
    """At least 1; 0.05 * (1.5 - fit) * size (0.7 to 1.6) * (1 + 0.25 * pitches) * 1.5 for a stranger; at most 0.35."""
    told = moves("pitch", {"brand": "acme", "disclosure": "vague"} | facts, context(**where))
    assert told[0].drains == trust(drain)
    assert told[1].credits == economy.scale(trust(drain), 50_000)


def test_what_mends_depends_on_reliability() -> None:
    """With 9 credits and 19 drains reliability is 10 / 30: 0.5 + 0.33 * 0.333333 = 0.609999 of 15 mends."""
    state = State(trust("300"), credits=trust("9"), drains=trust("19"), day=DAY)
    told = moves("pitch", {"brand": "acme", "disclosure": "clear"}, context(state=state, relationship=KNOWN))
    assert told[0].mending_pitch == trust("9.149985")


def test_a_hidden_pitch() -> None:
    """The pitch would have cost 22.5; found out it costs three times that, in two lines, and nothing mends."""
    told = moves("undisclosed_pitch", {"brand": "acme"}, context(state=RICH, late_days=50))
    assert told[0] == Move(-trust("22.5"), drains=trust("22.5"), pitches=1_000_000)
    assert told[1] == Move(-trust("45"), drains=trust("45"))


@given(st.integers(0, 10**10), st.integers(0, 10**10))
def test_a_larger_audience_never_costs_less(one: int, other: int) -> None:
    """Size grows with the audience within its bounds."""
    less, more = (pitch.size_factor(n, FOUNDING) for n in sorted((one, other)))
    assert 700_000 <= less <= more <= 1_600_000


# Breaking and mending


@pytest.mark.parametrize(
    ("standing", "severity", "own", "loss"),
    [
        ("250", 1, False, "15"), ("250", 2, False, "30"), ("250", 3, False, "60"), ("250", 4, False, "105"),
        ("250", 3, True, "36"), ("0", 3, False, "10"), ("-70", 3, False, "10"),
    ],
)  # fmt: skip
def test_a_breach(standing: str, severity: int, own: bool, loss: str) -> None:
    """5, 10, 20 or 35 % of max(B, 0) + 50; six tenths of that if self-reported; nothing of it mends."""
    where = context(state=State(trust(standing), day=DAY))
    told = moves("breach", {"severity": severity, "self_reported": own}, where)
    assert told == [Move(-trust(loss), drains=trust(loss))]


BROKEN = Breach(7, DAY, "harm", 3, trust("60"))
LOSS = Past(7, "breach", DAY, Move(-trust("50"), -trust("10"), drains=trust("60")))
ALL: dict[str, Any] = dict.fromkeys(apology.PARTS, True)


def sorry(facts: dict[str, Any], **changes: Any) -> Move:
    """What an apology for a breach of 60 means to do."""
    return moves("apology", {"breach": "b"} | facts, context(**({"breach": BROKEN, "past": (LOSS,)} | changes)))[0]


def test_a_whole_apology_at_once() -> None:
    """60 * 0.6 * parts 1 * timeliness 1 * acceptance 14/20 = 25.2: a quarter, 6.3, at once, 18.9 as it mends."""
    assert sorry(ALL) == Move(trust("6.3"), mending_breach=trust("18.9"), credits=trust("25.2"))


@pytest.mark.parametrize(
    ("facts", "changes", "amount"),
    [
        ({}, {}, "0"),
        ({"responsibility": True, "regret": True}, {}, "10.836"),  # parts .43
        (ALL, {"day": DAY + 3}, "25.2"),
        (ALL, {"day": DAY + 17}, "12.6"),  # 14 days past the third: a half
        (ALL, {"day": DAY + 400}, "2.52"),  # the floor, a tenth
        (ALL | {"positive": 80, "negative": 20}, {}, "28.199988"),  # (80 + 14) / (100 + 20) = .783333
        (ALL | {"negative": 10**11}, {}, "0"),  # nobody takes it
        (ALL, {"repeats": 1}, "12.6"),
        (ALL, {"repeats": 5}, "12.6"),
    ],
)
def test_what_an_apology_wins_back(facts: dict[str, Any], changes: dict[str, Any], amount: str) -> None:
    """breach * 0.6 * parts * timeliness * acceptance, half for a repeat."""
    assert sorry(facts, **changes).credits == trust(amount)


def test_the_parts_of_an_apology_sum_to_one() -> None:
    """.30 + .25 + .13 + .13 + .13 + .06 = 1: nothing more can be said."""
    assert sum(FOUNDING[f"apology.{part}"] for part in apology.PARTS) == 1_000_000


def test_evasion() -> None:
    """Half of the 60 that the breach took."""
    assert moves("evasion", {"breach": "b"}, context(breach=BROKEN)) == [Move(-trust("30"), drains=trust("30"))]


def test_clearing_gives_back_what_survives() -> None:
    """Breach and evasion less the apology, pool by pool, and the memos with them."""
    past = (
        LOSS,
        Past(8, "evasion", DAY, Move(-trust("30"), drains=trust("30"))),
        Past(9, "apology", DAY, Move(trust("5"), mending_breach=trust("12"), credits=trust("20"))),
    )
    told = moves("cleared", {"breach": "b"}, context(breach=BROKEN, past=past))
    expected = Move(trust("75"), trust("10"), 0, -trust("12"), credits=-trust("20"), drains=-trust("90"), exact=True)
    assert told == [expected]


def test_a_reversal_undoes_line_by_line() -> None:
    """Each entry of the event is undone for what survives of it, the last one first."""
    past = (LOSS, Past(9, "apology", DAY, Move(trust("5"), mending_breach=trust("12"), credits=trust("20"))))
    told = moves("reversal", {"event": "e"}, context(past=past))
    assert told == [
        Move(-trust("5"), 0, 0, -trust("12"), credits=-trust("20"), exact=True),
        Move(trust("50"), trust("10"), drains=-trust("60"), exact=True),
    ]


# Transparency and posts


def test_an_unforced_correction() -> None:
    """2, all of it fresh; nothing for another in the same week."""
    assert moves("transparency", {}, context()) == [Move(trust("2"), credits=trust("2"))]
    assert moves("transparency", {}, context(corrections_this_week=1)) == [Move()]


def test_an_ordinary_post() -> None:
    """Nothing at all."""
    assert moves("post", {}, context()) == [Move()]


# How a sponsored post was taken

DRAIN = Past(4, "pitch", DAY - 7, Move(-trust("10"), mending_pitch=trust("8"), drains=trust("10"), pitches=1_000_000))
SHOWN = Past(5, "transparency", DAY - 7, Move(trust("1.5"), credits=trust("1.5")))
PAST: dict[str, Any] = {"spoken_of": "pitch", "past": (DRAIN, SHOWN), "state": RICH}


def test_a_post_that_was_taken_better_than_expected() -> None:
    """156 of 1020 against the expected .3 is .509804: .490196 of what survives of the drain is given back."""
    (move,) = moves("outcome", {"pitch": "p", "positive": 850, "negative": 150}, context(**PAST))
    assert move == Move(
        trust("4.166666"), 0, -trust("3.921568"), credits=-trust("0.735294"), drains=-trust("4.90196"), exact=True
    )


@pytest.mark.parametrize(
    ("facts", "ratio", "share"),
    [
        ({"positive": 0, "negative": 0}, 1_000_000, 0),
        ({"positive": 150, "negative": 850}, 2_797_386, 500_000),  # 856 / 1020 / .3, and bounded at a half
        ({"positive": 10**9, "negative": 0}, 10_000, -500_000),  # no ratio lies below a hundredth
        ({"positive": 14, "negative": 6, "acts": 300, "usual_acts": 620}, 1_414_214, 414_214),  # (1 * 640 / 320) ** .5
        ({"positive": 14, "negative": 6, "acts": 620}, 1_000_000, 0),  # one of the two alone says nothing
    ],
)
def test_how_a_post_was_taken(facts: dict[str, Any], ratio: int, share: int) -> None:
    """Unfavourable reactions against 6 in 20, with the acts of a usual post over its own where both are known."""
    (line,) = priced("outcome", {"pitch": "p"} | facts, context(**PAST))
    assert (line.factors["ratio"], line.factors["share"]) == (ratio, share)


def test_a_post_taken_badly_takes_no_more_than_there_is() -> None:
    """Half of 8.5 is 4.25, but only 2 are left: .235294 of the drain is taken on top."""
    where = context(**(PAST | {"state": State(trust("2"), day=DAY)}))
    (line,) = priced("outcome", {"pitch": "p", "positive": 0, "negative": 10**6}, where)
    assert (line.factors["asked"], line.factors["share"]) == (500_000, 235_294)


def test_an_outcome_has_its_week() -> None:
    """Told on the sixth day it is too early, told twice it is done."""
    early = PAST | {"past": (DRAIN._replace(day=DAY - 6),)}
    with pytest.raises(TooEarly):
        priced("outcome", {"pitch": "p", "positive": 1, "negative": 1}, context(**early))
    with pytest.raises(AlreadyDone):
        priced("outcome", {"pitch": "p", "positive": 1, "negative": 1}, context(**PAST, done=True))


def test_a_post_that_went_well_warms_the_relationship() -> None:
    """The brand's meter is corrected alike, and gains 5; where it went worse than expected, it gains nothing."""
    drained = Past(2, "pitch", DAY - 7, Move(-trust("2"), mending_pitch=trust("1")))
    brand = context(past=(drained,), state=RICH, relationship=KNOWN)
    well: dict[str, Any] = {"pitch": "p", "positive": 850, "negative": 150}
    correction, gained = moves_beside("outcome", well, context(**PAST), brand)
    assert (correction.fresh, correction.mending_pitch) == (trust("0.980392"), -trust("0.490196"))
    assert gained == Move(trust("4.5"), trust("0.5"), credits=trust("5"), known=1_000_000)
    badly = moves_beside("outcome", well | {"negative": 1000}, context(**PAST), brand)
    assert [move.fresh for move in badly] == [-trust("1")]  # 1006 / 1870 / .3 = 1.79: bounded at a half


# Reactions to an apology


def test_reactions_revise_what_an_apology_won_back() -> None:
    """From .7 to 114 / 120 = .95 is .25 of what it would be were it all accepted; the other way it is taken back."""
    left = Past(9, "apology", DAY, Move(trust("9"), mending_breach=trust("27"), credits=trust("36")))
    where = context(breach=BROKEN._replace(owned=True, acceptance=700_000), past=(left,))
    up = moves("reception", {"apology": "a", "positive": 100, "negative": 0}, where)
    assert up == [Move(trust("2.25"), 0, 0, trust("6.75"), credits=trust("9"), exact=True)]
    (down,) = moves("reception", {"apology": "a", "positive": 0, "negative": 20}, where)  # 14 / 40 = .35
    assert down == Move(-trust("3.15"), 0, 0, -trust("9.45"), credits=-trust("12.6"), exact=True)


def test_reactions_count_for_thirty_days() -> None:
    """On the thirtieth day they still do, on the next they do not; nor once the apology stands no more."""
    facts: dict[str, Any] = {"apology": "a", "positive": 100, "negative": 0}
    owned = BROKEN._replace(owned=True, acceptance=700_000)
    left = Past(9, "apology", DAY - 31, Move(trust("6"), credits=trust("6")))
    assert moves("reception", facts, context(breach=owned, past=(left._replace(day=DAY - 30),)))
    with pytest.raises(TooLate):
        moves("reception", facts, context(breach=owned, past=(left,)))
    with pytest.raises(AlreadyDone):
        moves("reception", facts, context(breach=owned._replace(cleared=True), past=(left,)))
    with pytest.raises(AlreadyDone):  # it was undone, and another owns the breach
        moves("reception", facts, context(breach=owned))


def test_no_reactions_make_an_apology_vanish_for_good() -> None:
    """The worst reception leaves nothing of it, and what comes later is counted on what it was meant to give."""
    left = Past(9, "apology", DAY, Move(trust("9"), mending_breach=trust("27"), credits=trust("36")))
    assert apology.acceptance(0, 10**11, FOUNDING) == 0
    where = context(breach=BROKEN._replace(owned=True, acceptance=0), past=(left,))
    (up,) = moves("reception", {"apology": "a", "positive": 100, "negative": 0}, where)
    assert (up.fresh, up.mending_breach) == (trust("8.55"), trust("25.65"))


# What is alleged

ALLEGED = Allegation(5, DAY - 20, "harm", 3)
HELD: dict[str, Any] = {"allegation": "a"}
FOUND: dict[str, Any] = HELD | {"by": "press", "evidence": "archive 1"}


def test_what_is_alleged_costs_nothing_until_it_is_found_to_be_so() -> None:
    """An allegation, its denial and its dismissal move nothing; substantiated it takes .2 * (250 + 50) = 60."""
    where = context(allegation=ALLEGED, state=State(trust("250"), day=DAY))
    assert moves("allegation", {"severity": 3}, where) == [Move()]
    assert moves("answer", HELD | {"stance": "denies"}, where) == [Move()]
    assert moves("dismissal", HELD, where) == [Move()]
    assert moves("substantiation", FOUND, where) == [Move(-trust("60"), drains=trust("60"))]
    assert moves("substantiation", FOUND | {"severity": 1}, where) == [Move(-trust("15"), drains=trust("15"))]


def test_owning_what_is_alleged_settles_that_it_was_so() -> None:
    """The answer and the breach of 60; where it was found to be so before, the answer alone."""
    where = context(allegation=ALLEGED, state=State(trust("250"), day=DAY))
    owns = HELD | {"stance": "owns"}
    assert moves("answer", owns, where) == [Move(), Move(-trust("60"), drains=trust("60"))]
    substantiated = ALLEGED._replace(status="substantiated", breach=7)
    assert moves("answer", owns, context(allegation=substantiated)) == [Move()]


def test_silence_costs_what_evasion_does() -> None:
    """Half of what is left of 60, fourteen days after it was alleged and found to be so, and not a day sooner."""
    found, broken = ALLEGED._replace(status="substantiated", breach=7, day=DAY - 14), BROKEN._replace(day=DAY - 14)
    where = context(allegation=found, breach=broken)
    assert moves("silence", HELD, where) == [Move(-trust("26.933615"), drains=trust("26.933615"))]
    with pytest.raises(TooEarly):
        moves("silence", HELD, context(allegation=found._replace(day=DAY - 13), breach=broken))
    with pytest.raises(TooEarly):
        moves("silence", HELD, context(allegation=found, breach=broken._replace(day=DAY - 13)))


# Brands

INTRODUCED = Relationship("introduced", DAY - 2, "intro")


def test_being_let_in_earns_once() -> None:
    """5 the first time, nothing when the same brand is let in again."""
    first, again = (
        moves("introduction_accepted", {"brand": "acme"}, context(relationship=INTRODUCED._replace(let_in=let_in)))
        for let_in in (False, True)
    )
    assert first == [Move(trust("4.5"), trust("0.5"), credits=trust("5"), known=1_000_000)]
    assert again == [Move()]


def test_one_exchange_a_day_counts() -> None:
    """1, and nothing for a second one on that day, nor for one told late of a day before it."""
    known = KNOWN._replace(exchange_day=DAY - 1)
    (move,) = moves("exchange", {}, context(relationship=known))
    assert move == Move(trust("0.9"), trust("0.1"), credits=trust("1"), known=1_000_000)
    assert moves("exchange", {}, context(relationship=KNOWN._replace(exchange_day=DAY))) == [Move()]
    assert moves("exchange", {}, context(relationship=known, late_days=1)) == [Move()]
    assert moves("exchange", {}, context(relationship=KNOWN._replace(accepted_day=DAY), late_days=1)) == [Move()]


@pytest.mark.parametrize("now", [None, INTRODUCED, KNOWN._replace(status="ended"), KNOWN._replace(blocked=True)])
def test_there_is_no_exchange_with_a_brand_outside(now: Relationship | None) -> None:
    """Who is not let in, or no longer, earns nothing and may not pitch."""
    with pytest.raises(NotLetIn):
        moves("exchange", {}, context(relationship=now))
    with pytest.raises(NotLetIn):
        moves(
            "pitch_held", dict(KINDS["pitch_held"].example) | {"brand": "acme"}, context(relationship=now, state=RICH)
        )


@pytest.mark.parametrize(
    ("changes", "days", "expected"),
    [
        ({}, 0, True),
        ({"exchanges": 2}, 0, False),
        ({"accepted_day": DAY - 13}, 0, False),
        ({"accepted_day": DAY - 13}, 1, True),
        ({"status": "ended"}, 0, False),
        ({"blocked": True}, 0, False),
    ],
)
def test_a_relationship_takes_three_exchanges_and_two_weeks(changes: dict[str, Any], days: int, expected: bool) -> None:
    """Accepted, and still so, met three times, known for fourteen days: less is a stranger."""
    assert KNOWN._replace(**changes).established(DAY + days, FOUNDING) == expected


def test_a_brand_is_drained_by_the_same_share() -> None:
    """.05 * .8 of 40 is 1.6 where the network lost .05 * .8 of its standing; it knows no least drain."""
    facts: dict[str, Any] = {"brand": "acme", "disclosure": "clear", "fit": "0.7"}
    own = context(state=RICH, relationship=KNOWN)
    (move,) = moves_beside("pitch", facts, own, context(state=State(trust("40"), day=DAY)))
    assert (move.fresh, move.mending_pitch) == (-trust("1.6"), economy.scale(trust("1.6"), 828_907))
    assert moves_beside("pitch", facts, own, context(state=State(day=DAY)))[0].fresh == 0


# Authorised pitches

SHARES = (50_000, 800_000, 150_000, 50_000)
AUTHORISED = Pitch(3, "p", "acme", "accepted", trust("10"), trust("20"), *SHARES, noon(-1), noon(9))
PUBLISHED: dict[str, Any] = {"pitch": "p", "brand": "acme", "disclosure": "clear"}


def test_authorising_moves_nothing_and_never_more_than_is_available() -> None:
    """Of 300 with 285 held already 15 are available: 15 may be held, a micro-trust more may not."""
    facts = dict(KINDS["pitch_held"].example) | {"brand": "acme", "held": trust("15")}
    where = context(state=RICH, relationship=KNOWN, holds=trust("285"))
    assert moves("pitch_held", facts, where) == [Move()]
    with pytest.raises(ExceedsAvailable):
        moves("pitch_held", facts | {"held": trust("15") + 1}, where)


def test_a_brand_waits_for_an_answer_before_it_holds_another() -> None:
    """Whatever is available, and before that is looked at."""
    facts = dict(KINDS["pitch_held"].example) | {"brand": "acme", "held": RICH.standing + 1}
    with pytest.raises(HoldWaiting):
        moves("pitch_held", facts, context(state=RICH, relationship=KNOWN, waiting=True))


def test_publishing_takes_what_was_quoted() -> None:
    """10, of which .8 comes back, and .15 of it for saying so; of the brand's 40 the quoted share, 2."""
    where = context(state=State(trust("200"), day=DAY), pitch=AUTHORISED, at_us=noon(0))
    drain, credit = moves("pitch_published", PUBLISHED, where)
    assert drain == Move(-trust("10"), mending_pitch=trust("8"), drains=trust("10"), pitches=1_000_000)
    assert credit == Move(trust("1.5"), credits=trust("1.5"))
    (brand,) = moves_beside("pitch_published", PUBLISHED, where, context(state=State(trust("40"), day=DAY)))
    assert (brand.fresh, brand.mending_pitch) == (-trust("2"), trust("1.6"))


@pytest.mark.parametrize(("disclosure", "given"), [("clear", "2.25"), ("vague", "0.75")])
def test_publishing_takes_the_quoted_share_of_a_book_that_grew(disclosure: str, given: str) -> None:
    """Of 300 the quoted .05 is 15, more than the 10 that were quoted; .15 or .05 of that is for saying so."""
    where = context(state=RICH, pitch=AUTHORISED, at_us=noon(0))
    drain, credit = moves("pitch_published", PUBLISHED | {"disclosure": disclosure}, where)
    assert (drain.drains, drain.mending_pitch, credit.credits) == (trust("15"), trust("12"), trust(given))


@pytest.mark.parametrize(
    ("quoted", "available", "told"),
    [
        ("10", "200", "at the terms that were quoted"),
        ("10", "9", "there was less left than quoted, so only that is taken"),
        ("10", "300", "the quoted share, 5 %, of more than there was then"),
    ],
)
def test_a_capture_says_which_it_took(quoted: str, available: str, told: str) -> None:
    """What was quoted, what was left, or the quoted share of a book that grew."""
    factors = {"quoted": trust(quoted), "available": trust(available), "share": 50_000, "mending": 800_000}
    said = LINES["pitch"].reason({"brand": "acme"}, factors | {"late_days": 0})
    assert told in said


@pytest.mark.parametrize(("standing", "taken"), [("4", "4"), ("0", "0"), ("-9", "0")])
def test_what_broke_meanwhile_clips_what_is_captured(standing: str, taken: str) -> None:
    """Of 10 quoted no more is taken than there is: spends never pass zero."""
    where = context(state=State(trust(standing), day=DAY), pitch=AUTHORISED, at_us=noon(0))
    drain, credit = moves("pitch_published", PUBLISHED, where)
    assert (drain.drains, credit.credits) == (trust(taken), economy.scale(trust(taken), 150_000))


@pytest.mark.parametrize("kind", ["pitch_accepted", "pitch_declined", "pitch_withdrawn", "pitch_expired"])
def test_the_steps_of_a_pitch_move_nothing(kind: str) -> None:
    """Only publication does."""
    late = noon(9) if kind == "pitch_expired" else noon(0)
    where = context(pitch=AUTHORISED._replace(status="held"), at_us=late)
    assert moves(kind, {"pitch": "p", "brand": "acme"}, where) == [Move()]


# Busy days


def test_a_busy_day_waits() -> None:
    """The act that makes it more than 200 earns nothing, and the 20 that the day had earned are taken back for now."""
    act, taken = moves("engagement", fan(), context(tally=Tally(known=trust("196")), current=True))
    assert act == Move()
    assert taken == Move(-trust("18"), -trust("2"), credits=-trust("20"), exact=True)
    waiting = context(tally=Tally(known=trust("201"), held_at_us=1), current=True)
    assert moves("engagement", fan(), waiting) == [Move()]


@pytest.mark.parametrize(
    ("changes", "burst"),
    [
        ({"tally": Tally(known=trust("195"))}, False),  # 200 is as much as is never a burst
        ({"tally": Tally(known=trust("496")), "usual": trust("30")}, True),  # 10 * 30 + 200
        ({"tally": Tally(known=trust("495")), "usual": trust("30")}, False),
        ({"tally": Tally(known=trust("196")), "current": False}, False),  # a backfill tells of the past
        ({"tally": Tally(known=trust("300"), held_at_us=-DAY)}, False),  # looked at already
    ],
)
def test_what_makes_a_busy_day(changes: dict[str, Any], burst: bool) -> None:
    """More than ten usual days and 200, told as it came, and once only."""
    assert (len(moves("engagement", fan(), context(**({"current": True} | changes)))) == 2) == burst


def test_a_busy_day_is_paid_like_any_other() -> None:
    """300 gathered are capped at 20, after 48 hours; ninety days late half of the fresh part is left of it."""
    tally = Tally(known=trust("300"), held_at_us=noon(0))
    due = noon(0) + 2 * DAY_US
    (paid,) = moves("release", {"day": DAY}, context(tally=tally, at_us=due))
    assert paid == Move(trust("18"), trust("2"), credits=trust("20"))
    (late,) = moves("release", {"day": DAY}, context(tally=tally, at_us=due, day=DAY + 90))
    assert abs(late.fresh - trust("9")) < 1_000
    with pytest.raises(TooEarly):
        moves("release", {"day": DAY}, context(tally=tally, at_us=due - 1))
    with pytest.raises(AlreadyDone):
        moves("release", {"day": DAY}, context(tally=Tally(known=trust("300")), at_us=due))


# Notices


def test_a_notice_moves_nothing() -> None:
    """A changed label, an announced policy and an erasure are written down at no amount; nothing new is not."""
    assert moves("label", {}, context(label="new", due=Due("building", 0, None))) == [Move()]
    assert moves("policy_marker", {"policy": "0" * 16, "effective_day": DAY}, context()) == [Move()]
    assert moves("erasure", {"events": 3, "ties": 2}, context()) == [Move()]
    with pytest.raises(Unchanged):
        moves("label", {}, context(label="new", due=Due("new", 0, None)))


# Lines


def priced(kind: str, facts: dict[str, Any], where: Context) -> list[Line]:
    """The lines of an event."""
    return KINDS[kind].price(read(KINDS[kind].facts, facts, seal=str), where)


def test_every_line_kind_has_an_example() -> None:
    """Each kind of event and each kind of entry is told in the story below."""
    assert {kind for kind, _ in STORY} == {*KINDS}
    assert {row[3] for row in entries(story())} == {*LINES, "settlement"}


WITH = {"meter": "brand:acme", "brand": "acme"}
HOLD = {"brand": "acme", "disclosure": "clear", "drain": 1_000_000, "held": 1_000_000, "share": "0.05"} | {
    "mending": "0.8", "clear": "0.15", "vague": "0.05", "expires_at_us": noon(400)
}  # fmt: skip
STORY: list[tuple[str, dict[str, Any]]] = [
    ("introduction", WITH | {"ref": "hello"}),
    ("introduction_accepted", WITH),
    ("exchange", {"meter": "brand:acme"}),
    *(("engagement", {"act": "reply", "engager": f"fan {n}", "gap": 0}) for n in range(5)),
    ("policy_marker", {"policy": "0123456789abcdef", "effective_day": DAY}),
    ("release", {"day": DAY + 9, "gap": 5}),
    *(("engagement", {"act": "reply", "engager": "fan"}) for n in range(3)),
    ("post", {}),
    ("transparency", {}),
    ("pitch", {"brand": "acme", "disclosure": "clear", "ref": "shown"}),
    ("pitch_held", HOLD | {"ref": "p0"}),
    ("pitch_declined", {"pitch": "p0", "brand": "acme"}),
    ("pitch_held", HOLD | {"ref": "p1"}),
    ("pitch_accepted", {"pitch": "p1", "brand": "acme"}),
    ("pitch_published", PUBLISHED | {"pitch": "p1"}),
    ("pitch_held", HOLD | {"ref": "p2"}),
    ("pitch_withdrawn", {"pitch": "p2", "brand": "acme"}),
    ("pitch_held", HOLD | {"ref": "p3"}),
    ("outcome", {"pitch": "shown", "positive": 90, "negative": 10}),
    ("breach", {"severity": 3, "category": "harm", "self_reported": True, "ref": "breach"}),
    ("apology", {"breach": "breach", "responsibility": True, "regret": True, "positive": 3, "ref": "sorry"}),
    ("reception", {"apology": "sorry", "positive": 200, "negative": 10}),
    ("undisclosed_pitch", {"brand": "acme", "ref": "hidden"}),
    ("label", {"gap": 15}),
    ("evasion", {"breach": "hidden"}),
    ("cleared", {"breach": "hidden"}),
    *(("allegation", {"severity": 2, "ref": f"said {n}"}) for n in range(3)),
    ("answer", {"allegation": "said 0", "stance": "explains"}),
    ("dismissal", {"allegation": "said 1"}),
    ("substantiation", {"allegation": "said 2", "by": "court", "evidence": "case 1"}),
    ("silence", {"allegation": "said 2", "reported_by": "acme", "gap": 14}),
    ("reversal", {"event": "breach"}),
    ("pitch_expired", {"pitch": "p3", "brand": "acme", "gap": 400}),
    ("relationship_ended", WITH),
    ("introduction", WITH | {"gap": 31}),
    ("introduction_declined", WITH | {"by": "partner"}),
    ("brand_blocked", WITH),
    ("brand_unblocked", WITH | {"by": "operator"}),
    ("erasure", {"events": 3, "ties": 2}),
]


def story() -> Desk:
    """A creator's years with a brand, each kind of event, days apart; what partners tell is told two days late.

    Five replies on one day are a burst here.
    """
    desk, day = Desk(followers=50_000, schedule=SMALL), 0
    for kind, facts in STORY:
        day += facts.get("gap", 3)
        late = 2 if kind in PUBLIC and "gap" not in facts else 0
        told = {name: value for name, value in facts.items() if name not in ("gap", "ref")}
        told["source"] = "acme" if kind in PUBLIC else events.OWN
        receipt = desk.take(kind, told, day=day, happened=day - late, ref=facts.get("ref", ""))
        assert receipt.status == "posted", (kind, receipt)
    return desk


SMALL = Schedule.of(variant(("burst.allowance", "20")))


def entries(desk: Desk) -> list[tuple[Any, ...]]:
    """The entries of all books of a desk."""
    return [row for book in desk.batch.books.values() for row in book.new_entries]


def test_amounts_are_recomputed_from_what_an_entry_stores() -> None:
    """Policy, factors and the state before are enough to work out every entry of the story anew."""
    desk = story()
    for book in desk.batch.books.values():
        state = State()
        for row in book.new_entries:
            state = economy.accrue(state, row[22], desk.schedule)
            if row[3] != "settlement":
                move = kinds.amounts(row[3], orjson.loads(row[8]), desk.schedule.named(row[7]).rates)
                pools = economy.land(state, move)
                state = economy.advance(state, pools, move)
                assert row[9:14] == (*pools, pools.world)
            assert row[14:23] == state


def test_every_factor_is_an_integer() -> None:
    """No float is stored, and none is needed."""
    for row in entries(story()):
        assert all(type(value) is int for value in orjson.loads(row[8]).values())


def test_every_reason_is_a_sentence() -> None:
    """Each line says why in words that start large and end with a full stop."""
    desk = story()
    facts = {row[1]: orjson.loads(row[6]) for row in desk.batch.new_events}
    for row in entries(desk):
        if row[3] == "settlement":
            continue
        said = kinds.reason(row[3], facts[row[5]], orjson.loads(row[8]))
        assert said[0].isupper() or said.startswith("acme"), said
        assert said.endswith(".")
        assert "None" not in said


def test_every_line_kind_has_a_title() -> None:
    """What heads a line is a few words."""
    assert all(kinds.title(name)[0].isupper() for name in LINES)


@given(st.sampled_from([*PUBLIC]), st.integers(0, 400))
@settings(max_examples=60)
def test_every_amount_is_zero_or_more_for_its_sign(kind: str, late: int) -> None:
    """No delay turns a credit into a debit or a debit into a credit."""
    past = (LOSS._replace(day=DAY - 30 - late),)
    breach = BROKEN._replace(owned=kind == "reception", acceptance=700_000)
    where = context(
        state=RICH,
        late_days=late,
        breach=breach,
        past=past,
        allegation=ALLEGED,
        relationship=KNOWN,
        spoken_of="pitch",
    )
    for move in moves(kind, dict(KINDS[kind].example), where):
        assert move.credits >= 0 or kind in ("reversal", "cleared", "outcome", "reception")
        if kind == "breach":
            assert move.fresh <= 0


def test_a_kind_without_its_breach_is_refused() -> None:
    """Evasion and clearing of nothing are refused even if posting forgot to look."""
    assert isinstance(KINDS["evasion"], base.Kind)
    with pytest.raises(Exception, match="no breach"):
        moves("evasion", {"breach": "b"}, context())
