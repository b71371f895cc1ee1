"""One inbox in one language, for all pages that have it open: looked at once, however many they are."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from contracts.words import ItemId
from gateway.clients import ChangedItem, Changes
from gateway.http.shared_work import SharedWork

PAGE = 50
"""Changes looked up at a time."""
RECENT = 100
"""Changes kept in memory; who was away for more of them looks them up, a page at a time."""

Look = Callable[[int | None], Awaitable[Changes]]
"""Asks for a page of what changed after a position; after none, where the inbox stands."""


@dataclass(frozen=True)
class Missed:
    """What lies after a position: the changes themselves, and the position that they lead to."""

    items: Sequence[ChangedItem]
    position: int
    unread: int


class Feed:
    """Where an inbox stands, and what changed in it of late, each item as its newest change left it."""

    def __init__(self, look: Look, *, recent: int = RECENT) -> None:
        self._look = look
        self._most = recent
        self._position: int | None = None
        self._unread = 0
        # What lies at or below has been let go, or was never looked at.
        self._floor = 0
        self._recent: dict[ItemId, ChangedItem] = {}
        self._refreshing: asyncio.Task[None] | None = None
        self._due: asyncio.Task[None] | None = None
        self._pages: SharedWork[int, Changes] = SharedWork()

    async def begin(self, after: int | None) -> int:
        """Find the position at which a page begins: its own, or where the inbox stands now.

        A position ahead of ours was numbered by a database that has since been set back: it begins at ours.
        """
        if self._position is None or (after or 0) > self._position:
            await self.refresh()
        assert self._position is not None
        return self._position if after is None else min(after, self._position)

    async def refresh(self) -> None:
        """Look at what is new, by a look that begins after this call; whoever calls before it begins shares it."""
        if self._due is None:
            self._due = asyncio.create_task(self._refresh(self._refreshing))
            # Looked at here: all who wait may have gone.
            self._due.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        await asyncio.shield(self._due)

    async def after(self, position: int) -> Missed:
        """What a page at this position has not been sent yet; a page of it, where that is long ago."""
        assert self._position is not None
        if position < self._floor:
            changes = await self._pages.do(position, lambda: self._page_after(position))
            return Missed(changes.items, changes.position, changes.unread)
        newest: list[ChangedItem] = []
        for item in reversed(self._recent.values()):
            if item.position <= position:
                break
            newest.append(item)
        return Missed(newest[::-1], self._position, self._unread)

    async def _page_after(self, position: int) -> Changes:
        return await self._look(position)

    async def _refresh(self, before: "asyncio.Task[None] | None") -> None:
        if before is not None:
            await asyncio.wait([before])
        self._refreshing, self._due = self._due, None
        while True:
            changes = await self._look(self._position)
            self._take(changes)
            if len(changes.items) < PAGE:
                return

    def _take(self, changes: Changes) -> None:
        if self._position is None or changes.position < self._position:
            self._floor = changes.position
            self._recent.clear()
        for item in changes.items:
            self._recent.pop(item.item_id, None)
            self._recent[item.item_id] = item
        while len(self._recent) > self._most:
            self._floor = self._recent.pop(next(iter(self._recent))).position
        self._position, self._unread = changes.position, changes.unread
