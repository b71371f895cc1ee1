"""The floor of applying: the bare client pulls, bare asyncpg does the same SQL, batch by batch. Prints events/s.

`python -m benchmarks.floors.applying COUNT BATCH`: applies so many events, in batches of so many. While one batch is
committed and acknowledged, the next is fetched.
"""

import asyncio
import os
import sys
import time
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import nats
import orjson
import uvloop
from nats.aio.msg import Msg

from benchmarks.site import DURABLE

_ENTER = """
INSERT INTO inbox (durable, event_id, applied_at)
SELECT $1, event_id, $2 FROM unnest($3::uuid[]) AS event_id ON CONFLICT DO NOTHING RETURNING event_id
"""
_KEEP = """
INSERT INTO entry_copies AS kept (entry_id, epoch, sequence, amount, country, note)
SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::text[])
ON CONFLICT (entry_id) DO UPDATE SET epoch = excluded.epoch, sequence = excluded.sequence, amount = excluded.amount,
    country = excluded.country, note = excluded.note
WHERE (kept.epoch, kept.sequence) < (excluded.epoch, excluded.sequence)
"""
Row = tuple[UUID, int, int, int, str, str]


async def apply(connection: asyncpg.Connection, messages: list[Msg]) -> None:
    """One transaction: the inbox, the newest state of each entry; then the acknowledgement."""
    envelopes = [orjson.loads(message.data) for message in messages]
    ids = [UUID(one["id"]) for one in envelopes]
    async with connection.transaction():
        entered = await connection.fetch(_ENTER, DURABLE, datetime.now(UTC), sorted(ids))
        fresh = {record[0] for record in entered}
        newest: dict[str, Row] = {}
        for event_id, one in zip(ids, envelopes, strict=True):
            if event_id in fresh:
                data, subject = one["data"], one["subject"]
                order = (one["epoch"], int(one["sequence"]))
                if subject not in newest or newest[subject][1:3] < order:
                    newest[subject] = (UUID(subject), *order, data["amount"], data["country"], data["note"])
        if newest:
            await connection.execute(_KEEP, *zip(*newest.values(), strict=True))
    # The durable acknowledges with each message all before it.
    await messages[-1].ack()


async def main(count: int, size: int) -> None:
    dsn = os.environ["BENCHMARKS_DATABASE_URL"].replace("postgresql+asyncpg://", "postgresql://", 1)
    connection = await asyncpg.connect(dsn)
    client = await nats.connect(
        os.environ["BENCHMARKS_NATS_URL"],
        nkeys_seed_str=os.environ["BENCHMARKS_NATS_SEED"],
        inbox_prefix="_INBOX_benchmarks",
        pending_size=64 * 1024 * 1024,
    )
    pulling = await client.jetstream().pull_subscribe_bind(DURABLE, "EVENTS")
    began: float | None = None
    first = done = 0
    fetching = asyncio.create_task(pulling.fetch(size, timeout=5))
    while done < count:
        messages = await fetching
        if began is None:
            # As with the measured service, the clock runs from when the first batch has come in.
            began, first = time.perf_counter(), len(messages)
        done += len(messages)
        if done < count:
            fetching = asyncio.create_task(pulling.fetch(min(size, count - done), timeout=5))
        await apply(connection, messages)
    assert began is not None
    await client.flush()
    print((count - first) / (time.perf_counter() - began))
    await client.close()
    await connection.close()


if __name__ == "__main__":
    uvloop.run(main(*(int(argument) for argument in sys.argv[1:])))
