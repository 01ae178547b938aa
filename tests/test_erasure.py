"""Erasure: a creator's names, texts, events and ties are destroyed; the books stay, sound and nobody's."""

import sqlite3
import threading
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
    estimates,
    events,
    keys,
    labelling,
    markers,
    overdue,
    personal,
    queries,
    readings,
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


# What it means to be gone


def test_a_second_erasure_changes_nothing(town: Counter) -> None:
    """Erasing again says that it was done before, and leaves every row of every table as it is."""
    erase(town)
    before = dump(town)
    assert not erase(town, day=50, erased_by="partner:acme")
    assert {name: sorted(rows) for name, rows in dump(town).items() if name != "job_run"} == {
        name: sorted(rows) for name, rows in before.items() if name != "job_run"
    }


def test_only_who_is_there_can_be_erased(town: Counter) -> None:
    """Nobody is erased by an id that is nobody's."""
    town.ids["none"] = "0192f0c1-0000-7000-8000-0000000000ff"
    with pytest.raises(UnknownCreator):
        erase(town, name="none")
    assert mara_in(town, "erasure") == 0


def test_it_is_kept_that_consent_was_given_and_when_it_ended(town: Counter) -> None:
    """What stays says when they came and went, at whose word and how much went with them; to no name."""
    events_before = mara_in(town, "event")
    erase(town, erased_by="partner:acme")
    with town.database.reading() as session:
        (agreed,) = consents.of(session, creator_id=town.ids["mara"])
    assert agreed == consents.Consent(1, 1, "acme", "", "")
    ((at_us, who, told),) = town.rows("SELECT erased_at_us, erased_by, removed FROM erasure")
    removed = orjson.loads(told)
    assert (at_us, who) == (noon(LAST), "partner:acme")
    assert (removed["profile"], removed["account"], removed["tie"], removed["dispute"]) == (1, 2, 2, 1)
    assert removed["event"] == events_before


def test_to_readers_the_erased_were_never_there(town: Counter) -> None:
    """By id, account or handle nobody is found: not to be read, not to be posted to, not to be estimated."""
    erase(town)
    by_id, by_name = CreatorRef(town.ids["mara"]), CreatorRef(network="youtube", external_id=NAMES[2])
    with town.database.reading() as session:
        for ref in (by_id, by_name):
            with pytest.raises(UnknownCreator):
                queries.shelf(session, creator=ref)
            with pytest.raises(UnknownCreator):
                creators.find(session, ref)
            with pytest.raises(UnknownCreator):
                queries.balances(session, creator=ref, now_us=noon(41), schedule=RULES)
            with pytest.raises(UnknownCreator):
                queries.balances(session, creator=ref, now_us=noon(41), schedule=RULES, as_of_us=noon(30))
        with pytest.raises(UnknownCreator):
            creators.named(session, NAMES[1])
        with pytest.raises(UnknownCreator):
            creators.get(session, town.ids["mara"])
        both = queries.lookup(session, creators=[by_id, by_name], now_us=noon(41), schedule=RULES)
        assert (both.found, both.missing) == ({}, (0, 1))
        assert estimates.shelves(session, [by_id, by_name], brand="nike") == [None, None]


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("engagement", {"act": "reply", "engager": "fan-a"}),
        ("pitch", {"brand": "nike", "disclosure": "clear"}),
        ("introduction", {"meter": "brand:nike", "brand": "nike", "source": events.OWN}),
        ("introduction", {"meter": "brand:zara", "brand": "zara", "source": events.OWN}),
        ("erasure", {"events": 1, "ties": 1, "source": events.OWN}),
    ],
)
@pytest.mark.parametrize("backfill", [False, True])
def test_nothing_is_posted_to_the_erased(town: Counter, kind: str, told: dict[str, Any], backfill: bool) -> None:
    """An event for a creator who was erased is refused as for one who never was, and leaves no trace."""
    erase(town)
    before = counted(town)
    facts = {key: value for key, value in told.items() if key not in ("meter", "source")}
    about = {key: value for key, value in told.items() if key in ("meter", "source")}
    event = tell(kind, ref="late", at_us=noon(41), creator=town.ids["mara"], **about, **facts)
    (receipt,) = town.post(event, now_us=noon(41), backfill=backfill)
    assert (receipt.status, receipt.code, receipt.remembered) == ("refused", "unknown_creator", False)
    assert counted(town) == before


def test_the_nights_pass_over_the_erased(town: Counter) -> None:
    """Settling, labelling, marking, releasing and telling of silence leave their books as they are."""
    erase(town)
    before = town.entries("mara")
    second = variant(("decay.fresh_half_life", "60"), name="second")
    town.database.write(lambda session: rules.install(session, second, effective_day=DAY + 70, now_us=noon(41)))
    with town.database.reading() as session:
        schedule = rules.schedule(session)
    clock: dict[str, Any] = {"clock": lambda: noon(90), "schedule": schedule}
    settlement.settle(town.database, through_day=DAY + 90, **clock)
    labelling.relabel(town.database, day=DAY + 90, **clock)
    markers.mark(town.database, **clock)
    overdue.hush(town.database, **clock)
    overdue.release(town.database, **clock)
    assert town.entries("mara") == before
    assert town.entries("noor")[-1][23] >= noon(90)
    with town.database.snapshot() as session:
        assert audit.verify(session, schedule=schedule).ok


def test_rules_are_tried_on_those_who_are_here(town: Counter) -> None:
    """A simulation neither reads nor counts the books of the erased."""
    erase(town)
    with town.database.reading() as session:
        assert simulation.size(session)[0] == 1
    question = simulation.Question.of(variant(name="other"), RULES, at_us=noon(41))
    assert len(list(simulation.parts(town.database, question))) == 1


def test_the_same_account_can_join_anew(town: Counter) -> None:
    """Who comes back gives consent again, is somebody new, and starts from nothing."""
    erase(town)
    town.ids["again"] = town.enrol(NAMES[2])
    assert town.ids["again"] != town.ids["mara"]
    (receipt,) = town.post(
        tell(
            "engagement", ref=f"{TEXTS[1]}-e0", at_us=noon(41), creator=f"youtube:{NAMES[2]}", act="reply", engager="x"
        ),
        now_us=noon(41),
    )
    assert (receipt.status, receipt.entries[0].seq) == ("posted", 1)
    assert report(town).ok
    assert erase(town, day=42, name="again")
    assert report(town).ok


def test_others_forget_the_erased_too(town: Counter) -> None:
    """Their own account is no engager of anybody's any more: not in ties, not attested, of no standing."""
    engager = events.seal(PEPPER, NAMES[2])
    tables_of = ("tie", "attestation", "standing")
    held = [town.rows(f"SELECT count(*) FROM {name} WHERE engager = ?", engager)[0][0] for name in tables_of]
    erase(town)
    left = [town.rows(f"SELECT count(*) FROM {name} WHERE engager = ?", engager)[0][0] for name in tables_of]
    assert (held, left) == ([1, 1, 1], [0, 0, 0])
    counter_event = tell("engagement", ref="again", at_us=noon(41), creator="youtube:noor", act="reply", engager="z")
    town.post(counter_event, now_us=noon(41))
    assert report(town).ok


def test_their_keys_and_webhooks_end_with_them(town: Counter) -> None:
    """A creator's key opens nothing any more, and nobody sends to an address of theirs."""
    erase(town)
    assert town.rows("SELECT note, revoked_at_us FROM api_key WHERE role = 'creator'") == [("", noon(LAST))]
    assert town.rows("SELECT count(*) FROM webhook") == [(0,)]


def test_what_was_to_be_sent_about_them_is_not(town: Counter) -> None:
    """A message on its way to somebody else is given up and emptied; its number stays, so that none is missing."""
    other = "0192f0c1-0000-7000-8000-0000000000bb"
    row = served(town.ids["mara"])["delivery"] | {"webhook_id": other}
    rows = [tuple(row[column.name] for column in TABLES["delivery"].columns)]
    town.database.write(lambda session: db.insert(session, TABLES["delivery"], rows))
    erase(town)
    sent = town.rows("SELECT sequence, status, body, error, ended_at_us FROM delivery")
    assert sent == [(1, "dead", "{}", None, noon(LAST))]


def test_what_slips_in_at_that_moment_is_swept(town: Counter) -> None:
    """A row written about somebody while they were being erased is found by the audit, and removed by the sweep."""
    erase(town)
    row = (635_263, town.ids["mara"])
    town.database.write(lambda session: db.insert(session, TABLES["klout"], [row]))
    found = report(town).first_bad
    assert found is not None
    assert "klout" in found.what
    assert town.database.write(erasure.sweep) == 1
    assert report(town).ok
    assert town.database.write(erasure.sweep) == 0


def test_their_key_and_webhook_of_that_moment_are_swept(town: Counter) -> None:
    """A call that was let in before may still make a webhook or a key after: within the hour neither says a word."""
    erase(town)
    one = served(town.ids["mara"])
    rows = {name: tuple(one[name][column.name] for column in TABLES[name].columns) for name in ("webhook", "delivery")}

    def write(session: Session) -> None:
        for name, row in rows.items():
            db.insert(session, TABLES[name], [row])
        keys.create(session, role="creator", owner=town.ids["mara"], note=TEXTS[4], pepper=PEPPER, now_us=7)

    town.database.write(write)
    assert town.database.write(erasure.sweep) == 3
    assert (town.rows("SELECT count(*) FROM webhook"), town.rows("SELECT count(*) FROM delivery")) == ([(0,)], [(0,)])
    assert {row[0] for row in town.rows("SELECT note FROM api_key WHERE revoked_at_us IS NOT NULL")} == {""}
    assert town.rows("SELECT count(*) FROM api_key WHERE revoked_at_us IS NULL") == [(0,)]
    assert town.database.write(erasure.sweep) == 0


# All or nothing, at once


def test_an_erasure_that_is_cut_short_never_was(town: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is one transaction: what fails at the very end leaves everything as it was."""
    before = dump(town)

    def fail(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(erasure, "_finish", fail)
    with pytest.raises(KeyboardInterrupt):
        erase(town)
    assert dump(town) == before
    assert report(town).ok


def test_posting_while_erasing(town: Counter) -> None:
    """Whoever posts, opens a brand's book or reads at that moment comes before the erasure, or finds nobody."""
    receipts: list[str] = []
    barrier = threading.Barrier(4)

    def post(number: int) -> None:
        barrier.wait()
        for turn in range(6):
            kind, facts = "engagement", {"act": "reply", "engager": f"fan-{number}-{turn}"}
            about: dict[str, Any] = {}
            if number == 2:
                kind, facts = "introduction", {"brand": f"b{turn}"}
                about = {"meter": f"brand:b{turn}", "source": events.OWN}
            event = tell(kind, ref=f"{number} {turn}", at_us=noon(40), creator=town.ids["mara"], **about, **facts)
            (receipt,) = town.post(event, now_us=noon(40) + 1)
            receipts.append(receipt.status)

    def gone() -> None:
        barrier.wait()
        erase(town)

    threads = [threading.Thread(target=post, args=(number,)) for number in range(3)]
    threads.append(threading.Thread(target=gone))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(receipts) == 18
    assert report(town) == audit.Report(True, None, *counted(town))
    assert {row[0] for row in town.rows("SELECT erased FROM book WHERE creator_id = ?", town.ids["mara"])} <= {1}
    left = town.rows("SELECT DISTINCT kind FROM event WHERE creator_id = ?", town.ids["mara"])
    assert left == [("erasure",)]


# What the database itself refuses


def test_an_event_goes_with_its_creator_or_not_at_all(town: Counter) -> None:
    """The database lets events of an erased creator go and no others, and never the line that says so."""
    erase(town)
    for name, kind in (("noor", "engagement"), ("mara", "erasure")):
        with (
            town.database.transaction() as session,
            pytest.raises((sqlite3.IntegrityError, psycopg.errors.RaiseException), match="event is append-only"),
        ):
            db.execute(session, "DELETE FROM event WHERE creator_id = ? AND kind = ?", (town.ids[name], kind))


# Nothing is forgotten


def test_every_table_that_speaks_of_a_creator_is_on_the_list() -> None:
    """A table with a creator_id is given out in the export, and goes or says why it stays; so is a new one."""
    speaking = {name for name, table in TABLES.items() if "creator_id" in table.columns}
    assert speaking == {part.table for part in personal.PARTS}
    for part in personal.PARTS:
        assert {*part.json, *part.hidden} <= set(TABLES[part.table].columns.keys()), part.table


ELSEWHERE = {
    "api_key": "whose keys they are",
    "webhook": "whose webhooks they are",
    "attestation": "an engager by keyed hash",
    "standing": "an engager by keyed hash",
    "figure": "sums over all",
    "policy": "the rules",
    "quota": "calls of keys",
    "import_run": "digests of files",
    "job_run": "what jobs did",
}


def test_no_other_table_speaks_of_anybody() -> None:
    """Tables without a creator_id are known, and why they hold nothing else of a creator."""
    assert {name for name, table in TABLES.items() if "creator_id" not in table.columns} == set(ELSEWHERE)


def exported(counter: Counter, name: str = "mara") -> dict[str, Any]:
    """Everything held about a creator, as they get it."""
    with counter.database.snapshot() as session:
        pieces = personal.export(session, creator_id=counter.ids[name], pepper=PEPPER, now_us=noon(LAST))
        told: dict[str, Any] = orjson.loads(b"".join(pieces))
    return told


def test_an_export_holds_everything(town: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every row about a creator is in it, whatever its table, read a few at a time; and no secret is."""
    monkeypatch.setattr(personal, "PAGE", 3)
    told = exported(town)
    for part in personal.PARTS:
        assert len(told[part.table]) == mara_in(town, part.table), part.table
    text = orjson.dumps(told).decode()
    assert [word for word in (*NAMES, *TEXTS) if word not in text] == []
    assert {tie["engager"] for tie in told["tie"]} == {events.seal(PEPPER, fan) for fan in FANS}
    assert [(row["ties"], len(row["attested"])) for row in told["as_engager"]] == [(0, 0), (1, 1)]
    assert told["entry"][0]["recorded_at"].endswith("Z")
    assert [key["note"] for key in told["key"]] == [TEXTS[3]]
    assert "key_hash" not in text
    assert "tl_" not in text


def test_an_export_is_of_one_creator(town: Counter) -> None:
    """Nothing about Mara is in what Noor gets, but that an engager by some hash was there."""
    text = orjson.dumps(exported(town, "noor")).decode()
    assert [word for word in (*NAMES, *TEXTS, town.ids["mara"]) if word in text] == []
