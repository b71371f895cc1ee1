"""Pages of a partner's events in the order in which they were taken, backward and forward.

An event has its position before it is committed, so one with a lower position may be seen later than one with a higher.
Whoever stores events holds a lock on the table from before it takes a position until its commit is seen by others: once
all who held it at some moment are gone, every position that had been seen by then is decided. Forward pages end there.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from contracts.words import OrganisationCode
from gateway.tables import ReceivedEvent

PATIENCE = 100
"""Looks at those who write before a page is given up as not decided yet; each is so long after the one before."""
PAUSE = 0.01

_WRITERS = sa.text("""
SELECT virtualtransaction FROM pg_locks
WHERE relation = 'received_events'::regclass AND mode = 'RowExclusiveLock' AND granted AND locktype = 'relation'
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
""")


class NoSuchPlaceError(LookupError):
    """None of the partner's events has this id, so there is nothing before or after it."""


async def events_before(
    session: AsyncSession, partner: OrganisationCode, before: UUID | None, *, limit: int
) -> Sequence[ReceivedEvent]:
    """Give the latest events, or those that were taken before one of them, the newest first."""
    events = _of(partner)
    if before is not None:
        events = events.where(ReceivedEvent.position < await _place_of(session, partner, before))
    return (await session.scalars(events.order_by(ReceivedEvent.position.desc()).limit(limit))).all()


async def events_since(
    session: AsyncSession, partner: OrganisationCode, since: UUID | datetime, *, limit: int
) -> Sequence[ReceivedEvent]:
    """Give the events that were taken after one of them, or from a time on, the oldest first and none left out.

    What cannot be told to be whole yet is left for the next time: events that are being stored at this moment.
    """
    events = _of(partner)
    if isinstance(since, UUID):
        events = events.where(ReceivedEvent.position > await _place_of(session, partner, since))
    else:
        events = events.where(ReceivedEvent.received_at >= since)
    events = events.order_by(ReceivedEvent.position).limit(limit)
    seen = (await session.scalars(events.with_only_columns(ReceivedEvent.position))).all()
    if not seen or not await _writers_are_gone(session):
        return ()
    # Each statement sees what was committed before it: whoever was to commit something in between has done so by now.
    return (await session.scalars(events.where(ReceivedEvent.position <= seen[-1]))).all()


async def _writers_are_gone(session: AsyncSession) -> bool:
    """Wait until all who write at this moment have ended; those who begin later take positions not seen yet."""
    writing = await _writers(session)
    for _ in range(PATIENCE):
        if not writing:
            break
        await asyncio.sleep(PAUSE)
        writing &= await _writers(session)
    return not writing


async def _writers(session: AsyncSession) -> set[str]:
    return set(await session.scalars(_WRITERS))


async def _place_of(session: AsyncSession, partner: OrganisationCode, event_id: UUID) -> int:
    events = _of(partner).where(ReceivedEvent.event_id == event_id)
    place: int | None = await session.scalar(events.with_only_columns(ReceivedEvent.position))
    if place is None:
        raise NoSuchPlaceError(str(event_id))
    return place


def _of(partner: OrganisationCode) -> sa.Select[Any]:
    return sa.select(ReceivedEvent).where(ReceivedEvent.partner == partner)
