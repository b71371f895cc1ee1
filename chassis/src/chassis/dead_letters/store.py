"""Dead letters: events that were given up, kept with their bytes, their error and the story of their attempts."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.database.tables import dead_letters
from chassis.ids import new_id
from chassis.messages import StreamMessage
from chassis.telemetry import tracing
from contracts.event import Envelope

_LONGEST = 4000


def described(error: Exception) -> str:
    """Put an error into words that PostgreSQL can store."""
    return storable(f"{type(error).__name__}: {error}"[:_LONGEST])


def storable(text: str) -> str:
    """The text without the one character that PostgreSQL refuses."""
    return text.replace("\x00", "\\0")


def letter_fields(envelope: Envelope | None) -> dict[str, Any]:
    """What a letter says of its event, where the message has one that can be read."""
    return {
        "event_id": envelope.id if envelope else None,
        "type": storable(envelope.type) if envelope else None,
        "dataschema": storable(envelope.dataschema) if envelope else None,
        "trace_id": tracing.trace_id_of(envelope.traceparent) if envelope else None,
    }


def failed_attempt(number: int, error: Exception, *, now: datetime) -> dict[str, Any]:
    """What the history of an event tells of one failed attempt."""
    return {"attempt": number, "failed_at": now.isoformat(), "error": described(error)}


async def write_letter(
    session: AsyncSession,
    durable: str,
    message: StreamMessage,
    envelope: Envelope | None,
    error: Exception,
    *,
    history: Sequence[Mapping[str, Any]],
    now: datetime,
) -> None:
    """Write the dead letter of a message, once; `envelope` where the message has one that can be read."""
    row: dict[str, Any] = {
        "id": new_id(),
        "durable": durable,
        "stream": message.stream,
        "stream_sequence": message.stream_sequence,
        "nats_subject": message.subject,
        **letter_fields(envelope),
        "payload": message.payload,
        "error_class": type(error).__name__,
        "error": described(error),
        "attempts": list(history),
        "died_at": now,
    }
    await session.execute(insert(dead_letters).values(row).on_conflict_do_nothing())
