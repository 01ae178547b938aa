"""The rules: in force, announced, and every one there ever was, with the source of each number."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask import Response

from api import auth, conditional, fields, notation, state
from api.blueprint import Blueprint
from api.conditional import documented
from ledger import kinds
from ledger.economy import DAY_US
from ledger.errors import NotFound
from ledger.policy import Policy

blp = Blueprint("policy", __name__, description="The rules, and where each number comes from.")
WHAT = {parameter.key: parameter.what for parameter in kinds.PARAMETERS}


class ParameterOut(ma.Schema):
    """A number of the economy: its value in its unit, what it does, and where it comes from."""

    key = ma.fields.String(required=True)
    value = ma.fields.String(required=True)
    unit = ma.fields.String(required=True)
    what = ma.fields.String(required=True)
    source = ma.fields.String(required=True)


class PolicyOut(ma.Schema):
    """A policy, whole; `version` is the hash of its content."""

    version = ma.fields.String(required=True)
    name = ma.fields.String(required=True)
    effective = fields.Day(required=True)
    status = ma.fields.String(required=True, validate=ma.validate.OneOf(["past", "in_force", "announced"]))
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


@blp.get("/v1/policy/<version>")
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
    in_force = schedule.at(ledger.clock() // DAY_US)
    place = next(place for place, (_, policy) in enumerate(schedule.items) if policy is in_force)
    status = ["past"] * place + ["in_force"] + ["announced"] * (len(schedule.items) - place - 1)
    return [show(policy, from_day, told) for (from_day, policy), told in zip(schedule.items, status, strict=True)]


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
