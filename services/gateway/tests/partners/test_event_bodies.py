"""A body that is too large is refused, and the sender reads why; and so is one for which there is no room now."""

import asyncio
import http.client
from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
import pytest
import uvicorn
from partner_kit import BATCH, KEY, OTHER_KEY, STRUCTURED, Gateway, an_event, bearer, post_event

from chassis.testing import eventually
from gateway.http import coming_bodies
from gateway.partners.api import events
from gateway.partners.api.body import Bodies
from gateway.partners.domain.cloudevents import read_batch


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
    async def status_of(text: bytes, size: int, media_type: str) -> int:
        headers = {"Content-Type": media_type, **bearer()}
        return (await client.post("/events", content=text.ljust(size), headers=headers)).status_code

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

    async def large() -> AsyncIterator[bytes]:
        nonlocal read
        read += 1
        yield b" " * 300_000

    answer = await client.post(
        "/events",
        content=large(),
        headers={
            "Content-Type": STRUCTURED,
            "Content-Length": "300000",
            "Expect": "100-continue",
            **bearer(),
        },
    )

    assert (answer.status_code, read) == (413, 0)


class _Slow:
    """A body of so many bytes that begins, and comes to its end when told to."""

    def __init__(self, size: int, begin: int = 1000) -> None:
        self.size = size
        self.begin = begin
        self.goes_on = asyncio.Event()
        self.begun = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self.begun.set()
        yield b"[" + b" " * self.begin
        await self.goes_on.wait()
        yield b" " * (self.size - self.begin - 2) + b"]"

    async def post(
        self, client: httpx.AsyncClient, key: str = KEY, *, declared: bool = True
    ) -> httpx.Response:
        length = {"Content-Length": str(self.size)} if declared else {}
        headers = {"Content-Type": BATCH, **bearer(key), **length}
        return await client.post("/events", content=self, headers=headers)


MB = 1024 * 1024
ROOM = {"batch_bytes_in_all": 12 * MB, "batch_bytes_per_partner": 8 * MB, "body_patience": 0.2}


def _used(client: httpx.AsyncClient) -> int:
    bodies: Bodies = client.app.state.bodies  # type: ignore[attr-defined]
    return bodies.events.used + bodies.batches.used + bodies.read.used


async def post_batch(client: httpx.AsyncClient, key: str = KEY) -> httpx.Response:
    batch = orjson.dumps([an_event()])
    return await client.post("/events", content=batch, headers={"Content-Type": BATCH, **bearer(key)})


@pytest.mark.parametrize("declared", [True, False], ids=["declared", "in chunks"])
async def test_what_a_partner_has_under_way_is_bounded_and_given_back(
    gateway: Gateway, *, declared: bool
) -> None:
    async with gateway(**ROOM) as client:
        slow = [_Slow(4 * MB, 20_000) for _ in range(2)]
        under_way = [asyncio.create_task(one.post(client, declared=declared)) for one in slow]
        for one in slow:
            await one.begun.wait()

        refused = await post_batch(client)
        other = await post_batch(client, OTHER_KEY)
        single = await post_event(client, an_event())
        for one in slow:
            one.goes_on.set()
        done = await asyncio.gather(*under_way)

        assert (refused.status_code, refused.json()["type"]) == (429, "urn:ilo:sse:problem:too-much-at-once")
        assert int(refused.headers["Retry-After"]) >= 1
        assert "RateLimit" in refused.headers
        assert (other.status_code, single.status_code) == (202, 202)
        assert [answer.status_code for answer in done] == [202, 202]
        assert _used(client) == 0
        assert (await post_batch(client)).status_code == 202


async def test_what_all_partners_have_under_way_is_bounded(gateway: Gateway) -> None:
    async with gateway(**ROOM) as client:
        slow = [(_Slow(4 * MB), key) for key in (KEY, KEY, OTHER_KEY)]
        under_way = [asyncio.create_task(one.post(client, key)) for one, key in slow]
        for one, _ in slow:
            await one.begun.wait()

        another = asyncio.create_task(_Slow(4 * MB).post(client, OTHER_KEY))
        await eventually(lambda: client.app.state.bodies.batches._waiting)  # type: ignore[attr-defined]
        refused = await another
        single = await post_event(client, an_event(), key=OTHER_KEY)
        for one, _ in slow:
            one.goes_on.set()
        await asyncio.gather(*under_way)

        assert (refused.status_code, refused.json()["type"]) == (503, "urn:ilo:sse:problem:busy")
        assert single.status_code == 202
        assert int(refused.headers["Retry-After"]) >= 1
        assert _used(client) == 0


async def test_a_body_waits_a_little_for_room(gateway: Gateway) -> None:
    async with gateway(**ROOM | {"body_patience": 30}) as client:
        slow = [_Slow(4 * MB) for _ in range(2)]
        under_way = [asyncio.create_task(one.post(client)) for one in slow]
        for one in slow:
            await one.begun.wait()
        waits = asyncio.create_task(post_batch(client))
        await eventually(lambda: client.app.state.bodies.batches._waiting)  # type: ignore[attr-defined]

        slow[0].goes_on.set()

        assert (await waits).status_code == 202
        slow[1].goes_on.set()
        await asyncio.gather(*under_way)


async def test_who_says_nothing_of_its_length_and_sends_hardly_anything_takes_little(
    gateway: Gateway,
) -> None:
    async with gateway(**ROOM) as client:
        slow = [_Slow(4 * MB) for _ in range(20)]
        under_way = [asyncio.create_task(one.post(client, OTHER_KEY, declared=False)) for one in slow]
        for one in slow:
            await one.begun.wait()

        answer = await post_batch(client)
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)

        assert answer.status_code == 202


async def test_a_body_that_hardly_comes_gives_way_to_those_that_wait(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coming_bodies, "_LOOK_EVERY", 0.1)
    async with gateway(**ROOM | {"body_patience": 30}) as client:
        slow = [(_Slow(4 * MB), key) for key in (KEY, KEY, OTHER_KEY)]
        under_way = [asyncio.create_task(one.post(client, key)) for one, key in slow]
        for one, _ in slow:
            await one.begun.wait()
        await asyncio.sleep(0.5)
        assert not any(task.done() for task in under_way)

        answer = await post_batch(client, OTHER_KEY)
        for one, _ in slow:
            one.goes_on.set()
        ended = await asyncio.gather(*under_way)

        assert answer.status_code == 202
        # One of each partner at most: the room of one is what was wanted.
        assert 1 <= [one.status_code for one in ended].count(408) <= 2
        assert {one.headers.get("Retry-After") for one in ended if one.status_code == 408} == {"5"}
        assert {one.json()["type"] for one in ended if one.status_code == 408} == {
            "urn:ilo:sse:problem:too-slow"
        }
        assert _used(client) == 0


async def test_nothing_stays_taken_by_who_hung_up_or_was_refused(client: httpx.AsyncClient) -> None:
    app: Any = client.app  # type: ignore[attr-defined]
    for text in (b"[", b'[{"specversion": "1.0"}]', b"[" + b" " * 5 * MB):
        await client.post("/events", content=text, headers={"Content-Type": BATCH, **bearer()})
        assert _used(client) == 0

    async def hang_up() -> AsyncIterator[dict[str, Any]]:
        yield {"type": "http.request", "body": b"[", "more_body": True}
        assert _used(client) > 0
        yield {"type": "http.disconnect"}

    messages = hang_up()
    scope = {
        "type": "http", "method": "POST", "path": "/events", "raw_path": b"/events", "query_string": b"",
        "scheme": "http", "http_version": "1.1", "root_path": "",
        "headers": [(b"content-type", BATCH.encode()), (b"authorization", f"Bearer {KEY}".encode())],
    }  # fmt: skip

    async def send(_message: Any) -> None: ...

    await app(scope, messages.__anext__, send)
    assert _used(client) == 0


async def test_batches_are_read_into_objects_one_after_another(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once: list[int] = []

    def reading(*args: Any, **kwargs: Any) -> Any:
        at_once.append(app.state.bodies.read.used)
        return read_batch(*args, **kwargs)

    monkeypatch.setattr(events, "read_batch", reading)
    async with gateway(events_burst=10_000) as client:
        app: Any = client.app  # type: ignore[attr-defined]
        batch = orjson.dumps([an_event()]).ljust(3 * MB)
        headers = [{"Content-Type": BATCH, **bearer(key)} for key in (KEY, OTHER_KEY) * 3]
        answers = await asyncio.gather(
            *(client.post("/events", content=batch, headers=one) for one in headers)
        )

    assert [answer.status_code for answer in answers] == [202] * 6
    # Two of them would be more than are read at once.
    assert at_once == [3 * MB] * 6
