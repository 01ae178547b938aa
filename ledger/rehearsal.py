"""Rehearsal: a creator's events priced once more in memory, under other rules, by the functions that post.

Nothing is written. What nothing stored can tell is taken as the entries state it, as in the audit: the audience of an
account, an engager's standing on that night, favours returned, and that an engager had been forgotten. Labels, which
remember what they were, are looked at when the real ones changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import orjson

from ledger import books, contexts, economy, kinds, upkeep
from ledger.books import OpenBook
from ledger.economy import DAY_US, HOUR_US, PPM
from ledger.errors import Refusal
from ledger.kinds import facts as facts_of
from ledger.kinds import pitch
from ledger.kinds.base import Context, Factors, Kind, Line
from ledger.kinds.burst import ReleaseFacts
from ledger.memory import UNDOING, Planned, Spoken, Told, reference
from ledger.policy import Policy, Schedule
from ledger.stored import EntryRow, EventRow

OUR_OWN = ("release", "label", "policy_marker")  # a busy day, or a new label, there need be none here
FORMAL = ("backfill_closed", "out_of_order")  # refused for the order in which it came, whatever the rules
OTHERS = (*UNDOING, "outcome")


@dataclass(frozen=True, slots=True)
class Happening:
    """An event as it is stored, with the entries that it made by meter, in order; none where it was refused."""

    event: EventRow
    entries: dict[str, list[EntryRow]]

    @property
    def own(self) -> EntryRow | None:
        """Its first entry in its own book."""
        return self.first(self.event.meter)

    def first(self, meter: str) -> EntryRow | None:
        """Its first entry in a book."""
        return self.entries[meter][0] if meter in self.entries else None


class Otherwise(NamedTuple):
    """An event that is refused where it was posted, or posted where it was refused."""

    creator_id: str
    source: str
    external_ref: str
    kind: str
    why: str


class Past(NamedTuple):
    """An event that was rehearsed: what later ones may need to know of it."""

    kind: Kind
    meter: str
    day: int
    brand: str
    seqs: dict[str, tuple[int, ...]]
    amounts: dict[str, int]


class Telling(NamedTuple):
    """An event about to be priced: what its entry states, the policy that priced it, on which day, at what moment."""

    kind: Kind
    facts: Any
    happening: Happening
    spoken: Past | None
    stated: Factors
    former: Policy
    day: int
    received_day: int
    at_us: int


class Priced(NamedTuple):
    """An event priced in one of its books."""

    book: OpenBook
    told: Told
    context: Context
    lines: Sequence[Line]


@dataclass(slots=True)
class Rehearsal:
    """The books of one creator as the other rules make them. `real` are the rules that they were kept by."""

    creator_id: str
    schedule: Schedule
    real: Schedule
    books: dict[str, OpenBook] = field(default_factory=dict)
    refused: list[Otherwise] = field(default_factory=list)
    accepted: list[Otherwise] = field(default_factory=list)
    refused_in: Counter[str] = field(default_factory=Counter)
    events: int = 0
    _past: dict[tuple[str, str], Past] = field(default_factory=dict)
    _waited: set[tuple[str, int]] = field(default_factory=set)
    _waiting: dict[tuple[str, int], int] = field(default_factory=dict)

    def take(self, happening: Happening) -> None:
        """Price the next event of the creator."""
        event = happening.event
        kind = kinds.KINDS[event.kind]
        self.events += 1
        if happening.own is None and orjson.loads(event.outcome).get("code") in FORMAL:
            return
        telling = self._telling(kind, happening)
        self._release(event.meter, telling.at_us)
        try:
            self._post(telling)
        except Refusal as refusal:
            self._refuse(telling, refusal.detail)
        else:
            if happening.own is None:
                self.accepted.append(_otherwise(event, orjson.loads(event.outcome).get("detail", "")))

    def _telling(self, kind: Kind, happening: Happening) -> Telling:
        event, own = happening.event, happening.own
        facts: Any = facts_of.read(kind.facts, orjson.loads(event.facts), seal=str)  # names are sealed already
        received_day = event.received_at_us // DAY_US
        spoken = self._past.get(reference(kind, facts, event.source) or ("", ""))
        if own is None:
            day, former = self._day_of_refused(event), self.real.at(received_day)
            return Telling(kind, facts, happening, spoken, {}, former, day, received_day, event.received_at_us)
        stated = orjson.loads(own.factors)
        if kind.name == "engagement" and "held" in stated:
            self._waited.add((event.meter, min(event.occurred_at_us // DAY_US, own.settled_through)))
        former, at_us = self.real.named(own.policy_version), own.recorded_at_us
        return Telling(kind, facts, happening, spoken, stated, former, own.settled_through, received_day, at_us)

    def _refuse(self, telling: Telling, why: str) -> None:
        if telling.kind.name == "release":  # what is not to be paid now is paid when it has waited long enough
            self._waited.discard((telling.happening.event.meter, telling.facts.day))
        if telling.happening.own is not None and telling.kind.name not in OUR_OWN:
            self.refused.append(_otherwise(telling.happening.event, why))
            self.refused_in.update(telling.happening.entries.keys())

    def finish(self, at_us: int) -> None:
        """The last event was taken: pay what has waited long enough, and carry every book to the day."""
        for meter, book in self.books.items():
            self._release(meter, at_us)
            _settle(book, at_us // DAY_US, self.schedule)

    def _post(self, telling: Telling) -> None:
        own, kind = telling.happening.event.meter, telling.kind
        meters = self._meters(telling)
        priced: list[Priced] = []
        for meter in meters:
            book, there = self.books[meter], telling.happening.first(meter)
            _settle(book, there.settled_through if there else telling.day, self.schedule)
            policy = self.schedule.at(self._policy_day(telling), book.policy_version)
            told = self._told(telling, meter, policy)
            told = told if meter == own else told._replace(facts=priced[0].told.facts)
            context = self._context(book, told, policy, meters, own=meter == own)
            if meter == own:
                told = self._requoted(told, context, telling)
                lines = kind.price(told.facts, context)
            else:
                lines = kind.beside(told.facts, context, list(priced[0].lines)) if kind.beside else []
            priced.append(Priced(book, told, context, lines))
        self._write(priced, telling.happening.event)

    def _policy_day(self, telling: Telling) -> int:
        """The day whose policy priced it: the one it was posted to, or of a backfill the one it came on."""
        former = telling.former.version
        return telling.day if self.real.at(telling.day).version == former else telling.received_day

    def _meters(self, telling: Telling) -> list[str]:
        """The books that an event touches, its own first. A brand's book begins with its first event."""
        kind, own = telling.kind, telling.happening.event.meter
        if own not in self.books:
            self.books[own] = _empty(self.creator_id, own)
        if kind.beside is None:
            return [own]
        spoken = list(telling.spoken.seqs if telling.spoken else ())
        touched = spoken if kind.name in OTHERS else [f"brand:{telling.facts.brand}"]
        return [own, *sorted(meter for meter in set(touched) - {own} if meter in self.books)]

    def _day_of_refused(self, event: EventRow) -> int:
        book = self.books.get(event.meter)
        live = book is None or book.live
        return max((event.received_at_us if live else event.occurred_at_us) // DAY_US, book.state.day if book else 0)

    def _told(self, telling: Telling, meter: str, policy: Policy) -> Told:
        event, there = telling.happening.event, telling.happening.first(meter)
        own, stated = meter == event.meter, telling.stated
        told = Told(
            telling.kind,
            telling.facts,
            (event.source, event.external_ref),
            max(0, self.books[meter].state.day - event.occurred_at_us // DAY_US),
            telling.received_day,
            there.recorded_at_us if there else telling.at_us,
            stated.get("followers"),
            spoken=self._spoken(telling.spoken, meter, own=own) if telling.kind.refers_to else None,
        )
        if telling.kind.name != "engagement" or not stated:
            return told
        standing = _standing(stated["standing"], telling.former, policy)
        forgotten, mutual = stated["repeat"] == PPM, stated["reciprocity"] < PPM
        return told._replace(engager_standing=standing, forgotten=forgotten, mutual=mutual)

    def _spoken(self, past: Past | None, meter: str, *, own: bool) -> Spoken | None:
        if past is None or (own and past.meter != meter):
            return None
        seqs, written = past.seqs.get(meter, ()), self.books[meter].written
        day = min([past.day, *(written[seq].day for seq in seqs)])
        return Spoken(past.kind, day, past.amounts.get(meter, 0), seqs, past.brand)

    def _context(self, book: OpenBook, told: Told, policy: Policy, meters: Sequence[str], *, own: bool) -> Context:
        brand = next((self.books[meter] for meter in meters[1:] if meter.startswith("brand:")), None)
        return contexts.context_of(
            book,
            told,
            state=book.state,
            policy=policy,
            schedule=self.schedule,
            opening=book.opening,
            relationship=brand.relationship if brand else None,
            own=own,
        )

    def _requoted(self, told: Told, context: Context, telling: Telling) -> Told:
        """An authorised pitch at the terms that it would have been quoted; as it was, where nothing differs."""
        facts, former, own = told.facts, telling.former, telling.happening.own
        if told.kind.name == "pitch_held" and own is not None:
            terms = _terms(facts, context, former, own.fresh_after + own.bedrock_after)
            return told._replace(facts=replace(facts, **terms))
        return told

    def _write(self, priced: Sequence[Priced], event: EventRow) -> None:
        seqs, amounts = {}, {}
        for book, told, context, lines in priced:
            planned = book.plan(lines, policy=context.policy)
            self._keep(book, told, context, planned, own=book.meter == event.meter)
            book.live = book.live or told.at_us != event.occurred_at_us
            seqs[book.meter] = tuple(item.seq for item in planned)
            amounts[book.meter] = sum(-item.pools.world for item in planned)
            if told.kind.name == "engagement" and len(lines) > 1:
                self._waiting[book.meter, context.occurred_day] = told.at_us
        kind, facts = priced[0].told.kind, priced[0].told.facts
        day, brand = event.occurred_at_us // DAY_US, getattr(facts, "brand", "")
        self._past[event.source, event.external_ref] = Past(kind, event.meter, day, brand, seqs, amounts)

    def _keep(self, book: OpenBook, told: Told, context: Context, planned: Sequence[Planned], *, own: bool) -> None:
        version = context.policy.version
        for item in planned:
            book.note(item.written(version))
        upkeep.keep(book, told, context, planned, own=own)
        book.state, book.seq, book.policy_version = planned[-1].after, planned[-1].seq, version

    def _release(self, meter: str, at_us: int) -> None:
        """Pay for busy days that wait only here, once they have: in the real books none asked for it."""
        for key in [key for key in self._waiting if key[0] == meter and key not in self._waited]:
            book = self.books[meter]
            policy = self.schedule.at(at_us // DAY_US, book.policy_version)
            due_us = self._waiting[key] + policy["burst.hours"] * HOUR_US
            if due_us > at_us:
                continue
            del self._waiting[key]
            _settle(book, due_us // DAY_US, self.schedule)
            kind = kinds.KINDS["release"]
            told = Told(kind, ReleaseFacts(key[1]), ("", ""), 0, book.state.day, due_us)
            context = self._context(book, told, policy, (meter,), own=True)
            planned = book.plan(kind.price(told.facts, context), policy=policy)
            self._keep(book, told, context, planned, own=True)


def _empty(creator_id: str, meter: str) -> OpenBook:
    return OpenBook.of_row(books.open_row(creator_id, meter))


def _settle(book: OpenBook, day: int, schedule: Schedule) -> None:
    """Carry a book to a day: posting it as an entry changes nothing that a price looks at."""
    if day > book.state.day:
        book.state = economy.accrue(book.state, day, schedule, policy_version=book.policy_version)
        book.opening = book.state.standing


def _otherwise(event: EventRow, why: str) -> Otherwise:
    return Otherwise(event.creator_id, event.source, event.external_ref, event.kind, why)


def _standing(stated: int, former: Policy, policy: Policy) -> int | None:
    """What an engager's standing comes to under other rules; None where nobody was attested, or it counted whole."""
    if stated >= PPM:
        return None
    low = stated - former["engagement.standing_floor"]
    slope = "engagement.standing_slope"
    return low if former[slope] == policy[slope] else low * policy[slope] // former[slope]


def _terms(facts: Any, context: Context, former: Policy, standing: int) -> dict[str, int]:
    """The terms of a quote, moved as the formula moves them: by its share, its mending, and what the book holds."""
    now, then = (
        pitch.drain_factors(
            context._replace(policy=rules), fit=facts.fit, followers=None, established=context.established
        )
        for rules in (context.policy, former)
    )
    share, was = pitch.taken_share(now), max(1, pitch.taken_share(then))
    held, real = max(0, context.state.standing), max(1, standing)
    moved = {name: getattr(facts, name) * share // was * held // real for name in ("drain", "held")}
    if share == was and held == standing:
        moved = {"drain": facts.drain, "held": facts.held}
    mending = min(PPM, max(0, facts.mending + now["mending"] - then["mending"]))
    given = {
        how: max(0, getattr(facts, how) + context.policy[f"transparency.{how}"] - former[f"transparency.{how}"])
        for how in ("clear", "vague")
    }
    return {**moved, **given, "share": min(PPM, facts.share * share // was), "mending": mending}
