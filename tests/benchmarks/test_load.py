"""The load that is put on the network: even, and timed from when each post was due."""

import asyncio
import time
from collections.abc import Iterator
from itertools import count

import orjson
import pytest

from benchmarks.load import Connection, Posted, all_at_once, at_rate

ANSWERED_AFTER = 0.05


class SlowConnection(Connection):
    """A connection to a gateway that takes its time, and numbers what it accepts."""

    def __init__(self, numbers: Iterator[int]) -> None:
        self._numbers = numbers

    async def post(self, body: bytes) -> tuple[bytes, bytes]:
        assert body
        await asyncio.sleep(ANSWERED_AFTER)
        return b"202", orjson.dumps({"event_id": str(next(self._numbers))})


@pytest.fixture
def one_connection() -> "asyncio.Queue[Connection]":
    free: asyncio.Queue[Connection] = asyncio.Queue()
    free.put_nowait(SlowConnection(count()))
    return free


async def test_a_post_that_waits_for_a_connection_is_timed_from_when_it_was_due(
    one_connection: "asyncio.Queue[Connection]",
) -> None:
    posted = Posted(began=time.time())

    await at_rate(one_connection, rate=100, seconds=0.05, posted=posted)

    due = [sent - posted.began for sent in posted.sent.values()]
    assert due == pytest.approx([0, 0.01, 0.02, 0.03, 0.04], abs=0.001)
    # The last, due after 40 ms, was fifth in a line that takes 50 ms each.
    assert posted.answered_ms[-1] >= 0.95 * (5 * 50 - 40)


async def test_posts_without_a_rate_are_due_when_their_connection_is_free(
    one_connection: "asyncio.Queue[Connection]",
) -> None:
    posted = Posted(began=time.time())

    await all_at_once(one_connection, 3, posted)

    assert list(posted.sent.values())[2] - posted.began >= 1.8 * ANSWERED_AFTER
