"""A service examined from the inside: what it stands on, what waits in it, and how far behind its consumers are."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Protocol, TypeVar

import nats.errors
import nats.js.errors
import sqlalchemy as sa
from nats.js.api import ConsumerInfo
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.broker.connection import Broker
from chassis.broker.side_durables import sides_of
from chassis.broker.stream_identity import ObservedStream, RecordedStream, what_is_lost
from chassis.consumer.consumer import Consumer, ConsumerDriftError
from chassis.database import migrations
from chassis.database.engine import Database, is_database_away
from chassis.database.tables import may_be_unpublished, outbox, published
from chassis.outbox import republish
from chassis.outbox.relay import Relay
from chassis.partitions import Partition
from chassis.settings import ServiceSettings

T = TypeVar("T")

PATIENCE = 2.0
"""Seconds that database and broker are given to answer: a probe or a scrape must not hang with them."""

EXACTLY = 100_000
"""Unpublished rows that are counted one by one: while the broker is away, counting must not cost more and more.
Beyond it their positions tell how many there are, with those that rolled-back announcements took."""

_UNPUBLISHED = (
    sa.select(outbox.c.position, outbox.c.announced_at)
    .where(may_be_unpublished, ~published)
    .order_by(outbox.c.position)
    .limit(EXACTLY)
    .subquery()
)
_BACKLOG = sa.select(
    sa.func.count().label("counted"),
    sa.func.min(_UNPUBLISHED.c.announced_at).label("oldest"),
    (
        sa.select(sa.func.max(outbox.c.position)).scalar_subquery() - sa.func.min(_UNPUBLISHED.c.position) + 1
    ).label("span"),
).select_from(_UNPUBLISHED)
_WAITING = sa.text(
    "SELECT durable, count(*) AS number, min(waits_since) AS oldest FROM waiting_events GROUP BY durable"
)
_DEAD_LETTERS = sa.text(
    "SELECT durable, count(*) AS number FROM dead_letters WHERE state = 'waiting' GROUP BY durable"
)


@dataclass(frozen=True, slots=True)
class Check:
    """One condition of readiness, and what is wrong where it does not hold."""

    ok: bool
    detail: str = "ok"


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits in the service's database; ages in seconds."""

    unpublished: int
    oldest_unpublished_age: float
    dead_letters: Mapping[str, int]
    waiting: Mapping[str, tuple[int, float]]
    """Events of each durable that wait for their next attempt, or behind one that does: how many, and how old."""


@dataclass(frozen=True, slots=True)
class Lag:
    """How far behind one durable is, as the broker counts it; `age` is at least that of the oldest not applied."""

    pending: int
    ack_pending: int
    redelivered: int
    age: float


@dataclass(frozen=True, slots=True)
class ConsumerLook:
    """What one look at a part of a durable told: its lag where the broker answered, its trouble where it has any."""

    part: Partition
    active: bool
    """Whether this process serves the part; of several, one does."""
    lag: Lag | None
    trouble: str | None


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found; `backlog` is None where the database was not asked for it or did not answer."""

    checks: Mapping[str, Check]
    consumers: Sequence[ConsumerLook]
    backlog: Backlog | None

    @property
    def ready(self) -> bool:
        return all(check.ok for check in self.checks.values())


_GOODBYE = 0.5
"""Seconds in which questions that nobody waits for any more are taken back."""


class Examined(Protocol):
    """What is looked at of a service."""

    name: str
    settings: ServiceSettings
    prepared: bool
    """Whether its start has come to its end."""
    database: Database
    migration_head: str | None
    broker: Broker
    relay: Relay
    consumers: list[Consumer]


@dataclass(slots=True)
class Examiner:
    """Examines one service; holds what has to be known from one look to the next."""

    service: Examined
    _asked: dict[str, asyncio.Task[Any]] = field(default_factory=dict[str, asyncio.Task[Any]])
    _unmoved: dict[str, tuple[int, datetime]] = field(default_factory=dict[str, tuple[int, datetime]])
    """Acknowledgement floor of each durable that is behind, and since when it has been seen there."""

    async def examine(self, *, backlog: bool = True) -> Examination:
        """Ask database and broker side by side, each durable once; answers in little more than PATIENCE seconds."""
        (stored, known, found), (broker, seen, consumers), missing = await asyncio.gather(
            self._database(backlog=backlog), self._broker(), self._missing_sides()
        )
        prepared = self.service.prepared
        wrong = [*(f"{one.part.name}: {one.trouble}" for one in consumers if one.trouble), *missing]
        checks = {
            "prepared": Check(prepared, "ok" if prepared else "still starting"),
            "broker": broker,
            **({"stream": await self._stream(seen, known)} if broker.ok else {}),
            **stored,
            "consumers": Check(not wrong, "; ".join(wrong) or "ok"),
        }
        return Examination(checks, consumers, found)

    async def close(self) -> None:
        """Leave every look that still waits for an answer."""
        for task in self._asked.values():
            task.cancel()
        if self._asked:
            await asyncio.wait(self._asked.values(), timeout=_GOODBYE)

    async def _patiently(self, name: str, ask: Callable[[], Awaitable[T]]) -> T:
        """Wait for an answer, not for ever. A question that hangs is asked once, however often it is waited for."""
        task = self._asked.get(name)
        if task is None or task.done():
            task = self._asked[name] = asyncio.ensure_future(ask())
            # Nobody may be waiting any more when it fails.
            task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        done, _ = await asyncio.wait({task}, timeout=PATIENCE)
        if not done:
            raise TimeoutError(f"no answer within {PATIENCE:g} s")
        return task.result()

    async def _stream(self, seen: ObservedStream | None, known: RecordedStream) -> Check:
        """Whether the stream is there, the same one, with everything that it has acknowledged to us."""
        name = self.service.settings.announces_stream
        if seen is not None and what_is_lost(known, seen):
            # The two were asked side by side: more may have been published after the stream had answered.
            with suppress(nats.errors.Error, TimeoutError, OSError):
                seen = await self._patiently("stream", self._seen)
        if seen is None:
            return Check(ok=False, detail=f"the stream {name} is not there; {republish.LOST}")
        if lost := what_is_lost(known, seen):
            # It was made anew under an open connection, perhaps: the relay would go on.
            self.service.relay.doubt()
            return Check(ok=False, detail=f"the stream {name} {lost}; {republish.LOST}")
        return Check(ok=True)

    async def _database(self, *, backlog: bool) -> tuple[Mapping[str, Check], RecordedStream, Backlog | None]:
        async def ask() -> tuple[str | None, RecordedStream, Backlog | None]:
            async with self.service.database.reading() as session:
                behind = await migrations.behind(await session.connection(), self.service.migration_head)
                if behind is not None:
                    return behind, RecordedStream(), None
                known = await republish.known(session, self.service.settings.announces_stream)
                return None, known, await self._backlog(session) if backlog else None

        try:
            behind, known, found = await self._patiently(f"database {backlog}", ask)
        except Exception as error:
            if not is_database_away(error):
                raise
            return {"database": Check(ok=False, detail=type(error).__name__)}, RecordedStream(), None
        checks = {"database": Check(ok=True), "migrations": Check(behind is None, behind or "ok")}
        return checks, known, found

    async def _backlog(self, session: AsyncSession) -> Backlog:
        unpublished = (await session.execute(_BACKLOG)).one()
        letters = {row.durable: row.number for row in await session.execute(_DEAD_LETTERS)}
        waiting = {
            row.durable: (row.number, self._age(row.oldest)) for row in await session.execute(_WAITING)
        }
        if not unpublished.counted:
            return Backlog(0, 0.0, letters, waiting)
        number = unpublished.counted if unpublished.counted < EXACTLY else max(unpublished.span, EXACTLY)
        return Backlog(number, self._age(unpublished.oldest), letters, waiting)

    async def _broker(self) -> tuple[Check, ObservedStream | None, Sequence[ConsumerLook]]:
        service = self.service
        try:
            if not service.broker.connection.is_connected:
                raise ConnectionError("not connected")
            seen = await self._patiently("broker", self._seen)
        except (nats.errors.Error, TimeoutError, OSError) as error:
            away = Check(ok=False, detail=str(error) or type(error).__name__)
            unseen = [_look(one, None, trouble=one.trouble or away.detail) for one in service.consumers]
            return away, None, unseen
        looks = await asyncio.gather(*(self._consumer(one) for one in service.consumers))
        return Check(ok=True), seen, looks

    async def _missing_sides(self) -> list[str]:
        """What the service has on the broker beside its handlers' durables, where it is gone."""
        service = self.service
        if not service.consumers or not service.broker.connection.is_connected:
            return []
        sides = sides_of(service.name, service.settings.hears_streams)
        looks = (self._missing_side(stream, name) for name, stream in sides.items())
        return [missing for missing in await asyncio.gather(*looks) if missing]

    async def _missing_side(self, stream: str, name: str) -> str | None:
        try:
            await self._patiently(name, partial(self.service.broker.jetstream.consumer_info, stream, name))
        except nats.js.errors.NotFoundError:
            return f"{name} is gone"
        except (nats.errors.Error, TimeoutError, OSError) as error:
            return f"{name}: {str(error) or type(error).__name__}"
        return None

    async def _seen(self) -> ObservedStream | None:
        """The stream as it is; None where there is no such stream."""
        try:
            return await self.service.broker.look_at(self.service.settings.announces_stream)
        except nats.js.errors.NotFoundError:
            return None

    async def _consumer(self, consumer: Consumer) -> ConsumerLook:
        try:
            info = await self._patiently(consumer.partition.name, consumer.look)
        except (ConsumerDriftError, nats.errors.Error, TimeoutError, OSError) as error:
            return _look(consumer, None, trouble=consumer.trouble or str(error) or type(error).__name__)
        return _look(consumer, self._lag(consumer, info), trouble=consumer.trouble)

    def _lag(self, consumer: Consumer, info: ConsumerInfo) -> Lag:
        pending, unanswered = info.num_pending or 0, info.num_ack_pending or 0
        floor = info.ack_floor.stream_seq if info.ack_floor else 0
        age = 0.0
        if pending + unanswered == 0:
            self._unmoved.pop(consumer.partition.name, None)
        else:
            seen_at, since = self._unmoved.get(consumer.partition.name, (None, None))
            if since is None or seen_at != floor:
                since = self.service.database.clock()
                self._unmoved[consumer.partition.name] = floor, since
            # What is held says how old it is; of what is not, this much is known: the first of it was there then.
            age = max(self._age(moment) for moment in (since, consumer.oldest_held) if moment)
        return Lag(pending, unanswered, info.num_redelivered or 0, age)

    def _age(self, moment: datetime) -> float:
        return max((self.service.database.clock() - moment).total_seconds(), 0.0)


def _look(consumer: Consumer, lag: Lag | None, *, trouble: str | None) -> ConsumerLook:
    return ConsumerLook(consumer.partition, consumer.active, lag, trouble)
