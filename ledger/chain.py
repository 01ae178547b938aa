"""The hash chain of a book: SHA-256 over length-prefixed bytes of every immutable field, each entry over the last."""

from __future__ import annotations

import struct
from hashlib import sha256

from ledger.db import Row

HASH_VERSION = 1
GENESIS = bytes(32)
_ENTRY = struct.Struct(">18q8I")
_EVENT = struct.Struct(">2q10I")


def entry_hash(row: Row) -> bytes:
    """The hash of an entry, from its columns in table order (the last, its own hash, is left out)."""
    return sha256(entry_link(row) + row[25]).digest()


def entry_link(row: Row) -> bytes:
    """What is hashed of an entry but for the hash before it, which comes last: with that, its own hash follows."""
    creator_id, meter, seq, kind, about, event_id, event_hash, policy_version, factors = row[:9]
    texts = (
        creator_id.encode(),
        meter.encode(),
        kind.encode(),
        (event_id or "").encode(),
        event_hash,
        policy_version.encode(),
        factors.encode(),
    )
    return _ENTRY.pack(seq, about or 0, *row[9:25], *map(len, texts), len(row[25])) + b"".join(texts)


def event_hash(row: Row) -> bytes:
    """The salted hash of an event, from its columns in table order (the last, its own hash, is left out)."""
    (
        creator_id,
        event_id,
        source,
        external_ref,
        meter,
        kind,
        facts,
        occurred,
        received,
        outcome,
        digest,
        salt,
    ) = row[:12]
    texts = (
        salt,
        creator_id.encode(),
        event_id.encode(),
        source.encode(),
        external_ref.encode(),
        meter.encode(),
        kind.encode(),
        facts.encode(),
        outcome.encode(),
        digest,
    )
    return sha256(_EVENT.pack(occurred, received, *map(len, texts)) + b"".join(texts)).digest()
