"""A small made-up story to look around in: a year of six creators. Names and numbers are invented.

Told through the one write path: a backfill of the past, then the last month as it would have come, day by day on a
clock of its own, with what was agreed with brands in between; after which the books go on like anybody's. The same
day gives the same story.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from sqlmodel import Session

from ledger import (
    attestations,
    creators,
    db,
    estimate,
    estimates,
    events,
    label_columns,
    listings,
    pitches,
    posting,
    quotes,
    relationships,
)
from ledger import readings as sticks
from ledger.economy import DAY_US, HOUR_US, MICROS
from ledger.events import NewEvent
from ledger.kinds.facts import Share
from ledger.policy import Schedule
from ledger.proposals import Proposal, as_related
from ledger.stories import (
    ACTS,
    INES,
    JUNO,
    LIO,
    MARA,
    NETWORKS,
    SOURCE,
    STORIES,
    TOBI,
    WEN,
    YEAR,
    Moment,
    Step,
    Story,
    Stretch,
    Told,
)

LIVE = 30
EVENING = 18
NIGHTS = 120
ATTESTED = 30
STICK = "pulse"
FIT = Share("how well it fits", 0, MICROS)
REFERENCES = ("breach", "allegation", "apology")


@dataclass(slots=True)
class Plot:
    """A story under way: the creator it is about, the clock, and the pitch that is under way with each brand."""

    session: Session
    story: Story
    creator_id: str
    schedule: Schedule
    pepper: bytes
    now_us: int
    at_us: int
    posted: int = 0
    quoted: dict[str, str] = field(default_factory=dict)

    def clock(self) -> int:
        """Microseconds since 1970, in the story."""
        return self.at_us

    def post(self, found: Sequence[NewEvent], *, backfill: bool = False) -> None:
        """Post events of which none may be refused, save that a label is what it was."""
        receipts = posting.post(self.session, events=found, clock=self.clock, schedule=self.schedule, backfill=backfill)
        for event, receipt in zip(found, receipts, strict=True):
            if receipt.status != "posted" and event.kind.name != label_columns.KIND:
                raise ValueError(f"the story does not add up at {receipt.external_ref}: {receipt.detail}")
            self.posted += receipt.status == "posted"


def plant(session: Session, story: Story, *, now_us: int, pepper: bytes, schedule: Schedule) -> int:
    """Enrol a story's creator and post their year. Returns how many events; 0 where they are there already."""
    if db.fetch(session, "SELECT 1 FROM handle WHERE handle = ?", (story.handle,)):
        return 0
    joined_us = now_us - YEAR * DAY_US
    creator_id, _ = creators.enrol(
        session,
        display_name=story.name,
        accounts=[told.account for told in story.books],
        consent_at_us=joined_us,
        enrolled_by=SOURCE,
        now_us=joined_us,
        handle=story.handle,
        visibility=story.visibility,
        findable=True,
        topics=story.topics,
        terms="demo: an invented creator",
    )
    plot = Plot(session, story, creator_id, schedule, pepper, now_us, now_us)
    _vouch(plot)
    books = [(told, _days(plot, told)) for told in story.books if told.stretches]
    plot.post([each for _, days in books for ago in days if ago > LIVE for each in days[ago]], backfill=True)
    for days_ago in range(LIVE, -1, -1):
        _live(plot, books, days_ago)
    listings.refresh(session, creator_id=creator_id, now_us=now_us, schedule=schedule)
    return plot.posted


def _vouch(plot: Plot) -> None:
    """A network knows some of the fans to be who they say; another stick has something to say."""
    fans = [f"fan-{number}" for number in range(ATTESTED)]
    for told in plot.story.books:
        vouched = {"network": told.account.network, "accounts": fans, "attested_by": SOURCE}
        attestations.attest(plot.session, **vouched, pepper=plot.pepper, now_us=plot.now_us)  # type: ignore[arg-type]
    said = [
        sticks.Reading(STICK, plot.now_us - ago * DAY_US, value * MICROS, 0, 100 * MICROS, SOURCE)
        for ago, value in plot.story.readings
    ]
    if said:
        sticks.put(plot.session, creator_id=plot.creator_id, readings=said, now_us=plot.now_us)


# The last month, as it came


def _live(plot: Plot, books: Sequence[tuple[Told, Mapping[int, list[NewEvent]]]], days_ago: int) -> None:
    """A day as it came: what happened, told in the evening; then what was agreed with brands. Today, until now."""
    midnight = (plot.now_us // DAY_US - days_ago) * DAY_US
    plot.at_us = min(midnight + EVENING * HOUR_US, plot.now_us)
    plot.post([each for _, days in books for each in days.get(days_ago, ())])
    for told, _ in books:
        for step in told.steps:
            if step.days_ago == days_ago:
                plot.at_us = min(plot.at_us + HOUR_US // 4, plot.now_us)
                STEPS[step.to](plot, step, f"network:{told.account.network}")
                plot.posted += 1


# All steps take the same, whether they need it or not.
# ruff: noqa: ARG001


def _related(plot: Plot, step: Step, meter: str) -> None:
    asked = {"creator_id": plot.creator_id, "brand": step.brand, "clock": plot.clock, "schedule": plot.schedule}
    if step.to == "introduced":
        relationships.introduce(plot.session, **asked)  # type: ignore[arg-type]
    else:
        relationships.step(plot.session, **asked, status=step.to, by="creator")  # type: ignore[arg-type]


def _met(plot: Plot, step: Step, meter: str) -> None:
    moment = Moment(step.days_ago, "exchange", {}, f"{step.brand}-{step.days_ago}")
    plot.post([_event(plot.creator_id, f"brand:{step.brand}", moment, plot.at_us, plot.pepper)])


def _held(plot: Plot, step: Step, meter: str) -> None:
    """Estimated, quoted and authorised, as a brand would."""
    book = {"creator_id": plot.creator_id, "meter": meter}
    subject = estimates.subject(plot.session, **book, brand=step.brand, now_us=plot.at_us, schedule=plot.schedule)
    proposal = as_related(subject, Proposal(step.brand, "clear", FIT.read(step.facts["fit"])), subject.state.day)
    terms = quotes.terms_of(proposal, estimate.estimate(subject, proposal))
    signed = {"brand": step.brand, "made_by": step.brand, "terms": terms, "now_us": plot.at_us}
    made = quotes.make(plot.session, **book, **signed)  # type: ignore[arg-type]
    plot.quoted[step.brand] = made.quote_id
    pitches.hold(
        plot.session,
        creator_id=plot.creator_id,
        quote_id=made.quote_id,
        clock=plot.clock,
        schedule=plot.schedule,
    )


def _pitched(plot: Plot, step: Step, meter: str) -> None:
    asked = {"creator_id": plot.creator_id, "pitch_id": plot.quoted[step.brand]}
    asked |= {"clock": plot.clock, "schedule": plot.schedule}  # type: ignore[dict-item]
    if step.to == "taken":
        pitches.step(plot.session, **asked, status="accepted", by="creator")  # type: ignore[arg-type]
    elif step.to == "published":
        pitches.publish(plot.session, **asked, disclosure="clear")  # type: ignore[arg-type]
    else:
        pitches.outcome(plot.session, **asked, source=SOURCE, facts=step.facts)  # type: ignore[arg-type]


STEPS: dict[str, Callable[[Plot, Step, str], None]] = {
    **dict.fromkeys(("introduced", "accepted", "declined", "ended"), _related),
    "exchange": _met,
    "held": _held,
    **dict.fromkeys(("taken", "published", "outcome"), _pitched),
}


# What happened on a network


def _days(plot: Plot, told: Told) -> dict[int, list[NewEvent]]:
    """The events of a book's year by how many days ago they happened, the oldest first."""
    chance = Random(f"{plot.story.handle} {told.account.network}")  # noqa: S311 - a story, no secret
    today, found = plot.now_us // DAY_US, dict[int, list[NewEvent]]()
    creator, meter = f"{told.account.network}:{told.account.external_id}", f"network:{told.account.network}"
    for days_ago in range(YEAR, -1, -1):
        midnight = (today - days_ago) * DAY_US
        morning = midnight + 7 * HOUR_US
        moments = [*_ordinary(plot.story, told, days_ago, chance)] if days_ago else [_today(told)]
        moments += [*(m for m in told.moments if m.days_ago == days_ago), *_busy(told, days_ago)]
        found[days_ago] = [
            _event(creator, meter, moment, min(morning + number * HOUR_US // 16, plot.now_us), plot.pepper)
            for number, moment in enumerate(moments)
        ]
        if days_ago <= NIGHTS:
            found[days_ago].insert(0, _night(creator, meter, midnight))
    return found


def _night(creator: str, meter: str, midnight: int) -> NewEvent:
    """What the nightly job would have written down."""
    return events.new_event(
        creator=creator,
        meter=meter,
        source=events.OWN,
        external_ref=label_columns.label_ref(meter, midnight // DAY_US),
        kind=label_columns.KIND,
        facts={},
        occurred_at_us=midnight,
        pepper=b"",
    )


def _today(told: Told) -> Moment:
    return Moment(0, "post", {}, f"{told.account.network}-today")


def _busy(told: Told, days_ago: int) -> Iterator[Moment]:
    """Yesterday, something was shared far and wide."""
    for number in range(told.busy if days_ago == 1 else 0):
        yield Moment(1, "engagement", {"act": "share", "engager": f"passer-by-{number}"}, f"shared-{number}")


def _ordinary(story: Story, told: Told, days_ago: int, chance: Random) -> Iterator[Moment]:
    """What a day of its stretch brings: posts, a pitch now and then, and what the fans did."""
    stretch = next((s for s in reversed(told.stretches) if s.days_ago >= days_ago), None)
    if stretch is None:
        return
    stem = f"{told.account.network}-{days_ago}"
    if chance.random() < stretch.posts / 7:
        yield Moment(days_ago, "post", {}, f"{stem}-post")
    if stretch.pitch_every and days_ago % stretch.pitch_every == stretch.pitch_every // 2:
        facts = {"brand": chance.choice(stretch.brands), "disclosure": stretch.disclosure, "fit": stretch.fit}
        yield Moment(days_ago, "pitch", facts, f"{stem}-pitch")
    for number in range(int(stretch.acts * 2 * chance.random() + 0.5)):
        fan = f"fan-{int(story.fans * chance.random() ** 2)}"
        yield Moment(days_ago, "engagement", {"act": chance.choice(ACTS), "engager": fan}, f"{stem}-{number}")


def _event(creator: str, meter: str, moment: Moment, at_us: int, pepper: bytes) -> NewEvent:
    return events.new_event(
        creator=creator,
        meter=meter,
        source=SOURCE,
        external_ref=f"demo-{moment.ref}",
        kind=moment.kind,
        facts=_with_refs(moment.facts),
        occurred_at_us=at_us,
        pepper=pepper,
    )


def _with_refs(facts: Mapping[str, object]) -> dict[str, object]:
    return {name: f"demo-{value}" if name in REFERENCES else value for name, value in facts.items()}


__all__ = [
    "INES",
    "JUNO",
    "LIO",
    "MARA",
    "NETWORKS",
    "SOURCE",
    "STORIES",
    "TOBI",
    "WEN",
    "Moment",
    "Story",
    "Stretch",
    "Told",
    "plant",
]
