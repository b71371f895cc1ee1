"""The parts a running network is made of: how each is started, and how it tells that it is ready."""

import asyncio
import contextlib
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import psutil

from ssenet.credentials import SUPERUSER, Secrets, read_secrets
from ssenet.errors import CommandError
from ssenet.folders import ROOT, SERVICES, SITE, DataFolder, rotate
from ssenet.nursery import Order
from ssenet.ports import LOOPBACK
from ssenet.servers import Nats, Postgres, ServerFailedError, free_port, start_nats, start_postgres
from ssenet.stopping import clear_database_folder

SUCCESS = (b"200", b"204")
HELPER_CHECK = 0.02
SERVES_BROKER_FIGURES = "registry"
"""On a server the official exporter does; here the least busy service serves them with its own figures."""


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
                self._folder.postgres,
                password=self._password,
                port=self.port,
                log=log,
                # When a row was committed, and so visible, can be asked: the end of a hop in the benchmarks.
                settings={"track_commit_timestamp": "on"},
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

    def __init__(self, folder: DataFolder) -> None:
        self.port = free_port()
        self.url = f"nats://{LOOPBACK}:{self.port}"
        self._monitor_port = free_port()
        self.monitor_url = f"http://{LOOPBACK}:{self._monitor_port}"
        self._folder = folder
        self._server: Nats | None = None

    def start(self) -> int:
        rotate(log := self._folder.log_of(self.name))
        try:
            users = self._folder.broker_users.read_text(encoding="utf-8")
            self._server = start_nats(
                self._folder.nats, users, port=self.port, monitor_port=self._monitor_port, log=log
            )
        except (ServerFailedError, OSError) as error:
            raise CommandError(f"NATS did not start: {_first_line(error)}") from error
        return self._server.process.pid

    async def is_ready(self) -> bool:
        return await _accepts(self.port)


class Nursery:
    """The process from which the services are forked."""

    name = "nursery"
    port = 0

    def __init__(self, folder: DataFolder) -> None:
        self._folder = folder
        self._process: subprocess.Popen[str] | None = None
        self._one_order = threading.Lock()

    def start(self) -> int:
        rotate(log := self._folder.log_of(self.name))
        with log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter
                # The folder only makes the command line long enough to be renamed.
                [sys.executable, "-P", "-m", "ssenet.nursery", str(self._folder.path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                text=True,
                start_new_session=True,
            )
        if self._exchange("") != "ready":
            raise CommandError("What the services share could not be loaded.")
        return self._process.pid

    async def is_ready(self) -> bool:
        return True

    def fork(self, module: str, *arguments: str, log: Path, environment: Mapping[str, str]) -> int:
        """Have a module run as a process of its own; returns its process id."""
        told = {**os.environ, **environment}
        order = Order(module, list(arguments), told, log=str(log), folder=str(self._folder.path))
        answer = self._exchange(order.line())
        if not answer:
            raise CommandError(f"{module} could not be started: the process it is forked from has ended.")
        return int(answer)

    async def run(self, module: str, *arguments: str, log: Path) -> None:
        """Have a module run, and wait until it has ended; cancelled meanwhile, it is ended."""
        fork = asyncio.to_thread(self.fork, module, *arguments, log=log, environment={})
        forking = asyncio.create_task(fork)
        try:
            process = psutil.Process(await asyncio.shield(forking))
            while process.is_running():  # noqa: ASYNC110 - a process tells nobody but its parent that it ended
                await asyncio.sleep(HELPER_CHECK)
        except psutil.NoSuchProcess:
            return
        except asyncio.CancelledError:
            # Left alone, it might wait for ever for a server that is being stopped, and we for it.
            with contextlib.suppress(CommandError, psutil.Error):
                psutil.Process(await forking).kill()
            raise

    def _exchange(self, line: str) -> str:
        assert self._process is not None, "asked before it was started"
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._one_order:
            try:
                self._process.stdin.write(line)
                self._process.stdin.flush()
            except OSError:
                return ""
            return self._process.stdout.readline().strip()


class ServicePart:
    """One of our services, as a process of its own."""

    def __init__(
        self, name: str, port: int, *, folder: DataFolder, nursery: Nursery, environment: Mapping[str, str]
    ) -> None:
        self.name = name
        self.port = port
        self._folder = folder
        self._nursery = nursery
        self._environment = environment

    def start(self) -> int:
        rotate(log := self._folder.log_of(self.name))
        return self._nursery.fork(self.name, log=log, environment=self._environment)

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
    folder: DataFolder, public_port: int, database: Database, broker: Broker, nursery: Nursery
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
            "PARTITIONS": _partitions(name),
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
        if name == SERVES_BROKER_FIGURES:
            told["NATS_MONITOR_URL"] = broker.monitor_url
        environment = {f"{name.upper()}_{key}": value for key, value in told.items()}
        parts.append(ServicePart(name, port, folder=folder, nursery=nursery, environment=environment))
    return parts


def _partitions(service: str) -> str:
    """How the service's durables are split, as `preparation` splits them: as told, else as described.

    Read by eye: a YAML library would be the supervisor's largest part.
    """
    if told := os.environ.get(f"{service.upper()}_PARTITIONS"):
        return told
    described = (ROOT / "deploy" / "nats" / "services" / f"{service}.yaml").read_text(encoding="utf-8")
    found = re.search(r"^partitions: (\d+)$", described, re.MULTILINE)
    return found[1] if found else "1"


async def _accepts(port: int) -> bool:
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(2):
            _, writer = await asyncio.open_connection(LOOPBACK, port)
        writer.close()
        return True
    return False


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
