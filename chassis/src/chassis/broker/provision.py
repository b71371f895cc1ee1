"""The provisioner as a job of its own, for deployments that the `ssenet` command does not run.

`python -m chassis.broker.provision FOLDER` makes streams and durables as the folder describes them; it reads `NATS_URL`
and `PROVISIONER_SEED`. `python -m chassis.broker.provision users FOLDER NAME=PUBLIC_KEY...` prints the server's users.
"""

import asyncio
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from chassis.broker.connection import Broker
from chassis.broker.topology import PROVISIONER, Topology, TopologyError, provision
from contracts.event import SUBJECTS

USAGE = "usage: python -m chassis.broker.provision FOLDER | users FOLDER NAME=PUBLIC_KEY..."


def accounts_block(topology: Topology, public_keys: Mapping[str, str]) -> str:
    """The server's `accounts`: each service with exactly the permissions of its description, nobody anonymous."""
    accounts = {
        SUBJECTS.upper(): {"jetstream": "enabled", "users": topology.users(public_keys)},
        "SYS": {"users": list[object]()},
    }
    return f"accounts: {json.dumps(accounts, indent=2)}\nsystem_account: SYS\n"


async def provision_site(topology: Topology, *, url: str, seed: str) -> list[str]:
    """Bring one site's server to its description; returns what was changed. Done again, it changes nothing."""
    broker = await Broker.connect(url, service=PROVISIONER, seed=seed)
    try:
        return await provision(broker.jetstream, topology)
    finally:
        await broker.close()


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Do what the command line asks for; the exit code says whether the server is as described."""
    match arguments:
        case ["users", folder, *keys] if all("=" in key for key in keys):
            given = dict(key.split("=", 1) for key in keys)
            sys.stdout.write(accounts_block(Topology.read(Path(folder)), given))
        case [folder] if folder != "users":
            topology = Topology.read(Path(folder))
            work = provision_site(topology, url=environment["NATS_URL"], seed=environment["PROVISIONER_SEED"])
            try:
                changed = asyncio.run(work)
            except TopologyError as error:
                sys.stderr.write(f"{error}\n")
                return 1
            sys.stdout.write("\n".join([*changed, "Streams and durables are as described.", ""]))
        case _:
            sys.stderr.write(f"{USAGE}\n")
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
