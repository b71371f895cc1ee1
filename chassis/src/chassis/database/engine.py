"""One service's PostgreSQL, and the ways in: a transaction that may announce, a reading session, a swift insert."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID
from weakref import WeakSet

import asyncpg
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, DisconnectionError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from chassis.clock import Clock, system_clock
from chassis.database.tables import OUTBOX_WRITTEN
from chassis.database.transaction import Announcements, Transaction, inserting

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


PATIENCE = 10.0
"""Seconds for which a request waits for the database, from the connection to the last answer."""
_GOODBYE = 1.0
"""Seconds in which connections are closed in good order."""
_KEEPALIVE = {"TCP_KEEPIDLE": 15, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 30_000}
"""Of a connection: seconds, seconds, times; and milliseconds for which what was sent may stay unacknowledged."""
PLANNING = {
    "jit": "off",
    # Statements are planned once per connection, often while the tables are still empty. With the default, made for
    # spinning disks, they would go on reading whole tables long after those have grown.
    "random_page_cost": "1.1",
}


def metadata() -> sa.MetaData:
    """Table metadata whose constraints have predictable names, for the migrations to change later."""
    return sa.MetaData(naming_convention=NAMING)


class Database:
    """The service's own database. No other service has a role in it."""

    def __init__(
        self, url: str, *, service: str, site: str = "hq", clock: Clock = system_clock, pool_size: int = 8
    ) -> None:
        self.url = url
        self.service = service
        self.site = site
        self.clock = clock
        self._connecting: dict[str, Any] = {
            "timeout": 5,
            "server_settings": {"application_name": f"ssenet-{service}", **PLANNING},
        }
        self.engine: AsyncEngine = create_async_engine(
            url,
            pool_size=pool_size,
            max_overflow=4,
            pool_timeout=10,
            # An error's text must not carry what was to be stored.
            hide_parameters=True,
            connect_args=self._connecting,
        )

        # Without a round trip per use: asyncpg knows when the server has closed a connection, as a restart does.
        event.listen(self.engine.sync_engine, "checkout", _refuse_closed)
        self._open: WeakSet[asyncpg.Connection] = WeakSet()
        event.listen(self.engine.sync_engine, "connect", self._opened)
        self._reader = self.engine.execution_options(postgresql_readonly=True)
        self._bare: asyncpg.Pool | None = None

    @asynccontextmanager
    async def transaction(self, *, within: float | None = None) -> AsyncGenerator[Transaction]:
        """One piece of work: commits what was changed and announced together, or nothing of it.

        Whoever keeps it and uses it afterwards gets an error: what they wrote then would be committed by nobody.
        Raises TimeoutError after `within` seconds: a server that stands still says nothing, and nothing tells of it.
        """
        async with asyncio.timeout(within), self._session(self.engine) as session, session.begin():
            transaction = Transaction(session, service=self.service, site=self.site, now=self.clock())
            try:
                yield transaction
                await transaction.write_announcements()
            finally:
                transaction.end()

    @asynccontextmanager
    async def reading(self) -> AsyncGenerator[AsyncSession]:
        """A session that cannot write: PostgreSQL refuses it. Raises TimeoutError after `PATIENCE`."""
        async with asyncio.timeout(PATIENCE), self._session(self._reader) as session, session.begin():
            yield session

    def _session(self, engine: AsyncEngine) -> AsyncSession:
        """A session that is not used again once it is closed: as SQLAlchemy makes them, it would begin anew."""
        return AsyncSession(engine, expire_on_commit=False, close_resets_only=False)

    async def insert_and_announce(
        self, insert: str, values: Sequence[Any], announcements: Announcements
    ) -> set[UUID]:
        """Run an INSERT and announce what it inserted, in one statement that is a transaction of its own.

        For what must answer fast: one round trip on a bare connection, where a session needs five. The statement's
        parameters are numbered, and its RETURNING is the `event_id` of each row it inserted. Returns those ids; an
        announcement whose row was not inserted (ON CONFLICT DO NOTHING) is dropped. Raises TimeoutError after
        `PATIENCE`.
        """
        if self._bare is None:
            self._bare = asyncpg.create_pool(
                self.asyncpg_dsn,
                min_size=0,
                max_size=4,
                reset=_as_it_is,
                init=_kept_alive,
                **self._connecting,
            )
            # Awaiting a pool makes it ready; with no connections to open at once, that cannot fail.
            await self._bare
        statement = inserting(insert, len(values))
        told = (*announcements.columns(), announcements.now, OUTBOX_WRITTEN)
        # A server that stands still says nothing; whoever waits for this answer is to be told to come back.
        async with asyncio.timeout(PATIENCE):
            connection = await self._bare.acquire()
            try:
                return set(await connection.fetchval(statement, *values, *told))
            except asyncio.CancelledError:
                # To take the statement back in good order would take the server, too.
                connection.terminate()
                raise
            finally:
                await self._bare.release(connection)

    def announcements(self) -> Announcements:
        """Announcements of this service, as of now."""
        return Announcements(service=self.service, site=self.site, now=self.clock())

    async def ping(self) -> None:
        """Ask the database for an answer; raises what `is_database_away` knows when there is none."""
        async with asyncio.timeout(PATIENCE), self._reader.connect() as connection:
            await connection.execute(sa.text("SELECT 1"))

    @property
    def asyncpg_dsn(self) -> str:
        """The same database for a bare asyncpg connection (LISTEN needs one of its own)."""
        return self.url.replace("postgresql+asyncpg://", "postgresql://", 1)

    def _opened(self, connection: Any, _record: object) -> None:
        self._open.add(connection.driver_connection)
        keep_alive(connection.driver_connection)

    async def close(self) -> None:
        """Close all connections; a server that does not answer within a second is left without a word."""
        try:
            async with asyncio.timeout(_GOODBYE):
                await self.engine.dispose()
                if self._bare is not None:
                    await self._bare.close()
        except TimeoutError:
            self.abandon()

    def abandon(self) -> None:
        """Drop every connection of the pools: whatever waits for an answer on one fails at once, and is taken back."""
        for connection in list(self._open):
            connection.terminate()
        if self._bare is not None:
            self._bare.terminate()


def keep_alive(connection: asyncpg.Connection) -> None:
    """Have the system find out within half a minute that the other end is gone without a word, as a dead host is."""
    # asyncpg has no other way to its socket.
    transport: asyncio.Transport = connection._transport  # type: ignore[attr-defined] # noqa: SLF001
    found: socket.socket | None = transport.get_extra_info("socket")
    if found is None or found.family == socket.AF_UNIX:
        return
    found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE.items():
        # Not every system has every one of them.
        if (option := getattr(socket, name, None)) is not None:
            found.setsockopt(socket.IPPROTO_TCP, option, value)


async def _kept_alive(connection: asyncpg.Connection) -> None:
    keep_alive(connection)


async def _as_it_is(_connection: object) -> None:
    """Nothing that single statements leave on a connection needs a round trip to clean up."""


def _refuse_closed(connection: Any, _record: object, _proxy: object) -> None:
    if connection.driver_connection.is_closed():
        raise DisconnectionError("the server closed this connection")


# SQLSTATE classes in which nothing is wrong with the work itself: connection exceptions, serialization failure and
# deadlock, out of resources, server shutting down or starting (operator intervention).
_PASSING_CLASSES = ("08", "53", "57P")
_PASSING_STATES = ("40001", "40P01", "55P03", "25006")


def _passes(state: str) -> bool:
    return state.startswith(_PASSING_CLASSES) or state in _PASSING_STATES


DATABASE_AWAY = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    TimeoutError,
    OSError,
)
"""What asyncpg raises on a connection of one's own when it is lost. The internal error is what it says when the server
dies in the middle of a statement."""


def is_database_away(error: BaseException) -> bool:
    """Tell whether the database could not be reached or was not ready, so that the same work may succeed later."""
    if isinstance(error, DBAPIError):
        state = getattr(error.orig, "sqlstate", None) or ""
        if error.connection_invalidated or _passes(state):
            return True
        return isinstance(error, (OperationalError, InterfaceError)) and not state
    if isinstance(error, asyncpg.PostgresError):
        return _passes(getattr(error, "sqlstate", None) or "")
    # asyncpg's own: a server that died within a statement, or a connection that closed under it; a plain OSError:
    # several addresses, and none answered.
    away = (
        ConnectionError,
        TimeoutError,
        PoolTimeoutError,
        asyncpg.InternalClientError,
        asyncpg.InterfaceError,
    )
    return isinstance(error, away) or type(error) is OSError
