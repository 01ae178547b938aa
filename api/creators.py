"""Creators: enrolled with their consent by a partner, seen and changed by those who may."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import marshmallow as ma
from flask import Response

from api import auth, conditional, fields, state
from api.blueprint import Blueprint
from api.conditional import IF_MATCH, PLACE, TAG
from api.problems import InvalidRequest
from ledger import creators, listings, notation
from ledger.consents import LONGEST
from ledger.creators import AccountOf, Enrolled
from ledger.db import Session
from ledger.errors import Forbidden
from ledger.events import EARLIEST_US, SKEW_US
from ledger.kinds.pitch import MOST_FOLLOWERS

blp = Blueprint("creators", __name__, description="Creators who joined.")
SLUG = ma.validate.Regexp(r"^[a-z0-9][a-z0-9_-]{0,63}\Z", error="must be a slug: a to z, 0 to 9, - and _")
SLUG_PATTERN = {"pattern": "^[a-z0-9][a-z0-9_-]{0,63}$"}
VISIBILITIES = ("private", "public")
TOLD = ("display_name", "handle", "visibility", "findable", "topics")
UNKNOWN_ACCOUNT = "is no account of this creator"


class AccountIn(ma.Schema):
    """An account on a network, by the network's own id."""

    network = ma.fields.String(required=True, validate=SLUG, metadata=SLUG_PATTERN)
    external_id = fields.SafeString(required=True)
    followers = fields.JsonInteger(allow_none=True, validate=ma.validate.Range(0, MOST_FOLLOWERS))


class AccountPatch(AccountIn):
    """How many follow an account now."""

    followers = fields.JsonInteger(required=True, allow_none=True, validate=ma.validate.Range(0, MOST_FOLLOWERS))


class ConsentIn(ma.Schema):
    """When the creator agreed to be in the ledger, to what, and where the proof of it is."""

    at = fields.Instant(required=True)
    terms = fields.SafeString(longest=LONGEST, metadata={"description": "which terms they agreed to"})
    evidence = fields.SafeString(
        longest=LONGEST, metadata={"description": "your own reference to the proof, no personal data"}
    )


class ProfileIn(ma.Schema):
    """What a creator is called and shows."""

    display_name = fields.SafeString(required=True)
    visibility = ma.fields.String(
        validate=ma.validate.OneOf(VISIBILITIES), metadata={"description": "private unless the creator chose"}
    )
    findable = ma.fields.Boolean(
        truthy={True},
        falsy={False},
        metadata={"description": "listed where brands look for creators; false unless chosen, and for the public only"},
    )
    topics = ma.fields.List(
        fields.SafeString(longest=60), validate=ma.validate.Length(max=20), metadata={"uniqueItems": True}
    )

    @ma.validates("topics")
    def check_topics(self, topics: list[str], **_: object) -> None:
        """Each once, as topics are looked for: capitals make no other topic."""
        known = [listings.folded(topic) for topic in topics]
        for place, topic in enumerate(known):
            if topic in known[:place]:
                raise ma.ValidationError({place: ["is there already"]})


class EnrolIn(ProfileIn):
    """A creator to enrol."""

    handle = ma.fields.String(
        validate=SLUG, metadata={**SLUG_PATTERN, "description": "the name in the address of the creator's page"}
    )
    accounts = ma.fields.List(ma.fields.Nested(AccountIn()), required=True, validate=ma.validate.Length(1, 20))
    consent = ma.fields.Nested(ConsentIn(), required=True)


class CreatorPatch(ProfileIn):
    """What is to change; what is left out stays."""

    display_name = fields.SafeString()
    accounts = ma.fields.List(ma.fields.Nested(AccountPatch()), validate=ma.validate.Length(1, 20))


class AccountOut(fields.Shown):
    """An account of a creator's."""

    network = ma.fields.String(required=True)
    external_id = ma.fields.String(required=True)
    followers = ma.fields.Integer(required=True, allow_none=True)


class ConsentOut(fields.Shown):
    """The latest consent on record: whole for the creator, whoever recorded it, and who speaks for all of them."""

    at = fields.Instant(required=True)
    terms = ma.fields.String(allow_none=True)
    evidence = ma.fields.String(allow_none=True, metadata={"description": "a reference of whoever recorded it"})
    recorded_at = fields.Instant()
    recorded_by = ma.fields.String(metadata={"description": "the partner or operator who enrolled the creator"})


class CreatorOut(fields.Shown):
    """A creator."""

    creator = ma.fields.UUID(required=True)
    display_name = ma.fields.String(required=True)
    handle = ma.fields.String(required=True, allow_none=True)
    visibility = ma.fields.String(required=True, validate=ma.validate.OneOf(VISIBILITIES))
    findable = ma.fields.Boolean(required=True)
    topics = ma.fields.List(ma.fields.String(), required=True)
    accounts = ma.fields.List(ma.fields.Nested(AccountOut()), required=True)
    consent = ma.fields.Nested(ConsentOut(), required=True)
    enrolled_at = fields.Instant(required=True)


ADA = {
    "display_name": "Ada",
    "handle": "ada",
    "visibility": "public",
    "topics": ["engines"],
    "accounts": [{"network": "youtube", "external_id": "UC-ada", "followers": 50000}],
    "consent": {"at": "2026-11-01T09:00:00Z", "terms": "creators 3", "evidence": "signup-20611"},
}
RECORDED = {**ADA["consent"], "recorded_at": "2026-11-01T09:00:02Z", "recorded_by": "acme"}  # type: ignore[dict-item]
SHOWN = {
    "creator": "01936f2e-5b1c-7c3a-9f00-2b6f3c1d9e01",
    **ADA,
    "findable": False,
    "consent": RECORDED,
    "enrolled_at": "2026-11-01T09:00:02Z",
}
NAMED = [
    {
        "name": "creator",
        "in": "path",
        "required": True,
        "description": "the creator's UUID, or network:id as the network has it",
        "schema": {"type": "string", "minLength": 1},
        "example": "youtube:UC-ada",
    }
]


@blp.post("/v1/creators")
@auth.requires("creators:write")
@blp.arguments(EnrolIn(), example=ADA)
@blp.alt_response(409, "CONFLICT")
@blp.alt_response(
    200, schema=CreatorOut(), example=SHOWN, description="Enrolled before: the same creator", headers=TAG | PLACE
)
@blp.response(201, CreatorOut(), example=SHOWN, headers=TAG | PLACE, description="Enrolled")
def post_creator(given: dict[str, Any]) -> Response:
    """Enrol a creator, with their consent.

    The same accounts again give the same creator.
    """
    found, is_new = enrol(given)
    response = answer(found, 201 if is_new else 200)
    response.headers["Location"] = f"/v1/creators/{found.creator_id}"
    return response


@blp.get("/v1/creators/<string:creator>", parameters=NAMED)
@auth.requires("balances:read")
@blp.alt_response(304, "NOT_MODIFIED")
@blp.response(200, CreatorOut(), example=SHOWN, headers=TAG)
def get_creator(creator: str) -> Response:
    """Show a creator."""
    found = known(creator)
    return answer(found)


@blp.patch("/v1/creators/<string:creator>", parameters=NAMED)
@auth.requires("creators:write")
@blp.arguments(CreatorPatch(), example={"visibility": "public"})
@blp.doc(parameters=[IF_MATCH])
@blp.alt_response(412, "PRECONDITION_FAILED")
@blp.alt_response(428, "PRECONDITION_REQUIRED")
@blp.response(200, CreatorOut(), example=SHOWN, headers=TAG)
def patch_creator(given: dict[str, Any], creator: str) -> Response:
    """Change what a creator is called or shows, or how many follow an account."""
    found = writable(creator)
    conditional.check_match(tag(found), "the creator")
    return answer(amend(found, given))


def known(name: str) -> Enrolled:
    """The creator by that name, if the key may know of them. Raises UnknownCreator."""
    ref, key = auth.ref(name), auth.current()
    found = state.ledger().database.read(lambda session: creators.get(session, creators.find(session, ref)))
    networks = [account.network for account in found.accounts]
    if not auth.may_read(key, creator_id=found.creator_id, visibility=found.visibility, networks=networks):
        raise auth.refuse_unknown()
    return found


def writable(name: str) -> Enrolled:
    """The creator by that name, if the key may change them. Raises UnknownCreator or Forbidden."""
    found = known(name)
    if not may_change(found):
        raise Forbidden("this key may not change that creator")
    return found


def may_change(found: Enrolled) -> bool:
    """True where the key may change a creator: their own, or one that acts for a network of theirs."""
    key = auth.current()
    acts = any(key.may_act_for(account.network) for account in found.accounts)
    return acts or auth.is_self(key, found.creator_id)


def enrol(given: dict[str, Any]) -> tuple[Enrolled, bool]:
    """Enrol a creator; returns them, and whether they are new. Raises Forbidden, InvalidRequest, AccountTaken."""
    ledger, key = state.ledger(), auth.current()
    accounts = [AccountOf(**account) for account in given["accounts"]]
    now_us = ledger.clock()
    check(accounts, given["consent"]["at"], now_us)
    foreign = [item.network for item in accounts if not key.may_act_for(item.network)]
    if foreign:
        raise Forbidden(f"this key may not enrol creators of {foreign[0]}", pointer="/accounts")
    check_findable(given, visibility="private")
    told = {name: given[name] for name in TOLD if name in given}
    about = {name: given["consent"][name] for name in ("terms", "evidence") if name in given["consent"]}
    agreed = {"consent_at_us": given["consent"]["at"], "enrolled_by": key.owner, **about}
    listed = listing()

    def enrol_and_list(session: Session) -> tuple[str, bool]:
        creator_id, is_new = creators.enrol(session, accounts=accounts, now_us=now_us, **agreed, **told)
        if is_new and told.get("findable"):
            listed(session, creator_id=creator_id)
        return creator_id, is_new

    creator_id, is_new = ledger.database.write(enrol_and_list)
    return ledger.database.read(lambda session: creators.get(session, creator_id)), is_new


def check(accounts: list[AccountOf], consent_at_us: int, now_us: int) -> None:
    """Raise InvalidRequest for an account named twice, or a consent of the future or of long ago."""
    names = [(account.network, account.external_id) for account in accounts]
    wrong = [(f"/accounts/{place}", "is named twice") for place, name in enumerate(names) if name in names[:place]]
    if not EARLIEST_US <= consent_at_us <= now_us + SKEW_US:
        wrong.append(("/consent/at", "must not be before the year 2000 or in the future"))
    if wrong:
        raise InvalidRequest(wrong)


def check_findable(given: dict[str, Any], *, visibility: str) -> None:
    """Raise InvalidRequest for a creator who is to be found and is not public, as told or else as they are."""
    if given.get("findable") and given.get("visibility", visibility) != "public":
        raise InvalidRequest([("/findable", "must be false unless visibility is public")])


def amend(found: Enrolled, given: dict[str, Any]) -> Enrolled:
    """Change a creator as told; returns them as they are then. Raises Forbidden, InvalidRequest, Stale."""
    check_findable(given, visibility=found.visibility)
    check_opening(found, given)
    followers = counts(found, given.pop("accounts", []))
    is_listed = found.findable or bool(given.get("findable"))
    database, listed = state.ledger().database, listing()
    amended = partial(creators.amend, creator_id=found.creator_id, version=found.version)

    def amend_and_list(session: Session) -> None:
        amended(session, followers=followers, **given)
        if is_listed:
            listed(session, creator_id=found.creator_id)

    database.write(amend_and_list)
    return database.read(lambda session: creators.get(session, found.creator_id))


def check_opening(found: Enrolled, given: dict[str, Any]) -> None:
    """See that nobody opens books to the public that are another partner's too. Raises Forbidden."""
    networks = [account.network for account in found.accounts]
    is_opened = found.visibility != "public" and given.get("visibility") == "public"
    if is_opened and not auth.speaks_for_all(auth.current(), creator_id=found.creator_id, networks=networks):
        told = "only the creator, or whoever acts for all their networks, makes their books public"
        raise Forbidden(told, pointer="/visibility")


def listing() -> Callable[..., None]:
    """What lists a creator as they are now, or no more, in the transaction of what changed."""
    ledger = state.ledger()
    return partial(listings.refresh, now_us=ledger.clock(), schedule=ledger.schedule())


def counts(found: Enrolled, accounts: list[dict[str, Any]]) -> dict[tuple[str, str], int | None]:
    """Followers by account. Raises Forbidden, the size of an audience being a partner's to tell, or InvalidRequest."""
    held = {(account.network, account.external_id) for account in found.accounts}
    told = {(item["network"], item["external_id"]): item["followers"] for item in accounts}
    if not all(auth.current().may_act_for(network) for network, _ in told):  # first: what is not shown is not told
        raise Forbidden("only the network's partner may tell how many follow an account", pointer="/accounts")
    wrong = [
        (f"/accounts/{place}", UNKNOWN_ACCOUNT)
        for place, item in enumerate(accounts)
        if (item["network"], item["external_id"]) not in held
    ]
    if wrong:
        raise InvalidRequest(wrong)
    return told


def consent(found: Enrolled) -> dict[str, Any]:
    """The latest consent of a creator; who recorded it and the proof for whoever did, or speaks for all of them."""
    last, key = found.consents[-1], auth.current()
    shown: dict[str, Any] = {"at": notation.instant(last.given_at_us)}
    networks = [account.network for account in found.accounts]
    is_whole = auth.speaks_for_all(key, creator_id=found.creator_id, networks=networks)
    if is_whole or (may_change(found) and last.recorded_by == key.owner):
        shown |= {"terms": last.terms or None, "evidence": last.evidence or None}
        shown |= {"recorded_at": notation.instant(last.recorded_at_us), "recorded_by": last.recorded_by}
    return shown


def show_account(account: AccountOf) -> dict[str, Any]:
    """An account as JSON carries it."""
    return {"network": account.network, "external_id": account.external_id, "followers": account.followers}


def tag(found: Enrolled) -> str:
    """Whose version it is: an account leads to somebody else after an erasure, who is at the same versions."""
    return f"{found.creator_id[-12:]}.{found.version}"


def answer(found: Enrolled, status: int = 200) -> Response:
    """A creator as JSON, with their version as ETag. A partner sees a private creator's accounts with it only."""
    key = auth.current()
    is_open = found.visibility == "public" or auth.is_self(key, found.creator_id)
    shown = {
        "creator": found.creator_id,
        "display_name": found.display_name,
        "handle": found.handle,
        "visibility": found.visibility,
        "findable": found.findable,
        "topics": list(found.topics),
        "accounts": [show_account(item) for item in found.accounts if is_open or key.may_act_for(item.network)],
        "consent": consent(found),
        "enrolled_at": notation.instant(found.enrolled_at_us),
    }
    return conditional.versioned(shown, version=tag(found), status=status)
