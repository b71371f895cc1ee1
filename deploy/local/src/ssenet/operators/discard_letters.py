"""Letters that are ended without being applied."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from ssenet.data_folder.folder import DataFolder
from ssenet.network.client import the_network
from ssenet.operators.ask_services import Round, tell_silent
from ssenet.operators.find_letters import PATH, Filter, by_service, not_found, refuse_unknown_handler
from ssenet.terminal.prompts import confirmed

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
    asked = Round(the_network(folder))
    work = _counted(asked, ids, chosen.as_of(datetime.now(UTC)), told)
    count = sum(each for _, _, each in work)
    if not count and asked.silent:
        raise not_found(folder, "such dead letter", asked.silent)
    if not count:
        refuse_unknown_handler(asked, chosen)
    ended: list[str] = []
    if count and not dry_run:
        if not yes:
            confirmed(f"Discard {_letters(count)}? They will never be applied.")
        ended = [one for service, body, _ in work for one in _discarded(asked, service, body, told)]
    if as_json:
        answer = {"dry_run": dry_run, "discarded": ended, "remaining": count - len(ended)}
        print(json.dumps({**answer, "silent": list(asked.silent)}, indent=2))
    elif not count:
        print("There is no such dead letter waiting.")
    else:
        print(f"{_letters(count)} would be discarded." if dry_run else f"Discarded: {len(ended)}.")
    tell_silent(asked.silent)
    return 1 if asked.silent or not (dry_run or len(ended) == count) else 0


def _letters(count: int) -> str:
    return f"{count} letter{'' if count == 1 else 's'}"


def _counted(
    asked: Round, ids: list[str], chosen: Filter, told: dict[str, str]
) -> list[tuple[str, dict[str, Any], int]]:
    """What to ask of which service, and how many letters it would end."""
    bodies: list[tuple[str, dict[str, Any]]] = []
    if not ids:
        bodies = [(service, {"filter": chosen.conditions}) for service in chosen.services]
    for service, letters in by_service(asked.network, ids).items():
        bodies += [(service, {"ids": letters[at : at + PAGE]}) for at in range(0, len(letters), PAGE)]
    answers = [(*one, _ask(asked, *one, told, dry_run=True)) for one in bodies]
    return [(service, body, answer["remaining"]) for service, body, answer in answers if answer]


def _discarded(asked: Round, service: str, body: dict[str, Any], told: dict[str, str]) -> Iterator[str]:
    while answer := _ask(asked, service, body, told, dry_run=False):
        yield from answer["discarded"]
        if not answer["remaining"]:
            return


def _ask(
    asked: Round, service: str, body: dict[str, Any], told: dict[str, str], *, dry_run: bool
) -> dict[str, Any] | None:
    return asked.ask(service, "POST", f"{PATH}/discard", {**body, **told, "dry_run": dry_run})
