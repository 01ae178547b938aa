"""What posting looks up once the books are locked: many keys a statement, whatever the size of the batch."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import orjson

from ledger import db
from ledger.db import Reading, Row, Session
from ledger.events import CreatorRef, NewEvent, Posted, Receipt, differing_field

Ref = tuple[str, str, str]


def accounts(session: Reading, names: Iterable[tuple[str, str]]) -> dict[tuple[str, str], tuple[str, int | None]]:
    """Creators by (network, external_id): their id and the account's followers."""
    sql = (
        "SELECT a.network, a.external_id, a.creator_id, a.followers FROM {keys} CROSS JOIN account a"
        " WHERE a.network = k.c0 AND a.external_id = k.c1"
    )
    rows = db.fetch_keyed(session, sql, ("text", "text"), sorted(names))
    return {(row[0], row[1]): (row[2], row[3]) for row in rows}


def enrolled(session: Reading, creator_ids: Iterable[str], *, lock: bool = False) -> frozenset[str]:
    """Those of these creators who are enrolled; with `lock` none of them is changed or erased meanwhile."""
    sql = (
        "SELECT c.creator_id FROM {keys} CROSS JOIN creator c WHERE c.creator_id = k.c0 AND c.visibility <> 'erased'"
        f"{' ORDER BY c.creator_id FOR SHARE OF c' if lock and not db.is_sqlite(session) else ''}"
    )
    rows = db.fetch_keyed(session, sql, ("id",), [(creator_id,) for creator_id in sorted(creator_ids)])
    return frozenset(row[0] for row in rows)


def followers(session: Reading, keys: Iterable[tuple[str | None, str]]) -> dict[tuple[str, str], int | None]:
    """The largest audience of a creator's accounts on a network, by (creator id, network)."""
    sql = (
        "SELECT a.creator_id, a.network, MAX(a.followers) FROM {keys} CROSS JOIN account a"
        " WHERE a.creator_id = k.c0 AND a.network = k.c1 GROUP BY a.creator_id, a.network"
    )
    rows = db.fetch_keyed(session, sql, ("id", "text"), sorted(keys, key=str))
    return {(row[0], row[1]): row[2] for row in rows}


def networks(session: Reading, refs: Collection[CreatorRef]) -> dict[CreatorRef, list[str]]:
    """The networks of creators by the names they were asked for under; of nobody's name none."""
    found = accounts(session, {(ref.network, ref.external_id or "") for ref in refs if ref.network is not None})
    ids = {ref: ref.creator_id or found.get((ref.network or "", ref.external_id or ""), (None,))[0] for ref in refs}
    sql = "SELECT a.creator_id, a.network FROM {keys} CROSS JOIN account a WHERE a.creator_id = k.c0"
    held: dict[str | None, list[str]] = {}
    for creator_id, network in db.fetch_keyed(session, sql, ("id",), [(one,) for one in {*ids.values()} if one]):
        held.setdefault(str(creator_id), []).append(network)
    return {ref: held.get(one, []) for ref, one in ids.items()}


def attested(session: Session) -> frozenset[str]:
    """The networks on which accounts are attested, and standing worked out from them."""
    rows = db.fetch(session, "SELECT name FROM figure WHERE name LIKE ?", ("standing:%",))
    return frozenset(row[0].partition(":")[2] for row in rows)


def standings(session: Session, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """Engagers' standing relative to the average account in ppm, by (network, engager); nobody's is left out."""
    sql = (
        "SELECT t.network, t.engager, t.relative FROM {keys} CROSS JOIN standing t"
        " WHERE t.network = k.c0 AND t.engager = k.c1"
    )
    return {(row[0], row[1]): row[2] for row in db.fetch_keyed(session, sql, ("text", "text"), sorted(keys))}


def known_events(session: Session, refs: Iterable[Ref]) -> dict[Ref, Row]:
    """Events already stored under these references: their columns in table order."""
    sql = (
        "SELECT e.creator_id, e.event_id, e.source, e.external_ref, e.meter, e.kind, e.facts, e.occurred_at_us,"
        " e.received_at_us, e.outcome, e.digest, e.salt, e.hash FROM {keys} CROSS JOIN event e"
        " WHERE e.creator_id = k.c0 AND e.source = k.c1 AND e.external_ref = k.c2"
    )
    rows = db.fetch_keyed(session, sql, ("id", "text", "text"), sorted(refs))
    return {(row[0], row[2], row[3]): row for row in rows}


def receipt(row: Row, *, status: str) -> Receipt:
    """An event's receipt from its columns in table order."""
    outcome = orjson.loads(row[9])
    entries = tuple(Posted(*entry) for entry in outcome.get("entries", ()))
    errors = ((outcome["pointer"], outcome["detail"]),) if outcome.get("pointer") else ()
    return Receipt(
        row[3], status, row[1], entries, code=outcome.get("code"), detail=outcome.get("detail"), errors=errors
    )


def replay(row: Row, event: NewEvent) -> Receipt:
    """The first answer again; or a conflict that names the field in which this is another event."""
    if row[10] == event.digest:
        told = receipt(row, status="refused" if "code" in orjson.loads(row[9]) else "replayed")
        return Receipt(
            told.external_ref,
            told.status,
            told.event_id,
            told.entries,
            told.code,
            told.detail,
            told.errors,
            True,
        )
    field = differing_field(event, meter=row[4], kind=row[5], facts_json=row[6], occurred_at_us=row[7])
    detail = f"external_ref {event.external_ref!r} already names another event: {field[1:]} differs"
    return Receipt(
        event.external_ref,
        "refused",
        code="external_ref_reused",
        detail=detail,
        errors=((field, "differs from the event first sent"),),
        remembered=False,
    )
