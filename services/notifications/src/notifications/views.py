"""What of an inbox is shown: its items, worded for the reader, and how many of them are unread."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.telemetry.tracing import trace_id_of
from contracts.coordination import TaskFacts
from contracts.notifications import Reason
from contracts.words import Language, Title
from notifications.tables import Inbox, Item, Member, Organisation
from notifications.wording import Message, Names, render


class Only(StrEnum):
    """Which items a list holds: those not looked at yet, those not done, or every one there ever was."""

    UNREAD = "unread"
    OPEN = "open"
    ALL = "all"


class ItemView(BaseModel):
    """One item as its recipient sees it."""

    item_id: UUID
    position: int
    reason: Reason
    event_type: str
    task_id: UUID
    title: str
    body: str
    request: Title | None
    created_at: datetime
    due_on: date
    read_at: datetime | None
    done_at: datetime | None
    trace_id: str | None


class InboxView(BaseModel):
    """A page of an inbox; `next` is the `before` of the page after it, `position` the `after` of a stream."""

    unread: int
    position: int
    items: list[ItemView]
    next: int | None


class ChangedItem(ItemView):
    """An item in a list of changes, with the `traceparent` that a live push of it continues."""

    traceparent: str | None


class Changes(BaseModel):
    """What changed in an inbox after a position, in that order; `position` is where to go on, once this is known."""

    unread: int
    position: int
    items: list[ChangedItem]


@dataclass(frozen=True)
class Reader:
    """Who reads: in which language, and on which day where they are."""

    language: Language
    today: date


async def reader_of(
    session: AsyncSession, member_id: UUID, language: Language | None, now: datetime
) -> Reader:
    """The member's own language unless another is asked for; English and UTC for whom the directory lacks."""
    member = await session.get(Member, member_id)
    if member is None:
        return Reader(language or Language.EN, now.astimezone(UTC).date())
    return Reader(language or Language(member.language), now.astimezone(_zone(member.time_zone)).date())


async def inbox_page(
    session: AsyncSession, member_id: UUID, reader: Reader, *, only: Only, before: int | None, limit: int
) -> InboxView:
    """One page, newest arrivals first. An item keeps its place when it is read or done."""
    page = sa.select(Item).where(Item.member_id == member_id).order_by(Item.arrival.desc()).limit(limit + 1)
    if only is not Only.ALL:
        page = page.where(Item.done_at.is_(None))
    if only is Only.UNREAD:
        page = page.where(Item.read_at.is_(None))
    if before is not None:
        page = page.where(Item.arrival < before)
    # The position first: what comes between the two looks is then in both page and stream, never in neither.
    position = await position_of(session, member_id)
    found = (await session.scalars(page)).all()
    shown, more = found[:limit], len(found) > limit
    return InboxView(
        unread=await unread_in(session, member_id),
        position=position,
        items=await items_for(session, shown, reader),
        next=shown[-1].arrival if more else None,
    )


async def items_for(session: AsyncSession, items: Sequence[Item], reader: Reader) -> list[ItemView]:
    facts = {item.id: TaskFacts.model_validate(item.facts) for item in items}
    named = {code for one in facts.values() for code in (*one.units, *one.waiting_for)}
    names = await _names_of(session, named)
    return [_view(item, facts[item.id], reader, names) for item in items]


async def changes_in(
    session: AsyncSession, member_id: UUID, reader: Reader, *, after: int | None, limit: int
) -> Changes:
    """The items new or changed after a position, in the order of their newest change; without one, where to begin.

    A position ahead of ours was numbered by a database that has since been set back: it goes on from here.
    """
    position = await position_of(session, member_id)
    items: Sequence[Item] = ()
    if after is not None and after < position:
        changed = sa.select(Item).where(Item.member_id == member_id, Item.position > after)
        items = (await session.scalars(changed.order_by(Item.position).limit(limit))).all()
    shown = await items_for(session, items, reader)
    return Changes(
        unread=await unread_in(session, member_id),
        position=items[-1].position if items else position,
        items=[
            ChangedItem(**view.model_dump(), traceparent=item.traceparent)
            for item, view in zip(items, shown, strict=True)
        ],
    )


async def position_of(session: AsyncSession, member_id: UUID) -> int:
    return await session.scalar(sa.select(Inbox.position).where(Inbox.member_id == member_id)) or 0


async def unread_in(session: AsyncSession, member_id: UUID) -> int:
    """How many items were neither opened nor done."""
    unread = sa.select(sa.func.count()).where(
        Item.member_id == member_id, Item.read_at.is_(None), Item.done_at.is_(None)
    )
    return await session.scalar(unread) or 0


def _view(item: Item, facts: TaskFacts, reader: Reader, names: Names) -> ItemView:
    reason = Reason(item.reason)
    message = Message(item.event_type, reason, facts, reader.today, is_open=item.done_at is None)
    words = render(message, reader.language, names)
    return ItemView(
        item_id=item.id,
        position=item.position,
        reason=reason,
        event_type=item.event_type,
        task_id=item.task_id,
        title=words.title,
        body=words.body,
        request=facts.request,
        created_at=item.created_at,
        due_on=item.due_on,
        read_at=item.read_at,
        done_at=item.done_at,
        trace_id=trace_id_of(item.traceparent),
    )


async def _names_of(session: AsyncSession, codes: set[str]) -> Names:
    named = sa.select(Organisation.code, Organisation.names).where(Organisation.code.in_(codes))
    return {row.code: row.names for row in await session.execute(named)} if codes else {}


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return UTC
