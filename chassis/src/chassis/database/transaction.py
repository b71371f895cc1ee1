"""One transaction: what it changes and what it announces are stored together, or not at all."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from chassis.database.tables import OUTBOX_WRITTEN
from chassis.ids import new_id
from chassis.messages import Received
from chassis.telemetry.tracing import traceparent_of
from contracts.event import EnvelopeWriter, Event, EventId, slot_of, subject_of


class AggregateColumns:
    """What every aggregate's table carries: its home site, and the order of its changes.

    Only the home site changes an aggregate; `epoch` rises when the home moves, `sequence` by one with every
    change within the epoch. With one site, home and epoch are constant.
    """

    id: Mapped[UUID] = mapped_column(primary_key=True)
    home_site: Mapped[str] = mapped_column(sa.Text)
    epoch: Mapped[int] = mapped_column(sa.BigInteger, default=1)
    sequence: Mapped[int] = mapped_column(sa.BigInteger, default=0)


class Aggregate(Protocol):
    """What an event is announced of: a row of `AggregateColumns`, or what will be written as one."""

    id: Any
    epoch: Any
    sequence: Any


_OUTBOX = {
    "event_id": "uuid",
    "type": "text",
    "nats_subject": "text",
    "aggregate_id": "text",
    "epoch": "bigint",
    "sequence": "bigint",
    "envelope": "jsonb",
}
"""What an announcement sets of an outbox row beside `announced_at`, and the types, in the order of `columns`."""


def _writing(arrays: Sequence[str], announced_at: str, channel: str, *, only: str = "true") -> str:
    """Write the rows in the order they were announced and wake the relay at commit: one round trip for all."""
    names = ", ".join(_OUTBOX)
    # Only our own column names and placeholders are put in; what is written travels as parameters.
    return f"""
    written AS (
        INSERT INTO outbox ({names}, announced_at)
        SELECT {names}, {announced_at} FROM unnest({", ".join(arrays)}) WITH ORDINALITY AS row ({names}, place)
        WHERE {only} ORDER BY place RETURNING 1),
    told AS (SELECT pg_notify({channel}, '') FROM (SELECT count(*) FROM written) AS done)
    """  # noqa: S608


_ARRAYS = [f"CAST(:{name} AS {kind}[])" for name, kind in _OUTBOX.items()]
_WRITE = sa.text(f"WITH {_writing(_ARRAYS, 'CAST(:now AS timestamptz)', ':channel')} SELECT FROM told")


def inserting(insert: str, parameters: int) -> str:
    """Extend an INSERT with `parameters` numbered parameters, whose RETURNING is `event_id`, by the announcements.

    What it inserts is announced in the same statement, and nothing else is; the rest of the parameters are the
    announcements' columns, the time and the channel to notify.
    """
    arrays = [f"${parameters + place}::{kind}[]" for place, kind in enumerate(_OUTBOX.values(), start=1)]
    now = f"${parameters + len(_OUTBOX) + 1}::timestamptz"
    channel = f"${parameters + len(_OUTBOX) + 2}"
    writing = _writing(arrays, now, channel, only="event_id IN (SELECT event_id FROM inserted)")
    return f"WITH inserted AS ({insert}), {writing} SELECT ARRAY(SELECT event_id FROM inserted) FROM told"  # noqa: S608


class TransactionEndedError(Exception):
    """A transaction was used after its end: what it was given then would be lost."""


class Announcements:
    """Events to be announced in one commit, with the change that they tell of."""

    def __init__(self, *, service: str, site: str, now: datetime) -> None:
        self.now = now
        self.site = site
        self._writer = EnvelopeWriter(source=f"/sites/{site}/{service}", site=site, time=now)
        self._rows: list[tuple[Any, ...]] = []
        self._caused: Counter[UUID] = Counter()
        self._ended = False

    def announced_for(self, cause: UUID) -> int:
        """How many events this one has led to so far."""
        return self._caused[cause]

    def announce(
        self,
        event: Event,
        *,
        of: Aggregate,
        cause: Received[Any] | None = None,
        correlation: EventId | None = None,
        to: str = "all",
        traceparent: str | None = None,
    ) -> EventId:
        """Announce a change of an aggregate, in the same commit as the change; returns the event's id.

        Raises the aggregate's `sequence` by one; lock its row before changing it. The event continues the
        trace and the chain of its `cause`; without one it continues `traceparent`, or else the current span, and
        `correlation` names the chain it belongs to (its own id begins a new one). Raises TransactionEndedError after
        the end.
        """
        if self._ended:
            raise TransactionEndedError(f"{event.type} was announced after the end of its transaction")
        of.sequence = (of.sequence or 0) + 1
        event_id = EventId(new_id())
        if cause is not None:
            self._caused[cause.envelope.id] += 1
        aggregate = str(of.id)
        written = self._writer.write(
            event,
            id=event_id,
            subject=aggregate,
            traceparent=cause.traceparent if cause else traceparent or traceparent_of(),
            sequence=of.sequence,
            epoch=of.epoch,
            to=to,
            causationid=cause.envelope.id if cause else None,
            correlationid=cause.envelope.correlationid if cause else correlation or event_id,
        )
        subject = subject_of(event.type, site=self.site, to=to, slot=slot_of(aggregate))
        self._rows.append((event_id, event.type, subject, aggregate, of.epoch, of.sequence, written))
        return event_id

    def columns(self) -> list[list[Any]]:
        """The outbox rows, column by column."""
        return [list(column) for column in zip(*self._rows, strict=True)] or [[] for _ in _OUTBOX]


class Transaction(Announcements):
    """The session of one use case, and what it announces."""

    def __init__(self, session: AsyncSession, *, service: str, site: str, now: datetime) -> None:
        super().__init__(service=service, site=site, now=now)
        self.session = session

    async def write_announcements(self) -> None:
        """Write what was announced to the outbox and wake the relay when the transaction commits."""
        await self.session.flush()
        if self._rows:
            columns = dict(zip(_OUTBOX, self.columns(), strict=True))
            await self.session.execute(_WRITE, columns | {"now": self.now, "channel": OUTBOX_WRITTEN})
            self._rows = []

    def end(self) -> None:
        """Announce nothing from now on: it would reach nobody."""
        self._ended = True
