"""What the services expect to find: the broker's users, a database and a role for each of them, the streams.

A short-lived process of the supervisor's: `python -m ssenet.preparation DIR` writes the broker's users, and with the
ports of PostgreSQL and NATS behind it makes the rest in the running servers. Done again, it changes nothing.
"""

import asyncio
import json
import os
import sys
from pathlib import Path

import asyncpg

from chassis.keys import public_keys
from chassis.partitions import COUNTS
from chassis.provisioner import PROVISIONER, ServiceDescription, Topology, TopologyError
from chassis.provisioning import accounts_block, provision_site
from chassis.refilling import AGAIN
from contracts.gate import BrokenContractError, verify
from ssenet.credentials import SUPERUSER, read_secrets
from ssenet.errors import CommandError
from ssenet.folders import ROOT, SERVICES, DataFolder
from ssenet.servers import HOST

DESCRIPTION = ROOT / "deploy" / "nats"


def described() -> Topology:
    """What `deploy/nats` describes, split into as many parts as `<SERVICE>_PARTITIONS` says, where it is set.

    Raises CommandError where that is a number that no durable can be split into.
    """
    topology = Topology.read(DESCRIPTION)
    services = [_split(one, f"{one.service.upper()}_PARTITIONS") for one in topology.services]
    return topology.model_copy(update={"services": tuple(services)})


def _split(service: ServiceDescription, setting: str) -> ServiceDescription:
    told = os.environ.get(setting)
    if not told:
        return service
    if told not in map(str, COUNTS):
        raise CommandError(f"{setting} is {told!r}; it can be {', '.join(map(str, COUNTS))}.")
    return service.model_copy(update={"partitions": int(told)})


async def prepare_databases(port: int, passwords: dict[str, str]) -> None:
    """Give every service a database that its own role alone, besides the superuser, may enter."""
    try:
        connection = await asyncpg.connect(
            host=HOST,
            port=port,
            user=SUPERUSER,
            password=passwords[SUPERUSER],
            database="postgres",
            timeout=10,
            # A statement that fails is logged as it was written, and these hold passwords.
            server_settings={"log_min_error_statement": "panic", "log_statement": "none"},
        )
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


def write_broker_users(folder: DataFolder) -> list[str]:
    """Write the broker's users, with the permissions that `deploy/nats` gives them."""
    seeds = read_secrets(folder.secrets).nats_seeds
    users = accounts_block(described(), public_keys(seeds))
    partial = folder.broker_users.with_suffix(".part")
    partial.touch(mode=0o600)
    partial.write_text(users, encoding="utf-8")
    partial.replace(folder.broker_users)
    return []


async def publish_again(port: int, passwords: dict[str, str]) -> int:
    """Have every service publish again what it keeps, to streams that are new; returns the number of events."""
    events = 0
    for service in SERVICES:
        password = passwords[SUPERUSER]
        connection = await asyncpg.connect(
            host=HOST, port=port, user=SUPERUSER, password=password, database=service, timeout=10
        )
        try:
            if await connection.fetchval("SELECT to_regclass('outbox') IS NOT NULL"):
                # "UPDATE n"
                events += int((await connection.execute(AGAIN)).split()[-1])
        finally:
            await connection.close()
    return events


async def prepare(folder: DataFolder, postgres_port: int, nats_port: int) -> list[str]:
    """Make databases, roles, streams and durables; returns what was changed, in words.

    Where the stream of events had to be made, the broker is new, or lost its store: then the services, which do not
    run yet, will publish again whatever they have kept.
    """
    secrets = read_secrets(folder.secrets)
    await prepare_databases(postgres_port, secrets.database_passwords)
    try:
        seed = secrets.nats_seeds[PROVISIONER]
        topology = described()
        changed = await provision_site(topology, url=f"nats://{HOST}:{nats_port}", seed=seed)
    except TopologyError as error:
        raise CommandError(
            f"The streams cannot be made as described: {error}.",
            hint="Begin anew in another folder with --data DIR, or undo the change in deploy/nats.",
        ) from error
    if f"stream {topology.heard_stream} made" in changed and (
        events := await publish_again(postgres_port, secrets.database_passwords)
    ):
        changed.append(f"the broker had lost its store: {events} events are published again")
    return changed


def _look_at_the_contracts() -> None:
    """Every service would refuse to start with them: said here, once, it is said before anybody waits."""
    try:
        verify()
    except BrokenContractError as error:
        raise CommandError("The contracts break what was published.", hint=f"\n{error}") from error


def main(folder: DataFolder, ports: list[int]) -> None:
    """Do one of the two, and leave what came of it in `prepared.json`."""
    try:
        _look_at_the_contracts()
        changed = asyncio.run(prepare(folder, *ports)) if ports else write_broker_users(folder)
        outcome: dict[str, object] = {"changed": changed}
    except CommandError as error:
        outcome = {"error": error.what, "hint": error.hint}
    folder.prepared.write_text(json.dumps(outcome), encoding="utf-8")


if __name__ == "__main__":
    main(DataFolder(Path(sys.argv[1])), [int(port) for port in sys.argv[2:]])
