"""What a kind is: the facts it takes, how it is priced into lines, and how a line's factors give its amount.

An event of a kind is priced into one or more *lines*. A line carries integer factors; `amounts` turns factors
into a `Move` and looks at nothing else, so that anyone can recompute an entry from what it stores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ledger.economy import Move, State
from ledger.policy import Parameter, Policy, Rates

Factors = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Tally:
    """What a book's day has gathered so far: uncapped credit of known and unknown engagers, and counts."""

    known: int = 0
    unknown: int = 0
    opening: int = 0
    posts: int = 0
    sponsored: int = 0
    corrections: int = 0

    def plus(self, known: int, unknown: int) -> Tally:
        """The tally with further uncapped credit; spelt out, because `replace` takes three times as long."""
        opening, posts, sponsored, corrections = self.opening, self.posts, self.sponsored, self.corrections
        return Tally(self.known + known, self.unknown + unknown, opening, posts, sponsored, corrections)

    def without(self, gathered: tuple[int, int], counts: Iterable[str]) -> Tally:
        """The tally without an event that was undone: its uncapped (known, unknown) credit, and one of each count.

        An act that earned nothing because the day was full earns nothing afterwards either: nobody is paid twice, so
        what a day has credited stays at or below its cap and what its remaining acts would have earned alone.
        """
        known, unknown = (max(0, held - gone) for held, gone in zip((self.known, self.unknown), gathered, strict=True))
        counted = {name: getattr(self, name) - 1 for name in counts}
        return replace(self, known=known, unknown=unknown, **counted)


@dataclass(frozen=True, slots=True)
class Breach:
    """A breach as the book knows it. `seq` is its entry; `amount` what it took on `day`, when it happened.

    A hidden pitch is broken trust on the day it is found. Neither changes with the day on which it is told.
    """

    seq: int
    day: int
    category: str
    severity: int
    amount: int
    undisclosed: bool = False
    owned: bool = False
    evaded: bool = False
    cleared: bool = False

    @property
    def open(self) -> bool:
        """Neither owned nor cleared."""
        return not (self.owned or self.cleared)


@dataclass(frozen=True, slots=True)
class Past:
    """An entry that an event speaks of: what it did, and what of that survives today."""

    seq: int
    kind: str
    day: int
    surviving: Move


@dataclass(frozen=True, slots=True)
class Context:
    """All that a price may depend on besides the facts. `day` is today's, `late_days` how long ago it happened."""

    state: State
    policy: Policy
    day: int
    late_days: int
    tally: Tally = field(default_factory=Tally)
    tie: int = 0
    engager_standing: int | None = None
    followers: int | None = None
    established: bool = False
    corrections_this_week: int = 0
    breach: Breach | None = None
    repeats: int = 0
    past: tuple[Past, ...] = ()

    @property
    def occurred_day(self) -> int:
        """The day it happened."""
        return self.day - self.late_days


@dataclass(frozen=True, slots=True)
class Line:
    """One entry to be: its kind, the factors of its amount, and the seq of the entry it is about.

    `linked` lines are about the line before them, whose seq is not known before it is written.
    """

    kind: str
    factors: dict[str, int]
    about: int | None = None
    linked: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of event. `price` may raise Refusal; `lines` names the entry kinds it may produce.

    `example` is its facts as a partner might send them. `refers_to` is the facts field that holds the external_ref
    of the event it speaks of; `counts` the tally columns of its day that it adds one to; `settles_breach` what a
    breach becomes by it.
    """

    name: str
    title: str
    facts: type
    price: Callable[[Any, Context], list[Line]]
    example: Mapping[str, Any]
    parameters: tuple[Parameter, ...] = ()
    refers_to: str | None = None
    counts: tuple[str, ...] = ()
    settles_breach: str | None = None

    def counted(self, amount: int) -> tuple[str, ...]:
        """The tally columns an event that did `amount` adds to: a correction that earned nothing blocks no other."""
        return self.counts if amount or "corrections" not in self.counts else ()


@dataclass(frozen=True, slots=True)
class LineKind:
    """A kind of entry: `title` heads it, `amounts` recomputes its Move from factors, `reason` says it as a sentence."""

    name: str
    title: str
    amounts: Callable[[Factors, Rates], Move]
    reason: Callable[[Mapping[str, Any], Factors], str]
