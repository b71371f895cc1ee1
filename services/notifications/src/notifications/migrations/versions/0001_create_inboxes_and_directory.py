"""Inboxes and their items, the newest state of tasks, and the copy of the directory."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from chassis.database.migrations import create_backbone_tables

revision = "0001"
down_revision = None

TIMESTAMP = sa.DateTime(timezone=True)


def upgrade() -> None:
    create_backbone_tables()
    op.create_table(
        "inboxes",
        sa.Column("member_id", sa.Uuid, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("member_id", name="pk_inboxes"),
    )
    op.create_table(
        "items",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("home_site", sa.Text, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("member_id", sa.Uuid, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("arrival", sa.BigInteger, nullable=False),
        sa.Column("organisation", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("about", sa.Uuid, nullable=False),
        sa.Column("event_type", sa.Text, nullable=False),
        sa.Column("task_id", sa.Uuid, nullable=False),
        sa.Column("facts", JSONB, nullable=False),
        sa.Column("correlation", sa.Uuid, nullable=False),
        sa.Column("traceparent", sa.Text),
        sa.Column("due_on", sa.Date, nullable=False),
        sa.Column("created_at", TIMESTAMP, nullable=False),
        sa.Column("read_at", TIMESTAMP),
        sa.Column("done_at", TIMESTAMP),
        sa.PrimaryKeyConstraint("id", name="pk_items"),
        sa.ForeignKeyConstraint(["member_id"], ["inboxes.member_id"], name="fk_items_member_id_inboxes"),
        sa.UniqueConstraint("about", "member_id", "reason", name="uq_items_about_member_id_reason"),
        sa.UniqueConstraint("member_id", "position", name="uq_items_member_id_position"),
        sa.UniqueConstraint("member_id", "arrival", name="uq_items_member_id_arrival"),
    )
    op.create_index(
        "ix_items_unread",
        "items",
        ["member_id"],
        postgresql_where=sa.text("read_at IS NULL AND done_at IS NULL"),
    )
    op.create_index(
        "ix_items_open",
        "items",
        ["member_id", "arrival"],
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.create_index("ix_items_task_id", "items", ["task_id"])
    op.create_table(
        "tasks",
        sa.Column("task_id", sa.Uuid, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("event_id", sa.Uuid, nullable=False),
        sa.Column("facts", JSONB, nullable=False),
        sa.PrimaryKeyConstraint("task_id", name="pk_tasks"),
    )
    op.create_table(
        "organisations",
        sa.Column("organisation_id", sa.Uuid, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("names", JSONB, nullable=False),
        sa.PrimaryKeyConstraint("organisation_id", name="pk_organisations"),
    )
    op.create_index("ix_organisations_code", "organisations", ["code"])
    op.create_table(
        "members",
        sa.Column("member_id", sa.Uuid, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("organisation", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("time_zone", sa.Text, nullable=False),
        sa.Column("has_left", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("member_id", name="pk_members"),
    )
    op.create_index("ix_members_organisation", "members", ["organisation"])
