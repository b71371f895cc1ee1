"""FastStream's broker for one service, and the acknowledged publish of its relay, whole batches at a time.

The outbox relay is the only one that publishes: whatever FastStream has for that, a publisher of its own or an answer
to a message, is refused, for it would tell of what may never be committed.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import TracebackType
from typing import Any, NoReturn, TypeVar
from uuid import uuid4

import nats.errors
import orjson
import structlog
from faststream import BaseMiddleware
from faststream.exceptions import IncorrectState
from faststream.nats import NatsBroker, NatsNKey, NatsRouter  # noqa: TID251 - its publishing is shut off here
from nats.js import JetStreamContext

from chassis import faststream_inside
from chassis.broker.stream_identity import ObservedStream

log = structlog.get_logger()
T = TypeVar("T")

MSG_ID = "Nats-Msg-Id"
PUBLISH_TIMEOUT = 5.0
"""Seconds to wait for a PubAck. The client's own default of 0.5 s is shorter than a slow fsync."""
BATCH_LIMIT = 1000
"""Messages in one atomic batch: as many as the server takes, for each batch costs it a round of its own."""


_TIMEOUT = 5.0
_SUBJECT = re.compile(r"[!-~]+")


class DurableGoneError(nats.errors.Error):
    """The server knows no such durable, does not let us at it, or does not answer for it."""


class PublishRefusedError(Exception):
    """The stream answered a publish with an error."""

    def __init__(self, code: int, description: str) -> None:
        super().__init__(f"{description} (JetStream error {code})")
        self.code = code


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message on its way to the stream; `message_id` lets the stream drop a repeat."""

    subject: str
    message_id: str
    payload: bytes


class OutboxBypassedError(Exception):
    """Something was about to be published that is not in the outbox: the transaction it tells of may yet fail."""


class _OutboxOnly(BaseMiddleware[Any, Any]):
    """Lets nothing out by any of FastStream's ways to publish."""

    async def publish_scope(self, call_next: Callable[[Any], Awaitable[Any]], cmd: Any) -> Any:  # noqa: ARG002
        raise OutboxBypassedError(
            f"{cmd.destination} was to be published past the outbox: announce it, `tx.announce(...)`"
        )


class Broker(NatsBroker):
    """FastStream's broker, that reconnects for ever and leaves fetching to the chassis' consumers.

    For ever, but for what nats-py takes as final: errors of the protocol, such as a message that is too large.
    `on_close` is called when the client has closed the connection and will make no other. Connecting waits for a server
    that is not there yet.
    """

    def __init__(
        self,
        url: str,
        *,
        service: str,
        seed: str | None = None,
        routers: Iterable[NatsRouter] = (),
        on_reconnect: Callable[[], Awaitable[None]] | None = None,
        on_close: Callable[[], object] | None = None,
    ) -> None:
        super().__init__(
            url,
            name=service,
            security=NatsNKey.from_seed(seed) if seed else None,
            # Replies to one service cannot be read by another: each has its own inbox prefix, and permission for it.
            inbox_prefix=f"_INBOX_{service}",
            # Giving up would leave the pull loops spinning on a closed connection.
            max_reconnect_attempts=-1,
            reconnect_time_wait=0.5,  # type: ignore[arg-type]  # annotated int, used as seconds in asyncio.sleep
            connect_timeout=5,
            ping_interval=10,
            max_outstanding_pings=2,
            pending_size=16 * 1024 * 1024,
            reconnected_cb=self._reconnected,
            disconnected_cb=self._disconnected,
            closed_cb=self._closed,
            middlewares=[_OutboxOnly],
            routers=routers,
            # It would quote what was raised, and with it the event. Ours name the error's class.
            logger=None,
        )
        faststream_inside.report_errors_to(self, _failed)
        self.service = service
        self.when_lost: list[Callable[[], object]] = []
        """Called whenever the connection is lost: behind the next one there may be another store."""
        self._losses = asyncio.Event()
        self._on_reconnect = on_reconnect
        self._on_close = on_close
        self._stopping = False

    @cached_property
    def jetstream(self) -> JetStreamContext:
        """The connection's JetStream, with the patience that a publish needs."""
        return self.connection.jetstream(timeout=PUBLISH_TIMEOUT)

    def add_middleware(self, *_args: Any, **_named: Any) -> NoReturn:  # type: ignore[override]  # it is closed
        """Refuse a middleware that nobody would watch."""
        raise TypeError("give middlewares to `Subscriptions(..., middlewares=[...])`")

    async def start(self) -> None:
        """Connect, and have every handler ready for what `consumer` will fetch."""
        if self.publishers:
            raise OutboxBypassedError(
                "a handler has a publisher: what it announces goes by `tx.announce(...)`"
            )
        await super().start()

    async def stop(
        self,
        exc_type: type[BaseException] | None = None,  # noqa: ARG002 - FastStream's signature
        exc_val: BaseException | None = None,  # noqa: ARG002
        exc_tb: TracebackType | None = None,  # noqa: ARG002
    ) -> None:
        """Flush what is pending and close. FastStream's own stop drains: half a minute, and never without a server."""
        self._stopping = True
        try:
            connection = self.connection
        except IncorrectState:
            return
        if connection.is_connected:
            try:
                await connection.flush(timeout=1)
            except nats.errors.Error as error:
                log.warning("broker flush failed at close", error=str(error))
        await connection.close()

    async def _reconnected(self) -> None:
        log.info("broker reconnected")
        if self._on_reconnect is not None:
            await self._on_reconnect()

    async def _disconnected(self) -> None:
        if not self._stopping:
            log.warning("broker connection lost")
        self.connection_lost()

    async def _closed(self) -> None:
        if self._on_close is not None:
            self._on_close()

    def connection_lost(self) -> None:
        """Let every publish that waits for its acknowledgement fail: it will not come over another connection."""
        self._losses.set()
        self._losses = asyncio.Event()
        for tell in self.when_lost:
            tell()

    async def publish_atomic_batch(self, messages: Sequence[Outgoing]) -> list[int]:
        """Store the messages in order as one atomic batch, or none of them; returns their stream sequences.

        Raises PublishRefusedError, also where any of them is stored already, or a NATS error when the stream did not
        answer: then all may be sent again.
        """
        self._check_connected()
        batch_id = uuid4().hex
        last = messages[-1]
        frames = (
            self._framed(message, _batch_headers(message, batch_id, number))
            for number, message in enumerate(messages[:-1], start=1)
        )
        # The client's own `publish` takes five times as long for each message with headers, and looks at its payload
        # alone: one that is too large with them would end the connection.
        await self.connection._send_command(b"".join(frames))  # noqa: SLF001
        headers = _batch_headers(last, batch_id, len(messages)) | {"Nats-Batch-Commit": "1"}
        acknowledged = _checked(await self._answer(last, headers))
        if acknowledged.get("count") != len(messages):
            raise PublishRefusedError(
                0, f"the stream stored {acknowledged.get('count')} of {len(messages)} messages"
            )
        final = int(acknowledged["seq"])
        return list(range(final - len(messages) + 1, final + 1))

    async def publish_one(self, message: Outgoing) -> int:
        """Store one message, or find it stored already; returns its stream sequence, and raises as a batch does."""
        return int(_checked(await self._answer(message, {MSG_ID: message.message_id}))["seq"])

    async def look_at(self, stream: str) -> ObservedStream:
        """Which stream of this name there is; raises NotFoundError, or another NATS error when there is no answer."""
        info = await self._unless_lost(self.jetstream.stream_info(stream))
        assert info.created is not None
        return ObservedStream(info.created, info.state.last_seq)

    async def reset_durable(
        self, stream: str, durable: str, *, sequence: int | None = None
    ) -> Mapping[str, Any]:
        """Have a durable deliver from a place in its stream on, or from the first event that is not acknowledged.

        Returns what the server says of it then. Raises DurableGoneError, or another NATS error without a connection.
        """
        body = b"" if sequence is None else orjson.dumps({"seq": sequence})
        try:
            answer = await self.connection.request(
                f"$JS.API.CONSUMER.RESET.{stream}.{durable}", body, timeout=_TIMEOUT
            )
        except nats.errors.TimeoutError as error:
            # Of a durable that it does not have, the server says nothing.
            raise DurableGoneError(
                f"no answer for the durable {durable} of {stream}: is it there?"
            ) from error
        told: dict[str, Any] = orjson.loads(answer.data)
        if refused := told.get("error"):
            raise DurableGoneError(f"{durable} of {stream}: {refused.get('description')}")
        return told

    def _head(self, message: Outgoing, headers: Mapping[str, str]) -> bytes:
        """The headers as the protocol writes them; raises a NATS error where the server would end the connection."""
        if not _SUBJECT.fullmatch(message.subject):
            raise nats.errors.BadSubjectError
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"NATS/1.0\r\n{lines}\r\n".encode()
        if len(head) + len(message.payload) > self.connection.max_payload:
            raise nats.errors.MaxPayloadError
        return head

    def _framed(self, message: Outgoing, headers: Mapping[str, str]) -> bytes:
        """The whole message as the protocol writes it."""
        head, payload = self._head(message, headers), message.payload
        sizes = len(head), len(head) + len(payload)
        return b"HPUB %b %d %d\r\n%b%b\r\n" % (message.subject.encode(), *sizes, head, payload)

    async def _answer(self, message: Outgoing, headers: dict[str, str]) -> bytes:
        """The stream's answer."""
        # Refused here where it cannot be written: the client does not count the headers.
        self._head(message, headers)
        request = self.connection.request(
            message.subject, message.payload, timeout=PUBLISH_TIMEOUT, headers=headers
        )
        return (await self._unless_lost(request)).data

    async def _unless_lost(self, request: Coroutine[Any, Any, T]) -> T:
        """The answer to a request. Without a connection nothing is sent: it would only gather, to be sent again."""
        if not self.connection.is_connected:
            request.close()
            raise nats.errors.ConnectionReconnectingError
        asking = asyncio.create_task(request)
        losing = asyncio.create_task(self._losses.wait())
        try:
            await asyncio.wait({asking, losing}, return_when=asyncio.FIRST_COMPLETED)
            if not asking.done():
                raise nats.errors.ConnectionReconnectingError
            return await asking
        finally:
            losing.cancel()
            asking.cancel()

    def _check_connected(self) -> None:
        if not self.connection.is_connected:
            raise nats.errors.ConnectionReconnectingError


async def connect(url: str, *, service: str, seed: str | None = None) -> Broker:
    """Connect as a user that hears nothing: the provisioner, and whoever looks in."""
    broker = Broker(url, service=service, seed=seed)
    await broker.connect()
    return broker


async def _failed(error: Exception) -> None:
    log.warning("broker error", error=str(error) or type(error).__name__)


def _batch_headers(message: Outgoing, batch_id: str, number: int) -> dict[str, str]:
    return {MSG_ID: message.message_id, "Nats-Batch-Id": batch_id, "Nats-Batch-Sequence": str(number)}


def _checked(payload: bytes) -> Mapping[str, Any]:
    answer: dict[str, Any] = orjson.loads(payload) if payload else {}
    if error := answer.get("error"):
        raise PublishRefusedError(int(error.get("err_code", 0)), str(error.get("description", "")))
    if "seq" not in answer:
        raise PublishRefusedError(0, "the answer is no acknowledgement")
    return answer
