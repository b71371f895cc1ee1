"""What partners are told in docs/how-to/send-an-event.md is so."""

import json
import os
import re
import subprocess
import sys
from argparse import ArgumentParser
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from partner_kit import BATCH, PARTNER, STRUCTURED

from gateway.journeys.domain import Status
from gateway.partners.api.endpoint_docs import POST_EVENTS
from gateway.partners.domain.cloudevents import read_event
from gateway.partners.first_event import exports, first_event

TEXT = (Path(__file__).parents[4] / "docs" / "how-to" / "send-an-event.md").read_text(encoding="utf-8")
[EXAMPLE] = map(json.loads, re.findall(r"<<'JSON'\n(.*?)\nJSON\n", TEXT, re.DOTALL))
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)

CURL_THAT_TELLS = """
curl() { sent=$((${sent-0} + 1)); printf '%s\\0' "$@" >"sent-$sent"; }
"""


def requests_shown(folder: Path) -> list[HTTPMessage]:
    """Run the commands as they are shown, with a `curl` that writes down what it was to send."""
    commands = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    subprocess.run(
        ["sh", "-eu", "-c", CURL_THAT_TELLS + "".join(commands)],
        cwd=folder,
        env={**os.environ, "PATH": path},
        check=True,
    )
    options = ArgumentParser()
    options.add_argument("-H", dest="headers", action="append")
    options.add_argument("--data-binary", dest="body")
    told = [file.read_text(encoding="utf-8").split("\0")[:-1] for file in sorted(folder.glob("sent-*"))]
    sent = [options.parse_known_args(arguments)[0] for arguments in told]
    return [
        HTTPMessage(
            dict(header.split(": ", 1) for header in one.headers),
            (folder / one.body.removeprefix("@")).read_bytes(),
        )
        for one in sent
        if one.body
    ]


def read_by_the_library(message: HTTPMessage) -> dict[str, Any]:
    event = from_http_event(message)
    return {**event.get_attributes(), "data": event.get_data()}


def test_the_official_library_reads_the_requests_shown_in_all_three_modes(tmp_path: Path) -> None:
    structured, binary, batch = requests_shown(tmp_path)
    # The library knows no batch: each event of one is what it reads in structured mode.
    members = [
        HTTPMessage({"Content-Type": STRUCTURED}, json.dumps(event).encode())
        for event in json.loads(batch.body)
    ]

    told = EXAMPLE | {"time": datetime.fromisoformat(EXAMPLE["time"])}
    assert read_by_the_library(structured) == told
    # It fills in the time that these headers do not tell.
    assert read_by_the_library(binary) | {"time": told["time"]} == told | {
        "id": "REQ-2026-0418",
        "datacontenttype": "application/json",
    }
    assert batch.headers["Content-Type"] == BATCH
    first, second = map(read_by_the_library, members)
    assert first == told
    assert second == told | {"id": "REQ-2026-0419", "data": EXAMPLE["data"] | {"country": "UK"}}


def test_the_example_is_taken_as_it_stands() -> None:
    event = read_event(EXAMPLE, now=NOW, sender=PARTNER)

    assert event.attributes.id == "REQ-2026-0417"


def test_every_answer_shown_is_json() -> None:
    for answer in re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL):
        assert json.loads(answer)


def test_the_tutorial_shows_the_programs_that_the_page_shows() -> None:
    """Which the tests run against a whole network (`tests/clients/test_first_event.py`)."""
    shown = re.findall(r"```bash\n(.*?)```", TEXT, re.DOTALL)

    assert shown[0] == exports("http://localhost:8080")
    assert shown[1 : len(first_event()) + 1] == [one.command for one in first_event().values()]


def test_every_status_is_explained() -> None:
    told = {int(status) for status in re.findall(r"^\| (\d{3})", TEXT, re.MULTILINE)}

    assert told == {int(status) for status in POST_EVENTS["responses"]} - {200, 202}
    assert all(f"`{status}`" in TEXT for status in Status)
