"""The four services as processes of the supervisor, and what each is told by its environment."""

import asyncio
import contextlib
import json
import os
import re
from collections.abc import Mapping

from ssenet.data_folder.folder import DataFolder
from ssenet.data_folder.log_files import rotate
from ssenet.data_folder.secrets_file import read_secrets
from ssenet.processes.managed import NatsProcess, NurseryProcess, PostgresProcess
from ssenet.processes.ports import LOOPBACK
from ssenet.processes.servers import free_port
from ssenet.project import ROOT, SERVICES, SITE

SUCCESS = (b"200", b"204")
SERVES_BROKER_FIGURES = "registry"
"""On a server the official exporter does; here the least busy service serves them with its own figures."""


class ServiceProcess:
    """One of our services, as a process of its own."""

    def __init__(
        self,
        name: str,
        port: int,
        *,
        folder: DataFolder,
        nursery: NurseryProcess,
        environment: Mapping[str, str],
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


def service_processes(
    folder: DataFolder,
    public_port: int,
    database: PostgresProcess,
    broker: NatsProcess,
    nursery: NurseryProcess,
) -> list[ServiceProcess]:
    """The four services, told of each other and of their servers by their environment alone."""
    secrets = read_secrets(folder.secrets)
    ports = {name: public_port if name == "gateway" else free_port() for name in SERVICES}
    processes: list[ServiceProcess] = []
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
        processes.append(ServiceProcess(name, port, folder=folder, nursery=nursery, environment=environment))
    return processes


def _partitions(service: str) -> str:
    """How the service's durables are split, as `preparation` splits them: as told, else as described.

    Read by eye: a YAML library would be the supervisor's largest part.
    """
    if told := os.environ.get(f"{service.upper()}_PARTITIONS"):
        return told
    described = (ROOT / "deploy" / "nats" / "services" / f"{service}.yaml").read_text(encoding="utf-8")
    found = re.search(r"^partitions: (\d+)$", described, re.MULTILINE)
    return found[1] if found else "1"
