"""The bodies of forms and internal calls: read whole before anything is made of them, within what there is room for."""

from collections.abc import Awaitable

from fastapi import Request
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis.http.problems import Problem, problem_response
from gateway.http.budgets import Budget, OverBudgetError
from gateway.http.coming_bodies import SMALL, ComingBodies, declared_length, drain
from gateway.http.problems import come_back, localise

FORM_BYTES = 256 * 1024
_PATIENCE = 5.0
"""Seconds for which a body waits for room."""


def limited_bodies(app: ASGIApp, *, in_all: int, per_caller: int) -> ASGIApp:
    """Middleware: so many bytes of forms and internal calls at a time, in all and of each address, and of each 256 KiB.

    Whoever sends them has shown nothing yet: session, token and origin are looked at when the body is there. Events
    have budgets of their own.
    """
    budget = Budget("form_bytes", in_all=in_all, per_caller=per_caller, patience=_PATIENCE, beyond=in_all)
    coming = ComingBodies(_too_large)

    def passing(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        has_limits = scope["type"] == "http" and _has_body(scope) and not _is_event(scope)
        return (limited if has_limits else app)(scope, receive, send)

    async def limited(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        declared = declared_length(request)
        try:
            if declared is not None and declared > FORM_BYTES:
                await drain(request)
                raise _too_large()
            caller = request.client.host if request.client else ""
            async with budget.share(caller, SMALL if declared is None else declared) as share:
                body = await coming.whole(request, FORM_BYTES, budget, share)
                budget.shrink(share, len(body))

                async def answer(message: Message) -> None:
                    # By now it has been read into what it says; the answer may be a stream, and last.
                    budget.shrink(share, 0)
                    await send(message)

                await app(scope, _giving(body, receive), answer)
        except ClientDisconnect:
            # Nobody is left to be answered.
            return
        except OverBudgetError as error:
            await drain(request)
            await problem_response(request, localise(request, come_back(error)))(scope, receive, send)
        except Problem as problem:
            await problem_response(request, localise(request, problem))(scope, receive, send)

    return passing


def _has_body(scope: Scope) -> bool:
    return any(name in {b"content-length", b"transfer-encoding"} for name, _ in scope["headers"])


def _is_event(scope: Scope) -> bool:
    return scope["method"] == "POST" and scope["path"] in {"/events", "/events/"}


def _too_large() -> Problem:
    return Problem(413, "too-large", "The request is too large.")


def _giving(body: bytes, receive: Receive) -> Receive:
    """Give the body that has been read, and from then on what the server tells."""
    given = False

    async def receive_anew() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_anew
