"""How amounts, times and days are written in JSON and read from it."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

from ledger.notation import instant, trust

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EPOCH_DAY = date(1970, 1, 1).toordinal()
INSTANT = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})"
_INSTANT = re.compile(INSTANT)
__all__ = ["day", "instant", "read_day", "read_instant", "trust"]
_FIRST, _LAST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)


def day(number: int) -> str:
    """A UTC day since 1970 as an ISO date."""
    return date.fromordinal(EPOCH_DAY + number).isoformat()


def read_instant(text: object) -> int:
    """Microseconds since 1970 of an RFC 3339 time. Raises ValueError with the reason."""
    if not isinstance(text, str) or not _INSTANT.fullmatch(text):
        raise ValueError("must be a time with Z or an offset, such as 2026-11-23T16:00:00Z")
    try:
        told = datetime.fromisoformat(text)
        since = told - EPOCH
    except (ValueError, OverflowError) as error:
        raise ValueError("is not a time there is") from error
    if not _FIRST <= told <= _LAST:  # its offset takes it into the year 0, or 10000
        raise ValueError("is not a time there is")
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def read_day(text: object) -> int:
    """The number of a UTC day since 1970 from an ISO date. Raises ValueError with the reason."""
    if not isinstance(text, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise ValueError("must be a day, such as 2026-11-23")
    try:
        return date.fromisoformat(text).toordinal() - EPOCH_DAY
    except ValueError as error:
        raise ValueError("is not a day there is") from error
