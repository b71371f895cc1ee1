"""What was published to a stream that is gone is taken back before the services start, whichever version they had."""

from datetime import UTC, datetime
from uuid import uuid4

import asyncpg
import pytest

from chassis.broker.stream_identity import ObservedStream
from chassis.testing import FreshDatabase
from ssenet.processes.preparation import _publish_again

MADE_AT = datetime(2026, 11, 23, tzinfo=UTC)
SAME = ObservedStream(MADE_AT, 10)
ANEW = ObservedStream(datetime(2026, 11, 24, tzinfo=UTC), 0)

_ANNOUNCED = """
INSERT INTO outbox (event_id, type, nats_subject, aggregate_id, epoch, sequence, envelope, announced_at)
VALUES ($1, 'partner.research.published.v1', 'sse', $2, 1, 1, '{}', now()) RETURNING position
"""
_BEFORE_MARKS_LAY_APART = """
ALTER TABLE outbox ADD COLUMN published_at timestamptz, ADD COLUMN stream_sequence bigint;
UPDATE outbox SET published_at = mark.published_at, stream_sequence = mark.stream_sequence
FROM outbox_marks AS mark WHERE mark.position = outbox.position;
DROP TABLE outbox_marks;
ALTER TABLE known_streams DROP COLUMN published_below
"""


@pytest.mark.parametrize("migrated", [True, False])
async def test_only_what_a_lost_stream_had_is_taken_back(
    fresh_database: FreshDatabase, *, migrated: bool
) -> None:
    database = await fresh_database("gateway")
    connection = await asyncpg.connect(database.asyncpg_dsn)
    for sequence in range(1, 4):
        position = await connection.fetchval(_ANNOUNCED, uuid4(), str(sequence))
        await connection.execute("INSERT INTO outbox_marks VALUES ($1, now(), $2)", position, sequence)
    await connection.fetchval(_ANNOUNCED, uuid4(), "unpublished")
    await connection.execute("INSERT INTO known_streams VALUES ('EVENTS', $1)", MADE_AT)
    if not migrated:
        await connection.execute(_BEFORE_MARKS_LAY_APART)

    assert await _publish_again(connection, "EVENTS", SAME) == 0
    assert await _publish_again(connection, "EVENTS", ANEW) == 3
    assert await _publish_again(connection, "EVENTS", ANEW) == 0
    await connection.close()


async def test_a_database_whose_service_never_ran_has_nothing_to_take_back(
    fresh_database: FreshDatabase,
) -> None:
    database = await fresh_database(None)
    connection = await asyncpg.connect(database.asyncpg_dsn)

    assert await _publish_again(connection, "EVENTS", None) == 0
    await connection.close()
