"""The one process that starts all others, keeps them running, and stops them in order.

Run as `python -m ssenet.processes.supervisor`. It stays for as long as the network does, so it imports little: whatever
needs a library (databases, streams, links) is done by short-lived helpers.
"""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from ssenet.data_folder.folder import DataFolder
from ssenet.data_folder.lock import ALREADY_RUNNING, AlreadyLockedError, locked
from ssenet.data_folder.log_files import tail
from ssenet.data_folder.secrets_file import ensure_secrets
from ssenet.data_folder.state_file import State, started_at
from ssenet.processes.managed import ManagedProcess, NatsProcess, NurseryProcess, PostgresProcess
from ssenet.processes.ports import public_port
from ssenet.processes.restarts import Keeper
from ssenet.processes.services import ServiceProcess, service_processes
from ssenet.processes.shutdown import DATA_MARK, stop, stop_what_was_left
from ssenet.terminal.errors import CommandError

START_LIMIT = 60.0
FAILED = 1


class Supervisor:
    """Holds one data folder; `run` returns when everything is stopped again."""

    def __init__(self, folder: DataFolder, *, port: int, foreground: bool) -> None:
        pid = os.getpid()
        self.folder = folder
        self.foreground = foreground
        self.began = time.monotonic()
        self.state = State(pid, started_at(pid), f"http://localhost:{port}", port)
        self.keeper = Keeper(folder, self.state, say)

    async def run(self) -> int:
        """Run until told to stop; the exit code is 1 when the network did not become ready."""
        self.keeper.write()
        asked_to_stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, asked_to_stop.set)
        # A Ctrl-C from before this moment was held back, and is heard now.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        work = asyncio.create_task(self._start_and_keep())
        asked = asyncio.create_task(asked_to_stop.wait())
        await asyncio.wait({work, asked}, return_when=asyncio.FIRST_COMPLETED)
        failed = work.done() and not asked_to_stop.is_set()
        if failed:
            self._explain(work.exception())
        else:
            say("Stopping ...")
        work.cancel()
        asked.cancel()
        await asyncio.gather(work, asked, return_exceptions=True)
        await asyncio.to_thread(stop, self.state.processes, say)
        self.folder.state.unlink(missing_ok=True)
        if failed:
            return FAILED
        say("Stopped. Nothing of the network runs any more; its data is kept.")
        return 0

    async def _start_and_keep(self) -> None:
        async with asyncio.timeout(START_LIMIT):
            database, broker, nursery = await self._start_servers()
            services = service_processes(self.folder, self.state.port, database, broker, nursery)
            async with asyncio.TaskGroup() as together:
                for service in services:
                    together.create_task(self._start_service(service))
        self.state.ready = True
        self.keeper.write()
        say(f"Everything is ready after {time.monotonic() - self.began:.1f} s.")
        if self.foreground:
            # A helper of its own, so that what it imports does not stay in memory.
            command = [sys.executable, "-P", "-m", "ssenet.network.welcome", str(self.folder.path)]
            await self._run_beside(command)
        processes: Sequence[ManagedProcess] = [database, broker, nursery, *services]
        async with asyncio.TaskGroup() as together:
            for process in processes:
                together.create_task(self.keeper.keep(process))

    async def _run_beside(self, command: Sequence[str]) -> None:
        """Run a helper to its end. Ctrl-C is for the supervisor alone, which ends the helper when it is to stop."""
        helper = await asyncio.create_subprocess_exec(*command, start_new_session=True)
        try:
            await helper.wait()
        except asyncio.CancelledError:
            with contextlib.suppress(ProcessLookupError):
                helper.kill()
            raise

    async def _start_servers(self) -> tuple[PostgresProcess, NatsProcess, NurseryProcess]:
        """PostgreSQL, and the nursery beside it; then NATS; and in both what the services expect to find."""
        database = PostgresProcess(self.folder, ensure_secrets(self.folder.secrets))
        broker, nursery = NatsProcess(self.folder), NurseryProcess(self.folder)
        async with asyncio.TaskGroup() as together:
            together.create_task(self._start_server(database))
            together.create_task(self._start_server(nursery))
        await self._prepare(nursery)
        await self._start_server(broker)
        await self._prepare(nursery, database.port, broker.port)
        self._tell("databases and streams")
        return database, broker, nursery

    async def _prepare(self, nursery: NurseryProcess, *ports: int) -> None:
        self.folder.prepared.unlink(missing_ok=True)
        arguments = [str(self.folder.path), *(str(port) for port in ports)]
        log = self.folder.log_of("preparation")
        await nursery.run("ssenet.processes.preparation", *arguments, log=log)
        try:
            outcome = json.loads(self.folder.prepared.read_text(encoding="utf-8"))
        except FileNotFoundError:
            self.keeper.failed = "preparation"
            raise CommandError("The preparation of databases and streams failed.") from None
        if "error" in outcome:
            raise CommandError(outcome["error"], hint=outcome["hint"])
        for change in outcome["changed"]:
            if "published again" in change:
                say(f"  {change}")

    async def _start_server(self, server: ManagedProcess) -> None:
        (await self.keeper.start(server)).ready = True
        self._tell(server.name)

    async def _start_service(self, service: ServiceProcess) -> None:
        await self.keeper.start_until_ready(service)
        self._tell(service.name)

    def _tell(self, name: str) -> None:
        say(f"  ready  {name:<22}{time.monotonic() - self.began:5.1f} s", stamped=False)

    def _explain(self, error: BaseException | None) -> None:
        """Say why the start was given up, with the end of the log that should tell more."""
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        waiting = [one.name for one in self.state.processes if not one.ready]
        if isinstance(error, TimeoutError):
            say(f"Not ready within {START_LIMIT:.0f} s: {', '.join(waiting) or 'databases and streams'}.")
        elif isinstance(error, CommandError):
            say(f"{error.what} {error.hint}".strip())
        else:
            say(f"The supervisor failed: {error!r}")
        log = self.folder.log_of(self.keeper.failed or (waiting[0] if waiting else "preparation"))
        if lines := tail(log, 20):
            say("\n    ".join([f"The end of {log}:", *lines]))
        if sys.platform != "linux":
            say(
                "The network was never tried on this system: docs/how-to/run-it.md says what is known to be in its way."
            )


def say(text: str, *, stamped: bool = False) -> None:
    """A line on the terminal, or in `supervisor.log` when detached."""
    time_of_day = f"{datetime.now(UTC).astimezone():%H:%M:%S} " if stamped else ""
    with contextlib.suppress(OSError):  # the terminal may be gone
        print(f"{time_of_day}{text}", flush=True)


def main() -> int:
    """Take the data folder and hold it until the network is stopped."""
    parser = argparse.ArgumentParser(prog="ssenet.processes.supervisor")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--port", type=int)
    parser.add_argument("--foreground", action="store_true")
    given = parser.parse_args()
    folder = DataFolder(given.data)
    try:
        with locked(folder):
            # Whatever we start carries the mark, and so does whatever it starts.
            os.environ[DATA_MARK] = str(folder.path)
            stop_what_was_left(folder, say)
            supervisor = Supervisor(folder, port=public_port(given.port), foreground=given.foreground)
            return asyncio.run(supervisor.run())
    except AlreadyLockedError:
        if given.foreground:
            print("ssenet: The network was just started by another command.", file=sys.stderr)
        return ALREADY_RUNNING
    except CommandError as error:
        print(f"ssenet: {error.what}\n        {error.hint}", file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
