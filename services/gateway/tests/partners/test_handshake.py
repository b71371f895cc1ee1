"""Senders of webhooks ask before they send, as the CloudEvents specification of webhooks has it."""

import httpx
import pytest


async def test_a_sender_is_told_that_it_may_send_and_how_much(client: httpx.AsyncClient) -> None:
    asked = {"WebHook-Request-Origin": "eventemitter.partner.example", "WebHook-Request-Rate": "120"}

    answer = await client.options("/events", headers=asked)

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["WebHook-Allowed-Origin"] == "eventemitter.partner.example"
    assert answer.headers["WebHook-Allowed-Rate"] == "12000"
    assert "POST" in answer.headers["Allow"].split(", ")


async def test_a_blank_behind_an_origin_is_none_of_it(client: httpx.AsyncClient) -> None:
    answer = await client.options("/events", headers=[(b"WebHook-Request-Origin", b"partner.example \t")])  # type: ignore[list-item]

    assert answer.headers["WebHook-Allowed-Origin"] == "partner.example"


async def test_the_rate_is_the_one_that_partners_have(gateway: object) -> None:
    async with gateway(events_per_second=7) as client:  # type: ignore[operator]
        answer = await client.options("/events", headers={"WebHook-Request-Origin": "partner.example"})

    assert answer.headers["WebHook-Allowed-Rate"] == "420"


@pytest.mark.parametrize("origin", ["", "a b", "<script>", "x" * 300, "é".encode()])
async def test_nothing_is_allowed_to_what_is_no_host(client: httpx.AsyncClient, origin: str | bytes) -> None:
    answer = await client.options("/events", headers=[(b"WebHook-Request-Origin", origin)])  # type: ignore[list-item]

    assert answer.status_code == 200
    assert "WebHook-Allowed-Origin" not in answer.headers


async def test_who_asks_for_the_methods_of_an_address_is_told_them(client: httpx.AsyncClient) -> None:
    event, page = await client.options("/events/DEM-1"), await client.options("/sign-in")
    nowhere = await client.options("/nowhere")

    assert (event.status_code, event.headers["Allow"]) == (204, "GET, HEAD, OPTIONS")
    assert page.status_code == 204
    assert set(page.headers["Allow"].split(", ")) >= {"GET", "OPTIONS"}
    assert nowhere.status_code == 404
