"""Journals of the books, read by the programs they are for: hledger and beancount find every balance as we do."""

import csv
import io
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ledger import db, exports, imports, journals, rules, stories
from ledger.db import Database
from ledger.demo import plant
from ledger.notation import trust
from tests.conftest import ENGINES, Postgres
from tests.desk import FOUNDING, METER, RULES, Counter, noon, tell

NOW_US = 1_795_392_000_000_000  # 2026-11-23
HLEDGER = shutil.which("hledger")
BEAN_CHECK = Path(sys.executable).with_name("bean-check")
HARSH = 'a,b; c:d "e" \\f %2C | =1\u2028\u00e9 ~ @ {2020-01-01}'
# Every check that hledger has but those on payees and on names of accounts, which are ours to choose.
CHECKS = ("accounts", "commodities", "ordereddates", "balancednoautoconversion")

needs_hledger = pytest.mark.skipif(HLEDGER is None, reason="hledger is not installed (Debian package hledger)")


def hledger(journal: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run hledger on a journal."""
    command = [str(HLEDGER), "-f", str(journal), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=200)


def bean_check(journal: Path) -> subprocess.CompletedProcess[str]:
    """Run bean-check on a journal, from scratch."""
    command = [str(BEAN_CHECK), "--no-cache", str(journal)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=200)


def written(database: Database, folder: Path, form: str, **asked: Any) -> Path:
    """The journal of books, in a file."""
    path = folder / f"books.{form}"
    with database.snapshot() as session, path.open("wb") as file:
        file.writelines(exports.export(session, form=form, **asked))
    return path


def told_by_hledger(journal: Path) -> dict[str, str]:
    """What hledger says that each pool holds, those that are empty left out."""
    said = hledger(journal, "bal", "^trust:", "--flat", "--no-total", "-O", "csv", "-I", "-c", "1.000000 TRUST")
    rows = csv.DictReader(io.StringIO(said.stdout))
    return {row["account"]: row["balance"].removesuffix(" TRUST") for row in rows}


def told_by_us(database: Database) -> dict[str, str]:
    """What our books hold, posted, pool by pool, those that are empty left out."""
    columns = ", ".join(f"b.{pool}" for pool in journals.POOLS)
    sql = f"SELECT b.creator_id, p.handle, b.meter, {columns} FROM book b JOIN profile p USING (creator_id)"
    with database.reading() as session:
        rows = db.fetch(session, sql)
    return {
        f"trust:{row[1] or row[0]}:{row[2]}:{pool}": trust(held)
        for row in rows
        for pool, held in zip(journals.POOLS, row[3:], strict=True)
        if held
    }


def tampered(journal: Path, pool: str) -> Path:
    """The journal with a micro-trust more in one entry, that of its last day but one, which still balances."""
    text = journal.read_text()
    amount = re.compile(rf"({pool}  )(-?[0-9.]+)( TRUST(?: ==)?.*\n(?:.*\n)*?.*orld:[-\w]+  )(-?[0-9.]+)( TRUST)")
    at = text.rindex(pool + "  ", 0, text.rindex("\n20", 0, len(text) * 3 // 4))
    found = amount.search(text, text.rindex("\n", 0, at))
    assert found is not None
    more, less = (trust(micros(found[n]) + change) for n, change in ((2, 1), (4, -1)))
    other = journal.with_name(f"tampered-{journal.name}")
    other.write_text(f"{text[: found.start()]}{found[1]}{more}{found[3]}{less}{found[5]}{text[found.end() :]}")
    return other


def micros(text: str) -> int:
    """An amount of a journal in micro-trust."""
    return int(text.replace(".", ""))


@pytest.fixture(scope="module", params=ENGINES)
def demo(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """The books of the demo, planted once on each engine; no test writes to them."""
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        yield from planted(f"sqlite:///{shutil.copyfile(template, tmp_path_factory.mktemp('demo') / 'demo.sqlite3')}")
    else:
        server: Postgres = request.getfixturevalue("postgres")
        name = server.create(template=request.getfixturevalue("postgres_template"))
        yield from planted(server.url(name))
        server.drop(name)


def planted(url: str) -> Iterator[Database]:
    """The demo's stories in an empty database."""
    database = Database(url)
    database.write(lambda session: rules.install(session, FOUNDING, effective_day=0, now_us=1))
    for story in stories.STORIES:
        database.write(partial(plant, story=story, now_us=noon(0), pepper=b"pepper", schedule=RULES))
    yield database
    database.dispose()


@pytest.fixture(scope="module")
def otc(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, data: Path) -> Iterator[Database]:
    """All of Bitcoin OTC: 35,592 ratings of 5,858 people."""
    path = Path(shutil.copyfile(sqlite_template, tmp_path_factory.mktemp("otc") / "ledger.sqlite3"))
    database = Database(f"sqlite:///{path}")
    database.write(lambda session: rules.install(session, FOUNDING, effective_day=0, now_us=1))
    imports.import_file(
        database,
        path=data / "bitcoin_otc" / "ratings.csv",
        format="ratings",
        source="archive",
        pepper=b"p",
        schedule=RULES,
        clock=lambda: NOW_US,
    )
    yield database
    database.dispose()


@needs_hledger
def test_hledger_accepts_the_demo_and_holds_what_we_hold(demo: Database, tmp_path: Path) -> None:
    """Every check passes, every day's assertions among them, and each pool ends with our posted balance."""
    journal = written(demo, tmp_path, "hledger")
    checked = hledger(journal, "check", *CHECKS)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert told_by_hledger(journal) == told_by_us(demo)
    assert {account.rpartition(":")[2] for account in told_by_us(demo)} == {*journals.POOLS}


def test_beancount_accepts_the_demo(demo: Database, tmp_path: Path) -> None:
    """bean-check finds nothing, every morning's assertions among what it looks at."""
    checked = bean_check(written(demo, tmp_path, "beancount"))
    assert (checked.returncode, checked.stderr) == (0, "")


@needs_hledger
def test_hledger_accepts_bitcoin_otc_and_holds_what_we_hold(otc: Database, tmp_path: Path) -> None:
    """So it is with thirty-five thousand real ratings, whole."""
    journal = written(otc, tmp_path, "hledger")
    checked = hledger(journal, "check", *CHECKS)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert told_by_hledger(journal) == told_by_us(otc)
    assert len(told_by_us(otc)) > 10_000


def test_beancount_accepts_bitcoin_otc(otc: Database, tmp_path: Path) -> None:
    """So it is with beancount, whole as well."""
    checked = bean_check(written(otc, tmp_path, "beancount"))
    assert (checked.returncode, checked.stderr) == (0, "")


@needs_hledger
@pytest.mark.parametrize("pool", ["mara-bakes:network:video:fresh", "mara-bakes:network:video:bedrock"])
def test_hledger_sees_a_single_micro_trust(demo: Database, tmp_path: Path, pool: str) -> None:
    """One millionth more in one entry that still balances, and the assertion of that day fails."""
    checked = hledger(tampered(written(demo, tmp_path, "hledger"), pool), "check")
    assert checked.returncode != 0
    assert "balance assertion" in checked.stderr


@pytest.mark.parametrize("pool", ["Mara-bakes:Network-video:Fresh", "Mara-bakes:Network-video:Bedrock"])
def test_beancount_sees_a_single_micro_trust(demo: Database, tmp_path: Path, pool: str) -> None:
    """So with beancount, which by itself would forgive it."""
    checked = bean_check(tampered(written(demo, tmp_path, "beancount"), pool))
    assert checked.returncode != 0
    assert "Balance failed" in checked.stderr
    assert "does not balance" not in checked.stderr


@needs_hledger
def test_names_of_others_break_no_journal(database: Database, tmp_path: Path) -> None:
    """Whatever a partner's reference holds, it stays a mark of its entry; books whose names look alike stay apart."""
    counter = Counter(database, names=("u1",))
    for number, meter in enumerate(("network:my_net", "network:my-net", METER)):
        enrolled(counter, f"c_{number}" if number else "c-0", meter)
        event = tell(
            "engagement",
            ref=HARSH,
            at_us=noon(0),
            creator=f"{meter.partition(':')[2]}:c{number}",
            act="reply",
            engager="f",
        )
        assert counter.post(event, now_us=noon(0))[0].status == "posted"
    journal, beans = (written(database, tmp_path, form) for form in journals.GRAMMARS)
    assert hledger(journal, "check", *CHECKS).stderr == ""
    assert told_by_hledger(journal) == told_by_us(database)
    assert bean_check(beans).stderr == ""
    assert len({*re.findall(r"^2000-01-01 open (Assets\S+:Fresh)", beans.read_text(), re.MULTILINE)}) == 3
    assert hledger(journal, "bal", "--flat", "-N", f"tag:ref={re.escape(journals.harmless(HARSH))}").stdout


def enrolled(counter: Counter, handle: str, meter: str) -> None:
    """Enrol a creator by handle on the network of a meter, as c0, c1 and so on."""
    from ledger import creators

    network = meter.partition(":")[2]
    account = creators.AccountOf(network, f"c{handle[-1]}")
    told: dict[str, Any] = {"display_name": handle, "handle": handle, "accounts": [account], "enrolled_by": "acme"}
    counter.database.write(lambda session: creators.enrol(session, consent_at_us=1, now_us=1, **told))


def test_an_export_is_narrowed_to_what_is_asked(demo: Database, tmp_path: Path) -> None:
    """Of one creator, or one meter, nothing of anybody else's is told."""
    with demo.reading() as session:
        creator_id = exports.creator_named(session, "mara-bakes")
    journal = written(demo, tmp_path, "hledger", creator_id=creator_id).read_text()
    assert {*re.findall(r"^account trust:([^:]+):", journal, re.MULTILINE)} == {"mara-bakes"}
    one = written(demo, tmp_path, "hledger", creator_id=creator_id, meter="brand:oat-and-rye").read_text()
    assert {*re.findall(r"    trust:(.*):\w+  ", one)} == {"mara-bakes:brand:oat-and-rye"}
    assert "(1) Relationship" in one


def test_a_handle_passes_for_no_other_creators_id() -> None:
    """Whoever takes somebody's id for a handle gets no account in that one's name."""
    mine, other = "01a20a91-ae41-7040-af8b-9941a82d0a2e", "01a20a91-ae42-749e-988d-db1f5d2cc857"
    assert journals.owner(mine, other) == mine
    assert journals.owner(mine, "ada") == "ada"
    assert journals.owner(mine, None) == mine
