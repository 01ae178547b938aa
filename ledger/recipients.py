"""Recipients: which webhooks may be told of a message, and want to be.

A partner is told of the books on its networks and of how brands stand with creators who have one there, of what a
brand's book holds if all of the creator's networks are its own; a brand of its own pitches and relationships, a creator
of their own books, an operator of all that its key reached. Whoever holds no live key any more that may read balances
is told nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from ledger import db, webhooks
from ledger.db import Reading
from ledger.messages import FOR_ALL, NOBODY, Message, for_role
from ledger.webhooks import Webhook

Holder = tuple[str, str]
READS = "balances:read"  # what a key needs to have a webhook made, and to keep it going
_BOUND_SQL = f"SELECT {webhooks.COLUMNS} FROM webhook w WHERE w.role IN ('operator', 'partner')"
_KEYED_SQL = f"SELECT {webhooks.COLUMNS} FROM {{keys}} CROSS JOIN webhook w WHERE w.role = k.c0 AND w.owner = k.c1"
_LIVE_SQL = (
    "SELECT a.role, a.owner, a.networks, a.scopes FROM {keys} CROSS JOIN api_key a"
    " WHERE a.role = k.c0 AND a.owner = k.c1 AND a.revoked_at_us IS NULL"
    " AND (a.expires_at_us IS NULL OR a.expires_at_us > ?)"
)
_NETWORKS_SQL = (
    "SELECT b.creator_id, b.meter FROM {keys} CROSS JOIN book b"
    " WHERE b.creator_id = k.c0 AND substr(b.meter, 1, 8) = 'network:'"
)


@dataclass(frozen=True, slots=True)
class Recipient:
    """A webhook with a live owner: the types and meters it wants, and the networks it is for; None is any."""

    webhook: Webhook
    types: frozenset[str]
    meters: frozenset[str] | None
    networks: frozenset[str] | None

    def gets(self, message: Message, shared: Mapping[str, frozenset[str]]) -> bool:
        """Whether it wants a message and may have it; `shared` are the networks of creators by their ids."""
        if message.type not in self.types or (self.meters is not None and message.meter not in self.meters):
            return False
        return message.type in FOR_ALL or self._may_know(message, shared)

    def _may_know(self, message: Message, shared: Mapping[str, frozenset[str]]) -> bool:
        if self.webhook.role == "brand":
            return message.brand == self.webhook.owner
        if self.webhook.role == "creator":
            return message.creator_id == self.webhook.owner
        return self.networks is None or _is_reached(message, self.networks, shared.get(message.creator_id, frozenset()))


def _is_reached(message: Message, networks: frozenset[str], shared: frozenset[str]) -> bool:
    """Whether whoever acts for some networks may know of a message about a book of a creator who is on the shared ones.

    How a brand stands with the creator is known on all of these, what its book holds to whoever acts for all.
    """
    kind, _, slug = message.meter.partition(":")
    if kind == "network":
        return slug in networks
    if message.type.startswith("relationship."):
        return not networks.isdisjoint(shared)
    return bool(shared) and shared <= networks


def find(session: Reading, *, messages: Collection[Message], now_us: int) -> list[Recipient]:
    """All webhooks that any of these messages may concern, by id, their owners' keys being live."""
    found = _candidates(session, messages)
    live = living(session, holders={(webhook.role, webhook.owner) for webhook in found}, now_us=now_us)
    there = [webhook for webhook in found if (webhook.role, webhook.owner) in live]
    return [_recipient(webhook, live[webhook.role, webhook.owner]) for webhook in there]


def _candidates(session: Reading, messages: Collection[Message]) -> list[Webhook]:
    if any(message.type in FOR_ALL for message in messages):
        rows = db.fetch(session, f"SELECT {webhooks.COLUMNS} FROM webhook w")
    else:
        holders = {("creator", message.creator_id) for message in messages}
        holders |= {("brand", message.brand) for message in messages if message.brand}
        rows = [*db.fetch(session, _BOUND_SQL), *db.fetch_keyed(session, _KEYED_SQL, ("text", "text"), sorted(holders))]
    return sorted(map(webhooks.of_row, rows), key=lambda webhook: webhook.webhook_id)


def living(session: Reading, *, holders: Iterable[Holder], now_us: int) -> dict[Holder, frozenset[str] | None]:
    """Those of these (role, owner) who hold a live key that may read balances, with these keys' networks; None: all."""
    reached: dict[Holder, frozenset[str] | None] = {}
    rows = db.fetch_keyed(session, _LIVE_SQL, ("text", "text"), sorted(holders), (now_us,))
    for role, owner, networks in (row[:3] for row in rows if READS in row[3].split()):
        own, known = frozenset(networks.split()), reached.get((role, owner), frozenset())
        reached[role, owner] = None if known is None or (role == "operator" and not own) else known | own
    return reached


def _recipient(webhook: Webhook, reached: frozenset[str] | None) -> Recipient:
    """A webhook is for what the key that made it reached, as far as its owner's keys do so still."""
    known = for_role(webhook.role)
    wanted = {name for name in known for chosen in webhook.types if _is_chosen(name, chosen)}
    bound: frozenset[str] | None = webhook.networks
    if webhook.role == "operator" and not webhook.networks:
        bound = reached
    elif reached is not None:
        bound = webhook.networks & reached
    meters = frozenset(webhook.meters) or None
    return Recipient(webhook, frozenset(wanted if webhook.types else known), meters, bound)


def _is_chosen(name: str, chosen: str) -> bool:
    return name == chosen or (chosen.endswith(".*") and name.startswith(chosen[:-1]))


def shared_networks(session: Reading, messages: Collection[Message]) -> dict[str, frozenset[str]]:
    """The networks of those creators whose books with brands are spoken of."""
    creators = {m.creator_id for m in messages if not m.meter.startswith("network:") and m.creator_id != NOBODY}
    rows = db.fetch_keyed(session, _NETWORKS_SQL, ("id",), [(creator_id,) for creator_id in sorted(creators)])
    found: dict[str, set[str]] = {}
    for creator_id, meter in rows:
        found.setdefault(str(creator_id), set()).add(meter.partition(":")[2])
    return {creator_id: frozenset(networks) for creator_id, networks in found.items()}
