"""What the services expect to find: the broker's users, a database and a role for each of them, the streams.

A helper process of the supervisor (`python -m ssenet.preparation DIR`): it loads the libraries while the servers
start, does its work and ends, so that they do not stay in memory. It tells the broker's users first, then waits
for one line of JSON with the addresses of the running servers. Done again, it changes nothing.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import asyncpg

from chassis.broker import Broker
from chassis.provisioner import PROVISIONER, Topology, TopologyError, provision
from ssenet.credentials import Secrets, read_secrets
from ssenet.errors import CommandError
from ssenet.folders import ROOT, SERVICES, DataFolder
from ssenet.nats_config import nats_users


async def prepare_databases(superuser_url: str, passwords: dict[str, str]) -> None:
    """Give every service a database that its own role alone, besides the superuser, may enter."""
    try:
        connection = await asyncpg.connect(superuser_url, timeout=10)
    except asyncpg.InvalidAuthorizationSpecificationError as error:
        raise CommandError(
            "The database was made with other secrets than the ones in secrets.json.",
            hint="Restore that file, or begin anew in another folder with --data DIR.",
        ) from error
    try:
        roles = {row["rolname"] for row in await connection.fetch("SELECT rolname FROM pg_roles")}
        databases = {row["datname"] for row in await connection.fetch("SELECT datname FROM pg_database")}
        for service in SERVICES:
            # Utility statements take no parameters: the names are ours, PostgreSQL quotes the password.
            password = await connection.fetchval("SELECT quote_literal($1::text)", passwords[service])
            verb = "ALTER" if service in roles else "CREATE"
            await connection.execute(f"{verb} ROLE {service} LOGIN CONNECTION LIMIT 40 PASSWORD {password}")
            if service not in databases:
                await connection.execute(f"CREATE DATABASE {service} OWNER {service}")
            # By default everybody may enter every database.
            await connection.execute(f"REVOKE ALL ON DATABASE {service} FROM PUBLIC")
        await connection.execute("REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC")
    finally:
        await connection.close()


async def prepare_streams(url: str, secrets: Secrets, topology: Topology) -> list[str]:
    """Make streams and durables as `deploy/nats` describes them; returns what was changed."""
    broker = await Broker.connect(url, service=PROVISIONER, seed=secrets.nats_seeds[PROVISIONER])
    try:
        return await provision(broker.jetstream, topology)
    finally:
        await broker.close()


async def prepare(folder: DataFolder) -> None:
    """Both stages, with what the supervisor needs to know on the standard output."""
    secrets = read_secrets(folder.secrets)
    topology = Topology.read(ROOT / "deploy" / "nats")
    _answer({"broker_configuration": nats_users(topology, secrets.nats_seeds)})
    servers: dict[str, str] = json.loads(await asyncio.to_thread(sys.stdin.readline))
    try:
        async with asyncio.TaskGroup() as together:
            together.create_task(prepare_databases(servers["postgres_url"], secrets.database_passwords))
            streams = together.create_task(prepare_streams(servers["nats_url"], secrets, topology))
    except* CommandError as errors:
        raise errors.exceptions[0] from None
    except* TopologyError as errors:
        raise CommandError(
            f"The streams cannot be made as described: {errors.exceptions[0]}.",
            hint="Begin anew in another folder with --data DIR, or undo the change in deploy/nats.",
        ) from None
    _answer({"changed": streams.result()})


def _answer(content: dict[str, Any]) -> None:
    print(json.dumps(content), file=sys.__stdout__, flush=True)


if __name__ == "__main__":
    # The standard output carries the answers; what the libraries have to say goes to the log.
    sys.stdout = sys.stderr
    try:
        asyncio.run(prepare(DataFolder(Path(sys.argv[1]))))
    except CommandError as error:
        _answer({"error": error.what, "hint": error.hint})
        sys.exit(error.exit_code)
