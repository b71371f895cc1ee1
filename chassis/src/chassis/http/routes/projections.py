"""Rebuilds of projections over HTTP: begun with one request, watched with others."""

from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import StringConstraints

from chassis.http.access import allow
from chassis.http.dependencies import Reading, service_of
from chassis.http.problems import Problem, Problems
from chassis.http.requests import RequestBody
from chassis.operators import Moment, Who, Words
from chassis.projections.rebuild import (
    NoProjectionError,
    RebuildJustFinishedError,
    RebuildUnderWayError,
    begin,
    described,
)
from chassis.subscriptions.router import Subscription

router = APIRouter(prefix="/internal/projections", include_in_schema=False)

PROBLEMS: Problems = {
    NoProjectionError: (409, "no-projection"),
    RebuildUnderWayError: (409, "rebuild-under-way"),
    RebuildJustFinishedError: (409, "rebuild-just-finished"),
}


class RebuildWanted(RequestBody):
    """From which time on events are heard again (all that the stream holds, where none is given), and for whom."""

    from_time: Moment | None = None
    by: Annotated[Words, StringConstraints(strip_whitespace=True, min_length=1)]
    reason: Words = ""


@router.get("", dependencies=[allow("operator")])
async def handlers(request: Request) -> dict[str, Any]:
    """The service's handlers, and whether each is a projection."""
    found = service_of(request).subscriptions
    return {"handlers": [{"durable": one.durable, "projection": bool(one.projections)} for one in found]}


@router.post("/{durable}/rebuild", status_code=202)
async def rebuild(
    request: Request,
    caller: Annotated[str, allow("operator")],
    durable: str,
    wanted: RebuildWanted,
) -> dict[str, Any]:
    """Begin a rebuild; the same answer while it is under way."""
    service = service_of(request)
    who = Who(caller, wanted.by, wanted.reason)
    await begin(service.database, _handler(request, durable), who, from_time=wanted.from_time)
    service.rebuilder.wake()
    async with service.database.reading() as session:
        found = await service.rebuilder.progress(session, durable)
    assert found is not None, "it has just been written"
    return described(found)


@router.get("/{durable}/rebuild", dependencies=[allow("operator")])
async def progress(request: Request, durable: str, session: Reading) -> dict[str, Any]:
    """How far the newest rebuild is, and in the end what it found."""
    _handler(request, durable)
    found = await service_of(request).rebuilder.progress(session, durable)
    if found is None:
        raise Problem(404, "no-rebuild", "This projection was never rebuilt.")
    return described(found)


def _handler(request: Request, durable: str) -> Subscription:
    for one in service_of(request).subscriptions:
        if one.durable == durable:
            return one
    raise Problem(404, "no-such-handler", "The service has no handler with this durable.")
