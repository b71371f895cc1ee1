"""The parts a running network is made of: how each is started, and how it tells that it is ready."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any, Protocol

from ssenet.credentials import SUPERUSER, Secrets, read_secrets
from ssenet.errors import CommandError
from ssenet.folders import SERVICES, SITE, DataFolder, rotate
from ssenet.ports import LOOPBACK
from ssenet.servers import Nats, Postgres, ServerFailedError, free_port, start_nats, start_postgres
from ssenet.stopping import clear_database_folder

SUCCESS = (b"200", b"204")


class Part(Protocol):
    """One process of the network. Its port stays the same however often it is started again."""

    name: str
    port: int

    def start(self) -> int:
        """Start it and return its process id; may block. Raises CommandError when it does not start."""
        ...

    async def is_ready(self) -> bool: ...


class Database:
    """PostgreSQL, in the data folder."""

    name = "postgres"

    def __init__(self, folder: DataFolder, secrets: Secrets) -> None:
        self.port = free_port()
        self._folder = folder
        self._password = secrets.database_passwords[SUPERUSER]
        self._server: Postgres | None = None

    def start(self) -> int:
        clear_database_folder(self._folder.postgres / "data")
        rotate(log := self._folder.log_of(self.name))
        try:
            self._server = start_postgres(
                self._folder.postgres, password=self._password, port=self.port, log=log
            )
        except (ServerFailedError, OSError) as error:
            raise CommandError(f"PostgreSQL did not start: {_first_line(error)}") from error
        return self._server.process.pid

    async def is_ready(self) -> bool:
        return await _accepts(self.port)

    @property
    def url(self) -> str:
        """The superuser's address."""
        assert self._server is not None, "asked before it was started"
        return self._server.url()


class Broker:
    """nats-server with JetStream, in the data folder."""

    name = "nats"

    def __init__(self, folder: DataFolder, configuration: str) -> None:
        self.port = free_port()
        self.url = f"nats://{LOOPBACK}:{self.port}"
        self._folder = folder
        self._configuration = configuration
        self._server: Nats | None = None

    def start(self) -> int:
        rotate(log := self._folder.log_of(self.name))
        try:
            self._server = start_nats(self._folder.nats, self._configuration, port=self.port, log=log)
        except (ServerFailedError, OSError) as error:
            raise CommandError(f"NATS did not start: {_first_line(error)}") from error
        return self._server.process.pid

    async def is_ready(self) -> bool:
        return await _accepts(self.port)


class ServicePart:
    """One of our services, as a process of its own."""

    def __init__(self, name: str, port: int, folder: DataFolder, environment: Mapping[str, str]) -> None:
        self.name = name
        self.port = port
        self._folder = folder
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> int:
        rotate(log := self._folder.log_of(self.name))
        with log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter
                [sys.executable, "-P", "-m", self.name],
                env={**os.environ, **self._environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self._folder.path,
                # Out of reach of the terminal's Ctrl-C: the supervisor stops everything in order.
                start_new_session=True,
            )
        return self._process.pid

    async def is_ready(self) -> bool:
        """Ask the service's readiness; spoken by hand, since an HTTP library would double the supervisor's size."""
        with contextlib.suppress(OSError, TimeoutError, IndexError):
            async with asyncio.timeout(3):
                reader, writer = await asyncio.open_connection(LOOPBACK, self.port)
                try:
                    writer.write(
                        b"GET /health/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
                    )
                    status = (await reader.readline()).split()[1]
                finally:
                    writer.close()
            return status in SUCCESS
        return False


def service_parts(
    folder: DataFolder, public_port: int, database: Database, broker: Broker
) -> list[ServicePart]:
    """The four services, told of each other and of their servers by their environment alone."""
    secrets = read_secrets(folder.secrets)
    ports = {name: public_port if name == "gateway" else free_port() for name in SERVICES}
    parts: list[ServicePart] = []
    for name, port in ports.items():
        password = secrets.database_passwords[name]
        told = {
            "DATABASE_URL": f"postgresql+asyncpg://{name}:{password}@{LOOPBACK}:{database.port}/{name}",
            "NATS_URL": broker.url,
            "NATS_SEED": secrets.nats_seeds[name],
            "SITE": SITE,
            "HOST": LOOPBACK,
            "PORT": str(port),
            "CALLERS": json.dumps(secrets.callers()),
            "MIGRATE_ON_START": "true",
        }
        if name == "gateway":
            told |= {
                f"{other.upper()}_URL": f"http://{LOOPBACK}:{ports[other]}"
                for other in SERVICES
                if other != name
            }
            told |= {
                "SERVICE_TOKEN": secrets.tokens["gateway"],
                "PUBLIC_URL": f"http://localhost:{public_port}",
            }
        parts.append(
            ServicePart(name, port, folder, {f"{name.upper()}_{key}": value for key, value in told.items()})
        )
    return parts


class Preparation:
    """The helper that makes secrets, databases and streams; it loads its libraries while the servers start."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def begin(cls, folder: DataFolder) -> "Preparation":
        rotate(log := folder.log_of("preparation"))
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "ssenet.preparation", str(folder.path)),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                start_new_session=True,
                limit=2**20,
            )
        return cls(process)

    async def broker_configuration(self) -> str:
        """The broker's users; from then on the secrets are there too."""
        return str((await self._answer())["broker_configuration"])

    async def finish(self, database: Database, broker: Broker) -> None:
        """Have databases and streams made, now that the servers run."""
        assert self._process.stdin is not None
        self._process.stdin.write(
            json.dumps({"postgres_url": database.url, "nats_url": broker.url}).encode() + b"\n"
        )
        await self._answer()
        await self._process.wait()

    def abandon(self) -> None:
        """End the helper, if it still runs."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise CommandError("The preparation of databases and streams failed.")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise CommandError(str(answer["error"]), hint=str(answer["hint"]))
        return answer


async def _accepts(port: int) -> bool:
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(2):
            _, writer = await asyncio.open_connection(LOOPBACK, port)
        writer.close()
        return True
    return False


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
