"""What serves those who call: answers kept for their retries, webhooks on their way, quota, consent and erasure."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Index, LargeBinary, String, Text, text
from sqlmodel import Field, SQLModel

from ledger.tables.base import ID, LEDGER, LOOKUP, REFERENCE


class Answer(SQLModel, table=True):
    """What a call under an Idempotency-Key was answered, written with its effect. Kept for a day."""

    __table_args__ = (Index(None, "answered_at_us"), Index(None, "creator_id"), LOOKUP)
    holder: str = Field(sa_type=String(64), primary_key=True)
    key: str = Field(sa_type=String(255), primary_key=True)
    request: str = Field(sa_type=Text)
    status: int = Field(sa_type=BigInteger)
    headers: str = Field(sa_type=Text)
    body: bytes = Field(sa_type=LargeBinary)
    creator_id: str | None = Field(sa_type=ID, default=None)
    answered_at_us: int = Field(sa_type=BigInteger)


class Quota(SQLModel, table=True):
    """How much of a window's quota the processes have taken in slices, together."""

    __table_args__ = (LOOKUP,)
    bucket: str = Field(sa_type=String(120), primary_key=True)
    window_start: int = Field(sa_type=BigInteger, primary_key=True)
    taken: int = Field(sa_type=BigInteger)


class Webhook(SQLModel, table=True):
    """An address that is told of what happens. Its secret is derived from the pepper, and not kept here."""

    __table_args__ = (
        CheckConstraint("status IN ('enabled', 'paused')", name="status"),
        Index(None, "role", "owner"),
        REFERENCE,  # few, and every posting asks whether there is any
    )
    webhook_id: str = Field(sa_type=ID, primary_key=True)
    role: str = Field(sa_type=String(16))
    owner: str = Field(sa_type=String(64))
    networks: str = Field(sa_type=Text, default="")
    url: str = Field(sa_type=Text)
    types: str = Field(sa_type=Text, default="[]")
    meters: str = Field(sa_type=Text, default="[]")
    note: str = Field(sa_type=String(200), default="")
    status: str = Field(sa_type=String(16), default="enabled")
    version: int = Field(sa_type=BigInteger, default=1)
    secret_generation: int = Field(sa_type=BigInteger, default=1)
    secret_overlap_until_us: int = Field(sa_type=BigInteger, default=0)
    sequence: int = Field(sa_type=BigInteger, default=0)
    failing_since_us: int | None = Field(sa_type=BigInteger, default=None)
    quiet_until_us: int = Field(sa_type=BigInteger, default=0)
    lease: str = Field(sa_type=String(36), default="")
    leased_until_us: int = Field(sa_type=BigInteger, default=0)
    created_at_us: int = Field(sa_type=BigInteger)


class Outbox(SQLModel, table=True):
    """What happened and nobody was told of yet, written with it. `made_at_us` only grows in a book."""

    __table_args__ = (Index(None, "creator_id", "meter", "made_at_us"), LEDGER)
    creator_id: str = Field(sa_type=ID, primary_key=True)
    message_id: str = Field(sa_type=ID, primary_key=True)
    meter: str = Field(sa_type=String(80))
    type: str = Field(sa_type=String(40))
    brand: str = Field(sa_type=String(64), default="")
    body: str = Field(sa_type=Text)
    made_at_us: int = Field(sa_type=BigInteger)


class Delivery(SQLModel, table=True):
    """A message on its way to one webhook, or there, or given up. Sequences have no gaps in a webhook."""

    __table_args__ = (
        CheckConstraint("status IN ('waiting', 'delivered', 'dead')", name="status"),
        Index(
            "ix_delivery_waiting",
            "webhook_id",
            "next_at_us",
            "sequence",
            sqlite_where=text("status = 'waiting'"),
            postgresql_where=text("status = 'waiting'"),
        ),
        Index(
            "ix_delivery_book",
            "webhook_id",
            "creator_id",
            "meter",
            "sequence",
            sqlite_where=text("status = 'waiting'"),
            postgresql_where=text("status = 'waiting'"),
        ),
        Index(None, "webhook_id", "status", "sequence"),
        Index(None, "ended_at_us"),
        LOOKUP,
    )
    webhook_id: str = Field(sa_type=ID, primary_key=True)
    sequence: int = Field(sa_type=BigInteger, primary_key=True)
    message_id: str = Field(sa_type=ID)
    creator_id: str = Field(sa_type=ID)
    meter: str = Field(sa_type=String(80))
    type: str = Field(sa_type=String(40))
    body: str = Field(sa_type=Text)
    made_at_us: int = Field(sa_type=BigInteger)
    status: str = Field(sa_type=String(16), default="waiting")
    attempts: int = Field(sa_type=BigInteger, default=0)
    next_at_us: int = Field(sa_type=BigInteger)
    answered: int | None = Field(sa_type=BigInteger, default=None)
    error: str | None = Field(sa_type=String(200), default=None)
    ended_at_us: int | None = Field(sa_type=BigInteger, default=None)


class Consent(SQLModel, table=True):
    """That a creator agreed, to which terms, who recorded it, and where the proof of it lies."""

    __table_args__ = (LEDGER,)
    creator_id: str = Field(sa_type=ID, primary_key=True)
    recorded_at_us: int = Field(sa_type=BigInteger, primary_key=True)
    given_at_us: int = Field(sa_type=BigInteger)
    terms: str = Field(sa_type=String(200), default="")
    evidence: str = Field(sa_type=String(200), default="")
    recorded_by: str = Field(sa_type=String(64))


class Erasure(SQLModel, table=True):
    """That a creator was erased, when, at whose word, and how much went: what is left without a name."""

    __table_args__ = (LEDGER,)
    creator_id: str = Field(sa_type=ID, primary_key=True)
    erased_at_us: int = Field(sa_type=BigInteger)
    erased_by: str = Field(sa_type=String(80))
    removed: str = Field(sa_type=Text)


class Klout(SQLModel, table=True):
    """The number clients of Klout's old API know a creator by. Unique both ways, and so kept on every node."""

    __table_args__ = (Index(None, "creator_id", unique=True), REFERENCE)
    klout_id: int = Field(sa_type=BigInteger, primary_key=True, sa_column_kwargs={"autoincrement": False})
    creator_id: str = Field(sa_type=ID)
