"""What a creator has to do with brands, as their own page tells it: relationships, and authorised pitches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from api import sheet
from ledger import authorised, relationships
from ledger.authorised import Authorised, Outcome
from ledger.economy import DAY_US, PPM
from ledger.policy import Policy, Schedule
from ledger.readers import Reader
from ledger.relationships import STATUSES, Seen

MOST_BRANDS, MOST_PITCHES = 200, 50
STANDS = {
    "introduced": "waits for your answer",
    "accepted": "let in",
    "declined": "declined",
    "ended": "ended",
    "blocked": "blocked",
    "held": "waits for your answer",
    "published": "published",
    "withdrawn": "withdrawn",
    "expired": "expired",
}
PITCH_STANDS = STANDS | {"accepted": "accepted, not out yet"}
INTRODUCED = (
    "Let it in, decline or block it through your platform. Until you let it in it can authorise no pitch,"
    " and waiting costs you nothing."
)
BLOCKED = "It can neither introduce itself nor pitch until you unblock it through your platform."


@dataclass(frozen=True, slots=True)
class Tie:
    """A brand, how it stands in words, and what follows from that."""

    seen: Seen
    stands: str
    told: str


@dataclass(frozen=True, slots=True)
class Pitched:
    """A pitch, how it stands in words, its figures, how it was taken, and what comes next. Any text may be empty."""

    pitch: Authorised
    stands: str
    figures: tuple[tuple[str, str], ...]
    taken: str
    next: str

    @property
    def network(self) -> str:
        """Where it goes out."""
        return self.pitch.meter.partition(":")[2]


@dataclass(frozen=True, slots=True)
class Dealings:
    """All brands and the newest pitches, at most as many as are shown; `more_...` where there are more of them."""

    ties: tuple[Tie, ...]
    pitches: tuple[Pitched, ...]
    more_ties: bool
    more_pitches: bool


def look(
    reader: Reader, *, creator_id: str, now_us: int, schedule: Schedule, policy: Policy, brand: str | None = None
) -> Dealings:
    """What a creator has to do with brands, or with one of them: two statements, however much it is."""
    asked = {"creator_id": creator_id, "brand": brand, "now_us": now_us}
    today = now_us // DAY_US
    pitches = authorised.listed(reader, **asked, limit=MOST_PITCHES + 1)  # type: ignore[arg-type]
    seen = _related(reader, creator_id, brand, now_us, schedule)
    return Dealings(
        ties=tuple(_tie(one, today) for one in sorted(seen[:MOST_BRANDS], key=_rank)),
        pitches=tuple(_pitched(one, today, policy) for one in pitches[:MOST_PITCHES]),
        more_ties=len(seen) > MOST_BRANDS,
        more_pitches=len(pitches) > MOST_PITCHES,
    )


def _related(reader: Reader, creator_id: str, brand: str | None, now_us: int, schedule: Schedule) -> Sequence[Seen]:
    asked = {"creator_id": creator_id, "now_us": now_us, "schedule": schedule}
    if brand is None:
        return relationships.listed(reader, **asked, limit=MOST_BRANDS + 1)  # type: ignore[arg-type]
    found = relationships.find(reader, **asked, brand=brand)  # type: ignore[arg-type]
    return [found] if found else []


def _rank(seen: Seen) -> tuple[int, int, str]:
    """Who waits for an answer comes first, then who was let in; the newest of each first."""
    return STATUSES.index(seen.status), -seen.since_day, seen.brand


# In words


def _tie(seen: Seen, today: int) -> Tie:
    said = {"introduced": INTRODUCED, "blocked": BLOCKED}
    told = _accepted(seen, today) if seen.status == "accepted" else said.get(seen.status) or _over(seen, today)
    return Tie(seen, STANDS[seen.status], told)


def _accepted(seen: Seen, today: int) -> str:
    if seen.established:
        return f"Established, with {_exchanges(seen.exchanges)}: it is no longer priced as a stranger."
    missing = [f"{seen.lacking} more genuine {_plural(seen.lacking, 'exchange')}"] if seen.lacking else []
    if seen.established_from is not None and seen.established_from > today:
        missing.append(f"time until {sheet.spoken_day(seen.established_from)}")
    return f"Not established yet: {' and '.join(missing)} missing. Until then it is priced as a stranger."


def _over(seen: Seen, today: int) -> str:
    if seen.again_from is not None and seen.again_from > today:
        return f"It may introduce itself again from {sheet.spoken_day(seen.again_from)} on."
    return "It may introduce itself again."


def _pitched(pitch: Authorised, today: int, policy: Policy) -> Pitched:
    return Pitched(
        pitch=pitch,
        stands=PITCH_STANDS[pitch.status],
        figures=tuple(_figures(pitch)),
        taken=_taken(pitch.outcome) if pitch.outcome else "",
        next=_next(pitch, today, policy),
    )


def _figures(pitch: Authorised) -> list[tuple[str, str]]:
    quoted = ("Quoted", sheet.amount(pitch.quoted))
    if pitch.status in ("held", "accepted"):
        until = ("Until", sheet.short_days(*[pitch.expires_at_us // DAY_US] * 2))
        return [quoted, ("Reserved", sheet.amount(pitch.holds)), until]
    day = (pitch.ended_at_us or pitch.expires_at_us) // DAY_US
    ended = (PITCH_STANDS[pitch.status].capitalize(), sheet.short_days(day, day))
    return [quoted, ("Taken", sheet.amount(pitch.captured)), ended]


def _next(pitch: Authorised, today: int, policy: Policy) -> str:
    """What its creator can do about it, and until when."""
    until = sheet.spoken_day(pitch.expires_at_us // DAY_US)
    if pitch.status == "held":
        return f"Accept or decline through your platform until {until}; after that it expires, and nothing is taken."
    if pitch.status == "accepted":
        return (
            f"Publish it until {until}, saying {_plainly(pitch.terms.disclosure)} that it is sponsored, or withdraw"
            " through your platform; after that it expires, and nothing is taken."
        )
    if pitch.status != "published":
        return "Nothing is reserved for it any more, and nothing was taken."
    return _after(pitch, today, policy)


def _after(pitch: Authorised, today: int, policy: Policy) -> str:
    told = [f"{sheet.amount(pitch.unpaid)} of the quote was not there any more to take."] if pitch.unpaid else []
    if pitch.reversed_by:
        told.append(f"It was undone by line {pitch.reversed_by}: what was left of it was given back.")
    elif pitch.outcome is None and pitch.published_at_us is not None:
        due = pitch.published_at_us // DAY_US + policy["outcome.days"]
        how = "Your platform can tell how your audience took it"
        told.append(f"{how} from {sheet.spoken_day(due)} on." if due > today else f"{how} now.")
    return " ".join(told)


def _taken(outcome: Outcome) -> str:
    """How the audience took it, and who says so."""
    how = "just as" if outcome.ratio == PPM else "better than" if outcome.ratio < PPM else "worse than"
    facts = outcome.facts
    return (
        f"Your audience took it {how} expected ({sheet.amount(outcome.ratio)}, where 1 is as expected and less is"
        f" better): {facts.positive:,} in favour, {facts.negative:,} against, told by {outcome.source} on"
        f" {sheet.spoken_day(outcome.told_at_us // DAY_US)}."
    )


def _plainly(disclosure: str) -> str:
    return "clearly" if disclosure == "clear" else "at least vaguely"


def _exchanges(number: int) -> str:
    return f"{number} genuine {_plural(number, 'exchange')}"


def _plural(number: int, what: str) -> str:
    return what if number == 1 else f"{what}s"
