"""A stream that was lost is filled again from the outbox, which keeps what was published for days.

The rows are published once more, in their order, by the relay, as if they had never been; what a consumer had applied
already its inbox drops.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from fastapi import APIRouter, Request
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.http import allow, service_of
from chassis.tables import OUTBOX_WRITTEN

router = APIRouter(prefix="/internal/outbox", include_in_schema=False)

LOST = "`./ssenet events refill` publishes again what the databases hold"

# Writers wait meanwhile: an event announced now must not be published ahead of those it follows.
_ALONE = sa.text("LOCK TABLE outbox IN SHARE ROW EXCLUSIVE MODE")
_KEPT = sa.text(
    "SELECT count(*) AS rows, min(published_at) AS since FROM outbox WHERE published_at IS NOT NULL"
)
AGAIN = "UPDATE outbox SET published_at = NULL, stream_sequence = NULL WHERE published_at IS NOT NULL"
"""For whoever stands at the database itself, with no service running."""
_WAKE = sa.text("SELECT pg_notify(:channel, '')")
# By the index on the time: a batch has one. The highest place of the last one is what the stream must reach.
_REACHED = sa.text("""
SELECT max(stream_sequence) FROM (
    SELECT stream_sequence FROM outbox WHERE published_at IS NOT NULL ORDER BY published_at DESC LIMIT 100) AS last
""")


@dataclass(frozen=True, slots=True)
class Refill:
    """What is published once more: how many events, and since when they are kept (None where there are none)."""

    events: int
    kept_since: datetime | None


async def publish_again(session: AsyncSession) -> Refill:
    """Take back that anything was published: the relay begins anew with the oldest row that is kept."""
    await session.execute(_ALONE)
    kept = (await session.execute(_KEPT)).one()
    await session.execute(sa.text(AGAIN))
    await session.execute(_WAKE, {"channel": OUTBOX_WRITTEN})
    return Refill(kept.rows, kept.since)


async def reached(session: AsyncSession) -> int:
    """How far the stream was, by its last acknowledgement of a batch of ours; 0 where there was none."""
    return await session.scalar(_REACHED) or 0


@router.post("/publish-again", dependencies=[allow("operator")])
async def publish_everything_again(request: Request) -> Mapping[str, Any]:
    """Publish every kept event once more, in order. Done again, it does no harm."""
    async with service_of(request).database.transaction() as tx:
        return asdict(await publish_again(tx.session))
