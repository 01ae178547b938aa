"""Relationships: a brand introduces itself, the creator lets it in or not, either may end it; and how they stand.

Each step is an event in the chain of the brand's book with this creator. A step that is taken already is not taken
again: whoever asks a second time is told how things stand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ledger import books, db, economy, events, keeping, own, pitches
from ledger.db import Reading, Row, Session
from ledger.economy import DAY_US, State
from ledger.errors import IllegalTransition, NotFound, NotLetIn
from ledger.kinds.base import Relationship
from ledger.kinds.relationship import STEPS, UNMET
from ledger.policy import Schedule

KINDS = {status: kind for kind, status in STEPS.items()}
STATUSES = ("introduced", "accepted", "declined", "ended", "blocked")
OVER = ("ended", "blocked")
_SQL = (
    f"SELECT {keeping.RELATIONSHIPS.columns}, b.policy_version, {books.BOOK_STATE} FROM relationship t"
    " JOIN book b ON b.creator_id = t.creator_id AND b.meter = t.meter"
)
_SHOWN = "CASE WHEN t.blocked THEN 'blocked' ELSE t.status END"


@dataclass(frozen=True, slots=True)
class Seen:
    """Where a brand and a creator stand on a day. `rapport` is their meter's standing in micro-trust, `points` 0..100.

    `lacking` is how many exchanges are missing until they are established, `established_from` the first day on which
    they may be, both None where the brand is not let in. `again_from` is when a brand may introduce itself again.
    """

    creator_id: str
    brand: str
    status: str
    since_day: int
    exchanges: int
    established: bool
    lacking: int | None
    established_from: int | None
    again_from: int | None
    rapport: int
    points: int
    met: bool

    @property
    def meter(self) -> str:
        """Their book."""
        return f"brand:{self.brand}"


# Taking a step


def introduce(session: Session, *, creator_id: str, brand: str, clock: Callable[[], int], schedule: Schedule) -> bool:
    """A brand asks to be let in; False where it is waiting for an answer already.

    Raises UnknownCreator, IllegalTransition, NotLetIn, TooEarly.
    """
    facts = {"brand": brand}
    return _once(session, creator_id, "introduced", "introduction", facts, clock=clock, schedule=schedule)


def step(
    session: Session,
    *,
    creator_id: str,
    brand: str,
    status: str,
    by: str,
    clock: Callable[[], int],
    schedule: Schedule,
) -> bool:
    """Let a brand in, decline, end, block or unblock it, as decided `by` a role; False where that is so already.

    When it is over, what the brand holds and nobody has answered is withdrawn; what was accepted stays.
    Raises UnknownCreator where there is no book of theirs, IllegalTransition, NotLetIn.
    """
    facts, named = {"brand": brand, "by": by}, UNMET if status == "blocked" else status
    taken = _once(session, creator_id, status, named, facts, clock=clock, schedule=schedule)
    if taken and status in OVER:
        pitches.withdraw_waiting(session, creator_id=creator_id, brand=brand, by=by, clock=clock, schedule=schedule)
    return taken


def _once(
    session: Session,
    creator_id: str,
    status: str,
    named: str,
    facts: dict[str, str],
    *,
    clock: Callable[[], int],
    schedule: Schedule,
) -> bool:
    meter = f"brand:{facts['brand']}"
    books.lock(session, [(creator_id, meter)])
    if _is_so(session, creator_id, meter, status):
        return False
    try:
        own.post(
            session,
            creator_id=creator_id,
            meter=meter,
            kind=KINDS[status],
            ref=f"{named}:{events.new_id()}",
            facts=facts,
            occurred_at_us=clock(),
            clock=clock,
            schedule=schedule,
        )
    except (IllegalTransition, NotLetIn):
        if _is_so(session, creator_id, meter, status):  # somebody opened their book and did it just now
            return False
        raise
    return True


def _is_so(session: Session, creator_id: str, meter: str, status: str) -> bool:
    now = current(session, creator_id=creator_id, meter=meter)
    if now is None:
        return False
    if status in ("blocked", "unblocked"):
        return now.blocked is (status == "blocked")
    return now.status == status


def current(session: Reading, *, creator_id: str, meter: str) -> Relationship | None:
    """Where a brand and a creator stand, as it is kept; None where they have nothing to do with each other."""
    kept = keeping.RELATIONSHIPS
    sql = f"SELECT {kept.columns} FROM relationship t WHERE t.creator_id = ? AND t.meter = ?"
    rows = db.fetch(session, sql, (creator_id, meter))
    found: Relationship | None = kept.unpack(rows[0][2:])[1] if rows else None
    return found


# Reading


def met(known: Relationship) -> bool:
    """Whether the brand ever introduced itself; not where it was kept away before it came."""
    return not known.introduction.startswith(f"{UNMET}:")


def nothing_between(brand: str) -> NotFound:
    """What is said where a brand and a creator have nothing to do with each other."""
    return NotFound(f"there is nothing between {brand} and this creator")


def find(session: Reading, *, creator_id: str, brand: str, now_us: int, schedule: Schedule) -> Seen | None:
    """Where a brand and a creator stand now; None where they have nothing to do with each other."""
    rows = db.fetch(session, f"{_SQL} WHERE t.creator_id = ? AND t.meter = ?", (creator_id, f"brand:{brand}"))
    return _seen(rows[0], now_us // DAY_US, schedule) if rows else None


def listed(
    session: Reading,
    *,
    limit: int,
    now_us: int,
    schedule: Schedule,
    creator_id: str | None = None,
    brand: str | None = None,
    status: str | None = None,
    after: tuple[str, str] | None = None,
) -> list[Seen]:
    """Relationships of a creator or a brand, of one status where asked, after a (creator, meter) in that order.

    A brand's are those in which it ever introduced itself. Without a creator this asks every node.
    """
    conditions, params = ["TRUE"], list[object]()
    if creator_id is not None:
        conditions, params = [*conditions, "t.creator_id = ?"], [*params, creator_id]
    if brand is not None:
        conditions += ["t.meter = ?", f"substr(t.introduction, 1, {len(UNMET) + 1}) <> '{UNMET}:'"]
        params.append(f"brand:{brand}")
    if status is not None:
        conditions, params = [*conditions, f"{_SHOWN} = ?"], [*params, status]
    if after is not None:
        conditions, params = [*conditions, "(t.creator_id, t.meter) > (?, ?)"], [*params, *after]
    where = f"WHERE {' AND '.join(conditions)} ORDER BY t.creator_id, t.meter LIMIT ?"
    rows = db.fetch(session, f"{_SQL} {where}", (*params, limit))
    return [_seen(row, now_us // DAY_US, schedule) for row in rows]


def _seen(row: Row, day: int, schedule: Schedule) -> Seen:
    version, posted = row[10] or "", State(*row[11:20])
    _, now = keeping.RELATIONSHIPS.unpack(row[2:10])
    state = economy.accrue(posted, max(day, posted.day), schedule, policy_version=version)
    policy = schedule.at(state.day, version)
    since = now.accepted_day if now.accepted else None
    may_ask_again = now.status in ("declined", "ended") and not now.blocked
    return Seen(
        creator_id=str(row[0]),
        brand=row[1].partition(":")[2],
        status="blocked" if now.blocked else now.status,
        since_day=now.day,
        exchanges=now.exchanges,
        established=now.established(state.day, policy),
        lacking=None if since is None else max(0, policy["relationship.exchanges"] - now.exchanges),
        established_from=None if since is None else since + policy["relationship.days"],
        again_from=now.day + policy["relationship.again_days"] if may_ask_again else None,
        rapport=state.standing,
        points=economy.meter(state.standing, policy["meter.half"]),
        met=met(now),
    )
