"""What becomes of a connection whose requests are answered: when it is awaited, when it is enough, how it ends.

A part of `framing.FramedProtocol`, which reads what comes; both stand on uvicorn's protocol (docs/decisions/0022).
"""

import asyncio
import fcntl
import termios
from array import array
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from functools import partial
from typing import Any, ClassVar

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from chassis.http.wire import refusals
from chassis.http.wire.connections import Connections
from chassis.http.wire.refusals import Refusal

log = structlog.get_logger()


class Step(Enum):
    """What is awaited of the client."""

    FIRST = "the first byte of the connection"
    HEAD = "the rest of a head"
    BODY = "the rest of a body"
    NEXT = "another head, or nothing: the request is whole and ours to answer"
    IDLE = "another head: all is answered"
    NOTHING = "nothing: what comes is dropped, and the connection ends with the answers that are due"
    GOODBYE = "that it hangs up: all is said"


# By names of their own: those of an enum are slow to look up, and this is done for every header.
FIRST, HEAD, BODY, NEXT, IDLE, NOTHING, GOODBYE = Step


class AnsweringProtocol(HttpToolsProtocol):
    """One connection, as its answers and the clock see it."""

    room: ClassVar[Connections]

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._step = FIRST
        self._since = self.loop.time()
        self._stalled_since: float | None = None
        self._left = 0
        """Bytes of our answers that the other side has not taken, when that was looked at last."""
        self.address = ""
        self._answering: RequestResponseCycle | None = None
        self._abandoned: RequestResponseCycle | None = None
        self._answered_early = False
        self._last_words: Refusal | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self.address = self.client[0] if self.client else ""
        self.room.arrived(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.room.left(self)
        # uvicorn tells the newest request only; one before it may be a stream that would never end.
        self.pipeline.clear()
        if self._answering is not None and not self._answering.response_started:
            self._abandoned = self._answering
            self.room.abandoned(self.address)
        _cut_short(self._answering)
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalled_since = self.loop.time()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stalled_since = None

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answering = cycle
        super()._start_asgi_task(
            cycle, partial(self._answer, cycle, _full if self.room.is_full_for(self.address) else app)
        )

    async def _answer(
        self, cycle: RequestResponseCycle, app: Any, scope: Any, receive: Any, send: Callable[[Any], Any]
    ) -> None:
        ends_with_connection = False
        """Who speaks HTTP/1.0 knows of no chunks, and uvicorn would send them where nobody says how much comes."""

        async def framed_send(message: Any) -> None:
            nonlocal ends_with_connection
            begins = message["type"] == "http.response.start"
            early = begins and cycle.more_body
            if begins and cycle.scope["http_version"] == "1.0" and not _has_length(message):
                ends_with_connection = True
                cycle.chunked_encoding = False
            if early:
                # Whether what is missing still comes is the sender's to say: it is not waited for.
                self._answered_early = True
            if early or (begins and ends_with_connection):
                message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
            elif ends_with_connection:
                cycle.expected_content_length = len(message.get("body", b""))
            await send(message)
            if early:
                # It is hung up on in `on_response_complete`, gently; uvicorn would do it before the answer was read.
                cycle.keep_alive = True

        try:
            await app(scope, receive, framed_send)
        finally:
            if self._abandoned is cycle:
                self.room.carried_out(self.address)

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            if self._step is BODY and not self.pipeline:
                # What is answered now has not come whole.
                self.room.waits(self)
        elif self._last_words is not None:
            self._say(self._last_words)
        elif self._step is NOTHING or self._step is BODY:
            self._hang_up()
        else:
            if self._step is NEXT:
                self._step, self._since = IDLE, self.loop.time()
            self.room.waits(self)

    @property
    def _owes_answers(self) -> bool:
        return bool(self.pipeline) or (self._answering is not None and not self._answering.response_complete)

    def _refuse(self, refusal: Refusal) -> None:
        """Read nothing more, and say why once what came before is answered."""
        refusal.count()
        log.info("request refused", status=refusal.status, code=refusal.code)
        broken = self.cycle if self._step is BODY else None
        self._step = NOTHING
        if broken is not None and self.pipeline:
            # It has not begun, and never will.
            self.pipeline.popleft()
        elif broken is not None:
            _cut_short(broken)
            self._answering = None
            if broken.response_started:
                # In the midst of an answer nothing can be said but that it ends here.
                self.transport.close()
                return
        if self._owes_answers:
            self._last_words = refusal
        else:
            self._say(refusal)

    def _say(self, refusal: Refusal) -> None:
        self.transport.write(refusal.answer(self.server_state.default_headers))
        self._hang_up()

    def _hang_up(self) -> None:
        """End our side, and let them end theirs: cut off while they send, they would lose what they were told."""
        self._step, self._since = GOODBYE, self.loop.time()
        self.room.waits(self)
        self.flow.resume_reading()
        self.transport.write_eof()

    def look(self, now: float, stood_still: float) -> None:
        """End what has taken too long: a head, a body, a silence, or an answer that nobody takes."""
        self._grant(stood_still)
        limits, step, late = self.room.limits, self._step, now - self._since
        if self._is_stuck(now):
            refusals.count_unread()
            self.transport.abort()
        elif self.transport.is_closing():
            return
        elif (step is HEAD or step is BODY) and self._is_ours_to_read():
            self._grant(limits.look_every)
        elif step is HEAD and late > limits.head:
            self._refuse(refusals.SLOW_HEAD)
        elif step is BODY and late > limits.body:
            self._refuse(refusals.SLOW_BODY)
        elif (
            (step is FIRST and late > limits.first)
            or (step is IDLE and late > self.timeout_keep_alive)
            or (step is GOODBYE and late > limits.goodbye)
        ):
            self.transport.close()

    def _grant(self, seconds: float) -> None:
        self._since = min(self.loop.time(), self._since + seconds)

    def _is_ours_to_read(self) -> bool:
        """Whether more may have come, or would, if the service had asked for it: no time of the sender's."""
        return self.flow.read_paused or (self._step is BODY and self.cycle.waiting_for_100_continue)

    def _is_stuck(self, now: float) -> bool:
        """Whether the other side has taken nothing of what it was sent for too long, the end of it included."""
        if self._stalled_since is None and not self.transport.is_closing():
            return False
        left = self.transport.get_write_buffer_size() + _unacknowledged(self.transport)
        if self._stalled_since is None or left != self._left:
            self._stalled_since, self._left = now, left
        return now - self._stalled_since > self.room.limits.unread

    def give_way(self, refusal: Refusal) -> None:
        """End at once, in favour of one that may ask for something."""
        broken = self._step is BODY and self._answering is self.cycle and not self.cycle.response_started
        if broken or (self._step in {FIRST, HEAD} and not self._owes_answers):
            refusal.count()
            self.transport.write(refusal.answer(self.server_state.default_headers))
        self.transport.close()
        if self.transport.get_write_buffer_size():
            self.transport.abort()

    def shutdown(self) -> None:
        if self._owes_answers:
            super().shutdown()
        else:
            self.transport.close()


def _unacknowledged(transport: asyncio.Transport) -> int:
    """Bytes that the system has taken of us, and the other side not yet of it. A slow link takes them one by one."""
    taken = array("i", [0])
    with suppress(OSError):
        fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, taken)
    return taken[0]


def _cut_short(cycle: RequestResponseCycle | None) -> None:
    """Let whoever answers know that nobody listens any more."""
    if cycle is not None and not cycle.response_complete:
        cycle.disconnected = True
        cycle.message_event.set()


def _has_length(message: Any) -> bool:
    return any(name.lower() == b"content-length" for name, _ in message.get("headers", ()))


async def _full(_scope: Any, _receive: Any, send: Callable[[Any], Any]) -> None:
    """Answer in the service's place while it serves as many requests as it may."""
    refusal = refusals.FULL
    refusal.count()
    await send({"type": "http.response.start", "status": refusal.status, "headers": refusal.headers})
    await send({"type": "http.response.body", "body": refusal.body, "more_body": False})
