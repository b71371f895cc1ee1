"""Letters that are ended without being applied."""

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from ssenet.deadletters import PATH, USAGE, Filter, ask_each, by_service, not_found, tell_silent
from ssenet.errors import CommandError
from ssenet.folders import DataFolder
from ssenet.network import Network, the_network

PAGE = 500


def discard_them(
    folder: DataFolder,
    ids: list[str],
    chosen: Filter,
    told: dict[str, str],
    *,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """End the letters after a confirmation, or only count them; returns the exit code."""
    network = the_network(folder)
    work, silent = _counted(network, ids, chosen.as_of(datetime.now(UTC)), told)
    count = sum(each for _, _, each in work)
    if not count and silent:
        raise not_found(folder, "such dead letter", silent)
    ended: list[str] = []
    if count and not dry_run:
        confirmed(f"Discard {_letters(count)}? They will never be applied.", yes=yes)
        ended = [one for service, body, _ in work for one in _discarded(network, service, body, told)]
    if as_json:
        answer = {"dry_run": dry_run, "discarded": ended, "remaining": count - len(ended), "silent": silent}
        print(json.dumps(answer, indent=2))
    elif not count:
        print("There is no such dead letter waiting.")
    else:
        print(f"{_letters(count)} would be discarded." if dry_run else f"Discarded: {len(ended)}.")
    tell_silent(silent)
    return 1 if silent or not (dry_run or len(ended) == count) else 0


def _letters(count: int) -> str:
    return f"{count} letter{'' if count == 1 else 's'}"


def confirmed(question: str, *, yes: bool) -> None:
    """Ask, and raise CommandError unless the answer is yes; nobody is asked where nobody can answer."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise CommandError("Not a terminal; pass --yes to confirm.", exit_code=USAGE)
    # Not on the standard output: somebody may be reading the command's answer there.
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    if input().strip().lower() not in {"y", "yes"}:
        raise CommandError("Nothing was done.")


def _counted(
    network: Network, ids: list[str], chosen: Filter, told: dict[str, str]
) -> tuple[list[tuple[str, dict[str, Any], int]], list[str]]:
    """What to ask of which service, with how many letters it would end; and the services that do not answer."""
    if not ids:
        body = {"filter": chosen.conditions}
        asked = {**body, **told, "dry_run": True}
        answers, silent = ask_each(network, chosen.services, "POST", f"{PATH}/discard", asked)
        return [(service, body, answer["remaining"]) for service, answer in answers.items()], silent
    work: list[tuple[str, dict[str, Any], int]] = []
    for service, letters in by_service(network, ids).items():
        for first in range(0, len(letters), PAGE):
            body = {"ids": letters[first : first + PAGE]}
            work.append((service, body, _ask(network, service, body, told, dry_run=True)["remaining"]))
    return work, []


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
