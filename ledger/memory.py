"""What a book remembers beside its balances: what prices look at, and what became of what happened.

Posting works on the part of it that a batch needs, the audit on all of it, worked out anew from the first entry:
both through this one code. Every memory is recomputable from entries and events.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

from ledger import economy
from ledger.economy import PPM, Move, Pools, State
from ledger.kinds import burst, gathered
from ledger.kinds.base import (
    Allegation,
    Breach,
    Factors,
    Kind,
    Line,
    Outcome,
    Past,
    Pitch,
    Relationship,
    Tally,
)
from ledger.labels import NAMES
from ledger.policy import Policy, Schedule, daily_keep

UNDOING = ("reversal", "cleared")
REFERABLE = frozenset(
    {
        *("pitch", "undisclosed_pitch", "pitch_published", "pitch_held", "breach", "apology"),
        *("allegation", "answer", "substantiation"),
    }
)
USUAL_DAYS = 28
LONGEST_GAP = 366
NO_TIE = (0, 0, 0, False)
UNTOLD = 0  # the ratio of an outcome that was undone


def faded_count(count: int, days: int, half_life_days: int) -> int:
    """A decaying count in ppm after some days."""
    keep = daily_keep(half_life_days)
    for _ in range(days):
        if not count:
            break
        count = count * keep // PPM
    return count


def nearer(usual: int, gathered: int, policy: Policy) -> int:
    """What a usual day gathers, after one more day; more than makes a burst is no more than that."""
    return usual + (min(gathered, burst.most(usual, policy)) - usual) // USUAL_DAYS


class Spoken(NamedTuple):
    """An event that another speaks of: `day` is the one it counts for, `amount` what it did in this book in all."""

    kind: Kind
    day: int
    amount: int
    seqs: tuple[int, ...]
    brand: str = ""


class Told(NamedTuple):
    """An event as one of its books needs it: `ref` is its source and external_ref, `at_us` when it is recorded.

    `engager_standing` is None where nobody is attested; `spoken` the event it refers to, None where that is not known.
    """

    kind: Kind
    facts: Any
    ref: tuple[str, str]
    late_days: int
    received_day: int
    at_us: int
    followers: int | None = None
    engager_standing: int | None = None
    forgotten: bool = False
    mutual: bool = False
    spoken: Spoken | None = None

    @property
    def refers_to(self) -> tuple[str, str] | None:
        """The source and external_ref of the event that it speaks of."""
        return reference(self.kind, self.facts, self.ref[0])


def reference(kind: Kind, facts: Any, source: str) -> tuple[str, str] | None:
    """The source and external_ref of the event that one speaks of; None where it speaks of none."""
    if kind.refers_to is None:
        return None
    return getattr(facts, "reported_by", None) or source, getattr(facts, kind.refers_to)


class Written(NamedTuple):
    """What later lines may need to know of an entry: what it did, on which day, about what.

    `factors` are kept of an apology alone: how it is received is counted on what it meant.
    """

    seq: int
    kind: str
    about: int | None
    day: int
    move: Move
    policy_version: str
    gathered: tuple[int, int] = (0, 0)
    factors: Factors | None = None

    def left(self, day: int, schedule: Schedule) -> Past:
        """What survives of it on a day."""
        move = economy.survive(self.move, self.day, day, schedule, policy_version=self.policy_version)
        return Past(self.seq, self.kind, self.day, move, max(self.move.credits, 0))

    def left_of_breach(self, breach: Breach, day: int, schedule: Schedule) -> Past:
        """What the breach of this entry has left on a day, counted from the day it happened, told late or not.

        As if all of it had been fresh: an apology is paid into fresh, and never by delay.
        """
        move = economy.survive(Move(-breach.amount), breach.day, day, schedule, policy_version=self.policy_version)
        return Past(self.seq, self.kind, breach.day, move)


class Planned(NamedTuple):
    """A line with what it does: its number, what it is about, where it lands, the state after."""

    seq: int
    line: Line
    about: int | None
    move: Move
    pools: Pools
    after: State

    def written(self, policy_version: str) -> Written:
        """What later lines may need to know of it."""
        effect = self.move._replace(**self.pools._asdict(), exact=True)
        told = gathered(self.line.kind, self.line.factors)
        meant = self.line.factors if self.line.kind == "apology" else None
        return Written(self.seq, self.line.kind, self.about, self.after.day, effect, policy_version, told, meant)


@dataclass(slots=True, kw_only=True)
class Memory:
    """The memory of one book, or as much of it as was loaded. Ties are (acts, day, answers, mutual) by engager."""

    credits_total: int = 0
    drains_total: int = 0
    breaches_total: int = 0
    apologies_total: int = 0
    last_pitch_day: int | None = None
    label: str = NAMES[0]
    holds: int = 0
    generous: int = 0
    usual: int = 0
    busy: int = 0
    busy_day: int = 0
    erased: bool = False
    tallies: dict[int, Tally] = field(default_factory=dict)
    ties: dict[str, tuple[int, int, int, bool]] = field(default_factory=dict)
    breaches: dict[int, Breach] = field(default_factory=dict)
    allegations: dict[int, Allegation] = field(default_factory=dict)
    pitches: dict[int, Pitch] = field(default_factory=dict)
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    relationships: dict[int, Relationship] = field(default_factory=dict)
    written: dict[int, Written] = field(default_factory=dict)
    about: dict[int, list[int]] = field(default_factory=dict)
    undone: set[int] = field(default_factory=set)

    @property
    def relationship(self) -> Relationship | None:
        """Where the brand of this book and its creator stand; None in a network's book."""
        return self.relationships.get(0)

    # What prices ask

    def tie(self, engager: str, day: int, half_life_days: int) -> int:
        """How often an engager was here lately: a decayed count in ppm."""
        acts, since = self.ties.get(engager, NO_TIE)[:2]
        return faded_count(acts, day - since, half_life_days)

    def usual_on(self, day: int, policy: Policy) -> tuple[int, int]:
        """What a usual day gathers before caps, and what this one has so far; in micro-trust."""
        if self.busy_day >= day:
            return self.usual, self.busy
        usual = nearer(self.usual, self.busy, policy)
        for _ in range(min(day - self.busy_day - 1, LONGEST_GAP) if self.busy_day else 0):
            usual -= usual // USUAL_DAYS
        return usual, 0

    def held(self, at_us: int) -> int:
        """What authorised pitches reserve at a moment, in micro-trust."""
        return sum(pitch.held for pitch in self.pitches.values() if pitch.live(at_us))

    def waits(self, brand: str, at_us: int) -> bool:
        """A pitch of that brand waits for the creator's answer at a moment."""
        waiting = (pitch for pitch in self.pitches.values() if pitch.brand == brand and pitch.status == "held")
        return any(pitch.live(at_us) for pitch in waiting)

    def breach_of(self, seqs: Iterable[int]) -> Breach | None:
        """The breach that one of these entries is, or that was charged for the allegation one of them is."""
        for seq in seqs:
            if seq in self.breaches:
                return self.breaches[seq]
            charged = self.allegations[seq].breach if seq in self.allegations else None
            if charged is not None:
                return self.breaches.get(charged)
        return None

    def allegation_of(self, seqs: Iterable[int]) -> Allegation | None:
        """The allegation that one of these entries is."""
        return next((self.allegations[seq] for seq in seqs if seq in self.allegations), None)

    def resting_on(self, seqs: Iterable[int]) -> list[Written]:
        """These entries and those about them, and about those, in order; reversals and reversed ones aside."""
        found, due = set[int](), [*seqs]
        while due:
            seq = due.pop()
            if seq in self.written and seq not in found:
                found.add(seq)
                due += self.about.get(seq, ())
        return [self.written[seq] for seq in sorted(found - self.undone) if self.written[seq].kind != "reversal"]

    # What happened

    def note(self, entry: Written) -> None:
        """Remember an entry that others may speak of."""
        self.written[entry.seq] = entry
        if entry.about is not None:
            known = self.about.setdefault(entry.about, [])
            if entry.seq not in known:
                known.append(entry.seq)
            if entry.kind == "reversal":
                self.undone.add(entry.about)

    def forget(self) -> None:
        """The creator was erased: of what the book remembered nothing is left, but that it is so."""
        blank = Memory(erased=True)
        for each in fields(Memory):
            setattr(self, each.name, getattr(blank, each.name))

    def mark_breach(self, seq: int, **marks: Any) -> None:
        """Record that a breach was owned, evaded or cleared, or is so no longer."""
        if seq in self.breaches:
            self.breaches[seq] = self.breaches[seq]._replace(**marks)
