"""Creators: enrolling with consent, and finding them by any name a caller may use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from ledger import books, consents, db, events, lookups, tables
from ledger.consents import Consent
from ledger.db import Reading, Session
from ledger.errors import AccountTaken, Conflict, InvalidEvent, Stale, UnknownCreator
from ledger.events import CreatorRef

CREATOR = tables.Creator.__table__  # type: ignore[attr-defined]
PROFILE = tables.Profile.__table__  # type: ignore[attr-defined]
ACCOUNT = tables.Account.__table__  # type: ignore[attr-defined]
HANDLE = tables.Handle.__table__  # type: ignore[attr-defined]


MOST_ACCOUNTS = 20


class TooManyAccounts(Conflict):
    """The creator has as many accounts as one can have."""

    code = "too_many_accounts"


@dataclass(frozen=True, slots=True)
class AccountOf:
    """An account on a network; `followers` where known."""

    network: str
    external_id: str
    followers: int | None = None


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A creator as readers get it. Times in microseconds; the consents are those on record, the first one first."""

    creator_id: str
    display_name: str
    handle: str | None
    visibility: str
    findable: bool
    topics: tuple[str, ...]
    accounts: tuple[AccountOf, ...]
    consents: tuple[Consent, ...]
    enrolled_at_us: int
    version: int


def enrol(
    session: Session,
    *,
    display_name: str,
    accounts: Sequence[AccountOf],
    consent_at_us: int,
    enrolled_by: str,
    now_us: int,
    handle: str | None = None,
    visibility: str = "private",
    findable: bool = False,
    topics: Sequence[str] = (),
    terms: str = "",
    evidence: str = "",
) -> tuple[str, bool]:
    """Enrol a creator and open a book for each network. Returns (creator id, whether it is new).

    Nobody is enrolled but here, with the consent to it: to which `terms`, and where the `evidence` lies. The same
    accounts again give the same creator, and record nothing. Raises AccountTaken where an account or handle is
    another's.
    """
    # Looked up before the accounts: whoever enrols the same at this moment is then found by these.
    is_taken = bool(handle and db.fetch(session, "SELECT 1 FROM handle WHERE handle = ?", (handle,)))
    known = _enrolled_before(session, accounts)
    if known is not None:
        return known, False
    if is_taken:
        raise AccountTaken(f"the handle {handle!r} is taken", pointer="/handle")
    creator_id = events.new_id()
    is_findable = findable and visibility == "public"
    db.insert(session, CREATOR, [(creator_id, visibility, consent_at_us, now_us, enrolled_by, 1, is_findable)])
    consent = Consent(consent_at_us, now_us, enrolled_by, terms, evidence)
    consents.record(session, creator_id=creator_id, consent=consent)
    db.insert(session, PROFILE, [(creator_id, handle, display_name, orjson.dumps(list(topics)).decode())])
    db.insert(session, ACCOUNT, [(a.network, a.external_id, creator_id, a.followers) for a in accounts])
    meters = sorted({f"network:{account.network}" for account in accounts})
    db.insert(session, books.BOOK, [books.open_row(creator_id, meter) for meter in meters])
    if handle:
        db.insert(session, HANDLE, [(handle, creator_id)])
    return creator_id, True


def _enrolled_before(session: Session, accounts: Sequence[AccountOf]) -> str | None:
    """The creator whose accounts these are, all of them; None where they are nobody's. Raises AccountTaken."""
    names = {(account.network, account.external_id) for account in accounts}
    taken = lookups.accounts(session, names)
    owners = {creator_id for creator_id, _ in taken.values()}
    if len(owners) == 1 and len(taken) == len(names):
        return owners.pop()
    if taken:
        network, external_id = min(taken)
        raise AccountTaken(f"the account {network}:{external_id} is already enrolled", pointer="/accounts")
    return None


def add_account(session: Session, *, creator_id: str, account: AccountOf, consent: Consent) -> bool:
    """Add an account to a creator who consents to it, and open a book for its network. False where it is theirs.

    Raises AccountTaken where it is another's, TooManyAccounts, UnknownCreator.
    """
    locked = "UPDATE creator SET version = version + 1 WHERE creator_id = ? AND visibility <> 'erased'"
    known = lookups.accounts(session, {(account.network, account.external_id)})
    if any(owner == creator_id for owner, _ in known.values()):
        return False
    if known:
        raise AccountTaken(f"the account {account.network}:{account.external_id} is already enrolled")
    if not db.execute(session, locked, (creator_id,)):
        raise UnknownCreator("no such creator")
    held = db.fetch(session, "SELECT count(*) FROM account WHERE creator_id = ?", (creator_id,))[0][0]
    if held >= MOST_ACCOUNTS:
        raise TooManyAccounts(f"a creator has {MOST_ACCOUNTS} accounts at most")
    db.insert(session, ACCOUNT, [(account.network, account.external_id, creator_id, account.followers)])
    db.insert_new(session, books.BOOK, [books.open_row(creator_id, f"network:{account.network}")])
    consents.record_further(session, creator_id=creator_id, consent=consent)
    return True


def amend(
    session: Session,
    *,
    creator_id: str,
    version: int,
    display_name: str | None = None,
    visibility: str | None = None,
    findable: bool | None = None,
    topics: Sequence[str] | None = None,
    followers: Mapping[tuple[str, str], int | None] | None = None,
) -> None:
    """Change what is given; `followers` are by (network, external_id). Raises Stale where `version` has passed.

    Only who is public can be found: going private ends that too.
    """
    changed = db.execute(
        session,
        "UPDATE creator SET version = version + 1, visibility = COALESCE(?, visibility), findable ="
        " CASE WHEN COALESCE(?, visibility) = 'public' THEN COALESCE(?, findable) ELSE FALSE END"
        " WHERE creator_id = ? AND version = ? AND visibility <> 'erased'",
        (visibility, visibility, findable, creator_id, version),
    )
    if not changed:
        raise Stale("the creator was changed since you read it: read it again")
    stored = None if topics is None else orjson.dumps(list(topics)).decode()
    db.execute(
        session,
        "UPDATE profile SET display_name = COALESCE(?, display_name), topics = COALESCE(?, topics)"
        " WHERE creator_id = ?",
        (display_name, stored, creator_id),
    )
    for (network, external_id), count in sorted((followers or {}).items()):
        db.execute(
            session,
            "UPDATE account SET followers = ? WHERE network = ? AND external_id = ? AND creator_id = ?",
            (count, network, external_id, creator_id),
        )


def find(session: Reading, ref: CreatorRef) -> str:
    """A creator's id by reference. Raises UnknownCreator."""
    if ref.creator_id:
        sql = "SELECT creator_id FROM creator WHERE creator_id = ? AND visibility <> 'erased'"
        rows = db.fetch(session, sql, (ref.creator_id,))
    else:
        rows = db.fetch(
            session,
            "SELECT creator_id FROM account WHERE network = ? AND external_id = ?",
            (ref.network, ref.external_id),
        )
    if not rows:
        raise UnknownCreator("no such creator")
    found: str = rows[0][0]
    return found


def by_handle(session: Reading, handle: str) -> str:
    """A creator's id by the name in the address of the page. Raises UnknownCreator."""
    rows = db.fetch(session, "SELECT creator_id FROM handle WHERE handle = ?", (handle,))
    if not rows:
        raise UnknownCreator(f"no creator has the handle {handle!r}")
    found: str = rows[0][0]
    return found


def named(session: Reading, name: str) -> str:
    """A creator's id by UUID, handle or network:id. Raises UnknownCreator."""
    try:
        is_ref = ":" in name or events.UUID.fullmatch(name)
        return find(session, events.parse_ref(name)) if is_ref else by_handle(session, name)
    except (InvalidEvent, UnknownCreator) as unknown:
        raise UnknownCreator(f"no creator has the id, the handle or the account {name!r}") from unknown


def get(session: Reading, creator_id: str) -> Enrolled:
    """Who a creator is. Raises UnknownCreator."""
    rows = db.fetch(
        session,
        "SELECT p.display_name, p.handle, c.visibility, c.findable, p.topics, c.enrolled_at_us, c.version"
        " FROM creator c JOIN profile p ON p.creator_id = c.creator_id WHERE c.creator_id = ?",
        (creator_id,),
    )
    if not rows:
        raise UnknownCreator("no such creator")
    name, handle, visibility, findable, topics, enrolled, version = rows[0]
    held = db.fetch(
        session,
        "SELECT network, external_id, followers FROM account WHERE creator_id = ? ORDER BY network, external_id",
        (creator_id,),
    )
    return Enrolled(
        creator_id,
        name,
        handle,
        visibility,
        bool(findable),
        tuple(orjson.loads(topics)),
        tuple(AccountOf(*row) for row in held),
        consents.of(session, creator_id=creator_id),
        enrolled,
        version,
    )
