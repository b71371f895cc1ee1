"""Forms and internal calls come whole or not at all, and all of them together take no more room than there is."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager

import httpx
import pytest
from partner_kit import Gateway

from chassis.testing import eventually
from gateway.http import coming_bodies
from gateway.http.body_limits import FORM_BYTES

FORM = {"Content-Type": "application/x-www-form-urlencoded", "Origin": "http://service.test"}


@asynccontextmanager
async def stopping_short(
    client: httpx.AsyncClient, path: str, headers: dict[str, str], count: int
) -> AsyncGenerator[Sequence["asyncio.Task[httpx.Response]"]]:
    """So many large bodies of which the last byte does not come."""
    go_on = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b"theme=" + b"d" * (FORM_BYTES - 10)
        await go_on.wait()
        yield b"k"

    headers = headers | {"Content-Length": str(FORM_BYTES - 3)}
    posts = [
        asyncio.create_task(client.post(path, content=body(), headers=headers, timeout=60))
        for _ in range(count)
    ]
    try:
        yield posts
    finally:
        go_on.set()
        await asyncio.gather(*posts, return_exceptions=True)


@pytest.mark.parametrize(
    ("path", "headers"),
    [("/theme", FORM), ("/internal/sign-in-links", {"Content-Type": "application/json"}), ("/nowhere", FORM)],
)
async def test_bodies_that_do_not_end_take_no_more_room_than_their_address_has(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, path: str, headers: dict[str, str]
) -> None:
    monkeypatch.setattr(coming_bodies, "_DRAIN_PATIENCE", 0.2)
    async with gateway(form_bytes_in_all=4 * FORM_BYTES, form_bytes_per_address=2 * FORM_BYTES) as client:
        app = client.app  # type: ignore[attr-defined]
        async with stopping_short(client, path, headers, 60) as posts:
            # Two have room, fifty wait for it, and the others are told at once.
            await eventually(lambda: sum(one.done() for one in posts) >= 8)
            refused = [one.result() for one in posts if one.done()]
            elsewhere = httpx.ASGITransport(app, client=("192.0.2.7", 9))
            async with httpx.AsyncClient(transport=elsewhere, base_url="http://service.test") as other:
                theirs = await other.post("/theme", content=b"theme=dark", headers=FORM)

    assert {(one.status_code, one.headers["Retry-After"]) for one in refused} == {(429, "5")}
    assert theirs.status_code == 303


async def test_a_form_that_came_is_read_as_it_was_sent(client: httpx.AsyncClient) -> None:
    async def in_pieces() -> AsyncIterator[bytes]:
        for piece in (b"the", b"me=", b"dark"):
            yield piece

    for content in (b"theme=dark", in_pieces()):
        answer = await client.post("/theme", content=content, headers=FORM)
        assert answer.status_code == 303
        assert "dark" in answer.headers["Set-Cookie"]


async def test_a_form_is_no_longer_than_a_page_of_text(client: httpx.AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 65536

    for content in (b"x" * (FORM_BYTES + 1), endless()):
        answer = await client.post("/theme", content=content, headers=FORM)
        assert answer.status_code == 413
