"""Whose inbox changes, live and over a socket of the running service; and what changed in one since a position."""

import asyncio
import json
from collections.abc import AsyncGenerator
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
from starlette.types import Message

from chassis.runtime.service import Service
from chassis.testing import Deliver, Running, an_envelope, eventually
from contracts.registry import MemberJoinedV1
from notifications.app import build
from notifications.bell import Bell, Rings
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


class Stream:
    """The stream of changes, read as the gateway reads it."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()

    async def next(self) -> list[str] | None:
        """The members that it names next; None where it names all."""
        async with asyncio.timeout(10):
            async for line in self._lines:
                if line.startswith("data: "):
                    members: list[str] | None = json.loads(line.removeprefix("data: "))["members"]
                    return members
        raise AssertionError("the stream ended")

    async def until_closed(self) -> None:
        async with asyncio.timeout(10):
            async for _ in self._lines:
                pass


@asynccontextmanager
async def open_stream(live: Live) -> AsyncGenerator[Stream]:
    async with live.client.stream("GET", "/inboxes/stream", timeout=30) as response:
        assert response.status_code == 200
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        stream = Stream(response)
        # It says that it stands once it listens.
        assert (await anext(stream._lines)).startswith("retry")
        yield stream


async def changes(live: Live, member: MemberJoinedV1, **query: Any) -> dict[str, Any]:
    answer = await live.client.get(f"/members/{member.member_id}/inbox/changes", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture
async def dakar(live: Live) -> MemberJoinedV1:
    member = a_member("DWT/CO-Dakar")
    await live.network.join(member)
    return member


async def test_a_new_item_is_noticed_by_every_stream_and_found_by_its_position(
    live: Live, dakar: MemberJoinedV1
) -> None:
    async with open_stream(live) as one, open_stream(live) as other:
        await live.network.hear(a_task("DWT/CO-Dakar"))

        assert await one.next() == await other.next() == [str(dakar.member_id)]

    found = await changes(live, dakar, language="fr", after=0)
    assert (found["position"], found["unread"]) == (1, 1)
    assert found["items"][0]["title"].startswith("Nouvelle tâche")


async def test_a_read_item_is_noticed_and_found_again(live: Live, dakar: MemberJoinedV1) -> None:
    await live.network.hear(a_task("DWT/CO-Dakar"))
    [item] = await live.network.items(dakar)

    async with open_stream(live) as stream:
        await live.client.post(f"/members/{dakar.member_id}/inbox/{item.id}/read")
        assert await stream.next() == [str(dakar.member_id)]

    [changed] = (found := await changes(live, dakar, after=1))["items"]
    assert (changed["item_id"], changed["position"], found["unread"]) == (str(item.id), 2, 0)
    assert changed["read_at"] is not None


async def test_who_comes_back_finds_exactly_what_they_missed(live: Live, dakar: MemberJoinedV1) -> None:
    tasks = [a_task("DWT/CO-Dakar") for _ in range(4)]
    await live.network.hear(tasks[0])
    seen = await changes(live, dakar, after=0)
    for task in tasks[1:]:
        await live.network.hear(task)

    missed = await changes(live, dakar, after=seen["position"])

    assert [item["task_id"] for item in missed["items"]] == [str(task.task_id) for task in tasks[1:]]
    assert [item["position"] for item in missed["items"]] == [2, 3, 4]
    assert (await changes(live, dakar, after=missed["position"]))["items"] == []


async def test_more_was_missed_than_one_look_finds(live: Live, dakar: MemberJoinedV1) -> None:
    await live.network.deliver.again(*(an_envelope(a_task("DWT/CO-Dakar")) for _ in range(120)))

    positions, at = list[int](), 0
    while page := (found := await changes(live, dakar, after=at))["items"]:
        positions += [item["position"] for item in page]
        at = found["position"]

    assert positions == list(range(1, 121))


async def test_who_holds_no_position_or_one_of_a_lost_database_is_told_where_to_go_on(
    live: Live, dakar: MemberJoinedV1
) -> None:
    await live.network.hear(a_task("DWT/CO-Dakar"))

    for query in ({}, {"after": 77}):
        found = await changes(live, dakar, **query)
        assert (found["position"], found["unread"], found["items"]) == (1, 1, [])


async def test_an_idle_stream_shows_that_it_lives(live: Live) -> None:
    async with open_stream(live) as stream, asyncio.timeout(10):
        comments = 0
        async for line in stream._lines:
            comments += line == ": still here"
            if comments >= 2:
                break


async def test_all_may_have_changed_while_the_notices_had_no_connection(
    live: Live, dakar: MemberJoinedV1
) -> None:
    bells = sa.text(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = :name"
    )
    async with open_stream(live) as stream:
        async with live.service.database.transaction() as tx:
            assert await tx.session.scalar(bells, {"name": "ssenet-notifications-bell"}) >= 1
        await live.network.hear(a_task("DWT/CO-Dakar"))

        assert await stream.next() is None


async def test_changes_that_nobody_has_taken_yet_are_one_notice_and_many_of_them_are_all() -> None:
    rings = Rings()
    for _ in range(3):
        rings.add("a")
        rings.add("b")
    assert await rings.next() == {"a", "b"}

    for number in range(2000):
        rings.add(str(number))
    assert await rings.next() is None


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
    with bell.listening() as rings:
        assert await asyncio.wait_for(rings.next(), 10) is None
    stopping.set()
    await asyncio.wait_for(running, 10)


async def test_streams_end_when_the_service_stops(live: Live) -> None:
    async with open_stream(live) as stream:
        live.service.stopping.set()
        live.server.should_exit = True

        await stream.until_closed()

    await eventually(lambda: not live.server.server_state.tasks, timeout=5)


async def test_a_change_names_the_trace_that_its_push_continues(live: Live, dakar: MemberJoinedV1) -> None:
    heard = await live.network.hear(a_task("DWT/CO-Dakar"))

    [item] = (await changes(live, dakar, after=0))["items"]

    assert heard.traceparent is not None
    assert item["traceparent"].split("-")[1] == heard.traceparent.split("-")[1] == item["trace_id"]


async def test_a_client_that_takes_nothing_is_let_go(live: Live) -> None:
    bell = Bell(live.service.database.asyncpg_dsn)
    impatient = Streams(
        bell,
        live.service.stopping,
        heartbeat=timedelta(milliseconds=1),
        send_timeout=timedelta(milliseconds=20),
    )
    taken: list[Message] = []

    async def send(message: Message) -> None:
        taken.append(message)
        if len(taken) > 2:
            await asyncio.Event().wait()

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async with asyncio.timeout(5):
        await impatient.open()({"type": "http"}, receive, send)

    assert [message["type"] for message in taken] == ["http.response.start", *["http.response.body"] * 2]
