"""What an endpoint is given: the service behind it, the transaction of its request, on whose behalf it is called."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Annotated, Any, Protocol
from uuid import UUID

from fastapi import Depends, Header, Request
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.consumer.consumer import Consumer
from chassis.database.engine import PATIENCE, Database
from chassis.database.transaction import Transaction
from chassis.dead_letters.replay import Replayer
from chassis.health.broker_metrics import BrokerMetrics
from chassis.health.examiner import Examiner
from chassis.outbox.relay import Relay
from chassis.projections.rebuild import Rebuilder
from chassis.settings import ServiceSettings
from chassis.subscriptions.router import Subscriptions
from chassis.telemetry.loop_lag import LoopLag


class RunningService(Protocol):
    """What a request can reach of the service that answers it; `runtime` has the one that runs."""

    name: str
    settings: ServiceSettings
    stopping: asyncio.Event
    """Set when the service begins to stop: open streams end on it."""
    database: Database
    subscriptions: Subscriptions
    relay: Relay
    consumers: list[Consumer]
    replayer: Replayer
    rebuilder: Rebuilder
    examiner: Examiner
    loop_lag: LoopLag
    broker_metrics: BrokerMetrics | None

    async def wait_until_published(self, event_ids: Iterable[UUID], *, timeout: float = 5.0) -> None:  # noqa: ASYNC109
        """Wait until the stream has acknowledged these announced events; raises TimeoutError after `timeout` s."""
        ...

    async def documented(self) -> Any:
        """What this service hears and announces, as AsyncAPI 3.0; made when it is first asked for."""
        ...


def service_of(request: Request) -> RunningService:
    """The running service behind a request."""
    service: RunningService = request.app.state.service
    return service


async def _transaction(request: Request) -> AsyncIterator[Transaction]:
    async with service_of(request).database.transaction(within=PATIENCE) as tx:
        yield tx


async def _reading(request: Request) -> AsyncIterator[AsyncSession]:
    async with service_of(request).database.reading() as session:
        yield session


# `scope="function"`: the dependency ends, and so commits, before the response is sent; a failed commit is an error.
Tx = Annotated[Transaction, Depends(_transaction, scope="function")]
"""The one transaction of a request."""
Reading = Annotated[AsyncSession, Depends(_reading, scope="function")]
"""A session that only reads."""


async def _actor(x_actor: Annotated[UUID | None, Header()] = None) -> UUID | None:
    return x_actor


ActorId = Annotated[UUID | None, Depends(_actor)]
"""On whose behalf an allowed caller acts."""
