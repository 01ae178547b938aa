"""Who was let in, what a pitch came to, what is alleged or contested, and who counts."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Index, String, Text, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from ledger.tables.base import ID, LEDGER, LOOKUP, REFERENCE


class Relationship(SQLModel, table=True):
    """Where a brand and a creator stand: the memory of a brand book. Recomputable from events."""

    __table_args__ = (LEDGER,)
    creator_id: str = Field(sa_type=ID, primary_key=True)
    meter: str = Field(sa_type=String(80), primary_key=True)
    status: str = Field(sa_type=String(16))
    day: int = Field(sa_type=BigInteger)
    introduction: str = Field(sa_type=String(200))
    accepted_day: int | None = Field(sa_type=BigInteger, default=None)
    exchanges: int = Field(sa_type=BigInteger, default=0)
    exchange_day: int | None = Field(sa_type=BigInteger, default=None)
    let_in: bool = Field(default=False)
    blocked: bool = Field(default=False)


class Pitch(SQLModel, table=True):
    """A pitch from hold to outcome, kept by its first entry: what it reserves, and what became of it."""

    __table_args__ = (
        UniqueConstraint("creator_id", "pitch_id"),
        Index(
            "ix_pitch_unfinished",
            "creator_id",
            "expires_at_us",
            sqlite_where=text("closed_at_us IS NULL"),
            postgresql_where=text("closed_at_us IS NULL"),
        ),
        LEDGER,
    )
    creator_id: str = Field(sa_type=ID, primary_key=True)
    meter: str = Field(sa_type=String(80), primary_key=True)
    seq: int = Field(sa_type=BigInteger, primary_key=True)
    pitch_id: str = Field(sa_type=ID)
    brand: str = Field(sa_type=String(64))
    status: str = Field(sa_type=String(16))
    drain: int = Field(sa_type=BigInteger)
    held: int = Field(sa_type=BigInteger)
    share: int = Field(sa_type=BigInteger)
    mending: int = Field(sa_type=BigInteger)
    clear: int = Field(sa_type=BigInteger)
    vague: int = Field(sa_type=BigInteger)
    opened_at_us: int = Field(sa_type=BigInteger)
    expires_at_us: int = Field(sa_type=BigInteger)
    closed_at_us: int | None = Field(sa_type=BigInteger, default=None)
    captured: int | None = Field(sa_type=BigInteger, default=None)
    unpaid: int = Field(sa_type=BigInteger, default=0)


class Outcome(SQLModel, table=True):
    """How an audience took a pitch: outcome over formula in ppm, unbounded. Recomputable from entries."""

    __table_args__ = (LEDGER,)
    creator_id: str = Field(sa_type=ID, primary_key=True)
    meter: str = Field(sa_type=String(80), primary_key=True)
    seq: int = Field(sa_type=BigInteger, primary_key=True)
    about: int = Field(sa_type=BigInteger)
    day: int = Field(sa_type=BigInteger)
    brand: str = Field(sa_type=String(64))
    ratio: int = Field(sa_type=BigInteger)


class Allegation(SQLModel, table=True):
    """What was alleged, and what came of it. Recomputable from events."""

    __table_args__ = (LEDGER,)
    creator_id: str = Field(sa_type=ID, primary_key=True)
    meter: str = Field(sa_type=String(80), primary_key=True)
    seq: int = Field(sa_type=BigInteger, primary_key=True)
    day: int = Field(sa_type=BigInteger)
    category: str = Field(sa_type=String(40))
    severity: int = Field(sa_type=BigInteger)
    status: str = Field(sa_type=String(16))
    answered: bool = Field(default=False)
    breach: int | None = Field(sa_type=BigInteger, default=None)


class Quote(SQLModel, table=True):
    """An estimate that binds: its terms until it expires. Not in the chain; the hold made on it is."""

    __table_args__ = (Index(None, "creator_id", "meter", "brand", "made_at_us"), LEDGER)
    creator_id: str = Field(sa_type=ID, primary_key=True)
    quote_id: str = Field(sa_type=ID, primary_key=True)
    meter: str = Field(sa_type=String(80))
    brand: str = Field(sa_type=String(64))
    terms: str = Field(sa_type=Text)
    made_by: str = Field(sa_type=String(64))
    made_at_us: int = Field(sa_type=BigInteger)
    expires_at_us: int = Field(sa_type=BigInteger)


class Dispute(SQLModel, table=True):
    """A line that its creator contests. The texts stand beside the books; what an upheld one undoes is in the books."""

    __table_args__ = (
        CheckConstraint("status IN ('open', 'upheld', 'rejected')", name="status"),
        Index(None, "creator_id", "meter", "seq"),
        LEDGER,
    )
    creator_id: str = Field(sa_type=ID, primary_key=True)
    dispute_id: str = Field(sa_type=ID, primary_key=True)
    meter: str = Field(sa_type=String(80))
    seq: int = Field(sa_type=BigInteger)
    reason: str = Field(sa_type=Text)
    status: str = Field(sa_type=String(16))
    opened_at_us: int = Field(sa_type=BigInteger)
    resolved_at_us: int | None = Field(sa_type=BigInteger, default=None)
    resolved_by: str | None = Field(sa_type=String(64), default=None)
    resolution: str | None = Field(sa_type=Text, default=None)


class Reading(SQLModel, table=True):
    """What another measuring stick said of a creator, and when. Value and scale in millionths."""

    __table_args__ = (LEDGER,)
    creator_id: str = Field(sa_type=ID, primary_key=True)
    stick: str = Field(sa_type=String(64), primary_key=True)
    read_at_us: int = Field(sa_type=BigInteger, primary_key=True)
    value: int = Field(sa_type=BigInteger)
    low: int = Field(sa_type=BigInteger)
    high: int = Field(sa_type=BigInteger)
    source: str = Field(sa_type=String(200))


class Attestation(SQLModel, table=True):
    """An account that somebody vouches for: where standing starts from. Known by a keyed hash only."""

    __table_args__ = (LOOKUP,)
    network: str = Field(sa_type=String(64), primary_key=True)
    engager: str = Field(sa_type=String(32), primary_key=True)
    attested_by: str = Field(sa_type=String(64), primary_key=True)
    attested_at_us: int = Field(sa_type=BigInteger)


class Standing(SQLModel, table=True):
    """An engager's standing relative to the average account, in ppm, as the last nightly run found it."""

    __table_args__ = (LOOKUP,)
    network: str = Field(sa_type=String(64), primary_key=True)
    engager: str = Field(sa_type=String(32), primary_key=True)
    relative: int = Field(sa_type=BigInteger)
    day: int = Field(sa_type=BigInteger)


class Figure(SQLModel, table=True):
    """A figure of the whole ledger that a job works out, as JSON: what outcomes taught, which networks are attested."""

    __table_args__ = (REFERENCE,)
    name: str = Field(sa_type=String(80), primary_key=True)
    day: int = Field(sa_type=BigInteger)
    body: str = Field(sa_type=Text)
