"""What one installation keeps secret: made on its first start, readable by its owner alone, never shown."""

import json
import os
import secrets
from dataclasses import dataclass, fields
from hashlib import sha256
from pathlib import Path

from ssenet.errors import CommandError
from ssenet.folders import SERVICES

CALLERS = ("gateway", "operator")
"""Who may call the services' internal HTTP API."""
NATS_USERS = (*SERVICES, "provisioner")
SUPERUSER = "postgres"


@dataclass(frozen=True)
class Secrets:
    """Passwords of the database roles, seeds of the broker's users, bearer tokens of the internal callers."""

    database_passwords: dict[str, str]
    nats_seeds: dict[str, str]
    tokens: dict[str, str]

    def callers(self) -> dict[str, str]:
        """What a service is told of a token: its SHA-256, never the token."""
        return {caller: sha256(token.encode()).hexdigest() for caller, token in self.tokens.items()}


def read_secrets(path: Path) -> Secrets:
    """The secrets of an installation that has started before."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return Secrets(**{field.name: dict(stored[field.name]) for field in fields(Secrets)})
    except (ValueError, KeyError, TypeError) as error:
        raise CommandError(
            f"{path} cannot be read as the network's secrets.",
            hint="Restore the file, or move it away: new secrets are then made at the next `up`.",
        ) from error


def secrets_of(path: Path) -> Secrets:
    """The installation's secrets, made or completed where they are missing."""
    known = read_secrets(path) if path.exists() else Secrets({}, {}, {})
    complete = Secrets(
        database_passwords={
            name: known.database_passwords.get(name) or _token() for name in (SUPERUSER, *SERVICES)
        },
        nats_seeds={name: known.nats_seeds.get(name) or _nats_seed() for name in NATS_USERS},
        tokens={name: known.tokens.get(name) or _token() for name in CALLERS},
    )
    if complete != known:
        write_private(path, {field.name: getattr(complete, field.name) for field in fields(Secrets)})
    return complete


def write_private(path: Path, content: object) -> None:
    """Write JSON that only the owner may read; a crash leaves the old file or the new one, never half of one."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def _token() -> str:
    return secrets.token_urlsafe(32)


def _nats_seed() -> str:
    # Loaded where a seed is missing alone: the supervisor, which asks at every start, stays small.
    from chassis.keys import new_seed

    return new_seed()
