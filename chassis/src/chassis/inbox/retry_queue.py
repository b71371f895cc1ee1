"""Events that wait: for another attempt, or for another of their key to be through. One table, in order of coming."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.database.tables import waiting_events
from chassis.messages import StreamMessage
from contracts.event import slot_of

ROUND = 200
"""Waiting events looked at together, at most."""
_ROUND_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class QueuedEvent:
    """A waiting event as it is stored; `history` tells of its failed attempts."""

    position: int
    event_id: UUID
    key: str
    message: StreamMessage
    attempts: int
    history: Sequence[Mapping[str, Any]]
    error_class: str | None = None
    """Of the last failed attempt."""


_HEADS = sa.text("""
SELECT DISTINCT ON (key) key, next_attempt_at, attempts FROM waiting_events
WHERE durable = :durable AND slot = ANY(:slots) AND (CAST(:keys AS text[]) IS NULL OR key = ANY(:keys))
ORDER BY key, position
""")
_NEXT = sa.text("""
WITH next AS (
    SELECT position, event_id, key, stream, stream_sequence, nats_subject, payload, attempts, history, error_class
    FROM waiting_events WHERE durable = :durable AND key = ANY(:keys) ORDER BY position LIMIT :rows),
sized AS (SELECT *, sum(octet_length(payload)) OVER (ORDER BY position) - octet_length(payload) AS before FROM next)
SELECT * FROM sized WHERE before < :bytes ORDER BY position
""")


async def heads(
    session: AsyncSession, durable: str, slots: Sequence[int], keys: Collection[str] | None = None
) -> dict[str, tuple[datetime, int]]:
    """When the first waiting event of each key is due, and how often it failed; of all keys or of these."""
    told = {"durable": durable, "slots": list(slots), "keys": None if keys is None else list(keys)}
    return {row.key: (row.next_attempt_at, row.attempts) for row in await session.execute(_HEADS, told)}


async def next_rows(
    session: AsyncSession, durable: str, keys: Collection[str], *, rows: int = ROUND
) -> list[QueuedEvent]:
    """Read the waiting events of these keys, first come first, as many as are looked at together."""
    told = {"durable": durable, "keys": list(keys), "rows": rows, "bytes": _ROUND_BYTES}
    return [
        QueuedEvent(
            position=row.position,
            event_id=row.event_id,
            key=row.key,
            message=StreamMessage(row.stream, row.stream_sequence, row.nats_subject, row.payload),
            attempts=row.attempts,
            history=row.history,
            error_class=row.error_class,
        )
        for row in await session.execute(_NEXT, told)
    ]


def a_row(durable: str, event_id: UUID, key: str, message: StreamMessage, *, now: datetime) -> dict[str, Any]:
    """Describe an event that begins to wait, due at once and never tried."""
    return {
        "durable": durable,
        "event_id": event_id,
        "slot": int(slot_of(key)),
        "key": key,
        "stream": message.stream,
        "stream_sequence": message.stream_sequence,
        "nats_subject": message.subject,
        "payload": message.payload,
        "attempts": 0,
        "next_attempt_at": now,
        "error_class": None,
        "error": None,
        "history": [],
        "waits_since": now,
    }


async def put(session: AsyncSession, rows: Sequence[Mapping[str, Any]]) -> None:
    """Store events that begin to wait, in this order. Only the owner of the durable may."""
    if rows:
        await session.execute(insert(waiting_events).values([dict(row) for row in rows]))


async def put_off(
    session: AsyncSession, position: int, failure: Mapping[str, Any], history: Sequence[Mapping[str, Any]]
) -> None:
    """Note a failed attempt of a waiting event, and when the next is due."""
    where = waiting_events.c.position == position
    await session.execute(sa.update(waiting_events).where(where).values(**failure, history=list(history)))
