"""The processes that the supervisor manages: how each is started, and how it tells that it is ready."""

import asyncio
import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import psutil

from ssenet.data_folder.folder import DataFolder
from ssenet.data_folder.log_files import rotate
from ssenet.data_folder.secrets_file import SUPERUSER, Secrets
from ssenet.processes.nursery import Order
from ssenet.processes.ports import LOOPBACK
from ssenet.processes.servers import Nats, Postgres, ServerFailedError, free_port, start_nats, start_postgres
from ssenet.processes.shutdown import clear_database_folder
from ssenet.terminal.errors import CommandError

HELPER_CHECK = 0.02


class ManagedProcess(Protocol):
    """One process of the network. Its port stays the same however often it is started again."""

    name: str
    port: int

    def start(self) -> int:
        """Start it and return its process id; may block. Raises CommandError when it does not start."""
        ...

    async def is_ready(self) -> bool: ...


class PostgresProcess:
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


class NatsProcess:
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


class NurseryProcess:
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
                [sys.executable, "-P", "-m", "ssenet.processes.nursery", str(self._folder.path)],
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


async def _accepts(port: int) -> bool:
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(2):
            _, writer = await asyncio.open_connection(LOOPBACK, port)
        writer.close()
        return True
    return False


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
