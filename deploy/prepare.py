#!/usr/bin/env python3
"""Makes the secrets of a server deployment, in `deploy/secrets`, which git and the image builds leave out.

`docker compose run --rm --user "$(id -u):$(id -g)" prepare`, or with the project's environment
`.venv/bin/python deploy/prepare.py [FOLDER]`. `secrets.json` is the truth, made once and completed when a service is
new; every other file is written from it, and from `deploy/nats`, at each run. To change a secret, take it out of
`secrets.json`, run this again, then `docker compose up --detach`.
"""

import json
import os
import secrets
import sys
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import cast

from chassis.broker.nkeys import new_seed, public_keys
from chassis.broker.topology import PROVISIONER, Topology, accounts_block

HERE = Path(__file__).resolve().parent
DOOR = "gateway"
"""The one service that calls the others; nothing calls it but an operator's tools and the scraper."""
CALLERS = (DOOR, "operator", "metrics")
SUPERUSER = "postgres"
DATABASE_HOST = "postgres:5432"
PRIVATE = 0o600
# Mounted into containers that run under users of their own; the folder itself lets no other user of the host in.
MOUNTED = 0o444

Secrets = dict[str, dict[str, str]]


def completed(known: Mapping[str, Mapping[str, str]], services: tuple[str, ...]) -> Secrets:
    """Every secret there must be; those that are known stay as they are."""
    wanted = {
        "database_passwords": (SUPERUSER, *services),
        "nats_seeds": (PROVISIONER, *services),
        "tokens": CALLERS,
        "grafana": ("admin",),
    }
    return {
        kind: {name: known.get(kind, {}).get(name) or _made(kind) for name in names}
        for kind, names in wanted.items()
    }


def files(known: Secrets, topology: Topology) -> dict[str, tuple[int, str]]:
    """Each file's mode and content, by name: what one container is told, and no more."""
    passwords, seeds, tokens = known["database_passwords"], known["nats_seeds"], known["tokens"]
    services = [service.service for service in topology.services]
    environments = {
        "postgres.env": {"POSTGRES_PASSWORD": passwords[SUPERUSER]},
        "databases.env": {
            "PGPASSWORD": passwords[SUPERUSER],
            **{f"{service.upper()}_PASSWORD": passwords[service] for service in services},
        },
        "provision.env": {"PROVISIONER_SEED": seeds[PROVISIONER]},
        "grafana.env": {"GF_SECURITY_ADMIN_PASSWORD": known["grafana"]["admin"]},
        **{f"{service}.env": _service_environment(service, known) for service in services},
    }
    return {
        "nats-users.conf": (MOUNTED, accounts_block(topology, public_keys(seeds))),
        "metrics-token": (MOUNTED, tokens["metrics"]),
        "operator-header": (MOUNTED, f"Authorization: Bearer {tokens['operator']}\n"),
        **{name: (PRIVATE, _env_file(values)) for name, values in environments.items()},
    }


def _service_environment(service: str, known: Secrets) -> dict[str, str]:
    password, tokens = known["database_passwords"][service], known["tokens"]
    # A service learns only what a caller's token hashes to, never the token.
    callers = {
        caller: sha256(token.encode()).hexdigest()
        for caller, token in tokens.items()
        if not caller == service == DOOR
    }
    told = {
        "DATABASE_URL": f"postgresql+asyncpg://{service}:{password}@{DATABASE_HOST}/{service}",
        "NATS_SEED": known["nats_seeds"][service],
        "CALLERS": json.dumps(callers),
    }
    if service == DOOR:
        told["SERVICE_TOKEN"] = tokens[DOOR]
    return {f"{service.upper()}_{name}": value for name, value in told.items()}


def prepare(folder: Path, topology: Topology) -> list[str]:
    """Complete the secrets and write what is made from them; returns the names of the files that changed."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    truth = folder / "secrets.json"
    known = cast("Secrets", json.loads(truth.read_text(encoding="utf-8"))) if truth.exists() else {}
    services = tuple(service.service for service in topology.services)
    complete = completed(known, services)
    wanted = {"secrets.json": (PRIVATE, f"{json.dumps(complete, indent=2)}\n"), **files(complete, topology)}
    return [name for name, (mode, content) in wanted.items() if _written(folder / name, mode, content)]


def _written(path: Path, mode: int, content: str) -> bool:
    if path.exists() and path.read_text(encoding="utf-8") == content:
        path.chmod(mode)
        return False
    target = path
    if mode == PRIVATE:
        # A crash leaves the old file or the new one, never half of one.
        target = path.with_name(f"{path.name}.part")
    elif path.exists():
        # In place: a container sees a mounted file change, but not another file put where it was.
        path.chmod(mode | 0o200)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    target.chmod(mode)
    target.replace(path)
    return True


def _env_file(values: Mapping[str, str]) -> str:
    # In single quotes nothing is expanded; no value of ours holds one.
    return "".join(f"{name}='{value}'\n" for name, value in values.items())


def _made(kind: str) -> str:
    return new_seed() if kind == "nats_seeds" else secrets.token_urlsafe(32)


def main() -> None:
    """Prepare the folder given on the command line, else `secrets` beside this file, and say what was written."""
    folder = Path(sys.argv[1]) if sys.argv[1:] else HERE / "secrets"
    changed = prepare(folder, Topology.read(HERE / "nats"))
    sys.stdout.write("".join(f"wrote {name}\n" for name in changed) or "Nothing had to be changed.\n")


if __name__ == "__main__":
    main()
