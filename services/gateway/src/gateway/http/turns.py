"""Work that keeps the processor for milliseconds: beside the loop, few pieces at a time, and of each caller one."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from gateway.http.budgets import Budget

T = TypeVar("T")

_PATIENCE = 10.0
"""Seconds for which a piece of work waits for its turn."""
_QUEUE = 200
"""Pieces of one caller that wait, such as the pages of all who come from one address."""


class Turns:
    """Whoever asks for much, such as a page with every key press, has all of it in time and holds up nobody else."""

    def __init__(self, name: str, *, at_once: int) -> None:
        self.budget = Budget(name, in_all=at_once, per_caller=1, patience=_PATIENCE, queue=_QUEUE)

    async def do(self, caller: str, work: Callable[[], T]) -> T:
        """Do the work when it is this caller's turn; raises OverBudgetError where that is not in time."""
        async with self.budget.share(caller, 1):
            return await asyncio.to_thread(work)
