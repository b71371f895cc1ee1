"""Letters that are applied after all: tried first, then done, with a bar to watch."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from ssenet.data_folder.folder import DataFolder
from ssenet.network.client import Network, the_network
from ssenet.operators.ask_services import Round, tell_silent
from ssenet.operators.find_letters import PATH, Filter, by_service, not_found, refuse_unknown_handler
from ssenet.terminal.escaping import quoted
from ssenet.terminal.prompts import confirmed, must_be_answered

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


def replay_them(folder: DataFolder, wanted: Replay, *, dry_run: bool, yes: bool, as_json: bool) -> int:
    """Try, ask, do; returns 0 when nothing failed, 1 otherwise."""
    network = the_network(folder)
    work = _Work(network, wanted, quiet=as_json)
    if not work.total and work.silent:
        raise not_found(folder, "such dead letter", work.silent)
    if not work.total:
        refuse_unknown_handler(Round(network), wanted.chosen)
    if not work.total and not as_json:
        print("There is no such dead letter waiting.")
        return 0
    if work.total and not dry_run and not yes and len(wanted.ids) != 1:
        must_be_answered()
        # What is not the answer itself must not get into what a program reads.
        _show(work.run(dry_run=True), dry_run=True, console=Console(highlight=False, stderr=as_json))
        tell_silent(work.silent)
        confirmed(f"Replay {work.total} letters?")
    results = work.run(dry_run=dry_run) if work.total else []
    if as_json:
        print(json.dumps(_as_json(results, work.silent, dry_run=dry_run), indent=2))
    else:
        _show(results, dry_run=dry_run, console=Console(highlight=False))
    tell_silent(work.silent)
    return 1 if _failed(results) or work.silent else 0


class _Work:
    def __init__(self, network: Network, wanted: Replay, *, quiet: bool) -> None:
        self._network = network
        self._wanted = wanted
        self._quiet = quiet
        # What dies from now on is not meant, or a letter that fails anew could be met for ever.
        self._chosen = wanted.chosen.as_of(datetime.now(UTC))
        self._ids = by_service(network, wanted.ids)
        self._services: list[str] = []
        self._counting = Round(network)
        self.silent: Mapping[str, str] = self._counting.silent
        self.total = sum(map(len, self._ids.values())) if self._ids else self._matching()

    def _matching(self) -> int:
        """Count the letters of every service that answers; of the others nothing is replayed."""
        query = urlencode({**self._chosen.conditions, "limit": 1})
        answers = self._counting.ask_each(self._chosen.services, "GET", f"{PATH}?{query}")
        self._services = list(answers)
        return sum(answer["matching"] for answer in answers.values())

    def run(self, *, dry_run: bool) -> list[dict[str, Any]]:
        """Replay, or try to; returns each letter's result, as far as the services that are not `silent` told it."""
        results: list[dict[str, Any]] = []
        # Who fell silent in a trial may answer by now; whose letters were not counted is not asked.
        asked = Round(self._network, dict(self._counting.silent))
        self.silent = asked.silent
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), disable=self._quiet, transient=True) as bar:
            task = bar.add_task("Trying" if dry_run else "Replaying", total=self.total)
            for service, body in self._requests(dry_run=dry_run):
                for answer in _pages(asked, service, body):
                    results += [{"service": service, **one} for one in answer["results"]]
                    bar.update(task, completed=len(results))
        return results

    def _requests(self, *, dry_run: bool) -> Iterator[tuple[str, dict[str, Any]]]:
        told = {
            "by": self._wanted.by,
            "reason": self._wanted.reason,
            "rate": self._wanted.rate,
            "limit": PAGE,
            "dry_run": dry_run,
        }
        if not self._ids:
            for service in self._services:
                yield service, {**told, "filter": self._chosen.conditions}
        for service, letters in self._ids.items():
            for first in range(0, len(letters), PAGE):
                yield service, {**told, "ids": letters[first : first + PAGE]}


def _pages(asked: Round, service: str, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    after: str | None = None
    while answer := asked.ask(service, "POST", f"{PATH}/replay", {**body, "after": after}):
        yield answer
        after = answer["next"]
        if after is None:
            return


def _as_json(results: list[dict[str, Any]], silent: Mapping[str, str], *, dry_run: bool) -> dict[str, Any]:
    outcomes = Counter(one["outcome"] for one in results)
    return {"dry_run": dry_run, "outcomes": dict(outcomes), "results": results, "silent": list(silent)}


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


def _failed(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in results if one["outcome"] in {"failed", "no_handler", "unknown"}]


def _show(results: list[dict[str, Any]], *, dry_run: bool, console: Console) -> None:
    table = Table("Handler", "Letters", "", "Events announced", box=None, pad_edge=False)
    counted = Counter((one["durable"] or "", one["outcome"]) for one in results)
    for (durable, outcome), count in sorted(counted.items()):
        group = (one for one in results if (one["durable"] or "", one["outcome"]) == (durable, outcome))
        announced = sum(one["announced"] or 0 for one in group)
        said = (_WOULD if dry_run else _DID)[outcome]
        table.add_row(quoted(durable), str(count), said, str(announced) if announced else "")
    console.print(table)
    failed = _failed(results)
    for one in failed[:SHOWN]:
        console.print(quoted(f"  {one['letter_id']}  {one['detail'] or one['outcome']}"))
    if len(failed) > SHOWN:
        console.print(f"  … and {len(failed) - SHOWN} more; `deadletters list` shows them.")
