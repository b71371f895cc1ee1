"""What the services behind answer, as the pages and the API get to see it."""

from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import uuid4

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from contracts.words import Language, MemberId
from gateway.clients import (
    CoordinationClient,
    NotFoundError,
    Notice,
    NotificationsClient,
    ServiceRefusedError,
    ServiceUnavailableError,
    http_client,
)
from gateway.clients.notifications import events

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


async def _in_pieces(*pieces: bytes) -> AsyncGenerator[bytes]:
    for piece in pieces:
        yield piece


def _answering_in_pieces(*pieces: bytes) -> Answer:
    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=_in_pieces(*pieces))

    return answer


async def test_notices_are_heard_as_they_come_until_the_stream_is_lost() -> None:
    changed = MemberId(uuid4())
    told = b'event: changed\ndata: {"members": ["%b"]}\n\n' % str(changed).encode()

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/inboxes/stream"
        pieces = (b"retry: 2000\n\n", told[:30], told[30:], b'data: {"members": null}\n\n')
        return httpx.Response(200, content=_in_pieces(*pieces))

    heard: list[Notice] = []

    async def hear(client: NotificationsClient) -> None:
        async with client.notices() as notices:
            async for notice in notices:
                heard.append(notice)  # noqa: PERF401 - it ends in an error

    async with _http(answer) as http:
        with pytest.raises(ServiceUnavailableError):
            await hear(NotificationsClient(http, streams=http))

    assert [notice.members for notice in heard] == [frozenset(), frozenset({changed}), None]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (_away, ServiceUnavailableError),
        (_answering(404, json={}), NotFoundError),
        (_answering_in_pieces(b"data: [1]\n\n"), ServiceUnavailableError),
    ],
)
async def test_notices_that_cannot_be_heard_say_why(answer: Answer, error: type[Exception]) -> None:
    async with _http(answer) as http:
        with pytest.raises(error):
            async with NotificationsClient(http, streams=http).notices() as notices:
                await anext(notices)


async def test_what_changed_is_asked_in_the_readers_language_and_after_a_position() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert dict(request.url.params) == {"language": "ar", "after": "7", "limit": "50"}
        return httpx.Response(200, json={"unread": 2, "position": 9, "items": []})

    async with _http(answer) as http:
        changes = await NotificationsClient(http, streams=http).changes(MEMBER, language=Language.AR, after=7)

    assert (changes.unread, changes.position, changes.items) == (2, 9, ())


WIRE = b': open\n\nid: 8\nevent: item\ndata: {"a":\ndata: 1}\n\n: beat\n\n'


@given(cuts=st.lists(st.integers(0, len(WIRE)), max_size=6))
async def test_events_are_read_however_the_network_cuts_them(cuts: Sequence[int]) -> None:
    at = [0, *sorted(cuts), len(WIRE)]
    parts = [WIRE[start:end] for start, end in pairwise(at)]

    found = [(event.id, "".join(event.data)) async for event in events(_in_pieces(*parts))]

    assert found == [("", ""), ("8", '{"a":1}'), ("", "")]
