"""Projections rebuilt from the stream while the service runs: every row is written again by the event it came from.

A rebuild first takes each row one step back: its `sequence` is lowered by one, and what it holds stays for readers.
So the very event that wrote a row is newer than the row again, and older ones are not: nothing ever goes back in time.
In the same commit the inbox forgets what the handler had applied; then the durable is set back in the stream, and the
handler does the rest. In the end a row that no event reached gets its step back, and is reported.

Each stage is kept in `projection_rebuilds` and may be done twice, so a crash anywhere only means going on.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import nats.errors
import nats.js.errors
import sqlalchemy as sa
import structlog
from nats.js.api import ConsumerInfo
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase

from chassis.broker.connection import Broker, DurableGoneError
from chassis.broker.stream_reader import StreamReader
from chassis.database.engine import Database, is_database_away
from chassis.database.tables import projection_rebuild_rows, projection_rebuilds, waiting_events
from chassis.database.transaction import Transaction
from chassis.ids import new_id
from chassis.operators import Who
from chassis.subscriptions.router import Subscription, Subscriptions

log = structlog.get_logger()

_EVERY = 0.5
_IDLE = 5.0
_ON_THEIR_WAY = 0.5
"""Seconds that acknowledgements already sent are given to arrive. A later one makes the rebuild skip what it is of: the
rows that no event reached are in the report, and another rebuild mends them."""
_NAMED = 20
"""Rows that no event reached are named in the report up to this many."""
_COLUMNS = projection_rebuilds.c

# What waits its turn stays taken, and so does a dead letter's event, unless it was replayed as it came.
_FORGET = sa.text("""
DELETE FROM inbox WHERE durable = :durable
AND event_id NOT IN (SELECT event_id FROM waiting_events WHERE durable = :durable)
AND event_id NOT IN (
    SELECT event_id FROM dead_letters WHERE durable = :durable AND event_id IS NOT NULL
    AND (state <> 'replayed' OR edited_payload IS NOT NULL))
""")
# Whoever is about to commit a batch under an older token is refused, and begins anew where the durable then stands.
# That is no crash of it.
_FENCE_OFF = sa.text("UPDATE durable_owners SET token = token + 1, released = true WHERE durable = :durable")


class NoProjectionError(Exception):
    """The handler does more than keep the newest state, and cannot hear its events again."""


class RebuildUnderWayError(Exception):
    """Another rebuild of the projection is under way."""


class RebuildJustFinishedError(Exception):
    """A rebuild of the projection ended while another was asked for."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a rebuild is: events to go through in all, and those still to come."""

    rebuild: sa.Row[Any]
    total: int
    pending: int
    hindered_by: str | None = None
    """What keeps it from going on, as far as this process has found out."""


async def begin(
    database: Database, subscription: Subscription, who: Who, *, from_time: datetime | None = None
) -> UUID:
    """Have a projection rebuilt; returns the rebuild, the same one while it is under way and wanted from the same time.

    Raises NoProjectionError, RebuildUnderWayError or RebuildJustFinishedError.
    """
    if not subscription.projections:
        told = (
            f"{subscription.durable} is not a projection: its handler does more than keep the newest state, "
            "and hearing its events again would do that more a second time."
        )
        raise NoProjectionError(told)
    async with database.transaction() as tx:
        row = {
            "id": new_id(),
            "durable": subscription.durable,
            "state": "beginning",
            "from_time": from_time,
            "requested_at": tx.now,
            "caller": who.caller,
            "by": who.by,
            "reason": who.reason,
        }
        made = insert(projection_rebuilds).values(row).on_conflict_do_nothing().returning(_COLUMNS.id)
        rebuild_id = await tx.session.scalar(made)
        if rebuild_id is None:
            return await _under_way(tx, subscription.durable, from_time)
        # First of all, since the handler's transactions lock their fence before their rows.
        await tx.session.execute(_FENCE_OFF, {"durable": subscription.durable})
        for table in subscription.projections:
            await _step_back(tx, rebuild_id, _table(table))
        await tx.session.execute(_FORGET, {"durable": subscription.durable})
    log.info("rebuild of a projection begun", durable=subscription.durable, rebuild=str(rebuild_id))
    return rebuild_id


async def _under_way(tx: Transaction, durable: str, from_time: datetime | None) -> UUID:
    unfinished = (_COLUMNS.durable == durable) & (_COLUMNS.state != "finished")
    found = (await tx.session.execute(sa.select(projection_rebuilds).where(unfinished))).first()
    if found is None:
        raise RebuildJustFinishedError("A rebuild has just finished. Ask again if you want another.")
    if found.from_time != from_time:
        since = "from the start" if found.from_time is None else f"from {found.from_time.isoformat()}"
        raise RebuildUnderWayError(f"A rebuild {since} is under way; wait until it is finished.")
    return found.id


def _table(projection: type[DeclarativeBase]) -> sa.Table:
    table = projection.__table__
    assert isinstance(table, sa.Table)
    return table


async def _step_back(tx: Transaction, rebuild_id: UUID, table: sa.Table) -> None:
    [key] = table.primary_key.columns
    name = table.fullname
    # Writers wait for the moment that this takes, readers do not; what they write then meets the rows set back.
    await tx.session.execute(sa.text(f'LOCK TABLE "{name}" IN SHARE ROW EXCLUSIVE MODE'))
    kept = sa.select(
        sa.literal(rebuild_id), sa.literal(name), sa.cast(key, sa.Text), table.c.epoch, table.c.sequence
    )
    columns = ["rebuild_id", "table_name", "key", "epoch", "sequence"]
    await tx.session.execute(sa.insert(projection_rebuild_rows).from_select(columns, kept))
    await tx.session.execute(sa.update(table).values(sequence=table.c.sequence - 1))


class Rebuilder:
    """Carries the rebuilds of one service to their end; in every process of it, one at a time at each rebuild."""

    def __init__(
        self,
        subscriptions: Subscriptions,
        database: Database,
        broker: Broker,
        reader: StreamReader,
        *,
        stream: str,
        parts: Mapping[str, Sequence[str]],
    ) -> None:
        self._subscriptions = {one.durable: one for one in subscriptions}
        self._database = database
        self._broker = broker
        self._reader = reader
        self._stream = stream
        self._parts = parts
        self._wanted = asyncio.Event()
        self._hindered: dict[UUID, str] = {}
        """Why a rebuild does not go on in this process, of those that do not."""

    def wake(self) -> None:
        """Look at once: there is a new rebuild."""
        self._wanted.set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Carry on what is under way, until stopping; survives broker and database."""
        while not stopping.is_set():
            busy = False
            self._wanted.clear()
            try:
                busy = await self.advance()
            except Exception as error:
                if not is_database_away(error):
                    raise
                log.warning("rebuilds wait", error=str(error) or type(error).__name__)
            waits = [asyncio.create_task(self._wanted.wait()), asyncio.create_task(stopping.wait())]
            await asyncio.wait(waits, timeout=_EVERY if busy else _IDLE, return_when=asyncio.FIRST_COMPLETED)
            for one in waits:
                one.cancel()

    async def advance(self) -> bool:
        """Do the next stage of each rebuild, whatever hinders another; returns whether any is still under way."""
        async with self._database.reading() as session:
            unfinished = sa.select(_COLUMNS.id).where(_COLUMNS.state != "finished")
            ids = list(await session.scalars(unfinished))
        for rebuild_id in ids:
            try:
                why = await self._advance_one(rebuild_id)
            except (nats.errors.Error, OSError) as error:
                why = str(error) or type(error).__name__
            if why is None:
                self._hindered.pop(rebuild_id, None)
            elif self._hindered.get(rebuild_id) != why:
                self._hindered[rebuild_id] = why
                log.warning("a rebuild waits", rebuild=str(rebuild_id), reason=why)
        return bool(ids)

    async def _advance_one(self, rebuild_id: UUID) -> str | None:
        async with self._database.transaction() as tx:
            statement = sa.select(projection_rebuilds).where(_COLUMNS.id == rebuild_id)
            held = await tx.session.execute(statement.with_for_update(skip_locked=True))
            if (rebuild := held.first()) is not None and rebuild.durable in self._parts:
                return await self._advance(tx, rebuild)
        return None

    async def _advance(self, tx: Transaction, rebuild: sa.Row[Any]) -> str | None:
        """Do the next stage, where it can be done; returns what hinders it, where something does."""
        if rebuild.targets and set(rebuild.targets) != set(self._parts[rebuild.durable]):
            # The durable was split anew meanwhile: its parts have to be set back all over.
            await self._store(tx, rebuild, state="beginning", targets=None)
        elif rebuild.state == "beginning":
            # Kept before the durables are set back: afterwards nobody could say how far they had been.
            targets = await self._targets(rebuild)
            await self._store(tx, rebuild, state="rewinding", targets=targets)
        elif rebuild.state == "rewinding":
            # A batch in hand would be acknowledged after the durable was set back, and with it all before it, unheard.
            # This waits for open transactions, and holds up new ones; what they acknowledge is given time to arrive.
            await tx.session.execute(_FENCE_OFF, {"durable": rebuild.durable})
            await asyncio.sleep(_ON_THEIR_WAY)
            targets = {name: dict(one) for name, one in rebuild.targets.items()}
            for name, target in targets.items():
                told = await self._broker.reset_durable(self._stream, name, sequence=target["first"])
                target["total"] = int(told["num_pending"])
            await self._store(tx, rebuild, state="applying", targets=targets)
        elif rebuild.state == "applying" and await self._caught_up(rebuild):
            # Acknowledged is not applied: an event that failed, or stands behind one, waits in the database.
            if waiting := await self._waiting(tx, rebuild):
                return f"{waiting} of its events wait for their next attempt, or behind one that does"
            await self._finish(tx, rebuild)
        return None

    async def _waiting(self, tx: Transaction, rebuild: sa.Row[Any]) -> int:
        """How many events of those to go through are stored to be tried again."""
        until = max(target["until"] for target in rebuild.targets.values())
        of_these = (waiting_events.c.durable == rebuild.durable) & (waiting_events.c.stream_sequence <= until)
        counted = sa.select(sa.func.count()).select_from(waiting_events).where(of_these)
        return await tx.session.scalar(counted) or 0

    async def _targets(self, rebuild: sa.Row[Any]) -> dict[str, dict[str, int]]:
        since = None
        if rebuild.from_time is not None:
            since = await self._reader.first_since(rebuild.from_time)
        targets: dict[str, dict[str, int]] = {}
        for name in self._parts[rebuild.durable]:
            info = await self._info(name)
            # Never beyond what is not acknowledged yet, or it would be skipped.
            behind_floor = _place(info.ack_floor) + 1
            first = 1 if rebuild.from_time is None else min(since or behind_floor, behind_floor)
            targets[name] = {"first": first, "until": _place(info.delivered)}
        return targets

    async def _info(self, name: str) -> ConsumerInfo:
        try:
            return await self._broker.jetstream.consumer_info(self._stream, name)
        except nats.js.errors.NotFoundError as error:
            raise DurableGoneError(f"the durable {name} of {self._stream} is gone") from error

    async def _caught_up(self, rebuild: sa.Row[Any]) -> bool:
        for name, target in rebuild.targets.items():
            info = await self._info(name)
            nothing_left = not info.num_pending and not info.num_ack_pending
            if _place(info.ack_floor) < target["until"] and not nothing_left:
                return False
        return True

    async def _finish(self, tx: Transaction, rebuild: sa.Row[Any]) -> None:
        tables = [_table(one) for one in self._subscriptions[rebuild.durable].projections]
        report = {table.fullname: await _given_back(tx, rebuild.id, table) for table in tables}
        mine = projection_rebuild_rows.c.rebuild_id == rebuild.id
        await tx.session.execute(sa.delete(projection_rebuild_rows).where(mine))
        await self._store(tx, rebuild, state="finished", finished_at=tx.now, report=report)
        log.info("projection rebuilt", durable=rebuild.durable, rebuild=str(rebuild.id))

    async def _store(self, tx: Transaction, rebuild: sa.Row[Any], **values: Any) -> None:
        changed = sa.update(projection_rebuilds).where(_COLUMNS.id == rebuild.id)
        await tx.session.execute(changed.values(**values))

    async def progress(self, session: AsyncSession, durable: str) -> Progress | None:
        """The newest rebuild of a durable, and how far it is; None where there never was one."""
        newest = (
            sa.select(projection_rebuilds).where(_COLUMNS.durable == durable).order_by(_COLUMNS.id.desc())
        )
        rebuild = (await session.execute(newest.limit(1))).first()
        if rebuild is None:
            return None
        total = sum(one.get("total", 0) for one in (rebuild.targets or {}).values())
        pending = total
        if rebuild.state == "finished":
            pending = 0
        elif rebuild.state == "applying":
            with suppress(nats.errors.Error, OSError):
                infos = [await self._info(name) for name in rebuild.targets]
                pending = sum((one.num_pending or 0) + (one.num_ack_pending or 0) for one in infos)
        return Progress(rebuild, total, min(pending, total), self._hindered.get(rebuild.id))


def _place(sequences: Any) -> int:
    return 0 if sequences is None else int(sequences.stream_seq)


async def _given_back(tx: Transaction, rebuild_id: UUID, table: sa.Table) -> dict[str, Any]:
    """Give rows that no event reached their version back; returns how many rows there were, and which those are."""
    kept = projection_rebuild_rows.c
    [key] = table.primary_key.columns
    of_table = (kept.rebuild_id == rebuild_id) & (kept.table_name == table.fullname)
    rows = await tx.session.scalar(sa.select(sa.func.count()).where(of_table)) or 0
    as_it_was_set = (table.c.epoch == kept.epoch) & (table.c.sequence == kept.sequence - 1)
    unreached = (
        sa.update(table)
        .where(of_table, sa.cast(key, sa.Text) == kept.key, as_it_was_set)
        .values(sequence=kept.sequence)
        .returning(kept.key)
    )
    keys = sorted(await tx.session.scalars(unreached))
    return {"rows": rows, "unreached": len(keys), "some": keys[:_NAMED]}


def described(progress: Progress) -> dict[str, Any]:
    """A rebuild for a reader."""
    rebuild = progress.rebuild
    return {
        "id": rebuild.id,
        "durable": rebuild.durable,
        "state": rebuild.state,
        "from_time": rebuild.from_time,
        "requested_at": rebuild.requested_at,
        "by": rebuild.by,
        "reason": rebuild.reason,
        "total": progress.total,
        "pending": progress.pending,
        "hindered_by": progress.hindered_by,
        "finished_at": rebuild.finished_at,
        "report": rebuild.report,
    }
