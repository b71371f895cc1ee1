"""What one installation keeps secret: made on its first start, readable by its owner alone, never shown."""

import json
import os
import secrets
from dataclasses import dataclass, fields
from hashlib import sha256
from pathlib import Path

from ssenet.data_folder.folder import DataFolder
from ssenet.project import SERVICES
from ssenet.terminal.errors import CommandError

CALLERS = ("gateway", "operator")
"""Who may call the services' internal HTTP API."""
NATS_USERS = (*SERVICES, "provisioner")
SUPERUSER = "postgres"
BOUND_TO_DATABASE = (
    "The database in this folder opens with these secrets alone. Restore the file,\n"
    "or begin anew with an empty data folder: `./ssenet up --data DIR`."
)


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
        way_out = (
            BOUND_TO_DATABASE
            if DataFolder(path.parent).has_database()
            else "Restore the file, or move it away: new secrets are then made at the next `up`."
        )
        raise CommandError(f"{path} cannot be read as the network's secrets.", hint=way_out) from error


def check_secrets(folder: DataFolder) -> None:
    """Raise CommandError where a start could not open the database, before it is tried."""
    if folder.secrets.exists():
        read_secrets(folder.secrets)
    elif folder.has_database():
        raise CommandError(f"{folder.secrets} is missing, and there is a database.", hint=BOUND_TO_DATABASE)


def ensure_secrets(path: Path) -> Secrets:
    """The installation's secrets, made or completed where they are missing; never anew for a database there is."""
    check_secrets(DataFolder(path.parent))
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
    from chassis.broker.nkeys import new_seed

    return new_seed()
