"""Let the relay know the stream that it publishes to from one that was made anew."""

from chassis.database.migrations import add_known_streams

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    add_known_streams()
