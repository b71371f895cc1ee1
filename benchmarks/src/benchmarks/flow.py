"""flow: a partner's POST → a task → an inbox item, the whole network under load, against its slowest stage alone."""

from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from statistics import median

from benchmarks.embedded import Embedded, embedded, split
from benchmarks.errors import BenchmarkError
from benchmarks.figures import Figure, alternating, compared, percentile, reported
from benchmarks.site import one_row
from benchmarks.taking import Taking

SHARE = 0.5
CALM_RATE, BUSY_SHARE = 50, 0.8
_STAGES = ("gateway", "coordination", "notifications")
_PARTITIONS = (1, 2, 4)
_STEP, _HELD_BACK = 1.1, 2.0
"""Each step asks a tenth more; the chain keeps up where the last item comes so many seconds after the last post."""


async def take(taking: Taking) -> list[Figure]:
    """The whole chain's sustained rate against its slowest stage, its latencies and its memory."""
    async with embedded(taking.folder / "flow") as network:
        await network.until_items(await network.post("all", "200"), within=60)
        idle = network.memory_mb()
        stages = [await _stages_alone(network, taking)]
        rate = await highest_rate(network, taking)
        stages.append(await _stages_alone(network, taking))
        rate, sustained = await _sustained(network, taking, rate)
        stages.append(await _stages_alone(network, taking))
        alone = {name: median(one[name] for one in stages) for name in _STAGES}
        slowest = min(alone, key=lambda name: alone[name])
        figures = [
            compared(
                f"flow, floor: {slowest} alone",
                "events/s",
                measured=sustained,
                floor=alone[slowest],
                goal=SHARE,
            ),
            *(reported(f"flow, {name} alone", "events/s", value) for name, value in alone.items()),
        ]
        for share, at in ((f"{CALM_RATE}/s", CALM_RATE), ("80 % of the maximum", rate * BUSY_SHARE)):
            figures += await _latencies(network, taking, share, at)
        figures += [
            reported("flow, memory idle (PSS)", "MB", idle),
            reported("flow, memory after the load (PSS)", "MB", network.memory_mb()),
        ]
    return figures + await _by_partitions(taking)


async def _by_partitions(taking: Taking) -> list[Figure]:
    """How a burst goes through networks whose durables are split in 1, 2 and 4; one at a time is loaded."""
    count, rounds = taking.of(4_000, 100), taking.of(3, 1)
    async with AsyncExitStack() as running:
        networks = [
            await running.enter_async_context(embedded(taking.folder / f"flow-{parts}", split(parts)))
            for parts in _PARTITIONS
        ]
        rates = await alternating(
            rounds, *(partial(through_at_once, network, count) for network in networks), tell=taking.tell
        )
    return [
        reported(f"flow, burst with partitions: {parts}", "events/s", rate)
        for parts, rate in zip(_PARTITIONS, rates, strict=True)
    ]


async def _stages_alone(network: Embedded, taking: Taking) -> dict[str, float]:
    """The same events through one stage after the other, each with the machine to itself; events per second.

    The gateway's stage holds its relay: a POST is answered once the stream has acknowledged the event.
    """
    count = taking.of(4_000, 200)
    try:
        network.let_work("gateway")
        posted = await network.post("all", str(count))
        rates = {"gateway": count / (posted.ended - posted.began)}
        for service in _STAGES[1:]:
            rates[service] = await _apply_alone(network, service, count)
    finally:
        network.let_work(*_STAGES)
    await network.until_applied(*_STAGES, within=120)
    taking.tell("alone: " + ", ".join(f"{name} {rate:,.0f}/s" for name, rate in rates.items()))
    return rates


async def _apply_alone(network: Embedded, service: str, count: int) -> float:
    connection = await network.connect(service)
    try:
        before = await connection.fetchval("SELECT clock_timestamp()")
        network.let_work(service)
        await network.until_applied(service, within=120)
        first, applied, seconds = await one_row(connection, _SPAN, before, f"{service}-%")
    finally:
        await connection.close()
    if applied < count:
        raise BenchmarkError(f"{service} applied {applied} of {count} events")
    # A single batch has no first one to leave out.
    return float((applied - first or applied) / seconds)


_SPAN = """
WITH batches AS (
    SELECT applied_at, count(*) AS events FROM inbox WHERE applied_at > $1 AND durable LIKE $2 GROUP BY 1)
SELECT (SELECT events FROM batches ORDER BY applied_at LIMIT 1), coalesce(sum(events), 0)::bigint,
       extract(epoch FROM clock_timestamp() - min(applied_at))::float FROM batches
"""


async def through_at_once(network: Embedded, count: int) -> float:
    """Post so many as fast as they are taken; events per second from the first post to the last item."""
    posted = await network.post("all", str(count))
    items = await network.until_items(posted, within=120)
    return count / (max(items.values()) - posted.began)


async def highest_rate(network: Embedded, taking: Taking) -> float:
    """The highest rate that the whole chain keeps up with, found by asking a tenth more until it falls behind."""
    rate = 0.7 * await through_at_once(network, taking.of(3_000, 200))
    highest = 0.0
    for _ in range(taking.of(30, 2)):
        if not (await _at(network, taking, rate, taking.of(10, 1))).kept_up:
            break
        highest, rate = rate, rate * _STEP
    while not highest:
        rate /= _STEP
        if (await _at(network, taking, rate, taking.of(10, 1))).kept_up:
            highest = rate
    return highest


async def _sustained(network: Embedded, taking: Taking, rate: float) -> tuple[float, float]:
    """The rate asked, and the events per second that came through, over a minute that the chain kept up with.

    Where it fell behind, what came through is asked next: that is nearer to what it can do than a fixed step.
    """
    while not (found := await _at(network, taking, rate, taking.of(60, 2))).kept_up:
        rate = found.came
        if rate < 1:
            raise BenchmarkError("the chain keeps up with no rate at all")
    return rate, found.came


@dataclass(frozen=True)
class _Load:
    """Events per second that came through, and the seconds by which the last came late."""

    came: float
    behind: float

    @property
    def kept_up(self) -> bool:
        return self.behind <= _HELD_BACK


async def _at(network: Embedded, taking: Taking, rate: float, seconds: float) -> _Load:
    """Ask this rate of the whole chain for so many seconds."""
    posted = await network.post("rate", str(rate), str(seconds))
    items = await network.until_items(posted, within=120)
    last = max(items.values())
    came = len(items) / (last - posted.began)
    behind = max(last - (posted.began + seconds), posted.ended - (posted.began + seconds))
    taking.tell(f"{rate:,.0f}/s asked for {seconds:.0f} s: {came:,.0f}/s came through, {behind:.1f} s behind")
    return _Load(came, behind)


async def _latencies(network: Embedded, taking: Taking, share: str, rate: float) -> list[Figure]:
    posted = await network.post("rate", str(rate), str(taking.of(30, 2)))
    items = await network.until_items(posted, within=60)
    waits = [(items[event_id] - sent) * 1000 for event_id, sent in posted.sent.items()]
    taking.tell(f"at {share} ({rate:,.0f}/s): p50 {percentile(waits, 0.5):,.0f} ms")
    return [
        reported(f"flow, POST to item p{place} at {share}", "ms", percentile(waits, place / 100))
        for place in (50, 95, 99)
    ] + [reported(f"flow, POST answered p99 at {share}", "ms", percentile(posted.answered_ms, 0.99))]
