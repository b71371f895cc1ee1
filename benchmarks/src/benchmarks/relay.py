"""relay: committed outbox rows → the stream has acknowledged them, against atomic batches from memory."""

import sys
import time

import asyncpg

from benchmarks.figures import Figure, alternating, bounded, compared, percentile, reported
from benchmarks.site import Site, answer_of, one_row, rate_after_first, running_site, until
from benchmarks.taking import Taking
from benchmarks.work.announcing import announce_at, change_entries

SHARE, LEAST, LATENCY = 0.6, 8_000, 150
RATE, REACHED = 1_000, 0.95
"""Commits a second that are asked for, and the share of them that has to be reached."""
_SHAPES = [(size, in_flight) for size in (250, 500, 1000) for in_flight in (1, 2, 4)]
"""Sizes of the bare client's batches, and how many may be under way: the floor is taken with the best of them."""
_TOGETHER = 500


async def take(taking: Taking) -> list[Figure]:
    """The relay's throughput against its floor, and how long a lone event takes at an even rate."""
    async with running_site(taking.folder / "relay") as site:
        count = taking.of(30_000, 1_500)
        shape = await _best_shape(site, taking)
        floor, measured = await alternating(
            taking.of(7, 1),
            lambda: _publish_from_memory(site, count, shape),
            lambda: relay_rate(site, count),
            tell=taking.tell,
        )
        waits, rate = await _waits(site, taking)
    return [
        compared("relay", "events/s", measured=measured, floor=floor, goal=SHARE, least=LEAST),
        bounded(
            "relay, commit to stream p99 at 1,000/s",
            "ms",
            measured=percentile(waits, 0.99),
            at_most=LATENCY,
            valid=rate >= REACHED * RATE,
        ),
        reported("relay, commit to stream p50 at 1,000/s", "ms", percentile(waits, 0.5)),
        reported("relay, single commits where 1,000/s are asked", "events/s", rate),
    ]


async def _best_shape(site: Site, taking: Taking) -> tuple[int, int]:
    if taking.quick:
        return _SHAPES[0]
    best = {await _publish_from_memory(site, 20_000, shape): shape for shape in _SHAPES}
    size, in_flight = best[max(best)]
    taking.tell(f"the floor's best batches: {size} messages, {in_flight} under way")
    return size, in_flight


async def _publish_from_memory(site: Site, count: int, shape: tuple[int, int]) -> float:
    await site.empty()
    command = [sys.executable, "-P", "-m", "benchmarks.floors.publishing", str(count), *map(str, shape)]
    return float(await answer_of(command, site.environment))


async def relay_rate(site: Site, count: int) -> float:
    """Fill the outbox, start the service, and read from the rows' own times how fast they were published."""
    await site.empty()
    await change_entries(site.database, count, together=_TOGETHER)
    # What the writing leaves behind would be flushed while the relay runs.
    await site.execute("VACUUM ANALYZE outbox, outbox_marks", "CHECKPOINT")
    connection = await site.connect()
    try:
        with site.serving(BENCHMARKS_HEARS="false"):
            await until(lambda: _all_published(connection), within=120, what="every row is published")
        first, seconds = await one_row(connection, _SPAN)
    finally:
        await connection.close()
    return rate_after_first(count, first, seconds)


_SPAN = """
WITH batches AS (SELECT published_at, count(*) AS rows FROM outbox_marks GROUP BY 1)
SELECT (SELECT rows FROM batches ORDER BY published_at LIMIT 1),
       extract(epoch FROM max(published_at) - min(published_at))::float FROM batches
"""
"""Rows of the first batch, and seconds from its acknowledgement to that of the last."""


_UNPUBLISHED = """
SELECT EXISTS (SELECT FROM outbox WHERE position > coalesce((SELECT max(position) FROM outbox_marks), 0))
"""
"""By the last of them: here nothing is committed late. It is asked again and again, and must cost next to nothing."""


async def _all_published(connection: asyncpg.Connection) -> bool:
    return not await connection.fetchval(_UNPUBLISHED)


async def _waits(site: Site, taking: Taking) -> tuple[list[float], float]:
    """Milliseconds from before an event's commit to after its acknowledgement; and the rate of commits reached."""
    await site.empty()
    taking.tell(f"{RATE:,} single commits a second")
    seconds = taking.of(20, 1)
    connection = await site.connect()
    try:
        with site.serving(BENCHMARKS_HEARS="false"):
            await announce_at(site.database, 50, 1)
            await until(lambda: _all_published(connection), within=30, what="the service relays")
            await site.execute("TRUNCATE outbox, outbox_marks")
            began = time.perf_counter()
            await announce_at(site.database, RATE, seconds)
            taken = time.perf_counter() - began
            await until(lambda: _all_published(connection), within=60, what="every row is published")
        rows = await connection.fetch(
            "SELECT extract(epoch FROM published_at - announced_at)::float"
            " FROM outbox JOIN outbox_marks USING (position)"
        )
    finally:
        await connection.close()
    return [row[0] * 1000 for row in rows], len(rows) / taken
