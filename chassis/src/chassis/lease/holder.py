"""Who may serve which part of which durable: one process at a time, by advisory locks that go with its connection.

Locks say who may try; who is believed, the `fence` says.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256

import asyncpg
import structlog

from chassis.database.engine import DATABASE_AWAY, PLANNING, Database, keep_alive
from chassis.partitions import Partition, preferred

log = structlog.get_logger()

_WANTED = "durables_wanted"
"""NOTIFY channel: a process asks for the part that it should have."""
_TICK = 0.5
_IDLE_TICK = 5.0
_PATIENCE = 3.0
"""Seconds until a part that its preferred process does not take is taken by another."""


@dataclass(eq=False, slots=True)
class Lease:
    """One part, as its consumer sees it: granted or not, and whether the process that should have it asks for it."""

    partition: Partition
    on_change: Callable[[], None]
    """Called when it is granted, asked for or lost."""
    granted: asyncio.Event = field(default_factory=asyncio.Event)
    asked_for: bool = False
    generation: int = 0
    """Rises with every grant and every loss."""
    wished: bool = False
    """Whether a process has said that it should have it."""
    tried_at: float = field(default_factory=time.monotonic)

    def keys(self) -> list[int]:
        """The advisory locks of the part, one per slot: parts cut in another way exclude each other too."""
        return [_lock_key(self.partition.durable, slot) for slot in self.partition.slots]


def _lock_key(durable: str, slot: int) -> int:
    return int.from_bytes(sha256(f"{durable} {slot}".encode()).digest()[:8], "big", signed=True)


class LeaseHolder:
    """This process's place among those of its service: one connection, on which it holds its parts' locks."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._leases: list[Lease] = []
        self._woken = asyncio.Event()
        self._stopping = asyncio.Event()
        self._given_back: list[Lease] = []
        self._name = f"ssenet-{database.service}-owner"

    def request(self, partition: Partition, on_change: Callable[[], None]) -> Lease:
        """Say that this process can serve a part; granted when it is this process's to serve."""
        found = Lease(partition, on_change)
        self._leases.append(found)
        self._woken.set()
        return found

    def give_back(self, lease: Lease) -> None:
        """The consumer has let go of the part: another may have it."""
        if lease.granted.is_set():
            lease.granted.clear()
            self._given_back.append(lease)
            self._woken.set()

    async def run(self) -> None:
        """Hold what is this process's to hold until stopped; survives the database."""
        pause = 0.2
        while not self._stopping.is_set():
            try:
                connection = await self._connect()
                pause = 0.2
                await self._hold(connection)
            except DATABASE_AWAY as error:
                log.warning("owner lost its database, trying again", error=str(error) or type(error).__name__)
                # Nothing but a stop ends this early: what wakes the owner was set when its connection went.
                await _until(self._stopping, pause)
                pause = min(pause * 2, 2.0)

    def stop(self) -> None:
        """Let go of everything; call it when the consumers have ended."""
        self._stopping.set()
        self._woken.set()

    async def _connect(self) -> asyncpg.Connection:
        return await asyncpg.connect(
            self._database.asyncpg_dsn,
            timeout=5,
            command_timeout=30,
            server_settings={
                "application_name": self._name,
                **PLANNING,
                # The locks of a host that was cut off must not outlive it by hours.
                "tcp_keepalives_idle": "15",
                "tcp_keepalives_interval": "5",
                "tcp_keepalives_count": "3",
            },
        )

    async def _hold(self, connection: asyncpg.Connection) -> None:
        keep_alive(connection)
        connection.add_termination_listener(self._wake)
        try:
            await connection.add_listener(_WANTED, self._hear_wish)
            while not self._stopping.is_set():
                self._woken.clear()
                await self._look(connection)
                idle = all(lease.granted.is_set() for lease in self._leases)
                await _until(self._woken, _IDLE_TICK if idle else _TICK)
                if connection.is_closed():
                    raise ConnectionError("the owner's connection closed")
        finally:
            self._lose_all()
            with suppress(*DATABASE_AWAY):
                await connection.close(timeout=2)

    def _lose_all(self) -> None:
        self._given_back.clear()
        for lease in self._leases:
            lease.generation += 1
            lease.granted.clear()
            lease.asked_for = lease.wished = False
            lease.on_change()

    async def _look(self, connection: asyncpg.Connection) -> None:
        while self._given_back:
            lease = self._given_back.pop()
            lease.asked_for = lease.wished = False
            lease.tried_at = time.monotonic()
            await _unlock(connection, lease.keys())
        open_leases = [lease for lease in self._leases if not lease.granted.is_set()]
        if not open_leases and not any(lease.wished for lease in self._leases):
            return
        processes = await _processes(connection, self._name)
        me = connection.get_server_pid()
        for lease in self._leases:
            mine = preferred(lease.partition, processes) == me
            if lease.granted.is_set():
                if lease.wished and not mine:
                    lease.asked_for = True
                    lease.on_change()
                lease.wished = False
            elif mine or time.monotonic() - lease.tried_at > _PATIENCE:
                lease.tried_at = time.monotonic()
                await self._try(connection, lease, wish=mine)

    async def _try(self, connection: asyncpg.Connection, lease: Lease, *, wish: bool) -> None:
        if await _lock(connection, lease.keys()):
            lease.generation += 1
            lease.granted.set()
            lease.on_change()
        elif wish:
            await connection.execute("SELECT pg_notify($1, $2)", _WANTED, lease.partition.name)

    def _wake(self, *_: object) -> None:
        self._woken.set()

    def _hear_wish(self, _connection: object, _pid: int, _channel: str, name: object) -> None:
        for lease in self._leases:
            if lease.partition.name == name and lease.granted.is_set():
                lease.wished = True
                self._woken.set()


async def _until(told: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await told.wait()


async def _processes(connection: asyncpg.Connection, name: str) -> list[int]:
    query = (
        "SELECT pid FROM pg_stat_activity WHERE application_name = $1 AND datname = current_database()"
        " ORDER BY backend_start, pid"
    )
    return [row["pid"] for row in await connection.fetch(query, name)]


async def _lock(connection: asyncpg.Connection, keys: Sequence[int]) -> bool:
    """Take all locks or none. The first is tried alone: of two processes only one gets beyond it."""
    if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", keys[0]):
        return False
    taken = [keys[0]]
    rows = await connection.fetch(
        "SELECT key, pg_try_advisory_lock(key) AS taken FROM unnest($1::bigint[]) AS key", keys[1:]
    )
    taken += [row["key"] for row in rows if row["taken"]]
    if len(taken) == len(keys):
        return True
    await _unlock(connection, taken)
    return False


async def _unlock(connection: asyncpg.Connection, keys: Sequence[int]) -> None:
    await connection.execute("SELECT pg_advisory_unlock(key) FROM unnest($1::bigint[]) AS key", list(keys))
