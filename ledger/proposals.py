"""Proposals: a pitch that might be, what it would do to a book on its day, and what would cost less.

Pure. Everything is priced by the very functions that post a pitch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ledger import labels
from ledger.days import spoken_day
from ledger.economy import PPM, Move, Pools, State, accrue, advance, land, scale
from ledger.kinds import pitch, transparency
from ledger.kinds.base import Context, Relationship
from ledger.labels import DayCount, Unowned
from ledger.policy import Policy, Schedule
from ledger.scatter import UNTAUGHT, Pooled

DISCLOSURES = ("clear", "vague", "none")
MOST_IMPROVEMENTS = 3
NOTHING = Move()


@dataclass(frozen=True, slots=True)
class Proposal:
    """A pitch that might be: `fit` in ppm; `followers` where another audience than the account's is meant."""

    brand: str
    disclosure: str
    fit: int = PPM // 2
    followers: int | None = None
    established: bool = False


@dataclass(frozen=True, slots=True)
class Subject:
    """The book it would touch, as it stands today, and what is known about its days.

    `usual` is what an ordinary day brings at the rate of the last weeks; `days` the counts that labels look at, `label`
    the one that was written down last;
    `ratios` the log(outcome / formula) of earlier pitches, `pooled` what those of all creators taught. `holds` counts
    pitches that are authorised and not yet out: each weighs on the audience's patience as if it were. `beside` is the
    brand's own book with the creator, None where it never asked to be let in.
    """

    state: State
    schedule: Schedule
    policy_version: str = ""
    followers: int | None = None
    usual: Move = NOTHING
    days: Sequence[DayCount] = ()
    hidden_since: int | None = None
    label: str = "new"
    unowned: tuple[Unowned, ...] = ()
    ratios: Sequence[float] = ()
    pooled: Pooled = UNTAUGHT
    holds: int = 0
    beside: State | None = None
    relationship: Relationship | None = None

    @property
    def policy(self) -> Policy:
        """The policy that would price the pitch today."""
        return self.schedule.at(self.state.day, self.policy_version)


@dataclass(frozen=True, slots=True)
class Improvement:
    """Something that would cost less: what to do, and the standing it saves on the day, in micro-trust."""

    name: str
    advice: str
    saves: int
    until_day: int | None = None


# What the pitch does on its day


def factors(subject: Subject, proposal: Proposal, ratio: int = PPM) -> dict[str, int]:
    """The factors of the drain; `ratio` is outcome / formula in ppm."""
    hidden = proposal.disclosure == "none"
    times = subject.policy["pitch.undisclosed"] if hidden else PPM
    return pitch.drain_factors(
        _context(subject),
        fit=proposal.fit,
        followers=proposal.followers,
        established=proposal.established,
        times=scale(times, ratio),
        disclosed=not hidden,
    )


def pitched(subject: Subject, proposal: Proposal, ratio: int = PPM) -> State:
    """The book right after the pitch, the credit for disclosing it included."""
    rates = subject.policy.rates
    priced = factors(subject, proposal, ratio)
    line = transparency.for_pitch(pitch.drain(priced), given_back(subject, proposal), _context(subject))
    state = subject.state
    for move in (pitch.amounts(priced, rates), transparency.amounts(line.factors, rates)):
        state = advance(state, land(state, move), move)
    return state


def as_related(subject: Subject, proposal: Proposal, day: int) -> Proposal:
    """The proposal on a day, by a brand that is as established by then as the books say it is."""
    known = subject.relationship
    if known is None or proposal.established:
        return proposal
    return replace(proposal, established=known.established(day, subject.policy))


def share(subject: Subject, proposal: Proposal) -> int:
    """The share of standing, in ppm, that the formula takes of both books; of the network's, before its least drain."""
    return pitch.taken_share({**factors(subject, proposal), "times": PPM})


def beside(subject: Subject, proposal: Proposal, ratio: int = PPM) -> tuple[int, State] | None:
    """What the pitch takes from the brand's own meter, and that book after it; None where the brand has none."""
    if subject.beside is None:
        return None
    context = Context(subject.beside, subject.policy, subject.state.day, 0)
    mending = factors(subject, proposal)["mending"]
    line = pitch.beside(context, share=scale(share(subject, proposal), ratio), mending=mending)
    move = pitch.amounts(line.factors, subject.policy.rates)
    return -move.fresh, advance(subject.beside, land(subject.beside, move), move)


def cost(subject: Subject, proposal: Proposal, ratio: int = PPM) -> int:
    """What standing loses on the day, in micro-trust: the drain less the credit for disclosing it."""
    return subject.state.standing - pitched(subject, proposal, ratio).standing


def day_on(subject: Subject, state: State) -> State:
    """The next day: what time does, then what an ordinary day brings."""
    state = accrue(state, state.day + 1, subject.schedule, policy_version=subject.policy_version)
    return advance(state, Pools(*subject.usual[:4]), subject.usual)


def _context(subject: Subject) -> Context:
    state = subject.state
    if subject.holds:
        state = state._replace(pitches=state.pitches + subject.holds * PPM)
    return Context(state, subject.policy, state.day, 0, followers=subject.followers)


def given_back(subject: Subject, proposal: Proposal) -> int:
    """The share of a drain, in ppm, that is given back for disclosing the pitch."""
    if proposal.disclosure == "none":
        return 0
    return subject.policy[f"transparency.{proposal.disclosure}"]


def credit(subject: Subject, proposal: Proposal, drain: int) -> int:
    """What is given back for disclosing a pitch with such a drain, in micro-trust."""
    return scale(drain, given_back(subject, proposal))


# What would cost less


def improvements(subject: Subject, proposal: Proposal, ratio: int = PPM) -> tuple[Improvement, ...]:
    """The three changes that save most, dearest saving first; none that saves nothing."""
    now = cost(subject, proposal, ratio)
    found = []
    for name, advice, other in _changes(subject, proposal):
        found.append(Improvement(name, advice, now - cost(subject, other, ratio)))
    found.append(_waiting(subject, proposal, ratio))
    worth = [item for item in found if item.saves > 0]
    return tuple(sorted(worth, key=lambda item: (-item.saves, item.name))[:MOST_IMPROVEMENTS])


def _changes(subject: Subject, proposal: Proposal) -> list[tuple[str, str, Proposal]]:
    """The same pitch, better: what to call the change, how to say it, what it would be."""
    fit = min(PPM, proposal.fit + subject.policy["estimate.better_fit"])
    better = f"Choose a product that fits better: {_tenths(fit)} instead of {_tenths(proposal.fit)}."
    changes = [
        ("disclose", "Disclose clearly that the post is paid.", replace(proposal, disclosure="clear")),
        ("fit", better, replace(proposal, fit=fit)),
    ]
    if (warmer := _warming(subject, proposal.brand)) is not None:
        changes.append(("relationship", warmer, replace(proposal, established=True)))
    return changes


@dataclass(frozen=True, slots=True)
class Missing:
    """What an accepted brand still lacks to be established: exchanges, and days, the last of them being `until_day`."""

    exchanges: int
    days: int
    until_day: int


def missing(subject: Subject) -> Missing:
    """What lies between the brand and an established relationship; before it is let in, all of it."""
    policy, known, today = subject.policy, subject.relationship, subject.state.day
    accepted = known is not None and known.accepted and known.accepted_day is not None
    since = known.accepted_day if known is not None and accepted and known.accepted_day is not None else today
    had = known.exchanges if known is not None and accepted else 0
    until = since + policy["relationship.days"]
    return Missing(max(0, policy["relationship.exchanges"] - had), max(0, until - today), max(today, until))


def _warming(subject: Subject, brand: str) -> str | None:
    """What to do next for an established relationship; None where the creator has blocked the brand."""
    known, policy = subject.relationship, subject.policy
    less = labels.percent(PPM - PPM * PPM // policy["pitch.stranger"])
    then = f"an established relationship costs {less} less."
    lacks = missing(subject)
    both = _and(_many(lacks.exchanges, "genuine exchange"), _many(lacks.days, "day"))
    if known is not None and known.blocked:
        return None
    if known is None or known.status not in ("introduced", "accepted"):
        again = "" if known is None else _again(known, subject)
        return f"Introduce {brand} to the creator{again} and be let in, then take {both}: {then}"
    if known.status == "introduced":
        return f"{brand} has asked to be let in: once it is, take {both}: {then}"
    by = f", until {spoken_day(lacks.until_day, subject.state.day)}" if lacks.days else ""
    more = _and(_many(lacks.exchanges, "more genuine exchange"), _many(lacks.days, "more day"))
    return f"{brand} is let in; it takes {more}{by}: {then}"


def _again(known: Relationship, subject: Subject) -> str:
    today, may = subject.state.day, known.day + subject.policy["relationship.again_days"]
    return f" again, from {spoken_day(may, today)} on," if may > today else " again"


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}" if count else ""


def _and(*parts: str) -> str:
    return " and ".join(part for part in parts if part) or "nothing more"


def _waiting(subject: Subject, proposal: Proposal, ratio: int) -> Improvement:
    """The wait that saves most: earlier pitches fade from memory, and a relationship may come to be established.

    Standing is taken as it is today.
    """
    now, today = cost(subject, proposal, ratio), subject.state.day
    best, until = 0, today
    for day in range(today + 1, today + 1 + subject.policy["estimate.wait_days"]):
        saves = now - cost(rested(subject, day), as_related(subject, proposal, day), ratio)
        best, until = (saves, day) if saves > best else (best, until)
    warm = as_related(subject, proposal, until).established and not proposal.established
    why = "the relationship is established" if warm else "earlier pitches weigh less"
    advice = f"Wait until {spoken_day(until, today)}: {why} by then."
    return Improvement("wait", advice, best, until)


def rested(subject: Subject, day: int) -> Subject:
    """The same book with earlier pitches as faded as they will be on a later day."""
    state = subject.state
    memory = State(pitches=state.pitches, day=state.day)
    pitches = accrue(memory, day, subject.schedule, policy_version=subject.policy_version).pitches
    return replace(subject, state=state._replace(pitches=pitches))


def _tenths(ppm: int) -> str:
    tenths, _ = divmod(ppm, PPM // 100)
    return f"{tenths // 100}.{tenths % 100:02d}".removesuffix("0")
