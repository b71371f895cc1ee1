"""The servers of one benchmark: PostgreSQL and NATS as a deployment runs them, and the measured service on them."""

import asyncio
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from benchmarks.errors import BenchmarkError
from benchmarks.work.events import EntryChangedV1
from chassis.broker.connection import Broker, connect
from chassis.broker.nkeys import new_seed, public_keys
from chassis.broker.provision import provision
from chassis.broker.side_durables import base_of
from chassis.broker.topology import (
    PROVISIONER,
    DurableDescription,
    ServiceDescription,
    Topology,
    accounts_block,
)
from chassis.database.engine import Database
from chassis.database.migrations import migrate
from ssenet.processes.preparation import DESCRIPTION
from ssenet.processes.servers import Nats, Postgres, free_port, start_nats, start_postgres

DURABLE = "benchmarks-keep-entries"
TOPOLOGY = Topology(
    site="hq",
    streams=Topology.read(DESCRIPTION).streams,
    services=(
        ServiceDescription(
            service="benchmarks",
            announces=("benchmarks",),
            hears=(DurableDescription(durable=DURABLE, types=(EntryChangedV1.type,)),),
        ),
    ),
)


@contextmanager
def scratch(root: Path) -> Generator[Path]:
    """A folder on the project's own disk, gone at the end: /tmp may lie in memory, where nothing has to be flushed."""
    folder = Path(tempfile.mkdtemp(prefix=".ssenet-bench-", dir=root))
    # PostgreSQL does not run as root, and has to come through to its own folder.
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class Site:
    """Two running servers, a migrated database and the stream, for one benchmark."""

    postgres: Postgres
    nats: Nats
    seeds: Mapping[str, str]
    database: Database
    broker: Broker
    """The provisioner's connection, which may do anything."""
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """What the measured service, and the floors, are told."""
        return {
            "BENCHMARKS_DATABASE_URL": self.database.url,
            "BENCHMARKS_NATS_URL": self.nats.url,
            "BENCHMARKS_NATS_SEED": self.seeds["benchmarks"],
            "BENCHMARKS_LOG_LEVEL": "warning",
        }

    async def empty(self) -> None:
        """Forget every row and every message; streams, durables and tables stay."""
        await self.broker.jetstream.purge_stream("EVENTS")
        await self.execute(
            "TRUNCATE outbox, outbox_marks, inbox, entries, entry_copies",
            # Each round begins alike, with nothing left to tidy or to flush from the one before.
            "CHECKPOINT",
        )

    async def execute(self, *statements: str) -> None:
        connection = await self.connect()
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    async def connect(self) -> asyncpg.Connection:
        """A bare connection to the measured service's database, the superuser's."""
        return await asyncpg.connect(self.database.asyncpg_dsn)

    async def until_applied(self, *, within: float) -> None:
        """Return once the durable has nothing left to deliver or to be acknowledged."""

        async def done() -> bool:
            found = await self.broker.jetstream.consumers_info("EVENTS")
            ours = [one for one in found if base_of(one.name) == DURABLE]
            return all(not one.num_pending and not one.num_ack_pending for one in ours)

        await until(done, within=within, every=0.01, what="everything is applied")

    @contextmanager
    def serving(self, **more: str) -> Generator[int]:
        """The measured service as a process of its own, told more by its environment. Gives its process id."""
        environment = self.environment | {"BENCHMARKS_PORT": str(free_port())} | more
        with process(
            [sys.executable, "-P", "-m", "benchmarks.work"], environment, self.folder / "work.log"
        ) as pid:
            yield pid


@asynccontextmanager
async def running_site(folder: Path) -> AsyncGenerator[Site]:
    """Start both servers in a folder, `sync_interval: always` and full PostgreSQL durability, as deployments do."""
    seeds = {name: new_seed() for name in ("benchmarks", PROVISIONER)}
    postgres = await asyncio.to_thread(start_postgres, folder / "postgres", password=secrets.token_hex(16))
    try:
        nats = await asyncio.to_thread(
            start_nats, folder / "nats", accounts_block(TOPOLOGY, public_keys(seeds))
        )
        try:
            async with _connected(postgres, nats, seeds, folder) as site:
                yield site
        finally:
            nats.stop()
    finally:
        postgres.stop()


@asynccontextmanager
async def _connected(
    postgres: Postgres, nats: Nats, seeds: Mapping[str, str], folder: Path
) -> AsyncGenerator[Site]:
    url = postgres.url().replace("postgresql://", "postgresql+asyncpg://", 1)
    await migrate(url, "benchmarks")
    database = Database(url, service="benchmarks")
    broker = await connect(nats.url, service=PROVISIONER, seed=seeds[PROVISIONER])
    try:
        await provision(broker.jetstream, TOPOLOGY)
        yield Site(postgres, nats, seeds, database, broker, folder)
    finally:
        await broker.stop()
        await database.close()


@contextmanager
def process(
    command: Sequence[str], environment: Mapping[str, str], log: Path, *, cwd: Path | None = None
) -> Generator[int]:
    """A process beside this one, ended with the block; its output goes to a log."""
    with log.open("ab") as output:
        started = subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdout=output,
            stderr=output,
            cwd=cwd,
            start_new_session=True,
        )
    try:
        yield started.pid
        if started.poll() is not None:
            tail = log.read_text(encoding="utf-8", errors="replace")[-1500:]
            raise BenchmarkError(f"{' '.join(command[-2:])} ended by itself. The end of its log:\n{tail}")
    finally:
        started.terminate()
        try:
            started.wait(timeout=20)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(started.pid, signal.SIGKILL)
            started.wait()


async def answer_of(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """What a process of ours prints; raises BenchmarkError with its words where it fails."""
    told = {**os.environ, **environment}
    running = await asyncio.create_subprocess_exec(
        *command, env=told, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    answer, errors = await running.communicate()
    if running.returncode:
        raise BenchmarkError(f"{' '.join(command[-3:])} failed:\n{errors.decode('utf-8', 'replace')[-1500:]}")
    return answer.decode()


async def one_row(connection: asyncpg.Connection, query: str, *values: object) -> asyncpg.Record:
    """The one row of a query's answer."""
    row = await connection.fetchrow(query, *values)
    if row is None:
        raise BenchmarkError("a query had no answer")
    return row


def rate_after_first(count: int, first: int, seconds: float) -> float:
    """Events per second after those of the first batch; raises BenchmarkError where that was all: it tells no rate."""
    if first >= count:
        raise BenchmarkError(f"no rate can be told: all {count:,} events came in the first batch")
    return (count - first) / seconds


async def until(
    check: Callable[[], Awaitable[bool]], *, within: float, every: float = 0.05, what: str
) -> None:
    """Ask every `every` seconds until the answer is yes; raises BenchmarkError after `within` seconds."""
    deadline = asyncio.get_running_loop().time() + within
    while not await check():
        if asyncio.get_running_loop().time() > deadline:
            raise BenchmarkError(f"not within {within:.0f} s: {what}")
        await asyncio.sleep(every)
