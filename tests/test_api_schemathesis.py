"""The real server against its own document: whatever schemathesis thinks up is answered as documented."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from flask import Flask

from ledger import creators
from ledger.db import Database
from ledger.settings import Settings
from tests.api_fixtures import NOW_US, PARTNER_SCOPES, Holder, serving

# What a schema cannot say is refused all the same: references to what is not there (404, 422), a cursor of another
# query (400), a version that has passed (412). A batch (of CloudEvents at /v1/events too) is answered
# line by line, so that a bad line is no bad batch.
CONFIG = """
color = false
continue-on-failure = true
hooks = "ndjson_hook"

[checks.positive_data_acceptance]
expected-statuses = ["2xx", 304, 400, 403, 404, 409, 412, 422]

[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 409, 413, 414, 415, 422, 428]

[checks.missing_required_header]
expected-statuses = [401, 404, 409, 428]

[[operations]]
include-path = "/v1/events/batch"
checks.negative_data_rejection.enabled = false

[[operations]]
include-path = "/v1/events"
checks.negative_data_rejection.enabled = false
"""
HOOK = """
import json
import schemathesis


@schemathesis.serializer("application/x-ndjson")
def ndjson(ctx, value):
    return value.encode() if isinstance(value, str) else json.dumps(value).encode()
"""


def test_the_server_keeps_to_its_document(
    app: Flask, api_settings: Settings, books: Database, key_for: Callable[..., Holder], tmp_path: Path
) -> None:
    """Examples, every boundary of every schema, and random requests: no surprise in status, type, header or body."""
    operator = key_for("operator", "ops", scopes=[*PARTNER_SCOPES, "operate"])
    account = creators.AccountOf("youtube", "UC-ada", 50_000)
    books.write(
        lambda session: creators.enrol(
            session, display_name="Ada", accounts=[account], consent_at_us=1, enrolled_by="acme", now_us=NOW_US
        )
    )
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    (tmp_path / "ndjson_hook.py").write_text(HOOK)
    with serving(api_settings) as url:
        command = [sys.executable, "-m", "schemathesis.cli", "--config-file", "schemathesis.toml", "run"]
        chosen = ["--phases", "examples,coverage,fuzzing,stateful", "--max-examples", "8"]
        chosen += ["--seed", "1", "--workers", "2"]
        # These two would end the very key that the run goes by; tests/test_api_keys.py has them.
        chosen += ["--exclude-operation-id", "keys_delete_key", "--exclude-operation-id", "keys_post_rotate"]
        kept = ["--generation-database", "none", "--header", f"Authorization: Bearer {operator.secret}"]
        ran = subprocess.run(
            [*command, f"{url}/openapi.json", *chosen, *kept],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
    assert ran.returncode == 0, ran.stdout[-20_000:]
