"""What the services behind answer, as the pages and the API get to see it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from chassis.testing import eventually
from contracts.words import Language, MemberId
from gateway.clients import (
    CoordinationClient,
    NotFoundError,
    NotificationsClient,
    ServiceRefusedError,
    ServiceUnavailableError,
    http_client,
)

Answer = Callable[[httpx.Request], httpx.Response]


MEMBER = MemberId(uuid4())


def _http(answer: Answer) -> httpx.AsyncClient:
    return http_client(
        "http://behind.test",
        token="ours",
        timeout=timedelta(seconds=1),
        transport=httpx.MockTransport(answer),
    )


def _answering(status: int, **content: Any) -> Answer:
    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, **content)

    return answer


def _away(_request: httpx.Request) -> httpx.Response:
    raise httpx.ReadTimeout("silent")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (_away, ServiceUnavailableError),
        (_answering(500), ServiceUnavailableError),
        (_answering(401), ServiceUnavailableError),
        (_answering(200, json={"unlike": "a plan"}), ServiceUnavailableError),
        (_answering(404, json={"detail": "No action plan."}), NotFoundError),
        (_answering(409, json={"detail": "It is accepted already."}), ServiceRefusedError),
        (_answering(422, content=b"<html>"), ServiceRefusedError),
    ],
)
async def test_every_bad_answer_has_one_meaning(answer: Answer, error: type[Exception]) -> None:
    async with _http(answer) as http:
        with pytest.raises(error):
            await CoordinationClient(http).plan()


async def test_a_refusal_keeps_the_services_own_words() -> None:
    problem = {"type": "urn:ilo:sse:problem:wrong-state", "detail": "It is completed.", "status": 409}
    async with _http(_answering(409, json=problem)) as http:
        with pytest.raises(ServiceRefusedError) as refused:
            await CoordinationClient(http).accept(uuid4(), actor=MEMBER)

    assert (refused.value.status, refused.value.problem) == (409, problem)


async def test_a_call_carries_the_member_the_token_and_the_trace() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(404, json={})

    tracer = TracerProvider().get_tracer("test")
    async with _http(answer) as http:
        with tracer.start_as_current_span("page") as span, pytest.raises(NotFoundError):
            await CoordinationClient(http).task(uuid4(), actor=MEMBER)

    [request] = seen
    assert request.headers["Authorization"] == "Bearer ours"
    assert request.headers["X-Actor"] == str(MEMBER)
    assert trace.format_trace_id(span.get_span_context().trace_id) in request.headers["traceparent"]


async def _two_pieces() -> AsyncIterator[bytes]:
    yield b"id: 8\nevent: it"
    yield b"em\ndata: {}\n\n"


async def test_the_live_stream_is_handed_on_as_it_comes() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["Last-Event-ID"] == "7"
        assert request.url.params["language"] == "ar"
        return httpx.Response(200, content=_two_pieces())

    async with _http(answer) as http:
        stream = NotificationsClient(http, streams=http).inbox_stream(MEMBER, language=Language.AR, after=7)
        async with stream as chunks:
            received = [chunk async for chunk in chunks]

    assert received == [b"id: 8\nevent: it", b"em\ndata: {}\n\n"]


@pytest.mark.parametrize(
    ("answer", "error"),
    [(_away, ServiceUnavailableError), (_answering(404, json={}), NotFoundError)],
)
async def test_a_stream_that_cannot_be_opened_says_why(answer: Answer, error: type[Exception]) -> None:
    async with _http(answer) as http:
        with pytest.raises(error):
            async with NotificationsClient(http, streams=http).inbox_stream(MEMBER, language=Language.EN):
                pass


@asynccontextmanager
async def _holding() -> AsyncGenerator[str]:
    """Run a service that keeps its streams open for as long as the client does, and answers an inbox at once."""
    talking: set[asyncio.StreamWriter] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talking.add(writer)
        if b"/inbox/stream" in await reader.readuntil(b"\r\n\r\n"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n: open\n\n")
            await reader.read()
        else:
            body = b'{"unread": 0, "position": 0, "items": []}'
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
            await reader.read()
        writer.close()
        await writer.wait_closed()
        talking.remove(writer)

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    await eventually(lambda: not talking)
    server.close()
    await server.wait_closed()


async def test_a_member_sees_the_inbox_however_many_others_have_theirs_open() -> None:
    async with _holding() as url, AsyncExitStack() as opened:
        calls = http_client(url, token="ours", timeout=timedelta(seconds=2))
        streams = http_client(url, token="ours", timeout=timedelta(seconds=2), most=None)
        for resource in (calls, streams):
            await opened.enter_async_context(resource)
        client = NotificationsClient(calls, streams=streams)
        for _ in range(210):
            await opened.enter_async_context(client.inbox_stream(MEMBER, language=Language.EN))

        inbox = await client.inbox(MEMBER, language=Language.EN)

    assert inbox.unread == 0
