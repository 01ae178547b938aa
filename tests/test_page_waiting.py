"""What waits on a creator's page: allegations to answer, and what authorised pitches reserve. The owner's alone."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from ledger import own
from ledger.db import Database
from ledger.economy import DAY_US
from tests.api_fixtures import Clock, Holder, event
from tests.desk import RULES
from tests.test_page_creator import token

GRACE = "youtube:grace"


@pytest.fixture
def told(partner: Holder, public_creator_id: str) -> str:
    """Grace, of whom everybody may read, and to whom many replied."""
    for fan in range(12):
        said = event(f"reply-{fan}", creator=GRACE, facts={"act": "reply", "engager": f"fan-{fan}"})
        assert partner.post("/v1/events", json=said).status_code == 201
    return public_creator_id


def tell(partner: Holder, kind: str, ref: str, **facts: Any) -> None:
    """Tell of something that just happened to Grace."""
    said = event(ref, creator=GRACE, kind=kind, facts=facts)
    answer = partner.post("/v1/events", json=said)
    assert answer.status_code == 201, answer.json


def pages(app: Flask, client: FlaskClient, clock: Clock, creator_id: str) -> tuple[str, str]:
    """Her page as she reads it, and as everybody does."""
    address = f"/c/{creator_id}"
    return client.get(f"{address}?{token(app, creator_id, now_us=clock())}").text, client.get(address).text


def test_an_allegation_is_to_be_answered(
    app: Flask, client: FlaskClient, partner: Holder, told: str, clock: Clock
) -> None:
    """Its creator is told what it comes to; nobody else learns of it, before it is substantiated at least."""
    tell(partner, "allegation", "claim", severity=2, category="deception")
    hers, public = pages(app, client, clock, told)
    assert "Answer the allegation of 23 November" in hers
    assert "It costs nothing unless it is found to be so." in hers
    assert "llegation" not in public

    tell(partner, "substantiation", "found", allegation="claim", by="press", evidence="archive 7")
    assert (
        "silence from 7 December 2026 on counts as an evasive answer and costs 50" in pages(app, client, clock, told)[0]
    )
    tell(partner, "answer", "said", allegation="claim", stance="explains")
    assert "Answer the allegation" not in pages(app, client, clock, told)[0]


def test_what_a_pitch_reserves_is_said(
    app: Flask, client: FlaskClient, books: Database, told: str, clock: Clock
) -> None:
    """Of her standing, so much is reserved and so much available; the public is not told."""
    terms = {"brand": "nike", "disclosure": "clear", "drain": 5_000_000, "held": 7_000_000, "share": "0.05"}
    terms |= {"clear": "0.15", "vague": "0.05"}
    steps: list[tuple[str, str, str, dict[str, Any]]] = [
        ("brand:nike", "introduction", "i", {"brand": "nike"}),
        ("brand:nike", "introduction_accepted", "i:accepted", {"brand": "nike", "by": "creator"}),
        ("network:youtube", "pitch_held", PITCH, terms | {"mending": "0.8", "expires_at_us": clock() + DAY_US}),
    ]
    for meter, kind, ref, facts in steps:
        books.write(
            lambda session, meter=meter, kind=kind, ref=ref, facts=facts: own.post(  # type: ignore[misc]
                session,
                creator_id=told,
                meter=meter,
                kind=kind,
                ref=ref,
                facts=facts,
                occurred_at_us=clock(),
                clock=clock,
                schedule=RULES,
            )
        )
    hers, public = pages(app, client, clock, told)
    assert "7.00 of the standing is reserved for pitches that are authorised and not out yet" in hers
    assert "reserved" not in public


PITCH = "0192f0c1-0000-7000-8000-00000000000a"
