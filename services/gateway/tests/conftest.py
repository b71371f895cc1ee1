import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from chassis.database.engine import Database
from chassis.testing import FreshDatabase, Running, SettableClock, a_clock

sys.path.insert(0, str(Path(__file__).parent / "kit"))

from page_kit import Behind, Reader, reading_pages
from partner_kit import Gateway, Others

from gateway.app import build
from gateway.settings import Settings


@pytest.fixture
def others() -> Others:
    """The services behind the gateway."""
    return Others()


@pytest.fixture
def gateway(running: Running, others: Others) -> Gateway:
    """`async with gateway(events_burst=3) as client`: a running gateway; keywords are its settings."""

    def start(**settings: Any) -> AbstractAsyncContextManager[httpx.AsyncClient]:
        return running(
            partial(build, transport=httpx.MockTransport(others.handle)),
            Settings,
            "gateway",
            callers={"operator": "for-the-operator", "gateway": "another"},
            **{
                "registry_url": "http://registry.test",
                "coordination_url": "http://coordination.test",
                "notifications_url": "http://notifications.test",
                "service_token": "the-gateways-own",
                "public_url": "http://service.test",
                **settings,
            },
        )

    return start


@pytest.fixture
async def client(gateway: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    async with gateway() as client:
        yield client


@pytest.fixture
def behind() -> Behind:
    """The services behind the pages."""
    return Behind()


@pytest.fixture
async def stranger(running: Running, behind: Behind) -> AsyncGenerator[Reader]:
    async with reading_pages(running, behind) as reader:
        yield reader


@pytest.fixture
async def member(stranger: Reader) -> Reader:
    await stranger.sign_in()
    return stranger


@pytest.fixture
def clock() -> SettableClock:
    return a_clock()


@pytest.fixture
async def database(fresh_database: FreshDatabase, clock: SettableClock) -> Database:
    return await fresh_database("gateway", clock=clock)
