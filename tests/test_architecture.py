"""The rules of the house that a machine can check: sizes, names, imports, clocks, commits and tables."""

import ast
import hashlib
import importlib
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from sqlalchemy import Column, ForeignKeyConstraint, MetaData, Table, UniqueConstraint

ROOT = Path(__file__).parent.parent
PACKAGES = ("ledger", "api", "jobs")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
TREES = {str(path.relative_to(ROOT)): ast.parse(path.read_text()) for path in SOURCES}

MODULE_LINES, FUNCTION_LINES, VIEW_LINES = 400, 40, 10
VAGUE_NAMES = {"utils", "util", "services", "managers", "helpers", "models", "common", "misc"}
HTTP_METHODS = {"get", "post", "put", "patch", "delete", "head", "options"}
ROUTES = HTTP_METHODS | {"route"}

PURE = (
    "economy",
    "days",
    "notation",
    "journals",
    "kinds",
    "exposure",
    "labels",
    "ways",
    "proposals",
    "scatter",
    "estimate",
    "calibration",
    "campaigns",
    "grid",
    "sticks",
    "policy",
    "soundness",
    "trials",
    "errors",
    "memory",
    "contexts",
    "upkeep",
)
IMPURE_STDLIB = {"time", "random", "os", "secrets", "uuid", "socket", "subprocess", "sqlite3", "threading"}
CLOCKS = {"now", "utcnow", "today", "fromtimestamp", "time", "time_ns"}
CLOCK_OWNERS = ("api/", "jobs/", "ledger/cli.py")

PLACEMENTS = {"ledger", "reference", "lookup"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


# Sizes and names


def test_a_module_is_read_at_one_sitting() -> None:
    """No module is longer than 400 lines."""
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in SOURCES}
    assert {name: lines for name, lines in lengths.items() if lines > MODULE_LINES} == {}


def test_a_function_fits_one_screen() -> None:
    """No function is longer than 40 lines, its docstring included; a migration lists what it makes."""
    long = [name for name, function in functions() if length(function) > FUNCTION_LINES]
    assert [name for name in long if not name.startswith("ledger/migrations/versions/")] == []


def test_a_view_only_loads_calls_and_dumps() -> None:
    """No view is longer than 10 lines: what happens is decided in the ledger."""
    views = [(name, function) for name, function in functions("api/") if is_view(function)]
    assert [name for name, function in views if length(function) > VIEW_LINES] == []


def test_a_module_is_a_noun_of_the_field() -> None:
    """No module has a name under which anything could be put."""
    parts = {name: {Path(name).stem, *Path(name).parent.parts} for name in TREES}
    assert [name for name, words in parts.items() if words & VAGUE_NAMES] == []


# What code may do where


def test_pure_modules_stand_on_the_standard_library_alone() -> None:
    """The rules of trust import no package, no clock, no chance, no environment, and nothing that does."""
    forbidden = [
        f"{name}: {module}" for name in pure_modules() for module in imported(TREES[name]) if not is_pure(module)
    ]
    assert forbidden == []


def test_time_is_an_argument_to_the_ledger() -> None:
    """Only the API, the jobs and the command line read a clock."""
    reads = [f"{name}:{call.lineno}" for name, call in calls() if not owns_clock(name) and is_clock(call)]
    assert reads == []


def test_no_clock_is_read_without_a_zone() -> None:
    """Every `now()` says which zone it means, and nothing asks for a naive time."""
    naive = [f"{name}:{call.lineno}" for name, call in calls() if is_naive_clock(call)]
    assert naive == []


def test_the_books_are_not_guarded_by_assert() -> None:
    """No `assert` stands in the packages: python -O would take it away."""
    asserts = [f"{name}:{node.lineno}" for name, node in nodes() if isinstance(node, ast.Assert)]
    assert asserts == []


def test_one_place_commits() -> None:
    """Only ledger/db.py commits, so that a refusal can still undo everything before it."""
    commits = [f"{name}:{call.lineno}" for name, call in calls() if called(call) == "commit"]
    assert [place for place in commits if not place.startswith("ledger/db.py:")] == []


def test_the_code_stands_on_no_dialect() -> None:
    """No advisory lock, notification or skipped lock: a distributed engine has none of them."""
    words = ("pg_advisory", "LISTEN ", "NOTIFY ", "SKIP LOCKED")
    found = [f"{name}:{line}" for name, line, text in texts() if any(word in text for word in words)]
    assert found == []


def test_every_test_states_a_truth() -> None:
    """Each test opens with one sentence on one line."""
    files = sorted((ROOT / "tests").glob("test_*.py"))
    nodes_of = [(path.name, node) for path in files for node in ast.walk(ast.parse(path.read_text()))]
    tests = [(name, node) for name, node in nodes_of if isinstance(node, Function)]
    untold = [
        f"{name}: {test.name}"
        for name, test in tests
        if test.name.startswith("test_") and not is_one_line(ast.get_docstring(test))
    ]
    assert untold == []


def test_vendored_files_are_what_their_packages_ship() -> None:
    """Each front-end file has the SHA-256 in the lock, and none lies there unlisted."""
    folder = ROOT / "api" / "static" / "vendor"
    lock = tomllib.loads((folder / "vendor.lock.toml").read_text())
    files = {path.name: path for path in folder.iterdir() if path.name != "vendor.lock.toml"}
    hashes = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}
    assert {name: entry["sha256"] for name, entry in lock.items()} == hashes


def test_every_dependency_is_pinned_by_hash() -> None:
    """What is installed is what was looked at: each file of each package in the lock, and uv itself, by SHA-256."""
    lock = tomllib.loads((ROOT / "uv.lock").read_text())
    own = next(package for package in lock["package"] if package["name"] == "trust-ledger")
    files = [
        (f"{package['name']} {package['version']}", file)
        for package in lock["package"]
        if package is not own
        for file in (*package.get("wheels", ()), *([package["sdist"]] if "sdist" in package else []))
    ]
    assert len({name for name, _ in files}) == len(lock["package"]) - 1
    assert [name for name, file in files if not file["hash"].startswith("sha256:")] == []
    told = (ROOT / ".ci" / "uv.txt").read_text()
    assert told.count("uv==") == 1
    assert "--hash=sha256:" in told
    assert "--require-hashes -r .ci/uv.txt" in (ROOT / "Makefile").read_text()


# Tables


@pytest.fixture(scope="module")
def metadata() -> MetaData:
    """Every table that the ledger keeps."""
    tables = importlib.import_module("ledger.tables")
    return metadata_of(tables)


def test_every_table_says_where_it_lives(metadata: MetaData) -> None:
    """A table is spread by creator, copied everywhere, or spread by its own key, and says which."""
    assert metadata.tables, "ledger.tables defines no table"
    placements = {name: table.info.get("placement") for name, table in metadata.tables.items()}
    assert {name: place for name, place in placements.items() if place not in PLACEMENTS} == {}


def test_a_creators_rows_stay_together(metadata: MetaData) -> None:
    """In ledger tables creator_id comes first in every key, constraint and index."""
    keys = [key for table in ledger_tables(metadata) for key in keys_of(table)]
    assert [name for name, columns in keys if not columns or columns[0].name != "creator_id"] == []


def test_a_ledger_table_refers_to_its_own_creators_rows(metadata: MetaData) -> None:
    """A foreign key between ledger tables goes from creator_id to creator_id; none goes to a lookup table."""
    keys = [key for table in ledger_tables(metadata) for key in foreign_keys(table)]
    pairs = [(key.elements[0].parent, key.elements[0].column) for key in keys if not refers_to_reference(key)]
    wrong = [
        f"{here} -> {there}"
        for here, there in pairs
        if {here.name, there.name} != {"creator_id"} or there.table.info.get("placement") == "lookup"
    ]
    assert wrong == []


def test_no_row_changes_because_another_did(metadata: MetaData) -> None:
    """No foreign key sets NULL or a default, or cascades an update: a distributed engine refuses them."""
    keys = [key for table in metadata.tables.values() for key in foreign_keys(table)]
    deletes = [str(key.name) for key in keys if forbids(key.ondelete, "SET NULL", "SET DEFAULT")]
    updates = [str(key.name) for key in keys if forbids(key.onupdate, "CASCADE", "SET NULL", "SET DEFAULT")]
    assert (deletes, updates) == ([], [])


def test_no_database_makes_our_keys(metadata: MetaData) -> None:
    """No column counts up by itself: ids are made by the application, on any node, without asking."""
    columns = [column for table in metadata.tables.values() for column in table.columns]
    assert [str(column) for column in columns if counts_up(column)] == []


def test_no_column_holds_a_float(metadata: MetaData) -> None:
    """Amounts are integers: no column is FLOAT, REAL, DOUBLE or NUMERIC."""
    columns = [column for table in metadata.tables.values() for column in table.columns]
    inexact = ("FLOAT", "REAL", "DOUBLE", "NUMERIC", "DECIMAL")
    assert [str(column) for column in columns if str(column.type).upper().startswith(inexact)] == []


# Readers of syntax trees


def nodes(prefix: str = "") -> Iterator[tuple[str, ast.AST]]:
    """Every node of every module under a prefix, with the module's path."""
    trees = ((name, tree) for name, tree in TREES.items() if name.startswith(prefix))
    return ((name, node) for name, tree in trees for node in ast.walk(tree))


def functions(prefix: str = "") -> Iterator[tuple[str, Function]]:
    """Every function and method, named by path, line and name."""
    found = ((name, node) for name, node in nodes(prefix) if isinstance(node, Function))
    return ((f"{name}:{node.lineno} {node.name}", node) for name, node in found)


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Every call, with the path of its module."""
    return ((name, node) for name, node in nodes() if isinstance(node, ast.Call))


def texts() -> Iterator[tuple[str, int, str]]:
    """Every string constant, with the path of its module and its line."""
    constants = ((name, node) for name, node in nodes() if isinstance(node, ast.Constant))
    return ((name, node.lineno, node.value) for name, node in constants if isinstance(node.value, str))


def called(call: ast.Call) -> str:
    """The method or function that is called, without what it is called on."""
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


def called_on(call: ast.Call) -> str:
    """The last name before the method, such as `datetime` in `datetime.datetime.now()`."""
    owner = call.func.value if isinstance(call.func, ast.Attribute) else None
    if isinstance(owner, ast.Attribute):
        return owner.attr
    return owner.id if isinstance(owner, ast.Name) else ""


def length(function: Function) -> int:
    """Lines from `def` to the end; decorators are declarations, not code to follow."""
    return (function.end_lineno or function.lineno) - function.lineno + 1


def is_view(function: Function) -> bool:
    """Whether Flask calls it: routed by a decorator, or an HTTP method of a view class."""
    decorators = [node.func if isinstance(node, ast.Call) else node for node in function.decorator_list]
    names = {node.attr for node in decorators if isinstance(node, ast.Attribute)}
    is_method = bool(function.args.args) and function.args.args[0].arg == "self"
    return bool(names & ROUTES) or (is_method and function.name in HTTP_METHODS)


def is_clock(call: ast.Call) -> bool:
    """Whether it asks what time it is."""
    on_clock = called_on(call) in {"datetime", "date", "time"} and called(call) in CLOCKS
    return on_clock and not is_conversion(call)


def is_conversion(call: ast.Call) -> bool:
    """`fromtimestamp` turns a number it was given into a time, and `x.time()` takes one apart."""
    return called(call) == "fromtimestamp" or (called(call) == "time" and called_on(call) != "time")


def is_naive_clock(call: ast.Call) -> bool:
    """Whether it gives a time without a zone."""
    if called_on(call) not in {"datetime", "date"} or called(call) not in CLOCKS - {"time", "time_ns"}:
        return False
    given = len(call.args) + len(call.keywords)
    return called(call) in {"utcnow", "today"} or given < (2 if called(call) == "fromtimestamp" else 1)


def owns_clock(name: str) -> bool:
    """Whether a module may read the clock itself."""
    return name.startswith(CLOCK_OWNERS)


def pure_modules() -> list[str]:
    """The paths of the modules that hold the rules of trust."""
    places = tuple(f"ledger/{name}{end}" for name in PURE for end in (".py", "/"))
    return [name for name in TREES if name.startswith(places)]


def imported(tree: ast.Module) -> Iterator[str]:
    """Every module that a module imports, by its full name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == "ledger":
            yield from (f"ledger.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "."


def is_pure(module: str) -> bool:
    """Whether it belongs to the standard library or to the pure modules themselves."""
    package, _, rest = module.partition(".")
    if package == "ledger":
        return rest.partition(".")[0] in PURE
    return package in sys.stdlib_module_names - IMPURE_STDLIB


def is_one_line(docstring: str | None) -> bool:
    """Whether a docstring is there and is one line."""
    return bool(docstring) and "\n" not in str(docstring)


# Readers of tables


def metadata_of(tables: ModuleType) -> MetaData:
    """The metadata in which ledger.tables declares its tables, by SQLModel's base or by hand."""
    found = getattr(tables, "metadata", None)
    if not isinstance(found, MetaData):
        from sqlmodel import SQLModel

        found = SQLModel.metadata
    return found


def ledger_tables(metadata: MetaData) -> list[Table]:
    """The tables that are spread by creator."""
    return [table for table in metadata.tables.values() if table.info.get("placement") == "ledger"]


def foreign_keys(table: Table) -> list[ForeignKeyConstraint]:
    """The foreign keys of a table, in a fixed order."""
    return sorted(table.foreign_key_constraints, key=lambda key: str(key.name))


def keys_of(table: Table) -> Iterator[tuple[str, list[Column[object]]]]:
    """The columns of each key, unique constraint, foreign key and index, with a name to tell them by."""
    yield f"{table.name}: primary key", list(table.primary_key.columns)
    for constraint in table.constraints:
        if isinstance(constraint, UniqueConstraint):
            yield f"{table.name}: {constraint.name}", list(constraint.columns)
    for key in foreign_keys(table):
        if not refers_to_reference(key):
            yield f"{table.name}: {key.name}", list(key.columns)
    for index in table.indexes:
        yield f"{table.name}: {index.name}", list(index.columns)


def refers_to_reference(constraint: ForeignKeyConstraint) -> bool:
    """Tiny tables are on every node, so that any row may refer to them."""
    return constraint.elements[0].column.table.info.get("placement") == "reference"


def forbids(action: str | None, *refused: str) -> bool:
    """Whether a foreign key's action is one of those refused."""
    return (action or "").upper() in refused


def counts_up(column: Column[object]) -> bool:
    """Whether the database itself would make the next value."""
    if column.identity is not None or column.autoincrement is True:
        return True
    return column is column.table.autoincrement_column
