"""One priced example of each kind, worked out by hand from the formulas."""

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import economy, kinds
from ledger.economy import Move, State
from ledger.kinds import KINDS, LINES, apology, base, engagement, pitch
from ledger.kinds.base import Breach, Context, Past, Relationship, Tally
from ledger.kinds.facts import read
from tests.desk import DAY, FOUNDING, Desk, trust


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
        (ALL | {"negative": 10**11}, {}, "0"),
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
    """Each entry of the event is undone for what survives of it."""
    past = (LOSS, Past(9, "apology", DAY, Move(trust("5"), mending_breach=trust("12"), credits=trust("20"))))
    told = moves("reversal", {"event": "e"}, context(past=past))
    assert told == [
        Move(trust("50"), trust("10"), drains=-trust("60"), exact=True),
        Move(-trust("5"), 0, 0, -trust("12"), credits=-trust("20"), exact=True),
    ]


# Transparency and posts


def test_an_unforced_correction() -> None:
    """2, all of it fresh; nothing for another in the same week."""
    assert moves("transparency", {}, context()) == [Move(trust("2"), credits=trust("2"))]
    assert moves("transparency", {}, context(corrections_this_week=1)) == [Move()]


def test_an_ordinary_post() -> None:
    """Nothing at all."""
    assert moves("post", {}, context()) == [Move()]


# Lines


def test_every_line_kind_has_an_example() -> None:
    """Each kind of event and each kind of entry is told in the story below."""
    assert {*STORY} == {*KINDS}
    desk = story()
    assert {row[3] for row in desk.book.new_entries} == {*LINES, "settlement"}


STORY: dict[str, dict[str, Any]] = {
    "post": {},
    "engagement": {"act": "reply", "engager": "fan"},
    "transparency": {},
    "pitch": {"brand": "acme", "disclosure": "clear"},
    "undisclosed_pitch": {"brand": "acme", "ref": "hidden"},
    "breach": {"severity": 3, "category": "harm", "self_reported": True, "ref": "breach"},
    "evasion": {"breach": "hidden"},
    "apology": {"breach": "breach", "responsibility": True, "regret": True, "positive": 3},
    "cleared": {"breach": "hidden"},
    "reversal": {"event": "breach"},
}


def story() -> Desk:
    """A creator's month, one event of each kind, a few days apart and told two days late."""
    desk = Desk(followers=50_000)
    for number, (kind, facts) in enumerate(STORY.items()):
        receipt = desk.tell(kind, day=3 * number, happened=max(0, 3 * number - 2), **facts)
        assert receipt.status == "posted", receipt
    return desk


def test_amounts_are_recomputed_from_what_an_entry_stores() -> None:
    """Policy, factors and the state before are enough to work out every entry of the story anew."""
    desk = story()
    state = State()
    for row in desk.book.new_entries:
        state = economy.accrue(state, row[22], desk.schedule)
        if row[3] != "settlement":
            move = kinds.amounts(row[3], orjson.loads(row[8]), desk.schedule.named(row[7]).rates)
            pools = economy.land(state, move)
            state = economy.advance(state, pools, move)
            assert row[9:14] == (*pools, pools.world)
        assert row[14:23] == state


def test_every_factor_is_an_integer() -> None:
    """No float is stored, and none is needed."""
    for row in story().book.new_entries:
        assert all(type(value) is int for value in orjson.loads(row[8]).values())


@pytest.mark.parametrize("kind", KINDS)
def test_every_reason_is_a_sentence(kind: str) -> None:
    """Each line says why in words that start large and end with a full stop."""
    desk = story()
    rows = [orjson.loads(row[8]) | {"kind": row[3]} for row in desk.book.new_entries if row[3] != "settlement"]
    facts = {name: value for name, value in STORY[kind].items() if name != "ref"}
    for factors in [row for row in rows if row.pop("kind") == {"undisclosed_pitch": "breach"}.get(kind, kind)]:
        said = kinds.reason({"undisclosed_pitch": "breach"}.get(kind, kind), facts, factors)
        assert said[0].isupper()
        assert said.endswith(".")
        assert "None" not in said


@given(st.sampled_from([*KINDS]), st.integers(0, 400))
@settings(max_examples=60)
def test_every_amount_is_zero_or_more_for_its_sign(kind: str, late: int) -> None:
    """No delay turns a credit into a debit or a debit into a credit."""
    past = (LOSS,)
    where = context(state=RICH, late_days=late, breach=BROKEN, past=past)
    facts = {name: value for name, value in STORY[kind].items() if name != "ref"}
    for move in moves(kind, facts, where):
        assert move.credits >= 0 or kind in ("reversal", "cleared")
        if kind == "breach":
            assert move.fresh <= 0


def test_a_kind_without_its_breach_is_refused() -> None:
    """Evasion and clearing of nothing are refused even if posting forgot to look."""
    assert isinstance(KINDS["evasion"], base.Kind)
    with pytest.raises(Exception, match="no breach"):
        moves("evasion", {"breach": "b"}, context())
