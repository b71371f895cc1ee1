"""Applied once: the inbox row, the handler's effect and what it announces share one commit; only then comes the ack."""

import itertools
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Protocol

import sqlalchemy as sa
import structlog
from opentelemetry import context as otel_context
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode
from pydantic import ValidationError
from sqlalchemy.dialects.postgresql import insert

from chassis import metrics, telemetry
from chassis.database import Database, is_database_away
from chassis.ids import new_id
from chassis.receiving import ContractError, Received, Retry, Subscription
from chassis.tables import dead_letters, failed_attempts
from chassis.transaction import Transaction
from contracts.event import Envelope, Event

log = structlog.get_logger()

MAX_ATTEMPTS = 8
"""Deliveries of one event before it becomes a dead letter. The durable's own `max_deliver` lies above it, and catches
only what kills the process before it can write the dead letter."""
MAX_HELD_BACK = 5
"""Times that a batch is tried again at once because the database was away, before that counts as a failed delivery."""
FIRST_RETRY = 0.5
LONGEST_RETRY = 60.0
_jitter = random.SystemRandom()


_ENTER = sa.text("""
INSERT INTO inbox (durable, event_id, applied_at)
SELECT :durable, event_id, :applied_at FROM unnest(CAST(:event_ids AS uuid[])) AS event_id
ON CONFLICT DO NOTHING RETURNING event_id
""")


class Delivery(Protocol):
    """One message as the broker delivered it: its bytes, where it stands, and the four answers to it."""

    @property
    def payload(self) -> bytes: ...
    @property
    def subject(self) -> str: ...
    @property
    def stream(self) -> str: ...
    @property
    def stream_sequence(self) -> int: ...
    @property
    def attempt(self) -> int: ...
    async def ack(self) -> None: ...
    async def nak(self, delay: float) -> None: ...
    async def term(self) -> None: ...


@dataclass(frozen=True, slots=True)
class _Held:
    delivery: Delivery
    received: Received[Any]


def retry_delay(attempt: int) -> float:
    """Seconds until the next delivery after the `attempt`-th failed: doubling, capped, and lengthened by chance."""
    return min(FIRST_RETRY * 2 ** (attempt - 1), LONGEST_RETRY) * _jitter.uniform(1.0, 1.25)


class NeverAnsweredError(Exception):
    """Every earlier delivery ended without an answer: the handling of this event ends the process."""


class Applier:
    """Applies what one durable is delivered.

    `wait_for_database` is awaited while the database is away, with the deliveries held: an outage of the
    database uses up nobody's attempts.
    """

    def __init__(
        self, subscription: Subscription, database: Database, wait_for_database: Callable[[], Awaitable[None]]
    ) -> None:
        self._subscription = subscription
        self._database = database
        self._wait_for_database = wait_for_database

    async def apply(self, deliveries: Sequence[Delivery]) -> None:
        """Apply each delivered event once, in order, and answer every delivery."""
        held: list[_Held] = []
        for delivery in deliveries:
            envelope: Envelope | None = None
            try:
                envelope = _decode(delivery.payload)
                event = _event(envelope, self._subscription)
                if delivery.attempt > MAX_ATTEMPTS:
                    raise NeverAnsweredError(f"delivered {delivery.attempt} times, and no answer ever came")
            except (ContractError, NeverAnsweredError) as error:
                await self._until_stored(delivery, envelope, error)
            else:
                context = telemetry.context_of(envelope.traceparent)
                held.append(_Held(delivery, Received(envelope, event, context)))
        if held:
            await self._apply(held)

    async def _apply(self, held: Sequence[_Held]) -> None:
        for held_back in itertools.count():
            try:
                await self._commit(held)
            except Exception as error:  # noqa: BLE001 - every error gets its answer here, none is swallowed
                # A handler can raise what looks like an absent database; one that is there again and again is not away.
                if is_database_away(error) and held_back < MAX_HELD_BACK:
                    log.warning(
                        "database away, holding events", durable=self._subscription.durable, events=len(held)
                    )
                    await self._wait_for_database()
                    continue
                await self._isolate(held, error)
            else:
                for one in held:
                    await one.delivery.ack()
            return

    async def _isolate(self, held: Sequence[_Held], error: Exception) -> None:
        """Halve a failed batch until the guilty event stands alone; the others go through."""
        if len(held) == 1:
            await self._until_stored(held[0].delivery, held[0].received.envelope, error)
            return
        middle = len(held) // 2
        await self._apply(held[:middle])
        await self._apply(held[middle:])

    async def _commit(self, held: Sequence[_Held]) -> None:
        with ExitStack() as spans:
            received = _begin_spans(self._subscription, held, spans)
            async with self._database.transaction() as tx:
                fresh = await self._not_yet_applied(tx, received)
                if fresh:
                    with metrics.handling(self._subscription.durable):
                        await self._subscription.handler(fresh, tx)
        announced_at = [one.envelope.time for one in fresh]
        metrics.count_applied(
            self._subscription.durable, announced_at, delivered=len(held), now=self._database.clock()
        )

    async def _not_yet_applied(
        self, tx: Transaction, received: Sequence[Received[Any]]
    ) -> list[Received[Any]]:
        by_id = {one.envelope.id: one for one in reversed(received)}
        # Sorted: two processes that hold the same events take the inbox rows in one order and cannot deadlock.
        told = {"durable": self._subscription.durable, "event_ids": sorted(by_id), "applied_at": tx.now}
        new = set((await tx.session.scalars(_ENTER, told)).all())
        return [one for one in received if one.envelope.id in new and by_id[one.envelope.id] is one]

    async def _until_stored(self, delivery: Delivery, envelope: Envelope | None, error: Exception) -> None:
        """Answer a failed delivery: later again, or dead letter; waits for the database to record either."""
        while True:
            try:
                await self._answer_failure(delivery, envelope, error)
            except Exception as second:
                if not is_database_away(second):
                    raise
                await self._wait_for_database()
            else:
                return

    async def _answer_failure(self, delivery: Delivery, envelope: Envelope | None, error: Exception) -> None:
        permanent = isinstance(error, (ContractError, *self._subscription.permanent))
        failure = log.bind(
            durable=self._subscription.durable,
            stream_sequence=delivery.stream_sequence,
            attempt=delivery.attempt,
            error_class=type(error).__name__,
        )
        metrics.failed.labels(self._subscription.durable).inc()
        async with self._database.transaction() as tx:
            await self._record_attempt(tx, delivery, error)
            if permanent or delivery.attempt >= MAX_ATTEMPTS:
                await self._bury(tx, delivery, envelope, error)
        if permanent or delivery.attempt >= MAX_ATTEMPTS:
            failure.error("event became a dead letter")
            metrics.buried.labels(self._subscription.durable).inc()
            await delivery.term()
        else:
            delay = retry_delay(delivery.attempt)
            # An unexpected error is shown with its traceback once; a wish to wait is no news.
            failure.warning(
                "event failed, delivered again later",
                delay_s=round(delay, 2),
                exc_info=error if delivery.attempt == 1 and not isinstance(error, Retry) else None,
            )
            metrics.retried.labels(self._subscription.durable).inc()
            await delivery.nak(delay)

    async def _record_attempt(self, tx: Transaction, delivery: Delivery, error: Exception) -> None:
        row = {
            "durable": self._subscription.durable,
            "stream_sequence": delivery.stream_sequence,
            "attempt": delivery.attempt,
            "failed_at": tx.now,
            "error": _described(error),
        }
        await tx.session.execute(insert(failed_attempts).values(row).on_conflict_do_nothing())

    async def _bury(
        self, tx: Transaction, delivery: Delivery, envelope: Envelope | None, error: Exception
    ) -> None:
        attempts = failed_attempts
        where = (attempts.c.durable == self._subscription.durable) & (
            attempts.c.stream_sequence == delivery.stream_sequence
        )
        history = [
            {"attempt": row.attempt, "failed_at": row.failed_at.isoformat(), "error": row.error}
            for row in await tx.session.execute(sa.select(attempts).where(where).order_by(attempts.c.attempt))
        ]
        row = {
            "id": new_id(),
            "durable": self._subscription.durable,
            "stream": delivery.stream,
            "stream_sequence": delivery.stream_sequence,
            "nats_subject": delivery.subject,
            "event_id": envelope.id if envelope else None,
            "type": envelope.type if envelope else None,
            "dataschema": envelope.dataschema if envelope else None,
            "trace_id": telemetry.trace_id_of(envelope.traceparent) if envelope else None,
            "payload": delivery.payload,
            "error_class": type(error).__name__,
            "error": _described(error),
            "attempts": history,
            "died_at": tx.now,
        }
        await tx.session.execute(insert(dead_letters).values(row).on_conflict_do_nothing())
        await tx.session.execute(sa.delete(attempts).where(where))


def _described(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:4000]


def _decode(payload: bytes) -> Envelope:
    try:
        return Envelope.model_validate_json(payload)
    except ValidationError as error:
        raise ContractError(_findings(error)) from error


def _event(envelope: Envelope, subscription: Subscription) -> Event:
    try:
        return subscription.parse(envelope)
    except ValidationError as error:
        raise ContractError(_findings(error)) from error


def _findings(error: ValidationError) -> str:
    """Name the fields and the rules broken, never the values: those may be personal."""
    return "; ".join(f"{'/'.join(map(str, one['loc']))}: {one['type']}" for one in error.errors())


def _begin_spans(subscription: Subscription, held: Sequence[_Held], spans: ExitStack) -> list[Received[Any]]:
    """One consumer span per event, in the event's own trace; a batch span, linked to all, around the handler."""
    if not telemetry.exporting():
        return [one.received for one in held]
    received: list[Received[Any]] = []
    links: list[Link] = []
    for one in held:
        span = telemetry.tracer.start_span(
            f"process {one.received.envelope.type}",
            context=one.received.context,
            kind=SpanKind.CONSUMER,
            attributes={
                "messaging.system": "nats",
                "messaging.operation.type": "process",
                "messaging.consumer.group.name": subscription.durable,
                "messaging.message.id": str(one.received.envelope.id),
                "messaging.nats.delivery": one.delivery.attempt,
            },
        )
        spans.push(_ending(span))
        links.append(Link(span.get_span_context()))
        context = telemetry.in_span(span)
        received.append(Received(one.received.envelope, one.received.event, context))
    if len(received) == 1:
        token = otel_context.attach(received[0].context)
        spans.callback(otel_context.detach, token)
    else:
        batch = telemetry.tracer.start_as_current_span(f"apply {subscription.durable}", links=links)
        spans.enter_context(batch)
    return received


def _ending(span: Span) -> Callable[[type[BaseException] | None, BaseException | None, Any], bool]:
    def end(_kind: type[BaseException] | None, error: BaseException | None, _traceback: Any) -> bool:
        if error is not None:
            # The class alone: an error's text may quote the event.
            span.set_status(Status(StatusCode.ERROR, type(error).__name__))
            span.set_attribute("error.type", type(error).__qualname__)
        span.end()
        return False

    return end
