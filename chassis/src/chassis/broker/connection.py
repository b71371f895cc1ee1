"""One service's connection to NATS, and the acknowledged publish, whole batches at a time."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeVar
from uuid import uuid4

import nats.errors
import orjson
import structlog
from nats.aio.client import Client
from nats.js import JetStreamContext

from chassis.broker.stream_identity import Seen

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


class Broker:
    """A connection that reconnects for ever, publishes acknowledged, and never publishes any other way.

    For ever, but for what nats-py takes as final: errors of the protocol, such as a message that is too large.
    """

    def __init__(self, client: Client, *, service: str) -> None:
        self.client = client
        self.service = service
        self.jetstream: JetStreamContext = client.jetstream(timeout=PUBLISH_TIMEOUT)
        self.when_lost: list[Callable[[], object]] = []
        """Called whenever the connection is lost: behind the next one there may be another store."""
        self._losses = asyncio.Event()

    @classmethod
    async def connect(
        cls,
        url: str,
        *,
        service: str,
        seed: str | None = None,
        on_reconnect: Callable[[], Awaitable[None]] | None = None,
        on_close: Callable[[], object] | None = None,
    ) -> Self:
        """Connect as the service's NATS user; waits for a server that is not there yet.

        `on_close` is called when the client has closed the connection and will make no other.
        """

        async def reconnected() -> None:
            log.info("broker reconnected")
            if on_reconnect is not None:
                await on_reconnect()

        async def disconnected() -> None:
            if not client.is_closed:
                log.warning("broker connection lost")
            broker.connection_lost()

        async def closed() -> None:
            if on_close is not None:
                on_close()

        async def failed(error: Exception) -> None:
            log.warning("broker error", error=str(error) or type(error).__name__)

        client = Client()
        broker = cls(client, service=service)
        await client.connect(
            url,
            name=service,
            nkeys_seed_str=seed,
            # Replies to one service cannot be read by another: each has its own inbox prefix, and permission for it.
            inbox_prefix=f"_INBOX_{service}",
            # Giving up would leave the pull loops spinning on a closed connection.
            max_reconnect_attempts=-1,
            reconnect_time_wait=0.5,  # type: ignore[arg-type]  # annotated int, used as seconds in asyncio.sleep
            connect_timeout=5,
            ping_interval=10,
            max_outstanding_pings=2,
            pending_size=16 * 1024 * 1024,
            reconnected_cb=reconnected,
            disconnected_cb=disconnected,
            closed_cb=closed,
            error_cb=failed,
        )
        return broker

    def connection_lost(self) -> None:
        """Let every publish that waits for its acknowledgement fail: it will not come over another connection."""
        self._losses.set()
        self._losses = asyncio.Event()
        for tell in self.when_lost:
            tell()

    async def publish_batch(self, messages: Sequence[Outgoing]) -> list[int]:
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
        await self.client._send_command(b"".join(frames))  # noqa: SLF001
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

    async def look_at(self, stream: str) -> Seen:
        """Which stream of this name there is; raises NotFoundError, or another NATS error when there is no answer."""
        info = await self._unless_lost(self.jetstream.stream_info(stream))
        assert info.created is not None
        return Seen(info.created, info.state.last_seq)

    async def reset_durable(
        self, stream: str, durable: str, *, sequence: int | None = None
    ) -> Mapping[str, Any]:
        """Have a durable deliver from a place in its stream on, or from the first event that is not acknowledged.

        Returns what the server says of it then. Raises DurableGoneError, or another NATS error without a connection.
        """
        body = b"" if sequence is None else orjson.dumps({"seq": sequence})
        try:
            answer = await self.client.request(
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
        if len(head) + len(message.payload) > self.client.max_payload:
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
        request = self.client.request(
            message.subject, message.payload, timeout=PUBLISH_TIMEOUT, headers=headers
        )
        return (await self._unless_lost(request)).data

    async def _unless_lost(self, request: Coroutine[Any, Any, T]) -> T:
        """The answer to a request. Without a connection nothing is sent: it would only gather, to be sent again."""
        if not self.client.is_connected:
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
        if not self.client.is_connected:
            raise nats.errors.ConnectionReconnectingError

    async def close(self) -> None:
        """Flush what is pending and close."""
        if self.client.is_connected:
            try:
                await self.client.flush(timeout=1)
            except nats.errors.Error as error:
                log.warning("broker flush failed at close", error=str(error))
        await self.client.close()


def _batch_headers(message: Outgoing, batch_id: str, number: int) -> dict[str, str]:
    return {MSG_ID: message.message_id, "Nats-Batch-Id": batch_id, "Nats-Batch-Sequence": str(number)}


def _checked(payload: bytes) -> Mapping[str, Any]:
    answer: dict[str, Any] = orjson.loads(payload) if payload else {}
    if error := answer.get("error"):
        raise PublishRefusedError(int(error.get("err_code", 0)), str(error.get("description", "")))
    if "seq" not in answer:
        raise PublishRefusedError(0, "the answer is no acknowledgement")
    return answer
