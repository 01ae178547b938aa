"""The codes of problems: every one that can be answered is documented, with what to do about it."""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api import codes, problems
from ledger.errors import LedgerError
from ledger.settings import Settings

ROOT = Path(__file__).parent.parent
SOURCES = [path for package in ("api", "ledger") for path in sorted((ROOT / package).rglob("*.py"))]
FAMILIES = ("refused", "ledger_error")
BY_STATUS = {403: "forbidden", 417: "expectation_failed", 501: "not_implemented"}  # what gunicorn refuses besides


@pytest.fixture
def api_settings(sqlite_url: str) -> Settings:
    """The codes are the same on every engine: one is enough."""
    return Settings.model_validate({"database_url": sqlite_url, "pepper": "a pepper", "signing_key": "a key"})


def stated(path: Path) -> Iterator[str]:
    """The codes that a module states: of an error class that is answered, in a problem made by hand, of a receipt."""
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ClassDef) and any("code" in names(item) for item in node.body):
            error = getattr(importlib.import_module(module), node.name)
            if isinstance(error, type) and issubclass(error, LedgerError) and is_answered(error):
                yield error.code
        elif isinstance(node, ast.Call):
            made = isinstance(node.func, ast.Attribute) and node.func.attr == "problem" and len(node.args) > 1
            found = [node.args[1]] if made else []
            found += [word.value for word in node.keywords if word.arg == "code"]
            yield from (str(value.value) for value in found if isinstance(value, ast.Constant))


def names(item: ast.stmt) -> list[str]:
    """What an assignment in a class gives a text to."""
    if isinstance(item, ast.Assign) and isinstance(item.value, ast.Constant):
        return [target.id for target in item.targets if isinstance(target, ast.Name)]
    return []


def is_answered(error: type[LedgerError]) -> bool:
    """Whether an error is told by its own code: what is a failure of ours is told as that."""
    status = next(problems.STATUS[kind] for kind in error.__mro__ if kind in problems.STATUS)
    return status != 500 and error.code not in FAMILIES


def test_every_code_is_listed(client: Any) -> None:
    """Each code that stands in the source, or that the server answers by status, is in the list and in the document."""
    found = {code for path in SOURCES for code in stated(path)}
    found |= {code for code, _ in problems.CODES.values()} | set(BY_STATUS.values()) | set(problems.BY_CODE)
    assert {"quote_expired", "already_contested", "batch_refused", "unknown_creator", "not_ready"} <= found
    listed = [each.name for each in codes.every()]
    assert found - set(listed) == set()
    problem = client.get("/openapi.json").json["components"]["schemas"]["Problem"]
    assert problem["properties"]["code"]["enum"] == listed


@pytest.mark.parametrize("code", codes.every(), ids=lambda code: code.name)
def test_a_code_says_what_to_do(code: codes.Code) -> None:
    """Each has a status of an error, a sentence on what it means and one on what to do, and its row in the docs."""
    assert 400 <= code.status < 600
    assert code.means.endswith(".")
    assert code.advice.endswith(".")
    row = f"| `{code.name}` | {code.status} | {code.means} | {code.advice} |"
    assert row in (ROOT / "docs" / "api.md").read_text("utf-8")


def test_the_server_answers_by_these_codes() -> None:
    """What is refused before there is a request has a code of the list."""
    assert {status: problems.told(status)[0] for status in BY_STATUS} == BY_STATUS


def test_what_a_code_advises_is_of_a_code() -> None:
    """No advice outlives its code."""
    assert codes.ADVICE.keys() <= {each.name for each in codes.every()}
