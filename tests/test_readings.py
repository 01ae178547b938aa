"""Outside readings: what other sticks said is kept as they said it, bounded, and once for a stick and a moment."""

from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace

import pytest

from ledger import readings
from ledger.db import Database
from ledger.errors import InvalidEvent
from ledger.readings import MOST_READINGS, MOST_STICKS, Reading
from tests.desk import Counter

NOW_US = 1_795_448_000_000_000
HOUR_US = 3_600_000_000
ONE = Reading("moz-da", NOW_US - HOUR_US, 64_200_000, 1_000_000, 100_000_000, "its own page")


@pytest.fixture
def whose(database: Database) -> str:
    """A creator of whom nothing was read yet."""
    return Counter(database).ids["u1"]


def keep(database: Database, creator_id: str, *told: Reading) -> None:
    """Keep readings as of now."""
    database.write(lambda session: readings.put(session, creator_id=creator_id, readings=told, now_us=NOW_US))


def held(database: Database, creator_id: str, **asked: object) -> list[Reading]:
    """What is kept of a creator."""
    given = {"limit": 5_000, **asked}
    return database.read(lambda reader: readings.listed(reader, creator_id=creator_id, **given))  # type: ignore[arg-type]


def test_the_same_reading_again_is_one(database: Database, whose: str) -> None:
    """One of the same stick and moment takes the other's place; another moment or stick is another reading."""
    keep(database, whose, ONE)
    keep(database, whose, ONE)
    assert held(database, whose) == [ONE]
    other = replace(ONE, value=65_000_000)
    keep(database, whose, other, replace(ONE, read_at_us=NOW_US), replace(ONE, stick="kred"))
    assert len(held(database, whose)) == 3
    assert held(database, whose, stick="moz-da")[-1] == other


def test_the_last_of_each_stick_is_found(database: Database, whose: str) -> None:
    """Sticks by name, the newest of each; since a moment, oldest first."""
    later = replace(ONE, read_at_us=NOW_US, value=70_000_000)
    keep(database, whose, ONE, later, replace(ONE, stick="alexa"))
    latest = database.read(lambda reader: readings.latest(reader, creator_id=whose))
    assert [(one.stick, one.value) for one in latest] == [("alexa", 64_200_000), ("moz-da", 70_000_000)]
    found = database.read(lambda reader: readings.since(reader, creator_id=whose, from_us=ONE.read_at_us))
    assert found == {"alexa": [replace(ONE, stick="alexa")], "moz-da": [ONE, later]}


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"low": 100_000_000}, "/readings/1/high"),
        ({"value": 100_000_001}, "/readings/1/value"),
        ({"value": -1}, "/readings/1/value"),
        ({"read_at_us": NOW_US + HOUR_US}, "/readings/1/read_at"),
        ({"read_at_us": 0}, "/readings/1/read_at"),
        ({"stick": "moz-da"}, "/readings/1"),
    ],
)
def test_a_reading_that_cannot_be_is_refused_by_pointer(
    database: Database, whose: str, wrong: dict[str, int], pointer: str
) -> None:
    """Off its scale, on no scale, of the future, or told twice at once: nothing of what came along is kept."""
    bad = replace(ONE, **{"stick": "other", **wrong})  # type: ignore[arg-type]
    with pytest.raises(InvalidEvent) as refused:
        keep(database, whose, ONE, bad)
    assert [where for where, _ in refused.value.errors] == [pointer]
    assert held(database, whose) == []


def test_sticks_and_readings_are_bounded(database: Database, whose: str) -> None:
    """Twenty sticks and a thousand readings of each; what is already kept may still be put right."""
    sticks = [replace(ONE, stick=f"stick-{n}") for n in range(MOST_STICKS)]
    keep(database, whose, *sticks)
    with pytest.raises(InvalidEvent, match="20 at most"):
        keep(database, whose, replace(ONE, stick="one-more"))
    many = [replace(ONE, stick="stick-0", read_at_us=NOW_US - n) for n in range(MOST_READINGS - 1)]
    keep(database, whose, *many)
    with pytest.raises(InvalidEvent, match="1,000 that are kept"):
        keep(database, whose, replace(ONE, stick="stick-0", read_at_us=NOW_US - 2 * HOUR_US))
    keep(database, whose, replace(many[0], value=2_000_000))
    assert len(held(database, whose, stick="stick-0")) == MOST_READINGS


def test_pages_of_readings_share_none(database: Database, whose: str) -> None:
    """From a place backwards comes what follows it, also among sticks that were read at one moment."""
    keep(database, whose, *[replace(ONE, stick=f"stick-{n}") for n in range(9)], replace(ONE, read_at_us=NOW_US))
    whole = held(database, whose)
    assert len(whole) == 10
    for cut in range(1, 10):
        last = whole[cut - 1]
        assert held(database, whose, before=(last.read_at_us, last.stick)) == whole[cut:]


def test_the_bound_holds_when_two_write_at_once(database: Database, whose: str) -> None:
    """Whoever brings a stick while another is taking the last place waits, and then hears that there is none."""
    keep(database, whose, *[replace(ONE, stick=f"stick-{n}") for n in range(MOST_STICKS - 1)])
    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as session:
            readings.put(session, creator_id=whose, readings=[replace(ONE, stick="last")], now_us=NOW_US)
            second = pool.submit(keep, database, whose, replace(ONE, stick="too-many"))
            wait([second], timeout=0.5)  # whoever did not wait for the lock would be through by now
        with pytest.raises(InvalidEvent, match="20 at most"):
            second.result()
    assert len(held(database, whose)) == MOST_STICKS
