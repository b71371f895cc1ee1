"""Reading a request's body, never more of it than is allowed and never for ever."""

import asyncio
from contextlib import suppress

from fastapi import Request
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis.http.problems import Problem, problem_response
from gateway.domain.transport import too_large
from gateway.problems import localise

PATIENCE = 30.0
DRAIN_BYTES = 16 * 1024 * 1024
DRAIN_PATIENCE = 5.0
FORM_BYTES = 256 * 1024


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


async def drain(request: Request) -> None:
    """Let a sender finish what will be refused, so far as that is bounded: most read no answer before they have.

    Whoever asked to be told first (`Expect: 100-continue`, as curl does) has sent nothing yet and gets the answer.
    """
    if request.headers.get("Expect", "").lower() == "100-continue":
        return
    drained = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_PATIENCE):
            while drained < DRAIN_BYTES:
                message = await request.receive()
                drained += len(message.get("body", b""))
                if not message.get("more_body", False):
                    return


def limited_bodies(app: ASGIApp) -> ASGIApp:
    """Middleware: no form and no internal call is longer than a page of text; events have limits of their own."""

    async def limited(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] == "/events":
            await app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("Content-Length", "")
        if declared.isdecimal() and int(declared) > FORM_BYTES:
            request = Request(scope, receive)
            await drain(request)
            problem = localise(request, Problem(413, "too-large", "The request is too large."))
            await problem_response(request, problem)(scope, receive, send)
            return
        read = 0

        async def receive_limited() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > FORM_BYTES:
                # The one kind of error that FastAPI lets through while it reads a body.
                raise HTTPException(413, "The request is too large.")
            return message

        await app(scope, receive_limited, send)

    return limited
