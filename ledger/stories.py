"""Stories to look around in: a year of six creators. Names and numbers are invented."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ledger.creators import AccountOf

SOURCE = "demo"
NETWORKS = ("photo", "video")
YEAR = 365
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
class Step:
    """Something agreed with a brand so many days ago: of their relationship, or of a pitch from quote to outcome."""

    days_ago: int
    brand: str
    to: str
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Told:
    """What happened on one network. `busy` is how many shares yesterday saw beside."""

    account: AccountOf
    stretches: tuple[Stretch, ...] = ()
    moments: tuple[Moment, ...] = ()
    steps: tuple[Step, ...] = ()
    busy: int = 0


@dataclass(frozen=True, slots=True)
class Story:
    """A creator and their year; `readings` are what another stick said (0 to 100), so many days ago."""

    handle: str
    name: str
    topics: tuple[str, ...]
    books: tuple[Told, ...]
    visibility: str = "public"
    fans: int = 160
    readings: tuple[tuple[int, int], ...] = ()


MARA = Story(
    "mara-bakes",
    "Mara Lindqvist",
    ("baking", "home"),
    (
        Told(
            AccountOf("video", "mara-bakes", 84_000),
            (Stretch(YEAR, 3.0, 2.5, 33, ("oat-and-rye", "hearthstone"), "clear", "0.9"),),
            (
                Moment(203, "allegation", {"severity": 2, "category": "harm"}, "wrong-canning-times"),
                Moment(
                    201,
                    "substantiation",
                    {"allegation": "wrong-canning-times", "by": "press", "evidence": "kitchen desk 88"},
                    "canning-times-tested",
                ),
                Moment(
                    200,
                    "apology",
                    {
                        "breach": "wrong-canning-times",
                        **dict.fromkeys(("responsibility", "repair", "regret", "explanation"), True),
                        "positive": 40,
                        "negative": 12,
                    },
                    "video-taken-down-and-redone",
                ),
                Moment(
                    195,
                    "reception",
                    {"apology": "video-taken-down-and-redone", "positive": 640, "negative": 90},
                    "redone-after-five-days",
                ),
                Moment(
                    180,
                    "reception",
                    {"apology": "video-taken-down-and-redone", "positive": 2_210, "negative": 130},
                    "redone-after-three-weeks",
                ),
                Moment(152, "transparency", {"about": "correction"}, "flour-weights-corrected"),
                Moment(47, "transparency", {"about": "methods"}, "how-recipes-are-tested"),
            ),
            (
                Step(30, "oat-and-rye", "introduced"),
                Step(29, "oat-and-rye", "accepted"),
                *(Step(days_ago, "oat-and-rye", "exchange") for days_ago in (27, 24, 21, 18, 8)),
                Step(15, "oat-and-rye", "held", {"fit": "0.9"}),
                Step(14, "oat-and-rye", "taken"),
                Step(13, "oat-and-rye", "published"),
                Step(12, "quickglow", "introduced"),
                Step(11, "quickglow", "declined"),
                Step(
                    5, "oat-and-rye", "outcome", {"positive": 1_840, "negative": 95, "acts": 2_310, "usual_acts": 2_050}
                ),
                Step(2, "hearthstone", "introduced"),
                Step(1, "oat-and-rye", "held", {"fit": "0.8"}),
            ),
        ),
        Told(AccountOf("photo", "mara-bakes", 31_000), (Stretch(240, 1.6, 1.5),)),
    ),
    readings=((330, 48), (240, 55), (195, 41), (120, 58), (60, 63), (14, 64)),
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
            (
                Moment(27, "allegation", {"severity": 2, "category": "deception", "by": "press"}, "summit-not-reached"),
                Moment(
                    21,
                    "substantiation",
                    {"allegation": "summit-not-reached", "by": "platform", "evidence": "case 4711"},
                    "track-was-cut",
                ),
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
                Moment(19, "allegation", {"severity": 2, "category": "plagiarism"}, "speedrun-route-copied"),
                Moment(16, "answer", {"allegation": "speedrun-route-copied", "stance": "denies"}, "route-is-my-own"),
                Moment(4, "allegation", {"severity": 1, "category": "other", "by": "platform"}, "giveaway-unpaid"),
            ),
            busy=70,
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
