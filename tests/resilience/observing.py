"""Reading what is there: from the databases and the stream themselves, past services and links."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import nats.errors
import nats.js.errors
import orjson

from chassis.broker.connection import MSG_ID
from ssenet.operators.refill_broker import handlers_durables
from ssenet.project import SERVICES
from tests.resilience.handling import EFFECTS
from tests.resilience.history import (
    Announced,
    Effect,
    GivenUp,
    History,
    Item,
    Letter,
    Received,
    Stored,
    Taken,
    Task,
)
from tests.resilience.stage import Stage, topology

_NUMBERED = {
    "coordination": ("inbox", "tasks", "task_history", "dead_letters"),
    "notifications": ("inbox", "items", "dead_letters"),
    "gateway": ("inbox", "received_events", "dead_letters"),
    "registry": ("inbox", "dead_letters"),
}
"""Tables whose rows are numbered as they come, so that each look reads only what is new."""
_MARKED = "EXISTS (SELECT FROM outbox_marks AS mark WHERE mark.position = outbox.position)"
_UNPUBLISHED = f"SELECT count(*) FROM outbox WHERE NOT {_MARKED}"  # noqa: S608 - our own words
_COMMITTED = "extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8 AS committed"
_MEMBERS = {"registry": "id", "coordination": "id", "notifications": "member_id"}
"""What the members' key is called in each directory."""
_AWAY = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError, nats.errors.Error)


@dataclass
class Observer:
    """Reads one stage into one history, bit by bit."""

    stage: Stage
    history: History = field(default_factory=History)
    _seen: dict[str, int] = field(default_factory=dict[str, int])

    async def begin(self) -> None:
        """Have rows numbered, and pass over what a start alone has made."""
        for service, tables in _NUMBERED.items():
            connection = await asyncpg.connect(self.stage.database_url(service))
            for table in tables:
                await connection.execute(
                    f"ALTER TABLE {table} ADD COLUMN place bigint GENERATED ALWAYS AS IDENTITY"
                )
            # What was taken before has none: a start alone has made it.
            await connection.execute("ALTER TABLE inbox ADD COLUMN work bigint NOT NULL DEFAULT 0")
            await connection.execute(
                "ALTER TABLE inbox ALTER COLUMN work SET DEFAULT pg_current_xact_id()::text::bigint"
            )
            await connection.close()
        self.history.hearing = {
            heard.durable: heard.types for service in topology().services for heard in service.hears
        }

    def forget(self) -> History:
        """Begin a new history from here; returns the one that ends."""
        ended, self.history = self.history, History(hearing=self.history.hearing)
        return ended

    async def is_settled(self) -> str:
        """What is still under way, in words; nothing once everything committed has arrived everywhere."""
        try:
            async with asyncio.timeout(5):
                return await self._under_way() or await self._under_way()
        except _AWAY as error:
            return f"{type(error).__name__}: {error}"

    async def _under_way(self) -> str:
        if not await self.stage.ready():
            return "not ready"
        for service in SERVICES:
            connection = await asyncpg.connect(self.stage.database_url(service), timeout=2)
            try:
                if count := await connection.fetchval(_UNPUBLISHED):
                    return f"{count} events of {service} wait for the stream"
                if await connection.fetchval("SELECT to_regclass('waiting_events') IS NOT NULL") and (
                    count := await connection.fetchval("SELECT count(*) FROM waiting_events")
                ):
                    return f"{count} events wait at {service}"
            finally:
                await connection.close()
        async with self.stage.provisioner() as client:
            for one in await handlers_durables(client.jetstream, topology()):
                if one.num_pending or one.num_ack_pending:
                    return (
                        f"{one.name} has {one.num_pending} to come and {one.num_ack_pending} unacknowledged"
                    )
        return ""

    async def look(self) -> None:
        """Add to the history what is new since the last look."""
        for service in SERVICES:
            connection = await asyncpg.connect(self.stage.database_url(service))
            try:
                await self._read(service, connection)
            finally:
                await connection.close()
        await self._read_streams()
        self.history.fell += self.stage.fell
        self.stage.fell.clear()

    async def _read(self, service: str, connection: asyncpg.Connection) -> None:
        history = self.history
        for row in await self._new(
            service,
            connection,
            "outbox",
            f"event_id, type, aggregate_id, epoch, sequence, {_MARKED} AS published",
            "position",
        ):
            history.announced.append(
                Announced(
                    service,
                    str(row["event_id"]),
                    row["type"],
                    row["aggregate_id"],
                    row["epoch"],
                    row["sequence"],
                    row["published"],
                )
            )
        for row in await self._new(service, connection, "inbox", "durable, event_id, work"):
            history.taken.append(Taken(service, row["durable"], str(row["event_id"]), row["at"], row["work"]))
        for row in await self._new(service, connection, EFFECTS, f"durable, event_id, work, {_COMMITTED}"):
            history.effects.append(
                Effect(
                    service, row["durable"], str(row["event_id"]), row["committed"], row["at"], row["work"]
                )
            )
        for row in await self._new(service, connection, "dead_letters", "durable, stream_sequence, event_id"):
            event_id = str(row["event_id"]) if row["event_id"] else None
            history.letters.append(Letter(service, row["durable"], row["stream_sequence"], event_id))
        reads = {
            "gateway": self._read_gateway,
            "coordination": self._read_coordination,
            "notifications": self._read_notifications,
        }
        if service in reads:
            await reads[service](connection)
        if service != "gateway":
            await self._read_directory(service, connection)

    async def _read_gateway(self, connection: asyncpg.Connection) -> None:
        for row in await self._new("gateway", connection, "received_events", "sent_id, event_id"):
            self.history.received.append(Received(row["sent_id"], str(row["event_id"])))

    async def _read_notifications(self, connection: asyncpg.Connection) -> None:
        columns = ("about", "member_id", "reason", "event_type", "correlation")
        for row in await self._new("notifications", connection, "items", ", ".join(columns)):
            self.history.items.append(Item(*(str(row[name]) for name in columns)))

    async def _read_coordination(self, connection: asyncpg.Connection) -> None:
        for row in await self._new("coordination", connection, "tasks", "id, partner_event_id"):
            self.history.tasks.append(Task(str(row["id"]), str(row["partner_event_id"])))
        for row in await self._new("coordination", connection, "task_history", "task_id, action"):
            self.history.done.append((str(row["task_id"]), row["action"]))

    async def _read_directory(self, service: str, connection: asyncpg.Connection) -> None:
        rows = await connection.fetch("SELECT code, epoch, sequence FROM organisations")
        # Our own name.
        query = f"SELECT {_MEMBERS[service]}::text AS code, epoch, sequence FROM members"  # noqa: S608
        rows += await connection.fetch(query)
        self.history.directory[service] = {row["code"]: (row["epoch"], row["sequence"]) for row in rows}

    async def _new(
        self, service: str, connection: asyncpg.Connection, table: str, columns: str, place: str = "place"
    ) -> Sequence[Any]:
        """The rows since the last look, each with its number `at`."""
        mark = f"{service}.{table}"
        # Our own names; the one value travels as a parameter.
        query = f"SELECT {place} AS at, {columns} FROM {table} WHERE {place} > $1 ORDER BY {place}"  # noqa: S608
        rows = await connection.fetch(query, self._seen.get(mark, 0))
        if rows:
            self._seen[mark] = rows[-1]["at"]
        return rows

    async def _read_streams(self) -> None:
        async with self.stage.provisioner() as client:
            async for place, message in self._messages(client, topology().heard_stream):
                event_id = (message.headers or {}).get(MSG_ID, "")
                # Our own have no id, or the one they got when a broken message came again.
                broken = not event_id or event_id.startswith("poison-")
                self.history.stored.append(
                    Stored(place, message.subject, "" if broken else event_id, planted=broken)
                )
            async for _, message in self._messages(client, "ADVISORIES"):
                told: dict[str, Any] = orjson.loads(message.data)
                self.history.given_up.append(GivenUp(told["consumer"], told["stream_seq"]))

    async def _messages(self, client: Any, stream: str) -> AsyncGenerator[tuple[int, Any]]:
        mark = f"stream {stream}"
        last = (await client.jetstream.stream_info(stream)).state.last_seq
        for place in range(self._seen.get(mark, 0) + 1, last + 1):
            try:
                yield place, await client.jetstream.get_msg(stream, place, direct=True)
            except nats.js.errors.NotFoundError:
                continue
        self._seen[mark] = last
