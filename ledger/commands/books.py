"""settle and verify: work on the books that is started by hand."""

from __future__ import annotations

from collections.abc import Sequence

import click

from ledger import audit, checkpoints, settlement
from ledger.commands.terminal import Day, Terminal, bar, say, schedule_of
from ledger.days import iso_day


@click.command(
    short_help="Post decay and recovery up to a day.",
    epilog="Example:  trust-ledger settle --through 2026-11-23",
)
@click.option("--through", type=Day(), help="The last day to settle, today (UTC) where not given.")
@click.option("--chunk", type=click.IntRange(1, 100_000), default=settlement.CHUNK, help="Books a transaction.")
@click.pass_obj
def settle(terminal: Terminal, through: int | None, chunk: int) -> None:
    """Post decay and recovery of every live book up to a day, once; what is settled already stays as it is.

    The scheduler does this by itself every day. A run that was killed is taken up where it stopped.

    Exit codes: 0 settled; 1 the database refused, and why; 2 wrong usage, such as a day that has not begun.
    """
    day = terminal.today() if through is None else through
    if day > terminal.today():
        raise click.BadParameter(f"{iso_day(day)} has not begun", param_hint="--through")
    with terminal.database() as database, bar("settling") as shown:
        books = settlement.settle(
            database,
            through_day=day,
            clock=terminal.clock,
            schedule=schedule_of(database),
            limit=chunk,
            progress=shown.add,
        )
    say(f"settled {books} books through {iso_day(day)}")


@click.command(short_help="Recompute everything stored.", epilog="Example:  trust-ledger verify && echo sound")
@click.pass_obj
def verify(terminal: Terminal) -> None:
    """Recompute everything stored from entries and events, also against the last checkpoint file.

    Exit codes: 0 all is as it has to be; 1 the first thing found wrong, named by book and entry; 2 wrong usage.
    """
    current = terminal.settings()
    last = checkpoints.latest(current.checkpoint_dir, keys=current.signing_keys())
    with terminal.database(current) as database, bar("verifying") as shown:
        schedule = schedule_of(database)
        with database.snapshot() as session:
            report = audit.verify(session, schedule=schedule, checkpoint=last, progress=shown.add)
    counts = f"{report.books} books, {report.entries} entries, {report.events} events"
    if not report.ok:
        raise click.ClickException(f"{report.first_bad} ({counts} looked at)")
    click.echo(f"sound: {counts}" + ("" if last else "; there is no checkpoint to compare with"))


COMMANDS: Sequence[click.Command] = (settle, verify)
