"""How amounts, times and days are written where others read them, and read: decimal strings, RFC 3339. Pure."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from ledger.days import EPOCH
from ledger.days import iso_day as day

__all__ = ["INSTANT", "day", "instant", "read_day", "read_instant", "trust"]
INSTANT = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})"
_INSTANT = re.compile(INSTANT)
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_BARE = datetime(1970, 1, 1)  # noqa: DTZ001 - written with a Z by hand, which is quicker
_FIRST, _LAST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)


def trust(micros: int) -> str:
    """Micro-trust as a decimal string with six places: 124500000 is "124.500000"."""
    digits = str(micros).zfill(7 if micros >= 0 else 8)
    return f"{digits[:-6]}.{digits[-6:]}"


def instant(at_us: int) -> str:
    """Microseconds since 1970 as RFC 3339 in UTC: "2026-11-23T16:00:00Z", with a fraction where there is one."""
    return (_BARE + timedelta(microseconds=at_us)).isoformat() + "Z"


def read_instant(text: object) -> int:
    """Microseconds since 1970 of an RFC 3339 time. Raises ValueError with the reason."""
    if not isinstance(text, str) or not _INSTANT.fullmatch(text):
        raise ValueError("must be a time with Z or an offset, such as 2026-11-23T16:00:00Z")
    try:
        told = datetime.fromisoformat(text)
        since = told - _BEGINNING
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
        return date.fromisoformat(text).toordinal() - EPOCH
    except ValueError as error:
        raise ValueError("is not a day there is") from error
