"""Soundness: the laws of trust that a policy has to keep, beyond the bounds of each number.

Pure. Each law compares two histories of one book that differ in one thing, priced and carried forward by the very
functions that post. The books are those at the corners: empty, in the red, all bricks, large, well and badly reliable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

from ledger import kinds, policy
from ledger.economy import PPM, State
from ledger.kinds.apology import PARTS
from ledger.policy import Policy
from ledger.trials import ALL_PARTS, BOOKS, LARGE, LONG, SOON, WELL_OWNED, Case, Trial

BACK = ("pitch.mending_base", "pitch.mending_by_reliability", "transparency.clear")


@dataclass(frozen=True, slots=True)
class Law:
    """What a policy must keep: how it is said, which parameters decide it, and what it is tried on."""

    name: str
    says: str
    keys: tuple[str, ...]
    broken: Callable[[Policy], str]


@lru_cache(maxsize=64)
def faults(text: str) -> tuple[str, ...]:
    """All that keeps the text of a policy from being put in force: a sentence each. The laws are tried last."""
    found = policy.faults(text, kinds.PARAMETERS, kinds.LIMITS)
    return tuple(found or broken(policy.parse(text)))


def broken(found: Policy) -> list[str]:
    """The laws that a complete policy breaks: a sentence each, with a case and the parameters to change."""
    cases = ((law, law.broken(found)) for law in LAWS)
    return [f"{law.says} ({case}); look at {', '.join(law.keys)}" for law, case in cases if case]


def _first(cases: Callable[[Policy], Iterator[Case]]) -> Callable[[Policy], str]:
    """The first case that is broken, as words."""
    return lambda found: next((told for case in cases(found) if (told := case.broken())), "")


# Pitches


def _pitch(found: Policy, state: State, disclosure: str = "clear", *, friend: bool = False, **facts: Any) -> Trial:
    told: dict[str, Any] = {"brand": "acme", "fit": PPM // 2} | facts
    if disclosure == "none":
        return Trial(found, state).tell("undisclosed_pitch", friend=friend, **told)
    return Trial(found, state).tell("pitch", friend=friend, disclosure=disclosure, **told)


def _paying(found: Policy) -> Iterator[Case]:
    for where, state in (BOOKS | LARGE).items():
        yield Case(where, _pitch(found, state), Trial(found, state), LONG if where in LARGE else SOON)
        yield Case(where, _pitch(found, state, friend=True, fit=PPM), Trial(found, state))


def _unmarked(found: Policy) -> str:
    back = sum(found[key] for key in BACK)
    return f"of the best pitch {back * 100 / PPM:g} % comes back" if back >= PPM else _first(_paying)(found)


def _disclosing(found: Policy) -> Iterator[Case]:
    for where, state in (BOOKS | LARGE).items():
        days = LONG if where in LARGE else SOON
        clear, vague = _pitch(found, state), _pitch(found, state, "vague")
        yield Case(f"{where} after a vague pitch and a clear one", vague, clear)
        yield Case(f"{where} after a hidden pitch and a vague one", _pitch(found, state, "none"), vague)
        owned = _pitch(found, state, "none").tell("apology", breach="b", **WELL_OWNED)
        yield Case(f"{where} after a hidden pitch, well owned at once, and a vague one", owned, vague, days)


def _fitting(found: Policy) -> Iterator[Case]:
    for where, state in (BOOKS | LARGE).items():
        by_fit = [_pitch(found, state, fit=fit) for fit in (0, PPM // 4, PPM // 2, PPM * 3 // 4, PPM)]
        for worse, better in pairwise(by_fit):
            yield Case(f"{where} after a pitch that fits less, and one that fits better", worse, better)


def _warming(found: Policy) -> Iterator[Case]:
    for where, state in (BOOKS | LARGE).items():
        for how in ("clear", "none"):
            stranger, friend = (_pitch(found, state, how, friend=known) for known in (False, True))
            yield Case(f"{where} after a stranger's pitch, and one by a brand let in", stranger, friend)


def _tiring(found: Policy) -> Iterator[Case]:
    for where, state in (BOOKS | LARGE).items():
        by_count = [_pitch(found, state._replace(pitches=count * PPM)) for count in (0, 1, 3, 8)]
        for fewer, more in pairwise(by_count):
            yield Case(f"{where} after more earlier pitches, and fewer", more, fewer)


def _reaching(found: Policy) -> Iterator[Case]:
    for where, state in (BOOKS | LARGE).items():
        by_size = [_pitch(found, state, followers=10**power) for power in (0, 3, 4, 5, 7, 10)]
        for smaller, larger in pairwise(by_size):
            yield Case(f"{where} after a pitch to a larger audience, and a smaller", larger, smaller)


# Breaking and mending


def _breach(found: Policy, state: State, severity: int = 4, *, own: bool = False) -> Trial:
    return Trial(found, state).tell("breach", severity=severity, self_reported=own)


def _grave(found: Policy) -> Iterator[Case]:
    for where, state in (BOOKS | LARGE).items():
        for severity in (1, 2, 3):
            graver, milder = _breach(found, state, severity + 1), _breach(found, state, severity)
            yield Case(f"{where} after a breach of severity {severity + 1}, and of {severity}", graver, milder)


def _reporting(found: Policy) -> Iterator[Case]:
    for where, state in (BOOKS | LARGE).items():
        kept, told = _breach(found, state), _breach(found, state, own=True)
        yield Case(f"{where} after a breach that was found, and one that was self-reported", kept, told)


def _evading(found: Policy) -> Iterator[Case]:
    for where, state in (BOOKS | LARGE).items():
        evaded = _breach(found, state).tell("evasion", breach="b")
        yield Case(f"{where} after a breach that was evaded, and one that was not", evaded, _breach(found, state))
        owned = _breach(found, state).tell("apology", breach="b")
        yield Case(f"{where} after a breach that was evaded, and one that was owned", evaded, owned)


def _gaining(found: Policy) -> Iterator[Case]:
    for where, state in (BOOKS | LARGE).items():
        for own in (False, True):
            owned = _breach(found, state, own=own).tell("apology", breach="b", **WELL_OWNED)
            days = LONG if where in LARGE else SOON
            yield Case(f"{where} after a breach, well owned, and none", owned, Trial(found, state), days)


def _timely(found: Policy) -> Iterator[Case]:
    prompt = found["apology.prompt_days"]
    state = LARGE["a large book"]
    waits = sorted({0, 1, 3, prompt, prompt + 1, prompt + 14, prompt + 60, prompt + 200})
    by_wait = [_breach(found, state).tell("apology", wait=wait, breach="b", **WELL_OWNED) for wait in waits]
    for earlier, later in pairwise(by_wait):
        yield Case("a large book after a later apology, and an earlier", later, earlier)


def _apology(found: Policy, *, repeats: int = 0, **facts: Any) -> Trial:
    return _breach(found, LARGE["a large book"]).tell("apology", repeats=repeats, breach="b", **facts)


def _whole(found: Policy) -> Iterator[Case]:
    for part in PARTS:
        named = f"a large book after an apology without {part}, and one with it"
        yield Case(named, _apology(found), _apology(found, **{part: True}))
        yield Case(named, _apology(found, **ALL_PARTS | {part: False}), _apology(found, **ALL_PARTS))


def _received(found: Policy) -> Iterator[Case]:
    for negative in (0, 40):
        heard = [_apology(found, **ALL_PARTS, positive=many, negative=negative) for many in (0, 1, 40, 10**6)]
        for less, more in pairwise(heard):
            yield Case("a large book after an apology that fewer liked, and one that more did", less, more)
    liked, disliked = (_apology(found, **ALL_PARTS, negative=many) for many in (0, 10))
    yield Case("a large book after an apology that more disliked, and one that fewer did", disliked, liked)


def _repeating(found: Policy) -> Iterator[Case]:
    again, first = (_apology(found, **ALL_PARTS, repeats=times) for times in (1, 0))
    yield Case("a large book after an apology for a repeat, and for a first breach", again, first)


# Orders

ORDERED = (
    ("confidence.some", "confidence.many"),
    ("label.stretched_share", "label.sellout_share"),
    ("label.leave_share", "label.sellout_share"),
)


def _crumbling(found: Policy) -> str:
    bricks, fresh = found["decay.bedrock_half_life"], found["decay.fresh_half_life"]
    return f"bricks halve in {bricks} days, fresh trust in {fresh}" if bricks < fresh else ""


def _flapping(found: Policy) -> str:
    for low, high in ORDERED:
        if found[low] > found[high]:
            return f"{low} is {found.stated[low].value}, {high} is {found.stated[high].value}"
    return ""


LAWS = (
    Law(
        "bricks",
        "what engagement built must not fade before what is fresh, or a drain that mends would make trust last longer",
        ("decay.bedrock_half_life", "decay.fresh_half_life"),
        _crumbling,
    ),
    Law("first", "a pitch must never pay", BACK, _unmarked),
    Law(
        "disclosure",
        "more disclosure must never cost more",
        (
            "transparency.clear",
            "transparency.vague",
            "pitch.undisclosed",
            "pitch.mending_base",
            "mending.pitch_half_life",
            "apology.most",
            "apology.at_once",
            "mending.breach_half_life",
        ),
        _first(_disclosing),
    ),
    Law("fit", "a better fit must never cost more", ("pitch.fit_worst", *BACK), _first(_fitting)),
    Law("relationship", "a warmer relationship must never cost more", ("pitch.stranger", *BACK), _first(_warming)),
    Law("fatigue", "fewer pitches before must never cost more", ("pitch.fatigue", *BACK), _first(_tiring)),
    Law("audience", "a smaller audience must never cost more", ("pitch.size_slope", *BACK), _first(_reaching)),
    Law(
        "gravity",
        "a graver breach must never cost less",
        tuple(f"breach.severity_{level}" for level in (1, 2, 3, 4)),
        _first(_grave),
    ),
    Law("candour", "reporting oneself must never cost more", ("breach.self_reported",), _first(_reporting)),
    Law("evasion", "evading must never cost less", ("evasion.share",), _first(_evading)),
    Law(
        "atonement",
        "breaking trust and owning it must never pay",
        ("apology.most", *(f"apology.{part}" for part in PARTS), "breach.self_reported"),
        _first(_gaining),
    ),
    Law(
        "promptness",
        "an earlier apology must never win less",
        ("apology.timeliness_floor", "apology.timeliness_half_life", "apology.prompt_days"),
        _first(_timely),
    ),
    Law("parts", "a fuller apology must never win less", tuple(f"apology.{part}" for part in PARTS), _first(_whole)),
    Law(
        "reception",
        "an apology that is better received must never win less",
        ("apology.prior_positive", "apology.prior_all"),
        _first(_received),
    ),
    Law("repeats", "a repeated breach must never be forgiven more", ("apology.repeat",), _first(_repeating)),
    Law(
        "orders",
        "less must never be called more",
        tuple(dict.fromkeys(key for pair in ORDERED for key in pair)),
        _flapping,
    ),
)
