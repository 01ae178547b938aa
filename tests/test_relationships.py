"""Relationships: who was let in, when it is established, and how it ends. Each truth on both engines."""

import threading
from typing import Any

import pytest

from ledger import audit, creators, events, queries, relationships
from ledger.db import Database
from ledger.errors import IllegalTransition, NotLetIn, TooEarly, UnknownCreator
from ledger.events import CreatorRef
from ledger.relationships import Seen
from tests.desk import DAY, RULES, TRUST, Counter, noon, tell

BRAND = "nike"
METER = "brand:nike"


@pytest.fixture
def counter(database: Database) -> Counter:
    """A counter with one creator."""
    return Counter(database)


def introduce(counter: Counter, *, day: int, brand: str = BRAND, creator_id: str | None = None) -> bool:
    """A brand introduces itself on a day at noon."""
    told: dict[str, Any] = {"creator_id": creator_id or counter.ids["u1"], "brand": brand, "schedule": RULES}
    return counter.database.write(lambda session: relationships.introduce(session, **told, clock=lambda: noon(day)))


def take(counter: Counter, status: str, *, day: int, by: str = "creator", brand: str = BRAND) -> bool:
    """A step taken on a day at noon."""
    told: dict[str, Any] = {"creator_id": counter.ids["u1"], "brand": brand, "status": status, "by": by}
    return counter.database.write(
        lambda session: relationships.step(session, **told, clock=lambda: noon(day), schedule=RULES)
    )


def exchange(counter: Counter, *, day: int, number: int = 0) -> str:
    """A genuine exchange, and what became of it."""
    told = tell("exchange", ref=f"x-{day}-{number}", at_us=noon(day), meter=METER)
    return counter.post(told, now_us=noon(day))[0].status


def seen(counter: Counter, *, day: int, brand: str = BRAND) -> Seen:
    """How brand and creator stand on a day."""
    told: dict[str, Any] = {"creator_id": counter.ids["u1"], "brand": brand, "now_us": noon(day), "schedule": RULES}
    found = counter.database.read(lambda reader: relationships.find(reader, **told))
    assert found is not None
    return found


def let_in(counter: Counter, *, day: int) -> None:
    """A brand that is accepted on the day it introduces itself."""
    assert introduce(counter, day=day)
    assert take(counter, "accepted", day=day)


def lines(counter: Counter) -> list[str]:
    """The kinds of line in the brand's book, oldest first."""
    return [row[3] for row in counter.entries() if row[1] == METER]


def test_a_brand_is_let_in_and_becomes_established(counter: Counter) -> None:
    """Introduced, accepted, three exchanges, fourteen days: before that it says what is missing."""
    assert introduce(counter, day=0)
    first = seen(counter, day=0)
    assert (first.status, first.since_day, first.lacking, first.established_from) == ("introduced", DAY, None, None)
    assert take(counter, "accepted", day=1)
    assert [exchange(counter, day=day) for day in (2, 3)] == ["posted"] * 2
    waiting = seen(counter, day=3)
    assert (waiting.status, waiting.exchanges, waiting.lacking, waiting.established) == ("accepted", 2, 1, False)
    assert waiting.established_from == DAY + 15
    assert exchange(counter, day=4) == "posted"
    assert [seen(counter, day=day).established for day in (14, 15)] == [False, True]
    assert seen(counter, day=4).lacking == 0


def test_rapport_is_what_the_relationship_holds(counter: Counter) -> None:
    """Five for being let in, one for an exchange, one a day; the reader carries it forward."""
    let_in(counter, day=0)
    assert seen(counter, day=0).rapport == 5 * TRUST
    for number in range(2):
        assert exchange(counter, day=0, number=number) == "posted"
    assert (seen(counter, day=0).rapport, seen(counter, day=0).exchanges) == (6 * TRUST, 1)
    assert seen(counter, day=90).rapport < 6 * TRUST
    asked: dict[str, Any] = {"creator": CreatorRef(counter.ids["u1"]), "now_us": noon(90), "schedule": RULES}
    found = counter.database.read(lambda reader: queries.balances(reader, **asked))
    book = next(one for one in found.books if one.meter == METER)
    assert (book.standing, book.label, book.relationship) == (seen(counter, day=90).rapport, None, "accepted")
    assert (found.standing, found.available) == (0, 0)


@pytest.mark.parametrize("status", ["accepted", "declined", "ended", "blocked"])
def test_a_step_taken_twice_is_one(counter: Counter, status: str) -> None:
    """Whoever asks a second time changes nothing, whoever they are."""
    assert introduce(counter, day=0)
    assert not introduce(counter, day=0)
    assert take(counter, status, day=1)
    written = lines(counter)
    assert not take(counter, status, day=1, by="partner")
    assert lines(counter) == written
    assert seen(counter, day=1).status == status


@pytest.mark.parametrize(
    ("before", "step"),
    [
        ((), "accepted"),
        ((), "declined"),
        ((), "ended"),
        (("accepted",), "declined"),
        (("declined",), "accepted"),
        (("declined",), "ended"),
        (("accepted", "ended"), "accepted"),
    ],
)
def test_an_illegal_step_is_refused_by_name(counter: Counter, before: tuple[str, ...], step: str) -> None:
    """What does not follow from where they stand changes nothing; nor where there is nothing between them."""
    if before:
        assert introduce(counter, day=0)
    for status in before:
        assert take(counter, status, day=0)
    held = lines(counter)
    with pytest.raises(IllegalTransition if before else UnknownCreator):
        take(counter, step, day=1)
    assert lines(counter) == held


def test_a_declined_brand_may_ask_again_later(counter: Counter) -> None:
    """After thirty days, and being let in then earns what being let in earns the first time."""
    assert introduce(counter, day=0)
    assert take(counter, "declined", day=1)
    assert seen(counter, day=1).again_from == DAY + 31
    with pytest.raises(TooEarly):
        introduce(counter, day=30)
    assert introduce(counter, day=31)
    assert take(counter, "accepted", day=31)
    assert seen(counter, day=31).rapport == 5 * TRUST


def test_being_let_in_again_earns_nothing_again(counter: Counter) -> None:
    """Ending and beginning anew is no way to rapport, and to be established takes as long again."""
    let_in(counter, day=0)
    assert exchange(counter, day=1) == "posted"
    assert take(counter, "ended", day=2, by="brand")
    before = seen(counter, day=32).rapport
    assert introduce(counter, day=32)
    assert take(counter, "accepted", day=32)
    assert (seen(counter, day=32).rapport, seen(counter, day=32).exchanges) == (before, 0)


def test_a_blocked_brand_gets_nowhere(counter: Counter) -> None:
    """Blocking ends what there was; a brand can be blocked before it ever came, and nobody hears of that."""
    let_in(counter, day=0)
    assert take(counter, "blocked", day=1)
    assert seen(counter, day=1).status == "blocked"
    with pytest.raises(NotLetIn):
        introduce(counter, day=60)
    assert exchange(counter, day=60) == "refused"
    assert take(counter, "unblocked", day=61)
    assert not take(counter, "unblocked", day=61)
    assert introduce(counter, day=61)

    assert take(counter, "blocked", day=1, brand="adidas")
    assert not seen(counter, day=1, brand="adidas").met
    for_brand: dict[str, Any] = {"limit": 9, "now_us": noon(1), "schedule": RULES}
    found = counter.database.read(lambda reader: relationships.listed(reader, brand="adidas", **for_brand))
    assert found == []
    of_creator = counter.database.read(
        lambda reader: relationships.listed(reader, creator_id=counter.ids["u1"], **for_brand)
    )
    assert [one.brand for one in of_creator] == ["adidas", "nike"]


@pytest.mark.parametrize("status", ["ended", "blocked"])
def test_what_nobody_answered_ends_with_it(counter: Counter, status: str) -> None:
    """In every book, this brand's alone, by whoever ended it; what was accepted or ran out stays as it is."""
    about: dict[str, Any] = {"display_name": "two", "consent_at_us": 1, "enrolled_by": "acme", "now_us": 1}
    accounts = [creators.AccountOf(network, "two", None) for network in ("youtube", "tiktok")]
    counter.ids["u1"] = counter.database.write(lambda s: creators.enrol(s, accounts=accounts, **about))[0]
    let_in(counter, day=0)
    assert introduce(counter, day=0, brand="adidas")
    assert take(counter, "accepted", day=0, brand="adidas")
    held = {network: hold(counter, network, day=1) for network in ("youtube", "tiktok")}
    other = hold(counter, "youtube", day=1, brand="adidas")
    assert step(counter, held["tiktok"], "pitch_accepted", meter="network:tiktok")
    late = hold(counter, "tiktok", day=1, until=2)
    again = hold(counter, "tiktok", day=2)
    assert take(counter, status, day=3, by="creator")
    rows = counter.rows("SELECT pitch_id, status, closed_at_us FROM pitch")
    found = {str(pitch_id): (now, closed) for pitch_id, now, closed in rows}
    assert found == {
        held["youtube"]: ("withdrawn", noon(3)),
        held["tiktok"]: ("accepted", None),
        other: ("held", None),
        late: ("held", None),
        again: ("withdrawn", noon(3)),
    }
    assert not take(counter, status, day=4)
    with counter.database.snapshot() as session:
        report = audit.verify(session, schedule=RULES)
    assert report.ok, report.first_bad


def hold(counter: Counter, network: str, *, day: int, brand: str = BRAND, until: int = 14) -> str:
    """A pitch that holds nothing much; its id."""
    pitch_id = events.new_id()
    facts = {"drain": 0, "held": 0, "share": "0.05", "mending": "0.8", "clear": "0.15", "vague": "0.05"}
    told = {"brand": brand, "disclosure": "clear", "expires_at_us": noon(until)} | facts
    assert own_event(counter, "pitch_held", pitch_id, meter=f"network:{network}", day=day, **told)
    return pitch_id


def step(counter: Counter, pitch_id: str, kind: str, *, meter: str) -> bool:
    """A step of a pitch."""
    return own_event(counter, kind, f"{pitch_id}:{kind}", meter=meter, day=1, pitch=pitch_id, brand=BRAND)


def own_event(counter: Counter, kind: str, ref: str, *, meter: str, day: int, **facts: Any) -> bool:
    """What the ledger posts by itself."""
    about: dict[str, Any] = {"creator": counter.ids["u1"], "meter": meter, "source": events.OWN, "ref": ref}
    told = tell(kind, at_us=noon(day), **about, **facts)
    return counter.post(told, now_us=noon(day))[0].status == "posted"


def test_lists_are_read_page_by_page(database: Database) -> None:
    """A brand's by creator, a creator's by brand, of one status where asked."""
    counter = Counter(database, names=[f"u{number}" for number in range(5)])
    ids = sorted(counter.ids.values())
    for creator_id in ids:
        assert introduce(counter, day=0, creator_id=creator_id)
    common: dict[str, Any] = {"now_us": noon(0), "schedule": RULES, "brand": BRAND}
    places = (None, (ids[1], METER), (ids[3], METER))
    with database.reading() as session:
        pages = [relationships.listed(session, limit=2, after=after, **common) for after in places]
    assert [[one.creator_id for one in page] for page in pages] == [ids[:2], ids[2:4], ids[4:]]
    assert not database.read(lambda reader: relationships.listed(reader, limit=9, status="accepted", **common))


def test_of_many_introductions_at_once_one_is_new(counter: Counter) -> None:
    """Eight at the very first moment, when there is no book to lock yet: one introduction, the others replays."""
    start, answers = threading.Barrier(8), []

    def work() -> None:
        start.wait()
        answers.append(introduce(counter, day=0))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [False] * 7 + [True]
    assert lines(counter) == ["relationship"]


def test_the_books_are_sound_after_a_story(counter: Counter) -> None:
    """All of it can be worked out again from the first entry on."""
    let_in(counter, day=0)
    for day in range(1, 5):
        exchange(counter, day=day)
    take(counter, "ended", day=20)
    introduce(counter, day=60)
    take(counter, "blocked", day=61)
    take(counter, "unblocked", day=62)
    with counter.database.snapshot() as session:
        report = audit.verify(session, schedule=RULES)
    assert report.ok, report.first_bad
