"""Upkeep of the memory: what each event that was posted leaves behind in its books."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ledger.economy import DAY_US, PPM
from ledger.kinds import charge, engagement, relationship
from ledger.kinds.base import Allegation, Breach, Context, Outcome, Pitch, Tally
from ledger.kinds.hold import STATUS
from ledger.kinds.relationship import STEPS
from ledger.labels import NAMES
from ledger.memory import NO_TIE, UNDOING, UNTOLD, Memory, Planned, Told, Written, faded_count, nearer

GENEROUS = ("transparency", "apology")


def keep(memory: Memory, told: Told, context: Context, planned: Sequence[Planned], *, own: bool = True) -> None:
    """Take in an event that was posted; `own` is False in the other book that it touches."""
    kind = told.kind
    if kind.name == "engagement":
        _engaged(memory, told, context, planned)
        return
    for item in planned:
        _count(memory, item)
    if own and (counts := kind.counted(sum(-item.pools.world for item in planned))):
        day = context.occurred_day
        tally = memory.tallies.get(day, Tally())
        memory.tallies[day] = tally._replace(**{name: getattr(tally, name) + 1 for name in counts})
    if kind.name in UNDOING:
        _undo(memory, told, context)
    elif own and (keeper := KEEPERS.get(kind.name)):
        keeper(memory, told, context, planned)
    if kind.settles_breach and context.breach:
        memory.mark_breach(context.breach.seq, **{kind.settles_breach: True})


def _engaged(memory: Memory, told: Told, context: Context, planned: Sequence[Planned]) -> None:
    factors, facts, day = planned[0].line.factors, told.facts, context.occurred_day
    known, unknown = engagement.raw_amount(factors)
    tally = context.tally.plus(known, unknown)
    if "held" in factors and not tally.held:
        tally = tally._replace(held_at_us=told.at_us)
    memory.tallies[day] = tally
    if context.current and not told.late_days:
        busy = context.busy + known + unknown
        busy = min(busy, context.usual) if tally.held_at_us else busy  # what waits teaches nothing yet
        memory.usual, memory.busy, memory.busy_day = context.usual, busy, day
    if known or unknown or engagement.worth(factors):
        _, since, answers, mutual = memory.ties.get(facts.engager, NO_TIE)
        answers = faded_count(answers, context.day - since, context.policy["tie.half_life"])
        answered = PPM if facts.act == "answer" else 0
        memory.ties[facts.engager] = (context.tie + PPM, context.day, answers + answered, mutual)
        memory.generous += facts.act == "answer"
    for item in planned:
        _count(memory, item)


def _count(memory: Memory, item: Planned) -> None:
    kind, move = item.line.kind, item.move
    memory.credits_total += move.credits if kind == "burst" else max(move.credits, 0)
    memory.drains_total += max(move.drains, 0)
    memory.breaches_total += kind == "breach"
    memory.apologies_total += kind == "apology"
    memory.generous += kind in GENEROUS and move.credits > 0
    if kind == "pitch":
        memory.last_pitch_day = item.after.day


def _undo(memory: Memory, told: Told, context: Context) -> None:
    items = [memory.written[past.seq] for past in context.past]
    memory.credits_total -= sum(past.counted for past in context.past)
    for item in items:  # what never was is not held against anyone
        memory.drains_total -= max(item.move.drains, 0)
        memory.breaches_total -= item.kind == "breach"
        memory.apologies_total -= item.kind == "apology"
    spoken = told.spoken
    tally = memory.tallies.get(spoken.day) if spoken else None
    if spoken and tally:  # nor does it count towards the share of sponsored posts, nor fill up its day's cap
        counts = spoken.kind.counted(spoken.amount)
        memory.tallies[spoken.day] = tally.without(memory.written[spoken.seqs[0]].gathered, counts)
    if told.kind.name == "reversal":
        _unmark(memory, items)
    now = memory.relationship
    if spoken and now and spoken.kind.name == "exchange" and any(item.move.credits for item in items):
        memory.relationships[0] = relationship.undone(now, day=spoken.day)


def _unmark(memory: Memory, items: Sequence[Written]) -> None:
    """An undone apology no longer owns its breach, an undone breach is no more, what rests on others first."""
    for item in reversed(items):
        undone = _UNMARKED.get(item.kind)
        if undone:
            undone(memory, item)


def _unowned(memory: Memory, item: Written) -> None:
    memory.mark_breach(item.about or 0, owned=False, acceptance=0)


def _unevaded(memory: Memory, item: Written) -> None:
    memory.mark_breach(item.about or 0, evaded=False)


def _uncharged(memory: Memory, item: Written) -> None:
    memory.mark_breach(item.seq, cleared=True)
    if item.about in memory.allegations:
        memory.allegations[item.about] = memory.allegations[item.about]._replace(status="open", breach=None)


def _unanswered(memory: Memory, item: Written) -> None:
    if item.about in memory.allegations:
        memory.allegations[item.about] = memory.allegations[item.about]._replace(answered=False)


def _undismissed(memory: Memory, item: Written) -> None:
    if item.about in memory.allegations:
        memory.allegations[item.about] = memory.allegations[item.about]._replace(status="open")


def _unalleged(memory: Memory, item: Written) -> None:
    memory.allegations[item.seq] = memory.allegations[item.seq]._replace(status="dismissed")


def _untold(memory: Memory, item: Written) -> None:
    if item.seq in memory.outcomes:  # a brand's book keeps none
        memory.outcomes[item.seq] = memory.outcomes[item.seq]._replace(ratio=UNTOLD)


_UNMARKED: dict[str, Callable[[Memory, Written], None]] = {
    "apology": _unowned,
    "evasion": _unevaded,
    "breach": _uncharged,
    "answer": _unanswered,
    "dismissal": _undismissed,
    "allegation": _unalleged,
    "outcome": _untold,
}


# What each kind leaves behind: all take the same, whether they need it or not
# ruff: noqa: ARG001


def _charged(memory: Memory, told: Told, context: Context, planned: Sequence[Planned]) -> None:
    """A breach, by itself or for what was alleged."""
    for item in planned:
        if item.line.kind != "breach":
            continue
        hidden = told.kind.name == "undisclosed_pitch"
        alleged = context.allegation
        category = "undisclosed" if hidden else alleged.category if alleged else told.facts.category
        severity = getattr(told.facts, "severity", None) or (alleged.severity if alleged else 0)
        day = context.day if hidden else context.occurred_day  # what was hidden is broken on the day it is found
        lines = ((each.line.kind, each.line.factors) for each in planned)
        amount = charge(lines, context.policy.rates)
        memory.breaches[item.seq] = Breach(item.seq, day, category, severity, amount, undisclosed=hidden)


def _alleged(memory: Memory, told: Told, context: Context, planned: Sequence[Planned]) -> None:
    seq, facts = planned[0].seq, told.facts
    memory.allegations[seq] = Allegation(seq, context.occurred_day, facts.category, facts.severity)


def _settled(memory: Memory, told: Told, context: Context, planned: Sequence[Planned]) -> None:
    """An allegation was answered, substantiated or dismissed."""
    found = context.allegation
    if found is None:
        return
    if told.kind.name == "answer":
        found = found._replace(answered=True)
    if told.kind.name == "dismissal":
        found = found._replace(status="dismissed")
    _charged(memory, told, context, planned)
    for item in planned:
        if item.line.kind == "breach":
            found = found._replace(status="substantiated", breach=item.seq)
    memory.allegations[found.seq] = found


def _apologised(memory: Memory, told: Told, context: Context, planned: Sequence[Planned]) -> None:
    if context.breach:
        memory.mark_breach(context.breach.seq, acceptance=planned[0].line.factors["acceptance"])


def _received(memory: Memory, told: Told, context: Context, planned: Sequence[Planned]) -> None:
    if context.breach:
        memory.mark_breach(context.breach.seq, acceptance=planned[0].line.factors["after"])


def _silent(memory: Memory, told: Told, context: Context, planned: Sequence[Planned]) -> None:
    if context.breach:
        memory.mark_breach(context.breach.seq, evaded=True)


def _held(memory: Memory, told: Told, context: Context, planned: Sequence[Planned]) -> None:
    facts, seq = told.facts, planned[0].seq
    terms = (facts.drain, facts.held, facts.share, facts.mending, facts.clear, facts.vague)
    memory.pitches[seq] = Pitch(
        seq, told.ref[1], facts.brand, "held", *terms, opened_at_us=told.at_us, expires_at_us=facts.expires_at_us
    )
    memory.holds += 1


def _stepped(memory: Memory, told: Told, context: Context, planned: Sequence[Planned]) -> None:
    """An authorised pitch was accepted, or came to an end."""
    found = context.pitch
    if found is None:
        return
    found = found._replace(status=STATUS[told.kind.name])
    if found.status != "accepted":
        found = found._replace(closed_at_us=told.at_us)
        memory.holds -= 1
    if found.status == "published":
        factors = planned[0].line.factors
        unpaid = max(0, factors["quoted"] - factors["available"])
        found = found._replace(captured=planned[0].seq, unpaid=unpaid)
    memory.pitches[found.seq] = found


def _taken(memory: Memory, told: Told, context: Context, planned: Sequence[Planned]) -> None:
    item = planned[0]
    about = min(past.seq for past in context.past)
    brand = told.spoken.brand if told.spoken else ""
    memory.outcomes[item.seq] = Outcome(item.seq, about, context.day, brand, item.line.factors["ratio"])


def _related(memory: Memory, told: Told, context: Context, planned: Sequence[Planned]) -> None:
    now, name = memory.relationship, told.kind.name
    if name == "exchange":
        if now is not None and planned[0].move.credits:
            memory.relationships[0] = relationship.exchanged(now, day=context.occurred_day)
        return
    memory.relationships[0] = relationship.after(name, now, day=context.day, introduction=told.ref[1])


def _relabelled(memory: Memory, told: Told, context: Context, planned: Sequence[Planned]) -> None:
    memory.label = NAMES[planned[0].line.factors["now"]]


def _released(memory: Memory, told: Told, context: Context, planned: Sequence[Planned]) -> None:
    day, tally = told.facts.day, context.tally
    if tally.held_at_us // DAY_US == day:  # as it came, so that no more than one day is learnt from in a day
        usual = nearer(memory.usual, tally.known + tally.unknown, context.policy)
        memory.usual = max(memory.usual, usual)
    memory.tallies[day] = tally._replace(held_at_us=-context.day)


def _erased(memory: Memory, told: Told, context: Context, planned: Sequence[Planned]) -> None:
    memory.forget()


Keeper = Callable[[Memory, Told, Context, Sequence[Planned]], None]
KEEPERS: dict[str, Keeper] = {
    "breach": _charged,
    "undisclosed_pitch": _charged,
    "allegation": _alleged,
    "answer": _settled,
    "substantiation": _settled,
    "dismissal": _settled,
    "silence": _silent,
    "apology": _apologised,
    "reception": _received,
    "pitch_held": _held,
    **dict.fromkeys(STATUS, _stepped),
    "outcome": _taken,
    "exchange": _related,
    **dict.fromkeys(STEPS, _related),
    "label": _relabelled,
    "release": _released,
    "erasure": _erased,
}
