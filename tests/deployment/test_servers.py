"""The server's PostgreSQL and NATS, set up by their real files, with the embedded binaries in place of the images."""

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from deployed import ROOT, Deployment

from chassis.broker.connection import connect
from chassis.broker.provision import provision_site
from chassis.broker.topology import Topology
from ssenet.processes.preparation import prepare_databases
from ssenet.processes.servers import Nats, Postgres, free_port, nats_binary, postgres_binaries, start_postgres

SERVICES = ("registry", "coordination", "notifications", "gateway")


@pytest.fixture(scope="module")
def server(deployment: Deployment, server_folder: Path) -> Iterator[Postgres]:
    password = deployment.environment("postgres")["POSTGRES_PASSWORD"]
    started = start_postgres(server_folder / "deployed", password=password, settings={"fsync": "off"})
    yield started
    started.stop()


def make_databases(server: Postgres, told: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    environment = {"PGPORT": str(server.port), **told, "PGHOST": "127.0.0.1", "PATH": os.environ["PATH"]}
    command = [str(postgres_binaries() / "psql"), "--no-psqlrc", "--quiet"]
    return subprocess.run(
        [*command, f"--file={ROOT / 'deploy' / 'postgres' / 'databases.sql'}"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


async def enter(server: Postgres, database: str, *, user: str, password: str) -> str:
    connection = await asyncpg.connect(server.url(database, user=user, password=password), timeout=5)
    try:
        owner: str = await connection.fetchval(
            "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
        )
        return owner
    finally:
        await connection.close()


async def test_each_service_owns_its_database_and_enters_no_other(
    deployment: Deployment, server: Postgres
) -> None:
    told = deployment.environment("databases")
    for _ in range(2):
        done = make_databases(server, told)
        assert done.returncode == 0, done.stderr

    for service in SERVICES:
        password = told[f"{service.upper()}_PASSWORD"]
        assert password in deployment.environment(service)[f"{service.upper()}_DATABASE_URL"]
        assert await enter(server, service, user=service, password=password) == service
        for other in {*SERVICES, "postgres", "template1"} - {service}:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await enter(server, other, user=service, password=password)


async def test_a_changed_password_holds_from_the_next_start(deployment: Deployment, server: Postgres) -> None:
    told = deployment.environment("databases")
    assert make_databases(server, told | {"REGISTRY_PASSWORD": "it's \\ new"}).returncode == 0

    assert await enter(server, "registry", user="registry", password="it%27s%20%5C%20new")
    assert make_databases(server, told).returncode == 0
    assert await enter(server, "registry", user="registry", password=told["REGISTRY_PASSWORD"])


def test_the_job_fails_when_a_password_is_missing(deployment: Deployment, server: Postgres) -> None:
    told = deployment.environment("databases")
    del told["GATEWAY_PASSWORD"]

    assert make_databases(server, told).returncode != 0


async def test_a_password_that_could_not_be_set_is_not_in_the_log(
    deployment: Deployment, server: Postgres
) -> None:
    told = deployment.environment("databases")
    assert make_databases(server, told).returncode == 0
    refused = make_databases(server, told | {"PGOPTIONS": "-c default_transaction_read_only=on"})
    assert "read-only" in refused.stderr

    passwords = {name: told[f"{name.upper()}_PASSWORD"] for name in SERVICES} | {"postgres": server.password}
    superuser = await asyncpg.connect(server.url())
    await superuser.execute("ALTER DATABASE postgres SET default_transaction_read_only = on")
    try:
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await prepare_databases(server.port, passwords)
    finally:
        await superuser.execute("ALTER DATABASE postgres RESET default_transaction_read_only")
        await superuser.close()

    log = (server.folder / "postgres.log").read_text(encoding="utf-8")
    assert log.count("cannot execute ALTER ROLE in a read-only transaction") == 2
    assert not [name for name, password in passwords.items() if password in log]


@pytest.fixture(scope="module")
def broker_server(deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nats]:
    """nats-server on the deployment's own configuration; only addresses and the store's place differ."""
    folder = tmp_path_factory.mktemp("broker")
    text = (ROOT / "deploy" / "nats" / "nats-server.conf").read_text()
    port, monitoring = free_port(), free_port()
    for there, here in (
        ("0.0.0.0:4222", f"127.0.0.1:{port}"),
        ("127.0.0.1:8222", f"127.0.0.1:{monitoring}"),
        ("/data/jetstream", str(folder / "store")),
    ):
        assert text.count(f'"{there}"') == 1
        text = text.replace(f'"{there}"', f'"{here}"')
    (folder / "nats-server.conf").write_text(text)
    (folder / "users.conf").write_text((deployment.secrets / "nats-users.conf").read_text())
    with (folder / "nats.log").open("wb") as log:
        command = [str(nats_binary()), "--config", str(folder / "nats-server.conf")]
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    started = Nats(process, folder, port)
    yield started
    started.stop()


@pytest.fixture(scope="module")
async def provisioned(deployment: Deployment, broker_server: Nats, topology: Topology) -> Nats:
    seed = deployment.environment("provision")["PROVISIONER_SEED"]
    await provision_site(topology, url=broker_server.url, seed=seed)
    return broker_server


async def test_each_service_gets_in_with_the_seed_it_is_told_and_hears_its_durables(
    deployment: Deployment, provisioned: Nats, topology: Topology
) -> None:
    for service in topology.services:
        seed = deployment.environment(service.service)[f"{service.service.upper()}_NATS_SEED"]
        broker = await connect(provisioned.url, service=service.service, seed=seed)
        for heard in service.hears:
            found = await broker.jetstream.consumer_info("EVENTS", heard.durable)
            assert found.name == heard.durable
        await broker.stop()


async def test_nobody_gets_in_without_a_key(provisioned: Nats) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", provisioned.port)
    try:
        assert (await reader.readline()).startswith(b"INFO ")
        writer.write(b'CONNECT {"verbose": false}\r\nPING\r\n')
        assert b"Authorization Violation" in await reader.readline()
    finally:
        writer.close()
        await writer.wait_closed()
