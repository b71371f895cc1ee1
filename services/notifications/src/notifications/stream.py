"""The live stream of changes: whose inbox has a new position, of all inboxes, as server-sent events."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from datetime import timedelta

import orjson
import structlog
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from notifications.bell import Bell

log = structlog.get_logger()

_RECONNECT_AFTER = b"retry: 2000\n\n"
_HEARTBEAT = b": still here\n\n"
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    # Proxies that buffer would hold a change back until the next ones fill the buffer.
    (b"x-accel-buffering", b"no"),
]

Write = Callable[[bytes], Awaitable[None]]


class SlowClientError(Exception):
    """The client did not take what was sent; it may come back, and is told then that all may have changed."""


class Streams:
    """Opens the live streams of this process."""

    def __init__(
        self, bell: Bell, stopping: asyncio.Event, *, heartbeat: timedelta, send_timeout: timedelta
    ) -> None:
        self.bell = bell
        self.stopping = stopping
        self.heartbeat = heartbeat.total_seconds()
        self.send_timeout = send_timeout.total_seconds()

    def open(self) -> Response:
        """Tell of every change from now on."""
        return _ChangeStream(self)


class _ChangeStream(Response):
    """One client's stream: names of members, and nothing of what is in their inboxes.

    It keeps no queue: changes that a slow client has not been told of are one set of names. What they are is looked up
    by whoever has a page open on it, from the position that the page holds.
    """

    def __init__(self, streams: Streams) -> None:
        super().__init__()
        self._streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's shape
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        pushing = asyncio.ensure_future(self._push(self._writer(send)))
        gone = asyncio.ensure_future(_until_gone(receive))
        try:
            await asyncio.wait([pushing, gone], return_when=asyncio.FIRST_COMPLETED)
        finally:
            pushing.cancel()
            gone.cancel()
            [outcome, _] = await asyncio.gather(pushing, gone, return_exceptions=True)
        if isinstance(outcome, SlowClientError):
            log.warning("client too slow, stream closed")
        elif isinstance(outcome, Exception):
            raise outcome
        elif outcome is None:
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _push(self, write: Write) -> None:
        with self._streams.bell.listening() as rings:
            # Told once it listens: what changes from here on is told.
            await write(_RECONNECT_AFTER)
            while not self._streams.stopping.is_set():
                try:
                    async with asyncio.timeout(self._streams.heartbeat):
                        changed = await rings.next()
                except TimeoutError:
                    await write(_HEARTBEAT)
                else:
                    # A stop rings, too, and nothing has changed by it.
                    if not self._streams.stopping.is_set():
                        await write(_told(changed))

    def _writer(self, send: Send) -> Write:
        async def write(chunk: bytes) -> None:
            try:
                # `send` waits while the client's window is full; that is all the buffer a client gets.
                async with asyncio.timeout(self._streams.send_timeout):
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
            except TimeoutError:
                raise SlowClientError from None

        return write


def _told(changed: Collection[str] | None) -> bytes:
    """Name the members whose inbox changed, or null for any of them."""
    members = None if changed is None else sorted(changed)
    return b"event: changed\ndata: %b\n\n" % orjson.dumps({"members": members})


async def _until_gone(receive: Receive) -> None:
    message: Message = {}
    while message.get("type") != "http.disconnect":
        message = await receive()
