"""The connections of one process: how many there may be, which one gives way, and how long each may take.

One look at all of them, once a second, stands for a timer per connection and step: the ordinary request sets none.
"""

import asyncio
from dataclasses import dataclass
from typing import Protocol

from chassis.http.wire.refusals import FULL, Refusal


@dataclass(frozen=True)
class Limits:
    """How much of a process its clients may hold, and for how many seconds."""

    connections: int = 4096
    first: float = 10.0
    """Until the first byte of a new connection."""
    head: float = 10.0
    """From the first byte of a head until its last."""
    body: float = 30.0
    """From the end of the head until the last byte of the body, as long as it is the sender who is waited for."""
    unread: float = 60.0
    """For which an answer, or a live stream, may stand still because its reader takes nothing."""
    goodbye: float = 5.0
    """For which a refused sender may go on sending, so that it comes to read why."""
    look_every: float = 1.0

    @property
    def requests(self) -> int:
        """Requests served at once. An eighth of the connections is left for those who would be told that it is full."""
        return max(1, self.connections - max(1, self.connections // 8))


class Connection(Protocol):
    """What there is to know of a connection here."""

    def look(self, now: float, stood_still: float) -> None:
        """End the connection, if by `now` it has taken too long, less the time in which the process stood still."""
        ...

    def give_way(self, refusal: Refusal) -> None:
        """End the connection now."""
        ...


class Connections:
    """All connections of a process, and which of them ask for nothing at the moment: since longest, first."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._all: set[Connection] = set()
        self._waiting: dict[Connection, None] = {}
        self._next_look: asyncio.TimerHandle | None = None
        self._looked = 0.0

    @property
    def full(self) -> bool:
        """Whether more requests are being served than may be at once."""
        return len(self._all) - len(self._waiting) > self.limits.requests

    def arrived(self, connection: Connection) -> None:
        """Take in a connection. Where there are too many, the one that has asked for nothing the longest gives way."""
        self._all.add(connection)
        self._waiting[connection] = None
        if self._next_look is None:
            self._looked = asyncio.get_running_loop().time()
            self._look_soon()
        if len(self._all) > self.limits.connections:
            longest = next(iter(self._waiting))
            self.left(longest)
            longest.give_way(FULL)

    def asks(self, connection: Connection) -> None:
        """A request has come whole enough to be answered."""
        self._waiting.pop(connection, None)

    def waits(self, connection: Connection) -> None:
        """Nothing is being answered any more."""
        if connection in self._all:
            self._waiting[connection] = None

    def left(self, connection: Connection) -> None:
        """Forget a connection."""
        self._all.discard(connection)
        self._waiting.pop(connection, None)

    def _look_soon(self) -> None:
        self._next_look = asyncio.get_running_loop().call_later(self.limits.look_every, self._look)

    def _look(self) -> None:
        """Look as of the look before: all that had come by then has been read since, and what came later may not be."""
        self._next_look = None
        before, self._looked = self._looked, asyncio.get_running_loop().time()
        # With its machine, by a signal, or for work that gave nobody else a turn: meanwhile nobody could go on.
        stood_still = max(0.0, self._looked - before - self.limits.look_every)
        for connection in list(self._all):
            connection.look(before, stood_still)
        if self._all:
            self._look_soon()
