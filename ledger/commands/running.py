"""serve, jobs and demo: the processes of the service. They are started by command; nothing of them is imported."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import click

from ledger import creators, keys, links, processes
from ledger import demo as story
from ledger.commands import setup
from ledger.commands.terminal import Terminal, bar, complete_schedule_of, say
from ledger.db import Database
from ledger.processes import Child, Service
from ledger.settings import SECRETS, Settings, config_file

KEY_FILE = "demo-key"
LOG_FILE = "demo.log"
LOOPBACK = "127.0.0.1"


@click.command(
    short_help="Serve the API and the pages, with the scheduler beside them.",
    epilog="Example:  trust-ledger serve --bind 127.0.0.1:8000 --workers 2",
)
@click.option("--bind", default=f"{LOOPBACK}:8000", show_default=True, help="HOST:PORT to listen on.")
@click.option("--workers", type=click.IntRange(1, 256), help="Processes that answer requests.")
@click.option("--with-jobs/--no-jobs", default=True, show_default=True, help="Run the scheduler beside it.")
@click.pass_obj
def serve(terminal: Terminal, bind: str, workers: int | None, with_jobs: bool) -> None:
    """Serve with gunicorn until Ctrl-C or SIGTERM. Requests under way are answered first.

    The scheduler is started again should it fail, and ends with the server.

    Exit codes: 0 asked to end; 1 could not start or failed, and why; 2 wrong usage.
    """
    host, port = _address(bind)
    current = terminal.settings()
    for name in SECRETS:
        current.key(name)
    with terminal.database(current) as database:
        complete_schedule_of(database, today=terminal.today())
    otherwise = f", or not an address of this machine: try --bind {LOOPBACK}:{_next(port)}"
    service = _service(host, port, workers=workers, with_jobs=with_jobs, otherwise=otherwise)
    told = partial(say, f"serving on http://{bind if bind[0] != ':' else host + bind}, Ctrl-C ends it")
    raise SystemExit(service.run(is_up=partial(processes.answers, host, port), when_up=told))


def _next(port: int) -> int:
    """A port to try where one is taken."""
    return 8080 if port != 8080 else 8081


def _address(bind: str) -> tuple[str, int]:
    host, colon, port = bind.rpartition(":")
    if not colon or not port.isdecimal() or not 1 <= int(port) <= 65535:
        raise click.BadParameter(f"{bind!r} is not HOST:PORT", param_hint="--bind")
    return host.strip("[]") or "0.0.0.0", int(port)  # noqa: S104 - ":8000" means every address


def _service(
    host: str,
    port: int,
    *,
    workers: int | None,
    with_jobs: bool,
    otherwise: str,
    environment: dict[str, str] | None = None,
    log: Path | None = None,
) -> Service:
    if not processes.is_free(host, port):
        raise click.ClickException(f"{host}:{port} is in use{otherwise}")
    surroundings = environment or dict(os.environ)
    bind = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    main = Child(processes.server(bind=bind, workers=workers), surroundings, log)
    beside = [Child(processes.SCHEDULER, surroundings, log)] if with_jobs else []
    return Service(main, beside)


@click.command(short_help="Run the scheduler alone.", epilog="Example:  trust-ledger jobs  (beside serve --no-jobs)")
@click.pass_obj
def jobs(terminal: Terminal) -> None:
    """Run the scheduler until SIGTERM: standing, settlement, labels, what came due, checkpoints and verification.

    Any number may run on one database: each piece of work is done by whoever claims it first.

    Exit codes: 0 asked to end; 1 could not start, and why; 2 wrong usage.
    """
    current = terminal.settings()
    current.key("signing_key")
    with terminal.database(current) as database:
        complete_schedule_of(database, today=terminal.today())
    os.execv(processes.SCHEDULER[0], processes.SCHEDULER)  # noqa: S606 - our own command


@click.command(
    short_help="Set up, plant a small made-up story, and serve it.",
    epilog="Example:  trust-ledger demo --port 8080",
)
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True, help="Where to serve.")
@click.option("--serve/--no-serve", "serving", default=True, help="Or only plant the story.")
@click.pass_obj
def demo(terminal: Terminal, port: int, serving: bool) -> None:
    """Set up under ./var, plant a year of six made-up creators, and serve until Ctrl-C.

    A second start keeps the data, and is quick.

    Exit codes: 0 asked to end; 1 could not start or failed, and why; 2 wrong usage.
    """
    url = f"http://{LOOPBACK}:{port}"
    environment = {"TRUST_LEDGER_PUBLIC_URL": url, **os.environ}
    log, otherwise = config_file().with_name(LOG_FILE), f": try make run PORT={_next(port)}"
    service = (
        _service(LOOPBACK, port, workers=None, with_jobs=True, otherwise=otherwise, environment=environment, log=log)
        if serving
        else None
    )
    current = setup.set_up(terminal)
    with terminal.database(current) as database:
        _plant(terminal, database, pepper=current.key("pepper"))
        key = _demo_key(terminal, database, current)
        own = _own_page(terminal, database, current, url)
    if service is None:
        return
    up = partial(processes.answers, LOOPBACK, port)
    log.write_bytes(b"")
    code = service.run(is_up=up, when_up=partial(click.echo, _guide(url, key, own, log)))
    if code:
        say(f"it ended by itself: {log} says why")
    raise SystemExit(code)


def _plant(terminal: Terminal, database: Database, *, pepper: bytes) -> None:
    schedule, now_us = complete_schedule_of(database, today=terminal.today()), terminal.clock()
    planted = 0
    with bar("planting", total=len(story.STORIES)) as shown:
        for one in story.STORIES:
            planted += database.write(
                lambda session, one=one: story.plant(  # type: ignore[misc]
                    session, one, now_us=now_us, pepper=pepper, schedule=schedule
                )
            )
            shown.add(1)
    if planted:
        say(f"planted {planted} made-up events of {len(story.STORIES)} creators")


def _demo_key(terminal: Terminal, database: Database, current: Settings) -> str:
    """The demonstration partner's key, kept beside the settings file; a new one where the books don't know it."""
    path, pepper = config_file().with_name(KEY_FILE), current.key("pepper")
    if path.exists():
        secret = path.read_text("utf-8").strip()
        with database.reading() as session:
            if keys.find(session, secret=secret, pepper=pepper, now_us=terminal.clock()):
                return secret
        path.unlink()
    secret, _ = database.write(
        lambda session: keys.create(
            session,
            role="partner",
            owner=story.SOURCE,
            networks=story.NETWORKS,
            scopes=[*keys.may_hold("partner"), "creators:erase"],
            note="made by trust-ledger demo",
            pepper=pepper,
            now_us=terminal.clock(),
        )
    )
    setup.write_private(path, f"{secret}\n")
    return secret


def _own_page(terminal: Terminal, database: Database, current: Settings, url: str) -> str:
    """The address of a private creator's page as she sees it herself."""
    creator_id = database.read(partial(creators.by_handle, handle=story.WEN.handle))
    reached = current.model_copy(update={"public_url": url})
    return links.sign_page_link(reached, creator_id, now_us=terminal.clock(), handle=story.WEN.handle)


def _guide(url: str, key: str, own: str, log: Path) -> str:
    told = [(f"/c/{one.handle}", one.name) for one in story.STORIES if one.visibility == "public"]
    pages = [f"  {url + path:<46} {name}" for path, name in (*told, ("/docs", "the API"))]
    post = (
        '{"creator": "video:mara-bakes", "external_ref": "mine-\'$(date +%s)\'", "kind": "engagement",'
        ' "occurred_at": "\'$(date -u +%Y-%m-%dT%H:%M:%SZ)\'", "facts": {"act": "reply", "engager": "fan-3"}}'
    )
    pitch = '{"creator": "video:mara-bakes", "brand": "northwind", "disclosure": "clear", "fit": "0.7"}'
    whom = "video:mara-bakes"
    asked = f"  curl -s -H 'Authorization: Bearer {key}'"
    sent = f"{asked} -H 'Content-Type: application/json' \\"
    return "\n".join(
        (
            "",
            "The trust ledger is running. Open:",
            *pages,
            "",
            f"A private page, {story.WEN.name}'s, with her whole statement (the link is good for thirty days):",
            f"  {own}",
            "",
            "Ask for a balance, report what happened, or ask what a pitch would cost:",
            f"{asked} '{url}/v1/creators/{whom}/balance?meter=network:video'",
            sent,
            f"    -d '{post}' {url}/v1/events",
            sent,
            f"    -d '{pitch}' {url}/v1/estimates",
            "",
            "See whom she let in, and what became of her pitches:",
            f"{asked} '{url}/v1/relationships?creator={whom}'",
            f"{asked} '{url}/v1/pitches?creator={whom}'",
            "",
            *_elsewhere(url),
            f"Each request is a line in {log}. Ctrl-C ends it; the data stays.",
            "",
        )
    )


def _elsewhere(url: str) -> tuple[str, ...]:
    """What commands beside the demo have to be told where it is not served at the usual address."""
    if url == Settings.model_fields["public_url"].default:
        return ()
    return (f"For the links of trust-ledger link:  export TRUST_LEDGER_PUBLIC_URL={url}", "")


COMMANDS: Sequence[click.Command] = (serve, jobs, demo)
