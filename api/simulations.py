"""Simulations over HTTP: what a policy would change, for whom, in books few enough to be answered at once."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask import Response

from api import auth, encoding, fields, state
from api.blueprint import Blueprint
from api.problems import InvalidRequest
from ledger import notation, policy, simulation, soundness
from ledger.economy import DAY_US
from ledger.errors import Forbidden
from ledger.policy import Policy
from ledger.simulation import Question
from ledger.simulation_report import Example, Report, Shift

blp = Blueprint("simulations", __name__, description="What other rules would change.")
MOST_BOOKS, MOST_ENTRIES, MOST_EVENTS, LONGEST_POLICY = 500, 20_000, 20_000, 100_000


class SimulationIn(ma.Schema):
    """A policy to try."""

    policy = ma.fields.String(
        required=True,
        validate=ma.validate.Length(1, LONGEST_POLICY),
        metadata={"description": "its text, in TOML, as `trust-ledger policy show --as-toml` writes it"},
    )
    from_day = fields.Day(
        data_key="from", metadata={"description": "the first day that it prices, that of the policy in force if absent"}
    )


class ShiftOut(fields.Shown):
    """What one book holds, and what it would hold."""

    creator_id = ma.fields.UUID(**fields.told("whose book"))
    meter = ma.fields.String(**fields.told("which"))
    standing = fields.Trust(**fields.told("what it holds"))
    would_stand = fields.Trust(**fields.told("what it would hold"))
    points = fields.Trust(**fields.told("what its meter shows, 0 to 100"))
    would_show = fields.Trust(**fields.told("what its meter would show"))
    label = ma.fields.String(**fields.told("its label, empty for a brand's book"))
    would_be = ma.fields.String(**fields.told("the label it would have"))
    refused = ma.fields.Integer(**fields.told("events of the book that would be refused: the change is without them"))


class MoveOut(fields.Shown):
    """How many books have a label, and would have another, or the same."""

    label = ma.fields.String(**fields.told("the label they have"))
    would_be = ma.fields.String(**fields.told("the one they would have"))
    books = ma.fields.Integer(**fields.told("how many"))


class ExampleOut(fields.Shown):
    """An event that would be refused or accepted where it was not."""

    how = ma.fields.String(**fields.told("refused or accepted"))
    creator_id = ma.fields.UUID(**fields.told("whose"))
    source = ma.fields.String(**fields.told("who told of it"))
    external_ref = ma.fields.String(**fields.told("as what"))
    kind = ma.fields.String(**fields.told("the kind of event"))
    why = ma.fields.String(**fields.told("why it would be, or was, refused"))


class SimulationOut(fields.Shown):
    """What the policy would change. Deciles go from the least to the most: eleven values, none without books."""

    version = ma.fields.String(**fields.told("the policy that was tried"))
    from_day = fields.Day(data_key="from", **fields.told("the first day it priced"))
    at = fields.Instant(**fields.told("the moment up to which"))
    creators = ma.fields.Integer(**fields.told("creators looked at"))
    books = ma.fields.Integer(**fields.told("their books that hold anything"))
    events = ma.fields.Integer(**fields.told("events priced anew"))
    up = ma.fields.Integer(**fields.told("books that would hold more"))
    down = ma.fields.Integer(**fields.told("books that would hold less"))
    same = ma.fields.Integer(**fields.told("books that would hold the same"))
    standing_deciles = ma.fields.List(fields.Trust(), **fields.told("change of standing by tenths of the books"))
    points_deciles = ma.fields.List(fields.Trust(), **fields.told("change of the meter by tenths of the books"))
    labels = ma.fields.List(ma.fields.Nested(MoveOut()), **fields.told("networks' books by label"))
    gains = ma.fields.List(ma.fields.Nested(ShiftOut()), **fields.told("the ten books that would gain most"))
    losses = ma.fields.List(ma.fields.Nested(ShiftOut()), **fields.told("the ten books that would lose most"))
    refused = ma.fields.Integer(**fields.told("events posted that would be refused"))
    accepted = ma.fields.Integer(**fields.told("events refused that would be posted"))
    examples = ma.fields.List(ma.fields.Nested(ExampleOut()), **fields.told("ten of these at most"))


ASKED = {"policy": 'name = "stricter"\n[pitch]\nbase = { value = "0.06", unit = "share", source = "…" }\n…'}

CHANGED = {
    "version": "3f1f6ad0c96a4f0e",
    "from": "2026-11-23",
    "at": "2026-12-01T09:30:00Z",
    "creators": 1,
    "books": 1,
    "events": 214,
    "up": 0,
    "down": 1,
    "same": 0,
    "standing_deciles": ["-12.651727"] * 11,
    "points_deciles": ["-0.973228"] * 11,
    "labels": [{"label": "trusted", "would_be": "trusted", "books": 1}],
    "gains": [],
    "losses": [
        {
            "creator_id": "01936f2e-5b1c-7c3a-9f00-2b6f3c1d9e01",
            "meter": "network:video",
            "standing": "330.763731",
            "would_stand": "318.112004",
            "points": "52.438609",
            "would_show": "51.465381",
            "label": "trusted",
            "would_be": "trusted",
            "refused": 0,
        }
    ],
    "refused": 0,
    "accepted": 0,
    "examples": [],
}


@blp.post("/v1/policy/simulations")
@auth.requires("operate", limit="heavy")
@blp.arguments(SimulationIn(), example=ASKED)
@blp.response(200, SimulationOut(), example=CHANGED, description="What it would change; nothing was written")
def post_simulation(given: dict[str, Any]) -> Response:
    """Price the books anew under a policy, in memory, and say for whom what would change. Nothing is written.

    Answered at once for up to 500 books with up to 20,000 entries and events; for more there is
    `trust-ledger policy simulate`.
    """
    question = asked(given)
    report = simulation.simulate(state.ledger().database, question)
    return encoding.json_response(show(question, report), 200)


def asked(given: dict[str, Any]) -> Question:
    """The question that a body asks. Raises Forbidden; InvalidRequest for an unsound policy or too many books."""
    ledger = state.ledger()
    if auth.current().networks:
        raise Forbidden("an operator bound to networks tries no policy: it would see the books of all")
    if given.get("from_day", 0) > ledger.clock() // DAY_US:
        raise InvalidRequest([("/from", "lies in the future: nothing happened yet")])
    if faults := soundness.faults(given["policy"]):
        raise InvalidRequest([("/policy", fault) for fault in faults])
    with ledger.database.reading() as session:
        books, entries = simulation.size(session)
        events = simulation.events(session, most=MOST_EVENTS)
    if books > MOST_BOOKS or entries > MOST_ENTRIES or events > MOST_EVENTS:
        told = f"over {MOST_EVENTS}" if events > MOST_EVENTS else events
        many = f"{books} books with {entries} entries of {told} events are too many to answer at once"
        raise InvalidRequest([("", f"{many}: run trust-ledger policy simulate")])
    candidate: Policy = policy.parse(given["policy"])
    return Question.of(candidate, ledger.schedule(), at_us=ledger.clock(), from_day=given.get("from_day"))


def show(question: Question, report: Report) -> dict[str, Any]:
    """A report as JSON carries it."""
    labels = [{"label": was, "would_be": would, "books": count} for (was, would), count in report.labels.items()]
    return {
        "version": question.candidate.version,
        "from": notation.day(question.from_day),
        "at": notation.instant(question.at_us),
        "creators": report.creators,
        "books": report.books,
        "events": report.events,
        "up": report.up,
        "down": report.down,
        "same": report.same,
        "standing_deciles": list(map(notation.trust, report.standing_deciles)),
        "points_deciles": list(map(notation.trust, report.points_deciles)),
        "labels": labels,
        "gains": list(map(_shift, report.gains)),
        "losses": list(map(_shift, report.losses)),
        "refused": report.refused,
        "accepted": report.accepted,
        "examples": list(map(Example._asdict, report.examples)),
    }


def _shift(shift: Shift) -> dict[str, Any]:
    amounts = ("standing", "would_stand", "points", "would_show")
    return shift._asdict() | {name: notation.trust(getattr(shift, name)) for name in amounts}
