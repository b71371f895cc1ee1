"""Partners send events over HTTP, to a running gateway with its database and broker."""

import asyncio
import http.client
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import httpx
import orjson
import uvicorn
from partner_kit import BATCH, KEY, OTHER_KEY, STRUCTURED, Gateway, Others, an_event, bearer, examples

from chassis.broker.connection import Broker
from chassis.broker.topology import PROVISIONER
from chassis.http.problems import undeclared_endpoints
from chassis.testing import NatsSite, announced, eventually
from contracts.catalogue import parse
from contracts.event import Envelope
from contracts.partner import PartnerEvent
from gateway.settings import Settings


async def _post(
    client: httpx.AsyncClient, event: Any, *, key: str = KEY, mode: str = STRUCTURED, **headers: str
) -> httpx.Response:
    return await client.post(
        "/events", content=orjson.dumps(event), headers={"Content-Type": mode, **bearer(key), **headers}
    )


async def _outbox(client: httpx.AsyncClient) -> list[Envelope]:
    return await announced(client.app.state.service.database)  # type: ignore[attr-defined]


def _pointers(answer: httpx.Response) -> list[str]:
    return [error["pointer"] for error in answer.json()["errors"]]


async def test_a_partner_is_answered_once_the_event_is_stored_and_on_the_stream(
    client: httpx.AsyncClient, nats_site: NatsSite
) -> None:
    event = an_event()

    answer = await _post(client, event)

    assert answer.status_code == 202, answer.text
    body = answer.json()
    assert (body["id"], body["status"]) == (event["id"], "accepted")
    assert answer.headers["Location"] == body["status_url"] == f"/events/{body['event_id']}"
    [envelope] = await _outbox(client)
    assert str(envelope.id) == body["event_id"]
    assert envelope.traceparent is not None
    assert envelope.traceparent.split("-")[1] == body["trace_id"]
    operator = await Broker.connect(nats_site.url, service=PROVISIONER, seed=nats_site.seeds[PROVISIONER])
    message = await operator.jetstream.get_last_msg("EVENTS", envelope.nats_subject)
    await operator.close()
    assert orjson.loads(message.data or b"")["id"] == body["event_id"]


async def test_a_partner_cannot_speak_for_another(client: httpx.AsyncClient) -> None:
    forged = {"partner": "COOP", "partner_name": "COOP", "event_id": "1", "source": "/"}
    event = an_event(data__origin=forged)

    assert (await _post(client, event)).status_code == 202

    [envelope] = await _outbox(client)
    announced_event = parse(envelope)
    assert isinstance(announced_event, PartnerEvent)
    assert announced_event.origin is not None
    assert announced_event.origin.partner == "MINFI-SN"
    assert announced_event.origin.event_id == event["id"]


async def test_a_partner_may_use_binary_mode(client: httpx.AsyncClient) -> None:
    event = an_event(id="2026/ت/118", time="0001-01-01T00:00:00Z")
    headers = {
        f"ce-{name}": quote(event[name], safe="/:.-")
        for name in ("specversion", "id", "source", "type", "time")
    }

    answer = await _post(client, event["data"], mode="application/json; charset=utf-8", **headers)

    assert answer.status_code == 202, answer.text
    assert answer.json()["id"] == "2026/ت/118"
    again = await _post(client, event)
    assert again.json() == {**answer.json(), "status": "already_accepted"}


async def test_a_partner_may_send_every_published_example(client: httpx.AsyncClient) -> None:
    events = [event for _, event in examples()]

    answer = await _post(client, events, mode=BATCH)

    assert answer.status_code == 202, answer.text
    assert {result["status"] for result in answer.json()["results"]} == {"accepted"}
    assert sorted(one.type for one in await _outbox(client)) == sorted(event["type"] for event in events)


async def test_a_batch_is_answered_event_by_event(client: httpx.AsyncClient) -> None:
    good, unheard_of = an_event(), an_event(data__country="ZZ")
    same_again = dict(good)
    other_content = an_event(id=good["id"], data__country="ML")

    answer = await _post(client, [good, unheard_of, same_again, other_content, "no event"], mode=BATCH)

    assert answer.status_code == 200
    body = answer.json()
    assert (body["accepted"], body["refused"]) == (2, 3)
    assert [result["http_status"] for result in body["results"]] == [202, 422, 202, 409, 422]
    assert [result["id"] for result in body["results"]] == [
        good["id"],
        unheard_of["id"],
        good["id"],
        good["id"],
        None,
    ]
    assert body["results"][1]["problem"]["errors"][0]["pointer"] == "/data/country"
    assert body["results"][2]["status"] == "already_accepted"
    assert len(await _outbox(client)) == 1


async def test_a_repeated_event_is_taken_once(client: httpx.AsyncClient) -> None:
    event = an_event()

    first = await _post(client, event)
    # Senders stamp the time anew on each attempt, and no JSON library promises an order of keys.
    again = await _post(client, dict(reversed((event | {"time": "2026-11-03T10:00:00Z"}).items())))

    assert again.status_code == 202
    assert again.json() == {**first.json(), "status": "already_accepted"}
    assert len(await _outbox(client)) == 1


async def test_an_event_sent_many_times_at_once_is_taken_once(client: httpx.AsyncClient) -> None:
    event = an_event()

    answers = await asyncio.gather(*(_post(client, event) for _ in range(12)))

    assert {answer.status_code for answer in answers} == {202}
    assert [answer.json()["status"] for answer in answers].count("accepted") == 1
    assert len({answer.json()["event_id"] for answer in answers}) == 1
    assert len(await _outbox(client)) == 1


async def test_overlapping_batches_at_once_lock_nobody_up(client: httpx.AsyncClient) -> None:
    events = [an_event() for _ in range(40)]

    answers = await asyncio.gather(
        *(_post(client, events if turn % 2 else events[::-1], mode=BATCH) for turn in range(6))
    )

    assert {answer.status_code for answer in answers} == {202}
    assert len(await _outbox(client)) == len(events)


async def test_an_id_stands_for_one_content(client: httpx.AsyncClient) -> None:
    event = an_event()
    await _post(client, event)

    answer = await _post(client, an_event(id=event["id"], data__country="ML"))

    assert answer.status_code == 409
    assert _pointers(answer) == ["/id"]
    # Another partner, or another source of the same one, has ids of its own.
    assert (await _post(client, event, key=OTHER_KEY)).json()["status"] == "accepted"
    assert (await _post(client, event | {"source": "/elsewhere"})).json()["status"] == "accepted"


async def test_nobody_gets_in_without_a_known_key(client: httpx.AsyncClient) -> None:
    for authorization in (None, "Basic x", "Bearer ", f"Bearer {KEY}x", f"Bearer {KEY[:-1]}A"):
        headers = {"Content-Type": STRUCTURED, **({"Authorization": authorization} if authorization else {})}

        answer = await client.post("/events", content=b"{not even json", headers=headers)

        assert answer.status_code == 401, authorization
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert answer.headers["Content-Type"] == "application/problem+json"


async def test_a_revoked_key_stops_working(gateway: Gateway, others: Others) -> None:
    async with gateway(key_cache=0) as client:
        assert (await _post(client, an_event())).status_code == 202
        others.forgets(KEY)
        assert (await _post(client, an_event())).status_code == 401


def test_a_revoked_key_is_remembered_for_two_seconds_at_most() -> None:
    assert Settings.model_fields["key_cache"].default <= timedelta(seconds=2)


async def test_a_key_is_looked_up_once_in_a_while(client: httpx.AsyncClient, others: Others) -> None:
    for _ in range(5):
        await _post(client, an_event())

    assert others.asked == ["POST /keys/verify"]


async def test_a_registry_that_is_away_opens_no_door(client: httpx.AsyncClient, others: Others) -> None:
    others.away = True

    answer = await _post(client, an_event())

    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert await _outbox(client) == []


async def test_a_partner_sends_only_what_is_granted(client: httpx.AsyncClient) -> None:
    _, event = next((name, event) for name, event in examples() if name.startswith("partner.statistics"))

    answer = await _post(client, event, key=OTHER_KEY)

    assert answer.status_code == 403
    assert _pointers(answer) == ["/type"]


async def test_a_malformed_event_is_refused_field_by_field(client: httpx.AsyncClient) -> None:
    answer = await _post(client, an_event(id="", data__country=1, data__theme="x"))

    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert _pointers(answer) == ["/id", "/data/country", "/data/theme"]
    assert "RateLimit" in answer.headers
    assert await _outbox(client) == []


async def test_what_cannot_be_read_is_refused(client: httpx.AsyncClient) -> None:
    no_json = await client.post("/events", content=b"{", headers={"Content-Type": STRUCTURED, **bearer()})
    no_event = await client.post("/events", content=b"{}", headers={"Content-Type": "text/plain", **bearer()})

    assert (no_json.status_code, no_event.status_code) == (422, 415)
    assert no_json.json()["errors"][0]["code"] == "malformed-json"


async def test_a_large_event_is_refused_and_not_read_for_ever(client: httpx.AsyncClient) -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 1
            yield b" " * 65536

    declared = await _post(client, an_event(data__requested_by="x" * 300_000))
    undeclared = await client.post(
        "/events", content=endless(), headers={"Content-Type": STRUCTURED, **bearer()}
    )

    assert declared.status_code == undeclared.status_code == 413
    assert read < 300


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


async def test_a_wrong_method_is_told_every_right_one(client: httpx.AsyncClient) -> None:
    answer = await client.delete("/events", headers=bearer())
    french = await client.delete("/events", headers={"Accept-Language": "fr", **bearer()})

    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET, POST"
    assert answer.json()["detail"] == "This address does not take this method."
    assert french.json()["detail"] == "Cette adresse n’accepte pas cette méthode."


async def test_one_large_event_of_a_batch_is_refused_alone(client: httpx.AsyncClient) -> None:
    large = an_event(data__description={"language": "fr", "text": "x" * 300_000})

    answer = await _post(client, [large, an_event()], mode=BATCH)

    assert [result["http_status"] for result in answer.json()["results"]] == [413, 202]
    assert (await _post(client, [{}] * 1001, mode=BATCH)).status_code == 413
    assert (await _post(client, [{"pad": "x" * 4_300_000}], mode=BATCH)).status_code == 413


async def test_a_partner_that_sends_too_much_is_told_when_to_come_back(gateway: Gateway) -> None:
    async with gateway(events_per_second=1, events_burst=3) as client:
        first = await _post(client, [an_event() for _ in range(5)], mode=BATCH)
        second = await _post(client, an_event())
        other = await _post(client, an_event(), key=OTHER_KEY)

    assert first.status_code == 202
    assert first.headers["RateLimit"].startswith('"events";r=0;')
    assert first.headers["RateLimit-Policy"] == '"events";q=3;w=3'
    assert second.status_code == 429
    assert int(second.headers["Retry-After"]) >= 3
    assert other.status_code == 202


async def test_an_event_the_broker_did_not_confirm_is_kept_and_confirmed_on_repeat(gateway: Gateway) -> None:
    event = an_event()
    async with gateway(publish_timeout=0) as client:
        unconfirmed = await _post(client, event)
        client.app.state.publish_timeout = 5  # type: ignore[attr-defined]
        confirmed = await _post(client, event)
        kept = await _outbox(client)

    assert unconfirmed.status_code == 503
    assert int(unconfirmed.headers["Retry-After"]) > 0
    assert confirmed.status_code == 202
    assert confirmed.json()["status"] == "already_accepted"
    assert len(kept) == 1


async def test_a_partner_is_answered_in_its_language(client: httpx.AsyncClient) -> None:
    event = an_event(data__country="senegal")
    for asked, language, word in (
        ("fr-CA, en;q=0.5", "fr", "majuscules"),
        ("es;q=0.9, en;q=0.1", "es", "mayúsculas"),
        ("ar", "ar", "البلد"),
        ("zh", "en", "country"),
    ):
        answer = await _post(client, event, **{"Accept-Language": asked})
        in_batch = await _post(client, [event], mode=BATCH, **{"Accept-Language": asked})

        assert answer.headers["Content-Language"] == language
        [error] = answer.json()["errors"]
        assert word in error["detail"]
        assert in_batch.json()["results"][0]["problem"]["errors"] == [error]


async def test_every_endpoint_says_who_may_call_it(client: httpx.AsyncClient) -> None:
    assert undeclared_endpoints(client.app) == []  # type: ignore[attr-defined]


async def test_an_event_nested_too_deeply_is_refused_alone(client: httpx.AsyncClient) -> None:
    # More levels than are written back as JSON, fewer than are read.
    nested = b"[" * 400 + b"]" * 400
    deep = orjson.dumps(an_event(data__extra="HERE")).replace(b'"HERE"', nested)
    pad = b'"' + b"x" * 300_000 + b'"'
    batches = [b"[" + b",".join([deep, orjson.dumps(an_event()), more]) + b"]" for more in (nested, pad)]

    single = await client.post("/events", content=deep, headers={"Content-Type": STRUCTURED, **bearer()})

    assert single.status_code == 422
    assert single.json()["errors"][0]["code"] == "too-deep"
    assert _pointers(single)[0].startswith("/data/extra/0")
    for content in batches:
        batch = await client.post("/events", content=content, headers={"Content-Type": BATCH, **bearer()})
        assert [result["http_status"] for result in batch.json()["results"][:2]] == [422, 202]
