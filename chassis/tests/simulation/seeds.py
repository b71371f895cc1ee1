"""Seed after seed: a line that shows how far it is, and of a failure the way to see it again."""

import time
from collections.abc import Callable, Iterable

from .losing import run_loss
from .running import Decisions, run
from .sites import run_sites
from .world import BrokenPromiseError

SHOWN = 10
"""Failing seeds told of, of all that failed."""


def run_all(seed: int, decisions: Decisions) -> None:
    """Everything that one seed stands for."""
    run(seed, decisions)
    run_loss(seed, decisions.relay_decisions)
    run_sites(seed, decisions.homes)


def failures(seeds: Iterable[int], decisions: Decisions, *, tell: Callable[[str], object]) -> list[str]:
    """Run the seeds; returns a line for each that failed, with the command that runs it again."""
    found: list[str] = []
    began = told = time.monotonic()
    for number, seed in enumerate(seeds, start=1):
        try:
            run_all(seed, decisions)
        except Exception as error:  # noqa: BLE001 - whatever goes wrong in a world has a seed to be seen again by
            kind = "" if isinstance(error, BrokenPromiseError) else f"{type(error).__name__}: "
            replay = f"./ssenet test chassis/tests/simulation --sim-seeds 1 --sim-from {seed}"
            found.append(f"seed {seed}: {kind}{error}\n    {replay}")
            tell(found[-1])
        now = time.monotonic()
        if now - told > 10:
            told = now
            tell(f"{number} seeds, {len(found)} failed, {(now - began) / number * 1000:.1f} ms each")
    return found
