"""The service as a process of its own: it stops at once, open streams or not."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from hashlib import sha256

import httpx
import orjson

from chassis.testing import Databases, NatsSite, reset_broker


@asynccontextmanager
async def the_process(
    databases: Databases, site: NatsSite
) -> AsyncGenerator[tuple[asyncio.subprocess.Process, str]]:
    """The service on a port of the system's choice, ready to answer."""
    await reset_broker(site)
    database = await databases.create(None)
    environment = {
        "NOTIFICATIONS_DATABASE_URL": database,
        "NOTIFICATIONS_NATS_URL": site.url,
        "NOTIFICATIONS_NATS_SEED": site.seeds["notifications"],
        "NOTIFICATIONS_PORT": "0",
        "NOTIFICATIONS_MIGRATE_ON_START": "true",
        "NOTIFICATIONS_CALLERS": orjson.dumps({"gateway": sha256(b"of-the-gateway").hexdigest()}).decode(),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "notifications", env=os.environ | environment, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(30):
            while not (found := re.search(rb"running on (http://[\d.:]+)", await process.stdout.readline())):
                assert process.returncode is None
        yield process, found[1].decode()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        await databases.drop(database)


async def test_a_process_with_an_open_stream_stops_when_told(
    databases: Databases, nats_site: NatsSite
) -> None:
    headers = {"Authorization": "Bearer of-the-gateway"}
    async with (
        the_process(databases, nats_site) as (process, url),
        httpx.AsyncClient(base_url=url, headers=headers, timeout=20) as client,
        client.stream("GET", "/inboxes/stream") as stream,
    ):
        lines = stream.aiter_lines()
        assert (await anext(lines)).startswith("retry")

        process.send_signal(signal.SIGTERM)

        async with asyncio.timeout(9):
            assert [line async for line in lines if line.startswith("event")] == []
            assert await process.wait() in {0, -signal.SIGTERM}
