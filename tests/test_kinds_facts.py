"""What may be said of an event, and what is refused, by name."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import events
from ledger.errors import InvalidEvent
from ledger.kinds import KINDS, PUBLIC
from ledger.kinds.breach import BreachFacts
from ledger.kinds.engagement import EngagementFacts
from ledger.kinds.facts import Share, fields_of, read, show, show_ppm
from ledger.kinds.pitch import PitchFacts
from ledger.kinds.post import PostFacts
from tests.desk import CREATOR, METER, PEPPER, noon, tell

PITCH = {"brand": "acme", "disclosure": "clear"}
FAN = {"act": "like", "engager": "fan"}
BREACH = {"severity": 2}


def wrong(facts: type, given: object) -> dict[str, str]:
    """The pointers and reasons with which facts are refused."""
    with pytest.raises(InvalidEvent) as refused:
        read(facts, given, seal=str.upper)
    return dict(refused.value.errors)


def sealed(name: str) -> str:
    """A seal that shows."""
    return f"<{name}>"


@pytest.mark.parametrize("given", [None, [], "x", 7, True])
def test_facts_are_an_object(given: object) -> None:
    """Anything but an object is refused as a whole."""
    assert wrong(PostFacts, given) == {"/facts": "must be an object"}


def test_every_wrong_field_is_named_at_once() -> None:
    """What is missing, unknown, of the wrong type and out of bounds is told in one answer."""
    given = {"disclosure": "loudly", "fit": "1.1", "followers": -1, "price": 3}
    assert set(wrong(PitchFacts, given)) == {
        "/facts/brand",
        "/facts/disclosure",
        "/facts/fit",
        "/facts/followers",
        "/facts/price",
    }


@pytest.mark.parametrize("value", [0, 5, -1, 10**40, 1.9, True, False, "2", "12", None, [], {}, float("nan"), 1e300])
def test_a_whole_number_is_a_whole_number_within_bounds(value: object) -> None:
    """A severity that is no JSON integer of 1 to 4 is refused: no truth value, no text, no fraction."""
    assert set(wrong(BreachFacts, {"severity": value})) == {"/facts/severity"}


@pytest.mark.parametrize(("value", "expected"), [(1, 1), (4, 4), (4.0, 4), (1e0, 1)])
def test_a_whole_number_may_be_written_with_a_point(value: object, expected: int) -> None:
    """4.0 is 4, as JSON has one kind of number."""
    assert read(BreachFacts, {"severity": value}, seal=sealed).severity == expected


@pytest.mark.parametrize(
    "value",
    [
        0.7,
        1,
        True,
        None,
        "",
        "1.1",
        "-0.1",
        "0.1234567",
        ".5",
        "1.",
        "1e-1",
        "0,5",
        " 0.5",
        "\u0660.\u0665",
        "100",
        "0.5\n",
    ],
)
def test_a_share_is_a_decimal_string(value: object) -> None:
    """A share as a JSON number, beyond 1, below 0, with seven places or in another notation is refused."""
    assert set(wrong(PitchFacts, PITCH | {"fit": value})) == {"/facts/fit"}


@given(st.integers(0, 1_000_000))
def test_a_share_reads_as_it_is_shown(ppm: int) -> None:
    """Every share comes back from its decimal string."""
    assert Share("any").read(show_ppm(ppm)) == ppm


def test_shares_by_hand() -> None:
    """700,000 ppm is shown as "0.7", a millionth as "0.000001", one and a half below zero as "-1.5"."""
    assert [show_ppm(n) for n in (700_000, 1, 0, 1_000_000, -1_500_000)] == ["0.7", "0.000001", "0", "1", "-1.5"]


@pytest.mark.parametrize("value", [None, 7, True, "loud", "Clear", "clear ", ["clear"], {}])
def test_a_word_is_one_of_its_words(value: object) -> None:
    """A word that is not on the list is refused, and the list is named."""
    assert wrong(PitchFacts, PITCH | {"disclosure": value}) == {"/facts/disclosure": "must be one of clear, vague"}


@pytest.mark.parametrize(
    "value",
    [
        None,
        7,
        True,
        "",
        " ",
        "x" * 201,
        " fan",
        "fan ",
        "fan\n",
        "a\x00b",
        "a\x1fb",
        "\x7f",
        "\ud800",
        "a\udfffb",
        "\u2003x",
    ],
)
def test_a_name_is_visible_text(value: object) -> None:
    """Empty, too long, padded, with a control character, NUL or a lone surrogate: refused before it is hashed."""
    assert set(wrong(EngagementFacts, FAN | {"engager": value})) == {"/facts/engager"}


@pytest.mark.parametrize("value", ["Acme", "-acme", "a b", "a.b", "x" * 65, "ä", ""])
def test_a_brand_is_a_slug(value: str) -> None:
    """A brand's slug is short and of small letters, digits, - and _."""
    assert set(wrong(PitchFacts, PITCH | {"brand": value})) == {"/facts/brand"}


@pytest.mark.parametrize("value", [None, 0, 1, "true", "", [], 1.0])
def test_a_flag_is_true_or_false(value: object) -> None:
    """Nothing else stands for true or false."""
    assert set(wrong(BreachFacts, BREACH | {"self_reported": value})) == {"/facts/self_reported"}


def test_followers_have_a_bound() -> None:
    """Forty digits of followers are refused; ten thousand million are the most."""
    assert set(wrong(PitchFacts, PITCH | {"followers": 10**39})) == {"/facts/followers"}
    assert read(PitchFacts, PITCH | {"followers": 1e10}, seal=sealed).followers == 10**10


def test_names_are_sealed_and_only_names() -> None:
    """The engager's name is replaced by its seal; a brand is no person and stays."""
    assert read(EngagementFacts, FAN, seal=sealed).engager == "<fan>"
    assert read(PitchFacts, PITCH, seal=sealed).brand == "acme"
    assert "fan" not in tell("engagement", ref="e", at_us=noon(0), **FAN).facts_json


def test_a_seal_needs_its_pepper() -> None:
    """The same name gives the same 32 digits under one pepper and others under another."""
    assert events.seal(b"a", "fan") == events.seal(b"a", "fan") != events.seal(b"b", "fan")
    assert len(events.seal(b"a", "fan")) == 32


@pytest.mark.parametrize("name", KINDS)
def test_facts_are_shown_as_they_were_told(name: str) -> None:
    """What a kind's facts show reads back as the same facts."""
    facts = KINDS[name].facts
    given = {field: KINDS[name].example[field] for field, (_, needed) in fields_of(facts).items() if needed}
    told: Any = read(facts, given, seal=str)
    assert read(facts, show(told), seal=str) == told
    if given:
        assert set(wrong(facts, {})) == {f"/facts/{field}" for field in given}


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_has_an_example_that_may_be_told(name: str) -> None:
    """What the documents show as a kind's facts is well formed in a book of each family it may be posted to."""
    kind = KINDS[name]
    for family in kind.meters:
        told = tell(
            name,
            ref="e",
            at_us=noon(0),
            creator=CREATOR,
            meter=f"{family}:nike",
            source=events.OWN if kind.internal else "acme",
            **kind.example,
        )
        assert (told.kind, told.meter) == (kind, f"{family}:nike")


# The event around the facts


def envelope(**changes: object) -> dict[str, str]:
    """The pointers and reasons with which an event is refused, each of its parts good but those changed."""
    good = {"creator": CREATOR, "meter": METER, "external_ref": "e", "kind": "post", "facts": {}}
    with pytest.raises(InvalidEvent) as refused:
        events.new_event(**(good | {"source": "acme", "occurred_at_us": noon(0), "pepper": PEPPER} | changes))  # type: ignore[arg-type]
    return dict(refused.value.errors)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("creator", None), ("creator", 7), ("creator", "nobody"), ("creator", "youtube:"), ("creator", ":u1"),
        ("creator", "YouTube:u1"), ("creator", "youtube:a\x00"), ("creator", "youtube:\ud800"),
        ("creator", CREATOR.upper()), ("creator", CREATOR + "\n"), ("creator", "youtube:" + "x" * 201),
        ("meter", None), ("meter", "youtube"), ("meter", "brand:acme"), ("meter", "network:"), ("meter", 7),
        ("meter", "network:You"), ("meter", "network:" + "x" * 65), ("meter", METER + "\n"),
        ("external_ref", None), ("external_ref", ""), ("external_ref", 7), ("external_ref", "x" * 201),
        ("external_ref", "\x00"), ("kind", None), ("kind", "gift"), ("kind", "settlement"), ("kind", ["post"]),
        ("facts", {"gift": 1}), ("occurred_at_us", 0), ("occurred_at_us", -(10**20)),
    ],
)  # fmt: skip
def test_an_event_is_well_formed(name: str, value: object) -> None:
    """Whatever part of an event is wrong is named, and nothing else is."""
    pointer = {"facts": "/facts/gift", "occurred_at_us": "/occurred_at"}.get(name, f"/{name}")
    assert set(envelope(**{name: value})) == {pointer}


def test_a_creator_named_by_network_needs_no_meter() -> None:
    """network:external_id names the book as well; a UUID alone does not."""
    assert tell("post", ref="p", at_us=noon(0), creator="youtube:u1").meter == METER
    assert set(envelope(meter=None)) == {"/meter"}


def test_every_part_that_is_wrong_is_named_at_once() -> None:
    """A wholly wrong event is refused with all its faults."""
    faults = envelope(creator="", meter="", external_ref="", kind="", occurred_at_us=0)
    assert set(faults) == {"/creator", "/meter", "/external_ref", "/kind", "/occurred_at"}


@pytest.mark.parametrize("name", [name for name in KINDS if name not in PUBLIC])
def test_what_the_ledger_posts_by_itself_is_taken_from_nobody_else(name: str) -> None:
    """An internal kind told by a partner is no kind at all, and is not named among those that are."""
    wrong = envelope(kind=name, meter=f"{KINDS[name].meters[0]}:x", facts=dict(KINDS[name].example))
    assert set(wrong) == {"/kind"}
    assert f"{name}," not in wrong["/kind"].split("one of ")[1]


@pytest.mark.parametrize("name", PUBLIC)
def test_a_kind_goes_to_its_own_family_of_books(name: str) -> None:
    """A kind of event is refused in a book of a family that it does not belong to."""
    for family in {"network", "brand"} - set(KINDS[name].meters):
        wrong = envelope(kind=name, meter=f"{family}:nike", facts=dict(KINDS[name].example))
        assert set(wrong) == {"/meter"}
