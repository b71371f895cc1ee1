"""A partner's first event, from a clean machine: each program that the page and the guide show, run as it stands."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from contracts.testing import golden_events
from gateway.partners.first_event import first_event
from tests.conftest import Running, ssenet

NEEDED = {"curl": "curl", "python": "python3", "node": "node", "java": "java"}


@pytest.mark.parametrize("language", NEEDED)
def test_a_first_event_is_accepted_and_understood(network: Running, tmp_path: Path, language: str) -> None:
    if shutil.which(NEEDED[language]) is None:
        pytest.skip(f"there is no {NEEDED[language]} here")

    told = run(network, tmp_path, first_event()[language].command)

    assert told.returncode == 0, told.stderr
    assert "accepted" in told.stdout
    assert "received" in told.stdout, "what became of it"
    assert "task_opened" in told.stdout, "and not only that it was taken"


@pytest.mark.parametrize("language", NEEDED)
def test_a_refusal_is_shown_as_it_was_said(network: Running, tmp_path: Path, language: str) -> None:
    if shutil.which(NEEDED[language]) is None:
        pytest.skip(f"there is no {NEEDED[language]} here")
    command = first_event()[language].command.replace("Ministry of the social economy", "")

    told = run(network, tmp_path, command)

    assert "/data/requested_by" in told.stdout + told.stderr


def test_an_event_is_tried_before_it_is_sent(network: Running, tmp_path: Path) -> None:
    [example, *_] = golden_events("partner.assistance.requested.v1")
    event = example.cloudevent | {"id": "only-tried"}
    given = ("--key", network.partner_key, "--data", str(network.folder), "--json")

    def tried(content: object, *more: str) -> dict[str, object]:
        file = tmp_path / "event.json"
        file.write_text(json.dumps(content), encoding="utf-8")
        return json.loads(ssenet("partner", "try", str(file), *given, *more, may_fail=True))

    binary = [
        part
        for name in ("specversion", "id", "source", "type")
        for part in ("-H", f"ce-{name}: {event[name]}")
    ]
    assert tried(event)["status"] == "accepted"
    assert tried(event["data"], *binary)["status"] == "accepted"
    assert tried([event, {**event, "data": {}}])["refused"] == 1
    assert tried({**event, "type": "partner.nothing.v1"})["status"] == 422
    # Accepted as new each time: none of them was stored.
    assert tried(event)["status"] == "accepted"


def run(network: Running, folder: Path, command: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "URL": network.url, "KEY": network.partner_key}
    return subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
