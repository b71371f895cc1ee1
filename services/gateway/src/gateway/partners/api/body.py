"""The body of `POST /events`: never more of it than is allowed, never for ever, and never too many of them at once."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request
from starlette.requests import ClientDisconnect

from chassis.http.problems import Problem
from gateway.http.body_limits import drain
from gateway.http.budgets import Budget, OverBudgetError, Share
from gateway.http.problems import come_back
from gateway.partners.domain.content_modes import Mode
from gateway.partners.domain.refusals import too_large

PATIENCE = 30.0
_TURN_PATIENCE = 10.0
"""Seconds for which a batch that has come waits to be read into objects."""
_SMALL = 16 * 1024
"""Bytes that a body of no declared length is charged for until it turns out to have more."""
_LOOK_EVERY = 2.0
_SLOWEST = 16 * 1024
"""Bytes of a body that come between two looks, or it gives way to those who wait: who sends faster ends in time."""


class Bodies:
    """The bytes of all bodies under way, and of batches that are read: as objects they are some thirty times as many.

    Single events have a budget of their own: however many batches there are, they hold up none of them.
    """

    def __init__(
        self,
        *,
        events: tuple[int, int],
        batches: tuple[int, int],
        read_at_once: int,
        patience: float,
    ) -> None:
        """Each pair is how many bytes there may be in all, and how many of one partner's."""
        self.events, self.batches = (
            Budget(name, in_all=in_all, per_caller=own, patience=patience, beyond=in_all)
            for name, (in_all, own) in {"event_bytes": events, "batch_bytes": batches}.items()
        )
        self.read = Budget(
            "batch_bytes_read", in_all=read_at_once, per_caller=read_at_once, patience=_TURN_PATIENCE
        )
        self._coming: set[_Body] = set()
        self._next_look: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def body_of(self, request: Request, partner: str, mode: Mode) -> AsyncGenerator[bytes]:
        """Read a request's body, and have it, until its answer is made; raises 429 or 503 where there is no room."""
        declared = _declared_length(request)
        if declared is not None and declared > mode.limit:
            await drain(request)
            raise too_large()
        budget = self.batches if mode is Mode.BATCH else self.events
        whole = False
        try:
            async with budget.share(partner, _SMALL if declared is None else declared) as share:
                body = await self._whole(_Body(request, mode.limit, budget, share))
                whole = True
                budget.shrink(share, len(body))
                if mode is not Mode.BATCH:
                    yield body
                    return
                async with self.read.share(partner, len(body)):
                    yield body
        except OverBudgetError as error:
            if not whole:
                await drain(request)
            raise come_back(error) from error

    async def _whole(self, body: "_Body") -> bytes:
        self._coming.add(body)
        if self._next_look is None:
            self._look_soon()
        try:
            return await body.read()
        finally:
            self._coming.discard(body)

    def _look_soon(self) -> None:
        # One look at all of them stands for a timer each: the ordinary body is whole long before.
        self._next_look = asyncio.get_running_loop().call_later(_LOOK_EVERY, self._look)

    def _look(self) -> None:
        self._next_look = None
        for body in self._coming:
            body.look()
        if self._coming:
            self._look_soon()


def _declared_length(request: Request) -> int | None:
    declared = request.headers.get("Content-Length", "")
    return int(declared) if declared.isdecimal() else None


@dataclass(eq=False)
class _Body:
    """A body that comes in pieces, and what of the budget is kept for it meanwhile."""

    request: Request
    limit: int
    budget: Budget
    share: Share
    came: bytearray = field(default_factory=bytearray)
    _reader: "asyncio.Task[Any] | None" = None
    _looks: int = 0
    _seen: int = 0
    """Bytes that had come when it was looked at last."""
    _grows: bool = False
    _ended: bool = False

    async def read(self) -> bytes:
        """Read it up to the limit; a larger one is refused and nothing of it kept, announced size or not."""
        self._reader = asyncio.current_task()
        try:
            while await self._take_piece():
                pass
        except asyncio.CancelledError as error:
            if not self._ended or self._reader is None or self._reader.uncancel():
                raise
            raise Problem(408, "too-slow", "The body did not arrive in time.") from error
        return bytes(self.came)

    def look(self) -> None:
        """End it where it comes for too long, or hardly comes while others wait for the room that is kept for it."""
        self._looks += 1
        if self._ended or self._grows:
            return
        hardly_comes = self._looks > 1 and len(self.came) - self._seen < _SLOWEST
        if (hardly_comes and self.budget.is_wanted(self.share)) or self._looks * _LOOK_EVERY > PATIENCE:
            assert self._reader is not None
            self._ended = True
            self._reader.cancel()
        self._seen = len(self.came)

    async def _take_piece(self) -> bool:
        """Take what has come; tells whether there is more to come."""
        message = await self.request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        self.came += message.get("body", b"")
        more: bool = message.get("more_body", False)
        if len(self.came) > self.limit:
            if more:
                await drain(self.request)
            raise too_large()
        if len(self.came) > self.share.amount:
            self._grows = True
            await self.budget.grow(self.share, self.limit)
            # What it waits for here is no fault of the sender's.
            self._grows, self._looks = False, 0
        return more
