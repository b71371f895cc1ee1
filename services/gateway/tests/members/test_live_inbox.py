"""What is pushed into an open inbox: from which position on, as HTML for its page, and to whom it is refused."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

import httpx
import pytest
import uvicorn
from live_kit import Inboxes, signed_in
from page_kit import Behind, Reader, an_item

from chassis.runtime.service import Service
from chassis.testing import Running, eventually
from gateway.app import build
from gateway.members.pages import live_inbox
from gateway.members.pages.live_inbox import position_in
from gateway.sessions import Session, cookie_name
from gateway.settings import Settings

URL = "http://service.test"


async def test_the_live_inbox_goes_on_from_the_position_of_the_page_itself(
    member: Reader, behind: Behind
) -> None:
    # An older item was marked since the newest one came: the inbox is further than any item it shows.
    behind.answers["GET inbox"] = {"unread": 1, "position": 12, "items": [an_item(position=7)]}
    behind.asked.clear()

    page = (await member.open("/inbox")).text

    assert "/inbox/stream?after=12&amp;" in page
    assert [asked for asked, _ in behind.asked] == ["GET inbox"]


@pytest.mark.parametrize("after", ["é", "-1", "9" * 30, "x"])
async def test_a_stream_from_nowhere_is_refused(member: Reader, after: str) -> None:
    answer = await member.http.get("/inbox/stream", params={"after": after})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "query:after"


class Live:
    """The gateway on a socket: a client that waits for the end of an answer waits for ever here."""

    def __init__(self, service: Service, url: str, inboxes: Inboxes) -> None:
        self.service = service
        self.url = url
        self.inboxes = inboxes

    async def member(self) -> tuple[dict[str, str], Session]:
        cookie, session = await signed_in(self.service.database)
        return {"Cookie": f"{cookie_name(URL)}={cookie}"}, session

    @asynccontextmanager
    async def open(
        self, headers: dict[str, str], query: str = "", **more: str
    ) -> AsyncGenerator[httpx.Response]:
        async with (
            httpx.AsyncClient(base_url=self.url, timeout=20) as client,
            client.stream("GET", f"/inbox/stream{query}", headers={**headers, **more}) as answer,
        ):
            yield answer


@pytest.fixture
async def live(running: Running) -> AsyncGenerator[Live]:
    async with _listening(running) as live:
        yield live


@asynccontextmanager
async def _listening(running: Running, **settings: object) -> AsyncGenerator[Live]:
    inboxes = Inboxes()
    async with running(
        partial(build, transport=httpx.MockTransport(inboxes.handle)),
        Settings,
        "gateway",
        registry_url="http://registry.test",
        coordination_url="http://coordination.test",
        notifications_url="http://notifications.test",
        service_token="the-gateways-own",
        public_url=URL,
        **settings,
    ) as client:
        app = client.app  # type: ignore[attr-defined]
        server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan="off", log_config=None))
        serving = asyncio.create_task(server._serve())
        await eventually(lambda: server.started)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield Live(app.state.service, f"http://127.0.0.1:{port}", inboxes)
        app.state.service.stopping.set()
        server.should_exit = True
        await serving


async def _read_until(answer: httpx.Response, words: str) -> str:
    read = ""
    async with asyncio.timeout(10):
        async for chunk in answer.aiter_text():
            read += chunk
            if words in read:
                return read
    raise AssertionError(f"the stream ended: {read}")


async def test_a_change_is_pushed_as_html_for_the_page_with_its_position(live: Live) -> None:
    headers, session = await live.member()
    async with live.open(headers, "?after=0&only=unread") as answer:
        assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        await _read_until(answer, "event: beat")
        live.inboxes.change(session.member_id)

    async with live.open(headers, "?after=0") as answer:
        pushed = await _read_until(answer, "unread-tab")

    assert "id: 1\ndata: " in pushed
    assert "Request for advice to answer" in pushed


async def test_the_browsers_own_position_is_newer_than_the_pages(live: Live) -> None:
    headers, session = await live.member()
    for _ in range(3):
        live.inboxes.change(session.member_id, quietly=True)

    async with live.open(headers, "?after=0", **{"Last-Event-ID": "2"}) as answer:
        pushed = await _read_until(answer, "unread-tab")

    assert [line for line in pushed.splitlines() if line.startswith("id:")] == ["id: 3"]


async def test_a_stream_with_a_strange_last_event_id_starts_where_its_page_was(live: Live) -> None:
    headers, session = await live.member()
    for _ in range(2):
        live.inboxes.change(session.member_id, quietly=True)

    async with live.open(headers, "?after=1", **{"Last-Event-ID": "x"}) as answer:
        assert "id: 2" in await _read_until(answer, "unread-tab")


async def test_many_pages_of_one_session_are_sent_the_same_piece_written_once(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers, session = await live.member()
    written = 0
    piece = live_inbox.piece

    def counted(*args: Any) -> bytes:
        nonlocal written
        written += 1
        return piece(*args)

    monkeypatch.setattr(live_inbox, "piece", counted)
    async with AsyncExitStack() as pages:
        answers = [await pages.enter_async_context(live.open(headers)) for _ in range(20)]
        live.inboxes.change(session.member_id)
        for answer in answers:
            assert "id: 1" in await _read_until(answer, "unread-tab")

    assert written == 1


async def test_a_page_that_gives_way_is_told_to_stay_away_for_a_while(running: Running) -> None:
    async with _listening(running, streams_per_member=1) as live:
        headers, _ = await live.member()
        async with live.open(headers) as oldest, live.open(headers):
            read = "".join([chunk async for chunk in oldest.aiter_text()])

        assert read.endswith("retry: 60000\nevent: gaveway\ndata: .\n\n")


async def test_a_stream_for_which_there_is_no_room_says_when_to_come_back(running: Running) -> None:
    async with _listening(running, streams_in_all=1) as live:
        one, _ = await live.member()
        other, _ = await live.member()
        async with live.open(one), live.open(other) as refused:
            assert refused.status_code == 503
            assert int(refused.headers["Retry-After"]) >= 1


async def test_no_stream_opens_for_who_is_not_signed_in(live: Live) -> None:
    for headers in ({}, {"Cookie": f"{cookie_name(URL)}=made-up"}):
        async with live.open(headers, **{"HX-Request": "true"}) as answer:
            assert answer.status_code == 401
    assert live.inboxes.listening == []


async def test_a_page_that_goes_away_leaves_nothing_behind(live: Live) -> None:
    headers, _ = await live.member()
    async with live.open(headers) as answer:
        await _read_until(answer, "event: beat")
        assert len(live.inboxes.listening) == 1

    await eventually(lambda: live.inboxes.listening == [])


@pytest.mark.parametrize(
    ("header", "position"),
    [("7", 7), ("0", 0), (None, None), ("", None), ("é", None), ("-1", None), ("²", None), ("9" * 19, None)],
)
def test_a_stream_goes_on_after_a_position_and_after_nothing_else(
    header: str | None, position: int | None
) -> None:
    assert position_in(header) == position
