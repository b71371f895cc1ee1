"""One trace from the partner's POST to the live push, across outbox and broker, with the right parents."""

import asyncio
from typing import Any

from chassis.testing import eventually
from tests.flows.test_from_partner_to_inbox import a_request, journey, send

EDGES = [
    ("gateway", "POST /events", "gateway", "publish partner.assistance.requested.v1"),
    (
        "gateway",
        "publish partner.assistance.requested.v1",
        "coordination",
        "process partner.assistance.requested.v1",
    ),
    (
        "coordination",
        "process partner.assistance.requested.v1",
        "coordination",
        "publish coordination.task.opened.v1",
    ),
    (
        "coordination",
        "publish coordination.task.opened.v1",
        "notifications",
        "process coordination.task.opened.v1",
    ),
    ("coordination", "publish coordination.task.opened.v1", "gateway", "process coordination.task.opened.v1"),
    (
        "notifications",
        "process coordination.task.opened.v1",
        "notifications",
        "publish notifications.notification.delivered.v1",
    ),
    ("notifications", "process coordination.task.opened.v1", "gateway", "push inbox item"),
]


def edges_of(spans: list[Any]) -> set[tuple[str, str, str, str]]:
    by_id = {span.span_id: span for span in spans}
    return {
        (by_id[span.parent_id].service, by_id[span.parent_id].name, span.service, span.name)
        for span in spans
        if span.parent_id in by_id
    }


async def test_one_event_is_one_trace_from_post_to_push(network: Any, sink: Any) -> None:
    async with network.as_member("focal_point", "CO-Dakar") as member, network.as_partner() as partner:
        async with member.stream("GET", "/inbox/stream") as stream:
            assert stream.status_code == 200
            event = a_request()
            event["data"]["title"]["text"] = f"Avis demandé sous le numéro {event['id']}"
            reading = asyncio.create_task(_read_until(stream, event["id"]))
            accepted = (await send(partner, event)).json()
            await asyncio.wait_for(reading, 10)
        await journey(partner, accepted["event_id"], until="notified")

    await eventually(lambda: set(EDGES) <= edges_of(sink.of(accepted["trace_id"])))
    spans = sink.of(accepted["trace_id"])
    roots = [span for span in spans if span.parent_id not in {one.span_id for one in spans}]
    assert [(root.service, root.name) for root in roots] == [("gateway", "POST /events")]


async def test_no_span_carries_what_the_partner_wrote(network: Any, sink: Any) -> None:
    secret = "words that only the partner and the office may read"
    event = a_request()
    event["data"]["description"]["text"] = secret
    async with network.as_partner() as partner:
        accepted = (await send(partner, event)).json()
        await journey(partner, accepted["event_id"], until="notified")
    await eventually(lambda: len(sink.of(accepted["trace_id"])) > 4)

    everything = " ".join(f"{span.name} {dict(span.attributes)}" for span in sink.spans)
    logs = " ".join(path.read_text(errors="replace") for path in (network.folder / "logs").glob("*.log"))
    assert secret not in everything + logs
    assert network.partner_key not in everything + logs


async def _read_until(stream: Any, words: str) -> None:
    async for line in stream.aiter_lines():
        if words in line:
            return
    raise AssertionError("the stream ended")
