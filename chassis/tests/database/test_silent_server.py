"""A database that stands still says nothing: whoever waits for it is told in time, and finds it again afterwards."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from urllib.parse import urlsplit, urlunsplit

import pytest
import sqlalchemy as sa

from chassis.database import engine
from chassis.database.engine import Database, is_database_away
from chassis.testing import FreshDatabase


class Way:
    """The way to a server: what goes over it, either way, can be held back."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self._ends: list[asyncio.StreamWriter] = []

    @asynccontextmanager
    async def to(self, host: str, port: int) -> AsyncGenerator[int]:
        async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            ahead, back = await asyncio.open_connection(host, port)
            self._ends += [writer, back]
            await asyncio.gather(self._pass(reader, back), self._pass(ahead, writer))

        server = await asyncio.start_server(carry, "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for end in self._ends:
                end.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(65536):
            await self.open.wait()
            writer.write(piece)
        writer.close()


async def read(database: Database) -> None:
    async with database.reading() as session:
        await session.execute(sa.text("SELECT 1"))


async def write(database: Database) -> None:
    async with database.transaction(within=engine.PATIENCE) as tx:
        await tx.session.execute(sa.text("SELECT 1"))


async def insert(database: Database) -> None:
    statement = (
        "INSERT INTO known_streams (name, made_at) VALUES ($1, $2) RETURNING gen_random_uuid() AS event_id"
    )
    await database.insert_and_announce(
        statement, [str(datetime.now(UTC)), datetime.now(UTC)], database.announcements()
    )


@pytest.mark.parametrize("use", [read, write, insert, Database.ping])
async def test_a_server_that_says_nothing_is_waited_for_no_longer_than_patience_lasts(
    fresh_database: FreshDatabase, use: Callable[[Database], Awaitable[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "PATIENCE", 0.3)
    straight = await fresh_database("ledger")
    address = urlsplit(straight.url)
    way = Way()
    async with way.to(address.hostname or "", address.port or 0) as port:
        netloc = f"{address.username}:{address.password}@127.0.0.1:{port}" if address.password else ""
        netloc = netloc or f"{address.username}@127.0.0.1:{port}"
        database = Database(urlunsplit(address._replace(netloc=netloc)), service="chassis")
        await use(database)
        way.open.clear()
        with pytest.raises(Exception) as error:  # noqa: PT011 - one of those that are told apart below
            # Far more than it should take, far less than for ever.
            async with asyncio.timeout(20):
                await use(database)
        assert is_database_away(error.value)

        way.open.set()
        await use(database)
        await database.close()
