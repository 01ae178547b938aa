"""Webhooks as their receivers have them: the real service, asked over HTTP, telling a server of the partner's own."""

import time
from pathlib import Path

from ledger.db import Database
from tests.post import in_order, receiving, rows, wait_until
from tests.service import prepare, serving


def test_a_partner_is_told_of_what_it_posts(sqlite_url: str, tmp_path: Path) -> None:
    """Made over HTTP, a webhook is told of each book that changed, in order, signed by the secret it was shown once."""
    database = Database(sqlite_url)
    secret = prepare(database, ["ada", "bob"])
    allowed = {"webhook_private_networks": "true"}
    with receiving() as receiver, serving(sqlite_url, key=secret, folder=tmp_path, settings=allowed) as service:
        asked = {"url": receiver.url, "types": ["balance.changed", "webhook.test"]}
        made, webhook = service.send("POST", "/v1/webhooks", asked)
        receiver.secrets = [webhook["secret"]]
        tested, _ = service.send("POST", f"/v1/webhooks/{webhook['webhook']}/test")
        told = [engagement(("ada", "bob")[number % 2], number) for number in range(6)]
        posted = [service.send("POST", "/v1/events", event)[0] for event in told]
        wait_until(lambda: len(set(receiver.ids)) == 7)
        wait_until(lambda: {status for (status,) in rows(database, "status")} == {"delivered"})
    database.dispose()

    assert (made, tested, posted, receiver.forged) == (201, 202, [201] * 6, [])
    changed = [message for message in receiver.got if message["type"] == "balance.changed"]
    for account in ("youtube:ada", "youtube:bob"):
        own = [message for message in changed if message["data"]["accounts"] == [account]]
        assert in_order([message["sequence"] for message in own])
        assert [message["data"]["last_seq"] for message in own] == sorted(m["data"]["last_seq"] for m in own)
        assert len({message["sequence"] for message in own}) == 3


def engagement(creator: str, number: int) -> dict[str, object]:
    """A fan's reply, now."""
    return {
        "creator": f"youtube:{creator}",
        "external_ref": f"e{number}",
        "kind": "engagement",
        "occurred_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "facts": {"act": "reply", "engager": f"fan{number}"},
    }
