"""The OpenAPI document and its page: whole, valid, and true to the kinds of event there are."""

import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import orjson
import pytest
from flask import Flask
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from ledger import kinds
from ledger.kinds.facts import Choice, Flag, Name, Share, Whole, fields_of
from ledger.settings import Settings
from tests.api_fixtures import Holder, event
from tests.judge import judge

Json = dict[str, Any]


@pytest.fixture
def api_settings(sqlite_url: str) -> Settings:
    """The document is the same on every engine: one is enough."""
    return Settings.model_validate({"database_url": sqlite_url, "pepper": "a pepper", "signing_key": "a key"})


@pytest.fixture
def document(client: Any) -> Json:
    """The document as it is served."""
    answer = client.get("/openapi.json")
    assert answer.mimetype == "application/json"
    found: Json = orjson.loads(answer.data)
    return found


def operations(document: Json) -> Iterator[tuple[str, Json]]:
    """Every operation by method and path, the path's own parameters among its parameters."""
    for path, item in document["paths"].items():
        shared = item.get("parameters", [])
        for method, operation in item.items():
            if method != "parameters":
                yield (
                    f"{method.upper()} {path}",
                    operation | {"parameters": [*shared, *operation.get("parameters", [])]},
                )


def resolved(document: Json, item: Json) -> Json:
    """What a $ref into the document names."""
    while "$ref" in item:
        found: Any = document
        for part in item["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        item = found
    return item


def contents(document: Json) -> Iterator[tuple[str, Json]]:
    """Every body that is documented, in and out, with where it stands."""
    for name, operation in operations(document):
        for media, content in operation.get("requestBody", {}).get("content", {}).items():
            yield f"{name} takes {media}", content
        for status, response in operation["responses"].items():
            for media, content in resolved(document, response).get("content", {}).items():
                yield f"{name} answers {status} {media}", content


def examples(content: Json) -> list[Any]:
    """The examples of a body."""
    return [item["value"] for item in content.get("examples", {}).values()] or [
        content[name] for name in ("example",) if name in content
    ]


def test_the_document_is_valid(document: Json) -> None:
    """It is OpenAPI 3.1 by the standard's own schema."""
    assert document["openapi"].startswith("3.1")
    assert [error.message for error in OPENAPI_31_VALIDATOR.iter_errors(document)] == []


def test_every_operation_says_what_it_does(document: Json) -> None:
    """A summary, a tag, and a name of its own."""
    told = list(operations(document))
    assert [name for name, operation in told if not operation.get("summary") or not operation.get("tags")] == []
    assert len({operation["operationId"] for _, operation in told}) == len(told)


def test_every_operation_documents_its_errors(document: Json) -> None:
    """500, 503 everywhere; with a key 401, 403, 404; with a body 400, 413, 415, 422; as problems or as Klout's."""
    for name, operation in operations(document):
        is_klout = " /v2/" in name  # which knew neither 401 nor problems
        expected = {"500", "503"}
        expected |= {"403", "404"} if operation["security"] else set()
        expected |= {"401"} if operation["security"] and not is_klout else set()
        expected |= {"400", "413", "415", "422"} if "requestBody" in operation else set()
        assert expected <= set(operation["responses"]), name
        for status in expected:
            content = resolved(document, operation["responses"][status])["content"]
            assert list(content) == [f"application/{'json' if is_klout else 'problem+json'}"], (name, status)


def test_every_body_has_an_example(document: Json) -> None:
    """Whatever is sent or answered is shown once."""
    assert [where for where, content in contents(document) if not examples(content)] == []


def test_every_example_has_a_name(document: Json) -> None:
    """The page of the document shows only examples that have one."""
    assert [where for where, content in contents(document) if "example" in content] == []


def test_whatever_is_made_says_where_it_is(document: Json) -> None:
    """What is made, and has an address to be read at, is answered with that address."""
    read = {path.split("/{")[0] for path, item in document["paths"].items() if "get" in item and path.endswith("}")}
    for name, operation in operations(document):
        made = operation["responses"].get("201")
        if made and name.removeprefix("POST ") in read:
            assert resolved(document, made)["headers"]["Location"]["required"], name


def test_every_scope_is_told(document: Json) -> None:
    """Which scopes an operation asks of a key stands in its description."""
    asked = [(operation["description"], scope) for _, operation in operations(document) for scope in scopes(operation)]
    assert asked
    assert [scope for told, scope in asked if f"`{scope}`" not in told] == []


def scopes(operation: Json) -> list[str]:
    """What an operation asks of a key."""
    found: list[str] = operation.get("x-scopes", [])
    return found


def test_no_schema_is_without_use(document: Json) -> None:
    """Each schema is spoken of somewhere in the document."""
    whole = orjson.dumps(document).decode()
    names = document["components"]["schemas"]
    assert [name for name in names if f'#/components/schemas/{name}"' not in whole] == []


def test_every_example_is_what_its_schema_says(document: Json) -> None:
    """An example that its own schema refuses would teach what does not work."""
    wrong = []
    for where, content in contents(document):
        schema = content["schema"] | {"components": document["components"]}
        validator = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
        wrong += [(where, error.message) for shown in examples(content) for error in validator.iter_errors(shown)]
    assert wrong == []


def test_every_parameter_is_explained(document: Json) -> None:
    """Each parameter of a path or query says what it is."""
    unsaid = [
        (name, parameter.get("name"))
        for name, operation in operations(document)
        for parameter in (resolved(document, item) for item in operation["parameters"])
        if not (parameter.get("description") or parameter["schema"].get("description"))
    ]
    assert unsaid == []


def test_the_document_knows_every_kind_of_event(document: Json) -> None:
    """One shape for each kind that partners tell, told apart by `kind`, with the facts of its dataclass alone."""
    schemas = document["components"]["schemas"]
    shapes = {item["properties"]["kind"]["const"]: item for item in schemas.values() if "const" in _kind(item)}
    assert set(shapes) == set(kinds.PUBLIC) == set(schemas["Event"]["discriminator"]["mapping"])
    for name, kind in kinds.PUBLIC.items():
        facts = shapes[name]["properties"]["facts"]
        fields = fields_of(kind.facts)
        assert list(facts["properties"]) == list(fields)
        assert facts.get("required", []) == [field for field, (_, required) in fields.items() if required]
        assert all(shown["type"] == _type(fields[field][0]) for field, shown in facts["properties"].items())


def _kind(schema: Json) -> Json:
    found: Json = schema.get("properties", {}).get("kind", {})
    return found


def _type(field: object) -> str:
    return {Whole: "integer", Flag: "boolean", Share: "string", Choice: "string", Name: "string"}[type(field)]


def test_the_examples_of_events_are_taken(partner: Holder, document: Json) -> None:
    """Every documented event goes through: posted, or refused for what the others leave behind."""
    (joined,) = examples(document["paths"]["/v1/creators"]["post"]["requestBody"]["content"]["application/json"])
    assert partner.post("/v1/creators", json=joined).status_code == 201
    shown = document["paths"]["/v1/events"]["post"]["requestBody"]["content"]["application/json"]["examples"]
    told = {name: partner.post("/v1/events", json=item["value"]) for name, item in shown.items()}
    refused = {name: answer.json["code"] for name, answer in told.items() if answer.status_code != 201}
    assert refused == {
        "evasion": "already_done",  # the breach of the examples is owned by their apology
        "dismissal": "illegal_transition",  # and their allegation is substantiated
        "outcome": "too_early",
        "exchange": "not_let_in",  # no brand was introduced
    }


def test_the_document_need_not_be_sent_twice(client: Any) -> None:
    """It has an ETag, and 304 for whoever holds it."""
    tag = client.get("/openapi.json").headers["ETag"]
    assert client.get("/openapi.json", headers={"If-None-Match": tag}).status_code == 304


def test_the_page_of_the_document_stands_alone(client: Any) -> None:
    """Its scripts are served from here, and nothing is fetched from elsewhere."""
    page = client.get("/docs")
    scripts = re.findall('src="([^"]+)"', page.text)
    assert len(scripts) == 2
    for script in scripts:
        with client.get(script) as served:
            assert served.status_code == 200
    assert "http" not in page.text
    assert 'load-fonts="false"' in page.text


def test_a_receipt_is_as_documented(partner: Holder, creator_id: str, document: Json) -> None:
    """What the hand-written answers hold is what their schemas say, batch and single."""
    schemas = {"components": document["components"]}
    told = [
        ("Receipt", partner.post("/v1/events", json=event()).json),
        ("BatchAnswer", partner.post("/v1/events/batch", json=[event(), event("e", kind="gift"), 5]).json),
    ]
    for name, answer in told:
        validator = jsonschema_rs.Draft202012Validator({"$ref": f"#/components/schemas/{name}", **schemas})
        assert [error.message for error in validator.iter_errors(answer)] == []


@pytest.mark.parametrize("name", ["Balances", "Book", "Label", "Record", "Entry", "Point", "Estimate", "Quantile"])
def test_every_member_of_an_answer_is_explained(document: Json, name: str) -> None:
    """No figure has to be guessed from its name."""
    members = document["components"]["schemas"][f"{name}Out"]["properties"]
    assert [member for member, told in members.items() if not told.get("description")] == []


def test_an_answer_that_is_not_documented_is_found(app: Flask, partner: Holder) -> None:
    """The judge of all other tests' answers finds a wrong status, a member that is missing, and a wrong type."""
    answer = partner.get("/v1/policy")
    body = answer.json

    def doctored(body: object, status: int = 200) -> Any:
        changed = answer.__class__(
            [orjson.dumps(body)], str(status), answer.headers, answer.request, content_type="application/json"
        )
        del changed.headers["Content-Length"]
        return changed

    judge(app, doctored(body))
    lacking = {name: value for name, value in body.items() if name != min(body)}
    for wrong in (doctored(body, 418), doctored(lacking), doctored(17)):
        with pytest.raises(AssertionError):
            judge(app, wrong)
