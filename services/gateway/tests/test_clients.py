"""What the services behind answer, as the pages and the API get to see it."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from contracts.words import Language, MemberId
from gateway.clients import (
    CoordinationClient,
    NotFoundError,
    NotificationsClient,
    RefusedError,
    ServiceUnavailableError,
    client_for,
)

Answer = Callable[[httpx2.Request], httpx2.Response]

MEMBER = MemberId(uuid4())


def _http(answer: Answer) -> httpx2.AsyncClient:
    return client_for(
        "http://behind.test",
        token="ours",
        timeout=timedelta(seconds=1),
        transport=httpx2.MockTransport(answer),
    )


def _answering(status: int, **content: Any) -> Answer:
    def answer(_request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(status, **content)

    return answer


def _away(_request: httpx2.Request) -> httpx2.Response:
    raise httpx2.ReadTimeout("silent")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (_away, ServiceUnavailableError),
        (_answering(500), ServiceUnavailableError),
        (_answering(401), ServiceUnavailableError),
        (_answering(200, json={"unlike": "a plan"}), ServiceUnavailableError),
        (_answering(404, json={"detail": "No action plan."}), NotFoundError),
        (_answering(409, json={"detail": "It is accepted already."}), RefusedError),
        (_answering(422, content=b"<html>"), RefusedError),
    ],
)
async def test_every_bad_answer_has_one_meaning(answer: Answer, error: type[Exception]) -> None:
    async with _http(answer) as http:
        with pytest.raises(error):
            await CoordinationClient(http).plan()


async def test_a_refusal_keeps_the_services_own_words() -> None:
    problem = {"type": "urn:ilo:sse:problem:wrong-state", "detail": "It is completed.", "status": 409}
    async with _http(_answering(409, json=problem)) as http:
        with pytest.raises(RefusedError) as refused:
            await CoordinationClient(http).accept(uuid4(), actor=MEMBER)

    assert (refused.value.status, refused.value.problem) == (409, problem)


async def test_a_call_carries_the_member_the_token_and_the_trace() -> None:
    seen: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(404, json={})

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
    def answer(request: httpx2.Request) -> httpx2.Response:
        assert request.headers["Last-Event-ID"] == "7"
        assert request.url.params["language"] == "ar"
        return httpx2.Response(200, content=_two_pieces())

    async with _http(answer) as http:
        stream = NotificationsClient(http).inbox_stream(MEMBER, language=Language.AR, last_event_id="7")
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
            async with NotificationsClient(http).inbox_stream(MEMBER, language=Language.EN):
                pass
