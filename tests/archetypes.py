"""A year in the life of creators who differ in one thing: what they did, day by day, as a partner would tell it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from ledger.events import OWN
from tests.desk import DAY, Desk, befriended

YEAR = 365
FIRST_PITCH, MONTH = 105, 30
FALL = 200  # the day on which trust is broken, or a holiday begins
HOLIDAY = range(FALL, FALL + 14)
CAMPAIGN = range(FIRST_PITCH, FIRST_PITCH + 180)
CLEARED = 270
SILENT = 15  # the night that finds that two weeks have passed
FOLLOWERS = 50_000
PARTS = {"responsibility": True, "repair": True, "regret": True, "explanation": True, "repentance": True}


class Deed(NamedTuple):
    """One event of a year."""

    day: int
    kind: str
    facts: dict[str, Any]
    ref: str


@dataclass(frozen=True, slots=True)
class Archetype:
    """A creator's year: what was done besides living as everybody does, and when nobody was there."""

    name: str
    title: str
    deeds: tuple[Deed, ...] = ()
    away: range = range(0)

    def days(self) -> Iterator[tuple[int, list[Deed]]]:
        """Each day with all that happened on it: deeds first, then what the audience and the creator do daily."""
        for day in range(YEAR):
            yield day, [deed for deed in self.deeds if deed.day == day] + list(_daily(day, self.away))


def _daily(day: int, away: range) -> Iterator[Deed]:
    """A share by somebody new each day, an ordinary post every third."""
    if day not in away:
        yield Deed(day, "engagement", {"act": "share", "engager": f"fan {day}"}, f"share {day}")
        if day % 3 == 0:
            yield Deed(day, "post", {}, f"post {day}")


def pitch(day: int, *, fit: str = "0.7", brand: str = "acme") -> Deed:
    """A clearly disclosed pitch."""
    return Deed(day, "pitch", {"brand": brand, "fit": fit, "disclosure": "clear"}, f"pitch {day}")


def hidden(day: int) -> Deed:
    """The same pitch, hidden and found."""
    return Deed(day, "undisclosed_pitch", {"brand": "acme", "fit": "0.7"}, f"pitch {day}")


BROKEN = Deed(FALL, "breach", {"severity": 3, "category": "deception"}, "breach")
EVADED = Deed(FALL + 14, "evasion", {"breach": "breach"}, "evasion")


def owned(delay: int) -> Deed:
    """An apology so many days after the breach."""
    return Deed(FALL + delay, "apology", PARTS | {"breach": "breach"}, "apology")


FRIENDS = tuple(
    Deed(told.pop("day"), told.pop("kind"), told, told.pop("ref")) for told in befriended("acme", FIRST_PITCH - MONTH)
)
PITCHES = tuple(pitch(day) for day in range(FIRST_PITCH, YEAR, MONTH))
MONTHLY = (*FRIENDS, *PITCHES)
HIDDEN = tuple(hidden(deed.day) if deed.ref == "pitch 195" else deed for deed in MONTHLY)
SOLD_OUT = tuple(pitch(day, fit="0.2", brand=f"brand-{day}") for day in CAMPAIGN[::5])
BOUGHT = tuple(
    Deed(FALL, "engagement", {"act": "follow", "engager": f"bot {n}", "incentive": "bought"}, f"bot {n}")
    for n in range(300)
)
ALLEGED = (
    Deed(FALL, "allegation", {"severity": 3, "category": "deception", "by": "press"}, "allegation"),
    Deed(FALL, "substantiation", {"allegation": "allegation", "by": "platform", "evidence": "case 7"}, "found so"),
    Deed(FALL + 14, "silence", {"allegation": "allegation", "reported_by": "acme", "source": OWN}, "silence"),
)
BOTS = tuple(Deed(FALL, "engagement", {"act": "follow", "engager": f"bot {n}"}, f"bot {n}") for n in range(150))
BUSY = (
    *BOTS,
    *(Deed(FALL + 1, "reversal", {"event": bot.ref, "why": "fraud"}, f"{bot.ref} undone") for bot in BOTS),
    Deed(FALL + 3, "release", {"day": DAY + FALL, "source": OWN}, "release"),
)

ARCHETYPES = {
    archetype.name: archetype
    for archetype in (
        Archetype("plain", "no pitches at all"),
        Archetype("steady", "one disclosed pitch a month", MONTHLY),
        Archetype("sellout", "a pitch every five days for half a year, for strangers", SOLD_OUT),
        Archetype("hidden", "one of the monthly pitches hidden, and found", HIDDEN),
        Archetype("prompt", "a serious breach, owned on day 2", (*MONTHLY, BROKEN, owned(2))),
        Archetype("late", "a serious breach, owned on day 20", (*MONTHLY, BROKEN, owned(20))),
        Archetype("evader", "a serious breach, evaded", (*MONTHLY, BROKEN, EVADED)),
        Archetype(
            "cleared",
            "a serious breach, evaded, and cleared later",
            (*MONTHLY, BROKEN, EVADED, Deed(CLEARED, "cleared", {"breach": "breach"}, "cleared")),
        ),
        Archetype("silent", "a serious breach, alleged, found so, and never answered", (*MONTHLY, *ALLEGED)),
        Archetype("busy", "followers bought in secret, found within two days", (*MONTHLY, *BUSY)),
        Archetype("bought", "three hundred followers bought", (*MONTHLY, *BOUGHT)),
        Archetype("holiday", "two weeks away", MONTHLY, HOLIDAY),
    )
}


def path(archetype: Archetype) -> list[int]:
    """Standing in micro-trust at the end of each day, told at a desk in memory."""
    desk, standings = Desk(followers=FOLLOWERS), []
    for day, deeds in archetype.days():
        for deed in deeds:
            desk.take(deed.kind, deed.facts, day=day, ref=deed.ref)
        standings.append(desk.standing(day))
    return standings
