"""Accounts that a creator is found to have besides those they were enrolled with."""

from __future__ import annotations

from functools import partial
from typing import Any

import marshmallow as ma
from flask import Response
from sqlmodel import Session

from api import auth, creators, state
from api.blueprint import Blueprint
from api.conditional import TAG
from ledger import creators as people
from ledger.consents import Consent
from ledger.creators import AccountOf, Enrolled
from ledger.errors import Forbidden

blp = Blueprint("accounts", __name__, description="Further accounts of a creator who joined.")
TIKTOK = {
    "network": "tiktok",
    "external_id": "ada.draws",
    "followers": 900,
    "consent": {"at": "2026-11-20T09:00:00Z", "terms": "creators 3", "evidence": "signup-30977"},
}


class FurtherAccountIn(creators.AccountIn):
    """One more account, and the creator's consent to it."""

    consent = ma.fields.Nested(creators.ConsentIn(), required=True)


@blp.post("/v1/creators/<string:creator>/accounts", parameters=creators.NAMED)
@auth.requires("creators:write")
@blp.arguments(FurtherAccountIn(), example=TIKTOK)
@blp.alt_response(409, "CONFLICT")
@blp.alt_response(200, schema=creators.CreatorOut(), example=creators.SHOWN, description="Known before", headers=TAG)
@blp.response(201, creators.CreatorOut(), example=creators.SHOWN, headers=TAG, description="Added")
def post_account(given: dict[str, Any], creator: str) -> Response:
    """Add an account to a creator, with their consent to that.

    For whoever acts for the account's network and may change the creator: whose account it is, is the network's to say.
    """
    found, is_new = add(creators.writable(creator), given)
    return creators.answer(found, 201 if is_new else 200)


def add(found: Enrolled, given: dict[str, Any]) -> tuple[Enrolled, bool]:
    """Add an account; returns the creator, and whether it is new. Raises Forbidden, InvalidRequest, AccountTaken."""
    ledger, key, told = state.ledger(), auth.current(), given.pop("consent")
    account, now_us = AccountOf(**given), ledger.clock()
    if not key.may_act_for(account.network):
        raise Forbidden(f"this key may not say whose accounts of {account.network} are", pointer="/network")
    creators.check([account], told["at"], now_us)
    consent = Consent(told["at"], now_us, key.owner, told.get("terms", ""), told.get("evidence", ""))
    listed = creators.listing()

    def add_and_list(session: Session) -> bool:
        is_new = people.add_account(session, creator_id=found.creator_id, account=account, consent=consent)
        if is_new and found.findable:
            listed(session, creator_id=found.creator_id)
        return is_new

    is_new = ledger.database.write(add_and_list)
    return ledger.database.read(partial(people.get, creator_id=found.creator_id)), is_new
