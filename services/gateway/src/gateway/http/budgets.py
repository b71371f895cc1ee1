"""What is costly is counted while in use, in all and for each caller; no more of it is begun than there is."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass

import prometheus_client as prometheus

_BUDGET = ("budget",)
_limit = prometheus.Gauge("ssenet_budget_limit", "How much of it may be in use at a time, in all", _BUDGET)
_in_use = prometheus.Gauge("ssenet_budget_in_use", "How much of it is in use", _BUDGET)
_waiting = prometheus.Gauge("ssenet_budget_waiting", "Requests that wait for their share of it", _BUDGET)
_refused = prometheus.Counter(
    "ssenet_budget_refused_total",
    "Requests that were told to come back: for what their caller had in use, or for what all had",
    (*_BUDGET, "whose"),
)

CALLER, ALL = "caller", "all"


class Figures:
    """What operators see of one budget; what is in use, and who waits, is looked at when they ask."""

    def __init__(
        self, budget: str, *, limit: int, in_use: Callable[[], int], waiting: Callable[[], int]
    ) -> None:
        _limit.labels(budget).set(limit)
        _in_use.labels(budget).set_function(in_use)
        _waiting.labels(budget).set_function(waiting)
        self._refused = {whose: _refused.labels(budget, whose) for whose in (CALLER, ALL)}

    def refuse(self, whose: str) -> None:
        """Count a request that was told to come back."""
        self._refused[whose].inc()


class OverBudgetError(Exception):
    """There was nothing left in time: of the caller's own part, or of the whole."""

    def __init__(self, budget: str, *, whose: str) -> None:
        super().__init__(f"{budget}: nothing left of {whose}")
        self.whose = whose


@dataclass(eq=False, slots=True)
class Share:
    """What one request has of a budget, or waits for."""

    caller: str
    amount: int
    own: int = 0
    """What the same request has already, where this is more of it."""
    granted: "asyncio.Future[None] | None" = None
    held: bool = False


class Budget:
    """So much at a time, in all and for each caller. Who finds nothing left waits a little, first come, first served.

    A caller that has used up its own part holds up nobody behind it, and so many of its requests wait, however many
    others do. One share alone always fits, whatever it asks for. With `beyond`, a caller that has none yet is let in
    beyond the whole, by up to so much: others, be they ever so slow, shut out nobody.
    """

    def __init__(
        self,
        name: str,
        *,
        in_all: int,
        per_caller: int,
        patience: float,
        beyond: int = 0,
        queue: int = 50,
    ) -> None:
        self._name = name
        self._in_all = in_all
        self._per_caller = min(per_caller, in_all)
        self._patience = patience
        self._beyond = beyond
        self._queue = queue
        self._used = 0
        self._used_by: Counter[str] = Counter()
        self._waiting: deque[Share] = deque()
        self._waiting_of: Counter[str] = Counter()
        self._figures = Figures(
            name, limit=in_all, in_use=lambda: self._used, waiting=lambda: len(self._waiting)
        )

    @property
    def used(self) -> int:
        """How much is in use."""
        return self._used

    def is_wanted(self, share: Share) -> bool:
        """Whether anybody waits who would have room without this share: its own caller, or who has not had its part."""
        return any(one.caller == share.caller or self._fits_caller(one) for one in self._waiting)

    def share(self, caller: str, amount: int) -> "_Held":
        """Have this much until the end of the block; raises OverBudgetError where it is not to be had in time."""
        return _Held(self, Share(caller, min(amount, self._per_caller)))

    async def grow(self, share: Share, amount: int) -> None:
        """Have so much in all of a share that one has; raises OverBudgetError where it is not to be had in time."""
        more = Share(share.caller, max(min(amount, self._per_caller) - share.amount, 0), share.amount)
        await self.take(more)
        share.amount += more.amount

    def shrink(self, share: Share, amount: int) -> None:
        """Leave a share with no more than this: the rest turned out not to be needed."""
        freed = max(share.amount - amount, 0)
        share.amount -= freed
        self._used -= freed
        self._used_by[share.caller] -= freed
        if not self._used_by[share.caller]:
            del self._used_by[share.caller]
        if self._waiting:
            self._grant()

    async def take(self, share: Share) -> None:
        """Wait for a share, where there is not enough; raises OverBudgetError after a while."""
        in_line = not self._is_let_in(share) and any(self._fits_caller(one) for one in self._waiting)
        if in_line or not self._fits(share):
            await self._wait_for(share)
        else:
            self._hold(share)

    def _fits_caller(self, share: Share) -> bool:
        return self._used_by[share.caller] + share.amount <= self._per_caller

    def _is_let_in(self, share: Share) -> bool:
        """Whether its caller has nothing else, and so stands in nobody's line where there is something `beyond`."""
        return self._beyond > 0 and self._used_by[share.caller] <= share.own

    def _fits(self, share: Share) -> bool:
        most = self._in_all + self._beyond if self._is_let_in(share) else self._in_all
        return self._fits_caller(share) and self._used + share.amount <= most

    def _hold(self, share: Share) -> None:
        share.held = True
        self._used += share.amount
        self._used_by[share.caller] += share.amount

    async def _wait_for(self, share: Share) -> None:
        if self._waiting_of[share.caller] >= self._queue:
            raise self._refusal(share)
        share.granted = asyncio.get_running_loop().create_future()
        self._waiting.append(share)
        self._waiting_of[share.caller] += 1
        self._grant()
        try:
            async with asyncio.timeout(self._patience):
                await share.granted
        except TimeoutError as error:
            refusal = self._refusal(share)
            self._give_up(share)
            raise refusal from error
        except BaseException:
            self._give_up(share)
            raise
        finally:
            self._waiting_of[share.caller] -= 1
            if not self._waiting_of[share.caller]:
                del self._waiting_of[share.caller]

    def _give_up(self, share: Share) -> None:
        if share.held:
            # Granted in the very moment in which its patience ended, or its sender hung up.
            self.shrink(share, 0)
        else:
            self._waiting.remove(share)
            # What it did not step back from may fit those behind it.
            self._grant()

    def _refusal(self, share: Share) -> OverBudgetError:
        whose = ALL if self._fits_caller(share) else CALLER
        self._figures.refuse(whose)
        return OverBudgetError(self._name, whose=whose)

    def _grant(self) -> None:
        """Give to those who wait, in their order: small shares do not pass a large one for ever."""
        passed: list[Share] = []
        somebody_waits = False
        while self._waiting:
            share = self._waiting.popleft()
            assert share.granted is not None
            if share.granted.cancelled() or not self._fits_caller(share):
                passed.append(share)
            elif (somebody_waits and not self._is_let_in(share)) or not self._fits(share):
                passed.append(share)
                somebody_waits = True
            else:
                self._hold(share)
                share.granted.set_result(None)
        self._waiting.extendleft(reversed(passed))


class _Held:
    """A share, for the length of a block; written out, since a generator for each event takes five times as long."""

    def __init__(self, budget: Budget, share: Share) -> None:
        self._budget = budget
        self._share = share

    async def __aenter__(self) -> Share:
        await self._budget.take(self._share)
        return self._share

    async def __aexit__(self, *_: object) -> None:
        self._budget.shrink(self._share, 0)
