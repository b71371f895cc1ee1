"""What the services expect to find: the broker's users, a database and a role for each of them, the streams.

A short-lived process of the supervisor's: `python -m ssenet.processes.preparation DIR` writes the broker's users, and
with the ports of PostgreSQL and NATS behind it makes the rest in the running servers. Done again, it changes nothing.
"""

import asyncio
import json
import os
import sys
from pathlib import Path

import asyncpg
from nats.js.errors import NotFoundError

from chassis.broker.connection import connect
from chassis.broker.nkeys import public_keys
from chassis.broker.provision import TopologyError, provision_site
from chassis.broker.stream_identity import KNOWN, ObservedStream, RecordedStream, what_is_lost
from chassis.broker.topology import PROVISIONER, ServiceDescription, Topology, accounts_block
from chassis.outbox.republish import AGAIN, FORGET
from chassis.partitions import COUNTS
from contracts.gate import BrokenContractError, verify
from ssenet.data_folder.folder import DataFolder
from ssenet.data_folder.secrets_file import SUPERUSER, read_secrets
from ssenet.processes.servers import HOST
from ssenet.project import ROOT, SERVICES
from ssenet.terminal.errors import CommandError

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


async def republish(port: int, passwords: dict[str, str], stream: str, seen: ObservedStream | None) -> int:
    """Have every service that published to another stream than the one there is publish again what it keeps.

    Returns the number of events. Done again, before a service runs, it changes nothing.
    """
    events = 0
    for service in SERVICES:
        password = passwords[SUPERUSER]
        connection = await asyncpg.connect(
            host=HOST, port=port, user=SUPERUSER, password=password, database=service, timeout=10
        )
        try:
            async with connection.transaction():
                events += await _publish_again(connection, stream, seen)
        finally:
            await connection.close()
    return events


async def _publish_again(connection: asyncpg.Connection, stream: str, seen: ObservedStream | None) -> int:
    """Do it in one database. It has no outbox before its service ran, and until it is migrated, other marks."""
    if not await connection.fetchval("SELECT to_regclass('outbox')"):
        return 0
    if not await connection.fetchval("SELECT to_regclass('outbox_marks')"):
        return await _publish_again_before_migration(connection, stream, seen)
    known = RecordedStream(*(await connection.fetch(KNOWN, stream))[0])
    if seen is not None and not what_is_lost(known, seen):
        return 0
    await connection.execute(FORGET)
    # "DELETE n"
    return int((await connection.execute(AGAIN)).split()[-1])


async def _publish_again_before_migration(
    connection: asyncpg.Connection, stream: str, seen: ObservedStream | None
) -> int:
    """The same where the outbox carries the marks itself. How far the stream was the service asks, once migrated."""
    known = RecordedStream()
    if await connection.fetchval("SELECT to_regclass('known_streams')"):
        made_at = await connection.fetchval("SELECT made_at FROM known_streams WHERE name = $1", stream)
        known = RecordedStream(made_at)
    if seen is not None and not what_is_lost(known, seen):
        return 0
    if known.made_at is not None:
        await connection.execute(FORGET)
    again = "UPDATE outbox SET published_at = NULL, stream_sequence = NULL WHERE published_at IS NOT NULL"
    return int((await connection.execute(again)).split()[-1])


async def look_at_stream(stream: str, *, url: str, seed: str) -> ObservedStream | None:
    """Look which stream of this name there is; None where there is none."""
    broker = await connect(url, service=PROVISIONER, seed=seed)
    try:
        return await broker.look_at(stream)
    except NotFoundError:
        return None
    finally:
        await broker.stop()


async def prepare(folder: DataFolder, postgres_port: int, nats_port: int) -> list[str]:
    """Make databases, roles, streams and durables; returns what was changed, in words.

    Where the stream of events is not there, or not the one that was published to, the broker is new, or lost its
    store: then the services, which do not run yet, will publish again whatever they have kept. That is settled in the
    databases before a stream is made, so that a start which is cut short in between leaves it to the next one.
    """
    secrets = read_secrets(folder.secrets)
    passwords = secrets.database_passwords
    await prepare_databases(postgres_port, passwords)
    url, seed = f"nats://{HOST}:{nats_port}", secrets.nats_seeds[PROVISIONER]
    topology = described()
    seen = await look_at_stream(topology.heard_stream, url=url, seed=seed)
    events = await republish(postgres_port, passwords, topology.heard_stream, seen)
    try:
        changed = await provision_site(topology, url=url, seed=seed)
    except TopologyError as error:
        raise CommandError(
            f"The streams cannot be made as described: {error}.",
            hint="Begin anew in another folder with --data DIR, or undo the change in deploy/nats.",
        ) from error
    if events:
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
