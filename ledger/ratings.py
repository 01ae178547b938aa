"""Ratings: files of who rates whom, from -10 to 10, and when. Praise is engagement, blame a breach by its size."""

from __future__ import annotations

import csv
import re

from ledger.formats import BadLine, Format, Told, by_line, seconds

_RATING = re.compile(r"-?[0-9]{1,2}")


def read_rating(text: str) -> Told:
    """source,target,rating,time: one person's rating of another, -10 to 10 and never 0. Raises BadLine."""
    try:
        columns = next(csv.reader([text], strict=True))
    except csv.Error as error:
        raise BadLine(f"not CSV: {error}") from error
    if len(columns) != 4:
        raise BadLine(f"has {len(columns)} columns, expected source,target,rating,time")
    rater, rated, given, time = columns
    if rater == rated:
        raise BadLine("rates itself")
    rating = _rating(given)
    occurred_at_us = seconds(time)
    identity = "\0".join((rater, rated, str(rating), str(occurred_at_us)))
    if rating < 0:
        facts: dict[str, object] = {"severity": -(4 * rating // 10), "category": "other"}
        return Told(rated, "breach", facts, occurred_at_us, identity)
    facts = {"act": "rating", "engager": rater, "strength": "1" if rating == 10 else f"0.{rating}"}
    return Told(rated, "engagement", facts, occurred_at_us, identity)


def is_rating_header(text: str) -> bool:
    """Whether a line has the columns of a rating, with words where its numbers would be."""
    columns = text.split(",")
    return len(columns) == 4 and not any(character.isdigit() for column in columns[2:] for character in column)


def _rating(text: str) -> int:
    if not _RATING.fullmatch(text) or not 1 <= abs(int(text)) <= 10:
        raise BadLine(f"rating {text[:20]!r} is not a whole number from -10 to 10 other than 0")
    return int(text)


RATINGS = Format("ratings", by_line(read_rating, is_rating_header), network="otc", enrols=True)
