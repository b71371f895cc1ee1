"""Live streams are opened a few at a time: a rush of them waits in its own queue, not in front of everybody."""

import asyncio
from collections.abc import Awaitable

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis.http.problems import problem_response
from gateway.http.budgets import ALL, Figures
from gateway.http.faults import Sentence
from gateway.http.problems import localise, unavailable

STREAM_PATH = "/inbox/stream"
_PATIENCE = 30.0
"""Seconds for which an opening waits for its turn."""


def one_after_another(app: ASGIApp, *, at_once: int, queue: int) -> ASGIApp:
    """Middleware: so many streams are being opened at once, and so many wait, first come, first served.

    A turn lasts until the answer begins. The queue stands before everything that an opening costs: before its route,
    its session and its inbox are looked up.
    """
    turns = asyncio.Semaphore(at_once)
    under_way = waiting = 0
    figures = Figures("stream_openings", limit=at_once, in_use=lambda: under_way, waiting=lambda: waiting)

    async def taken() -> bool:
        nonlocal waiting
        if waiting >= queue:
            return False
        waiting += 1
        try:
            async with asyncio.timeout(_PATIENCE):
                return await turns.acquire()
        except TimeoutError:
            return False
        finally:
            waiting -= 1

    def passing(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        is_opening = scope["type"] == "http" and scope["path"] == STREAM_PATH
        return (opening if is_opening else app)(scope, receive, send)

    async def opening(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal under_way
        if not await taken():
            figures.refuse(ALL)
            request = Request(scope, receive)
            problem = unavailable(
                Sentence("A part of the network is not available just now. Try again in a moment.")
            )
            await problem_response(request, localise(request, problem))(scope, receive, send)
            return
        under_way += 1
        held = True

        def pass_on() -> None:
            nonlocal held, under_way
            if held:
                held = False
                under_way -= 1
                turns.release()

        async def send_on(message: Message) -> None:
            pass_on()
            await send(message)

        try:
            # An opening that has to wait for nothing would be followed by the next, and by all that have come, at once.
            await asyncio.sleep(0)
            await app(scope, receive, send_on)
        finally:
            pass_on()

    return passing
