"""Labels: what a meter is called, why, and the way out that holds what it promises."""

from collections.abc import Callable, Sequence
from itertools import groupby, pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ledger import exposure, labels, policy, ways
from ledger.economy import PPM
from ledger.labels import DayCount, Label, Unowned
from tests.desk import variant

FOUNDING = policy.builtin()
TODAY = 20_780  # 23 November 2026
WINDOW, GRACE = 90, 14
TRUST = 1_000_000


GOOD: dict[str, Any] = {
    "credits": 400 * TRUST,
    "drains": 40 * TRUST,
    "known": 60 * PPM,
    "standing": 400 * TRUST,
    "reliability": 900_000,
    "hidden_since": None,
}


def called(days: Sequence[DayCount] = (), *, today: int = TODAY, **figures: Any) -> Label:
    """The label of a well-trusted book in credit, unless changed."""
    return labels.label(days=days, today=today, **{**GOOD, "policy": FOUNDING, **figures})


IN_DEBT = {"credits": 40 * TRUST, "drains": 41 * TRUST}


def one_day(sponsored: int, ordinary: int, *, ago: int = 20) -> list[DayCount]:
    """Posts of one day, some days ago."""
    return [DayCount(TODAY - ago, sponsored + ordinary, sponsored)]


counts = st.integers(0, 3).flatmap(lambda posts: st.tuples(st.just(posts), st.integers(0, posts)))
histories = st.dictionaries(st.integers(0, 103), counts, max_size=40).map(
    lambda days: [DayCount(TODAY - ago, posts, sponsored) for ago, (posts, sponsored) in days.items()]
)
figures = st.fixed_dictionaries(
    {
        "credits": st.integers(0, 10**9),
        "drains": st.integers(0, 10**9),
        "known": st.integers(0, 100 * PPM),
        "standing": st.integers(-(10**9), 10**9),
        "reliability": st.integers(0, PPM),
        "hidden_since": st.none() | st.integers(TODAY - 400, TODAY),
    }
)


def test_three_in_ten_and_in_debt_is_a_sellout() -> None:
    """At 30 % sponsored and more drained than credited, it is a sellout; at 29 %, or in credit, stretched."""
    assert called(one_day(3, 7), **IN_DEBT).name == "sellout"
    assert called(one_day(29, 71), **IN_DEBT).name == "stretched"
    assert called(one_day(3, 7)).name == "stretched"
    assert called(one_day(3, 7), credits=1, drains=1).name == "stretched"


def test_four_posts_say_nothing() -> None:
    """A share of fewer than five posts makes no label."""
    assert called(one_day(4, 0), **IN_DEBT).name == "trusted"
    assert called(one_day(5, 0), **IN_DEBT).name == "sellout"


def test_a_share_between_15_and_20_percent_has_two_weeks_of_grace() -> None:
    """17 % stretches one only after 14 days in a row, 20 % at once, 14 % never."""
    assert called(one_day(17, 83, ago=12)).name == "trusted"
    assert called(one_day(17, 83, ago=13)).name == "stretched"
    assert called(one_day(20, 80, ago=0)).name == "stretched"
    assert called(one_day(14, 86, ago=30)).name == "trusted"


def test_a_label_is_left_after_two_weeks_under_20_percent() -> None:
    """Ordinary posts that bring the share from 25 to 10 % lift the label 14 days later, not before."""
    sold = one_day(5, 15, ago=40)
    assert called([*sold, DayCount(TODAY - 12, 30, 0)]).name == "stretched"
    assert called([*sold, DayCount(TODAY - 13, 30, 0)]).name == "trusted"


def test_a_hidden_pitch_makes_a_sellout_after_14_days() -> None:
    """An undisclosed pitch that nobody owns for 14 days makes a sellout, whatever else stands in the books."""
    young, old = called(hidden_since=TODAY - 13), called(hidden_since=TODAY - 14)
    assert (young.name, old.name) == ("trusted", "sellout")
    due = "Own the undisclosed pitch of 10 November before 24 November, or it becomes a sellout."
    assert young.way_out.endswith(due)
    assert old.reason == "An undisclosed pitch of 9 November has stood un-owned for 14 days."
    assert old.way_out == "Own the undisclosed pitch of 9 November: the label goes at once."


def test_no_label_is_left_with_something_hidden() -> None:
    """A stretched one stays so while a hidden pitch or any other breach is un-owned; a trusted one stays trusted."""
    breach = (Unowned(TODAY - 200, hidden=False),)
    either: tuple[dict[str, Any], ...] = ({"hidden_since": TODAY - 3}, {"unowned": breach})
    for owing in either:
        assert called(**owing).name == "trusted"
        assert called(was="stretched", **owing).name == "stretched"
        assert called(was="sellout", **owing).name == "sellout"
    assert called(was="stretched").name == called(was="sellout").name == "trusted"


def test_a_sellout_stays_one_until_it_is_left() -> None:
    """Between 20 and 30 %, or in credit again, a sellout stays one; after 14 days in a row under 20 % it is left."""
    sold = one_day(25, 75, ago=40)
    assert called(sold, was="sellout").name == "sellout"
    assert called(sold, was="stretched").name == called(sold).name == "stretched"
    calm = [*sold, DayCount(TODAY - 12, 100, 0)]
    assert called(calm, was="sellout").name == "sellout"
    assert called([*sold, DayCount(TODAY - 13, 100, 0)], was="sellout").name == "trusted"


def test_between_15_and_20_percent_one_stays_stretched_while_that_is_most_of_the_time() -> None:
    """One day under 15 % ends nothing, a week of them does; a sellout of 17 % is stretched from then on."""
    steady, dip = one_day(17, 83, ago=40), 20
    assert called([*steady, DayCount(TODAY - 6, dip, 0)]).name == "trusted"
    assert called([*steady, DayCount(TODAY - 5, dip, 0)], was="stretched").name == "stretched"
    assert called([*steady, DayCount(TODAY - 6, dip, 0)], was="stretched").name == "trusted"
    assert called(steady, was="sellout").name == "stretched"


def test_marks_that_were_reached_are_lost_only_below_nine_tenths_of_them() -> None:
    """Trust at a meter of 45 is kept, and not yet won; a first impression of nine acts likewise."""
    held: dict[str, Any] = {"standing": 250 * TRUST, "reliability": 720_000, "known": 45 * PPM}
    assert [called(was=was, **held).name for was in ("building", "trusted")] == ["building", "trusted"]
    assert called(was="trusted", **held).way_out.endswith(
        "It is lost below a meter of 45, reliability of 72 % or 45 recent acts of known people."
    )
    assert called(was="trusted", **held | {"known": 45 * PPM - 1}).name == "building"
    assert called(was="trusted", **held | {"reliability": 719_999}).name == "building"
    assert called(was="trusted", **held | {"standing": 245 * TRUST}).name == "building"
    assert [called(known=9 * PPM, was=was).name for was in ("new", "building")] == ["new", "building"]


def test_the_way_out_names_a_date() -> None:
    """Pitches of 3 November leave the window after 90 days, and the label ten days later: 8 February."""
    label = called(one_day(6, 14))
    assert label.reason == "6 of the 20 posts of the last 90 days were sponsored (30 %)."
    assert label.way_out == (
        "Make no new pitch until 14 February 2027: the label goes on that day."
        " Or publish 21 ordinary posts and make no new pitch until 6 December: it goes then."
    )


def test_the_way_out_names_what_to_own() -> None:
    """Every un-owned breach is named with its day, oldest first, and owning it is part of every way."""
    owing = (Unowned(TODAY - 4, hidden=True), Unowned(TODAY - 324, hidden=False))
    label = called(one_day(6, 14), unowned=owing, hidden_since=TODAY - 4)
    both = "the breach of 3 January and the undisclosed pitch of 19 November"
    assert [way.advice for way in label.ways] == [
        f"Own {both} and make no new pitch until 14 February 2027",
        f"Own {both}, publish 21 ordinary posts and make no new pitch until 6 December",
    ]
    kept = called(was="sellout", unowned=owing[1:])
    assert kept.way_out == "Own the breach of 3 January: the label goes at once."
    assert kept.reason == (
        "It stays sellout until the share was under 20 % for 14 days in a row and nothing is left to own:"
        " the breach of 3 January."
    )


def test_a_debt_is_part_of_the_reason() -> None:
    """A sellout is told that more was taken than came back."""
    assert called(one_day(6, 14), **IN_DEBT).reason.endswith(
        "were sponsored (30 %), and pitches and breaches took more trust than came back."
    )


def test_new_building_and_trusted_say_what_is_missing() -> None:
    """Under 10 known acts it is new; under the marks of trust it is building, and says which are missed."""
    assert called(known=10 * PPM - 1).name == "new"
    assert called(known=4 * PPM).way_out == "About 6 more genuine acts of known people leave it behind."
    building = called(known=10 * PPM, standing=100 * TRUST, reliability=799_999)
    assert building.name == "building"
    assert building.way_out == (
        "To be trusted: a meter of 50 (now 25); reliability of 80 % (now 79.9 %);"
        " about 40 more genuine acts of known people."
        " Reliability grows while credits stay above drains:"
        " reply to your audience, disclose every pitch, break no trust."
    )
    assert called(known=50 * PPM, standing=300 * TRUST, reliability=800_000).name == "trusted"


def test_nothing_known_is_said_plainly() -> None:
    """With nothing in the books there is nothing to say but how a first impression comes about."""
    assert called(known=0).reason.startswith("Recent acts of known people in the books: 0.")
    label = called(known=0, credits=0, drains=0, standing=0, reliability=500_000)
    assert (label.reason, label.way_out) == (
        "Nothing is known yet.",
        "A first impression takes 10 acts of known people.",
    )


@pytest.mark.parametrize(
    ("ppm", "told"), [(0, "0 %"), (4_999, "0 %"), (5_000, "1 %"), (815_400, "82 %"), (994_999, "99 %"), (PPM, "100 %")]
)
def test_shares_are_rounded_half_up(ppm: int, told: str) -> None:
    """A share is told in the nearest whole per cent."""
    assert labels.percent(ppm) == told


def test_the_marks_are_the_policys() -> None:
    """A policy that calls 40 % a sellout does."""
    lax = variant(("label.sellout_share", "0.4"), name="lax")
    assert called(one_day(39, 61), policy=lax, **IN_DEBT).name == "stretched"
    assert called(one_day(40, 60), policy=lax, **IN_DEBT).name == "sellout"


@given(histories, figures)
def test_reason_and_way_out_always(days: list[DayCount], told: dict[str, Any]) -> None:
    """Every label has a name from the list, a reason and a way out that are sentences."""
    label = called(days, **told)
    assert label.name in labels.NAMES
    assert label.reason.endswith(".")
    assert label.way_out.endswith(".")


@given(histories, st.dictionaries(st.integers(1, 104), st.integers(0, 3)), st.booleans())
@example(days=[DayCount(TODAY - 30, 40, 3), DayCount(TODAY, 3, 3)], posts={60: 1, 80: 1}, later_posts=True)
def test_the_date_holds_whatever_ordinary_posts_come(
    days: list[DayCount], posts: dict[int, int], later_posts: bool
) -> None:
    """On the day the way out names, the label is gone, whether or not ordinary posts came in between."""
    free = ways.free_on({count.day: count for count in days}, today=TODAY, policy=FOUNDING)
    coming = [DayCount(TODAY + ahead, n, 0) for ahead, n in posts.items() if later_posts]
    for was in labels.PRESSED:
        assert called([*days, *coming], today=free, was=was, **IN_DEBT).name not in labels.PRESSED


@given(histories, st.sampled_from(labels.NAMES), figures)
def test_every_way_out_leads_out_on_its_day(days: list[DayCount], was: str, told: dict[str, Any]) -> None:
    """Whoever goes a way, night after night, is rid of the label on the day named."""
    label = called(days, was=was, **told)
    for number, way in enumerate(label.ways):
        extra = int(way.advice.partition("ublish ")[2].split()[0].replace("one", "1")) if number else 0
        owned, name = told | {"hidden_since": None}, label.name
        coming = [*without(days, TODAY), added(days, TODAY, extra)]
        for night in range(TODAY + 1, way.day + 1):
            seen = exposure.exposure(coming, today=night, policy=FOUNDING)
            name = labels.name(seen, labels.Figures(**{**owned, "today": night, "was": name}), FOUNDING)
        assert called(coming, today=way.day, was=name, **owned).name not in labels.PRESSED


def without(days: list[DayCount], day: int) -> list[DayCount]:
    """The counts of the other days."""
    return [count for count in days if count.day != day]


def added(days: list[DayCount], day: int, posts: int) -> DayCount:
    """The count of a day with further ordinary posts."""
    count = next((count for count in days if count.day == day), DayCount(day, 0, 0))
    return count._replace(posts=count.posts + posts)


@given(histories, st.integers(0, 13), st.booleans())
def test_a_pitch_never_makes_a_better_label(days: list[DayCount], ago: int, in_debt: bool) -> None:
    """One more sponsored post, instead of an ordinary one, never lifts a label."""
    order = {"trusted": 0, "stretched": 1, "sellout": 2}
    told = IN_DEBT if in_debt else {}
    day = TODAY - ago
    others = [count for count in days if count.day != day]
    before, after = [*others, DayCount(day, 5, 1)], [*others, DayCount(day, 5, 2)]
    assert order[called(before, **told).name] <= order[called(after, **told).name]


@given(histories)
def test_a_pressed_label_stays_two_weeks(days: list[DayCount]) -> None:
    """A label that 20 % brought stays for the 13 days after the last of them."""
    counts = {count.day: count for count in days}
    shares = exposure.shares(counts, TODAY - 60, TODAY, today=TODAY, policy=FOUNDING)
    names = [called(days, today=TODAY - 60 + n).name for n in range(61)]
    held = [n for n, share in enumerate(shares) if share >= 200_000]
    assert all(names[m] == "stretched" for n in held for m in range(n, min(n + 14, 61)))


def nights(days: list[DayCount], told: Callable[[int], dict[str, Any]], many: int = 60) -> list[str]:
    """The labels that so many nights wrote down, the last of them today's."""
    names, was = [], "new"
    for day in range(TODAY - many, TODAY + 1):
        seen = exposure.exposure([count for count in days if count.day <= day], today=day, policy=FOUNDING)
        was = labels.name(seen, labels.Figures(**{**GOOD, "today": day, "was": was, **told(day)}), FOUNDING)
        names.append(was)
    return names


@given(histories, st.lists(st.booleans(), min_size=61, max_size=61))
@example(days=[*one_day(17, 83, ago=40), DayCount(TODAY - 26, 14, 0), DayCount(TODAY - 25, 3, 1)], debts=[True] * 61)
def test_no_label_comes_and_goes_within_a_week(days: list[DayCount], debts: list[bool]) -> None:
    """Whatever is posted, and however credits and drains take turns: once pressed a week at least, a sellout two."""
    names = nights(days, lambda day: IN_DEBT if debts[day - TODAY] else {})
    stays = [[*stay] for _, stay in groupby(names, key=lambda name: name in labels.PRESSED)]
    assert all(len(stay) >= 7 for stay in stays[1:-1] if stay[0] in labels.PRESSED)
    sold = [len([*stay]) for name, stay in groupby(names[:-14]) if name == "sellout"]
    assert all(length >= 14 for length in sold[:-1])


@given(st.lists(st.integers(-3, 3), min_size=30, max_size=30), st.integers(35, 60), st.integers(70, 90))
def test_marks_do_not_flap(steps: list[int], points: int, reliable: int) -> None:
    """A meter that moves less than 5 points and a reliability that moves less than 8 change the label once at most."""
    sway = [sum(steps[:n]) % 5 for n in range(30)]

    def told(day: int) -> dict[str, Any]:
        n = sway[day - TODAY + 29]
        shown = points + n - 2
        return {"standing": 300 * TRUST * shown // (100 - shown), "reliability": (reliable + n - 2) * 10_000}

    names = nights([], told, many=29)
    assert sum(one != other for one, other in pairwise(names)) <= 1
