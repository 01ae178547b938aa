"""Kill -9 in mid-load: what was acknowledged is there once, and what was not can be sent again."""

import os
import random
import signal
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from ledger import audit, db, rules
from ledger.db import Database
from tests.service import LOST, Service, prepare, serving

NAMES = ["ada", "grace", "edith"]
THREADS, BATCHES, LINES = 4, 12, 20
STORED = "SELECT a.external_id, v.external_ref, v.event_id FROM event v JOIN account a ON a.creator_id = v.creator_id"
NOW = datetime.now(UTC).isoformat()
Line = dict[str, Any]


@dataclass
class Load:
    """Batches on their way from several threads, and which of their events were acknowledged.

    `midway` is called once, when some are acknowledged and the other threads' requests are under way.
    """

    batches: Sequence[Sequence[Line]]
    acknowledged: dict[tuple[str, str], str] = field(default_factory=dict)
    midway: Callable[[], object] | None = None
    turn: threading.Lock = field(default_factory=threading.Lock)

    def send(self, service: Service) -> None:
        """Send every batch once from each thread's own share; what gets lost is not sent again here."""
        threads = [
            threading.Thread(target=self.send_share, args=(service, self.batches[n::THREADS])) for n in range(THREADS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def send_share(self, service: Service, batches: Sequence[Sequence[Line]]) -> None:
        """One thread's batches, one after another."""
        for batch in batches:
            with suppress(*LOST):
                self.take(batch, *service.send("POST", "/v1/events/batch", list(batch)))

    def take(self, batch: Sequence[Line], status: int, answer: Any) -> None:
        """Note what was acknowledged. A 503 acknowledges nothing."""
        if status == 503:
            return
        assert status == 200, answer
        with self.turn:
            for line, result in zip(batch, answer["results"], strict=True):
                assert result["status"] in ("posted", "replayed"), result
                self.acknowledged.setdefault((line["creator"], line["external_ref"]), result["event_id"])
            if self.midway and len(self.acknowledged) >= LINES * THREADS:
                midway, self.midway = self.midway, None
                midway()


def load(seed: int) -> Load:
    """Posts, replies and pitches about three creators; one line in ten is a duplicate of an earlier one."""
    chance = random.Random(seed)
    lines: list[Line] = []
    for number in range(THREADS * BATCHES * LINES):
        lines.append(chance.choice(lines) if lines and chance.random() < 0.1 else line(number, chance))
    return Load([lines[start : start + LINES] for start in range(0, len(lines), LINES)])


def line(number: int, chance: random.Random) -> Line:
    """One event of today's."""
    kind, facts = chance.choice(
        [
            ("post", {}),
            ("engagement", {"act": "reply", "engager": f"fan-{number % 37}"}),
            ("engagement", {"act": "like", "engager": f"fan-{number % 11}"}),
            ("pitch", {"brand": "nike", "disclosure": "clear", "fit": "0.8"}),
        ]
    )
    told = {"kind": kind, "facts": facts, "external_ref": f"e-{number}", "occurred_at": NOW}
    return {"creator": f"youtube:{chance.choice(NAMES)}", **told}


def test_a_killed_service_loses_nothing_it_acknowledged(database: Database, database_url: str, tmp_path: Path) -> None:
    """Kill -9 of every process in mid-load, restart, resend everything: each event is there once, and verify passes."""
    key = prepare(database, NAMES)
    sent = load(1)
    with serving(database_url, key=key, folder=tmp_path) as service:
        sent.midway = service.kill
        sent.send(service)
    before = dict(sent.acknowledged)

    assert 0 < len(before) < len(refs(sent))
    with serving(database_url, key=key, folder=tmp_path) as service:
        sent.send(service)
    assert_each_there_once(database, sent, before)


def test_a_killed_worker_loses_nothing_it_acknowledged(database: Database, database_url: str, tmp_path: Path) -> None:
    """Kill -9 of the workers in mid-load: new ones take over, and resending makes everything whole."""
    key = prepare(database, NAMES)
    sent = load(2)
    with serving(database_url, key=key, folder=tmp_path, options=["--no-jobs"]) as service:
        sent.midway = partial(kill_all, service.workers())
        sent.send(service)
        before = dict(sent.acknowledged)
        service.wait_until_up()
        sent.send(service)
    assert_each_there_once(database, sent, before)


def kill_all(pids: Sequence[int]) -> None:
    """SIGKILL to each."""
    assert pids
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def refs(sent: Load) -> set[tuple[str, str]]:
    """Every event that was ever sent."""
    return {(line["creator"], line["external_ref"]) for batch in sent.batches for line in batch}


def assert_each_there_once(database: Database, sent: Load, before: dict[tuple[str, str], str]) -> None:
    """Every event is stored once, under the id it was acknowledged by, and the books are sound."""
    with database.snapshot() as session:
        stored = db.fetch(session, STORED)
        report = audit.verify(session, schedule=rules.schedule(session))
    ids = {(f"youtube:{name}", ref): event_id for name, ref, event_id in stored}

    assert len(stored) == len(ids) == len(refs(sent))
    assert ids == sent.acknowledged
    assert before.items() <= ids.items()
    assert report.ok, report.first_bad
    assert report.events == len(stored)
