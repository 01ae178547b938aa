"""Posting: one write path, in which an event counts once, whole, and for good."""

from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import chain, economy
from ledger.db import Database
from ledger.economy import DAY_US, State
from ledger.events import NewEvent, Receipt
from ledger.policy import Schedule
from ledger.posting import AtomicRefused
from tests.desk import CREATOR, DAY, FOUNDING, METER, RULES, Counter, Desk, noon, tell, trust, variant

FAN: dict[str, Any] = {"act": "reply", "engager": "fan"}
ANSWER: dict[str, Any] = {"breach": "0"}
SORRY: dict[str, Any] = {"responsibility": True, "repair": True}
PITCH: dict[str, Any] = {"brand": "acme", "disclosure": "clear", "fit": "0.7"}


@pytest.fixture
def counter(database: Database) -> Counter:
    """A counter on a fresh database of either engine, with one creator."""
    return Counter(database)


def reply(ref: str, *, at_us: int = noon(0), **changes: Any) -> NewEvent:
    """A reply by a fan of its own."""
    return tell("engagement", ref=ref, at_us=at_us, **({"act": "reply", "engager": ref} | changes))


def codes(receipts: list[Receipt]) -> list[str | None]:
    """What became of each event: a refusal's code, or its status."""
    return [receipt.code or receipt.status for receipt in receipts]


# Once


def test_a_receipt_names_the_entries(counter: Counter) -> None:
    """Posting answers with each entry: meter, number, kind, amount, standing after."""
    receipt = counter.one("pitch", ref="p", **PITCH)
    assert (receipt.status, receipt.replayed, receipt.remembered) == ("posted", False, True)
    assert [(entry.meter, entry.seq, entry.kind) for entry in receipt.entries] == [
        (METER, 1, "pitch"),
        (METER, 2, "transparency"),
    ]
    rows = counter.entries()
    assert [entry.amount for entry in receipt.entries] == [-row[13] for row in rows]
    assert [entry.standing for entry in receipt.entries] == [row[14] + row[15] for row in rows]
    assert {row[5] for row in rows} == {receipt.event_id}


def test_the_same_again_gives_the_same_answer(counter: Counter) -> None:
    """A replay, whenever it comes, returns the first answer and changes nothing."""
    first = counter.one("engagement", ref="e", **FAN)
    before = counter.book().row(), counter.entries()
    again = counter.post(reply("e", engager="fan"), now_us=noon(50))[0]
    assert (again.status, again.replayed) == ("replayed", True)
    assert (again.event_id, again.entries) == (first.event_id, first.entries)
    assert (counter.book().row()[3:], counter.entries()) == (before[0][3:], before[1])


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"kind": "post", "act": None, "engager": None}, "/kind"),
        ({"act": "like"}, "/facts/act"),
        ({"engager": "other"}, "/facts/engager"),
        ({"strength": "0.5"}, "/facts/strength"),
        ({"at_us": noon(0) - 1}, "/occurred_at"),
    ],
)
def test_another_event_under_the_same_reference_is_refused(
    counter: Counter, changes: dict[str, Any], pointer: str
) -> None:
    """The field that differs is named, nothing is posted, and the first event stands."""
    counter.one("engagement", ref="e", **FAN)
    told: dict[str, Any] = {"kind": "engagement", "at_us": noon(0)} | FAN | changes
    given = {name: value for name, value in told.items() if value is not None}
    other = tell(ref="e", **given)
    receipt = counter.post(other, now_us=noon(0))[0]
    assert (receipt.status, receipt.code, receipt.remembered) == ("refused", "external_ref_reused", False)
    assert [where for where, _ in receipt.errors] == [pointer]
    assert len(counter.entries()) == 1
    assert counter.post(reply("e", engager="fan"), now_us=noon(0))[0].status == "replayed"


def test_a_reference_belongs_to_creator_and_source(database: Database) -> None:
    """Another creator's and another partner's events may bear the same reference."""
    counter = Counter(database, names=["u1", "u2"])
    told = [
        reply("e"),
        reply("e", creator="youtube:u2"),
        reply("e", source="other"),
    ]
    assert codes(counter.post(*told, now_us=noon(0))) == ["posted"] * 3


def test_duplicates_in_a_batch_count_once(counter: Counter) -> None:
    """The first of equals is posted, the others are replays; an unequal one is refused."""
    told = [reply("e"), reply("e"), reply("e", act="like"), reply("f"), reply("e")]
    receipts = counter.post(*told, now_us=noon(0))
    assert codes(receipts) == ["posted", "replayed", "external_ref_reused", "posted", "replayed"]
    assert receipts[0].entries == receipts[1].entries == receipts[4].entries
    assert [row[2] for row in counter.entries()] == [1, 2]


# Refused


def test_refusals_are_remembered(counter: Counter) -> None:
    """What the books refuse gets the same answer for life, even where it would be accepted by now."""
    told = tell("apology", ref="a", at_us=noon(0), breach="b")
    first = counter.post(told, now_us=noon(0))[0]
    counter.one("breach", ref="b", severity=1)
    again = counter.post(told, now_us=noon(1))[0]
    assert (first.status, first.code, first.remembered) == ("refused", "unknown_reference", True)
    assert (again.status, again.code, again.replayed) == ("refused", "unknown_reference", True)
    assert again.event_id == first.event_id
    assert [row[3] for row in counter.entries()] == ["breach"]


def test_a_refused_event_leaves_no_trace_in_the_book(counter: Counter) -> None:
    """Neither entry nor settlement nor the end of backfill comes of a refusal."""
    before = counter.book().row()
    assert counter.one("reversal", ref="r", event="nothing").code == "unknown_reference"
    assert counter.book().row()[3:] == before[3:]
    counter.one("engagement", ref="e", **FAN)
    before = counter.book().row()
    assert counter.one("reversal", ref="s", day=9, event="nothing").code == "unknown_reference"
    assert counter.book().row()[3:] == before[3:]


def test_an_unknown_creator_is_not_remembered(counter: Counter) -> None:
    """Once enrolled, the very same event is posted."""
    told = [
        reply("e", creator="youtube:u2"),
        reply("f", creator=CREATOR),
        reply("g", creator="tiktok:u1"),
        reply("h", meter="network:tiktok"),
    ]
    receipts = counter.post(*told, now_us=noon(0))
    assert codes(receipts) == ["unknown_creator"] * 4
    assert not any(receipt.remembered for receipt in receipts)
    counter.ids["u2"] = counter.enrol("u2")
    assert counter.post(told[0], now_us=noon(0))[0].status == "posted"
    assert counter.rows("SELECT COUNT(*) FROM event") == [(1,)]


def test_an_exchange_with_a_brand_that_never_came_is_refused_for_that(counter: Counter) -> None:
    """The creator is known, the brand a stranger; it is not remembered, and posted once the brand is let in."""
    told = [
        tell("exchange", ref="x", at_us=noon(0), creator="youtube:u1", meter="brand:nike"),
        tell("exchange", ref="y", at_us=noon(0), creator=counter.ids["u1"], meter="brand:nike"),
        tell("exchange", ref="z", at_us=noon(0), creator=CREATOR, meter="brand:nike"),
    ]
    receipts = counter.post(*told, now_us=noon(0))
    assert codes(receipts) == ["not_let_in", "not_let_in", "unknown_creator"]
    assert receipts[0].errors == (("/meter", "the brand nike was never introduced to this creator"),)
    assert not any(receipt.remembered for receipt in receipts)
    steps = {"introduction": "i", "introduction_accepted": "i:a"}
    for kind, ref in steps.items():
        counter.one(kind, ref=ref, meter="brand:nike", source="trust-ledger", brand="nike")
    assert counter.post(told[0], now_us=noon(0))[0].status == "posted"


def test_what_lies_in_the_future_is_refused_and_not_remembered(counter: Counter) -> None:
    """Five minutes of a partner's clock are forgiven, a microsecond more is not."""
    soon = noon(0) + 5 * 60 * 1_000_000
    receipts = counter.post(reply("e", at_us=soon), reply("f", at_us=soon + 1), now_us=noon(0))
    assert codes(receipts) == ["posted", "invalid_event"]
    assert receipts[1].errors == (("/occurred_at", "lies in the future"),)
    assert counter.post(reply("f", at_us=soon + 1), now_us=noon(0) + 1)[0].status == "posted"


def test_a_clock_that_runs_ahead_over_midnight_counts_today(counter: Counter) -> None:
    """An event of three minutes past midnight told three minutes before it counts under today's cap."""
    midnight = (DAY + 1) * DAY_US
    counter.post(*(reply(f"e{n}", at_us=midnight - 10**9) for n in range(4)), now_us=midnight - 10**8)
    ahead = counter.post(reply("f", at_us=midnight + 10**8), now_us=midnight - 10**8)[0]
    after = counter.post(reply("g", at_us=midnight - 10**7), now_us=midnight - 10**7)[0]
    assert [receipt.entries[0].amount for receipt in (ahead, after)] == [0, 0]
    assert counter.rows("SELECT day, known FROM tally") == [(DAY, trust("30"))]


def test_atomic_is_all_or_nothing(counter: Counter) -> None:
    """One refusal rolls the batch back, and nothing of it is remembered."""
    told = [reply("e"), tell("reversal", ref="r", at_us=noon(0), event="nothing"), reply("f")]
    with pytest.raises(AtomicRefused) as refused:
        counter.post(*told, now_us=noon(0), atomic=True)
    assert codes(refused.value.receipts) == ["posted", "unknown_reference", "posted"]
    assert counter.rows("SELECT COUNT(*) FROM event") == [(0,)]
    assert counter.entries() == []
    counted = counter.post(told[0], told[2], now_us=noon(0), atomic=True)
    assert codes(counted) == ["posted", "posted"]
    assert codes(counter.post(*told, now_us=noon(0))) == ["replayed", "unknown_reference", "replayed"]


# Batches


STORY: list[tuple[str, str, int, dict[str, Any]]] = [
    ("engagement", "e1", 0, FAN),
    ("engagement", "e2", 0, FAN | {"engager": "other"}),
    ("post", "n1", 1, {}),
    ("pitch", "p1", 3, PITCH),
    ("breach", "b1", 5, {"severity": 3, "category": "harm"}),
    ("evasion", "v1", 6, {"breach": "b1"}),
    ("apology", "a1", 8, {"breach": "b1", "responsibility": True, "repair": True}),
    ("undisclosed_pitch", "u1", 9, {"brand": "acme"}),
    ("transparency", "t1", 9, {}),
    ("transparency", "t2", 12, {}),
    ("cleared", "c1", 14, {"breach": "u1"}),
    ("reversal", "r1", 15, {"event": "b1"}),
    ("reversal", "r2", 15, {"event": "p1"}),
    ("reversal", "r3", 15, {"event": "nothing"}),
    ("engagement", "e3", 20, FAN),
]


def told(creator: str = "youtube:u1") -> list[NewEvent]:
    """The story as events."""
    return [tell(kind, ref=ref, at_us=noon(day), creator=creator, **facts) for kind, ref, day, facts in STORY]


@pytest.mark.parametrize("backfill", [False, True])
def test_one_at_a_time_is_as_all_at_once(database: Database, backfill: bool) -> None:
    """The same events in one batch, in three, or singly give the same books and the same answers."""
    counter = Counter(database, names=["u1", "u2", "u3"])
    whole = counter.post(*told("youtube:u1"), now_us=noon(30), backfill=backfill)
    parts = [counter.post(*told("youtube:u2")[n : n + 5], now_us=noon(30), backfill=backfill) for n in (0, 5, 10)]
    single = [counter.post(event, now_us=noon(30), backfill=backfill) for event in told("youtube:u3")]
    answers = [
        [(receipt.code, receipt.entries) for receipt in receipts]
        for receipts in (whole, [r for part in parts for r in part], [r for one in single for r in one])
    ]
    assert answers[0] == answers[1] == answers[2]
    # Ids and hashes differ; which entries, amounts, states and policies does not.
    kept = [[(*row[2:5], *row[7:23]) for row in counter.entries(name)] for name in ("u1", "u2", "u3")]
    assert kept[0] == kept[1] == kept[2]
    rest = [counter.book(name).row() for name in ("u1", "u2", "u3")]
    assert {(row[3], *row[6:]) for row in rest} == {(rest[0][3], *rest[0][6:])}
    for table in ("tally", "tie", "breach"):
        rows = [counter.rows(f"SELECT * FROM {table} WHERE creator_id = ?", counter.ids[name]) for name in counter.ids]
        assert sorted(row[2:] for row in rows[0]) == sorted(row[2:] for row in rows[1])
        assert sorted(row[2:] for row in rows[0]) == sorted(row[2:] for row in rows[2])


def test_the_desk_in_memory_is_the_counter_with_a_database(counter: Counter) -> None:
    """What the laws are tested on is what is stored: the same entries, day after day."""
    desk = Desk()
    for kind, ref, day, facts in STORY:
        desk.tell(kind, day=day, ref=ref, **facts)
        counter.one(kind, ref=ref, day=day, **facts)
    assert [row[2:5] + row[7:24] for row in counter.entries()] == [
        row[2:5] + row[7:24] for row in desk.book.new_entries
    ]


def test_a_batch_may_speak_of_many_creators(database: Database) -> None:
    """Each creator's events go to their own book; the unknown among them are refused alone."""
    names = [f"u{n}" for n in range(60)]
    counter = Counter(database, names=names)
    events = [reply(f"e{n}", creator=f"youtube:{name}") for n, name in enumerate([*reversed(names), "nobody"])]
    receipts = counter.post(*events, now_us=noon(0))
    assert codes(receipts) == ["posted"] * 60 + ["unknown_creator"]
    assert [receipt.external_ref for receipt in receipts] == [event.external_ref for event in events]
    assert {len(counter.entries(name)) for name in names} == {1}


def test_an_empty_batch_does_nothing(counter: Counter) -> None:
    """No events, no receipts, no trace."""
    assert counter.post(now_us=noon(0)) == []


def test_events_are_priced_in_the_order_they_happened(counter: Counter) -> None:
    """Whatever the order in the batch, the earlier act of a fan is the dearer one."""
    later, earlier = reply("late", at_us=noon(0) + 9, engager="fan"), reply("early", engager="fan")
    receipts = counter.post(later, earlier, now_us=noon(1))
    assert [receipt.external_ref for receipt in receipts] == ["late", "early"]
    assert [receipt.entries[0].seq for receipt in receipts] == [2, 1]
    assert receipts[0].entries[0].amount < receipts[1].entries[0].amount


def test_the_clock_of_a_book_only_moves_forward(counter: Counter) -> None:
    """recorded_at rises by at least a microsecond from entry to entry, even where the wall clock goes back."""
    for day in (5, 3, 0, 5, 6):
        counter.post(reply(f"e{day}{len(counter.entries())}", at_us=noon(0)), now_us=noon(day))
        counter.post(reply(f"f{day}{len(counter.entries())}", at_us=noon(0)), now_us=noon(day))
    times = [row[23] for row in counter.entries()]
    assert all(earlier < later for earlier, later in pairwise(times))
    assert [row[2] for row in counter.entries()] == list(range(1, len(times) + 1))
    assert counter.book().recorded_at_us == times[-1]


def test_every_entry_is_chained(counter: Counter) -> None:
    """Each entry's hash covers its fields and the hash before; the book holds the last."""
    counter.post(*told(), now_us=noon(30))
    previous = chain.GENESIS
    for row in counter.entries():
        assert bytes(row[25]) == previous
        previous = bytes(row[26])
        assert chain.entry_hash((*row[:6], bytes(row[6]), *row[7:25], bytes(row[25]), b"")) == previous
    assert counter.book().head == previous


def test_every_entry_balances_and_the_book_is_their_sum(counter: Counter) -> None:
    """Pools and world sum to zero in each entry; the entries' sums are the book's pools."""
    counter.post(*told(), now_us=noon(30))
    rows = counter.entries()
    assert [sum(row[9:14]) for row in rows] == [0] * len(rows)
    sums = tuple(sum(row[n] for row in rows) for n in range(9, 13))
    assert sums == counter.book().state[:4] == tuple(rows[-1][14:18])


# The caps of a day


@given(
    acts=st.lists(
        st.tuples(st.sampled_from(["like", "follow", "share", "reply"]), st.integers(0, 30)), min_size=1, max_size=12
    ),
    data=st.data(),
)
@settings(max_examples=150)
def test_a_days_cap_binds_in_any_order_of_arrival(acts: list[tuple[str, int]], data: st.DataObject) -> None:
    """Told today or days late, in any order, one day's engagement comes to the same, to a micro a day each."""
    order = data.draw(st.permutations(range(len(acts))))
    last = max(late for _, late in acts)
    left = []
    for numbers in (range(len(acts)), order):
        desk = Desk()
        days = sorted(acts[number][1] for number in numbers)
        for day, number in zip(days, numbers, strict=True):
            desk.tell("engagement", day=day, happened=0, ref=str(number), act=acts[number][0], engager=f"fan {number}")
        left.append(desk.on(last))
    on_time = Desk()
    for number, (act, _) in enumerate(acts):
        on_time.tell("engagement", act=act, engager=f"fan {number}")
    left.append(on_time.on(last))
    for state in left[1:]:
        assert abs(state.fresh - left[0].fresh) <= 2 * (last + 1) * len(acts)
        assert abs(state.bedrock - left[0].bedrock) <= 2 * (last + 1) * len(acts)
        assert abs(state.credits - left[0].credits) <= 2 * (last + 1) * len(acts)


def test_a_days_cap_binds_late_arrivals(counter: Counter) -> None:
    """Of eight replies on one day, told over a week, no more than 20 is ever credited."""
    for number in range(8):
        counter.one("engagement", ref=f"e{number}", day=number, happened=0, act="reply", engager=f"fan {number}")
    on_time = economy.accrue(State(trust("18"), trust("2"), credits=trust("20"), day=DAY), DAY + 7, RULES)
    state = counter.state(7)
    assert all(abs(a - b) <= 7 * 8 for a, b in zip(state[:5], on_time[:5], strict=True))
    assert counter.rows("SELECT day, known FROM tally") == [(DAY, trust("40"))]


def test_what_is_undone_does_not_fill_its_day(counter: Counter) -> None:
    """After four replies that were not genuine are undone, late or not, honest ones of that day earn in full."""
    counter.post(*(reply(f"bad{n}") for n in range(4)), now_us=noon(0))
    for number in range(4):
        counter.one("reversal", ref=f"r{number}", event=f"bad{number}", why="fraud")
    assert counter.rows("SELECT known, unknown FROM tally") == [(0, 0)]
    told = counter.post(*(reply(f"good{n}") for n in range(5)), now_us=noon(0))
    assert [receipt.entries[0].amount for receipt in told] == [trust("5")] * 4 + [0]
    undone = counter.one("reversal", ref="late", day=9, event="good4")
    assert undone.entries[0].amount == 0
    counter.one("reversal", ref="later", day=9, event="good0")
    again = counter.one("engagement", ref="again", day=9, happened=0, act="reply", engager="again")
    assert 0 < again.entries[0].amount < trust("5")
    assert counter.rows("SELECT known FROM tally") == [(trust("20"),)]


def test_a_batch_may_undo_its_own_acts(counter: Counter) -> None:
    """Acts and their undoing in one batch leave the day as empty as it was."""
    acts = [reply(f"bad{n}") for n in range(4)]
    undoing = [tell("reversal", ref=f"r{n}", at_us=noon(0) + 1, event=f"bad{n}") for n in range(4)]
    honest = [reply(f"good{n}", at_us=noon(0) + 2) for n in range(4)]
    told = counter.post(*acts, *undoing, *honest, now_us=noon(0) + 3)
    assert [receipt.entries[0].amount for receipt in told[8:]] == [trust("5")] * 4
    assert counter.rows("SELECT known FROM tally") == [(trust("20"),)]


acts_and_undoings = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.one_of(
            st.tuples(st.sampled_from(["like", "follow", "share", "reply"]), st.integers(0, 9)), st.integers(0, 15)
        ),
    ),
    min_size=1,
    max_size=24,
)


@given(acts_and_undoings)
@settings(max_examples=200)
def test_no_order_of_acts_and_undoings_beats_a_day(steps: list[tuple[int, tuple[str, int] | int]]) -> None:
    """What one day has credited never exceeds its cap, nor what the acts that stand would have earned alone."""
    desk, full, day = Desk(), Desk(), 0
    stands: dict[str, tuple[int, dict[str, Any]]] = {}
    for number in range(4):
        full.tell("engagement", act="reply", engager=str(number))
    for number, (gap, step) in enumerate(steps):
        day += gap
        if isinstance(step, tuple):
            facts = {"act": step[0], "engager": f"fan {step[1]}"}
            desk.tell("engagement", day=day, happened=0, ref=str(number), **facts)
            stands[str(number)] = (day, facts)
        else:
            desk.tell("reversal", day=day, event=str(step))
            stands.pop(str(step), None)
        alone = Desk()
        for told, facts in stands.values():
            alone.tell("engagement", day=told, happened=0, **facts)
        dust = 4 * (day + 1) * (number + 1)
        assert desk.standing(day) <= min(full.standing(day), alone.standing(day)) + dust
        assert desk.on(day).credits <= min(full.on(day).credits, alone.on(day).credits) + dust
        assert not stands or desk.book.tallies[DAY].known > 0
    for ref in stands:
        desk.tell("reversal", day=day, event=ref)
    assert abs(desk.standing(day)) <= 4 * (day + 1) * (len(steps) + 1)
    assert all(tally.known == tally.unknown == 0 for tally in desk.book.tallies.values())


@pytest.mark.parametrize(
    "steps",
    [
        [("engagement", FAN)],
        [("transparency", {})],
        [("breach", {"severity": 2})],
        [("pitch", PITCH)],
        [("post", {})],
        [("breach", {"severity": 4}), ("evasion", ANSWER)],
        [("breach", {"severity": 4}), ("apology", ANSWER | SORRY)],
        [("breach", {"severity": 4}), ("evasion", ANSWER), ("apology", ANSWER | SORRY)],
    ],
    ids=lambda steps: "+".join(kind for kind, _ in steps),
)
@pytest.mark.parametrize("late", [1, 30, 60, 360])
@pytest.mark.parametrize("answered", [0, 1, 5])
def test_a_late_event_is_worth_what_the_on_time_one_would_have_left(
    steps: list[tuple[str, dict[str, Any]]], late: int, answered: int
) -> None:
    """Where nothing else happened, telling it late, with its answer or after it, gives the same book, to micros."""
    on_time, told_late, answer_late = Desk(), Desk(), Desk()
    last = late + answered
    for number, (kind, facts) in enumerate(steps):
        day, ref = number * answered, str(number)
        on_time.tell(kind, day=day, ref=ref, **facts)
        told_late.tell(kind, day=max(day, last), happened=day, ref=ref, **facts)
        answer_late.tell(kind, day=max(day, last) if number else 0, happened=day, ref=ref, **facts)
    for desk in (told_late, answer_late):
        gaps = [a - b for a, b in zip(on_time.on(2 * last), desk.on(2 * last), strict=True)]
        assert max(map(abs, gaps)) <= 6 * last * len(steps)


def test_a_hidden_pitch_is_never_back_dated(counter: Counter) -> None:
    """Found a year late it costs what it costs today, in two linked entries, and none of it mends."""
    receipt = counter.one("undisclosed_pitch", ref="u", day=365, happened=0, brand="acme")
    pitch, breach = counter.entries()
    assert [entry.amount for entry in receipt.entries] == [-trust("1"), -trust("2")]
    assert (pitch[3], pitch[4], breach[3], breach[4]) == ("pitch", None, "breach", pitch[2])
    assert counter.book().state[:4] == (-trust("3"), 0, 0, 0)
    assert counter.rows("SELECT seq, day, undisclosed, amount FROM breach") == [(2, DAY + 365, True, trust("3"))]


def test_a_correction_earns_once_a_week(counter: Counter) -> None:
    """Whoever puts something right every five days earns each time a week has passed since the last that earned."""
    told = [counter.one("transparency", ref=f"t{day}", day=day) for day in (0, 5, 6, 7, 10, 15)]
    assert [receipt.entries[0].amount for receipt in told] == [trust(n) for n in ("2", "0", "0", "2", "0", "2")]
    late = counter.one("transparency", ref="late", day=30, happened=11)
    assert late.entries[0].amount == 0
    other = counter.one("transparency", ref="later", day=30, happened=23)
    assert other.entries[0].amount > 0


def test_an_undone_correction_frees_its_week(counter: Counter) -> None:
    """Undoing a correction that earned lets the next one earn; undoing one that earned nothing does not."""
    counter.one("transparency", ref="t0")
    counter.one("transparency", ref="t1", day=1)
    counter.one("reversal", ref="r1", day=1, event="t1")
    assert counter.one("transparency", ref="t2", day=2).entries[0].amount == 0
    counter.one("reversal", ref="r0", day=2, event="t0")
    assert counter.one("transparency", ref="t3", day=3).entries[0].amount == trust("2")


# Breaking, owning, clearing, undoing


def refusals(counter: Counter, *steps: tuple[str, str, str]) -> list[str | None]:
    """What becomes of events that speak of another: (kind, ref, the other's ref), a day apart."""
    facts: list[dict[str, Any]] = [{"event" if kind == "reversal" else "breach": other} for kind, _, other in steps]
    return [counter.one(kind, ref=ref, day=day, **facts[day - 1]).code for day, (kind, ref, _) in enumerate(steps, 1)]


def breach(counter: Counter, ref: str = "b") -> None:
    """A breach on the first day, after some earned trust."""
    counter.post(*(reply(f"{ref}{n}") for n in range(4)), now_us=noon(0))
    counter.one("breach", ref=ref, severity=3, category="harm")


def test_a_breach_is_owned_once(counter: Counter) -> None:
    """A second apology, and evasion after an apology, are refused; clearing is not."""
    breach(counter)
    steps = [("apology", "a", "b"), ("apology", "a2", "b"), ("evasion", "v", "b"), ("cleared", "c", "b")]
    assert refusals(counter, *steps) == [None, "already_done", "already_done", None]
    after = [("apology", "a3", "b"), ("evasion", "v2", "b"), ("cleared", "c2", "b"), ("reversal", "r", "b")]
    assert refusals(counter, *after) == ["already_done"] * 4


def test_an_evaded_breach_may_still_be_owned(counter: Counter) -> None:
    """Evasion counts once; owning afterwards is possible."""
    breach(counter)
    steps = [("evasion", "v", "b"), ("evasion", "v2", "b"), ("apology", "a", "b")]
    assert refusals(counter, *steps) == [None, "already_done", None]


def test_what_it_speaks_of_must_fit(counter: Counter) -> None:
    """No apology for a reply, no reversal of a reversal or of a clearing, nothing about what was refused."""
    breach(counter)
    counter.one("evasion", ref="x", breach="gone")
    steps = [
        ("apology", "a", "b0"), ("cleared", "c0", "b1"), ("evasion", "v", "x"), ("reversal", "r", "x"),
        ("reversal", "r1", "b0"), ("reversal", "r2", "r1"), ("reversal", "r3", "b0"), ("cleared", "c", "b"),
        ("reversal", "r4", "c"),
    ]  # fmt: skip
    assert refusals(counter, *steps) == [
        "wrong_reference", "wrong_reference", "unknown_reference", "unknown_reference",
        None, "wrong_reference", "already_done", None, "wrong_reference",
    ]  # fmt: skip


def test_references_stay_with_their_partner_and_creator(database: Database) -> None:
    """Nobody can speak of another partner's or another creator's event."""
    counter = Counter(database, names=["u1", "u2"])
    breach(counter)
    other = counter.one("apology", ref="a", breach="b", source="other")
    elsewhere = counter.one("apology", ref="a", breach="b", creator="youtube:u2")
    assert (other.code, elsewhere.code) == ("unknown_reference", "unknown_reference")


def test_a_batch_may_speak_of_its_own_events(counter: Counter) -> None:
    """Breach, evasion, apology, clearing and refused undoing may come in one batch, as in five."""
    day: dict[str, Any] = {"at_us": noon(0)}
    events = [
        tell("breach", ref="b", severity=3, **day),
        tell("evasion", ref="v", breach="b", **day),
        tell("apology", ref="a", breach="b", responsibility=True, **day),
        tell("cleared", ref="c", breach="b", **day),
        tell("reversal", ref="r", event="v", **day),
        reply("e"),
        tell("reversal", ref="s", event="e", **day),
    ]
    receipts = counter.post(*events, now_us=noon(0))
    assert codes(receipts) == ["posted"] * 4 + ["already_done", "posted", "posted"]
    assert counter.book().state[:6] == (0, 0, 0, 0, 0, 0)
    book = counter.book()
    assert (book.credits_total, book.drains_total, book.breaches_total, book.apologies_total) == (0, 0, 0, 0)


@pytest.mark.parametrize("first", ["v", "a"])
def test_what_was_cleared_is_not_undone_again(counter: Counter, first: str) -> None:
    """Evasion and apology went with their breach: undoing them after clearing would make trust of nothing."""
    breach(counter)
    counter.one("evasion", ref="v", day=1, breach="b")
    counter.one("apology", ref="a", day=2, breach="b", responsibility=True)
    counter.one("cleared", ref="c", day=3, breach="b")
    before = counter.state(9)
    assert counter.one("reversal", ref="r", day=4, event=first).code == "already_done"
    assert counter.state(9) == before


@pytest.mark.parametrize(("undone", "then"), [("a", "cleared"), ("v", "cleared"), ("a", "reversal"), ("v", "reversal")])
def test_what_was_undone_is_not_undone_again(database: Database, undone: str, then: str) -> None:
    """Clearing or reversing a breach leaves out an apology or evasion that was reversed before."""
    counter = Counter(database, names=["u1", "u2"])
    breach(counter)
    counter.post(*(reply(f"b{n}", creator="youtube:u2") for n in range(4)), now_us=noon(0))
    counter.one("evasion", ref="v", day=1, breach="b")
    counter.one("apology", ref="a", day=2, breach="b", responsibility=True)
    counter.one("reversal", ref="r", day=3, event=undone)
    facts: dict[str, Any] = {"cleared": {"breach": "b"}, "reversal": {"event": "b"}}[then]
    assert counter.one(then, ref="end", day=4, **facts).status == "posted"
    plain, book = counter.state(9, "u2"), counter.state(9)
    assert all(abs(a - b) <= 9 * 12 for a, b in zip(book[:6], plain[:6], strict=True))
    record = counter.book()
    assert (record.drains_total, record.breaches_total, record.apologies_total) == (0, 0, 0)


def test_an_undone_apology_leaves_the_breach_open(counter: Counter) -> None:
    """Once the apology is reversed the breach may be owned again, for the same."""
    breach(counter)
    facts: dict[str, Any] = {"breach": "b", "responsibility": True, "repair": True}
    first = counter.one("apology", ref="a", day=1, **facts)
    counter.one("reversal", ref="r", day=1, event="a")
    again = counter.one("apology", ref="a2", day=1, **facts)
    assert again.entries[0].amount == first.entries[0].amount
    assert counter.one("apology", ref="a3", day=1, **facts).code == "already_done"


@pytest.mark.parametrize("seen", [("engagement", FAN), ("pitch", PITCH), ("transparency", {}), ("post", {})])
def test_a_reversal_undoes_what_survives(database: Database, seen: tuple[str, dict[str, Any]]) -> None:
    """Undone a month later, the book holds what it would have held, to some micros a day."""
    counter = Counter(database, names=["u1", "u2"])
    for name in counter.ids:
        counter.post(*(reply(f"f{n}", creator=f"youtube:{name}") for n in range(4)), now_us=noon(0))
    kind, facts = seen
    counter.one(kind, ref="x", day=2, **facts)
    counter.one("reversal", ref="r", day=32, event="x", why="dispute")
    state, plain = counter.state(60), counter.state(60, "u2")
    assert all(abs(a - b) <= 300 for a, b in zip(state[:8], plain[:8], strict=True))
    book, other = counter.book(), counter.book("u2")
    assert (book.credits_total, book.drains_total) == (other.credits_total, other.drains_total)
    assert counter.rows("SELECT SUM(posts), SUM(sponsored), SUM(corrections) FROM tally")[0] == (0, 0, 0)
    about = [row[4] for row in counter.entries() if row[3] == "reversal"]
    assert about[::-1] == [row[2] for row in counter.entries() if row[5] == counter_event(counter, "x")]


def counter_event(counter: Counter, ref: str) -> str:
    """The id of an event by its reference."""
    found: str = counter.rows("SELECT event_id FROM event WHERE external_ref = ?", ref)[0][0]
    return found


def test_undoing_a_breach_undoes_what_rests_on_it(counter: Counter) -> None:
    """Evasion and apology go with the breach, each line in its own entry."""
    breach(counter)
    counter.one("evasion", ref="v", day=1, breach="b")
    counter.one("apology", ref="a", day=2, breach="b", responsibility=True)
    receipt = counter.one("reversal", ref="r", day=3, event="b")
    assert [entry.kind for entry in receipt.entries] == ["reversal"] * 3
    assert counter.one("reversal", ref="s", day=4, event="a").code == "already_done"
    assert counter.state(4).mending_breach == 0


def test_the_second_breach_of_a_kind_is_forgiven_half(counter: Counter) -> None:
    """Within 180 days the apology for another breach of the same kind counts half; of another kind, in full."""
    facts: dict[str, Any] = {"responsibility": True}
    for ref, category in (("b1", "harm"), ("b2", "harm"), ("b3", "privacy")):
        counter.one("breach", ref=ref, severity=1, category=category)
    told = [counter.one("apology", ref=f"a{ref}", breach=ref, **facts) for ref in ("b1", "b2", "b3")]
    first, second, third = (receipt.entries[0].amount for receipt in told)
    assert first == third
    assert abs(second * 2 - first) <= 1


# Backfill


def back(counter: Counter, ref: str, day: int, *, now: int = 100, **changes: Any) -> Receipt:
    """A reply of some day, filled in later."""
    return counter.post(reply(ref, **({"at_us": noon(day)} | changes)), now_us=noon(now), backfill=True)[0]


def test_backfill_settles_day_by_day(counter: Counter) -> None:
    """Entries are recorded at their own time, with the decay between them, as if they had been told then."""
    for ref, day in (("a", 0), ("b", 0), ("c", 10), ("d", 11)):
        assert back(counter, ref, day).status == "posted"
    desk = Desk()
    for ref, day in (("a", 0), ("b", 0), ("c", 10), ("d", 11)):
        desk.tell("engagement", day=day, act="reply", engager=ref)
    rows = counter.entries()
    assert [row[9:23] for row in rows] == [row[9:23] for row in desk.book.new_entries]
    assert [row[3] for row in rows] == ["engagement"] * 2 + ["settlement", "engagement"] * 2
    assert [row[23] // DAY_US - DAY for row in rows] == [0, 0, 10, 10, 11, 11]
    assert not counter.book().live
    assert {row[0] for row in counter.rows("SELECT received_at_us FROM event")} == {noon(100)}


def test_backfill_goes_in_time_order(counter: Counter) -> None:
    """An earlier day than the book holds is refused, the same day is not."""
    back(counter, "a", 10)
    assert back(counter, "b", 9).code == "out_of_order"
    assert back(counter, "c", 10, at_us=noon(10) - 5).status == "posted"


def test_a_backfilled_batch_is_put_in_time_order(counter: Counter) -> None:
    """Lines of one batch may come in any order."""
    events = [reply(f"e{day}", at_us=noon(day)) for day in (7, 3, 9, 0)]
    assert codes(counter.post(*events, now_us=noon(100), backfill=True)) == ["posted"] * 4


def test_the_first_live_entry_ends_backfill(counter: Counter) -> None:
    """After one live event the past is closed for good; replays still answer."""
    first = back(counter, "a", 0)
    assert counter.one("post", ref="live", day=101).status == "posted"
    assert counter.book().live
    assert back(counter, "b", 200, now=200).code == "backfill_closed"
    assert back(counter, "a", 0, now=200).entries == first.entries


def test_a_refused_live_event_does_not_end_backfill(counter: Counter) -> None:
    """Only an entry does."""
    back(counter, "a", 0)
    counter.one("reversal", ref="r", day=101, event="nothing")
    assert back(counter, "b", 1).status == "posted"


# Policies


def test_a_new_policy_applies_forward_only(counter: Counter) -> None:
    """Before its day the old rules price and decay, from its day the new ones; no entry changes."""
    dear = variant(("engagement.reply", "10"), ("decay.fresh_half_life", "30"), name="dear")
    counter.schedule = Schedule(((0, FOUNDING), (DAY + 10, dear)))
    counter.one("engagement", ref="a", act="reply", engager="a")
    before = counter.entries()
    counter.one("engagement", ref="b", day=20, act="reply", engager="b")
    rows = counter.entries()
    assert rows[: len(before)] == before
    assert [row[7] for row in rows] == [FOUNDING.version, dear.version, dear.version]
    assert -rows[-1][13] == trust("10")
    half = economy.accrue(State(trust("4.5"), trust("0.5"), day=DAY), DAY + 10, RULES)
    assert counter.book().state.bedrock == economy.accrue(half, DAY + 20, Schedule.of(dear)).bedrock + trust("1")


def test_backfill_is_priced_by_the_policy_of_today(counter: Counter) -> None:
    """The policy in force at import prices and decays the whole past."""
    dear = variant(("engagement.reply", "10"), ("decay.fresh_half_life", "30"), name="dear")
    counter.schedule = Schedule(((0, FOUNDING), (DAY + 90, dear)))
    back(counter, "a", 0)
    back(counter, "b", 30)
    rows = counter.entries()
    assert {row[7] for row in rows} == {dear.version}
    expected = economy.accrue(State(trust("9"), trust("1"), day=DAY), DAY + 30, Schedule.of(dear))
    assert rows[1][14:16] == (expected.fresh, expected.bedrock)


def test_an_announced_policy_is_not_yet_in_force(counter: Counter) -> None:
    """A policy of next week changes nothing today."""
    counter.schedule = Schedule(((0, FOUNDING), (DAY + 7, variant(("engagement.reply", "10"), name="dear"))))
    assert counter.one("engagement", ref="a", day=6, act="reply", engager="a").entries[0].amount == trust("5")
    assert counter.one("engagement", ref="b", day=7, act="reply", engager="b").entries[0].amount == trust("10")


# Bounds


EXTREME = variant(
    ("engagement.reply", "20"), ("engagement.day_cap", "1000"), ("decay.fresh_half_life", "3650"),
    ("decay.bedrock_half_life", "36500"), ("decay.memo_half_life", "3650"), ("fatigue.half_life", "365"),
    ("breach.floor", "1000"), ("breach.severity_4", "0.9"), ("evasion.share", "2"), ("pitch.least", "100"),
    ("pitch.undisclosed", "10"), ("pitch.share_most", "0.9"), ("pitch.stranger", "5"), ("pitch.fatigue", "2"),
    name="extreme",
)  # fmt: skip
CENTURIES = State(
    trust("5300000"), trust("26000000"), trust("5000000"), trust("5000000"), trust("9000000000"),
    trust("9000000000"), 10**15, 10**15, DAY,
)  # fmt: skip


def test_no_bound_lets_a_sum_overflow() -> None:
    """At the extreme of every bound, from a book fuller than centuries could fill it, all fits in 64 bits."""
    desk = Desk(schedule=Schedule.of(EXTREME), state=CENTURIES, followers=10**10)
    for day, sign in ((0, 1), (1, -1)):
        desk.book.state = desk.on(day)._replace(fresh=sign * 10**15)
        for kind, facts in (
            ("engagement", FAN),
            ("pitch", PITCH | {"fit": "0"}),
            ("undisclosed_pitch", {"brand": "x", "fit": "0", "ref": f"u{day}"}),
            ("breach", {"severity": 4, "ref": f"b{day}"}),
            ("evasion", {"breach": f"b{day}"}),
            ("apology", {"breach": f"b{day}", "repair": True, "positive": 10**11, "negative": 10**11}),
            ("cleared", {"breach": f"u{day}"}),
            ("reversal", {"event": f"b{day}"}),
        ):
            assert desk.tell(kind, day=day, **facts).status == "posted"
    numbers = [value for row in desk.book.new_entries for value in row if type(value) is int]
    factors = [value for row in desk.book.new_entries for value in orjson.loads(row[8]).values()]
    assert max(map(abs, numbers + factors)) < 2**62


def test_the_largest_numbers_a_partner_may_send_are_stored(counter: Counter) -> None:
    """Ten thousand million followers, a hundred thousand million reactions and times to the year 9999 are bounded."""
    counter.one("breach", ref="b", severity=4)
    reactions: dict[str, Any] = {"positive": 10**11, "negative": 10**11}
    assert counter.one("apology", ref="a", breach="b", **reactions).status == "posted"
    assert counter.one("pitch", ref="p", followers=10**10, **PITCH).status == "posted"
    far = reply("far", at_us=253_402_300_799_999_999)
    assert codes(counter.post(far, now_us=noon(0))) == ["invalid_event"]


def test_the_oldest_event_is_stored(counter: Counter) -> None:
    """What happened on the first day of 2000 goes into the books by backfill, or as a hidden pitch found today."""
    old = 946_684_800_000_000
    receipt = counter.post(reply("old", at_us=old), now_us=noon(0), backfill=True)[0]
    assert (receipt.status, receipt.entries[0].amount) == ("posted", trust("5"))
    hidden = counter.one("undisclosed_pitch", ref="hidden", happened=old // DAY_US - DAY, brand="acme")
    assert hidden.status == "posted"


def test_an_event_of_more_than_a_year_ago_is_not_taken_live(counter: Counter) -> None:
    """It is refused by its time, and told what to do instead; nothing is remembered of it."""
    receipt = counter.one("breach", ref="old", day=367, happened=0, severity=1)
    assert (receipt.status, receipt.code, receipt.remembered) == ("refused", "invalid_event", False)
    assert "more than 366 days ago" in str(receipt.errors)
    assert counter.one("breach", ref="old", day=366, happened=0, severity=1).status == "posted"


# Guards of the database itself


@pytest.mark.parametrize("table", ["event", "entry", "policy"])
@pytest.mark.parametrize("verb", ["UPDATE", "DELETE"])
def test_what_happened_is_never_changed(counter: Counter, table: str, verb: str) -> None:
    """The database refuses to change or remove an event, an entry or a policy."""
    counter.one("post", ref="p")
    column = {"event": "kind", "entry": "kind", "policy": "name"}[table]
    statement = {"UPDATE": f"UPDATE {table} SET {column} = 'x'", "DELETE": f"DELETE FROM {table}"}[verb]
    with pytest.raises(Exception, match="append-only"):
        counter.rows(statement)


days = st.integers(0, 30)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=12)
@given(
    steps=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30), st.sampled_from(["like", "reply"])), max_size=8)
)
def test_days_of_arrival_and_days_of_happening_may_cross(sqlite_url: str, steps: list[tuple[int, int, str]]) -> None:
    """Whatever comes late or early, sequences have no gap, the clock rises, and no day exceeds its cap."""
    database = Database(sqlite_url)
    counter = Counter(database, names=[])
    number = len(counter.rows("SELECT 1 FROM creator"))
    counter.ids["u1"] = counter.enrol(f"u{number}")
    for index, (now, ago, act) in enumerate(steps):
        event = reply(f"e{index}", at_us=noon(now - ago), act=act, creator=f"youtube:u{number}")
        assert counter.post(event, now_us=noon(now))[0].status == "posted"
    rows = counter.entries()
    assert [row[2] for row in rows] == list(range(1, len(rows) + 1))
    assert [row[23] for row in rows] == sorted({row[23] for row in rows})
    database.dispose()
