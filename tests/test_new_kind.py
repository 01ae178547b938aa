"""A new kind of event needs its module, its parameters and a place in the tuple: nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import pytest

from api import create_app
from ledger import audit, creators, events, keys, kinds, policy, posting, queries, rules, settlement
from ledger.db import Database
from ledger.economy import DAY_US, PPM, Move, fade, scale
from ledger.events import CreatorRef
from ledger.kinds.base import Context, Factors, Kind, Line, LineKind
from ledger.kinds.facts import Whole
from ledger.policy import Parameter, Rates
from ledger.settings import Settings
from tests.api_fixtures import Holder

NOON = 20_700 * DAY_US + DAY_US // 2


@dataclass(frozen=True, slots=True)
class OpenHourFacts:
    """An hour in which anyone could ask the creator anything."""

    questions: Annotated[int, Whole(0, 100_000, "questions answered")] = 0


def price(facts: OpenHourFacts, context: Context) -> list[Line]:
    """A fixed credit, where anyone asked."""
    factors = {
        "credit": context.policy["open_hour.credit"],
        "allowed": PPM if facts.questions else 0,
        "late_days": context.late_days,
    }
    return [Line("open_hour", factors)]


def amounts(factors: Factors, rates: Rates) -> Move:
    """The credit, all of it fresh."""
    credit = scale(factors["credit"], factors["allowed"])
    return fade(Move(credit, credits=credit), factors["late_days"], rates)


CREDIT = Parameter("open_hour.credit", "trust", "0", "20", "credit for an open hour")
KIND = Kind("open_hour", "Open hour", OpenHourFacts, price, {"questions": 12}, (CREDIT,))
LINE = LineKind("open_hour", "Open hour", amounts, lambda facts, factors: "An open hour with your audience.")
PARAMETER = '\n[open_hour]\ncredit = { value = "3", unit = "trust", source = "Our assumption." }\n'


@pytest.fixture
def rulebook(monkeypatch: pytest.MonkeyPatch) -> policy.Policy:
    """A policy with the parameter of open hours, which have their place among the kinds."""
    monkeypatch.setitem(kinds.KINDS, KIND.name, KIND)
    monkeypatch.setitem(kinds.PUBLIC, KIND.name, KIND)
    monkeypatch.setitem(kinds.LINES, LINE.name, LINE)
    monkeypatch.setattr(kinds, "PARAMETERS", (*kinds.PARAMETERS, CREDIT))
    return policy.parse(policy.builtin().text + PARAMETER)


def test_a_kind_is_documented_taken_and_told_over_http(rulebook: policy.Policy, api_settings: Settings) -> None:
    """The service takes an open hour as its document shows it, and tells it on the statement under its title."""
    app = create_app(api_settings)
    books = app.extensions["trust_ledger"].database
    books.write(lambda session: rules.install(session, rulebook, effective_day=0, now_us=1))
    rights: dict[str, Any] = {"role": "operator", "owner": "ops", "pepper": b"a pepper for tests", "now_us": 1}
    rights |= {"scopes": keys.may_hold("operator")}
    secret, _ = books.write(lambda session: keys.create(session, **rights))
    operator = Holder(app.test_client(), secret)
    told = shown(operator)
    joined = {"display_name": "Ada", "accounts": [{"network": "youtube", "external_id": "UC-ada"}]}
    enrolled = operator.post("/v1/creators", json=joined | {"consent": {"at": "2026-01-01T00:00:00Z"}})
    assert enrolled.status_code == 201
    assert told["facts"] == {"questions": 12}
    assert operator.post("/v1/events", json=told).status_code == 201
    (line,) = operator.get("/v1/creators/youtube:UC-ada/entries").json["entries"]
    books.dispose()
    assert (line["kind"], line["title"], line["amount"]) == ("open_hour", "Open hour", "3.000000")
    assert line["reason"] == "An open hour with your audience."


def shown(client: Holder) -> dict[str, Any]:
    """The example of an open hour in the API's document, which happened just now."""
    document = client.get("/openapi.json").json
    schemas = document["components"]["schemas"]
    assert schemas["Event"]["discriminator"]["mapping"]["open_hour"] == "#/components/schemas/OpenHourEvent"
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    return {**schemas["OpenHourEvent"]["example"], "occurred_at": now}


def test_a_kind_is_priced_posted_settled_told_and_proved_by_its_module_alone(
    database: Database, rulebook: policy.Policy
) -> None:
    """An open hour is worth three trust on the statement, and the audit recomputes it."""
    schedule = policy.Schedule.of(rulebook)
    database.write(lambda session: rules.install(session, rulebook, effective_day=0, now_us=NOON))
    account = creators.AccountOf("video", "ada")
    creator_id, _ = database.write(
        lambda session: creators.enrol(
            session, display_name="Ada", accounts=[account], consent_at_us=NOON, enrolled_by="test", now_us=NOON
        )
    )
    told: dict[str, Any] = {"kind": "open_hour", "facts": {"questions": 12}, "occurred_at_us": NOON}
    event = events.new_event(
        creator="video:ada", meter=None, source="acme", external_ref="hour-1", pepper=b"pepper", **told
    )
    (receipt,) = database.write(
        lambda session: posting.post(session, events=[event], clock=lambda: NOON, schedule=schedule)
    )
    assert [(entry.kind, entry.amount) for entry in receipt.entries] == [("open_hour", 3_000_000)]
    tomorrow = NOON // DAY_US + 1
    settlement.settle(database, through_day=tomorrow, clock=lambda: NOON + DAY_US, schedule=schedule)
    with database.snapshot() as session:
        ref = CreatorRef(creator_id=creator_id)
        held = queries.balances(session, creator=ref, now_us=NOON + DAY_US, schedule=schedule)
        assert held.books[0].standing == 3_000_000 * 992_328 // PPM
        assert audit.verify(session, schedule=schedule).ok
