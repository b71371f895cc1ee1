"""The servers of a test session: one real PostgreSQL, one real NATS, both from their wheels."""

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from chassis.broker.nkeys import new_seed, public_keys
from chassis.broker.provision import provision_site
from chassis.broker.topology import PROVISIONER, Topology, accounts_block
from chassis.testing import NatsSite
from ssenet.processes.servers import Nats, Postgres, start_nats, start_postgres

ROOT = Path(__file__).parent
LONGEST_FIRST = ("tests/resilience/", "tests/browser/", "deploy/", "tests/")
"""Folders whose files take longest: begun first, they leave nobody waiting for the last of them at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        path = item.path.relative_to(ROOT).as_posix()
        return next(
            (n for n, folder in enumerate(LONGEST_FIRST) if path.startswith(folder)), len(LONGEST_FIRST)
        )

    items.sort(key=place)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take the options of tests further down; only this file is read early enough to name them."""
    parser.addoption(
        "--benchmarks",
        action="store_true",
        help="run every benchmark once, tiny (tests/benchmarks), and what asserts times (tests/flows/test_rush.py)",
    )
    faults = parser.getgroup("faults", "faults done to the running network (tests/resilience)")
    faults.addoption("--seeds", type=int, default=0, metavar="N", help="how many seeds to run (default: 20)")
    faults.addoption("--seed-from", type=int, default=1, metavar="N", help="the first seed (default: 1)")
    faults.addoption(
        "--events", type=int, default=0, metavar="N", help="size of the order test (default: small)"
    )


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """A folder for the servers' data, gone with the session."""
    folder = Path(tempfile.mkdtemp(prefix="ssenet-test-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(server_folder: Path) -> Iterator[Postgres]:
    # Test databases live for seconds: what a crash of the machine would lose is no loss here.
    fast = {"fsync": "off", "max_connections": "300"}
    server = start_postgres(server_folder / "postgres", password=secrets.token_hex(16), settings=fast)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def postgres_url(postgres: Postgres) -> str:
    return postgres.url()


@pytest.fixture(scope="session")
def topology() -> Topology:
    return Topology.read(ROOT / "deploy" / "nats")


@pytest.fixture(scope="session")
def nats_seeds(topology: Topology) -> dict[str, str]:
    names = [PROVISIONER, *(service.service for service in topology.services)]
    return {name: new_seed() for name in names}


@pytest.fixture(scope="session")
def nats_server(server_folder: Path, topology: Topology, nats_seeds: dict[str, str]) -> Iterator[Nats]:
    server = start_nats(server_folder / "nats", accounts_block(topology, public_keys(nats_seeds)))
    yield server
    server.stop()


@pytest.fixture(scope="session")
async def nats_site(nats_server: Nats, topology: Topology, nats_seeds: dict[str, str]) -> NatsSite:
    """The session's NATS, with the streams and durables of the real topology."""
    await provision_site(topology, url=nats_server.url, seed=nats_seeds[PROVISIONER])
    return NatsSite(nats_server.url, nats_seeds, topology)
