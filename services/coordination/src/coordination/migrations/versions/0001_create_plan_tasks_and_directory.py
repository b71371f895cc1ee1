"""Create the plan, tasks with their history, and the copy of the directory."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from chassis.database.migrations import create_backbone_tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_backbone_tables()
    _create_plan()
    _create_tasks()
    _create_directory()


def _create_plan() -> None:
    op.create_table(
        "plans",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("home_site", sa.Text(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_plans"),
        sa.UniqueConstraint("code", name="uq_plans_code"),
    )
    op.create_table(
        "plan_versions",
        sa.Column("plan_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("document", JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("plan_id", "version", name="pk_plan_versions"),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.id"], name="fk_plan_versions_plan_id_plans"),
        sa.UniqueConstraint("plan_id", "content_hash", name="uq_plan_versions_plan_id_content_hash"),
    )
    _create_part_of_plan(
        "plan_objectives",
        sa.Column("title", JSONB(), nullable=False),
        sa.Column("short", JSONB(), nullable=False),
        sa.Column("estimate_usd_million", sa.Numeric(), nullable=False),
        sa.Column("paragraphs", JSONB(), nullable=False),
    )
    _create_part_of_plan(
        "plan_outputs",
        sa.Column("objective", sa.Text(), nullable=False),
        sa.Column("title", JSONB(), nullable=False),
        sa.Column("paragraphs", JSONB(), nullable=False),
    )
    _create_part_of_plan(
        "plan_results",
        sa.Column("output", sa.Text(), nullable=False),
        sa.Column("title", JSONB(), nullable=False),
        sa.Column("first_year", sa.Integer(), nullable=False),
        sa.Column("last_year", sa.Integer(), nullable=False),
    )
    _create_part_of_plan(
        "plan_links",
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.CheckConstraint("kind IN ('conclusions', 'programme')", name=op.f("ck_plan_links_kind")),
        also_keyed_by=("result", "kind"),
    )
    op.create_index("ix_plan_links_kind_code", "plan_links", ["kind", "code"])


def _create_part_of_plan(
    name: str, *columns: sa.Column[object] | sa.CheckConstraint, also_keyed_by: tuple[str, ...] = ()
) -> None:
    op.create_table(
        name,
        sa.Column("plan_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        *columns,
        sa.PrimaryKeyConstraint("plan_id", "version", "code", *also_keyed_by, name=f"pk_{name}"),
        sa.ForeignKeyConstraint(
            ["plan_id", "version"],
            ["plan_versions.plan_id", "plan_versions.version"],
            name=f"fk_{name}_plan_id_version_plan_versions",
        ),
    )


def _create_tasks() -> None:
    op.create_table(
        "tasks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("home_site", sa.Text(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("title", JSONB(), nullable=False),
        sa.Column("request", JSONB()),
        sa.Column("units", ARRAY(sa.Text()), nullable=False),
        sa.Column("waiting_for", ARRAY(sa.Text()), nullable=False),
        sa.Column("needs_routing", sa.Boolean(), nullable=False),
        sa.Column("country", sa.Text()),
        sa.Column("partner", sa.Text()),
        sa.Column("partner_name", sa.Text()),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("partner_event_id", sa.Uuid(), nullable=False),
        sa.Column("partner_event_type", sa.Text(), nullable=False),
        sa.Column("partner_event", JSONB(), nullable=False),
        sa.Column("correlation_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_tasks"),
        sa.UniqueConstraint("partner_event_id", "rule", name="uq_tasks_partner_event_id_rule"),
    )
    op.create_index("ix_tasks_units", "tasks", ["units"], postgresql_using="gin")
    op.create_index("ix_tasks_result_state", "tasks", ["result", "state"])
    op.create_index("ix_tasks_state_id", "tasks", ["state", "id"])
    op.create_index("ix_tasks_to_route", "tasks", ["id"], postgresql_where=sa.text("needs_routing"))
    op.create_table(
        "task_history",
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("units", ARRAY(sa.Text()), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("member_id", sa.Uuid()),
        sa.Column("member_label", sa.Text()),
        sa.Column("member_organisation", sa.Text()),
        sa.Column("reason", sa.Text()),
        sa.PrimaryKeyConstraint("task_id", "epoch", "sequence", name="pk_task_history"),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name="fk_task_history_task_id_tasks"),
    )


def _create_directory() -> None:
    op.create_table(
        "organisations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("names", JSONB(), nullable=False),
        sa.Column("covers", ARRAY(sa.Text()), nullable=False),
        sa.Column("confirmed", sa.Boolean(), nullable=False),
        sa.Column("parent", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_organisations"),
    )
    op.create_index("ix_organisations_code", "organisations", ["code"])
    op.create_table(
        "members",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("is_gone", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_members"),
    )
