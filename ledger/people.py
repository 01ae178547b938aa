"""People as a file tells of them: read by the rules of enrolment, for a file can say anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from ledger import consents, events
from ledger.creators import MOST_ACCOUNTS
from ledger.events import SKEW_US
from ledger.kinds.facts import SLUG, Choice, Flag, Name, Whole
from ledger.kinds.pitch import MOST_FOLLOWERS

PRIVATE, PUBLIC, ERASED = "private", "public", "erased"
MOST_TOPICS = 20
MOST = 1 << 53
TOPIC = Name("what a creator is about", 60)
Read = Callable[[object], Any]
Row = dict[str, Any]


def _or(nothing: object, read: Read) -> Read:
    return lambda value: nothing if value == nothing else read(value)


def _topics(value: object) -> str:
    """A JSON list of texts, as it is kept."""
    topics = _json(value)
    if not isinstance(topics, list) or len(topics) > MOST_TOPICS:
        raise ValueError(f"must be a JSON list of at most {MOST_TOPICS} texts")
    return orjson.dumps([TOPIC.read(each) for each in topics]).decode()


def _removed(value: object) -> str:
    """How many rows of which table, as JSON."""
    removed = _json(value)
    if not isinstance(removed, dict):
        raise ValueError("must be a JSON object of counts")
    return orjson.dumps({TABLE.read(name): COUNT.read(count) for name, count in removed.items()}).decode()


def _json(value: object) -> object:
    try:
        return orjson.loads(value)  # type: ignore[arg-type]
    except orjson.JSONDecodeError as wrong:
        raise ValueError("must be JSON") from wrong


ID = Name("a creator's id", 36, events.UUID.pattern).read
AT = Whole(0, MOST, "microseconds since 1970").read
COUNT = Whole(0, MOST, "how many")
TABLE = Name("a table", 64)
WHO = Name("who said so", 64).read
# Each table's columns with what reads them.
FIELDS: Mapping[str, Mapping[str, Read]] = {
    "creator": {
        "creator_id": ID,
        "visibility": Choice((PRIVATE, PUBLIC, ERASED), "who may see the books").read,
        "consent_at_us": AT,
        "enrolled_at_us": AT,
        "enrolled_by": WHO,
        "version": Whole(1, MOST, "how often it was changed").read,
        "findable": Flag("whether brands find them").read,
    },
    "profile": {
        "creator_id": ID,
        "handle": _or(None, Name("the name in the page's address", 64, SLUG).read),
        "display_name": Name("what they are called", 200).read,
        "topics": _topics,
    },
    "account": {
        "network": Name("a network", 64, SLUG).read,
        "external_id": events.REFERENCE.read,
        "creator_id": ID,
        "followers": _or(None, Whole(0, MOST_FOLLOWERS, "audience size").read),
    },
    "consent": {
        "creator_id": ID,
        "recorded_at_us": AT,
        "given_at_us": AT,
        "terms": _or("", Name("which terms", consents.LONGEST).read),
        "evidence": _or("", Name("where the proof lies", consents.LONGEST).read),
        "recorded_by": WHO,
    },
    "erasure": {
        "creator_id": ID,
        "erased_at_us": AT,
        "erased_by": Name("at whose word", 80).read,
        "removed": _removed,
    },
}


def read(told: Mapping[str, Any], *, now_us: int) -> dict[str, list[Row]]:
    """A creator's rows by table. Raises ValueError saying what could not have been written by enrolling them."""
    about = {table: [_row(table, each) for each in told[table]] for table in FIELDS}
    if len({each["creator_id"] for rows in about.values() for each in rows}) != 1 or len(about["creator"]) != 1:
        raise ValueError("it does not tell of one creator")
    _check_whole(about, about["creator"][0])
    _check_consents(about["consent"], about["creator"][0], now_us)
    return about


def _row(table: str, told: Mapping[str, Any]) -> Row:
    row = {}
    for name, reader in FIELDS[table].items():
        try:
            row[name] = reader(told[name])
        except ValueError as reason:
            raise ValueError(f"{name} of its {table} {reason}") from reason
    return row


def _check_whole(about: Mapping[str, list[Row]], creator: Row) -> None:
    """Whoever is here has a name and accounts; whoever was erased has neither, and an erasure."""
    is_gone = creator["visibility"] == ERASED
    profiles, accounts, erasures = (len(about[table]) for table in ("profile", "account", "erasure"))
    if is_gone and (profiles, accounts, erasures) != (0, 0, 1):
        raise ValueError("whoever was erased has one erasure, no profile and no account")
    if is_gone and any(each["terms"] or each["evidence"] for each in about["consent"]):
        raise ValueError("whoever was erased has no terms and no evidence")
    if not is_gone and (profiles != 1 or erasures or not 1 <= accounts <= MOST_ACCOUNTS):
        raise ValueError(f"a creator has one profile, 1 to {MOST_ACCOUNTS} accounts and no erasure")
    if creator["findable"] and creator["visibility"] != PUBLIC:
        raise ValueError("only who is public can be found")


def _check_consents(held: list[Row], creator: Row, now_us: int) -> None:
    """The first was recorded with the enrolment, by whoever enrolled; none was given after it was recorded."""
    first = min(held, key=lambda each: each["recorded_at_us"], default={})
    told = [creator[name] for name in ("consent_at_us", "enrolled_at_us", "enrolled_by")]
    if [first.get(name) for name in ("given_at_us", "recorded_at_us", "recorded_by")] != told:
        raise ValueError("its first consent is not the one it was enrolled with")
    if any(each["given_at_us"] > each["recorded_at_us"] + SKEW_US for each in held):
        raise ValueError("a consent was recorded before it was given")
    if any(each["recorded_at_us"] > now_us + SKEW_US for each in held):
        raise ValueError("a consent is of the future")
