"""The page about the API: its shell examples, one after another as a reader types them, beside a new demo."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.service import PATIENCE_S, ROOT
from tests.test_demo import Demo, demo, pytestmark

__all__ = ["demo", "pytestmark"]
SHOWN = re.findall(r"^```sh\n(.*?)^```$", (ROOT / "docs" / "api.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
BLOCKS = [*SHOWN, *SHOWN[1:]]  # what is typed again finds the variables of the first time
END = "-- end of a block --"
CURLRC = 'write-out = "%{stderr}status %{http_code} %{method} %{url}\\n"\n'


def typed(demo: Demo) -> subprocess.CompletedProcess[str]:
    """All blocks in one shell, in the demo's folder; curl tells on stderr how each request was answered."""
    (demo.folder / ".curlrc").write_text(CURLRC)
    (demo.folder / "docs").symlink_to(ROOT / "docs")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    script = "".join(f"{block}echo '{END}' >&2\necho '{END}'\n" for block in BLOCKS)
    return subprocess.run(
        ["/bin/sh"],
        input=script.replace("http://127.0.0.1:8000", demo.url),
        cwd=demo.folder,
        env=demo.environment | {"PATH": path, "CURL_HOME": str(demo.folder)},
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_S,
    )


def announced(block: str, *, again: bool) -> list[str]:
    """The refusals that a block's comments tell of; some only where it is typed again."""
    comments = re.findall(r"# (.*)", block)
    return [status for told in comments if again or "again" not in told for status in re.findall(r"\b[45]\d\d\b", told)]


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_the_examples_of_the_page_run_as_they_stand(demo: Demo) -> None:
    """Typed in order, and again: each request is answered 2xx but where the page says otherwise, and nothing fails."""
    deadline = time.monotonic() + PATIENCE_S
    while not list((demo.folder / "var" / "checkpoints").glob("2*.json")):  # the scheduler's first
        assert time.monotonic() < deadline
        time.sleep(0.1)
    run = typed(demo)
    printed, told = (text.split(f"{END}\n")[:-1] for text in (run.stdout, run.stderr))

    assert len(SHOWN) > 20
    assert len(told) == len(printed) == len(BLOCKS)
    for number, (block, shown, answers) in enumerate(zip(BLOCKS, printed, told, strict=True)):
        statuses = re.findall(r"^status (\d+)", answers, re.MULTILINE)
        assert len(statuses) >= block.count("curl "), block
        refused = [status for status in statuses if not status.startswith("2")]
        assert refused == announced(block, again=number >= len(SHOWN)), (block, shown, answers)
        assert not re.search(r'"refused":[1-9]|not found|Traceback|^Error', shown + answers, re.MULTILINE), block
    finding = next(number for number, block in enumerate(SHOWN) if " -G " in block)
    assert '"creators":[{' in printed[finding]
