"""Letters that are applied after all: tried first, then done, with a bar to watch."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from ssenet.deadletters import PATH, Filter, by_service
from ssenet.discarding import confirmed
from ssenet.folders import DataFolder
from ssenet.network import Network, the_network

PAGE = 500
SHOWN = 20
"""Failures that are told one by one."""


@dataclass(frozen=True)
class Replay:
    """What to replay, who wants it, and how fast."""

    ids: list[str]
    chosen: Filter
    by: str
    reason: str
    rate: float

    def page(self) -> int:
        """Letters in one request: no more than a few seconds' worth."""
        return max(1, min(PAGE, int(self.rate * 2)))


def replay_them(folder: DataFolder, wanted: Replay, *, dry_run: bool, yes: bool, as_json: bool) -> int:
    """Try, ask, do; returns 0 when nothing failed, 1 otherwise."""
    network = the_network(folder)
    work = _Work(network, wanted, quiet=as_json)
    if not work.total:
        print(
            json.dumps(_as_json([], dry_run=dry_run)) if as_json else "There is no such dead letter waiting."
        )
        return 0
    if dry_run or (not yes and len(wanted.ids) != 1):
        results = work.run(dry_run=True)
        if dry_run:
            return _tell(results, dry_run=True, as_json=as_json)
        _tell(results, dry_run=True, as_json=False)
        confirmed(f"Replay {work.total} letters?", yes=False)
    return _tell(work.run(dry_run=False), dry_run=False, as_json=as_json)


class _Work:
    def __init__(self, network: Network, wanted: Replay, *, quiet: bool) -> None:
        self._network = network
        self._wanted = wanted
        self._quiet = quiet
        # What dies from now on is not meant, or a letter that fails anew could be met for ever.
        self._chosen = wanted.chosen.as_of(datetime.now(UTC))
        self._ids = by_service(network, wanted.ids)
        self.total = sum(map(len, self._ids.values())) if self._ids else self._matching()

    def _matching(self) -> int:
        query = urlencode({**self._chosen.conditions, "limit": 1})
        asked = (self._network.ask(one, "GET", f"{PATH}?{query}") for one in self._chosen.services)
        return sum(answer["matching"] for answer in asked)

    def run(self, *, dry_run: bool) -> list[dict[str, Any]]:
        """Replay, or try to; returns each letter's result."""
        results: list[dict[str, Any]] = []
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), disable=self._quiet, transient=True) as bar:
            task = bar.add_task("Trying" if dry_run else "Replaying", total=self.total)
            for service, body in self._requests(dry_run=dry_run):
                for answer in self._pages(service, body):
                    results += [{"service": service, **one} for one in answer["results"]]
                    bar.update(task, completed=len(results))
        return results

    def _requests(self, *, dry_run: bool) -> Iterator[tuple[str, dict[str, Any]]]:
        told = {
            "by": self._wanted.by,
            "reason": self._wanted.reason,
            "rate": self._wanted.rate,
            "limit": self._wanted.page(),
            "dry_run": dry_run,
        }
        if not self._ids:
            for service in self._chosen.services:
                yield service, {**told, "filter": self._chosen.conditions}
        for service, letters in self._ids.items():
            for first in range(0, len(letters), self._wanted.page()):
                yield service, {**told, "ids": letters[first : first + self._wanted.page()]}

    def _pages(self, service: str, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
        after: str | None = None
        while True:
            answer = self._network.ask(service, "POST", f"{PATH}/replay", {**body, "after": after})
            yield answer
            after = answer["next"]
            if after is None:
                return


def _as_json(results: list[dict[str, Any]], *, dry_run: bool) -> dict[str, Any]:
    outcomes = Counter(one["outcome"] for one in results)
    return {"dry_run": dry_run, "outcomes": dict(outcomes), "results": results}


_WOULD = {
    "applied": "would be applied",
    "already_applied": "were applied by another way, and would end",
    "failed": "would fail again",
    "not_waiting": "have ended already",
    "unknown": "are unknown",
    "no_handler": "have no handler any more",
}
_DID = _WOULD | {
    "applied": "applied",
    "already_applied": "applied by another way before",
    "failed": "failed again",
}


def _tell(results: list[dict[str, Any]], *, dry_run: bool, as_json: bool) -> int:
    failed = [one for one in results if one["outcome"] in {"failed", "no_handler", "unknown"}]
    if as_json:
        print(json.dumps(_as_json(results, dry_run=dry_run), indent=2))
        return 1 if failed else 0
    table = Table("Handler", "Letters", "", "Events announced", box=None, pad_edge=False)
    counted = Counter((one["durable"] or "", one["outcome"]) for one in results)
    for (durable, outcome), count in sorted(counted.items()):
        group = (one for one in results if (one["durable"] or "", one["outcome"]) == (durable, outcome))
        announced = sum(one["announced"] or 0 for one in group)
        said = (_WOULD if dry_run else _DID)[outcome]
        table.add_row(durable, str(count), said, str(announced) if announced else "")
    console = Console(highlight=False)
    console.print(table)
    for one in failed[:SHOWN]:
        console.print(f"  {one['letter_id']}  {one['detail'] or one['outcome']}", markup=False)
    if len(failed) > SHOWN:
        console.print(f"  … and {len(failed) - SHOWN} more; `deadletters list` shows them.")
    return 1 if failed else 0
