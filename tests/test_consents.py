"""Consent: nobody is in the ledger without it, and it says who recorded it, when, and where the proof is."""

from pathlib import Path
from typing import Any

import pytest

from ledger import consents, creators, db, demo, erasure, imports, rules
from ledger.consents import Consent
from ledger.creators import AccountOf
from ledger.db import Database
from ledger.errors import UnknownCreator
from tests.api_fixtures import Holder
from tests.desk import DAY, FOUNDING, PEPPER, RULES, Counter
from tests.test_api_creators import JOINED

ROOT = Path(__file__).parent.parent
WITHOUT = (
    "SELECT c.creator_id FROM creator c WHERE NOT EXISTS (SELECT 1 FROM consent n WHERE n.creator_id = c.creator_id)"
)
PROVEN = {"at": "2026-11-01T09:00:00Z", "terms": "creators 3", "evidence": "signup-20611"}


def enrol(database: Database, **told: Any) -> tuple[str, bool]:
    """Enrol u1 of youtube."""
    about: dict[str, Any] = {
        "display_name": "u1",
        "accounts": [AccountOf("youtube", "u1")],
        "consent_at_us": 5,
        "now_us": 9,
    }
    return database.write(lambda s: creators.enrol(s, **{**about, "enrolled_by": "acme", **told}))


def test_whoever_is_enrolled_has_agreed(database: Database) -> None:
    """The consent is written with the enrolment: when it was given, to which terms, by whom it was recorded."""
    creator_id, _ = enrol(database, terms="v1", evidence="form 7")
    with database.reading() as session:
        assert consents.of(session, creator_id=creator_id) == (Consent(5, 9, "acme", "v1", "form 7"),)


def test_enrolling_again_records_nothing(database: Database) -> None:
    """The same accounts are the same creator: the first consent stands as it was recorded."""
    creator_id, _ = enrol(database, terms="v1")
    assert enrol(database, terms="v2", now_us=99) == (creator_id, False)
    with database.reading() as session:
        assert [found.terms for found in consents.of(session, creator_id=creator_id)] == ["v1"]


def test_there_is_one_way_in() -> None:
    """One function writes creators, and it writes their consent: nobody can be there without."""
    writers = {
        str(path.relative_to(ROOT)): path.read_text()
        for package in ("ledger", "api", "jobs")
        for path in (ROOT / package).rglob("*.py")
        if "migrations" not in path.parts
    }
    inserting = [name for name, text in writers.items() if "session, CREATOR," in text or "INTO creator " in text]
    assert inserting == ["ledger/creators.py"]
    assert sum(text.count("session, CREATOR,") for text in writers.values()) == 1


def test_an_import_and_the_demo_record_consent_too(database: Database, tmp_path: Path) -> None:
    """Whoever a file is about, and whoever is invented, is there by a consent that says how it came about."""
    counter = Counter(database)
    file = tmp_path / "ratings.csv"
    file.write_text("a,b,5,1289241911\n")
    now_us = (DAY + 1) * 86_400_000_000
    imports.import_file(
        database,
        path=file,
        format="ratings",
        source="otc",
        network=None,
        pepper=PEPPER,
        schedule=RULES,
        clock=lambda: now_us,
    )
    with database.reading() as session:
        imported = creators.named(session, "otc:b")
        assert [found.terms for found in consents.of(session, creator_id=imported)] == ["import: otc"]
    assert counter.rows(WITHOUT) == []


def test_a_planted_story_has_consent(sqlite_url: str) -> None:
    """The demo's creators agreed as well, to being invented."""
    database = Database(sqlite_url)
    database.write(lambda session: rules.install(session, FOUNDING, effective_day=0, now_us=1))
    story = demo.STORIES[0]
    database.write(lambda s: demo.plant(s, story, now_us=(DAY + 1) * 86_400_000_000, pepper=PEPPER, schedule=RULES))
    with database.reading() as session:
        assert db.fetch(session, WITHOUT) == []
        assert db.fetch(session, "SELECT terms FROM consent") == [("demo: an invented creator",)]
    database.dispose()


# Over HTTP


def test_consent_is_shown_to_whoever_may_change_the_creator(
    partner: Holder, operator: Holder, brand: Holder, key_for: Any
) -> None:
    """The partner, the operator and the creator see who recorded it and where the proof is; the public when it was."""
    told = partner.post("/v1/creators", json=JOINED | {"visibility": "public", "consent": PROVEN})
    assert told.status_code == 201
    path = f"/v1/creators/{told.json['creator']}"
    known = PROVEN | {"recorded_by": "acme", "recorded_at": "2026-11-23T15:33:20Z"}
    creator = key_for("creator", told.json["creator"])
    assert [holder.get(path).json["consent"] for holder in (partner, operator, creator)] == [known] * 3
    assert brand.get(path).json["consent"] == {"at": PROVEN["at"]}


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"terms": ""}, "/consent/terms"),
        ({"evidence": "x" * 201}, "/consent/evidence"),
        ({"terms": "a\n"}, "/consent/terms"),
        ({"proof": "x"}, "/consent/proof"),
    ],
)
def test_a_consent_that_cannot_be_kept_is_refused(partner: Holder, changes: dict[str, Any], pointer: str) -> None:
    """Empty, too long or unsafe terms are named, and nobody is enrolled."""
    answer = partner.post("/v1/creators", json=JOINED | {"consent": PROVEN | changes})
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, pointer)
    assert partner.get("/v1/creators/youtube:ada").status_code == 404


def test_private_and_not_to_be_found_unless_chosen(partner: Holder) -> None:
    """Who enrols without a word is private and in no search."""
    told = {name: value for name, value in JOINED.items() if name != "visibility"}
    shown = partner.post("/v1/creators", json=told).json
    assert (shown["visibility"], shown["findable"]) == ("private", False)


def test_only_the_public_can_be_found(partner: Holder, creator: Holder, creator_id: str) -> None:
    """To be found one has to be public, and going private ends it; what stands in the way is named."""
    path, match = f"/v1/creators/{creator_id}", {"If-Match": "*"}
    refused = creator.patch(path, json={"findable": True}, headers=match)
    assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (422, "/findable")
    both = {"findable": True, "visibility": "public"}
    assert creator.patch(path, json=both, headers=match).json["findable"] is True
    assert partner.patch(path, json={"topics": ["x"]}, headers=match).json["findable"] is True
    hidden = creator.patch(path, json={"visibility": "private"}, headers=match).json
    assert (hidden["visibility"], hidden["findable"]) == ("private", False)
    assert creator.patch(path, json={"visibility": "public"}, headers=match).json["findable"] is False


def test_who_joins_hidden_cannot_join_to_be_found(partner: Holder) -> None:
    """Enrolling as findable asks for public as well."""
    refused = partner.post("/v1/creators", json=JOINED | {"findable": True})
    assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (422, "/findable")
    joined = partner.post("/v1/creators", json=JOINED | {"findable": True, "visibility": "public"})
    assert joined.json["findable"] is True


# Further accounts

TIKTOK = {"network": "tiktok", "external_id": "ada.draws", "followers": 9, "consent": PROVEN}


def test_an_account_is_added_with_consent_again(operator: Holder, creator_id: str, books: Database) -> None:
    """It opens its network's book, and is told by the latest consent; what was there before stays."""
    path = f"/v1/creators/{creator_id}"
    added = operator.post(f"{path}/accounts", json=TIKTOK)
    assert added.status_code == 201
    assert [account["network"] for account in added.json["accounts"]] == ["tiktok", "youtube"]
    assert added.json["consent"]["terms"] == "creators 3"
    assert operator.get(path).json == added.json
    assert [book["meter"] for book in operator.get(f"{path}/balance").json["books"]] == [
        "network:tiktok",
        "network:youtube",
    ]
    with books.reading() as session:
        assert len(consents.of(session, creator_id=creator_id)) == 2


def test_an_account_is_added_once(operator: Holder, partner: Holder, creator_id: str, public_creator_id: str) -> None:
    """The same again is 200 and records nothing; another creator's is 409, as is one more than there may be."""
    path = f"/v1/creators/{creator_id}/accounts"
    first, again = (operator.post(path, json=TIKTOK) for _ in range(2))
    assert (first.status_code, again.status_code, again.json) == (201, 200, first.json)
    taken = operator.post(path, json=TIKTOK | {"network": "youtube", "external_id": "grace"})
    assert (taken.status_code, taken.json["code"]) == (409, "account_taken")
    for number in range(18):
        assert operator.post(path, json=TIKTOK | {"external_id": f"a{number}"}).status_code == 201
    full = operator.post(path, json=TIKTOK | {"external_id": "one too many"})
    assert (full.status_code, full.json["code"]) == (409, "too_many_accounts")


def test_whose_an_account_is_the_network_says(
    partner: Holder, other_partner: Holder, creator: Holder, creator_id: str, key_for: Any
) -> None:
    """A partner adds for its own networks and its own creators, and never without consent; a creator adds nothing."""
    path = f"/v1/creators/{creator_id}/accounts"
    assert partner.post(path, json=TIKTOK).status_code == 403
    assert creator.post(path, json=TIKTOK).status_code == 403
    elsewhere = key_for("partner", "bolt", networks=["tiktok"], scopes=["creators:write"])
    assert elsewhere.post(path, json=TIKTOK).status_code == 404
    without = {name: value for name, value in TIKTOK.items() if name != "consent"}
    assert partner.post(path, json=without | {"network": "youtube"}).status_code == 422
    assert partner.post(path, json=TIKTOK | {"network": "youtube"}).status_code == 201


def test_one_partners_proof_is_not_anothers(operator: Holder, partner: Holder, creator_id: str) -> None:
    """Who acts for some of a creator's networks does not see what somebody else recorded."""
    path = f"/v1/creators/{creator_id}"
    operator.post(f"{path}/accounts", json=TIKTOK)
    assert partner.get(path).json["consent"] == {"at": PROVEN["at"]}
    assert operator.get(path).json["consent"]["evidence"] == PROVEN["evidence"]


def test_nobody_who_was_erased_is_given_an_account(database: Database) -> None:
    """Erased meanwhile, there is nobody to add it to."""
    counter = Counter(database)
    creator_id = counter.ids["u1"]
    told: dict[str, Any] = {"creator_id": creator_id, "erased_by": "x", "pepper": PEPPER, "schedule": RULES}
    database.write(lambda s: erasure.erase(s, clock=lambda: DAY * 86_400_000_000, **told))
    account, consent = AccountOf("tiktok", "late"), Consent(1, 1, "acme")
    with pytest.raises(UnknownCreator):
        database.write(lambda s: creators.add_account(s, creator_id=creator_id, account=account, consent=consent))
