"""The service as processes: it starts, answers, restarts what fails, and leaves nothing behind."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.db import Database
from ledger.processes import Child
from ledger.processes import Service as Supervised
from tests.service import LOST, PATIENCE_S, Service, children, free_port, prepare, runs, serving, wait_until_gone

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks at processes in /proc")


def test_serve_answers_and_ends_when_asked(database: Database, database_url: str, tmp_path: Path) -> None:
    """The API answers, the scheduler runs beside it, and SIGTERM ends all of it with exit code 0."""
    key = prepare(database, ["ada"])
    with serving(database_url, key=key, folder=tmp_path) as service:
        status, balance = service.send("GET", "/v1/creators/youtube:ada/balance")
        wait_until(lambda: scheduler_of(service) is not None)
        pids = service.everyone()
        service.process.terminate()
        code = service.process.wait(PATIENCE_S)
        wait_until_gone(pids)

    assert f"serving on http://127.0.0.1:{service.port}, Ctrl-C ends it\n" in (tmp_path / "service.log").read_text()
    assert (status, balance["total"]["standing"]) == (200, "0.000000")
    assert code == 0


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_requests_do_not_push_the_guide_off_the_screen(tmp_path: Path) -> None:
    """The demo's lines about requests go to a file that the guide names; its three curl lines work as they stand."""
    port, said = free_port(), tmp_path / "said"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TRUST_LEDGER_")}
    words = [sys.executable, "-m", "ledger.cli", "demo", "--port", str(port)]
    with said.open("wb") as out:
        process = subprocess.Popen(words, cwd=tmp_path, env=environment, stdout=out, stderr=out)
    try:
        wait_until(lambda: "Ctrl-C ends it" in said.read_text() or process.poll() is not None)
        guide = said.read_text()
        told = "".join(
            subprocess.run(["/bin/sh", "-c", line], capture_output=True, text=True, check=True).stdout
            for line in guide.replace("\\\n", "").splitlines()
            if "curl " in line
        )
    finally:
        process.terminate()
        process.wait(PATIENCE_S)

    assert all(word in told for word in ('"books":', '"status":"posted"', '"improvements":'))
    assert "Each request is a line in var/demo.log" in guide
    assert "/v1/estimates" in (tmp_path / "var" / "demo.log").read_text()
    assert "request_id" not in said.read_text()


def test_serve_can_do_without_the_scheduler(sqlite_url: str, tmp_path: Path) -> None:
    """--no-jobs serves alone."""
    key = prepare(Database(sqlite_url), ["ada"])
    with serving(sqlite_url, key=key, folder=tmp_path, options=["--no-jobs"]) as service:
        time.sleep(1)

        assert len(children(service.process.pid)) == 1
        assert scheduler_of(service) is None


def test_a_scheduler_that_fails_is_started_again(sqlite_url: str, tmp_path: Path) -> None:
    """Kill -9 of the scheduler brings another one, and the server never notices."""
    key = prepare(Database(sqlite_url), ["ada"])
    with serving(sqlite_url, key=key, folder=tmp_path) as service:
        wait_until(lambda: scheduler_of(service) is not None)
        first = scheduler_of(service)
        os.kill(first or 0, signal.SIGKILL)
        wait_until(lambda: scheduler_of(service) not in (None, first))

        assert service.send("GET", "/healthz")[0] == 200


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_log_that_takes_nothing_holds_up_nobody(sqlite_url: str, tmp_path: Path) -> None:
    """The disk of the log is full: requests are answered as ever, and the scheduler runs."""
    key = prepare(Database(sqlite_url), ["ada"])
    (tmp_path / "service.log").symlink_to("/dev/full")
    with serving(sqlite_url, key=key, folder=tmp_path) as service:
        wait_until(lambda: scheduler_of(service) is not None)

        assert [service.send("GET", "/v1/creators/youtube:ada")[0] for _ in range(3)] == [200] * 3
        assert service.send("GET", "/v1/nowhere")[0] == 404


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_log_that_takes_nothing_ends_no_job() -> None:
    """Not even what failed can be written down: the work goes on."""
    told = "import structlog; from jobs.__main__ import configure_logs; configure_logs()"
    told += "; structlog.get_logger('jobs').error('failed'); print('alive')"
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([sys.executable, "-c", told], stdout=subprocess.PIPE, stderr=full, check=False)

    assert done.stdout == b"alive\n"


def test_nothing_outlives_a_killed_serve(sqlite_url: str, tmp_path: Path) -> None:
    """Kill -9 of `serve` itself ends the server and the scheduler too."""
    key = prepare(Database(sqlite_url), ["ada"])
    with serving(sqlite_url, key=key, folder=tmp_path) as service:
        wait_until(lambda: scheduler_of(service) is not None)
        pids = service.everyone()
        service.process.kill()
        service.process.wait(PATIENCE_S)
        wait_until_gone(pids)

        with pytest.raises(LOST):
            service.send("GET", "/healthz", patience_s=1)


def test_a_server_that_fails_ends_the_service() -> None:
    """Where the server ends by itself, so does everything, with the server's exit code."""
    failing = Child([sys.executable, "-c", "raise SystemExit(3)"], os.environ)
    beside = Child([sys.executable, "-c", "import time; time.sleep(60)"], os.environ)

    assert run_apart(failing, beside) == 3


def run_apart(main: Child, beside: Child) -> int:
    """Supervise in this process, with its signal handlers put back after."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        code = Supervised(main, [beside]).run(is_up=lambda: True)
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
    if beside.process is not None:
        assert beside.ended() is not None
    return code


def scheduler_of(service: Service) -> int | None:
    """The process id of the service's scheduler, None where there is none."""
    return next((pid for pid in children(service.process.pid) if runs(pid, "jobs")), None)


def wait_until(holds: Callable[[], bool]) -> None:
    """Look again and again until it holds."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)
