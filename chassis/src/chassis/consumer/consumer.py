"""From the stream to the handlers: one loop per part of a durable, in the one process that owns it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TypeVar

import nats.errors
import nats.js.errors
import structlog
from nats.js.api import AckPolicy, ConsumerInfo

from chassis.broker.connection import Broker
from chassis.broker.durable_limits import ACK_WAIT, BATCH, MAX_DELIVER
from chassis.consumer.pull import HEARTBEAT, Delivery, Pull
from chassis.database.engine import Database, is_database_away
from chassis.inbox.applier import Applier
from chassis.lease.fence import Fence, LeaseLostError, clear_crashes, confirm, take_over
from chassis.lease.holder import Lease, LeaseHolder
from chassis.partitions import Partition
from chassis.subscriptions.router import Subscription

log = structlog.get_logger()
T = TypeVar("T")

_LINGER = 0.01
_PACE, _LOADED_PACE = 0.1, 0.25
"""Seconds between two small batches of a part at least: a lone event is applied at once, a trickle of them in fewer
transactions, at a fraction of the cost. Where as much as a quarter of a batch is there, nothing is waited for."""
_LOADED = 20
"""Events in a batch from which on the next one waits for longer: from 200/s on, until they are fewer than 80/s. Each
batch costs some 10 ms of processor, in the service, the database and the broker together, however few share it."""
_MUCH = BATCH // 4


class ConsumerDriftError(Exception):
    """The durable on the server is not what the code needs; the provisioner has to run."""


def pace_after(events: int) -> float:
    """Seconds from a batch of so many events to the next small one: under load, more come to share it."""
    return _LOADED_PACE if events >= _LOADED else _PACE


class Consumer:
    """Delivers one part of a durable to its handler while this process owns it, until stopped."""

    def __init__(
        self,
        subscription: Subscription,
        database: Database,
        broker: Broker,
        lease_holder: LeaseHolder,
        *,
        stream: str,
        partition: Partition | None = None,
        ack_wait: float = ACK_WAIT,
    ) -> None:
        self.subscription = subscription
        self.partition = partition or Partition(subscription.durable)
        self.trouble: str | None = "not bound yet"
        """What is wrong, in words; nothing where another process owns this part."""
        self._database = database
        self._broker = broker
        self._stream = stream
        self._applier = Applier(subscription, database, self._wait_for_database, slots=self.partition.slots)
        self._lease_holder = lease_holder
        self._woken = asyncio.Event()
        self._stopping = asyncio.Event()
        self._lease: Lease = lease_holder.request(self.partition, self._woken.set)
        self._generation = 0
        self._fence: Fence | None = None
        self._last_token = 0
        self._pull = Pull(broker, stream, self.partition.name, self._woken.set)
        self._reconnected = False
        self._ack_wait = ack_wait
        self._next_small = 0.0
        self._in_hand: Sequence[Delivery] = ()

    @property
    def durable(self) -> str:
        """The durable's name in the code, however it is split on the server."""
        return self.subscription.durable

    @property
    def active(self) -> bool:
        """Whether this process serves the part now."""
        return self._fence is not None

    @property
    def oldest_held(self) -> datetime | None:
        """When the stream stored the oldest event that is here and not yet answered."""
        held = (one.stored_at for one in (*self._in_hand[:1], *self._pull.first()))
        return min(held, default=None)

    @property
    def waiting(self) -> int:
        """How many keys have events that wait, as far as this process owns them."""
        return len(self._applier.schedule) if self.active else 0

    async def run(self) -> None:
        """Serve the part whenever it is this process's, until stopped; leave nothing that anybody has to wait for."""
        pause = 0.2
        while not self._stopping.is_set():
            try:
                await self._until_granted()
                if not self._stopping.is_set():
                    await self._serve()
                pause = 0.2
            except (nats.errors.Error, ConsumerDriftError, TimeoutError, OSError) as error:
                self.trouble = str(error) or type(error).__name__
                log.warning(
                    "durable not served, trying again", durable=self.partition.name, reason=self.trouble
                )
                await self._pause(pause)
                pause = min(pause * 2, 2.0)

    def stop(self) -> None:
        """Fetch no more; the batch in hand is finished."""
        self._stopping.set()
        self._woken.set()

    def reconnected(self) -> None:
        """Start anew at the last acknowledged event: what was on its way may be lost."""
        self._reconnected = True
        self._woken.set()

    async def look(self) -> ConsumerInfo:
        """Read the durable as the server has it; raises ConsumerDriftError where it differs from what is needed."""
        name = self.partition.name
        try:
            info = await self._broker.jetstream.consumer_info(self._stream, name)
        except nats.js.errors.NotFoundError as error:
            raise ConsumerDriftError(f"the durable {name} does not exist on {self._stream}") from error
        config = info.config
        filters = set(config.filter_subjects or ([config.filter_subject] if config.filter_subject else []))
        types = [event.type for event in self.subscription.types]
        needed = set(self.partition.filter_subjects(types, self._database.site))
        if filters != needed:
            raise ConsumerDriftError(f"{name} filters {sorted(filters)}, the code needs {sorted(needed)}")
        limits = (config.max_deliver, config.ack_wait, config.ack_policy)
        wanted = (MAX_DELIVER, self._ack_wait, AckPolicy.ALL)
        if limits != wanted:
            raise ConsumerDriftError(
                f"{name} has (max_deliver, ack_wait, ack_policy) {limits}, the code needs {wanted}"
            )
        return info

    async def _until_granted(self) -> None:
        while not self._lease.granted.is_set() and not self._stopping.is_set():
            # Another process may well serve it; but whether it could be served from here is known before it must be.
            await self.look()
            self.trouble = None
            await self._wake(HEARTBEAT)

    @property
    def _is_ours(self) -> bool:
        lease = self._lease
        return (
            lease.granted.is_set()
            and lease.generation == self._generation
            and not lease.asked_for
            and not self._stopping.is_set()
        )

    async def _serve(self) -> None:
        """Take the part over, and serve it until it is to be given back, or is lost."""
        self._generation = self._lease.generation
        in_good_order = False
        try:
            await self.look()
            fence = self._fence = await self._with_database(
                lambda: take_over(self._database, self.partition, mine=self._last_token)
            )
            self._last_token = fence.token
            await self._applier.begin(fence)
            await self._begin(fence)
            self.trouble = None
            await self._serve_on(fence)
            in_good_order = True
        except LeaseLostError as lost:
            in_good_order = True
            log.info("part taken over by another process", durable=self.partition.name, reason=str(lost))
        except (nats.errors.Error, ConsumerDriftError):
            in_good_order = True
            raise
        except asyncio.CancelledError:
            in_good_order = self._stopping.is_set()
            raise
        except Exception as error:
            if not is_database_away(error):
                raise
            in_good_order = True
            log.warning("owner lost its database", durable=self.partition.name, error=type(error).__name__)
        finally:
            fence, self._fence = self._fence, None
            if fence is not None:
                await self._leave(fence, in_good_order=in_good_order)
            if self._lease.generation == self._generation:
                self._lease_holder.give_back(self._lease)

    async def _leave(self, fence: Fence, *, in_good_order: bool) -> None:
        """Leave nothing behind that anybody waits for; and let nobody take this for a crash, unless it is one."""
        still_ours = self._lease.granted.is_set() and self._lease.generation == self._generation
        await self._pull.end(hand_back=still_ours)
        if not in_good_order:
            # What ends this process may have to do with an event: the owners after it must be able to know.
            return
        try:
            await clear_crashes(self._database, fence, released=True)
        except Exception as error:
            if not is_database_away(error):
                raise

    async def _begin(self, fence: Fence) -> None:
        """Start at the last acknowledged event; ask for what follows once it is certain that nobody has taken over."""
        self._reconnected = False
        await self._pull.begin()
        await self._with_database(lambda: confirm(self._database, fence))
        await self._pull.ask()

    async def _serve_on(self, fence: Fence) -> None:
        while self._is_ours:
            if self._reconnected or self._pull.broken:
                await self._begin(fence)
            tried = await self._applier.retry()
            if batch := await self._next_batch(wait=not tried):
                await self._apply(batch)

    async def _next_batch(self, *, wait: bool) -> list[Delivery]:
        """What the server has for us now, up to a batch; nothing where there is something else to do first."""
        if wait and not self._pull:
            await self._pull.ask()
            await self._wake(self._seconds_to_wait())
        if self._pull.gone is not None:
            raise ConsumerDriftError(f"the durable {self.partition.name} is gone: {self._pull.gone}")
        while self._is_ours and self._pull.more_comes and len(self._pull) < BATCH:
            if not await self._wake(_LINGER):
                break
        if len(self._pull) < _MUCH:
            await self._pause(self._next_small - asyncio.get_running_loop().time())
        if not self._is_ours or self._reconnected or self._pull.broken:
            return []
        batch = self._pull.take()
        # While these are applied, the next are on their way.
        await self._pull.ask()
        return batch

    def _seconds_to_wait(self) -> float:
        due = self._applier.schedule.next_due()
        if due is None:
            return HEARTBEAT
        return min(max(due - asyncio.get_running_loop().time(), 0.001), HEARTBEAT)

    async def _apply(self, batch: Sequence[Delivery]) -> None:
        self._next_small = asyncio.get_running_loop().time() + pace_after(len(batch))
        self._in_hand = batch
        alive = asyncio.create_task(self._keep_alive(batch))
        try:
            await self._applier.apply(batch)
        finally:
            alive.cancel()
            with suppress(asyncio.CancelledError):
                await alive
            self._in_hand = ()
        await self._pull.acknowledge(batch)

    async def _keep_alive(self, batch: Sequence[Delivery]) -> None:
        """Ask for more time for everything that is held, for as long as a batch takes."""
        while True:
            await asyncio.sleep(self._ack_wait / 3)
            with suppress(nats.errors.Error):
                await self._pull.more_time(batch)

    async def _with_database(self, work: Callable[[], Awaitable[T]]) -> T:
        while True:
            try:
                return await work()
            except Exception as error:
                if not is_database_away(error):
                    raise
            await self._wait_for_database()

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

    async def _wake(self, seconds: float) -> bool:
        """Wait until something happens; False when nothing did in time."""
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            return False
        # Cleared after the wait, not before: what came while nobody waited must not be slept over.
        self._woken.clear()
        return True

    async def _pause(self, seconds: float) -> None:
        if seconds <= 0:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
