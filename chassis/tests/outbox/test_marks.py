"""What is published is noted beside the outbox, and found there whatever is written late, kept long, or upgraded."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import sqlalchemy as sa
from ledger import make_entries
from ledger.messaging import provisioner_of

from chassis.broker.connection import connect
from chassis.database import migrations
from chassis.database.engine import Database
from chassis.database.migrations import migrate
from chassis.database.tables import known_streams, outbox, outbox_marks
from chassis.ids import new_id
from chassis.outbox.relay import Relay
from chassis.testing import FreshDatabase, NatsSite, eventually

# The tables as they were, and the database at the migration before.
_AS_IT_WAS = """
DROP TABLE outbox_marks;
ALTER TABLE known_streams DROP COLUMN published_below;
ALTER TABLE outbox ADD COLUMN published_at timestamptz, ADD COLUMN stream_sequence bigint;
CREATE INDEX ix_outbox_unpublished ON outbox (position) WHERE published_at IS NULL;
CREATE INDEX ix_outbox_published_at ON outbox (published_at);
UPDATE alembic_version SET version_num = '0002'
"""
_OLD_MARK = """
UPDATE outbox SET published_at = now(), stream_sequence = 0 WHERE position = ANY(:positions)
"""


@asynccontextmanager
async def relaying(database: Database, site: NatsSite) -> AsyncGenerator[Relay]:
    broker = await connect(site.url, service="ledger", seed=site.seeds["ledger"])
    relay = Relay(database, broker)
    running = asyncio.create_task(relay.run())
    try:
        yield relay
    finally:
        relay.stop()
        await asyncio.wait_for(running, 10)
        await broker.stop()


async def stored(site: NatsSite) -> int:
    async with provisioner_of(site) as broker:
        return (await broker.jetstream.stream_info("EVENTS")).state.messages


async def execute(database: Database, *statements: str, **values: object) -> None:
    async with database.engine.begin() as connection:
        for statement in statements:
            await connection.execute(sa.text(statement), values)


async def marked(database: Database) -> int:
    async with database.reading() as session:
        return await session.scalar(sa.select(sa.func.count()).select_from(outbox_marks)) or 0


async def kept_watermark(database: Database) -> int:
    async with database.reading() as session:
        return await session.scalar(sa.select(known_streams.c.published_below)) or 0


async def test_an_event_committed_late_is_published_though_later_positions_were(
    fresh_database: FreshDatabase, site: NatsSite
) -> None:
    ledger = await fresh_database("ledger")
    async with relaying(ledger, site) as relay, ledger.engine.connect() as late:
        event_id = new_id()
        await late.execute(
            sa.insert(outbox).values(
                event_id=event_id,
                type="ledger.entry.made.v1",
                nats_subject="sse.hq.all.ledger.entry.made.v1.00",
                aggregate_id="late",
                epoch=1,
                sequence=1,
                envelope={},
                announced_at=sa.func.now(),
            )
        )
        for _ in range(3):
            await relay.wait_until_published(await make_entries(ledger, *range(10)), timeout=10)
        await late.commit()
        await relay.wait_until_published([event_id], timeout=10)

    assert await stored(site) == 31


async def test_a_transaction_that_only_reads_holds_nothing_back(
    fresh_database: FreshDatabase, site: NatsSite
) -> None:
    ledger = await fresh_database("ledger")
    async with relaying(ledger, site) as relay, ledger.engine.connect() as reader:
        await reader.execute(
            sa.text("SELECT pg_current_xact_id() FROM (SELECT count(*) FROM outbox) AS rows")
        )
        for _ in range(3):
            await relay.wait_until_published(await make_entries(ledger, *range(2_600)), timeout=30)

        assert await kept_watermark(ledger) > 5_000


async def test_an_upgraded_database_loses_and_repeats_nothing(
    fresh_database: FreshDatabase, site: NatsSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "_COPIED_AT_ONCE", 900)
    ledger = await fresh_database("ledger")
    await execute(ledger, *_AS_IT_WAS.split(";"))
    await make_entries(ledger, *range(10_000))
    await execute(ledger, _OLD_MARK, positions=[one for one in range(1, 10_001) if one != 4_321])
    fresh = await make_entries(ledger, *range(200))

    await migrate(ledger.url, "ledger")

    # Old code goes on until it is replaced.
    await execute(ledger, _OLD_MARK, positions=list(range(10_001, 10_101)))
    old = await make_entries(ledger, *range(50))
    assert await marked(ledger) == 9_999 + 100
    async with relaying(ledger, site) as relay:
        await relay.wait_until_published([*fresh, *old], timeout=10)
    assert await stored(site) == 1 + 100 + 50
    assert await marked(ledger) == 10_000 + 200 + 50


async def test_a_migration_that_was_cut_short_is_done_again(fresh_database: FreshDatabase) -> None:
    ledger = await fresh_database("ledger")
    await execute(ledger, *_AS_IT_WAS.split(";"))
    await make_entries(ledger, *range(100))
    await execute(ledger, _OLD_MARK, positions=list(range(1, 91)))
    await migrate(ledger.url, "ledger")
    await execute(
        ledger,
        "DELETE FROM outbox_marks WHERE position < 50",
        "UPDATE alembic_version SET version_num = '0002'",
    )

    await migrate(ledger.url, "ledger")

    assert await marked(ledger) == 90


async def test_what_old_code_takes_back_is_published_by_new_code(
    fresh_database: FreshDatabase, site: NatsSite
) -> None:
    ledger = await fresh_database("ledger")
    await execute(ledger, *_AS_IT_WAS.split(";"))
    ids = await make_entries(ledger, *range(100))
    await execute(ledger, _OLD_MARK, positions=list(range(1, 101)))
    await migrate(ledger.url, "ledger")
    await execute(
        ledger, "UPDATE outbox SET published_at = NULL, stream_sequence = NULL", "DELETE FROM known_streams"
    )

    async with relaying(ledger, site) as relay:
        await relay.wait_until_published(ids, timeout=10)
    await eventually(lambda: _all_stored(site, 100))


async def _all_stored(site: NatsSite, count: int) -> bool:
    return await stored(site) == count
