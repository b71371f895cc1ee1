"""Tables: the inboxes and their items, the newest known state of each task, and a copy of the directory."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from chassis.database.engine import metadata
from chassis.database.transaction import AggregateColumns

Timestamp = sa.DateTime(timezone=True)

INBOX_CHANGED = "inbox_changed"
"""NOTIFY channel: a member's inbox has a new position; the payload is the member's id."""


class Base(DeclarativeBase):
    metadata = metadata()


class Inbox(Base):
    """One row per member, locked by whoever adds or changes an item there.

    The lock makes positions commit in the order they are numbered: a reader that has seen position n can
    never later find an item at n or below. Replay from a position therefore misses nothing, which a sequence
    or a timestamp could not promise, since those are drawn before the commit that makes them visible.
    """

    __tablename__ = "inboxes"

    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(sa.BigInteger, default=0)


class Item(AggregateColumns, Base):
    """One event, one recipient, one reason, for ever.

    `arrival` is the position the item came in at, and keeps its place in the list; `position` is that of its
    newest change, and orders what a stream sends.
    """

    __tablename__ = "items"
    __table_args__ = (
        sa.UniqueConstraint("about", "member_id", "reason"),
        sa.UniqueConstraint("member_id", "position"),
        sa.UniqueConstraint("member_id", "arrival"),
        sa.Index(
            "ix_items_unread", "member_id", postgresql_where=sa.text("read_at IS NULL AND done_at IS NULL")
        ),
        # What an inbox shows first: a few open items before years of settled ones.
        sa.Index("ix_items_open", "member_id", "arrival", postgresql_where=sa.text("done_at IS NULL")),
    )

    member_id: Mapped[UUID] = mapped_column(sa.ForeignKey("inboxes.member_id"))
    position: Mapped[int] = mapped_column(sa.BigInteger)
    arrival: Mapped[int] = mapped_column(sa.BigInteger)
    organisation: Mapped[str] = mapped_column(sa.Text)
    reason: Mapped[str] = mapped_column(sa.Text)
    about: Mapped[UUID]
    event_type: Mapped[str] = mapped_column(sa.Text)
    task_id: Mapped[UUID] = mapped_column(index=True)
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB)
    correlation: Mapped[UUID]
    traceparent: Mapped[str | None] = mapped_column(sa.Text)
    due_on: Mapped[date]
    created_at: Mapped[datetime] = mapped_column(Timestamp)
    read_at: Mapped[datetime | None] = mapped_column(Timestamp)
    done_at: Mapped[datetime | None] = mapped_column(Timestamp)


class Task(Base):
    """The newest event known of each task; its row is locked while the task's items are decided."""

    __tablename__ = "tasks"

    task_id: Mapped[UUID] = mapped_column(primary_key=True)
    epoch: Mapped[int] = mapped_column(sa.BigInteger)
    sequence: Mapped[int] = mapped_column(sa.BigInteger)
    event_id: Mapped[UUID]
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB)


class Organisation(Base):
    """What this service knows of an organisation: its names, to be read in a message."""

    __tablename__ = "organisations"

    organisation_id: Mapped[UUID] = mapped_column(primary_key=True)
    epoch: Mapped[int] = mapped_column(sa.BigInteger)
    sequence: Mapped[int] = mapped_column(sa.BigInteger)
    code: Mapped[str] = mapped_column(sa.Text, index=True)
    names: Mapped[dict[str, str]] = mapped_column(JSONB)


class Member(Base):
    """What this service knows of a member account. Who left stays, and is told nothing."""

    __tablename__ = "members"

    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    epoch: Mapped[int] = mapped_column(sa.BigInteger)
    sequence: Mapped[int] = mapped_column(sa.BigInteger)
    organisation: Mapped[str] = mapped_column(sa.Text, index=True)
    role: Mapped[str] = mapped_column(sa.Text)
    language: Mapped[str] = mapped_column(sa.Text)
    time_zone: Mapped[str] = mapped_column(sa.Text)
    # `left` is a reserved word of SQL.
    has_left: Mapped[bool]


class HeldTask(NamedTuple):
    """A task as its newest event tells it, and the members who have an item about it."""

    task_id: UUID
    event_id: UUID
    facts: dict[str, Any]
    held_by: Sequence[UUID]


class MemberAt(NamedTuple):
    """A member account, as far as the choice of recipients needs it, and whether there is an inbox for it."""

    member_id: UUID
    organisation: str
    role: str
    has_left: bool
    has_inbox: bool


# Statements and no queries of the session's: they run for every batch of task events.
_TASKS_WITH_HOLDERS = sa.text("""
SELECT task_id, event_id, facts, ARRAY(SELECT DISTINCT member_id FROM items WHERE items.task_id = tasks.task_id)
FROM tasks WHERE task_id = ANY(CAST(:task_ids AS uuid[]))
""").columns(Task.task_id, Task.event_id, Task.facts, sa.column("held_by"))
_MEMBERS_AT = sa.text("""
SELECT member_id, organisation, role, has_left, inboxes.member_id IS NOT NULL
FROM members LEFT JOIN inboxes USING (member_id)
WHERE organisation = ANY(CAST(:units AS text[])) OR member_id = ANY(CAST(:members AS uuid[]))
ORDER BY member_id
""")


async def tasks_with_holders(session: AsyncSession, task_ids: Collection[UUID]) -> list[HeldTask]:
    """These tasks, each with the members who have an item about it."""
    found = await session.execute(_TASKS_WITH_HOLDERS, {"task_ids": list(task_ids)})
    return [HeldTask(*row) for row in found]


async def members_at(
    session: AsyncSession, units: Collection[str], members: Collection[UUID]
) -> list[MemberAt]:
    """Whoever stands, or last stood, at one of the units, and these members besides."""
    found = await session.execute(_MEMBERS_AT, {"units": list(units), "members": list(members)})
    return [MemberAt(*row) for row in found]


async def items_about(session: AsyncSession, task_ids: Collection[UUID]) -> Sequence[Item]:
    """Every item about these tasks, each member's in the order they came."""
    about = sa.select(Item).where(Item.task_id.in_(task_ids)).order_by(Item.member_id, Item.arrival)
    return (await session.scalars(about)).all()


async def open_inboxes(session: AsyncSession, members: Collection[UUID]) -> None:
    """Give these members an inbox, unless another batch just did; in one order, against deadlock."""
    rows = [{"member_id": member_id, "position": 0} for member_id in sorted(members)]
    if rows:
        await session.execute(insert(Inbox).values(rows).on_conflict_do_nothing())


async def lock_inboxes(session: AsyncSession, members: Collection[UUID]) -> dict[UUID, Inbox]:
    """Lock these members' inboxes, which are there; in one order, against deadlock."""
    if not members:
        return {}
    locked = sa.select(Inbox).where(Inbox.member_id.in_(members)).order_by(Inbox.member_id).with_for_update()
    found = await session.scalars(locked.execution_options(populate_existing=True))
    return {inbox.member_id: inbox for inbox in found}


_RING = sa.text("SELECT pg_notify(:channel, member) FROM unnest(CAST(:members AS text[])) AS member")


async def ring(session: AsyncSession, members: Collection[UUID]) -> None:
    """Wake the open streams of these members once the transaction has committed."""
    if members:
        rung = {"channel": INBOX_CHANGED, "members": [str(member_id) for member_id in members]}
        await session.execute(_RING, rung)
