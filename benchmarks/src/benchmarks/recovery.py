"""recovery: what an operator waits for: dead letters replayed, and a lost stream published again from the databases."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import orjson

from benchmarks.embedded import Embedded, embedded
from benchmarks.errors import BenchmarkError
from benchmarks.figures import Figure, bounded, reported
from benchmarks.site import answer_of
from benchmarks.taking import Taking

SECONDS, LETTERS, EVENTS = 60, 10_000, 100_000
"""Both are to be over in so many seconds."""
DURABLE, STREAM = "coordination-open-assistance-tasks", "EVENTS"
_BURY = """
WITH entered AS (
    INSERT INTO inbox (durable, event_id, applied_at)
    SELECT $1, event_id, now() FROM unnest($2::uuid[]) AS event_id ON CONFLICT DO NOTHING RETURNING event_id)
INSERT INTO dead_letters (id, durable, stream, stream_sequence, nats_subject, event_id, type, payload, error_class,
    error, attempts, died_at)
SELECT gen_random_uuid(), $1, $3, place, subject, event_id, type, convert_to(envelope, 'UTF8'), 'Benchmark', '', '[]',
    now() FROM unnest($2::uuid[], $4::bigint[], $5::text[], $6::text[], $7::text[])
    AS given (event_id, place, subject, type, envelope) JOIN entered USING (event_id)
"""


async def take(taking: Taking) -> list[Figure]:
    """How long 10,000 letters take to be replayed, and a stream to be filled again; with all that they lead to."""
    async with embedded(taking.folder / "recovery") as network:
        replayed = await _replay(network, taking, taking.of(LETTERS, 50))
        return [replayed, *await _refill(network, taking, taking.of(EVENTS, 300))]


async def _replay(network: Embedded, taking: Taking, count: int) -> Figure:
    async with _standing_still(network, "coordination"):
        posted = await network.post("all", str(count))
        await _give_up(network, list(posted.sent))
    taking.tell(f"{count:,} letters wait")
    began = time.perf_counter()
    told = await _command(
        network, "deadletters", "replay", "--handler", DURABLE, "--rate", "10000", "--yes", "--json"
    )
    seconds = time.perf_counter() - began
    await network.until_items(posted, within=120)
    taking.tell(f"replayed in {seconds:.1f} s")
    if told["outcomes"] != {"applied": count}:
        raise BenchmarkError(f"of {count} letters became {told['outcomes']}")
    return bounded(f"recovery, {count:,} letters replayed", "s", measured=seconds, at_most=SECONDS)


@asynccontextmanager
async def _standing_still(network: Embedded, service: str) -> AsyncGenerator[None]:
    os.kill(network.pid(service), signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(network.pid(service), signal.SIGCONT)


async def _give_up(network: Embedded, event_ids: list[str]) -> None:
    """Have these events given up before the handler has seen them, as the handler's refusal would have it."""
    gateway, coordination = await network.connect("gateway"), await network.connect("coordination")
    try:
        rows = await gateway.fetch(
            "SELECT event_id, stream_sequence, nats_subject, type, envelope::text"
            " FROM outbox JOIN outbox_marks USING (position) WHERE event_id = ANY($1::uuid[])",
            event_ids,
        )
        ids, places, subjects, types, envelopes = map(list, zip(*rows, strict=True))
        await coordination.execute(_BURY, DURABLE, ids, STREAM, places, subjects, types, envelopes)
    finally:
        await gateway.close()
        await coordination.close()


async def _refill(network: Embedded, taking: Taking, count: int) -> list[Figure]:
    published = await _published(network)
    while published < count:
        await network.until_items(await network.post("all", str(taking.of(4_000, 50))), within=120)
        published = await _published(network)
        taking.tell(f"{published:,} of {count:,} events are kept")
    for stream in await network.broker.jetstream.streams_info():
        await network.broker.jetstream.delete_stream(str(stream.config.name))
    told = await _command(network, "events", "refill", "--json")
    events = sum(told["published_again"].values())
    if not told["complete"] or events < published:
        raise BenchmarkError(f"the refill told {told}")
    seconds = told["seconds"] * EVENTS / events
    return [
        bounded(
            "recovery, refill of a lost stream per 100,000 events", "s", measured=seconds, at_most=SECONDS
        ),
        reported("recovery, events published again", "events", events),
    ]


async def _published(network: Embedded) -> int:
    info = await network.broker.jetstream.stream_info(STREAM)
    return info.state.messages


async def _command(network: Embedded, *arguments: str) -> dict[str, Any]:
    """What a command of the operator's answers."""
    command = [sys.executable, "-P", "-m", "ssenet", *arguments, "--data", str(network.network.folder.path)]
    async with asyncio.timeout(600):
        answer: dict[str, Any] = orjson.loads(await answer_of(command, {}))
    return answer
