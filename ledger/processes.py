"""The service as processes: a server and, beside it, the scheduler. When one side is to end, all of it ends."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, nullcontext, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path

PR_SET_PDEATHSIG = 1
PATIENCE_S = 35.0  # a little more than gunicorn gives to requests under way
TICK_S = 0.1
LONGEST_PAUSE_S = 30.0
SCHEDULER = (sys.executable, "-m", "jobs")


def server(*, bind: str, workers: int | None) -> tuple[str, ...]:
    """The command that serves the API over HTTP."""
    chosen = ("--workers", str(workers)) if workers else ()
    config = ("--config", "python:api.gunicorn_conf", "--bind", bind)
    return (sys.executable, "-m", "gunicorn", *config, *chosen, "wsgi:app")


class Stderr:
    """Where logs go. What cannot be written there (a full disk, a reader that is gone) is lost, and stops no work."""

    def write(self, line: str | bytes) -> int:
        """Write a line at once."""
        with suppress(OSError):
            os.write(2, line.encode() if isinstance(line, str) else line)
        return len(line)

    def flush(self) -> None:
        """Nothing waits."""


@dataclass(slots=True)
class Child:
    """A process of ours. What it says on stderr is added to `log`, or goes where ours goes."""

    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path | None = None
    pause_s: float = 1.0
    due_s: float = 0.0
    process: subprocess.Popen[bytes] | None = field(default=None)

    def start(self) -> None:
        """Start it; the system asks it to end when we are gone, even by kill -9.

        Ctrl-C reaches us alone: its process group is its own. We have no thread that preexec_fn could upset.
        """
        with self.log.open("ab") if self.log else nullcontext() as log:
            self.process = subprocess.Popen(  # noqa: S603
                self.command,
                env=dict(self.environment),
                stderr=log,
                preexec_fn=_end_with(os.getpid()),  # noqa: PLW1509
                process_group=0,
            )

    def ended(self) -> int | None:
        """Its exit code, None while it runs, 0 before it was started."""
        return self.process.poll() if self.process else 0

    def keep(self, now_s: float) -> None:
        """Start it, and start it again where it ended, after a pause that doubles each time."""
        if self.process is None:
            self.start()
        elif self.ended() is None:
            return
        elif not self.due_s:
            self.due_s, self.pause_s = now_s + self.pause_s, min(self.pause_s * 2, LONGEST_PAUSE_S)
        elif now_s >= self.due_s:
            self.due_s = 0.0
            self.start()

    def ask_to_end(self) -> None:
        """SIGTERM, by its own id."""
        if self.process and self.ended() is None:
            self.process.terminate()

    def wait(self, patience_s: float) -> int:
        """Wait until it has ended; kill it where that takes too long. Returns its exit code."""
        if self.process is None:
            return 0
        try:
            return self.process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


def _end_with(parent: int) -> Callable[[], None]:
    """What a child does first on Linux: ask for SIGTERM when its parent ends."""

    def ask() -> None:
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return ask


@dataclass(slots=True)
class Service:
    """A server and the children beside it, for as long as the server runs."""

    main: Child
    beside: Sequence[Child] = ()
    stopping: bool = False

    def stop(self, *_: object) -> None:
        """Have it end soon; fits a signal handler."""
        self.stopping = True

    def run(self, *, is_up: Callable[[], bool], when_up: Callable[[], object] = lambda: None) -> int:
        """Run until SIGTERM, SIGINT or the server's own end. Returns 0 when asked to end, else the server's code.

        What runs beside the server is started, and `when_up` called, once `is_up` says that the server answers.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.stop)
        everything, up = (self.main, *self.beside), False
        try:
            self.main.start()
            while not self.stopping and self.main.ended() is None:
                if not up and (up := is_up()):
                    with suppress(OSError):  # a terminal that is gone is no reason to end
                        when_up()
                for child in self.beside if up else ():
                    child.keep(time.monotonic())
                time.sleep(TICK_S)
        finally:
            for child in everything:
                child.ask_to_end()
            codes = [child.wait(PATIENCE_S) for child in everything]
        return 0 if self.stopping else codes[0] or 1


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there."""
    with closing(socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except OSError:
            return False
    return True


def answers(host: str, port: int) -> bool:
    """Whether a server there says that it is alive."""
    with closing(HTTPConnection(host, port, timeout=2)) as connection:
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
