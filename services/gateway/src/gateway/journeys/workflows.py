"""Following partners' events: recording the steps that other services announce, and reading them back."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.database.tables import outbox, outbox_marks
from chassis.database.transaction import Transaction
from chassis.ids import id_in
from chassis.messages import Received
from contracts.coordination import TaskFacts
from contracts.notifications import NotificationFacts
from contracts.words import OrganisationCode
from gateway.journeys.domain import (
    Status,
    Step,
    StepName,
    in_order,
    shown,
    status_of,
    step_of_notification,
    step_of_task,
)
from gateway.journeys.paging import events_before, events_since
from gateway.tables import EventStep, ReceivedEvent

# One statement for any number of steps: those of partners' events alone, each once; and beside them when the broker
# acknowledged the event, since the outbox forgets that after some days.
_RECORD = sa.text("""
WITH heard AS (
    SELECT step.* FROM unnest(
        CAST(:id AS uuid[]), CAST(:event_id AS uuid[]), CAST(:name AS text[]), CAST(:at AS timestamptz[]),
        CAST(:epoch AS bigint[]), CAST(:sequence AS bigint[]), CAST(:task_id AS uuid[]), CAST(:detail AS text[])
    ) AS step (id, event_id, name, at, epoch, sequence, task_id, detail)
    JOIN received_events USING (event_id))
INSERT INTO event_steps (id, event_id, name, at, epoch, sequence, task_id, detail)
SELECT id, event_id, name, at, epoch, sequence, task_id, CAST(detail AS jsonb) FROM heard
UNION ALL
SELECT event_id, event_id, 'published', published_at, 0, 0, NULL, '{}'
FROM outbox JOIN outbox_marks USING (position) WHERE event_id IN (SELECT event_id FROM heard)
-- In one order for everybody: two consumers with the same events wait for each other instead of locking up.
ORDER BY id
ON CONFLICT DO NOTHING
""")


@dataclass(frozen=True)
class Journey:
    """A partner's event and what became of it."""

    event_id: UUID
    sent_id: str
    source: str
    type: str
    received_at: datetime
    trace_id: str | None
    status: Status
    steps: tuple[Step, ...]


async def record_task_steps(tx: Transaction, events: Sequence[Received[TaskFacts]]) -> None:
    """Note what happened to the tasks that partners' events led to; other tasks are no concern of a partner's."""
    await _record(tx, [(one, step_of_task(one.event, one.envelope.time)) for one in events])


async def record_notification_steps(tx: Transaction, events: Sequence[Received[NotificationFacts]]) -> None:
    """Note which units were told of a partner's event, and which saw it."""
    steps = [(one, step_of_notification(one.event, one.envelope.time)) for one in events]
    await _record(tx, [(one, step) for one, step in steps if step is not None])


async def find_journey(
    session: AsyncSession, partner: OrganisationCode, name: str, *, source: str | None = None
) -> Journey | None:
    """Find one of the partner's own events by our id or by theirs (of several sources, the latest)."""
    # PostgreSQL has no U+0000 in its texts, so no event has it in its names.
    if "\x00" in f"{name}{source}":
        return None
    found = sa.select(ReceivedEvent).where(ReceivedEvent.partner == partner)
    event_id = id_in(name)
    by_name = ReceivedEvent.sent_id == name
    found = found.where(by_name if event_id is None else sa.or_(ReceivedEvent.event_id == event_id, by_name))
    if source is not None:
        found = found.where(ReceivedEvent.source == source)
    # Our own id is unique; a partner could have chosen the same words as an id of theirs.
    ours_first = () if event_id is None else ((ReceivedEvent.event_id == event_id).desc(),)
    event = await session.scalar(found.order_by(*ours_first, ReceivedEvent.event_id.desc()).limit(1))
    return (await _journeys(session, [event]))[0] if event else None


async def journeys_before(
    session: AsyncSession, partner: OrganisationCode, before: UUID | None, *, limit: int
) -> list[Journey]:
    """List the partner's events, newest first, from before one of them where it is named."""
    return await _journeys(session, await events_before(session, partner, before, limit=limit))


async def journeys_since(
    session: AsyncSession, partner: OrganisationCode, since: UUID | datetime, *, limit: int
) -> list[Journey]:
    """List the partner's events, oldest first, from after one of them or from a time on, without a gap."""
    return await _journeys(session, await events_since(session, partner, since, limit=limit))


async def _record(tx: Transaction, steps: Sequence[tuple[Received[Any], Step]]) -> None:
    if not steps:
        return
    await tx.session.execute(
        _RECORD,
        {
            "id": [received.envelope.id for received, _ in steps],
            "event_id": [received.envelope.correlationid for received, _ in steps],
            "name": [step.name for _, step in steps],
            "at": [step.at for _, step in steps],
            "epoch": [received.envelope.epoch for received, _ in steps],
            "sequence": [received.envelope.sequence for received, _ in steps],
            "task_id": [step.task_id for _, step in steps],
            "detail": [orjson.dumps(step.detail).decode() for _, step in steps],
        },
    )


async def _journeys(session: AsyncSession, events: Sequence[ReceivedEvent]) -> list[Journey]:
    ids = [event.event_id for event in events]
    steps: dict[UUID, list[Step]] = {event_id: [] for event_id in ids}
    # UUIDv7 ids break a tie of times in the order the facts were announced.
    recorded = sa.select(EventStep).where(EventStep.event_id.in_(ids)).order_by(EventStep.at, EventStep.id)
    for row in await session.scalars(recorded):
        steps[row.event_id].append(
            Step(StepName(row.name), row.at, row.task_id, row.detail, (row.epoch, row.sequence))
        )
    marked = outbox.outerjoin(outbox_marks, outbox_marks.c.position == outbox.c.position)
    waiting = sa.select(outbox.c.event_id, outbox_marks.c.published_at).select_from(marked)
    waiting = waiting.where(outbox.c.event_id.in_(ids))
    acknowledged = {row.event_id: row.published_at for row in await session.execute(waiting)}
    return [_journey(event, in_order(steps[event.event_id]), acknowledged) for event in events]


def _journey(event: ReceivedEvent, steps: list[Step], acknowledged: dict[UUID, datetime | None]) -> Journey:
    first = [Step(StepName.RECEIVED, event.received_at)]
    published = next((step for step in steps if step.name is StepName.PUBLISHED), None)
    later = [step for step in steps if step is not published]
    if published is None and (event.event_id not in acknowledged or acknowledged[event.event_id] is not None):
        published = Step(StepName.PUBLISHED, acknowledged.get(event.event_id))
    if published is not None:
        first.append(_before(published, later))
    return Journey(
        event_id=event.event_id,
        sent_id=event.sent_id,
        source=event.source,
        type=event.type,
        received_at=event.received_at,
        trace_id=event.trace_id,
        status=status_of(later),
        steps=tuple(first + shown(later)),
    )


def _before(published: Step, later: Sequence[Step]) -> Step:
    """The relay notes its acknowledgement a moment after the broker gave it; by then others may have acted."""
    if published.at is None or not later or later[0].at is None or published.at <= later[0].at:
        return published
    return replace(published, at=later[0].at)
