"""How events look in the OpenAPI document: one shape for each kind, derived from the dataclass of its facts."""

from __future__ import annotations

import dataclasses
from typing import Any

from apispec import APISpec

from api import cloudevents
from api.fields import VISIBLE
from ledger.economy import PPM
from ledger.events import REFERENCE
from ledger.kinds import PUBLIC as KINDS
from ledger.kinds.base import Kind
from ledger.kinds.facts import Choice, Field, Flag, Name, Share, Whole, fields_of, show_ppm

SHARE = r"^(0(\.[0-9]{1,6})?|1(\.0{1,6})?)$"
CREATOR = (
    r"^([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    r"|[a-z0-9][a-z0-9_-]{0,63}:[^\s\x00-\x1f\x7f]([^\x00-\x1f\x7f]{0,198}[^\s\x00-\x1f\x7f])?)$"
)
METER = r"^(network|brand):[a-z0-9][a-z0-9_-]{0,63}$"
AT = "2026-11-20T18:30:00Z"


def schema_of(field: Field) -> dict[str, Any]:
    """A field of facts as JSON Schema."""
    told: dict[str, Any] = {"description": field.what}
    if isinstance(field, Whole):
        return told | {"type": "integer", "minimum": field.low, "maximum": field.high}
    if isinstance(field, Share):
        exact = {"pattern": SHARE} if (field.low, field.high) == (0, PPM) else {}
        between = f" ({show_ppm(field.low)} to {show_ppm(field.high)}, at most six places)"
        return told | {"type": "string", "description": field.what + between, **exact}
    if isinstance(field, Choice):
        return told | {"type": "string", "enum": list(field.words)}
    if isinstance(field, Flag):
        return told | {"type": "boolean"}
    pattern = VISIBLE if field.pattern == Name("").pattern else f"^{field.pattern}$"
    return told | {"type": "string", "minLength": 1, "maxLength": field.longest, "pattern": pattern}


def facts_schema(kind: Kind) -> dict[str, Any]:
    """The facts of a kind as JSON Schema, with their defaults."""
    defaults: dict[str, Any] = {field.name: field.default for field in dataclasses.fields(kind.facts)}
    properties = {}
    for name, (field, required) in fields_of(kind.facts).items():
        properties[name] = schema_of(field)
        if not required and defaults[name] is not None:
            properties[name]["default"] = field.show(defaults[name])
    needed = [name for name, (_, required) in fields_of(kind.facts).items() if required]
    told: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    return told | ({"required": needed} if needed else {})


def event_schema(kind: Kind) -> dict[str, Any]:
    """An event of a kind as JSON Schema."""
    facts = facts_schema(kind)
    return {
        "type": "object",
        "title": kind.title,
        "description": (kind.facts.__doc__ or "").strip(),
        "additionalProperties": False,
        "required": ["creator", "kind", "external_ref", "occurred_at", *(["facts"] if "required" in facts else [])],
        "properties": {
            "creator": {
                "type": "string",
                "pattern": CREATOR,
                "description": "the creator's UUID, or network:id as the network has it",
            },
            "meter": {
                "type": ["string", "null"],
                "pattern": METER,
                "description": "whose trust it touches; the network of `creator` where left out",
            },
            "kind": {"const": kind.name},
            "external_ref": schema_of(REFERENCE),
            "occurred_at": {"type": "string", "format": "date-time", "description": "when, with Z or an offset"},
            "facts": facts,
        },
        "example": example(kind),
    }


def example(kind: Kind) -> dict[str, Any]:
    """An event of a kind as a partner might send it."""
    return {
        "creator": "youtube:UC-ada",
        **({} if "network" in kind.meters else {"meter": "brand:nike"}),
        "kind": kind.name,
        "external_ref": f"{kind.name}-1",
        "occurred_at": AT,
        "facts": dict(kind.example),
    }


def wrapped(kind: Kind) -> dict[str, Any]:
    """An event of a kind as a CloudEvent."""
    told = example(kind)
    envelope = {"specversion": "1.0", "source": "https://youtube.example/desk", "datacontenttype": "application/json"}
    told["kind"] = cloudevents.PREFIX + told["kind"]
    return envelope | {theirs: told[ours] for theirs, ours in cloudevents.MEMBERS.items() if ours in told}


def cloudevent_schema() -> dict[str, Any]:
    """A CloudEvent that this service takes, as JSON Schema."""
    kinds = [prefix + name for prefix in (cloudevents.PREFIX, "") for name in KINDS]
    forms = {
        name: {"type": ["string", "null"], "maxLength": cloudevents.LONGEST, "pattern": f"^{form.pattern}$"}
        for name, (form, _) in cloudevents.FORMS.items()
    }
    return {
        "type": "object",
        "description": "CloudEvents 1.0 in JSON; `data` holds the facts of the kind that `type` names",
        "required": ["specversion", "id", "source", "type", "subject", "time"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": schema_of(REFERENCE) | {"description": "the external_ref"},
            "type": {"type": "string", "enum": kinds, "description": "the kind, with or without the prefix"},
            "subject": {"type": "string", "pattern": CREATOR, "description": "the creator"},
            "time": {"type": "string", "format": "date-time", "description": "when it happened"},
            **forms,
            "source": forms["source"] | {"type": "string", "description": "looked at for its form; not kept"},
            "meter": {"type": ["string", "null"], "pattern": METER, "description": "an extension: the meter"},
            "data": {"type": ["object", "null"], "description": "the facts"},
        },
        "propertyNames": {"pattern": f"^{cloudevents.NAME}$"},
        "additionalProperties": {"type": ["string", "integer", "boolean", "null"]},
    }


def schema_name(kind: Kind) -> str:
    """What the schema of a kind's events is called: `UndisclosedPitchEvent`."""
    return kind.name.title().replace("_", "") + "Event"


def register(spec: APISpec) -> None:
    """Put the shapes of events and receipts into the document."""
    for kind in KINDS.values():
        spec.components.schema(schema_name(kind), event_schema(kind))
    refs = {kind.name: f"#/components/schemas/{schema_name(kind)}" for kind in KINDS.values()}
    spec.components.schema(
        "Event",
        {
            "oneOf": [{"$ref": ref} for ref in refs.values()],
            "discriminator": {"propertyName": "kind", "mapping": refs},
        },
    )
    spec.components.schema("CloudEvent", cloudevent_schema())
    spec.components.schema("Receipt", RECEIPT)
    spec.components.schema("BatchAnswer", BATCH_ANSWER)


_TRUST = {"type": "string", "pattern": r"^-?[0-9]+\.[0-9]{6}$", "description": "trust, six places"}
_POSTED = {
    "type": "object",
    "description": "a line that was written",
    "required": ["meter", "seq", "kind", "amount", "change", "standing"],
    "properties": {
        "meter": {"type": "string", "description": "the book it stands in"},
        "seq": {"type": "integer", "minimum": 1, "description": "its number in that book"},
        "kind": {"type": "string", "description": "of the line; an undisclosed_pitch is a `pitch` and a `breach` line"},
        "amount": _TRUST | {"description": "what the book gained: change of standing and of what mends together"},
        "change": _TRUST | {"description": "what standing did at once; the rest of the amount mends"},
        "standing": _TRUST | {"description": "standing after it, in trust"},
    },
}
RECEIPT: dict[str, Any] = {
    "type": "object",
    "description": "What became of an event.",
    "required": ["external_ref", "status"],
    "properties": {
        "external_ref": {"type": "string"},
        "status": {"enum": ["posted", "replayed", "refused"]},
        "event_id": {"type": "string", "format": "uuid"},
        "entries": {"type": "array", "items": _POSTED},
        "code": {"type": "string", "description": "why it was refused, stable"},
        "detail": {"type": "string", "description": "why it was refused, as a sentence"},
        "errors": {"type": "array", "items": {"$ref": "#/components/schemas/ProblemError"}},
    },
}
_LINE = {"type": "integer", "minimum": 1, "description": "line of the body, or place in the array"}
BATCH_ANSWER: dict[str, Any] = {
    "type": "object",
    "required": ["posted", "replayed", "refused", "results"],
    "properties": {
        "posted": {"type": "integer", "minimum": 0},
        "replayed": {"type": "integer", "minimum": 0},
        "refused": {"type": "integer", "minimum": 0},
        "results": {
            "type": "array",
            "items": {
                **RECEIPT,
                "required": ["line", "external_ref", "status"],
                "properties": {"line": _LINE, **RECEIPT["properties"]},
            },
        },
    },
}
_ENTRY = {
    "meter": "network:youtube",
    "seq": 1,
    "kind": "engagement",
    "amount": "5.000000",
    "change": "5.000000",
    "standing": "5.000000",
}
_RECEIPT = {
    "external_ref": "engagement-1",
    "status": "posted",
    "event_id": "01936f2e-5b1c-7c3a-9f00-2b6f3c1d9e01",
    "entries": [_ENTRY],
}
_REFUSED = {
    "line": 2,
    "external_ref": "pitch-1",
    "status": "refused",
    "code": "unknown_creator",
    "detail": "no creator youtube:nobody with a book network:youtube is enrolled",
    "errors": [],
}
_EXAMPLES = {kind.name: {"summary": kind.title, "value": example(kind)} for kind in KINDS.values()}
_BATCH = [example(KINDS["engagement"]), example(KINDS["pitch"])]
_CLOUD_EVENT = {"$ref": "#/components/schemas/CloudEvent"}
_CLOUD_EVENTS = {
    "schema": {"type": "array", "maxItems": 10_000, "items": _CLOUD_EVENT},
    "example": [wrapped(KINDS["engagement"]), wrapped(KINDS["pitch"])],
}
_LINES = {"posted": 1, "replayed": 0, "refused": 1, "results": [{"line": 1, **_RECEIPT}, _REFUSED]}


def _answer(what: str, schema: str, shown: object) -> dict[str, Any]:
    content = {"schema": {"$ref": f"#/components/schemas/{schema}"}, "example": shown}
    return {"description": what, "content": {"application/json": content}}


_RECEIPTS: dict[str, Any] = {
    "200": _answer("Posted before: the first answer again", "Receipt", _RECEIPT | {"status": "replayed"}),
    "201": _answer("Posted", "Receipt", _RECEIPT),
    "409": "CONFLICT",
}
SINGLE: dict[str, Any] = {"responses": _RECEIPTS}
_EITHER: dict[str, Any] = {
    "schema": {"anyOf": [{"$ref": "#/components/schemas/Receipt"}, {"$ref": "#/components/schemas/BatchAnswer"}]},
    "examples": {
        "replayed": {"summary": "Posted before", "value": _RECEIPT | {"status": "replayed"}},
        "batch": {"summary": "A batch of CloudEvents", "value": _LINES},
    },
}
ANY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/Event"}, "examples": _EXAMPLES},
            cloudevents.STRUCTURED: {"schema": _CLOUD_EVENT, "example": wrapped(KINDS["engagement"])},
            cloudevents.BATCHED: _CLOUD_EVENTS,
        },
    },
    "responses": {
        **_RECEIPTS,
        "200": {
            "description": "Posted before: the first answer again; or what became of each CloudEvent of a batch",
            "content": {"application/json": _EITHER},
        },
    },
}
BATCH: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "array",
                    "maxItems": 10_000,
                    "items": {"$ref": "#/components/schemas/Event"},
                },
                "example": _BATCH,
            },
            "application/x-ndjson": {
                "schema": {"type": "string", "description": "an event a line"},
                "example": '{"creator":"youtube:UC-ada","kind":"post","external_ref":"p-1","occurred_at":"'
                + AT
                + '"}\n',
            },
            cloudevents.BATCHED: _CLOUD_EVENTS,
        },
    },
    "responses": {"200": _answer("What became of each line", "BatchAnswer", _LINES)},
}
