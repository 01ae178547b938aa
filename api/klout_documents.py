"""What Klout's clients understand: shapes of answers and errors.

The shapes are those that the Klout Partner API v2 was recorded with: scores are JSON numbers, ids are texts.
"""

from __future__ import annotations

import http
from typing import Any

import marshmallow as ma

from api import fields
from api.blueprint import PROBLEM_EXAMPLES, Blueprint
from api.encoding import JSON
from api.problems import KLOUT_DENIED, title

NUMBER = {"type": "string", "pattern": "^[0-9]{1,16}$"}
SAID = {400: "the request could not be read", 403: KLOUT_DENIED, 422: "screenName is required"}


class KloutDeltas(fields.Shown):
    """How a score moved, in points."""

    dayChange = ma.fields.Float(**fields.told("since a day ago"))  # noqa: N815 - Klout's own names, here and below
    weekChange = ma.fields.Float(**fields.told("since 7 days ago"))  # noqa: N815
    monthChange = ma.fields.Float(**fields.told("since 30 days ago"))  # noqa: N815


class KloutScoreInside(fields.Shown):
    """A score inside a user."""

    score = ma.fields.Float(**fields.told("1 to 100"))
    bucket = ma.fields.String(**fields.told("the stretch of ten that the score lies in, such as 90-100"))


class KloutScoreOut(KloutScoreInside):
    """A score by itself; its changes have another name than inside a user."""

    scoreDelta = ma.fields.Nested(KloutDeltas(), **fields.told("how the score moved"))  # noqa: N815


class KloutUserOut(fields.Shown):
    """A creator as Klout's clients see one."""

    kloutId = ma.fields.String(  # noqa: N815
        required=True, metadata={**NUMBER, "description": "the creator's number, at random and for good"}
    )
    nick = ma.fields.String(**fields.told("the creator's handle, or else their name"))
    score = ma.fields.Nested(KloutScoreInside(), **fields.told("the score"))
    scoreDeltas = ma.fields.Nested(KloutDeltas(), **fields.told("how the score moved"))  # noqa: N815


class KloutTopicOut(fields.Shown):
    """A topic that the creator declared."""

    id = ma.fields.String(**fields.told("the same wherever this topic is declared"))
    displayName = ma.fields.String(**fields.told("as the creator wrote it"))  # noqa: N815
    name = ma.fields.String(**fields.told("as the creator wrote it"))
    slug = ma.fields.String(**fields.told("lower case, words joined by hyphens"))
    imageUrl = ma.fields.String(**fields.told("the ledger's own mark: topics have no pictures here"))  # noqa: N815
    topicType = ma.fields.String(**fields.told("always sub"))  # noqa: N815


class KloutEntityOut(fields.Shown):
    """A user behind a number."""

    id = ma.fields.String(required=True, metadata={**NUMBER, "description": "the creator's number"})
    payload = ma.fields.Nested(KloutUserOut(), **fields.told("the user"))


class KloutInfluencerOut(fields.Shown):
    """One of those who influence, or are influenced."""

    entity = ma.fields.Nested(KloutEntityOut(), **fields.told("who"))


class KloutInfluenceOut(fields.Shown):
    """Who influences a creator and whom the creator influences: enrolled creators that this key may know of."""

    myInfluencers = ma.fields.List(  # noqa: N815
        ma.fields.Nested(KloutInfluencerOut()), **fields.told("the five whom the creator engages with most")
    )
    myInfluencees = ma.fields.List(  # noqa: N815
        ma.fields.Nested(KloutInfluencerOut()), **fields.told("the five who engage most with the creator")
    )
    myInfluencersCount = ma.fields.Integer(**fields.told("how many there are in all"))  # noqa: N815
    myInfluenceesCount = ma.fields.Integer(**fields.told("how many there are in all"))  # noqa: N815


class KloutIdentityOut(fields.Shown):
    """An id and whose it is: ks for Klout's numbers, or a network."""

    id = ma.fields.String(**fields.told("the id there"))
    network = ma.fields.String(**fields.told("ks, or the network as it was asked for"))


class KloutError(fields.Shown):
    """An error as Klout told it."""

    error = ma.fields.Integer(**fields.told("the HTTP status"))
    description = ma.fields.String(**fields.told("what happened"))


class KloutBlueprint(Blueprint):
    """Operations whose key may come in the query, and whose errors have Klout's shape."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._prepare_doc_cbks.append(_klout_doc)


def _klout_doc(doc: dict[str, Any], _: dict[str, Any], **__: Any) -> dict[str, Any]:
    doc["security"] = [{"key": []}, {"klout_key": []}]
    doc["responses"].pop(401)  # told as 403, which is what Klout's clients know
    for status in list(doc["responses"]):
        if int(status) >= 400:
            doc["responses"][status] = _error(int(status))
    return doc


def _error(status: int) -> dict[str, Any]:
    told = PROBLEM_EXAMPLES.get(status, ("", http.HTTPStatus(status).phrase))[1]
    example = {"error": status, "description": SAID.get(status, told)}
    error: dict[str, Any] = {
        "description": title(status),
        "content": {JSON: {"schema": KloutError(), "example": example}},
    }
    if status in (429, 503):
        error["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "seconds"}}
    return error
