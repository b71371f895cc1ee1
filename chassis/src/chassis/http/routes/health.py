"""Is it alive, is it ready, how far behind is it: what operators and orchestrators ask of every service."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from chassis.health import gauges
from chassis.health.status import report
from chassis.http.access import allow_known, public
from chassis.http.dependencies import RunningService, service_of

router = APIRouter(include_in_schema=False)


@router.get("/health/live", dependencies=[public()])
async def live() -> dict[str, str]:
    return {"status": "alive"}


@router.get("/health/ready", dependencies=[public()])
async def ready(request: Request) -> Response:
    found = await service_of(request).examiner.examine(backlog=False)
    body = {"ready": found.ready, "checks": {name: check.detail for name, check in found.checks.items()}}
    return JSONResponse(body, status_code=200 if found.ready else 503)


@router.get("/status", dependencies=[allow_known()])
async def service_status(request: Request) -> dict[str, Any]:
    service = service_of(request)
    return report(service.name, await service.examiner.examine())


class _Looked(Collector):
    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


async def _broker_figures(service: RunningService) -> Sequence[Metric]:
    return await service.broker_metrics.look() if service.broker_metrics else ()


@router.get("/metrics", dependencies=[allow_known()])
async def scrape(request: Request) -> Response:
    """What was counted since the start, and what is found now."""
    service = service_of(request)
    found, of_broker = await asyncio.gather(service.examiner.examine(), _broker_figures(service))
    durables = [consumer.durable for consumer in service.consumers]
    families = gauges.families(
        found,
        relay_leader=service.relay.is_leader,
        durables=durables,
        loop_gap=service.loop_lag.longest_gap,
    )
    looked = CollectorRegistry()
    looked.register(_Looked([*families, *of_broker]))
    return Response(generate_latest(REGISTRY) + generate_latest(looked), media_type=CONTENT_TYPE_LATEST)
