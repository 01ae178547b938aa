"""`trust-ledger`: the command line. Exit codes: 0 done, 1 found wrong or refused, 2 wrong usage."""

from __future__ import annotations

import time
from collections.abc import Sequence

import click

from ledger.commands import access, books, exports, imports, people, policies, running, setup
from ledger.commands.terminal import TOLD, Terminal, sentence

COMMANDS: Sequence[click.Command] = (
    *setup.COMMANDS,
    *running.COMMANDS,
    *books.COMMANDS,
    *imports.COMMANDS,
    *exports.COMMANDS,
    *access.COMMANDS,
    *people.COMMANDS,
    *policies.COMMANDS,
)


def now_us() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1_000


class Commands(click.Group):
    """Commands in the order given, whose refusals end as one line on stderr and exit code 1."""

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; what the ledger, the database or a file refuses is told, not traced."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise
        except TOLD as refused:
            raise click.ClickException(sentence(refused)) from refused

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The order in which one needs them."""
        return [name for name in self.commands if self.get_command(ctx, name)]


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Example:  trust-ledger demo",
)
@click.version_option(package_name="trust-ledger")
@click.pass_context
def main(context: click.Context) -> None:
    """Double-entry books for the trust creators earn from their audiences.

    Settings come from TRUST_LEDGER_… variables and var/trust-ledger.toml, which `trust-ledger init` makes.

    Exit codes of every command: 0 done; 1 something was found wrong or refused; 2 wrong usage.
    """
    context.obj = context.obj or Terminal(now_us)


for command in COMMANDS:
    main.add_command(command)

if __name__ == "__main__":
    main(prog_name="trust-ledger")
