"""What is pushed into an open inbox: from which position on, cut from the stream, for as long as the session stands."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from itertools import pairwise

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from page_kit import Behind, Reader, an_item

from gateway.members.pages.live_inbox import TRUSTED, SessionCheck, events, position_in, until


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


async def test_a_stream_with_a_strange_last_event_id_starts_where_its_page_was(
    member: Reader, behind: Behind
) -> None:
    behind.answers["GET inbox/stream"] = httpx.Response(200, content=b": open\n\n")

    answer = await member.http.get("/inbox/stream?after=7", headers={b"Last-Event-ID": b"\xe9"})

    assert answer.status_code == 200
    assert "event: beat" in answer.text


async def _chunks(*parts: bytes) -> AsyncGenerator[bytes]:
    for part in parts:
        yield part


WIRE = b': open\n\nid: 8\nevent: item\ndata: {"a":\ndata: 1}\n\n: beat\n\n'


@given(cuts=st.lists(st.integers(0, len(WIRE)), max_size=6))
async def test_events_are_read_however_the_network_cuts_them(cuts: Sequence[int]) -> None:
    at = [0, *sorted(cuts), len(WIRE)]
    parts = [WIRE[start:end] for start, end in pairwise(at)]

    found = [(event.id, "".join(event.data)) async for event in events(_chunks(*parts))]

    assert found == [("", ""), ("8", '{"a":1}'), ("", "")]


async def test_a_stream_ends_when_the_service_stops() -> None:
    stopping = asyncio.Event()

    async def endless() -> AsyncGenerator[bytes]:
        yield b"first"
        stopping.set()
        await asyncio.Event().wait()

    assert [chunk async for chunk in until(stopping, endless())] == [b"first"]


async def test_a_session_is_looked_up_again_when_the_last_look_is_old() -> None:
    now, looks = 0.0, 0

    async def look() -> bool:
        nonlocal looks
        looks += 1
        return now < 20

    session_check = SessionCheck(look, clock=lambda: now)
    now = 15.0
    assert await session_check.holds(within=TRUSTED)
    assert looks == 0
    assert await session_check.holds(within=0)
    assert looks == 1
    now = 31.0
    assert not await session_check.holds(within=TRUSTED)
    assert looks == 2


@pytest.mark.parametrize(
    ("header", "position"),
    [("7", 7), ("0", 0), (None, None), ("", None), ("é", None), ("-1", None), ("²", None), ("9" * 19, None)],
)
def test_a_stream_goes_on_after_a_position_and_after_nothing_else(
    header: str | None, position: int | None
) -> None:
    assert position_in(header) == position
