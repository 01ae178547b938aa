"""The whole trust economy: relationships, pitches, allegations, disputes, and who counts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ID = sa.Uuid(as_uuid=False).with_variant(sa.String(length=36), "sqlite")


def upgrade() -> None:
    op.create_table(
        "relationship",
        sa.Column("creator_id", ID, nullable=False),
        sa.Column("meter", sa.String(length=80), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("day", sa.BigInteger(), nullable=False),
        sa.Column("introduction", sa.String(length=200), nullable=False),
        sa.Column("accepted_day", sa.BigInteger(), nullable=True),
        sa.Column("exchanges", sa.BigInteger(), nullable=False),
        sa.Column("exchange_day", sa.BigInteger(), nullable=True),
        sa.Column("let_in", sa.Boolean(), nullable=False),
        sa.Column("blocked", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("creator_id", "meter", name=op.f("pk_relationship")),
    )
    op.create_table(
        "pitch",
        sa.Column("creator_id", ID, nullable=False),
        sa.Column("meter", sa.String(length=80), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("pitch_id", ID, nullable=False),
        sa.Column("brand", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("drain", sa.BigInteger(), nullable=False),
        sa.Column("held", sa.BigInteger(), nullable=False),
        sa.Column("share", sa.BigInteger(), nullable=False),
        sa.Column("mending", sa.BigInteger(), nullable=False),
        sa.Column("clear", sa.BigInteger(), nullable=False),
        sa.Column("vague", sa.BigInteger(), nullable=False),
        sa.Column("opened_at_us", sa.BigInteger(), nullable=False),
        sa.Column("expires_at_us", sa.BigInteger(), nullable=False),
        sa.Column("closed_at_us", sa.BigInteger(), nullable=True),
        sa.Column("captured", sa.BigInteger(), nullable=True),
        sa.Column("unpaid", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("creator_id", "meter", "seq", name=op.f("pk_pitch")),
        sa.UniqueConstraint("creator_id", "pitch_id", name=op.f("uq_pitch_creator_id_pitch_id")),
    )
    op.create_index(
        op.f("ix_pitch_unfinished"),
        "pitch",
        ["creator_id", "expires_at_us"],
        unique=False,
        sqlite_where=sa.text("closed_at_us IS NULL"),
        postgresql_where=sa.text("closed_at_us IS NULL"),
    )
    op.create_table(
        "outcome",
        sa.Column("creator_id", ID, nullable=False),
        sa.Column("meter", sa.String(length=80), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("about", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.BigInteger(), nullable=False),
        sa.Column("brand", sa.String(length=64), nullable=False),
        sa.Column("ratio", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("creator_id", "meter", "seq", name=op.f("pk_outcome")),
    )
    op.create_table(
        "allegation",
        sa.Column("creator_id", ID, nullable=False),
        sa.Column("meter", sa.String(length=80), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.BigInteger(), nullable=False),
        sa.Column("category", sa.String(length=40), nullable=False),
        sa.Column("severity", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("answered", sa.Boolean(), nullable=False),
        sa.Column("breach", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("creator_id", "meter", "seq", name=op.f("pk_allegation")),
    )
    op.create_table(
        "quote",
        sa.Column("creator_id", ID, nullable=False),
        sa.Column("quote_id", ID, nullable=False),
        sa.Column("meter", sa.String(length=80), nullable=False),
        sa.Column("brand", sa.String(length=64), nullable=False),
        sa.Column("terms", sa.Text(), nullable=False),
        sa.Column("made_by", sa.String(length=64), nullable=False),
        sa.Column("made_at_us", sa.BigInteger(), nullable=False),
        sa.Column("expires_at_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("creator_id", "quote_id", name=op.f("pk_quote")),
    )
    op.create_index(
        op.f("ix_quote_creator_id_meter_brand_made_at_us"),
        "quote",
        ["creator_id", "meter", "brand", "made_at_us"],
        unique=False,
    )
    op.create_table(
        "dispute",
        sa.Column("creator_id", ID, nullable=False),
        sa.Column("dispute_id", ID, nullable=False),
        sa.Column("meter", sa.String(length=80), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("opened_at_us", sa.BigInteger(), nullable=False),
        sa.Column("resolved_at_us", sa.BigInteger(), nullable=True),
        sa.Column("resolved_by", sa.String(length=64), nullable=True),
        sa.Column("resolution", sa.Text(), nullable=True),
        sa.CheckConstraint("status IN ('open', 'upheld', 'rejected')", name=op.f("ck_dispute_status")),
        sa.PrimaryKeyConstraint("creator_id", "dispute_id", name=op.f("pk_dispute")),
    )
    op.create_index(op.f("ix_dispute_creator_id_meter_seq"), "dispute", ["creator_id", "meter", "seq"], unique=False)
    op.create_table(
        "reading",
        sa.Column("creator_id", ID, nullable=False),
        sa.Column("stick", sa.String(length=64), nullable=False),
        sa.Column("read_at_us", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.Column("low", sa.BigInteger(), nullable=False),
        sa.Column("high", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("creator_id", "stick", "read_at_us", name=op.f("pk_reading")),
    )
    op.create_table(
        "attestation",
        sa.Column("network", sa.String(length=64), nullable=False),
        sa.Column("engager", sa.String(length=32), nullable=False),
        sa.Column("attested_by", sa.String(length=64), nullable=False),
        sa.Column("attested_at_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("network", "engager", "attested_by", name=op.f("pk_attestation")),
    )
    op.create_table(
        "standing",
        sa.Column("network", sa.String(length=64), nullable=False),
        sa.Column("engager", sa.String(length=32), nullable=False),
        sa.Column("relative", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("network", "engager", name=op.f("pk_standing")),
    )
    op.create_table(
        "figure",
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("day", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_figure")),
    )


def downgrade() -> None:
    op.drop_table("figure")
    op.drop_table("standing")
    op.drop_table("attestation")
    op.drop_table("reading")
    op.drop_table("dispute")
    op.drop_table("quote")
    op.drop_table("allegation")
    op.drop_table("outcome")
    op.drop_table("pitch")
    op.drop_table("relationship")
