"""What serves those who call: answers to retries, quota, webhooks, consent and erasure, Klout's numbers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ID = sa.Uuid(as_uuid=False).with_variant(sa.String(length=36), "sqlite")
ERASED = "OLD.kind <> 'erasure' AND EXISTS (SELECT 1 FROM erasure r WHERE r.creator_id = OLD.creator_id)"


def upgrade() -> None:
    op.create_table(
        "answer",
        sa.Column("holder", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("status", sa.BigInteger(), nullable=False),
        sa.Column("headers", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("creator_id", ID, nullable=True),
        sa.Column("answered_at_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("holder", "key", name=op.f("pk_answer")),
    )
    op.create_index(op.f("ix_answer_answered_at_us"), "answer", ["answered_at_us"], unique=False)
    op.create_index(op.f("ix_answer_creator_id"), "answer", ["creator_id"], unique=False)
    op.create_table(
        "consent",
        sa.Column("creator_id", ID, nullable=False),
        sa.Column("recorded_at_us", sa.BigInteger(), nullable=False),
        sa.Column("given_at_us", sa.BigInteger(), nullable=False),
        sa.Column("terms", sa.String(length=200), nullable=False),
        sa.Column("evidence", sa.String(length=200), nullable=False),
        sa.Column("recorded_by", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("creator_id", "recorded_at_us", name=op.f("pk_consent")),
    )
    op.create_table(
        "delivery",
        sa.Column("webhook_id", ID, nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("message_id", ID, nullable=False),
        sa.Column("creator_id", ID, nullable=False),
        sa.Column("meter", sa.String(length=80), nullable=False),
        sa.Column("type", sa.String(length=40), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("made_at_us", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("next_at_us", sa.BigInteger(), nullable=False),
        sa.Column("answered", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.String(length=200), nullable=True),
        sa.Column("ended_at_us", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("status IN ('waiting', 'delivered', 'dead')", name=op.f("ck_delivery_status")),
        sa.PrimaryKeyConstraint("webhook_id", "sequence", name=op.f("pk_delivery")),
    )
    op.create_index(
        "ix_delivery_book",
        "delivery",
        ["webhook_id", "creator_id", "meter", "sequence"],
        unique=False,
        sqlite_where=sa.text("status = 'waiting'"),
        postgresql_where=sa.text("status = 'waiting'"),
    )
    op.create_index(
        "ix_delivery_waiting",
        "delivery",
        ["webhook_id", "next_at_us", "sequence"],
        unique=False,
        sqlite_where=sa.text("status = 'waiting'"),
        postgresql_where=sa.text("status = 'waiting'"),
    )
    op.create_index(op.f("ix_delivery_ended_at_us"), "delivery", ["ended_at_us"], unique=False)
    op.create_index(
        op.f("ix_delivery_webhook_id_status_sequence"), "delivery", ["webhook_id", "status", "sequence"], unique=False
    )
    op.create_table(
        "erasure",
        sa.Column("creator_id", ID, nullable=False),
        sa.Column("erased_at_us", sa.BigInteger(), nullable=False),
        sa.Column("erased_by", sa.String(length=80), nullable=False),
        sa.Column("removed", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("creator_id", name=op.f("pk_erasure")),
    )
    op.create_table(
        "klout",
        sa.Column("klout_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("creator_id", ID, nullable=False),
        sa.PrimaryKeyConstraint("klout_id", name=op.f("pk_klout")),
    )
    op.create_index(op.f("ix_klout_creator_id"), "klout", ["creator_id"], unique=True)
    op.create_table(
        "outbox",
        sa.Column("creator_id", ID, nullable=False),
        sa.Column("message_id", ID, nullable=False),
        sa.Column("meter", sa.String(length=80), nullable=False),
        sa.Column("type", sa.String(length=40), nullable=False),
        sa.Column("brand", sa.String(length=64), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("made_at_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("creator_id", "message_id", name=op.f("pk_outbox")),
    )
    op.create_index(
        op.f("ix_outbox_creator_id_meter_made_at_us"), "outbox", ["creator_id", "meter", "made_at_us"], unique=False
    )
    op.create_table(
        "quota",
        sa.Column("bucket", sa.String(length=120), nullable=False),
        sa.Column("window_start", sa.BigInteger(), nullable=False),
        sa.Column("taken", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("bucket", "window_start", name=op.f("pk_quota")),
    )
    op.create_table(
        "webhook",
        sa.Column("webhook_id", ID, nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("networks", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("types", sa.Text(), nullable=False),
        sa.Column("meters", sa.Text(), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("secret_generation", sa.BigInteger(), nullable=False),
        sa.Column("secret_overlap_until_us", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("failing_since_us", sa.BigInteger(), nullable=True),
        sa.Column("quiet_until_us", sa.BigInteger(), nullable=False),
        sa.Column("lease", sa.String(length=36), nullable=False),
        sa.Column("leased_until_us", sa.BigInteger(), nullable=False),
        sa.Column("created_at_us", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("status IN ('enabled', 'paused')", name=op.f("ck_webhook_status")),
        sa.PrimaryKeyConstraint("webhook_id", name=op.f("pk_webhook")),
    )
    op.create_index(op.f("ix_webhook_role_owner"), "webhook", ["role", "owner"], unique=False)

    _let_events_of_the_erased_go()


def _let_events_of_the_erased_go() -> None:
    """An event is removed with its creator and never else; that it was, the last line of each book says."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER event_no_delete")
        op.execute(
            f"CREATE TRIGGER event_no_delete BEFORE DELETE ON event WHEN NOT ({ERASED})"
            " BEGIN SELECT RAISE(ABORT, 'event is append-only'); END"
        )
        return
    op.execute("DROP TRIGGER event_append_only ON event")
    op.execute(
        "CREATE TRIGGER event_append_only BEFORE UPDATE OR TRUNCATE ON event"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "CREATE FUNCTION refuse_unless_erased() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN IF {ERASED} THEN RETURN OLD; END IF;"
        " RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
    )
    op.execute(
        "CREATE TRIGGER event_no_delete BEFORE DELETE ON event FOR EACH ROW EXECUTE FUNCTION refuse_unless_erased()"
    )


def _keep_all_events() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER event_no_delete")
        op.execute(
            "CREATE TRIGGER event_no_delete BEFORE DELETE ON event"
            " BEGIN SELECT RAISE(ABORT, 'event is append-only'); END"
        )
        return
    op.execute("DROP TRIGGER event_no_delete ON event")
    op.execute("DROP FUNCTION refuse_unless_erased()")
    op.execute("DROP TRIGGER event_append_only ON event")
    op.execute(
        "CREATE TRIGGER event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON event"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def downgrade() -> None:
    _keep_all_events()
    op.drop_index(op.f("ix_webhook_role_owner"), table_name="webhook")
    op.drop_table("webhook")
    op.drop_table("quota")
    op.drop_index(op.f("ix_outbox_creator_id_meter_made_at_us"), table_name="outbox")
    op.drop_table("outbox")
    op.drop_index(op.f("ix_klout_creator_id"), table_name="klout")
    op.drop_table("klout")
    op.drop_table("erasure")
    op.drop_index(op.f("ix_delivery_webhook_id_status_sequence"), table_name="delivery")
    op.drop_index(op.f("ix_delivery_ended_at_us"), table_name="delivery")
    op.drop_index(
        "ix_delivery_waiting",
        table_name="delivery",
        sqlite_where=sa.text("status = 'waiting'"),
        postgresql_where=sa.text("status = 'waiting'"),
    )
    op.drop_index(
        "ix_delivery_book",
        table_name="delivery",
        sqlite_where=sa.text("status = 'waiting'"),
        postgresql_where=sa.text("status = 'waiting'"),
    )
    op.drop_table("delivery")
    op.drop_table("consent")
    op.drop_index(op.f("ix_answer_creator_id"), table_name="answer")
    op.drop_index(op.f("ix_answer_answered_at_us"), table_name="answer")
    op.drop_table("answer")
