"""How many worlds to simulate, and from which seed on."""

import pytest

DEFAULT_SEEDS = 1000


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
