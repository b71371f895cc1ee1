"""Note the epoch of each step: within one task, epoch and sequence tell the order, whatever the clocks said."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    # The default is for the version before this one, which runs on beside it for a while.
    op.add_column("event_steps", sa.Column("epoch", sa.BigInteger, nullable=False, server_default="1"))
