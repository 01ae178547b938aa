"""import: files of what happened elsewhere, into books whose past is still open."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from ledger import activitystreams, columns, imports
from ledger.commands.terminal import Network, Terminal, bar, complete_schedule_of, say
from ledger.errors import InvalidEvent
from ledger.events import parse_ref
from ledger.formats import BadLine, Format, instant

NAMED = 20
FORMATS = ("activitystreams", "csv", *imports.FORMATS)
ONLY_FOR = {
    "csv": {"columns_": "--map", "constants": "--set", "delimiter": "--delimiter"},
    "activitystreams": {"creator": "--creator", "actor": "--actor"},
}


class Pair(click.ParamType[tuple[str, str]]):
    """FIELD=WORD on the command line."""

    name = "field=…"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Both sides. Fails as a usage error."""
        if isinstance(value, tuple):
            return value
        field, equals, word = str(value).partition("=")
        if not equals or not field or not word:
            self.fail(f"{value!r} is not FIELD=…, such as creator=channel", param, ctx)
        return field, word


class Moment(click.ParamType[int]):
    """An RFC 3339 time or an ISO date on the command line, microseconds since 1970 in the code."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The moment; of a date its beginning, UTC. Fails as a usage error."""
        if isinstance(value, int):
            return value
        text = str(value)
        try:
            return instant(f"{text}T00:00:00Z" if len(text) == len("2026-11-23") else text)
        except BadLine as bad:
            self.fail(str(bad), param, ctx)


@click.command(
    "import",
    short_help="Post a file of what happened elsewhere.",
    epilog="Example:  trust-ledger import acts.csv --format csv --network video",
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--format", "format_", type=click.Choice(FORMATS), required=True, help="How to read it.")
@click.option("--network", type=Network(), help="The network it speaks of; otc for ratings where not given.")
@click.option("--source", default="import", show_default=True, help="Whose events they are.")
@click.option("--map", "columns_", type=Pair(), multiple=True, help="csv: which column says what, FIELD=COLUMN.")
@click.option("--set", "constants", type=Pair(), multiple=True, help="csv: what holds where no cell does, FIELD=VALUE.")
@click.option("--delimiter", default=None, help="csv: what parts the columns, a comma where not given; `tab` for one.")
@click.option("--creator", help="activitystreams: whose past it is, network:external_id.")
@click.option("--actor", help="activitystreams: the creator's address in it, where several act.")
@click.option("--consent", type=Moment(), help="When whoever is new in it agreed to be in the ledger: time or date.")
@click.option("--terms", default="", help="What they agreed to.")
@click.option("--evidence", default="", help="Where the proof of it is kept.")
@click.pass_obj
def import_(terminal: Terminal, /, file: Path, format_: str, source: str, **asked: Any) -> None:
    """Post a file's lines into books that hold nothing live yet, in the order of time.

    \b
    csv              any CSV whose first line names its columns. Fields: creator (their id on --network), kind,
                     occurred_at (RFC 3339, or seconds since 1970), external_ref, network, consent_at, facts.NAME.
                     A column that is named as a field needs no --map. Other columns are not kept.
    activitystreams  outbox.json of a Mastodon archive, or any collection of ActivityStreams 2.0. What the creator
                     published is a post; answers under it, and what others did with it, are engagement. The rest is
                     counted by reason: boosts, likes, messages, answers elsewhere. No text is kept.
    ratings          CSV with the columns source,target,rating,time: who rates whom, from -10 to 10 and never 0,
                     and when, in seconds since 1970. Whoever is rated is enrolled, and you answer for their consent.

    Creators are enrolled only with their consent: --consent, or the column consent_at. Lines about anyone else who
    is not enrolled are refused.

    Lines that can't be read are named and left out. The same file again posts nothing twice: a run that was killed
    is taken up where it stopped, and lines that were refused are tried again.

    Exit codes: 0 every line is posted or passed over; 1 some lines are bad or refused, and which; 2 wrong usage.
    """  # noqa: D301 - click's mark for a paragraph that keeps its lines
    known = _format(format_, asked)
    agreed = imports.Agreed(asked["consent"], asked["terms"], asked["evidence"]) if asked["consent"] else None
    current = terminal.settings()
    with terminal.database(current) as database, bar("importing") as shown:
        summary = imports.import_file(
            database,
            path=file,
            format=known,
            source=source,
            network=asked["network"],
            pepper=current.key("pepper"),
            schedule=complete_schedule_of(database, today=terminal.today()),
            clock=terminal.clock,
            progress=shown.to,
            agreed=agreed,
        )
    _tell(file, summary)
    if summary.bad_lines or summary.refused:
        raise SystemExit(1)


def _format(name: str, asked: dict[str, Any]) -> Format:
    """The format as it was asked for. Fails as a usage error."""
    for other, options in ONLY_FOR.items():
        given = [option for key, option in options.items() if asked[key]]
        if other != name and given:
            raise click.UsageError(f"{given[0]} is for --format {other}")
    if name == "csv":
        return _csv(asked)
    return _activities(asked) if name == "activitystreams" else imports.FORMATS[name]


def _csv(asked: dict[str, Any]) -> Format:
    delimiter = {None: ",", "tab": "\t"}.get(asked["delimiter"], asked["delimiter"])
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise click.BadParameter(f"{delimiter!r} is not one character", param_hint="--delimiter")
    constants = dict(asked["constants"])
    mapped = dict(asked["columns_"])
    if not (asked["network"] or "network" in mapped or "network" in constants):
        raise click.UsageError("--network is needed, or a column: --map network=…")
    return columns.mapped(columns=mapped, constants=constants, delimiter=delimiter)


def _activities(asked: dict[str, Any]) -> Format:
    try:
        ref = parse_ref(asked["creator"])
    except InvalidEvent as wrong:
        raise click.BadParameter("say whose past it is, as network:external_id", param_hint="--creator") from wrong
    if ref.network is None or ref.external_id is None:
        raise click.BadParameter("say whose past it is, as network:external_id", param_hint="--creator")
    if asked["network"] not in (None, ref.network):
        raise click.UsageError(f"--network {asked['network']} is not that of --creator")
    return activitystreams.activities(network=ref.network, external_id=ref.external_id, actor=asked["actor"] or "")


def _tell(file: Path, summary: imports.Summary) -> None:
    for number, why in sorted([*summary.bad, *summary.refusals])[:NAMED]:
        say(f"{file}:{number}: {why}")
    left = summary.bad_lines + summary.refused - NAMED
    if left > 0:
        say(f"… and {left} more")
    if summary.headers:
        say(f"{file}: 1 line names the columns")
    if summary.skipped:
        say(f"{file}: {summary.skipped} line{' was' if summary.skipped == 1 else 's were'} done by an earlier run")
    for why, count in sorted(summary.ignored.items(), key=lambda one: (-one[1], one[0])):
        say(f"{file}: {count} ignored: {why}")
    ignored = f" {sum(summary.ignored.values())} ignored," if summary.ignored else ""
    click.echo(
        f"{summary.lines} lines: {summary.posted} posted, {summary.replayed} posted before,"
        f" {summary.skipped + summary.headers} skipped,{ignored} {summary.refused} refused, {summary.bad_lines} bad"
    )


COMMANDS: Sequence[click.Command] = (import_,)
