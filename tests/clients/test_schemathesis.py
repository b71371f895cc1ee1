"""Schemathesis tries the partner API by what OpenAPI says of it: whatever is sent is answered as it was described.

It has an environment of its own, by the lock file beside this one; `.ci/run` installs it.
"""

import os
import subprocess
from pathlib import Path

import pytest

from ssenet.project import ROOT
from tests.conftest import Running

PROGRAM = ROOT / ".ssenet-tools" / "clients" / "bin" / "schemathesis"
EXAMPLES = "25"
"""Requests an endpoint and phase: bounded, and by a seed, so that it takes as long and finds the same each time."""
NOT_ASKED = (
    # A schema has not all rules of an event (the countries there are, the order of two dates), so data that fits it may
    # be refused; and fields that nobody knows are passed over, so data that does not fit it may be taken.
    "positive_data_acceptance",
    "negative_data_rejection",
)


# Hundreds of requests, one after the other: on a machine that is at other things as well they may take minutes.
@pytest.mark.timeout(600)
@pytest.mark.skipif(
    not PROGRAM.exists(),
    reason="it is not installed: UV_PROJECT_ENVIRONMENT=.ssenet-tools/clients uv sync --frozen --project tests/clients",
)
def test_every_answer_is_one_that_was_described(network: Running, tmp_path: Path) -> None:
    done = subprocess.run(
        [
            str(PROGRAM),
            "run",
            f"{network.url}/openapi.json",
            "--header",
            f"Authorization: Bearer {network.partner_key}",
            "--exclude-checks",
            ",".join(NOT_ASKED),
            "--max-examples",
            EXAMPLES,
            "--seed",
            "13",
            "--rate-limit",
            "auto",
            "--suppress-health-check",
            "all",
            "--phases",
            "examples,coverage,fuzzing",
        ],
        cwd=tmp_path,
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2000:]
