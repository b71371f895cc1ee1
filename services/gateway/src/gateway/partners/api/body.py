"""Reading the body of `POST /events`, never more of it than is allowed and never for ever."""

import asyncio

from fastapi import Request
from starlette.requests import ClientDisconnect

from chassis.http.problems import Problem
from gateway.http.body_limits import drain
from gateway.partners.domain.refusals import too_large

PATIENCE = 30.0


async def read_body(request: Request, limit: int) -> bytes:
    """Read the body up to the limit; a larger one is refused and nothing of it kept, announced size or not."""
    declared = request.headers.get("Content-Length", "")
    if declared.isdecimal() and int(declared) > limit:
        await drain(request)
        raise too_large()
    chunks = bytearray()
    try:
        async with asyncio.timeout(PATIENCE):
            more = True
            while more:
                message = await request.receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect
                chunks += message.get("body", b"")
                more = message.get("more_body", False)
                if len(chunks) > limit:
                    if more:
                        await drain(request)
                    raise too_large()
    except TimeoutError as error:
        raise Problem(408, "too-slow", "The body did not arrive in time.") from error
    return bytes(chunks)
