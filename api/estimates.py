"""What a pitch would do to a creator's trust, before anyone agrees to it. Only a quote that is asked for is written."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

import marshmallow as ma

from api import auth, fields, quoting, state
from api.blueprint import Blueprint
from api.forecasts import EstimateOut
from api.problems import InvalidRequest
from ledger import estimate, estimates, grid, relationships
from ledger.db import Session
from ledger.errors import Forbidden, NotFound
from ledger.estimates import Shelf
from ledger.events import CreatorRef
from ledger.keys import Key
from ledger.kinds import facts
from ledger.kinds.pitch import MOST_FOLLOWERS
from ledger.proposals import DISCLOSURES, Proposal, Subject, as_related
from ledger.quotes import Quote

blp = Blueprint("estimates", __name__, description="What a pitch would do, before anyone agrees to it.")
SHARE = facts.Share("a share")
WRITTEN = r"(0(\.[0-9]{1,6})?|1(\.0{1,6})?)"
NOT_FOUND = {404: "NOT_FOUND"}
MOST_FITS = 11


class Share(ma.fields.Field[int]):
    """A share of 1: a decimal string in JSON, ppm inside."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if isinstance(value, str) and not re.fullmatch(WRITTEN, value):
            raise ma.ValidationError('must be a decimal string from 0 to 1 with at most six places, such as "0.7"')
        try:
            return SHARE.read(value)
        except ValueError as reason:
            raise ma.ValidationError(str(reason)) from reason


class Flag(ma.fields.Boolean):
    """True or false of JSON, and nothing that looks like it."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise ma.ValidationError("must be true or false")
        return value


class BrandIn(ma.Schema):
    """What every question about pitches says: of which brand they would be."""

    brand = fields.SafeString(
        required=True,
        longest=64,
        validate=[ma.validate.Regexp(rf"\A{facts.SLUG}\Z", error=facts.FORMS[facts.SLUG])],
        metadata={"pattern": f"^{facts.SLUG}$", "example": "nike"},
    )


class PitchIn(BrandIn):
    """Where a pitch might be made. Without `meter` it is made on the network the creator is named by."""

    creator = fields.SafeString(required=True, longest=300, metadata={"example": "youtube:grace"})
    meter = fields.SafeString(
        longest=80,
        validate=[ma.validate.Regexp(r"\Anetwork:[a-z0-9][a-z0-9_-]{0,63}\Z", error="must be network:<slug>")],
        metadata={"pattern": "^network:[a-z0-9][a-z0-9_-]{0,63}$", "example": "network:youtube"},
    )
    followers = fields.JsonInteger(
        validate=ma.validate.Range(0, MOST_FOLLOWERS),
        metadata={"description": "audience size; the account's own where absent", "example": 50_000},
    )


class EstimateIn(PitchIn):
    """A pitch that might be."""

    disclosure = ma.fields.String(required=True, validate=ma.validate.OneOf(DISCLOSURES), metadata={"example": "clear"})
    fit = Share(
        required=True,
        metadata={"type": "string", "pattern": f"^{WRITTEN}$", "example": "0.7"},
    )
    quote = Flag(
        load_default=False,
        metadata={"description": "make it binding for a day, in the place of an earlier quote to the brand"},
    )


class GridIn(PitchIn):
    """A pitch whose disclosure, fit and day are open."""

    fits = ma.fields.List(
        Share(metadata={"type": "string", "pattern": f"^{WRITTEN}$"}),
        validate=ma.validate.Length(1, MOST_FITS),
        metadata={"description": "fits to look at; .1, .3, .5, .7 and .9 where left out", "example": ["0.5", "0.7"]},
    )


class CellOut(ma.Schema):
    """One way to do it, and what standing would lose on that day: the drain less what disclosing gives back."""

    day = fields.Day(**fields.told("the day of the pitch"))
    disclosure = ma.fields.String(**fields.told("how it would be disclosed"), validate=ma.validate.OneOf(DISCLOSURES))
    fit = fields.Trust(**fields.told("how well it would fit"))
    p10 = fields.Trust(**fields.told("the mildest of ten ways"))
    p50 = fields.Trust(**fields.told("the middle one"))
    p90 = fields.Trust(**fields.told("the hardest of ten ways"))


class GridOut(ma.Schema):
    """Every combination, days first, then disclosure, then fit. Standing is taken as it is today."""

    cells = ma.fields.List(ma.fields.Nested(CellOut()), **fields.told("one for each day, disclosure and fit"))


@blp.post("/v1/estimates")
@auth.requires("estimates:write")
@blp.arguments(EstimateIn())
@blp.response(200, EstimateOut())
@blp.alt_response(409, "CONFLICT")
@blp.doc(responses=NOT_FOUND)
def post_estimate(asked: dict[str, Any]) -> Told:
    """Estimate what a pitch made today would do: drain, meters after, days to regain, label risk, improvements."""
    creator, meter, quote = asked.pop("creator"), asked.pop("meter", None), asked.pop("quote")
    return estimated(creator, meter, Proposal(**asked), quote=quote)


@blp.post("/v1/estimates/grid")
@auth.requires("estimates:write")
@blp.arguments(GridIn())
@blp.response(200, GridOut())
@blp.doc(responses=NOT_FOUND)
def post_grid(asked: dict[str, Any]) -> dict[str, Any]:
    """What a pitch would cost by disclosure, fit and day: p10, p50 and p90 of each combination."""
    proposal = Proposal(asked["brand"], "clear", followers=asked.get("followers"))
    found = subject_of(asked["creator"], asked.get("meter"), proposal.brand).subject
    return {"cells": grid.grid(found, proposal, asked.get("fits") or grid.FITS)}


@dataclass(frozen=True, slots=True)
class Found:
    """The book that a question is about, and who it belongs to."""

    creator_id: str
    meter: str
    now_us: int
    subject: Subject


class Told:
    """An estimate as it is answered: its members, and the quote where one was made."""

    def __init__(self, found: estimate.Estimate, quote: Quote | None) -> None:
        self.estimate = found
        self.quote = quote and quoting.Offered(quote, "live")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.estimate, name)


def estimated(creator: str, meter: str | None, proposal: Proposal, *, quote: bool = False) -> Told:
    """The estimate for a creator that this request's key may know of. Raises UnknownCreator, Forbidden, NotLetIn."""
    found = subject_of(creator, meter, proposal.brand)
    if quote:
        quoting.check(found.subject, proposal, meter=found.meter, key=auth.current())
    proposal = as_related(found.subject, proposal, found.subject.state.day)
    told = estimate.estimate(found.subject, proposal)
    if not quote:
        return Told(told, None)
    terms = quoting.terms_of(proposal, told)
    made = quoting.offer(found.creator_id, found.meter, terms, key=auth.current(), now_us=found.now_us)
    return Told(told, made)


def subject_of(creator: str, meter: str | None, brand: str) -> Found:
    """The book that a pitch would touch, as it stands. Raises UnknownCreator, NotFound, Forbidden, InvalidRequest."""
    ledger, key, ref = state.ledger(), auth.current(), auth.ref(creator)
    own_brand(key, brand)
    schedule, now_us = ledger.schedule(), ledger.clock()
    with ledger.database.snapshot() as session:
        shelf = shelf_of(session, ref, brand=brand, key=key)
        meter = _meter(shelf, meter or (f"network:{ref.network}" if ref.network is not None else None))
        found = estimates.subject(
            session,
            creator_id=shelf.creator_id,
            meter=meter,
            brand=brand,
            now_us=now_us,
            schedule=schedule,
            external_id=ref.external_id if meter == f"network:{ref.network}" else None,
        )
    return Found(shelf.creator_id, meter, now_us, as_known(found, shelf, key))


def own_brand(key: Key, brand: str) -> None:
    """See that a brand asks about its own pitches. Raises Forbidden."""
    if key.role == "brand" and key.owner != brand:
        raise Forbidden("a brand estimates its own pitches", pointer="/brand")


def shelf_of(session: Session, ref: CreatorRef, *, brand: str, key: Key) -> Shelf:
    """A creator's network books that a key may know of. Raises UnknownCreator where there is none."""
    seen = in_sight(estimates.shelves(session, [ref], brand=brand)[0], key)
    if seen is None:
        raise auth.refuse_unknown()
    return seen


def in_sight(shelf: Shelf | None, key: Key) -> Shelf | None:
    """What of a shelf a key may know of; a brand that was let in knows of a private creator. None where nothing."""
    if shelf is None:
        return None
    let_in = key.role == "brand" and shelf.let_in
    meters = tuple(
        meter
        for meter in shelf.meters
        if let_in
        or auth.may_read(
            key, creator_id=shelf.creator_id, visibility=shelf.visibility, networks=(auth.network_of(meter),)
        )
    )
    return replace(shelf, meters=meters, whole=len(meters) == len(shelf.meters)) if meters else None


def as_known(subject: Subject, shelf: Shelf, key: Key) -> Subject:
    """A book as a key may know it: how a brand stands is between the two and the creator's networks.

    To anybody else it is a stranger, and so it is to itself where it was kept away before it ever came. What
    the brand's own book holds is for whoever acts for all of these networks.
    """
    networks = [auth.network_of(meter) for meter in shelf.meters]
    if shelf.whole and auth.speaks_for_all(key, creator_id=shelf.creator_id, networks=networks):
        return subject
    if auth.may_read(key, creator_id=shelf.creator_id, visibility="private", networks=networks):
        return replace(subject, beside=None)
    known = subject.relationship
    if key.role == "brand" and known is not None and relationships.met(known):
        return subject
    return replace(subject, relationship=None, beside=None)


def _meter(shelf: Shelf, meter: str | None) -> str:
    """The book that is meant."""
    if meter is None and len(shelf.meters) > 1:
        raise InvalidRequest([("/meter", f"is required: this creator has {', '.join(shelf.meters)}")])
    if meter is not None and meter not in shelf.meters:  # what else there may be does not leak
        raise NotFound(f"no book {meter}; this creator has {', '.join(shelf.meters)}")
    return meter or shelf.meters[0]
