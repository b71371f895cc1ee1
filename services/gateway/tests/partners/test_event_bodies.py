"""A body that is too large is refused, and the sender reads why."""

import asyncio
import http.client
from collections.abc import AsyncIterator

import httpx
import orjson
import uvicorn
from partner_kit import BATCH, STRUCTURED, an_event, bearer, post_event

from chassis.testing import eventually


async def test_a_large_event_is_refused_and_not_read_for_ever(client: httpx.AsyncClient) -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 1
            yield b" " * 65536

    declared = await post_event(client, an_event(data__requested_by="x" * 300_000))
    undeclared = await client.post(
        "/events", content=endless(), headers={"Content-Type": STRUCTURED, **bearer()}
    )

    assert declared.status_code == undeclared.status_code == 413
    assert read < 300


async def test_a_body_may_be_as_large_as_the_how_to_says_to_its_last_byte(client: httpx.AsyncClient) -> None:
    async def status_of(body: bytes, size: int, media_type: str) -> int:
        headers = {"Content-Type": media_type, **bearer()}
        return (await client.post("/events", content=body.ljust(size), headers=headers)).status_code

    event, batch = orjson.dumps(an_event()), b"[]"

    assert await status_of(event, 256 * 1024, STRUCTURED) == 202
    assert await status_of(event, 256 * 1024 + 1, STRUCTURED) == 413
    assert await status_of(batch, 4 * 1024 * 1024, BATCH) == 202
    assert await status_of(batch, 4 * 1024 * 1024 + 1, BATCH) == 413
    assert await status_of(orjson.dumps([{}] * 1000), 0, BATCH) == 200


async def test_a_plain_client_reads_why_its_large_body_was_refused(client: httpx.AsyncClient) -> None:
    config = uvicorn.Config(client.app, port=0, lifespan="off", log_config=None)  # type: ignore[attr-defined]
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    await eventually(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]

    def post(path: str) -> tuple[int, bytes]:
        # Like most clients, it writes the whole body before it looks for an answer.
        plain = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        plain.request("POST", path, b" " * 5_000_000, {"Content-Type": STRUCTURED, **bearer()})
        answer = plain.getresponse()
        told = answer.read()
        plain.close()
        return answer.status, told

    try:
        for path in ("/events", "/language"):
            status, told = await asyncio.to_thread(post, path)
            assert status == 413
            assert orjson.loads(told)["type"] == "urn:ilo:sse:problem:too-large"
    finally:
        server.should_exit = True
        await serving


async def test_who_asks_before_sending_is_refused_at_once(client: httpx.AsyncClient) -> None:
    read = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        read += 1
        yield b" " * 300_000

    answer = await client.post(
        "/events",
        content=body(),
        headers={
            "Content-Type": STRUCTURED,
            "Content-Length": "300000",
            "Expect": "100-continue",
            **bearer(),
        },
    )

    assert (answer.status_code, read) == (413, 0)
