"""`GET /asyncapi.json`: what this service hears, by which durable, and what it announces, as FastStream documents it.

The network's own contract is `contracts/asyncapi.yaml`, which a test holds this to, operation by operation.
"""

from collections.abc import Collection
from typing import Any

from fastapi import APIRouter, Request
from faststream.nats import JStream, NatsBroker  # noqa: TID251 - it describes, and is never connected

from chassis.http.access import allow
from chassis.http.dependencies import service_of
from chassis.subscriptions.router import envelope_of
from contracts.catalogue import EVENTS, owner_of
from contracts.event import subject_of

router = APIRouter(include_in_schema=False)


@router.get("/asyncapi.json", dependencies=[allow("operator")])
async def asyncapi(request: Request) -> Any:
    """The AsyncAPI 3.0 document of this service."""
    return await service_of(request).documented()


def announcing(owners: Collection[str], *, url: str, stream: str, site: str) -> NatsBroker:
    """A broker that describes what the outbox relay publishes, for these first words of an event's type."""
    broker = NatsBroker(url, logger=None)
    for event in EVENTS.values():
        if owner_of(event.type) in owners:
            broker.publisher(
                subject_of(event.type, site=site, to="*"),
                stream=JStream(stream, declare=False),
                title=event.type,
                description=event.__doc__,
                schema=envelope_of(event),
            )
    return broker
