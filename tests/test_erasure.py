"""Erasure: a creator's names, texts, events and ties are destroyed; the books stay, sound and nobody's."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest
from sqlalchemy import Table

from ledger import (
    attestations,
    audit,
    checkpoints,
    consents,
    creators,
    db,
    disputes,
    erasure,
    events,
    keys,
    labelling,
    markers,
    overdue,
    personal,
    posting,
    queries,
    quotes,
    readings,
    relationships,
    rules,
    settlement,
    simulation,
    tables,
)
from ledger.creators import AccountOf
from ledger.db import Database, Session
from ledger.errors import UnknownCreator
from ledger.events import CreatorRef
from tests.desk import DAY, METER, PEPPER, RULES, Counter, befriended, noon, tell, variant

TABLES = tables.METADATA.tables
LAST = 40
NAMES = ("Mara Quill", "mara-quill", "mara-at-video", "sourdough secrets", "signup-4711", "terms of May")
TEXTS = ("it was a joke between friends", "mara-ref", "kredible-source", "held by mara", "private remark")
FANS = ("fan-a", "fan-b")


@pytest.fixture
def town(database: Database) -> Counter:
    """Mara after a full life, and Noor, whom she engages with."""
    counter = Counter(database, names=("noor",))
    counter.ids["mara"] = database.write(
        lambda session: creators.enrol(
            session,
            display_name=NAMES[0],
            handle=NAMES[1],
            accounts=[AccountOf("youtube", NAMES[2], 9_000), AccountOf("video", NAMES[2])],
            topics=[NAMES[3]],
            visibility="public",
            findable=True,
            consent_at_us=1,
            enrolled_by="acme",
            now_us=1,
            terms=NAMES[5],
            evidence=NAMES[4],
        )
    )[0]
    live_a_life(counter)
    beside_the_books(counter)
    return counter


def live_a_life(counter: Counter) -> None:
    """Events of many kinds in three books, refused ones among them."""
    own: dict[str, Any] = {"creator": f"youtube:{NAMES[2]}"}
    for number, fan in enumerate(FANS * 4):
        counter.one("engagement", ref=f"{TEXTS[1]}-e{number}", day=number, act="reply", engager=fan, **own)
    counter.one("engagement", ref="noor is answered", day=2, creator="youtube:noor", act="reply", engager=NAMES[2])
    for told in befriended("nike", 3):
        day, about = told["day"], {key: value for key, value in told.items() if key != "day"}
        counter.one(**about | {"ref": f"{TEXTS[1]} {told['ref']}"}, day=day, creator=counter.ids["mara"])
    counter.one("pitch", ref=f"{TEXTS[1]}-p", day=20, brand="nike", disclosure="clear", **own)
    counter.one("outcome", ref=f"{TEXTS[1]}-o", day=28, pitch=f"{TEXTS[1]}-p", positive=9, negative=1, **own)
    terms: dict[str, Any] = {"brand": "nike", "disclosure": "clear", "drain": 9, "held": 15, "share": "0.05"}
    terms |= {"mending": "0.8", "clear": "0.15", "vague": "0.05", "expires_at_us": noon(90), "source": events.OWN}
    counter.one("pitch_held", ref="0192f0c1-0000-7000-8000-000000000001", day=28, **terms, **own)
    counter.one("breach", ref=f"{TEXTS[1]}-b", day=29, severity=2, category="harm", **own)
    counter.one("allegation", ref=f"{TEXTS[1]}-a", day=30, severity=2, category="deception", **own)
    counter.one("substantiation", ref="s", day=31, allegation=f"{TEXTS[1]}-a", by="press", evidence="x 1", **own)
    counter.one("apology", ref=f"{TEXTS[1]}-y", day=32, breach=f"{TEXTS[1]}-b", repair=True, **own)
    counter.one("reversal", ref=f"{TEXTS[1]}-r", day=33, event="nothing", **own)
    settlement.settle(counter.database, through_day=DAY + 35, clock=lambda: noon(35), schedule=RULES)


def beside_the_books(counter: Counter) -> None:
    """A dispute, a reading, a key, a quote, an attestation, and rows of what serves callers."""
    creator_id, at_us = counter.ids["mara"], noon(36)

    def write(session: Session) -> None:
        seq = db.fetch(session, "SELECT seq FROM entry WHERE creator_id = ? AND kind = 'breach'", (creator_id,))[0][0]
        disputes.contest(session, creator_id=creator_id, meter=METER, seq=seq, reason=TEXTS[0], now_us=at_us)
        reading = readings.Reading("kred", at_us, 5, 0, 9, TEXTS[2])
        readings.put(session, creator_id=creator_id, readings=[reading], now_us=at_us)
        keys.create(session, role="creator", owner=creator_id, note=TEXTS[3], pepper=PEPPER, now_us=1)
        told = {"network": "youtube", "accounts": [NAMES[2]], "attested_by": "acme"}
        attestations.attest(session, **told, pepper=PEPPER, now_us=1)  # type: ignore[arg-type]
        for name, row in served(creator_id).items():
            db.insert(session, TABLES[name], [tuple(row[column.name] for column in TABLES[name].columns)])

    counter.database.write(write)


def served(creator_id: str) -> dict[str, dict[str, Any]]:
    """A row of each table that only other parts of the service write."""
    one, body = "0192f0c1-0000-7000-8000-0000000000aa", orjson.dumps({"about": TEXTS[4], "ref": TEXTS[1]}).decode()
    message = {"message_id": one, "creator_id": creator_id, "meter": METER, "type": "balance.changed", "body": body}
    made: dict[str, dict[str, Any]] = {
        "answer": {"holder": "h", "key": "k", "request": "{}", "headers": "", "body": body.encode()},
        "outbox": {**message, "brand": "nike"},
        "delivery": {**message, "webhook_id": one, "sequence": 1, "status": "waiting", "error": TEXTS[4]},
        "quote": {"quote_id": one, "meter": METER, "brand": "nike", "terms": body, "made_by": "nike"},
        "klout": {"klout_id": 635_263},
        "standing": {"network": "youtube", "engager": events.seal(PEPPER, NAMES[2]), "relative": 1, "day": 1},
        "webhook": {"webhook_id": one, "role": "creator", "owner": creator_id, "url": f"https://{NAMES[1]}.example"},
        "listing": {"network": "youtube", "topic": NAMES[3], "label": "new", "confidence": "few"},
        "listing_stick": {"network": "youtube", "stick": "kred"},
    }
    return {name: blank(TABLES[name]) | {"creator_id": creator_id} | row for name, row in made.items()}


def blank(table: Table) -> dict[str, Any]:
    """A row of a table with nothing in it."""
    found: dict[str, Any] = {}
    for column in table.columns:
        default = getattr(column.default, "arg", None)
        is_text = "CHAR" in str(column.type).upper() or "TEXT" in str(column.type).upper()
        found[column.name] = None if column.nullable else (default if default is not None else "" if is_text else 0)
    return found


def erase(counter: Counter, *, day: int = LAST, name: str = "mara", erased_by: str = "operator:ops") -> bool:
    """Erase a creator at noon of a day."""
    return counter.database.write(
        lambda session: erasure.erase(
            session,
            creator_id=counter.ids[name],
            erased_by=erased_by,
            pepper=PEPPER,
            clock=lambda: noon(day),
            schedule=RULES,
        )
    )


def dump(counter: Counter) -> dict[str, list[str]]:
    """Every row of every table, as text."""
    with counter.database.reading() as session:
        return {
            name: [
                " ".join(
                    bytes(v).decode("latin-1") + bytes(v).hex() if isinstance(v, bytes | memoryview) else str(v)
                    for v in row
                )
                for row in db.fetch(session, f"SELECT * FROM {name}")
            ]
            for name in TABLES
        }


def secrets_of_mara() -> list[str]:
    """What must be nowhere: her names, texts and references, and whom she was engaged by."""
    fans = [events.seal(PEPPER, fan) for fan in FANS]
    return [*NAMES, *TEXTS, *FANS, *fans]


def report(counter: Counter, **options: Any) -> audit.Report:
    """What the audit says."""
    with counter.database.snapshot() as session:
        return audit.verify(session, schedule=RULES, **options)


def test_what_is_to_be_destroyed_is_there_before(town: Counter) -> None:
    """The life that the other tests erase left each of the names, texts and references somewhere."""
    rows = "\n".join(row for held in dump(town).values() for row in held)
    assert [word for word in secrets_of_mara() if word not in rows and word not in FANS] == []
    assert {name for name in (part.table for part in personal.PARTS) if not mara_in(town, name)} == {"erasure"}
    assert report(town).ok


def mara_in(counter: Counter, table: str) -> int:
    """How many rows of a table are about Mara."""
    return int(counter.rows(f"SELECT count(*) FROM {table} WHERE creator_id = ?", counter.ids["mara"])[0][0])


def test_nothing_is_left_of_the_erased(town: Counter) -> None:
    """No name, account, text, reference or engager of hers is anywhere in the database."""
    assert erase(town)
    found = {
        (name, word) for name, rows in dump(town).items() for row in rows for word in secrets_of_mara() if word in row
    }
    assert found == set()


def test_the_books_stay_and_are_sound(town: Counter) -> None:
    """After an erasure everything verifies: links, hashes, amounts, balances, and what was erased and when."""
    before = {row[:3]: row for row in town.entries("mara")}
    erase(town)
    after = {row[:3]: row for row in town.entries("mara")}
    assert before.items() <= after.items()
    tombstones = [row for key, row in after.items() if key not in before and row[3] == "erasure"]
    assert {row[1] for row in tombstones} == {"brand:nike", "network:video", METER}
    assert [orjson.loads(row[8])["ties"] for row in tombstones] == [0, 0, 2]
    assert report(town) == audit.Report(True, None, *counted(town))


def counted(counter: Counter) -> list[int]:
    """How many books, entries and events there are."""
    return [counter.rows(f"SELECT count(*) FROM {name}")[0][0] for name in ("book", "entry", "event")]


def test_a_checkpoint_of_before_still_proves(town: Counter) -> None:
    """What a checkpoint saw is still there after an erasure, entry for entry."""
    with town.database.reading() as session:
        made = checkpoints.make(session, now_us=noon(39), key=b"k")
    erase(town)
    assert report(town, checkpoint=made).ok
