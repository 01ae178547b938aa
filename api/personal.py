"""What is held of a creator, all of it for them to take along, or gone."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from flask import Response, stream_with_context

from api import auth, conditional, creators, state
from api.blueprint import Blueprint
from api.conditional import IF_GIVEN
from ledger import erasure, personal
from ledger.creators import Enrolled
from ledger.errors import Forbidden
from ledger.keys import Key

blp = Blueprint("personal", __name__, description="Everything held about a creator: to take along, or to erase.")
IN_MEMORY, CHUNK = 1 << 20, 1 << 16
HELD = {
    "about": {"creator": creators.SHOWN["creator"], "exported_at": "2026-11-23T16:00:00Z"},
    "profile": [{"creator_id": creators.SHOWN["creator"], "display_name": "Ada", "handle": "ada"}],
    "account": [{"network": "youtube", "external_id": "UC-ada", "followers": 50000}],
}
ANSWER = {
    "description": "Everything held about the creator: a list of rows for each table",
    "content": {"application/json": {"schema": {"type": "object"}, "example": HELD}},
    "headers": {"Content-Disposition": {"schema": {"type": "string"}, "description": "a name for the file"}},
}


@blp.get("/v1/creators/<string:creator>/export", parameters=creators.NAMED)
@auth.requires("statements:read", limit="batch")
@blp.doc(responses={200: ANSWER})
def get_export(creator: str) -> Response:
    """Everything held about a creator, in one document.

    For the creator, an operator, and a partner that acts for every network they are on.
    """
    return taken(spoken_for(creator))


@blp.delete("/v1/creators/<string:creator>", parameters=creators.NAMED)
@auth.requires("creators:erase")
@blp.doc(parameters=[IF_GIVEN])
@blp.alt_response(412, "PRECONDITION_FAILED")
@blp.response(204, description="Erased, now or before")
def delete_creator(creator: str) -> Response:
    """Erase a creator: names, texts, events and ties go, the books stay as nobody's.

    For the creator, an operator, and a partner that acts for every network they are on. It cannot be undone. To say
    it again use the UUID: it changes nothing.
    """
    if not erased_before(creator):
        erase(spoken_for(creator))
    return Response(status=204)


def spoken_for(name: str) -> Enrolled:
    """The creator by that name, if the key speaks for all of them. Raises UnknownCreator or Forbidden."""
    found = creators.known(name)
    networks = [account.network for account in found.accounts]
    if not auth.speaks_for_all(auth.current(), creator_id=found.creator_id, networks=networks):
        raise Forbidden("this key does not act for every network that the creator is on")
    return found


def erased_before(name: str) -> bool:
    """True where the creator of that UUID was erased at the word of whoever asks now, or where an operator asks."""
    ref, key = auth.ref(name), auth.current()
    if ref.creator_id is None:
        return False
    by = state.ledger().database.read(partial(erasure.by, creator_id=ref.creator_id))
    is_other = key.role == "creator" and key.owner != ref.creator_id
    return by is not None and not is_other and (key.is_everywhere or by == word_of(key))


def word_of(key: Key) -> str:
    """At whose word something is done, as it is kept: a creator's own without saying whose."""
    return key.role if key.role == "creator" else f"{key.role}:{key.owner}"


def erase(found: Enrolled) -> None:
    """Erase a creator. Raises Stale where another version was meant."""
    conditional.check_given(creators.tag(found), "the creator")
    ledger = state.ledger()
    schedule = ledger.schedule()
    told: dict[str, Any] = {"creator_id": found.creator_id, "erased_by": word_of(auth.current())}
    ledger.database.write(
        lambda session: erasure.erase(session, **told, pepper=ledger.pepper, clock=ledger.clock, schedule=schedule)
    )


def taken(found: Enrolled) -> Response:
    """Everything held about a creator as a file. It is gathered first: a slow reader holds no transaction open."""
    ledger = state.ledger()
    file = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - closed when it was sent
    told: dict[str, Any] = {"creator_id": found.creator_id, "pepper": ledger.pepper, "now_us": ledger.clock()}
    with ledger.database.snapshot() as session:
        file.writelines(personal.export(session, **told))
    file.seek(0)
    headers = {
        "Content-Disposition": f'attachment; filename="{found.creator_id}.json"',
        "Cache-Control": "private, no-store",
    }
    return Response(stream_with_context(chunks(file)), mimetype="application/json", headers=headers)


def chunks(file: IO[bytes]) -> Iterator[bytes]:
    """A file's content, a piece at a time."""
    with file:
        while found := file.read(CHUNK):
            yield found
