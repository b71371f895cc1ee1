"""A stream that was lost is filled again from the outbox, which keeps what was published for days.

The rows are published once more, in their order, by the relay, as if they had never been; what a consumer had applied
already its inbox drops.
"""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.broker.stream_identity import KNOWN, RecordedStream
from chassis.database.tables import OUTBOX_WRITTEN, STREAM_FORGOTTEN
from chassis.outbox.relay import session_of

LOST = "what it held has to be published again"

# Writers wait meanwhile: an event announced now must not be published ahead of those it follows.
_ALONE = sa.text("LOCK TABLE outbox, outbox_marks IN SHARE ROW EXCLUSIVE MODE")
# A relay that stands still since it asked which stream there is would go on as if nothing had happened, and note the
# one that was lost: so nothing that it has begun reaches the database any more. It connects again, and asks again.
_CUT_OFF = sa.text("""
SELECT bool_and(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity
WHERE application_name = :relay AND datname = current_database()
""")
_KEPT = sa.text(
    "SELECT count(*) AS rows, min(announced_at) AS since FROM outbox JOIN outbox_marks USING (position)"
)
AGAIN = "DELETE FROM outbox_marks"
FORGET = "DELETE FROM known_streams"
"""Both for whoever stands at the database itself, with no service running; else `republish` does it."""
_WAKE = sa.text("SELECT pg_notify(:forgotten, ''), pg_notify(:written, '')")
_KNOWN = sa.text(KNOWN.replace("$1", ":stream"))


@dataclass(frozen=True, slots=True)
class Refill:
    """What is published once more: how many events, and when the oldest was announced (None where there are none)."""

    events: int
    kept_since: datetime | None


class RelayRemainsError(Exception):
    """A relay's session did not end when it was told to; nothing was taken back."""


async def republish(session: AsyncSession, service: str) -> Refill:
    """Take back that anything was published, and where: the relay begins anew with the oldest row that is kept.

    Raises RelayRemainsError.
    """
    await session.execute(_ALONE)
    if await session.scalar(_CUT_OFF, {"relay": session_of(service)}) is False:
        raise RelayRemainsError
    kept = (await session.execute(_KEPT)).one()
    await session.execute(sa.text(AGAIN))
    await session.execute(sa.text(FORGET))
    await session.execute(_WAKE, {"forgotten": STREAM_FORGOTTEN, "written": OUTBOX_WRITTEN})
    return Refill(kept.rows, kept.since)


async def known(session: AsyncSession, stream: str) -> RecordedStream:
    """Which stream it was that has acknowledged what is marked, and how far it was."""
    return RecordedStream(*(await session.execute(_KNOWN, {"stream": stream})).one())
