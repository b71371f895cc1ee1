"""The body of `POST /events`: never more of it than is allowed, never for ever, and never too many of them at once."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import Request

from gateway.http.budgets import Budget, OverBudgetError
from gateway.http.coming_bodies import SMALL, ComingBodies, declared_length, drain
from gateway.http.problems import come_back
from gateway.partners.domain.content_modes import Mode
from gateway.partners.domain.refusals import too_large

_TURN_PATIENCE = 10.0
"""Seconds for which a batch that has come waits to be read into objects."""


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
        self._coming = ComingBodies(too_large)

    @asynccontextmanager
    async def body_of(self, request: Request, partner: str, mode: Mode) -> AsyncGenerator[bytes]:
        """Read a request's body, and have it, until its answer is made; raises 429 or 503 where there is no room."""
        declared = declared_length(request)
        if declared is not None and declared > mode.limit:
            await drain(request)
            raise too_large()
        budget = self.batches if mode is Mode.BATCH else self.events
        whole = False
        try:
            async with budget.share(partner, SMALL if declared is None else declared) as share:
                body = await self._coming.whole(request, mode.limit, budget, share)
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
