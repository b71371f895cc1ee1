"""A service as a process: it waits for its servers, and stops within ten seconds whatever it is doing."""

import asyncio
import os
import signal
import subprocess
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from chassis.runtime.service import Service, create_service
from chassis.settings import ServiceSettings
from chassis.testing import Databases, NatsSite, eventually
from ssenet.processes.servers import free_port, start_postgres

TESTS = Path(__file__).parents[1]
SLOW = """
import asyncio
from chassis.http.access import public
from chassis.runtime.service import create_service
from chassis.runtime.process import serve
from chassis.settings import ServiceSettings
from chassis.subscriptions.router import Batch, Tx
from fastapi import APIRouter
from ledger import EntryMadeV1, subscriptions
from pydantic_settings import SettingsConfigDict

router = APIRouter()

@router.get("/slow", dependencies=[public()])
async def slow() -> None:
    await asyncio.sleep(60)

async def stuck(entries: Batch[EntryMadeV1], tx: Tx):
    await asyncio.sleep(60)

class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="LEDGER_")

Settings.__module__ = "ledger.settings"
def build(settings):
    return create_service("ledger", settings, subscriptions=subscriptions(stuck), routers=[router])

serve(build, Settings)
"""

DEAF = SLOW.replace(
    "    await asyncio.sleep(60)\n\nasync def stuck",
    "    await asyncio.sleep(60)\n\n"
    "async def never_end():\n"
    "    while True:\n"
    "        try:\n"
    "            await asyncio.sleep(60)\n"
    "        except asyncio.CancelledError:\n"
    "            pass\n\n"
    "async def prepare(service):\n"
    "    service.keep_running('deaf', never_end())\n\n"
    "async def stuck",
).replace("routers=[router])", "routers=[router], prepare=prepare)")


@asynccontextmanager
async def a_process(
    url: str, nats_url: str, seed: str, port: int, *, program: str = SLOW, **more: str
) -> AsyncGenerator[Process]:
    told = {
        "DATABASE_URL": url,
        "NATS_URL": nats_url,
        "NATS_SEED": seed,
        "PORT": str(port),
        "MIGRATE_ON_START": "true",
        **more,
    }
    environment = {
        **os.environ,
        "PYTHONPATH": str(TESTS),
        **{f"LEDGER_{key}": value for key, value in told.items()},
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, env=environment, stdout=PIPE, stderr=STDOUT
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def _ready(port: int) -> bool:
    async with httpx.AsyncClient() as client:
        try:
            return (await client.get(f"http://127.0.0.1:{port}/health/ready")).status_code == 200
        except httpx.TransportError:
            return False


async def _ended(process: Process) -> int:
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(10):
        return await process.wait()


async def test_a_stop_with_a_hanging_request_and_a_hanging_handler_takes_under_ten_seconds(
    databases: Databases, site: NatsSite
) -> None:
    from ledger import make_entries

    from chassis.database.engine import Database

    url, port = await databases.create("ledger"), free_port()
    async with (
        a_process(url, site.url, site.seeds["ledger"], port) as process,
        httpx.AsyncClient() as client,
    ):
        await eventually(lambda: _ready(port), timeout=20)
        database = Database(url, service="ledger")
        await make_entries(database, 1)
        await database.close()
        hanging = asyncio.create_task(client.get(f"http://127.0.0.1:{port}/slow", timeout=60))
        await asyncio.sleep(0.2)

        assert await _ended(process) == 0
        await asyncio.gather(hanging, return_exceptions=True)
    await databases.drop(url)


async def test_a_stop_that_never_comes_to_its_end_is_ended(databases: Databases, site: NatsSite) -> None:
    url, port = await databases.create("ledger"), free_port()
    told = {"program": DEAF, "STOP_TIMEOUT": "PT0.5S"}
    async with a_process(url, site.url, site.seeds["ledger"], port, **told) as process:
        await eventually(lambda: _ready(port), timeout=20)

        assert await _ended(process) == 1
    await databases.drop(url)


async def test_a_service_that_waits_for_its_broker_can_be_stopped(
    databases: Databases, site: NatsSite
) -> None:
    url, port = await databases.create("ledger"), free_port()
    nobody = f"nats://127.0.0.1:{free_port()}"
    async with a_process(url, nobody, site.seeds["ledger"], port) as process:
        await eventually(lambda: _says(process, b"broker error"), timeout=20)
        assert await _ended(process) == 0
    await databases.drop(url)


async def test_a_service_started_before_its_database_waits_for_it(site: NatsSite, tmp_path: Path) -> None:
    database_port, port = free_port(), free_port()
    url = f"postgresql+asyncpg://postgres:secret@127.0.0.1:{database_port}/postgres"
    async with a_process(url, site.url, site.seeds["ledger"], port) as process:
        await eventually(lambda: _says(process, b"waiting to start"), timeout=20)
        server = start_postgres(
            tmp_path / "pg", password="secret", port=database_port, settings={"fsync": "off"}
        )
        try:
            await eventually(lambda: _ready(port), timeout=20)
            assert await _ended(process) == 0
        finally:
            server.stop()


async def test_a_start_whose_database_goes_away_within_it_begins_that_step_again(
    databases: Databases, site: NatsSite
) -> None:
    url = await databases.create("ledger")
    prepared: list[str] = []

    async def prepare(service: Service) -> None:
        prepared.append("begun")
        async with service.database.transaction() as tx:
            if len(prepared) == 1:
                await tx.session.execute(sa.text("SELECT pg_terminate_backend(pg_backend_pid())"))
        prepared.append("done")

    settings = ServiceSettings(
        database_url=SecretStr(url), nats_url=site.url, nats_seed=SecretStr(site.seeds["ledger"]), port=0
    )
    app = create_service("ledger", settings, prepare=prepare)
    async with app.router.lifespan_context(app):
        assert prepared == ["begun", "begun", "done"]
    await databases.drop(url)


FEW_FILES = """
import resource
from chassis.runtime.process import connection_limits

resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
print(connection_limits(1000).connections, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


@pytest.mark.parametrize(
    ("soft", "hard", "held"),
    [(300, 1000, "372 1000"), (300, 10_000, "1000 2256"), (4000, 10_000, "1000 4000")],
    ids=["too few files", "as many as are needed", "more than are needed"],
)
def test_a_process_asks_for_the_files_its_connections_need_and_holds_no_more_than_it_gets(
    soft: int, hard: int, held: str
) -> None:
    told = FEW_FILES.format(soft=soft, hard=hard)
    said = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True).stdout

    assert said.splitlines()[-1] == held


async def _says(process: Process, words: bytes) -> bool:
    assert process.stdout is not None
    line = await process.stdout.readline()
    assert line, "the process ended"
    return words in line
