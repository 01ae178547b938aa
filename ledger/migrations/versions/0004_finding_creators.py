"""Finding creators: what those who chose to be found are found by."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ID = sa.Uuid(as_uuid=False).with_variant(sa.String(length=36), "sqlite")
INDEXES = {
    "ix_listing_network_topic_points_creator_id": ("listing", ["network", "topic", "points", "creator_id"]),
    "ix_listing_network_topic_followers_creator_id": ("listing", ["network", "topic", "followers", "creator_id"]),
    "ix_listing_network_topic_label_points_creator_id": (
        "listing",
        ["network", "topic", "label", "points", "creator_id"],
    ),
    "ix_listing_stick_network_stick_value_creator_id": ("listing_stick", ["network", "stick", "value", "creator_id"]),
}


def upgrade() -> None:
    op.create_table(
        "listing",
        sa.Column("creator_id", ID, nullable=False),
        sa.Column("network", sa.String(length=64), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("followers", sa.BigInteger(), nullable=False),
        sa.Column("label", sa.String(length=16), nullable=False),
        sa.Column("confidence", sa.String(length=8), nullable=False),
        sa.Column("day", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("creator_id", "network", "topic", name=op.f("pk_listing")),
    )
    op.create_table(
        "listing_stick",
        sa.Column("creator_id", ID, nullable=False),
        sa.Column("network", sa.String(length=64), nullable=False),
        sa.Column("stick", sa.String(length=80), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("creator_id", "network", "stick", name=op.f("pk_listing_stick")),
    )
    for name, (table, columns) in INDEXES.items():
        op.create_index(op.f(name), table, columns, unique=False)


def downgrade() -> None:
    for name, (table, _) in reversed(INDEXES.items()):
        op.drop_index(op.f(name), table_name=table)
    op.drop_table("listing_stick")
    op.drop_table("listing")
