"""What becomes of a batch: what is applied together, what waits its turn, what is given up. Decisions and nothing else.

Here is no database, no broker, no clock and no chance: the caller carries a step out, says how it went, and hands in
the time and the jitter. So the same code decides in the services and in the simulation.

The promise: the events of one key are applied in the order they came, each once or given up, and a key in trouble
holds up no other.
"""

import heapq
from collections import deque
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Generic, Protocol, TypeVar

MAX_ATTEMPTS = 8
"""Failed attempts after which an event is given up and becomes a dead letter."""
_SPREAD = 1.25


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long an event waits after its failed attempts: doubling, capped, and lengthened by chance.

    `jitter` gives a number between two bounds, as `random.uniform` does.
    """

    jitter: Callable[[float, float], float]
    first: float = 0.5
    longest: float = 60.0

    def delay(self, attempts: int) -> float:
        """Seconds to wait after so many failed attempts."""
        return self._least(attempts) * self.jitter(1.0, _SPREAD)

    def longest_after(self, attempts: int) -> float:
        """As long as a delay after so many failed attempts can be: whoever would wait longer was told a wrong time."""
        return self._least(attempts) * _SPREAD

    def _least(self, attempts: int) -> float:
        return min(self.first * 2 ** min(max(attempts - 1, 0), 60), self.longest)


class Orderable(Protocol):
    """An event in hand, as far as its order goes; a dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def key(self) -> str: ...
    @property
    def attempts(self) -> int:
        """Failed ones so far."""
        ...

    @property
    def waits(self) -> bool:
        """Whether it comes from the retry queue, and not straight from the stream."""
        ...


T = TypeVar("T", bound=Orderable)


@dataclass(frozen=True, slots=True)
class BatchStep(Generic[T]):
    """One transaction: these are handled, those wait behind another of their key, one is to be retried or given up.

    `retry` and `dead_letter` carry the failed attempt already in their count.
    """

    apply: Sequence[T] = ()
    behind: Sequence[T] = ()
    retry: Sequence[T] = ()
    dead_letter: Sequence[T] = ()

    @property
    def events(self) -> list[T]:
        """All events of the step, in the order they came within each key."""
        return [*self.apply, *self.retry, *self.dead_letter, *self.behind]


class Bisection(Generic[T]):
    """What becomes of one batch: `step()` says what to do next, `done` or `failed` how it went, until there is no step.

    The events stand in the order they came. `waiting` are the keys of which events wait already: theirs wait too,
    unless they are the waiting ones themselves. A failed step is halved until the guilty event stands alone.
    """

    def __init__(self, events: Sequence[T], *, waiting: Container[str]) -> None:
        self._parts: deque[Sequence[T]] = deque([events])
        self._waiting = waiting
        self._stopped: set[str] = set()
        self._judged: BatchStep[T] | None = None

    def step(self) -> BatchStep[T] | None:
        """What to do next, in one transaction; None when the batch is through. Asked again, it says the same."""
        if self._judged is not None:
            return self._judged
        while self._parts:
            step = self._next_step(self._parts[0])
            if step.apply or step.behind:
                return step
            self._parts.popleft()
        return None

    def done(self, step: BatchStep[T]) -> None:
        """The step was committed."""
        self._stopped.update(one.key for one in step.retry)
        if self._judged is not None:
            self._judged = None
        else:
            self._parts.popleft()

    def failed(self, step: BatchStep[T], *, permanent: bool) -> None:
        """The step was rolled back, for a reason that lies in one of its events; `permanent`: no repeat can mend it."""
        part = self._parts.popleft()
        if len(step.apply) > 1:
            middle = len(part) // 2
            self._parts.extendleft((part[middle:], part[:middle]))
            return
        [guilty] = step.apply
        tried = replace(guilty, attempts=guilty.attempts + 1)
        if permanent or tried.attempts >= MAX_ATTEMPTS:
            # Given up, it stops its key no longer; what was put behind it stays so, for it has others before it.
            self._judged = BatchStep(dead_letter=[tried], behind=step.behind)
        else:
            self._judged = BatchStep(retry=[tried], behind=step.behind)

    def _next_step(self, part: Sequence[T]) -> BatchStep[T]:
        apply: list[T] = []
        behind: list[T] = []
        for one in part:
            if one.key in self._stopped or (not one.waits and one.key in self._waiting):
                # What waits already goes on waiting: there is nothing to write down.
                if not one.waits:
                    behind.append(one)
            else:
                apply.append(one)
        return BatchStep(apply=apply, behind=behind)


@dataclass(slots=True)
class RetrySchedule:
    """The keys that wait, and when the first event of each is due, in seconds of the caller's clock."""

    _due: dict[str, float] = field(default_factory=dict[str, float])
    _soonest: list[tuple[float, str]] = field(default_factory=list[tuple[float, str]])

    def __contains__(self, key: object) -> bool:
        return key in self._due

    def __len__(self) -> int:
        return len(self._due)

    def set(self, key: str, due: float) -> None:
        """The first event of this key is due then."""
        self._due[key] = due
        heapq.heappush(self._soonest, (due, key))

    def forget(self, key: str) -> None:
        """No event of this key waits any more."""
        self._due.pop(key, None)

    def learn(self, heads: Mapping[str, float], keys: Iterable[str]) -> None:
        """Take what is stored of these keys: those without a head wait no more."""
        for key in keys:
            if key in heads:
                self.set(key, heads[key])
            else:
                self.forget(key)

    def next_due(self) -> float | None:
        """When the next event is due; None while nothing waits."""
        while self._soonest:
            due, key = self._soonest[0]
            if self._due.get(key) == due:
                return due
            heapq.heappop(self._soonest)
        return None

    def due(self, now: float, limit: int) -> list[str]:
        """Up to `limit` keys whose first event is due, the longest due first; they stay known as waiting."""
        found: dict[str, None] = {}
        while len(found) < limit and self._soonest and self._soonest[0][0] <= now:
            due, key = heapq.heappop(self._soonest)
            if self._due.get(key) == due:
                found[key] = None
        return list(found)
