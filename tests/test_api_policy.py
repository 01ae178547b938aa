"""The rules, over HTTP."""

import json
import re
from importlib import resources
from typing import Any

import pytest
from flask import Flask

from api import simulations
from api.policy import PoliciesOut, PolicyOut
from api.simulations import ShiftOut, SimulationOut
from ledger import db, markers, notation, policy, rules, settlement, tables
from ledger.db import Database
from ledger.policy import Policy, Schedule
from tests.api_fixtures import NOW_US, TODAY, Clock, Holder, event
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


def test_the_examples_show_the_founding_policy(partner: Holder) -> None:
    """What the document shows of the rules is what is answered of them; every example names their version."""
    document = partner.get("/openapi.json").data
    shown = json.loads(resources.files("api").joinpath("examples.json").read_bytes())
    told = partner.get("/v1/policy").json["in_force"]
    for example in (shown["policy_get_policies"]["answer"]["in_force"], shown["policy_get_policy"]["answer"]):
        stated = {one["key"]: one for one in told["parameters"]}
        assert example == told | {"parameters": [stated[one["key"]] for one in example["parameters"]]}
    assert set(re.findall(rb'"policy_version":"([^"]+)"', document)) == {told["version"].encode()}


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


def test_what_a_policy_changes_is_told(partner: Holder, books: Database) -> None:
    """Each number that differs from the policy before, with both values and where the new one comes from."""
    coming = variant(("pitch.base", "0.06"), name="stricter")
    announce(books, coming, TODAY + 8)
    told = partner.get("/v1/policy").json
    source = policy.builtin().stated["pitch.base"].source
    change = {"key": "pitch.base", "old": "0.05", "new": "0.06", "unit": "share", "source": source}
    assert (told["in_force"]["changes"], told["announced"][0]["changes"]) == ([], [change])


def test_the_rules_are_what_the_document_says(partner: Holder, books: Database) -> None:
    """Every field that is sent is documented, and the other way round."""
    coming = variant(("pitch.base", "0.06"), name="stricter")
    announce(books, coming, TODAY + 8)
    told = partner.get("/v1/policy").json
    told["in_force"] = told["announced"][0]  # the founding policy changes nothing: it is the first
    assert fields_of(PoliciesOut()) == fields_of(told)
    assert fields_of(PolicyOut()) == fields_of(partner.get(f"/v1/policy/{coming.version}").json)


def announce(books: Database, coming: Policy, day: int, now_us: int = NOW_US) -> None:
    """Announce a policy."""
    books.write(lambda session: rules.install(session, coming, effective_day=day, now_us=now_us))


# The past stays as it was


def test_a_new_policy_changes_no_answer_about_the_past(
    app: Flask, partner: Holder, books: Database, creator_id: str, clock: Clock
) -> None:
    """Whatever was told of a day before is told the same, byte for byte, once other rules are in force."""
    tell_history(partner, clock)
    before = {path: partner.get(path).data for path in past_paths()}
    stricter = variant(
        ("pitch.base", "0.1"), ("decay.fresh_half_life", "30"), ("breach.severity_2", "0.15"), name="stricter"
    )
    announce(books, stricter, TODAY + 8)
    assert markers.mark(books, clock=clock, schedule=schedule_of(books)) == 1
    clock.pass_days(8)
    refresh(app)
    assert partner.get("/v1/policy").json["in_force"]["name"] == "stricter"
    answer = partner.post("/v1/events", json=reported("pitch", "after", 8, brand="nike", disclosure="clear"))
    assert answer.json["status"] == "posted"
    settlement.settle(books, through_day=TODAY + 8, clock=clock, schedule=schedule_of(books))
    assert {path: partner.get(path).data for path in past_paths()} == before
    (latest,) = partner.get("/v1/creators/youtube:ada/entries?limit=1&kind=pitch").json["entries"]
    assert latest["policy_version"] == stricter.version


def test_a_statement_tells_of_the_rules_to_come(
    app: Flask, partner: Holder, books: Database, creator_id: str, clock: Clock
) -> None:
    """One line of no amount says from when, and where they are to be read; told again, it stays one."""
    partner.post("/v1/events", json=reported("post", "o", 0))
    coming = variant(("pitch.base", "0.06"), name="stricter")
    announce(books, coming, TODAY + 8)
    schedule = schedule_of(books)
    assert [markers.mark(books, clock=clock, schedule=schedule) for _ in range(2)] == [1, 0]
    line, *_ = partner.get("/v1/creators/youtube:ada/entries").json["entries"]
    assert (line["kind"], line["amount"]) == ("policy_marker", "0.000000")
    assert "1 December 2026" in line["reason"]
    assert f"/v1/policy/{coming.version}" in line["reason"]


def tell_history(partner: Holder, clock: Clock) -> None:
    """Ten days of Ada's, with something of most kinds."""
    clock.pass_days(-10)
    for day in range(-10, -4):
        for fan in range(3):
            tell(partner, reported("engagement", f"e{day}{fan}", day, act="reply", engager=f"fan {fan}"))
        clock.pass_days(1)
    tell(partner, reported("pitch", "p", -4, brand="nike", disclosure="vague", fit="0.4"))
    tell(partner, reported("breach", "b", -4, severity=2))
    clock.pass_days(2)
    tell(partner, reported("apology", "a", -2, breach="b", responsibility=True, regret=True))
    tell(partner, reported("undisclosed_pitch", "x", -2, brand="puma"))
    tell(partner, reported("reversal", "r", -2, event="e-61"))
    clock.pass_days(2)


def tell(partner: Holder, body: dict[str, Any]) -> None:
    """Report an event, which is taken."""
    answer = partner.post("/v1/events", json=body)
    assert answer.json["status"] == "posted", answer.json


def reported(kind: str, ref: str, day: int, **facts: Any) -> dict[str, Any]:
    """An event of a kind at noon, so many days from today."""
    return event(ref, kind=kind, occurred_at=f"{notation.day(TODAY + day)}T12:00:00Z", facts=facts)


def past_paths() -> list[str]:
    """Every question about Ada's first ten days, as of their end or within it."""
    ada, first, last = "/v1/creators/youtube:ada", notation.day(TODAY - 10), notation.day(TODAY - 1)
    moments = [f"{notation.day(TODAY + day)}T23:00:00Z" for day in range(-10, 0)]
    lines = [f"{ada}/entries/network:youtube/{seq}" for seq in range(1, 30)]
    spans = [f"{ada}/history?from={first}&to={last}&interval={each}" for each in ("day", "week")]
    return [*(f"{ada}/balance?as_of={moment}" for moment in moments), *lines, *spans]


def schedule_of(books: Database) -> Schedule:
    """The rules as they are stored."""
    with books.reading() as session:
        return rules.schedule(session)


def refresh(app: Flask) -> None:
    """Look the rules up again now, as a worker does every two seconds."""
    app.extensions["trust_ledger"]._checked = -10.0


# Tried before it is announced


def test_an_operator_tries_a_policy_on_the_real_books(
    operator: Holder, partner: Holder, clock: Clock, creator_id: str, books: Database
) -> None:
    """The answer says for whom what would change; the policy in force changes nothing, and nothing is written."""
    tell_history(partner, clock)
    rows = everything(books)
    told = operator.post("/v1/policy/simulations", json={"policy": variant(("pitch.base", "0.1"), name="x").text}).json
    same = operator.post("/v1/policy/simulations", json={"policy": policy.builtin().text}).json
    assert (told["books"], told["down"], same["same"], same["losses"]) == (1, 1, 1, [])
    (loss,) = told["losses"]
    balance = partner.get("/v1/creators/youtube:ada/balance").json
    assert (loss["creator_id"], loss["standing"]) == (creator_id, balance["total"]["standing"])
    assert float(loss["would_stand"]) < float(loss["standing"])
    assert everything(books) == rows


def everything(books: Database) -> dict[str, list[db.Row]]:
    """All rows of all tables but those that any request may touch: its quota, and when its key was last used."""
    names = tables.METADATA.tables.keys() - {"quota", "api_key"}
    with books.reading() as session:
        return {name: sorted(db.fetch(session, f"SELECT * FROM {name}"), key=repr) for name in names}


def test_a_simulation_is_what_the_document_says(
    operator: Holder, partner: Holder, clock: Clock, creator_id: str
) -> None:
    """Every field that is sent is documented, and the other way round."""
    tell_history(partner, clock)
    dearer = variant(("pitch.base", "0.1"), ("outcome.days", "60"), name="dearer")
    told = operator.post("/v1/policy/simulations", json={"policy": dearer.text, "from": "2026-11-01"}).json
    assert (told["from"], told["version"]) == ("2026-11-01", dearer.version)
    assert {*SimulationOut().fields, "from"} - {"from_day"} == set(told)
    assert set(ShiftOut().fields) == set(told["losses"][0])


def test_no_policy_is_tried_on_days_to_come(operator: Holder) -> None:
    """A first day that has not begun is refused by pointer."""
    refused = operator.post("/v1/policy/simulations", json={"policy": policy.builtin().text, "from": "2199-01-01"})
    assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (422, "/from")


def test_a_policy_that_breaks_a_law_is_not_tried(operator: Holder) -> None:
    """Each law that it breaks is told; what is no policy at all, too."""
    broken = variant(("breach.severity_1", "0.15"), name="broken")
    refused = operator.post("/v1/policy/simulations", json={"policy": broken.text})
    assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (422, "/policy")
    assert "a graver breach must never cost less" in refused.json["errors"][0]["detail"]
    for text in ("no toml", f"name = {'[' * 9_000}"):
        assert operator.post("/v1/policy/simulations", json={"policy": text}).status_code == 422


@pytest.mark.parametrize("bound", ["MOST_BOOKS", "MOST_EVENTS"])
def test_what_takes_too_long_is_for_the_command(
    partner: Holder, operator: Holder, creator_id: str, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    """Beyond what can be answered at once, the refusal names the command; events that made no entry count, too."""
    refused = partner.post("/v1/events", json=event(kind="apology", facts={"breach": "nothing"}))
    assert refused.json["code"] == "unknown_reference"
    monkeypatch.setattr(simulations, bound, 0)
    refused = operator.post("/v1/policy/simulations", json={"policy": policy.builtin().text})
    assert refused.status_code == 422
    assert "run trust-ledger policy simulate" in refused.json["detail"]
