"""Whether the ledger can do its work, and how far its jobs have come."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from alembic.script import ScriptDirectory

from ledger import claims, db, migrations
from ledger.db import Reading

HOLDS = " OR ".join(
    f"{pool} <> 0"
    for pool in ("fresh", "bedrock", "mending_pitch", "mending_breach", "credits", "drains", "known", "pitches")
)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the jobs have come: the day the oldest live book is settled through, and the last good verify."""

    settled_through: int | None
    verified_at_us: int | None


@cache
def head() -> str:
    """The newest migration that this code knows."""
    return ScriptDirectory.from_config(migrations.config("")).get_current_head() or ""


def stored(session: Reading) -> str:
    """The migration that the database is at. Raises the driver's error where it holds no ledger."""
    rows = db.fetch(session, "SELECT version_num FROM alembic_version")
    return str(rows[0][0]) if rows else ""


def progress(session: Reading) -> Progress:
    """How far the jobs have come. Reads every live book's row; one that holds nothing has nothing to settle."""
    oldest = db.fetch(session, f"SELECT MIN(settled_through) FROM book WHERE live AND ({HOLDS})")
    verified = claims.latest(session, job="verify")
    return Progress(oldest[0][0], verified.ran_at_us if verified else None)
