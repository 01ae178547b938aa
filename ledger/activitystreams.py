"""ActivityStreams: collections of ActivityStreams 2.0, such as a Mastodon archive's outbox, as one creator's past.

What the creator published becomes posts; answers under the creator's own posts, and what others did with them, become
engagement. The rest is counted by reason and passed over: no text, title or picture is looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO, NamedTuple
from urllib.parse import urlsplit

import ijson

from ledger.formats import BadLine, Format, Item, Told, UnreadableFile, instant

COLLECTIONS = ("orderedItems", "items", "")  # the arrays that activities stand in; a bare array too
PUBLISHED = ("Note", "Article", "Video", "Audio", "Image", "Page", "Question", "Event", "Document")
SPONSORED = frozenset(("ad", "advert", "advertisement", "anzeige", "werbung", "sponsored", "paidpartnership"))
TOWARDS = {"Like": "like", "Announce": "share", "Follow": "follow"}
LONGEST_NAME = 2_048
DEEPEST = 100
STEPS = {"start_map": 1, "start_array": 1, "end_map": -1, "end_array": -1}
BOM = b"\xef\xbb\xbf"
_PERSON = re.compile(r"/(?:users/|@)([^/@]+)/?")
_MENTIONED = re.compile(r"@([^@\s]+)@([^@\s/]+)")

DIRECT = "messages to some people only"
THREAD = "parts of a thread of the creator's own"
ELSEWHERE = "answers elsewhere than under the creator's posts"
PAID = "posts tagged as sponsored: tell them as pitches, with their brand"
LINKED = "references without an act, as in likes.json and bookmarks.json"
FOREIGN = "acts of others that are not towards the creator"
AGAIN = "activities that are told twice"


class Act(NamedTuple):
    """What an activity says once nothing is left of it but ids. `kind` is a post or an act of engagement."""

    kind: str
    identity: str
    object: str = ""
    conversation: str = ""
    engager: str = ""


class Kept(NamedTuple):
    """An activity by its time and place: what it says, or why it is bad or ignored."""

    occurred_at_us: int
    number: int
    act: Act | None
    bad: str = ""
    ignored: str = ""


@dataclass(slots=True)
class Past:
    """What the creator published by now: ids, and the conversations that began with it."""

    posts: set[str] = field(default_factory=set)
    threads: set[str] = field(default_factory=set)
    told: set[str] = field(default_factory=set)


def activities(*, network: str, external_id: str, actor: str = "") -> Format:
    """Activities of, or towards, the creator with that id on that network.

    `actor` is the creator's address in the file; it may be left out where all activities are one actor's. Activities
    are sorted by time; of each no more is held than ids. `items` raises UnreadableFile.
    """
    key = f"{external_id}\0{actor}"
    return Format("activitystreams", lambda file: _items(file, external_id, actor), network=network, key=key)


def _items(file: BinaryIO, external_id: str, actor: str) -> Iterator[Item]:
    try:
        _check_depth(file)
        inside = _collection(file)
        creator = actor or _only_actor(file, inside)
        kept = [_kept(number, item, creator) for number, item in enumerate(_each(file, inside), start=1)]
    except ijson.JSONError as broken:
        why = broken.args[0] if broken.args else ""
        shown = why.decode("utf-8", "replace") if isinstance(why, bytes) else why
        raise UnreadableFile(f"not JSON throughout, so nothing was posted: {shown}") from broken
    kept.sort(key=lambda one: (one.occurred_at_us, one.number))
    past = Past()
    for one in kept:
        yield _item(one, past, external_id, creator)


def _start(file: BinaryIO) -> BinaryIO:
    file.seek(len(BOM) if file.seek(0) == 0 and file.read(len(BOM)) == BOM else 0)
    return file


def _check_depth(file: BinaryIO) -> None:
    """Raise UnreadableFile where the file is nested without end: where one stands in it would take all memory."""
    depth = 0
    for event, _ in ijson.basic_parse(_start(file), use_float=True):
        depth += STEPS.get(event, 0)
        if depth > DEEPEST:
            raise UnreadableFile(f"nested deeper than {DEEPEST} times, so nothing was posted")


def _collection(file: BinaryIO) -> str:
    """Where the activities stand. Raises UnreadableFile where the file is no collection."""
    for prefix, event, _ in ijson.parse(_start(file), use_float=True):
        if event == "start_array" and prefix in COLLECTIONS:
            return f"{prefix}.item" if prefix else "item"
    raise UnreadableFile("there is no orderedItems in it: it is no collection of activities")


def _each(file: BinaryIO, inside: str) -> Iterator[Any]:
    return iter(ijson.items(_start(file), inside, use_float=True))


def _only_actor(file: BinaryIO, inside: str) -> str:
    """Whose activities these are; empty where there is none. Raises UnreadableFile where there are several."""
    found = ""
    for item in _each(file, inside):
        actor = _id(item.get("actor")) if isinstance(item, dict) else ""
        if actor and found and actor != found:
            raise UnreadableFile(f"several act in it, such as {found} and {actor}: say which of them is the creator")
        found = found or actor
    return found


def _kept(number: int, item: Any, creator: str) -> Kept:
    """What is kept of an activity while the others are read."""
    if isinstance(item, str):
        return Kept(0, number, None, ignored=LINKED)
    if not isinstance(item, dict) or not isinstance(item.get("type"), str):
        return Kept(0, number, None, bad="is no activity: it has no type")
    try:
        said = _own(item, creator) if _id(item.get("actor")) == creator else _of_another(item, creator)
        if isinstance(said, str):
            return Kept(0, number, None, ignored=said)
        return Kept(_time(item), number, said)
    except BadLine as bad:
        return Kept(0, number, None, bad=str(bad))


def _own(item: dict[str, Any], creator: str) -> Act | str:
    """What the creator did, or why it is nothing for these books."""
    kind, said = item["type"], item.get("object")
    if kind != "Create":
        return f"{kind} by the creator"
    if not isinstance(said, dict):
        return "posts that are only linked to"
    if said.get("type") not in PUBLISHED:
        return f"Create of {str(said.get('type'))[:40]}"
    if not _is_public(item, said):
        return DIRECT
    named, thread = _id(said), _text(said.get("conversation")) or _text(said.get("context"))
    answered = _id(said.get("inReplyTo"))
    if not answered:
        return PAID if _is_paid(said) else Act("post", _identity(item), named, thread)
    if answered.startswith(f"{creator}/"):
        return THREAD
    return Act("answer", _identity(item), answered, thread, _answered(said, answered))


def _of_another(item: dict[str, Any], creator: str) -> Act | str:
    """What somebody else did, if it may be towards the creator; whether it is shows once all posts are known."""
    kind, said, by = item["type"], item.get("object"), _id(item.get("actor"))
    if not by:
        raise BadLine("is no activity: it has no actor")
    if kind == "Create" and isinstance(said, dict) and (answered := _id(said.get("inReplyTo"))):
        return Act("reply", _identity(item), answered, engager=person(by)) if _is_public(item, said) else DIRECT
    if kind not in TOWARDS:
        return FOREIGN
    if kind == "Follow" and _id(said) != creator:
        return FOREIGN
    return Act(TOWARDS[kind], _identity(item), _id(said), engager=person(by))


def _item(kept: Kept, past: Past, external_id: str, creator: str) -> Item:
    """A kept activity as an item, now that everything before it is known."""
    act = kept.act
    if act is None:
        return Item(kept.number, bad=kept.bad, ignored=kept.ignored)
    if act.identity in past.told:
        return Item(kept.number, ignored=AGAIN)
    if ignored := _why_not(act, past, creator):
        return Item(kept.number, ignored=ignored)
    past.told.add(act.identity)
    if act.kind == "post":
        past.posts.add(act.object)
        past.threads.add(act.conversation)
        return Item(kept.number, Told(external_id, "post", {}, kept.occurred_at_us, act.identity))
    facts: dict[str, object] = {"act": act.kind, "engager": act.engager}
    return Item(kept.number, Told(external_id, "engagement", facts, kept.occurred_at_us, act.identity))


def _why_not(act: Act, past: Past, creator: str) -> str:
    if act.kind == "answer":
        if not act.conversation or act.conversation not in past.threads:
            return ELSEWHERE
        return "" if act.engager else "answers to somebody whom they do not name"
    if act.kind in ("like", "share", "reply"):
        return "" if act.object in past.posts or act.object.startswith(f"{creator}/") else FOREIGN
    return ""


def _is_public(item: dict[str, Any], said: dict[str, Any]) -> bool:
    """Whether everyone, or all who follow, may read it."""
    told = [one for where in (item, said) for name in ("to", "cc") for one in _list(where.get(name))]
    return any(
        _id(one).rpartition("#")[2] in ("Public", "as:Public") or _id(one).endswith("/followers") for one in told
    )


def _is_paid(said: dict[str, Any]) -> bool:
    tags = (one.get("name") for one in _list(said.get("tag")) if isinstance(one, dict) and one.get("type") == "Hashtag")
    return any(isinstance(name, str) and name.lstrip("#").casefold() in SPONSORED for name in tags)


def _answered(said: dict[str, Any], answered: str) -> str:
    """Whom an answer is to: the one mentioned whose post it is, or the only one mentioned; empty where unclear."""
    mentions = [one for one in _list(said.get("tag")) if isinstance(one, dict) and one.get("type") == "Mention"]
    whose = [one for one in mentions if (address := _text(one.get("href"))) and answered.startswith(f"{address}/")]
    found = whose or mentions
    if len(found) != 1:
        return ""
    named = _MENTIONED.fullmatch(_text(found[0].get("name")))
    return f"{named[1]}@{named[2]}" if named else person(_text(found[0].get("href")))


def person(address: str) -> str:
    """A person's name from their address: name@host where it is told in one of the usual ways, else the address."""
    parts = urlsplit(address)
    named = _PERSON.fullmatch(parts.path)
    return f"{named[1]}@{parts.netloc}" if named else address[:200]


def _identity(item: dict[str, Any]) -> str:
    told = (item["type"], _id(item.get("actor")), _id(item.get("object")), str(item.get("published")))
    return _id(item) or "\0".join(told)


def _time(item: dict[str, Any]) -> int:
    said = item.get("object")
    told = item.get("published") or (said.get("published") if isinstance(said, dict) else None)
    if told is None:
        raise BadLine("does not say when it was published")
    return instant(_text(told))


def _id(value: Any) -> str:
    """The address of something that is told whole or by address alone; of the first where it is a list."""
    value = next(iter(value), None) if isinstance(value, list) else value
    return _text(value.get("id")) if isinstance(value, dict) else _text(value)


def _text(value: Any) -> str:
    """A text of bearable length that can be written as UTF-8; empty for anything else."""
    if not isinstance(value, str) or len(value) > LONGEST_NAME or any("\ud800" <= one <= "\udfff" for one in value):
        return ""
    return value


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
