"""Returned favours: creators who engage with each other are found by their ties, and their acts count half."""

from ledger import audit, favours
from ledger.db import Database
from tests.desk import METER, PEPPER, RULES, Counter, noon, tell


def between(counter: Counter) -> list[tuple[str, bool]]:
    """Whose ties are mutual, by creator's name."""
    names = {creator_id: name for name, creator_id in counter.ids.items()}
    rows = counter.rows("SELECT creator_id, mutual FROM tie WHERE meter = ?", METER)
    return sorted((names[creator_id], bool(mutual)) for creator_id, mutual in rows)


def act(counter: Counter, to: str, by: str, *, ref: str, day: int, what: str = "reply") -> int:
    """One engages with another; what it earns, in micro-trust."""
    told = tell("engagement", ref=ref, at_us=noon(day), creator=f"youtube:{to}", act=what, engager=by)
    return counter.post(told, now_us=noon(day))[0].entries[0].amount


def test_what_creators_do_for_each_other_counts_half(database: Database) -> None:
    """After a night that finds both ties, an act earns half; to a creator who returns nothing it earns all."""
    counter = Counter(database, names=("ada", "ben", "cleo"))
    act(counter, "ada", "ben", ref="1", day=0)
    act(counter, "ben", "ada", ref="2", day=0)
    act(counter, "cleo", "ada", ref="3", day=0)
    assert favours.refresh(database, pepper=PEPPER) == 2
    assert between(counter) == [("ada", True), ("ben", True), ("cleo", False)]
    earned = [act(counter, to, by, ref=f"{to} later", day=400) for to, by in (("ada", "ben"), ("cleo", "ada"))]
    assert abs(earned[0] * 2 - earned[1]) <= 2
    with database.snapshot() as session:
        assert audit.verify(session, schedule=RULES).ok


def test_answering_a_fan_returns_no_favour(database: Database) -> None:
    """A creator who answers a creator who comments has done their own work."""
    counter = Counter(database, names=("ada", "ben"))
    act(counter, "ada", "ben", ref="1", day=0)
    act(counter, "ben", "ada", ref="2", day=0, what="answer")
    assert favours.refresh(database, pepper=PEPPER) == 0


def test_a_tie_that_ends_is_mutual_no_longer(database: Database) -> None:
    """Once one side's tie is forgotten, the other side's counts in full again; a second night changes nothing."""
    counter = Counter(database, names=("ada", "ben"))
    act(counter, "ada", "ben", ref="1", day=0)
    act(counter, "ben", "ada", ref="2", day=0)
    favours.refresh(database, pepper=PEPPER)
    assert favours.refresh(database, pepper=PEPPER) == 0
    with database.transaction() as session:
        session.connection().exec_driver_sql(f"DELETE FROM tie WHERE creator_id = '{counter.ids['ben']}'")
    assert favours.refresh(database, pepper=PEPPER) == 1
    assert between(counter) == [("ada", False)]
