"""A key with an end: each answer says when, and after it the key is refused for what it is."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from partner_kit import KEY, PARTNER, Gateway, Others, an_event, bearer, post_event


def ending(after: timedelta) -> datetime:
    return (datetime.now(UTC) + after).replace(microsecond=0)


def in_utc(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


async def test_a_key_of_the_past_is_refused_for_that_and_for_nothing_else(
    client: httpx.AsyncClient, others: Others
) -> None:
    others.knows(KEY, PARTNER.model_copy(update={"expires_at": ending(timedelta(seconds=-1))}))

    for _ in range(2):
        answer = await post_event(client, an_event())

        assert (answer.status_code, answer.json()["type"]) == (401, "urn:ilo:sse:problem:key-expired")
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    # Asked once: what was refused is remembered for a moment, and why.
    assert others.asked == ["POST /keys/verify"]


@pytest.mark.parametrize(
    ("language", "words"), [("en", "expired"), ("fr", "expiré"), ("es", "caducado"), ("ar", "انتهت")]
)
async def test_its_holder_reads_so_in_their_language(
    client: httpx.AsyncClient, others: Others, language: str, words: str
) -> None:
    others.knows(KEY, PARTNER.model_copy(update={"expires_at": ending(timedelta(days=-30))}))

    answer = await client.get("/events", headers={**bearer(), "Accept-Language": language})

    assert answer.status_code == 401
    assert words in answer.json()["detail"]


async def test_every_answer_says_when_the_key_ends(gateway: Gateway, others: Others) -> None:
    until = ending(timedelta(days=365))
    others.knows(KEY, PARTNER.model_copy(update={"expires_at": until}))

    async with gateway(key_cache=0) as client:
        accepted = await post_event(client, an_event())
        refused = await post_event(client, an_event(data__country="ZZ"))
        listed = await client.get("/events", headers=bearer())
        nothing = await client.get("/events/nothing", headers=bearer())

    assert [one.status_code for one in (accepted, refused, listed, nothing)] == [202, 422, 200, 404]
    for one in (accepted, refused, listed, nothing):
        assert one.headers["Key-Expires"] == in_utc(until)


async def test_a_key_that_does_not_end_says_nothing(client: httpx.AsyncClient, others: Others) -> None:
    others.knows(KEY, PARTNER.model_copy(update={"expires_at": None}))

    answer = await post_event(client, an_event())

    assert (answer.status_code, answer.headers.get("Key-Expires")) == (202, None)


@pytest.mark.parametrize("asked", ["GET /events?limit=0", "POST /events?dry_run=maybe", "GET /events?x=1"])
async def test_a_refused_parameter_is_told_when_the_key_ends_too(
    client: httpx.AsyncClient, others: Others, asked: str
) -> None:
    until = ending(timedelta(days=3))
    others.knows(KEY, PARTNER.model_copy(update={"expires_at": until}))
    method, path = asked.split()

    answer = await client.request(method, path, headers=bearer())

    assert (answer.status_code, answer.headers.get("Key-Expires")) == (422, in_utc(until))
