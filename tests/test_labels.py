"""Labels: what a meter is called, why, and the way out that holds what it promises."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ledger import labels, policy
from ledger.economy import PPM
from ledger.labels import DayCount, Label
from tests.desk import variant

FOUNDING = policy.builtin()
TODAY = 20_780  # 23 November 2026
WINDOW, GRACE = 90, 14
TRUST = 1_000_000


def called(days: Sequence[DayCount] = (), *, today: int = TODAY, **figures: Any) -> Label:
    """The label of a well-trusted book in credit, unless changed."""
    trusted = {
        "credits": 400 * TRUST,
        "drains": 40 * TRUST,
        "known": 60 * PPM,
        "standing": 400 * TRUST,
        "reliability": 900_000,
        "hidden_since": None,
        "policy": FOUNDING,
    }
    return labels.label(days=days, today=today, **{**trusted, **figures})


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
    assert old.way_out == "Own the undisclosed pitch of 9 November."


def test_no_label_is_left_with_something_hidden() -> None:
    """While a hidden pitch stands un-owned, 15 % on any of the 14 days keeps one stretched."""
    left = [*one_day(17, 83, ago=40), DayCount(TODAY - 5, 100, 0)]
    assert called(left).name == "trusted"
    assert called(left, hidden_since=TODAY - 3).name == "stretched"


def test_the_way_out_names_a_date() -> None:
    """Pitches of 3 November leave the window after 90 days, and the label two weeks later: 14 February."""
    label = called(one_day(6, 14))
    assert label.reason == "6 of the 20 posts of the last 90 days were sponsored (30 %)."
    assert label.way_out == (
        "Make no new pitch until 14 February 2027. 21 ordinary posts shorten that, to 6 December 2026 at the earliest."
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
    free = labels._free_on({count.day: count for count in days}, TODAY, FOUNDING)
    coming = [DayCount(TODAY + ahead, n, 0) for ahead, n in posts.items() if later_posts]
    assert called([*days, *coming], today=free, **IN_DEBT).name not in {"stretched", "sellout"}


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
def test_a_label_does_not_flap(days: list[DayCount]) -> None:
    """A label that 20 % brought stays for the 13 days after the last of them."""
    shares = labels._shares({count.day: count for count in days}, TODAY - 60, TODAY, TODAY, FOUNDING)
    names = [called(days, today=TODAY - 60 + n).name for n in range(61)]
    held = [n for n, share in enumerate(shares) if share >= 200_000]
    assert all(names[m] == "stretched" for n in held for m in range(n, min(n + 14, 61)))
