"""Applied once: the inbox row, the handler's effect and what it announces share one commit; only then comes the ack.

`ordering` decides what is applied together and what waits; `batch_transaction` stores it, one transaction a step.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection, Container, Sequence
from enum import Enum, auto
from itertools import takewhile
from typing import Any, TypeVar
from uuid import UUID

import structlog
from pydantic import ValidationError

from chassis.database.engine import Database, is_database_away
from chassis.inbox import retry_queue
from chassis.inbox.batch_transaction import BatchTransaction, Committed, NeverAnsweredError, PendingEvent
from chassis.inbox.ordering import MAX_ATTEMPTS, Backoff, BatchStep, Bisection, RetrySchedule
from chassis.inbox.retry_queue import QueuedEvent
from chassis.lease.fence import Fence, LeaseLostError, clear_crashes
from chassis.messages import ContractError, Received, Retry, StreamMessage
from chassis.subscriptions.router import Subscription
from chassis.telemetry import metrics
from chassis.telemetry.tracing import well_formed
from contracts.event import SLOTS, Envelope, Event

log = structlog.get_logger()

T = TypeVar("T")

MAX_HELD_BACK = 4
"""Times that a batch waits for the database and is tried again, before what looks like its absence counts as a failed
attempt. The halves of a batch share them: each waiting anew, they would hold all keys up for ten seconds."""
QUARANTINE_AFTER = 2
"""Processes in a row that died without a word or a success, after which every attempt is counted before it begins."""
_DUE_KEYS = 100


class Outcome(Enum):
    """What became of one message. All four are final: the stream need not deliver it again."""

    APPLIED = auto()
    REPEATED = auto()
    QUEUED = auto()
    DEAD_LETTERED = auto()


class _Everything(Container[str]):
    def __contains__(self, _key: object) -> bool:
        return True


class Applier:
    """Applies what one part of a durable is delivered, and what waits of it. One task at a time may use it.

    `wait_for_database` is awaited while the database is away: an outage uses up nobody's attempts. Every method may
    raise LeaseLostError, where another process has taken over: nothing of what was in hand is stored then.
    """

    def __init__(
        self,
        subscription: Subscription,
        database: Database,
        wait_for_database: Callable[[], Awaitable[None]],
        *,
        slots: Sequence[int] = range(SLOTS),
        backoff: Backoff | None = None,
    ) -> None:
        self._subscription = subscription
        self._database = database
        self._wait_for_database = wait_for_database
        self._slots = list(slots)
        self._backoff = backoff or Backoff(random.SystemRandom().uniform)
        self._transaction = BatchTransaction(subscription, database, self._backoff)
        self._crashes_noted = False
        self._quarantining = False
        self._quarantined = False
        self.schedule = RetrySchedule()
        """The keys of which events wait, on the loop's clock: as the table says, for as long as this is the owner."""

    async def begin(self, fence: Fence | None = None) -> None:
        """Take up the work of this part: know what waits, and whether the owners before died of something here."""
        self._transaction.fence = fence
        self._crashes_noted = fence is not None and fence.crashes > 0
        self._quarantining = fence is not None and fence.crashes >= QUARANTINE_AFTER
        self._quarantined = False
        self.schedule = RetrySchedule()
        await self._learn(None)

    async def apply(self, messages: Sequence[StreamMessage]) -> list[Outcome]:
        """Apply the event of each message once, in order, or store why not; returns what became of each."""
        outcomes = [Outcome.REPEATED] * len(messages)
        held: dict[UUID, PendingEvent] = {}
        places: dict[UUID, int] = {}
        for place, message in enumerate(messages):
            envelope: Envelope | None = None
            try:
                envelope = _decode(message.payload)
                received = self._typed(envelope)
            except ContractError as error:
                if await self._dead_letter_unreadable(message, envelope, error):
                    outcomes[place] = Outcome.DEAD_LETTERED
            else:
                if envelope.id not in held:
                    held[envelope.id] = PendingEvent(envelope.subject, message, received)
                    places[envelope.id] = place
        bisection = Bisection(
            list(held.values()), waiting=_Everything() if self._quarantining else self.schedule
        )
        for event_id, outcome in (await self._follow(bisection)).items():
            outcomes[places[event_id]] = outcome
        self._quarantined = self._quarantining
        return outcomes

    async def retry(self) -> bool:
        """Try what is due among the waiting events, first come first within each key; returns whether anything was."""
        keys = self.schedule.due(asyncio.get_running_loop().time(), 1 if self._quarantining else _DUE_KEYS)
        if keys:
            try:
                await self._retry(keys)
            finally:
                await self._learn(keys)
        elif self._quarantined:
            # All that the owners before may have died of has been tried, or waits for its next attempt.
            self._quarantining = self._quarantined = False
            await self._clear_crashes()
        return bool(keys)

    async def _retry(self, keys: Collection[str]) -> None:
        async def read() -> list[QueuedEvent]:
            async with self._database.reading() as session:
                return await retry_queue.next_rows(session, self._subscription.durable, keys)

        rows = await self._with_database(read)
        if rows and (self._quarantining or _is_suspect(rows[0])):
            rows = rows[:1]
            if rows[0].attempts < MAX_ATTEMPTS:
                await self._with_database(lambda: self._transaction.count_attempt(rows[0]))
        else:
            rows = list(takewhile(lambda row: not _is_suspect(row), rows))
        held = [event for row in rows if (event := await self._read(row))]
        await self._follow(Bisection(held, waiting=()))

    async def _read(self, row: QueuedEvent) -> PendingEvent | None:
        """The waiting event, typed; one that cannot be tried once more becomes a dead letter."""
        envelope: Envelope | None = None
        try:
            envelope = _decode(row.message.payload)
            received = self._typed(envelope)
            if row.attempts >= MAX_ATTEMPTS:
                raise NeverAnsweredError(f"handled {row.attempts} times, and no answer ever came")
        except (ContractError, NeverAnsweredError) as error:
            cause = error
            await self._with_database(lambda: self._transaction.dead_letter_queued(row, envelope, cause))
            self._tell(row.message, row.attempts + 1, error, dead_lettered=True)
            return None
        return PendingEvent(row.key, row.message, received, row.attempts, row)

    async def _follow(self, bisection: Bisection[PendingEvent]) -> dict[UUID, Outcome]:
        became: dict[UUID, Outcome] = {}
        error: Exception | None = None
        held_back = 0
        while (step := bisection.step()) is not None:
            try:
                done = await self._transaction.step(step, error)
            except LeaseLostError:
                raise
            except Exception as failure:
                # A handler can raise what looks like an absent database. One that is there again and again is not away.
                if is_database_away(failure) and (held_back < MAX_HELD_BACK or not step.apply):
                    held_back += 1
                    await self._hold(len(step.events))
                    continue
                if not step.apply:
                    raise
                error = failure
                bisection.failed(step, permanent=isinstance(failure, self._permanent))
            else:
                bisection.done(step)
                became |= self._note(step, done, error)
                await self._clear_crashes()
        return became

    @property
    def _permanent(self) -> tuple[type[Exception], ...]:
        return (ContractError, *self._subscription.permanent)

    def _note(
        self, step: BatchStep[PendingEvent], done: Committed, error: Exception | None
    ) -> dict[UUID, Outcome]:
        """Know in memory what was just committed, and tell of a failure."""
        now = asyncio.get_running_loop().time()
        # A step may have been committed before, and its answer lost: then nothing is taken now, and yet it waits.
        for one in step.retry:
            self.schedule.set(one.key, now + (done.delay or self._backoff.delay(one.attempts)))
        for one in step.behind:
            if one.key not in self.schedule:
                self.schedule.set(one.key, now)
        for one in (*step.retry, *step.dead_letter):
            if one.event_id in done.taken:
                assert error is not None
                self._tell(
                    one.message, one.attempts, error, dead_lettered=bool(step.dead_letter), delay=done.delay
                )
        ways = (
            (step.apply, Outcome.APPLIED),
            (step.retry, Outcome.QUEUED),
            (step.dead_letter, Outcome.DEAD_LETTERED),
            (step.behind, Outcome.QUEUED),
        )
        return {one.event_id: way for ones, way in ways for one in ones if one.event_id in done.taken}

    async def _dead_letter_unreadable(
        self, message: StreamMessage, envelope: Envelope | None, error: ContractError
    ) -> bool:
        dead_lettered = await self._with_database(
            lambda: self._transaction.dead_letter_unreadable(message, envelope, error)
        )
        if dead_lettered:
            self._tell(message, 1, error, dead_lettered=True)
        return dead_lettered

    async def _learn(self, keys: Collection[str] | None) -> None:
        """Know when the first waiting event of each of these keys is due, or of all there are."""

        async def read() -> dict[str, float]:
            async with self._database.reading() as session:
                found = await retry_queue.heads(session, self._subscription.durable, self._slots, keys)
            now, wall = asyncio.get_running_loop().time(), self._database.clock()
            # A wall clock that was set back must hold up nothing for longer than its delay can have been.
            return {
                key: now + min(max((due - wall).total_seconds(), 0), self._backoff.longest_after(attempts))
                for key, (due, attempts) in found.items()
            }

        heads = await self._with_database(read)
        self.schedule.learn(heads, heads.keys() if keys is None else keys)

    async def _clear_crashes(self) -> None:
        fence = self._transaction.fence
        if fence is not None and self._crashes_noted and not self._quarantining:
            self._crashes_noted = False
            await self._with_database(lambda: clear_crashes(self._database, fence, released=False))

    async def _with_database(self, work: Callable[[], Awaitable[T]]) -> T:
        while True:
            try:
                return await work()
            except Exception as error:
                if not is_database_away(error):
                    raise
            await self._wait_for_database()

    async def _hold(self, events: int) -> None:
        log.warning("database away, holding events", durable=self._subscription.durable, events=events)
        await self._wait_for_database()

    def _typed(self, envelope: Envelope) -> Received[Any]:
        if "\x00" in envelope.subject:
            raise ContractError("subject: a character that no database stores")
        event = _event(envelope, self._subscription)
        return Received(envelope, event, well_formed(envelope.traceparent))

    def _tell(
        self, message: StreamMessage, attempt: int, error: Exception, *, dead_lettered: bool, delay: float = 0
    ) -> None:
        metrics.failed.labels(self._subscription.durable).inc()
        failure = log.bind(
            durable=self._subscription.durable,
            stream_sequence=message.stream_sequence,
            attempt=attempt,
            error_class=type(error).__name__,
        )
        if dead_lettered:
            metrics.dead_lettered.labels(self._subscription.durable).inc()
            failure.error("event became a dead letter")
        else:
            # An unexpected error is shown with its traceback once; a wish to wait is no news.
            metrics.retried.labels(self._subscription.durable).inc()
            shown = error if attempt == 1 and not isinstance(error, Retry) else None
            failure.warning(
                "event failed, waits for its next attempt", delay_s=round(delay, 2), exc_info=shown
            )


def _is_suspect(row: QueuedEvent) -> bool:
    return row.error_class == NeverAnsweredError.__name__


def _decode(payload: bytes) -> Envelope:
    try:
        return Envelope.model_validate_json(payload)
    except ValidationError as error:
        raise ContractError(_findings(error)) from error


def _event(envelope: Envelope, subscription: Subscription) -> Event:
    try:
        return subscription.parse(envelope)
    except ContractError:
        raise
    except ValidationError as error:
        raise ContractError(_findings(error)) from error
    except Exception as error:
        # A rule of a contract that fails by itself: no other delivery can be read either.
        raise ContractError(f"{type(error).__name__} while it was read") from error


def _findings(error: ValidationError) -> str:
    """Name the fields and the rules broken, never the values: those may be personal."""
    return "; ".join(f"{'/'.join(map(str, one['loc']))}: {one['type']}" for one in error.errors())
