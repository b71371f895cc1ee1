"""`status` and `logs`: what runs, and what it says."""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ssenet.errors import CommandError
from ssenet.folders import SERVICES, DataFolder, tail
from ssenet.network import NOT_RUNNING, Network, readiness, running
from ssenet.ports import answers
from ssenet.state import ProcessState, is_alive, read_state
from ssenet.telling import in_full

PROCESSES = ("supervisor", "postgres", "nats", "nursery", *SERVICES)
CHECK_EVERY = 0.2
PARENTS = {"supervisor", "nursery"}
"""Their children have rows of their own."""
REFILLED = {"stream", "consumers"}
"""Checks that fail where something is missing on the broker."""


def describe(network: Network) -> dict[str, Any]:
    """The status as programs read it; every process is asked now, not looked up."""
    from ssenet.memory import resident_mb

    state = network.state
    supervisor = ProcessState("supervisor", state.supervisor_pid, state.supervisor_started, port=0)
    listed = [*state.processes, supervisor]
    with ThreadPoolExecutor(max_workers=len(listed)) as pool:
        looks = list(pool.map(_look_at, listed))
    processes = [
        {
            "name": one.name,
            "pid": one.pid,
            "ready": ready,
            "failing": failing,
            "rss_mb": resident_mb(one.pid, with_children=one.name not in PARENTS),
        }
        for one, (ready, failing) in zip(listed, looks, strict=True)
    ]
    complete = {one.name for one in state.processes} >= {"postgres", "nats", *SERVICES}
    return {"ready": complete and all(ready for ready, _ in looks), "url": state.url, "processes": processes}


def show_status(folder: DataFolder, *, as_json: bool) -> int:
    """Print the status; the exit code is 0 when everything is ready, 1 otherwise."""
    network = running(folder)
    left = [] if network else _left_behind(folder)
    if as_json:
        status = describe(network) if network else {"ready": False, "url": "", "processes": []}
        if left:
            status["left_behind"] = [{"name": one.name, "pid": one.pid} for one in left]
        print(json.dumps(status, indent=2))
        return 0 if status["ready"] else NOT_RUNNING
    if network is None:
        if left:
            print("The network is not running; its supervisor was killed, and left these processes behind:")
            print("\n".join(f"  {one.name} (process {one.pid})" for one in left))
            print(
                f"End them with {in_full(folder, 'down')}; {in_full(folder, 'up')} does so too, and starts again."
            )
        else:
            print(f"The network is not running. Start it with {in_full(folder, 'up')}.")
        return NOT_RUNNING
    status = describe(network)
    _print_table(status, {one.name: one.restarts for one in network.state.processes})
    if not status["ready"]:
        _tell_what_fails(folder, status)
    return 0 if status["ready"] else NOT_RUNNING


def _tell_what_fails(folder: DataFolder, status: dict[str, Any]) -> None:
    from ssenet.quoting import printable

    for one in status["processes"]:
        for check, detail in one["failing"].items():
            print(printable(f"{one['name']}: {check}: {detail}"))
    # Where the broker is away, nothing can be told of what it holds.
    found = (set(one["failing"]) for one in status["processes"] if "broker" not in one["failing"])
    if any(REFILLED & failing for failing in found):
        refill = in_full(folder, "events refill")
        print(
            f"{refill} makes the stream or durable that is missing, and publishes again what was lost with it."
        )


def _left_behind(folder: DataFolder) -> list[ProcessState]:
    state = read_state(folder.state)
    return [one for one in state.processes if is_alive(one.pid, one.started)] if state else []


def _print_table(status: dict[str, Any], restarts: dict[str, int]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    console.print(f"{'[green]Ready[/]' if status['ready'] else '[yellow]Not ready[/]'}: {status['url']}")
    table = Table("Process", "Pid", "", "Memory", "Started again", box=None, pad_edge=False)
    for one in status["processes"]:
        again = restarts.get(one["name"], 0)
        condition = "[green]ready[/]" if one["ready"] else "[red]not ready[/]"
        table.add_row(
            one["name"], str(one["pid"]), condition, f"{one['rss_mb']:.0f} MB", str(again) if again else ""
        )
    console.print(table)
    console.print(f"Memory in all: {sum(one['rss_mb'] for one in status['processes']):.0f} MB")


def _look_at(process: ProcessState) -> tuple[bool, dict[str, str]]:
    """Whether it is ready, and which of its checks fail."""
    if not is_alive(process.pid, process.started):
        return False, {}
    if process.name in SERVICES:
        return readiness(process.port)
    return process.port == 0 or answers(process.port), {}


def show_logs(folder: DataFolder, process: str | None, *, lines: int, follow: bool) -> None:
    """Print the end of one log, or of all; `follow` goes on until Ctrl-C."""
    if process is not None and process not in PROCESSES:
        raise CommandError(
            f"There is no process {process!r}.", hint=f"One of: {', '.join(PROCESSES)}.", exit_code=2
        )
    names = [process] if process else [name for name in PROCESSES if folder.log_of(name).exists()]
    logs = {name: folder.log_of(name) for name in names}
    if not any(log.exists() for log in logs.values()):
        raise CommandError(
            f"There is no log in {folder.logs} yet.", hint=f"Start the network with {in_full(folder, 'up')}."
        )
    for name, log in logs.items():
        for line in tail(log, lines):
            _print_line(name, line, alone=process is not None)
    if follow:
        try:
            _follow(logs, alone=process is not None)
        except KeyboardInterrupt:
            return


def _follow(logs: dict[str, Path], *, alone: bool) -> None:
    shown = {name: _size(log) for name, log in logs.items()}
    while True:
        for name, log in logs.items():
            size = _size(log)
            if size < shown[name]:
                shown[name] = 0  # the process started again, with an empty log
            if size > shown[name]:
                with log.open("rb") as file:
                    file.seek(shown[name])
                    new = file.read()
                whole = new[: new.rfind(b"\n") + 1]
                shown[name] += len(whole)
                for line in whole.decode("utf-8", "replace").splitlines():
                    _print_line(name, line, alone=alone)
        time.sleep(CHECK_EVERY)


def _size(log: Path) -> int:
    return log.stat().st_size if log.exists() else 0


def _print_line(name: str, line: str, *, alone: bool) -> None:
    sys.stdout.write(f"{line}\n" if alone else f"{name:<13} | {line}\n")
    sys.stdout.flush()
