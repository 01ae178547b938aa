"""Events as they come in and receipts as they go out: the hot path, so no schema stands in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import marshmallow as ma

from api import fields, state
from api.auth import network_of, speaks_for_all
from api.blueprint import pointers
from ledger import events, lookups, notation
from ledger.errors import Forbidden, InvalidEvent
from ledger.events import CreatorRef, NewEvent, Receipt
from ledger.keys import Key

REQUIRED = frozenset(("creator", "kind", "external_ref", "occurred_at"))
KNOWN = REQUIRED | {"meter", "facts"}


class EventIn(ma.Schema):
    """An event's envelope. It only explains what is wrong with one that `read` does not take."""

    creator = fields.SafeString(required=True, longest=300)
    meter = fields.SafeString(allow_none=True, longest=80)
    kind = fields.SafeString(required=True, longest=40)
    external_ref = fields.SafeString(required=True)
    occurred_at = fields.Instant(required=True)
    facts = ma.fields.Dict(keys=ma.fields.String())


ENVELOPE = EventIn()


def read(given: Any, *, key: Key, pepper: bytes) -> NewEvent:
    """An event from its parsed JSON. Raises InvalidEvent, or Forbidden where the key may not tell of it."""
    if type(given) is dict and REQUIRED <= given.keys() <= KNOWN:
        try:
            at_us = notation.read_instant(given["occurred_at"])
        except ValueError:
            raise explain(given) from None
        event = events.new_event(
            creator=given["creator"],
            meter=given.get("meter"),
            source=key.owner,
            external_ref=given["external_ref"],
            kind=given["kind"],
            facts=given.get("facts", {}),
            occurred_at_us=at_us,
            pepper=pepper,
        )
        return _own(event, key)
    raise explain(given)


def _own(event: NewEvent, key: Key) -> NewEvent:
    named, network = event.creator.network, network_of(event.meter)
    if getattr(event.facts, "reported_by", None) is not None and key.role != "operator":
        raise Forbidden("only an operator speaks of what somebody else told", pointer="/facts/reported_by")
    if (not network or key.may_act_for(network)) and (named is None or key.may_act_for(named)):
        return event
    raise Forbidden(f"this key may not tell of {event.meter}", pointer="/meter")


def elsewhere(events: Sequence[NewEvent], key: Key) -> dict[int, Forbidden]:
    """What events are refused with, by place, that go to a brand's book with a creator on none of the key's networks.

    A brand's book is on no network itself, and a creator named by UUID may be on any: that takes a look.
    """
    asked = {place: event.creator.creator_id for place, event in enumerate(events) if _is_open(event, key)}
    if not asked:
        return {}
    pairs = {(creator_id, network) for creator_id in asked.values() for network in key.networks}
    found = state.ledger().database.read(lambda reader: lookups.followers(reader, pairs))
    own = {creator_id for creator_id, _ in found}
    wrong = "this key may not tell of a creator who is on none of its networks"
    return {place: Forbidden(wrong, pointer="/creator") for place, one in asked.items() if one not in own}


def _is_open(event: NewEvent, key: Key) -> bool:
    everywhere = key.role == "operator" and not key.networks
    return event.creator.network is None and not network_of(event.meter) and not everywhere


def as_known(given: Sequence[Receipt], whose: Sequence[CreatorRef], key: Key) -> list[Receipt]:
    """Receipts without lines of brands' books that a key may not read: of creators who are on other networks too."""
    asked = {
        place: whose[place]
        for place, receipt in enumerate(given)
        if not key.is_everywhere and any(not network_of(posted.meter) for posted in receipt.entries)
    }
    if not asked:
        return list(given)
    networks = state.ledger().database.read(lambda reader: lookups.networks(reader, set(asked.values())))
    known = {
        ref for ref, held in networks.items() if speaks_for_all(key, creator_id=ref.creator_id or "", networks=held)
    }
    return [
        replace(receipt, entries=tuple(posted for posted in receipt.entries if network_of(posted.meter)))
        if place in asked and asked[place] not in known
        else receipt
        for place, receipt in enumerate(given)
    ]


def explain(given: Any) -> InvalidEvent:
    """What is wrong with an envelope, by pointer."""
    if isinstance(given, InvalidEvent):
        return given
    if not isinstance(given, dict):
        return InvalidEvent([("", "must be an object")])
    return InvalidEvent(pointers(ENVELOPE.validate(given)) or [("", "must be an event")])


def refused(given: Any, error: InvalidEvent | Forbidden) -> Receipt:
    """The receipt of an event that never got to the books."""
    external_ref = given.get("external_ref") if isinstance(given, dict) else None
    wrong = getattr(error, "errors", None) or [(error.pointer, error.detail)]
    return Receipt(
        external_ref if isinstance(external_ref, str) else "",
        "refused",
        code=error.code,
        detail=error.detail,
        errors=tuple(wrong),
        remembered=False,
    )


def show(receipt: Receipt) -> dict[str, Any]:
    """A receipt as JSON carries it: posted or replayed with its entries, refused with the reason."""
    shown: dict[str, Any] = {"external_ref": receipt.external_ref, "status": receipt.status}
    if receipt.event_id is not None:
        shown["event_id"] = receipt.event_id
    if receipt.code is not None:
        shown["code"] = receipt.code
        shown["detail"] = receipt.detail
        shown["errors"] = [{"pointer": pointer, "detail": what} for pointer, what in receipt.errors]
        return shown
    shown["entries"] = [
        {
            "meter": posted.meter,
            "seq": posted.seq,
            "kind": posted.kind,
            "amount": notation.trust(posted.amount),
            "change": notation.trust(posted.change),
            "standing": notation.trust(posted.standing),
        }
        for posted in receipt.entries
    ]
    return shown
