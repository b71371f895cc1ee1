"""The live stream of an inbox: replay from where the client was, then every change, as server-sent events."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

import orjson
import structlog
from opentelemetry.trace import SpanKind
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from chassis.database.engine import Database, is_database_away
from chassis.telemetry.tracing import context_of, tracer
from contracts.words import Language
from notifications import views
from notifications.bell import Bell
from notifications.tables import Item
from notifications.views import ItemView

log = structlog.get_logger()

_PAGE = 50
_RECONNECT_AFTER = b"retry: 2000\n\n"
_HEARTBEAT = b": still here\n\n"
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    # Proxies that buffer would hold an item back until the next ones fill the buffer.
    (b"x-accel-buffering", b"no"),
]

Write = Callable[[bytes], Awaitable[None]]


class SlowClientError(Exception):
    """The client did not take what was sent; it may come back and replay."""


class Streams:
    """Opens the live streams of this process."""

    def __init__(
        self,
        database: Database,
        bell: Bell,
        stopping: asyncio.Event,
        *,
        heartbeat: timedelta,
        send_timeout: timedelta,
    ) -> None:
        self.database = database
        self.bell = bell
        self.stopping = stopping
        self.heartbeat = heartbeat.total_seconds()
        self.send_timeout = send_timeout.total_seconds()

    async def open(self, member_id: UUID, language: Language | None, *, after: int | None) -> Response:
        """Stream every change after a position; without one, every change from now on."""
        async with self.database.reading() as session:
            position = await views.position_of(session, member_id)
        # A position ahead of ours was numbered by a database that has since been set back: go on from here.
        return _InboxStream(self, member_id, language, position if after is None else min(after, position))


class _InboxStream(Response):
    """One client's stream.

    It keeps a position and no queue. When the bell rings it reads what lies after its position, so whatever
    the client missed, was slow to take, or lost with a connection comes by the same way: replay.
    """

    def __init__(self, streams: Streams, member_id: UUID, language: Language | None, position: int) -> None:
        super().__init__()
        self._streams = streams
        self._member_id = member_id
        self._language = language
        self._position = position

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
            log.warning("client too slow, stream closed", position=self._position)
        elif isinstance(outcome, Exception):
            raise outcome
        elif outcome is None:
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _push(self, write: Write) -> None:
        await write(_RECONNECT_AFTER)
        with self._streams.bell.listening(self._member_id) as rung:
            while not self._streams.stopping.is_set():
                # Cleared before looking: a change committed while we look rings again.
                rung.clear()
                try:
                    found = await self._push_changes(write)
                except (SQLAlchemyError, OSError) as error:
                    if not is_database_away(error):
                        raise
                    log.warning("database away, stream closed", error=type(error).__name__)
                    return
                if found < _PAGE:
                    await self._wait(rung, write)

    async def _push_changes(self, write: Write) -> int:
        async with self._streams.database.reading() as session:
            items = await views.changed_since(session, self._member_id, self._position, limit=_PAGE)
            if not items:
                return 0
            now = self._streams.database.clock()
            reader = await views.reader_of(session, self._member_id, self._language, now)
            shown = await views.items_for(session, items, reader)
            unread = await views.unread_in(session, self._member_id)
        for item, view in zip(items, shown, strict=True):
            await self._push_item(write, item, view, unread)
        return len(items)

    async def _push_item(self, write: Write, item: Item, view: ItemView, unread: int) -> None:
        """Send one item, as the last span of the trace that its event began."""
        span = tracer.start_as_current_span(
            "push inbox item",
            context=context_of(item.traceparent),
            kind=SpanKind.PRODUCER,
            attributes={"ssenet.item_id": str(item.id), "ssenet.inbox_position": item.position},
        )
        with span:
            data = orjson.dumps({"item": view.model_dump(mode="json"), "unread": unread})
            await write(b"id: %d\nevent: item\ndata: %b\n\n" % (item.position, data))
        self._position = item.position

    async def _wait(self, rung: asyncio.Event, write: Write) -> None:
        try:
            async with asyncio.timeout(self._streams.heartbeat):
                await rung.wait()
        except TimeoutError:
            await write(_HEARTBEAT)

    def _writer(self, send: Send) -> Write:
        async def write(chunk: bytes) -> None:
            try:
                # `send` waits while the client's window is full; that is all the buffer a client gets.
                async with asyncio.timeout(self._streams.send_timeout):
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
            except TimeoutError:
                raise SlowClientError from None

        return write


async def _until_gone(receive: Receive) -> None:
    message: Message = {}
    while message.get("type") != "http.disconnect":
        message = await receive()
