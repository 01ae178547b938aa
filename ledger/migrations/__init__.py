"""Migrations: plain Alembic, configured in code, run by command and never at start-up."""

from __future__ import annotations

from pathlib import Path

from alembic.config import Config


def config(url: str) -> Config:
    """Alembic's configuration for a database URL."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent))
    made.set_main_option("path_separator", "os")
    made.attributes["url"] = url
    return made
