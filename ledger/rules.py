"""The policies stored with the books: which are in force, and from when."""

from __future__ import annotations

from ledger import db, kinds, outbox, policy, soundness, tables
from ledger.days import iso_day
from ledger.db import Reading, Session
from ledger.economy import DAY_US
from ledger.errors import Conflict, InvalidPolicy
from ledger.messages import NOBODY, about
from ledger.policy import Policy, Schedule

POLICY = tables.PolicyText.__table__  # type: ignore[attr-defined]
NOTICE_DAYS = 7
JOB = "announce"


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

    Raises Conflict where the same policy is stored for another day, or another for the same day; InvalidPolicy where it
    cannot price everything, breaks a law of trust, or comes at too short notice: the first takes effect at once, a
    later one never touches what readers were told.
    """
    if wrong := soundness.faults(new.text):
        raise InvalidPolicy(wrong[0])
    known = _known(session)
    if new.version in known:
        return _again(new.version, known, effective_day)
    if known and effective_day < now_us // DAY_US + NOTICE_DAYS:
        raise InvalidPolicy(f"a policy is announced at least {NOTICE_DAYS} days before it takes effect")
    if effective_day in known.values() or not _claim(session, new, effective_day, now_us):
        return _again(new.version, _known(session), effective_day)
    db.insert(session, POLICY, [(new.version, new.name, effective_day, now_us, new.text)])
    if known:
        told = {"policy": new.version, "name": new.name, "effective_day": iso_day(effective_day)}
        outbox.say(session, about(NOBODY, "", "policy.announced", at_us=now_us, told=told))
    return True


def _known(session: Session) -> dict[str, int]:
    return dict(db.fetch(session, "SELECT version, effective_day FROM policy"))


def _again(version: str, known: dict[str, int], effective_day: int) -> bool:
    """False: it is there already. Raises Conflict where it is not the same."""
    if version not in known:
        raise Conflict(f"another policy takes effect on {iso_day(effective_day)}: choose another day")
    if known[version] != effective_day:
        told = f"policy {version} is already announced for {iso_day(known[version])}"
        raise Conflict(f"{told}: to announce the same numbers for another day too, give the file another name")
    return False


def _claim(session: Session, new: Policy, effective_day: int, now_us: int) -> bool:
    """Claim a day, so that of two announcements for it at one moment one is refused."""
    claimed = db.execute(
        session,
        "INSERT INTO job_run (job, slot, chunk, cursor, done, rows, ran_at_us) VALUES (?, ?, 1, ?, ?, 0, ?)"
        " ON CONFLICT DO NOTHING",
        (JOB, iso_day(effective_day), new.version, True, now_us),
    )
    return bool(claimed)
