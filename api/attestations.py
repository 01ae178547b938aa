"""Which accounts a network's partner knows to be somebody's own: told by the partner, counted, never listed."""

from __future__ import annotations

from functools import partial
from typing import Any

import marshmallow as ma
from flask import Response

from api import auth, conditional, encoding, fields, state
from api.blueprint import Blueprint
from api.creators import SLUG, SLUG_PATTERN
from ledger import attestations, notation
from ledger.attestations import MOST, Count
from ledger.errors import Forbidden

blp = Blueprint("attestations", __name__, description="Which accounts standing starts from.")


class NetworkIn(ma.Schema):
    """Which network."""

    network = ma.fields.String(required=True, validate=SLUG, metadata={**SLUG_PATTERN, "description": "its slug"})


class AttestationIn(NetworkIn):
    """Accounts by the network's own ids; only keyed hashes of them are kept."""

    accounts = ma.fields.List(fields.SafeString(), required=True, validate=ma.validate.Length(1, MOST))


class CountOut(fields.Shown):
    """For how many accounts a call changed who stands by them, and how many are attested now."""

    network = ma.fields.String(**fields.told("the network"))
    changed = ma.fields.Integer(**fields.told("accounts that this key now stands by, or no longer does"))
    attested = ma.fields.Integer(**fields.told("accounts attested now, by whomever"))


class NightOut(fields.Shown):
    """What the nightly job last found."""

    day = fields.Day(**fields.told("the day it was for"))
    accounts = ma.fields.Integer(**fields.told("accounts that standing reached"))
    edges = ma.fields.Integer(**fields.told("edges of the graph of who engages whom"))
    active = ma.fields.Integer(**fields.told("attested accounts that had done anything lately"))


class AttestationsOut(fields.Shown):
    """How far a network's standing reaches; `last_night` is null until the job has run."""

    network = ma.fields.String(**fields.told("the network"))
    attested = ma.fields.Integer(**fields.told("accounts attested now, by whomever"))
    last_night = ma.fields.Nested(NightOut(), **fields.told("what is in use"), allow_none=True)


TOLD = {"network": "youtube", "accounts": ["UC-fan-1", "UC-fan-2"]}
COUNTED = {"network": "youtube", "changed": 2, "attested": 812}
NIGHT = {"day": "2026-11-23", "accounts": 40_118, "edges": 310_552, "active": 640}


@blp.post("/v1/attestations")
@auth.requires("attestations:write", limit="batch")
@blp.arguments(AttestationIn(), example=TOLD)
@blp.response(200, CountOut(), example=COUNTED, description="Attested; those that were attested before stay so")
def post_attestations(given: dict[str, Any]) -> Response:
    """Attest accounts: people whom the network's partner knows to be real. Standing starts from them.

    From the next night on, engagers count by how far they stand from them. It can be sent again, and changes nothing.
    """
    ledger, key = state.ledger(), auth.current()
    own(given["network"])
    told = partial(attestations.attest, attested_by=key.owner, pepper=ledger.pepper, now_us=ledger.clock())
    return answer(ledger.database.write(partial(told, **given)))


@blp.delete("/v1/attestations")
@auth.requires("attestations:write")
@blp.arguments(AttestationIn(), example=TOLD)
@blp.response(200, CountOut(), example=COUNTED, description="Withdrawn; what was never attested is passed over")
def delete_attestations(given: dict[str, Any]) -> Response:
    """Withdraw one's own attestations, an operator everybody's, from the next night on.

    An account stays attested while another partner stands by it.
    """
    ledger, key = state.ledger(), auth.current()
    own(given["network"])
    whose = None if key.role == "operator" else key.owner
    gone = partial(attestations.withdraw, attested_by=whose, pepper=ledger.pepper)
    return answer(ledger.database.write(partial(gone, **given)))


@blp.get("/v1/attestations")
@auth.requires("attestations:write")
@blp.arguments(NetworkIn(), location="query")
@blp.alt_response(304, "NOT_MODIFIED")
@blp.response(200, AttestationsOut(), example={"network": "youtube", "attested": 812, "last_night": NIGHT})
def get_attestations(asked: dict[str, Any]) -> Response:
    """How many accounts of a network are attested, and how far standing reached last night. Nobody is named."""
    own(asked["network"], where="network")
    return conditional.answer(reach(asked["network"]))


def own(network: str, *, where: str = "/network") -> None:
    """Raise Forbidden, naming where it was asked, unless the key may act for the network."""
    if not auth.current().may_act_for(network):
        raise Forbidden(f"this key may not act for {network}", pointer=where)


def reach(network: str) -> dict[str, Any]:
    """A network's attestations as JSON carries them."""
    database = state.ledger().database
    attested = database.read(partial(attestations.count, network=network))
    night = database.read(partial(attestations.last_night, network=network))
    shown = night and {
        "day": notation.day(night.day),
        "accounts": night.accounts,
        "edges": night.edges,
        "active": night.active,
    }
    return {"network": network, "attested": attested, "last_night": shown}


def answer(count: Count) -> Response:
    """What a call changed."""
    return encoding.json_response({"network": count.network, "changed": count.changed, "attested": count.attested}, 200)
