"""Klout's names for things: the number a creator is known by, and topics as its clients expect them."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from hashlib import sha256

import orjson

from ledger import db
from ledger.db import Database, Reading, Session
from ledger.errors import UnknownCreator

NUMBERS = 1 << 53  # below which every number is exact in the doubles that JSON readers keep numbers in
NETWORKS = {"tw": "twitter", "gp": "googleplus", "ig": "instagram"}
_NUMBER = re.compile(r"[0-9]{1,16}")
_NUMBERS_SQL = "SELECT x.creator_id, x.klout_id FROM {keys} CROSS JOIN klout x WHERE x.creator_id = k.c0"
_PEOPLE_SQL = (
    "SELECT p.creator_id, p.handle, p.display_name, p.topics FROM {keys} CROSS JOIN profile p WHERE p.creator_id = k.c0"
)


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic that a creator declared. The same topic has the same id wherever it is declared."""

    id: str
    name: str
    slug: str


@dataclass(frozen=True, slots=True)
class Person:
    """What a creator is called, and the topics they declared."""

    nick: str
    topics: tuple[Topic, ...]


def network(name: str) -> str:
    """The network that one of Klout's abbreviations stands for; any other name stands for itself."""
    return NETWORKS.get(name, name)


def numbers(database: Database, creator_ids: Collection[str]) -> dict[str, int]:
    """The numbers of creators. Whoever has none is given one at random, once. Raises Unavailable."""
    known = database.read(lambda reader: _numbers(reader, creator_ids))
    missing = set(creator_ids) - known.keys()
    return known | database.write(lambda session: _give(session, missing)) if missing else known


def _numbers(session: Reading, creator_ids: Collection[str]) -> dict[str, int]:
    keys = [(creator_id,) for creator_id in sorted(creator_ids)]
    return dict(db.fetch_keyed(session, _NUMBERS_SQL, ("id",), keys))


def _give(session: Session, creator_ids: Collection[str]) -> dict[str, int]:
    """Numbers for those who had none. Whoever got one meanwhile keeps it, and a number that is taken is drawn anew."""
    sql = "INSERT INTO klout (klout_id, creator_id) VALUES (?, ?) ON CONFLICT DO NOTHING"
    found: dict[str, int] = {}
    while missing := sorted(set(creator_ids) - found.keys()):
        for creator_id in missing:
            db.execute(session, sql, (1 + secrets.randbelow(NUMBERS - 1), creator_id))
        found = _numbers(session, creator_ids)
    return found


def creator_of(session: Reading, number: str) -> str:
    """The creator with that number. Raises UnknownCreator."""
    rows = []
    if _NUMBER.fullmatch(number):
        rows = db.fetch(session, "SELECT creator_id FROM klout WHERE klout_id = ?", (int(number),))
    if not rows:
        raise UnknownCreator("no creator has that number")
    found: str = rows[0][0]
    return found


def people(session: Reading, creator_ids: Collection[str]) -> dict[str, Person]:
    """What creators are called: their handle, or else their name."""
    rows = db.fetch_keyed(session, _PEOPLE_SQL, ("id",), [(creator_id,) for creator_id in sorted(creator_ids)])
    return {
        creator_id: Person(handle or display_name, tuple(map(topic, orjson.loads(topics))))
        for creator_id, handle, display_name, topics in rows
    }


def topic(name: str) -> Topic:
    """A declared topic, known by its words alone: case, spaces and marks make no other topic of it."""
    slug = "-".join(re.findall(r"\w+", name.casefold())) or name
    return Topic(str(int.from_bytes(sha256(slug.encode()).digest()[:8]) >> 1), name, slug)
