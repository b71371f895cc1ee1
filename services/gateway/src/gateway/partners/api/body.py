"""The body of `POST /events`: never more of it than is allowed, never for ever, and never too many of them at once."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import Request
from starlette.requests import ClientDisconnect

from chassis.http.problems import Problem
from gateway.http.body_limits import drain
from gateway.http.budgets import CALLER, Budget, OverBudgetError
from gateway.http.faults import Sentence
from gateway.partners.domain.refusals import too_large

PATIENCE = 30.0
_TURN_PATIENCE = 10.0
"""Seconds for which a body that has come waits to be read into objects."""
_COME_BACK = "5"
"""Seconds after which what is under way now has been answered."""


class Bodies:
    """The bytes of all bodies under way, and of those that are read: as objects they are some thirty times as many."""

    def __init__(self, *, in_all: int, per_partner: int, read_at_once: int, patience: float) -> None:
        self.under_way = Budget("body_bytes", in_all=in_all, per_caller=per_partner, patience=patience)
        self.read = Budget(
            "body_bytes_read", in_all=read_at_once, per_caller=read_at_once, patience=_TURN_PATIENCE
        )

    @asynccontextmanager
    async def body_of(self, request: Request, partner: str, limit: int) -> AsyncGenerator[bytes]:
        """Read a request's body, and have it, until its answer is made; raises 429 or 503 where there is no room."""
        declared = _declared_length(request)
        if declared is not None and declared > limit:
            await drain(request)
            raise too_large()
        begun = False
        try:
            # Who does not say how much comes is charged for all that may.
            async with self.under_way.share(partner, limit if declared is None else declared) as share:
                begun = True
                body = await read_body(request, limit)
                self.under_way.shrink(share, len(body))
                async with self.read.share(partner, len(body)):
                    yield body
        except OverBudgetError as error:
            if not begun:
                await drain(request)
            raise _come_back(error) from error


def _declared_length(request: Request) -> int | None:
    declared = request.headers.get("Content-Length", "")
    return int(declared) if declared.isdecimal() else None


def _come_back(error: OverBudgetError) -> Problem:
    headers = {"Retry-After": _COME_BACK}
    if error.whose == CALLER:
        sentence = Sentence(
            "You are sending too much at the same time. Wait for answers before you send more."
        )
        return Problem(429, "too-much-at-once", sentence.text, headers=headers)
    sentence = Sentence("Others are sending much just now. Send the same again in a moment.")
    return Problem(503, "busy", sentence.text, headers=headers)


async def read_body(request: Request, limit: int) -> bytes:
    """Read the body up to the limit; a larger one is refused and nothing of it kept, announced size or not."""
    chunks = bytearray()
    try:
        async with asyncio.timeout(PATIENCE):
            more = True
            while more:
                message = await request.receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect
                chunks += message.get("body", b"")
                more = message.get("more_body", False)
                if len(chunks) > limit:
                    if more:
                        await drain(request)
                    raise too_large()
    except TimeoutError as error:
        raise Problem(408, "too-slow", "The body did not arrive in time.") from error
    return bytes(chunks)
