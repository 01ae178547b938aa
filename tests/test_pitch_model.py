"""A model of holds walked at random beside the real books: an oracle of a few lines says what each call must do."""

from dataclasses import dataclass, field
from itertools import count
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from ledger import relationships, settlement
from ledger.db import Database
from ledger.economy import DAY_US, HOUR_US, PPM, scale
from ledger.errors import LedgerError
from ledger.quotes import Quote
from tests.desk import FOUNDING, METER, RULES, TRUST, noon, tell
from tests.test_pitches import TERMS, Stall

BRANDS = ("nike", "oats")
SECOND_US = 1_000_000
CREDIT = {"clear": 150_000, "vague": 50_000}
WALKS = settings(
    max_examples=40,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
LIVE = ("held", "accepted")
DONE = "done"
AGAIN = "again"


@dataclass
class Held:
    """What the oracle knows of a pitch."""

    brand: str
    drain: int
    share: int
    held: int
    expires_at_us: int
    status: str = "held"
    taken: int = 0
    unpaid: int = 0
    disclosure: str = ""
    published_day: int = 0
    measured: bool = False
    past: set[str] = field(default_factory=set)

    def now(self, now_us: int) -> str:
        """Its status at a moment."""
        is_over = self.status in LIVE and now_us >= self.expires_at_us
        return "expired" if is_over else self.status

    def holds(self, now_us: int) -> int:
        """What it reserves at a moment."""
        return self.held if self.now(now_us) in LIVE else 0


class Walk(RuleBasedStateMachine):
    """One creator, two brands, and whatever may happen between them."""

    database: Database
    names = count()

    def __init__(self) -> None:
        super().__init__()
        self.name = f"walker-{next(self.names)}"
        self.stall = Stall(self.database, days=0, name=self.name)
        self.now_us, self.refs = noon(0), count()
        self.quotes: list[Quote] = []
        self.pitches: dict[str, Held] = {}
        self.let_in: set[str] = set()
        self.blocked: set[str] = set()

    @initialize()
    def begin(self) -> None:
        """Both brands are let in, and there is some standing."""
        self.stall.let_in("oats", now_us=self.tick())
        self.let_in |= {*BRANDS}
        self.engage(20)
        self.wait(1, 0)
        self.engage(20)

    # What the oracle needs to know

    def tick(self) -> int:
        """The next second."""
        self.now_us += SECOND_US
        return self.now_us

    def tell(self, kind: str, **facts: Any) -> str:
        """Tell of something; what became of it."""
        at_us = self.tick()
        told = tell(kind, ref=f"r{next(self.refs)}", at_us=at_us, creator=f"youtube:{self.name}", **facts)
        return self.stall.counter.post(told, now_us=at_us)[0].status

    def standing(self) -> int:
        """What stands now."""
        return self.stall.book(now_us=self.now_us).standing

    def reserved(self) -> int:
        """What the oracle has reserved now."""
        return sum(pitch.holds(self.now_us) for pitch in self.pitches.values())

    def waiting(self, brand: str) -> list[Held]:
        """What a brand holds that the creator has not answered."""
        return [one for one in self.pitches.values() if one.brand == brand and one.now(self.now_us) == "held"]

    def picked(self, number: int) -> tuple[str, Held]:
        """One of the pitches."""
        pitch_id = sorted(self.pitches)[number % len(self.pitches)]
        return pitch_id, self.pitches[pitch_id]

    def live(self) -> list[int]:
        """The places of those still in play."""
        return [place for place, one in enumerate(sorted(self.pitches)) if self.pitches[one].now(self.now_us) in LIVE]

    def did(self, work: Any) -> str:
        """What a call came to: done, the same again, or the name it was refused by."""
        try:
            return DONE if work() else AGAIN
        except LedgerError as refusal:
            return refusal.code

    # What may happen

    @rule(acts=st.integers(1, 20))
    def engage(self, acts: int) -> None:
        """Fans reply."""
        at_us = self.tick()
        creator = f"youtube:{self.name}"
        told = [
            tell("engagement", ref=f"r{n}", at_us=at_us, creator=creator, act="reply", engager=f"fan {n}")
            for n in (next(self.refs) for _ in range(acts))
        ]
        self.stall.counter.post(*told, now_us=at_us)

    @rule(days=st.integers(0, 1), hours=st.integers(0, 23))
    def wait(self, days: int, hours: int) -> None:
        """Time goes by."""
        self.now_us += days * DAY_US + hours * HOUR_US

    @precondition(lambda self: self.pitches)
    @rule(number=st.integers(0, 99), early=st.booleans())
    def wait_for_the_end(self, number: int, early: bool) -> None:
        """Time goes by until the moment in which a pitch runs out, or the second before."""
        _, pitch = self.picked(number)
        self.now_us = max(self.now_us, pitch.expires_at_us - (2 if early else 1) * SECOND_US)

    @rule(brand=st.sampled_from(BRANDS), drain=st.integers(0, 60), held=st.integers(0, 60), share=st.integers(0, 35))
    def quote(self, brand: str, drain: int, held: int, share: int = 5) -> None:
        """A brand is quoted for: parts of a hundred of 50 trust, so that some of it is more than there is."""
        terms = {"drain": drain * TRUST // 2, "held": held * TRUST // 2, "share": share * PPM // 100}
        self.quotes.append(self.stall.quote(now_us=self.tick(), brand=brand, **terms))

    @rule(brand=st.sampled_from(BRANDS), drain=st.integers(1, 20), more=st.integers(-5, 15), far=st.integers(0, 2))
    def authorise(self, brand: str, drain: int, more: int, far: int) -> None:
        """A brand is quoted for, and holds at once; and may go on from there."""
        self.quote(brand, drain, max(0, drain + more))
        self.hold(0)
        for _ in range(far):
            if self.reserved():
                self.carry_on(-1)

    @precondition(lambda self: self.quotes)
    @rule(back=st.integers(0, 3))
    def hold(self, back: int) -> None:
        """One of the latest quotes is held: it binds, or says why not; no more is held than is available."""
        at_us = self.tick()
        quote = self.quotes[-1 - back % len(self.quotes)]
        reserve = max(quote.terms.held, quote.terms.drain)
        newest = next(one for one in reversed(self.quotes) if one.brand == quote.brand)
        free = max(0, self.standing()) - self.reserved()
        expected = DONE
        if quote.quote_id in self.pitches:
            expected = AGAIN
        elif at_us >= quote.expires_at_us:
            expected = "quote_expired"
        elif newest is not quote:
            expected = "quote_replaced"
        elif quote.brand not in self.let_in:
            expected = "not_let_in"
        elif self.waiting(quote.brand):
            expected = "hold_waiting"
        elif reserve > free:
            expected = "exceeds_available"
        assert self.did(lambda: self.stall.hold(quote, now_us=at_us)) == expected
        if expected == DONE:
            ends_us = at_us + FOUNDING["pitch.hold_days"] * DAY_US
            self.pitches[quote.quote_id] = Held(quote.brand, quote.terms.drain, quote.terms.share, reserve, ends_us)
            assert self.reserved() <= max(0, self.standing())

    @precondition(lambda self: self.pitches)
    @rule(
        number=st.integers(0, 99),
        to=st.sampled_from(("accepted", "declined", "withdrawn")),
        by=st.sampled_from(("creator", "brand", "partner")),
        in_play=st.booleans(),
    )
    def step(self, number: int, to: str, by: str, in_play: bool = False) -> None:
        """A pitch is accepted, declined or withdrawn: as it stands, it may, it was, or it is refused by name."""
        at_us = self.tick()
        live = self.live()
        pitch_id, pitch = self.picked(live[number % len(live)] if in_play and live else number)
        may = {"accepted": ("held",), "declined": ("held",), "withdrawn": ("held", "accepted")}[to]
        expected = AGAIN if to in pitch.past else DONE if pitch.now(at_us) in may else "illegal_transition"
        assert self.did(lambda: self.stall.step(pitch_id, to, now_us=at_us, by=by)) == expected
        if expected == DONE:
            pitch.status = to
            pitch.past.add(to)

    @precondition(lambda self: self.reserved())
    @rule(number=st.integers(0, 99), losses=st.integers(-3, 3))
    def carry_on(self, number: int, losses: int = 0) -> None:
        """A pitch that is still in play goes the way it is meant to go, though much may break before."""
        for _ in range(losses):
            self.lose("breach", 4)
        place = self.live()[number % len(self.live())]
        if self.picked(place)[1].status == "held":
            self.step(place, "accepted", "creator")
        else:
            self.publish(place, "clear")

    @precondition(lambda self: self.pitches)
    @rule(number=st.integers(0, 99), disclosure=st.sampled_from(sorted(CREDIT)))
    def publish(self, number: int, disclosure: str) -> None:
        """What was quoted is taken, or the quoted share where that is more, as far as it is there, once."""
        at_us = self.tick()
        pitch_id, pitch = self.picked(number)
        before = self.standing()
        expected = DONE if pitch.now(at_us) == "accepted" else "illegal_transition"
        if pitch.status == "published":
            expected = AGAIN if pitch.disclosure == disclosure else "external_ref_reused"
        assert self.did(lambda: self.stall.publish(pitch_id, now_us=at_us, disclosure=disclosure)) == expected
        if expected != DONE:
            assert self.standing() == before
            return
        pitch.status, pitch.disclosure, pitch.published_day = "published", disclosure, at_us // DAY_US
        available = max(0, before)
        pitch.taken = min(max(pitch.drain, scale(available, pitch.share)), available)
        pitch.unpaid = max(0, pitch.drain - available)
        assert self.standing() - before == -pitch.taken + scale(pitch.taken, CREDIT[disclosure])

    @precondition(lambda self: self.pitches)
    @rule(number=st.integers(0, 99), negative=st.integers(0, 100), later=st.booleans())
    def outcome(self, number: int, negative: int, later: bool) -> None:
        """It is told how a pitch was taken: after its week, once, and never below nothing."""
        self.now_us += 7 * DAY_US if later and self.picked(number)[1].status == "published" else 0
        at_us = self.tick()
        pitch_id, pitch = self.picked(number)
        if pitch.measured:
            return
        before = self.standing()
        expected = DONE
        if pitch.now(at_us) != "published":
            expected = "illegal_transition"
        elif at_us // DAY_US - pitch.published_day < FOUNDING["outcome.days"]:
            expected = "too_early"
        told: dict[str, Any] = {"positive": 100, "negative": negative, "compensation": negative}
        assert self.did(lambda: self.stall.outcome(pitch_id, now_us=at_us, **told)) == expected
        pitch.measured = expected == DONE
        assert min(0, before) <= self.standing() <= max(before, 0) + pitch.taken // 2 + 1

    @rule(nightly=st.booleans())
    def jobs(self, nightly: bool) -> None:
        """One job writes down what ran out, another posts decay and recovery; nobody sees a difference."""
        at_us = self.tick()
        if nightly:
            settlement.settle(self.database, through_day=at_us // DAY_US, clock=lambda: at_us, schedule=RULES)
        else:
            self.stall.sweep(now_us=at_us)

    @rule(kind=st.sampled_from(("breach", "breach", "pitch", "undisclosed_pitch")), severity=st.integers(1, 4))
    def lose(self, kind: str, severity: int) -> None:
        """Trust breaks meanwhile, below nothing if need be, or goes into posts that nobody authorised."""
        facts: dict[str, Any] = {"severity": severity} if kind == "breach" else {"brand": "else"}
        assert self.tell(kind, **facts, **({"disclosure": "clear"} if kind == "pitch" else {})) == "posted"

    @precondition(lambda self: len(self.let_in) == len(BRANDS))
    @rule(brand=st.sampled_from(BRANDS), status=st.sampled_from(("ended", "ended", "blocked")))
    def part(self, brand: str, status: str) -> None:
        """A relationship is over: what was accepted stands, what waits is withdrawn, nothing more is held."""
        at_us = self.tick()
        told: dict[str, Any] = {"creator_id": self.stall.creator_id, "brand": brand, "status": status, "by": "creator"}
        work = self.database.write
        answer = self.did(lambda: work(lambda s: relationships.step(s, **told, clock=lambda: at_us, schedule=RULES)))
        assert answer == DONE
        for pitch in self.waiting(brand):
            pitch.status = "withdrawn"
            pitch.past.add("withdrawn")
        self.let_in.discard(brand)
        self.blocked |= {brand} if status == "blocked" else set()

    @precondition(lambda self: len(self.let_in) < len(BRANDS))
    @rule()
    def come_back(self) -> None:
        """A brand that left is let in again, a month later."""
        self.now_us += FOUNDING["relationship.again_days"] * DAY_US
        for brand in {*BRANDS} - self.let_in:
            if brand in self.blocked:
                self.unblock(brand)
            self.stall.let_in(brand, now_us=self.tick())
        self.let_in |= {*BRANDS}
        self.blocked.clear()

    def unblock(self, brand: str) -> None:
        """A brand may ask again."""
        at_us = self.tick()
        told: dict[str, Any] = {"creator_id": self.stall.creator_id, "brand": brand, "status": "unblocked"}
        told |= {"by": "creator", "clock": lambda: at_us, "schedule": RULES}
        assert self.stall.database.write(lambda session: relationships.step(session, **told))

    # What must always hold

    @invariant()
    def available_is_the_oracles(self) -> None:
        """What stands less what is reserved: expired, ended and published pitches reserve nothing, swept or not."""
        book = self.stall.book(now_us=self.now_us)
        assert book.available == max(0, max(0, book.standing) - self.reserved())

    @invariant()
    def each_pitch_is_as_the_oracle_has_it(self) -> None:
        """Status, what it holds, what it took and what it could not."""
        for pitch_id, pitch in self.pitches.items():
            seen = self.stall.see(pitch_id, now_us=self.now_us)
            expected = (pitch.now(self.now_us), pitch.holds(self.now_us), pitch.taken, pitch.unpaid, pitch.measured)
            assert (seen.status, seen.holds, seen.captured, seen.unpaid, seen.outcome is not None) == expected

    def teardown(self) -> None:
        """Nothing was taken twice, and all of it can be worked out again."""
        captured = self.stall.counter.rows(
            "SELECT count(*) FROM entry e JOIN event v ON v.creator_id = e.creator_id AND v.event_id = e.event_id"
            " WHERE e.creator_id = ? AND e.meter = ? AND e.kind = 'pitch' AND v.kind = 'pitch_published'",
            self.stall.creator_id,
            METER,
        )
        assert captured[0][0] == sum(pitch.status == "published" for pitch in self.pitches.values())
        self.stall.prove()


def test_holds_do_what_their_oracle_says(database: Database) -> None:
    """Quotes, holds, steps, captures, outcomes, breaches, expiry and jobs, in any order: as a small oracle has it."""
    assert TERMS.brand in BRANDS
    Walk.database = database
    run_state_machine_as_test(Walk, settings=WALKS)
