"""The bell: tells the open streams of this process, over one connection, whose inbox has changed."""

import asyncio
from collections.abc import Collection, Generator
from contextlib import contextmanager, suppress
from typing import Any

import asyncpg
import structlog

from chassis.database.engine import DATABASE_AWAY
from notifications.tables import INBOX_CHANGED

log = structlog.get_logger()

_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0
_ALIVE_EVERY = 10.0
_MANY = 1000
"""Members rung for one listener that has not taken them; more of them are as good as all."""


class Rings:
    """What one listener has not been told of yet: each member once, however often the bell rang."""

    def __init__(self) -> None:
        self._members: set[str] = set()
        self._all = False
        self._rung = asyncio.Event()

    def add(self, member_id: str) -> None:
        self._members.add(member_id)
        if len(self._members) > _MANY:
            self._all = True
        self._rung.set()

    def add_all(self) -> None:
        self._all = True
        self._rung.set()

    async def next(self) -> Collection[str] | None:
        """Wait for the bell, and take whose inboxes may have changed; None stands for all of them."""
        await self._rung.wait()
        members, everyone = self._members, self._all
        self._members, self._all = set(), False
        self._rung.clear()
        return None if everyone else members


class Bell:
    """Rings for members whose inbox changed.

    A ring carries nothing and many may fall into one: whoever hears it looks up what is new. So nothing piles
    up for a slow listener, and a ring too many costs one look. After every reconnection all are rung, since
    notices sent meanwhile are lost.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._listeners: set[Rings] = set()

    @contextmanager
    def listening(self) -> Generator[Rings]:
        """The rings from now on; all are rung when the service stops."""
        rings = Rings()
        self._listeners.add(rings)
        try:
            yield rings
        finally:
            self._listeners.discard(rings)

    async def run(self, stopping: asyncio.Event) -> None:
        """Listen until the service stops, and again after every lost connection."""
        stopped = asyncio.ensure_future(stopping.wait())
        pause = _FIRST_PAUSE
        while not stopping.is_set():
            try:
                await self._listen(stopped)
                pause = _FIRST_PAUSE
            except DATABASE_AWAY as error:
                log.warning("inbox notices lost, listening again", error=str(error) or type(error).__name__)
                await asyncio.wait([stopped], timeout=pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
        self._ring_all()

    async def _listen(self, stopped: "asyncio.Future[Any]") -> None:
        connection = await asyncpg.connect(
            self._dsn,
            timeout=5,
            command_timeout=5,
            server_settings={"application_name": "ssenet-notifications-bell"},
        )
        closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def on_closed(_connection: object) -> None:
            if not closed.done():
                closed.set_result(None)

        connection.add_termination_listener(on_closed)
        try:
            await connection.add_listener(INBOX_CHANGED, self._ring)
            self._ring_all()
            while not stopped.done():
                await asyncio.wait(
                    [stopped, closed], timeout=_ALIVE_EVERY, return_when=asyncio.FIRST_COMPLETED
                )
                if closed.done():
                    raise ConnectionError("the connection closed")
                # A peer that vanished without a word is only found out by asking.
                await connection.execute("SELECT 1")
        finally:
            with suppress(*DATABASE_AWAY):
                await connection.close(timeout=2)

    def _ring(self, _connection: object, _pid: int, _channel: str, member_id: object) -> None:
        for rings in self._listeners:
            rings.add(str(member_id))

    def _ring_all(self) -> None:
        for rings in self._listeners:
            rings.add_all()
