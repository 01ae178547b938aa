"""What is held of a creator: each table that speaks of one, how it is given to them, and whether it goes with them.

Nothing is forgotten: a test holds this list against the tables there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import orjson

from ledger import db, events, tables
from ledger.db import Row, Session
from ledger.notation import instant

PAGE = 1_000
READING = {
    "amounts": "in micro-trust: 1000000 is one trust; the sign is that of the movement",
    "shares": "in ppm: 1000000 is all of it; what other sticks said is in millionths",
    "days": "counted from 1970-01-01, UTC",
    "bytes": "in hexadecimal",
    "tie": "who was active here lately, each known by a keyed hash only: nobody can tell from it who it was",
    "as_engager": "your own accounts where you were active with others, and how many of them remember it",
    "answer": "what calls about you were answered, kept for a day so that a repeated call gets the same answer",
}


class Part(NamedTuple):
    """A table with a creator_id; `json` columns hold JSON, `hidden` ones are a partner's own and not personal data.

    `goes` is False where rows outlive an erasure: `stays` says why.
    """

    table: str
    json: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    stays: str = ""

    @property
    def goes(self) -> bool:
        """Whether erasing a creator deletes its rows."""
        return not self.stays


PARTS = (
    Part("creator", stays="that there was someone, since when, and that they were erased"),
    Part("profile", json=("topics",)),
    Part("handle"),
    Part("account"),
    Part("consent", stays="that consent was given, when, and who recorded it; terms and evidence are emptied"),
    Part("klout"),
    Part("book", stays="what is proven: balances and the head of the chain"),
    Part("entry", json=("factors",), stays="what is proven: amounts, and hashes that lead to nobody"),
    Part("event", json=("facts", "outcome"), stays="the line that says it was erased, one a book; all others go"),
    Part("tie"),
    Part("tally"),
    Part("breach"),
    Part("allegation"),
    Part("pitch"),
    Part("outcome"),
    Part("relationship"),
    Part("dispute"),
    Part("quote", json=("terms",)),
    Part("reading"),
    Part("listing"),
    Part("listing_stick"),
    Part("answer", hidden=("holder", "key", "request")),
    Part("outbox", json=("body",)),
    Part("delivery", hidden=("webhook_id",), stays="that something was sent, so that no number is missing; emptied"),
    Part("erasure", json=("removed",), stays="that they were erased, when and at whose word"),
)
KEYS = (
    "SELECT key_id, role, networks, scopes, note, created_at_us, expires_at_us, revoked_at_us, last_used_at_us"
    " FROM api_key WHERE role = 'creator' AND owner = ? ORDER BY created_at_us"
)
WEBHOOKS = (
    "SELECT webhook_id, url, types, meters, note, status, created_at_us FROM webhook"
    " WHERE role = 'creator' AND owner = ? ORDER BY created_at_us"
)
_KEY_NAMES = ("key_id", "role", "networks", "scopes", "note", "created_at_us", "expires_at_us")
OWNED = (
    ("key", KEYS, (*_KEY_NAMES, "revoked_at_us", "last_used_at_us")),
    ("webhook", WEBHOOKS, ("webhook_id", "url", "types", "meters", "note", "status", "created_at_us")),
)


def sealed(session: Session, *, creator_id: str, pepper: bytes) -> list[tuple[str, str, str]]:
    """A creator's own accounts as the ledger knows those who are active with others: (network, id, keyed hash)."""
    sql = "SELECT network, external_id FROM account WHERE creator_id = ? ORDER BY network, external_id"
    found = db.fetch(session, sql, (creator_id,))
    return [(network, external_id, events.seal(pepper, external_id)) for network, external_id in found]


def export(session: Session, *, creator_id: str, pepper: bytes, now_us: int) -> Iterator[bytes]:
    """Everything held about a creator as one JSON document, piece by piece; the session must see one moment."""
    told = {"creator": creator_id, "exported_at": instant(now_us), "how_to_read_it": READING}
    yield b'{"about":' + orjson.dumps(told)
    for part in PARTS:
        names = [column.name for column in tables.METADATA.tables[part.table].columns]
        yield from _listed(part.table, (_shown(part, names, row) for row in _rows(session, part, names, creator_id)))
    for name, sql, columns in OWNED:
        yield from _listed(name, (_told(columns, row) for row in db.fetch(session, sql, (creator_id,))))
    yield from _listed("as_engager", _as_engager(session, creator_id, pepper))
    yield b"}\n"


def _listed(name: str, rows: Iterator[dict[str, object]]) -> Iterator[bytes]:
    yield b',\n"' + name.encode() + b'":['
    for number, row in enumerate(rows):
        yield (b",\n" if number else b"\n") + orjson.dumps(row)
    yield b"]"


def _rows(session: Session, part: Part, names: list[str], creator_id: str) -> Iterator[Row]:
    """A creator's rows of a table in the order of its key, a page at a time."""
    keys = [column.name for column in tables.METADATA.tables[part.table].primary_key if column.name != "creator_id"]
    keys = keys or ["creator_id"]
    places = [names.index(key) for key in keys]
    marks, beyond = ", ".join("?" for _ in keys), ", ".join(keys)
    sql = f"SELECT {', '.join(names)} FROM {part.table} WHERE creator_id = ?{{}} ORDER BY {beyond} LIMIT ?"
    after, reached = "", ()
    while rows := db.fetch(session, sql.format(after), (creator_id, *reached, PAGE)):
        yield from rows
        after, reached = f" AND ({beyond}) > ({marks})", tuple(rows[-1][place] for place in places)


def _shown(part: Part, names: list[str], row: Row) -> dict[str, object]:
    held = {name: value for name, value in zip(names, row, strict=True) if name not in part.hidden}
    return _told(
        held.keys(),
        [orjson.Fragment(value) if name in part.json and value else value for name, value in held.items()],
    )


def _told(names: object, values: object) -> dict[str, object]:
    """A row by name: times as such, bytes in hexadecimal."""
    found: dict[str, object] = {}
    for name, value in zip(names, values, strict=True):  # type: ignore[call-overload]
        if name.endswith("_us") and isinstance(value, int):
            found[name.removesuffix("_us")] = instant(value)
        else:
            found[name.removesuffix("_us")] = value.hex() if isinstance(value, bytes | memoryview) else value
    return found


def _as_engager(session: Session, creator_id: str, pepper: bytes) -> Iterator[dict[str, object]]:
    """What is remembered of a creator's own accounts in the books of others."""
    for network, external_id, engager in sealed(session, creator_id=creator_id, pepper=pepper):
        ties = "SELECT count(*), sum(acts) FROM tie WHERE engager = ? AND meter = ?"
        ((remembered, acts),) = db.fetch(session, ties, (engager, f"network:{network}"))
        attested = "SELECT attested_by, attested_at_us FROM attestation WHERE network = ? AND engager = ?"
        standing = "SELECT relative, day FROM standing WHERE network = ? AND engager = ?"
        key = (network, engager)
        yield {
            "network": network,
            "external_id": external_id,
            "keyed_hash": engager,
            "ties": remembered,
            "acts": int(acts or 0),
            "attested": [{"by": by, "at": instant(at_us)} for by, at_us in db.fetch(session, attested, key)],
            "standing": [{"relative": value, "day": day} for value, day in db.fetch(session, standing, key)],
        }
