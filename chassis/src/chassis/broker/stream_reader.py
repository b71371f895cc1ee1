"""Events read again from the stream, one at a time, without a right to read what the service does not hear."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import NamedTuple

import nats.errors
import sqlalchemy as sa
from nats.js import JetStreamContext

from chassis.broker.connection import Broker
from chassis.broker.side_durables import look_up_of
from chassis.database.engine import Database
from chassis.messages import StreamMessage

_LOCK = 7_305_802_041
"""Advisory lock of the service's database: one process at a time moves the look-up's place."""
_TIMEOUT = 5.0


class _Found(NamedTuple):
    message: StreamMessage
    stored_at: datetime


class StreamReader:
    """Reads messages of the service's own event types by their place or time."""

    def __init__(self, broker: Broker, database: Database, *, stream: str) -> None:
        self._broker = broker
        self._database = database
        self._stream = stream

    async def at(self, sequence: int) -> StreamMessage | None:
        """The message at this place; None where the stream holds it no more.

        Raises a NATS error where the broker does not answer.
        """
        async with self._alone() as place:
            found = await place.next(sequence)
        return found.message if found is not None and found.message.stream_sequence == sequence else None

    async def first_since(self, moment: datetime) -> int | None:
        """The place of the first message stored at or after a time; None where there is none."""
        async with self._alone() as place:
            return await _first_since(place, moment)

    @asynccontextmanager
    async def _alone(self) -> AsyncGenerator["_Place"]:
        durable = look_up_of(self._broker.service)
        async with self._database.transaction() as tx:
            await tx.session.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
            subscription = await self._broker.jetstream.pull_subscribe_bind(
                durable=durable, stream=self._stream
            )
            try:
                yield _Place(self._broker, subscription, self._stream, durable)
            finally:
                with suppress(nats.errors.Error):
                    await subscription.unsubscribe()


class _Place:
    """The look-up's durable, which is set anew for every message."""

    def __init__(
        self, broker: Broker, subscription: JetStreamContext.PullSubscription, stream: str, durable: str
    ) -> None:
        self._broker = broker
        self._subscription = subscription
        self._stream = stream
        self._durable = durable

    async def next(self, sequence: int) -> _Found | None:
        """The first message at this place or behind it."""
        told = await self._broker.reset_durable(self._stream, self._durable, sequence=max(sequence, 1))
        if not told["num_pending"]:
            return None
        [message] = await self._subscription.fetch(1, timeout=_TIMEOUT)
        metadata = message.metadata
        held = StreamMessage(self._stream, metadata.sequence.stream, message.subject, message.data)
        return _Found(held, metadata.timestamp)


async def _first_since(place: _Place, moment: datetime) -> int | None:
    found = await place.next(1)
    if found is None or found.stored_at >= moment:
        return None if found is None else found.message.stream_sequence
    before, step = found.message.stream_sequence, 1
    # Ever longer steps until one lands at the time or beyond the end, then halves of the last.
    while (found := await place.next(before + step)) is not None and found.stored_at < moment:
        before, step = found.message.stream_sequence, step * 2
    first, beyond = found, before + step
    while beyond - before > 1:
        middle = (before + beyond) // 2
        found = await place.next(middle)
        if found is not None and found.stored_at < moment:
            before = found.message.stream_sequence
        else:
            first, beyond = found or first, middle
    return None if first is None else first.message.stream_sequence
