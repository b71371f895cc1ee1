"""Number the events as they are taken, so that a partner can page forward through them and miss none.

Those there are get their numbers in the order they lie in, which is that in which they came. Lists in either direction
go by the number, so the index that they went by before is not needed any more; old code that runs on meanwhile finds
the same without it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    position = sa.Column("position", sa.BigInteger, sa.Identity(always=True), nullable=False)
    op.add_column("received_events", position)
    op.create_index("ix_received_events_partner_position", "received_events", ["partner", "position"])
    op.create_index(
        "ix_received_events_received_at", "received_events", ["received_at"], postgresql_using="brin"
    )
    op.drop_index("ix_received_events_partner_event_id", "received_events")
