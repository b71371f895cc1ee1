"""apply: events in the stream → applied once in PostgreSQL and acknowledged, against the bare clients' same SQL."""

import sys

from benchmarks.errors import BenchmarkError
from benchmarks.figures import Figure, alternating, compared
from benchmarks.floors.publishing import publish_batch
from benchmarks.site import Site, answer_of, one_row, rate_after_first, running_site
from benchmarks.taking import Taking
from benchmarks.work.announcing import announced
from chassis.broker.durable_limits import BATCH

SHARE = 0.6
QUICK = 3 * BATCH
"""Events of a quick run: of a single batch no rate could be told."""
_SIZES = (200, 500, 1000)
"""Batches of the bare clients; the floor is taken with the best of them."""


async def take(taking: Taking) -> list[Figure]:
    """How fast one durable is applied, against its floor."""
    async with running_site(taking.folder / "apply") as site:
        count = taking.of(30_000, QUICK)
        size = await _best_size(site, taking)
        floor, measured = await alternating(
            taking.of(7, 1),
            lambda: _apply_bare(site, count, size),
            lambda: apply_rate(site, count),
            tell=taking.tell,
        )
    return [compared("apply", "events/s", measured=measured, floor=floor, goal=SHARE)]


async def _best_size(site: Site, taking: Taking) -> int:
    if taking.quick:
        return _SIZES[0]
    best = {await _apply_bare(site, 10_000, size): size for size in _SIZES}
    taking.tell(f"the floor's best batches: {best[max(best)]} messages")
    return best[max(best)]


async def _fill(site: Site, count: int) -> None:
    await site.empty()
    messages = announced(count)
    for first in range(0, count, 500):
        await publish_batch(site.broker.connection, messages[first : first + 500])


async def _apply_bare(site: Site, count: int, size: int) -> float:
    await _fill(site, count)
    command = [sys.executable, "-P", "-m", "benchmarks.floors.applying", str(count), str(size)]
    return float(await answer_of(command, site.environment))


async def apply_rate(site: Site, count: int, **settings: str) -> float:
    """Fill the stream, start the service, and tell how fast it applied what came after its first batch."""
    await _fill(site, count)
    connection = await site.connect()
    try:
        with site.serving(**settings):
            await site.until_applied(within=120)
            first, applied, seconds = await one_row(connection, _SPAN)
    finally:
        await connection.close()
    if applied != count:
        raise BenchmarkError(f"{applied} of {count} events were applied")
    return rate_after_first(count, first, seconds)


_SPAN = """
WITH batches AS (SELECT applied_at, count(*) AS events FROM inbox GROUP BY 1)
SELECT (SELECT events FROM batches ORDER BY applied_at LIMIT 1), sum(events)::bigint,
       extract(epoch FROM clock_timestamp() - min(applied_at))::float FROM batches
"""
"""Events of the first batch, of all, and seconds from when the first was at hand until now: all is acknowledged."""
