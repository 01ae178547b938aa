"""policy: the rules in force and announced, whether a file could become them, and what it would change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from ledger import markers, rules, simulation, soundness
from ledger import policy as policies
from ledger.commands.terminal import Day, Terminal, bar, iso_time, say, schedule_of
from ledger.days import iso_day
from ledger.policy import Policy, Schedule
from ledger.simulation import Question
from ledger.simulation_report import Report, Shift

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group(short_help="Show, check, try and announce rules.", epilog="Example:  trust-ledger policy list")
def policy() -> None:
    """Show the rules, check a file of new ones, try it on the real books, and announce it.

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


@policy.command(
    short_help="Say what a policy would change, for whom.",
    epilog="Example:  trust-ledger policy simulate mine.toml --resume mine.jsonl",
)
@click.argument("file", type=FILE)
@click.option(
    "--from", "from_day", type=Day(), help="The first day it prices, that of the policy in force where not given."
)
@click.option(
    "--resume",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file that keeps what is done, so that a run that was stopped goes on from there.",
)
@click.pass_obj
def simulate(terminal: Terminal, file: Path, from_day: int | None, resume: Path | None) -> None:
    """Price the real books anew under a policy file, in memory, and say for whom what would change.

    Every event from a day on is priced by the candidate, in its order and with all that came of it, carried to this
    moment and compared with what the books hold. Nothing is written to the database. A pitch that was authorised is
    taken at the terms it would have been quoted; what partners did in answer to other figures nobody can know.

    Exit codes: 0 simulated; 1 the file is not sound, or the file to resume is another's, and why; 2 wrong usage.
    """
    if from_day is not None and from_day > terminal.today():
        raise click.BadParameter(f"{iso_day(from_day)} lies in the future: nothing happened yet", param_hint="--from")
    candidate = _sound(file)
    with terminal.database() as database:
        real = schedule_of(database)
        question = Question.of(candidate, real, at_us=terminal.clock(), from_day=from_day)
        with database.reading() as session:
            books, _ = simulation.size(session)
        with bar("simulating", books) as shown:
            report = simulation.simulate(database, question, resume=resume, progress=shown.add)
    click.echo(f"{candidate.name} {candidate.version} from {iso_day(question.from_day)}, at {iso_time(question.at_us)}")
    for line in _told(report):
        click.echo(line)


def _told(report: Report) -> Iterator[str]:
    yield f"{report.creators} creators, {report.books} books, {report.events} events"
    yield f"standing: {report.up} up, {report.down} down, {report.same} the same"
    if report.books:
        yield f"change of standing, by tenths of the books: {' '.join(map(_signed, report.standing_deciles))}"
        yield f"change of the meter, by tenths of the books: {' '.join(map(_signed, report.points_deciles))}"
    yield f"labels: {report.relabelled} of {sum(report.labels.values())} would be another"
    for (was, would), count in report.labels.items():
        if was != would:
            yield f"  {was} -> {would}: {count}"
    for head, shifts in (("gain most", report.gains), ("lose most", report.losses)):
        if shifts:
            yield f"{head}:"
        yield from (f"  {_shift(shift)}" for shift in shifts)
    yield f"events: {report.refused} would be refused that were posted, {report.accepted} posted that were refused"
    yield from (f"  {each.how}: {each.kind} {each.source}/{each.external_ref}: {each.why}" for each in report.examples)


def _shift(shift: Shift) -> str:
    label = "" if shift.label == shift.would_be else f", {shift.label} -> {shift.would_be}"
    left_out = f", without {shift.refused} of its events, refused" if shift.refused else ""
    standing = f"{_amount(shift.standing)} -> {_amount(shift.would_stand)} ({_signed(shift.change)})"
    return f"{shift.creator_id} {shift.meter}: {standing}{label}{left_out}"


def _amount(micros: int) -> str:
    """Millionths with two places, toward zero."""
    cents = abs(micros) // 10_000
    return f"{'-' if micros < 0 and cents else ''}{cents // 100}.{cents % 100:02d}"


def _signed(micros: int) -> str:
    return f"+{_amount(micros)}" if micros > 0 else _amount(micros)


COMMANDS: Sequence[click.Command] = (policy,)
