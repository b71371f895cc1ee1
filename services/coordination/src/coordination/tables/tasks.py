"""Tasks and their history."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from chassis.database.transaction import AggregateColumns
from contracts.coordination import TaskState
from contracts.words import MemberId
from coordination.domain.tasks import Action, Deed, Task
from coordination.tables.base import Base

OPENING: Final = "open"
"""What a task's first change is called; all others bear the name of the member's action."""


class TaskRow(AggregateColumns, Base):
    """A task as it stands; `state` and `waiting_for` follow from its history and are kept for searching."""

    __tablename__ = "tasks"
    __table_args__ = (
        # One task per event and rule, whatever is delivered again.
        sa.UniqueConstraint("partner_event_id", "rule"),
        sa.Index(None, "units", postgresql_using="gin"),
        sa.Index(None, "result", "state"),
        sa.Index(None, "state", "id"),
        sa.Index("ix_tasks_to_route", "id", postgresql_where=sa.text("needs_routing")),
    )

    rule: Mapped[str]
    result: Mapped[str]
    state: Mapped[str]
    title: Mapped[dict[str, Any]]
    request: Mapped[dict[str, Any] | None]
    units: Mapped[list[str]]
    waiting_for: Mapped[list[str]]
    needs_routing: Mapped[bool]
    country: Mapped[str | None]
    partner: Mapped[str | None]
    partner_name: Mapped[str | None]
    opened_at: Mapped[datetime]
    due_on: Mapped[date]
    partner_event_id: Mapped[UUID]
    partner_event_type: Mapped[str]
    # Up to 20 000 characters and more, which only a single task's page shows.
    partner_event: Mapped[dict[str, Any]] = mapped_column(deferred=True, deferred_raiseload=True)
    correlation_id: Mapped[UUID]


class TaskChange(Base):
    """Who did what with a task, when, and where it stood after; rows are added and never changed."""

    __tablename__ = "task_history"

    task_id: Mapped[UUID] = mapped_column(sa.ForeignKey("tasks.id"), primary_key=True)
    epoch: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)
    sequence: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)
    action: Mapped[str]
    state: Mapped[str]
    units: Mapped[list[str]]
    at: Mapped[datetime]
    member_id: Mapped[UUID | None]
    member_label: Mapped[str | None]
    member_organisation: Mapped[str | None]
    reason: Mapped[str | None]


# A statement and no query of the session's: it runs for every batch.
_OPENED = sa.text(
    "SELECT partner_event_id, rule FROM tasks WHERE partner_event_id = ANY(CAST(:event_ids AS uuid[]))"
)


async def already_opened(session: AsyncSession, event_ids: Iterable[UUID]) -> set[tuple[UUID, str]]:
    """Say which of these events have become a task already, and by which rule."""
    opened = await session.execute(_OPENED, {"event_ids": list(event_ids)})
    return {(event_id, rule) for event_id, rule in opened}


async def partner_event_of(session: AsyncSession, task_id: UUID) -> dict[str, Any]:
    """Give the content of the partner's event behind a task; a task that is read has it not."""
    found = await session.scalars(sa.select(TaskRow.partner_event).where(TaskRow.id == task_id))
    return found.one()


async def history_of(session: AsyncSession, task_id: UUID) -> Sequence[TaskChange]:
    """Give a task's changes, oldest first."""
    query = sa.select(TaskChange).where(TaskChange.task_id == task_id)
    return (await session.scalars(query.order_by(TaskChange.epoch, TaskChange.sequence))).all()


def as_decided(row: TaskRow, history: Sequence[TaskChange]) -> Task:
    """Give the task as the rules see it: placed as it is, with what was done since."""
    deeds: list[Deed] = []
    for change in history:
        if change.action in {OPENING, Action.ASSIGN}:
            deeds.clear()
        if change.member_id is not None and change.member_organisation is not None:
            deeds.append(Deed(Action(change.action), MemberId(change.member_id), change.member_organisation))
    return Task(units=tuple(row.units), needs_routing=row.needs_routing, deeds=tuple(deeds))


async def found(
    session: AsyncSession,
    *,
    state: TaskState | None,
    organisation: str | None,
    needs_routing: bool | None,
    before: UUID | None,
    limit: int,
) -> Sequence[TaskRow]:
    """Give the tasks that fit, newest first; `before` is the last id of the page before."""
    query = sa.select(TaskRow)
    if state is not None:
        query = query.where(TaskRow.state == state)
    if organisation is not None:
        query = query.where(TaskRow.units.contains([organisation]))
    if needs_routing is not None:
        query = query.where(TaskRow.needs_routing.is_(needs_routing))
    if before is not None:
        query = query.where(TaskRow.id < before)
    # Ids are UUIDv7: their order is the order in which the tasks were opened.
    return (await session.scalars(query.order_by(TaskRow.id.desc()).limit(limit))).all()


async def counted_by_result(session: AsyncSession) -> Mapping[str, Mapping[str, int]]:
    """Count the tasks of each result by state."""
    query = sa.select(TaskRow.result, TaskRow.state, sa.func.count()).group_by(TaskRow.result, TaskRow.state)
    counts: dict[str, dict[str, int]] = {}
    for result, state, number in await session.execute(query):
        counts.setdefault(result, {})[state] = number
    return counts


def facts_of(row: TaskRow) -> dict[str, Any]:
    """Say of a task what every event and every view says of it."""
    return {
        "task_id": row.id,
        "rule": row.rule,
        "result": row.result,
        "state": row.state,
        "title": row.title,
        "request": row.request,
        "units": row.units,
        "waiting_for": row.waiting_for,
        "needs_routing": row.needs_routing,
        "country": row.country,
        "partner": row.partner,
        "partner_name": row.partner_name,
        "opened_at": row.opened_at,
        "due_on": row.due_on,
    }
