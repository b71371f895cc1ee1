"""The backbone's promises in a thousand simulated worlds; a hundred thousand on demand (`--sim-seeds`)."""

import sys
from types import ModuleType

import pytest

from chassis.inbox import ordering

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


def test_a_failing_seed_is_told_with_what_it_broke_and_the_command_that_runs_it_again() -> None:
    impatient, told = ModuleType("impatient"), list[str]()
    impatient.__dict__.update(vars(ordering) | {"MAX_ATTEMPTS": 7})

    [first, second] = failures([41, 42], Decisions(ordering=impatient), tell=told.append)

    # At once, not only when a long run is over.
    assert told == [first, second]
    assert first.startswith("seed 41: an event is given up after so many attempts: 7\n")
    assert first.endswith("    ./ssenet test chassis/tests/simulation --sim-seeds 1 --sim-from 41")
    assert second.endswith("--sim-seeds 1 --sim-from 42")


def test_a_seed_whose_world_crashes_is_told_with_the_error_and_the_command() -> None:
    [told] = failures([41], Decisions(homes=ModuleType("empty")), tell=print)

    assert told.startswith("seed 41: AttributeError: ")
    assert told.endswith("--sim-seeds 1 --sim-from 41")
