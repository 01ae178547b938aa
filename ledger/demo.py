"""A small made-up story to look around in: a year of six creators. Names and numbers are invented.

Told through the one write path: a backfill of the past, then one live post a book, after which the books go on
like anybody's. The same day gives the same story.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from sqlmodel import Session

from ledger import creators, db, events, posting
from ledger.creators import AccountOf
from ledger.economy import DAY_US
from ledger.events import NewEvent
from ledger.policy import Schedule

SOURCE = "demo"
NETWORKS = ("photo", "video")
YEAR = 365
HOUR_US = DAY_US // 24
ACTS = ("like",) * 6 + ("follow",) * 2 + ("share",) + ("reply",) * 3 + ("answer",) * 2


@dataclass(frozen=True, slots=True)
class Stretch:
    """Days like each other, from so many days ago on: acts a day, ordinary posts a week, a pitch every so often."""

    days_ago: int
    acts: float
    posts: float
    pitch_every: int = 0
    brands: tuple[str, ...] = ()
    disclosure: str = "clear"
    fit: str = "0.8"


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened so many days ago."""

    days_ago: int
    kind: str
    facts: Mapping[str, object]
    ref: str


@dataclass(frozen=True, slots=True)
class Told:
    """What happened on one network."""

    account: AccountOf
    stretches: tuple[Stretch, ...] = ()
    moments: tuple[Moment, ...] = ()


@dataclass(frozen=True, slots=True)
class Story:
    """A creator and their year."""

    handle: str
    name: str
    topics: tuple[str, ...]
    books: tuple[Told, ...]
    visibility: str = "public"
    fans: int = field(default=160)


MARA = Story(
    "mara-bakes",
    "Mara Lindqvist",
    ("baking", "home"),
    (
        Told(
            AccountOf("video", "mara-bakes", 84_000),
            (Stretch(YEAR, 3.0, 2.5, 33, ("oat-and-rye", "hearthstone"), "clear", "0.9"),),
            (
                Moment(201, "breach", {"severity": 2, "category": "harm"}, "wrong-canning-times"),
                Moment(
                    200,
                    "apology",
                    {
                        "breach": "wrong-canning-times",
                        **dict.fromkeys(("responsibility", "repair", "regret", "explanation"), True),
                        "positive": 640,
                        "negative": 90,
                    },
                    "video-taken-down-and-redone",
                ),
                Moment(152, "transparency", {"about": "correction"}, "flour-weights-corrected"),
                Moment(47, "transparency", {"about": "methods"}, "how-recipes-are-tested"),
            ),
        ),
        Told(AccountOf("photo", "mara-bakes", 31_000), (Stretch(240, 1.6, 1.5),)),
    ),
)
TOBI = Story(
    "tobi-trails",
    "Tobias Okonjo",
    ("hiking", "outdoors"),
    (
        Told(
            AccountOf("video", "tobi-trails", 210_000),
            (
                Stretch(YEAR, 4.0, 2.5, 40, ("ridgeline",), "clear", "0.9"),
                Stretch(112, 2.2, 1.6, 4, ("ridgeline", "voltbar", "skyloan", "glowmist", "petbox"), "vague", "0.3"),
                Stretch(30, 1.0, 1.2, 3, ("skyloan", "glowmist", "betfast"), "vague", "0.1"),
            ),
        ),
    ),
)
INES = Story(
    "ines-fixes",
    "Inês Carvalho",
    ("repair", "electronics"),
    (
        Told(
            AccountOf("video", "ines-fixes", 52_000),
            (Stretch(YEAR, 3.2, 2.0, 60, ("tinwhistle-tools",), "clear", "0.9"), Stretch(74, 1.1, 1.5)),
            (
                Moment(76, "breach", {"severity": 4, "category": "deception"}, "repair-that-never-happened"),
                Moment(61, "evasion", {"breach": "repair-that-never-happened"}, "questions-deleted"),
            ),
        ),
    ),
)
JUNO = Story(
    "juno-plays",
    "Juno Park",
    ("games",),
    (
        Told(
            AccountOf("video", "juno-plays", 12_500),
            (Stretch(300, 2.4, 3.0, 45, ("pixelforge",), "clear", "0.8"),),
            (
                Moment(214, "breach", {"severity": 3, "category": "plagiarism"}, "copied-level-design"),
                Moment(176, "cleared", {"breach": "copied-level-design"}, "the-other-video-came-later"),
                Moment(83, "undisclosed_pitch", {"brand": "lootlane", "fit": "0.6"}, "lootlane-not-marked"),
                Moment(
                    81,
                    "apology",
                    {
                        "breach": "lootlane-not-marked",
                        **dict.fromkeys(("responsibility", "regret", "repentance"), True),
                        "positive": 130,
                        "negative": 45,
                    },
                    "said-so-on-stream",
                ),
            ),
        ),
        Told(AccountOf("photo", "juno-plays", 4_100), (Stretch(90, 0.8, 1.0),)),
    ),
)
WEN = Story(
    "wen-by-the-sea",
    "Wen Adeyemi",
    ("travel",),
    (
        Told(
            AccountOf("photo", "wen-by-the-sea", 96_000),
            (Stretch(YEAR, 2.6, 3.0, 28, ("saltmarsh-hotels",), "clear", "0.7"),),
            (Moment(24, "undisclosed_pitch", {"brand": "azure-cruises", "fit": "0.4"}, "cruise-not-marked"),),
        ),
    ),
    "private",
)
LIO = Story("lio-draws", "Lio Brandt", ("drawing",), (Told(AccountOf("photo", "lio-draws", 300)),))
STORIES = (MARA, TOBI, INES, JUNO, WEN, LIO)


def plant(session: Session, story: Story, *, now_us: int, pepper: bytes, schedule: Schedule) -> int:
    """Enrol a story's creator and post their year. Returns how many events; 0 where they are there already."""
    if db.fetch(session, "SELECT 1 FROM handle WHERE handle = ?", (story.handle,)):
        return 0
    joined_us = now_us - YEAR * DAY_US
    creators.enrol(
        session,
        display_name=story.name,
        accounts=[told.account for told in story.books],
        consent_at_us=joined_us,
        enrolled_by=SOURCE,
        now_us=joined_us,
        handle=story.handle,
        visibility=story.visibility,
        topics=story.topics,
    )
    past = [event for told in story.books for event in _year(story, told, now_us=now_us, pepper=pepper)]
    live = [_today(told, now_us=now_us, pepper=pepper) for told in story.books if told.stretches]
    for batch, backfill in ((past, True), (live, False)):
        receipts = posting.post(session, events=batch, clock=lambda: now_us, schedule=schedule, backfill=backfill)
        _all_posted(receipts)
    return len(past) + len(live)


def _all_posted(receipts: Sequence[events.Receipt]) -> None:
    for receipt in receipts:
        if receipt.status != "posted":
            raise ValueError(f"the story does not add up at {receipt.external_ref}: {receipt.detail}")


def _today(told: Told, *, now_us: int, pepper: bytes) -> NewEvent:
    return _event(told, Moment(0, "post", {}, f"{told.account.network}-today"), now_us, pepper)


def _year(story: Story, told: Told, *, now_us: int, pepper: bytes) -> Iterator[NewEvent]:
    """The events of a book's past in time order."""
    chance = Random(f"{story.handle} {told.account.network}")  # noqa: S311 - a story, no secret
    today = now_us // DAY_US
    for days_ago in range(YEAR, 0, -1):
        moments = [*_ordinary(story, told, days_ago, chance), *(m for m in told.moments if m.days_ago == days_ago)]
        for number, moment in enumerate(moments):
            at = (today - days_ago) * DAY_US + 7 * HOUR_US + number * HOUR_US // 4
            yield _event(told, moment, at, pepper)


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


def _event(told: Told, moment: Moment, at_us: int, pepper: bytes) -> NewEvent:
    account = told.account
    return events.new_event(
        creator=f"{account.network}:{account.external_id}",
        meter=None,
        source=SOURCE,
        external_ref=f"demo-{moment.ref}",
        kind=moment.kind,
        facts=_with_refs(moment.facts),
        occurred_at_us=at_us,
        pepper=pepper,
    )


def _with_refs(facts: Mapping[str, object]) -> dict[str, object]:
    return {name: f"demo-{value}" if name == "breach" else value for name, value in facts.items()}
