"""Estimates: what the books know that an estimate needs, read in a few statements."""

from __future__ import annotations

from ledger import books, db, economy
from ledger.books import OpenBook
from ledger.db import Reading
from ledger.economy import DAY_US, PPM, Move, State
from ledger.errors import NotFound
from ledger.labels import DayCount
from ledger.policy import Policy, Schedule
from ledger.proposals import Subject

BOOK_SQL = f"SELECT {books.BOOK_COLUMNS} FROM book b WHERE b.creator_id = ? AND b.meter = ?"
FOLLOWERS_SQL = "SELECT external_id, followers FROM account WHERE creator_id = ? AND network = ? AND followers >= 0"
CREDITS_SQL = (
    "SELECT CAST(SUM(e.fresh) AS BIGINT), CAST(SUM(e.bedrock) AS BIGINT),"
    " SUM(CASE WHEN e.world < 0 THEN 1 ELSE 0 END) FROM entry e"
    " WHERE e.creator_id = ? AND e.meter = ? AND e.recorded_at_us >= ? AND e.recorded_at_us < ?"
    " AND e.kind = 'engagement' AND NOT EXISTS (SELECT 1 FROM entry r WHERE r.creator_id = e.creator_id"
    " AND r.meter = e.meter AND r.about = e.seq AND r.kind = 'reversal')"
)
POSTS_SQL = "SELECT day, posts, sponsored FROM tally WHERE creator_id = ? AND meter = ? AND day > ? AND posts > 0"
HIDDEN_SQL = (
    "SELECT MIN(day) FROM breach WHERE creator_id = ? AND meter = ? AND undisclosed AND NOT owned AND NOT cleared"
)


def subject(
    session: Reading,
    *,
    creator_id: str,
    meter: str,
    now_us: int,
    schedule: Schedule,
    external_id: str | None = None,
) -> Subject:
    """A network's book as it stands now, the rate of its last weeks, and what its label looks at.

    The audience is that of the account named, of the largest on the network where none is. Raises NotFound.
    """
    key, today = (creator_id, meter), now_us // DAY_US
    rows = db.fetch(session, BOOK_SQL, key)
    if not rows:
        raise NotFound(f"no book {meter} of this creator")
    book = OpenBook.of_row(rows[0])
    posted = book.state if book.seq else State(day=today)
    policy = schedule.at(today, book.policy_version)
    since = today - policy["label.window_days"] - policy["label.grace_days"]
    return Subject(
        state=economy.accrue(posted, today, schedule, policy_version=book.policy_version),
        schedule=schedule,
        policy_version=book.policy_version,
        followers=_followers(session, key, external_id),
        usual=_usual(session, key, today, policy),
        days=tuple(DayCount(*row) for row in db.fetch(session, POSTS_SQL, (*key, since))),
        hidden_since=db.fetch(session, HIDDEN_SQL, key)[0][0],
    )


def _followers(session: Reading, key: tuple[str, str], external_id: str | None) -> int | None:
    creator_id, meter = key
    rows = db.fetch(session, FOLLOWERS_SQL, (creator_id, meter.removeprefix("network:")))
    return max((count for name, count in rows if external_id in (None, name)), default=None)


def _usual(session: Reading, key: tuple[str, str], today: int, policy: Policy) -> Move:
    """What engagement brought a day, on average over the last whole days."""
    days = policy["estimate.recent_days"]
    span = ((today - days) * DAY_US, today * DAY_US)
    fresh, bedrock, acts = (total or 0 for total in db.fetch(session, CREDITS_SQL, (*key, *span))[0])
    fresh, bedrock = fresh // days, bedrock // days
    return Move(fresh, bedrock, credits=fresh + bedrock, known=int(acts) * PPM // days)
