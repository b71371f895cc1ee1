"""The whole network as `./ssenet up` runs it, for the benchmarks that need all of it."""

import os
import signal
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import orjson

from benchmarks.errors import BenchmarkError
from benchmarks.load import Posted
from benchmarks.site import answer_of, until
from chassis.broker.connection import Broker, connect
from chassis.broker.side_durables import base_of
from chassis.broker.topology import PROVISIONER, Topology
from ssenet.data_folder.folder import DataFolder
from ssenet.data_folder.secrets_file import SUPERUSER, Secrets, read_secrets
from ssenet.network.client import Network, the_network
from ssenet.network.memory import resident_mb
from ssenet.partners import grants_and_keys
from ssenet.processes.preparation import DESCRIPTION
from ssenet.processes.servers import HOST
from ssenet.project import SERVICES

_TOPOLOGY = Topology.read(DESCRIPTION)
PARTNER, GRANT = "BENCH", "partner.assistance.requested.v1"
UNLIMITED = {"GATEWAY_EVENTS_PER_SECOND": "1000000", "GATEWAY_EVENTS_BURST": "1000000"}
"""A partner's allowance is no part of what is measured."""


@dataclass(frozen=True)
class Embedded:
    """A running network, the ways to load it, and to see what came of the load."""

    network: Network
    secrets: Secrets
    key: str
    broker: Broker

    def pid(self, name: str) -> int:
        process = self.network.state.process(name)
        if process is None:
            raise BenchmarkError(f"{name} does not run")
        return process.pid

    def memory_mb(self) -> float:
        """Megabytes of all processes, shared pages counted once."""
        processes = self.network.state.processes
        return sum(resident_mb(one.pid, with_children=one.name == "postgres") for one in processes)

    async def post(self, *how: str) -> Posted:
        """Load the network from a process of its own; `how` as `benchmarks.load` takes it."""
        told = {"LOAD_PORT": str(self.network.state.port), "LOAD_KEY": self.key}
        answer = await answer_of([sys.executable, "-P", "-m", "benchmarks.load", *how], told)
        posted = Posted(**orjson.loads(answer))
        if posted.refused:
            raise BenchmarkError(f"the gateway answered {posted.refused}")
        return posted

    async def connect(self, service: str) -> asyncpg.Connection:
        """The superuser's connection to a service's database."""
        password, port = self.secrets.database_passwords[SUPERUSER], self.port("postgres")
        return await asyncpg.connect(
            host=HOST, port=port, user=SUPERUSER, password=password, database=service
        )

    def port(self, name: str) -> int:
        return self.network.port_of(name)

    async def items(self, posted: Posted) -> dict[str, float]:
        """When the last item about each of these events was committed (Unix time), by the event's id."""
        connection = await self.connect("notifications")
        try:
            rows = await connection.fetch(
                "SELECT correlation::text, extract(epoch FROM max(pg_xact_commit_timestamp(xmin)))::float"
                " FROM items WHERE correlation = ANY($1::uuid[]) GROUP BY 1",
                list(posted.sent),
            )
        finally:
            await connection.close()
        return {row[0]: row[1] for row in rows}

    async def until_items(self, posted: Posted, *, within: float) -> dict[str, float]:
        """Wait until every posted event has its item; when each had."""
        await self.until_applied("notifications", within=within)
        found: dict[str, float] = {}

        async def complete() -> bool:
            nonlocal found
            found = await self.items(posted)
            return len(found) == len(posted.sent)

        await until(complete, within=within, every=0.2, what="every posted event has its item")
        return found

    async def until_applied(self, *services: str, within: float) -> None:
        """Wait until the durables of these services have nothing left to deliver or to be acknowledged."""

        async def done() -> bool:
            found = await self.broker.jetstream.consumers_info("EVENTS")
            heard = [
                one.durable for each in _TOPOLOGY.services if each.service in services for one in each.hears
            ]
            ours = [one for one in found if base_of(one.name) in heard]
            return all(not one.num_pending and not one.num_ack_pending for one in ours)

        await until(done, within=within, every=0.02, what=f"{', '.join(services)} applied everything")

    def let_work(self, *services: str) -> None:
        """Let these services work and the others stand still; the registry, which has nothing to do, never stands."""
        for name in SERVICES:
            works = name in services or name == "registry"
            os.kill(self.pid(name), signal.SIGCONT if works else signal.SIGSTOP)


def split(partitions: int) -> dict[str, str]:
    """What a network is told whose services split their durables into so many."""
    return {f"{service.upper()}_PARTITIONS": str(partitions) for service in SERVICES}


@asynccontextmanager
async def embedded(folder: Path, environment: Mapping[str, str] | None = None) -> AsyncGenerator[Embedded]:
    """Bring a whole network up in a folder, its processes told more by the environment; down at the end."""
    data, told = DataFolder(folder), UNLIMITED | dict(environment or {})
    await _command(data, told, "up", "--detach", "--port", "0")
    try:
        network, secrets = the_network(data), read_secrets(data.secrets)
        grants_and_keys.ensure(network, PARTNER, name="Benchmarks", grants=[GRANT])
        key = grants_and_keys.make_key(network, PARTNER)
        url = f"nats://{HOST}:{network.port_of('nats')}"
        broker = await connect(url, service=PROVISIONER, seed=secrets.nats_seeds[PROVISIONER])
        try:
            found = Embedded(network, secrets, key, broker)
            await found.until_applied(*SERVICES, within=60)
            yield found
        finally:
            await broker.stop()
    finally:
        await _command(data, told, "down")


async def _command(data: DataFolder, environment: Mapping[str, str], *arguments: str) -> None:
    command = [sys.executable, "-P", "-m", "ssenet", *arguments, "--data", str(data.path)]
    await answer_of(command, environment)
