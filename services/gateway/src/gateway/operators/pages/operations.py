"""For operators: whether the services are ready, and what waits in them."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ValidationError

from chassis.health.status import report
from chassis.http.dependencies import service_of
from contracts.words import Role
from gateway.clients import (
    Coordination,
    NotFoundError,
    Notifications,
    Registry,
    ServiceRefusedError,
    ServiceUnavailableError,
)
from gateway.clients.service_client import ServiceClient
from gateway.sessions import require_role
from gateway.web.error_pages import PageRoute
from gateway.web.page import CountedPage

router = APIRouter(
    route_class=PageRoute,
    dependencies=[Depends(require_role(Role.OPERATOR, Role.COORDINATOR))],
)


class CheckView(BaseModel):
    """One condition of readiness."""

    ok: bool
    detail: str = ""


class OutboxView(BaseModel):
    """What is announced and not yet published."""

    unpublished: int = 0
    oldest_age_s: float | None = None


class ConsumerView(BaseModel):
    """How far behind one consumer is; `trouble` where that cannot be told."""

    durable: str
    pending: int = 0
    ack_pending: int = 0
    redelivered: int = 0
    trouble: str | None = None


class StatusView(BaseModel):
    """What a service says of itself."""

    ready: bool
    checks: dict[str, CheckView]
    outbox: OutboxView | None = None
    consumers: list[ConsumerView] = []
    dead_letters: int | None = None


@dataclass(frozen=True)
class Service:
    """A service, and what it says where it answers."""

    name: str
    status: StatusView | None


@router.get("/operations")
async def show(
    request: Request,
    page: CountedPage,
    registry: Registry,
    coordination: Coordination,
    notifications: Notifications,
) -> Response:
    service = service_of(request)
    own = report(service.name, await service.examiner.examine())
    services = [
        *await asyncio.gather(*(_ask(client) for client in (registry, coordination, notifications))),
        Service("gateway", _read(own)),
    ]
    ready = all(service.status is not None and service.status.ready for service in services)
    return await page.html("operators/operations.html", services=services, ready=ready)


async def _ask(client: ServiceClient) -> Service:
    try:
        return Service(client.service, _read(await client.status()))
    except (ServiceUnavailableError, NotFoundError, ServiceRefusedError):
        return Service(client.service, None)


def _read(told: Mapping[str, Any]) -> StatusView | None:
    try:
        return StatusView.model_validate(told)
    except ValidationError:
        return None
