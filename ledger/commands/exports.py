"""export and restore: books out of the ledger, and back into an empty one."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import click

from ledger import checkpoints, exports
from ledger import restore as restoring
from ledger.commands.terminal import Terminal, bar, say


@click.command(
    short_help="Write books out, entry by entry.",
    epilog="Example:  trust-ledger export --format hledger -o all.journal",
)
@click.option("--format", "format_", type=click.Choice(exports.FORMATS), required=True, help="How to write it.")
@click.option("--creator", help="This creator's alone: handle, UUID or network:external_id.")
@click.option("--meter", help="These books alone, such as network:video or brand:acme.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="The file, stdout if not given.")
@click.pass_obj
def export(terminal: Terminal, format_: str, creator: str | None, meter: str | None, output: Path | None) -> None:
    """Write books out as they stand at one moment, all of them or those asked for.

    jsonl has everything that is hashed, so that anyone can check the chain (docs/examples/verify_book.py), and what
    `trust-ledger restore` needs to set the books up again: policies, creators, what was refused. It holds names.

    hledger and beancount are journals for the programs of that name, ordered by day, with the balances of every day
    on which something was written asserted to the micro-trust.

    Exit codes: 0 written; 1 there are no such books, or the database or the file refused, and why; 2 wrong usage.
    """
    with terminal.database() as database, database.snapshot() as session:
        creator_id = exports.creator_named(session, creator) if creator else None
        count = sum(1 for _ in exports.books(session, creator_id=creator_id, meter=meter))
        if not count:
            raise click.ClickException("there are no such books")
        pieces = exports.export(session, form=format_, creator_id=creator_id, meter=meter)
        _write(pieces, output)
    say(f"{count} books written")


def _write(pieces: Iterable[bytes], output: Path | None) -> None:
    """Write to a file, which has its name only once it is whole, or to stdout."""
    if output is None:
        for piece in pieces:
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return
    unfinished = output.with_name(f".{output.name}.{os.getpid()}.tmp")
    try:
        with unfinished.open("wb") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(output)
    finally:
        unfinished.unlink(missing_ok=True)


@click.command(
    short_help="Set books up again from an export.",
    epilog="Example:  trust-ledger restore books.jsonl",
)
@click.argument("file", type=click.File("rb"))
@click.option(
    "--checkpoint",
    "path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A checkpoint file of the ledger that the books come from: they must go through what it saw.",
)
@click.pass_obj
def restore(terminal: Terminal, file: BinaryIO, path: Path | None) -> None:
    """Set up books from a file that `export --format jsonl` wrote; - reads stdin. The books must have no entries here.

    Each hash is checked, balances and all that books remember are worked out anew, and then the whole ledger is
    verified as `verify` does. All of it is kept or nothing: what does not add up is named by its line. Creators who
    are not enrolled here are enrolled as they were, but private, and not with what nobody could be enrolled with. A
    database without rules, as `migrate` leaves it, takes those of the file; one that has rules must have the same.
    What stands beside the books (keys, quotes, disputes, readings, attestations, webhooks) is in no export.

    Anybody can write a file whose hashes fit. --checkpoint shows that the books are those of the ledger that signed
    it, with the signing key of these settings: each that it has seen must hold its head. Whoever was public is so
    again if it has seen all their books.

    Exit codes: 0 restored; 1 the file, the checkpoint or the database refused, and why; 2 wrong usage.
    """
    current = terminal.settings()
    seen = checkpoints.check(path, keys=current.signing_keys()) if path else None
    asked = {"lines": _lines(file), "now_us": terminal.clock(), "checkpoint": seen}
    with terminal.database(current) as database, bar("verifying") as shown, database.transaction() as session:
        told = restoring.restore(session, progress=shown.add, **asked)  # type: ignore[arg-type]
    say(f"{told.books} books of {told.creators} new creators: {told.entries} entries, {told.events} events, sound")
    if told.unproved:
        say(f"{told.unproved} books are in no checkpoint: nothing but the hashes proves where they come from")
    if told.hidden:
        say(f"{told.hidden} creators who were public are private now")


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Lines, never more of one than is looked at."""
    while line := file.readline(restoring.LONGEST_LINE + 2):
        yield line


COMMANDS: Sequence[click.Command] = (export, restore)
