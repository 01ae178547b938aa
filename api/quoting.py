"""Quotes over HTTP: an estimate that binds for a day, and reading one again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import marshmallow as ma
from flask import Response

from api import auth, conditional, fields, state
from api.blueprint import Blueprint
from api.conditional import documented
from api.problems import InvalidRequest
from ledger import ids, quotes
from ledger.economy import DAY_US
from ledger.errors import Forbidden, NotFound
from ledger.keys import Key
from ledger.kinds import hold
from ledger.kinds.base import Context
from ledger.proposals import Proposal, Subject
from ledger.quotes import Quote, Terms
from ledger.quotes import terms_of as terms_of  # noqa: PLC0414 - who asks for an estimate makes them here

blp = Blueprint("quotes", __name__, description="Estimates that bind.")
DISCLOSED = ("clear", "vague")


class QuoteOut(ma.Schema):
    """Terms that are honoured until they expire, or until the brand is quoted anew for this book."""

    id = ma.fields.String(**fields.told("the quote's id, which a hold names"), attribute="quote.name")
    status = ma.fields.String(
        **fields.told("live, expired, or replaced by a newer one"),
        validate=ma.validate.OneOf(["live", "expired", "replaced"]),
    )
    creator_id = ma.fields.String(**fields.told("whose trust it is about"), attribute="quote.creator_id")
    meter = ma.fields.String(**fields.told("which book"), attribute="quote.meter")
    brand = ma.fields.String(**fields.told("to which brand"), attribute="quote.brand")
    disclosure = ma.fields.String(
        **fields.told("how the pitch is disclosed"),
        validate=ma.validate.OneOf(DISCLOSED),
        attribute="quote.terms.disclosure",
    )
    fit = fields.Trust(**fields.told("how well it fits"), attribute="quote.terms.fit")
    followers = ma.fields.Integer(
        required=True,
        allow_none=True,
        attribute="quote.terms.followers",
        metadata={"description": "audience size; null where it is the account's own"},
    )
    established = ma.fields.Boolean(
        **fields.told("whether the brand's relationship was established"), attribute="quote.terms.established"
    )
    drain = fields.Trust(**fields.told("what publishing takes, at most what there is"), attribute="quote.terms.drain")
    held = fields.Trust(**fields.told("what a hold reserves: p90, at least the drain"), attribute="quote.terms.held")
    share = fields.Trust(**fields.told("the share of standing behind it"), attribute="quote.terms.share")
    mending = fields.Trust(**fields.told("the part of the drain that returns"), attribute="quote.terms.mending")
    credit = fields.Trust(**fields.told("what is given back for disclosing it"), attribute="quote.terms.credit")
    p10 = fields.Trust(**fields.told("the mildest drain of ten"), attribute="quote.terms.p10")
    p50 = fields.Trust(**fields.told("the middle one"), attribute="quote.terms.p50")
    p90 = fields.Trust(**fields.told("the hardest of ten"), attribute="quote.terms.p90")
    policy_version = ma.fields.String(**fields.told("the rules that bind it"), attribute="quote.terms.policy_version")
    made_at = fields.Instant(**fields.told("when it was made"), attribute="quote.made_at_us")
    expires_at = fields.Instant(**fields.told("until when it binds"), attribute="quote.expires_at_us")


@dataclass(frozen=True, slots=True)
class Offered:
    """A quote, and whether it still binds."""

    quote: Quote
    status: str


@blp.get("/v1/estimates/<string(length=70):quote_id>")
@auth.requires("estimates:write")
@documented(QuoteOut())
def get_quote(quote_id: str) -> Response:
    """A quote again: its terms, until when it binds, and whether a newer one has taken its place."""
    return conditional.answer(QuoteOut().dump(found(quote_id)))


def found(quote_id: str) -> Offered:
    """The quote of that id, for the brand it was made to and for who may act for the network. Raises NotFound."""
    ledger, key = state.ledger(), auth.current()
    creator_id, own_id = ids.split(quotes.PREFIX, quote_id)
    with ledger.database.reading() as session:
        quote = quotes.find(session, creator_id=creator_id, quote_id=own_id)
        if quote is None or not _may_know(key, quote):
            raise NotFound("there is no such quote")
        newest = quotes.newest(session, creator_id=creator_id, meter=quote.meter, brand=quote.brand)
    if newest != own_id:
        return Offered(quote, "replaced")
    return Offered(quote, "live" if quote.is_live(ledger.clock()) else "expired")


def _may_know(key: Key, quote: Quote) -> bool:
    if key.role == "brand":
        return key.owner == quote.brand
    return key.role in ("partner", "operator") and key.may_act_for(auth.network_of(quote.meter))


def check(subject: Subject, proposal: Proposal, *, meter: str, key: Key) -> None:
    """See that this pitch may be quoted to who asks. Raises Forbidden, InvalidRequest, NotLetIn."""
    if key.role != "brand" and not (key.role in ("partner", "operator") and key.may_act_for(auth.network_of(meter))):
        raise Forbidden("a quote is made to the brand itself, its network's partner or an operator", pointer="/quote")
    if proposal.disclosure not in DISCLOSED:
        raise InvalidRequest([("/disclosure", "must be clear or vague: a pitch that is hidden cannot be quoted")])
    day = subject.state.day
    hold.let_in(proposal.brand, Context(subject.state, subject.policy, day, 0, relationship=subject.relationship))


def offer(creator_id: str, meter: str, terms: Terms, *, key: Key, now_us: int) -> Quote:
    """Write the quote, for as long as the rules say."""
    ledger: Any = state.ledger()
    hours = ledger.schedule().at(now_us // DAY_US)["quote.hours"]
    made: Quote = ledger.database.write(
        lambda session: quotes.make(
            session,
            creator_id=creator_id,
            meter=meter,
            brand=terms.brand,
            made_by=key.owner,
            terms=terms,
            now_us=now_us,
            hours=hours,
        )
    )
    return made
