"""The backbone's promises in a thousand simulated worlds; a hundred thousand on demand (`--sim-seeds`)."""

import pytest

from .running import Decisions
from .seeds import SHOWN, failures, tell_terminal

PARTS = 4


@pytest.mark.timeout(0)
@pytest.mark.parametrize("part", range(PARTS))
def test_every_promise_is_kept_in_every_simulated_world(seeds: range, part: int) -> None:
    """In parts, so that several processors share them."""
    found = failures(seeds[part::PARTS], Decisions(), tell=tell_terminal)

    assert not found, f"{len(found)} failed, among them:\n" + "\n".join(found[:SHOWN])
