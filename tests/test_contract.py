"""The golden document: what a client was promised stays true, or the check names what would break."""

import copy
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import orjson
import pytest

DOCS = Path(__file__).parent.parent / "docs"
Json = dict[str, Any]


@pytest.fixture(scope="module")
def contract() -> ModuleType:
    """The comparison, from the folder of documents."""
    spec = importlib.util.spec_from_file_location("contract", DOCS / "contract.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["contract"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def golden() -> Json:
    """The document as it was agreed on."""
    found: Json = orjson.loads((DOCS / "openapi.json").read_bytes())
    return found


def test_what_is_served_is_what_was_agreed(golden: Json, client: Any) -> None:
    """The golden document is the one that is served; `make docs` writes it anew where nothing breaks."""
    assert orjson.loads(client.get("/openapi.json").data) == golden


def schema(document: Json, name: str) -> Json:
    """One schema."""
    found: Json = document["components"]["schemas"][name]
    return found


def enrolment(document: Json) -> Json:
    """The operation that enrols a creator."""
    found: Json = document["paths"]["/v1/creators"]["post"]
    return found


def drop_path(document: Json) -> None:
    """An address goes."""
    del document["paths"]["/v1/balances/lookup"]


def drop_method(document: Json) -> None:
    """An operation goes."""
    del document["paths"]["/v1/creators/{creator}"]["patch"]


def rename(document: Json) -> None:
    """An operation has another name."""
    enrolment(document)["operationId"] = "enrol"


def ask_more_scopes(document: Json) -> None:
    """An operation asks more of a key."""
    enrolment(document)["x-scopes"].append("operate")


def require_parameter(document: Json) -> None:
    """A parameter is new and required."""
    told = {"name": "tenant", "in": "query", "required": True, "schema": {"type": "string"}}
    enrolment(document).setdefault("parameters", []).append(told)


def drop_parameter(document: Json) -> None:
    """A parameter goes."""
    item = document["paths"]["/v1/creators/{creator}/balance"]["get"]
    item["parameters"] = [each for each in item["parameters"] if each.get("name") != "as_of"]


def require_member(document: Json) -> None:
    """A member that could be left out has to be sent."""
    schema(document, "EnrolIn")["required"].append("handle")


def drop_member_in(document: Json) -> None:
    """A member that could be sent is refused."""
    del schema(document, "EnrolIn")["properties"]["handle"]


def shorten(document: Json) -> None:
    """A text may be less long."""
    schema(document, "EnrolIn")["properties"]["display_name"]["maxLength"] = 20


def drop_word(document: Json) -> None:
    """A word is no longer taken."""
    schema(document, "EnrolIn")["properties"]["visibility"]["enum"].remove("public")


def drop_media(document: Json) -> None:
    """A form of body is no longer taken."""
    del document["paths"]["/v1/events/batch"]["post"]["requestBody"]["content"]["application/x-ndjson"]


def drop_status(document: Json) -> None:
    """An answer is no longer given."""
    del enrolment(document)["responses"]["201"]


def drop_member_out(document: Json) -> None:
    """A member of an answer goes."""
    del schema(document, "CreatorOut")["properties"]["handle"]


def unpromise(document: Json) -> None:
    """A member of an answer may be missing."""
    schema(document, "CreatorOut")["required"].remove("handle")


def retype(document: Json) -> None:
    """A member of an answer is something else."""
    schema(document, "CreatorOut")["properties"]["display_name"]["type"] = "integer"


def make_nullable(document: Json) -> None:
    """A member of an answer may be null."""
    schema(document, "CreatorOut")["properties"]["display_name"]["type"] = ["string", "null"]


def drop_header(document: Json) -> None:
    """A header that clients send back goes."""
    del enrolment(document)["responses"]["201"]["headers"]["ETag"]


BREAKING = [
    *(drop_path, drop_method, rename, ask_more_scopes, require_parameter, drop_parameter, require_member),
    *(drop_member_in, shorten, drop_word, drop_media, drop_status, drop_member_out, unpromise, retype),
    *(make_nullable, drop_header),
]


@pytest.mark.parametrize("change", BREAKING, ids=lambda change: change.__name__)
def test_a_break_is_found(contract: ModuleType, golden: Json, change: Callable[[Json], None]) -> None:
    """Whatever would stop a client from working is named."""
    new = copy.deepcopy(golden)
    change(new)
    assert contract.breaks(golden, new) != []


def add_operation(document: Json) -> None:
    """An address is new."""
    document["paths"]["/v1/more"] = document["paths"]["/v1/policy"]


def add_optional(document: Json) -> None:
    """A member may be sent."""
    schema(document, "EnrolIn")["properties"]["nickname"] = {"type": "string"}


def add_member_out(document: Json) -> None:
    """An answer has one member more."""
    schema(document, "CreatorOut")["properties"]["nickname"] = {"type": "string"}
    schema(document, "CreatorOut")["required"].append("nickname")


def lengthen(document: Json) -> None:
    """A text may be longer."""
    schema(document, "EnrolIn")["properties"]["display_name"]["maxLength"] = 2000


def add_problem(document: Json) -> None:
    """A problem has a new code."""
    schema(document, "Problem")["properties"]["code"]["enum"].append("new_problem")


def reword(document: Json) -> None:
    """Something is told otherwise."""
    enrolment(document)["summary"] = "Enrol."


HARMLESS = [add_operation, add_optional, add_member_out, lengthen, add_problem, reword]


@pytest.mark.parametrize("change", HARMLESS, ids=lambda change: change.__name__)
def test_more_is_no_break(contract: ModuleType, golden: Json, change: Callable[[Json], None]) -> None:
    """What a client need not know of may come."""
    new = copy.deepcopy(golden)
    change(new)
    assert golden != new
    assert contract.breaks(golden, new) == []
