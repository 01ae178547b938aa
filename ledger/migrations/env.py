"""What Alembic runs: one connection, one transaction, plain types in what it generates.

Of several that migrate one database at once, one does it, and the others wait and find nothing to do.
"""

from __future__ import annotations

from typing import Any, Literal

import psycopg
from alembic import context
from sqlmodel.sql.sqltypes import AutoString

from ledger import db, tables
from ledger.db import Database, Reading, Session

# Alembic's own table, made before all else so that there is something to wait for.
VERSION_SQL = (
    "CREATE TABLE IF NOT EXISTS alembic_version (version_num VARCHAR(32) NOT NULL,"
    " CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
)
ALONE_SQL = "LOCK TABLE alembic_version IN SHARE ROW EXCLUSIVE MODE"  # who reads it does not wait


def render_item(kind: str, item: Any, _: object) -> str | Literal[False]:
    """Keep SQLModel's own types out of migration files."""
    if kind == "type" and isinstance(item, AutoString):
        return f"sa.String({item.length or ''})"
    return False


def run() -> None:
    """Migrate over the connection given, or over one opened from the URL given."""
    connection = context.config.attributes.get("connection")
    if connection is not None:
        _migrate(connection)
        return
    database = Database(context.config.attributes["url"])
    if not database.is_sqlite:  # there a transaction has waited for the write lock since it began
        _make_version(database)
    with database.transaction() as session:
        _alone(session)
        _migrate(session.connection())
    database.dispose()


def _make_version(database: Database) -> None:
    """See that Alembic's table is there, whoever makes it."""
    if database.read(_is_there):
        return
    try:
        database.write(lambda session: db.execute(session, VERSION_SQL))
    except psycopg.Error:  # made meanwhile, of which PostgreSQL tells in several ways
        if not database.read(_is_there):
            raise


def _is_there(session: Reading) -> bool:
    return db.fetch(session, "SELECT to_regclass('alembic_version')")[0][0] is not None


def _alone(session: Session) -> None:
    """Wait until nobody else migrates; what they did is then seen."""
    if not db.is_sqlite(session):
        db.execute(session, ALONE_SQL)


def _migrate(connection: Any) -> None:
    context.configure(
        connection=connection,
        target_metadata=tables.METADATA,
        render_item=render_item,
        transactional_ddl=True,
        transaction_per_migration=False,
    )
    with context.begin_transaction():
        context.run_migrations()


run()
