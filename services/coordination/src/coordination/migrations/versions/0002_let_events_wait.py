"""Let events wait their turn behind a failed one of their key."""

from chassis.migrations import create_backbone_tables

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    create_backbone_tables()
