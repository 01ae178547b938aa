"""What a book remembers beside its balances, worked out again from its entries and their events.

Tallies, ties, breaches and the undecayed record are kept by posting for speed; here they are built anew, so that
the audit can compare them, and so that factors which depend on them can be checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ledger import lookups
from ledger.books import Written
from ledger.economy import PPM, State
from ledger.kinds import KINDS, charge, engagement, reversal
from ledger.kinds.base import Breach, Factors, Kind, Tally
from ledger.policy import Policy, Schedule

SETTLED_BY = {"apology": "owned", "evasion": "evaded", "cleared": "cleared"}
UNDOING = ("reversal", "cleared")


@dataclass(frozen=True, slots=True)
class Told:
    """An event as its entries need it: `day` is the book's when it was posted, `amount` what it did in all."""

    kind: Kind
    facts: Mapping[str, Any]
    day: int
    late_days: int
    amount: int

    @property
    def occurred_day(self) -> int:
        """The day it counts for."""
        return self.day - self.late_days


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
    reversed: set[int] = field(default_factory=set)
    _kept: dict[int, Written] = field(default_factory=dict)
    _about: dict[int, list[int]] = field(default_factory=dict)
    _happened: dict[int, int] = field(default_factory=dict)
    _last: Written | None = None
    _undone: list[Written] = field(default_factory=list)
    _tie: int = 0

    def expected(
        self, written: Written, told: Told, factors: Factors, *, before: State, policy: Policy, target: Written | None
    ) -> dict[str, int]:
        """The factors of an entry that follow from what came before it, `target` being what it reverses."""
        known = {}
        if "late_days" in factors:
            known["late_days"] = 0 if told.kind.name == "undisclosed_pitch" else told.late_days
        match written.kind:
            case "engagement":
                known |= self._expected_engagement(told, factors, policy)
            case "pitch" | "breach" if "standing" in factors:
                known["standing"] = max(before.standing, 0) if told.kind.name == "pitch" else before.at_stake
            case "evasion":
                known["breach"] = self.breaches[written.about or 0].amount
            case "apology":
                known["breach"] = self._left_of_breach(written, told.occurred_day)
            case "reversal" if target is not None:
                known |= reversal.undo((target.left(written.day, self.schedule),))
            case "cleared":
                resting = self._resting_on(written)
                known |= reversal.undo(tuple(item.left(written.day, self.schedule) for item in resting))
        return known

    def keep(self, written: Written, told: Told, factors: Factors, *, first: bool) -> None:
        """Take in an entry whose factors are as expected; `first` of its event or a further one."""
        move = written.move
        self.credits_total += max(move.credits, 0)
        self.drains_total += max(move.drains, 0)
        self.breaches_total += written.kind == "breach"
        self.apologies_total += written.kind == "apology"
        if written.kind == "pitch":
            self.last_pitch_day = written.day
        if first:
            self._tally(told, factors)
        if written.kind == "breach":
            self._keep_breach(written, told, factors)
        elif written.kind in SETTLED_BY and written.about is not None:
            self._settle_breach(written, written.about)
        self._last = written

    def undo(self, target: Written, event: Told | None) -> None:
        """Take in that an entry was reversed; `event` made it, where it is the first of its event's to be reversed."""
        self.reversed.add(target.seq)
        self._undone.append(target)
        self._uncount((target,))
        if event is not None:
            self._uncount_day(event.kind.counted(event.amount), event.occurred_day, target.gathered)

    def conclude(self) -> None:
        """The event's last entry is taken in: what its reversals mean for breaches shows only in sum."""
        for item in self._undone:
            if item.kind in SETTLED_BY and item.about is not None:
                self._mark(item.about, SETTLED_BY[item.kind], done=False)
        for item in self._undone:
            if item.kind == "breach":
                self._mark(item.seq, "cleared", done=True)
        self._undone.clear()

    def _expected_engagement(self, told: Told, factors: Factors, policy: Policy) -> dict[str, int]:
        tally = self.tallies.get(told.occurred_day) or Tally()
        acts, since = self.ties.get(told.facts["engager"], (0, told.day))
        # A tie may have been forgotten since; the price shows it.
        forgotten = factors["repeat"] == PPM
        self._tie = 0 if forgotten else lookups.faded_count(acts, told.day - since, policy["tie.half_life"])
        repeat = PPM * PPM // (PPM + self._tie)
        return {"known_before": tally.known, "unknown_before": tally.unknown, "repeat": repeat}

    def _left_of_breach(self, apology: Written, day: int) -> int:
        breach = self._kept[apology.about or 0]
        return max(0, -breach.left_of_breach(self.breaches[breach.seq], day, self.schedule).surviving.fresh)

    def _of_event(self, breach: Written) -> list[Written]:
        """A breach's entry, after the pitch that it belongs to where that was hidden."""
        return [self._kept[seq] for seq in (breach.about, breach.seq) if seq is not None]

    def _resting_on(self, cleared: Written) -> list[Written]:
        breach = self._kept[cleared.about or 0]
        about = [self._kept[seq] for seq in self._about.get(breach.seq, ()) if seq not in self.reversed]
        return self._of_event(breach) + [item for item in about if item.seq != cleared.seq]

    def _tally(self, told: Told, factors: Factors) -> None:
        day = told.occurred_day
        if told.kind.name == "engagement":
            known, unknown = engagement.raw_amount(factors)
            tally = self.tallies[day]
            self.tallies[day] = replace(tally, known=tally.known + known, unknown=tally.unknown + unknown)
            if known or unknown:
                self.ties[told.facts["engager"]] = (self._tie + PPM, told.day)
        elif counts := told.kind.counted(told.amount):
            tally = self.tallies.get(day, Tally())
            counted = {name: getattr(tally, name) + 1 for name in counts}
            self.tallies[day] = replace(tally, **counted)

    def open_day(self, told: Told, opening: int) -> None:
        """The day an engagement counts for begins with the book's opening, unless it is long past."""
        if told.kind.name == "engagement" and told.occurred_day not in self.tallies:
            self.tallies[told.occurred_day] = Tally(opening=0 if told.late_days else opening)

    def _keep_breach(self, written: Written, told: Told, factors: Factors) -> None:
        hidden = told.kind.name == "undisclosed_pitch"
        category = "undisclosed" if hidden else told.facts["category"]
        severity = 0 if hidden else told.facts["severity"]
        day = told.day if hidden else told.occurred_day
        rates = self.schedule.named(written.policy_version).rates
        amount = -told.amount if hidden else charge([(written.kind, factors)], rates)
        self.breaches[written.seq] = Breach(written.seq, day, category, severity, amount, undisclosed=hidden)
        self._happened[written.seq] = told.occurred_day
        self._kept[written.seq] = written
        if written.about is not None and self._last is not None:
            self._kept[self._last.seq] = self._last

    def _settle_breach(self, written: Written, about: int) -> None:
        if written.kind == "cleared":
            self._uncount(self._resting_on(written))
            breach = self.breaches[about]
            kind = KINDS["undisclosed_pitch" if breach.undisclosed else "breach"]
            self._uncount_day(kind.counted(breach.amount), self._happened[about])
        self._mark(about, SETTLED_BY[written.kind], done=True)
        self._kept[written.seq] = written
        self._about.setdefault(about, []).append(written.seq)

    def _mark(self, seq: int, mark: str, *, done: bool) -> None:
        if seq in self.breaches:
            self.breaches[seq] = replace(self.breaches[seq], **{mark: done})  # type: ignore[arg-type]

    def _uncount_day(self, counts: tuple[str, ...], day: int, gathered: tuple[int, int] = (0, 0)) -> None:
        if day in self.tallies:
            self.tallies[day] = self.tallies[day].without(gathered, counts)

    def _uncount(self, items: Iterable[Written]) -> None:
        for item in items:
            self.credits_total -= max(item.move.credits, 0)
            self.drains_total -= max(item.move.drains, 0)
            self.breaches_total -= item.kind == "breach"
            self.apologies_total -= item.kind == "apology"
