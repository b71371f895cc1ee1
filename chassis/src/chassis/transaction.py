"""One transaction: what it changes and what it announces are stored together, or not at all."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from opentelemetry import context as otel_context
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from chassis.ids import new_id
from chassis.tables import OUTBOX_WRITTEN
from chassis.telemetry import traceparent_of
from contracts.event import Envelope, Event, EventId

if TYPE_CHECKING:
    from uuid import UUID

    from chassis.receiving import Received
else:
    from uuid import UUID


class AggregateColumns:
    """What every aggregate's table carries: its home site, and the order of its changes.

    Only the home site changes an aggregate; `epoch` rises when the home moves, `sequence` by one with every
    change within the epoch. With one site, home and epoch are constant.
    """

    id: Mapped[UUID] = mapped_column(primary_key=True)
    home_site: Mapped[str] = mapped_column(sa.Text)
    epoch: Mapped[int] = mapped_column(sa.BigInteger, default=1)
    sequence: Mapped[int] = mapped_column(sa.BigInteger, default=0)


# One round trip for all rows and the notice; the rows take their positions in the order they were announced.
_WRITE = sa.text("""
WITH written AS (
    INSERT INTO outbox
        (event_id, type, nats_subject, aggregate_id, epoch, sequence, envelope, announced_at)
    SELECT event_id, type, nats_subject, aggregate_id, epoch, sequence, envelope, announced_at
    FROM unnest(
        CAST(:event_id AS uuid[]), CAST(:type AS text[]), CAST(:nats_subject AS text[]),
        CAST(:aggregate_id AS text[]), CAST(:epoch AS bigint[]), CAST(:sequence AS bigint[]),
        CAST(:envelope AS jsonb[]), CAST(:announced_at AS timestamptz[])
    ) WITH ORDINALITY AS row (
        event_id, type, nats_subject, aggregate_id, epoch, sequence, envelope, announced_at, place
    )
    ORDER BY place
    RETURNING 1
)
SELECT pg_notify(:channel, '') FROM (SELECT count(*) FROM written) AS done
""")


class Transaction:
    """The session of one use case, and the only way to announce an event."""

    def __init__(self, session: AsyncSession, *, service: str, site: str, now: datetime) -> None:
        self.session = session
        self.now = now
        self.site = site
        self._service = service
        self._rows: list[Mapping[str, Any]] = []

    def announce(
        self,
        event: Event,
        *,
        of: AggregateColumns,
        cause: "Received[Any] | None" = None,
        correlation: EventId | None = None,
        to: str = "all",
    ) -> EventId:
        """Announce a change of an aggregate, in the same commit as the change; returns the event's id.

        Raises the aggregate's `sequence` by one; lock its row before changing it. The event continues the
        trace and the chain of its `cause`; without one it continues the current span, and `correlation` names
        the chain it belongs to (its own id begins a new one).
        """
        of.sequence = (of.sequence or 0) + 1
        event_id = EventId(new_id())
        envelope = Envelope(
            id=event_id,
            source=f"/sites/{self.site}/{self._service}",
            type=event.type,
            subject=str(of.id),
            time=self.now,
            dataschema=event.dataschema(),
            traceparent=traceparent_of(cause.context if cause else otel_context.get_current()),
            sequence=of.sequence,
            site=self.site,
            epoch=of.epoch,
            to=to,
            causationid=cause.envelope.id if cause else None,
            correlationid=cause.envelope.correlationid if cause else correlation or event_id,
            data=event.model_dump(mode="json"),
        )
        self._rows.append(
            {
                "event_id": event_id,
                "type": event.type,
                "nats_subject": envelope.nats_subject,
                "aggregate_id": envelope.subject,
                "epoch": of.epoch,
                "sequence": of.sequence,
                "envelope": envelope.model_dump_json(exclude_none=True),
                "announced_at": self.now,
            }
        )
        return event_id

    async def write_announcements(self) -> None:
        """Write what was announced to the outbox and wake the relay when the transaction commits."""
        await self.session.flush()
        if self._rows:
            columns = {name: [row[name] for row in self._rows] for name in self._rows[0]}
            await self.session.execute(_WRITE, columns | {"channel": OUTBOX_WRITTEN})
            self._rows = []
