"""How requests come off a connection: uvicorn's protocol on llhttp, made stricter, bounded and given deadlines.

No upgrade is made, and a request that asks for one is served as if it had not: `java.net.http.HttpClient` asks with
each first request. Whatever is not framed right is refused, its connection ended, and nothing behind it read. Why it
stands on uvicorn's inside, and on which parts: docs/decisions/0022.
"""

import asyncio
from typing import Any

import httptools
import structlog
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT

from chassis.http.wire import refusals
from chassis.http.wire.answering import BODY, GOODBYE, HEAD, NEXT, NOTHING, AnsweringProtocol
from chassis.http.wire.connections import Connections, Limits
from chassis.http.wire.heads import ONCE, fault_in, is_request_line, with_path
from chassis.http.wire.refusals import HEAD_BYTES, HEAD_COUNT, TARGET_BYTES, Refusal

log = structlog.get_logger()

_PIPELINED = 16
"""Requests that may wait for the answer before theirs; whoever sends more is answered so many and asks again."""
_PIPELINED_BYTES = 64 * 1024
"""Bytes of their bodies in all: nobody knows yet whose they are."""


class _RefusedError(Exception):
    """Ends the parser's work in the midst of what it was fed."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


class _EnoughError(Exception):
    """Ends the parser's work where nothing more is to be read, and nothing is wrong."""


class FramedProtocol(AnsweringProtocol):
    """One connection; `framed` makes the class with a process's limits."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._unframed = 0
        """Bytes that have come since the last head, or the last piece of a body, was whole."""
        self._raw = b""
        """What has come of a head, and on the same connection right before it: the parser tells less than was sent."""
        self._behind = False
        """Whether something stands before the head in that."""
        self._size = 0
        self._once: dict[bytes, bytes] = {}
        self._upgrading = False
        self._queued = 0
        """Bytes of bodies that have come since requests wait for the answer before theirs."""

    def data_received(self, data: bytes) -> None:
        step = self._step
        if step is NOTHING or step is GOODBYE:
            return
        if step is not HEAD and step is not BODY:
            self._head_begins()
        if step is HEAD:
            self._raw += data
        else:
            self._raw, self._behind = data, step is BODY
        self._unframed += len(data)
        try:
            self._feed(data)
        except httptools.HttpParserError as error:
            if not isinstance(error.__context__, _EnoughError):
                self._refuse(_refusal_behind(error))
            return
        if self._step is not HEAD:
            self._raw = b""
        if self._unframed > HEAD_BYTES:
            if self._step is HEAD:
                self._refuse(refusals.LARGE_HEAD)
            elif self._step is BODY:
                self._refuse(refusals.MALFORMED)

    def _head_begins(self) -> None:
        self._step, self._since, self._unframed = HEAD, self.loop.time(), 0

    def _feed(self, data: bytes) -> None:
        while data:
            try:
                self.parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as asked:
                read: int = asked.args[0]
            self._go_on_without_upgrade()
            data = data[read:]

    def _go_on_without_upgrade(self) -> None:
        """Have the rest read by another parser, one that was told of the length of the body and of no upgrade.

        After the head of an upgrade this one reads nothing more, and would take the body for the next request
        (MagicStack/httptools#124).
        """
        self._upgrading = False
        asked = self.parser
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        lines = [b"%s / HTTP/%s" % (asked.get_method(), asked.get_http_version().encode())]
        lines += [b"%s: %s" % (name, value) for name, value in self._once.items() if name != b"host"]
        self.parser.feed_data(b"\r\n".join([*lines, b"", b""]))

    def on_message_begin(self) -> None:
        if self._step is BODY:
            # This head is our own, see `_go_on_without_upgrade`.
            return
        if self._step is NOTHING or self._step is GOODBYE:
            raise _EnoughError
        if len(self.pipeline) >= _PIPELINED:
            self._step = NOTHING
            raise _EnoughError
        if self._step is not HEAD:
            self._head_begins()
            self._behind = True
        self._size = 0
        self._once = {}
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        if self._step is BODY:
            return
        self.url += url
        self._size += len(url)
        if len(self.url) > TARGET_BYTES:
            raise _RefusedError(refusals.LONG_TARGET)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._size = size = self._size + len(name) + len(value) + 4
        headers = self.headers
        if size > HEAD_BYTES or len(headers) >= HEAD_COUNT:
            raise _RefusedError(refusals.LARGE_HEAD)
        if self._step is not HEAD:
            # A trailer comes after the head was checked, and may be dropped (RFC 9110, 6.5.1).
            return
        name = name.lower()
        if name in ONCE:
            if name in self._once:
                raise _RefusedError(refusals.WRONG_HOST if name == b"host" else refusals.MALFORMED)
            self._once[name] = value
        elif name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        headers.append((name, value))

    def on_headers_complete(self) -> None:
        if self._step is BODY:
            return
        version = self.parser.get_http_version()
        method = self.parser.get_method()
        fault = fault_in(version, method, self.url, self._once)
        if fault is None and not is_request_line(
            self._raw, method, self.url, version, first=not self._behind
        ):
            # The parser also takes lines of RTSP and ICE, and any number of blanks.
            fault = refusals.MALFORMED
        if fault is not None:
            raise _RefusedError(fault)
        self.expect_100_continue = self.expect_100_continue and version == "1.1"
        self.url = with_path(self.url)
        self._upgrading = self.parser.should_upgrade()
        self.room.asks(self)
        super().on_headers_complete()
        if not self.pipeline:
            self._queued = 0
        else:
            # uvicorn would read nothing more until the answers before are given, and so not see the client hang up.
            self.flow.resume_reading()
        self._step, self._since, self._unframed = BODY, self.loop.time(), 0

    def on_body(self, body: bytes) -> None:
        self._unframed = 0
        cycle = self.cycle
        if cycle.response_complete:
            return
        if self.pipeline:
            self._queued += len(body)
            if self._queued > _PIPELINED_BYTES:
                # It has not begun, and never will: those before it are answered, and then we hang up.
                self.pipeline.popleft()
                self._step = NOTHING
                raise _EnoughError
        cycle.body += body
        if len(cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        cycle.message_event.set()

    def on_message_complete(self) -> None:
        # Of a request that asks for an upgrade it is said at the end of its head, whatever follows.
        if self._upgrading:
            return
        cycle = self.cycle
        cycle.more_body = False
        cycle.message_event.set()
        self._unframed = 0
        if self._step is BODY:
            self._step = NEXT if cycle.keep_alive and not self._answered_early else NOTHING

    def _should_upgrade(self) -> bool:
        return False


def framed(limits: Limits) -> type[asyncio.Protocol]:
    """Make the class that serves the connections of one process, for `uvicorn.Config(http=…)`."""
    refusals.expect()
    return type("FramedProtocol", (FramedProtocol,), {"room": Connections(limits)})


def _refusal_behind(error: httptools.HttpParserError) -> Refusal:
    cause = error.__context__
    if isinstance(cause, _RefusedError):
        return cause.refusal
    if cause is not None and not isinstance(cause, (httptools.HttpParserError, UnicodeDecodeError)):
        log.error("reading a request failed", exc_info=cause)
    return refusals.MALFORMED
