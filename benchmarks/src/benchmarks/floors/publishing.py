"""The relay's floor: atomic batches from memory by the bare client. Prints events per second.

`python -m benchmarks.floors.publishing COUNT BATCH IN_FLIGHT`: batches of so many, and so many of them under way.
"""

import asyncio
import os
import sys
import time
from collections.abc import Sequence
from uuid import uuid4

import nats
import orjson
import uvloop
from nats.aio.client import Client

from benchmarks.work.announcing import announced

Message = tuple[str, str, bytes]


async def publish_batch(client: Client, batch: Sequence[Message]) -> None:
    """Publish one atomic batch and check that the stream stored it."""
    batch_id = uuid4().hex
    for number, (subject, message_id, payload) in enumerate(batch[:-1], start=1):
        headers = {"Nats-Msg-Id": message_id, "Nats-Batch-Id": batch_id, "Nats-Batch-Sequence": str(number)}
        await client.publish(subject, payload, headers=headers)
    subject, message_id, payload = batch[-1]
    last = {"Nats-Msg-Id": message_id, "Nats-Batch-Id": batch_id, "Nats-Batch-Sequence": str(len(batch))}
    answer = await client.request(subject, payload, timeout=10, headers={**last, "Nats-Batch-Commit": "1"})
    stored = orjson.loads(answer.data)
    if stored.get("count") != len(batch):
        raise RuntimeError(f"the stream answered {stored}")


async def publish(client: Client, messages: Sequence[Message], *, size: int, in_flight: int) -> float:
    """Publish everything; returns events per second."""
    batches = [messages[first : first + size] for first in range(0, len(messages), size)]
    free = asyncio.Semaphore(in_flight)

    async def one(batch: Sequence[Message]) -> None:
        try:
            await publish_batch(client, batch)
        finally:
            free.release()

    began = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for batch in batches:
            await free.acquire()
            tasks.create_task(one(batch))
    return len(messages) / (time.perf_counter() - began)


async def main(count: int, size: int, in_flight: int) -> None:
    messages = announced(count)
    client = await nats.connect(
        os.environ["BENCHMARKS_NATS_URL"],
        nkeys_seed_str=os.environ["BENCHMARKS_NATS_SEED"],
        inbox_prefix="_INBOX_benchmarks",
        pending_size=64 * 1024 * 1024,
    )
    print(await publish(client, messages, size=size, in_flight=in_flight))
    await client.close()


if __name__ == "__main__":
    uvloop.run(main(*(int(argument) for argument in sys.argv[1:])))
