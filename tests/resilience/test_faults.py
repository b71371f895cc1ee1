"""Seeded faults over the running network under load: nothing is lost, doubled or out of order, and all recovers."""

from typing import Any

import pytest

from tests.resilience.conftest import replay
from tests.resilience.seeds import Arena, Outcome


async def test_the_network_keeps_its_promises_under_fire(
    seed: int, arena: Arena, outcomes: list[Outcome], request: pytest.FixtureRequest
) -> None:
    outcome = await arena.run(seed)
    outcomes.append(outcome)
    if request.config.getoption("--seeds"):
        _tell(request.config, f"\n{outcome} ")
    assert not outcome.violations, "\n".join(
        [str(outcome.schedule), *map(str, outcome.violations[:20]), f"kept: {arena.kept(seed)}", replay(seed)]
    )


async def test_disks_are_filled_too(arena: Arena) -> None:
    """Where no small disk can be mounted, the schedules go without: said here, so that it is seen."""
    stage = await arena.stage()
    if stage.no_disks:
        pytest.skip(f"full disks are left out of the schedules: {stage.no_disks}")
    assert set(stage.disks) == {"postgres", "nats"}


def _tell(config: pytest.Config, text: str) -> None:
    """Say it now, whatever is captured."""
    reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
    capture: Any = config.pluginmanager.get_plugin("capturemanager")
    with capture.global_and_fixture_disabled():
        reporter.write(text)
