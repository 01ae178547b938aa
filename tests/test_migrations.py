"""Migrations: one line of history, up and down again, and the very tables the code declares."""

import multiprocessing
import re
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, inspect, text

from ledger import db, migrations, tables
from ledger.db import normalise
from tests.conftest import ENGINES


def ddl(connection: Connection) -> dict[str, str]:
    """Every table, constraint and index as the engine itself tells it, by name."""
    if connection.dialect.name == "sqlite":
        rows = connection.execute(text("SELECT type || ' ' || name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
        told = {name: parts(sql) for name, sql in rows}
    else:
        told = dict(map(tuple, connection.execute(text(POSTGRESQL_DDL))))
    return {name: sql for name, sql in told.items() if "alembic_version" not in name and "trigger" not in name}


POSTGRESQL_DDL = """
    SELECT 'constraint ' || conrelid::regclass || ' ' || conname, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT 'index ' || indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL SELECT 'column ' || table_name || '.' || column_name,
        concat_ws(' ', data_type, character_maximum_length, is_nullable, column_default)
    FROM information_schema.columns WHERE table_schema = 'public'
"""


def parts(sql: str) -> str:
    """A statement's parts in one order: where a constraint stands in CREATE TABLE says nothing."""
    body = re.sub(r"\s+", " ", sql).strip()
    head, _, inside = body.partition("(")
    return head + "|".join(sorted(piece.strip() for piece in re.split(r",(?![^(]*\))", inside.rsplit(")", 1)[0])))


def test_there_is_one_head() -> None:
    """Nobody forked the history."""
    assert len(ScriptDirectory.from_config(migrations.config("sqlite://")).get_heads()) == 1


def test_every_migration_goes_up_and_down_and_up(empty_database_url: str) -> None:
    """Each step can be taken back, and taking it again gives the same tables."""
    script = ScriptDirectory.from_config(migrations.config(empty_database_url))
    steps = [revision.revision for revision in reversed(list(script.walk_revisions()))]
    engine = create_engine(normalise(empty_database_url))
    configured = migrations.config(empty_database_url)
    for step in steps:
        command.upgrade(configured, step)
        with engine.connect() as connection:
            before = ddl(connection)
        command.downgrade(configured, "-1")
        command.upgrade(configured, step)
        with engine.connect() as connection:
            assert ddl(connection) == before
    command.downgrade(configured, "base")
    with engine.connect() as connection:
        assert ddl(connection) == {}
        assert functions(connection) == []
    engine.dispose()


def functions(connection: Connection) -> list[str]:
    """Functions of our own that a downgrade left behind."""
    if connection.dialect.name == "sqlite":
        return []
    sql = "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
    return [row[0] for row in connection.execute(text(sql))]


def test_migrating_twice_changes_nothing(database_url: str) -> None:
    """A database that is up to date stays as it is."""
    engine = create_engine(normalise(database_url))
    with engine.connect() as connection:
        before = ddl(connection)
    db.migrate(database_url)
    with engine.connect() as connection:
        assert ddl(connection) == before
    engine.dispose()


def _migrate_at_once(url: str, gate: Barrier) -> None:
    gate.wait(60)
    db.migrate(url)


@pytest.mark.parametrize("start", ["base", "0001"])
def test_those_who_migrate_at_once_all_succeed(empty_database_url: str, start: str) -> None:
    """Four processes that start together on one database, as hosts of a service do: one migrates, the others wait."""
    if start != "base":
        command.upgrade(migrations.config(empty_database_url), start)
    context = multiprocessing.get_context("spawn")
    gate = context.Barrier(4)
    started = [context.Process(target=_migrate_at_once, args=(empty_database_url, gate)) for _ in range(4)]
    for process in started:
        process.start()
    for process in started:
        process.join(120)
    assert [process.exitcode for process in started] == [0] * 4


@pytest.mark.parametrize("engine", ENGINES)
def test_migrations_make_what_the_code_declares(engine: str, request: pytest.FixtureRequest) -> None:
    """Tables, columns, keys, CHECKs and indexes of migrated databases are those of the declared tables."""
    urls = [request.getfixturevalue(f"{prefix}{engine}_url") for prefix in ("", "empty_")]
    migrated, declared = (create_engine(normalise(url)) for url in urls)
    tables.METADATA.create_all(declared)
    with migrated.connect() as one, declared.connect() as other:
        assert ddl(one) == ddl(other)
    migrated.dispose()
    declared.dispose()


def test_autogenerate_finds_nothing_to_do(database_url: str) -> None:
    """Alembic itself sees no difference between the migrated database and the declared tables."""
    engine = create_engine(normalise(database_url))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, tables.METADATA) == []
        names = set(inspect(connection).get_table_names()) - {"alembic_version"}
    assert names == set(tables.METADATA.tables)
    engine.dispose()


def test_migrations_hold_plain_types_only() -> None:
    """No migration imports the code it migrates: its tables will have moved on by then."""
    folder = Path(migrations.__file__).parent / "versions"
    for path in folder.glob("*.py"):
        assert not re.search(r"^(from|import) (ledger|sqlmodel)", path.read_text(), re.MULTILINE), path.name


@pytest.mark.parametrize("table", ["event", "entry", "policy"])
def test_every_append_only_table_is_guarded(database_url: str, table: str) -> None:
    """The guards are there after migration, for change and for removal."""
    engine = create_engine(normalise(database_url))
    with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            sql = "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :name"
        else:
            sql = (
                "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = to_regclass(:name) AND NOT tgisinternal"
            )
        told = " ".join(row[0] for row in connection.execute(text(sql), {"name": table}))
    assert "UPDATE" in told
    assert "DELETE" in told
    engine.dispose()
