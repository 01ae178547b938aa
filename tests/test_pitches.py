"""Pitches from quote to outcome, and the ways in which holds are known to go wrong. Each truth on both engines."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from jobs.tasks import TASKS, Desk
from ledger import audit, authorised, db, pitches, queries, quotes, relationships
from ledger.authorised import Authorised
from ledger.db import Database
from ledger.economy import DAY_US, HOUR_US, scale
from ledger.errors import (
    AlreadyDone,
    ExceedsAvailable,
    HoldWaiting,
    IllegalTransition,
    LedgerError,
    NotFound,
    NotLetIn,
    TooEarly,
)
from ledger.events import CreatorRef
from ledger.own import ReferenceReused
from ledger.pitches import QuoteExpired, QuoteReplaced
from ledger.quotes import Quote, Terms
from ledger.settings import Settings
from tests.desk import DAY, FOUNDING, METER, RULES, TRUST, Counter, noon, tell

ROOT = Path(__file__).parent.parent
BRAND = "nike"
TERMS = Terms(
    brand=BRAND,
    disclosure="clear",
    fit=700_000,
    followers=None,
    established=False,
    policy_version=FOUNDING.version,
    drain=10 * TRUST,
    held=20 * TRUST,
    share=50_000,
    mending=800_000,
    credit=1_500_000,
    p10=5 * TRUST,
    p50=10 * TRUST,
    p90=20 * TRUST,
    low=500_000,
    mid=1_000_000,
    high=2_000_000,
)


class Stall:
    """A counter at which pitches are quoted, held and all the rest, for one creator with some standing."""

    def __init__(self, database: Database, *, days: int = 5, name: str = "u1") -> None:
        self.database = database
        self.counter = Counter(database, names=[name])
        self.creator_id = self.counter.ids[name]
        for day in range(days):
            replies = [
                tell("engagement", ref=f"e{day}-{fan}", at_us=noon(day), act="reply", engager=f"fan{day}-{fan}")
                for fan in range(5)
            ]
            self.counter.post(*replies, now_us=noon(day))
        self.let_in(BRAND, now_us=noon(0))

    def let_in(self, brand: str, *, now_us: int) -> None:
        """A brand introduces itself and is accepted."""
        told: dict[str, Any] = {"creator_id": self.creator_id, "brand": brand, "schedule": RULES}
        told["clock"] = lambda: now_us
        self.database.write(lambda session: relationships.introduce(session, **told))
        self.database.write(lambda session: relationships.step(session, **told, status="accepted", by="creator"))

    def quote(self, *, now_us: int, brand: str = BRAND, **changes: Any) -> Quote:
        """Terms that bind for a day."""
        terms = replace(TERMS, brand=brand, **changes)
        told: dict[str, Any] = {"creator_id": self.creator_id, "meter": METER, "brand": brand, "made_by": brand}
        return self.database.write(lambda session: quotes.make(session, **told, terms=terms, now_us=now_us))

    def hold(self, quote: Quote, *, now_us: int) -> bool:
        """Authorise a pitch at its quote's terms."""
        told: dict[str, Any] = {"creator_id": self.creator_id, "quote_id": quote.quote_id, "schedule": RULES}
        return self.database.write(lambda session: pitches.hold(session, **told, clock=lambda: now_us))

    def held(self, *, now_us: int, **changes: Any) -> str:
        """A pitch quoted and held at once; its id."""
        quote = self.quote(now_us=now_us, **changes)
        assert self.hold(quote, now_us=now_us)
        return quote.quote_id

    def accepted(self, *, now_us: int, **changes: Any) -> str:
        """A pitch quoted, held and accepted at once; its id."""
        pitch_id = self.held(now_us=now_us, **changes)
        assert self.step(pitch_id, "accepted", now_us=now_us)
        return pitch_id

    def step(self, pitch_id: str, status: str, *, now_us: int, by: str = "creator") -> bool:
        """A step of a pitch."""
        told: dict[str, Any] = {"creator_id": self.creator_id, "pitch_id": pitch_id, "status": status, "by": by}
        return self.database.write(lambda session: pitches.step(session, **told, clock=lambda: now_us, schedule=RULES))

    def publish(self, pitch_id: str, *, now_us: int, disclosure: str = "clear") -> bool:
        """Publication."""
        told: dict[str, Any] = {"creator_id": self.creator_id, "pitch_id": pitch_id, "disclosure": disclosure}
        return self.database.write(
            lambda session: pitches.publish(session, **told, clock=lambda: now_us, schedule=RULES)
        )

    def outcome(self, pitch_id: str, *, now_us: int, source: str = "acme", **facts: Any) -> bool:
        """What an audience made of it."""
        told: dict[str, Any] = {"creator_id": self.creator_id, "pitch_id": pitch_id, "source": source}
        told["facts"] = facts
        return self.database.write(
            lambda session: pitches.outcome(session, **told, clock=lambda: now_us, schedule=RULES)
        )

    def sweep(self, *, now_us: int, limit: int = pitches.CHUNK) -> int:
        """The hourly job."""
        return pitches.expire(self.database, clock=lambda: now_us, schedule=RULES, limit=limit)

    def see(self, pitch_id: str, *, now_us: int) -> Authorised:
        """How a pitch stands."""
        told: dict[str, Any] = {"creator_id": self.creator_id, "pitch_id": pitch_id, "now_us": now_us}
        return self.database.read(lambda reader: authorised.find(reader, **told))

    def book(self, *, now_us: int, as_of_us: int | None = None) -> queries.Balance:
        """The network's book."""
        told: dict[str, Any] = {"creator": CreatorRef(self.creator_id), "now_us": now_us, "as_of_us": as_of_us}
        found = self.database.read(lambda reader: queries.balances(reader, **told, schedule=RULES, meter=METER))
        return found.books[0]

    def available(self, *, now_us: int, as_of_us: int | None = None) -> int:
        """What a pitch may still hold, in micro-trust."""
        return self.book(now_us=now_us, as_of_us=as_of_us).available

    def count(self, kind: str) -> int:
        """Lines of a kind in the network's book."""
        return sum(row[3] == kind for row in self.counter.entries() if row[1] == METER)

    def prove(self) -> None:
        """All of it can be worked out again."""
        with self.database.snapshot() as session:
            report = audit.verify(session, schedule=RULES)
        assert report.ok, report.first_bad


@pytest.fixture
def stall(database: Database) -> Stall:
    """A stall: the creator has about 100 trust on day 5."""
    return Stall(database)


NOW = noon(5)


# From quote to outcome


def test_a_pitch_from_quote_to_outcome(stall: Stall) -> None:
    """It holds p90, captures what was quoted, gives back for being open, and its outcome is told after a week."""
    before = stall.book(now_us=NOW)
    pitch_id = stall.held(now_us=NOW)
    assert stall.available(now_us=NOW) == before.standing - 20 * TRUST
    assert stall.step(pitch_id, "accepted", now_us=NOW + 1)
    assert stall.publish(pitch_id, now_us=NOW + 2)
    after = stall.book(now_us=NOW + 3)
    seen = stall.see(pitch_id, now_us=NOW + 3)
    assert (seen.status, seen.quoted, seen.captured, seen.unpaid, seen.holds) == ("published", 10**7, 10**7, 0, 0)
    assert after.standing - before.standing == -10 * TRUST + TRUST * 3 // 2
    assert after.state.mending_pitch - before.state.mending_pitch == 8 * TRUST
    assert after.available == after.standing
    with pytest.raises(TooEarly):
        stall.outcome(pitch_id, now_us=NOW + 6 * DAY_US, positive=90, negative=10)
    told: dict[str, Any] = {"positive": 95, "negative": 5, "compensation": 150_000, "result": "1.2", "objections": 3}
    assert stall.outcome(pitch_id, now_us=NOW + 7 * DAY_US, **told)
    found = stall.see(pitch_id, now_us=NOW + 7 * DAY_US).outcome
    assert found is not None
    assert (found.source, found.facts.compensation, found.facts.result) == ("acme", 150_000, 1_200_000)
    assert found.ratio < 10**6
    assert stall.count("outcome") == 1
    stall.prove()


def test_a_quote_binds_while_it_lives(stall: Stall) -> None:
    """Neither an expired quote can be held, nor one that a newer has replaced, nor one that was never made."""
    old = stall.quote(now_us=NOW)
    with pytest.raises(QuoteExpired):
        stall.hold(old, now_us=NOW + 24 * HOUR_US)
    new = stall.quote(now_us=NOW + 1)
    with pytest.raises(QuoteReplaced):
        stall.hold(old, now_us=NOW + 2)
    assert stall.hold(new, now_us=NOW + 2)
    with pytest.raises(NotFound):
        stall.hold(replace(new, quote_id="0192f0c1-0000-7000-8000-0000000000ff"), now_us=NOW)
    assert stall.count("pitch_held") == 1


def test_holding_a_quote_twice_is_one_hold(stall: Stall) -> None:
    """Also after it expired, was replaced or came to an end: it is the same pitch."""
    quote = stall.quote(now_us=NOW)
    assert stall.hold(quote, now_us=NOW)
    newer = stall.quote(now_us=NOW + 1)
    assert not stall.hold(quote, now_us=NOW + 2)
    assert not stall.hold(quote, now_us=NOW + 30 * HOUR_US)
    stall.step(quote.quote_id, "withdrawn", now_us=NOW + 3)
    assert not stall.hold(quote, now_us=NOW + 4)
    assert stall.see(quote.quote_id, now_us=NOW + 4).status == "withdrawn"
    assert stall.hold(newer, now_us=NOW + 5)
    assert stall.count("pitch_held") == 2


def test_trust_cannot_be_leveraged(stall: Stall) -> None:
    """What earlier pitches hold is not available: one micro-trust too many is refused, and nothing is written."""
    stall.accepted(now_us=NOW)
    left = stall.available(now_us=NOW)
    with pytest.raises(ExceedsAvailable):
        stall.held(now_us=NOW, held=left + 1)
    stall.held(now_us=NOW, held=left)
    assert stall.available(now_us=NOW) == 0
    assert stall.count("pitch_held") == 2


def test_a_brand_pitches_where_it_was_let_in(stall: Stall) -> None:
    """Not before, not once it is over: accepted but not yet established is enough."""
    with pytest.raises(NotLetIn):
        stall.held(now_us=NOW, brand="adidas")
    stall.let_in("adidas", now_us=NOW)
    stall.held(now_us=NOW, brand="adidas")
    told: dict[str, Any] = {"creator_id": stall.creator_id, "brand": "adidas", "status": "ended", "by": "brand"}
    stall.database.write(lambda session: relationships.step(session, **told, clock=lambda: NOW, schedule=RULES))
    with pytest.raises(NotLetIn):
        stall.held(now_us=NOW, brand="adidas")


def test_a_hold_covers_what_its_capture_takes(stall: Stall) -> None:
    """Where a kind audience puts p90 below the formula's drain, the drain is what is held."""
    pitch_id = stall.held(now_us=NOW, held=6 * TRUST)
    assert stall.see(pitch_id, now_us=NOW).holds == 10 * TRUST


def test_a_brand_waits_for_one_answer_at_a_time(stall: Stall) -> None:
    """A second hold is refused by name, for this brand and book alone, until the first has come to something."""
    first = stall.held(now_us=NOW)
    quote = stall.quote(now_us=NOW + 1)
    with pytest.raises(HoldWaiting, match="nike"):
        stall.hold(quote, now_us=NOW + 1)
    stall.let_in("adidas", now_us=NOW)
    stall.held(now_us=NOW + 1, brand="adidas")
    assert stall.step(first, "accepted", now_us=NOW + 2)
    assert stall.hold(quote, now_us=NOW + 3)
    stall.quote(now_us=NOW + 3)
    end = NOW + 3 + 14 * DAY_US
    assert stall.held(now_us=end)  # what ran out waits no more, written down or not
    stall.prove()


def test_what_the_hold_says_binds(stall: Stall) -> None:
    """Whoever edits the quote, or deletes it, between hold and publication changes nothing."""
    pitch_id = stall.accepted(now_us=NOW)
    with stall.database.transaction() as session:
        db.execute(session, "UPDATE quote SET terms = ?", ('{"mending": 1000000, "share": 0, "drain": 0}',))
    before, rapport = stall.book(now_us=NOW), stall.counter.rows("SELECT fresh FROM book WHERE meter = 'brand:nike'")
    stall.publish(pitch_id, now_us=NOW + 1)
    after = stall.book(now_us=NOW + 1)
    assert after.standing - before.standing == -10 * TRUST + TRUST * 3 // 2
    assert after.state.mending_pitch - before.state.mending_pitch == 8 * TRUST
    assert stall.counter.rows("SELECT fresh FROM book WHERE meter = 'brand:nike'") < rapport
    stall.prove()


@pytest.mark.parametrize("column", ["share", "mending", "clear", "vague", "drain"])
def test_whoever_edits_a_hold_is_found_out(stall: Stall, column: str) -> None:
    """What publication goes by is audited."""
    stall.accepted(now_us=NOW)
    stall.prove()
    with stall.database.transaction() as session:
        db.execute(session, f"UPDATE pitch SET {column} = {column} + 1")
    with stall.database.snapshot() as snapshot:
        report = audit.verify(snapshot, schedule=RULES)
    assert not report.ok


def test_a_quote_from_a_smaller_book_is_no_bargain(stall: Stall) -> None:
    """The quoted share of what there is at publication is taken, where that is more than what was quoted."""
    pitch_id = stall.accepted(now_us=NOW, drain=TRUST, held=TRUST)
    before = stall.book(now_us=NOW).standing
    stall.publish(pitch_id, now_us=NOW)
    taken, seen = scale(before, 50_000), stall.see(pitch_id, now_us=NOW)
    assert taken > TRUST
    assert (seen.quoted, seen.captured, seen.unpaid) == (TRUST, taken, 0)
    assert stall.book(now_us=NOW).standing == before - taken + scale(taken, 150_000)
    stall.prove()


def test_a_capture_is_clipped_by_later_losses(stall: Stall) -> None:
    """What broke between authorisation and capture is no longer there: the rest is recorded as unpaid."""
    pitch_id = stall.held(now_us=NOW, held=80 * TRUST, drain=80 * TRUST)
    stall.step(pitch_id, "accepted", now_us=NOW)
    breach = tell("breach", ref="b", at_us=NOW, severity=4)
    stall.counter.post(breach, now_us=NOW + 1)
    left = stall.book(now_us=NOW + 2).standing
    assert 0 < left < 80 * TRUST
    stall.publish(pitch_id, now_us=NOW + 2)
    seen = stall.see(pitch_id, now_us=NOW + 2)
    assert (seen.captured, seen.unpaid) == (left, 80 * TRUST - left)
    stall.prove()


def test_disclosed_less_plainly_than_quoted(stall: Stall) -> None:
    """The drain stays as quoted, and what is given back is what that disclosure earned under the quote's rules."""
    pitch_id = stall.held(now_us=NOW)
    stall.step(pitch_id, "accepted", now_us=NOW)
    before = stall.book(now_us=NOW).standing
    stall.publish(pitch_id, now_us=NOW, disclosure="vague")
    assert stall.book(now_us=NOW).standing - before == -10 * TRUST + TRUST // 2
    assert stall.see(pitch_id, now_us=NOW).disclosed == "vague"
    with pytest.raises(ReferenceReused):
        stall.publish(pitch_id, now_us=NOW, disclosure="clear")


ENDS = ("declined", "withdrawn", "expired", "published")


def ended(stall: Stall, how: str) -> str:
    """A pitch that came to an end within a minute, or ran out after its time; its id."""
    pitch_id = stall.held(now_us=NOW)
    if how == "published":
        stall.step(pitch_id, "accepted", now_us=NOW)
        stall.publish(pitch_id, now_us=NOW)
    elif how == "expired":
        assert stall.sweep(now_us=NOW + 14 * DAY_US) == 1
    else:
        stall.step(pitch_id, how, now_us=NOW)
    return pitch_id


@pytest.mark.parametrize("how", ENDS)
def test_what_has_ended_stays_ended(stall: Stall, how: str) -> None:
    """Nothing but the same again, which changes nothing, may be done to a pitch that has ended."""
    pitch_id, later = ended(stall, how), NOW + 14 * DAY_US
    written = len(stall.counter.entries())
    for status in ("accepted", "declined", "withdrawn"):
        again = status == how or (status, how) == ("accepted", "published")
        assert refused(partial(stall.step, pitch_id, status, now_us=later)) is (None if again else IllegalTransition)
    assert refused(lambda: stall.publish(pitch_id, now_us=later)) is (None if how == "published" else IllegalTransition)
    assert stall.sweep(now_us=later) == 0
    assert len(stall.counter.entries()) == written
    assert stall.see(pitch_id, now_us=later).status == how


def refused(work: Callable[[], bool]) -> type[LedgerError] | None:
    """What a call is refused with; None where it is answered, and then as a replay."""
    try:
        assert not work()
    except LedgerError as refusal:
        return type(refusal)
    return None


# How holds are known to go wrong


@pytest.mark.parametrize("how", ["declined", "withdrawn"])
def test_void_twice_is_one_void(stall: Stall, how: str) -> None:
    """Ending a pitch again frees nothing twice: one line, and as much available as before it was held."""
    before = stall.available(now_us=NOW)
    pitch_id = stall.held(now_us=NOW)
    assert [stall.step(pitch_id, how, now_us=NOW + n, by=by) for n, by in enumerate(("creator", "brand"))] == [
        True,
        False,
    ]
    assert (stall.count("pitch_step"), stall.available(now_us=NOW)) == (1, before)
    stall.prove()


@pytest.mark.parametrize("how", ENDS)
def test_finished_holds_are_not_counted(stall: Stall, how: str) -> None:
    """However a pitch ended, it reserves nothing: what is available is what stands, and can all be held."""
    ended(stall, how)
    later = NOW + 14 * DAY_US
    book = stall.book(now_us=later)
    assert book.available == book.standing
    stall.held(now_us=later, held=book.standing)


def test_an_expired_hold_is_expired_though_no_scheduler_ran(stall: Stall) -> None:
    """Its end is in the database: a reader sees it, what it held is available, and nothing more can come of it."""
    pitch_id = stall.held(now_us=NOW)
    stall.step(pitch_id, "accepted", now_us=NOW)
    end = NOW + 14 * DAY_US
    last = stall.see(pitch_id, now_us=end - 1)
    assert (last.status, last.holds, last.expires_at_us) == ("accepted", 20 * TRUST, end)
    over = stall.see(pitch_id, now_us=end)
    assert (over.status, over.holds) == ("expired", 0)
    standing = stall.book(now_us=end).standing
    assert stall.available(now_us=end - 1) == stall.book(now_us=end - 1).standing - 20 * TRUST
    assert stall.available(now_us=end) == standing
    for status in ("declined", "withdrawn"):
        with pytest.raises(IllegalTransition):
            stall.step(pitch_id, status, now_us=end)
    with pytest.raises(IllegalTransition):
        stall.publish(pitch_id, now_us=end)
    assert [one.status for one in listed(stall, now_us=end, status="expired")] == ["expired"]
    assert listed(stall, now_us=end, status="accepted") == []
    stall.held(now_us=end, held=standing)


def listed(stall: Stall, *, now_us: int, **asked: Any) -> list[Authorised]:
    """Pitches as a list shows them."""
    return stall.database.read(lambda reader: authorised.listed(reader, limit=9, now_us=now_us, **asked))


def test_sweeping_changes_nothing_that_readers_see(stall: Stall) -> None:
    """Written down or not: the same status, the same available, then and as of any moment."""
    pitch_id = stall.accepted(now_us=NOW)
    kept = stall.held(now_us=NOW + DAY_US)
    end = NOW + 14 * DAY_US
    moments = (NOW + 1, end - 1, end, end + 1, end + DAY_US - 1)

    def look() -> list[object]:
        then = [stall.available(now_us=end + 2 * DAY_US, as_of_us=moment) for moment in moments]
        return [stall.available(now_us=end), stall.see(kept, now_us=end).status, *then]

    before = look()
    assert stall.sweep(now_us=end) == 1
    assert stall.sweep(now_us=end) == 0
    assert look() == before
    assert (stall.see(pitch_id, now_us=end).status, stall.see(kept, now_us=end).status) == ("expired", "held")
    stall.prove()


def test_what_was_available_does_not_change_afterwards(stall: Stall) -> None:
    """As of a moment, a pitch reserves what it reserved then, whatever has become of it since."""
    before = stall.available(now_us=NOW)
    pitch_id = stall.held(now_us=NOW + 10)
    stall.step(pitch_id, "withdrawn", now_us=NOW + 20)
    late = NOW + DAY_US
    found = [stall.available(now_us=late, as_of_us=NOW + at) for at in (9, 15, 19, 25)]
    assert found == [before, before - 20 * TRUST, before - 20 * TRUST, before]


def test_any_number_of_sweeps_expire_each_pitch_once(stall: Stall) -> None:
    """Four schedulers at once, in chunks of two: seven accepted pitches, seven lines more, and nobody fails."""
    for _ in range(7):
        stall.accepted(now_us=NOW, held=5 * TRUST, drain=TRUST)
    end = NOW + 14 * DAY_US
    counts = together([lambda: stall.sweep(now_us=end, limit=2)] * 4)
    assert (sum(counts), stall.count("pitch_step")) == (7, 7 + 7)
    stall.prove()


def test_the_hourly_job_writes_down_what_ran_out(stall: Stall) -> None:
    """Whatever the day: it is found where it is due, and done once."""
    pitch_id = stall.held(now_us=NOW)
    ends_us = stall.see(pitch_id, now_us=NOW).expires_at_us
    task = next(one for one in TASKS if one.name == "expiry")
    counts = []
    for now_us in (ends_us - 1, ends_us, ends_us + 1):
        task.run(Desk(stall.database, Settings(), lambda now_us=now_us: now_us), DAY + 1)  # type: ignore[misc]
        counts.append(stall.count("pitch_step"))
    assert counts == [0, 1, 1]


def test_what_ran_out_long_ago_can_still_be_written_down(stall: Stall) -> None:
    """Though no scheduler ran for two years."""
    stall.held(now_us=NOW)
    assert stall.sweep(now_us=NOW + 800 * DAY_US) == 1


def test_of_racing_captures_one_takes(stall: Stall) -> None:
    """Eight threads publish at once: one capture, the others are told that it was done."""
    pitch_id = stall.held(now_us=NOW)
    stall.step(pitch_id, "accepted", now_us=NOW)
    before = stall.book(now_us=NOW).standing
    answers = together([partial(stall.publish, pitch_id, now_us=NOW + n) for n in range(8)])
    assert sorted(answers) == [False] * 7 + [True]
    assert stall.count("pitch") == 1
    assert stall.book(now_us=NOW + 9).standing - before == -10 * TRUST + TRUST * 3 // 2
    stall.prove()


def test_of_racing_holds_what_is_available_is_the_limit(stall: Stall) -> None:
    """Eight brands hold at once, each a quarter of what there is: four may, four may not."""
    part = stall.available(now_us=NOW) // 4
    brands = [f"brand-{n}" for n in range(8)]
    for brand in brands:
        stall.let_in(brand, now_us=NOW)
    made = [stall.quote(now_us=NOW, brand=brand, held=part, drain=TRUST) for brand in brands]

    def work(quote: Quote) -> bool:
        try:
            return stall.hold(quote, now_us=NOW + 5)
        except ExceedsAvailable:
            return False

    assert sum(together([partial(work, quote) for quote in made])) == 4
    assert stall.available(now_us=NOW + 5) < part


def together(work: list[Callable[[], Any]]) -> list[Any]:
    """What each gives, all begun at the same moment."""
    start, found = threading.Barrier(len(work)), []

    def begin(one: Callable[[], Any]) -> None:
        start.wait()
        found.append(one())

    threads = [threading.Thread(target=begin, args=(one,)) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == len(work)
    return found


PROCESS = """
import sys
from ledger import pitches
from ledger.db import Database
from tests.desk import RULES
url, creator_id, pitch_id, now_us, ends = sys.argv[1:]
print("ready", flush=True)
sys.stdin.readline()
database = Database(url)
told = dict(creator_id=creator_id, pitch_id=pitch_id, disclosure="clear", clock=lambda: int(now_us), schedule=RULES)
print(database.write(lambda session: pitches.publish(session, **told)))
"""


def test_of_racing_processes_one_takes(stall: Stall, database_url: str) -> None:
    """Four processes publish at once: one capture, three replays."""
    pitch_id = stall.held(now_us=NOW)
    stall.step(pitch_id, "accepted", now_us=NOW)
    command = [sys.executable, "-c", PROCESS, database_url, stall.creator_id, pitch_id, str(NOW + 1), "x"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    running = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment)
        for _ in range(4)
    ]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=60)[0].strip() for process in running]
    assert sorted(answers) == ["False"] * 3 + ["True"]
    assert stall.count("pitch") == 1


# Outcomes


def published(stall: Stall) -> str:
    """A pitch that is out; its id."""
    pitch_id = stall.held(now_us=NOW)
    stall.step(pitch_id, "accepted", now_us=NOW)
    stall.publish(pitch_id, now_us=NOW)
    return pitch_id


def test_an_outcome_is_told_once(stall: Stall) -> None:
    """The same again is a replay, other figures are a conflict, and another partner comes too late."""
    pitch_id, later = published(stall), NOW + 8 * DAY_US
    assert stall.outcome(pitch_id, now_us=later, positive=90, negative=10)
    assert not stall.outcome(pitch_id, now_us=later + 5, positive=90, negative=10)
    with pytest.raises(ReferenceReused) as conflict:
        stall.outcome(pitch_id, now_us=later, positive=91, negative=10)
    assert conflict.value.pointer == "/positive"
    with pytest.raises(AlreadyDone):
        stall.outcome(pitch_id, now_us=later, source="bolt", positive=90, negative=10)
    assert stall.count("outcome") == 1


def test_only_what_was_published_has_an_outcome(stall: Stall) -> None:
    """A pitch that is held, or ran out, has none, and is told so by name."""
    pitch_id = stall.held(now_us=NOW)
    for later, status in ((NOW + 8 * DAY_US, "held"), (NOW + 20 * DAY_US, "expired")):
        with pytest.raises(IllegalTransition, match=status):
            stall.outcome(pitch_id, now_us=later, positive=1, negative=1)


def test_what_was_paid_prices_nothing(database: Database) -> None:
    """Whatever the brand paid or got, the line is the same to the last micro."""
    stall = Stall(database)
    ids = [published(stall), published(stall)]
    stall.outcome(ids[0], now_us=NOW + 7 * DAY_US, positive=50, negative=9)
    stall.outcome(
        ids[1],
        now_us=NOW + 7 * DAY_US,
        positive=50,
        negative=9,
        compensation=10**9,
        result="50",
        reach=10**9,
        objections=10**6,
    )
    taken = [stall.see(pitch_id, now_us=NOW + 7 * DAY_US).outcome for pitch_id in ids]
    assert taken[0] is not None
    assert taken[1] is not None
    assert taken[0].ratio == taken[1].ratio


# Lists


def test_lists_are_read_page_by_page(stall: Stall) -> None:
    """Newest first, of a brand, a creator or networks, each pitch once."""
    made = [stall.accepted(now_us=NOW + n, held=10 * TRUST) for n in range(5)]
    first = stall.database.read(lambda reader: authorised.listed(reader, limit=3, now_us=NOW, brand=BRAND))
    rest = stall.database.read(
        lambda reader: authorised.listed(reader, limit=3, now_us=NOW, brand=BRAND, before=first[-1].pitch_id)
    )
    assert [one.pitch_id for one in first + rest] == made[::-1]
    assert listed(stall, now_us=NOW, brand="adidas") == []
    assert len(listed(stall, now_us=NOW, networks=["youtube"])) == 5
    assert listed(stall, now_us=NOW, networks=["tiktok"]) == listed(stall, now_us=NOW, networks=[]) == []
    assert len(listed(stall, now_us=NOW, creator_id=stall.creator_id, status="accepted")) == 5


def test_a_day_of_expiry_is_a_day(stall: Stall) -> None:
    """A hold lasts for the days that the policy of its quote says."""
    pitch_id = stall.held(now_us=NOW)
    days = FOUNDING["pitch.hold_days"]
    assert stall.see(pitch_id, now_us=NOW).expires_at_us == noon(5 + days)
    assert DAY + 5 + days == stall.see(pitch_id, now_us=NOW).expires_at_us // DAY_US
