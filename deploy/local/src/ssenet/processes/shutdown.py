"""Ending processes in order: the services, then the broker, then the database they stand on."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil

from ssenet.data_folder.folder import DataFolder
from ssenet.data_folder.state_file import ProcessState, is_alive, read_state
from ssenet.project import SERVICES

DATA_MARK = "SSENET_DATA"
"""Every process of a network carries its data folder in its environment, under this name."""

SERVICE_PATIENCE = 10.0
BROKER_PATIENCE = 10.0
DATABASE_PATIENCE = 20.0
CHECK_EVERY = 0.05


def stop(processes: Sequence[ProcessState], say: Callable[[str], None] = lambda _text: None) -> None:
    """Stop whatever of these still runs; returns once nothing of it does."""
    named = {name: [one for one in processes if one.name == name] for name in ("nursery", "nats", "postgres")}
    _end([one for one in processes if one.name not in named], signal.SIGTERM, SERVICE_PATIENCE, say)
    # After the services, so that it takes them off the process table.
    _end(named["nursery"], signal.SIGTERM, SERVICE_PATIENCE, say)
    _end(named["nats"], signal.SIGTERM, BROKER_PATIENCE, say)
    # PostgreSQL's fast shutdown: sessions are closed, everything is written down. (SIGTERM would wait for them.)
    _end(named["postgres"], signal.SIGINT, DATABASE_PATIENCE, say)


def stop_what_was_left(folder: DataFolder, say: Callable[[str], None]) -> list[str]:
    """Stop what a killed supervisor left running on this data folder; returns the names. The caller holds the lock."""
    state = read_state(folder.state)
    written_down = state.processes if state else []
    left = [one for one in written_down if is_alive(one.pid, one.started)]
    known = {one.pid for one in left}
    left += [one for one in _marked(folder) if one.pid not in known]
    if left:
        say(f"Stopping what an earlier run left behind: {', '.join(one.name for one in left)}")
        stop(left, say)
    folder.state.unlink(missing_ok=True)
    return [one.name for one in left]


def clear_database_folder(data: Path) -> None:
    """Wait for sessions of a killed PostgreSQL to end; they must not write beside a new one."""
    deadline = time.monotonic() + DATABASE_PATIENCE / 4
    while sessions := [process for process in _named("postgres") if works_in(process.pid, data)]:
        if time.monotonic() > deadline:
            for session in sessions:
                with contextlib.suppress(psutil.Error):
                    session.kill()
        time.sleep(CHECK_EVERY)


def works_in(pid: int, data: Path) -> bool:
    """Tell whether a process runs in this folder, as every process of a PostgreSQL does in its data folder."""
    with contextlib.suppress(psutil.Error, ValueError):
        return Path(psutil.Process(pid).cwd()) == data.resolve()
    return False


def _marked(folder: DataFolder) -> Iterator[ProcessState]:
    kinds = {"nats-server": "nats", "postgres": "postgres"}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid == os.getpid() or process.environ().get(DATA_MARK) != str(folder.path):
                continue
            name = kinds.get(process.name()) or next(
                (word for word in " ".join(process.cmdline()).split() if word in SERVICES), "helper"
            )
            yield ProcessState(name, process.pid, process.create_time(), port=0)


def _named(name: str) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.name() == name:
                yield process


def _end(
    processes: Sequence[ProcessState], by: signal.Signals, patience: float, say: Callable[[str], None]
) -> None:
    for process in processes:
        _signal(process, by)
    deadline = time.monotonic() + patience
    running = list(processes)
    while running := [one for one in running if is_alive(one.pid, one.started)]:
        if time.monotonic() > deadline:
            for process in running:
                say(f"{process.name} did not stop within {patience:.0f} s and was killed")
                # SIGQUIT makes the postmaster take its sessions along; anything else goes at once.
                _signal(process, signal.SIGQUIT if process.name == "postgres" else signal.SIGKILL)
            deadline = time.monotonic() + patience
        time.sleep(CHECK_EVERY)


def _signal(process: ProcessState, number: signal.Signals) -> None:
    if is_alive(process.pid, process.started):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)
