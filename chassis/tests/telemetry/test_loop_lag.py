"""The watch over the event loop: it sees what blocks the loop, and forgets it after a while."""

import asyncio
import time

from chassis.telemetry.loop_lag import REMEMBERED, LoopLag
from chassis.testing import eventually


async def test_a_watch_sees_what_blocks_the_loop() -> None:
    watch, stopping = LoopLag(), asyncio.Event()
    watching = asyncio.create_task(watch.run(stopping))
    await asyncio.sleep(0)

    time.sleep(0.3)  # noqa: ASYNC251 - a loop that is blocked is what is to be seen

    await eventually(lambda: watch.longest_gap >= 0.2)
    stopping.set()
    await watching


def test_a_watch_tells_the_longest_gap_that_it_remembers() -> None:
    watch, now = LoopLag(), time.monotonic()
    watch.note(now - REMEMBERED - 1, 9.0)
    watch.note(now - 2, 0.7)
    watch.note(now - 1, 0.2)
    assert watch.longest_gap == 0.7
    watch.note(now, 0.9)
    assert watch.longest_gap == 0.9
