"""A rush of openings waits in its own queue: a few at a time, in their order, and never for ever."""

import asyncio

import pytest
from starlette.types import Message, Receive, Scope, Send

from gateway.members.live import one_after_another, opening

STREAM: Scope = {"type": "http", "method": "GET", "path": "/inbox/stream", "headers": [], "query_string": b""}


class _App:
    """Notes who gets in, and begins an answer when told to."""

    def __init__(self) -> None:
        self.inside: list[int] = []
        self.begin: dict[int, asyncio.Event] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's shape
        number: int = scope["number"]
        self.inside.append(number)
        await self.begin.setdefault(number, asyncio.Event()).wait()
        if scope.get("fails"):
            raise ZeroDivisionError
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.Event().wait()

    def let(self, number: int) -> None:
        self.begin.setdefault(number, asyncio.Event()).set()


class _Rush:
    """Requests in front of the queue."""

    def __init__(self, *, at_once: int, queue: int) -> None:
        self.app = _App()
        self.answers: dict[int, list[Message]] = {}
        self.tasks: list[asyncio.Future[None]] = []
        self._queued = one_after_another(self.app, at_once=at_once, queue=queue)

    async def ask(self, number: int, **more: object) -> "asyncio.Future[None]":
        answer = self.answers[number] = []

        async def send(message: Message) -> None:
            answer.append(message)

        async def receive() -> Message:
            await asyncio.Event().wait()
            raise AssertionError

        task = asyncio.ensure_future(self._queued({**STREAM, "number": number, **more}, receive, send))
        self.tasks.append(task)
        await self.settle()
        return task

    async def settle(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


async def test_openings_come_in_a_few_at_a_time_and_in_their_order() -> None:
    rush = _Rush(at_once=2, queue=10)
    for number in range(5):
        await rush.ask(number)
    assert rush.app.inside == [0, 1]

    # An open stream is no opening any more.
    rush.app.let(1)
    await rush.settle()
    assert rush.app.inside == [0, 1, 2]
    assert [message["type"] for message in rush.answers[1]] == ["http.response.start"]
    await rush.close()


@pytest.mark.parametrize("how", ["failed", "cancelled"])
async def test_a_turn_is_given_back_by_who_did_not_come_to_an_answer(how: str) -> None:
    rush = _Rush(at_once=1, queue=10)
    first = await rush.ask(0, fails=True)
    await rush.ask(1)
    assert rush.app.inside == [0]

    if how == "failed":
        rush.app.let(0)
    else:
        first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    await rush.settle()

    assert rush.app.inside == [0, 1]
    await rush.close()


async def test_the_queue_has_an_end_and_its_end_says_when_to_come_back() -> None:
    rush = _Rush(at_once=1, queue=1)
    for number in range(3):
        await rush.ask(number)

    start = rush.answers[2][0]
    assert start["status"] == 503
    assert dict(start["headers"])[b"retry-after"] == b"5"
    await rush.close()


async def test_nobody_waits_in_the_queue_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "_PATIENCE", 0)
    rush = _Rush(at_once=1, queue=10)
    await rush.ask(0)
    waits = await rush.ask(1)

    await asyncio.wait_for(waits, 5)

    assert rush.answers[1][0]["status"] == 503
    await rush.close()


async def test_openings_that_wait_for_nothing_let_everybody_else_have_a_turn_between() -> None:
    rush, turns = _Rush(at_once=2, queue=100), 0
    for number in range(50):
        rush.app.let(number)
    asking = [asyncio.ensure_future(rush.ask(number)) for number in range(50)]

    while len(rush.app.inside) < 50:
        before = len(rush.app.inside)
        await asyncio.sleep(0)
        turns += 1
        assert len(rush.app.inside) - before <= 2

    assert turns >= 25
    await asyncio.gather(*asking)
    await rush.close()


async def test_other_addresses_pass_by_the_queue() -> None:
    rush = _Rush(at_once=1, queue=1)
    await rush.ask(0)
    await rush.ask(1, path="/inbox")

    assert rush.app.inside == [0, 1]
    await rush.close()
