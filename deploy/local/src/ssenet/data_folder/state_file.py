"""The state file: what runs now, as the supervisor wrote it down."""

import contextlib
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class ProcessState:
    """One process of ours. The time it started tells it from a later process that got the same number."""

    name: str
    pid: int
    started: float
    port: int
    ready: bool = False
    restarts: int = 0


@dataclass
class State:
    """The running network. The supervisor writes it with every change; everyone else only reads."""

    supervisor_pid: int
    supervisor_started: float
    url: str
    port: int
    ready: bool = False
    failed: str = ""
    """The process that did not become ready, when the start was given up."""
    processes: list[ProcessState] = field(default_factory=list[ProcessState])

    def process(self, name: str) -> ProcessState | None:
        return next((one for one in self.processes if one.name == name), None)


def write_state(path: Path, state: State) -> None:
    """Replace the state in one step, so that nobody reads half of it."""
    partial = path.with_name(f"{path.name}.part")
    partial.write_text(json.dumps(asdict(state), indent=2), encoding="utf-8")
    partial.replace(path)


def read_state(path: Path) -> State | None:
    """What was last written; nothing when there is nothing, or nothing that can be understood."""
    try:
        stored: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        processes = [ProcessState(**one) for one in stored.pop("processes")]
        return State(**stored, processes=processes)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def started_at(pid: int) -> float:
    """When a process started; 0.0 when there is none."""
    import psutil

    try:
        return psutil.Process(pid).create_time()
    except psutil.Error:
        return 0.0


def is_alive(pid: int, started: float) -> bool:
    """Tell whether this very process still runs; a dead child of ours is taken off the process table."""
    import psutil

    with contextlib.suppress(ChildProcessError):
        if os.waitpid(pid, os.WNOHANG)[0] == pid:
            return False
    try:
        process = psutil.Process(pid)
        # Two seconds of slack: the system's notion of when it booted shifts as its clock is corrected.
        return abs(process.create_time() - started) < 2 and process.status() != psutil.STATUS_ZOMBIE  # noqa: PLR2004
    except psutil.Error:
        return False
