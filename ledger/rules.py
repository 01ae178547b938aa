"""The policies stored with the books: which are in force, and from when."""

from __future__ import annotations

from ledger import db, kinds, policy, tables
from ledger.db import Reading, Session
from ledger.economy import DAY_US
from ledger.errors import Conflict, InvalidPolicy
from ledger.policy import Policy, Schedule

POLICY = tables.PolicyText.__table__  # type: ignore[attr-defined]
NOTICE_DAYS = 7


def schedule(session: Reading) -> Schedule:
    """The policies in the order they take effect. Raises LookupError where none is installed."""
    rows = db.fetch(session, "SELECT effective_day, text FROM policy ORDER BY effective_day, announced_at_us")
    if not rows:
        raise LookupError("no policy is installed: run trust-ledger init")
    return Schedule(tuple((day, policy.parse(text)) for day, text in rows))


def ensure_complete(found: Schedule, *, today: int) -> None:
    """See that all that can be reported from today on can be priced. Raises InvalidPolicy naming what is missing.

    A policy that was stored before a kind was there lacks its parameters.
    """
    in_force = found.at(today)
    for day, one in found.items:
        lacking = policy.missing(one, kinds.PARAMETERS) if day > today or one is in_force else []
        if lacking:
            raise InvalidPolicy(f"the policy {one.name} {one.version} cannot price everything: {lacking[0]}")


def install(session: Session, new: Policy, *, effective_day: int, now_us: int) -> bool:
    """Store a policy to take effect on a day. False where it is there already.

    Raises Conflict where the same policy is stored for another day, InvalidPolicy where it cannot price everything
    or comes at too short notice: the first takes effect at once, a later one never touches what readers were told.
    """
    wrong = policy.problems(new, kinds.PARAMETERS, kinds.LIMITS)
    if wrong:
        raise InvalidPolicy(wrong[0])
    known: dict[str, int] = dict(db.fetch(session, "SELECT version, effective_day FROM policy"))
    if new.version in known:
        if known[new.version] != effective_day:
            raise Conflict(f"policy {new.version} is already stored for day {known[new.version]}")
        return False
    if known and effective_day < now_us // DAY_US + NOTICE_DAYS:
        raise InvalidPolicy(f"a policy is announced at least {NOTICE_DAYS} days before it takes effect")
    db.insert(session, POLICY, [(new.version, new.name, effective_day, now_us, new.text)])
    return True
