"""Let dead letters end, with a record of what was done to them, and projections be rebuilt."""

from chassis.database.migrations import add_dead_letter_states

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    add_dead_letter_states()
