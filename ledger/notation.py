"""How amounts and times are written where others read them: decimal strings, RFC 3339."""

from __future__ import annotations

from datetime import datetime, timedelta

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - written with a Z by hand, which is quicker


def trust(micros: int) -> str:
    """Micro-trust as a decimal string with six places: 124500000 is "124.500000"."""
    digits = str(micros).zfill(7 if micros >= 0 else 8)
    return f"{digits[:-6]}.{digits[-6:]}"


def instant(at_us: int) -> str:
    """Microseconds since 1970 as RFC 3339 in UTC: "2026-11-23T16:00:00Z", with a fraction where there is one."""
    return (_EPOCH + timedelta(microseconds=at_us)).isoformat() + "Z"
