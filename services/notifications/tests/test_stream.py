"""The live stream, over a socket of the running service."""

import asyncio
import json
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import asyncpg
import httpx
import pytest
import sqlalchemy as sa
import uvicorn
from fastapi import FastAPI
from network import Network, a_member, a_task
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.types import Message

from chassis.ids import new_id
from chassis.runtime.service import Service
from chassis.testing import Deliver, Running, an_envelope, eventually
from contracts.registry import MemberJoinedV1
from notifications.app import build
from notifications.bell import Bell
from notifications.settings import Settings
from notifications.stream import Streams
from notifications.subscribers import subscriptions

CALLERS = {"gateway": "of-the-gateway"}
GATEWAY = {"Authorization": "Bearer of-the-gateway"}


@dataclass
class Live:
    """The service, listening on a port of the system's choice."""

    app: FastAPI
    client: httpx.AsyncClient
    network: Network
    server: uvicorn.Server

    @property
    def service(self) -> Service:
        service: Service = self.app.state.service
        return service


@pytest.fixture
async def live(running: Running) -> AsyncGenerator[Live, None]:
    settings = {"heartbeat": timedelta(milliseconds=50)}
    async with running(build, Settings, "notifications", callers=CALLERS, **settings) as inside:
        app: FastAPI = inside.app  # type: ignore[attr-defined]
        database = app.state.service.database
        async with served(app) as (server, url), httpx.AsyncClient(base_url=url, headers=GATEWAY) as client:
            yield Live(app, client, Network(database, Deliver(database, subscriptions)), server)


@asynccontextmanager
async def served(app: FastAPI) -> AsyncGenerator[tuple[uvicorn.Server, str]]:
    """The app behind a socket; its lifespan is already under way."""
    config = uvicorn.Config(app, port=0, lifespan="off", log_config=None, timeout_graceful_shutdown=5)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve())
    await eventually(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield server, f"http://127.0.0.1:{port}"
    finally:
        app.state.service.stopping.set()
        server.should_exit = True
        await serving


@dataclass
class Pushed:
    """One event of the stream."""

    id: str
    item: dict[str, Any]
    unread: int


class Stream:
    """An open stream, read like a browser reads it."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()
        self.heartbeats = 0

    async def next(self) -> Pushed:
        """The next item; comments are counted on the way."""
        async with asyncio.timeout(10):
            fields: dict[str, str] = {}
            async for line in self._lines:
                if line.startswith(":"):
                    self.heartbeats += 1
                elif line:
                    name, _, value = line.partition(": ")
                    fields[name] = value
                elif fields.get("event") == "item":
                    data = json.loads(fields["data"])
                    return Pushed(fields["id"], data["item"], data["unread"])
                else:
                    fields.clear()
        raise AssertionError("the stream ended")

    async def until_closed(self) -> None:
        async with asyncio.timeout(10):
            async for _ in self._lines:
                pass


@asynccontextmanager
async def open_stream(live: Live, member: MemberJoinedV1, **options: Any) -> AsyncGenerator[Stream]:
    path = f"/members/{member.member_id}/inbox/stream"
    async with live.client.stream("GET", path, timeout=30, **options) as response:
        assert response.status_code == 200
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        yield Stream(response)


def from_position(position: str) -> dict[str, dict[str, str]]:
    return {"headers": {"Last-Event-ID": position}}


@pytest.fixture
async def dakar(live: Live) -> MemberJoinedV1:
    member = a_member("DWT/CO-Dakar")
    await live.network.join(member)
    return member


async def test_a_new_item_appears_on_the_open_stream(live: Live, dakar: MemberJoinedV1) -> None:
    async with open_stream(live, dakar, params={"language": "fr"}) as stream:
        await live.network.hear(a_task("DWT/CO-Dakar"))

        pushed = await stream.next()

    assert (pushed.id, pushed.unread) == ("1", 1)
    assert pushed.item["title"].startswith("Nouvelle tâche")


async def test_a_read_item_is_pushed_again_to_every_open_page(live: Live, dakar: MemberJoinedV1) -> None:
    await live.network.hear(a_task("DWT/CO-Dakar"))
    [item] = await live.network.items(dakar)

    async with open_stream(live, dakar) as one, open_stream(live, dakar) as other:
        await live.client.post(f"/members/{dakar.member_id}/inbox/{item.id}/read")

        for stream in (one, other):
            pushed = await stream.next()
            assert (pushed.id, pushed.unread, pushed.item["item_id"]) == ("2", 0, str(item.id))
            assert pushed.item["read_at"] is not None


async def test_a_client_that_comes_back_sees_exactly_what_it_missed(
    live: Live, dakar: MemberJoinedV1
) -> None:
    tasks = [a_task("DWT/CO-Dakar") for _ in range(5)]
    async with open_stream(live, dakar) as stream:
        await live.network.hear(tasks[0])
        seen = await stream.next()
    for task in tasks[1:4]:
        await live.network.hear(task)

    async with open_stream(live, dakar, **from_position(seen.id)) as stream:
        missed = [await stream.next() for _ in range(3)]
        await live.network.hear(tasks[4])
        fresh = await stream.next()

    assert [one.item["task_id"] for one in [seen, *missed, fresh]] == [str(task.task_id) for task in tasks]
    assert [one.id for one in missed] == ["2", "3", "4"]


async def test_more_was_missed_than_one_look_fetches(live: Live, dakar: MemberJoinedV1) -> None:
    await live.network.deliver.again(*(an_envelope(a_task("DWT/CO-Dakar")) for _ in range(120)))

    async with open_stream(live, dakar, params={"after": 0}) as stream:
        positions = [(await stream.next()).id for _ in range(120)]

    assert positions == [str(n) for n in range(1, 121)]


async def test_nothing_is_missed_over_many_cuts(live: Live, dakar: MemberJoinedV1) -> None:
    writing = asyncio.gather(*(live.network.hear(a_task("DWT/CO-Dakar")) for _ in range(40)))
    positions, last = list[int](), "0"
    while len(positions) < 40:
        async with open_stream(live, dakar, **from_position(last)) as stream:
            for _ in range(min(7, 40 - len(positions))):
                last = (await stream.next()).id
                positions.append(int(last))
    await writing

    assert positions == list(range(1, 41))


async def test_an_idle_stream_shows_that_it_lives(live: Live, dakar: MemberJoinedV1) -> None:
    async with open_stream(live, dakar) as stream, asyncio.timeout(10):
        comments = 0
        async for chunk in stream.response.aiter_text():
            comments += chunk.count(": still here")
            if comments >= 2:
                break


async def test_a_stream_goes_on_after_its_notices_lost_their_connection(
    live: Live, dakar: MemberJoinedV1
) -> None:
    bells = sa.text(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = :name"
    )
    async with open_stream(live, dakar) as stream:
        async with live.service.database.transaction() as tx:
            assert await tx.session.scalar(bells, {"name": "ssenet-notifications-bell"}) >= 1
        await live.network.hear(a_task("DWT/CO-Dakar"))

        assert (await stream.next()).id == "1"


async def test_the_bell_survives_a_server_that_dies_within_a_statement(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    listened, connect = asyncio.Event(), asyncpg.connect

    async def at_first_dying(*args: Any, **kwargs: Any) -> Any:
        if listened.is_set():
            return await connect(*args, **kwargs)
        listened.set()
        # What asyncpg said of it, and the service ended.
        raise asyncpg.InternalClientError("got result for unknown protocol state 3")

    monkeypatch.setattr(asyncpg, "connect", at_first_dying)
    bell, stopping = Bell(live.service.database.asyncpg_dsn), asyncio.Event()
    running = asyncio.create_task(bell.run(stopping))
    with bell.listening(new_id()) as rung:
        await asyncio.wait_for(rung.wait(), 10)
    stopping.set()
    await asyncio.wait_for(running, 10)


async def test_streams_end_when_the_service_stops(live: Live, dakar: MemberJoinedV1) -> None:
    async with open_stream(live, dakar) as stream:
        live.service.stopping.set()
        live.server.should_exit = True

        await stream.until_closed()

    await eventually(lambda: not live.server.server_state.tasks, timeout=5)


@pytest.fixture
def spans() -> Generator[InMemorySpanExporter]:
    """The spans that ended during the test."""
    provider = trace.get_tracer_provider()
    assert isinstance(provider, TracerProvider)
    exporter = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    yield exporter
    exporter.shutdown()


async def test_the_push_is_the_last_span_of_the_trace_the_event_came_in(
    live: Live, dakar: MemberJoinedV1, spans: InMemorySpanExporter
) -> None:
    async with open_stream(live, dakar) as stream:
        heard = await live.network.hear(a_task("DWT/CO-Dakar"))
        await stream.next()

    def pushes() -> list[ReadableSpan]:
        return [span for span in spans.get_finished_spans() if span.name == "push inbox item"]

    [push] = await eventually(pushes)
    assert push.parent is not None
    assert heard.traceparent == f"00-{push.parent.trace_id:032x}-{push.parent.span_id:016x}-01"


async def test_a_client_that_takes_nothing_is_let_go(live: Live, dakar: MemberJoinedV1) -> None:
    await live.network.hear(a_task("DWT/CO-Dakar"))
    impatient = Streams(
        live.service.database,
        live.app.state.streams.bell,
        live.service.stopping,
        heartbeat=timedelta(seconds=15),
        send_timeout=timedelta(milliseconds=20),
    )
    response = await impatient.open(dakar.member_id, None, after=0)
    taken: list[Message] = []

    async def send(message: Message) -> None:
        taken.append(message)
        if len(taken) > 2:
            await asyncio.Event().wait()

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async with asyncio.timeout(5):
        await response({"type": "http"}, receive, send)

    assert [message["type"] for message in taken] == ["http.response.start", *["http.response.body"] * 2]
