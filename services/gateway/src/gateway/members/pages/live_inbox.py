"""The inbox, live: each change of it becomes a piece of HTML for the open page."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, Header, Query, Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from chassis.http.access import declares_access
from chassis.http.dependencies import service_of
from gateway.clients import Item, NotFoundError, ServiceRefusedError, ServiceUnavailableError
from gateway.members.live import LiveStream, LiveStreams
from gateway.members.pages.inbox import Only
from gateway.sessions import Session, SignInNeededError, cookie_name
from gateway.web.error_pages import PageRoute
from gateway.web.page import Page, page_for

log = structlog.get_logger()

router = APIRouter(route_class=PageRoute)

LARGEST_POSITION = 2**63 - 1
BEAT = b"event: beat\ndata: .\n\n"
"""Named, so that it reaches the page's script: a page that hears nothing for long takes its link for dead."""
GAVE_WAY = b"retry: 60000\nevent: gaveway\ndata: .\n\n"
"""Another page has taken its place: one that came back at once would take that of the next, and so on for ever."""
_PIECES = 256
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


async def _streams(request: Request) -> LiveStreams:
    streams: LiveStreams = request.app.state.live_streams
    return streams


Streams = Annotated[LiveStreams, Depends(_streams)]


@declares_access
async def _session(request: Request, streams: Streams) -> Session:
    """Demand a live session, as every page does; a rush of openings shares the look at it."""
    token = request.cookies.get(cookie_name(request.app.state.public_url), "")
    session = await streams.session_of(token) if token else None
    if session is None:
        raise SignInNeededError
    request.state.session = session
    return session


async def _page(request: Request, session: Annotated[Session, Depends(_session)]) -> Page:
    return page_for(request, session)


async def _stream(
    streams: Streams,
    session: Annotated[Session, Depends(_session)],
    page: Annotated[Page, Depends(_page)],
    after: Annotated[int | None, Query(ge=0, le=LARGEST_POSITION)] = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> AsyncIterator[LiveStream]:
    """Open the member's stream before the answer begins, so that what stands in the way is an error, not a silence.

    `after` is the inbox's position the page was made with. The browser's own header is newer, once there is one.
    """
    received = position_in(last_event_id)
    async with streams.open(session, page.language, after=after if received is None else received) as stream:
        yield stream


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
    page: Annotated[Page, Depends(_page)],
    opened: Annotated[LiveStream, Depends(_stream)],
    only: Only = "open",
) -> Response:
    state = request.app.state
    return LiveInbox(opened, page, only, pieces=state.inbox_pieces, send_timeout=state.stream_send_timeout)


class Pieces:
    """The newest pieces of HTML: what is pushed to many pages of one session is written once."""

    def __init__(self) -> None:
        self._written: OrderedDict[tuple[object, ...], bytes] = OrderedDict()

    def write(self, page: Page, item: Item, unread: int, only: Only) -> bytes:
        """Write one change for a page."""
        assert page.session is not None
        key = (page.session.id, page.language, only, unread, item)
        found = self._written.get(key)
        if found is None:
            now = service_of(page.request).database.clock()
            found = self._written[key] = piece(replace(page, now=now), item, unread, only)
            while len(self._written) > _PIECES:
                self._written.popitem(last=False)
        return found


class LiveInbox(Response):
    """The answer that lasts as long as its page."""

    def __init__(
        self, stream: LiveStream, page: Page, only: Only, *, pieces: Pieces, send_timeout: float
    ) -> None:
        super().__init__()
        self._pieces = pieces
        self._stream = stream
        self._page = page
        self._only: Only = only
        self._send_timeout = send_timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's shape
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        gone = asyncio.ensure_future(_until_gone(receive))
        gone.add_done_callback(lambda _: self._stream.end())
        try:
            await self._push(send)
            if self._stream.gave_way:
                await self._write(send, GAVE_WAY)
            if not gone.done():
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:
            log.warning("client too slow, stream closed", position=self._stream.position)
        finally:
            gone.cancel()
            with suppress(asyncio.CancelledError):
                await gone

    async def _push(self, send: Send) -> None:
        await self._write(send, BEAT)
        try:
            async for missed in self._stream.news():
                if missed is None:
                    await self._write(send, BEAT)
                    continue
                for item in missed.items:
                    await self._write(send, self._pieces.write(self._page, item, missed.unread, self._only))
        except (ServiceUnavailableError, ServiceRefusedError, NotFoundError) as error:
            log.warning("what a page missed cannot be read, its stream ends", error=str(error))

    async def _write(self, send: Send, chunk: bytes) -> None:
        """Send, and wait while the client's window is full; that is all the buffer a client gets."""
        async with asyncio.timeout(self._send_timeout):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})


def piece(page: Page, item: Item, unread: int, only: Only) -> bytes:
    """Write one change as an unnamed event, which htmx swaps.

    Only an unread item may be put on top of the page: one that is read or done was there before, or came settled.
    """
    fresh = item.read_at is None and item.done_at is None
    html = page.fragment("members/inbox_item_pushed.html", item=item, unread=unread, only=only, fits=fresh)
    lines = "".join(f"data: {line}\n" for line in html.splitlines() if line.strip())
    return f"id: {item.position}\n{lines}\n".encode()


async def _until_gone(receive: Receive) -> None:
    message: Message = {}
    while message.get("type") != "http.disconnect":
        message = await receive()
