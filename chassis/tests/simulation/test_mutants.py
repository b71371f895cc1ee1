"""The simulation itself is tested: each planted bug is found by the seeds that are run by default."""

from dataclasses import replace

import pytest

from chassis.outbox import relay_decisions
from chassis.sites import homes

from .losing import run_loss
from .mutants import MUTANTS, Mutant
from .running import Decisions, run
from .sites import run_sites
from .world import BrokenPromiseError

WITHIN = 1000
"""Seeds within which a bug has to be found: those of a default run. Most show within a few."""


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_planted_bug_breaks_a_promise(mutant: Mutant) -> None:
    name = mutant.decides.__name__.rpartition(".")[2]
    decisions = replace(Decisions(), **{name: mutant.build()})

    def caught(seed: int) -> bool:
        try:
            if mutant.module is homes:
                run_sites(seed, decisions.homes)
            else:
                run(seed, decisions)
                if mutant.decides is relay_decisions:
                    run_loss(seed, decisions.relay_decisions)
        except BrokenPromiseError:
            return True
        return False

    # Any other error is let through: a bug that merely crashes says nothing of the promises.
    assert any(caught(seed) for seed in range(WITHIN)), f"nobody noticed: {mutant.name}"
