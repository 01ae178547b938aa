"""The scheduler: every slot once, however many run and however they end."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import structlog

from jobs.__main__ import PROCESSORS
from jobs.schedule import run
from jobs.tasks import TASKS, Desk, Task
from ledger import claims, economy, settlement
from ledger.books import OpenBook
from ledger.db import Database
from ledger.economy import DAY_US
from ledger.settings import Settings
from tests.desk import DAY, RULES, Counter, noon, tell

ROOT = Path(__file__).parent.parent
BOOKS, CHUNK = 10, 3
CHUNKS = BOOKS // CHUNK + 1
EARLIER = 2  # commits of the task before settlement, which finds nobody attested: its lease, and that it is done
PATIENCE_S = 120
AS_DUE = ("mark", "silence", "release", "expiry", "sweep")  # done when a policy was announced, or something came due
NIGHTLY = [task for task in TASKS if task.name not in AS_DUE]
FIRST_ROUND = ["done" if task in NIGHTLY else "nothing due" for task in TASKS]


@pytest.fixture
def counter(database: Database) -> Counter:
    """Ten creators with a live book each, in which something mends and something fades."""
    names = [f"u{number}" for number in range(BOOKS)]
    made = Counter(database, names=names)
    for name in names:
        said = {"creator": f"youtube:{name}"}
        replies = [
            tell("engagement", ref=f"e{fan}", at_us=noon(0) + fan, **said, act="reply", engager=f"fan{fan}")
            for fan in range(4)
        ]
        pitch = tell("pitch", ref="p", at_us=noon(0) + 9, **said, brand="nike", disclosure="clear")
        made.post(*replies, pitch, now_us=noon(0) + 10)
    return made


def test_three_schedulers_run_each_slot_once_though_one_is_killed(
    counter: Counter, database_url: str, tmp_path: Path
) -> None:
    """Three processes on one database, one killed by kill -9 in the middle: each slot is done exactly once."""
    days = 12
    with schedulers(3, database_url, tmp_path, DAY + 1, days) as processes:
        wait_for_day(processes[0], DAY + 4)
        processes[0].kill()
        codes = [process.wait(PATIENCE_S) for process in processes]
    slots = [settlement.slot_of(DAY + 1 + n) for n in range(days)]

    assert codes == [-signal.SIGKILL, 0, 0]
    for task in NIGHTLY:
        first_due = slots if task.hour < 3 else slots[1:]
        done = counter.rows("SELECT slot FROM job_run WHERE job = ? AND done ORDER BY slot", task.name)
        assert [slot for (slot,) in done] == first_due, task.name
    assert settled_days(counter) == {name: list(range(DAY, DAY + days)) for name in counter.ids}
    for slot in slots:
        assert_settled_once(counter, slot)


@pytest.mark.parametrize("dies_at", range(1, CHUNKS + 1))
def test_settlement_killed_before_any_commit_is_taken_up_there(
    counter: Counter, database_url: str, tmp_path: Path, dies_at: int
) -> None:
    """A settlement killed just before the commit of any chunk leaves that chunk, and that alone, to the next one."""
    code = lived(database_url, tmp_path, DAY + 1, "--die-at-commit", str(EARLIER + dies_at))
    slot = settlement.slot_of(DAY + 1)
    chunks = counter.rows("SELECT chunk FROM job_run WHERE job = 'settle' AND slot = ? ORDER BY chunk", slot)

    assert code == -signal.SIGKILL
    assert [chunk for (chunk,) in chunks] == list(range(1, dies_at))
    assert lived(database_url, tmp_path, DAY + 1) == 0
    assert_settled_once(counter, slot)
    assert settled_days(counter) == {name: [DAY] for name in counter.ids}


def test_days_of_downtime_are_made_up_for_at_the_start(counter: Counter, database_url: str, tmp_path: Path) -> None:
    """A scheduler started after months of downtime posts what day by day settlement would have come to."""
    today = time.time_ns() // 1_000 // DAY_US
    before = {name: counter.book(name) for name in counter.ids}
    with scheduler(database_url, tmp_path) as process:
        logs = [*first_round(process)]
        process.terminate()
        logs += told_in(process.stderr or ())
        code = process.wait(PATIENCE_S)
    settled_to = int(counter.rows("SELECT MAX(settled_through) FROM book")[0][0])

    assert code == 0
    assert settled_to in (today - 1, today, today + 1)
    for name, book in before.items():
        assert counter.book(name).state == day_by_day(book, settled_to)
    assert logs[0]["event"] == "scheduler started"
    assert logs[-1]["event"] == "scheduler stopped"
    first = {(word, task.name) for word, task in zip(FIRST_ROUND, TASKS, strict=True)}
    assert {(line["event"], line["task"]) for line in logs if "task" in line} == first


def test_a_scheduler_started_again_does_nothing_twice(counter: Counter, database_url: str, tmp_path: Path) -> None:
    """What one scheduler did, the next finds done."""
    said = []
    for _ in range(2):
        with scheduler(database_url, tmp_path / "checkpoints") as process:
            said.append([line["event"] for line in first_round(process)])
            process.terminate()
            assert process.wait(PATIENCE_S) == 0

    assert said == [["scheduler started", *FIRST_ROUND], ["scheduler started", *["nothing due"] * len(TASKS)]]
    assert {name: len(days) for name, days in settled_days(counter).items()} == dict.fromkeys(counter.ids, 1)
    assert len(list((tmp_path / "checkpoints").iterdir())) == 1


def test_a_slot_is_leased_to_one_at_a_time(database: Database) -> None:
    """A leased slot is nobody else's until it is given back, found wanting long ago, or done."""
    slot = {"job": "verify", "slot": "2026-05-01"}

    def take(now_us: int) -> claims.Lease | None:
        return database.write(lambda session: claims.take(session, **slot, now_us=now_us, lasts_us=10))

    def finish(lease: claims.Lease, outcome: str) -> bool:
        done = {"now_us": 35, "outcome": outcome, "rows": 7}
        return database.write(lambda session: claims.finish(session, lease, **done))  # type: ignore[arg-type]

    first = take(10)
    assert first is not None
    assert take(19) is None
    second = take(20)
    assert second is not None
    assert not finish(first, "too late")
    assert database.write(lambda session: claims.give_back(session, second))
    third = take(21)
    assert third is not None
    assert database.write(lambda session: claims.fault(session, third, outcome="first bad"))
    assert latest(database) is None
    fourth = take(31)
    assert fourth is not None
    assert finish(fourth, "ok")
    assert take(10_000) is None
    assert latest(database) == claims.Run("verify", "2026-05-01", "ok", 7, 35)


@pytest.mark.parametrize(("hour", "due"), [(0, DAY - 1), (2, DAY)], ids=["before its hour", "from its hour on"])
def test_a_slot_is_due_from_its_hour_on(hour: int, due: int) -> None:
    """Before its hour a task still owes the day before."""
    task = Task("verify", 2, 0, lambda *_: None)

    assert task.due_day(DAY * DAY_US + hour * DAY_US // 24) == due


def test_the_log_of_a_failure_repeats_nothing_that_it_quoted(database: Database) -> None:
    """A task that fails is logged by kind and place: what a database says of a row may hold names."""

    def broken(*_: object) -> None:
        raise RuntimeError("busy with ada-lovelace") from ValueError("Key (external_id)=(ada-lovelace) already exists.")

    told = io.StringIO()
    log = structlog.wrap_logger(structlog.WriteLogger(told), processors=PROCESSORS)
    run(Desk(database, Settings(), lambda: noon(5), log=log), replace(TASKS[0], run=broken))
    line = json.loads(told.getvalue())
    assert "ada-lovelace" not in told.getvalue()
    assert (line["level"], line["event"], line["task"]) == ("error", "failed", TASKS[0].name)
    assert (line["exception"]["error"], line["exception"]["cause"]) == ("RuntimeError", "ValueError")
    assert line["exception"]["at"][-1].endswith(" broken")


# Processes, and what they left


def command(url: str, folder: Path, first_day: int, days: int, *more: str) -> list[str]:
    """A scheduler that lives through days in seconds."""
    told = [url, str(folder), str(first_day), str(days), "--chunk", str(CHUNK), *more]
    return [sys.executable, "-m", "tests.scheduler_process", *told]


def lived(url: str, folder: Path, day: int, *more: str) -> int:
    """Live through one day; the exit code."""
    return subprocess.run(
        command(url, folder, day, 1, *more), cwd=ROOT, timeout=PATIENCE_S, stdout=subprocess.DEVNULL, check=False
    ).returncode


@contextmanager
def schedulers(
    count: int, url: str, folder: Path, first_day: int, days: int
) -> Iterator[Sequence[subprocess.Popen[str]]]:
    """Several such processes at once; none is left behind."""
    told = command(url, folder, first_day, days)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    processes = [subprocess.Popen(told, cwd=ROOT, **pipes) for _ in range(count)]  # type: ignore[call-overload]
    try:
        yield processes
    finally:
        for process in processes:
            end(process)


@contextmanager
def scheduler(url: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """`python -m jobs` as it is; it is not left behind."""
    environment = {
        **os.environ,
        "TRUST_LEDGER_CONFIG": os.devnull,
        "TRUST_LEDGER_DATABASE_URL": url,
        "TRUST_LEDGER_SIGNING_KEY": "a key",
        "TRUST_LEDGER_PEPPER": "a pepper",
        "TRUST_LEDGER_CHECKPOINT_DIR": str(folder),
    }
    told = [sys.executable, "-m", "jobs"]
    process = subprocess.Popen(told, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        end(process)


def end(process: subprocess.Popen[Any]) -> None:
    """See to it that a process is gone."""
    with suppress(ProcessLookupError):
        process.kill()
    process.wait()
    for stream in (process.stdout, process.stderr):
        if stream:
            stream.close()


def wait_for_day(process: subprocess.Popen[str], day: int) -> None:
    """Read on until a process tells of that day."""
    for line in process.stdout or ():
        if int(line) >= day:
            return
    raise AssertionError(f"the process ended before day {day}")


def told_in(lines: Iterable[str]) -> list[dict[str, str]]:
    """What log lines say."""
    return [json.loads(line) for line in lines]


def first_round(process: subprocess.Popen[str]) -> list[dict[str, str]]:
    """The log of a scheduler's start and its first look at each task."""
    return told_in(islice(process.stderr or (), 1 + len(TASKS)))


def latest(database: Database) -> claims.Run | None:
    """The last verification that found the books right."""
    with database.reading() as session:
        return claims.latest(session, job="verify")


def settled_days(counter: Counter) -> dict[str, list[int]]:
    """The first day of each settlement entry, by creator."""
    rows = counter.rows(
        "SELECT a.external_id, e.factors FROM entry e JOIN account a ON a.creator_id = e.creator_id"
        " WHERE e.kind = 'settlement' ORDER BY e.creator_id, e.seq"
    )
    days: dict[str, list[int]] = {}
    for name, factors in rows:
        days.setdefault(name, []).append(json.loads(factors)["from_day"])
    return days


def assert_settled_once(counter: Counter, slot: str) -> None:
    """The slot's chunks follow on each other, together hold every book once, and the last says it is the last."""
    told = "SELECT chunk, rows, done FROM job_run WHERE job = 'settle' AND slot = ? ORDER BY chunk"
    runs = counter.rows(told, slot)
    assert [chunk for chunk, _, _ in runs] == list(range(1, len(runs) + 1))
    assert sum(rows for _, rows, _ in runs) == BOOKS
    assert [bool(done) for _, _, done in runs] == [False] * (len(runs) - 1) + [True]


def day_by_day(book: OpenBook, to_day: int) -> economy.State:
    """A book's state settled each single day."""
    state = book.state
    for day in range(state.day + 1, to_day + 1):
        state = economy.accrue(state, day, RULES, policy_version=book.policy_version)
    return state
