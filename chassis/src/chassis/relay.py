"""From the outbox to the stream: the one place that publishes, in order, and only what was committed."""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from hashlib import sha256
from typing import Any
from uuid import UUID

import asyncpg
import nats.errors
import orjson
import sqlalchemy as sa
import structlog
from opentelemetry.trace import SpanKind, Status, StatusCode

from chassis import telemetry
from chassis.broker import BATCH_LIMIT, Broker, Outgoing, PublishRefusedError
from chassis.database import PLANNING, Database
from chassis.tables import OUTBOX_PUBLISHED, OUTBOX_WRITTEN, outbox

log = structlog.get_logger()

_BATCH_BYTES = 8 * 1024 * 1024
_REMEMBERED = 20_000
_FALLBACK_POLL = 2.0
_LOOK_UP_AFTER = 0.5
_PACE = 0.005
"""Seconds between two batches: what is committed meanwhile shares the next one, and its fsync."""
# The internal error is what asyncpg says when the server dies in the middle of a statement.
_DATABASE_AWAY = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
_BROKER_AWAY = (nats.errors.Error, PublishRefusedError, TimeoutError, OSError)

_UNPUBLISHED = """
WITH next AS (
    SELECT position, event_id, type, nats_subject, envelope::text AS envelope
    FROM outbox WHERE published_at IS NULL ORDER BY position LIMIT $1),
sized AS (
    SELECT *, sum(octet_length(envelope)) OVER (ORDER BY position) - octet_length(envelope) AS bytes_before FROM next)
SELECT position, event_id, type, nats_subject, envelope, (SELECT count(*) FROM next) AS found
FROM sized WHERE bytes_before < $2 ORDER BY position
"""
_MARK = """
WITH marked AS (
    UPDATE outbox SET published_at = now(), stream_sequence = sent.stream_sequence
    FROM unnest($1::bigint[], $2::bigint[]) AS sent(position, stream_sequence)
    WHERE outbox.position = sent.position RETURNING 1)
SELECT pg_notify($3, '') FROM (SELECT count(*) FROM marked) AS done
"""


class _Found(Enum):
    """What a look into the outbox found: nothing, all there was, or a batch with more behind it."""

    NOTHING = auto()
    ALL = auto()
    MORE = auto()


@dataclass(frozen=True, slots=True)
class _Row:
    position: int
    event_id: UUID
    type: str
    nats_subject: str
    envelope: str


@dataclass(eq=False, slots=True)
class _Waiter:
    missing: set[UUID]
    done: asyncio.Event = field(default_factory=asyncio.Event)


class Relay:
    """Publishes committed rows while it is the leader of its service; tells waiters what has been acknowledged."""

    def __init__(self, database: Database, broker: Broker) -> None:
        self._database = database
        self._broker = broker
        self._woken = asyncio.Event()
        self._stopping = asyncio.Event()
        self._waiters: set[_Waiter] = set()
        # Acknowledged before the one who announced them came to wait: remembered for a moment.
        self._recent: dict[UUID, None] = {}
        self.is_leader = False

    async def run(self) -> None:
        """Run until stopped: hold the leader's lock where it is free, publish, and survive database and broker."""
        pause = 0.2
        while not self._stopping.is_set():
            try:
                await self._lead()
                pause = 0.2
            except (*_DATABASE_AWAY, TimeoutError, OSError) as error:
                log.warning("relay lost its database, trying again", error=str(error) or type(error).__name__)
                await self._sleep(pause)
                pause = min(pause * 2, 5.0)

    def stop(self) -> None:
        """Publish what is committed now, then let go."""
        self._stopping.set()
        self._woken.set()

    async def published(self, event_ids: Iterable[UUID], *, timeout: float) -> None:  # noqa: ASYNC109 - part of the promise
        """Wait until the stream has acknowledged these events; raises TimeoutError after `timeout` seconds."""
        waiter = _Waiter({event_id for event_id in event_ids if event_id not in self._recent})
        self._waiters.add(waiter)
        try:
            async with asyncio.timeout(timeout):
                while waiter.missing:
                    try:
                        async with asyncio.timeout(_LOOK_UP_AFTER):
                            await waiter.done.wait()
                    except TimeoutError:
                        # Another process of this service leads, or a notice was lost with a connection.
                        await self._look_up(waiter.missing)
        finally:
            self._waiters.discard(waiter)

    async def _look_up(self, event_ids: Iterable[UUID]) -> None:
        query = sa.select(outbox.c.event_id).where(
            outbox.c.event_id.in_(list(event_ids)), outbox.c.published_at.is_not(None)
        )
        async with self._database.reading() as session:
            self._tell((await session.scalars(query)).all())

    def _tell(self, event_ids: Iterable[UUID]) -> None:
        told = dict.fromkeys(event_ids)
        self._recent.update(told)
        while len(self._recent) > _REMEMBERED:
            del self._recent[next(iter(self._recent))]
        for waiter in self._waiters:
            waiter.missing = {event_id for event_id in waiter.missing if event_id not in told}
            if not waiter.missing:
                waiter.done.set()

    async def _lead(self) -> None:
        connection = await asyncpg.connect(
            self._database.asyncpg_dsn,
            timeout=5,
            command_timeout=30,
            server_settings={
                "application_name": f"ssenet-{self._database.service}-relay",
                **PLANNING,
                # A mark lost in a crash of the database is made again: the event is published once more, and the
                # stream drops it, or the inbox. That spares a flush to disk for every batch.
                "synchronous_commit": "off",
                # A leader whose host was cut off must not keep the lock for hours.
                "tcp_keepalives_idle": "15",
                "tcp_keepalives_interval": "5",
                "tcp_keepalives_count": "3",
            },
        )
        connection.add_termination_listener(self._wake)
        try:
            await connection.add_listener(OUTBOX_WRITTEN, self._wake)
            await connection.add_listener(OUTBOX_PUBLISHED, self._hear_of_publication)
            while not self._stopping.is_set():
                if self.is_leader or await connection.fetchval(
                    "SELECT pg_try_advisory_lock($1)", self._lock_key()
                ):
                    self.is_leader = True
                    await self._publish_until_told(connection)
                else:
                    await self._follow()
            if self.is_leader:
                await self._drain(connection)
        finally:
            self.is_leader = False
            with suppress(*_DATABASE_AWAY, OSError, TimeoutError):
                await connection.close(timeout=2)

    def _wake(self, *_: object) -> None:
        self._woken.set()

    def _hear_of_publication(self, *_: object) -> None:
        # The leader itself has published, and told its own waiters.
        if not self.is_leader:
            self._woken.set()

    def _lock_key(self) -> int:
        return int.from_bytes(sha256(b"ssenet relay").digest()[:8], "big", signed=True)

    async def _follow(self) -> None:
        await self._wait_for_work(_FALLBACK_POLL)
        if missing := {event_id for waiter in self._waiters for event_id in waiter.missing}:
            await self._look_up(missing)

    async def _publish_until_told(self, connection: asyncpg.Connection) -> None:
        pause = 0.1
        while not self._stopping.is_set():
            # Cleared before looking: a row committed while we look wakes the next round.
            self._woken.clear()
            try:
                found = await self._publish_next(connection)
                pause = 0.1
            except _BROKER_AWAY as error:
                if connection.is_closed():
                    raise
                log.warning(
                    "publishing failed, trying again", error=str(error) or type(error).__name__, pause_s=pause
                )
                await self._sleep(pause)
                pause = min(pause * 2, 2.0)
                continue
            if found is _Found.MORE:
                continue
            if found is _Found.ALL:
                await self._sleep(_PACE)
            await self._wait_for_work(_FALLBACK_POLL)
            if connection.is_closed():
                raise ConnectionError("the relay's connection closed")

    async def _drain(self, connection: asyncpg.Connection) -> None:
        try:
            while await self._publish_next(connection) is not _Found.NOTHING:
                pass
        except _BROKER_AWAY as error:
            log.warning("outbox not drained at stop; the next start goes on", error=str(error))

    async def _publish_next(self, connection: asyncpg.Connection) -> _Found:
        records = await connection.fetch(_UNPUBLISHED, BATCH_LIMIT, _BATCH_BYTES)
        if not records:
            return _Found.NOTHING
        found: int = records[0]["found"]
        rows = [_Row(*list(record)[:-1]) for record in records]
        sequences = await self._publish(rows)
        await connection.execute(_MARK, [row.position for row in rows], sequences, OUTBOX_PUBLISHED)
        self._tell(row.event_id for row in rows)
        return _Found.MORE if found == BATCH_LIMIT or found > len(rows) else _Found.ALL

    async def _publish(self, rows: Sequence[_Row]) -> list[int]:
        if not telemetry.exporting():
            return await self._broker.publish(
                [Outgoing(row.nats_subject, str(row.event_id), row.envelope.encode()) for row in rows]
            )
        spans = [_start_span(row, orjson.loads(row.envelope), len(rows)) for row in rows]
        try:
            return await self._broker.publish([outgoing for _, outgoing in spans])
        except _BROKER_AWAY as error:
            for span, _ in spans:
                span.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise
        finally:
            for span, _ in spans:
                span.end()

    async def _wait_for_work(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        self._woken.clear()

    async def _sleep(self, seconds: float) -> None:
        if not seconds:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()


def _start_span(row: _Row, envelope: dict[str, Any], batch: int) -> tuple[Any, Outgoing]:
    span = telemetry.tracer.start_span(
        f"publish {row.type}",
        context=telemetry.context_of(envelope.get("traceparent")),
        kind=SpanKind.PRODUCER,
        attributes={
            "messaging.system": "nats",
            "messaging.operation.type": "send",
            "messaging.destination.name": row.nats_subject,
            "messaging.message.id": str(row.event_id),
            "messaging.batch.message_count": batch,
        },
    )
    envelope["traceparent"] = telemetry.traceparent_of(telemetry.in_span(span))
    return span, Outgoing(row.nats_subject, str(row.event_id), orjson.dumps(envelope))
