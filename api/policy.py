"""The rules: in force, announced, and every one there ever was, with the source of each number."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask import Response

from api import auth, conditional, fields, state
from api.blueprint import Blueprint
from api.conditional import documented
from ledger import kinds, notation
from ledger import policy as policies
from ledger.economy import DAY_US
from ledger.errors import NotFound
from ledger.policy import Change, Policy

blp = Blueprint("policy", __name__, description="The rules, and where each number comes from.")
WHAT = {parameter.key: parameter.what for parameter in kinds.PARAMETERS}


class ParameterOut(ma.Schema):
    """A number of the economy: its value in its unit, what it does, and where it comes from."""

    key = ma.fields.String(required=True)
    value = ma.fields.String(required=True)
    unit = ma.fields.String(required=True)
    what = ma.fields.String(required=True)
    source = ma.fields.String(required=True)


class ChangeOut(ma.Schema):
    """A parameter of which a policy says otherwise than the one before it; null where one of them has none."""

    key = ma.fields.String(required=True)
    old = ma.fields.String(required=True, allow_none=True)
    new = ma.fields.String(required=True, allow_none=True)
    unit = ma.fields.String(required=True)
    source = ma.fields.String(required=True)


class PolicyOut(ma.Schema):
    """A policy, whole; `version` is the hash of its content, `changes` what differs from the one before it."""

    version = ma.fields.String(required=True)
    name = ma.fields.String(required=True)
    effective = fields.Day(required=True)
    status = ma.fields.String(required=True, validate=ma.validate.OneOf(["past", "in_force", "announced"]))
    changes = ma.fields.List(ma.fields.Nested(ChangeOut()), required=True)
    parameters = ma.fields.List(ma.fields.Nested(ParameterOut()), required=True)


class PoliciesOut(ma.Schema):
    """The policy in force, and those announced, soonest first."""

    in_force = ma.fields.Nested(PolicyOut(), required=True)
    announced = ma.fields.List(ma.fields.Nested(PolicyOut()), required=True)


@blp.get("/v1/policy")
@auth.requires("policy:read")
@documented(PoliciesOut())
def get_policies() -> Response:
    """The rules in force, and those announced."""
    shown = show_all()
    (in_force,) = (one for one in shown if one["status"] == "in_force")
    announced = [one for one in shown if one["status"] == "announced"]
    return conditional.answer({"in_force": in_force, "announced": announced})


@blp.get("/v1/policy/<string(length=16):version>")
@auth.requires("policy:read")
@documented(PolicyOut())
def get_policy(version: str) -> Response:
    """One policy, past, in force or announced."""
    for shown in show_all():
        if shown["version"] == version:
            return conditional.answer(shown)
    raise NotFound(f"no policy {version}")


def show_all() -> list[dict[str, Any]]:
    """Every policy as JSON carries it, in the order they take effect."""
    ledger = state.ledger()
    schedule = ledger.schedule()
    states = schedule.states(ledger.clock() // DAY_US)
    return [
        show(policy, from_day, told) | {"changes": _changes(schedule.before(policy.version), policy)}
        for (from_day, policy), told in zip(schedule.items, states, strict=True)
    ]


def _changes(former: Policy | None, policy: Policy) -> list[dict[str, Any]]:
    return [_change(one) for one in policies.changes(former, policy)] if former else []


def _change(one: Change) -> dict[str, Any]:
    old, new = one.old, one.new
    stated = new or old
    return {
        "key": one.key,
        "old": old.value if old else None,
        "new": new.value if new else None,
        "unit": stated.unit if stated else "",
        "source": stated.source if stated else "",
    }


def show(policy: Policy, from_day: int, status: str) -> dict[str, Any]:
    """A policy as JSON carries it."""
    parameters = [
        {
            "key": key,
            "value": stated.value,
            "unit": stated.unit,
            "what": WHAT.get(key, ""),
            "source": stated.source,
        }
        for key, stated in policy.stated.items()
    ]
    return {
        "version": policy.version,
        "name": policy.name,
        "effective": notation.day(from_day),
        "status": status,
        "parameters": parameters,
    }
