"""The books and what they remember, the rules, the keys, and what jobs have done."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Index, LargeBinary, String, Text, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from ledger.tables.base import ID, LEDGER, LOOKUP, REFERENCE


class Creator(SQLModel, table=True):
    """Someone who joined. Names and texts are in Profile, which can be erased."""

    __table_args__ = (
        CheckConstraint("visibility IN ('private', 'public', 'erased')", name="visibility"),
        LEDGER,
    )
    creator_id: str = Field(sa_type=ID, primary_key=True)
    visibility: str = Field(sa_type=String(16))
    consent_at_us: int = Field(sa_type=BigInteger)
    enrolled_at_us: int = Field(sa_type=BigInteger)
    enrolled_by: str = Field(sa_type=String(64))
    version: int = Field(sa_type=BigInteger)
    findable: bool = Field(default=False)


class Profile(SQLModel, table=True):
    """What a creator is called. Erasable."""

    __table_args__ = (LEDGER,)
    creator_id: str = Field(sa_type=ID, primary_key=True)
    handle: str | None = Field(sa_type=String(64), default=None)
    display_name: str = Field(sa_type=String(200))
    topics: str = Field(sa_type=Text, default="[]")


class Account(SQLModel, table=True):
    """A partner's own name for a creator on a network."""

    __table_args__ = (Index(None, "creator_id"), LOOKUP)
    network: str = Field(sa_type=String(64), primary_key=True)
    external_id: str = Field(sa_type=String(200), primary_key=True)
    creator_id: str = Field(sa_type=ID)
    followers: int | None = Field(sa_type=BigInteger, default=None)


class Handle(SQLModel, table=True):
    """The name in the address of a creator's page."""

    __table_args__ = (LOOKUP,)
    handle: str = Field(sa_type=String(64), primary_key=True)
    creator_id: str = Field(sa_type=ID)


class Book(SQLModel, table=True):
    """One meter of one creator: the lock, the sequence, the chain head and the balances in one row."""

    __table_args__ = (
        CheckConstraint("bedrock >= 0", name="bedrock"),
        CheckConstraint("mending_pitch >= 0", name="mending_pitch"),
        CheckConstraint("mending_breach >= 0", name="mending_breach"),
        LEDGER,
    )
    creator_id: str = Field(sa_type=ID, primary_key=True)
    meter: str = Field(sa_type=String(80), primary_key=True)
    version: int = Field(sa_type=BigInteger, default=0)
    seq: int = Field(sa_type=BigInteger, default=0)
    head: bytes = Field(sa_type=LargeBinary, default=b"")
    recorded_at_us: int = Field(sa_type=BigInteger, default=0)
    live: bool = Field(default=False)
    policy_version: str = Field(sa_type=String(16), default="")
    fresh: int = Field(sa_type=BigInteger, default=0)
    bedrock: int = Field(sa_type=BigInteger, default=0)
    mending_pitch: int = Field(sa_type=BigInteger, default=0)
    mending_breach: int = Field(sa_type=BigInteger, default=0)
    credits: int = Field(sa_type=BigInteger, default=0)
    drains: int = Field(sa_type=BigInteger, default=0)
    known: int = Field(sa_type=BigInteger, default=0)
    pitches: int = Field(sa_type=BigInteger, default=0)
    settled_through: int = Field(sa_type=BigInteger, default=0)
    opening: int = Field(sa_type=BigInteger, default=0)
    credits_total: int = Field(sa_type=BigInteger, default=0)
    drains_total: int = Field(sa_type=BigInteger, default=0)
    breaches_total: int = Field(sa_type=BigInteger, default=0)
    apologies_total: int = Field(sa_type=BigInteger, default=0)
    last_pitch_day: int | None = Field(sa_type=BigInteger, default=None)
    label: str = Field(sa_type=String(16), default="new")
    holds: int = Field(sa_type=BigInteger, default=0)
    generous: int = Field(sa_type=BigInteger, default=0)
    usual: int = Field(sa_type=BigInteger, default=0)
    busy: int = Field(sa_type=BigInteger, default=0)
    busy_day: int = Field(sa_type=BigInteger, default=0)
    erased: bool = Field(default=False)


class Event(SQLModel, table=True):
    """What happened, as the partner told it, and what became of it. Never changed."""

    __table_args__ = (
        UniqueConstraint("creator_id", "source", "external_ref"),
        LEDGER,
    )
    creator_id: str = Field(sa_type=ID, primary_key=True)
    event_id: str = Field(sa_type=ID, primary_key=True)
    source: str = Field(sa_type=String(64))
    external_ref: str = Field(sa_type=String(200))
    meter: str = Field(sa_type=String(80))
    kind: str = Field(sa_type=String(40))
    facts: str = Field(sa_type=Text)
    occurred_at_us: int = Field(sa_type=BigInteger)
    received_at_us: int = Field(sa_type=BigInteger)
    outcome: str = Field(sa_type=Text)
    digest: bytes = Field(sa_type=LargeBinary)
    salt: bytes = Field(sa_type=LargeBinary)
    hash: bytes = Field(sa_type=LargeBinary)


class Entry(SQLModel, table=True):
    """One row that balances itself. Never changed."""

    __table_args__ = (
        CheckConstraint("fresh + bedrock + mending_pitch + mending_breach + world = 0", name="balanced"),
        CheckConstraint("bedrock_after >= 0", name="bedrock_after"),
        CheckConstraint("mending_pitch_after >= 0", name="mending_pitch_after"),
        CheckConstraint("mending_breach_after >= 0", name="mending_breach_after"),
        CheckConstraint("seq >= 1", name="seq"),
        Index(
            "ix_entry_about",
            "creator_id",
            "meter",
            "about",
            sqlite_where=text("about IS NOT NULL"),
            postgresql_where=text("about IS NOT NULL"),
        ),
        Index(
            "uq_entry_reversed_once",
            "creator_id",
            "meter",
            "about",
            unique=True,
            sqlite_where=text("kind = 'reversal'"),
            postgresql_where=text("kind = 'reversal'"),
        ),
        Index(None, "creator_id", "meter", "recorded_at_us"),
        LEDGER,
    )
    creator_id: str = Field(sa_type=ID, primary_key=True)
    meter: str = Field(sa_type=String(80), primary_key=True)
    seq: int = Field(sa_type=BigInteger, primary_key=True)
    kind: str = Field(sa_type=String(40))
    about: int | None = Field(sa_type=BigInteger, default=None)
    event_id: str | None = Field(sa_type=ID, default=None)
    event_hash: bytes = Field(sa_type=LargeBinary)
    policy_version: str = Field(sa_type=String(16))
    factors: str = Field(sa_type=Text)
    fresh: int = Field(sa_type=BigInteger)
    bedrock: int = Field(sa_type=BigInteger)
    mending_pitch: int = Field(sa_type=BigInteger)
    mending_breach: int = Field(sa_type=BigInteger)
    world: int = Field(sa_type=BigInteger)
    fresh_after: int = Field(sa_type=BigInteger)
    bedrock_after: int = Field(sa_type=BigInteger)
    mending_pitch_after: int = Field(sa_type=BigInteger)
    mending_breach_after: int = Field(sa_type=BigInteger)
    credits_after: int = Field(sa_type=BigInteger)
    drains_after: int = Field(sa_type=BigInteger)
    known_after: int = Field(sa_type=BigInteger)
    pitches_after: int = Field(sa_type=BigInteger)
    settled_through: int = Field(sa_type=BigInteger)
    recorded_at_us: int = Field(sa_type=BigInteger)
    hash_version: int = Field(sa_type=BigInteger)
    prev_hash: bytes = Field(sa_type=LargeBinary)
    hash: bytes = Field(sa_type=LargeBinary)


class Tally(SQLModel, table=True):
    """What a book's day gathered: uncapped engagement, and counts. Recomputable from events and entries."""

    __table_args__ = (
        Index(
            "ix_tally_held",
            "creator_id",
            "meter",
            "held_at_us",
            sqlite_where=text("held_at_us > 0"),
            postgresql_where=text("held_at_us > 0"),
        ),
        LEDGER,
    )
    creator_id: str = Field(sa_type=ID, primary_key=True)
    meter: str = Field(sa_type=String(80), primary_key=True)
    day: int = Field(sa_type=BigInteger, primary_key=True)
    known: int = Field(sa_type=BigInteger, default=0)
    unknown: int = Field(sa_type=BigInteger, default=0)
    bound: int | None = Field(sa_type=BigInteger, default=None)
    posts: int = Field(sa_type=BigInteger, default=0)
    sponsored: int = Field(sa_type=BigInteger, default=0)
    corrections: int = Field(sa_type=BigInteger, default=0)
    held_at_us: int = Field(sa_type=BigInteger, default=0)


class Tie(SQLModel, table=True):
    """How often an engager, known by a keyed hash only, was active here lately: a decaying count in ppm."""

    __table_args__ = (LEDGER,)
    creator_id: str = Field(sa_type=ID, primary_key=True)
    meter: str = Field(sa_type=String(80), primary_key=True)
    engager: str = Field(sa_type=String(32), primary_key=True)
    acts: int = Field(sa_type=BigInteger)
    day: int = Field(sa_type=BigInteger)
    answers: int = Field(sa_type=BigInteger, default=0)
    mutual: bool = Field(default=False)


class Breach(SQLModel, table=True):
    """Where each breach stands. Recomputable from entries."""

    __table_args__ = (LEDGER,)
    creator_id: str = Field(sa_type=ID, primary_key=True)
    meter: str = Field(sa_type=String(80), primary_key=True)
    seq: int = Field(sa_type=BigInteger, primary_key=True)
    day: int = Field(sa_type=BigInteger)
    category: str = Field(sa_type=String(40))
    severity: int = Field(sa_type=BigInteger)
    amount: int = Field(sa_type=BigInteger)
    undisclosed: bool = Field(default=False)
    owned: bool = Field(default=False)
    evaded: bool = Field(default=False)
    cleared: bool = Field(default=False)
    acceptance: int = Field(sa_type=BigInteger, default=0)


class PolicyText(SQLModel, table=True):
    """A policy that is or will be in force, whole. Never changed."""

    __tablename__ = "policy"
    __table_args__ = (REFERENCE,)
    version: str = Field(sa_type=String(16), primary_key=True)
    name: str = Field(sa_type=String(80))
    effective_day: int = Field(sa_type=BigInteger)
    announced_at_us: int = Field(sa_type=BigInteger)
    text: str = Field(sa_type=Text)


class ApiKey(SQLModel, table=True):
    """A key, known by its keyed hash only."""

    __tablename__ = "api_key"
    __table_args__ = (
        CheckConstraint("role IN ('partner', 'brand', 'creator', 'operator')", name="role"),
        UniqueConstraint("key_id"),
        Index(None, "role", "owner"),
        LOOKUP,
    )
    key_hash: str = Field(sa_type=String(64), primary_key=True)
    key_id: str = Field(sa_type=String(36))
    role: str = Field(sa_type=String(16))
    owner: str = Field(sa_type=String(64))
    networks: str = Field(sa_type=Text, default="")
    scopes: str = Field(sa_type=Text, default="")
    note: str = Field(sa_type=String(200), default="")
    created_at_us: int = Field(sa_type=BigInteger)
    revoked_at_us: int | None = Field(sa_type=BigInteger, default=None)
    expires_at_us: int | None = Field(sa_type=BigInteger, default=None)
    last_used_at_us: int | None = Field(sa_type=BigInteger, default=None)
    replaces: str | None = Field(sa_type=String(36), default=None)


class JobRun(SQLModel, table=True):
    """A piece of scheduled work that was done: written in the same transaction as its effect, so never twice."""

    __tablename__ = "job_run"
    __table_args__ = (LOOKUP,)
    job: str = Field(sa_type=String(40), primary_key=True)
    slot: str = Field(sa_type=String(40), primary_key=True)
    chunk: int = Field(sa_type=BigInteger, primary_key=True)
    cursor: str = Field(sa_type=Text, default="")
    done: bool = Field(default=False)
    rows: int = Field(sa_type=BigInteger, default=0)
    ran_at_us: int = Field(sa_type=BigInteger)


class ImportRun(SQLModel, table=True):
    """How far an import of a file came, so that it can be resumed."""

    __tablename__ = "import_run"
    __table_args__ = (LOOKUP,)
    file_digest: str = Field(sa_type=String(64), primary_key=True)
    source: str = Field(sa_type=String(64), primary_key=True)
    lines_done: int = Field(sa_type=BigInteger)
    updated_at_us: int = Field(sa_type=BigInteger)
