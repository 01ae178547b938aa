"""The rules, over HTTP."""

from typing import Any

from api.policy import PoliciesOut, PolicyOut
from ledger import policy, rules
from ledger.db import Database
from tests.api_fixtures import TODAY, Holder
from tests.desk import variant
from tests.test_api_balances import fields_of


def test_the_rules_in_force_name_their_sources(partner: Holder) -> None:
    """Every parameter comes with its value, unit, meaning and source."""
    told = partner.get("/v1/policy").json
    founding = policy.builtin()
    assert (told["in_force"]["version"], told["in_force"]["status"]) == (founding.version, "in_force")
    assert told["announced"] == []
    assert len(told["in_force"]["parameters"]) == len(founding.stated)
    assert all(all(parameter.values()) for parameter in told["in_force"]["parameters"])


def test_what_is_announced_is_told_before_it_counts(partner: Holder, books: Database) -> None:
    """A policy that takes effect next week is announced, and can be read whole."""
    coming = variant(("pitch.base", "0.06"), name="stricter")
    books.write(lambda session: rules.install(session, coming, effective_day=TODAY + 8, now_us=2))
    told = partner.get("/v1/policy").json
    assert [(one["name"], one["effective"]) for one in told["announced"]] == [("stricter", "2026-12-01")]
    assert told["in_force"]["name"] == "founding"
    whole = partner.get(f"/v1/policy/{coming.version}").json
    assert (whole["status"], value(whole, "pitch.base")) == ("announced", "0.06")


def value(told: dict[str, Any], key: str) -> str:
    """A parameter's value in a policy as JSON carries it."""
    return next(str(one["value"]) for one in told["parameters"] if one["key"] == key)


def test_the_rules_need_not_be_sent_twice(partner: Holder) -> None:
    """The same ETag: 304."""
    tag = partner.get("/v1/policy").headers["ETag"]
    assert partner.get("/v1/policy", headers={"If-None-Match": tag}).status_code == 304


def test_rules_that_are_not_there(partner: Holder, client: Any) -> None:
    """An unknown version is not found; without a key nothing is told."""
    assert partner.get("/v1/policy/0123456789abcdef").status_code == 404
    assert client.get("/v1/policy").status_code == 401


def test_the_rules_are_what_the_document_says(partner: Holder, books: Database) -> None:
    """Every field that is sent is documented, and the other way round."""
    coming = variant(("pitch.base", "0.06"), name="stricter")
    books.write(lambda session: rules.install(session, coming, effective_day=TODAY + 8, now_us=2))
    assert fields_of(PoliciesOut()) == fields_of(partner.get("/v1/policy").json)
    assert fields_of(PolicyOut()) == fields_of(partner.get(f"/v1/policy/{coming.version}").json)
