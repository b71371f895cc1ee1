"""Reading a request's body, never more of it than is allowed and never for ever."""

import asyncio

from fastapi import Request
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis.http import Problem, problem_response
from gateway.domain.transport import too_large
from gateway.problems import localise

PATIENCE = 30.0
FORM_BYTES = 256 * 1024


async def read_body(request: Request, limit: int) -> bytes:
    """Read the body up to the limit; a larger one is refused before it has been read, announced size or not."""
    declared = request.headers.get("Content-Length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise too_large()
    chunks = bytearray()
    try:
        async with asyncio.timeout(PATIENCE):
            async for chunk in request.stream():
                chunks += chunk
                if len(chunks) > limit:
                    raise too_large()
    except TimeoutError as error:
        raise Problem(408, "too-slow", "The body did not arrive in time.") from error
    return bytes(chunks)


def limited_bodies(app: ASGIApp) -> ASGIApp:
    """Middleware: no form and no internal call is longer than a page of text; events have limits of their own."""

    async def limited(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] == "/events":
            await app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("Content-Length", "")
        if declared.isdecimal() and int(declared) > FORM_BYTES:
            request = Request(scope)
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
