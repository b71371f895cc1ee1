"""What JetStream gave up on becomes a dead letter too: deliveries used up, messages terminated.

The service itself buries what it cannot apply. What is left to the server is what kept ending the process before it
could, so the event is not looked at here, only kept.
"""

import asyncio
from contextlib import suppress
from typing import Any
from uuid import UUID

import nats.errors
import sqlalchemy as sa
import structlog
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from pydantic import BaseModel, ValidationError
from sqlalchemy.dialects.postgresql import insert

from chassis.broker.connection import Broker
from chassis.broker.side_durables import ADVISORIES, advisories_of, base_of
from chassis.broker.stream_reader import StreamReader
from chassis.database.engine import Database, is_database_away
from chassis.database.tables import dead_letters, inbox, waiting_events
from chassis.database.transaction import Transaction
from chassis.dead_letters.store import letter_fields, storable
from chassis.ids import new_id
from chassis.messages import StreamMessage
from chassis.telemetry import metrics
from contracts.event import Envelope

log = structlog.get_logger()

_BATCH = 50
_WAIT = 20.0
_AGAIN = 2.0
_KINDS = {
    "io.nats.jetstream.advisory.v1.max_deliver": "MaxDeliveriesError",
    "io.nats.jetstream.advisory.v1.terminated": "TerminatedError",
}


class Advisory(BaseModel):
    """What the server says of one message of one durable."""

    type: str
    timestamp: str
    stream: str
    consumer: str
    stream_seq: int
    deliveries: int = 0
    reason: str = ""

    @property
    def error(self) -> str:
        told = f"the server gave the event up at {self.timestamp}, after {self.deliveries} deliveries"
        return f"{told}: {self.reason}" if self.reason else told


class AdvisoryListener:
    """Turns the advisories about a service's own durables into dead letters, each once."""

    def __init__(self, database: Database, broker: Broker, reader: StreamReader) -> None:
        self._database = database
        self._broker = broker
        self._reader = reader

    async def run(self, stopping: asyncio.Event) -> None:
        """Listen until stopping; survives broker and database."""
        jetstream: JetStreamContext = self._broker.jetstream
        told = asyncio.create_task(stopping.wait())
        try:
            while not stopping.is_set():
                hearing = asyncio.create_task(self._hear(jetstream))
                await asyncio.wait({hearing, told}, return_when=asyncio.FIRST_COMPLETED)
                if not hearing.done():
                    hearing.cancel()
                with suppress(asyncio.CancelledError):
                    await hearing
        finally:
            told.cancel()

    async def _hear(self, jetstream: JetStreamContext) -> None:
        durable = advisories_of(self._broker.service)
        try:
            subscription = await jetstream.pull_subscribe_bind(durable=durable, stream=ADVISORIES)
            try:
                while True:
                    with suppress(TimeoutError):
                        for message in await subscription.fetch(_BATCH, timeout=_WAIT):
                            await self._answer(message)
            finally:
                with suppress(nats.errors.Error):
                    await subscription.unsubscribe()
        except Exception as error:
            if not (isinstance(error, (nats.errors.Error, OSError)) or is_database_away(error)):
                raise
            log.warning("advisories not heard now, trying again", error=str(error) or type(error).__name__)
            await asyncio.sleep(_AGAIN)

    async def _answer(self, message: Msg) -> None:
        try:
            advisory = Advisory.model_validate_json(message.data)
        except ValidationError:
            log.error("advisory not understood", subject=message.subject)  # noqa: TRY400 - the finding would quote it
        else:
            await self.dead_letter(advisory)
        await message.ack()

    async def dead_letter(self, advisory: Advisory) -> UUID | None:
        """Keep the event of an advisory as a dead letter; None where it was applied, waits or is one already."""
        stored = await self._reader.at(advisory.stream_seq)
        envelope = _envelope(stored)
        async with self._database.transaction() as tx:
            if not await self._is_new(tx, advisory, stored, envelope):
                return None
            row = _letter(advisory, stored, envelope) | {"id": new_id(), "died_at": tx.now}
            written = insert(dead_letters).values(row).on_conflict_do_nothing().returning(dead_letters.c.id)
            letter_id = await tx.session.scalar(written)
        if letter_id is not None:
            durable = base_of(advisory.consumer)
            metrics.dead_lettered.labels(durable).inc()
            log.error(
                "event given up by the server became a dead letter", durable=durable, letter=str(letter_id)
            )
        return letter_id

    async def _is_new(
        self, tx: Transaction, advisory: Advisory, stored: StreamMessage | None, envelope: Envelope | None
    ) -> bool:
        durable = base_of(advisory.consumer)
        if envelope is not None:
            # In the inbox: applied, waiting its turn, or a dead letter. Not there: from now on nobody else takes it.
            taken = insert(inbox).values(durable=durable, event_id=envelope.id, applied_at=tx.now)
            taking = taken.on_conflict_do_nothing().returning(inbox.c.event_id)
            return await tx.session.scalar(taking) is not None
        if stored is not None:
            return True
        for table in (dead_letters, waiting_events):
            place = (table.c.durable == durable) & (table.c.stream_sequence == advisory.stream_seq)
            if await tx.session.scalar(sa.select(sa.literal(1)).select_from(table).where(place).limit(1)):
                return False
        return True


def _envelope(stored: StreamMessage | None) -> Envelope | None:
    if stored is None:
        return None
    try:
        return Envelope.model_validate_json(stored.payload)
    except ValidationError:
        return None


def _letter(advisory: Advisory, stored: StreamMessage | None, envelope: Envelope | None) -> dict[str, Any]:
    error_class = _KINDS.get(advisory.type, "GivenUpError")
    error = storable(f"{error_class}: {advisory.error}")
    if stored is None:
        error += "; the stream holds the event no more"
    return {
        "durable": base_of(advisory.consumer),
        "stream": advisory.stream,
        "stream_sequence": advisory.stream_seq,
        "nats_subject": stored.subject if stored else "",
        **letter_fields(envelope),
        "payload": stored.payload if stored else b"",
        "error_class": error_class,
        "error": error,
        "attempts": [
            {"attempt": advisory.deliveries, "failed_at": storable(advisory.timestamp), "error": error},
        ],
    }
