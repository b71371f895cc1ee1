"""What JavaScript's own tools say of what we publish and take: ajv, an AsyncAPI parser, the CloudEvents SDK.

They are pinned by `package-lock.json` beside this file; `.ci/run` installs them by `npm ci`.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from contracts.catalogue import EVENTS
from contracts.testing import EXAMPLES, golden_events
from tests.conftest import Running

HERE = Path(__file__).parent
pytestmark = [
    pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node here (Debian: nodejs, npm)"),
    pytest.mark.skipif(
        not (HERE / "node_modules" / "ajv").exists(),
        reason="their packages are not installed: npm ci --ignore-scripts --prefix tests/clients",
    ),
]


def node(script: str, *arguments: str, **environment: str) -> Any:
    done = subprocess.run(
        ["node", str(HERE / script), *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_validators_find_nothing_in_what_is_published(network: Running) -> None:
    told = node("contracts.mjs", network.url, str(EXAMPLES))

    assert told.pop("faults") == []
    assert told["schemas"] == len(EVENTS) + 1
    assert told["examples"] > len(golden_events())
    assert told["channels"] == len(EVENTS)
    assert told["openapi"] is True


def test_the_cloudevents_sdk_is_understood_in_every_mode(network: Running) -> None:
    example = golden_events("partner.assistance.requested.v1")[0]

    told = node("events.mjs", example.text, URL=network.url, KEY=network.partner_key)

    for one in told:
        assert one.get("status", 202) == 202, one
        for result in one["answer"].get("results", [one["answer"]]):
            assert result["status"] in {"accepted", "already_accepted"}, one
    assert len(told) == 5
