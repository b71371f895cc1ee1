"""One step that `ordering` decided, as one transaction, in which every event comes to what was decided for it."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from chassis.database.engine import Database
from chassis.database.transaction import Transaction
from chassis.dead_letters.store import described, failed_attempt, write_letter
from chassis.inbox import retry_queue
from chassis.inbox.ordering import Backoff, BatchStep
from chassis.inbox.retry_queue import QueuedEvent
from chassis.lease.fence import Fence, LeaseLostError
from chassis.messages import Received, StreamMessage
from chassis.subscriptions.router import Subscription
from chassis.telemetry import metrics
from chassis.telemetry.event_spans import handling
from contracts.event import Envelope

_FENCED = "held AS (SELECT FROM durable_owners WHERE partition = :partition AND token = :token FOR SHARE)"
_ENTER = sa.text(f"""
WITH {_FENCED}, entered AS (
    INSERT INTO inbox (durable, event_id, applied_at)
    SELECT :durable, event_id, :now FROM unnest(CAST(:event_ids AS uuid[])) AS event_id
    WHERE :unfenced OR EXISTS (SELECT FROM held) ON CONFLICT DO NOTHING RETURNING event_id)
SELECT ARRAY(SELECT event_id FROM entered) AS taken, :unfenced OR EXISTS (SELECT FROM held) AS held
""")  # noqa: S608 - our own text
_LEAVE = sa.text(f"""
WITH {_FENCED}, gone AS (
    DELETE FROM waiting_events WHERE durable = :durable AND event_id = ANY(CAST(:event_ids AS uuid[]))
    AND (:unfenced OR EXISTS (SELECT FROM held)) RETURNING event_id)
SELECT ARRAY(SELECT event_id FROM gone) AS taken, :unfenced OR EXISTS (SELECT FROM held) AS held
""")  # noqa: S608 - our own text


class NeverAnsweredError(Exception):
    """The handling of an event began, and the process ended before it did."""


class CancelledWithinError(Exception):
    """A handler ended by a cancellation that was not meant for it."""


@dataclass(slots=True)
class PendingEvent:
    """An event in hand: as the stream held it, as its handler is given it, its failed attempts so far.

    `row` where it comes from the retry queue. Not frozen, since they are made by the thousand.
    """

    key: str
    message: StreamMessage
    received: Received[Any]
    attempts: int = 0
    row: QueuedEvent | None = None

    @property
    def event_id(self) -> UUID:
        return self.received.envelope.id

    @property
    def waits(self) -> bool:
        return self.row is not None


@dataclass(frozen=True, slots=True)
class Committed:
    """What a step came to: the events still to be dealt with, and the seconds until the guilty one's next attempt."""

    taken: Collection[UUID]
    delay: float


class BatchTransaction:
    """Carries out the steps of one part of a durable. `fence` is what its transactions carry; None in tests alone."""

    def __init__(self, subscription: Subscription, database: Database, backoff: Backoff) -> None:
        self.fence: Fence | None = None
        self._subscription = subscription
        self._durable = subscription.durable
        self._database = database
        self._backoff = backoff

    async def step(self, step: BatchStep[PendingEvent], error: Exception | None) -> Committed:
        """Commit all of the step, or nothing of it: raises what the handler raises, or LeaseLostError."""
        with handling(self._durable, [(one.received, one.attempts + 1) for one in step.apply]) as received:
            async with self._database.transaction() as tx:
                taken = await self._take(tx, step)
                fresh = [one for one in received if one.envelope.id in taken]
                if fresh:
                    with metrics.handling(self._durable):
                        await self._handle(fresh, tx)
                delay = 0.0
                for one in (*step.retry, *step.dead_letter):
                    if one.event_id in taken:
                        assert error is not None
                        delay = await self._put_down(tx, one, error, last=bool(step.dead_letter))
                queued = [self._row(tx, one) for one in step.behind if one.event_id in taken]
                await retry_queue.put(tx.session, queued)
        if step.apply:
            announced_at = [one.envelope.time for one in fresh]
            now = self._database.clock()
            metrics.count_applied(self._durable, announced_at, delivered=len(step.apply), now=now)
        return Committed(taken, delay)

    async def _handle(self, fresh: Sequence[Received[Any]], tx: Transaction) -> None:
        try:
            await self._subscription.handle(fresh, tx)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # Nobody has told this task to end: taken for that, it would end its durable without a word.
            raise CancelledWithinError("the handler awaited what was cancelled elsewhere") from error

    async def dead_letter_unreadable(
        self, message: StreamMessage, envelope: Envelope | None, error: Exception
    ) -> bool:
        """Bury what came from the stream and is no event; returns whether that was still to be done."""
        async with self._database.transaction() as tx:
            # Where nothing tells which event it is, the dead letter itself is written once.
            if envelope is not None and not await self._enter(tx, [envelope.id]):
                return False
            history = [failed_attempt(1, error, now=tx.now)]
            await write_letter(
                tx.session, self._durable, message, envelope, error, history=history, now=tx.now
            )
        return True

    async def dead_letter_queued(self, row: QueuedEvent, envelope: Envelope | None, error: Exception) -> None:
        """Bury a waiting event that cannot be tried once more."""
        async with self._database.transaction() as tx:
            if await self._leave(tx, [row.event_id]):
                history = [*row.history, failed_attempt(row.attempts + 1, error, now=tx.now)]
                await write_letter(
                    tx.session, self._durable, row.message, envelope, error, history=history, now=tx.now
                )

    async def count_attempt(self, row: QueuedEvent) -> None:
        """Note an attempt before it begins, as one that was never answered: its answer will overwrite that."""
        error = NeverAnsweredError("the handling began, and the process ended")
        async with self._database.transaction() as tx:
            await self._leave(tx, [])
            number = row.attempts + 1
            history = [*row.history, failed_attempt(number, error, now=tx.now)]
            failure = _failure(error, number, self._backoff.delay(number), tx)
            await retry_queue.put_off(tx.session, row.position, failure, history)

    async def _take(self, tx: Transaction, step: BatchStep[PendingEvent]) -> Collection[UUID]:
        """Which of the step's events are this transaction's to deal with."""
        if not any(one.waits for one in step.events):
            return await self._enter(tx, [one.event_id for one in step.events])
        # What goes on waiting is neither entered nor taken out; but the fence is asked.
        left = await self._leave(tx, [one.event_id for one in (*step.apply, *step.dead_letter)])
        return {*left, *(one.event_id for one in step.retry)}

    async def _enter(self, tx: Transaction, event_ids: Collection[UUID]) -> Collection[UUID]:
        return await self._fenced(tx, _ENTER, event_ids, now=tx.now)

    async def _leave(self, tx: Transaction, event_ids: Collection[UUID]) -> Collection[UUID]:
        return await self._fenced(tx, _LEAVE, event_ids)

    async def _fenced(
        self, tx: Transaction, statement: sa.TextClause, event_ids: Collection[UUID], **more: object
    ) -> Collection[UUID]:
        told = {
            "durable": self._durable,
            # Sorted: two processes that hold the same events take the rows in one order and cannot deadlock.
            "event_ids": sorted(event_ids),
            "partition": self.fence.partition if self.fence else "",
            "token": self.fence.token if self.fence else 0,
            "unfenced": self.fence is None,
        }
        row = (await tx.session.execute(statement, told | more)).one()
        if not row.held:
            raise LeaseLostError(f"{told['partition']} was taken over by another process")
        return set(row.taken)

    async def _put_down(self, tx: Transaction, one: PendingEvent, error: Exception, *, last: bool) -> float:
        """Store what becomes of the guilty event; returns the seconds until its next attempt."""
        row = one.row
        history = [*(row.history if row else ()), failed_attempt(one.attempts, error, now=tx.now)]
        if last:
            message, envelope = one.message, one.received.envelope
            await write_letter(
                tx.session, self._durable, message, envelope, error, history=history, now=tx.now
            )
            return 0.0
        delay = self._backoff.delay(one.attempts)
        failure = _failure(error, one.attempts, delay, tx)
        if row is not None:
            await retry_queue.put_off(tx.session, row.position, failure, history)
        else:
            await retry_queue.put(tx.session, [self._row(tx, one) | failure | {"history": history}])
        return delay

    def _row(self, tx: Transaction, one: PendingEvent) -> dict[str, Any]:
        return retry_queue.a_row(self._durable, one.event_id, one.key, one.message, now=tx.now)


def _failure(error: Exception, attempts: int, delay: float, tx: Transaction) -> dict[str, Any]:
    return {
        "attempts": attempts,
        "next_attempt_at": tx.now + timedelta(seconds=delay),
        "error_class": type(error).__name__,
        "error": described(error),
    }
