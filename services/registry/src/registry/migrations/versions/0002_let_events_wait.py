"""Let events wait their turn behind a failed one of their key, and tell of their attempts there."""

from alembic import op

from chassis.database.migrations import create_backbone_tables

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    create_backbone_tables()
    op.execute("DROP TABLE IF EXISTS failed_attempts")
