"""Letters that are ended without being applied."""

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from ssenet.deadletters import PATH, USAGE, Filter, by_service
from ssenet.errors import CommandError
from ssenet.folders import DataFolder
from ssenet.network import Network, the_network

PAGE = 500


def discard_them(
    folder: DataFolder, ids: list[str], chosen: Filter, told: dict[str, str], *, yes: bool, as_json: bool
) -> int:
    """End the letters after a confirmation; returns the exit code."""
    network = the_network(folder)
    chosen = chosen.as_of(datetime.now(UTC))
    what = _wanted(network, ids, chosen)
    count = sum(_ask(network, service, body, told, dry_run=True)["remaining"] for service, body in what)
    if not count:
        print(json.dumps({"discarded": []}) if as_json else "There is no such dead letter waiting.")
        return 0
    confirmed(f"Discard {count} letter{'s' if count > 1 else ''}? They will never be applied.", yes=yes)
    ended = [one for service, body in what for one in _discarded(network, service, body, told)]
    print(json.dumps({"discarded": ended}, indent=2) if as_json else f"Discarded: {len(ended)}.")
    return 0 if len(ended) == count else 1


def confirmed(question: str, *, yes: bool) -> None:
    """Ask, and raise CommandError unless the answer is yes; nobody is asked where nobody can answer."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise CommandError("Nobody is there to be asked.", hint="Say --yes to go on.", exit_code=USAGE)
    if input(f"{question} [y/N] ").strip().lower() not in {"y", "yes"}:
        raise CommandError("Nothing was done.")


def _wanted(network: Network, ids: list[str], chosen: Filter) -> list[tuple[str, dict[str, Any]]]:
    if not ids:
        return [(service, {"filter": chosen.conditions}) for service in chosen.services]
    return [
        (service, {"ids": letters[first : first + PAGE]})
        for service, letters in by_service(network, ids).items()
        for first in range(0, len(letters), PAGE)
    ]


def _discarded(network: Network, service: str, body: dict[str, Any], told: dict[str, str]) -> Iterator[str]:
    while True:
        answer = _ask(network, service, body, told, dry_run=False)
        yield from answer["discarded"]
        if not answer["remaining"]:
            return


def _ask(
    network: Network, service: str, body: dict[str, Any], told: dict[str, str], *, dry_run: bool
) -> dict[str, Any]:
    return network.ask(service, "POST", f"{PATH}/discard", {**body, **told, "dry_run": dry_run})
