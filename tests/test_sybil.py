"""Sybils: accounts made to vouch for each other buy next to nothing, through everything that posts."""

from functools import partial

import pytest

from ledger import attestations, audit, policy, standing
from ledger.db import Database
from ledger.economy import MICROS, PPM
from ledger.events import NewEvent
from tests.desk import DAY, PEPPER, RULES, Counter, noon, tell

FOUNDING = policy.builtin()
HONEST = ("ann", "ben", "cleo", "dan")
FRIENDS = tuple(f"friend{number}" for number in range(10))
ORDINARY = tuple(f"ordinary{number}" for number in range(10))
RING = tuple(f"sybil{number}" for number in range(12))
BOUND = FOUNDING["engagement.unknown_allowance"]


class Town(Counter):
    """A few who reply to each other, friends of theirs, ordinary people, a ring that vouches for itself; and nights."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, names=(*HONEST, *FRIENDS, *ORDINARY, *RING, "target"))
        self.graphs = standing.Graphs()
        around = zip(HONEST, (*HONEST[1:], HONEST[0]), strict=True)
        self.tell(*(reply(one, other, 0) for one, other in around), reply("a seed", "ann", 0), day=0)
        self.tell(*(reply("dan", name, 0) for name in FRIENDS), day=0)
        self.tell(*(reply(FRIENDS[0], name, 0) for name in ORDINARY), day=0)
        attest = partial(attestations.attest, network="youtube", attested_by="acme", pepper=PEPPER, now_us=1)
        database.write(partial(attest, accounts=["a seed", "ben"]))
        self.tell(*(reply(one, other, 0) for one in RING for other in RING if one != other), day=0)

    def tell(self, *told: NewEvent, day: int) -> None:
        """Hand in events that happen on a day."""
        receipts = self.post(*told, now_us=noon(day) + MICROS)
        assert {receipt.status for receipt in receipts} == {"posted"}

    def sleep(self, day: int) -> None:
        """The night before a day."""
        night = standing.Night(self.database, DAY + day, FOUNDING, lambda: PEPPER, lambda: noon(day))
        standing.refresh(night, self.graphs)

    def has(self, name: str, day: int) -> int:
        """What a creator's book holds."""
        return self.state(day, name).standing


def reply(engager: str, creator: str, day: int) -> NewEvent:
    """A reply at noon."""
    about = {"creator": f"youtube:{creator}", "act": "reply", "engager": engager}
    return tell("engagement", ref=f"{engager} {day}", at_us=noon(day), **about)


@pytest.fixture
def town(database: Database) -> Town:
    """The town on the morning of the first day after."""
    made = Town(database)
    made.sleep(1)
    return made


@pytest.mark.parametrize("size", [2, 12])
def test_a_ring_buys_what_unknown_accounts_may(town: Town, size: int) -> None:
    """However many there are, together they earn the allowance of the unknown, for days on end."""
    for day in range(1, 10):
        town.tell(*(reply(name, "target", day) for name in RING[:size]), day=day)
        town.sleep(day + 1)
    assert 0 < town.has("target", 10) <= BOUND * 11 // 10  # and a tenth of what that made


def test_a_bribed_ordinary_voucher_opens_no_door(town: Town) -> None:
    """One whom somebody knows among others, and who vouches for all of the ring, leaves every one of it unknown."""
    town.tell(*(reply(ORDINARY[0], name, 1) for name in RING), day=1)
    town.sleep(2)
    town.tell(*(reply(name, "target", 2) for name in RING), day=2)
    assert 0 < town.has("target", 2) <= BOUND * 11 // 10


def test_those_whom_standing_reaches_count_in_full(town: Town) -> None:
    """A creator two steps from the attested earns its reply in full, as where nobody is attested."""
    town.tell(reply("cleo", "target", 1), day=1)
    assert town.has("target", 1) == FOUNDING["engagement.reply"]


def test_a_rings_members_have_no_standing(town: Town) -> None:
    """Of twelve accounts and 132 replies among them, not a trace is kept as standing."""
    rows = town.rows("SELECT COUNT(*), SUM(relative) FROM standing")
    honest = len(HONEST) + len(FRIENDS) + len(ORDINARY) + 1
    assert rows[0][0] == honest
    assert rows[0][1] == pytest.approx(honest * PPM, abs=honest)


def test_books_priced_by_standing_prove_right(town: Town) -> None:
    """Nights change what later acts earn and forget old ties; every line still follows from what the books hold."""
    town.tell(*(reply(name, "target", 1) for name in (*RING, "cleo", "ann")), day=1)
    town.sleep(2)
    town.tell(reply("cleo", "target", 2), day=2)
    town.sleep(400)
    assert town.rows("SELECT COUNT(*) FROM tie") == [(0,)]
    town.tell(reply("cleo", "target", 400), reply("ann", "target", 400), day=400)
    with town.database.snapshot() as session:
        assert audit.verify(session, schedule=RULES).first_bad is None
