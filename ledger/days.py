"""Days, counted from 1970, as people and machines write them. Pure."""

from __future__ import annotations

from datetime import date

EPOCH = date(1970, 1, 1).toordinal()
LAST = date.max.toordinal() - EPOCH  # 9999-12-31
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def iso_day(day: int) -> str:
    """A day as an ISO date: "2026-03-12"."""
    return date.fromordinal(EPOCH + day).isoformat()


def spoken_day(day: int, today: int) -> str:
    """A day as people say it: "12 March", with the year where it is not today's."""
    then = date.fromordinal(EPOCH + day)
    year = "" if then.year == date.fromordinal(EPOCH + today).year else f" {then.year}"
    return f"{then.day} {MONTHS[then.month - 1]}{year}"
