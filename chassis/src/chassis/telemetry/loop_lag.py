"""Does the event loop still turn: how long it last stood still is measured from inside, all the time."""

import asyncio
from collections import deque
from time import monotonic

EVERY = 0.05
"""Seconds between two looks: a gap is measured this exactly."""
REMEMBERED = 30.0
"""Seconds for which the longest gap is told."""


class LoopLag:
    """Looks at the clock twenty times a second; a look that comes late was held up by whatever blocked the loop."""

    def __init__(self) -> None:
        # Descending in length, ascending in time: the first is always the longest that is remembered.
        self._gaps: deque[tuple[float, float]] = deque()

    @property
    def longest_gap(self) -> float:
        """The longest time, in seconds, for which nothing else could run, within the last half minute."""
        self._forget(monotonic())
        return self._gaps[0][1] if self._gaps else 0.0

    async def run(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            before = monotonic()
            await asyncio.sleep(EVERY)
            now = monotonic()
            self.note(now, max(0.0, now - before - EVERY))

    def note(self, now: float, gap: float) -> None:
        """Remember a gap that ended now."""
        while self._gaps and self._gaps[-1][1] <= gap:
            self._gaps.pop()
        self._gaps.append((now, gap))
        self._forget(now)

    def _forget(self, now: float) -> None:
        while self._gaps and self._gaps[0][0] < now - REMEMBERED:
            self._gaps.popleft()
