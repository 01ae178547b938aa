"""What in a new OpenAPI document would break a client of the old one.

A client may send whatever the old document took, and may rely on whatever it promised in answers. More is no break: new
operations, new optional members in, new members and new problems out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Json = Mapping[str, Any]
METHODS = ("get", "put", "post", "patch", "delete")
CHOICES = ("oneOf", "anyOf")
# How a bound may move: of what is sent it may only widen, of what is answered only narrow.
UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")
LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems")
DEEPEST = 20


def breaks(old: Json, new: Json) -> list[str]:
    """Each break as a sentence; none where every client of the old document can go on."""
    return [
        f"{method.upper()} {path}: {what}"
        for path, item in old["paths"].items()
        for method in METHODS
        if method in item
        for what in _operation(Side(old), Side(new), item, new["paths"].get(path, {}), method)
    ]


class Side:
    """One document, whose references can be followed."""

    def __init__(self, document: Json) -> None:
        self.document = document

    def at(self, item: Any) -> Any:
        """What an item is, wherever it stands."""
        while isinstance(item, Mapping) and "$ref" in item:
            found: Any = self.document
            for part in item["$ref"].removeprefix("#/").split("/"):
                found = found[part.replace("~1", "/").replace("~0", "~")]
            item = found
        return item


def _operation(old: Side, new: Side, before: Json, after: Json, method: str) -> Iterator[str]:
    if method not in after:
        yield "is gone"
        return
    was, now = before[method], after[method]
    if was.get("operationId") != now.get("operationId"):
        yield f"is now called {now.get('operationId')}, which clients that are generated name it by"
    for scope in sorted(set(now.get("x-scopes", ())) - set(was.get("x-scopes", ()))):
        yield f"needs the scope {scope} too"
    yield from _parameters(old, new, _given(old, before, was), _given(new, after, now))
    yield from _body(old, new, was.get("requestBody"), now.get("requestBody"))
    yield from _answers(old, new, was["responses"], now["responses"])


def _given(side: Side, item: Json, operation: Json) -> dict[tuple[str, str], Json]:
    found = [side.at(each) for each in (*item.get("parameters", ()), *operation.get("parameters", ()))]
    return {(each["in"], each["name"]): each for each in found}


def _parameters(old: Side, new: Side, before: Mapping[Any, Json], after: Mapping[Any, Json]) -> Iterator[str]:
    for (where, name), parameter in after.items():
        if parameter.get("required") and not before.get((where, name), {}).get("required"):
            yield f"the {where} parameter {name} is required"
    for (where, name), parameter in before.items():
        if (where, name) not in after:
            yield f"the {where} parameter {name} is gone"
        else:
            yield from _sent(old, new, parameter["schema"], after[where, name]["schema"], name)


def _body(old: Side, new: Side, before: Any, after: Any) -> Iterator[str]:
    was, now = old.at(before) or {}, new.at(after) or {}
    if now.get("required") and not was.get("required"):
        yield "a body is required"
    for media, content in was.get("content", {}).items():
        if media not in now.get("content", {}):
            yield f"a body of {media} is no longer taken"
        else:
            yield from _sent(old, new, content.get("schema", {}), now["content"][media].get("schema", {}), "body")


def _answers(old: Side, new: Side, before: Json, after: Json) -> Iterator[str]:
    for status, told in before.items():
        if status not in after:
            if status < "400":
                yield f"no longer answers {status}"
            continue
        was, now = old.at(told), new.at(after[status])
        for header in sorted(set(was.get("headers", ())) - set(now.get("headers", ()))):
            yield f"the header {header} of {status} is gone"
        for media, content in was.get("content", {}).items():
            if media not in now.get("content", {}):
                yield f"no longer answers {status} as {media}"
            else:
                there = now["content"][media].get("schema", {})
                yield from _told(old, new, content.get("schema", {}), there, status)


# What is sent: all that was taken has to be taken still


def _sent(old: Side, new: Side, before: Any, after: Any, at: str, depth: int = 0) -> Iterator[str]:
    was, now = old.at(before), new.at(after)
    if depth > DEEPEST or was == now:
        return
    if _choices(was) or _choices(now):
        there = _choices(now) or [now]
        for number, choice in enumerate(_choices(was) or [was]):
            if not any(not list(_sent(old, new, choice, other, at, depth + 1)) for other in there):
                yield f"{at}: what was its choice {number + 1} is no longer taken"
        return
    yield from _narrower(was, now, at, "takes")
    for name in sorted(set(now.get("required", ())) - set(was.get("required", ()))):
        yield f"{at}/{name} is required"
    for name, schema in was.get("properties", {}).items():
        if name in now.get("properties", {}):
            yield from _sent(old, new, schema, now["properties"][name], f"{at}/{name}", depth + 1)
        elif now.get("additionalProperties", True) is False:
            yield f"{at}/{name} is no longer taken"
    if "items" in was:
        yield from _sent(old, new, was["items"], now.get("items", {}), f"{at}/*", depth + 1)


# What is answered: all that was promised has to be there still


def _told(old: Side, new: Side, before: Any, after: Any, at: str, depth: int = 0) -> Iterator[str]:
    was, now = old.at(before), new.at(after)
    if depth > DEEPEST or was == now:
        return
    if choices := _choices(now):
        for number, choice in enumerate(choices):
            if not any(not list(_told(old, new, one, choice, at, depth + 1)) for one in _choices(was) or [was]):
                yield f"{at}: its choice {number + 1} is none that was promised"
        return
    yield from _narrower(now, was, at, "may be")
    for name in sorted(set(was.get("required", ())) - set(now.get("required", ()))):
        yield f"{at}/{name} is no longer always there"
    for name, schema in was.get("properties", {}).items():
        if name in now.get("properties", {}):
            yield from _told(old, new, schema, now["properties"][name], f"{at}/{name}", depth + 1)
        else:
            yield f"{at}/{name} is gone"
    if "items" in was:
        yield from _told(old, new, was["items"], now.get("items", {}), f"{at}/*", depth + 1)


def _choices(schema: Json) -> Sequence[Any]:
    return next((schema[name] for name in CHOICES if name in schema), ())


def _narrower(wide: Json, narrow: Json, at: str, verb: str) -> Iterator[str]:
    """Where the second takes less than the first. In answers they change places: there, less is what was promised."""
    lost = _types(wide) - _types(narrow) if _types(narrow) else set()
    if lost or (_types(narrow) and not _types(wide)):
        yield f"{at} {verb} {_named(_types(wide))}, not {_named(_types(narrow))}"
    if "enum" in narrow and verb == "takes":  # a client has to bear new words in answers
        for word in sorted(str(each) for each in wide.get("enum", ["any"]) if each not in narrow["enum"]):
            yield f"{at} no longer takes {word}"
    for name in (*UPPER, *LOWER):
        if name in narrow and _is_tighter(name, wide.get(name), narrow[name]):
            yield f"{at} has a {name} of {narrow[name] if verb == 'takes' else wide.get(name)}"
    if verb == "takes" and narrow.get("pattern") not in (None, wide.get("pattern")):
        yield f"{at} has another pattern"
    if wide.get("format") != narrow.get("format") and narrow.get("format"):
        yield f"{at} has another format"


def _types(schema: Json) -> set[str]:
    told = schema.get("type", ())
    return {told} if isinstance(told, str) else set(told)


def _named(types: set[str]) -> str:
    return " or ".join(sorted(types)) or "anything"


def _is_tighter(name: str, wide: Any, narrow: Any) -> bool:
    return wide is None or (narrow < wide if name in UPPER else narrow > wide)
