"""Reading much, again and page by page: few statements, nothing sent twice, nothing skipped or doubled."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import psycopg
import pytest
from flask import Flask

from ledger import creators, db
from ledger.creators import AccountOf
from ledger.db import Database
from ledger.readers import PostgreSQLReader, Reader, SQLiteReader
from tests.api_fixtures import Clock, Holder, event
from tests.rights_world import World
from tests.test_api_pitches import told as let_in
from tests.test_api_rights import ANY, RIGHTS, filled, world

__all__ = ["let_in", "world"]
ADA = "/v1/creators/youtube:ada"
PATIENCE_S = 60
OF_OTHERS = re.compile(r"quota|FROM policy\b")  # a slice of quota, and every two seconds whether the rules are the same

# Many at once


@contextmanager
def counted(books: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Every statement that readers send to the database meanwhile, on either engine."""
    sent: list[str] = []
    open_reader, fetch, execute = Database._open_reader, PostgreSQLReader.fetch, psycopg.Cursor.execute

    def traced(database: Database) -> Reader:
        reader = open_reader(database)
        if isinstance(reader, SQLiteReader):
            reader.connection.set_trace_callback(sent.append)
        return reader

    def fetched(reader: PostgreSQLReader, sql: str, params: Any = ()) -> Any:
        sent.append(sql)
        return fetch(reader, sql, params)

    def executed(cursor: Any, sql: Any, *args: Any, **kwargs: Any) -> Any:
        sent.append(str(sql))
        return execute(cursor, sql, *args, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(Database, "_open_reader", traced)
        patched.setattr(PostgreSQLReader, "fetch", fetched)
        patched.setattr(psycopg.Cursor, "execute", executed)
        books._close_idle()
        yield sent
        books._close_idle()


@pytest.fixture
def crowd(books: Database) -> list[str]:
    """A thousand creators on youtube, by id."""

    def enrol_all(session: db.Session) -> list[str]:
        told: dict[str, Any] = {"display_name": "C", "consent_at_us": 1, "enrolled_by": "acme", "now_us": 2}
        accounts = [[AccountOf("youtube", f"c-{number}")] for number in range(1_000)]
        return [creators.enrol(session, accounts=each, **told)[0] for each in accounts]

    return books.write(enrol_all)


def test_a_thousand_balances_take_as_many_statements_as_one(
    partner: Holder, books: Database, crowd: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lookup asks the database three times (key, accounts, books), however many creators it names, and however."""
    names = [f"youtube:c-{number}" for number in range(1_000)]
    asked = {}
    for what, some in {"one": names[:1], "all": names, "by id": crowd, "nobody": ["youtube:nobody"] * 9}.items():
        with counted(books, monkeypatch) as sent:
            answer = partner.post("/v1/balances/lookup", json={"creators": some})
        asked[what] = len([one for one in sent if not OF_OTHERS.search(one)])
        assert len(answer.json["balances"]) == (0 if what == "nobody" else len(some))
    assert asked == {"one": 3, "all": 3, "by id": 2, "nobody": 2}


# Nothing sent twice

# Why a GET carries no ETag.
WITHOUT = {
    "exports_get_export": "streamed: what it would be a tag of is known at its end",
    "personal_get_export": "streamed as well, and asked for once",
    "health_healthz": "what it says is good for this moment alone",
    "health_readyz": "what it says is good for this moment alone",
    "health_metrics_page": "figures that change with every request",
}


def test_every_read_has_a_tag_or_says_why_not(app: Flask) -> None:
    """Each GET documents 304, but for those that are named here with the reason."""
    document = orjson.loads(app.extensions["trust_ledger.document"])
    reads = [item["get"] for item in document["paths"].values() if "get" in item]
    assert {each["operationId"] for each in reads if "304" not in each["responses"]} == set(WITHOUT)


@pytest.mark.parametrize("role", ["operator", "creator"])
def test_what_a_reader_has_is_not_sent_again(world: World, role: str) -> None:
    """Every read that is answered is answered with 304, and no body, to whoever names its tag."""
    seen = set()
    for row in [row for row, told in RIGHTS.items() if row[0].startswith("GET /v") and told[role] == 200]:
        if "/export" in row[0]:
            continue
        path = filled(row[0].removeprefix("GET "), ANY | world.names.get(row[1], {}))
        first = world.send(role, "GET", path, None, {})
        again = world.send(role, "GET", path, None, {"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", first.headers["ETag"]), row
        assert world.send(role, "GET", path, None, {"If-None-Match": '"another"'}).status_code == 200
        seen.add(row[0])
    assert len(seen) > 15


# Page by page, while others write


@contextmanager
def meanwhile(work: Callable[[int], Any]) -> Iterator[Callable[[], None]]:
    """Do it again and again in another thread; what is yielded waits until it was done once more."""
    done, ended, wanted = 0, threading.Event(), threading.Condition()
    failed: list[BaseException] = []

    def run() -> None:
        nonlocal done
        while not ended.is_set() and done < 500:
            try:
                answer = work(done)
                assert answer.status_code in (200, 201), answer.json
            except BaseException as error:  # noqa: BLE001 - told below, in the test's own thread
                failed.append(error)
            with wanted:
                done += 1
                wanted.notify_all()
            if failed:
                return

    def wait() -> None:
        with wanted:
            before = done
            assert wanted.wait_for(lambda: done > before or failed, PATIENCE_S)
        assert failed == []

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield wait
    finally:
        ended.set()
        thread.join(PATIENCE_S)
    assert failed == []


def paged(holder: Holder, path: str, member: str, wait: Callable[[], None]) -> list[dict[str, Any]]:
    """All items of a list, three a page; between two pages somebody else writes."""
    found, after = [], ""
    while True:
        answer = holder.get(f"{path}limit=3{after}").json
        found += answer[member]
        if answer["next"] is None:
            return found
        wait()
        after = f"&after={answer['next']}"


def each_once(found: list[Any], before: list[Any], *, more: bool) -> None:
    """Nothing twice, and all that was there when it began; others only where a list may grow behind the reader."""
    assert len(found) == len(set(found))
    assert set(found) >= set(before)
    assert more or set(found) == set(before)


def sent_by(app: Flask, holder: Holder) -> Holder:
    """The same key in another thread."""
    return Holder(app.test_client(), holder.secret)


def test_a_statement_is_whole_while_others_post(app: Flask, partner: Holder, creator_id: str) -> None:
    """Lines that come while one turns pages are in none of them; those that were there are each in one."""
    for number in range(14):
        assert partner.post("/v1/events", json=event(f"e-{number}")).status_code == 201
    before = [line["seq"] for line in partner.get(f"{ADA}/entries?limit=100").json["entries"]]
    other = sent_by(app, partner)
    with meanwhile(lambda number: other.post("/v1/events", json=event(f"late-{number}"))) as wait:
        found = paged(partner, f"{ADA}/entries?", "entries", wait)
        wait()
    each_once([line["seq"] for line in found], before, more=True)
    seqs = [line["seq"] for line in found]
    assert seqs == list(range(seqs[0], 0, -1))
    assert len(partner.get(f"{ADA}/entries?limit=100").json["entries"]) > len(before)


def test_disputes_are_whole_while_others_contest(app: Flask, partner: Holder, creator: Holder, creator_id: str) -> None:
    """Every dispute that was open when one began to look is told once."""
    for number in range(60):
        assert partner.post("/v1/events", json=event(f"e-{number}")).status_code == 201

    def contest(holder: Holder, seq: int) -> Any:
        return holder.post("/v1/disputes", json={"meter": "network:youtube", "seq": seq, "reason": "not so"})

    for seq in range(1, 12):
        assert contest(creator, seq).status_code == 201
    before = [one["dispute"] for one in creator.get("/v1/disputes?limit=100").json["disputes"]]
    other = sent_by(app, creator)
    with meanwhile(lambda number: contest(other, 12 + min(number, 40))) as wait:
        found = paged(creator, "/v1/disputes?", "disputes", wait)
    each_once([one["dispute"] for one in found], before, more=True)
    assert len(before) == 11


def test_relationships_are_whole_while_brands_come(app: Flask, partner: Holder, creator_id: str) -> None:
    """Brands that introduce themselves meanwhile, before or behind the page one is at, move no other."""
    for number in range(10):
        introduced = {"creator": "youtube:ada", "brand": f"b-{number}-5"}
        assert partner.post("/v1/relationships", json=introduced).status_code == 201
    path = "/v1/relationships?creator=youtube:ada&"
    before = [one["brand"] for one in partner.get(f"{path}limit=100").json["relationships"]]
    other = sent_by(app, partner)

    def introduce(number: int) -> Any:
        brand = f"b-{number % 10}-{'0' if number % 2 else '9'}-{number}"
        return other.post("/v1/relationships", json={"creator": "youtube:ada", "brand": brand})

    with meanwhile(introduce) as wait:
        found = paged(partner, path, "relationships", wait)
    names = [one["brand"] for one in found]
    each_once(names, before, more=True)
    assert names == sorted(names)


def test_pitches_are_whole_while_others_are_held(
    app: Flask, partner: Holder, creator: Holder, let_in: str, clock: Clock
) -> None:
    """Pitches that are quoted and held meanwhile are on no page twice, and push none off."""

    def hold(holder: Holder, brand: str) -> Any:
        asked = {"creator": "youtube:ada", "brand": brand, "disclosure": "clear", "fit": "0.7", "quote": True}
        holder.post("/v1/relationships", json={"creator": "youtube:ada", "brand": brand})
        holder.post(f"/v1/relationships/youtube:ada/{brand}/accept")
        quote = holder.post("/v1/estimates", json=asked).json["quote"]["id"]
        made = holder.post("/v1/pitches", json={"quote": quote})
        holder.post(f"/v1/pitches/{made.json['pitch']}/decline")  # what it reserved is free for the next one
        return made

    for number in range(7):
        assert hold(partner, f"b-{number}").status_code == 201
    before = [one["pitch"] for one in partner.get("/v1/pitches?limit=100").json["pitches"]]
    other = sent_by(app, partner)
    with meanwhile(lambda number: hold(other, f"late-{number}")) as wait:
        found = paged(partner, "/v1/pitches?", "pitches", wait)
    each_once([one["pitch"] for one in found], before, more=True)
    assert len(before) == 7
