"""A partner that sends too much is told when to come back, and every answer to its key says what is left."""

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx
import orjson
import pytest
from partner_kit import (
    BATCH,
    KEY,
    OTHER_KEY,
    STRUCTURED,
    Gateway,
    an_event,
    bearer,
    outbox,
    post_event,
)


async def test_a_partner_that_sends_too_much_is_told_when_to_come_back(gateway: Gateway) -> None:
    async with gateway(events_per_second=1, events_burst=3) as client:
        first = await post_event(client, [an_event() for _ in range(5)], mode=BATCH)
        second = await post_event(client, an_event())
        other = await post_event(client, an_event(), key=OTHER_KEY)

    assert first.status_code == 202
    assert first.headers["RateLimit"].startswith('"events";r=0;')
    assert first.headers["RateLimit-Policy"] == '"events";q=3;w=3'
    assert second.status_code == 429
    assert int(second.headers["Retry-After"]) >= 3
    assert other.status_code == 202


async def test_batches_sent_at_once_do_not_all_pass_on_the_first_event_of_each(gateway: Gateway) -> None:
    batch = [an_event() for _ in range(20)]
    async with gateway(events_per_second=1, events_burst=10) as client:
        answers = await asyncio.gather(*(post_event(client, batch, mode=BATCH) for _ in range(6)))
        stored = await outbox(client)

    assert sorted(answer.status_code for answer in answers) == [202] + [429] * 5
    assert len(stored) == 20
    refused = [answer for answer in answers if answer.status_code == 429]
    assert all(int(answer.headers["Retry-After"]) >= 10 for answer in refused)


REFUSALS: Sequence[tuple[str, int, dict[str, Any]]] = [
    ("another media type", 415, {"content": b"<x/>", "headers": {"Content-Type": "text/xml"}}),
    ("too large", 413, {"content": b" " * 300_000, "headers": {"Content-Type": STRUCTURED}}),
    ("no JSON", 422, {"content": b"{", "headers": {"Content-Type": STRUCTURED}}),
    ("no array", 422, {"content": b"{}", "headers": {"Content-Type": BATCH}}),
    ("1001 events", 413, {"content": orjson.dumps([{}] * 1001), "headers": {"Content-Type": BATCH}}),
]


@pytest.mark.parametrize(
    ("status", "request_"), [(s, r) for _, s, r in REFUSALS], ids=[n for n, *_ in REFUSALS]
)
async def test_a_refusal_says_what_is_left(client: httpx.AsyncClient, status: int, request_: Any) -> None:
    headers = {**bearer(), **request_["headers"]}

    answer = await client.post("/events", content=request_["content"], headers=headers)

    assert answer.status_code == status
    assert answer.headers["RateLimit"].startswith('"events";r=399;')
    assert answer.headers["RateLimit-Policy"] == '"events";q=400;w=2'


@pytest.mark.parametrize(
    ("path", "status"),
    [("/events", 200), ("/events/unknown", 404), ("/events?limit=x", 422), ("/events?x=1", 422)],
)
async def test_a_question_has_an_allowance_of_its_own(
    client: httpx.AsyncClient, path: str, status: int
) -> None:
    answer = await client.get(path, headers=bearer())

    assert answer.status_code == status
    assert answer.headers["RateLimit"].startswith('"reads";r=499;')
    assert answer.headers["RateLimit-Policy"] == '"reads";q=500;w=5'


async def test_who_asks_too_often_may_still_send(gateway: Gateway) -> None:
    async with gateway(reads_per_second=1, reads_burst=2) as client:
        asked = [await client.get("/events", headers=bearer()) for _ in range(3)]
        sent = await post_event(client, an_event())

    assert [answer.status_code for answer in asked] == [200, 200, 429]
    assert int(asked[-1].headers["Retry-After"]) >= 1
    assert asked[-1].headers["RateLimit"].startswith('"reads";r=0;')
    assert sent.status_code == 202


async def test_who_shows_no_key_of_a_partner_learns_of_no_allowance(client: httpx.AsyncClient) -> None:
    answer = await post_event(client, an_event(), key=KEY[:-1] + "A")

    assert answer.status_code == 401
    assert "RateLimit" not in answer.headers


async def test_an_answer_that_fails_behind_the_key_says_what_is_left_and_when_to_come_back(
    gateway: Gateway,
) -> None:
    async with gateway(publish_timeout=0) as client:
        answer = await post_event(client, an_event())

    assert answer.status_code == 503
    assert answer.headers["RateLimit"].startswith('"events";r=399;')
    assert int(answer.headers["Retry-After"]) >= 1


@pytest.mark.parametrize("wrong", ["dry_run=maybe", "dryrun=true", "dry_run=true&dry_run=true"])
async def test_a_post_with_a_wrong_parameter_is_charged_and_told_so(gateway: Gateway, wrong: str) -> None:
    async with gateway(events_burst=3, events_per_second=1) as client:
        answers = [
            await client.post(
                f"/events?{wrong}", content=b"{}", headers={"Content-Type": STRUCTURED, **bearer()}
            )
            for _ in range(4)
        ]

    assert [answer.status_code for answer in answers] == [422, 422, 422, 429]
    assert all("RateLimit" in answer.headers for answer in answers)
