"""Simulation: the real books under other rules, for whom it would differ, with nothing written."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ledger import db, economy, labelling, markers, rules, settlement, simulation, tables
from ledger.db import Database
from ledger.economy import State
from ledger.errors import Conflict
from ledger.events import OWN
from ledger.policy import Policy, Schedule
from ledger.simulation import Question
from ledger.simulation_report import Report
from tests.desk import DAY, FOUNDING, METER, RULES, Counter, noon, tell, trust, variant

BRAND = "brand:nike"
PITCH = "0192f0c1-0000-7000-8000-0000000000aa"
LIKE_SECOND = (("decay.fresh_half_life", "60"), ("tie.half_life", "20"), ("pitch.base", "0.06"))
SECOND = variant(*LIKE_SECOND, name="second")
TODAY = 60
STATE = ", ".join(f"b.{name}" for name in (*State._fields[:-1], "settled_through"))


class Street(Counter):
    """A counter that also posts what only the ledger itself may post."""

    def own(self, kind: str, *, ref: str, day: int, meter: str | None = None, **facts: Any) -> None:
        """Post an event of the ledger's own about u1, on a day at noon."""
        creator = self.ids["u1"] if meter else "youtube:u1"
        told = tell(kind, ref=ref, at_us=noon(day), creator=creator, source=OWN, meter=meter, **facts)
        (receipt,) = self.post(told, now_us=noon(day))
        assert receipt.status == "posted", receipt

    def it(self, kind: str, *, ref: str, day: int, **facts: Any) -> None:
        """Post a partner's event, which is taken."""
        receipt = self.one(kind, ref=ref, day=day, **facts)
        assert receipt.status == "posted", receipt


@pytest.fixture
def street(database: Database) -> Street:
    """Books with a history that has everything in it, under two policies."""
    database.write(lambda session: rules.install(session, FOUNDING, effective_day=0, now_us=1))
    database.write(lambda session: rules.install(session, SECOND, effective_day=DAY + 30, now_us=noon(0)))
    with database.reading() as session:
        return lived(database, rules.schedule(session))


def lived(database: Database, schedule: Schedule, *, held: bool = True) -> Street:
    """A street that lived through its history by these rules; `held` with a pitch that was quoted and authorised."""
    street = Street(database, names=("u1", "u2", "u3"))
    street.schedule = schedule
    filled_in(street)
    first_month(street)
    settle(street, 12)
    relations(street)
    if held:
        authorised(street)
    busy_day(street)
    settle(street, 41)
    second_month(street)
    return street


def settle(street: Street, day: int) -> None:
    """Run the nightly job."""
    settlement.settle(street.database, through_day=DAY + day, clock=lambda: noon(day), schedule=street.schedule)


def filled_in(street: Street) -> None:
    """u2's past, told afterwards, and then something live."""
    past = [
        tell("engagement", ref=f"p{n}", at_us=noon(n // 3), creator="youtube:u2", act="reply", engager=f"f{n % 4}")
        for n in range(12)
    ]
    past.append(tell("pitch", ref="pp", at_us=noon(5), creator="youtube:u2", brand="acme", disclosure="clear"))
    street.post(*past, now_us=noon(10), backfill=True)
    live = tell("post", ref="pl", at_us=noon(11), creator="youtube:u2")
    street.post(live, now_us=noon(11))


def first_month(street: Street) -> None:
    """u1's engagement, breaches, what came of them, and what was undone."""
    for day in range(8):
        for fan in range(4):
            street.it("engagement", ref=f"e{day}-{fan}", day=day, act="reply", engager=f"fan {fan + day % 3}")
    street.it("post", ref="o1", day=8)
    street.it("transparency", ref="t1", day=8)
    street.it("transparency", ref="t2", day=9)
    street.it("undisclosed_pitch", ref="x1", day=9, happened=2, brand="puma")
    street.it("breach", ref="b1", day=9, severity=3, category="harm")
    street.it("evasion", ref="v1", day=10, breach="x1")
    street.it("apology", ref="a1", day=11, breach="b1", responsibility=True, regret=True)
    street.it("reception", ref="h1", day=12, apology="a1", positive=70, negative=12)
    street.it("cleared", ref="c1", day=12, breach="x1")
    street.it("reversal", ref="r1", day=12, event="e3-1", why="fraud")
    assert street.one("apology", ref="a2", day=12, breach="b1", repair=True).status == "refused"
    assert street.one("reversal", ref="r2", day=12, event="nothing").status == "refused"
    street.it("allegation", ref="g1", day=13, severity=2)
    street.it("substantiation", ref="g2", day=14, allegation="g1", by="platform", evidence="case 7")


def relations(street: Street) -> None:
    """A brand that is let in and pitches; a busy day that waits and is paid."""
    street.own("introduction", ref="i1", day=12, meter=BRAND, brand="nike")
    street.own("introduction_accepted", ref="i2", day=13, meter=BRAND, brand="nike")
    for day in (14, 15, 16, 17):
        told = tell("exchange", ref=f"x{day}", at_us=noon(day), creator=street.ids["u1"], meter=BRAND)
        street.post(told, now_us=noon(day))
    street.it("pitch", ref="p1", day=18, brand="nike", disclosure="vague", fit="0.4", followers=90_000)


def authorised(street: Street) -> None:
    """A pitch from its quote to its publication."""
    quoted = {"brand": "nike", "disclosure": "clear"}
    shares = {"share": "0.04", "mending": "0.6", "clear": "0.15", "vague": "0.05"}
    reserved: dict[str, Any] = shares | {"drain": 4_000_000, "held": 7_000_000, "expires_at_us": noon(40)}
    street.own("pitch_held", ref=PITCH, day=28, **quoted, **reserved, fit="0.8")
    street.own("pitch_accepted", ref=f"{PITCH}:accepted", day=29, pitch=PITCH, brand="nike")
    street.own("pitch_published", ref=f"{PITCH}:published", day=32, pitch=PITCH, **quoted)


def busy_day(street: Street) -> None:
    """A crowd, whose credit waits."""
    crowd = [tell("engagement", ref=f"c{n}", at_us=noon(34) + n, act="reply", engager=f"crowd {n}") for n in range(60)]
    street.post(*crowd, now_us=noon(34) + 100)


def second_month(street: Street) -> None:
    """Under the second policy: labels, an outcome, a hidden pitch, late news, a busy day paid, and a marker."""
    labelling.relabel(street.database, day=DAY + 41, clock=lambda: noon(41), schedule=street.schedule)
    street.it("outcome", ref="y1", day=42, pitch="p1", positive=900, negative=30)
    street.it("undisclosed_pitch", ref="x2", day=43, brand="nike", followers=90_000)
    street.it("apology", ref="a5", day=45, breach="x2", responsibility=True)
    street.it("engagement", ref="late", day=46, happened=44, act="share", engager="fan 1")
    street.it("breach", ref="b4", day=46, severity=1, self_reported=True)
    street.it("reversal", ref="r6", day=47, event="b4")
    release = tell("release", ref="q3", at_us=noon(37), source=OWN, day=DAY + 34)
    assert street.post(release, now_us=noon(48))[0].code in (None, "already_done")  # no burst under every rule
    markers.mark(street.database, clock=lambda: noon(48), schedule=street.schedule)


def ask(street: Street, candidate: Policy, *, from_day: int | None = None) -> Report:
    """What a candidate would change."""
    question = Question.of(candidate, street.schedule, at_us=noon(TODAY), from_day=from_day)
    return simulation.simulate(street.database, question)


def held_by(street: Street) -> dict[tuple[str, str], int]:
    """The standing of every book, by the creator's name and the meter."""
    names = {creator_id: name for name, creator_id in street.ids.items()}
    rows = street.rows("SELECT b.creator_id, b.meter, b.policy_version, " + STATE + " FROM book b")
    found = {}
    for creator_id, meter, version, *state in rows:
        now = economy.accrue(State(*state), DAY + TODAY, street.schedule, policy_version=version)
        found[names[str(creator_id)], meter] = now.standing
    return found


def test_the_policy_in_force_changes_nothing(street: Street) -> None:
    """The sanity anchor: rehearsed under the rules that they were kept by, all books hold what they hold."""
    report = ask(street, SECOND)
    assert (report.books, report.same, report.refused, report.accepted) == (3, 3, 0, 0)
    assert set(report.standing_deciles) == set(report.points_deciles) == {0}
    assert (report.gains, report.losses, report.relabelled) == ([], [], 0)


CANDIDATES = {
    "decay": variant(("decay.fresh_half_life", "45"), ("mending.pitch_half_life", "10"), name="decay"),
    "earning": variant(
        ("engagement.reply", "3"), ("engagement.day_cap", "10"), ("tie.half_life", "60"), name="earning"
    ),
    "pitching": variant(("pitch.base", "0.1"), ("pitch.stranger", "2"), ("transparency.vague", "0"), name="pitching"),
    "breaking": variant(("breach.severity_3", "0.3"), ("apology.most", "0.4"), ("evasion.share", "1"), name="breaking"),
    "bursts": variant(("burst.allowance", "1000"), ("burst.hours", "12"), name="bursts"),
    "outcomes": variant(("outcome.bound", "0.2"), ("relationship.went_well", "9"), name="outcomes"),
}


@pytest.mark.parametrize("name", CANDIDATES)
def test_it_says_what_books_kept_under_the_candidate_would_hold(
    name: str, tmp_path: Path, sqlite_template: Path
) -> None:
    """The same history posted under the candidate from the start holds what the simulation foretold, to the micro."""
    candidate = CANDIDATES[name]
    streets = []
    for number, schedule in enumerate((RULES, Schedule.of(candidate))):
        path = shutil.copyfile(sqlite_template, tmp_path / f"{number}.sqlite3")
        streets.append(lived(Database(f"sqlite:///{path}"), schedule, held=False))
    real, other = streets
    question = Question.of(candidate, RULES, at_us=noon(TODAY), from_day=0)
    (part,) = simulation.parts(real.database, question)
    names = {creator_id: name for name, creator_id in real.ids.items()}
    foretold = {(names[shift.creator_id], shift.meter): shift.would_stand for shift in part.largest}
    held, would = held_by(real), held_by(other)
    changed = {key: standing for key, standing in would.items() if held[key] != standing}
    assert foretold == changed
    assert len(changed) > 0
    for street in streets:
        street.database.dispose()


def test_a_day_that_only_the_candidate_calls_busy_waits_and_is_paid(street: Street) -> None:
    """Where the real books had no reason to release a day, the rehearsed ones do so once it has waited."""
    wary = (("burst.allowance", "10"), ("burst.factor", "1"))
    plain, paid, waiting = (
        would_hold(street, variant(*LIKE_SECOND, *changes, name="wary"))
        for changes in ((), wary, (*wary, ("burst.hours", "720")))
    )
    assert abs(plain - paid) < trust("1")
    assert waiting < plain - trust("5")


def would_hold(street: Street, candidate: Policy, *, day: int = TODAY, from_day: int = 0) -> int:
    """What u1 would have with its audience, had the candidate been in force, throughout unless from a day on."""
    question = Question.of(candidate, street.schedule, at_us=noon(day), from_day=from_day)
    report = simulation.simulate(street.database, question)
    shifts = {(shift.creator_id, shift.meter): shift.would_stand for shift in (*report.gains, *report.losses)}
    return shifts[street.ids["u1"], METER]


def test_labels_that_would_be_others_are_counted(street: Street) -> None:
    """Where a first impression takes a thousand acts, whoever is building would be new; nobody else moves."""
    assert [row[0] for row in street.rows("SELECT label FROM book WHERE label <> 'new'")] == ["building"]
    report = ask(street, variant(*LIKE_SECOND, ("confidence.some", "1000"), ("confidence.many", "2000"), name="choosy"))
    assert report.labels == {("building", "new"): 1, ("new", "new"): 1}
    assert (report.relabelled, report.same, report.refused) == (1, 3, 0)


def test_what_would_be_refused_is_told(street: Street) -> None:
    """An outcome that would have come too early is counted and named; the rest goes on without it."""
    report = ask(street, variant(*LIKE_SECOND, ("outcome.days", "60"), name="patient"))
    (example,) = report.examples
    assert (report.refused, report.accepted) == (1, 0)
    assert (example.how, example.external_ref, example.kind) == ("refused", "y1", "outcome")
    assert [shift.refused for shift in (*report.gains, *report.losses)] == [1, 1]  # in both books that it touches
    assert "60 days" in example.why


def test_only_days_from_the_one_asked_for_are_priced_anew(street: Street) -> None:
    """What happened before stays as it was priced: a dearer breach from day 40 on spares the one of day 9."""
    dearer = variant(*LIKE_SECOND, ("breach.severity_3", "0.3"), name="dearer")
    assert ask(street, dearer, from_day=DAY + 40).down == 0
    assert ask(street, dearer, from_day=DAY + 30).down == 0
    real, other = (would_hold(street, each) for each in (variant(*LIKE_SECOND, name="same"), dearer))
    assert other < real


def test_an_authorised_pitch_is_taken_at_the_terms_it_would_have_been_quoted(street: Street) -> None:
    """Under a candidate that doubles the drain, twice as much is captured of the same standing."""
    once, twice = (
        would_hold(street, variant(("pitch.base", base), name="quoted"), day=33, from_day=DAY + 20)
        for base in ("0.05", "0.1")
    )
    assert trust("-4") < twice - once < trust("-3")


# Nothing is written; nothing is done twice


def test_simulating_writes_nothing(street: Street) -> None:
    """Every row of every table is what it was, to the last byte."""
    before = everything(street)
    assert ask(street, CANDIDATES["breaking"], from_day=0).same < 3
    assert everything(street) == before


def everything(street: Street) -> dict[str, list[db.Row]]:
    """All rows of all tables."""
    return {name: sorted(street.rows(f"SELECT * FROM {name}"), key=repr) for name in tables.METADATA.tables}


def test_a_simulation_that_was_killed_goes_on(street: Street, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the file was cut, what is in it is not done again, and the report is the same."""
    monkeypatch.setattr(simulation, "CREATORS", 1)
    question = Question.of(CANDIDATES["breaking"], street.schedule, at_us=noon(TODAY), from_day=0)
    file = tmp_path / "progress.jsonl"
    report = simulation.simulate(street.database, question, resume=file)
    whole = file.read_bytes()
    assert len(whole.splitlines()) == 5
    for length in (0, 20, *(n for n, byte in enumerate(whole, 1) if byte == 10), len(whole) - 30):
        file.write_bytes(whole[:length])
        street.one("post", ref=f"later {length}", day=TODAY + 1)
        later = replace(question, at_us=noon(TODAY + 2)) if length > 20 else question
        assert simulation.simulate(street.database, later, resume=file) == report
        assert file.read_bytes() == whole


def test_the_file_of_another_simulation_is_not_gone_on_with(street: Street, tmp_path: Path) -> None:
    """A file that holds something else is refused and left as it is."""
    file = tmp_path / "progress.jsonl"
    question = Question.of(CANDIDATES["breaking"], street.schedule, at_us=noon(TODAY))
    simulation.simulate(street.database, question, resume=file)
    kept = file.read_bytes()
    for other in (Question.of(CANDIDATES["decay"], street.schedule, at_us=noon(TODAY)), replace(question, from_day=0)):
        with pytest.raises(Conflict, match="another simulation"):
            simulation.simulate(street.database, other, resume=file)
        assert file.read_bytes() == kept
    file.write_text("not mine\n")
    with pytest.raises(Conflict, match="not the file of a simulation"):
        simulation.simulate(street.database, question, resume=file)
    assert file.read_text() == "not mine\n"
