"""A book worked out again, entry by entry: what each must be, given the entries before it and its event.

Nothing stored is believed: hashes, amounts, balances, times and memos are computed anew and compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from ledger import books, chain, contexts, economy, kinds, upkeep
from ledger.aside import Aside, Half, disagreement, misplaced
from ledger.days import LAST
from ledger.db import Row
from ledger.economy import DAY_US, PPM, Pools, State
from ledger.errors import LedgerError, UnknownReference
from ledger.kinds import facts as facts_of
from ledger.kinds.base import Context, Factors, Line
from ledger.memory import REFERABLE, Memory, Planned, Spoken, Told
from ledger.policy import Policy, Schedule
from ledger.stored import EntryRow, EventRow, Undone, Wrong, compare, differs

SETTLEMENT, ERASURE = "settlement", "erasure"
REMEMBERED = (
    *("credits_total", "drains_total", "breaches_total", "apologies_total", "last_pitch_day", "label", "holds"),
    *("generous", "usual", "busy", "busy_day", "erased"),
)


class Priced(NamedTuple):
    """An event with the lines that it must have become; `own` is False in the other book that it touches."""

    told: Told
    context: Context
    lines: list[Line]
    own: bool


@dataclass(slots=True)
class Replay:
    """One book as its entries so far make it.

    Of an `erased` one the events are gone: links, hashes, amounts and balances are checked as ever, and that nothing
    is left of the rest.
    """

    meter: str
    schedule: Schedule
    policies: Mapping[str, Policy]
    memory: Memory
    aside: Aside
    erased: bool = False
    seq: int = 0
    head: bytes = b""
    recorded_at_us: int = 0
    live: bool = False
    policy_version: str = ""
    state: State = field(default_factory=State)
    opening: int = 0
    events: int = 0
    _gone: int = 0
    _event_id: str | None = None
    _entry_policy: str = ""
    _priced: Priced | None = None
    _due: list[Any] = field(default_factory=list)
    _named: tuple[str, ...] = ()
    _entries: list[Planned] = field(default_factory=list)
    _rows: list[EntryRow] = field(default_factory=list)
    _spoken: dict[tuple[str, str], tuple[Spoken, tuple[str, ...]]] = field(default_factory=dict)

    def take(self, row: EntryRow, event: EventRow | None, target: Undone | None) -> None:
        """Check the next entry and take it in. `target` is the event it reverses, by its entry. Raises Wrong."""
        if self.memory.erased:
            raise Wrong(row.seq, "it comes after the line that says that the creator was erased")
        self._link(row)
        after = self._settle(row) if row.kind == SETTLEMENT else self._line(row, event, target)
        self.seq, self.head, self.recorded_at_us = row.seq, row.hash, row.recorded_at_us
        self.policy_version, self.state = row.policy_version, after

    def finish(self) -> None:
        """The last entry was taken in. Raises Wrong where its event says that there are more."""
        if self._due:
            raise Wrong(self.seq + 1, f"entry {self.seq + 1} is missing: the event {self._event_id} made it")

    def compare(self, row: Row) -> None:
        """Compare the book's row with what its entries make of it. Raises Wrong."""
        book = books.OpenBook.of_row(row)
        if book.seq > self.seq:
            raise Wrong(self.seq + 1, f"entry {self.seq + 1} is missing: the book says it has {book.seq}")
        if book.seq < self.seq:
            raise Wrong(book.seq + 1, f"the book says it has {book.seq} entries, but there are {self.seq}")
        self.state = self.on_day(book.state.day, self.seq)
        for name in ("head", "recorded_at_us", "policy_version", "opening"):
            self._same(name, getattr(book, name), getattr(self, name))
        for name, held, due in zip(State._fields, book.state, self.state, strict=True):
            self._same("settled_through" if name == "day" else name, held, due)
        for name in REMEMBERED:
            self._same(name, getattr(book, name), getattr(self.memory, name))
        if self.memory.erased:
            self._same("live", book.live, False)
        elif self.live and not book.live:
            raise Wrong(self.seq, "the book says that it is still open to backfill, but it holds live entries")

    def _same(self, name: str, held: object, due: object) -> None:
        if held != due:
            held, due = (value.hex() if isinstance(value, bytes) else value for value in (held, due))
            raise Wrong(self.seq, f"the book's {name} is {held}, but its entries come to {due}")

    def _link(self, row: EntryRow) -> None:
        if row.seq != self.seq + 1:
            raise Wrong(self.seq + 1, f"entry {self.seq + 1} is missing: the next one there is {row.seq}")
        if row.prev_hash != (self.head or chain.GENESIS):
            raise Wrong(row.seq, "it does not link to the entry before it")
        if row.recorded_at_us <= self.recorded_at_us:
            raise Wrong(row.seq, "it was recorded no later than the entry before it")
        if row.hash_version != chain.HASH_VERSION or chain.entry_hash(row) != row.hash:
            raise Wrong(row.seq, "its hash is not that of what it says")
        if row.about is not None and not 1 <= row.about < row.seq:
            raise Wrong(row.seq, f"it is about entry {row.about}, which does not come before it")

    def _settle(self, row: EntryRow) -> State:
        if row.event_id is not None or row.event_hash or row.about is not None:
            raise Wrong(row.seq, "it is a settlement, and yet it names an event or an entry")
        if self._due:
            self.finish()
        factors = orjson.loads(row.factors)
        if factors != {"from_day": self.state.day, "to_day": row.settled_through}:
            raise Wrong(row.seq, f"it settles from day {self.state.day} to {row.settled_through}, but says otherwise")
        day, version = row.settled_through, self.policy_version
        if day > LAST:  # day after day without end
            raise Wrong(row.seq, f"it settles through day {day}, which no calendar has")
        after = economy.accrue(self.state, day, self.schedule, policy_version=version)
        if row.policy_version != self.schedule.at(day - 1, version).version:
            raise Wrong(row.seq, f"its policy {row.policy_version} was not in force")
        pools = Pools(*(now - then for now, then in zip(after[:4], self.state[:4], strict=True)))
        compare(row, pools, after, "accrual gives")
        self.opening = after.standing
        return after

    def _line(self, row: EntryRow, event: EventRow | None, target: Undone | None) -> State:
        policy = self.policies.get(row.policy_version)
        if policy is None:
            raise Wrong(row.seq, f"its policy {row.policy_version} is not installed")
        before = self.on_day(row.settled_through, row.seq)
        factors = orjson.loads(row.factors)
        move = kinds.amounts(row.kind, factors, policy.rates)
        pools = economy.land(before, move)
        after = economy.advance(before, pools, move)
        compare(row, pools, after, "its factors give")
        if self.erased and row.kind != ERASURE:
            self._pass(row, event)
            return after
        if event is None:
            raise Wrong(row.seq, f"its event {row.event_id} is missing")
        priced = self._priced
        if priced is None or not self._due:
            self._open(row, event)
            priced = self._priced = self._price(row, event, target, factors, before=before, policy=policy)
        self._hear(row, event, after)
        line = Line(row.kind, factors)
        self._entries.append(Planned(row.seq, line, row.about, move, pools, after))
        self._rows.append(row)
        if priced.own and (wrong := differs(row, priced.lines[len(self._entries) - 1])):
            raise Wrong(row.seq, wrong)
        if not self._due:
            self._keep(event, priced)
        return after

    def _pass(self, row: EntryRow, event: EventRow | None) -> None:
        """A line of a creator who was erased: its event must be gone, and is counted."""
        if event is not None:
            raise Wrong(row.seq, f"its event {row.event_id} is still there, though the creator was erased")
        if row.event_id is None or len(row.event_hash) != len(chain.GENESIS):
            raise Wrong(row.seq, "it names no event")
        self._gone += row.event_id != self._event_id
        self._event_id = row.event_id

    def _keep(self, event: EventRow, priced: Priced) -> None:
        """Take in an event whose entries are as they must be; what is another book's is left for that one to check."""
        told, context = priced.told, priced.context
        if told.kind.name == ERASURE and told.facts.events != self._gone:
            seq, said = self._rows[-1].seq, told.facts.events
            raise Wrong(seq, f"it says that {said} events were removed, but the entries name {self._gone}")
        if told.kind.name in REFERABLE or told.kind.refers_to:
            for item in self._entries:
                self.memory.note(item.written(self._entry_policy))
            amount = sum(-item.pools.world for item in self._entries)
            seqs = tuple(item.seq for item in self._entries)
            brand = getattr(told.facts, "brand", "")
            self._spoken[told.ref] = Spoken(told.kind, context.occurred_day, amount, seqs, brand), self._named
        upkeep.keep(self.memory, told, context, self._entries, own=priced.own)
        if not priced.own:
            self.aside.put(Half(event, context, self._rows))

    def on_day(self, day: int, seq: int) -> State:
        """The state on a day that no settlement leads to: only an empty one stays what it was. Raises Wrong."""
        if day == self.state.day:
            return self.state
        moved = economy.accrue(self.state, min(day, LAST), self.schedule, policy_version=self.policy_version)
        if not self.state.day <= day <= LAST or moved[:8] != self.state[:8]:
            raise Wrong(seq, f"it stands on day {day}, but the entries before it are settled through {self.state.day}")
        self.opening = moved.standing
        return moved

    def _hear(self, row: EntryRow, event: EventRow, after: State) -> None:
        """An entry is the next one that its event says it made."""
        if row.event_id != self._event_id:
            self.finish()
        if self._entries and row.recorded_at_us != self.recorded_at_us + 1:
            raise Wrong(row.seq, "it was not recorded right after the entry it belongs to")
        if row.event_hash != event.hash:
            raise Wrong(row.seq, f"its event {row.event_id} is not the one it was made by")
        made = [row.meter, row.seq, row.kind, -row.world, after.standing, row.fresh + row.bedrock]
        if self._due.pop(0) != made:
            raise Wrong(row.seq, f"its event {row.event_id} says otherwise of what it made")

    def _open(self, row: EntryRow, event: EventRow) -> None:
        if chain.event_hash(event) != event.hash:
            raise Wrong(row.seq, f"its event {row.event_id} has a hash that is not that of what it says")
        self._check_clock(row, event)
        entries = orjson.loads(event.outcome)["entries"]
        self._event_id, self._entries, self._rows = row.event_id, [], []
        self._due = [entry for entry in entries if entry[0] == self.meter]
        self._named = tuple(dict.fromkeys(entry[0] for entry in entries))
        self.events += entries[0][:2] == [row.meter, row.seq]
        if not self._due:
            raise Wrong(row.seq, f"its event {row.event_id} names no entry of this book")
        if wrong := misplaced(event, kinds.KINDS[event.kind], self._named, self.meter):
            raise Wrong(row.seq, f"its event {row.event_id} {wrong}")

    def _price(
        self, row: EntryRow, event: EventRow, target: Undone | None, factors: Factors, *, before: State, policy: Policy
    ) -> Priced:
        """What the event comes to, worked out again from what it says and what the book held. Raises Wrong."""
        self._entry_policy = policy.version
        own = event.meter == self.meter
        try:
            told, spoken = self._told(row, event, target, factors, before, policy)
            halves = self.aside.take(event.event_id) if own else {}
            relationship = next((half.context.relationship for half in halves.values()), None)
            context = contexts.context_of(
                self.memory,
                told,
                state=before,
                policy=policy,
                schedule=self.schedule,
                opening=self.opening,
                relationship=relationship,
                own=own,
            )
            if not own:
                return Priced(told, context, [], own)
            lines = told.kind.price(told.facts, context)
            if wrong := disagreement(told, self._named, spoken, halves, lines):
                raise Wrong(row.seq, f"its event {event.event_id} {wrong}")
        except LedgerError as error:
            raise Wrong(row.seq, f"its event {event.event_id} cannot have been posted: {error.detail}") from error
        if len(lines) != len(self._due):
            raise Wrong(row.seq, f"its event {event.event_id} comes to {len(lines)} entries, not {len(self._due)}")
        return Priced(told, context, lines, own)

    def _told(
        self, row: EntryRow, event: EventRow, target: Undone | None, stated: Factors, before: State, policy: Policy
    ) -> tuple[Told, tuple[str, ...]]:
        """The event as posting saw it, and the books of the event that it speaks of, its own first.

        What nothing stored can prove is taken as stated in the factors of its first entry: the audience of an account,
        which partners change, an engager's standing on that night, favours returned, and that one had been forgotten.
        """
        kind = kinds.KINDS[event.kind]
        # The names in it are sealed already.
        facts: Any = facts_of.read(kind.facts, orjson.loads(event.facts), seal=str)
        told = Told(
            kind,
            facts,
            (event.source, event.external_ref),
            max(0, before.day - event.occurred_at_us // DAY_US),
            event.received_at_us // DAY_US,
            row.recorded_at_us,
            stated.get("followers"),
        )
        if kind.name == "engagement":
            standing = stated["standing"]
            low = standing - policy["engagement.standing_floor"] if standing < PPM else None
            told = told._replace(engager_standing=low, forgotten=stated["repeat"] == PPM)
            return told._replace(mutual=stated["reciprocity"] < PPM), ()
        ref = told.refers_to
        if ref is None:
            return told, ()
        spoken, named = self._undone(ref, target) if row.kind == "reversal" else self._spoken.get(ref, (None, ()))
        return told._replace(spoken=spoken if event.meter in named[:1] else None), named

    def _check_clock(self, row: EntryRow, event: EventRow) -> None:
        """A live entry is recorded when it came, a backfilled one when it happened; never before the last one."""
        following = self.recorded_at_us + 1
        live = max(event.received_at_us, following)
        past = max(event.occurred_at_us, following)
        if row.recorded_at_us not in (live, past, max(live, row.settled_through * DAY_US)):
            raise Wrong(row.seq, "it was recorded at another time than its event came or happened")
        days_of = [row.recorded_at_us // DAY_US, (row.recorded_at_us - 1) // DAY_US]
        if row.recorded_at_us == past:  # the events of one moment are recorded microseconds apart
            days_of.append(event.occurred_at_us // DAY_US)
        if row.settled_through not in days_of:
            raise Wrong(row.seq, "it is settled through another day than it was recorded on")
        days = (row.settled_through, event.received_at_us // DAY_US)
        policies = {self.schedule.at(day, self.policy_version).version for day in days}
        if row.policy_version not in policies:
            raise Wrong(row.seq, f"its policy {row.policy_version} was not in force")
        self.live = self.live or row.recorded_at_us != past

    def _undone(self, ref: tuple[str, str], target: Undone | None) -> tuple[Spoken, tuple[str, ...]]:
        """The event that a reversal undoes, by its entries here, and its books. Raises UnknownReference."""
        if target is None or ref != (target.event.source, target.event.external_ref):
            raise UnknownReference("it reverses an entry that its event does not name")
        entries = [books.written_of(entry, self.schedule) for entry in target.entries if entry[2] <= self.seq]
        for entry in (each for each in entries if each.seq not in self.memory.written):
            self.memory.note(entry)
        day = min(target.event.occurred_at_us // DAY_US, *(entry.day for entry in entries))
        told = orjson.loads(target.event.outcome)["entries"]
        amount = sum(entry[3] for entry in told if entry[0] == self.meter)
        spoken = Spoken(kinds.KINDS[target.event.kind], day, amount, tuple(entry.seq for entry in entries))
        return spoken, tuple(dict.fromkeys(entry[0] for entry in told))
