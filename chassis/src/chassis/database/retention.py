"""Rows the backbone needs no more are deleted, in small steps and beside the work, never in its way."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import sqlalchemy as sa
import structlog

from chassis.database.engine import Database, is_database_away

log = structlog.get_logger()

RETENTION = timedelta(days=3)
"""Published rows stay in the outbox, so that a lost broker store can be refilled from PostgreSQL; 24 h is the least."""
INBOX_RETENTION = timedelta(days=35)
"""Longer than the stream keeps an event, so that nothing it can still deliver is applied a second time."""
_STEP = 5_000
_EVERY = 3600.0
_OLD = (
    ("outbox", "published_at", RETENTION),
    ("inbox", "applied_at", INBOX_RETENTION),
)


async def delete_old_rows(database: Database, *, step: int = _STEP) -> int:
    """Delete what is past its retention, `step` rows to a transaction; returns how many there were."""
    deleted = 0
    for table, column, retention in _OLD:
        # Whichever of the two clocks is behind: one that is days ahead would make what was just published old.
        past = f"{column} < LEAST(:now, now()) - CAST(:kept AS interval)"
        old = f"SELECT ctid FROM {table} WHERE {past} LIMIT :step"  # noqa: S608 - our own names
        statement = sa.text(f"DELETE FROM {table} WHERE ctid = ANY(ARRAY({old})) RETURNING 1")  # noqa: S608
        while True:
            async with database.transaction() as tx:
                told = {"now": tx.now, "kept": retention, "step": step}
                count = len((await tx.session.scalars(statement, told)).all())
            deleted += count
            if count < step:
                break
    return deleted


async def run_retention(database: Database, *, due: Callable[[], bool], stopping: asyncio.Event) -> None:
    """Forget old rows every hour while it is `due` here, until stopping."""
    while not stopping.is_set():
        with suppress(TimeoutError):
            async with asyncio.timeout(_EVERY):
                await stopping.wait()
        if stopping.is_set() or not due():
            continue
        try:
            log.info("old rows forgotten", rows=await delete_old_rows(database))
        except Exception as error:
            if not is_database_away(error):
                raise
            log.warning("old rows not forgotten now", error=type(error).__name__)
