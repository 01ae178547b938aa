"""Policies: every number of the trust economy, read from TOML, named by the hash of its content.

A policy is immutable. Each parameter carries its value, unit and source; a kind declares the parameters it
needs (`Parameter`), so that a file can be checked before it prices anything.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation, Overflow
from importlib import resources
from typing import NamedTuple

from ledger.errors import InvalidPolicy

SCALES = {
    "trust": 1_000_000,
    "share": 1_000_000,
    "factor": 1_000_000,
    "points": 1_000_000,
    "days": 1,
    "count": 1,
}
MOST = 2**63 - 1
NAMELESS = "a policy needs a name"


class Rates(NamedTuple):
    """What a day leaves, in ppm: of fresh, bedrock, the two mending pools, the memos, and pitch fatigue."""

    fresh: int
    bedrock: int
    mending_pitch: int
    mending_breach: int
    memo: int
    fatigue: int


@dataclass(frozen=True, slots=True)
class Parameter:
    """A number a policy must give: `key` is "section.name", bounds are inclusive and in the unit."""

    key: str
    unit: str
    low: str
    high: str
    what: str


@dataclass(frozen=True, slots=True)
class Limit:
    """What several parameters may come to together: the sum of `keys` is at most `most`, or that parameter's."""

    keys: tuple[str, ...]
    most: str
    what: str


@dataclass(frozen=True, slots=True)
class Stated:
    """A parameter as a policy file states it; `value` is in the unit, `scaled` the integer the books use."""

    key: str
    value: str
    unit: str
    source: str
    scaled: int


@dataclass(frozen=True, slots=True)
class Change:
    """A parameter of which two policies say different things; None where one of them has no such parameter."""

    key: str
    old: Stated | None
    new: Stated | None


@dataclass(frozen=True, slots=True)
class Policy:
    """One immutable set of rules. `policy["pitch.base"]` is the scaled integer of that parameter."""

    name: str
    version: str
    text: str
    stated: Mapping[str, Stated]
    values: Mapping[str, int]
    rates: Rates

    def __getitem__(self, key: str) -> int:
        """The scaled integer of a parameter: micro-trust, ppm, days or a count."""
        return self.values[key]


BOOK_PARAMETERS = (
    Parameter("decay.fresh_half_life", "days", "7", "3650", "fresh trust halves in this many days"),
    Parameter("decay.bedrock_half_life", "days", "30", "36500", "bedrock halves in this many days"),
    Parameter("decay.memo_half_life", "days", "7", "3650", "credits and drains behind reliability halve in"),
    Parameter("mending.pitch_half_life", "days", "1", "3650", "half of a pitch's mending share is back after"),
    Parameter("mending.breach_half_life", "days", "1", "3650", "half of an apology's mending share is back after"),
    Parameter("fatigue.half_life", "days", "1", "365", "an earlier pitch counts half towards fatigue after"),
    Parameter("tie.half_life", "days", "1", "365", "an engager's earlier acts count half after"),
    Parameter("meter.half", "trust", "1", "100000", "the standing at which the meter shows 50"),
    Parameter("settlement.every_days", "days", "1", "31", "how often the job posts decay and recovery"),
    Parameter("confidence.some", "count", "1", "100000", "decayed known acts from which confidence is 'some'"),
    Parameter("confidence.many", "count", "1", "100000", "decayed known acts from which confidence is 'many'"),
)


def daily_keep(half_life_days: int) -> int:
    """The share in ppm that one day leaves under a half-life: 2^(-1/h), rounded once, here."""
    return round(2 ** (-1 / half_life_days) * 1_000_000)


def parse(text: str) -> Policy:
    """Read a policy from TOML text. Raises InvalidPolicy naming the parameter that cannot be read."""
    document = _document(text)
    name = document.pop("name", None)
    if not isinstance(name, str) or not name:
        raise InvalidPolicy(NAMELESS)
    stated = {key: _stated(key, item) for key, item in _items(document)}
    missing = [item.key for item in BOOK_PARAMETERS if item.key not in stated]
    if missing:
        raise InvalidPolicy(f"missing parameter {missing[0]}")
    values = {key: item.scaled for key, item in stated.items()}
    content = "\n".join(f"{key}={item.value} {item.unit}" for key, item in sorted(stated.items()))
    version = hashlib.sha256(f"{name}\n{content}".encode()).hexdigest()[:16]
    return Policy(name, version, text, stated, values, _rates(values))


def faults(text: str, parameters: Sequence[Parameter], limits: Sequence[Limit] = ()) -> list[str]:
    """All that is wrong with the text of a policy: one sentence each, none if fine. Only bad TOML ends the search."""
    try:
        document = _document(text)
    except InvalidPolicy as wrong:
        return [wrong.detail]
    name = document.pop("name", None)
    found = [] if isinstance(name, str) and name else [NAMELESS]
    stated: dict[str, Stated] = {}
    unread = set()
    for key, item in _items(document):
        try:
            stated[key] = _stated(key, item)
        except InvalidPolicy as wrong:
            found.append(wrong.detail)
            unread.add(key)
    read = Policy(str(name), "", text, stated, {}, Rates(*[0] * len(Rates._fields)))
    return found + problems(read, [item for item in parameters if item.key not in unread], limits)


def _document(text: str) -> dict[str, object]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidPolicy(f"not valid TOML: {error}") from error
    except RecursionError as error:
        raise InvalidPolicy("not valid TOML: nested too deep") from error


def _items(document: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """What stands under each parameter's key; a section that is no table under its own name."""
    for section, table in document.items():
        if isinstance(table, dict):
            yield from ((f"{section}.{name}", item) for name, item in table.items())
        else:
            yield f"[{section}]", table


def _stated(key: str, item: object) -> Stated:
    if key.startswith("["):
        raise InvalidPolicy(f"{key} must be a table of parameters")
    if not isinstance(item, dict) or set(item) != {"value", "unit", "source"}:
        raise InvalidPolicy(f"{key} needs exactly value, unit and source")
    return _scaled(key, str(item["value"]), str(item["unit"]), str(item["source"]))


def _scaled(key: str, value: str, unit: str, source: str) -> Stated:
    if unit not in SCALES:
        raise InvalidPolicy(f"{key} has the unknown unit {unit!r}; known: {', '.join(SCALES)}")
    try:
        scaled = Decimal(value) * SCALES[unit]
    except Overflow as error:
        raise InvalidPolicy(f"{key} is too large: {value!r}") from error
    except InvalidOperation as error:
        raise InvalidPolicy(f"{key} is not a number: {value!r}") from error
    if scaled.is_finite() and abs(scaled) > MOST:
        raise InvalidPolicy(f"{key} is too large: {value!r}")
    if not scaled.is_finite() or scaled != scaled.to_integral_value():
        raise InvalidPolicy(f"{key} has more places than its unit keeps: {value!r}")
    return Stated(key, value, unit, source, int(scaled))


def _rates(values: Mapping[str, int]) -> Rates:
    for key in (
        "decay.fresh_half_life",
        "decay.bedrock_half_life",
        "decay.memo_half_life",
        "mending.pitch_half_life",
        "mending.breach_half_life",
        "fatigue.half_life",
        "tie.half_life",
    ):
        if values[key] < 1:
            raise InvalidPolicy(f"{key} must be at least one day")
    return Rates(
        daily_keep(values["decay.fresh_half_life"]),
        daily_keep(values["decay.bedrock_half_life"]),
        daily_keep(values["mending.pitch_half_life"]),
        daily_keep(values["mending.breach_half_life"]),
        daily_keep(values["decay.memo_half_life"]),
        daily_keep(values["fatigue.half_life"]),
    )


def problems(policy: Policy, parameters: Sequence[Parameter], limits: Sequence[Limit] = ()) -> list[str]:
    """What is wrong with a policy against the parameters the kinds declare: one sentence each, none if fine."""
    found = missing(policy, parameters)
    declared = {item.key: item for item in parameters}
    for key, item in declared.items():
        if key not in policy.stated:
            continue
        stated = policy.stated[key]
        if stated.unit != item.unit:
            found.append(f"{key} is in {stated.unit}, expected {item.unit}")
        elif not Decimal(item.low) <= Decimal(stated.value) <= Decimal(item.high):
            found.append(f"{key} is {stated.value}, outside {item.low} to {item.high} {item.unit}")
    found += [f"{key} is not a parameter of any kind" for key in policy.stated if key not in declared]
    found += [f"{key} names no source" for key, item in policy.stated.items() if not item.source.strip()]
    found += [
        f"{' + '.join(limit.keys)} is over {limit.most}: {limit.what}" for limit in limits if _over(policy, limit)
    ]
    return found


def changes(old: Policy, new: Policy) -> list[Change]:
    """What a policy says otherwise than another, by parameter."""
    keys = sorted({*old.stated, *new.stated})
    found = (Change(key, old.stated.get(key), new.stated.get(key)) for key in keys)
    return [one for one in found if _number(one.old) != _number(one.new)]


def _number(stated: Stated | None) -> tuple[int, str] | None:
    return (stated.scaled, stated.unit) if stated else None


def missing(policy: Policy, parameters: Sequence[Parameter]) -> list[str]:
    """The parameters that a policy does not give: one sentence each."""
    return [f"{item.key} is missing: {item.what}" for item in parameters if item.key not in policy.stated]


def _over(policy: Policy, limit: Limit) -> bool:
    told = [policy.stated.get(key) for key in (*limit.keys, limit.most)]
    *summed, most = [Decimal(item.value) if item else None for item in told]
    if None in summed or (most is None and limit.most[:1].isalpha()):
        return False  # what is missing was told already
    return sum(value for value in summed if value) > (Decimal(limit.most) if most is None else most)


def builtin(name: str = "founding") -> Policy:
    """A policy that ships with the ledger."""
    return parse(resources.files("ledger").joinpath("policies", f"{name}.toml").read_text("utf-8"))


@dataclass(frozen=True, slots=True, eq=False)
class Schedule:
    """Policies in the order they take effect: (first day, policy). Days before the first use the first."""

    items: tuple[tuple[int, Policy], ...]
    versions: tuple[tuple[int, str], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Remember what tells schedules apart: what takes effect when; a policy is its version."""
        object.__setattr__(self, "versions", tuple((day, policy.version) for day, policy in self.items))

    @classmethod
    def of(cls, policy: Policy) -> Schedule:
        """A schedule with one policy, in force on every day."""
        return cls(((0, policy),))

    def __eq__(self, other: object) -> bool:
        """Schedules with the same versions from the same days are one."""
        return self is other or (isinstance(other, Schedule) and self.versions == other.versions)

    def __hash__(self) -> int:
        """As `__eq__`."""
        return hash(self.versions)

    def at(self, day: int, policy_version: str = "") -> Policy:
        """The policy in force on a day; never one older than `policy_version`."""
        return self.items[self._index(day, policy_version)][1]

    def named(self, policy_version: str) -> Policy:
        """The policy of that version. Raises KeyError where the schedule does not hold it."""
        for _, policy in self.items:
            if policy.version == policy_version:
                return policy
        raise KeyError(policy_version)

    def before(self, policy_version: str) -> Policy | None:
        """The policy that the one of that version follows; None for the first. Raises KeyError."""
        place = next((n for n, (_, policy) in enumerate(self.items) if policy.version == policy_version), None)
        if place is None:
            raise KeyError(policy_version)
        return self.items[place - 1][1] if place else None

    def states(self, today: int) -> list[str]:
        """Of each policy in order: past, in_force or announced."""
        place = self._index(today, "")
        return ["past"] * place + ["in_force"] + ["announced"] * (len(self.items) - place - 1)

    def _index(self, day: int, policy_version: str) -> int:
        index = 0
        for number, (first_day, policy) in enumerate(self.items):
            if first_day <= day or policy.version == policy_version:
                index = number
        return index

    def stretches(self, from_day: int, to_day: int, policy_version: str = "") -> Iterator[tuple[int, Rates]]:
        """Cut [from_day, to_day) where the policy changes: yields (end of the stretch, its rates)."""
        if len(self.items) == 1:
            yield to_day, self.items[0][1].rates
            return
        while from_day < to_day:
            index = self._index(from_day, policy_version)
            following = self.items[index + 1 :]
            until = min(to_day, following[0][0]) if following else to_day
            yield until, self.items[index][1].rates
            from_day = until
