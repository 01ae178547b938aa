"""Attestations: accounts that a network's partner knows to be somebody's own. Standing starts from them.

Only keyed hashes are kept, so that nobody can list whom a partner vouched for; how many there are is told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from ledger import db, events, tables
from ledger.db import Reading, Session

ATTESTATION = tables.Attestation.__table__  # type: ignore[attr-defined]
MOST = 1_000
FIGURES = "standing:"


@dataclass(frozen=True, slots=True)
class Count:
    """For how many accounts of a network a call changed who stands by them, and how many are attested now."""

    network: str
    changed: int
    attested: int


def attest(
    session: Session, *, network: str, accounts: Sequence[str], attested_by: str, pepper: bytes, now_us: int
) -> Count:
    """Attest accounts by the network's own ids. Those that the same one attested before stay as they are."""
    wanted = _sealed(accounts, pepper)
    known = {engager for (engager,) in _known(session, network, wanted, attested_by)}
    rows = [(network, engager, attested_by, now_us) for engager in wanted if engager not in known]
    db.upsert(session, ATTESTATION, rows)  # the same may have been sent twice at once
    return Count(network, len(rows), count(session, network=network))


def withdraw(
    session: Session, *, network: str, accounts: Sequence[str], attested_by: str | None, pepper: bytes
) -> Count:
    """Withdraw what one attested, or with None everybody's. Those that are not there are passed over.

    An account stays attested while another stands by it.
    """
    sealed, anybody = _sealed(accounts, pepper), attested_by is None
    gone = db.fetch_keyed(
        session,
        "DELETE FROM attestation WHERE (network, engager) IN (SELECT c0, c1 FROM {keys})"
        f"{'' if anybody else ' AND attested_by = ?'} RETURNING engager",
        ("text", "text"),
        [(network, engager) for engager in sealed],
        () if anybody else (attested_by,),
    )
    return Count(network, len(set(gone)), count(session, network=network))


def count(session: Reading, *, network: str) -> int:
    """How many accounts of a network are attested, by however many."""
    rows = db.fetch(session, "SELECT COUNT(DISTINCT engager) FROM attestation WHERE network = ?", (network,))
    return int(rows[0][0])


@dataclass(frozen=True, slots=True)
class LastNight:
    """What the job of standing last found: on which day, how many accounts standing reached over how many edges.

    `active` is how many of the attested accounts had done anything lately.
    """

    day: int
    accounts: int
    edges: int
    active: int


def last_night(session: Reading, *, network: str) -> LastNight | None:
    """What is in use for a network. None before the first night after an attestation, and where nobody is attested."""
    rows = db.fetch(session, "SELECT day, body FROM figure WHERE name = ?", (f"{FIGURES}{network}",))
    if not rows:
        return None
    told: Mapping[str, int] = orjson.loads(rows[0][1])
    return LastNight(rows[0][0], told["accounts"], told["edges"], told["active"])


def networks(session: Reading) -> list[str]:
    """The networks in which anyone is attested."""
    rows = db.fetch(session, "SELECT DISTINCT network FROM attestation ORDER BY network")
    return [network for (network,) in rows]


def engagers(session: Reading, *, network: str) -> list[str]:
    """The attested accounts of a network as keyed hashes."""
    rows = db.fetch(session, "SELECT DISTINCT engager FROM attestation WHERE network = ? ORDER BY engager", (network,))
    return [engager for (engager,) in rows]


def _sealed(accounts: Sequence[str], pepper: bytes) -> list[str]:
    return sorted({events.seal(pepper, account) for account in accounts})


def _known(session: Session, network: str, wanted: Sequence[str], attested_by: str) -> list[db.Row]:
    sql = (
        "SELECT a.engager FROM {keys} CROSS JOIN attestation a"
        " WHERE a.network = k.c0 AND a.engager = k.c1 AND a.attested_by = k.c2"
    )
    return db.fetch_keyed(
        session, sql, ("text", "text", "text"), [(network, engager, attested_by) for engager in wanted]
    )
