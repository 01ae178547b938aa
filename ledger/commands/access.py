"""keys, attest and link: who may use the API, who is known to be real, and a creator's way to their own page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import BinaryIO

import click

from ledger import attestations, creators, formats, imports, links
from ledger import keys as keys_of
from ledger.commands.terminal import Network, Terminal, iso_time, say
from ledger.economy import HOUR_US
from ledger.kinds.facts import Name

COLUMNS = ("id", "role", "owner", "networks", "scopes", "state", "last used", "note")
ACCOUNT = Name("an account's id on its network")


@click.group(short_help="Make, list, replace and end API keys.", epilog="Example:  trust-ledger keys list")
def keys() -> None:
    """Make, list, replace and end API keys.

    Exit codes: 0 done; 1 refused, and why; 2 wrong usage.
    """


@keys.command(
    short_help="Make a key.",
    epilog="Example:  trust-ledger keys create --role partner --owner acme --network tv",
)
@click.option("--role", type=click.Choice(keys_of.ROLES), required=True, help="Whose kind of key it is.")
@click.option("--owner", required=True, help="The partner's or brand's slug; a creator's UUID, handle or network:id.")
@click.option(
    "--network", "networks", type=Network(), multiple=True, help="A network a partner speaks for; may be repeated."
)
@click.option(
    "--scope", "scopes", multiple=True, type=click.Choice(keys_of.SCOPES), help="What it may do; may be repeated."
)
@click.option("--all-scopes", "everything", is_flag=True, help="All that its role may do, but the two named above.")
@click.option("--note", default="", help="What it is for.")
@click.pass_obj
def create(
    terminal: Terminal,
    role: str,
    owner: str,
    networks: tuple[str, ...],
    scopes: tuple[str, ...],
    everything: bool,
    note: str,
) -> None:
    """Make a key and print its secret, once, alone on stdout.

    It may do what --scope names, and nothing else. Without any it may read: balances and the policy, and a
    creator's key its own statements. Posting into the past (events:backfill), erasing creators (creators:erase)
    and operating the service (operate) are given by name alone, beside --all-scopes too.

    Exit codes: 0 made; 1 refused, and why; 2 wrong usage.
    """
    _check_networks(role, networks)
    pepper = terminal.settings().key("pepper")
    held = (*scopes, *(keys_of.may_hold(role) if everything else ()))
    with terminal.database() as database:
        secret, key_id = database.write(
            lambda session: keys_of.create(
                session,
                role=role,
                owner=creators.named(session, owner) if role == "creator" else owner,
                networks=networks,
                scopes=held,
                note=note,
                pepper=pepper,
                now_us=terminal.clock(),
            )
        )
    _show(secret, key_id)


def _show(secret: str, key_id: str) -> None:
    say(f"key {key_id}; its secret is not shown again:")
    click.echo(secret)


def _check_networks(role: str, networks: tuple[str, ...]) -> None:
    if role == "partner" and not networks:
        raise click.UsageError("a partner's key needs at least one --network")
    if role in ("brand", "creator") and networks:
        raise click.BadParameter(f"a {role}'s key is not bound to networks", param_hint="--network")


@keys.command("list", short_help="List the keys.", epilog="Example:  trust-ledger keys list | grep acme")
@click.pass_obj
def list_(terminal: Terminal) -> None:
    """List every key there is or was, oldest first, a line each, under a line that names the columns.

    Columns are parted by tabs. Secrets are not kept and can't be shown. When a key was last used is known to the
    minute; "-" where it never was.

    Exit codes: 0 listed; 1 the database refused, and why; 2 wrong usage.
    """
    now_us = terminal.clock()
    with terminal.database() as database, database.reading() as session:
        click.echo("\t".join(COLUMNS))
        for key in keys_of.list_all(session):
            networks, scopes = ",".join(sorted(key.networks)), ",".join(sorted(key.scopes))
            used = iso_time(key.last_used_at_us) if key.last_used_at_us else "-"
            columns = [key.key_id, key.role, key.owner, networks, scopes, _state(key, now_us), used, key.note]
            click.echo("\t".join(columns))


def _state(key: keys_of.Key, now_us: int) -> str:
    """What became of a key, and when; or until when it goes on."""
    if key.revoked_at_us is not None:
        return f"revoked {iso_time(key.revoked_at_us)}"
    if key.expires_at_us is not None:
        return f"{'live until' if now_us < key.expires_at_us else 'expired'} {iso_time(key.expires_at_us)}"
    return "live"


@keys.command(short_help="Replace a key.", epilog="Example:  trust-ledger keys rotate KEY_ID --overlap-hours 1")
@click.argument("key_id")
@click.option(
    "--overlap-hours",
    type=click.IntRange(0, keys_of.LONGEST_OVERLAP_HOURS),
    default=keys_of.OVERLAP_HOURS,
    show_default=True,
    help="How long the old one goes on.",
)
@click.pass_obj
def rotate(terminal: Terminal, key_id: str, overlap_hours: int) -> None:
    """Make a key with the same rights as another, print its secret, once, alone on stdout, and let the other expire.

    A key is replaced once. Where the new secret was lost, revoke the new key and make another.

    Exit codes: 0 replaced; 1 no live key has that id; 2 wrong usage.
    """
    pepper, overlap_us = terminal.settings().key("pepper"), overlap_hours * HOUR_US
    told = {"key_id": key_id, "overlap_us": overlap_us, "pepper": pepper, "now_us": terminal.clock()}
    with terminal.database() as database:
        secret, new_id = database.write(partial(keys_of.rotate, **told))  # type: ignore[arg-type]
    _show(secret, new_id)


@keys.command(short_help="End a key.", epilog="Example:  trust-ledger keys revoke KEY_ID")
@click.argument("key_id")
@click.pass_obj
def revoke(terminal: Terminal, key_id: str) -> None:
    """End a key at once.

    Exit codes: 0 ended; 1 no live key has that id; 2 wrong usage.
    """
    with terminal.database() as database:
        now_us = terminal.clock()
        if not database.write(lambda session: keys_of.revoke(session, key_id=key_id, now_us=now_us)):
            raise click.ClickException(f"no live key has the id {key_id}")
    say(f"key {key_id} is revoked")


@click.command(
    short_help="Attest accounts of a network.",
    epilog="Example:  trust-ledger attest accounts.txt --network video",
)
@click.argument("file", type=click.File("rb"))
@click.option("--network", type=Network(), required=True, help="The network whose accounts they are.")
@click.option("--withdraw", is_flag=True, help="Attest them no longer, whoever did.")
@click.pass_obj
def attest(terminal: Terminal, file: BinaryIO, network: str, withdraw: bool) -> None:
    """Attest accounts that are known to be real people's, one id of the network's a line; - reads stdin.

    Standing starts from them, from the next night on: where nobody is attested, every engager counts alike. Only
    keyed hashes are kept. It can be run again. An id has up to 200 characters; where a line holds none, every such
    line is named and nothing is done.

    Exit codes: 0 done; 1 the database or the file refused, and why; 2 wrong usage.
    """
    accounts = _accounts(file)
    pepper, changed = terminal.settings().key("pepper"), 0
    change = partial(attestations.attest, attested_by="operator", now_us=terminal.clock())
    change = partial(attestations.withdraw, attested_by=None) if withdraw else change
    change = partial(change, network=network, pepper=pepper)
    with terminal.database() as database:
        for start in range(0, len(accounts), attestations.MOST):
            told = database.write(partial(change, accounts=accounts[start : start + attestations.MOST]))
            changed += told.changed
        attested = database.read(partial(attestations.count, network=network))
    say(f"{changed:,} of {len(accounts):,} accounts changed; {attested:,} of {network} are attested now")


def _accounts(file: BinaryIO) -> list[str]:
    """The ids in a file. Ends the command where lines hold none, naming each."""
    found = list(_read(file))
    wrong = [f"{file.name}: line {number} {told}" for number, told, is_good in found if not is_good]
    for each in wrong[: imports.MOST_NAMED]:
        say(each)
    if wrong:
        raise click.ClickException(f"{len(wrong)} of {len(found)} lines hold no account's id: nothing was done")
    return [told for _, told, _ in found]


def _read(file: BinaryIO) -> Iterator[tuple[int, str, bool]]:
    """Every line that is not blank by number: its id, or what is wrong with it."""
    for number, raw in enumerate(formats.raw_lines(file), start=1):
        if not raw.strip():
            continue
        try:
            yield number, ACCOUNT.read(formats.text_of(raw, number).strip()), True
        except ValueError as wrong:
            yield number, str(wrong), False


@click.command(
    short_help="Make a link to a creator's own page.",
    epilog="Example:  trust-ledger link mara-bakes",
)
@click.argument("handle")
@click.pass_obj
def link(terminal: Terminal, handle: str) -> None:
    """Print the address of a creator's page as its owner sees it, with the statement, alone on stdout.

    It is good for thirty days, for whoever holds it: hand it to the creator alone. It starts with
    TRUST_LEDGER_PUBLIC_URL.

    Exit codes: 0 made; 1 no creator has that handle; 2 wrong usage.
    """
    current = terminal.settings()
    with terminal.database(current) as database:
        creator_id = database.read(partial(creators.by_handle, handle=handle))
    click.echo(links.sign_page_link(current, creator_id, now_us=terminal.clock(), handle=handle))


COMMANDS: Sequence[click.Command] = (keys, attest, link)
