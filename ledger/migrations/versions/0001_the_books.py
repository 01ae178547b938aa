"""The books."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

APPEND_ONLY = ("event", "entry", "policy")


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("network", sa.String(length=64), nullable=False),
        sa.Column("external_id", sa.String(length=200), nullable=False),
        sa.Column("creator_id", sa.Uuid(as_uuid=False).with_variant(sa.String(length=36), "sqlite"), nullable=False),
        sa.Column("followers", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("network", "external_id", name=op.f("pk_account")),
    )
    op.create_index(op.f("ix_account_creator_id"), "account", ["creator_id"], unique=False)
    op.create_table(
        "api_key",
        sa.Column("key_hash", sa.String(length=64), nullable=False),
        sa.Column("key_id", sa.String(length=36), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("networks", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("created_at_us", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at_us", sa.BigInteger(), nullable=True),
        sa.Column("expires_at_us", sa.BigInteger(), nullable=True),
        sa.Column("last_used_at_us", sa.BigInteger(), nullable=True),
        sa.Column("replaces", sa.String(length=36), nullable=True),
        sa.CheckConstraint("role IN ('partner', 'brand', 'creator', 'operator')", name=op.f("ck_api_key_role")),
        sa.PrimaryKeyConstraint("key_hash", name=op.f("pk_api_key")),
        sa.UniqueConstraint("key_id", name=op.f("uq_api_key_key_id")),
    )
    op.create_index(op.f("ix_api_key_role_owner"), "api_key", ["role", "owner"], unique=False)
    op.create_table(
        "book",
        sa.Column("creator_id", sa.Uuid(as_uuid=False).with_variant(sa.String(length=36), "sqlite"), nullable=False),
        sa.Column("meter", sa.String(length=80), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("head", sa.LargeBinary(), nullable=False),
        sa.Column("recorded_at_us", sa.BigInteger(), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("policy_version", sa.String(length=16), nullable=False),
        sa.Column("fresh", sa.BigInteger(), nullable=False),
        sa.Column("bedrock", sa.BigInteger(), nullable=False),
        sa.Column("mending_pitch", sa.BigInteger(), nullable=False),
        sa.Column("mending_breach", sa.BigInteger(), nullable=False),
        sa.Column("credits", sa.BigInteger(), nullable=False),
        sa.Column("drains", sa.BigInteger(), nullable=False),
        sa.Column("known", sa.BigInteger(), nullable=False),
        sa.Column("pitches", sa.BigInteger(), nullable=False),
        sa.Column("settled_through", sa.BigInteger(), nullable=False),
        sa.Column("opening", sa.BigInteger(), nullable=False),
        sa.Column("credits_total", sa.BigInteger(), nullable=False),
        sa.Column("drains_total", sa.BigInteger(), nullable=False),
        sa.Column("breaches_total", sa.BigInteger(), nullable=False),
        sa.Column("apologies_total", sa.BigInteger(), nullable=False),
        sa.Column("last_pitch_day", sa.BigInteger(), nullable=True),
        sa.Column("label", sa.String(length=16), nullable=False),
        sa.Column("holds", sa.BigInteger(), nullable=False),
        sa.Column("generous", sa.BigInteger(), nullable=False),
        sa.Column("usual", sa.BigInteger(), nullable=False),
        sa.Column("busy", sa.BigInteger(), nullable=False),
        sa.Column("busy_day", sa.BigInteger(), nullable=False),
        sa.Column("erased", sa.Boolean(), nullable=False),
        sa.CheckConstraint("bedrock >= 0", name=op.f("ck_book_bedrock")),
        sa.CheckConstraint("mending_breach >= 0", name=op.f("ck_book_mending_breach")),
        sa.CheckConstraint("mending_pitch >= 0", name=op.f("ck_book_mending_pitch")),
        sa.PrimaryKeyConstraint("creator_id", "meter", name=op.f("pk_book")),
    )
    op.create_table(
        "breach",
        sa.Column("creator_id", sa.Uuid(as_uuid=False).with_variant(sa.String(length=36), "sqlite"), nullable=False),
        sa.Column("meter", sa.String(length=80), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.BigInteger(), nullable=False),
        sa.Column("category", sa.String(length=40), nullable=False),
        sa.Column("severity", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("undisclosed", sa.Boolean(), nullable=False),
        sa.Column("owned", sa.Boolean(), nullable=False),
        sa.Column("evaded", sa.Boolean(), nullable=False),
        sa.Column("cleared", sa.Boolean(), nullable=False),
        sa.Column("acceptance", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("creator_id", "meter", "seq", name=op.f("pk_breach")),
    )
    op.create_table(
        "creator",
        sa.Column("creator_id", sa.Uuid(as_uuid=False).with_variant(sa.String(length=36), "sqlite"), nullable=False),
        sa.Column("visibility", sa.String(length=16), nullable=False),
        sa.Column("consent_at_us", sa.BigInteger(), nullable=False),
        sa.Column("enrolled_at_us", sa.BigInteger(), nullable=False),
        sa.Column("enrolled_by", sa.String(length=64), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("findable", sa.Boolean(), nullable=False),
        sa.CheckConstraint("visibility IN ('private', 'public', 'erased')", name=op.f("ck_creator_visibility")),
        sa.PrimaryKeyConstraint("creator_id", name=op.f("pk_creator")),
    )
    op.create_table(
        "entry",
        sa.Column("creator_id", sa.Uuid(as_uuid=False).with_variant(sa.String(length=36), "sqlite"), nullable=False),
        sa.Column("meter", sa.String(length=80), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("about", sa.BigInteger(), nullable=True),
        sa.Column("event_id", sa.Uuid(as_uuid=False).with_variant(sa.String(length=36), "sqlite"), nullable=True),
        sa.Column("event_hash", sa.LargeBinary(), nullable=False),
        sa.Column("policy_version", sa.String(length=16), nullable=False),
        sa.Column("factors", sa.Text(), nullable=False),
        sa.Column("fresh", sa.BigInteger(), nullable=False),
        sa.Column("bedrock", sa.BigInteger(), nullable=False),
        sa.Column("mending_pitch", sa.BigInteger(), nullable=False),
        sa.Column("mending_breach", sa.BigInteger(), nullable=False),
        sa.Column("world", sa.BigInteger(), nullable=False),
        sa.Column("fresh_after", sa.BigInteger(), nullable=False),
        sa.Column("bedrock_after", sa.BigInteger(), nullable=False),
        sa.Column("mending_pitch_after", sa.BigInteger(), nullable=False),
        sa.Column("mending_breach_after", sa.BigInteger(), nullable=False),
        sa.Column("credits_after", sa.BigInteger(), nullable=False),
        sa.Column("drains_after", sa.BigInteger(), nullable=False),
        sa.Column("known_after", sa.BigInteger(), nullable=False),
        sa.Column("pitches_after", sa.BigInteger(), nullable=False),
        sa.Column("settled_through", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at_us", sa.BigInteger(), nullable=False),
        sa.Column("hash_version", sa.BigInteger(), nullable=False),
        sa.Column("prev_hash", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("bedrock_after >= 0", name=op.f("ck_entry_bedrock_after")),
        sa.CheckConstraint(
            "fresh + bedrock + mending_pitch + mending_breach + world = 0", name=op.f("ck_entry_balanced")
        ),
        sa.CheckConstraint("mending_breach_after >= 0", name=op.f("ck_entry_mending_breach_after")),
        sa.CheckConstraint("mending_pitch_after >= 0", name=op.f("ck_entry_mending_pitch_after")),
        sa.CheckConstraint("seq >= 1", name=op.f("ck_entry_seq")),
        sa.PrimaryKeyConstraint("creator_id", "meter", "seq", name=op.f("pk_entry")),
    )
    op.create_index(
        "ix_entry_about",
        "entry",
        ["creator_id", "meter", "about"],
        unique=False,
        sqlite_where=sa.text("about IS NOT NULL"),
        postgresql_where=sa.text("about IS NOT NULL"),
    )
    op.create_index(
        op.f("ix_entry_creator_id_meter_recorded_at_us"),
        "entry",
        ["creator_id", "meter", "recorded_at_us"],
        unique=False,
    )
    op.create_index(
        "uq_entry_reversed_once",
        "entry",
        ["creator_id", "meter", "about"],
        unique=True,
        sqlite_where=sa.text("kind = 'reversal'"),
        postgresql_where=sa.text("kind = 'reversal'"),
    )
    op.create_table(
        "event",
        sa.Column("creator_id", sa.Uuid(as_uuid=False).with_variant(sa.String(length=36), "sqlite"), nullable=False),
        sa.Column("event_id", sa.Uuid(as_uuid=False).with_variant(sa.String(length=36), "sqlite"), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("external_ref", sa.String(length=200), nullable=False),
        sa.Column("meter", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("occurred_at_us", sa.BigInteger(), nullable=False),
        sa.Column("received_at_us", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("creator_id", "event_id", name=op.f("pk_event")),
        sa.UniqueConstraint(
            "creator_id", "source", "external_ref", name=op.f("uq_event_creator_id_source_external_ref")
        ),
    )
    op.create_table(
        "handle",
        sa.Column("handle", sa.String(length=64), nullable=False),
        sa.Column("creator_id", sa.Uuid(as_uuid=False).with_variant(sa.String(length=36), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("handle", name=op.f("pk_handle")),
    )
    op.create_table(
        "import_run",
        sa.Column("file_digest", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("lines_done", sa.BigInteger(), nullable=False),
        sa.Column("updated_at_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("file_digest", "source", name=op.f("pk_import_run")),
    )
    op.create_table(
        "job_run",
        sa.Column("job", sa.String(length=40), nullable=False),
        sa.Column("slot", sa.String(length=40), nullable=False),
        sa.Column("chunk", sa.BigInteger(), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=False),
        sa.Column("done", sa.Boolean(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("ran_at_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("job", "slot", "chunk", name=op.f("pk_job_run")),
    )
    op.create_table(
        "policy",
        sa.Column("version", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("effective_day", sa.BigInteger(), nullable=False),
        sa.Column("announced_at_us", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_policy")),
    )
    op.create_table(
        "profile",
        sa.Column("creator_id", sa.Uuid(as_uuid=False).with_variant(sa.String(length=36), "sqlite"), nullable=False),
        sa.Column("handle", sa.String(length=64), nullable=True),
        sa.Column("display_name", sa.String(length=200), nullable=False),
        sa.Column("topics", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("creator_id", name=op.f("pk_profile")),
    )
    op.create_table(
        "tally",
        sa.Column("creator_id", sa.Uuid(as_uuid=False).with_variant(sa.String(length=36), "sqlite"), nullable=False),
        sa.Column("meter", sa.String(length=80), nullable=False),
        sa.Column("day", sa.BigInteger(), nullable=False),
        sa.Column("known", sa.BigInteger(), nullable=False),
        sa.Column("unknown", sa.BigInteger(), nullable=False),
        sa.Column("bound", sa.BigInteger(), nullable=True),
        sa.Column("posts", sa.BigInteger(), nullable=False),
        sa.Column("sponsored", sa.BigInteger(), nullable=False),
        sa.Column("corrections", sa.BigInteger(), nullable=False),
        sa.Column("held_at_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("creator_id", "meter", "day", name=op.f("pk_tally")),
    )
    op.create_index(
        "ix_tally_held",
        "tally",
        ["creator_id", "meter", "held_at_us"],
        unique=False,
        sqlite_where=sa.text("held_at_us > 0"),
        postgresql_where=sa.text("held_at_us > 0"),
    )
    op.create_table(
        "tie",
        sa.Column("creator_id", sa.Uuid(as_uuid=False).with_variant(sa.String(length=36), "sqlite"), nullable=False),
        sa.Column("meter", sa.String(length=80), nullable=False),
        sa.Column("engager", sa.String(length=32), nullable=False),
        sa.Column("acts", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.BigInteger(), nullable=False),
        sa.Column("answers", sa.BigInteger(), nullable=False),
        sa.Column("mutual", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("creator_id", "meter", "engager", name=op.f("pk_tie")),
    )
    _append_only()


def _append_only() -> None:
    """What happened is never changed or removed; the code keeps to it, the triggers see that others do."""
    if op.get_bind().dialect.name == "sqlite":
        for table in APPEND_ONLY:
            for verb in ("UPDATE", "DELETE"):
                op.execute(
                    f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table}"
                    f" BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
                )
        return
    op.execute(
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
    )
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for table in APPEND_ONLY:
            for verb in ("update", "delete"):
                op.execute(f"DROP TRIGGER {table}_no_{verb}")
    else:
        for table in APPEND_ONLY:
            op.execute(f"DROP TRIGGER {table}_append_only ON {table}")
        op.execute("DROP FUNCTION refuse_change()")
    op.drop_table("tie")
    op.drop_table("tally")
    op.drop_table("profile")
    op.drop_table("policy")
    op.drop_table("job_run")
    op.drop_table("import_run")
    op.drop_table("handle")
    op.drop_table("event")
    op.drop_index(
        "uq_entry_reversed_once",
        table_name="entry",
        sqlite_where=sa.text("kind = 'reversal'"),
        postgresql_where=sa.text("kind = 'reversal'"),
    )
    op.drop_index(op.f("ix_entry_creator_id_meter_recorded_at_us"), table_name="entry")
    op.drop_index(
        "ix_entry_about",
        table_name="entry",
        sqlite_where=sa.text("about IS NOT NULL"),
        postgresql_where=sa.text("about IS NOT NULL"),
    )
    op.drop_table("entry")
    op.drop_table("creator")
    op.drop_table("breach")
    op.drop_table("book")
    op.drop_index(op.f("ix_api_key_role_owner"), table_name="api_key")
    op.drop_table("api_key")
    op.drop_index(op.f("ix_account_creator_id"), table_name="account")
    op.drop_table("account")
