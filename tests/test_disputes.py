"""Disputes: what may be contested, how often, and that an upheld one undoes what is left, once."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import pytest

from ledger import audit, books, db, disputes, events, reversals
from ledger.db import Database
from ledger.disputes import AlreadyContested, AlreadyResolved, Dispute, NotContestable
from ledger.errors import AlreadyDone, LedgerError, NotFound, UnknownReference
from tests.desk import METER, PEPPER, RULES, TRUST, Counter, noon, tell


@pytest.fixture
def counter(database: Database) -> Counter:
    """Line 1 a reply, 2 and 3 a disclosed pitch and what it gave back, 4 ten days passing, 5 a breach."""
    opened = Counter(database)
    opened.one("engagement", ref="reply", act="reply", engager="fan")
    opened.one("pitch", ref="pitch", brand="nike", disclosure="clear")
    opened.one("breach", ref="breach", day=10, severity=2)
    return opened


def contest(counter: Counter, seq: int, reason: str = "it was not so", *, meter: str = METER) -> tuple[Dispute, bool]:
    """Contest a line on day 10."""
    asked: dict[str, Any] = {"creator_id": counter.ids["u1"], "meter": meter, "seq": seq, "reason": reason}
    return counter.database.write(lambda session: disputes.contest(session, **asked, now_us=noon(10)))


def resolve(counter: Counter, found: Dispute, verdict: str, *, day: int = 20, by: str = "acme") -> tuple[Dispute, bool]:
    """Resolve a dispute on a day at noon."""
    named = {"creator_id": found.creator_id, "dispute_id": found.dispute_id, "resolved_by": by, "resolution": "so"}
    return counter.database.write(
        lambda session: disputes.resolve(
            session, **named, verdict=verdict, clock=lambda: noon(day), schedule=RULES, pepper=PEPPER
        )
    )


def reversals_of(counter: Counter) -> list[Any]:
    """The lines that undo: what each is about, in order."""
    rows = counter.rows("SELECT about FROM entry WHERE kind = 'reversal' ORDER BY seq")
    return [row[0] for row in rows]


def sound(counter: Counter) -> bool:
    """Whether the books can be worked out again to the last micro."""
    with counter.database.snapshot() as session:
        return audit.verify(session, schedule=RULES).ok


# Contesting


def test_a_contested_line_waits(counter: Counter) -> None:
    """An open dispute names its line and event, changes nothing, and is told of with the line."""
    found, is_new = contest(counter, 5)
    assert is_new
    assert (found.meter, found.seq, found.line_kind, found.status) == (METER, 5, "breach", "open")
    assert (found.event_kind, found.source, found.external_ref, found.reversed_by) == ("breach", "acme", "breach", None)
    assert (found.opened_at_us, found.resolved_at_us, found.change < 0) == (noon(10), None, True)
    assert reversals_of(counter) == []
    asked = {"creator_id": counter.ids["u1"], "meter": METER, "first": 1, "last": 5}
    assert counter.database.read(lambda reader: disputes.of_lines(reader, **asked)) == {5: found}  # type: ignore[arg-type]


def test_the_same_said_again_is_the_same_dispute(counter: Counter) -> None:
    """Sent twice, a dispute is one; another reason while it is open is refused by name."""
    first, _ = contest(counter, 5)
    assert contest(counter, 5) == (first, False)
    with pytest.raises(AlreadyContested, match="line 5 is contested already"):
        contest(counter, 5, "another reason")
    assert contest(counter, 2)[1]


def test_what_nobody_told_cannot_be_contested(counter: Counter) -> None:
    """Time passing, what undoes another line, and what is not there are each refused by name."""
    with pytest.raises(NotContestable, match="line 4 is time passing"):
        contest(counter, 4)
    counter.one("reversal", ref="r", day=10, event="reply")
    with pytest.raises(NotContestable, match="line 6 undoes another"):
        contest(counter, 6)
    with pytest.raises(NotFound):
        contest(counter, 99)


def test_what_is_undone_cannot_be_contested(counter: Counter) -> None:
    """Neither a reversed line nor any line of a breach that was cleared; the line beside them can."""
    counter.one("apology", ref="sorry", day=10, breach="breach", responsibility=True)
    counter.one("reversal", ref="r", day=10, event="pitch")
    for seq in (2, 3):
        with pytest.raises(AlreadyDone, match=f"line {seq} is undone already"):
            contest(counter, seq)
    counter.one("cleared", ref="c", day=11, breach="breach")
    for seq in (5, 6):
        with pytest.raises(AlreadyDone):
            contest(counter, seq)
    assert contest(counter, 1)[1]


def test_after_a_rejection_there_is_one_more(counter: Counter) -> None:
    """A rejected line may be contested once more, with a new reason, and then no more."""
    resolve(counter, contest(counter, 5)[0], "rejected")
    with pytest.raises(NotContestable, match="give a new reason"):
        contest(counter, 5)
    again, is_new = contest(counter, 5, "a new reason")
    assert is_new
    resolve(counter, again, "rejected")
    with pytest.raises(NotContestable, match="contested 2 times"):
        contest(counter, 5, "a third reason")


def test_of_two_at_once_one_is_opened(counter: Counter) -> None:
    """Whoever comes while another is still contesting the line waits, and then hears that it is contested."""
    with ThreadPoolExecutor(1) as pool:
        with counter.database.transaction() as session:
            told: dict[str, Any] = {"creator_id": counter.ids["u1"], "meter": METER, "seq": 5, "now_us": noon(10)}
            assert disputes.contest(session, **told, reason="the first")[1]
            second = pool.submit(contest, counter, 5, "the second")
            wait([second], timeout=0.5)  # whoever did not wait for the lock would be through by now
        with pytest.raises(AlreadyContested):
            second.result()
    assert [one[0] for one in counter.rows("SELECT reason FROM dispute")] == ["the first"]


# Resolving


def test_upheld_undoes_what_is_left_once(counter: Counter) -> None:
    """The whole event goes for its surviving value, and standing is what it would be without it."""
    spared = counter.state(20).standing
    found, is_first = resolve(counter, contest(counter, 5)[0], "upheld")
    assert is_first
    assert (found.status, found.resolved_at_us, found.resolved_by, found.resolution) == (
        "upheld",
        noon(20),
        "acme",
        "so",
    )
    assert reversals_of(counter) == [5]
    assert found.reversed_by == counter.book().seq
    assert counter.state(20).standing > spared + 4 * TRUST
    row = counter.rows("SELECT source, external_ref, facts FROM event WHERE kind = 'reversal'")[0]
    assert row[:2] == ("trust-ledger", f"dispute:{found.dispute_id}")
    assert '"why":"dispute"' in row[2]
    assert sound(counter)


def test_an_event_is_undone_whole(counter: Counter) -> None:
    """Contesting the credit for disclosure undoes the pitch it belongs to as well."""
    resolve(counter, contest(counter, 3)[0], "upheld")
    assert reversals_of(counter) == [3, 2]


def test_an_event_is_undone_in_both_its_books(counter: Counter) -> None:
    """A line in a brand's book may be contested too: upheld, the pitch goes from there and from the network's book."""
    brand, creator_id = "brand:puma", counter.ids["u1"]
    counter.database.write(lambda session: db.insert(session, books.BOOK, [books.open_row(creator_id, brand)]))
    about: dict[str, Any] = {"creator": creator_id, "meter": brand}
    told = [
        tell("introduction", ref="i", at_us=noon(10), source=events.OWN, **about, brand="puma"),
        tell("introduction_accepted", ref="a", at_us=noon(10) + 1, source=events.OWN, **about, brand="puma"),
        tell("pitch", ref="both", at_us=noon(10) + 2, brand="puma", disclosure="clear"),
    ]
    receipts = [counter.post(event, now_us=noon(10) + 9)[0] for event in told]
    assert [receipt.status for receipt in receipts] == ["posted"] * 3, receipts
    drained = next(entry for entry in receipts[2].entries if entry.meter == brand)
    for seq in (1, 2):  # it introduced itself, and was let in, which earned rapport
        with pytest.raises(NotContestable, match="a step or a note"):
            contest(counter, seq, meter=brand)
    found, _ = resolve(counter, contest(counter, drained.seq, meter=brand)[0], "upheld")
    assert (found.event_meter, found.reversed_by) == (METER, drained.seq + 2)  # the days between are a line
    undone = counter.rows("SELECT meter FROM entry WHERE kind = 'reversal' ORDER BY meter")
    assert [row[0] for row in undone] == [brand, METER, METER]
    assert sound(counter)


def test_a_verdict_is_given_once(counter: Counter) -> None:
    """The same verdict again is the first answer; the other is refused; nothing is undone twice."""
    opened, _ = contest(counter, 5)
    first, _ = resolve(counter, opened, "upheld", by="acme")
    assert resolve(counter, opened, "upheld", day=30, by="ops") == (first, False)
    with pytest.raises(AlreadyResolved, match="was upheld before"):
        resolve(counter, opened, "rejected")
    assert reversals_of(counter) == [5]
    other, _ = contest(counter, 1)
    rejected, _ = resolve(counter, other, "rejected")
    assert resolve(counter, other, "rejected") == (rejected, False)
    with pytest.raises(AlreadyResolved, match="was rejected before"):
        resolve(counter, other, "upheld")
    assert reversals_of(counter) == [5]


def test_what_was_undone_meanwhile_is_not_undone_again(counter: Counter) -> None:
    """Two contested lines of one event, or a partner who was quicker: upheld, and one reversal."""
    pitch, credit = contest(counter, 2)[0], contest(counter, 3)[0]
    resolve(counter, pitch, "upheld")
    found, is_first = resolve(counter, credit, "upheld")
    assert (is_first, found.status) == (True, "upheld")
    assert reversals_of(counter) == [3, 2]
    breach, _ = contest(counter, 5)
    counter.one("reversal", ref="quicker", day=12, event="breach")
    assert resolve(counter, breach, "upheld")[0].status == "upheld"
    assert reversals_of(counter) == [3, 2, 5]
    assert sound(counter)


@pytest.mark.parametrize("verdicts", [("upheld", "upheld", "upheld"), ("upheld", "rejected", "upheld")])
def test_of_resolvers_who_race_one_decides(counter: Counter, verdicts: tuple[str, ...]) -> None:
    """Whoever comes first gives the verdict, everyone else hears it, and the books are changed at most once."""
    opened, _ = contest(counter, 5)
    start = threading.Barrier(len(verdicts))

    def decide(verdict: str) -> str:
        start.wait()
        try:
            return "first" if resolve(counter, opened, verdict)[1] else "again"
        except AlreadyResolved:
            return "other"

    with ThreadPoolExecutor(len(verdicts)) as pool:
        heard = list(pool.map(decide, verdicts))
    final = counter.database.read(
        lambda reader: disputes.find(reader, creator_id=opened.creator_id, dispute_id=opened.dispute_id)
    )
    assert heard.count("first") == 1
    assert [verdict == final.status for verdict in verdicts] == [one != "other" for one in heard]
    assert reversals_of(counter) == ([5] if final.status == "upheld" else [])


def test_no_dispute_no_verdict(counter: Counter) -> None:
    """An id of nothing resolves nothing."""
    opened, _ = contest(counter, 5)
    named: dict[str, Any] = {"creator_id": opened.creator_id, "dispute_id": counter.ids["u1"]}
    named |= {"resolution": None, "resolved_by": "x"}
    with pytest.raises(NotFound):
        counter.database.write(
            lambda session: disputes.resolve(
                session, **named, verdict="upheld", clock=lambda: 1, schedule=RULES, pepper=PEPPER
            )
        )


# Reading


def test_disputes_are_found_by_whom_they_concern(counter: Counter) -> None:
    """Of a creator, of a source, of networks, of a status, before an id; newest first."""
    first, second = contest(counter, 5)[0], contest(counter, 1)[0]
    resolve(counter, first, "rejected")

    def seqs(**asked: Any) -> list[int]:
        return [one.seq for one in counter.database.read(lambda r: disputes.listed(r, limit=10, **asked))]

    assert seqs() == [1, 5]
    assert seqs(creator_id=counter.ids["u1"]) == [1, 5]
    assert (seqs(source="acme"), seqs(source="bolt")) == ([1, 5], [])
    assert (seqs(networks=["youtube"], brands=False), seqs(networks=["tiktok"]), seqs(networks=[])) == ([1, 5], [], [])
    assert (seqs(status="open"), seqs(status="rejected")) == ([1], [5])
    assert (seqs(before=second.dispute_id), seqs(before=first.dispute_id)) == ([5], [])


# Reversals


def reverse(counter: Counter, *, day: int = 20, **changes: Any) -> Any:
    """Undo the pitch on a day, as acme asks."""
    asked = {"creator_id": counter.ids["u1"], "source": "acme", "event": "pitch", "why": "mistake", "external_ref": "u"}
    allowed: Callable[[str], bool] = lambda meter: meter == METER  # noqa: E731
    rights = {"may_act_for": allowed, "clock": lambda: noon(day), "schedule": RULES, "pepper": PEPPER}
    return counter.database.write(lambda session: reversals.reverse(session, **{**asked, **rights, **changes}))


def test_a_reversal_asked_for_twice_is_one(counter: Counter) -> None:
    """Days later the same reference gives the first answer; another event under it is refused."""
    first = reverse(counter)
    assert first.status == "posted"
    assert reversals_of(counter) == [3, 2]
    again = reverse(counter, day=25)
    assert (again.status, again.replayed, again.entries) == ("replayed", True, first.entries)
    assert reverse(counter, event="reply").code == "external_ref_reused"
    assert reverse(counter, external_ref="v").code == "already_done"


@pytest.mark.parametrize("changes", [{"source": "bolt"}, {"event": "nothing"}, {"may_act_for": lambda meter: False}])
def test_only_what_was_told_can_be_undone(counter: Counter, changes: dict[str, Any]) -> None:
    """Somebody else's event, none at all, and one in a book the key has no part in are all unknown."""
    with pytest.raises(UnknownReference, match="you told of no event"):
        reverse(counter, **changes)
    assert reversals_of(counter) == []


def test_every_refusal_has_a_code() -> None:
    """What is refused by name has a name that stays."""
    named: list[type[LedgerError]] = [NotContestable, AlreadyContested, AlreadyResolved]
    assert [one.code for one in named] == ["not_contestable", "already_contested", "already_resolved"]
