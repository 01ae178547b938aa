"""Klout's Partner API v2, asked by its public Python client of 2012, unmodified, over a socket."""

import gzip
import json
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from klout import Klout, KloutHTTPError  # type: ignore[import-untyped]
from pydantic import SecretStr

from ledger import creators, db, events
from ledger import klout as numbers_of
from ledger.creators import AccountOf
from ledger.db import Database
from ledger.settings import Settings
from tests.api_fixtures import NOW_US, PARTNER_SCOPES, Clock, Holder, event, serving

DELTAS = {"dayChange": "float", "weekChange": "float", "monthChange": "float"}
IDENTITY = {"id": "str", "network": "str"}
USER = {
    "kloutId": "str",
    "nick": "str",
    "score": {"score": "float", "bucket": "str"},
    "scoreDeltas": DELTAS,
}
ENTITIES = [{"entity": {"id": "str", "payload": USER}}]
TOPIC = {"id": "str", "displayName": "str", "name": "str", "slug": "str", "imageUrl": "str", "topicType": "str"}
SHAPES: dict[str, Any] = {
    "identity_twitter_screen": IDENTITY,
    "identity_twitter": IDENTITY,
    "identity_googleplus": IDENTITY,
    "identity_instagram": IDENTITY,
    "identity_klout_tw": IDENTITY,
    "showUser": USER,
    "score": {"score": "float", "scoreDelta": DELTAS, "bucket": "str"},
    "topics": [TOPIC],
    "influence": {
        "myInfluencers": ENTITIES,
        "myInfluencees": ENTITIES,
        "myInfluencersCount": "int",
        "myInfluenceesCount": "int",
    },
    "error": {"error": "int", "description": "str"},
}
DENIED = {"error": 403, "description": "Invalid or unprovided API key. All calls must have a key."}
NETWORKS = ("twitter", "googleplus", "instagram")
TOPICS = ["Analytical Engines", "Music"]


@dataclass(frozen=True)
class Stage:
    """Ada, whom Grace and Linus reply to, and who replies to Grace. Ada and Grace are public, Linus is not."""

    app: Flask
    ada: str
    grace: str
    linus: str
    partner: Holder
    brand: Holder

    def number(self, creator_id: str) -> str:
        """The number that Klout's clients know a creator by."""
        return str(numbers_of.numbers(self.app.extensions["trust_ledger"].database, [creator_id])[creator_id])


@pytest.fixture
def stage(app: Flask, books: Database, key_for: Callable[..., Holder], brand: Holder) -> Stage:
    """Three creators who know each other, and a partner for the networks that Klout knew."""
    partner = key_for("partner", "birds", networks=NETWORKS, scopes=PARTNER_SCOPES)
    ada = [AccountOf("twitter", "ada"), AccountOf("googleplus", "112975"), AccountOf("instagram", "77")]
    made = {
        name: joined(books, name, accounts, public=name != "linus")
        for name, accounts in {"ada": ada, "grace": [AccountOf("twitter", "grace")], "linus": LINUS}.items()
    }
    told = [("ada", "grace"), ("ada", "grace"), ("ada", "linus"), ("grace", "ada"), ("ada", "somebody")]
    for place, (whose, by) in enumerate(told):
        facts = {"act": "reply", "engager": by}
        line = event(f"e-{place}", creator=f"twitter:{whose}", facts=facts)
        assert partner.post("/v1/events", json=line).status_code == 201
    answered = event("e-a", creator="twitter:grace", facts={"act": "answer", "engager": "linus"})
    assert partner.post("/v1/events", json=answered).status_code == 201
    return Stage(app, **made, partner=partner, brand=brand)


LINUS = [AccountOf("twitter", "linus")]


def joined(books: Database, name: str, accounts: list[AccountOf], *, public: bool) -> str:
    """A creator who joined, with two topics."""
    shown = {"visibility": "public" if public else "private", "topics": TOPICS, "handle": name}
    told = {"display_name": name.title(), "consent_at_us": 1, "enrolled_by": "birds", "now_us": NOW_US}
    return books.write(lambda session: creators.enrol(session, accounts=accounts, **shown, **told)[0])  # type: ignore[arg-type]


@pytest.fixture
def served(stage: Stage, api_settings: Settings) -> Iterator[str]:
    """The real server on that stage: its host and port."""
    with serving(api_settings) as url:
        yield urlsplit(url).netloc


def calls(client: Klout, number: str) -> dict[str, Any]:
    """Every call that the client has, by the recording that it was told in."""
    return {
        "identity_twitter_screen": client.identity.klout(screenName="ada"),
        "identity_twitter": client.identity.klout(tw="ada"),
        "identity_googleplus": client.identity.klout(gp="112975"),
        "identity_instagram": client.identity.klout(ig="77"),
        "identity_klout_tw": client.identity.tw(klout=number),
        "showUser": client.user(kloutId=number),
        "score": client.user.score(kloutId=number, timeout=30),
        "topics": client.user.topics(kloutId=number),
        "influence": client.user.influence(kloutId=number),
    }


def shape(value: Any) -> Any:
    """Names, nesting and types of a JSON value; a list by the one shape that all its items have."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    if isinstance(value, list):
        shapes = [shape(item) for item in value]
        assert all(one == shapes[0] for one in shapes)
        return shapes[:1]
    return type(value).__name__


@pytest.mark.parametrize("name", SHAPES)
def test_the_shapes_are_those_that_klout_was_recorded_with(data: Path, name: str) -> None:
    """Field by field, what this file expects of an answer is what Klout answered."""
    recorded = json.loads((data / "klout_v2" / f"{name}.json").read_text())
    assert shape(recorded) == SHAPES[name]


def test_every_call_of_the_old_client_is_answered_in_its_shape(stage: Stage, served: str) -> None:
    """Identity by every network, user, score, topics and influence, each named and nested as Klout had it."""
    client = Klout(stage.partner.secret, domain=served)
    number = client.identity.klout(screenName="ada")["id"]
    told = calls(client, number)
    assert {name: shape(answer) for name, answer in told.items()} == {
        name: SHAPES[name] for name in SHAPES if name != "error"
    }
    assert [told[name] for name in list(told)[:4]] == [{"id": number, "network": "ks"}] * 4
    assert told["identity_klout_tw"] == {"id": "ada", "network": "tw"}
    assert (told["showUser"]["kloutId"], told["showUser"]["nick"]) == (number, "ada")
    assert told["showUser"]["scoreDeltas"] == told["score"]["scoreDelta"]
    assert [topic["displayName"] for topic in told["topics"]] == TOPICS


def test_what_the_client_cannot_have_it_hears_in_klouts_words(stage: Stage, served: str) -> None:
    """A wrong key, no key, and a creator who is not there raise the client's own error with Klout's answer."""
    for key in ("tl_wrong", ""):
        with pytest.raises(KloutHTTPError) as denied:
            Klout(key, domain=served).identity.klout(screenName="ada")
        assert (denied.value.e.code, json.load(denied.value.e)) == (403, DENIED)
    client = Klout(stage.partner.secret, domain=served)
    for call in (client.identity.klout, client.user.score):
        with pytest.raises(KloutHTTPError) as missing:
            call(tw="nobody") if call is client.identity.klout else call(kloutId="1")
        body = json.load(missing.value.e)
        assert (missing.value.e.code, body["error"], shape(body)) == (404, 404, SHAPES["error"])


def test_a_long_answer_is_packed_for_who_takes_it(stage: Stage, served: str) -> None:
    """The bytes on the wire are gzip where the client says that it reads that, and plain where it does not."""
    path = f"/v2/user.json/{stage.number(stage.ada)}/influence?key={stage.partner.secret}"
    packed, plain = (sent(served, path, {"Accept-Encoding": how}) for how in ("gzip", "identity"))
    assert (packed[0]["Content-Encoding"], "Content-Encoding" in plain[0]) == ("gzip", False)
    assert json.loads(gzip.decompress(packed[1])) == json.loads(plain[1])
    assert packed[0]["Vary"] == plain[0]["Vary"] == "Accept-Encoding"
    for headers, _ in (packed, plain):
        assert sent(served, path, {"If-None-Match": headers["ETag"], "Accept-Encoding": "gzip"})[1] == b""
    client = Klout(stage.partner.secret, domain=served)
    assert client.user.influence(kloutId=stage.number(stage.ada)) == json.loads(plain[1])


def sent(place: str, path: str, headers: dict[str, str]) -> tuple[Any, bytes]:
    """Headers and bytes that come back for a GET."""
    with closing(HTTPConnection(place, timeout=30)) as connection:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.headers, answer.read()


# What the figures are


def test_the_score_is_the_sticks_score(stage: Stage) -> None:
    """Score, bucket and changes are those of /sticks, before they are rounded to be shown."""
    stick = stage.partner.get(f"/v1/creators/{stage.ada}/sticks").json["klout"]
    told = asked(stage, f"user.json/{stage.number(stage.ada)}/score")
    assert f"{told['score']:.1f}" == stick["score"]
    assert told["bucket"] == stick["bucket"] == "1-9"
    assert f"{told['scoreDelta']['monthChange']:.2f}" == stick["month_change"]


def test_a_bucket_is_where_the_score_lies(stage: Stage) -> None:
    """A score that is shown with all its places is in the stretch that these places say."""
    from api import klout
    from ledger import sticks

    for standing in range(0, 3_000_000_000, 7_654_321):
        told = klout.show_score(sticks.klout(now=standing, day_ago=0, week_ago=0, month_ago=0))
        low, high = map(int, told["bucket"].split("-"))
        assert low <= told["score"] < high + 1


def test_influence_follows_the_ties(stage: Stage) -> None:
    """Who engages most comes first; those who are not enrolled, and those who were answered only, do not come."""
    ada = asked(stage, f"user.json/{stage.number(stage.ada)}/influence")
    assert (nicks(ada["myInfluencers"]), ada["myInfluencersCount"]) == (["grace"], 1)
    assert (nicks(ada["myInfluencees"]), ada["myInfluenceesCount"]) == (["grace", "linus"], 2)
    linus = asked(stage, f"user.json/{stage.number(stage.linus)}/influence")
    assert (nicks(linus["myInfluencers"]), linus["myInfluencees"]) == (["ada"], [])
    grace = ada["myInfluencees"][0]["entity"]
    assert grace["id"] == stage.number(stage.grace)
    assert grace["payload"] == asked(stage, f"user.json/{grace['id']}")


def test_influence_fades_as_ties_do(stage: Stage, clock: Clock) -> None:
    """An act of today outweighs two of three months ago."""
    clock.pass_days(90)
    today = event("late", creator="twitter:ada", facts={"act": "like", "engager": "linus"})
    today["occurred_at"] = "2027-02-20T00:00:00Z"
    assert stage.partner.post("/v1/events", json=today).status_code == 201
    ada = asked(stage, f"user.json/{stage.number(stage.ada)}/influence")
    assert nicks(ada["myInfluencees"]) == ["linus", "grace"]


def test_lists_name_five_and_count_all(stage: Stage, books: Database) -> None:
    """As Klout did: the first five are named, and the counts are of all."""
    for n in range(6):
        joined(books, f"fan-{n}", [AccountOf("twitter", f"fan-{n}")], public=True)
        line = event(f"f-{n}", creator="twitter:ada", facts={"act": "reply", "engager": f"fan-{n}"})
        assert stage.partner.post("/v1/events", json=line).status_code == 201
    ada = asked(stage, f"user.json/{stage.number(stage.ada)}/influence")
    assert (len(ada["myInfluencees"]), ada["myInfluenceesCount"]) == (5, 8)


def nicks(entities: list[Any]) -> list[str]:
    """What those in a list of influence are called."""
    return [one["entity"]["payload"]["nick"] for one in entities]


def asked(stage: Stage, path: str, holder: Holder | None = None) -> Any:
    """What a GET under /v2 answers, which has to succeed."""
    answer = (holder or stage.partner).get(f"/v2/{path}")
    assert answer.status_code == 200, answer.text
    return answer.json


def test_topics_have_an_id_and_a_slug_of_their_own(stage: Stage) -> None:
    """The same topic is the same everywhere, however it is written; the picture is this ledger's mark."""
    told = asked(stage, f"user.json/{stage.number(stage.ada)}/topics")
    assert [topic["slug"] for topic in told] == ["analytical-engines", "music"]
    assert {topic["imageUrl"] for topic in told} == {"http://127.0.0.1:8000/static/mark.svg"}
    assert told[0]["id"] == numbers_of.topic("  analytical ENGINES! ").id != told[1]["id"]
    assert [numbers_of.topic(name).slug for name in ("日本", "C++", "+")] == ["日本", "c", "+"]


# Numbers


def test_a_creator_has_one_number_whoever_asks_first(books: Database, creator_id: str, public_creator_id: str) -> None:
    """Twelve who ask at once are told the same two numbers, which no later question changes."""
    both = [creator_id, public_creator_id]
    with ThreadPoolExecutor(12) as pool:
        told = list(pool.map(lambda _: numbers_of.numbers(books, both), range(12)))
    assert told == [told[0]] * 12
    assert len({*told[0].values()}) == 2
    assert all(0 < number < 2**53 for number in told[0].values())
    assert rows(books, "SELECT count(*) FROM klout") == [(2,)]


def test_a_number_that_is_taken_is_drawn_again(
    books: Database, creator_id: str, public_creator_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Should chance give two creators one number, the second gets another."""
    drawn = iter([6, 6, 6, 7])
    monkeypatch.setattr(secrets, "randbelow", lambda _: next(drawn))
    assert numbers_of.numbers(books, [creator_id]) == {creator_id: 7}
    assert numbers_of.numbers(books, [public_creator_id]) == {public_creator_id: 8}


@pytest.mark.parametrize("number", ["0", "-1", "1.5", "x", "99999999999999999999", "\uff19", "1;"])
def test_what_is_no_number_is_nobodys(stage: Stage, number: str) -> None:
    """A number that nobody has, and what is no number at all, are both not found."""
    assert stage.partner.get(f"/v2/user.json/{number}").status_code == 404


def rows(books: Database, sql: str) -> list[Any]:
    """What a query gives."""
    with books.reading() as session:
        return db.fetch(session, sql)


# Who may know what


def test_a_private_creator_is_not_there_for_strangers(stage: Stage) -> None:
    """By name, by number and in lists: a brand hears of a private creator what it hears of none at all."""
    none = stage.brand.get("/v2/identity.json/tw/nobody")
    paths = ["identity.json/tw/linus", "identity.json/twitter?screenName=linus"]
    number = stage.number(stage.linus)
    paths += [f"user.json/{number}{part}" for part in ("", "/score", "/topics", "/influence")]
    paths += [f"identity.json/klout/{number}/tw"]
    hidden = [stage.brand.get(f"/v2/{path}") for path in paths]
    assert {(answer.status_code, answer.data) for answer in hidden} == {(404, none.data)}
    ada = asked(stage, f"user.json/{stage.number(stage.ada)}/influence", stage.brand)
    assert (nicks(ada["myInfluencees"]), ada["myInfluenceesCount"]) == (["grace"], 1)


def test_nobody_is_given_a_number_by_who_may_not_know_of_them(stage: Stage, books: Database) -> None:
    """Asking for someone who is hidden leaves no trace behind."""
    assert stage.brand.get("/v2/identity.json/tw/linus").status_code == 404
    assert rows(books, "SELECT count(*) FROM klout") == [(0,)]


def test_the_scope_is_asked_for(stage: Stage, key_for: Callable[..., Holder]) -> None:
    """A key that may not read balances reads no score, and hears so in Klout's shape."""
    writer = key_for("partner", "writer", networks=NETWORKS, scopes=["events:write"])
    answer = writer.get("/v2/identity.json/tw/ada")
    assert (answer.status_code, shape(answer.json)) == (403, SHAPES["error"])
    assert "balances:read" in answer.json["description"]


def test_any_network_has_its_own_name(partner: Holder, public_creator_id: str) -> None:
    """Networks that Klout never knew are asked for by their slug, there and back."""
    number = partner.get("/v2/identity.json/youtube/grace").json["id"]
    back = partner.get(f"/v2/identity.json/klout/{number}/youtube").json
    assert back == {"id": "grace", "network": "youtube"}
    assert partner.get(f"/v2/identity.json/klout/{number}/tw").status_code == 404


# The key in the query


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2/user.json/1", 404),
        ("GET", "/v2/nowhere.json", 404),
        ("GET", "/v2/", 404),
        ("POST", "/v2/user.json/1", 405),
        ("GET", "/v2/user.json/1?depth=2", 422),
        ("GET", "/v2/identity.json/twitter", 422),
        ("GET", "/v2/identity.json/twitter?screenName=%00", 422),
    ],
)
def test_every_error_has_klouts_shape_and_not_the_key(
    stage: Stage, client: Any, method: str, path: str, status: int, capfd: pytest.CaptureFixture[str]
) -> None:
    """Whatever goes wrong under /v2 is told as Klout told it; the key is in no answer, log line or metric."""
    secret = stage.partner.secret
    answer = client.open(f"{path}{'&' if '?' in path else '?'}key={secret}", method=method)
    assert (answer.status_code, answer.mimetype, shape(answer.json)) == (status, "application/json", SHAPES["error"])
    assert answer.json["error"] == status
    told = str(answer.headers) + answer.text + client.get("/metrics").text + "".join(capfd.readouterr())
    assert "unmatched" in told or "/v2/" in told
    assert secret not in told
    assert secret[3:] not in told


def test_a_key_in_the_query_opens_nothing_else(stage: Stage, client: Any) -> None:
    """Outside /v2 a key in the address is no key: it is refused as a parameter, and is not repeated."""
    answer = client.get(f"/v1/creators/{stage.ada}/sticks?key={stage.partner.secret}")
    assert answer.status_code == 422
    assert stage.partner.secret not in answer.text


@pytest.mark.parametrize("query", ["key={}", "x=1&key={}", "%6Bey={}", "key={}&key=other"])
def test_the_key_is_found_and_taken_out_of_the_query(query: str) -> None:
    """However it is written, nothing behind the door sees a query with a key in it."""
    from api.klout_keys import _lift

    environ = {"QUERY_STRING": query.format("tl_secret"), "RAW_URI": "/v2/?key=x"}
    _lift(environ)
    assert environ["HTTP_AUTHORIZATION"] == "Bearer tl_secret"
    assert environ["QUERY_STRING"] in ("", "x=1")
    assert "RAW_URI" not in environ


def test_a_database_that_is_away_is_told_in_klouts_shape(tmp_path: Path) -> None:
    """503 with Retry-After, in the shape that the client knows."""
    from api import create_app

    nowhere = f"sqlite:///{tmp_path}/no/such/folder/x.db"
    app = create_app(Settings(database_url=nowhere, pepper=SecretStr("a pepper"), signing_key=SecretStr("a key")))
    answer = app.test_client().get("/v2/user.json/1?key=tl_x")
    told: Any = answer.json
    assert (answer.status_code, told["error"], shape(told)) == (503, 503, SHAPES["error"])
    assert answer.headers["Retry-After"]


def test_an_answer_need_not_be_sent_twice(stage: Stage) -> None:
    """Each answer has an ETag, and 304 for whoever holds it."""
    path = f"/v2/user.json/{stage.number(stage.ada)}/influence"
    tag = stage.partner.get(path).headers["ETag"]
    again = stage.partner.get(path, headers={"If-None-Match": tag})
    assert (again.status_code, again.data) == (304, b"")


def test_engagers_are_matched_by_their_seal_alone(stage: Stage, books: Database) -> None:
    """The ties name nobody: whoever reads the database alone cannot tell who engages with whom."""
    engagers = {row[0] for row in rows(books, "SELECT engager FROM tie")}
    assert events.seal(b"a pepper for tests", "grace") in engagers
    assert not engagers & {"grace", "linus", "ada"}
