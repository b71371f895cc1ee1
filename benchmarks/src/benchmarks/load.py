"""The partner's systems: a process of its own that posts requests for assistance over connections that stay open.

`python -m benchmarks.load rate PER_SECOND SECONDS` posts at an even rate, whatever the answers take; `... all COUNT`
posts as fast as the answers come. `LOAD_PORT` and `LOAD_KEY` say where and as whom. Prints JSON.
"""

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

import orjson
import uvloop

from ssenet.processes.servers import HOST

CONNECTIONS = 64
"""The gateway alone is a fifth faster with these than with 32, where it is the answers that are waited for; with 128
and 256 it is no faster."""
COUNTRIES = ("SN", "KE", "TN", "CO", "KH", "TZ", "IN", "BR")
"""Where the requests come from: several offices' inboxes fill, not one alone."""
_TEXT = (
    "We ask for advice on the draft law on co-operatives and mutual societies before the session ends. " * 4
)
_ACCEPTED = b"202"


@dataclass
class Posted:
    """What was sent, and when it was due (Unix times): the whole of it, and by its id each event that was accepted."""

    began: float = 0.0
    ended: float = 0.0
    sent: dict[str, float] = field(default_factory=dict[str, float])
    answered_ms: list[float] = field(default_factory=list[float])
    refused: dict[str, int] = field(default_factory=dict[str, int])


class Connection:
    """One connection to the gateway, which posts one event after the other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, key: str) -> None:
        self._reader = reader
        self._writer = writer
        self._head = (
            f"POST /events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n"
            "Content-Type: application/cloudevents+json\r\nContent-Length: "
        ).encode()

    async def post(self, body: bytes) -> tuple[bytes, bytes]:
        """Post one event; returns the status and the body of the answer."""
        self._writer.write(b"%b%d\r\n\r\n%b" % (self._head, len(body), body))
        head = await self._reader.readuntil(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        length = next(line for line in lines if line.startswith(b"content-length:")).split(b":")[1]
        return lines[0].split()[1], await self._reader.readexactly(int(length))


def an_event(number: int) -> bytes:
    """A request for assistance as a ministry's system would send it."""
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": uuid4().hex,
            "source": "https://partner.example/benchmarks",
            "type": "partner.assistance.requested.v1",
            "time": datetime.now(UTC).isoformat(),
            "datacontenttype": "application/json",
            "data": {
                "title": {"language": "en", "text": f"Advice on the law on co-operatives ({number})"},
                "description": {"language": "en", "text": _TEXT},
                "country": COUNTRIES[number % len(COUNTRIES)],
                "requested_by": "Directorate for the social economy",
                "constituency": "government",
            },
        }
    )


async def post(connection: Connection, number: int, posted: Posted, due: float) -> None:
    status, answer = await connection.post(an_event(number))
    posted.answered_ms.append((time.time() - due) * 1000)
    if status == _ACCEPTED:
        posted.sent[orjson.loads(answer)["event_id"]] = due
    else:
        posted.refused[status.decode()] = posted.refused.get(status.decode(), 0) + 1


async def at_rate(free: "asyncio.Queue[Connection]", rate: float, seconds: float, posted: Posted) -> None:
    """Post at an even rate; where a post has to wait for a free connection, its time runs from when it was due."""

    async def one(number: int, connection: Connection, due: float) -> None:
        await post(connection, number, posted, due)
        free.put_nowait(connection)

    async with asyncio.TaskGroup() as tasks:
        for number in range(int(rate * seconds)):
            due = posted.began + number / rate
            wait = due - time.time()
            if wait > 0:
                await asyncio.sleep(wait)
            tasks.create_task(one(number, await free.get(), due))


async def all_at_once(free: "asyncio.Queue[Connection]", count: int, posted: Posted) -> None:
    """Post so many, each connection as fast as it is answered."""
    numbers = iter(range(count))

    async def keep_on(connection: Connection) -> None:
        for number in numbers:
            await post(connection, number, posted, time.time())

    await asyncio.gather(*(keep_on(free.get_nowait()) for _ in range(free.qsize())))


async def main(run: Callable[["asyncio.Queue[Connection]", Posted], Awaitable[None]]) -> None:
    free: asyncio.Queue[Connection] = asyncio.Queue()
    port, key = int(os.environ["LOAD_PORT"]), os.environ["LOAD_KEY"]
    for _ in range(CONNECTIONS):
        free.put_nowait(Connection(*await asyncio.open_connection(HOST, port), key))
    posted = Posted(began=time.time())
    await run(free, posted)
    posted.ended = time.time()
    print(orjson.dumps(asdict(posted)).decode())


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["rate", rate, seconds]:
            uvloop.run(main(lambda free, posted: at_rate(free, float(rate), float(seconds), posted)))
        case ["all", count]:
            uvloop.run(main(lambda free, posted: all_at_once(free, int(count), posted)))
        case _:
            sys.exit(__doc__)
