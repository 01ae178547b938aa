"""Allegation: what is said against a creator costs nothing until it is substantiated; silence and evasion add to it.

An allegation is answered (owned, denied or explained), and substantiated or dismissed by whoever looked into it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from ledger.errors import AlreadyDone, IllegalTransition, TooEarly
from ledger.kinds import breach
from ledger.kinds.base import Allegation, Context, Factors, Kind, Line, LineKind, no_amounts
from ledger.kinds.facts import REPORTER, Choice, Name, Whole
from ledger.policy import Parameter

BY = ("audience", "press", "platform", "brand", "regulator", "court", "creator", "operator", "other")
STANCES = ("owns", "denies", "explains")
SEVERITY = "1 slight, 2 notable, 3 serious, 4 grave"
REFERENCE = Name("external_ref of the allegation")
EVIDENCE = Name("where the evidence is to be found: a case number, an archive's reference; no text, no names")


@dataclass(frozen=True, slots=True)
class AllegationFacts:
    """What is alleged, and by whom."""

    severity: Annotated[int, Whole(1, 4, SEVERITY)]
    category: Annotated[str, Choice(breach.CATEGORIES, "of what kind")] = "other"
    by: Annotated[str, Choice(BY, "who alleges it")] = "audience"
    evidence: Annotated[str | None, EVIDENCE] = None


@dataclass(frozen=True, slots=True)
class AnswerFacts:
    """What the creator says to it. Owning it settles that it was so."""

    allegation: Annotated[str, REFERENCE]
    stance: Annotated[str, Choice(STANCES, "what the creator says to it")]
    reported_by: Annotated[str | None, REPORTER] = None


@dataclass(frozen=True, slots=True)
class SubstantiationFacts:
    """It was so: who found that, on what evidence, and how grave it is where that differs."""

    allegation: Annotated[str, REFERENCE]
    by: Annotated[str, Choice(BY, "who found that it was so")]
    evidence: Annotated[str, EVIDENCE]
    severity: Annotated[int | None, Whole(1, 4, SEVERITY + "; as alleged where absent")] = None
    reported_by: Annotated[str | None, REPORTER] = None


@dataclass(frozen=True, slots=True)
class DismissalFacts:
    """It was not so, or could not be shown."""

    allegation: Annotated[str, REFERENCE]
    by: Annotated[str, Choice(BY, "who found that it was not so")] = "platform"
    reported_by: Annotated[str | None, REPORTER] = None


@dataclass(frozen=True, slots=True)
class SilenceFacts:
    """Nobody answered a substantiated allegation in time."""

    allegation: Annotated[str, REFERENCE]
    reported_by: Annotated[str | None, REPORTER] = None


def price(facts: AllegationFacts, context: Context) -> list[Line]:
    """Nothing: it is charged when it is substantiated."""
    return [Line("allegation", {"severity": facts.severity, "late_days": context.late_days})]


def price_answer(facts: AnswerFacts, context: Context) -> list[Line]:
    """Nothing; but owning what is still open charges it. Raises AlreadyDone."""
    found = _standing(context)
    if found.answered and (facts.stance != "owns" or found.status != "open"):
        raise AlreadyDone("the allegation is already answered", pointer="/facts/allegation")
    line = Line("answer", {"stance": STANCES.index(facts.stance), "late_days": context.late_days}, about=found.seq)
    if facts.stance == "owns" and found.status == "open":
        return [line, Line("breach", breach.charge(found.severity, context), about=found.seq)]
    return [line]


def price_substantiation(facts: SubstantiationFacts, context: Context) -> list[Line]:
    """What a breach of that severity takes today. Raises IllegalTransition."""
    found = _standing(context)
    if found.status != "open":
        raise IllegalTransition(f"the allegation is {found.status}: it cannot be substantiated")
    return [Line("breach", breach.charge(facts.severity or found.severity, context), about=found.seq)]


def price_dismissal(facts: DismissalFacts, context: Context) -> list[Line]:
    """Nothing. Raises IllegalTransition: what was substantiated is cleared, not dismissed."""
    found = _standing(context)
    if found.status != "open":
        raise IllegalTransition(f"the allegation is {found.status}: it cannot be dismissed; report it as cleared")
    return [Line("dismissal", {"late_days": context.late_days}, about=found.seq)]


def price_silence(facts: SilenceFacts, context: Context) -> list[Line]:
    """A further share of the breach, as for an evasive answer. Raises AlreadyDone, IllegalTransition, TooEarly."""
    found, told = context.allegation, context.breach
    if found is None or found.status != "substantiated" or told is None:
        raise IllegalTransition("only a substantiated allegation can be met with silence")
    if found.answered or told.owned or told.evaded or told.cleared:
        raise AlreadyDone("the allegation was answered, or settled", pointer="/facts/allegation")
    days = context.policy["allegation.answer_days"]
    if context.day - max(found.day, told.day) < days:
        raise TooEarly(f"the creator has {days} days to answer", pointer="/facts/allegation")
    factors = breach.evaded(told, context) | {"silent": days, "late_days": context.late_days}
    return [Line("evasion", factors, about=told.seq)]


def _standing(context: Context) -> Allegation:
    found = context.allegation
    if found is None:  # posting resolves the reference before it prices
        raise AlreadyDone("there is no allegation to speak of")
    if found.status == "dismissed":
        raise AlreadyDone("the allegation is already dismissed", pointer="/facts/allegation")
    return found


def reason(facts: Mapping[str, Any], factors: Factors) -> str:
    """Why the line is there."""
    grave = {1: "slight", 2: "notable", 3: "serious", 4: "grave"}[factors["severity"]]
    category = facts.get("category", "other")
    of_kind = "" if category == "other" else f" ({category})"
    return f"A {grave} breach of trust{of_kind} is alleged. It costs nothing unless it is substantiated; answer it."


def answer_reason(facts: Mapping[str, Any], factors: Factors) -> str:
    """Why the line is there."""
    return ("You owned what was alleged.", "You denied what was alleged.", "You explained what was alleged.")[
        factors["stance"]
    ]


def dismissal_reason(facts: Mapping[str, Any], factors: Factors) -> str:
    """Why the line is there."""
    return "What was alleged was looked into and dismissed: it cost nothing."


def _about(name: str, title: str, facts: type, price: Any, example: dict[str, Any], *, internal: bool = False) -> Kind:
    return Kind(
        name=name,
        title=title,
        facts=facts,
        price=price,
        example={"allegation": "allegation-1"} | example,
        refers_to="allegation",
        meters=("network", "brand"),
        internal=internal,
        needs=frozenset({"allegations"}),
    )


KIND = Kind(
    name="allegation",
    title="Allegation",
    facts=AllegationFacts,
    price=price,
    example={"severity": 2, "category": "deception", "by": "press", "evidence": "press archive 2026-114"},
    parameters=(Parameter("allegation.answer_days", "days", "1", "365", "silence for so long counts as evasion"),),
    meters=("network", "brand"),
)
ANSWER = _about("answer", "Answer to an allegation", AnswerFacts, price_answer, {"stance": "denies"})
SUBSTANTIATION = _about(
    "substantiation",
    "Allegation substantiated",
    SubstantiationFacts,
    price_substantiation,
    {"by": "platform", "evidence": "case 4711"},
)
DISMISSAL = _about("dismissal", "Allegation dismissed", DismissalFacts, price_dismissal, {"by": "platform"})
SILENCE = _about("silence", "No answer to an allegation", SilenceFacts, price_silence, {}, internal=True)
LINE = LineKind("allegation", "Allegation", no_amounts, reason)
ANSWER_LINE = LineKind("answer", "Answer", no_amounts, answer_reason)
DISMISSAL_LINE = LineKind("dismissal", "Dismissed", no_amounts, dismissal_reason)
