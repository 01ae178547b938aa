"""export-creator and erase: everything held about one creator, to hand to them or to destroy."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import BinaryIO

import click

from ledger import creators, erasure, events, personal
from ledger.commands.terminal import Terminal, say, schedule_of

WORD = "operator:command line"


@click.command(
    "export-creator",
    short_help="Write everything held about a creator.",
    epilog="Example:  trust-ledger export-creator mara-bakes --to mara.json",
)
@click.argument("creator")
@click.option("--to", "file", type=click.File("wb"), default="-", help="Where to; stdout where not given.")
@click.pass_obj
def export_creator(terminal: Terminal, creator: str, file: BinaryIO) -> None:
    """Write everything held about a creator (a UUID, a handle or network:id) as one JSON document.

    It holds their names, accounts, consents, books, events and whatever else is kept of them, and no secret.

    Exit codes: 0 written; 1 no creator has that name; 2 wrong usage.
    """
    current = terminal.settings()
    with terminal.database(current) as database, database.snapshot() as session:
        creator_id = creators.named(session, creator)
        told = {"creator_id": creator_id, "pepper": current.key("pepper"), "now_us": terminal.clock()}
        file.writelines(personal.export(session, **told))  # type: ignore[arg-type]


@click.command(
    short_help="Erase a creator.",
    epilog="Example:  trust-ledger erase mara-bakes",
)
@click.argument("creator")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def erase(terminal: Terminal, creator: str, *, yes: bool) -> None:
    """Destroy the names, texts, events and ties of a creator (a UUID, a handle or network:id).

    It cannot be undone. The books stay, provable and nobody's; everything else answers as if they had never been
    here. By the UUID it can be said again: that changes nothing.

    Exit codes: 0 erased, now or before; 1 no creator has that name, or you did not mean it; 2 wrong usage.
    """
    current = terminal.settings()
    with terminal.database(current) as database:
        if database.read(partial(erasure.by, creator_id=creator)) if events.UUID.fullmatch(creator) else None:
            say(f"{creator} was erased before")
            return
        creator_id = database.read(partial(creators.named, name=creator))
        if not yes:
            click.confirm(f"Erase {creator} ({creator_id}) for good?", abort=True, err=True)
        schedule, pepper = schedule_of(database), current.key("pepper")
        told = {"creator_id": creator_id, "erased_by": WORD, "pepper": pepper, "schedule": schedule}
        database.write(lambda session: erasure.erase(session, clock=terminal.clock, **told))  # type: ignore[arg-type]
    say(f"{creator_id} is erased; the books stay as nobody's")


COMMANDS: Sequence[click.Command] = (export_creator, erase)
