import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from chassis.database.migrations import create_backbone_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_backbone_tables()
    _create_directory()
    _create_partners()


def _aggregate() -> list[sa.Column[object]]:
    return [
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("home_site", sa.Text, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
    ]


def _moment(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _create_directory() -> None:
    op.create_table(
        "organisations",
        *_aggregate(),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("folded", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("names", JSONB, nullable=False),
        sa.Column("parent", sa.Text),
        sa.Column("country", sa.Text),
        sa.Column("city", sa.Text),
        sa.Column("region", sa.Text),
        sa.Column("confirmed", sa.Boolean, nullable=False),
        _moment("registered_at"),
        _moment("updated_at"),
        _moment("edited_at", nullable=True),
        sa.UniqueConstraint("code", name="uq_organisations_code"),
        sa.UniqueConstraint("folded", name="uq_organisations_folded"),
        sa.ForeignKeyConstraint(
            ["parent"],
            ["organisations.code"],
            name="fk_organisations_parent_organisations",
            deferrable=True,
            initially="DEFERRED",
        ),
    )
    op.create_table(
        "coverages",
        sa.Column("country", sa.Text, primary_key=True),
        sa.Column(
            "organisation_id",
            sa.Uuid,
            sa.ForeignKey("organisations.id", name="fk_coverages_organisation_id_organisations"),
            nullable=False,
        ),
    )
    op.create_index("ix_coverages_organisation_id", "coverages", ["organisation_id"])
    op.create_table(
        "members",
        *_aggregate(),
        sa.Column(
            "organisation",
            sa.Text,
            sa.ForeignKey("organisations.code", name="fk_members_organisation_organisations"),
            nullable=False,
        ),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("time_zone", sa.Text, nullable=False),
        sa.Column("themes", ARRAY(sa.Text), nullable=False),
        _moment("joined_at"),
        _moment("updated_at"),
        _moment("left_at", nullable=True),
        _moment("edited_at", nullable=True),
    )
    op.create_index("ix_members_organisation", "members", ["organisation"])


def _create_partners() -> None:
    op.create_table(
        "partners",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column(
            "organisation_id",
            sa.Uuid,
            sa.ForeignKey("organisations.id", name="fk_partners_organisation_id_organisations"),
            nullable=False,
        ),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("grants", ARRAY(sa.Text), nullable=False),
        _moment("created_at"),
        _moment("updated_at"),
        sa.UniqueConstraint("organisation_id", name="uq_partners_organisation_id"),
    )
    op.create_table(
        "partner_keys",
        sa.Column("key_id", sa.Text, primary_key=True),
        sa.Column(
            "partner_id",
            sa.Uuid,
            sa.ForeignKey("partners.id", name="fk_partner_keys_partner_id_partners"),
            nullable=False,
        ),
        sa.Column("secret_sha256", sa.Text, nullable=False),
        _moment("created_at"),
        _moment("expires_at", nullable=True),
        _moment("revoked_at", nullable=True),
        _moment("last_used_at", nullable=True),
    )
    op.create_index("ix_partner_keys_partner_id", "partner_keys", ["partner_id"])
