"""Let the relay know the stream that it publishes to from one that was made anew."""

from chassis.database.migrations import add_known_streams

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    add_known_streams()
