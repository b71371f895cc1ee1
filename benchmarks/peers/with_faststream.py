"""With faststream-outbox and FastStream on NATS JetStream, after their guides; the relay tuned as its guide advises.

`python with_faststream.py tables | relay | consume | produce COUNT`.
"""

import asyncio
import os
import sys
import time
from typing import Any

from entries import URL, change, changes, enter, keep, metadata
from faststream import AckPolicy, FastStream
from faststream.nats import JStream, NatsBroker, PullSub
from faststream_outbox import OutboxBroker, make_outbox_table
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

WORKERS = 10
outbox_table = make_outbox_table(metadata, table_name="outbox")
engine = create_async_engine(URL, pool_size=2 * WORKERS)
sessions = async_sessionmaker(engine, expire_on_commit=False)
# Two lines of log per message, as by default, would be most of the work.
outbox = OutboxBroker(engine, outbox_table=outbox_table, logger=None)
nats = NatsBroker(os.environ["PEERS_NATS_URL"], logger=None)
stream = JStream(name="ENTRIES", subjects=["entries.>"])


def relay() -> FastStream:
    """Rows of the outbox become messages of the stream."""
    publisher = nats.publisher("entries.changed", stream=stream, timeout=5)

    @publisher
    @outbox.subscriber(
        "entries",
        max_workers=WORKERS,
        fetch_batch_size=100,
        min_fetch_interval=0.01,
        terminal_flush_batch_size=50,
    )
    async def publish(body: dict[str, Any]) -> dict[str, Any]:
        return body

    return FastStream(outbox, on_startup=[nats.start])


def consume() -> FastStream:
    """Messages of the stream are kept, each once."""

    @nats.subscriber(
        "entries.changed",
        stream=stream,
        durable="keep-entries",
        pull_sub=PullSub(batch_size=WORKERS),
        ack_policy=AckPolicy.NACK_ON_ERROR,
        max_workers=WORKERS,
    )
    async def keep_entry(told: dict[str, Any]) -> None:
        async with sessions.begin() as session:
            if (await session.execute(enter(told["id"]))).first() is not None:
                await session.execute(keep(told))

    return FastStream(nats)


async def produce(count: int) -> None:
    """Change entries and write the events beside them, a lot to a commit; prints when it began (Unix time)."""
    print(time.time())
    for lot in changes(count):
        async with sessions.begin() as session:
            await session.execute(change(lot))
            await outbox.publish_batch(*lot, queue="entries", session=session)


async def make_tables() -> None:
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["tables"]:
            asyncio.run(make_tables())
        case ["relay"]:
            asyncio.run(relay().run())
        case ["consume"]:
            asyncio.run(consume().run())
        case ["produce", number]:
            asyncio.run(produce(int(number)))
        case _:
            sys.exit(__doc__)
