"""policy: the rules in force and announced, whether a file could become them, and what it would change."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from ledger import markers, rules, soundness
from ledger import policy as policies
from ledger.commands.terminal import Day, Terminal, iso_day, say, schedule_of
from ledger.policy import Policy, Schedule

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group(short_help="Show, check, announce rules.", epilog="Example:  trust-ledger policy list")
def policy() -> None:
    """Show the rules, check a file of new ones, and announce them.

    Exit codes: 0 done, or found good; 1 found wrong, and what; 2 wrong usage.
    """


@policy.command(short_help="Show a policy.", epilog="Example:  trust-ledger policy show --as-toml > mine.toml")
@click.argument("version", required=False)
@click.option("--as-toml", is_flag=True, help="The policy file itself, to start one of your own from.")
@click.pass_obj
def show(terminal: Terminal, version: str | None, as_toml: bool) -> None:
    """Show the policy in force, or the one named by VERSION: each parameter with value, unit and source.

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


@policy.command("list", short_help="List the policies.", epilog="Example:  trust-ledger policy list")
@click.pass_obj
def list_(terminal: Terminal) -> None:
    """List every policy in the order they take effect: past, in force, announced; and what each changes.

    One line each, tab-separated: version, name, first day, state, number of parameters changed.

    Exit codes: 0 listed; 1 the database refused, and why; 2 wrong usage.
    """
    with terminal.database() as database:
        schedule = schedule_of(database)
    click.echo("version\tname\tfrom\tstate\tchanges")
    for (day, shown), state in zip(schedule.items, schedule.states(terminal.today()), strict=True):
        former = schedule.before(shown.version)
        count = len(policies.changes(former, shown)) if former else 0
        click.echo(f"{shown.version}\t{shown.name}\t{iso_day(day)}\t{state.replace('_', ' ')}\t{count}")


@policy.command(short_help="Check a policy file.", epilog="Example:  trust-ledger policy check mine.toml")
@click.argument("file", type=FILE)
def check(file: Path) -> None:
    """Check a policy file: every parameter there, in its unit, within its bounds, with a source; and the laws of trust.

    The laws are tried by pricing with the functions that post: a pitch never pays; more disclosure, a better fit, a
    warmer relationship, less fatigue never cost more; a graver breach and evading never cost less, reporting oneself
    never more; an earlier, fuller, better received apology never wins less. It puts nothing in force.

    Exit codes: 0 the file is sound; 1 it is not, a line each why; 2 wrong usage.
    """
    read = _sound(file)
    laws = len(soundness.LAWS)
    click.echo(f"{read.name} {read.version}: {len(read.stated)} parameters, all good; it keeps the {laws} laws")


def _sound(file: Path) -> Policy:
    """The policy in a file. Ends the command, a line for each thing that is wrong with it."""
    try:
        text = file.read_text("utf-8")
    except UnicodeDecodeError as wrong:
        raise click.ClickException(f"{file}: not UTF-8 at byte {wrong.start}") from wrong
    found = soundness.faults(text)
    for problem in found:
        say(f"{file}: {problem}")
    if found:
        raise SystemExit(1)
    return policies.parse(text)


@policy.command(
    short_help="Announce a policy.",
    epilog="Example:  trust-ledger policy announce mine.toml --effective 2027-01-01",
)
@click.argument("file", type=FILE)
@click.option("--effective", type=Day(), required=True, help="The first day it is in force, at least 7 days ahead.")
@click.pass_obj
def announce(terminal: Terminal, file: Path, effective: int) -> None:
    """Announce a policy: it prices what happens from a day on, and never touches what was posted before.

    It prints what changes, parameter by parameter. Every statement gets a line that says so, posted by the jobs within
    the hour; GET /v1/policy tells it at once. The same file and day again does nothing.

    Exit codes: 0 announced; 1 the file is not sound, the day is taken or too near, and why; 2 wrong usage.
    """
    new = _sound(file)
    with terminal.database() as database:
        made = database.write(
            lambda session: rules.install(session, new, effective_day=effective, now_us=terminal.clock())
        )
        schedule = schedule_of(database)
        creators, books = database.read(markers.live_books)
    _tell_changes(schedule, new)
    click.echo(f"{new.name} {new.version} {'announced' if made else 'was announced before'}: from {iso_day(effective)}")
    say(f"told by a line on the statement: {creators} creators, in {books} books")


def _tell_changes(schedule: Schedule, new: Policy) -> None:
    former = schedule.before(new.version)
    for change in policies.changes(former, new) if former else []:
        old = f"{change.old.value} {change.old.unit}" if change.old else "none"
        now = f"{change.new.value} {change.new.unit}" if change.new else "none"
        click.echo(f"{change.key}: {old} -> {now}  ({change.new.source if change.new else 'no longer used'})")


COMMANDS: Sequence[click.Command] = (policy,)
