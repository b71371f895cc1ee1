"""Bodies while they come: never too much of one, never for ever, and of all of them no more than there is room for."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request
from starlette.requests import ClientDisconnect

from chassis.http.problems import Problem
from gateway.http.budgets import Budget, Share

PATIENCE = 30.0
"""Seconds in which a body comes whole."""
SMALL = 16 * 1024
"""Bytes that a body of no declared length is charged for until it turns out to have more."""
_LOOK_EVERY = 2.0
_SLOWEST = 16 * 1024
"""Bytes of a body that come between two looks, or it gives way to those who wait: who sends faster ends in time."""


_DRAIN_BYTES = 16 * 1024 * 1024
_DRAIN_PATIENCE = 5.0


async def drain(request: Request) -> None:
    """Let a sender finish what will be refused, so far as that is bounded: most read no answer before they have.

    Whoever asked to be told first (`Expect: 100-continue`, as curl does) has sent nothing yet and gets the answer.
    """
    if request.headers.get("Expect", "").lower() == "100-continue":
        return
    drained = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(_DRAIN_PATIENCE):
            while drained < _DRAIN_BYTES:
                message = await request.receive()
                drained += len(message.get("body", b""))
                if not message.get("more_body", False):
                    return


def declared_length(request: Request) -> int | None:
    """Give the length that the head of a request names."""
    declared = request.headers.get("Content-Length", "")
    return int(declared) if declared.isdecimal() else None


class ComingBodies:
    """All bodies of one kind that are coming; one look at all of them stands for a timer each."""

    def __init__(self, too_large: Callable[[], Exception]) -> None:
        """`too_large` says what is raised of a body beyond its limit."""
        self._too_large = too_large
        self._coming: set[_Body] = set()
        self._next_look: asyncio.TimerHandle | None = None

    async def whole(self, request: Request, limit: int, budget: Budget, share: Share) -> bytes:
        """Read a body, charged to this share; raises where it is too large, too slow, or finds no room."""
        body = _Body(request, limit, budget, share)
        self._coming.add(body)
        if self._next_look is None:
            self._look_soon()
        try:
            more = await body.read()
            if len(body.came) > limit:
                if more:
                    await drain(request)
                raise self._too_large()
            return bytes(body.came)
        finally:
            self._coming.discard(body)

    def _look_soon(self) -> None:
        self._next_look = asyncio.get_running_loop().call_later(_LOOK_EVERY, self._look)

    def _look(self) -> None:
        self._next_look = None
        gives_way: dict[tuple[Budget, str], _Body] = {}
        for body in self._coming:
            if body.look():
                # One at a time: the room of the slowest may be all that is wanted.
                slowest = gives_way.setdefault((body.budget, body.share.caller), body)
                if body.has_come < slowest.has_come:
                    gives_way[body.budget, body.share.caller] = body
        for body in gives_way.values():
            body.end()
        if self._coming:
            self._look_soon()


@dataclass(eq=False)
class _Body:
    """A body that comes in pieces, and what of the budget is kept for it meanwhile."""

    request: Request
    limit: int
    budget: Budget
    share: Share
    came: bytearray = field(default_factory=bytearray)
    _reader: "asyncio.Task[Any] | None" = None
    has_come: int = 0
    """Bytes of it between the last two looks."""
    _looks: int = 0
    _seen: int = 0
    """Bytes that had come when it was looked at last."""
    _grows: bool = False
    _ended: bool = False

    async def read(self) -> bool:
        """Read it up to its end, or to the first piece beyond the limit, announced size or not; tells if more comes."""
        self._reader = asyncio.current_task()
        try:
            while (more := await self._take_piece()) and len(self.came) <= self.limit:
                pass
        except asyncio.CancelledError as error:
            if not self._ended or self._reader is None or self._reader.uncancel():
                raise
            headers = {"Retry-After": "5"}
            raise Problem(408, "too-slow", "The body did not arrive in time.", headers=headers) from error
        return more

    def look(self) -> bool:
        """End it where it comes for too long; tells whether it hardly comes while others wait for its room."""
        self._looks += 1
        if self._ended or self._grows:
            return False
        self.has_come, self._seen = len(self.came) - self._seen, len(self.came)
        if self._looks * _LOOK_EVERY > PATIENCE:
            self.end()
            return False
        return self._looks > 1 and self.has_come < _SLOWEST and self.budget.is_wanted(self.share)

    def end(self) -> None:
        """Have it refused, wherever it has got to."""
        assert self._reader is not None
        self._ended = True
        self._reader.cancel()

    async def _take_piece(self) -> bool:
        """Take what has come; tells whether there is more to come."""
        message = await self.request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        self.came += message.get("body", b"")
        if self.share.amount < len(self.came) <= self.limit:
            self._grows = True
            await self.budget.grow(self.share, self.limit)
            # What it waits for here is no fault of the sender's.
            self._grows, self._looks = False, 0
        more: bool = message.get("more_body", False)
        return more
