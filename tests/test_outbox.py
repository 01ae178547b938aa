"""The outbox: what happens is told with its effect or not at all, to those who may know, in the order of each book."""

import itertools
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ledger import (
    audit,
    creators,
    db,
    disputes,
    envelopes,
    erasure,
    events,
    keys,
    outbox,
    posting,
    rules,
    settlement,
    webhooks,
)
from ledger.db import Database
from ledger.disputes import Dispute
from ledger.kinds import KINDS
from ledger.messages import MEMBERS, TYPES, for_role
from ledger.posting import AtomicRefused
from ledger.webhooks import Webhook
from tests.desk import METER, PEPPER, RULES, Counter, noon, tell, variant

NIKE, ADIDAS = "brand:nike", "brand:adidas"
BALANCE = "balance.changed"
P, Q, R = (f"0192f0c1-0000-7000-8000-00000000000{n}" for n in range(3))
TERMS: dict[str, Any] = {"disclosure": "clear", "share": "0.05", "mending": "0.8", "clear": "0.15", "vague": "0.05"}
HOLD = {"brand": "nike", "drain": 1_000_000, "held": 2_000_000, "expires_at_us": noon(14)} | TERMS
Telling = tuple[str, str, dict[str, Any]]


@pytest.fixture
def counter(database: Database) -> Counter:
    """A counter with one creator, u1 on youtube, and an operator's key."""
    opened = Counter(database)
    key(opened, "operator", "ops")
    return opened


def key(counter: Counter, role: str, owner: str, *networks: str) -> str:
    """Make a key; its id."""
    told: dict[str, Any] = {"role": role, "owner": owner, "networks": networks, "pepper": PEPPER, "now_us": 1}
    return counter.database.write(lambda session: keys.create(session, **told))[1]


def hook(counter: Counter, role: str = "operator", owner: str = "ops", *networks: str, **filters: Any) -> Webhook:
    """Make a webhook of a key's owner."""
    told: dict[str, Any] = {"url": "https://example.com/", "private": False, "now_us": 1} | filters
    return counter.database.write(
        lambda session: webhooks.create(session, role=role, owner=owner, networks=networks, **told)
    )


def relay(counter: Counter, limit: int = 1_000) -> int:
    """Relay once."""
    return counter.database.write(lambda session: outbox.relay(session, now_us=noon(100), limit=limit))


def waiting(counter: Counter) -> list[tuple[str, dict[str, Any]]]:
    """The types and bodies of what nobody was told of yet, in the order in which it will be."""
    rows = counter.rows("SELECT type, body FROM outbox ORDER BY made_at_us, message_id")
    return [(name, json.loads(body)) for name, body in rows]


def came(counter: Counter, webhook: Webhook) -> list[str]:
    """The types on their way to a webhook, in sequence, which has no gaps."""
    sql = "SELECT sequence, type FROM delivery WHERE webhook_id = ? ORDER BY sequence"
    rows = counter.rows(sql, webhook.webhook_id)
    assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
    return [row[1] for row in rows]


def post(counter: Counter, kind: str, ref: str, day: int, **facts: Any) -> str:
    """Post one event at noon of a day, told by the ledger itself where partners may not; its status."""
    is_step = KINDS[kind].meters == ("brand",)
    facts = ({"meter": NIKE} if is_step else {}) | ({"brand": "nike"} if is_step and kind != "exchange" else {}) | facts
    if KINDS[kind].internal:
        facts["source"] = events.OWN
    return counter.one(kind, ref=ref, day=day, **facts).status


def contest(counter: Counter, seq: int, reason: str, *, day: int) -> Dispute:
    """Contest a line at noon of a day."""
    told: dict[str, Any] = {"creator_id": counter.ids["u1"], "meter": METER, "seq": seq, "reason": reason}
    return counter.database.write(lambda session: disputes.contest(session, **told, now_us=noon(day)))[0]


def resolve(counter: Counter, found: Dispute, verdict: str, *, day: int) -> None:
    """Settle a dispute at noon of a day."""
    told: dict[str, Any] = {"creator_id": found.creator_id, "dispute_id": found.dispute_id, "verdict": verdict}
    told |= {"resolution": "so", "resolved_by": "acme", "schedule": RULES, "pepper": PEPPER}
    counter.database.write(lambda session: disputes.resolve(session, **told, clock=lambda: noon(day)))


def sound(counter: Counter) -> bool:
    """Whether the books can be worked out again to the last micro."""
    with counter.database.snapshot() as session:
        return audit.verify(session, schedule=RULES).ok


# With the effect or not at all


def test_nobody_listens_so_nothing_is_written(counter: Counter) -> None:
    """Without any webhook the outbox stays empty; the first one hears of what comes after it."""
    post(counter, "engagement", "before", 0, act="reply", engager="fan")
    hook(counter)
    post(counter, "engagement", "after", 0, act="reply", engager="other fan")
    assert [(name, body["first_seq"]) for name, body in waiting(counter)] == [("balance.changed", 2)]


def test_what_is_rolled_back_was_never_told(counter: Counter) -> None:
    """A refusal, an atomic batch that is refused, and a failure after posting leave no message."""
    hook(counter)
    fan = tell("engagement", ref="a", at_us=noon(0), act="reply", engager="fan")
    bad = tell("apology", ref="b", at_us=noon(0), breach="nothing", responsibility=True)
    assert counter.post(bad, now_us=noon(0))[0].status == "refused"
    with pytest.raises(AtomicRefused):
        counter.post(fan, tell("apology", ref="c", at_us=noon(0), breach="nothing"), now_us=noon(0), atomic=True)

    def fail(session: db.Session) -> None:
        posting.post(session, events=[fan], clock=lambda: noon(0), schedule=RULES)
        assert outbox.waits(session)
        raise KeyError

    with pytest.raises(KeyError):
        counter.database.write(fail)
    assert waiting(counter) == []


def test_a_replay_is_no_news(counter: Counter) -> None:
    """The same event told again is answered again, and told of once."""
    hook(counter)
    for _ in range(3):
        post(counter, "engagement", "a", 0, act="reply", engager="fan")
    assert [name for name, _ in waiting(counter)] == ["balance.changed"]


def test_a_call_is_told_of_once_a_book(counter: Counter) -> None:
    """However many lines a call posts, a book's balance is told of once: which lines, of what kinds, what is there."""
    hook(counter)
    counter.enrol("u2")
    told = [
        tell("engagement", ref=f"{name}{n}", at_us=noon(0), creator=f"youtube:{name}", act="like", engager=f"fan {n}")
        for n in range(5)
        for name in ("u1", "u2")
    ]
    counter.post(*told, tell("post", ref="post", at_us=noon(0)), now_us=noon(0))
    found = {body["creator_id"]: body for _, body in waiting(counter)}
    assert len(found) == len(waiting(counter)) == 2
    body = found[counter.ids["u1"]]
    assert body["lines"] == {"engagement": 5, "post": 1}
    assert (body["first_seq"], body["last_seq"], body["meter"]) == (1, 6, METER)
    assert body["standing"] == body["change"] == "5.000000"
    assert {*body} == {"creator_id", "meter", "recorded_at", *MEMBERS["balance.changed"]}


def test_time_that_passes_is_no_news(counter: Counter) -> None:
    """Settling changes no balance that a reader can see, and a line without amount none: neither is told of."""
    post(counter, "engagement", "a", 0, act="reply", engager="fan")
    hook(counter)
    settlement.settle(counter.database, through_day=noon(5) // 86_400_000_000, clock=lambda: noon(5), schedule=RULES)
    post(counter, "post", "p", 10)
    assert len(counter.entries()) == 4
    assert waiting(counter) == []


def test_the_change_is_what_happened_and_not_the_days_before(counter: Counter) -> None:
    """Where a book is settled on the way, the change is against what a reader saw just before."""
    post(counter, "engagement", "a", 0, act="reply", engager="fan")
    hook(counter)
    before = counter.state(30).standing
    post(counter, "engagement", "b", 30, act="reply", engager="other")
    (_, body), after = waiting(counter)[0], counter.state(30).standing
    assert body["standing"] == f"{after / 1e6:.6f}"
    assert body["change"] == f"{(after - before) / 1e6:.6f}" == "5.000000"
    assert (body["first_seq"], body["last_seq"]) == (2, 3)


def test_the_past_that_is_filled_in_is_no_news(counter: Counter) -> None:
    """Backfill tells nobody anything; the first live event does."""
    hook(counter)
    old = tell("engagement", ref="old", at_us=noon(0), act="reply", engager="fan")
    assert counter.post(old, now_us=noon(5), backfill=True)[0].status == "posted"
    assert waiting(counter) == []
    post(counter, "engagement", "new", 5, act="reply", engager="fan")
    assert [name for name, _ in waiting(counter)] == ["balance.changed"]


# Of what is told

STEPS: list[Telling] = [("introduction", "i", {}), ("introduction_accepted", "i:a", {})]
HELD = [*STEPS, ("engagement", "e", {"act": "reply", "engager": "fan"}), ("pitch_held", P, HOLD)]
STEP = {"pitch": P, "brand": "nike", "by": "creator"}
ACCEPTED = [*HELD, ("pitch_accepted", "p:a", STEP)]
OUT = {"pitch": P, "brand": "nike", "disclosure": "clear"}
ALLEGED: list[Telling] = [("allegation", "al", {"severity": 2, "category": "deception"})]
FOUND = [*ALLEGED, ("substantiation", "su", {"allegation": "al", "by": "press", "evidence": "x"})]
BROKEN: list[Telling] = [("breach", "br", {"severity": 1})]
SHOWN_PITCH = "pitch_" + "{creator}" + P.replace("-", "")
STORIES: dict[str, tuple[list[Telling], dict[str, Any]]] = {
    "relationship.introduced": ([STEPS[0]], {"brand": "nike"}),
    "relationship.accepted": (STEPS, {"brand": "nike", "by": "creator"}),
    "relationship.declined": ([STEPS[0], ("introduction_declined", "d", {"by": "partner"})], {"by": "partner"}),
    "relationship.ended": ([*STEPS, ("relationship_ended", "x", {"by": "brand"})], {"by": "brand"}),
    "relationship.blocked": ([*STEPS, ("brand_blocked", "x", {})], {"brand": "nike"}),
    "relationship.unblocked": ([*STEPS, ("brand_blocked", "x", {}), ("brand_unblocked", "y", {})], {"brand": "nike"}),
    "pitch.held": (HELD, {"pitch": SHOWN_PITCH, "quoted": "1.000000", "held": "2.000000", "disclosure": "clear"}),
    "pitch.accepted": (ACCEPTED, {"pitch": SHOWN_PITCH, "brand": "nike", "by": "creator"}),
    "pitch.declined": ([*HELD, ("pitch_declined", "p:d", STEP)], {"pitch": SHOWN_PITCH}),
    "pitch.withdrawn": ([*HELD, ("pitch_withdrawn", "p:w", STEP | {"by": "brand"})], {"by": "brand"}),
    "pitch.expired": ([*HELD, ("pitch_expired", "p:x", STEP | {"by": "ledger", "day": 20})], {"by": "ledger"}),
    "pitch.published": ([*ACCEPTED, ("pitch_published", "p:p", OUT)], {"captured": "1.000000", "pitch": SHOWN_PITCH}),
    "pitch.outcome": (
        [
            *ACCEPTED,
            ("pitch_published", "p:p", OUT),
            ("outcome", "o", {"pitch": "p:p", "positive": 5, "negative": 90, "day": 15, "reported_by": events.OWN}),
        ],
        {"pitch": SHOWN_PITCH, "brand": "nike"},
    ),
    "pitch.recorded": ([("pitch", "p", {"brand": "nike", "disclosure": "vague"})], {"captured": "1.000000"}),
    "pitch.undisclosed": ([("undisclosed_pitch", "p", {"brand": "nike"})], {"brand": "nike"}),
    "allegation.opened": (ALLEGED, {"severity": 2, "category": "deception", "by": "audience"}),
    "allegation.answered": (
        [*ALLEGED, ("answer", "an", {"allegation": "al", "stance": "denies"})],
        {"stance": "denies"},
    ),
    "allegation.substantiated": (FOUND, {"by": "press"}),
    "allegation.dismissed": ([*ALLEGED, ("dismissal", "di", {"allegation": "al"})], {"by": "platform"}),
    "breach.recorded": (BROKEN, {"severity": 1, "category": "other"}),
    "breach.evaded": ([*BROKEN, ("evasion", "ev", {"breach": "br"})], {}),
    "breach.owned": ([*BROKEN, ("apology", "ap", {"breach": "br", "responsibility": True})], {}),
    "breach.cleared": ([*BROKEN, ("cleared", "cl", {"breach": "br"})], {}),
}


@pytest.mark.parametrize("name", STORIES)
def test_what_happened_is_told_of_by_its_name(counter: Counter, name: str) -> None:
    """Each step is told of with its line, its event and who took it; never with a name, a text or a reference."""
    hook(counter)
    story, expected = STORIES[name]
    for day, (kind, ref, facts) in enumerate(story):
        without_day = {fact: value for fact, value in facts.items() if fact != "day"}
        assert post(counter, kind, ref, facts.get("day", day), **without_day) == "posted"
    told, body = next(item for item in reversed(waiting(counter)) if item[0] != "balance.changed")
    creator = counter.ids["u1"]
    assert told == name
    digits = creator.replace("-", "")
    shown = {k: v.format(creator=digits) if isinstance(v, str) else v for k, v in expected.items()}
    assert {k: body.get(k) for k in expected} == shown
    assert {*body} == {"creator_id", "meter", "recorded_at", *MEMBERS[name]}
    assert (body["creator_id"], body["meter"] in (METER, NIKE)) == (creator, True)
    assert counter.rows(
        "SELECT event_id FROM entry WHERE creator_id = ? AND meter = ? AND seq = ?", creator, body["meter"], body["seq"]
    ) == [(body["event_id"],)]
    assert not {"u1", "fan", "evidence", "source", "external_ref"} & set(json.dumps(body).replace('"', " ").split())
    assert sound(counter)


def test_silence_is_told_of_as_evasion(counter: Counter) -> None:
    """What nobody answered in time is evaded, whoever found that."""
    hook(counter)
    for day, (kind, ref, facts) in enumerate(FOUND):
        post(counter, kind, ref, day, **facts)
    assert post(counter, "silence", "si", 40, allegation="al", reported_by="acme") == "posted"
    assert [name for name, _ in waiting(counter)][-2:] == ["breach.evaded", "balance.changed"]


def test_a_label_is_told_of_from_and_to(counter: Counter) -> None:
    """A label that changed says what it was and what it is."""
    hook(counter)
    for n in range(6):
        kind, facts = ("pitch", {"brand": "x", "disclosure": "clear"}) if n % 2 else ("post", {})
        post(counter, kind, f"{n}", n, **facts)
    assert post(counter, "label", "l", 7) == "posted"
    name, body = waiting(counter)[-1]
    assert (name, body["from"]) == ("label.changed", "new")
    assert body["to"] == counter.book().label
    assert {*body} == {"creator_id", "meter", "recorded_at", *MEMBERS["label.changed"]}


def test_disputes_and_new_rules_are_told_of(counter: Counter) -> None:
    """A contested line, its verdict after what it undid, and a policy that was announced: but not the first one."""
    hook(counter)
    assert waiting(counter) == []
    post(counter, "breach", "br", 0, severity=2)
    seq = counter.entries()[-1][2]
    found = contest(counter, seq, "no", day=1)
    for _ in range(2):
        resolve(counter, found, "upheld", day=2)
    later, day = variant(name="later"), noon(20) // 86_400_000_000
    for _ in range(2):
        counter.database.write(lambda s: rules.install(s, later, effective_day=day, now_us=noon(3)))
    names = [name for name, _ in waiting(counter)]
    assert names[2:] == ["dispute.opened", "balance.changed", "dispute.resolved", "policy.announced"]
    bodies = [body for _, body in waiting(counter)]
    assert (bodies[2]["dispute"], bodies[2]["seq"], bodies[4]["status"]) == (found.name, seq, "upheld")
    assert (bodies[5]["policy"], bodies[5]["name"]) == (later.version, "later")
    assert {*bodies[5]} == {"recorded_at", *MEMBERS["policy.announced"]}
    assert {*bodies[4]} == {"creator_id", "meter", "recorded_at", *MEMBERS["dispute.resolved"]}


def test_every_type_there_is_is_seen_here() -> None:
    """No type stands in the list that nothing comes to."""
    seen = {
        *STORIES,
        "balance.changed",
        "label.changed",
        "creator.erased",
        "dispute.opened",
        "dispute.resolved",
        "policy.announced",
    }
    assert seen | {"webhook.test"} == set(TYPES) == set(MEMBERS)


@pytest.mark.parametrize("at_once", [True, False])
def test_a_clock_that_is_ahead_mixes_nothing_up(counter: Counter, at_once: bool) -> None:
    """What comes after the word of a host whose clock is days ahead is told of after it, relayed meanwhile or not."""
    webhook = hook(counter)
    post(counter, "breach", "br", 0, severity=2)
    seq = counter.entries()[-1][2]
    for day, reason in ((9, "no"), (1, "still no")):
        found = contest(counter, seq, reason, day=day)
        if not at_once:
            relay(counter)
        resolve(counter, found, "rejected", day=day - 1)
    post(counter, "engagement", "late", 1, act="reply", engager="fan")
    relay(counter)
    disputed = ["dispute.opened", "dispute.resolved"] * 2
    assert came(counter, webhook) == ["breach.recorded", BALANCE, *disputed, BALANCE]


# To whom it is told


def story(counter: Counter) -> None:
    """Nike is let in by u1 (youtube) and u2 (youtube, tiktok), holds a pitch with u1; puma is recorded, unmet.

    Adidas asks u2 to be let in.
    """
    for name in ("u1", "u2"):
        creator = f"youtube:{name}"
        for kind, ref, facts in STEPS:
            post(counter, kind, ref, 0, creator=creator, **facts)
        post(counter, "engagement", "e", 1, creator=creator, act="reply", engager="fan")
    post(counter, "pitch_held", P, 2, **HOLD)
    post(counter, "pitch", "p", 3, brand="puma", disclosure="clear")
    post(counter, "brand_blocked", "block:x", 3, brand="puma", meter="brand:puma")
    post(counter, "introduction", "adidas", 4, creator="youtube:u2", brand="adidas", meter=ADIDAS)
    post(counter, "engagement", "t", 4, creator="tiktok:u2", act="reply", engager="fan")


def enrol_twice(counter: Counter) -> None:
    """Enrol u2 on youtube and on tiktok."""
    accounts = [creators.AccountOf(network, "u2", None) for network in ("youtube", "tiktok")]
    told: dict[str, Any] = {"display_name": "u2", "accounts": accounts, "enrolled_by": "acme", "now_us": 1}
    counter.ids["u2"] = counter.database.write(lambda s: creators.enrol(s, consent_at_us=1, **told))[0]


WHO: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "operator": ("operator", "ops", ()),
    "operator of tiktok": ("operator", "tik", ("tiktok",)),
    "partner of youtube": ("partner", "acme", ("youtube",)),
    "partner of tiktok": ("partner", "bolt", ("tiktok",)),
    "nike": ("brand", "nike", ()),
    "puma": ("brand", "puma", ()),
    "adidas": ("brand", "adidas", ()),
    "u1": ("creator", "u1", ()),
    "u2": ("creator", "u2", ()),
    "nobody's": ("creator", "0192f0c1-0000-7000-8000-0000000000ff", ()),
}
ONE, TWO = ("u1", METER), ("u2", METER)
ALL = {ONE, TWO, ("u1", NIKE), ("u2", NIKE), ("u2", "network:tiktok"), ("u1", "brand:puma"), ("u2", ADIDAS)}
TOLD: dict[str, set[tuple[str, str]]] = {
    "operator": ALL,
    "operator of tiktok": {("u2", NIKE), ("u2", ADIDAS), ("u2", "network:tiktok")},
    "partner of youtube": ALL - {("u2", "network:tiktok")},
    "partner of tiktok": {("u2", NIKE), ("u2", ADIDAS), ("u2", "network:tiktok")},
    "nike": {("u1", NIKE), ("u2", NIKE), ONE},
    "puma": set(),
    "adidas": {("u2", ADIDAS)},
    "u1": {ONE, ("u1", NIKE), ("u1", "brand:puma")},
    "u2": {TWO, ("u2", NIKE), ("u2", ADIDAS), ("u2", "network:tiktok")},
    "nobody's": set(),
}


def test_each_is_told_of_what_it_may_know(counter: Counter) -> None:
    """Every role hears of its own books and no others; a brand of steps it took part in, and of no creator unmet."""
    enrol_twice(counter)
    made = {}
    for name, (role, whose, networks) in WHO.items():
        owner = counter.ids.get(whose, whose)
        if name != "operator":
            key(counter, role, owner, *networks)
        made[name] = hook(counter, role, owner, *networks)
    story(counter)
    relay(counter)
    names = {creator_id: name for name, creator_id in counter.ids.items()}
    for name, webhook in made.items():
        sql = "SELECT creator_id, meter, type FROM delivery WHERE webhook_id = ?"
        rows = counter.rows(sql, webhook.webhook_id)
        assert {(names[str(row[0])], row[1]) for row in rows} == TOLD[name], name
        assert {row[2] for row in rows} <= set(for_role(webhook.role)), name
    assert set(came(counter, made["nike"])) == {"relationship.introduced", "relationship.accepted", "pitch.held"}


def test_new_rules_are_told_to_everybody(counter: Counter) -> None:
    """A policy that is announced concerns whoever has a webhook and a key."""
    made = []
    for role, owner, networks in (*list(WHO.values())[1:7], ("creator", counter.ids["u1"], ())):
        key(counter, role, owner, *networks)
        made.append(hook(counter, role, owner, *networks, types=["policy.announced"]))
    day = noon(20) // 86_400_000_000
    counter.database.write(lambda s: rules.install(s, variant(name="later"), effective_day=day, now_us=noon(3)))
    post(counter, "breach", "br", 0, severity=2)
    relay(counter)
    assert [came(counter, webhook) for webhook in made] == [["policy.announced"]] * 7


def test_filters_are_kept_to(counter: Counter) -> None:
    """A webhook gets the types and meters that it asked for: exact ones, or a family."""
    enrol_twice(counter)
    exact, family = hook(counter, types=["breach.recorded"]), hook(counter, types=["pitch.*", "label.changed"])
    meters, both = hook(counter, meters=[NIKE]), hook(counter, types=["pitch.*"], meters=["network:tiktok"])
    story(counter)
    post(counter, "breach", "br", 5, severity=2)
    relay(counter)
    assert came(counter, exact) == ["breach.recorded"]
    assert came(counter, family) == ["pitch.held", "pitch.recorded"]
    assert set(came(counter, meters)) == {"relationship.introduced", "relationship.accepted", "balance.changed"}
    assert came(counter, both) == []


def test_who_holds_no_live_key_is_told_nothing(counter: Counter) -> None:
    """A revoked or expired key ends its owner's webhooks; another live one of the owner keeps them, in its networks."""
    first, second = key(counter, "partner", "acme", "youtube", "tiktok"), key(counter, "partner", "acme", "tiktok")
    webhook = hook(counter, "partner", "acme", "youtube", "tiktok")
    post(counter, "breach", "a", 0, severity=2)
    relay(counter)
    assert len(came(counter, webhook)) == 2
    counter.database.write(lambda s: keys.revoke(s, key_id=first, now_us=1))
    post(counter, "breach", "b", 1, severity=2)
    relay(counter)
    assert len(came(counter, webhook)) == 2
    enrol_twice(counter)
    post(counter, "engagement", "t", 4, creator="tiktok:u2", act="reply", engager="fan")
    relay(counter)
    assert len(came(counter, webhook)) == 3
    counter.database.write(
        lambda s: db.execute(s, "UPDATE api_key SET expires_at_us = ? WHERE key_id = ?", (noon(5), second))
    )
    post(counter, "engagement", "t2", 5, creator="tiktok:u2", act="reply", engager="fan two")
    relay(counter)
    assert len(came(counter, webhook)) == 3


def test_who_may_read_no_balance_any_more_is_told_nothing(counter: Counter) -> None:
    """A key that may not read keeps no webhook of its owner's going, on no network of its own."""
    told: dict[str, Any] = {"role": "partner", "owner": "acme", "pepper": PEPPER, "now_us": 1}
    rights: dict[str, Any] = {"networks": ["youtube"], "scopes": ["webhooks:write"]}
    counter.database.write(lambda session: keys.create(session, **told, **rights))
    webhook = hook(counter, "partner", "acme", "youtube", "tiktok")
    key(counter, "partner", "acme", "tiktok")
    post(counter, "breach", "a", 0, severity=2)
    relay(counter)
    assert came(counter, webhook) == []
    key(counter, "partner", "acme", "youtube")
    post(counter, "breach", "b", 1, severity=2)
    relay(counter)
    assert came(counter, webhook) == ["breach.recorded", BALANCE]


def test_a_brands_book_is_told_of_on_all_its_networks_or_none(counter: Counter) -> None:
    """Who acts for some of a creator's networks hears how a brand stands there, and not what its book holds."""
    enrol_twice(counter)
    reach = {"acme": ("youtube",), "bolt": ("tiktok",), "both": ("tiktok", "youtube")}
    made = {}
    for owner, networks in reach.items():
        key(counter, "partner", owner, *networks)
        made[owner] = hook(counter, "partner", owner, *networks)
    for kind, ref, facts in STEPS:
        post(counter, kind, ref, 0, creator="youtube:u2", **facts)
    relay(counter)
    steps = ["relationship.introduced", "relationship.accepted"]
    assert [came(counter, made[owner]) for owner in reach] == [steps, steps, [*steps, BALANCE]]


def test_messages_wait_for_a_webhook_that_is_paused(counter: Counter) -> None:
    """A pause loses nothing: what happens meanwhile is put on its way and waits."""
    webhook = hook(counter)
    counter.database.write(lambda s: webhooks.amend(s, webhook=webhook, private=False, now_us=1, status="paused"))
    post(counter, "breach", "a", 0, severity=2)
    relay(counter)
    assert came(counter, webhook) == ["breach.recorded", "balance.changed"]


# In the order of each book


def test_a_relay_goes_on_where_the_last_one_ended(counter: Counter) -> None:
    """In steps of any size messages keep their order, each goes out once, and the outbox is empty in the end."""
    webhook = hook(counter)
    for n in range(5):
        post(counter, "breach", f"{n}", n, severity=1)
    order = [name for name, _ in waiting(counter)]
    steps = [relay(counter, limit=3) for _ in range(5)]
    assert (steps, came(counter, webhook), waiting(counter)) == ([3, 3, 3, 1, 0], order, [])


def test_a_deleted_webhook_leaves_nothing(counter: Counter) -> None:
    """With a webhook goes all that was on its way to it; what comes after is nobody's."""
    webhook = hook(counter)
    post(counter, "breach", "a", 0, severity=1)
    relay(counter)
    post(counter, "breach", "b", 1, severity=1)
    counter.database.write(lambda s: webhooks.delete(s, webhook_id=webhook.webhook_id))
    assert relay(counter) == 2
    assert counter.rows("SELECT * FROM delivery") == counter.rows("SELECT * FROM outbox") == []


def test_many_at_once_keep_the_order_of_each_book(database: Database) -> None:
    """While four threads post and two relay, sequences have no gaps and each book's messages go in its own order."""
    counter, threads, each = Counter(database, names=("u1", "u2", "u3")), 4, 15
    key(counter, "operator", "ops")
    hooks = [hook(counter), hook(counter, types=[BALANCE])]
    over, numbers = threading.Event(), itertools.count()

    def work(seed: int) -> None:
        for n in range(each):
            facts: dict[str, Any] = {"ref": f"{seed} {n}", "severity": 1, "at_us": noon(0)}
            told = [tell("breach", creator=f"youtube:{name}", **facts) for name in ("u1", "u2", "u3")[seed % 2 :]]
            counter.post(*told, now_us=noon(1) + next(numbers))

    def pass_on() -> None:
        while not over.is_set() or waiting(counter):
            relay(counter, limit=7)

    with ThreadPoolExecutor(threads + 2) as pool:
        relays = [pool.submit(pass_on) for _ in range(2)]
        workers = [pool.submit(work, seed) for seed in range(threads)]
        for one in workers:
            one.result()
        over.set()
        for one in relays:
            one.result()
    for webhook in hooks:
        assert len(came(counter, webhook)) == 10 * each * (2 if webhook == hooks[0] else 1)
        lines: dict[str, list[int]] = {}
        sql = "SELECT creator_id, type, body FROM delivery WHERE webhook_id = ? ORDER BY sequence"
        for creator_id, name, text in counter.rows(sql, webhook.webhook_id):
            lines.setdefault(str(creator_id), []).append(json.loads(text)["last_seq" if name == BALANCE else "seq"])
        assert all(found == sorted(found) for found in lines.values())
        assert {max(found) for found in lines.values()} == {2 * each, 4 * each}
    assert sound(counter)


# What is sent


def test_an_envelope_names_accounts_only_while_there_are_any(counter: Counter) -> None:
    """A partner reads its own ids, on its own networks; they are looked up when it is sent, and kept nowhere."""
    enrol_twice(counter)
    key(counter, "partner", "acme", "youtube")
    key(counter, "brand", "nike")
    made = {"partner": hook(counter, "partner", "acme", "youtube"), "brand": hook(counter, "brand", "nike")}
    made["ops"] = hook(counter)
    for kind, ref, facts in STEPS:
        post(counter, kind, ref, 0, creator="youtube:u2", **facts)
    relay(counter)
    assert "youtube:u2" not in repr(counter.rows("SELECT body FROM delivery"))

    def opened(webhook: Webhook) -> dict[str, Any]:
        with counter.database.reading() as session:
            first = envelopes.listed(session, webhook_id=webhook.webhook_id, limit=9)[-1]
            sent = envelopes.envelope(session, first, webhook)
            assert sent == envelopes.envelope(session, first, webhook)
        found: dict[str, Any] = json.loads(sent)
        return found

    told = {name: opened(webhook) for name, webhook in made.items()}
    assert {name: body["data"]["accounts"] for name, body in told.items()} == {
        "partner": ["youtube:u2"],
        "brand": [],
        "ops": ["tiktok:u2", "youtube:u2"],
    }
    assert list(told["ops"]) == ["type", "timestamp", "sequence", "data"]
    assert (told["ops"]["type"], told["ops"]["timestamp"]) == ("relationship.introduced", "2026-05-27T12:00:00Z")
    counter.database.write(lambda s: db.execute(s, "DELETE FROM account WHERE creator_id = ?", (counter.ids["u2"],)))
    assert opened(made["partner"])["data"]["accounts"] == []


def test_partners_hear_whom_to_forget(counter: Counter) -> None:
    """An erasure is told to the partners of the creator's networks, by id alone; nothing older is sent again."""
    enrol_twice(counter)
    key(counter, "partner", "acme", "youtube")
    key(counter, "partner", "bolt", "video")
    webhook, other = hook(counter, "partner", "acme", "youtube"), hook(counter, "partner", "bolt", "video")
    post(counter, "breach", "a", 0, severity=1, creator="youtube:u2")
    relay(counter)
    told: dict[str, Any] = {"creator_id": counter.ids["u2"], "erased_by": "operator:ops", "pepper": PEPPER}
    counter.database.write(lambda s: erasure.erase(s, **told, clock=lambda: noon(1), schedule=RULES))
    counter.database.write(erasure.sweep)
    assert relay(counter) == 2
    assert came(counter, other) == []
    assert came(counter, webhook) == ["breach.recorded", "balance.changed", "creator.erased"]
    again = counter.database.write(lambda s: envelopes.replay(s, webhook=webhook, first=1, last=3, now_us=noon(2)))
    assert again.count == 1
    with counter.database.reading() as session:
        first = envelopes.listed(session, webhook_id=webhook.webhook_id, limit=1)[0]
        sent = json.loads(envelopes.envelope(session, first, webhook))
    assert sent["data"] == {"creator_id": counter.ids["u2"], "meter": METER, "recorded_at": "2026-05-28T12:00:00Z"}
    assert sound(counter)
