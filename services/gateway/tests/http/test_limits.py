"""What is refused whatever the address: bodies that are too long, and methods it does not take."""

from collections.abc import AsyncIterator

import httpx
import pytest
from partner_kit import (
    OPERATOR,
    bearer,
)


async def test_no_form_and_no_internal_call_is_longer_than_a_page_of_text(client: httpx.AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b" " * 65536

    declared = await client.post("/internal/sign-in-links", content=b" " * 300_000, headers=OPERATOR)
    undeclared = await client.post("/internal/sign-in-links", content=endless(), headers=OPERATOR)

    assert declared.status_code == undeclared.status_code == 413


async def test_a_wrong_method_is_told_every_right_one(client: httpx.AsyncClient) -> None:
    answer = await client.delete("/events", headers=bearer())
    french = await client.delete("/events", headers={"Accept-Language": "fr", **bearer()})

    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET, HEAD, POST"
    assert answer.json()["detail"] == "This address does not take this method."
    assert french.json()["detail"] == "Cette adresse n’accepte pas cette méthode."


@pytest.mark.parametrize("path", ["/", "/sign-in", "/events", "/openapi.json", "/health/live", "/nowhere"])
async def test_head_is_answered_wherever_get_is(client: httpx.AsyncClient, path: str) -> None:
    head = await client.head(path, headers=bearer())
    get = await client.get(path, headers=bearer())

    assert head.status_code == get.status_code
    assert head.headers.get("Content-Length") == get.headers.get("Content-Length")
    assert head.headers.get("Content-Type") == get.headers.get("Content-Type")
    assert head.content == b""


async def test_head_is_refused_where_get_is(client: httpx.AsyncClient) -> None:
    answer = await client.head("/language")

    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
