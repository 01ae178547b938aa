"""What a kind is: the facts it takes, how it is priced into lines, and how a line's factors give its amount.

An event of a kind is priced into one or more *lines*. A line carries integer factors; `amounts` turns factors
into a `Move` and looks at nothing else, so that anyone can recompute an entry from what it stores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ledger.economy import Move, State
from ledger.policy import Parameter, Policy, Rates

Factors = Mapping[str, int]


class Tally(NamedTuple):
    """What a book's day has gathered so far: uncapped credit of known engagers, bound credit of unknown ones, counts.

    `bound` is what unknown engagers may earn on that day in all as the last one came, None before one did.
    `held_at_us` is when the day was found to be a burst whose credit waits, 0 where it is none, minus the day on which
    it was paid once it was.
    """

    known: int = 0
    unknown: int = 0
    bound: int | None = None
    posts: int = 0
    sponsored: int = 0
    corrections: int = 0
    held_at_us: int = 0

    @property
    def held(self) -> bool:
        """Its credit waits."""
        return self.held_at_us > 0

    @property
    def paid_day(self) -> int:
        """The day on which the credit of a burst was paid; 0 where it was none or waits."""
        return max(0, -self.held_at_us)

    def plus(self, known: int, unknown: int) -> Tally:
        """The tally with further uncapped credit."""
        return Tally(self[0] + known, self[1] + unknown, *self[2:])

    def without(self, gathered: tuple[int, int], counts: Iterable[str]) -> Tally:
        """The tally without an event that was undone: its uncapped (known, unknown) credit, and one of each count.

        A day is always worth its sum, whichever acts came first: undoing one takes what the day is worth less without
        it, and that is nothing while the others fill the day. Of unknown engagers only what was within their bound is
        in the sum, so that what one of them leaves free goes to those who come after.
        """
        known, unknown = (max(0, held - gone) for held, gone in zip((self.known, self.unknown), gathered, strict=True))
        counted = {name: getattr(self, name) - 1 for name in counts}
        return self._replace(known=known, unknown=unknown, **counted)


NO_TALLY = Tally()


class Breach(NamedTuple):
    """A breach as the book knows it. `seq` is its entry; `amount` what it took on `day`, when it happened.

    A hidden pitch is broken trust on the day it is found. Neither changes with the day on which it is told.
    `acceptance` (ppm) is how its apology was received so far, 0 before there is one.
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
    acceptance: int = 0

    @property
    def open(self) -> bool:
        """Neither owned nor cleared."""
        return not (self.owned or self.cleared)


class Allegation(NamedTuple):
    """What was alleged on `day`: open, substantiated (by the entry `breach`) or dismissed; answered or not."""

    seq: int
    day: int
    category: str
    severity: int
    status: str = "open"
    answered: bool = False
    breach: int | None = None


class Pitch(NamedTuple):
    """A pitch that was authorised: held, accepted, published, declined, withdrawn or expired.

    `seq` is the entry of its hold, `captured` that of its drain; `drain` was quoted, `held` is reserved until
    `expires_at_us` or until it is closed. `share` of standing was quoted, `mending` of the drain comes back, and
    `clear` or `vague` of it is given back for such a disclosure; in ppm.
    """

    seq: int
    pitch_id: str
    brand: str
    status: str
    drain: int
    held: int
    share: int
    mending: int
    clear: int
    vague: int
    opened_at_us: int
    expires_at_us: int
    closed_at_us: int | None = None
    captured: int | None = None
    unpaid: int = 0

    def live(self, at_us: int) -> bool:
        """It reserves something at that moment: past its expiry it does not, whether that was written down or not."""
        return self.closed_at_us is None and self.expires_at_us > at_us


class Outcome(NamedTuple):
    """How the pitch of entry `about` was taken: outcome over formula in ppm, unbounded."""

    seq: int
    about: int
    day: int
    brand: str
    ratio: int


class Relationship(NamedTuple):
    """Where a brand and a creator stand. `status` is introduced, accepted, declined or ended since `day`.

    `let_in` is true once a brand was ever accepted: that earns rapport only the first time.
    """

    status: str
    day: int
    introduction: str
    accepted_day: int | None = None
    exchanges: int = 0
    exchange_day: int | None = None
    let_in: bool = False
    blocked: bool = False

    @property
    def accepted(self) -> bool:
        """The creator let the brand in, and it stayed so."""
        return self.status == "accepted" and not self.blocked

    def established(self, day: int, policy: Policy) -> bool:
        """Accepted, with enough exchanges, for long enough."""
        since = self.accepted_day
        return (
            self.accepted
            and since is not None
            and self.exchanges >= policy["relationship.exchanges"]
            and day - since >= policy["relationship.days"]
        )


class Past(NamedTuple):
    """An entry that an event speaks of: what of it survives today, and its part of the undecayed total of credits."""

    seq: int
    kind: str
    day: int
    surviving: Move
    counted: int = 0


class Context(NamedTuple):
    """All that a price may depend on besides the facts. `day` is today's, `late_days` how long ago it happened.

    `at_us` is the moment it is recorded, `holds` what authorised pitches reserve then, `waiting` whether one of this
    brand waits for the creator's answer, `usual` the uncapped credit of a usual day. `engager_standing` (ppm, times
    the slope) is None where nobody is attested; `mutual` where the creator engages with the engager too; `spoken_of`
    is the kind of the event it refers to.
    """

    state: State
    policy: Policy
    day: int
    late_days: int
    tally: Tally = NO_TALLY
    tie: int = 0
    engager_standing: int | None = None
    followers: int | None = None
    relationship: Relationship | None = None
    corrections_this_week: int = 0
    breach: Breach | None = None
    repeats: int = 0
    past: tuple[Past, ...] = ()
    at_us: int = 0
    current: bool = False
    mutual: bool = False
    holds: int = 0
    waiting: bool = False
    usual: int = 0
    busy: int = 0
    pitch: Pitch | None = None
    allegation: Allegation | None = None
    spoken_of: str = ""
    done: bool = False
    label: str = "new"
    due: Due | None = None

    @property
    def occurred_day(self) -> int:
        """The day it happened."""
        return self.day - self.late_days

    @property
    def established(self) -> bool:
        """The brand was let in long enough ago, and met this audience often enough."""
        return self.relationship is not None and self.relationship.established(self.day, self.policy)


class Due(NamedTuple):
    """The label that the book has come to, and the figures behind it: sponsored share in ppm, day of a hidden pitch."""

    name: str
    share: int
    hidden_since: int | None


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
    """A kind of event. `price` may raise Refusal.

    `example` is its facts as a partner might send them. `refers_to` is the facts field that holds the external_ref
    of the event it speaks of; `counts` the tally columns of its day that it adds one to; `settles_breach` what a
    breach becomes by it. `meters` are the families of books it may be posted to; `internal` ones are posted by the
    ledger itself. `beside` prices what it does to the other book it touches: a brand's, or any that an undone event
    touched; `needs` names the memories besides those of its own book's day that its price looks at.
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
    meters: tuple[str, ...] = ("network",)
    internal: bool = False
    beside: Callable[[Any, Context, list[Line]], list[Line]] | None = None
    needs: frozenset[str] = frozenset()

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


def no_amounts(factors: Factors, rates: Rates) -> Move:
    """What a line does that is only there to be read: nothing."""
    return Move()
