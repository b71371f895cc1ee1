"""The inbox, live: each change that notifications streams becomes a piece of HTML for the open page."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Annotated

import httpx2
from fastapi import APIRouter, Depends, Header, Request
from pydantic import BaseModel
from starlette.responses import StreamingResponse

from chassis.http import service_of
from gateway.clients import Item, Notifications
from gateway.pages.failures import PageRoute
from gateway.pages.inbox import Only
from gateway.pages.page import AnyonesPage, Page
from gateway.sessions import SignedIn, cookie_name, signed_in
from gateway.workflows import session_for

router = APIRouter(route_class=PageRoute, dependencies=[Depends(signed_in)])

BEAT = b"event: beat\ndata: .\n\n"
"""Named, so that it reaches the page's script: a page that hears nothing for long takes its link for dead."""


class Pushed(BaseModel):
    """What notifications sends for each new or changed item."""

    item: Item
    unread: int


@dataclass
class ServerEvent:
    """One server-sent event, or a comment where it has no data."""

    id: str = ""
    data: list[str] = field(default_factory=list[str])


async def _upstream(
    page: AnyonesPage,
    session: SignedIn,
    notifications: Notifications,
    after: str = "",
    last_event_id: Annotated[str | None, Header()] = None,
) -> AsyncIterator[AsyncIterator[bytes]]:
    """Open the member's stream before the answer begins, so that what stands in the way is an error, not a silence.

    `after` is the newest position the page was made with. The browser's own header is newer, once there is one.
    """
    opening = notifications.inbox_stream(
        session.member_id, language=page.language, last_event_id=last_event_id or after
    )
    async with opening as chunks:
        yield chunks


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
    with suppress(httpx2.TransportError):
        async for event in events(until(stopping, upstream)):
            if event.data:
                yield piece(page, Pushed.model_validate_json("\n".join(event.data)), event.id, only)
            elif await _still_signed_in(request):
                yield BEAT
            else:
                return


def piece(page: Page, pushed: Pushed, position: str, only: Only) -> bytes:
    """Write one change as an unnamed event, which htmx swaps.

    Only an unread item may be put on top of the page: one that is read or done was there before, or came settled.
    """
    fresh = pushed.item.read_at is None and pushed.item.done_at is None
    html = page.fragment("item_pushed.html", item=pushed.item, unread=pushed.unread, only=only, fits=fresh)
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
