"""What an event's price depends on, out of what its book remembers: one way for posting and for the audit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ledger import economy, labels
from ledger.economy import PPM, Move, State
from ledger.errors import AlreadyDone, UnknownReference, WrongReference
from ledger.kinds import apology, burst, engagement, hold, relationship
from ledger.kinds.base import NO_TALLY, Breach, Context, Due, Past, Relationship, Tally
from ledger.labels import DayCount, Figures, Unowned
from ledger.memory import NO_TIE, UNDOING, Memory, Spoken, Told, Written
from ledger.policy import Policy, Schedule

# Where things stand after these is told by the step after them, not by undoing one in the middle.
LASTING = frozenset({*relationship.STEPS, *hold.STATUS, "pitch_held", "reception", "label"} - {"pitch_published"})
WEEK = 7
UNKNOWN_DAYS = 30


def context_of(
    memory: Memory,
    told: Told,
    *,
    state: State,
    policy: Policy,
    schedule: Schedule,
    opening: int,
    relationship: Relationship | None = None,
    own: bool = True,
) -> Context:
    """What an event's price may depend on in one book, settled to the day. Raises Refusal for a wrong reference.

    `opening` is the standing that the book's day began with, `relationship` where a brand stands, if one is meant;
    `own` is False in the other book that an event touches.
    """
    if told.kind.name == "engagement":
        return _of_engagement(memory, told, state, policy, opening)
    context = Context(state, policy, state.day, told.late_days, followers=told.followers, at_us=told.at_us)
    context = context._replace(relationship=memory.relationship or relationship, label=memory.label)
    kind = told.kind
    if not own:
        return _beside(memory, told, context, schedule)
    if "corrections" in kind.counts:
        return context._replace(corrections_this_week=corrections_near(memory.tallies, context.occurred_day))
    if "pitches" in kind.needs:
        waiting = kind.name == "pitch_held" and memory.waits(told.facts.brand, told.at_us)
        context = context._replace(holds=memory.held(told.at_us), waiting=waiting)
    if "label" in kind.needs:
        return context._replace(due=due_label(memory, state, policy))
    if kind.name == "release":
        return context._replace(tally=memory.tallies.get(told.facts.day, NO_TALLY))
    return _speaking(memory, told, context, schedule) if kind.refers_to else context


def _of_engagement(memory: Memory, told: Told, state: State, policy: Policy, opening: int) -> Context:
    """What the day it counts for has gathered, and how often this engager was here lately."""
    day, late_days = state.day, told.late_days
    on = day - late_days
    tally = memory.tallies.get(on, NO_TALLY)
    if engagement.is_unknown(told.engager_standing, policy):
        left = engagement.unknown_bound(opening, most_unknown(memory.tallies, on), policy)
        tally = tally._replace(bound=max(left, tally.unknown))
    usual, busy = memory.usual_on(day, policy)
    return Context(
        state,
        policy,
        day,
        late_days,
        tally,
        0 if told.forgotten else memory.tie(told.facts.engager, day, policy["tie.half_life"]),
        told.engager_standing,
        at_us=told.at_us,
        current=told.received_day <= day,
        mutual=told.mutual or memory.ties.get(told.facts.engager, NO_TIE)[3],
        usual=usual,
        busy=busy,
    )


def unknown_days(day: int) -> range:
    """The days that share a bound of unknown engagers with one: told late, an act may come before others in time."""
    return range(day - UNKNOWN_DAYS + 1, day + UNKNOWN_DAYS)


def most_unknown(tallies: Mapping[int, Tally], day: int) -> int:
    """What unknown engagers earned on the other days of those 30 in a row, this one among them, where it is most."""
    earned = [0 if each == day or each not in tallies else tallies[each].unknown for each in unknown_days(day)]
    return max(sum(earned[first : first + UNKNOWN_DAYS]) for first in range(UNKNOWN_DAYS))


def corrections_near(tallies: dict[int, Tally], day: int) -> int:
    """Corrections that earned less than a week before or after a day."""
    near = range(day - WEEK + 1, day + WEEK)
    return sum(tallies[each].corrections for each in near if each in tallies)


def repeats(breaches: Iterable[Breach], breach: Breach | None, window: int) -> int:
    """How many earlier breaches of its kind a breach repeats, within so many days."""
    if breach is None:
        return 0
    return sum(
        other.category == breach.category and breach.seq - other.seq > 0 and breach.day - other.day <= window
        for other in breaches
        if not other.cleared
    )


def due_label(memory: Memory, state: State, policy: Policy) -> Due:
    """The label that a book has come to, with the figures behind it."""
    owing = tuple(Unowned(each.day, each.undisclosed) for each in memory.breaches.values() if each.open)
    hidden = min((each.day for each in owing if each.hidden), default=None)
    days = [DayCount(day, tally.posts, tally.sponsored) for day, tally in memory.tallies.items() if tally.posts]
    seen = labels.exposure(days, today=state.day, policy=policy)
    figures = Figures.of(state, hidden_since=hidden, was=memory.label, unowned=owing)
    return Due(labels.name(seen, figures, policy), seen.highest, hidden)


# Events that speak of others


def _beside(memory: Memory, told: Told, context: Context, schedule: Schedule) -> Context:
    """The context in the other book: what is meant was looked at in the event's own."""
    if told.spoken is None or not told.spoken.seqs:
        return context
    return context._replace(past=_past(memory, told, told.spoken.seqs, None, context, schedule))


def _speaking(memory: Memory, told: Told, context: Context, schedule: Schedule) -> Context:
    """The context with what the event speaks of. Raises UnknownReference, WrongReference, AlreadyDone."""
    kind, spoken = told.kind, told.spoken
    pointer = f"/facts/{kind.refers_to}"
    reference = getattr(told.facts, kind.refers_to or "")
    if spoken is None or not spoken.seqs:
        raise UnknownReference(f"no posted event {reference!r} in this book", pointer=pointer)
    seqs = spoken.seqs
    if kind.refers_to == "apology":
        seqs = _apology(memory, seqs, reference, pointer)
    breach = _breach(memory, seqs, kind.refers_to or "")
    alleged = memory.allegation_of(seqs)
    if kind.refers_to == "breach" and breach is None:
        raise WrongReference(f"the event {reference!r} is not a breach", pointer=pointer)
    if kind.refers_to == "allegation" and alleged is None:
        raise WrongReference(f"the event {reference!r} is not an allegation", pointer=pointer)
    pitch = memory.pitches.get(seqs[0])
    if kind.refers_to == "pitch" and "pitches" in kind.needs and pitch is None:
        raise WrongReference(f"the event {reference!r} is not an authorised pitch", pointer=pointer)
    if kind.name == "reversal":
        _may_be_reversed(memory, spoken, reference, pointer)
    return context._replace(
        breach=breach,
        allegation=alleged,
        pitch=pitch,
        spoken_of=spoken.kind.name,
        done=any(each.ratio and each.about in seqs for each in memory.outcomes.values()),
        past=_past(memory, told, seqs, breach, context, schedule),
        repeats=repeats(memory.breaches.values(), breach, context.policy["breach.repeat_window"]),
    )


def _apology(memory: Memory, seqs: Sequence[int], reference: str, pointer: str) -> tuple[int, ...]:
    found = tuple(seq for seq in seqs if seq in memory.written and memory.written[seq].kind == "apology")
    if not found:
        raise WrongReference(f"the event {reference!r} is not an apology", pointer=pointer)
    return found


def _breach(memory: Memory, seqs: Sequence[int], refers_to: str) -> Breach | None:
    """The breach meant: one of these entries, charged for one of them, or the one that this apology owns."""
    if refers_to != "apology":
        return memory.breach_of(seqs)
    return memory.breach_of(memory.written[seq].about or 0 for seq in seqs)


def _may_be_reversed(memory: Memory, spoken: Spoken, reference: str, pointer: str) -> None:
    if spoken.kind.name in UNDOING:
        raise WrongReference(f"the event {reference!r} is itself an undoing: report anew instead", pointer=pointer)
    if spoken.kind.name in LASTING:
        raise WrongReference(f"the event {reference!r} is a step: report the next instead", pointer=pointer)
    meant = {seq for each in spoken.seqs for seq in (each, memory.written[each].about)}
    if any(seq in memory.breaches and memory.breaches[seq].cleared for seq in meant if seq is not None):
        raise AlreadyDone(f"the event {reference!r} was cleared: there is nothing left of it", pointer=pointer)


def _past(
    memory: Memory, told: Told, seqs: Sequence[int], breach: Breach | None, context: Context, schedule: Schedule
) -> tuple[Past, ...]:
    """What survives of the entries that the price looks at."""
    kind, day = told.kind.name, context.day
    if kind == "apology" and breach is not None:
        # Measured on the day it was made; what is undone, on the day of that.
        return (memory.written[breach.seq].left_of_breach(breach, context.occurred_day, schedule),)
    if kind == "reception":
        standing = [memory.written[seq] for seq in seqs if seq not in memory.undone]
        return tuple(_meant(entry, day, schedule) for entry in standing)
    if kind == "outcome":
        lines = [each for each in memory.resting_on(seqs) if each.seq in seqs]
        return _left(lines, day, schedule)
    if kind not in UNDOING:
        return ()
    if told.spoken is not None and told.spoken.kind.name == "engagement":
        acts = [each for each in memory.resting_on(seqs) if each.kind == "engagement"]
        return tuple(_left_of_act(memory, told.spoken.day, act, day, schedule) for act in acts)
    return _left(memory.resting_on(seqs), day, schedule)


def _left(entries: Iterable[Written], day: int, schedule: Schedule) -> tuple[Past, ...]:
    return tuple(entry.left(day, schedule) for entry in entries)


def _meant(entry: Written, day: int, schedule: Schedule) -> Past:
    """What an apology would have left on a day had it been accepted by all: a reception counts its share of that."""
    whole = {**(entry.factors or {}), "acceptance": PPM}
    move = apology.amounts(whole, schedule.named(entry.policy_version).rates)
    return entry._replace(move=move).left(day, schedule)


def _left_of_act(memory: Memory, counts_for: int, act: Written, day: int, schedule: Schedule) -> Past:
    """What undoing an act takes: what the day it counts for is worth less without it, as that survives.

    Not what the act itself added: one of many on a full day was worth nothing or everything by when it came. While
    the day waits nothing is taken: there is less to pay.
    """
    tally, version = memory.tallies.get(counts_for, NO_TALLY), act.policy_version
    if tally.held:
        return act._replace(move=Move(known=act.move.known)).left(day, schedule)
    at = max(act.day, tally.paid_day)
    less = burst.less(tally, tally.without(act.gathered, ()), schedule.named(version))
    less = economy.survive(less, counts_for, at, schedule, policy_version=version)
    own = economy.survive(act.move, act.day, at, schedule, policy_version=version)
    # Where it is what the act had added, it is taken from where that landed.
    move = own if less.credits == own.credits else less._replace(known=own.known)
    return act._replace(day=at, move=move).left(day, schedule)
