"""How requests come off a connection: uvicorn's protocol, made stricter, bounded and given deadlines.

llhttp reads the heads. Where one begins and ends is counted here, and what follows is read by `bodies.py`.
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
from chassis.http.wire.bodies import Body, Measured, body_of
from chassis.http.wire.connections import Connections, Limits
from chassis.http.wire.heads import (
    ONCE,
    behind_line_ends,
    fault_in,
    is_request_line,
    names_no_version,
    with_path,
)
from chassis.http.wire.refusals import HEAD_BYTES, HEAD_COUNT, TARGET_BYTES, Refusal, RefusedError

log = structlog.get_logger()

_PIPELINED = 16
"""Requests that may wait for the answer before theirs; whoever sends more is answered so many and asks again."""
_PIPELINED_HEAD_BYTES = 16 * 1024
"""Bytes of their heads in all, before another is begun: the answer they wait for may be a stream, and never end."""
_PIPELINED_BYTES = 64 * 1024
"""Bytes of their bodies in all: nobody knows yet whose they are."""


class FramedProtocol(AnsweringProtocol):
    """One connection; `framed` makes the class with a process's limits."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._head = b""
        """What has come of a head, as it was sent: the parser tells less than that."""
        self._size = 0
        self._once: dict[bytes, bytes] = {}
        self._body: Body = Measured(0)
        self._queued_heads = 0
        """Bytes of heads that have come since requests wait for the answer before theirs."""
        self._queued = 0
        """Bytes of bodies that have come since requests wait for the answer before theirs."""

    def data_received(self, data: bytes) -> None:
        at = 0
        try:
            while at < len(data) and self._step is not NOTHING and self._step is not GOODBYE:
                at = self._read_body(data, at) if self._step is BODY else self._read_head(data, at)
        except RefusedError as refused:
            self._refuse(refused.refusal)

    def _read_head(self, data: bytes, at: int) -> int:
        """Read to the end of a head, or to that of the data."""
        if self._step is not HEAD:
            self._step, self._since, self._head = HEAD, self.loop.time(), b""
        if not self._head:
            at = behind_line_ends(data, at)
            if at == len(data):
                return at
            if len(self.pipeline) >= _PIPELINED or self._queued_heads > _PIPELINED_HEAD_BYTES:
                self._step = NOTHING
                return at
        known = len(self._head)
        head = self._head + data[at:]
        end = head.find(b"\r\n\r\n", max(0, known - 3))
        self._head = head if end < 0 else head[: end + 4]
        at, begun = at + len(self._head) - known, at
        self._parse(data[begun:at])
        if (self._step is BODY) != (end >= 0):
            # The parser found another end than we did.
            raise RefusedError(refusals.MALFORMED)
        if end >= 0:
            self._queued_heads += len(self._head) if self.pipeline else 0
            self._head_is_read()
        elif names_no_version(self._head):
            raise RefusedError(refusals.UNKNOWN_VERSION)
        elif len(self._head) > HEAD_BYTES:
            raise RefusedError(refusals.LARGE_HEAD)
        return at

    def _parse(self, piece: bytes) -> None:
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade:
            # No upgrade is made: the body is read, and the parser replaced, as after any other head.
            return
        except httptools.HttpParserError as error:
            raise RefusedError(_refusal_behind(error)) from error

    def _head_is_read(self) -> None:
        self._head = b""
        if not self._body.whole or self.parser.should_upgrade():
            # This one awaits a body, or has ended with its upgrade.
            self.parser = httptools.HttpRequestParser(self)
        if self._body.whole:
            self._request_is_whole()

    def _read_body(self, data: bytes, at: int) -> int:
        """Read to the end of a body, or to that of the data."""
        body, at = self._body.read(data, at)
        if body:
            self._give(body)
        if self._body.whole:
            self._request_is_whole()
        return at

    def on_message_begin(self) -> None:
        self._size = 0
        self._once = {}
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self.url += url
        self._size += len(url)
        if len(self.url) > TARGET_BYTES:
            raise RefusedError(refusals.LONG_TARGET)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._size = size = self._size + len(name) + len(value) + 4
        headers = self.headers
        if size > HEAD_BYTES or len(headers) >= HEAD_COUNT:
            raise RefusedError(refusals.LARGE_HEAD)
        name = name.lower()
        if name in ONCE:
            if name in self._once:
                raise RefusedError(refusals.WRONG_HOST if name == b"host" else refusals.MALFORMED)
            self._once[name] = value
        elif name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        headers.append((name, value))

    def on_headers_complete(self) -> None:
        version = self.parser.get_http_version()
        method = self.parser.get_method()
        fault = fault_in(version, method, self.url, self._once)
        if fault is None and not is_request_line(self._head, method, self.url, version):
            # The parser also takes lines of RTSP and ICE, and any number of blanks.
            fault = refusals.MALFORMED
        if fault is not None:
            raise RefusedError(fault)
        self._body = body_of(self._once)
        self.expect_100_continue = self.expect_100_continue and version == "1.1"
        self.url = with_path(self.url)
        if self._body.whole:
            self.room.asks(self)
        super().on_headers_complete()
        if not self.pipeline:
            self._queued = self._queued_heads = 0
        else:
            # uvicorn would read nothing more until the answers before are given, and so not see the client hang up.
            self.flow.resume_reading()
        self._step, self._since = BODY, self.loop.time()

    def on_message_complete(self) -> None:
        """Do nothing: it is said of a request that asks for an upgrade before its body, see `_request_is_whole`."""

    def _give(self, body: bytes) -> None:
        """Let the service have this of the body."""
        cycle = self.cycle
        if cycle.response_complete:
            return
        if self.pipeline:
            self._queued += len(body)
            if self._queued > _PIPELINED_BYTES:
                # It has not begun, and never will: those before it are answered, and then we hang up.
                self.pipeline.popleft()
                self._step = NOTHING
                return
        elif not self._body.whole:
            self.room.waits(self)
        cycle.body += body
        if len(cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        cycle.message_event.set()

    def _request_is_whole(self) -> None:
        self.room.asks(self)
        cycle = self.cycle
        cycle.more_body = False
        cycle.message_event.set()
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
    if isinstance(cause, RefusedError):
        return cause.refusal
    if cause is not None and not isinstance(cause, (httptools.HttpParserError, UnicodeDecodeError)):
        log.error("reading a request failed", exc_info=cause)
    return refusals.MALFORMED
