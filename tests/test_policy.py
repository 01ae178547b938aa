"""Policies: read whole or refused by name, checked against what the kinds need, in force by day."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import policy
from ledger.errors import InvalidPolicy
from ledger.kinds import LIMITS, PARAMETERS
from ledger.policy import Schedule, parse, problems
from tests.desk import FOUNDING, variant


def altered(old: str, new: str) -> str:
    """The founding policy's text with one place changed."""
    assert FOUNDING.text.count(old) == 1
    return FOUNDING.text.replace(old, new)


def repr_short(value: object) -> str | None:
    """No whole policy in the name of a test."""
    return None if isinstance(value, str) and len(value) < 60 else ""


def test_the_founding_policy_is_clean() -> None:
    """The policy that ships states every parameter, in its unit, within its bounds, with a source."""
    assert problems(policy.builtin(), PARAMETERS, LIMITS) == []


def test_every_parameter_is_declared_once() -> None:
    """No two kinds claim the same parameter."""
    keys = [parameter.key for parameter in PARAMETERS]
    assert len(keys) == len(set(keys))


def test_values_are_scaled_to_integers() -> None:
    """Trust in micros, shares and factors in ppm, days and counts as they are."""
    shown = [FOUNDING[key] for key in ("pitch.least", "pitch.base", "decay.fresh_half_life", "confidence.some")]
    assert shown == [1_000_000, 50_000, 90, 10]


BASE = 'base = { value = "0.05", unit = "share"'
FRESH = 'fresh_half_life = { value = "90", unit = "days"'
SOMETHING = 'source = "Our assumption: the standing at which the meter shows 50."'


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("name = ", "TOML"),
        ("[decay]", "name"),
        ('name = ""', "name"),
        ("name = 7", "name"),
        ('name = "x"\nloose = 1', "[loose]"),
        ('name = "x"\n[decay]\nfresh_half_life = 90', "decay.fresh_half_life"),
        ('name = "x"', "decay.fresh_half_life"),
        (altered(BASE, 'base = { value = "much", unit = "share"'), "pitch.base"),
        (altered(BASE, 'base = { value = "", unit = "share"'), "pitch.base"),
        (altered(BASE, 'base = { value = true, unit = "share"'), "pitch.base"),
        (altered(BASE, 'base = { value = nan, unit = "share"'), "pitch.base"),
        (altered(BASE, 'base = { value = inf, unit = "share"'), "pitch.base"),
        (altered(BASE, 'base = { value = "sNaN", unit = "share"'), "pitch.base"),
        (altered(BASE, 'base = { value = "1e999999999", unit = "share"'), "pitch.base"),
        (altered(BASE, 'base = { value = "1e9999", unit = "share"'), "pitch.base"),
        (altered(BASE, 'base = { value = "0.0500001", unit = "share"'), "pitch.base"),
        (altered(BASE, 'base = { value = "0.05", unit = "shares"'), "pitch.base"),
        (altered(BASE, 'base = { value = "0.05", unit = "share", note = "x"'), "pitch.base"),
        (altered(FRESH, 'fresh_half_life = { value = "0", unit = "days"'), "decay.fresh_half_life"),
        (altered(FRESH, 'fresh_half_life = { value = "-3", unit = "days"'), "decay.fresh_half_life"),
        (altered(FRESH, 'fresh_half_life = { value = "1.5", unit = "days"'), "decay.fresh_half_life"),
        (altered(FRESH, 'fresh_half_life = { value = "1e400", unit = "days"'), "decay.fresh_half_life"),
    ],
    ids=repr_short,
)
def test_what_cannot_be_read_is_named(text: str, named: str) -> None:
    """A policy that cannot be read is refused with the parameter that is wrong."""
    with pytest.raises(InvalidPolicy) as refused:
        parse(text)
    assert named in refused.value.detail


def test_a_policy_is_named_by_its_content() -> None:
    """Any value, the name, and nothing else but content makes another version."""
    versions = {variant((item.key, _other(item.value))).version for item in FOUNDING.stated.values()}
    assert len(versions | {FOUNDING.version}) == len(FOUNDING.stated) + 1
    assert variant(name="other").version != FOUNDING.version
    assert parse(FOUNDING.text + "\n# a comment").version == FOUNDING.version


def _other(value: str) -> str:
    return "2" if value == "1" else "1"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (FOUNDING.text.replace('base = { value = "0.05"', 'base = { value = "0.9"'), ["pitch.base is 0.9, outside"]),
        (
            FOUNDING.text.replace('base = { value = "0.05", unit = "share"', 'base = { value = "0.05", unit = "trust"'),
            ["pitch.base is in trust, expected share"],
        ),
        (FOUNDING.text.replace("\nbase = {", "\nbass = {"), ["pitch.base is missing", "pitch.bass is not a parameter"]),
        (FOUNDING.text.replace(SOMETHING, 'source = "  "'), ["meter.half names no source"]),
    ],
    ids=repr_short,
)
def test_a_policy_is_checked_against_what_the_kinds_need(text: str, found: list[str]) -> None:
    """What is missing, unknown, out of bounds, in another unit or without a source is told, and only that."""
    told = problems(parse(text), PARAMETERS)
    assert len(told) == len(found)
    assert all(sentence.startswith(start) for sentence, start in zip(told, found, strict=True))


@pytest.mark.parametrize("key", [parameter.key for parameter in PARAMETERS])
def test_each_parameter_is_missed(key: str) -> None:
    """Whichever parameter a policy leaves out, the check says so and what it is for."""
    stated = {name: item for name, item in FOUNDING.stated.items() if name != key}
    told = problems(replace(FOUNDING, stated=stated), PARAMETERS)
    assert [sentence.split(":")[0] for sentence in told] == [f"{key} is missing"]


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ([("pitch.mending_base", "0.6")], "pitch.mending_base + pitch.mending_by_reliability + transparency.clear"),
        ([("transparency.vague", "0.16")], "transparency.vague is over transparency.clear"),
        ([("apology.forgiveness", "0.07")], "apology.responsibility + apology.repair"),
        ([("apology.prior_positive", "21")], "apology.prior_positive is over apology.prior_all"),
    ],
)
def test_a_policy_cannot_make_what_costs_trust_pay(changes: list[tuple[str, str]], found: str) -> None:
    """Numbers that are fine one by one are refused where together they would break a law of the economy."""
    told = problems(variant(*changes, name="pays"), PARAMETERS, LIMITS)
    assert [sentence.startswith(found) for sentence in told] == [True]


def test_a_limit_on_what_is_missing_is_silent() -> None:
    """A missing parameter is told once, by its own name."""
    stated = {name: item for name, item in FOUNDING.stated.items() if name != "apology.repair"}
    assert len(problems(replace(FOUNDING, stated=stated), PARAMETERS, LIMITS)) == 1


# Schedules

A, B, C = FOUNDING, variant(name="b"), variant(("decay.fresh_half_life", "30"), name="c")
THREE = Schedule(((0, A), (100, B), (200, C)))


@pytest.mark.parametrize(
    ("day", "since", "expected"),
    [
        (0, "", A), (99, "", A), (100, "", B), (199, "", B), (200, "", C), (10**6, "", C), (-5, "", A),
        (0, B.version, B), (150, A.version, B), (0, C.version, C), (250, B.version, C), (0, "gone", A),
    ],
)  # fmt: skip
def test_the_policy_of_a_day(day: int, since: str, expected: policy.Policy) -> None:
    """The last that took effect applies, and never one older than the book has seen."""
    assert THREE.at(day, since) == expected


def test_days_before_the_first_policy_use_the_first() -> None:
    """A schedule that starts later prices earlier days by its first policy."""
    assert Schedule(((100, B),)).at(5) == B
    assert list(Schedule(((100, B), (200, C))).stretches(50, 250)) == [(200, B.rates), (250, C.rates)]


@given(st.integers(-10, 300), st.integers(0, 300), st.sampled_from(["", A.version, B.version, C.version]))
def test_stretches_cover_every_day_once(start: int, days: int, version: str) -> None:
    """Stretches are the policies of the days, in order, without a gap."""
    told = []
    begin = start
    for until, rates in THREE.stretches(start, start + days, version):
        assert until > begin
        told += [rates] * (until - begin)
        begin = until
    assert told == [THREE.at(day, version).rates for day in range(start, start + days)]


def test_a_policy_is_found_by_its_version() -> None:
    """An entry's policy is found by the version it names, and an unknown version is an error."""
    assert THREE.named(C.version) == C
    with pytest.raises(KeyError):
        THREE.named("gone")
