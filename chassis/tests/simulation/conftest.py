"""How many worlds to simulate, and from which seed on."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

DEFAULT_SEEDS = 1000
SEEDS_AN_EXAMPLE = 16
"""Seeds to one example that a state machine plays: the machines add a tenth to the time of the seeds."""

Play = Callable[[type[RuleBasedStateMachine]], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("simulation")
    group.addoption("--sim-seeds", type=int, default=DEFAULT_SEEDS, help="how many seeds to simulate")
    group.addoption("--sim-from", type=int, default=0, help="the first seed")


@pytest.fixture
def seeds(request: pytest.FixtureRequest) -> range:
    # Where the tests are run from further up, the options come too late to be asked for, and the defaults hold.
    first = int(request.config.getoption("--sim-from", 0) or 0)
    count = int(request.config.getoption("--sim-seeds", DEFAULT_SEEDS) or DEFAULT_SEEDS)
    return range(first, first + count)


@pytest.fixture
def play(seeds: range) -> Play:
    """Plays examples of a state machine: as many as go with the seeds, and for the same seeds the same ones."""
    steps = settings(
        max_examples=max(1, len(seeds) // SEEDS_AN_EXAMPLE),
        stateful_step_count=40,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )

    def play(machine: type[RuleBasedStateMachine]) -> None:
        run_state_machine_as_test(seed(seeds.start)(machine), settings=steps)

    return play
