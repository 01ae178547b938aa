"""settle, import and verify: work on the books that is started by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from ledger import audit, checkpoints, imports, settlement
from ledger.commands.terminal import Day, Network, Terminal, bar, complete_schedule_of, say, schedule_of
from ledger.days import iso_day

NAMED = 20


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


@click.command(
    "import",
    short_help="Post a file of what happened elsewhere.",
    epilog="Example:  trust-ledger import ratings.csv --format ratings",
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--format", "format_", type=click.Choice(sorted(imports.FORMATS)), required=True, help="How to read it.")
@click.option("--network", type=Network(), help="The network it speaks of; otc for ratings where not given.")
@click.option("--source", default="import", show_default=True, help="Whose events they are.")
@click.pass_obj
def import_(terminal: Terminal, file: Path, format_: str, network: str | None, source: str) -> None:
    """Post a file's lines in file order, enrolling whoever they are about.

    A file of ratings is CSV with the columns source,target,rating,time: who rates whom, from -10 to 10 and never 0,
    and when, in seconds since 1970. It needs no header line; one that is there is skipped.

    Lines that can't be read are named and left out. The same file again posts nothing twice, and a run that
    was killed is taken up where it stopped.

    Exit codes: 0 every line is posted; 1 some lines are bad or refused, and which; 2 wrong usage.
    """
    current = terminal.settings()
    with terminal.database(current) as database, bar("importing") as shown:
        summary = imports.import_file(
            database,
            path=file,
            format=format_,
            source=source,
            network=network,
            pepper=current.key("pepper"),
            schedule=complete_schedule_of(database, today=terminal.today()),
            clock=terminal.clock,
            progress=shown.to,
        )
    _tell(file, summary)
    if summary.bad_lines or summary.refused:
        raise SystemExit(1)


def _tell(file: Path, summary: imports.Summary) -> None:
    for number, why in sorted([*summary.bad, *summary.refusals])[:NAMED]:
        say(f"{file}:{number}: {why}")
    left = summary.bad_lines + summary.refused - NAMED
    if left > 0:
        say(f"… and {left} more")
    if summary.skipped:
        say(f"{file}: {summary.skipped} lines were done by an earlier run, or name the columns")
    click.echo(
        f"{summary.lines} lines: {summary.posted} posted, {summary.replayed} posted before,"
        f" {summary.skipped} skipped, {summary.refused} refused, {summary.bad_lines} bad"
    )


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


COMMANDS: Sequence[click.Command] = (settle, import_, verify)
