"""The backbone's promises in a thousand simulated worlds; a hundred thousand on demand (`--sim-seeds`)."""

import sys

import pytest

from .running import Decisions
from .seeds import SHOWN, failures

SOON_DONE = 1000
"""Seeds for which nobody needs to be told how far it is."""


@pytest.mark.timeout(0)
def test_every_promise_is_kept_in_every_simulated_world(
    seeds: range, capfd: pytest.CaptureFixture[str]
) -> None:
    def tell(progress: str) -> None:
        if len(seeds) > SOON_DONE:
            with capfd.disabled():
                print(f"simulation: {progress}", file=sys.stderr, flush=True)  # noqa: T201 - for who waits

    found = failures(seeds, Decisions(), tell=tell)

    assert not found, f"{len(found)} failed, among them:\n" + "\n".join(found[:SHOWN])
