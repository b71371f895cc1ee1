"""The arena of the faults, one per test process, and what a run of seeds says of itself."""

import tempfile
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import pytest

from tests.resilience.seeds import Arena, Outcome

SEEDS, FROM = 20, 1


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        count: int = metafunc.config.getoption("--seeds") or SEEDS  # type: ignore[assignment]
        first: int = metafunc.config.getoption("--seed-from")  # type: ignore[assignment]
        metafunc.parametrize("seed", range(first, first + count))


@pytest.fixture(scope="session")
async def arena() -> AsyncGenerator[Arena]:
    # Not below pytest's own folder: each start of a pytest shuts that for others, PostgreSQL's user among them.
    made = Arena(Path(tempfile.mkdtemp(prefix="ssenet-faults-")))
    yield made
    await made.close()
    made.tidy()


@pytest.fixture(scope="session")
def outcomes(request: pytest.FixtureRequest) -> Iterator[list[Outcome]]:
    """What became of each seed, told as it goes where seeds were asked for, and summed up in the end."""
    found: list[Outcome] = []
    yield found
    request.config.stash[RESULTS] = found


RESULTS = pytest.StashKey[list[Outcome]]()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    found = config.stash.get(RESULTS, [])
    if not found or not config.getoption("--seeds"):
        return
    seconds = sorted(one.recovered_after for one in found if one.recovered_after is not None)
    failed = [one for one in found if one.violations]
    faults = sum(len(one.done) for one in found)
    terminalreporter.section("faults")
    terminalreporter.write_line(
        f"{len(found)} seeds, {faults} faults, {sum(one.events for one in found)} partner events; "
        f"{sum(one.waited for one in found)} events waited; {len(failed)} seeds with violations"
    )
    if seconds:
        terminalreporter.write_line(
            f"recovery after the last fault: half within {seconds[len(seconds) // 2]:.1f} s, "
            f"95 % within {seconds[int(len(seconds) * 0.95)]:.1f} s, longest {seconds[-1]:.1f} s"
        )
    left_out = sorted({kind for one in found for kind in one.left_out})
    if left_out:
        terminalreporter.write_line(f"not possible on this machine, and left out: {', '.join(left_out)}")
    for one in failed:
        terminalreporter.write_line(f"{one}\n  {replay(one.schedule.seed)}")


def replay(seed: int) -> str:
    return f"again: ./ssenet test tests/resilience/test_faults.py --seeds 1 --seed-from {seed}"
