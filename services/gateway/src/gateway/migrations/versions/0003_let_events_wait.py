"""Let events wait their turn behind a failed one of their key."""

from chassis.migrations import create_backbone_tables

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    create_backbone_tables()
