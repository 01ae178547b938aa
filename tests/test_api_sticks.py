"""Measuring sticks, over HTTP."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from api.sticks import KredOut, SticksOut
from ledger import creators
from ledger.creators import AccountOf
from ledger.db import Database
from tests.api_fixtures import PARTNER_SCOPES, Clock, Holder, event
from tests.test_api_balances import fields_of
from tests.test_api_readings import reading

ADA = "/v1/creators/youtube:ada"
ACTS = ("like", "share", "reply", "answer", "follow", "like", "reply")


@pytest.fixture
def told(partner: Holder, creator_id: str) -> str:
    """Ada, whom two fans replied to today, and who answered one, disclosed a pitch and put something right."""
    lines = [event(f"e-{fan}", facts={"act": "reply", "engager": f"fan-{fan}"}) for fan in range(2)]
    lines += [
        event("answer", facts={"act": "answer", "engager": "fan-9"}),
        event("correction", kind="transparency", facts={}),
        event("pitch", kind="pitch", facts={"brand": "nike", "disclosure": "clear", "fit": "0.7"}),
    ]
    for line in lines:
        assert partner.post("/v1/events", json=line).status_code == 201
    return creator_id


def test_all_sticks_at_once(partner: Holder, told: str) -> None:
    """Score, influence and outreach of what the books hold, each with its formula and what it is not."""
    partner.put(f"{ADA}/readings", json={"readings": [reading(value="60"), reading(read_at="2026-11-23T09:00:00Z")]})
    answer = partner.get(f"{ADA}/sticks").json
    total = partner.get(f"{ADA}/balance").json["total"]["standing"]
    assert (answer["creator_id"], answer["day"], answer["standing"]) == (told, "2026-11-23", total)
    assert answer["meters"] == ["network:youtube"]
    held = float(total)
    klout, kred = answer["klout"], answer["kred"]
    assert float(klout["score"]) == pytest.approx(1 + 99 * held / (held + 300), abs=0.051)
    assert klout["bucket"] == "1-9"
    assert float(klout["day_change"]) == pytest.approx(float(klout["score"]) - 1, abs=0.06)
    assert klout["day_change"] == klout["week_change"] == klout["month_change"]
    assert kred["outreach"]["level"] == 1
    assert (kred["outreach"]["generous"], kred["outreach"]["next_at"]) == (3, 10)
    assert all("B" in stick["formula"] and stick["is_not"].startswith("Not ") for stick in (klout, kred))
    assert [one["read_at"] for one in answer["readings"]] == ["2026-11-23T09:00:00Z"]
    assert fields_of(SticksOut()) == fields_of(answer)


def test_the_activity_statement_names_nobody(partner: Holder, told: str) -> None:
    """What was done, by whom of the three, on which day and for how much; newest first, without names or references."""
    answer = partner.get(f"{ADA}/kred").json
    acts = [(act["by"], act["what"], act["points"]) for act in answer["activity"]]
    assert [act[:2] for act in acts] == [
        ("creator", "Transparency"),
        ("creator", "Sponsored post"),
        ("creator", "Transparency"),
        ("creator", "An answer to a fan"),
        ("audience", "A reply"),
        ("audience", "A reply"),
    ]
    assert acts[-1][2] == "5.000000"
    assert all(act["day"] == "2026-11-23" for act in answer["activity"])
    text = partner.get(f"{ADA}/kred").text
    assert not any(word in text for word in ("nike", "fan-9", "acme", 'correction"', "T12:00"))
    assert fields_of(KredOut()) == fields_of(answer)


def test_the_activity_statement_adds_up(partner: Holder, told: str) -> None:
    """On the first day, the points of all acts are the standing, and the generous ones are what outreach counts."""
    lines = [event(f"more-{n}", facts={"act": "answer", "engager": "fan-9"}) for n in range(3)]
    lines += [
        event("b-1", kind="breach", facts={"severity": 2, "category": "other"}),
        event("sorry", kind="apology", facts={"breach": "b-1", "regret": True}),
        event("undo", kind="reversal", facts={"event": "more-0", "why": "mistake"}),
        event("bought", facts={"act": "answer", "engager": "fan-7", "incentive": "bought"}),
        event("again", kind="transparency", facts={}),
    ]
    answers = [partner.post("/v1/events", json=line) for line in lines]
    assert {answer.status_code for answer in answers} == {201}
    answer = partner.get(f"{ADA}/kred").json
    assert sum(Decimal(act["points"]) for act in answer["activity"]) == Decimal(answer["standing"])
    assert sum(act["generous"] for act in answer["activity"]) == answer["kred"]["outreach"]["generous"]
    assert all(act["why"].endswith(".") for act in answer["activity"])
    bought = answer["activity"][1]
    assert (bought["points"], bought["generous"]) == ("0.000000", 0)
    assert "incentivised" in bought["why"]


def test_the_activity_statement_is_paged_over_all_books(
    partner: Holder, books: Database, key_for: Callable[..., Holder]
) -> None:
    """Pages of any size give the same acts, each once, though more is told in between; of both networks together."""
    accounts = [AccountOf("youtube", "two"), AccountOf("tiktok", "two")]
    made, _ = books.write(
        lambda s: creators.enrol(s, display_name="T", accounts=accounts, consent_at_us=1, enrolled_by="a", now_us=1)
    )
    both = key_for("partner", "both", networks=["youtube", "tiktok"], scopes=PARTNER_SCOPES)
    for n in range(7):
        network = "youtube" if n % 3 else "tiktok"
        line = event(f"e-{n}", creator=f"{network}:two", facts={"act": ACTS[n], "engager": "x"})
        assert both.post("/v1/events", json=line).status_code == 201
    path, seen, after = f"/v1/creators/{made}/kred", [], ""
    whole = both.get(path).json["activity"]
    for turn in range(10):
        page = both.get(f"{path}?limit=2{after}").json
        seen += page["activity"]
        line = event(f"later-{turn}", creator="tiktok:two", facts={"act": "like", "engager": f"y-{turn}"})
        assert both.post("/v1/events", json=line).status_code == 201
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert seen == whole
    assert len(whole) == 7
    foreign = both.get(f"{ADA}/kred{after.replace('&', '?', 1)}")
    assert foreign.status_code in (400, 404)
    assert partner.get(f"{path}{after.replace('&', '?', 1)}").status_code == 400


def test_outreach_never_falls(partner: Holder, told: str, clock: Clock) -> None:
    """An answer that is undone is still counted, and a year of silence takes nothing from the level."""
    many = [event(f"a-{n}", facts={"act": "answer", "engager": f"one-{n}"}) for n in range(8)]
    assert partner.post("/v1/events/batch", json=many).status_code == 200
    before = partner.get(f"{ADA}/kred").json["kred"]
    assert (before["outreach"]["level"], before["outreach"]["generous"]) == (2, 11)
    undone = event("r-1", kind="reversal", facts={"event": "answer", "why": "mistake"})
    assert partner.post("/v1/events", json=undone).status_code == 201
    clock.pass_days(365)
    after = partner.get(f"{ADA}/kred").json["kred"]
    assert after["outreach"] == before["outreach"]
    assert after["influence"] < before["influence"]


def test_sticks_are_held_against_what_the_reader_may_see(
    partner: Holder, other_partner: Holder, books: Database, key_for: Callable[..., Holder]
) -> None:
    """Each partner measures its own network of a private creator, and the creator both together."""
    accounts = [AccountOf("youtube", "two"), AccountOf("tiktok", "two")]
    made, _ = books.write(
        lambda s: creators.enrol(s, display_name="T", accounts=accounts, consent_at_us=1, enrolled_by="a", now_us=1)
    )
    for holder, network in ((partner, "youtube"), (other_partner, "tiktok")):
        assert holder.post("/v1/events", json=event(creator=f"{network}:two")).status_code == 201
    path = f"/v1/creators/{made}/sticks"
    seen = [who.get(path).json for who in (partner, other_partner, key_for("creator", made))]
    assert [(one["meters"], one["standing"]) for one in seen] == [
        (["network:youtube"], "5.000000"),
        (["network:tiktok"], "5.000000"),
        (["network:tiktok", "network:youtube"], "10.000000"),
    ]


def test_an_empty_book_has_the_least_of_everything(brand: Holder, public_creator_id: str) -> None:
    """Before anything happened: 1.0, 1 and level 1, with nothing to tell, for anyone with a key."""
    answer = brand.get("/v1/creators/youtube:grace/sticks").json
    assert (answer["klout"]["score"], answer["klout"]["bucket"], answer["klout"]["month_change"]) == (
        "1.0",
        "1-9",
        "0.00",
    )
    assert (answer["kred"]["influence"], answer["kred"]["outreach"]["level"]) == (1, 1)
    assert brand.get("/v1/creators/youtube:grace/kred").json["activity"] == []


def test_a_day_without_activity_moves_it_by_decay(partner: Holder, told: str, clock: Clock) -> None:
    """A week of silence lowers the score, and the change of the day is a seventh of it or so."""
    clock.pass_days(7)
    answer = partner.get(f"{ADA}/sticks").json["klout"]
    assert float(answer["week_change"]) < float(answer["day_change"]) <= 0
