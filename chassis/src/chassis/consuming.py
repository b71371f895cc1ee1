"""From the stream to the handlers: one pull loop per durable, which holds what it fetched and answers for it."""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

import nats.errors
import nats.js.errors
import orjson
import structlog
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription as NatsSubscription
from nats.js.api import ConsumerInfo

from chassis.applying import Applier
from chassis.broker import Broker
from chassis.database import Database, is_database_away
from chassis.receiving import Subscription

log = structlog.get_logger()

BATCH = 200
"""Events fetched and applied in one transaction at most."""
_BATCH_BYTES = 8 * 1024 * 1024
_EXPIRES = 20.0
_HEARTBEAT = 5.0
_LINGER = 0.01
_PACE = 0.1
"""Seconds between two batches of a durable at least: a lone event is applied at once, a stream of them in fewer,
fuller transactions, at a fraction of the cost."""
_IDLE, _NO_RESPONDERS = "100", "503"
MAX_DELIVER = 12
"""Deliveries after which the server gives an event up. Above the applier's own number of attempts, which buries what
comes again after that before it is handled: only what cannot even be buried is left to the server."""
ACK_WAIT = 4.0
"""Seconds after which the server gives what a killed process held to another; a living one asks for more in time."""


class ConsumerDriftError(Exception):
    """The durable on the server is not what the code needs; the provisioner has to run."""


class StreamDelivery:
    """A JetStream message as the applier sees it."""

    def __init__(self, message: Msg) -> None:
        self._message = message
        metadata = message.metadata
        self.payload: bytes = message.data
        self.subject: str = message.subject
        self.stream: str = metadata.stream
        self.stream_sequence: int = metadata.sequence.stream
        self.attempt: int = metadata.num_delivered
        self.still_pending: int = metadata.num_pending
        self.stored_at = metadata.timestamp
        self.answered = False

    async def ack(self) -> None:
        self.answered = True
        await self._message.ack()

    async def nak(self, delay: float) -> None:
        self.answered = True
        await self._message.nak(delay=delay or None)

    async def term(self) -> None:
        self.answered = True
        await self._message.term()

    async def in_progress(self) -> None:
        if not self.answered:
            await self._message.in_progress()


class Consumer:
    """Delivers one durable's events to its handler, in batches, until stopped."""

    def __init__(
        self,
        subscription: Subscription,
        database: Database,
        broker: Broker,
        *,
        stream: str,
        ack_wait: float = ACK_WAIT,
    ) -> None:
        self.subscription = subscription
        self.trouble: str | None = "not bound yet"
        self._database = database
        self._broker = broker
        self._stream = stream
        self._applier = Applier(subscription, database, self._wait_for_database)
        self._stopping = asyncio.Event()
        self._inbox: NatsSubscription | None = None
        self._asked = 0
        self._ack_wait = ack_wait
        self._fetched: deque[StreamDelivery] = deque()
        self._in_hand: Sequence[StreamDelivery] = ()
        self._arrived = asyncio.Event()
        self._gone: str | None = None
        self._last_batch = 0.0

    @property
    def durable(self) -> str:
        return self.subscription.durable

    @property
    def oldest_held(self) -> datetime | None:
        """When the stream stored the oldest event that is here and not yet answered."""
        held = (one.stored_at for one in (*self._in_hand, *self._fetched) if not one.answered)
        return min(held, default=None)

    async def run(self) -> None:
        """Bind, fetch and apply until stopped; then hand back at once what was fetched and not applied."""
        try:
            while not self._stopping.is_set():
                try:
                    await self._bind()
                    while not self._stopping.is_set():
                        if batch := await self._next_batch():
                            await self._apply(batch)
                except (nats.errors.Error, ConsumerDriftError, TimeoutError, OSError) as error:
                    self.trouble = str(error) or type(error).__name__
                    log.warning("durable not served, trying again", durable=self.durable, reason=self.trouble)
                    await self._pause(1.0)
        finally:
            await self._hand_back()

    def stop(self) -> None:
        """Fetch no more; the batch in hand is finished."""
        self._stopping.set()
        self._arrived.set()

    def reconnected(self) -> None:
        """Ask anew: the server forgot our request with the connection."""
        self._asked = 0
        self._arrived.set()

    async def _bind(self) -> None:
        await self.look()
        if self._inbox is None:
            self._inbox = await self._broker.client.subscribe(
                self._broker.client.new_inbox(), cb=self._arrive
            )
        self._asked = 0
        self._gone = None
        self.trouble = None

    async def look(self) -> ConsumerInfo:
        """Read the durable as the server has it; raises ConsumerDriftError where it differs from what is needed."""
        try:
            info = await self._broker.jetstream.consumer_info(self._stream, self.durable)
        except nats.js.errors.NotFoundError as error:
            raise ConsumerDriftError(
                f"the durable {self.durable} does not exist on {self._stream}"
            ) from error
        config = info.config
        filters = set(config.filter_subjects or ([config.filter_subject] if config.filter_subject else []))
        needed = set(self.subscription.filter_subjects(self._database.site))
        if filters != needed:
            raise ConsumerDriftError(
                f"{self.durable} filters {sorted(filters)}, the code needs {sorted(needed)}"
            )
        limits, wanted = (config.max_deliver, config.ack_wait), (MAX_DELIVER, self._ack_wait)
        if limits != wanted:
            raise ConsumerDriftError(
                f"{self.durable} has (max_deliver, ack_wait) {limits}, the code needs {wanted}"
            )
        return info

    async def _next_batch(self) -> list[StreamDelivery]:
        """What the server has for us now, up to a batch; waits for the first, and not for more than there is."""
        while not self._fetched and not self._stopping.is_set():
            if self._asked <= 0:
                await self._ask()
            if not await self._arrival(2 * _HEARTBEAT):
                # Two heartbeats missed: the server no longer knows of our request.
                self._asked = 0
            if self._gone is not None:
                raise ConsumerDriftError(f"the durable {self.durable} is gone: {self._gone}")
        while (
            len(self._fetched) < BATCH
            and self._asked > 0
            and self._fetched
            and self._fetched[-1].still_pending
        ):
            if not await self._arrival(_LINGER):
                break
        await self._pause(self._last_batch + _PACE - asyncio.get_running_loop().time())
        if self._stopping.is_set():
            return []
        self._last_batch = asyncio.get_running_loop().time()
        return [self._fetched.popleft() for _ in range(min(BATCH, len(self._fetched)))]

    async def _ask(self) -> None:
        assert self._inbox is not None
        request = {
            "batch": BATCH,
            "max_bytes": _BATCH_BYTES,
            "expires": int(_EXPIRES * 1e9),
            "idle_heartbeat": int(_HEARTBEAT * 1e9),
        }
        await self._broker.client.publish(
            f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self.durable}",
            orjson.dumps(request),
            reply=self._inbox.subject,
        )
        self._asked = BATCH

    async def _arrival(self, seconds: float) -> bool:
        """Wait until something arrives in our inbox or we are to stop; False when nothing did in time."""
        try:
            async with asyncio.timeout(seconds):
                await self._arrived.wait()
        except TimeoutError:
            return False
        # Cleared after the wait, not before: what came while nobody waited must not be slept over.
        self._arrived.clear()
        return True

    async def _arrive(self, message: Msg) -> None:
        status = (message.headers or {}).get("Status") if not message.data else None
        if status is None:
            self._asked -= 1
            self._fetched.append(StreamDelivery(message))
        elif status != _IDLE:
            # The request is over: expired (408), nothing left (404), or the durable went away (409, 503).
            self._asked = 0
            description = (message.headers or {}).get("Description", "")
            if status == _NO_RESPONDERS or "Deleted" in description:
                self._gone = f"{status} {description}".strip()
        self._arrived.set()

    async def _apply(self, batch: Sequence[StreamDelivery]) -> None:
        self._in_hand = batch
        alive = asyncio.create_task(self._keep_alive())
        try:
            await self._applier.apply(batch)
        finally:
            alive.cancel()
            with suppress(asyncio.CancelledError):
                await alive

    async def _keep_alive(self) -> None:
        """Ask for more time for everything that is held, for as long as a batch takes."""
        while True:
            await asyncio.sleep(self._ack_wait / 3)
            for delivery in (*self._in_hand, *self._fetched):
                with suppress(nats.errors.Error):
                    await delivery.in_progress()

    async def _wait_for_database(self) -> None:
        pause = 0.2
        while True:
            await self._pause(pause)
            if self._stopping.is_set():
                raise asyncio.CancelledError
            try:
                await self._database.ping()
                return
            except Exception as error:
                if not is_database_away(error):
                    raise
            pause = min(pause * 2, 2.0)

    async def _hand_back(self) -> None:
        """Release what was fetched and not applied, so that no one waits for its acknowledgement to time out."""
        with suppress(nats.errors.Error):
            if self._inbox is not None:
                # Drained, not dropped: what the server sent meanwhile still reaches `_arrive`.
                await self._inbox.drain()
            for delivery in (*self._in_hand, *self._fetched):
                if not delivery.answered:
                    await delivery.nak(0)

    async def _pause(self, seconds: float) -> None:
        if seconds <= 0:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
