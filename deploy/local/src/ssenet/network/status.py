"""`status`: what runs, whether it is ready, what fails in it, and how much memory it takes."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ssenet.data_folder.folder import DataFolder
from ssenet.data_folder.state_file import ProcessState, is_alive, read_state
from ssenet.network.client import NOT_RUNNING, Network, readiness, running
from ssenet.network.hints import in_full
from ssenet.processes.ports import answers
from ssenet.project import SERVICES

PARENTS = {"supervisor", "nursery"}
"""Their children have rows of their own."""
REFILLED = {"stream", "consumers"}
"""Checks that fail where something is missing on the broker."""


def describe(network: Network) -> dict[str, Any]:
    """The status as programs read it; every process is asked now, not looked up."""
    from ssenet.network.memory import resident_mb

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
    from ssenet.terminal.escaping import printable

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
