"""A small service of the tests' own, `ledger`, and a broker that knows it: the chassis is proven without a business word."""

import sys
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from chassis.broker import Broker
from chassis.provisioner import (
    PROVISIONER,
    DurableDescription,
    ServiceDescription,
    StreamDescription,
    Topology,
    provision,
)
from chassis.testing import NatsSite, reset_broker
from ssenet.nats_config import nats_users, new_seed
from ssenet.servers import Nats, start_nats

sys.path.insert(0, str(Path(__file__).parent))

TOPOLOGY = Topology(
    site="hq",
    streams={
        "EVENTS": StreamDescription(
            subjects=("sse.hq.>",), max_bytes=256 * 1024 * 1024, max_age=timedelta(days=1), why="tests"
        )
    },
    services=(
        ServiceDescription(
            service="ledger",
            announces=("ledger",),
            hears=(DurableDescription(durable="ledger-post-entries", types=("ledger.entry.made.v1",)),),
        ),
        ServiceDescription(service="stranger", announces=("stranger",)),
    ),
)


@pytest.fixture(scope="session")
def ledger_seeds() -> dict[str, str]:
    return {name: new_seed() for name in ("ledger", "stranger", PROVISIONER)}


@pytest.fixture(scope="session")
def ledger_nats(server_folder: Path, ledger_seeds: dict[str, str]) -> Iterator[Nats]:
    server = start_nats(server_folder / "ledger-nats", nats_users(TOPOLOGY, ledger_seeds))
    yield server
    server.stop()


@pytest.fixture
async def site(ledger_nats: Nats, ledger_seeds: dict[str, str]) -> AsyncGenerator[NatsSite, None]:
    """The broker of these tests, empty."""
    found = NatsSite(ledger_nats.url, ledger_seeds, TOPOLOGY)
    async with provisioner_of(found) as broker:
        await provision(broker.jetstream, TOPOLOGY)
    await reset_broker(found)
    yield found


@asynccontextmanager
async def provisioner_of(site: NatsSite) -> AsyncIterator[Broker]:
    broker = await Broker.connect(site.url, service=PROVISIONER, seed=site.seeds[PROVISIONER])
    try:
        yield broker
    finally:
        await broker.close()
