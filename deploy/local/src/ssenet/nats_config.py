"""The users of the NATS server in its configuration: one NKey per service, nobody anonymous."""

import json
import secrets
from collections.abc import Mapping

import nkeys

from chassis.provisioner import Topology


def new_seed() -> str:
    """A fresh NKey seed for one user."""
    seed: bytes = nkeys.encode_seed(secrets.token_bytes(32), nkeys.PREFIX_BYTE_USER)
    return seed.decode()


def public_key(seed: str) -> str:
    """The public half of an NKey seed; the only half the server is given."""
    return bytes(nkeys.from_seed(bytearray(seed.encode())).public_key).decode()


def nats_users(topology: Topology, seeds: Mapping[str, str]) -> str:
    """The `accounts` block: the services' users with exactly the permissions their descriptions give them."""
    users = topology.users({name: public_key(seed) for name, seed in seeds.items()})
    accounts = {"SSE": {"jetstream": "enabled", "users": users}, "SYS": {"users": []}}
    return f"accounts: {json.dumps(accounts, indent=2)}\nsystem_account: SYS\n"
