"""Work that many ask for at once, and that is done once."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

K = TypeVar("K")
T = TypeVar("T")


class SharedWork(Generic[K, T]):
    """Who asks for what is under way already gets what comes of it, be it an error; afterwards it is done anew."""

    def __init__(self) -> None:
        self._under_way: dict[K, asyncio.Task[T]] = {}

    async def do(self, key: K, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Do the work of this key, or wait for the one who does; one that hangs up takes nothing from the others."""
        task = self._under_way.get(key)
        if task is None:
            task = self._under_way[key] = asyncio.create_task(work())

            def done(ended: asyncio.Task[T]) -> None:
                del self._under_way[key]
                # Looked at here: all who asked may have gone.
                if not ended.cancelled():
                    ended.exception()

            task.add_done_callback(done)
        return await asyncio.shield(task)
