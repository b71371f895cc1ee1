"""How long a request's body may be, except that of `POST /events`, and what is read of one that is too long."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress

from fastapi import Request
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis.http.problems import Problem, problem_response
from gateway.http.problems import localise

DRAIN_BYTES = 16 * 1024 * 1024
DRAIN_PATIENCE = 5.0
FORM_BYTES = 256 * 1024


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

    def passing(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        is_event = scope["type"] != "http" or (
            scope["method"] == "POST" and scope["path"] in {"/events", "/events/"}
        )
        return (app if is_event else limited)(scope, receive, send)

    async def limited(scope: Scope, receive: Receive, send: Send) -> None:
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

    return passing
