"""What a label looks at besides a book's balances: columns that come along with its row, and what they say."""

from __future__ import annotations

from ledger.days import iso_day
from ledger.labels import DayCount, Unowned

KIND = "label"
LABEL_DAYS = 104  # 90 that a label looks at, and the 14 in a row that end it

# Where a recent pitch or a breach makes it matter: days with posts; what is un-owned; what the label was last night.
POSTS = (
    "CASE WHEN b.last_pitch_day > {since} THEN"
    " (SELECT {gather}(t.day || ' ' || t.posts || ' ' || t.sponsored, ',')"
    " FROM tally t WHERE t.creator_id = b.creator_id AND t.meter = b.meter AND t.day > {since} AND t.posts > 0) END"
)
UNOWNED = (
    "CASE WHEN b.breaches_total > 0 THEN"
    " (SELECT {gather}(h.day || CASE WHEN h.undisclosed THEN ' 1' ELSE ' 0' END, ',') FROM breach h"
    " WHERE h.creator_id = b.creator_id AND h.meter = b.meter AND NOT h.owned AND NOT h.cleared) END"
)
COLUMNS = f"{POSTS}, {UNOWNED}, b.label"


def for_engine(sql: str, *, is_sqlite: bool) -> str:
    """A statement with these columns as an engine has it."""
    return sql.replace("{gather}", "group_concat" if is_sqlite else "string_agg")


def day_counts(gathered: str | None) -> list[DayCount]:
    """The days with posts, from the first column."""
    return [DayCount(*map(int, day.split())) for day in gathered.split(",")] if gathered else []


def unowned(gathered: str | None) -> tuple[Unowned, ...]:
    """What is un-owned, oldest first, from the second column."""
    if not gathered:
        return ()
    found = (each.split() for each in gathered.split(","))
    return tuple(sorted(Unowned(int(day), hidden == "1") for day, hidden in found))


def hidden_since(owing: tuple[Unowned, ...]) -> int | None:
    """The day of the oldest hidden pitch among them."""
    return next((each.day for each in owing if each.hidden), None)


def label_ref(meter: str, day: int) -> str:
    """The reference of the event that writes down a book's label on a day."""
    return f"label:{meter}:{iso_day(day)}"
