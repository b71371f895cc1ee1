"""What the outbox has published, published again: asked for by an operator whose broker has lost its store."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import structlog
from fastapi import APIRouter, Request

from chassis.http.access import allow
from chassis.http.dependencies import service_of
from chassis.http.problems import Problem
from chassis.outbox.republish import RelayRemainsError, republish

router = APIRouter(prefix="/internal/outbox", include_in_schema=False)

log = structlog.get_logger()


@router.post("/publish-again", dependencies=[allow("operator")])
async def publish_everything_again(request: Request) -> Mapping[str, Any]:
    """Publish every kept event once more, in order. Done again, it does no harm."""
    name = service_of(request).name
    try:
        async with service_of(request).database.transaction() as tx:
            refill = await republish(tx.session, name)
    except RelayRemainsError as error:
        told = "A relay still holds its session of the database. Nothing was changed; try again."
        raise Problem(503, "relay-remains", told, headers={"Retry-After": "5"}) from error
    log.warning("asked to publish everything again", events=refill.events, kept_since=refill.kept_since)
    return asdict(refill)
