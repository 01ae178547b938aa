"""Databases, data and Hypothesis profiles that every test may ask for by name."""

import os
import shutil
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from psycopg import sql
from sqlalchemy import URL, make_url

from ledger import db
from tests.postgres_server import running_postgres

pytest_plugins = ["tests.api_fixtures"]
ROOT = Path(__file__).parent.parent
ENGINES = ["sqlite", "postgresql"]

# A service that was run in this folder leaves its secrets in var/: no test reads them.
os.environ.setdefault("TRUST_LEDGER_CONFIG", os.devnull)

settings.register_profile("dev", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", parent=settings.get_profile("dev"), derandomize=True, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if "CI" in os.environ else "dev"))


@pytest.fixture(params=ENGINES)
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh, migrated, empty database of this test's own, once on each engine."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[db.Database]:
    """The same, opened; its connections are closed after the test."""
    opened = db.Database(database_url)
    yield opened
    opened.dispose()


@pytest.fixture(params=ENGINES)
def empty_database_url(request: pytest.FixtureRequest) -> str:
    """A database of this test's own that no migration has touched, once on each engine."""
    url: str = request.getfixturevalue(f"empty_{request.param}_url")
    return url


@pytest.fixture
def sqlite_url(tmp_path: Path, sqlite_template: Path) -> str:
    """A migrated SQLite file of this test's own."""
    return _sqlite_url(Path(shutil.copyfile(sqlite_template, tmp_path / "ledger.sqlite3")))


@pytest.fixture
def empty_sqlite_url(tmp_path: Path) -> str:
    """The URL of a SQLite file that does not exist yet."""
    return _sqlite_url(tmp_path / "empty.sqlite3")


@pytest.fixture
def postgresql_url(postgres: "Postgres", postgres_template: str) -> Iterator[str]:
    """A migrated PostgreSQL database of this test's own, dropped after it."""
    name = postgres.create(template=postgres_template)
    yield postgres.url(name)
    postgres.drop(name)


@pytest.fixture
def empty_postgresql_url(postgres: "Postgres") -> Iterator[str]:
    """A PostgreSQL database of this test's own without a table, dropped after it."""
    name = postgres.create(template="template0")
    yield postgres.url(name)
    postgres.drop(name)


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real data sets; they are not part of this repository, so tests skip without them."""
    folder = Path(os.environ.get("TRUST_LEDGER_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no data sets at {folder}: name their folder in TRUST_LEDGER_DATA")
    return folder


class Postgres:
    """One server: it makes databases by copying a migrated one, and drops them."""

    def __init__(self, server: URL) -> None:
        self._server = server.set(drivername="postgresql+psycopg")
        plain = server.set(drivername="postgresql").render_as_string(hide_password=False)
        self._admin = psycopg.connect(plain, autocommit=True)

    def url(self, name: str) -> str:
        """The SQLAlchemy URL of one database."""
        return self._server.set(database=name).render_as_string(hide_password=False)

    def create(self, *, template: str) -> str:
        """Copy `template` and return the copy's name, which no other worker or run uses."""
        name = f"tl_{uuid.uuid4().hex}"
        # Copying files beats logging each page where nothing is flushed to disk.
        command = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
        self._admin.execute(command.format(sql.Identifier(name), sql.Identifier(template)))
        return name

    def drop(self, name: str) -> None:
        """Drop the database, with whatever connections a test left open."""
        self._admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def disconnect(self, name: str) -> None:
        """End every connection to the database: one that has any can't be a template."""
        command = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s"
        self._admin.execute(command, [name])

    def close(self) -> None:
        """End our own connection."""
        self._admin.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The server at TEST_DATABASE_URL, or else one started for this worker."""
    if given := os.environ.get("TEST_DATABASE_URL"):
        with closing(Postgres(make_url(given))) as server:
            yield server
    else:
        with running_postgres() as url, closing(Postgres(make_url(url))) as server:
            yield server


@pytest.fixture(scope="session")
def postgres_template(postgres: Postgres) -> Iterator[str]:
    """The name of a database that was migrated once, to be copied by each test."""
    name = postgres.create(template="template0")
    db.migrate(postgres.url(name))
    postgres.disconnect(name)
    yield name
    postgres.drop(name)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file that was migrated once, to be copied by each test."""
    path = tmp_path_factory.mktemp("template") / "ledger.sqlite3"
    db.migrate(_sqlite_url(path))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # the copy is of this one file
    return path


def _sqlite_url(path: Path) -> str:
    return URL.create("sqlite", database=str(path)).render_as_string()
