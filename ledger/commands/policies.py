"""policy: the rules in force, and whether a file could become them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from ledger import kinds
from ledger import policy as policies
from ledger.commands.terminal import Terminal, iso_day, say, schedule_of
from ledger.policy import Policy


@click.group(short_help="Show the rules, or check a file of them.", epilog="Example:  trust-ledger policy show")
def policy() -> None:
    """Show the rules in force, or check a file of new ones.

    In this version only the founding policy can be in force; a file is checked for later.

    Exit codes: 0 shown, or found good; 1 found wrong, and what; 2 wrong usage.
    """


@policy.command(short_help="Show a policy.", epilog="Example:  trust-ledger policy show --as-toml > mine.toml")
@click.argument("version", required=False)
@click.option("--as-toml", is_flag=True, help="The policy file itself, to start one of your own from.")
@click.pass_obj
def show(terminal: Terminal, version: str | None, as_toml: bool) -> None:
    """Show the policy in force, or the one named by VERSION: each parameter with value, unit and source.

    In this version that is the founding policy, which init puts in force.

    Exit codes: 0 shown; 1 no such policy; 2 wrong usage.
    """
    with terminal.database() as database:
        schedule = schedule_of(database)
    known = {item.version: (day, item) for day, item in schedule.items}
    chosen = version or schedule.at(terminal.today()).version
    if chosen not in known:
        raise click.ClickException(f"no policy {chosen}; known: {', '.join(known)}")
    day, shown = known[chosen]
    if as_toml:
        click.echo(shown.text, nl=False)
        return
    click.echo(f"{shown.name} {shown.version}, in force from {iso_day(day)}")
    _list(shown)


def _list(shown: Policy) -> None:
    width = max(len(key) for key in shown.stated)
    for key, item in sorted(shown.stated.items()):
        click.echo(f"{key:<{width}}  {item.value:>6} {item.unit:<6}  {item.source}")


@policy.command(short_help="Check a policy file.", epilog="Example:  trust-ledger policy check mine.toml")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def check(file: Path) -> None:
    """Check a policy file: every parameter there, in its unit, within its bounds, with a source.

    It says whether the file is sound, and puts nothing in force: in this version only the founding policy can be.

    Exit codes: 0 the file is sound; 1 it is not, a line each why; 2 wrong usage.
    """
    try:
        text = file.read_text("utf-8")
    except UnicodeDecodeError as wrong:
        raise click.ClickException(f"{file}: not UTF-8 at byte {wrong.start}") from wrong
    found = policies.faults(text, kinds.PARAMETERS, kinds.LIMITS)
    for problem in found:
        say(f"{file}: {problem}")
    if found:
        raise SystemExit(1)
    read = policies.parse(text)
    click.echo(f"{read.name} {read.version}: {len(read.stated)} parameters, all good")


COMMANDS: Sequence[click.Command] = (policy,)
