"""Keys over HTTP: whoever has none, or not the right one, gets nowhere; a revoked one ends at once."""

import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from ledger import db, keys
from ledger.db import Database
from ledger.economy import HOUR_US
from ledger.errors import InvalidKey
from ledger.keys import KeyEnded
from ledger.settings import Settings
from tests.api_fixtures import NOW_US, PARTNER_SCOPES, Clock, Holder, event
from tests.service import Service, prepare, serving

PEPPER = b"a pepper for tests"


@pytest.fixture
def other_worker(app: Flask, api_settings: Settings) -> Iterator[Flask]:
    """A second process's app on the same database."""
    from api import create_app

    made = create_app(api_settings)
    yield made
    made.extensions["trust_ledger"].database.dispose()


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Bearer tl_wrong", "Bearer wrong", "Basic dGw6dGw=", "Bearer tl_" + "x" * 5000]
)
def test_without_a_key_there_is_no_way_in(client: Any, header: str) -> None:
    """Anything but a live key is 401 and says which scheme to use."""
    answer = client.post("/v1/events", json=event(), headers={"Authorization": header} if header else {})
    assert (answer.status_code, answer.mimetype) == (401, "application/problem+json")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_revoked_key_ends_at_once_in_every_worker(
    partner: Holder, other_worker: Flask, books: Database, creator_id: str
) -> None:
    """Each request reads its key from the database, so that no process goes on with a revoked one."""
    elsewhere = Holder(other_worker.test_client(), partner.secret)
    assert [holder.get("/v1/creators/youtube:ada").status_code for holder in (partner, elsewhere)] == [200, 200]
    assert books.write(lambda session: keys.revoke(session, key_id=partner.key_id, now_us=NOW_US))
    assert [holder.get("/v1/creators/youtube:ada").status_code for holder in (partner, elsewhere)] == [401, 401]
    assert not books.write(lambda session: keys.revoke(session, key_id=partner.key_id, now_us=NOW_US))


def test_a_key_does_what_its_scopes_say(key_for: Callable[..., Holder], creator_id: str) -> None:
    """A key that may only read cannot write, and hears which scope it lacks."""
    reader = key_for("partner", "acme", networks=["youtube"], scopes=["balances:read"])
    assert reader.get("/v1/creators/youtube:ada").status_code == 200
    refused = reader.post("/v1/events", json=event())
    assert (refused.status_code, refused.json["code"]) == (403, "forbidden")
    assert "events:write" in refused.json["detail"]


def test_no_secret_is_kept(partner: Holder, books: Database) -> None:
    """The database holds a keyed hash of 256 random bits, and nothing of the secret."""
    with books.reading() as session:
        row = db.fetch(session, "SELECT * FROM api_key")[0]
    assert len(partner.secret) >= 46
    assert partner.secret not in str(row)
    assert partner.secret[3:] not in str(row)


def test_another_pepper_opens_nothing(partner: Holder, books: Database) -> None:
    """Without the pepper, which is not in the database, a copied table is worth nothing."""
    found = books.read(lambda session: keys.find(session, secret=partner.secret, pepper=PEPPER, now_us=NOW_US))
    assert found is not None
    elsewhere: dict[str, Any] = {"secret": partner.secret, "pepper": b"another", "now_us": NOW_US}
    assert books.read(lambda session: keys.find(session, **elsewhere)) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"role": "admin", "owner": "x"},
        {"role": "brand", "owner": "Nike Inc."},
        {"role": "brand", "owner": "nike", "scopes": ["events:write"]},
        {"role": "creator", "owner": "ada"},
        {"role": "partner", "owner": "acme"},
        {"role": "partner", "owner": "trust-ledger", "networks": ["youtube"]},
        {"role": "partner", "owner": "acme", "networks": ["You Tube"]},
        {"role": "partner", "owner": "acme", "networks": ["youtube"], "scopes": ["operate"]},
        {"role": "partner", "owner": "acme", "networks": ["youtube"], "scopes": ["fly"]},
    ],
)
def test_a_key_fits_its_role(books: Database, wrong: dict[str, Any]) -> None:
    """No key is made for a role, owner, network or scope that does not go together."""
    with pytest.raises(InvalidKey):
        books.write(lambda session: keys.create(session, pepper=PEPPER, now_us=1, **wrong))


def test_keys_are_listed_without_their_secrets(books: Database, partner: Holder, brand: Holder) -> None:
    """The list says whose each key is and what it may do; where nothing was named, that is to read."""
    listed = books.read(keys.list_all)
    assert [(key.role, key.owner) for key in listed] == [("partner", "acme"), ("brand", "nike")]
    assert listed[0].networks == {"youtube"}
    by_default = books.write(
        lambda session: keys.create(session, role="operator", owner="ops", pepper=PEPPER, now_us=NOW_US + 1)
    )
    made = next(key for key in books.read(keys.list_all) if key.key_id == by_default[1])
    assert made.scopes == {"balances:read", "policy:read"}


# Replaced, with an overlap


def rotated(holder: Holder, key_id: str, **body: Any) -> Any:
    """What is answered to replacing a key."""
    return holder.post(f"/v1/keys/{key_id}/rotate", json=body)


def test_a_key_is_replaced_with_an_overlap(partner: Holder, app: Flask, clock: Clock, creator_id: str) -> None:
    """The new one has the same rights at once; the old one goes on for the hours named, and not a moment longer."""
    made = rotated(partner, partner.key_id, overlap_hours=2)
    new = Holder(app.test_client(), made.json["secret"])
    path = "/v1/creators/youtube:ada"
    assert (made.status_code, made.json["replaces"], made.json["status"]) == (201, partner.key_id, "live")
    assert set(made.json["scopes"]) == set(PARTNER_SCOPES)
    clock.now_us += 2 * HOUR_US - 1
    assert [one.get(path).status_code for one in (partner, new)] == [200, 200]
    assert new.get(f"/v1/keys/{partner.key_id}").json["expires_at"] == "2026-11-23T17:33:20Z"
    clock.now_us += 1
    assert [one.get(path).status_code for one in (partner, new)] == [401, 200]
    assert new.get(f"/v1/keys/{partner.key_id}").json["status"] == "expired"


def test_without_an_overlap_the_old_one_ends_at_once(partner: Holder, app: Flask) -> None:
    """Nought hours is for a secret that got out; where nothing is said it is a day."""
    new = Holder(app.test_client(), rotated(partner, partner.key_id, overlap_hours=0).json["secret"])
    assert [one.get("/v1/keys").status_code for one in (partner, new)] == [401, 200]
    newest = rotated(new, new.get("/v1/keys").json["keys"][0]["key"])
    old = new.get(f"/v1/keys/{newest.json['replaces']}").json
    assert (newest.status_code, old["expires_at"]) == (201, "2026-11-24T15:33:20Z")


@pytest.mark.parametrize("hours", [-1, 721, 1.5, "24", None])
def test_an_overlap_is_bounded(partner: Holder, hours: Any) -> None:
    """At most thirty days, in whole hours."""
    assert rotated(partner, partner.key_id, overlap_hours=hours).status_code == 422


def test_a_replaced_key_outlives_itself_by_nothing(partner: Holder, key_for: Callable[..., Holder]) -> None:
    """In its overlap it can neither be replaced again nor touch another key: it may be in the wrong hands."""
    new = rotated(partner, partner.key_id).json["key"]
    other = key_for("partner", "acme", networks=["youtube"], scopes=["balances:read"])
    assert [rotated(partner, one).status_code for one in (partner.key_id, new, other.key_id)] == [403, 403, 403]
    assert partner.delete(f"/v1/keys/{new}").status_code == 403
    assert partner.delete(f"/v1/keys/{partner.key_id}").status_code == 200
    assert partner.get("/v1/keys").status_code == 401


def test_a_key_is_replaced_once(partner: Holder, operator: Holder) -> None:
    """Whoever asks for it again, and whatever it had become: there are never two in one's place."""
    assert rotated(operator, partner.key_id).status_code == 201
    again = rotated(operator, partner.key_id)
    assert (again.status_code, again.json["code"]) == (409, "key_ended")


def test_keys_do_not_add_up(partner: Holder, operator: Holder, clock: Clock) -> None:
    """While a key's overlap runs, the one in its place is not replaced: at most two live, with two keys' limits."""
    second = rotated(operator, partner.key_id, overlap_hours=24).json["key"]
    refused = rotated(operator, second)
    assert (refused.status_code, refused.json["code"]) == (409, "key_overlaps")
    clock.pass_days(1.1)
    assert rotated(operator, second).status_code == 201


def test_a_replacement_is_made_once_for_two_who_ask_together(books: Database, partner: Holder) -> None:
    """Of two at the same moment one is told that it was replaced."""
    asked: dict[str, Any] = {"key_id": partner.key_id, "overlap_us": HOUR_US, "pepper": PEPPER, "now_us": NOW_US}
    made, refused = [], []

    def replace() -> None:
        try:
            made.append(books.write(lambda session: keys.rotate(session, **asked)))
        except KeyEnded as told:
            refused.append(told)

    threads = [threading.Thread(target=replace) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(made), len(refused)) == (1, 3)
    assert [key.replaces for key in books.read(keys.list_all)] == [None, partner.key_id]


# A key gives away no more than it has


def test_nobody_gets_a_key_with_more_by_a_key_with_less(partner: Holder, key_for: Callable[..., Holder]) -> None:
    """A key of the same owner that may do less, or speaks for fewer networks, neither replaces nor ends the other."""
    reader = key_for("partner", "acme", networks=["youtube"], scopes=["balances:read"])
    elsewhere = key_for("partner", "acme", networks=["tiktok"], scopes=PARTNER_SCOPES)
    for lesser in (reader, elsewhere):
        refused = rotated(lesser, partner.key_id)
        assert (refused.status_code, refused.json["code"]) == (403, "forbidden")
        assert lesser.delete(f"/v1/keys/{partner.key_id}").status_code == 403
    assert rotated(partner, reader.key_id).status_code == 201


def test_an_operator_hands_on_what_it_holds(key_for: Callable[..., Holder], creator_id: str) -> None:
    """An operator makes keys for anybody, with scopes of its own alone; one bound to networks makes none."""
    operator = key_for("operator", "ops", scopes=["operate", "balances:read", "policy:read"])
    bound = key_for("operator", "ops", networks=["youtube"], scopes=keys.SCOPES)
    brand = {"role": "brand", "owner": "nike"}
    made = operator.post("/v1/keys", json=brand)
    assert (made.status_code, made.json["scopes"]) == (201, ["balances:read", "policy:read"])
    refused = operator.post("/v1/keys", json=brand | {"scopes": ["pitches:write"]})
    assert (refused.status_code, "pitches:write" in refused.json["detail"]) == (403, True)
    assert bound.post("/v1/keys", json=brand).status_code == 403
    own = operator.post("/v1/keys", json={"role": "creator", "owner": "youtube:ada", "scopes": ["balances:read"]})
    assert (own.status_code, own.json["owner"]) == (201, creator_id)


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"role": "creator", "owner": "youtube:nobody"}, 404),
        ({"role": "partner", "owner": "acme"}, 422),
        ({"role": "brand", "owner": "nike", "networks": ["youtube"]}, 422),
        ({"role": "brand", "owner": "nike", "scopes": ["events:write"]}, 422),
        ({"role": "brand", "owner": "Nike Inc."}, 422),
        ({"role": "king", "owner": "nike"}, 422),
        ({"role": "brand", "owner": "nike", "secret": "mine"}, 422),
    ],
)
def test_a_key_that_makes_no_sense_is_refused(operator: Holder, wrong: dict[str, Any], status: int) -> None:
    """No key is made for a role, owner, network or scope that does not go together, and it is said which."""
    before = len(operator.get("/v1/keys").json["keys"])
    assert operator.post("/v1/keys", json=wrong).status_code == status
    assert len(operator.get("/v1/keys").json["keys"]) == before


@pytest.mark.parametrize(
    ("role", "more", "held"),
    [
        ("partner", {"networks": ["youtube"]}, {"balances:read", "policy:read"}),
        ("brand", {}, {"balances:read", "policy:read"}),
        ("creator", {}, {"balances:read", "policy:read", "statements:read"}),
        ("operator", {}, {"balances:read", "policy:read"}),
    ],
)
def test_a_key_may_read_and_nothing_else_unless_told(
    books: Database, creator_id: str, role: str, more: dict[str, Any], held: set[str]
) -> None:
    """The least that is of use is what a key gets by itself; whatever it gets is what its role may hold."""
    owner = creator_id if role == "creator" else "somebody"
    told: dict[str, Any] = {"role": role, "owner": owner, "pepper": PEPPER, "now_us": 1, **more}
    secret, _ = books.write(lambda session: keys.create(session, **told))
    found = books.read(lambda reader: keys.find(reader, secret=secret, pepper=PEPPER, now_us=2))
    assert found is not None
    assert found.scopes == held <= set(keys.may_hold(role)) <= set(keys.MAY_HOLD[role])
    assert not {"events:backfill", "operate"} & set(keys.may_hold(role))


# Whose keys one sees


def test_each_sees_its_own_keys(partner: Holder, brand: Holder, operator: Holder, other_partner: Holder) -> None:
    """An owner sees its own, newest first and page by page; an operator all; and neither a secret."""
    assert [key["key"] for key in partner.get("/v1/keys").json["keys"]] == [partner.key_id]
    assert [key["owner"] for key in brand.get("/v1/keys").json["keys"]] == ["nike"]
    first = operator.get("/v1/keys?limit=3").json
    rest = operator.get(f"/v1/keys?limit=3&after={first['next']}").json
    assert [key["key"] for key in first["keys"] + rest["keys"]] == [
        holder.key_id for holder in (other_partner, operator, brand, partner)
    ]
    assert rest["next"] is None
    assert "secret" not in str(first)


def test_a_key_ends_itself(partner: Holder) -> None:
    """The key of the request itself may be ended, whatever it may do else."""
    ended = partner.delete(f"/v1/keys/{partner.key_id}")
    assert (ended.status_code, ended.json["status"], ended.json["revoked_at"]) == (
        200,
        "revoked",
        "2026-11-23T15:33:20Z",
    )
    assert partner.get("/v1/keys").status_code == 401


def test_an_operator_ends_anybodys_key_and_twice_is_once(partner: Holder, operator: Holder, clock: Clock) -> None:
    """The moment that is kept is that of the first time."""
    first = operator.delete(f"/v1/keys/{partner.key_id}").json
    clock.pass_days(1)
    assert operator.delete(f"/v1/keys/{partner.key_id}").json == first
    assert operator.get(f"/v1/keys/{partner.key_id}").json == first


# A secret is shown once


def test_a_secret_is_shown_once(operator: Holder, books: Database, capfd: pytest.CaptureFixture[str]) -> None:
    """It is in the answer that made it, which nobody may store, and in no other, no log, and no table."""
    told = {"headers": {"Idempotency-Key": "once"}, "json": {"role": "brand", "owner": "nike"}}
    made = operator.post("/v1/keys", **told)
    again = operator.post("/v1/keys", **told)
    secret = made.json["secret"]
    assert made.headers["Cache-Control"] == "no-store"
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (201, "true")
    assert again.json == made.json | {"secret": None}
    seen = [operator.get("/v1/keys"), operator.get(f"/v1/keys/{made.json['key']}"), again]
    seen += [Holder(operator.client, f"{secret}x").get("/v1/keys"), Holder(operator.client, secret).get("/v1/nothing")]
    printed = capfd.readouterr()
    assert secret not in "".join(answer.get_data(as_text=True) for answer in seen) + printed.out + printed.err
    with books.reading() as session:
        kept = [db.fetch(session, f"SELECT * FROM {name}") for name in ("api_key", "answer")]
    assert secret not in str(kept)


# When it was last used


def last_used(holder: Holder, key_id: str) -> str | None:
    """When a key was last used, as its owner is told."""
    told: str | None = holder.get(f"/v1/keys/{key_id}").json["last_used_at"]
    return told


def test_it_is_seen_when_a_key_was_last_used(partner: Holder, operator: Holder, app: Flask, clock: Clock) -> None:
    """To the minute: a use in the minute that is written already is not written again."""
    uses = app.extensions["trust_ledger"].uses
    moments = []
    for seconds in (0, 59, 1):
        clock.now_us += seconds * 1_000_000
        partner.get("/v1/keys")
        uses.write()
        moments.append(last_used(operator, partner.key_id))
    assert moments == ["2026-11-23T15:33:20Z", "2026-11-23T15:33:20Z", "2026-11-23T15:34:20Z"]
    assert uses.write() is None


def test_a_key_never_used_says_so(operator: Holder, partner: Holder) -> None:
    """An unused key is one to end."""
    assert last_used(operator, partner.key_id) is None


def test_nobody_waits_for_it_to_be_written(
    partner: Holder, api_settings: Settings, app: Flask, creator_id: str
) -> None:
    """A read is answered while somebody else holds the lock that writers need; the use is written later."""
    ledger = app.extensions["trust_ledger"]
    partner.get("/v1/policy")  # takes a slice of its quota, which is written
    elsewhere = Database(api_settings.database_url)
    with elsewhere.transaction() as session:
        db.execute(session, "UPDATE api_key SET note = 'held' WHERE key_id = ?", (partner.key_id,))
        assert partner.get("/v1/creators/youtube:ada").status_code == 200
    elsewhere.dispose()
    ledger.uses.write()
    assert last_used(partner, partner.key_id) == "2026-11-23T15:33:20Z"


def test_an_earlier_use_changes_nothing(partner: Holder, books: Database) -> None:
    """Processes write in any order: the latest moment stays."""
    for at_us in (NOW_US + 5, NOW_US):
        books.write(partial(keys.used, moments=[(partner.key_id, at_us)]))
    assert books.read(lambda reader: keys.get(reader, key_id=partner.key_id)).last_used_at_us == NOW_US + 5


# In every worker of the real server


def test_a_key_ends_in_every_worker_at_once(database: Database, database_url: str, tmp_path: Path) -> None:
    """Once the answer is there, none of the workers takes the key again, neither a revoked nor a replaced one."""
    secret = prepare(database, ["ada"])
    with serving(database_url, key=secret, folder=tmp_path, options=["--no-jobs"]) as service:
        assert statuses(service) == {200}
        (own,) = service.send("GET", "/v1/keys")[1]["keys"]
        status, made = service.send("POST", f"/v1/keys/{own['key']}/rotate", {"overlap_hours": 0})
        assert (status, statuses(service)) == (201, {401})
        service.key = made["secret"]
        assert statuses(service) == {200}
        assert service.send("DELETE", f"/v1/keys/{made['key']}")[0] == 200
        assert statuses(service) == {401}
    assert secret not in (tmp_path / "service.log").read_text()
    assert made["secret"] not in (tmp_path / "service.log").read_text()


def statuses(service: Service) -> set[int]:
    """What the workers say to a key, each asked several times."""
    return {service.send("GET", "/v1/creators/youtube:ada")[0] for _ in range(20)}
