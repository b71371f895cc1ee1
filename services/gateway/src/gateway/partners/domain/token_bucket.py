"""How much a partner may send in a while: a token bucket."""

from math import ceil
from typing import NamedTuple


class Allowance(NamedTuple):
    """What a partner may do now: whether this passes, how many are left, when to come back, when all are there."""

    allowed: bool
    left: int
    wait_seconds: int
    full_seconds: int


class TokenBucket:
    """So many events a second, so many at once. A batch passes while nothing is owed, and may owe for a while."""

    def __init__(self, *, per_second: float, burst: int) -> None:
        self._per_second = per_second
        self._burst = burst
        self._tokens = float(burst)
        self._at: float | None = None

    def take(self, events: int, *, at: float) -> Allowance:
        """Let these events pass if anything is left at this moment of a clock that only rises."""
        return self._take(events, at=at, least=1)

    def take_rest(self, events: int, *, at: float) -> Allowance:
        """Let the rest of a batch pass, whose first event has passed: unless the bucket owes by now, for another."""
        return self._take(events, at=at, least=0)

    def give_back(self, events: int, *, at: float) -> None:
        """Take back a charge that was not deserved."""
        self._fill(at)
        self._tokens = min(self._burst, self._tokens + events)

    def _take(self, events: int, *, at: float, least: float) -> Allowance:
        self._fill(at)
        if self._tokens < least:
            return self._allowance(allowed=False, left=0)
        self._tokens -= events
        return self._allowance(allowed=True, left=max(0, int(self._tokens)))

    def _allowance(self, *, allowed: bool, left: int) -> Allowance:
        return Allowance(allowed, left, self._seconds_until(1), self._seconds_until(self._burst))

    def _fill(self, at: float) -> None:
        if self._at is not None:
            self._tokens = min(self._burst, self._tokens + (at - self._at) * self._per_second)
        self._at = at

    def _seconds_until(self, tokens: float) -> int:
        return max(1, ceil((tokens - self._tokens) / self._per_second))
