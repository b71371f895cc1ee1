"""The connections of one process: how many there may be, which one gives way, and how long each may take.

One look at all of them, once a second, stands for a timer per connection and step: the ordinary request sets none.
"""

import asyncio
from collections import Counter
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
    abandoned: int = 128
    """Requests of one address that are still carried out after it hung up. With more, it is told to come back: who asks
    and hangs up has no end of what it may ask, and all others wait behind that."""

    @property
    def requests(self) -> int:
        """Requests served at once. An eighth of the connections is left for those who would be told that it is full."""
        return max(1, self.connections - max(1, self.connections // 8))


class Connection(Protocol):
    """What there is to know of a connection here."""

    @property
    def address(self) -> str:
        """Who is at the other end: a client, or the proxy that speaks for many."""
        ...

    def look(self, now: float, stood_still: float) -> None:
        """End the connection, if by `now` it has taken too long, less the time in which the process stood still."""
        ...

    def give_way(self, refusal: Refusal) -> None:
        """End the connection now."""
        ...


class Connections:
    """All connections of a process, and for which of them it waits: for a request, or for the rest of one.

    Where there are too many, one of these gives way: of the address that has most of them, the one that has sent
    nothing for the longest. Whoever opens thousands, and sends a byte of a body on each, makes room by itself.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._all: set[Connection] = set()
        self._waiting: dict[str, dict[Connection, None]] = {}
        """By address, and in the order in which they last sent something."""
        self._waited_for = 0
        self._abandoned: Counter[str] = Counter()
        self._next_look: asyncio.TimerHandle | None = None
        self._looked = 0.0

    @property
    def full(self) -> bool:
        """Whether more requests are being served than may be at once."""
        return len(self._all) - self._waited_for > self.limits.requests

    def arrived(self, connection: Connection) -> None:
        """Take in a connection. Where there are too many, one gives way."""
        self._all.add(connection)
        self.waits(connection)
        if self._next_look is None:
            self._looked = asyncio.get_running_loop().time()
            self._look_soon()
        if len(self._all) > self.limits.connections:
            silent = next(iter(max(self._waiting.values(), key=len)))
            self.left(silent)
            silent.give_way(FULL)

    def is_full_for(self, address: str) -> bool:
        """Whether a request from there is to be told to come back."""
        return self.full or self._abandoned[address] >= self.limits.abandoned

    def abandoned(self, address: str) -> None:
        """Count a request whose client hung up before an answer began."""
        self._abandoned[address] += 1

    def carried_out(self, address: str) -> None:
        """Forget one of these: it has come to its end."""
        self._abandoned[address] -= 1
        if not self._abandoned[address]:
            del self._abandoned[address]

    def asks(self, connection: Connection) -> None:
        """A request has come whole, and is to be answered."""
        of_address = self._waiting.get(connection.address)
        if of_address is None or connection not in of_address:
            return
        del of_address[connection]
        self._waited_for -= 1
        if not of_address:
            del self._waiting[connection.address]

    def waits(self, connection: Connection) -> None:
        """Nothing is being answered any more, or something has come and is not whole."""
        if connection in self._all:
            self.asks(connection)
            self._waiting.setdefault(connection.address, {})[connection] = None
            self._waited_for += 1

    def left(self, connection: Connection) -> None:
        """Forget a connection."""
        self._all.discard(connection)
        self.asks(connection)

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
