"""Let the relay note what is published in a narrow table, beside the wide rows."""

from chassis.database.migrations import keep_marks_apart

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    keep_marks_apart()
