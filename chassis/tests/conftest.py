"""The broker of these tests knows a small service of their own, `ledger`, and no business word."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chassis.broker.nkeys import new_seed, public_keys
from chassis.broker.provision import provision
from chassis.broker.topology import PROVISIONER, accounts_block
from chassis.testing import NatsSite, reset_broker
from ssenet.processes.servers import Nats, start_nats

sys.path.insert(0, str(Path(__file__).parent))

from ledger.messaging import TOPOLOGY, provisioner_of


@pytest.fixture(scope="session")
def ledger_seeds() -> dict[str, str]:
    return {name: new_seed() for name in ("ledger", "stranger", PROVISIONER)}


@pytest.fixture(scope="session")
def ledger_nats(server_folder: Path, ledger_seeds: dict[str, str]) -> Iterator[Nats]:
    server = start_nats(server_folder / "ledger-nats", accounts_block(TOPOLOGY, public_keys(ledger_seeds)))
    yield server
    server.stop()


@pytest.fixture
async def site(ledger_nats: Nats, ledger_seeds: dict[str, str]) -> NatsSite:
    """The broker of these tests, empty."""
    found = NatsSite(ledger_nats.url, ledger_seeds, TOPOLOGY)
    async with provisioner_of(found) as broker:
        await provision(broker.jetstream, TOPOLOGY)
    await reset_broker(found)
    return found
