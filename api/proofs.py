"""Proofs: that a line of a statement was in a signed checkpoint, to be followed offline by anyone."""

from __future__ import annotations

from typing import Any, get_type_hints

import marshmallow as ma
from flask import Response

from api import auth, conditional, fields, state, visibility
from api.blueprint import Blueprint
from api.conditional import documented
from api.entries import reached
from ledger import checkpoints, notation, proofs
from ledger.exports import shown
from ledger.proofs import EntryProof
from ledger.readers import Reader
from ledger.stored import EntryRow

blp = Blueprint("proofs", __name__, description="That a line was in a checkpoint.")
HashedOut = ma.Schema.from_dict(
    {
        name: (ma.fields.Integer if kind in (int, int | None) else ma.fields.String)(
            **fields.told(f"{name}, as it is hashed{', in hexadecimal' if kind is bytes else ''}"),
            allow_none=kind not in (int, str, bytes),
        )
        for name, kind in get_type_hints(EntryRow).items()
    },
    name="Hashed",
)


class ProofIn(ma.Schema):
    """Against which checkpoint."""

    checkpoint = fields.Day(metadata={"description": "the last checkpoint of that day; the last of all where left out"})


class LeafOut(ma.Schema):
    """A book as the checkpoint saw it."""

    creator_id = ma.fields.UUID(**fields.told("whose book it is"))
    meter = ma.fields.String(**fields.told("the book"))
    seq = ma.fields.Integer(**fields.told("how many lines it had"))
    head = ma.fields.String(**fields.told("hash of its last line, hexadecimal"))


class CheckpointOut(ma.Schema):
    """What was signed, but for the leaves, which the root stands for."""

    format = ma.fields.String(**fields.told("how it is written"))
    day = fields.Day(**fields.told("the day it was made"))
    made_at_us = ma.fields.Integer(**fields.told("when it was made, in microseconds since 1970"))
    books = ma.fields.Integer(**fields.told("how many books it holds"))
    entries = ma.fields.Integer(**fields.told("how many lines they have"))
    root = ma.fields.String(**fields.told("root of the Merkle tree over all books (RFC 6962), hexadecimal"))


class ProofOut(ma.Schema):
    """The way from a line to the root of a checkpoint; docs/examples/verify_proof.py follows it."""

    entry = ma.fields.Nested(HashedOut(), **fields.told("the line, with all that is hashed of it"))
    links = ma.fields.List(
        ma.fields.String(),
        **fields.told("what is hashed of each line after it, less the hash before it, which comes last; hexadecimal"),
    )
    leaf = ma.fields.Nested(LeafOut(), **fields.told("the book as the checkpoint saw it: where the links lead"))
    index = ma.fields.Integer(**fields.told("the leaf's place among the books of the checkpoint, from 0"))
    path = ma.fields.List(ma.fields.String(), **fields.told("the hashes beside the way up, hexadecimal"))
    checkpoint = ma.fields.Nested(CheckpointOut(), **fields.told("the checkpoint: keep its root"))
    signature = ma.fields.String(**fields.told("the ledger's own signature of it (HMAC-SHA-256), hexadecimal"))


@blp.get("/v1/creators/<creator>/entries/<meter>/<int:seq>/proof")
@auth.requires("statements:read")
@blp.arguments(ProofIn(), location="query")
@blp.doc(responses={409: "CONFLICT"})
@documented(ProofOut())
def get_proof(asked: dict[str, Any], creator: str, meter: str, seq: int) -> Response:
    """That a line was in a signed checkpoint: hashes to follow from it to the root."""
    read = state.ledger().database.read
    return conditional.answer(read(lambda reader: proved(reader, creator, meter, seq, asked.get("checkpoint"))))


def proved(reader: Reader, creator: str, meter: str, seq: int, day: int | None) -> dict[str, Any]:
    """The proof as JSON carries it. Raises UnknownCreator, NotFound, NotCovered, ProofTooLong."""
    book = visibility.book(reader, creator=creator, meter=meter, key=auth.current(), statement=True)
    settings = state.ledger().settings
    on = None if day is None else notation.day(day)
    tree = checkpoints.tree(settings.checkpoint_dir, day=on, keys=settings.signing_keys())
    line = {"creator_id": book.creator_id, "meter": book.meter}
    days = checkpoints.days(settings.checkpoint_dir)
    return show(proofs.prove(reader, tree=tree, seq=reached(seq, book.meter), days=days, **line))


def show(proof: EntryProof) -> dict[str, Any]:
    """A proof as JSON carries it."""
    return {
        "entry": shown(proof.entry),
        "links": [link.hex() for link in proof.links],
        "leaf": shown(proof.book.leaf),
        "index": proof.book.index,
        "path": [beside.hex() for beside in proof.book.path],
        "checkpoint": proof.checkpoint.head(),
        "signature": proof.checkpoint.signature.hex(),
    }
