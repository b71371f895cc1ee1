import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from chassis.database.migrations import create_backbone_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_backbone_tables()
    _create_received_events()
    _create_event_steps()
    _create_sign_in_links()
    _create_sessions()


def _moment(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _text(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.Text, nullable=nullable)


def _create_received_events() -> None:
    op.create_table(
        "received_events",
        sa.Column("id", sa.Uuid, primary_key=True),
        _text("home_site"),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("event_id", sa.Uuid, nullable=False),
        _text("partner"),
        _text("source"),
        _text("sent_id"),
        _text("type"),
        _text("content_sha256"),
        _moment("received_at"),
        _text("trace_id", nullable=True),
        sa.UniqueConstraint("partner", "source", "sent_id", name="uq_received_events_partner_source_sent_id"),
        sa.UniqueConstraint("event_id", name="uq_received_events_event_id"),
    )
    op.create_index("ix_received_events_partner_event_id", "received_events", ["partner", "event_id"])
    op.create_index("ix_received_events_partner_sent_id", "received_events", ["partner", "sent_id"])


def _create_event_steps() -> None:
    op.create_table(
        "event_steps",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column(
            "event_id",
            sa.Uuid,
            sa.ForeignKey(
                "received_events.event_id",
                name="fk_event_steps_event_id_received_events",
                ondelete="CASCADE",
            ),
            nullable=False,
        ),
        _text("name"),
        _moment("at"),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("task_id", sa.Uuid),
        sa.Column("detail", JSONB, nullable=False),
    )
    op.create_index("ix_event_steps_event_id_at", "event_steps", ["event_id", "at"])


def _member() -> list[sa.Column[object]]:
    return [
        sa.Column("member_id", sa.Uuid, nullable=False),
        *(_text(name) for name in ("organisation", "role", "label", "language", "time_zone")),
    ]


def _create_sign_in_links() -> None:
    op.create_table(
        "sign_in_links",
        sa.Column("token_sha256", sa.Text, primary_key=True),
        *_member(),
        _moment("created_at"),
        _moment("expires_at"),
    )
    op.create_index("ix_sign_in_links_member_id", "sign_in_links", ["member_id"])
    op.create_index("ix_sign_in_links_expires_at", "sign_in_links", ["expires_at"])


def _create_sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", sa.Uuid, primary_key=True),
        _text("token_sha256"),
        *_member(),
        _moment("created_at"),
        _moment("seen_at"),
        _moment("expires_at"),
        sa.UniqueConstraint("token_sha256", name="uq_sessions_token_sha256"),
    )
    op.create_index("ix_sessions_member_id", "sessions", ["member_id"])
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"])
