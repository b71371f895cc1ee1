"""Seeded faults over the running network under load: nothing is lost, doubled or out of order, and all recovers."""

import pytest

from tests.resilience.conftest import replay
from tests.resilience.seeds import Arena, Outcome


async def test_the_network_keeps_its_promises_under_fire(
    seed: int, arena: Arena, outcomes: list[Outcome], request: pytest.FixtureRequest
) -> None:
    outcome = await arena.run(seed)
    outcomes.append(outcome)
    if request.config.getoption("--seeds"):
        reporter = request.config.pluginmanager.get_plugin("terminalreporter")
        capture = request.config.pluginmanager.get_plugin("capturemanager")
        with capture.global_and_fixture_disabled():
            reporter.write_line(f" {outcome}")
    assert not outcome.violations, "\n".join(
        [str(outcome.schedule), *map(str, outcome.violations[:20]), f"kept: {arena.kept(seed)}", replay(seed)]
    )
