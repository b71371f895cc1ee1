"""The keys by which a NATS server knows its users: seeds, kept secret, and their public halves.

It imports little, so that a process that stays for long may make keys without loading the rest of the chassis.
"""

import secrets
from collections.abc import Mapping

import nkeys


def new_seed() -> str:
    """A fresh NKey seed for one user."""
    return bytes(nkeys.encode_seed(secrets.token_bytes(32), nkeys.PREFIX_BYTE_USER)).decode()


def public_key(seed: str) -> str:
    """The public half of an NKey seed; the only half the server is given."""
    return bytes(nkeys.from_seed(bytearray(seed.encode())).public_key).decode()


def public_keys(seeds: Mapping[str, str]) -> dict[str, str]:
    """The public halves of several users' seeds, by the users' names."""
    return {name: public_key(seed) for name, seed in seeds.items()}
