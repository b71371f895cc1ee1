"""A real server behind real sockets: who writes bytes to it by hand, and what it was seen to carry out."""

import asyncio
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic, sleep
from typing import Any

import httptools
import uvicorn

from chassis.http.wire.connections import Limits
from chassis.http.wire.framing import framed
from chassis.telemetry.loop_lag import LoopLag


@dataclass
class Answer:
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""


class _Answers:
    """Reads a stream of answers, as a client does."""

    def __init__(self) -> None:
        self.read: list[Answer] = []
        self.parser = httptools.HttpResponseParser(self)

    def on_message_begin(self) -> None:
        self.read.append(Answer())

    def on_header(self, name: bytes, value: bytes) -> None:
        self.read[-1].headers[name.decode().lower()] = value.decode()

    def on_headers_complete(self) -> None:
        self.read[-1].status = self.parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        self.read[-1].body += body


def answers_in(stream: bytes) -> list[Answer]:
    reading = _Answers()
    reading.parser.feed_data(stream)
    return reading.read


@dataclass
class Carried:
    """A request as the service was given it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Service:
    """Notes what it is asked, and answers it; a few addresses behave as services do under way."""

    def __init__(self) -> None:
        self.carried: list[Carried] = []
        self.hung_up: list[str] = []
        self.streaming = 0
        self.loop_lag = LoopLag()
        self._watching: asyncio.Task[None] | None = None
        self.go_on = threading.Event()

    @property
    def paths(self) -> list[str]:
        return [request.path for request in self.carried]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        if self._watching is None:
            self._watching = asyncio.ensure_future(self.loop_lag.run(asyncio.Event()))
        told = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        asked = Carried(scope["method"], scope["path"], told, b"")
        if asked.path == "/waits":
            await self._until_told()
        if asked.path not in {"/refuses", "/streams", "/begins"} and not await self._read(asked, receive):
            return
        self.carried.append(asked)
        if asked.path == "/slow":
            await self._until_told()
        if asked.path == "/streams":
            await self._stream(receive, send)
            return
        body = asked.path.encode()
        status = 413 if asked.path == "/refuses" else 200
        headers = [(b"content-length", b"%d" % len(body))] if asked.path != "/unmeasured" else []
        await send({"type": "http.response.start", "status": status, "headers": headers})
        if asked.path == "/begins":
            await self._until_told()
        if asked.path == "/listens":
            await self._until_hung_up(receive)
            return
        if asked.path == "/unmeasured":
            await send({"type": "http.response.body", "body": b"in pieces: ", "more_body": True})
        await send({"type": "http.response.body", "body": body})

    async def _read(self, asked: Carried, receive: Any) -> bool:
        """Read the body; false where its sender hung up."""
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.hung_up.append(asked.path)
                return False
            asked.body += message.get("body", b"")
            more = message.get("more_body", False)
        return True

    async def _until_hung_up(self, receive: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self.hung_up.append("/listens")

    async def _until_told(self) -> None:
        await asyncio.to_thread(self.go_on.wait)

    async def _stream(self, receive: Any, send: Any) -> None:
        async def pieces() -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            while True:
                await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
                await asyncio.sleep(0.001)

        async def hung_up() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass

        self.streaming += 1
        streaming = asyncio.ensure_future(pieces())
        try:
            await asyncio.wait({streaming, asyncio.ensure_future(hung_up())}, return_when="FIRST_COMPLETED")
        finally:
            streaming.cancel()
            self.streaming -= 1
            self.hung_up.append("/streams")


class Client:
    """One connection, written to by hand."""

    def __init__(self, port: int, *, window: int | None = None) -> None:
        self.socket = socket.socket()
        self.socket.settimeout(20)
        if window is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def read(self, until: bytes) -> bytes:
        """Read until these bytes have come."""
        while until not in self.received:
            came = self.socket.recv(65536)
            assert came, f"hung up on after {self.received!r}"
            self.received += came
        return self.received

    def read_all(self) -> bytes:
        """Read until the server hangs up."""
        while came := self._more():
            self.received += came
        return self.received

    def answers(self) -> list[Answer]:
        """All answers until the server hangs up."""
        return answers_in(self.read_all())

    def _more(self) -> bytes:
        try:
            return self.socket.recv(65536)
        except ConnectionResetError:
            return b""

    def close(self) -> None:
        self.socket.close()


class Served:
    """A service that is being served, with its own event loop, as a process serves it."""

    def __init__(self, server: uvicorn.Server, service: Service) -> None:
        self.server = server
        self.service = service

    @property
    def port(self) -> int:
        return self.server.servers[0].sockets[0].getsockname()[1]

    @property
    def connections(self) -> int:
        return len(self.server.server_state.connections)

    @contextmanager
    def client(self, *, window: int | None = None) -> Generator[Client]:
        client = Client(self.port, window=window)
        try:
            yield client
        finally:
            client.close()

    def ask(self, data: bytes) -> list[Answer]:
        """Send all of it at once, and read what is answered until the server hangs up."""
        with self.client() as client:
            client.send(data)
            return client.answers()


@contextmanager
def served(app: Any | None = None, limits: Limits | None = None, *, idle: int = 75) -> Generator[Served]:
    """Serve until the block ends."""
    service = Service()
    config = uvicorn.Config(
        app(service) if app else service,
        host="127.0.0.1",
        port=0,
        lifespan="off",
        log_config=None,
        access_log=False,
        ws="none",
        interface="asgi3",
        http=framed(limits or Limits()),
        timeout_keep_alive=idle,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        eventually_true(lambda: server.started)
        yield Served(server, service)
    finally:
        service.go_on.set()
        server.should_exit = True
        thread.join()


def eventually_true(condition: Any, *, within: float = 20.0) -> None:
    deadline = monotonic() + within
    while not condition():
        assert monotonic() < deadline, "it never came true"
        sleep(0.01)
