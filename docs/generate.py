"""Write the parts of the documents that come from the code, or check that they are current.

`python docs/generate.py` rewrites what stands between the `generated` marks, and the charts; `--check` exits 1 and
names the first document or chart that is out of date.
"""

from __future__ import annotations

import ast
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import contract
import orjson
import rights
import scenes
from click.testing import CliRunner
from pydantic import SecretStr

from api import codes, create_app, document
from ledger import kinds, policy
from ledger import messages as message_types
from ledger.cli import main as command_line
from ledger.kinds.facts import Choice, Flag, Share, Whole, fields_of, show_ppm
from ledger.settings import DEFAULT_FILE, PREFIX, Settings

DOCS = Path(__file__).parent
LEDGER = DOCS.parent / "ledger"
CHARTS = DOCS / "charts"

# Where each module of ledger/ belongs on the map: a new one takes its place here.
SUBJECTS = {
    "The rules": "policy soundness trials rules markers",
    "The arithmetic of a book": "economy days",
    "Kinds of event": (
        "kinds kinds/base kinds/facts kinds/post kinds/engagement kinds/burst kinds/transparency kinds/pitch kinds/hold"
        " kinds/outcome kinds/breach kinds/apology kinds/allegation kinds/relationship kinds/reversal kinds/notice"
    ),
    "Writing": "events posting batches books lookups contexts memory upkeep keeping own arrays answers",
    "Ways in": "imports formats columns activitystreams ratings",
    "Reading": "queries statements histories hindsight breaches readers",
    "Proof": "audit replay aside stored traces chain checkpoints proofs",
    "Ways out": "exports journals restore people",
    "People and keys": "creators consents personal erasure keys uses quotas links ids",
    "Labels and sticks": "labels exposure ways label_columns labelling sticks measuring activity klout readings",
    "Finding creators": "listings finding",
    "Who counts": "attestations graph standing favours influence",
    "Before a pitch": ("estimate estimates proposals scatter grid quotes campaigns campaign_days calibration lessons"),
    "Brands and pitches": "relationships pitches authorised",
    "Putting right": "disputes reversals",
    "What would be under other rules": "simulation simulation_report rehearsal",
    "By the clock": "claims settlement overdue",
    "Telling others": "messages news outbox recipients webhooks hosts envelopes deliveries",
    "The database": "db engines tables migrations errors notation settings",
    "Running it": "cli commands processes health failures demo stories",
}


def parameters() -> str:
    """Every parameter of the founding policy with its value, unit, meaning and source."""
    founding = policy.builtin()
    lines = ["| parameter | value | meaning | source |", "|---|---|---|---|"]
    for parameter in kinds.PARAMETERS:
        stated = founding.stated[parameter.key]
        lines.append(f"| `{parameter.key}` | {stated.value} {stated.unit} | {parameter.what} | {stated.source} |")
    return "\n".join(lines)


def event_kinds() -> str:
    """Every kind of event that may be told with the facts it takes, and the names of those that the ledger tells."""
    own = [f"`{kind.name}` ({kind.title})" for kind in kinds.KINDS.values() if kind.internal]
    told = ["\n".join(_kind(kind)) for kind in kinds.PUBLIC.values()]
    return "\n\n".join([*told, f"The ledger itself tells, and nobody else may: {', '.join(own)}."])


def _kind(kind: kinds.Kind) -> Iterator[str]:
    yield f"**`{kind.name}`**: {kind.title}."
    fields = fields_of(kind.facts)
    if not fields:
        yield "Takes no facts."
        return
    yield ""
    yield "| fact | takes | meaning |"
    yield "|---|---|---|"
    for name, (field, required) in fields.items():
        yield f"| `{name}`{'' if required else ' (optional)'} | {_takes(field)} | {field.what} |"


def _takes(field: object) -> str:
    if isinstance(field, Whole):
        return f"whole number, {field.low} to {field.high}"
    if isinstance(field, Share):
        return f'decimal string, "{show_ppm(field.low)}" to "{show_ppm(field.high)}"'
    if isinstance(field, Choice):
        return "one of " + ", ".join(f"`{word}`" for word in field.words)
    return "true or false" if isinstance(field, Flag) else "text"


def modules() -> str:
    """Every module of ledger/ by subject, with the first line it says of itself. Exits where one has no place."""
    placed = " ".join(SUBJECTS.values()).split()
    paths = [*LEDGER.glob("*.py"), *LEDGER.glob("*/__init__.py"), *LEDGER.glob("kinds/*.py")]
    there = {_called(path) for path in paths} - {"."}
    if astray := there ^ set(placed):
        raise SystemExit(f"docs/generate.py has no place for {', '.join(sorted(astray))}, or it is gone: see SUBJECTS")
    return "\n\n".join("\n".join(_subject(*item)) for item in SUBJECTS.items())


def _called(path: Path) -> str:
    """A module as the map names it: `kinds/pitch`, or `kinds` for the package."""
    inside = path.relative_to(LEDGER)
    return str(inside.parent if path.stem == "__init__" else inside.with_suffix(""))


def _subject(subject: str, names: str) -> Iterator[str]:
    yield f"**{subject}**\n\n| module | what |\n|---|---|"
    for name in names.split():
        path = LEDGER / f"{name}.py"
        path = path if path.exists() else LEDGER / name / "__init__.py"
        says = (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").partition("\n")[0]
        yield f"| [{name}](../{path.relative_to(DOCS.parent)}) | {says} |"


def commands() -> str:
    """The help of every command."""
    return "\n\n".join(_help(["trust-ledger"], command_line))


def _help(path: list[str], command: click.Command) -> Iterator[str]:
    shown = CliRunner().invoke(command_line, [*path[1:], "--help"], prog_name=path[0])
    yield f"### {' '.join(path)}\n\n```text\n{shown.stdout.rstrip()}\n```"
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            if found is not None and not found.hidden:
                yield from _help([*path, name], found)


def messages() -> str:
    """Every type of message that webhooks are told of, and what each says besides the common members."""
    lines = ["| type | when | says besides |", "|---|---|---|"]
    for name, when in message_types.TYPES.items():
        lines.append(f"| `{name}` | {when} | {', '.join(f'`{member}`' for member in message_types.MEMBERS[name])} |")
    return "\n".join(lines)


def problems() -> str:
    """Every code of a problem, with its status, what it means and what to do."""
    rows = [f"| `{code.name}` | {code.status} | {code.means} | {code.advice} |" for code in codes.every()]
    return "\n".join(["| code | status | what it means | what to do |", "|---|---|---|---|", *rows])


def settings() -> str:
    """Every setting with its environment name and default."""
    lines = ["| environment | default | what |", "|---|---|---|"]
    lines.append(f"| `{PREFIX}CONFIG` | `{DEFAULT_FILE}` | the TOML file of settings |")
    for name, field in Settings.model_fields.items():
        default = "none" if field.default is None else f"`{field.default}`" if str(field.default) else "made by `init`"
        lines.append(f"| `{PREFIX}{name.upper()}` | {default} | {field.description} |")
    return "\n".join(lines)


PARTS: dict[str, tuple[str, Callable[[], str]]] = {
    "example": ("economy.md", scenes.example),
    "scale": ("economy.md", scenes.scale_table),
    "parameters": ("economy.md", parameters),
    "kinds": ("api.md", event_kinds),
    "messages": ("api.md", messages),
    "problems": ("api.md", problems),
    "rights": ("api.md", rights.table),
    "modules": ("map.md", modules),
    "commands": ("operating.md", commands),
    "settings": ("operating.md", settings),
}


def current(name: str, text: str, made: str) -> str:
    """A document with one generated part replaced."""
    pattern = re.compile(rf"(<!-- generated: {name} -->\n).*?\n?(<!-- end: {name} -->)", re.DOTALL)
    if not pattern.search(text):
        raise SystemExit(f"no generated part {name!r} in the document")
    return pattern.sub(lambda match: f"{match[1]}{made}\n{match[2]}", text)


def draw(*, check: bool) -> str:
    """Write the charts, or name the first that is not as it would be written; empty where none is."""
    made = {f"{name}.svg": text for name, text in scenes.charts().items()}
    held = {path.name: path.read_text("utf-8") for path in CHARTS.glob("*.svg")}
    if check:
        return next((name for name in sorted({*made, *held}) if made.get(name) != held.get(name)), "")
    for name in held.keys() - made.keys():
        (CHARTS / name).unlink()
    for name, text in made.items():
        (CHARTS / name).write_text(text, "utf-8")
    return ""


def agree(*, check: bool) -> str:
    """Write the golden OpenAPI document, or say why it is not what is served; empty where all is well.

    One that would break a client of the document before is not written, unless BREAKING is set in the environment.
    """
    path = DOCS / "openapi.json"
    secret = SecretStr("none")
    app = create_app(Settings(database_url="sqlite:///var/none.db", pepper=secret, signing_key=secret))
    new = orjson.loads(app.extensions[document.NAME])
    old = orjson.loads(path.read_bytes()) if path.exists() else new
    broken = [] if "BREAKING" in os.environ else contract.breaks(old, new)
    for what in broken:
        print(f"breaks clients: {what}")
    if broken:
        return "would break clients: keep what they were promised, or release it as such (BREAKING=1 make docs)"
    if check:
        return "" if path.exists() and new == old else "is out of date: run make docs"
    path.write_bytes(orjson.dumps(new, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    return ""


def run(*, check: bool) -> int:
    """Write or check all parts; returns the exit code."""
    for name, (place, make) in PARTS.items():
        path = DOCS / place
        text = path.read_text("utf-8")
        wanted = current(name, text, make())
        if check and wanted != text:
            print(f"docs/{place} is out of date: run make docs")
            return 1
        path.write_text(wanted, "utf-8")
    if stale := draw(check=check):
        print(f"docs/charts/{stale} is out of date: run make docs")
        return 1
    if wrong := agree(check=check):
        print(f"docs/openapi.json {wrong}")
        return 1
    print("The generated documents are current." if check else "Written.")
    return 0


if __name__ == "__main__":
    sys.exit(run(check="--check" in sys.argv[1:]))
