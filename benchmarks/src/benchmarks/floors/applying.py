"""The floor of applying: the bare client pulls, bare asyncpg does the same SQL, batch by batch. Prints events/s.

`python -m benchmarks.floors.applying COUNT BATCH`: applies so many events, in batches of so many. While one batch is
committed and acknowledged, the next comes in: one raw request for it, and its messages go to a callback, as the
product pulls.
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
from nats.aio.client import Client
from nats.aio.msg import Msg

from benchmarks.site import DURABLE, rate_after_first

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
_PENDING_BYTES = 64 * 1024 * 1024
_EXPIRES_NS = 10_000_000_000
Row = tuple[UUID, int, int, int, str, str]


class Pull:
    """A durable's next batch, asked for with one request and gathered as it arrives."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._inbox = client.new_inbox()
        self._size = 0
        self._arrived: list[Msg] = []
        self._whole: asyncio.Future[list[Msg]] = asyncio.Future()

    async def begin(self) -> None:
        await self._client.subscribe(self._inbox, cb=self._arrive, pending_bytes_limit=_PENDING_BYTES)

    async def ask(self, size: int) -> asyncio.Future[list[Msg]]:
        """Ask for so many messages, which the durable must have; returns what will hold them, in order."""
        self._size, self._arrived, self._whole = size, [], asyncio.Future()
        request = orjson.dumps({"batch": size, "expires": _EXPIRES_NS})
        await self._client.publish(f"$JS.API.CONSUMER.MSG.NEXT.EVENTS.{DURABLE}", request, reply=self._inbox)
        return self._whole

    async def _arrive(self, message: Msg) -> None:
        if message.headers and "Status" in message.headers:
            self._whole.set_exception(RuntimeError(f"the server answered {message.headers}"))
            return
        self._arrived.append(message)
        if len(self._arrived) == self._size:
            self._whole.set_result(self._arrived)


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
        pending_size=_PENDING_BYTES,
    )
    pull = Pull(client)
    await pull.begin()
    messages = await (await pull.ask(min(size, count)))
    # As with the measured service, the clock runs from when the first batch has come in.
    began, first = time.perf_counter(), len(messages)
    for done in range(first, count, size):
        coming = await pull.ask(min(size, count - done))
        await apply(connection, messages)
        messages = await coming
    await apply(connection, messages)
    await client.flush()
    print(rate_after_first(count, first, time.perf_counter() - began))
    await client.close()
    await connection.close()


if __name__ == "__main__":
    uvloop.run(main(*(int(argument) for argument in sys.argv[1:])))
