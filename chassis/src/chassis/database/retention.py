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
# Whichever of the two clocks is behind: one that is days ahead would make what was just published old.
_PAST = "LEAST(:now, now()) - CAST(:kept AS interval)"
# In the order in which they were published, so that what is still kept is never looked through.
_PUBLISHED = f"""
WITH first AS (SELECT position, published_at FROM outbox_marks ORDER BY stream_sequence LIMIT :step),
old AS (DELETE FROM outbox_marks USING first
        WHERE outbox_marks.position = first.position AND first.published_at < {_PAST} RETURNING first.position),
rows AS (DELETE FROM outbox USING old WHERE outbox.position = old.position)
SELECT 1 FROM old
"""  # noqa: S608 - our own words
_APPLIED = f"""
DELETE FROM inbox WHERE ctid = ANY(ARRAY(SELECT ctid FROM inbox WHERE applied_at < {_PAST} LIMIT :step)) RETURNING 1
"""  # noqa: S608
_OLD = ((sa.text(_PUBLISHED), RETENTION), (sa.text(_APPLIED), INBOX_RETENTION))


async def delete_old_rows(database: Database, *, step: int = _STEP) -> int:
    """Delete what is past its retention, `step` rows to a transaction; returns how many there were."""
    deleted = 0
    for statement, retention in _OLD:
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
