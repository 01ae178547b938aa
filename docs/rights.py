"""The table of who may do what, from the rights that the tests hold the service to (tests/rights.txt)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

TABLE = Path(__file__).parent.parent / "tests" / "rights.txt"
NOBODY, PARTNER, OTHER_PARTNER, BRAND, OTHER_BRAND, CREATOR, OTHER_CREATOR, OPERATOR, BOUND = range(9)
# The role that what is looked at concerns, and one that it does not: nike has nothing to do with Grace, who is public.
COLUMNS = {
    "partner": (PARTNER, OTHER_PARTNER),
    "brand": (BRAND, BRAND),
    "creator": (CREATOR, OTHER_CREATOR),
    "operator": (OPERATOR, BOUND),
}
NOT_LET_IN = (401, 403, 404, 422)
LINES = {"POST /v1/events/batch": "POST /v1/events"}  # answered line by line, each as the other is


def table() -> str:
    """Every operation that needs a key, and what each role may do it with: its own, and what is public."""
    lines = [f"| operation | {' | '.join(COLUMNS)} |", f"|---{'|---' * len(COLUMNS)}|"]
    rights = read()
    for operation, subjects in sorted(rights.items(), key=_place):
        if " /v" in operation:
            told = [_told(rights.get(LINES.get(operation, ""), subjects), *roles) for roles in COLUMNS.values()]
            lines.append(f"| `{operation}` | {' | '.join(told)} |")
    return "\n".join(lines)


def read() -> dict[str, dict[str, list[int]]]:
    """The statuses of each operation by subject, as roles are ordered in the file; queries taken together."""
    rights: dict[str, dict[str, list[int]]] = {}
    for operation, line in _lines():
        subject, *statuses = line.split()
        rights.setdefault(operation, {}).setdefault(subject, list(map(int, statuses)))
    return rights


def _lines() -> Iterator[tuple[str, str]]:
    operation = ""
    for line in TABLE.read_text("utf-8").splitlines():
        if line[:1].isalpha():
            operation = line.partition("?")[0]
        elif operation and line.strip():
            yield operation, line


def _place(item: tuple[str, object]) -> tuple[str, str]:
    method, _, path = item[0].partition(" ")
    return path, method


def _told(subjects: dict[str, list[int]], one: int, another: int) -> str:
    """What a role may do it with: the private subject concerns `one`, the public one does not concern `another`."""
    if "acme" in subjects:  # a partner's; whoever has such a thing may do the same with it
        return "own" if subjects["acme"][PARTNER] not in NOT_LET_IN else ""
    if "ada" not in subjects:
        return "yes" if subjects["-"][one] not in NOT_LET_IN else ""
    words = ["own"] if subjects["ada"][one] not in NOT_LET_IN else []
    if "grace" in subjects and subjects["grace"][another] not in NOT_LET_IN:
        words.append("public")
    return ", ".join(words)
