"""A durable as its one owner reads it: in the order of the stream, without a gap, and acknowledged a batch at a time.

The server delivers again, out of order, what it believes lost. So the owner counts along: whatever does not follow on
what came before makes it start anew, from the last acknowledged event, and drop what it had fetched beyond. Where
nothing follows, the server's heartbeats tell how many it has sent. `sequence_check` decides that.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial

import nats.errors
import orjson
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription as NatsSubscription

from chassis.broker.connection import Broker
from chassis.broker.durable_limits import BATCH, BATCH_BYTES
from chassis.consumer.sequence_check import Arrival, SequenceCheck
from chassis.messages import StreamMessage

_EXPIRES = 20.0
HEARTBEAT = 5.0
_IDLE, _NO_RESPONDERS = "100", "503"
_LAST_SENT = "Nats-Last-Consumer"
"""In a heartbeat: the number of the last message the durable has sent to anybody."""
_V1_TOKENS = 9


class Delivery(StreamMessage):
    """A message as a durable has delivered it: with where it is answered, and its number among the delivered."""

    __slots__ = ("consumer_sequence", "reply", "still_pending", "stored_ns")

    def __init__(self, message: Msg) -> None:
        # $JS.ACK.<stream>.<durable>.<delivered>.<stream seq>.<consumer seq>.<time>.<pending>; with domain and account
        # before the stream in the newer form.
        tokens = message.reply.split(".")
        at = 2 if len(tokens) == _V1_TOKENS else 4
        super().__init__(tokens[at], int(tokens[at + 3]), message.subject, message.data)
        self.reply: str = message.reply
        self.consumer_sequence = int(tokens[at + 4])
        self.stored_ns = int(tokens[at + 5])
        self.still_pending = int(tokens[at + 6])

    @property
    def stored_at(self) -> datetime:
        """When the stream stored it."""
        return datetime.fromtimestamp(self.stored_ns / 1e9, UTC)


class Pull:
    """Fetches ahead of its user; `on_arrival` is called whenever there is something to look at."""

    def __init__(self, broker: Broker, stream: str, durable: str, on_arrival: Callable[[], None]) -> None:
        self._broker = broker
        self._stream = stream
        self._durable = durable
        self._on_arrival = on_arrival
        self._inbox: NatsSubscription | None = None
        self._beginning = 0
        self._asked = 0
        self._asked_at = 0.0
        self._fetched: deque[Delivery] = deque()
        self._sequence_check = SequenceCheck(0)
        self._said = ""
        """Where the last acknowledgement of this beginning was sent."""
        self.gone: str | None = None

    async def begin(self) -> None:
        """Start at the event after the last acknowledged one, and forget what had been fetched; nothing is asked for.

        Whoever is not certain to be the owner still must not `ask` afterwards: the server numbers from one again, so
        what an old owner is sent would be missing at the new one, where the numbers might fit all the same. Raises
        DurableGoneError, or another NATS error without a connection.
        """
        await self._leave()
        told = await self._broker.reset_durable(self._stream, self._durable)
        self._sequence_check = SequenceCheck(int(told["ack_floor"]["stream_seq"]))
        self.gone = None
        # An inbox of its own for each beginning: what was on its way before it goes astray, as it should.
        self._inbox = await self._broker.connection.subscribe(
            self._broker.connection.new_inbox(),
            cb=partial(self._arrive, self._beginning),
            pending_bytes_limit=8 * BATCH_BYTES,
        )

    async def ask(self) -> None:
        """Have the server send on, up to a batch ahead of what is in hand."""
        now = asyncio.get_running_loop().time()
        silent = now - self._asked_at > 2 * HEARTBEAT
        if self._inbox is None or (self._asked > 0 and not silent) or len(self._fetched) >= BATCH:
            return
        request = {
            "batch": BATCH,
            "max_bytes": BATCH_BYTES,
            "expires": int(_EXPIRES * 1e9),
            "idle_heartbeat": int(HEARTBEAT * 1e9),
        }
        self._asked, self._asked_at = BATCH, now
        await self._broker.connection.publish(
            f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._durable}",
            orjson.dumps(request),
            reply=self._inbox.subject,
        )

    def __len__(self) -> int:
        return len(self._fetched)

    @property
    def broken(self) -> bool:
        """Whether what arrived does not follow on what came before: `begin` again."""
        return self._sequence_check.broken

    @property
    def more_comes(self) -> bool:
        """Whether the server has more, and was asked for it."""
        return bool(self._fetched and self._fetched[-1].still_pending and self._asked > 0)

    def first(self) -> list[Delivery]:
        """The first that was fetched, if any was."""
        return [self._fetched[0]] if self._fetched else []

    def take(self) -> list[Delivery]:
        """What has been fetched, up to a batch."""
        return [self._fetched.popleft() for _ in range(min(BATCH, len(self._fetched)))]

    async def acknowledge(self, batch: Sequence[Delivery]) -> None:
        """Tell the server that all up to the last of the batch is done with."""
        self._sequence_check.acknowledged(batch[-1].stream_sequence)
        self._said = batch[-1].reply
        await self._broker.connection.publish(batch[-1].reply, b"")

    async def more_time(self, batch: Sequence[Delivery]) -> None:
        """Tell the server that what is held is being worked on."""
        for delivery in (*batch, *self._fetched):
            await self._broker.connection.publish(delivery.reply, b"+WPI")

    async def end(self, *, hand_back: bool) -> None:
        """Fetch no more; `hand_back`: leave nothing with the server that waits for our acknowledgement."""
        left, said = self._inbox is not None, self._said
        await self._leave()
        if left and hand_back and self._broker.connection.is_connected:
            with suppress(nats.errors.Error, TimeoutError):
                async with asyncio.timeout(1):
                    if said:
                        # Once more, and waited for: the server hears acknowledgements beside requests, and a durable
                        # set back before it has would be delivered again what is done with.
                        await self._broker.connection.request(said, b"", timeout=1)
                    await self._broker.reset_durable(self._stream, self._durable)

    async def _leave(self) -> None:
        self._beginning += 1
        self._fetched.clear()
        self._asked = 0
        self._said = ""
        inbox, self._inbox = self._inbox, None
        if inbox is not None:
            with suppress(nats.errors.Error):
                await inbox.unsubscribe()

    async def _arrive(self, beginning: int, message: Msg) -> None:
        if beginning != self._beginning:
            return
        headers = message.headers or {}
        status = headers.get("Status") if not message.data else None
        self._asked_at = asyncio.get_running_loop().time()
        if status is None:
            self._asked -= 1
            await self._accept(Delivery(message))
        elif status == _IDLE:
            if _LAST_SENT in headers:
                self._sequence_check.heard(int(headers[_LAST_SENT]))
        else:
            # The request is over: expired (408), nothing left (404), or the durable went away (409, 503).
            self._asked = 0
            description = headers.get("Description", "")
            if status == _NO_RESPONDERS or "Deleted" in description:
                self.gone = f"{status} {description}".strip()
        if self._sequence_check.broken:
            self._fetched.clear()
        self._on_arrival()

    async def _accept(self, delivery: Delivery) -> None:
        arrival = self._sequence_check.arrived(
            consumer_sequence=delivery.consumer_sequence, stream_sequence=delivery.stream_sequence
        )
        if arrival is Arrival.TAKEN:
            self._fetched.append(delivery)
        elif arrival is Arrival.DONE_BEFORE:
            await self._broker.connection.publish(delivery.reply, b"")
