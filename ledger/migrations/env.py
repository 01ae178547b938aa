"""What Alembic runs: one connection, one transaction, plain types in what it generates."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from sqlmodel.sql.sqltypes import AutoString

from ledger import tables
from ledger.db import Database


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
    with database.transaction() as session:
        _migrate(session.connection())
    database.dispose()


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
