"""Keeping processes running: started, watched, and started again (restarted) when they end."""

import asyncio
import contextlib
import time
from collections.abc import Callable

from ssenet.data_folder.folder import DataFolder
from ssenet.data_folder.state_file import ProcessState, State, is_alive, started_at, write_state
from ssenet.processes.managed import ManagedProcess
from ssenet.terminal.errors import CommandError

STARTING_CHECK = 0.1
DEATH_CHECK = 0.25
HEALTH_CHECK = 5.0
TRIES_TO_BECOME_READY = 3
FIRST_WAIT, LONGEST_WAIT = 0.1, 10.0


class Keeper:
    """Starts processes and writes down what runs, for whoever stops the network to stop all of it."""

    def __init__(self, folder: DataFolder, state: State, say: Callable[..., None]) -> None:
        self.state = state
        self.failed = ""
        """The process that did not start, once one did not."""
        self._folder = folder
        self._say = say
        self._unwritten = False

    async def start(self, managed: ManagedProcess) -> ProcessState:
        """Start a process. Even when cancelled meanwhile, what was started is written down, to be stopped."""
        starting = asyncio.create_task(asyncio.to_thread(managed.start))
        try:
            pid = await asyncio.shield(starting)
        except asyncio.CancelledError:
            with contextlib.suppress(CommandError, OSError):
                self._note(managed, await starting)
            raise
        except CommandError:
            self.failed = self.failed or managed.name
            raise
        except OSError as error:
            self.failed = self.failed or managed.name
            why = error.strerror or type(error).__name__
            raise CommandError(f"{managed.name} could not be started: {why}.") from error
        return self._note(managed, pid)

    async def start_until_ready(self, managed: ManagedProcess) -> None:
        """Start a process, wait until it is ready; raises CommandError when it ends before that, thrice."""
        for _ in range(TRIES_TO_BECOME_READY):
            process = await self.start(managed)
            while is_alive(process.pid, process.started):
                if await managed.is_ready():
                    process.ready = True
                    self.write()
                    return
                await asyncio.sleep(STARTING_CHECK)
        self.failed = self.failed or managed.name
        raise CommandError(
            f"{managed.name} ended before it was ready, {TRIES_TO_BECOME_READY} times in a row."
        )

    async def keep(self, managed: ManagedProcess) -> None:
        """Start the process again whenever it ends; the more often it ends early, the longer the wait before."""
        process = self.state.process(managed.name)
        assert process is not None, "kept before it was started"
        wait = FIRST_WAIT
        while True:
            since = time.monotonic()
            await self._watch(managed, process)
            lasted = time.monotonic() - since
            wait = FIRST_WAIT if lasted > LONGEST_WAIT else min(wait * 2, LONGEST_WAIT)
            process.ready = False
            self._settle()
            self._say(f"{managed.name} ended; starting it again in {wait:.1f} s", stamped=True)
            await asyncio.sleep(wait)
            try:
                await self.start(managed)
            except CommandError as error:
                self._say(error.what, stamped=True)

    async def _watch(self, managed: ManagedProcess, process: ProcessState) -> None:
        """Return when the process has ended; until then, what is written of its readiness is true."""
        next_check = 0.0
        while is_alive(process.pid, process.started):
            if time.monotonic() >= next_check:
                if self._unwritten:
                    self.write()
                was, process.ready = process.ready, await managed.is_ready()
                next_check = time.monotonic() + (HEALTH_CHECK if process.ready else STARTING_CHECK)
                if was != process.ready:
                    self._say(f"{managed.name} is {'ready' if process.ready else 'not ready'}", stamped=True)
                    self._settle()
            await asyncio.sleep(DEATH_CHECK if process.ready else STARTING_CHECK)

    def _note(self, managed: ManagedProcess, pid: int) -> ProcessState:
        process = self.state.process(managed.name)
        if process is None:
            process = ProcessState(managed.name, pid, started_at(pid), managed.port)
            self.state.processes.append(process)
        else:
            process.pid, process.started, process.ready = pid, started_at(pid), False
            process.restarts += 1
        self.write()
        return process

    def _settle(self) -> None:
        self.state.ready = all(one.ready for one in self.state.processes)
        self.write()

    def write(self) -> None:
        """Write the state down for the other commands; where that fails, as on a full disk, it is tried again."""
        try:
            write_state(self._folder.state, self.state)
        except OSError as error:
            # Said once: what runs is worth more than what is written of it.
            if not self._unwritten:
                why = error.strerror or type(error).__name__
                self._say(f"What runs cannot be written down: {why}; going on without", stamped=True)
            self._unwritten = True
        else:
            self._unwritten = False
