"""What the official CloudEvents library sends is taken in all three HTTP modes, and it reads what we then announce.

The library (2.2) writes structured and binary mode and knows no batch: a batch here is the array of what it writes in
structured mode, as the CloudEvents JSON format defines it.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import httpx
import orjson
import pytest
from cloudevents.core.bindings import http
from cloudevents.core.bindings.http import (
    HTTPMessage,
    from_http_event,
    to_binary_event,
    to_structured_event,
)
from cloudevents.core.v1.event import CloudEvent
from partner_kit import ASSISTANCE, BATCH, STRUCTURED, an_event, bearer, examples, outbox

from chassis.broker.connection import connect
from chassis.broker.topology import PROVISIONER
from chassis.testing import NatsSite
from contracts.catalogue import PARTNER_EVENTS, parse
from contracts.event import Envelope
from contracts.partner import PartnerEvent

INDIA = timezone(timedelta(hours=5, minutes=30))
MODES = ["structured", "binary", "batch"]
EXTENSIONS = {
    "comexamplewords": 'Sénégal ፍትሕ "100 %" \U0001f33e',
    "sampledrate": 30,
    "flag": True,
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
}


def from_sdk(event: dict[str, Any]) -> CloudEvent:
    attributes = {name: value for name, value in event.items() if name != "data"}
    if "time" in attributes:
        attributes["time"] = datetime.fromisoformat(attributes["time"])
    return CloudEvent(attributes, event["data"])


def batch_of(events: Iterable[CloudEvent]) -> HTTPMessage:
    written = b",".join(to_structured_event(event).body for event in events)
    return HTTPMessage({"content-type": BATCH}, b"[" + written + b"]")


async def send(client: httpx.AsyncClient, event: CloudEvent, mode: str) -> dict[str, Any]:
    """Send what the library writes, header for header and byte for byte, and give the event's answer."""
    match mode:
        case "structured":
            message = to_structured_event(event)
        case "binary":
            message = to_binary_event(event)
        case _:
            message = batch_of([event])
    answer = await client.post("/events", content=message.body, headers={**message.headers, **bearer()})
    assert answer.status_code == 202, answer.text
    return answer.json()["results"][0] if mode == "batch" else answer.json()


def as_sent(envelope: Envelope) -> tuple[str, str, PartnerEvent]:
    """What a partner sent, out of what we announce: its id, its source and its data."""
    event = parse(envelope)
    assert isinstance(event, PartnerEvent)
    assert event.origin is not None
    return event.origin.event_id, event.origin.source, event.model_copy(update={"origin": None})


def test_the_library_still_knows_no_batch() -> None:
    assert [name for name in dir(http) if "batch" in name.lower()] == []


@pytest.mark.parametrize("mode", MODES)
async def test_every_example_is_taken_as_the_library_sends_it(client: httpx.AsyncClient, mode: str) -> None:
    sent = [event for _, event in examples()]

    if mode == "batch":
        message = batch_of(map(from_sdk, sent))
        answer = await client.post("/events", content=message.body, headers={**message.headers, **bearer()})
        assert (answer.status_code, answer.json()["accepted"]) == (202, len(sent)), answer.text
    else:
        for event in sent:
            assert (await send(client, from_sdk(event), mode))["status"] == "accepted"

    expected = [
        (event["id"], event["source"], PARTNER_EVENTS[event["type"]].model_validate(event["data"]))
        for event in sent
    ]
    assert [as_sent(envelope) for envelope in await outbox(client)] == expected


async def test_an_event_is_the_same_in_every_mode(client: httpx.AsyncClient) -> None:
    event = an_event(id="2026/ት/100 %", subject="Région de Kédougou", **EXTENSIONS)

    answers = [await send(client, from_sdk(event), mode) for mode in MODES]

    assert [answer["status"] for answer in answers] == ["accepted", "already_accepted", "already_accepted"]
    assert {answer["id"] for answer in answers} == {event["id"]}
    assert len(await outbox(client)) == 1


@pytest.mark.parametrize("mode", MODES)
async def test_times_and_what_may_be_left_out_are_taken(client: httpx.AsyncClient, mode: str) -> None:
    times = [
        datetime(2026, 11, 3, 9, 12, 4, tzinfo=UTC),
        datetime(2026, 11, 3, 14, 42, 4, 123456, tzinfo=INDIA),
        datetime(1919, 4, 11, tzinfo=UTC),
        None,
    ]
    for time in times:
        # Neither an id nor a media type: the library makes the one up and leaves the other out.
        attributes = {"type": ASSISTANCE, "source": "/requests"} | ({"time": time} if time else {})
        answer = await send(client, CloudEvent(attributes, an_event()["data"]), mode)
        assert answer["status"] == "accepted"

    assert len(await outbox(client)) == len(times)


async def test_a_body_that_says_nothing_of_itself_is_still_refused(client: httpx.AsyncClient) -> None:
    answer = await client.post("/events", content=orjson.dumps(an_event()), headers=bearer())

    assert answer.status_code == 415


async def test_the_library_reads_from_the_stream_what_we_announce(
    client: httpx.AsyncClient, nats_site: NatsSite
) -> None:
    [sent] = [event for name, event in examples() if name.endswith("tunisia-ar") and ASSISTANCE in name]
    await send(client, from_sdk(sent), "binary")
    [envelope] = await outbox(client)
    operator = await connect(nats_site.url, service=PROVISIONER, seed=nats_site.seeds[PROVISIONER])
    message = await operator.jetstream.get_last_msg("EVENTS", envelope.nats_subject)
    await operator.stop()

    received = from_http_event(HTTPMessage({"content-type": STRUCTURED}, message.data or b""))

    assert (received.get_id(), received.get_type()) == (str(envelope.id), ASSISTANCE)
    assert (received.get_source(), received.get_subject()) == (envelope.source, envelope.subject)
    assert (received.get_time(), received.get_dataschema()) == (envelope.time, envelope.dataschema)
    assert received.get_extension("sequence") == "0000000001"
    assert received.get_extension("traceparent") == envelope.traceparent
    data = received.get_data()
    assert isinstance(data, dict)
    assert data["title"] == sent["data"]["title"]
