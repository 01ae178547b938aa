"""What a book remembers beside its balances, worked out again from its entries and their events.

Tallies, ties, breaches and the undecayed record are kept by posting for speed; here they are built anew, so that
the audit can compare them, and so that every event can be priced again in the context it was priced in.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ledger import contexts
from ledger.books import Written
from ledger.contexts import UNDOING
from ledger.economy import PPM, State
from ledger.errors import AlreadyDone, UnknownReference, WrongReference
from ledger.kinds import charge
from ledger.kinds.base import Breach, Context, Factors, Kind, Line, Past, Tally
from ledger.policy import Policy, Schedule

SETTLED_BY = {"apology": "owned", "evasion": "evaded"}


@dataclass(frozen=True, slots=True)
class Spoken:
    """An event that another speaks of: `day` is the one it counts for, `amount` what it did in all."""

    kind: Kind
    day: int
    amount: int
    entries: tuple[Written, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """An event as its entries need it. `ref` is its source and external_ref; `late_days` is how late it was told."""

    kind: Kind
    facts: Any
    ref: tuple[str, str]
    late_days: int
    amount: int
    spoken_of: Spoken | None = None

    @property
    def refers_to(self) -> tuple[str, str] | None:
        """The source and external_ref of the event that it speaks of."""
        return (self.ref[0], getattr(self.facts, self.kind.refers_to)) if self.kind.refers_to else None


@dataclass(frozen=True, slots=True)
class Priced:
    """An event with the lines that it must have become, and what they were priced on."""

    told: Told
    context: Context
    lines: Sequence[Line]


@dataclass(slots=True)
class Memory:
    """The memory of one book as its entries so far make it."""

    schedule: Schedule
    credits_total: int = 0
    drains_total: int = 0
    breaches_total: int = 0
    apologies_total: int = 0
    last_pitch_day: int | None = None
    tallies: dict[int, Tally] = field(default_factory=dict)
    ties: dict[str, tuple[int, int]] = field(default_factory=dict)
    breaches: dict[int, Breach] = field(default_factory=dict)
    _reversed: set[int] = field(default_factory=set)
    _kept: dict[int, Written] = field(default_factory=dict)
    _about: dict[int, list[int]] = field(default_factory=dict)
    _broken: dict[tuple[str, str], Spoken] = field(default_factory=dict)

    def price(self, told: Told, stated: Factors, *, before: State, policy: Policy, opening: int) -> Priced:
        """An event's lines worked out again. Raises Refusal where it could not have been posted.

        Two things nothing stored can prove are taken as `stated`, in the factors of its first entry: the audience of
        an account, which partners change, and that an engager had been forgotten.
        """
        if told.kind.name == "engagement":
            context = contexts.of_engagement(
                before,
                policy,
                late_days=told.late_days,
                opening=opening,
                engager=told.facts.engager,
                tallies=self.tallies,
                ties={} if stated["repeat"] == PPM else self.ties,
            )
        else:
            plain = Context(before, policy, before.day, told.late_days, followers=stated.get("followers"))
            context, told = self._context(told, plain)
        return Priced(told, context, told.kind.price(told.facts, context))

    def keep(self, priced: Priced, entries: Sequence[Written]) -> None:
        """Take in an event whose entries are as they must be."""
        told, context = priced.told, priced.context
        self._count(entries, 1)
        self._tally(priced, entries[0].gathered)
        for entry in entries:
            if entry.kind == "pitch":
                self.last_pitch_day = entry.day
            if entry.kind == "breach":
                self._keep_breach(priced, entry, entries)
        if told.kind.settles_breach and context.breach is not None:
            self._mark(context.breach.seq, told.kind.settles_breach)
            self._kept |= {entry.seq: entry for entry in entries}
            self._about.setdefault(context.breach.seq, []).extend(entry.seq for entry in entries)
        if told.kind.name in UNDOING and told.spoken_of is not None:
            self._undo(told, told.spoken_of, context)

    def _context(self, told: Told, plain: Context) -> tuple[Context, Told]:
        if "corrections" in told.kind.counts:
            near = contexts.corrections_near(self.tallies, plain.occurred_day)
            return replace(plain, corrections_this_week=near), told
        if told.refers_to is None:
            return plain, told
        spoken = told.spoken_of or self._broken.get(told.refers_to)
        if spoken is None:
            raise UnknownReference(f"no event {told.refers_to[1]!r} of this book comes before it")
        breach = next((self.breaches[each.seq] for each in spoken.entries if each.seq in self.breaches), None)
        if told.kind.name == "reversal":
            self._may_be_reversed(spoken)
        context = replace(
            plain,
            breach=breach,
            past=self._past(told, spoken, breach, plain),
            repeats=contexts.repeats(self.breaches.values(), breach, plain.policy["breach.repeat_window"]),
        )
        return context, replace(told, spoken_of=spoken)

    def _may_be_reversed(self, spoken: Spoken) -> None:
        if spoken.kind.name in UNDOING:
            raise WrongReference("it undoes what is itself an undoing")
        meant = {seq for entry in spoken.entries for seq in (entry.seq, entry.about)}
        if any(self.breaches[seq].cleared for seq in meant if seq in self.breaches):
            raise AlreadyDone("it undoes what was cleared before")

    def _past(self, told: Told, spoken: Spoken, breach: Breach | None, plain: Context) -> tuple[Past, ...]:
        if breach is not None and told.kind.name == "apology":
            return (self._kept[breach.seq].left_of_breach(breach, plain.occurred_day, self.schedule),)
        resting = self._resting_on(spoken)
        return tuple(item.left(plain.day, self.schedule) for item in resting if item.seq not in self._reversed)

    def _resting_on(self, spoken: Spoken) -> list[Written]:
        """The entries of an event and those about them, in order."""
        about = [self._kept[seq] for entry in spoken.entries for seq in self._about.get(entry.seq, ())]
        return sorted([*spoken.entries, *about], key=lambda entry: entry.seq)

    def _tally(self, priced: Priced, gathered: tuple[int, int]) -> None:
        told, context = priced.told, priced.context
        day = context.occurred_day
        if told.kind.name == "engagement":
            self.tallies[day] = context.tally.plus(*gathered)
            if any(gathered):
                self.ties[told.facts.engager] = (context.tie + PPM, context.day)
        elif counts := told.kind.counted(told.amount):
            tally = self.tallies.get(day, Tally())
            self.tallies[day] = replace(tally, **{name: getattr(tally, name) + 1 for name in counts})

    def _keep_breach(self, priced: Priced, entry: Written, entries: Sequence[Written]) -> None:
        told, context = priced.told, priced.context
        hidden = told.kind.name == "undisclosed_pitch"
        category = "undisclosed" if hidden else told.facts.category
        severity = 0 if hidden else told.facts.severity
        day = context.day if hidden else context.occurred_day
        amount = charge(((line.kind, line.factors) for line in priced.lines), context.policy.rates)
        self.breaches[entry.seq] = Breach(entry.seq, day, category, severity, amount, undisclosed=hidden)
        self._kept |= {each.seq: each for each in entries}
        self._broken[told.ref] = Spoken(told.kind, context.occurred_day, told.amount, tuple(entries))

    def _undo(self, told: Told, spoken: Spoken, context: Context) -> None:
        undone = {past.seq for past in context.past}
        items = [item for item in self._resting_on(spoken) if item.seq in undone]
        self._count(items, -1)
        if spoken.day in self.tallies:
            counts = spoken.kind.counted(spoken.amount)
            self.tallies[spoken.day] = self.tallies[spoken.day].without(spoken.entries[0].gathered, counts)
        if told.kind.name == "reversal":
            self._reversed |= undone
            self._unmark(items)

    def _unmark(self, items: Iterable[Written]) -> None:
        """An undone apology no longer owns its breach, an undone breach is no more, and so on."""
        for item in items:
            if item.kind in SETTLED_BY and item.about is not None:
                self._mark(item.about, SETTLED_BY[item.kind], value=False)
        for item in items:
            if item.kind == "breach":
                self._mark(item.seq, "cleared")

    def _mark(self, seq: int, mark: str, *, value: bool = True) -> None:
        if seq in self.breaches:
            self.breaches[seq] = replace(self.breaches[seq], **{mark: value})  # type: ignore[arg-type]

    def _count(self, items: Iterable[Written], sign: int) -> None:
        """Add entries to the undecayed record, or take undone ones out of it."""
        for item in items:
            self.credits_total += sign * max(item.move.credits, 0)
            self.drains_total += sign * max(item.move.drains, 0)
            self.breaches_total += sign * (item.kind == "breach")
            self.apologies_total += sign * (item.kind == "apology")
