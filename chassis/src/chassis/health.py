"""Is it alive, is it ready, how far behind is it: what operators and orchestrators ask of every service."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import nats.errors
import sqlalchemy as sa
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from chassis import metrics, migrations
from chassis.consuming import ConsumerDriftError, lag_of
from chassis.database import is_database_away
from chassis.http import allow_known, public, service_of

if TYPE_CHECKING:
    from chassis.service import Service

router = APIRouter(include_in_schema=False)

_OUTBOX = sa.text(
    "SELECT count(*) AS unpublished, coalesce(extract(epoch FROM now() - min(announced_at)), 0)::float AS oldest_age_s"
    " FROM outbox WHERE published_at IS NULL"
)
_DEAD_LETTERS = sa.text("SELECT count(*) FROM dead_letters")


@dataclass(frozen=True, slots=True)
class Check:
    """One condition of readiness, and what is wrong where it does not hold."""

    ok: bool
    detail: str = "ok"


async def checks(service: "Service") -> Mapping[str, Check]:
    """Whether broker, database, migrations and consumers are as the service needs them."""
    return {
        "prepared": Check(service.prepared, "ok" if service.prepared else "still starting"),
        "broker": await _broker(service),
        **await _database(service),
        "consumers": await _consumers(service),
    }


async def _broker(service: "Service") -> Check:
    try:
        await service.broker.round_trip()
    except (nats.errors.Error, TimeoutError, OSError) as error:
        return Check(ok=False, detail=str(error) or type(error).__name__)
    return Check(ok=True)


async def _database(service: "Service") -> Mapping[str, Check]:
    try:
        async with service.database.engine.connect() as connection:
            behind = await migrations.behind(connection, service.migration_head)
    except Exception as error:
        if not is_database_away(error):
            raise
        return {"database": Check(ok=False, detail=type(error).__name__)}
    return {"database": Check(ok=True), "migrations": Check(behind is None, behind or "ok")}


async def _consumers(service: "Service") -> Check:
    found = await asyncio.gather(*(one.examine() for one in service.consumers))
    wrong = [f"{one.durable}: {what}" for one, what in zip(service.consumers, found, strict=True) if what]
    return Check(not wrong, "; ".join(wrong) or "ok")


async def status(service: "Service") -> dict[str, Any]:
    """Everything an operator's page shows of one service."""
    found = await checks(service)
    report: dict[str, Any] = {
        "service": service.name,
        "ready": all(check.ok for check in found.values()),
        "checks": {name: {"ok": check.ok, "detail": check.detail} for name, check in found.items()},
        "consumers": [],
    }
    if found["broker"].ok:
        for consumer in service.consumers:
            try:
                report["consumers"].append(lag_of(await consumer.look()))
            except (ConsumerDriftError, nats.errors.Error) as error:
                report["consumers"].append({"durable": consumer.durable, "trouble": str(error)})
    if found["database"].ok:
        async with service.database.reading() as session:
            outbox = (await session.execute(_OUTBOX)).one()
            report["outbox"] = {"unpublished": outbox.unpublished, "oldest_age_s": outbox.oldest_age_s}
            report["dead_letters"] = await session.scalar(_DEAD_LETTERS)
    return report


@router.get("/health/live", dependencies=[public()])
async def live() -> dict[str, str]:
    return {"status": "alive"}


@router.get("/health/ready", dependencies=[public()])
async def ready(request: Request) -> Response:
    found = await checks(service_of(request))
    ok = all(check.ok for check in found.values())
    body = {"ready": ok, "checks": {name: check.detail for name, check in found.items()}}
    return JSONResponse(body, status_code=200 if ok else 503)


@router.get("/status", dependencies=[allow_known()])
async def service_status(request: Request) -> dict[str, Any]:
    return await status(service_of(request))


@router.get("/metrics", dependencies=[allow_known()])
async def scrape(request: Request) -> Response:
    report = await status(service_of(request))
    metrics.ready.set(1 if report["ready"] else 0)
    metrics.relay_leader.set(1 if service_of(request).relay.is_leader else 0)
    if outbox := report.get("outbox"):
        metrics.outbox_unpublished.set(outbox["unpublished"])
        metrics.outbox_oldest_age.set(outbox["oldest_age_s"])
        metrics.dead_letters.set(report["dead_letters"])
    for consumer in report["consumers"]:
        if "pending" in consumer:
            metrics.consumer_pending.labels(consumer["durable"]).set(consumer["pending"])
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
