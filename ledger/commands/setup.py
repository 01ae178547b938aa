"""init and migrate: secrets in a file of their own, tables up to date, a policy in force."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import click
from sqlalchemy import make_url

from ledger import db, policy, rules
from ledger.commands.terminal import Terminal, say, sqlite_file
from ledger.db import Database, Session
from ledger.settings import SECRETS, Settings, config_file

PRIVATE = 0o600
FILE = """\
# The secrets of this ledger. Whoever has them can forge keys and checkpoints; without the pepper no API key
# works and no engager is recognised. Keep a copy outside this machine; never commit it.
# Any other setting of the service may stand here too: database_url, public_url, checkpoint_dir, ...
"""


@click.command(
    short_help="Set everything up: secrets, tables, the founding policy.",
    epilog="Example:  trust-ledger init",
)
@click.pass_obj
def init(terminal: Terminal) -> None:
    """Set everything up, or put right what is missing; what is there stays.

    Makes secrets in var/trust-ledger.toml (or the file named by TRUST_LEDGER_CONFIG) readable by you alone,
    brings the tables up to date and puts the founding policy in force from today.

    Exit codes: 0 everything is there; 1 something could not be made, and why; 2 wrong usage.
    """
    set_up(terminal)
    say(f"ready: secrets in {config_file()}, books in {_shown(terminal.settings().database_url)}")


@click.command(short_help="Bring the tables up to date.", epilog="Example:  trust-ledger migrate")
@click.pass_obj
def migrate(terminal: Terminal) -> None:
    """Bring the tables up to date, over TRUST_LEDGER_MIGRATION_URL where it is set.

    Exit codes: 0 up to date; 1 the database refused, and why; 2 wrong usage.
    """
    current = terminal.settings()
    migrate_tables(current)
    say(f"up to date: {_shown(current.database_url)}")


def set_up(terminal: Terminal) -> Settings:
    """Make what is missing of secrets, tables and policy; returns the settings as they are then."""
    if not config_file().exists() and not _given_elsewhere():
        with suppress(FileExistsError):  # somebody else was faster: theirs are the secrets
            write_private(config_file(), secrets_text())
    current = terminal.settings()
    for name in SECRETS:
        current.key(name)
    migrate_tables(current)
    with terminal.database(current) as database:
        install_policy(database, today=terminal.today(), now_us=terminal.clock())
    return current


def _given_elsewhere() -> bool:
    return all(f"TRUST_LEDGER_{name.upper()}" in os.environ for name in SECRETS)


def secrets_text() -> str:
    """A settings file with newly made secrets."""
    lines = [f'{name} = "{secrets.token_urlsafe(32)}"' for name in SECRETS]
    return "\n".join((FILE, *lines, ""))


def write_private(path: Path, text: str) -> None:
    """Write a new file that only its owner may read, whole or not at all. Raises FileExistsError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}.{secrets.token_hex(8)}")  # another container may have our process's id
    half.touch(PRIVATE, exist_ok=False)
    try:
        half.write_text(text, "utf-8")
        os.link(half, path)
    finally:
        half.unlink()


def migrate_tables(current: Settings) -> None:
    """Bring the tables up to date, in a new file where there is none, which its owner alone may read."""
    url = current.migration_url or current.database_url
    path = sqlite_file(url)
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.touch(PRIVATE)  # what SQLite puts beside it is as private as it is
    db.migrate(url)


def install_policy(database: Database, *, today: int, now_us: int) -> None:
    """Put the founding policy in force from today, unless the books have a policy."""

    def install(session: Session) -> None:
        if not db.fetch(session, "SELECT 1 FROM policy LIMIT 1"):
            rules.install(session, policy.builtin(), effective_day=today, now_us=now_us)

    database.write(install)


def _shown(url: str) -> str:
    return make_url(db.normalise(url)).render_as_string(hide_password=True)


COMMANDS: Sequence[click.Command] = (init, migrate)
