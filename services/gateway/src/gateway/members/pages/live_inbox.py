"""The inbox, live: each change that notifications streams becomes a piece of HTML for the open page."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import Annotated

import httpx
from fastapi import APIRouter, Depends, Header, Query, Request
from pydantic import BaseModel
from starlette.responses import StreamingResponse

from chassis.http.dependencies import service_of
from gateway.clients import Item, Notifications
from gateway.members.pages.inbox import Only
from gateway.sessions import SignedIn, cookie_name, signed_in
from gateway.sessions.workflows import session_for
from gateway.web.error_pages import PageRoute
from gateway.web.page import AnyonesPage, Page

router = APIRouter(route_class=PageRoute, dependencies=[Depends(signed_in)])

LARGEST_POSITION = 2**63 - 1
TRUSTED = 15.0
"""Seconds for which a look at the session is good for what is pushed."""
BEAT = b"event: beat\ndata: .\n\n"
"""Named, so that it reaches the page's script: a page that hears nothing for long takes its link for dead."""


class Pushed(BaseModel):
    """What notifications sends for each new or changed item."""

    item: Item
    unread: int


class SessionCheck:
    """Whether a session stands, looked up again only when the last look is too old."""

    def __init__(
        self, look: Callable[[], Awaitable[bool]], *, clock: Callable[[], float] = monotonic
    ) -> None:
        self._look = look
        self._clock = clock
        self._looked_at = clock()

    async def holds(self, *, within: float) -> bool:
        """Tell whether the session stood at most so many seconds ago; it did when the stream was opened."""
        now = self._clock()
        if 0 < within >= now - self._looked_at:
            return True
        self._looked_at = now
        return await self._look()


@dataclass
class ServerEvent:
    """One server-sent event, or a comment where it has no data."""

    id: str = ""
    data: list[str] = field(default_factory=list[str])


async def _upstream(
    page: AnyonesPage,
    session: SignedIn,
    notifications: Notifications,
    after: Annotated[int | None, Query(ge=0, le=LARGEST_POSITION)] = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> AsyncIterator[AsyncIterator[bytes]]:
    """Open the member's stream before the answer begins, so that what stands in the way is an error, not a silence.

    `after` is the inbox's position the page was made with. The browser's own header is newer, once there is one.
    """
    received = position_in(last_event_id)
    opening = notifications.inbox_stream(
        session.member_id, language=page.language, after=after if received is None else received
    )
    async with opening as chunks:
        yield chunks


def position_in(last_event_id: str | None) -> int | None:
    """Read `Last-Event-ID`; what is no position of ours says nothing."""
    text = last_event_id or ""
    # The length first: no number of a position has more digits.
    if not (text.isascii() and text.isdecimal()) or len(text) > len(str(LARGEST_POSITION)):
        return None
    position = int(text)
    return position if position <= LARGEST_POSITION else None


@router.get("/inbox/stream")
async def stream(
    request: Request,
    page: AnyonesPage,
    upstream: Annotated[AsyncIterator[bytes], Depends(_upstream)],
    only: Only = "open",
) -> StreamingResponse:
    return StreamingResponse(
        _pieces(request, page, upstream, only),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _pieces(
    request: Request, page: Page, upstream: AsyncIterator[bytes], only: Only
) -> AsyncIterator[bytes]:
    yield BEAT
    stopping = service_of(request).stopping
    session_check = SessionCheck(partial(_still_signed_in, request))
    with suppress(httpx.TransportError):
        async for event in events(until(stopping, upstream)):
            # A busy inbox may be quiet for long between two comments: what is pushed waits for a look, too.
            if not await session_check.holds(within=TRUSTED if event.data else 0):
                return
            if event.data:
                yield piece(page, Pushed.model_validate_json("\n".join(event.data)), event.id, only)
            else:
                yield BEAT


def piece(page: Page, pushed: Pushed, position: str, only: Only) -> bytes:
    """Write one change as an unnamed event, which htmx swaps.

    Only an unread item may be put on top of the page: one that is read or done was there before, or came settled.
    """
    fresh = pushed.item.read_at is None and pushed.item.done_at is None
    html = page.fragment(
        "members/inbox_item_pushed.html", item=pushed.item, unread=pushed.unread, only=only, fits=fresh
    )
    lines = "".join(f"data: {line}\n" for line in html.splitlines() if line.strip())
    return f"id: {position}\n{lines}\n".encode()


async def events(chunks: AsyncIterator[bytes]) -> AsyncIterator[ServerEvent]:
    """Cut a byte stream into its events; comments come as events without data."""
    rest = b""
    async for chunk in chunks:
        *blocks, rest = (rest + chunk.replace(b"\r", b"")).split(b"\n\n")
        for block in blocks:
            event = ServerEvent()
            for line in block.decode().split("\n"):
                name, _, value = line.partition(":")
                value = value.removeprefix(" ")
                if name == "id":
                    event.id = value
                elif name == "data":
                    event.data.append(value)
            yield event


async def until(stopping: asyncio.Event, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Pass chunks on until the service stops, so that an open page does not hold it up."""
    stop = asyncio.ensure_future(stopping.wait())
    following = None
    try:
        while True:
            following = asyncio.ensure_future(anext(chunks))
            await asyncio.wait({stop, following}, return_when=asyncio.FIRST_COMPLETED)
            if stop.done():
                return
            try:
                yield following.result()
            except StopAsyncIteration:
                return
    finally:
        for task in (stop, following):
            if task is not None and not task.done():
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task


async def _still_signed_in(request: Request) -> bool:
    """Whether the stream's session still stands. Looking does not prolong it: an open page is not a visit."""
    database = service_of(request).database
    token = request.cookies.get(cookie_name(request.app.state.public_url), "")
    async with database.reading() as reading:
        return await session_for(reading, token, now=database.clock()) is not None
