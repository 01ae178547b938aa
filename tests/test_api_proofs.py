"""Proofs over HTTP: that a line was in a checkpoint, followed by a script that knows nothing but SHA-256."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from api.proofs import ProofOut
from ledger import checkpoints, creators, proofs
from ledger.creators import AccountOf
from ledger.db import Database
from tests.api_fixtures import Clock, Holder, event
from tests.test_api_balances import fields_of

SCRIPT = Path(__file__).parent.parent / "docs" / "examples" / "verify_proof.py"
ADA = "/v1/creators/youtube:ada/entries/network:youtube"


@pytest.fixture
def told(partner: Holder, books: Database, creator_id: str, public_creator_id: str) -> str:
    """Ada: six replies and a breach; beside hers a few other books."""
    for number in range(3):
        account = AccountOf("youtube", f"c-{number}")
        given: dict[str, Any] = {"display_name": "C", "accounts": [account], "consent_at_us": 1, "enrolled_by": "acme"}
        books.write(partial(creators.enrol, now_us=1, **given))
    for fan in range(6):
        line = event(f"e-{fan}", facts={"act": "reply", "engager": f"fan-{fan}"})
        assert partner.post("/v1/events", json=line).status_code == 201
    assert partner.post("/v1/events", json=event("b-1", kind="breach", facts={"severity": 1})).status_code == 201
    return creator_id


@pytest.fixture
def checkpoint(app: Flask, books: Database, clock: Clock, tmp_path: Path) -> Callable[[], str]:
    """Make a checkpoint in a folder of this test's own; gives its root."""
    ledger = app.extensions["trust_ledger"]
    ledger.settings = ledger.settings.model_copy(update={"checkpoint_dir": tmp_path})

    def made() -> str:
        key = ledger.settings.signing_keys()[-1]
        with books.snapshot() as session:
            point = checkpoints.make(session, now_us=clock.now_us, key=key)
        checkpoints.write(point, tmp_path)
        return point.root.hex()

    return made


def followed(proof: dict[str, Any], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the script of the docs on a proof."""
    path = folder / "proof.txt"
    path.write_text(json.dumps(proof))
    command = [sys.executable, "-I", str(SCRIPT), str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_every_line_can_be_proved(partner: Holder, told: str, checkpoint: Callable[[], str], tmp_path: Path) -> None:
    """From the first line and from the last, the script comes to the root of the checkpoint."""
    root = checkpoint()
    lines = partner.get("/v1/creators/youtube:ada/entries").json["entries"]
    assert len(lines) == 7
    for line in (lines[0], lines[3], lines[-1]):
        proof = partner.get(f"{ADA}/{line['seq']}/proof").json
        run = followed(proof, tmp_path)
        assert (run.stdout.split(), run.stderr) == (["2026-11-23", root], "")
        assert (proof["entry"]["hash"], len(proof["links"])) == (line["hash"], 7 - line["seq"])
        assert len(proof["path"]) >= 2


def altered(proof: dict[str, Any], *path: Any) -> None:
    """Change what lies at a path: a number by one, a text in its last digit."""
    *above, last = path
    for step in above:
        proof = proof[step]
    held = proof[last]
    proof[last] = held + 1 if isinstance(held, int) else held[:-1] + ("0" if held[-1] != "0" else "1")


@pytest.mark.parametrize(
    "path",
    [
        ("entry", "fresh"),
        ("entry", "kind"),
        ("entry", "factors"),
        ("entry", "prev_hash"),
        ("entry", "hash"),
        ("links", 0),
        ("leaf", "seq"),
        ("leaf", "head"),
        ("leaf", "meter"),
        ("path", 0),
        ("index",),
        ("checkpoint", "root"),
    ],
    ids=lambda path: "-".join(map(str, path)),
)
def test_nothing_else_can_be_proved_by_it(
    partner: Holder, told: str, checkpoint: Callable[[], str], tmp_path: Path, path: tuple[Any, ...]
) -> None:
    """Whatever is altered in a proof, it leads nowhere, and the script says so in one sentence."""
    checkpoint()
    proof = partner.get(f"{ADA}/3/proof").json
    altered(proof, *path)
    run = followed(proof, tmp_path)
    assert (run.returncode, run.stderr.count("\n")) == (1, 1)


def test_a_path_that_is_too_short_leads_nowhere(
    partner: Holder, told: str, checkpoint: Callable[[], str], tmp_path: Path
) -> None:
    """A proof that lost a piece is told from one that holds, in one sentence."""
    checkpoint()
    proof = partner.get(f"{ADA}/3/proof").json
    proof["path"].pop()
    run = followed(proof, tmp_path)
    assert (run.returncode, run.stderr) == (1, "the book does not lead to the root of the checkpoint\n")


def test_a_line_waits_for_the_next_checkpoint(
    partner: Holder, told: str, checkpoint: Callable[[], str], clock: Clock, tmp_path: Path
) -> None:
    """Before there is a checkpoint there is no proof; a younger line is proved by the next; older ones still serve."""
    assert partner.get(f"{ADA}/1/proof").json["code"] == "not_found"
    first = checkpoint()
    clock.pass_days(1)
    late = event("late", occurred_at="2026-11-24T12:00:00Z")
    seq = partner.post("/v1/events", json=late).json["entries"][-1]["seq"]
    answer = partner.get(f"{ADA}/{seq}/proof")
    assert (answer.status_code, answer.json["code"]) == (409, "not_covered")
    second = checkpoint()
    assert followed(partner.get(f"{ADA}/{seq}/proof").json, tmp_path).stdout.split() == ["2026-11-24", second]
    earlier = partner.get(f"{ADA}/1/proof?checkpoint=2026-11-23").json
    assert followed(earlier, tmp_path).stdout.split() == ["2026-11-23", first]
    assert partner.get(f"{ADA}/{seq}/proof?checkpoint=2026-11-23").status_code == 409
    assert partner.get(f"{ADA}/1/proof?checkpoint=2026-11-22").status_code == 404


def test_a_proof_has_a_bound(
    partner: Holder, told: str, checkpoint: Callable[[], str], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond so many lines a nearer checkpoint is named if there is one; the export is named always."""
    monkeypatch.setattr(proofs, "MOST_LINKS", 3)
    named = []
    for _ in range(2):
        clock.pass_days(2)
        checkpoint()
        answer = partner.get(f"{ADA}/2/proof")
        assert (answer.status_code, answer.json["code"]) == (409, "proof_too_long")
        named.append(re.findall(r"that of (\S+),", answer.json["detail"]))
        assert "export the book" in answer.json["detail"]
    assert named == [[], ["2026-11-25"]]
    alone = partner.get(f"{ADA}/2/proof?checkpoint=2026-11-25").json
    assert (alone["code"], "that of" in alone["detail"]) == ("proof_too_long", False)
    assert partner.get(f"{ADA}/4/proof").status_code == 200


def test_a_line_that_is_not_there_has_no_proof(
    partner: Holder, other_partner: Holder, brand: Holder, told: str, checkpoint: Callable[[], str]
) -> None:
    """Nor has another's, and who may read no statement gets none."""
    checkpoint()
    assert partner.get(f"{ADA}/99/proof").status_code == 404
    assert partner.get(f"{ADA}/{10**30}/proof").status_code == 404
    assert partner.get(f"{ADA}/1/proof?checkpoint=soon").status_code == 422
    assert other_partner.get(f"{ADA}/1/proof").json["code"] == "unknown_creator"
    assert brand.get(f"{ADA}/1/proof").status_code == 403


def test_a_proof_is_what_the_document_says(partner: Holder, told: str, checkpoint: Callable[[], str]) -> None:
    """Every field that is sent is documented, and the other way round; it need not be sent twice."""
    checkpoint()
    first = partner.get(f"{ADA}/3/proof")
    assert fields_of(ProofOut()) == fields_of(first.json)
    assert partner.get(f"{ADA}/3/proof", headers={"If-None-Match": first.headers["ETag"]}).status_code == 304
