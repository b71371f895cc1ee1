"""The ways between services and servers: a small TCP proxy on each, which can refuse, fall silent, or be half deaf.

Where services have networks of their own, a wire leads to the proxy, and its packets can be lost.
"""

import asyncio
import contextlib
from dataclasses import dataclass, field

from ssenet.processes.ports import LOOPBACK
from ssenet.processes.servers import free_port
from tests.resilience.namespaces import Wire

_CHUNK = 256 * 1024


@dataclass(eq=False)
class _Pair:
    """One connection through a link: the client's end and the server's."""

    ends: tuple[asyncio.StreamWriter, asyncio.StreamWriter]

    def reset(self) -> None:
        for end in self.ends:
            with contextlib.suppress(OSError, RuntimeError):
                end.transport.abort()


@dataclass(eq=False)
class Link:
    """One service's way to one server. Open by default; what it lost while it was closed, it has lost."""

    name: str
    server_port: int
    wire: Wire | None = None
    port: int = field(default_factory=free_port)
    refuses: bool = False
    asks: asyncio.Event = field(default_factory=asyncio.Event)
    answers: asyncio.Event = field(default_factory=asyncio.Event)
    _pairs: set[_Pair] = field(default_factory=set[_Pair])
    _listening: asyncio.Server | None = None
    _dropping: bool = False

    @property
    def host(self) -> str:
        """Where the service finds it."""
        return self.wire.here if self.wire else LOOPBACK

    async def open(self) -> None:
        self.mend()
        self._listening = await asyncio.start_server(self._carry, self.host, self.port)

    async def close(self) -> None:
        if self._listening is not None:
            self._listening.close()
        self.reset()

    def cut(self) -> None:
        """Reset what is connected, and refuse what comes."""
        self.refuses = True
        self.reset()

    def silence(self) -> None:
        """Let nothing through, either way, and say nothing."""
        self.asks.clear()
        self.answers.clear()

    def deafen(self) -> None:
        """Let what is asked through, and nothing that is answered."""
        self.answers.clear()

    def drop(self) -> None:
        """Lose every packet: nobody is told, and what was sent comes late, over the same connections."""
        assert self.wire is not None, "only services in networks of their own have wires"
        self._dropping = True
        self.wire.drop()

    def mend(self) -> None:
        """Carry on. What was swallowed stays lost, so the connections it belonged to are reset."""
        if self.wire is not None and self._dropping:
            self.wire.carry()
            self._dropping = False
        if not (self.asks.is_set() and self.answers.is_set()):
            self.reset()
        self.refuses = False
        self.asks.set()
        self.answers.set()

    def reset(self) -> None:
        for pair in list(self._pairs):
            pair.reset()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refuses:
            writer.transport.abort()
            return
        try:
            to_reader, to_writer = await asyncio.open_connection(LOOPBACK, self.server_port)
        except OSError:
            writer.transport.abort()
            return
        pair = _Pair((writer, to_writer))
        self._pairs.add(pair)
        try:
            ways = (_pump(reader, to_writer, self.asks), _pump(to_reader, writer, self.answers))
            await asyncio.gather(*ways)
        finally:
            self._pairs.discard(pair)
            pair.reset()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, flowing: asyncio.Event) -> None:
    """Carry one direction to its end; what is read while nothing flows is never handed on."""
    with contextlib.suppress(OSError):
        while data := await reader.read(_CHUNK):
            await flowing.wait()
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError, RuntimeError):
        if writer.can_write_eof():
            writer.write_eof()
