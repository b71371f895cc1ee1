import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from chassis.testing import Running

sys.path.insert(0, str(Path(__file__).parent))

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
