"""A small world in which rights are looked at: creators, and what partners, brands and they themselves have there."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask
from pydantic import SecretStr

from api import create_app
from ledger import checkpoints, keys, policy, rules
from ledger.settings import Settings
from tests.api_fixtures import NOW_US, Clock, Holder

ROLES = {
    "nobody": "whoever has no key",
    "partner": "acme, for youtube and twitter, where Ada, Grace and Cleo are",
    "other partner": "bolt, for tiktok, where Cleo and Iris are",
    "brand": "nike, which Ada and Cleo let in, both of them private",
    "other brand": "puma, which nobody knows",
    "creator": "Ada",
    "other creator": "Iris",
    "operator": "of every network",
    "bound operator": "of tiktok alone",
}
NO_ID, ZEROS = "01936f2e-5b1c-7c3a-9f00-2b6f3c1d9eff", "0" * 64
PLENTY = 1_000_000
MANY: dict[str, Any] = {f"limit_{name}": PLENTY for name in ("read", "write", "batch", "heavy")}
ON = {"ada": ["youtube", "twitter"], "grace": ["youtube", "twitter"], "cleo": ["youtube", "tiktok"], "iris": ["tiktok"]}
READING = {
    "stick": "moz-da",
    "value": "64.2",
    "low": "1",
    "high": "100",
    "read_at": "2026-11-20T09:00:00Z",
    "source": "its own page",
}


@dataclass
class World:
    """The service, who asks it by role, and its subjects by name: what stands for each in addresses and bodies."""

    app: Flask
    path: Path
    clock: Clock
    holders: dict[str, Holder]
    names: dict[str, dict[str, str]]
    kept: sqlite3.Connection

    def send(self, role: str, method: str, path: str, body: object, headers: dict[str, str]) -> Any:
        """What a role is answered."""
        who = self.app.test_client() if role == "nobody" else self.holders[role]
        return who.open(path, method=method, json=body, headers=headers, buffered=True)

    def keep(self) -> None:
        """Remember everything as it is."""
        with closing(sqlite3.connect(self.path)) as books:
            books.backup(self.kept)

    def restore(self) -> None:
        """Put everything back as it was."""
        with closing(sqlite3.connect(self.path)) as books:
            self.kept.backup(books)

    def close(self) -> None:
        """Let go of the books."""
        self.app.extensions["trust_ledger"].database.dispose()
        self.kept.close()


def build(path: Path) -> World:
    """The world, in a migrated SQLite file."""
    secrets: dict[str, Any] = {name: SecretStr(f"a {name} for tests") for name in ("pepper", "signing_key")}
    checkpoint_dir = path.with_name("checkpoints")
    app = create_app(Settings(database_url=f"sqlite:///{path}", checkpoint_dir=checkpoint_dir, **MANY, **secrets))
    ledger = app.extensions["trust_ledger"]
    ledger.clock = clock = Clock()
    ledger.database.write(lambda session: rules.install(session, policy.builtin(), effective_day=0, now_us=1))
    world = World(app, path, clock, {}, {}, sqlite3.connect(":memory:", check_same_thread=False))
    world.holders |= {
        "partner": _key(world, "partner", "acme", networks=["youtube", "twitter"]),
        "other partner": _key(world, "partner", "bolt", networks=["tiktok"]),
        "brand": _key(world, "brand", "nike"),
        "other brand": _key(world, "brand", "puma"),
        "operator": _key(world, "operator", "ops"),
        "bound operator": _key(world, "operator", "watch", networks=["tiktok"]),
    }
    _people(world)
    _dealings(world)
    _things(world)
    _checkpoint(world)
    world.keep()
    return world


def _key(world: World, role: str, owner: str, *, networks: tuple[str, ...] | list[str] = ()) -> Holder:
    ledger = world.app.extensions["trust_ledger"]
    rights: dict[str, Any] = {"role": role, "owner": owner, "networks": networks, "scopes": keys.MAY_HOLD[role]}
    secret, key_id = ledger.database.write(
        lambda session: keys.create(session, **rights, pepper=ledger.pepper, now_us=NOW_US)
    )
    return Holder(world.app.test_client(), secret, key_id)


def _checkpoint(world: World) -> None:
    """Every line told so far is in a checkpoint."""
    ledger = world.app.extensions["trust_ledger"]
    with ledger.database.snapshot() as session:
        made = checkpoints.make(session, now_us=world.clock(), key=ledger.settings.signing_keys()[-1])
    checkpoints.write(made, ledger.settings.checkpoint_dir)


def _done(answer: Any) -> Any:
    assert answer.status_code < 300, answer.json
    return answer.json


def _people(world: World) -> None:
    """Four creators with replies in each of their books, their keys, and the names of those who are not there."""
    operator = world.holders["operator"]
    for name, networks in ON.items():
        asked = {
            "display_name": name.title(),
            "handle": f"{name}-page",
            "visibility": "public" if name == "grace" else "private",
            "accounts": [{"network": one, "external_id": f"{name}1", "followers": 20_000} for one in networks],
            "consent": {"at": "2026-11-01T00:00:00Z"},
        }
        found = _done(operator.post("/v1/creators", json=asked))
        told = {"creator": f"{networks[0]}:{name}1", "id": found["creator"], "external_id": f"{name}1"}
        world.names[name] = told | {"name": f"{name}-page"}
        for network in networks:
            teller = world.holders["other partner" if network == "tiktok" else "partner"]
            _done(teller.post("/v1/events/batch", json=[_reply(f"{network}:{name}1", n) for n in range(8)]))
        _done(operator.put(f"/v1/creators/{found['creator']}/readings", json={"readings": [READING]}))
    world.holders["creator"] = _key(world, "creator", world.names["ada"]["id"])
    world.holders["other creator"] = _key(world, "creator", world.names["iris"]["id"])
    nobody = {"creator": "youtube:non1", "id": NO_ID, "external_id": "non1", "name": "non-page"}
    world.names["nobody"] = nobody


def _reply(creator: str, number: int) -> dict[str, Any]:
    facts = {"act": "reply", "engager": f"fan-{number}"}
    told = {"creator": creator, "external_ref": f"{creator} {number}", "kind": "engagement"}
    return told | {"occurred_at": "2026-11-23T12:00:00Z", "facts": facts}


def _dealings(world: World) -> None:
    """nike is let in by Ada and Cleo and holds a pitch on youtube with each; Cleo's is out. Both contest a line."""
    partner, brand, operator = (world.holders[role] for role in ("partner", "brand", "operator"))
    for names in (world.names[name] for name in ("ada", "cleo", "grace")):
        names["klout_id"] = _done(partner.get(f"/v2/identity.json/youtube/{names['external_id']}"))["id"]
    for name in ("ada", "cleo"):
        names = world.names[name]
        _done(partner.post("/v1/relationships", json={"creator": names["creator"], "brand": "nike"}))
        _done(operator.post(f"/v1/relationships/{names['creator']}/nike/accept"))
        asked = {"creator": names["creator"], "brand": "nike", "disclosure": "clear", "fit": "0.7", "quote": True}
        names["quote_id"] = _done(brand.post("/v1/estimates", json=asked))["quote"]["id"]
        names["pitch"] = _done(brand.post("/v1/pitches", json={"quote": names["quote_id"]}))["pitch"]
        contested = {"meter": "network:youtube", "seq": 1, "reason": "it was not so"}
        whose = _key(world, "creator", names["id"])
        names["dispute"] = _done(whose.post("/v1/disputes", json=contested))["dispute"]
    _done(partner.post(f"/v1/pitches/{world.names['cleo']['pitch']}/accept"))
    _done(partner.post(f"/v1/pitches/{world.names['cleo']['pitch']}/publish", json={"disclosure": "clear"}))
    met = {"creator": "youtube:cleo1", "meter": "brand:nike", "kind": "exchange", "external_ref": "they met"}
    _done(partner.post("/v1/events", json=met | {"occurred_at": "2026-11-23T12:00:00Z", "facts": {}}))
    world.names["nobody"] |= {"quote_id": f"quote_{ZEROS}", "pitch": f"pitch_{ZEROS}", "dispute": f"dispute_{ZEROS}"}
    world.names["nobody"] |= {"klout_id": "9" * 16}


def _things(world: World) -> None:
    """A webhook and a second key of acme's, and the ids of those that are not there."""
    partner = world.holders["partner"]
    made = _done(partner.post("/v1/webhooks", json={"url": "https://acme.example/told"}))
    acme = _key(world, "partner", "acme", networks=["youtube", "twitter"])
    world.names["acme"] = {"webhook": made["webhook"], "key": acme.key_id}
    world.names["none"] = dict.fromkeys(("webhook", "key"), NO_ID)
