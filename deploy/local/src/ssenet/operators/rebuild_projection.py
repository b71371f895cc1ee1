"""Projections rebuilt by their services: asked for here, and watched until they have caught up."""

import json
import sys
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ssenet.data_folder.folder import DataFolder
from ssenet.network.client import NOT_FOUND, Network, RefusedError, the_network
from ssenet.operators import handlers
from ssenet.project import SERVICES
from ssenet.terminal.errors import USAGE, CommandError
from ssenet.terminal.escaping import quoted
from ssenet.terminal.times import is_so_long_ago, moment

LOOK_EVERY = 0.3


@dataclass(frozen=True)
class Wanted:
    """Which projection, from when on, and for whom."""

    handler: str
    service: str | None
    from_time: str | None
    by: str
    reason: str

    def of(self) -> str:
        """The service that has the handler, by its name; raises CommandError where there is none such."""
        named = self.service or self.handler.split("-", 1)[0]
        if named not in SERVICES:
            raise CommandError(
                f"There is no service {named!r}.", hint=f"One of: {', '.join(SERVICES)}.", exit_code=USAGE
            )
        return named


def rebuild(folder: DataFolder, wanted: Wanted, *, as_json: bool) -> int:
    """Have it rebuilt and wait for the end; returns 0 when every row was reached, 1 otherwise."""
    service = wanted.of()
    since = moment("--from-time", wanted.from_time).isoformat() if wanted.from_time else None
    network = the_network(folder)
    path = f"{handlers.PATH}/{quote(wanted.handler)}/rebuild"
    body = {"from_time": since, "by": wanted.by, "reason": wanted.reason}
    try:
        told = _under_way(network, service, path, wanted) or network.ask(service, "POST", path, body)
    except RefusedError as error:
        if error.status == NOT_FOUND:
            error.hint = _projections(network, service)
        raise
    told = _watched(network, service, path, told, quiet=as_json)
    unreached = sum(table["unreached"] for table in told["report"].values())
    if as_json:
        print(json.dumps(told, indent=2))
    else:
        _tell(told, since)
    return 1 if unreached and since is None else 0


def _under_way(network: Network, service: str, path: str, wanted: Wanted) -> dict[str, Any] | None:
    """The rebuild that the same words began before, if it is under way: `2d` is another time with every minute."""
    if wanted.from_time is None or not is_so_long_ago(wanted.from_time):
        return None
    try:
        told: dict[str, Any] = network.ask(service, "GET", path)
    except RefusedError as error:
        if error.status == NOT_FOUND:
            return None
        raise
    if told["state"] == "finished" or told["from_time"] is None:
        return None
    print(f"A rebuild from {told['from_time']} is under way; watching that one.", file=sys.stderr)
    return told


def _projections(network: Network, service: str) -> str:
    found: list[dict[str, Any]] = network.ask(service, "GET", handlers.PATH)["handlers"]
    projections = [one["durable"] for one in found if one["projection"]]
    return handlers.listed(f"Projections of {service}:", projections) or f"{service} has no projection."


def _watched(
    network: Network, service: str, path: str, told: dict[str, Any], *, quiet: bool
) -> dict[str, Any]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    rebuild_id, hindered_by = told["id"], None
    with Progress(*columns, console=Console(stderr=True), disable=quiet, transient=True) as bar:
        task = bar.add_task("Events", total=None)
        while told["state"] != "finished":
            time.sleep(LOOK_EVERY)
            try:
                told = network.ask(service, "GET", path)
            except RefusedError:
                raise
            except CommandError:
                # The service starts again; the rebuild goes on with it.
                continue
            if told["id"] != rebuild_id:
                raise CommandError("Another rebuild of this projection has begun meanwhile.")
            if hindered_by != (hindered_by := told["hindered_by"]) and hindered_by:
                bar.console.print(quoted(f"It waits: {hindered_by}"))
            if told["total"]:
                bar.update(task, total=told["total"], completed=told["total"] - told["pending"])
    return told


def _tell(told: dict[str, Any], since: str | None) -> None:
    console = Console(highlight=False)
    for table, report in told["report"].items():
        console.print(
            f"{table}: {report['rows']} rows, {report['rows'] - report['unreached']} written again"
            f" by {told['total']} events."
        )
        if not report["unreached"]:
            continue
        if since:
            console.print(f"{report['unreached']} have not changed since; they are as they were.")
            continue
        console.print(f"{report['unreached']} are as they were: the stream holds none of their events.")
        for key in report["some"]:
            console.print(quoted(f"  {key}"))
        if report["unreached"] > len(report["some"]):
            console.print(f"  … and {report['unreached'] - len(report['some'])} more")
    sys.stdout.flush()
