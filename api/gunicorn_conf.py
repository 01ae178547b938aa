"""gunicorn's settings: `gunicorn -c python:api.gunicorn_conf wsgi:app`. Flags on the command line win."""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
from typing import Any

from gunicorn import util

from api import problems, shell

METRICS_DIR = "PROMETHEUS_MULTIPROC_DIR"

bind = "127.0.0.1:8000"
worker_class = "api.worker.Worker"
threads = 4
workers = max(2, min(8, os.cpu_count() or 2))
keepalive = 75  # longer than the proxies before us keep theirs
timeout = 60
graceful_timeout = 30
control_socket_disable = True
accesslog = None  # api/shell.py writes a line for each request
errorlog = "-"
loglevel = "error"  # its warnings quote what was sent
limit_request_line = 8190
limit_request_fields = 60
limit_request_field_size = 8190
preload_app = False

_made: list[str] = []
if METRICS_DIR not in os.environ:  # before anything imports prometheus_client, which looks once
    _made.append(tempfile.mkdtemp(prefix="trust-ledger-metrics-"))
    os.environ[METRICS_DIR] = _made[0]


def post_worker_init(_worker: Any) -> None:
    """Answer as problem+json even what never becomes a request; collect garbage less often.

    A batch makes a million small objects and no cycle, and lost a fifth of its time to looking for one.
    """
    util.write_error = _write_problem
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _write_problem(sock: Any, status: int, _reason: str, _message: str) -> None:
    util.write_nonblock(sock, problems.raw(status, (*shell.HEADERS, shell.DATA_POLICY)))


def child_exit(_server: Any, worker: Any) -> None:
    """Forget the gauges of a worker that ended."""
    from prometheus_client import multiprocess  # noqa: PLC0415 - after the folder is set

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(_server: Any) -> None:
    """Remove the folder of metrics that we made."""
    for folder in _made:
        shutil.rmtree(folder, ignore_errors=True)
