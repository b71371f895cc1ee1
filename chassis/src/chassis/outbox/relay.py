"""From the outbox to the stream: the one place that publishes, in order, and only what was committed.

What to do next is decided in `relay_decisions.py`; here it is done.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from hashlib import sha256
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
import nats.errors
import orjson
import sqlalchemy as sa
import structlog

from chassis.broker.connection import BATCH_LIMIT, Broker, Outgoing, PublishRefusedError
from chassis.broker.stream_identity import KNOWN, NOTE, ObservedStream, RecordedStream
from chassis.database.engine import DATABASE_AWAY, PLANNING, Database, keep_alive
from chassis.database.tables import OUTBOX_PUBLISHED, OUTBOX_WRITTEN, STREAM_FORGOTTEN, outbox, published
from chassis.outbox import relay_decisions
from chassis.outbox.relay_decisions import (
    BatchRefusedError,
    BrokerAwayError,
    Command,
    DatabaseAwayError,
    Found,
    RelayDecisions,
    Row,
    StreamLostError,
)
from chassis.telemetry import metrics, tracing
from chassis.telemetry.event_spans import EventSpans, publish, spanning

log = structlog.get_logger()
T = TypeVar("T")

_BATCH_BYTES = 8 * 1024 * 1024
_LOOK_UP_AFTER = 0.5
_LOCK_KEY = int.from_bytes(sha256(b"ssenet relay").digest()[:8], "big", signed=True)
_BROKER_AWAY = (nats.errors.Error, PublishRefusedError, TimeoutError, OSError)

_UNPUBLISHED = """
WITH next AS (
    SELECT position, event_id, type, nats_subject, envelope::text AS envelope, announced_at
    FROM outbox WHERE position >= $4
        AND NOT EXISTS (SELECT FROM unnest($3::bigint[]) AS besides (position) WHERE besides.position = outbox.position)
        AND NOT EXISTS (SELECT FROM outbox_marks AS mark WHERE mark.position = outbox.position AND mark.position >= $4)
    ORDER BY position LIMIT $1),
sized AS (
    SELECT *, sum(octet_length(envelope)) OVER (ORDER BY position) - octet_length(envelope) AS bytes_before FROM next)
SELECT position, event_id, type, nats_subject, envelope, announced_at, (SELECT count(*) FROM next) AS found
FROM sized WHERE bytes_before < $2 ORDER BY position
"""
# Whoever inserts takes this lock before it takes a position, and its end is seen by others before the lock is free.
_WRITERS = """
SELECT virtualtransaction FROM pg_locks
WHERE relation = 'outbox'::regclass AND mode = 'RowExclusiveLock' AND granted AND locktype = 'relation'
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_BY_INDEX = {
    # Rows and marks are read side by side, each from the watermark on, in the order of their index. Whatever the
    # planner believes of tables that were empty a moment ago, any other way gets slower with the rows that are kept.
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_nestloop": "off",
}
_MARK = """
WITH marked AS (
    INSERT INTO outbox_marks (position, published_at, stream_sequence)
    SELECT position, now(), stream_sequence FROM unnest($1::bigint[], $2::bigint[]) AS sent(position, stream_sequence)
    WHERE EXISTS (SELECT FROM known_streams WHERE name = $4 AND made_at = $5)
    ON CONFLICT DO NOTHING RETURNING 1),
kept AS (
    UPDATE known_streams SET published_below = $6
    WHERE name = $4 AND made_at = $5 AND published_below <= $6 - $7::bigint)
SELECT pg_notify($3, '') FROM (SELECT count(*) FROM marked) AS done
"""
_KEPT_EVERY = 5_000
"""Positions after which the low watermark is written down: seldom, since each time leaves an old version behind, and
often enough for whoever begins there."""
_PUBLISHED = """
SELECT event_id FROM outbox WHERE event_id = ANY($1::uuid[])
    AND (SELECT mark.position FROM outbox_marks AS mark WHERE mark.position = outbox.position) IS NOT NULL
"""


def session_of(service: str) -> str:
    """What the database knows the sessions of a service's relays by."""
    return f"ssenet-{service}-relay"


class Relay:
    """Publishes committed rows while it is the leader of its service; tells waiters what has been acknowledged."""

    def __init__(self, database: Database, broker: Broker, *, stream: str = "EVENTS") -> None:
        self._database = database
        self._broker = broker
        self._stream = stream
        self._decisions = RelayDecisions()
        broker.when_lost.append(self.doubt)
        self._stirred = asyncio.Event()
        self._stopping = asyncio.Event()
        self._mended = asyncio.Event()
        self._connection: asyncpg.Connection | None = None

    @property
    def is_leader(self) -> bool:
        return self._decisions.is_leader

    @property
    def may_forget(self) -> bool:
        """Whether what was published need not be published again, as far as the leader knows."""
        return self._decisions.is_leader and self._decisions.is_sure

    async def run(self) -> None:
        """Run until stopped: hold the leader's lock where it is free, publish, and survive database and broker."""
        commands = self._decisions.run()
        try:
            command = next(commands)
            while True:
                try:
                    outcome = await self._carry_out(command)
                except (DatabaseAwayError, BrokerAwayError) as error:
                    command = commands.throw(error)
                else:
                    command = commands.send(outcome)
        except StopIteration:
            return
        finally:
            self._decisions.is_leader = False
            await self._disconnect()

    def stop(self) -> None:
        """Publish what is committed now, then let go."""
        self._decisions.stop()
        self._stopping.set()
        self._stirred.set()
        self._mended.set()

    def reconnected(self) -> None:
        """Try again at once what failed for want of the broker."""
        self._mended.set()

    def doubt(self) -> None:
        """Publish no more before it is certain which stream it is."""
        self._decisions.doubt()

    async def wait_until_published(self, event_ids: Iterable[UUID], *, timeout: float) -> None:  # noqa: ASYNC109 - part of the promise
        """Wait until the stream has acknowledged these events; raises TimeoutError after `timeout` seconds."""
        done = asyncio.Event()
        notices = self._decisions.notices
        waiter = notices.wait_for(event_ids, done.set)
        ends = asyncio.get_running_loop().time() + timeout
        left = timeout
        try:
            while not done.is_set():
                try:
                    # One timer for both, since nearly every wait ends long before.
                    async with asyncio.timeout(min(left, _LOOK_UP_AFTER)):
                        await done.wait()
                except TimeoutError:
                    left = ends - asyncio.get_running_loop().time()
                    if left <= 0:
                        raise
                    # Another process of this service leads, or a notice was lost with a connection.
                    async with asyncio.timeout(left):
                        notices.tell(await self._look_up(waiter.missing))
        finally:
            notices.leave(waiter)

    async def _look_up(self, event_ids: Iterable[UUID]) -> Sequence[UUID]:
        query = sa.select(outbox.c.event_id).where(outbox.c.event_id.in_(list(event_ids)), published)
        async with self._database.reading() as session:
            return (await session.scalars(query)).all()

    async def _carry_out(self, command: Command) -> Any:
        match command:
            case relay_decisions.PublishBatch() | relay_decisions.PublishOne() | relay_decisions.AskStream():
                return await self._ask_broker(command)
            case relay_decisions.Pause(seconds, after):
                if after is not None:
                    log.warning(_TROUBLE[type(after)], error=str(after), pause_s=seconds)
                await self._wait(
                    self._mended if isinstance(after, BrokerAwayError) else self._stopping, seconds
                )
            case relay_decisions.AwaitWork(seconds):
                self._stirred.clear()
                if not (self._decisions.woken or self._decisions.stopping):
                    await self._wait(self._stirred, seconds)
            case relay_decisions.Disconnect(undrained):
                if undrained is not None:
                    log.warning("outbox not drained at stop; the next start goes on", error=str(undrained))
                await self._disconnect()
            case relay_decisions.Meanwhile(publish, mark, look):
                return await self._overlap(publish, mark, look)
            case _:
                return await self._ask_database(command)
        return None

    async def _overlap(
        self, publish: relay_decisions.PublishBatch, mark: relay_decisions.Mark, look: relay_decisions.Look
    ) -> relay_decisions.Overlapped:
        async def turn() -> Found | DatabaseAwayError:
            try:
                if mark.rows:
                    await self._ask_database(mark)
                return await self._ask_database(look)
            except DatabaseAwayError as error:
                return error

        async def send() -> list[int] | BrokerAwayError:
            try:
                return await self._publish(publish.rows, self._broker.publish_atomic_batch)
            except BrokerAwayError as error:
                return error

        # The database first: it works while the messages are written.
        found, published = await asyncio.gather(turn(), send())
        return relay_decisions.Overlapped(published, found)

    async def _ask_broker(
        self, command: relay_decisions.PublishBatch | relay_decisions.PublishOne | relay_decisions.AskStream
    ) -> Any:
        match command:
            case relay_decisions.PublishBatch(rows):
                return await self._publish(rows, self._broker.publish_atomic_batch)
            case relay_decisions.PublishOne(row):
                return await self._publish([row], lambda messages: self._broker.publish_one(messages[0]))
            case relay_decisions.AskStream():
                return await self._look_at_stream()

    async def _look_at_stream(self) -> ObservedStream:
        self._mended.clear()
        try:
            return await self._broker.look_at(self._stream)
        except _BROKER_AWAY as error:
            raise BrokerAwayError(str(error) or type(error).__name__) from error

    async def _ask_database(self, command: Command) -> Any:
        try:
            return await self._query(command)
        except DATABASE_AWAY as error:
            raise DatabaseAwayError(str(error) or type(error).__name__) from error

    async def _query(self, command: Command) -> Any:
        if isinstance(command, relay_decisions.Connect):
            return await self._connect()
        connection = self._connection
        assert connection is not None
        match command:
            case relay_decisions.TryLock():
                return await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK_KEY)
            case relay_decisions.Look(besides, since, and_writers):
                positions = [row.position for row in besides]
                records = await connection.fetch(_UNPUBLISHED, BATCH_LIMIT, _BATCH_BYTES, positions, since)
                # Only now: of those who took a position before, whoever is not among them has ended.
                writers = [row[0] for row in await connection.fetch(_WRITERS)] if and_writers else None
                found: int = records[0]["found"] if records else 0
                rows = [Row(*list(record)[:-1]) for record in records]
                return Found(rows, more=found == BATCH_LIMIT or found > len(rows), writers=writers)
            case relay_decisions.Mark(rows, sequences, made_at, published_below):
                positions = [row.position for row in rows]
                told = (OUTBOX_PUBLISHED, self._stream, made_at)
                await connection.execute(_MARK, positions, sequences, *told, published_below, _KEPT_EVERY)
            case relay_decisions.Recall():
                [known] = await connection.fetch(KNOWN, self._stream)
                return RecordedStream(*known)
            case relay_decisions.Note(seen):
                await connection.execute(NOTE, self._stream, seen.made_at)
            case relay_decisions.LookUp(event_ids):
                return [record["event_id"] for record in await connection.fetch(_PUBLISHED, event_ids)]
            case _:
                raise AssertionError(command)
        return None

    async def _connect(self) -> None:
        await self._disconnect()
        self._connection = connection = await asyncpg.connect(
            self._database.asyncpg_dsn,
            timeout=5,
            command_timeout=30,
            server_settings={
                "application_name": session_of(self._database.service),
                **PLANNING,
                **_BY_INDEX,
                # A mark lost in a crash of the database is made again: the event is published once more, and the
                # stream drops it, or the inbox. That spares a flush to disk for every batch.
                "synchronous_commit": "off",
                # A leader whose host was cut off must not keep the lock for hours.
                "tcp_keepalives_idle": "15",
                "tcp_keepalives_interval": "5",
                "tcp_keepalives_count": "3",
            },
        )
        keep_alive(connection)
        connection.add_termination_listener(self._wake)
        await connection.add_listener(OUTBOX_WRITTEN, self._wake)
        await connection.add_listener(OUTBOX_PUBLISHED, self._hear_of_publication)
        await connection.add_listener(STREAM_FORGOTTEN, self._forget)

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(*DATABASE_AWAY):
                await connection.close(timeout=2)

    def _wake(self, *_: object) -> None:
        self._decisions.wake()
        self._stirred.set()

    def _forget(self, *_: object) -> None:
        self.doubt()
        # It may be in a pause for want of the stream that was lost.
        self._mended.set()

    def _hear_of_publication(self, *_: object) -> None:
        self._decisions.hear_of_publication()
        if self._decisions.woken:
            self._stirred.set()

    async def _publish(self, rows: Sequence[Row], send: Callable[[Sequence[Outgoing]], Awaitable[T]]) -> T:
        self._mended.clear()
        try:
            with spanning({"messaging.batch.message_count": len(rows)}) as spans:
                acknowledged = await send([_outgoing(row, spans) for row in rows])
        except _BROKER_AWAY as error:
            if isinstance(error, PublishRefusedError) and len(rows) > 1:
                log.info("atomic batch refused, publishing singly", error=str(error), messages=len(rows))
                raise BatchRefusedError(str(error)) from error
            raise BrokerAwayError(str(error) or type(error).__name__) from error
        announced = [row.announced_at for row in rows if row.announced_at]
        metrics.count_published(announced, now=self._database.clock())
        return acknowledged

    async def _wait(self, told: asyncio.Event, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await told.wait()


_TROUBLE: dict[type[Exception], str] = {
    DatabaseAwayError: "relay lost its database, trying again",
    BrokerAwayError: "publishing failed, trying again",
    BatchRefusedError: "publishing failed, trying again",
    StreamLostError: "nothing is published until what the stream held is published again",
}


def _outgoing(row: Row, spans: EventSpans) -> Outgoing:
    """The message of a row. Where spans are recorded, the event continues the span of its publishing."""
    payload = row.envelope.encode()
    if tracing.exporting():
        envelope: dict[str, Any] = orjson.loads(payload)
        like = publish(row.type, row.nats_subject)
        envelope["traceparent"] = spans.begin(like, envelope.get("traceparent"), row.event_id)
        payload = orjson.dumps(envelope)
    return Outgoing(row.nats_subject, str(row.event_id), payload)
