"""Partners send events over HTTP, to a running gateway with its database and broker."""

import asyncio
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import asyncpg
import httpx
import orjson
import pytest
from partner_kit import (
    BATCH,
    OTHER_KEY,
    STRUCTURED,
    Gateway,
    an_event,
    bearer,
    examples,
    outbox,
    post_event,
)

from chassis.broker.connection import connect
from chassis.broker.topology import PROVISIONER
from chassis.database import engine
from chassis.testing import NatsSite, SettableClock
from contracts.catalogue import parse
from contracts.partner import PartnerEvent


def _pointers(answer: httpx.Response) -> list[str]:
    return [error["pointer"] for error in answer.json()["errors"]]


async def test_a_partner_is_answered_once_the_event_is_stored_and_on_the_stream(
    client: httpx.AsyncClient, nats_site: NatsSite
) -> None:
    event = an_event()

    answer = await post_event(client, event)

    assert answer.status_code == 202, answer.text
    body = answer.json()
    assert (body["id"], body["status"]) == (event["id"], "accepted")
    assert answer.headers["Location"] == body["status_url"] == f"/events/{body['event_id']}"
    [envelope] = await outbox(client)
    assert str(envelope.id) == body["event_id"]
    assert envelope.traceparent is not None
    assert envelope.traceparent.split("-")[1] == body["trace_id"]
    operator = await connect(nats_site.url, service=PROVISIONER, seed=nats_site.seeds[PROVISIONER])
    message = await operator.jetstream.get_last_msg("EVENTS", envelope.nats_subject)
    await operator.stop()
    assert orjson.loads(message.data or b"")["id"] == body["event_id"]


async def test_a_partner_does_not_decide_what_is_recorded_of_its_events(client: httpx.AsyncClient) -> None:
    theirs = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"

    answer = await post_event(client, an_event(traceparent=theirs), traceparent=theirs, tracestate="a=b")

    [envelope] = await outbox(client)
    _, trace_id, _, flags = (envelope.traceparent or "").split("-")
    assert trace_id == answer.json()["trace_id"] != theirs.split("-")[1]
    assert int(flags, 16) & 1


async def test_a_batch_is_read_event_by_event_whatever_is_wrong_with_one(client: httpx.AsyncClient) -> None:
    good, twice, also_good = (orjson.dumps(an_event(id=name)) for name in "123")
    twice = twice.replace(b'"country":"SN"', b'"country":"SN","country":"KE"')
    mark = b"\xef\xbb\xbf"

    for blanks in (0, 256 * 1024):
        answer = await client.post(
            "/events",
            content=mark + b"[%b]" % b",".join([good, twice, also_good]) + b" " * blanks,
            headers={"Content-Type": BATCH, **bearer()},
        )

        assert [one["http_status"] for one in answer.json()["results"]] == [202, 422, 202]
        [error] = answer.json()["results"][1]["problem"]["errors"]
        assert (error["pointer"], error["code"]) == ("", "name-twice")


async def test_a_partner_cannot_speak_for_another(client: httpx.AsyncClient) -> None:
    forged = {"partner": "COOP", "partner_name": "COOP", "event_id": "1", "source": "/"}
    event = an_event(data__origin=forged)

    assert (await post_event(client, event)).status_code == 202

    [envelope] = await outbox(client)
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

    answer = await post_event(client, event["data"], mode="application/json; charset=utf-8", **headers)

    assert answer.status_code == 202, answer.text
    assert answer.json()["id"] == "2026/ت/118"
    again = await post_event(client, event)
    assert again.json() == {**answer.json(), "status": "already_accepted"}


async def test_a_partner_may_send_every_published_example(client: httpx.AsyncClient) -> None:
    events = [event for _, event in examples()]

    answer = await post_event(client, events, mode=BATCH)

    assert answer.status_code == 202, answer.text
    assert {result["status"] for result in answer.json()["results"]} == {"accepted"}
    assert sorted(one.type for one in await outbox(client)) == sorted(event["type"] for event in events)


async def test_a_batch_is_answered_event_by_event(client: httpx.AsyncClient) -> None:
    good, unheard_of = an_event(), an_event(data__country="ZZ")
    same_again = dict(good)
    other_content = an_event(id=good["id"], data__country="ML")

    answer = await post_event(client, [good, unheard_of, same_again, other_content, "no event"], mode=BATCH)

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
    assert len(await outbox(client)) == 1


async def test_a_repeated_event_is_taken_once(client: httpx.AsyncClient) -> None:
    event = an_event()

    first = await post_event(client, event)
    # Senders stamp the time anew on each attempt, and no JSON library promises an order of keys.
    again = await post_event(client, dict(reversed((event | {"time": "2026-11-03T10:00:00Z"}).items())))

    assert again.status_code == 202
    assert again.json() == {**first.json(), "status": "already_accepted"}
    assert len(await outbox(client)) == 1


async def test_an_event_sent_many_times_at_once_is_taken_once(client: httpx.AsyncClient) -> None:
    event = an_event()

    answers = await asyncio.gather(*(post_event(client, event) for _ in range(12)))

    assert {answer.status_code for answer in answers} == {202}
    assert [answer.json()["status"] for answer in answers].count("accepted") == 1
    assert len({answer.json()["event_id"] for answer in answers}) == 1
    assert len(await outbox(client)) == 1


async def test_overlapping_batches_at_once_lock_nobody_up(client: httpx.AsyncClient) -> None:
    events = [an_event() for _ in range(40)]

    answers = await asyncio.gather(
        *(post_event(client, events if turn % 2 else events[::-1], mode=BATCH) for turn in range(6))
    )

    assert {answer.status_code for answer in answers} == {202}
    assert len(await outbox(client)) == len(events)


async def test_an_id_stands_for_one_content(client: httpx.AsyncClient) -> None:
    event = an_event()
    await post_event(client, event)

    answer = await post_event(client, an_event(id=event["id"], data__country="ML"))

    assert answer.status_code == 409
    assert _pointers(answer) == ["/id"]
    # Another partner, or another source of the same one, has ids of its own.
    assert (await post_event(client, event, key=OTHER_KEY)).json()["status"] == "accepted"
    assert (await post_event(client, event | {"source": "/elsewhere"})).json()["status"] == "accepted"


async def test_a_partner_sends_only_what_is_granted(client: httpx.AsyncClient) -> None:
    _, event = next((name, event) for name, event in examples() if name.startswith("partner.statistics"))

    answer = await post_event(client, event, key=OTHER_KEY)

    assert answer.status_code == 403
    assert _pointers(answer) == ["/type"]


async def test_a_malformed_event_is_refused_field_by_field(client: httpx.AsyncClient) -> None:
    answer = await post_event(client, an_event(id="", data__country=1, data__theme="x"))

    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert _pointers(answer) == ["/id", "/data/country", "/data/theme"]
    assert "RateLimit" in answer.headers
    assert await outbox(client) == []


async def test_what_cannot_be_read_is_refused(client: httpx.AsyncClient) -> None:
    no_json = await client.post("/events", content=b"{", headers={"Content-Type": STRUCTURED, **bearer()})
    no_event = await client.post("/events", content=b"{}", headers={"Content-Type": "text/plain", **bearer()})

    assert (no_json.status_code, no_event.status_code) == (422, 415)
    assert no_json.json()["errors"][0]["code"] == "malformed-json"


async def test_one_large_event_of_a_batch_is_refused_alone(client: httpx.AsyncClient) -> None:
    large = an_event(data__description={"language": "fr", "text": "x" * 300_000})

    answer = await post_event(client, [large, an_event()], mode=BATCH)

    assert [result["http_status"] for result in answer.json()["results"]] == [413, 202]
    assert (await post_event(client, [{}] * 1001, mode=BATCH)).status_code == 413
    assert (await post_event(client, [{"pad": "x" * 4_300_000}], mode=BATCH)).status_code == 413


async def test_an_event_the_broker_did_not_confirm_is_kept_and_confirmed_on_repeat(gateway: Gateway) -> None:
    event = an_event()
    async with gateway(publish_timeout=0) as client:
        unconfirmed = await post_event(client, event)
        client.app.state.publish_timeout = 5  # type: ignore[attr-defined]
        confirmed = await post_event(client, event)
        kept = await outbox(client)

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
        answer = await post_event(client, event, **{"Accept-Language": asked})
        in_batch = await post_event(client, [event], mode=BATCH, **{"Accept-Language": asked})

        assert answer.headers["Content-Language"] == language
        [error] = answer.json()["errors"]
        assert word in error["detail"]
        assert in_batch.json()["results"][0]["problem"]["errors"] == [error]


async def test_an_event_nested_too_deeply_is_refused_alone(client: httpx.AsyncClient) -> None:
    # More levels than are read at all: where the hundredth is, nobody looks for.
    nested = b"[" * 400 + b"]" * 400
    deep = orjson.dumps(an_event(data__extra="HERE")).replace(b'"HERE"', nested)
    pad = b'"' + b"x" * 300_000 + b'"'
    batches = [b"[" + b",".join([deep, orjson.dumps(an_event()), more]) + b"]" for more in (nested, pad)]

    single = await client.post("/events", content=deep, headers={"Content-Type": STRUCTURED, **bearer()})

    assert single.status_code == 422
    assert single.json()["errors"][0]["code"] == "too-deep"
    for content in batches:
        batch = await client.post("/events", content=content, headers={"Content-Type": BATCH, **bearer()})
        assert [result["http_status"] for result in batch.json()["results"][:2]] == [422, 202]


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (202, {}, orjson.dumps(an_event())),
        (202, {"Content-Type": BATCH}, orjson.dumps([an_event()])),
        (200, {"Content-Type": BATCH}, b"[{}]"),
        (401, {"Authorization": "Bearer none"}, b"{}"),
        (415, {"Content-Type": "text/plain"}, b"{}"),
        (422, {}, b"{}"),
        (422, {}, b"no JSON"),
        (413, {}, b" " * 300_000),
        (400, {"X-Again": "Content-Type"}, b"{}"),
    ],
)
async def test_a_plain_post_is_answered_as_the_one_that_is_declared(
    client: httpx.AsyncClient, status: int, headers: dict[str, str], body: bytes
) -> None:
    told = {"Content-Type": STRUCTURED, **bearer(), **headers}
    pairs = [*told.items(), *((name, STRUCTURED) for name in [told.pop("X-Again", "")] if name)]

    plain, declared = [
        await client.post(path, content=body, headers=pairs) for path in ("/events", "/events/")
    ]

    assert plain.status_code == status
    assert (plain.status_code, list(plain.headers)) == (declared.status_code, list(declared.headers))
    assert plain.json().keys() == declared.json().keys()
    assert plain.json().get("type") == declared.json().get("type")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (asyncpg.CannotConnectNowError("the database system is shutting down"), 503),
        (asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"), 503),
        (asyncpg.InterfaceError("connection is closed"), 503),
        (asyncpg.InternalClientError("got result for unknown protocol state"), 503),
        (ZeroDivisionError(), 500),
    ],
    ids=lambda each: type(each).__name__,
)
async def test_whatever_fails_is_answered_with_every_header(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    app: Any = client.app  # type: ignore[attr-defined]
    whole = (await post_event(client, an_event(specversion="2"))).headers

    async def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr(app.state.service.database, "insert_and_announce", fails)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://service.test") as other:
        answer = await post_event(other, an_event())

    assert answer.status_code == status
    assert whole.keys() - answer.headers.keys() == set()
    assert ("Retry-After" in answer.headers) == (status == 503)


async def test_a_database_that_says_nothing_holds_no_sender_for_ever(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    app: Any = client.app  # type: ignore[attr-defined]
    monkeypatch.setattr(engine, "PATIENCE", 0.5)
    await post_event(client, an_event())
    holder = await asyncpg.connect(app.state.service.database.asyncpg_dsn)
    try:
        async with holder.transaction():
            await holder.execute("LOCK TABLE received_events IN ACCESS EXCLUSIVE MODE")
            held = await post_event(client, an_event(id="1"))
    finally:
        await holder.close()

    assert (held.status_code, held.json()["type"]) == (503, "urn:ilo:sse:problem:unavailable")
    assert "Retry-After" in held.headers
    # Whether the server came to store it, once it could, or never heard of it: it is stored once.
    assert (await post_event(client, an_event(id="1"))).status_code == 202
    assert len(await outbox(client)) == 2


@pytest.mark.parametrize("dry_run", ["", "?dry_run=true"])
async def test_what_was_taken_stays_taken_after_its_day_has_passed(
    client: httpx.AsyncClient, dry_run: str
) -> None:
    database = client.app.state.service.database  # type: ignore[attr-defined]
    event = an_event(data__needed_by=str(database.clock().date() + timedelta(days=1)))
    first = await post_event(client, event)
    assert first.status_code == 202
    database.clock = SettableClock(database.clock() + timedelta(days=5))
    accepted = {**first.json(), "status": "already_accepted"}
    headers = {"Content-Type": STRUCTURED, **bearer()}

    again = await client.post(f"/events{dry_run}", json=event, headers=headers)
    other = await client.post(
        f"/events{dry_run}", json=event | {"data": {**event["data"], "country": "ML"}}, headers=headers
    )
    batch = await client.post(
        f"/events{dry_run}",
        json=[event, event | {"id": "new"}, event | {"subject": "other"}, event | {"id": "\x00"}],
        headers={"Content-Type": BATCH, **bearer()},
    )

    assert again.status_code == (200 if dry_run else 202)
    assert again.json().items() >= accepted.items()
    assert (other.status_code, other.json()["errors"][0]["code"]) == (422, "date-in-the-past")
    results = batch.json()["results"]
    assert [one["http_status"] for one in results] == [202, 422, 422, 422]
    assert results[0].items() >= accepted.items()
    assert len(await outbox(client)) == 1
